
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads the members "expire", "duration" and "stale" of a document, and others
 * that are strings or integers, given their extents as bigcache_json_scan() has
 * set them.
 *
 * cJSON unescapes the strings.  No other file uses cJSON.  It does not check
 * the whole document again: its tree takes up to 60 times the memory of the
 * text, and the fuzz target t/fuzz/json_scan.c shows that it accepts what the
 * scanner accepts.
 *
 * The caller owns the extents.  What cJSON allocates is freed before the
 * return.  Any thread: the parts of cJSON that share state, cJSON_InitHooks()
 * and cJSON_GetErrorPtr(), are not used.  cJSON stores the place of the last
 * error in a global that is never read, so a thread sanitizer needs a
 * suppression for cJSON_ParseWithLengthOpts.
 */


#ifndef _BIGCACHE_JSON_H_INCLUDED_
#define _BIGCACHE_JSON_H_INCLUDED_


#include <stdint.h>

#include "bigcache_json_scan.h"


/* these follow the last return value of bigcache_json_scan() */

#define BIGCACHE_JSON_NULL        4
#define BIGCACHE_JSON_NOMEM       5


/* bytes; a longer member is invalid, so that cJSON never parses much */

#define BIGCACHE_JSON_MAX_MEMBER  1024


/*
 * member:  the extent of the member, "data" may be NULL if it is absent
 * ms:      set to the moment in unix milliseconds, rounded down, if
 *          BIGCACHE_JSON_OK is returned; the digits are read as they
 *          stand, not through a double
 * msg:     set to a static sentence for the client if
 *          BIGCACHE_JSON_INVALID is returned
 *
 * Returns
 *   BIGCACHE_JSON_OK       a number of seconds, or a string holding one
 *   BIGCACHE_JSON_NULL     null or absent
 *   BIGCACHE_JSON_INVALID  of another type, not a number, out of range
 *                          (BIGCACHE_LIFETIME_MAX_MS), or too long
 *   BIGCACHE_JSON_NOMEM    memory allocation failed
 */

int bigcache_json_expire(const bigcache_str_t *member, int64_t *ms,
    const char **msg);


/*
 * member:  as above
 * ms:      set to the duration in milliseconds if BIGCACHE_JSON_OK is
 *          returned
 * msg:     as above
 *
 * Returns as above; BIGCACHE_JSON_OK is for a string that begins with
 * what bigcache_lifetime_duration() reads, whatever follows.
 */

int bigcache_json_duration(const bigcache_str_t *member, int64_t *ms,
    const char **msg);

/* the same for the member "stale" */

int bigcache_json_stale(const bigcache_str_t *member, int64_t *ms,
    const char **msg);


/*
 * member:  as above, of any length
 * text:    set to what the string says, memory for free(), if
 *          BIGCACHE_JSON_OK is returned
 *
 * Returns as above; BIGCACHE_JSON_INVALID if it is no string, or holds U+0000.
 */

int bigcache_json_unescape(const bigcache_str_t *member,
    bigcache_str_t *text);


/*
 * member:  as above
 * n:       set if BIGCACHE_JSON_OK is returned
 *
 * Returns as above; BIGCACHE_JSON_OK is for a number without a fraction and
 * an exponent that an int64_t holds.
 */

int bigcache_json_integer(const bigcache_str_t *member, int64_t *n);


#endif /* _BIGCACHE_JSON_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The names of a store's entries in LevelDB.  The first byte of a name is its
 * space; the index adds and removes it.
 *
 *     'k' + key                  a record, bigcache_record.h
 *     'e' + be64 + key           nothing; the key may expire at that time,
 *                                in milliseconds since the epoch
 *     't' + be64 + key           nothing; the key has a tag of that hash, or
 *                                a previous record of it has
 *     'p' + be64 + prefix        nothing; a purge of a prefix, by its version
 *     'q' + be64 + selector      nothing; any other purge
 *     'm' + name                 what the store keeps about itself
 *
 * Numbers in names are big-endian, so that LevelDB has the names in the order
 * of the numbers.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_NAMES_H_INCLUDED_
#define _BIGCACHE_NAMES_H_INCLUDED_


#include <stdint.h>

#include "bigcache_record.h"
#include "bigcache_selector.h"
#include "bigcache_str.h"


#define BIGCACHE_NAMES_KEY     'k'
#define BIGCACHE_NAMES_EXPIRE  'e'
#define BIGCACHE_NAMES_TAG     't'
#define BIGCACHE_NAMES_PURGE   'p'
#define BIGCACHE_NAMES_SELECT  'q'
#define BIGCACHE_NAMES_META    'm'

/* the most bytes of a name, in any space, without the space */

#define BIGCACHE_NAMES_MAX     (sizeof(uint64_t) + BIGCACHE_SELECTOR_MAX)

/*
 * The format of a new store, the oldest one and the newest one that can be
 * read.  Format 3 has records with a previous record, format 2 has none.  A
 * store of format 2 becomes one of format 3 when it is opened.  Format 4 has
 * tags, pages that are stale, and purges by a selector: a store becomes one of
 * format 4 by the write that brings the first of them.
 */
#define BIGCACHE_NAMES_FORMAT  3
#define BIGCACHE_NAMES_OLDEST  2
#define BIGCACHE_NAMES_NEWEST  4

/* bytes of each segment in bigcache_names_segments: u64 id, i64 live bytes */

#define BIGCACHE_NAMES_USAGE   16


/*
 * The names in the space BIGCACHE_NAMES_META.  At any time:
 *
 *     format     u64
 *     unnamed    nothing; there only if names of tags may be missing
 *     unsynced   u64 ids of the segments that could not be synced, or 0 for
 *                all segments; absent if there are none
 *     import     how far the import is, bigcache_import.h
 *
 * and only while the store is closed:
 *
 *     count      u64 number of keys
 *     version    u64 last version given out
 *     active     u64 id of the segment to be continued, or 0
 *     segments   BIGCACHE_NAMES_USAGE bytes for each segment
 */
extern const bigcache_str_t  bigcache_names_format;
extern const bigcache_str_t  bigcache_names_unsynced;
extern const bigcache_str_t  bigcache_names_unnamed;
extern const bigcache_str_t  bigcache_names_import;
extern const bigcache_str_t  bigcache_names_count;
extern const bigcache_str_t  bigcache_names_version;
extern const bigcache_str_t  bigcache_names_active;
extern const bigcache_str_t  bigcache_names_segments;

/* the value of bigcache_names_format for BIGCACHE_NAMES_NEWEST */

extern const bigcache_str_t  bigcache_names_newest;

/* bigcache_names_format with its space, for an index without spaces */

extern const bigcache_str_t  bigcache_names_bare_format;


/*
 * Makes the name of a tag, of its hash and the key; or of a purge, of its
 * version and the prefix, or the encoded selector: in the BIGCACHE_NAMES_MAX
 * bytes at dst.  Returns it.
 */
bigcache_str_t bigcache_names_make(u_char *dst, const bigcache_str_t *rest,
    uint64_t number);

/* the same of an expiry time; all times before 1970 have the same name */

bigcache_str_t bigcache_names_expire(u_char *dst, const bigcache_str_t *key,
    int64_t expire);

/* tells whether the name of an expiry time has the number time */

int bigcache_names_is_time(int64_t expire, int64_t time);

/*
 * Splits such a name, of a time, a tag or a purge, into its number and the
 * rest, which points into the name. Returns 0, or -1 if the name is too short.
 */
int bigcache_names_parse(const bigcache_str_t *name, uint64_t *number,
    bigcache_str_t *rest);


#endif /* _BIGCACHE_NAMES_H_INCLUDED_ */

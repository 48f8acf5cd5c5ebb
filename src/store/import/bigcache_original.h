
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Entries of the original service, as its LevelDB stores them.  A JSON entry
 * is the text
 *
 *     {"value": V, "expire": number or null, "duration": string or null}
 *
 * with any white space.  A raw entry is the bytes that were sent.  Nothing
 * says which of the two an entry is.  An entry that has exactly these members,
 * in this order and of these types, is taken for JSON.
 *
 * The caller owns the text, and the extents point into it.  Pure functions:
 * any thread.
 */


#ifndef _BIGCACHE_ORIGINAL_H_INCLUDED_
#define _BIGCACHE_ORIGINAL_H_INCLUDED_


#include <stdint.h>

#include "bigcache_json_scan.h"


/* these follow the last value in bigcache_json.h */

#define BIGCACHE_ORIGINAL_JSON   16
#define BIGCACHE_ORIGINAL_NEVER  17
#define BIGCACHE_ORIGINAL_RAW    18
#define BIGCACHE_ORIGINAL_NOMEM  19


/*
 * text:  an entry
 * doc:   set to the extents of the members, unless the entry is raw
 * ms:    set to the unix milliseconds at which it expires, if
 *        BIGCACHE_ORIGINAL_JSON is returned; outside of the range of
 *        bigcache_lifetime.h only "earlier" or "later" is right
 *
 * Returns
 *   BIGCACHE_ORIGINAL_JSON   it expires
 *   BIGCACHE_ORIGINAL_NEVER  JSON that does not expire, or too far from
 *                            now to tell
 *   BIGCACHE_ORIGINAL_RAW    anything else
 *   BIGCACHE_ORIGINAL_NOMEM  memory allocation failed
 */

int bigcache_original(const bigcache_str_t *text, bigcache_json_doc_t *doc,
    int64_t *ms);


#endif /* _BIGCACHE_ORIGINAL_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Entries of the original service, as its LevelDB keeps them: a JSON entry
 * is the text
 *
 *     {"value": V, "expire": number or null, "duration": string or null}
 *
 * with whatever white space, a raw entry is the bytes that were sent, and
 * nothing says which is which.  What has exactly these members, in this
 * order and of these types, is taken for JSON.
 *
 * The caller owns the text, which the extents point into.  Pure
 * functions: any thread.
 */


#ifndef _BIGCACHE_ORIGINAL_H_INCLUDED_
#define _BIGCACHE_ORIGINAL_H_INCLUDED_


#include <stdint.h>

#include "bigcache_json_scan.h"


/* these go on where the values in bigcache_json.h stop */

#define BIGCACHE_ORIGINAL_JSON   16
#define BIGCACHE_ORIGINAL_NEVER  17
#define BIGCACHE_ORIGINAL_RAW    18
#define BIGCACHE_ORIGINAL_NOMEM  19


/*
 * text:  an entry
 * doc:   set to the extents of the members, unless the entry is raw
 * ms:    set to when it expires, in unix milliseconds, if
 *        BIGCACHE_ORIGINAL_JSON is returned; out of the range of
 *        bigcache_lifetime.h only the side of it counts
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

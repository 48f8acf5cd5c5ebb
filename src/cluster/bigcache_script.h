
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The scripts that the servers run, in Lua.  Each works in one bucket, declares
 * all its keys, and never sees the body of a page.
 *
 * Each that changes something gets a nonce, and notes it with the version of
 * the change: called again with it, because the answer was lost, it does
 * nothing and returns the same version.
 *
 * Whether a page has expired is a matter of the clock of the caller, which has
 * read it by that clock: by another one it might be there for the one and not
 * for the other, and no condition would ever be true.  A page is only removed
 * for that when the clock of the server agrees.
 *
 * A server that has no memory left refuses a script before its first command
 * that takes memory, but not after one that writes without taking any: so those
 * that remove begin with such a one.
 */


#ifndef _BIGCACHE_SCRIPT_H_INCLUDED_
#define _BIGCACHE_SCRIPT_H_INCLUDED_


#include "bigcache_bucket.h"


#define BIGCACHE_SCRIPT_SHA  40     /* bytes of a digest, in hexadecimal */

/*
 * COMMIT makes a page of a draft:
 *     keys: page, draft, index, expires, tags, purges, removed, nonces,
 *         orphans, numbers
 *     arguments: key, nonce, expect ("", "none" or a version), origin ("" or a
 *         version), fetched ("1" or ""), how many purges were begun when the
 *         caller looked at them ("": the caller has not), version of a page
 *         that one of them removes or "", expiry time, tags, group, chunks
 *         ("" or their name among the orphans), the time, ms
 *     answer: "ok", version; or "mismatch", "removed"; or "purges": the caller
 *         must look; or "draft": it is gone; or "late": the chunks are being
 *         removed
 *
 * REMOVE:
 *     keys: page, index, expires, tags, purges, removed, nonces, orphans,
 *         numbers
 *     arguments: key, nonce, expect ("" or a version), how ("delete", "expire"
 *         or "purge"), purges and version of a page as above, group, the time
 *         or "": that of the server
 *     answer: "ok", version; or "expired", "miss", "mismatch", "purges"
 *
 * MARK begins purges:
 *     keys: index, tags, purges, done, nonces, numbers
 *     arguments: nonce, the selectors: for each three numbers of five digits,
 *         the length of the selector, of what the names of the selected begin
 *         with, and how many of the latter; "i" or "t", the set of names; the
 *         selector, what they begin with
 *     answer: version, how many may select a page
 *
 * SOFTEN marks a page as stale:
 *     keys: page; arguments: version, ms; answer: 1; or 0 if it is marked
 *         already, or gone; or 2 if another version is there, which may be made
 *         of that one
 *
 * DONE ends purges:
 *     keys: purges, done, numbers
 *     arguments: selector, version; answer: 1 or 0
 *
 * CHUNKS, see bigcache_chunks.h:
 *     keys: orphans
 *     arguments: name, how, for "begin" also seconds
 *     how: "begin": chunks of that name will come, and are to be removed after
 *         so many seconds, unless a page has them then; answer: 1
 *         "end": no page will have them; answer: 1 if so, 0 if one has them
 *         "due": if their time has come, no page will have them; answer: 1 if
 *         they must be removed now, or 0
 */

typedef enum {
    BIGCACHE_SCRIPT_COMMIT = 0,
    BIGCACHE_SCRIPT_REMOVE,
    BIGCACHE_SCRIPT_MARK,
    BIGCACHE_SCRIPT_SOFTEN,
    BIGCACHE_SCRIPT_DONE,
    BIGCACHE_SCRIPT_CHUNKS,
    BIGCACHE_SCRIPTS
} bigcache_script_e;


typedef struct {
    bigcache_str_t     text;
    unsigned           n;           /* keys behind page and draft: */
    bigcache_bucket_e  names[8];    /* those names of the bucket */
} bigcache_script_t;


const bigcache_script_t *bigcache_script(bigcache_script_e script);


#endif /* _BIGCACHE_SCRIPT_H_INCLUDED_ */

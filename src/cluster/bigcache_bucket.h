
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Buckets: which one a key of the cache belongs to, and the names of the keys
 * of the servers in it.
 *
 * A name space has a number of buckets that never changes.  All names of a
 * bucket begin with its tag, {space:b}, so that they lie in one slot of the
 * cluster, and a script may use them together:
 *
 *     {space:b}k KEY         a page, see bigcache_value.h
 *     {space:b}d NONCE       a draft of a page, which a script will rename
 *     {space:b}c NONCE:N     a chunk of the body of a large page
 *     {space:b}i             all keys, a sorted set of score 0, so by bytes
 *     {space:b}e             the keys that expire, by time, ms
 *     {space:b}t             length of a tag less 1, the tag, a key: likewise
 *     {space:b}p             purges in effect: selectors by version
 *     {space:b}q             purges that are done, likewise
 *     {space:b}r             removed groups, by version
 *     {space:b}n             nonces of what was done, by version
 *     {space:b}o             chunks that belong to no page, by time
 *     {space:b}w             a process is ending purges, for a while
 *     {space:b}v             the clock and other numbers, a hash
 *
 * A group is what a removal of a page also concerns: the variants of a page,
 * and the same URL with another scheme or port.  A group lies in one bucket, so
 * that the versions of its pages and of its removals have one clock.
 *
 * Pure functions: any thread.
 */


#ifndef _BIGCACHE_BUCKET_H_INCLUDED_
#define _BIGCACHE_BUCKET_H_INCLUDED_


#include "bigcache_selector.h"


#define BIGCACHE_BUCKET_SPACE  64           /* bytes of a name space */
#define BIGCACHE_BUCKET_MAX    16384        /* buckets */
#define BIGCACHE_BUCKET_SLOTS  16384        /* of a cluster */

/* bytes of a random number in hexadecimal digits, and of the tag */

#define BIGCACHE_BUCKET_NONCE  24
#define BIGCACHE_BUCKET_TAG    (BIGCACHE_BUCKET_SPACE + 9)

/* the names of a bucket that take nothing behind their letter */

typedef enum {
    BIGCACHE_BUCKET_INDEX = 0,
    BIGCACHE_BUCKET_EXPIRES,
    BIGCACHE_BUCKET_TAGS,
    BIGCACHE_BUCKET_PURGES,
    BIGCACHE_BUCKET_DONE,
    BIGCACHE_BUCKET_REMOVED,
    BIGCACHE_BUCKET_NONCES,
    BIGCACHE_BUCKET_ORPHANS,
    BIGCACHE_BUCKET_NUMBERS,
    BIGCACHE_BUCKET_NAMES
} bigcache_bucket_e;

typedef struct {
    unsigned         slot;
    size_t           len;       /* of the tag */
    u_char           tag[BIGCACHE_BUCKET_TAG + 1];
    bigcache_str_t   names[BIGCACHE_BUCKET_NAMES];
    u_char           memory[BIGCACHE_BUCKET_NAMES * (BIGCACHE_BUCKET_TAG + 1)];
} bigcache_bucket_t;


/* makes the names of a bucket; the strings point into *bucket */

void bigcache_bucket_init(bigcache_bucket_t *bucket,
    const bigcache_str_t *space, unsigned number);

/* returns the bucket, of n, of the group that a key belongs to */

unsigned bigcache_bucket_of(const bigcache_str_t *key, unsigned n);

/*
 * The same for a selector.  Returns 1 and *number if all that it selects lies
 * in one bucket, or 0.
 */
int bigcache_bucket_selected(const bigcache_selector_t *selector, unsigned n,
    unsigned *number);

/* writes the name of the group of a key to dst, of BIGCACHE_KEY_MAX bytes */

bigcache_str_t bigcache_bucket_group(u_char *dst, const bigcache_str_t *key);

/*
 * Writes the name of a letter and what follows it to dst, which has room for
 * BIGCACHE_BUCKET_TAG + 1 bytes and the rest.
 */
bigcache_str_t bigcache_bucket_name(u_char *dst,
    const bigcache_bucket_t *bucket, char letter, const bigcache_str_t *rest);

/*
 * Returns the slot of a key of the servers: CRC-16 of XMODEM of what is between
 * the first braces, by the specification of Redis Cluster.
 */
unsigned bigcache_bucket_slot(const bigcache_str_t *name);


#endif /* _BIGCACHE_BUCKET_H_INCLUDED_ */

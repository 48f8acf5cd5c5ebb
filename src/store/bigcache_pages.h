
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Page files: a page too large for an index record lies in a file of its
 * own, pages/<id in 16 hex digits>.
 *
 * Bytes, integers little-endian:
 *
 *      0  "bigcpage"
 *      8  u32  format, BIGCACHE_PAGES_FORMAT
 *     12  u32  length of the key, bytes
 *     16  u64  id
 *     24  u64  length of the body, bytes
 *     32       the key, then the body, to the end of the file
 *
 * A page file is written once, is on the disk before the index names it, and
 * never changes; it is unlinked when its record is replaced or removed.  One
 * that no record names was left by a crash.  Whoever holds it open may read
 * on after that.  All calls block on the disk; any thread.
 */


#ifndef _BIGCACHE_PAGES_H_INCLUDED_
#define _BIGCACHE_PAGES_H_INCLUDED_


#include "bigcache_data.h"
#include "bigcache_rc.h"
#include "bigcache_str.h"


#define BIGCACHE_PAGES_FORMAT  1
#define BIGCACHE_PAGES_HEADER  32


/* called for each page file; key is the walk's for the time of the call */

typedef void (*bigcache_pages_walk_pt)(void *data, uint64_t id,
    const bigcache_str_t *key);


/*
 * Writes a page file of n pieces into the directory path.  Returns
 * BIGCACHE_OK, the open file in *fd, which the caller closes, and where the
 * body begins in *offset; or BIGCACHE_FULL or BIGCACHE_ERROR, and errno.
 */
bigcache_rc_t bigcache_pages_create(const char *path, uint64_t id,
    const bigcache_str_t *key, const bigcache_data_t *data, unsigned n,
    int *fd, off_t *offset);

/*
 * Opens the page file and checks that it is the one of this key and length,
 * in bytes.  Returns BIGCACHE_OK as above; BIGCACHE_MISS if there is no such
 * file; BIGCACHE_DAMAGED if it is another; BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_pages_open(const char *path, uint64_t id,
    const bigcache_str_t *key, uint64_t length, int *fd, off_t *offset);

/* unlinks the page file; returns 0, or -1 and errno */

int bigcache_pages_remove(const char *path, uint64_t id);

/*
 * Calls handler for every page file in path; a file whose header cannot be
 * read has the empty key.  Other files are passed over.  Returns 0, or -1 and
 * errno.
 */
int bigcache_pages_walk(const char *path, bigcache_pages_walk_pt handler,
    void *data);


#endif /* _BIGCACHE_PAGES_H_INCLUDED_ */

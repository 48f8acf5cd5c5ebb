
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The bodies of large pages, in chunks of BIGCACHE_PAGE_LARGE bytes: a larger
 * value would keep a server from its other clients while it is sent.  Each is a
 * CRC-32 and the bytes.
 *
 * Chunks whose page is not there, or not yet, are orphans.  Their name, which
 * is nonce and number, is in a set until a script makes a page that has them,
 * which it does only if the name is there.  If no page will have them, or none
 * has them any more, "-" is put in front of the name.  Upkeep does so, too, if
 * a put takes too long.  Such chunks are removed a minute later: by then those
 * that read the former page have them, and no command that stores one is on its
 * way.  The time is that of the server.
 *
 * Threads of requests.
 */


#ifndef _BIGCACHE_CHUNKS_H_INCLUDED_
#define _BIGCACHE_CHUNKS_H_INCLUDED_


#include "bigcache_space.h"
#include "bigcache_value.h"


/*
 * Bytes of the name of chunks: nonce, colon, digits; and of the memory that it
 * is written to.
 */

#define BIGCACHE_CHUNKS_NAME  (BIGCACHE_VALUE_NONCE + 1 + 8)
#define BIGCACHE_CHUNKS_ROOM  (BIGCACHE_CHUNKS_NAME + 16)


/* writes the name of the chunks of a page, to BIGCACHE_CHUNKS_ROOM bytes */

bigcache_str_t bigcache_chunks_name(u_char *dst,
    const bigcache_value_t *value);

/*
 * Stores a body of n pieces, and sets its checksum in *value, which has the
 * nonce, the length and the number of chunks.  If fd is not -1, writes the
 * body to that file, too.  Returns what bigcache_space_run() returns, or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_chunks_write(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_data_t *data, unsigned n,
    int fd, bigcache_value_t *value);

/*
 * Reads the body of a page to the file fd.  Returns the same; or BIGCACHE_MISS
 * if a chunk is gone, so that the page was replaced; or BIGCACHE_DAMAGED.
 */
bigcache_rc_t bigcache_chunks_read(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value, int fd);

/*
 * Removes the chunks of a put that has failed, unless a page has them all the
 * same: it is not always known whether a script has run.  Upkeep will do it if
 * this fails.
 */
void bigcache_chunks_abandon(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value);

/*
 * Removes orphans, of a name in their set, if their time has come.  Returns
 * what bigcache_space_run() returns.
 */
bigcache_rc_t bigcache_chunks_due(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *name);

/* returns a file without a name, or -1 and errno */

int bigcache_chunks_file(const bigcache_cluster_t *cluster);


#endif /* _BIGCACHE_CHUNKS_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Removes a page: by a client, because its time has come, or for a purge.
 * Threads of requests, and that of upkeep.
 */


#ifndef _BIGCACHE_REMOVE_H_INCLUDED_
#define _BIGCACHE_REMOVE_H_INCLUDED_


#include "bigcache_look.h"


/* what a command needs: the caller's, until the command has been run */

typedef struct {
    const bigcache_bucket_t  *bucket;
    bigcache_str_t            key;
    bigcache_str_t            name;     /* of the page, on the servers */
    u_char                    nonce[BIGCACHE_BUCKET_NONCE];
    bigcache_str_t            expect;   /* version in digits, or "" */
    const char               *how;      /* "delete", "expire", "purge" */
    bigcache_str_t            group;    /* for "delete" */
    bigcache_str_t            now;      /* likewise, in digits */
    const bigcache_look_t    *look;     /* for "delete" */
} bigcache_remove_t;


/* makes the command, and the nonce */

void bigcache_remove_command(bigcache_command_t *command,
    bigcache_remove_t *removal);

/*
 * Reads its answer.  Returns BIGCACHE_OK, BIGCACHE_MISS, BIGCACHE_EXPIRED or
 * BIGCACHE_MISMATCH; BIGCACHE_AGAIN if the caller must look at the purges; or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_remove_answer(const bigcache_reply_t *reply);

/*
 * Removes a page, with all memory that this needs.  expect: a version, or
 * BIGCACHE_EXPECT_ANY; look: NULL unless how is "delete".  Returns the same, or
 * what bigcache_space_run() returns.
 */
bigcache_rc_t bigcache_remove(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *key, const char *how, uint64_t expect,
    const bigcache_look_t *look);


#endif /* _BIGCACHE_REMOVE_H_INCLUDED_ */

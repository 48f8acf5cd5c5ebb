
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A name space in a cluster, as a process uses it: what all calls of the engine
 * have in common.  bigcache_cluster.h makes it; the other files of this folder
 * that begin with bigcache_cluster are the calls.
 *
 * Threads of requests, and the thread of upkeep.
 */


#ifndef _BIGCACHE_SPACE_H_INCLUDED_
#define _BIGCACHE_SPACE_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_bucket.h"
#include "bigcache_cache.h"
#include "bigcache_shared.h"
#include "bigcache_units.h"


typedef struct {
    bigcache_log_t                log;
    bigcache_str_t                name;       /* of the name space */
    const char                   *label;      /* of the cache, for the log */
    unsigned                      buckets;
    unsigned                      replicas;   /* that must have each write */
    size_t                        gzip_min;   /* bytes, SIZE_MAX: never */
    const char                   *temp;       /* directory, for large pages */
    bigcache_nodes_conf_t         nodes;
    bigcache_servers_t           *counters;
    bigcache_shared_t            *shared;

    /* called with how many pages upkeep has removed */
    void                        (*removed)(void *data, uint64_t expired,
                                    uint64_t purged);
    void                         *data;
} bigcache_cluster_conf_t;

typedef struct {
    bigcache_cache_t              cache;      /* the first */

    bigcache_cluster_conf_t       conf;
    bigcache_nodes_t             *nodes;

    _Atomic int                   stopping;
    _Atomic int                   quitting;
    _Atomic int                   verified;   /* the number of buckets */
    _Atomic int                   woken;      /* upkeep has work */

    pthread_t                     upkeep;
    unsigned                      started:1;
    void                         *watch;      /* of bigcache_watch.c */

    bigcache_keylock_t           locks;

    pthread_mutex_t               mutex;
    pthread_cond_t                cond;       /* its threads wait for it */
    char                          reason[BIGCACHE_ERROR_LEN];
} bigcache_cluster_t;


/*
 * Begins a call: at first of all finds out whether the name space has so many
 * buckets.  writes: it changes something.  Returns BIGCACHE_OK, or
 * BIGCACHE_CLOSED or BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_space_enter(bigcache_cluster_t *cluster,
    bigcache_call_t *call, int writes);

/* the same without a look at whether the cache is closed */

bigcache_rc_t bigcache_space_begin(bigcache_cluster_t *cluster,
    bigcache_call_t *call, int writes);

/*
 * Finds that out again, as upkeep does now and then: the servers may have been
 * emptied, and another process may have made the name space with another number
 * of buckets since.
 */
void bigcache_space_again(bigcache_cluster_t *cluster);

/*
 * Runs units, and logs what is wrong, or that nothing is any more.  Returns
 * what bigcache_units_run() returns.
 */
bigcache_rc_t bigcache_space_run(bigcache_cluster_t *cluster,
    bigcache_call_t *call, bigcache_unit_t *units, unsigned n);

/*
 * Runs one command for a bucket, and returns the same.  *reply is the answer,
 * which the caller must free whatever this returns; or reply is NULL.
 */
bigcache_rc_t bigcache_space_command(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    bigcache_command_t *command, bigcache_reply_t **reply);

/*
 * For the threads of a name space, which end when cluster->stopping is set.
 * Starts one, without signals; returns 0, or -1 and errno.
 */
int bigcache_space_thread(pthread_t *thread, void *(*run)(void *data),
    void *data);

/* sleeps for some seconds, or until it must stop, or *woken, or NULL, is set */

void bigcache_space_sleep(bigcache_cluster_t *cluster, unsigned seconds,
    const _Atomic int *woken);

/* sets one of these, and wakes them */

void bigcache_space_wake(bigcache_cluster_t *cluster, _Atomic int *flag);

/* makes the names of the bucket of a key */

void bigcache_space_bucket(const bigcache_cluster_t *cluster,
    const bigcache_str_t *key, bigcache_bucket_t *bucket);

/* fills nonce, of BIGCACHE_BUCKET_NONCE bytes, with random digits */

void bigcache_space_nonce(u_char *nonce);


#endif /* _BIGCACHE_SPACE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/* makes, starts and ends the part of one process in a cluster */


#include <stdlib.h>
#include <string.h>

#include "bigcache_cluster.h"
#include "bigcache_cluster_list.h"
#include "bigcache_cluster_page.h"
#include "bigcache_cluster_purge.h"
#include "bigcache_time.h"
#include "bigcache_upkeep.h"
#include "bigcache_watch.h"


static int bigcache_cluster_start(bigcache_cache_t *cache);
static void bigcache_cluster_quit(bigcache_cache_t *cache);
static void bigcache_cluster_stop(bigcache_cache_t *cache);
static void bigcache_cluster_destroy(bigcache_cache_t *cache);
static bigcache_rc_t bigcache_cluster_peek(bigcache_cache_t *cache,
    const bigcache_str_t *key, unsigned file, bigcache_page_t *page);
static void bigcache_cluster_peeked(bigcache_cache_t *cache);
static bigcache_rc_t bigcache_cluster_sync(bigcache_cache_t *cache);
static bigcache_rc_t bigcache_cluster_close(bigcache_cache_t *cache);
static bigcache_rc_t bigcache_cluster_open(bigcache_cache_t *cache);
static bigcache_lock_t *bigcache_cluster_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);
static void bigcache_cluster_reason(bigcache_cache_t *cache, char *text);


static const bigcache_engine_t  bigcache_cluster_engine = {
    bigcache_cluster_start,
    bigcache_cluster_quit,
    bigcache_cluster_stop,
    bigcache_cluster_destroy,
    bigcache_cluster_peek,
    bigcache_cluster_peeked,
    bigcache_cluster_page_get,
    bigcache_cluster_page_put,
    bigcache_cluster_page_delete,
    bigcache_cluster_sync,
    bigcache_cluster_purge,
    bigcache_cluster_list,
    bigcache_cluster_list_count,
    bigcache_cluster_purge_all,
    bigcache_cluster_close,
    bigcache_cluster_open,
    bigcache_cluster_lock,
    bigcache_cluster_reason
};


bigcache_cache_t *
bigcache_cluster_create(const bigcache_cluster_conf_t *conf)
{
    bigcache_cluster_t   *cluster;

    cluster = calloc(1, sizeof(bigcache_cluster_t));
    if (cluster == NULL) {
        return NULL;
    }

    cluster->conf = *conf;

    cluster->cache.engine = &bigcache_cluster_engine;
    cluster->cache.log = &cluster->conf.log;
    cluster->cache.name = conf->label;
    cluster->cache.apart = 1;

    cluster->nodes = bigcache_nodes_create(&cluster->conf.nodes,
                                           conf->counters);
    if (cluster->nodes == NULL) {
        free(cluster);
        return NULL;
    }

    (void) pthread_mutex_init(&cluster->mutex, NULL);

    bigcache_time_cond_init(&cluster->cond);

    bigcache_keylock_init(&cluster->locks);

    return &cluster->cache;
}


static int
bigcache_cluster_start(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    if (bigcache_upkeep_start(cluster) == -1) {
        return -1;
    }

    /* it only informs: without it everything else works */

    (void) bigcache_watch_start(cluster);

    return 0;
}


static void
bigcache_cluster_quit(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    atomic_store(&cluster->quitting, 1);
}


static void
bigcache_cluster_stop(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    bigcache_space_wake(cluster, &cluster->stopping);

    bigcache_upkeep_stop(cluster);
    bigcache_watch_stop(cluster);
}


static void
bigcache_cluster_destroy(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    bigcache_nodes_destroy(cluster->nodes);

    bigcache_keylock_destroy(&cluster->locks);

    (void) pthread_cond_destroy(&cluster->cond);
    (void) pthread_mutex_destroy(&cluster->mutex);

    free(cluster);
}


/* a server has to be asked each time */

static bigcache_rc_t
bigcache_cluster_peek(bigcache_cache_t *cache, const bigcache_str_t *key,
    unsigned file, bigcache_page_t *page)
{
    (void) cache;
    (void) key;
    (void) file;

    bigcache_page_clear(page);

    return BIGCACHE_AGAIN;
}


static void
bigcache_cluster_peeked(bigcache_cache_t *cache)
{
    (void) cache;
}


/* a write is answered when the servers have it, perhaps replicas, too */

static bigcache_rc_t
bigcache_cluster_sync(bigcache_cache_t *cache)
{
    (void) cache;

    return BIGCACHE_OK;
}


/* for this nginx, not for others that use the cluster */

static bigcache_rc_t
bigcache_cluster_close(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    atomic_store(&cluster->conf.shared->closed, 1);
    atomic_store(&cluster->conf.shared->counted_at, 0);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_cluster_open(bigcache_cache_t *cache)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    atomic_store(&cluster->conf.shared->closed, 0);

    return BIGCACHE_OK;
}


static bigcache_lock_t *
bigcache_cluster_lock(bigcache_cache_t *cache, const bigcache_str_t *key,
    int brief)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    return bigcache_keylock_take(&cluster->locks, key, brief);
}


static void
bigcache_cluster_reason(bigcache_cache_t *cache, char *text)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    (void) pthread_mutex_lock(&cluster->mutex);
    memcpy(text, cluster->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&cluster->mutex);
}

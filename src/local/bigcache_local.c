
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Makes, starts and ends the part of one process in a store, and has the
 * store's hooks: what the process does as the owner and as a caller.
 */


#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "bigcache_ask.h"
#include "bigcache_ask_page.h"
#include "bigcache_keeper.h"
#include "bigcache_local.h"
#include "bigcache_peek.h"
#include "bigcache_store.h"
#include "bigcache_time.h"


/*
 * Milliseconds between two rounds in which a caller closes removed segments
 * and gives back an unused extent.
 */
#define BIGCACHE_LOCAL_SWEEP  1000


static int bigcache_local_start(bigcache_cache_t *cache);
static void bigcache_local_quit(bigcache_cache_t *cache);
static void bigcache_local_stop(bigcache_cache_t *cache);
static void bigcache_local_destroy(bigcache_cache_t *cache);
static bigcache_lock_t *bigcache_local_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);
static bigcache_rc_t bigcache_local_opened(void *data, char *error);
static void bigcache_local_closing(void *data);
static bigcache_rc_t bigcache_local_held(void *data, char *error);
static void bigcache_local_removed(void *data);
static int bigcache_local_swept(void *data);
static void bigcache_local_watch(bigcache_local_t *local, int fd);
static void bigcache_local_wake(void *data);
static int bigcache_local_there(void *data);


static const bigcache_engine_t  bigcache_local_engine = {
    bigcache_local_start,
    bigcache_local_quit,
    bigcache_local_stop,
    bigcache_local_destroy,
    bigcache_peek,
    bigcache_peek_count,
    bigcache_ask_page_get,
    bigcache_ask_page_put,
    bigcache_ask_delete,
    bigcache_ask_sync,
    bigcache_ask_purge,
    bigcache_ask_list,
    bigcache_ask_stat,
    bigcache_ask_clear,
    bigcache_ask_close,
    bigcache_ask_open,
    bigcache_local_lock,
    bigcache_ask_reason
};


bigcache_cache_t *
bigcache_local_create(const bigcache_local_conf_t *conf)
{
    bigcache_local_t        *local;
    bigcache_store_hooks_t  *hooks;

    local = calloc(1, sizeof(bigcache_local_t));
    if (local == NULL) {
        return NULL;
    }

    local->cache.engine = &bigcache_local_engine;
    local->cache.log = &local->conf.log;

    local->conf = conf->store;

    hooks = &local->conf.hooks;
    hooks->opened = bigcache_local_opened;
    hooks->closing = bigcache_local_closing;
    hooks->held = bigcache_local_held;
    hooks->removed = bigcache_local_removed;
    hooks->swept = bigcache_local_swept;
    hooks->wake = bigcache_local_wake;
    hooks->there = bigcache_local_there;
    hooks->data = local;

    local->conf.path = strdup(conf->store.path);
    local->event = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (local->conf.path == NULL || local->event == -1) {
        goto failed;
    }

    local->cache.name = local->conf.path;

    local->store = bigcache_store_create(&local->conf);
    if (local->store == NULL) {
        goto failed;
    }

    local->server = bigcache_server_create(local->store, &local->conf,
                                           conf->masters);
    local->client = bigcache_client_create(local->conf.path, conf->masters,
                                           local->conf.wait);

    if (local->server == NULL || local->client == NULL) {
        goto failed;
    }

    bigcache_extent_init(&local->extents, &local->conf, local->client,
                         bigcache_store_files(local->store));

    local->pages.conf = &local->conf;
    local->pages.files = bigcache_store_files(local->store);
    local->pages.reserve = bigcache_extent_reserve;
    local->pages.done = bigcache_extent_done;
    local->pages.data = &local->extents;

    bigcache_body_init(&local->pages);
    (void) pthread_mutex_init(&local->mutex, NULL);

    bigcache_keylock_init(&local->locks);

    /* processes that start at the same time must have different tags */

    local->tag = (unsigned) bigcache_time_now_us() * 2654435761u
                 ^ (unsigned) getpid();

    return &local->cache;

failed:

    if (local->client) {
        bigcache_client_destroy(local->client);
    }

    if (local->server) {
        bigcache_server_destroy(local->server);
    }

    if (local->store) {
        bigcache_store_destroy(local->store);
    }

    if (local->event > 0) {
        (void) close(local->event);
    }

    free((void *) local->conf.path);
    free(local);

    return NULL;
}


static int
bigcache_local_start(bigcache_cache_t *cache)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    return bigcache_keeper_start(local->store);
}


static void
bigcache_local_quit(bigcache_cache_t *cache)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    atomic_store(&local->quitting, 1);

    bigcache_store_quit(local->store);
    bigcache_server_quit(local->server);
    bigcache_local_wake(local);
}


static void
bigcache_local_stop(bigcache_cache_t *cache)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    atomic_store(&local->stopping, 1);

    bigcache_keeper_stop(local->store);
}


static void
bigcache_local_destroy(bigcache_cache_t *cache)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    /*
     * the server's threads may use both the store and its files until they end
     */

    bigcache_server_destroy(local->server);
    bigcache_extent_end(&local->extents);
    bigcache_client_destroy(local->client);

    bigcache_store_destroy(local->store);

    bigcache_extent_destroy(&local->extents);
    bigcache_body_destroy(&local->pages);
    (void) pthread_mutex_destroy(&local->mutex);

    bigcache_keylock_destroy(&local->locks);

    (void) close(local->event);
    free((void *) local->conf.path);
    free(local);
}


static bigcache_lock_t *
bigcache_local_lock(bigcache_cache_t *cache, const bigcache_str_t *key,
    int brief)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    return bigcache_keylock_take(&local->locks, key, brief);
}


/* the keeper calls the hooks; any thread calls wake and there */

static bigcache_rc_t
bigcache_local_opened(void *data, char *error)
{
    bigcache_local_t *local = data;

    return bigcache_server_start(local->server, error);
}


static void
bigcache_local_closing(void *data)
{
    bigcache_local_t *local = data;

    bigcache_server_stop(local->server);
}


static bigcache_rc_t
bigcache_local_held(void *data, char *error)
{
    bigcache_local_t *local = data;

    int            fd;
    bigcache_rc_t  rc;

    rc = bigcache_client_watch(local->client, atomic_load(&local->quitting),
                               &fd, error);
    if (rc != BIGCACHE_OK) {

        if (rc == BIGCACHE_MISMATCH) {

            /* another nginx removes segments, of which nothing tells */

            bigcache_files_close(bigcache_store_files(local->store));
        }

        return rc;
    }

    if (bigcache_store_held(local->store, 1)) {
        bigcache_local_watch(local, fd);
        (void) bigcache_store_held(local->store, 0);
    }

    (void) close(fd);

    bigcache_client_end(local->client);
    bigcache_extent_end(&local->extents);

    /* the files may be replaced before the store is opened again */

    bigcache_files_close(bigcache_store_files(local->store));
    bigcache_body_reset(&local->pages);

    return BIGCACHE_OK;
}


static void
bigcache_local_removed(void *data)
{
    bigcache_local_t *local = data;

    bigcache_server_sweep(local->server);
}


static int
bigcache_local_swept(void *data)
{
    bigcache_local_t *local = data;

    return bigcache_server_swept(local->server);
}


/* returns when the owner is gone, or when this process must stop */

static void
bigcache_local_watch(bigcache_local_t *local, int fd)
{
    int                sent;
    int64_t            due, delay;
    uint64_t           n, number;
    struct pollfd      pfd[2];
    bigcache_files_t  *files;

    sent = 0;
    files = bigcache_store_files(local->store);

    pfd[0].fd = fd;
    pfd[0].events = POLLIN;
    pfd[1].fd = local->event;
    pfd[1].events = POLLIN;

    /* of what was removed before the owner knew of this process */

    due = 0;

    while (!atomic_load(&local->stopping)) {

        if (atomic_load(&local->quitting) && !sent) {
            sent = 1;
            bigcache_client_tell(fd, 1);
        }

        pfd[0].revents = 0;
        pfd[1].revents = 0;

        delay = due - bigcache_time_monotonic();

        if (delay <= 0) {
            bigcache_extent_idle(&local->extents);
            bigcache_files_sweep(files);

            delay = BIGCACHE_LOCAL_SWEEP;
            due = bigcache_time_monotonic() + delay;
        }

        (void) poll(pfd, 2, (int) delay);

        if (pfd[0].revents) {

            if (!bigcache_client_sweep(fd, &number)) {
                return;
            }

            bigcache_files_sweep(files);
            bigcache_client_swept(fd, number);
        }

        if (pfd[1].revents) {
            (void) !read(local->event, &n, sizeof(n));
        }
    }
}


static void
bigcache_local_wake(void *data)
{
    bigcache_local_t *local = data;

    uint64_t  n;

    n = 1;

    (void) !write(local->event, &n, sizeof(n));
}


static int
bigcache_local_there(void *data)
{
    bigcache_local_t *local = data;

    return bigcache_client_probe(local->client);
}

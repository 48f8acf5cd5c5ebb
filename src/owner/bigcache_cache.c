
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_mutex_clocklock() */
#endif

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "bigcache_ask.h"
#include "bigcache_crc.h"
#include "bigcache_time.h"


/*
 * Milliseconds after which a caller lets go of removed segments, and of room
 * that it does not use.
 */
#define BIGCACHE_CACHE_SWEEP  1000

/* seconds that one waits for those who have the lock before */

#define BIGCACHE_CACHE_LOCK_WAIT  1


static bigcache_rc_t bigcache_cache_opened(void *data, char *error);
static void bigcache_cache_closing(void *data);
static bigcache_rc_t bigcache_cache_held(void *data, char *error);
static void bigcache_cache_watch(bigcache_cache_t *cache, int fd);
static void bigcache_cache_wake(void *data);
static int bigcache_cache_there(void *data);


bigcache_cache_t *
bigcache_cache_create(const bigcache_cache_conf_t *conf)
{
    unsigned                 i;
    bigcache_cache_t        *cache;
    bigcache_store_hooks_t  *hooks;

    cache = calloc(1, sizeof(bigcache_cache_t));
    if (cache == NULL) {
        return NULL;
    }

    cache->conf = conf->store;

    hooks = &cache->conf.hooks;
    hooks->opened = bigcache_cache_opened;
    hooks->closing = bigcache_cache_closing;
    hooks->held = bigcache_cache_held;
    hooks->wake = bigcache_cache_wake;
    hooks->there = bigcache_cache_there;
    hooks->data = cache;

    cache->conf.path = strdup(conf->store.path);
    cache->event = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (cache->conf.path == NULL || cache->event == -1) {
        goto failed;
    }

    cache->store = bigcache_store_create(&cache->conf);
    if (cache->store == NULL) {
        goto failed;
    }

    cache->server = bigcache_server_create(cache->store, &cache->conf,
                                           conf->masters);
    cache->client = bigcache_client_create(cache->conf.path, conf->masters,
                                           cache->conf.wait);

    if (cache->server == NULL || cache->client == NULL) {
        goto failed;
    }

    bigcache_extents_init(&cache->extents, &cache->conf, cache->client,
                          bigcache_store_files(cache->store));

    cache->pages.conf = &cache->conf;
    cache->pages.files = bigcache_store_files(cache->store);
    cache->pages.reserve = bigcache_extent_reserve;
    cache->pages.done = bigcache_extent_done;
    cache->pages.data = &cache->extents;

    bigcache_pages_init(&cache->pages);
    (void) pthread_mutex_init(&cache->mutex, NULL);

    for (i = 0; i < 2 * BIGCACHE_CACHE_LOCKS; i++) {
        (void) pthread_mutex_init(&cache->locks[i], NULL);
    }

    /* processes that begin at the same time are not to count alike */

    cache->tag = (unsigned) bigcache_now_us() * 2654435761u
                 ^ (unsigned) getpid();

    return cache;

failed:

    if (cache->client) {
        bigcache_client_destroy(cache->client);
    }

    if (cache->server) {
        bigcache_server_destroy(cache->server);
    }

    if (cache->store) {
        bigcache_store_destroy(cache->store);
    }

    if (cache->event > 0) {
        (void) close(cache->event);
    }

    free((void *) cache->conf.path);
    free(cache);

    return NULL;
}


int
bigcache_cache_start(bigcache_cache_t *cache)
{
    return bigcache_store_start(cache->store);
}


void
bigcache_cache_quit(bigcache_cache_t *cache)
{
    atomic_store(&cache->quitting, 1);

    bigcache_store_quit(cache->store);
    bigcache_server_quit(cache->server);
    bigcache_cache_wake(cache);
}


void
bigcache_cache_stop(bigcache_cache_t *cache)
{
    atomic_store(&cache->stopping, 1);

    bigcache_store_stop(cache->store);
}


void
bigcache_cache_destroy(bigcache_cache_t *cache)
{
    unsigned  i;

    /* the files are the store's, its threads may be the server's */

    bigcache_server_destroy(cache->server);
    bigcache_extents_end(&cache->extents);
    bigcache_client_destroy(cache->client);

    bigcache_store_destroy(cache->store);

    bigcache_extents_destroy(&cache->extents);
    bigcache_pages_destroy(&cache->pages);
    (void) pthread_mutex_destroy(&cache->mutex);

    for (i = 0; i < 2 * BIGCACHE_CACHE_LOCKS; i++) {
        (void) pthread_mutex_destroy(&cache->locks[i]);
    }

    (void) close(cache->event);
    free((void *) cache->conf.path);
    free(cache);
}


pthread_mutex_t *
bigcache_cache_lock(bigcache_cache_t *cache, const bigcache_str_t *key,
    int brief)
{
    unsigned          i;
    struct timespec   until;
    pthread_mutex_t  *lock;

    i = bigcache_crc32(0, key->data, key->len) % BIGCACHE_CACHE_LOCKS;

    lock = &cache->locks[brief ? i : i + BIGCACHE_CACHE_LOCKS];

    /* not the time of day, which may be set back meanwhile */

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_sec += BIGCACHE_CACHE_LOCK_WAIT;

    return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until) ? NULL
                                                                  : lock;
}


void
bigcache_cache_unlock(pthread_mutex_t *lock)
{
    (void) pthread_mutex_unlock(lock);
}


bigcache_rc_t
bigcache_cache_failed(bigcache_cache_t *cache, const char *what,
    const char *error)
{
    return bigcache_page_failed(&cache->conf, BIGCACHE_ERROR, what, error);
}


/* the hooks run in the store's thread, but for wake and there */

static bigcache_rc_t
bigcache_cache_opened(void *data, char *error)
{
    bigcache_cache_t *cache = data;

    return bigcache_server_start(cache->server, error);
}


static void
bigcache_cache_closing(void *data)
{
    bigcache_cache_t *cache = data;

    bigcache_server_stop(cache->server);
}


static bigcache_rc_t
bigcache_cache_held(void *data, char *error)
{
    bigcache_cache_t *cache = data;

    int            fd;
    bigcache_rc_t  rc;

    rc = bigcache_client_watch(cache->client, atomic_load(&cache->quitting),
                               &fd, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (bigcache_store_held(cache->store, 1)) {
        bigcache_cache_watch(cache, fd);
        (void) bigcache_store_held(cache->store, 0);
    }

    (void) close(fd);

    bigcache_client_end(cache->client);
    bigcache_extents_end(&cache->extents);

    /* until it is opened again somebody may put other files there */

    bigcache_files_close(bigcache_store_files(cache->store));
    bigcache_pages_reset(&cache->pages);

    return BIGCACHE_OK;
}


/* returns when the owner is gone, or this process is to stop */

static void
bigcache_cache_watch(bigcache_cache_t *cache, int fd)
{
    int                told;
    uint64_t           n;
    struct pollfd      pfd[2];
    bigcache_files_t  *files;

    told = 0;
    files = bigcache_store_files(cache->store);

    pfd[0].fd = fd;
    pfd[0].events = POLLIN;
    pfd[1].fd = cache->event;
    pfd[1].events = POLLIN;

    while (!atomic_load(&cache->stopping)) {

        if (atomic_load(&cache->quitting) && !told) {
            told = 1;
            bigcache_client_tell(fd, 1);
        }

        pfd[0].revents = 0;
        pfd[1].revents = 0;

        (void) poll(pfd, 2, BIGCACHE_CACHE_SWEEP);

        if (pfd[0].revents) {

            /* nothing is ever sent here */

            return;
        }

        if (pfd[1].revents) {
            (void) !read(cache->event, &n, sizeof(n));
            continue;
        }

        (void) bigcache_extents_idle(&cache->extents);
        bigcache_files_sweep(files);
    }
}


static void
bigcache_cache_wake(void *data)
{
    bigcache_cache_t *cache = data;

    uint64_t  n;

    n = 1;

    (void) !write(cache->event, &n, sizeof(n));
}


static int
bigcache_cache_there(void *data)
{
    bigcache_cache_t *cache = data;

    return bigcache_client_probe(cache->client);
}

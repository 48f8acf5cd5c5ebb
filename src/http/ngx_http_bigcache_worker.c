
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The caches of a worker process.  Threads of their own open them, not
 * init_process: nginx does not respawn a worker whose init_process failed, and
 * after a reload new workers start while old ones still have the directories
 * open.  If even the thread cannot be started, the worker runs without the
 * store, answers 503, and tries again.
 *
 * A worker that is shutting down may live as long as its slowest client, but
 * another worker must have the store open then.  The worker learns that it
 * must quit from an idle connection of its own: nginx closes idle connections
 * first.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <sys/eventfd.h>

#include "bigcache_background.h"
#include "bigcache_release.h"
#include "ngx_http_bigcache.h"
#include "bigcache_local.h"


/*
 * a variable in the environment of a new binary: the sockets that it inherits
 */

#ifdef ANGIE_VAR
#define NGX_HTTP_BIGCACHE_VAR  ANGIE_VAR
#else
#define NGX_HTTP_BIGCACHE_VAR  NGINX_VAR
#endif

/* milliseconds until a failed start is tried again */

#define NGX_HTTP_BIGCACHE_RETRY_MIN  1000
#define NGX_HTTP_BIGCACHE_RETRY_MAX  5000


static void ngx_http_bigcache_worker_raise(ngx_cycle_t *cycle);
static void ngx_http_bigcache_start(ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_retry_handler(ngx_event_t *ev);
static const char *ngx_http_bigcache_create(ngx_http_bigcache_zone_t *zone);
static bigcache_cache_t *ngx_http_bigcache_create_local(
    ngx_http_bigcache_zone_t *zone);
static uint64_t ngx_http_bigcache_master(ngx_pid_t pid);
static const char *ngx_http_bigcache_watch_quit(
    ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_quit_handler(ngx_event_t *ev);


/* the master that this one replaces, or 0 */

static ngx_pid_t  ngx_http_bigcache_earlier;


ngx_int_t
ngx_http_bigcache_worker_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_zone_t       **zones;
    ngx_http_bigcache_main_conf_t   *bmcf;

    static ngx_uint_t                called;

    /*
     * A new binary inherits the sockets of its parent, the master that started
     * it.  That is remembered now: at a later reload that master may be gone.
     */

    if (!called && getenv(NGX_HTTP_BIGCACHE_VAR)) {
        ngx_http_bigcache_earlier = getppid();
    }

    if (!called && !ngx_test_config) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "bigcache version %s", BIGCACHE_VERSION);
    }

    called = 1;

    bmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_bigcache_module);

    if (bmcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    zones = bmcf->zones.elts;

    for (i = 0; i < bmcf->zones.nelts; i++) {
        ngx_http_bigcache_force(cycle, zones[i]);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_worker_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_zone_t       **zones;
    ngx_http_bigcache_main_conf_t   *bmcf;

    /* cache managers and loaders call this too */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    bmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_bigcache_module);
    if (bmcf == NULL) {
        return NGX_OK;
    }

    if (bmcf->zones.nelts) {
        ngx_http_bigcache_worker_raise(cycle);
    }

    zones = bmcf->zones.elts;

    for (i = 0; i < bmcf->zones.nelts; i++) {

        zones[i]->place = bigcache_metrics_enter(&zones[i]->shm->metrics);

        if (zones[i]->place == NULL) {
            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "bigcache zone \"%V\" has more than %d workers, the "
                          "requests that wait for this one are not counted",
                          &zones[i]->name, BIGCACHE_METRICS_WORKERS);
        }

        ngx_http_bigcache_start(zones[i]);
        ngx_http_bigcache_sample_start(zones[i]);
    }

    if (bmcf->zones.nelts) {

        /* the threads that the stores have started are not to have it */

        bigcache_background_interrupt();
    }

    return NGX_OK;
}


/*
 * Systems start a program with a limit of 1,024 that it may raise by itself.
 * LevelDB alone may have so many files open.  If this fails, what there is must
 * do.
 */

static void
ngx_http_bigcache_worker_raise(ngx_cycle_t *cycle)
{
    rlim_t         most;
    struct rlimit  limit;

    most = ngx_http_bigcache_force_open_files(cycle);

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= most) {
        return;
    }

    limit.rlim_cur = most;

    (void) setrlimit(RLIMIT_NOFILE, &limit);
}


void
ngx_http_bigcache_worker_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_zone_t       **zones;
    ngx_http_bigcache_main_conf_t   *bmcf;

    bmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_bigcache_module);
    if (bmcf == NULL) {
        return;
    }

    zones = bmcf->zones.elts;

    for (i = 0; i < bmcf->zones.nelts; i++) {

        if (zones[i]->retry.timer_set) {
            ngx_del_timer(&zones[i]->retry);
        }

        ngx_http_bigcache_sample_stop(zones[i]);

        if (zones[i]->cache) {

            /* the thread pools have ended by now, unless a queue was full */

            bigcache_cache_stop(zones[i]->cache);
            bigcache_cache_destroy(zones[i]->cache);
            zones[i]->cache = NULL;
        }

        if (zones[i]->place) {
            bigcache_metrics_leave(zones[i]->place);
            zones[i]->place = NULL;
        }

        if (zones[i]->quit) {
            ngx_close_connection(zones[i]->quit);
            zones[i]->quit = NULL;
        }
    }
}


/* if this fails, the timer tries it again */

static void
ngx_http_bigcache_start(ngx_http_bigcache_zone_t *zone)
{
    const char   *failed;
    ngx_err_t     err;
    ngx_event_t  *ev;

    failed = NULL;
    ngx_set_errno(0);

    if (zone->cache == NULL) {
        failed = ngx_http_bigcache_create(zone);
    }

    if (failed == NULL && zone->quit == NULL) {
        failed = ngx_http_bigcache_watch_quit(zone);
    }

    err = ngx_errno;
    ev = &zone->retry;

    if (failed == NULL) {

        if (ev->handler) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "bigcache store \"%V\": it is started in this "
                          "worker process after all", &zone->path);
        }

        return;
    }

    if (ev->handler == NULL) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                      "bigcache store \"%V\": it cannot be started in this "
                      "worker process, will be tried again: %s", &zone->path,
                      failed);

        ev->handler = ngx_http_bigcache_retry_handler;
        ev->data = zone;
        ev->log = ngx_cycle->log;
        ev->cancelable = 1;

        zone->delay = NGX_HTTP_BIGCACHE_RETRY_MIN;

    } else {
        zone->delay = ngx_min(2 * zone->delay, NGX_HTTP_BIGCACHE_RETRY_MAX);
    }

    ngx_add_timer(ev, zone->delay);
}


static void
ngx_http_bigcache_retry_handler(ngx_event_t *ev)
{
    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_http_bigcache_start(ev->data);
}


/* returns NULL, or what has failed */

static const char *
ngx_http_bigcache_create(ngx_http_bigcache_zone_t *zone)
{
    ngx_err_t          err;
    bigcache_cache_t  *cache;

    cache = zone->cluster ? ngx_http_bigcache_cluster_create(zone)
                          : ngx_http_bigcache_create_local(zone);

    if (cache == NULL) {
        return "no memory, or no descriptor";
    }

    if (bigcache_cache_start(cache) != 0) {
        err = ngx_errno;
        bigcache_cache_destroy(cache);
        ngx_set_errno(err);

        return "pthread_create() failed";
    }

    zone->cache = cache;

    return NULL;
}


static bigcache_cache_t *
ngx_http_bigcache_create_local(ngx_http_bigcache_zone_t *zone)
{
    bigcache_local_conf_t  *conf;

    conf = zone->conf;

    conf->masters[0] = ngx_http_bigcache_master(
                      ngx_process == NGX_PROCESS_SINGLE ? ngx_pid
                                                        : ngx_parent);
    conf->masters[1] = ngx_http_bigcache_master(ngx_http_bigcache_earlier);

    return bigcache_local_create(conf);
}


/* two containers that share a volume may have the same pid */

static uint64_t
ngx_http_bigcache_master(ngx_pid_t pid)
{
    struct stat  st;

    if (pid == 0) {
        return 0;
    }

    if (stat("/proc/self/ns/pid", &st) == -1) {
        st.st_ino = 0;
    }

    return ((uint64_t) st.st_ino << 32) | (uint32_t) pid;
}


/* returns NULL, or what has failed */

static const char *
ngx_http_bigcache_watch_quit(ngx_http_bigcache_zone_t *zone)
{
    int                fd;
    ngx_err_t          err;
    ngx_connection_t  *c;

    fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (fd == -1) {
        return "eventfd() failed";
    }

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        err = ngx_errno;
        (void) close(fd);
        ngx_set_errno(err);

        return "no connection is free";
    }

    c->data = zone;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->read->handler = ngx_http_bigcache_quit_handler;

    zone->quit = c;

    return NULL;
}


static void
ngx_http_bigcache_quit_handler(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_bigcache_zone_t  *zone;

    c = ev->data;
    zone = c->data;

    if (!c->close) {
        return;
    }

    zone->quit = NULL;
    ngx_close_connection(c);

    bigcache_cache_quit(zone->cache);
}

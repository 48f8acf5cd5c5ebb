
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The caches of a worker process.  They are opened by threads of their own,
 * never here: on a reload new workers start while the old ones still have the
 * directories open, and a worker whose init_process fails is not started
 * again.
 *
 * A worker that is told to quit may linger for as long as its slowest client,
 * but others are to have the store open then.  So it is told by way of an idle
 * connection, which nginx closes first of all.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <sys/eventfd.h>

#include "ngx_http_bigcache.h"


/* in the environment of a new binary: the sockets that it inherits */

#ifdef ANGIE_VAR
#define NGX_HTTP_BIGCACHE_VAR  ANGIE_VAR
#else
#define NGX_HTTP_BIGCACHE_VAR  NGINX_VAR
#endif


static ngx_int_t ngx_http_bigcache_start(ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone);
static uint64_t ngx_http_bigcache_master(ngx_pid_t pid);
static ngx_int_t ngx_http_bigcache_watch_quit(ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_quit_handler(ngx_event_t *ev);


/* of the master that this one is to replace, if any */

static ngx_pid_t  ngx_http_bigcache_earlier;


ngx_int_t
ngx_http_bigcache_init_module(ngx_cycle_t *cycle)
{
    static ngx_uint_t  called;

    /*
     * a new binary inherits the sockets of the master that has started it;
     * later on, at a reload, that one may be gone
     */

    if (!called && getenv(NGX_HTTP_BIGCACHE_VAR)) {
        ngx_http_bigcache_earlier = getppid();
    }

    called = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_zone_t       **zones;
    ngx_http_bigcache_main_conf_t   *bmcf;

    /* cache managers and loaders come here too */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    bmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_bigcache_module);
    if (bmcf == NULL) {
        return NGX_OK;
    }

    zones = bmcf->zones.elts;

    for (i = 0; i < bmcf->zones.nelts; i++) {
        if (ngx_http_bigcache_start(cycle, zones[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_bigcache_exit_process(ngx_cycle_t *cycle)
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


static ngx_int_t
ngx_http_bigcache_start(ngx_cycle_t *cycle, ngx_http_bigcache_zone_t *zone)
{
    bigcache_cache_conf_t  conf;

    conf.store = zone->conf;
    conf.masters[0] = ngx_http_bigcache_master(
                      ngx_process == NGX_PROCESS_SINGLE ? ngx_pid
                                                        : ngx_parent);
    conf.masters[1] = ngx_http_bigcache_master(ngx_http_bigcache_earlier);

    zone->place = bigcache_metrics_enter(&zone->shm->metrics);
    if (zone->place == NULL) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "bigcache zone \"%V\" has more than %d workers, the "
                      "requests that wait for this one are not counted",
                      &zone->name, BIGCACHE_METRICS_WORKERS);
    }

    zone->cache = bigcache_cache_create(&conf);
    if (zone->cache == NULL) {
        return NGX_ERROR;
    }

    if (bigcache_cache_start(zone->cache) != 0) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "bigcache: pthread_create() failed");
        return NGX_ERROR;
    }

    return ngx_http_bigcache_watch_quit(cycle, zone);
}


/* in two containers that share a volume a pid may be the same */

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


static ngx_int_t
ngx_http_bigcache_watch_quit(ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone)
{
    int                fd;
    ngx_connection_t  *c;

    fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "bigcache: eventfd() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, cycle->log);
    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->data = zone;
    c->idle = 1;
    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_http_bigcache_quit_handler;

    zone->quit = c;

    return NGX_OK;
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

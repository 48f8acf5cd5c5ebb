
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The stores of a worker process.  They are opened by a thread of their own,
 * never here: on a reload new workers start while the old ones still have
 * the directories open, and a worker whose init_process fails is not started
 * again.
 *
 * A worker that is told to quit may linger for as long as its slowest client,
 * and its successor waits for the directory.  So it is told by way of an idle
 * connection, which nginx closes first of all; it stops its store as soon as
 * no request needs it any more, or after a part of the time for which
 * requests wait in the new worker.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <sys/eventfd.h>

#include "ngx_http_bigcache.h"


static ngx_int_t ngx_http_bigcache_start(ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_quit_handler(ngx_event_t *ev);
static void ngx_http_bigcache_quit_timer_handler(ngx_event_t *ev);
static void ngx_http_bigcache_stop(ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_stop_handler(void *data, ngx_log_t *log);
static void ngx_http_bigcache_stop_event_handler(ngx_event_t *ev);


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

        if (zones[i]->store) {

            /* the thread pools have ended by now, unless a queue was full */

            bigcache_store_stop(zones[i]->store);
            bigcache_store_destroy(zones[i]->store);
            zones[i]->store = NULL;
        }

        if (zones[i]->quit) {
            ngx_close_connection(zones[i]->quit);
            zones[i]->quit = NULL;
        }
    }
}


void
ngx_http_bigcache_enter(ngx_http_bigcache_ctx_t *ctx)
{
    if (!ctx->active) {
        ctx->active = 1;
        ctx->zone->active++;
    }
}


void
ngx_http_bigcache_leave(ngx_http_bigcache_ctx_t *ctx)
{
    if (!ctx->active) {
        return;
    }

    ctx->active = 0;
    ctx->zone->active--;

    if (ctx->zone->quitting && ctx->zone->active == 0) {
        ngx_http_bigcache_stop(ctx->zone);
    }
}


static ngx_int_t
ngx_http_bigcache_start(ngx_cycle_t *cycle, ngx_http_bigcache_zone_t *zone)
{
    int                fd;
    ngx_connection_t  *c;

    zone->store = bigcache_store_create(&zone->conf);
    if (zone->store == NULL) {
        return NGX_ERROR;
    }

    if (bigcache_store_start(zone->store,
                             (int) atomic_load(&zone->counters->closed))
        != 0)
    {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "bigcache: pthread_create() failed");
        return NGX_ERROR;
    }

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

    zone->quit_timer.data = zone;
    zone->quit_timer.log = cycle->log;
    zone->quit_timer.handler = ngx_http_bigcache_quit_timer_handler;

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

    zone->quitting = 1;

    if (zone->active == 0) {
        ngx_http_bigcache_stop(zone);
        return;
    }

    ngx_add_timer(&zone->quit_timer, zone->conf.wait / 2);
}


static void
ngx_http_bigcache_quit_timer_handler(ngx_event_t *ev)
{
    ngx_http_bigcache_zone_t *zone = ev->data;

    ngx_log_error(NGX_LOG_WARN, ev->log, 0,
                  "bigcache store \"%V\" is let go with %ui requests under "
                  "way, which will be answered with 503",
                  &zone->path, zone->active);

    ngx_http_bigcache_stop(zone);
}


static void
ngx_http_bigcache_stop(ngx_http_bigcache_zone_t *zone)
{
    ngx_thread_task_t  *task;

    if (zone->quit_timer.timer_set) {
        ngx_del_timer(&zone->quit_timer);
    }

    if (zone->stopping) {
        return;
    }

    zone->stopping = 1;

    task = ngx_thread_task_alloc(zone->cycle->pool, sizeof(zone));
    if (task == NULL) {
        return;
    }

    ngx_memcpy(task->ctx, &zone, sizeof(zone));

    task->handler = ngx_http_bigcache_stop_handler;
    task->event.data = zone;
    task->event.log = zone->cycle->log;
    task->event.handler = ngx_http_bigcache_stop_event_handler;

    /* if it cannot be posted, exit_process stops the store */

    (void) ngx_thread_task_post(zone->thread_pool, task);
}


/* runs in a thread; waits for the operations that are under way */

static void
ngx_http_bigcache_stop_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_zone_t  *zone;

    ngx_memcpy(&zone, data, sizeof(zone));

    bigcache_store_stop(zone->store);
}


static void
ngx_http_bigcache_stop_event_handler(ngx_event_t *ev)
{
    ngx_http_bigcache_zone_t *zone = ev->data;

    ngx_log_error(NGX_LOG_NOTICE, ev->log, 0,
                  "bigcache store \"%V\" is let go", &zone->path);
}

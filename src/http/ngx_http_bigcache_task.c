
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The way into a thread and back, as nginx's own modules go it.  While the
 * operation runs, r->main->blocked keeps the request and its pool alive,
 * whatever the client does; the thread sees the operation and nothing else of
 * the request.  No other file posts tasks for requests or touches blocked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/*
 * A worker that is to exit goes as soon as no timer keeps it: this one does,
 * for as long as the thread works, and is set again for that.
 */

#define NGX_HTTP_BIGCACHE_TASK_TIME  60000

/*
 * Tasks of one request, by its subrequests: nginx counts them, and what else
 * it waits for, in eight bits.
 */

#define NGX_HTTP_BIGCACHE_TASKS      192


static void ngx_http_bigcache_task_handler(void *data, ngx_log_t *log);
static void ngx_http_bigcache_task_event_handler(ngx_event_t *ev);
static void ngx_http_bigcache_resume(ngx_http_request_t *r);


typedef struct {
    bigcache_op_t   *op;
    bigcache_op_pt   run;
} ngx_http_bigcache_task_t;


ngx_int_t
ngx_http_bigcache_post(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    ngx_thread_task_t         *task;
    ngx_http_bigcache_task_t  *bt;

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_bigcache_task_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    bt = task->ctx;

    bt->op = &ctx->op;
    bt->run = ctx->route->op;

    task->handler = ngx_http_bigcache_task_handler;
    task->event.data = r;
    task->event.handler = ngx_http_bigcache_task_event_handler;
    task->event.log = r->connection->log;

    /* the content phase has installed a handler that does nothing */

    r->write_event_handler = ngx_http_bigcache_resume;

    if (r->main->blocked >= NGX_HTTP_BIGCACHE_TASKS
        || ngx_thread_task_post(ctx->zone->thread_pool, task) != NGX_OK)
    {
        /* the pool has logged why, if its queue is full */

        ctx->op.rc = BIGCACHE_UNAVAILABLE;
        (void) ngx_cpystrn((u_char *) ctx->op.reason,
                           (u_char *) "too many requests wait for the disk",
                           BIGCACHE_ERROR_LEN);

        return NGX_BUSY;
    }

    ngx_add_timer(&task->event, NGX_HTTP_BIGCACHE_TASK_TIME);

    r->main->blocked++;
    r->aio = 1;

    ctx->waiting = 1;

    if (ctx->zone->place) {
        atomic_fetch_add(&ctx->zone->place->waiting, 1);
    }

    return NGX_OK;
}


/* runs in a thread */

static void
ngx_http_bigcache_task_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_task_t *bt = data;

    bt->run(bt->op);
}


static void
ngx_http_bigcache_task_event_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_bigcache_ctx_t  *ctx;

    r = ev->data;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "http bigcache thread: \"%V\"", &r->uri);

    if (ev->timedout) {

        /* a purge or a gigabyte may take its time; nothing is cancelled */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_BIGCACHE_TASK_TIME);

        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    r->main->blocked--;
    r->aio = 0;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    ctx->waiting = 0;

    if (ctx->zone->place) {
        atomic_fetch_sub(&ctx->zone->place->waiting, 1);
    }

#if (nginx_version >= 1025004)

    if (r->main->terminated) {
        c->write->handler(c->write);
        return;
    }

#endif

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_bigcache_resume(ngx_http_request_t *r)
{
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx->waiting) {

        /* the connection became writable meanwhile */

        return;
    }

    ngx_http_finalize_request(r, ngx_http_bigcache_reply(r));
}

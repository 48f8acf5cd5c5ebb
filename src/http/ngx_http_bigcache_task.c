
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The way into a thread and back, as in nginx's own modules:
 *
 *     post        in the event loop: takes a turn if the operation is long
 *     run         puts the task into the queue of the thread pool, blocks the
 *                 end of the request, sets a timer
 *     handler     in a thread: runs the operation
 *     event       in the event loop again: unblocks, ends the turn
 *     resume      calls the front end's handler, and finalizes the request
 *
 * While the operation runs, r->main->blocked keeps the request and its pool
 * alive, even if the client leaves.  The thread sees only the operation, not
 * the request.  No other file posts tasks for requests or touches blocked.
 *
 * While a long operation waits for its turn, the request is not blocked.  If
 * the client leaves, nginx ends the request, and the cleanup of its pool
 * removes it from the queue.  A client that shuts down only its sending side
 * looks the same, and is treated the same.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/*
 * A worker that is shutting down exits when no timer keeps it alive.  This
 * timer does, and is set again while the thread works.
 */

#define NGX_HTTP_BIGCACHE_TASK_TIME  60000

/*
 * The most tasks of one request, which its subrequests make: nginx counts
 * them, and other things it waits for, in eight bits.
 */

#define NGX_HTTP_BIGCACHE_TASKS      192


static ngx_uint_t ngx_http_bigcache_long(ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_wait(ngx_http_request_t *r,
    ngx_thread_task_t *task);
static ngx_int_t ngx_http_bigcache_run(ngx_http_request_t *r,
    ngx_thread_task_t *task);
static ngx_int_t ngx_http_bigcache_run_post(ngx_http_bigcache_ctx_t *ctx,
    ngx_thread_task_t *task);
static ngx_int_t ngx_http_bigcache_busy(ngx_http_bigcache_ctx_t *ctx,
    const char *reason);
static void ngx_http_bigcache_task_handler(void *data, ngx_log_t *log);
static void ngx_http_bigcache_task_event_handler(ngx_event_t *ev);
static void ngx_http_bigcache_turn_taken(ngx_http_request_t *r,
    ngx_thread_task_t *task);
static void ngx_http_bigcache_turn_cleanup(void *data);
static void ngx_http_bigcache_waits(ngx_http_bigcache_ctx_t *ctx,
    ngx_uint_t waits);
static void ngx_http_bigcache_turns(ngx_http_bigcache_ctx_t *ctx,
    ngx_uint_t waits);
static void ngx_http_bigcache_resume(ngx_http_request_t *r);


typedef struct {
    ngx_http_bigcache_ctx_t   *ctx;         /* not for the thread */
    bigcache_op_t             *op;
    bigcache_op_pt             run;
    ngx_http_bigcache_pool_t  *pool;
    ngx_http_bigcache_turn_t   turn;
    unsigned                   waiting:1;   /* for its turn */
} ngx_http_bigcache_task_t;


static const char  ngx_http_bigcache_full[] =
                                       "too many requests wait for the disk";


ngx_int_t
ngx_http_bigcache_task_post(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_http_handler_pt handler)
{
    ngx_int_t                  rc;
    ngx_thread_task_t         *task;
    ngx_http_bigcache_task_t  *bt;

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_bigcache_task_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    bt = task->ctx;

    ctx->handler = handler;

    bt->ctx = ctx;
    bt->op = &ctx->op;
    bt->run = ctx->route->op;
    bt->pool = ctx->zone->pool;
    bt->turn.event = &task->event;

    task->handler = ngx_http_bigcache_task_handler;
    task->event.data = task;
    task->event.handler = ngx_http_bigcache_task_event_handler;
    task->event.log = r->connection->log;

    /* the content phase has set a handler that does nothing */

    r->write_event_handler = ngx_http_bigcache_resume;

    ctx->op.brief = !ngx_http_bigcache_long(ctx);

    if (ctx->op.brief) {
        return ngx_http_bigcache_run(r, task);
    }

    rc = ngx_http_bigcache_turn_take(bt->pool, &bt->turn,
                                  ctx->route->flags & NGX_HTTP_BIGCACHE_FIRST);

    switch (rc) {

    case NGX_OK:
        return ngx_http_bigcache_run(r, task);

    case NGX_AGAIN:
        return ngx_http_bigcache_wait(r, task);

    default:
        return ngx_http_bigcache_busy(ctx, "too many long requests wait");
    }
}


/*
 * only a thread finds out that a page is large, and then stops: the second run
 * is long
 */

static ngx_uint_t
ngx_http_bigcache_long(ngx_http_bigcache_ctx_t *ctx)
{
    return ctx->large
           || (ctx->route->flags & NGX_HTTP_BIGCACHE_LONG)
           || bigcache_data_length(&ctx->op.body, 1) > BIGCACHE_PAGE_LARGE;
}


static ngx_int_t
ngx_http_bigcache_wait(ngx_http_request_t *r, ngx_thread_task_t *task)
{
    ngx_event_t               *rev;
    ngx_pool_cleanup_t        *cln;
    ngx_http_bigcache_ctx_t   *ctx;
    ngx_http_bigcache_task_t  *bt;

    bt = task->ctx;
    ctx = bt->ctx;

    rev = r->connection->read;
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL || ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_bigcache_turn_end(&bt->turn);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_bigcache_turn_cleanup;
    cln->data = task;

    if (r == r->main) {
        r->read_event_handler = ngx_http_test_reading;

        /* if the client has left already, there will be no other event */

        if (rev->ready) {
            ngx_post_event(rev, &ngx_posted_events);
        }
    }

    /* the timer also keeps a worker that is shutting down alive */

    ngx_add_timer(&task->event, NGX_HTTP_BIGCACHE_TASK_TIME);

    bt->waiting = 1;

    ngx_http_bigcache_waits(ctx, 1);
    ngx_http_bigcache_turns(ctx, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_run(ngx_http_request_t *r, ngx_thread_task_t *task)
{
    ngx_http_bigcache_ctx_t   *ctx;
    ngx_http_bigcache_task_t  *bt;

    bt = task->ctx;
    ctx = bt->ctx;

    if (r->main->blocked >= NGX_HTTP_BIGCACHE_TASKS
        || ngx_http_bigcache_run_post(ctx, task) != NGX_OK)
    {
        /* if the queue of the pool is full, the pool has logged that */

        ngx_http_bigcache_turn_end(&bt->turn);

        return ngx_http_bigcache_busy(ctx, ngx_http_bigcache_full);
    }

    ngx_add_timer(&task->event, NGX_HTTP_BIGCACHE_TASK_TIME);

    r->main->blocked++;
    r->aio = 1;

    ngx_http_bigcache_waits(ctx, 1);

    return NGX_OK;
}


/* what may write, or take long, has a thread of its own */

static ngx_int_t
ngx_http_bigcache_run_post(ngx_http_bigcache_ctx_t *ctx,
    ngx_thread_task_t *task)
{
    if (ctx->op.brief && (ctx->route->flags & NGX_HTTP_BIGCACHE_READS)) {
        return ngx_http_bigcache_batch_post(ctx->zone->pool->batch, task);
    }

    return ngx_thread_task_post(ctx->zone->thread_pool, task);
}


static ngx_int_t
ngx_http_bigcache_busy(ngx_http_bigcache_ctx_t *ctx, const char *reason)
{
    ctx->op.rc = BIGCACHE_UNAVAILABLE;

    (void) ngx_cpystrn((u_char *) ctx->op.reason, (u_char *) reason,
                       BIGCACHE_ERROR_LEN);

    return NGX_BUSY;
}


/* runs in a thread */

static void
ngx_http_bigcache_task_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_task_t *bt = data;

    ngx_http_bigcache_turn_count_thread(bt->pool);

    bt->run(bt->op);
}


static void
ngx_http_bigcache_task_event_handler(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_thread_task_t         *task;
    ngx_http_request_t        *r;
    ngx_http_bigcache_ctx_t   *ctx;
    ngx_http_bigcache_task_t  *bt;

    task = ev->data;
    bt = task->ctx;
    ctx = bt->ctx;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "http bigcache thread: \"%V\"", &r->uri);

    if (ev->timedout) {

        /* a purge, or a gigabyte, takes long: the task goes on */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_BIGCACHE_TASK_TIME);

        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (bt->waiting) {
        ngx_http_bigcache_turn_taken(r, task);
        return;
    }

    ngx_http_bigcache_turn_end(&bt->turn);

    if (ev->error) {
        (void) ngx_http_bigcache_busy(ctx, ngx_http_bigcache_full);
    }

    r->main->blocked--;
    r->aio = 0;

    ngx_http_bigcache_waits(ctx, 0);

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
ngx_http_bigcache_turn_taken(ngx_http_request_t *r, ngx_thread_task_t *task)
{
    ngx_connection_t          *c;
    ngx_http_bigcache_ctx_t   *ctx;
    ngx_http_bigcache_task_t  *bt;

    bt = task->ctx;
    c = r->connection;
    ctx = bt->ctx;

    bt->waiting = 0;

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    ngx_http_bigcache_waits(ctx, 0);
    ngx_http_bigcache_turns(ctx, 0);

    if (ngx_http_bigcache_run(r, task) == NGX_OK) {
        return;
    }

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


/* the request has ended, maybe while it waited for its turn */

static void
ngx_http_bigcache_turn_cleanup(void *data)
{
    ngx_thread_task_t *task = data;

    ngx_http_bigcache_task_t  *bt;

    bt = task->ctx;

    if (!bt->waiting) {
        return;
    }

    bt->waiting = 0;

    if (task->event.posted) {
        ngx_delete_posted_event(&task->event);
    }

    if (task->event.timer_set) {
        ngx_del_timer(&task->event);
    }

    ngx_http_bigcache_waits(bt->ctx, 0);
    ngx_http_bigcache_turns(bt->ctx, 0);

    ngx_http_bigcache_turn_end(&bt->turn);
}


static void
ngx_http_bigcache_waits(ngx_http_bigcache_ctx_t *ctx, ngx_uint_t waits)
{
    ctx->waiting = waits;

    if (ctx->zone->place) {
        atomic_fetch_add(&ctx->zone->place->waiting, waits ? 1 : -1);
    }
}


static void
ngx_http_bigcache_turns(ngx_http_bigcache_ctx_t *ctx, ngx_uint_t waits)
{
    if (ctx->zone->place) {
        atomic_fetch_add(&ctx->zone->place->turns, waits ? 1 : -1);
    }
}


static void
ngx_http_bigcache_resume(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx->waiting) {

        /* the connection became writable, but the thread has not ended */

        return;
    }

    if (ctx->op.rc == BIGCACHE_AGAIN) {

        if (r->connection->error) {

            /* the client has left: the large page is not needed */

            ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
            return;
        }

        ctx->large = 1;

        rc = ngx_http_bigcache_task_post(r, ctx, ctx->handler);

        if (rc == NGX_OK) {
            return;
        }

        if (rc != NGX_BUSY) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    ngx_http_finalize_request(r, ctx->handler(r));
}

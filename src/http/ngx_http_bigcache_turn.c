
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Turns of long operations.  In each worker at most half of the threads of a
 * pool work on batches, purges, lists and large bodies, so that a plain GET or
 * POST always finds a free thread.  Other long operations wait here, in order,
 * without a thread.
 *
 * nginx does not tell modules how many threads a pool has, so this counts the
 * threads that have run an operation.  The thread that was idle longest runs
 * the next operation, so all threads soon have run one.  Until then fewer long
 * operations run at a time than would be allowed.
 *
 * All of this runs in the event loop, except counting a thread.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* requests that may wait for a turn; more are refused at once */

#define NGX_HTTP_BIGCACHE_TURNS  512


static ngx_uint_t ngx_http_bigcache_turn_free(ngx_http_bigcache_pool_t *pool);


ngx_http_bigcache_pool_t *
ngx_http_bigcache_turn_create_pool(ngx_pool_t *memory,
    ngx_thread_pool_t *thread_pool)
{
    ngx_http_bigcache_pool_t  *pool;

    pool = ngx_pcalloc(memory, sizeof(ngx_http_bigcache_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->batch = ngx_http_bigcache_batch_create(memory, thread_pool);
    if (pool->batch == NULL) {
        return NULL;
    }

    ngx_queue_init(&pool->waiting);

    return pool;
}


void
ngx_http_bigcache_turn_count_thread(ngx_http_bigcache_pool_t *pool)
{
    /* a thread belongs to one pool until it ends */

    static _Thread_local ngx_uint_t  counted;

    if (!counted) {
        counted = 1;
        atomic_fetch_add(&pool->threads, 1);
    }
}


ngx_int_t
ngx_http_bigcache_turn_take(ngx_http_bigcache_pool_t *pool,
    ngx_http_bigcache_turn_t *turn, ngx_uint_t first)
{
    turn->pool = pool;

    if (ngx_queue_empty(&pool->waiting) && ngx_http_bigcache_turn_free(pool)) {
        pool->taken++;
        turn->state = NGX_HTTP_BIGCACHE_TURN_TAKEN;

        return NGX_OK;
    }

    /*
     * requests to clear or close the cache may wait even when the queue is
     * full
     */

    if (pool->nwaiting >= (first ? 2 : 1) * NGX_HTTP_BIGCACHE_TURNS) {
        return NGX_BUSY;
    }

    pool->nwaiting++;
    turn->state = NGX_HTTP_BIGCACHE_TURN_WAITING;

    if (first) {
        ngx_queue_insert_head(&pool->waiting, &turn->queue);

    } else {
        ngx_queue_insert_tail(&pool->waiting, &turn->queue);
    }

    return NGX_AGAIN;
}


void
ngx_http_bigcache_turn_end(ngx_http_bigcache_turn_t *turn)
{
    ngx_http_bigcache_pool_t  *pool;

    pool = turn->pool;

    switch (turn->state) {

    case NGX_HTTP_BIGCACHE_TURN_WAITING:
        pool->nwaiting--;
        ngx_queue_remove(&turn->queue);
        break;

    case NGX_HTTP_BIGCACHE_TURN_TAKEN:
        pool->taken--;
        break;

    default:
        return;
    }

    turn->state = NGX_HTTP_BIGCACHE_TURN_NONE;

    while (!ngx_queue_empty(&pool->waiting)
           && ngx_http_bigcache_turn_free(pool))
    {
        turn = ngx_queue_data(ngx_queue_head(&pool->waiting),
                              ngx_http_bigcache_turn_t, queue);

        ngx_queue_remove(&turn->queue);

        pool->nwaiting--;
        pool->taken++;
        turn->state = NGX_HTTP_BIGCACHE_TURN_TAKEN;

        ngx_post_event(turn->event, &ngx_posted_events);
    }
}


static ngx_uint_t
ngx_http_bigcache_turn_free(ngx_http_bigcache_pool_t *pool)
{
    ngx_uint_t  most;

    most = atomic_load(&pool->threads) / 2;

    return pool->taken < ngx_max(most, 1);
}

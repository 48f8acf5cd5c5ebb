
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Jobs: what a thread does for no request, or for one that does not wait for
 * its end.  A job has memory of its own, so the request may end before it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* milliseconds: the timer keeps a worker that is shutting down alive */

#define NGX_HTTP_BIGCACHE_JOB_TIME  60000


static ngx_int_t ngx_http_bigcache_job_run(ngx_http_bigcache_job_t *job);
static ngx_int_t ngx_http_bigcache_job_run_post(ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_job_handler(void *data, ngx_log_t *log);
static void ngx_http_bigcache_job_event_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_bigcache_job_post(ngx_http_bigcache_job_t *job)
{
    ngx_thread_task_t  *task;

    task = &job->task;

    ngx_memzero(task, sizeof(ngx_thread_task_t));

    task->ctx = job;
    task->handler = ngx_http_bigcache_job_handler;
    task->event.data = job;
    task->event.handler = ngx_http_bigcache_job_event_handler;
    task->event.log = ngx_cycle->log;

    job->turn.event = &task->event;
    job->waiting = 0;

    if (!job->large) {
        return ngx_http_bigcache_job_run(job);
    }

    switch (ngx_http_bigcache_turn_take(job->zone->pool, &job->turn, 0)) {

    case NGX_OK:
        return ngx_http_bigcache_job_run(job);

    case NGX_AGAIN:
        job->waiting = 1;
        ngx_add_timer(&task->event, NGX_HTTP_BIGCACHE_JOB_TIME);
        return NGX_OK;

    default:
        return NGX_BUSY;
    }
}


static ngx_int_t
ngx_http_bigcache_job_run(ngx_http_bigcache_job_t *job)
{
    if (ngx_http_bigcache_job_run_post(job) != NGX_OK) {

        /* the queue of the pool is full, which the pool has logged */

        ngx_http_bigcache_turn_end(&job->turn);
        return NGX_BUSY;
    }

    ngx_add_timer(&job->task.event, NGX_HTTP_BIGCACHE_JOB_TIME);

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_job_run_post(ngx_http_bigcache_job_t *job)
{
    if (job->brief) {
        return ngx_http_bigcache_batch_post(job->zone->pool->batch,
                                            &job->task);
    }

    return ngx_thread_task_post(job->zone->thread_pool, &job->task);
}


/* runs in a thread */

static void
ngx_http_bigcache_job_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_job_t *job = data;

    ngx_http_bigcache_turn_count_thread(job->zone->pool);

    job->run(job);
}


static void
ngx_http_bigcache_job_event_handler(ngx_event_t *ev)
{
    ngx_http_bigcache_job_t  *job;

    job = ev->data;

    if (ev->timedout) {

        /* the job goes on */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_BIGCACHE_JOB_TIME);

        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (job->waiting) {
        job->waiting = 0;

        if (ngx_http_bigcache_job_run(job) == NGX_OK) {
            return;
        }

        job->failed = 1;
    }

    ngx_http_bigcache_turn_end(&job->turn);

    job->failed |= ev->error;

    job->done(job);
}

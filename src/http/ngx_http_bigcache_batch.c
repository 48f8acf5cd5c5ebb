
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Batches of short operations: reads of pages that the hot index does not know.
 * Most of them find the index and the page in memory, and take less time than
 * it takes to wake a thread and to tell the event loop of the result.  So a
 * thread runs several, one after the other:
 *
 *     post        puts a task into a queue of our own
 *     start       at the end of the round of the event loop: posts runs to the
 *                 thread pool of nginx, one for so many tasks
 *     run         in a thread: takes tasks from the queue until it is empty
 *     event       in the event loop: calls the event handlers of the tasks
 *
 * An operation that waits for the disk must not make others wait.  If more than
 * one of 64 runs has waited, or has worked for long, each task is posted to the
 * thread pool alone for a while.  And if the queue does not move for some two
 * milliseconds, the tasks in it are posted alone at once.
 *
 * The queue of the thread pool bounds ours: tasks that would need a run that
 * cannot be posted are refused.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <sys/resource.h>

#include "ngx_http_bigcache.h"


/* tasks of a run */

#define NGX_HTTP_BIGCACHE_BATCH       16

/* milliseconds between two looks at the queue, and looks without a change */

#define NGX_HTTP_BIGCACHE_BATCH_TICK  1
#define NGX_HTTP_BIGCACHE_BATCH_IDLE  2

/* the same while threads hang and nothing waits, after so many looks */

#define NGX_HTTP_BIGCACHE_BATCH_LONG  50
#define NGX_HTTP_BIGCACHE_BATCH_STILL  100

/* microseconds of processor time that a task may take in the mean */

#define NGX_HTTP_BIGCACHE_BATCH_WORK  100

/* milliseconds without batches */

#define NGX_HTTP_BIGCACHE_BATCH_REST  1000

/* runs without waiting that make up for one that has waited */

#define NGX_HTTP_BIGCACHE_BATCH_GOOD  64


typedef struct {
    ngx_thread_task_t         *first;
    ngx_thread_task_t        **last;
} ngx_http_bigcache_batch_queue_t;


typedef struct ngx_http_bigcache_batch_run_s  ngx_http_bigcache_batch_run_t;

struct ngx_http_bigcache_batch_run_s {
    ngx_thread_task_t                task;
    ngx_http_bigcache_batch_t       *batch;
    ngx_http_bigcache_batch_run_t   *next;      /* free */
    ngx_uint_t                       waited;
};


struct ngx_http_bigcache_batch_s {
    ngx_pool_t                      *memory;
    ngx_thread_pool_t               *thread_pool;

    /* of all threads */
    pthread_mutex_t                  mutex;
    ngx_http_bigcache_batch_queue_t  todo;
    ngx_http_bigcache_batch_queue_t  done;
    ngx_uint_t                       n;         /* in todo */
    ngx_uint_t                       runs;      /* that will take tasks */
    ngx_uint_t                       taken;     /* tasks, ever */

    /* of the event loop */
    ngx_http_bigcache_batch_run_t   *free;
    ngx_uint_t                       active;    /* runs not back yet */
    ngx_uint_t                       seen;      /* taken, at the last look */
    ngx_uint_t                       idle;      /* looks without a change */
    ngx_uint_t                       still;     /* the same, none waits */
    ngx_uint_t                       debt;      /* of runs that waited */
    ngx_event_t                      start;
    ngx_event_t                      tick;
    ngx_msec_t                       rest_until;
    unsigned                         rests:1;
};


static ngx_uint_t ngx_http_bigcache_batch_rests(
    ngx_http_bigcache_batch_t *batch);
static void ngx_http_bigcache_batch_rest(ngx_http_bigcache_batch_t *batch);
static void ngx_http_bigcache_batch_count(ngx_http_bigcache_batch_t *batch,
    ngx_uint_t waited);
static void ngx_http_bigcache_batch_start_handler(ngx_event_t *ev);
static void ngx_http_bigcache_batch_start(ngx_http_bigcache_batch_t *batch);
static ngx_int_t ngx_http_bigcache_batch_start_run(
    ngx_http_bigcache_batch_t *batch);
static ngx_http_bigcache_batch_run_t *ngx_http_bigcache_batch_get_run(
    ngx_http_bigcache_batch_t *batch);
static void ngx_http_bigcache_batch_run_handler(void *data, ngx_log_t *log);
static ngx_thread_task_t *ngx_http_bigcache_batch_next(
    ngx_http_bigcache_batch_t *batch, ngx_thread_task_t *task, ngx_uint_t n);
static ngx_uint_t ngx_http_bigcache_batch_waited(const struct rusage *before,
    const struct rusage *after, ngx_uint_t n);
static void ngx_http_bigcache_batch_event_handler(ngx_event_t *ev);
static void ngx_http_bigcache_batch_finish(ngx_http_bigcache_batch_t *batch);
static void ngx_http_bigcache_batch_tick_handler(ngx_event_t *ev);
static void ngx_http_bigcache_batch_spread(ngx_http_bigcache_batch_t *batch);
static void ngx_http_bigcache_batch_refuse(ngx_http_bigcache_batch_t *batch);
static ngx_thread_task_t *ngx_http_bigcache_batch_cut(
    ngx_http_bigcache_batch_t *batch, ngx_uint_t keep);
static void ngx_http_bigcache_batch_refuse_tasks(ngx_thread_task_t *task);
static void ngx_http_bigcache_batch_push(ngx_http_bigcache_batch_queue_t *queue,
    ngx_thread_task_t *task);


ngx_http_bigcache_batch_t *
ngx_http_bigcache_batch_create(ngx_pool_t *memory,
    ngx_thread_pool_t *thread_pool)
{
    ngx_http_bigcache_batch_t  *batch;

    batch = ngx_pcalloc(memory, sizeof(ngx_http_bigcache_batch_t));
    if (batch == NULL) {
        return NULL;
    }

    batch->memory = memory;
    batch->thread_pool = thread_pool;

    (void) pthread_mutex_init(&batch->mutex, NULL);

    batch->todo.last = &batch->todo.first;
    batch->done.last = &batch->done.first;

    batch->start.data = batch;
    batch->start.handler = ngx_http_bigcache_batch_start_handler;

    batch->tick.data = batch;
    batch->tick.handler = ngx_http_bigcache_batch_tick_handler;
    batch->tick.cancelable = 1;

    return batch;
}


ngx_int_t
ngx_http_bigcache_batch_post(ngx_http_bigcache_batch_t *batch,
    ngx_thread_task_t *task)
{
    ngx_uint_t  lacks;

    if (ngx_http_bigcache_batch_rests(batch)) {
        return ngx_thread_task_post(batch->thread_pool, task);
    }

    (void) pthread_mutex_lock(&batch->mutex);

    ngx_http_bigcache_batch_push(&batch->todo, task);
    batch->n++;

    lacks = (batch->n > batch->runs * NGX_HTTP_BIGCACHE_BATCH);

    (void) pthread_mutex_unlock(&batch->mutex);

    if (lacks && !batch->start.posted) {
        batch->start.log = ngx_cycle->log;
        ngx_post_event(&batch->start, &ngx_posted_events);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_bigcache_batch_rests(ngx_http_bigcache_batch_t *batch)
{
    if (batch->rests
        && (ngx_msec_int_t) (batch->rest_until - ngx_current_msec) <= 0)
    {
        batch->rests = 0;
    }

    return batch->rests;
}


static void
ngx_http_bigcache_batch_rest(ngx_http_bigcache_batch_t *batch)
{
    batch->rests = 1;
    batch->rest_until = ngx_current_msec + NGX_HTTP_BIGCACHE_BATCH_REST;

    /* after the rest the second run that waits begins the next one */

    batch->debt = NGX_HTTP_BIGCACHE_BATCH_GOOD;
}


static void
ngx_http_bigcache_batch_count(ngx_http_bigcache_batch_t *batch,
    ngx_uint_t waited)
{
    if (!waited) {
        batch->debt -= (batch->debt != 0);
        return;
    }

    batch->debt += NGX_HTTP_BIGCACHE_BATCH_GOOD;

    if (batch->debt > 2 * NGX_HTTP_BIGCACHE_BATCH_GOOD) {
        ngx_http_bigcache_batch_rest(batch);
    }
}


static void
ngx_http_bigcache_batch_start_handler(ngx_event_t *ev)
{
    ngx_http_bigcache_batch_finish(ev->data);
    ngx_http_bigcache_batch_start(ev->data);
}


static void
ngx_http_bigcache_batch_start(ngx_http_bigcache_batch_t *batch)
{
    ngx_uint_t  lacks;

    for ( ;; ) {

        (void) pthread_mutex_lock(&batch->mutex);

        lacks = (batch->n > batch->runs * NGX_HTTP_BIGCACHE_BATCH);
        batch->runs += lacks;

        (void) pthread_mutex_unlock(&batch->mutex);

        if (!lacks) {
            return;
        }

        if (ngx_http_bigcache_batch_start_run(batch) != NGX_OK) {
            ngx_http_bigcache_batch_refuse(batch);
            return;
        }
    }
}


static ngx_int_t
ngx_http_bigcache_batch_start_run(ngx_http_bigcache_batch_t *batch)
{
    ngx_http_bigcache_batch_run_t  *run;

    run = ngx_http_bigcache_batch_get_run(batch);

    if (run == NULL
        || ngx_thread_task_post(batch->thread_pool, &run->task) != NGX_OK)
    {
        return NGX_ERROR;
    }

    batch->free = run->next;
    batch->active++;

    if (batch->still > NGX_HTTP_BIGCACHE_BATCH_STILL
        && batch->tick.timer_set)
    {
        ngx_del_timer(&batch->tick);
    }

    batch->still = 0;

    if (!batch->tick.timer_set) {
        batch->idle = 0;
        batch->tick.log = ngx_cycle->log;
        ngx_add_timer(&batch->tick, NGX_HTTP_BIGCACHE_BATCH_TICK);
    }

    return NGX_OK;
}


/* returns the first of the free ones, which stays there, or NULL */

static ngx_http_bigcache_batch_run_t *
ngx_http_bigcache_batch_get_run(ngx_http_bigcache_batch_t *batch)
{
    ngx_http_bigcache_batch_run_t  *run;

    if (batch->free) {
        return batch->free;
    }

    run = ngx_pcalloc(batch->memory, sizeof(ngx_http_bigcache_batch_run_t));
    if (run == NULL) {
        return NULL;
    }

    run->batch = batch;
    run->task.ctx = run;
    run->task.handler = ngx_http_bigcache_batch_run_handler;
    run->task.event.data = run;
    run->task.event.handler = ngx_http_bigcache_batch_event_handler;
    run->task.event.log = ngx_cycle->log;

    batch->free = run;

    return run;
}


/* runs in a thread */

static void
ngx_http_bigcache_batch_run_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_batch_run_t *run = data;

    ngx_uint_t                  n;
    struct rusage               before, after;
    ngx_thread_task_t          *task;
    ngx_http_bigcache_batch_t  *batch;

    batch = run->batch;
    n = 0;

    (void) getrusage(RUSAGE_THREAD, &before);

    task = ngx_http_bigcache_batch_next(batch, NULL, n);

    while (task) {
        task->handler(task->ctx, log);
        n++;

        task = ngx_http_bigcache_batch_next(batch, task, n);
    }

    (void) getrusage(RUSAGE_THREAD, &after);

    run->waited = ngx_http_bigcache_batch_waited(&before, &after, n);
}


/* a run that gets no task must not ask again */

static ngx_thread_task_t *
ngx_http_bigcache_batch_next(ngx_http_bigcache_batch_t *batch,
    ngx_thread_task_t *done, ngx_uint_t n)
{
    ngx_thread_task_t  *task;

    (void) pthread_mutex_lock(&batch->mutex);

    if (done) {
        ngx_http_bigcache_batch_push(&batch->done, done);
    }

    task = (n < NGX_HTTP_BIGCACHE_BATCH) ? batch->todo.first : NULL;

    if (task) {
        batch->todo.first = task->next;

        if (task->next == NULL) {
            batch->todo.last = &batch->todo.first;
        }

        batch->n--;
        batch->taken++;

    } else {
        batch->runs--;
    }

    (void) pthread_mutex_unlock(&batch->mutex);

    return task;
}


/*
 * Returns 1 if a thread that ran n tasks meanwhile has read from the disk, has
 * waited for another process, or has worked for long.  Now and then a thread
 * waits for a lock: that does not count.
 */

static ngx_uint_t
ngx_http_bigcache_batch_waited(const struct rusage *before,
    const struct rusage *after, ngx_uint_t n)
{
    int64_t         us;
    struct timeval  user, sys;

    timersub(&after->ru_utime, &before->ru_utime, &user);
    timersub(&after->ru_stime, &before->ru_stime, &sys);

    us = (int64_t) (user.tv_sec + sys.tv_sec) * 1000000 + user.tv_usec
         + sys.tv_usec;

    return after->ru_majflt != before->ru_majflt
           || after->ru_inblock != before->ru_inblock
           || after->ru_nvcsw - before->ru_nvcsw > (long) (1 + n / 4)
           || (n && us > (int64_t) (n * NGX_HTTP_BIGCACHE_BATCH_WORK));
}


static void
ngx_http_bigcache_batch_event_handler(ngx_event_t *ev)
{
    ngx_http_bigcache_batch_t      *batch;
    ngx_http_bigcache_batch_run_t  *run;

    run = ev->data;
    batch = run->batch;

    run->next = batch->free;
    batch->free = run;
    batch->active--;

    ngx_http_bigcache_batch_count(batch, run->waited);
    ngx_http_bigcache_batch_finish(batch);
    ngx_http_bigcache_batch_start(batch);

    if (batch->active == 0 && batch->tick.timer_set) {
        ngx_del_timer(&batch->tick);
    }
}


/* as nginx does for the tasks that it runs */

static void
ngx_http_bigcache_batch_finish(ngx_http_bigcache_batch_t *batch)
{
    ngx_event_t        *ev;
    ngx_thread_task_t  *task, *next;

    (void) pthread_mutex_lock(&batch->mutex);

    task = batch->done.first;

    batch->done.first = NULL;
    batch->done.last = &batch->done.first;

    (void) pthread_mutex_unlock(&batch->mutex);

    for ( /* void */ ; task; task = next) {
        next = task->next;

        /* the handler may free the task */

        ev = &task->event;
        ev->complete = 1;

        ev->handler(ev);
    }
}


static void
ngx_http_bigcache_batch_tick_handler(ngx_event_t *ev)
{
    ngx_uint_t                  n, taken;
    ngx_http_bigcache_batch_t  *batch;

    batch = ev->data;

    (void) pthread_mutex_lock(&batch->mutex);

    n = batch->n;
    taken = batch->taken;

    (void) pthread_mutex_unlock(&batch->mutex);

    batch->idle = (n && taken == batch->seen) ? batch->idle + 1 : 0;
    batch->still = (n == 0 && taken == batch->seen) ? batch->still + 1 : 0;
    batch->seen = taken;

    ngx_http_bigcache_batch_finish(batch);

    if (batch->idle >= NGX_HTTP_BIGCACHE_BATCH_IDLE) {
        ngx_http_bigcache_batch_spread(batch);
    }

    if (batch->active) {
        ngx_add_timer(ev, (batch->still > NGX_HTTP_BIGCACHE_BATCH_STILL)
                          ? NGX_HTTP_BIGCACHE_BATCH_LONG
                          : NGX_HTTP_BIGCACHE_BATCH_TICK);
    }
}


/* each task that still waits goes to a thread of its own */

static void
ngx_http_bigcache_batch_spread(ngx_http_bigcache_batch_t *batch)
{
    ngx_thread_task_t  *task, *next;

    batch->idle = 0;

    ngx_http_bigcache_batch_rest(batch);

    task = ngx_http_bigcache_batch_cut(batch, 0);

    for ( /* void */ ; task; task = next) {
        next = task->next;

        if (ngx_thread_task_post(batch->thread_pool, task) != NGX_OK) {
            task->next = next;
            ngx_http_bigcache_batch_refuse_tasks(task);
            return;
        }
    }
}


/* the last run could not be posted */

static void
ngx_http_bigcache_batch_refuse(ngx_http_bigcache_batch_t *batch)
{
    ngx_uint_t  runs;

    (void) pthread_mutex_lock(&batch->mutex);
    runs = --batch->runs;
    (void) pthread_mutex_unlock(&batch->mutex);

    ngx_http_bigcache_batch_refuse_tasks(
                    ngx_http_bigcache_batch_cut(batch,
                                           runs * NGX_HTTP_BIGCACHE_BATCH));
}


/* returns the tasks after the first ones that stay in the queue */

static ngx_thread_task_t *
ngx_http_bigcache_batch_cut(ngx_http_bigcache_batch_t *batch, ngx_uint_t keep)
{
    ngx_uint_t           i;
    ngx_thread_task_t   *task, **last;

    (void) pthread_mutex_lock(&batch->mutex);

    last = &batch->todo.first;

    for (i = 0; i < keep && *last; i++) {
        last = &(*last)->next;
    }

    task = *last;
    *last = NULL;

    batch->todo.last = last;
    batch->n = i;

    (void) pthread_mutex_unlock(&batch->mutex);

    return task;
}


static void
ngx_http_bigcache_batch_refuse_tasks(ngx_thread_task_t *task)
{
    ngx_event_t        *ev;
    ngx_thread_task_t  *next;

    for ( /* void */ ; task; task = next) {
        next = task->next;

        ev = &task->event;
        ev->error = 1;

        ev->handler(ev);
    }
}


static void
ngx_http_bigcache_batch_push(ngx_http_bigcache_batch_queue_t *queue,
    ngx_thread_task_t *task)
{
    task->next = NULL;

    *queue->last = task;
    queue->last = &task->next;
}

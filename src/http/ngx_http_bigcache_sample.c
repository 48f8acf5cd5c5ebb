
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Takes samples of the metrics for the history.  Each worker has a timer that
 * wakes it just after the end of a slot, all at the same moment; the first one
 * takes the sample, so that a worker which is busy or gone is not missed.
 * Requests do nothing for it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"
#include "bigcache_time.h"


/* milliseconds after the end of a slot: nginx's clock may lag a little */

#define NGX_HTTP_BIGCACHE_SAMPLE_LATE   20

/* milliseconds for which the numbers of the store's owner are believed */

#define NGX_HTTP_BIGCACHE_SAMPLE_FRESH  60000


static void ngx_http_bigcache_sample_handler(ngx_event_t *ev);
static void ngx_http_bigcache_sample_state(ngx_http_bigcache_shm_t *shm,
    bigcache_history_state_t *state);
static void ngx_http_bigcache_sample_requests(bigcache_metrics_t *metrics,
    bigcache_history_state_t *state);
static void ngx_http_bigcache_sample_pages(
    const bigcache_page_metrics_sum_t *sum, bigcache_history_state_t *state);
static void ngx_http_bigcache_sample_store(bigcache_shared_t *shared,
    bigcache_history_state_t *state);


void
ngx_http_bigcache_sample_start(ngx_http_bigcache_zone_t *zone)
{
    ngx_event_t  *ev;

    if (zone->shm->history == NULL) {
        return;
    }

    ev = &zone->sample;

    ev->handler = ngx_http_bigcache_sample_handler;
    ev->data = zone;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, bigcache_history_wait(bigcache_time_now())
                      + NGX_HTTP_BIGCACHE_SAMPLE_LATE);
}


void
ngx_http_bigcache_sample_stop(ngx_http_bigcache_zone_t *zone)
{
    if (zone->sample.timer_set) {
        ngx_del_timer(&zone->sample);
    }
}


static void
ngx_http_bigcache_sample_handler(ngx_event_t *ev)
{
    uint32_t                   pid;
    bigcache_history_t        *history;
    bigcache_history_state_t   state;
    ngx_http_bigcache_zone_t  *zone;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    zone = ev->data;
    history = zone->shm->history;

    if (bigcache_history_due(history, bigcache_time_now())) {
        ngx_http_bigcache_sample_state(zone->shm, &state);
        pid = bigcache_history_take(history, &state);

        if (pid) {
            ngx_log_error(NGX_LOG_WARN, ev->log, 0,
                          "bigcache zone \"%V\": process %P has stopped "
                          "inside the history, which has a gap until that "
                          "process goes on or ends",
                          &zone->name, (ngx_pid_t) pid);
        }
    }

    ngx_add_timer(ev, bigcache_history_wait(bigcache_time_now())
                      + NGX_HTTP_BIGCACHE_SAMPLE_LATE);
}


static void
ngx_http_bigcache_sample_state(ngx_http_bigcache_shm_t *shm,
    bigcache_history_state_t *state)
{
    bigcache_page_metrics_sum_t  pages;

    ngx_memzero(state, sizeof(bigcache_history_state_t));

    state->wall = bigcache_time_now();
    state->monotonic = bigcache_time_monotonic();

    bigcache_page_metrics_sum(&shm->pages, &pages);

    ngx_http_bigcache_sample_requests(&shm->metrics, state);
    ngx_http_bigcache_sample_pages(&pages, state);
    ngx_http_bigcache_sample_store(&shm->shared, state);
}


/* what the REST API has counted */

static void
ngx_http_bigcache_sample_requests(bigcache_metrics_t *metrics,
    bigcache_history_state_t *state)
{
    uint64_t                  n, *counters;
    ngx_uint_t                i, metric;
    bigcache_metrics_sum_t    sum;

    counters = state->counters;

    for (metric = 0; metric < BIGCACHE_METRIC_N; metric++) {

        bigcache_metrics_sum(metrics, metric, &sum);

        for (i = 0; i < BIGCACHE_METRICS_STATUSES; i++) {
            n = sum.statuses[i];

            if (bigcache_metrics_codes[i] >= 500) {
                counters[BIGCACHE_HISTORY_ERRORS] += n;
            }

            if (bigcache_metrics_codes[i] == 503) {
                counters[BIGCACHE_HISTORY_UNAVAILABLE] += n;
            }

            /* not those of whoever watches the server */

            if (metric != BIGCACHE_METRIC_OTHER) {
                counters[BIGCACHE_HISTORY_REQUESTS] += n;
            }
        }

        if (metric == BIGCACHE_METRIC_SET || metric == BIGCACHE_METRIC_TOUCH
            || metric == BIGCACHE_METRIC_INCR)
        {
            /* the first status is 200 */

            counters[BIGCACHE_HISTORY_WRITES] += sum.statuses[0]
                                                 + sum.operations[0];
        }

        for (i = 0; metric && i < BIGCACHE_METRICS_BUCKETS; i++) {
            state->answers[i] += sum.buckets[i];
        }
    }

    counters[BIGCACHE_HISTORY_HITS] += atomic_load(&metrics->pages.hit);
    counters[BIGCACHE_HISTORY_MISSES] += atomic_load(&metrics->pages.miss);
    counters[BIGCACHE_HISTORY_REMOVED] += atomic_load(&metrics->pages.expire);
    counters[BIGCACHE_HISTORY_REMOVED] += atomic_load(&metrics->pages.deleted);
}


/* what page caching has counted */

static void
ngx_http_bigcache_sample_pages(const bigcache_page_metrics_sum_t *sum,
    bigcache_history_state_t *state)
{
    uint64_t    *counters;
    ngx_uint_t   i;

    counters = state->counters;

    for (i = BIGCACHE_PAGE_METRIC_HIT; i < BIGCACHE_PAGE_METRIC_COLLAPSED; i++)
    {
        counters[BIGCACHE_HISTORY_REQUESTS] += sum->n[i];
    }

    counters[BIGCACHE_HISTORY_HITS] += bigcache_page_metrics_hits(sum);
    counters[BIGCACHE_HISTORY_MISSES] += bigcache_page_metrics_misses(sum);
    counters[BIGCACHE_HISTORY_WRITES] += sum->n[BIGCACHE_PAGE_METRIC_STORED];
    counters[BIGCACHE_HISTORY_ERRORS] += sum->n[BIGCACHE_PAGE_METRIC_FAILED];

    for (i = 0; i < BIGCACHE_METRICS_BUCKETS; i++) {
        state->fetches[i] = sum->buckets[i];
    }
}


/* what the owner of the store has told */

static void
ngx_http_bigcache_sample_store(bigcache_shared_t *shared,
    bigcache_history_state_t *state)
{
    int64_t  at;

    state->counters[BIGCACHE_HISTORY_REMOVED] +=
                                        atomic_load(&shared->evicted_pages);

    at = atomic_load(&shared->counted_at);

    if (at == 0 || state->monotonic - at > NGX_HTTP_BIGCACHE_SAMPLE_FRESH) {
        state->entries = BIGCACHE_HISTORY_UNKNOWN;
        state->bytes = BIGCACHE_HISTORY_UNKNOWN;
        return;
    }

    state->entries = atomic_load(&shared->entries);
    state->bytes = atomic_load(&shared->bytes);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What there is to measure of a store, in the text format of Prometheus,
 * version 0.0.4.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


#define NGX_HTTP_BIGCACHE_METRICS_LINE    160
#define NGX_HTTP_BIGCACHE_METRICS_SIMPLE  32


static u_char *ngx_http_bigcache_metric(u_char *p, const char *name,
    const char *type, const char *help, uint64_t value);
static u_char *ngx_http_bigcache_metrics_requests(u_char *p,
    bigcache_metrics_sum_t *sums);
static u_char *ngx_http_bigcache_metrics_durations(u_char *p,
    bigcache_metrics_sum_t *sums);
static u_char *ngx_http_bigcache_metrics_pages(u_char *p,
    ngx_http_bigcache_ctx_t *ctx);
static u_char *ngx_http_bigcache_metrics_store(u_char *p,
    ngx_http_bigcache_ctx_t *ctx);


ngx_int_t
ngx_http_bigcache_reply_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    size_t                   size;
    u_char                  *p;
    ngx_uint_t               i;
    bigcache_metrics_t      *metrics;
    bigcache_metrics_sum_t   sums[BIGCACHE_METRIC_N];

    metrics = &ctx->zone->shm->metrics;

    for (i = 0; i < BIGCACHE_METRIC_N; i++) {
        bigcache_metrics_sum(metrics, i, &sums[i]);
    }

    size = NGX_HTTP_BIGCACHE_METRICS_LINE
           * (BIGCACHE_METRIC_N * (BIGCACHE_METRICS_STATUSES
                                   + BIGCACHE_METRICS_BUCKETS + 2)
              + 3 * NGX_HTTP_BIGCACHE_METRICS_SIMPLE);

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->op.reply[0] = bigcache_data_bytes(p, 0);
    ctx->op.nreply = 1;

    p = ngx_http_bigcache_metrics_requests(p, sums);
    p = ngx_http_bigcache_metrics_durations(p, sums);
    p = ngx_http_bigcache_metrics_pages(p, ctx);
    p = ngx_http_bigcache_metrics_store(p, ctx);

    ctx->op.reply[0].bytes.len = p - ctx->op.reply[0].bytes.data;

    ngx_str_set(&r->headers_out.content_type,
                "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = sizeof("text/plain") - 1;
    r->headers_out.content_type_lowcase = NULL;

    r->disable_not_modified = 1;

    return ngx_http_bigcache_send_reply(r, ctx);
}


static u_char *
ngx_http_bigcache_metric(u_char *p, const char *name, const char *type,
    const char *help, uint64_t value)
{
    return ngx_sprintf(p, "# HELP bigcache_%s %s\n# TYPE bigcache_%s %s\n"
                       "bigcache_%s %uL\n", name, help, name, type, name,
                       value);
}


static u_char *
ngx_http_bigcache_metrics_requests(u_char *p, bigcache_metrics_sum_t *sums)
{
    ngx_uint_t  i, n;

    p = ngx_sprintf(p, "# HELP bigcache_requests_total Requests, by what they "
                    "asked for and the status of the answer.\n"
                    "# TYPE bigcache_requests_total counter\n");

    for (n = 0; n < BIGCACHE_METRIC_N; n++) {
        for (i = 0; i < BIGCACHE_METRICS_STATUSES; i++) {

            /* those that are usual are there from the start */

            if (sums[n].statuses[i] == 0 && i) {
                continue;
            }

            p = ngx_sprintf(p, "bigcache_requests_total{operation=\"%s\",",
                            bigcache_metrics_names[n]);

            p = bigcache_metrics_codes[i]
                ? ngx_sprintf(p, "status=\"%ud\"} %uL\n",
                              bigcache_metrics_codes[i], sums[n].statuses[i])
                : ngx_sprintf(p, "status=\"other\"} %uL\n",
                              sums[n].statuses[i]);
        }
    }

    return p;
}


static u_char *
ngx_http_bigcache_metrics_durations(u_char *p, bigcache_metrics_sum_t *sums)
{
    uint64_t     bound;
    ngx_uint_t   i, n;
    const char  *name;

    p = ngx_sprintf(p, "# HELP bigcache_request_duration_seconds Time from the "
                    "request, its body included, to the answer.\n"
                    "# TYPE bigcache_request_duration_seconds histogram\n");

    for (n = 0; n < BIGCACHE_METRIC_N; n++) {

        name = bigcache_metrics_names[n];

        for (i = 0; i < BIGCACHE_METRICS_BUCKETS - 1; i++) {

            bound = bigcache_metrics_bounds[i];

            p = ngx_sprintf(p, "bigcache_request_duration_seconds_bucket"
                            "{operation=\"%s\",le=\"%uL.%06uL\"} %uL\n",
                            name, bound / 1000000, bound % 1000000,
                            sums[n].buckets[i]);
        }

        p = ngx_sprintf(p, "bigcache_request_duration_seconds_bucket"
                        "{operation=\"%s\",le=\"+Inf\"} %uL\n"
                        "bigcache_request_duration_seconds_sum"
                        "{operation=\"%s\"} %uL.%06uL\n"
                        "bigcache_request_duration_seconds_count"
                        "{operation=\"%s\"} %uL\n",
                        name, sums[n].buckets[i],
                        name, sums[n].microseconds / 1000000,
                        sums[n].microseconds % 1000000,
                        name, sums[n].buckets[i]);
    }

    return p;
}


static u_char *
ngx_http_bigcache_metrics_pages(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    bigcache_hot_stat_t       hot;
    bigcache_counters_t      *counters;

    counters = ctx->zone->counters;

    p = ngx_http_bigcache_metric(p, "hits_total", "counter",
                                 "Pages found.",
                                 atomic_load(&counters->hit));
    p = ngx_http_bigcache_metric(p, "misses_total", "counter",
                                 "Pages not found.",
                                 atomic_load(&counters->miss));
    p = ngx_http_bigcache_metric(p, "expired_total", "counter",
                                 "Pages that were removed when their time had "
                                 "come.",
                                 atomic_load(&counters->expire));
    p = ngx_http_bigcache_metric(p, "deleted_total", "counter",
                                 "Pages deleted, by key or by prefix.",
                                 atomic_load(&counters->deleted));
    p = ngx_http_bigcache_metric(p, "swept_total", "counter",
                                 "Expired pages that the sweep removed.",
                                 atomic_load(&counters->swept));
    p = ngx_http_bigcache_metric(p, "waiting_requests", "gauge",
                                 "Requests that a thread works on, or is to.",
                                 bigcache_metrics_waiting(
                                              &ctx->zone->shm->metrics));

    ngx_memzero(&hot, sizeof(bigcache_hot_stat_t));

    if (ctx->zone->conf.hot) {
        bigcache_hot_stat(ctx->zone->conf.hot, &hot);
    }

    p = ngx_http_bigcache_metric(p, "hot_entries", "gauge",
                                 "Entries of the hot index.", hot.entries);
    p = ngx_http_bigcache_metric(p, "hot_room", "gauge",
                                 "Entries that it has room for.", hot.room);
    p = ngx_http_bigcache_metric(p, "hot_bytes", "gauge",
                                 "Bytes that its entries take.", hot.bytes);
    p = ngx_http_bigcache_metric(p, "hot_hits_total", "counter",
                                 "Requests that it answered.", hot.hits);

    return p;
}


static u_char *
ngx_http_bigcache_metrics_store(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    bigcache_stat_t          *stat;
    bigcache_store_shared_t  *shared;

    stat = &ctx->op.stat;
    shared = &ctx->zone->shm->shared;

    p = ngx_http_bigcache_metric(p, "up", "gauge",
                                 "1 if the store is open, 0 if it was closed "
                                 "or cannot be opened.",
                                 ctx->op.up);
    p = ngx_http_bigcache_metric(p, "openings_total", "counter",
                                 "Times that a process became the owner of the "
                                 "directory.",
                                 atomic_load(&shared->openings));
    p = ngx_http_bigcache_metric(p, "compacted_segments_total", "counter",
                                 "Segments that were mostly dead and are "
                                 "gone.",
                                 atomic_load(&shared->compacted));
    p = ngx_http_bigcache_metric(p, "compacted_pages_total", "counter",
                                 "Pages that were moved out of them.",
                                 atomic_load(&shared->moved));
    p = ngx_http_bigcache_metric(p, "evicted_segments_total", "counter",
                                 "Segments removed for max_size or min_free.",
                                 atomic_load(&shared->evicted));
    p = ngx_http_bigcache_metric(p, "evicted_pages_total", "counter",
                                 "Live pages that were in them.",
                                 atomic_load(&shared->lost));

    if (!ctx->op.up) {
        return p;
    }

    p = ngx_http_bigcache_metric(p, "entries", "gauge",
                                 "Pages stored.", stat->keys);
    p = ngx_http_bigcache_metric(p, "segments", "gauge",
                                 "Segment files.", stat->segments);
    p = ngx_http_bigcache_metric(p, "bytes", "gauge",
                                 "Bytes in segments.", stat->bytes);
    p = ngx_http_bigcache_metric(p, "live_bytes", "gauge",
                                 "Bytes of them that pages take.",
                                 stat->live);

    return p;
}

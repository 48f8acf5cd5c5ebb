
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The reply of /metrics: all that is measured of a store, in the text format
 * of Prometheus, version 0.0.4.  Most numbers are in shared memory, the others
 * come from ngx_http_bigcache_gauges().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_release.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_api.h"


#define NGX_HTTP_BIGCACHE_METRICS_LINE    160
#define NGX_HTTP_BIGCACHE_METRICS_SIMPLE  48


static u_char *ngx_http_bigcache_metric(u_char *p, const char *name,
    const char *type, const char *help, uint64_t value);
static u_char *ngx_http_bigcache_metrics_requests(u_char *p,
    bigcache_metrics_sum_t *sums);
static u_char *ngx_http_bigcache_metrics_operations(u_char *p,
    bigcache_metrics_sum_t *sums);
static u_char *ngx_http_bigcache_metrics_code(u_char *p, ngx_uint_t i,
    uint64_t n);
static u_char *ngx_http_bigcache_metrics_durations(u_char *p,
    bigcache_metrics_sum_t *sums);
static u_char *ngx_http_bigcache_metrics_fronts(u_char *p,
    ngx_http_bigcache_ctx_t *ctx, const bigcache_page_metrics_sum_t *front);
static u_char *ngx_http_bigcache_metrics_pages(u_char *p,
    ngx_http_bigcache_ctx_t *ctx);
static u_char *ngx_http_bigcache_metrics_leases(u_char *p,
    bigcache_rest_lease_shm_t *shm);
static u_char *ngx_http_bigcache_metrics_unsynced(u_char *p,
    const bigcache_unsynced_t *unsynced);
static u_char *ngx_http_bigcache_metrics_cluster(u_char *p,
    ngx_http_bigcache_ctx_t *ctx);
static u_char *ngx_http_bigcache_metrics_store(u_char *p,
    ngx_http_bigcache_ctx_t *ctx);


ngx_int_t
ngx_http_bigcache_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    size_t                   size;
    u_char                  *p;
    ngx_uint_t               i;
    bigcache_metrics_t      *metrics;
    bigcache_metrics_sum_t   sums[BIGCACHE_METRIC_N];

    ngx_http_bigcache_servers_t  *servers;

    bigcache_page_metrics_sum_t  front;

    static ngx_str_t         type =
                         ngx_string("text/plain; version=0.0.4; charset=utf-8");

    metrics = &ctx->zone->shm->metrics;

    for (i = 0; i < BIGCACHE_METRIC_N; i++) {
        bigcache_metrics_sum(metrics, i, &sums[i]);
    }

    bigcache_page_metrics_sum(&ctx->zone->shm->pages, &front);

    servers = ngx_http_bigcache_servers(r, ctx);

    size = NGX_HTTP_BIGCACHE_METRICS_LINE
           * (BIGCACHE_METRIC_N * (2 * BIGCACHE_METRICS_STATUSES
                                   + BIGCACHE_METRICS_BUCKETS + 2)
              + 3 * NGX_HTTP_BIGCACHE_METRICS_SIMPLE)
           + ngx_http_bigcache_metrics_front_size()
           + ngx_http_bigcache_servers_metrics_size(servers);

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->op.reply[0] = bigcache_data_bytes(p, 0);
    ctx->op.nreply = 1;

    p = ngx_sprintf(p, "# HELP bigcache_info The version of the module.\n"
                    "# TYPE bigcache_info gauge\n"
                    "bigcache_info{version=\"" BIGCACHE_VERSION "\"} 1\n");

    p = ngx_http_bigcache_metrics_requests(p, sums);
    p = ngx_http_bigcache_metrics_operations(p, sums);
    p = ngx_http_bigcache_metrics_durations(p, sums);
    p = ngx_http_bigcache_metrics_fronts(p, ctx, &front);
    p = ngx_http_bigcache_metrics_pages(p, ctx);
    p = ngx_http_bigcache_metrics_leases(p, ctx->op.leases);
    p = ctx->zone->cluster ? ngx_http_bigcache_metrics_cluster(p, ctx)
                           : ngx_http_bigcache_metrics_store(p, ctx);
    p = ngx_http_bigcache_servers_metrics(p, servers);
    p = ngx_http_bigcache_metrics_front(p, &front);

    ctx->op.reply[0].bytes.len = p - ctx->op.reply[0].bytes.data;

    ngx_http_bigcache_send_type(r, &type);

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

            /* the usual ones are shown even if they are 0 */

            if (sums[n].statuses[i] == 0 && i) {
                continue;
            }

            p = ngx_sprintf(p, "bigcache_requests_total{operation=\"%s\",",
                            bigcache_metrics_names[n]);

            p = ngx_http_bigcache_metrics_code(p, i, sums[n].statuses[i]);
        }
    }

    return p;
}


static u_char *
ngx_http_bigcache_metrics_operations(u_char *p, bigcache_metrics_sum_t *sums)
{
    ngx_uint_t  i, n;

    p = ngx_sprintf(p, "# HELP bigcache_batch_operations_total Operations of "
                    "batches, by what each came to; a batch itself is a "
                    "request.\n"
                    "# TYPE bigcache_batch_operations_total counter\n");

    for (n = 0; n < BIGCACHE_METRIC_N; n++) {
        for (i = 0; i < BIGCACHE_METRICS_STATUSES; i++) {

            if (sums[n].operations[i] == 0
                && (n != BIGCACHE_METRIC_GET || i))
            {
                continue;
            }

            p = ngx_sprintf(p,
                            "bigcache_batch_operations_total{operation=\"%s\",",
                            bigcache_metrics_names[n]);

            p = ngx_http_bigcache_metrics_code(p, i, sums[n].operations[i]);
        }
    }

    return p;
}


static u_char *
ngx_http_bigcache_metrics_code(u_char *p, ngx_uint_t i, uint64_t n)
{
    return bigcache_metrics_codes[i]
           ? ngx_sprintf(p, "status=\"%ud\"} %uL\n",
                         bigcache_metrics_codes[i], n)
           : ngx_sprintf(p, "status=\"other\"} %uL\n", n);
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


/*
 * The results for pages by front: the REST API, or page caching.  There a hit
 * came from the store, and for a miss the upstream was asked.
 */

static u_char *
ngx_http_bigcache_metrics_fronts(u_char *p, ngx_http_bigcache_ctx_t *ctx,
    const bigcache_page_metrics_sum_t *front)
{
    bigcache_metrics_pages_t  *pages;

    pages = &ctx->zone->shm->metrics.pages;

    p = ngx_sprintf(p, "# HELP bigcache_hits_total Pages found.\n"
                    "# TYPE bigcache_hits_total counter\n"
                    "bigcache_hits_total{front=\"rest\"} %uL\n"
                    "bigcache_hits_total{front=\"pages\"} %uL\n",
                    (uint64_t) atomic_load(&pages->hit),
                    bigcache_page_metrics_hits(front));

    return ngx_sprintf(p, "# HELP bigcache_misses_total Pages not found, or "
                       "not fresh.\n"
                       "# TYPE bigcache_misses_total counter\n"
                       "bigcache_misses_total{front=\"rest\"} %uL\n"
                       "bigcache_misses_total{front=\"pages\"} %uL\n",
                       (uint64_t) atomic_load(&pages->miss),
                       bigcache_page_metrics_misses(front));
}


static u_char *
ngx_http_bigcache_metrics_pages(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    uint64_t                   waiting, turns;
    bigcache_hot_stat_t        hot;
    bigcache_metrics_pages_t  *pages;

    pages = &ctx->zone->shm->metrics.pages;
    waiting = bigcache_metrics_waiting(&ctx->zone->shm->metrics, &turns);

    p = ngx_http_bigcache_metric(p, "expired_total", "counter",
                                 "Pages that were removed when their time had "
                                 "come.",
                                 atomic_load(&pages->expire));
    p = ngx_http_bigcache_metric(p, "deleted_total", "counter",
                                 "Pages deleted, by key or by prefix.",
                                 atomic_load(&pages->deleted));
    p = ngx_http_bigcache_metric(p, "swept_total", "counter",
                                 "Expired pages that the sweep removed.",
                                 atomic_load(&pages->swept));
    p = ngx_http_bigcache_metric(p, "waiting_requests", "gauge",
                                 "Requests that a thread works on, or is to.",
                                 waiting);
    p = ngx_http_bigcache_metric(p, "waiting_turns", "gauge",
                                 "Those of them that are long and wait for "
                                 "others so.",
                                 turns);

    ngx_memzero(&hot, sizeof(bigcache_hot_stat_t));

    if (ctx->zone->hot.shm) {
        bigcache_hot_stat(&ctx->zone->hot, &hot);
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
ngx_http_bigcache_metrics_leases(u_char *p, bigcache_rest_lease_shm_t *shm)
{
    bigcache_rest_lease_stat_t  stat;

    ngx_memzero(&stat, sizeof(bigcache_rest_lease_stat_t));

    if (shm) {
        bigcache_rest_lease_stat(shm, bigcache_time_monotonic(), &stat);
    }

    p = ngx_http_bigcache_metric(p, "leases", "gauge",
                                 "Leases that clients of the REST API have.",
                                 stat.held);
    p = ngx_http_bigcache_metric(p, "leases_room", "gauge",
                                 "Leases that there is room for.", stat.room);
    p = ngx_http_bigcache_metric(p, "leases_given_total", "counter",
                                 "Leases that clients got.", stat.given);
    p = ngx_http_bigcache_metric(p, "leases_waited_total", "counter",
                                 "Requests that waited for the client that had "
                                 "the lease.",
                                 stat.waited);
    p = ngx_http_bigcache_metric(p, "leases_timed_out_total", "counter",
                                 "Leases whose time was over.",
                                 stat.timed_out);
    p = ngx_http_bigcache_metric(p, "leases_returned_total", "counter",
                                 "Leases that ended without an entry: given "
                                 "back, or of no use.",
                                 stat.returned);
    p = ngx_http_bigcache_metric(p, "leases_removed_total", "counter",
                                 "Leases that a removal of their key ended.",
                                 stat.removed);
    p = ngx_http_bigcache_metric(p, "leases_late_total", "counter",
                                 "Writes with the token of a lease that had "
                                 "ended.",
                                 stat.late);
    p = ngx_http_bigcache_metric(p, "leases_refused_total", "counter",
                                 "Times that an address had too many leases.",
                                 stat.refused);

    return ngx_http_bigcache_metric(p, "leases_full_total", "counter",
                                    "Times that there was no room for one.",
                                    stat.full);
}


static u_char *
ngx_http_bigcache_metrics_unsynced(u_char *p,
    const bigcache_unsynced_t *unsynced)
{
    uint64_t  ms;

    ms = (uint64_t) bigcache_unsynced_age(unsynced);

    return ngx_sprintf(p, "# HELP bigcache_unsynced_seconds Age of the oldest "
                       "write that a power cut could take back.\n"
                       "# TYPE bigcache_unsynced_seconds gauge\n"
                       "bigcache_unsynced_seconds %uL.%03uL\n",
                       ms / 1000, ms % 1000);
}


/* of a store in a cluster, in place of those of a directory */

static u_char *
ngx_http_bigcache_metrics_cluster(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    bigcache_servers_t  *servers;

    servers = &ctx->zone->shm->servers;

    p = ngx_http_bigcache_metric(p, "up", "gauge",
                                 "1 if the store has answered, 0 if it is "
                                 "closed, cannot be opened, or is not heard "
                                 "of within a second.",
                                 ctx->op.up);
    p = ngx_http_bigcache_metric(p, "cluster_commands_total", "counter",
                                 "Commands sent to the servers of the cluster.",
                                 atomic_load(&servers->commands));
    p = ngx_http_bigcache_metric(p, "cluster_connects_total", "counter",
                                 "Connections made to them.",
                                 atomic_load(&servers->connects));
    p = ngx_http_bigcache_metric(p, "cluster_failures_total", "counter",
                                 "Connections that could not be made, broke, "
                                 "or did not answer in time.",
                                 atomic_load(&servers->failures));
    p = ngx_http_bigcache_metric(p, "cluster_redirects_total", "counter",
                                 "Answers that sent a command to another "
                                 "server.",
                                 atomic_load(&servers->redirects));
    p = ngx_http_bigcache_metric(p, "cluster_retries_total", "counter",
                                 "Commands sent again, for any reason.",
                                 atomic_load(&servers->retries));
    p = ngx_http_bigcache_metric(p, "cluster_refreshes_total", "counter",
                                 "Times that the servers were asked which of "
                                 "them has which slots.",
                                 atomic_load(&servers->refreshes));

    if (!ctx->op.up) {
        return p;
    }

    return ngx_http_bigcache_metric(p, "entries", "gauge", "Pages stored.",
                                    ctx->op.stat.keys);
}


static u_char *
ngx_http_bigcache_metrics_store(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    bigcache_stat_t    *stat;
    bigcache_shared_t  *shared;

    stat = &ctx->op.stat;
    shared = &ctx->zone->shm->shared;

    p = ngx_http_bigcache_metric(p, "up", "gauge",
                                 "1 if the store has answered, 0 if it is "
                                 "closed, cannot be opened, or is not heard "
                                 "of within a second.",
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
    p = ngx_http_bigcache_metric(p, "max_bytes", "gauge",
                                 "What max_size allows the directory; 0 if it "
                                 "has no limit.",
                                 ctx->zone->max_size);
    p = ngx_http_bigcache_metric(p, "evicted_segments_total", "counter",
                                 "Segments removed for max_size or min_free.",
                                 atomic_load(&shared->evicted));
    p = ngx_http_bigcache_metric(p, "evicted_pages_total", "counter",
                                 "Live pages that were in them.",
                                 atomic_load(&shared->evicted_pages));
    p = ngx_http_bigcache_metric(p, "evicted_age_seconds", "gauge",
                                 "Age of the segment that was evicted last; "
                                 "pages that compaction moved there may be "
                                 "older.",
                                 atomic_load(&shared->evicted_age));

    p = ngx_http_bigcache_metric(p, "syncs_total", "counter",
                                 "Times that what was written was synced.",
                                 atomic_load(&shared->syncs));
    p = ngx_http_bigcache_metric(p, "sync_failures_total", "counter",
                                 "Times that this failed.",
                                 atomic_load(&shared->sync_failures));
    p = ngx_http_bigcache_metrics_unsynced(p, &shared->unsynced);

    if (!ctx->op.up) {
        return p;
    }

    p = ngx_http_bigcache_metric(p, "segments", "gauge",
                                 "Segment files.", stat->segments);
    p = ngx_http_bigcache_metric(p, "bytes", "gauge",
                                 "Bytes in segments.", stat->bytes);

    if (stat->disk_free != UINT64_MAX) {
        p = ngx_http_bigcache_metric(p, "disk_free_bytes", "gauge",
                                     "Bytes that are free on the file system "
                                     "of the store.", stat->disk_free);
    }

    /* after a crash pages are counted while requests are served */

    if (!stat->counted) {
        return p;
    }

    p = ngx_http_bigcache_metric(p, "entries", "gauge",
                                 "Pages stored.", stat->keys);
    p = ngx_http_bigcache_metric(p, "live_bytes", "gauge",
                                 "Bytes of them that pages take.",
                                 stat->live);

    return p;
}

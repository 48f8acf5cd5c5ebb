
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


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_pages_rows[] = {

    { "expired_total", "Pages that were removed when their time had come.",
      offsetof(bigcache_metrics_pages_t, expire) },

    { "deleted_total", "Pages deleted, by key or by prefix.",
      offsetof(bigcache_metrics_pages_t, deleted) },

    { "swept_total", "Expired pages that the sweep removed.",
      offsetof(bigcache_metrics_pages_t, swept) },

    { NULL, NULL, 0 }
};


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_hot_rows[] = {

    { "hot_entries", "Entries of the hot index.",
      offsetof(bigcache_hot_stat_t, entries) },

    { "hot_room", "Entries that it has room for.",
      offsetof(bigcache_hot_stat_t, room) },

    { "hot_bytes", "Bytes that its entries take.",
      offsetof(bigcache_hot_stat_t, bytes) },

    { "hot_hits_total", "Requests that it answered.",
      offsetof(bigcache_hot_stat_t, hits) },

    { NULL, NULL, 0 }
};


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_lease_rows[] = {

    { "leases", "Leases that clients of the REST API have.",
      offsetof(bigcache_rest_lease_stat_t, held) },

    { "leases_room", "Leases that there is room for.",
      offsetof(bigcache_rest_lease_stat_t, room) },

    { "leases_given_total", "Leases that clients got.",
      offsetof(bigcache_rest_lease_stat_t, given) },

    { "leases_waited_total",
      "Requests that waited for the client that had the lease.",
      offsetof(bigcache_rest_lease_stat_t, waited) },

    { "leases_timed_out_total", "Leases whose time was over.",
      offsetof(bigcache_rest_lease_stat_t, timed_out) },

    { "leases_returned_total",
      "Leases that ended without an entry: given back, or of no use.",
      offsetof(bigcache_rest_lease_stat_t, returned) },

    { "leases_removed_total", "Leases that a removal of their key ended.",
      offsetof(bigcache_rest_lease_stat_t, removed) },

    { "leases_late_total", "Writes with the token of a lease that had ended.",
      offsetof(bigcache_rest_lease_stat_t, late) },

    { "leases_refused_total", "Times that an address had too many leases.",
      offsetof(bigcache_rest_lease_stat_t, refused) },

    { "leases_full_total", "Times that there was no room for one.",
      offsetof(bigcache_rest_lease_stat_t, full) },

    { NULL, NULL, 0 }
};


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_cluster_rows[] = {

    { "cluster_commands_total", "Commands sent to the servers of the cluster.",
      offsetof(bigcache_servers_t, commands) },

    { "cluster_connects_total", "Connections made to them.",
      offsetof(bigcache_servers_t, connects) },

    { "cluster_failures_total",
      "Connections that could not be made, broke, or did not answer in time.",
      offsetof(bigcache_servers_t, failures) },

    { "cluster_redirects_total",
      "Answers that sent a command to another server.",
      offsetof(bigcache_servers_t, redirects) },

    { "cluster_retries_total", "Commands sent again, for any reason.",
      offsetof(bigcache_servers_t, retries) },

    { "cluster_refreshes_total",
      "Times that the servers were asked which of them has which slots.",
      offsetof(bigcache_servers_t, refreshes) },

    { NULL, NULL, 0 }
};


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_compact_rows[] = {

    { "openings_total",
      "Times that a process became the owner of the directory.",
      offsetof(bigcache_shared_t, openings) },

    { "compacted_segments_total",
      "Segments that were mostly dead and are gone.",
      offsetof(bigcache_shared_t, compacted) },

    { "compacted_pages_total", "Pages that were moved out of them.",
      offsetof(bigcache_shared_t, moved) },

    { NULL, NULL, 0 }
};


static const ngx_http_bigcache_metric_t  ngx_http_bigcache_evict_rows[] = {

    { "evicted_segments_total", "Segments removed for max_size or min_free.",
      offsetof(bigcache_shared_t, evicted) },

    { "evicted_pages_total", "Live pages that were in them.",
      offsetof(bigcache_shared_t, evicted_pages) },

    { "evicted_age_seconds", "Age of the segment that was evicted last; "
      "pages that compaction moved there may be older.",
      offsetof(bigcache_shared_t, evicted_age) },

    { "syncs_total", "Times that what was written was synced.",
      offsetof(bigcache_shared_t, syncs) },

    { "sync_failures_total", "Times that this failed.",
      offsetof(bigcache_shared_t, sync_failures) },

    { NULL, NULL, 0 }
};


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

    p = ngx_http_bigcache_metrics_text_head(p, "info",
                                            "The version of the module.");
    p = ngx_sprintf(p, "bigcache_info{version=\"" BIGCACHE_VERSION "\"} 1\n");

    p = ngx_http_bigcache_metrics_requests(p, sums);
    p = ngx_http_bigcache_metrics_operations(p, sums);
    p = ngx_http_bigcache_metrics_durations(p, sums);
    p = ngx_http_bigcache_metrics_fronts(p, ctx, &front);
    p = ngx_http_bigcache_metrics_pages(p, ctx);
    p = ngx_http_bigcache_metrics_leases(p, ctx->op.leases);
    p = ngx_http_bigcache_metrics_text(p, "up", "1 if the store has answered, "
                                       "0 if it is closed, cannot be opened, "
                                       "or is not heard of within a second.",
                                       ctx->op.up);
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
ngx_http_bigcache_metrics_requests(u_char *p, bigcache_metrics_sum_t *sums)
{
    ngx_uint_t  i, n;

    p = ngx_http_bigcache_metrics_text_head(p, "requests_total",
                                            "Requests, by what they asked for "
                                            "and the status of the answer.");

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

    p = ngx_http_bigcache_metrics_text_head(p, "batch_operations_total",
                                            "Operations of batches, by what "
                                            "each came to; a batch itself is "
                                            "a request.");

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
    u_char      label[64];
    ngx_uint_t  n;

    p = ngx_sprintf(p, "# HELP bigcache_request_duration_seconds Time from the "
                    "request, its body included, to the answer.\n"
                    "# TYPE bigcache_request_duration_seconds histogram\n");

    for (n = 0; n < BIGCACHE_METRIC_N; n++) {

        (void) ngx_snprintf(label, sizeof(label), "operation=\"%s\"%Z",
                            bigcache_metrics_names[n]);

        p = ngx_http_bigcache_metrics_text_buckets(p,
                                                   "request_duration_seconds",
                                                   (char *) label,
                                                   sums[n].buckets,
                                                   sums[n].microseconds);
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

    p = ngx_http_bigcache_metrics_text_head(p, "hits_total", "Pages found.");
    p = ngx_sprintf(p, "bigcache_hits_total{front=\"rest\"} %uL\n"
                    "bigcache_hits_total{front=\"pages\"} %uL\n",
                    (uint64_t) atomic_load(&pages->hit),
                    bigcache_page_metrics_hits(front));

    p = ngx_http_bigcache_metrics_text_head(p, "misses_total",
                                            "Pages not found, or not fresh.");

    return ngx_sprintf(p, "bigcache_misses_total{front=\"rest\"} %uL\n"
                       "bigcache_misses_total{front=\"pages\"} %uL\n",
                       (uint64_t) atomic_load(&pages->miss),
                       bigcache_page_metrics_misses(front));
}


static u_char *
ngx_http_bigcache_metrics_pages(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    uint64_t             waiting, turns;
    bigcache_metrics_t  *metrics;
    bigcache_hot_stat_t  hot;

    metrics = &ctx->zone->shm->metrics;
    waiting = bigcache_metrics_waiting(metrics, &turns);

    p = ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_pages_rows,
                                            &metrics->pages);
    p = ngx_http_bigcache_metrics_text(p, "waiting_requests", "Requests that a "
                                       "thread works on, or is to.", waiting);
    p = ngx_http_bigcache_metrics_text(p, "waiting_turns", "Those of them that "
                                       "are long and wait for others so.",
                                       turns);

    ngx_memzero(&hot, sizeof(bigcache_hot_stat_t));

    if (ctx->zone->hot.shm) {
        bigcache_hot_stat(&ctx->zone->hot, &hot);
    }

    return ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_hot_rows,
                                               &hot);
}


static u_char *
ngx_http_bigcache_metrics_leases(u_char *p, bigcache_rest_lease_shm_t *shm)
{
    bigcache_rest_lease_stat_t  stat;

    ngx_memzero(&stat, sizeof(bigcache_rest_lease_stat_t));

    if (shm) {
        bigcache_rest_lease_stat(shm, bigcache_time_monotonic(), &stat);
    }

    return ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_lease_rows,
                                               &stat);
}


static u_char *
ngx_http_bigcache_metrics_unsynced(u_char *p,
    const bigcache_unsynced_t *unsynced)
{
    uint64_t  ms;

    ms = (uint64_t) bigcache_unsynced_age(unsynced);

    p = ngx_http_bigcache_metrics_text_head(p, "unsynced_seconds",
                                            "Age of the oldest write that a "
                                            "power cut could take back.");

    return ngx_sprintf(p, "bigcache_unsynced_seconds %uL.%03uL\n", ms / 1000,
                       ms % 1000);
}


/* of a store in a cluster, in place of those of a directory */

static u_char *
ngx_http_bigcache_metrics_cluster(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    p = ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_cluster_rows,
                                            &ctx->zone->shm->servers);

    return ctx->op.up
           ? ngx_http_bigcache_metrics_text(p, "entries", "Pages stored.",
                                            ctx->op.stat.keys)
           : p;
}


static u_char *
ngx_http_bigcache_metrics_store(u_char *p, ngx_http_bigcache_ctx_t *ctx)
{
    bigcache_stat_t    *stat;
    bigcache_shared_t  *shared;

    stat = &ctx->op.stat;
    shared = &ctx->zone->shm->shared;

    p = ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_compact_rows,
                                            shared);
    p = ngx_http_bigcache_metrics_text(p, "max_bytes", "What max_size allows "
                                       "the directory; 0 if it has no limit.",
                                       ctx->zone->max_size);
    p = ngx_http_bigcache_metrics_text_rows(p, ngx_http_bigcache_evict_rows,
                                            shared);
    p = ngx_http_bigcache_metrics_unsynced(p, &shared->unsynced);

    if (!ctx->op.up) {
        return p;
    }

    p = ngx_http_bigcache_metrics_text(p, "segments", "Segment files.",
                                       stat->segments);
    p = ngx_http_bigcache_metrics_text(p, "bytes", "Bytes in segments.",
                                       stat->bytes);

    if (stat->disk_free != UINT64_MAX) {
        p = ngx_http_bigcache_metrics_text(p, "disk_free_bytes", "Bytes that "
                                           "are free on the file system of "
                                           "the store.", stat->disk_free);
    }

    /* after a crash pages are counted while requests are served */

    if (!stat->counted) {
        return p;
    }

    p = ngx_http_bigcache_metrics_text(p, "entries", "Pages stored.",
                                       stat->keys);

    return ngx_http_bigcache_metrics_text(p, "live_bytes", "Bytes of them that "
                                          "pages take.", stat->live);
}


/*
 * Copyright (C) bigcache contributors
 */


/* the part of /metrics that is about page caching */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


#define NGX_HTTP_BIGCACHE_METRICS_FRONT_LINE   160
#define NGX_HTTP_BIGCACHE_METRICS_FRONT_LINES  90


static u_char *ngx_http_bigcache_metrics_front_group(u_char *p,
    const bigcache_page_metrics_sum_t *sum, ngx_uint_t begin, ngx_uint_t end,
    const char *name, const char *label, const char *help);


/* the values of labels, and the names of the rest */

static const char *const  ngx_http_bigcache_front_names[] = {
    [BIGCACHE_PAGE_METRIC_HIT] = "HIT",
    [BIGCACHE_PAGE_METRIC_STALE] = "STALE",
    [BIGCACHE_PAGE_METRIC_UPDATING] = "UPDATING",
    [BIGCACHE_PAGE_METRIC_REVALIDATED] = "REVALIDATED",
    [BIGCACHE_PAGE_METRIC_MISS] = "MISS",
    [BIGCACHE_PAGE_METRIC_EXPIRED] = "EXPIRED",
    [BIGCACHE_PAGE_METRIC_BYPASS] = "BYPASS",
    [BIGCACHE_PAGE_METRIC_REQUEST] = "request",
    [BIGCACHE_PAGE_METRIC_PRIVATE] = "private",
    [BIGCACHE_PAGE_METRIC_UNCACHEABLE] = "uncacheable",
    [BIGCACHE_PAGE_METRIC_RARE] = "rare",
    [BIGCACHE_PAGE_METRIC_UNAVAILABLE] = "unavailable",
    [BIGCACHE_PAGE_METRIC_COLLAPSED] = "collapsed",
    [BIGCACHE_PAGE_METRIC_REFRESHED] = "refreshes",
    [BIGCACHE_PAGE_METRIC_FAILED] = "failures",
    [BIGCACHE_PAGE_METRIC_STORED] = "stored",
    [BIGCACHE_PAGE_METRIC_NOT_STORED] = "not_stored",
    [BIGCACHE_PAGE_METRIC_PURGES] = "purges",
    [BIGCACHE_PAGE_METRIC_PURGE_REFUSED] = "purges_refused"
};

static const char *const  ngx_http_bigcache_front_help[] = {
    [BIGCACHE_PAGE_METRIC_COLLAPSED] =
        "Requests that waited for the fetch of another one and got its page.",
    [BIGCACHE_PAGE_METRIC_REFRESHED] =
        "Fetches of stale pages in the background.",
    [BIGCACHE_PAGE_METRIC_FAILED] =
        "Fetches that the upstream has failed.",
    [BIGCACHE_PAGE_METRIC_STORED] =
        "Pages that were stored after a fetch.",
    [BIGCACHE_PAGE_METRIC_NOT_STORED] =
        "Pages that were fetched and could not be stored, or were removed "
        "meanwhile.",
    [BIGCACHE_PAGE_METRIC_PURGES] =
        "Requests of bigcache_purge that were carried out.",
    [BIGCACHE_PAGE_METRIC_PURGE_REFUSED] =
        "Requests of bigcache_purge from addresses that may not purge."
};


size_t
ngx_http_bigcache_metrics_front_size(void)
{
    return NGX_HTTP_BIGCACHE_METRICS_FRONT_LINE
           * NGX_HTTP_BIGCACHE_METRICS_FRONT_LINES;
}


u_char *
ngx_http_bigcache_metrics_front(u_char *p,
    const bigcache_page_metrics_sum_t *sum)
{
    u_char      name[64];
    ngx_uint_t  i;

    p = ngx_http_bigcache_metrics_front_group(p, sum, BIGCACHE_PAGE_METRIC_HIT,
                                              BIGCACHE_PAGE_METRIC_REQUEST,
                                              "pages_requests_total", "status",
                                              "Requests of page caching, by "
                                              "what became of them.");

    p = ngx_http_bigcache_metrics_front_group(p, sum,
                                              BIGCACHE_PAGE_METRIC_REQUEST,
                                              BIGCACHE_PAGE_METRIC_COLLAPSED,
                                              "pages_passed_total", "reason",
                                              "Requests that page caching had "
                                              "no part in, by the reason.");

    for (i = BIGCACHE_PAGE_METRIC_COLLAPSED; i < BIGCACHE_PAGE_METRIC_N; i++) {

        (void) ngx_snprintf(name, sizeof(name), "pages_%s_total%Z",
                            ngx_http_bigcache_front_names[i]);

        p = ngx_http_bigcache_metrics_text(p, (char *) name,
                                           ngx_http_bigcache_front_help[i],
                                           sum->n[i]);
    }

    p = ngx_sprintf(p, "# HELP bigcache_pages_fetch_duration_seconds Time from "
                    "asking the upstream to the header of its answer.\n"
                    "# TYPE bigcache_pages_fetch_duration_seconds "
                    "histogram\n");

    return ngx_http_bigcache_metrics_text_buckets(p,
                                                "pages_fetch_duration_seconds",
                                                "", sum->buckets,
                                                sum->microseconds);
}


static u_char *
ngx_http_bigcache_metrics_front_group(u_char *p,
    const bigcache_page_metrics_sum_t *sum, ngx_uint_t begin, ngx_uint_t end,
    const char *name, const char *label, const char *help)
{
    ngx_uint_t  i;

    p = ngx_http_bigcache_metrics_text_head(p, name, help);

    for (i = begin; i < end; i++) {
        p = ngx_sprintf(p, "bigcache_%s{%s=\"%s\"} %uL\n", name, label,
                        ngx_http_bigcache_front_names[i], sum->n[i]);
    }

    return p;
}

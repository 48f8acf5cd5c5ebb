
/*
 * Copyright (C) bigcache contributors
 */


/* metrics as Prometheus reads them: one, a table of them, a histogram */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


u_char *
ngx_http_bigcache_metrics_text_head(u_char *p, const char *name,
    const char *help)
{
    size_t       len;
    ngx_uint_t   counter;

    len = ngx_strlen(name);
    counter = len > 6 && ngx_strcmp(name + len - 6, "_total") == 0;

    return ngx_sprintf(p, "# HELP bigcache_%s %s\n# TYPE bigcache_%s %s\n",
                       name, help, name, counter ? "counter" : "gauge");
}


u_char *
ngx_http_bigcache_metrics_text(u_char *p, const char *name, const char *help,
    uint64_t value)
{
    p = ngx_http_bigcache_metrics_text_head(p, name, help);

    return ngx_sprintf(p, "bigcache_%s %uL\n", name, value);
}


u_char *
ngx_http_bigcache_metrics_text_rows(u_char *p,
    const ngx_http_bigcache_metric_t *row, void *base)
{
    _Atomic uint64_t  *value;

    for ( /* void */ ; row->name; row++) {
        value = (_Atomic uint64_t *) ((u_char *) base + row->offset);

        p = ngx_http_bigcache_metrics_text(p, row->name, row->help,
                                           atomic_load(value));
    }

    return p;
}


u_char *
ngx_http_bigcache_metrics_text_buckets(u_char *p, const char *name,
    const char *label, const uint64_t *buckets, uint64_t us)
{
    uint64_t     bound;
    ngx_uint_t   i;
    const char  *comma, *open, *close;

    comma = label[0] ? "," : "";
    open = label[0] ? "{" : "";
    close = label[0] ? "}" : "";

    for (i = 0; i < BIGCACHE_METRICS_BUCKETS - 1; i++) {

        bound = bigcache_metrics_bounds[i];

        p = ngx_sprintf(p, "bigcache_%s_bucket{%s%sle=\"%uL.%06uL\"} %uL\n",
                        name, label, comma, bound / 1000000, bound % 1000000,
                        buckets[i]);
    }

    p = ngx_sprintf(p, "bigcache_%s_bucket{%s%sle=\"+Inf\"} %uL\n", name,
                    label, comma, buckets[i]);
    p = ngx_sprintf(p, "bigcache_%s_sum%s%s%s %uL.%06uL\n", name, open, label,
                    close, us / 1000000, us % 1000000);

    return ngx_sprintf(p, "bigcache_%s_count%s%s%s %uL\n", name, open, label,
                       close, buckets[i]);
}

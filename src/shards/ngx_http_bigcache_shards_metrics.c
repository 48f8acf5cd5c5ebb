
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The metrics of all servers: the lines of each metric together, as the format
 * wants it, with the label "server".
 */


#include "ngx_http_bigcache_shards.h"


/* bytes of the metrics of a server, in the mean: they have some 20 KB */

#define NGX_HTTP_BIGCACHE_SHARDS_METRICS  (256 * 1024)


/* the lines of a metric in the answer of a server: comments, then values */

typedef struct {
    ngx_str_t   name;
    u_char     *comments;
    u_char     *values;
    u_char     *end;
} ngx_http_bigcache_shards_metric_t;


static ngx_uint_t ngx_http_bigcache_shards_metrics_next(u_char **at,
    u_char *last, ngx_http_bigcache_shards_metric_t *metric);
static ngx_uint_t ngx_http_bigcache_shards_metrics_had(
    ngx_http_bigcache_shards_answer_t *answers, ngx_uint_t n, ngx_str_t *name);
static ngx_uint_t ngx_http_bigcache_shards_metrics_find(
    ngx_http_bigcache_shards_answer_t *answer, ngx_str_t *name,
    ngx_http_bigcache_shards_metric_t *metric);
static u_char *ngx_http_bigcache_shards_metrics_values(u_char *p,
    ngx_http_bigcache_shards_answer_t *answer,
    ngx_http_bigcache_shards_metric_t *metric);
static u_char *ngx_http_bigcache_shards_metrics_line(u_char *from,
    u_char *last);
static size_t ngx_http_bigcache_shards_metrics_size(
    ngx_http_bigcache_shards_ctx_t *ctx);


ngx_int_t
ngx_http_bigcache_shards_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                             *p, *at;
    ngx_int_t                           rc;
    ngx_str_t                           body;
    ngx_uint_t                          i, j;
    ngx_http_bigcache_shards_answer_t  *answers;
    ngx_http_bigcache_shards_metric_t   metric, other;

    static ngx_str_t  type = ngx_string("text/plain; version=0.0.4; "
                                        "charset=utf-8");

    rc = ngx_http_bigcache_shards_merge_failed(r, ctx);

    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    if (ctx->held > NGX_HTTP_BIGCACHE_SHARDS_METRICS * ctx->nanswers) {
        return NGX_HTTP_BAD_GATEWAY;
    }

    p = ngx_pnalloc(r->pool, ngx_http_bigcache_shards_metrics_size(ctx));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answers = ctx->answers;
    body.data = p;

    for (i = 0; i < ctx->nanswers; i++) {
        at = answers[i].data;

        while (ngx_http_bigcache_shards_metrics_next(&at,
                                          answers[i].data + answers[i].len,
                                          &metric))
        {
            /* the first server that has it has brought those of all */

            if (ngx_http_bigcache_shards_metrics_had(answers, i, &metric.name))
            {
                continue;
            }

            p = ngx_cpymem(p, metric.comments, metric.values - metric.comments);
            p = ngx_http_bigcache_shards_metrics_values(p, &answers[i],
                                                        &metric);

            for (j = i + 1; j < ctx->nanswers; j++) {
                if (ngx_http_bigcache_shards_metrics_find(&answers[j],
                                                          &metric.name, &other))
                {
                    p = ngx_http_bigcache_shards_metrics_values(p, &answers[j],
                                                                &other);
                }
            }
        }
    }

    body.len = p - body.data;

    return ngx_http_bigcache_send_bytes(r, NGX_HTTP_OK, &type, &body);
}


/* each line gets a label more */

static size_t
ngx_http_bigcache_shards_metrics_size(ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                             *p;
    size_t                              len, line;
    ngx_uint_t                          i;
    ngx_http_bigcache_shards_answer_t  *answer;

    len = 0;

    for (i = 0; i < ctx->nanswers; i++) {
        answer = &ctx->answers[i];
        line = sizeof("{server=\"\"},\n") + answer->shard->name.len;
        len += answer->len + line;

        for (p = answer->data; p < answer->data + answer->len; p++) {
            len += (*p == '\n') ? line : 0;
        }
    }

    return len;
}


/* returns 1 with the next metric, or 0 */

static ngx_uint_t
ngx_http_bigcache_shards_metrics_next(u_char **at, u_char *last,
    ngx_http_bigcache_shards_metric_t *metric)
{
    u_char  *p, *end;

    /* "# HELP name text", "# TYPE name type", "name value" ... */

    p = *at;

    if (p == NULL || last - p < 8 || ngx_strncmp(p, "# HELP ", 7) != 0) {
        return 0;
    }

    metric->comments = p;
    metric->name.data = p + 7;

    end = ngx_strlchr(metric->name.data, last, ' ');
    if (end == NULL) {
        return 0;
    }

    metric->name.len = end - metric->name.data;

    while (p < last && *p == '#') {
        p = ngx_http_bigcache_shards_metrics_line(p, last);
    }

    metric->values = p;

    while (p < last && *p != '#') {
        p = ngx_http_bigcache_shards_metrics_line(p, last);
    }

    metric->end = p;
    *at = p;

    return 1;
}


/* returns 1 if one of the first n servers has the metric, or 0 */

static ngx_uint_t
ngx_http_bigcache_shards_metrics_had(ngx_http_bigcache_shards_answer_t *answers,
    ngx_uint_t n, ngx_str_t *name)
{
    ngx_uint_t                         i;
    ngx_http_bigcache_shards_metric_t  metric;

    for (i = 0; i < n; i++) {
        if (ngx_http_bigcache_shards_metrics_find(&answers[i], name, &metric))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_bigcache_shards_metrics_find(ngx_http_bigcache_shards_answer_t *answer,
    ngx_str_t *name, ngx_http_bigcache_shards_metric_t *metric)
{
    u_char  *at;

    at = answer->data;

    while (ngx_http_bigcache_shards_metrics_next(&at,
                                                 answer->data + answer->len,
                                                 metric))
    {
        if (metric->name.len == name->len
            && ngx_strncmp(metric->name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static u_char *
ngx_http_bigcache_shards_metrics_values(u_char *p,
    ngx_http_bigcache_shards_answer_t *answer,
    ngx_http_bigcache_shards_metric_t *metric)
{
    u_char  *line, *next, *name;

    for (line = metric->values; line < metric->end; line = next) {

        next = ngx_http_bigcache_shards_metrics_line(line, metric->end);

        for (name = line; name < next && *name != '{' && *name != ' ';
             name++)
        {
            /* void */
        }

        p = ngx_cpymem(p, line, name - line);
        p = ngx_sprintf(p, "{server=\"%V\"", &answer->shard->name);

        if (name < next && *name == '{') {
            *p++ = ',';
            name++;

        } else {
            *p++ = '}';
        }

        p = ngx_cpymem(p, name, next - name);
    }

    return p;
}


/* returns the beginning of the next line */

static u_char *
ngx_http_bigcache_shards_metrics_line(u_char *from, u_char *last)
{
    u_char  *p;

    p = ngx_strlchr(from, last, '\n');

    return p ? p + 1 : last;
}

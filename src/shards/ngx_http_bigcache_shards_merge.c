
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Makes one answer of those of all servers.  If they agree that the request is
 * wrong, their answer is the answer; if only some of them have done it, it is
 * 503 and says which have not.
 */


#include "ngx_http_bigcache_shards.h"

#include "bigcache_json.h"
#include "bigcache_json_scan.h"
#include "bigcache_metrics.h"


/* the numbers of /stat */

typedef enum {
    NGX_HTTP_BIGCACHE_SHARDS_HIT = 0,
    NGX_HTTP_BIGCACHE_SHARDS_MISS,
    NGX_HTTP_BIGCACHE_SHARDS_NUMBERS = 14
} ngx_http_bigcache_shards_number_e;

static const struct {
    const char  *group;
    const char  *name;
} ngx_http_bigcache_shards_numbers[NGX_HTTP_BIGCACHE_SHARDS_NUMBERS] = {
    { "stats", "hit" }, { "stats", "miss" }, { "stats", "expire" },
    { "stats", "delete" }, { "hot", "entries" }, { "hot", "bytes" },
    { "hot", "room" }, { "hot", "hits" }, { "hot", "size" },
    { "leases", "held" }, { "leases", "room" }, { "leases", "given" },
    { "leases", "waited" }, { "bodies", "in_files" }
};


static ngx_int_t ngx_http_bigcache_shards_merge_refuse(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_shards_merge_done(
    ngx_http_bigcache_shards_answer_t *answer);
static ngx_uint_t ngx_http_bigcache_shards_merge_agree(
    ngx_http_bigcache_shards_ctx_t *ctx);
static u_char *ngx_http_bigcache_shards_merge_number(
    ngx_http_bigcache_shards_answer_t *answer, const char *before,
    uint64_t *n);
static void ngx_http_bigcache_shards_merge_numbers(
    ngx_http_bigcache_shards_answer_t *answer, uint64_t *sums);


ngx_int_t
ngx_http_bigcache_shards_merge_failed(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_str_t                           body;
    ngx_http_bigcache_shards_answer_t  *answer;

    if (ctx->large) {
        ngx_str_set(&body, "{\"detail\":\"the answers of the servers take more "
                           "than 17 MB each: ask for less\"}");

        return ngx_http_bigcache_send_json(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                           &body);
    }

    if (ngx_http_bigcache_shards_merge_agree(ctx)) {
        answer = &ctx->answers[0];

        if (ngx_http_bigcache_shards_merge_done(answer)) {
            return NGX_OK;
        }

        if (answer->status < NGX_HTTP_INTERNAL_SERVER_ERROR && answer->len
            && answer->data[0] == '{')
        {
            body.data = answer->data;
            body.len = answer->len;

            return ngx_http_bigcache_send_json(r, answer->status, &body);
        }
    }

    return ngx_http_bigcache_shards_merge_refuse(r, ctx);
}


/* 503: says which servers have not done it, for people and for programs */

static ngx_int_t
ngx_http_bigcache_shards_merge_refuse(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                             *p;
    size_t                              len;
    ngx_str_t                           body;
    ngx_uint_t                          i, n;
    ngx_http_bigcache_shards_answer_t  *answer;

    static ngx_str_t  retry = ngx_string("1");

    len = sizeof("{\"detail\":\"not done by all servers: ; repeat it\"}")
          + ngx_http_bigcache_shards_merge_servers_len(ctx);

    for (i = 0; i < ctx->nanswers; i++) {
        len += ctx->answers[i].shard->name.len + sizeof(" (), ")
               + NGX_INT_T_LEN;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    p = ngx_sprintf(p, "{\"detail\":\"not done by all servers: ");
    n = 0;

    for (i = 0; i < ctx->nanswers; i++) {
        answer = &ctx->answers[i];

        if (!answer->idle && !ngx_http_bigcache_shards_merge_done(answer)) {
            p = ngx_sprintf(p, "%s%V (%ui)", n++ ? ", " : "",
                            &answer->shard->name, answer->status);
        }
    }

    p = ngx_sprintf(p, "; repeat it\"");
    p = ngx_http_bigcache_shards_merge_servers(p, ctx);
    *p++ = '}';

    body.len = p - body.data;

    if (ngx_http_bigcache_send_add_header(r, "Retry-After", &retry) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_bigcache_send_json(r, NGX_HTTP_SERVICE_UNAVAILABLE, &body);
}


static ngx_uint_t
ngx_http_bigcache_shards_merge_done(ngx_http_bigcache_shards_answer_t *answer)
{
    return answer->status == NGX_HTTP_OK
           || answer->status == NGX_HTTP_ACCEPTED;
}


/* each with its status, and what it says of /stat */

size_t
ngx_http_bigcache_shards_merge_servers_len(ngx_http_bigcache_shards_ctx_t *ctx)
{
    size_t      len;
    ngx_uint_t  i;

    len = sizeof(",\"shards\":[]");

    for (i = 0; i < ctx->nanswers; i++) {
        len += ctx->answers[i].shard->name.len + ctx->answers[i].len
               + NGX_INT_T_LEN
               + sizeof(",{\"server\":\"\",\"status\":,\"stat\":}");
    }

    return len;
}


u_char *
ngx_http_bigcache_shards_merge_servers(u_char *p,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_uint_t                          i;
    ngx_http_bigcache_shards_answer_t  *answer;

    p = ngx_sprintf(p, ",\"shards\":[");

    for (i = 0; i < ctx->nanswers; i++) {
        answer = &ctx->answers[i];

        p = ngx_sprintf(p, "%s{\"server\":\"%V\",\"status\":%ui",
                        i ? "," : "", &answer->shard->name, answer->status);

        if (ctx->merge == ngx_http_bigcache_shards_merge_stat
            && answer->status == NGX_HTTP_OK)
        {
            p = ngx_sprintf(p, ",\"stat\":");
            p = ngx_cpymem(p, answer->data, answer->len);
        }

        *p++ = '}';
    }

    return ngx_sprintf(p, "]");
}


/* whether all have the same status */

static ngx_uint_t
ngx_http_bigcache_shards_merge_agree(ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 1; i < ctx->nanswers; i++) {
        if (ctx->answers[i].status != ctx->answers[0].status) {
            return 0;
        }
    }

    return ctx->nanswers != 0;
}


ngx_int_t
ngx_http_bigcache_shards_merge(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                             *p, *at, *end;
    uint64_t                            n, sum;
    ngx_int_t                           rc;
    ngx_str_t                           body;
    ngx_uint_t                          i;
    ngx_http_bigcache_shards_answer_t  *first;

    rc = ngx_http_bigcache_shards_merge_failed(r, ctx);

    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    first = &ctx->answers[0];
    at = NULL;
    sum = 0;

    for (i = ctx->nanswers; ctx->before && i-- > 0; /* void */ ) {
        at = ngx_http_bigcache_shards_merge_number(&ctx->answers[i],
                                                   ctx->before, &n);
        sum += n;
    }

    body.data = first->data;
    body.len = first->len;

    if (at) {
        end = at;

        while (end < first->data + first->len && *end >= '0' && *end <= '9') {
            end++;
        }

        p = ngx_pnalloc(r->pool, first->len + NGX_INT64_LEN);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        body.data = p;

        p = ngx_cpymem(p, first->data, at - first->data);
        p = ngx_sprintf(p, "%uL", sum);
        p = ngx_cpymem(p, end, first->data + first->len - end);

        body.len = p - body.data;
    }

    return ngx_http_bigcache_send_json(r, first->status, &body);
}


/*
 * Reads the number behind the last occurrence of a text.  Returns where it
 * stands, or NULL if there is none; then it counts as 0.
 */

static u_char *
ngx_http_bigcache_shards_merge_number(ngx_http_bigcache_shards_answer_t *answer,
    const char *before, uint64_t *n)
{
    u_char  *p, *at, *last;
    size_t   len;

    *n = 0;
    len = ngx_strlen(before);
    last = answer->data + answer->len;

    if (answer->len < len) {
        return NULL;
    }

    for (p = last - len; p >= answer->data; p--) {

        if (ngx_memcmp(p, before, len) != 0) {
            continue;
        }

        at = p + len;

        for (p = at; p < last && *p >= '0' && *p <= '9'; p++) {
            *n = *n * 10 + (*p - '0');
        }

        return (p == at) ? NULL : at;
    }

    return NULL;
}


ngx_int_t
ngx_http_bigcache_shards_merge_stat(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    char                                rate[BIGCACHE_METRICS_RATE_LEN];
    u_char                             *p;
    size_t                              len;
    uint64_t                            sums[NGX_HTTP_BIGCACHE_SHARDS_NUMBERS];
    ngx_int_t                           rc;
    ngx_str_t                           body;
    ngx_uint_t                          i;

    rc = ngx_http_bigcache_shards_merge_failed(r, ctx);

    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    ngx_memzero(sums, sizeof(sums));

    len = sizeof("{\"stats\":{\"hit\":,\"miss\":,\"expire\":,\"delete\":,"
                 "\"hit_rate\":\"\"},\"hot\":{\"entries\":,\"bytes\":,"
                 "\"room\":,\"hits\":,\"size\":},\"leases\":{\"held\":,"
                 "\"room\":,\"given\":,\"waited\":},\"bodies\":{"
                 "\"in_files\":}}")
          + BIGCACHE_METRICS_RATE_LEN
          + NGX_HTTP_BIGCACHE_SHARDS_NUMBERS * NGX_INT64_LEN
          + ngx_http_bigcache_shards_merge_servers_len(ctx);

    for (i = 0; i < ctx->nanswers; i++) {
        ngx_http_bigcache_shards_merge_numbers(&ctx->answers[i], sums);
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    bigcache_metrics_rate(rate, sums[NGX_HTTP_BIGCACHE_SHARDS_HIT],
                          sums[NGX_HTTP_BIGCACHE_SHARDS_MISS]);

    body.data = p;

    p = ngx_sprintf(p, "{\"stats\":{\"hit\":%uL,\"miss\":%uL,\"expire\":%uL,"
                    "\"delete\":%uL,\"hit_rate\":\"%s\"},\"hot\":{"
                    "\"entries\":%uL,\"bytes\":%uL,\"room\":%uL,\"hits\":%uL,"
                    "\"size\":%uL},\"leases\":{\"held\":%uL,\"room\":%uL,"
                    "\"given\":%uL,\"waited\":%uL},\"bodies\":{"
                    "\"in_files\":%uL}",
                    sums[0], sums[1], sums[2], sums[3], rate, sums[4], sums[5],
                    sums[6], sums[7], sums[8], sums[9], sums[10], sums[11],
                    sums[12], sums[13]);

    p = ngx_http_bigcache_shards_merge_servers(p, ctx);
    *p++ = '}';

    body.len = p - body.data;

    return ngx_http_bigcache_send_json(r, NGX_HTTP_OK, &body);
}


/* what a server of another version does not say counts as 0 */

static void
ngx_http_bigcache_shards_merge_numbers(
    ngx_http_bigcache_shards_answer_t *answer, uint64_t *sums)
{
    int64_t                 n;
    ngx_uint_t              i;
    bigcache_json_error_t   err;
    bigcache_json_named_t   group, number;

    for (i = 0; i < NGX_HTTP_BIGCACHE_SHARDS_NUMBERS; i++) {

        group.name = ngx_http_bigcache_shards_numbers[i].group;
        number.name = ngx_http_bigcache_shards_numbers[i].name;

        if (bigcache_json_scan_members(answer->data, answer->len, &group, 1,
                                       &err)
            == BIGCACHE_JSON_OK
            && group.extent.data
            && bigcache_json_scan_members(group.extent.data, group.extent.len,
                                          &number, 1, &err)
               == BIGCACHE_JSON_OK
            && bigcache_json_integer(&number.extent, &n) == BIGCACHE_JSON_OK)
        {
            sums[i] += (uint64_t) n;
        }
    }
}


ngx_uint_t
ngx_http_bigcache_shards_merge_array(const u_char *data, size_t len,
    const char *name, bigcache_str_t *array)
{
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { name, { 0, NULL } };

    if (bigcache_json_scan_members(data, len, &named, 1, &err)
        != BIGCACHE_JSON_OK
        || named.extent.data == NULL || named.extent.data[0] != '[')
    {
        return 0;
    }

    *array = named.extent;

    return 1;
}

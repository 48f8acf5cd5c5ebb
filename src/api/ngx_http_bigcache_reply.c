
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The answers: a status, headers and JSON for the result of an operation.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"
#include "bigcache_json_string.h"
#include "bigcache_time.h"


static ngx_int_t ngx_http_bigcache_reply_member(ngx_http_request_t *r,
    ngx_uint_t status, const char *name, const char *before,
    const bigcache_str_t *bytes, const char *after);
static ngx_int_t ngx_http_bigcache_failed(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_invalid(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


static ngx_str_t  ngx_http_bigcache_retry_after = ngx_string("1");


ngx_int_t
ngx_http_bigcache_reply(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    /*
     * Discards a body that the operation does not use.  Not earlier: nginx
     * would finalize the request if its client leaves while a thread works on
     * it.  Not for errors: an error_page may pass the body on.
     */

    if (ctx->op.rc == BIGCACHE_OK) {
        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_OWN_SITE) {
        ngx_http_bigcache_waiting_wake();
    }

    if (ngx_http_bigcache_status(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->op.rc == BIGCACHE_OK) {
        ngx_http_bigcache_send_forget(r);
    }

    rc = (ctx->op.rc == BIGCACHE_OK) ? ctx->route->reply(r, ctx)
                                     : ngx_http_bigcache_failed(r, ctx);

    if (rc == NGX_ERROR && r->connection->error && r->connection->sent == 0) {

        /* else nginx would log a status that the client never got */

        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    return rc;
}


ngx_int_t
ngx_http_bigcache_reply_page(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_http_bigcache_send_json_type(r);

    return ngx_http_bigcache_send_page(r, ctx);
}


ngx_int_t
ngx_http_bigcache_reply_raw(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_str_t                 type;
    bigcache_str_t           *stored;

    static ngx_str_t          bytes = ngx_string("application/octet-stream");

    stored = &ctx->op.page.type;

    if (ctx->op.page.kind == BIGCACHE_KIND_JSON) {
        ngx_http_bigcache_send_json_type(r);

    } else if (stored->len == 0) {
        ngx_http_bigcache_send_type(r, &bytes);

    } else {
        type.data = (u_char *) stored->data;
        type.len = stored->len;

        ngx_http_bigcache_send_type(r, &type);
    }

    r->allow_ranges = 1;

    /* nginx can cut several ranges only out of a single buffer */

    r->single_range = (ctx->op.nreply > 1 || ctx->op.unpack);

    return ngx_http_bigcache_send_page(r, ctx);
}


ngx_int_t
ngx_http_bigcache_reply_stored(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_http_bigcache_send_json_type(r);

    /* the conditions were for the write, and the answer is not the page */

    r->disable_not_modified = 1;

    return ngx_http_bigcache_send_page(r, ctx);
}


ngx_int_t
ngx_http_bigcache_reply_document(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_http_bigcache_send_json_type(r);

    r->disable_not_modified = 1;

    return ngx_http_bigcache_send_reply(r, ctx);
}


ngx_int_t
ngx_http_bigcache_reply_batch(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    static ngx_str_t  batch = ngx_string(NGX_HTTP_BIGCACHE_BATCH);

    if (!ctx->op.as_bytes) {
        return ngx_http_bigcache_reply_document(r, ctx);
    }

    ngx_http_bigcache_send_type(r, &batch);

    r->disable_not_modified = 1;

    return ngx_http_bigcache_send_reply(r, ctx);
}


/*
 * The body of a page is not ours: whatever it is, it must not become a page of
 * this site.  So a browser shows it as text, or keeps it as a file.
 */

ngx_int_t
ngx_http_bigcache_reply_source(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    u_char            *p;
    ngx_str_t          type;
    ngx_uint_t         i;

    static ngx_str_t   bytes = ngx_string("application/octet-stream");
    static ngx_str_t   attachment = ngx_string("attachment");

    static struct {
        const char    *name;
        ngx_str_t      value;
    } headers[] = {
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "Content-Security-Policy",
          ngx_string("sandbox; default-src 'none'; frame-ancestors 'none'") },
        { "Cross-Origin-Resource-Policy", ngx_string("same-origin") },
        { "Cache-Control", ngx_string("no-store") },
        { NULL, ngx_null_string }
    };

    for (i = 0; headers[i].name; i++) {
        if (ngx_http_bigcache_send_add_header(r, headers[i].name,
                                              &headers[i].value)
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ctx->op.charset[0]) {

        p = ngx_pnalloc(r->pool, sizeof("text/plain; charset=")
                                 + BIGCACHE_OP_CHARSET);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        type.data = p;
        type.len = ngx_sprintf(p, "text/plain; charset=%s", ctx->op.charset)
                   - p;

        ngx_http_bigcache_send_type(r, &type);

    } else {
        ngx_http_bigcache_send_type(r, &bytes);

        if (ngx_http_bigcache_send_add_header(r, "Content-Disposition",
                                              &attachment)
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    r->disable_not_modified = 1;
    r->allow_ranges = 1;
    r->single_range = 1;

    return ngx_http_bigcache_send_reply(r, ctx);
}


ngx_int_t
ngx_http_bigcache_reply_done(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    const char  *before;

    before = (ctx->route->flags & NGX_HTTP_BIGCACHE_PREFIX) ? "'" : "";

    return ngx_http_bigcache_reply_member(r, NGX_HTTP_OK, "message", before,
                                          &ctx->op.key, ctx->route->message);
}


ngx_int_t
ngx_http_bigcache_reply_purged(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    char                      text[sizeof("':  keys deleted.")
                                   + NGX_INT64_LEN];

    if (ctx->op.async) {
        return ngx_http_bigcache_reply_member(r, NGX_HTTP_ACCEPTED, "message",
                                              "prefix '", &ctx->op.key,
                                              "': being deleted.");
    }

    (void) ngx_sprintf((u_char *) text, "': %uL keys deleted.%Z", ctx->op.n);

    return ngx_http_bigcache_reply_member(r, NGX_HTTP_OK, "message", "prefix '",
                                          &ctx->op.key, text);
}


ngx_int_t
ngx_http_bigcache_reply_purge(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_str_t                 body;

    u_char                    text[sizeof("{\"purged\":}") + NGX_INT64_LEN];

    if (ctx->op.async) {
        ngx_str_set(&body, "{\"message\":\"being purged.\"}");
        return ngx_http_bigcache_send_json(r, NGX_HTTP_ACCEPTED, &body);
    }

    body.data = text;
    body.len = ngx_sprintf(text, "{\"purged\":%uL}", ctx->op.n) - text;

    return ngx_http_bigcache_send_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_bigcache_reply_count(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_str_t                 body;

    u_char                    text[sizeof("{\"count\":}") + NGX_INT64_LEN];

    body.data = text;
    body.len = ngx_sprintf(text, "{\"count\":%uL}", ctx->op.n) - text;

    return ngx_http_bigcache_send_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_bigcache_reply_stat(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    char                       rate[BIGCACHE_METRICS_RATE_LEN];
    u_char                    *p;
    size_t                     len;
    uint64_t                   hit, miss, expire, deleted;
    ngx_str_t                  body, *in_force;
    bigcache_hot_stat_t        hot;
    bigcache_metrics_pages_t  *pages;

    bigcache_rest_lease_stat_t    leases;
    ngx_http_bigcache_servers_t  *servers;

    in_force = &ctx->zone->force.json;
    servers = ngx_http_bigcache_servers(r, ctx);

    len = sizeof("{\"stats\":{\"hit\":,\"miss\":,\"expire\":,\"delete\":,"
                 "\"hit_rate\":\"\"},\"hot\":{\"entries\":,\"bytes\":,"
                 "\"room\":,\"hits\":,\"size\":},\"leases\":{\"held\":,"
                 "\"room\":,\"given\":,\"waited\":},\"bodies\":{"
                 "\"in_files\":},\"in_force\":}")
          + 14 * NGX_INT64_LEN + BIGCACHE_METRICS_RATE_LEN + in_force->len
          + ngx_http_bigcache_servers_json_size(servers);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    pages = &ctx->zone->shm->metrics.pages;

    hit = atomic_load(&pages->hit);
    miss = atomic_load(&pages->miss);
    expire = atomic_load(&pages->expire);
    deleted = atomic_load(&pages->deleted);

    bigcache_metrics_rate(rate, hit, miss);

    ngx_memzero(&hot, sizeof(bigcache_hot_stat_t));

    if (ctx->zone->hot.shm) {
        bigcache_hot_stat(&ctx->zone->hot, &hot);
    }

    ngx_memzero(&leases, sizeof(bigcache_rest_lease_stat_t));

    if (ctx->op.leases) {
        bigcache_rest_lease_stat(ctx->op.leases, bigcache_time_monotonic(),
                                 &leases);
    }

    body.data = p;

    p = ngx_sprintf(p, "{\"stats\":{\"hit\":%uL,\"miss\":%uL,"
                    "\"expire\":%uL,\"delete\":%uL,"
                    "\"hit_rate\":\"%s\"},\"hot\":{"
                    "\"entries\":%uL,\"bytes\":%uL,\"room\":%uL,"
                    "\"hits\":%uL,\"size\":%uz},"
                    "\"leases\":{\"held\":%uL,\"room\":%uL,"
                    "\"given\":%uL,\"waited\":%uL},"
                    "\"bodies\":{\"in_files\":%uL},"
                    "\"in_force\":%V",
                    hit, miss, expire, deleted, rate, hot.entries,
                    hot.bytes, hot.room, hot.hits,
                    ctx->zone->shm_zone->shm.size, leases.held,
                    leases.room, leases.given, leases.waited,
                    (uint64_t) atomic_load(&ctx->zone->shm->bodies),
                    in_force);
    p = ngx_http_bigcache_servers_json(p, servers);
    *p++ = '}';

    body.len = p - body.data;

    return ngx_http_bigcache_send_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_bigcache_reply_detail(ngx_http_request_t *r, ngx_uint_t status,
    const char *detail)
{
    bigcache_str_t  text;

    /* it may quote a file name or the message of a library */

    text = bigcache_str_text(detail);

    return ngx_http_bigcache_reply_member(r, status, "detail", "", &text, "");
}


/* sends {name:text}; the text has bytes in its middle */

static ngx_int_t
ngx_http_bigcache_reply_member(ngx_http_request_t *r, ngx_uint_t status,
    const char *name, const char *before, const bigcache_str_t *bytes,
    const char *after)
{
    u_char     *p;
    ngx_str_t   body;

    p = ngx_pnalloc(r->pool, sizeof("{\"\":\"\"}") + ngx_strlen(name)
                             + ngx_strlen(before)
                             + bigcache_json_string_len(bytes)
                             + ngx_strlen(after));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    p = ngx_sprintf(p, "{\"%s\":\"%s", name, before);
    p = bigcache_json_string(p, bytes);
    p = ngx_sprintf(p, "%s\"}", after);

    body.len = p - body.data;

    return ngx_http_bigcache_send_json(r, status, &body);
}


/* answers the errors that any operation can have */

static ngx_int_t
ngx_http_bigcache_failed(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    ngx_uint_t   status;
    const char  *detail;

    if (ctx->op.rc == BIGCACHE_INVALID) {
        return ngx_http_bigcache_invalid(r, ctx);
    }

    status = bigcache_op_failure(&ctx->op, &detail);

    if (status == NGX_HTTP_NOT_FOUND && r->method == NGX_HTTP_DELETE) {
        detail = "cannot find cache data to delete";
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && !ngx_http_bigcache_send_status_only(r, status)
        && ngx_http_bigcache_send_add_header(r, "Retry-After",
                                             &ngx_http_bigcache_retry_after)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_bigcache_reply_detail(r, status, detail);
}


/* answers in the format of FastAPI's validation errors */

static ngx_int_t
ngx_http_bigcache_invalid(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    u_char                 *p;
    ngx_str_t               body;
    bigcache_str_t          msg;
    bigcache_op_invalid_t  *invalid;

    invalid = &ctx->op.invalid;

    msg = bigcache_str_text(invalid->msg);

    p = ngx_pnalloc(r->pool, sizeof("{\"detail\":[{\"loc\":[\"\",\"\"],"
                                    "\"msg\":\"\",\"type\":\"\"}]}")
                             + NGX_SIZE_T_LEN + ngx_strlen(invalid->in)
                             + (invalid->name ? ngx_strlen(invalid->name) : 0)
                             + bigcache_json_string_len(&msg)
                             + ngx_strlen(invalid->type));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    p = ngx_sprintf(p, "{\"detail\":[{\"loc\":[\"%s\"", invalid->in);

    if (invalid->name) {
        p = ngx_sprintf(p, ",\"%s\"", invalid->name);

    } else if (invalid->syntax) {
        p = ngx_sprintf(p, ",%uz", invalid->offset);
    }

    p = ngx_sprintf(p, "],\"msg\":\"");
    p = bigcache_json_string(p, &msg);
    p = ngx_sprintf(p, "\",\"type\":\"%s\"}]}", invalid->type);

    body.len = p - body.data;

    return ngx_http_bigcache_send_json(r, NGX_HTTP_BIGCACHE_UNPROCESSABLE,
                                       &body);
}

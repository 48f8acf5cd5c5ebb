
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Sends pages that are stored.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_field.h"
#include "bigcache_time.h"
#include "bigcache_unpacked.h"
#include "ngx_http_bigcache_pages.h"


typedef struct {
    ngx_str_t                         name;     /* lower case */
    size_t                            offset;   /* in r->headers_out */
} ngx_http_bigcache_page_field_t;


static void ngx_http_bigcache_page_send_end(ngx_http_request_t *r);
static ngx_uint_t ngx_http_bigcache_page_send_packed(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_send_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_send_field(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
static void ngx_http_bigcache_page_send_link(ngx_http_request_t *r,
    ngx_table_elt_t *h);
static ngx_int_t ngx_http_bigcache_page_send_encoding(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_send_weak(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_send_age(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_send_unpack(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_data_t *data);
static void ngx_http_bigcache_page_send_free(void *data);


/* fields that filters of nginx look at, or that it would add by itself */

static const ngx_http_bigcache_page_field_t
    ngx_http_bigcache_page_fields[] = {

    { ngx_string("date"), offsetof(ngx_http_headers_out_t, date) },
    { ngx_string("server"), offsetof(ngx_http_headers_out_t, server) },
    { ngx_string("etag"), offsetof(ngx_http_headers_out_t, etag) },
    { ngx_string("last-modified"),
      offsetof(ngx_http_headers_out_t, last_modified) },
    { ngx_string("location"), offsetof(ngx_http_headers_out_t, location) },
    { ngx_string("refresh"), offsetof(ngx_http_headers_out_t, refresh) },
    { ngx_string("expires"), offsetof(ngx_http_headers_out_t, expires) },
    { ngx_string("content-encoding"),
      offsetof(ngx_http_headers_out_t, content_encoding) },
    { ngx_string("www-authenticate"),
      offsetof(ngx_http_headers_out_t, www_authenticate) },

    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_bigcache_page_send(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_chain_t                    out;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->sending = 1;

    if (ngx_http_bigcache_page_send_header(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (ngx_http_bigcache_page_send_body(r, ctx, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_output_filter(r, &out);

    if (rc == NGX_OK && ctx->refreshed) {
        ngx_http_bigcache_page_send_end(r);
    }

    return rc;
}


/*
 * The connection stays open until the page is refreshed.  A client that waits
 * for its end, since it does not know the length of the page, is told now.
 */

static void
ngx_http_bigcache_page_send_end(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (r == r->main
        && r->http_version < NGX_HTTP_VERSION_20
#if (NGX_HTTP_SSL)
        && c->ssl == NULL
#endif
        && r->postponed == NULL
        && !r->buffered
        && !c->buffered)
    {
        (void) ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN);
    }
}


ngx_int_t
ngx_http_bigcache_page_send_header(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_send_forget(r);
    ngx_http_bigcache_page_request_if_range(r, ctx->page.packed && ctx->gzip);

    r->headers_out.status = ctx->head.status;

    r->headers_out.content_length_n =
                           ngx_http_bigcache_page_send_packed(r, ctx)
                           ? (off_t) ctx->page.length
                           : (off_t) ctx->page.unpacked;

    if (ngx_http_bigcache_page_send_fields(r, ctx) != NGX_OK
        || ngx_http_bigcache_page_send_encoding(r, ctx) != NGX_OK
        || ngx_http_bigcache_page_send_age(r, ctx) != NGX_OK
        || ngx_http_bigcache_page_variables_status(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->disable_not_modified = (r != r->main);
    r->allow_ranges = (r == r->main && r->headers_out.status == NGX_HTTP_OK);

    ngx_http_bigcache_page_request_conditions(r);

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_send_body(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_chain_t *out)
{
    ngx_buf_t        *b;
    bigcache_data_t   data;

    data = ctx->page.body;

    if (ctx->page.packed && !ngx_http_bigcache_page_send_packed(r, ctx)
        && ngx_http_bigcache_page_send_unpack(r, ctx, &data) != NGX_OK)
    {
        return NGX_ERROR;
    }

    b = ngx_http_bigcache_send_buf(r, &data);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out->buf = b;
    out->next = NULL;

    return NGX_OK;
}


/* returns 1 if the page goes out as a gzip file, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_send_packed(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    return ctx->page.packed && ngx_http_bigcache_page_request_gzip(r, ctx);
}


static ngx_int_t
ngx_http_bigcache_page_send_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    size_t           at;
    ngx_str_t        name, value;
    bigcache_str_t   field, text;

    at = 0;

    while (bigcache_head_next(&ctx->head, &at, &field, &text)) {

        /* they live as long as the page, which ends with the request */

        name.data = (u_char *) field.data;
        name.len = field.len;
        value.data = (u_char *) text.data;
        value.len = text.len;

        if (ngx_http_bigcache_page_send_field(r, &name, &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_send_field(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    if (name->len == sizeof("Content-Type") - 1
        && ngx_strncasecmp(name->data, (u_char *) "Content-Type", name->len)
           == 0)
    {
        ngx_http_bigcache_send_type(r, value);
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    ngx_http_bigcache_page_send_link(r, h);

    return NGX_OK;
}


/* nginx's filters find some fields by pointers */

static void
ngx_http_bigcache_page_send_link(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_table_elt_t                       **p;
    const ngx_http_bigcache_page_field_t   *field;

    for (field = ngx_http_bigcache_page_fields; field->name.len; field++) {

        if (field->name.len != h->key.len
            || ngx_strncasecmp(field->name.data, h->key.data, h->key.len) != 0)
        {
            continue;
        }

        /* nginx would make a path absolute, which it does for no upstream */

        if (field->offset == offsetof(ngx_http_headers_out_t, location)
            && h->value.len && h->value.data[0] == '/')
        {
            return;
        }

        p = (ngx_table_elt_t **) ((char *) &r->headers_out + field->offset);

        if (*p == NULL) {
            *p = h;
        }

        if (h == r->headers_out.last_modified) {
            r->headers_out.last_modified_time =
                         ngx_parse_http_time(h->value.data, h->value.len);
        }

        return;
    }

    if (h->key.len != sizeof("Cache-Control") - 1
        || ngx_strncasecmp(h->key.data, (u_char *) "Cache-Control", h->key.len)
           != 0)
    {
        return;
    }

#if (nginx_version >= 1023000)

    for (p = &r->headers_out.cache_control; *p; p = &(*p)->next) { /* void */ }

    *p = h;

#else

    if (r->headers_out.cache_control.elts == NULL
        && ngx_array_init(&r->headers_out.cache_control, r->pool, 1,
                          sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return;
    }

    p = ngx_array_push(&r->headers_out.cache_control);

    if (p) {
        *p = h;
    }

#endif
}


/*
 * The origin has sent one form of the page, packed or not: the other one has
 * another ETag, which is the same only for weak comparison.
 */

static ngx_int_t
ngx_http_bigcache_page_send_encoding(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_uint_t  packed;

    if (!ctx->page.packed) {
        return NGX_OK;
    }

    packed = ngx_http_bigcache_page_send_packed(r, ctx);

    if (ngx_http_bigcache_send_encoding(r, packed,
                                        !(ctx->head.flags
                                          & BIGCACHE_HEAD_ACCEPT))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (packed == ((ctx->head.flags & BIGCACHE_HEAD_GZIP) != 0)) {
        return NGX_OK;
    }

    return ngx_http_bigcache_page_send_weak(r);
}


static ngx_int_t
ngx_http_bigcache_page_send_weak(ngx_http_request_t *r)
{
    u_char           *p;
    ngx_table_elt_t  *etag;

    etag = r->headers_out.etag;

    if (etag == NULL || etag->value.len < 2 || etag->value.data[0] != '"') {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, etag->value.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p[0] = 'W';
    p[1] = '/';
    ngx_memcpy(p + 2, etag->value.data, etag->value.len);

    etag->value.data = p;
    etag->value.len += 2;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_send_age(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    int64_t    age;
    ngx_str_t  value;

    age = (bigcache_time_now() - ctx->head.born) / 1000;

    if (age < 0) {
        age = 0;
    }

    if (age > BIGCACHE_FIELD_SECONDS_MAX) {
        age = BIGCACHE_FIELD_SECONDS_MAX;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%L", age) - value.data;

    return ngx_http_bigcache_send_add_header(r, "Age", &value) ? NGX_OK
                                                               : NGX_ERROR;
}


static ngx_int_t
ngx_http_bigcache_page_send_unpack(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_data_t *data)
{
    int                   damaged;
    size_t                size;
    const u_char         *text;
    ngx_pool_cleanup_t   *cln;
    bigcache_unpacked_t  *unpacked;

    size = (size_t) ctx->page.unpacked;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    unpacked = bigcache_unpacked(ctx->conf->zone->cache, ctx->page.version,
                                 data->bytes.data, data->bytes.len, size,
                                 &text, &damaged);

    if (unpacked == NULL) {

        if (damaged) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "bigcache: a stored page is no gzip file of its "
                          "size");
        }

        return NGX_ERROR;
    }

    cln->handler = ngx_http_bigcache_page_send_free;
    cln->data = unpacked;

    *data = bigcache_data_bytes(text, size);

    return NGX_OK;
}


static void
ngx_http_bigcache_page_send_free(void *data)
{
    bigcache_unpacked_free(data);
}

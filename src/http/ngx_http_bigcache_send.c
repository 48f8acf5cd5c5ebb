
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Sends answers: the header, and the body in pieces.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* microseconds of a version in one second of a date */

#define NGX_HTTP_BIGCACHE_SECOND  1000000


static ngx_int_t ngx_http_bigcache_send_header(ngx_http_request_t *r);
static u_char *ngx_http_bigcache_charset(ngx_http_request_t *r, u_char *p,
    u_char *last);
static ngx_int_t ngx_http_bigcache_version(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


ngx_str_t  ngx_http_bigcache_send_json_text = ngx_string("application/json");


ngx_int_t
ngx_http_bigcache_send_page(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    if (ngx_http_bigcache_version(r, ctx) != NGX_OK
        || ngx_http_bigcache_send_encoding(r, ctx->op.packed, ctx->op.varies)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_bigcache_send_reply(r, ctx);
}


ngx_int_t
ngx_http_bigcache_send_reply(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_uint_t    i, n;
    ngx_chain_t   out[BIGCACHE_OP_PIECES];

    n = ctx->op.nreply;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = ctx->op.unpack
                                      ? ctx->op.length
                                      : bigcache_data_length(ctx->op.reply, n);

    rc = ngx_http_bigcache_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (ctx->op.unpack) {
        n--;
    }

    for (i = 0; i < n; i++) {

        b = ngx_http_bigcache_send_buf(r, &ctx->op.reply[i]);
        if (b == NULL) {
            return NGX_ERROR;
        }

        out[i].buf = b;
        out[i].next = NULL;

        if (i) {
            out[i - 1].next = &out[i];
        }
    }

    if (ctx->op.unpack) {
        return ngx_http_bigcache_unpack(r, ctx, n ? out : NULL,
                                        &ctx->op.reply[n].bytes);
    }

    b = out[n - 1].buf;

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return ngx_http_output_filter(r, out);
}


ngx_int_t
ngx_http_bigcache_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_int_t                 rc;
    ngx_buf_t                *b;
    ngx_chain_t               out;
    ngx_http_bigcache_ctx_t  *ctx;

    /* the status to count, even if nginx changes it */

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);
    ctx->said = status;

    if (status >= NGX_HTTP_BAD_REQUEST
        && ngx_http_bigcache_send_status_only(r, status))
    {
        return status;
    }

    /*
     * if the body is not read, the rest of it must not be taken for a request
     */

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_bigcache_send_forget(r);
    ngx_http_bigcache_send_json_type(r);

    if (status == NGX_HTTP_BIGCACHE_UNPROCESSABLE) {
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Entity");
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;

    r->disable_not_modified = 1;

    rc = ngx_http_bigcache_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, body->len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, body->data, body->len);
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_bigcache_send_bytes(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *body)
{
    ngx_int_t         rc;
    ngx_chain_t       out;
    bigcache_data_t   data;

    ngx_http_bigcache_send_forget(r);
    ngx_http_bigcache_send_type(r, type);

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    data = bigcache_data_bytes(body->data, body->len);

    out.next = NULL;
    out.buf = ngx_http_bigcache_send_buf(r, &data);
    if (out.buf == NULL) {
        return NGX_ERROR;
    }

    out.buf->last_buf = (r == r->main) ? 1 : 0;
    out.buf->last_in_chain = 1;

    return ngx_http_output_filter(r, &out);
}


ngx_table_elt_t *
ngx_http_bigcache_send_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    h->lowcase_key = NULL;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


void
ngx_http_bigcache_send_forget(ngx_http_request_t *r)
{
    ngx_str_null(&r->headers_out.status_line);

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    if (r->headers_out.content_encoding) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }

    if (r->headers_out.content_range) {
        r->headers_out.content_range->hash = 0;
        r->headers_out.content_range = NULL;
    }

    r->headers_out.content_offset = 0;
    r->allow_ranges = 0;
    r->single_range = 0;
}


void
ngx_http_bigcache_send_type(ngx_http_request_t *r, ngx_str_t *type)
{
    u_char  *p, *last;

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_null(&r->headers_out.charset);

    last = type->data + type->len;
    p = ngx_strlchr(type->data, last, ';');

    if (p == NULL) {
        return;
    }

    /* filters compare the type without its parameters */

    r->headers_out.content_type_len = p - type->data;

    do {
        p = ngx_http_bigcache_charset(r, p + 1, last);
    } while (p);
}


void
ngx_http_bigcache_send_json_type(ngx_http_request_t *r)
{
    ngx_http_bigcache_send_type(r, &ngx_http_bigcache_send_json_text);
}


/*
 * If the parameter is a charset, takes it for the charset filter.  Returns the
 * ";" that ends it, or NULL.
 */

static u_char *
ngx_http_bigcache_charset(ngx_http_request_t *r, u_char *p, u_char *last)
{
    u_char     *end, *next;
    ngx_str_t  *charset;

    next = ngx_strlchr(p, last, ';');
    end = next ? next : last;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    if ((size_t) (end - p) <= sizeof("charset=") - 1
        || ngx_strncasecmp(p, (u_char *) "charset=", sizeof("charset=") - 1)
           != 0)
    {
        return next;
    }

    p += sizeof("charset=") - 1;

    if (end - p >= 2 && *p == '"' && end[-1] == '"') {
        p++;
        end--;
    }

    charset = &r->headers_out.charset;

    charset->data = p;
    charset->len = end - p;

    return NULL;
}


/* sends the header; the error filter must leave this answer alone */

static ngx_int_t
ngx_http_bigcache_send_header(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    ctx->answered = 1;

    rc = ngx_http_send_header(r);

    if (rc > NGX_OK) {

        /* a filter has failed, with 416 for example: nginx answers instead */

        ctx->answered = 0;
    }

    return rc;
}


/*
 * sets ETag and Last-Modified, both from the version; a version may be ahead
 * of a clock that was set back, but RFC 9110, 8.8.2.1, allows no Last-Modified
 * after Date
 */

static ngx_int_t
ngx_http_bigcache_version(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    time_t     modified;
    uint64_t   version;
    ngx_str_t  etag;

    version = ctx->op.page.version;

    etag.data = ngx_pnalloc(r->pool, sizeof("\"0123456789abcdef-gzip\"") - 1);
    if (etag.data == NULL) {
        return NGX_ERROR;
    }

    etag.len = ngx_sprintf(etag.data, "\"%016xL%s\"", version,
                           ctx->op.packed ? "-gzip" : "")
               - etag.data;

    r->headers_out.etag = ngx_http_bigcache_send_add_header(r, "ETag", &etag);
    if (r->headers_out.etag == NULL) {
        return NGX_ERROR;
    }

    modified = (time_t) (version / NGX_HTTP_BIGCACHE_SECOND);
    r->headers_out.last_modified_time = ngx_min(modified, ngx_time());

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_send_encoding(ngx_http_request_t *r, ngx_uint_t packed,
    ngx_uint_t varies)
{
    ngx_http_bigcache_loc_conf_t  *blcf;

    static ngx_str_t  gzip = ngx_string("gzip");
    static ngx_str_t  accept = ngx_string("Accept-Encoding");

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    /* if all clients get unpacked pages here, the answer does not vary */

    if (varies && blcf->send_gzip
        && ngx_http_bigcache_send_add_header(r, "Vary", &accept) == NULL)
    {
        return NGX_ERROR;
    }

    if (packed) {
        r->headers_out.content_encoding =
              ngx_http_bigcache_send_add_header(r, "Content-Encoding", &gzip);

        if (r->headers_out.content_encoding == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_buf_t *
ngx_http_bigcache_send_buf(ngx_http_request_t *r, bigcache_data_t *data)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    if (data->fd == -1) {
        b->pos = (u_char *) data->bytes.data;
        b->last = b->pos + data->bytes.len;

        /* nginx accepts an empty buffer only as a special one */

        b->memory = (data->bytes.len != 0);
        b->sync = !b->memory;

        return b;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NULL;
    }

    /* nginx logs the name if it cannot read */

    ngx_str_set(&b->file->name, "bigcache page");

    b->file->fd = data->fd;
    b->file->log = r->connection->log;

    b->file_pos = data->offset;
    b->file_last = data->offset + (off_t) data->length;
    b->in_file = 1;

    return b;
}


/*
 * With TCP_CORK the header and the body leave together.  Without it the client
 * would be woken for each.  A connection that is encrypted, and a stream of
 * HTTP/2, need the body in memory, and threads of nginx's own cost more than a
 * copy.
 */

ngx_uint_t
ngx_http_bigcache_send_by_file(ngx_http_request_t *r)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return r == r->main
           && c->sendfile
           && clcf->tcp_nopush
           && c->tcp_nopush != NGX_TCP_NOPUSH_DISABLED
           && clcf->aio == NGX_HTTP_AIO_OFF
#if (NGX_HTTP_SSL)
           && c->ssl == NULL
#endif
           && r->http_version < NGX_HTTP_VERSION_20;
}


/*
 * An error_page in the location itself is meant for the cache, for example
 * "error_page 404 = @backend".  One that is inherited from the server is meant
 * for people, and clients of the API could not parse it.
 *
 * The client of a subrequest is nginx: SSI has a stub for a failed one,
 * auth_request and njs look at the status.  They get what nginx's own handlers
 * send: a status without a body.
 */

ngx_uint_t
ngx_http_bigcache_send_status_only(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf, *server;
    ngx_http_core_srv_conf_t  *cscf;

    if (r != r->main) {
        return 1;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    server = cscf->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (clcf->error_pages == NULL
        || clcf->error_pages == server->error_pages
        || r->error_page)
    {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The body of a request, in the form that an operation takes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


static ngx_int_t ngx_http_bigcache_body_join(ngx_http_request_t *r,
    ngx_chain_t *in, bigcache_data_t *body);


ngx_int_t
ngx_http_bigcache_body(ngx_http_request_t *r, bigcache_data_t *body)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_bigcache_ctx_t  *ctx;

    *body = bigcache_data_bytes((u_char *) "", 0);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;
    b = cl->buf;

    if (cl->next) {
        return ngx_http_bigcache_body_join(r, cl, body);
    }

    if (b->in_file) {
        *body = bigcache_data_range(b->file->fd, b->file_pos,
                                    b->file_last - b->file_pos);

        ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

        /* a front end may have no store */

        if (ctx->zone) {
            atomic_fetch_add(&ctx->zone->shm->bodies, 1);
        }

    } else {
        *body = bigcache_data_bytes(b->pos, b->last - b->pos);
    }

    return NGX_OK;
}


/*
 * Joins the buffers in memory; there may be several, client_body_buffer_size
 * bytes in total.  If there is a temporary file, the whole body is there, in
 * one buffer.
 */

static ngx_int_t
ngx_http_bigcache_body_join(ngx_http_request_t *r, ngx_chain_t *in,
    bigcache_data_t *body)
{
    size_t        len;
    u_char       *data, *p;
    ngx_chain_t  *cl;

    len = 0;

    for (cl = in; cl; cl = cl->next) {

        if (cl->buf->in_file) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "bigcache: request body in memory and in a file");
            return NGX_ERROR;
        }

        len += cl->buf->last - cl->buf->pos;
    }

    data = ngx_pnalloc(r->pool, len);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;

    for (cl = in; cl; cl = cl->next) {

        /* the last buffer of a chunked body has no memory */

        if (cl->buf->pos != cl->buf->last) {
            p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
        }
    }

    *body = bigcache_data_bytes(data, len);

    return NGX_OK;
}

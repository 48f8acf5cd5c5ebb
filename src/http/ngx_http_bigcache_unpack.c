
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Unpacks pages while they are sent, a piece at a time, as the client reads.
 * This is a filter before all others: it gets the page as a gzip file and
 * passes its text on, as nginx's gunzip filter does.  A request that waits for
 * its client holds the gzip file, the pieces, and the memory of zlib: at most
 * 110 KB more than the file.
 *
 * This is slower than unpacking a page at once.  So it is done only if
 * unpacked pages already take too much memory, see bigcache_op_get_unpack().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <zlib.h>

#include "ngx_http_bigcache.h"


/* bytes of a piece; pieces of a request */

#define NGX_HTTP_BIGCACHE_PIECE      (32 * 1024)
#define NGX_HTTP_BIGCACHE_PIECES     2

/* pieces in a row; then the worker serves other requests */

#define NGX_HTTP_BIGCACHE_ROUND      8

/*
 * a bit of r->buffered that nginx's modules do not use: more bytes will come
 */

#define NGX_HTTP_BIGCACHE_BUFFERED   0x08

/* the window bits of inflateInit2() for a gzip file */

#define NGX_HTTP_BIGCACHE_GZIP       (MAX_WBITS + 16)


struct ngx_http_bigcache_unpack_s {
    ngx_chain_t                *free;
    ngx_chain_t                *busy;
    ngx_uint_t                  bufs;
    uint64_t                    skip;     /* bytes to skip */
    uint64_t                    rest;     /* bytes to send after them */
    z_stream                    zstream;
    unsigned                    begun:1;
    unsigned                    done:1;
};


static ngx_int_t ngx_http_bigcache_unpack_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_bigcache_unpack_yields(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_unpack_flush(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack);
static ngx_int_t ngx_http_bigcache_unpack_next(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack, ngx_chain_t **out);
static ngx_chain_t *ngx_http_bigcache_unpack_buf(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack);
static ngx_int_t ngx_http_bigcache_inflate(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack, ngx_buf_t *b);
static ngx_int_t ngx_http_bigcache_inflate_failed(ngx_http_request_t *r,
    int rc);
static void ngx_http_bigcache_unpack_cleanup(void *data);


static ngx_http_output_body_filter_pt  ngx_http_next_body_filter;


void
ngx_http_bigcache_unpack_init(void)
{
    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_bigcache_unpack_body_filter;
}


ngx_int_t
ngx_http_bigcache_unpack(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_chain_t *before, bigcache_str_t *file)
{
    int                          rc;
    ngx_pool_cleanup_t          *cln;
    ngx_http_bigcache_unpack_t  *unpack;

    unpack = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_unpack_t));
    if (unpack == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    unpack->skip = ctx->op.skip;
    unpack->rest = ctx->op.page.unpacked - ctx->op.skip;
    unpack->zstream.next_in = (Bytef *) file->data;
    unpack->zstream.avail_in = (uInt) file->len;

    rc = inflateInit2(&unpack->zstream, NGX_HTTP_BIGCACHE_GZIP);

    if (rc != Z_OK) {
        return ngx_http_bigcache_inflate_failed(r, rc);
    }

    cln->handler = ngx_http_bigcache_unpack_cleanup;
    cln->data = unpack;

    ctx->unpack = unpack;

    return ngx_http_output_filter(r, before);
}


static ngx_int_t
ngx_http_bigcache_unpack_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                    rc;
    ngx_uint_t                   n, yields;
    ngx_chain_t                 *out, *cl, **last;
    ngx_http_bigcache_ctx_t     *ctx;
    ngx_http_bigcache_unpack_t  *unpack;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx == NULL || ctx->unpack == NULL || ctx->unpack->done) {
        return ngx_http_next_body_filter(r, in);
    }

    unpack = ctx->unpack;

    if (unpack->begun && ngx_http_bigcache_unpack_flush(r, unpack) != NGX_OK) {
        return NGX_ERROR;
    }

    unpack->begun = 1;
    r->buffered |= NGX_HTTP_BIGCACHE_BUFFERED;

    /* the first piece is sent together with what precedes the page */

    out = in;

    yields = ngx_http_bigcache_unpack_yields(r);

    for (n = 0; n < NGX_HTTP_BIGCACHE_ROUND || !yields; n++) {

        for (last = &out; *last; last = &(*last)->next) { /* void */ }

        rc = ngx_http_bigcache_unpack_next(r, unpack, last);

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_next_body_filter(r, out);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /*
         * only buffers of this filter return to its list, not the brace before
         * a document
         */

        cl = *last;
        *last = NULL;
        out = NULL;

        ngx_chain_update_chains(r->pool, &unpack->free, &unpack->busy, &cl,
                         (ngx_buf_tag_t) &ngx_http_bigcache_unpack_body_filter);

        if (unpack->done) {
            r->buffered &= ~NGX_HTTP_BIGCACHE_BUFFERED;
            return rc;
        }
    }

    /* continues after other events: the client reads as fast as this works */

    ngx_post_event(r->connection->write, &ngx_posted_next_events);

    return NGX_AGAIN;
}


/*
 * Returns 1 if the rest of the page may be sent later.  nginx calls only the
 * request that has the connection when the connection is writable.  And a
 * module that made a subrequest may take the first part of its body for all of
 * it.
 */

static ngx_uint_t
ngx_http_bigcache_unpack_yields(ngx_http_request_t *r)
{
    return r == r->connection->data && r->post_subrequest == NULL;
}


static ngx_int_t
ngx_http_bigcache_unpack_flush(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack)
{
    ngx_chain_t  *none;

    if (ngx_http_next_body_filter(r, NULL) == NGX_ERROR) {
        return NGX_ERROR;
    }

    none = NULL;

    ngx_chain_update_chains(r->pool, &unpack->free, &unpack->busy, &none,
                         (ngx_buf_tag_t) &ngx_http_bigcache_unpack_body_filter);

    return NGX_OK;
}


/* returns NGX_AGAIN if the client has not read any of the pieces yet */

static ngx_int_t
ngx_http_bigcache_unpack_next(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack, ngx_chain_t **out)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (unpack->free == NULL && unpack->bufs == NGX_HTTP_BIGCACHE_PIECES) {
        return NGX_AGAIN;
    }

    cl = ngx_http_bigcache_unpack_buf(r, unpack);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    if (ngx_http_bigcache_inflate(r, unpack, b) != NGX_OK) {
        return NGX_ERROR;
    }

    if (unpack->rest == 0) {
        unpack->done = 1;

        b->last_buf = (r == r->main) ? 1 : 0;
        b->last_in_chain = 1;
    }

    *out = cl;

    return NGX_OK;
}


/* filters may have changed a buffer that was used before */

static ngx_chain_t *
ngx_http_bigcache_unpack_buf(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack)
{
    u_char       *start, *end;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = unpack->free;

    if (cl) {
        unpack->free = cl->next;
        b = cl->buf;

    } else {
        b = ngx_create_temp_buf(r->pool, NGX_HTTP_BIGCACHE_PIECE);
        if (b == NULL) {
            return NULL;
        }

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NULL;
        }

        unpack->bufs++;
    }

    start = b->start;
    end = b->end;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = start;
    b->end = end;
    b->pos = start;
    b->last = start;
    b->temporary = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_bigcache_unpack_body_filter;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


/* fills b with the next bytes, some or all */

static ngx_int_t
ngx_http_bigcache_inflate(ngx_http_request_t *r,
    ngx_http_bigcache_unpack_t *unpack, ngx_buf_t *b)
{
    int        rc;
    size_t     size;
    z_stream  *zstream;

    zstream = &unpack->zstream;

    do {
        size = b->end - b->start;

        zstream->next_out = b->start;
        zstream->avail_out = (uInt) size;

        rc = inflate(zstream, Z_NO_FLUSH);

        size -= zstream->avail_out;

        if ((rc != Z_OK && rc != Z_STREAM_END)
            || size > unpack->skip + unpack->rest
            || (rc == Z_STREAM_END && size != unpack->skip + unpack->rest))
        {
            return ngx_http_bigcache_inflate_failed(r, rc);
        }

        b->pos = b->start + ngx_min(unpack->skip, size);
        b->last = b->start + size;

        unpack->skip -= b->pos - b->start;
        unpack->rest -= b->last - b->pos;

    } while (b->pos == b->last && unpack->rest);

    /* zlib has not verified the checksum of the file yet */

    if (unpack->rest == 0 && rc == Z_OK) {

        zstream->next_out = b->last;
        zstream->avail_out = 0;

        rc = inflate(zstream, Z_FINISH);

        if (rc != Z_STREAM_END) {
            return ngx_http_bigcache_inflate_failed(r, rc);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_inflate_failed(ngx_http_request_t *r, int rc)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "bigcache: cannot unpack a page while it is sent: %d", rc);

    return NGX_ERROR;
}


static void
ngx_http_bigcache_unpack_cleanup(void *data)
{
    ngx_http_bigcache_unpack_t *unpack = data;

    (void) inflateEnd(&unpack->zstream);
}

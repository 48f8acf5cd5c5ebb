
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A request at the upstream: whatever handler the location has does the work.
 * The filters, which come before all others, look at the answer, capture it,
 * or send a stored page in its place.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"
#include "bigcache_time.h"


/*
 * Milliseconds: that a page counts as one that cannot be stored; that an origin
 * that has failed is left alone, at first and at most.
 */
#define NGX_HTTP_BIGCACHE_PAGE_FETCH_PASS   10000
#define NGX_HTTP_BIGCACHE_PAGE_FETCH_PAUSE  5000
#define NGX_HTTP_BIGCACHE_PAGE_FETCH_MOST   60000


static ngx_int_t ngx_http_bigcache_page_fetch_content(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_fetch_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_fetch_failed(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_fetch_same(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_fetch_answered(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_fetch_whole(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_fetch_instead(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx,
    ngx_http_bigcache_page_status_e status);
static ngx_int_t ngx_http_bigcache_page_fetch_next(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_fetch_no_store(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_fetch_is_failure(
    ngx_http_request_t *r, ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_fetch_may_be_stale(
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_fetch_clear(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_fetch_body(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


void
ngx_http_bigcache_page_fetch_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_bigcache_page_fetch_header;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_bigcache_page_fetch_body;
}


void
ngx_http_bigcache_page_fetch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ctx->fetching = 1;
    ctx->asked = bigcache_time_monotonic_us();
    ctx->removals = ngx_http_bigcache_zone_removals(ctx->conf->zone,
                                                    &ctx->url);

    if (r->content_handler == NULL) {

        /* a try_files, for example, leads to another location */

        return;
    }

    ctx->content = r->content_handler;
    r->content_handler = ngx_http_bigcache_page_fetch_content;

    if (ngx_http_bigcache_page_fetch_may_be_stale(ctx) && !r->error_page) {

        /* a stale page is better than an error_page */

        r->error_page = 1;
        ctx->error_page = 1;
    }
}


static ngx_int_t
ngx_http_bigcache_page_fetch_content(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_upstream_t           *u;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);
    ctx->called = 1;

    /* of what answers HEAD nothing is stored: it is asked as the client does */

    if (!ctx->head_only
        && ngx_http_bigcache_page_request_prepare(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ctx->content(r);

    /* the request to the upstream is made: all else sees that of the client */

    ngx_http_bigcache_page_request_restore(r, ctx);

    u = r->upstream;

    if (rc != NGX_DONE || u == NULL || ctx->answered) {
        return rc;
    }

    if (u->cleanup == NULL) {

        /*
         * nginx waits for the body, and the upstream will be asked for what the
         * client asks for: that says nothing about the page
         */

        ctx->conditional = 0;
        ctx->latest = 0;
        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);

        return rc;
    }

    ngx_http_bigcache_page_capture_watch(r, ctx);

    if (ctx->led || ctx->latest) {

        /* a client that leaves does not end the fetch */

        ctx->reading = r->read_event_handler;
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_request_empty_handler;
    }

    return rc;
}


static ngx_int_t
ngx_http_bigcache_page_fetch_header(ngx_http_request_t *r)
{
    ngx_http_upstream_t           *u;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    if (ctx == NULL && r->internal) {
        ctx = ngx_http_bigcache_page_ctx_find(r);

        if (ctx) {

            /* another location answers, for example an error_page */

            ngx_http_bigcache_page_request_restore(r, ctx);
            ngx_http_bigcache_page_flow_end(ctx, NULL);
            ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);
        }

        return ngx_http_next_header_filter(r);
    }

    if (ctx == NULL || ctx->sending || ctx->answered) {
        return ngx_http_next_header_filter(r);
    }

    ctx->answered = 1;

    ngx_http_bigcache_page_request_restore(r, ctx);

    if (ctx->unsafe) {
        ngx_http_bigcache_page_invalidate(r, ctx);
    }

    if (!ctx->fetching) {
        return ngx_http_bigcache_page_fetch_next(r, ctx);
    }

    u = r->upstream;

    if (u && u->cleanup) {
        bigcache_page_metrics_took(&ctx->conf->zone->shm->pages,
                                   (unsigned) ngx_worker,
                                   (uint64_t) (bigcache_time_monotonic_us()
                                               - ctx->asked));
    }

    if (ngx_http_bigcache_page_fetch_is_failure(r, ctx)
        && (u == NULL || u->cleanup == NULL
            || ngx_http_bigcache_page_fetch_may_be_stale(ctx)
            || ngx_http_bigcache_page_answer(r, ctx, 0) != BIGCACHE_FRESH_OK))
    {
        return ngx_http_bigcache_page_fetch_failed(r, ctx);
    }

    if (ctx->error_page) {
        r->error_page = 0;
    }

    if (u == NULL || u->cleanup == NULL || u->header_sent) {

        /* this is not the upstream's answer: a static file, for example */

        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);
        return ngx_http_bigcache_page_fetch_next(r, ctx);
    }

    if (ctx->conditional
        && u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED)
    {
        return ngx_http_bigcache_page_fetch_same(r, ctx);
    }

    return ngx_http_bigcache_page_fetch_answered(r, ctx);
}


/* the origin cannot answer now: a stale page is, if there is one */

static ngx_int_t
ngx_http_bigcache_page_fetch_failed(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_FAILED,
                                     NGX_HTTP_BIGCACHE_PAGE_FETCH_PAUSE,
                                     NGX_HTTP_BIGCACHE_PAGE_FETCH_MOST);

    ngx_http_bigcache_page_count(ctx->conf->zone, BIGCACHE_PAGE_METRIC_FAILED);

    if (!ctx->refresh
        && ngx_http_bigcache_page_fetch_may_be_stale(ctx)
        && ngx_http_bigcache_page_lookup_same(ctx))
    {
        return ngx_http_bigcache_page_fetch_instead(r, ctx,
                                                NGX_HTTP_BIGCACHE_PAGE_STALE);
    }

    return ngx_http_bigcache_page_fetch_next(r, ctx);
}


/* the stored page is still good: it gets the fields of the 304 */

static ngx_int_t
ngx_http_bigcache_page_fetch_same(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_fresh_e  why;

    why = ngx_http_bigcache_page_answer(r, ctx, 1);

    if (why == BIGCACHE_FRESH_OK) {

        if (ctx->refresh
            || bigcache_head_decode(&ctx->head, ctx->writer.data,
                                    ctx->writer.len)
               == 0)
        {
            ngx_http_bigcache_page_put_again(r, ctx);
        }

    } else if (why == BIGCACHE_FRESH_AUTHORIZED) {
        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);

    } else {
        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_PASS,
                                        NGX_HTTP_BIGCACHE_PAGE_FETCH_PASS, 0);
        ngx_http_bigcache_page_invalidate_stored(r, ctx);
    }

    if (ctx->refresh) {
        return ngx_http_bigcache_page_fetch_next(r, ctx);
    }

    return ngx_http_bigcache_page_fetch_instead(r, ctx,
                                          NGX_HTTP_BIGCACHE_PAGE_REVALIDATED);
}


static ngx_int_t
ngx_http_bigcache_page_fetch_answered(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_uint_t        own;
    bigcache_fresh_e  why;

    /* this says nothing about the page for others */

    own = ngx_http_bigcache_page_fetch_no_store(r, ctx);

    why = ngx_http_bigcache_page_answer(r, ctx, 0);
    own |= (why == BIGCACHE_FRESH_AUTHORIZED);

    rc = (why == BIGCACHE_FRESH_OK && !own)
         ? ngx_http_bigcache_page_capture(r, ctx) : NGX_DECLINED;

    if (rc != NGX_OK) {
        ngx_http_bigcache_page_lease_end(ctx, own ? BIGCACHE_LEASE_NONE
                                                  : BIGCACHE_LEASE_PASS,
                                        NGX_HTTP_BIGCACHE_PAGE_FETCH_PASS, 0);

        if (ctx->found && !own && why != BIGCACHE_FRESH_OK) {
            ngx_http_bigcache_page_invalidate_stored(r, ctx);
        }

        if (ctx->reading) {

            /* if the client leaves, the upstream may end */

            r->read_event_handler = ctx->reading;
        }
    }

    if (rc == NGX_OK) {
        ngx_http_bigcache_page_flow_begin(r, ctx);
        ngx_http_bigcache_page_wait_wake();
    }

    ngx_http_bigcache_page_fetch_whole(r, ctx);

    return ngx_http_bigcache_page_fetch_next(r, ctx);
}


/*
 * The upstream was asked for the whole page, but the client may have asked for
 * a part of it, or for another one than it has.  Ranges that are not in the
 * page are ignored: for 416 nginx would end the upstream.
 */

static void
ngx_http_bigcache_page_fetch_whole(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (r != r->main || r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT) {
        return;
    }

    r->disable_not_modified = 0;
    ngx_http_bigcache_page_request_conditions(r);
    ngx_http_bigcache_page_request_if_range(r, ctx->gzip);

    if (r->headers_out.status == NGX_HTTP_OK
        && r->headers_out.content_length_n != -1
        && ngx_http_bigcache_page_request_in_range(r,
                                            r->headers_out.content_length_n))
    {
        r->allow_ranges = 1;
        r->single_range = 1;
    }
}


/* sends the stored page; the body filter drops what comes instead of it */

static ngx_int_t
ngx_http_bigcache_page_fetch_instead(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx,
    ngx_http_bigcache_page_status_e status)
{
    ngx_int_t  rc;

    ngx_http_bigcache_page_fetch_clear(r);

    /* no filter may answer with an error now */

    if (!ngx_http_bigcache_page_request_in_range(r,
                                                 (off_t) ctx->page.unpacked))
    {
        r->headers_in.range = NULL;
    }

    ctx->status = status;
    ctx->instead = 1;

    if (ngx_http_bigcache_page_send_header(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_next_header_filter(r);

    if (rc > NGX_OK) {
        ctx->instead = 0;
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_bigcache_page_fetch_next(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ctx->refresh) {

        /* nothing goes to the client */

        r->header_only = 1;

    } else if (ngx_http_bigcache_page_variables_status(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_uint_t
ngx_http_bigcache_page_fetch_no_store(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    return ctx->latest == 0
           || ctx->head_only
           || ngx_http_test_predicates(r, ctx->conf->no_store) != NGX_OK;
}


/* returns 1 if the answer says that the origin has failed, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_fetch_is_failure(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_uint_t  own;

    own = ((r->upstream == NULL || r->upstream->cleanup == NULL)
           && r->headers_out.status != ctx->upstream_status);

    return ngx_http_bigcache_page_answer_failed(ctx->conf,
                                                r->headers_out.status, own);
}


static ngx_uint_t
ngx_http_bigcache_page_fetch_may_be_stale(ngx_http_bigcache_page_ctx_t *ctx)
{
    int64_t  window;

    window = ngx_max(ctx->head.stale_if_error,
                     ctx->head.stale_while_revalidate);

    return ctx->found
           && !(ctx->head.flags & BIGCACHE_HEAD_REVALIDATE)
           && bigcache_time_now() < ctx->head.fresh_until + window * 1000;
}


/* forgets the answer so far, as if there were none */

static void
ngx_http_bigcache_page_fetch_clear(ngx_http_request_t *r)
{
    ngx_list_part_t  *part;

    part = &r->headers_out.headers.part;

    part->nelts = 0;
    part->next = NULL;
    r->headers_out.headers.last = part;

    r->err_status = 0;

    r->headers_out.server = NULL;
    r->headers_out.date = NULL;
    r->headers_out.location = NULL;
    r->headers_out.refresh = NULL;
    r->headers_out.expires = NULL;
    r->headers_out.www_authenticate = NULL;
    r->headers_out.override_charset = NULL;
#if (nginx_version >= 1023000)
    r->headers_out.cache_control = NULL;
    r->headers_out.link = NULL;
#else
    ngx_memzero(&r->headers_out.cache_control, sizeof(ngx_array_t));
    ngx_memzero(&r->headers_out.link, sizeof(ngx_array_t));
#endif

    ngx_str_null(&r->headers_out.content_type);
    r->headers_out.content_type_len = 0;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
}


static ngx_int_t
ngx_http_bigcache_page_fetch_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t                   *cl, out;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    if (ctx == NULL || !ctx->instead) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->sent) {
        return ngx_http_next_body_filter(r, NULL);
    }

    ctx->sent = 1;

    if (ngx_http_bigcache_page_send_body(r, ctx, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_body_filter(r, &out);
}

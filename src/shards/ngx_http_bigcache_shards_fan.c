
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Asks all servers what one request asks.  A subrequest for each goes the way
 * of any request through nginx's proxy; the variable of the hash has another
 * value in each.  What comes back stays in memory, here, and nothing of it goes
 * to the client.
 */


#include "ngx_http_bigcache_pages.h"
#include "ngx_http_bigcache_shards.h"


/* bytes of memory for an answer of unknown length */

#define NGX_HTTP_BIGCACHE_SHARDS_FIRST  4096

/* milliseconds in which the body of an answer must come */

#define NGX_HTTP_BIGCACHE_SHARDS_BODY   60000


static void ngx_http_bigcache_shards_fan_start(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_shards_fan_ask(ngx_http_request_t *r,
    ngx_http_bigcache_shards_answer_t *answer);
static ngx_int_t ngx_http_bigcache_shards_fan_done(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static void ngx_http_bigcache_shards_fan_resume(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_shards_fan_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_shards_fan_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_bigcache_shards_fan_keep(ngx_http_request_t *r,
    ngx_http_bigcache_shards_answer_t *answer, ngx_buf_t *b);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


void
ngx_http_bigcache_shards_fan_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_bigcache_shards_fan_header;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_bigcache_shards_fan_body;
}


ngx_int_t
ngx_http_bigcache_shards_fan(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_bigcache_shards_fan_start);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


/* the body is here */

static void
ngx_http_bigcache_shards_fan_start(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_uint_t                       i;
    ngx_http_bigcache_shards_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_shards_module);

    rc = (ctx->prepare) ? ctx->prepare(r, ctx) : NGX_OK;

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_bigcache_shards_fan_resume;

    for (i = 0; i < ctx->nanswers; i++) {

        if (ctx->answers[i].idle) {
            continue;
        }

        if (ngx_http_bigcache_shards_fan_ask(r, &ctx->answers[i]) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ctx->waits++;
    }

    if (ctx->waits == 0) {
        ngx_http_finalize_request(r, ctx->merge(r, ctx));
    }
}


static ngx_int_t
ngx_http_bigcache_shards_fan_ask(ngx_http_request_t *r,
    ngx_http_bigcache_shards_answer_t *answer)
{
    ngx_http_request_t          *sr;
    ngx_http_post_subrequest_t  *ps;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (ps == NULL) {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_bigcache_shards_fan_done;
    ps->data = answer;

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, ps,
                            NGX_HTTP_SUBREQUEST_CLONE
                            |NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    answer->request = sr;

    /* an "if" has no handler of its own: that of the request was copied */

    sr->content_handler = answer->ctx->proxy;

    /* the proxy takes the one or the other */

    if (answer->uri.len) {
        sr->unparsed_uri = answer->uri;
        sr->args = answer->args;
    }

    if (answer->body) {
        sr->request_body = answer->body;
        sr->headers_in.content_length_n = answer->body_len;
    }

    if (r->method == NGX_HTTP_HEAD && answer->ctx->read) {
        sr->method = NGX_HTTP_GET;
        sr->method_name = ngx_http_core_get_method;
    }

    /* the answer of a server must be whole, and as it is */

    return ngx_http_bigcache_page_request_withhold(sr);
}


/*
 * What nginx would do about a failure, an error_page for example, must not
 * become the answer of the server.
 */

static ngx_int_t
ngx_http_bigcache_shards_fan_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_http_bigcache_shards_answer_t *answer = data;

    if (!answer->done) {
        answer->done = 1;
        answer->ctx->waits--;

        if (answer->status == 0) {
            answer->status = (rc >= NGX_HTTP_SPECIAL_RESPONSE)
                             ? (ngx_uint_t) rc : NGX_HTTP_BAD_GATEWAY;
        }

        if (!answer->whole || answer->packed
            || !ngx_http_bigcache_shards_fan_right(r, answer->shard))
        {
            answer->status = NGX_HTTP_BAD_GATEWAY;
        }
    }

    return (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST) ? rc : NGX_OK;
}


ngx_uint_t
ngx_http_bigcache_shards_fan_right(ngx_http_request_t *r,
    const ngx_http_bigcache_shard_t *shard)
{
    const ngx_str_t            *name;
    ngx_http_upstream_state_t  *state;

    name = &shard->address;
    state = NULL;

    if (r->upstream_states && r->upstream_states->nelts) {
        state = r->upstream_states->elts;
        state = &state[r->upstream_states->nelts - 1];
    }

    if (state && state->peer && state->peer->len == name->len
        && ngx_strncmp(state->peer->data, name->data, name->len) == 0)
    {
        return 1;
    }

    if (state && state->peer) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache shards: \"%V\" was asked instead of \"%V\": "
                      "the upstream needs \"hash $bigcache_shard_key "
                      "consistent;\", no other method, and \"max_fails=0\" of "
                      "each server",
                      state->peer, name);
    }

    return 0;
}


static void
ngx_http_bigcache_shards_fan_resume(ngx_http_request_t *r)
{
    ngx_http_bigcache_shards_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_shards_module);

    if (ctx->waits) {
        return;
    }

    /* subrequests that have ended before others are in a list, one by one */

    if (r->postponed) {

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, ctx->merge(r, ctx));
}


ngx_http_bigcache_shards_answer_t *
ngx_http_bigcache_shards_fan_answer(ngx_http_request_t *r)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_shards_ctx_t  *ctx;

    if (r == r->main || r->parent == NULL) {
        return NULL;
    }

    /* an error_page clears the contexts of the subrequest, not of its parent */

    ctx = ngx_http_get_module_ctx(r->parent, ngx_http_bigcache_shards_module);

    if (ctx == NULL) {
        return NULL;
    }

    for (i = 0; i < ctx->nanswers; i++) {
        if (ctx->answers[i].request == r) {
            return &ctx->answers[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_bigcache_shards_fan_header(ngx_http_request_t *r)
{
    ngx_http_bigcache_shards_answer_t  *answer;

    static ngx_str_t  batch = ngx_string(NGX_HTTP_BIGCACHE_BATCH);

    answer = ngx_http_bigcache_shards_fan_answer(r);

    if (answer == NULL) {
        return ngx_http_next_header_filter(r);
    }

    answer->status = r->headers_out.status;
    answer->until = ngx_current_msec + NGX_HTTP_BIGCACHE_SHARDS_BODY;
    answer->packed = (r->headers_out.content_encoding
                      && r->headers_out.content_encoding->value.len);
    answer->framed = (r->headers_out.content_type.len == batch.len
                      && ngx_strncmp(r->headers_out.content_type.data,
                                     batch.data, batch.len)
                         == 0);
    r->header_sent = 1;

    if (r->method == NGX_HTTP_HEAD || r->headers_out.content_length_n == 0) {
        answer->whole = 1;
    }

    if (r->method == NGX_HTTP_HEAD) {
        r->header_only = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_fan_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t                        *cl;
    ngx_http_bigcache_shards_answer_t  *answer;

    answer = ngx_http_bigcache_shards_fan_answer(r);

    if (answer == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (answer->ctx->large
        || (ngx_msec_int_t) (answer->until - ngx_current_msec) < 0)
    {
        return NGX_ERROR;
    }

    for (cl = in; cl; cl = cl->next) {

        if (ngx_http_bigcache_shards_fan_keep(r, answer, cl->buf) != NGX_OK) {
            return NGX_ERROR;
        }

        if (cl->buf->last_buf || cl->buf->last_in_chain) {
            answer->whole = 1;
        }

        /* it is free for the next bytes of the server */

        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_fan_keep(ngx_http_request_t *r,
    ngx_http_bigcache_shards_answer_t *answer, ngx_buf_t *b)
{
    off_t                            len, size;
    u_char                          *p;
    ssize_t                          n;
    ngx_http_bigcache_shards_ctx_t  *ctx;

    ctx = answer->ctx;
    len = ngx_buf_special(b) ? 0 : ngx_buf_size(b);

    if (len == 0) {
        return NGX_OK;
    }

    if (ctx->held + len > NGX_HTTP_BIGCACHE_SHARDS_MOST * ctx->nanswers) {
        ctx->large = 1;
        return NGX_ERROR;
    }

    if (answer->len + len > answer->size) {

        size = ngx_max(2 * answer->size, answer->len + len);
        size = ngx_max(size, NGX_HTTP_BIGCACHE_SHARDS_FIRST);
        size = ngx_max(size, r->headers_out.content_length_n);
        size = ngx_min(size, (off_t) (NGX_HTTP_BIGCACHE_SHARDS_MOST
                                      * ctx->nanswers));

        p = ngx_palloc(r->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (answer->len) {
            ngx_memcpy(p, answer->data, answer->len);
            (void) ngx_pfree(r->pool, answer->data);
        }

        answer->data = p;
        answer->size = size;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(answer->data + answer->len, b->pos, len);

    } else {
        n = ngx_read_file(b->file, answer->data + answer->len, len,
                          b->file_pos);
        if (n != len) {
            return NGX_ERROR;
        }
    }

    answer->len += len;
    ctx->held += len;

    return NGX_OK;
}

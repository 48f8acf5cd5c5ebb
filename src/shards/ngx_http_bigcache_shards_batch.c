
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Batches: each server gets the operations of its own keys, in their order, and
 * the results are put together in the order of the batch.  Operations of a
 * server that does not answer have the status 503, and no others.
 *
 * A batch that cannot be cut, since it is wrong, goes to one server as it is:
 * it is refused there as a whole, in the words of a single server.
 */


#include "ngx_http_bigcache_shards.h"

#include "bigcache_json.h"
#include "bigcache_json_scan.h"


#define NGX_HTTP_BIGCACHE_SHARDS_OPS   1000

/* bytes of a batch, which is cut in memory */

#define NGX_HTTP_BIGCACHE_SHARDS_BODY  (64 * 1024 * 1024)

#define NGX_HTTP_BIGCACHE_SHARDS_AWAY                                         \
    "{\"status\":503,\"detail\":\"the server of this key does not answer\"}"

#define NGX_HTTP_BIGCACHE_SHARDS_REFUSED                                      \
    "{\"status\":%ui,\"detail\":\"the server of this key has refused its "   \
    "part of the batch\"}"


/* an operation, or its result */

typedef struct {
    bigcache_str_t   text;      /* the object */
    uint64_t         nbytes;    /* behind the line */
    ngx_uint_t       server;
} ngx_http_bigcache_shards_op_t;

typedef struct {
    ngx_http_bigcache_shards_op_t  *ops;
    ngx_uint_t                      nops;
    u_char                         *bytes;      /* behind the line */
    ngx_uint_t                      framed;     /* there may be some */
} ngx_http_bigcache_shards_batch_t;

/* a batch, or the results of a server, while they are read */

typedef struct {
    bigcache_str_t   rows;
    size_t           at;
    u_char          *bytes;     /* behind the line */
    u_char          *last;
} ngx_http_bigcache_shards_results_t;


static ngx_int_t ngx_http_bigcache_shards_batch_body(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_uint_t ngx_http_bigcache_shards_batch_open(
    ngx_http_bigcache_shards_results_t *rows, u_char *data, size_t len,
    ngx_uint_t framed, const char *name);
static ngx_int_t ngx_http_bigcache_shards_batch_read(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_str_t *body,
    ngx_http_bigcache_shards_batch_t *batch);
static ngx_int_t ngx_http_bigcache_shards_batch_op(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx,
    ngx_http_bigcache_shards_batch_t *batch, const bigcache_str_t *item);
static ngx_int_t ngx_http_bigcache_shards_batch_part(ngx_http_request_t *r,
    ngx_http_bigcache_shards_batch_t *batch, ngx_uint_t server,
    ngx_http_bigcache_shards_answer_t *answer);
static ngx_int_t ngx_http_bigcache_shards_batch_refused(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static u_char *ngx_http_bigcache_shards_batch_away(u_char *p,
    ngx_http_bigcache_shards_answer_t *answer);
static ngx_int_t ngx_http_bigcache_shards_batch_result(
    ngx_http_bigcache_shards_results_t *results,
    ngx_http_bigcache_shards_op_t *result, u_char **bytes);


ngx_int_t
ngx_http_bigcache_shards_batch_cut(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_int_t                           rc;
    ngx_str_t                           body;
    ngx_uint_t                          i;
    ngx_http_bigcache_shards_batch_t   *batch;

    if (r->headers_in.content_length_n > NGX_HTTP_BIGCACHE_SHARDS_BODY) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    batch = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_shards_batch_t));
    if (batch == NULL
        || ngx_http_bigcache_shards_batch_body(r, &body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_bigcache_shards_batch_read(r, ctx, &body, batch);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED || batch->nops == 0) {

        /* the first server gets all of it */

        ctx->nanswers = 1;
        ctx->merge = ngx_http_bigcache_shards_batch_refused;

        return NGX_OK;
    }

    for (i = 0; i < ctx->nanswers; i++) {
        if (ngx_http_bigcache_shards_batch_part(r, batch, i, &ctx->answers[i])
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ctx->data = batch;

    return NGX_OK;
}


/* it must not have been carried out there, for keys of other servers */

static ngx_int_t
ngx_http_bigcache_shards_batch_refused(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_http_bigcache_shards_answer_t  *answer;

    static const char  none[] = "{\"results\":[]}";

    answer = &ctx->answers[0];

    if (answer->status == NGX_HTTP_OK
        && (answer->len < sizeof(none) - 1
            || ngx_strncmp(answer->data, none, sizeof(none) - 1) != 0))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache shards: the server \"%V\" has accepted a "
                      "batch that this front does not understand",
                      &answer->shard->name);

        return NGX_HTTP_BAD_GATEWAY;
    }

    return ngx_http_bigcache_shards_merge(r, ctx);
}


/* the body in one piece */

static ngx_int_t
ngx_http_bigcache_shards_batch_body(ngx_http_request_t *r, ngx_str_t *body)
{
    bigcache_data_t  data;

    if (ngx_http_bigcache_body(r, &data) != NGX_OK) {
        return NGX_ERROR;
    }

    body->len = (size_t) bigcache_data_length(&data, 1);

    if (data.fd == -1) {
        body->data = (u_char *) data.bytes.data;
        return NGX_OK;
    }

    body->data = ngx_pnalloc(r->pool, body->len);

    return (body->data && bigcache_data_read(body->data, &data, 1) == 0)
           ? NGX_OK : NGX_ERROR;
}


/* finds the array, and the bytes behind its line; returns 1, or 0 */

static ngx_uint_t
ngx_http_bigcache_shards_batch_open(ngx_http_bigcache_shards_results_t *rows,
    u_char *data, size_t len, ngx_uint_t framed, const char *name)
{
    u_char  *end;

    end = data + len;
    rows->at = 0;
    rows->bytes = end;
    rows->last = end;

    if (framed) {
        end = ngx_strlchr(data, end, '\n');

        if (end == NULL) {
            return 0;
        }

        rows->bytes = end + 1;
    }

    return ngx_http_bigcache_shards_merge_array(data, end - data, name,
                                                &rows->rows);
}


/* returns NGX_OK; NGX_DECLINED if it cannot be cut; or NGX_ERROR */

static ngx_int_t
ngx_http_bigcache_shards_batch_read(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_str_t *body,
    ngx_http_bigcache_shards_batch_t *batch)
{
    ngx_int_t                            rc;
    uint64_t                             sum;
    ngx_uint_t                           i;
    bigcache_str_t                       item;
    ngx_table_elt_t                     *type;
    ngx_http_bigcache_shards_results_t   rows;

    type = r->headers_in.content_type;
    batch->framed = (type && ngx_http_bigcache_headers_framed(&type->value));

    if (!ngx_http_bigcache_shards_batch_open(&rows, body->data, body->len,
                                             batch->framed, "operations"))
    {
        return NGX_DECLINED;
    }

    batch->bytes = rows.bytes;

    batch->ops = ngx_palloc(r->pool, NGX_HTTP_BIGCACHE_SHARDS_OPS
                                     * sizeof(ngx_http_bigcache_shards_op_t));
    if (batch->ops == NULL) {
        return NGX_ERROR;
    }

    while (bigcache_json_scan_item(&rows.rows, &rows.at, &item)) {

        rc = ngx_http_bigcache_shards_batch_op(r, ctx, batch, &item);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    sum = 0;

    for (i = 0; i < batch->nops; i++) {

        if (batch->ops[i].nbytes > (uint64_t) body->len) {
            return NGX_DECLINED;
        }

        sum += batch->ops[i].nbytes;
    }

    return (sum == (uint64_t) (rows.last - rows.bytes)) ? NGX_OK
                                                        : NGX_DECLINED;
}


/* one without a key goes to the first server, which says what is wrong */

static ngx_int_t
ngx_http_bigcache_shards_batch_op(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx,
    ngx_http_bigcache_shards_batch_t *batch, const bigcache_str_t *item)
{
    int                             rc;
    int64_t                         nbytes;
    bigcache_str_t                  key, text;
    bigcache_json_error_t           err;
    bigcache_json_named_t           named[2];
    ngx_http_bigcache_shards_op_t  *op;

    if (batch->nops == NGX_HTTP_BIGCACHE_SHARDS_OPS) {
        return NGX_DECLINED;
    }

    op = &batch->ops[batch->nops++];

    op->text = *item;
    op->nbytes = 0;
    op->server = 0;

    named[0].name = "key";
    named[1].name = "bytes";

    if (bigcache_json_scan_members(item->data, item->len, named, 2, &err)
        != BIGCACHE_JSON_OK)
    {
        return NGX_OK;
    }

    if (batch->framed) {
        rc = bigcache_json_integer(&named[1].extent, &nbytes);

        if (rc == BIGCACHE_JSON_OK && nbytes >= 0) {
            op->nbytes = (uint64_t) nbytes;

        } else if (rc != BIGCACHE_JSON_NULL) {
            return NGX_DECLINED;
        }
    }

    rc = bigcache_json_unescape(&named[0].extent, &key);

    if (rc == BIGCACHE_JSON_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != BIGCACHE_JSON_OK) {
        return NGX_OK;
    }

    /* as a server makes the key */

    text = key;

    while (text.len && *text.data == '/') {
        text.data++;
        text.len--;
    }

    while (text.len && text.data[text.len - 1] == '/') {
        text.len--;
    }

    op->server = bigcache_ring_find(ctx->conf->ring, &text);

    free((void *) key.data);

    return NGX_OK;
}


/* makes the batch of a server */

static ngx_int_t
ngx_http_bigcache_shards_batch_part(ngx_http_request_t *r,
    ngx_http_bigcache_shards_batch_t *batch, ngx_uint_t server,
    ngx_http_bigcache_shards_answer_t *answer)
{
    u_char                         *p, *bytes;
    size_t                          len;
    ngx_buf_t                      *b;
    ngx_uint_t                      i, n;
    ngx_http_bigcache_shards_op_t  *op;

    len = sizeof("{\"operations\":[]}\n");
    n = 0;

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];

        if (op->server == server) {
            len += op->text.len + 1 + op->nbytes;
            n++;
        }
    }

    if (n == 0) {
        answer->idle = 1;
        return NGX_OK;
    }

    b = ngx_create_temp_buf(r->pool, len);
    answer->body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));

    if (b == NULL || answer->body == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(b->last, "{\"operations\":[");
    n = 0;

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];

        if (op->server == server) {
            if (n++) {
                *p++ = ',';
            }

            p = ngx_cpymem(p, op->text.data, op->text.len);
        }
    }

    p = ngx_sprintf(p, batch->framed ? "]}\n" : "]}");

    bytes = batch->bytes;

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];

        if (op->server == server) {
            p = ngx_cpymem(p, bytes, op->nbytes);
        }

        bytes += op->nbytes;
    }

    b->last = p;
    b->last_buf = 1;

    answer->body_len = b->last - b->pos;
    answer->body->bufs = ngx_alloc_chain_link(r->pool);

    if (answer->body->bufs == NULL) {
        return NGX_ERROR;
    }

    answer->body->bufs->buf = b;
    answer->body->bufs->next = NULL;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_shards_batch(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                              *p, *q, *bytes, *from;
    size_t                               len;
    ngx_str_t                            body;
    ngx_uint_t                           i, framed;
    ngx_http_bigcache_shards_op_t        result;
    ngx_http_bigcache_shards_batch_t    *batch;
    ngx_http_bigcache_shards_answer_t   *answer;
    ngx_http_bigcache_shards_results_t  *results, *one;

    static ngx_str_t  frames = ngx_string(NGX_HTTP_BIGCACHE_BATCH);

    batch = ctx->data;
    framed = 0;

    results = ngx_pcalloc(r->pool, ctx->nanswers
                              * sizeof(ngx_http_bigcache_shards_results_t));
    if (results == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < ctx->nanswers; i++) {
        answer = &ctx->answers[i];

        /* without an array, it has no results */

        if (answer->status == NGX_HTTP_OK) {
            framed |= answer->framed;
            (void) ngx_http_bigcache_shards_batch_open(&results[i],
                                                  answer->data, answer->len,
                                                  answer->framed, "results");
        }
    }

    len = ctx->held + sizeof("{\"results\":[]}\n")
          + batch->nops * (sizeof(NGX_HTTP_BIGCACHE_SHARDS_REFUSED)
                           + NGX_INT_T_LEN);

    body.data = ngx_pnalloc(r->pool, len);
    bytes = framed ? ngx_pnalloc(r->pool, ctx->held + 1) : body.data;

    if (body.data == NULL || bytes == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(body.data, "{\"results\":[");
    q = bytes;

    for (i = 0; i < batch->nops; i++) {
        one = &results[batch->ops[i].server];

        if (i) {
            *p++ = ',';
        }

        if (ngx_http_bigcache_shards_batch_result(one, &result, &from)
            != NGX_OK)
        {
            p = ngx_http_bigcache_shards_batch_away(p,
                                       &ctx->answers[batch->ops[i].server]);
            continue;
        }

        p = ngx_cpymem(p, result.text.data, result.text.len);

        if (result.nbytes) {
            q = ngx_cpymem(q, from, result.nbytes);
        }
    }

    p = ngx_sprintf(p, framed ? "]}\n" : "]}");

    if (framed) {

        /* both have room for all that the servers have said */

        p = ngx_cpymem(p, bytes, q - bytes);
    }

    body.len = p - body.data;

    return ngx_http_bigcache_send_bytes(r, NGX_HTTP_OK,
                                        framed
                                        ? &frames
                                        : &ngx_http_bigcache_send_json_text,
                                        &body);
}


static u_char *
ngx_http_bigcache_shards_batch_away(u_char *p,
    ngx_http_bigcache_shards_answer_t *answer)
{
    if (answer->status >= NGX_HTTP_BAD_REQUEST
        && answer->status < NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return ngx_sprintf(p, NGX_HTTP_BIGCACHE_SHARDS_REFUSED,
                           answer->status);
    }

    return ngx_cpymem(p, NGX_HTTP_BIGCACHE_SHARDS_AWAY,
                      sizeof(NGX_HTTP_BIGCACHE_SHARDS_AWAY) - 1);
}


static ngx_int_t
ngx_http_bigcache_shards_batch_result(
    ngx_http_bigcache_shards_results_t *results,
    ngx_http_bigcache_shards_op_t *result, u_char **bytes)
{
    int64_t                 n;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "bytes", { 0, NULL } };

    *bytes = NULL;

    if (results->rows.data == NULL
        || !bigcache_json_scan_item(&results->rows, &results->at,
                                    &result->text))
    {
        return NGX_ERROR;
    }

    *bytes = results->bytes;
    result->nbytes = 0;

    if (results->bytes == results->last
        || bigcache_json_scan_members(result->text.data, result->text.len,
                                      &named, 1, &err)
           != BIGCACHE_JSON_OK
        || named.extent.data == NULL)
    {
        return NGX_OK;
    }

    if (bigcache_json_integer(&named.extent, &n) != BIGCACHE_JSON_OK
        || n < 0 || n > results->last - results->bytes)
    {
        /* whose bytes the next ones are is not known */

        results->rows.data = NULL;

        return NGX_ERROR;
    }

    result->nbytes = (uint64_t) n;
    results->bytes += n;

    return NGX_OK;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * One writer at a time: a GET with "Prefer: wait" that finds no fresh entry
 * gets the lease of its key, or waits for the client that has it.
 *
 *     read        looks for the entry, in the event loop or in a thread
 *     found       answers with it; or takes the lease, and answers 404; or
 *     wait        waits without a thread
 *     resume      reads again: the lease has ended, or the request's time
 *
 * The lease is given back if its client has left before it could be told.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_field.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_api.h"


/* how often a request reads the entry that was stored, and does not find it */

#define NGX_HTTP_BIGCACHE_LEASE_AGAIN  10

/* what clients may ask for at most, seconds */

#define NGX_HTTP_BIGCACHE_LEASE_WAIT   60
#define NGX_HTTP_BIGCACHE_LEASE_MAX    600

/* bytes */

#define NGX_HTTP_BIGCACHE_LEASE_PREFERENCE  64
#define NGX_HTTP_BIGCACHE_LEASE_HEX         (2 * BIGCACHE_REST_LEASE_TOKEN)


struct ngx_http_bigcache_lease_s {
    ngx_http_bigcache_waiting_t  waiting;
    bigcache_op_t                question;  /* the operation before it ran */
    int64_t                      wait;      /* seconds, -1: not given */
    int64_t                      time;      /* of the lease, likewise */
    int64_t                      since;     /* the beginning of a read */
    int64_t                      began;     /* to wait, us */
    uint64_t                     expired;   /* by earlier reads */
    ngx_uint_t                   again;
    unsigned                     led:1;
    unsigned                     waited:1;
};


static ngx_int_t ngx_http_bigcache_lease_preference(bigcache_str_t *member,
    bigcache_str_t *name, int64_t *seconds);
static ngx_int_t ngx_http_bigcache_lease_read(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_lease_found(ngx_http_request_t *r);
static bigcache_rest_lease_e ngx_http_bigcache_lease_take(
    ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_lease_may(ngx_http_request_t *r);
static void ngx_http_bigcache_lease_reset(ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_lease_reply(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_lease_token(ngx_http_request_t *r,
    ngx_http_bigcache_lease_t *lease);
static ngx_int_t ngx_http_bigcache_lease_wait(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static void ngx_http_bigcache_lease_resume(ngx_http_bigcache_waiting_t *w);
static void ngx_http_bigcache_lease_cleanup(void *data);


char *
ngx_http_bigcache_lease_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_loc_conf_t *blcf = conf;

    ngx_str_t                         *value, time;
    ngx_int_t                          seconds;
    ngx_http_compile_complex_value_t   ccv;

    if (blcf->lease != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "time=", 5) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has no parameter \"%V\"",
                               &cmd->name, &value[2]);
            return NGX_CONF_ERROR;
        }

        time.data = value[2].data + 5;
        time.len = value[2].len - 5;

        seconds = ngx_parse_time(&time, 1);

        if (seconds < 1 || seconds > NGX_HTTP_BIGCACHE_LEASE_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has \"%V\", which is not a time from "
                               "1s to 10m", &cmd->name, &value[2]);
            return NGX_CONF_ERROR;
        }

        blcf->lease_time = seconds;
    }

    blcf->lease = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (blcf->lease == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = blcf->lease;

    return (ngx_http_compile_complex_value(&ccv) == NGX_OK) ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}


/*
 * Of "wait" and "lease", RFC 7240, the first ones count.  What is not a number
 * of seconds is as if it was not sent.
 */

ngx_int_t
ngx_http_bigcache_lease_prefer(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, bigcache_str_t *value)
{
    size_t                      at;
    u_char                      text[NGX_HTTP_BIGCACHE_LEASE_PREFERENCE];
    int64_t                     seconds;
    bigcache_str_t              member, name;
    ngx_http_bigcache_lease_t  *lease;

    if (r != r->main || r->method != NGX_HTTP_GET) {
        return NGX_OK;
    }

    lease = ctx->lease;

    if (lease == NULL) {
        lease = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_lease_t));
        if (lease == NULL) {
            return NGX_ERROR;
        }

        lease->waiting.ctx = ctx;
        lease->waiting.handler = ngx_http_bigcache_lease_resume;
        lease->wait = -1;
        lease->time = -1;

        ctx->lease = lease;
    }

    for (at = 0; bigcache_field_next(value, &at, &member); /* void */ ) {

        name.data = text;

        if (ngx_http_bigcache_lease_preference(&member, &name, &seconds)
            != NGX_OK)
        {
            continue;
        }

        if (lease->wait == -1 && bigcache_field_is(&name, "wait")) {
            lease->wait = ngx_min(seconds, NGX_HTTP_BIGCACHE_LEASE_WAIT);
        }

        if (lease->time == -1 && bigcache_field_is(&name, "lease")) {
            lease->time = ngx_max(1, ngx_min(seconds,
                                             NGX_HTTP_BIGCACHE_LEASE_MAX));
        }
    }

    return NGX_OK;
}


/*
 * Reads NAME=SECONDS.  Blanks make no difference, and parameters may follow.
 * name has memory for _LEASE_PREFERENCE bytes: longer ones are none of ours.
 */

static ngx_int_t
ngx_http_bigcache_lease_preference(bigcache_str_t *member,
    bigcache_str_t *name, int64_t *seconds)
{
    size_t                    i, at;
    u_char                   *p;
    bigcache_str_t            part, text;
    bigcache_field_member_t   split;

    at = 0;

    if (!bigcache_field_next_parameter(member, &at, &part)
        || part.len > NGX_HTTP_BIGCACHE_LEASE_PREFERENCE)
    {
        return NGX_DECLINED;
    }

    p = (u_char *) name->data;
    text.data = p;

    for (i = 0; i < part.len; i++) {
        if (part.data[i] != ' ' && part.data[i] != '\t') {
            *p++ = part.data[i];
        }
    }

    text.len = p - text.data;

    bigcache_field_split(&text, &split);

    *name = split.name;

    return (split.given && bigcache_field_seconds(&split.value, seconds) == 0)
           ? NGX_OK : NGX_DECLINED;
}


const char *
ngx_http_bigcache_lease_header(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value)
{
    u_char      *token;
    ngx_int_t    n;
    ngx_uint_t   i;

    if (value->len != NGX_HTTP_BIGCACHE_LEASE_HEX) {
        return "Bigcache-Lease is not a token of 32 hexadecimal digits";
    }

    token = ngx_pnalloc(r->pool, BIGCACHE_REST_LEASE_TOKEN);
    if (token == NULL) {
        return "out of memory";
    }

    for (i = 0; i < BIGCACHE_REST_LEASE_TOKEN; i++) {

        n = ngx_hextoi(value->data + 2 * i, 2);

        if (n == NGX_ERROR) {
            return "Bigcache-Lease is not a token of 32 hexadecimal digits";
        }

        token[i] = (u_char) n;
    }

    ctx->op.token = token;

    return NULL;
}


ngx_uint_t
ngx_http_bigcache_lease_wanted(ngx_http_bigcache_ctx_t *ctx)
{
    return ctx->lease->wait != -1;
}


ngx_int_t
ngx_http_bigcache_lease(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_bigcache_lease_t  *lease;

    lease = ctx->lease;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_bigcache_lease_cleanup;
    cln->data = lease;

    ctx->op.wait = 1;

    lease->question = ctx->op;
    lease->waiting.until = ngx_current_msec + (ngx_msec_t) lease->wait * 1000;

    return ngx_http_bigcache_lease_read(r, ctx);
}


ngx_int_t
ngx_http_bigcache_lease_returned(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    int64_t                     now;
    bigcache_rest_lease_t       lease;
    bigcache_rest_lease_shm_t  *shm;

    if (ctx->op.token == NULL) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST,
                                              "there is no Bigcache-Lease");
    }

    shm = ctx->op.leases;
    now = bigcache_time_monotonic();

    if (shm == NULL
        || !bigcache_rest_lease_find(shm, now, &ctx->op.key, ctx->op.token,
                                     &lease)
        || !bigcache_rest_lease_end(shm, now, 0, &lease))
    {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_PRECONDITION_FAILED,
                                              "the lease has ended");
    }

    return ngx_http_bigcache_reply_done(r, ctx);
}


static ngx_int_t
ngx_http_bigcache_lease_read(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_bigcache_lease_t  *lease;

    lease = ctx->lease;
    lease->since = bigcache_time_monotonic();

    if (ctx->route->peek(&ctx->op) && ctx->op.rc != BIGCACHE_MISS) {
        return ngx_http_bigcache_lease_reply(r, ctx);
    }

    /* only a thread learns the version that a lease needs */

    ngx_http_bigcache_lease_reset(ctx);

    rc = ngx_http_bigcache_task_post(r, ctx, ngx_http_bigcache_lease_found);

    if (rc == NGX_OK) {
        r->main->count++;
        return NGX_DONE;
    }

    return (rc == NGX_BUSY) ? ngx_http_bigcache_lease_reply(r, ctx)
                            : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* the thread is back */

static ngx_int_t
ngx_http_bigcache_lease_found(ngx_http_request_t *r)
{
    ngx_http_bigcache_ctx_t    *ctx;
    ngx_http_bigcache_lease_t  *lease;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);
    lease = ctx->lease;

    if (ctx->op.rc != BIGCACHE_MISS
        && ctx->op.rc != BIGCACHE_EXPIRED
        && !ctx->op.aged)
    {
        return ngx_http_bigcache_lease_reply(r, ctx);
    }

    switch (ngx_http_bigcache_lease_take(r, ctx)) {

    case BIGCACHE_REST_LEASE_LEADER:
        lease->led = 1;
        break;

    case BIGCACHE_REST_LEASE_WAIT:

        if (ctx->op.aged) {
            return ngx_http_bigcache_lease_reply(r, ctx);
        }

        if ((ngx_msec_int_t) (lease->waiting.until - ngx_current_msec) > 0) {
            return ngx_http_bigcache_lease_wait(r, ctx);
        }

        break;

    case BIGCACHE_REST_LEASE_STORED:

        if (lease->again++ < NGX_HTTP_BIGCACHE_LEASE_AGAIN) {
            ngx_http_bigcache_lease_reset(ctx);
            return ngx_http_bigcache_lease_read(r, ctx);
        }

        break;

    default: /* _REFUSED, _NONE */
        break;
    }

    if (ctx->op.aged) {

        /* for all others a stale entry has expired */

        ngx_http_bigcache_lease_reset(ctx);

        ctx->op.rc = BIGCACHE_MISS;
        ctx->op.missed = "cache expired";
    }

    return ngx_http_bigcache_lease_reply(r, ctx);
}


static bigcache_rest_lease_e
ngx_http_bigcache_lease_take(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_str_t                     *address;
    bigcache_rest_lease_ask_t      ask;
    ngx_http_bigcache_lease_t     *lease;
    ngx_http_bigcache_loc_conf_t  *blcf;

    if (ctx->op.leases == NULL) {
        return BIGCACHE_REST_LEASE_NONE;
    }

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);
    lease = ctx->lease;
    address = &r->connection->addr_text;

    ask.key = ctx->op.key;
    ask.address = bigcache_str(address->data, address->len);
    ask.now = bigcache_time_monotonic();
    ask.since = lease->since;
    ask.time = 1000 * ((lease->time == -1) ? (int64_t) blcf->lease_time
                                           : lease->time);
    ask.version = ctx->op.page.latest;
    ask.may = (ask.version != 0 && ngx_http_bigcache_lease_may(r));

    return bigcache_rest_lease_take(ctx->op.leases, &ask,
                                    &lease->waiting.lease);
}


/* returns 1 if the client may have leases, and can be told of one */

static ngx_uint_t
ngx_http_bigcache_lease_may(ngx_http_request_t *r)
{
    ngx_str_t                      value;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_bigcache_loc_conf_t  *blcf;

    if (ngx_http_bigcache_send_status_only(r, NGX_HTTP_NOT_FOUND)) {
        return 0;
    }

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    if (blcf->lease == NULL) {

        /* where not everybody may write, a directive must say who may */

        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        return !(clcf->limit_except & NGX_HTTP_POST);
    }

    if (ngx_http_complex_value(r, blcf->lease, &value) != NGX_OK) {
        return 0;
    }

    return value.len
           && !(value.len == 1 && value.data[0] == '0')
           && !(value.len == 3 && ngx_strncmp(value.data, "off", 3) == 0);
}


/* the operation is to be run once more */

static void
ngx_http_bigcache_lease_reset(ngx_http_bigcache_ctx_t *ctx)
{
    ctx->lease->expired += ctx->op.expired;

    bigcache_op_free(&ctx->op);

    ctx->op = ctx->lease->question;
    ctx->large = 0;
}


static ngx_int_t
ngx_http_bigcache_lease_reply(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_uint_t                  missed;
    ngx_http_bigcache_lease_t  *lease;

    static ngx_str_t  applied = ngx_string("wait");
    static ngx_str_t  stale = ngx_string("1");

    lease = ctx->lease;
    ctx->op.expired += lease->expired;

    missed = (ctx->op.rc == BIGCACHE_MISS || ctx->op.rc == BIGCACHE_EXPIRED);

    if (missed
        && ngx_http_bigcache_send_status_only(r, NGX_HTTP_NOT_FOUND))
    {
        return ngx_http_bigcache_reply(r);
    }

    if ((missed || lease->waited || ctx->op.aged)
        && ngx_http_bigcache_send_add_header(r, "Preference-Applied", &applied)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->op.aged
        && ngx_http_bigcache_send_add_header(r, "Bigcache-Stale", &stale)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lease->led && ngx_http_bigcache_lease_token(r, lease) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_bigcache_reply(r);
}


static ngx_int_t
ngx_http_bigcache_lease_token(ngx_http_request_t *r,
    ngx_http_bigcache_lease_t *lease)
{
    ngx_str_t         value;

    static ngx_str_t  no_store = ngx_string("no-store");

    value.len = NGX_HTTP_BIGCACHE_LEASE_HEX;
    value.data = ngx_pnalloc(r->pool, value.len);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(value.data, lease->waiting.lease.token,
                        BIGCACHE_REST_LEASE_TOKEN);

    /* a cache in front must not give the token to another client */

    return (ngx_http_bigcache_send_add_header(r, "Bigcache-Lease", &value)
            && ngx_http_bigcache_send_add_header(r, "Cache-Control",
                                                 &no_store))
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_bigcache_lease_wait(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_event_t                *rev;
    ngx_http_bigcache_lease_t  *lease;

    lease = ctx->lease;

    ngx_http_bigcache_lease_reset(ctx);

    /* a client that leaves is seen as by nginx's own modules that delay */

    rev = r->connection->read;

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
    }

    lease->began = bigcache_time_monotonic_us();

    if (!lease->waited) {
        lease->waited = 1;
        bigcache_rest_lease_waited(ctx->op.leases);
    }

    ngx_http_bigcache_waiting_add(&lease->waiting);

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_bigcache_lease_resume(ngx_http_bigcache_waiting_t *w)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = w->ctx;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;

    /* the histogram is about the server, not about other clients */

    ctx->start += bigcache_time_monotonic_us() - ctx->lease->began;

    ngx_http_finalize_request(r, ngx_http_bigcache_lease_read(r, ctx));

    ngx_http_run_posted_requests(c);
}


/* the request has ended: its client knows of its lease, or never will */

static void
ngx_http_bigcache_lease_cleanup(void *data)
{
    ngx_http_bigcache_lease_t *lease = data;

    ngx_http_request_t  *r;

    ngx_http_bigcache_waiting_cancel(&lease->waiting);

    if (!lease->led) {
        return;
    }

    r = lease->waiting.ctx->request;

    if (r->header_sent && !r->connection->error) {
        bigcache_rest_lease_told(lease->waiting.ctx->op.leases,
                                 &lease->waiting.lease);
        return;
    }

    (void) bigcache_rest_lease_end(lease->waiting.ctx->op.leases,
                                   bigcache_time_monotonic(), 0,
                                   &lease->waiting.lease);

    ngx_http_bigcache_waiting_wake();
}

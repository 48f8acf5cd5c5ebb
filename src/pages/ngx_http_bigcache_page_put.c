
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Stores pages.  The request may end before its page is stored, so a job has
 * all that is needed: the key, the head, and the file or the memory of the
 * body.  Requests that wait for the page are told when it can be read.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_bytes.h"
#include "bigcache_gzip.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


/* milliseconds that requests do not wait for a page which was not stored */

#define NGX_HTTP_BIGCACHE_PAGE_PUT_PASS  1000

/* bytes of the trailer of a gzip file, with its size at the end */

#define NGX_HTTP_BIGCACHE_PAGE_PUT_GZIP  8

/* milliseconds that the names of fields outlive the last variant */

#define NGX_HTTP_BIGCACHE_PAGE_PUT_NAMES  (24 * 3600 * 1000)


typedef struct {
    ngx_http_bigcache_job_t    job;
    ngx_event_t                late;
    bigcache_str_t             url;
    bigcache_str_t             key;
    u_char                    *head;      /* of BIGCACHE_HEAD_MAX bytes */
    size_t                     head_len;
    u_char                    *names;     /* of fields that the page varies
                                             by, as a head, or NULL */
    size_t                     names_len;
    bigcache_str_t             tags;
    bigcache_data_t            body;
    u_char                    *memory;    /* of it, or NULL */
    uint64_t                   unpacked;
    uint64_t                   expect;
    uint64_t                   origin;
    int64_t                    expire;
    bigcache_lease_t           lease;
    unsigned                   stored:1;
    unsigned                   led:1;
    unsigned                   packed:1;
    unsigned                   plain:1;
    u_char                     data[];
} ngx_http_bigcache_page_put_t;


static ngx_http_bigcache_page_put_t *ngx_http_bigcache_page_put_create(
    ngx_http_request_t *r, ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_put_post(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_http_bigcache_page_put_t *put);
static void ngx_http_bigcache_page_put_wait(
    ngx_http_bigcache_page_ctx_t *ctx, ngx_http_bigcache_page_put_t *put);
static void ngx_http_bigcache_page_put_late(ngx_event_t *ev);
static size_t ngx_http_bigcache_page_put_names(
    ngx_http_bigcache_page_ctx_t *ctx, u_char *dst);
static void ngx_http_bigcache_page_put_run(ngx_http_bigcache_job_t *job);
static bigcache_rc_t ngx_http_bigcache_page_put_page(
    ngx_http_bigcache_page_put_t *put);
static bigcache_rc_t ngx_http_bigcache_page_put_varies(
    ngx_http_bigcache_page_put_t *put);
static bigcache_rc_t ngx_http_bigcache_page_put_store(
    ngx_http_bigcache_page_put_t *put, bigcache_put_t *p);
static void ngx_http_bigcache_page_put_gzip(ngx_http_bigcache_page_put_t *put);
static int ngx_http_bigcache_page_put_verify(
    ngx_http_bigcache_page_put_t *put);
static void ngx_http_bigcache_page_put_end(ngx_http_bigcache_page_put_t *put,
    bigcache_rc_t rc);
static void ngx_http_bigcache_page_put_done(ngx_http_bigcache_job_t *job);


void
ngx_http_bigcache_page_put(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_fd_t fd, off_t length)
{
    ngx_http_bigcache_page_put_t  *put;

    put = ngx_http_bigcache_page_put_create(r, ctx);
    if (put == NULL) {
        return;
    }

    put->body = bigcache_data_bytes((u_char *) "", 0);

    if (ctx->body) {
        put->memory = ctx->body;
        put->body = bigcache_data_bytes(ctx->body, ctx->body_len);
        ctx->body = NULL;

    } else if (length) {
        put->body = bigcache_data_range(fcntl(fd, F_DUPFD_CLOEXEC, 0), 0,
                                        (uint64_t) length);

        if (put->body.fd == -1) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                          "bigcache: a page is not stored, its file cannot be "
                          "duplicated");
            ngx_http_bigcache_page_put_done(&put->job);
            return;
        }
    }

    put->packed = ctx->packed;
    put->plain = ctx->plain;

    ngx_http_bigcache_page_put_post(r, ctx, put);
}


void
ngx_http_bigcache_page_put_again(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_data_t               *body;
    ngx_http_bigcache_page_put_t  *put;

    put = ngx_http_bigcache_page_put_create(r, ctx);
    if (put == NULL) {
        return;
    }

    body = &ctx->page.body;
    put->body = *body;

    if (body->fd != -1) {
        put->body.fd = fcntl(body->fd, F_DUPFD_CLOEXEC, 0);

    } else {
        put->memory = ngx_alloc(body->bytes.len ? body->bytes.len : 1,
                                r->connection->log);
        if (put->memory) {
            ngx_memcpy(put->memory, body->bytes.data, body->bytes.len);
        }

        put->body.bytes.data = put->memory;
    }

    if (put->body.fd == -1 && put->memory == NULL) {
        ngx_http_bigcache_page_put_done(&put->job);
        return;
    }

    /* it is the same body only if no other request has stored another one */

    put->expect = ctx->page.version;
    put->unpacked = ctx->page.packed ? ctx->page.unpacked : 0;
    put->plain = 1;

    ngx_http_bigcache_page_put_post(r, ctx, put);
}


/* takes the lease, too; if it returns NULL, the lease was ended */

static ngx_http_bigcache_page_put_t *
ngx_http_bigcache_page_put_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    u_char                        *p;
    ngx_str_t                      key;
    ngx_http_bigcache_page_put_t  *put;

    key = ctx->url;

    if (ctx->vary->n
        && ngx_http_bigcache_page_key_variant(r, &ctx->url, ctx->vary->names,
                                              ctx->vary->n, &key)
           != NGX_OK)
    {
        goto failed;
    }

    put = ngx_calloc(sizeof(ngx_http_bigcache_page_put_t) + ctx->url.len
                     + key.len + ctx->tags.len + BIGCACHE_HEAD_MAX
                     + (ctx->vary->n ? BIGCACHE_HEAD_MAX : 0),
                     r->connection->log);
    if (put == NULL) {
        goto failed;
    }

    p = put->data;

    put->url = bigcache_str(p, ctx->url.len);
    p = ngx_cpymem(p, ctx->url.data, ctx->url.len);

    put->key = bigcache_str(p, key.len);
    p = ngx_cpymem(p, key.data, key.len);

    if (ctx->tags.len) {
        put->tags = bigcache_str(p, ctx->tags.len);
        p = ngx_cpymem(p, ctx->tags.data, ctx->tags.len);
    }

    put->head = p;
    put->head_len = ctx->writer.len;
    ngx_memcpy(p, ctx->writer.data, ctx->writer.len);

    if (ctx->vary->n) {
        put->names = p + BIGCACHE_HEAD_MAX;
        put->names_len = ngx_http_bigcache_page_put_names(ctx, put->names);
    }

    put->job.zone = ctx->conf->zone;
    put->job.run = ngx_http_bigcache_page_put_run;
    put->job.done = ngx_http_bigcache_page_put_done;
    put->body.fd = -1;
    put->expect = BIGCACHE_EXPECT_ANY;
    put->origin = ctx->latest;
    put->expire = ctx->expire;
    put->lease = ctx->lease;
    put->led = ctx->led;

    ctx->led = 0;

    return put;

failed:

    ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_PASS,
                                          NGX_HTTP_BIGCACHE_PAGE_PUT_PASS, 0);
    return NULL;
}


static void
ngx_http_bigcache_page_put_post(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_http_bigcache_page_put_t *put)
{
    ngx_uint_t  led;

    put->job.large = (bigcache_data_length(&put->body, 1)
                      > BIGCACHE_PAGE_LARGE);

    /* the thread changes that */

    led = put->led;

    if (put->job.zone->cache == NULL
        || ngx_http_bigcache_job_post(&put->job) != NGX_OK)
    {
        ngx_http_bigcache_page_put_done(&put->job);
        return;
    }

    if (led) {
        ngx_http_bigcache_page_put_wait(ctx, put);
    }
}


/*
 * The upstream has answered, so those who wait for the page could have it from
 * there by now.  They wait for the disk no longer than a request that looks for
 * a page does, or than the upstream has taken.
 */

static void
ngx_http_bigcache_page_put_wait(ngx_http_bigcache_page_ctx_t *ctx,
    ngx_http_bigcache_page_put_t *put)
{
    int64_t  took;

    took = (bigcache_time_monotonic_us() - ctx->asked) / 1000;

    put->late.handler = ngx_http_bigcache_page_put_late;
    put->late.data = put;
    put->late.log = ngx_cycle->log;
    put->late.cancelable = 1;

    ngx_add_timer(&put->late, ngx_max((ngx_msec_t) took,
                                      ctx->conf->lookup_timeout));
}


/* the thread may end the lease meanwhile: the first that does so is right */

static void
ngx_http_bigcache_page_put_late(ngx_event_t *ev)
{
    ngx_http_bigcache_page_put_t  *put;

    put = ev->data;

    (void) bigcache_lease_end(put->job.zone->shm->lease,
                              bigcache_time_monotonic(), BIGCACHE_LEASE_PASS,
                              NGX_HTTP_BIGCACHE_PAGE_PUT_PASS, 0,
                              &put->lease);

    ngx_http_bigcache_page_wait_wake();
}


/* the names of the fields that the page varies by, as an entry of the URL */

static size_t
ngx_http_bigcache_page_put_names(ngx_http_bigcache_page_ctx_t *ctx, u_char *dst)
{
    unsigned                i;
    bigcache_head_t         head;
    bigcache_head_writer_t  writer;

    static const bigcache_str_t  none = bigcache_string("");

    ngx_memzero(&head, sizeof(bigcache_head_t));
    head.flags = BIGCACHE_HEAD_VARIES;

    bigcache_head_begin(&writer, dst, &head);

    for (i = 0; i < ctx->vary->n; i++) {
        bigcache_head_add(&writer, &ctx->vary->names[i], &none);
    }

    return writer.len;
}


/* runs in a thread */

static void
ngx_http_bigcache_page_put_run(ngx_http_bigcache_job_t *job)
{
    bigcache_rc_t                  rc;
    ngx_http_bigcache_page_put_t  *put;

    put = (ngx_http_bigcache_page_put_t *) job;

    if (put->packed) {
        ngx_http_bigcache_page_put_gzip(put);
    }

    rc = ngx_http_bigcache_page_put_page(put);

    if (rc == BIGCACHE_OK && put->names) {
        rc = ngx_http_bigcache_page_put_varies(put);
    }

    put->stored = (rc == BIGCACHE_OK);

    ngx_http_bigcache_page_put_end(put, rc);
}


static bigcache_rc_t
ngx_http_bigcache_page_put_page(ngx_http_bigcache_page_put_t *put)
{
    bigcache_put_t  p;

    ngx_memzero(&p, sizeof(bigcache_put_t));

    p.key = put->key;
    p.type = bigcache_str(put->head, put->head_len);
    p.tags = put->tags;
    p.expire = put->expire;
    p.expect = put->expect;
    p.data = &put->body;
    p.unpacked = put->unpacked;
    p.plain = put->plain;

    return ngx_http_bigcache_page_put_store(put, &p);
}


/* stores the names of fields, unless they are there already */

static bigcache_rc_t
ngx_http_bigcache_page_put_varies(ngx_http_bigcache_page_put_t *put)
{
    bigcache_rc_t    rc;
    bigcache_put_t   p;
    bigcache_page_t  page;
    bigcache_data_t  none;

    rc = bigcache_cache_get(put->job.zone->cache, &put->url,
                            BIGCACHE_BODY_SMALL, &page);

    if (rc == BIGCACHE_OK
        && page.kind == BIGCACHE_KIND_PAGE
        && page.expire >= put->expire
        && page.type.len == put->names_len
        && page.type.data
        && ngx_memcmp(page.type.data, put->names, put->names_len) == 0)
    {
        bigcache_page_free(&page);
        return BIGCACHE_OK;
    }

    bigcache_page_free(&page);

    none = bigcache_data_bytes((u_char *) "", 0);

    ngx_memzero(&p, sizeof(bigcache_put_t));

    p.key = put->url;
    p.type = bigcache_str(put->names, put->names_len);
    p.expire = put->expire + NGX_HTTP_BIGCACHE_PAGE_PUT_NAMES;
    p.data = &none;
    p.plain = 1;

    return ngx_http_bigcache_page_put_store(put, &p);
}


/* stores what both have in common, too */

static bigcache_rc_t
ngx_http_bigcache_page_put_store(ngx_http_bigcache_page_put_t *put,
    bigcache_put_t *p)
{
    bigcache_rc_t      rc;
    bigcache_page_t    page;
    bigcache_cache_t  *cache;

    cache = put->job.zone->cache;

    p->kind = BIGCACHE_KIND_PAGE;
    p->origin = put->origin;
    p->fetched = 1;
    p->n = 1;

    rc = bigcache_cache_put(cache, p, &page);
    bigcache_page_free(&page);

    if (rc == BIGCACHE_OK) {

        /* the first reader finds it in the hot index */

        (void) bigcache_cache_get(cache, &p->key, BIGCACHE_BODY_NONE, &page);
        bigcache_page_free(&page);
    }

    return rc;
}


/*
 * The body is a gzip file, as the origin says.  If it can be unpacked, it
 * serves clients that do not accept that, too; else it stays what it is.
 */

static void
ngx_http_bigcache_page_put_gzip(ngx_http_bigcache_page_put_t *put)
{
    bigcache_head_t         head;
    bigcache_head_writer_t  writer;

    static const bigcache_str_t  name = bigcache_string("Content-Encoding");
    static const bigcache_str_t  gzip = bigcache_string("gzip");

    put->plain = 1;

    if (ngx_http_bigcache_page_put_verify(put)) {
        return;
    }

    if (bigcache_head_decode(&head, put->head, put->head_len) == -1) {
        return;
    }

    writer.data = put->head;
    writer.len = put->head_len;
    writer.full = 0;

    bigcache_head_add(&writer, &name, &gzip);

    put->head[1] |= BIGCACHE_HEAD_ENCODED;
    put->head_len = writer.len;

    if (writer.full) {

        /* nobody may get it, and it is gone at the next sweep */

        put->expire = 0;
    }
}


/* returns 1, and sets put->unpacked, or 0 */

static int
ngx_http_bigcache_page_put_verify(ngx_http_bigcache_page_put_t *put)
{
    int      rc;
    size_t   len, size;
    u_char  *text;

    len = (size_t) bigcache_data_length(&put->body, 1);

    if (len > BIGCACHE_PAGE_LARGE || len < NGX_HTTP_BIGCACHE_PAGE_PUT_GZIP) {
        return 0;
    }

    if (put->memory == NULL) {

        put->memory = malloc(len);

        if (put->memory == NULL
            || bigcache_data_read(put->memory, &put->body, 1) == -1)
        {
            return 0;
        }

        (void) close(put->body.fd);
        put->body = bigcache_data_bytes(put->memory, len);
    }

    size = bigcache_get32(put->memory + len - 4);

    if (size == 0 || size > BIGCACHE_PAGE_LARGE) {
        return 0;
    }

    text = malloc(size);
    if (text == NULL) {
        return 0;
    }

    rc = bigcache_gzip_unpack(text, size, put->memory, len);

    free(text);

    if (rc == 0) {
        put->unpacked = size;
    }

    return rc == 0;
}


/* in any thread: those who wait in other processes look by themselves */

static void
ngx_http_bigcache_page_put_end(ngx_http_bigcache_page_put_t *put,
    bigcache_rc_t rc)
{
    bigcache_lease_e  as;

    if (!put->led) {
        return;
    }

    put->led = 0;

    /* a page that was removed meanwhile is fetched again by another request */

    as = (rc == BIGCACHE_OK) ? BIGCACHE_LEASE_STORED
         : (rc == BIGCACHE_MISMATCH) ? BIGCACHE_LEASE_NONE
         : BIGCACHE_LEASE_PASS;

    (void) bigcache_lease_end(put->job.zone->shm->lease,
                              bigcache_time_monotonic(), as,
                              NGX_HTTP_BIGCACHE_PAGE_PUT_PASS, 0,
                              &put->lease);
}


/* frees the page, also if there was no thread for it */

static void
ngx_http_bigcache_page_put_done(ngx_http_bigcache_job_t *job)
{
    ngx_http_bigcache_page_put_t  *put;

    put = (ngx_http_bigcache_page_put_t *) job;

    ngx_http_bigcache_page_put_end(put, BIGCACHE_BUSY);
    ngx_http_bigcache_page_wait_wake();

    ngx_http_bigcache_page_count(put->job.zone,
                                 put->stored ? BIGCACHE_PAGE_METRIC_STORED
                                             : BIGCACHE_PAGE_METRIC_NOT_STORED);

    if (put->late.timer_set) {
        ngx_del_timer(&put->late);
    }

    if (put->body.fd != -1) {
        (void) close(put->body.fd);
    }

    free(put->memory);
    ngx_free(put);
}

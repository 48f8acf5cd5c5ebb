
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds the page of a key.  Mostly the event loop does, by the hot index.  Else
 * a thread does, and the request waits for it for a moment only: a page must
 * not come later than without a cache.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"
#include "bigcache_time.h"


/* milliseconds that no request waits after one has waited in vain */

#define NGX_HTTP_BIGCACHE_PAGE_LOOKUP_PAUSE  250


struct ngx_http_bigcache_page_lookup_s {
    ngx_http_bigcache_job_t          job;
    ngx_http_bigcache_page_ctx_t    *ctx;     /* NULL: it does not wait */
    bigcache_page_t                  page;
    bigcache_rc_t                    rc;
    int                              body;
    bigcache_str_t                   key;
    u_char                           data[];  /* of the key */
};


static ngx_uint_t ngx_http_bigcache_page_lookup_closed(
    ngx_http_bigcache_page_ctx_t *ctx);
static unsigned ngx_http_bigcache_page_lookup_file(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_lookup_post(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_lookup_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_lookup_run(ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_lookup_done(ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_lookup_late(ngx_event_t *ev);
static ngx_int_t ngx_http_bigcache_page_lookup_found(
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_rc_t rc,
    bigcache_page_t *page);
static ngx_uint_t ngx_http_bigcache_page_lookup_group(
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_page_t *page);
static void ngx_http_bigcache_page_lookup_stale(
    ngx_http_bigcache_page_ctx_t *ctx, int64_t since);
static ngx_uint_t ngx_http_bigcache_page_lookup_under_way(
    ngx_http_bigcache_removing_t *removing);


/* until when no request of this worker waits, as ngx_current_msec */

static ngx_msec_t  ngx_http_bigcache_page_lookup_slow;
static ngx_uint_t  ngx_http_bigcache_page_lookup_was_slow;


ngx_int_t
ngx_http_bigcache_page_lookup(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_rc_t    rc;
    bigcache_str_t   key;
    bigcache_page_t  page;

    bigcache_page_free(&ctx->page);
    bigcache_page_clear(&ctx->page);
    ctx->found = 0;
    ctx->since = bigcache_time_monotonic();

    if (ngx_http_bigcache_page_lookup_closed(ctx)) {
        return NGX_BUSY;
    }

    if (ctx->thread) {
        return ngx_http_bigcache_page_lookup_post(r, ctx);
    }

    key = bigcache_str(ctx->key.data, ctx->key.len);

    rc = bigcache_cache_peek(ctx->conf->zone->cache, &key,
                             ngx_http_bigcache_page_lookup_file(r, ctx), &page);

    if (rc == BIGCACHE_AGAIN) {
        return ngx_http_bigcache_page_lookup_post(r, ctx);
    }

    bigcache_cache_peeked(ctx->conf->zone->cache);

    return ngx_http_bigcache_page_lookup_found(ctx, rc, &page);
}


/* says which pages may be sent from a file, as BIGCACHE_PEEK_*, or 0 */

static unsigned
ngx_http_bigcache_page_lookup_file(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (!ngx_http_bigcache_send_by_file(r)) {
        return 0;
    }

    return ngx_http_bigcache_page_request_gzip(r, ctx)
           ? BIGCACHE_PEEK_PLAIN|BIGCACHE_PEEK_PACKED : BIGCACHE_PEEK_PLAIN;
}


void
ngx_http_bigcache_page_lookup_cancel(ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ctx->lookup) {
        ctx->lookup->ctx = NULL;
        ctx->lookup = NULL;
    }

    if (ctx->late.timer_set) {
        ngx_del_timer(&ctx->late);
    }
}


ngx_uint_t
ngx_http_bigcache_page_lookup_same(ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_rc_t    rc;
    bigcache_str_t   key;
    bigcache_page_t  page;

    if (ngx_http_bigcache_page_lookup_closed(ctx)) {
        return 0;
    }

    key = bigcache_str(ctx->key.data, ctx->key.len);

    rc = bigcache_cache_peek(ctx->conf->zone->cache, &key,
                             BIGCACHE_PEEK_PLAIN|BIGCACHE_PEEK_PACKED, &page);

    bigcache_page_free(&page);

    if (rc == BIGCACHE_AGAIN) {

        /* it is not known: the page may be one of those that were purged */

        return ctx->removals
               == ngx_http_bigcache_zone_removals(ctx->conf->zone, &ctx->url);
    }

    return rc == BIGCACHE_OK && page.version == ctx->page.version;
}


/*
 * returns 1 if there is no cache, or a removal of the key was asked for and may
 * not be done, or 0
 */

static ngx_uint_t
ngx_http_bigcache_page_lookup_closed(ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_zone_t  *zone;

    zone = ctx->conf->zone;

    return zone->cache == NULL
           || ngx_http_bigcache_page_lookup_under_way(
                             ngx_http_bigcache_zone_removing(zone, &ctx->url));
}


static ngx_int_t
ngx_http_bigcache_page_lookup_post(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_page_lookup_t  *lookup;

    if (ngx_http_bigcache_page_lookup_was_slow) {

        if ((ngx_msec_int_t) (ngx_http_bigcache_page_lookup_slow
                              - ngx_current_msec)
            > 0)
        {
            return NGX_BUSY;
        }

        ngx_http_bigcache_page_lookup_was_slow = 0;
    }

    lookup = ngx_calloc(sizeof(ngx_http_bigcache_page_lookup_t) + ctx->key.len,
                        r->connection->log);
    if (lookup == NULL) {
        return NGX_BUSY;
    }

    lookup->job.zone = ctx->conf->zone;
    lookup->job.run = ngx_http_bigcache_page_lookup_run;
    lookup->job.done = ngx_http_bigcache_page_lookup_done;
    lookup->job.brief = 1;

    /* in case that the queue of threads is full */

    lookup->rc = BIGCACHE_UNAVAILABLE;
    bigcache_page_clear(&lookup->page);

    lookup->ctx = ctx;

    /* one that was posted for the latest version needs it */

    lookup->body = ctx->thread ? BIGCACHE_BODY
                   : BIGCACHE_BODY|BIGCACHE_BODY_PEEK;
    lookup->key = bigcache_str(lookup->data, ctx->key.len);

    ngx_memcpy(lookup->data, ctx->key.data, ctx->key.len);

    if (ngx_http_bigcache_job_post(&lookup->job) != NGX_OK) {
        ngx_free(lookup);
        return NGX_BUSY;
    }

    ctx->lookup = lookup;

    return ngx_http_bigcache_page_lookup_wait(r, ctx);
}


static ngx_int_t
ngx_http_bigcache_page_lookup_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ctx->late.handler = ngx_http_bigcache_page_lookup_late;
    ctx->late.data = ctx;
    ctx->late.log = r->connection->log;

    ngx_add_timer(&ctx->late, ctx->conf->lookup_timeout);

    return NGX_AGAIN;
}


/* runs in a thread */

static void
ngx_http_bigcache_page_lookup_run(ngx_http_bigcache_job_t *job)
{
    ngx_http_bigcache_page_lookup_t  *lookup;

    lookup = (ngx_http_bigcache_page_lookup_t *) job;

    lookup->rc = bigcache_cache_get(job->zone->cache, &lookup->key,
                                    lookup->body, &lookup->page);
}


static void
ngx_http_bigcache_page_lookup_done(ngx_http_bigcache_job_t *job)
{
    ngx_http_request_t               *r;
    ngx_http_bigcache_page_ctx_t     *ctx;
    ngx_http_bigcache_page_lookup_t  *lookup;

    lookup = (ngx_http_bigcache_page_lookup_t *) job;
    ctx = lookup->ctx;

    if (ctx == NULL) {
        bigcache_page_free(&lookup->page);
        ngx_free(lookup);
        return;
    }

    r = ctx->request;

    ngx_http_bigcache_page_lookup_cancel(ctx);

    if (lookup->rc == BIGCACHE_OK || lookup->rc == BIGCACHE_MISS
        || lookup->rc == BIGCACHE_EXPIRED)
    {
        ctx->latest = lookup->page.latest;
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_DECIDE;

        if (ngx_http_bigcache_page_lookup_found(ctx, lookup->rc,
                                                &lookup->page)
            != NGX_OK)
        {
            ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_UNAVAILABLE);
        }

    } else {

        /* closed, or not open, for example: there is no cache now */

        bigcache_page_free(&lookup->page);
        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_UNAVAILABLE);
    }

    ngx_free(lookup);

    ngx_http_bigcache_page_resume(r);
}


static void
ngx_http_bigcache_page_lookup_late(ngx_event_t *ev)
{
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ev->data;

    ngx_http_bigcache_page_lookup_cancel(ctx);

    ngx_http_bigcache_page_lookup_was_slow = 1;
    ngx_http_bigcache_page_lookup_slow = ngx_current_msec
                                        + NGX_HTTP_BIGCACHE_PAGE_LOOKUP_PAUSE;

    ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_UNAVAILABLE);

    ngx_http_bigcache_page_resume(ctx->request);
}


/*
 * A page that cannot be understood is none.  Returns NGX_OK; or NGX_BUSY if the
 * page is being removed.
 */

static ngx_int_t
ngx_http_bigcache_page_lookup_found(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_rc_t rc, bigcache_page_t *page)
{
    if (rc != BIGCACHE_OK) {
        return NGX_OK;
    }

    if (page->kind != BIGCACHE_KIND_PAGE
        || bigcache_head_decode(&ctx->head, page->type.data, page->type.len)
           == -1)
    {
        bigcache_page_free(page);
        return NGX_OK;
    }

    if (ngx_http_bigcache_page_lookup_group(ctx, page)) {
        bigcache_page_free(page);
        return NGX_BUSY;
    }

    ctx->page = *page;
    ctx->found = 1;

    if (page->stale) {
        ngx_http_bigcache_page_lookup_stale(ctx, page->stale);
    }

    return NGX_OK;
}


/* returns 1 if a group of the page is being removed, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_lookup_group(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_page_t *page)
{
    size_t                         at;
    ngx_str_t                      site;
    bigcache_str_t                 tag;
    ngx_http_bigcache_zone_t      *zone;
    ngx_http_bigcache_removing_t  *removing;

    zone = ctx->conf->zone;

    if (page->tags.len == 0
        || !ngx_http_bigcache_page_lookup_under_way(&zone->shm->groups)
        || ngx_http_bigcache_page_key_site(ctx->conf, &ctx->url, &site)
           != NGX_OK)
    {
        return 0;
    }

    at = 0;

    while (bigcache_tags_next(&page->tags, &at, &tag)) {

        removing = ngx_http_bigcache_zone_removing_group(zone, &site, tag.data,
                                                         tag.len);

        if (ngx_http_bigcache_page_lookup_under_way(removing)) {
            return 1;
        }
    }

    return 0;
}


/*
 * A soft purge ends the time for which the page is fresh.  Whoever asks for it
 * wants the page to be used meanwhile, so the configuration may allow that for
 * longer than the answer does.
 */

static void
ngx_http_bigcache_page_lookup_stale(ngx_http_bigcache_page_ctx_t *ctx,
    int64_t since)
{
    bigcache_head_t                *head;
    ngx_http_bigcache_page_conf_t  *conf;

    head = &ctx->head;
    conf = ctx->conf;

    /* the clock of the purge may have been ahead */

    since = ngx_min(since, bigcache_time_now());

    if (since >= head->fresh_until) {

        /* it was stale already */

        return;
    }

    head->fresh_until = since;

    if (conf->stale_while_revalidate > (time_t) head->stale_while_revalidate) {
        head->stale_while_revalidate = (uint32_t) conf->stale_while_revalidate;
    }

    if (conf->stale_if_error > (time_t) head->stale_if_error) {
        head->stale_if_error = (uint32_t) conf->stale_if_error;
    }
}


static ngx_uint_t
ngx_http_bigcache_page_lookup_under_way(
    ngx_http_bigcache_removing_t *removing)
{
    return atomic_load(&removing->n) > 0
           && atomic_load(&removing->until) > bigcache_time_monotonic();
}

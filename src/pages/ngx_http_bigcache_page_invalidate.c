
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Removes pages after a request that has changed something, RFC 9111, section
 * 4.4: its own URL, those that the answer names, and the groups that it names,
 * RFC 9875.
 *
 * The client may ask for the page as soon as it has the answer, while a thread
 * still removes it.  The answer does not wait for that: it may be long, and
 * the upstream has made it.  So the URL, or the group, is marked in shared
 * memory first, and nobody reads a page that is marked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_tag_field.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


/* milliseconds that a mark is good for, if the process dies */

#define NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_TIME  5000


typedef struct {
    ngx_http_bigcache_job_t        job;
    ngx_http_bigcache_removing_t  *removing;  /* NULL: it is not marked */
    uint64_t                       expect;    /* of a stored page, or any */
    bigcache_str_t                 key;       /* or how those of an origin
                                                 begin */
    bigcache_str_t                 groups;    /* of the origin, encoded as
                                                 tags; len 0: a page */
    bigcache_rc_t                  rc;
    u_char                         data[];
} ngx_http_bigcache_page_invalidate_t;


static void ngx_http_bigcache_page_invalidate_location(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value);
static void ngx_http_bigcache_page_invalidate_groups(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value);
static void ngx_http_bigcache_page_invalidate_some(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_tags_writer_t *writer);
static void ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect);
static ngx_http_bigcache_page_invalidate_t *
    ngx_http_bigcache_page_invalidate_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, const u_char *groups,
    size_t len);
static void ngx_http_bigcache_page_invalidate_mark(
    ngx_http_bigcache_page_invalidate_t *invalidate,
    void (*mark)(ngx_http_bigcache_removing_t *removing));
static void ngx_http_bigcache_page_invalidate_begin(
    ngx_http_bigcache_removing_t *removing);
static void ngx_http_bigcache_page_invalidate_end(
    ngx_http_bigcache_removing_t *removing);
static void ngx_http_bigcache_page_invalidate_post(
    ngx_http_bigcache_page_invalidate_t *invalidate);
static void ngx_http_bigcache_page_invalidate_run(
    ngx_http_bigcache_job_t *job);
static bigcache_rc_t ngx_http_bigcache_page_invalidate_purge(
    ngx_http_bigcache_page_invalidate_t *invalidate,
    bigcache_selectors_t *list);
static void ngx_http_bigcache_page_invalidate_done(
    ngx_http_bigcache_job_t *job);


void
ngx_http_bigcache_page_invalidate(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    if (!ctx->conf->invalidate
        || r->headers_out.status < 200
        || r->headers_out.status > 399)
    {
        return;
    }

    ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &ctx->url,
                                          BIGCACHE_EXPECT_ANY);

    if (r->upstream == NULL || r->upstream->cleanup == NULL) {
        return;
    }

    ngx_http_bigcache_fields(&fields, &r->upstream->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        if (ngx_http_bigcache_fields_is(h, "location")
            || ngx_http_bigcache_fields_is(h, "content-location"))
        {
            ngx_http_bigcache_page_invalidate_location(r, ctx, &h->value);

        } else if (ngx_http_bigcache_fields_is(h, "cache-group-invalidation"))
        {
            ngx_http_bigcache_page_invalidate_groups(r, ctx, &h->value);
        }
    }
}


void
ngx_http_bigcache_page_invalidate_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &ctx->key,
                                          ctx->page.version);
}


static void
ngx_http_bigcache_page_invalidate_location(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value)
{
    ngx_str_t  key;

    if (ngx_http_bigcache_page_key_other(r, ctx->conf, value, &key) == NGX_OK)
    {
        ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &key,
                                              BIGCACHE_EXPECT_ANY);
    }
}


static void
ngx_http_bigcache_page_invalidate_groups(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value)
{
    size_t                   at;
    u_char                  *tags, data[BIGCACHE_TAG_FIELD_DATA];
    bigcache_str_t           line, group;
    bigcache_tags_writer_t   writer;

    tags = ngx_palloc(r->pool, BIGCACHE_TAGS_BYTES);
    if (tags == NULL) {
        return;
    }

    bigcache_tags_begin(&writer, tags);

    line = bigcache_str(value->data, value->len);
    at = 0;

    while (bigcache_tag_field_next(BIGCACHE_TAG_FIELD_GROUPS, &line, &at, data,
                                   &group))
    {
        if (writer.n == BIGCACHE_TAGS_MAX) {
            ngx_http_bigcache_page_invalidate_some(r, ctx, &writer);
            bigcache_tags_begin(&writer, tags);
        }

        /* one that is too long is that of no page */

        (void) bigcache_tags_add(&writer, &group);
    }

    if (writer.n) {
        ngx_http_bigcache_page_invalidate_some(r, ctx, &writer);
    }
}


static void
ngx_http_bigcache_page_invalidate_some(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_tags_writer_t *writer)
{
    ngx_str_t                             site;
    ngx_http_bigcache_zone_t             *zone;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    if (ngx_http_bigcache_page_key_site(ctx->conf, &ctx->url, &site) != NGX_OK)
    {
        return;
    }

    invalidate = ngx_http_bigcache_page_invalidate_create(r, ctx->conf, &site,
                                                  writer->data, writer->len);
    if (invalidate == NULL) {
        return;
    }

    zone = ctx->conf->zone;

    /* a reader looks at the single groups only if the first says so */

    ngx_http_bigcache_page_invalidate_mark(invalidate,
                                     ngx_http_bigcache_page_invalidate_begin);
    ngx_http_bigcache_page_invalidate_begin(&zone->shm->groups);
    ngx_http_bigcache_zone_purged(zone);

    ngx_http_bigcache_page_invalidate_post(invalidate);
}


static void
ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect)
{
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = ngx_http_bigcache_page_invalidate_create(r, conf, key, NULL,
                                                          0);
    if (invalidate == NULL) {
        return;
    }

    invalidate->expect = expect;

    if (expect == BIGCACHE_EXPECT_ANY) {
        invalidate->removing = ngx_http_bigcache_zone_removing(conf->zone, key);

        ngx_http_bigcache_page_invalidate_begin(invalidate->removing);
    }

    ngx_http_bigcache_page_invalidate_post(invalidate);
}


static ngx_http_bigcache_page_invalidate_t *
ngx_http_bigcache_page_invalidate_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, const u_char *groups,
    size_t len)
{
    u_char                               *p;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = ngx_calloc(sizeof(ngx_http_bigcache_page_invalidate_t)
                            + key->len + len, r->connection->log);
    if (invalidate == NULL) {
        return NULL;
    }

    invalidate->job.zone = conf->zone;
    invalidate->job.run = ngx_http_bigcache_page_invalidate_run;
    invalidate->job.done = ngx_http_bigcache_page_invalidate_done;
    invalidate->expect = BIGCACHE_EXPECT_ANY;

    p = invalidate->data;

    invalidate->key = bigcache_str(p, key->len);
    p = ngx_cpymem(p, key->data, key->len);

    if (len) {
        invalidate->groups = bigcache_str(p, len);
        ngx_memcpy(p, groups, len);
    }

    return invalidate;
}


static void
ngx_http_bigcache_page_invalidate_mark(
    ngx_http_bigcache_page_invalidate_t *invalidate,
    void (*mark)(ngx_http_bigcache_removing_t *removing))
{
    size_t           at;
    ngx_str_t        site;
    bigcache_str_t   group;

    site.data = (u_char *) invalidate->key.data;
    site.len = invalidate->key.len;
    at = 0;

    while (bigcache_tags_next(&invalidate->groups, &at, &group)) {
        mark(ngx_http_bigcache_zone_removing_group(invalidate->job.zone, &site,
                                                   group.data, group.len));
    }
}


/* the time first: the number counts only until then */

static void
ngx_http_bigcache_page_invalidate_begin(
    ngx_http_bigcache_removing_t *removing)
{
    atomic_store(&removing->until, bigcache_time_monotonic()
                                   + NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_TIME);
    atomic_fetch_add(&removing->n, 1);
    atomic_fetch_add(&removing->removals, 1);
}


static void
ngx_http_bigcache_page_invalidate_end(ngx_http_bigcache_removing_t *removing)
{
    atomic_fetch_add(&removing->removals, 1);
    atomic_fetch_sub(&removing->n, 1);
}


/* if there is no thread for it, the pages stay: that is logged */

static void
ngx_http_bigcache_page_invalidate_post(
    ngx_http_bigcache_page_invalidate_t *invalidate)
{
    if (invalidate->job.zone->cache
        && ngx_http_bigcache_job_post(&invalidate->job) == NGX_OK)
    {
        return;
    }

    invalidate->rc = BIGCACHE_BUSY;

    ngx_http_bigcache_page_invalidate_done(&invalidate->job);
}


/* runs in a thread */

static void
ngx_http_bigcache_page_invalidate_run(ngx_http_bigcache_job_t *job)
{
    bigcache_selectors_t                 *list;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = (ngx_http_bigcache_page_invalidate_t *) job;

    if (invalidate->expect != BIGCACHE_EXPECT_ANY) {
        (void) bigcache_cache_delete(job->zone->cache, &invalidate->key,
                                     invalidate->expect);
        return;
    }

    list = malloc(sizeof(bigcache_selectors_t));
    if (list == NULL) {
        invalidate->rc = BIGCACHE_NOMEM;
        return;
    }

    invalidate->rc = ngx_http_bigcache_page_invalidate_purge(invalidate, list);

    free(list);
}


/* all variants of a URL, or the pages of an origin in one of the groups */

static bigcache_rc_t
ngx_http_bigcache_page_invalidate_purge(
    ngx_http_bigcache_page_invalidate_t *invalidate,
    bigcache_selectors_t *list)
{
    size_t                at;
    bigcache_rc_t         rc;
    bigcache_cache_t     *cache;
    bigcache_purged_t     purged;
    bigcache_selector_t   selector;

    cache = invalidate->job.zone->cache;
    purged.begun = NULL;
    at = 0;

    ngx_memzero(&selector, sizeof(bigcache_selector_t));
    selector.prefix = invalidate->key;

    bigcache_selectors_init(list);

    if (invalidate->groups.len == 0) {
        selector.flags = BIGCACHE_SELECTOR_EXACT;
        (void) bigcache_selectors_add(list, &selector);

        return bigcache_cache_purge(cache, list, 0, &purged);
    }

    while (bigcache_tags_next(&invalidate->groups, &at, &selector.tag)) {

        if (bigcache_selectors_add(list, &selector)) {
            continue;
        }

        rc = bigcache_cache_purge(cache, list, 0, &purged);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        bigcache_selectors_init(list);
        (void) bigcache_selectors_add(list, &selector);
    }

    return bigcache_cache_purge(cache, list, 0, &purged);
}


static void
ngx_http_bigcache_page_invalidate_done(ngx_http_bigcache_job_t *job)
{
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = (ngx_http_bigcache_page_invalidate_t *) job;

    if (job->failed) {
        invalidate->rc = BIGCACHE_BUSY;
    }

    if (invalidate->rc != BIGCACHE_OK) {

        /* keys of pages begin with a NUL */

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "bigcache: pages of \"%*s\" are not removed, although "
                      "an unsafe request has changed them",
                      invalidate->key.len - 1, invalidate->key.data + 1);
    }

    if (invalidate->groups.len) {
        ngx_http_bigcache_zone_purged(job->zone);
        ngx_http_bigcache_page_invalidate_end(&job->zone->shm->groups);
        ngx_http_bigcache_page_invalidate_mark(invalidate,
                                       ngx_http_bigcache_page_invalidate_end);
    }

    if (invalidate->removing) {
        ngx_http_bigcache_page_invalidate_end(invalidate->removing);
    }

    ngx_free(invalidate);
}

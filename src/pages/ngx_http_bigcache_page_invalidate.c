
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
    ngx_http_bigcache_removing_t  *groups;    /* NULL: it is no group */
    uint64_t                       expect;    /* of a stored page, or any */
    bigcache_str_t                 key;       /* or how those of an origin
                                                 begin */
    bigcache_str_t                 tag;       /* of a group */
    bigcache_rc_t                  rc;
    u_char                         data[];
} ngx_http_bigcache_page_invalidate_t;

typedef void (*ngx_http_bigcache_page_invalidate_pt)(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value);


static void ngx_http_bigcache_page_invalidate_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, const char *name,
    ngx_http_bigcache_page_invalidate_pt handler);
static void ngx_http_bigcache_page_invalidate_location(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value);
static void ngx_http_bigcache_page_invalidate_groups(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_str_t *value);
static void ngx_http_bigcache_page_invalidate_group(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *site,
    const bigcache_str_t *tag);
static void ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect);
static ngx_http_bigcache_page_invalidate_t *
    ngx_http_bigcache_page_invalidate_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key,
    const bigcache_str_t *tag);
static void ngx_http_bigcache_page_invalidate_begin(
    ngx_http_bigcache_removing_t *removing);
static void ngx_http_bigcache_page_invalidate_end(
    ngx_http_bigcache_removing_t *removing);
static void ngx_http_bigcache_page_invalidate_post(
    ngx_http_bigcache_page_invalidate_t *invalidate);
static void ngx_http_bigcache_page_invalidate_run(
    ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_invalidate_done(
    ngx_http_bigcache_job_t *job);


void
ngx_http_bigcache_page_invalidate(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
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

    ngx_http_bigcache_page_invalidate_fields(r, ctx, "Location",
                                   ngx_http_bigcache_page_invalidate_location);
    ngx_http_bigcache_page_invalidate_fields(r, ctx, "Content-Location",
                                   ngx_http_bigcache_page_invalidate_location);
    ngx_http_bigcache_page_invalidate_fields(r, ctx,
                                   "Cache-Group-Invalidation",
                                   ngx_http_bigcache_page_invalidate_groups);
}


void
ngx_http_bigcache_page_invalidate_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &ctx->key,
                                          ctx->page.version);
}


static void
ngx_http_bigcache_page_invalidate_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, const char *name,
    ngx_http_bigcache_page_invalidate_pt handler)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->upstream->headers_in.headers.part; part; part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == ngx_strlen(name)
                && ngx_strncasecmp(h[i].key.data, (u_char *) name,
                                   h[i].key.len)
                   == 0)
            {
                handler(r, ctx, &h[i].value);
            }
        }
    }
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
    size_t           at;
    u_char           data[BIGCACHE_TAG_FIELD_DATA];
    ngx_str_t        site;
    bigcache_str_t   line, tag;

    if (ngx_http_bigcache_page_key_site(ctx->conf, &ctx->url, &site) != NGX_OK)
    {
        return;
    }

    line.data = value->data;
    line.len = value->len;
    at = 0;

    while (bigcache_tag_field_next(BIGCACHE_TAG_FIELD_GROUPS, &line, &at, data,
                                   &tag))
    {
        /* no page has a longer one */

        if (tag.len <= BIGCACHE_TAG_MAX) {
            ngx_http_bigcache_page_invalidate_group(r, ctx->conf, &site, &tag);
        }
    }
}


static void
ngx_http_bigcache_page_invalidate_group(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *site,
    const bigcache_str_t *tag)
{
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = ngx_http_bigcache_page_invalidate_create(r, conf, site, tag);
    if (invalidate == NULL) {
        return;
    }

    invalidate->removing = ngx_http_bigcache_zone_removing_group(conf->zone,
                                                   site, tag->data, tag->len);
    invalidate->groups = &conf->zone->shm->groups;

    ngx_http_bigcache_page_invalidate_begin(invalidate->removing);
    ngx_http_bigcache_page_invalidate_begin(invalidate->groups);

    ngx_http_bigcache_zone_purged(conf->zone);

    ngx_http_bigcache_page_invalidate_post(invalidate);
}


static void
ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect)
{
    bigcache_str_t                        none;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    none.len = 0;
    none.data = NULL;

    invalidate = ngx_http_bigcache_page_invalidate_create(r, conf, key, &none);
    if (invalidate == NULL) {
        return;
    }

    invalidate->expect = expect;

    if (expect == BIGCACHE_EXPECT_ANY) {
        invalidate->removing = ngx_http_bigcache_zone_removing(conf->zone,
                                                        key->data, key->len);

        ngx_http_bigcache_page_invalidate_begin(invalidate->removing);
    }

    ngx_http_bigcache_page_invalidate_post(invalidate);
}


static ngx_http_bigcache_page_invalidate_t *
ngx_http_bigcache_page_invalidate_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key,
    const bigcache_str_t *tag)
{
    u_char                               *p;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = ngx_calloc(sizeof(ngx_http_bigcache_page_invalidate_t)
                            + key->len + tag->len, r->connection->log);
    if (invalidate == NULL) {
        return NULL;
    }

    invalidate->job.zone = conf->zone;
    invalidate->job.run = ngx_http_bigcache_page_invalidate_run;
    invalidate->job.done = ngx_http_bigcache_page_invalidate_done;
    invalidate->expect = BIGCACHE_EXPECT_ANY;

    p = invalidate->data;

    invalidate->key.data = p;
    invalidate->key.len = key->len;
    p = ngx_cpymem(p, key->data, key->len);

    invalidate->tag.data = p;
    invalidate->tag.len = tag->len;

    if (tag->len) {
        ngx_memcpy(p, tag->data, tag->len);
    }

    return invalidate;
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
    uint64_t                              n, expired;
    bigcache_selector_t                   selector;
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

    ngx_memzero(&selector, sizeof(bigcache_selector_t));

    /* all variants of a URL, or all pages of an origin in a group */

    selector.flags = invalidate->groups ? 0 : BIGCACHE_SELECTOR_EXACT;
    selector.prefix = invalidate->key;
    selector.tag = invalidate->tag;

    bigcache_selectors_init(list);

    n = 0;
    expired = 0;

    if (bigcache_selectors_add(list, &selector)) {
        invalidate->rc = bigcache_cache_purge(job->zone->cache, list, 0, &n,
                                              &expired);
    }

    free(list);
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

    if (invalidate->groups) {
        ngx_http_bigcache_zone_purged(job->zone);
        ngx_http_bigcache_page_invalidate_end(invalidate->groups);
    }

    if (invalidate->removing) {
        ngx_http_bigcache_page_invalidate_end(invalidate->removing);
    }

    ngx_free(invalidate);
}

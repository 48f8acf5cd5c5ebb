
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Removes pages after a request that has changed something, RFC 9111, section
 * 4.4: its own URL, and those that the answer names.
 *
 * The client may ask for the page as soon as it has the answer, while a thread
 * still removes it.  So the URL is marked in shared memory first, and nobody
 * reads a page that is marked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


/* milliseconds that a mark is good for, if the process dies */

#define NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_TIME  5000

#define NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_LIST  100


typedef struct {
    ngx_http_bigcache_job_t        job;
    ngx_http_bigcache_removing_t  *removing;  /* NULL: it is not marked */
    uint64_t                       expect;    /* of a stored page, or any */
    bigcache_str_t                 key;
    u_char                         data[];    /* of the key, and a NUL */
} ngx_http_bigcache_page_invalidate_t;


static void ngx_http_bigcache_page_invalidate_named(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, const char *name);
static void ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect);
static void ngx_http_bigcache_page_invalidate_run(
    ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_invalidate_variants(
    ngx_http_bigcache_page_invalidate_t *invalidate);
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

    ngx_http_bigcache_page_invalidate_named(r, ctx, "Location");
    ngx_http_bigcache_page_invalidate_named(r, ctx, "Content-Location");
}


void
ngx_http_bigcache_page_invalidate_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &ctx->key,
                                          ctx->page.version);
}


static void
ngx_http_bigcache_page_invalidate_named(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, const char *name)
{
    ngx_str_t         key;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (r->upstream == NULL || r->upstream->cleanup == NULL) {
        return;
    }

    for (part = &r->upstream->headers_in.headers.part; part; part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == ngx_strlen(name)
                && ngx_strncasecmp(h[i].key.data, (u_char *) name,
                                   h[i].key.len)
                   == 0
                && ngx_http_bigcache_page_key_other(r, ctx->conf,
                                                    &h[i].value, &key)
                   == NGX_OK)
            {
                ngx_http_bigcache_page_invalidate_key(r, ctx->conf, &key,
                                                      BIGCACHE_EXPECT_ANY);
            }
        }
    }
}


/* if there is no memory or no thread for it, the page stays: that is logged */

static void
ngx_http_bigcache_page_invalidate_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key, uint64_t expect)
{
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = ngx_calloc(sizeof(ngx_http_bigcache_page_invalidate_t)
                            + key->len + 1, r->connection->log);
    if (invalidate == NULL) {
        return;
    }

    invalidate->job.zone = conf->zone;
    invalidate->job.run = ngx_http_bigcache_page_invalidate_run;
    invalidate->job.done = ngx_http_bigcache_page_invalidate_done;
    invalidate->expect = expect;
    invalidate->key.data = invalidate->data;
    invalidate->key.len = key->len;

    ngx_memcpy(invalidate->data, key->data, key->len);

    if (expect == BIGCACHE_EXPECT_ANY) {
        invalidate->removing = ngx_http_bigcache_zone_removing(conf->zone,
                                                        key->data, key->len);

        /* the time first: the number counts only until then */

        atomic_store(&invalidate->removing->until,
                     bigcache_time_monotonic()
                     + NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_TIME);
        atomic_fetch_add(&invalidate->removing->n, 1);
        atomic_fetch_add(&invalidate->removing->removals, 1);
    }

    if (conf->zone->cache == NULL
        || ngx_http_bigcache_job_post(&invalidate->job) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache: the page of \"%V\" is not removed, although "
                      "the request has changed it", &r->unparsed_uri);
        ngx_http_bigcache_page_invalidate_done(&invalidate->job);
    }
}


/* runs in a thread */

static void
ngx_http_bigcache_page_invalidate_run(ngx_http_bigcache_job_t *job)
{
    bigcache_rc_t                         rc;
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = (ngx_http_bigcache_page_invalidate_t *) job;

    rc = bigcache_cache_delete(job->zone->cache, &invalidate->key,
                               invalidate->expect);

    if (invalidate->expect != BIGCACHE_EXPECT_ANY) {
        return;
    }

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS || rc == BIGCACHE_EXPIRED) {
        ngx_http_bigcache_page_invalidate_variants(invalidate);
        (void) bigcache_cache_sync(job->zone->cache);
    }
}


static void
ngx_http_bigcache_page_invalidate_variants(
    ngx_http_bigcache_page_invalidate_t *invalidate)
{
    size_t               at;
    bigcache_str_t       prefix, after, none;
    bigcache_list_t     *list;
    bigcache_cache_t    *cache;
    bigcache_list_row_t  row;

    list = malloc(sizeof(bigcache_list_t));
    if (list == NULL) {
        return;
    }

    cache = invalidate->job.zone->cache;

    /* the NUL behind the key is there already */

    prefix.data = invalidate->data;
    prefix.len = invalidate->key.len + 1;
    after.data = NULL;
    after.len = 0;
    none = after;

    while (bigcache_cache_list(cache, &prefix, &none, &after,
                               NGX_HTTP_BIGCACHE_PAGE_INVALIDATE_LIST, list)
           == BIGCACHE_OK)
    {
        for (at = 0; bigcache_list_row(list, &at, &row); /* void */) {
            (void) bigcache_cache_delete(cache, &row.key, BIGCACHE_EXPECT_ANY);
        }

        if (!list->more) {
            break;
        }

        after.data = list->next;
        after.len = list->next_len;
    }

    free(list);
}


static void
ngx_http_bigcache_page_invalidate_done(ngx_http_bigcache_job_t *job)
{
    ngx_http_bigcache_page_invalidate_t  *invalidate;

    invalidate = (ngx_http_bigcache_page_invalidate_t *) job;

    if (invalidate->removing) {
        atomic_fetch_add(&invalidate->removing->removals, 1);
        atomic_fetch_sub(&invalidate->removing->n, 1);
    }

    ngx_free(invalidate);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Answers PURGE, or the method that bigcache_purge names: a thread purges what
 * the request selects, and the answer says how many pages that were.  It is in
 * effect for all processes before the client gets the answer.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_field.h"
#include "bigcache_json_string.h"
#include "ngx_http_bigcache_pages.h"


typedef struct {
    ngx_http_bigcache_job_t                 job;
    ngx_pool_cleanup_t                     *cleanup;  /* of the request; NULL:
                                                         it has ended */
    ngx_http_request_t                     *request;
    ngx_http_bigcache_page_selectors_t     *selectors;
    bigcache_op_t                           op;       /* how it came out */
} ngx_http_bigcache_page_purge_t;


static ngx_int_t ngx_http_bigcache_page_purge_content(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_purge_post(ngx_http_request_t *r,
    ngx_http_bigcache_zone_t *zone,
    ngx_http_bigcache_page_selectors_t *selectors);
static ngx_uint_t ngx_http_bigcache_page_purge_is_long(
    ngx_http_bigcache_page_selectors_t *selectors);
static ngx_uint_t ngx_http_bigcache_page_purge_async(ngx_http_request_t *r);
static ngx_uint_t ngx_http_bigcache_page_purge_prefers(ngx_str_t *line);
static void ngx_http_bigcache_page_purge_run(ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_purge_done(ngx_http_bigcache_job_t *job);
static void ngx_http_bigcache_page_purge_cleanup(void *data);
static ngx_int_t ngx_http_bigcache_page_purge_result(ngx_http_request_t *r,
    ngx_http_bigcache_page_purge_t *purge);
static ngx_int_t ngx_http_bigcache_page_purge_failed(ngx_http_request_t *r,
    ngx_uint_t status, const char *detail);
static ngx_int_t ngx_http_bigcache_page_purge_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *body);


ngx_int_t
ngx_http_bigcache_page_purge(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf)
{
    ngx_http_bigcache_page_purger_t  *purger;

    if (ngx_http_bigcache_page_purger_find(r, conf, 0, &purger)
        == NGX_DECLINED)
    {
        return NGX_DECLINED;
    }

    r->content_handler = ngx_http_bigcache_page_purge_content;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_purge_content(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    const char                          *wrong;
    ngx_http_bigcache_zone_t            *zone;
    ngx_http_bigcache_page_conf_t       *conf;
    ngx_http_bigcache_page_purger_t     *purger;
    ngx_http_bigcache_page_selectors_t  *selectors;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_pages_module);

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_bigcache_page_purger_find(r, conf, 0, &purger);

    if (rc == NGX_DECLINED) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    zone = ngx_http_bigcache_page_purger_zone(conf, purger);

    if (rc != NGX_OK) {

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache: a purge is refused, \"bigcache_purge\" does "
                      "not name the address of the client");

        ngx_http_bigcache_page_count(zone, BIGCACHE_PAGE_METRIC_PURGE_REFUSED);

        return ngx_http_bigcache_page_purge_failed(r, NGX_HTTP_FORBIDDEN,
                                      "this address may not purge anything");
    }

    wrong = ngx_http_bigcache_page_selectors(r, conf, &purger->strip,
                                             &selectors);

    if (wrong) {
        ngx_http_bigcache_page_selectors_free(selectors);

        return ngx_http_bigcache_page_purge_failed(r,
                             wrong == ngx_http_bigcache_page_selectors_memory
                             ? NGX_HTTP_SERVICE_UNAVAILABLE
                             : NGX_HTTP_BAD_REQUEST, wrong);
    }

    return ngx_http_bigcache_page_purge_post(r, zone, selectors);
}


/* takes the selectors */

static ngx_int_t
ngx_http_bigcache_page_purge_post(ngx_http_request_t *r,
    ngx_http_bigcache_zone_t *zone,
    ngx_http_bigcache_page_selectors_t *selectors)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_bigcache_page_purge_t  *purge;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    purge = ngx_calloc(sizeof(ngx_http_bigcache_page_purge_t),
                       r->connection->log);

    if (cln == NULL || purge == NULL) {
        ngx_http_bigcache_page_selectors_free(selectors);
        ngx_free(purge);

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    purge->job.zone = zone;
    purge->job.run = ngx_http_bigcache_page_purge_run;
    purge->job.done = ngx_http_bigcache_page_purge_done;
    purge->job.large = ngx_http_bigcache_page_purge_is_long(selectors);
    purge->request = r;
    purge->selectors = selectors;
    purge->op.cache = zone->cache;
    purge->op.async = ngx_http_bigcache_page_purge_async(r);

    if (zone->cache == NULL
        || ngx_http_bigcache_job_post(&purge->job) != NGX_OK)
    {
        ngx_http_bigcache_page_selectors_free(selectors);
        ngx_free(purge);

        return ngx_http_bigcache_page_purge_failed(r,
                               NGX_HTTP_SERVICE_UNAVAILABLE,
                               "nothing was purged, the store is not ready or "
                               "has too much to do");
    }

    cln->handler = ngx_http_bigcache_page_purge_cleanup;
    cln->data = purge;

    purge->cleanup = cln;
    r->main->count++;

    return NGX_DONE;
}


/* returns 0 for a URL, whose variants are few, or 1 */

static ngx_uint_t
ngx_http_bigcache_page_purge_is_long(
    ngx_http_bigcache_page_selectors_t *selectors)
{
    size_t               at;
    bigcache_selector_t  selector;

    at = 0;

    return !bigcache_selectors_next(&selectors->list, &at, &selector)
           || !(selector.flags & BIGCACHE_SELECTOR_EXACT);
}


/* returns 1 if the client does not want to wait for the end, RFC 7240, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_purge_async(ngx_http_request_t *r)
{
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        if (ngx_http_bigcache_fields_is(h, "prefer")
            && ngx_http_bigcache_page_purge_prefers(&h->value))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_bigcache_page_purge_prefers(ngx_str_t *line)
{
    size_t          at, begin;
    bigcache_str_t  value, member, preference;

    value = bigcache_str(line->data, line->len);
    at = 0;

    while (bigcache_field_next(&value, &at, &member)) {
        begin = 0;

        if (bigcache_field_next_parameter(&member, &begin, &preference)
            && bigcache_field_is(&preference, "respond-async"))
        {
            return 1;
        }
    }

    return 0;
}


/* runs in a thread */

static void
ngx_http_bigcache_page_purge_run(ngx_http_bigcache_job_t *job)
{
    bigcache_rc_t                        rc;
    bigcache_purged_t                    purged;
    ngx_http_bigcache_page_purge_t      *purge;
    ngx_http_bigcache_page_selectors_t  *selectors;

    purge = (ngx_http_bigcache_page_purge_t *) job;
    purged.begun = NULL;
    rc = BIGCACHE_OK;

    for (selectors = purge->selectors;
         selectors && rc == BIGCACHE_OK;
         selectors = selectors->next)
    {
        rc = bigcache_cache_purge(purge->op.cache, &selectors->list,
                                  purge->op.async, &purged);

        purge->op.n += purged.n;
        purge->op.expired += purged.expired;
    }

    bigcache_op_finish(&purge->op, rc);

    /* before the answer: nobody may read along with an earlier fetch */

    ngx_http_bigcache_zone_purged(job->zone);
}


static void
ngx_http_bigcache_page_purge_done(ngx_http_bigcache_job_t *job)
{
    ngx_int_t                        rc;
    ngx_connection_t                *c;
    ngx_http_request_t              *r;
    ngx_http_bigcache_page_purge_t  *purge;

    purge = (ngx_http_bigcache_page_purge_t *) job;
    r = purge->request;

    if (purge->cleanup == NULL) {
        r = NULL;

    } else {
        purge->cleanup->data = NULL;
    }

    if (r) {
        c = r->connection;

        ngx_http_set_log_request(c->log, r);

        rc = ngx_http_bigcache_page_purge_result(r, purge);

        ngx_http_finalize_request(r, rc);
        ngx_http_run_posted_requests(c);
    }

    ngx_http_bigcache_page_selectors_free(purge->selectors);
    ngx_free(purge);
}


/* the client has left; the purge goes on */

static void
ngx_http_bigcache_page_purge_cleanup(void *data)
{
    ngx_http_bigcache_page_purge_t *purge = data;

    if (purge) {
        purge->cleanup = NULL;
    }
}


static ngx_int_t
ngx_http_bigcache_page_purge_result(ngx_http_request_t *r,
    ngx_http_bigcache_page_purge_t *purge)
{
    u_char      *p;
    ngx_str_t    body;
    ngx_uint_t   status;
    const char  *detail;

    static ngx_str_t  accepted = ngx_string("{\"message\":\"being purged.\"}");

    if (purge->job.failed) {
        return ngx_http_bigcache_page_purge_failed(r,
                                     NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "nothing was purged, too many requests "
                                     "wait for the disk");
    }

    if (purge->op.rc != BIGCACHE_OK) {
        status = bigcache_op_failure(&purge->op, &detail);

        return ngx_http_bigcache_page_purge_failed(r, status, detail);
    }

    ngx_http_bigcache_page_count(purge->job.zone, BIGCACHE_PAGE_METRIC_PURGES);

    if (purge->op.async) {
        return ngx_http_bigcache_page_purge_send(r, NGX_HTTP_ACCEPTED,
                                                 &accepted);
    }

    p = ngx_pnalloc(r->pool, sizeof("{\"purged\":}") + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    body.len = ngx_sprintf(p, "{\"purged\":%uL}", purge->op.n) - p;

    return ngx_http_bigcache_page_purge_send(r, NGX_HTTP_OK, &body);
}


static ngx_int_t
ngx_http_bigcache_page_purge_failed(ngx_http_request_t *r, ngx_uint_t status,
    const char *detail)
{
    u_char          *p;
    ngx_str_t        body;
    bigcache_str_t   text;

    text = bigcache_str_text(detail);

    p = ngx_pnalloc(r->pool, sizeof("{\"detail\":\"\"}")
                             + bigcache_json_string_len(&text));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    p = ngx_sprintf(p, "{\"detail\":\"");
    p = bigcache_json_string(p, &text);
    p = ngx_sprintf(p, "\"}");

    body.len = p - body.data;

    return ngx_http_bigcache_page_purge_send(r, status, &body);
}


/* an error_page, which may lead to the upstream, does not answer instead */

static ngx_int_t
ngx_http_bigcache_page_purge_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  second = ngx_string("1");

    if (ngx_http_bigcache_send_add_header(r, "Cache-Control", &no_store)
        == NULL
        || (status == NGX_HTTP_SERVICE_UNAVAILABLE
            && ngx_http_bigcache_send_add_header(r, "Retry-After", &second)
               == NULL))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_bigcache_send_bytes(r, status,
                                        &ngx_http_bigcache_send_json_text,
                                        body);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Requests: which of them may be answered from the cache, and what the upstream
 * is asked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_field.h"
#include "bigcache_pattern.h"
#include "ngx_http_bigcache_pages.h"


/* requests that change nothing */

#define NGX_HTTP_BIGCACHE_PAGE_SAFE                                           \
    (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS|NGX_HTTP_TRACE               \
     |NGX_HTTP_PROPFIND)


static ngx_uint_t ngx_http_bigcache_page_request_cookies(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf);
static ngx_uint_t ngx_http_bigcache_page_request_harmless(
    ngx_http_bigcache_page_conf_t *conf, ngx_table_elt_t *h);
static ngx_uint_t ngx_http_bigcache_page_request_no_cache(
    ngx_http_request_t *r);
static void ngx_http_bigcache_page_request_swap(ngx_http_request_t *r,
    ngx_http_bigcache_page_saved_t *saved);
static ngx_uint_t ngx_http_bigcache_page_request_withheld(ngx_table_elt_t *h);
static ngx_int_t ngx_http_bigcache_page_request_add(ngx_http_request_t *r,
    char *name, const bigcache_str_t *value, ngx_table_elt_t **h);
static ngx_int_t ngx_http_bigcache_page_request_validators(
    ngx_http_request_t *r, ngx_http_bigcache_page_ctx_t *ctx);


/* fields by which the answer would not be the whole page */

static const struct {
    const char  *name;
    size_t       offset;    /* in r->headers_in; 0: it is only a line */
} ngx_http_bigcache_page_withheld[NGX_HTTP_BIGCACHE_PAGE_WITHHELD] = {
    { "if-none-match", offsetof(ngx_http_headers_in_t, if_none_match) },
    { "if-modified-since",
      offsetof(ngx_http_headers_in_t, if_modified_since) },
    { "if-match", offsetof(ngx_http_headers_in_t, if_match) },
    { "if-unmodified-since",
      offsetof(ngx_http_headers_in_t, if_unmodified_since) },
    { "range", offsetof(ngx_http_headers_in_t, range) },
    { "if-range", offsetof(ngx_http_headers_in_t, if_range) },
#if (NGX_HTTP_GZIP)
    { "accept-encoding", offsetof(ngx_http_headers_in_t, accept_encoding) }
#else
    { "accept-encoding", 0 }
#endif
};


ngx_int_t
ngx_http_bigcache_page_request(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (!(r->method & NGX_HTTP_BIGCACHE_PAGE_SAFE)) {
        ctx->unsafe = 1;
        return NGX_DECLINED;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || r->headers_in.content_length_n > 0

        /* of HTTP/2 and HTTP/3 the end of a body may come later, too */

        || (r->http_version >= NGX_HTTP_VERSION_20
            && r->headers_in.content_length_n == 0)
        || r->headers_in.chunked
        || r->headers_in.upgrade
        || r->headers_in.if_match
        || r->headers_in.if_unmodified_since)
    {
        return NGX_DECLINED;
    }

    ctx->head_only = (r->method == NGX_HTTP_HEAD);
    ctx->authorized = (r->headers_in.authorization != NULL);
    ctx->cookies = ngx_http_bigcache_page_request_cookies(r, ctx->conf);
    ctx->no_cache = ctx->conf->reload
                    && ngx_http_bigcache_page_request_no_cache(r);

#if (NGX_HTTP_GZIP)
    ctx->gzip = (ngx_http_gzip_ok(r) == NGX_OK);
#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_request_prepare(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
#if (NGX_HTTP_GZIP)
    ngx_uint_t  packed;

    static const bigcache_str_t  gzip = bigcache_string("gzip");

    /* a range is one of the page, and not of a gzip file */

    packed = (ctx->gzip && r->headers_in.range == NULL);
#endif

    ctx->prepared = 1;
    ctx->saved.headers = r->headers_in.headers;
    ngx_http_bigcache_page_request_swap(r, &ctx->saved);

    if (ngx_http_bigcache_page_request_withhold(r) != NGX_OK) {
        return NGX_ERROR;
    }

#if (NGX_HTTP_GZIP)
    if (packed
        && ngx_http_bigcache_page_request_add(r, "Accept-Encoding", &gzip,
                                              &r->headers_in.accept_encoding)
           != NGX_OK)
    {
        return NGX_ERROR;
    }
#endif

    return ctx->found ? ngx_http_bigcache_page_request_validators(r, ctx)
                      : NGX_OK;
}


void
ngx_http_bigcache_page_request_restore(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (!ctx->prepared) {
        return;
    }

    ctx->prepared = 0;
    r->headers_in.headers = ctx->saved.headers;

    if (r->headers_in.headers.part.next == NULL) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    ngx_http_bigcache_page_request_swap(r, &ctx->saved);
    ngx_memzero(&ctx->saved, sizeof(ngx_http_bigcache_page_saved_t));
}


ngx_int_t
ngx_http_bigcache_page_request_withhold(ngx_http_request_t *r)
{
    ngx_list_t                   lines;
    ngx_table_elt_t             *h, *copy;
    ngx_http_bigcache_fields_t   fields;

    lines = r->headers_in.headers;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 20,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_bigcache_fields(&fields, &lines);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        if (ngx_http_bigcache_page_request_withheld(h)) {
            continue;
        }

        copy = ngx_list_push(&r->headers_in.headers);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *h;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_bigcache_page_request_in_range(ngx_http_request_t *r, off_t length)
{
    u_char     *p, *last;
    off_t       start;
    ngx_str_t  *range;

    if (r->headers_in.range == NULL) {
        return 1;
    }

    range = &r->headers_in.range->value;
    last = range->data + range->len;

    if (range->len < 7
        || ngx_strncasecmp(range->data, (u_char *) "bytes=", 6) != 0)
    {
        return 1;
    }

    for (p = range->data + 6; p && p < last; p = ngx_strlchr(p, last, ',')) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        if (p < last && *p == '-') {
            return 1;
        }

        for (start = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            start = (start > length) ? start : start * 10 + (*p - '0');
        }

        if (start < length) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_bigcache_page_request_conditions(ngx_http_request_t *r)
{
    if (r->headers_in.if_none_match) {
        r->headers_in.if_modified_since = NULL;
    }
}


ngx_uint_t
ngx_http_bigcache_page_request_gzip(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    return ctx->gzip && blcf->send_gzip
           && r == r->main && r->headers_in.range == NULL;
}


/*
 * A tag must be a strong one, which nginx does not look at; and both forms of a
 * page have one date: RFC 9110, section 13.1.5.
 */

void
ngx_http_bigcache_page_request_if_range(ngx_http_request_t *r,
    ngx_uint_t forms)
{
    ngx_str_t  *value;

    if (r->headers_in.range == NULL || r->headers_in.if_range == NULL) {
        return;
    }

    value = &r->headers_in.if_range->value;

    if (value->len && value->data[value->len - 1] == '"'
        ? value->data[0] != '"' : forms)
    {
        r->headers_in.range = NULL;
        r->headers_in.if_range = NULL;
    }
}


ngx_uint_t
ngx_http_bigcache_page_request_usable(ngx_http_bigcache_page_ctx_t *ctx,
    const bigcache_head_t *head)
{
    if (ctx->cookies
        && (head->flags & (BIGCACHE_HEAD_COOKIES|BIGCACHE_HEAD_TTL)))
    {
        return 0;
    }

    if (ctx->authorized && (head->flags & BIGCACHE_HEAD_TTL)) {
        return 0;
    }

    return !(head->flags & BIGCACHE_HEAD_ENCODED) || ctx->gzip;
}


/* returns 1 if the request has a cookie that is not known to be harmless */

static ngx_uint_t
ngx_http_bigcache_page_request_cookies(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf)
{
#if (nginx_version >= 1023000)
    ngx_table_elt_t  *h;

    for (h = r->headers_in.cookie; h; h = h->next) {
        if (!ngx_http_bigcache_page_request_harmless(conf, h)) {
            return 1;
        }
    }
#else
    ngx_uint_t         i;
    ngx_table_elt_t  **h;

    h = r->headers_in.cookies.elts;

    for (i = 0; i < r->headers_in.cookies.nelts; i++) {
        if (!ngx_http_bigcache_page_request_harmless(conf, h[i])) {
            return 1;
        }
    }
#endif

    return 0;
}


static ngx_uint_t
ngx_http_bigcache_page_request_harmless(ngx_http_bigcache_page_conf_t *conf,
    ngx_table_elt_t *h)
{
    bigcache_str_t  line;

    line = bigcache_str(h->value.data, h->value.len);

    return bigcache_pattern_cookies(&line, conf->ignore_cookies
                                           ? conf->ignore_cookies->elts : NULL,
                                    conf->ignore_cookies
                                    ? conf->ignore_cookies->nelts : 0);
}


/* Cache-Control: no-cache or max-age=0, or else Pragma: no-cache */

static ngx_uint_t
ngx_http_bigcache_page_request_no_cache(ngx_http_request_t *r)
{
    ngx_uint_t                   given, pragma;
    bigcache_str_t               line;
    ngx_table_elt_t             *h;
    bigcache_control_t           control;
    ngx_http_bigcache_fields_t   fields;

    static const bigcache_str_t  no_cache = bigcache_string("no-cache");

    given = 0;
    pragma = 0;
    bigcache_control_init(&control);

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        line = bigcache_str(h->value.data, h->value.len);

        if (ngx_http_bigcache_fields_is(h, "cache-control")) {
            bigcache_control_add(&control, &line);
            given = 1;

        } else if (ngx_http_bigcache_fields_is(h, "pragma")) {
            pragma |= bigcache_field_lists(&line, &no_cache);
        }
    }

    return given ? ((control.flags & BIGCACHE_CONTROL_NO_CACHE)
                    || control.max_age == 0)
                 : pragma;
}


/* exchanges nginx's pointers to the fields with those that are saved, or not */

static void
ngx_http_bigcache_page_request_swap(ngx_http_request_t *r,
    ngx_http_bigcache_page_saved_t *saved)
{
    size_t            offset;
    ngx_uint_t        i;
    ngx_table_elt_t  *h, **field;

    for (i = 0; i < NGX_HTTP_BIGCACHE_PAGE_WITHHELD; i++) {
        offset = ngx_http_bigcache_page_withheld[i].offset;

        if (offset) {
            field = (ngx_table_elt_t **) ((char *) &r->headers_in + offset);
            h = *field;
            *field = saved->fields[i];
            saved->fields[i] = h;
        }
    }
}


static ngx_uint_t
ngx_http_bigcache_page_request_withheld(ngx_table_elt_t *h)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_BIGCACHE_PAGE_WITHHELD; i++) {
        if (ngx_http_bigcache_fields_is(h,
                                     ngx_http_bigcache_page_withheld[i].name))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_bigcache_page_request_add(ngx_http_request_t *r, char *name,
    const bigcache_str_t *value, ngx_table_elt_t **h)
{
    ngx_table_elt_t  *elt;

    elt = ngx_list_push(&r->headers_in.headers);
    if (elt == NULL) {
        return NGX_ERROR;
    }

    elt->key.data = (u_char *) name;
    elt->key.len = ngx_strlen(name);
    elt->value.data = (u_char *) value->data;
    elt->value.len = value->len;

    elt->lowcase_key = ngx_pnalloc(r->pool, elt->key.len);
    if (elt->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    elt->hash = ngx_hash_strlow(elt->lowcase_key, elt->key.data, elt->key.len);

#if (nginx_version >= 1023000)
    elt->next = NULL;
#endif

    *h = elt;

    return NGX_OK;
}


/* the origin is asked whether the stored page is still good */

static ngx_int_t
ngx_http_bigcache_page_request_validators(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_str_t  value;

    if (bigcache_head_find(&ctx->head, "etag", &value)) {
        ctx->conditional = 1;

        if (ngx_http_bigcache_page_request_add(r, "If-None-Match", &value,
                                               &r->headers_in.if_none_match)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (bigcache_head_find(&ctx->head, "last-modified", &value)) {
        ctx->conditional = 1;

        return ngx_http_bigcache_page_request_add(r, "If-Modified-Since",
                                            &value,
                                            &r->headers_in.if_modified_since);
    }

    return NGX_OK;
}

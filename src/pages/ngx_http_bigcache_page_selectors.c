
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a purge selects:
 *
 *     PURGE /uri                         the URI with all its variants, of all
 *                                        schemes and ports of this host
 *     PURGE /dir/ and an asterisk        all URIs that begin so
 *     PURGE /, and a field with tags     what has one of the tags
 *
 * A field asks for a soft purge: what is selected becomes stale.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_tag_field.h"
#include "ngx_http_bigcache_pages.h"


typedef struct {
    const char  *name;      /* lower case */
    unsigned     style;
    unsigned     flags;     /* of its selectors */
} ngx_http_bigcache_page_selectors_field_t;


static const char *ngx_http_bigcache_page_selectors_tags(
    ngx_http_request_t *r, bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first, ngx_uint_t *given);
static const char *ngx_http_bigcache_page_selectors_line(
    ngx_http_request_t *r, bigcache_selector_t *selector,
    const ngx_http_bigcache_page_selectors_field_t *field, ngx_str_t *line,
    ngx_http_bigcache_page_selectors_t **first);
static const char *ngx_http_bigcache_page_selectors_url(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *strip,
    bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first);
static const char *ngx_http_bigcache_page_selectors_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first);
static const char *ngx_http_bigcache_page_selectors_add(ngx_http_request_t *r,
    const bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first);
static const ngx_http_bigcache_page_selectors_field_t *
    ngx_http_bigcache_page_selectors_field(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_bigcache_page_selectors_soft(
    ngx_http_request_t *r);


/* those without a style ask for a soft purge */

#define NGX_HTTP_BIGCACHE_PAGE_SELECTORS_SOFT  0xff


const char  ngx_http_bigcache_page_selectors_memory[] = "out of memory";


static const ngx_http_bigcache_page_selectors_field_t
    ngx_http_bigcache_page_selectors_fields[] = {

    { "surrogate-key", BIGCACHE_TAG_FIELD_SPACES, 0 },
    { "cache-tag", BIGCACHE_TAG_FIELD_COMMAS, 0 },
    { "xkey", BIGCACHE_TAG_FIELD_XKEY, 0 },
    { "xkey-purge", BIGCACHE_TAG_FIELD_XKEY, 0 },
    { "xkey-softpurge", BIGCACHE_TAG_FIELD_XKEY, BIGCACHE_SELECTOR_SOFT },
    { "bigcache-soft", NGX_HTTP_BIGCACHE_PAGE_SELECTORS_SOFT, 0 },
    { "fastly-soft-purge", NGX_HTTP_BIGCACHE_PAGE_SELECTORS_SOFT, 0 },

    { NULL, 0, 0 }
};


const char *
ngx_http_bigcache_page_selectors(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *strip,
    ngx_http_bigcache_page_selectors_t **first)
{
    ngx_str_t             port;
    ngx_uint_t            given;
    const char           *wrong;
    bigcache_selector_t   selector;

    *first = NULL;

    ngx_memzero(&selector, sizeof(bigcache_selector_t));

    if (ngx_http_bigcache_page_selectors_soft(r)) {
        selector.flags = BIGCACHE_SELECTOR_SOFT;
    }

    if (ngx_http_bigcache_page_key_host(r, &port) != NGX_OK) {
        return "the request must name one host, that of the pages";
    }

    selector.host = bigcache_str(r->headers_in.server.data,
                                 r->headers_in.server.len);

    if (selector.host.len > BIGCACHE_SELECTOR_HOST) {
        return "the name of the host is too long";
    }

    wrong = ngx_http_bigcache_page_selectors_tags(r, &selector, first, &given);

    if (wrong) {
        return wrong;
    }

    if (given) {

        if (conf->key) {
            return "pages with a \"bigcache_page_key\" belong to no host: "
                   "their tags are purged by POST /purge";
        }

        return *first ? NULL : "the request names no tag";
    }

    return ngx_http_bigcache_page_selectors_url(r, conf, strip, &selector,
                                                first);
}


void
ngx_http_bigcache_page_selectors_free(
    ngx_http_bigcache_page_selectors_t *selectors)
{
    ngx_http_bigcache_page_selectors_t  *next;

    while (selectors) {
        next = selectors->next;
        ngx_free(selectors);
        selectors = next;
    }
}


static const char *
ngx_http_bigcache_page_selectors_tags(ngx_http_request_t *r,
    bigcache_selector_t *selector, ngx_http_bigcache_page_selectors_t **first,
    ngx_uint_t *given)
{
    const char                                      *wrong;
    ngx_table_elt_t                                 *h;
    ngx_http_bigcache_fields_t                       fields;
    const ngx_http_bigcache_page_selectors_field_t  *field;

    *given = 0;

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        field = ngx_http_bigcache_page_selectors_field(h);

        if (field == NULL
            || field->style == NGX_HTTP_BIGCACHE_PAGE_SELECTORS_SOFT)
        {
            continue;
        }

        *given = 1;

        wrong = ngx_http_bigcache_page_selectors_line(r, selector, field,
                                                      &h->value, first);
        if (wrong) {
            return wrong;
        }
    }

    return NULL;
}


static const char *
ngx_http_bigcache_page_selectors_line(ngx_http_request_t *r,
    bigcache_selector_t *selector,
    const ngx_http_bigcache_page_selectors_field_t *field, ngx_str_t *line,
    ngx_http_bigcache_page_selectors_t **first)
{
    size_t                at;
    u_char                data[BIGCACHE_TAG_FIELD_DATA];
    const char           *wrong;
    bigcache_str_t        value;
    bigcache_selector_t   one;

    value = bigcache_str(line->data, line->len);
    at = 0;

    one = *selector;
    one.flags |= field->flags;

    while (bigcache_tag_field_next(field->style, &value, &at, data, &one.tag))
    {
        if (one.tag.len > BIGCACHE_TAG_MAX) {
            return "a tag is longer than 256 bytes";
        }

        wrong = ngx_http_bigcache_page_selectors_add(r, &one, first);

        if (wrong) {
            return wrong;
        }
    }

    return NULL;
}


static const char *
ngx_http_bigcache_page_selectors_url(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *strip,
    bigcache_selector_t *selector, ngx_http_bigcache_page_selectors_t **first)
{
    ngx_str_t  uri, text;

    if (conf->key) {
        return ngx_http_bigcache_page_selectors_key(r, conf, selector, first);
    }

    uri = r->unparsed_uri;

    if (strip->len) {

        if (uri.len < strip->len
            || ngx_strncmp(uri.data, strip->data, strip->len) != 0)
        {
            return "the URL does not begin with what \"strip\" says";
        }

        uri.data += strip->len;
        uri.len -= strip->len;
    }

    if (uri.len == 0 || uri.data[0] != '/') {
        return "the URL has no path";
    }

    if (uri.data[uri.len - 1] == '*'
        && ngx_strlchr(uri.data, uri.data + uri.len, '?') == NULL)
    {
        text.data = uri.data;
        text.len = uri.len - 1;

    } else {
        selector->flags |= BIGCACHE_SELECTOR_EXACT;

        if (ngx_http_bigcache_page_key_of_uri(r, conf, &uri, &text) != NGX_OK)
        {
            return ngx_http_bigcache_page_selectors_memory;
        }
    }

    if (text.len > BIGCACHE_KEY_MAX) {
        return "the URL is longer than that of any page";
    }

    selector->prefix = bigcache_str(text.data, text.len);

    return ngx_http_bigcache_page_selectors_add(r, selector, first);
}


/* the application says by its own key what a URL is */

static const char *
ngx_http_bigcache_page_selectors_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first)
{
    ngx_str_t  key;

    if (r->unparsed_uri.len
        && r->unparsed_uri.data[r->unparsed_uri.len - 1] == '*')
    {
        return "where \"bigcache_page_key\" is set, only single pages can be "
               "purged";
    }

    switch (ngx_http_bigcache_page_key(r, conf, &key)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return "\"bigcache_page_key\" gives no key for this URL";

    default:
        return ngx_http_bigcache_page_selectors_memory;
    }

    selector->flags |= BIGCACHE_SELECTOR_EXACT;
    selector->host.len = 0;
    selector->prefix = bigcache_str(key.data, key.len);

    return ngx_http_bigcache_page_selectors_add(r, selector, first);
}


/* a list of selectors has a bound, so there may be several lists */

static const char *
ngx_http_bigcache_page_selectors_add(ngx_http_request_t *r,
    const bigcache_selector_t *selector,
    ngx_http_bigcache_page_selectors_t **first)
{
    ngx_http_bigcache_page_selectors_t  *selectors;

    if (*first && bigcache_selectors_add(&(*first)->list, selector)) {
        return NULL;
    }

    selectors = ngx_alloc(sizeof(ngx_http_bigcache_page_selectors_t),
                          r->connection->log);
    if (selectors == NULL) {
        return ngx_http_bigcache_page_selectors_memory;
    }

    bigcache_selectors_init(&selectors->list);

    selectors->next = *first;
    *first = selectors;

    return bigcache_selectors_add(&selectors->list, selector)
           ? NULL : "the selector is too long";
}


static const ngx_http_bigcache_page_selectors_field_t *
ngx_http_bigcache_page_selectors_field(ngx_table_elt_t *h)
{
    const ngx_http_bigcache_page_selectors_field_t  *field;

    for (field = ngx_http_bigcache_page_selectors_fields;
         field->name;
         field++)
    {
        if (ngx_http_bigcache_fields_is(h, field->name)) {
            return field;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_bigcache_page_selectors_soft(ngx_http_request_t *r)
{
    ngx_table_elt_t                                 *h;
    ngx_http_bigcache_fields_t                       fields;
    const ngx_http_bigcache_page_selectors_field_t  *field;

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        field = ngx_http_bigcache_page_selectors_field(h);

        if (field
            && field->style == NGX_HTTP_BIGCACHE_PAGE_SELECTORS_SOFT
            && h->value.len
            && !(h->value.len == 1 && h->value.data[0] == '0'))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The keys of pages:
 *
 *     NUL scheme: / / host[:port] uri       a URL, as the client sent it
 *     that NUL = uri                        if nginx has changed the URI
 *     that NUL ~ name: value NUL ...        a variant
 *
 * The host is in lower case, the port is left out if it is that of the scheme,
 * and ignored arguments are left out.  A URI that was rewritten, or that a
 * subrequest asks for, comes behind the URL of the client: the page may depend
 * on both.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_pattern.h"
#include "ngx_http_bigcache_pages.h"


static ngx_int_t ngx_http_bigcache_page_key_custom(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key);
static ngx_uint_t ngx_http_bigcache_page_key_named(ngx_http_request_t *r,
    ngx_str_t *host);
static u_char *ngx_http_bigcache_page_key_origin(ngx_http_request_t *r,
    u_char *p, ngx_str_t *port);
static u_char *ngx_http_bigcache_page_key_uri(
    ngx_http_bigcache_page_conf_t *conf, u_char *p, ngx_str_t *uri);
static u_char *ngx_http_bigcache_page_key_args(
    ngx_http_bigcache_page_conf_t *conf, u_char *p, ngx_str_t *args);
static size_t ngx_http_bigcache_page_key_end(ngx_str_t *text, u_char c);
static u_char *ngx_http_bigcache_page_key_value(ngx_http_request_t *r,
    u_char *p, const bigcache_str_t *name);
static ngx_table_elt_t *ngx_http_bigcache_page_key_next(
    ngx_http_bigcache_fields_t *fields, const bigcache_str_t *name);


ngx_int_t
ngx_http_bigcache_page_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   port;

    if (conf->key) {
        return ngx_http_bigcache_page_key_custom(r, conf, key);
    }

    if (ngx_http_bigcache_page_key_host(r, &port) != NGX_OK) {
        return NGX_DECLINED;
    }

    len = sizeof("Nhttps://:N=?") + r->headers_in.server.len + port.len
          + r->unparsed_uri.len + r->uri.len + r->args.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_http_bigcache_page_key_origin(r, p, &port);
    p = ngx_http_bigcache_page_key_uri(conf, p, &r->unparsed_uri);

    if (!r->valid_unparsed_uri) {
        *p++ = '\0';
        *p++ = '=';
        p = ngx_cpymem(p, r->uri.data, r->uri.len);
        p = ngx_http_bigcache_page_key_args(conf, p, &r->args);
    }

    key->len = p - key->data;

    return (key->len > BIGCACHE_KEY_MAX) ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_key_variant(ngx_http_request_t *r,
    const ngx_str_t *url, const bigcache_str_t *names, ngx_uint_t n,
    ngx_str_t *key)
{
    u_char                      *p;
    size_t                       len;
    ngx_uint_t                   i;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    len = url->len;

    for (i = 0; i < n; i++) {
        len += names[i].len + sizeof("N~:") - 1;

        ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

        while ((h = ngx_http_bigcache_page_key_next(&fields, &names[i]))) {
            len += h->value.len + 1;
        }
    }

    if (len > BIGCACHE_KEY_MAX) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_cpymem(p, url->data, url->len);

    for (i = 0; i < n; i++) {
        *p++ = '\0';
        *p++ = '~';
        p = ngx_cpymem(p, names[i].data, names[i].len);
        p = ngx_http_bigcache_page_key_value(r, p, &names[i]);
    }

    key->len = p - key->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_key_other(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *location, ngx_str_t *key)
{
    u_char     *p, *origin;
    size_t      len;
    ngx_str_t   port, uri;

    /* the application says by its own key what a URL is */

    if (conf->key
        || location->len == 0
        || ngx_http_bigcache_page_key_host(r, &port) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    len = sizeof("Nhttps://:/") + r->headers_in.server.len + port.len
          + r->unparsed_uri.len + location->len;

    origin = ngx_pnalloc(r->pool, len);
    if (origin == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_bigcache_page_key_origin(r, origin, &port);

    uri = *location;
    uri.len = ngx_http_bigcache_page_key_end(&uri, '#');
    len = p - origin - 1;

    if (uri.len == 0) {
        return NGX_DECLINED;
    }

    if (uri.data[0] != '/' || (uri.len > 1 && uri.data[1] == '/')) {

        /* an absolute one, or without the scheme */

        if (uri.data[0] == '/') {
            len -= ngx_http_bigcache_page_scheme(r)->len + 1;
        }

        if (uri.len < len
            || ngx_strncasecmp(uri.data, p - len, len) != 0
            || (uri.len > len && uri.data[len] != '/'
                && uri.data[len] != '?'))
        {
            return NGX_DECLINED;
        }

        uri.data += len;
        uri.len -= len;

        if (uri.len == 0 || uri.data[0] == '?') {
            *p++ = '/';
        }
    }

    key->data = origin;
    key->len = ngx_http_bigcache_page_key_uri(conf, p, &uri) - origin;

    return (key->len > BIGCACHE_KEY_MAX) ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_key_of_uri(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *uri, ngx_str_t *text)
{
    text->data = ngx_pnalloc(r->pool, uri->len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_http_bigcache_page_key_uri(conf, text->data, uri)
                - text->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_key_site(ngx_http_bigcache_page_conf_t *conf,
    ngx_str_t *url, ngx_str_t *site)
{
    u_char  *p, *last;

    if (conf->key) {
        return NGX_DECLINED;
    }

    last = url->data + url->len;
    p = url->data + sizeof("Nhttp://") - 1;

    if (p < last && *p == '/') {
        p++;
    }

    p = (p < last) ? ngx_strlchr(p, last, '/') : NULL;

    if (p == NULL) {
        return NGX_DECLINED;
    }

    site->data = url->data;
    site->len = p + 1 - url->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_key_custom(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key)
{
    u_char     *p;
    ngx_str_t   value;

    if (ngx_http_complex_value(r, conf->key, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0
        || value.len >= BIGCACHE_KEY_MAX
        || ngx_strlchr(value.data, value.data + value.len, '\0'))
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, value.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    key->len = value.len + 1;

    *p++ = BIGCACHE_PAGE_KEY;
    ngx_memcpy(p, value.data, value.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_key_host(ngx_http_request_t *r, ngx_str_t *port)
{
    u_char  *p, *last;

    if (r->headers_in.server.len == 0) {
        return NGX_DECLINED;
    }

    if (r->headers_in.host) {

        if (r->http_version < NGX_HTTP_VERSION_20
            && r->host_start
            && !ngx_http_bigcache_page_key_named(r,
                                                 &r->headers_in.host->value))
        {
            return NGX_DECLINED;
        }

        p = r->headers_in.host->value.data;
        last = p + r->headers_in.host->value.len;

    } else if (r->http_version >= NGX_HTTP_VERSION_20 && r->host_end) {

        /* ":authority" of HTTP/3 */

        p = r->host_start;
        last = r->host_end;

    } else {
        return NGX_DECLINED;
    }

    if (p < last && *p == '[') {
        p = ngx_strlchr(p, last, ']');
    }

    p = p ? ngx_strlchr(p, last, ':') : NULL;

    ngx_str_set(port, "");

    if (p == NULL || p + 1 == last) {
        return NGX_OK;
    }

    port->data = p;
    port->len = last - p;

    if (ngx_http_bigcache_page_scheme(r)->len == sizeof("https") - 1
        ? (port->len == 4 && ngx_strncmp(p, ":443", 4) == 0)
        : (port->len == 3 && ngx_strncmp(p, ":80", 3) == 0))
    {
        port->len = 0;
    }

    return NGX_OK;
}


/* returns 1 if the request line names the same host as the field Host, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_key_named(ngx_http_request_t *r, ngx_str_t *host)
{
    u_char  *last;

    last = r->host_end;

    if (last == NULL) {
        return 0;
    }

    /* not all releases of nginx take the port for a part of the host */

    if (*last == ':') {
        do {
            last++;
        } while (*last >= '0' && *last <= '9');
    }

    return (size_t) (last - r->host_start) == host->len
           && ngx_strncasecmp(r->host_start, host->data, host->len) == 0;
}


static u_char *
ngx_http_bigcache_page_key_origin(ngx_http_request_t *r, u_char *p,
    ngx_str_t *port)
{
    ngx_str_t  *scheme;

    scheme = ngx_http_bigcache_page_scheme(r);

    *p++ = BIGCACHE_PAGE_KEY;
    p = ngx_cpymem(p, scheme->data, scheme->len);
    p = ngx_cpymem(p, "://", 3);

    /* nginx has made it lower case */

    p = ngx_cpymem(p, r->headers_in.server.data, r->headers_in.server.len);

    return ngx_cpymem(p, port->data, port->len);
}


static u_char *
ngx_http_bigcache_page_key_uri(ngx_http_bigcache_page_conf_t *conf, u_char *p,
    ngx_str_t *uri)
{
    size_t     len;
    ngx_str_t  args;

    len = ngx_http_bigcache_page_key_end(uri, '?');

    p = ngx_cpymem(p, uri->data, len);

    if (len == uri->len) {
        return p;
    }

    args.data = uri->data + len + 1;
    args.len = uri->len - len - 1;

    return ngx_http_bigcache_page_key_args(conf, p, &args);
}


/* a query string that is empty, or becomes so, is left out with its "?" */

static u_char *
ngx_http_bigcache_page_key_args(ngx_http_bigcache_page_conf_t *conf, u_char *p,
    ngx_str_t *args)
{
    size_t          len;
    bigcache_str_t  text;

    if (args->len == 0) {
        return p;
    }

    *p = '?';

    if (conf->ignore_args == NULL) {
        return ngx_cpymem(p + 1, args->data, args->len);
    }

    text = bigcache_str(args->data, args->len);

    len = bigcache_pattern_args(p + 1, &text, conf->ignore_args->elts,
                                conf->ignore_args->nelts);

    return len ? p + 1 + len : p;
}


/* returns the bytes before the character, or all */

static size_t
ngx_http_bigcache_page_key_end(ngx_str_t *text, u_char c)
{
    u_char  *p;

    p = ngx_strlchr(text->data, text->data + text->len, c);

    return p ? (size_t) (p - text->data) : text->len;
}


/*
 * A field that was not sent adds nothing, an empty one a colon.  Lines of one
 * field are one value, with commas, RFC 9110, section 5.3.
 */

static u_char *
ngx_http_bigcache_page_key_value(ngx_http_request_t *r, u_char *p,
    const bigcache_str_t *name)
{
    u_char                       c;
    bigcache_str_t               value;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    c = ':';

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_page_key_next(&fields, name))) {
        value = bigcache_str(h->value.data, h->value.len);

        *p++ = c;
        p += bigcache_vary_normalize(p, name, &value);
        c = ',';
    }

    return p;
}


static ngx_table_elt_t *
ngx_http_bigcache_page_key_next(ngx_http_bigcache_fields_t *fields,
    const bigcache_str_t *name)
{
    ngx_table_elt_t  *h;

    while ((h = ngx_http_bigcache_fields_next(fields))) {
        if (h->hash
            && h->key.len == name->len
            && ngx_strncasecmp(h->key.data, (u_char *) name->data, name->len)
               == 0)
        {
            return h;
        }
    }

    return NULL;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The scheme of a page: that of the connection, unless a proxy in front has
 * ended TLS and says so, and its address is one of bigcache_scheme_from.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


static ngx_uint_t ngx_http_bigcache_page_scheme_trusted(ngx_http_request_t *r,
    ngx_array_t *addresses);
static ngx_str_t *ngx_http_bigcache_page_scheme_said(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_page_scheme_address(ngx_conf_t *cf,
    ngx_str_t *value, ngx_array_t *addresses);


static ngx_str_t  ngx_http_bigcache_page_scheme_http = ngx_string("http");
static ngx_str_t  ngx_http_bigcache_page_scheme_https = ngx_string("https");


/* address ...; or off */

char *
ngx_http_bigcache_page_scheme_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_str_t  *value;

    if (pcf->schemes != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        pcf->schemes = NULL;
        return NGX_CONF_OK;
    }

    pcf->schemes = ngx_http_bigcache_page_scheme_addresses(cf, 1);

    return pcf->schemes ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_str_t *
ngx_http_bigcache_page_scheme(ngx_http_request_t *r)
{
    ngx_str_t                      *said;
    ngx_http_bigcache_page_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_pages_module);

    if (conf->schemes
        && ngx_http_bigcache_page_scheme_trusted(r, conf->schemes))
    {
        said = ngx_http_bigcache_page_scheme_said(r);

        if (said) {
            return said;
        }
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        return &ngx_http_bigcache_page_scheme_https;
    }

#endif

    return &ngx_http_bigcache_page_scheme_http;
}


/* realip puts the address of the client in the place of the proxy's */

static ngx_uint_t
ngx_http_bigcache_page_scheme_trusted(ngx_http_request_t *r,
    ngx_array_t *addresses)
{
    ngx_addr_t                  addr;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  original = ngx_string("realip_remote_addr");
    static ngx_uint_t key;

    if (key == 0) {
        key = ngx_hash_key(original.data, original.len);
    }

    v = ngx_http_get_variable(r, &original, key);

    /* nginx may be built without realip */

    if (v == NULL || v->not_found || v->len == 0
        || (v->len == 5 && ngx_strncmp(v->data, "unix:", 5) == 0))
    {
        return ngx_cidr_match(r->connection->sockaddr, addresses) == NGX_OK;
    }

    return ngx_parse_addr(r->pool, &addr, v->data, v->len) == NGX_OK
           && ngx_cidr_match(addr.sockaddr, addresses) == NGX_OK;
}


/* of several values none counts: a client may have sent one of them */

static ngx_str_t *
ngx_http_bigcache_page_scheme_said(ngx_http_request_t *r)
{
    ngx_str_t                   *said;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    said = NULL;

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        if (!ngx_http_bigcache_fields_is(h, "x-forwarded-proto")) {
            continue;
        }

        if (said) {
            return NULL;
        }

        if (h->value.len == 5
            && ngx_strncasecmp(h->value.data, (u_char *) "https", 5) == 0)
        {
            said = &ngx_http_bigcache_page_scheme_https;

        } else if (h->value.len == 4
                   && ngx_strncasecmp(h->value.data, (u_char *) "http", 4) == 0)
        {
            said = &ngx_http_bigcache_page_scheme_http;

        } else {
            return NULL;
        }
    }

    return said;
}


ngx_array_t *
ngx_http_bigcache_page_scheme_addresses(ngx_conf_t *cf, ngx_uint_t from)
{
    ngx_str_t    *value;
    ngx_uint_t    i;
    ngx_array_t  *addresses;

    value = cf->args->elts;

    addresses = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
    if (addresses == NULL) {
        return NULL;
    }

    for (i = from; i < cf->args->nelts; i++) {
        if (ngx_http_bigcache_page_scheme_address(cf, &value[i], addresses)
            != NGX_OK)
        {
            return NULL;
        }
    }

    return addresses;
}


static ngx_int_t
ngx_http_bigcache_page_scheme_address(ngx_conf_t *cf, ngx_str_t *value,
    ngx_array_t *addresses)
{
    ngx_str_t   *name;
    ngx_cidr_t  *cidr;

    name = cf->args->elts;

    cidr = ngx_array_push(addresses);
    if (cidr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

#if (NGX_HAVE_UNIX_DOMAIN)

    if (ngx_strcmp(value->data, "unix:") == 0) {
        cidr->family = AF_UNIX;
        return NGX_OK;
    }

#endif

    switch (ngx_ptocidr(value, cidr)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DONE:
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "low address bits of %V are meaningless", value);
        return NGX_OK;

    default:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\" in \"%V\": it must be an "
                           "IP address, a network such as 10.0.0.0/8, or "
                           "\"unix:\"", value, name);
        return NGX_ERROR;
    }
}

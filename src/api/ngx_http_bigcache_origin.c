
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directive bigcache_origin: other sites whose pages may change something.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_browser.h"
#include "ngx_http_bigcache_api.h"


static void ngx_http_bigcache_host(ngx_http_request_t *r,
    bigcache_str_t *host);


char *
ngx_http_bigcache_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_loc_conf_t *blcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    bigcache_str_t            text;
    bigcache_browser_site_t  *site;

    if (blcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        blcf->origins = NULL;
        return NGX_CONF_OK;
    }

    blcf->origins = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                     sizeof(bigcache_browser_site_t));
    if (blcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        text = bigcache_str(value[i].data, value[i].len);

        site = ngx_array_push(blcf->origins);
        if (site == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_strcmp(value[i].data, "off") == 0
            || !bigcache_browser_site(&text, site))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" \"%V\" is neither an origin, "
                               "\"https://name:port\", nor a host",
                               &cmd->name, &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


const char *
ngx_http_bigcache_origin_refused(ngx_http_request_t *r)
{
    ngx_uint_t                     tls;
    ngx_array_t                   *origins;
    bigcache_str_t                 name, value;
    ngx_table_elt_t               *h;
    bigcache_browser_t             browser;
    ngx_http_bigcache_fields_t     fields;
    ngx_http_bigcache_loc_conf_t  *blcf;

    tls = 0;

#if (NGX_HTTP_SSL)
    tls = (r->connection->ssl != NULL);
#endif

    ngx_http_bigcache_host(r, &value);

    bigcache_browser_begin(&browser,
                           (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) != 0,
                           tls, &value);

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        name = bigcache_str(h->lowcase_key, h->key.len);
        value.data = h->value.data;
        value.len = h->value.len;

        bigcache_browser_header(&browser, &name, &value);
    }

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);
    origins = blcf->origins;

    switch (bigcache_browser_check(&browser, origins ? origins->elts : NULL,
                                   origins ? origins->nelts : 0))
    {

    case BIGCACHE_BROWSER_OTHER_SITE:
        return "pages of other sites may not do this, bigcache_origin names "
               "those that may";

    case BIGCACHE_BROWSER_GET:
        return "browsers may do this by POST only";

    default: /* BIGCACHE_BROWSER_PASS */
        return NULL;
    }
}


/*
 * Returns the host that the client asked for, with its port.  In HTTP/2 and
 * HTTP/3 it is in ":authority", for which nginx may not make a Host header.
 */

static void
ngx_http_bigcache_host(ngx_http_request_t *r, bigcache_str_t *host)
{
    if (r->headers_in.host) {
        host->data = r->headers_in.host->value.data;
        host->len = r->headers_in.host->value.len;

    } else if (r->http_version >= NGX_HTTP_VERSION_20 && r->host_start) {
        *host = bigcache_str(r->host_start, r->host_end - r->host_start);

    } else {
        host->data = r->headers_in.server.data;
        host->len = r->headers_in.server.len;
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The second module: page caching.  Its directives, and the functions that
 * nginx calls.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


static ngx_int_t ngx_http_bigcache_pages_init(ngx_conf_t *cf);
static void *ngx_http_bigcache_pages_create_main_conf(ngx_conf_t *cf);


static ngx_conf_bitmask_t  ngx_http_bigcache_pages_ignored[] = {
    { ngx_string("Set-Cookie"), NGX_HTTP_BIGCACHE_PAGE_IGN_COOKIE },
    { ngx_string("Vary"), NGX_HTTP_BIGCACHE_PAGE_IGN_VARY },
    { ngx_string("Cache-Control"), NGX_HTTP_BIGCACHE_PAGE_IGN_CONTROL },
    { ngx_string("Expires"), NGX_HTTP_BIGCACHE_PAGE_IGN_EXPIRES },
    { ngx_string("X-Accel-Expires"), NGX_HTTP_BIGCACHE_PAGE_IGN_ACCEL },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_bigcache_pages_status_header[] = {
    { ngx_string("off"), NGX_HTTP_BIGCACHE_PAGE_STATUS_OFF },
    { ngx_string("on"), NGX_HTTP_BIGCACHE_PAGE_STATUS_ON },
    { ngx_string("key"), NGX_HTTP_BIGCACHE_PAGE_STATUS_KEY },
    { ngx_null_string, 0 }
};


#define NGX_HTTP_BIGCACHE_PAGES_ANYWHERE                                      \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_command_t  ngx_http_bigcache_pages_commands[] = {

    { ngx_string("bigcache_pages"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_bigcache_page_conf_pages,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_page_key"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, key),
      NULL },

    { ngx_string("bigcache_ignore_args"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, ignore_args),
      NULL },

    { ngx_string("bigcache_ignore_cookies"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, ignore_cookies),
      NULL },

    { ngx_string("bigcache_strip_cookies"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_conf_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, strip_cookies),
      NULL },

    { ngx_string("bigcache_ttl"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_conf_ttl,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_stale"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_conf_stale,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_bypass"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, bypass),
      NULL },

    { ngx_string("bigcache_no_store"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, no_store),
      NULL },

    { ngx_string("bigcache_lock"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE12,
      ngx_http_bigcache_page_conf_lock,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_lookup_timeout"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, lookup_timeout),
      NULL },

    { ngx_string("bigcache_ignore_headers"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, ignore_headers),
      &ngx_http_bigcache_pages_ignored },

    { ngx_string("bigcache_invalidate"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, invalidate),
      NULL },

    { ngx_string("bigcache_reload"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, reload),
      NULL },

    { ngx_string("bigcache_store_until_close"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, store_until_close),
      NULL },

    { ngx_string("bigcache_max_page"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, max_page),
      NULL },

    { ngx_string("bigcache_min_uses"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_bigcache_page_conf_min_uses,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, min_uses),
      NULL },

    { ngx_string("bigcache_purge"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_purger,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_scheme_from"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_bigcache_page_scheme_from,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_status_header"),
      NGX_HTTP_BIGCACHE_PAGES_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_page_conf_t, status_header),
      &ngx_http_bigcache_pages_status_header },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bigcache_pages_module_ctx = {
    ngx_http_bigcache_page_variables_add,  /* preconfiguration */
    ngx_http_bigcache_pages_init,          /* postconfiguration */

    ngx_http_bigcache_pages_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_bigcache_page_conf_create,    /* create location configuration */
    ngx_http_bigcache_page_conf_merge      /* merge location configuration */
};


ngx_module_t  ngx_http_bigcache_pages_module = {
    NGX_MODULE_V1,
    &ngx_http_bigcache_pages_module_ctx,   /* module context */
    ngx_http_bigcache_pages_commands,      /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* where no location uses page caching, no request comes here */

static ngx_int_t
ngx_http_bigcache_pages_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt                 *h;
    ngx_http_core_main_conf_t           *cmcf;
    ngx_http_bigcache_page_main_conf_t  *pmcf;

    pmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_bigcache_pages_module);
    if (!pmcf->used) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_bigcache_page_handler;

    ngx_http_bigcache_page_fetch_init();

    return NGX_OK;
}


static void *
ngx_http_bigcache_pages_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_page_main_conf_t));
}

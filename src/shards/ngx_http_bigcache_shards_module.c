
/*
 * Copyright (C) bigcache contributors
 */


/* The third module: shards.  Its directive, and the functions nginx calls. */


#include "ngx_http_bigcache_shards.h"


static ngx_int_t ngx_http_bigcache_shards_init(ngx_conf_t *cf);
static void *ngx_http_bigcache_shards_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_bigcache_shards_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_bigcache_shards_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);


static ngx_command_t  ngx_http_bigcache_shards_commands[] = {

    { ngx_string("bigcache_shards"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_bigcache_shards_conf,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bigcache_shards_module_ctx = {
    ngx_http_bigcache_shards_key_add,      /* preconfiguration */
    ngx_http_bigcache_shards_init,         /* postconfiguration */

    ngx_http_bigcache_shards_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_bigcache_shards_create_loc_conf,   /* create location
                                                   configuration */
    ngx_http_bigcache_shards_merge_loc_conf     /* merge location
                                                   configuration */
};


ngx_module_t  ngx_http_bigcache_shards_module = {
    NGX_MODULE_V1,
    &ngx_http_bigcache_shards_module_ctx,  /* module context */
    ngx_http_bigcache_shards_commands,     /* module directives */
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


/* where no location has shards, no request comes here */

static ngx_int_t
ngx_http_bigcache_shards_init(ngx_conf_t *cf)
{
    ngx_array_t                *places;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    places = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_bigcache_shards_module);
    if (places->nelts == 0) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_bigcache_shards_handler;

    ngx_http_bigcache_shards_fan_init();
    ngx_http_bigcache_shards_away_init();

    return ngx_http_bigcache_shards_conf_init(cf);
}


static void *
ngx_http_bigcache_shards_create_main_conf(ngx_conf_t *cf)
{
    return ngx_array_create(cf->pool, 2,
                            NGX_HTTP_BIGCACHE_SHARDS_PLACE_SIZE);
}


static void *
ngx_http_bigcache_shards_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_shards_loc_conf_t));
}


/* "if" and "limit_except" blocks have the shards of their location */

static char *
ngx_http_bigcache_shards_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_bigcache_shards_loc_conf_t *prev = parent;
    ngx_http_bigcache_shards_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->shards == NULL) {
        conf->shards = prev->shards;
    }

    return NGX_CONF_OK;
}

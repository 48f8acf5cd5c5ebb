
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The module: its directives, and the functions that nginx calls.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


static ngx_int_t ngx_http_bigcache_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_bigcache_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_bigcache_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_bigcache_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_bigcache(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bigcache_base(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_bigcache_commands[] = {

    { ngx_string("bigcache_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bigcache_path,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_cluster"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bigcache_cluster,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_bigcache,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_base"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_bigcache_base,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_key_args"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_loc_conf_t, key_args),
      NULL },

    { ngx_string("bigcache_send_gzip"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bigcache_loc_conf_t, send_gzip),
      NULL },

    { ngx_string("bigcache_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_bigcache_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("bigcache_lease"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_bigcache_lease_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bigcache_module_ctx = {
    ngx_http_bigcache_variables_add,       /* preconfiguration */
    ngx_http_bigcache_postconfiguration,   /* postconfiguration */

    ngx_http_bigcache_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_bigcache_create_loc_conf,     /* create location configuration */
    ngx_http_bigcache_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_bigcache_module = {
    NGX_MODULE_V1,
    &ngx_http_bigcache_module_ctx,         /* module context */
    ngx_http_bigcache_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_bigcache_worker_init_module,         /* init module */
    ngx_http_bigcache_worker_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_bigcache_worker_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_bigcache_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_bigcache_zone_t       **zone;
    ngx_http_bigcache_main_conf_t   *bmcf;

    bmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_bigcache_module);

    ngx_http_bigcache_zone_sizes(cf, &bmcf->zones);

    zone = bmcf->zones.elts;

    for (i = 0; i < bmcf->zones.nelts; i++) {
        if (zone[i]->cluster
            && ngx_http_bigcache_cluster_end(cf, zone[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_bigcache_error_init();
    ngx_http_bigcache_unpack_init();

    return ngx_http_bigcache_text_init(cf);
}


static void *
ngx_http_bigcache_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_bigcache_main_conf_t  *bmcf;

    bmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_main_conf_t));
    if (bmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&bmcf->zones, cf->pool, 2,
                       sizeof(ngx_http_bigcache_zone_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return bmcf;
}


static void *
ngx_http_bigcache_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_loc_conf_t));
    if (blcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     blcf->shm_zone = NULL;
     *     blcf->zone = NULL;
     *     blcf->base = { 0, NULL };
     *     blcf->server = 0;
     *     blcf->json = 0;
     */

    blcf->key_args = NGX_CONF_UNSET;
    blcf->send_gzip = NGX_CONF_UNSET;
    blcf->origins = NGX_CONF_UNSET_PTR;
    blcf->lease = NGX_CONF_UNSET_PTR;
    blcf->lease_time = NGX_CONF_UNSET;

    return blcf;
}


static char *
ngx_http_bigcache_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_bigcache_loc_conf_t *prev = parent;
    ngx_http_bigcache_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_str_value(conf->base, prev->base, "");
    ngx_conf_merge_value(conf->key_args, prev->key_args, 1);
    ngx_conf_merge_value(conf->send_gzip, prev->send_gzip, 1);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->lease, prev->lease, NULL);
    ngx_conf_merge_sec_value(conf->lease_time, prev->lease_time, 30);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" blocks use the store of their location */

    if (clcf->noname && conf->shm_zone == NULL) {
        conf->shm_zone = prev->shm_zone;
    }

    if (clcf->noname && !conf->json) {
        conf->json = prev->json;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL && conf->shm_zone) {
        clcf->handler = ngx_http_bigcache_handler;
    }

    if (conf->shm_zone == NULL) {
        return NGX_CONF_OK;
    }

    conf->zone = conf->shm_zone->data;

    if (conf->zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"bigcache\" zone \"%V\" is unknown",
                           &conf->shm_zone->shm.name);
        return NGX_CONF_ERROR;
    }

    ngx_http_bigcache_buffer_check(cf, clcf);
    ngx_http_bigcache_force_location(conf->zone, clcf, 1);

    if (ngx_http_bigcache_text_add(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_loc_conf_t *blcf = conf;

    ngx_str_t                     *value;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_bigcache_loc_conf_t  *server;

    if (blcf->shm_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs the name of a zone";
    }

    blcf->shm_zone = ngx_shared_memory_add(cf, &value[1], 0,
                                           &ngx_http_bigcache_module);
    if (blcf->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_bigcache_handler;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    server = cscf->ctx->loc_conf[ngx_http_bigcache_module.ctx_index];
    server->server = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_base(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_loc_conf_t *blcf = conf;

    ngx_str_t  *value, base;

    if (blcf->base.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    base = value[1];

    if (base.len && base.data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" \"%V\" must begin with \"/\"",
                           &cmd->name, &base);
        return NGX_CONF_ERROR;
    }

    while (base.len && base.data[base.len - 1] == '/') {
        base.len--;
    }

    blcf->base = base;

    return NGX_CONF_OK;
}


/*
 * Copyright (C) bigcache contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* leaves room for the names of the files below, within PATH_MAX */

#define NGX_HTTP_BIGCACHE_PATH_MAX    1024

#define NGX_HTTP_BIGCACHE_BUFFER_MIN  (64 * 1024)
#define NGX_HTTP_BIGCACHE_BUFFER_MAX  (1024 * 1024 * 1024)


typedef char *(*ngx_http_bigcache_parameter_pt)(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);

typedef struct {
    ngx_str_t                       name;
    ngx_http_bigcache_parameter_pt  handler;
} ngx_http_bigcache_parameter_t;


static ngx_http_bigcache_zone_t *ngx_http_bigcache_create_zone(
    ngx_conf_t *cf);
static char *ngx_http_bigcache_parameter(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_zone(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_thread_pool(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_block_cache(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_write_buffer(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_wait(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_size(ngx_str_t *value, size_t *size);
static char *ngx_http_bigcache_directory(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static ngx_int_t ngx_http_bigcache_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static void ngx_http_bigcache_log(void *data, int level, const char *text);


static ngx_http_bigcache_parameter_t  ngx_http_bigcache_parameters[] = {
    { ngx_string("zone="), ngx_http_bigcache_zone },
    { ngx_string("thread_pool="), ngx_http_bigcache_thread_pool },
    { ngx_string("block_cache="), ngx_http_bigcache_block_cache },
    { ngx_string("write_buffer="), ngx_http_bigcache_write_buffer },
    { ngx_string("wait="), ngx_http_bigcache_wait },
    { ngx_null_string, NULL }
};


char *
ngx_http_bigcache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_main_conf_t *bmcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_bigcache_zone_t   *zone, **zonep;

    zone = ngx_http_bigcache_create_zone(cf);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    zone->path = value[1];

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_bigcache_parameter(cf, zone, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (zone->shm_zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (zone->thread_pool == NULL) {

        /* the one pool that nginx makes if the configuration does not */

        zone->thread_pool = ngx_thread_pool_add(cf, NULL);
        if (zone->thread_pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    zonep = ngx_array_push(&bmcf->zones);
    if (zonep == NULL) {
        return NGX_CONF_ERROR;
    }

    *zonep = zone;

    return ngx_http_bigcache_directory(cf, zone);
}


static ngx_http_bigcache_zone_t *
ngx_http_bigcache_create_zone(ngx_conf_t *cf)
{
    ngx_http_bigcache_zone_t  *zone;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     zone->shm_zone = NULL;
     *     zone->thread_pool = NULL;
     *     zone->store = NULL;
     */

    zone->cycle = cf->cycle;

    zone->conf.wait = 5000;
    zone->conf.index.block_cache = 8 * 1024 * 1024;
    zone->conf.index.write_buffer = 16 * 1024 * 1024;
    zone->conf.log.handler = ngx_http_bigcache_log;

    return zone;
}


static char *
ngx_http_bigcache_parameter(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    char                           *rv;
    ngx_str_t                       s;
    ngx_http_bigcache_parameter_t  *parameter;

    for (parameter = ngx_http_bigcache_parameters;
         parameter->handler;
         parameter++)
    {
        if (value->len < parameter->name.len
            || ngx_strncmp(value->data, parameter->name.data,
                           parameter->name.len)
               != 0)
        {
            continue;
        }

        s.data = value->data + parameter->name.len;
        s.len = value->len - parameter->name.len;

        rv = parameter->handler(cf, zone, &s);

        if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
            return rv;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": %s", value, rv);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_bigcache_zone(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    u_char     *p;
    ssize_t     size;
    ngx_str_t   s;

    if (zone->shm_zone) {
        return "is duplicate";
    }

    p = ngx_strlchr(value->data, value->data + value->len, ':');

    if (p == NULL || p == value->data) {
        return "it is to be zone=name:size";
    }

    zone->name.data = value->data;
    zone->name.len = p - value->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        return "invalid size";
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        return "the zone is too small";
    }

    zone->shm_zone = ngx_shared_memory_add(cf, &zone->name, size,
                                           &ngx_http_bigcache_module);
    if (zone->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", &zone->name);
        return NGX_CONF_ERROR;
    }

    zone->shm_zone->init = ngx_http_bigcache_init_zone;
    zone->shm_zone->data = zone;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_thread_pool(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    if (zone->thread_pool) {
        return "is duplicate";
    }

    if (value->len == 0) {
        return "it needs a name";
    }

    zone->thread_pool = ngx_thread_pool_add(cf, value);

    return zone->thread_pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_bigcache_block_cache(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    return ngx_http_bigcache_size(value, &zone->conf.index.block_cache);
}


static char *
ngx_http_bigcache_write_buffer(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value)
{
    return ngx_http_bigcache_size(value, &zone->conf.index.write_buffer);
}


static char *
ngx_http_bigcache_wait(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR) {
        return "invalid time";
    }

    if (ms > 3600 * 1000) {
        return "it can be an hour at most";
    }

    zone->conf.wait = (unsigned) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_size(ngx_str_t *value, size_t *size)
{
    off_t  n;

    n = ngx_parse_offset(value);

    if (n == NGX_ERROR) {
        return "invalid size";
    }

    if (n < NGX_HTTP_BIGCACHE_BUFFER_MIN) {
        return "it must be 64k at least";
    }

    if (n > NGX_HTTP_BIGCACHE_BUFFER_MAX) {
        return "it can be 1g at most";
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


/* nginx makes the directory and gives it to the user of the workers */

static char *
ngx_http_bigcache_directory(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    ngx_path_t       *path;
    ngx_file_info_t   fi;

    while (zone->path.len > 1 && zone->path.data[zone->path.len - 1] == '/') {
        zone->path.data[--zone->path.len] = '\0';
    }

    if (zone->path.len == 0) {
        return "needs a path that is not empty";
    }

    if (ngx_conf_full_name(cf->cycle, &zone->path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (zone->path.len > NGX_HTTP_BIGCACHE_PATH_MAX) {
        return "has a path longer than 1024 bytes";
    }

    if (ngx_file_info(zone->path.data, &fi) != NGX_FILE_ERROR
        && !ngx_is_dir(&fi))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a directory", &zone->path);
        return NGX_CONF_ERROR;
    }

    zone->conf.path = (const char *) zone->path.data;

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = zone->path;
    path->data = zone;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    /* refuses a path that has another use */

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_bigcache_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_bigcache_zone_t *ozone = data;

    ngx_core_conf_t           *ccf;
    ngx_slab_pool_t           *shpool;
    ngx_http_bigcache_zone_t  *zone;

    zone = shm_zone->data;

    /*
     * for now one process has the store open; not in a setter, since the
     * directive may come later in the file, and not in init_module, where
     * nginx takes an error of a reload for fatal
     */

    ccf = (ngx_core_conf_t *) ngx_get_conf(zone->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->worker_processes > 1) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "bigcache serves from one worker process: "
                      "\"worker_processes\" is %i, it must be 1",
                      ccf->worker_processes);
        return NGX_ERROR;
    }

    if (ozone && ngx_process == NGX_PROCESS_SINGLE) {

        /* nginx starts neither thread pools nor modules anew there */

        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "bigcache cannot be reloaded with "
                      "\"master_process off\", restart nginx instead");
        return NGX_ERROR;
    }

    if (ozone) {
        zone->counters = ozone->counters;

        /* a reload opens what was closed on demand */

        atomic_store(&zone->counters->closed, 0);

        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->counters = shpool->data;
        return NGX_OK;
    }

    zone->counters = ngx_slab_calloc(shpool, sizeof(bigcache_counters_t));
    if (zone->counters == NULL) {
        return NGX_ERROR;
    }

    shpool->data = zone->counters;

    return NGX_OK;
}


/* called by the store, from any thread */

static void
ngx_http_bigcache_log(void *data, int level, const char *text)
{
    ngx_log_error((ngx_uint_t) level, ngx_cycle->log, 0, "bigcache %s", text);
}

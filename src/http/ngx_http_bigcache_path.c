
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directive bigcache_path: one row for each parameter, and checks of the
 * directory before nginx gives it to the user of the workers.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"
#include "bigcache_local.h"


/* leaves room for the file names in the directory, within PATH_MAX */

#define NGX_HTTP_BIGCACHE_PATH_MAX     1024

#define NGX_HTTP_BIGCACHE_KB           1024
#define NGX_HTTP_BIGCACHE_MB           (1024 * 1024)
#define NGX_HTTP_BIGCACHE_GB           (1024 * 1024 * 1024)
/* with fewer segments than that a limit could not be kept */

#define NGX_HTTP_BIGCACHE_SEGMENTS     8


static char *ngx_http_bigcache_path_check(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_path_directory(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_path_trusted(ngx_conf_t *cf, ngx_str_t *path);
static ngx_uint_t ngx_http_bigcache_path_planted(u_char *name,
    ngx_uid_t *uid);


static const ngx_http_bigcache_parameter_t  ngx_http_bigcache_parameters[] = {

    { ngx_string("zone="), NGX_HTTP_BIGCACHE_PARAMETER_ZONE, 0, 0, 0, 0 },

    { ngx_string("thread_pool="), NGX_HTTP_BIGCACHE_PARAMETER_POOL,
      0, 0, 0, 0 },

    { ngx_string("block_cache="), NGX_HTTP_BIGCACHE_PARAMETER_SIZE,
      offsetof(bigcache_local_conf_t, store.index.block_cache),
      64 * NGX_HTTP_BIGCACHE_KB, NGX_HTTP_BIGCACHE_GB,
      8 * NGX_HTTP_BIGCACHE_MB },

    { ngx_string("write_buffer="), NGX_HTTP_BIGCACHE_PARAMETER_SIZE,
      offsetof(bigcache_local_conf_t, store.index.write_buffer),
      64 * NGX_HTTP_BIGCACHE_KB, NGX_HTTP_BIGCACHE_GB,
      16 * NGX_HTTP_BIGCACHE_MB },

    { ngx_string("wait="), NGX_HTTP_BIGCACHE_PARAMETER_TIME,
      offsetof(bigcache_local_conf_t, store.wait),
      0, NGX_HTTP_BIGCACHE_HOUR, 5000 },

    { ngx_string("sync="), NGX_HTTP_BIGCACHE_PARAMETER_TIME,
      offsetof(bigcache_local_conf_t, store.sync),
      1, NGX_HTTP_BIGCACHE_HOUR, 5000 },

    { ngx_string("max_size="), NGX_HTTP_BIGCACHE_PARAMETER_BYTES,
      offsetof(bigcache_local_conf_t, store.max_size),
      NGX_HTTP_BIGCACHE_SEGMENTS * NGX_HTTP_BIGCACHE_MB,
      NGX_MAX_OFF_T_VALUE, 0 },

    { ngx_string("min_free="), NGX_HTTP_BIGCACHE_PARAMETER_BYTES,
      offsetof(bigcache_local_conf_t, store.min_free),
      0, NGX_MAX_OFF_T_VALUE, 0 },

    /* the default depends on max_size */

    { ngx_string("segment_size="), NGX_HTTP_BIGCACHE_PARAMETER_BYTES,
      offsetof(bigcache_local_conf_t, store.segment_size),
      NGX_HTTP_BIGCACHE_MB, (uint64_t) 16 * NGX_HTTP_BIGCACHE_GB, 0 },

    { ngx_string("inline_size="), NGX_HTTP_BIGCACHE_PARAMETER_GONE,
      0, 0, 0, 0 },

    { ngx_string("gzip="), NGX_HTTP_BIGCACHE_PARAMETER_GZIP, 0, 0, 1, 1 },

    { ngx_string("gzip_min="), NGX_HTTP_BIGCACHE_PARAMETER_SIZE,
      offsetof(bigcache_local_conf_t, store.gzip_min),
      0, BIGCACHE_PAGE_LARGE, 1024 },

    { ngx_null_string, NGX_HTTP_BIGCACHE_PARAMETER_ZONE, 0, 0, 0, 0 }
};


char *
ngx_http_bigcache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_main_conf_t *bmcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_bigcache_zone_t   *zone;

    zone = ngx_http_bigcache_zone_create(cf);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->settings = zone->conf;

    ngx_http_bigcache_parameter_init(zone, ngx_http_bigcache_parameters);

    value = cf->args->elts;
    zone->path = value[1];

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_bigcache_parameter(cf, zone,
                                         ngx_http_bigcache_parameters,
                                         &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = ngx_http_bigcache_parameter_end(cf, cmd, bmcf, zone);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_bigcache_path_check(cf, zone);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_bigcache_path_directory(cf, zone);
}


/* checks parameters that depend on each other */

static char *
ngx_http_bigcache_path_check(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    uint64_t                size;
    bigcache_local_conf_t  *conf;

    conf = zone->conf;

    zone->max_size = conf->store.max_size;
    zone->bounded = (zone->max_size || conf->store.min_free);

    if (!zone->gzip) {
        conf->store.gzip_min = SIZE_MAX;
    }

    size = conf->store.max_size / NGX_HTTP_BIGCACHE_SEGMENTS;

    if (conf->store.segment_size == 0) {

        conf->store.segment_size = 256 * 1024 * 1024;

        if (conf->store.max_size && size < conf->store.segment_size) {
            conf->store.segment_size = size & ~(uint64_t) 4095;
        }

        return NGX_CONF_OK;
    }

    if (conf->store.max_size && size < conf->store.segment_size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"max_size\" must be %d times \"segment_size\" "
                           "at least", NGX_HTTP_BIGCACHE_SEGMENTS);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* nginx makes the directory and gives it to the user of the workers */

static char *
ngx_http_bigcache_path_directory(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
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

    if (geteuid() == 0
        && ngx_http_bigcache_path_trusted(cf, &zone->path) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    zone->conf->store.path = (const char *) zone->path.data;

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = zone->path;
    path->data = zone;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    /* also refuses a path that nginx uses for something else */

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * The master, as root, will give the directory to the user of the workers.  It
 * must not follow a link that another user has put there, and must not take a
 * directory that belongs to another user.
 */

static char *
ngx_http_bigcache_path_trusted(ngx_conf_t *cf, ngx_str_t *path)
{
    u_char           *p;
    ngx_uid_t         uid;
    struct stat       st;
    ngx_uint_t        planted;
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    for (p = path->data + 1; p <= path->data + path->len; p++) {

        if (*p != '/' && *p != '\0') {
            continue;
        }

        *p = '\0';
        planted = ngx_http_bigcache_path_planted(path->data, &uid);

        if (planted) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" is a symbolic link of the user %d, "
                               "root follows only those of root", path->data,
                               (int) uid);
            return NGX_CONF_ERROR;
        }

        if (p < path->data + path->len) {
            *p = '/';
        }
    }

    if (stat((const char *) path->data, &st) == -1 || st.st_uid == 0) {
        return NGX_CONF_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    uid = ccf->user;

    if (uid == (ngx_uid_t) NGX_CONF_UNSET_UINT) {

        /* no "user" directive yet */

        pwd = getpwnam(NGX_USER);
        uid = pwd ? pwd->pw_uid : 0;
    }

    if (st.st_uid == uid) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" belongs to the user %d, it must be that of the "
                       "\"user\" directive, which stands above, or root",
                       path, (int) st.st_uid);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_bigcache_path_planted(u_char *name, ngx_uid_t *uid)
{
    struct stat  st;

    if (lstat((const char *) name, &st) == -1 || !S_ISLNK(st.st_mode)) {
        return 0;
    }

    *uid = st.st_uid;

    return st.st_uid != 0;
}

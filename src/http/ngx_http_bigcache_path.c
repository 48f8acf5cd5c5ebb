
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
#define NGX_HTTP_BIGCACHE_HOUR         (3600 * 1000)

/* with fewer segments than that a limit could not be kept */

#define NGX_HTTP_BIGCACHE_SEGMENTS     8


typedef enum {
    NGX_HTTP_BIGCACHE_PATH_ZONE = 0,
    NGX_HTTP_BIGCACHE_PATH_POOL,
    NGX_HTTP_BIGCACHE_PATH_GZIP,
    NGX_HTTP_BIGCACHE_PATH_TIME,        /* unsigned, milliseconds */
    NGX_HTTP_BIGCACHE_PATH_SIZE,        /* size_t */
    NGX_HTTP_BIGCACHE_PATH_BYTES,       /* uint64_t */
    NGX_HTTP_BIGCACHE_PATH_GONE         /* of an earlier release */
} ngx_http_bigcache_path_kind_e;

/* a time that has a min may also be "off", which is 0 */

typedef struct {
    ngx_str_t                      name;
    ngx_http_bigcache_path_kind_e  kind;
    size_t                         offset;      /* in conf */
    uint64_t                       min;
    uint64_t                       max;
    uint64_t                       init;        /* if it is not given */
} ngx_http_bigcache_parameter_t;


static void ngx_http_bigcache_path_init(ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_path_parameter(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_path_value(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value);
static void ngx_http_bigcache_path_set(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, uint64_t n);
static char *ngx_http_bigcache_path_zone(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static ssize_t ngx_http_bigcache_path_zone_size(ngx_str_t *value);
static char *ngx_http_bigcache_path_flag(ngx_str_t *value, uint64_t *n);
static char *ngx_http_bigcache_path_time(
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value,
    uint64_t *n);
static char *ngx_http_bigcache_path_size(
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value,
    uint64_t *n);
static ngx_http_bigcache_pool_t *ngx_http_bigcache_path_share_pool(
    ngx_conf_t *cf, ngx_array_t *zones, ngx_thread_pool_t *thread_pool);
static char *ngx_http_bigcache_path_check(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_path_directory(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_path_trusted(ngx_conf_t *cf, ngx_str_t *path);
static ngx_uint_t ngx_http_bigcache_path_planted(u_char *name,
    ngx_uid_t *uid);


static const ngx_http_bigcache_parameter_t  ngx_http_bigcache_parameters[] = {

    { ngx_string("zone="), NGX_HTTP_BIGCACHE_PATH_ZONE, 0, 0, 0, 0 },

    { ngx_string("thread_pool="), NGX_HTTP_BIGCACHE_PATH_POOL, 0, 0, 0, 0 },

    { ngx_string("block_cache="), NGX_HTTP_BIGCACHE_PATH_SIZE,
      offsetof(bigcache_local_conf_t, store.index.block_cache),
      64 * NGX_HTTP_BIGCACHE_KB, NGX_HTTP_BIGCACHE_GB,
      8 * NGX_HTTP_BIGCACHE_MB },

    { ngx_string("write_buffer="), NGX_HTTP_BIGCACHE_PATH_SIZE,
      offsetof(bigcache_local_conf_t, store.index.write_buffer),
      64 * NGX_HTTP_BIGCACHE_KB, NGX_HTTP_BIGCACHE_GB,
      16 * NGX_HTTP_BIGCACHE_MB },

    { ngx_string("wait="), NGX_HTTP_BIGCACHE_PATH_TIME,
      offsetof(bigcache_local_conf_t, store.wait),
      0, NGX_HTTP_BIGCACHE_HOUR, 5000 },

    { ngx_string("sync="), NGX_HTTP_BIGCACHE_PATH_TIME,
      offsetof(bigcache_local_conf_t, store.sync),
      1, NGX_HTTP_BIGCACHE_HOUR, 5000 },

    { ngx_string("max_size="), NGX_HTTP_BIGCACHE_PATH_BYTES,
      offsetof(bigcache_local_conf_t, store.max_size),
      NGX_HTTP_BIGCACHE_SEGMENTS * NGX_HTTP_BIGCACHE_MB,
      NGX_MAX_OFF_T_VALUE, 0 },

    { ngx_string("min_free="), NGX_HTTP_BIGCACHE_PATH_BYTES,
      offsetof(bigcache_local_conf_t, store.min_free),
      0, NGX_MAX_OFF_T_VALUE, 0 },

    /* the default depends on max_size */

    { ngx_string("segment_size="), NGX_HTTP_BIGCACHE_PATH_BYTES,
      offsetof(bigcache_local_conf_t, store.segment_size),
      NGX_HTTP_BIGCACHE_MB, (uint64_t) 16 * NGX_HTTP_BIGCACHE_GB, 0 },

    { ngx_string("inline_size="), NGX_HTTP_BIGCACHE_PATH_GONE, 0, 0, 0, 0 },

    { ngx_string("gzip="), NGX_HTTP_BIGCACHE_PATH_GZIP, 0, 0, 1, 1 },

    { ngx_string("gzip_min="), NGX_HTTP_BIGCACHE_PATH_SIZE,
      offsetof(bigcache_local_conf_t, store.gzip_min),
      0, BIGCACHE_PAGE_LARGE, 1024 },

    { ngx_null_string, NGX_HTTP_BIGCACHE_PATH_ZONE, 0, 0, 0, 0 }
};


char *
ngx_http_bigcache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_main_conf_t *bmcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_bigcache_zone_t   *zone, **zonep;

    zone = ngx_http_bigcache_zone_create(cf);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_http_bigcache_path_init(zone);

    value = cf->args->elts;
    zone->path = value[1];

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_bigcache_path_parameter(cf, zone, &value[i]);

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

        /* the default pool, which nginx makes if the configuration does not */

        ngx_str_set(&zone->pool_name, "default");

        zone->thread_pool = ngx_thread_pool_add(cf, NULL);
        if (zone->thread_pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rv = ngx_http_bigcache_path_check(cf, zone);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    zone->pool = ngx_http_bigcache_path_share_pool(cf, &bmcf->zones,
                                                   zone->thread_pool);
    if (zone->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    zonep = ngx_array_push(&bmcf->zones);
    if (zonep == NULL) {
        return NGX_CONF_ERROR;
    }

    *zonep = zone;

    return ngx_http_bigcache_path_directory(cf, zone);
}


/* sets all parameters to their defaults */

static void
ngx_http_bigcache_path_init(ngx_http_bigcache_zone_t *zone)
{
    const ngx_http_bigcache_parameter_t  *parameter;

    for (parameter = ngx_http_bigcache_parameters;
         parameter->name.len;
         parameter++)
    {
        ngx_http_bigcache_path_set(zone, parameter, parameter->init);
    }
}


static char *
ngx_http_bigcache_path_parameter(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    char                                 *rv;
    ngx_str_t                             s;
    ngx_uint_t                            bit;
    const ngx_http_bigcache_parameter_t  *parameter;

    for (parameter = ngx_http_bigcache_parameters;
         parameter->name.len;
         parameter++)
    {
        if (value->len < parameter->name.len
            || ngx_strncmp(value->data, parameter->name.data,
                           parameter->name.len)
               != 0)
        {
            continue;
        }

        bit = (ngx_uint_t) 1 << (parameter - ngx_http_bigcache_parameters);

        if (zone->given & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": is duplicate",
                               value);
            return NGX_CONF_ERROR;
        }

        zone->given |= bit;

        s.data = value->data + parameter->name.len;
        s.len = value->len - parameter->name.len;

        rv = ngx_http_bigcache_path_value(cf, zone, parameter, &s);

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


/* returns what is wrong with the value, NGX_CONF_ERROR if that is logged */

static char *
ngx_http_bigcache_path_value(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value)
{
    char      *rv;
    uint64_t   n;

    n = 0;

    switch (parameter->kind) {

    case NGX_HTTP_BIGCACHE_PATH_ZONE:
        return ngx_http_bigcache_path_zone(cf, zone, value);

    case NGX_HTTP_BIGCACHE_PATH_POOL:
        if (value->len == 0) {
            return "it needs a name";
        }

        zone->thread_pool = ngx_thread_pool_add(cf, value);
        zone->pool_name = *value;

        return zone->thread_pool ? NGX_CONF_OK : NGX_CONF_ERROR;

    case NGX_HTTP_BIGCACHE_PATH_GZIP:
        rv = ngx_http_bigcache_path_flag(value, &n);
        break;

    case NGX_HTTP_BIGCACHE_PATH_TIME:
        rv = ngx_http_bigcache_path_time(parameter, value, &n);
        break;

    case NGX_HTTP_BIGCACHE_PATH_GONE:
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the parameter \"%V\" has no effect any more: "
                           "remove it", &parameter->name);
        return NGX_CONF_OK;

    default: /* NGX_HTTP_BIGCACHE_PATH_SIZE, NGX_HTTP_BIGCACHE_PATH_BYTES */
        rv = ngx_http_bigcache_path_size(parameter, value, &n);
    }

    if (rv == NGX_CONF_OK) {
        ngx_http_bigcache_path_set(zone, parameter, n);
    }

    return rv;
}


static void
ngx_http_bigcache_path_set(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, uint64_t n)
{
    void  *field;

    field = (u_char *) zone->conf + parameter->offset;

    switch (parameter->kind) {

    case NGX_HTTP_BIGCACHE_PATH_GZIP:
        zone->gzip = (ngx_flag_t) n;
        break;

    case NGX_HTTP_BIGCACHE_PATH_TIME:
        *(unsigned *) field = (unsigned) n;
        break;

    case NGX_HTTP_BIGCACHE_PATH_SIZE:
        *(size_t *) field = (size_t) n;
        break;

    case NGX_HTTP_BIGCACHE_PATH_BYTES:
        *(uint64_t *) field = n;
        break;

    default:
        break;
    }
}


static char *
ngx_http_bigcache_path_zone(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    u_char     *p;
    ssize_t     size;
    ngx_str_t   s;

    p = ngx_strlchr(value->data, value->data + value->len, ':');

    zone->name.data = value->data;
    zone->name.len = p ? (size_t) (p - value->data) : value->len;

    if (zone->name.len == 0) {
        return "it must be zone=name or zone=name:size";
    }

    if (p) {
        s.data = p + 1;
        s.len = value->data + value->len - s.data;

        size = ngx_http_bigcache_path_zone_size(&s);

        if (size == NGX_ERROR) {
            return "invalid size";
        }

        if (size < (ssize_t) (8 * ngx_pagesize)) {
            return "the zone is too small";
        }

    } else {

        /* chosen when all of the configuration is read */

        size = 0;
        zone->sized = 1;
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

    zone->shm_zone->init = ngx_http_bigcache_zone_init;
    zone->shm_zone->data = zone;

    return NGX_CONF_OK;
}


/* nginx's own sizes of zones have no "g" */

static ssize_t
ngx_http_bigcache_path_zone_size(ngx_str_t *value)
{
    off_t  size;

    size = ngx_parse_offset(value);

    return (size > (off_t) NGX_MAX_SIZE_T_VALUE) ? NGX_ERROR : (ssize_t) size;
}


static char *
ngx_http_bigcache_path_flag(ngx_str_t *value, uint64_t *n)
{
    *n = (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0);

    return (*n || (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0))
           ? NGX_CONF_OK : "it must be \"on\" or \"off\"";
}


static char *
ngx_http_bigcache_path_time(const ngx_http_bigcache_parameter_t *parameter,
    ngx_str_t *value, uint64_t *n)
{
    ngx_int_t  ms;

    if (parameter->min && value->len == 3
        && ngx_strncmp(value->data, "off", 3) == 0)
    {
        return NGX_CONF_OK;
    }

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR) {
        return parameter->min ? "it must be a time or \"off\""
                              : "invalid time";
    }

    if ((uint64_t) ms < parameter->min) {
        return "it must be at least 1ms, or \"off\"";
    }

    if ((uint64_t) ms > parameter->max) {
        return "it must be an hour at most";
    }

    *n = (uint64_t) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_path_size(const ngx_http_bigcache_parameter_t *parameter,
    ngx_str_t *value, uint64_t *n)
{
    off_t  size;

    size = ngx_parse_offset(value);

    if (size == NGX_ERROR) {
        return "invalid size";
    }

    if ((uint64_t) size < parameter->min) {
        return "it is too small";
    }

    if ((uint64_t) size > parameter->max) {
        return "it is too large";
    }

    *n = (uint64_t) size;

    return NGX_CONF_OK;
}


/* stores that share a thread pool also share its turns */

static ngx_http_bigcache_pool_t *
ngx_http_bigcache_path_share_pool(ngx_conf_t *cf, ngx_array_t *zones,
    ngx_thread_pool_t *thread_pool)
{
    ngx_uint_t                  i;
    ngx_http_bigcache_zone_t  **zone;

    zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        if (zone[i]->thread_pool == thread_pool) {
            return zone[i]->pool;
        }
    }

    return ngx_http_bigcache_turn_create_pool(cf->pool, thread_pool);
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

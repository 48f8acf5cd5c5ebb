
/*
 * Copyright (C) bigcache contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* leaves room for the names of the files below, within PATH_MAX */

#define NGX_HTTP_BIGCACHE_PATH_MAX     1024

#define NGX_HTTP_BIGCACHE_BUFFER_MIN   (64 * 1024)
#define NGX_HTTP_BIGCACHE_BUFFER_MAX   (1024 * 1024 * 1024)

#define NGX_HTTP_BIGCACHE_SEGMENT_MIN  (1024 * 1024)
#define NGX_HTTP_BIGCACHE_SEGMENT_MAX  ((uint64_t) 16 * 1024 * 1024 * 1024)

/* a limit of fewer segments could not be kept to */

#define NGX_HTTP_BIGCACHE_SEGMENTS     8


typedef char *(*ngx_http_bigcache_parameter_pt)(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);

typedef struct {
    ngx_str_t                       name;
    ngx_http_bigcache_parameter_pt  handler;
} ngx_http_bigcache_parameter_t;


static char *ngx_http_bigcache_parameter(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_zone(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static ngx_http_bigcache_pool_t *ngx_http_bigcache_share_pool(ngx_conf_t *cf,
    ngx_array_t *zones, ngx_thread_pool_t *thread_pool);
static char *ngx_http_bigcache_thread_pool(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_block_cache(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_write_buffer(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_wait(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_sync(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_max_size(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_min_free(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_segment_size(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_inline_size(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_gzip(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_gzip_min(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static char *ngx_http_bigcache_size(ngx_str_t *value, uint64_t min,
    uint64_t max, uint64_t *size);
static char *ngx_http_bigcache_buffer(ngx_str_t *value, size_t *size);
static char *ngx_http_bigcache_defaults(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_directory(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);
static char *ngx_http_bigcache_trusted(ngx_conf_t *cf, ngx_str_t *path);
static ngx_uint_t ngx_http_bigcache_planted(u_char *name, ngx_uid_t *uid);


static ngx_http_bigcache_parameter_t  ngx_http_bigcache_parameters[] = {
    { ngx_string("zone="), ngx_http_bigcache_zone },
    { ngx_string("thread_pool="), ngx_http_bigcache_thread_pool },
    { ngx_string("block_cache="), ngx_http_bigcache_block_cache },
    { ngx_string("write_buffer="), ngx_http_bigcache_write_buffer },
    { ngx_string("wait="), ngx_http_bigcache_wait },
    { ngx_string("sync="), ngx_http_bigcache_sync },
    { ngx_string("max_size="), ngx_http_bigcache_max_size },
    { ngx_string("min_free="), ngx_http_bigcache_min_free },
    { ngx_string("segment_size="), ngx_http_bigcache_segment_size },
    { ngx_string("inline_size="), ngx_http_bigcache_inline_size },
    { ngx_string("gzip="), ngx_http_bigcache_gzip },
    { ngx_string("gzip_min="), ngx_http_bigcache_gzip_min },
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

    zone = ngx_http_bigcache_zone_create(cf);
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

    rv = ngx_http_bigcache_defaults(cf, zone);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    zone->pool = ngx_http_bigcache_share_pool(cf, &bmcf->zones,
                                              zone->thread_pool);
    if (zone->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    zonep = ngx_array_push(&bmcf->zones);
    if (zonep == NULL) {
        return NGX_CONF_ERROR;
    }

    *zonep = zone;

    return ngx_http_bigcache_directory(cf, zone);
}


/* stores that have the threads in common take turns with all of them */

static ngx_http_bigcache_pool_t *
ngx_http_bigcache_share_pool(ngx_conf_t *cf, ngx_array_t *zones,
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

    return ngx_http_bigcache_turn_create_pool(cf->pool);
}


/* what was not said, and what was said does not go together */

static char *
ngx_http_bigcache_defaults(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    uint64_t                size;
    bigcache_store_conf_t  *conf;

    conf = &zone->conf;

    ngx_conf_init_size_value(conf->inline_size, 0);
    ngx_conf_init_size_value(conf->gzip_min, 1024);

    if (zone->gzip == 0) {
        conf->gzip_min = SIZE_MAX;
    }

    size = conf->max_size / NGX_HTTP_BIGCACHE_SEGMENTS;

    if (conf->segment_size == 0) {

        conf->segment_size = 256 * 1024 * 1024;

        if (conf->max_size && size < conf->segment_size) {
            conf->segment_size = size & ~(uint64_t) 4095;
        }

        return NGX_CONF_OK;
    }

    if (conf->max_size && size < conf->segment_size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"max_size\" must be %d times \"segment_size\" "
                           "at least", NGX_HTTP_BIGCACHE_SEGMENTS);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_parameter(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    char                           *rv;
    ngx_str_t                       s;
    ngx_uint_t                      bit;
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

    zone->shm_zone->init = ngx_http_bigcache_zone_init;
    zone->shm_zone->data = zone;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_thread_pool(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
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
    return ngx_http_bigcache_buffer(value, &zone->conf.index.block_cache);
}


static char *
ngx_http_bigcache_write_buffer(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value)
{
    return ngx_http_bigcache_buffer(value, &zone->conf.index.write_buffer);
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
ngx_http_bigcache_sync(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    ngx_int_t  ms;

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        zone->conf.sync = 0;
        return NGX_CONF_OK;
    }

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR) {
        return "it must be a time or \"off\"";
    }

    if (ms == 0) {
        return "it must be 1ms at least, or \"off\"";
    }

    if (ms > 3600 * 1000) {
        return "it can be an hour at most";
    }

    zone->conf.sync = (unsigned) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_max_size(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    return ngx_http_bigcache_size(value, NGX_HTTP_BIGCACHE_SEGMENTS
                                         * NGX_HTTP_BIGCACHE_SEGMENT_MIN,
                                  NGX_MAX_OFF_T_VALUE, &zone->conf.max_size);
}


static char *
ngx_http_bigcache_min_free(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    return ngx_http_bigcache_size(value, 0, NGX_MAX_OFF_T_VALUE,
                                  &zone->conf.min_free);
}


static char *
ngx_http_bigcache_segment_size(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value)
{
    return ngx_http_bigcache_size(value, NGX_HTTP_BIGCACHE_SEGMENT_MIN,
                                  NGX_HTTP_BIGCACHE_SEGMENT_MAX,
                                  &zone->conf.segment_size);
}


static char *
ngx_http_bigcache_inline_size(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    char      *rv;
    uint64_t   size;

    /* what LevelDB rewrites at every level should be small */

    rv = ngx_http_bigcache_size(value, 0, BIGCACHE_INLINE_MAX, &size);

    if (rv == NGX_CONF_OK) {
        zone->conf.inline_size = (size_t) size;
    }

    return rv;
}


static char *
ngx_http_bigcache_gzip(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        zone->gzip = 1;

    } else if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        zone->gzip = 0;

    } else {
        return "it must be \"on\" or \"off\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_gzip_min(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    ngx_str_t *value)
{
    char      *rv;
    uint64_t   size;

    rv = ngx_http_bigcache_size(value, 0, BIGCACHE_STORE_LARGE, &size);

    if (rv == NGX_CONF_OK) {
        zone->conf.gzip_min = (size_t) size;
    }

    return rv;
}


static char *
ngx_http_bigcache_buffer(ngx_str_t *value, size_t *size)
{
    char      *rv;
    uint64_t   n;

    rv = ngx_http_bigcache_size(value, NGX_HTTP_BIGCACHE_BUFFER_MIN,
                                NGX_HTTP_BIGCACHE_BUFFER_MAX, &n);

    if (rv == NGX_CONF_OK) {
        *size = (size_t) n;
    }

    return rv;
}


static char *
ngx_http_bigcache_size(ngx_str_t *value, uint64_t min, uint64_t max,
    uint64_t *size)
{
    off_t  n;

    n = ngx_parse_offset(value);

    if (n == NGX_ERROR) {
        return "invalid size";
    }

    if ((uint64_t) n < min) {
        return "it is too small";
    }

    if ((uint64_t) n > max) {
        return "it is too large";
    }

    *size = (uint64_t) n;

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

    if (geteuid() == 0
        && ngx_http_bigcache_trusted(cf, &zone->path) != NGX_CONF_OK)
    {
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


/*
 * The master, as root, is about to give the directory to the user of the
 * workers: not where another user has put a link, or a directory of his own.
 */

static char *
ngx_http_bigcache_trusted(ngx_conf_t *cf, ngx_str_t *path)
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
        planted = ngx_http_bigcache_planted(path->data, &uid);

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

        /* there is no "user" directive so far */

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
ngx_http_bigcache_planted(u_char *name, ngx_uid_t *uid)
{
    struct stat  st;

    if (lstat((const char *) name, &st) == -1 || !S_ISLNK(st.st_mode)) {
        return 0;
    }

    *uid = st.st_uid;

    return st.st_uid != 0;
}

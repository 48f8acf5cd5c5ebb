
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The parameters of a directive that makes a store: a table has a row for each,
 * and the values go into the configuration of its engine.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


static char *ngx_http_bigcache_parameter_value(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value);
static void ngx_http_bigcache_parameter_set(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, uint64_t n);
static char *ngx_http_bigcache_parameter_zone(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_str_t *value);
static ssize_t ngx_http_bigcache_parameter_zone_size(ngx_str_t *value);
static char *ngx_http_bigcache_parameter_flag(ngx_str_t *value, uint64_t *n);
static char *ngx_http_bigcache_parameter_time(
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value,
    uint64_t *n);
static char *ngx_http_bigcache_parameter_size(
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value,
    uint64_t *n);
static ngx_http_bigcache_pool_t *ngx_http_bigcache_parameter_share_pool(
    ngx_conf_t *cf, ngx_array_t *zones, ngx_thread_pool_t *thread_pool);


void
ngx_http_bigcache_parameter_init(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameters)
{
    const ngx_http_bigcache_parameter_t  *parameter;

    for (parameter = parameters;
         parameter->name.len;
         parameter++)
    {
        ngx_http_bigcache_parameter_set(zone, parameter, parameter->init);
    }
}


char *
ngx_http_bigcache_parameter(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameters, ngx_str_t *value)
{
    char                                 *rv;
    ngx_str_t                             s;
    ngx_uint_t                            bit;
    const ngx_http_bigcache_parameter_t  *parameter;

    for (parameter = parameters;
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

        bit = (ngx_uint_t) 1 << (parameter - parameters);

        if (zone->given & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": is duplicate",
                               value);
            return NGX_CONF_ERROR;
        }

        zone->given |= bit;

        s.data = value->data + parameter->name.len;
        s.len = value->len - parameter->name.len;

        rv = ngx_http_bigcache_parameter_value(cf, zone, parameter, &s);

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


char *
ngx_http_bigcache_parameter_end(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_bigcache_main_conf_t *bmcf, ngx_http_bigcache_zone_t *zone)
{
    ngx_http_bigcache_zone_t  **zonep;

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

    zone->pool = ngx_http_bigcache_parameter_share_pool(cf, &bmcf->zones,
                                                        zone->thread_pool);
    if (zone->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    zonep = ngx_array_push(&bmcf->zones);
    if (zonep == NULL) {
        return NGX_CONF_ERROR;
    }

    *zonep = zone;

    return NGX_CONF_OK;
}


/* returns what is wrong with the value, NGX_CONF_ERROR if that is logged */

static char *
ngx_http_bigcache_parameter_value(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, ngx_str_t *value)
{
    char      *rv;
    uint64_t   n;

    n = 0;

    switch (parameter->kind) {

    case NGX_HTTP_BIGCACHE_PARAMETER_ZONE:
        return ngx_http_bigcache_parameter_zone(cf, zone, value);

    case NGX_HTTP_BIGCACHE_PARAMETER_POOL:
        if (value->len == 0) {
            return "it needs a name";
        }

        zone->thread_pool = ngx_thread_pool_add(cf, value);
        zone->pool_name = *value;

        return zone->thread_pool ? NGX_CONF_OK : NGX_CONF_ERROR;

    case NGX_HTTP_BIGCACHE_PARAMETER_GZIP:
        rv = ngx_http_bigcache_parameter_flag(value, &n);
        break;

    case NGX_HTTP_BIGCACHE_PARAMETER_TIME:
        rv = ngx_http_bigcache_parameter_time(parameter, value, &n);
        break;

    case NGX_HTTP_BIGCACHE_PARAMETER_TEXT:
        *(ngx_str_t *) ((u_char *) zone->settings + parameter->offset) = *value;
        return value->len ? NGX_CONF_OK : "it is empty";

    case NGX_HTTP_BIGCACHE_PARAMETER_GONE:
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the parameter \"%V\" has no effect any more: "
                           "remove it", &parameter->name);
        return NGX_CONF_OK;

    default: /* SIZE, BYTES, NUMBER */
        rv = ngx_http_bigcache_parameter_size(parameter, value, &n);
    }

    if (rv == NGX_CONF_OK) {
        ngx_http_bigcache_parameter_set(zone, parameter, n);
    }

    return rv;
}


static void
ngx_http_bigcache_parameter_set(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameter, uint64_t n)
{
    void  *field;

    field = (u_char *) zone->settings + parameter->offset;

    switch (parameter->kind) {

    case NGX_HTTP_BIGCACHE_PARAMETER_GZIP:
        zone->gzip = (ngx_flag_t) n;
        break;

    case NGX_HTTP_BIGCACHE_PARAMETER_TIME:
    case NGX_HTTP_BIGCACHE_PARAMETER_NUMBER:
        *(unsigned *) field = (unsigned) n;
        break;

    case NGX_HTTP_BIGCACHE_PARAMETER_SIZE:
        *(size_t *) field = (size_t) n;
        break;

    case NGX_HTTP_BIGCACHE_PARAMETER_BYTES:
        *(uint64_t *) field = n;
        break;

    default:
        break;
    }
}


static char *
ngx_http_bigcache_parameter_zone(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone,
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

        size = ngx_http_bigcache_parameter_zone_size(&s);

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
ngx_http_bigcache_parameter_zone_size(ngx_str_t *value)
{
    off_t  size;

    size = ngx_parse_offset(value);

    return (size > (off_t) NGX_MAX_SIZE_T_VALUE) ? NGX_ERROR : (ssize_t) size;
}


static char *
ngx_http_bigcache_parameter_flag(ngx_str_t *value, uint64_t *n)
{
    *n = (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0);

    return (*n || (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0))
           ? NGX_CONF_OK : "it must be \"on\" or \"off\"";
}


static char *
ngx_http_bigcache_parameter_time(const ngx_http_bigcache_parameter_t *parameter,
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
        return (parameter->max == NGX_HTTP_BIGCACHE_HOUR)
               ? "it must be an hour at most" : "it must be 20 seconds at most";
    }

    *n = (uint64_t) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_parameter_size(const ngx_http_bigcache_parameter_t *parameter,
    ngx_str_t *value, uint64_t *n)
{
    off_t       size;
    ngx_uint_t  number;

    number = (parameter->kind == NGX_HTTP_BIGCACHE_PARAMETER_NUMBER);
    size = number ? ngx_atoi(value->data, value->len) : ngx_parse_offset(value);

    if (size == NGX_ERROR) {
        return number ? "invalid number" : "invalid size";
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
ngx_http_bigcache_parameter_share_pool(ngx_conf_t *cf, ngx_array_t *zones,
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

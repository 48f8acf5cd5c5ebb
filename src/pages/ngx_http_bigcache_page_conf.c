
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directives of page caching, and how locations inherit them.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


/* when a stale page is used if bigcache_stale does not say it, RFC 5861 */

#define NGX_HTTP_BIGCACHE_PAGE_CONF_STALE                                     \
    (NGX_HTTP_BIGCACHE_PAGE_ERROR|NGX_HTTP_BIGCACHE_PAGE_TIMEOUT              \
     |NGX_HTTP_BIGCACHE_PAGE_500|NGX_HTTP_BIGCACHE_PAGE_502                   \
     |NGX_HTTP_BIGCACHE_PAGE_503|NGX_HTTP_BIGCACHE_PAGE_504)


static ngx_int_t ngx_http_bigcache_page_conf_status(ngx_conf_t *cf,
    ngx_str_t *value);
static void *ngx_http_bigcache_page_conf_push(ngx_conf_t *cf,
    ngx_array_t **array, size_t size);
static char *ngx_http_bigcache_page_conf_zone(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *conf);
static ngx_int_t ngx_http_bigcache_page_conf_window(ngx_conf_t *cf,
    ngx_str_t *value, const char *name, time_t *window);
static ngx_int_t ngx_http_bigcache_page_conf_failure(ngx_conf_t *cf,
    ngx_str_t *value, ngx_uint_t *bits);


static const struct {
    const char  *name;
    ngx_uint_t   bit;
} ngx_http_bigcache_page_failures[] = {
    { "error", NGX_HTTP_BIGCACHE_PAGE_ERROR },
    { "timeout", NGX_HTTP_BIGCACHE_PAGE_TIMEOUT },
    { "http_500", NGX_HTTP_BIGCACHE_PAGE_500 },
    { "http_502", NGX_HTTP_BIGCACHE_PAGE_502 },
    { "http_503", NGX_HTTP_BIGCACHE_PAGE_503 },
    { "http_504", NGX_HTTP_BIGCACHE_PAGE_504 },
    { "http_403", NGX_HTTP_BIGCACHE_PAGE_403 },
    { "http_404", NGX_HTTP_BIGCACHE_PAGE_404 },
    { "http_429", NGX_HTTP_BIGCACHE_PAGE_429 },
    { NULL, 0 }
};


void *
ngx_http_bigcache_page_conf_create(ngx_conf_t *cf)
{
    ngx_http_bigcache_page_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_page_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->zone = NULL;
     *     conf->key = NULL;
     *     conf->stale = 0;
     *     conf->ignore_headers = 0;
     */

    conf->shm_zone = NGX_CONF_UNSET_PTR;
    conf->ignore_args = NGX_CONF_UNSET_PTR;
    conf->ignore_cookies = NGX_CONF_UNSET_PTR;
    conf->strip_cookies = NGX_CONF_UNSET_PTR;
    conf->ttl = NGX_CONF_UNSET_PTR;
    conf->stale_while_revalidate = NGX_CONF_UNSET;
    conf->stale_if_error = NGX_CONF_UNSET;
    conf->bypass = NGX_CONF_UNSET_PTR;
    conf->no_store = NGX_CONF_UNSET_PTR;
    conf->lock = NGX_CONF_UNSET;
    conf->lock_timeout = NGX_CONF_UNSET_MSEC;
    conf->lookup_timeout = NGX_CONF_UNSET_MSEC;
    conf->invalidate = NGX_CONF_UNSET;
    conf->reload = NGX_CONF_UNSET;
    conf->store_until_close = NGX_CONF_UNSET;
    conf->max_page = NGX_CONF_UNSET;
    conf->min_uses = NGX_CONF_UNSET_UINT;
    conf->status_header = NGX_CONF_UNSET_UINT;
    conf->purgers = NGX_CONF_UNSET_PTR;
    conf->schemes = NGX_CONF_UNSET_PTR;

    return conf;
}


char *
ngx_http_bigcache_page_conf_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_bigcache_page_conf_t *prev = parent;
    ngx_http_bigcache_page_conf_t *conf = child;

    ngx_http_bigcache_page_main_conf_t  *pmcf;

    ngx_conf_merge_ptr_value(conf->shm_zone, prev->shm_zone, NULL);
    ngx_conf_merge_ptr_value(conf->ignore_args, prev->ignore_args, NULL);
    ngx_conf_merge_ptr_value(conf->ignore_cookies, prev->ignore_cookies, NULL);
    ngx_conf_merge_ptr_value(conf->strip_cookies, prev->strip_cookies, NULL);
    ngx_conf_merge_ptr_value(conf->ttl, prev->ttl, NULL);
    ngx_conf_merge_ptr_value(conf->bypass, prev->bypass, NULL);
    ngx_conf_merge_ptr_value(conf->no_store, prev->no_store, NULL);
    ngx_conf_merge_ptr_value(conf->purgers, prev->purgers, NULL);
    ngx_conf_merge_ptr_value(conf->schemes, prev->schemes, NULL);
    ngx_conf_merge_value(conf->lock, prev->lock, 1);
    ngx_conf_merge_msec_value(conf->lock_timeout, prev->lock_timeout, 5000);
    ngx_conf_merge_msec_value(conf->lookup_timeout, prev->lookup_timeout, 50);
    ngx_conf_merge_bitmask_value(conf->ignore_headers, prev->ignore_headers,
                                 NGX_CONF_BITMASK_SET);
    ngx_conf_merge_value(conf->invalidate, prev->invalidate, 1);
    ngx_conf_merge_value(conf->reload, prev->reload, 0);
    ngx_conf_merge_value(conf->store_until_close, prev->store_until_close, 0);
    ngx_conf_merge_off_value(conf->max_page, prev->max_page,
                             (off_t) 1024 * 1024 * 1024);
    ngx_conf_merge_uint_value(conf->min_uses, prev->min_uses, 1);
    ngx_conf_merge_uint_value(conf->status_header, prev->status_header,
                              NGX_HTTP_BIGCACHE_PAGE_STATUS_ON);

    if (conf->key == NULL) {
        conf->key = prev->key;
    }

    /* the windows and the failures of one directive belong together */

    if (conf->stale == 0) {
        conf->stale = prev->stale;
        conf->stale_while_revalidate = prev->stale_while_revalidate;
        conf->stale_if_error = prev->stale_if_error;
    }

    if (conf->stale == 0) {
        conf->stale = NGX_HTTP_BIGCACHE_PAGE_CONF_STALE;
    }

    if (ngx_http_bigcache_page_purger_check(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->shm_zone || conf->purgers) {
        pmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_bigcache_pages_module);
        pmcf->used = 1;
    }

    return conf->shm_zone ? ngx_http_bigcache_page_conf_zone(cf, conf)
                          : NGX_CONF_OK;
}


char *
ngx_http_bigcache_page_conf_pages(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_str_t  *value;

    if (pcf->shm_zone != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs the name of a zone, or \"off\"";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        pcf->shm_zone = NULL;
        return NGX_CONF_OK;
    }

    pcf->shm_zone = ngx_shared_memory_add(cf, &value[1], 0,
                                          &ngx_http_bigcache_module);

    return pcf->shm_zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* patterns for the names of arguments or cookies, added up in one block */

char *
ngx_http_bigcache_page_conf_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    u_char           *star;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_array_t     **names;
    bigcache_str_t   *name;

    names = (ngx_array_t **) (p + cmd->offset);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        star = ngx_strlchr(value[i].data, value[i].data + value[i].len, '*');

        if (value[i].len == 0
            || (star && star != value[i].data + value[i].len - 1))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid name \"%V\" in \"%V\": it must be a "
                               "name, or its begin and \"*\"", &value[i],
                               &cmd->name);
            return NGX_CONF_ERROR;
        }

        name = ngx_http_bigcache_page_conf_push(cf, names,
                                                sizeof(bigcache_str_t));
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = bigcache_str(value[i].data, value[i].len);
    }

    return NGX_CONF_OK;
}


/* the statuses are those that proxy_cache_valid has without statuses */

char *
ngx_http_bigcache_page_conf_ttl(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    time_t                         time;
    ngx_int_t                      status;
    ngx_str_t                     *value;
    ngx_uint_t                     i, n;
    ngx_http_bigcache_page_ttl_t  *ttl;

    static ngx_str_t  usual[] = {
        ngx_string("200"), ngx_string("301"), ngx_string("302")
    };

    value = cf->args->elts;
    value++;
    n = cf->args->nelts - 2;

    time = ngx_parse_time(&value[n], 1);

    if (time == (time_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time value \"%V\"", &value[n]);
        return NGX_CONF_ERROR;
    }

    if (n == 0) {
        value = usual;
        n = 3;
    }

    for (i = 0; i < n; i++) {

        status = ngx_http_bigcache_page_conf_status(cf, &value[i]);
        if (status == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        ttl = ngx_http_bigcache_page_conf_push(cf, &pcf->ttl,
                                        sizeof(ngx_http_bigcache_page_ttl_t));
        if (ttl == NULL) {
            return NGX_CONF_ERROR;
        }

        ttl->status = status;
        ttl->time = time;
    }

    return NGX_CONF_OK;
}


/* returns the status, 0 for any, or NGX_ERROR */

static ngx_int_t
ngx_http_bigcache_page_conf_status(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_int_t  status;

    if (ngx_strcmp(value->data, "any") == 0) {
        return 0;
    }

    status = ngx_atoi(value->data, value->len);

    if (status < 200 || status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid status \"%V\"",
                           value);
        return NGX_ERROR;
    }

    if (status == 206 || status == 304) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "answers of status \"%V\" are not stored", value);
        return NGX_ERROR;
    }

    return status;
}


/* adds an element, to a new array if the directive was not given before */

static void *
ngx_http_bigcache_page_conf_push(ngx_conf_t *cf, ngx_array_t **array,
    size_t size)
{
    if (*array == NGX_CONF_UNSET_PTR) {
        *array = ngx_array_create(cf->pool, 4, size);
        if (*array == NULL) {
            return NULL;
        }
    }

    return ngx_array_push(*array);
}


char *
ngx_http_bigcache_page_conf_stale(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_int_t    rc;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (pcf->stale) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        pcf->stale_while_revalidate = 0;
        pcf->stale_if_error = 0;
        pcf->stale = NGX_HTTP_BIGCACHE_PAGE_CONF_STALE;

        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_http_bigcache_page_conf_window(cf, &value[i],
                                                "while_revalidate=",
                                                &pcf->stale_while_revalidate);
        if (rc == NGX_DECLINED) {
            rc = ngx_http_bigcache_page_conf_window(cf, &value[i],
                                                    "if_error=",
                                                    &pcf->stale_if_error);
        }

        if (rc == NGX_DECLINED) {
            rc = ngx_http_bigcache_page_conf_failure(cf, &value[i],
                                                     &pcf->stale);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (pcf->stale == 0) {
        pcf->stale = NGX_HTTP_BIGCACHE_PAGE_CONF_STALE;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_bigcache_page_conf_lock(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_int_t    timeout;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (pcf->lock != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        pcf->lock = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        pcf->lock = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must "
                           "be \"on\" or \"off\"", &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "timeout=", 8) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        s.data = value[i].data + 8;
        s.len = value[i].len - 8;

        timeout = ngx_parse_time(&s, 0);

        if (timeout == NGX_ERROR || timeout == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": it must be a time",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        pcf->lock_timeout = (ngx_msec_t) timeout;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_bigcache_page_conf_min_uses(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (pcf->min_uses != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > BIGCACHE_USES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must "
                           "be a number from 1 to %d", &value[1], &cmd->name,
                           BIGCACHE_USES_MAX);
        return NGX_CONF_ERROR;
    }

    pcf->min_uses = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_page_conf_zone(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *conf)
{
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_bigcache_loc_conf_t  *blcf;

    conf->zone = conf->shm_zone->data;

    if (conf->zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"bigcache_pages\" zone \"%V\" is unknown",
                           &conf->shm_zone->shm.name);
        return NGX_CONF_ERROR;
    }

    if (!conf->zone->bounded && !conf->zone->warned) {
        conf->zone->warned = 1;

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"bigcache_pages\" fills the disk: the "
                           "\"bigcache_path\" of zone \"%V\" has neither "
                           "\"max_size\" nor \"min_free\"",
                           &conf->shm_zone->shm.name);
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    blcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_bigcache_module);

    ngx_http_bigcache_force_location(conf->zone, clcf, 0);

    if (blcf->shm_zone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"bigcache\" and \"bigcache_pages\" cannot be in "
                           "the same location: use \"bigcache_pages off;\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_bigcache_page_conf_clash(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* where a filter works on the text, pages are not sent packed */

    return (ngx_http_bigcache_text_add(cf, blcf) == NGX_OK) ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}


/* returns NGX_OK, NGX_DECLINED if it is another parameter, or NGX_ERROR */

static ngx_int_t
ngx_http_bigcache_page_conf_window(ngx_conf_t *cf, ngx_str_t *value,
    const char *name, time_t *window)
{
    size_t     len;
    ngx_str_t  s;

    len = ngx_strlen(name);

    if (value->len < len || ngx_strncmp(value->data, name, len) != 0) {
        return NGX_DECLINED;
    }

    s.data = value->data + len;
    s.len = value->len - len;

    *window = ngx_parse_time(&s, 1);

    if (*window == (time_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it must be a time",
                           value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_conf_failure(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t *bits)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_bigcache_page_failures[i].name; i++) {

        if (ngx_strcmp(value->data, ngx_http_bigcache_page_failures[i].name)
            == 0)
        {
            *bits |= ngx_http_bigcache_page_failures[i].bit;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_ERROR;
}

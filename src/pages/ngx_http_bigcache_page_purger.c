
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Who may purge: the bigcache_purge directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_field.h"
#include "ngx_http_bigcache_pages.h"


static ngx_int_t ngx_http_bigcache_page_purger_match(ngx_http_request_t *r,
    ngx_http_bigcache_page_purger_t *p);
static ngx_int_t ngx_http_bigcache_page_purger_method(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *pcf, ngx_str_t *name,
    ngx_http_bigcache_page_purger_t *given);
static ngx_int_t ngx_http_bigcache_page_purger_parameter(ngx_conf_t *cf,
    ngx_str_t *value, ngx_http_bigcache_page_purger_t *given);
static ngx_int_t ngx_http_bigcache_page_purger_strip(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *strip);


/* METHOD ... [zone=name] [strip=path] from address ...; or off; repeated */

char *
ngx_http_bigcache_page_purger(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_page_conf_t *pcf = conf;

    ngx_str_t                        *value;
    ngx_uint_t                        i, n, from;
    ngx_http_bigcache_page_purger_t   given;

    if (pcf->purgers == NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (pcf->purgers != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        pcf->purgers = NULL;

        return NGX_CONF_OK;
    }

    for (from = 1; from < cf->args->nelts; from++) {
        if (ngx_strcmp(value[from].data, "from") == 0) {
            break;
        }
    }

    if (from == 1) {
        return "needs a method, such as PURGE, before \"from\"";
    }

    if (from + 1 >= cf->args->nelts) {
        return "needs \"from\" and the addresses of clients that may purge";
    }

    ngx_memzero(&given, sizeof(ngx_http_bigcache_page_purger_t));

    given.addresses = ngx_http_bigcache_page_scheme_addresses(cf, from + 1);
    if (given.addresses == NULL) {
        return NGX_CONF_ERROR;
    }

    /* the parameters first: what stands there are methods or parameters */

    for (i = 1; i < from; i++) {
        if (ngx_http_bigcache_page_purger_parameter(cf, &value[i], &given)
            == NGX_ERROR)
        {
            return NGX_CONF_ERROR;
        }
    }

    n = 0;

    for (i = 1; i < from; i++) {

        if (ngx_strlchr(value[i].data, value[i].data + value[i].len, '=')) {
            continue;
        }

        if (ngx_http_bigcache_page_purger_method(cf, pcf, &value[i], &given)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        n++;
    }

    return n ? NGX_CONF_OK : "needs a method, such as PURGE, before \"from\"";
}


ngx_int_t
ngx_http_bigcache_page_purger_check(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *conf)
{
    ngx_uint_t                        i;
    ngx_http_bigcache_page_purger_t  *purger;

    if (conf->purgers == NULL) {
        return NGX_OK;
    }

    purger = conf->purgers->elts;

    for (i = 0; i < conf->purgers->nelts; i++) {

        if (purger[i].shm_zone && purger[i].shm_zone->data == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"bigcache_purge\" zone \"%V\" is unknown",
                               &purger[i].shm_zone->shm.name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_purger_find(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_uint_t front,
    ngx_http_bigcache_page_purger_t **purger)
{
    ngx_int_t                         rc, one;
    ngx_uint_t                        i;
    ngx_http_bigcache_page_purger_t  *p;

    if (conf->purgers == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;
    p = conf->purgers->elts;

    for (i = 0; i < conf->purgers->nelts; i++, p++) {

        if (!front && ngx_http_bigcache_page_purger_zone(conf, p) == NULL) {
            continue;
        }

        one = ngx_http_bigcache_page_purger_match(r, p);

        if (one == NGX_DECLINED) {
            continue;
        }

        *purger = p;
        rc = one;

        if (rc == NGX_OK) {
            break;
        }
    }

    return rc;
}


/* returns NGX_OK, NGX_HTTP_FORBIDDEN, or NGX_DECLINED for another method */

static ngx_int_t
ngx_http_bigcache_page_purger_match(ngx_http_request_t *r,
    ngx_http_bigcache_page_purger_t *p)
{
    if (p->method.len != r->method_name.len
        || ngx_strncmp(p->method.data, r->method_name.data, r->method_name.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    /* realip has put the client's own address there */

    return (ngx_cidr_match(r->connection->sockaddr, p->addresses) == NGX_OK)
           ? NGX_OK : NGX_HTTP_FORBIDDEN;
}


ngx_http_bigcache_zone_t *
ngx_http_bigcache_page_purger_zone(ngx_http_bigcache_page_conf_t *conf,
    ngx_http_bigcache_page_purger_t *purger)
{
    return purger->shm_zone ? purger->shm_zone->data : conf->zone;
}


static ngx_int_t
ngx_http_bigcache_page_purger_method(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *pcf, ngx_str_t *name,
    ngx_http_bigcache_page_purger_t *given)
{
    ngx_uint_t                        i;
    ngx_http_bigcache_page_purger_t  *purger;

    static ngx_str_t  usual[] = {
        ngx_string("GET"),
        ngx_string("HEAD"),
        ngx_string("POST"),
        ngx_null_string
    };

    for (i = 0; i < name->len; i++) {
        if (!bigcache_field_token(name->data[i])
            || (name->data[i] >= 'a' && name->data[i] <= 'z'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid method \"%V\" in \"bigcache_purge\"",
                               name);
            return NGX_ERROR;
        }
    }

    for (i = 0; given->strip.len == 0 && usual[i].len; i++) {

        if (name->len == usual[i].len
            && ngx_strncmp(name->data, usual[i].data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"bigcache_purge %V\" would purge each page "
                               "that is asked for: it needs \"strip=\", in a "
                               "location of its own", name);
            return NGX_ERROR;
        }
    }

    if (pcf->purgers == NGX_CONF_UNSET_PTR) {
        pcf->purgers = ngx_array_create(cf->pool, 2,
                                      sizeof(ngx_http_bigcache_page_purger_t));
        if (pcf->purgers == NULL) {
            pcf->purgers = NGX_CONF_UNSET_PTR;
            return NGX_ERROR;
        }
    }

    purger = ngx_array_push(pcf->purgers);
    if (purger == NULL) {
        return NGX_ERROR;
    }

    *purger = *given;
    purger->method = *name;

    return NGX_OK;
}


/* returns NGX_OK, NGX_DECLINED if it is a method, or NGX_ERROR */

static ngx_int_t
ngx_http_bigcache_page_purger_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_bigcache_page_purger_t *given)
{
    ngx_str_t  name;

    if (ngx_strncmp(value->data, "strip=", 6) == 0) {
        return ngx_http_bigcache_page_purger_strip(cf, value, &given->strip);
    }

    if (ngx_strncmp(value->data, "zone=", 5) == 0 && value->len > 5) {

        name.data = value->data + 5;
        name.len = value->len - 5;

        given->shm_zone = ngx_shared_memory_add(cf, &name, 0,
                                                &ngx_http_bigcache_module);

        return given->shm_zone ? NGX_OK : NGX_ERROR;
    }

    if (ngx_strlchr(value->data, value->data + value->len, '=')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           value);
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_bigcache_page_purger_strip(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *strip)
{
    strip->data = value->data + 6;
    strip->len = value->len - 6;

    if (strip->len < 2
        || strip->data[0] != '/'
        || strip->data[strip->len - 1] == '/')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it must be a path such "
                           "as /purge, without a slash at the end", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}

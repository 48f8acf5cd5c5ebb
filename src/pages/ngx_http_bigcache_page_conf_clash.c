
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds directives of other modules in the same location that keep pages from
 * being stored.  What depends on variables is not seen here: such answers are
 * passed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


static void *ngx_http_bigcache_page_conf_clash_conf(ngx_conf_t *cf,
    const char *name);


/* the configurations of these begin with one of ngx_http_upstream */

static const struct {
    const char  *module;
    const char  *prefix;
} ngx_http_bigcache_page_upstreams[] = {
    { "ngx_http_proxy_module", "proxy" },
    { "ngx_http_fastcgi_module", "fastcgi" },
    { "ngx_http_uwsgi_module", "uwsgi" },
    { "ngx_http_scgi_module", "scgi" },
    { NULL, NULL }
};


ngx_int_t
ngx_http_bigcache_page_conf_clash(ngx_conf_t *cf)
{
    size_t                    *slice;
    ngx_uint_t                 i;
    const char                *prefix;
    ngx_http_upstream_conf_t  *u;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" has the handler of its location */

    if (clcf->handler == NULL && !clcf->noname) {
        return NGX_OK;
    }

    slice = ngx_http_bigcache_page_conf_clash_conf(cf,
                                               "ngx_http_slice_filter_module");
    if (slice && *slice) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"bigcache_pages\" and \"slice\" cannot be in the "
                           "same location: use \"slice 0;\"");
        return NGX_ERROR;
    }

    for (i = 0; ngx_http_bigcache_page_upstreams[i].module; i++) {

        u = ngx_http_bigcache_page_conf_clash_conf(cf,
                                   ngx_http_bigcache_page_upstreams[i].module);

        /* a location without such an upstream may inherit the rest */

        if (u == NULL || u->upstream == NULL) {
            continue;
        }

        prefix = ngx_http_bigcache_page_upstreams[i].prefix;

        if (u->store == 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"bigcache_pages\" and \"%s_store\" cannot be "
                               "in the same location: use \"%s_store off;\"",
                               prefix, prefix);
            return NGX_ERROR;
        }

#if (NGX_HTTP_CACHE)
        if (u->cache == 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"bigcache_pages\" and \"%s_cache\" cannot be "
                               "in the same location: use \"%s_cache off;\"",
                               prefix, prefix);
            return NGX_ERROR;
        }
#endif

        if (u->buffering == 0) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "\"bigcache_pages\" stores nothing with "
                               "\"%s_buffering off\"", prefix);
        }
    }

    return NGX_OK;
}


/* returns the configuration of a module in this location, or NULL */

static void *
ngx_http_bigcache_page_conf_clash_conf(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t            i;
    ngx_module_t         *module;
    ngx_http_conf_ctx_t  *ctx;

    ctx = cf->ctx;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (module->type == NGX_HTTP_MODULE
            && ngx_strcmp(module->name, name) == 0)
        {
            return ctx->loc_conf[module->ctx_index];
        }
    }

    return NULL;
}

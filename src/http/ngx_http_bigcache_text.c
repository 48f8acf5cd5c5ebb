
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds the locations where a filter works on the text of a page.  There a
 * page is unpacked before it is sent, since the filter would otherwise get a
 * gzip file.
 *
 * The settings of such a filter are in a struct that no header declares.  But
 * the directives of a module are known, and those that nginx itself sets have
 * an offset in that struct: "ssi" is a flag, "add_before_body" a string.
 * Other directives have setters of their own, for example "sub_filter".  For
 * these, the module makes the struct of a location without any directive.  A
 * word that is zero there and not zero here was set by a directive.
 *
 * Modules that run programs of the user, such as njs and Lua, are not checked.
 * Neither are modules that are not named here.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


typedef struct {
    ngx_module_t                  *module;
    ngx_command_t                 *cmd;
    u_char                        *untouched;  /* for words only */
} ngx_http_bigcache_text_t;

/* returns 1 if the filter is on in a location with this conf */

typedef ngx_uint_t (*ngx_http_bigcache_text_pt)(
    ngx_http_bigcache_text_t *text, u_char *conf);

typedef struct {
    const char                    *module;
    const char                    *directive;
    ngx_http_bigcache_text_pt      test;
} ngx_http_bigcache_filter_t;

typedef struct {
    ngx_http_bigcache_loc_conf_t  *conf;
    void                         **loc_conf;   /* of all modules */
} ngx_http_bigcache_location_t;


static ngx_uint_t ngx_http_bigcache_text_flag(ngx_http_bigcache_text_t *text,
    u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_string(
    ngx_http_bigcache_text_t *text, u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_pointer(
    ngx_http_bigcache_text_t *text, u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_array(ngx_http_bigcache_text_t *text,
    u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_charset(
    ngx_http_bigcache_text_t *text, u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_words(ngx_http_bigcache_text_t *text,
    u_char *conf);
static ngx_uint_t ngx_http_bigcache_text_named(ngx_module_t *module,
    size_t offset);
static ngx_module_t *ngx_http_bigcache_text_module(ngx_conf_t *cf,
    const char *name);
static ngx_command_t *ngx_http_bigcache_text_command(ngx_module_t *module,
    const char *name);
static u_char *ngx_http_bigcache_text_untouched(ngx_conf_t *cf,
    ngx_module_t *module, ngx_pool_t *pool);
static void ngx_http_bigcache_text_find(ngx_array_t *locations,
    ngx_http_bigcache_text_t *text, ngx_http_bigcache_text_pt test);


static const ngx_http_bigcache_filter_t  ngx_http_bigcache_filters[] = {

    { "ngx_http_ssi_filter_module", "ssi",
      ngx_http_bigcache_text_flag },

    { "ngx_http_addition_filter_module", "add_before_body",
      ngx_http_bigcache_text_string },

    { "ngx_http_addition_filter_module", "add_after_body",
      ngx_http_bigcache_text_string },

    { "ngx_http_charset_filter_module", "charset",
      ngx_http_bigcache_text_charset },

    { "ngx_http_sub_filter_module", "sub_filter",
      ngx_http_bigcache_text_words },

    { "ngx_http_xslt_filter_module", "xslt_stylesheet",
      ngx_http_bigcache_text_words },

    { "ngx_http_image_filter_module", "image_filter",
      ngx_http_bigcache_text_words },

    { "ngx_http_echo_module", "echo_before_body",
      ngx_http_bigcache_text_pointer },

    { "ngx_http_echo_module", "echo_after_body",
      ngx_http_bigcache_text_pointer },

    /* its array is never NULL, and is in front of these words */

    { "ngx_http_subs_filter_module", "subs_filter_types",
      ngx_http_bigcache_text_array },

    { NULL, NULL, NULL }
};


ngx_int_t
ngx_http_bigcache_text_add(ngx_conf_t *cf, ngx_http_bigcache_loc_conf_t *blcf)
{
    ngx_http_conf_ctx_t            *ctx;
    ngx_http_bigcache_location_t   *location;
    ngx_http_bigcache_main_conf_t  *bmcf;

    ctx = cf->ctx;
    bmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_bigcache_module);

    if (bmcf->locations == NULL) {
        bmcf->locations = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_http_bigcache_location_t));
        if (bmcf->locations == NULL) {
            return NGX_ERROR;
        }
    }

    location = ngx_array_push(bmcf->locations);
    if (location == NULL) {
        return NGX_ERROR;
    }

    location->conf = blcf;
    location->loc_conf = ctx->loc_conf;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_text_init(ngx_conf_t *cf)
{
    ngx_pool_t                        *pool;
    ngx_http_bigcache_text_t           text;
    ngx_http_bigcache_main_conf_t     *bmcf;
    const ngx_http_bigcache_filter_t  *filter;

    bmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_bigcache_module);

    if (bmcf->locations == NULL) {
        return NGX_OK;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cf->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    for (filter = ngx_http_bigcache_filters; filter->module; filter++) {

        text.module = ngx_http_bigcache_text_module(cf, filter->module);

        if (text.module == NULL) {
            continue;
        }

        text.cmd = ngx_http_bigcache_text_command(text.module,
                                                  filter->directive);
        if (text.cmd == NULL) {
            continue;
        }

        text.untouched = NULL;

        if (filter->test == ngx_http_bigcache_text_words) {

            text.untouched = ngx_http_bigcache_text_untouched(cf, text.module,
                                                              pool);
            if (text.untouched == NULL) {
                ngx_destroy_pool(pool);
                return NGX_ERROR;
            }
        }

        ngx_http_bigcache_text_find(bmcf->locations, &text, filter->test);
    }

    ngx_destroy_pool(pool);

    return NGX_OK;
}


static void
ngx_http_bigcache_text_find(ngx_array_t *locations,
    ngx_http_bigcache_text_t *text, ngx_http_bigcache_text_pt test)
{
    u_char                        *conf;
    ngx_uint_t                     i;
    ngx_http_bigcache_location_t  *location;

    location = locations->elts;

    for (i = 0; i < locations->nelts; i++) {

        conf = location[i].loc_conf[text->module->ctx_index];

        if (conf && test(text, conf)) {
            location[i].conf->send_gzip = 0;
        }
    }
}


static ngx_uint_t
ngx_http_bigcache_text_flag(ngx_http_bigcache_text_t *text, u_char *conf)
{
    return text->cmd->set == ngx_conf_set_flag_slot
           && *(ngx_flag_t *) (conf + text->cmd->offset) == 1;
}


static ngx_uint_t
ngx_http_bigcache_text_string(ngx_http_bigcache_text_t *text, u_char *conf)
{
    return text->cmd->set == ngx_conf_set_str_slot
           && ((ngx_str_t *) (conf + text->cmd->offset))->len != 0;
}


static ngx_uint_t
ngx_http_bigcache_text_pointer(ngx_http_bigcache_text_t *text, u_char *conf)
{
    return *(void **) (conf + text->cmd->offset) != NULL;
}


static ngx_uint_t
ngx_http_bigcache_text_array(ngx_http_bigcache_text_t *text, u_char *conf)
{
    ngx_array_t  *array;

    if (text->cmd->offset < sizeof(ngx_array_t *)) {
        return 0;
    }

    array = *(ngx_array_t **) (conf + text->cmd->offset
                               - sizeof(ngx_array_t *));

    return array && array->nelts;
}


/*
 * Returns 1 if the charset filter recodes.  A negative number means off.  The
 * charset may also be a variable, which has a number of its own.
 */

static ngx_uint_t
ngx_http_bigcache_text_charset(ngx_http_bigcache_text_t *text, u_char *conf)
{
    ngx_int_t       charset, source;
    ngx_command_t  *cmd;

    charset = *(ngx_int_t *) (conf + text->cmd->offset);

    if (charset < 0) {
        return 0;
    }

    cmd = ngx_http_bigcache_text_command(text->module, "override_charset");

    if (cmd && *(ngx_flag_t *) (conf + cmd->offset) == 1) {

        /* recodes from the charset of the page */

        return 1;
    }

    cmd = ngx_http_bigcache_text_command(text->module, "source_charset");

    if (cmd == NULL) {
        return 0;
    }

    source = *(ngx_int_t *) (conf + cmd->offset);

    return source >= 0 && source != charset;
}


static ngx_uint_t
ngx_http_bigcache_text_words(ngx_http_bigcache_text_t *text, u_char *conf)
{
    size_t          offset, end;
    ngx_command_t  *cmd;

    /*
     * the struct has at least the words of the directives that have an offset
     */

    end = 0;

    for (cmd = text->module->commands; cmd->name.len; cmd++) {
        if (cmd->conf == NGX_HTTP_LOC_CONF_OFFSET && cmd->offset > end) {
            end = cmd->offset;
        }
    }

    for (offset = 0; offset <= end; offset += sizeof(uintptr_t)) {

        if (*(uintptr_t *) (text->untouched + offset) == 0
            && *(uintptr_t *) (conf + offset) != 0
            && !ngx_http_bigcache_text_named(text->module, offset))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Returns 1 if a directive of the module has this offset.  Such a directive,
 * for example "sub_filter_types", only adjusts the filter and does not turn it
 * on.  Directives with setters of their own have no offset.
 */

static ngx_uint_t
ngx_http_bigcache_text_named(ngx_module_t *module, size_t offset)
{
    ngx_command_t  *cmd;

    for (cmd = module->commands; cmd->name.len; cmd++) {

        if (cmd->conf == NGX_HTTP_LOC_CONF_OFFSET
            && cmd->offset != 0
            && cmd->offset == offset)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_module_t *
ngx_http_bigcache_text_module(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; cf->cycle->modules[i]; i++) {

        if (cf->cycle->modules[i]->type == NGX_HTTP_MODULE
            && ngx_strcmp(cf->cycle->modules[i]->name, name) == 0)
        {
            return cf->cycle->modules[i];
        }
    }

    return NULL;
}


static ngx_command_t *
ngx_http_bigcache_text_command(ngx_module_t *module, const char *name)
{
    ngx_command_t  *cmd;

    for (cmd = module->commands; cmd->name.len; cmd++) {

        if (cmd->conf == NGX_HTTP_LOC_CONF_OFFSET
            && ngx_strcmp(cmd->name.data, name) == 0)
        {
            return cmd;
        }
    }

    return NULL;
}


/* returns the conf of a location that has no directive of the module */

static u_char *
ngx_http_bigcache_text_untouched(ngx_conf_t *cf, ngx_module_t *module,
    ngx_pool_t *pool)
{
    void               *parent, *child;
    ngx_conf_t          conf;
    ngx_http_module_t  *ctx;

    ctx = module->ctx;

    conf = *cf;
    conf.pool = pool;

    parent = ctx->create_loc_conf(&conf);
    child = ctx->create_loc_conf(&conf);

    if (parent == NULL || child == NULL
        || ctx->merge_loc_conf(&conf, parent, child) != NGX_CONF_OK)
    {
        return NULL;
    }

    return child;
}

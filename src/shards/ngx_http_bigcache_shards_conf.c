
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The bigcache_shards directive: the servers of the upstream, and what would
 * bring old pages back.
 */


#include "ngx_http_bigcache_shards.h"


/* a location with the directive */

typedef struct {
    ngx_http_bigcache_shards_conf_t  *conf;
    ngx_http_conf_ctx_t              *ctx;
    u_char                           *file;
    ngx_uint_t                        line;
} ngx_http_bigcache_shards_place_t;


/* modules that a build of nginx may lack */

extern ngx_module_t  ngx_http_proxy_module __attribute__((weak));
extern ngx_module_t  ngx_http_upstream_hash_module __attribute__((weak));


static ngx_int_t ngx_http_bigcache_shards_conf_place(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place);
static ngx_http_upstream_srv_conf_t *ngx_http_bigcache_shards_conf_upstream(
    ngx_conf_t *cf, const ngx_str_t *name);
static ngx_int_t ngx_http_bigcache_shards_conf_hash(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place);
static ngx_int_t ngx_http_bigcache_shards_conf_proxy(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place);
static ngx_int_t ngx_http_bigcache_shards_conf_servers(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place);
static ngx_uint_t ngx_http_bigcache_shards_conf_twice(
    const ngx_http_bigcache_shards_conf_t *scf, ngx_uint_t n);
static ngx_int_t ngx_http_bigcache_shards_conf_server(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place, ngx_http_upstream_server_t *server,
    bigcache_ring_server_t *ring);
static ngx_int_t ngx_http_bigcache_shards_conf_keys(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place, bigcache_ring_server_t *servers);


static ngx_conf_enum_t  ngx_http_bigcache_shards_modes[] = {
    { ngx_string("pages"), NGX_HTTP_BIGCACHE_SHARDS_PAGES },
    { ngx_string("all"), NGX_HTTP_BIGCACHE_SHARDS_ALL },
    { ngx_null_string, 0 }
};


char *
ngx_http_bigcache_shards_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_shards_loc_conf_t *slcf = conf;

    ngx_str_t                         *value;
    ngx_array_t                       *places;
    ngx_conf_enum_t                   *mode;
    ngx_http_bigcache_loc_conf_t      *blcf;
    ngx_http_bigcache_shards_conf_t   *scf;
    ngx_http_bigcache_shards_place_t  *place;

    if (slcf->shards) {
        return "is duplicate";
    }

    scf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_shards_conf_t));
    if (scf == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->shards = scf;
    value = cf->args->elts;

    scf->name = value[1];

    if (cf->args->nelts == 3) {

        for (mode = ngx_http_bigcache_shards_modes; mode->name.len; mode++) {
            if (mode->name.len == value[2].len
                && ngx_strcmp(mode->name.data, value[2].data) == 0)
            {
                break;
            }
        }

        if (mode->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"bigcache_shards\": \"%V\" is neither "
                               "\"pages\" nor \"all\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        scf->mode = mode->value;
    }

    if (scf->mode == NGX_HTTP_BIGCACHE_SHARDS_REST) {
        blcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_bigcache_module);
        blcf->json = 1;
    }

    places = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_bigcache_shards_module);

    place = ngx_array_push(places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    place->conf = scf;
    place->ctx = cf->ctx;
    place->file = cf->conf_file->file.name.data;
    place->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


ngx_http_bigcache_shards_conf_t *
ngx_http_bigcache_shards_conf_get(ngx_http_request_t *r)
{
    ngx_http_bigcache_shards_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_shards_module);

    return slcf->shards;
}


/* there $bigcache_shard_key would be another text than for the same key here */

ngx_uint_t
ngx_http_bigcache_shards_conf_lacks(ngx_http_request_t *r)
{
    ngx_uint_t                         i;
    ngx_array_t                       *places;
    ngx_http_upstream_conf_t          *proxy;
    ngx_http_bigcache_shards_place_t  *place;

    places = ngx_http_get_module_main_conf(r, ngx_http_bigcache_shards_module);

    if (places->nelts == 0 || &ngx_http_proxy_module == NULL) {
        return 0;
    }

    proxy = r->loc_conf[ngx_http_proxy_module.ctx_index];
    place = places->elts;

    for (i = 0; i < places->nelts; i++) {

        if (proxy->upstream == place[i].conf->upstream) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "bigcache shards: this location proxies to \"%V\" "
                          "without \"bigcache_shards\"",
                          &place[i].conf->name);
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_bigcache_shards_conf_init(ngx_conf_t *cf)
{
    ngx_uint_t                         i;
    ngx_array_t                       *places;
    ngx_http_bigcache_shards_place_t  *place;

    places = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_bigcache_shards_module);
    place = places->elts;

    for (i = 0; i < places->nelts; i++) {
        if (ngx_http_bigcache_shards_conf_place(cf, &place[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_conf_place(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place)
{
    ngx_http_upstream_srv_conf_t  *us;

    us = ngx_http_bigcache_shards_conf_upstream(cf, &place->conf->name);

    if (us == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\" needs the name of an \"upstream\" "
                      "block, and \"%V\" is none in %s:%ui",
                      &place->conf->name, place->file, place->line);
        return NGX_ERROR;
    }

    place->conf->upstream = us;

    if (ngx_http_bigcache_shards_conf_hash(cf, place) != NGX_OK
        || ngx_http_bigcache_shards_conf_proxy(cf, place) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_bigcache_shards_conf_servers(cf, place);
}


/*
 * Returns NULL if there is no such block.  ngx_http_upstream_add() would make
 * an upstream of the name, of which nginx says that it lacks a port.
 */

static ngx_http_upstream_srv_conf_t *
ngx_http_bigcache_shards_conf_upstream(ngx_conf_t *cf, const ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **us;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    us = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if ((us[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            && us[i]->host.len == name->len
            && ngx_strncasecmp(us[i]->host.data, name->data, name->len) == 0)
        {
            return us[i];
        }
    }

    return NULL;
}


/* the first member of the configuration of nginx's module is the key */

static ngx_int_t
ngx_http_bigcache_shards_conf_hash(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place)
{
    ngx_str_t                     *key;
    ngx_http_complex_value_t      *hash;
    ngx_http_upstream_srv_conf_t  *us;

    static ngx_str_t  name = ngx_string("$bigcache_shard_key");

    us = place->conf->upstream;
    key = NULL;

    if (&ngx_http_upstream_hash_module) {
        hash = ngx_http_conf_upstream_srv_conf(us,
                                               ngx_http_upstream_hash_module);
        key = &hash->value;
    }

    if (key == NULL || key->len != name.len
        || ngx_strncmp(key->data, name.data, name.len) != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\" needs the line \"hash "
                      "$bigcache_shard_key consistent;\" in the upstream "
                      "\"%V\", see %s:%ui",
                      &us->host, place->file, place->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* nginx would ask another server, which may have an old page of the key */

static ngx_int_t
ngx_http_bigcache_shards_conf_proxy(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place)
{
    ngx_http_upstream_conf_t  *proxy;

    if (&ngx_http_proxy_module == NULL) {
        return NGX_OK;
    }

    proxy = place->ctx->loc_conf[ngx_http_proxy_module.ctx_index];

    if (proxy->upstream != place->conf->upstream) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\" needs the line \"proxy_pass "
                      "http://%V;\" in its location, see %s:%ui",
                      &place->conf->name, place->file, place->line);
        return NGX_ERROR;
    }

    if (proxy->store
#if (NGX_HTTP_CACHE)
        || proxy->cache
#endif
        )
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\": \"proxy_cache\" and "
                      "\"proxy_store\" would answer what a server has removed: "
                      "remove them from %s:%ui", place->file, place->line);
        return NGX_ERROR;
    }

    if (!(proxy->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"bigcache_shards\": when a server fails, nginx asks "
                      "another one, which may have an old page: add "
                      "\"proxy_next_upstream off;\" in %s:%ui",
                      place->file, place->line);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_conf_servers(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place)
{
    ngx_uint_t                        i, n;
    bigcache_ring_server_t           *servers;
    ngx_http_upstream_server_t       *server;
    ngx_http_upstream_srv_conf_t     *us;
    ngx_http_bigcache_shards_conf_t  *scf;

    scf = place->conf;
    us = scf->upstream;
    server = us->servers->elts;
    n = us->servers->nelts;

    servers = ngx_pcalloc(cf->temp_pool, n * sizeof(bigcache_ring_server_t));
    scf->shards = ngx_pcalloc(cf->pool, n * sizeof(ngx_http_bigcache_shard_t));

    if (servers == NULL || scf->shards == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_bigcache_shards_conf_server(cf, place, &server[i],
                                                 &servers[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        scf->shards[i].name = server[i].name;
        scf->shards[i].address = server[i].addrs[0].name;

        if (ngx_http_bigcache_shards_conf_twice(scf, i)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"bigcache_shards\": the server \"%V\" of the "
                          "upstream \"%V\" is there twice, see %s:%ui",
                          &server[i].name, &us->host, place->file,
                          place->line);
            return NGX_ERROR;
        }
    }

    scf->nshards = n;

    return ngx_http_bigcache_shards_conf_keys(cf, place, servers);
}


/* whether a server before it has the address, by whatever name */

static ngx_uint_t
ngx_http_bigcache_shards_conf_twice(const ngx_http_bigcache_shards_conf_t *scf,
    ngx_uint_t n)
{
    ngx_uint_t        i;
    const ngx_str_t  *one, *other;

    one = &scf->shards[n].address;

    for (i = 0; i < n; i++) {
        other = &scf->shards[i].address;

        if (one->len == other->len
            && ngx_strncmp(one->data, other->data, one->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_bigcache_shards_conf_server(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place, ngx_http_upstream_server_t *server,
    bigcache_ring_server_t *ring)
{
    ngx_http_upstream_srv_conf_t  *us;

    us = place->conf->upstream;

    if (server->naddrs != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\": the server \"%V\" of the upstream "
                      "\"%V\" has %ui addresses, and must have one: nginx "
                      "would ask any of several, see %s:%ui",
                      &server->name, &us->host, server->naddrs, place->file,
                      place->line);
        return NGX_ERROR;
    }

    if (server->max_conns || server->backup) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\": \"max_conns\" and \"backup\" of "
                      "\"server %V\" lead keys to other servers of the "
                      "upstream \"%V\", which would bring old pages back, in "
                      "%s:%ui",
                      &server->name, &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    if (server->down) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"bigcache_shards\": \"down\" of \"server %V\" gives "
                      "its keys to other servers of the upstream \"%V\", "
                      "which would bring old pages back: remove \"down\", and "
                      "its keys are 503 while it is away, in %s:%ui",
                      &server->name, &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    if (server->max_fails) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"bigcache_shards\": after a failure nginx asks another "
                      "server for a while, which may have an old page: add "
                      "\"max_fails=0\" to \"server %V\" of the upstream \"%V\" "
                      "in %s:%ui",
                      &server->name, &us->host, us->file_name, us->line);
    }

    ring->name = bigcache_str(server->name.data, server->name.len);
    ring->weight = (unsigned) server->weight;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_conf_keys(ngx_conf_t *cf,
    ngx_http_bigcache_shards_place_t *place, bigcache_ring_server_t *servers)
{
    char                              key[BIGCACHE_RING_KEY];
    size_t                            len;
    ngx_str_t                         text;
    ngx_uint_t                        i;
    ngx_http_bigcache_shards_conf_t  *scf;

    scf = place->conf;

    scf->ring = ngx_palloc(cf->pool, bigcache_ring_size(servers, scf->nshards));
    if (scf->ring == NULL) {
        return NGX_ERROR;
    }

    bigcache_ring_make(scf->ring, servers, scf->nshards);

    for (i = 0; i < scf->nshards; i++) {

        len = bigcache_ring_key(scf->ring, i, key);

        if (len == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"bigcache_shards\": the server \"%V\" of the "
                          "upstream \"%V\" is there twice, see %s:%ui",
                          &scf->shards[i].name, &scf->upstream->host,
                          place->file, place->line);
            return NGX_ERROR;
        }

        text.data = (u_char *) key;
        text.len = len;

        scf->shards[i].key.len = len;
        scf->shards[i].key.data = ngx_pstrdup(cf->pool, &text);

        if (scf->shards[i].key.data == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}

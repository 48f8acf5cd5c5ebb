
/*
 * Copyright (C) bigcache contributors
 */


/* the servers of a cluster, in /metrics and in /stat */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_json_string.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_api.h"


/* bytes of a sample, of a server of /stat, and of what names a metric */

#define NGX_HTTP_BIGCACHE_SERVERS_SAMPLE  (64 + BIGCACHE_SERVERS_NAME          \
                                           + NGX_INT64_LEN)
#define NGX_HTTP_BIGCACHE_SERVERS_ONE     (BIGCACHE_JSON_STRING_GROWTH         \
                                           * sizeof(bigcache_server_t) + 256)
#define NGX_HTTP_BIGCACHE_SERVERS_HELP    256
#define NGX_HTTP_BIGCACHE_SERVERS_ROWS    6


static void ngx_http_bigcache_servers_values(const bigcache_server_t *server,
    uint64_t *values);
static u_char *ngx_http_bigcache_servers_one(u_char *p,
    const bigcache_server_t *server);
static u_char *ngx_http_bigcache_servers_text(u_char *p, const char *name,
    const char *text);


/* in the order of ngx_http_bigcache_servers_values() */

static const struct {
    const char      *name;
    const char      *help;
} ngx_http_bigcache_servers_rows[NGX_HTTP_BIGCACHE_SERVERS_ROWS] = {
    { "cluster_node_up", "1 if the server has answered, 0 if it is away, "
      "loads its data, or is not used." },
    { "cluster_node_slots", "Slots that the server has." },
    { "cluster_node_replicas", "Replicas that follow the server, a master." },
    { "cluster_node_used_bytes", "Memory that the server uses." },
    { "cluster_node_max_bytes",
      "Memory that it may use, maxmemory; 0 if it has no limit." },
    { "cluster_node_evicted_keys_total",
      "Keys that it has removed because its memory was full." }
};


static const char  *ngx_http_bigcache_servers_states[] = {
    "away", "refused", "loading", "answers"
};


ngx_http_bigcache_servers_t *
ngx_http_bigcache_servers(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    ngx_http_bigcache_servers_t  *servers;

    if (ctx->zone->cluster == NULL) {
        return NULL;
    }

    servers = ngx_palloc(r->pool, sizeof(ngx_http_bigcache_servers_t));
    if (servers == NULL) {
        return NULL;
    }

    servers->n = bigcache_servers_read(&ctx->zone->shm->servers, servers->list,
                                       bigcache_time_monotonic());

    return servers;
}


size_t
ngx_http_bigcache_servers_metrics_size(ngx_http_bigcache_servers_t *servers)
{
    if (servers == NULL) {
        return 0;
    }

    return NGX_HTTP_BIGCACHE_SERVERS_ROWS
           * (NGX_HTTP_BIGCACHE_SERVERS_HELP
              + servers->n * NGX_HTTP_BIGCACHE_SERVERS_SAMPLE);
}


/* of a server that is away, only that and its slots are known */

u_char *
ngx_http_bigcache_servers_metrics(u_char *p,
    ngx_http_bigcache_servers_t *servers)
{
    uint64_t            values[NGX_HTTP_BIGCACHE_SERVERS_ROWS];
    ngx_uint_t          i, n;
    const char         *name;
    bigcache_server_t  *server;

    for (n = 0; servers && n < NGX_HTTP_BIGCACHE_SERVERS_ROWS; n++) {

        name = ngx_http_bigcache_servers_rows[n].name;
        p = ngx_http_bigcache_metrics_text_head(p, name,
                                       ngx_http_bigcache_servers_rows[n].help);

        for (i = 0; i < servers->n; i++) {

            server = &servers->list[i];

            if (n < 2 || server->state == BIGCACHE_SERVER_ANSWERS) {
                ngx_http_bigcache_servers_values(server, values);

                p = ngx_sprintf(p, "bigcache_%s{node=\"%s\"} %uL\n", name,
                                server->name, values[n]);
            }
        }
    }

    return p;
}


static void
ngx_http_bigcache_servers_values(const bigcache_server_t *server,
    uint64_t *values)
{
    values[0] = (server->state == BIGCACHE_SERVER_ANSWERS);
    values[1] = server->slots;
    values[2] = server->replicas;
    values[3] = server->used;
    values[4] = server->max;
    values[5] = server->evicted;
}


size_t
ngx_http_bigcache_servers_json_size(ngx_http_bigcache_servers_t *servers)
{
    if (servers == NULL) {
        return 0;
    }

    return sizeof(",\"servers\":[]")
           + servers->n * NGX_HTTP_BIGCACHE_SERVERS_ONE;
}


u_char *
ngx_http_bigcache_servers_json(u_char *p, ngx_http_bigcache_servers_t *servers)
{
    ngx_uint_t  i;

    if (servers == NULL) {
        return p;
    }

    p = ngx_sprintf(p, ",\"servers\":[");

    for (i = 0; i < servers->n; i++) {

        if (i) {
            *p++ = ',';
        }

        p = ngx_http_bigcache_servers_one(p, &servers->list[i]);
    }

    *p++ = ']';

    return p;
}


static u_char *
ngx_http_bigcache_servers_one(u_char *p, const bigcache_server_t *server)
{
    const char  *role;

    role = (server->role == BIGCACHE_SERVER_MASTER) ? "\"master\""
           : (server->role == BIGCACHE_SERVER_REPLICA) ? "\"replica\"" : "null";

    *p++ = '{';
    p = ngx_http_bigcache_servers_text(p, "server", server->name);
    p = ngx_sprintf(p, ",\"role\":%s,\"slots\":%ui,\"state\":\"%s\"", role,
                    (ngx_uint_t) server->slots,
                    ngx_http_bigcache_servers_states[server->state]);

    if (server->why[0]) {
        *p++ = ',';
        p = ngx_http_bigcache_servers_text(p, "why", server->why);
    }

    if (server->used) {
        p = ngx_sprintf(p, ",\"replicas\":%ui,\"used_memory\":%uL,"
                        "\"max_memory\":%uL,\"evicted_keys\":%uL,",
                        (ngx_uint_t) server->replicas, server->used,
                        server->max, server->evicted);
        p = ngx_http_bigcache_servers_text(p, "policy", server->policy);
    }

    *p++ = '}';

    return p;
}


static u_char *
ngx_http_bigcache_servers_text(u_char *p, const char *name, const char *text)
{
    bigcache_str_t  s;

    s = bigcache_str_text(text);

    p = ngx_sprintf(p, "\"%s\":\"", name);
    p = bigcache_json_string(p, &s);
    *p++ = '"';

    return p;
}


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


typedef struct {
    const char      *name;
    const char      *type;
    const char      *help;
    uint64_t       (*value)(const bigcache_server_t *server);
} ngx_http_bigcache_servers_metric_t;


static uint64_t ngx_http_bigcache_servers_up(const bigcache_server_t *server);
static uint64_t ngx_http_bigcache_servers_slots(
    const bigcache_server_t *server);
static uint64_t ngx_http_bigcache_servers_replicas(
    const bigcache_server_t *server);
static uint64_t ngx_http_bigcache_servers_used(
    const bigcache_server_t *server);
static uint64_t ngx_http_bigcache_servers_max(const bigcache_server_t *server);
static uint64_t ngx_http_bigcache_servers_evicted(
    const bigcache_server_t *server);
static u_char *ngx_http_bigcache_servers_one(u_char *p,
    const bigcache_server_t *server);
static u_char *ngx_http_bigcache_servers_text(u_char *p, const char *name,
    const char *text);


static ngx_http_bigcache_servers_metric_t
    ngx_http_bigcache_servers_names[] =
{
    { "up", "gauge", "1 if the server has answered, 0 if it is away, loads its "
      "data, or is not used.", ngx_http_bigcache_servers_up },
    { "slots", "gauge", "Slots that the server has.",
      ngx_http_bigcache_servers_slots },
    { "replicas", "gauge", "Replicas that follow the server, a master.",
      ngx_http_bigcache_servers_replicas },
    { "used_bytes", "gauge", "Memory that the server uses.",
      ngx_http_bigcache_servers_used },
    { "max_bytes", "gauge", "Memory that it may use, maxmemory; 0 if it has no "
      "limit.", ngx_http_bigcache_servers_max },
    { "evicted_keys_total", "counter", "Keys that it has removed because its "
      "memory was full.", ngx_http_bigcache_servers_evicted },
    { NULL, NULL, NULL, NULL }
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
    size_t  metrics;

    if (servers == NULL) {
        return 0;
    }

    metrics = sizeof(ngx_http_bigcache_servers_names)
              / sizeof(ngx_http_bigcache_servers_names[0]);

    return metrics * (NGX_HTTP_BIGCACHE_SERVERS_HELP
                      + servers->n * NGX_HTTP_BIGCACHE_SERVERS_SAMPLE);
}


/* of a server that is away, only that and its slots are known */

u_char *
ngx_http_bigcache_servers_metrics(u_char *p,
    ngx_http_bigcache_servers_t *servers)
{
    ngx_uint_t                           i, known;
    bigcache_server_t                   *server;
    ngx_http_bigcache_servers_metric_t  *metric;

    if (servers == NULL) {
        return p;
    }

    for (metric = ngx_http_bigcache_servers_names; metric->name; metric++) {

        p = ngx_sprintf(p, "# HELP bigcache_cluster_node_%s %s\n"
                        "# TYPE bigcache_cluster_node_%s %s\n", metric->name,
                        metric->help, metric->name, metric->type);

        known = metric - ngx_http_bigcache_servers_names < 2;

        for (i = 0; i < servers->n; i++) {
            server = &servers->list[i];

            if (known || server->state == BIGCACHE_SERVER_ANSWERS) {
                p = ngx_sprintf(p, "bigcache_cluster_node_%s{node=\"%s\"} "
                                "%uL\n", metric->name, server->name,
                                metric->value(server));
            }
        }
    }

    return p;
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


static uint64_t
ngx_http_bigcache_servers_up(const bigcache_server_t *server)
{
    return server->state == BIGCACHE_SERVER_ANSWERS;
}


static uint64_t
ngx_http_bigcache_servers_slots(const bigcache_server_t *server)
{
    return server->slots;
}


static uint64_t
ngx_http_bigcache_servers_replicas(const bigcache_server_t *server)
{
    return server->replicas;
}


static uint64_t
ngx_http_bigcache_servers_used(const bigcache_server_t *server)
{
    return server->used;
}


static uint64_t
ngx_http_bigcache_servers_max(const bigcache_server_t *server)
{
    return server->max;
}


static uint64_t
ngx_http_bigcache_servers_evicted(const bigcache_server_t *server)
{
    return server->evicted;
}

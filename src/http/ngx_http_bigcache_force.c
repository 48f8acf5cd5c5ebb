
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What is in force for a store: its parameters, with those that were chosen
 * here, what nginx was told beside them, and what the machine can do.  One row
 * each.  The log has all rows when nginx starts or is reloaded, and /stat has
 * them under the same names.
 *
 * The master finds all of it out, once for a configuration, since that may wait
 * for the disk.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_json_string.h"
#include "bigcache_local.h"
#include "bigcache_machine.h"
#include "bigcache_release.h"
#include "ngx_http_bigcache.h"


#define NGX_HTTP_BIGCACHE_FORCE_ROWS   48
#define NGX_HTTP_BIGCACHE_FORCE_VALUE  64

/* files of a worker, besides its connections, see docs/operations.md */

#define NGX_HTTP_BIGCACHE_FORCE_FILES  4096


typedef enum {
    NGX_HTTP_BIGCACHE_FORCE_TEXT = 0,   /* data NULL: null */
    NGX_HTTP_BIGCACHE_FORCE_NUMBER,
    NGX_HTTP_BIGCACHE_FORCE_SIZE,       /* bytes; in the log with k or m */
    NGX_HTTP_BIGCACHE_FORCE_TIME,       /* milliseconds; shown as seconds */
    NGX_HTTP_BIGCACHE_FORCE_FLAG
} ngx_http_bigcache_force_kind_e;

typedef struct {
    const char                      *name;
    ngx_http_bigcache_force_kind_e   kind;
    unsigned                         null:1;
    const char                      *none;   /* the word of the log for null */
    ngx_str_t                        text;
    uint64_t                         n;
} ngx_http_bigcache_force_row_t;

typedef struct {
    ngx_uint_t                       nrows;
    ngx_http_bigcache_force_row_t    rows[NGX_HTTP_BIGCACHE_FORCE_ROWS];

    /* which texts of rows point to */
    bigcache_machine_t               machine;
} ngx_http_bigcache_force_rows_t;


static void ngx_http_bigcache_force_store(
    ngx_http_bigcache_force_rows_t *rows, ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_force_cluster(
    ngx_http_bigcache_force_rows_t *rows, ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_force_nginx(
    ngx_http_bigcache_force_rows_t *rows, ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_force_machine(
    ngx_http_bigcache_force_rows_t *rows, ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_force_text(ngx_http_bigcache_force_rows_t *rows,
    const char *name, const char *data, size_t len);
static void ngx_http_bigcache_force_size(ngx_http_bigcache_force_rows_t *rows,
    const char *name, uint64_t size);
static void ngx_http_bigcache_force_flag(ngx_http_bigcache_force_rows_t *rows,
    const char *name, int known);
static ngx_http_bigcache_force_row_t *ngx_http_bigcache_force_row(
    ngx_http_bigcache_force_rows_t *rows, const char *name,
    ngx_http_bigcache_force_kind_e kind, uint64_t n);
static ngx_int_t ngx_http_bigcache_force_json(ngx_pool_t *pool,
    ngx_http_bigcache_force_rows_t *rows, ngx_str_t *json);
static void ngx_http_bigcache_force_say(ngx_pool_t *pool, ngx_log_t *log,
    ngx_http_bigcache_force_rows_t *rows, ngx_str_t *path);
static size_t ngx_http_bigcache_force_len(
    ngx_http_bigcache_force_rows_t *rows);
static u_char *ngx_http_bigcache_force_value(u_char *p,
    ngx_http_bigcache_force_row_t *row, ngx_uint_t log);
static u_char *ngx_http_bigcache_force_bytes(u_char *p, uint64_t size);


void
ngx_http_bigcache_force_location(ngx_http_bigcache_zone_t *zone,
    ngx_http_core_loc_conf_t *clcf, ngx_uint_t bodies)
{
    ngx_http_bigcache_force_t  *force;

    force = &zone->force;

    force->copies |= !clcf->sendfile;
    force->pushes |= !clcf->tcp_nopush;

    if (!bodies) {
        return;
    }

    if (clcf->client_body_buffer_size != NGX_HTTP_BIGCACHE_BUFFER_UNSET
        && (force->body_buffer == 0
            || clcf->client_body_buffer_size < force->body_buffer))
    {
        force->body_buffer = clcf->client_body_buffer_size;
    }

    /* 0 is no limit */

    force->max_body_any |= (clcf->client_max_body_size == 0);
    force->max_body = ngx_max(force->max_body, clcf->client_max_body_size);
}


void
ngx_http_bigcache_force(ngx_cycle_t *cycle, ngx_http_bigcache_zone_t *zone)
{
    ngx_http_bigcache_force_rows_t  *rows;

    /* without memory for what only informs, nginx starts all the same */

    ngx_str_set(&zone->force.json, "null");

    rows = ngx_alloc(sizeof(ngx_http_bigcache_force_rows_t), cycle->log);
    if (rows == NULL) {
        return;
    }

    ngx_memzero(rows, sizeof(ngx_http_bigcache_force_rows_t));

    if (zone->cluster) {
        ngx_http_bigcache_force_cluster(rows, zone);
        ngx_http_bigcache_force_nginx(rows, cycle, zone);

    } else {
        ngx_http_bigcache_force_store(rows, zone);
        ngx_http_bigcache_force_nginx(rows, cycle, zone);
        ngx_http_bigcache_force_machine(rows, zone);
    }

    if (ngx_http_bigcache_force_json(cycle->pool, rows, &zone->force.json)
        == NGX_OK)
    {
        ngx_http_bigcache_force_say(cycle->pool, cycle->log, rows,
                                    &zone->path);
    }

    ngx_free(rows);
}


rlim_t
ngx_http_bigcache_force_open_files(ngx_cycle_t *cycle)
{
    rlim_t            most;
    struct rlimit     limit;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->rlimit_nofile != NGX_CONF_UNSET) {
        return (rlim_t) ccf->rlimit_nofile;
    }

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) {
        return RLIM_INFINITY;
    }

    most = (rlim_t) cycle->connection_n + NGX_HTTP_BIGCACHE_FORCE_FILES;

    return ngx_max(limit.rlim_cur, ngx_min(limit.rlim_max, most));
}


/* the parameters of bigcache_path, or of bigcache_cluster */

static void
ngx_http_bigcache_force_cluster(ngx_http_bigcache_force_rows_t *rows,
    ngx_http_bigcache_zone_t *zone)
{
    ngx_http_bigcache_cluster_force_t  force;

    ngx_http_bigcache_cluster_force(zone, &force);

    ngx_http_bigcache_force_text(rows, "version", BIGCACHE_VERSION,
                                 sizeof(BIGCACHE_VERSION) - 1);
    ngx_http_bigcache_force_text(rows, "engine", "cluster", 7);
    ngx_http_bigcache_force_text(rows, "zone", (char *) zone->name.data,
                                 zone->name.len);
    ngx_http_bigcache_force_size(rows, "zone_size", zone->shm_zone->shm.size);
    ngx_http_bigcache_force_row(rows, "servers",
                                NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                force.servers);
    ngx_http_bigcache_force_row(rows, "buckets",
                                NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                force.buckets);
    ngx_http_bigcache_force_row(rows, "replicas",
                                NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                force.replicas);
    ngx_http_bigcache_force_row(rows, "wait", NGX_HTTP_BIGCACHE_FORCE_TIME,
                                force.wait);
    ngx_http_bigcache_force_row(rows, "timeout", NGX_HTTP_BIGCACHE_FORCE_TIME,
                                force.timeout);
    ngx_http_bigcache_force_row(rows, "gzip", NGX_HTTP_BIGCACHE_FORCE_FLAG,
                                zone->gzip);
    ngx_http_bigcache_force_row(rows, "gzip_min", NGX_HTTP_BIGCACHE_FORCE_SIZE,
                                force.gzip_min)->null = !zone->gzip;
}


static void
ngx_http_bigcache_force_store(ngx_http_bigcache_force_rows_t *rows,
    ngx_http_bigcache_zone_t *zone)
{
    const char             *by;
    bigcache_local_conf_t  *conf;

    conf = zone->conf;
    by = ngx_http_bigcache_zone_sized(zone);

    ngx_http_bigcache_force_text(rows, "version", BIGCACHE_VERSION,
                                 sizeof(BIGCACHE_VERSION) - 1);
    ngx_http_bigcache_force_text(rows, "zone", (char *) zone->name.data,
                                 zone->name.len);
    ngx_http_bigcache_force_size(rows, "zone_size", zone->shm_zone->shm.size);
    ngx_http_bigcache_force_text(rows, "zone_size_by", by, ngx_strlen(by));
    ngx_http_bigcache_force_size(rows, "max_size", conf->store.max_size);
    ngx_http_bigcache_force_size(rows, "min_free", conf->store.min_free);
    ngx_http_bigcache_force_size(rows, "segment_size",
                                 conf->store.segment_size);
    ngx_http_bigcache_force_row(rows, "gzip", NGX_HTTP_BIGCACHE_FORCE_FLAG,
                                zone->gzip);
    ngx_http_bigcache_force_row(rows, "gzip_min", NGX_HTTP_BIGCACHE_FORCE_SIZE,
                                conf->store.gzip_min)->null = !zone->gzip;
    ngx_http_bigcache_force_size(rows, "block_cache",
                                 conf->store.index.block_cache);
    ngx_http_bigcache_force_size(rows, "write_buffer",
                                 conf->store.index.write_buffer);
    ngx_http_bigcache_force_row(rows, "wait", NGX_HTTP_BIGCACHE_FORCE_TIME,
                                conf->store.wait);
    ngx_http_bigcache_force_row(rows, "sync", NGX_HTTP_BIGCACHE_FORCE_TIME,
                                conf->store.sync)->null = !conf->store.sync;
}


/* what the configuration says elsewhere */

static void
ngx_http_bigcache_force_nginx(ngx_http_bigcache_force_rows_t *rows,
    ngx_cycle_t *cycle, ngx_http_bigcache_zone_t *zone)
{
    ngx_core_conf_t                *ccf;
    ngx_http_bigcache_force_t      *force;
    ngx_http_bigcache_force_row_t  *row;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    force = &zone->force;

    ngx_http_bigcache_force_text(rows, "nginx", NGINX_VERSION,
                                 sizeof(NGINX_VERSION) - 1);
    ngx_http_bigcache_force_row(rows, "workers",
                                NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                ccf->master ? ccf->worker_processes : 1);
    ngx_http_bigcache_force_row(rows, "cores", NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                ngx_ncpu);
    ngx_http_bigcache_force_row(rows, "connections",
                                NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                cycle->connection_n);
    ngx_http_bigcache_force_text(rows, "thread_pool",
                                 (char *) zone->pool_name.data,
                                 zone->pool_name.len);

    row = ngx_http_bigcache_force_row(rows, "open_files",
                                      NGX_HTTP_BIGCACHE_FORCE_NUMBER,
                                    ngx_http_bigcache_force_open_files(cycle));
    row->null = (row->n == (uint64_t) RLIM_INFINITY);

    ngx_http_bigcache_force_size(rows, "body_buffer", force->body_buffer);
    rows->rows[rows->nrows - 1].none = "as the body is long";

    ngx_http_bigcache_force_size(rows, "max_body",
                                 force->max_body_any ? 0 : force->max_body);
    ngx_http_bigcache_force_row(rows, "sendfile", NGX_HTTP_BIGCACHE_FORCE_FLAG,
                                !force->copies);
    ngx_http_bigcache_force_row(rows, "tcp_nopush",
                                NGX_HTTP_BIGCACHE_FORCE_FLAG, !force->pushes);
}


/* what there is to work with */

static void
ngx_http_bigcache_force_machine(ngx_http_bigcache_force_rows_t *rows,
    ngx_http_bigcache_zone_t *zone)
{
    const char          *type;
    bigcache_machine_t  *machine;

    machine = &rows->machine;

    bigcache_machine(machine, (char *) zone->path.data);

    type = machine->mounted ? machine->mount.type : NULL;

    ngx_http_bigcache_force_text(rows, "file_system", type,
                                 type ? ngx_strlen(type) : 0);
    ngx_http_bigcache_force_flag(rows, "preadv2", machine->preadv2);
    ngx_http_bigcache_force_flag(rows, "cachestat", machine->cachestat);
    ngx_http_bigcache_force_text(rows, "packed_by", machine->packer,
                                 ngx_strlen(machine->packer));
    ngx_http_bigcache_force_text(rows, "index", machine->index,
                                 ngx_strlen(machine->index));
}


static void
ngx_http_bigcache_force_text(ngx_http_bigcache_force_rows_t *rows,
    const char *name, const char *data, size_t len)
{
    ngx_http_bigcache_force_row_t  *row;

    row = ngx_http_bigcache_force_row(rows, name, NGX_HTTP_BIGCACHE_FORCE_TEXT,
                                      0);
    row->text.data = (u_char *) data;
    row->text.len = len;
    row->null = (data == NULL);
    row->none = "not known";
}


/* 0 is null */

static void
ngx_http_bigcache_force_size(ngx_http_bigcache_force_rows_t *rows,
    const char *name, uint64_t size)
{
    ngx_http_bigcache_force_row_t  *row;

    row = ngx_http_bigcache_force_row(rows, name, NGX_HTTP_BIGCACHE_FORCE_SIZE,
                                      size);
    row->null = (size == 0);
}


/* known is 1, 0, or -1 */

static void
ngx_http_bigcache_force_flag(ngx_http_bigcache_force_rows_t *rows,
    const char *name, int known)
{
    ngx_http_bigcache_force_row_t  *row;

    row = ngx_http_bigcache_force_row(rows, name, NGX_HTTP_BIGCACHE_FORCE_FLAG,
                                      known == 1);
    row->null = (known == -1);
    row->none = "not known";
}


static ngx_http_bigcache_force_row_t *
ngx_http_bigcache_force_row(ngx_http_bigcache_force_rows_t *rows,
    const char *name, ngx_http_bigcache_force_kind_e kind, uint64_t n)
{
    ngx_http_bigcache_force_row_t  *row;

    row = &rows->rows[rows->nrows++];

    row->name = name;
    row->kind = kind;
    row->n = n;
    row->none = (kind == NGX_HTTP_BIGCACHE_FORCE_TIME) ? "off" : "none";

    return row;
}


static ngx_int_t
ngx_http_bigcache_force_json(ngx_pool_t *pool,
    ngx_http_bigcache_force_rows_t *rows, ngx_str_t *json)
{
    u_char      *p;
    ngx_uint_t   i;

    p = ngx_pnalloc(pool, ngx_http_bigcache_force_len(rows));
    if (p == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    for (i = 0; i < rows->nrows; i++) {
        p = ngx_sprintf(p, "%s\"%s\":", i ? "," : "{", rows->rows[i].name);
        p = ngx_http_bigcache_force_value(p, &rows->rows[i], 0);
    }

    *p++ = '}';

    json->len = p - json->data;

    return NGX_OK;
}


static void
ngx_http_bigcache_force_say(ngx_pool_t *pool, ngx_log_t *log,
    ngx_http_bigcache_force_rows_t *rows, ngx_str_t *path)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_uint_t   i;

    text.data = ngx_pnalloc(pool, ngx_http_bigcache_force_len(rows));
    if (text.data == NULL) {
        return;
    }

    p = text.data;

    for (i = 0; i < rows->nrows; i++) {
        p = ngx_sprintf(p, "%s%s: ", i ? ", " : "", rows->rows[i].name);
        p = ngx_http_bigcache_force_value(p, &rows->rows[i], 1);
    }

    text.len = p - text.data;

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "bigcache store \"%V\" has in force: %V", path, &text);
}


/* returns more bytes than either form of all rows needs */

static size_t
ngx_http_bigcache_force_len(ngx_http_bigcache_force_rows_t *rows)
{
    size_t      len;
    ngx_uint_t  i;

    len = sizeof("{}");

    for (i = 0; i < rows->nrows; i++) {
        len += ngx_strlen(rows->rows[i].name) + NGX_HTTP_BIGCACHE_FORCE_VALUE
               + rows->rows[i].text.len * BIGCACHE_JSON_STRING_GROWTH;
    }

    return len;
}


static u_char *
ngx_http_bigcache_force_value(u_char *p, ngx_http_bigcache_force_row_t *row,
    ngx_uint_t log)
{
    bigcache_str_t  text;

    if (row->null) {
        return ngx_sprintf(p, "%s", log ? row->none : "null");
    }

    switch (row->kind) {

    case NGX_HTTP_BIGCACHE_FORCE_TEXT:

        if (log) {
            return ngx_cpymem(p, row->text.data, row->text.len);
        }

        text.data = row->text.data;
        text.len = row->text.len;

        *p++ = '"';
        p = bigcache_json_string(p, &text);
        *p++ = '"';

        return p;

    case NGX_HTTP_BIGCACHE_FORCE_SIZE:
        return log ? ngx_http_bigcache_force_bytes(p, row->n)
                   : ngx_sprintf(p, "%uL", row->n);

    case NGX_HTTP_BIGCACHE_FORCE_TIME:
        p = (row->n % 1000) ? ngx_sprintf(p, "%uL.%03uL", row->n / 1000,
                                          row->n % 1000)
                            : ngx_sprintf(p, "%uL", row->n / 1000);

        return log ? ngx_sprintf(p, "s") : p;

    case NGX_HTTP_BIGCACHE_FORCE_FLAG:
        return ngx_sprintf(p, "%s", log ? (row->n ? "on" : "off")
                                        : (row->n ? "true" : "false"));

    default: /* NGX_HTTP_BIGCACHE_FORCE_NUMBER */
        return ngx_sprintf(p, "%uL", row->n);
    }
}


/* as a size in the configuration */

static u_char *
ngx_http_bigcache_force_bytes(u_char *p, uint64_t size)
{
    ngx_uint_t         i;

    static const char  units[] = "kmg";

    for (i = 0; size && size % 1024 == 0 && i < sizeof(units) - 1; i++) {
        size /= 1024;
    }

    p = ngx_sprintf(p, "%uL", size);

    if (i) {
        *p++ = (u_char) units[i - 1];
    }

    return p;
}

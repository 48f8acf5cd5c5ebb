
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The nginx side of bigcache, for any front end, whatever its URLs look like.
 *
 * A front end is a handler with rows of ngx_http_bigcache_route_t: src/api/ is
 * one.  A request goes through these files in this order.  All of it runs in
 * the event loop, except the operation, which a pool thread runs:
 *
 *     ctx        the context of the request, and where to find it again
 *     buffer     has nginx read the request body
 *     body       the request body, for operations that store it
 *     task       posts the operation, resumes the request
 *     turn       lets long operations wait for each other before that
 *     batch      lets a thread run several short operations
 *     gauges     another way into a thread and back, which does not wait long
 *     job        likewise for what no request waits for to its end
 *     status     notes and counts what came of the operation
 *     sample     puts what was counted into the history, at times
 *     send       header and body of the answer
 *     unpack     the bytes of a packed page, as the client reads them
 *
 * parameter, path, cluster, text and force belong to the configuration, zone to
 * the shared memory, worker to the process, variables to $bigcache_status.
 *
 * The configuration is read-only once nginx serves, except zone->cache and
 * zone->pool, which belong to the process.  A context lives as long as its
 * request, and a pool cleanup frees what its operation holds.
 */


#ifndef _NGX_HTTP_BIGCACHE_H_INCLUDED_
#define _NGX_HTTP_BIGCACHE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_history.h"
#include "bigcache_hot.h"
#include "bigcache_lease.h"
#include "bigcache_metrics.h"
#include "bigcache_op.h"
#include "bigcache_page_metrics.h"
#include "bigcache_rest_lease.h"
#include "bigcache_servers.h"
#include "bigcache_shared.h"
#include "bigcache_uses.h"


/* the smallest zone that has a history */

#define NGX_HTTP_BIGCACHE_HISTORY_MIN  (128 * 1024)

/* slots, by hash, for keys that are being removed, in a zone without room */

#define NGX_HTTP_BIGCACHE_REMOVING   128

/* removals that were asked for and are not done */

typedef struct {
    _Atomic int32_t                   n;
    _Atomic int64_t                   until;    /* monotonic ms: n does not
                                                   count after that, as a
                                                   process may have died */
    _Atomic uint64_t                  removals; /* begun and done, ever */
} ngx_http_bigcache_removing_t;

/* the zone of a store, for all processes */

typedef struct {
    bigcache_metrics_t                metrics;
    bigcache_page_metrics_t           pages;    /* metrics of page caching */
    bigcache_shared_t                 shared;
    bigcache_servers_t                servers;  /* of a cluster */
    bigcache_lease_shm_t             *lease;    /* NULL: the zone is small */
    bigcache_rest_lease_shm_t        *rest_lease;   /* the same */
    bigcache_uses_shm_t              *uses;     /* the same */
    ngx_http_bigcache_removing_t     *removing; /* slots: those below, or
                                                   more in a part of the
                                                   zone */
    size_t                            nremoving;
    ngx_http_bigcache_removing_t      removing_few[NGX_HTTP_BIGCACHE_REMOVING];
    ngx_http_bigcache_removing_t      groups;   /* removals of groups under
                                                   way, of any origin */
    _Atomic uint64_t                  purges;   /* that may concern any page */
    _Atomic uint64_t                  clears;   /* of the store, closings and
                                                   openings */
    _Atomic uint64_t                  bodies;   /* of requests, ever, that were
                                                   in temporary files */
    bigcache_history_t               *history;  /* NULL: the zone is small */
    bigcache_hot_shm_t               *hot;      /* the rest of the zone */
} ngx_http_bigcache_shm_t;


typedef struct ngx_http_bigcache_batch_s  ngx_http_bigcache_batch_t;


/* the operations in a pool of threads, in a worker process */

typedef struct {
    ngx_http_bigcache_batch_t        *batch;      /* of short ones */
    ngx_queue_t                       waiting;    /* long ones, for a turn */
    ngx_uint_t                        nwaiting;
    ngx_uint_t                        taken;      /* turns */
    _Atomic ngx_uint_t                threads;    /* that ever ran one */
} ngx_http_bigcache_pool_t;

typedef enum {
    NGX_HTTP_BIGCACHE_TURN_NONE = 0,
    NGX_HTTP_BIGCACHE_TURN_WAITING,
    NGX_HTTP_BIGCACHE_TURN_TAKEN
} ngx_http_bigcache_turn_e;

typedef struct {
    ngx_queue_t                       queue;
    ngx_http_bigcache_pool_t         *pool;
    ngx_event_t                      *event;      /* posted when it is taken */
    ngx_http_bigcache_turn_e          state;
} ngx_http_bigcache_turn_t;


/* what is in force for a store, see ngx_http_bigcache_force.c */

typedef struct {
    ngx_str_t                         json;       /* all of it, for /stat */
    size_t                            body_buffer;    /* the least that is set
                                                         in its locations */
    off_t                             max_body;   /* the largest there */
    unsigned                          max_body_any:1;  /* there is no limit */
    unsigned                          copies:1;   /* one has no sendfile */
    unsigned                          pushes:1;   /* or no tcp_nopush */
} ngx_http_bigcache_force_t;

/* a store: one bigcache_path or bigcache_cluster line */

typedef struct {
    ngx_str_t                         name;       /* of the zone */
    ngx_str_t                         path;
    ngx_shm_zone_t                   *shm_zone;
    ngx_thread_pool_t                *thread_pool;
    ngx_str_t                         pool_name;
    ngx_cycle_t                      *cycle;
    struct bigcache_local_conf_s     *conf;       /* of the engine; NULL if it
                                                     is another one */
    void                             *cluster;    /* likewise */
    void                             *settings;   /* one of the two */
    ngx_flag_t                        gzip;
    uint64_t                          max_size;   /* of the path, 0: any */
    ngx_uint_t                        given;      /* parameters, as bits */
    unsigned                          bounded:1;  /* max_size or min_free */
    unsigned                          warned:1;   /* that it is not */
    unsigned                          sized:1;    /* shm_zone, by us */
    ngx_http_bigcache_force_t         force;

    ngx_http_bigcache_shm_t          *shm;
    bigcache_hot_t                    hot;        /* in it, shm NULL: none */

    /* of a worker process */
    bigcache_cache_t                 *cache;
    ngx_http_bigcache_pool_t         *pool;       /* of thread_pool */
    bigcache_metrics_place_t         *place;      /* in metrics, or NULL */
    ngx_thread_task_t                *gauges;     /* of metrics, or NULL */
    ngx_connection_t                 *quit;       /* tells when to quit */
    ngx_event_t                       retry;      /* to start them */
    ngx_msec_t                        delay;      /* of it */
    ngx_event_t                       sample;     /* for the history */
} ngx_http_bigcache_zone_t;


typedef struct {
    ngx_array_t                       zones;  /* ngx_http_bigcache_zone_t * */
    ngx_array_t                      *locations;  /* of text */
    unsigned                          noticed:1;  /* by buffer */
} ngx_http_bigcache_main_conf_t;


typedef struct {
    ngx_shm_zone_t                   *shm_zone;
    ngx_http_bigcache_zone_t         *zone;
    ngx_str_t                         base;
    ngx_flag_t                        key_args;
    ngx_flag_t                        send_gzip;  /* if the client accepts it */
    ngx_array_t                      *origins;    /* other sites that may
                                                     change something */
    ngx_http_complex_value_t         *lease;      /* who may have leases, NULL:
                                                     who may write */
    time_t                            lease_time;
    ngx_uint_t                        server;     /* has such a location */
    ngx_uint_t                        json;       /* nginx's own errors are
                                                     JSON without a zone, too */
} ngx_http_bigcache_loc_conf_t;


typedef struct ngx_http_bigcache_ctx_s  ngx_http_bigcache_ctx_t;
typedef struct ngx_http_bigcache_unpack_s  ngx_http_bigcache_unpack_t;
typedef struct ngx_http_bigcache_lease_s  ngx_http_bigcache_lease_t;

typedef ngx_int_t (*ngx_http_bigcache_reply_pt)(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


#define NGX_HTTP_BIGCACHE_UNPROCESSABLE  422

/*
 * what a thread does for no request: run in the thread, and done after it in
 * the event loop; if failed is set, run was not called
 */

typedef struct ngx_http_bigcache_job_s  ngx_http_bigcache_job_t;

struct ngx_http_bigcache_job_s {
    ngx_thread_task_t                 task;
    ngx_http_bigcache_zone_t         *zone;
    void                            (*run)(ngx_http_bigcache_job_t *job);
    void                            (*done)(ngx_http_bigcache_job_t *job);
    ngx_http_bigcache_turn_t          turn;
    unsigned                          large:1;
    unsigned                          brief:1;    /* a read: may share a task */
    unsigned                          waiting:1;  /* for its turn */
    unsigned                          failed:1;
};


/* flags of a route, for this folder; those of a front end begin at 0x100 */

#define NGX_HTTP_BIGCACHE_READS       0x01    /* finds a page, or misses it */
#define NGX_HTTP_BIGCACHE_REMOVES     0x02    /* op.n counts what it removed */
#define NGX_HTTP_BIGCACHE_LONG        0x04    /* may hold a thread for long */
#define NGX_HTTP_BIGCACHE_FIRST       0x08    /* goes before others like it */
#define NGX_HTTP_BIGCACHE_PURGES      0x10    /* pages of upstreams, too */


/* one operation that a front end offers: for src/api/, a path and a method */

typedef struct {
    ngx_uint_t                        methods;
    ngx_str_t                         path;
    bigcache_metric_e                 metric;
    ngx_uint_t                        flags;
    bigcache_op_peek_pt               peek;   /* without a thread, or NULL */
    bigcache_op_pt                    op;     /* NULL: reply at once */
    ngx_str_t                         done;   /* $bigcache_status */
    ngx_http_bigcache_reply_pt        reply;
    const char                       *message;    /* of that, or NULL */
} ngx_http_bigcache_route_t;


struct ngx_http_bigcache_ctx_s {
    ngx_http_request_t               *request;
    const ngx_http_bigcache_route_t  *route;
    ngx_http_bigcache_zone_t         *zone;
    ngx_http_handler_pt               handler;    /* when the thread is back */
    bigcache_op_t                     op;
    ngx_str_t                         status;     /* $bigcache_status */
    ngx_str_t                         error;      /* of the error filter */
    ngx_table_elt_t                  *cache_status;
    int64_t                           start;      /* monotonic us */
    ngx_uint_t                        said;       /* status as intended */
    ngx_http_bigcache_unpack_t       *unpack;     /* its reply, or NULL */
    ngx_http_bigcache_lease_t        *lease;      /* a front end's, or NULL */
    unsigned                          idle:1;     /* no operation is run */
    unsigned                          waiting:1;  /* for a thread */
    unsigned                          large:1;    /* the page is large */
    unsigned                          answered:1; /* the answer is ours */
    unsigned                          error_sent:1;
};


extern ngx_module_t  ngx_http_bigcache_module;


/* ctx */

/*
 * Makes the context of a request that a front end handles, with an empty
 * operation.  Both are freed with the request.  Returns NULL if out of memory.
 */
ngx_http_bigcache_ctx_t *ngx_http_bigcache_ctx_create(ngx_http_request_t *r);

/*
 * Returns the context of the latest bigcache location that the request itself
 * went through, or NULL.  The request may be in another location by now.
 * Contexts of its subrequests do not count.
 */
ngx_http_bigcache_ctx_t *ngx_http_bigcache_ctx_find(ngx_http_request_t *r);


/* fields: the lines of a header that are not read yet; short, so inline */

typedef struct {
    ngx_list_part_t                  *part;
    ngx_uint_t                        i;
} ngx_http_bigcache_fields_t;


/* begins with the first line */

static ngx_inline void
ngx_http_bigcache_fields(ngx_http_bigcache_fields_t *fields, ngx_list_t *lines)
{
    fields->part = &lines->part;
    fields->i = 0;
}

/* returns the next line, also one that nginx has dropped, or NULL */

static ngx_inline ngx_table_elt_t *
ngx_http_bigcache_fields_next(ngx_http_bigcache_fields_t *fields)
{
    ngx_table_elt_t  *h;

    while (fields->i >= fields->part->nelts) {

        if (fields->part->next == NULL) {
            return NULL;
        }

        fields->part = fields->part->next;
        fields->i = 0;
    }

    h = fields->part->elts;

    return &h[fields->i++];
}

/* returns 1 if the field has that name, in any case, or 0 */

static ngx_inline ngx_uint_t
ngx_http_bigcache_fields_is(const ngx_table_elt_t *h, const char *name)
{
    return h->key.len == ngx_strlen(name)
           && ngx_strncasecmp(h->key.data, (u_char *) name, h->key.len) == 0;
}


/* buffer */

/* what nginx takes for a client_body_buffer_size that nobody has set */

#define NGX_HTTP_BIGCACHE_BUFFER_UNSET  (2 * ngx_pagesize)

/*
 * As ngx_http_read_client_request_body(), but into a buffer that is large
 * enough, unless client_body_buffer_size is set, or others have taken the
 * room.  A content handler must call it and then return.
 */
ngx_int_t ngx_http_bigcache_buffer_read(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt handler);

/* a notice, one for a configuration, if it sets a small buffer */

void ngx_http_bigcache_buffer_check(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);


/* body */

/*
 * Describes the request body, which nginx has read: it is in memory, or a
 * range of nginx's temporary file, which is counted.
 */
ngx_int_t ngx_http_bigcache_body(ngx_http_request_t *r,
    bigcache_data_t *body);


/* task */

/*
 * Runs ctx->op in a thread, after its turn has come.  Then runs handler in the
 * event loop, and finalizes the request with what that returns.  Returns
 * NGX_OK; NGX_BUSY if a queue is full, then ctx->op says so; or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_task_post(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_http_handler_pt handler);


/* gauges */

/*
 * The same for the gauges.  If they do not come within a second, handler is
 * called without them.  If NGX_BUSY is returned, ctx->op does not say so: the
 * caller must answer without gauges.
 */
ngx_int_t ngx_http_bigcache_gauges(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_http_handler_pt handler);


/*
 * job: posts a job, whose zone, run and done the caller must set, and whose
 * memory must stay until done is called.  If large is set, it waits for a turn
 * as long operations do.  If brief is set, a thread may run it after others, as
 * short reads.  Returns NGX_OK; or NGX_BUSY if a queue is full: then neither
 * run nor done is called.
 */
ngx_int_t ngx_http_bigcache_job_post(ngx_http_bigcache_job_t *job);


/* turn: which of the long operations may have a thread */

/* returns a pool without known threads, or NULL if out of memory */

ngx_http_bigcache_pool_t *ngx_http_bigcache_turn_create_pool(
    ngx_pool_t *memory, ngx_thread_pool_t *thread_pool);

/* counts the calling thread as one of the pool */

void ngx_http_bigcache_turn_count_thread(ngx_http_bigcache_pool_t *pool);

/*
 * Takes a turn, or waits for one without blocking; if first is set, before all
 * others that wait.  Returns NGX_OK; NGX_BUSY if too many wait; or NGX_AGAIN:
 * turn->event, which the caller must set before, is posted when the turn is
 * taken.  The caller must call ngx_http_bigcache_turn_end() when the operation
 * is over or is not run.
 */
ngx_int_t ngx_http_bigcache_turn_take(ngx_http_bigcache_pool_t *pool,
    ngx_http_bigcache_turn_t *turn, ngx_uint_t first);

/*
 * ends a turn that is taken or waited for, or does nothing; others may begin
 */

void ngx_http_bigcache_turn_end(ngx_http_bigcache_turn_t *turn);


/* batch: short operations that a thread runs one after the other */

/* returns NULL if out of memory */

ngx_http_bigcache_batch_t *ngx_http_bigcache_batch_create(ngx_pool_t *memory,
    ngx_thread_pool_t *thread_pool);

/*
 * Posts a task, as ngx_thread_task_post() does.  The handler of its event may
 * be called with ev->error set: then the queue of the thread pool was full, and
 * the task was not run.
 */
ngx_int_t ngx_http_bigcache_batch_post(ngx_http_bigcache_batch_t *batch,
    ngx_thread_task_t *task);


/* send: all return what the request must be finalized with */

/* sends ctx->op.reply, with the ETag and the date of the page */

ngx_int_t ngx_http_bigcache_send_page(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* sends ctx->op.reply as it is */

ngx_int_t ngx_http_bigcache_send_reply(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * Returns 1 if nginx must answer an error, from the status alone: in a
 * subrequest, and if the location has an error_page for it.  Then the caller
 * must add no headers, and must not read the body of the request.
 */
ngx_uint_t ngx_http_bigcache_send_status_only(ngx_http_request_t *r,
    ngx_uint_t status);

/* sends a document, which is copied */

ngx_int_t ngx_http_bigcache_send_json(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *body);

/*
 * Sends bytes, which must stay, for a front end without a context: neither an
 * error_page nor the error filter answers instead.
 */
ngx_int_t ngx_http_bigcache_send_bytes(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_str_t *body);

/* the type of a document */

extern ngx_str_t  ngx_http_bigcache_send_json_text;

/*
 * Adds Content-Encoding if the body is packed, and Vary if there is another
 * form of it for other clients, and clients get packed pages here at all.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_send_encoding(ngx_http_request_t *r,
    ngx_uint_t packed, ngx_uint_t varies);

/* returns a buffer with a piece of a body, which must stay, or NULL */

ngx_buf_t *ngx_http_bigcache_send_buf(ngx_http_request_t *r,
    bigcache_data_t *data);

/*
 * Returns 1 if a body that is in a file in the page cache is better sent from
 * there than from memory, or 0.
 */
ngx_uint_t ngx_http_bigcache_send_by_file(ngx_http_request_t *r);

/* adds a header line to the answer; returns it, or NULL */

ngx_table_elt_t *ngx_http_bigcache_send_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * Removes header lines that describe a body which was not sent: an earlier
 * handler, for example a backend with X-Accel-Redirect, has set them before
 * the request came here.  Other lines stay, as with nginx's static files:
 * cookies, how long to keep the answer.
 */
void ngx_http_bigcache_send_forget(ngx_http_request_t *r);

/*
 * Sets the content type, as it is, and the charset that it names, or none.
 */
void ngx_http_bigcache_send_type(ngx_http_request_t *r, ngx_str_t *type);

void ngx_http_bigcache_send_json_type(ngx_http_request_t *r);


/* unpack: pages that are unpacked while they are sent */

void ngx_http_bigcache_unpack_init(void);

/*
 * Sends before, which may be NULL, and then the unpacked bytes of a gzip file,
 * from ctx->op.skip on.  Returns what ngx_http_output_filter() does.
 */
ngx_int_t ngx_http_bigcache_unpack(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_chain_t *before, bigcache_str_t *file);


/*
 * text: clears send_gzip in locations where a filter works on the text of
 * pages.  ngx_http_bigcache_text_add() must be called for each location of
 * bigcache when it is merged, ngx_http_bigcache_text_init() at the end of the
 * configuration.  Both return NGX_ERROR if out of memory.
 */
ngx_int_t ngx_http_bigcache_text_add(ngx_conf_t *cf,
    ngx_http_bigcache_loc_conf_t *blcf);
ngx_int_t ngx_http_bigcache_text_init(ngx_conf_t *cf);


/* parameter */

#define NGX_HTTP_BIGCACHE_HOUR  (3600 * 1000)

typedef enum {
    NGX_HTTP_BIGCACHE_PARAMETER_ZONE = 0,
    NGX_HTTP_BIGCACHE_PARAMETER_POOL,
    NGX_HTTP_BIGCACHE_PARAMETER_GZIP,
    NGX_HTTP_BIGCACHE_PARAMETER_TIME,   /* unsigned, milliseconds */
    NGX_HTTP_BIGCACHE_PARAMETER_SIZE,   /* size_t */
    NGX_HTTP_BIGCACHE_PARAMETER_BYTES,  /* uint64_t */
    NGX_HTTP_BIGCACHE_PARAMETER_NUMBER, /* unsigned */
    NGX_HTTP_BIGCACHE_PARAMETER_TEXT,   /* ngx_str_t, not empty if given */
    NGX_HTTP_BIGCACHE_PARAMETER_GONE    /* of an earlier release */
} ngx_http_bigcache_parameter_e;

/*
 * a row of a table, which ends with an empty name; a time that has a min may
 * also be "off", which is 0
 */

typedef struct {
    ngx_str_t                         name;
    ngx_http_bigcache_parameter_e     kind;
    size_t                            offset;     /* in zone->settings */
    uint64_t                          min;
    uint64_t                          max;
    uint64_t                          init;       /* if it is not given */
} ngx_http_bigcache_parameter_t;


/* sets all parameters of a table to their defaults */

void ngx_http_bigcache_parameter_init(ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameters);

/* sets one as it is given; returns NGX_CONF_OK, or what a directive returns */

char *ngx_http_bigcache_parameter(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone,
    const ngx_http_bigcache_parameter_t *parameters, ngx_str_t *value);

/* ends the directive: the store has all it needs; returns the same */

char *ngx_http_bigcache_parameter_end(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_bigcache_main_conf_t *bmcf, ngx_http_bigcache_zone_t *zone);


/* path: the bigcache_path directive */

char *ngx_http_bigcache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* cluster: the bigcache_cluster directive */

char *ngx_http_bigcache_cluster(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* for each such zone, when the configuration was read */

ngx_int_t ngx_http_bigcache_cluster_end(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone);

/* what is in force for such a store, see ngx_http_bigcache_force.c */

typedef struct {
    ngx_uint_t                        servers;    /* that are named */
    ngx_uint_t                        buckets;
    ngx_uint_t                        replicas;
    ngx_msec_t                        wait;
    ngx_msec_t                        timeout;
    size_t                            gzip_min;
} ngx_http_bigcache_cluster_force_t;

void ngx_http_bigcache_cluster_force(ngx_http_bigcache_zone_t *zone,
    ngx_http_bigcache_cluster_force_t *force);

/* makes the cache of this process, or returns NULL if out of memory */

bigcache_cache_t *ngx_http_bigcache_cluster_create(
    ngx_http_bigcache_zone_t *zone);


/* zone: the shared memory of a store */

/*
 * makes the zone of a bigcache_path line; the caller must set the parameters
 */

ngx_http_bigcache_zone_t *ngx_http_bigcache_zone_create(ngx_conf_t *cf);

/*
 * what the engine of a zone gets: where its log lines go, and what it calls
 * when upkeep has removed pages
 */

bigcache_log_t ngx_http_bigcache_zone_log(ngx_http_bigcache_zone_t *zone);
void ngx_http_bigcache_zone_removed(void *data, uint64_t expired,
    uint64_t purged);

/* chooses the sizes of the zones that are given none, once all are known */

void ngx_http_bigcache_zone_sizes(ngx_conf_t *cf, ngx_array_t *zones);

ngx_int_t ngx_http_bigcache_zone_init(ngx_shm_zone_t *shm_zone, void *data);

/* returns how the size came about, in words */

const char *ngx_http_bigcache_zone_sized(ngx_http_bigcache_zone_t *zone);

/* returns where the removals of a key are noted */

ngx_http_bigcache_removing_t *ngx_http_bigcache_zone_removing(
    ngx_http_bigcache_zone_t *zone, const ngx_str_t *key);

/* the same for the removals of a tag's pages, whose keys begin with site */

ngx_http_bigcache_removing_t *ngx_http_bigcache_zone_removing_group(
    ngx_http_bigcache_zone_t *zone, ngx_str_t *site, const u_char *tag,
    size_t len);

/*
 * Returns a number that has changed if the page of a key, or another one, was
 * removed since.
 */
uint64_t ngx_http_bigcache_zone_removals(ngx_http_bigcache_zone_t *zone,
    const ngx_str_t *key);


/* notes that pages were purged, any of which may be fetched just now */

void ngx_http_bigcache_zone_purged(ngx_http_bigcache_zone_t *zone);


/* worker: the stores of a process */

ngx_int_t ngx_http_bigcache_worker_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_bigcache_worker_init_process(ngx_cycle_t *cycle);
void ngx_http_bigcache_worker_exit_process(ngx_cycle_t *cycle);


/* force: what is in force */

/*
 * Notes what the configuration of a location says; bodies is 1 if the location
 * stores those of requests.
 */
void ngx_http_bigcache_force_location(ngx_http_bigcache_zone_t *zone,
    ngx_http_core_loc_conf_t *clcf, ngx_uint_t bodies);

/*
 * Finds out what is in force for a store, keeps it for /stat, and logs it.  May
 * block on the disk: only for the master.
 */
void ngx_http_bigcache_force(ngx_cycle_t *cycle,
    ngx_http_bigcache_zone_t *zone);

/*
 * Returns how many files a worker may have open: what the configuration says,
 * or what bigcache sets in its place.
 */
rlim_t ngx_http_bigcache_force_open_files(ngx_cycle_t *cycle);


/* variables: $bigcache_status */

ngx_int_t ngx_http_bigcache_variables_add(ngx_conf_t *cf);

/* sets who knows $bigcache_status of requests that have no context here */

void ngx_http_bigcache_variables_front(ngx_http_get_variable_pt handler);


/* status: $bigcache_status, Cache-Status, and the counters */

/* records the result of the operation, once for each request */

ngx_int_t ngx_http_bigcache_status(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * For a request that comes from another location of bigcache, whose context is
 * ctx, or NULL.  drop removes its Cache-Status: this location has its own.
 * last moves it after those that were added meanwhile: by RFC 9211 the cache
 * next to the client is the last member.
 */
void ngx_http_bigcache_status_drop(ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_status_last(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* counts the request when it is over */

void ngx_http_bigcache_status_measure(ngx_http_bigcache_ctx_t *ctx);


/* sample: the history; begins and ends the timer of a worker process */

void ngx_http_bigcache_sample_start(ngx_http_bigcache_zone_t *zone);
void ngx_http_bigcache_sample_stop(ngx_http_bigcache_zone_t *zone);


#endif /* _NGX_HTTP_BIGCACHE_H_INCLUDED_ */

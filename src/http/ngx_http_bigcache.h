
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The HTTP side of bigcache: what its files share.
 *
 * A request goes through them in this order, all of it in the event loop but
 * for the operation, which a pool thread runs:
 *
 *     route      the handler: finds the row of the route table, the key
 *     location   whether the location of the request is that of the key
 *     headers    what the request header says: lifetimes, conditions
 *     body       the request body, for those that store
 *     task       posts the operation, resumes the request
 *     turn       lets long operations wait for each other before that
 *     reply      the answer, from what came of the operation
 *     send       headers and bytes of it
 *     unpack     the bytes of a packed page, as the client reads them
 *
 * error is a filter beside it; origin refuses what pages of other sites send,
 * by browser, which is plain C; path and text, zone, worker and status belong
 * to the configuration, the shared memory, the process, and the variable;
 * metrics is the reply of /metrics, and its own way into a thread and back.
 *
 * The configuration is read-only once nginx serves, but for zone->cache and
 * zone->pool, which belong to the process.  A context lives as long as its
 * request, and a pool cleanup frees what its operation holds.
 */


#ifndef _NGX_HTTP_BIGCACHE_H_INCLUDED_
#define _NGX_HTTP_BIGCACHE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_browser.h"
#include "bigcache_op.h"
#include "bigcache_counters.h"
#include "bigcache_metrics.h"


/* what the zone of a store holds, for all processes */

typedef struct {
    bigcache_counters_t               counters;
    bigcache_metrics_t                metrics;
    bigcache_store_shared_t           shared;
    bigcache_hot_shm_t               *hot;      /* the rest of the zone */
} ngx_http_bigcache_shm_t;


/* long operations in the threads of a pool, of a worker process */

typedef struct {
    ngx_queue_t                       waiting;    /* for a turn */
    ngx_uint_t                        nwaiting;
    ngx_uint_t                        taken;      /* turns */
    _Atomic ngx_uint_t                threads;    /* that have worked */
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


/* a store: one bigcache_path line */

typedef struct {
    ngx_str_t                         name;       /* of the zone */
    ngx_str_t                         path;
    ngx_shm_zone_t                   *shm_zone;
    ngx_thread_pool_t                *thread_pool;
    ngx_cycle_t                      *cycle;
    bigcache_store_conf_t             conf;
    ngx_flag_t                        gzip;
    ngx_uint_t                        given;      /* parameters, as bits */

    ngx_http_bigcache_shm_t          *shm;
    bigcache_counters_t              *counters;   /* in it */
    bigcache_hot_t                    hot;        /* likewise */

    /* of a worker process */
    bigcache_cache_t                 *cache;
    ngx_http_bigcache_pool_t         *pool;       /* of thread_pool */
    bigcache_metrics_place_t         *place;      /* in metrics, or NULL */
    ngx_thread_task_t                *gauges;     /* of metrics, or NULL */
    ngx_connection_t                 *quit;       /* told when to quit */
    ngx_event_t                       retry;      /* to start them */
    ngx_msec_t                        delay;      /* of it */
} ngx_http_bigcache_zone_t;


typedef struct {
    ngx_array_t                       zones;  /* ngx_http_bigcache_zone_t * */
    ngx_array_t                      *locations;  /* of text */
} ngx_http_bigcache_main_conf_t;


typedef struct {
    ngx_shm_zone_t                   *shm_zone;
    ngx_http_bigcache_zone_t         *zone;
    ngx_str_t                         base;
    ngx_flag_t                        key_args;
    ngx_flag_t                        send_gzip;  /* to those who take it */
    ngx_array_t                      *origins;    /* other sites that may
                                                     change something, sites of
                                                     bigcache_browser.h */
    ngx_uint_t                        server;     /* has such a location */
} ngx_http_bigcache_loc_conf_t;


typedef struct ngx_http_bigcache_ctx_s  ngx_http_bigcache_ctx_t;
typedef struct ngx_http_bigcache_unpack_s  ngx_http_bigcache_unpack_t;

typedef ngx_int_t (*ngx_http_bigcache_reply_pt)(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


#define NGX_HTTP_BIGCACHE_UNPROCESSABLE  422

#define NGX_HTTP_BIGCACHE_PREFIX      0x01    /* a key follows the path */
#define NGX_HTTP_BIGCACHE_TRAILING    0x02    /* that keeps trailing slashes */
#define NGX_HTTP_BIGCACHE_BODY        0x04    /* the request body is needed */
#define NGX_HTTP_BIGCACHE_LIFETIME    0x08    /* headers carry a lifetime */
#define NGX_HTTP_BIGCACHE_CONDITIONS  0x10    /* writes under conditions */
#define NGX_HTTP_BIGCACHE_OWN_SITE    0x20    /* changes something, not for
                                                 other sites' pages */
#define NGX_HTTP_BIGCACHE_PREFER      0x40    /* has preferences to heed */
#define NGX_HTTP_BIGCACHE_PAGE        0x80    /* sends a page, packed or not */
#define NGX_HTTP_BIGCACHE_LIST        0x100   /* the key may be empty, the query
                                                 string is none of it */
#define NGX_HTTP_BIGCACHE_IMPATIENT   0x200   /* answers without the store if
                                                 that takes long */
#define NGX_HTTP_BIGCACHE_LONG        0x400   /* may hold a thread for long */
#define NGX_HTTP_BIGCACHE_FIRST       0x800   /* and goes before others so */


/* one endpoint and method: a row of the route table */

typedef struct {
    ngx_uint_t                        methods;
    ngx_str_t                         path;
    bigcache_metric_e                 metric;
    ngx_uint_t                        flags;
    bigcache_op_peek_pt               peek;   /* without a thread, or NULL */
    bigcache_op_pt                    op;     /* NULL: reply at once */
    ngx_str_t                         done;   /* $bigcache_status */
    ngx_http_bigcache_reply_pt        reply;
} ngx_http_bigcache_route_t;


struct ngx_http_bigcache_ctx_s {
    ngx_http_request_t               *request;
    const ngx_http_bigcache_route_t  *route;
    ngx_http_bigcache_zone_t         *zone;
    bigcache_op_t                     op;
    ngx_str_t                         status;     /* $bigcache_status */
    ngx_str_t                         error;      /* of the error filter */
    ngx_table_elt_t                  *cache_status;
    int64_t                           start;      /* monotonic us */
    ngx_uint_t                        said;       /* status, meant to be sent */
    ngx_http_bigcache_unpack_t       *unpack;     /* its reply, or NULL */
    unsigned                          waiting:1;  /* for a thread */
    unsigned                          large:1;    /* the page turned out so */
    unsigned                          answered:1; /* the answer is ours */
    unsigned                          error_sent:1;
};


extern ngx_module_t  ngx_http_bigcache_module;


/* route */

/* the content handler */

ngx_int_t ngx_http_bigcache_handler(ngx_http_request_t *r);

/*
 * Finds the endpoint that a path belongs to.  raw: it is as it was sent, with
 * its query string; in any other a "?" is part of the path.  Returns the first
 * row of that path, and in rest what follows it, or NULL.
 */
const ngx_http_bigcache_route_t *ngx_http_bigcache_find(ngx_str_t *base,
    ngx_str_t *uri, ngx_uint_t raw, ngx_str_t *rest);


/* adds the Allow header of an endpoint, given its first row */

ngx_int_t ngx_http_bigcache_allow(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t *route);

/*
 * Returns the context of the latest bigcache location that the request itself
 * went through, none of its subrequests, though it went on to another location
 * since; or NULL.
 */
ngx_http_bigcache_ctx_t *ngx_http_bigcache_request_ctx(ngx_http_request_t *r);


/* key */

/*
 * Makes the key of what follows the endpoint: rest, as it was sent if raw,
 * and the query string in it or in args.  Returns NULL, or what is wrong with
 * it, as a sentence.
 */
const char *ngx_http_bigcache_key(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_str_t *args, ngx_uint_t raw, ngx_uint_t flags, bigcache_str_t *key);


/*
 * Reads the query string of a list, "limit" and "after", into op.  Returns
 * NULL, or what is wrong with it.
 */
const char *ngx_http_bigcache_list_args(ngx_http_request_t *r,
    bigcache_op_t *op);


/* location */

/*
 * Tells whether the location that nginx has chosen for the path of the request
 * is the one that it chooses for the usual spelling of the key: only then have
 * the access rules of the key been applied.  raw: the path is as it was sent.
 * Of a path that was rewritten only the usual spelling passes.  Returns NGX_OK;
 * NGX_DECLINED if it is another location, or may be, then the request is to be
 * refused; or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_location(ngx_http_request_t *r, ngx_uint_t raw,
    const ngx_http_bigcache_route_t *route, bigcache_str_t *key);


/* headers */

/*
 * Reads what the route wants to know of the request header into ctx->op.
 * Returns NULL, or what is wrong with it.
 */
const char *ngx_http_bigcache_headers(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * Returns the next header line of a request, or NULL behind the last one;
 * *part is its first part in the beginning, and *i is 0.
 */
ngx_table_elt_t *ngx_http_bigcache_next_header(ngx_list_part_t **part,
    ngx_uint_t *i);

/* adds a header line to the answer; returns it, or NULL */

ngx_table_elt_t *ngx_http_bigcache_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


/* origin: the bigcache_origin directive */

char *ngx_http_bigcache_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Decides whether a request that changes something may be carried out.
 * Returns NULL, or why not: it is of a page on another site, or of a browser
 * that may do it by another method only.
 */
const char *ngx_http_bigcache_refused(ngx_http_request_t *r);


/* body */

/*
 * Describes the request body, which has been read: memory, or a range of
 * nginx's temporary file.
 */
ngx_int_t ngx_http_bigcache_body(ngx_http_request_t *r,
    bigcache_data_t *body);


/* task */

/*
 * Runs ctx->op in a thread, when it is its turn, then the route's reply, and
 * finalizes the request.  Returns NGX_OK; NGX_BUSY if a queue is full, which
 * ctx->op then says to the reply; or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_post(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


/* turn: which of the long operations may have a thread */

/* returns a pool of which no thread is known, or NULL if there is no memory */

ngx_http_bigcache_pool_t *ngx_http_bigcache_create_pool(ngx_pool_t *memory);

/* counts the thread that calls it as one of the pool */

void ngx_http_bigcache_worked(ngx_http_bigcache_pool_t *pool);

/*
 * Takes a turn, or has it wait, in front of the others if first.  Returns
 * NGX_OK; NGX_AGAIN: turn->event, which the caller has set, is posted when the
 * turn is taken; or NGX_BUSY if too many wait.  The caller must call
 * ngx_http_bigcache_turn_end() when the operation is over or is given up.
 */
ngx_int_t ngx_http_bigcache_turn_take(ngx_http_bigcache_pool_t *pool,
    ngx_http_bigcache_turn_t *turn, ngx_uint_t first);

/* ends a turn, which may be waited for, taken or none, and lets others begin */

void ngx_http_bigcache_turn_end(ngx_http_bigcache_turn_t *turn);


/* reply */

/*
 * Answers with what came of ctx->op, by the route's own reply if that is
 * well.  Returns what the request is to be finalized with.
 */
ngx_int_t ngx_http_bigcache_reply(ngx_http_request_t *r);

ngx_int_t ngx_http_bigcache_reply_page(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_raw(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_stored(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_document(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_deleted(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_purged(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_count(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_stat(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_cleared(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_closed(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_opened(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


/* metrics */

/*
 * Asks the store for its gauges, in a thread, then has the request answered,
 * and finalizes it; without them if they do not come in time.  Returns what
 * ngx_http_bigcache_post() does, but ctx->op says nothing bad.
 */
ngx_int_t ngx_http_bigcache_metrics_ask(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

ngx_int_t ngx_http_bigcache_reply_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


/* send: all return what the request is to be finalized with */

/* ctx->op.reply, with the ETag and the date of the page */

ngx_int_t ngx_http_bigcache_send_page(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* ctx->op.reply as it is */

ngx_int_t ngx_http_bigcache_send_reply(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* {"message":...}, a name in the middle of it */

ngx_int_t ngx_http_bigcache_send_message(ngx_http_request_t *r,
    ngx_uint_t status, const char *before, const bigcache_str_t *name,
    const char *after);

/*
 * Tells whether nginx is to be given the status of an error alone: where an
 * error_page of the location takes it over, and in a subrequest.  Then the
 * answer is to have no headers, and the body of the request is to be left
 * alone.
 */

ngx_uint_t ngx_http_bigcache_status_only(ngx_http_request_t *r,
    ngx_uint_t status);

/* {"detail":...} */

ngx_int_t ngx_http_bigcache_send_detail(ngx_http_request_t *r,
    ngx_uint_t status, const char *detail);

/* a document, which is copied */

ngx_int_t ngx_http_bigcache_send_json(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *body);

/*
 * Forgets what an earlier handler, which gave the request away, has said of
 * the body that it did not send: a backend by X-Accel-Redirect, for one.  What
 * it said of anything else stays, as it does with nginx's static files:
 * cookies, how long to keep the answer, what comes with a status.
 */

void ngx_http_bigcache_forget(ngx_http_request_t *r);

/*
 * Sets the content type, which is kept as it is, and its charset, or none if
 * it does not name one.
 */

void ngx_http_bigcache_type(ngx_http_request_t *r, ngx_str_t *type);

void ngx_http_bigcache_json_type(ngx_http_request_t *r);


/* unpack: pages that are unpacked while they are sent */

void ngx_http_bigcache_unpack_init(void);

/*
 * Sends before, which may be NULL, and what is in the gzip file of ctx->op
 * behind that, from ctx->op.skip on.  Returns what ngx_http_output_filter()
 * does.
 */
ngx_int_t ngx_http_bigcache_unpack(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_chain_t *before, bigcache_str_t *file);


/* error: JSON bodies for the errors that nginx itself raises */

void ngx_http_bigcache_error_init(void);


/*
 * text: where pages are not sent packed, since a filter works on their text
 *
 * add, for each location of bigcache when it is merged; then init, when all of
 * the configuration is, which clears send_gzip in those that have such a
 * filter.  Both return NGX_ERROR if there is no memory.
 */

ngx_int_t ngx_http_bigcache_text_add(ngx_conf_t *cf,
    ngx_http_bigcache_loc_conf_t *blcf);
ngx_int_t ngx_http_bigcache_text_init(ngx_conf_t *cf);


/* path: the bigcache_path directive */

char *ngx_http_bigcache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* zone: the shared memory of a store */

/* makes the zone of a bigcache_path line, with what is not set by it */

ngx_http_bigcache_zone_t *ngx_http_bigcache_create_zone(ngx_conf_t *cf);

ngx_int_t ngx_http_bigcache_init_zone(ngx_shm_zone_t *shm_zone, void *data);


/* worker: the stores of a process */

ngx_int_t ngx_http_bigcache_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_bigcache_init_process(ngx_cycle_t *cycle);
void ngx_http_bigcache_exit_process(ngx_cycle_t *cycle);


/* status: $bigcache_status, Cache-Status, and the counters */

ngx_int_t ngx_http_bigcache_add_variables(ngx_conf_t *cf);

/* notes what came of the operation, once for each request */

ngx_int_t ngx_http_bigcache_status(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * For a request that comes from another location of bigcache: drop takes back
 * its Cache-Status, for that of this location; last puts it behind those that
 * came in since, RFC 9211: the cache next to the client is the last member.
 */

void ngx_http_bigcache_status_drop(ngx_http_request_t *r);
ngx_int_t ngx_http_bigcache_status_last(ngx_http_request_t *r);

/* counts the request, when it is over */

void ngx_http_bigcache_measure(ngx_http_bigcache_ctx_t *ctx);


#endif /* _NGX_HTTP_BIGCACHE_H_INCLUDED_ */

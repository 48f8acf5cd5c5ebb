
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The HTTP API of bigcache: from a URL to an operation, and from its result to
 * JSON.
 *
 * A request goes through these files in this order:
 *
 *     handler    the content handler, which calls all of the others
 *     endpoint   finds what the request is for, by the next five
 *     route      finds the row of the route table
 *     origin     refuses what pages of other sites send, by browser, plain C
 *     key        makes the key
 *     location   whether the location of the request is that of the key
 *     headers    what the request header says: lifetimes, conditions
 *     lease      which client makes a missing entry
 *     waiting    the others wait for that
 *     reply      the answer, from what came of the operation
 *     metrics    the answer of /metrics
 *     metrics_text
 *                how metrics are written
 *     metrics_front
 *                its part of page caching
 *     history    the answer of /stat/history
 *
 * error is a filter beside it: it makes JSON of the errors that nginx raises.
 * All of it runs in the event loop.
 */


#ifndef _NGX_HTTP_BIGCACHE_API_H_INCLUDED_
#define _NGX_HTTP_BIGCACHE_API_H_INCLUDED_


#include "ngx_http_bigcache.h"


/* flags of a route, see ngx_http_bigcache.h for others */

#define NGX_HTTP_BIGCACHE_PREFIX      0x100   /* a key follows the path */
#define NGX_HTTP_BIGCACHE_TRAILING    0x200   /* that keeps trailing slashes */
#define NGX_HTTP_BIGCACHE_BODY        0x400   /* the request body is needed */
#define NGX_HTTP_BIGCACHE_LIFETIME    0x800   /* headers carry a lifetime */
#define NGX_HTTP_BIGCACHE_CONDITIONS  0x1000  /* writes under conditions */
#define NGX_HTTP_BIGCACHE_OWN_SITE    0x2000  /* changes something, not for
                                                 pages of other sites */
#define NGX_HTTP_BIGCACHE_PREFER      0x4000  /* has preferences to heed */
#define NGX_HTTP_BIGCACHE_PAGE        0x8000  /* sends a page, packed or not */
#define NGX_HTTP_BIGCACHE_LIST        0x10000 /* the key may be empty, the query
                                                 string is none of it */
#define NGX_HTTP_BIGCACHE_IMPATIENT   0x20000 /* answers without the store if
                                                 that takes long */
#define NGX_HTTP_BIGCACHE_URL         0x40000 /* the query string has the URL
                                                 of a page */
#define NGX_HTTP_BIGCACHE_STORES      0x80000 /* stores the body as a page */
#define NGX_HTTP_BIGCACHE_FRAMES      0x100000 /* the body may be a document
                                                  and bytes behind it, and
                                                  so may the answer */

#define NGX_HTTP_BIGCACHE_WAITS       0x1000000 /* may wait for an entry */
#define NGX_HTTP_BIGCACHE_TOKEN       0x2000000 /* may have the token of a
                                                   lease */

/* the type of these two */

#define NGX_HTTP_BIGCACHE_BATCH       "application/x-bigcache-batch"


/* handler */

ngx_int_t ngx_http_bigcache_handler(ngx_http_request_t *r);


/* endpoint */

/*
 * Finds the row of a request, makes its key, and reads the arguments of its
 * query string into op.  *route is set as soon as it is known.  Returns
 * NGX_DECLINED if the request is to be carried out.  Else it was answered, and
 * the return value is what it must be finalized with.
 */
ngx_int_t ngx_http_bigcache_endpoint(ngx_http_request_t *r, bigcache_op_t *op,
    const ngx_http_bigcache_route_t **route);


/* route */

/*
 * Finds the endpoint that a path belongs to.  raw: the path is as it was sent,
 * with its query string; otherwise a "?"  is part of the path.  Returns the
 * first row of that path, and in rest what follows it; or NULL.
 */
const ngx_http_bigcache_route_t *ngx_http_bigcache_route_find(ngx_str_t *base,
    ngx_str_t *uri, ngx_uint_t raw, ngx_str_t *rest);

/*
 * returns the row of the same path for a method, or NULL; first is the first
 * row
 */

const ngx_http_bigcache_route_t *ngx_http_bigcache_route_method(
    const ngx_http_bigcache_route_t *first, ngx_uint_t method);

/* adds the Allow header of an endpoint; route is its first row */

ngx_int_t ngx_http_bigcache_route_allow(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t *route);


/* origin: the bigcache_origin directive */

char *ngx_http_bigcache_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Decides whether a request that changes something may be carried out.
 * Returns NULL, or the reason why not: a page of another site sent it, or a
 * browser that must use another method.
 */
const char *ngx_http_bigcache_origin_refused(ngx_http_request_t *r);


/* key */

/*
 * Makes the key from what follows the endpoint: rest, which is as it was sent
 * if raw is set, and the query string in it or in args.  Returns NULL, or what
 * is wrong with it, as a sentence.
 */
const char *ngx_http_bigcache_key(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_str_t *args, ngx_uint_t raw, ngx_uint_t flags, bigcache_str_t *key);

/*
 * Read the query string into op: of a list "limit", "after", "tag", "kind"
 * and, for pages, "prefix"; of a look-up of pages "url" or "key", "variant",
 * "limit" and "after".  Return NULL, or what is wrong with it.
 */
const char *ngx_http_bigcache_key_list_args(ngx_http_request_t *r,
    bigcache_op_t *op);
const char *ngx_http_bigcache_key_page_args(ngx_http_request_t *r,
    bigcache_op_t *op);


/* location */

/*
 * Tells whether nginx has chosen the location that it would choose for the
 * usual spelling of the key: only then have the access rules of the key been
 * applied.  raw: the path is as it was sent.  A rewritten path passes only in
 * the usual spelling.  Returns NGX_OK; NGX_DECLINED if it is another location,
 * or may be: the caller must refuse the request; or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_location(ngx_http_request_t *r, ngx_uint_t raw,
    const ngx_http_bigcache_route_t *route, bigcache_str_t *key);


/* headers */

/*
 * Reads the headers that the flags of the route ask for into ctx->op.  Returns
 * NULL, or what is wrong with one of them.
 */
const char *ngx_http_bigcache_headers(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * Returns 1 if a content type is that of a batch with bytes behind its line, or
 * 0.
 */
ngx_uint_t ngx_http_bigcache_headers_framed(ngx_str_t *type);


/* lease: the bigcache_lease directive */

char *ngx_http_bigcache_lease_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* reads a Prefer header; returns NGX_OK, or NGX_ERROR if out of memory */

ngx_int_t ngx_http_bigcache_lease_prefer(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, bigcache_str_t *value);

/* reads a Bigcache-Lease header; returns NULL, or what is wrong with it */

const char *ngx_http_bigcache_lease_header(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value);

/*
 * Returns 1 if a request is to be answered by ngx_http_bigcache_lease(), or 0.
 * Its headers must have made a ctx->lease.
 */

ngx_uint_t ngx_http_bigcache_lease_wanted(ngx_http_bigcache_ctx_t *ctx);

/*
 * Answers a request for an entry with that, with the lease of its key, or after
 * another client has stored it.  Returns what a handler returns to nginx.
 */
ngx_int_t ngx_http_bigcache_lease(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* a reply: gives the lease of ctx->op.token back */

ngx_int_t ngx_http_bigcache_lease_returned(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


/* waiting: requests that wait for the end of a lease */

typedef struct ngx_http_bigcache_waiting_s  ngx_http_bigcache_waiting_t;

struct ngx_http_bigcache_waiting_s {
    ngx_queue_t               queue;    /* next is NULL: it does not wait */
    ngx_http_bigcache_ctx_t  *ctx;
    bigcache_rest_lease_t     lease;
    ngx_msec_t                until;
    void                    (*handler)(ngx_http_bigcache_waiting_t *w);
};

/*
 * Waits until the lease has ended or the time has come, and then calls
 * w->handler.  The caller must call ngx_http_bigcache_waiting_cancel() when the
 * request ends.
 */
void ngx_http_bigcache_waiting_add(ngx_http_bigcache_waiting_t *w);
void ngx_http_bigcache_waiting_cancel(ngx_http_bigcache_waiting_t *w);

/* has the requests of this process look at their leases, soon */

void ngx_http_bigcache_waiting_wake(void);


/* reply */

/*
 * Answers with the result of ctx->op: if that is BIGCACHE_OK, by the reply of
 * the route.  Returns what the request must be finalized with.
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
ngx_int_t ngx_http_bigcache_reply_batch(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_source(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_done(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_purged(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_purge(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_count(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_reply_stat(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/* {"detail":...} */

ngx_int_t ngx_http_bigcache_reply_detail(ngx_http_request_t *r,
    ngx_uint_t status, const char *detail);


/*
 * metrics_text: metrics as text, whose names begin with bigcache_.  Those that
 * end with _total are counters, others are gauges, and a histogram is neither.
 */

typedef struct {
    const char                       *name;       /* NULL: the end */
    const char                       *help;
    size_t                            offset;     /* of an uint64_t, which may
                                                     be atomic */
} ngx_http_bigcache_metric_t;

u_char *ngx_http_bigcache_metrics_text_head(u_char *p, const char *name,
    const char *help);
u_char *ngx_http_bigcache_metrics_text(u_char *p, const char *name,
    const char *help, uint64_t value);
u_char *ngx_http_bigcache_metrics_text_rows(u_char *p,
    const ngx_http_bigcache_metric_t *row, void *base);

/* the samples of a histogram; label may be empty */

u_char *ngx_http_bigcache_metrics_text_buckets(u_char *p, const char *name,
    const char *label, const uint64_t *buckets, uint64_t us);

/* metrics_front: writes the part of page caching, of that size at most */

size_t ngx_http_bigcache_metrics_front_size(void);
u_char *ngx_http_bigcache_metrics_front(u_char *p,
    const bigcache_page_metrics_sum_t *sum);


/*
 * servers: those of a cluster as one of the processes has seen them lately,
 * for /metrics and /stat.  The parts need their size at most, which is 0 for a
 * store in a directory.
 */

typedef struct {
    ngx_uint_t                        n;
    bigcache_server_t                 list[BIGCACHE_SERVERS_MAX];
} ngx_http_bigcache_servers_t;

/* returns NULL if nothing is known of them */

ngx_http_bigcache_servers_t *ngx_http_bigcache_servers(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

size_t ngx_http_bigcache_servers_metrics_size(
    ngx_http_bigcache_servers_t *servers);
u_char *ngx_http_bigcache_servers_metrics(u_char *p,
    ngx_http_bigcache_servers_t *servers);

/* the member "servers" of /stat, and a comma in front of it */

size_t ngx_http_bigcache_servers_json_size(
    ngx_http_bigcache_servers_t *servers);
u_char *ngx_http_bigcache_servers_json(u_char *p,
    ngx_http_bigcache_servers_t *servers);


/* metrics: the reply of /metrics */

ngx_int_t ngx_http_bigcache_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);


/* history: the reply of /stat/history */

ngx_int_t ngx_http_bigcache_history(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);

/*
 * Writes all series, at a time in ms, but for the brace at the end; of that
 * size at most, with the brace.
 */
size_t ngx_http_bigcache_history_size(void);
u_char *ngx_http_bigcache_history_write(u_char *p,
    const bigcache_history_view_t *views, int64_t now);


/* error: JSON bodies for the errors that nginx itself raises */

void ngx_http_bigcache_error_init(void);


#endif /* _NGX_HTTP_BIGCACHE_API_H_INCLUDED_ */

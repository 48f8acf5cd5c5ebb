
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The front end that caches what upstreams answer: one line, bigcache_pages, in
 * a location whose pages proxy_pass, fastcgi_pass, uwsgi_pass or scgi_pass
 * make.
 *
 * It is a handler in the phase before the content, and two filters before all
 * others.  A request goes through these files:
 *
 *     ctx        what is known about the request
 *     request    may it be answered from the cache; what the upstream is asked
 *     key        the key of its page
 *     lookup     finds the page, in the event loop or by a thread
 *     handler    decides: send, wait, fetch, or pass
 *     wait       requests that wait for the fetch of another one
 *     pass       lets it go to the upstream as it is
 *     lease      ends what they wait for
 *     resume     continues them
 *     send       sends a page that is stored
 *     flow       pages that are fetched just now, which others may read
 *     follow     sends such a page
 *     refresh    fetches a stale page in the background
 *     fetch      lets the upstream answer, and looks at that
 *     answer     may it be stored, for how long, and its head
 *     capture    takes the body from the upstream's temporary file
 *     put        stores it, by a thread
 *     invalidate removes pages after an unsafe request
 *     scheme     http or https, and the addresses that may say so
 *     purger     who may purge, the directive bigcache_purge
 *     purge      answers PURGE
 *     selectors  what that selects
 *     variables  $bigcache_status and others, Cache-Status
 *     conf       the directives
 *     conf_clash the directives of others that do not go with them
 *
 * All of it runs in the event loop, except run functions of jobs.  A context
 * belongs to one request in one location, and is freed with the request.  What
 * a job needs it copies: the request may end before it.
 */


#ifndef _NGX_HTTP_BIGCACHE_PAGES_H_INCLUDED_
#define _NGX_HTTP_BIGCACHE_PAGES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_fresh.h"
#include "bigcache_head.h"
#include "bigcache_selectors.h"
#include "bigcache_vary.h"
#include "ngx_http_bigcache.h"


/* bits of bigcache_ignore_headers; 0x01 is nginx's: it was given */

#define NGX_HTTP_BIGCACHE_PAGE_IGN_COOKIE    0x02
#define NGX_HTTP_BIGCACHE_PAGE_IGN_VARY      0x04
#define NGX_HTTP_BIGCACHE_PAGE_IGN_CONTROL   0x08
#define NGX_HTTP_BIGCACHE_PAGE_IGN_EXPIRES   0x10
#define NGX_HTTP_BIGCACHE_PAGE_IGN_ACCEL     0x20

/* values of bigcache_status_header */

#define NGX_HTTP_BIGCACHE_PAGE_STATUS_OFF    0
#define NGX_HTTP_BIGCACHE_PAGE_STATUS_ON     1
#define NGX_HTTP_BIGCACHE_PAGE_STATUS_KEY    2

/* bits of bigcache_stale: when the origin has failed */

#define NGX_HTTP_BIGCACHE_PAGE_ERROR         0x01
#define NGX_HTTP_BIGCACHE_PAGE_TIMEOUT       0x02
#define NGX_HTTP_BIGCACHE_PAGE_500           0x04
#define NGX_HTTP_BIGCACHE_PAGE_502           0x08
#define NGX_HTTP_BIGCACHE_PAGE_503           0x10
#define NGX_HTTP_BIGCACHE_PAGE_504           0x20
#define NGX_HTTP_BIGCACHE_PAGE_403           0x40
#define NGX_HTTP_BIGCACHE_PAGE_404           0x80
#define NGX_HTTP_BIGCACHE_PAGE_429           0x100


typedef struct {
    unsigned                          used:1;     /* by a location */
} ngx_http_bigcache_page_main_conf_t;


typedef struct {
    ngx_uint_t                        status;     /* 0: any */
    time_t                            time;
} ngx_http_bigcache_page_ttl_t;


/* a method of bigcache_purge */

typedef struct {
    ngx_str_t                         method;
    ngx_shm_zone_t                   *shm_zone;   /* NULL: that of the pages
                                                     of the location */
    ngx_str_t                         strip;      /* off the URI, or empty */
    ngx_array_t                      *addresses;  /* ngx_cidr_t */
} ngx_http_bigcache_page_purger_t;


typedef struct {
    ngx_shm_zone_t                   *shm_zone;   /* NULL: off */
    ngx_http_bigcache_zone_t         *zone;
    ngx_http_complex_value_t         *key;
    ngx_array_t                      *ignore_args;    /* bigcache_str_t */
    ngx_array_t                      *ignore_cookies;
    ngx_array_t                      *strip_cookies;
    ngx_array_t                      *ttl;
    time_t                            stale_while_revalidate;   /* -1: none */
    time_t                            stale_if_error;
    ngx_uint_t                        stale;      /* bits; 0: not given */
    ngx_array_t                      *bypass;
    ngx_array_t                      *no_store;
    ngx_flag_t                        lock;
    ngx_msec_t                        lock_timeout;
    ngx_msec_t                        lookup_timeout;
    ngx_uint_t                        ignore_headers;
    ngx_flag_t                        invalidate;
    ngx_flag_t                        reload;
    ngx_flag_t                        store_until_close;
    off_t                             max_page;
    ngx_uint_t                        min_uses;
    ngx_uint_t                        status_header;
    ngx_array_t                      *purgers;    /* NULL: nobody may */
    ngx_array_t                      *schemes;    /* ngx_cidr_t: of proxies
                                                     that say the scheme */
} ngx_http_bigcache_page_conf_t;


/* what became of a request: $bigcache_status */

typedef enum {
    NGX_HTTP_BIGCACHE_PAGE_NONE = 0,
    NGX_HTTP_BIGCACHE_PAGE_HIT,
    NGX_HTTP_BIGCACHE_PAGE_STALE,
    NGX_HTTP_BIGCACHE_PAGE_UPDATING,
    NGX_HTTP_BIGCACHE_PAGE_REVALIDATED,
    NGX_HTTP_BIGCACHE_PAGE_MISS,
    NGX_HTTP_BIGCACHE_PAGE_EXPIRED,
    NGX_HTTP_BIGCACHE_PAGE_BYPASS,
    NGX_HTTP_BIGCACHE_PAGE_PASS
} ngx_http_bigcache_page_status_e;

/* what the handler does next */

typedef enum {
    NGX_HTTP_BIGCACHE_PAGE_LOOKUP = 0,
    NGX_HTTP_BIGCACHE_PAGE_DECIDE,
    NGX_HTTP_BIGCACHE_PAGE_LEASE,
    NGX_HTTP_BIGCACHE_PAGE_WAITING,         /* for a lease, or a thread that
                                               looks for the page */
    NGX_HTTP_BIGCACHE_PAGE_LEASED,          /* lease_state says what came */
    NGX_HTTP_BIGCACHE_PAGE_FETCH,
    NGX_HTTP_BIGCACHE_PAGE_SEND,
    NGX_HTTP_BIGCACHE_PAGE_FOLLOW,
    NGX_HTTP_BIGCACHE_PAGE_DONE             /* nothing: the rest is nginx's */
} ngx_http_bigcache_page_step_e;

typedef struct ngx_http_bigcache_page_ctx_s  ngx_http_bigcache_page_ctx_t;
typedef struct ngx_http_bigcache_page_flow_s  ngx_http_bigcache_page_flow_t;
typedef struct ngx_http_bigcache_page_lookup_s
    ngx_http_bigcache_page_lookup_t;

/* the fields of the request that the upstream does not get, put back later */

#define NGX_HTTP_BIGCACHE_PAGE_WITHHELD  7

typedef struct {
    ngx_list_t                        headers;
    ngx_table_elt_t                  *fields[NGX_HTTP_BIGCACHE_PAGE_WITHHELD];
} ngx_http_bigcache_page_saved_t;

struct ngx_http_bigcache_page_ctx_s {
    ngx_http_request_t               *request;
    ngx_http_bigcache_page_conf_t    *conf;
    ngx_http_bigcache_page_step_e     step;
    ngx_http_bigcache_page_status_e   status;
    bigcache_page_metric_e            why;        /* of PASS */

    ngx_str_t                         url;        /* the key of the URL */
    ngx_str_t                         key;        /* the same, or a variant's */

    /* what was found */
    bigcache_page_t                   page;
    bigcache_head_t                   head;
    ngx_http_bigcache_page_lookup_t  *lookup;     /* under way, or NULL */
    ngx_event_t                       late;       /* when it takes too long */
    uint64_t                          latest;     /* see bigcache_page_t */
    ngx_uint_t                        again;      /* lookups after a lease */
    ngx_uint_t                        uses;       /* of the key; 0: not known */

    /* leases */
    bigcache_lease_t                  lease;
    bigcache_lease_e                  lease_state;
    int64_t                           since;      /* of bigcache_lease_take() */
    ngx_queue_t                       queue;      /* of waiting requests, or of
                                                     readers of flow */
    ngx_http_bigcache_page_flow_t    *flow;       /* it leads, or reads, or
                                                     NULL */
    ngx_file_t                        file;       /* that of flow */
    void                            (*more)(ngx_http_request_t *r,
                                          ngx_http_bigcache_page_ctx_t *ctx);
    ngx_msec_t                        until;      /* it waits until then */

    /* the fetch */
    int64_t                           asked;      /* monotonic us */
    ngx_http_bigcache_page_saved_t    saved;
    ngx_http_handler_pt               content;
    ngx_http_event_handler_pt         reading;    /* of the upstream module */
    ngx_http_upstream_t              *upstream;   /* that it watches, or NULL */
    void                            (*finalize)(ngx_http_request_t *r,
                                          ngx_int_t rc);
    ngx_uint_t                        upstream_status;
    ngx_int_t                       (*filter_init)(void *data);
    ngx_event_pipe_input_filter_pt    filter;
    ngx_http_event_handler_pt         writing;    /* of the upstream module */
    u_char                           *body;       /* captured in memory */
    off_t                             body_len;   /* captured, or read, so
                                                     far */
    ngx_event_t                       keep;       /* the worker meanwhile */
    off_t                             kept;       /* body_len at the last time
                                                     of keep */
    uint64_t                          removals;   /* before it was asked */
    bigcache_head_writer_t            writer;     /* of the head to store */
    int64_t                           expire;     /* ms since the epoch */
    bigcache_str_t                    tags;       /* encoded, likewise */
    bigcache_vary_t                  *vary;       /* fields that it varies by */
    ngx_table_elt_t                  *cache_status;

    unsigned                          found:1;
    unsigned                          varied:1;   /* key is a variant's */
    unsigned                          thread:1;   /* look up by a thread only */
    unsigned                          cookies:1;  /* some are not harmless */
    unsigned                          authorized:1;
    unsigned                          no_cache:1; /* the client wants it new */
    unsigned                          bypass:1;
    unsigned                          head_only:1;    /* HEAD */
    unsigned                          gzip:1;     /* the client accepts it */
    unsigned                          unsafe:1;   /* POST, for example */
    unsigned                          refresh:1;  /* in the background */
    unsigned                          refreshed:1;    /* by a subrequest */
    unsigned                          led:1;      /* it leads its lease */
    unsigned                          prepared:1; /* fields are saved */
    unsigned                          waited:1;   /* for another request */
    unsigned                          collapsed:1;    /* it reads its page */
    unsigned                          idle:1;     /* there is no more to read */
    unsigned                          conditional:1;  /* by validators of the
                                                         page that is stored */
    unsigned                          fetching:1;
    unsigned                          called:1;   /* the content handler */
    unsigned                          answered:1; /* the header was looked at */
    unsigned                          armed:1;    /* the body is captured */
    unsigned                          broken:1;   /* not as it was announced */
    unsigned                          packed:1;   /* the answer is gzip */
    unsigned                          plain:1;    /* it is not worth packing */
    unsigned                          sending:1;  /* a stored page */
    unsigned                          instead:1;  /* of the upstream's */
    unsigned                          sent:1;     /* its body */
    unsigned                          error_page:1;   /* it is set by us */
};


extern ngx_module_t  ngx_http_bigcache_pages_module;


/* counts what became of a request, or of a page */

static ngx_inline void
ngx_http_bigcache_page_count(ngx_http_bigcache_zone_t *zone,
    bigcache_page_metric_e metric)
{
    bigcache_page_metrics_add(&zone->shm->pages, (unsigned) ngx_worker,
                              metric);
}


/* conf: see the module for the directives; nginx's functions of a module */

void *ngx_http_bigcache_page_conf_create(ngx_conf_t *cf);
char *ngx_http_bigcache_page_conf_merge(ngx_conf_t *cf, void *parent,
    void *child);

char *ngx_http_bigcache_page_conf_pages(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_bigcache_page_conf_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_bigcache_page_conf_ttl(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_bigcache_page_conf_stale(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_bigcache_page_conf_min_uses(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_bigcache_page_conf_lock(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/*
 * conf_clash: returns NGX_OK, or NGX_ERROR, and logs which directive of another
 * module cannot be in this location.
 */
ngx_int_t ngx_http_bigcache_page_conf_clash(ngx_conf_t *cf);


/* handler: the phase handler */

ngx_int_t ngx_http_bigcache_page_handler(ngx_http_request_t *r);


/* ctx */

/* makes a context, without a key; returns NULL if out of memory */

ngx_http_bigcache_page_ctx_t *ngx_http_bigcache_page_ctx_create(
    ngx_http_request_t *r, ngx_http_bigcache_page_conf_t *conf);

/*
 * Returns the context of the latest location with bigcache_pages that the
 * request itself went through, or NULL.
 */
ngx_http_bigcache_page_ctx_t *ngx_http_bigcache_page_ctx_find(
    ngx_http_request_t *r);

/*
 * Returns the context that watches this upstream, or the upstream of this pipe,
 * or NULL.  The other argument is NULL.  The request may be in another location
 * by now.
 */
ngx_http_bigcache_page_ctx_t *ngx_http_bigcache_page_ctx_watches(
    ngx_http_request_t *r, ngx_http_upstream_t *u, ngx_event_pipe_t *p);


/*
 * pass: the request goes to the upstream as if there were no cache.  why:
 * one of the reasons that are counted.
 */
void ngx_http_bigcache_page_pass(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_page_metric_e why);


/* resume: continues a request that has waited in the handler */

void ngx_http_bigcache_page_resume(ngx_http_request_t *r);

/* lease: ends it, if the request leads it, see bigcache_lease_end() */

void ngx_http_bigcache_page_lease_end(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_lease_e as, int64_t time, int64_t most);

/* request */

/*
 * Looks at the request.  Returns NGX_OK; or NGX_DECLINED if it must be passed
 * to the upstream as it is, then ctx->unsafe may be set.
 */
ngx_int_t ngx_http_bigcache_page_request(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/*
 * Changes the fields of the request to what the upstream is asked: the whole
 * page, packed if the client takes that, and if it is another one than the
 * stored page.  restore undoes it.
 */
ngx_int_t ngx_http_bigcache_page_request_prepare(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
void ngx_http_bigcache_page_request_restore(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/*
 * Makes the header of a request anew, without the fields by which the answer
 * would not be the whole page as it is.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_page_request_withhold(ngx_http_request_t *r);

/*
 * Returns 0 if the client asks for ranges none of which is in a page of that
 * length, or 1.
 */
ngx_uint_t ngx_http_bigcache_page_request_in_range(ngx_http_request_t *r,
    off_t length);

/*
 * If-None-Match is the stronger condition, RFC 9110, section 13.2.2: with it
 * nginx must not look at If-Modified-Since.
 */
void ngx_http_bigcache_page_request_conditions(ngx_http_request_t *r);

/* returns 1 if the page may be sent to this client, fresh or not, or 0 */

ngx_uint_t ngx_http_bigcache_page_request_usable(
    ngx_http_bigcache_page_ctx_t *ctx, const bigcache_head_t *head);

/*
 * Returns 1 if a packed page goes out as a gzip file, or 0.  Ranges are those
 * of the page and not of that file.
 */
ngx_uint_t ngx_http_bigcache_page_request_gzip(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/*
 * Drops the range of a client by whose If-Range it cannot be known that it has
 * the rest of the same bytes.  forms: the client may have either form of the
 * page, packed or not.
 */
void ngx_http_bigcache_page_request_if_range(ngx_http_request_t *r,
    ngx_uint_t forms);

/* key */

/*
 * Makes the key of the URL.  Returns NGX_OK; NGX_DECLINED if the request has no
 * good one; or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_page_key(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *key);

/*
 * Makes of it the key of the variant for the request: n names of fields, lower
 * case.  Returns the same.
 */
ngx_int_t ngx_http_bigcache_page_key_variant(ngx_http_request_t *r,
    const ngx_str_t *url, const bigcache_str_t *names, ngx_uint_t n,
    ngx_str_t *key);

/*
 * Makes the key of another URL of the same scheme, host and port, which the
 * answer to an unsafe request names.  Returns the same.
 */
ngx_int_t ngx_http_bigcache_page_key_other(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *location, ngx_str_t *key);

/*
 * Makes of a URI, as a client sends it, the part of the key behind the host.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_page_key_of_uri(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *uri, ngx_str_t *text);

/*
 * Finds the port that the client has named, empty if there is none or it is the
 * scheme's own.  Returns NGX_OK; or NGX_DECLINED if it is not sure which host
 * the client means: then the page of one host could be stored under another.
 */
ngx_int_t ngx_http_bigcache_page_key_host(ngx_http_request_t *r,
    ngx_str_t *port);

/*
 * Finds in the key of a URL how all keys of its origin begin, up to the slash
 * behind the host and the port.  Returns NGX_OK; or NGX_DECLINED if the
 * application has made the key.
 */
ngx_int_t ngx_http_bigcache_page_key_site(ngx_http_bigcache_page_conf_t *conf,
    ngx_str_t *url, ngx_str_t *site);

/* lookup */

/*
 * Looks for the page of ctx->key.  Returns NGX_OK, and ctx->found says whether
 * it is there; NGX_AGAIN, then the request is resumed; or NGX_BUSY if the cache
 * cannot tell soon.
 */
ngx_int_t ngx_http_bigcache_page_lookup(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* forgets a lookup that is under way */

void ngx_http_bigcache_page_lookup_cancel(ngx_http_bigcache_page_ctx_t *ctx);

/*
 * Returns 0 if the page of ctx is known to be removed or replaced since it was
 * found, or 1.
 */
ngx_uint_t ngx_http_bigcache_page_lookup_same(
    ngx_http_bigcache_page_ctx_t *ctx);

/* wait */

/* waits for ctx->lease, and resumes the request */

void ngx_http_bigcache_page_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* looks soon at all leases that requests of this worker wait for */

void ngx_http_bigcache_page_wait_wake(void);

/* removes a request that has ended */

void ngx_http_bigcache_page_wait_cancel(ngx_http_bigcache_page_ctx_t *ctx);

/* send: the content handler for a page that is stored */

ngx_int_t ngx_http_bigcache_page_send(ngx_http_request_t *r);

/*
 * Sets the status and the fields of the answer from the stored page, and makes
 * its body.  Return NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_bigcache_page_send_header(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_page_send_body(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_chain_t *out);

/* flow */

/* a page that is being fetched; it lives as long as anyone uses it */

struct ngx_http_bigcache_page_flow_s {
    ngx_queue_t                       queue;      /* of this worker */
    ngx_queue_t                       readers;
    ngx_event_t                       event;      /* there is more to read */
    ngx_http_bigcache_page_ctx_t     *leader;     /* NULL: its fetch is over */
    ngx_http_bigcache_zone_t         *zone;
    bigcache_lease_t                  lease;
    uint64_t                          removals;
    ngx_uint_t                        users;
    ngx_fd_t                          fd;
    off_t                             ready;      /* bytes in the file */
    off_t                             length;     /* of the page */
    unsigned                          failed:1;
    size_t                            head_len;
    u_char                            head[];
};

/*
 * The page of ctx, whose header has come, may be read by others until
 * ngx_http_bigcache_page_flow_end(): tf has all of it, or NULL if it is not
 * complete.  wake tells them that more has come.
 */
void ngx_http_bigcache_page_flow_begin(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
void ngx_http_bigcache_page_flow_wake(ngx_http_bigcache_page_ctx_t *ctx);

/* also for a request that reads, which then reads no more; it may be neither */

void ngx_http_bigcache_page_flow_end(ngx_http_bigcache_page_ctx_t *ctx,
    ngx_temp_file_t *tf);

/*
 * Returns the fetch of the lease that the request waits for, if the request may
 * have its page, or NULL.  A removal of the page since its fetch began is one
 * of that page.
 */
ngx_http_bigcache_page_flow_t *ngx_http_bigcache_page_flow_find(
    ngx_http_bigcache_page_ctx_t *ctx);

/*
 * Takes part in the fetch of that page.  Returns NGX_OK, then the content
 * handler must be ngx_http_bigcache_page_follow(); or NGX_DECLINED.
 */
ngx_int_t ngx_http_bigcache_page_flow_join(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);


/* follow: the content handler for a page that another request fetches */

ngx_int_t ngx_http_bigcache_page_follow(ngx_http_request_t *r);


/*
 * refresh: fetches the page of ctx in a subrequest, which gets the lease.
 * Returns NGX_OK; NGX_DECLINED if the connection of the client would have to
 * wait for it; or NGX_ERROR.
 * nothing is the content handler of such a subrequest that need not fetch it.
 */
ngx_int_t ngx_http_bigcache_page_refresh(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_page_refresh_nothing(ngx_http_request_t *r);

/* fetch */

/* the request is going to the upstream */

void ngx_http_bigcache_page_fetch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* installs the filters */

void ngx_http_bigcache_page_fetch_init(void);

/* answer */

/*
 * Returns BIGCACHE_FRESH_OK if the answer of the upstream may be stored: then
 * ctx has its head, how long to keep it and what it varies by.  Or returns why
 * not.  If "again" is set, it is a 304: the answer is the stored page with
 * other fields.
 */
bigcache_fresh_e ngx_http_bigcache_page_answer(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t again);

/*
 * Returns 1 if such an answer says that the origin has failed, as far as the
 * configuration cares, or 0.  own: nginx has made the answer, since it could
 * not connect, for example.
 */
ngx_uint_t ngx_http_bigcache_page_answer_failed(
    ngx_http_bigcache_page_conf_t *conf, ngx_uint_t status, ngx_uint_t own);

/* capture */

/*
 * Begins to capture the body of the answer.  Returns NGX_OK, or NGX_DECLINED if
 * that cannot be done for this answer.
 */
ngx_int_t ngx_http_bigcache_page_capture(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* sees the end of the upstream, captured or not */

void ngx_http_bigcache_page_capture_watch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* put */

/*
 * Store the page whose head is ctx->writer, and end the lease after that; or at
 * once if it cannot be done.  put takes ctx->body for the body, or, if that is
 * NULL, the first bytes of a file, which it duplicates; put_again copies the
 * body of ctx->page.
 */
void ngx_http_bigcache_page_put(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_fd_t fd, off_t length);
void ngx_http_bigcache_page_put_again(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* invalidate */

/* removes the pages that a successful unsafe request has made obsolete */

void ngx_http_bigcache_page_invalidate(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* removes the stored page of ctx, which the origin does not have any more */

void ngx_http_bigcache_page_invalidate_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

/* scheme: bigcache_scheme_from */

char *ngx_http_bigcache_page_scheme_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* returns "http" or "https" */

ngx_str_t *ngx_http_bigcache_page_scheme(ngx_http_request_t *r);

/*
 * Makes an array of ngx_cidr_t of the arguments of a directive, from that one
 * on.  Returns NULL, and logs what is wrong with an address.
 */
ngx_array_t *ngx_http_bigcache_page_scheme_addresses(ngx_conf_t *cf,
    ngx_uint_t from);


/* purger: bigcache_purge */

char *ngx_http_bigcache_page_purger(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* returns NGX_OK; or NGX_ERROR, and logs which of its zones is unknown */

ngx_int_t ngx_http_bigcache_page_purger_check(ngx_conf_t *cf,
    ngx_http_bigcache_page_conf_t *conf);

/*
 * Returns NGX_OK if the request may purge, and *purger by which;
 * NGX_HTTP_FORBIDDEN, and *purger by which not; or NGX_DECLINED if its method
 * is none that purges here.  front: servers behind this one purge, so that it
 * needs no zone.
 */
ngx_int_t ngx_http_bigcache_page_purger_find(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_uint_t front,
    ngx_http_bigcache_page_purger_t **purger);

/* returns the zone whose pages it purges, or NULL */

ngx_http_bigcache_zone_t *ngx_http_bigcache_page_purger_zone(
    ngx_http_bigcache_page_conf_t *conf,
    ngx_http_bigcache_page_purger_t *purger);

/*
 * purge: returns NGX_OK, then the request is going to be answered; or
 * NGX_DECLINED if it is no purge.
 */
ngx_int_t ngx_http_bigcache_page_purge(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf);

/* selectors */

typedef struct ngx_http_bigcache_page_selectors_s
    ngx_http_bigcache_page_selectors_t;

struct ngx_http_bigcache_page_selectors_s {
    ngx_http_bigcache_page_selectors_t  *next;
    bigcache_selectors_t                 list;
};

/*
 * Makes lists of what the request selects.  strip is the beginning of its URI
 * that is not one of the page's.  Returns NULL; or what is wrong with it, a
 * static sentence, which may be the one below.  The caller must free *first in
 * any case.
 */
extern const char  ngx_http_bigcache_page_selectors_memory[];

const char *ngx_http_bigcache_page_selectors(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_str_t *strip,
    ngx_http_bigcache_page_selectors_t **first);
void ngx_http_bigcache_page_selectors_free(
    ngx_http_bigcache_page_selectors_t *selectors);

/* variables */

ngx_int_t ngx_http_bigcache_page_variables_add(ngx_conf_t *cf);

/* adds Cache-Status to the answer, and counts the request */

ngx_int_t ngx_http_bigcache_page_variables_status(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);

#endif /* _NGX_HTTP_BIGCACHE_PAGES_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Shards: a front nginx that spreads keys over the servers of an upstream, each
 * of which is a bigcache of its own.  nginx's own "hash" chooses the server and
 * its proxy_pass asks it; this module says what is hashed, and does on all
 * servers what concerns no single key.
 *
 *     conf       the directive, the servers, what is wrong with the upstream
 *     key        the variable $bigcache_shard_key
 *     handler    decides what becomes of a request before it is proxied
 *     fan        asks all servers by subrequests, and keeps their answers
 *     away       the answer for a key whose server does not answer
 *     merge      makes one answer of them: sums, and messages
 *     list       likewise of lists of keys, in order
 *     metrics    likewise of metrics, with a label for the server
 *     history    likewise of what they did lately
 *     batch      cuts a batch into those of the servers, and joins the results
 *     ring       which server a key belongs to, plain C
 *
 * All of it runs in the event loop.  The memory is that of the request.
 */


#ifndef _NGX_HTTP_BIGCACHE_SHARDS_H_INCLUDED_
#define _NGX_HTTP_BIGCACHE_SHARDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_ring.h"
#include "ngx_http_bigcache_api.h"


/* bytes of an answer, in the mean, that are held to make one of all */

#define NGX_HTTP_BIGCACHE_SHARDS_MOST  (17 * 1024 * 1024)


typedef enum {
    NGX_HTTP_BIGCACHE_SHARDS_REST = 0,      /* the endpoints of the API */
    NGX_HTTP_BIGCACHE_SHARDS_PAGES,         /* page caching */
    NGX_HTTP_BIGCACHE_SHARDS_ALL            /* each request goes to all */
} ngx_http_bigcache_shards_mode_e;


typedef struct {
    ngx_str_t                         name;     /* host:port, as written */
    ngx_str_t                         address;  /* of it */
    ngx_str_t                         key;      /* one that belongs to it */
} ngx_http_bigcache_shard_t;

/* of a bigcache_shards line; a location has a pointer to it, or NULL */

typedef struct {
    ngx_str_t                         name;     /* of the upstream */
    ngx_http_upstream_srv_conf_t     *upstream;
    ngx_http_bigcache_shards_mode_e   mode;
    ngx_http_bigcache_shard_t        *shards;
    ngx_uint_t                        nshards;
    bigcache_ring_t                  *ring;
} ngx_http_bigcache_shards_conf_t;


typedef struct ngx_http_bigcache_shards_ctx_s  ngx_http_bigcache_shards_ctx_t;

/* what a server is asked, and what it has answered */

typedef struct {
    ngx_http_bigcache_shards_ctx_t   *ctx;
    ngx_http_bigcache_shard_t        *shard;
    ngx_str_t                         uri;      /* empty: as the request */
    ngx_str_t                         args;     /* with uri */
    ngx_http_request_body_t          *body;     /* NULL: as the request */
    off_t                             body_len;
    ngx_http_request_t               *request;
    ngx_uint_t                        status;
    u_char                           *data;     /* the body */
    size_t                            len;
    size_t                            size;
    ngx_msec_t                        until;    /* the body must be here */
    unsigned                          idle:1;   /* it is not asked */
    unsigned                          done:1;
    unsigned                          whole:1;  /* to the end of the body */
    unsigned                          framed:1; /* bytes behind a line */
    unsigned                          packed:1; /* nobody has asked for that */
} ngx_http_bigcache_shards_answer_t;

typedef ngx_int_t (*ngx_http_bigcache_shards_pt)(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);

struct ngx_http_bigcache_shards_ctx_s {
    ngx_http_bigcache_shards_conf_t    *conf;
    ngx_http_bigcache_shards_pt         prepare;    /* with the body, or NULL */
    ngx_http_bigcache_shards_pt         merge;
    ngx_http_handler_pt                 proxy;      /* asks one server */
    const char                         *before;     /* the number to add up */
    void                               *data;       /* of prepare, for merge */
    bigcache_op_t                       op;         /* the key, and arguments */
    ngx_str_t                           key;        /* for the hash */
    ngx_http_bigcache_shards_answer_t  *answers;    /* one of each server */
    ngx_uint_t                          nanswers;
    ngx_uint_t                          waits;      /* for so many */
    size_t                              held;       /* bytes of all */
    unsigned                            read:1;     /* changes nothing */
    unsigned                            large:1;    /* more than is held */
};


typedef struct {
    ngx_http_bigcache_shards_conf_t    *shards;     /* NULL: none here */
} ngx_http_bigcache_shards_loc_conf_t;


extern ngx_module_t  ngx_http_bigcache_shards_module;


/* conf: the bigcache_shards directive; an array of its places */

#define NGX_HTTP_BIGCACHE_SHARDS_PLACE_SIZE  (4 * sizeof(void *))

char *ngx_http_bigcache_shards_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* returns the shards of the location of a request, or NULL */

ngx_http_bigcache_shards_conf_t *ngx_http_bigcache_shards_conf_get(
    ngx_http_request_t *r);

/*
 * Tells whether the location, which has no shards, proxies to the upstream of
 * shards, and logs that.
 */
ngx_uint_t ngx_http_bigcache_shards_conf_lacks(ngx_http_request_t *r);

/*
 * Finds the servers of all upstreams that are used, once they are known.
 * Returns NGX_OK; or NGX_ERROR, which has been logged.
 */
ngx_int_t ngx_http_bigcache_shards_conf_init(ngx_conf_t *cf);


/* key */

ngx_int_t ngx_http_bigcache_shards_key_add(ngx_conf_t *cf);

/* the key of a page: as ngx_http_bigcache_page_key() */

ngx_int_t ngx_http_bigcache_shards_key_page(ngx_http_request_t *r,
    ngx_str_t *key);

/*
 * Returns NGX_OK if the request purges by bigcache_purge of this location,
 * NGX_HTTP_FORBIDDEN if its client may not, or NGX_DECLINED.
 */
ngx_int_t ngx_http_bigcache_shards_key_purges(ngx_http_request_t *r);


/* handler: of the phase before the content */

ngx_int_t ngx_http_bigcache_shards_handler(ngx_http_request_t *r);


/*
 * away: filters of answers for one key.  If its server does not answer, that is
 * 503 and JSON; if another server was asked, 502.
 */

void ngx_http_bigcache_shards_away_init(void);


/* merge: answers of all servers as one */

/* answers 503 if a server has failed, with which; NGX_OK if none has */

ngx_int_t ngx_http_bigcache_shards_merge_failed(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);

/*
 * What the first server says, with the sum of all servers in the place of the
 * number behind ctx->before, if there is one; and /stat
 */

ngx_int_t ngx_http_bigcache_shards_merge(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_merge_stat(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);


/* finds an array among the members of a text; returns 1, or 0 */

ngx_uint_t ngx_http_bigcache_shards_merge_array(const u_char *data, size_t len,
    const char *name, bigcache_str_t *array);


/* writes ,"shards":[...] with the status of each; of that size at most */

size_t ngx_http_bigcache_shards_merge_servers_len(
    ngx_http_bigcache_shards_ctx_t *ctx);
u_char *ngx_http_bigcache_shards_merge_servers(u_char *p,
    ngx_http_bigcache_shards_ctx_t *ctx);


/* list, metrics, history, batch: likewise */

ngx_int_t ngx_http_bigcache_shards_list_cut(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_list(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_metrics(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_history(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_batch_cut(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
ngx_int_t ngx_http_bigcache_shards_batch(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);


/* fan */

void ngx_http_bigcache_shards_fan_init(void);

/*
 * A content handler: asks the servers of ctx->answers.  When the body of the
 * request is here, ctx->prepare may say what each is asked; when all have
 * answered, ctx->merge returns what the request is to be finalized with.
 */
ngx_int_t ngx_http_bigcache_shards_fan(ngx_http_request_t *r);

/*
 * Returns 1 if that server was asked; or 0, and logs that another one was, as
 * without "consistent" in the upstream.
 */
ngx_uint_t ngx_http_bigcache_shards_fan_right(ngx_http_request_t *r,
    const ngx_http_bigcache_shard_t *shard);

/* returns the answer that a subrequest is for, or NULL */

ngx_http_bigcache_shards_answer_t *ngx_http_bigcache_shards_fan_answer(
    ngx_http_request_t *r);


#endif /* _NGX_HTTP_BIGCACHE_SHARDS_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations: what one request asks of the cache.  An operation is a
 * struct for the question and the answer.  So a thread can run it without the
 * request.
 *
 * The caller owns the struct and all that the question points to.  It must
 * keep both until the operation is over and it has called bigcache_op_free().
 * Until then it may use the memory and the file of the answer.  An operation
 * is run once, by one thread.  All block, except those with peek in their
 * names.
 */


#ifndef _BIGCACHE_OP_H_INCLUDED_
#define _BIGCACHE_OP_H_INCLUDED_


#include "bigcache_cache.h"
#include "bigcache_rest_lease.h"
#include "bigcache_unpacked.h"


#define BIGCACHE_OP_PIECES   2
#define BIGCACHE_OP_CHARSET  32


/*
 * The versions that a writer accepts: If-Match and If-None-Match.  A list
 * that was not sent accepts all; any: "*".
 */
typedef struct {
    const uint64_t           *versions;
    unsigned                  n;
    unsigned                  sent:1;
    unsigned                  any:1;
} bigcache_op_list_t;

/* what is wrong with the question; the texts are static */

typedef struct {
    const char               *in;       /* "body", "header" */
    const char               *name;     /* a member or a header, or NULL */
    size_t                    offset;   /* in the body, if syntax */
    const char               *msg;
    const char               *type;
    unsigned                  syntax:1;
} bigcache_op_invalid_t;

/* of batch: the number of operations of one kind that had one status */

typedef struct {
    const char               *name;     /* "get", "set", "delete", "touch" */
    unsigned                  status;
    unsigned                  n;
} bigcache_op_tally_t;

typedef struct {
    /* the question */

    bigcache_cache_t         *cache;
    bigcache_str_t            key;      /* or the prefix */
    bigcache_data_t           body;
    bigcache_str_t            type;     /* of a raw body */
    bigcache_str_t            duration; /* of a raw body, data is NULL: none */
    bigcache_str_t            expire;   /* likewise */
    bigcache_str_t            stale;    /* likewise, how long after that */
    bigcache_rest_lease_shm_t *leases;  /* NULL: there are none */
    uint64_t                  removal;  /* for which leases are void, or 0 */
    const u_char             *token;    /* of put: of the lease, NULL: none */
    bigcache_tags_writer_t    tags;     /* of put: those of the header, or of a
                                           batch; if "invalid" is set, they are
                                           wrong */
    bigcache_op_list_t        match;
    bigcache_op_list_t        none_match;
    unsigned                  minimal:1; /* of put: answer without the value */
    unsigned                  plain:1;  /* of put: the page is not packed */
    unsigned                  gzip:1;   /* the answer may be packed */
    unsigned                  pieces:1; /* or be unpacked while it is sent */
    unsigned                  head:1;   /* only its length is needed */
    unsigned                  file:1;   /* of peek: the answer may be a range of
                                           a file that is in the page cache */
    unsigned                  async:1;  /* do not wait for the end */
    unsigned                  wait:1;   /* of get: a stale page is found, too */
    unsigned                  later:1;  /* of delete: the caller syncs */
    unsigned                  brief:1;  /* of get, touch, incr: AGAIN if a
                                           page over BIGCACHE_PAGE_LARGE would
                                           be read; it may be run again */
    unsigned                  framed:1; /* of batch: bytes are behind the first
                                           line of the body */
    unsigned                  as_bytes:1; /* of batch: raw pages are answered as
                                           bytes behind one line; of get_within:
                                           so is this one */
    uint64_t                  most;     /* of get_within: bytes of a reply */
    bigcache_str_t            after;    /* of list: greater keys only */
    unsigned                  limit;    /* of list: keys at most */
    unsigned                  cursors;  /* of list: each row says "after" */
    bigcache_str_t            tag;      /* of list: that they have, data is
                                           NULL: with and without tags */
    bigcache_str_t            site;     /* of page: the key of a URL; of list:
                                           keys of pages with that prefix, data
                                           is NULL: those of the REST API */
    bigcache_str_t            variant;  /* of page_source, see bigcache_url.h */

    /* the answer */

    bigcache_rc_t             rc;
    bigcache_page_t           page;     /* get and put: the record */
    bigcache_data_t           reply[BIGCACHE_OP_PIECES];
    unsigned                  nreply;
    unsigned                  packed:1; /* the reply is a gzip file */
    unsigned                  unpack:1; /* its last piece is one, and what is
                                           in that is to be sent */
    uint64_t                  length;   /* of such a reply, when it is sent */
    uint64_t                  skip;     /* bytes in that file that are not */
    uint64_t                  held;     /* of memory: counted for all */
    unsigned                  varies:1; /* clients without gzip get another */
    unsigned                  aged:1;   /* of get: the page is stale */
    unsigned                  late:1;   /* of put: the lease has ended */
    uint64_t                  n;        /* keys removed, marked, or counted */
    unsigned                  soft:1;   /* of purge: they were marked */
    uint64_t                  expired;  /* pages met that had expired */
    bigcache_stat_t           stat;     /* of gauges */
    unsigned                  up:1;     /* likewise: the store is open */
    uint64_t                  work;     /* bytes that were unpacked, or copied
                                           from page to page */
    uint64_t                  hits;     /* of batch: pages found */
    uint64_t                  misses;   /* likewise: not found */
    bigcache_op_tally_t      *tally;    /* likewise: what each came to */
    unsigned                  ntally;
    bigcache_op_invalid_t     invalid;
    const char               *missed;   /* why it is a miss, static, or NULL */
    char                      charset[BIGCACHE_OP_CHARSET];
                                        /* of page_source: "" if the page is no
                                           text */
    char                      reason[BIGCACHE_ERROR_LEN];
    u_char                   *memory;
    u_char                   *bytes;    /* of batch: memory, too, or NULL */
    bigcache_unpacked_t      *text;     /* that the reply points into */
} bigcache_op_t;


typedef void (*bigcache_op_pt)(bigcache_op_t *op);
typedef int (*bigcache_op_peek_pt)(bigcache_op_t *op);


/*
 * Each sets op->rc.  BIGCACHE_OK: op->reply is the body to send, for those
 * that have one.  BIGCACHE_UNAVAILABLE: op->reason says why.  Those that store
 * or delete may also set BIGCACHE_BUSY and BIGCACHE_UNKNOWN, which concern this
 * key alone.
 *
 * get_json, get_raw:  BIGCACHE_MISS, BIGCACHE_EXPIRED; BIGCACHE_RAW if
 *                     get_json finds a raw page.  A stale page is
 *                     BIGCACHE_MISS unless op->wait is set.
 * put_json, put_raw:  BIGCACHE_INVALID, BIGCACHE_MISMATCH, BIGCACHE_FULL.
 *                     The body of put_json is a document with "value",
 *                     "expire", "duration", "stale", and "tags".  With
 *                     op->token, BIGCACHE_MISMATCH and op->late if its lease
 *                     has ended.
 * delete:             BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH,
 *                     BIGCACHE_FULL.
 * delete_prefix:      op->n is set in any case.
 * purge:              BIGCACHE_INVALID.  The body is a document with "type",
 *                     "selectors", "groups", "host" and "purge".
 * rewrite_touch:      as get_raw and put_raw.  The body is a document with
 *                     "expire" or "duration".
 * rewrite_incr:       the same, and BIGCACHE_NUMBER.  The body is a document
 *                     with "delta", "initial", "expire", and "duration", or
 *                     empty.
 * admin_gauges:       BIGCACHE_OK; op->up says whether op->stat is known.
 * list:               keys greater than op->after that begin with op->key, or
 *                     pages of an origin, page_list, with op->site.
 * page:               BIGCACHE_MISS.  All pages of the URL op->site, with their
 *                     heads.
 * page_source:        BIGCACHE_MISS.  The body of one of them, unpacked.
 * batch:              BIGCACHE_INVALID.  The body is a document with
 *                     "operations"; each has a status of its own.  If
 *                     op->framed, it is one line, and the bytes of the sets
 *                     that have "bytes" are behind it.  If op->as_bytes, the
 *                     reply is one line, and the raw pages that its gets found
 *                     are behind it.
 */
void bigcache_op_get_json(bigcache_op_t *op);
void bigcache_op_get_raw(bigcache_op_t *op);
void bigcache_op_put_json(bigcache_op_t *op);
void bigcache_op_put_raw(bigcache_op_t *op);
void bigcache_op_delete(bigcache_op_t *op);
void bigcache_op_delete_prefix(bigcache_op_t *op);
void bigcache_op_purge(bigcache_op_t *op);
void bigcache_op_rewrite_touch(bigcache_op_t *op);
void bigcache_op_rewrite_incr(bigcache_op_t *op);
void bigcache_op_list(bigcache_op_t *op);
void bigcache_op_page(bigcache_op_t *op);
void bigcache_op_page_list(bigcache_op_t *op);
void bigcache_op_page_source(bigcache_op_t *op);
void bigcache_op_batch(bigcache_op_t *op);
void bigcache_op_admin_count(bigcache_op_t *op);
void bigcache_op_admin_gauges(bigcache_op_t *op);
void bigcache_op_admin_clear(bigcache_op_t *op);
void bigcache_op_admin_close(bigcache_op_t *op);
void bigcache_op_admin_open(bigcache_op_t *op);

/*
 * get_json and get_raw for an event loop.  Never block.  Return 1 if the
 * operation is over, as if it had been run; or 0: a thread must run it.
 */
int bigcache_op_get_peek_json(bigcache_op_t *op);
int bigcache_op_get_peek_raw(bigcache_op_t *op);

/*
 * Returns the HTTP status of an op->rc that is not BIGCACHE_OK, and in *detail
 * a sentence for the client, which lives as long as op.
 */
unsigned bigcache_op_failure(const bigcache_op_t *op, const char **detail);

/*
 * get_raw for a batch.  Sets BIGCACHE_TOO_LARGE if the page takes more than
 * op->most bytes in its answer, before it unpacks the page or reads its file.
 * If look is set, it checks that before it reads any of the page.
 */
void bigcache_op_get_within(bigcache_op_t *op, int look);

/* frees the answer; may be called for an operation that never ran */

void bigcache_op_free(bigcache_op_t *op);


/* for the operations themselves, inside src/op only */

/* sets op->rc, and op->reason if rc needs one */

void bigcache_op_finish(bigcache_op_t *op, bigcache_rc_t rc);

/*
 * How old a page is that was read: fresh; stale, so that clients that wait for
 * another one may get it; or over, as if it had expired.
 */
typedef enum {
    BIGCACHE_OP_FRESH = 0,
    BIGCACHE_OP_STALE,
    BIGCACHE_OP_OVER
} bigcache_op_age_e;

bigcache_op_age_e bigcache_op_age(const bigcache_page_t *page);

/* returns when a page expires, as clients are shown it; it may be stale then */

int64_t bigcache_op_expire(const bigcache_page_t *page);

/* sets op->invalid, whose texts are static, and returns BIGCACHE_INVALID */

bigcache_rc_t bigcache_op_invalid(bigcache_op_t *op, const char *in,
    const char *name, const char *msg, const char *type);

/*
 * Unpacks the body of a page, which is a gzip file.  Returns BIGCACHE_OK and
 * *memory, to be freed by free(); BIGCACHE_NOMEM; or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_op_unpack(bigcache_op_t *op,
    const bigcache_page_t *page, u_char **memory);

/* logs that a page cannot be unpacked, and returns BIGCACHE_ERROR */

bigcache_rc_t bigcache_op_damaged(bigcache_op_t *op);

/*
 * bigcache_op_hold() counts size bytes of memory that the reply of op holds
 * until bigcache_op_free().  Returns 0 if all replies would hold too much.
 * bigcache_op_may_hold() returns the same without counting.
 */
int bigcache_op_hold(bigcache_op_t *op, uint64_t size);
int bigcache_op_may_hold(uint64_t size);


#endif /* _BIGCACHE_OP_H_INCLUDED_ */

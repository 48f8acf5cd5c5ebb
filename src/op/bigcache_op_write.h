
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the operations that store pages share, inside src/op only.  All of it
 * runs in the thread of the operation, and may block.
 */


#ifndef _BIGCACHE_OP_WRITE_H_INCLUDED_
#define _BIGCACHE_OP_WRITE_H_INCLUDED_


#include "bigcache_json_scan.h"
#include "bigcache_lifetime.h"
#include "bigcache_op.h"


/* after so many lost races a writer gives up with BIGCACHE_BUSY */

#define BIGCACHE_OP_TRIES  100


/* a body in one piece of memory, for the scanner */

typedef struct {
    bigcache_str_t        text;
    u_char               *memory;       /* for free(), or NULL */
    void                 *map;          /* for munmap(), or NULL */
    size_t                map_len;
} bigcache_op_view_t;

/*
 * What to store.  view and doc are those of body, which comes from the request
 * or from a page.  A large value may stay in the file of body: then
 * doc.value.data is NULL, and value_at is where the value begins.
 */
typedef struct {
    bigcache_op_t        *op;
    bigcache_data_t       body;
    bigcache_op_view_t    view;
    bigcache_json_doc_t   doc;
    uint64_t              value_at;     /* offset of such a value, bytes */
    const uint64_t       *expect;       /* NULL: what the lists of op accept */
    uint64_t              origin;       /* of the page that it was, or 0 */
    int64_t               expire;       /* ms, BIGCACHE_NEVER; what the client
                                           is shown */
    int64_t               stale;        /* ms that it may be stale after that,
                                           or after a soft purge */
    unsigned              plain:1;      /* the page is not packed */
    bigcache_str_t        tags;         /* encoded */
    u_char               *tags_memory;  /* of them, for free(), or NULL */
    u_char                time[BIGCACHE_LIFETIME_LEN];
} bigcache_op_put_t;


/*
 * Makes a view of a body of the request.  It may map a file, so no other
 * process may write to that.  Returns BIGCACHE_OK, BIGCACHE_NOMEM or
 * BIGCACHE_ERROR.  The caller must call bigcache_op_write_view_free() in any
 * case.
 */
bigcache_rc_t bigcache_op_write_view(const bigcache_op_t *op,
    bigcache_op_view_t *view, const bigcache_data_t *body);
void bigcache_op_write_view_free(bigcache_op_view_t *view);

/* maps a result of bigcache_json_scan_members() to one of the operation */

bigcache_rc_t bigcache_op_write_scanned(bigcache_op_t *op, int rc,
    const bigcache_json_error_t *err);

/* sets put->expire and put->stale from put->doc */

bigcache_rc_t bigcache_op_write_lifetime(bigcache_op_put_t *put);

/* sets put->expire and put->stale as those of a page */

void bigcache_op_write_lifetime_of(bigcache_op_put_t *put,
    const bigcache_page_t *page);

/*
 * Stores the document of put->doc.value, put->expire and put->doc.duration,
 * under the conditions of put->op, and makes the reply from it.
 */
bigcache_rc_t bigcache_op_write_json(bigcache_op_put_t *put);

/*
 * Stores a page under the key of put->op, packed unless put->plain is set.  It
 * does so if what is stored now is put->expect; or, if that is NULL, if the
 * lists of op accept it.  If op->token is set, it stores the page only while
 * that lease lasts.  Whatever lease the key has is ended by it.  Returns the
 * code of bigcache_cache_put(), or BIGCACHE_BUSY.
 */
bigcache_rc_t bigcache_op_write(bigcache_op_put_t *put, bigcache_put_t *page);

/* makes a reply without the value: {"key":...,"expire":...} */

bigcache_rc_t bigcache_op_write_reply(bigcache_op_put_t *put,
    const bigcache_str_t *none);

/*
 * Returns 1 if both lists of op accept what is stored: the live page of that
 * version, or none if live is 0.
 */
int bigcache_op_write_accepts(const bigcache_op_t *op, int live,
    uint64_t version);

/*
 * Looks at what is stored now.  Returns BIGCACHE_OK and what the cache must
 * expect, BIGCACHE_EXPECT_* or a version; BIGCACHE_MISMATCH if the lists of op
 * do not accept what is stored; or the code of bigcache_cache_get().
 */
bigcache_rc_t bigcache_op_write_expect(bigcache_op_t *op, uint64_t *expect);


#endif /* _BIGCACHE_OP_WRITE_H_INCLUDED_ */

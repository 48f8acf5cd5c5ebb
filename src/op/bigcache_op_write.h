
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the operations that store pages share, inside src/op only.
 */


#ifndef _BIGCACHE_OP_WRITE_H_INCLUDED_
#define _BIGCACHE_OP_WRITE_H_INCLUDED_


#include "bigcache_json_scan.h"
#include "bigcache_lifetime.h"
#include "bigcache_op.h"


/* a writer who loses the race this often is told so */

#define BIGCACHE_OP_TRIES  100


/* a body as the scanner wants it, in one piece of memory */

typedef struct {
    bigcache_str_t        text;
    u_char               *memory;       /* to be freed, or NULL */
    void                 *map;          /* to be unmapped, or NULL */
    size_t                map_len;
} bigcache_op_view_t;

/*
 * view and doc are of the body, which may be the request's or a page's.  A
 * value that is not in view has no doc.value.data, but a length, and is in the
 * body, which is a file then.
 */
typedef struct {
    bigcache_op_t        *op;
    bigcache_data_t       body;
    bigcache_op_view_t    view;
    bigcache_json_doc_t   doc;
    uint64_t              value_at;     /* offset of such a value, bytes */
    const uint64_t       *expect;       /* NULL: what the lists of op accept */
    uint64_t              origin;       /* of the page that it was, or 0 */
    int64_t               expire;       /* ms, BIGCACHE_NEVER */
    u_char                time[BIGCACHE_LIFETIME_LEN];
} bigcache_op_put_t;


/*
 * A view of a body of the request: what lies in a file may be mapped, so it
 * is to be a file that nobody else writes.  Returns BIGCACHE_OK, and
 * bigcache_op_write_view_free() is owed in any case.
 */

bigcache_rc_t bigcache_op_write_view(const bigcache_op_t *op,
    bigcache_op_view_t *view, const bigcache_data_t *body);
void bigcache_op_write_view_free(bigcache_op_view_t *view);

/* BIGCACHE_INVALID with what bigcache_json_members() found, or BIGCACHE_OK */

bigcache_rc_t bigcache_op_write_scanned(bigcache_op_t *op, int rc,
    const bigcache_json_error_t *err);

/* sets put->expire to what put->doc says */

bigcache_rc_t bigcache_op_write_lifetime(bigcache_op_put_t *put);

/*
 * Stores the document of put->doc.value, put->expire and put->doc.duration,
 * under the conditions of put->op, whose reply then shows it.
 */
bigcache_rc_t bigcache_op_write_json(bigcache_op_put_t *put);

/*
 * Stores the page under the key of put->op, if what is there is put->expect,
 * or what the lists accept.  Returns what it came to.
 */
bigcache_rc_t bigcache_op_write(bigcache_op_put_t *put, bigcache_put_t *page);

/* has the reply be without the value: {"key":...,"expire":...} */

bigcache_rc_t bigcache_op_write_reply(bigcache_op_put_t *put,
    const bigcache_str_t *none);

/*
 * Returns 1 if both lists of op accept what is there: the live page of that
 * version, or none.
 */
int bigcache_op_write_accepts(const bigcache_op_t *op, int live,
    uint64_t version);

/*
 * Looks at what is stored now.  Returns BIGCACHE_OK and what the cache is to
 * expect, BIGCACHE_EXPECT_* or a version; BIGCACHE_MISMATCH if the lists of op
 * do not accept that; or what bigcache_cache_get() returned.
 */
bigcache_rc_t bigcache_op_write_expect(bigcache_op_t *op, uint64_t *expect);


#endif /* _BIGCACHE_OP_WRITE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the operations that store pages share, inside src/op only.
 */


#ifndef _BIGCACHE_OP_STORE_H_INCLUDED_
#define _BIGCACHE_OP_STORE_H_INCLUDED_


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

/* view and doc are of op->body, which may be the request's or a page's */

typedef struct {
    bigcache_op_t        *op;
    bigcache_op_view_t    view;
    bigcache_json_doc_t   doc;
    int64_t               expire;       /* ms, BIGCACHE_NEVER */
    u_char                time[BIGCACHE_LIFETIME_LEN];
} bigcache_op_put_t;


/* BIGCACHE_OK, and bigcache_op_view_free() is owed in any case */

bigcache_rc_t bigcache_op_view(bigcache_op_view_t *view,
    const bigcache_data_t *body);
void bigcache_op_view_free(bigcache_op_view_t *view);

/* BIGCACHE_INVALID with what bigcache_json_members() found, or BIGCACHE_OK */

bigcache_rc_t bigcache_op_scanned(bigcache_op_t *op, int rc,
    const bigcache_json_error_t *err);

/* sets put->expire to what put->doc says */

bigcache_rc_t bigcache_op_lifetime(bigcache_op_put_t *put);

/*
 * Stores the document of put->doc.value, put->expire and put->doc.duration,
 * under the conditions of put->op, whose reply then shows it.
 */
bigcache_rc_t bigcache_op_store_json(bigcache_op_put_t *put);

/* has the reply be without the value: {"key":...,"expire":...} */

bigcache_rc_t bigcache_op_reply(bigcache_op_put_t *put,
    const bigcache_str_t *none);

/* returns BIGCACHE_INVALID, and says why to op */

bigcache_rc_t bigcache_op_invalid(bigcache_op_t *op, const char *in,
    const char *name, const char *msg, const char *type);

/* returns 1 if the list accepts the live page of that version */

int bigcache_op_listed(const bigcache_op_list_t *list, int live,
    uint64_t version);


#endif /* _BIGCACHE_OP_STORE_H_INCLUDED_ */

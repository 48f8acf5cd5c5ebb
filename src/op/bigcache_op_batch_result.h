
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A batch while it runs, inside src/op only.  bigcache_op_batch.c reads the
 * request and runs its operations one after the other.
 * bigcache_op_batch_bytes.c finds their bytes behind the document.
 * bigcache_op_batch_result.c writes their results.  The thread that runs the
 * batch owns all of it.
 */


#ifndef _BIGCACHE_OP_BATCH_RESULT_H_INCLUDED_
#define _BIGCACHE_OP_BATCH_RESULT_H_INCLUDED_


#include "bigcache_json.h"
#include "bigcache_json_text.h"
#include "bigcache_op_write.h"


/* more pairs of operation and status than there can be */

#define BIGCACHE_OP_BATCH_TALLY  64


/* the members of an operation */

enum {
    BIGCACHE_BATCH_OP = 0,
    BIGCACHE_BATCH_KEY,
    BIGCACHE_BATCH_VALUE,
    BIGCACHE_BATCH_BASE64,
    BIGCACHE_BATCH_BYTES,
    BIGCACHE_BATCH_TYPE,
    BIGCACHE_BATCH_EXPIRE,
    BIGCACHE_BATCH_DURATION,
    BIGCACHE_BATCH_STALE,
    BIGCACHE_BATCH_NONE_MATCH,
    BIGCACHE_BATCH_NO_TRANSFORM,
    BIGCACHE_BATCH_TAGS,
    BIGCACHE_BATCH_MEMBERS
};

typedef struct {
    bigcache_op_t           *op;        /* the whole */
    bigcache_op_view_t       view;      /* of its body, text: the document */
    bigcache_str_t           behind;    /* bytes of it that no operation has
                                           taken yet */
    bigcache_json_text_t     text;      /* of the answer */
    bigcache_json_text_t     bytes;     /* of it behind the text */
    unsigned                 full:1;    /* a page did not fit */
    unsigned                 deleted:1; /* there was a delete */
    int64_t                  end;       /* monotonic ms: no operation after */
    bigcache_rc_t            ended;     /* if not OK: what all others get */
    char                     reason[BIGCACHE_ERROR_LEN];

    /* the one under way */
    const char              *name;      /* NULL: unknown */
    bigcache_op_t            one;
    bigcache_json_named_t    named[BIGCACHE_BATCH_MEMBERS];
    bigcache_str_t           taken;     /* bytes of it behind the document */
    bigcache_str_t           key;       /* memory, as all of these */
    bigcache_str_t           base64;
    bigcache_str_t           type;
    bigcache_str_t           expire;
    bigcache_str_t           duration;
    bigcache_str_t           tags;
    bigcache_str_t           stale;
} bigcache_op_batch_t;


/* returns 1 if the current operation has a member, which is not null */

static inline int
bigcache_op_batch_has(const bigcache_op_batch_t *batch, unsigned i)
{
    const bigcache_str_t  *member = &batch->named[i].extent;

    return member->data && member->data[0] != 'n';
}


/* each of these writes the result of the current operation */

/* writes the result for one->rc: the reply without the key, or the failure */

void bigcache_op_batch_result(bigcache_op_batch_t *batch);

/* writes the page that was read, or the failure if its file cannot be read */

void bigcache_op_batch_result_page(bigcache_op_batch_t *batch);

/* writes 422 and the reason; msg is static */

void bigcache_op_batch_result_invalid(bigcache_op_batch_t *batch,
    const char *msg);

/* writes an HTTP status and its detail */

void bigcache_op_batch_result_failure(bigcache_op_batch_t *batch,
    unsigned status, const char *detail);


#endif /* _BIGCACHE_OP_BATCH_RESULT_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations that store the body of a request.
 */


#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_op_tags.h"
#include "bigcache_time.h"


static bigcache_rc_t bigcache_op_put_document(bigcache_op_put_t *put);
static bigcache_rc_t bigcache_op_put_raw_type(bigcache_op_t *op);
static bigcache_rc_t bigcache_op_put_raw_lifetime(bigcache_op_put_t *put);


static const bigcache_str_t  bigcache_op_put_not_set =
    bigcache_string("\"not set\"");


void
bigcache_op_put_json(bigcache_op_t *op)
{
    bigcache_rc_t      rc;
    bigcache_op_put_t  put;

    memset(&put, 0, sizeof(bigcache_op_put_t));

    put.op = op;
    put.body = op->body;
    put.plain = op->plain;

    rc = bigcache_op_write_view(op, &put.view, &put.body);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_put_document(&put);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_write_lifetime(&put);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_tags_put(&put);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_write_json(&put);
    }

    if (rc == BIGCACHE_OK && op->minimal) {
        rc = bigcache_op_write_reply(&put, &bigcache_answer_null);
    }

    bigcache_op_write_view_free(&put.view);
    bigcache_op_tags_free(&put);

    bigcache_op_finish(op, rc);
}


void
bigcache_op_put_raw(bigcache_op_t *op)
{
    bigcache_rc_t      rc;
    bigcache_put_t     page;
    bigcache_op_put_t  put;

    memset(&put, 0, sizeof(bigcache_op_put_t));
    memset(&page, 0, sizeof(bigcache_put_t));

    put.op = op;
    put.body = op->body;
    put.plain = op->plain;

    rc = bigcache_op_put_raw_type(op);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_put_raw_lifetime(&put);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_tags_put(&put);
    }

    if (rc == BIGCACHE_OK) {
        page.kind = BIGCACHE_KIND_RAW;
        page.expire = put.expire;
        page.type = op->type;
        page.data = &put.body;
        page.n = 1;

        rc = bigcache_op_write(&put, &page);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_write_reply(&put, &bigcache_op_put_not_set);
    }

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_put_document(bigcache_op_put_t *put)
{
    bigcache_rc_t           rc;
    bigcache_op_t          *op;
    bigcache_json_error_t   err;

    op = put->op;

    rc = bigcache_op_write_scanned(op, bigcache_json_scan(put->view.text.data,
                                                          put->view.text.len,
                                                          &put->doc, &err),
                                   &err);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (put->doc.value.data == NULL) {
        return bigcache_op_invalid(op, "body", "value", "field required",
                                   "value_error.missing");
    }

    return BIGCACHE_OK;
}


/* the type will be sent in a header, which may not have control characters */

static bigcache_rc_t
bigcache_op_put_raw_type(bigcache_op_t *op)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < op->type.len; i++) {

        c = op->type.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return bigcache_op_invalid(op, "header", "Content-Type",
                                       "value holds a control character",
                                       "value_error.str");
        }
    }

    if (op->type.len > BIGCACHE_TYPE_MAX) {
        return bigcache_op_invalid(op, "header", "Content-Type",
                                   "value is longer than 1024 bytes",
                                   "value_error.str");
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_put_raw_lifetime(bigcache_op_put_t *put)
{
    int64_t         ms;
    bigcache_op_t  *op;

    op = put->op;

    put->expire = BIGCACHE_NEVER;

    if (op->expire.data) {
        if (bigcache_lifetime_expire(&op->expire, &put->expire)
            != BIGCACHE_LIFETIME_OK)
        {
            return bigcache_op_invalid(op, "header", "X-Bigcache-Expire",
                              "value is not a number of unix seconds",
                              "type_error.float");
        }
    }

    if (op->duration.data) {
        if (bigcache_lifetime_duration(&op->duration, &ms)
            != BIGCACHE_LIFETIME_OK)
        {
            return bigcache_op_invalid(op, "header", "X-Bigcache-Duration",
                              "value does not begin with digits and one of "
                              "s, m, h, d, or is out of range",
                              "value_error.duration");
        }

        put->expire = bigcache_time_now() + ms;
    }

    if (op->stale.data) {
        if (bigcache_lifetime_duration(&op->stale, &put->stale)
            != BIGCACHE_LIFETIME_OK)
        {
            return bigcache_op_invalid(op, "header", "X-Bigcache-Stale",
                              "value does not begin with digits and one of "
                              "s, m, h, d, or is out of range",
                              "value_error.duration");
        }
    }

    return BIGCACHE_OK;
}

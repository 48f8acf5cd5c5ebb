
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations that store a page anew out of what is stored: with another
 * lifetime, or with another number.  The page is read, and written if it is
 * still the same version; else both are done again.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_gzip.h"
#include "bigcache_json.h"
#include "bigcache_op_store.h"


#define BIGCACHE_OP_DIGITS  sizeof("-9223372036854775808")


typedef struct bigcache_op_rewrite_s  bigcache_op_rewrite_t;

typedef bigcache_rc_t (*bigcache_op_rewrite_pt)(bigcache_op_rewrite_t *rw,
    bigcache_page_t *page);

struct bigcache_op_rewrite_s {
    bigcache_op_put_t       put;        /* what is to be stored */
    bigcache_op_rewrite_pt  handler;

    /* what the request says */
    bigcache_op_view_t      view;
    bigcache_json_doc_t     doc;
    int64_t                 expire;
    int64_t                 delta;
    int64_t                 initial;
    unsigned                begins:1;   /* with initial, if there is none */

    char                    digits[BIGCACHE_OP_DIGITS];
};


static bigcache_rc_t bigcache_op_rewrite(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_rewrite_once(bigcache_op_rewrite_t *rw,
    const bigcache_op_list_t *match, const bigcache_op_list_t *none_match,
    int *again);
static bigcache_rc_t bigcache_op_touched(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_touch_page(bigcache_op_rewrite_t *rw,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_counter(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_number(bigcache_op_t *op,
    const bigcache_json_named_t *named, int64_t *n);
static bigcache_rc_t bigcache_op_count_page(bigcache_op_rewrite_t *rw,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_store_number(bigcache_op_rewrite_t *rw,
    int64_t n);
static bigcache_rc_t bigcache_op_stored(bigcache_op_put_t *put,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_stored_json(bigcache_op_put_t *put,
    bigcache_page_t *page);


void
bigcache_op_touch(bigcache_op_t *op)
{
    bigcache_rc_t          rc;
    bigcache_op_rewrite_t  rw;

    memset(&rw, 0, sizeof(bigcache_op_rewrite_t));

    rw.put.op = op;
    rw.handler = bigcache_op_touch_page;

    rc = bigcache_op_view(&rw.view, &op->body);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_touched(&rw);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_rewrite(&rw);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_reply(&rw.put, &bigcache_answer_null);
    }

    bigcache_op_view_free(&rw.view);

    bigcache_op_finish(op, rc);
}


void
bigcache_op_incr(bigcache_op_t *op)
{
    bigcache_rc_t          rc;
    bigcache_op_rewrite_t  rw;

    memset(&rw, 0, sizeof(bigcache_op_rewrite_t));

    rw.put.op = op;
    rw.handler = bigcache_op_count_page;

    rc = bigcache_op_view(&rw.view, &op->body);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_counter(&rw);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_rewrite(&rw);
    }

    bigcache_op_view_free(&rw.view);

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_rewrite(bigcache_op_rewrite_t *rw)
{
    int                  again;
    unsigned             i;
    bigcache_rc_t        rc;
    bigcache_op_t       *op;
    bigcache_data_t      body;
    bigcache_op_list_t   match, none_match;

    op = rw->put.op;

    body = op->body;
    match = op->match;
    none_match = op->none_match;

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        free(op->memory);
        op->memory = NULL;

        rc = bigcache_op_rewrite_once(rw, &match, &none_match, &again);

        if (rc != BIGCACHE_MISMATCH || !again) {
            break;
        }
    }

    /* the reply is in memory of its own, or in a file of the page's */

    op->body = body;
    op->match = match;
    op->none_match = none_match;

    return rc;
}


static bigcache_rc_t
bigcache_op_rewrite_once(bigcache_op_rewrite_t *rw,
    const bigcache_op_list_t *match, const bigcache_op_list_t *none_match,
    int *again)
{
    int               live;
    bigcache_rc_t     rc;
    bigcache_op_t    *op;
    bigcache_page_t   page;

    op = rw->put.op;

    *again = 0;

    rc = bigcache_cache_get(op->cache, &op->key, 1, &page);

    if (rc == BIGCACHE_EXPIRED) {
        op->expired = 1;
    }

    live = (rc == BIGCACHE_OK);

    if ((rc != BIGCACHE_OK && rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED)
        || (!live && !rw->begins))
    {
        bigcache_page_free(&page);
        return rc;
    }

    if ((match->sent
         && !bigcache_op_listed(match, live, page.record.version))
        || (none_match->sent
            && bigcache_op_listed(none_match, live, page.record.version)))
    {
        bigcache_page_free(&page);
        return BIGCACHE_MISMATCH;
    }

    /* nothing may have come in between */

    *again = 1;

    memset(&op->match, 0, sizeof(bigcache_op_list_t));
    memset(&op->none_match, 0, sizeof(bigcache_op_list_t));

    if (live) {
        op->match.sent = 1;
        op->match.versions = &page.record.version;
        op->match.n = 1;

    } else {
        op->none_match.sent = 1;
        op->none_match.any = 1;
    }

    rc = rw->handler(rw, live ? &page : NULL);

    bigcache_op_view_free(&rw->put.view);
    memset(&rw->put.view, 0, sizeof(bigcache_op_view_t));

    bigcache_page_free(&page);

    return rc;
}


/* what a touch says: a lifetime, of which one member has to be there */

static bigcache_rc_t
bigcache_op_touched(bigcache_op_rewrite_t *rw)
{
    bigcache_rc_t           rc;
    bigcache_op_t          *op;
    bigcache_op_put_t      *put;
    bigcache_json_error_t   err;

    put = &rw->put;
    op = put->op;

    rc = bigcache_op_scanned(op, bigcache_json_scan(rw->view.text.data,
                                                    rw->view.text.len,
                                                    &put->doc, &err),
                             &err);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (put->doc.duration.data == NULL && put->doc.expire.data == NULL) {
        return bigcache_op_invalid(op, "body", "duration", "field required",
                                   "value_error.missing");
    }

    rc = bigcache_op_lifetime(put);

    rw->doc = put->doc;
    rw->expire = put->expire;

    return rc;
}


static bigcache_rc_t
bigcache_op_touch_page(bigcache_op_rewrite_t *rw, bigcache_page_t *page)
{
    bigcache_rc_t       rc;
    bigcache_put_t      raw;
    bigcache_op_put_t  *put;

    put = &rw->put;

    if (page->record.kind == BIGCACHE_KIND_JSON) {

        rc = bigcache_op_stored_json(put, page);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        put->expire = rw->expire;
        put->doc.duration = rw->doc.duration;

        return bigcache_op_store_json(put);
    }

    rc = bigcache_op_stored(put, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    memset(&raw, 0, sizeof(bigcache_put_t));

    raw.kind = BIGCACHE_KIND_RAW;
    raw.expire = rw->expire;
    raw.type = page->record.type;
    raw.data = &put->op->body;
    raw.n = 1;

    return bigcache_op_put(put->op, &raw);
}


static bigcache_rc_t
bigcache_op_counter(bigcache_op_rewrite_t *rw)
{
    int                     rc;
    bigcache_op_t          *op;
    bigcache_op_put_t      *put;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named[] = {
        { "delta", { 0, NULL } },
        { "initial", { 0, NULL } },
        { "expire", { 0, NULL } },
        { "duration", { 0, NULL } }
    };

    put = &rw->put;
    op = put->op;

    rw->delta = 1;
    rw->expire = BIGCACHE_NEVER;

    rc = bigcache_json_members(rw->view.text.data, rw->view.text.len, named,
                               4, &err);

    if (rc == BIGCACHE_JSON_EMPTY) {
        return BIGCACHE_OK;
    }

    rc = (int) bigcache_op_scanned(op, rc, &err);

    if (rc == BIGCACHE_OK && named[0].extent.data) {
        rc = (int) bigcache_op_number(op, &named[0], &rw->delta);
    }

    if (rc == BIGCACHE_OK && named[1].extent.data
        && named[1].extent.data[0] != 'n')
    {
        rc = (int) bigcache_op_number(op, &named[1], &rw->initial);
        rw->begins = 1;
    }

    if (rc != BIGCACHE_OK) {
        return (bigcache_rc_t) rc;
    }

    put->doc.expire = named[2].extent;
    put->doc.duration = named[3].extent;

    rc = (int) bigcache_op_lifetime(put);

    rw->doc = put->doc;
    rw->expire = put->expire;

    return (bigcache_rc_t) rc;
}


static bigcache_rc_t
bigcache_op_number(bigcache_op_t *op, const bigcache_json_named_t *named,
    int64_t *n)
{
    if (bigcache_json_integer(&named->extent, n) == BIGCACHE_JSON_OK) {
        return BIGCACHE_OK;
    }

    return bigcache_op_invalid(op, "body", named->name,
                               "value is not an integer of 64 bits",
                               "type_error.integer");
}


/* page: NULL if there is none */

static bigcache_rc_t
bigcache_op_count_page(bigcache_op_rewrite_t *rw, bigcache_page_t *page)
{
    int64_t             n;
    bigcache_rc_t       rc;
    bigcache_op_put_t  *put;

    put = &rw->put;

    if (page == NULL) {
        put->expire = rw->expire;
        put->doc.duration = rw->doc.duration;

        return bigcache_op_store_number(rw, rw->initial);
    }

    if (page->record.kind != BIGCACHE_KIND_JSON) {
        return BIGCACHE_NUMBER;
    }

    rc = bigcache_op_stored_json(put, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (bigcache_json_integer(&put->doc.value, &n) != BIGCACHE_JSON_OK
        || __builtin_add_overflow(n, rw->delta, &n))
    {
        return BIGCACHE_NUMBER;
    }

    put->expire = page->record.expire;

    return bigcache_op_store_number(rw, n);
}


static bigcache_rc_t
bigcache_op_store_number(bigcache_op_rewrite_t *rw, int64_t n)
{
    bigcache_op_put_t  *put;

    put = &rw->put;

    (void) snprintf(rw->digits, BIGCACHE_OP_DIGITS, "%lld", (long long) n);

    put->doc.value.data = (u_char *) rw->digits;
    put->doc.value.len = strlen(rw->digits);

    return bigcache_op_store_json(put);
}


/* has op->body be what is stored, unpacked */

static bigcache_rc_t
bigcache_op_stored(bigcache_op_put_t *put, bigcache_page_t *page)
{
    size_t              size;
    bigcache_op_t      *op;
    bigcache_record_t  *record;

    op = put->op;
    record = &page->record;

    if (page->fd != -1) {
        op->body = bigcache_data_range(page->fd, page->offset,
                                       record->length);
        return BIGCACHE_OK;
    }

    op->body = bigcache_data_bytes(record->body.data, record->body.len);

    if (!(record->flags & BIGCACHE_FLAG_GZIP)) {
        return BIGCACHE_OK;
    }

    size = (size_t) record->unpacked;

    put->view.memory = malloc(size ? size : 1);

    if (put->view.memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_gzip_unpack(put->view.memory, size, record->body.data,
                             record->body.len)
        == -1)
    {
        return BIGCACHE_ERROR;
    }

    op->body = bigcache_data_bytes(put->view.memory, size);

    return BIGCACHE_OK;
}


/* the same, with the view and the members of the document */

static bigcache_rc_t
bigcache_op_stored_json(bigcache_op_put_t *put, bigcache_page_t *page)
{
    bigcache_rc_t           rc;
    bigcache_json_error_t   err;

    rc = bigcache_op_stored(put, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_op_view(&put->view, &put->op->body);

    if (rc == BIGCACHE_OK
        && bigcache_json_scan(put->view.text.data, put->view.text.len,
                              &put->doc, &err)
           != BIGCACHE_JSON_OK)
    {
        /* its checksum was right, so it was stored like this */

        rc = BIGCACHE_ERROR;
    }

    return rc;
}

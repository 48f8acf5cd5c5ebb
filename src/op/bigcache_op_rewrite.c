
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations that change a stored page: its lifetime (touch), or its
 * number (incr).  They read the page, and store a new one if the page is still
 * of the same version; otherwise they begin again.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_json.h"
#include "bigcache_op_write.h"


#define BIGCACHE_OP_DIGITS  sizeof("-9223372036854775808")

/* bytes: more than a lifetime after a value takes */

#define BIGCACHE_OP_TAIL    8192


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


static void bigcache_op_rewrite_run(bigcache_op_t *op,
    bigcache_rc_t (*parse)(bigcache_op_rewrite_t *rw),
    bigcache_op_rewrite_pt handler);
static bigcache_rc_t bigcache_op_rewrite(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_rewrite_once(bigcache_op_rewrite_t *rw,
    int *again);
static bigcache_rc_t bigcache_op_touched(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_touch_page(bigcache_op_rewrite_t *rw,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_touch_raw(bigcache_op_put_t *put,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_counter(bigcache_op_rewrite_t *rw);
static bigcache_rc_t bigcache_op_number(bigcache_op_t *op,
    const bigcache_json_named_t *named, int64_t *n);
static bigcache_rc_t bigcache_op_count_page(bigcache_op_rewrite_t *rw,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_store_number(bigcache_op_rewrite_t *rw,
    int64_t n);
static void bigcache_op_stored(bigcache_op_put_t *put, bigcache_page_t *page);
static bigcache_rc_t bigcache_op_stored_unpacked(bigcache_op_put_t *put,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_stored_json(bigcache_op_put_t *put,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_stored_value(bigcache_op_put_t *put,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_op_stored_text(bigcache_op_put_t *put,
    uint64_t at, u_char *buf, bigcache_str_t *text);


void
bigcache_op_rewrite_touch(bigcache_op_t *op)
{
    bigcache_op_rewrite_run(op, bigcache_op_touched, bigcache_op_touch_page);
}


void
bigcache_op_rewrite_incr(bigcache_op_t *op)
{
    bigcache_op_rewrite_run(op, bigcache_op_counter, bigcache_op_count_page);
}


static void
bigcache_op_rewrite_run(bigcache_op_t *op,
    bigcache_rc_t (*parse)(bigcache_op_rewrite_t *rw),
    bigcache_op_rewrite_pt handler)
{
    bigcache_rc_t          rc;
    bigcache_op_rewrite_t  rw;

    memset(&rw, 0, sizeof(bigcache_op_rewrite_t));

    rw.put.op = op;
    rw.handler = handler;

    rc = bigcache_op_write_view(op, &rw.view, &op->body);

    if (rc == BIGCACHE_OK) {
        rc = parse(&rw);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_rewrite(&rw);
    }

    bigcache_op_write_view_free(&rw.view);

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_rewrite(bigcache_op_rewrite_t *rw)
{
    int               again;
    unsigned          i;
    bigcache_rc_t     rc;
    bigcache_op_t    *op;
    bigcache_lock_t  *lock;

    op = rw->put.op;

    again = 1;
    rc = BIGCACHE_MISMATCH;

    /*
     * The lock only avoids useless tries.  A brief operation copies no large
     * page while it holds the lock.  So threads without a turn never wait for
     * a copy.
     */

    lock = bigcache_cache_lock(op->cache, &op->key, op->brief);

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        free(op->memory);
        op->memory = NULL;

        rc = bigcache_op_rewrite_once(rw, &again);

        if (rc != BIGCACHE_MISMATCH || !again) {
            break;
        }
    }

    if (lock) {
        bigcache_cache_unlock(lock);
    }

    if (rc == BIGCACHE_MISMATCH && again) {
        rc = BIGCACHE_BUSY;
    }

    return rc;
}


/* sets *again if a mismatch means that the page was changed meanwhile */

static bigcache_rc_t
bigcache_op_rewrite_once(bigcache_op_rewrite_t *rw, int *again)
{
    int                 there, live;
    uint64_t            expect;
    bigcache_rc_t       rc;
    bigcache_op_t      *op;
    bigcache_op_put_t  *put;
    bigcache_page_t     page;

    put = &rw->put;
    op = put->op;

    *again = 0;

    rc = bigcache_cache_get(op->cache, &op->key,
                            op->brief ? BIGCACHE_BODY_SMALL : BIGCACHE_BODY,
                            &page);

    if (rc == BIGCACHE_EXPIRED) {
        op->expired = 1;
    }

    there = (rc == BIGCACHE_OK);
    live = (there && bigcache_op_age(&page) == BIGCACHE_OP_FRESH);

    if ((rc != BIGCACHE_OK && rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED)
        || (!live && !rw->begins))
    {
        bigcache_page_free(&page);
        return there ? BIGCACHE_MISS : rc;
    }

    if (!bigcache_op_write_accepts(op, live, page.version)) {
        bigcache_page_free(&page);
        return BIGCACHE_MISMATCH;
    }

    if (live && op->brief && page.length > BIGCACHE_PAGE_LARGE) {
        bigcache_page_free(&page);
        return BIGCACHE_AGAIN;
    }

    *again = 1;

    expect = there ? page.version : BIGCACHE_EXPECT_NONE;
    put->expect = &expect;

    /* a purge that removes the former page must also remove this one */

    put->origin = live ? page.origin : 0;

    if (live) {
        put->tags = page.tags;

    } else {
        put->tags.len = 0;
    }

    /* what lies as it came was perhaps stored with "no-transform" */

    put->plain = (live && !page.packed);

    rc = rw->handler(rw, live ? &page : NULL);

    put->expect = NULL;

    bigcache_op_write_view_free(&put->view);
    memset(&put->view, 0, sizeof(bigcache_op_view_t));

    bigcache_page_free(&page);

    return rc;
}


/* reads the body of a touch: "expire" or "duration", at least one of them */

static bigcache_rc_t
bigcache_op_touched(bigcache_op_rewrite_t *rw)
{
    bigcache_rc_t           rc;
    bigcache_op_t          *op;
    bigcache_op_put_t      *put;
    bigcache_json_error_t   err;

    put = &rw->put;
    op = put->op;

    rc = bigcache_op_write_scanned(op, bigcache_json_scan(rw->view.text.data,
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

    rc = bigcache_op_write_lifetime(put);

    rw->doc = put->doc;
    rw->expire = put->expire;

    return rc;
}


static bigcache_rc_t
bigcache_op_touch_page(bigcache_op_rewrite_t *rw, bigcache_page_t *page)
{
    bigcache_rc_t       rc;
    bigcache_op_put_t  *put;

    put = &rw->put;

    bigcache_op_write_lifetime_of(put, page);
    put->expire = rw->expire;

    if (page->kind == BIGCACHE_KIND_JSON) {
        rc = bigcache_op_stored_value(put, page);

        if (rc == BIGCACHE_OK) {
            put->doc.duration = rw->doc.duration;
            rc = bigcache_op_write_json(put);
        }

    } else {
        rc = bigcache_op_touch_raw(put, page);
    }

    return (rc == BIGCACHE_OK)
           ? bigcache_op_write_reply(put, &bigcache_answer_null) : rc;
}


/* copies the body as it is, packed or not: the lifetime is in the index */

static bigcache_rc_t
bigcache_op_touch_raw(bigcache_op_put_t *put, bigcache_page_t *page)
{
    bigcache_put_t  raw;

    bigcache_op_stored(put, page);

    memset(&raw, 0, sizeof(bigcache_put_t));

    raw.kind = BIGCACHE_KIND_RAW;
    raw.expire = put->expire;
    raw.type = page->type;
    raw.data = &put->body;
    raw.n = 1;

    if (page->packed) {
        raw.unpacked = page->unpacked;
    }

    return bigcache_op_write(put, &raw);
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

    rc = bigcache_json_scan_members(rw->view.text.data, rw->view.text.len,
                                    named, 4, &err);

    if (rc == BIGCACHE_JSON_EMPTY) {
        return BIGCACHE_OK;
    }

    rc = (int) bigcache_op_write_scanned(op, rc, &err);

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

    rc = (int) bigcache_op_write_lifetime(put);

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


/* page is NULL if there is none */

static bigcache_rc_t
bigcache_op_count_page(bigcache_op_rewrite_t *rw, bigcache_page_t *page)
{
    int64_t             n;
    bigcache_rc_t       rc;
    bigcache_op_put_t  *put;

    put = &rw->put;

    if (page == NULL) {
        put->expire = rw->expire;
        put->stale = 0;
        put->doc.duration = rw->doc.duration;

        return bigcache_op_store_number(rw, rw->initial);
    }

    if (page->kind != BIGCACHE_KIND_JSON
        || bigcache_answer_value(page->head) + BIGCACHE_OP_DIGITS
           + BIGCACHE_OP_TAIL < page->unpacked)
    {
        /* a page of this size is no number, and is not unpacked */

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

    bigcache_op_write_lifetime_of(put, page);

    return bigcache_op_store_number(rw, n);
}


static bigcache_rc_t
bigcache_op_store_number(bigcache_op_rewrite_t *rw, int64_t n)
{
    bigcache_op_put_t  *put;

    put = &rw->put;

    (void) snprintf(rw->digits, BIGCACHE_OP_DIGITS, "%lld", (long long) n);

    put->doc.value = bigcache_str_text(rw->digits);

    return bigcache_op_write_json(put);
}


/* sets put->body to the stored body, packed or not */

static void
bigcache_op_stored(bigcache_op_put_t *put, bigcache_page_t *page)
{
    put->op->work += page->length;
    put->body = page->body;
}


/* the same, unpacked */

static bigcache_rc_t
bigcache_op_stored_unpacked(bigcache_op_put_t *put, bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    bigcache_op_stored(put, page);

    if (!page->packed) {
        return BIGCACHE_OK;
    }

    rc = bigcache_op_unpack(put->op, page, &put->view.memory);

    if (rc == BIGCACHE_OK) {
        put->body = bigcache_data_bytes(put->view.memory,
                                        (size_t) page->unpacked);
    }

    return rc;
}


/* the same, and parses the document */

static bigcache_rc_t
bigcache_op_stored_json(bigcache_op_put_t *put, bigcache_page_t *page)
{
    bigcache_rc_t           rc;
    bigcache_json_error_t   err;

    rc = bigcache_op_stored_unpacked(put, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    put->view.text = put->body.bytes;

    if (bigcache_json_scan(put->view.text.data, put->view.text.len,
                           &put->doc, &err)
        != BIGCACHE_JSON_OK)
    {
        /* its checksum is right, so it was stored like this */

        return bigcache_cache_failed(put->op->cache, "read a document",
                                     err.msg);
    }

    return BIGCACHE_OK;
}


/*
 * The same with the value alone.  The document was checked when it was stored,
 * so only its end is read here.  A large value stays in its file.
 */

static bigcache_rc_t
bigcache_op_stored_value(bigcache_op_put_t *put, bigcache_page_t *page)
{
    u_char           tail[BIGCACHE_OP_TAIL];
    uint64_t         at, end;
    const u_char    *p;
    bigcache_rc_t    rc;
    bigcache_str_t   text;

    rc = bigcache_op_stored_unpacked(put, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    at = bigcache_answer_value(page->head);
    end = bigcache_data_length(&put->body, 1);

    put->value_at = at;

    if (end < at) {
        return bigcache_cache_failed(put->op->cache, "read a document",
                                     "it is shorter than its head");
    }

    if (end > at + sizeof(tail)) {
        at = end - sizeof(tail);
    }

    text.len = (size_t) (end - at);

    if (bigcache_op_stored_text(put, at, tail, &text) != BIGCACHE_OK) {
        return BIGCACHE_ERROR;
    }

    p = bigcache_answer_behind(&text);

    if (p == NULL) {
        return bigcache_cache_failed(put->op->cache, "read a document",
                                     "it does not end as it was stored");
    }

    put->doc.value.data = (put->body.fd == -1)
                          ? put->body.bytes.data + put->value_at : NULL;

    put->doc.value.len = (size_t) (at + (uint64_t) (p - text.data)
                                   - put->value_at);

    return BIGCACHE_OK;
}


/* returns text->len bytes of the document from at on; reads a file to buf */

static bigcache_rc_t
bigcache_op_stored_text(bigcache_op_put_t *put, uint64_t at, u_char *buf,
    bigcache_str_t *text)
{
    bigcache_data_t  data;

    if (put->body.fd == -1) {
        text->data = put->body.bytes.data + at;
        return BIGCACHE_OK;
    }

    text->data = buf;

    data = bigcache_data_range(put->body.fd, put->body.offset + (off_t) at,
                               text->len);

    if (bigcache_data_read(buf, &data, 1) == -1) {
        return bigcache_cache_failed(put->op->cache, "read a page",
                                     strerror(errno));
    }

    return BIGCACHE_OK;
}

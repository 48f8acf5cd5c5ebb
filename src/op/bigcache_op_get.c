
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations that read a page: /cache/, /pickle/, and the get of a batch.
 */


#include "bigcache_op.h"


/* bytes that are unpacked in the event loop: some 0.2 ms, see docs/hot.md */

#define BIGCACHE_OP_UNPACK  (256 * 1024)


static void bigcache_op_get_page(bigcache_op_t *op, int raw);
static bigcache_rc_t bigcache_op_get_aged(bigcache_op_t *op,
    bigcache_rc_t rc);
static int bigcache_op_get_fits(const bigcache_op_t *op);
static int bigcache_op_get_peek(bigcache_op_t *op, int raw);
static unsigned bigcache_op_get_file(const bigcache_op_t *op, int raw);
static void bigcache_op_get_found(bigcache_op_t *op);
static void bigcache_op_get_reply(bigcache_op_t *op, int raw);
static void bigcache_op_get_unpack(bigcache_op_t *op);


static const u_char  bigcache_op_get_brace[] = "{";


void
bigcache_op_get_json(bigcache_op_t *op)
{
    bigcache_op_get_page(op, 0);
}


void
bigcache_op_get_raw(bigcache_op_t *op)
{
    bigcache_op_get_page(op, 1);
}


int
bigcache_op_get_peek_json(bigcache_op_t *op)
{
    return bigcache_op_get_peek(op, 0);
}


int
bigcache_op_get_peek_raw(bigcache_op_t *op)
{
    return bigcache_op_get_peek(op, 1);
}


void
bigcache_op_get_within(bigcache_op_t *op, int look)
{
    bigcache_rc_t  rc;

    rc = bigcache_cache_get(op->cache, &op->key,
                            look ? BIGCACHE_BODY_NONE : BIGCACHE_BODY_SMALL,
                            &op->page);

    if (rc == BIGCACHE_OK && bigcache_op_get_fits(op)
        && (look || op->page.length > BIGCACHE_PAGE_LARGE))
    {
        bigcache_page_free(&op->page);

        rc = bigcache_cache_get(op->cache, &op->key, BIGCACHE_BODY,
                                &op->page);
    }

    op->expired = (rc == BIGCACHE_EXPIRED);

    rc = bigcache_op_get_aged(op, rc);

    if (rc == BIGCACHE_OK && !bigcache_op_get_fits(op)) {
        rc = BIGCACHE_TOO_LARGE;
    }

    bigcache_op_finish(op, rc);

    if (rc == BIGCACHE_OK) {
        bigcache_op_get_found(op);
        bigcache_op_get_reply(op, 1);
    }
}


static void
bigcache_op_get_page(bigcache_op_t *op, int raw)
{
    int            body;
    bigcache_rc_t  rc;

    body = op->brief ? BIGCACHE_BODY_KNOWN : BIGCACHE_BODY;

    /* a lease needs the latest version, which only the index knows */

    rc = bigcache_cache_get(op->cache, &op->key,
                            op->wait ? body : body|BIGCACHE_BODY_PEEK,
                            &op->page);

    op->expired = (rc == BIGCACHE_EXPIRED);

    rc = bigcache_op_get_aged(op, rc);

    bigcache_op_finish(op, rc);

    if (rc == BIGCACHE_OK) {
        bigcache_op_get_found(op);
        bigcache_op_get_reply(op, raw);
    }
}


static bigcache_rc_t
bigcache_op_get_aged(bigcache_op_t *op, bigcache_rc_t rc)
{
    bigcache_op_age_e  age;

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    age = bigcache_op_age(&op->page);

    if (age == BIGCACHE_OP_STALE && op->wait) {
        op->aged = 1;
        return BIGCACHE_OK;
    }

    if (age == BIGCACHE_OP_FRESH) {
        return BIGCACHE_OK;
    }

    op->missed = "cache expired";

    return BIGCACHE_MISS;
}


/* in a batch: the document without its key, or bytes, perhaps in base64 */

static int
bigcache_op_get_fits(const bigcache_op_t *op)
{
    uint64_t                size;
    const bigcache_page_t  *page;

    page = &op->page;

    size = (page->kind == BIGCACHE_KIND_JSON) ? page->unpacked - page->head
           : op->as_bytes ? page->unpacked
           : (page->unpacked + 2) / 3 * 4;

    return size <= op->most;
}


static int
bigcache_op_get_peek(bigcache_op_t *op, int raw)
{
    const bigcache_page_t  *page;

    op->rc = bigcache_cache_peek(op->cache, &op->key,
                                 bigcache_op_get_file(op, raw), &op->page);

    if (op->rc == BIGCACHE_AGAIN) {
        return 0;
    }

    if (op->rc == BIGCACHE_OK
        && bigcache_op_age(&op->page) != BIGCACHE_OP_FRESH)
    {
        bigcache_page_free(&op->page);
        return 0;
    }

    if (op->rc == BIGCACHE_OK) {
        bigcache_op_get_found(op);

        page = &op->page;

        if (op->packed && page->unpacked > BIGCACHE_OP_UNPACK
            && (!op->gzip || (raw && page->kind == BIGCACHE_KIND_JSON))
            && !op->head
            && (!op->pieces || bigcache_op_may_hold(page->unpacked)))
        {
            bigcache_page_free(&op->page);
            op->nreply = 0;
            op->packed = 0;
            op->varies = 0;

            return 0;
        }
    }

    bigcache_cache_peeked(op->cache);

    if (op->rc == BIGCACHE_OK) {
        bigcache_op_get_reply(op, raw);
    }

    return 1;
}


/* says which pages may come in a file: those that are sent as they are */

static unsigned
bigcache_op_get_file(const bigcache_op_t *op, int raw)
{
    if (!op->file) {
        return 0;
    }

    if (!op->gzip) {
        return BIGCACHE_PEEK_PLAIN;
    }

    return BIGCACHE_PEEK_PLAIN|BIGCACHE_PEEK_PACKED
           |(raw ? 0 : BIGCACHE_PEEK_JSON);
}


static void
bigcache_op_get_found(bigcache_op_t *op)
{
    op->nreply = 1;
    op->reply[0] = op->page.body;
    op->packed = op->page.packed;
    op->varies = op->packed;
}


/* raw: the reply is a document without its key, or a raw page */

static void
bigcache_op_get_reply(bigcache_op_t *op, int raw)
{
    uint32_t          head;
    bigcache_data_t  *body;

    if (!raw && op->page.kind != BIGCACHE_KIND_JSON) {
        op->nreply = 0;
        op->rc = BIGCACHE_RAW;
        return;
    }

    if (!raw || op->page.kind == BIGCACHE_KIND_RAW) {

        if (!op->gzip) {
            bigcache_op_get_unpack(op);
        }

        return;
    }

    /* the stored document has the key in front, which is cut off here */

    bigcache_op_get_unpack(op);

    if (op->rc != BIGCACHE_OK) {
        return;
    }

    head = op->page.head;

    op->reply[1] = op->reply[0];
    op->reply[0] = bigcache_data_bytes(bigcache_op_get_brace, 1);
    op->nreply = 2;

    if (op->unpack) {
        op->skip = head;
        op->length = op->page.unpacked - head + 1;
        return;
    }

    body = &op->reply[1];

    if (body->fd == -1) {
        body->bytes.data += head;
        body->bytes.len -= head;

    } else {
        body->offset += head;
        body->length -= head;
    }
}


/* only what is in memory is ever packed */

static void
bigcache_op_get_unpack(bigcache_op_t *op)
{
    int              damaged;
    size_t           size;
    const u_char    *text;
    bigcache_str_t  *file;

    if (!op->packed) {
        return;
    }

    size = (size_t) op->page.unpacked;

    if (op->head || (op->pieces && !bigcache_op_hold(op, size))) {
        op->length = size;
        op->unpack = 1;
        op->packed = 0;

        return;
    }

    file = &op->page.body.bytes;
    op->work += size;

    op->text = bigcache_unpacked(op->cache, op->page.version, file->data,
                                 file->len, size, &text, &damaged);

    if (op->text) {
        op->reply[0] = bigcache_data_bytes(text, size);
        op->packed = 0;
        return;
    }

    op->rc = damaged ? bigcache_op_damaged(op) : BIGCACHE_NOMEM;
}

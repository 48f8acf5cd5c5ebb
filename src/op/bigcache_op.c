
/*
 * Copyright (C) bigcache contributors
 */


#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_gzip.h"
#include "bigcache_op_store.h"


/* bytes that are unpacked in the event loop: some 0.2 ms, see docs/hot.md */

#define BIGCACHE_OP_UNPACK  (256 * 1024)

/*
 * Bytes of unpacked pages that replies may hold in a process, while they wait
 * for their clients: any more are unpacked as the client reads.  That is no
 * gain for small ones, which are not counted.
 */

#define BIGCACHE_OP_HELD    (32 * 1024 * 1024)
#define BIGCACHE_OP_SMALL   (64 * 1024)

/* milliseconds that gauges wait for the owner */

#define BIGCACHE_OP_GAUGES  1000


static bigcache_rc_t bigcache_op_get(bigcache_op_t *op);
static int bigcache_op_within(const bigcache_op_t *op);
static int bigcache_op_peek(bigcache_op_t *op, int raw);
static void bigcache_op_found(bigcache_op_t *op);
static void bigcache_op_json(bigcache_op_t *op);
static void bigcache_op_raw(bigcache_op_t *op);
static void bigcache_op_unpack(bigcache_op_t *op);
static int bigcache_op_hold(bigcache_op_t *op, uint64_t size);
static int bigcache_op_may_hold(uint64_t size);
static void bigcache_op_reason(bigcache_op_t *op);
static int bigcache_op_has_path(const char *text);
static bigcache_rc_t bigcache_op_expect(bigcache_op_t *op, uint64_t *expect);
static int bigcache_op_listed(const bigcache_op_list_t *list, int live,
    uint64_t version);


static const u_char  bigcache_op_brace[] = "{";

/* as much as all replies hold */

static _Atomic uint64_t  bigcache_op_held;


void
bigcache_op_get_json(bigcache_op_t *op)
{
    if (bigcache_op_get(op) == BIGCACHE_OK) {
        bigcache_op_json(op);
    }
}


void
bigcache_op_get_raw(bigcache_op_t *op)
{
    if (bigcache_op_get(op) == BIGCACHE_OK) {
        bigcache_op_raw(op);
    }
}


int
bigcache_op_peek_json(bigcache_op_t *op)
{
    if (!bigcache_op_peek(op, 0)) {
        return 0;
    }

    if (op->rc == BIGCACHE_OK) {
        bigcache_op_json(op);
    }

    return 1;
}


int
bigcache_op_peek_raw(bigcache_op_t *op)
{
    if (!bigcache_op_peek(op, 1)) {
        return 0;
    }

    if (op->rc == BIGCACHE_OK) {
        bigcache_op_raw(op);
    }

    return 1;
}


void
bigcache_op_get_within(bigcache_op_t *op, int look)
{
    bigcache_rc_t  rc;

    rc = bigcache_cache_get(op->cache, &op->key,
                            look ? BIGCACHE_BODY_NONE : BIGCACHE_BODY_SMALL,
                            &op->page);

    if (rc == BIGCACHE_OK && bigcache_op_within(op)
        && (look || op->page.record.length > BIGCACHE_STORE_LARGE))
    {
        bigcache_page_free(&op->page);

        rc = bigcache_cache_get(op->cache, &op->key, BIGCACHE_BODY,
                                &op->page);
    }

    op->expired = (rc == BIGCACHE_EXPIRED);

    if (rc == BIGCACHE_OK && !bigcache_op_within(op)) {
        rc = BIGCACHE_TOO_LARGE;
    }

    bigcache_op_finish(op, rc);

    if (rc == BIGCACHE_OK) {
        bigcache_op_found(op);
        bigcache_op_raw(op);
    }
}


void
bigcache_op_delete(bigcache_op_t *op)
{
    unsigned       i;
    uint64_t       expect;
    bigcache_rc_t  rc, synced;

    rc = BIGCACHE_BUSY;

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        rc = bigcache_op_expect(op, &expect);

        if (rc == BIGCACHE_OK && expect == BIGCACHE_EXPECT_NONE) {
            rc = op->expired ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
            break;
        }

        if (rc != BIGCACHE_OK) {
            break;
        }

        rc = bigcache_cache_delete(op->cache, &op->key, expect);

        if (rc == BIGCACHE_EXPIRED) {
            op->expired = 1;
        }

        /* it went after that look: the conditions are to be asked again */

        if (rc != BIGCACHE_MISMATCH
            && (expect == BIGCACHE_EXPECT_ANY
                || (rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED)))
        {
            break;
        }
    }

    op->n = (rc == BIGCACHE_OK);

    if (i == BIGCACHE_OP_TRIES) {
        rc = BIGCACHE_BUSY;
    }

    if (!op->later
        && (rc == BIGCACHE_OK || rc == BIGCACHE_EXPIRED
            || rc == BIGCACHE_MISS))
    {
        synced = bigcache_cache_sync(op->cache);

        if (synced != BIGCACHE_OK) {
            rc = synced;
        }
    }

    bigcache_op_finish(op, rc);
}


void
bigcache_op_purge(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_purge(op->cache, &op->key,
                                                op->async, &op->n,
                                                &op->expired));
}


void
bigcache_op_count(bigcache_op_t *op)
{
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    stat.keys = 0;
    rc = bigcache_cache_stat(op->cache, 0, &stat);

    op->n = stat.keys;

    bigcache_op_finish(op, rc);
}


void
bigcache_op_gauges(bigcache_op_t *op)
{
    op->up = (bigcache_cache_stat(op->cache, BIGCACHE_OP_GAUGES, &op->stat)
              == BIGCACHE_OK);

    bigcache_op_finish(op, BIGCACHE_OK);
}


void
bigcache_op_clear(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_clear(op->cache));
}


void
bigcache_op_close(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_close(op->cache));
}


void
bigcache_op_open(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_open(op->cache));
}


unsigned
bigcache_op_failure(const bigcache_op_t *op, const char **detail)
{
    switch (op->rc) {

    case BIGCACHE_MISS:
        *detail = "cache miss";
        return 404;

    case BIGCACHE_EXPIRED:
        *detail = "cache expired";
        return 404;

    case BIGCACHE_RAW:
        *detail = "the key holds raw bytes, read it at /pickle/";
        return 409;

    case BIGCACHE_NUMBER:
        *detail = "the key holds no integer, or one that would be too large";
        return 409;

    case BIGCACHE_MISMATCH:
        *detail = "what is stored does not meet the condition";
        return 412;

    case BIGCACHE_TOO_LARGE:
        *detail = "the answer would be too large, ask for the page alone";
        return 413;

    case BIGCACHE_INVALID:
        *detail = op->invalid.msg;
        return 422;

    case BIGCACHE_FULL:
        *detail = "no space left on the disk of the cache";
        return 507;

    case BIGCACHE_CLOSED:
        *detail = "the store is closed, POST /open opens it";
        return 503;

    case BIGCACHE_UNAVAILABLE:
        *detail = op->reason;
        return 503;

    case BIGCACHE_BUSY:
        *detail = "too many change this page at the same time";
        return 503;

    case BIGCACHE_UNKNOWN:
        *detail = "the process that has the store open did not answer, so it "
                  "is not known whether this was done";
        return 503;

    case BIGCACHE_NOMEM:
        *detail = "out of memory";
        return 503;

    default:
        *detail = "the store failed, its error log says why";
        return 500;
    }
}


void
bigcache_op_free(bigcache_op_t *op)
{
    bigcache_page_free(&op->page);

    free(op->memory);
    op->memory = NULL;

    if (op->held) {
        atomic_fetch_sub(&bigcache_op_held, op->held);
        op->held = 0;
    }

    free(op->tally);
    op->tally = NULL;
    op->ntally = 0;
}


void
bigcache_op_finish(bigcache_op_t *op, bigcache_rc_t rc)
{
    op->rc = rc;

    if (rc == BIGCACHE_UNAVAILABLE) {
        bigcache_op_reason(op);
    }
}


/*
 * The reason is what the error log has, and may hold paths.  A client is told
 * what is wrong, not where: of a text with a path in it there remains what
 * stands behind the last colon, the error of the system most often.
 */

static void
bigcache_op_reason(bigcache_op_t *op)
{
    char         reason[BIGCACHE_ERROR_LEN];
    const char  *p, *error;

    bigcache_cache_reason(op->cache, reason);

    if (!bigcache_op_has_path(reason)) {
        (void) memcpy(op->reason, reason, BIGCACHE_ERROR_LEN);
        return;
    }

    error = "";

    for (p = strstr(reason, ": "); p; p = strstr(p + 1, ": ")) {
        error = p + 2;
    }

    if (strchr(error, '"') || bigcache_op_has_path(error)) {
        error = "";
    }

    (void) snprintf(op->reason, BIGCACHE_ERROR_LEN,
                    "the store cannot be opened, the error log says why%s%.64s",
                    *error ? ": " : "", error);
}


/* a slash that follows a letter begins no path: "Input/output error" */

static int
bigcache_op_has_path(const char *text)
{
    const char  *p;

    for (p = strchr(text, '/'); p; p = strchr(p + 1, '/')) {
        if (p == text || !isalpha((unsigned char) p[-1])) {
            return 1;
        }
    }

    return 0;
}


bigcache_rc_t
bigcache_op_put(bigcache_op_put_t *put, bigcache_put_t *page)
{
    unsigned        i;
    bigcache_rc_t   rc;
    bigcache_op_t  *op;

    op = put->op;

    page->key = op->key;
    page->origin = put->origin;

    if (put->expect) {
        page->expect = *put->expect;

        return bigcache_cache_put(op->cache, page, &op->page);
    }

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        rc = bigcache_op_expect(op, &page->expect);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        rc = bigcache_cache_put(op->cache, page, &op->page);

        /* a mismatch now is a version that came meanwhile: look again */

        if (rc != BIGCACHE_MISMATCH) {
            return rc;
        }
    }

    return BIGCACHE_BUSY;
}


/*
 * Returns BIGCACHE_OK and what the store is to expect, BIGCACHE_MISMATCH if
 * what is there is not what the lists of op accept, or another code.
 */

static bigcache_rc_t
bigcache_op_expect(bigcache_op_t *op, uint64_t *expect)
{
    int              live;
    bigcache_rc_t    rc;
    bigcache_page_t  page;

    *expect = BIGCACHE_EXPECT_ANY;

    if (!op->match.sent && !op->none_match.sent) {
        return BIGCACHE_OK;
    }

    rc = bigcache_cache_get(op->cache, &op->key, BIGCACHE_BODY_NONE, &page);

    bigcache_page_free(&page);

    if (rc == BIGCACHE_EXPIRED) {
        op->expired = 1;

    } else if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    live = (rc == BIGCACHE_OK);

    if (!bigcache_op_accepts(op, live, page.record.version)) {
        return BIGCACHE_MISMATCH;
    }

    *expect = live ? page.record.version : BIGCACHE_EXPECT_NONE;

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_get(bigcache_op_t *op)
{
    bigcache_rc_t  rc;

    rc = bigcache_cache_get(op->cache, &op->key,
                            op->brief ? BIGCACHE_BODY_KNOWN : BIGCACHE_BODY,
                            &op->page);

    if (rc == BIGCACHE_OK) {
        bigcache_op_found(op);
    }

    op->expired = (rc == BIGCACHE_EXPIRED);

    bigcache_op_finish(op, rc);

    return rc;
}


/* as a batch has it: the document behind its key, or bytes in base64 */

static int
bigcache_op_within(const bigcache_op_t *op)
{
    uint64_t                  size;
    const bigcache_record_t  *record;

    record = &op->page.record;

    size = (record->kind == BIGCACHE_KIND_JSON)
           ? record->unpacked - record->head
           : (record->unpacked + 2) / 3 * 4;

    return size <= op->most;
}


static int
bigcache_op_peek(bigcache_op_t *op, int raw)
{
    bigcache_record_t  *record;

    op->rc = bigcache_cache_peek(op->cache, &op->key, &op->page);

    if (op->rc == BIGCACHE_AGAIN) {
        return 0;
    }

    if (op->rc == BIGCACHE_OK) {
        bigcache_op_found(op);

        record = &op->page.record;

        if (op->packed && record->unpacked > BIGCACHE_OP_UNPACK
            && (!op->gzip || (raw && record->kind == BIGCACHE_KIND_JSON))
            && !op->head
            && (!op->pieces || bigcache_op_may_hold(record->unpacked)))
        {
            bigcache_page_free(&op->page);
            op->nreply = 0;
            op->packed = 0;
            op->varies = 0;

            return 0;
        }
    }

    bigcache_cache_peeked(op->cache);

    return 1;
}


static void
bigcache_op_found(bigcache_op_t *op)
{
    bigcache_page_t  *page;

    page = &op->page;

    op->nreply = 1;

    op->reply[0] = (page->fd != -1)
                   ? bigcache_data_range(page->fd, page->offset,
                                         page->record.length)
                   : bigcache_data_bytes(page->record.body.data,
                                         page->record.body.len);

    op->packed = ((page->record.flags & BIGCACHE_FLAG_GZIP) != 0);
    op->varies = op->packed;
}


static void
bigcache_op_json(bigcache_op_t *op)
{
    if (op->page.record.kind != BIGCACHE_KIND_JSON) {
        op->nreply = 0;
        op->rc = BIGCACHE_RAW;
        return;
    }

    if (!op->gzip) {
        bigcache_op_unpack(op);
    }
}


static void
bigcache_op_raw(bigcache_op_t *op)
{
    uint32_t          head;
    bigcache_data_t  *body;

    if (op->page.record.kind == BIGCACHE_KIND_RAW) {

        if (!op->gzip) {
            bigcache_op_unpack(op);
        }

        return;
    }

    /* the document is what is stored, without the key in front of it */

    bigcache_op_unpack(op);

    if (op->rc != BIGCACHE_OK) {
        return;
    }

    head = op->page.record.head;

    op->reply[1] = op->reply[0];
    op->reply[0] = bigcache_data_bytes(bigcache_op_brace, 1);
    op->nreply = 2;

    if (op->unpack) {
        op->skip = head;
        op->length = op->page.record.unpacked - head + 1;
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
bigcache_op_unpack(bigcache_op_t *op)
{
    size_t  size;

    if (!op->packed) {
        return;
    }

    size = (size_t) op->page.record.unpacked;

    if (op->head || (op->pieces && !bigcache_op_hold(op, size))) {
        op->length = size;
        op->unpack = 1;
        op->packed = 0;

        return;
    }

    op->rc = bigcache_op_unpacked(op, &op->page.record, &op->memory);

    if (op->rc == BIGCACHE_OK) {
        op->reply[0] = bigcache_data_bytes(op->memory, size);
        op->packed = 0;
    }
}


static int
bigcache_op_hold(bigcache_op_t *op, uint64_t size)
{
    if (size <= BIGCACHE_OP_SMALL) {
        return 1;
    }

    if (!bigcache_op_may_hold(size)) {
        return 0;
    }

    /* a few threads may do so at once, and all be right */

    atomic_fetch_add(&bigcache_op_held, size);
    op->held = size;

    return 1;
}


static int
bigcache_op_may_hold(uint64_t size)
{
    return atomic_load(&bigcache_op_held) + size <= BIGCACHE_OP_HELD;
}


bigcache_rc_t
bigcache_op_unpacked(bigcache_op_t *op, const bigcache_record_t *record,
    u_char **memory)
{
    size_t  size;

    size = (size_t) record->unpacked;
    op->work += size;

    *memory = malloc(size ? size : 1);

    if (*memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_gzip_unpack(*memory, size, record->body.data,
                             record->body.len)
        == -1)
    {
        free(*memory);
        *memory = NULL;

        /* its checksum was right, so it was stored like this */

        return bigcache_cache_failed(op->cache, "unpack a page",
                                     "its checksum is right");
    }

    return BIGCACHE_OK;
}


int
bigcache_op_accepts(const bigcache_op_t *op, int live, uint64_t version)
{
    return !(op->match.sent && !bigcache_op_listed(&op->match, live, version))
           && !(op->none_match.sent
                && bigcache_op_listed(&op->none_match, live, version));
}


static int
bigcache_op_listed(const bigcache_op_list_t *list, int live,
    uint64_t version)
{
    unsigned  i;

    if (!live) {
        return 0;
    }

    if (list->any) {
        return 1;
    }

    for (i = 0; i < list->n; i++) {
        if (list->versions[i] == version) {
            return 1;
        }
    }

    return 0;
}

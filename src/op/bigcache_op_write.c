
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the operations that store a page share: the body in memory, the
 * lifetime, the conditions, and the document to store and to answer.
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "bigcache_answer.h"
#include "bigcache_json.h"
#include "bigcache_op_lease.h"
#include "bigcache_op_write.h"
#include "bigcache_time.h"


static bigcache_rc_t bigcache_op_write_document(bigcache_op_put_t *put,
    const bigcache_answer_t *answer);
static bigcache_str_t bigcache_op_write_expire_text(bigcache_op_put_t *put,
    const bigcache_str_t *none);
static bigcache_rc_t bigcache_op_write_page(bigcache_op_put_t *put,
    bigcache_put_t *page);
static int bigcache_op_write_listed(const bigcache_op_list_t *list, int live,
    uint64_t version);


bigcache_rc_t
bigcache_op_write_view(const bigcache_op_t *op, bigcache_op_view_t *view,
    const bigcache_data_t *body)
{
    off_t   slack;
    size_t  len;

    if (body->fd == -1) {
        view->text = body->bytes;
        return BIGCACHE_OK;
    }

    len = (size_t) body->length;

    view->text.len = len;

    if (len <= BIGCACHE_PAGE_LARGE) {

        view->memory = malloc(len ? len : 1);
        if (view->memory == NULL) {
            return BIGCACHE_NOMEM;
        }

        view->text.data = view->memory;

        if (bigcache_data_read(view->memory, body, 1) == -1) {
            return bigcache_cache_failed(op->cache, "read a body",
                                         strerror(errno));
        }

        return BIGCACHE_OK;
    }

    /*
     * The page cache has the file already, so this takes no more memory.  Only
     * nginx has the file: reading would raise SIGBUS if another process cut it
     * short.
     */

    slack = body->offset % sysconf(_SC_PAGESIZE);

    view->map_len = len + (size_t) slack;
    view->map = mmap(NULL, view->map_len, PROT_READ, MAP_PRIVATE, body->fd,
                     body->offset - slack);

    if (view->map == MAP_FAILED) {
        view->map = NULL;
        return BIGCACHE_NOMEM;
    }

    (void) madvise(view->map, view->map_len, MADV_SEQUENTIAL);

    view->text.data = (u_char *) view->map + slack;

    return BIGCACHE_OK;
}


void
bigcache_op_write_view_free(bigcache_op_view_t *view)
{
    if (view->map) {
        (void) munmap(view->map, view->map_len);
    }

    free(view->memory);
}


bigcache_rc_t
bigcache_op_write_scanned(bigcache_op_t *op, int rc,
    const bigcache_json_error_t *err)
{
    switch (rc) {

    case BIGCACHE_JSON_OK:
        return BIGCACHE_OK;

    case BIGCACHE_JSON_EMPTY:
        return bigcache_op_invalid(op, "body", NULL, "field required",
                                   "value_error.missing");

    case BIGCACHE_JSON_NOT_OBJECT:
        return bigcache_op_invalid(op, "body", NULL,
                                   "value is not a valid dict",
                                   "type_error.dict");

    default:
        op->invalid.syntax = 1;
        op->invalid.offset = err->offset;

        return bigcache_op_invalid(op, "body", NULL, err->msg,
                                   "value_error.jsondecode");
    }
}


bigcache_rc_t
bigcache_op_write_lifetime(bigcache_op_put_t *put)
{
    int          rc;
    int64_t      ms;
    const char  *msg;

    put->expire = BIGCACHE_NEVER;

    rc = bigcache_json_expire(&put->doc.expire, &ms, &msg);

    if (rc == BIGCACHE_JSON_OK) {
        put->expire = ms;

    } else if (rc != BIGCACHE_JSON_NULL) {
        return (rc == BIGCACHE_JSON_NOMEM)
               ? BIGCACHE_NOMEM
               : bigcache_op_invalid(put->op, "body", "expire", msg,
                                     "type_error.float");
    }

    rc = bigcache_json_duration(&put->doc.duration, &ms, &msg);

    if (rc == BIGCACHE_JSON_OK) {
        put->expire = bigcache_time_now() + ms;

    } else if (rc != BIGCACHE_JSON_NULL) {
        return (rc == BIGCACHE_JSON_NOMEM)
               ? BIGCACHE_NOMEM
               : bigcache_op_invalid(put->op, "body", "duration", msg,
                                     "value_error.duration");
    }

    put->stale = 0;

    rc = bigcache_json_stale(&put->doc.stale, &ms, &msg);

    if (rc == BIGCACHE_JSON_OK) {
        put->stale = ms;

    } else if (rc != BIGCACHE_JSON_NULL) {
        return (rc == BIGCACHE_JSON_NOMEM)
               ? BIGCACHE_NOMEM
               : bigcache_op_invalid(put->op, "body", "stale", msg,
                                     "value_error.duration");
    }

    return BIGCACHE_OK;
}


/* a page that never expires may be stale after a soft purge, see below */

void
bigcache_op_write_lifetime_of(bigcache_op_put_t *put,
    const bigcache_page_t *page)
{
    put->stale = page->fresh ? page->expire - page->fresh : 0;
    put->expire = bigcache_op_expire(page);
}


/*
 * Stores the document that GET will send: the key, the value, the lifetime.
 * The answer to POST is the same up to the duration.
 */

bigcache_rc_t
bigcache_op_write_json(bigcache_op_put_t *put)
{
    bigcache_op_t      *op;
    bigcache_answer_t   answer;

    op = put->op;

    memset(&answer, 0, sizeof(bigcache_answer_t));

    answer.key = op->key;
    answer.value = put->doc.value;
    answer.expire = bigcache_op_write_expire_text(put, &bigcache_answer_null);
    answer.duration = put->doc.duration;

    /* a large value in a file stays there */

    if (put->view.map && put->doc.value.len > BIGCACHE_PAGE_LARGE) {
        put->value_at = (uint64_t) (put->doc.value.data
                                    - put->view.text.data);
        put->doc.value.data = NULL;
    }

    answer.external = (put->doc.value.data == NULL);

    if (bigcache_answer(&answer) == -1) {
        return BIGCACHE_NOMEM;
    }

    op->memory = answer.memory;

    return bigcache_op_write_document(put, &answer);
}


static bigcache_rc_t
bigcache_op_write_document(bigcache_op_put_t *put,
    const bigcache_answer_t *answer)
{
    size_t            shown;
    bigcache_rc_t     rc;
    bigcache_op_t    *op;
    bigcache_put_t    page;
    bigcache_data_t   data[3];

    op = put->op;

    memset(&page, 0, sizeof(bigcache_put_t));

    data[0] = bigcache_data_bytes(answer->memory, answer->size);

    page.kind = BIGCACHE_KIND_JSON;
    page.head = (uint32_t) answer->head;
    page.expire = put->expire;
    page.data = data;
    page.n = 1;

    if (answer->external) {
        data[0].bytes.len = answer->body;

        data[1] = bigcache_data_range(put->body.fd,
                                      put->body.offset
                                      + (off_t) put->value_at,
                                      put->doc.value.len);

        data[2] = bigcache_data_bytes(answer->memory + answer->body,
                                      answer->size - answer->body);
        page.n = 3;
    }

    rc = bigcache_op_write(put, &page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    shown = answer->body + put->doc.value.len + answer->shown;

    op->reply[0] = (op->page.body.fd != -1)
                   ? bigcache_data_range(op->page.body.fd,
                                         op->page.body.offset, shown)
                   : bigcache_data_bytes(op->memory, shown);

    op->reply[1] = bigcache_data_bytes(bigcache_answer_end.data,
                                       bigcache_answer_end.len);
    op->nreply = 2;

    return BIGCACHE_OK;
}


/* without the value: {"key":...,"expire":...} */

bigcache_rc_t
bigcache_op_write_reply(bigcache_op_put_t *put, const bigcache_str_t *none)
{
    bigcache_op_t      *op;
    bigcache_answer_t   answer;

    op = put->op;

    memset(&answer, 0, sizeof(bigcache_answer_t));

    answer.key = op->key;
    answer.expire = bigcache_op_write_expire_text(put, none);

    if (bigcache_answer_short(&answer) == -1) {
        return BIGCACHE_NOMEM;
    }

    free(op->memory);
    op->memory = answer.memory;

    op->reply[0] = bigcache_data_bytes(answer.memory, answer.size);
    op->nreply = 1;

    return BIGCACHE_OK;
}


static bigcache_str_t
bigcache_op_write_expire_text(bigcache_op_put_t *put,
    const bigcache_str_t *none)
{
    bigcache_str_t  text;

    if (put->expire == BIGCACHE_NEVER) {
        return *none;
    }

    text.data = put->time;
    text.len = bigcache_lifetime_print(put->time, put->expire);

    return text;
}


bigcache_rc_t
bigcache_op_write(bigcache_op_put_t *put, bigcache_put_t *page)
{
    bigcache_rc_t           rc;
    bigcache_rest_lease_t   lease;

    page->key = put->op->key;
    page->origin = put->origin;
    page->plain = put->plain;
    page->tags = put->tags;

    /* the window is what lies between the two, even if they never come */

    if (put->stale && page->expire == BIGCACHE_NEVER) {
        page->fresh = BIGCACHE_NEVER - put->stale;

    } else if (put->stale) {
        page->fresh = page->expire;
        page->expire += put->stale;
    }

    rc = bigcache_op_lease_begin(put->op, page, &lease);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_write_page(put, page);

        if (rc == BIGCACHE_MISMATCH
            && bigcache_op_lease_again(put->op, page, &lease))
        {
            rc = bigcache_op_write_page(put, page);
        }

        rc = bigcache_op_lease_end(put->op, rc, &lease);
    }

    return rc;
}


static bigcache_rc_t
bigcache_op_write_page(bigcache_op_put_t *put, bigcache_put_t *page)
{
    unsigned        i;
    bigcache_rc_t   rc;
    bigcache_op_t  *op;

    op = put->op;

    if (put->expect) {
        page->expect = *put->expect;

        return bigcache_cache_put(op->cache, page, &op->page);
    }

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        rc = bigcache_op_write_expect(op, &page->expect);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        rc = bigcache_cache_put(op->cache, page, &op->page);

        /*
         * Another version was stored meanwhile: looks again.  That has ended
         * the lease, if there was one; or the key was removed.
         */

        if (rc != BIGCACHE_MISMATCH || op->token) {
            return rc;
        }
    }

    return BIGCACHE_BUSY;
}


bigcache_rc_t
bigcache_op_write_expect(bigcache_op_t *op, uint64_t *expect)
{
    int              there, live;
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

    /* what is not fresh is as good as expired, but the cache has it still */

    there = (rc == BIGCACHE_OK);
    live = (there && bigcache_op_age(&page) == BIGCACHE_OP_FRESH);

    if (!bigcache_op_write_accepts(op, live, page.version)) {
        return BIGCACHE_MISMATCH;
    }

    *expect = there ? page.version : BIGCACHE_EXPECT_NONE;

    return BIGCACHE_OK;
}


int
bigcache_op_write_accepts(const bigcache_op_t *op, int live, uint64_t version)
{
    return !(op->match.sent
             && !bigcache_op_write_listed(&op->match, live, version))
           && !(op->none_match.sent
                && bigcache_op_write_listed(&op->none_match, live, version));
}


static int
bigcache_op_write_listed(const bigcache_op_list_t *list, int live,
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


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Whole batches with bytes behind their document: what is stored are bytes of
 * the body, in their order, each once at most; a request that is refused stores
 * nothing; and the answer is JSON.
 */


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_json_scan.h"
#include "bigcache_op.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answered(const bigcache_op_t *op);
static bigcache_rc_t engine_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t engine_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *page);
static bigcache_rc_t engine_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);
static bigcache_rc_t engine_sync(bigcache_cache_t *cache);
static bigcache_lock_t *engine_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);
static void engine_reason(bigcache_cache_t *cache, char *text);


static const bigcache_engine_t  engine = {
    .get = engine_get,
    .put = engine_put,
    .delete = engine_delete,
    .sync = engine_sync,
    .lock = engine_lock,
    .reason = engine_reason
};

static const u_char  *begin, *next, *end;   /* of the body, and not stored */
static unsigned       puts_done;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char            *in;
    bigcache_op_t      op;
    bigcache_cache_t   cache = { &engine, NULL, "test", 0 };

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    begin = in;
    end = in + size;
    next = memchr(in, '\n', size);
    next = next ? next + 1 : end;
    puts_done = 0;

    memset(&op, 0, sizeof(bigcache_op_t));

    op.cache = &cache;
    op.framed = 1;
    op.body = bigcache_data_bytes(in, size);
    op.page.body.fd = -1;

    bigcache_op_batch(&op);

    if (op.rc == BIGCACHE_OK) {
        answered(&op);

    } else if (op.rc != BIGCACHE_INVALID || puts_done) {
        abort();
    }

    bigcache_op_free(&op);
    free(in);

    return 0;
}


static void
answered(const bigcache_op_t *op)
{
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "results", { 0, NULL } };

    if (op->nreply != 1
        || bigcache_json_scan_members(op->reply[0].bytes.data,
                                      op->reply[0].bytes.len, &named, 1, &err)
           != BIGCACHE_JSON_OK
        || named.extent.data == NULL)
    {
        abort();
    }
}


static bigcache_rc_t
engine_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    const bigcache_str_t  *bytes;

    (void) cache;

    puts_done++;

    bytes = &put->data[0].bytes;

    if (bytes->len && bytes->data >= begin && bytes->data < end) {

        if (put->n != 1
            || put->kind != BIGCACHE_KIND_RAW
            || bytes->data < next
            || bytes->len > (size_t) (end - bytes->data))
        {
            abort();
        }

        next = bytes->data + bytes->len;
    }

    bigcache_page_clear(page);
    page->expire = put->expire;

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_get(bigcache_cache_t *cache, const bigcache_str_t *key, int body,
    bigcache_page_t *page)
{
    (void) cache;
    (void) key;
    (void) body;

    bigcache_page_clear(page);

    return BIGCACHE_MISS;
}


static bigcache_rc_t
engine_delete(bigcache_cache_t *cache, const bigcache_str_t *key,
    uint64_t expect)
{
    (void) cache;
    (void) key;
    (void) expect;

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_sync(bigcache_cache_t *cache)
{
    (void) cache;

    return BIGCACHE_OK;
}


static bigcache_lock_t *
engine_lock(bigcache_cache_t *cache, const bigcache_str_t *key, int brief)
{
    (void) cache;
    (void) key;
    (void) brief;

    return NULL;
}


static void
engine_reason(bigcache_cache_t *cache, char *text)
{
    (void) cache;

    (void) snprintf(text, BIGCACHE_ERROR_LEN, "the reason");
}

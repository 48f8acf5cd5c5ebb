
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The bytes behind the document of a batch, which are the bodies of its sets
 * that name a number of bytes, in their order:
 *
 *     {"operations":[{"op":"set","key":K,"bytes":3},
 *                    {"op":"set","key":L,"bytes":2,"type":T}]} LF abcde
 *
 * Where the bytes of an operation begin depends on all operations before it.
 * So the numbers are checked before the first operation is run, and operations
 * that fail take their bytes, too.
 */


#include <string.h>

#include "bigcache_json.h"
#include "bigcache_op_batch_bytes.h"


static int bigcache_op_batch_bytes_number(const bigcache_str_t *member,
    uint64_t *n);


bigcache_rc_t
bigcache_op_batch_bytes_split(bigcache_op_batch_t *batch)
{
    u_char          *end;
    bigcache_str_t  *text;

    if (!batch->op->framed) {
        return BIGCACHE_OK;
    }

    text = &batch->view.text;
    end = text->len ? memchr(text->data, '\n', text->len) : NULL;

    if (end == NULL) {
        return bigcache_op_invalid(batch->op, "body", NULL,
                                   "there is no line feed behind the document",
                                   "value_error.missing");
    }

    batch->behind.data = end + 1;
    batch->behind.len = text->len - (size_t) (end + 1 - text->data);

    text->len = (size_t) (end - text->data);

    return BIGCACHE_OK;
}


bigcache_rc_t
bigcache_op_batch_bytes_check(bigcache_op_batch_t *batch,
    const bigcache_str_t *items)
{
    size_t                  at;
    uint64_t                n, left;
    bigcache_str_t          item;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "bytes", { 0, NULL } };

    if (!batch->op->framed) {
        return BIGCACHE_OK;
    }

    left = batch->behind.len;

    for (at = 0; bigcache_json_scan_item(items, &at, &item); /* void */ ) {

        if (bigcache_json_scan_members(item.data, item.len, &named, 1, &err)
            != BIGCACHE_JSON_OK)
        {
            continue;
        }

        if (bigcache_op_batch_bytes_number(&named.extent, &n) == -1) {
            return bigcache_op_invalid(batch->op, "body", "bytes",
                                       "value is not a number of bytes",
                                       "type_error.integer");
        }

        if (n > left) {
            return bigcache_op_invalid(batch->op, "body", "bytes",
                                       "fewer bytes are behind the document",
                                       "value_error");
        }

        left -= n;
    }

    if (left) {
        return bigcache_op_invalid(batch->op, "body", "bytes",
                                   "more bytes are behind the document",
                                   "value_error");
    }

    return BIGCACHE_OK;
}


void
bigcache_op_batch_bytes_take(bigcache_op_batch_t *batch)
{
    uint64_t  n;

    batch->taken = bigcache_str(batch->behind.data, 0);

    /* the numbers of a framed batch are known to fit */

    if (batch->op->framed
        && bigcache_op_batch_bytes_number(
                              &batch->named[BIGCACHE_BATCH_BYTES].extent, &n)
           == 0
        && n <= batch->behind.len)
    {
        batch->taken.len = (size_t) n;
        batch->behind.data += n;
        batch->behind.len -= (size_t) n;
    }
}


const char *
bigcache_op_batch_bytes_refused(const bigcache_op_batch_t *batch)
{
    if (!bigcache_op_batch_has(batch, BIGCACHE_BATCH_BYTES)) {
        return NULL;
    }

    if (strcmp(batch->name, "set") != 0) {
        return "bytes: only a set has them";
    }

    if (!batch->op->framed) {
        return "bytes: they need \"Content-Type: "
               "application/x-bigcache-batch\"";
    }

    if (batch->named[BIGCACHE_BATCH_VALUE].extent.data) {
        return "there is a value and bytes, too";
    }

    if (bigcache_op_batch_has(batch, BIGCACHE_BATCH_BASE64)) {
        return "there is base64 and bytes, too";
    }

    return NULL;
}


/* many bytes stay in their file, as the body of a request of its own does */

bigcache_data_t
bigcache_op_batch_bytes_data(const bigcache_op_batch_t *batch)
{
    const bigcache_str_t   *taken;
    const bigcache_data_t  *body;

    taken = &batch->taken;
    body = &batch->op->body;

    return (batch->view.map && taken->len > BIGCACHE_PAGE_LARGE)
           ? bigcache_data_range(body->fd,
                                 body->offset
                                 + (taken->data - batch->view.text.data),
                                 taken->len)
           : bigcache_data_bytes(taken->data, taken->len);
}


/* sets *n to 0 if there is no number; returns -1 if there is another thing */

static int
bigcache_op_batch_bytes_number(const bigcache_str_t *member, uint64_t *n)
{
    int      rc;
    int64_t  number;

    *n = 0;

    rc = bigcache_json_integer(member, &number);

    if (rc == BIGCACHE_JSON_NULL) {
        return 0;
    }

    if (rc != BIGCACHE_JSON_OK || number < 0) {
        return -1;
    }

    *n = (uint64_t) number;

    return 0;
}

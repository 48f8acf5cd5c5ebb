
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes the results of a batch as JSON, and raw pages as bytes behind it if
 * the client wants that.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_op_batch_result.h"


/* a name, a colon, and what is wrong */

#define BIGCACHE_OP_BATCH_DETAIL  128


static void bigcache_op_batch_page(bigcache_op_batch_t *batch,
    const bigcache_str_t *bytes);
static void bigcache_op_batch_raw(bigcache_op_batch_t *batch,
    const bigcache_str_t *bytes);
static void bigcache_op_batch_behind(bigcache_op_batch_t *batch);
static bigcache_rc_t bigcache_op_batch_behind_read(bigcache_op_batch_t *batch,
    size_t len);
static void bigcache_op_batch_one_line(u_char *data, size_t len);
static void bigcache_op_batch_type(bigcache_op_batch_t *batch);
static void bigcache_op_batch_expire(bigcache_op_batch_t *batch);
static void bigcache_op_batch_tally(bigcache_op_batch_t *batch,
    unsigned status);


void
bigcache_op_batch_result_invalid(bigcache_op_batch_t *batch, const char *msg)
{
    batch->one.rc = BIGCACHE_INVALID;
    batch->one.invalid.msg = msg;

    bigcache_op_batch_result(batch);
}


void
bigcache_op_batch_result(bigcache_op_batch_t *batch)
{
    char             text[BIGCACHE_OP_BATCH_DETAIL];
    unsigned         status;
    const char      *detail;
    bigcache_op_t   *one;

    one = &batch->one;

    if (one->rc != BIGCACHE_OK) {
        status = bigcache_op_failure(one, &detail);

        if (one->rc == BIGCACHE_INVALID && one->invalid.name) {
            (void) snprintf(text, sizeof(text), "%s: %s", one->invalid.name,
                            detail);
            detail = text;
        }

        bigcache_op_batch_result_failure(batch, status, detail);
        return;
    }

    bigcache_op_batch_tally(batch, 200);
    bigcache_json_text_puts(&batch->text, "{\"status\":200");

    /* a stored page has a lifetime */

    if (one->nreply) {
        bigcache_op_batch_expire(batch);
    }

    bigcache_json_text_puts(&batch->text, "}");
}


void
bigcache_op_batch_result_page(bigcache_op_batch_t *batch)
{
    u_char           *memory;
    bigcache_op_t    *one;
    bigcache_str_t    bytes;
    bigcache_data_t  *data;

    one = &batch->one;

    if (one->as_bytes && one->page.kind == BIGCACHE_KIND_RAW) {
        bigcache_op_batch_behind(batch);
        return;
    }

    /* for a document: what follows the brace */

    data = &one->reply[one->nreply - 1];

    bytes = bigcache_str(data->bytes.data, bigcache_data_length(data, 1));
    memory = NULL;

    if (data->fd != -1) {

        memory = malloc(bytes.len ? bytes.len : 1);

        if (memory == NULL) {
            one->rc = BIGCACHE_NOMEM;

        } else if (bigcache_data_read(memory, data, 1) == -1) {
            one->rc = bigcache_cache_failed(one->cache, "read a page",
                                            strerror(errno));
        }

        bytes.data = memory;
    }

    if (one->rc != BIGCACHE_OK) {
        bigcache_op_batch_result(batch);

    } else if (one->page.kind == BIGCACHE_KIND_JSON) {
        bigcache_op_batch_page(batch, &bytes);

    } else {
        bigcache_op_batch_raw(batch, &bytes);
    }

    free(memory);
}


static void
bigcache_op_batch_page(bigcache_op_batch_t *batch,
    const bigcache_str_t *bytes)
{
    batch->op->hits++;

    bigcache_op_batch_tally(batch, 200);
    bigcache_json_text_puts(&batch->text, "{\"status\":200,");
    bigcache_json_text_add(&batch->text, bytes->data, bytes->len);

    if (batch->op->as_bytes && !batch->text.failed) {
        bigcache_op_batch_one_line(batch->text.data + batch->text.len
                                   - bytes->len, bytes->len);
    }
}


/* white space is as it was sent, but no string of JSON has such bytes */

static void
bigcache_op_batch_one_line(u_char *data, size_t len)
{
    size_t        i;
    u_char       *p, *last;
    const u_char  ends[] = { '\n', '\r' };

    last = data + len;

    for (i = 0; i < sizeof(ends); i++) {

        for (p = data;
             p < last && (p = memchr(p, ends[i], (size_t) (last - p)));
             p++)
        {
            *p = ' ';
        }
    }
}


static void
bigcache_op_batch_raw(bigcache_op_batch_t *batch, const bigcache_str_t *bytes)
{
    batch->op->hits++;

    bigcache_op_batch_tally(batch, 200);
    bigcache_json_text_puts(&batch->text, "{\"status\":200,\"base64\":");
    bigcache_json_text_base64(&batch->text, bytes);
    bigcache_op_batch_type(batch);
    bigcache_op_batch_expire(batch);
    bigcache_json_text_puts(&batch->text, "}");
}


static void
bigcache_op_batch_behind(bigcache_op_batch_t *batch)
{
    size_t          len;
    bigcache_op_t  *one;

    one = &batch->one;
    len = (size_t) bigcache_data_length(one->reply, 1);

    one->rc = bigcache_op_batch_behind_read(batch, len);

    if (one->rc != BIGCACHE_OK) {
        bigcache_op_batch_result(batch);
        return;
    }

    batch->op->hits++;

    bigcache_op_batch_tally(batch, 200);
    bigcache_json_text_number(&batch->text, "{\"status\":200,\"bytes\":",
                              len);
    bigcache_op_batch_type(batch);
    bigcache_op_batch_expire(batch);
    bigcache_json_text_puts(&batch->text, "}");
}


/* what lies in a file is read to its place in the answer */

static bigcache_rc_t
bigcache_op_batch_behind_read(bigcache_op_batch_t *batch, size_t len)
{
    u_char         *p;
    bigcache_op_t  *one;

    one = &batch->one;

    if (len == 0) {
        return BIGCACHE_OK;
    }

    p = bigcache_json_text_room(&batch->bytes, len);

    if (p == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_data_read(p, one->reply, 1) == -1) {
        batch->bytes.len -= len;
        return bigcache_cache_failed(one->cache, "read a page",
                                     strerror(errno));
    }

    return BIGCACHE_OK;
}


static void
bigcache_op_batch_type(bigcache_op_batch_t *batch)
{
    const bigcache_str_t  *type;

    type = &batch->one.page.type;

    bigcache_json_text_quote(&batch->text, ",\"type\":",
                             type->len ? type : NULL);
}


static void
bigcache_op_batch_expire(bigcache_op_batch_t *batch)
{
    bigcache_json_text_time(&batch->text, ",\"expire\":",
                            bigcache_op_expire(&batch->one.page));
}


void
bigcache_op_batch_result_failure(bigcache_op_batch_t *batch, unsigned status,
    const char *detail)
{
    bigcache_str_t  text;

    text = bigcache_str_text(detail);

    bigcache_op_batch_tally(batch, status);
    bigcache_json_text_number(&batch->text, "{\"status\":", status);
    bigcache_json_text_quote(&batch->text, ",\"detail\":", &text);
    bigcache_json_text_puts(&batch->text, "}");
}


static void
bigcache_op_batch_tally(bigcache_op_batch_t *batch, unsigned status)
{
    unsigned              i;
    bigcache_op_t        *op;
    bigcache_op_tally_t  *tally;

    op = batch->op;

    if (batch->name == NULL) {
        return;
    }

    for (i = 0; i < op->ntally; i++) {

        tally = &op->tally[i];

        if (tally->name == batch->name && tally->status == status) {
            tally->n++;
            return;
        }
    }

    if (op->ntally < BIGCACHE_OP_BATCH_TALLY) {
        tally = &op->tally[op->ntally++];
        tally->name = batch->name;
        tally->status = status;
        tally->n = 1;
    }
}

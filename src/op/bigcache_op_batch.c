
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Many operations of one request, one after the other, each with a status of
 * its own:
 *
 *     {"operations":[{"op":"get","key":K},
 *                    {"op":"set","key":K,"value":V,"duration":D},
 *                    {"op":"set","key":K,"base64":B,"type":T},
 *                    {"op":"delete","key":K},
 *                    {"op":"touch","key":K,"expire":E}]}
 *
 *     {"results":[{"status":200, ...},{"status":404,"detail":"cache miss"}]}
 *
 * An operation is given what a request of its own would be: its object is the
 * body of a set or a touch.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_json.h"
#include "bigcache_json_text.h"
#include "bigcache_op_store.h"


#define BIGCACHE_OP_BATCH         1000

/* bytes of pages in one answer */

#define BIGCACHE_OP_BATCH_ANSWER  (64 * 1024 * 1024)


/* the members of an operation */

enum {
    BIGCACHE_BATCH_OP = 0,
    BIGCACHE_BATCH_KEY,
    BIGCACHE_BATCH_VALUE,
    BIGCACHE_BATCH_BASE64,
    BIGCACHE_BATCH_TYPE,
    BIGCACHE_BATCH_EXPIRE,
    BIGCACHE_BATCH_DURATION,
    BIGCACHE_BATCH_NONE_MATCH,
    BIGCACHE_BATCH_MEMBERS
};

typedef struct {
    bigcache_op_t           *op;        /* the whole */
    bigcache_json_text_t     text;      /* of the answer */

    /* the one under way */
    bigcache_op_t            one;
    bigcache_json_named_t    named[BIGCACHE_BATCH_MEMBERS];
    bigcache_str_t           key;       /* memory, as all of these */
    bigcache_str_t           bytes;
    bigcache_str_t           type;
    bigcache_str_t           expire;
    bigcache_str_t           duration;
} bigcache_op_batch_t;

typedef void (*bigcache_op_batch_pt)(bigcache_op_batch_t *batch);


static bigcache_rc_t bigcache_op_batch_items(bigcache_op_t *op,
    const bigcache_op_view_t *view, bigcache_str_t *items);
static void bigcache_op_batch_item(bigcache_op_batch_t *batch,
    const bigcache_str_t *item);
static void bigcache_op_batch_run(bigcache_op_batch_t *batch,
    const bigcache_str_t *item);
static int bigcache_op_batch_is(const bigcache_str_t *member,
    const char *word);
static int bigcache_op_batch_string(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg);
static int bigcache_op_batch_time(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg);
static void bigcache_op_batch_get(bigcache_op_batch_t *batch);
static void bigcache_op_batch_set(bigcache_op_batch_t *batch);
static void bigcache_op_batch_set_raw(bigcache_op_batch_t *batch);
static void bigcache_op_batch_delete(bigcache_op_batch_t *batch);
static void bigcache_op_batch_touch(bigcache_op_batch_t *batch);
static void bigcache_op_batch_invalid(bigcache_op_batch_t *batch,
    const char *msg);
static void bigcache_op_batch_result(bigcache_op_batch_t *batch);
static void bigcache_op_batch_page(bigcache_op_batch_t *batch);
static void bigcache_op_batch_raw(bigcache_op_batch_t *batch);
static void bigcache_op_batch_failure(bigcache_op_batch_t *batch,
    unsigned status, const char *detail);
static void bigcache_op_batch_free(bigcache_op_batch_t *batch);


static const struct {
    const char            *name;        /* in quotes, as it is sent */
    bigcache_op_batch_pt   run;
} bigcache_op_batch_ops[] = {
    { "\"get\"", bigcache_op_batch_get },
    { "\"set\"", bigcache_op_batch_set },
    { "\"delete\"", bigcache_op_batch_delete },
    { "\"touch\"", bigcache_op_batch_touch },
    { NULL, NULL }
};

static const char *const  bigcache_op_batch_names[BIGCACHE_BATCH_MEMBERS] = {
    "op", "key", "value", "base64", "type", "expire", "duration",
    "if_none_match"
};


void
bigcache_op_batch(bigcache_op_t *op)
{
    size_t                at;
    unsigned              n;
    bigcache_rc_t         rc;
    bigcache_str_t        items, item;
    bigcache_op_view_t    view;
    bigcache_op_batch_t   batch;

    memset(&view, 0, sizeof(bigcache_op_view_t));
    memset(&batch, 0, sizeof(bigcache_op_batch_t));

    batch.op = op;

    rc = bigcache_op_view(&view, &op->body);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_batch_items(op, &view, &items);
    }

    if (rc == BIGCACHE_OK) {

        bigcache_json_text_puts(&batch.text, "{\"results\":[");

        at = 0;

        for (n = 0; bigcache_json_item(&items, &at, &item); n++) {

            if (n) {
                bigcache_json_text_puts(&batch.text, ",");
            }

            bigcache_op_batch_item(&batch, &item);
        }

        bigcache_json_text_puts(&batch.text, "]}");

        rc = batch.text.failed ? BIGCACHE_NOMEM : BIGCACHE_OK;
    }

    bigcache_op_view_free(&view);

    op->memory = batch.text.data;
    op->reply[0] = bigcache_data_bytes(batch.text.data, batch.text.len);
    op->nreply = 1;

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_batch_items(bigcache_op_t *op, const bigcache_op_view_t *view,
    bigcache_str_t *items)
{
    size_t                  at;
    unsigned                n;
    bigcache_rc_t           rc;
    bigcache_str_t          item;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "operations", { 0, NULL } };

    rc = bigcache_op_scanned(op, bigcache_json_members(view->text.data,
                                                       view->text.len,
                                                       &named, 1, &err),
                             &err);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    *items = named.extent;

    if (items->data == NULL) {
        return bigcache_op_invalid(op, "body", "operations",
                                   "field required", "value_error.missing");
    }

    if (items->data[0] != '[') {
        return bigcache_op_invalid(op, "body", "operations",
                                   "value is not a valid list",
                                   "type_error.list");
    }

    at = 0;

    for (n = 0; bigcache_json_item(items, &at, &item); n++) {
        if (n == BIGCACHE_OP_BATCH) {
            return bigcache_op_invalid(op, "body", "operations",
                                       "there are more than 1000",
                                       "value_error.list.max_items");
        }
    }

    return BIGCACHE_OK;
}


static void
bigcache_op_batch_item(bigcache_op_batch_t *batch, const bigcache_str_t *item)
{
    bigcache_op_t  *one;

    one = &batch->one;

    memset(one, 0, sizeof(bigcache_op_t));

    one->cache = batch->op->cache;
    one->body = bigcache_data_bytes(item->data, item->len);
    one->page.fd = -1;

    bigcache_op_batch_run(batch, item);

    batch->op->expired += one->expired;

    bigcache_op_free(one);
    bigcache_op_batch_free(batch);
}


static void
bigcache_op_batch_run(bigcache_op_batch_t *batch, const bigcache_str_t *item)
{
    unsigned                i;
    bigcache_json_error_t   err;

    for (i = 0; i < BIGCACHE_BATCH_MEMBERS; i++) {
        batch->named[i].name = bigcache_op_batch_names[i];
    }

    if (bigcache_json_members(item->data, item->len, batch->named,
                              BIGCACHE_BATCH_MEMBERS, &err)
        != BIGCACHE_JSON_OK)
    {
        bigcache_op_batch_invalid(batch, "the operation is not an object");
        return;
    }

    if (!bigcache_op_batch_string(batch, BIGCACHE_BATCH_KEY, &batch->key,
                                  "key is not a string without U+0000"))
    {
        return;
    }

    if (batch->key.data == NULL) {
        bigcache_op_batch_invalid(batch, "key: field required");
        return;
    }

    if (batch->key.len > BIGCACHE_KEY_MAX) {
        bigcache_op_batch_invalid(batch, "the key is longer than 8192 bytes");
        return;
    }

    /* as it is, but for the slashes around it, which no key has */

    batch->one.key = batch->key;

    while (batch->one.key.len && *batch->one.key.data == '/') {
        batch->one.key.data++;
        batch->one.key.len--;
    }

    while (batch->one.key.len
           && batch->one.key.data[batch->one.key.len - 1] == '/')
    {
        batch->one.key.len--;
    }

    for (i = 0; bigcache_op_batch_ops[i].name; i++) {

        if (bigcache_op_batch_is(&batch->named[BIGCACHE_BATCH_OP].extent,
                                 bigcache_op_batch_ops[i].name))
        {
            bigcache_op_batch_ops[i].run(batch);
            return;
        }
    }

    bigcache_op_batch_invalid(batch, "op is none of get, set, delete, touch");
}


static int
bigcache_op_batch_is(const bigcache_str_t *member, const char *word)
{
    return member->data && member->len == strlen(word)
           && memcmp(member->data, word, member->len) == 0;
}


/* returns 0 if it has been answered; *text is empty for null and for none */

static int
bigcache_op_batch_string(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg)
{
    switch (bigcache_json_unescape(&batch->named[i].extent, text)) {

    case BIGCACHE_JSON_OK:
    case BIGCACHE_JSON_NULL:
        return 1;

    case BIGCACHE_JSON_NOMEM:
        batch->one.rc = BIGCACHE_NOMEM;
        bigcache_op_batch_result(batch);
        return 0;

    default:
        bigcache_op_batch_invalid(batch, msg);
        return 0;
    }
}


/* the same for what may be a number, too */

static int
bigcache_op_batch_time(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg)
{
    u_char          *p;
    bigcache_str_t   member;

    member = batch->named[i].extent;

    if (member.data == NULL
        || (member.data[0] != '-'
            && (member.data[0] < '0' || member.data[0] > '9')))
    {
        return bigcache_op_batch_string(batch, i, text, msg);
    }

    p = malloc(member.len);

    if (p == NULL) {
        batch->one.rc = BIGCACHE_NOMEM;
        bigcache_op_batch_result(batch);
        return 0;
    }

    memcpy(p, member.data, member.len);

    text->data = p;
    text->len = member.len;

    return 1;
}


static void
bigcache_op_batch_get(bigcache_op_batch_t *batch)
{
    bigcache_op_t  *one;

    one = &batch->one;

    bigcache_op_get_raw(one);

    if (one->rc == BIGCACHE_OK) {
        batch->op->hits++;

        if (bigcache_data_length(one->reply, one->nreply) + batch->text.len
            > BIGCACHE_OP_BATCH_ANSWER)
        {
            bigcache_op_batch_failure(batch, 413, "the answer would be too "
                                      "large, ask for the page alone");
            return;
        }

        if (one->page.record.kind == BIGCACHE_KIND_JSON) {
            bigcache_op_batch_page(batch);

        } else {
            bigcache_op_batch_raw(batch);
        }

        return;
    }

    if (one->rc == BIGCACHE_MISS) {
        batch->op->misses++;
    }

    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_set(bigcache_op_batch_t *batch)
{
    const bigcache_str_t  *none_match;

    none_match = &batch->named[BIGCACHE_BATCH_NONE_MATCH].extent;

    if (none_match->data && none_match->data[0] != 'n') {

        if (!bigcache_op_batch_is(none_match, "\"*\"")) {
            bigcache_op_batch_invalid(batch, "if_none_match is not \"*\"");
            return;
        }

        batch->one.none_match.sent = 1;
        batch->one.none_match.any = 1;
    }

    if (batch->named[BIGCACHE_BATCH_BASE64].extent.data == NULL) {
        batch->one.minimal = 1;
        bigcache_op_put_json(&batch->one);
        bigcache_op_batch_result(batch);
        return;
    }

    if (batch->named[BIGCACHE_BATCH_VALUE].extent.data) {
        bigcache_op_batch_invalid(batch, "there is a value and base64, too");
        return;
    }

    bigcache_op_batch_set_raw(batch);
}


static void
bigcache_op_batch_set_raw(bigcache_op_batch_t *batch)
{
    ssize_t         n;
    bigcache_op_t  *one;

    one = &batch->one;

    if (!bigcache_op_batch_string(batch, BIGCACHE_BATCH_BASE64,
                                  &batch->bytes, "base64 is not a string")
        || !bigcache_op_batch_string(batch, BIGCACHE_BATCH_TYPE,
                                     &batch->type, "type is not a string")
        || !bigcache_op_batch_time(batch, BIGCACHE_BATCH_EXPIRE,
                                   &batch->expire,
                                   "expire is not a number")
        || !bigcache_op_batch_string(batch, BIGCACHE_BATCH_DURATION,
                                     &batch->duration,
                                     "duration is not a string"))
    {
        return;
    }

    n = batch->bytes.data
        ? bigcache_json_unbase64((u_char *) batch->bytes.data,
                                 batch->bytes.len)
        : -1;

    if (n == -1) {
        bigcache_op_batch_invalid(batch, "base64 is not base64 with padding");
        return;
    }

    if (batch->type.len > BIGCACHE_TYPE_MAX
        || memchr(batch->type.data ? batch->type.data : (u_char *) "", '\n',
                  batch->type.len)
        || memchr(batch->type.data ? batch->type.data : (u_char *) "", '\r',
                  batch->type.len))
    {
        bigcache_op_batch_invalid(batch, "type is not a content type");
        return;
    }

    one->body = bigcache_data_bytes(batch->bytes.data, (size_t) n);
    one->type = batch->type;
    one->expire = batch->expire;
    one->duration = batch->duration;

    bigcache_op_put_raw(one);
    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_delete(bigcache_op_batch_t *batch)
{
    bigcache_op_delete(&batch->one);

    batch->op->n += batch->one.n;

    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_touch(bigcache_op_batch_t *batch)
{
    bigcache_op_touch(&batch->one);

    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_invalid(bigcache_op_batch_t *batch, const char *msg)
{
    batch->one.rc = BIGCACHE_INVALID;
    batch->one.invalid.msg = msg;

    bigcache_op_batch_result(batch);
}


/* of all but a page: the reply without the key, or what went wrong */

static void
bigcache_op_batch_result(bigcache_op_batch_t *batch)
{
    unsigned         status;
    const char      *detail;
    bigcache_op_t   *one;

    one = &batch->one;

    if (one->rc != BIGCACHE_OK) {
        status = bigcache_op_failure(one, &detail);
        bigcache_op_batch_failure(batch, status, detail);
        return;
    }

    bigcache_json_text_puts(&batch->text, "{\"status\":200");

    /* what is stored has its lifetime in the page */

    if (one->nreply) {
        bigcache_json_text_puts(&batch->text, ",\"expire\":");

        if (one->page.record.expire == BIGCACHE_NEVER) {
            bigcache_json_text_puts(&batch->text, "null");

        } else {
            bigcache_json_text_time(&batch->text, one->page.record.expire);
        }
    }

    bigcache_json_text_puts(&batch->text, "}");
}


/* the document as it is stored: "{" and then "value" and so on */

static void
bigcache_op_batch_page(bigcache_op_batch_t *batch)
{
    u_char           *p;
    bigcache_data_t  *data;

    bigcache_json_text_puts(&batch->text, "{\"status\":200,");

    data = &batch->one.reply[1];

    p = bigcache_json_text_room(&batch->text,
                                (size_t) bigcache_data_length(data, 1));

    if (p && bigcache_data_read(p, data, 1) == -1) {
        batch->text.failed = 1;
    }
}


static void
bigcache_op_batch_raw(bigcache_op_batch_t *batch)
{
    u_char               *memory;
    bigcache_str_t        bytes;
    bigcache_data_t      *data;
    bigcache_record_t    *record;

    record = &batch->one.page.record;
    data = &batch->one.reply[0];

    bytes.len = (size_t) bigcache_data_length(data, 1);
    bytes.data = data->bytes.data;
    memory = NULL;

    if (data->fd != -1) {

        memory = malloc(bytes.len);
        bytes.data = memory;

        if (memory == NULL || bigcache_data_read(memory, data, 1) == -1) {
            batch->text.failed = 1;
            free(memory);
            return;
        }
    }

    bigcache_json_text_puts(&batch->text, "{\"status\":200,\"base64\":");
    bigcache_json_text_base64(&batch->text, &bytes);
    bigcache_json_text_puts(&batch->text, ",\"type\":");

    if (record->type.len) {
        bigcache_json_text_quote(&batch->text, &record->type);

    } else {
        bigcache_json_text_puts(&batch->text, "null");
    }

    bigcache_json_text_puts(&batch->text, ",\"expire\":");

    if (record->expire == BIGCACHE_NEVER) {
        bigcache_json_text_puts(&batch->text, "null}");

    } else {
        bigcache_json_text_time(&batch->text, record->expire);
        bigcache_json_text_puts(&batch->text, "}");
    }

    free(memory);
}


static void
bigcache_op_batch_failure(bigcache_op_batch_t *batch, unsigned status,
    const char *detail)
{
    bigcache_str_t  text;

    text.data = (const u_char *) detail;
    text.len = strlen(detail);

    bigcache_json_text_puts(&batch->text, "{\"status\":");
    bigcache_json_text_number(&batch->text, status);
    bigcache_json_text_puts(&batch->text, ",\"detail\":");
    bigcache_json_text_quote(&batch->text, &text);
    bigcache_json_text_puts(&batch->text, "}");
}


static void
bigcache_op_batch_free(bigcache_op_batch_t *batch)
{
    unsigned         i;
    bigcache_str_t  *texts[] = {
        &batch->key, &batch->bytes, &batch->type, &batch->expire,
        &batch->duration
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free((void *) texts[i]->data);
        texts[i]->data = NULL;
        texts[i]->len = 0;
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Many operations of one request, one after the other, each with a status of
 * its own:
 *
 *     {"operations":[{"op":"get","key":K},
 *                    {"op":"set","key":K,"value":V,"duration":D,"stale":D},
 *                    {"op":"set","key":K,"base64":B,"type":T,"tags":[G]},
 *                    {"op":"set","key":K,"bytes":N,"no_transform":true},
 *                    {"op":"delete","key":K},
 *                    {"op":"touch","key":K,"expire":E}]}
 *
 *     {"results":[{"status":200, ...},{"status":404,"detail":"cache miss"}]}
 *
 * If op->as_bytes, the answer is one line, and the raw pages are behind it:
 *
 *     {"results":[{"status":200,"bytes":5,"type":T,"expire":E}]} LF hello
 *
 * Each runs as it would in a request of its own.  Its object is the body of a
 * set or a touch.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_json.h"
#include "bigcache_op_batch_bytes.h"
#include "bigcache_op_tags.h"
#include "bigcache_time.h"


#define BIGCACHE_OP_BATCH         1000

/* the most bytes of an answer, which is held in memory; and of one base64 */

#define BIGCACHE_OP_BATCH_ANSWER  (16 * 1024 * 1024)
#define BIGCACHE_OP_BATCH_BYTES   (8 * 1024 * 1024)

/* after so many bytes of op->work, or milliseconds, no operation is begun */

#define BIGCACHE_OP_BATCH_WORK    (256 * 1024 * 1024)
#define BIGCACHE_OP_BATCH_TIME    10000


typedef void (*bigcache_op_batch_pt)(bigcache_op_batch_t *batch);

typedef struct {
    const char              *name;
    bigcache_op_batch_pt     run;
} bigcache_op_batch_op_t;


static void bigcache_op_batch_reply(bigcache_op_batch_t *batch);
static bigcache_rc_t bigcache_op_batch_items(bigcache_op_batch_t *batch,
    bigcache_str_t *items);
static void bigcache_op_batch_all(bigcache_op_batch_t *batch,
    const bigcache_str_t *items);
static void bigcache_op_batch_item(bigcache_op_batch_t *batch,
    const bigcache_str_t *item);
static void bigcache_op_batch_run(bigcache_op_batch_t *batch,
    const bigcache_str_t *item);
static void bigcache_op_batch_limit(bigcache_op_batch_t *batch);
static int bigcache_op_batch_key(bigcache_op_batch_t *batch);
static int bigcache_op_batch_string(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg);
static int bigcache_op_batch_time(bigcache_op_batch_t *batch, unsigned i,
    bigcache_str_t *text, const char *msg);
static void bigcache_op_batch_get(bigcache_op_batch_t *batch);
static void bigcache_op_batch_set(bigcache_op_batch_t *batch);
static int bigcache_op_batch_set_how(bigcache_op_batch_t *batch);
static void bigcache_op_batch_set_raw(bigcache_op_batch_t *batch);
static int bigcache_op_batch_tags(bigcache_op_batch_t *batch);
static int bigcache_op_batch_base64(bigcache_op_batch_t *batch);
static void bigcache_op_batch_delete(bigcache_op_batch_t *batch);
static void bigcache_op_batch_touch(bigcache_op_batch_t *batch);
static void bigcache_op_batch_free(bigcache_op_batch_t *batch);


static const bigcache_op_batch_op_t  bigcache_op_batch_ops[] = {
    { "get", bigcache_op_batch_get },
    { "set", bigcache_op_batch_set },
    { "delete", bigcache_op_batch_delete },
    { "touch", bigcache_op_batch_touch },
    { NULL, NULL }
};

static const char *const  bigcache_op_batch_names[BIGCACHE_BATCH_MEMBERS] = {
    "op", "key", "value", "base64", "bytes", "type", "expire", "duration",
    "stale", "if_none_match", "no_transform", "tags"
};


void
bigcache_op_batch(bigcache_op_t *op)
{
    bigcache_rc_t         rc;
    bigcache_str_t        items;
    bigcache_op_batch_t   batch;

    memset(&batch, 0, sizeof(bigcache_op_batch_t));

    batch.op = op;
    batch.end = bigcache_time_monotonic() + BIGCACHE_OP_BATCH_TIME;

    op->tally = malloc(BIGCACHE_OP_BATCH_TALLY * sizeof(bigcache_op_tally_t));

    rc = op->tally ? bigcache_op_write_view(op, &batch.view, &op->body)
                   : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_batch_bytes_split(&batch);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_batch_items(&batch, &items);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_batch_bytes_check(&batch, &items);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_op_batch_all(&batch, &items);

        rc = batch.text.failed ? BIGCACHE_NOMEM : BIGCACHE_OK;
    }

    /* one sync for all deletes */

    if (rc == BIGCACHE_OK && batch.deleted) {
        rc = bigcache_cache_sync(op->cache);
    }

    bigcache_op_write_view_free(&batch.view);
    bigcache_op_batch_reply(&batch);

    bigcache_op_finish(op, rc);
}


static void
bigcache_op_batch_reply(bigcache_op_batch_t *batch)
{
    bigcache_op_t  *op;

    op = batch->op;

    op->memory = batch->text.data;
    op->reply[0] = bigcache_data_bytes(batch->text.data, batch->text.len);
    op->nreply = 1;

    if (batch->bytes.len) {
        op->reply[1] = bigcache_data_bytes(batch->bytes.data,
                                           batch->bytes.len);
        op->nreply = 2;
    }

    op->bytes = batch->bytes.data;
}


static bigcache_rc_t
bigcache_op_batch_items(bigcache_op_batch_t *batch, bigcache_str_t *items)
{
    int                     scanned;
    size_t                  at;
    unsigned                n;
    bigcache_rc_t           rc;
    bigcache_op_t          *op;
    bigcache_str_t          item, *text;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "operations", { 0, NULL } };

    op = batch->op;
    text = &batch->view.text;

    scanned = bigcache_json_scan_members(text->data, text->len, &named, 1,
                                         &err);

    rc = bigcache_op_write_scanned(op, scanned, &err);
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

    for (n = 0; bigcache_json_scan_item(items, &at, &item); n++) {
        if (n == BIGCACHE_OP_BATCH) {
            return bigcache_op_invalid(op, "body", "operations",
                                       "there are more than 1000",
                                       "value_error.list.max_items");
        }
    }

    return BIGCACHE_OK;
}


static void
bigcache_op_batch_all(bigcache_op_batch_t *batch, const bigcache_str_t *items)
{
    size_t           at;
    unsigned         n;
    bigcache_str_t   item;

    bigcache_json_text_puts(&batch->text, "{\"results\":[");

    at = 0;

    /* an operation is not run if its result cannot be reported */

    for (n = 0;
         !batch->text.failed && bigcache_json_scan_item(items, &at, &item);
         n++)
    {
        if (n) {
            bigcache_json_text_puts(&batch->text, ",");
        }

        bigcache_op_batch_item(batch, &item);
    }

    bigcache_json_text_puts(&batch->text, batch->op->as_bytes ? "]}\n" : "]}");
}


static void
bigcache_op_batch_item(bigcache_op_batch_t *batch, const bigcache_str_t *item)
{
    bigcache_op_t          *one;
    const bigcache_data_t  *body;

    one = &batch->one;
    body = &batch->op->body;

    memset(one, 0, sizeof(bigcache_op_t));

    one->cache = batch->op->cache;
    one->leases = batch->op->leases;
    one->page.body.fd = -1;

    /* a large value stays in its file, as in a request of its own */

    one->body = (batch->view.map && item->len > BIGCACHE_PAGE_LARGE)
                ? bigcache_data_range(body->fd,
                                      body->offset
                                      + (item->data - batch->view.text.data),
                                      item->len)
                : bigcache_data_bytes(item->data, item->len);

    batch->name = NULL;

    bigcache_op_batch_run(batch, item);

    batch->op->expired += one->expired;
    batch->op->work += one->work;

    /* otherwise each other operation would wait for the store in turn */

    if (batch->ended == BIGCACHE_OK
        && (one->rc == BIGCACHE_UNAVAILABLE || one->rc == BIGCACHE_CLOSED
            || one->rc == BIGCACHE_NOMEM))
    {
        batch->ended = one->rc;
        memcpy(batch->reason, one->reason, BIGCACHE_ERROR_LEN);
    }

    bigcache_op_free(one);
    bigcache_op_batch_free(batch);
}


static void
bigcache_op_batch_run(bigcache_op_batch_t *batch, const bigcache_str_t *item)
{
    unsigned                       i;
    const char                    *msg;
    bigcache_json_error_t          err;
    const bigcache_op_batch_op_t  *known;

    for (i = 0; i < BIGCACHE_BATCH_MEMBERS; i++) {
        batch->named[i].name = bigcache_op_batch_names[i];
    }

    if (bigcache_json_scan_members(item->data, item->len, batch->named,
                                   BIGCACHE_BATCH_MEMBERS, &err)
        != BIGCACHE_JSON_OK)
    {
        bigcache_op_batch_result_invalid(batch,
                                         "the operation is not an object");
        return;
    }

    bigcache_op_batch_bytes_take(batch);

    for (known = bigcache_op_batch_ops; known->name; known++) {

        if (bigcache_json_scan_is(&batch->named[BIGCACHE_BATCH_OP].extent,
                                  known->name))
        {
            break;
        }
    }

    batch->name = known->name;

    if (!bigcache_op_batch_key(batch)) {
        return;
    }

    if (known->name == NULL) {
        bigcache_op_batch_result_invalid(batch,
                                     "op is none of get, set, delete, touch");
        return;
    }

    msg = bigcache_op_batch_bytes_refused(batch);

    if (msg) {
        bigcache_op_batch_result_invalid(batch, msg);
        return;
    }

    bigcache_op_batch_limit(batch);

    if (batch->ended != BIGCACHE_OK) {
        batch->one.rc = batch->ended;
        memcpy(batch->one.reason, batch->reason, BIGCACHE_ERROR_LEN);
        bigcache_op_batch_result(batch);
        return;
    }

    known->run(batch);
}


/* a batch must not hold a thread for long */

static void
bigcache_op_batch_limit(bigcache_op_batch_t *batch)
{
    const char  *reason;

    if (batch->ended != BIGCACHE_OK) {
        return;
    }

    if (batch->op->work >= BIGCACHE_OP_BATCH_WORK) {
        reason = "the batch has unpacked and copied 256 MB of pages, send the "
                 "rest of it anew";

    } else if (bigcache_time_monotonic() >= batch->end) {
        reason = "the batch has taken 10 seconds, send the rest of it anew";

    } else {
        return;
    }

    batch->ended = BIGCACHE_UNAVAILABLE;
    (void) strcpy(batch->reason, reason);
}


/* reads the key, without the slashes around it, which no key has */

static int
bigcache_op_batch_key(bigcache_op_batch_t *batch)
{
    bigcache_str_t  *key;

    if (!bigcache_op_batch_string(batch, BIGCACHE_BATCH_KEY, &batch->key,
                                  "key is not a string without U+0000"))
    {
        return 0;
    }

    if (batch->key.data == NULL) {
        bigcache_op_batch_result_invalid(batch, "key: field required");
        return 0;
    }

    key = &batch->one.key;
    *key = batch->key;

    while (key->len && *key->data == '/') {
        key->data++;
        key->len--;
    }

    while (key->len && key->data[key->len - 1] == '/') {
        key->len--;
    }

    if (key->len > BIGCACHE_KEY_MAX) {
        bigcache_op_batch_result_invalid(batch,
                                         "the key is longer than 8192 bytes");
        return 0;
    }

    return 1;
}


/*
 * returns 0 if it has answered; *text is empty for null and for an absent
 * member
 */

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
        bigcache_op_batch_result_invalid(batch, msg);
        return 0;
    }
}


/* the same for a member that may also be a number */

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

    *text = bigcache_str(p, member.len);

    return 1;
}


static void
bigcache_op_batch_get(bigcache_op_batch_t *batch)
{
    size_t          len;
    bigcache_op_t  *one;

    one = &batch->one;
    len = batch->text.len + batch->bytes.len;

    one->as_bytes = batch->op->as_bytes;
    one->most = (len < BIGCACHE_OP_BATCH_ANSWER)
                ? BIGCACHE_OP_BATCH_ANSWER - len : 0;

    bigcache_op_get_within(one, batch->full);

    if (one->rc == BIGCACHE_TOO_LARGE) {
        batch->full = 1;
    }

    if (one->rc == BIGCACHE_MISS) {
        batch->op->misses++;
    }

    if (one->rc != BIGCACHE_OK) {
        bigcache_op_batch_result(batch);
        return;
    }

    bigcache_op_batch_result_page(batch);
}


static void
bigcache_op_batch_set(bigcache_op_batch_t *batch)
{
    bigcache_op_t  *one;

    one = &batch->one;

    if (!bigcache_op_batch_set_how(batch)) {
        return;
    }

    if (bigcache_op_batch_has(batch, BIGCACHE_BATCH_BYTES)) {
        one->body = bigcache_op_batch_bytes_data(batch);
        bigcache_op_batch_set_raw(batch);
        return;
    }

    if (!bigcache_op_batch_has(batch, BIGCACHE_BATCH_BASE64)) {
        one->minimal = 1;
        bigcache_op_put_json(one);
        bigcache_op_batch_result(batch);
        return;
    }

    if (batch->named[BIGCACHE_BATCH_VALUE].extent.data) {
        bigcache_op_batch_result_invalid(batch,
                                         "there is a value and base64, too");
        return;
    }

    if (bigcache_op_batch_base64(batch)) {
        bigcache_op_batch_set_raw(batch);
    }
}


/* reads the members of any set but its page; returns 0 if it has answered */

static int
bigcache_op_batch_set_how(bigcache_op_batch_t *batch)
{
    u_char                 first;
    const bigcache_str_t  *none_match;

    none_match = &batch->named[BIGCACHE_BATCH_NONE_MATCH].extent;

    if (bigcache_op_batch_has(batch, BIGCACHE_BATCH_NONE_MATCH)) {

        if (!bigcache_json_scan_is(none_match, "*")) {
            bigcache_op_batch_result_invalid(batch,
                                             "if_none_match is not \"*\"");
            return 0;
        }

        batch->one.none_match.sent = 1;
        batch->one.none_match.any = 1;
    }

    if (bigcache_op_batch_has(batch, BIGCACHE_BATCH_NO_TRANSFORM)) {

        first = batch->named[BIGCACHE_BATCH_NO_TRANSFORM].extent.data[0];

        if (first != 't' && first != 'f') {
            bigcache_op_batch_result_invalid(batch,
                                   "no_transform is neither true nor false");
            return 0;
        }

        batch->one.plain = (first == 't');
    }

    return 1;
}


/* the body is set already */

static void
bigcache_op_batch_set_raw(bigcache_op_batch_t *batch)
{
    bigcache_op_t  *one;

    one = &batch->one;

    if (!bigcache_op_batch_string(batch, BIGCACHE_BATCH_TYPE, &batch->type,
                                     "type is not a string")
        || !bigcache_op_batch_time(batch, BIGCACHE_BATCH_EXPIRE,
                                   &batch->expire,
                                   "expire is not a number")
        || !bigcache_op_batch_string(batch, BIGCACHE_BATCH_DURATION,
                                     &batch->duration,
                                     "duration is not a string")
        || !bigcache_op_batch_string(batch, BIGCACHE_BATCH_STALE,
                                     &batch->stale, "stale is not a string")
        || !bigcache_op_batch_tags(batch))
    {
        return;
    }

    one->type = batch->type;
    one->expire = batch->expire;
    one->duration = batch->duration;
    one->stale = batch->stale;

    bigcache_op_put_raw(one);

    if (one->rc == BIGCACHE_INVALID) {

        /* the message is about a member here, not a header */

        one->invalid.name = strstr(one->invalid.name, "Type") ? "type"
                            : strstr(one->invalid.name, "Expire") ? "expire"
                            : strstr(one->invalid.name, "Stale") ? "stale"
                            : "duration";
    }

    bigcache_op_batch_result(batch);
}


/* a document has its tags beside its value, and they are read with that */

static int
bigcache_op_batch_tags(bigcache_op_batch_t *batch)
{
    bigcache_op_t  *one;

    if (!bigcache_op_batch_has(batch, BIGCACHE_BATCH_TAGS)) {
        return 1;
    }

    one = &batch->one;

    batch->tags.data = malloc(BIGCACHE_TAGS_BYTES);

    one->rc = batch->tags.data
              ? bigcache_op_tags_read(one, "tags",
                                    &batch->named[BIGCACHE_BATCH_TAGS].extent,
                                    (u_char *) batch->tags.data, &one->tags)
              : BIGCACHE_NOMEM;

    if (one->rc != BIGCACHE_OK) {
        bigcache_op_batch_result(batch);
        return 0;
    }

    return 1;
}


/* sets the body of the page; returns 0 if it has answered */

static int
bigcache_op_batch_base64(bigcache_op_batch_t *batch)
{
    ssize_t  n;

    if (batch->named[BIGCACHE_BATCH_BASE64].extent.len
        > BIGCACHE_OP_BATCH_BYTES)
    {
        bigcache_op_batch_result_failure(batch, 413,
                                         "the page is too large to be "
                                         "one of many, store it alone");
        return 0;
    }

    if (!bigcache_op_batch_string(batch, BIGCACHE_BATCH_BASE64,
                                  &batch->base64, "base64 is not a string"))
    {
        return 0;
    }

    n = batch->base64.data
        ? bigcache_json_text_unbase64((u_char *) batch->base64.data,
                                      batch->base64.len)
        : -1;

    if (n == -1) {
        bigcache_op_batch_result_invalid(batch,
                                         "base64 is not base64 with padding");
        return 0;
    }

    batch->one.body = bigcache_data_bytes(batch->base64.data, (size_t) n);

    return 1;
}


static void
bigcache_op_batch_delete(bigcache_op_batch_t *batch)
{
    batch->one.later = 1;
    batch->deleted = 1;

    bigcache_op_delete(&batch->one);

    batch->op->n += batch->one.n;

    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_touch(bigcache_op_batch_t *batch)
{
    bigcache_op_rewrite_touch(&batch->one);

    bigcache_op_batch_result(batch);
}


static void
bigcache_op_batch_free(bigcache_op_batch_t *batch)
{
    unsigned         i;
    bigcache_str_t  *texts[] = {
        &batch->key, &batch->base64, &batch->type, &batch->expire,
        &batch->duration, &batch->stale, &batch->tags
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free((void *) texts[i]->data);
        *texts[i] = bigcache_str(NULL, 0);
    }
}

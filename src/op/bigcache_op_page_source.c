
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The body of a page of an origin, unpacked, for people who look at it: it is
 * found out whether that is text, and in which charset.
 */


#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bigcache_head.h"
#include "bigcache_op.h"
#include "bigcache_utf8.h"


/* bytes of a body in a file that are looked at */

#define BIGCACHE_OP_PAGE_SOURCE_LOOK  (64 * 1024)


static bigcache_rc_t bigcache_op_page_source_get(bigcache_op_t *op,
    bigcache_head_t *head);
static bigcache_rc_t bigcache_op_page_source_key(bigcache_op_t *op,
    bigcache_str_t *key, u_char **memory);
static bigcache_rc_t bigcache_op_page_source_body(bigcache_op_t *op,
    const bigcache_head_t *head);
static bigcache_rc_t bigcache_op_page_source_unpack(bigcache_op_t *op,
    const bigcache_head_t *head);
static bigcache_rc_t bigcache_op_page_source_file(bigcache_op_t *op,
    const bigcache_head_t *head);
static void bigcache_op_page_source_look(bigcache_op_t *op,
    const bigcache_head_t *head, const u_char *data, size_t len, int whole);
static int bigcache_op_page_source_utf8(const u_char *data, size_t len,
    int whole);
static void bigcache_op_page_source_charset(bigcache_op_t *op,
    const bigcache_head_t *head);


void
bigcache_op_page_source(bigcache_op_t *op)
{
    bigcache_rc_t    rc;
    bigcache_head_t  head;

    rc = bigcache_op_page_source_get(op, &head);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_page_source_body(op, &head);
    }

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_page_source_get(bigcache_op_t *op, bigcache_head_t *head)
{
    u_char          *memory;
    bigcache_rc_t    rc;
    bigcache_str_t   key;

    rc = bigcache_op_page_source_key(op, &key, &memory);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_cache_get(op->cache, &key, BIGCACHE_BODY, &op->page);

    free(memory);

    if (rc == BIGCACHE_EXPIRED) {
        op->expired = 1;
        rc = BIGCACHE_MISS;
    }

    op->missed = op->variant.len ? "the URL has no such variant"
                                 : "no page of this URL is stored without a "
                                   "variant";

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (op->page.kind != BIGCACHE_KIND_PAGE
        || bigcache_head_decode(head, op->page.type.data, op->page.type.len)
           == -1)
    {
        return BIGCACHE_MISS;
    }

    if (head->flags & BIGCACHE_HEAD_VARIES) {
        op->missed = "the page has variants, variant says which one is meant";
        return BIGCACHE_MISS;
    }

    return BIGCACHE_OK;
}


/* *memory is to be freed, or NULL */

static bigcache_rc_t
bigcache_op_page_source_key(bigcache_op_t *op, bigcache_str_t *key,
    u_char **memory)
{
    *memory = NULL;
    *key = op->site;

    if (op->variant.len == 0) {
        return BIGCACHE_OK;
    }

    if (op->site.len + 1 + op->variant.len > BIGCACHE_KEY_MAX) {
        op->missed = "the URL has no such variant";
        return BIGCACHE_MISS;
    }

    *memory = malloc(op->site.len + 1 + op->variant.len);

    if (*memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    memcpy(*memory, op->site.data, op->site.len);
    (*memory)[op->site.len] = '\0';
    memcpy(*memory + op->site.len + 1, op->variant.data, op->variant.len);

    *key = bigcache_str(*memory, op->site.len + 1 + op->variant.len);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_page_source_body(bigcache_op_t *op, const bigcache_head_t *head)
{
    const bigcache_data_t  *body;

    body = &op->page.body;

    op->nreply = 1;
    op->reply[0] = *body;

    if (op->page.packed) {
        return bigcache_op_page_source_unpack(op, head);
    }

    if (body->fd != -1) {
        return bigcache_op_page_source_file(op, head);
    }

    bigcache_op_page_source_look(op, head, body->bytes.data, body->bytes.len,
                                 1);
    return BIGCACHE_OK;
}


/* only what is in memory is ever packed */

static bigcache_rc_t
bigcache_op_page_source_unpack(bigcache_op_t *op, const bigcache_head_t *head)
{
    size_t         size;
    bigcache_rc_t  rc;

    size = (size_t) op->page.unpacked;

    rc = bigcache_op_unpack(op, &op->page, &op->memory);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    bigcache_op_page_source_look(op, head, op->memory, size, 1);

    if (bigcache_op_hold(op, size)) {
        op->reply[0] = bigcache_data_bytes(op->memory, size);
        return BIGCACHE_OK;
    }

    /* it is unpacked once more, while it is sent */

    free(op->memory);
    op->memory = NULL;
    op->length = size;
    op->unpack = 1;

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_page_source_file(bigcache_op_t *op, const bigcache_head_t *head)
{
    size_t            len;
    u_char           *memory;
    bigcache_rc_t     rc;
    bigcache_data_t   data;

    data = op->page.body;

    if (data.length > BIGCACHE_OP_PAGE_SOURCE_LOOK) {
        data.length = BIGCACHE_OP_PAGE_SOURCE_LOOK;
    }

    len = (size_t) data.length;
    memory = malloc(len ? len : 1);

    if (memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = BIGCACHE_OK;

    if (bigcache_data_read(memory, &data, 1) == 0) {
        bigcache_op_page_source_look(op, head, memory, len,
                                     len == op->page.body.length);

    } else {
        rc = bigcache_cache_failed(op->cache, "read a page",
                                   "its file cannot be read");
    }

    free(memory);

    return rc;
}


/* sets op->charset, unless the bytes are none of a text */

static void
bigcache_op_page_source_look(bigcache_op_t *op, const bigcache_head_t *head,
    const u_char *data, size_t len, int whole)
{
    u_char          c;
    size_t          i;
    bigcache_str_t  encoding;

    if (bigcache_head_find(head, "content-encoding", &encoding)) {
        return;
    }

    for (i = 0; i < len; i++) {

        c = data[i];

        if (c < ' ' && (c < '\t' || c > '\r') && c != '\033') {
            return;
        }
    }

    if (bigcache_op_page_source_utf8(data, len, whole)) {
        strcpy(op->charset, "utf-8");
        return;
    }

    bigcache_op_page_source_charset(op, head);
}


static int
bigcache_op_page_source_utf8(const u_char *data, size_t len, int whole)
{
    int            n;
    const u_char  *p, *end;

    end = data + len;

    for (p = data; p < end; p += n) {

        n = bigcache_utf8_step(p, end);

        if (n < 0) {

            /* the end may have cut off the last character */

            return !whole && p - n == end;
        }
    }

    return 1;
}


/* takes the charset that the page names, if it can be one */

static void
bigcache_op_page_source_charset(bigcache_op_t *op,
    const bigcache_head_t *head)
{
    size_t           i, n;
    u_char           c;
    bigcache_str_t   type;

    static const char  name[] = "charset=";

    if (!bigcache_head_find(head, "content-type", &type)) {
        return;
    }

    n = sizeof(name) - 1;

    for (i = 0; i + n < type.len; i++) {
        if (strncasecmp((const char *) type.data + i, name, n) == 0) {
            break;
        }
    }

    i += n;
    i += (i < type.len && type.data[i] == '"');

    for (n = 0; i + n < type.len; n++) {

        c = type.data[i + n];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'))
        {
            break;
        }

        if (n == BIGCACHE_OP_CHARSET - 1) {
            n = 0;
            break;
        }

        op->charset[n] = (char) c;
    }

    op->charset[n] = '\0';
}

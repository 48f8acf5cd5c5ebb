
/*
 * Copyright (C) bigcache contributors
 */


/* writes and reads the head of a page of an origin */


#include <string.h>
#include <strings.h>

#include "bigcache_bytes.h"
#include "bigcache_head.h"


/* bytes in front of a field */

#define BIGCACHE_HEAD_FIELD  4


void
bigcache_head_begin(bigcache_head_writer_t *writer, u_char *data,
    const bigcache_head_t *head)
{
    u_char  *p;

    p = data;

    *p++ = BIGCACHE_HEAD_FORMAT;
    *p++ = (u_char) head->flags;

    p = bigcache_put16(p, (uint16_t) head->status);
    p = bigcache_put32(p, head->stale_while_revalidate);
    p = bigcache_put32(p, head->stale_if_error);
    p = bigcache_put32(p, head->took);
    p = bigcache_put64(p, (uint64_t) head->born);
    (void) bigcache_put64(p, (uint64_t) head->fresh_until);

    writer->data = data;
    writer->len = BIGCACHE_HEAD_LEN;
    writer->full = 0;
}


void
bigcache_head_add(bigcache_head_writer_t *writer, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    u_char  *p;

    if (name->len > UINT16_MAX
        || value->len > UINT16_MAX
        || BIGCACHE_HEAD_FIELD + name->len + value->len
           > BIGCACHE_HEAD_MAX - writer->len)
    {
        writer->full = 1;
        return;
    }

    p = writer->data + writer->len;

    p = bigcache_put16(p, (uint16_t) name->len);
    p = bigcache_put16(p, (uint16_t) value->len);

    if (name->len) {
        memcpy(p, name->data, name->len);
    }

    if (value->len) {
        memcpy(p + name->len, value->data, value->len);
    }

    writer->len += BIGCACHE_HEAD_FIELD + name->len + value->len;
}


int
bigcache_head_decode(bigcache_head_t *head, const u_char *data, size_t len)
{
    size_t          at, left;
    bigcache_str_t  name, value;

    if (len < BIGCACHE_HEAD_LEN || data[0] != BIGCACHE_HEAD_FORMAT) {
        return -1;
    }

    head->flags = data[1];
    head->status = bigcache_get16(data + 2);
    head->stale_while_revalidate = bigcache_get32(data + 4);
    head->stale_if_error = bigcache_get32(data + 8);
    head->took = bigcache_get32(data + 12);
    head->born = (int64_t) bigcache_get64(data + 16);
    head->fresh_until = (int64_t) bigcache_get64(data + 24);
    head->fields.data = data + BIGCACHE_HEAD_LEN;
    head->fields.len = len - BIGCACHE_HEAD_LEN;

    for (at = 0; at < head->fields.len; /* void */) {

        left = head->fields.len - at;

        if (left < BIGCACHE_HEAD_FIELD
            || left - BIGCACHE_HEAD_FIELD
               < (size_t) bigcache_get16(head->fields.data + at)
                 + bigcache_get16(head->fields.data + at + 2))
        {
            return -1;
        }

        (void) bigcache_head_next(head, &at, &name, &value);
    }

    return 0;
}


int
bigcache_head_next(const bigcache_head_t *head, size_t *at,
    bigcache_str_t *name, bigcache_str_t *value)
{
    const u_char  *p;

    if (*at >= head->fields.len) {
        return 0;
    }

    p = head->fields.data + *at;

    name->len = bigcache_get16(p);
    value->len = bigcache_get16(p + 2);
    name->data = p + BIGCACHE_HEAD_FIELD;
    value->data = name->data + name->len;

    *at += BIGCACHE_HEAD_FIELD + name->len + value->len;

    return 1;
}


int
bigcache_head_find(const bigcache_head_t *head, const char *name,
    bigcache_str_t *value)
{
    size_t          at;
    bigcache_str_t  found;

    for (at = 0; bigcache_head_next(head, &at, &found, value); /* void */) {
        if (found.len == strlen(name)
            && strncasecmp((const char *) found.data, name, found.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/* the rows of a list, and how they are encoded */


#include <string.h>

#include "bigcache_list.h"
#include "bigcache_tags.h"


/* the header of a row: the key and the type follow it */

typedef struct {
    uint64_t                  version;
    int64_t                   expire;
    uint64_t                  size;
    uint16_t                  key_len;
    uint16_t                  type_len;
    uint16_t                  tags_len;
    uint16_t                  kind;
} bigcache_list_header_t;


void
bigcache_list_init(bigcache_list_t *list, const bigcache_str_t *after)
{
    list->n = 0;
    list->more = 0;
    list->len = 0;

    bigcache_list_next(list, after);
}


int
bigcache_list_add(bigcache_list_t *list, const bigcache_list_row_t *row)
{
    size_t                   size;
    u_char                  *p;
    bigcache_list_header_t   header;

    size = sizeof(header) + row->key.len + row->type.len + row->tags.len;

    if (size > BIGCACHE_LIST_MEMORY - list->len) {
        return 0;
    }

    header.version = row->version;
    header.expire = row->expire;
    header.size = row->size;
    header.key_len = (uint16_t) row->key.len;
    header.type_len = (uint16_t) row->type.len;
    header.tags_len = (uint16_t) row->tags.len;
    header.kind = (uint16_t) row->kind;

    p = list->rows + list->len;

    memcpy(p, &header, sizeof(header));
    p += sizeof(header);

    if (row->key.len) {
        memcpy(p, row->key.data, row->key.len);
        p += row->key.len;
    }

    if (row->type.len) {
        memcpy(p, row->type.data, row->type.len);
        p += row->type.len;
    }

    if (row->tags.len) {
        memcpy(p, row->tags.data, row->tags.len);
    }

    list->len += size;
    list->n++;

    return 1;
}


void
bigcache_list_next(bigcache_list_t *list, const bigcache_str_t *key)
{
    list->next_len = key->len;

    if (key->len) {

        /* the same memory, perhaps */

        memmove(list->next, key->data, key->len);
    }
}


int
bigcache_list_receive(bigcache_list_t *list, const bigcache_str_t *rows,
    const bigcache_str_t *next, int more, const bigcache_str_t *after,
    unsigned limit)
{
    size_t               at;
    bigcache_list_row_t  row;

    if (rows->len > BIGCACHE_LIST_MEMORY || next->len > BIGCACHE_KEY_MAX) {
        return 0;
    }

    /* else a caller that passes next as after might never reach an end */

    if (more && after->data && bigcache_str_compare(next, after) <= 0) {
        return 0;
    }

    list->n = 0;
    list->more = (more != 0);
    list->len = rows->len;

    if (rows->len) {
        memcpy(list->rows, rows->data, rows->len);
    }

    at = 0;

    while (bigcache_list_row(list, &at, &row)) {

        if (row.key.len > BIGCACHE_KEY_MAX
            || bigcache_tags_check(&row.tags) == -1)
        {
            return 0;
        }

        list->n++;
    }

    if (at != list->len || list->n > limit) {
        return 0;
    }

    bigcache_list_next(list, next);

    return 1;
}


int
bigcache_list_row(const bigcache_list_t *list, size_t *at,
    bigcache_list_row_t *row)
{
    size_t                  size, left;
    const u_char           *p;
    bigcache_list_header_t  header;

    left = (*at < list->len) ? list->len - *at : 0;

    if (left < sizeof(header)) {
        return 0;
    }

    p = list->rows + *at;
    memcpy(&header, p, sizeof(header));

    left -= sizeof(header);
    p += sizeof(header);

    size = (size_t) header.key_len + header.type_len + header.tags_len;

    if (size > left) {
        return 0;
    }

    row->key = bigcache_str(p, header.key_len);
    row->type = bigcache_str(p + header.key_len, header.type_len);
    row->tags = bigcache_str(row->type.data + header.type_len, header.tags_len);
    row->kind = header.kind;
    row->version = header.version;
    row->expire = header.expire;
    row->size = header.size;

    *at += sizeof(header) + size;

    return 1;
}

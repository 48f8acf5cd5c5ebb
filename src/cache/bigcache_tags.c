
/*
 * Copyright (C) bigcache contributors
 */


/* encodes and reads the tags of a page */


#include <string.h>

#include "bigcache_siphash.h"
#include "bigcache_tags.h"


void
bigcache_tags_begin(bigcache_tags_writer_t *writer, u_char *data)
{
    writer->data = data;
    writer->len = 0;
    writer->n = 0;
}


const char *
bigcache_tags_add(bigcache_tags_writer_t *writer, const bigcache_str_t *tag)
{
    bigcache_str_t  tags;

    if (tag->len == 0) {
        return "a tag is empty";
    }

    if (tag->len > BIGCACHE_TAG_MAX) {
        return "a tag is longer than 256 bytes";
    }

    tags = bigcache_str(writer->data, writer->len);

    if (bigcache_tags_has(&tags, tag)) {
        return NULL;
    }

    if (writer->n == BIGCACHE_TAGS_MAX) {
        return "there are more than 64 tags";
    }

    writer->data[writer->len] = (u_char) (tag->len - 1);
    memcpy(writer->data + writer->len + 1, tag->data, tag->len);

    writer->len += 1 + tag->len;
    writer->n++;

    return NULL;
}


int
bigcache_tags_check(const bigcache_str_t *tags)
{
    size_t          at;
    unsigned        n;
    bigcache_str_t  tag;

    at = 0;
    n = 0;

    while (bigcache_tags_next(tags, &at, &tag)) {
        n++;
    }

    return (at == tags->len && n <= BIGCACHE_TAGS_MAX) ? 0 : -1;
}


int
bigcache_tags_next(const bigcache_str_t *tags, size_t *at, bigcache_str_t *tag)
{
    size_t  left;

    left = (*at < tags->len) ? tags->len - *at : 0;

    if (left < 2 || left - 1 < (size_t) tags->data[*at] + 1) {
        return 0;
    }

    *tag = bigcache_str(tags->data + *at + 1, tags->data[*at] + 1);

    *at += 1 + tag->len;

    return 1;
}


int
bigcache_tags_has(const bigcache_str_t *tags, const bigcache_str_t *tag)
{
    size_t          at;
    bigcache_str_t  one;

    at = 0;

    while (bigcache_tags_next(tags, &at, &one)) {

        if (bigcache_str_equal(&one, tag)) {
            return 1;
        }
    }

    return 0;
}


uint64_t
bigcache_tags_hash(const bigcache_str_t *tag)
{
    static const uint64_t  key[2] = { 0, 0 };

    return bigcache_siphash(key, tag->data, tag->len);
}

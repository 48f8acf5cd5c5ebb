
/*
 * Copyright (C) bigcache contributors
 */


#include "bigcache_record.h"
#include "bigcache_bytes.h"


size_t
bigcache_record_size(const bigcache_record_t *record)
{
    size_t  size;

    size = BIGCACHE_RECORD_HEADER + record->type.len;

    return record->file ? size : size + (size_t) record->length;
}


u_char *
bigcache_record_encode(u_char *dst, const bigcache_record_t *record)
{
    *dst++ = BIGCACHE_RECORD_FORMAT;
    *dst++ = (u_char) record->kind;

    dst = bigcache_put16(dst, (uint16_t) record->type.len);
    dst = bigcache_put32(dst, record->head);
    dst = bigcache_put64(dst, record->version);
    dst = bigcache_put64(dst, (uint64_t) record->expire);
    dst = bigcache_put64(dst, record->length);
    dst = bigcache_put64(dst, record->file);

    if (record->type.len) {
        memcpy(dst, record->type.data, record->type.len);
    }

    return dst + record->type.len;
}


int
bigcache_record_decode(bigcache_record_t *record, const u_char *data,
    size_t len)
{
    if (len < BIGCACHE_RECORD_HEADER || data[0] != BIGCACHE_RECORD_FORMAT) {
        return -1;
    }

    record->kind = data[1];
    record->type.len = bigcache_get16(data + 2);
    record->head = bigcache_get32(data + 4);
    record->version = bigcache_get64(data + 8);
    record->expire = (int64_t) bigcache_get64(data + 16);
    record->length = bigcache_get64(data + 24);
    record->file = bigcache_get64(data + 32);

    data += BIGCACHE_RECORD_HEADER;
    len -= BIGCACHE_RECORD_HEADER;

    if ((record->kind != BIGCACHE_KIND_JSON
         && record->kind != BIGCACHE_KIND_RAW)
        || record->type.len > len
        || record->type.len > BIGCACHE_TYPE_MAX
        || record->head > record->length
        || record->length > INT64_MAX)
    {
        return -1;
    }

    record->type.data = data;
    record->body.data = data + record->type.len;
    record->body.len = len - record->type.len;

    /* the rest is the body, all of it, or there is none here */

    if (record->body.len != (record->file ? 0 : record->length)) {
        return -1;
    }

    return 0;
}

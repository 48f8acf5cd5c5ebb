
/*
 * Copyright (C) bigcache contributors
 */


/* Encodes and decodes the header of a segment and of its entries. */


#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_crc.h"
#include "bigcache_segment.h"


#define BIGCACHE_SEGMENT_MAGIC  "bigcsegm"


void
bigcache_segment_header(u_char *dst, uint64_t id)
{
    memset(dst, 0, BIGCACHE_SEGMENT_HEADER);
    memcpy(dst, BIGCACHE_SEGMENT_MAGIC, 8);

    (void) bigcache_put32(dst + 8, BIGCACHE_SEGMENT_FORMAT);
    (void) bigcache_put64(dst + 16, id);
}


int
bigcache_segment_check(const u_char *data, uint64_t id)
{
    u_char  header[BIGCACHE_SEGMENT_HEADER];

    bigcache_segment_header(header, id);

    return memcmp(data, header, BIGCACHE_SEGMENT_HEADER) ? -1 : 0;
}


size_t
bigcache_segment_entry_header(size_t key_len, const bigcache_record_t *record)
{
    size_t  size;

    size = BIGCACHE_ENTRY_HEADER + key_len + record->type.len;

    if (record->flags & BIGCACHE_FLAG_FRESH) {
        size += BIGCACHE_RECORD_TIME;
    }

    if (record->flags & BIGCACHE_FLAG_TAGGED) {
        size += record->tags.len;
    }

    return size;
}


uint64_t
bigcache_segment_entry_size(size_t key_len, const bigcache_record_t *record)
{
    uint64_t  size;

    size = bigcache_segment_entry_header(key_len, record) + record->length;

    return (size + BIGCACHE_SEGMENT_ALIGN - 1)
           & ~(uint64_t) (BIGCACHE_SEGMENT_ALIGN - 1);
}


uint64_t
bigcache_segment_page_size(const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    if (!(record->flags & BIGCACHE_FLAG_SEGMENT)) {
        return 0;
    }

    return bigcache_segment_entry_size(key->len, record);
}


u_char *
bigcache_segment_encode(u_char *dst, const bigcache_entry_t *entry)
{
    u_char                   *p, *crc;
    const bigcache_record_t  *record;

    record = &entry->record;

    p = bigcache_put32(dst, BIGCACHE_ENTRY_MAGIC);

    crc = p;
    p += sizeof(uint32_t);

    p = bigcache_put32(p, entry->body_crc);
    p = bigcache_put16(p, (uint16_t) entry->key.len);
    p = bigcache_put16(p, (uint16_t) record->type.len);
    p = bigcache_put64(p, record->length);
    p = bigcache_put64(p, record->unpacked);
    p = bigcache_put64(p, record->version);
    p = bigcache_put64(p, (uint64_t) record->expire);
    p = bigcache_put32(p, record->head);
    *p++ = (u_char) record->kind;
    *p++ = (u_char) (record->flags & ~(BIGCACHE_FLAG_REWRITTEN
                                       |BIGCACHE_FLAG_SOFT));
    p = bigcache_put16(p, (uint16_t) record->tags.len);

    if (entry->key.len) {
        memcpy(p, entry->key.data, entry->key.len);
        p += entry->key.len;
    }

    if (record->type.len) {
        memcpy(p, record->type.data, record->type.len);
        p += record->type.len;
    }

    if (record->flags & BIGCACHE_FLAG_FRESH) {
        p = bigcache_put64(p, (uint64_t) record->fresh);
    }

    if (record->flags & BIGCACHE_FLAG_TAGGED) {
        memcpy(p, record->tags.data, record->tags.len);
        p += record->tags.len;
    }

    (void) bigcache_put32(crc, bigcache_crc(0, crc + sizeof(uint32_t),
                                   (size_t) (p - crc) - sizeof(uint32_t)));

    return p;
}


int
bigcache_segment_decode(bigcache_entry_t *entry, const u_char *data,
    size_t len)
{
    size_t              size;
    const u_char       *p;
    bigcache_record_t  *record;

    if (len < BIGCACHE_ENTRY_HEADER) {
        return 1;
    }

    if (bigcache_get32(data) != BIGCACHE_ENTRY_MAGIC) {
        return -1;
    }

    memset(entry, 0, sizeof(bigcache_entry_t));

    record = &entry->record;

    entry->body_crc = bigcache_get32(data + 8);
    entry->key.len = bigcache_get16(data + 12);
    record->type.len = bigcache_get16(data + 14);
    record->length = bigcache_get64(data + 16);
    record->unpacked = bigcache_get64(data + 24);
    record->version = bigcache_get64(data + 32);
    record->expire = (int64_t) bigcache_get64(data + 40);
    record->head = bigcache_get32(data + 48);
    record->kind = data[52];
    record->flags = data[53];
    record->tags.len = bigcache_get16(data + 54);

    if (entry->key.len > BIGCACHE_KEY_MAX
        || (record->flags & (BIGCACHE_FLAG_REWRITTEN|BIGCACHE_FLAG_SOFT))
        || record->tags.len > BIGCACHE_TAGS_BYTES
        || (record->tags.len != 0)
           != ((record->flags & BIGCACHE_FLAG_TAGGED) != 0)
        || bigcache_record_check(record) == -1)
    {
        return -1;
    }

    size = bigcache_segment_entry_header(entry->key.len, record);

    if (len < size) {
        return 1;
    }

    if (bigcache_crc(0, data + 8, size - 8) != bigcache_get32(data + 4)) {
        return -1;
    }

    entry->key.data = data + BIGCACHE_ENTRY_HEADER;
    record->type.data = entry->key.data + entry->key.len;

    p = record->type.data + record->type.len;

    if (record->flags & BIGCACHE_FLAG_FRESH) {
        record->fresh = (int64_t) bigcache_get64(p);
        p += BIGCACHE_RECORD_TIME;

        if (record->fresh <= 0) {
            return -1;
        }
    }

    record->tags.data = p;

    return bigcache_tags_check(&record->tags);
}


/*
 * Copyright (C) bigcache contributors
 */


/* Encodes, decodes and checks the records of the index. */


#include <stdlib.h>

#include "bigcache_bytes.h"
#include "bigcache_crc.h"
#include "bigcache_record.h"


#define BIGCACHE_RECORD_CRC  12


static int bigcache_record_decode_number(const bigcache_record_t *record,
    unsigned flag, uint64_t *number, const u_char **data, size_t *len);
static int bigcache_record_decode_time(const bigcache_record_t *record,
    unsigned flag, int64_t *time, const u_char **data, size_t *len);
static int bigcache_record_decode_tags(bigcache_record_t *record,
    const u_char **data, size_t *len);
static int bigcache_record_decode_previous(bigcache_record_t *record,
    const u_char **data, size_t *len);
static uint32_t bigcache_record_crc(const u_char *data, size_t len);


size_t
bigcache_record_size(const bigcache_record_t *record)
{
    size_t  size;

    size = BIGCACHE_RECORD_HEADER;

    if (record->flags & BIGCACHE_FLAG_REWRITTEN) {
        size += BIGCACHE_RECORD_ORIGIN;
    }

    if (record->flags & BIGCACHE_FLAG_FRESH) {
        size += BIGCACHE_RECORD_TIME;
    }

    if (record->flags & BIGCACHE_FLAG_SOFT) {
        size += BIGCACHE_RECORD_TIME;
    }

    if (record->flags & BIGCACHE_FLAG_TAGGED) {
        size += BIGCACHE_RECORD_TAGS + record->tags.len;
    }

    if (record->flags & BIGCACHE_FLAG_PREVIOUS) {
        size += BIGCACHE_RECORD_WRITTEN + record->previous.len;
    }

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {
        return size + BIGCACHE_RECORD_PLACE;
    }

    return size + record->type.len + (size_t) record->length;
}


u_char *
bigcache_record_encode(u_char *dst, const bigcache_record_t *record)
{
    *dst++ = BIGCACHE_RECORD_FORMAT;
    *dst++ = (u_char) record->kind;
    *dst++ = (u_char) record->flags;
    *dst++ = 0;

    dst = bigcache_put16(dst, (uint16_t) record->type.len);
    dst = bigcache_put16(dst, record->tag);
    dst = bigcache_put32(dst, record->head);
    dst = bigcache_put32(dst, 0);
    dst = bigcache_put64(dst, record->version);
    dst = bigcache_put64(dst, (uint64_t) record->expire);
    dst = bigcache_put64(dst, record->length);
    dst = bigcache_put64(dst, record->unpacked);

    if (record->flags & BIGCACHE_FLAG_REWRITTEN) {
        dst = bigcache_put64(dst, record->origin);
    }

    if (record->flags & BIGCACHE_FLAG_FRESH) {
        dst = bigcache_put64(dst, (uint64_t) record->fresh);
    }

    if (record->flags & BIGCACHE_FLAG_SOFT) {
        dst = bigcache_put64(dst, (uint64_t) record->stale);
    }

    if (record->flags & BIGCACHE_FLAG_TAGGED) {
        dst = bigcache_put16(dst, (uint16_t) record->tags.len);

        /* they may be here already, if the record was decoded from dst */

        memmove(dst, record->tags.data, record->tags.len);
        dst += record->tags.len;
    }

    if (record->flags & BIGCACHE_FLAG_PREVIOUS) {
        dst = bigcache_put64(dst, record->written);
        dst = bigcache_put32(dst, (uint32_t) record->previous.len);
        memcpy(dst, record->previous.data, record->previous.len);
        dst += record->previous.len;
    }

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {
        dst = bigcache_put64(dst, record->segment);
        return bigcache_put64(dst, record->offset);
    }

    if (record->type.len) {
        memmove(dst, record->type.data, record->type.len);
    }

    return dst + record->type.len;
}


void
bigcache_record_seal(u_char *data, size_t len)
{
    (void) bigcache_put32(data + BIGCACHE_RECORD_CRC,
                          bigcache_record_crc(data, len));
}


bigcache_rc_t
bigcache_record_bytes(const bigcache_record_t *record, bigcache_str_t *bytes)
{
    u_char  *p, *end;

    bytes->len = bigcache_record_size(record);

    p = malloc(bytes->len);
    if (p == NULL) {
        return BIGCACHE_NOMEM;
    }

    end = bigcache_record_encode(p, record);

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT) && record->body.len) {
        memcpy(end, record->body.data, record->body.len);
    }

    bigcache_record_seal(p, bytes->len);

    bytes->data = p;

    return BIGCACHE_OK;
}


int
bigcache_record_decode(bigcache_record_t *record, const u_char *data,
    size_t len)
{
    if (len < BIGCACHE_RECORD_HEADER
        || data[0] != BIGCACHE_RECORD_FORMAT
        || data[3] != 0
        || bigcache_get32(data + BIGCACHE_RECORD_CRC)
           != bigcache_record_crc(data, len))
    {
        return -1;
    }

    memset(record, 0, sizeof(bigcache_record_t));

    record->kind = data[1];
    record->flags = data[2];
    record->type.len = bigcache_get16(data + 4);
    record->tag = bigcache_get16(data + 6);
    record->head = bigcache_get32(data + 8);
    record->version = bigcache_get64(data + 16);
    record->expire = (int64_t) bigcache_get64(data + 24);
    record->length = bigcache_get64(data + 32);
    record->unpacked = bigcache_get64(data + 40);

    if (bigcache_record_check(record) == -1) {
        return -1;
    }

    data += BIGCACHE_RECORD_HEADER;
    len -= BIGCACHE_RECORD_HEADER;

    record->origin = record->version;
    record->written = record->version;

    if (bigcache_record_decode_number(record, BIGCACHE_FLAG_REWRITTEN,
                                      &record->origin, &data, &len)
        == -1
        || bigcache_record_decode_time(record, BIGCACHE_FLAG_FRESH,
                                       &record->fresh, &data, &len)
           == -1
        || bigcache_record_decode_time(record, BIGCACHE_FLAG_SOFT,
                                       &record->stale, &data, &len)
           == -1
        || bigcache_record_decode_tags(record, &data, &len) == -1)
    {
        return -1;
    }

    if ((record->flags & BIGCACHE_FLAG_PREVIOUS)
        && bigcache_record_decode_previous(record, &data, &len) == -1)
    {
        return -1;
    }

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {

        if (len != BIGCACHE_RECORD_PLACE) {
            return -1;
        }

        record->segment = bigcache_get64(data);
        record->offset = bigcache_get64(data + 8);

        return (record->offset <= INT64_MAX) ? 0 : -1;
    }

    /* the rest is exactly the type and the body */

    if (len < record->type.len || len - record->type.len != record->length) {
        return -1;
    }

    record->type.data = data;
    record->body = bigcache_str(data + record->type.len,
                                (size_t) record->length);

    return 0;
}


/* reads a number that is there if the record has that flag */

static int
bigcache_record_decode_number(const bigcache_record_t *record, unsigned flag,
    uint64_t *number, const u_char **data, size_t *len)
{
    if (!(record->flags & flag)) {
        return 0;
    }

    if (*len < sizeof(uint64_t)) {
        return -1;
    }

    *number = bigcache_get64(*data);

    *data += sizeof(uint64_t);
    *len -= sizeof(uint64_t);

    return 0;
}


static int
bigcache_record_decode_time(const bigcache_record_t *record, unsigned flag,
    int64_t *time, const u_char **data, size_t *len)
{
    int       rc;
    uint64_t  number;

    number = 0;

    rc = bigcache_record_decode_number(record, flag, &number, data, len);

    *time = (int64_t) number;

    /* 0 is that of a record without the flag */

    return (rc == 0 && (record->flags & flag) && *time <= 0) ? -1 : rc;
}


static int
bigcache_record_decode_tags(bigcache_record_t *record, const u_char **data,
    size_t *len)
{
    if (!(record->flags & BIGCACHE_FLAG_TAGGED)) {
        return 0;
    }

    if (*len < BIGCACHE_RECORD_TAGS) {
        return -1;
    }

    record->tags.len = bigcache_get16(*data);
    record->tags.data = *data + BIGCACHE_RECORD_TAGS;

    *len -= BIGCACHE_RECORD_TAGS;

    if (record->tags.len > *len || record->tags.len == 0
        || bigcache_tags_check(&record->tags) == -1)
    {
        return -1;
    }

    *data = record->tags.data + record->tags.len;
    *len -= record->tags.len;

    return 0;
}


static int
bigcache_record_decode_previous(bigcache_record_t *record,
    const u_char **data, size_t *len)
{
    size_t  size;

    if (*len < BIGCACHE_RECORD_WRITTEN) {
        return -1;
    }

    record->written = bigcache_get64(*data);
    size = bigcache_get32(*data + 8);

    *data += BIGCACHE_RECORD_WRITTEN;
    *len -= BIGCACHE_RECORD_WRITTEN;

    if (size > *len || size > BIGCACHE_PREVIOUS_MAX) {
        return -1;
    }

    record->previous = bigcache_str(*data, size);

    *data += size;
    *len -= size;

    return 0;
}


int
bigcache_record_check(const bigcache_record_t *record)
{
    if ((record->kind != BIGCACHE_KIND_JSON
         && record->kind != BIGCACHE_KIND_RAW
         && record->kind != BIGCACHE_KIND_PAGE)
        || (record->flags & ~(BIGCACHE_FLAG_GZIP|BIGCACHE_FLAG_SEGMENT
                              |BIGCACHE_FLAG_REWRITTEN
                              |BIGCACHE_FLAG_PREVIOUS
                              |BIGCACHE_FLAG_NEW))
        || record->type.len > (record->kind == BIGCACHE_KIND_PAGE
                               ? BIGCACHE_HEAD_MAX : BIGCACHE_TYPE_MAX)
        || record->length > INT64_MAX / 2
        || record->unpacked > INT64_MAX / 2
        || record->head > record->unpacked)
    {
        return -1;
    }

    if ((record->flags & BIGCACHE_FLAG_PREVIOUS)
        && !(record->flags & BIGCACHE_FLAG_SEGMENT))
    {
        return -1;
    }

    if (!(record->flags & BIGCACHE_FLAG_GZIP)
        && record->length != record->unpacked)
    {
        return -1;
    }

    return 0;
}


/*
 * LevelDB has checksums too, but its repair does not verify those of its logs
 */

static uint32_t
bigcache_record_crc(const u_char *data, size_t len)
{
    uint32_t  crc;

    crc = bigcache_crc(0, data, BIGCACHE_RECORD_CRC);

    return bigcache_crc(crc, data + BIGCACHE_RECORD_CRC + 4,
                        len - BIGCACHE_RECORD_CRC - 4);
}

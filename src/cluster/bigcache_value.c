
/*
 * Copyright (C) bigcache contributors
 */


/* encodes and decodes what the servers keep of a page */


#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_crc.h"
#include "bigcache_value.h"


/* where the fields are */

#define BIGCACHE_VALUE_AT_ORIGIN    16
#define BIGCACHE_VALUE_AT_STALE     32
#define BIGCACHE_VALUE_AT_EXPIRE    48
#define BIGCACHE_VALUE_AT_NONCE     64
#define BIGCACHE_VALUE_AT_CHUNKS    88
#define BIGCACHE_VALUE_AT_TAGS      96
#define BIGCACHE_VALUE_AT_TYPE      104
#define BIGCACHE_VALUE_AT_FORMAT    112
#define BIGCACHE_VALUE_AT_HEAD      116
#define BIGCACHE_VALUE_AT_FRESH     120
#define BIGCACHE_VALUE_AT_LENGTH    128
#define BIGCACHE_VALUE_AT_UNPACKED  136
#define BIGCACHE_VALUE_AT_CRC       144
#define BIGCACHE_VALUE_AT_SUM       148

#define BIGCACHE_VALUE_WIDTH        8

/* no gzip file saves more */

#define BIGCACHE_VALUE_RATIO        1100


static void bigcache_value_print(u_char *dst, size_t width, uint64_t n);
static uint32_t bigcache_value_sum(const u_char *data, size_t front);
static int bigcache_value_fields(bigcache_value_t *value, const u_char *data,
    uint64_t *tags, uint64_t *type);
static int bigcache_value_possible(const bigcache_value_t *value);


size_t
bigcache_value_front(const bigcache_value_t *value)
{
    return BIGCACHE_VALUE_HEADER + value->tags.len + value->type.len;
}


void
bigcache_value_encode(u_char *dst, const bigcache_value_t *value)
{
    u_char  *p;

    memset(dst, 0, BIGCACHE_VALUE_HEADER);

    (void) bigcache_value_digits(dst, value->version);
    (void) bigcache_value_digits(dst + BIGCACHE_VALUE_AT_ORIGIN,
                                 value->origin);
    (void) bigcache_value_digits(dst + BIGCACHE_VALUE_AT_STALE,
                                 value->stale > 0 ? (uint64_t) value->stale
                                                  : 0);
    (void) bigcache_value_digits(dst + BIGCACHE_VALUE_AT_EXPIRE,
                                 value->expire > 0 ? (uint64_t) value->expire
                                                   : 0);

    memcpy(dst + BIGCACHE_VALUE_AT_NONCE, value->nonce, BIGCACHE_VALUE_NONCE);

    bigcache_value_print(dst + BIGCACHE_VALUE_AT_CHUNKS, BIGCACHE_VALUE_WIDTH,
                         value->chunks);
    bigcache_value_print(dst + BIGCACHE_VALUE_AT_TAGS, BIGCACHE_VALUE_WIDTH,
                         value->tags.len);
    bigcache_value_print(dst + BIGCACHE_VALUE_AT_TYPE, BIGCACHE_VALUE_WIDTH,
                         value->type.len);

    dst[BIGCACHE_VALUE_AT_FORMAT] = BIGCACHE_VALUE_FORMAT;
    dst[BIGCACHE_VALUE_AT_FORMAT + 1] = (u_char) value->kind;
    dst[BIGCACHE_VALUE_AT_FORMAT + 2] = value->packed;

    p = bigcache_put32(dst + BIGCACHE_VALUE_AT_HEAD, value->head);
    p = bigcache_put64(p, (uint64_t) value->fresh);
    p = bigcache_put64(p, value->length);
    p = bigcache_put64(p, value->unpacked);
    (void) bigcache_put32(p, value->crc);

    p = dst + BIGCACHE_VALUE_HEADER;

    if (value->tags.len) {
        memcpy(p, value->tags.data, value->tags.len);
        p += value->tags.len;
    }

    if (value->type.len) {
        memcpy(p, value->type.data, value->type.len);
    }

    (void) bigcache_put32(dst + BIGCACHE_VALUE_AT_SUM,
                          bigcache_value_sum(dst,
                                             bigcache_value_front(value)));
}


bigcache_value_e
bigcache_value_decode(bigcache_value_t *value, const u_char *data, size_t len,
    int check, size_t *front)
{
    uint64_t  tags, type;

    memset(value, 0, sizeof(bigcache_value_t));

    if (len < BIGCACHE_VALUE_HEADER
        || bigcache_value_fields(value, data, &tags, &type) == -1)
    {
        return BIGCACHE_VALUE_WRONG;
    }

    *front = BIGCACHE_VALUE_HEADER + (size_t) (tags + type);

    if (len < *front) {
        return BIGCACHE_VALUE_SHORT;
    }

    value->tags = bigcache_str(data + BIGCACHE_VALUE_HEADER, (size_t) tags);
    value->type = bigcache_str(value->tags.data + tags, (size_t) type);

    if (bigcache_get32(data + BIGCACHE_VALUE_AT_SUM)
            != bigcache_value_sum(data, *front)
        || !bigcache_value_possible(value))
    {
        return BIGCACHE_VALUE_WRONG;
    }

    if (value->chunks || (value->length && len == *front)) {
        return BIGCACHE_VALUE_OK;
    }

    if (len - *front < value->length) {
        return BIGCACHE_VALUE_OK;
    }

    value->body = bigcache_str(data + *front, (size_t) value->length);

    return (len - *front == value->length
            && (!check
                || bigcache_crc(0, value->body.data, value->body.len)
                   == value->crc))
           ? BIGCACHE_VALUE_OK : BIGCACHE_VALUE_WRONG;
}


bigcache_str_t
bigcache_value_digits(u_char *dst, uint64_t n)
{
    bigcache_value_print(dst, BIGCACHE_VALUE_DIGITS,
                         n < BIGCACHE_VALUE_MOST ? n : BIGCACHE_VALUE_MOST);

    return bigcache_str(dst, BIGCACHE_VALUE_DIGITS);
}


int
bigcache_value_number(const u_char *data, size_t width, uint64_t *n)
{
    size_t  i;

    *n = 0;

    for (i = 0; i < width; i++) {

        if (data[i] < '0' || data[i] > '9') {
            return -1;
        }

        *n = *n * 10 + (uint64_t) (data[i] - '0');
    }

    return 0;
}


static void
bigcache_value_print(u_char *dst, size_t width, uint64_t n)
{
    while (width) {
        dst[--width] = (u_char) ('0' + n % 10);
        n /= 10;
    }
}


/* of what scripts never change */

static uint32_t
bigcache_value_sum(const u_char *data, size_t front)
{
    uint32_t  crc;

    crc = bigcache_crc(0, data + BIGCACHE_VALUE_AT_EXPIRE,
                       BIGCACHE_VALUE_AT_SUM - BIGCACHE_VALUE_AT_EXPIRE);

    return bigcache_crc(crc, data + BIGCACHE_VALUE_HEADER,
                        front - BIGCACHE_VALUE_HEADER);
}


static int
bigcache_value_fields(bigcache_value_t *value, const u_char *data,
    uint64_t *tags, uint64_t *type)
{
    uint64_t  stale, expire;

    if (bigcache_value_number(data, BIGCACHE_VALUE_DIGITS, &value->version)
            == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_ORIGIN,
                                 BIGCACHE_VALUE_DIGITS, &value->origin) == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_STALE,
                                 BIGCACHE_VALUE_DIGITS, &stale) == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_EXPIRE,
                                 BIGCACHE_VALUE_DIGITS, &expire) == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_CHUNKS,
                                 BIGCACHE_VALUE_WIDTH, &value->chunks) == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_TAGS,
                                 BIGCACHE_VALUE_WIDTH, tags) == -1
        || bigcache_value_number(data + BIGCACHE_VALUE_AT_TYPE,
                                 BIGCACHE_VALUE_WIDTH, type) == -1
        || *tags > BIGCACHE_TAGS_BYTES
        || *type > BIGCACHE_HEAD_MAX
        || data[BIGCACHE_VALUE_AT_FORMAT] != BIGCACHE_VALUE_FORMAT)
    {
        return -1;
    }

    value->stale = (int64_t) stale;
    value->expire = (expire == BIGCACHE_VALUE_MOST) ? BIGCACHE_NEVER
                                                    : (int64_t) expire;

    memcpy(value->nonce, data + BIGCACHE_VALUE_AT_NONCE, BIGCACHE_VALUE_NONCE);

    value->kind = data[BIGCACHE_VALUE_AT_FORMAT + 1];
    value->packed = (data[BIGCACHE_VALUE_AT_FORMAT + 2] != 0);

    value->head = bigcache_get32(data + BIGCACHE_VALUE_AT_HEAD);
    value->fresh = (int64_t) bigcache_get64(data + BIGCACHE_VALUE_AT_FRESH);
    value->length = bigcache_get64(data + BIGCACHE_VALUE_AT_LENGTH);
    value->unpacked = bigcache_get64(data + BIGCACHE_VALUE_AT_UNPACKED);
    value->crc = bigcache_get32(data + BIGCACHE_VALUE_AT_CRC);

    return 0;
}


/* what callers rely on, whoever has written the page */

static int
bigcache_value_possible(const bigcache_value_t *value)
{
    return value->kind >= BIGCACHE_KIND_JSON
           && value->kind <= BIGCACHE_KIND_PAGE
           && value->version
           && value->head <= value->unpacked
           && value->length <= (uint64_t) INT64_MAX
           && value->unpacked <= (uint64_t) INT64_MAX
           && (value->packed || value->unpacked == value->length)
           && (value->chunks != 0) == (value->length > BIGCACHE_PAGE_LARGE)
           && (value->chunks == 0
               || value->chunks == (value->length + BIGCACHE_PAGE_LARGE - 1)
                                   / BIGCACHE_PAGE_LARGE)
           && value->unpacked / BIGCACHE_VALUE_RATIO <= value->length
           && bigcache_tags_check(&value->tags) == 0;
}

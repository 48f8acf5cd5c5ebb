
/*
 * Copyright (C) bigcache contributors
 */


/* finds the bucket of a key, and names what is in it */


#include <stdio.h>
#include <string.h>

#include "bigcache_bucket.h"
#include "bigcache_crc.h"


static unsigned bigcache_bucket_hash(const bigcache_str_t *host,
    const bigcache_str_t *rest, unsigned n);
static void bigcache_bucket_parts(const bigcache_str_t *key,
    bigcache_str_t *host, bigcache_str_t *rest);
static size_t bigcache_bucket_cut(const bigcache_str_t *rest);


static const char  bigcache_bucket_letters[] = "ietpqrnov";


void
bigcache_bucket_init(bigcache_bucket_t *bucket, const bigcache_str_t *space,
    unsigned number)
{
    u_char          *p;
    unsigned         i;
    bigcache_str_t   tag;

    static const bigcache_str_t  none = bigcache_string("");

    bucket->len = (size_t) snprintf((char *) bucket->tag, sizeof(bucket->tag),
                                    "{%.*s:%u}", (int) space->len,
                                    (const char *) space->data, number);

    tag = bigcache_str(bucket->tag, bucket->len);
    bucket->slot = bigcache_bucket_slot(&tag);

    p = bucket->memory;

    for (i = 0; i < BIGCACHE_BUCKET_NAMES; i++) {
        bucket->names[i] = bigcache_bucket_name(p, bucket,
                                                bigcache_bucket_letters[i],
                                                &none);
        p += bucket->names[i].len;
    }
}


unsigned
bigcache_bucket_of(const bigcache_str_t *key, unsigned n)
{
    bigcache_str_t  host, rest;

    bigcache_bucket_parts(key, &host, &rest);

    return bigcache_bucket_hash(&host, &rest, n);
}


int
bigcache_bucket_selected(const bigcache_selector_t *selector, unsigned n,
    unsigned *number)
{
    if (!(selector->flags & BIGCACHE_SELECTOR_EXACT)) {
        return 0;
    }

    *number = selector->host.len
              ? bigcache_bucket_hash(&selector->host, &selector->prefix, n)
              : bigcache_bucket_of(&selector->prefix, n);

    return 1;
}


bigcache_str_t
bigcache_bucket_group(u_char *dst, const bigcache_str_t *key)
{
    size_t          len;
    bigcache_str_t  host, rest;

    bigcache_bucket_parts(key, &host, &rest);

    len = bigcache_bucket_cut(&rest);

    if (host.len) {
        memcpy(dst, host.data, host.len);
    }

    if (len) {
        memcpy(dst + host.len, rest.data, len);
    }

    return bigcache_str(dst, host.len + len);
}


bigcache_str_t
bigcache_bucket_name(u_char *dst, const bigcache_bucket_t *bucket, char letter,
    const bigcache_str_t *rest)
{
    memcpy(dst, bucket->tag, bucket->len);
    dst[bucket->len] = (u_char) letter;

    if (rest->len) {
        memcpy(dst + bucket->len + 1, rest->data, rest->len);
    }

    return bigcache_str(dst, bucket->len + 1 + rest->len);
}


unsigned
bigcache_bucket_slot(const bigcache_str_t *name)
{
    size_t         i, len;
    uint32_t       crc;
    unsigned       bit;
    const u_char  *p, *open, *close;

    p = name->data;
    len = name->len;

    open = memchr(p, '{', len);

    if (open) {
        close = memchr(open + 1, '}', len - (size_t) (open + 1 - p));

        if (close && close > open + 1) {
            p = open + 1;
            len = (size_t) (close - p);
        }
    }

    crc = 0;

    for (i = 0; i < len; i++) {
        crc ^= (uint32_t) p[i] << 8;

        for (bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
        }
    }

    return (crc & 0xffff) % BIGCACHE_BUCKET_SLOTS;
}


static unsigned
bigcache_bucket_hash(const bigcache_str_t *host, const bigcache_str_t *rest,
    unsigned n)
{
    uint32_t  crc;

    crc = bigcache_crc(0, host->data, host->len);
    crc = bigcache_crc(crc, rest->data, bigcache_bucket_cut(rest));

    return crc % n;
}


static void
bigcache_bucket_parts(const bigcache_str_t *key, bigcache_str_t *host,
    bigcache_str_t *rest)
{
    if (!bigcache_selector_split(key, host, rest)) {
        *host = bigcache_str(key->data, 0);
        *rest = *key;
    }
}


/* a variant, behind NUL, belongs to its page; NUL may also be first */

static size_t
bigcache_bucket_cut(const bigcache_str_t *rest)
{
    const u_char  *end;

    end = (rest->len > 1) ? memchr(rest->data + 1, '\0', rest->len - 1) : NULL;

    return end ? (size_t) (end - rest->data) : rest->len;
}

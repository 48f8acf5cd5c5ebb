
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A text that grows while JSON is added to it.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_json_string.h"
#include "bigcache_json_text.h"
#include "bigcache_lifetime.h"


#define BIGCACHE_JSON_TEXT_FIRST  4096


static inline int bigcache_json_group(u_char *dst, const u_char *src);


static const u_char  bigcache_json_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* what each byte stands for, 64: it is none of those */

static const u_char  bigcache_json_sextets[] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64
};


u_char *
bigcache_json_text_room(bigcache_json_text_t *text, size_t len)
{
    size_t   size;
    u_char  *p;

    if (text->failed) {
        return NULL;
    }

    if (len > text->size - text->len) {

        size = text->size ? text->size * 2 : BIGCACHE_JSON_TEXT_FIRST;

        if (size < text->len + len) {
            size = text->len + len;
        }

        p = realloc(text->data, size);

        if (p == NULL) {
            text->failed = 1;
            return NULL;
        }

        text->data = p;
        text->size = size;
    }

    p = text->data + text->len;
    text->len += len;

    return p;
}


void
bigcache_json_text_add(bigcache_json_text_t *text, const u_char *data,
    size_t len)
{
    u_char  *p;

    p = bigcache_json_text_room(text, len);

    if (p && len) {
        memcpy(p, data, len);
    }
}


void
bigcache_json_text_puts(bigcache_json_text_t *text, const char *s)
{
    bigcache_json_text_add(text, (const u_char *) s, strlen(s));
}


void
bigcache_json_text_quote(bigcache_json_text_t *text, const char *before,
    const bigcache_str_t *s)
{
    u_char  *p;

    bigcache_json_text_puts(text, before);

    if (s == NULL || s->data == NULL) {
        bigcache_json_text_puts(text, "null");
        return;
    }

    p = bigcache_json_text_room(text, bigcache_json_string_len(s) + 2);

    if (p) {
        *p++ = '"';
        p = bigcache_json_string(p, s);
        *p = '"';
    }
}


void
bigcache_json_text_time(bigcache_json_text_t *text, const char *before,
    int64_t ms)
{
    u_char  buf[BIGCACHE_LIFETIME_LEN];

    bigcache_json_text_puts(text, before);

    if (ms == INT64_MAX) {
        bigcache_json_text_puts(text, "null");
        return;
    }

    bigcache_json_text_add(text, buf, bigcache_lifetime_print(buf, ms));
}


void
bigcache_json_text_number(bigcache_json_text_t *text, const char *before,
    uint64_t n)
{
    u_char  *p, buf[sizeof("18446744073709551615") - 1];

    bigcache_json_text_puts(text, before);

    p = buf + sizeof(buf);

    do {
        *--p = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    bigcache_json_text_add(text, p, (size_t) (buf + sizeof(buf) - p));
}


void
bigcache_json_text_escape(bigcache_json_text_t *text, const char *before,
    const bigcache_str_t *bytes)
{
    size_t   i;
    u_char   c, *p;

    static const u_char  hex[] = "0123456789ABCDEF";

    bigcache_json_text_puts(text, before);
    bigcache_json_text_puts(text, "\"");

    for (i = 0; i < bytes->len; i++) {

        c = bytes->data[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            bigcache_json_text_add(text, &c, 1);
            continue;
        }

        p = bigcache_json_text_room(text, 3);

        if (p) {
            p[0] = '%';
            p[1] = hex[c >> 4];
            p[2] = hex[c & 15];
        }
    }

    bigcache_json_text_puts(text, "\"");
}


void
bigcache_json_text_base64(bigcache_json_text_t *text,
    const bigcache_str_t *bytes)
{
    size_t         i, left;
    u_char        *p;
    uint32_t       group;
    const u_char  *data;

    p = bigcache_json_text_room(text, (bytes->len + 2) / 3 * 4 + 2);

    if (p == NULL) {
        return;
    }

    data = bytes->data;

    *p++ = '"';

    for (i = 0; i < bytes->len; i += 3, p += 4) {

        left = bytes->len - i;

        group = (uint32_t) data[i] << 16
                | (uint32_t) (left > 1 ? data[i + 1] : 0) << 8
                | (left > 2 ? data[i + 2] : 0);

        p[0] = bigcache_json_base64[group >> 18];
        p[1] = bigcache_json_base64[(group >> 12) & 63];
        p[2] = (left > 1) ? bigcache_json_base64[(group >> 6) & 63] : '=';
        p[3] = (left > 2) ? bigcache_json_base64[group & 63] : '=';
    }

    *p = '"';
}


ssize_t
bigcache_json_text_unbase64(u_char *data, size_t len)
{
    u_char  *dst, *src, *end, last[4];
    size_t   padding;

    if (len % 4) {
        return -1;
    }

    padding = 0;

    while (padding < 2 && padding < len && data[len - padding - 1] == '=') {
        padding++;
    }

    dst = data;
    end = data + len - (padding ? 4 : 0);

    for (src = data; src < end; src += 4) {

        if (bigcache_json_group(dst, src) == -1) {
            return -1;
        }

        dst += 3;
    }

    if (padding) {
        memcpy(last, src, 4);
        memset(last + 4 - padding, 'A', padding);

        if (bigcache_json_group(dst, last) == -1) {
            return -1;
        }

        dst += 3 - padding;
    }

    return dst - data;
}


/* the four bytes at src may begin where those at dst do */

static inline int
bigcache_json_group(u_char *dst, const u_char *src)
{
    uint32_t  a, b, c, d, group;

    a = bigcache_json_sextets[src[0]];
    b = bigcache_json_sextets[src[1]];
    c = bigcache_json_sextets[src[2]];
    d = bigcache_json_sextets[src[3]];

    if ((a | b | c | d) & 64) {
        return -1;
    }

    group = a << 18 | b << 12 | c << 6 | d;

    dst[0] = (u_char) (group >> 16);
    dst[1] = (u_char) (group >> 8);
    dst[2] = (u_char) group;

    return 0;
}

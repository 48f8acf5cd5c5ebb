
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A text that grows while JSON is added to it.
 */


#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_json_string.h"
#include "bigcache_json_text.h"
#include "bigcache_lifetime.h"


#define BIGCACHE_JSON_TEXT_FIRST  4096


static int bigcache_json_sextet(u_char c);


static const u_char  bigcache_json_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


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
bigcache_json_text_quote(bigcache_json_text_t *text, const bigcache_str_t *s)
{
    u_char  *p;

    p = bigcache_json_text_room(text, bigcache_json_string_len(s) + 2);

    if (p) {
        *p++ = '"';
        p = bigcache_json_string(p, s);
        *p = '"';
    }
}


void
bigcache_json_text_time(bigcache_json_text_t *text, int64_t ms)
{
    u_char  buf[BIGCACHE_LIFETIME_LEN];

    bigcache_json_text_add(text, buf, bigcache_lifetime_print(buf, ms));
}


void
bigcache_json_text_number(bigcache_json_text_t *text, uint64_t n)
{
    char  buf[sizeof("18446744073709551615")];

    (void) snprintf(buf, sizeof(buf), "%" PRIu64, n);

    bigcache_json_text_puts(text, buf);
}


void
bigcache_json_text_escape(bigcache_json_text_t *text,
    const bigcache_str_t *bytes)
{
    size_t   i;
    u_char   c, *p;

    static const u_char  hex[] = "0123456789ABCDEF";

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
    int       c;
    size_t    i, n, padding;
    uint32_t  group;

    if (len % 4) {
        return -1;
    }

    padding = 0;

    while (padding < 2 && padding < len && data[len - padding - 1] == '=') {
        padding++;
    }

    n = 0;
    group = 0;

    for (i = 0; i < len; i++) {

        c = (i < len - padding) ? bigcache_json_sextet(data[i]) : 0;

        if (c == -1) {
            return -1;
        }

        group = group << 6 | (uint32_t) c;

        if (i % 4 == 3) {
            data[n++] = (u_char) (group >> 16);
            data[n++] = (u_char) (group >> 8);
            data[n++] = (u_char) group;
        }
    }

    return (ssize_t) (n - padding);
}


static int
bigcache_json_sextet(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return (c == '+') ? 62 : (c == '/') ? 63 : -1;
}

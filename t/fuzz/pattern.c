
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are a query string, of which what is left is left again, and is
 * the whole of it if no argument is ignored; and a line of cookies, which are
 * harmless only if each one alone is.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_pattern.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void check_args(const bigcache_str_t *text);
static void check_cookies(const bigcache_str_t *text);


static const bigcache_str_t  patterns[] = {
    bigcache_string("a*"), bigcache_string("b")
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *in;
    bigcache_str_t   text;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    text.data = in;
    text.len = size;

    check_args(&text);
    check_cookies(&text);

    free(in);

    return 0;
}


static void
check_args(const bigcache_str_t *text)
{
    size_t           len;
    u_char          *once, *twice;
    bigcache_str_t   left;

    once = malloc(text->len + 1);
    twice = malloc(text->len + 1);

    if (once == NULL || twice == NULL) {
        abort();
    }

    if (bigcache_pattern_args(once, text, patterns, 0) != text->len
        || memcmp(once, text->data, text->len) != 0)
    {
        abort();
    }

    left.data = once;
    left.len = bigcache_pattern_args(once, text, patterns, 2);
    len = bigcache_pattern_args(twice, &left, patterns, 2);

    if (left.len > text->len || len != left.len
        || memcmp(once, twice, len) != 0)
    {
        abort();
    }

    free(once);
    free(twice);
}


static void
check_cookies(const bigcache_str_t *text)
{
    int              each;
    size_t           at;
    const u_char    *end;
    bigcache_str_t   one;

    each = 1;

    for (at = 0; at < text->len; at += one.len + 1) {

        one.data = text->data + at;
        end = memchr(one.data, ';', text->len - at);
        one.len = end ? (size_t) (end - one.data) : text->len - at;

        each &= bigcache_pattern_cookies(&one, patterns, 2);
    }

    if (bigcache_pattern_cookies(text, patterns, 2) != each) {
        abort();
    }

    one = bigcache_pattern_cookie(text);

    if (one.len > text->len) {
        abort();
    }
}

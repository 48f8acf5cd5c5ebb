
/*
 * Copyright (C) bigcache contributors
 */


/* finds names that match a pattern, in query strings and in cookies */


#include <string.h>

#include "bigcache_field.h"
#include "bigcache_pattern.h"


static int bigcache_pattern_next(const bigcache_str_t *text, u_char separator,
    size_t *at, bigcache_str_t *part);
static bigcache_str_t bigcache_pattern_name(const bigcache_str_t *part);


int
bigcache_pattern_match(const bigcache_str_t *patterns, size_t n,
    const bigcache_str_t *name)
{
    size_t                 i, len;
    const bigcache_str_t  *pattern;

    for (i = 0; i < n; i++) {
        pattern = &patterns[i];
        len = pattern->len;

        if (len && pattern->data[len - 1] == '*') {

            len--;

            if (name->len < len) {
                continue;
            }

        } else if (name->len != len) {
            continue;
        }

        if (len == 0 || memcmp(pattern->data, name->data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
bigcache_pattern_args(u_char *dst, const bigcache_str_t *args,
    const bigcache_str_t *patterns, size_t n)
{
    size_t          at, len, kept;
    bigcache_str_t  arg, name;

    len = 0;
    kept = 0;

    for (at = 0; bigcache_pattern_next(args, '&', &at, &arg); /* void */ ) {

        name = bigcache_pattern_name(&arg);

        if (bigcache_pattern_match(patterns, n, &name)) {
            continue;
        }

        if (kept++) {
            dst[len++] = '&';
        }

        if (arg.len) {
            memcpy(dst + len, arg.data, arg.len);
            len += arg.len;
        }
    }

    return len;
}


int
bigcache_pattern_cookies(const bigcache_str_t *line,
    const bigcache_str_t *patterns, size_t n)
{
    size_t          at;
    bigcache_str_t  cookie, name;

    for (at = 0; bigcache_pattern_next(line, ';', &at, &cookie); /* void */ ) {

        cookie = bigcache_field_trim(&cookie);

        if (cookie.len == 0) {
            continue;
        }

        name = bigcache_pattern_cookie(&cookie);

        if (name.len == 0 || !bigcache_pattern_match(patterns, n, &name)) {
            return 0;
        }
    }

    return 1;
}


bigcache_str_t
bigcache_pattern_cookie(const bigcache_str_t *line)
{
    size_t          at;
    bigcache_str_t  pair, name;

    at = 0;
    pair = *line;

    (void) bigcache_pattern_next(line, ';', &at, &pair);

    name = bigcache_pattern_name(&pair);

    if (name.len == pair.len) {

        /* all of it is the value of a cookie without a name */

        name.len = 0;
    }

    return bigcache_field_trim(&name);
}


static int
bigcache_pattern_next(const bigcache_str_t *text, u_char separator, size_t *at,
    bigcache_str_t *part)
{
    const u_char  *end;

    if (text->len == 0 || *at > text->len) {
        return 0;
    }

    *part = bigcache_str(text->data + *at, text->len - *at);

    end = memchr(part->data, separator, part->len);

    if (end) {
        part->len = (size_t) (end - part->data);
    }

    *at += part->len + 1;

    return 1;
}


/* what is in front of "=", or all of it */

static bigcache_str_t
bigcache_pattern_name(const bigcache_str_t *part)
{
    const u_char    *end;
    bigcache_str_t   name;

    name = *part;
    end = name.len ? memchr(name.data, '=', name.len) : NULL;

    if (end) {
        name.len = (size_t) (end - name.data);
    }

    return name;
}

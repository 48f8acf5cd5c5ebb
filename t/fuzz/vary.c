
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are a line of Vary: the names are in order, and say the same when
 * they are read again; and a value, which is the same when it is normalized
 * again.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_vary.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void check_names(const bigcache_str_t *line);
static void check_value(const bigcache_str_t *name,
    const bigcache_str_t *value);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *in;
    bigcache_str_t   text;

    static const bigcache_str_t  list = bigcache_string("accept");
    static const bigcache_str_t  other = bigcache_string("x-lang");

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    text.data = in;
    text.len = size;

    check_names(&text);
    check_value(&list, &text);
    check_value(&other, &text);

    free(in);

    return 0;
}


static void
check_names(const bigcache_str_t *line)
{
    int               order;
    size_t            len;
    unsigned          i;
    bigcache_vary_t   vary, again;

    bigcache_vary_init(&vary);
    bigcache_vary_add(&vary, line);

    bigcache_vary_init(&again);

    /* from the last one to the first one: the order comes from the names */

    for (i = vary.n; i; i--) {
        bigcache_vary_add(&again, &vary.names[i - 1]);
    }

    if (again.n != vary.n || again.any || again.len != vary.len) {
        abort();
    }

    for (i = 0; i < vary.n; i++) {

        if (again.names[i].len != vary.names[i].len
            || memcmp(again.names[i].data, vary.names[i].data,
                      vary.names[i].len)
               != 0)
        {
            abort();
        }

        if (i == 0) {
            continue;
        }

        len = vary.names[i].len;

        if (vary.names[i - 1].len < len) {
            len = vary.names[i - 1].len;
        }

        order = memcmp(vary.names[i - 1].data, vary.names[i].data, len);

        if (order > 0
            || (order == 0 && vary.names[i - 1].len >= vary.names[i].len))
        {
            abort();
        }
    }
}


static void
check_value(const bigcache_str_t *name, const bigcache_str_t *value)
{
    size_t           len;
    u_char          *once, *twice;
    bigcache_str_t   text;

    once = malloc(value->len + 1);
    twice = malloc(value->len + 1);

    if (once == NULL || twice == NULL) {
        abort();
    }

    text.data = once;
    text.len = bigcache_vary_normalize(once, name, value);

    if (text.len > value->len) {
        abort();
    }

    len = bigcache_vary_normalize(twice, name, &text);

    if (len != text.len || memcmp(once, twice, len) != 0) {
        abort();
    }

    free(once);
    free(twice);
}

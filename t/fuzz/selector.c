
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are a selector of a purge, a list of them, and a key: a selector is
 * what it encodes to; and what it selects is selected, too, by what stands for
 * it beside the hot index, which has less of its prefix, or no host.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_selectors.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void check_selector(const bigcache_str_t *bytes,
    const bigcache_str_t *key);
static void check_wider(const bigcache_selector_t *selector,
    const bigcache_str_t *key);
static void check_split(const bigcache_str_t *key);
static void check_list(const bigcache_str_t *bytes);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *in, *name;
    bigcache_str_t   bytes, key;

    if (size == 0) {
        return 0;
    }

    /* the first byte is the length of the key */

    key.len = (data[0] < size - 1) ? data[0] : size - 1;
    bytes.len = size - 1 - key.len;

    /* blocks of just these sizes, so that a read past their end is seen */

    name = malloc(key.len ? key.len : 1);
    in = malloc(bytes.len ? bytes.len : 1);

    if (name && in) {
        memcpy(name, data + 1, key.len);
        memcpy(in, data + 1 + key.len, bytes.len);

        key.data = name;
        bytes.data = in;

        check_split(&key);
        check_selector(&bytes, &key);
        check_list(&bytes);
    }

    free(name);
    free(in);

    return 0;
}


static void
check_selector(const bigcache_str_t *bytes, const bigcache_str_t *key)
{
    u_char               *out;
    bigcache_selector_t   selector;

    if (bigcache_selector_decode(&selector, bytes) == -1) {
        return;
    }

    if (bigcache_selector_size(&selector) != bytes->len) {
        abort();
    }

    out = malloc(bytes->len);

    if (out) {
        bigcache_selector_encode(out, &selector);

        if (memcmp(out, bytes->data, bytes->len) != 0) {
            abort();
        }
    }

    free(out);

    if (bigcache_selector_key(&selector, key)) {
        check_wider(&selector, key);
    }
}


static void
check_wider(const bigcache_selector_t *selector, const bigcache_str_t *key)
{
    bigcache_selector_t  wider;

    wider = *selector;
    wider.flags &= ~(unsigned) BIGCACHE_SELECTOR_EXACT;

    for ( ;; ) {
        if (!bigcache_selector_key(&wider, key)) {
            abort();
        }

        if (wider.prefix.len == 0) {
            break;
        }

        wider.prefix.len--;
    }

    wider.host.len = 0;

    if (!bigcache_selector_key(&wider, key)) {
        abort();
    }
}


static void
check_split(const bigcache_str_t *key)
{
    bigcache_str_t  host, uri;

    if (!bigcache_selector_split(key, &host, &uri)) {
        return;
    }

    if (host.len == 0
        || host.data + host.len > uri.data
        || uri.data + uri.len != key->data + key->len
        || uri.data[0] != '/')
    {
        abort();
    }
}


static void
check_list(const bigcache_str_t *bytes)
{
    size_t               at;
    bigcache_selector_t  selector;

    static bigcache_selectors_t  list, again;

    if (!bigcache_selectors_receive(&list, bytes)) {
        return;
    }

    bigcache_selectors_init(&again);
    at = 0;

    while (bigcache_selectors_next(&list, &at, &selector)) {
        if (!bigcache_selectors_add(&again, &selector)) {
            abort();
        }
    }

    if (again.n != list.n || again.len != list.len
        || memcmp(again.data, list.data, list.len) != 0)
    {
        abort();
    }
}

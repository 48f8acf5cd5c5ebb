
/*
 * Copyright (C) bigcache contributors
 */


/* lists of selectors, and how they are encoded */


#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_selectors.h"


void
bigcache_selectors_init(bigcache_selectors_t *list)
{
    list->n = 0;
    list->len = 0;
}


void
bigcache_selectors_prefix(bigcache_selectors_t *list,
    const bigcache_str_t *prefix)
{
    bigcache_selector_t  selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));

    selector.prefix = *prefix;

    bigcache_selectors_init(list);
    (void) bigcache_selectors_add(list, &selector);
}


int
bigcache_selectors_add(bigcache_selectors_t *list,
    const bigcache_selector_t *selector)
{
    size_t   size;
    u_char  *p;

    size = bigcache_selector_size(selector);

    if (sizeof(uint16_t) + size > BIGCACHE_SELECTORS_MEMORY - list->len) {
        return 0;
    }

    p = bigcache_put16(list->data + list->len, (uint16_t) size);
    bigcache_selector_encode(p, selector);

    list->len += sizeof(uint16_t) + size;
    list->n++;

    return 1;
}


int
bigcache_selectors_receive(bigcache_selectors_t *list,
    const bigcache_str_t *bytes)
{
    size_t               at;
    bigcache_selector_t  selector;

    bigcache_selectors_init(list);

    if (bytes->len > BIGCACHE_SELECTORS_MEMORY) {
        return 0;
    }

    if (bytes->len) {
        memcpy(list->data, bytes->data, bytes->len);
    }

    list->len = bytes->len;
    at = 0;

    while (bigcache_selectors_next(list, &at, &selector)) {
        list->n++;
    }

    return at == list->len;
}


int
bigcache_selectors_next(const bigcache_selectors_t *list, size_t *at,
    bigcache_selector_t *selector)
{
    size_t          left;
    bigcache_str_t  bytes;

    left = (*at < list->len) ? list->len - *at : 0;

    if (left < sizeof(uint16_t)) {
        return 0;
    }

    bytes.data = list->data + *at + sizeof(uint16_t);
    bytes.len = bigcache_get16(list->data + *at);

    if (bytes.len > left - sizeof(uint16_t)
        || bigcache_selector_decode(selector, &bytes) == -1)
    {
        return 0;
    }

    *at += sizeof(uint16_t) + bytes.len;

    return 1;
}

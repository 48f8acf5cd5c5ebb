
/*
 * Copyright (C) bigcache contributors
 */


/* says which pages a purge selects, and encodes that */


#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_selector.h"


static size_t bigcache_selector_copy(u_char *dst, const bigcache_str_t *str);


size_t
bigcache_selector_size(const bigcache_selector_t *selector)
{
    return BIGCACHE_SELECTOR_HEADER + selector->host.len + selector->tag.len
           + selector->prefix.len;
}


void
bigcache_selector_encode(u_char *dst, const bigcache_selector_t *selector)
{
    *dst++ = (u_char) selector->flags;
    *dst++ = (u_char) selector->host.len;

    dst = bigcache_put16(dst, (uint16_t) selector->tag.len);
    dst += bigcache_selector_copy(dst, &selector->host);
    dst += bigcache_selector_copy(dst, &selector->tag);

    (void) bigcache_selector_copy(dst, &selector->prefix);
}


int
bigcache_selector_decode(bigcache_selector_t *selector,
    const bigcache_str_t *bytes)
{
    size_t  len;

    memset(selector, 0, sizeof(bigcache_selector_t));

    if (bytes->len < BIGCACHE_SELECTOR_HEADER
        || bytes->len > BIGCACHE_SELECTOR_MAX)
    {
        return -1;
    }

    selector->flags = bytes->data[0];
    selector->host.len = bytes->data[1];
    selector->tag.len = bigcache_get16(bytes->data + 2);

    len = BIGCACHE_SELECTOR_HEADER + selector->host.len + selector->tag.len;

    if ((selector->flags & ~(unsigned) (BIGCACHE_SELECTOR_EXACT
                                        |BIGCACHE_SELECTOR_ENTRIES
                                        |BIGCACHE_SELECTOR_SOFT))
        || selector->tag.len > BIGCACHE_TAG_MAX
        || bytes->len < len
        || bytes->len - len > BIGCACHE_KEY_MAX)
    {
        return -1;
    }

    selector->host.data = bytes->data + BIGCACHE_SELECTOR_HEADER;
    selector->tag.data = selector->host.data + selector->host.len;
    selector->prefix = bigcache_str(bytes->data + len, bytes->len - len);

    return 0;
}


int
bigcache_selector_key(const bigcache_selector_t *selector,
    const bigcache_str_t *key)
{
    size_t          len;
    bigcache_str_t  host, text;

    text = *key;

    if ((selector->flags & BIGCACHE_SELECTOR_ENTRIES)
        && key->len && key->data[0] == BIGCACHE_PAGE_KEY)
    {
        return 0;
    }

    if (selector->host.len
        && (!bigcache_selector_split(key, &host, &text)
            || !bigcache_str_equal(&host, &selector->host)))
    {
        return 0;
    }

    if (!bigcache_str_begins(&text, &selector->prefix)) {
        return 0;
    }

    len = selector->prefix.len;

    /* keys of the REST API have no NUL, those of pages have it for variants */

    return !(selector->flags & BIGCACHE_SELECTOR_EXACT)
           || text.len == len
           || (text.data[len] == '\0' && len != 0);
}


int
bigcache_selector_matches(const bigcache_selector_t *selector,
    const bigcache_str_t *key, const bigcache_str_t *tags)
{
    return (selector->tag.len == 0
            || bigcache_tags_has(tags, &selector->tag))
           && bigcache_selector_key(selector, key);
}


int
bigcache_selector_split(const bigcache_str_t *key, bigcache_str_t *host,
    bigcache_str_t *uri)
{
    size_t         skip;
    const u_char  *p, *last;

    if (key->len > 8 && memcmp(key->data, "\0http://", 8) == 0) {
        skip = 8;

    } else if (key->len > 9 && memcmp(key->data, "\0https://", 9) == 0) {
        skip = 9;

    } else {
        return 0;
    }

    last = key->data + key->len;
    p = key->data + skip;

    host->data = p;

    if (*p == '[') {

        /* an IPv6 address has colons */

        while (p < last && *p != ']' && *p != '/') {
            p++;
        }
    }

    while (p < last && *p != ':' && *p != '/' && *p != '\0') {
        p++;
    }

    host->len = (size_t) (p - host->data);

    if (p < last && *p == ':') {
        for (p++; p < last && *p >= '0' && *p <= '9'; p++) { /* void */ }
    }

    if (host->len == 0 || p == last || *p != '/') {
        return 0;
    }

    *uri = bigcache_str(p, last - p);

    return 1;
}


static size_t
bigcache_selector_copy(u_char *dst, const bigcache_str_t *str)
{
    if (str->len) {
        memcpy(dst, str->data, str->len);
    }

    return str->len;
}

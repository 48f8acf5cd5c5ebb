
/*
 * Copyright (C) bigcache contributors
 */


/* notes removals for the pages that are made meanwhile */


#include <stdlib.h>
#include <string.h>

#include "bigcache_hash.h"
#include "bigcache_removed.h"


static void bigcache_removed_prefix_locked(bigcache_removed_t *removed,
    const bigcache_selector_t *selector, uint64_t version);
static uint64_t bigcache_removed_prefixes_locked(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version);
static uint64_t *bigcache_removed_key_slot(bigcache_removed_t *removed,
    const bigcache_str_t *key);
static uint64_t *bigcache_removed_slot(bigcache_removed_t *removed,
    const bigcache_str_t *host, const bigcache_str_t *rest);
static uint64_t *bigcache_removed_tag_slot(bigcache_removed_t *removed,
    const bigcache_str_t *tag);
static void bigcache_removed_later(uint64_t *at, uint64_t version);


void
bigcache_removed_init(bigcache_removed_t *removed)
{
    (void) pthread_mutex_init(&removed->mutex, NULL);
}


void
bigcache_removed_destroy(bigcache_removed_t *removed)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_REMOVED_PREFIXES; i++) {
        free(removed->prefixes[i].data);
    }

    (void) pthread_mutex_destroy(&removed->mutex);
}


void
bigcache_removed_key(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version)
{
    (void) pthread_mutex_lock(&removed->mutex);
    bigcache_removed_later(bigcache_removed_key_slot(removed, key), version);
    (void) pthread_mutex_unlock(&removed->mutex);
}


void
bigcache_removed_selector(bigcache_removed_t *removed,
    const bigcache_selector_t *selector, uint64_t version)
{
    uint64_t  *slot;

    (void) pthread_mutex_lock(&removed->mutex);

    if (selector->tag.len) {

        /* whatever else it asks for */

        slot = bigcache_removed_tag_slot(removed, &selector->tag);
        bigcache_removed_later(slot, version);

    } else if (selector->flags & BIGCACHE_SELECTOR_EXACT) {

        slot = selector->host.len
               ? bigcache_removed_slot(removed, &selector->host,
                                       &selector->prefix)
               : bigcache_removed_key_slot(removed, &selector->prefix);

        bigcache_removed_later(slot, version);

    } else if (selector->host.len + selector->prefix.len == 0) {
        bigcache_removed_later(&removed->all, version);

    } else {
        bigcache_removed_prefix_locked(removed, selector, version);
    }

    (void) pthread_mutex_unlock(&removed->mutex);
}


void
bigcache_removed_all(bigcache_removed_t *removed, uint64_t version)
{
    (void) pthread_mutex_lock(&removed->mutex);
    bigcache_removed_later(&removed->all, version);
    (void) pthread_mutex_unlock(&removed->mutex);
}


uint64_t
bigcache_removed_since(bigcache_removed_t *removed, const bigcache_str_t *key,
    const bigcache_str_t *tags, uint64_t version)
{
    size_t          at;
    uint64_t        found;
    bigcache_str_t  tag;

    (void) pthread_mutex_lock(&removed->mutex);

    found = removed->all;
    at = 0;

    bigcache_removed_later(&found, *bigcache_removed_key_slot(removed, key));

    while (bigcache_tags_next(tags, &at, &tag)) {
        bigcache_removed_later(&found,
                               *bigcache_removed_tag_slot(removed, &tag));
    }

    if (found <= version) {
        found = bigcache_removed_prefixes_locked(removed, key, version);
    }

    (void) pthread_mutex_unlock(&removed->mutex);

    return (found > version) ? found : 0;
}


static void
bigcache_removed_prefix_locked(bigcache_removed_t *removed,
    const bigcache_selector_t *selector, uint64_t version)
{
    size_t                      len;
    u_char                     *data;
    bigcache_removed_prefix_t  *entry;

    len = bigcache_selector_size(selector);
    data = malloc(len);

    entry = &removed->prefixes[removed->next];

    /* what is forgotten here counts for all keys from now on */

    bigcache_removed_later(&removed->all, entry->version);

    free(entry->data);

    entry->data = data;
    entry->len = len;
    entry->version = version;

    if (data) {
        bigcache_selector_encode(data, selector);

    } else {
        bigcache_removed_later(&removed->all, version);
    }

    removed->next = (removed->next + 1) % BIGCACHE_REMOVED_PREFIXES;
}


/* looks at the prefixes that are later than that version, the latest first */

static uint64_t
bigcache_removed_prefixes_locked(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version)
{
    unsigned                    i, n;
    bigcache_str_t              bytes;
    bigcache_selector_t         selector;
    bigcache_removed_prefix_t  *entry;

    i = removed->next;

    for (n = 0; n < BIGCACHE_REMOVED_PREFIXES; n++) {

        i = (i + BIGCACHE_REMOVED_PREFIXES - 1) % BIGCACHE_REMOVED_PREFIXES;
        entry = &removed->prefixes[i];

        if (entry->version <= version) {
            break;
        }

        bytes = bigcache_str(entry->data, entry->data ? entry->len : 0);

        if (bigcache_selector_decode(&selector, &bytes) == 0
            && bigcache_selector_key(&selector, key))
        {
            return entry->version;
        }
    }

    return 0;
}


/* the slot of a page is that of its URL, without its scheme and its port */

static uint64_t *
bigcache_removed_key_slot(bigcache_removed_t *removed,
    const bigcache_str_t *key)
{
    bigcache_str_t  host, rest;

    if (!bigcache_selector_split(key, &host, &rest)) {
        host = bigcache_str(NULL, 0);
        rest = *key;
    }

    return bigcache_removed_slot(removed, &host, &rest);
}


static uint64_t *
bigcache_removed_slot(bigcache_removed_t *removed, const bigcache_str_t *host,
    const bigcache_str_t *rest)
{
    size_t         len;
    uint64_t       hash;
    const u_char  *end;

    /* a variant, behind NUL, is removed with its URL; NUL may also be first */

    len = rest->len;
    end = (len > 1) ? memchr(rest->data + 1, '\0', len - 1) : NULL;
    len = end ? (size_t) (end - rest->data) : len;

    hash = bigcache_hash(0, host->data, host->len);
    hash = bigcache_hash(hash, rest->data, len);

    return &removed->keys[hash % BIGCACHE_REMOVED_KEYS];
}


static uint64_t *
bigcache_removed_tag_slot(bigcache_removed_t *removed,
    const bigcache_str_t *tag)
{
    return &removed->tags[bigcache_tags_hash(tag) % BIGCACHE_REMOVED_TAGS];
}


static void
bigcache_removed_later(uint64_t *at, uint64_t version)
{
    if (version > *at) {
        *at = version;
    }
}

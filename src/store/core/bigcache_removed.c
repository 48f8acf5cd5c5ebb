
/*
 * Copyright (C) bigcache contributors
 */


/* notes removals for the pages that are fetched meanwhile */


#include <stdlib.h>
#include <string.h>

#include "bigcache_hash.h"
#include "bigcache_page.h"
#include "bigcache_removed.h"


static uint64_t *bigcache_removed_slot(bigcache_removed_t *removed,
    const bigcache_str_t *key);
static void bigcache_removed_later(uint64_t *at, uint64_t version);


void
bigcache_removed_init(bigcache_removed_t *removed)
{
    memset(removed, 0, sizeof(bigcache_removed_t));
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
    bigcache_removed_later(bigcache_removed_slot(removed, key), version);
    (void) pthread_mutex_unlock(&removed->mutex);
}


void
bigcache_removed_prefix(bigcache_removed_t *removed,
    const bigcache_str_t *prefix, uint64_t version)
{
    u_char                     *data;
    bigcache_removed_prefix_t  *entry;

    data = malloc(prefix->len + 1);

    (void) pthread_mutex_lock(&removed->mutex);

    entry = &removed->prefixes[removed->next];

    /* what is forgotten here counts for all keys from now on */

    bigcache_removed_later(&removed->all, entry->version);

    free(entry->data);

    entry->data = data;
    entry->len = prefix->len;
    entry->version = version;

    if (data) {
        memcpy(data, prefix->data, prefix->len);

    } else {
        bigcache_removed_later(&removed->all, version);
    }

    removed->next = (removed->next + 1) % BIGCACHE_REMOVED_PREFIXES;

    (void) pthread_mutex_unlock(&removed->mutex);
}


void
bigcache_removed_all(bigcache_removed_t *removed, uint64_t version)
{
    (void) pthread_mutex_lock(&removed->mutex);
    bigcache_removed_later(&removed->all, version);
    (void) pthread_mutex_unlock(&removed->mutex);
}


int
bigcache_removed_since(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version)
{
    int                         found;
    unsigned                    i;
    bigcache_removed_prefix_t  *entry;

    (void) pthread_mutex_lock(&removed->mutex);

    found = (removed->all > version
             || *bigcache_removed_slot(removed, key) > version);

    for (i = 0; i < BIGCACHE_REMOVED_PREFIXES && !found; i++) {
        entry = &removed->prefixes[i];

        found = (entry->version > version
                 && entry->data
                 && entry->len <= key->len
                 && memcmp(entry->data, key->data, entry->len) == 0);
    }

    (void) pthread_mutex_unlock(&removed->mutex);

    return found;
}


static uint64_t *
bigcache_removed_slot(bigcache_removed_t *removed, const bigcache_str_t *key)
{
    size_t         len;
    uint64_t       hash;
    const u_char  *end;

    len = key->len;

    if (len && key->data[0] == BIGCACHE_PAGE_KEY) {

        /* the page of a URL is removed with all its variants */

        end = memchr(key->data + 1, '\0', len - 1);
        len = end ? (size_t) (end - key->data) : len;
    }

    hash = bigcache_hash(0, key->data, len);

    return &removed->slots[hash % BIGCACHE_REMOVED_SLOTS];
}


static void
bigcache_removed_later(uint64_t *at, uint64_t version)
{
    if (version > *at) {
        *at = version;
    }
}

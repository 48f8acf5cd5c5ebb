
/*
 * Copyright (C) bigcache contributors
 */


/* removes many keys by one write to the index */


#include <stdlib.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_key_removal.h"
#include "bigcache_key_write.h"


/* bytes for the keys of one removal */

#define BIGCACHE_KEY_REMOVAL_MEMORY  (64 * 1024)


struct bigcache_key_removal_s {
    bigcache_key_write_t   writes[BIGCACHE_KEY_WRITES];
    unsigned               n;
    size_t                 len;

    /* for each key: space for its expiry time, then the key */
    u_char                 memory[BIGCACHE_KEY_REMOVAL_MEMORY];
};


static void bigcache_key_removal_lock(bigcache_store_t *store,
    const bigcache_key_removal_t *removal, uint8_t *locked);
static void bigcache_key_removal_unlock(bigcache_store_t *store,
    const uint8_t *locked);


bigcache_key_removal_t *
bigcache_key_removal_create(void)
{
    bigcache_key_removal_t  *removal;

    removal = malloc(sizeof(bigcache_key_removal_t));

    if (removal) {
        removal->n = 0;
        removal->len = 0;
    }

    return removal;
}


int
bigcache_key_removal_add(bigcache_key_removal_t *removal,
    const bigcache_str_t *key)
{
    bigcache_key_write_t  *write;

    if (removal->n == BIGCACHE_KEY_WRITES
        || sizeof(int64_t) + key->len
           > BIGCACHE_KEY_REMOVAL_MEMORY - removal->len)
    {
        return 0;
    }

    write = &removal->writes[removal->n++];

    /* the name of an expiry time is the time, then the key */

    write->was = removal->memory + removal->len;
    write->key.data = write->was + sizeof(int64_t);
    write->key.len = key->len;
    write->record = NULL;
    write->value = NULL;

    memcpy(write->was + sizeof(int64_t), key->data, key->len);

    removal->len += sizeof(int64_t) + key->len;

    return 1;
}


bigcache_rc_t
bigcache_key_removal_run(bigcache_store_t *store,
    bigcache_key_removal_t *removal, const bigcache_match_t *match,
    uint64_t *live, uint64_t *expired)
{
    uint8_t                locked[BIGCACHE_CORE_LOCKS];
    unsigned               i, n;
    uint64_t               nlive, nexpired;
    bigcache_rc_t          rc;
    bigcache_key_write_t  *write;

    rc = BIGCACHE_OK;
    n = 0;
    nlive = 0;
    nexpired = 0;

    bigcache_key_removal_lock(store, removal, locked);

    for (i = 0; i < removal->n && rc == BIGCACHE_OK; i++) {

        write = &removal->writes[n];
        *write = removal->writes[i];

        rc = bigcache_key_read_locked(store, &write->key, &write->old);

        if (rc != BIGCACHE_OK || !write->old.found) {
            continue;
        }

        if (!bigcache_key_read_matches(&write->old, match)) {
            rc = bigcache_key_write_strip_locked(store, &write->key, match);
            continue;
        }

        nexpired += write->old.expired;
        nlive += !write->old.expired && write->old.record.version;
        n++;
    }

    if (rc == BIGCACHE_OK && n) {
        rc = bigcache_key_write_locked(store, removal->writes, n);
    }

    bigcache_key_removal_unlock(store, locked);

    removal->n = 0;
    removal->len = 0;

    if (rc == BIGCACHE_OK) {
        *live += nlive;
        *expired += nexpired;
    }

    return rc;
}


/* in ascending order, so that two removals cannot deadlock */

static void
bigcache_key_removal_lock(bigcache_store_t *store,
    const bigcache_key_removal_t *removal, uint8_t *locked)
{
    unsigned  i;

    memset(locked, 0, BIGCACHE_CORE_LOCKS);

    for (i = 0; i < removal->n; i++) {
        locked[bigcache_key_read_slot(&removal->writes[i].key)] = 1;
    }

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        if (locked[i]) {
            (void) pthread_mutex_lock(&store->keys[i]);
        }
    }
}


static void
bigcache_key_removal_unlock(bigcache_store_t *store, const uint8_t *locked)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        if (locked[i]) {
            (void) pthread_mutex_unlock(&store->keys[i]);
        }
    }
}

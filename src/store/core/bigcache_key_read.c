
/*
 * Copyright (C) bigcache contributors
 */


/* reads what is stored under a key */


#include <string.h>

#include "bigcache_core.h"
#include "bigcache_hash.h"
#include "bigcache_key_read.h"
#include "bigcache_time.h"


unsigned
bigcache_key_read_slot(const bigcache_str_t *key)
{
    return bigcache_hash(0, key->data, key->len) % BIGCACHE_CORE_LOCKS;
}


bigcache_rc_t
bigcache_key_read(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_old_t *old)
{
    bigcache_rc_t        rc;
    bigcache_key_read_t  read;

    rc = bigcache_key_read_begin(store, key, &read);
    *old = read.old;
    bigcache_key_read_end(&read);

    return rc;
}


bigcache_rc_t
bigcache_key_read_begin(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_key_read_t *read)
{
    read->lock = &store->keys[bigcache_key_read_slot(key)];

    (void) pthread_mutex_lock(read->lock);

    return bigcache_key_read_value_locked(store, key, &read->old,
                                          &read->value);
}


void
bigcache_key_read_end(bigcache_key_read_t *read)
{
    bigcache_index_free(&read->value);

    (void) pthread_mutex_unlock(read->lock);
}


bigcache_rc_t
bigcache_key_read_value_locked(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old, bigcache_str_t *value)
{
    char           error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc;

    memset(old, 0, sizeof(bigcache_old_t));

    rc = bigcache_index_get(store->index, BIGCACHE_NAMES_KEY, key, value,
                            error);

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_ERROR) {
        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "read", error);
    }

    if (rc != BIGCACHE_OK) {
        old->found = 1;
        return BIGCACHE_OK;
    }

    bigcache_key_read_decode(store, key, value, old);

    return BIGCACHE_OK;
}


void
bigcache_key_read_decode(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_str_t *value, bigcache_old_t *old)
{
    memset(old, 0, sizeof(bigcache_old_t));

    /* a damaged record can still be replaced and removed */

    old->found = 1;

    if (bigcache_record_decode(&old->record, value->data, value->len) == 0) {
        old->expired = (old->record.expire <= bigcache_time_now());
        old->live = !old->expired
                    && !bigcache_purges_covers(&store->purges, key,
                                               &old->record);
    } else {
        memset(&old->record, 0, sizeof(bigcache_record_t));
    }
}


int
bigcache_key_read_matches(const bigcache_str_t *key,
    const bigcache_record_t *record, const bigcache_match_t *match)
{
    if (match->version && match->version != record->version) {
        return 0;
    }

    if (match->before && match->before <= record->origin) {
        return 0;
    }

    if (match->until && match->until < record->origin) {
        return 0;
    }

    if (match->expired
        && (record->version == 0
            || match->expired < record->expire
            || (record->version / 1000
                > (uint64_t) (match->expired - match->grace)
                && record->version / 1000 <= (uint64_t) match->expired)))
    {
        return 0;
    }

    if (match->segment
        && (match->segment != record->segment
            || match->offset != record->offset
            || !(record->flags & BIGCACHE_FLAG_SEGMENT)))
    {
        return 0;
    }

    return match->selector == NULL
           || bigcache_selector_matches(match->selector, key, &record->tags);
}


int
bigcache_key_read_same(const bigcache_old_t *old,
    const bigcache_record_t *record)
{
    return old->found
           && old->record.version == record->version
           && old->record.segment == record->segment
           && old->record.offset == record->offset;
}

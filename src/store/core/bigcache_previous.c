
/*
 * Copyright (C) bigcache contributors
 */


/*
 * chooses the previous record, so that a power cut leaves the old page or the
 * new
 */


#include <stdlib.h>

#include "bigcache_core.h"
#include "bigcache_key_read.h"
#include "bigcache_previous.h"
#include "bigcache_version.h"


static int bigcache_previous_alone_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record);
static bigcache_rc_t bigcache_previous_encode(const bigcache_record_t *record,
    const bigcache_str_t *carried, u_char **memory, bigcache_str_t *bytes);


bigcache_rc_t
bigcache_previous_carry_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_str_t *value, bigcache_previous_t *previous)
{
    bigcache_rc_t             rc;
    bigcache_record_t         first;
    const bigcache_record_t  *record;

    record = &old->record;

    previous->memory[0] = NULL;
    previous->memory[1] = NULL;
    previous->record = *value;

    if (!(record->flags & BIGCACHE_FLAG_PREVIOUS)) {
        return BIGCACHE_OK;
    }

    if (bigcache_previous_alone_locked(store, key, record)) {
        return bigcache_previous_encode(record, NULL, &previous->memory[0],
                                        &previous->record);
    }

    previous->record = record->previous;

    if (bigcache_record_decode(&first, record->previous.data,
                               record->previous.len)
        == -1)
    {
        first.flags = 0;
    }

    if ((first.flags & BIGCACHE_FLAG_PREVIOUS)
        && bigcache_previous_alone_locked(store, key, &first))
    {
        rc = bigcache_previous_encode(&first, NULL, &previous->memory[0],
                                      &previous->record);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        first.flags = 0;
    }

    if (record->written > store->cuts[bigcache_key_read_slot(key)]
        && record->written > atomic_load(&store->opened))
    {
        /*
         * No round is under way, or this record is later than its cut.  One of
         * an earlier opening may be durable, though that is not known.
         */

        return BIGCACHE_OK;
    }

    if (first.flags & BIGCACHE_FLAG_PREVIOUS) {

        /* an earlier round has failed: only the second is surely durable */

        previous->record = first.previous;
    }

    return bigcache_previous_encode(record, &previous->record,
                                    &previous->memory[1], &previous->record);
}


/* tells whether the previous record is empty, or not needed any more */

static int
bigcache_previous_alone_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record)
{
    return record->previous.len == 0
           || bigcache_previous_durable_locked(store, key, record);
}


void
bigcache_previous_free(bigcache_previous_t *previous)
{
    free(previous->memory[0]);
    free(previous->memory[1]);
}


/* encodes a record with a previous one, or without if carried is NULL */

static bigcache_rc_t
bigcache_previous_encode(const bigcache_record_t *record,
    const bigcache_str_t *carried, u_char **memory, bigcache_str_t *bytes)
{
    bigcache_rc_t      rc;
    bigcache_record_t  layer;

    layer = *record;

    if (carried) {
        layer.previous = *carried;

    } else {
        layer.flags &= ~BIGCACHE_FLAG_PREVIOUS;
    }

    rc = bigcache_record_bytes(&layer, bytes);

    if (rc == BIGCACHE_OK) {
        *memory = (u_char *) bytes->data;
    }

    return rc;
}


int
bigcache_previous_durable_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record)
{
    return record->written <= atomic_load(&store->synced)
           || record->written <= store->settled[bigcache_key_read_slot(key)];
}


void
bigcache_previous_begin(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        (void) pthread_mutex_lock(&store->keys[i]);
        store->cuts[i] = bigcache_version_latest(store);
        (void) pthread_mutex_unlock(&store->keys[i]);
    }
}


void
bigcache_previous_end(bigcache_store_t *store, int durable)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        (void) pthread_mutex_lock(&store->keys[i]);

        if (durable) {
            store->settled[i] = store->cuts[i];
        }

        store->cuts[i] = 0;

        (void) pthread_mutex_unlock(&store->keys[i]);
    }
}


int
bigcache_previous_torn(bigcache_store_t *store, const bigcache_record_t *record)
{
    return record->written <= atomic_load(&store->opened)
           && record->written > atomic_load(&store->synced_before);
}


/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_key.h"
#include "bigcache_key_write.h"
#include "bigcache_life.h"
#include "bigcache_previous.h"
#include "bigcache_time.h"


static int bigcache_key_expected(const bigcache_old_t *old, uint64_t expect);
static int bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t since, const bigcache_draft_t *draft);
static bigcache_rc_t bigcache_key_store(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_str_t *value, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_key_restore(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *lost);
static bigcache_rc_t bigcache_key_lost_read(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *lost,
    bigcache_old_t *old, bigcache_str_t *value);
static bigcache_rc_t bigcache_key_previous(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    bigcache_record_t *previous);
static bigcache_rc_t bigcache_key_put(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_record_t *record, const bigcache_str_t *value);


bigcache_rc_t
bigcache_key_look(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_old_t *old)
{
    bigcache_rc_t     rc;
    pthread_mutex_t  *lock;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);
    rc = bigcache_key_old(store, key, old);
    (void) pthread_mutex_unlock(lock);

    return rc;
}


bigcache_rc_t
bigcache_key_replace(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t since, bigcache_draft_t *draft)
{
    bigcache_rc_t     rc;
    bigcache_old_t    old;
    bigcache_str_t    value;
    pthread_mutex_t  *lock;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_read(store, key, &old, &value);

    if (rc == BIGCACHE_OK && bigcache_key_done(&old, expect, since, draft)) {

        /* or it was replaced since, and nobody has its version */

        draft->record.version = (old.record.tag == draft->record.tag)
                                ? old.record.version
                                : bigcache_store_version(store);

    } else if (rc == BIGCACHE_OK && !bigcache_key_expected(&old, expect)) {

        rc = BIGCACHE_MISMATCH;

    } else if (rc == BIGCACHE_OK) {

        /* after a crash the clock may have been set back */

        bigcache_store_passed(store, old.record.written);

        draft->record.version = bigcache_store_version(store);

        if (!(draft->record.flags & BIGCACHE_FLAG_REWRITTEN)) {
            draft->record.origin = draft->record.version;
        }

        rc = bigcache_key_store(store, key, &old, &value, draft);

        if (rc == BIGCACHE_OK && old.record.version && !old.live
            && !old.expired)
        {
            bigcache_purge_replaced(store, key, old.record.origin);
        }
    }

    if (value.data) {
        bigcache_index_free(&value);
    }

    (void) pthread_mutex_unlock(lock);

    return rc;
}


bigcache_rc_t
bigcache_key_remove(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_match_t *match)
{
    bigcache_rc_t     rc;
    bigcache_old_t    old;
    pthread_mutex_t  *lock;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_old(store, key, &old);

    if (rc == BIGCACHE_OK) {

        if (!old.found) {
            rc = BIGCACHE_MISS;

        } else if (!bigcache_key_matches(&old, match)) {
            rc = bigcache_key_strip(store, key, match);
            rc = (rc == BIGCACHE_OK) ? BIGCACHE_MISMATCH : rc;

        } else if (old.record.version && !old.live && !old.expired
                   && match->before == 0 && match->segment == 0)
        {
            /* it is not there any more, but its purge is to count it */

            rc = BIGCACHE_MISS;

        } else {
            (void) atomic_fetch_add(&store->removals, 1);

            rc = bigcache_key_put(store, key, &old, NULL, NULL);

            (void) atomic_fetch_add(&store->removals_done, 1);
        }
    }

    (void) pthread_mutex_unlock(lock);

    if (rc != BIGCACHE_OK || old.live) {
        return rc;
    }

    if (old.expired) {
        return BIGCACHE_EXPIRED;
    }

    /* what the purge itself removes was live, but for the purge */

    return (match->before && old.record.version) ? BIGCACHE_OK
                                                 : BIGCACHE_MISS;
}


bigcache_rc_t
bigcache_key_move(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_match_t *from, const bigcache_place_t *place)
{
    bigcache_rc_t      rc;
    bigcache_old_t     old;
    bigcache_str_t     value, bytes;
    pthread_mutex_t   *lock;
    bigcache_record_t  record;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_read(store, key, &old, &value);

    if (rc == BIGCACHE_OK
        && (!old.found || !bigcache_key_matches(&old, from)))
    {
        rc = BIGCACHE_MISMATCH;
    }

    if (rc == BIGCACHE_OK) {
        record = old.record;
        record.segment = place->id;
        record.offset = (uint64_t) place->offset;

        /* the version of the page stays, but the record is a new one */

        rc = bigcache_key_encode(store, key, &record,
                                 bigcache_store_version(store), &old, &value,
                                 &bytes);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_key_put(store, key, &old, &record, &bytes);
            free((void *) bytes.data);
        }
    }

    if (value.data) {
        bigcache_index_free(&value);
    }

    (void) pthread_mutex_unlock(lock);

    return rc;
}


bigcache_rc_t
bigcache_key_revert(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *lost)
{
    bigcache_rc_t       rc;
    bigcache_old_t      old;
    bigcache_str_t      value;
    bigcache_page_t     page;
    pthread_mutex_t    *lock;
    bigcache_record_t   next;

    lock = &store->keys[bigcache_key_hash(key)];

    bigcache_page_clear(&page);

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_lost_read(store, key, lost, &old, &value);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_previous(store, key, &old, &page.record);
    }

    (void) pthread_mutex_unlock(lock);

    next = page.record;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_probe(&store->pages, key, bigcache_life_yields,
                                 store, &page);
    }

    bigcache_page_free(&page);

    if (value.data) {
        bigcache_index_free(&value);
    }

    if (rc == BIGCACHE_OK) {
        return bigcache_key_restore(store, key, lost);
    }

    if ((rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED)
        || next.previous.len == 0)
    {
        return rc;
    }

    /* it did not reach the disk either, but has one to come back itself */

    rc = bigcache_key_restore(store, key, lost);

    return (rc == BIGCACHE_OK) ? bigcache_key_revert(store, key, &next) : rc;
}


bigcache_rc_t
bigcache_key_forget(bigcache_store_t *store, const bigcache_str_t *key,
    int64_t expire)
{
    char               error[BIGCACHE_ERROR_LEN];
    u_char             name[BIGCACHE_NAMES_MAX];
    bigcache_rc_t      rc;
    bigcache_old_t     old;
    bigcache_change_t  change;
    pthread_mutex_t   *lock;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_old(store, key, &old);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_store_broken(store);
    }

    if (rc == BIGCACHE_OK && (!old.found || old.record.expire != expire)) {

        change.space = BIGCACHE_NAMES_EXPIRE;
        change.key = bigcache_names_expire(name, key, expire);
        change.value = NULL;

        rc = bigcache_index_write(store->index, &change, 1, error);

        if (rc != BIGCACHE_OK) {
            rc = bigcache_store_unwritten(store, rc, error);

        } else {
            bigcache_sync_note(store);
        }
    }

    (void) pthread_mutex_unlock(lock);

    return rc;
}


void
bigcache_key_settle(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        (void) pthread_mutex_lock(&store->keys[i]);
        (void) pthread_mutex_unlock(&store->keys[i]);
    }
}


static int
bigcache_key_expected(const bigcache_old_t *old, uint64_t expect)
{
    if (expect == BIGCACHE_EXPECT_ANY) {
        return 1;
    }

    if (expect == BIGCACHE_EXPECT_NONE) {
        return !old->live;
    }

    return old->live && old->record.version == expect;
}


/*
 * Tells whether a call whose answer was lost has stored the draft already: it
 * is still there, or, if it went over anything, something that was stored
 * later than the call.  A page that was made of an earlier one since, by a
 * touch, say, does not tell.
 */

static int
bigcache_key_done(const bigcache_old_t *old, uint64_t expect, uint64_t since,
    const bigcache_draft_t *draft)
{
    const bigcache_record_t  *one, *two;

    one = &old->record;
    two = &draft->record;

    if (since == 0 || !old->found || one->version <= since) {
        return 0;
    }

    /* its place may be another one: it is written again for each try */

    return (expect == BIGCACHE_EXPECT_ANY && one->origin > since)
           || (one->tag == two->tag
               && one->length == two->length
               && one->expire == two->expire);
}


/*
 * Writes the draft over old, whose bytes are at value.  The caller holds the
 * lock of the key and has given the draft its version.
 */

static bigcache_rc_t
bigcache_key_store(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, const bigcache_str_t *value,
    bigcache_draft_t *draft)
{
    bigcache_rc_t       rc;
    bigcache_old_t      prior;
    bigcache_str_t      bytes;
    bigcache_record_t  *record;

    record = &draft->record;

    if (!old->live || !(record->flags & BIGCACHE_FLAG_SEGMENT)) {

        /* there is nothing to come back, or the record has its body */

        (void) bigcache_record_encode(draft->memory, record);
        bigcache_record_seal(draft->memory, draft->value.len);

        return bigcache_key_put(store, key, old, record, &draft->value);
    }

    /* what a purge with an earlier version covers is not to come back */

    prior = *old;
    prior.live = !bigcache_purge_begun(&store->purges, key,
                                       old->record.origin);

    rc = bigcache_key_encode(store, key, record, record->version, &prior,
                             value, &bytes);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_put(store, key, old, record, &bytes);
        free((void *) bytes.data);
    }

    return rc;
}


/*
 * Puts the previous record in the place of one that is still as it was when
 * the page of the previous one was read.
 */

static bigcache_rc_t
bigcache_key_restore(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *lost)
{
    bigcache_rc_t       rc;
    bigcache_old_t      old;
    bigcache_str_t      value;
    pthread_mutex_t    *lock;
    bigcache_record_t   previous;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_lost_read(store, key, lost, &old, &value);

    /* again: a purge may have begun since, or the keys have been counted */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_previous(store, key, &old, &previous);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_put(store, key, &old, &previous,
                              &old.record.previous);
    }

    (void) pthread_mutex_unlock(lock);

    if (value.data) {
        bigcache_index_free(&value);
    }

    return rc;
}


/* as bigcache_key_read(); BIGCACHE_MISMATCH if it is another record by now */

static bigcache_rc_t
bigcache_key_lost_read(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *lost, bigcache_old_t *old,
    bigcache_str_t *value)
{
    bigcache_rc_t  rc;

    rc = bigcache_key_read(store, key, old, value);

    if (rc == BIGCACHE_OK
        && (!old->found
            || old->record.version != lost->version
            || old->record.segment != lost->segment
            || old->record.offset != lost->offset))
    {
        return BIGCACHE_MISMATCH;
    }

    return rc;
}


/*
 * Tells what a record has replaced that did not reach the disk: returns
 * BIGCACHE_OK, or BIGCACHE_MISS if there is nothing that may come back.
 */

static bigcache_rc_t
bigcache_key_previous(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, bigcache_record_t *previous)
{
    const bigcache_str_t  *bytes;

    bytes = &old->record.previous;

    /* when this one is durable, the segment of the previous one may go */

    if (bytes->len == 0
        || !bigcache_key_torn(store, &old->record)
        || bigcache_previous_durable(store, key, &old->record)
        || bigcache_record_decode(previous, bytes->data, bytes->len) == -1
        || previous->expire <= bigcache_now()
        || bigcache_purge_covers(&store->purges, key, previous->origin))
    {
        return BIGCACHE_MISS;
    }

    return BIGCACHE_OK;
}


/*
 * Writes the value, or removes what is there, and the expiry times with it.
 * The caller holds the lock of the key.
 */

static bigcache_rc_t
bigcache_key_put(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, const bigcache_record_t *record,
    const bigcache_str_t *value)
{
    u_char                was[BIGCACHE_NAMES_MAX];
    u_char                will[BIGCACHE_NAMES_MAX];
    bigcache_key_write_t  write;

    write.key = *key;
    write.old = *old;
    write.record = record;
    write.value = value;
    write.was = was;
    write.will = will;

    return bigcache_key_write(store, &write, 1);
}

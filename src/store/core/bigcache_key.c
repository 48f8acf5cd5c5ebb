
/*
 * Copyright (C) bigcache contributors
 */


/* changes what is stored under one key */


#include <stdlib.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_key_tags.h"
#include "bigcache_key_write.h"
#include "bigcache_names.h"
#include "bigcache_previous.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


static int bigcache_key_expected(const bigcache_old_t *old, uint64_t expect);
static int bigcache_key_removed(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_draft_t *draft);
static void bigcache_key_soften(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    bigcache_draft_t *draft);
static int bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t retry_floor, const bigcache_draft_t *draft);
static bigcache_rc_t bigcache_key_name_tags_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_key_store_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_key_read_t *read,
    bigcache_draft_t *draft);
static bigcache_rc_t bigcache_key_restore(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *damaged);
static bigcache_rc_t bigcache_key_previous_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    bigcache_record_t *previous);


bigcache_rc_t
bigcache_key_replace(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t retry_floor, bigcache_draft_t *draft)
{
    bigcache_rc_t         rc;
    bigcache_old_t       *old;
    bigcache_key_read_t   read;

    old = &read.old;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK
        && bigcache_key_done(old, expect, retry_floor, draft))
    {

        /* else it was replaced since, and no client has its version */

        draft->record.version = (old->record.tag == draft->record.tag)
                                ? old->record.version
                                : bigcache_version_next(store);

    } else if (rc == BIGCACHE_OK
               && (!bigcache_key_expected(old, expect)
                   || bigcache_key_removed(store, key, draft)))
    {
        rc = BIGCACHE_MISMATCH;

    } else if (rc == BIGCACHE_OK) {

        /* after a crash the clock may have been set back */

        bigcache_version_advance(store, old->record.written);

        draft->record.version = bigcache_version_next(store);

        if (!(draft->record.flags & BIGCACHE_FLAG_REWRITTEN)) {
            draft->record.origin = draft->record.version;
        }

        bigcache_key_soften(store, key, old, draft);

        rc = bigcache_key_store_locked(store, key, &read, draft);

        if (rc == BIGCACHE_OK && old->record.version && !old->live
            && !old->expired)
        {
            bigcache_purges_replaced(&store->purges, key, &old->record);
        }
    }

    bigcache_key_read_end(&read);

    return rc;
}


bigcache_rc_t
bigcache_key_remove(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_match_t *match)
{
    bigcache_rc_t         rc;
    bigcache_old_t       *old;
    bigcache_key_read_t   read;

    old = &read.old;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK) {

        if (!old->found) {
            rc = BIGCACHE_MISS;

        } else if (!bigcache_key_read_matches(key, &old->record, match)) {
            rc = bigcache_key_write_strip_locked(store, key, match);
            rc = (rc == BIGCACHE_OK) ? BIGCACHE_MISMATCH : rc;

        } else if (old->record.version && !old->live && !old->expired
                   && match->before == 0 && match->segment == 0)
        {
            /* the page is gone already, and its purge must count it */

            rc = BIGCACHE_MISS;

        } else {
            (void) atomic_fetch_add(&store->removals, 1);

            rc = bigcache_key_write_one_locked(store, key, old, NULL, NULL);

            (void) atomic_fetch_add(&store->removals_done, 1);
        }
    }

    bigcache_key_read_end(&read);

    if (rc != BIGCACHE_OK || old->live) {
        return rc;
    }

    if (old->expired) {
        return BIGCACHE_EXPIRED;
    }

    /* a page that a purge itself removes was live until that purge */

    return (match->before && old->record.version) ? BIGCACHE_OK
                                                  : BIGCACHE_MISS;
}


bigcache_rc_t
bigcache_key_move(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_match_t *from, const bigcache_place_t *place)
{
    bigcache_rc_t        rc;
    bigcache_str_t       bytes;
    bigcache_record_t    record;
    bigcache_key_read_t  read;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK
        && (!read.old.found
            || !bigcache_key_read_matches(key, &read.old.record, from)))
    {
        rc = BIGCACHE_MISMATCH;
    }

    if (rc == BIGCACHE_OK) {
        record = read.old.record;
        record.segment = place->id;
        record.offset = (uint64_t) place->offset;

        /* the page keeps its version, but the record is a new one */

        rc = bigcache_key_write_encode_locked(store, key, &record,
                                              bigcache_version_next(store),
                                              &read.old, &read.value, &bytes);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_key_write_one_locked(store, key, &read.old, &record,
                                               &bytes);
            free((void *) bytes.data);
        }
    }

    bigcache_key_read_end(&read);

    return rc;
}


bigcache_rc_t
bigcache_key_revert(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *damaged)
{
    bigcache_rc_t        rc;
    bigcache_str_t       value;
    bigcache_stored_t    page;
    bigcache_record_t    next;
    bigcache_key_read_t  read;

    bigcache_stored_clear(&page);

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_read_same(&read.old, damaged)
             ? bigcache_key_previous_locked(store, key, &read.old,
                                            &page.record)
             : BIGCACHE_MISMATCH;
    }

    /* the record of the previous page points into these bytes */

    value = read.value;
    read.value.data = NULL;

    bigcache_key_read_end(&read);

    next = page.record;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_probe(&store->bodies, key, bigcache_core_yields,
                                 store, &page);
    }

    bigcache_stored_free(&page);

    bigcache_index_free(&value);

    if (rc == BIGCACHE_OK) {
        return bigcache_key_restore(store, key, damaged);
    }

    if ((rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED)
        || next.previous.len == 0)
    {
        return rc;
    }

    /* that page did not reach the disk either, but has a previous one */

    rc = bigcache_key_restore(store, key, damaged);

    return (rc == BIGCACHE_OK) ? bigcache_key_revert(store, key, &next) : rc;
}


bigcache_rc_t
bigcache_key_forget(bigcache_store_t *store, const bigcache_str_t *key,
    int64_t expire)
{
    char                 error[BIGCACHE_ERROR_LEN];
    u_char               name[BIGCACHE_NAMES_MAX];
    bigcache_rc_t        rc;
    bigcache_str_t       late;
    bigcache_key_read_t  read;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fault_rc(store);
    }

    if (rc == BIGCACHE_OK
        && (!read.old.found
            || !bigcache_names_is_time(read.old.record.expire, expire)))
    {
        late = bigcache_names_expire(name, key, expire);
        rc = bigcache_index_set(store->index, BIGCACHE_NAMES_EXPIRE, &late,
                                NULL, error);

        if (rc != BIGCACHE_OK) {
            rc = bigcache_fault_write_failed(store, rc, error);

        } else {
            bigcache_sync_note(store);
        }
    }

    bigcache_key_read_end(&read);

    return rc;
}


bigcache_rc_t
bigcache_key_name_tags(bigcache_store_t *store, const bigcache_str_t *key)
{
    bigcache_rc_t        rc;
    bigcache_key_read_t  read;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK && read.value.data) {
        rc = bigcache_key_name_tags_locked(store, key, &read.value);
    }

    bigcache_key_read_end(&read);

    return rc;
}


static bigcache_rc_t
bigcache_key_name_tags_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value)
{
    char                error[BIGCACHE_ERROR_LEN];
    u_char             *names;
    unsigned            n;
    bigcache_rc_t       rc;
    bigcache_change_t  *changes;

    static const bigcache_record_t  none;

    n = bigcache_key_tags_count(&none, value);
    rc = bigcache_fault_rc(store);

    if (rc != BIGCACHE_OK || n == 0) {
        return rc;
    }

    changes = malloc(n * (sizeof(bigcache_change_t) + sizeof(uint64_t)
                          + key->len));
    if (changes == NULL) {
        return BIGCACHE_NOMEM;
    }

    names = (u_char *) (changes + n);
    n = bigcache_key_tags_changes(changes, &names, key, &none, value);

    rc = bigcache_index_write(store->index, changes, n, error);

    free(changes);

    return (rc == BIGCACHE_OK) ? rc
                               : bigcache_fault_write_failed(store, rc, error);
}


void
bigcache_key_settle(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
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


/* tells whether the key, or a tag, was removed since its page was asked for */

static int
bigcache_key_removed(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_draft_t *draft)
{
    return draft->fetched
           && bigcache_removed_since(&store->removed, key,
                                     &draft->record.tags,
                                     draft->record.origin);
}


/*
 * Marks a page as stale if a soft purge came since it was asked for, or if it
 * is made of a page that is.
 */

static void
bigcache_key_soften(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, bigcache_draft_t *draft)
{
    uint64_t           version;
    bigcache_record_t  former;

    if (!(draft->record.flags & BIGCACHE_FLAG_REWRITTEN)) {
        return;
    }

    if (!draft->fetched) {

        former = old->record;

        if (old->live
            && !bigcache_purges_apply(&store->purges, key, &former)
            && (former.flags & BIGCACHE_FLAG_SOFT))
        {
            draft->record.flags |= BIGCACHE_FLAG_SOFT;
            draft->record.stale = former.stale;
        }

        return;
    }

    version = bigcache_removed_since(&store->softened, key,
                                     &draft->record.tags,
                                     draft->record.origin);

    if (version) {
        bigcache_purges_mark(&draft->record, version);
    }
}


/*
 * Tells whether a call whose answer was lost has stored the draft already.  It
 * has if its page is still there; or, for a call that replaces any page, if a
 * page was stored later than the call.  A later page that was made of an
 * earlier one, by a touch, for instance, proves nothing.
 */

static int
bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t retry_floor, const bigcache_draft_t *draft)
{
    const bigcache_record_t  *one, *two;

    one = &old->record;
    two = &draft->record;

    if (retry_floor == 0 || !old->found || one->version <= retry_floor) {
        return 0;
    }

    /* not the place: each try writes the page to a new one */

    return (expect == BIGCACHE_EXPECT_ANY && one->origin > retry_floor)
           || (one->tag == two->tag
               && one->length == two->length
               && one->expire == two->expire);
}


/* Replaces what was read by the draft, which has its version */

static bigcache_rc_t
bigcache_key_store_locked(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_key_read_t *read, bigcache_draft_t *draft)
{
    bigcache_rc_t       rc;
    bigcache_old_t      prior;
    bigcache_str_t      bytes;
    bigcache_record_t  *record;

    record = &draft->record;

    /* no page can come back if there is none, or the body is in the record */

    prior = read->old;
    prior.live &= ((record->flags & BIGCACHE_FLAG_SEGMENT) != 0);

    /* nor must it, if a purge with an earlier version covers it */

    if (prior.live) {
        prior.live = !bigcache_purges_begun(&store->purges, key,
                                            &prior.record);
    }

    /* a page that was marked as stale is longer than the bytes of the draft */

    if (!prior.live && !(record->flags & BIGCACHE_FLAG_SOFT)) {

        (void) bigcache_record_encode(draft->memory, record);
        bigcache_record_seal(draft->memory, draft->value.len);

        return bigcache_key_write_one_locked(store, key, &read->old, record,
                                             &draft->value);
    }

    rc = bigcache_key_write_encode_locked(store, key, record, record->version,
                                          &prior, &read->value, &bytes);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_write_one_locked(store, key, &read->old, record,
                                           &bytes);
        free((void *) bytes.data);
    }

    return rc;
}


/*
 * Replaces the damaged record by its previous one, unless the record has
 * changed since the caller read the page of the previous one.
 */

static bigcache_rc_t
bigcache_key_restore(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *damaged)
{
    bigcache_rc_t        rc;
    bigcache_record_t    previous;
    bigcache_key_read_t  read;

    rc = bigcache_key_read_begin(store, key, &read);

    if (rc == BIGCACHE_OK && !bigcache_key_read_same(&read.old, damaged)) {
        rc = BIGCACHE_MISMATCH;
    }

    /*
     * checks again: a purge may have begun, or the keys may have been counted
     */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_previous_locked(store, key, &read.old, &previous);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_write_one_locked(store, key, &read.old, &previous,
                                           &read.old.record.previous);
    }

    bigcache_key_read_end(&read);

    return rc;
}


/*
 * Finds the record to bring back for one that did not reach the disk.  Returns
 * BIGCACHE_OK, or BIGCACHE_MISS if there is none.
 */

static bigcache_rc_t
bigcache_key_previous_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    bigcache_record_t *previous)
{
    const bigcache_str_t  *bytes;

    bytes = &old->record.previous;

    /*
     * once this record is durable, the segment of its previous one may be
     * removed
     */

    if (bytes->len == 0
        || !bigcache_previous_torn(store, &old->record)
        || bigcache_previous_durable_locked(store, key, &old->record)
        || bigcache_record_decode(previous, bytes->data, bytes->len) == -1
        || previous->expire <= bigcache_time_now()
        || bigcache_purges_covers(&store->purges, key, previous))
    {
        return BIGCACHE_MISS;
    }

    return BIGCACHE_OK;
}

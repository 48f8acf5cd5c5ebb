
/*
 * Copyright (C) bigcache contributors
 */


#include <endian.h>
#include <string.h>

#include "bigcache_key.h"
#include "bigcache_key_write.h"
#include "bigcache_life.h"


static int bigcache_key_expected(const bigcache_old_t *old, uint64_t expect);
static int bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t since, const bigcache_draft_t *draft);
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
    pthread_mutex_t  *lock;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_old(store, key, &old);

    if (rc == BIGCACHE_OK && bigcache_key_done(&old, expect, since, draft)) {

        /* or it was replaced since, and nobody has its version */

        draft->record.version = (old.record.tag == draft->record.tag)
                                ? old.record.version
                                : bigcache_store_version(store);

    } else if (rc == BIGCACHE_OK && !bigcache_key_expected(&old, expect)) {

        rc = BIGCACHE_MISMATCH;

    } else if (rc == BIGCACHE_OK) {

        /* after a crash the clock may have been set back */

        bigcache_store_passed(store, old.record.version);

        draft->record.version = bigcache_store_version(store);

        if (!(draft->record.flags & BIGCACHE_FLAG_REWRITTEN)) {
            draft->record.origin = draft->record.version;
        }

        (void) bigcache_record_encode(draft->memory, &draft->record);
        bigcache_record_seal(draft->memory, draft->value.len);

        rc = bigcache_key_put(store, key, &old, &draft->record,
                              &draft->value);

        if (rc == BIGCACHE_OK && old.record.version && !old.live
            && !old.expired)
        {
            bigcache_purge_replaced(store, key, old.record.origin);
        }
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
            rc = BIGCACHE_MISMATCH;

        } else if (old.record.version && !old.live && !old.expired
                   && match->before == 0 && match->segment == 0)
        {
            /* it is not there any more, but its purge is to count it */

            rc = BIGCACHE_MISS;

        } else {
            rc = bigcache_key_put(store, key, &old, NULL, NULL);
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
    u_char             buf[BIGCACHE_RECORD_MAX];
    bigcache_rc_t      rc;
    bigcache_old_t     old;
    bigcache_str_t     value;
    pthread_mutex_t   *lock;
    bigcache_record_t  record;

    lock = &store->keys[bigcache_key_hash(key)];

    (void) pthread_mutex_lock(lock);

    rc = bigcache_key_old(store, key, &old);

    if (rc == BIGCACHE_OK
        && (!old.found || !bigcache_key_matches(&old, from)))
    {
        rc = BIGCACHE_MISMATCH;
    }

    if (rc == BIGCACHE_OK) {
        record = old.record;
        record.segment = place->id;
        record.offset = (uint64_t) place->offset;

        value.data = buf;
        value.len = bigcache_record_size(&record);

        (void) bigcache_record_encode(buf, &record);
        bigcache_record_seal(buf, value.len);

        rc = bigcache_key_put(store, key, &old, &record, &value);
    }

    (void) pthread_mutex_unlock(lock);

    return rc;
}


bigcache_rc_t
bigcache_key_forget(bigcache_store_t *store, const bigcache_str_t *key,
    int64_t expire)
{
    char               error[BIGCACHE_ERROR_LEN];
    u_char             name[BIGCACHE_INDEX_NAME_MAX];
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

        change.space = BIGCACHE_INDEX_EXPIRE;
        change.key = bigcache_key_expire_name(name, key, expire);
        change.value = NULL;

        rc = bigcache_index_write(store->index, &change, 1, error);

        if (rc != BIGCACHE_OK) {
            rc = bigcache_store_unwritten(store, rc, error);
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


bigcache_str_t
bigcache_key_expire_name(u_char *dst, const bigcache_str_t *key,
    int64_t expire)
{
    uint64_t        n;
    bigcache_str_t  name;

    /* big-endian, to lie in the order of time; before 1970 is all the same */

    n = htobe64(expire > 0 ? (uint64_t) expire : 0);

    memcpy(dst, &n, sizeof(n));

    if (key->len) {
        memcpy(dst + sizeof(n), key->data, key->len);
    }

    name.data = dst;
    name.len = sizeof(n) + key->len;

    return name;
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
 * Writes the value, or removes what is there, and the expiry times with it.
 * The caller holds the lock of the key.
 */

static bigcache_rc_t
bigcache_key_put(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, const bigcache_record_t *record,
    const bigcache_str_t *value)
{
    u_char                was[BIGCACHE_INDEX_NAME_MAX];
    u_char                will[BIGCACHE_INDEX_NAME_MAX];
    bigcache_key_write_t  write;

    write.key = *key;
    write.old = *old;
    write.record = record;
    write.value = value;
    write.was = was;
    write.will = will;

    return bigcache_key_write(store, &write, 1);
}

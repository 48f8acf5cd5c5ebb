
/*
 * Copyright (C) bigcache contributors
 */


#include <endian.h>
#include <string.h>

#include "bigcache_key.h"
#include "bigcache_life.h"
#include "bigcache_time.h"


/* the record, the old expiry time, the new one */

#define BIGCACHE_KEY_CHANGES  3


static bigcache_rc_t bigcache_key_old(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old);
static int bigcache_key_expected(const bigcache_old_t *old, uint64_t expect);
static int bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t since, const bigcache_draft_t *draft);
static int bigcache_key_matches(const bigcache_old_t *old,
    const bigcache_match_t *match);
static bigcache_rc_t bigcache_key_write(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_record_t *record, const bigcache_str_t *value);
static unsigned bigcache_key_hash(const bigcache_str_t *key);


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
        (void) bigcache_record_encode(draft->memory, &draft->record);
        bigcache_record_seal(draft->memory, draft->value.len);

        rc = bigcache_key_write(store, key, &old, &draft->record,
                                &draft->value);

        if (rc == BIGCACHE_OK && old.record.version && !old.live
            && !old.expired)
        {
            bigcache_purge_replaced(store, key, old.record.version);
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
            rc = bigcache_key_write(store, key, &old, NULL, NULL);
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
    u_char             buf[BIGCACHE_RECORD_HEADER + BIGCACHE_RECORD_PLACE];
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
        value.len = sizeof(buf);

        (void) bigcache_record_encode(buf, &record);
        bigcache_record_seal(buf, sizeof(buf));

        rc = bigcache_key_write(store, key, &old, &record, &value);
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


bigcache_rc_t
bigcache_store_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *what, const char *error)
{
    return bigcache_page_failed(&store->conf, rc, what, error);
}


bigcache_rc_t
bigcache_store_unwritten(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    (void) bigcache_store_failed(store, rc, "write", error);

    bigcache_store_break(store, rc);

    return bigcache_store_broken(store);
}


/* the caller holds the lock of the key */

static bigcache_rc_t
bigcache_key_old(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_old_t *old)
{
    char            error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    memset(old, 0, sizeof(bigcache_old_t));

    rc = bigcache_index_get(store->index, BIGCACHE_INDEX_KEY, key, &value,
                            error);

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_ERROR) {
        return bigcache_store_failed(store, rc, "read", error);
    }

    /* what cannot be read can still be written over, and removed */

    old->found = 1;

    if (rc != BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    if (bigcache_record_decode(&old->record, value.data, value.len) == 0) {
        old->expired = (old->record.expire <= bigcache_now());
        old->live = !old->expired
                    && !bigcache_purge_covers(&store->purges, key,
                                              old->record.version);
    } else {
        memset(&old->record, 0, sizeof(bigcache_record_t));
    }

    bigcache_index_free(&value);

    return BIGCACHE_OK;
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
 * is still there, or, if it went over anything, something later than the call.
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

    return expect == BIGCACHE_EXPECT_ANY
           || (one->tag == two->tag
               && one->length == two->length
               && one->expire == two->expire);
}


static int
bigcache_key_matches(const bigcache_old_t *old, const bigcache_match_t *match)
{
    const bigcache_record_t  *record;

    record = &old->record;

    if (match->version && match->version != record->version) {
        return 0;
    }

    if (match->before && match->before <= record->version) {
        return 0;
    }

    if (match->until && match->until < record->version) {
        return 0;
    }

    if (match->segment
        && (match->segment != record->segment
            || match->offset != record->offset
            || !(record->flags & BIGCACHE_FLAG_SEGMENT)))
    {
        return 0;
    }

    return 1;
}


/*
 * Writes the value, or removes what is there, in one batch with the expiry
 * times.  The caller holds the lock of the key.
 */

static bigcache_rc_t
bigcache_key_write(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_old_t *old, const bigcache_record_t *record,
    const bigcache_str_t *value)
{
    char               error[BIGCACHE_ERROR_LEN];
    u_char             was[BIGCACHE_INDEX_NAME_MAX];
    u_char             will[BIGCACHE_INDEX_NAME_MAX];
    int64_t            expire;
    unsigned           n;
    uint64_t           hash, size;
    bigcache_rc_t      rc;
    bigcache_str_t     empty;
    bigcache_hot_t    *hot;
    bigcache_change_t  changes[BIGCACHE_KEY_CHANGES];

    rc = bigcache_store_broken(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    n = 0;
    empty.data = was;
    empty.len = 0;
    expire = record ? record->expire : BIGCACHE_NEVER;

    changes[n].space = BIGCACHE_INDEX_KEY;
    changes[n].key = *key;
    changes[n++].value = value;

    if (old->record.version
        && old->record.expire != BIGCACHE_NEVER
        && old->record.expire != expire)
    {
        changes[n].space = BIGCACHE_INDEX_EXPIRE;
        changes[n].key = bigcache_key_expire_name(was, key,
                                                  old->record.expire);
        changes[n++].value = NULL;
    }

    if (expire != BIGCACHE_NEVER) {
        changes[n].space = BIGCACHE_INDEX_EXPIRE;
        changes[n].key = bigcache_key_expire_name(will, key, expire);
        changes[n++].value = &empty;
    }

    hot = store->conf.hot;
    hash = hot ? bigcache_hot_hash(hot, key) : 0;

    if (hot && !bigcache_hot_begin(hot, hash)) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": a process stopped inside the hot index, "
                     "which is out of use until nginx is started anew",
                     store->conf.path);
    }

    rc = bigcache_index_write(store->index, changes, n, error);

    if (hot) {
        bigcache_hot_end(hot, hash);
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_store_unwritten(store, rc, error);
    }

    (void) atomic_fetch_add(&store->count, (value != NULL) - old->found);

    size = bigcache_page_size(key, &old->record);

    if (size) {
        bigcache_segments_live(store->segments, old->record.segment,
                               -(int64_t) size);
    }

    size = record ? bigcache_page_size(key, record) : 0;

    if (size) {
        bigcache_segments_live(store->segments, record->segment,
                               (int64_t) size);
    }

    return BIGCACHE_OK;
}


/* FNV-1a, of Fowler, Noll and Vo */

static unsigned
bigcache_key_hash(const bigcache_str_t *key)
{
    size_t    i;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < key->len; i++) {
        hash = (hash ^ key->data[i]) * 16777619u;
    }

    return (hash ^ (hash >> 16)) % BIGCACHE_STORE_LOCKS;
}

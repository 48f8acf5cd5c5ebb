
/*
 * Copyright (C) bigcache contributors
 */


#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_key.h"
#include "bigcache_life.h"
#include "bigcache_time.h"


/* the record, the old expiry time, the new one */

#define BIGCACHE_KEY_CHANGES  3

/* a batch: keys, and bytes of them */

#define BIGCACHE_KEY_BATCH    32
#define BIGCACHE_KEY_MEMORY   (64 * 1024)


/* one key's part of a write to the index */

typedef struct {
    bigcache_str_t            key;
    bigcache_old_t            old;
    const bigcache_record_t  *record;     /* the new one, NULL: none */
    const bigcache_str_t     *value;
    u_char                   *was;        /* memory for names of expiry times */
    u_char                   *will;
    uint64_t                  hash;
} bigcache_key_write_t;

struct bigcache_key_batch_s {
    bigcache_key_write_t      writes[BIGCACHE_KEY_BATCH];
    unsigned                  n;
    size_t                    len;

    /* of each key: room for its expiry time, and the key */
    u_char                    memory[BIGCACHE_KEY_MEMORY];
};


static bigcache_rc_t bigcache_key_old(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old);
static int bigcache_key_expected(const bigcache_old_t *old, uint64_t expect);
static int bigcache_key_done(const bigcache_old_t *old, uint64_t expect,
    uint64_t since, const bigcache_draft_t *draft);
static int bigcache_key_matches(const bigcache_old_t *old,
    const bigcache_match_t *match);
static bigcache_rc_t bigcache_key_put(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_record_t *record, const bigcache_str_t *value);
static bigcache_rc_t bigcache_key_write(bigcache_store_t *store,
    bigcache_key_write_t *writes, unsigned n);
static unsigned bigcache_key_changes(bigcache_change_t *changes,
    const bigcache_key_write_t *write);
static void bigcache_key_begin(bigcache_store_t *store,
    bigcache_key_write_t *write);
static void bigcache_key_account(bigcache_store_t *store,
    const bigcache_key_write_t *write);
static void bigcache_key_batch_lock(bigcache_store_t *store,
    const bigcache_key_batch_t *batch, uint8_t *locked);
static void bigcache_key_batch_unlock(bigcache_store_t *store,
    const uint8_t *locked);
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

        rc = bigcache_key_put(store, key, &old, &draft->record,
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


bigcache_key_batch_t *
bigcache_key_batch_create(void)
{
    bigcache_key_batch_t  *batch;

    batch = malloc(sizeof(bigcache_key_batch_t));

    if (batch) {
        batch->n = 0;
        batch->len = 0;
    }

    return batch;
}


int
bigcache_key_batch_add(bigcache_key_batch_t *batch, const bigcache_str_t *key)
{
    bigcache_key_write_t  *write;

    if (batch->n == BIGCACHE_KEY_BATCH
        || sizeof(int64_t) + key->len > BIGCACHE_KEY_MEMORY - batch->len)
    {
        return 0;
    }

    write = &batch->writes[batch->n++];

    /* the name of an expiry time is the time and the key */

    write->was = batch->memory + batch->len;
    write->key.data = write->was + sizeof(int64_t);
    write->key.len = key->len;
    write->record = NULL;
    write->value = NULL;

    memcpy(write->was + sizeof(int64_t), key->data, key->len);

    batch->len += sizeof(int64_t) + key->len;

    return 1;
}


bigcache_rc_t
bigcache_key_batch_remove(bigcache_store_t *store,
    bigcache_key_batch_t *batch, const bigcache_match_t *match,
    uint64_t *live, uint64_t *expired)
{
    uint8_t                locked[BIGCACHE_STORE_LOCKS];
    unsigned               i, n;
    uint64_t               nlive, nexpired;
    bigcache_rc_t          rc;
    bigcache_key_write_t  *write;

    rc = BIGCACHE_OK;
    n = 0;
    nlive = 0;
    nexpired = 0;

    bigcache_key_batch_lock(store, batch, locked);

    for (i = 0; i < batch->n && rc == BIGCACHE_OK; i++) {

        write = &batch->writes[n];
        *write = batch->writes[i];

        rc = bigcache_key_old(store, &write->key, &write->old);

        if (rc != BIGCACHE_OK
            || !write->old.found
            || !bigcache_key_matches(&write->old, match))
        {
            continue;
        }

        nexpired += write->old.expired;
        nlive += !write->old.expired && write->old.record.version;
        n++;
    }

    if (rc == BIGCACHE_OK && n) {
        rc = bigcache_key_write(store, batch->writes, n);
    }

    bigcache_key_batch_unlock(store, locked);

    batch->n = 0;
    batch->len = 0;

    if (rc == BIGCACHE_OK) {
        *live += nlive;
        *expired += nexpired;
    }

    return rc;
}


/* in their order, so that two batches cannot wait for each other */

static void
bigcache_key_batch_lock(bigcache_store_t *store,
    const bigcache_key_batch_t *batch, uint8_t *locked)
{
    unsigned  i;

    memset(locked, 0, BIGCACHE_STORE_LOCKS);

    for (i = 0; i < batch->n; i++) {
        locked[bigcache_key_hash(&batch->writes[i].key)] = 1;
    }

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        if (locked[i]) {
            (void) pthread_mutex_lock(&store->keys[i]);
        }
    }
}


static void
bigcache_key_batch_unlock(bigcache_store_t *store, const uint8_t *locked)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        if (locked[i]) {
            (void) pthread_mutex_unlock(&store->keys[i]);
        }
    }
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


/* all n, 1 or more, in one write; the caller holds the locks of the keys */

static bigcache_rc_t
bigcache_key_write(bigcache_store_t *store, bigcache_key_write_t *writes,
    unsigned n)
{
    char               error[BIGCACHE_ERROR_LEN];
    unsigned           i, nchanges;
    bigcache_rc_t      rc;
    bigcache_hot_t    *hot;
    bigcache_change_t  changes[BIGCACHE_KEY_CHANGES * BIGCACHE_KEY_BATCH];

    rc = bigcache_store_broken(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    hot = store->conf.hot;
    nchanges = 0;
    i = 0;

    do {
        nchanges += bigcache_key_changes(&changes[nchanges], &writes[i]);

        if (hot) {
            bigcache_key_begin(store, &writes[i]);
        }

    } while (++i < n);

    rc = bigcache_index_write(store->index, changes, nchanges, error);

    for (i = 0; hot && i < n; i++) {
        bigcache_hot_end(hot, writes[i].hash);
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_store_unwritten(store, rc, error);
    }

    for (i = 0; i < n; i++) {
        bigcache_key_account(store, &writes[i]);
    }

    return BIGCACHE_OK;
}


/* returns how many there are, of BIGCACHE_KEY_CHANGES at most */

static unsigned
bigcache_key_changes(bigcache_change_t *changes,
    const bigcache_key_write_t *write)
{
    int64_t                       expire;
    unsigned                      n;
    const bigcache_record_t      *old;
    static const bigcache_str_t   empty = { 0, (u_char *) "" };

    n = 0;
    old = &write->old.record;
    expire = write->record ? write->record->expire : BIGCACHE_NEVER;

    changes[n].space = BIGCACHE_INDEX_KEY;
    changes[n].key = write->key;
    changes[n++].value = write->value;

    if (old->version
        && old->expire != BIGCACHE_NEVER
        && old->expire != expire)
    {
        changes[n].space = BIGCACHE_INDEX_EXPIRE;
        changes[n].key = bigcache_key_expire_name(write->was, &write->key,
                                                  old->expire);
        changes[n++].value = NULL;
    }

    if (expire != BIGCACHE_NEVER) {
        changes[n].space = BIGCACHE_INDEX_EXPIRE;
        changes[n].key = bigcache_key_expire_name(write->will, &write->key,
                                                  expire);
        changes[n++].value = &empty;
    }

    return n;
}


static void
bigcache_key_begin(bigcache_store_t *store, bigcache_key_write_t *write)
{
    write->hash = bigcache_hot_hash(store->conf.hot, &write->key);

    if (!bigcache_hot_begin(store->conf.hot, write->hash)) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": a process stopped inside the hot index, "
                     "which is out of use until nginx is started anew",
                     store->conf.path);
    }
}


/* what is in the index now counts */

static void
bigcache_key_account(bigcache_store_t *store,
    const bigcache_key_write_t *write)
{
    uint64_t                  size;
    const bigcache_record_t  *record;

    (void) atomic_fetch_add(&store->count,
                            (write->value != NULL) - write->old.found);

    record = &write->old.record;
    size = bigcache_page_size(&write->key, record);

    if (size) {
        bigcache_segments_live(store->segments, record->segment,
                               -(int64_t) size);
    }

    record = write->record;
    size = record ? bigcache_page_size(&write->key, record) : 0;

    if (size) {
        bigcache_segments_live(store->segments, record->segment,
                               (int64_t) size);
    }
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

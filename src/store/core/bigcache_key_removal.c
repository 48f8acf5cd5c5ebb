
/*
 * Copyright (C) bigcache contributors
 */


/* removes or marks many keys by one write to the index */


#include <stdlib.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_key_removal.h"
#include "bigcache_key_tags.h"
#include "bigcache_key_write.h"
#include "bigcache_names.h"


/* bytes for the keys of one removal */

#define BIGCACHE_KEY_REMOVAL_MEMORY  (64 * 1024)

/* a record that is longer is read again */

#define BIGCACHE_KEY_REMOVAL_RECORD  512


struct bigcache_key_removal_s {
    bigcache_key_write_t   writes[BIGCACHE_KEY_WRITES];
    bigcache_record_t      marked[BIGCACHE_KEY_WRITES];
    bigcache_str_t         bytes[BIGCACHE_KEY_WRITES];  /* of marked, or NULL */
    bigcache_str_t         values[BIGCACHE_KEY_WRITES]; /* of the index */
    bigcache_str_t         walked[BIGCACHE_KEY_WRITES]; /* of a walk, or NULL */
    int64_t                expires[BIGCACHE_KEY_WRITES];
    unsigned               n;
    size_t                 len;

    /* the writes under each lock that the walk has seen */
    uint64_t               seen[BIGCACHE_CORE_LOCKS];

    /* for each key: space for its expiry time, then the key, its record */
    u_char                 memory[BIGCACHE_KEY_REMOVAL_MEMORY];
};


static bigcache_rc_t bigcache_key_removal_take_locked(bigcache_store_t *store,
    bigcache_key_removal_t *removal, unsigned n,
    const bigcache_match_t *match, int *taken);
static bigcache_rc_t bigcache_key_removal_read_locked(
    bigcache_store_t *store, bigcache_key_removal_t *removal, unsigned n);
static void bigcache_key_removal_seen(bigcache_key_removal_t *removal,
    unsigned n);
static bigcache_rc_t bigcache_key_removal_mark_locked(
    bigcache_store_t *store, bigcache_key_removal_t *removal, unsigned n,
    const bigcache_match_t *match, int *taken);
static bigcache_rc_t bigcache_key_removal_leave_locked(
    bigcache_store_t *store, const bigcache_key_write_t *write,
    const bigcache_match_t *match);
static void bigcache_key_removal_free(bigcache_key_removal_t *removal,
    unsigned n);
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


void
bigcache_key_removal_look(bigcache_store_t *store,
    bigcache_key_removal_t *removal)
{
    unsigned  i;

    /* no write is under way while its lock is held: the walk will see it */

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        (void) pthread_mutex_lock(&store->keys[i]);
        removal->seen[i] = store->writes[i];
        (void) pthread_mutex_unlock(&store->keys[i]);
    }
}


int
bigcache_key_removal_add(bigcache_key_removal_t *removal,
    const bigcache_str_t *key, const bigcache_str_t *value, int64_t expire)
{
    size_t                 len;
    unsigned               i;
    bigcache_key_write_t  *write;

    /* a key that came twice would be subtracted twice from all counts */

    for (i = 0; i < removal->n; i++) {
        write = &removal->writes[i];

        if (bigcache_str_equal(&write->key, key)) {
            return 1;
        }
    }

    if (value && value->len > BIGCACHE_KEY_REMOVAL_RECORD) {
        value = NULL;
    }

    len = sizeof(int64_t) + key->len + (value ? value->len : 0);

    if (removal->n == BIGCACHE_KEY_WRITES
        || len > BIGCACHE_KEY_REMOVAL_MEMORY - removal->len)
    {
        return 0;
    }

    i = removal->n++;
    write = &removal->writes[i];

    /* the name of an expiry time is the time, then the key */

    write->was = removal->memory + removal->len;
    write->key = bigcache_str(write->was + sizeof(int64_t), key->len);
    write->record = NULL;
    write->value = NULL;

    memcpy(write->was + sizeof(int64_t), key->data, key->len);

    removal->expires[i] = expire;
    removal->walked[i].data = NULL;

    if (value) {
        removal->walked[i] = bigcache_str(write->key.data + key->len,
                                          value->len);

        memcpy((u_char *) removal->walked[i].data, value->data, value->len);
    }

    removal->len += len;

    return 1;
}


bigcache_rc_t
bigcache_key_removal_run(bigcache_store_t *store,
    bigcache_key_removal_t *removal, const bigcache_match_t *match,
    uint64_t *live, uint64_t *expired)
{
    int                    taken;
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
        removal->walked[n] = removal->walked[i];
        removal->expires[n] = removal->expires[i];

        rc = bigcache_key_removal_take_locked(store, removal, n, match,
                                              &taken);

        if (rc == BIGCACHE_OK && taken) {
            nexpired += write->old.expired;
            nlive += !write->old.expired && write->old.record.version;
            n++;

        } else {
            bigcache_key_removal_free(removal, n);
        }
    }

    if (rc == BIGCACHE_OK && n) {
        rc = bigcache_key_write_locked(store, removal->writes, n);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_key_removal_seen(removal, n);
    }

    while (n) {
        bigcache_key_removal_free(removal, --n);
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


/* reads the record of write n, and says in *taken whether it will change */

static bigcache_rc_t
bigcache_key_removal_take_locked(bigcache_store_t *store,
    bigcache_key_removal_t *removal, unsigned n,
    const bigcache_match_t *match, int *taken)
{
    bigcache_rc_t          rc;
    bigcache_key_write_t  *write;

    *taken = 0;

    write = &removal->writes[n];
    removal->bytes[n].data = NULL;

    rc = bigcache_key_removal_read_locked(store, removal, n);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!write->old.found
        || !bigcache_key_read_matches(&write->key, &write->old.record, match)
        || (match->expired
            && !bigcache_names_is_time(write->old.record.expire,
                                       removal->expires[n])))
    {
        return bigcache_key_removal_leave_locked(store, write, match);
    }

    if (match->selector && (match->selector->flags & BIGCACHE_SELECTOR_SOFT))
    {
        return bigcache_key_removal_mark_locked(store, removal, n, match,
                                                taken);
    }

    *taken = 1;

    return BIGCACHE_OK;
}


/* takes the record from the walk, if nothing can have changed it since */

static bigcache_rc_t
bigcache_key_removal_read_locked(bigcache_store_t *store,
    bigcache_key_removal_t *removal, unsigned n)
{
    unsigned               slot;
    bigcache_key_write_t  *write;

    write = &removal->writes[n];
    slot = bigcache_key_read_slot(&write->key);

    if (removal->walked[n].data == NULL
        || removal->seen[slot] != store->writes[slot])
    {
        return bigcache_key_read_value_locked(store, &write->key, &write->old,
                                              &removal->values[n]);
    }

    removal->values[n].data = NULL;

    bigcache_key_read_decode(store, &write->key, &removal->walked[n],
                             &write->old);

    return BIGCACHE_OK;
}


/* a write of this removal changes nothing that the walk has still to find */

static void
bigcache_key_removal_seen(bigcache_key_removal_t *removal, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        removal->seen[bigcache_key_read_slot(&removal->writes[i].key)]++;
    }
}


/*
 * Makes of a removal the mark of a soft purge.  A record that needs no mark may
 * still carry one that does.
 */

static bigcache_rc_t
bigcache_key_removal_mark_locked(bigcache_store_t *store,
    bigcache_key_removal_t *removal, unsigned n,
    const bigcache_match_t *match, int *taken)
{
    bigcache_rc_t          rc;
    bigcache_key_write_t  *write;

    write = &removal->writes[n];

    if (!write->old.live || (write->old.record.flags & BIGCACHE_FLAG_SOFT)) {
        return bigcache_key_write_strip_locked(store, &write->key, match);
    }

    rc = bigcache_key_write_mark(&write->key, &write->old, match,
                                 &removal->marked[n], &removal->bytes[n]);

    if (rc == BIGCACHE_OK) {
        write->record = &removal->marked[n];
        write->value = &removal->bytes[n];

        /* the expiry time stays as it is, so one name of it is enough */

        write->will = write->was;
        *taken = 1;
    }

    return rc;
}


/*
 * The record is not to be removed, but a previous record in it may be, or a
 * name of the tag that has led here and belongs to no record any more.
 */

static bigcache_rc_t
bigcache_key_removal_leave_locked(bigcache_store_t *store,
    const bigcache_key_write_t *write, const bigcache_match_t *match)
{
    char            error[BIGCACHE_ERROR_LEN];
    u_char          name[BIGCACHE_NAMES_MAX];
    uint64_t        hash;
    bigcache_rc_t   rc;
    bigcache_str_t  gone;

    hash = (match->selector && match->selector->tag.len)
           ? bigcache_tags_hash(&match->selector->tag) : 0;

    /* where names may be missing, a walk over the keys has led here */

    if (hash == 0
        || atomic_load(&store->unnamed)
        || bigcache_key_tags_has(&write->old.record, hash))
    {
        return write->old.found
               ? bigcache_key_write_strip_locked(store, &write->key, match)
               : BIGCACHE_OK;
    }

    rc = bigcache_fault_rc(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    gone = bigcache_names_make(name, &write->key, hash);
    rc = bigcache_index_set(store->index, BIGCACHE_NAMES_TAG, &gone, NULL,
                            error);

    return (rc == BIGCACHE_OK) ? rc
                               : bigcache_fault_write_failed(store, rc, error);
}


static void
bigcache_key_removal_free(bigcache_key_removal_t *removal, unsigned n)
{
    free((void *) removal->bytes[n].data);
    removal->bytes[n].data = NULL;

    bigcache_index_free(&removal->values[n]);
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

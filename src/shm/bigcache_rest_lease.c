
/*
 * Copyright (C) bigcache contributors
 */


/* buckets of leases of the REST API, each changed under a lock of its own */


#include <string.h>
#include <unistd.h>
#include <sys/random.h>

#include "bigcache_pidlock.h"
#include "bigcache_rest_lease.h"
#include "bigcache_siphash.h"


#define BIGCACHE_REST_LEASE_SLOTS      8

/*
 * How long a thread waits for a bucket, milliseconds.  To end a lease it waits
 * longer: else the others would wait for the time of the lease.
 */

#define BIGCACHE_REST_LEASE_PATIENCE   1
#define BIGCACHE_REST_LEASE_ENDING     100

/* bytes of a key that a slot keeps */

#define BIGCACHE_REST_LEASE_KEY        176

/*
 * Leases are counted by a hash of the address.  An address may have one of so
 * many parts of the table.  A count may be too high, since nobody notices that
 * the time of a lease is over; then leases are counted anew, at most so often,
 * milliseconds.
 */

#define BIGCACHE_REST_LEASE_ADDRESSES  1024
#define BIGCACHE_REST_LEASE_PART       4
#define BIGCACHE_REST_LEASE_RECOUNT    100


typedef enum {
    BIGCACHE_REST_LEASE_SLOT_FREE = 0,
    BIGCACHE_REST_LEASE_SLOT_HELD,
    BIGCACHE_REST_LEASE_SLOT_VOID,      /* until its key is removed */
    BIGCACHE_REST_LEASE_SLOT_STORED     /* at the time until */
} bigcache_rest_lease_slot_e;

/*
 * The state is written last, so that a slot is right at any time: the process
 * that changes it may be killed.
 */
typedef struct {
    uint64_t                    hash;
    uint64_t                    serial;
    uint64_t                    version;    /* or, if it is void, the removal
                                               for which it is */
    _Atomic int64_t             until;      /* read without the lock, too */
    u_char                      token[BIGCACHE_REST_LEASE_TOKEN];
    uint64_t                    key_len;    /* of all of it */
    uint32_t                    pid;        /* that has not told the client
                                               yet, or removes the key, or 0 */
    uint16_t                    address;
    _Atomic uint16_t            state;      /* BIGCACHE_REST_LEASE_SLOT_* */
    u_char                      unused[16];
    u_char                      key[BIGCACHE_REST_LEASE_KEY];
} bigcache_rest_lease_slot_t;

typedef struct {
    bigcache_pidlock_t          lock;
    uint8_t                     pad[60];
    bigcache_rest_lease_slot_t  slots[BIGCACHE_REST_LEASE_SLOTS];
} bigcache_rest_lease_bucket_t;

struct bigcache_rest_lease_shm_s {
    uint64_t                      seed[2];
    uint64_t                      nbuckets;
    uint64_t                      most;     /* leases of an address */
    uint8_t                       pad[32];

    _Atomic uint64_t              serial;   /* of the last lease */
    _Atomic uint64_t              waited;
    _Atomic uint64_t              timed_out;
    _Atomic uint64_t              returned;
    _Atomic uint64_t              removed;
    _Atomic uint64_t              refused;
    _Atomic uint64_t              full;
    _Atomic uint64_t              late;

    _Atomic int64_t               recounted;
    _Atomic uint64_t              removal;  /* the last one */
    uint8_t                       pad1[48];
    _Atomic int32_t               addresses[BIGCACHE_REST_LEASE_ADDRESSES];

    bigcache_rest_lease_bucket_t  buckets[];
};


static bigcache_rest_lease_bucket_t *bigcache_rest_lease_lock(
    bigcache_rest_lease_shm_t *shm, uint64_t hash, unsigned patience,
    bigcache_rest_lease_slot_t **slot);
static bigcache_rest_lease_e bigcache_rest_lease_taken(
    bigcache_rest_lease_shm_t *shm, bigcache_rest_lease_bucket_t *bucket,
    bigcache_rest_lease_slot_t *slot, uint16_t address,
    const bigcache_rest_lease_ask_t *ask, bigcache_rest_lease_t *lease);
static bigcache_rest_lease_bucket_t *bigcache_rest_lease_lock_key(
    bigcache_rest_lease_shm_t *shm, const bigcache_str_t *key,
    bigcache_rest_lease_slot_t **slot);
static bigcache_rest_lease_bucket_t *bigcache_rest_lease_lock_slot(
    bigcache_rest_lease_shm_t *shm, uint64_t i,
    bigcache_rest_lease_slot_t **slot);
static bigcache_rest_lease_slot_t *bigcache_rest_lease_room(
    bigcache_rest_lease_shm_t *shm, bigcache_rest_lease_bucket_t *bucket,
    int64_t now);
static void bigcache_rest_lease_finish(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, int64_t now, int stored);
static void bigcache_rest_lease_free(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot);
static uint64_t bigcache_rest_lease_void(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, uint64_t removal);
static void bigcache_rest_lease_end_void(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_bucket_t *bucket, bigcache_rest_lease_slot_t *slot,
    uint64_t removal);
static int bigcache_rest_lease_active(const bigcache_rest_lease_slot_t *slot);
static int bigcache_rest_lease_lost(const bigcache_rest_lease_slot_t *slot,
    int64_t now);
static void bigcache_rest_lease_lead(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, uint16_t address,
    const bigcache_rest_lease_ask_t *ask, bigcache_rest_lease_t *lease);
static void bigcache_rest_lease_state(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, bigcache_rest_lease_slot_e state);
static int bigcache_rest_lease_is(const bigcache_rest_lease_slot_t *slot,
    const bigcache_rest_lease_t *lease);
static int bigcache_rest_lease_equal(const u_char *one, const u_char *two);
static int bigcache_rest_lease_many(bigcache_rest_lease_shm_t *shm,
    uint16_t address, int64_t now);
static void bigcache_rest_lease_recount(bigcache_rest_lease_shm_t *shm,
    uint16_t address, int64_t now);


_Static_assert(sizeof(bigcache_rest_lease_slot_t) == 256,
               "a slot has 256 bytes");
_Static_assert(sizeof(bigcache_rest_lease_bucket_t) % 64 == 0,
               "slots are aligned");
_Static_assert(sizeof(bigcache_rest_lease_shm_t) % 64 == 0,
               "buckets are aligned");


bigcache_rest_lease_shm_t *
bigcache_rest_lease_create(void *memory, size_t size, const uint64_t seed[2])
{
    bigcache_rest_lease_shm_t  *shm;

    if (size < sizeof(bigcache_rest_lease_shm_t)
               + sizeof(bigcache_rest_lease_bucket_t))
    {
        return NULL;
    }

    shm = memory;

    shm->seed[0] = seed[0];
    shm->seed[1] = seed[1];
    shm->nbuckets = (size - sizeof(bigcache_rest_lease_shm_t))
                    / sizeof(bigcache_rest_lease_bucket_t);
    shm->most = shm->nbuckets * BIGCACHE_REST_LEASE_SLOTS
                / BIGCACHE_REST_LEASE_PART;

    return shm;
}


bigcache_rest_lease_e
bigcache_rest_lease_take(bigcache_rest_lease_shm_t *shm,
    const bigcache_rest_lease_ask_t *ask, bigcache_rest_lease_t *lease)
{
    uint16_t                       address;
    bigcache_rest_lease_e          rc;
    bigcache_rest_lease_ask_t      checked;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    /* clients choose the keys, so the hash has a secret */

    lease->hash = bigcache_siphash(shm->seed, ask->key.data, ask->key.len);

    address = (uint16_t) (bigcache_siphash(shm->seed, ask->address.data,
                                           ask->address.len)
                          % BIGCACHE_REST_LEASE_ADDRESSES);
    checked = *ask;

    if (ask->may) {

        /* a token is made before the lock is taken: it may take long */

        checked.may = !bigcache_rest_lease_many(shm, address, ask->now)
                      && getrandom(lease->token, BIGCACHE_REST_LEASE_TOKEN,
                                   GRND_NONBLOCK)
                         == BIGCACHE_REST_LEASE_TOKEN;
    }

    bucket = bigcache_rest_lease_lock(shm, lease->hash,
                                      BIGCACHE_REST_LEASE_PATIENCE, &slot);
    if (bucket == NULL) {
        return BIGCACHE_REST_LEASE_NONE;
    }

    rc = bigcache_rest_lease_taken(shm, bucket, slot, address, &checked,
                                   lease);

    bigcache_pidlock_unlock(&bucket->lock);

    if (rc == BIGCACHE_REST_LEASE_NONE && ask->may && !checked.may) {
        (void) atomic_fetch_add(&shm->refused, 1);
        return BIGCACHE_REST_LEASE_REFUSED;
    }

    return rc;
}


static bigcache_rest_lease_e
bigcache_rest_lease_taken(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_bucket_t *bucket, bigcache_rest_lease_slot_t *slot,
    uint16_t address, const bigcache_rest_lease_ask_t *ask,
    bigcache_rest_lease_t *lease)
{
    uint64_t  seen;

    seen = lease->serial;

    if (slot) {

        if (bigcache_rest_lease_active(slot)
            && !bigcache_rest_lease_lost(slot, ask->now))
        {
            lease->serial = slot->serial;
            lease->until = slot->until;

            return BIGCACHE_REST_LEASE_WAIT;
        }

        if (slot->state == BIGCACHE_REST_LEASE_SLOT_STORED
            && slot->until >= ask->since
            && slot->serial != seen)
        {
            lease->serial = slot->serial;

            return BIGCACHE_REST_LEASE_STORED;
        }
    }

    if (!ask->may) {
        return BIGCACHE_REST_LEASE_NONE;
    }

    if (slot == NULL) {
        slot = bigcache_rest_lease_room(shm, bucket, ask->now);

        if (slot == NULL) {
            (void) atomic_fetch_add(&shm->full, 1);
            return BIGCACHE_REST_LEASE_NONE;
        }

    } else if (slot->state == BIGCACHE_REST_LEASE_SLOT_HELD) {
        (void) atomic_fetch_add(&shm->timed_out, 1);
    }

    bigcache_rest_lease_lead(shm, slot, address, ask, lease);

    return BIGCACHE_REST_LEASE_LEADER;
}


int
bigcache_rest_lease_look(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_rest_lease_t *lease)
{
    int                            held;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = bigcache_rest_lease_lock(shm, lease->hash,
                                      BIGCACHE_REST_LEASE_PATIENCE, &slot);
    if (bucket == NULL) {

        /* the next look may find it */

        return now < lease->until;
    }

    held = bigcache_rest_lease_is(slot, lease)
           && !bigcache_rest_lease_lost(slot, now);

    bigcache_pidlock_unlock(&bucket->lock);

    return held;
}


void
bigcache_rest_lease_told(bigcache_rest_lease_shm_t *shm,
    const bigcache_rest_lease_t *lease)
{
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = bigcache_rest_lease_lock(shm, lease->hash,
                                      BIGCACHE_REST_LEASE_PATIENCE, &slot);
    if (bucket == NULL) {
        return;
    }

    if (bigcache_rest_lease_is(slot, lease)
        && slot->state == BIGCACHE_REST_LEASE_SLOT_HELD)
    {
        slot->pid = 0;
    }

    bigcache_pidlock_unlock(&bucket->lock);
}


int
bigcache_rest_lease_find(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_str_t *key, const u_char *token,
    bigcache_rest_lease_t *lease)
{
    int                            found;
    uint64_t                       hash;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    hash = bigcache_siphash(shm->seed, key->data, key->len);

    bucket = bigcache_rest_lease_lock(shm, hash, BIGCACHE_REST_LEASE_ENDING,
                                      &slot);
    if (bucket == NULL) {
        return 0;
    }

    /* the client has the token, whether or not its worker could note it */

    found = (slot && slot->state == BIGCACHE_REST_LEASE_SLOT_HELD
             && now < slot->until
             && bigcache_rest_lease_equal(slot->token, token));

    if (found) {
        slot->pid = 0;

        lease->hash = hash;
        lease->serial = slot->serial;
        lease->version = slot->version;
        lease->until = slot->until;
        memcpy(lease->token, token, BIGCACHE_REST_LEASE_TOKEN);
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return found;
}


int
bigcache_rest_lease_end(bigcache_rest_lease_shm_t *shm, int64_t now,
    int stored, const bigcache_rest_lease_t *lease)
{
    int                            rc;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = bigcache_rest_lease_lock(shm, lease->hash,
                                      BIGCACHE_REST_LEASE_ENDING, &slot);
    if (bucket == NULL) {

        /* its time will end it */

        return 1;
    }

    /* if another client has stored an entry, the later one stays */

    rc = (slot && slot->serial == lease->serial
          && slot->state != BIGCACHE_REST_LEASE_SLOT_VOID);

    if (rc && slot->state == BIGCACHE_REST_LEASE_SLOT_HELD) {
        bigcache_rest_lease_finish(shm, slot, now, stored);
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return rc;
}


void
bigcache_rest_lease_stored(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_str_t *key)
{
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = bigcache_rest_lease_lock_key(shm, key, &slot);
    if (bucket == NULL) {
        return;
    }

    if (slot && slot->state == BIGCACHE_REST_LEASE_SLOT_HELD) {
        bigcache_rest_lease_finish(shm, slot, now, 1);
    }

    bigcache_pidlock_unlock(&bucket->lock);
}


uint64_t
bigcache_rest_lease_remove(bigcache_rest_lease_shm_t *shm,
    const bigcache_str_t *key, uint64_t removal)
{
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = bigcache_rest_lease_lock_key(shm, key, &slot);
    if (bucket == NULL) {
        return removal;
    }

    if (slot) {
        removal = bigcache_rest_lease_void(shm, slot, removal);
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return removal;
}


uint64_t
bigcache_rest_lease_purge(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_pt handler, void *data)
{
    uint64_t                       i, removal;
    bigcache_str_t                 begin;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    removal = 0;

    for (i = 0; i < shm->nbuckets * BIGCACHE_REST_LEASE_SLOTS; i++) {

        bucket = bigcache_rest_lease_lock_slot(shm, i, &slot);

        if (bucket == NULL) {
            continue;
        }

        begin = bigcache_str(slot->key, slot->key_len);

        if (begin.len > BIGCACHE_REST_LEASE_KEY) {
            begin.len = BIGCACHE_REST_LEASE_KEY;
        }

        if (bigcache_rest_lease_active(slot)
            && handler(data, &begin, begin.len == slot->key_len))
        {
            removal = bigcache_rest_lease_void(shm, slot, removal);
        }

        bigcache_pidlock_unlock(&bucket->lock);
    }

    return removal;
}


void
bigcache_rest_lease_removed(bigcache_rest_lease_shm_t *shm,
    const bigcache_str_t *key, uint64_t removal)
{
    uint64_t                       i;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    if (key) {
        bucket = bigcache_rest_lease_lock_key(shm, key, &slot);
        bigcache_rest_lease_end_void(shm, bucket, slot, removal);
        return;
    }

    for (i = 0; i < shm->nbuckets * BIGCACHE_REST_LEASE_SLOTS; i++) {
        bucket = bigcache_rest_lease_lock_slot(shm, i, &slot);
        bigcache_rest_lease_end_void(shm, bucket, slot, removal);
    }
}


void
bigcache_rest_lease_waited(bigcache_rest_lease_shm_t *shm)
{
    (void) atomic_fetch_add(&shm->waited, 1);
}


void
bigcache_rest_lease_late(bigcache_rest_lease_shm_t *shm)
{
    (void) atomic_fetch_add(&shm->late, 1);
}


void
bigcache_rest_lease_stat(bigcache_rest_lease_shm_t *shm, int64_t now,
    bigcache_rest_lease_stat_t *stat)
{
    uint64_t                     i, j, over;
    bigcache_rest_lease_slot_t  *slot;

    stat->held = 0;
    over = 0;

    for (i = 0; i < shm->nbuckets; i++) {
        for (j = 0; j < BIGCACHE_REST_LEASE_SLOTS; j++) {

            slot = &shm->buckets[i].slots[j];

            if (atomic_load(&slot->state) != BIGCACHE_REST_LEASE_SLOT_HELD) {
                continue;
            }

            if (slot->until > now) {
                stat->held++;

            } else {
                over++;
            }
        }
    }

    stat->room = shm->nbuckets * BIGCACHE_REST_LEASE_SLOTS;
    stat->given = atomic_load(&shm->serial);
    stat->waited = atomic_load(&shm->waited);
    stat->timed_out = atomic_load(&shm->timed_out) + over;
    stat->returned = atomic_load(&shm->returned);
    stat->removed = atomic_load(&shm->removed);
    stat->refused = atomic_load(&shm->refused);
    stat->full = atomic_load(&shm->full);
    stat->late = atomic_load(&shm->late);
}


/*
 * Locks the bucket of a hash, and returns it and the slot of the hash, or NULL
 * if it has none.  Returns NULL if the lock is not to be had.
 */

static bigcache_rest_lease_bucket_t *
bigcache_rest_lease_lock(bigcache_rest_lease_shm_t *shm, uint64_t hash,
    unsigned patience, bigcache_rest_lease_slot_t **slot)
{
    unsigned                       i;
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = &shm->buckets[bigcache_siphash_bucket(hash, shm->nbuckets)];
    *slot = NULL;

    if (bigcache_pidlock(&bucket->lock, patience) == BIGCACHE_PIDLOCK_BUSY) {
        return NULL;
    }

    for (i = 0; i < BIGCACHE_REST_LEASE_SLOTS; i++) {

        if (bucket->slots[i].state != BIGCACHE_REST_LEASE_SLOT_FREE
            && bucket->slots[i].hash == hash)
        {
            *slot = &bucket->slots[i];
            break;
        }
    }

    return bucket;
}


/* locks the bucket of a key, for a call that ends its lease */

static bigcache_rest_lease_bucket_t *
bigcache_rest_lease_lock_key(bigcache_rest_lease_shm_t *shm,
    const bigcache_str_t *key, bigcache_rest_lease_slot_t **slot)
{
    uint64_t  hash;

    hash = bigcache_siphash(shm->seed, key->data, key->len);

    return bigcache_rest_lease_lock(shm, hash, BIGCACHE_REST_LEASE_ENDING,
                                    slot);
}


/* likewise the bucket of a slot of the table; NULL, too, if it has no lease */

static bigcache_rest_lease_bucket_t *
bigcache_rest_lease_lock_slot(bigcache_rest_lease_shm_t *shm, uint64_t i,
    bigcache_rest_lease_slot_t **slot)
{
    bigcache_rest_lease_bucket_t  *bucket;

    bucket = &shm->buckets[i / BIGCACHE_REST_LEASE_SLOTS];
    *slot = &bucket->slots[i % BIGCACHE_REST_LEASE_SLOTS];

    if (!bigcache_rest_lease_active(*slot)
        || bigcache_pidlock(&bucket->lock, BIGCACHE_REST_LEASE_ENDING)
           == BIGCACHE_PIDLOCK_BUSY)
    {
        return NULL;
    }

    return bucket;
}


/* returns a free slot, or NULL if each has a lease */

static bigcache_rest_lease_slot_t *
bigcache_rest_lease_room(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_bucket_t *bucket, int64_t now)
{
    unsigned                     i;
    bigcache_rest_lease_slot_t  *slot, *found;

    found = NULL;

    for (i = 0; i < BIGCACHE_REST_LEASE_SLOTS; i++) {

        slot = &bucket->slots[i];

        if (slot->state == BIGCACHE_REST_LEASE_SLOT_FREE) {
            return slot;
        }

        if (bigcache_rest_lease_active(slot)) {

            if (!bigcache_rest_lease_lost(slot, now)) {
                continue;
            }

            bigcache_rest_lease_free(shm, slot);
            return slot;
        }

        if (found == NULL || slot->until < found->until) {
            found = slot;
        }
    }

    return found;
}


/* a lease that is held ends */

static void
bigcache_rest_lease_finish(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, int64_t now, int stored)
{
    if (stored) {
        slot->until = now;
        bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_STORED);
        return;
    }

    (void) atomic_fetch_add(&shm->returned, 1);
    bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_FREE);
}


/* a lease that is lost ends */

static void
bigcache_rest_lease_free(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot)
{
    if (slot->state == BIGCACHE_REST_LEASE_SLOT_HELD) {
        (void) atomic_fetch_add(&shm->timed_out, 1);
    }

    bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_FREE);
}


/*
 * Makes a lease void, if there is one; of two removals the later one will end
 * it, as the earlier one is mostly done before.  Returns removal, or a new
 * number if that is 0.
 */

static uint64_t
bigcache_rest_lease_void(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, uint64_t removal)
{
    if (!bigcache_rest_lease_active(slot)) {
        return removal;
    }

    if (removal == 0) {
        removal = atomic_fetch_add(&shm->removal, 1) + 1;
    }

    if (slot->state == BIGCACHE_REST_LEASE_SLOT_HELD) {
        (void) atomic_fetch_add(&shm->removed, 1);
    }

    slot->pid = (uint32_t) getpid();
    slot->version = removal;
    bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_VOID);

    return removal;
}


/* ends the lease of a slot if it is void for the removal; unlocks its bucket */

static void
bigcache_rest_lease_end_void(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_bucket_t *bucket, bigcache_rest_lease_slot_t *slot,
    uint64_t removal)
{
    if (bucket == NULL) {
        return;
    }

    if (slot
        && slot->state == BIGCACHE_REST_LEASE_SLOT_VOID
        && slot->version == removal)
    {
        bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_FREE);
    }

    bigcache_pidlock_unlock(&bucket->lock);
}


/* returns 1 if others wait for what its client, or a removal, does */

static int
bigcache_rest_lease_active(const bigcache_rest_lease_slot_t *slot)
{
    uint16_t  state;

    state = atomic_load(&slot->state);

    return state == BIGCACHE_REST_LEASE_SLOT_HELD
           || state == BIGCACHE_REST_LEASE_SLOT_VOID;
}


/* returns 1 if its time is over, or its process has ended too early */

static int
bigcache_rest_lease_lost(const bigcache_rest_lease_slot_t *slot, int64_t now)
{
    return slot->until <= now
           || (slot->pid && bigcache_pidlock_dead(slot->pid));
}


static void
bigcache_rest_lease_lead(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, uint16_t address,
    const bigcache_rest_lease_ask_t *ask, bigcache_rest_lease_t *lease)
{
    size_t  len;

    bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_FREE);

    len = ask->key.len;

    slot->hash = lease->hash;
    slot->serial = atomic_fetch_add(&shm->serial, 1) + 1;
    slot->version = ask->version;
    slot->until = ask->now + ask->time;
    slot->pid = (uint32_t) getpid();
    slot->address = address;
    slot->key_len = len;
    memcpy(slot->token, lease->token, BIGCACHE_REST_LEASE_TOKEN);
    memcpy(slot->key, ask->key.data,
           len < BIGCACHE_REST_LEASE_KEY ? len : BIGCACHE_REST_LEASE_KEY);

    bigcache_rest_lease_state(shm, slot, BIGCACHE_REST_LEASE_SLOT_HELD);

    lease->serial = slot->serial;
    lease->version = slot->version;
    lease->until = slot->until;
}


static void
bigcache_rest_lease_state(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_slot_t *slot, bigcache_rest_lease_slot_e state)
{
    int  held;

    held = (state == BIGCACHE_REST_LEASE_SLOT_HELD)
           - (slot->state == BIGCACHE_REST_LEASE_SLOT_HELD);

    atomic_store(&slot->state, (uint16_t) state);

    if (held) {
        (void) atomic_fetch_add(&shm->addresses[slot->address], held);
    }
}


static int
bigcache_rest_lease_is(const bigcache_rest_lease_slot_t *slot,
    const bigcache_rest_lease_t *lease)
{
    return slot
           && bigcache_rest_lease_active(slot)
           && slot->serial == lease->serial;
}


/* takes as long for tokens that are nearly right */

static int
bigcache_rest_lease_equal(const u_char *one, const u_char *two)
{
    u_char    differ;
    unsigned  i;

    differ = 0;

    for (i = 0; i < BIGCACHE_REST_LEASE_TOKEN; i++) {
        differ |= one[i] ^ two[i];
    }

    return differ == 0;
}


/* returns 1 if an address has as many leases as it may */

static int
bigcache_rest_lease_many(bigcache_rest_lease_shm_t *shm, uint16_t address,
    int64_t now)
{
    int64_t            recounted;
    _Atomic int32_t   *n;

    n = &shm->addresses[address];

    if (atomic_load(n) < (int32_t) shm->most) {
        return 0;
    }

    recounted = atomic_load(&shm->recounted);

    if (now - recounted < BIGCACHE_REST_LEASE_RECOUNT
        || !atomic_compare_exchange_strong(&shm->recounted, &recounted, now))
    {
        return 1;
    }

    bigcache_rest_lease_recount(shm, address, now);

    return atomic_load(n) >= (int32_t) shm->most;
}


/* frees leases whose time is over, and corrects the count of an address */

static void
bigcache_rest_lease_recount(bigcache_rest_lease_shm_t *shm, uint16_t address,
    int64_t now)
{
    int32_t                        n;
    uint64_t                       i, j;
    bigcache_rest_lease_slot_t    *slot;
    bigcache_rest_lease_bucket_t  *bucket;

    n = 0;

    for (i = 0; i < shm->nbuckets; i++) {

        bucket = &shm->buckets[i];

        if (bigcache_pidlock(&bucket->lock, 0) == BIGCACHE_PIDLOCK_BUSY) {
            continue;
        }

        for (j = 0; j < BIGCACHE_REST_LEASE_SLOTS; j++) {

            slot = &bucket->slots[j];

            if (slot->state != BIGCACHE_REST_LEASE_SLOT_HELD
                || slot->address != address)
            {
                continue;
            }

            if (!bigcache_rest_lease_lost(slot, now)) {
                n++;
                continue;
            }

            bigcache_rest_lease_free(shm, slot);
        }

        bigcache_pidlock_unlock(&bucket->lock);
    }

    atomic_store(&shm->addresses[address], n);
}

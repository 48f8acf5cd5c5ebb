
/*
 * Copyright (C) bigcache contributors
 */


/* buckets of leases, each changed under a lock of its own */


#include <string.h>
#include <unistd.h>

#include "bigcache_lease.h"
#include "bigcache_pidlock.h"
#include "bigcache_siphash.h"


#define BIGCACHE_LEASE_SLOTS     6

/*
 * How long a thread waits for a bucket, milliseconds.  To end a lease it waits
 * longer: else all others would wait for the time of the lease.
 */

#define BIGCACHE_LEASE_PATIENCE  1
#define BIGCACHE_LEASE_ENDING    100


typedef enum {
    BIGCACHE_LEASE_SLOT_FREE = 0,
    BIGCACHE_LEASE_SLOT_HELD,       /* until its leader's time is over */
    BIGCACHE_LEASE_SLOT_OPEN,       /* given up: for the next caller */
    BIGCACHE_LEASE_SLOT_STORED,     /* at the time until */
    BIGCACHE_LEASE_SLOT_PASS,
    BIGCACHE_LEASE_SLOT_FAILED
} bigcache_lease_slot_e;

/*
 * The state is written last, so that a slot is right at any time: the process
 * that changes it may be killed.
 */
typedef struct {
    uint64_t              hash;
    uint64_t              serial;
    int64_t               until;
    uint32_t              pid;      /* of the leader */
    _Atomic uint16_t      state;    /* BIGCACHE_LEASE_SLOT_* */
    uint16_t              failures; /* in a row */
} bigcache_lease_slot_t;

typedef struct {
    bigcache_pidlock_t    lock;
    uint8_t               pad[60];
    bigcache_lease_slot_t slots[BIGCACHE_LEASE_SLOTS];
} bigcache_lease_bucket_t;

struct bigcache_lease_shm_s {
    uint64_t                 seed[2];
    uint64_t                 nbuckets;
    uint8_t                  pad[40];

    _Atomic uint64_t         serial;    /* of the last lease */
    _Atomic uint64_t         full;
    _Atomic uint64_t         taken_over;
    uint8_t                  pad1[40];

    bigcache_lease_bucket_t  buckets[];
};


static bigcache_lease_bucket_t *bigcache_lease_lock(bigcache_lease_shm_t *shm,
    uint64_t hash, unsigned patience, bigcache_lease_slot_t **slot);
static bigcache_lease_slot_t *bigcache_lease_room(
    bigcache_lease_bucket_t *bucket, int64_t now);
static int bigcache_lease_rank(const bigcache_lease_slot_t *slot, int64_t now);
static bigcache_lease_e bigcache_lease_slot(bigcache_lease_shm_t *shm,
    bigcache_lease_slot_t *slot, int64_t now, int64_t time,
    bigcache_lease_t *lease);
static int bigcache_lease_lost(const bigcache_lease_slot_t *slot, int64_t now);
static void bigcache_lease_state(bigcache_lease_slot_t *slot,
    bigcache_lease_slot_e state, int64_t until);
static bigcache_lease_e bigcache_lease_lead(bigcache_lease_shm_t *shm,
    bigcache_lease_slot_t *slot, int64_t until, bigcache_lease_t *lease);
static int64_t bigcache_lease_pause(const bigcache_lease_slot_t *slot,
    int64_t time, int64_t most);


_Static_assert(sizeof(bigcache_lease_slot_t) == 32, "a slot has 32 bytes");
_Static_assert(sizeof(bigcache_lease_bucket_t) == 256, "a bucket has 256");
_Static_assert(sizeof(bigcache_lease_shm_t) % 64 == 0, "buckets are aligned");


bigcache_lease_shm_t *
bigcache_lease_create(void *memory, size_t size, const uint64_t seed[2])
{
    bigcache_lease_shm_t  *shm;

    if (size < sizeof(bigcache_lease_shm_t) + sizeof(bigcache_lease_bucket_t))
    {
        return NULL;
    }

    shm = memory;

    shm->seed[0] = seed[0];
    shm->seed[1] = seed[1];
    shm->nbuckets = (size - sizeof(bigcache_lease_shm_t))
                    / sizeof(bigcache_lease_bucket_t);

    return shm;
}


bigcache_lease_e
bigcache_lease_take(bigcache_lease_shm_t *shm, const bigcache_str_t *key,
    int64_t now, int64_t since, int64_t time, bigcache_lease_t *lease)
{
    bigcache_lease_e          rc;
    bigcache_lease_t          seen;
    bigcache_lease_slot_t    *slot;
    bigcache_lease_bucket_t  *bucket;

    seen = *lease;
    memset(lease, 0, sizeof(bigcache_lease_t));

    /* clients choose the keys, so the hash has a secret */

    lease->hash = bigcache_siphash(shm->seed, key->data, key->len);

    bucket = bigcache_lease_lock(shm, lease->hash, BIGCACHE_LEASE_PATIENCE,
                                 &slot);

    if (bucket == NULL) {
        return BIGCACHE_LEASE_NONE;
    }

    if (slot == NULL) {
        slot = bigcache_lease_room(bucket, now);

        if (slot) {
            slot->hash = lease->hash;
            slot->failures = 0;

            rc = bigcache_lease_lead(shm, slot, now + time, lease);

        } else {
            (void) atomic_fetch_add(&shm->full, 1);
            rc = BIGCACHE_LEASE_NONE;
        }

    } else if (slot->state == BIGCACHE_LEASE_SLOT_STORED
               && (slot->until < since
                   || (seen.hash == slot->hash && seen.serial == slot->serial)))
    {
        /* the caller has looked for the page since then */

        rc = bigcache_lease_lead(shm, slot, now + time, lease);

    } else {
        rc = bigcache_lease_slot(shm, slot, now, time, lease);
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return rc;
}


bigcache_lease_e
bigcache_lease_look(bigcache_lease_shm_t *shm, int64_t now, int64_t time,
    bigcache_lease_t *lease)
{
    bigcache_lease_e          rc;
    bigcache_lease_slot_t    *slot;
    bigcache_lease_bucket_t  *bucket;

    bucket = bigcache_lease_lock(shm, lease->hash, BIGCACHE_LEASE_PATIENCE,
                                 &slot);

    if (bucket == NULL) {

        /* the next look may find it */

        return (now < lease->until) ? BIGCACHE_LEASE_WAIT
                                    : BIGCACHE_LEASE_NONE;
    }

    if (slot == NULL
        || (slot->state == BIGCACHE_LEASE_SLOT_HELD
            && slot->serial != lease->serial
            && !bigcache_lease_lost(slot, now)))
    {
        /* it was ended, and its room, or its key, has another lease since */

        rc = BIGCACHE_LEASE_STORED;

    } else {
        rc = bigcache_lease_slot(shm, slot, now, time, lease);
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return rc;
}


int
bigcache_lease_end(bigcache_lease_shm_t *shm, int64_t now, bigcache_lease_e as,
    int64_t time, int64_t most, const bigcache_lease_t *lease)
{
    int                       own;
    bigcache_lease_slot_t    *slot;
    bigcache_lease_bucket_t  *bucket;

    bucket = bigcache_lease_lock(shm, lease->hash, BIGCACHE_LEASE_ENDING,
                                 &slot);

    if (bucket == NULL) {

        /* its time will end it */

        return 0;
    }

    own = (slot && slot->state == BIGCACHE_LEASE_SLOT_HELD
           && slot->serial == lease->serial);

    if (own) {

        switch (as) {

        case BIGCACHE_LEASE_STORED:
            slot->failures = 0;
            bigcache_lease_state(slot, BIGCACHE_LEASE_SLOT_STORED, now);
            break;

        case BIGCACHE_LEASE_PASS:
            slot->failures = 0;
            bigcache_lease_state(slot, BIGCACHE_LEASE_SLOT_PASS, now + time);
            break;

        case BIGCACHE_LEASE_FAILED:
            time = bigcache_lease_pause(slot, time, most);

            if (slot->failures < UINT16_MAX) {
                slot->failures++;
            }

            bigcache_lease_state(slot, BIGCACHE_LEASE_SLOT_FAILED,
                                 now + time);
            break;

        default: /* BIGCACHE_LEASE_NONE */
            bigcache_lease_state(slot, BIGCACHE_LEASE_SLOT_OPEN, now);
        }
    }

    bigcache_pidlock_unlock(&bucket->lock);

    return own;
}


void
bigcache_lease_stat(bigcache_lease_shm_t *shm, bigcache_lease_stat_t *stat)
{
    uint64_t  i, j;

    stat->held = 0;

    for (i = 0; i < shm->nbuckets; i++) {
        for (j = 0; j < BIGCACHE_LEASE_SLOTS; j++) {
            stat->held += (atomic_load(&shm->buckets[i].slots[j].state)
                           == BIGCACHE_LEASE_SLOT_HELD);
        }
    }

    stat->room = shm->nbuckets * BIGCACHE_LEASE_SLOTS;
    stat->full = atomic_load(&shm->full);
    stat->taken_over = atomic_load(&shm->taken_over);
}


/*
 * Locks the bucket of a hash, and returns it and the slot of the hash, or NULL
 * if it has none.  Returns NULL if the lock is not to be had.
 */

static bigcache_lease_bucket_t *
bigcache_lease_lock(bigcache_lease_shm_t *shm, uint64_t hash,
    unsigned patience, bigcache_lease_slot_t **slot)
{
    unsigned                  i;
    bigcache_lease_bucket_t  *bucket;

    bucket = &shm->buckets[bigcache_siphash_bucket(hash, shm->nbuckets)];
    *slot = NULL;

    if (bigcache_pidlock(&bucket->lock, patience) == BIGCACHE_PIDLOCK_BUSY) {
        return NULL;
    }

    for (i = 0; i < BIGCACHE_LEASE_SLOTS; i++) {

        if (bucket->slots[i].state != BIGCACHE_LEASE_SLOT_FREE
            && bucket->slots[i].hash == hash)
        {
            *slot = &bucket->slots[i];
            break;
        }
    }

    return bucket;
}


/* returns the slot that is missed least, or NULL if each has a leader */

static bigcache_lease_slot_t *
bigcache_lease_room(bigcache_lease_bucket_t *bucket, int64_t now)
{
    int                     rank, least;
    unsigned                i;
    bigcache_lease_slot_t  *slot, *found;

    found = NULL;
    least = 4;

    for (i = 0; i < BIGCACHE_LEASE_SLOTS; i++) {

        slot = &bucket->slots[i];
        rank = bigcache_lease_rank(slot, now);

        if (rank < least
            || (found && rank == least && slot->until < found->until))
        {
            least = rank;
            found = slot;
        }
    }

    if (found) {
        bigcache_lease_state(found, BIGCACHE_LEASE_SLOT_FREE, 0);
    }

    return found;
}


static int
bigcache_lease_rank(const bigcache_lease_slot_t *slot, int64_t now)
{
    uint16_t  state;

    state = slot->state;

    switch (state) {

    case BIGCACHE_LEASE_SLOT_FREE:
        return 0;

    case BIGCACHE_LEASE_SLOT_HELD:
        return bigcache_lease_lost(slot, now) ? 2 : 4;

    case BIGCACHE_LEASE_SLOT_STORED:
        return 1;

    case BIGCACHE_LEASE_SLOT_OPEN:
        return 2;

    default: /* BIGCACHE_LEASE_SLOT_PASS, BIGCACHE_LEASE_SLOT_FAILED */
        return (slot->until <= now) ? 1 : 3;
    }
}


static bigcache_lease_e
bigcache_lease_slot(bigcache_lease_shm_t *shm, bigcache_lease_slot_t *slot,
    int64_t now, int64_t time, bigcache_lease_t *lease)
{
    uint16_t  state;

    state = slot->state;

    lease->serial = slot->serial;
    lease->until = slot->until;

    switch (state) {

    case BIGCACHE_LEASE_SLOT_STORED:
        return BIGCACHE_LEASE_STORED;

    case BIGCACHE_LEASE_SLOT_HELD:
        if (!bigcache_lease_lost(slot, now)) {
            return BIGCACHE_LEASE_WAIT;
        }

        (void) atomic_fetch_add(&shm->taken_over, 1);
        break;

    case BIGCACHE_LEASE_SLOT_OPEN:
        (void) atomic_fetch_add(&shm->taken_over, 1);
        break;

    default:
        if (slot->until > now) {
            return (state == BIGCACHE_LEASE_SLOT_PASS)
                   ? BIGCACHE_LEASE_PASS : BIGCACHE_LEASE_FAILED;
        }
    }

    return bigcache_lease_lead(shm, slot, now + time, lease);
}


/* returns 1 if the leader will not end the lease */

static int
bigcache_lease_lost(const bigcache_lease_slot_t *slot, int64_t now)
{
    return slot->until <= now || bigcache_pidlock_dead(slot->pid);
}


static bigcache_lease_e
bigcache_lease_lead(bigcache_lease_shm_t *shm, bigcache_lease_slot_t *slot,
    int64_t until, bigcache_lease_t *lease)
{
    atomic_store(&slot->state, BIGCACHE_LEASE_SLOT_FREE);

    slot->pid = (uint32_t) getpid();
    slot->serial = atomic_fetch_add(&shm->serial, 1) + 1;

    bigcache_lease_state(slot, BIGCACHE_LEASE_SLOT_HELD, until);

    lease->serial = slot->serial;
    lease->until = until;

    return BIGCACHE_LEASE_LEADER;
}


static void
bigcache_lease_state(bigcache_lease_slot_t *slot, bigcache_lease_slot_e state,
    int64_t until)
{
    slot->until = until;
    atomic_store(&slot->state, (uint16_t) state);
}


/* time, 2 * time, 4 * time ... and not more than most */

static int64_t
bigcache_lease_pause(const bigcache_lease_slot_t *slot, int64_t time,
    int64_t most)
{
    unsigned  i;

    for (i = 0; i < slot->failures && time < most; i++) {
        time *= 2;
    }

    return (time < most) ? time : most;
}

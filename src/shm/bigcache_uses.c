
/*
 * Copyright (C) bigcache contributors
 */


/* counts the uses of keys: buckets of eight counters in one cache line */


#include <stdatomic.h>

#include "bigcache_siphash.h"
#include "bigcache_uses.h"


#define BIGCACHE_USES_SLOTS  8

/* times that a caller tries, while others change the same bucket */

#define BIGCACHE_USES_TRIES  4


/*
 * A slot is one number, so that it changes at once: a part of the hash in the
 * upper 32 bits, the second of the last use in 24, the uses in 8.  0 is free.
 */

#define BIGCACHE_USES_TIME   8
#define BIGCACHE_USES_HASH   32
#define BIGCACHE_USES_CLOCK  0xffffff


typedef struct {
    _Atomic uint64_t         slots[BIGCACHE_USES_SLOTS];
} bigcache_uses_bucket_t;

struct bigcache_uses_shm_s {
    uint64_t                 seed[2];
    uint64_t                 nbuckets;
    uint8_t                  pad[40];

    bigcache_uses_bucket_t   buckets[];
};


static unsigned bigcache_uses_find(const bigcache_uses_bucket_t *bucket,
    uint64_t hash, uint64_t second, uint64_t *was);
static uint64_t bigcache_uses_age(uint64_t slot, uint64_t second);


_Static_assert(sizeof(bigcache_uses_shm_t) == 64, "buckets are aligned");


bigcache_uses_shm_t *
bigcache_uses_create(void *memory, size_t size, const uint64_t seed[2])
{
    bigcache_uses_shm_t  *shm;

    if (size < sizeof(bigcache_uses_shm_t) + sizeof(bigcache_uses_bucket_t)) {
        return NULL;
    }

    shm = memory;

    shm->seed[0] = seed[0];
    shm->seed[1] = seed[1];
    shm->nbuckets = (size - sizeof(bigcache_uses_shm_t))
                    / sizeof(bigcache_uses_bucket_t);

    return shm;
}


unsigned
bigcache_uses_add(bigcache_uses_shm_t *shm, const bigcache_str_t *key,
    int64_t now)
{
    unsigned                 i, tries;
    uint64_t                 hash, second, was, uses;
    bigcache_uses_bucket_t  *bucket;

    /* clients choose the keys, so the hash has a secret */

    hash = bigcache_siphash(shm->seed, key->data, key->len);
    bucket = &shm->buckets[bigcache_siphash_bucket(hash, shm->nbuckets)];

    /* the upper bits have chosen the bucket */

    hash &= UINT32_MAX;
    second = (uint64_t) (now / 1000) & BIGCACHE_USES_CLOCK;
    uses = 1;

    for (tries = 0; tries < BIGCACHE_USES_TRIES; tries++) {

        i = bigcache_uses_find(bucket, hash, second, &was);

        uses = (was && was >> BIGCACHE_USES_HASH == hash)
               ? (was & BIGCACHE_USES_MAX) + 1 : 1;

        if (uses > BIGCACHE_USES_MAX) {
            uses = BIGCACHE_USES_MAX;
        }

        if (atomic_compare_exchange_strong(&bucket->slots[i], &was,
                                           hash << BIGCACHE_USES_HASH
                                           | second << BIGCACHE_USES_TIME
                                           | uses))
        {
            break;
        }
    }

    return (unsigned) uses;
}


/* returns the slot of the hash, or the one that it is to take */

static unsigned
bigcache_uses_find(const bigcache_uses_bucket_t *bucket, uint64_t hash,
    uint64_t second, uint64_t *was)
{
    unsigned  i, n, found;
    uint64_t  slot, age, oldest;

    /* among those of one second it takes any, not always the first */

    found = (unsigned) (hash % BIGCACHE_USES_SLOTS);
    oldest = 0;
    *was = atomic_load(&bucket->slots[found]);

    for (n = 0; n < BIGCACHE_USES_SLOTS; n++) {

        i = (unsigned) ((hash + n) % BIGCACHE_USES_SLOTS);
        slot = atomic_load(&bucket->slots[i]);

        if (slot && slot >> BIGCACHE_USES_HASH == hash) {
            *was = slot;
            return i;
        }

        age = slot ? bigcache_uses_age(slot, second) : UINT64_MAX;

        if (age > oldest) {
            oldest = age;
            found = i;
            *was = slot;
        }
    }

    return found;
}


/* seconds; the clock goes round in half a year, and half of that counts */

static uint64_t
bigcache_uses_age(uint64_t slot, uint64_t second)
{
    uint64_t  age;

    age = (second - (slot >> BIGCACHE_USES_TIME)) & BIGCACHE_USES_CLOCK;

    /* another process may be ahead by a moment */

    return (age > BIGCACHE_USES_CLOCK / 2) ? 0 : age;
}

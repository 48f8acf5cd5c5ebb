
/*
 * Copyright (C) bigcache contributors
 */


/* a table of the purges under way, read without a lock */


#include <string.h>

#include "bigcache_purging.h"


#define BIGCACHE_PURGING_WORDS  (BIGCACHE_PURGING_BYTES / 8)

/* a slot that is being changed, and one that has a purge */

#define BIGCACHE_PURGING_BUSY   1
#define BIGCACHE_PURGING_USED   2
#define BIGCACHE_PURGING_STATE  3

/* a change of state counts up the rest of the word, so that readers see it */

#define BIGCACHE_PURGING_CHANGE 4


typedef struct {
    _Atomic uint64_t         state;
    _Atomic uint64_t         tag;
    _Atomic uint64_t         len;
    _Atomic uint64_t         words[BIGCACHE_PURGING_WORDS];
} bigcache_purging_slot_t;

struct bigcache_purging_shm_s {
    uint32_t                 slots;
    _Atomic uint32_t         held;
    _Atomic uint32_t         n;         /* slots that are not free */
    uint32_t                 unused;
    _Atomic uint64_t         ended;     /* purges that have ended, ever */
    uint8_t                  pad[40];

    bigcache_purging_slot_t  slot[];
};


static uint64_t bigcache_purging_set(bigcache_purging_slot_t *slot,
    uint64_t state);


_Static_assert(sizeof(bigcache_purging_slot_t) == 256, "a slot has 256 bytes");
_Static_assert(sizeof(bigcache_purging_shm_t) == 64, "slots are aligned");


size_t
bigcache_purging_size(unsigned slots)
{
    return sizeof(bigcache_purging_shm_t)
           + slots * sizeof(bigcache_purging_slot_t);
}


void
bigcache_purging_init(bigcache_purging_shm_t *shm, unsigned slots)
{
    shm->slots = slots;
}


int
bigcache_purging_begin(bigcache_purging_shm_t *shm,
    const bigcache_purging_t *purge)
{
    unsigned                  i, j;
    uint64_t                  state, words[BIGCACHE_PURGING_WORDS];
    bigcache_purging_slot_t  *slot;

    slot = NULL;

    for (i = 0; i < shm->slots; i++) {

        slot = &shm->slot[i];
        state = atomic_load(&slot->state);

        if ((state & BIGCACHE_PURGING_STATE) == 0
            && atomic_compare_exchange_strong(&slot->state, &state,
                                              state | BIGCACHE_PURGING_BUSY))
        {
            break;
        }
    }

    if (slot == NULL || i == shm->slots) {
        return -1;
    }

    /* the number first: a reader that sees none sees no purge in effect */

    (void) atomic_fetch_add(&shm->n, 1);

    memset(words, 0, sizeof(words));
    memcpy(words, purge->data, purge->len);

    atomic_store(&slot->tag, purge->tag);
    atomic_store(&slot->len, purge->len);

    for (j = 0; j < BIGCACHE_PURGING_WORDS; j++) {
        atomic_store(&slot->words[j], words[j]);
    }

    (void) bigcache_purging_set(slot, BIGCACHE_PURGING_USED);

    return (int) i;
}


void
bigcache_purging_end(bigcache_purging_shm_t *shm, int slot)
{
    /* before the slot is free: who sees that, sees this */

    (void) atomic_fetch_add(&shm->ended, 1);

    if (bigcache_purging_set(&shm->slot[slot], 0) & BIGCACHE_PURGING_STATE) {
        (void) atomic_fetch_sub(&shm->n, 1);
    }
}


void
bigcache_purging_hold(bigcache_purging_shm_t *shm)
{
    unsigned  i;

    atomic_store(&shm->held, 1);
    (void) atomic_fetch_add(&shm->ended, 1);

    for (i = 0; i < shm->slots; i++) {
        (void) bigcache_purging_set(&shm->slot[i], 0);
    }

    atomic_store(&shm->n, 0);
}


void
bigcache_purging_release(bigcache_purging_shm_t *shm)
{
    atomic_store(&shm->held, 0);
}


uint64_t
bigcache_purging_ended(bigcache_purging_shm_t *shm)
{
    return atomic_load(&shm->ended);
}


int
bigcache_purging_any(bigcache_purging_shm_t *shm, uint64_t ended)
{
    int  any;

    /* in this order: the number is complete when the table is released */

    any = (atomic_load(&shm->held) || atomic_load(&shm->n) != 0);

    return (atomic_load(&shm->ended) == ended) ? any : -1;
}


int
bigcache_purging_next(bigcache_purging_shm_t *shm, unsigned *at,
    bigcache_purging_t *purge)
{
    unsigned                  j;
    uint64_t                  state, words[BIGCACHE_PURGING_WORDS];
    bigcache_purging_slot_t  *slot;

    if (atomic_load(&shm->held)) {
        return -1;
    }

    for (; *at < shm->slots; (*at)++) {

        slot = &shm->slot[*at];
        state = atomic_load(&slot->state);

        if ((state & BIGCACHE_PURGING_STATE) == 0) {
            continue;
        }

        if (state & BIGCACHE_PURGING_BUSY) {
            return -1;
        }

        purge->tag = atomic_load(&slot->tag);
        purge->len = (uint32_t) atomic_load(&slot->len);

        for (j = 0; j < BIGCACHE_PURGING_WORDS; j++) {
            words[j] = atomic_load(&slot->words[j]);
        }

        if (atomic_load(&slot->state) != state
            || purge->len > BIGCACHE_PURGING_BYTES)
        {
            return -1;
        }

        memcpy(purge->data, words, sizeof(words));
        (*at)++;

        return 1;
    }

    return 0;
}


/* sets the state of a slot, and returns the word that was there */

static uint64_t
bigcache_purging_set(bigcache_purging_slot_t *slot, uint64_t state)
{
    uint64_t  was;

    was = atomic_load(&slot->state);

    while (!atomic_compare_exchange_weak(&slot->state, &was,
                                         ((was & ~(uint64_t)
                                           BIGCACHE_PURGING_STATE)
                                          + BIGCACHE_PURGING_CHANGE)
                                         | state))
    {
        /* void */
    }

    return was;
}

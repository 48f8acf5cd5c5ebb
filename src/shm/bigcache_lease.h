
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Leases, in shared memory: who makes a page that is missing or stale, so that
 * many requests for it ask the origin once.
 *
 * The first caller that takes the lease of a key is its leader.  The others
 * wait: each process looks at the leases it waits for, every few milliseconds.
 * The leader ends the lease, and says what came of it.  If it ends it without
 * a page, if its process dies, or if its time is over, the next caller that
 * looks becomes the leader.  What cannot be stored is remembered for a while,
 * so that nobody waits for it; so is an origin that failed, so that it is not
 * asked again at once.
 *
 * A lease is a promise of a page, not of anything else: a caller that finds no
 * room, or a table that another process does not leave, goes on without one.
 * Two keys with the same hash share a lease: then one of them waits in vain,
 * and looks for its page.
 *
 * The memory belongs to all processes of one nginx.  All times are those of
 * bigcache_time_monotonic(), milliseconds.  The calls wait for another process
 * to leave a bucket, for some instructions; for one that is stopped they wait
 * two milliseconds, and bigcache_lease_end() 100.  A killed one is noticed.
 * Any thread.
 */


#ifndef _BIGCACHE_LEASE_H_INCLUDED_
#define _BIGCACHE_LEASE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bigcache_str.h"


typedef struct bigcache_lease_shm_s  bigcache_lease_shm_t;

typedef enum {
    BIGCACHE_LEASE_LEADER = 0,  /* the caller makes the page */
    BIGCACHE_LEASE_WAIT,        /* another caller makes it */
    BIGCACHE_LEASE_STORED,      /* the lease was ended: look for the page */
    BIGCACHE_LEASE_PASS,        /* it cannot be stored: do not wait */
    BIGCACHE_LEASE_FAILED,      /* the origin failed: do not ask it yet */
    BIGCACHE_LEASE_NONE         /* no room: go on without a lease */
} bigcache_lease_e;

/* a lease that a caller leads, or waits for */

typedef struct {
    uint64_t            hash;
    uint64_t            serial;
    int64_t             until;  /* of WAIT, PASS and FAILED */
} bigcache_lease_t;

typedef struct {
    uint64_t            held;   /* leases with a leader */
    uint64_t            room;   /* leases that there is room for */
    uint64_t            full;   /* times that there was none */
    uint64_t            taken_over;
} bigcache_lease_stat_t;


/*
 * Makes a table of size bytes of zeroed memory, aligned to 64; seed: two
 * random numbers.  Returns NULL if the memory is too small.
 */
bigcache_lease_shm_t *bigcache_lease_create(void *memory, size_t size,
    const uint64_t seed[2]);

/*
 * Takes the lease of a key for "time" milliseconds, if it is free.  since: the
 * time before the caller looked for the page: a page that was stored after it
 * is BIGCACHE_LEASE_STORED.  *lease: zeroes, or the lease that was _STORED, if
 * the caller has looked for the page since and takes it again: both may be in
 * one millisecond.  Returns one of BIGCACHE_LEASE_*, and *lease for the calls
 * below.
 */
bigcache_lease_e bigcache_lease_take(bigcache_lease_shm_t *shm,
    const bigcache_str_t *key, int64_t now, int64_t since, int64_t time,
    bigcache_lease_t *lease);

/*
 * Looks at a lease that was BIGCACHE_LEASE_WAIT.  time: for how long to take
 * it, if its leader has given it up.  Returns one of BIGCACHE_LEASE_*.  A
 * caller that is told to look for the page, and finds none, must take the lease
 * again: the key may have another leader by now.
 */
bigcache_lease_e bigcache_lease_look(bigcache_lease_shm_t *shm, int64_t now,
    int64_t time, bigcache_lease_t *lease);

/*
 * The leader ends the lease.  as: BIGCACHE_LEASE_STORED; _PASS or _FAILED, for
 * "time" milliseconds, which double with each failure in a row, up to most; or
 * _NONE if it has no page, and another caller is to make it.  Returns 1, or 0
 * if nothing has changed: the lease is another leader's by now, or a stopped
 * process has its bucket, and its time will end it.
 */
int bigcache_lease_end(bigcache_lease_shm_t *shm, int64_t now,
    bigcache_lease_e as, int64_t time, int64_t most,
    const bigcache_lease_t *lease);

/* never waits */

void bigcache_lease_stat(bigcache_lease_shm_t *shm,
    bigcache_lease_stat_t *stat);


#endif /* _BIGCACHE_LEASE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Leases of the REST API, in shared memory: which client makes an entry that
 * is missing or stale, so that one of many clients makes it.
 *
 * The first caller that takes the lease of a key is its leader, and its client
 * gets a token.  The others wait: each process looks at the leases that its
 * requests wait for, every few milliseconds.  A lease ends when an entry is
 * stored under its key, when the key is removed, when the client gives it back,
 * or when its time is over.  While its key is removed, it is void: its token is
 * worth nothing, but the others still wait.  Else one of them might get a lease
 * with a version from before the removal, by which its put fails.  A lease is
 * the client's and not the process's: it outlives the process, unless that dies
 * before the client has been told.  bigcache_lease.h has the leases of pages,
 * which belong to processes.
 *
 * A lease carries the version of the cache from before its entry is made, by
 * which a put finds out that the entry was removed meanwhile.
 *
 * The table is bounded, and so is the part of it that one address has: a caller
 * that finds no room goes on without a lease.  A lease keeps the beginning of
 * its key, for removals by prefix.
 *
 * The memory belongs to all processes of one nginx.  All times are those of
 * bigcache_time_monotonic(), milliseconds.  The calls wait for another process
 * to leave a bucket, for some instructions; for one that is stopped they wait
 * two milliseconds, and those that end a lease 100.  Any thread.
 */


#ifndef _BIGCACHE_REST_LEASE_H_INCLUDED_
#define _BIGCACHE_REST_LEASE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bigcache_str.h"


#define BIGCACHE_REST_LEASE_TOKEN  16   /* bytes */


typedef struct bigcache_rest_lease_shm_s  bigcache_rest_lease_shm_t;

typedef enum {
    BIGCACHE_REST_LEASE_LEADER = 0, /* the client makes the entry */
    BIGCACHE_REST_LEASE_WAIT,       /* another client makes it */
    BIGCACHE_REST_LEASE_STORED,     /* the entry was stored: look for it */
    BIGCACHE_REST_LEASE_REFUSED,    /* the address has too many leases */
    BIGCACHE_REST_LEASE_NONE        /* no room, or nobody holds the lease */
} bigcache_rest_lease_e;

/* a lease that a client has, or that a request waits for */

typedef struct {
    uint64_t                   hash;
    uint64_t                   serial;
    uint64_t                   version;
    int64_t                    until;
    u_char                     token[BIGCACHE_REST_LEASE_TOKEN];
} bigcache_rest_lease_t;

typedef struct {
    bigcache_str_t             key;
    bigcache_str_t             address; /* of the client */
    int64_t                    now;
    int64_t                    since;   /* the time before the caller looked
                                           for the entry */
    int64_t                    time;    /* of the lease, ms */
    uint64_t                   version; /* of the cache, when the entry was
                                           missed */
    unsigned                   may:1;   /* the client may have a lease */
} bigcache_rest_lease_ask_t;

typedef struct {
    uint64_t                   held;    /* leases now */
    uint64_t                   room;    /* leases that there is room for */
    uint64_t                   given;
    uint64_t                   waited;  /* requests that have waited */
    uint64_t                   timed_out;
    uint64_t                   returned;
    uint64_t                   removed; /* leases ended by a removal */
    uint64_t                   refused; /* an address had too many */
    uint64_t                   full;    /* times that there was no room */
    uint64_t                   late;    /* writes with a token that had ended */
} bigcache_rest_lease_stat_t;

typedef int (*bigcache_rest_lease_pt)(void *data, const bigcache_str_t *begin,
    int whole);


/*
 * Makes a table of size bytes of zeroed memory, aligned to 64; seed: two
 * random numbers.  Returns NULL if the memory is too small.
 */
bigcache_rest_lease_shm_t *bigcache_rest_lease_create(void *memory,
    size_t size, const uint64_t seed[2]);

/*
 * Takes the lease of a key for ask->time.  *lease: zeroes; or the lease that
 * was _STORED, if the caller has looked for the entry since and takes it again:
 * both may be in one millisecond.  Returns _LEADER, with *lease all set;
 * _WAIT, with what bigcache_rest_lease_look() needs; or another one of
 * BIGCACHE_REST_LEASE_*.  If ask->may is 0, it never returns _LEADER.
 *
 * The leader must call bigcache_rest_lease_told() when the client has the
 * token, or bigcache_rest_lease_end() if it cannot be told.
 */
bigcache_rest_lease_e bigcache_rest_lease_take(bigcache_rest_lease_shm_t *shm,
    const bigcache_rest_lease_ask_t *ask, bigcache_rest_lease_t *lease);

/* returns 1 if a lease that was _WAIT is still held, or 0 */

int bigcache_rest_lease_look(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_rest_lease_t *lease);

/* the client has the token: from now on the lease outlives this process */

void bigcache_rest_lease_told(bigcache_rest_lease_shm_t *shm,
    const bigcache_rest_lease_t *lease);

/*
 * Finds the lease of a key by its token.  Returns 1 and *lease; or 0 if there
 * is none: it has ended, or belongs to another key.
 */
int bigcache_rest_lease_find(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_str_t *key, const u_char *token,
    bigcache_rest_lease_t *lease);

/*
 * Ends a lease; stored: with an entry.  Returns 1; or 0 if it had been ended
 * without an entry, so that one that its client has stored since is void.
 */
int bigcache_rest_lease_end(bigcache_rest_lease_shm_t *shm, int64_t now,
    int stored, const bigcache_rest_lease_t *lease);

/* an entry was stored under a key: its lease ends, whoever has it */

void bigcache_rest_lease_stored(bigcache_rest_lease_shm_t *shm, int64_t now,
    const bigcache_str_t *key);

/*
 * The key is about to be removed: makes its lease void.  removal: 0, or what an
 * earlier call for the same removal has returned.  Returns removal, or, if that
 * is 0 and there is a lease, a number of the removal that is not 0.  The caller
 * must give that to bigcache_rest_lease_removed(); if its process ends before,
 * the lease ends.
 */
uint64_t bigcache_rest_lease_remove(bigcache_rest_lease_shm_t *shm,
    const bigcache_str_t *key, uint64_t removal);

/*
 * Likewise for the leases for which handler, called with a lock held, returns
 * 1.  It gets how the key begins, and whether that is all of it.  If a lease is
 * void that need not be, its client makes the entry in vain, and no more.
 */
uint64_t bigcache_rest_lease_purge(bigcache_rest_lease_shm_t *shm,
    bigcache_rest_lease_pt handler, void *data);

/*
 * A read finds nothing any more of what the removal concerns, and has a later
 * version: ends the leases that are void for it, that of a key, or, if key is
 * NULL, all.
 */
void bigcache_rest_lease_removed(bigcache_rest_lease_shm_t *shm,
    const bigcache_str_t *key, uint64_t removal);

/* count; never wait */

void bigcache_rest_lease_waited(bigcache_rest_lease_shm_t *shm);
void bigcache_rest_lease_late(bigcache_rest_lease_shm_t *shm);
void bigcache_rest_lease_stat(bigcache_rest_lease_shm_t *shm, int64_t now,
    bigcache_rest_lease_stat_t *stat);


#endif /* _BIGCACHE_REST_LEASE_H_INCLUDED_ */

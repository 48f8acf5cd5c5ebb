
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The hot index, in shared memory: where recently used pages are, and which
 * recently used keys have no page.  A look-up needs no lock, no system call
 * and no other process, so an event loop may make it.  Its result is always
 * that of the index of the store.
 *
 * The memory belongs to all processes of one nginx.  It is an array of
 * buckets; a key belongs to one bucket, which holds a few entries.
 *
 * The owner calls bigcache_hot_begin() before it changes a key, and
 * bigcache_hot_end() after.  The first drops the key's entry, and until the
 * second no process finds or enters anything in its bucket.  A thread that
 * looks a key up in the index of the store calls bigcache_hot_note() before.
 * What it finds is entered only if nothing in the bucket has changed since.
 *
 * A purge is noted beside the buckets as long as it is under way, see
 * bigcache_purging.h: who finds an entry must look there, too.
 *
 * After a binary upgrade there are two such memories.  The directory has one
 * number, its generation, which grows each time that a process opens it.  A
 * memory is valid only while it has the same number, of the same directory.
 * docs/hot.md explains why all this is correct.
 *
 * If a process is killed while it changes a bucket, the next process notices
 * that by its pid, and empties the bucket.
 *
 * bigcache_hot_find() and bigcache_hot_stat() never wait.  The other calls may
 * wait for another process to leave a bucket, for a few instructions.  Any
 * thread.
 */


#ifndef _BIGCACHE_HOT_H_INCLUDED_
#define _BIGCACHE_HOT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>

#include "bigcache_purging.h"
#include "bigcache_str.h"


typedef struct bigcache_hot_shm_s  bigcache_hot_shm_t;

/* the hot index as a process sees it */

typedef struct {
    bigcache_hot_shm_t                *shm;

    /* of the directory; NULL: not known, nothing is found or entered */
    _Atomic(const _Atomic uint64_t *)  generation;

    /* which directory that is */
    _Atomic uint64_t                   place;
} bigcache_hot_t;

/* where a page is; if its version is 0, there is none, and all else is 0 */

typedef struct {
    uint64_t          version;
    uint64_t          segment;
    uint64_t          offset;   /* of the entry in the segment */
    uint64_t          size;     /* of the entry with the body, bytes */
} bigcache_hot_entry_t;

typedef struct {
    uint64_t          hash;
    uint64_t          generation;  /* 0: nothing may be entered */
    uint64_t          all;
    uint64_t          changes;
} bigcache_hot_note_t;

typedef struct {
    uint64_t          entries;
    uint64_t          bytes;    /* that they take */
    uint64_t          room;     /* entries that there is room for */
    uint64_t          hits;     /* pages and misses that were found */
} bigcache_hot_stat_t;


/*
 * Returns how large the shared memory of a store should be, in bytes, if the
 * user has not said it.  memory: that of the machine or the container, 0: not
 * known; n: stores that share it.  The result is a number of megabytes.
 */
size_t bigcache_hot_size(uint64_t memory, unsigned n);

/*
 * Makes a hot index of size bytes of zeroed memory, aligned to 64; seed: two
 * random numbers.  Returns NULL if the memory is too small.
 */
bigcache_hot_shm_t *bigcache_hot_create(void *memory, size_t size,
    const uint64_t seed[2]);

/*
 * Returns the table of the purges under way.  What bigcache_hot_find() has
 * found is good only if none of them selects it.
 */
bigcache_purging_shm_t *bigcache_hot_purging(bigcache_hot_t *hot);

/* returns the hash of a key, for all calls below */

uint64_t bigcache_hot_hash(bigcache_hot_t *hot, const bigcache_str_t *key);

/* returns 1 and *entry if the key has an entry, or 0 */

int bigcache_hot_find(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_entry_t *entry);

/* counts a request that was answered from an entry */

void bigcache_hot_hit(bigcache_hot_t *hot);

/* remembers the state of the key's bucket, before the key is looked up */

void bigcache_hot_note(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_note_t *note);

/*
 * enters the result of the look-up, if the bucket has not changed since the
 * note
 */

void bigcache_hot_enter(bigcache_hot_t *hot, const bigcache_hot_note_t *note,
    const bigcache_hot_entry_t *entry);

/*
 * The caller must call both around each change of a key, even if the change
 * fails.  bigcache_hot_begin() returns 1; or 0, once, if it found that the hot
 * index cannot be used any more.
 */
int bigcache_hot_begin(bigcache_hot_t *hot, uint64_t hash);
void bigcache_hot_end(bigcache_hot_t *hot, uint64_t hash);

/* the same, around a change of any number of keys */

void bigcache_hot_begin_all(bigcache_hot_t *hot);
void bigcache_hot_end_all(bigcache_hot_t *hot);

/*
 * For the owner, in its generation of the directory.
 *
 * carry: the owner has locked the directory, whose generation was "before", and
 * has not opened it yet.  If the owner of that generation handed the entries
 * over, they are found meanwhile, and if the opening fails they are handed over
 * to the next one.  Returns 1 in that case; or 0.
 *
 * open: the owner has opened the directory.  Entries stay if the owner of
 * generation "before" handed them over, or if they were carried; if before is
 * 0, none stay.
 *
 * hand_over: all changes have ended well.  The entries can be found until the
 * next owner opens the directory, which may keep them.
 *
 * shut: nothing is found any more.
 *
 * The last two do nothing if the memory belongs to another generation by now.
 */
int bigcache_hot_carry(bigcache_hot_t *hot, uint64_t place, uint64_t before,
    uint64_t generation);
void bigcache_hot_open(bigcache_hot_t *hot, uint64_t before,
    uint64_t generation);
void bigcache_hot_hand_over(bigcache_hot_t *hot, uint64_t generation);
void bigcache_hot_shut(bigcache_hot_t *hot, uint64_t generation);

void bigcache_hot_stat(bigcache_hot_t *hot, bigcache_hot_stat_t *stat);


#endif /* _BIGCACHE_HOT_H_INCLUDED_ */

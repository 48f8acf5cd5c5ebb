
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The hot index: where the pages lie that were asked for lately, or that they
 * are not there, in shared memory.  It answers without a lock, a system call
 * or the process that has the store open, so it may be asked in an event
 * loop; and it never says what the index of the store would not say.
 *
 * The memory belongs to all processes of one nginx.  It is an array of
 * buckets; a key belongs to one of them, which holds a few entries.
 *
 * Who changes a key, in the process that has the store open, says so before
 * and after: bigcache_hot_begin() drops its entry, and until
 * bigcache_hot_end() nobody finds or enters anything in its bucket.  Who
 * looked a key up may enter what he found only if he made a note before that
 * and nothing in the bucket was changed since.  Purges do the same with all
 * buckets at once.
 *
 * After a binary upgrade there are two such memories.  The directory has one
 * number, its turn, which grows each time that a process opens it; the memory
 * counts only while it has the same number, of the same directory.
 * docs/hot.md argues all this.
 *
 * A process that is killed while it changes a bucket is found out by its pid,
 * and the bucket is emptied.
 *
 * bigcache_hot_find() and bigcache_hot_stat() never wait; the others may, for
 * another process to leave a bucket: a few instructions.  Any thread.
 */


#ifndef _BIGCACHE_HOT_H_INCLUDED_
#define _BIGCACHE_HOT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>

#include "bigcache_str.h"


typedef struct bigcache_hot_shm_s  bigcache_hot_shm_t;

/* the hot index as a process sees it */

typedef struct {
    bigcache_hot_shm_t                *shm;

    /* of the directory, NULL: not known, nothing is found or entered */
    _Atomic(const _Atomic uint64_t *)  turn;

    /* which directory that is */
    _Atomic uint64_t                   place;
} bigcache_hot_t;

/* where a page is, or, if its version is 0, that there is none */

typedef struct {
    uint64_t          version;
    uint64_t          segment;
    uint64_t          offset;   /* of the entry in the segment */
    uint64_t          size;     /* of the entry with the body, bytes */
} bigcache_hot_entry_t;

typedef struct {
    uint64_t          hash;
    uint64_t          turn;     /* 0: nothing may be entered */
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
 * Makes a hot index of size bytes of zeroed memory, aligned to 64; seed: two
 * random numbers.  Returns NULL if the memory is too small.
 */
bigcache_hot_shm_t *bigcache_hot_create(void *memory, size_t size,
    const uint64_t seed[2]);

/* returns the hash of a key, for all calls below */

uint64_t bigcache_hot_hash(bigcache_hot_t *hot, const bigcache_str_t *key);

/* returns 1 and *entry if it knows of the key, or 0 */

int bigcache_hot_find(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_entry_t *entry);

/* counts a request that was answered by what was found */

void bigcache_hot_hit(bigcache_hot_t *hot);

/* notes what is to stand when the key has been looked up */

void bigcache_hot_note(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_note_t *note);

/* enters what was found after the note, if nothing was changed since */

void bigcache_hot_enter(bigcache_hot_t *hot, const bigcache_hot_note_t *note,
    const bigcache_hot_entry_t *entry);

/*
 * Around the change of a key, whatever comes of it.  begin returns 1, but for
 * once: 0 if it found out that the index is of no use any more.
 */
int bigcache_hot_begin(bigcache_hot_t *hot, uint64_t hash);
void bigcache_hot_end(bigcache_hot_t *hot, uint64_t hash);

/* around a change of any number of keys */

void bigcache_hot_begin_all(bigcache_hot_t *hot);
void bigcache_hot_end_all(bigcache_hot_t *hot);

/*
 * For the process that has the directory, in its turn.  open: it has it now,
 * after the one that had the turn before; what the latter handed over stays,
 * nothing if before is 0.  hand_over: everything was ended well, and whoever
 * takes the next turn may go on with the entries, which are found until then.
 * shut: nothing is found any more.  Both do nothing if the memory has come to
 * belong to another turn.
 */
void bigcache_hot_open(bigcache_hot_t *hot, uint64_t before, uint64_t turn);
void bigcache_hot_hand_over(bigcache_hot_t *hot, uint64_t turn);
void bigcache_hot_shut(bigcache_hot_t *hot, uint64_t turn);

void bigcache_hot_stat(bigcache_hot_t *hot, bigcache_hot_stat_t *stat);


#endif /* _BIGCACHE_HOT_H_INCLUDED_ */

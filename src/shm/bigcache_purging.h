
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The purges that are under way, in shared memory.  While a purge is here, an
 * event loop does not answer from the hot index for the pages that it may
 * select: a thread looks at the index of the store, and so at the list of
 * purges, for them.  All other pages are answered from the hot index as
 * before.
 *
 * The owner adds a purge before it takes effect, and removes it when the last
 * of its records is removed or marked.  There is a bounded number of slots.  If
 * all are taken, the owner must make the hot index forget all that it has,
 * once.
 *
 * A table belongs to the hot index beside which it lies, and its owner.
 * Readers need no lock and never wait.  Any thread.
 */


#ifndef _BIGCACHE_PURGING_H_INCLUDED_
#define _BIGCACHE_PURGING_H_INCLUDED_


#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


/* bytes of a purge: of what it selects by the key; the reader decodes them */

#define BIGCACHE_PURGING_BYTES  232


typedef struct bigcache_purging_shm_s  bigcache_purging_shm_t;

typedef struct {
    uint64_t    tag;        /* the hash of its tag; 0: it has none */
    uint32_t    len;
    u_char      data[BIGCACHE_PURGING_BYTES];
} bigcache_purging_t;


/* returns the bytes of a table with so many slots, a multiple of 64 */

size_t bigcache_purging_size(unsigned slots);

/* makes a table of that size in zeroed memory, aligned to 64 */

void bigcache_purging_init(bigcache_purging_shm_t *shm, unsigned slots);

/* adds a purge; returns its slot, or -1 if there is none free */

int bigcache_purging_begin(bigcache_purging_shm_t *shm,
    const bigcache_purging_t *purge);

/* removes the purge in that slot */

void bigcache_purging_end(bigcache_purging_shm_t *shm, int slot);

/*
 * For a process that has opened the directory, and does not know what the last
 * owner has left here: hold empties the table, and from then on readers must
 * take it that all pages are selected, until it has added all purges and
 * called release.
 */
void bigcache_purging_hold(bigcache_purging_shm_t *shm);
void bigcache_purging_release(bigcache_purging_shm_t *shm);

/*
 * A reader calls bigcache_purging_ended() before it looks into the hot index,
 * and bigcache_purging_any() with the result after that.  The second returns 0
 * if what was found there is good, which is nearly always so; 1 if it is good
 * unless one of the purges selects it; or -1 if a purge has ended in between:
 * the caller must take it that the page was selected.
 */
uint64_t bigcache_purging_ended(bigcache_purging_shm_t *shm);
int bigcache_purging_any(bigcache_purging_shm_t *shm, uint64_t ended);

/*
 * Copies the purge at *at, which is 0 for the first one, and moves *at to the
 * next.  Returns 1; 0 if there are no more; or -1 if it cannot tell: the
 * caller must take it that the page is selected.  After a 0 the caller must
 * call bigcache_purging_any() once more: it must not return -1.
 */
int bigcache_purging_next(bigcache_purging_shm_t *shm, unsigned *at,
    bigcache_purging_t *purge);


#endif /* _BIGCACHE_PURGING_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the process that has the store open does for others, its peers, who
 * write pages and read them by themselves: it lends them room in segments,
 * and changes the index for them.
 *
 * A loan is a range of the active segment, which stays pinned until the peer
 * gives it back, or is gone, or the store is closed: then the peer may still
 * write there, but the index takes nothing that lies outside of a loan.
 * Peers are told apart by a number of their own.
 *
 * All calls may return BIGCACHE_CLOSED, BIGCACHE_HELD, BIGCACHE_UNAVAILABLE
 * and BIGCACHE_ERROR, as those of bigcache_store.h do; they block; any thread.
 */


#ifndef _BIGCACHE_REMOTE_H_INCLUDED_
#define _BIGCACHE_REMOTE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_record.h"
#include "bigcache_segments.h"


/* the process itself among the peers, none of which has this number */

#define BIGCACHE_REMOTE_SELF  0


typedef struct bigcache_loan_s  bigcache_loan_t;

typedef struct {
    pthread_mutex_t      mutex;
    bigcache_loan_t     *first;
} bigcache_loans_t;


void bigcache_loans_init(bigcache_loans_t *loans);
void bigcache_loans_destroy(bigcache_loans_t *loans);

/* ends all loans, when the store is being closed and nobody is inside */

void bigcache_loans_forget(bigcache_loans_t *loans,
    bigcache_segments_t *segments);

/*
 * Lends at least size bytes, most if a segment has plenty of them.  Returns
 * BIGCACHE_OK, and where in *id, *offset and *size; BIGCACHE_FULL; or
 * BIGCACHE_INVALID if a peer wants more loans than it can use.
 */
bigcache_rc_t bigcache_store_lend(bigcache_store_t *store, uint64_t peer,
    uint64_t most, uint64_t *id, uint64_t *offset, uint64_t *size);

/* a peer found the disk full */

void bigcache_store_is_full(bigcache_store_t *store);

/* ends the loan that begins there; all loans of a peer */

void bigcache_store_take_back(bigcache_store_t *store, uint64_t peer,
    uint64_t id, uint64_t offset);
void bigcache_store_gone(bigcache_store_t *store, uint64_t peer);

/*
 * Stores the len bytes at value, an index record that the peer has made, whose
 * entry lies in a loan of his or which has its body; the version in it is set.
 * Returns BIGCACHE_OK and *record; BIGCACHE_MISMATCH or BIGCACHE_FULL;
 * BIGCACHE_STALE if the entry lies in no loan, so that it has to be written
 * again; BIGCACHE_EXTERNAL if bodies have no room in the index;
 * BIGCACHE_INVALID if the bytes are no record.
 *
 * since: 0, or a call with all the same was made before, whose answer was
 * lost, when no later version than that had been given out.  What it has done
 * is not done again.
 */
bigcache_rc_t bigcache_store_commit(bigcache_store_t *store, uint64_t peer,
    const bigcache_str_t *key, uint64_t expect, uint64_t since,
    u_char *value, size_t len, bigcache_record_t *record);


#endif /* _BIGCACHE_REMOTE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_dir.h"
#include "bigcache_import.h"
#include "bigcache_key.h"
#include "bigcache_life.h"
#include "bigcache_remote.h"
#include "bigcache_room.h"


/* a loan of more than was asked for is that part of a segment at most */

#define BIGCACHE_REMOTE_SHARE  16

/* loans of a peer: one for each of its threads, and one more, are in use */

#define BIGCACHE_REMOTE_LOANS  1024


struct bigcache_loan_s {
    bigcache_loan_t     *next;
    uint64_t             peer;
    bigcache_place_t     place;
    uint64_t             size;
    unsigned             users;     /* calls that change the index */
    unsigned             ended:1;   /* the last of them gives it back */
};


static bigcache_rc_t bigcache_remote_reserve(bigcache_store_t *store,
    bigcache_loan_t *loan, uint64_t most);
static void bigcache_remote_end(bigcache_store_t *store, uint64_t peer,
    uint64_t id, uint64_t offset);
static unsigned bigcache_remote_loans(bigcache_store_t *store, uint64_t peer);
static bigcache_loan_t *bigcache_remote_use(bigcache_store_t *store,
    uint64_t peer, const bigcache_record_t *record, uint64_t size);
static void bigcache_remote_leave(bigcache_store_t *store,
    bigcache_loan_t *loan);
static void bigcache_remote_free(bigcache_store_t *store,
    bigcache_loan_t *loan);
static bigcache_rc_t bigcache_remote_commit(bigcache_store_t *store,
    uint64_t peer, const bigcache_str_t *key, uint64_t expect,
    uint64_t since, bigcache_draft_t *draft);


void
bigcache_loans_init(bigcache_loans_t *loans)
{
    (void) pthread_mutex_init(&loans->mutex, NULL);
}


void
bigcache_loans_destroy(bigcache_loans_t *loans)
{
    (void) pthread_mutex_destroy(&loans->mutex);
}


void
bigcache_loans_forget(bigcache_loans_t *loans, bigcache_segments_t *segments)
{
    bigcache_loan_t  *loan;

    (void) pthread_mutex_lock(&loans->mutex);

    while (loans->first) {
        loan = loans->first;
        loans->first = loan->next;

        bigcache_segments_done(segments, &loan->place);
        free(loan);
    }

    (void) pthread_mutex_unlock(&loans->mutex);
}


bigcache_rc_t
bigcache_store_lend(bigcache_store_t *store, uint64_t peer, uint64_t most,
    uint64_t *id, uint64_t *offset, uint64_t *size)
{
    bigcache_rc_t     rc;
    bigcache_loan_t  *loan;

    loan = calloc(1, sizeof(bigcache_loan_t));
    if (loan == NULL) {
        return BIGCACHE_NOMEM;
    }

    loan->peer = peer;
    loan->size = *size;

    rc = bigcache_store_enter(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_remote_reserve(store, loan, most);

        if (rc == BIGCACHE_OK) {
            *id = loan->place.id;
            *offset = (uint64_t) loan->place.offset;
            *size = loan->size;

            (void) pthread_mutex_lock(&store->loans.mutex);

            loan->next = store->loans.first;
            store->loans.first = loan;
            loan = NULL;

            (void) pthread_mutex_unlock(&store->loans.mutex);
        }

        bigcache_store_leave(store);
    }

    free(loan);

    return rc;
}


void
bigcache_store_take_back(bigcache_store_t *store, uint64_t peer, uint64_t id,
    uint64_t offset)
{
    /* if the store is not open any more, all loans have ended */

    if (bigcache_store_inside(store)) {
        bigcache_remote_end(store, peer, id, offset);
        bigcache_store_leave(store);
    }
}


void
bigcache_store_is_full(bigcache_store_t *store)
{
    if (bigcache_store_inside(store)) {
        bigcache_store_full(store);
        bigcache_store_leave(store);
    }
}


void
bigcache_store_gone(bigcache_store_t *store, uint64_t peer)
{
    if (bigcache_store_inside(store)) {
        bigcache_remote_end(store, peer, 0, 0);
        bigcache_store_leave(store);
    }
}


bigcache_rc_t
bigcache_store_commit(bigcache_store_t *store, uint64_t peer,
    const bigcache_str_t *key, uint64_t expect, uint64_t since,
    u_char *value, size_t len, bigcache_record_t *record)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    memset(&draft, 0, sizeof(bigcache_draft_t));

    if (bigcache_record_decode(&draft.record, value, len) == -1
        || (draft.record.flags & BIGCACHE_FLAG_PREVIOUS))
    {
        return BIGCACHE_INVALID;
    }

    draft.memory = value;
    draft.value.data = value;
    draft.value.len = len;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_remote_commit(store, peer, key, expect, since, &draft);

    *record = draft.record;

    bigcache_store_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_remote_reserve(bigcache_store_t *store, bigcache_loan_t *loan,
    uint64_t most)
{
    uint64_t       share;
    bigcache_rc_t  rc;

    bigcache_store_limit(store);

    rc = bigcache_store_writable(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (loan->peer != BIGCACHE_REMOTE_SELF
        && bigcache_remote_loans(store, loan->peer) >= BIGCACHE_REMOTE_LOANS)
    {
        return BIGCACHE_INVALID;
    }

    /* what the disk cannot hold would only drive out what is stored */

    if (loan->size > store->conf.segment_size
        && loan->size > bigcache_dir_free(store->conf.path))
    {
        return BIGCACHE_FULL;
    }

    share = store->conf.segment_size / BIGCACHE_REMOTE_SHARE;

    most = (most < share) ? most : share;
    most -= most % BIGCACHE_SEGMENT_ALIGN;

    if (loan->size < most) {
        loan->size = most;
    }

    rc = bigcache_store_reserve(store, loan->size, &loan->place);

    if (rc == BIGCACHE_FULL) {
        bigcache_store_full(store);
    }

    return rc;
}


/* id 0: all loans of the peer */

static void
bigcache_remote_end(bigcache_store_t *store, uint64_t peer, uint64_t id,
    uint64_t offset)
{
    bigcache_loan_t  **p, *loan;

    (void) pthread_mutex_lock(&store->loans.mutex);

    for (p = &store->loans.first; *p; /* void */) {
        loan = *p;

        if (loan->peer != peer
            || (id && (loan->place.id != id
                       || (uint64_t) loan->place.offset != offset)))
        {
            p = &loan->next;
            continue;
        }

        loan->ended = 1;

        if (loan->users) {
            p = &loan->next;
            continue;
        }

        *p = loan->next;

        bigcache_remote_free(store, loan);
    }

    (void) pthread_mutex_unlock(&store->loans.mutex);
}


static void
bigcache_remote_free(bigcache_store_t *store, bigcache_loan_t *loan)
{
    bigcache_segments_done(store->segments, &loan->place);
    free(loan);
}


static unsigned
bigcache_remote_loans(bigcache_store_t *store, uint64_t peer)
{
    unsigned          n;
    bigcache_loan_t  *loan;

    n = 0;

    (void) pthread_mutex_lock(&store->loans.mutex);

    for (loan = store->loans.first; loan; loan = loan->next) {
        n += (loan->peer == peer);
    }

    (void) pthread_mutex_unlock(&store->loans.mutex);

    return n;
}


/* finds the loan that an entry lies in, and keeps it there */

static bigcache_loan_t *
bigcache_remote_use(bigcache_store_t *store, uint64_t peer,
    const bigcache_record_t *record, uint64_t size)
{
    uint64_t          from;
    bigcache_loan_t  *loan;

    (void) pthread_mutex_lock(&store->loans.mutex);

    for (loan = store->loans.first; loan; loan = loan->next) {

        from = (uint64_t) loan->place.offset;

        if (loan->peer == peer
            && !loan->ended
            && loan->place.id == record->segment
            && record->offset >= from
            && size <= loan->size
            && record->offset - from <= loan->size - size)
        {
            loan->users++;
            break;
        }
    }

    (void) pthread_mutex_unlock(&store->loans.mutex);

    return loan;
}


static void
bigcache_remote_leave(bigcache_store_t *store, bigcache_loan_t *loan)
{
    bigcache_loan_t  **p;

    (void) pthread_mutex_lock(&store->loans.mutex);

    loan->users--;

    if (loan->ended && loan->users == 0) {

        for (p = &store->loans.first; *p != loan; p = &(*p)->next) {
            /* void */
        }

        *p = loan->next;

        bigcache_remote_free(store, loan);
    }

    (void) pthread_mutex_unlock(&store->loans.mutex);
}


static bigcache_rc_t
bigcache_remote_commit(bigcache_store_t *store, uint64_t peer,
    const bigcache_str_t *key, uint64_t expect, uint64_t since,
    bigcache_draft_t *draft)
{
    uint64_t            size;
    bigcache_rc_t       rc;
    bigcache_loan_t    *loan;
    bigcache_record_t  *record;

    loan = NULL;
    record = &draft->record;

    rc = bigcache_store_writable(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    size = bigcache_segment_page_size(key, record);

    if (size) {
        loan = bigcache_remote_use(store, peer, record, size);

        if (loan == NULL) {
            return BIGCACHE_STALE;
        }
    }

    if (size == 0 && record->length
        && atomic_fetch_sub(&store->inline_room, (int64_t) record->length)
           < (int64_t) record->length)
    {
        return BIGCACHE_EXTERNAL;
    }

    rc = bigcache_key_replace(store, key, expect, since, draft);

    if (loan) {
        bigcache_remote_leave(store, loan);
    }

    if (rc == BIGCACHE_FULL) {
        bigcache_store_full(store);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_import_replaced(store, key);
    }

    return rc;
}

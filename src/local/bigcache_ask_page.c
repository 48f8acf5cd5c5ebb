
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads and writes pages in this process, whichever process has the index.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_ask.h"
#include "bigcache_ask_page.h"
#include "bigcache_peek.h"
#include "bigcache_store.h"
#include "bigcache_version.h"


static bigcache_rc_t bigcache_ask_page_found(bigcache_rc_t rc,
    bigcache_stored_t *stored, bigcache_page_t *page);
static bigcache_rc_t bigcache_ask_page_fetch(bigcache_ask_t *ask,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);
static bigcache_rc_t bigcache_ask_page_damaged(bigcache_ask_t *ask,
    const bigcache_str_t *key, bigcache_rc_t rc, uint64_t segment);
static bigcache_rc_t bigcache_ask_page_write(bigcache_ask_t *ask,
    const bigcache_put_t *put, bigcache_stored_t *page);
static bigcache_rc_t bigcache_ask_page_commit(bigcache_ask_t *ask,
    const bigcache_put_t *put, bigcache_draft_t *draft);


bigcache_rc_t
bigcache_ask_page_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_rc_t        rc;
    bigcache_ask_t       ask;
    bigcache_stored_t    stored;
    bigcache_hot_note_t  note;

    if (body & BIGCACHE_BODY_PEEK) {
        body &= ~BIGCACHE_BODY_PEEK;

        rc = bigcache_peek_block(local, key, page);

        if (rc != BIGCACHE_AGAIN) {
            return rc;
        }
    }

    bigcache_ask_begin(&ask, local);

    do {
        bigcache_peek_note(local, key, &note);

        rc = bigcache_store_get(local->store, key, body, &stored);
        ask.latest = bigcache_version_latest(local->store);

        if (rc == BIGCACHE_HELD) {

            bigcache_peek_note(local, key, &note);

            rc = bigcache_ask_page_fetch(&ask, key, body, &stored);

            if (rc == BIGCACHE_MISMATCH) {

                /* it was moved meanwhile */

                rc = BIGCACHE_HELD;
            }
        }

    } while (bigcache_ask_again(&ask, &rc));

    /* what is in the hot index was read, and its checksum verified */

    if (rc != BIGCACHE_OK || bigcache_body_wanted(body, &stored.record)) {
        bigcache_peek_enter(local, key, &note, rc, &stored.record);
    }

    rc = bigcache_ask_page_found(rc, &stored, page);
    page->latest = ask.latest;

    return rc;
}


bigcache_rc_t
bigcache_ask_page_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_rc_t      rc;
    bigcache_put_t     again;
    bigcache_ask_t     ask;
    bigcache_stored_t  stored;

    again = *put;
    again.tag = (uint16_t) (atomic_fetch_add(&local->tag, 1) % UINT16_MAX + 1);

    bigcache_ask_begin(&ask, local);

    do {
        again.retry_floor = bigcache_ask_retry_floor(&ask);

        rc = bigcache_store_put(local->store, &again, &stored);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_page_write(&ask, &again, &stored);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return bigcache_ask_page_found(bigcache_ask_known(&ask, rc), &stored,
                                   page);
}


/* a caller of the cache gets a page, or an empty one */

static bigcache_rc_t
bigcache_ask_page_found(bigcache_rc_t rc, bigcache_stored_t *stored,
    bigcache_page_t *page)
{
    if (rc == BIGCACHE_OK) {
        return bigcache_stored_move(stored, page);
    }

    bigcache_stored_free(stored);
    bigcache_page_clear(page);

    return rc;
}


static bigcache_rc_t
bigcache_ask_page_fetch(bigcache_ask_t *ask, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
{
    uint64_t        segment;
    bigcache_rc_t   rc;
    bigcache_str_t  data;

    bigcache_stored_clear(page);

    rc = bigcache_ask(ask, BIGCACHE_CALL_GET, key, 0);

    if (rc == BIGCACHE_OK) {

        data = ask->called.answer.data;

        page->memory = malloc(data.len ? data.len : 1);

        if (page->memory == NULL) {
            rc = BIGCACHE_NOMEM;

        } else {
            memcpy(page->memory, data.data, data.len);

            if (bigcache_record_decode(&page->record, page->memory, data.len)
                == -1)
            {
                rc = bigcache_log_failed(&ask->local->conf.log,
                                         ask->local->conf.path, BIGCACHE_ERROR,
                                         "ask", "the answer is not a record");
            }
        }
    }

    bigcache_ask_end(ask);

    if (rc != BIGCACHE_OK || !bigcache_body_wanted(body, &page->record)) {
        return rc;
    }

    segment = page->record.segment;

    rc = bigcache_body_read_outside(&ask->local->pages, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_stored_free(page);

    return bigcache_ask_page_damaged(ask, key, rc, segment);
}


static bigcache_rc_t
bigcache_ask_page_damaged(bigcache_ask_t *ask, const bigcache_str_t *key,
    bigcache_rc_t rc, uint64_t segment)
{
    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED && rc != BIGCACHE_STALE)
    {
        return rc;
    }

    /* another file may have been put in its place */

    bigcache_files_forget(ask->local->pages.files, segment);

    rc = bigcache_ask(ask, BIGCACHE_CALL_DAMAGED, key, 0);

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_page_write(bigcache_ask_t *ask, const bigcache_put_t *put,
    bigcache_stored_t *page)
{
    bigcache_rc_t       rc;
    bigcache_draft_t    draft;
    bigcache_bodies_t  *pages;

    pages = &ask->local->pages;

    ask->asked = 1;

    bigcache_stored_clear(page);

    rc = bigcache_body_write(pages, put, &draft);

    if (rc == BIGCACHE_OK) {

        rc = bigcache_body_file(pages, &draft, &put->key, page);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_ask_page_commit(ask, put, &draft);
            page->record = draft.record;
        }

        bigcache_body_done(pages, &draft);

    } else if (rc == BIGCACHE_FULL && draft.reserved) {

        /* the owner makes room: it must be free to remove this segment */

        bigcache_extent_end(&ask->local->extents);

        (void) bigcache_ask(ask, BIGCACHE_CALL_FULL, NULL, 0);
        bigcache_ask_end(ask);
    }

    if (rc == BIGCACHE_STALE) {

        /* the owner takes no page that lies in this extent any more */

        bigcache_extent_end(&ask->local->extents);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_stored_free(page);
    }

    return rc;
}


static bigcache_rc_t
bigcache_ask_page_commit(bigcache_ask_t *ask, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t  rc;

    (void) bigcache_record_encode(draft->memory, &draft->record);
    bigcache_record_seal(draft->memory, draft->value.len);

    ask->call.n[0] = put->expect;
    ask->call.n[1] = put->retry_floor;
    ask->call.n[2] = put->fetched;
    ask->call.data = draft->value;

    rc = bigcache_ask(ask, BIGCACHE_CALL_PUT, &put->key, 0);

    ask->call.data.len = 0;

    if (rc == BIGCACHE_OK) {
        draft->record.version = ask->called.answer.n[0];
    }

    bigcache_ask_end(ask);

    return rc;
}

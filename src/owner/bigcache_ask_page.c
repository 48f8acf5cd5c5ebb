
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pages, read and written by this process, whoever has the index open.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_ask.h"


static bigcache_rc_t bigcache_ask_get(bigcache_ask_t *ask,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t bigcache_ask_lost(bigcache_ask_t *ask,
    const bigcache_str_t *key, bigcache_rc_t rc, uint64_t segment);
static bigcache_rc_t bigcache_ask_put(bigcache_ask_t *ask,
    const bigcache_put_t *put, int apart, bigcache_page_t *page);
static bigcache_rc_t bigcache_ask_commit(bigcache_ask_t *ask,
    const bigcache_put_t *put, bigcache_draft_t *draft);


bigcache_rc_t
bigcache_cache_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_rc_t        rc;
    bigcache_ask_t       ask;
    bigcache_hot_note_t  note;

    bigcache_ask_begin(&ask, cache);

    do {
        bigcache_peek_note(cache, key, &note);

        rc = bigcache_store_get(cache->store, key, body, page);

        if (rc == BIGCACHE_HELD) {

            bigcache_peek_note(cache, key, &note);

            rc = bigcache_ask_get(&ask, key, body, page);

            if (rc == BIGCACHE_MISMATCH) {

                /* it was moved meanwhile */

                rc = BIGCACHE_HELD;
            }
        }

    } while (bigcache_ask_again(&ask, &rc));

    if (body) {
        bigcache_peek_enter(cache, key, &note, rc, &page->record);
    }

    return rc;
}


bigcache_rc_t
bigcache_cache_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    int             apart;
    bigcache_rc_t   rc;
    bigcache_put_t  again;
    bigcache_ask_t  ask;

    apart = 0;
    again = *put;
    again.tag = (uint16_t) (atomic_fetch_add(&cache->tag, 1) % UINT16_MAX + 1);

    bigcache_ask_begin(&ask, cache);

    do {
        again.since = bigcache_ask_since(&ask);

        rc = bigcache_store_put(cache->store, &again, page);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_put(&ask, &again, apart, page);

            if (rc == BIGCACHE_APART) {
                apart = 1;
            }
        }

    } while (bigcache_ask_again(&ask, &rc));

    return bigcache_ask_told(&ask, rc);
}


static bigcache_rc_t
bigcache_ask_get(bigcache_ask_t *ask, const bigcache_str_t *key, int body,
    bigcache_page_t *page)
{
    uint64_t        segment;
    bigcache_rc_t   rc;
    bigcache_str_t  data;

    bigcache_page_clear(page);

    rc = bigcache_ask(ask, BIGCACHE_CALL_GET, key, 0);

    if (rc == BIGCACHE_OK) {

        data = ask->called.answer.data;

        page->copy = malloc(data.len ? data.len : 1);

        if (page->copy == NULL) {
            rc = BIGCACHE_NOMEM;

        } else {
            memcpy(page->copy, data.data, data.len);

            if (bigcache_record_decode(&page->record, page->copy, data.len)
                == -1)
            {
                rc = bigcache_page_failed(&ask->cache->conf, BIGCACHE_ERROR,
                                          "ask", "the answer is no record");
            }
        }
    }

    bigcache_ask_end(ask);

    if (rc != BIGCACHE_OK || !bigcache_page_wanted(body, &page->record)) {
        return rc;
    }

    segment = page->record.segment;

    rc = bigcache_page_read_outside(&ask->cache->pages, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_page_free(page);

    return bigcache_ask_lost(ask, key, rc, segment);
}


static bigcache_rc_t
bigcache_ask_lost(bigcache_ask_t *ask, const bigcache_str_t *key,
    bigcache_rc_t rc, uint64_t segment)
{
    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED && rc != BIGCACHE_STALE)
    {
        return rc;
    }

    /* the file may be one that somebody has put another in place of */

    bigcache_files_forget(ask->cache->pages.files, segment);

    rc = bigcache_ask(ask, BIGCACHE_CALL_LOST, key, 0);

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_put(bigcache_ask_t *ask, const bigcache_put_t *put, int apart,
    bigcache_page_t *page)
{
    bigcache_rc_t      rc;
    bigcache_draft_t   draft;
    bigcache_pages_t  *pages;

    pages = &ask->cache->pages;

    ask->asked = 1;

    bigcache_page_clear(page);

    rc = bigcache_page_write(pages, put, apart, &draft);

    if (rc == BIGCACHE_OK) {

        rc = bigcache_page_file(pages, &draft, &put->key, page);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_ask_commit(ask, put, &draft);
            page->record = draft.record;
        }

        bigcache_page_done(pages, &draft);

    } else if (rc == BIGCACHE_FULL && draft.reserved) {

        /* what makes room there is not to be kept from this segment */

        bigcache_extents_end(&ask->cache->extents);

        (void) bigcache_ask(ask, BIGCACHE_CALL_FULL, NULL, 0);
        bigcache_ask_end(ask);
    }

    if (rc == BIGCACHE_STALE) {

        /* nothing that lies in this extent is taken any more */

        bigcache_extents_end(&ask->cache->extents);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_page_free(page);
    }

    return rc;
}


static bigcache_rc_t
bigcache_ask_commit(bigcache_ask_t *ask, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t  rc;

    (void) bigcache_record_encode(draft->memory, &draft->record);
    bigcache_record_seal(draft->memory, draft->value.len);

    ask->call.n[0] = put->expect;
    ask->call.n[1] = put->since;
    ask->call.data = draft->value;

    rc = bigcache_ask(ask, BIGCACHE_CALL_PUT, &put->key, 0);

    ask->call.data.len = 0;

    if (rc == BIGCACHE_OK) {
        draft->record.version = ask->called.answer.n[0];
    }

    bigcache_ask_end(ask);

    return rc;
}

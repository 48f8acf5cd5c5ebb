
/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_key.h"
#include "bigcache_large.h"
#include "bigcache_life.h"
#include "bigcache_lost.h"
#include "bigcache_room.h"
#include "bigcache_time.h"


static bigcache_rc_t bigcache_store_find(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t bigcache_store_put_small(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);
static bigcache_rc_t bigcache_store_remove(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t since);
static void bigcache_store_totals(bigcache_store_t *store,
    bigcache_stat_t *stat);
static bigcache_rc_t bigcache_store_read(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_page_t *page);


bigcache_rc_t
bigcache_store_get(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_find(store, key, 0, page);

    if (rc != BIGCACHE_OK || !bigcache_body_wanted(body, &page->record)) {
        return rc;
    }

    /* outside, since whoever lets the store go waits for all inside */

    rc = bigcache_body_read_outside(&store->pages, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_page_free(page);

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED && rc != BIGCACHE_STALE)
    {
        return rc;
    }

    /* it was replaced or moved meanwhile, or else it is lost */

    return bigcache_store_find(store, key, 1, page);
}


bigcache_rc_t
bigcache_store_look_again(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_get(store, key, 0, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (page->record.flags & BIGCACHE_FLAG_SEGMENT) {
        bigcache_files_forget(store->files, page->record.segment);
    }

    bigcache_page_free(page);

    return bigcache_store_get(store, key, 1, page);
}


bigcache_rc_t
bigcache_store_put(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    bigcache_page_clear(page);

    rc = (bigcache_data_length(put->data, put->n) > BIGCACHE_STORE_LARGE)
         ? bigcache_large_put(store, put, page)
         : bigcache_store_put_small(store, put, page);

    if (rc != BIGCACHE_OK) {
        bigcache_page_free(page);
    }

    return rc;
}


bigcache_rc_t
bigcache_store_delete(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t since)
{
    int64_t        begin;
    bigcache_rc_t  rc;

    begin = bigcache_monotonic();

    do {
        rc = bigcache_store_remove(store, key, expect, since);
    } while (rc == BIGCACHE_FULL && bigcache_store_healed(store, begin));

    return rc;
}


static bigcache_rc_t
bigcache_store_find(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    bigcache_page_clear(page);

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    do {
        rc = bigcache_store_read(store, key, body, page);

        /* the page was replaced or moved after its record had been read */

    } while (rc == BIGCACHE_MISMATCH);

    bigcache_store_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_store_put_small(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    bigcache_store_limit(store);

    rc = bigcache_store_writable(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_write(&store->pages, put, 0, &draft);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_replace(store, &put->key, put->expect, put->since,
                                  &draft);
        page->record = draft.record;

        bigcache_body_done(&store->pages, &draft);
    }

    if (rc == BIGCACHE_FULL) {
        bigcache_store_full(store);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_import_replaced(store, &put->key);
    }

    bigcache_store_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_store_remove(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t since)
{
    bigcache_rc_t     rc, due;
    bigcache_match_t  match;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /* first, or it could be imported in between */

    due = (expect == BIGCACHE_EXPECT_ANY)
          ? bigcache_import_forget(store, key) : BIGCACHE_MISS;

    if (due != BIGCACHE_OK && due != BIGCACHE_MISS) {
        bigcache_store_leave(store);
        return due;
    }

    memset(&match, 0, sizeof(bigcache_match_t));
    match.version = expect;
    match.until = since;

    rc = bigcache_key_remove(store, key, &match);

    if (rc == BIGCACHE_MISS && due == BIGCACHE_OK) {
        rc = BIGCACHE_OK;
    }

    /* the call whose answer was lost has removed it */

    if (since && (rc == BIGCACHE_MISS
                  || (rc == BIGCACHE_MISMATCH
                      && expect == BIGCACHE_EXPECT_ANY)))
    {
        rc = BIGCACHE_OK;
    }

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_sync(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!bigcache_sync_removals(store)
        && bigcache_sync_index(store) != BIGCACHE_OK)
    {
        rc = BIGCACHE_ERROR;
    }

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_stat(bigcache_store_t *store, bigcache_stat_t *stat)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_store_counted(store, store->conf.wait);

    bigcache_store_totals(store, stat);
    stat->counted = (rc == BIGCACHE_OK);

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_gauges(bigcache_store_t *store, bigcache_stat_t *stat)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    stat->counted = (bigcache_store_counted(store, 0) == BIGCACHE_OK);
    bigcache_store_totals(store, stat);

    bigcache_store_leave(store);

    return BIGCACHE_OK;
}


static void
bigcache_store_totals(bigcache_store_t *store, bigcache_stat_t *stat)
{
    int64_t           count;
    bigcache_total_t  total;

    count = atomic_load(&store->count);
    bigcache_segments_total(store->segments, &total);

    stat->keys = (count > 0) ? (uint64_t) count : 0;
    stat->segments = total.segments;
    stat->bytes = total.size;
    stat->live = total.live;
}


uint64_t
bigcache_store_latest(bigcache_store_t *store)
{
    return atomic_load(&store->version);
}


bigcache_files_t *
bigcache_store_files(bigcache_store_t *store)
{
    return store->files;
}


static bigcache_rc_t
bigcache_store_read(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    char               error[BIGCACHE_ERROR_LEN];
    unsigned           ended;
    bigcache_rc_t      rc;
    bigcache_match_t   match;
    bigcache_record_t  record;

    ended = atomic_load(&store->purges.ended);

    rc = bigcache_index_get(store->index, BIGCACHE_NAMES_KEY, key,
                            &page->value, error);

    if (rc == BIGCACHE_MISS) {
        return rc;
    }

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_key_damaged(store, key, BIGCACHE_EXPECT_ANY, error);
        bigcache_store_break(store, rc);

        return BIGCACHE_MISS;
    }

    if (rc != BIGCACHE_OK) {

        /* too many open files, say: that will pass, and harms no page */

        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "read", error);
    }

    if (bigcache_record_decode(&page->record, page->value.data,
                               page->value.len)
        == -1)
    {
        bigcache_page_free(page);
        bigcache_key_damaged(store, key, BIGCACHE_EXPECT_ANY,
                               "the record fails its check");
        return BIGCACHE_MISS;
    }

    record = page->record;

    if (bigcache_purge_covers(&store->purges, key, record.origin)) {
        bigcache_page_free(page);
        return BIGCACHE_MISS;
    }

    if (atomic_load(&store->purges.ended) != ended) {

        /* the record may have been purged before that purge was forgotten */

        bigcache_page_free(page);
        return BIGCACHE_MISMATCH;
    }

    if (record.expire <= bigcache_now()) {

        bigcache_page_free(page);

        memset(&match, 0, sizeof(bigcache_match_t));
        match.version = record.version;

        rc = bigcache_key_remove(store, key, &match);

        /* only one of those who find it expired says so */

        return (rc == BIGCACHE_EXPIRED) ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
    }

    if (!body) {
        return BIGCACHE_OK;
    }

    rc = bigcache_body_read(&store->pages, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_page_free(page);

    return bigcache_key_lost(store, key, rc, &record);
}


/*
 * Copyright (C) bigcache contributors
 */


/* makes and frees a store; reads, stores and removes pages */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_damaged.h"
#include "bigcache_fault.h"
#include "bigcache_import.h"
#include "bigcache_import_delete.h"
#include "bigcache_key.h"
#include "bigcache_large.h"
#include "bigcache_layout.h"
#include "bigcache_place.h"
#include "bigcache_store.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


static void bigcache_store_free(bigcache_store_t *store);
static bigcache_rc_t bigcache_store_find(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);
static bigcache_rc_t bigcache_store_put_small(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_stored_t *page);
static bigcache_rc_t bigcache_store_remove(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t retry_floor);
static void bigcache_store_totals(bigcache_store_t *store,
    bigcache_stat_t *stat);
static bigcache_rc_t bigcache_store_read(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);


bigcache_store_t *
bigcache_store_create(const bigcache_store_conf_t *conf)
{
    unsigned             i;
    bigcache_store_t    *store;

    store = calloc(1, sizeof(bigcache_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->conf = *conf;
    store->lock = -1;
    store->shared = conf->shared ? conf->shared : &store->own;

    (void) snprintf(store->index_path, PATH_MAX, "%s/" BIGCACHE_LAYOUT_INDEX,
                    conf->path);
    (void) snprintf(store->pages_path, PATH_MAX, "%s/" BIGCACHE_LAYOUT_PAGES,
                    conf->path);
    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "the store is being opened");

    store->conf.path = strdup(conf->path);
    store->files = bigcache_files_create(store->pages_path);
    store->import = bigcache_import_create();
    store->sync = bigcache_sync_create(store);

    if (store->conf.path == NULL || store->files == NULL
        || store->import == NULL || store->sync == NULL)
    {
        bigcache_store_free(store);
        return NULL;
    }

    store->bodies.conf = &store->conf;
    store->bodies.files = store->files;
    store->bodies.reserve = bigcache_place_reserve;
    store->bodies.done = bigcache_place_release;
    store->bodies.data = store;

    (void) pthread_mutex_init(&store->mutex, NULL);

    bigcache_time_cond_init(&store->cond);

    bigcache_large_init(&store->outside, store);

    bigcache_purges_init(&store->purges, conf->hot);
    bigcache_removed_init(&store->removed);
    bigcache_removed_init(&store->softened);
    bigcache_body_init(&store->bodies);
    bigcache_granted_init(&store->granted);

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        (void) pthread_mutex_init(&store->keys[i], NULL);
    }

    return store;
}


void
bigcache_store_destroy(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_CORE_LOCKS; i++) {
        (void) pthread_mutex_destroy(&store->keys[i]);
    }

    bigcache_import_close(store);
    bigcache_granted_destroy(&store->granted);
    bigcache_body_destroy(&store->bodies);
    bigcache_removed_destroy(&store->softened);
    bigcache_removed_destroy(&store->removed);
    bigcache_purges_destroy(&store->purges);

    if (store->conf.hot) {
        atomic_store(&store->conf.hot->generation, NULL);
    }

    (void) pthread_cond_destroy(&store->cond);
    (void) pthread_mutex_destroy(&store->mutex);

    bigcache_store_free(store);
}


/* frees the memory of a store, even if only a part of it was allocated */

static void
bigcache_store_free(bigcache_store_t *store)
{
    if (store->sync) {
        bigcache_sync_destroy(store->sync);
    }

    if (store->import) {
        bigcache_import_destroy(store->import);
    }

    if (store->files) {
        bigcache_files_destroy(store->files);
    }

    free((void *) store->conf.path);
    free(store);
}


bigcache_rc_t
bigcache_store_get(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_find(store, key, 0, page);

    if (rc != BIGCACHE_OK || !bigcache_body_wanted(body, &page->record)) {
        return rc;
    }

    /*
     * outside of the store: a thread that closes it waits for all calls inside
     */

    rc = bigcache_body_read_outside(&store->bodies, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_stored_free(page);

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED && rc != BIGCACHE_STALE)
    {
        return rc;
    }

    /* the page was replaced or moved meanwhile; or else it is damaged */

    return bigcache_store_find(store, key, 1, page);
}


bigcache_rc_t
bigcache_store_look_again(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_stored_t *page)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_get(store, key, 0, page);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (page->record.flags & BIGCACHE_FLAG_SEGMENT) {
        bigcache_files_forget(store->files, page->record.segment);
    }

    bigcache_stored_free(page);

    return bigcache_store_get(store, key, 1, page);
}


bigcache_rc_t
bigcache_store_put(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_stored_t *page)
{
    bigcache_rc_t  rc;

    bigcache_stored_clear(page);

    rc = (bigcache_data_length(put->data, put->n) > BIGCACHE_PAGE_LARGE)
         ? bigcache_large_put(store, put, page)
         : bigcache_store_put_small(store, put, page);

    if (rc != BIGCACHE_OK) {
        bigcache_stored_free(page);
    }

    return rc;
}


bigcache_rc_t
bigcache_store_delete(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t retry_floor)
{
    int64_t        begin;
    bigcache_rc_t  rc;

    begin = bigcache_time_monotonic();

    do {
        rc = bigcache_store_remove(store, key, expect, retry_floor);
    } while (rc == BIGCACHE_FULL && bigcache_fault_healed(store, begin));

    return rc;
}


static bigcache_rc_t
bigcache_store_find(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
{
    bigcache_rc_t  rc;

    bigcache_stored_clear(page);

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    do {
        rc = bigcache_store_read(store, key, body, page);

        /* the page was replaced or moved after its record was read */

    } while (rc == BIGCACHE_MISMATCH);

    bigcache_core_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_store_put_small(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_stored_t *page)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    bigcache_place_limit(store);

    rc = bigcache_fault_writable(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_write(&store->bodies, put, &draft);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_replace(store, &put->key, put->expect,
                                  put->retry_floor, &draft);
        page->record = draft.record;

        bigcache_body_done(&store->bodies, &draft);
    }

    if (rc == BIGCACHE_FULL) {
        bigcache_fault_set_full(store);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_import_delete_replaced(store, &put->key);
    }

    bigcache_core_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_store_remove(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t retry_floor)
{
    bigcache_rc_t     rc, due;
    bigcache_match_t  match;

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /* before the page: else the entry could be imported after the removal */

    due = (expect == BIGCACHE_EXPECT_ANY)
          ? bigcache_import_delete(store, key) : BIGCACHE_MISS;

    if (due != BIGCACHE_OK && due != BIGCACHE_MISS) {
        bigcache_core_leave(store);
        return due;
    }

    bigcache_removed_key(&store->removed, key, bigcache_version_next(store));

    memset(&match, 0, sizeof(bigcache_match_t));
    match.version = expect;
    match.until = retry_floor;

    rc = bigcache_key_remove(store, key, &match);

    if (rc == BIGCACHE_MISS && due == BIGCACHE_OK) {
        rc = BIGCACHE_OK;
    }

    /* the page was removed by the call whose answer was lost */

    if (retry_floor && (rc == BIGCACHE_MISS
                  || (rc == BIGCACHE_MISMATCH
                      && expect == BIGCACHE_EXPECT_ANY)))
    {
        rc = BIGCACHE_OK;
    }

    bigcache_core_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_sync(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!bigcache_sync_removals(store)
        && bigcache_sync_index(store) != BIGCACHE_OK)
    {
        rc = BIGCACHE_ERROR;
    }

    bigcache_core_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_stat(bigcache_store_t *store, bigcache_stat_t *stat)
{
    bigcache_rc_t  rc;

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_core_wait_counted(store, store->conf.wait);

    bigcache_store_totals(store, stat);
    stat->counted = (rc == BIGCACHE_OK);

    bigcache_core_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_gauges(bigcache_store_t *store, bigcache_stat_t *stat)
{
    bigcache_rc_t  rc;

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    stat->counted = (bigcache_core_wait_counted(store, 0) == BIGCACHE_OK);
    bigcache_store_totals(store, stat);

    bigcache_core_leave(store);

    return BIGCACHE_OK;
}


bigcache_rc_t
bigcache_store_open(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);

    do {
        atomic_store(&store->shared->closed, 0);

        rc = bigcache_core_enter_locked(store);

        /* the store was being closed when this call came */

    } while (rc == BIGCACHE_CLOSED);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
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


bigcache_files_t *
bigcache_store_files(bigcache_store_t *store)
{
    return store->files;
}


static bigcache_rc_t
bigcache_store_read(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
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
        bigcache_damaged_record(store, key, BIGCACHE_EXPECT_ANY, error);
        bigcache_fault_break(store, rc);

        return BIGCACHE_MISS;
    }

    if (rc != BIGCACHE_OK) {

        /*
         * too many open files, for example: that may pass, and the page is not
         * damaged
         */

        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "read", error);
    }

    if (bigcache_record_decode(&page->record, page->value.data,
                               page->value.len)
        == -1)
    {
        bigcache_stored_free(page);
        bigcache_damaged_record(store, key, BIGCACHE_EXPECT_ANY,
                                  "the record fails its check");
        return BIGCACHE_MISS;
    }

    record = page->record;

    if (bigcache_purges_apply(&store->purges, key, &page->record)) {
        bigcache_stored_free(page);
        return BIGCACHE_MISS;
    }

    if (atomic_load(&store->purges.ended) != ended) {

        /*
         * a purge that covered the record may have ended after the record was
         * read
         */

        bigcache_stored_free(page);
        return BIGCACHE_MISMATCH;
    }

    if (record.expire <= bigcache_time_now()) {

        bigcache_stored_free(page);

        memset(&match, 0, sizeof(bigcache_match_t));
        match.version = record.version;

        rc = bigcache_key_remove(store, key, &match);

        /* only one of the calls that find the page expired returns that */

        return (rc == BIGCACHE_EXPIRED) ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
    }

    if (!body) {
        return BIGCACHE_OK;
    }

    rc = bigcache_body_read(&store->bodies, key, body, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_stored_free(page);

    return bigcache_damaged_page(store, key, rc, &record);
}


void
bigcache_store_quit(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);
    store->quitting = 1;
    (void) pthread_mutex_unlock(&store->mutex);
}


void
bigcache_store_resign(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    /*
     * if the store is being opened again, it is handed over when that is done
     */

    store->resigning = 1;

    /* long work must stop */

    atomic_store(&store->draining, 1);
    (void) pthread_cond_broadcast(&store->cond);

    (void) pthread_mutex_unlock(&store->mutex);
}


int
bigcache_store_held(bigcache_store_t *store, int held)
{
    int  going;

    (void) pthread_mutex_lock(&store->mutex);

    going = (store->state != BIGCACHE_STATE_STOPPED);

    if (going) {
        store->resigning = 0;
        bigcache_core_set_state_locked(store, held ? BIGCACHE_STATE_HELD
                                                   : BIGCACHE_STATE_OPENING);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return going;
}


void
bigcache_store_reason(bigcache_store_t *store, char *text)
{
    (void) pthread_mutex_lock(&store->mutex);
    memcpy(text, store->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&store->mutex);
}


/*
 * Copyright (C) bigcache contributors
 */


/* writes large pages outside of the store */


#include <errno.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_large.h"
#include "bigcache_remote.h"


static bigcache_rc_t bigcache_large_reserve(void *data, uint64_t size,
    bigcache_place_t *place);
static void bigcache_large_done(void *data, const bigcache_place_t *place);
static bigcache_rc_t bigcache_large_commit(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft);


void
bigcache_large_init(bigcache_bodies_t *bodies, bigcache_store_t *store)
{
    bodies->conf = &store->conf;
    bodies->files = store->files;
    bodies->reserve = bigcache_large_reserve;
    bodies->done = bigcache_large_done;
    bodies->data = store;
}


bigcache_rc_t
bigcache_large_put(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_stored_t *page)
{
    bigcache_rc_t       rc;
    bigcache_draft_t    draft;
    bigcache_bodies_t  *bodies;

    bodies = &store->outside;

    rc = bigcache_body_write(bodies, put, &draft);

    if (rc == BIGCACHE_FULL && draft.reserved) {
        bigcache_remote_caller_reports_full(store);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_body_file(bodies, &draft, &put->key, page);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_large_commit(store, put, &draft);
        page->record = draft.record;
    }

    bigcache_body_done(bodies, &draft);

    return rc;
}


static bigcache_rc_t
bigcache_large_reserve(void *data, uint64_t size, bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    uint64_t       offset;
    bigcache_rc_t  rc;

    rc = bigcache_remote_lend(store, BIGCACHE_REMOTE_SELF, size, &place->id,
                              &offset, &size);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    place->offset = (off_t) offset;

    /*
     * the files of an extent stay open only while the store is open: acquires
     * another one
     */

    rc = bigcache_files_acquire(store->files, place->id, &place->file,
                                &place->fd);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_MISS || rc == BIGCACHE_STALE) {

        /* the segment is pinned, so the store must have been closed */

        rc = BIGCACHE_STALE;

    } else {
        rc = bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                 "open a segment", strerror(errno));
    }

    bigcache_remote_take_back(store, BIGCACHE_REMOTE_SELF, place->id, offset);

    return rc;
}


static void
bigcache_large_done(void *data, const bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    bigcache_remote_take_back(store, BIGCACHE_REMOTE_SELF, place->id,
                              (uint64_t) place->offset);
    bigcache_files_release(store->files, place->file);
}


static bigcache_rc_t
bigcache_large_commit(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t      rc;
    bigcache_record_t  record;
    bigcache_commit_t  commit;

    (void) bigcache_record_encode(draft->memory, &draft->record);
    bigcache_record_seal(draft->memory, draft->value.len);

    commit.key = put->key;
    commit.expect = put->expect;
    commit.retry_floor = put->retry_floor;
    commit.fetched = put->fetched;
    commit.value = draft->memory;
    commit.len = draft->value.len;

    rc = bigcache_remote_commit(store, BIGCACHE_REMOTE_SELF, &commit,
                                &record);

    if (rc == BIGCACHE_OK) {
        draft->record.version = record.version;
    }

    return rc;
}

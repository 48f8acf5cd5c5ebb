
/*
 * Copyright (C) bigcache contributors
 */


/* what the owner does for callers that write pages themselves */


#include <stdlib.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_fault.h"
#include "bigcache_import_delete.h"
#include "bigcache_key.h"
#include "bigcache_place.h"
#include "bigcache_remote.h"


/* an extent may be larger than needed, but at most this part of a segment */

#define BIGCACHE_REMOTE_SHARE   16

/*
 * the most extents of a caller: one for each of its threads, and one more, are
 * in use
 */

#define BIGCACHE_REMOTE_GRANTS  1024


static bigcache_rc_t bigcache_remote_reserve(bigcache_store_t *store,
    bigcache_grant_t *grant, uint64_t most);
static bigcache_rc_t bigcache_remote_replace(bigcache_store_t *store,
    uint64_t caller, const bigcache_commit_t *commit,
    bigcache_draft_t *draft);


bigcache_rc_t
bigcache_remote_lend(bigcache_store_t *store, uint64_t caller, uint64_t most,
    uint64_t *id, uint64_t *offset, uint64_t *size)
{
    bigcache_rc_t      rc;
    bigcache_grant_t  *grant;

    grant = calloc(1, sizeof(bigcache_grant_t));
    if (grant == NULL) {
        return BIGCACHE_NOMEM;
    }

    grant->caller = caller;
    grant->size = *size;

    rc = bigcache_core_enter(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_remote_reserve(store, grant, most);

        if (rc == BIGCACHE_OK) {
            *id = grant->place.id;
            *offset = (uint64_t) grant->place.offset;
            *size = grant->size;

            bigcache_granted_add(&store->granted, grant);
            grant = NULL;
        }

        bigcache_core_leave(store);
    }

    free(grant);

    return rc;
}


void
bigcache_remote_take_back(bigcache_store_t *store, uint64_t caller,
    uint64_t id, uint64_t offset)
{
    /* if the store is not open any more, all extents have ended already */

    if (bigcache_core_try_enter(store)) {
        bigcache_granted_end(&store->granted, store->segments, caller, id,
                             offset);
        bigcache_core_leave(store);
    }
}


void
bigcache_remote_caller_gone(bigcache_store_t *store, uint64_t caller)
{
    bigcache_remote_take_back(store, caller, 0, 0);
}


void
bigcache_remote_caller_reports_full(bigcache_store_t *store)
{
    if (bigcache_core_try_enter(store)) {
        bigcache_fault_set_full(store);
        bigcache_core_leave(store);
    }
}


bigcache_rc_t
bigcache_remote_commit(bigcache_store_t *store, uint64_t caller,
    const bigcache_commit_t *commit, bigcache_record_t *record)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    memset(&draft, 0, sizeof(bigcache_draft_t));

    if (bigcache_record_decode(&draft.record, commit->value, commit->len) == -1
        || (draft.record.flags & (BIGCACHE_FLAG_PREVIOUS
                                  |BIGCACHE_FLAG_SOFT)))
    {
        return BIGCACHE_INVALID;
    }

    draft.memory = commit->value;
    draft.value = bigcache_str(commit->value, commit->len);
    draft.fetched = (commit->fetched != 0);

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_remote_replace(store, caller, commit, &draft);

    *record = draft.record;

    bigcache_core_leave(store);

    return rc;
}


static bigcache_rc_t
bigcache_remote_reserve(bigcache_store_t *store, bigcache_grant_t *grant,
    uint64_t most)
{
    uint64_t       share;
    bigcache_rc_t  rc;

    bigcache_place_limit(store);

    rc = bigcache_fault_writable(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (grant->caller != BIGCACHE_REMOTE_SELF
        && bigcache_granted_count(&store->granted, grant->caller)
           >= BIGCACHE_REMOTE_GRANTS)
    {
        return BIGCACHE_INVALID;
    }

    /* a page that the disk cannot hold must not evict other pages first */

    if (grant->size > store->conf.segment_size
        && grant->size > bigcache_dir_free(store->conf.path))
    {
        return BIGCACHE_FULL;
    }

    share = store->conf.segment_size / BIGCACHE_REMOTE_SHARE;

    most = (most < share) ? most : share;
    most -= most % BIGCACHE_SEGMENT_ALIGN;

    if (grant->size < most) {
        grant->size = most;
    }

    rc = bigcache_place_reserve(store, grant->size, &grant->place);

    if (rc == BIGCACHE_FULL) {
        bigcache_fault_set_full(store);
    }

    return rc;
}


static bigcache_rc_t
bigcache_remote_replace(bigcache_store_t *store, uint64_t caller,
    const bigcache_commit_t *commit, bigcache_draft_t *draft)
{
    uint64_t            size;
    bigcache_rc_t       rc;
    bigcache_grant_t   *grant;
    bigcache_record_t  *record;

    grant = NULL;
    record = &draft->record;

    rc = bigcache_fault_writable(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    size = bigcache_segment_page_size(&commit->key, record);

    if (size) {
        grant = bigcache_granted_use(&store->granted, caller, record, size);

        if (grant == NULL) {
            return BIGCACHE_STALE;
        }
    }

    rc = bigcache_key_replace(store, &commit->key, commit->expect,
                              commit->retry_floor, draft);

    if (grant) {
        bigcache_granted_leave(&store->granted, store->segments, grant);
    }

    if (rc == BIGCACHE_FULL) {
        bigcache_fault_set_full(store);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_import_delete_replaced(store, &commit->key);
    }

    return rc;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Deletes entries of the original whose keys a request has deleted or
 * replaced.
 */


#include <string.h>

#include "bigcache_import.h"
#include "bigcache_import_delete.h"
#include "bigcache_sync.h"


/* keys of a slice; the import waits until the slice is done */

#define BIGCACHE_IMPORT_DELETE_SLICE  1000


typedef struct {
    bigcache_store_t     *store;
    const bigcache_str_t *prefix;
    unsigned              n;
    unsigned              more:1;
    unsigned              failed:1;   /* and that has been logged */
    uint64_t              found;
    size_t                len;
    u_char                last[BIGCACHE_KEY_MAX];
} bigcache_import_delete_t;


static bigcache_rc_t bigcache_import_delete_locked(bigcache_store_t *store,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_delete_slice(bigcache_store_t *store,
    bigcache_import_delete_t *purge, const bigcache_str_t *from);
static bigcache_rc_t bigcache_import_delete_key_locked(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


bigcache_rc_t
bigcache_import_delete(bigcache_store_t *store, const bigcache_str_t *key)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    if (atomic_load(&store->imported)) {
        return BIGCACHE_MISS;
    }

    (void) pthread_mutex_lock(&import->mutex);

    rc = bigcache_import_ready_locked(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_delete_locked(store, key);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    return rc;
}


void
bigcache_import_delete_replaced(bigcache_store_t *store,
    const bigcache_str_t *key)
{
    int                 found;
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_str_t      value;
    bigcache_import_t  *import;

    import = store->import;

    if (atomic_load(&store->imported)) {
        return;
    }

    (void) pthread_mutex_lock(&import->mutex);

    found = (bigcache_import_ready_locked(store) == BIGCACHE_OK
             && !bigcache_import_progress_passed(&import->kept, key)
             && bigcache_index_get(import->index, 0, key, &value, error)
                == BIGCACHE_OK);

    if (found) {
        bigcache_index_free(&value);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    /* otherwise it stays, and the import skips it while the page exists */

    if (found && bigcache_sync_all(store) == BIGCACHE_OK) {
        (void) bigcache_import_delete(store, key);
    }
}


bigcache_rc_t
bigcache_import_delete_prefix(bigcache_store_t *store,
    const bigcache_str_t *prefix, uint64_t *n)
{
    int                      passed;
    u_char                   last[BIGCACHE_KEY_MAX];
    bigcache_rc_t            rc;
    bigcache_str_t           from;
    bigcache_import_delete_t  purge;

    *n = 0;

    if (atomic_load(&store->imported)) {
        return BIGCACHE_OK;
    }

    purge.store = store;
    purge.prefix = prefix;
    purge.len = 0;

    /*
     * the walk below begins after the prefix, so this key is deleted
     * separately
     */

    (void) pthread_mutex_lock(&store->import->mutex);
    passed = bigcache_import_progress_passed(&store->import->last, prefix);
    (void) pthread_mutex_unlock(&store->import->mutex);

    rc = bigcache_import_delete(store, prefix);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    purge.found = (rc == BIGCACHE_OK && !passed);

    from = *prefix;

    do {
        rc = bigcache_import_delete_slice(store, &purge, &from);

        memcpy(last, purge.last, purge.len);

        from = bigcache_str(last, purge.len);

        if (rc == BIGCACHE_OK && atomic_load(&store->draining)) {
            rc = BIGCACHE_UNAVAILABLE;
        }

    } while (rc == BIGCACHE_OK);

    *n = purge.found;

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


/*
 * Returns BIGCACHE_OK if there was an entry that was not imported for good:
 * the import may take it again.  Returns BIGCACHE_MISS if there was none.
 */

static bigcache_rc_t
bigcache_import_delete_locked(bigcache_store_t *store,
    const bigcache_str_t *key)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_str_t      value;
    bigcache_import_t  *import;

    import = store->import;

    if (bigcache_import_progress_passed(&import->kept, key)) {
        return BIGCACHE_MISS;
    }

    rc = bigcache_index_get(import->index, 0, key, &value, error);

    if (rc == BIGCACHE_DAMAGED) {

        /* an entry that cannot be read is not imported */

        return BIGCACHE_MISS;
    }

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);

        import->deleted++;

        (void) atomic_fetch_add(&store->removals, 1);
        rc = bigcache_index_set(import->index, 0, key, NULL, error);

        (void) atomic_fetch_add(&store->removals_done, 1);

        import->broken |= (rc != BIGCACHE_OK);
    }

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "write to import/", error);
    }

    return rc;
}


/* returns BIGCACHE_OK if there is more, BIGCACHE_MISS at the end */

static bigcache_rc_t
bigcache_import_delete_slice(bigcache_store_t *store,
    bigcache_import_delete_t *purge, const bigcache_str_t *from)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    purge->n = 0;
    purge->more = 0;
    purge->failed = 0;

    (void) pthread_mutex_lock(&import->mutex);

    rc = bigcache_import_ready_locked(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_walk_behind(import->index, from,
                                        bigcache_import_delete_key_locked,
                                        purge, error);

        if (rc == BIGCACHE_ERROR && !purge->failed) {
            (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                       "read import/", error);
        }

        /*
         * an entry that cannot be read is not imported, so it need not be
         * deleted
         */

        if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS
            || rc == BIGCACHE_DAMAGED)
        {
            rc = purge->more ? BIGCACHE_OK : BIGCACHE_MISS;
        }
    }

    (void) pthread_mutex_unlock(&import->mutex);

    return rc;
}


static bigcache_rc_t
bigcache_import_delete_key_locked(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_import_delete_t *purge = data;

    bigcache_rc_t  rc;

    (void) value;

    if (!bigcache_str_begins(key, purge->prefix)) {
        return BIGCACHE_MISS;
    }

    if (key->len > BIGCACHE_KEY_MAX) {
        return BIGCACHE_OK;
    }

    if (purge->n++ == BIGCACHE_IMPORT_DELETE_SLICE) {
        purge->more = 1;
        return BIGCACHE_MISS;
    }

    memcpy(purge->last, key->data, key->len);
    purge->len = key->len;

    rc = bigcache_import_delete_locked(purge->store, key);

    /* an imported entry is counted as a page, not here */

    purge->found += (rc == BIGCACHE_OK
                     && !bigcache_import_progress_passed(
                                       &purge->store->import->last, key));
    purge->failed = (rc != BIGCACHE_OK && rc != BIGCACHE_MISS);

    return purge->failed ? rc : BIGCACHE_OK;
}

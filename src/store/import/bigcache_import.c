
/*
 * Copyright (C) bigcache contributors
 */


/* Opens and closes the database of the original, and ends its import. */


#include <stdlib.h>
#include <string.h>

#include "bigcache_adopt.h"
#include "bigcache_import.h"
#include "bigcache_layout.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


static bigcache_rc_t bigcache_import_open_locked(bigcache_store_t *store,
    char *error);


bigcache_import_t *
bigcache_import_create(void)
{
    bigcache_import_t  *import;

    import = calloc(1, sizeof(bigcache_import_t));

    if (import) {
        (void) pthread_mutex_init(&import->mutex, NULL);
    }

    return import;
}


void
bigcache_import_destroy(bigcache_import_t *import)
{
    (void) pthread_mutex_destroy(&import->mutex);

    free(import);
}


void
bigcache_import_close(bigcache_store_t *store)
{
    bigcache_import_t  *import;

    import = store->import;

    (void) pthread_mutex_lock(&import->mutex);

    if (import->index) {
        bigcache_index_close(import->index);
        import->index = NULL;
    }

    free((void *) import->last.key.data);
    free((void *) import->kept.key.data);

    memset(&import->last, 0, sizeof(bigcache_import_key_t));
    memset(&import->kept, 0, sizeof(bigcache_import_key_t));

    import->kept_at = 0;
    import->slicing = 0;
    import->broken = 0;
    import->failed = 0;
    import->damaged = 0;
    import->logged = 0;
    import->retry_at = 0;

    atomic_store(&store->imported, 0);

    (void) pthread_mutex_unlock(&import->mutex);
}


bigcache_rc_t
bigcache_import_clear(bigcache_store_t *store, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_adopt_due(store->conf.path, error);

    if (rc != BIGCACHE_OK) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    return bigcache_adopt_end(store->conf.path, 0,
                              bigcache_version_next(store), error);
}


bigcache_rc_t
bigcache_import_ready_locked(bigcache_store_t *store)
{
    char                error[BIGCACHE_ERROR_LEN];
    u_char              stage;
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    if (import->index && !import->broken) {
        return BIGCACHE_OK;
    }

    if (import->index) {

        if (import->slicing) {
            return BIGCACHE_UNAVAILABLE;
        }

        /*
         * opening it again replays what was written before the write that
         * failed
         */

        bigcache_index_close(import->index);
        import->index = NULL;
        import->broken = 0;
    }

    if (atomic_load(&store->imported)) {
        return BIGCACHE_MISS;
    }

    if (bigcache_time_monotonic() < import->retry_at) {
        return BIGCACHE_UNAVAILABLE;
    }

    rc = bigcache_adopt_due(store->conf.path, error);

    if (rc == BIGCACHE_MISS) {
        atomic_store(&store->imported, 1);
        return rc;
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later_locked(store, error);
    }

    rc = bigcache_import_progress_load(store, &stage, &import->last,
                                       &import->kept, error);

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later_locked(store, error);
    }

    if (stage == BIGCACHE_IMPORT_DONE || stage == BIGCACHE_IMPORT_KEPT) {
        return bigcache_import_finish_locked(store,
                                             stage == BIGCACHE_IMPORT_KEPT);
    }

    import->damaged = (stage == BIGCACHE_IMPORT_DAMAGED);

    return bigcache_import_open_locked(store, error);
}


static bigcache_rc_t
bigcache_import_open_locked(bigcache_store_t *store, char *error)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    rc = bigcache_adopt_open(store->conf.path, BIGCACHE_LAYOUT_IMPORT, 0,
                             &import->index, error);

    if (rc == BIGCACHE_DAMAGED) {

        /* a repair in import/ does not change the original's files */

        bigcache_import_damaged_locked(store, error);

        rc = bigcache_adopt_open(store->conf.path, BIGCACHE_LAYOUT_IMPORT, 1,
                                 &import->index, error);
    }

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": nothing of the original can be read: %s",
                     store->conf.path, error);

        return bigcache_import_finish_locked(store, 1);
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later_locked(store, error);
    }

    import->logged = 0;
    import->deleted = 0;
    import->read = 0;
    import->imported = 0;
    import->expired = 0;
    import->bad = 0;
    import->noted = 0;
    import->kept_read = 0;
    import->noted_at = bigcache_time_monotonic();

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": import of the original's entries %s",
                 store->conf.path, import->last.set ? "continues" : "begins");

    return BIGCACHE_OK;
}


void
bigcache_import_damaged_locked(bigcache_store_t *store, const char *error)
{
    if (store->import->damaged) {
        return;
    }

    store->import->damaged = 1;

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the database of the original is damaged, what "
                 "can be read of it is imported: %s", store->conf.path,
                 error);
}


bigcache_rc_t
bigcache_import_later_locked(bigcache_store_t *store, const char *error)
{
    bigcache_import_t  *import;

    import = store->import;

    if (!import->logged) {
        import->logged = 1;

        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": the import cannot continue, will be tried "
                     "again: %s", store->conf.path, error);
    }

    import->retry_at = bigcache_time_monotonic() + BIGCACHE_IMPORT_RETRY;

    return BIGCACHE_UNAVAILABLE;
}


/*
 * the index must say that all is imported, durably, before any file is moved
 */

bigcache_rc_t
bigcache_import_finish_locked(bigcache_store_t *store, int keep)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    rc = bigcache_sync_all(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_progress_write(store,
                                            keep ? BIGCACHE_IMPORT_KEPT
                                                 : BIGCACHE_IMPORT_DONE,
                                            &import->last);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc != BIGCACHE_OK) {
        import->retry_at = bigcache_time_monotonic() + BIGCACHE_IMPORT_RETRY;
        return BIGCACHE_UNAVAILABLE;
    }

    if (import->index) {
        bigcache_index_close(import->index);
        import->index = NULL;
    }

    rc = bigcache_adopt_end(store->conf.path, keep,
                            bigcache_version_next(store), error);

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later_locked(store, error);
    }

    atomic_store(&store->imported, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": import done: %llu entries read, %llu "
                 "imported, %llu expired, %llu impossible; the files of the "
                 "original are %s", store->conf.path,
                 (unsigned long long) import->read,
                 (unsigned long long) import->imported,
                 (unsigned long long) import->expired,
                 (unsigned long long) import->bad,
                 keep ? "left in place" : "removed");

    return BIGCACHE_MISS;
}

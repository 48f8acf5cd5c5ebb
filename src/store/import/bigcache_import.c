
/*
 * Copyright (C) bigcache contributors
 */


#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_adopt.h"
#include "bigcache_answer.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_fault.h"
#include "bigcache_import.h"
#include "bigcache_json.h"
#include "bigcache_key.h"
#include "bigcache_layout.h"
#include "bigcache_lifetime.h"
#include "bigcache_names.h"
#include "bigcache_original.h"
#include "bigcache_place.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* a slice, in keys and in bytes, for the thread has other things to do */

#define BIGCACHE_IMPORT_SLICE    1000
#define BIGCACHE_IMPORT_BYTES    (16 * 1024 * 1024)

#define BIGCACHE_IMPORT_RETRY    1000

/* so often a slice is tried that cannot be read, then it is passed over */

#define BIGCACHE_IMPORT_PATIENCE  60

/* milliseconds, and entries, between two lines of the log */

#define BIGCACHE_IMPORT_PERIOD   10000
#define BIGCACHE_IMPORT_ENTRIES  100000

/* bad keys that have a line of their own */

#define BIGCACHE_IMPORT_LINES    10


typedef struct {
    bigcache_store_t     *store;
    bigcache_rc_t         rc;
    uint64_t              deleted;    /* before the walk began */
    uint64_t              bytes;
    unsigned              n;
    bigcache_import_key_t  first;     /* the last one before it */
} bigcache_import_slice_t;

typedef struct {
    bigcache_store_t     *store;
    const bigcache_str_t *prefix;
    unsigned              n;
    unsigned              more:1;
    unsigned              failed:1;   /* and that has been logged */
    uint64_t              found;
    size_t                len;
    u_char                last[BIGCACHE_KEY_MAX];
} bigcache_import_purge_t;


static bigcache_rc_t bigcache_import_ready(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_load(bigcache_store_t *store,
    u_char *stage, char *error);
static bigcache_rc_t bigcache_import_keep(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_write(bigcache_store_t *store,
    u_char stage);
static bigcache_rc_t bigcache_import_open(bigcache_store_t *store,
    char *error);
static void bigcache_import_damaged(bigcache_store_t *store,
    const char *error);
static bigcache_rc_t bigcache_import_later(bigcache_store_t *store,
    const char *error);
static bigcache_rc_t bigcache_import_slice(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_begin(bigcache_import_slice_t *slice);
static void bigcache_import_again(bigcache_import_slice_t *slice);
static bigcache_rc_t bigcache_import_end(bigcache_import_slice_t *slice);
static bigcache_rc_t bigcache_import_entry(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_one(bigcache_import_slice_t *slice,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_gone(bigcache_import_slice_t *slice,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_page(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_json(bigcache_store_t *store,
    bigcache_put_t *put, const bigcache_json_doc_t *doc);
static bigcache_rc_t bigcache_import_put(bigcache_store_t *store,
    const bigcache_put_t *put);
static int bigcache_import_possible(bigcache_store_t *store,
    const bigcache_str_t *key);
static int bigcache_import_passed(const bigcache_import_key_t *last,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_pass(bigcache_import_key_t *last,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_finish(bigcache_store_t *store,
    int keep);
static void bigcache_import_note(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_delete(bigcache_store_t *store,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_purge_slice(bigcache_store_t *store,
    bigcache_import_purge_t *purge, const bigcache_str_t *from);
static bigcache_rc_t bigcache_import_purge_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


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

    free(import->last.data);
    free(import->kept.data);

    memset(&import->last, 0, sizeof(bigcache_import_key_t));
    memset(&import->kept, 0, sizeof(bigcache_import_key_t));

    import->kept_at = 0;
    import->slicing = 0;
    import->broken = 0;
    import->failed = 0;
    import->damaged = 0;
    import->told = 0;
    import->retry_at = 0;

    atomic_store(&store->imported, 0);

    (void) pthread_mutex_unlock(&import->mutex);
}


void
bigcache_import_lock(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->import->mutex);
}


void
bigcache_import_unlock(bigcache_store_t *store)
{
    (void) pthread_mutex_unlock(&store->import->mutex);
}


int
bigcache_import_work(bigcache_store_t *store)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    /* to open the database of the original may take long */

    if (atomic_load(&store->imported)
        || atomic_load(&store->draining))
    {
        return 0;
    }

    (void) pthread_mutex_lock(&import->mutex);
    rc = bigcache_import_ready(store);
    (void) pthread_mutex_unlock(&import->mutex);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_slice(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_keep(store);
    }

    if (rc == BIGCACHE_MISS
        && !bigcache_dir_empty_trash(store->conf.path, &store->draining))
    {
        (void) pthread_mutex_lock(&store->mutex);
        store->trash = 1;
        (void) pthread_mutex_unlock(&store->mutex);
    }

    return rc == BIGCACHE_OK;
}


bigcache_rc_t
bigcache_import_forget(bigcache_store_t *store, const bigcache_str_t *key)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    if (atomic_load(&store->imported)) {
        return BIGCACHE_MISS;
    }

    (void) pthread_mutex_lock(&import->mutex);

    rc = bigcache_import_ready(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_delete(store, key);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    return rc;
}


void
bigcache_import_replaced(bigcache_store_t *store, const bigcache_str_t *key)
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

    found = (bigcache_import_ready(store) == BIGCACHE_OK
             && !bigcache_import_passed(&import->kept, key)
             && bigcache_index_get(import->index, 0, key, &value, error)
                == BIGCACHE_OK);

    if (found) {
        bigcache_index_free(&value);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    /* else it stays, and is passed over as long as the page is there */

    if (found && bigcache_sync_all(store) == BIGCACHE_OK) {
        (void) bigcache_import_forget(store, key);
    }
}


bigcache_rc_t
bigcache_import_purge(bigcache_store_t *store, const bigcache_str_t *prefix,
    uint64_t *n)
{
    int                      passed;
    u_char                   last[BIGCACHE_KEY_MAX];
    bigcache_rc_t            rc;
    bigcache_str_t           from;
    bigcache_import_purge_t  purge;

    *n = 0;

    if (atomic_load(&store->imported)) {
        return BIGCACHE_OK;
    }

    purge.store = store;
    purge.prefix = prefix;
    purge.len = 0;

    /* the walk is over what lies behind the prefix */

    (void) pthread_mutex_lock(&store->import->mutex);
    passed = bigcache_import_passed(&store->import->last, prefix);
    (void) pthread_mutex_unlock(&store->import->mutex);

    rc = bigcache_import_forget(store, prefix);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    purge.found = (rc == BIGCACHE_OK && !passed);

    from = *prefix;

    do {
        rc = bigcache_import_purge_slice(store, &purge, &from);

        memcpy(last, purge.last, purge.len);

        from.data = last;
        from.len = purge.len;

        if (rc == BIGCACHE_OK && atomic_load(&store->draining)) {
            rc = BIGCACHE_UNAVAILABLE;
        }

    } while (rc == BIGCACHE_OK);

    *n = purge.found;

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
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


/*
 * The caller holds the mutex.  Returns BIGCACHE_OK if the database is open,
 * BIGCACHE_MISS if there is none, or no more, BIGCACHE_UNAVAILABLE if it
 * cannot be opened now.
 */

static bigcache_rc_t
bigcache_import_ready(bigcache_store_t *store)
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

        /* what has been written lies in front of what has not */

        bigcache_index_close(import->index);
        import->index = NULL;
        import->broken = 0;
    }

    if (atomic_load(&store->imported)) {
        return BIGCACHE_MISS;
    }

    if (bigcache_monotonic() < import->retry_at) {
        return BIGCACHE_UNAVAILABLE;
    }

    rc = bigcache_adopt_due(store->conf.path, error);

    if (rc == BIGCACHE_MISS) {
        atomic_store(&store->imported, 1);
        return rc;
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later(store, error);
    }

    rc = bigcache_import_load(store, &stage, error);

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later(store, error);
    }

    if (stage == BIGCACHE_IMPORT_DONE || stage == BIGCACHE_IMPORT_KEPT) {
        return bigcache_import_finish(store, stage == BIGCACHE_IMPORT_KEPT);
    }

    import->damaged = (stage == BIGCACHE_IMPORT_DAMAGED);

    return bigcache_import_open(store, error);
}


/* how far an earlier process has come */

static bigcache_rc_t
bigcache_import_load(bigcache_store_t *store, u_char *stage, char *error)
{
    bigcache_rc_t       rc;
    bigcache_str_t      value, key;
    bigcache_import_t  *import;

    import = store->import;
    *stage = BIGCACHE_IMPORT_RUNS;

    rc = bigcache_index_get(store->index, BIGCACHE_NAMES_META,
                            &bigcache_names_import, &value, error);

    if (rc != BIGCACHE_OK) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    if (value.len) {
        *stage = value.data[0];

        key.data = value.data + 1;
        key.len = value.len - 1;

        rc = bigcache_import_pass(&import->last, &key);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_import_pass(&import->kept, &key);
        }
    }

    bigcache_index_free(&value);

    return rc;
}


/*
 * Tells the index now and then how far the import has come, when all of that
 * is durable.  Returns BIGCACHE_OK, also if it is not time yet.
 */

static bigcache_rc_t
bigcache_import_keep(bigcache_store_t *store)
{
    int64_t             now;
    bigcache_rc_t       rc;
    bigcache_str_t      key;
    bigcache_import_t  *import;

    import = store->import;
    now = bigcache_monotonic();

    if (now - import->kept_at < BIGCACHE_IMPORT_KEEP
        && import->read - import->kept_read < BIGCACHE_IMPORT_SYNCED)
    {
        return BIGCACHE_OK;
    }

    rc = bigcache_sync_all(store);

    if (rc == BIGCACHE_OK) {
        (void) pthread_mutex_lock(&import->mutex);

        rc = bigcache_import_write(store, import->damaged
                                          ? BIGCACHE_IMPORT_DAMAGED
                                          : BIGCACHE_IMPORT_RUNS);

        (void) pthread_mutex_unlock(&import->mutex);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc == BIGCACHE_OK && import->last.set) {
        (void) pthread_mutex_lock(&import->mutex);

        key.data = import->last.data;
        key.len = import->last.len;

        rc = bigcache_import_pass(&import->kept, &key);

        (void) pthread_mutex_unlock(&import->mutex);
    }

    import->kept_at = now;
    import->kept_read = import->read;

    return rc;
}


/* writes how far it has come; the caller holds the mutex */

static bigcache_rc_t
bigcache_import_write(bigcache_store_t *store, u_char stage)
{
    char                error[BIGCACHE_ERROR_LEN];
    u_char             *buf;
    bigcache_rc_t       rc;
    bigcache_str_t      value;
    bigcache_change_t   change;
    bigcache_import_t  *import;

    import = store->import;

    rc = bigcache_fault_rc(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    buf = malloc(1 + import->last.len);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    buf[0] = stage;

    if (import->last.len) {
        memcpy(buf + 1, import->last.data, import->last.len);
    }

    value.data = buf;
    value.len = 1 + import->last.len;

    change.space = BIGCACHE_NAMES_META;
    change.key = bigcache_names_import;
    change.value = &value;

    rc = bigcache_index_write(store->index, &change, 1, error);

    free(buf);

    if (rc != BIGCACHE_OK) {
        return bigcache_fault_write_failed(store, rc, error);
    }

    bigcache_sync_note(store);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_import_open(bigcache_store_t *store, char *error)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    rc = bigcache_adopt_open(store->conf.path, BIGCACHE_LAYOUT_IMPORT, 0,
                             &import->index, error);

    if (rc == BIGCACHE_DAMAGED) {

        /* in import/, where a repair harms nothing */

        bigcache_import_damaged(store, error);

        rc = bigcache_adopt_open(store->conf.path, BIGCACHE_LAYOUT_IMPORT, 1,
                                 &import->index, error);
    }

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": nothing of the original can be read: %s",
                     store->conf.path, error);

        return bigcache_import_finish(store, 1);
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later(store, error);
    }

    import->told = 0;
    import->deleted = 0;
    import->read = 0;
    import->imported = 0;
    import->expired = 0;
    import->bad = 0;
    import->noted = 0;
    import->kept_read = 0;
    import->noted_at = bigcache_monotonic();

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": import of what the original has stored %s",
                 store->conf.path, import->last.set ? "goes on" : "begins");

    return BIGCACHE_OK;
}


static void
bigcache_import_damaged(bigcache_store_t *store, const char *error)
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


static bigcache_rc_t
bigcache_import_later(bigcache_store_t *store, const char *error)
{
    bigcache_import_t  *import;

    import = store->import;

    if (!import->told) {
        import->told = 1;

        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": the import cannot go on, it will be tried "
                     "again: %s", store->conf.path, error);
    }

    import->retry_at = bigcache_monotonic() + BIGCACHE_IMPORT_RETRY;

    return BIGCACHE_UNAVAILABLE;
}


/* returns BIGCACHE_OK if there is more, BIGCACHE_MISS at the end */

static bigcache_rc_t
bigcache_import_slice(bigcache_store_t *store)
{
    int                      failed;
    char                     error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t            rc;
    bigcache_str_t           first;
    bigcache_import_t       *import;
    bigcache_import_slice_t  slice;

    import = store->import;

    memset(&slice, 0, sizeof(bigcache_import_slice_t));

    slice.store = store;

    if (bigcache_import_begin(&slice) != BIGCACHE_OK) {
        return BIGCACHE_UNAVAILABLE;
    }

    first.data = slice.first.data;
    first.len = slice.first.len;

    error[0] = '\0';

    rc = bigcache_index_walk_behind(import->index,
                                    slice.first.set ? &first : NULL,
                                    bigcache_import_entry, &slice, error);

    /* else it is what bigcache_import_entry() returned, of this store */

    failed = (error[0] != '\0');

    (void) pthread_mutex_lock(&import->mutex);

    import->slicing = 0;
    import->failed = (failed && rc != BIGCACHE_DAMAGED) ? import->failed + 1
                                                         : 0;

    if (import->failed && import->failed < BIGCACHE_IMPORT_PATIENCE) {
        bigcache_import_again(&slice);
        rc = bigcache_import_later(store, error);

    } else {
        if (failed) {
            bigcache_import_damaged(store, error);
        }

        rc = bigcache_import_end(&slice);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    free(slice.first.data);

    return rc;
}


/*
 * Copies the last key: the walk goes on from it while it moves, and if it
 * fails the next one does.
 */

static bigcache_rc_t
bigcache_import_begin(bigcache_import_slice_t *slice)
{
    bigcache_rc_t       rc;
    bigcache_str_t      last;
    bigcache_import_t  *import;

    import = slice->store->import;
    rc = BIGCACHE_OK;

    (void) pthread_mutex_lock(&import->mutex);

    slice->deleted = import->deleted;

    if (import->index == NULL
        || import->broken
        || bigcache_monotonic() < import->retry_at)
    {
        rc = BIGCACHE_UNAVAILABLE;

    } else if (import->last.set) {
        last.data = import->last.data;
        last.len = import->last.len;

        rc = bigcache_import_pass(&slice->first, &last);
    }

    import->slicing = (rc == BIGCACHE_OK);

    (void) pthread_mutex_unlock(&import->mutex);

    return rc;
}


/*
 * Nobody knows what the walk has passed over: the slice is taken in again, of
 * which most is there by now.
 */

static void
bigcache_import_again(bigcache_import_slice_t *slice)
{
    bigcache_import_t     *import;
    bigcache_import_key_t  last;

    import = slice->store->import;

    last = import->last;
    import->last = slice->first;
    slice->first = last;

    import->read -= slice->n;
}


/* the caller holds the mutex; returns what bigcache_import_slice() does */

static bigcache_rc_t
bigcache_import_end(bigcache_import_slice_t *slice)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    rc = slice->rc;
    import = slice->store->import;

    if (slice->n) {
        bigcache_import_note(slice->store);
    }

    if (rc == BIGCACHE_OK) {
        return bigcache_import_finish(slice->store, import->damaged);
    }

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    /* the disk is full, for one; that is in the log */

    import->retry_at = bigcache_monotonic() + BIGCACHE_IMPORT_RETRY;

    return BIGCACHE_UNAVAILABLE;
}


/* ends the walk with BIGCACHE_MISS when it is enough for now */

static bigcache_rc_t
bigcache_import_entry(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_import_slice_t *slice = data;

    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = slice->store->import;

    if (atomic_load(&slice->store->draining)) {
        rc = BIGCACHE_UNAVAILABLE;

    } else if (slice->n == BIGCACHE_IMPORT_SLICE
               || slice->bytes >= BIGCACHE_IMPORT_BYTES)
    {
        rc = BIGCACHE_MISS;

    } else {
        (void) pthread_mutex_lock(&import->mutex);
        rc = bigcache_import_one(slice, key, value);
        (void) pthread_mutex_unlock(&import->mutex);
    }

    slice->rc = rc;

    return rc;
}


static bigcache_rc_t
bigcache_import_one(bigcache_import_slice_t *slice,
    const bigcache_str_t *key, const bigcache_str_t *value)
{
    bigcache_rc_t       rc;
    bigcache_store_t   *store;
    bigcache_import_t  *import;

    store = slice->store;
    import = store->import;

    /* any version but a purge's own is earlier than one on the list */

    if (bigcache_import_possible(store, key)
        && !bigcache_purges_covers(&store->purges, key, 0))
    {
        rc = bigcache_import_gone(slice, key);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_import_page(store, key, value);
        }

        if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
            return rc;
        }
    }

    import->read++;

    slice->n++;
    slice->bytes += key->len + value->len;

    return bigcache_import_pass(&import->last, key);
}


/* returns BIGCACHE_MISS if it was deleted after the walk had begun */

static bigcache_rc_t
bigcache_import_gone(bigcache_import_slice_t *slice,
    const bigcache_str_t *key)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_str_t      value;
    bigcache_import_t  *import;

    import = slice->store->import;

    if (slice->deleted == import->deleted) {
        return BIGCACHE_OK;
    }

    rc = bigcache_index_get(import->index, 0, key, &value, error);

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);
    }

    return rc;
}


static bigcache_rc_t
bigcache_import_page(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    int64_t              ms;
    bigcache_put_t       put;
    bigcache_data_t      data;
    bigcache_json_doc_t  doc;

    memset(&put, 0, sizeof(bigcache_put_t));

    put.key = *key;
    put.expire = BIGCACHE_NEVER;

    switch (bigcache_original(value, &doc, &ms)) {

    case BIGCACHE_ORIGINAL_JSON:

        if (ms <= bigcache_now()) {
            store->import->expired++;
            return BIGCACHE_OK;
        }

        put.expire = ms;

        return bigcache_import_json(store, &put, &doc);

    case BIGCACHE_ORIGINAL_NEVER:
        return bigcache_import_json(store, &put, &doc);

    case BIGCACHE_ORIGINAL_RAW:
        data = bigcache_data_bytes(value->data, value->len);

        put.kind = BIGCACHE_KIND_RAW;
        put.data = &data;
        put.n = 1;

        return bigcache_import_put(store, &put);

    default: /* BIGCACHE_ORIGINAL_NOMEM */
        return BIGCACHE_NOMEM;
    }
}


static bigcache_rc_t
bigcache_import_json(bigcache_store_t *store, bigcache_put_t *put,
    const bigcache_json_doc_t *doc)
{
    u_char              time[BIGCACHE_LIFETIME_LEN];
    bigcache_rc_t       rc;
    bigcache_data_t     data;
    bigcache_answer_t   answer;

    memset(&answer, 0, sizeof(bigcache_answer_t));

    answer.key = put->key;
    answer.value = doc->value;
    answer.expire = bigcache_answer_null;

    /* a longer one is none that it could be stored with here */

    if (doc->duration.len <= BIGCACHE_JSON_MAX_MEMBER) {
        answer.duration = doc->duration;
    }

    if (put->expire != BIGCACHE_NEVER) {
        answer.expire.data = time;
        answer.expire.len = bigcache_lifetime_print(time, put->expire);
    }

    if (bigcache_answer(&answer) == -1) {
        return BIGCACHE_NOMEM;
    }

    data = bigcache_data_bytes(answer.memory, answer.size);

    put->kind = BIGCACHE_KIND_JSON;
    put->head = (uint32_t) answer.head;
    put->data = &data;
    put->n = 1;

    rc = bigcache_import_put(store, put);

    free(answer.memory);

    return rc;
}


/*
 * bigcache_store_put() without entering the store: this thread is inside,
 * and who drains waits for it.
 */

static bigcache_rc_t
bigcache_import_put(bigcache_store_t *store, const bigcache_put_t *put)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    rc = bigcache_fault_writable(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_write(&store->bodies, put, 0, &draft);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_replace(store, &put->key, BIGCACHE_EXPECT_NONE, 0,
                                  &draft);
        bigcache_body_done(&store->bodies, &draft);
    }

    if (rc == BIGCACHE_OK) {
        store->import->imported++;
    }

    if (rc == BIGCACHE_FULL) {
        bigcache_fault_set_full(store);
    }

    /* what is there is newer */

    return (rc == BIGCACHE_MISMATCH) ? BIGCACHE_OK : rc;
}


/* no request can name other keys */

static int
bigcache_import_possible(bigcache_store_t *store, const bigcache_str_t *key)
{
    if (key->len <= BIGCACHE_KEY_MAX
        && (key->len == 0 || memchr(key->data, '\0', key->len) == NULL))
    {
        return 1;
    }

    if (store->import->bad++ < BIGCACHE_IMPORT_LINES) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_WARN,
                     "store \"%s\": a key of %llu bytes is not imported, it "
                     "%s: \"%.*s\"", store->conf.path,
                     (unsigned long long) key->len,
                     key->len > BIGCACHE_KEY_MAX ? "is too long"
                                                 : "has a zero byte",
                     (int) (key->len < 256 ? key->len : 256), key->data);
    }

    return 0;
}


/* tells whether the key is the last one, or comes before it */

static int
bigcache_import_passed(const bigcache_import_key_t *last,
    const bigcache_str_t *key)
{
    int     order;
    size_t  len;

    if (!last->set) {
        return 0;
    }

    len = (key->len < last->len) ? key->len : last->len;
    order = len ? memcmp(key->data, last->data, len) : 0;

    return order < 0 || (order == 0 && key->len <= last->len);
}


static bigcache_rc_t
bigcache_import_pass(bigcache_import_key_t *last, const bigcache_str_t *key)
{
    u_char  *data;

    if (last->data == NULL || key->len > last->alloc) {

        data = realloc(last->data, key->len + 1);
        if (data == NULL) {
            return BIGCACHE_NOMEM;
        }

        last->data = data;
        last->alloc = key->len + 1;
    }

    if (key->len) {
        memcpy(last->data, key->data, key->len);
    }

    last->len = key->len;
    last->set = 1;

    return BIGCACHE_OK;
}


/* the index says that all is in, and durable, before anything is moved */

static bigcache_rc_t
bigcache_import_finish(bigcache_store_t *store, int keep)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    rc = bigcache_sync_all(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_write(store, keep ? BIGCACHE_IMPORT_KEPT
                                               : BIGCACHE_IMPORT_DONE);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc != BIGCACHE_OK) {
        import->retry_at = bigcache_monotonic() + BIGCACHE_IMPORT_RETRY;
        return BIGCACHE_UNAVAILABLE;
    }

    if (import->index) {
        bigcache_index_close(import->index);
        import->index = NULL;
    }

    rc = bigcache_adopt_end(store->conf.path, keep,
                            bigcache_version_next(store), error);

    if (rc != BIGCACHE_OK) {
        return bigcache_import_later(store, error);
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


static void
bigcache_import_note(bigcache_store_t *store)
{
    int64_t             now;
    bigcache_import_t  *import;

    import = store->import;
    now = bigcache_monotonic();

    if (now - import->noted_at < BIGCACHE_IMPORT_PERIOD
        && import->read - import->noted < BIGCACHE_IMPORT_ENTRIES)
    {
        return;
    }

    import->noted = import->read;
    import->noted_at = now;

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": import under way: %llu entries read, %llu "
                 "imported", store->conf.path,
                 (unsigned long long) import->read,
                 (unsigned long long) import->imported);
}


/*
 * Returns BIGCACHE_OK if there was one that had not been taken in, or is to be
 * again if the slice fails; BIGCACHE_MISS if not; the caller holds the mutex.
 */

static bigcache_rc_t
bigcache_import_delete(bigcache_store_t *store, const bigcache_str_t *key)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_str_t      value;
    bigcache_change_t   change;
    bigcache_import_t  *import;

    import = store->import;

    if (bigcache_import_passed(&import->kept, key)) {
        return BIGCACHE_MISS;
    }

    rc = bigcache_index_get(import->index, 0, key, &value, error);

    if (rc == BIGCACHE_DAMAGED) {

        /* what cannot be read is not taken in */

        return BIGCACHE_MISS;
    }

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);

        change.space = 0;
        change.key = *key;
        change.value = NULL;

        import->deleted++;
        (void) atomic_fetch_add(&store->removals, 1);

        rc = bigcache_index_write(import->index, &change, 1, error);

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
bigcache_import_purge_slice(bigcache_store_t *store,
    bigcache_import_purge_t *purge, const bigcache_str_t *from)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    purge->n = 0;
    purge->more = 0;
    purge->failed = 0;

    (void) pthread_mutex_lock(&import->mutex);

    rc = bigcache_import_ready(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_walk_behind(import->index, from,
                                        bigcache_import_purge_key, purge,
                                        error);

        if (rc == BIGCACHE_ERROR && !purge->failed) {
            (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                       "read import/", error);
        }

        /* what cannot be read in a damaged one is not taken in either */

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
bigcache_import_purge_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_import_purge_t *purge = data;

    bigcache_rc_t  rc;

    (void) value;

    if (key->len < purge->prefix->len
        || memcmp(key->data, purge->prefix->data, purge->prefix->len) != 0)
    {
        return BIGCACHE_MISS;
    }

    if (key->len > BIGCACHE_KEY_MAX) {
        return BIGCACHE_OK;
    }

    if (purge->n++ == BIGCACHE_IMPORT_SLICE) {
        purge->more = 1;
        return BIGCACHE_MISS;
    }

    memcpy(purge->last, key->data, key->len);
    purge->len = key->len;

    rc = bigcache_import_delete(purge->store, key);

    /* what has been taken in is counted where it is now */

    purge->found += (rc == BIGCACHE_OK
                     && !bigcache_import_passed(&purge->store->import->last,
                                                key));
    purge->failed = (rc != BIGCACHE_OK && rc != BIGCACHE_MISS);

    return purge->failed ? rc : BIGCACHE_OK;
}

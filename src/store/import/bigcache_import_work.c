
/*
 * Copyright (C) bigcache contributors
 */


/* Imports entries of the original, slice by slice, on the store's thread. */


#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_background.h"
#include "bigcache_dir.h"
#include "bigcache_fault.h"
#include "bigcache_import.h"
#include "bigcache_import_work.h"
#include "bigcache_json.h"
#include "bigcache_key.h"
#include "bigcache_lifetime.h"
#include "bigcache_original.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"


/*
 * the most keys, bytes and milliseconds of a slice: the thread has other work,
 * too
 */

#define BIGCACHE_IMPORT_SLICE     1000
#define BIGCACHE_IMPORT_BYTES     (16 * 1024 * 1024)
#define BIGCACHE_IMPORT_TIME      100

/* the progress is stored after so many milliseconds, and so many entries */

#define BIGCACHE_IMPORT_KEEP      2000
#define BIGCACHE_IMPORT_SYNCED    5000

/* a slice is skipped after so many failed reads */

#define BIGCACHE_IMPORT_PATIENCE  60

/* milliseconds, and entries, between two lines of the log */

#define BIGCACHE_IMPORT_PERIOD    10000
#define BIGCACHE_IMPORT_ENTRIES   100000

/* only the first so many bad keys are logged one by one */

#define BIGCACHE_IMPORT_LINES     10


typedef struct {
    bigcache_store_t     *store;
    bigcache_rc_t         rc;
    uint64_t              deleted;    /* before the walk began */
    uint64_t              bytes;
    unsigned              n;
    bigcache_import_key_t  first;     /* the last key before it */
    int64_t               until;      /* monotonic ms */
    bigcache_background_pace_t  pace;
    char                   error[BIGCACHE_ERROR_LEN];
} bigcache_import_slice_t;


static bigcache_rc_t bigcache_import_work_keep(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_work_slice(bigcache_store_t *store);
static bigcache_rc_t bigcache_import_work_begin(bigcache_import_slice_t *slice);
static bigcache_rc_t bigcache_import_work_walk(void *data);
static void bigcache_import_work_again_locked(bigcache_import_slice_t *slice);
static bigcache_rc_t bigcache_import_work_end_locked(
    bigcache_import_slice_t *slice);
static bigcache_rc_t bigcache_import_work_entry(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_work_one_locked(
    bigcache_import_slice_t *slice, const bigcache_str_t *key,
    const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_work_gone_locked(
    bigcache_import_slice_t *slice, const bigcache_str_t *key);
static bigcache_rc_t bigcache_import_work_page_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_import_work_json_locked(bigcache_store_t *store,
    bigcache_put_t *put, const bigcache_json_doc_t *doc);
static bigcache_rc_t bigcache_import_work_put_locked(bigcache_store_t *store,
    const bigcache_put_t *put);
static int bigcache_import_work_possible_locked(bigcache_store_t *store,
    const bigcache_str_t *key);
static void bigcache_import_work_note_locked(bigcache_store_t *store);


int
bigcache_import_work(bigcache_store_t *store)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;

    /* opening the database of the original may take long */

    if (atomic_load(&store->imported)
        || atomic_load(&store->draining))
    {
        return 0;
    }

    (void) pthread_mutex_lock(&import->mutex);
    rc = bigcache_import_ready_locked(store);
    (void) pthread_mutex_unlock(&import->mutex);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_work_slice(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_import_work_keep(store);
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


/*
 * Stores the progress in the index from time to time, when all up to there is
 * durable.  Returns BIGCACHE_OK, also if it is not time yet.
 */

static bigcache_rc_t
bigcache_import_work_keep(bigcache_store_t *store)
{
    int64_t             now;
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = store->import;
    now = bigcache_time_monotonic();

    if (now - import->kept_at < BIGCACHE_IMPORT_KEEP
        && import->read - import->kept_read < BIGCACHE_IMPORT_SYNCED)
    {
        return BIGCACHE_OK;
    }

    rc = bigcache_sync_all(store);

    if (rc == BIGCACHE_OK) {
        (void) pthread_mutex_lock(&import->mutex);

        rc = bigcache_import_progress_write(store,
                                            import->damaged
                                            ? BIGCACHE_IMPORT_DAMAGED
                                            : BIGCACHE_IMPORT_RUNS,
                                            &import->last);

        (void) pthread_mutex_unlock(&import->mutex);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc == BIGCACHE_OK && import->last.set) {
        (void) pthread_mutex_lock(&import->mutex);

        rc = bigcache_import_progress_set(&import->kept, &import->last.key);

        (void) pthread_mutex_unlock(&import->mutex);
    }

    import->kept_at = now;
    import->kept_read = import->read;

    return rc;
}


/* returns BIGCACHE_OK if there is more, BIGCACHE_MISS at the end */

static bigcache_rc_t
bigcache_import_work_slice(bigcache_store_t *store)
{
    int                      failed;
    bigcache_rc_t            rc;
    bigcache_import_t       *import;
    bigcache_import_slice_t  slice;

    import = store->import;

    memset(&slice, 0, sizeof(bigcache_import_slice_t));

    slice.until = bigcache_time_monotonic() + BIGCACHE_IMPORT_TIME;

    slice.store = store;

    if (bigcache_import_work_begin(&slice) != BIGCACHE_OK) {
        return BIGCACHE_UNAVAILABLE;
    }

    rc = bigcache_background_run(bigcache_import_work_walk, &slice,
                                 BIGCACHE_BACKGROUND_UPKEEP);

    /*
     * otherwise rc is from bigcache_import_work_entry(), and about this store
     */

    failed = (slice.error[0] != '\0');

    (void) pthread_mutex_lock(&import->mutex);

    import->slicing = 0;
    import->failed = (failed && rc != BIGCACHE_DAMAGED) ? import->failed + 1
                                                         : 0;

    if (import->failed && import->failed < BIGCACHE_IMPORT_PATIENCE) {
        bigcache_import_work_again_locked(&slice);
        rc = bigcache_import_later_locked(store, slice.error);

    } else {
        if (failed) {
            bigcache_import_damaged_locked(store, slice.error);
        }

        rc = bigcache_import_work_end_locked(&slice);
    }

    (void) pthread_mutex_unlock(&import->mutex);

    free((void *) slice.first.key.data);

    return rc;
}


/*
 * Copies the last key.  The walk begins after the copy, while the key itself
 * moves.  If the walk fails, the next one begins there again.
 */

static bigcache_rc_t
bigcache_import_work_begin(bigcache_import_slice_t *slice)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = slice->store->import;
    rc = BIGCACHE_OK;

    (void) pthread_mutex_lock(&import->mutex);

    slice->deleted = import->deleted;

    if (import->index == NULL
        || import->broken
        || bigcache_time_monotonic() < import->retry_at)
    {
        rc = BIGCACHE_UNAVAILABLE;

    } else if (import->last.set) {
        rc = bigcache_import_progress_set(&slice->first, &import->last.key);
    }

    import->slicing = (rc == BIGCACHE_OK);

    (void) pthread_mutex_unlock(&import->mutex);

    return rc;
}


static bigcache_rc_t
bigcache_import_work_walk(void *data)
{
    bigcache_import_slice_t *slice = data;

    return bigcache_index_walk_behind(slice->store->import->index,
                                      slice->first.set ? &slice->first.key
                                                       : NULL,
                                      bigcache_import_work_entry, slice,
                                      slice->error);
}


/*
 * The walk may have skipped entries, so the slice is imported again.  Most of
 * its entries are pages by now.
 */

static void
bigcache_import_work_again_locked(bigcache_import_slice_t *slice)
{
    bigcache_import_t     *import;
    bigcache_import_key_t  last;

    import = slice->store->import;

    last = import->last;
    import->last = slice->first;
    slice->first = last;

    import->read -= slice->n;
}


/* returns the codes of bigcache_import_work_slice() */

static bigcache_rc_t
bigcache_import_work_end_locked(bigcache_import_slice_t *slice)
{
    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    rc = slice->rc;
    import = slice->store->import;

    if (slice->n) {
        bigcache_import_work_note_locked(slice->store);
    }

    if (rc == BIGCACHE_OK) {
        return bigcache_import_finish_locked(slice->store, import->damaged);
    }

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    /* the disk may be full, for example; that is logged already */

    import->retry_at = bigcache_time_monotonic() + BIGCACHE_IMPORT_RETRY;

    return BIGCACHE_UNAVAILABLE;
}


/* ends the walk with BIGCACHE_MISS when the slice is full */

static bigcache_rc_t
bigcache_import_work_entry(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_import_slice_t *slice = data;

    bigcache_rc_t       rc;
    bigcache_import_t  *import;

    import = slice->store->import;

    if (atomic_load(&slice->store->draining)) {
        rc = BIGCACHE_UNAVAILABLE;

    } else if (slice->n == BIGCACHE_IMPORT_SLICE
               || slice->bytes >= BIGCACHE_IMPORT_BYTES
               || (slice->n
                   && bigcache_time_monotonic() >= slice->until))
    {
        rc = BIGCACHE_MISS;

    } else {
        (void) pthread_mutex_lock(&import->mutex);
        rc = bigcache_import_work_one_locked(slice, key, value);
        (void) pthread_mutex_unlock(&import->mutex);

        bigcache_background_yield(&slice->pace);
    }

    slice->rc = rc;

    return rc;
}


static bigcache_rc_t
bigcache_import_work_one_locked(bigcache_import_slice_t *slice,
    const bigcache_str_t *key, const bigcache_str_t *value)
{
    bigcache_rc_t       rc;
    bigcache_store_t   *store;
    bigcache_import_t  *import;

    bigcache_record_t   entry;

    memset(&entry, 0, sizeof(bigcache_record_t));

    store = slice->store;
    import = store->import;

    /* an entry is older than every purge, and a soft one removes it, too */

    if (bigcache_import_work_possible_locked(store, key)
        && !bigcache_purges_apply(&store->purges, key, &entry)
        && !(entry.flags & BIGCACHE_FLAG_SOFT))
    {
        rc = bigcache_import_work_gone_locked(slice, key);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_import_work_page_locked(store, key, value);
        }

        if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
            return rc;
        }
    }

    import->read++;

    slice->n++;
    slice->bytes += key->len + value->len;

    return bigcache_import_progress_set(&import->last, key);
}


/* returns BIGCACHE_MISS if the entry was deleted after the walk began */

static bigcache_rc_t
bigcache_import_work_gone_locked(bigcache_import_slice_t *slice,
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
    bigcache_index_free(&value);

    return rc;
}


static bigcache_rc_t
bigcache_import_work_page_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value)
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

        if (ms <= bigcache_time_now()) {
            store->import->expired++;
            return BIGCACHE_OK;
        }

        put.expire = ms;

        return bigcache_import_work_json_locked(store, &put, &doc);

    case BIGCACHE_ORIGINAL_NEVER:
        return bigcache_import_work_json_locked(store, &put, &doc);

    case BIGCACHE_ORIGINAL_RAW:
        data = bigcache_data_bytes(value->data, value->len);

        put.kind = BIGCACHE_KIND_RAW;
        put.data = &data;
        put.n = 1;

        return bigcache_import_work_put_locked(store, &put);

    default: /* BIGCACHE_ORIGINAL_NOMEM */
        return BIGCACHE_NOMEM;
    }
}


static bigcache_rc_t
bigcache_import_work_json_locked(bigcache_store_t *store, bigcache_put_t *put,
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

    /* a longer one could not have been stored by a request here */

    if (doc->duration.len <= BIGCACHE_JSON_MAX_MEMBER) {
        answer.duration = doc->duration;
    }

    if (put->expire != BIGCACHE_NEVER) {
        answer.expire = bigcache_str(time,
                                     bigcache_lifetime_print(time,
                                                             put->expire));
    }

    if (bigcache_answer(&answer) == -1) {
        return BIGCACHE_NOMEM;
    }

    data = bigcache_data_bytes(answer.memory, answer.size);

    put->kind = BIGCACHE_KIND_JSON;
    put->head = (uint32_t) answer.head;
    put->data = &data;
    put->n = 1;

    rc = bigcache_import_work_put_locked(store, put);

    free(answer.memory);

    return rc;
}


/*
 * As bigcache_store_put(), but without entering the store: this thread is
 * inside already, and a thread that drains the store waits for it.
 */

static bigcache_rc_t
bigcache_import_work_put_locked(bigcache_store_t *store,
    const bigcache_put_t *put)
{
    bigcache_rc_t     rc;
    bigcache_draft_t  draft;

    rc = bigcache_fault_writable(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_body_write(&store->bodies, put, &draft);
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

    /* the stored page is newer */

    return (rc == BIGCACHE_MISMATCH) ? BIGCACHE_OK : rc;
}


/* returns 1 if a request can name the key, or logs that and returns 0 */

static int
bigcache_import_work_possible_locked(bigcache_store_t *store,
    const bigcache_str_t *key)
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


static void
bigcache_import_work_note_locked(bigcache_store_t *store)
{
    int64_t             now;
    bigcache_import_t  *import;

    import = store->import;
    now = bigcache_time_monotonic();

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

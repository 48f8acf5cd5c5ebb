
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_life.h"
#include "bigcache_pages.h"
#include "bigcache_time.h"


/* what is stored under a key, while its lock is held */

typedef struct {
    bigcache_str_t      value;
    bigcache_record_t   record;
    unsigned            found:1;      /* there is a record, a bad one too */
    unsigned            live:1;       /* a good one, not expired */
    unsigned            expired:1;
} bigcache_old_t;

typedef struct {
    bigcache_store_t   *store;
    uint64_t            version;
    uint64_t            live;
    uint64_t            expired;
} bigcache_purge_t;


static bigcache_rc_t bigcache_store_read(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t bigcache_store_file(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_page_t *page);
static void bigcache_store_damaged(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t version, const char *what);
static bigcache_rc_t bigcache_store_write(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);
static bigcache_rc_t bigcache_store_record(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);
static bigcache_rc_t bigcache_store_replace(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_record_t *record,
    bigcache_str_t *value);
static bigcache_rc_t bigcache_store_remove(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t before,
    bigcache_old_t *old);
static bigcache_rc_t bigcache_store_old(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old);
static void bigcache_store_old_free(bigcache_old_t *old);
static int bigcache_store_expected(const bigcache_old_t *old,
    uint64_t expect);
static bigcache_rc_t bigcache_store_purge_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_store_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *what, const char *error);
static pthread_mutex_t *bigcache_store_lock(bigcache_store_t *store,
    const bigcache_str_t *key);


bigcache_rc_t
bigcache_store_get(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    memset(page, 0, sizeof(bigcache_page_t));
    page->fd = -1;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    do {
        rc = bigcache_store_read(store, key, body, page);

        /* the page was replaced after its record had been read */

    } while (rc == BIGCACHE_MISMATCH);

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_put(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_rc_t  rc;

    memset(page, 0, sizeof(bigcache_page_t));
    page->fd = -1;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_store_write(store, put, page);

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_delete(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect)
{
    bigcache_rc_t   rc;
    bigcache_old_t  old;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_store_remove(store, key, expect, UINT64_MAX, &old);

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_purge(bigcache_store_t *store, const bigcache_str_t *prefix,
    uint64_t *n, uint64_t *expired)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_purge_t        purge;
    bigcache_index_walk_t  *walk;

    *n = 0;
    *expired = 0;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    purge.store = store;
    purge.version = bigcache_store_version(store);
    purge.live = 0;
    purge.expired = 0;

    walk = bigcache_index_walk_begin(store->index, BIGCACHE_INDEX_KEY,
                                     prefix);

    if (walk) {
        rc = bigcache_index_walk(walk, bigcache_store_purge_key, &purge,
                                 error);

        if (rc == BIGCACHE_DAMAGED || rc == BIGCACHE_ERROR) {
            rc = bigcache_store_failed(store, rc, "purge", error);
        }

    } else {
        rc = BIGCACHE_NOMEM;
    }

    *n = purge.live;
    *expired = purge.expired;

    bigcache_store_leave(store);

    return rc;
}


bigcache_rc_t
bigcache_store_count(bigcache_store_t *store, uint64_t *n)
{
    int64_t        count;
    bigcache_rc_t  rc;

    rc = bigcache_store_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_store_counted(store);

    count = atomic_load(&store->count);
    *n = (count > 0) ? (uint64_t) count : 0;

    bigcache_store_leave(store);

    return rc;
}


void
bigcache_page_free(bigcache_page_t *page)
{
    if (page->value.data) {
        bigcache_index_free(&page->value);
    }

    if (page->fd != -1) {
        (void) close(page->fd);
        page->fd = -1;
    }
}


static bigcache_rc_t
bigcache_store_read(bigcache_store_t *store, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    char            error[BIGCACHE_ERROR_LEN];
    uint64_t        version;
    bigcache_rc_t   rc;
    bigcache_old_t  old;

    rc = bigcache_index_get(store->index, BIGCACHE_INDEX_KEY, key,
                            &page->value, error);

    if (rc == BIGCACHE_MISS) {
        return rc;
    }

    if (rc != BIGCACHE_OK) {
        bigcache_store_damaged(store, key, BIGCACHE_EXPECT_ANY, error);
        return BIGCACHE_MISS;
    }

    if (bigcache_record_decode(&page->record, page->value.data,
                               page->value.len)
        == -1)
    {
        bigcache_page_free(page);
        bigcache_store_damaged(store, key, BIGCACHE_EXPECT_ANY,
                               "the record fails its check");
        return BIGCACHE_MISS;
    }

    if (page->record.expire <= bigcache_now()) {

        version = page->record.version;
        bigcache_page_free(page);

        rc = bigcache_store_remove(store, key, version, UINT64_MAX, &old);

        /* only one of those who find it expired says so */

        return (rc == BIGCACHE_EXPIRED) ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
    }

    if (body && page->record.file) {
        return bigcache_store_file(store, key, page);
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_store_file(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    uint64_t        version;
    bigcache_rc_t   rc;
    bigcache_old_t  old;

    rc = bigcache_pages_open(store->pages_path, page->record.file, key,
                             page->record.length, &page->fd, &page->offset);

    if (rc == BIGCACHE_OK) {
        return rc;
    }

    version = page->record.version;
    bigcache_page_free(page);

    if (rc == BIGCACHE_ERROR) {
        return bigcache_store_failed(store, rc, "open a page",
                                     strerror(errno));
    }

    /* if the index no longer names the file, that is no damage */

    (void) pthread_mutex_lock(bigcache_store_lock(store, key));
    rc = bigcache_store_old(store, key, &old);
    (void) pthread_mutex_unlock(bigcache_store_lock(store, key));

    if (rc != BIGCACHE_OK) {
        return BIGCACHE_MISS;
    }

    rc = (old.found && old.record.version == version) ? BIGCACHE_DAMAGED
                                                      : BIGCACHE_MISMATCH;
    bigcache_store_old_free(&old);

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_store_damaged(store, key, version,
                               "the page file is gone or fails its check");
        rc = BIGCACHE_MISS;
    }

    return rc;
}


static void
bigcache_store_damaged(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, const char *what)
{
    bigcache_old_t  old;

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": key \"%.*s\" is damaged and will be removed: "
                 "%s", store->conf.path,
                 (int) (key->len < 256 ? key->len : 256), key->data, what);

    (void) bigcache_store_remove(store, key, version, UINT64_MAX, &old);
}


static bigcache_rc_t
bigcache_store_write(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_rc_t       rc;
    bigcache_record_t  *record;

    record = &page->record;

    record->kind = put->kind;
    record->head = put->head;
    record->expire = put->expire;
    record->type = put->type;
    record->length = bigcache_data_length(put->data, put->n);

    if (record->length > BIGCACHE_STORE_INLINE_MAX) {

        record->file = bigcache_store_version(store);

        rc = bigcache_pages_create(store->pages_path, record->file,
                                   &put->key, put->data, put->n, &page->fd,
                                   &page->offset);

        if (rc != BIGCACHE_OK) {
            return bigcache_store_failed(store, rc, "write a page",
                                         strerror(errno));
        }
    }

    rc = bigcache_store_record(store, put, page);

    if (rc != BIGCACHE_OK && record->file) {
        (void) bigcache_pages_remove(store->pages_path, record->file);
        bigcache_page_free(page);
    }

    return rc;
}


static bigcache_rc_t
bigcache_store_record(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    u_char          *buf, *body;
    bigcache_rc_t    rc;
    bigcache_str_t   value;

    value.len = bigcache_record_size(&page->record);

    buf = malloc(value.len);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    value.data = buf;
    body = bigcache_record_encode(buf, &page->record);

    if (page->record.file == 0
        && bigcache_data_read(body, put->data, put->n) == -1)
    {
        free(buf);
        return bigcache_store_failed(store, BIGCACHE_ERROR, "read a body",
                                     strerror(errno));
    }

    rc = bigcache_store_replace(store, put, &page->record, &value);

    free(buf);

    return rc;
}


static bigcache_rc_t
bigcache_store_replace(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_record_t *record, bigcache_str_t *value)
{
    char              error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t     rc;
    bigcache_old_t    old;
    pthread_mutex_t  *lock;

    lock = bigcache_store_lock(store, &put->key);

    (void) pthread_mutex_lock(lock);

    rc = bigcache_store_old(store, &put->key, &old);

    if (rc == BIGCACHE_OK) {
        rc = atomic_load(&store->broken);
    }

    if (rc == BIGCACHE_OK && !bigcache_store_expected(&old, put->expect)) {
        rc = BIGCACHE_MISMATCH;
    }

    if (rc == BIGCACHE_OK) {

        /* under the lock, for versions to grow in the order of the writes */

        record->version = bigcache_store_version(store);
        (void) bigcache_record_encode((u_char *) value->data, record);

        rc = bigcache_index_put(store->index, BIGCACHE_INDEX_KEY, &put->key,
                                value, error);

        if (rc != BIGCACHE_OK) {
            rc = bigcache_store_failed(store, rc, "write", error);
            bigcache_store_break(store, rc);

        } else if (!old.found) {
            (void) atomic_fetch_add(&store->count, 1);
        }
    }

    (void) pthread_mutex_unlock(lock);

    if (rc == BIGCACHE_OK && old.found && old.record.file) {
        (void) bigcache_pages_remove(store->pages_path, old.record.file);
    }

    bigcache_store_old_free(&old);

    return rc;
}


/*
 * Removes the page if it is as expect says and older than the version
 * before.  *old tells what was found, without its memory.
 */

static bigcache_rc_t
bigcache_store_remove(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t expect, uint64_t before, bigcache_old_t *old)
{
    char              error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t     rc;
    pthread_mutex_t  *lock;

    lock = bigcache_store_lock(store, key);

    (void) pthread_mutex_lock(lock);

    rc = bigcache_store_old(store, key, old);

    if (rc == BIGCACHE_OK) {

        if (!old->found) {
            rc = BIGCACHE_MISS;

        } else if ((expect != BIGCACHE_EXPECT_ANY
                    && expect != old->record.version)
                   || old->record.version >= before)
        {
            rc = BIGCACHE_MISMATCH;

        } else {
            rc = atomic_load(&store->broken);
        }
    }

    if (rc == BIGCACHE_OK) {

        rc = bigcache_index_delete(store->index, BIGCACHE_INDEX_KEY, key,
                                   error);

        if (rc != BIGCACHE_OK) {
            rc = bigcache_store_failed(store, rc, "delete", error);
            bigcache_store_break(store, rc);

        } else {
            (void) atomic_fetch_sub(&store->count, 1);
        }
    }

    (void) pthread_mutex_unlock(lock);

    if (rc == BIGCACHE_OK && old->record.file) {
        (void) bigcache_pages_remove(store->pages_path, old->record.file);
    }

    bigcache_store_old_free(old);

    if (rc == BIGCACHE_OK && !old->live) {
        return old->expired ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
    }

    if (rc == BIGCACHE_MISMATCH && old->expired) {
        return BIGCACHE_MISS;
    }

    return rc;
}


/* the caller holds the lock of the key */

static bigcache_rc_t
bigcache_store_old(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_old_t *old)
{
    char           error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc;

    memset(old, 0, sizeof(bigcache_old_t));

    rc = bigcache_index_get(store->index, BIGCACHE_INDEX_KEY, key,
                            &old->value, error);

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_ERROR) {
        return bigcache_store_failed(store, rc, "read", error);
    }

    /* what cannot be read can still be written over, and removed */

    old->found = 1;

    if (rc == BIGCACHE_OK
        && bigcache_record_decode(&old->record, old->value.data,
                                  old->value.len)
           == 0)
    {
        old->live = (old->record.expire > bigcache_now());
        old->expired = !old->live;

    } else {
        memset(&old->record, 0, sizeof(bigcache_record_t));
    }

    return BIGCACHE_OK;
}


static void
bigcache_store_old_free(bigcache_old_t *old)
{
    if (old->value.data) {
        bigcache_index_free(&old->value);
    }
}


static int
bigcache_store_expected(const bigcache_old_t *old, uint64_t expect)
{
    if (expect == BIGCACHE_EXPECT_ANY) {
        return 1;
    }

    if (expect == BIGCACHE_EXPECT_NONE) {
        return !old->live;
    }

    return old->live && old->record.version == expect;
}


static bigcache_rc_t
bigcache_store_purge_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_purge_t *purge = data;

    bigcache_rc_t   rc;
    bigcache_old_t  old;

    (void) value;

    rc = bigcache_store_remove(purge->store, key, BIGCACHE_EXPECT_ANY,
                               purge->version, &old);

    switch (rc) {

    case BIGCACHE_OK:
        purge->live++;
        break;

    case BIGCACHE_EXPIRED:
        purge->expired++;
        break;

    case BIGCACHE_MISS:
    case BIGCACHE_MISMATCH:
        break;

    default:
        return rc;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_store_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *what, const char *error)
{
    bigcache_log(&store->conf.log,
                 rc == BIGCACHE_FULL ? BIGCACHE_LOG_ERR : BIGCACHE_LOG_CRIT,
                 "store \"%s\": cannot %s: %s", store->conf.path, what,
                 error);

    return (rc == BIGCACHE_FULL) ? rc : BIGCACHE_ERROR;
}


/* FNV-1a, of Fowler, Noll and Vo */

static pthread_mutex_t *
bigcache_store_lock(bigcache_store_t *store, const bigcache_str_t *key)
{
    size_t    i;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < key->len; i++) {
        hash = (hash ^ key->data[i]) * 16777619u;
    }

    return &store->keys[(hash ^ (hash >> 16)) % BIGCACHE_STORE_LOCKS];
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads the entry of a key in the hot index, ../shm/bigcache_hot.h, and enters
 * what a look at the index found.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "bigcache_generation.h"
#include "bigcache_peek.h"
#include "bigcache_resident.h"
#include "bigcache_time.h"


#define BIGCACHE_PEEK_ENTRY                                                   \
    (BIGCACHE_PEEK_MAX + BIGCACHE_ENTRY_HEADER_MAX)

/*
 * Bytes of an entry from which on it is cheaper to send the body from its file
 * than to copy it, measured, see docs/performance.md.  Up to the other figure
 * it goes through the 16 pages of the pipe in sendfile() at once, wherever it
 * begins; a longer one was sent in two parts, and the second waited for the
 * client's delayed acknowledgement.
 */

#define BIGCACHE_PEEK_FILE_MIN  (16 * 1024)
#define BIGCACHE_PEEK_FILE_MAX  (60 * 1024)

/* bytes that are read for the head of such an entry */

#define BIGCACHE_PEEK_HEAD      2048

/* of so many hits, one verifies the checksum of the body */

#define BIGCACHE_PEEK_CHECK     16


static bigcache_rc_t bigcache_peek_find(bigcache_local_t *local,
    const bigcache_str_t *key, int block, unsigned file,
    bigcache_page_t *page);
static bigcache_rc_t bigcache_peek_page(bigcache_local_t *local,
    const bigcache_str_t *key, const bigcache_hot_entry_t *entry,
    uint64_t ended, uint64_t place, unsigned file, bigcache_page_t *page);
static int bigcache_peek_acquire(bigcache_local_t *local, uint64_t segment,
    uint64_t place, bigcache_file_t **held, int *fd);
static int bigcache_peek_expired(const bigcache_record_t *record);
static bigcache_rc_t bigcache_peek_read(bigcache_local_t *local, int fd,
    const bigcache_str_t *key, const bigcache_hot_entry_t *entry,
    int block, unsigned file, bigcache_stored_t *stored);
static bigcache_rc_t bigcache_peek_head(int fd, const bigcache_str_t *key,
    const bigcache_hot_entry_t *entry, unsigned file,
    bigcache_stored_t *stored);
static void bigcache_peek_release(void *data, void *file);
static int bigcache_peek_purging(bigcache_hot_t *hot,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t ended);
static int bigcache_peek_tagged(const bigcache_str_t *tags, uint64_t hash);
static int bigcache_peek_load(int fd, const bigcache_hot_entry_t *entry,
    size_t len, int block, bigcache_stored_t *stored);


bigcache_rc_t
bigcache_peek(bigcache_cache_t *cache, const bigcache_str_t *key,
    unsigned file, bigcache_page_t *page)
{
    return bigcache_peek_find((bigcache_local_t *) cache, key, 0, file, page);
}


bigcache_rc_t
bigcache_peek_block(bigcache_local_t *local, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    return bigcache_peek_find(local, key, 1, 0, page);
}


static bigcache_rc_t
bigcache_peek_find(bigcache_local_t *local, const bigcache_str_t *key,
    int block, unsigned file, bigcache_page_t *page)
{
    uint64_t               ended, place;
    bigcache_hot_t        *hot;
    bigcache_hot_entry_t   entry;

    hot = local->conf.hot;

    bigcache_page_clear(page);

    if (hot == NULL) {
        return BIGCACHE_AGAIN;
    }

    /* read first: it is the directory of the entry, even if that is closed */

    place = block ? atomic_load(&hot->place) : 0;

    ended = bigcache_purging_ended(bigcache_hot_purging(hot));

    if (!bigcache_hot_find(hot, bigcache_hot_hash(hot, key), &entry)
        || entry.size > BIGCACHE_PEEK_ENTRY)
    {
        return BIGCACHE_AGAIN;
    }

    /* a purge makes no page of none */

    return entry.version ? bigcache_peek_page(local, key, &entry, ended, place,
                                              file, page)
                         : BIGCACHE_MISS;
}


void
bigcache_peek_count(bigcache_cache_t *cache)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_hot_hit(local->conf.hot);
}


void
bigcache_peek_note(bigcache_local_t *local, const bigcache_str_t *key,
    bigcache_hot_note_t *note)
{
    bigcache_hot_t  *hot;

    hot = local->conf.hot;

    if (hot) {
        bigcache_hot_note(hot, bigcache_hot_hash(hot, key), note);
    }
}


void
bigcache_peek_enter(bigcache_local_t *local, const bigcache_str_t *key,
    const bigcache_hot_note_t *note, bigcache_rc_t rc,
    const bigcache_record_t *record)
{
    bigcache_hot_entry_t  entry;

    if (local->conf.hot == NULL) {
        return;
    }

    memset(&entry, 0, sizeof(bigcache_hot_entry_t));

    if (rc == BIGCACHE_OK) {

        /* what a soft purge has marked is only in the index */

        if ((record->flags & BIGCACHE_FLAG_SOFT)
            || !(record->flags & BIGCACHE_FLAG_SEGMENT)
            || record->length > BIGCACHE_PEEK_MAX)
        {
            return;
        }

        entry.version = record->version;
        entry.segment = record->segment;
        entry.offset = record->offset;
        entry.size = bigcache_segment_entry_header(key->len, record)
                     + record->length;

    } else if (rc != BIGCACHE_MISS) {
        return;
    }

    bigcache_hot_enter(local->conf.hot, note, &entry);
}


/* place: of the directory, for a thread; 0: the caller must not block */

static bigcache_rc_t
bigcache_peek_page(bigcache_local_t *local, const bigcache_str_t *key,
    const bigcache_hot_entry_t *entry, uint64_t ended, uint64_t place,
    unsigned file, bigcache_page_t *page)
{
    int                fd;
    bigcache_rc_t      rc;
    bigcache_file_t   *held;
    bigcache_files_t  *files;
    bigcache_stored_t  stored;

    files = local->pages.files;

    if (!bigcache_peek_acquire(local, entry->segment, place, &held, &fd)) {
        return BIGCACHE_AGAIN;
    }

    bigcache_stored_clear(&stored);

    rc = bigcache_peek_read(local, fd, key, entry, place != 0, file, &stored);

    /* a call that may read the disk will find out what is wrong */

    if (rc == BIGCACHE_OK
        && (bigcache_peek_expired(&stored.record)
            || bigcache_peek_purging(local->conf.hot, key,
                                     &stored.record.tags, ended)))
    {
        rc = BIGCACHE_AGAIN;
    }

    if (rc != BIGCACHE_OK) {
        bigcache_files_release(files, held);

        stored.fd = -1;
        bigcache_stored_free(&stored);

        return rc;
    }

    stored.record.version = entry->version;

    if (stored.fd == -1) {
        bigcache_files_release(files, held);
        return bigcache_stored_move(&stored, page);
    }

    rc = bigcache_stored_move(&stored, page);

    page->release = bigcache_peek_release;
    page->data = files;
    page->file = held;

    return rc;
}


/*
 * While no process has the store open, another directory may get the name of
 * that of the hot index.
 */

static int
bigcache_peek_acquire(bigcache_local_t *local, uint64_t segment,
    uint64_t place, bigcache_file_t **held, int *fd)
{
    bigcache_files_t  *files;

    files = local->pages.files;

    if (bigcache_files_peek(files, segment, held, fd)) {
        return 1;
    }

    if (place == 0
        || bigcache_files_acquire(files, segment, held, fd) != BIGCACHE_OK)
    {
        return 0;
    }

    if (bigcache_generation_there(local->conf.path, place)) {
        return 1;
    }

    bigcache_files_release(files, *held);

    return 0;
}


static int
bigcache_peek_expired(const bigcache_record_t *record)
{
    return record->expire != BIGCACHE_NEVER
           && record->expire <= bigcache_time_now();
}


/*
 * Reads the page into stored, or only its head, and sets stored->fd.  That the
 * page is in the hot index says that its checksum was right when a thread read
 * it, so here it is verified now and then.
 */

static bigcache_rc_t
bigcache_peek_read(bigcache_local_t *local, int fd, const bigcache_str_t *key,
    const bigcache_hot_entry_t *entry, int block, unsigned file,
    bigcache_stored_t *stored)
{
    int            check;
    bigcache_rc_t  rc;

    /* what comes from the disk was not verified in memory */

    check = (block
             || atomic_fetch_add_explicit(&local->peeks, 1,
                                          memory_order_relaxed)
                % BIGCACHE_PEEK_CHECK == 0);

    if (file && !check
        && entry->size >= BIGCACHE_PEEK_FILE_MIN
        && entry->size <= BIGCACHE_PEEK_FILE_MAX)
    {
        rc = bigcache_peek_head(fd, key, entry, file, stored);

        if (rc != BIGCACHE_MISMATCH) {
            return rc;
        }

        bigcache_stored_free(stored);
        bigcache_stored_clear(stored);
    }

    return (bigcache_peek_load(fd, entry, (size_t) entry->size, block, stored)
            && bigcache_body_parse(key, (size_t) entry->size, check, stored))
           ? BIGCACHE_OK : BIGCACHE_AGAIN;
}


/*
 * Reads the head of a page whose body will be sent from its file.  Returns
 * BIGCACHE_OK; BIGCACHE_AGAIN; or BIGCACHE_MISMATCH if the page must be read as
 * a whole.
 */

static bigcache_rc_t
bigcache_peek_head(int fd, const bigcache_str_t *key,
    const bigcache_hot_entry_t *entry, unsigned file,
    bigcache_stored_t *stored)
{
    int                 rc;
    unsigned            which;
    bigcache_record_t  *record;

    if (!bigcache_peek_load(fd, entry, BIGCACHE_PEEK_HEAD, 0, stored)) {
        return BIGCACHE_AGAIN;
    }

    rc = bigcache_body_parse_head(key, BIGCACHE_PEEK_HEAD,
                                  (size_t) entry->size, stored);
    if (rc != 1) {
        return (rc == 0) ? BIGCACHE_AGAIN : BIGCACHE_MISMATCH;
    }

    record = &stored->record;

    which = !(record->flags & BIGCACHE_FLAG_GZIP) ? BIGCACHE_PEEK_PLAIN
            : (record->kind == BIGCACHE_KIND_JSON) ? BIGCACHE_PEEK_JSON
            : BIGCACHE_PEEK_PACKED;

    if (!(file & which)) {
        return BIGCACHE_MISMATCH;
    }

    stored->fd = fd;
    stored->offset = (off_t) (entry->offset + entry->size - record->length);

    return bigcache_resident(fd, stored->offset, (size_t) record->length)
           ? BIGCACHE_OK : BIGCACHE_AGAIN;
}


static void
bigcache_peek_release(void *data, void *file)
{
    bigcache_files_release(data, file);
}


/*
 * Returns 1 if a purge may select the page that is under way, or has ended
 * since the hot index was looked at; or 0.
 */

static int
bigcache_peek_purging(bigcache_hot_t *hot, const bigcache_str_t *key,
    const bigcache_str_t *tags, uint64_t ended)
{
    int                      rc, any;
    unsigned                 at;
    bigcache_str_t           bytes;
    bigcache_purging_t       purge;
    bigcache_selector_t      selector;
    bigcache_purging_shm_t  *shm;

    shm = bigcache_hot_purging(hot);

    any = bigcache_purging_any(shm, ended);

    if (any != 1) {
        return any != 0;
    }

    at = 0;

    while ((rc = bigcache_purging_next(shm, &at, &purge)) == 1) {

        bytes = bigcache_str(purge.data, purge.len);

        if ((purge.tag == 0 || bigcache_peek_tagged(tags, purge.tag))
            && (bigcache_selector_decode(&selector, &bytes) == -1
                || bigcache_selector_key(&selector, key)))
        {
            return 1;
        }
    }

    return rc != 0 || bigcache_purging_any(shm, ended) == -1;
}


static int
bigcache_peek_tagged(const bigcache_str_t *tags, uint64_t hash)
{
    size_t          at;
    bigcache_str_t  tag;

    at = 0;

    while (bigcache_tags_next(tags, &at, &tag)) {
        if (bigcache_tags_hash(&tag) == hash) {
            return 1;
        }
    }

    return 0;
}


/*
 * Reads the first bytes of the entry into memory of its own.  Returns 1, or 0
 * if that failed; unless block is 1, also if they were not all in the page
 * cache.
 */

static int
bigcache_peek_load(int fd, const bigcache_hot_entry_t *entry, size_t len,
    int block, bigcache_stored_t *stored)
{
    struct iovec  iov;

    stored->memory = malloc(len);

    if (stored->memory == NULL) {
        return 0;
    }

    iov.iov_base = stored->memory;
    iov.iov_len = len;

    return preadv2(fd, &iov, 1, (off_t) entry->offset, block ? 0 : RWF_NOWAIT)
           == (ssize_t) len;
}

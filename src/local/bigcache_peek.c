
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

#include "bigcache_peek.h"
#include "bigcache_time.h"


#define BIGCACHE_PEEK_ENTRY  (BIGCACHE_PEEK_MAX + BIGCACHE_ENTRY_HEADER_MAX)


static bigcache_rc_t bigcache_peek_page(bigcache_local_t *local,
    const bigcache_str_t *key, const bigcache_hot_entry_t *entry,
    uint64_t ended, bigcache_page_t *page);
static int bigcache_peek_purging(bigcache_hot_t *hot,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t ended);
static int bigcache_peek_tagged(const bigcache_str_t *tags, uint64_t hash);
static int bigcache_peek_read(bigcache_local_t *local,
    const bigcache_hot_entry_t *entry, u_char *dst);


bigcache_rc_t
bigcache_peek(bigcache_cache_t *cache, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    uint64_t               ended;
    bigcache_hot_t        *hot;
    bigcache_hot_entry_t   entry;

    hot = local->conf.hot;

    bigcache_page_clear(page);

    if (hot == NULL) {
        return BIGCACHE_AGAIN;
    }

    ended = bigcache_purging_ended(bigcache_hot_purging(hot));

    if (!bigcache_hot_find(hot, bigcache_hot_hash(hot, key), &entry)
        || entry.size > BIGCACHE_PEEK_ENTRY)
    {
        return BIGCACHE_AGAIN;
    }

    /* a purge makes no page of none */

    return entry.version ? bigcache_peek_page(local, key, &entry, ended, page)
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


static bigcache_rc_t
bigcache_peek_page(bigcache_local_t *local, const bigcache_str_t *key,
    const bigcache_hot_entry_t *entry, uint64_t ended, bigcache_page_t *page)
{
    bigcache_stored_t  stored;

    bigcache_stored_clear(&stored);

    stored.memory = malloc((size_t) entry->size);

    if (stored.memory == NULL) {
        return BIGCACHE_AGAIN;
    }

    if (!bigcache_peek_read(local, entry, stored.memory)
        || !bigcache_body_parse(key, (size_t) entry->size, &stored)
        || stored.record.expire <= bigcache_time_now())
    {
        /* a call that may read the disk will find out what is wrong */

        bigcache_stored_free(&stored);
        return BIGCACHE_AGAIN;
    }

    if (bigcache_peek_purging(local->conf.hot, key, &stored.record.tags,
                              ended))
    {

        /* a thread looks at the list of purges */

        bigcache_stored_free(&stored);
        return BIGCACHE_AGAIN;
    }

    stored.record.version = entry->version;

    return bigcache_stored_move(&stored, page);
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

        bytes.data = purge.data;
        bytes.len = purge.len;

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


/* returns 1 if all of it was in the page cache, or 0 */

static int
bigcache_peek_read(bigcache_local_t *local, const bigcache_hot_entry_t *entry,
    u_char *dst)
{
    int                fd;
    ssize_t            n;
    struct iovec       iov;
    bigcache_file_t   *file;
    bigcache_files_t  *files;

    files = local->pages.files;

    if (!bigcache_files_peek(files, entry->segment, &file, &fd)) {
        return 0;
    }

    iov.iov_base = dst;
    iov.iov_len = (size_t) entry->size;

    n = preadv2(fd, &iov, 1, (off_t) entry->offset, RWF_NOWAIT);

    bigcache_files_release(files, file);

    return n == (ssize_t) entry->size;
}

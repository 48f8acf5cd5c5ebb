
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Moves live pages out of segments that are mostly dead, and unlinks the
 * segments.
 */


#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_background.h"
#include "bigcache_compact.h"
#include "bigcache_core.h"
#include "bigcache_damaged.h"
#include "bigcache_dir.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_place.h"
#include "bigcache_previous.h"
#include "bigcache_segments_pick.h"
#include "bigcache_segments_reserve.h"
#include "bigcache_sync.h"


#define BIGCACHE_COMPACT_IDLE  500

/* bytes to copy between two pauses, in ms: at most 64 MB a second */

#define BIGCACHE_COMPACT_SLICE  (1024 * 1024)
#define BIGCACHE_COMPACT_PAUSE  16

/* the most segments to unlink after one sync */

#define BIGCACHE_COMPACT_EMPTY  64


typedef struct {
    bigcache_store_t        *store;
    const bigcache_usage_t  *usage;
    uint64_t                 n;        /* pages moved */
} bigcache_compact_run_t;


static bigcache_rc_t bigcache_compact_segment(void *data);
static bigcache_rc_t bigcache_compact_entry(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);
static int bigcache_compact_due(bigcache_store_t *store);
static uint64_t bigcache_compact_room(bigcache_store_t *store);
static bigcache_rc_t bigcache_compact_move(bigcache_compact_t *ctx,
    const bigcache_entry_t *entry, const bigcache_record_t *record,
    uint64_t size);
static bigcache_rc_t bigcache_compact_damaged(bigcache_compact_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static bigcache_rc_t bigcache_compact_body(bigcache_compact_t *ctx,
    const bigcache_entry_t *entry, off_t from, int fd, off_t to,
    uint32_t *crc);
static bigcache_rc_t bigcache_compact_lost(bigcache_compact_t *ctx);
static bigcache_rc_t bigcache_compact_lost_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


int
bigcache_compact_empty(bigcache_store_t *store)
{
    int               removed;
    size_t            i, n;
    bigcache_usage_t  usage[BIGCACHE_COMPACT_EMPTY];

    n = bigcache_segments_pick_empty(store->segments, usage,
                                BIGCACHE_COMPACT_EMPTY);

    /*
     * first makes durable what removed or replaced the pages of these segments
     */

    if (n == 0 || bigcache_sync_segments(store) != BIGCACHE_OK) {
        return 0;
    }

    removed = 0;

    for (i = 0; i < n; i++) {
        removed |= bigcache_segments_remove(store->segments, usage[i].id);
    }

    if (removed) {
        bigcache_core_segments_removed(store);
    }

    return removed;
}


unsigned
bigcache_compact_work(bigcache_store_t *store)
{
    double                   most;
    bigcache_rc_t            rc;
    bigcache_usage_t         usage;
    bigcache_compact_run_t   run;

    most = atomic_load(&store->full) ? BIGCACHE_COMPACT_FULL
                                     : BIGCACHE_COMPACT_SPARSE;

    if (!bigcache_segments_pick_sparse(store->segments, most,
                                  bigcache_compact_room(store), &usage))
    {
        return BIGCACHE_COMPACT_IDLE;
    }

    run.store = store;
    run.usage = &usage;
    run.n = 0;

    /* on a full disk the next pages wait for it */

    rc = bigcache_background_run(bigcache_compact_segment, &run,
                                 atomic_load(&store->full)
                                 ? BIGCACHE_BACKGROUND_AWAITED
                                 : BIGCACHE_BACKGROUND_UPKEEP);

    /* first makes the copies and their records durable */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_segments(store);

        if (rc == BIGCACHE_FULL) {
            rc = BIGCACHE_ERROR;
        }
    }

    if (rc == BIGCACHE_ERROR) {

        /*
         * another segment may succeed; reading this one again at once would
         * not help
         */

        bigcache_segments_postpone(store->segments, usage.id);
    }

    if (rc != BIGCACHE_OK) {
        return BIGCACHE_COMPACT_IDLE;
    }

    (void) atomic_fetch_add(&store->shared->moved, run.n);

    if (!bigcache_segments_remove(store->segments, usage.id)) {
        return BIGCACHE_COMPACT_IDLE;
    }

    bigcache_core_segments_removed(store);

    (void) atomic_fetch_add(&store->shared->compacted, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_INFO,
                 "store \"%s\": segment %llu of %llu bytes compacted, "
                 "%llu pages moved", store->conf.path,
                 (unsigned long long) usage.id,
                 (unsigned long long) usage.size,
                 (unsigned long long) run.n);

    return 0;
}


static bigcache_rc_t
bigcache_compact_segment(void *data)
{
    bigcache_compact_run_t *run = data;

    return bigcache_compact(run->store, run->usage, bigcache_compact_entry,
                            &run->n);
}


bigcache_rc_t
bigcache_compact(bigcache_store_t *store, const bigcache_usage_t *usage,
    bigcache_scan_pt handler, uint64_t *n)
{
    bigcache_rc_t        rc;
    bigcache_compact_t   ctx;
    bigcache_file_t     *file;

    memset(&ctx, 0, sizeof(bigcache_compact_t));

    ctx.store = store;
    ctx.from.segment = usage->id;
    ctx.evict = (handler != bigcache_compact_entry);

    rc = bigcache_segments_acquire(store->segments, usage->id, &file,
                                   &ctx.fd);
    if (rc == BIGCACHE_OK) {
        rc = bigcache_scan(ctx.fd, usage->size, handler, &ctx,
                           &store->draining);

    } else if (rc == BIGCACHE_MISS || (ctx.evict && rc != BIGCACHE_STALE)) {

        /*
         * the file is gone, or its segment must go: the keys are removed, too
         */

        file = NULL;
        ctx.fd = -1;
        rc = BIGCACHE_OK;

    } else {
        file = NULL;
        rc = BIGCACHE_ERROR;
    }

    *n = ctx.n;

    if (ctx.expired && store->conf.removed) {
        store->conf.removed(store->conf.data, ctx.expired, 0);
    }

    if (rc == BIGCACHE_ERROR) {
        (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "compact", strerror(errno));
    }

    if (rc == BIGCACHE_OK) {
        ctx.n = 0;
        rc = bigcache_compact_lost(&ctx);
    }

    if (rc == BIGCACHE_OK && ctx.unread) {

        /* the pages may be good: the segment must stay */

        (void) bigcache_log_failed(&store->conf.log, store->conf.path,
                                   BIGCACHE_ERROR, "compact",
                                   "a page cannot be read");
        rc = BIGCACHE_ERROR;
    }

    if (file) {
        bigcache_files_release(store->files, file);
    }

    return rc;
}


static bigcache_rc_t
bigcache_compact_entry(void *data, const bigcache_entry_t *entry,
    uint64_t offset, uint64_t size)
{
    bigcache_compact_t *ctx = data;

    bigcache_rc_t   rc;
    bigcache_old_t  old;

    /* eviction comes first, and may remove this segment */

    if (atomic_load(&ctx->store->draining)
        || bigcache_compact_due(ctx->store))
    {
        return BIGCACHE_UNAVAILABLE;
    }

    if (!atomic_load(&ctx->store->full)) {
        bigcache_background_yield(&ctx->pace);
    }

    ctx->from.offset = offset;

    rc = bigcache_key_read(ctx->store, &entry->key, &old);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!old.found
        || !(old.record.flags & BIGCACHE_FLAG_SEGMENT)
        || old.record.segment != ctx->from.segment
        || old.record.offset != offset)
    {
        return BIGCACHE_OK;
    }

    /* also if a purge covers the page: the purge must remove and count it */

    if (!old.expired) {
        return bigcache_compact_move(ctx, entry, &old.record, size);
    }

    rc = bigcache_key_remove(ctx->store, &entry->key, &ctx->from);

    ctx->expired += (rc == BIGCACHE_EXPIRED);

    return bigcache_compact_failed(rc) ? rc : BIGCACHE_OK;
}


/* on a full disk, pages must not take the space that the index needs */

static uint64_t
bigcache_compact_room(bigcache_store_t *store)
{
    uint64_t  room, index;

    room = bigcache_dir_free(store->conf.path);
    index = bigcache_place_index_room(store);

    return (room > index) ? room - index : 0;
}


/* tells whether the size of the segments alone is near the limit */

static int
bigcache_compact_due(bigcache_store_t *store)
{
    return store->conf.max_size
           && atomic_load(&store->segments->size)
              + store->conf.segment_size > store->conf.max_size;
}


static bigcache_rc_t
bigcache_compact_move(bigcache_compact_t *ctx, const bigcache_entry_t *entry,
    const bigcache_record_t *record, uint64_t size)
{
    int                err;
    size_t             head;
    uint32_t           crc;
    uint64_t           offset;
    bigcache_rc_t      rc;
    bigcache_data_t    data;
    bigcache_place_t   place;

    rc = bigcache_segments_reserve(ctx->store->segments, size, &place);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /* checks the body before writing the header and the padding around it */

    crc = 0;
    offset = record->offset;
    head = bigcache_segment_entry_header(entry->key.len, &entry->record);

    rc = bigcache_compact_body(ctx, entry, (off_t) (offset + head), place.fd,
                               place.offset + (off_t) head, &crc);

    if (rc == BIGCACHE_ERROR) {
        goto failed;
    }

    if (rc == BIGCACHE_UNAVAILABLE) {
        bigcache_segments_done(ctx->store->segments, &place);
        return rc;
    }

    if (rc == BIGCACHE_MISS && errno != BIGCACHE_DATA_ENDED && !ctx->evict) {
        bigcache_segments_done(ctx->store->segments, &place);
        ctx->unread++;

        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_MISS) {
        crc = ~entry->body_crc;
    }

    if (crc != entry->body_crc) {
        bigcache_segments_done(ctx->store->segments, &place);

        return bigcache_compact_damaged(ctx, &entry->key, record);
    }

    data = bigcache_data_range(ctx->fd, (off_t) offset, head);

    if (bigcache_data_write(place.fd, place.offset, &data, 1, NULL) == -1) {
        goto failed;
    }

    rc = bigcache_key_move(ctx->store, &entry->key, &ctx->from, &place);

    bigcache_segments_done(ctx->store->segments, &place);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISMATCH) {
        return rc;
    }

    ctx->n += (rc == BIGCACHE_OK);
    ctx->copied += size;

    if (ctx->copied >= BIGCACHE_COMPACT_SLICE) {
        ctx->copied = 0;
        (void) usleep(BIGCACHE_COMPACT_PAUSE * 1000);
    }

    return BIGCACHE_OK;

failed:

    err = errno;

    bigcache_segments_done(ctx->store->segments, &place);

    errno = err;

    return bigcache_rc_errno(err);
}


/* brings back the previous page, if this page never reached the disk */

static bigcache_rc_t
bigcache_compact_damaged(bigcache_compact_t *ctx, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_rc_t  rc;

    rc = bigcache_damaged_page(ctx->store, key, BIGCACHE_DAMAGED, record);

    return (rc == BIGCACHE_MISS || rc == BIGCACHE_MISMATCH) ? BIGCACHE_OK
                                                            : rc;
}


/*
 * Copies the body of an entry, a slice at a time, since it may be gigabytes
 * long and a thread may wait to drain the store.  Returns BIGCACHE_OK and
 * *crc; BIGCACHE_UNAVAILABLE; or, with errno, BIGCACHE_MISS if it cannot be
 * read, BIGCACHE_ERROR if it cannot be written.
 */

static bigcache_rc_t
bigcache_compact_body(bigcache_compact_t *ctx, const bigcache_entry_t *entry,
    off_t from, int fd, off_t to, uint32_t *crc)
{
    int              err;
    uint32_t         ignored;
    uint64_t         done, left, size;
    bigcache_data_t  data;

    for (done = 0; done < entry->record.length; done += size) {

        if (atomic_load(&ctx->store->draining)) {
            return BIGCACHE_UNAVAILABLE;
        }

        left = entry->record.length - done;
        size = (left < BIGCACHE_COMPACT_SLICE) ? left
                                               : BIGCACHE_COMPACT_SLICE;

        data = bigcache_data_range(ctx->fd, from + (off_t) done, size);

        if (bigcache_data_write(fd, to + (off_t) done, &data, 1, crc) == 0) {
            continue;
        }

        err = errno;
        ignored = 0;

        if (bigcache_data_crc(&data, 1, &ignored) == 0) {

            /* the failed call was the write, not the read */

            errno = err;
            return BIGCACHE_ERROR;
        }

        return BIGCACHE_MISS;
    }

    return BIGCACHE_OK;
}


/*
 * Handles keys that still name entries here after the scan: what a crash has
 * left may have misled the scan.  Moves the pages that can be read and removes
 * the others, which can only be misses.
 */

static bigcache_rc_t
bigcache_compact_lost(bigcache_compact_t *ctx)
{
    char               error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t      rc;
    bigcache_store_t  *store;

    store = ctx->store;

    if (bigcache_segments_get_live(store->segments, ctx->from.segment) <= 0) {
        return BIGCACHE_OK;
    }

    rc = bigcache_index_each(store->index, BIGCACHE_NAMES_KEY, NULL, NULL,
                             bigcache_compact_lost_key, ctx, error);

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_fault_break(store, rc);
        return rc;
    }

    if (ctx->lost) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": segment %llu is damaged, %llu pages are "
                     "lost", store->conf.path,
                     (unsigned long long) ctx->from.segment,
                     (unsigned long long) ctx->lost);
    }

    return rc;
}


static bigcache_rc_t
bigcache_compact_lost_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_compact_t *ctx = data;

    ssize_t            n;
    u_char             head[BIGCACHE_ENTRY_HEADER_MAX];
    bigcache_rc_t      rc;
    bigcache_entry_t   entry;
    bigcache_record_t  record;

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    if (bigcache_record_decode(&record, value->data, value->len) == -1
        || !(record.flags & BIGCACHE_FLAG_SEGMENT)
        || record.segment != ctx->from.segment)
    {
        return BIGCACHE_OK;
    }

    ctx->from.offset = record.offset;

    n = 0;

    if (ctx->fd != -1) {
        n = pread(ctx->fd, head, sizeof(head), (off_t) record.offset);

        if (n == -1 && !ctx->evict) {
            ctx->unread++;
            return BIGCACHE_OK;
        }
    }

    if (n > 0
        && bigcache_segment_decode(&entry, head, (size_t) n) == 0
        && bigcache_str_equal(&entry.key, key)
        && entry.record.type.len == record.type.len
        && entry.record.tags.len == record.tags.len
        && entry.record.length == record.length)
    {
        return bigcache_compact_move(ctx, &entry, &record,
                                     bigcache_segment_page_size(key, &record));
    }

    rc = bigcache_key_revert(ctx->store, key, &record);

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED) {
        return (rc == BIGCACHE_MISMATCH) ? BIGCACHE_OK : rc;
    }

    rc = bigcache_key_remove(ctx->store, key, &ctx->from);

    /* a page that a crash kept from the disk is not damage */

    ctx->lost += (rc == BIGCACHE_OK
                  && !bigcache_previous_torn(ctx->store, &record));

    return bigcache_compact_failed(rc) ? rc : BIGCACHE_OK;
}


int
bigcache_compact_failed(bigcache_rc_t rc)
{
    return rc == BIGCACHE_FULL || rc == BIGCACHE_ERROR
           || rc == BIGCACHE_UNAVAILABLE;
}

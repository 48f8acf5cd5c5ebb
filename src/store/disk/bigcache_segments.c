
/*
 * Copyright (C) bigcache contributors
 */


/* The table of the segments of a store. */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* the strerror_r() of a string */
#endif

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_segments.h"
#include "bigcache_time.h"


/*
 * Milliseconds until a compaction or a removal that failed is tried again.
 * The time doubles with each failure, at most so many times.
 */

#define BIGCACHE_SEGMENTS_RETRY    1000
#define BIGCACHE_SEGMENTS_RETRIES  12
#define BIGCACHE_SEGMENTS_REMOVES  5


static void bigcache_segments_retire(bigcache_segments_t *segments);
static int bigcache_segments_unlink(bigcache_segments_t *segments,
    uint64_t id);


void
bigcache_segments_close(bigcache_segments_t *segments)
{
    size_t  i;

    for (i = 0; i < segments->nelts; i++) {
        free(segments->elts[i]);
    }

    (void) pthread_mutex_destroy(&segments->mutex);
    (void) pthread_mutex_destroy(&segments->writer);

    free(segments->elts);
    free(segments->path);
    free(segments);
}


uint64_t
bigcache_segments_settle(bigcache_segments_t *segments)
{
    int                  fd, rc;
    bigcache_file_t     *file;
    bigcache_segment_t  *segment;

    segment = segments->active;

    if (segment == NULL
        || bigcache_files_acquire(segments->files, segment->id, &file, &fd)
           != BIGCACHE_OK)
    {
        return 0;
    }

    rc = ftruncate(fd, (off_t) segment->size);

    bigcache_files_release(segments->files, file);

    if (rc == -1) {
        bigcache_log(&segments->log, BIGCACHE_LOG_WARN,
                     "store \"%s\": segment %llu cannot be given its size",
                     segments->path, (unsigned long long) segment->id);
        return 0;
    }

    return segment->id;
}


void
bigcache_segments_append(bigcache_segments_t *segments, uint64_t id)
{
    bigcache_segment_t  *segment;

    segment = bigcache_segments_find_locked(segments, id);

    if (segment && segment->size < segments->segment_size / 4 * 3) {
        segment->sealed = 0;
        segments->active = segment;
    }
}


void
bigcache_segments_done(bigcache_segments_t *segments,
    const bigcache_place_t *place)
{
    bigcache_segment_t  *segment;

    segment = place->holder;

    (void) pthread_mutex_lock(&segments->mutex);
    segment->pins--;
    (void) pthread_mutex_unlock(&segments->mutex);

    bigcache_files_release(segments->files, place->file);
}


int
bigcache_segments_add_live(bigcache_segments_t *segments, uint64_t id,
    int64_t bytes)
{
    int                  found;
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find_locked(segments, id);
    found = (segment != NULL);

    if (found) {
        segment->live += bytes;
        segment->dirty |= (bytes > 0);
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found;
}


bigcache_rc_t
bigcache_segments_acquire(bigcache_segments_t *segments, uint64_t id,
    bigcache_file_t **file, int *fd)
{
    return bigcache_segments_add_live(segments, id, 0)
           ? bigcache_files_acquire(segments->files, id, file, fd)
           : BIGCACHE_MISS;
}


size_t
bigcache_segments_unsynced(bigcache_segments_t *segments, uint64_t *ids,
    size_t n)
{
    size_t  i, found;

    found = 0;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts; i++) {

        if (!segments->elts[i]->unsynced) {
            continue;
        }

        if (found < n) {
            ids[found] = segments->elts[i]->id;
        }

        found++;
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found;
}


void
bigcache_segments_distrust(bigcache_segments_t *segments, uint64_t id)
{
    size_t               i;
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->writer);

    if (segments->active && (id == 0 || segments->active->id == id)) {
        bigcache_segments_retire(segments);
    }

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts; i++) {

        segment = segments->elts[i];

        if (id == 0 || segment->id == id) {
            segment->dirty = 1;
            segment->unsynced = 1;
        }
    }

    (void) pthread_mutex_unlock(&segments->mutex);
    (void) pthread_mutex_unlock(&segments->writer);
}


void
bigcache_segments_postpone(bigcache_segments_t *segments, uint64_t id)
{
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find_locked(segments, id);

    if (segment) {
        segment->retry_at = bigcache_time_monotonic()
                            + (BIGCACHE_SEGMENTS_RETRY << segment->unread);
        segment->unread += (segment->unread < BIGCACHE_SEGMENTS_RETRIES);
    }

    (void) pthread_mutex_unlock(&segments->mutex);
}


int64_t
bigcache_segments_get_live(bigcache_segments_t *segments, uint64_t id)
{
    int64_t              live;
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find_locked(segments, id);
    live = segment ? segment->live : 0;

    (void) pthread_mutex_unlock(&segments->mutex);

    return live;
}


void
bigcache_segments_seal(bigcache_segments_t *segments, double most)
{
    int  low;

    (void) pthread_mutex_lock(&segments->writer);
    (void) pthread_mutex_lock(&segments->mutex);

    low = (segments->active
           && bigcache_segments_share_locked(segments->active) < most);

    (void) pthread_mutex_unlock(&segments->mutex);

    if (low) {
        bigcache_segments_retire(segments);
    }

    (void) pthread_mutex_unlock(&segments->writer);
}


int
bigcache_segments_remove(bigcache_segments_t *segments, uint64_t id)
{
    int                  gone;
    size_t               i;
    bigcache_segment_t  *segment;

    gone = bigcache_segments_unlink(segments, id);

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find_locked(segments, id);

    if (segment && !gone) {
        segment->remove_at = bigcache_time_monotonic()
                             + (BIGCACHE_SEGMENTS_RETRY << segment->kept);
        segment->kept += (segment->kept < BIGCACHE_SEGMENTS_REMOVES);

    } else if (segment) {
        i = bigcache_segments_index_locked(segments, id);

        segments->nelts--;
        memmove(&segments->elts[i], &segments->elts[i + 1],
                (segments->nelts - i) * sizeof(bigcache_segment_t *));

        atomic_fetch_sub(&segments->size, segment->size);
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    if (!gone) {
        return 0;
    }

    free(segment);

    bigcache_files_forget(segments->files, id);

    return 1;
}


size_t
bigcache_segments_usage(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n)
{
    size_t  i;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts && i < n; i++) {
        bigcache_segments_usage_of_locked(segments->elts[i], &usage[i]);
    }

    i = segments->nelts;

    (void) pthread_mutex_unlock(&segments->mutex);

    return i;
}


void
bigcache_segments_total(bigcache_segments_t *segments,
    bigcache_total_t *total)
{
    size_t  i;
    int64_t live;

    memset(total, 0, sizeof(bigcache_total_t));

    live = 0;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts; i++) {
        total->size += segments->elts[i]->size;
        live += segments->elts[i]->live;
    }

    total->segments = segments->nelts;
    total->live = (live > 0) ? (uint64_t) live : 0;

    (void) pthread_mutex_unlock(&segments->mutex);
}


int
bigcache_segments_add_locked(bigcache_segments_t *segments,
    bigcache_segment_t *segment)
{
    size_t                n;
    bigcache_segment_t  **elts;

    if (segments->nelts == segments->nalloc) {

        n = segments->nalloc ? 2 * segments->nalloc : 64;

        elts = realloc(segments->elts, n * sizeof(bigcache_segment_t *));
        if (elts == NULL) {
            return -1;
        }

        segments->elts = elts;
        segments->nalloc = n;
    }

    segments->elts[segments->nelts++] = segment;

    return 0;
}


/* returns the position of segment id, or where it would be inserted */

size_t
bigcache_segments_index_locked(bigcache_segments_t *segments, uint64_t id)
{
    size_t  low, high, middle;

    low = 0;
    high = segments->nelts;

    while (low < high) {
        middle = (low + high) / 2;

        if (segments->elts[middle]->id < id) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


bigcache_segment_t *
bigcache_segments_find_locked(bigcache_segments_t *segments, uint64_t id)
{
    size_t  i;

    i = bigcache_segments_index_locked(segments, id);

    if (i == segments->nelts || segments->elts[i]->id != id) {
        return NULL;
    }

    return segments->elts[i];
}


/* no writer gets a place in the active segment any more */

static void
bigcache_segments_retire(bigcache_segments_t *segments)
{
    (void) pthread_mutex_lock(&segments->mutex);
    segments->active->sealed = 1;
    (void) pthread_mutex_unlock(&segments->mutex);

    segments->active = NULL;
}


/* success if the file is gone, but not if the whole directory is */

static int
bigcache_segments_unlink(bigcache_segments_t *segments, uint64_t id)
{
    char  name[PATH_MAX], text[128];

    bigcache_files_name(name, segments->path, id);

    if (unlink(name) == 0
        || (errno == ENOENT && bigcache_files_there(segments->files)))
    {
        return 1;
    }

    bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": segment %llu cannot be removed, it will be "
                 "tried again: %s", segments->path, (unsigned long long) id,
                 strerror_r(errno, text, sizeof(text)));

    return 0;
}


/* returns the live share of the segment, from 0 to 1 */

double
bigcache_segments_share_locked(const bigcache_segment_t *segment)
{
    return (double) segment->live / (double) segment->size;
}


void
bigcache_segments_usage_of_locked(const bigcache_segment_t *segment,
    bigcache_usage_t *usage)
{
    usage->id = segment->id;
    usage->size = segment->size;
    usage->live = segment->live;
}

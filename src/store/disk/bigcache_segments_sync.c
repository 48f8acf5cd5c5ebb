
/*
 * Copyright (C) bigcache contributors
 */


/* Syncs the segments that were written to. */


#include <limits.h>
#include <stdio.h>

#include "bigcache_fsync.h"
#include "bigcache_segments_sync.h"


static bigcache_segment_t *bigcache_segments_dirty_locked(
    bigcache_segments_t *segments, uint64_t after);
static bigcache_rc_t bigcache_segments_sync_one(bigcache_segments_t *segments,
    uint64_t id, char *error);
static bigcache_rc_t bigcache_segments_sync_names(
    bigcache_segments_t *segments, char *error);


bigcache_rc_t
bigcache_segments_sync(bigcache_segments_t *segments, char *error)
{
    uint64_t             id;
    bigcache_rc_t        rc, failed;
    bigcache_segment_t  *segment;

    id = 0;
    rc = bigcache_segments_sync_names(segments, error);

    for ( ;; ) {

        (void) pthread_mutex_lock(&segments->mutex);

        segment = bigcache_segments_dirty_locked(segments, id);

        if (segment == NULL) {
            (void) pthread_mutex_unlock(&segments->mutex);
            return rc;
        }

        /* what is written from here on is for the next time */

        segment->dirty = segment->unsynced;
        failed = segment->unsynced ? BIGCACHE_ERROR : BIGCACHE_OK;
        id = segment->id;

        (void) pthread_mutex_unlock(&segments->mutex);

        if (failed == BIGCACHE_OK) {
            failed = bigcache_segments_sync_one(segments, id, error);

        } else {
            (void) snprintf(error, BIGCACHE_ERROR_LEN,
                            "segment %llu could not be synced, its pages are "
                            "to be moved first", (unsigned long long) id);
        }

        rc = (failed == BIGCACHE_OK) ? rc : failed;
    }
}


/*
 * Returns the first segment with a later id than after that is to be synced,
 * or NULL.  One that could not be is, as long as it holds pages that are to be
 * moved.  Those that a compaction could not read are gone, whatever is synced.
 */

static bigcache_segment_t *
bigcache_segments_dirty_locked(bigcache_segments_t *segments, uint64_t after)
{
    size_t               i;
    bigcache_segment_t  *segment;

    for (i = bigcache_segments_index_locked(segments, after + 1);
         i < segments->nelts;
         i++)
    {
        segment = segments->elts[i];

        if (segment->dirty
            && !(segment->unsynced && (segment->live <= 0 || segment->unread)))
        {
            return segment;
        }
    }

    return NULL;
}


static bigcache_rc_t
bigcache_segments_sync_one(bigcache_segments_t *segments, uint64_t id,
    char *error)
{
    int                  lost;
    char                 name[PATH_MAX];
    bigcache_rc_t        rc;
    bigcache_segment_t  *segment;

    bigcache_files_name(name, segments->path, id);

    rc = bigcache_fsync_file(name, &lost, error);

    /* once more, or the directory may have been put back only since */

    if (rc == BIGCACHE_MISS && bigcache_files_there(segments->files)) {
        rc = bigcache_fsync_file(name, &lost, error);
    }

    if (rc == BIGCACHE_OK
        || (rc == BIGCACHE_MISS && bigcache_files_there(segments->files)))
    {
        /* it was synced, or removed since it was found */

        return BIGCACHE_OK;
    }

    if (lost) {
        bigcache_segments_distrust(segments, id);
        return rc;
    }

    /* it was not tried, or its file system is away: nothing was let go of */

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find_locked(segments, id);

    if (segment) {
        segment->dirty = 1;
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return (rc == BIGCACHE_MISS) ? BIGCACHE_ERROR : rc;
}


static bigcache_rc_t
bigcache_segments_sync_names(bigcache_segments_t *segments, char *error)
{
    bigcache_rc_t  rc;

    if (atomic_exchange(&segments->named, 1)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_fsync_dir(segments->path, error);

    if (rc != BIGCACHE_OK) {
        atomic_store(&segments->named, 0);
    }

    return rc;
}

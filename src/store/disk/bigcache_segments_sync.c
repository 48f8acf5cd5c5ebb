
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

        /* a write from here on is for the next sync */

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
 * Returns the first segment after the id after that has to be synced, or NULL.
 * One that could not be synced stays in the list, and fails, as long as it has
 * live pages to be moved.  If a compaction could not read them, they are lost,
 * and a sync cannot change that.
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

    /* tries again: the directory may have been put back after the first try */

    if (rc == BIGCACHE_MISS && bigcache_files_there(segments->files)) {
        rc = bigcache_fsync_file(name, &lost, error);
    }

    if (rc == BIGCACHE_OK
        || (rc == BIGCACHE_MISS && bigcache_files_there(segments->files)))
    {
        /* synced, or removed after it was found */

        return BIGCACHE_OK;
    }

    if (lost) {
        bigcache_segments_distrust(segments, id);
        return rc;
    }

    /*
     * no sync was tried, or the file system is gone: the kernel has dropped
     * nothing
     */

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

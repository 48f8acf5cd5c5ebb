
/*
 * Copyright (C) bigcache contributors
 */


/* Reserves ranges of segments for writers, and begins new segments. */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "bigcache_data.h"
#include "bigcache_segments_reserve.h"
#include "bigcache_time.h"


static bigcache_segment_t *bigcache_segments_fits(
    bigcache_segments_t *segments, uint64_t size, bigcache_place_t *place);
static bigcache_segment_t *bigcache_segments_begin(
    bigcache_segments_t *segments, bigcache_place_t *place);
static bigcache_segment_t *bigcache_segments_create(
    bigcache_segments_t *segments);
static uint64_t bigcache_segments_next(bigcache_segments_t *segments);


bigcache_rc_t
bigcache_segments_reserve(bigcache_segments_t *segments, uint64_t size,
    bigcache_place_t *place)
{
    int                  err, large;
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->writer);

    /* a page that needs more gets a segment of its own */

    large = (size > segments->segment_size - BIGCACHE_SEGMENT_HEADER);
    segment = large ? NULL : bigcache_segments_fits(segments, size, place);

    if (segment == NULL) {
        segment = bigcache_segments_begin(segments, place);
    }

    if (segment == NULL) {
        err = errno;
        (void) pthread_mutex_unlock(&segments->writer);
        errno = err;

        return bigcache_rc_errno(err);
    }

    (void) pthread_mutex_lock(&segments->mutex);

    if (large) {
        segment->sealed = 1;

    } else if (segment != segments->active) {

        if (segments->active) {
            segments->active->sealed = 1;
        }

        segments->active = segment;
    }

    place->holder = segment;
    place->id = segment->id;
    place->offset = (off_t) segment->size;

    segment->size += size;
    segment->pins++;
    atomic_fetch_add(&segments->size, size);

    (void) pthread_mutex_unlock(&segments->mutex);
    (void) pthread_mutex_unlock(&segments->writer);

    return BIGCACHE_OK;
}


/*
 * The callers of these functions hold segments->writer.  Returns the active
 * segment and its file if it has room for size bytes, or NULL.
 */

static bigcache_segment_t *
bigcache_segments_fits(bigcache_segments_t *segments, uint64_t size,
    bigcache_place_t *place)
{
    bigcache_segment_t  *segment;

    segment = segments->active;

    if (segment == NULL
        || segment->size + size > segments->segment_size
        || bigcache_files_acquire(segments->files, segment->id, &place->file,
                                  &place->fd)
           != BIGCACHE_OK)
    {
        return NULL;
    }

    return segment;
}


/* begins a segment; returns it and its file, or NULL and errno */

static bigcache_segment_t *
bigcache_segments_begin(bigcache_segments_t *segments,
    bigcache_place_t *place)
{
    int                  err;
    bigcache_rc_t        rc;
    bigcache_segment_t  *segment;

    segment = bigcache_segments_create(segments);
    if (segment == NULL) {
        return NULL;
    }

    rc = bigcache_files_acquire(segments->files, segment->id, &place->file,
                                &place->fd);

    if (rc == BIGCACHE_OK) {
        return segment;
    }

    err = (rc == BIGCACHE_MISS) ? ENOENT : errno;

    (void) pthread_mutex_lock(&segments->mutex);
    segment->sealed = 1;
    (void) pthread_mutex_unlock(&segments->mutex);

    errno = err;

    return NULL;
}


static bigcache_segment_t *
bigcache_segments_create(bigcache_segments_t *segments)
{
    int                  fd, err, rc;
    char                 name[PATH_MAX];
    u_char               header[BIGCACHE_SEGMENT_HEADER];
    bigcache_data_t      data;
    bigcache_segment_t  *segment;

    segment = calloc(1, sizeof(bigcache_segment_t));
    if (segment == NULL) {
        return NULL;
    }

    segment->id = bigcache_segments_next(segments);
    segment->size = BIGCACHE_SEGMENT_HEADER;

    if (segment->id >= BIGCACHE_SEGMENTS_LATEST) {

        /* the next opening would ignore a segment with that id */

        err = EOVERFLOW;
        goto failed;
    }

    bigcache_segment_header(header, segment->id);
    data = bigcache_data_bytes(header, sizeof(header));

    bigcache_files_name(name, segments->path, segment->id);

    fd = open(name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        err = errno;
        goto failed;
    }

    rc = bigcache_data_write(fd, 0, &data, 1, NULL);
    err = errno;

    (void) close(fd);

    if (rc == -1) {
        (void) unlink(name);
        goto failed;
    }

    (void) pthread_mutex_lock(&segments->mutex);

    if (bigcache_segments_add_locked(segments, segment) == -1) {
        (void) pthread_mutex_unlock(&segments->mutex);
        err = ENOMEM;
        (void) unlink(name);
        goto failed;
    }

    segments->last = segment->id;
    atomic_fetch_add(&segments->size, segment->size);
    atomic_store(&segments->named, 0);

    (void) pthread_mutex_unlock(&segments->mutex);

    return segment;

failed:

    free(segment);
    errno = err;

    return NULL;
}


/*
 * Ids are times, in microseconds.  So even after a clear no id is used again
 * that another process may still have open, or know a page of.
 */

static uint64_t
bigcache_segments_next(bigcache_segments_t *segments)
{
    uint64_t  now;

    now = (uint64_t) bigcache_time_now_us();

    return (now > segments->last) ? now : segments->last + 1;
}

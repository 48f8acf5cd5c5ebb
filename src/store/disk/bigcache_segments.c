
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* the strerror_r() that returns a string */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_data.h"
#include "bigcache_fsync.h"
#include "bigcache_plain.h"
#include "bigcache_segments.h"
#include "bigcache_time.h"


/*
 * Milliseconds until a segment that could not be compacted is looked at again;
 * twice as many each time, that often; the same for one that could not be
 * removed
 */

#define BIGCACHE_SEGMENTS_RETRY    1000
#define BIGCACHE_SEGMENTS_RETRIES  12
#define BIGCACHE_SEGMENTS_REMOVES  5


/* ids are moments, in microseconds: none is that late, or not for ages */

#define BIGCACHE_SEGMENTS_LATEST   ((uint64_t) 1 << 62)


struct bigcache_segment_s {
    uint64_t                id;
    uint64_t                size;
    int64_t                 live;
    int64_t                 retry_at;   /* monotonic ms, 0: it was read */
    int64_t                 remove_at;  /* the same, 0: it was not tried */
    unsigned                unread;     /* so often it could not be */
    unsigned                kept;       /* so often it was not removed */
    unsigned                pins;       /* of writers */
    unsigned                sealed:1;
    unsigned                dirty:1;    /* written to since the last sync */
    unsigned                unsynced:1; /* a sync failed */
};


struct bigcache_segments_s {
    char                   *path;
    uint64_t                segment_size;
    bigcache_files_t       *files;
    bigcache_log_t          log;

    /* taken by writers, before the other, and held while files are made */
    pthread_mutex_t         writer;
    bigcache_segment_t     *active;

    pthread_mutex_t         mutex;
    bigcache_segment_t    **elts;       /* by id */
    size_t                  nelts;
    size_t                  nalloc;
    uint64_t                last;       /* id */

    _Atomic uint64_t        size;       /* of all */
    _Atomic int             named;      /* all names are durable */
};


typedef struct {
    bigcache_segments_t    *segments;
    char                   *error;
} bigcache_segments_scan_t;


static bigcache_rc_t bigcache_segments_scan(bigcache_segments_t *segments,
    char *error);
static bigcache_rc_t bigcache_segments_found(void *data, int dir,
    const char *name);
static bigcache_rc_t bigcache_segments_unknown(bigcache_segments_t *segments,
    const char *name, int fd, char *error);
static void bigcache_segments_headless(bigcache_segments_t *segments,
    const char *name, const u_char *header);
static int bigcache_segments_compare(const void *one, const void *two);
static bigcache_segment_t *bigcache_segments_fits(
    bigcache_segments_t *segments, uint64_t size, bigcache_place_t *place);
static bigcache_segment_t *bigcache_segments_begin(
    bigcache_segments_t *segments, bigcache_place_t *place);
static bigcache_segment_t *bigcache_segments_create(
    bigcache_segments_t *segments);
static int bigcache_segments_add(bigcache_segments_t *segments,
    bigcache_segment_t *segment);
static size_t bigcache_segments_index(bigcache_segments_t *segments,
    uint64_t id);
static bigcache_segment_t *bigcache_segments_find(
    bigcache_segments_t *segments, uint64_t id);
static bigcache_segment_t *bigcache_segments_dirty_locked(
    bigcache_segments_t *segments, uint64_t after);
static bigcache_rc_t bigcache_segments_sync_one(
    bigcache_segments_t *segments, uint64_t id, char *error);
static bigcache_rc_t bigcache_segments_sync_names(
    bigcache_segments_t *segments, char *error);
static void bigcache_segments_retire(bigcache_segments_t *segments);
static uint64_t bigcache_segments_next(bigcache_segments_t *segments);
static int bigcache_segments_idle(const bigcache_segment_t *segment);
static int bigcache_segments_later(int64_t at);
static int bigcache_segments_unlink(bigcache_segments_t *segments,
    uint64_t id);
static double bigcache_segments_share(const bigcache_segment_t *segment);
static void bigcache_segments_usage_of(const bigcache_segment_t *segment,
    bigcache_usage_t *usage);


bigcache_rc_t
bigcache_segments_open(bigcache_segments_t **segmentsp, const char *path,
    uint64_t size, bigcache_files_t *files, const bigcache_log_t *log,
    char *error)
{
    bigcache_rc_t         rc;
    bigcache_segments_t  *segments;

    segments = calloc(1, sizeof(bigcache_segments_t));

    if (segments == NULL || (segments->path = strdup(path)) == NULL) {
        free(segments);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_ERROR;
    }

    segments->segment_size = size;
    segments->files = files;
    segments->log = *log;

    (void) pthread_mutex_init(&segments->writer, NULL);
    (void) pthread_mutex_init(&segments->mutex, NULL);

    rc = bigcache_segments_scan(segments, error);

    if (rc != BIGCACHE_OK) {
        bigcache_segments_close(segments);
        return rc;
    }

    if (segments->nelts) {
        qsort(segments->elts, segments->nelts, sizeof(bigcache_segment_t *),
              bigcache_segments_compare);
    }

    *segmentsp = segments;

    return BIGCACHE_OK;
}


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

    segment = bigcache_segments_find(segments, id);

    if (segment && segment->size < segments->segment_size / 4 * 3) {
        segment->sealed = 0;
        segments->active = segment;
    }
}


bigcache_rc_t
bigcache_segments_reserve(bigcache_segments_t *segments, uint64_t size,
    bigcache_place_t *place)
{
    int                  err, large;
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->writer);

    /* a page that fills a segment has one of its own */

    large = (size > segments->segment_size - BIGCACHE_SEGMENT_HEADER);
    segment = large ? NULL : bigcache_segments_fits(segments, size, place);

    if (segment == NULL) {
        segment = bigcache_segments_begin(segments, place);
    }

    if (segment == NULL) {
        err = errno;
        (void) pthread_mutex_unlock(&segments->writer);
        errno = err;

        return (err == ENOSPC || err == EDQUOT) ? BIGCACHE_FULL
                                                : BIGCACHE_ERROR;
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

    segment = bigcache_segments_find(segments, id);
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


void
bigcache_segments_release(bigcache_segments_t *segments,
    bigcache_file_t *file)
{
    bigcache_files_release(segments->files, file);
}


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


size_t
bigcache_segments_empty(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n)
{
    size_t  i, found;

    found = 0;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts && found < n; i++) {
        if (bigcache_segments_idle(segments->elts[i])
            && segments->elts[i]->live <= 0
            && !bigcache_segments_later(segments->elts[i]->remove_at))
        {
            bigcache_segments_usage_of(segments->elts[i], &usage[found++]);
        }
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found;
}


int
bigcache_segments_sparse(bigcache_segments_t *segments, double most,
    uint64_t room, bigcache_usage_t *usage)
{
    double               share, least;
    size_t               i;
    bigcache_segment_t  *segment, *found;

    found = NULL;
    least = most;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts; i++) {

        segment = segments->elts[i];

        if (!bigcache_segments_idle(segment)
            || bigcache_segments_later(segment->retry_at)
            || bigcache_segments_later(segment->remove_at))
        {
            continue;
        }

        if (segment->unsynced) {

            /* the others, too, are needed before one may be removed */

            if (segment->live <= 0) {
                continue;
            }

            share = -1;

        } else {
            share = bigcache_segments_share(segment);
        }

        if (share < least && segment->live <= (int64_t) room) {
            least = share;
            found = segment;
        }
    }

    if (found) {
        bigcache_segments_usage_of(found, usage);
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found != NULL;
}


int
bigcache_segments_oldest(bigcache_segments_t *segments,
    bigcache_usage_t *usage)
{
    size_t               i;
    bigcache_segment_t  *found;

    found = NULL;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts && found == NULL; i++) {
        if (bigcache_segments_idle(segments->elts[i])) {
            found = segments->elts[i];
            bigcache_segments_usage_of(found, usage);
        }
    }

    /* nor could others be, most likely: their pages would go for nothing */

    if (found && bigcache_segments_later(found->remove_at)) {
        found = NULL;
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found != NULL;
}


void
bigcache_segments_postpone(bigcache_segments_t *segments, uint64_t id)
{
    bigcache_segment_t  *segment;

    (void) pthread_mutex_lock(&segments->mutex);

    segment = bigcache_segments_find(segments, id);

    if (segment) {
        segment->retry_at = bigcache_monotonic()
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

    segment = bigcache_segments_find(segments, id);
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
           && bigcache_segments_share(segments->active) < most);

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

    segment = bigcache_segments_find(segments, id);

    if (segment && !gone) {
        segment->remove_at = bigcache_monotonic()
                             + (BIGCACHE_SEGMENTS_RETRY << segment->kept);
        segment->kept += (segment->kept < BIGCACHE_SEGMENTS_REMOVES);

    } else if (segment) {
        i = bigcache_segments_index(segments, id);

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
        bigcache_segments_usage_of(segments->elts[i], &usage[i]);
    }

    i = segments->nelts;

    (void) pthread_mutex_unlock(&segments->mutex);

    return i;
}


uint64_t
bigcache_segments_size(bigcache_segments_t *segments)
{
    return atomic_load(&segments->size);
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


static bigcache_rc_t
bigcache_segments_scan(bigcache_segments_t *segments, char *error)
{
    int                       fd;
    bigcache_rc_t             rc;
    bigcache_segments_scan_t  scan;

    fd = bigcache_plain_dir(segments->path, 0, error);

    if (fd == -1) {
        return BIGCACHE_ERROR;
    }

    bigcache_files_know(segments->files, fd);

    scan.segments = segments;
    scan.error = error;

    rc = bigcache_plain_each(fd, ".", 0, bigcache_segments_found, &scan);

    if (rc == BIGCACHE_UNAVAILABLE) {
        rc = bigcache_segments_unknown(segments, "", -1, error);
    }

    (void) close(fd);

    return rc;
}


static bigcache_rc_t
bigcache_segments_found(void *data, int dir, const char *name)
{
    bigcache_segments_scan_t *scan = data;

    int                   fd;
    char                 *error;
    u_char                header[BIGCACHE_SEGMENT_HEADER];
    ssize_t               n;
    uint64_t              id;
    struct stat           st;
    bigcache_segment_t   *segment;
    bigcache_segments_t  *segments;

    error = scan->error;
    segments = scan->segments;

    if (strspn(name, "0123456789abcdef") != 16
        || strcmp(name + 16, ".seg") != 0)
    {
        return BIGCACHE_OK;
    }

    id = strtoull(name, NULL, 16);

    if (id >= BIGCACHE_SEGMENTS_LATEST) {

        /* behind it there would soon be no ids for other segments */

        bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": what has the name of a segment is passed "
                     "over: \"%s\" is no moment", segments->path, name);
        return BIGCACHE_OK;
    }

    if (id > segments->last) {
        segments->last = id;
    }

    fd = bigcache_plain_open(dir, name, O_RDONLY, 0, error);

    if (fd == -1 && errno == EINVAL) {

        /* whatever it is, nobody has stored a page there */

        bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": what has the name of a segment is passed "
                     "over: %s", segments->path, error);
        return BIGCACHE_OK;
    }

    if (fd == -1) {
        return BIGCACHE_ERROR;
    }

    if (fstat(fd, &st) == -1) {
        return bigcache_segments_unknown(segments, name, fd, error);
    }

    n = pread(fd, header, sizeof(header), 0);

    if (n == -1 || (n != sizeof(header) && st.st_size > n)) {
        errno = (n == -1) ? errno : EIO;
        return bigcache_segments_unknown(segments, name, fd, error);
    }

    (void) close(fd);

    if (st.st_size < BIGCACHE_SEGMENT_HEADER) {

        /* the process that began it died before anything was in it */

        (void) unlinkat(dir, name, 0);
        return BIGCACHE_OK;
    }

    if (bigcache_segment_check(header, id) != 0) {
        bigcache_segments_headless(segments, name, header);
    }

    segment = calloc(1, sizeof(bigcache_segment_t));

    if (segment == NULL || bigcache_segments_add(segments, segment) == -1) {
        free(segment);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_ERROR;
    }

    segment->id = id;
    segment->sealed = 1;

    /* by a process that may have died since */

    segment->dirty = 1;

    /* the last entry may have been cut off */

    segment->size = ((uint64_t) st.st_size + BIGCACHE_SEGMENT_ALIGN - 1)
                    & ~(uint64_t) (BIGCACHE_SEGMENT_ALIGN - 1);
    atomic_fetch_add(&segments->size, segment->size);

    return BIGCACHE_OK;
}


/*
 * What could not be read may be of use: nobody is to write, or to remove what
 * no record names, before it has been.
 */

static bigcache_rc_t
bigcache_segments_unknown(bigcache_segments_t *segments, const char *name,
    int fd, char *error)
{
    char  text[128];

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "cannot read \"%.120s%s%.40s\": %s", segments->path,
                    *name ? "/" : "", name,
                    strerror_r(errno, text, sizeof(text)));

    if (fd != -1) {
        (void) close(fd);
    }

    return BIGCACHE_ERROR;
}


/*
 * No page can be read from a segment without its head.  It takes its room, so
 * it counts, and is removed like any other when no record names it.
 */

static void
bigcache_segments_headless(bigcache_segments_t *segments, const char *name,
    const u_char *header)
{
    static const u_char  zeroes[BIGCACHE_SEGMENT_HEADER];

    if (memcmp(header, zeroes, sizeof(zeroes)) == 0) {

        /* the power was cut before the disk had it: nothing is wrong */

        bigcache_log(&segments->log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\": segment %s is empty, as after a power "
                     "cut, it will be removed", segments->path, name);
        return;
    }

    bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": segment %s is damaged, its head fails its "
                 "check; what it holds is lost, and it will be removed",
                 segments->path, name);
}


static int
bigcache_segments_compare(const void *one, const void *two)
{
    const bigcache_segment_t *const *a = one;
    const bigcache_segment_t *const *b = two;

    return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}


/*
 * The callers of the next four hold the writers' lock.  The first two give the
 * segment that is written to, if there is room in it, and a new one, with its
 * file; or NULL.
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

        /* the next opening would pass it over */

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

    if (bigcache_segments_add(segments, segment) == -1) {
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
 * Returns the first segment with a later id than after that is to be synced,
 * or NULL.  One that could not be is, as long as it holds pages that are to be
 * moved.  Those that a compaction could not read are gone, whatever is synced.
 */

static bigcache_segment_t *
bigcache_segments_dirty_locked(bigcache_segments_t *segments, uint64_t after)
{
    size_t               i;
    bigcache_segment_t  *segment;

    for (i = bigcache_segments_index(segments, after + 1);
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

    segment = bigcache_segments_find(segments, id);

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


/* lets no more writers into the active segment */

static void
bigcache_segments_retire(bigcache_segments_t *segments)
{
    (void) pthread_mutex_lock(&segments->mutex);
    segments->active->sealed = 1;
    (void) pthread_mutex_unlock(&segments->mutex);

    segments->active = NULL;
}


/*
 * Ids are moments of time, in microseconds: after a clear, too, no id comes
 * again that another process may still have open, or know a page of.
 */

static uint64_t
bigcache_segments_next(bigcache_segments_t *segments)
{
    uint64_t  now;

    now = (uint64_t) bigcache_now_us();

    return (now > segments->last) ? now : segments->last + 1;
}


static int
bigcache_segments_add(bigcache_segments_t *segments,
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


/* returns where segment id is, or would be */

static size_t
bigcache_segments_index(bigcache_segments_t *segments, uint64_t id)
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


static bigcache_segment_t *
bigcache_segments_find(bigcache_segments_t *segments, uint64_t id)
{
    size_t  i;

    i = bigcache_segments_index(segments, id);

    if (i == segments->nelts || segments->elts[i]->id != id) {
        return NULL;
    }

    return segments->elts[i];
}


static int
bigcache_segments_idle(const bigcache_segment_t *segment)
{
    return segment->sealed && segment->pins == 0;
}


/* tells whether it is to be tried again, but not yet; at is 0 if it is not */

static int
bigcache_segments_later(int64_t at)
{
    return at && bigcache_monotonic() < at;
}


/* somebody else may have removed it, but not with all of the directory */

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


/* returns how much of it is alive */

static double
bigcache_segments_share(const bigcache_segment_t *segment)
{
    return (double) segment->live / (double) segment->size;
}


static void
bigcache_segments_usage_of(const bigcache_segment_t *segment,
    bigcache_usage_t *usage)
{
    usage->id = segment->id;
    usage->size = segment->size;
    usage->live = segment->live;
}

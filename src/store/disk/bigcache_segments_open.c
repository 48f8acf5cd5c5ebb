
/*
 * Copyright (C) bigcache contributors
 */


/* Finds the segments that are in a directory. */


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_plain.h"
#include "bigcache_segments_open.h"


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
        rc = bigcache_segments_unknown(segments, NULL, -1, error);
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

        /* later segments would soon run out of ids */

        bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": a file with the name of a segment is "
                     "ignored: the time in \"%s\" is too late",
                     segments->path, name);
        return BIGCACHE_OK;
    }

    if (id > segments->last) {
        segments->last = id;
    }

    fd = bigcache_plain_open(dir, name, O_RDONLY, 0, error);

    if (fd == -1 && errno == EINVAL) {

        /* whatever it is, no store has put a page there */

        bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": a file with the name of a segment is "
                     "ignored: %s", segments->path, error);
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

        /* the process that began it died before it wrote anything */

        (void) unlinkat(dir, name, 0);
        return BIGCACHE_OK;
    }

    if (bigcache_segment_check(header, id) != 0) {
        bigcache_segments_headless(segments, name, header);
    }

    segment = calloc(1, sizeof(bigcache_segment_t));

    if (segment == NULL
        || bigcache_segments_add_locked(segments, segment) == -1)
    {
        free(segment);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_ERROR;
    }

    segment->id = id;
    segment->sealed = 1;

    /* it may have been written to, by a process that died since */

    segment->dirty = 1;

    /* the last entry may have been cut off */

    segment->size = ((uint64_t) st.st_size + BIGCACHE_SEGMENT_ALIGN - 1)
                    & ~(uint64_t) (BIGCACHE_SEGMENT_ALIGN - 1);
    atomic_fetch_add(&segments->size, segment->size);

    return BIGCACHE_OK;
}


/*
 * An unreadable segment may be good: the store must not be written to, and
 * nothing may be removed, before it has been read.
 */

static bigcache_rc_t
bigcache_segments_unknown(bigcache_segments_t *segments, const char *name,
    int fd, char *error)
{
    (void) bigcache_plain_cannot("read", name ? segments->path : NULL,
                                 name ? name : segments->path, error);

    if (fd != -1) {
        (void) close(fd);
    }

    return BIGCACHE_ERROR;
}


/*
 * No page can be read from a segment without its header.  It takes space, so
 * it counts, and is removed like any other segment when no record names it.
 */

static void
bigcache_segments_headless(bigcache_segments_t *segments, const char *name,
    const u_char *header)
{
    static const u_char  zeroes[BIGCACHE_SEGMENT_HEADER];

    if (memcmp(header, zeroes, sizeof(zeroes)) == 0) {

        /*
         * the power was cut before the header was on the disk: that is no
         * damage
         */

        bigcache_log(&segments->log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\": segment %s is empty, as after a power "
                     "cut, it will be removed", segments->path, name);
        return;
    }

    bigcache_log(&segments->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": segment %s is damaged, its header fails its "
                 "check; its pages are lost, and it will be removed",
                 segments->path, name);
}


static int
bigcache_segments_compare(const void *one, const void *two)
{
    const bigcache_segment_t *const *a = one;
    const bigcache_segment_t *const *b = two;

    return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Keeps the files of segments open, up to a fixed number.
 */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_files.h"
#include "bigcache_plain.h"
#include "bigcache_segment.h"


#define BIGCACHE_FILES_BUCKETS  256

#define BIGCACHE_FILES_NAME     "%016llx.seg"


struct bigcache_file_s {
    bigcache_file_t   *next;        /* in the bucket */
    uint64_t           id;
    uint64_t           used;        /* by the clock of the cache */
    int                fd;
    unsigned           users;
    unsigned           removed:1;   /* in no bucket, the last user closes it */
};


struct bigcache_files_s {
    char              *path;
    pthread_mutex_t    mutex;
    bigcache_file_t   *buckets[BIGCACHE_FILES_BUCKETS];
    uint64_t           clock;
    uint64_t           forgotten;   /* number of files forgotten, ever */
    unsigned           n;           /* in buckets */

    /* the directory that the files of the store are in, if it is known */
    dev_t              dev;
    ino_t              ino;
    unsigned           known:1;
};


static bigcache_file_t *bigcache_files_open(bigcache_files_t *files,
    uint64_t id, bigcache_rc_t *rc);
static bigcache_rc_t bigcache_files_unopened(bigcache_files_t *files);
static bigcache_file_t *bigcache_files_find_locked(bigcache_files_t *files,
    uint64_t id);
static void bigcache_files_insert_locked(bigcache_files_t *files,
    bigcache_file_t *file, uint64_t forgotten);
static bigcache_file_t *bigcache_files_unused_locked(bigcache_files_t *files);
static bigcache_file_t *bigcache_files_gone_locked(bigcache_files_t *files,
    unsigned bucket);
static void bigcache_files_take_out_locked(bigcache_files_t *files,
    bigcache_file_t *file);
static void bigcache_file_close(bigcache_file_t *file);


bigcache_files_t *
bigcache_files_create(const char *path)
{
    bigcache_files_t  *files;

    files = calloc(1, sizeof(bigcache_files_t));

    if (files == NULL || (files->path = strdup(path)) == NULL) {
        free(files);
        return NULL;
    }

    (void) pthread_mutex_init(&files->mutex, NULL);

    return files;
}


void
bigcache_files_destroy(bigcache_files_t *files)
{
    bigcache_files_close(files);

    (void) pthread_mutex_destroy(&files->mutex);

    free(files->path);
    free(files);
}


void
bigcache_files_close(bigcache_files_t *files)
{
    unsigned          i;
    bigcache_file_t  *file, *next, *unused;

    unused = NULL;

    (void) pthread_mutex_lock(&files->mutex);

    for (i = 0; i < BIGCACHE_FILES_BUCKETS; i++) {

        for (file = files->buckets[i]; file; file = next) {
            next = file->next;
            file->removed = 1;

            if (file->users == 0) {
                file->next = unused;
                unused = file;
            }
        }

        files->buckets[i] = NULL;
    }

    files->n = 0;
    files->forgotten++;
    files->known = 0;

    (void) pthread_mutex_unlock(&files->mutex);

    for (file = unused; file; file = next) {
        next = file->next;
        bigcache_file_close(file);
    }
}


void
bigcache_files_know(bigcache_files_t *files, int dir)
{
    struct stat  st;

    if (fstat(dir, &st) == -1) {
        return;
    }

    (void) pthread_mutex_lock(&files->mutex);

    files->dev = st.st_dev;
    files->ino = st.st_ino;
    files->known = 1;

    (void) pthread_mutex_unlock(&files->mutex);
}


int
bigcache_files_there(bigcache_files_t *files)
{
    int          same;
    struct stat  st;

    if (stat(files->path, &st) == -1) {
        return 0;
    }

    (void) pthread_mutex_lock(&files->mutex);

    same = !files->known
           || (files->dev == st.st_dev && files->ino == st.st_ino);

    (void) pthread_mutex_unlock(&files->mutex);

    errno = ENOENT;

    return same;
}


bigcache_rc_t
bigcache_files_acquire(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **filep, int *fd)
{
    uint64_t          forgotten;
    bigcache_rc_t     rc;
    bigcache_file_t  *file, *opened, *unused;

    opened = NULL;
    forgotten = 0;

    for ( ;; ) {

        unused = NULL;

        (void) pthread_mutex_lock(&files->mutex);

        file = bigcache_files_find_locked(files, id);

        if (file == NULL && opened) {
            file = opened;
            opened = NULL;

            bigcache_files_insert_locked(files, file, forgotten);

            unused = bigcache_files_unused_locked(files);
        }

        if (file) {
            file->users++;
            file->used = ++files->clock;
        }

        forgotten = files->forgotten;

        (void) pthread_mutex_unlock(&files->mutex);

        if (unused) {
            bigcache_file_close(unused);
        }

        if (opened) {
            bigcache_file_close(opened);
        }

        if (file) {
            *filep = file;
            *fd = file->fd;

            return BIGCACHE_OK;
        }

        opened = bigcache_files_open(files, id, &rc);

        if (opened == NULL) {
            return rc;
        }
    }
}


int
bigcache_files_peek(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **filep, int *fd)
{
    bigcache_file_t  *file;

    if (pthread_mutex_trylock(&files->mutex) != 0) {
        return 0;
    }

    file = bigcache_files_find_locked(files, id);

    if (file) {
        file->users++;
        file->used = ++files->clock;
    }

    (void) pthread_mutex_unlock(&files->mutex);

    if (file == NULL) {
        return 0;
    }

    *filep = file;
    *fd = file->fd;

    return 1;
}


void
bigcache_files_release(bigcache_files_t *files, bigcache_file_t *file)
{
    int  last;

    (void) pthread_mutex_lock(&files->mutex);

    file->users--;
    last = (file->removed && file->users == 0);

    (void) pthread_mutex_unlock(&files->mutex);

    if (last) {
        bigcache_file_close(file);
    }
}


void
bigcache_files_forget(bigcache_files_t *files, uint64_t id)
{
    bigcache_file_t  *file;

    (void) pthread_mutex_lock(&files->mutex);

    files->forgotten++;
    file = bigcache_files_find_locked(files, id);

    if (file) {
        bigcache_files_take_out_locked(files, file);

        if (file->users) {
            file = NULL;
        }
    }

    (void) pthread_mutex_unlock(&files->mutex);

    if (file) {
        bigcache_file_close(file);
    }
}


void
bigcache_files_sweep(bigcache_files_t *files)
{
    unsigned          bucket;
    bigcache_file_t  *file;

    bucket = 0;

    /* nor does one stay that a thread is just opening */

    (void) pthread_mutex_lock(&files->mutex);
    files->forgotten++;
    (void) pthread_mutex_unlock(&files->mutex);

    while (bucket < BIGCACHE_FILES_BUCKETS) {

        /*
         * unlocks after each bucket, since an event loop may wait for the
         * mutex
         */

        (void) pthread_mutex_lock(&files->mutex);
        file = bigcache_files_gone_locked(files, bucket);
        (void) pthread_mutex_unlock(&files->mutex);

        if (file) {
            bigcache_file_close(file);

        } else {
            bucket++;
        }
    }
}


int
bigcache_files_in_order(int fd)
{
    int   another;
    char  name[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    another = open(name, O_RDONLY|O_CLOEXEC);

    return (another != -1) ? another : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}


void
bigcache_files_name(char *name, const char *path, uint64_t id)
{
    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_FILES_NAME, path,
                    (unsigned long long) id);
}


static bigcache_file_t *
bigcache_files_open(bigcache_files_t *files, uint64_t id, bigcache_rc_t *rc)
{
    int               fd, dir;
    char              name[PATH_MAX];
    u_char            header[BIGCACHE_SEGMENT_HEADER];
    ssize_t           n;
    bigcache_file_t  *file;

    dir = bigcache_plain_dir(files->path, 0, NULL);

    if (dir == -1) {
        *rc = (errno == ENOENT) ? BIGCACHE_STALE : BIGCACHE_ERROR;
        return NULL;
    }

    (void) snprintf(name, PATH_MAX, BIGCACHE_FILES_NAME,
                    (unsigned long long) id);

    fd = bigcache_plain_open(dir, name, O_RDWR, 0, NULL);

    bigcache_plain_close(dir);

    if (fd == -1) {
        *rc = bigcache_files_unopened(files);
        return NULL;
    }

    n = pread(fd, header, sizeof(header), 0);

    if (n == -1) {
        bigcache_plain_close(fd);
        *rc = BIGCACHE_ERROR;

        return NULL;
    }

    if (n != sizeof(header) || bigcache_segment_check(header, id) != 0) {
        (void) close(fd);
        *rc = BIGCACHE_MISS;

        return NULL;
    }

    /* a page is not read together with its neighbours: no read-ahead */

    (void) posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);

    file = calloc(1, sizeof(bigcache_file_t));

    if (file == NULL) {
        (void) close(fd);
        errno = ENOMEM;
        *rc = BIGCACHE_ERROR;

        return NULL;
    }

    file->id = id;
    file->fd = fd;

    return file;
}


/*
 * Decides what it means that a file could not be opened; errno says why.  The
 * file is missing only if its directory is there and is the known one.  Else
 * the file system may be unmounted, and the name may show the directory below
 * it.
 */

static bigcache_rc_t
bigcache_files_unopened(bigcache_files_t *files)
{
    if (errno != ENOENT) {
        return BIGCACHE_ERROR;
    }

    if (bigcache_files_there(files)) {
        errno = ENOENT;
        return BIGCACHE_MISS;
    }

    return (errno == ENOENT) ? BIGCACHE_STALE : BIGCACHE_ERROR;
}


static bigcache_file_t *
bigcache_files_find_locked(bigcache_files_t *files, uint64_t id)
{
    bigcache_file_t  *file;

    file = files->buckets[id % BIGCACHE_FILES_BUCKETS];

    while (file && file->id != id) {
        file = file->next;
    }

    return file;
}


/*
 * forgotten: the number of forgotten files before this one was opened.  If it
 * has changed, this file may be one of them, so it is not kept.
 */

static void
bigcache_files_insert_locked(bigcache_files_t *files, bigcache_file_t *file,
    uint64_t forgotten)
{
    if (files->forgotten != forgotten) {
        file->removed = 1;
        return;
    }

    file->next = files->buckets[file->id % BIGCACHE_FILES_BUCKETS];
    files->buckets[file->id % BIGCACHE_FILES_BUCKETS] = file;
    files->n++;
}


/* takes out the least recently used file, if there are too many */

static bigcache_file_t *
bigcache_files_unused_locked(bigcache_files_t *files)
{
    unsigned          i;
    bigcache_file_t  *file, *found;

    if (files->n <= BIGCACHE_FILES_MOST) {
        return NULL;
    }

    found = NULL;

    for (i = 0; i < BIGCACHE_FILES_BUCKETS; i++) {
        for (file = files->buckets[i]; file; file = file->next) {

            if (file->users == 0 && file->used
                && (found == NULL || file->used < found->used))
            {
                found = file;
            }
        }
    }

    if (found) {
        bigcache_files_take_out_locked(files, found);
    }

    return found;
}


/*
 * Takes unlinked files out of a bucket until it finds one that no thread uses,
 * and returns that; or NULL.
 */

static bigcache_file_t *
bigcache_files_gone_locked(bigcache_files_t *files, unsigned bucket)
{
    struct stat       st;
    bigcache_file_t  *file, *next;

    for (file = files->buckets[bucket]; file; file = next) {
        next = file->next;

        if (fstat(file->fd, &st) == 0 && st.st_nlink) {
            continue;
        }

        bigcache_files_take_out_locked(files, file);

        if (file->users == 0) {
            return file;
        }
    }

    return NULL;
}


static void
bigcache_files_take_out_locked(bigcache_files_t *files, bigcache_file_t *file)
{
    bigcache_file_t  **p;

    p = &files->buckets[file->id % BIGCACHE_FILES_BUCKETS];

    while (*p != file) {
        p = &(*p)->next;
    }

    *p = file->next;

    file->removed = 1;
    files->n--;
}


static void
bigcache_file_close(bigcache_file_t *file)
{
    (void) close(file->fd);
    free(file);
}

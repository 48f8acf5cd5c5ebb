
/*
 * Copyright (C) bigcache contributors
 */


/* Locks the directory of a store, keeps room in it, and empties its trash. */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* fallocate() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_index.h"
#include "bigcache_layout.h"
#include "bigcache_plain.h"
#include "bigcache_generation.h"


/*
 * SPARES: files that are kept for when no other file can be made.  INODES: the
 * files that must be possible before the spares are made again: LevelDB makes
 * four when it is opened and one for each table, and the socket is one.
 */
#define BIGCACHE_DIR_SPARES     16
#define BIGCACHE_DIR_INODES     (BIGCACHE_DIR_SPARES + 16)

/* the ballast, and a segment, are at most that part of the file system */

#define BIGCACHE_DIR_SHARE      8
#define BIGCACHE_DIR_SEGMENTS   32

#define BIGCACHE_DIR_SEGMENT    (1024 * 1024)

/* what statfs() calls file systems */

#define BIGCACHE_DIR_BTRFS      0x9123683e
#define BIGCACHE_DIR_ZFS        0x2fc12fc1


typedef struct {
    unsigned      current:1;
    unsigned      files:1;              /* others of LevelDB */
    char          other[NAME_MAX + 1];  /* a name that no store has, or "" */
} bigcache_dir_check_t;

typedef struct {
    _Atomic int  *stop;
    int           all;
} bigcache_dir_remove_t;


static uint64_t bigcache_dir_share(const char *path, uint64_t share,
    uint64_t size);
static int bigcache_dir_open(const char *path, const char *name, int flags,
    char *error);
static bigcache_rc_t bigcache_dir_check(const char *path, char *error);
static bigcache_rc_t bigcache_dir_check_entry(void *data, int dir,
    const char *name);
static bigcache_rc_t bigcache_dir_inside(const char *path, char *error);
static int bigcache_dir_known(const char *name);
static bigcache_rc_t bigcache_dir_rename(const char *from, int dir,
    const char *to, char *error);
static int bigcache_dir_remove_at(int parent, const char *name,
    _Atomic int *stop);
static bigcache_rc_t bigcache_dir_remove_entry(void *data, int dir,
    const char *name);
static bigcache_rc_t bigcache_dir_add_size(void *data, int dir,
    const char *name);


bigcache_rc_t
bigcache_dir_lock(const char *path, int *fd, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_dir_check(path, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    *fd = bigcache_dir_open(path, BIGCACHE_LAYOUT_LOCK, O_RDWR|O_CREAT, error);
    if (*fd == -1) {
        return BIGCACHE_ERROR;
    }

    if (flock(*fd, LOCK_EX|LOCK_NB) == 0) {

        rc = bigcache_generation_next(*fd, error);

        if (rc == BIGCACHE_OK) {
            return BIGCACHE_OK;
        }

    } else if (errno == EWOULDBLOCK) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "another process has the store open");
        rc = BIGCACHE_UNAVAILABLE;

    } else {
        rc = bigcache_plain_cannot("lock", NULL, BIGCACHE_LAYOUT_LOCK, error);
    }

    (void) close(*fd);
    *fd = -1;

    return rc;
}


bigcache_rc_t
bigcache_dir_discard(const char *path, const char *name, uint64_t stamp,
    char *error)
{
    int            dir;
    char           from[PATH_MAX], to[PATH_MAX];
    bigcache_rc_t  rc;

    (void) snprintf(to, PATH_MAX, "%s/" BIGCACHE_LAYOUT_TRASH, path);

    if (mkdir(to, 0700) == -1 && errno != EEXIST) {
        return bigcache_plain_cannot("make", NULL, to, error);
    }

    dir = bigcache_plain_dir(to, 0, error);
    if (dir == -1) {
        return BIGCACHE_ERROR;
    }

    (void) snprintf(from, PATH_MAX, "%s/%s", path, name);
    (void) snprintf(to, PATH_MAX, "%s-%llu", name,
                    (unsigned long long) stamp);

    rc = bigcache_dir_rename(from, dir, to, error);

    (void) close(dir);

    return rc;
}


bigcache_rc_t
bigcache_dir_set_aside(const char *path, const char *name, uint64_t stamp,
    char *error)
{
    char           from[PATH_MAX], to[PATH_MAX];
    bigcache_rc_t  rc;

    (void) snprintf(from, PATH_MAX, "%s/%s", path, name);
    (void) snprintf(to, PATH_MAX, "%s/%s.damaged-%llu", path, name,
                    (unsigned long long) stamp);

    rc = bigcache_dir_rename(from, AT_FDCWD, to, error);

    return (rc == BIGCACHE_OK) ? bigcache_fsync_dir(path, error) : rc;
}


bigcache_rc_t
bigcache_dir_ballast(const char *path, uint64_t size, char *error)
{
    int          fd;
    char         name[PATH_MAX];
    struct stat  st;

    size = bigcache_dir_ballast_size(path, size);

    fd = bigcache_dir_open(path, BIGCACHE_LAYOUT_BALLAST, O_RDWR|O_CREAT,
                           error);

    if (fd == -1) {
        return bigcache_rc_errno(errno);
    }

    /* nothing is written to it: only its blocks matter */

    if (fstat(fd, &st) == 0
        && (uint64_t) st.st_size < size
        && fallocate(fd, 0, 0, (off_t) size) == -1)
    {
        (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_BALLAST, path);
        (void) unlink(name);
    }

    (void) close(fd);

    if (!bigcache_dir_crowded(path)) {
        bigcache_dir_spare(path);
    }

    return BIGCACHE_OK;
}


uint64_t
bigcache_dir_ballast_size(const char *path, uint64_t size)
{
    return bigcache_dir_share(path, BIGCACHE_DIR_SHARE, size);
}


uint64_t
bigcache_dir_segment_size(const char *path, uint64_t size)
{
    size = bigcache_dir_share(path, BIGCACHE_DIR_SEGMENTS, size);

    return (size < BIGCACHE_DIR_SEGMENT) ? BIGCACHE_DIR_SEGMENT : size;
}


static uint64_t
bigcache_dir_share(const char *path, uint64_t share, uint64_t size)
{
    uint64_t        most;
    struct statvfs  fs;

    if (statvfs(path, &fs) == -1) {
        return size;
    }

    most = (uint64_t) fs.f_blocks * fs.f_frsize / share;

    return (size < most) ? size : most;
}


void
bigcache_dir_drop_ballast(const char *path)
{
    char  name[PATH_MAX];

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_BALLAST, path);
    (void) unlink(name);

    if (bigcache_dir_crowded(path)) {
        (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_SPARE, path);
        bigcache_dir_remove(name);
    }
}


/* the files are empty: each one takes an inode */

void
bigcache_dir_spare(const char *path)
{
    int       fd, dir;
    char      name[PATH_MAX];
    unsigned  i;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_SPARE, path);
    (void) mkdir(name, 0700);

    dir = bigcache_plain_dir(name, 0, NULL);
    if (dir == -1) {
        return;
    }

    for (i = 0; i < BIGCACHE_DIR_SPARES; i++) {

        (void) snprintf(name, PATH_MAX, "%u", i);

        fd = openat(dir, name, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

        if (fd != -1) {
            (void) close(fd);
        }
    }

    (void) close(dir);
}


int
bigcache_dir_crowded(const char *path)
{
    struct statvfs  fs;

    /* not every file system knows the number of its inodes */

    return statvfs(path, &fs) == 0
           && fs.f_files
           && fs.f_favail < BIGCACHE_DIR_INODES;
}


uint64_t
bigcache_dir_free(const char *path)
{
    struct statvfs  fs;

    /* unlimited for now: a write finds out whether there is space */

    if (statvfs(path, &fs) == -1) {
        return UINT64_MAX;
    }

    return (uint64_t) fs.f_bavail * fs.f_frsize;
}


int
bigcache_dir_frees_later(const char *path)
{
    struct statfs  fs;

    return statfs(path, &fs) == 0
           && ((uint32_t) fs.f_type == BIGCACHE_DIR_BTRFS
               || (uint32_t) fs.f_type == BIGCACHE_DIR_ZFS);
}


int
bigcache_dir_size(const char *path, uint64_t *size)
{
    *size = 0;

    return bigcache_plain_each(AT_FDCWD, path, 0, bigcache_dir_add_size, size)
           == BIGCACHE_OK ? 0 : -1;
}


static bigcache_rc_t
bigcache_dir_add_size(void *data, int dir, const char *name)
{
    uint64_t *size = data;

    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {

        /* LevelDB may have removed it meanwhile */

        return (errno == ENOENT) ? BIGCACHE_OK : BIGCACHE_ERROR;
    }

    if (S_ISREG(st.st_mode)) {
        *size += (uint64_t) st.st_size;
    }

    return BIGCACHE_OK;
}


void
bigcache_dir_remove(const char *path)
{
    _Atomic int  never;

    atomic_init(&never, 0);

    (void) bigcache_dir_remove_at(AT_FDCWD, path, &never);
}


int
bigcache_dir_empty_trash(const char *path, _Atomic int *stop)
{
    char  name[PATH_MAX], error[BIGCACHE_ERROR_LEN];

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_TRASH, path);

    if (access(name, F_OK) == -1) {
        return errno == ENOENT;
    }

    /*
     * else a power cut could put back in place the files that are removed here
     */

    if (bigcache_fsync_dir(name, error) != BIGCACHE_OK
        || bigcache_fsync_dir(path, error) != BIGCACHE_OK)
    {
        return 0;
    }

    return bigcache_dir_remove_at(AT_FDCWD, name, stop);
}


/* opens a file that will be written to; returns a descriptor, or -1 */

static int
bigcache_dir_open(const char *path, const char *name, int flags, char *error)
{
    int  dir, fd;

    dir = bigcache_plain_dir(path, 1, error);
    if (dir == -1) {
        return -1;
    }

    fd = bigcache_plain_open(dir, name, flags, 1, error);

    bigcache_plain_close(dir);

    return fd;
}


/* refuses a directory that has foreign files: they must not be lost */

static bigcache_rc_t
bigcache_dir_check(const char *path, char *error)
{
    bigcache_rc_t         rc;
    bigcache_dir_check_t  check;

    memset(&check, 0, sizeof(bigcache_dir_check_t));

    rc = bigcache_plain_each(AT_FDCWD, path, 0, bigcache_dir_check_entry,
                             &check);

    if (rc == BIGCACHE_UNAVAILABLE) {
        return bigcache_plain_cannot("read", NULL, path, error);
    }

    if (rc == BIGCACHE_MISS || check.other[0] == '\0') {
        return BIGCACHE_OK;
    }

    /* it is a database of the original; other files beside it stay there */

    if (check.current && check.files) {
        return bigcache_dir_inside(path, error);
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "\"%.128s\" is neither empty nor a bigcache store, "
                    "it holds \"%.64s\"", path, check.other);

    return BIGCACHE_ERROR;
}


/* returns BIGCACHE_MISS if the directory is that of a store */

static bigcache_rc_t
bigcache_dir_check_entry(void *data, int dir, const char *name)
{
    bigcache_dir_check_t *check = data;

    uint64_t               number;
    bigcache_index_file_e  file;

    (void) dir;

    /*
     * A store, whatever other files are there.  index.before/ is complete:
     * index/ may have been removed, and is restored from it.
     */

    if (strcmp(name, BIGCACHE_LAYOUT_INDEX) == 0
        || strcmp(name, BIGCACHE_LAYOUT_INDEX BIGCACHE_LAYOUT_BEFORE) == 0)
    {
        return BIGCACHE_MISS;
    }

    if (bigcache_dir_known(name)) {
        return BIGCACHE_OK;
    }

    (void) snprintf(check->other, sizeof(check->other), "%s", name);

    file = bigcache_index_file(name, &number);

    check->current |= (file == BIGCACHE_INDEX_FILE_CURRENT);
    check->files |= (file == BIGCACHE_INDEX_FILE_OTHER
                     || file == BIGCACHE_INDEX_FILE_LOG
                     || file == BIGCACHE_INDEX_FILE_TABLE);

    return BIGCACHE_OK;
}


/*
 * Refuses the index of a store: it is no original, and may be in use.
 * bigcache_adopt() recognizes an index outside of a store by its content.
 */

static bigcache_rc_t
bigcache_dir_inside(const char *path, char *error)
{
    char         name[PATH_MAX];
    struct stat  here, index, pages;

    (void) snprintf(name, PATH_MAX, "%s/../" BIGCACHE_LAYOUT_INDEX, path);

    if (stat(path, &here) == -1) {
        return bigcache_plain_cannot("open", NULL, path, error);
    }

    if (stat(name, &index) == -1) {
        return (errno == ENOENT || errno == ENOTDIR)
               ? BIGCACHE_OK : bigcache_plain_cannot("open", NULL, name, error);
    }

    if (here.st_ino != index.st_ino || here.st_dev != index.st_dev) {
        return BIGCACHE_OK;
    }

    (void) snprintf(name, PATH_MAX, "%s/../" BIGCACHE_LAYOUT_PAGES, path);

    if (stat(name, &pages) == -1) {
        return (errno == ENOENT || errno == ENOTDIR)
               ? BIGCACHE_OK : bigcache_plain_cannot("open", NULL, name, error);
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "\"%.128s\" is not a bigcache store, but the index of one",
                    path);

    return BIGCACHE_ERROR;
}


static int
bigcache_dir_known(const char *name)
{
    size_t  i;

    static const char *const  known[] = {
        ".", "..", "lost+found",
        BIGCACHE_LAYOUT_LOCK, BIGCACHE_LAYOUT_PAGES, BIGCACHE_LAYOUT_TRASH,
        BIGCACHE_LAYOUT_BALLAST, BIGCACHE_LAYOUT_SPARE, BIGCACHE_LAYOUT_SOCKET,
        BIGCACHE_LAYOUT_SOCKET ".new"
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i]) == 0) {
            return 1;
        }
    }

    return strncmp(name, BIGCACHE_LAYOUT_INDEX ".damaged-",
                   sizeof(BIGCACHE_LAYOUT_INDEX ".damaged-") - 1)
           == 0
           || strcmp(name, BIGCACHE_LAYOUT_INDEX BIGCACHE_LAYOUT_BEFORE_NEW)
              == 0;
}


static bigcache_rc_t
bigcache_dir_rename(const char *from, int dir, const char *to, char *error)
{
    struct stat  st;

    if (renameat(AT_FDCWD, from, dir, to) == 0) {
        return BIGCACHE_OK;
    }

    /* ENOENT may also mean that the directory to move it to is not there */

    if (errno == ENOENT && lstat(from, &st) == -1 && errno == ENOENT) {
        return BIGCACHE_OK;
    }

    return bigcache_plain_cannot("rename", NULL, from, error);
}


/*
 * Removes a directory with all that is in it, until *stop is set.  Returns 1
 * if all of it is removed, or 0.
 */

static int
bigcache_dir_remove_at(int parent, const char *name, _Atomic int *stop)
{
    bigcache_dir_remove_t  remove;

    remove.stop = stop;
    remove.all = 1;

    /* if some of it could not be read, rmdir() fails */

    (void) bigcache_plain_each(parent, name, O_NOFOLLOW,
                               bigcache_dir_remove_entry, &remove);

    return remove.all && !atomic_load(stop)
           && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}


static bigcache_rc_t
bigcache_dir_remove_entry(void *data, int dir, const char *name)
{
    bigcache_dir_remove_t *remove = data;

    if (atomic_load(remove->stop)) {
        return BIGCACHE_MISS;
    }

    if (unlinkat(dir, name, 0) == -1
        && !bigcache_dir_remove_at(dir, name, remove->stop))
    {
        remove->all = 0;
    }

    return BIGCACHE_OK;
}

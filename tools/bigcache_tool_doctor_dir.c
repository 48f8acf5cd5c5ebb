
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What there is to know of a directory.  It may be that of a running server,
 * or of another user: nothing is written, locked or followed, and LevelDB is
 * not asked, which would begin a new log.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* O_NOATIME */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "bigcache_bytes.h"
#include "bigcache_index.h"
#include "bigcache_layout.h"
#include "bigcache_plain.h"
#include "bigcache_probe.h"
#include "bigcache_segment.h"
#include "bigcache_time.h"
#include "bigcache_tool_doctor_parts.h"


/* a name of a segment: 16 hexadecimal digits and ".seg" */

#define BIGCACHE_TOOL_DOCTOR_SEGMENT  20


/* a walk over a directory of the store; name is that of it */

typedef struct {
    bigcache_tool_doctor_dir_t  *dir;
    const char                  *name;
    uint64_t                     bytes;
    char                         newest[BIGCACHE_TOOL_DOCTOR_SEGMENT + 1];
    unsigned                     current:1;   /* files of LevelDB */
    unsigned                     tables:1;
    unsigned                     index:1;
    unsigned                     foreign:1;
} bigcache_tool_doctor_walk_t;


static void bigcache_tool_doctor_dir_store(bigcache_tool_doctor_dir_t *dir,
    int fd);
static void bigcache_tool_doctor_dir_system(bigcache_tool_doctor_dir_t *dir);
static int bigcache_tool_doctor_dir_rotates(const bigcache_mount_t *mount,
    dev_t device);
static void bigcache_tool_doctor_dir_kind(bigcache_tool_doctor_dir_t *dir,
    const bigcache_tool_doctor_walk_t *walk);
static uint64_t bigcache_tool_doctor_dir_walk(bigcache_tool_doctor_dir_t *dir,
    bigcache_tool_doctor_walk_t *walk, int at, const char *name,
    bigcache_plain_pt handler);
static bigcache_rc_t bigcache_tool_doctor_dir_top(void *data, int fd,
    const char *name);
static bigcache_rc_t bigcache_tool_doctor_dir_trash(void *data, int fd,
    const char *name);
static bigcache_rc_t bigcache_tool_doctor_dir_discarded(void *data, int fd,
    const char *name);
static bigcache_rc_t bigcache_tool_doctor_dir_file(void *data, int fd,
    const char *name);
static void bigcache_tool_doctor_dir_segment(
    bigcache_tool_doctor_walk_t *walk, const char *name, uint64_t size);
static int bigcache_tool_doctor_dir_look(bigcache_tool_doctor_walk_t *walk,
    int fd, const char *name, struct stat *st);
static void bigcache_tool_doctor_dir_probe(bigcache_tool_doctor_dir_t *dir,
    int at, const char *newest);
static int bigcache_tool_doctor_dir_open(int at, const char *newest);


int
bigcache_tool_doctor_dir(bigcache_tool_doctor_dir_t *dir, const char *path)
{
    int                          fd;
    struct stat                  st;
    bigcache_tool_doctor_walk_t  walk;

    memset(dir, 0, sizeof(bigcache_tool_doctor_dir_t));

    dir->path = path;
    dir->now = bigcache_time_now_us();
    dir->preadv2 = -1;
    dir->cachestat = -1;
    dir->rotates = -1;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return -1;
    }

    if (fstat(fd, &st) == -1) {
        bigcache_plain_close(fd);
        return -1;
    }

    dir->uid = st.st_uid;
    dir->mode = st.st_mode;

    bigcache_tool_doctor_dir_system(dir);

    dir->rotates = bigcache_tool_doctor_dir_rotates(&dir->mount, st.st_dev);

    (void) bigcache_tool_doctor_dir_walk(dir, &walk, fd, "",
                                         bigcache_tool_doctor_dir_top);
    bigcache_tool_doctor_dir_kind(dir, &walk);

    if (dir->kind == BIGCACHE_TOOL_DOCTOR_STORE) {
        bigcache_tool_doctor_dir_store(dir, fd);
    }

    (void) close(fd);

    return 0;
}


static void
bigcache_tool_doctor_dir_store(bigcache_tool_doctor_dir_t *dir, int fd)
{
    bigcache_tool_doctor_walk_t  walk;

    dir->index_bytes = bigcache_tool_doctor_dir_walk(dir, &walk, fd,
                                                     BIGCACHE_LAYOUT_INDEX,
                                               bigcache_tool_doctor_dir_file);
    dir->segment_bytes = bigcache_tool_doctor_dir_walk(dir, &walk, fd,
                                                       BIGCACHE_LAYOUT_PAGES,
                                               bigcache_tool_doctor_dir_file);

    bigcache_tool_doctor_dir_probe(dir, fd, walk.newest);
    bigcache_tool_doctor_owner(&dir->owner, dir->path);
}


static void
bigcache_tool_doctor_dir_system(bigcache_tool_doctor_dir_t *dir)
{
    struct statvfs  fs;
    struct utsname  name;

    dir->mounted = (bigcache_mount_of(dir->path, &dir->mount) == 0);

    if (statvfs(dir->path, &fs) == 0) {
        dir->space = (uint64_t) fs.f_blocks * fs.f_frsize;
        dir->free = (uint64_t) fs.f_bavail * fs.f_frsize;
        dir->inodes = fs.f_files;
        dir->inodes_free = fs.f_favail;
    }

    if (uname(&name) == 0) {
        (void) snprintf(dir->kernel, sizeof(dir->kernel), "%.63s",
                        name.release);
    }
}


/*
 * Returns what the kernel says of the disk, -1 if there is none.  A virtual one
 * most often says that it rotates, whatever is behind it: that is not known.
 */

static int
bigcache_tool_doctor_dir_rotates(const bigcache_mount_t *mount, dev_t device)
{
    char         name[PATH_MAX], c;
    FILE        *file;
    unsigned     i;
    const char  *device_name;

    static const char *const  formats[] = {
        "/sys/dev/block/%u:%u/queue/rotational",
        "/sys/dev/block/%u:%u/../queue/rotational",     /* of a partition */
        NULL
    };

    device_name = strrchr(mount->source, '/');
    device_name = device_name ? device_name + 1 : mount->source;

    if (strncmp(device_name, "vd", 2) == 0
        || strncmp(device_name, "xvd", 3) == 0)
    {
        return -1;
    }

    for (i = 0; formats[i]; i++) {

        (void) snprintf(name, PATH_MAX, formats[i], major(device),
                        minor(device));

        file = fopen(name, "re");

        if (file) {
            c = (char) fgetc(file);
            (void) fclose(file);

            return (c == '1') ? 1 : (c == '0') ? 0 : -1;
        }
    }

    return -1;
}


/* as bigcache_dir_lock() sees it */

static void
bigcache_tool_doctor_dir_kind(bigcache_tool_doctor_dir_t *dir,
    const bigcache_tool_doctor_walk_t *walk)
{
    char         name[PATH_MAX];
    struct stat  here, index;

    if (walk->index) {
        dir->kind = BIGCACHE_TOOL_DOCTOR_STORE;
        return;
    }

    if (!walk->current || !walk->tables) {
        dir->kind = walk->foreign || walk->current || walk->tables
                    ? BIGCACHE_TOOL_DOCTOR_FOREIGN
                    : BIGCACHE_TOOL_DOCTOR_EMPTY;
        return;
    }

    (void) snprintf(name, PATH_MAX, "%s/../" BIGCACHE_LAYOUT_INDEX, dir->path);

    dir->kind = (stat(dir->path, &here) == 0 && stat(name, &index) == 0
                 && here.st_ino == index.st_ino && here.st_dev == index.st_dev)
                ? BIGCACHE_TOOL_DOCTOR_INSIDE : BIGCACHE_TOOL_DOCTOR_ORIGINAL;
}


/*
 * Returns the bytes of the files; name is relative to the descriptor at, and ""
 * is that one itself.
 */

static uint64_t
bigcache_tool_doctor_dir_walk(bigcache_tool_doctor_dir_t *dir,
    bigcache_tool_doctor_walk_t *walk, int at, const char *name,
    bigcache_plain_pt handler)
{
    const char     *path;
    bigcache_rc_t   rc;

    memset(walk, 0, sizeof(bigcache_tool_doctor_walk_t));

    walk->dir = dir;
    walk->name = name;

    path = *name ? name : ".";

    rc = bigcache_plain_each(at, path, O_NOFOLLOW|O_NOATIME, handler, walk);

    if (rc != BIGCACHE_OK && errno == EPERM) {

        /* only the user of a directory and root may leave its times alone */

        rc = bigcache_plain_each(at, path, O_NOFOLLOW, handler, walk);
    }

    if (rc != BIGCACHE_OK && errno != ENOENT) {
        dir->unread++;
    }

    return walk->bytes;
}


static bigcache_rc_t
bigcache_tool_doctor_dir_top(void *data, int fd, const char *name)
{
    bigcache_tool_doctor_walk_t *walk = data;

    uint64_t                     number;
    struct stat                  st;
    bigcache_index_file_e        file;
    bigcache_tool_doctor_dir_t  *dir;
    bigcache_tool_doctor_walk_t  trash;

    static const char  damaged[] = BIGCACHE_LAYOUT_INDEX ".damaged-";

    dir = walk->dir;

    if (bigcache_tool_doctor_dir_look(walk, fd, name, &st) == -1) {
        return BIGCACHE_OK;
    }

    if (strcmp(name, BIGCACHE_LAYOUT_INDEX) == 0
        || strcmp(name, BIGCACHE_LAYOUT_INDEX BIGCACHE_LAYOUT_BEFORE) == 0)
    {
        walk->index = 1;

    } else if (strcmp(name, BIGCACHE_LAYOUT_TRASH) == 0) {
        dir->trash = bigcache_tool_doctor_dir_walk(dir, &trash, fd, name,
                                              bigcache_tool_doctor_dir_trash);

    } else if (strcmp(name, BIGCACHE_LAYOUT_IMPORT) == 0) {
        dir->import = 1;

    } else if (strcmp(name, BIGCACHE_LAYOUT_BALLAST) == 0) {
        dir->reserve = (uint64_t) st.st_blocks * 512;

    } else if (strncmp(name, damaged, sizeof(damaged) - 1) == 0) {
        dir->damaged++;

    } else if (strcmp(name, BIGCACHE_LAYOUT_LOCK) != 0
               && strcmp(name, BIGCACHE_LAYOUT_PAGES) != 0
               && strcmp(name, BIGCACHE_LAYOUT_SPARE) != 0
               && strncmp(name, BIGCACHE_LAYOUT_SOCKET,
                          sizeof(BIGCACHE_LAYOUT_SOCKET) - 1) != 0
               && strcmp(name, "lost+found") != 0)
    {
        file = bigcache_index_file(name, &number);

        walk->current |= (file == BIGCACHE_INDEX_FILE_CURRENT);
        walk->tables |= (file == BIGCACHE_INDEX_FILE_OTHER
                         || file == BIGCACHE_INDEX_FILE_LOG
                         || file == BIGCACHE_INDEX_FILE_TABLE);
        walk->foreign |= (file == BIGCACHE_INDEX_FILE_NONE);
    }

    return BIGCACHE_OK;
}


/* bigcache_dir_discard() renames directories into the trash */

static bigcache_rc_t
bigcache_tool_doctor_dir_trash(void *data, int fd, const char *name)
{
    bigcache_tool_doctor_walk_t *walk = data;

    struct stat                  st;
    bigcache_tool_doctor_walk_t  discarded;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1
        || !S_ISDIR(st.st_mode))
    {
        return bigcache_tool_doctor_dir_file(data, fd, name);
    }

    if (bigcache_tool_doctor_dir_look(walk, fd, name, &st) == 0) {
        walk->bytes += bigcache_tool_doctor_dir_walk(walk->dir, &discarded, fd,
                                                     name,
                                          bigcache_tool_doctor_dir_discarded);
    }

    return BIGCACHE_OK;
}


/* links are no finding here: bigcache_adopt() makes some in an import */

static bigcache_rc_t
bigcache_tool_doctor_dir_discarded(void *data, int fd, const char *name)
{
    bigcache_tool_doctor_walk_t *walk = data;

    struct stat  st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        walk->dir->unread += (errno != ENOENT);

    } else if (S_ISREG(st.st_mode)) {
        walk->bytes += (uint64_t) st.st_size;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_tool_doctor_dir_file(void *data, int fd, const char *name)
{
    bigcache_tool_doctor_walk_t *walk = data;

    uint64_t     number;
    struct stat  st;

    if (bigcache_tool_doctor_dir_look(walk, fd, name, &st) == -1) {
        return BIGCACHE_OK;
    }

    if (!S_ISREG(st.st_mode)) {
        return BIGCACHE_OK;
    }

    walk->bytes += (uint64_t) st.st_size;

    if (strcmp(walk->name, BIGCACHE_LAYOUT_PAGES) == 0) {
        bigcache_tool_doctor_dir_segment(walk, name, (uint64_t) st.st_size);

    } else if (strcmp(walk->name, BIGCACHE_LAYOUT_INDEX) == 0) {
        walk->dir->tables += (bigcache_index_file(name, &number)
                              == BIGCACHE_INDEX_FILE_TABLE);
    }

    return BIGCACHE_OK;
}


static void
bigcache_tool_doctor_dir_segment(bigcache_tool_doctor_walk_t *walk,
    const char *name, uint64_t size)
{
    char                        *end;
    uint64_t                     id;
    bigcache_tool_doctor_dir_t  *dir;

    dir = walk->dir;

    id = strtoull(name, &end, 16);

    if (strlen(name) != BIGCACHE_TOOL_DOCTOR_SEGMENT
        || end != name + BIGCACHE_TOOL_DOCTOR_SEGMENT - 4
        || strcmp(end, ".seg") != 0)
    {
        return;
    }

    dir->segments++;

    if (size > dir->largest) {
        dir->largest = size;
    }

    if (id >= dir->newest) {
        dir->newest = id;
        memcpy(walk->newest, name, BIGCACHE_TOOL_DOCTOR_SEGMENT + 1);
    }
}


/* returns -1 if there is nothing more to know of the file */

static int
bigcache_tool_doctor_dir_look(bigcache_tool_doctor_walk_t *walk, int fd,
    const char *name, struct stat *st)
{
    bigcache_tool_doctor_dir_t  *dir;

    dir = walk->dir;

    if (fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW) == -1) {
        dir->unread += (errno != ENOENT);
        return -1;
    }

    /* "lost+found" is of root */

    if (st->st_uid != dir->uid
        && strcmp(name, "lost+found") != 0
        && dir->others++ == 0)
    {
        (void) snprintf(dir->other, sizeof(dir->other), "%.60s%s%.100s",
                        walk->name, *walk->name ? "/" : "", name);
    }

    if (!S_ISREG(st->st_mode)
        && !S_ISDIR(st->st_mode)
        && !S_ISSOCK(st->st_mode)
        && dir->links++ == 0)
    {
        (void) snprintf(dir->link, sizeof(dir->link), "%.60s%s%.100s",
                        walk->name, *walk->name ? "/" : "", name);
    }

    return 0;
}


/* tries reads, and looks at the format, by the segment that was begun last */

static void
bigcache_tool_doctor_dir_probe(bigcache_tool_doctor_dir_t *dir, int at,
    const char *newest)
{
    int          fd;
    u_char       header[BIGCACHE_SEGMENT_HEADER];
    struct stat  st;

    fd = bigcache_tool_doctor_dir_open(at, newest);

    if (fd == -1) {
        dir->unread += (errno != ENOENT);
        return;
    }

    if (fstat(fd, &st) == 0 && st.st_size) {

        dir->preadv2 = bigcache_probe_nowait(fd);
        dir->cachestat = bigcache_probe_cachestat(fd);

        if (*newest
            && pread(fd, header, sizeof(header), 0) == (ssize_t) sizeof(header)
            && memcmp(header, "bigcsegm", 8) == 0)
        {
            dir->format = bigcache_get32(header + 8);
        }
    }

    (void) close(fd);
}


/*
 * The segment, or the lock if there is none.  Neither "pages" nor the file may
 * have become a link, a FIFO or a device since the walk.
 */

static int
bigcache_tool_doctor_dir_open(int at, const char *newest)
{
    int  fd, parent, err;

    parent = openat(at, *newest ? BIGCACHE_LAYOUT_PAGES : ".",
                    O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (parent == -1) {
        return -1;
    }

    if (*newest == '\0') {
        newest = BIGCACHE_LAYOUT_LOCK;
    }

    fd = bigcache_plain_open(parent, newest, O_RDONLY|O_NOATIME, 0, NULL);

    if (fd == -1 && errno == EPERM) {
        fd = bigcache_plain_open(parent, newest, O_RDONLY, 0, NULL);
    }

    err = errno;
    (void) close(parent);
    errno = err;

    return fd;
}

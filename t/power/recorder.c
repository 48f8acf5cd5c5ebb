
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD that logs what is done to the files below one
 * directory, by every thread and process, with the bytes that are written.
 *
 *     BIGCACHE_RECORD_DIR     the directory, as realpath() has it
 *     BIGCACHE_RECORD_LOG     the log, made by "power begin"
 *
 * A call and its record are one step: both are made with a lock of all of the
 * processes held, so that the log has the order in which things happened.  To
 * kill one of them, take that lock first ("power kill"), else a call might be
 * made and not logged.  An fsync is logged when it begins and when it has
 * ended: it does not cover what was logged between the two.
 *
 * Which file a descriptor is of, the kernel is asked each time (fstat(), and
 * the link in /proc): so there are no tables that close() and dup() change.
 * Only regular files and directories below the directory are logged.
 *
 * Writes of stdio are not seen.  These are LevelDB's LOG and LOG.old, which
 * are not needed.  What cannot be followed (a mapping that is shared and
 * writable, O_DSYNC, a stream to another file) is logged as RECORD_UNKNOWN,
 * and the reader of the log reports it.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#undef _FORTIFY_SOURCE      /* these are the functions, not their uses */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "recorder.h"


/* declares real, the function of that name that comes next */

#define REAL(name)                                                            \
    static __typeof__(&name)  real;                                           \
                                                                              \
    if (real == NULL) {                                                       \
        real = (__typeof__(&name)) next(#name);                               \
    }

#define PIECES  64


static void begin(void) __attribute__((constructor));
static void *next(const char *name);
static int below(int dir, const char *path, char *name);
static int absolute(int dir, const char *path, char *full);
static int inside(int fd, struct stat *st, char *name);
static int within(char *full, char *name);
static void enter(void);
static void leave(void);
static void emit(uint32_t type, uint64_t inode, int64_t offset,
    int64_t length, uint32_t flags, const char *name, const char *other);
static void emit_data(uint64_t inode, int64_t offset,
    const struct iovec *iov, int n, size_t len);
static void unknown(const char *what, const char *name);
static int append(int fd, record_t *r, const char *name, const char *other,
    const struct iovec *iov, int n, size_t len);
static int open_at(int dir, const char *path, int flags, mode_t mode);
static ssize_t write_at(int fd, const struct iovec *iov, int n,
    const off_t *offset, int flags, int how);
static ssize_t copied(int fd, struct stat *st, off_t offset, ssize_t n);
static int truncated(int fd, const char *path, off_t length);
static int allocated(int fd, int mode, off_t offset, off_t length, int posix);
static int synced(int fd, int flags, int how);
static int rename_at(int olddir, const char *old, int newdir,
    const char *new, unsigned flags);
static int unlink_at(int dir, const char *path, int flags);
static int mkdir_at(int dir, const char *path, mode_t mode);
static int link_at(int olddir, const char *old, int newdir, const char *new,
    int flags);
static int symlink_at(const char *target, int dir, const char *path);
static void *mapped(void *addr, size_t len, int prot, int flags, int fd,
    off_t offset);
static FILE *streamed(const char *path, const char *mode);


static char              root[PATH_MAX];
static size_t            root_len;       /* 0: nothing is recorded */
static dev_t             root_dev;
static int               log_fd = -1;
static int               lazy;
static pthread_mutex_t  *lock;


/* -- the log */

static void
begin(void)
{
    const char  *dir, *log;

    dir = getenv("BIGCACHE_RECORD_DIR");
    log = getenv("BIGCACHE_RECORD_LOG");

    if (dir && log && recorder_start(dir, log, 0) == -1) {
        perror("recorder");
        abort();
    }
}


int
recorder_start(const char *directory, const char *log, int nosync)
{
    int          fd;
    struct stat  st;

    root_len = 0;
    lazy = nosync;

    if (log_fd != -1) {
        (void) close(log_fd);
        log_fd = -1;
    }

    if (directory == NULL) {
        return 0;
    }

    if (stat(directory, &st) == -1) {
        return -1;
    }

    lock = recorder_lock_of(log);
    if (lock == NULL) {
        return -1;
    }

    fd = open(log, O_WRONLY|O_APPEND|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    /* a high number: tests count descriptors */

    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 800);
    (void) close(fd);

    if (log_fd == -1) {
        return -1;
    }

    (void) snprintf(root, sizeof(root), "%s", directory);
    root_dev = st.st_dev;
    root_len = strlen(root);

    return 0;
}


int
recorder_create(const char *log)
{
    int                   fd;
    char                  name[PATH_MAX];
    pthread_mutex_t      *mutex;
    pthread_mutexattr_t   attr;

    fd = open(log, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);
    if (fd == -1) {
        return -1;
    }

    (void) close(fd);
    (void) snprintf(name, sizeof(name), "%s.lock", log);

    fd = open(name, O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);

    if (fd == -1 || ftruncate(fd, sizeof(pthread_mutex_t)) == -1) {
        return -1;
    }

    (void) close(fd);

    mutex = recorder_lock_of(log);
    if (mutex == NULL) {
        return -1;
    }

    (void) pthread_mutexattr_init(&attr);
    (void) pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    (void) pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    (void) pthread_mutex_init(mutex, &attr);
    (void) munmap(mutex, sizeof(pthread_mutex_t));

    return 0;
}


pthread_mutex_t *
recorder_lock_of(const char *log)
{
    int    fd;
    char   name[PATH_MAX];
    void  *p;

    (void) snprintf(name, sizeof(name), "%s.lock", log);

    fd = open(name, O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return NULL;
    }

    p = mmap(NULL, sizeof(pthread_mutex_t), PROT_READ|PROT_WRITE, MAP_SHARED,
             fd, 0);
    (void) close(fd);

    return (p == MAP_FAILED) ? NULL : p;
}


void
recorder_lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock(mutex) == EOWNERDEAD) {
        (void) pthread_mutex_consistent(mutex);
    }
}


void
recorder_unlock(pthread_mutex_t *mutex)
{
    (void) pthread_mutex_unlock(mutex);
}


int
recorder_append(int log, record_t *r, const char *name, const char *other,
    const void *data, size_t len)
{
    struct iovec  iov;

    iov.iov_base = (void *) data;
    iov.iov_len = len;

    return append(log, r, name, other, &iov, 1, len);
}


static void
enter(void)
{
    recorder_lock(lock);
}


static void
leave(void)
{
    int  err;

    err = errno;
    recorder_unlock(lock);
    errno = err;
}


static void
emit(uint32_t type, uint64_t inode, int64_t offset, int64_t length,
    uint32_t flags, const char *name, const char *other)
{
    record_t  r;

    memset(&r, 0, sizeof(record_t));

    r.type = type;
    r.inode = inode;
    r.offset = offset;
    r.length = length;
    r.flags = flags;

    if (append(log_fd, &r, name, other, NULL, 0, 0) == -1) {
        perror("recorder");
        abort();
    }
}


/* len bytes of the n pieces */

static void
emit_data(uint64_t inode, int64_t offset, const struct iovec *iov, int n,
    size_t len)
{
    record_t  r;

    memset(&r, 0, sizeof(record_t));

    r.type = RECORD_WRITE;
    r.inode = inode;
    r.offset = offset;
    r.length = (int64_t) len;

    if (append(log_fd, &r, NULL, NULL, iov, n, len) == -1) {
        perror("recorder");
        abort();
    }
}


static void
unknown(const char *what, const char *name)
{
    record_t  r;

    memset(&r, 0, sizeof(record_t));

    r.type = RECORD_UNKNOWN;

    if (recorder_append(log_fd, &r, name, NULL, what, strlen(what)) == -1) {
        perror("recorder");
        abort();
    }
}


static int
append(int fd, record_t *r, const char *name, const char *other,
    const struct iovec *iov, int n, size_t len)
{
    int           i, k;
    size_t        size, pad;
    ssize_t       written;
    struct iovec  all[PIECES + 4];

    static const char  zeroes[RECORD_ALIGN];

    r->magic = RECORD_MAGIC;
    r->thread = (uint32_t) syscall(SYS_gettid);
    r->name = name ? (uint32_t) strlen(name) : 0;
    r->other = other ? (uint32_t) strlen(other) : 0;
    r->length = len ? (int64_t) len : r->length;

    size = sizeof(record_t) + r->name + r->other + len;
    pad = RECORD_ALIGN - 1 - (size - 1) % RECORD_ALIGN;
    r->size = size + pad;

    k = 0;
    all[k].iov_base = r;
    all[k++].iov_len = sizeof(record_t);

    if (name) {
        all[k].iov_base = (void *) name;
        all[k++].iov_len = r->name;
    }

    if (other) {
        all[k].iov_base = (void *) other;
        all[k++].iov_len = r->other;
    }

    for (i = 0; i < n && len; i++) {

        if (i == PIECES) {
            errno = E2BIG;
            return -1;
        }

        size = (iov[i].iov_len < len) ? iov[i].iov_len : len;
        len -= size;

        all[k].iov_base = iov[i].iov_base;
        all[k++].iov_len = size;
    }

    if (pad) {
        all[k].iov_base = (void *) zeroes;
        all[k++].iov_len = pad;
    }

    written = syscall(SYS_writev, fd, all, k);

    if (written == (ssize_t) r->size) {
        return 0;
    }

    errno = (written == -1) ? errno : ENOSPC;

    return -1;
}


/* -- names */

static void *
next(const char *name)
{
    void  *p;

    p = dlsym(RTLD_NEXT, name);

    if (p == NULL) {
        fprintf(stderr, "recorder: no %s\n", name);
        abort();
    }

    return p;
}


/* tells whether the path is below the directory, and its name there */

static int
below(int dir, const char *path, char *name)
{
    int   err, yes;
    char  full[2 * PATH_MAX];

    if (root_len == 0 || path == NULL) {
        return 0;
    }

    err = errno;
    yes = (absolute(dir, path, full) == 0 && within(full, name));
    errno = err;

    return yes;
}


static int
absolute(int dir, const char *path, char *full)
{
    int      fd;
    char     link[64], *end;
    ssize_t  n;

    if (strncmp(path, "/proc/self/fd/", 14) == 0) {
        fd = (int) strtol(path + 14, &end, 10);
        path = (*end == '/') ? end + 1 : end;
        dir = fd;

    } else if (path[0] == '/') {
        (void) snprintf(full, PATH_MAX, "%s", path);
        return 0;
    }

    if (dir == AT_FDCWD) {
        n = getcwd(full, PATH_MAX) ? (ssize_t) strlen(full) : -1;

    } else {
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        n = readlink(link, full, PATH_MAX);
    }

    if (n == -1 || n >= PATH_MAX) {
        return -1;
    }

    (void) snprintf(full + n, PATH_MAX, "/%s", path);

    return 0;
}


/* resolves dots and slashes */

static int
within(char *full, char *name)
{
    char  *p, *to, *end;

    to = full;

    for (p = full; *p; p = end) {

        while (*p == '/') {
            p++;
        }

        end = p + strcspn(p, "/");

        if (end == p || (end - p == 1 && p[0] == '.')) {
            continue;
        }

        if (end - p == 2 && p[0] == '.' && p[1] == '.') {
            while (to > full && *--to != '/') { /* void */ }
            continue;
        }

        *to++ = '/';
        memmove(to, p, (size_t) (end - p));
        to += end - p;
    }

    *to = '\0';

    if (strncmp(full, root, root_len) != 0
        || (full[root_len] != '/' && full[root_len] != '\0'))
    {
        return 0;
    }

    (void) snprintf(name, PATH_MAX, "%s",
                    full[root_len] ? full + root_len + 1 : "");

    return 1;
}


/* tells whether it is a file or directory that is recorded */

static int
inside(int fd, struct stat *st, char *name)
{
    int      err;
    char     link[64], full[PATH_MAX];
    ssize_t  n;

    if (root_len == 0) {
        return 0;
    }

    err = errno;

    if (fstat(fd, st) == -1 || st->st_dev != root_dev
        || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
    {
        errno = err;
        return 0;
    }

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, full, sizeof(full) - 1);
    errno = err;

    if (n < 0) {
        return 0;
    }

    full[n] = '\0';

    /* the kernel's name of one that O_TMPFILE has made: no cut leaves it */

    if (st->st_nlink == 0 && strstr(full, "/#")) {
        return 0;
    }

    return within(full, name);
}


/* -- files */

int
open(const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open_at(AT_FDCWD, path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open_at(AT_FDCWD, path, flags, mode);
}


int
openat(int dir, const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open_at(dir, path, flags, mode);
}


int
openat64(int dir, const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open_at(dir, path, flags, mode);
}


int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);


int
__open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}


int
__open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}


int
__openat_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}


int
__openat64_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}


int
creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY|O_CREAT|O_TRUNC, mode);
}


int
creat64(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY|O_CREAT|O_TRUNC, mode);
}


static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
    int          fd, there;
    char         name[PATH_MAX];
    struct stat  st;

    REAL(openat);

    if (!(flags & (O_CREAT|O_TRUNC|O_SYNC|O_DSYNC|(O_TMPFILE & ~O_DIRECTORY)))
        || !below(dir, path, name))
    {
        return real(dir, path, flags, mode);
    }

    enter();

    there = (fstatat(dir, path, &st, 0) == 0);
    fd = real(dir, path, flags, mode);

    /* it may have come by way of a symbolic link */

    if (fd != -1 && inside(fd, &st, name)) {

        if (flags & (O_SYNC|O_DSYNC|(O_TMPFILE & ~O_DIRECTORY))) {
            unknown("open", name);
        }

        if (!there) {
            emit(RECORD_CREATE, st.st_ino, 0, 0, 0, name, NULL);

        } else if ((flags & O_TRUNC) && S_ISREG(st.st_mode)) {
            emit(RECORD_TRUNCATE, st.st_ino, 0, 0, 0, NULL, NULL);
        }
    }

    leave();

    return fd;
}


ssize_t
write(int fd, const void *buf, size_t size)
{
    struct iovec  iov;

    iov.iov_base = (void *) buf;
    iov.iov_len = size;

    return write_at(fd, &iov, 1, NULL, 0, 'w');
}


ssize_t
pwrite(int fd, const void *buf, size_t size, off_t offset)
{
    struct iovec  iov;

    iov.iov_base = (void *) buf;
    iov.iov_len = size;

    return write_at(fd, &iov, 1, &offset, 0, 'p');
}


ssize_t
pwrite64(int fd, const void *buf, size_t size, off64_t offset)
{
    return pwrite(fd, buf, size, offset);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    return write_at(fd, iov, n, NULL, 0, 'v');
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    return write_at(fd, iov, n, &offset, 0, 'P');
}


ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t offset)
{
    return write_at(fd, iov, n, &offset, 0, 'P');
}


ssize_t
pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    return write_at(fd, iov, n, offset == -1 ? NULL : &offset, flags, '2');
}


ssize_t
pwritev64v2(int fd, const struct iovec *iov, int n, off64_t offset, int flags)
{
    return write_at(fd, iov, n, offset == -1 ? NULL : &offset, flags, '2');
}


/* the system calls are made as they are: sockets come this way, too */

static ssize_t
write_at(int fd, const struct iovec *iov, int n, const off_t *offset,
    int flags, int how)
{
    int          logged;
    char         name[PATH_MAX];
    off_t        at;
    ssize_t      rc;
    struct stat  st;

    static __typeof__(&write)     real_write;
    static __typeof__(&pwrite)    real_pwrite;
    static __typeof__(&writev)    real_writev;
    static __typeof__(&pwritev)   real_pwritev;
    static __typeof__(&pwritev2)  real_pwritev2;

    if (real_pwritev2 == NULL) {
        real_write = (__typeof__(&write)) next("write");
        real_pwrite = (__typeof__(&pwrite)) next("pwrite");
        real_writev = (__typeof__(&writev)) next("writev");
        real_pwritev = (__typeof__(&pwritev)) next("pwritev");
        real_pwritev2 = (__typeof__(&pwritev2)) next("pwritev2");
    }

    logged = inside(fd, &st, name);

    if (logged) {
        enter();
    }

    switch (how) {

    case 'w':
        rc = real_write(fd, iov[0].iov_base, iov[0].iov_len);
        break;

    case 'p':
        rc = real_pwrite(fd, iov[0].iov_base, iov[0].iov_len, *offset);
        break;

    case 'v':
        rc = real_writev(fd, iov, n);
        break;

    case 'P':
        rc = real_pwritev(fd, iov, n, *offset);
        break;

    default: /* '2' */
        rc = real_pwritev2(fd, iov, n, offset ? *offset : -1, flags);
        break;
    }

    if (!logged) {
        return rc;
    }

    if (rc > 0) {
        at = offset ? *offset : lseek(fd, 0, SEEK_CUR) - rc;

        if (flags || (offset && (fcntl(fd, F_GETFL) & O_APPEND))) {
            unknown("a write with flags", name);
        }

        emit_data(st.st_ino, at, iov, n, (size_t) rc);
    }

    leave();

    return rc;
}


ssize_t
copy_file_range(int in, off64_t *in_offset, int out, off64_t *offset,
    size_t len, unsigned flags)
{
    char         name[PATH_MAX];
    off_t        at;
    ssize_t      rc;
    struct stat  st;

    REAL(copy_file_range);

    if (!inside(out, &st, name)) {
        return real(in, in_offset, out, offset, len, flags);
    }

    enter();
    at = offset ? *offset : lseek(out, 0, SEEK_CUR);
    rc = real(in, in_offset, out, offset, len, flags);
    rc = copied(out, &st, at, rc);
    leave();

    return rc;
}


ssize_t
sendfile(int out, int in, off_t *offset, size_t len)
{
    char         name[PATH_MAX];
    off_t        at;
    ssize_t      rc;
    struct stat  st;

    REAL(sendfile);

    if (!inside(out, &st, name)) {
        return real(out, in, offset, len);
    }

    enter();
    at = lseek(out, 0, SEEK_CUR);
    rc = real(out, in, offset, len);
    rc = copied(out, &st, at, rc);
    leave();

    return rc;
}


ssize_t
sendfile64(int out, int in, off64_t *offset, size_t len)
{
    return sendfile(out, in, offset, len);
}


/* logs n bytes that the kernel wrote, as they are in the file */

static ssize_t
copied(int fd, struct stat *st, off_t offset, ssize_t n)
{
    int           err, in;
    char          link[64];
    struct iovec  iov;

    if (n <= 0) {
        return n;
    }

    err = errno;
    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    in = open(link, O_RDONLY|O_CLOEXEC);
    iov.iov_base = malloc((size_t) n);

    if (in == -1 || iov.iov_base == NULL
        || pread(in, iov.iov_base, (size_t) n, offset) != n)
    {
        perror("recorder");
        abort();
    }

    iov.iov_len = (size_t) n;
    emit_data(st->st_ino, offset, &iov, 1, (size_t) n);

    free(iov.iov_base);
    (void) close(in);
    errno = err;

    return n;
}


int
ftruncate(int fd, off_t length)
{
    return truncated(fd, NULL, length);
}


int
ftruncate64(int fd, off64_t length)
{
    return truncated(fd, NULL, length);
}


int
truncate(const char *path, off_t length)
{
    return truncated(-1, path, length);
}


int
truncate64(const char *path, off64_t length)
{
    return truncated(-1, path, length);
}


static int
truncated(int fd, const char *path, off_t length)
{
    int          rc, logged;
    char         name[PATH_MAX];
    struct stat  st;

    static __typeof__(&ftruncate)  real_ftruncate;
    static __typeof__(&truncate)   real_truncate;

    if (real_truncate == NULL) {
        real_ftruncate = (__typeof__(&ftruncate)) next("ftruncate");
        real_truncate = (__typeof__(&truncate)) next("truncate");
    }

    logged = path ? below(AT_FDCWD, path, name) : inside(fd, &st, name);

    if (logged) {
        enter();
    }

    rc = path ? real_truncate(path, length) : real_ftruncate(fd, length);

    if (!logged) {
        return rc;
    }

    if (rc == 0 && (path == NULL || stat(path, &st) == 0)) {
        emit(RECORD_TRUNCATE, st.st_ino, 0, length, 0, NULL, NULL);
    }

    leave();

    return rc;
}


int
fallocate(int fd, int mode, off_t offset, off_t length)
{
    return allocated(fd, mode, offset, length, 0);
}


int
fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    return allocated(fd, mode, offset, length, 0);
}


int
posix_fallocate(int fd, off_t offset, off_t length)
{
    return allocated(fd, 0, offset, length, 1);
}


int
posix_fallocate64(int fd, off64_t offset, off64_t length)
{
    return allocated(fd, 0, offset, length, 1);
}


static int
allocated(int fd, int mode, off_t offset, off_t length, int posix)
{
    int          rc, logged;
    char         name[PATH_MAX];
    struct stat  st;

    static __typeof__(&fallocate)        real_fallocate;
    static __typeof__(&posix_fallocate)  real_posix;

    if (real_posix == NULL) {
        real_fallocate = (__typeof__(&fallocate)) next("fallocate");
        real_posix = (__typeof__(&posix_fallocate)) next("posix_fallocate");
    }

    logged = inside(fd, &st, name);

    if (logged) {
        enter();
    }

    rc = posix ? real_posix(fd, offset, length)
               : real_fallocate(fd, mode, offset, length);

    if (!logged) {
        return rc;
    }

    if (rc == 0) {
        emit(RECORD_ALLOCATE, st.st_ino, offset, length, (uint32_t) mode,
             NULL, NULL);
    }

    leave();

    return rc;
}


/* -- fsync */

int
fsync(int fd)
{
    return synced(fd, 0, 'f');
}


int
fdatasync(int fd)
{
    return synced(fd, RECORD_DATA, 'd');
}


int
syncfs(int fd)
{
    return synced(fd, 0, 's');
}


void
sync(void)
{
    (void) synced(-1, 0, 'S');
}


/* sync_file_range() promises nothing about what a power cut leaves */

static int
synced(int fd, int flags, int how)
{
    int          rc, logged;
    char         name[PATH_MAX];
    uint64_t     inode;
    struct stat  st;

    static __typeof__(&fsync)      real_fsync;
    static __typeof__(&fdatasync)  real_fdatasync;
    static __typeof__(&syncfs)     real_syncfs;
    static __typeof__(&sync)       real_sync;

    if (real_sync == NULL) {
        real_fsync = (__typeof__(&fsync)) next("fsync");
        real_fdatasync = (__typeof__(&fdatasync)) next("fdatasync");
        real_syncfs = (__typeof__(&syncfs)) next("syncfs");
        real_sync = (__typeof__(&sync)) next("sync");
    }

    if (how == 'S') {
        logged = (root_len != 0);
        inode = 0;

    } else if (how == 's') {
        logged = (root_len != 0 && fstat(fd, &st) == 0
                  && st.st_dev == root_dev);
        inode = 0;

    } else {
        logged = inside(fd, &st, name);
        inode = logged ? st.st_ino : 0;
    }

    if (logged) {
        enter();
        emit(RECORD_BEGIN, inode, 0, 0, (uint32_t) flags, NULL, NULL);
        leave();
    }

    rc = 0;

    if (!lazy) {

        switch (how) {

        case 'f':
            rc = real_fsync(fd);
            break;

        case 'd':
            rc = real_fdatasync(fd);
            break;

        case 's':
            rc = real_syncfs(fd);
            break;

        default: /* 'S' */
            real_sync();
            break;
        }
    }

    if (logged && rc == 0) {
        enter();
        emit(RECORD_END, inode, 0, 0, (uint32_t) flags, NULL, NULL);
        leave();
    }

    return rc;
}


/* -- directories */

int
rename(const char *old, const char *new)
{
    return rename_at(AT_FDCWD, old, AT_FDCWD, new, 0);
}


int
renameat(int olddir, const char *old, int newdir, const char *new)
{
    return rename_at(olddir, old, newdir, new, 0);
}


int
renameat2(int olddir, const char *old, int newdir, const char *new,
    unsigned flags)
{
    return rename_at(olddir, old, newdir, new, flags);
}


static int
rename_at(int olddir, const char *old, int newdir, const char *new,
    unsigned flags)
{
    int          rc, from, to, socket;
    char         name[PATH_MAX], other[PATH_MAX];
    struct stat  st;

    REAL(renameat2);

    from = below(olddir, old, name);
    to = below(newdir, new, other);

    if (!from && !to) {
        return real(olddir, old, newdir, new, flags);
    }

    enter();

    socket = (fstatat(olddir, old, &st, AT_SYMLINK_NOFOLLOW) == 0
              && S_ISSOCK(st.st_mode));

    rc = real(olddir, old, newdir, new, flags);

    if (rc == 0 && !socket) {

        if (from && to && !(flags & RENAME_EXCHANGE)) {
            emit(RECORD_RENAME, 0, 0, 0, 0, name, other);

        } else {
            unknown("rename", from ? name : other);
        }
    }

    leave();

    return rc;
}


int
unlink(const char *path)
{
    return unlink_at(AT_FDCWD, path, 0);
}


int
rmdir(const char *path)
{
    return unlink_at(AT_FDCWD, path, AT_REMOVEDIR);
}


int
unlinkat(int dir, const char *path, int flags)
{
    return unlink_at(dir, path, flags);
}


int
remove(const char *path)
{
    int  rc;

    rc = unlink_at(AT_FDCWD, path, 0);

    return (rc == -1 && errno == EISDIR)
           ? unlink_at(AT_FDCWD, path, AT_REMOVEDIR) : rc;
}


static int
unlink_at(int dir, const char *path, int flags)
{
    int          rc, socket;
    char         name[PATH_MAX];
    struct stat  st;

    REAL(unlinkat);

    if (!below(dir, path, name)) {
        return real(dir, path, flags);
    }

    enter();

    socket = (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0
              && S_ISSOCK(st.st_mode));

    rc = real(dir, path, flags);

    if (rc == 0 && !socket) {
        emit(RECORD_UNLINK, 0, 0, 0, 0, name, NULL);
    }

    leave();

    return rc;
}


int
mkdir(const char *path, mode_t mode)
{
    return mkdir_at(AT_FDCWD, path, mode);
}


int
mkdirat(int dir, const char *path, mode_t mode)
{
    return mkdir_at(dir, path, mode);
}


static int
mkdir_at(int dir, const char *path, mode_t mode)
{
    int          rc;
    char         name[PATH_MAX];
    struct stat  st;

    REAL(mkdirat);

    if (!below(dir, path, name)) {
        return real(dir, path, mode);
    }

    enter();

    rc = real(dir, path, mode);

    if (rc == 0 && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        emit(RECORD_MKDIR, st.st_ino, 0, 0, 0, name, NULL);
    }

    leave();

    return rc;
}


int
link(const char *old, const char *new)
{
    return link_at(AT_FDCWD, old, AT_FDCWD, new, 0);
}


int
linkat(int olddir, const char *old, int newdir, const char *new, int flags)
{
    return link_at(olddir, old, newdir, new, flags);
}


static int
link_at(int olddir, const char *old, int newdir, const char *new, int flags)
{
    int          rc, from, to;
    char         name[PATH_MAX], other[PATH_MAX];
    struct stat  st;

    REAL(linkat);

    from = below(olddir, old, name);
    to = below(newdir, new, other);

    if (!from && !to) {
        return real(olddir, old, newdir, new, flags);
    }

    enter();

    rc = real(olddir, old, newdir, new, flags);

    if (rc == 0) {

        if (from && to
            && fstatat(newdir, new, &st, AT_SYMLINK_NOFOLLOW) == 0)
        {
            emit(RECORD_LINK, st.st_ino, 0, 0, 0, name, other);

        } else {
            unknown("link", from ? name : other);
        }
    }

    leave();

    return rc;
}


int
symlink(const char *target, const char *path)
{
    return symlink_at(target, AT_FDCWD, path);
}


int
symlinkat(const char *target, int dir, const char *path)
{
    return symlink_at(target, dir, path);
}


static int
symlink_at(const char *target, int dir, const char *path)
{
    int          rc;
    char         name[PATH_MAX];
    struct stat  st;

    REAL(symlinkat);

    if (!below(dir, path, name)) {
        return real(target, dir, path);
    }

    enter();

    rc = real(target, dir, path);

    if (rc == 0 && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        emit(RECORD_SYMLINK, st.st_ino, 0, 0, 0, name, target);
    }

    leave();

    return rc;
}


/* -- what cannot be followed */

void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return mapped(addr, len, prot, flags, fd, offset);
}


void *
mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t offset)
{
    return mapped(addr, len, prot, flags, fd, offset);
}


/* as a system call: malloc() may ask for this before anything else is there */

static void *
mapped(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    char         name[PATH_MAX];
    struct stat  st;

    if (fd != -1 && (flags & MAP_SHARED) && (prot & PROT_WRITE)
        && inside(fd, &st, name))
    {
        enter();
        unknown("mmap", name);
        leave();
    }

    return (void *) syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}


FILE *
fopen(const char *path, const char *mode)
{
    return streamed(path, mode);
}


FILE *
fopen64(const char *path, const char *mode)
{
    return streamed(path, mode);
}


static FILE *
streamed(const char *path, const char *mode)
{
    char  name[PATH_MAX];

    REAL(fopen);

    if ((mode[0] != 'r' || strchr(mode, '+')) && below(AT_FDCWD, path, name)) {
        enter();
        unknown("fopen", name);
        leave();
    }

    return real(path, mode);
}


FILE *
fdopen(int fd, const char *mode)
{
    char         name[PATH_MAX], *base;
    struct stat  st;

    REAL(fdopen);

    if (mode[0] != 'r' && inside(fd, &st, name)) {
        base = strrchr(name, '/');
        base = base ? base + 1 : name;

        if (strcmp(base, "LOG") != 0) {
            enter();
            unknown("fdopen", name);
            leave();
        }
    }

    return real(fd, mode);
}

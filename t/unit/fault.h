
/*
 * Copyright (C) bigcache contributors
 */


/*
 * System calls that fail, for fault_test.c.
 *
 * The functions below replace those of the C library, for this program and the
 * libraries that it uses.  While faults are armed, calls on files below a
 * directory are counted by their kind.  From a given call on, a given number
 * of calls fail; then they work again.
 */


#ifndef _FAULT_H_INCLUDED_
#define _FAULT_H_INCLUDED_


#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>


/* a sanitizer has a malloc() of its own */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULT_MALLOC  0
#else
#define FAULT_MALLOC  1
#endif


typedef enum {
    FAULT_OPEN = 0,
    FAULT_READDIR,
    FAULT_STAT,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_LINK,
    FAULT_SPACE,
    FAULT_MMAP,
    FAULT_LOCK,
    FAULT_MEMORY,
    FAULT_KINDS
} fault_kind_e;

typedef struct {
    _Atomic int        armed;
    _Atomic unsigned   calls[FAULT_KINDS];
    _Atomic unsigned   fired;
    unsigned           kind;
    unsigned           first;          /* first call that fails; 0: none */
    unsigned           n;              /* how many fail */
    int                error;
    char               only[32];       /* only these are counted; "": all */
    char               path[PATH_MAX]; /* of the directory */
    size_t             len;
    char               what[128];      /* the first call that failed */
} fault_t;


static int fault_here(const char *path);
static int fault_fd(int fd);
static int fault_at(int fd, const char *path);
static int fault(unsigned kind, const char *name);
static int fault_path(unsigned kind, const char *name, int fd,
    const char *path);
static int fault_file(unsigned kind, const char *name, int fd);
static void *fault_next(void **next, const char *name);


/* in memory that the watching process shares */

static fault_t       *faults;

/* called before each counted call, with its number */

static void         (*fault_counted)(unsigned kind, unsigned n);

/* seconds that the clock of this process is ahead */

static _Atomic int    fault_ahead;

/* set by a thread that must see the real directory */

static __thread int   fault_spared;


#define FAULT_NAMES                                                           \
    "open", "readdir", "stat", "read", "write", "sync", "rename", "unlink",   \
    "mkdir", "link", "space", "mmap", "lock", "memory"


/* finds the replaced function, as next */

#define FAULT_NEXT(type, name, ...)                                           \
    static void  *symbol;                                                     \
    type        (*next)(__VA_ARGS__);                                         \
                                                                              \
    *(void **) &next = fault_next(&symbol, name)


static void *
fault_next(void **symbol, const char *name)
{
    if (*symbol == NULL) {
        *symbol = dlsym(RTLD_NEXT, name);

        if (*symbol == NULL) {
            abort();
        }
    }

    return *symbol;
}


static int
fault_here(const char *path)
{
    return strncmp(path, faults->path, faults->len) == 0
           && (path[faults->len] == '/' || path[faults->len] == '\0');
}


static int
fault_fd(int fd)
{
    char     name[64], path[PATH_MAX];
    ssize_t  n;

    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    n = readlink(name, path, sizeof(path) - 1);

    if (n == -1) {
        return 0;
    }

    path[n] = '\0';

    return fault_here(path);
}


static int
fault_at(int fd, const char *path)
{
    return (path[0] == '/' || fd == AT_FDCWD) ? fault_here(path)
                                              : fault_fd(fd);
}


/* counts a call; returns 1 and errno if it must fail */

static int
fault(unsigned kind, const char *name)
{
    unsigned  n;

    if (strstr(name, faults->only) == NULL) {
        return 0;
    }

    n = atomic_fetch_add(&faults->calls[kind], 1) + 1;

    if (fault_counted) {
        fault_counted(kind, n);
    }

    if (faults->first == 0
        || kind != faults->kind
        || n < faults->first
        || n - faults->first >= faults->n)
    {
        return 0;
    }

    if (atomic_fetch_add(&faults->fired, 1) == 0) {
        (void) snprintf(faults->what, sizeof(faults->what), "%s", name);
    }

    errno = faults->error;

    return 1;
}


static int
fault_path(unsigned kind, const char *name, int fd, const char *path)
{
    char  what[128];

    if (faults == NULL || fault_spared || !atomic_load(&faults->armed)
        || !fault_at(fd, path))
    {
        return 0;
    }

    (void) snprintf(what, sizeof(what), "%s %s", name,
                    fault_here(path) ? path + faults->len : path);

    return fault(kind, what);
}


static int
fault_file(unsigned kind, const char *name, int fd)
{
    int      err, is;
    char     link[64], path[PATH_MAX], what[128];
    ssize_t  n;

    if (faults == NULL || fault_spared || !atomic_load(&faults->armed)) {
        return 0;
    }

    err = errno;
    is = fault_fd(fd);

    if (is) {
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        path[n > 0 ? n : 0] = '\0';

        (void) snprintf(what, sizeof(what), "%s %.100s", name,
                        path + (n > 0 ? faults->len : 0));

        is = fault(kind, what);
    }

    if (!is) {
        errno = err;
    }

    return is;
}


#define FAULT_MODE(flags, mode)                                               \
    if ((flags) & (O_CREAT|O_TMPFILE)) {                                      \
        va_list  args;                                                        \
                                                                              \
        va_start(args, flags);                                                \
        mode = va_arg(args, mode_t);                                          \
        va_end(args);                                                         \
    }


int
open(const char *path, int flags, ...)
{
    mode_t  mode = 0;

    FAULT_NEXT(int, "open", const char *, int, ...);
    FAULT_MODE(flags, mode)

    return fault_path(FAULT_OPEN, "open", AT_FDCWD, path)
           ? -1 : next(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    mode_t  mode = 0;

    FAULT_NEXT(int, "open64", const char *, int, ...);
    FAULT_MODE(flags, mode)

    return fault_path(FAULT_OPEN, "open", AT_FDCWD, path)
           ? -1 : next(path, flags, mode);
}


int
openat(int fd, const char *path, int flags, ...)
{
    mode_t  mode = 0;

    FAULT_NEXT(int, "openat", int, const char *, int, ...);
    FAULT_MODE(flags, mode)

    return fault_path(FAULT_OPEN, "openat", fd, path)
           ? -1 : next(fd, path, flags, mode);
}


int
openat64(int fd, const char *path, int flags, ...)
{
    mode_t  mode = 0;

    FAULT_NEXT(int, "openat64", int, const char *, int, ...);
    FAULT_MODE(flags, mode)

    return fault_path(FAULT_OPEN, "openat", fd, path)
           ? -1 : next(fd, path, flags, mode);
}


DIR *
opendir(const char *path)
{
    FAULT_NEXT(DIR *, "opendir", const char *);

    return fault_path(FAULT_OPEN, "opendir", AT_FDCWD, path)
           ? NULL : next(path);
}


DIR *
fdopendir(int fd)
{
    FAULT_NEXT(DIR *, "fdopendir", int);

    return fault_file(FAULT_OPEN, "fdopendir", fd) ? NULL : next(fd);
}


struct dirent *
readdir(DIR *dir)
{
    FAULT_NEXT(struct dirent *, "readdir", DIR *);

    return fault_file(FAULT_READDIR, "readdir", dirfd(dir))
           ? NULL : next(dir);
}


struct dirent64 *
readdir64(DIR *dir)
{
    FAULT_NEXT(struct dirent64 *, "readdir64", DIR *);

    return fault_file(FAULT_READDIR, "readdir", dirfd(dir))
           ? NULL : next(dir);
}


int
stat(const char *path, struct stat *st)
{
    FAULT_NEXT(int, "stat", const char *, struct stat *);

    return fault_path(FAULT_STAT, "stat", AT_FDCWD, path)
           ? -1 : next(path, st);
}


int
stat64(const char *path, struct stat64 *st)
{
    FAULT_NEXT(int, "stat64", const char *, struct stat64 *);

    return fault_path(FAULT_STAT, "stat", AT_FDCWD, path)
           ? -1 : next(path, st);
}


int
lstat(const char *path, struct stat *st)
{
    FAULT_NEXT(int, "lstat", const char *, struct stat *);

    return fault_path(FAULT_STAT, "lstat", AT_FDCWD, path)
           ? -1 : next(path, st);
}


int
lstat64(const char *path, struct stat64 *st)
{
    FAULT_NEXT(int, "lstat64", const char *, struct stat64 *);

    return fault_path(FAULT_STAT, "lstat", AT_FDCWD, path)
           ? -1 : next(path, st);
}


int
fstat(int fd, struct stat *st)
{
    FAULT_NEXT(int, "fstat", int, struct stat *);

    return fault_file(FAULT_STAT, "fstat", fd) ? -1 : next(fd, st);
}


int
fstat64(int fd, struct stat64 *st)
{
    FAULT_NEXT(int, "fstat64", int, struct stat64 *);

    return fault_file(FAULT_STAT, "fstat", fd) ? -1 : next(fd, st);
}


int
fstatat(int fd, const char *path, struct stat *st, int flags)
{
    FAULT_NEXT(int, "fstatat", int, const char *, struct stat *, int);

    return fault_path(FAULT_STAT, "fstatat", fd, path)
           ? -1 : next(fd, path, st, flags);
}


int
fstatat64(int fd, const char *path, struct stat64 *st, int flags)
{
    FAULT_NEXT(int, "fstatat64", int, const char *, struct stat64 *, int);

    return fault_path(FAULT_STAT, "fstatat", fd, path)
           ? -1 : next(fd, path, st, flags);
}


int
access(const char *path, int mode)
{
    FAULT_NEXT(int, "access", const char *, int);

    return fault_path(FAULT_STAT, "access", AT_FDCWD, path)
           ? -1 : next(path, mode);
}


int
faccessat(int fd, const char *path, int mode, int flags)
{
    FAULT_NEXT(int, "faccessat", int, const char *, int, int);

    return fault_path(FAULT_STAT, "faccessat", fd, path)
           ? -1 : next(fd, path, mode, flags);
}


int
statvfs(const char *path, struct statvfs *fs)
{
    FAULT_NEXT(int, "statvfs", const char *, struct statvfs *);

    return fault_path(FAULT_STAT, "statvfs", AT_FDCWD, path)
           ? -1 : next(path, fs);
}


int
statvfs64(const char *path, struct statvfs64 *fs)
{
    FAULT_NEXT(int, "statvfs64", const char *, struct statvfs64 *);

    return fault_path(FAULT_STAT, "statvfs", AT_FDCWD, path)
           ? -1 : next(path, fs);
}


ssize_t
read(int fd, void *buf, size_t n)
{
    FAULT_NEXT(ssize_t, "read", int, void *, size_t);

    return fault_file(FAULT_READ, "read", fd) ? -1 : next(fd, buf, n);
}


ssize_t
pread(int fd, void *buf, size_t n, off_t offset)
{
    FAULT_NEXT(ssize_t, "pread", int, void *, size_t, off_t);

    return fault_file(FAULT_READ, "pread", fd)
           ? -1 : next(fd, buf, n, offset);
}


ssize_t
pread64(int fd, void *buf, size_t n, off64_t offset)
{
    FAULT_NEXT(ssize_t, "pread64", int, void *, size_t, off64_t);

    return fault_file(FAULT_READ, "pread", fd)
           ? -1 : next(fd, buf, n, offset);
}


ssize_t
preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    FAULT_NEXT(ssize_t, "preadv2", int, const struct iovec *, int, off_t,
               int);

    return fault_file(FAULT_READ, "preadv2", fd)
           ? -1 : next(fd, iov, n, offset, flags);
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    FAULT_NEXT(ssize_t, "write", int, const void *, size_t);

    return fault_file(FAULT_WRITE, "write", fd) ? -1 : next(fd, buf, n);
}


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    FAULT_NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);

    return fault_file(FAULT_WRITE, "pwrite", fd)
           ? -1 : next(fd, buf, n, offset);
}


ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
    FAULT_NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);

    return fault_file(FAULT_WRITE, "pwrite", fd)
           ? -1 : next(fd, buf, n, offset);
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    FAULT_NEXT(ssize_t, "pwritev", int, const struct iovec *, int, off_t);

    return fault_file(FAULT_WRITE, "pwritev", fd)
           ? -1 : next(fd, iov, n, offset);
}


ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t offset)
{
    FAULT_NEXT(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);

    return fault_file(FAULT_WRITE, "pwritev", fd)
           ? -1 : next(fd, iov, n, offset);
}


int
fsync(int fd)
{
    FAULT_NEXT(int, "fsync", int);

    return fault_file(FAULT_SYNC, "fsync", fd) ? -1 : next(fd);
}


int
fdatasync(int fd)
{
    FAULT_NEXT(int, "fdatasync", int);

    return fault_file(FAULT_SYNC, "fdatasync", fd) ? -1 : next(fd);
}


int
syncfs(int fd)
{
    FAULT_NEXT(int, "syncfs", int);

    return fault_file(FAULT_SYNC, "syncfs", fd) ? -1 : next(fd);
}


int
rename(const char *from, const char *to)
{
    FAULT_NEXT(int, "rename", const char *, const char *);

    return fault_path(FAULT_RENAME, "rename", AT_FDCWD, from)
           ? -1 : next(from, to);
}


int
renameat(int fd, const char *from, int other, const char *to)
{
    FAULT_NEXT(int, "renameat", int, const char *, int, const char *);

    return fault_path(FAULT_RENAME, "renameat", fd, from)
           ? -1 : next(fd, from, other, to);
}


int
unlink(const char *path)
{
    FAULT_NEXT(int, "unlink", const char *);

    return fault_path(FAULT_UNLINK, "unlink", AT_FDCWD, path)
           ? -1 : next(path);
}


int
unlinkat(int fd, const char *path, int flags)
{
    FAULT_NEXT(int, "unlinkat", int, const char *, int);

    return fault_path(FAULT_UNLINK, "unlinkat", fd, path)
           ? -1 : next(fd, path, flags);
}


int
rmdir(const char *path)
{
    FAULT_NEXT(int, "rmdir", const char *);

    return fault_path(FAULT_UNLINK, "rmdir", AT_FDCWD, path)
           ? -1 : next(path);
}


int
mkdir(const char *path, mode_t mode)
{
    FAULT_NEXT(int, "mkdir", const char *, mode_t);

    return fault_path(FAULT_MKDIR, "mkdir", AT_FDCWD, path)
           ? -1 : next(path, mode);
}


int
mkdirat(int fd, const char *path, mode_t mode)
{
    FAULT_NEXT(int, "mkdirat", int, const char *, mode_t);

    return fault_path(FAULT_MKDIR, "mkdirat", fd, path)
           ? -1 : next(fd, path, mode);
}


int
link(const char *from, const char *to)
{
    FAULT_NEXT(int, "link", const char *, const char *);

    return fault_path(FAULT_LINK, "link", AT_FDCWD, to) ? -1 : next(from, to);
}


int
linkat(int fd, const char *from, int other, const char *to, int flags)
{
    FAULT_NEXT(int, "linkat", int, const char *, int, const char *, int);

    return fault_path(FAULT_LINK, "linkat", other, to)
           ? -1 : next(fd, from, other, to, flags);
}


int
symlink(const char *target, const char *path)
{
    FAULT_NEXT(int, "symlink", const char *, const char *);

    return fault_path(FAULT_LINK, "symlink", AT_FDCWD, path)
           ? -1 : next(target, path);
}


int
ftruncate(int fd, off_t len)
{
    FAULT_NEXT(int, "ftruncate", int, off_t);

    return fault_file(FAULT_SPACE, "ftruncate", fd) ? -1 : next(fd, len);
}


int
ftruncate64(int fd, off64_t len)
{
    FAULT_NEXT(int, "ftruncate64", int, off64_t);

    return fault_file(FAULT_SPACE, "ftruncate", fd) ? -1 : next(fd, len);
}


int
fallocate(int fd, int mode, off_t offset, off_t len)
{
    FAULT_NEXT(int, "fallocate", int, int, off_t, off_t);

    return fault_file(FAULT_SPACE, "fallocate", fd)
           ? -1 : next(fd, mode, offset, len);
}


int
posix_fallocate(int fd, off_t offset, off_t len)
{
    FAULT_NEXT(int, "posix_fallocate", int, off_t, off_t);

    return fault_file(FAULT_SPACE, "posix_fallocate", fd)
           ? errno : next(fd, offset, len);
}


void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    FAULT_NEXT(void *, "mmap", void *, size_t, int, int, int, off_t);

    return (fd != -1 && fault_file(FAULT_MMAP, "mmap", fd))
           ? MAP_FAILED : next(addr, len, prot, flags, fd, offset);
}


int
flock(int fd, int operation)
{
    FAULT_NEXT(int, "flock", int, int);

    return fault_file(FAULT_LOCK, "flock", fd) ? -1 : next(fd, operation);
}


/* LevelDB locks by fcntl(); other commands pass, and so does unlocking */

int
fcntl(int fd, int command, ...)
{
    void     *arg;
    va_list   args;

    FAULT_NEXT(int, "fcntl", int, int, ...);

    va_start(args, command);
    arg = va_arg(args, void *);
    va_end(args);

    return (command == F_SETLK
            && ((struct flock *) arg)->l_type != F_UNLCK
            && fault_file(FAULT_LOCK, "fcntl", fd))
           ? -1 : next(fd, command, arg);
}


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int  rc;

    FAULT_NEXT(int, "clock_gettime", clockid_t, struct timespec *);

    rc = next(clock, ts);

    if (rc == 0 && clock == CLOCK_REALTIME) {
        ts->tv_sec += atomic_load(&fault_ahead);
    }

    return rc;
}


/*
 * Memory, if this program itself asks for it: a C++ library that gets none
 * ends the process.
 */

#if (FAULT_MALLOC)

extern char  __executable_start, etext;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

#define FAULT_NOMEM(name)                                                     \
    (faults && !fault_spared && atomic_load(&faults->armed)                   \
     && (char *) __builtin_return_address(0) > &__executable_start            \
     && (char *) __builtin_return_address(0) < &etext                         \
     && fault(FAULT_MEMORY, name))


void *
malloc(size_t size)
{
    return FAULT_NOMEM("malloc") ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return FAULT_NOMEM("calloc") ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return FAULT_NOMEM("realloc") ? NULL : __libc_realloc(p, size);
}

#endif


#endif /* _FAULT_H_INCLUDED_ */

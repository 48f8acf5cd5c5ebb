
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Who has a store open.  The owner holds the lock of the directory by flock(),
 * and the kernel tells whose it is.  To try to lock it would keep a process
 * that opens the store just now from doing so.
 */


#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "bigcache_layout.h"
#include "bigcache_tool_doctor_parts.h"


#define BIGCACHE_TOOL_DOCTOR_LOCKS  (1024 * 1024)


static char *bigcache_tool_doctor_owner_read(const char *name);
static uint64_t bigcache_tool_doctor_owner_limit(char **at);


void
bigcache_tool_doctor_owner(bigcache_tool_doctor_owner_t *owner,
    const char *path)
{
    char        *text, name[PATH_MAX];
    struct stat  st;

    memset(owner, 0, sizeof(bigcache_tool_doctor_owner_t));

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_LOCK, path);

    if (lstat(name, &st) == -1) {
        return;
    }

    text = bigcache_tool_doctor_owner_read("/proc/locks");

    if (text) {
        owner->pid = bigcache_tool_doctor_owner_pid(text, st.st_dev,
                                                    (uint64_t) st.st_ino);
        free(text);
    }

    if (owner->pid == 0) {
        return;
    }

    (void) snprintf(name, PATH_MAX, "/proc/%ld/limits", (long) owner->pid);

    text = bigcache_tool_doctor_owner_read(name);

    if (text) {
        bigcache_tool_doctor_owner_limits(owner, text);
        free(text);
    }
}


/*
 * A file system without a device, btrfs for example, may have another minor
 * number here than stat() tells; the major one is 0 in both.
 */

pid_t
bigcache_tool_doctor_owner_pid(const char *locks, dev_t device, uint64_t inode)
{
    long                pid;
    const char         *line;
    unsigned            number[2];
    unsigned long long  found;

    for (line = locks; line; line = strchr(line, '\n')) {

        line += (*line == '\n');

        if (sscanf(line, "%*u: FLOCK ADVISORY WRITE %ld %x:%x:%llu", &pid,
                   &number[0], &number[1], &found)
            == 4
            && found == inode
            && number[0] == major(device)
            && (number[1] == minor(device) || number[0] == 0)
            && pid > 0)
        {
            return (pid_t) pid;
        }
    }

    return 0;
}


void
bigcache_tool_doctor_owner_limits(bigcache_tool_doctor_owner_t *owner,
    const char *limits)
{
    char        *at;
    const char  *line;

    static const char  name[] = "Max open files";

    line = strstr(limits, name);

    if (line == NULL) {
        return;
    }

    at = (char *) line + sizeof(name) - 1;

    owner->limit = bigcache_tool_doctor_owner_limit(&at);
    owner->hard = bigcache_tool_doctor_owner_limit(&at);
}


static uint64_t
bigcache_tool_doctor_owner_limit(char **at)
{
    char  *p;

    static const char  unlimited[] = "unlimited";

    p = *at;

    while (*p == ' ') {
        p++;
    }

    if (strncmp(p, unlimited, sizeof(unlimited) - 1) == 0) {
        *at = p + sizeof(unlimited) - 1;
        return UINT64_MAX;
    }

    /* no number is 0, which is not known */

    return (*p >= '0' && *p <= '9') ? strtoull(p, at, 10) : 0;
}


/* returns the text of a file of /proc, to free, or NULL */

static char *
bigcache_tool_doctor_owner_read(const char *name)
{
    int      fd;
    char    *text;
    size_t   len;
    ssize_t  n;

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return NULL;
    }

    text = malloc(BIGCACHE_TOOL_DOCTOR_LOCKS);
    len = 0;

    while (text) {

        n = read(fd, text + len, BIGCACHE_TOOL_DOCTOR_LOCKS - 1 - len);

        if (n <= 0) {
            text[len] = '\0';
            break;
        }

        len += (size_t) n;
    }

    (void) close(fd);

    return text;
}

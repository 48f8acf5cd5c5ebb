
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The socket of the owner, the check of who connects, and messages over it.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* accept4(), struct ucred */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "bigcache_dir.h"
#include "bigcache_layout.h"
#include "bigcache_plain.h"
#include "bigcache_socket.h"


#define BIGCACHE_SOCKET_BACKLOG  1024


static int bigcache_socket_address(const char *path, const char *name,
    struct sockaddr_un *sun);
static int bigcache_socket_bind(int fd, const char *path, char *error);
static int bigcache_socket_plain(const char *path);
static int bigcache_socket_trusted(int fd);


int
bigcache_socket_listen(const char *path, char *error)
{
    int  fd;

    fd = socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "cannot make a socket: %s",
                        strerror(errno));
        return -1;
    }

    /* the mode for bind(), so that the file never has another one */

    if (fchmod(fd, 0600) == -1
        || bigcache_socket_bind(fd, path, error) == -1)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


void
bigcache_socket_remove(const char *path)
{
    char  name[PATH_MAX];

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_SOCKET, path);
    (void) unlink(name);
}


int
bigcache_socket_connect(const char *path, int msec)
{
    int                 fd, dir, err, rc;
    struct timeval      tv;
    struct sockaddr_un  sun;

    if (!bigcache_socket_plain(path)) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    /* connect() may wait: callers of a hanging owner may fill its backlog */

    tv.tv_sec = msec / 1000;
    tv.tv_usec = (msec % 1000) * 1000;

    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));

    dir = bigcache_socket_address(path, BIGCACHE_LAYOUT_SOCKET, &sun);

    rc = connect(fd, (struct sockaddr *) &sun, sizeof(sun));
    err = errno;

    if (dir != -1) {
        (void) close(dir);
    }

    if (rc == 0 && !bigcache_socket_trusted(fd)) {
        rc = -1;
        err = EPERM;
    }

    if (rc == -1) {
        (void) close(fd);
        errno = err;

        return -1;
    }

    return fd;
}


int
bigcache_socket_accept(int fd)
{
    int  s;

    s = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (s == -1) {
        return (errno == EINVAL || errno == EBADF) ? -1 : -2;
    }

    if (!bigcache_socket_trusted(s)) {
        (void) close(s);
        return -2;
    }

    return s;
}


void
bigcache_socket_shutdown(int fd)
{
    (void) shutdown(fd, SHUT_RD);
}


int
bigcache_socket_send(int fd, const bigcache_message_t *message)
{
    u_char         header[BIGCACHE_MESSAGE_HEADER];
    ssize_t        n;
    struct iovec   iov[3];
    struct msghdr  msg;

    bigcache_message_encode(header, message);

    iov[0].iov_base = header;
    iov[0].iov_len = sizeof(header);
    iov[1].iov_base = (void *) message->key.data;
    iov[1].iov_len = message->key.len;
    iov[2].iov_base = (void *) message->data.data;
    iov[2].iov_len = message->data.len;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = iov;
    msg.msg_iovlen = 3;

    do {
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    return (n == -1) ? -1 : 0;
}


int
bigcache_socket_recv(int fd, int msec, u_char *buf, size_t size,
    bigcache_message_t *message, const char **error)
{
    ssize_t        n;
    struct iovec   iov;
    struct pollfd  pfd;
    struct msghdr  msg;

    *error = NULL;

    if (msec != -1) {
        pfd.fd = fd;
        pfd.events = POLLIN;

        if (poll(&pfd, 1, msec) == 0) {
            *error = "there is no answer";
            return 0;
        }
    }

    iov.iov_base = buf;
    iov.iov_len = size;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n == -1 && errno == EINTR);

    if (n <= 0) {
        return 0;
    }

    *error = (msg.msg_flags & MSG_TRUNC)
             ? "it is too long"
             : bigcache_message_decode(message, buf, (size_t) n);

    return *error == NULL;
}


/*
 * A path may be too long for the address of a socket.  Then the address names
 * a descriptor of the directory.  Returns that descriptor, which must stay
 * open while the address is used, or -1.
 */

static int
bigcache_socket_address(const char *path, const char *name,
    struct sockaddr_un *sun)
{
    int  dir;

    memset(sun, 0, sizeof(struct sockaddr_un));
    sun->sun_family = AF_UNIX;

    if ((size_t) snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s",
                          path, name)
        < sizeof(sun->sun_path))
    {
        return -1;
    }

    dir = open(path, O_PATH|O_DIRECTORY|O_CLOEXEC);

    (void) snprintf(sun->sun_path, sizeof(sun->sun_path),
                    "/proc/self/fd/%d/%s", dir, name);

    return dir;
}


/* binds another name and renames it: a socket that is found must accept */

static int
bigcache_socket_bind(int fd, const char *path, char *error)
{
    int                 dir, rc;
    char                from[PATH_MAX], to[PATH_MAX];
    struct sockaddr_un  sun;

    (void) snprintf(from, PATH_MAX, "%s/" BIGCACHE_LAYOUT_SOCKET ".new", path);
    (void) snprintf(to, PATH_MAX, "%s/" BIGCACHE_LAYOUT_SOCKET, path);

    (void) unlink(from);

    dir = bigcache_socket_address(path, BIGCACHE_LAYOUT_SOCKET ".new", &sun);

    rc = bind(fd, (struct sockaddr *) &sun, sizeof(sun));

    if (rc == -1
        || listen(fd, BIGCACHE_SOCKET_BACKLOG) == -1
        || rename(from, to) == -1)
    {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot listen on \"%.150s\": %s",
                        rc == -1 ? from : to, strerror(errno));
        (void) unlink(from);
        rc = -1;
    }

    if (dir != -1) {
        (void) close(dir);
    }

    return rc;
}


/* returns 1 if the socket exists, and is not a link, or 0 */

static int
bigcache_socket_plain(const char *path)
{
    int          dir, rc;
    struct stat  st;

    dir = bigcache_plain_dir(path, 1, NULL);

    if (dir == -1) {
        return 0;
    }

    rc = fstatat(dir, BIGCACHE_LAYOUT_SOCKET, &st, AT_SYMLINK_NOFOLLOW);

    (void) close(dir);

    if (rc == 0 && !S_ISSOCK(st.st_mode)) {
        errno = ENOTSOCK;
        return 0;
    }

    return rc == 0;
}


/* returns 1 if the process at the other end runs as this user or root, or 0 */

static int
bigcache_socket_trusted(int fd)
{
    socklen_t     len;
    struct ucred  cred;

    len = sizeof(cred);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0
           && (cred.uid == geteuid() || cred.uid == 0);
}

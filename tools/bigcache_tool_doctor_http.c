
/*
 * Copyright (C) bigcache contributors
 */


/* A small client of HTTP/1.0, for servers that may be slow, or hostile. */


#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <sys/socket.h>

#include "bigcache_release.h"
#include "bigcache_time.h"
#include "bigcache_tool_doctor_parts.h"


/* milliseconds for one request, and bytes of it and of a read */

#define BIGCACHE_TOOL_DOCTOR_TIME     10000
#define BIGCACHE_TOOL_DOCTOR_REQUEST  8192
#define BIGCACHE_TOOL_DOCTOR_PART     65536


static int bigcache_tool_doctor_http_authority(
    bigcache_tool_doctor_url_t *url, const char *text, size_t len);
static int bigcache_tool_doctor_http_connect(
    const bigcache_tool_doctor_url_t *url, int64_t until, char *error);
static int bigcache_tool_doctor_http_try(const struct addrinfo *address,
    int64_t until);
static int bigcache_tool_doctor_http_send(int fd, const char *data, size_t len,
    int64_t until);
static int bigcache_tool_doctor_http_receive(int fd, int64_t until,
    size_t most, bigcache_tool_doctor_answer_t *answer, const char **error);
static int bigcache_tool_doctor_http_wait(int fd, short events, int64_t until);


int
bigcache_tool_doctor_http_url(bigcache_tool_doctor_url_t *url,
    const char *text, const char **error)
{
    size_t       len;
    const char  *p;

    memset(url, 0, sizeof(bigcache_tool_doctor_url_t));

    if (strncasecmp(text, "https://", 8) == 0) {
        *error = "https is not spoken: name an http:// address of the server, "
                 "on its own machine for example";
        return -1;
    }

    if (strncasecmp(text, "http://", 7) != 0) {
        *error = "it must be http://HOST[:PORT][/BASE]";
        return -1;
    }

    text += 7;
    len = strcspn(text, "/?#");

    *error = "it must be http://HOST[:PORT][/BASE]";

    if (text[len] == '?' || text[len] == '#'
        || bigcache_tool_doctor_http_authority(url, text, len) == -1)
    {
        return -1;
    }

    text += len;
    len = strlen(text);

    while (len && text[len - 1] == '/') {
        len--;
    }

    for (p = text; p < text + len; p++) {
        if ((u_char) *p <= ' ' || *p == '?' || *p == '#' || *p == 0x7f) {
            return -1;
        }
    }

    if (len >= sizeof(url->base)) {
        return -1;
    }

    memcpy(url->base, text, len);
    *error = NULL;

    return 0;
}


/* a name, an IPv4 address, or an IPv6 address in brackets; and a port */

static int
bigcache_tool_doctor_http_authority(bigcache_tool_doctor_url_t *url,
    const char *text, size_t len)
{
    size_t       host, port;
    const char  *end, *p;

    static const char  letters[] = "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789.-_:%";

    if (len >= sizeof(url->name)) {
        return -1;
    }

    memcpy(url->name, text, len);

    p = text;
    end = text + len;

    if (len && *text == '[') {
        p++;
        host = strcspn(p, "]");
        text = p + host + 1;

    } else {
        host = strcspn(p, ":/?#");
        text = p + host;
    }

    if (host == 0 || host >= sizeof(url->host) || text > end
        || strspn(p, letters) < host)
    {
        return -1;
    }

    memcpy(url->host, p, host);

    if (text == end) {
        memcpy(url->port, "80", 3);
        return 0;
    }

    port = (size_t) (end - text) - 1;

    if (*text != ':' || port == 0 || port >= sizeof(url->port)
        || strspn(text + 1, "0123456789") < port)
    {
        return -1;
    }

    memcpy(url->port, text + 1, port);

    return 0;
}


int
bigcache_tool_doctor_http_get(const bigcache_tool_doctor_url_t *url,
    const char *path, const char *field, size_t most,
    bigcache_tool_doctor_answer_t *answer, char *error)
{
    int          fd, n, rc;
    char         request[BIGCACHE_TOOL_DOCTOR_REQUEST];
    int64_t      until;
    const char  *why;

    answer->memory = NULL;

    n = snprintf(request, sizeof(request), "GET %s%s HTTP/1.0\r\nHost: %s\r\n"
                 "User-Agent: bigcache-doctor/" BIGCACHE_VERSION "\r\n"
                 "Connection: close\r\n%s%s\r\n", url->base, path, url->name,
                 field ? field : "", field ? "\r\n" : "");

    if (n < 0 || (size_t) n >= sizeof(request)) {
        (void) snprintf(error, BIGCACHE_TOOL_DOCTOR_TEXT,
                        "the request is too long");
        return -1;
    }

    until = bigcache_time_monotonic() + BIGCACHE_TOOL_DOCTOR_TIME;

    fd = bigcache_tool_doctor_http_connect(url, until, error);

    if (fd == -1) {
        return -1;
    }

    why = "the server has not answered in time";

    rc = bigcache_tool_doctor_http_send(fd, request, (size_t) n, until);

    if (rc == 0) {
        rc = bigcache_tool_doctor_http_receive(fd, until, most, answer, &why);
    }

    (void) close(fd);

    if (rc == -1) {
        free(answer->memory);
        answer->memory = NULL;

        (void) snprintf(error, BIGCACHE_TOOL_DOCTOR_TEXT, "%s", why);
    }

    return rc;
}


/* returns a socket, or -1 and the reason */

static int
bigcache_tool_doctor_http_connect(const bigcache_tool_doctor_url_t *url,
    int64_t until, char *error)
{
    int               fd, rc;
    int64_t           now, left;
    struct addrinfo   hints, *addresses, *address;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(url->host, url->port, &hints, &addresses);

    if (rc != 0) {
        (void) snprintf(error, BIGCACHE_TOOL_DOCTOR_TEXT, "%s: %s", url->host,
                        gai_strerror(rc));
        return -1;
    }

    left = 0;

    for (address = addresses; address; address = address->ai_next) {
        left++;
    }

    fd = -1;

    /* one that is silent leaves their share of the time to the others */

    for (address = addresses; address && fd == -1; address = address->ai_next) {
        now = bigcache_time_monotonic();
        fd = bigcache_tool_doctor_http_try(address, now + (until - now) / left);
        left--;
    }

    if (fd == -1) {
        (void) snprintf(error, BIGCACHE_TOOL_DOCTOR_TEXT,
                        "cannot connect to %s, port %s: %s", url->host,
                        url->port, strerror(errno));
    }

    freeaddrinfo(addresses);

    return fd;
}


static int
bigcache_tool_doctor_http_try(const struct addrinfo *address, int64_t until)
{
    int        fd, err;
    socklen_t  len;

    fd = socket(address->ai_family,
                address->ai_socktype|SOCK_NONBLOCK|SOCK_CLOEXEC,
                address->ai_protocol);

    if (fd == -1) {
        return -1;
    }

    err = 0;
    len = sizeof(err);

    if (connect(fd, address->ai_addr, address->ai_addrlen) == -1) {

        if (errno != EINPROGRESS) {
            err = errno;

        } else if (bigcache_tool_doctor_http_wait(fd, POLLOUT, until) == -1) {
            err = ETIMEDOUT;

        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1) {
            err = errno;
        }
    }

    if (err) {
        (void) close(fd);
        errno = err;
        return -1;
    }

    return fd;
}


static int
bigcache_tool_doctor_http_send(int fd, const char *data, size_t len,
    int64_t until)
{
    ssize_t  n;

    while (len) {

        n = send(fd, data, len, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= (size_t) n;
            continue;
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1 && errno != EAGAIN) {

            /* an answer that says why may be there */

            return 0;
        }

        if (bigcache_tool_doctor_http_wait(fd, POLLOUT, until) == -1) {
            return -1;
        }
    }

    return 0;
}


static int
bigcache_tool_doctor_http_receive(int fd, int64_t until, size_t most,
    bigcache_tool_doctor_answer_t *answer, const char **error)
{
    int       rc;
    u_char   *memory, *larger;
    size_t    len, size;
    ssize_t   n;

    memory = NULL;
    len = 0;
    size = 0;

    for ( ;; ) {

        if (size - len < BIGCACHE_TOOL_DOCTOR_PART) {

            size += size ? size : 2 * BIGCACHE_TOOL_DOCTOR_PART;

            larger = realloc(memory, size);

            if (larger == NULL) {
                *error = "out of memory";
                break;
            }

            memory = larger;
        }

        n = recv(fd, memory + len, BIGCACHE_TOOL_DOCTOR_PART, 0);

        if (n == -1 && errno == EAGAIN) {

            if (bigcache_tool_doctor_http_wait(fd, POLLIN, until) == -1) {
                break;
            }

            continue;
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        /* an answer whose length is known has ended before */

        if (n == -1) {
            *error = "the connection was lost before the answer had ended";
            break;
        }

        len += (size_t) n;

        rc = bigcache_tool_doctor_answer(answer, memory, len, most, n == 0,
                                         bigcache_time_now() / 1000, error);

        if (rc == 0) {
            answer->memory = memory;
            return 0;
        }

        /* bytes that come one by one must not make it wait for ever */

        if (rc == -1 || bigcache_time_monotonic() >= until) {
            break;
        }
    }

    free(memory);
    answer->memory = NULL;

    return -1;
}


/* returns 0, or -1 when the time is over */

static int
bigcache_tool_doctor_http_wait(int fd, short events, int64_t until)
{
    int            rc;
    int64_t        ms;
    struct pollfd  pfd;

    pfd.fd = fd;
    pfd.events = events;

    do {
        ms = until - bigcache_time_monotonic();
        rc = poll(&pfd, 1, ms > 0 ? (int) ms : 0);
    } while (rc == -1 && errno == EINTR);

    return (rc == 1) ? 0 : -1;
}

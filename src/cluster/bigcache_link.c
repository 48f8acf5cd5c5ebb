
/*
 * Copyright (C) bigcache contributors
 */


/* connects, sends and receives, each with a deadline */


#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bigcache_link.h"
#include "bigcache_lookup.h"
#include "bigcache_time.h"
#include "bigcache_value.h"


/* decimal digits of a number */

#define BIGCACHE_LINK_DIGITS    19

/* what is received at once, and the memory that an idle link keeps */

#define BIGCACHE_LINK_BUF       16384

/* bytes around a part: "$", its length, and two line ends */

#define BIGCACHE_LINK_AROUND    32

/* seconds without a word after which a server is asked whether it is there */

#define BIGCACHE_LINK_KEEPIDLE  30
#define BIGCACHE_LINK_KEEPNEXT  5


#if (HIREDIS_MAJOR >= 1)
typedef size_t  bigcache_link_elements_t;
#else
typedef int     bigcache_link_elements_t;
#endif

struct bigcache_link_s {
    int                        fd;
    bigcache_tls_link_t       *tls;         /* or NULL */

    u_char                    *out;         /* what will be sent */
    size_t                     len;
    size_t                     size;

    redisReader               *reader;
    redisReplyObjectFunctions  functions;   /* of the reader */
    void                    *(*array)(const redisReadTask *task,
                                 bigcache_link_elements_t n);
    unsigned                   large:1;     /* an array has been refused */
};


static int bigcache_link_connect(bigcache_link_t *link,
    const bigcache_lookup_t *lookup, int64_t deadline, char *error);
static int bigcache_link_connect_one(bigcache_link_t *link,
    const struct sockaddr *address, socklen_t len, int64_t deadline,
    char *error);
static int bigcache_link_options(int fd);
static int bigcache_link_encrypt(bigcache_link_t *link,
    const bigcache_tls_t *tls, const char *host, int64_t deadline,
    int *wrong, char *error);
static bigcache_link_t *bigcache_link_create(void);
static void *bigcache_link_array(const redisReadTask *task,
    bigcache_link_elements_t n);
static u_char *bigcache_link_room(bigcache_link_t *link, size_t len);
static ssize_t bigcache_link_send(bigcache_link_t *link, const u_char *data,
    size_t len, short *events, char *error);
static ssize_t bigcache_link_read(bigcache_link_t *link, u_char *buf,
    short *events, char *error);
static int bigcache_link_wait(int fd, short events, int64_t deadline,
    char *error);


bigcache_link_t *
bigcache_link_open(const bigcache_address_t *address,
    const bigcache_tls_t *tls, int64_t deadline, int *wrong, char *error)
{
    bigcache_link_t    *link;
    bigcache_lookup_t   lookup;

    if (bigcache_lookup(&lookup, address->host, address->port, deadline, error)
        == -1)
    {
        return NULL;
    }

    link = bigcache_link_create();
    if (link == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return NULL;
    }

    if (bigcache_link_connect(link, &lookup, deadline, error) == -1
        || (tls && bigcache_link_encrypt(link, tls, address->host, deadline,
                                         wrong, error) == -1))
    {
        bigcache_link_close(link);
        return NULL;
    }

    return link;
}


void
bigcache_link_close(bigcache_link_t *link)
{
    if (link == NULL) {
        return;
    }

    if (link->tls) {
        bigcache_tls_close(link->tls);
    }

    if (link->fd != -1) {
        (void) close(link->fd);
    }

    redisReaderFree(link->reader);

    free(link->out);
    free(link);
}


/* each address gets its share of the time that is left */

static int
bigcache_link_connect(bigcache_link_t *link, const bigcache_lookup_t *lookup,
    int64_t deadline, char *error)
{
    int64_t   now;
    unsigned  i;

    for (i = 0; i < lookup->n; i++) {

        now = bigcache_time_monotonic();

        if (bigcache_link_connect_one(link, (const struct sockaddr *)
                                            &lookup->addresses[i],
                                      lookup->lens[i],
                                      now + (deadline - now) / (lookup->n - i),
                                      error)
            == 0)
        {
            return 0;
        }
    }

    return -1;
}


static int
bigcache_link_connect_one(bigcache_link_t *link,
    const struct sockaddr *address, socklen_t len, int64_t deadline,
    char *error)
{
    int        fd, failed;
    socklen_t  size;

    fd = socket(address->sa_family, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "socket() failed: %s",
                        strerror(errno));
        return -1;
    }

    failed = 0;
    size = sizeof(failed);

    if (bigcache_link_options(fd) == -1
        || (connect(fd, address, len) == -1 && errno != EINPROGRESS))
    {
        failed = errno;

    } else if (bigcache_link_wait(fd, POLLOUT, deadline, error) == -1) {
        (void) close(fd);
        return -1;

    } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == -1) {
        failed = errno;
    }

    if (failed) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s", strerror(failed));
        (void) close(fd);
        return -1;
    }

    link->fd = fd;

    return 0;
}


/* a server that is gone is found while a link is idle, not by a request */

static int
bigcache_link_options(int fd)
{
    size_t  i;

    static const struct {
        int  level;
        int  name;
        int  value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, BIGCACHE_LINK_KEEPIDLE },
        { IPPROTO_TCP, TCP_KEEPINTVL, BIGCACHE_LINK_KEEPNEXT },
        { IPPROTO_TCP, TCP_KEEPCNT, 3 }
    };

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {

        if (setsockopt(fd, options[i].level, options[i].name,
                       &options[i].value, sizeof(options[i].value))
            == -1)
        {
            return -1;
        }
    }

    return 0;
}


static int
bigcache_link_encrypt(bigcache_link_t *link, const bigcache_tls_t *tls,
    const char *host, int64_t deadline, int *wrong, char *error)
{
    int    rc;
    short  events;

    link->tls = bigcache_tls_open(tls, link->fd, host, error);

    if (link->tls == NULL) {
        return -1;
    }

    for ( ;; ) {
        rc = bigcache_tls_connect(link->tls, &events, error);

        if (rc != 0) {
            *wrong = (rc == BIGCACHE_TLS_WRONG);

            return (rc == 1) ? 0 : -1;
        }

        if (bigcache_link_wait(link->fd, events, deadline, error) == -1) {
            return -1;
        }
    }
}


static bigcache_link_t *
bigcache_link_create(void)
{
    bigcache_link_t  *link;

    link = calloc(1, sizeof(bigcache_link_t));
    if (link == NULL) {
        return NULL;
    }

    link->fd = -1;
    link->reader = redisReaderCreate();

    if (link->reader == NULL) {
        free(link);
        return NULL;
    }

    link->functions = *link->reader->fn;
    link->array = link->functions.createArray;
    link->functions.createArray = bigcache_link_array;

    link->reader->fn = &link->functions;
    link->reader->privdata = link;

    return link;
}


/*
 * A server may promise any number of elements, and arrays in arrays: hiredis
 * would take memory for all of them at once, and free them by recursion.
 */

static void *
bigcache_link_array(const redisReadTask *task, bigcache_link_elements_t n)
{
    unsigned              depth;
    bigcache_link_t      *link;
    const redisReadTask  *parent;

    link = task->privdata;
    depth = 0;

    for (parent = task->parent; parent; parent = parent->parent) {
        depth++;
    }

    if (n > BIGCACHE_LINK_ELEMENTS || depth > BIGCACHE_LINK_DEPTH) {
        link->large = 1;
        return NULL;
    }

    return link->array(task, n);
}


int
bigcache_link_append(bigcache_link_t *link, const bigcache_str_t *parts,
    unsigned n, char *error)
{
    u_char    *p;
    size_t     len;
    unsigned   i;

    len = BIGCACHE_LINK_AROUND;

    for (i = 0; i < n; i++) {
        len += BIGCACHE_LINK_AROUND + parts[i].len;
    }

    p = bigcache_link_room(link, len);
    if (p == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return -1;
    }

    p += snprintf((char *) p, BIGCACHE_LINK_AROUND, "*%u\r\n", n);

    for (i = 0; i < n; i++) {
        p += snprintf((char *) p, BIGCACHE_LINK_AROUND, "$%zu\r\n",
                      parts[i].len);

        if (parts[i].len) {
            memcpy(p, parts[i].data, parts[i].len);
            p += parts[i].len;
        }

        *p++ = '\r';
        *p++ = '\n';
    }

    link->len = (size_t) (p - link->out);

    return 0;
}


/* returns where len bytes more can be written, or NULL */

static u_char *
bigcache_link_room(bigcache_link_t *link, size_t len)
{
    size_t   size;
    u_char  *out;

    if (link->size - link->len < len) {

        size = 2 * link->size;

        if (size < link->len + len) {
            size = link->len + len;
        }

        out = realloc(link->out, size);
        if (out == NULL) {
            return NULL;
        }

        link->out = out;
        link->size = size;
    }

    return link->out + link->len;
}


int
bigcache_link_flush(bigcache_link_t *link, int64_t deadline, char *error)
{
    short    events;
    size_t   sent;
    ssize_t  n;

    sent = 0;

    while (sent < link->len) {

        n = bigcache_link_send(link, link->out + sent, link->len - sent,
                               &events, error);

        if (n == -1
            || (n == 0
                && bigcache_link_wait(link->fd, events, deadline, error)
                   == -1))
        {
            return -1;
        }

        sent += (size_t) n;
    }

    link->len = 0;

    if (link->size > BIGCACHE_LINK_BUF) {
        free(link->out);
        link->out = NULL;
        link->size = 0;
    }

    return 0;
}


/* returns how many bytes, 0: the caller must wait for *events, or -1 */

static ssize_t
bigcache_link_send(bigcache_link_t *link, const u_char *data, size_t len,
    short *events, char *error)
{
    ssize_t  n;

    if (link->tls) {
        return bigcache_tls_send(link->tls, data, len, events, error);
    }

    n = send(link->fd, data, len, MSG_NOSIGNAL);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        *events = POLLOUT;
        return 0;
    }

    if (n == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s", strerror(errno));
    }

    return n;
}


bigcache_reply_t *
bigcache_link_receive(bigcache_link_t *link, int64_t deadline, char *error)
{
    void     *reply;
    short     events;
    u_char    buf[BIGCACHE_LINK_BUF];
    size_t    got;
    ssize_t   n;

    got = 0;

    for ( ;; ) {

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s",
                            link->large ? "the answer is too large"
                                        : link->reader->errstr);
            return NULL;
        }

        if (reply) {
            return reply;
        }

        if (got > BIGCACHE_LINK_REPLY) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN,
                            "the answer is too long");
            return NULL;
        }

        n = bigcache_link_read(link, buf, &events, error);

        if (n == -1
            || (n == 0
                && bigcache_link_wait(link->fd, events, deadline, error)
                   == -1))
        {
            return NULL;
        }

        got += (size_t) n;

        /* how it failed is what the reader says next */

        (void) redisReaderFeed(link->reader, (char *) buf, (size_t) n);
    }
}


/* returns how many bytes, 0: the caller must wait for *events, or -1 */

static ssize_t
bigcache_link_read(bigcache_link_t *link, u_char *buf, short *events,
    char *error)
{
    ssize_t  n;

    if (link->tls) {
        return bigcache_tls_receive(link->tls, buf, BIGCACHE_LINK_BUF, events,
                                    error);
    }

    n = recv(link->fd, buf, BIGCACHE_LINK_BUF, 0);

    if (n > 0) {
        return n;
    }

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        *events = POLLIN;
        return 0;
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s",
                    n == 0 ? "the server has closed the connection"
                           : strerror(errno));

    return -1;
}


void
bigcache_link_free(bigcache_reply_t *reply)
{
    if (reply) {
        freeReplyObject(reply);
    }
}


bigcache_reply_t *
bigcache_link_ask(bigcache_link_t *link, const bigcache_str_t *parts,
    unsigned n, int64_t deadline, char *error)
{
    if (bigcache_link_append(link, parts, n, error) == -1
        || bigcache_link_flush(link, deadline, error) == -1)
    {
        return NULL;
    }

    return bigcache_link_receive(link, deadline, error);
}


int
bigcache_link_gone(bigcache_link_t *link)
{
    struct pollfd  pfd;

    /* what nobody has asked for would be taken for the next answer */

    if (link->reader->pos < link->reader->len) {
        return 1;
    }

    pfd.fd = link->fd;
    pfd.events = POLLIN;
    pfd.revents = 0;

    return poll(&pfd, 1, 0) != 0;
}


bigcache_str_t
bigcache_link_text(const bigcache_reply_t *reply)
{
    return (reply && (reply->type == REDIS_REPLY_STRING
                      || reply->type == REDIS_REPLY_STATUS))
           ? bigcache_str(reply->str, (size_t) reply->len)
           : bigcache_str(NULL, 0);
}


int
bigcache_link_is(const bigcache_reply_t *reply, const char *word)
{
    bigcache_str_t  text;

    text = bigcache_link_text(reply);

    return bigcache_str_is(&text, word);
}


u_char *
bigcache_link_steal(bigcache_reply_t *reply, size_t *len)
{
    u_char  *data;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        return NULL;
    }

    data = (u_char *) reply->str;
    *len = (size_t) reply->len;

    reply->str = NULL;
    reply->len = 0;

    return data;
}


const bigcache_reply_t *
bigcache_link_part(const bigcache_reply_t *reply, size_t i)
{
    if (reply == NULL
        || reply->type != REDIS_REPLY_ARRAY
        || i >= (size_t) reply->elements)
    {
        return NULL;
    }

    return reply->element[i];
}


int
bigcache_link_address(const bigcache_reply_t *reply,
    bigcache_address_t *address)
{
    uint64_t        port;
    bigcache_str_t  host;

    host = bigcache_link_text(bigcache_link_part(reply, 0));
    port = bigcache_link_number(bigcache_link_part(reply, 1));

    if (host.len >= BIGCACHE_LINK_HOST || port == 0 || port > 65535) {
        return -1;
    }

    memset(address, 0, sizeof(bigcache_address_t));

    /* an empty name, or "?", is that of the server that answers */

    if (host.len && !(host.len == 1 && host.data[0] == '?')) {
        memcpy(address->host, host.data, host.len);
    }

    address->port = (unsigned) port;

    return 0;
}


uint64_t
bigcache_link_number(const bigcache_reply_t *reply)
{
    uint64_t        n;
    bigcache_str_t  text;

    if (reply && reply->type == REDIS_REPLY_INTEGER) {
        return (reply->integer > 0) ? (uint64_t) reply->integer : 0;
    }

    text = bigcache_link_text(reply);

    return (text.len <= BIGCACHE_LINK_DIGITS
            && bigcache_value_number(text.data, text.len, &n) == 0)
           ? n : 0;
}


/* waits until the socket is ready; returns 0, or -1, and error says why */

static int
bigcache_link_wait(int fd, short events, int64_t deadline, char *error)
{
    int            n;
    int64_t        left;
    struct pollfd  pfd;

    pfd.fd = fd;
    pfd.events = events;

    for ( ;; ) {
        left = deadline - bigcache_time_monotonic();

        if (left < 0) {
            left = 0;
        }

        n = poll(&pfd, 1, (int) left);

        if (n == 1) {
            return 0;
        }

        if (n == 0) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "no answer in time");
            return -1;
        }

        if (errno != EINTR) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "poll() failed: %s",
                            strerror(errno));
            return -1;
        }
    }
}

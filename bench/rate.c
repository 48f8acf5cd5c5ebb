
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Requests at a constant rate, for benchmarks of how long answers take:
 *
 *     rate [OPTIONS] PORT PATH RATE
 *
 * Requests become due at a constant rate, whether or not the server is quick
 * enough, and the time of an answer is counted from when its request was due.
 * So if the server stops for a while, each request that would have come in
 * that time counts, and not only those that were sent before.  With a RATE of
 * 0 a request is due as soon as a connection is free, to find out the most that
 * the server can do.  A %d in PATH stands for a number.
 *
 *     -c COUNT   connections, 64 by default
 *     -t TIME    seconds, 2 by default
 *     -w TIME    seconds before that whose answers are not counted, 0.5
 *     -n COUNT   so many requests instead, all counted
 *     -k KEYS    numbers are below KEYS, each as often as the others
 *     -g         clients take gzip
 *     -s STATUS  the answer that is wanted, 200 by default; 2 is any of 2xx
 *     -b FILE    POSTs what is in FILE; with -p, SETs it
 *     -m METHOD  the method with which FILE is sent
 *     -p         PATH is a key of Redis, over its own protocol
 *
 * Prints the answers, answers a second, failures (another status, or none),
 * and the median, the 99th and 99.9th percentile, and the maximum, of
 * milliseconds.
 * A request whose connection was closed before the answer began is sent again.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define MAX_HEAD   16384

/* a histogram with 128 buckets for each power of two of nanoseconds: 0.8 % */

#define BUCKET_BITS  7
#define BUCKETS      (1 << BUCKET_BITS)


typedef struct conn_s  conn_t;

struct conn_s {
    int         fd;
    conn_t     *next;            /* that is free */
    int         busy;
    int         closing;
    int         ok;
    unsigned    tries;
    uint64_t    number;
    int64_t     due;
    size_t      rest;            /* of the body */
    size_t      in;              /* bytes in head */
    char        head[MAX_HEAD];
};


static int options(int argc, char **argv);
static int read_file(const char *name);
static void run(void);
static int64_t due_of(uint64_t n);
static void wait_events(int64_t until);
static void send_due(void);
static int open_conn(conn_t *c);
static void close_conn(conn_t *c);
static void again(conn_t *c);
static void send_request(conn_t *c);
static size_t format_http(char *buf, size_t size, uint64_t n);
static size_t format_redis(char *buf, size_t size, uint64_t n);
static void format_path(char *buf, size_t size, uint64_t n);
static void read_answer(conn_t *c);
static int parse(conn_t *c, const char *p, size_t n);
static int parse_http(conn_t *c);
static int parse_redis(conn_t *c);
static void done(conn_t *c);
static void put_idle(conn_t *c);
static conn_t *get_idle(void);
static unsigned bucket(int64_t ns);
static double percentile(double share);
static void fatal(const char *what, int err);
static int64_t now(void);


static int           port, gzip, redis, status, connections;
static double        rate, seconds, warm;
static char         *body, *request;
static size_t        body_len, request_size;
static uint64_t      count, keys, sent, answered, counted, failures;
static const char   *path, *method;
static int           poller;
static int64_t       began, counted_from, end, last, longest;
static conn_t       *conns, *idle, **idle_end = &idle;
static uint64_t      histogram[64 * BUCKETS];


int
main(int argc, char **argv)
{
    if (options(argc, argv) == -1) {
        (void) fprintf(stderr, "usage: rate [-c COUNT] [-t TIME] [-w TIME] "
                               "[-n COUNT] [-k KEYS] [-g] [-s STATUS] "
                               "[-b FILE] [-m METHOD] [-p] PORT PATH RATE\n");
        return 2;
    }

    /* the kernel wakes it up when a request is due, not 50 us later */

    (void) prctl(PR_SET_TIMERSLACK, 1000);

    run();

    (void) printf("%llu %.0f %llu %.3f %.3f %.3f %.3f\n",
                  (unsigned long long) counted,
                  (double) counted / ((double) (last - counted_from) / 1e9),
                  (unsigned long long) failures, percentile(0.5),
                  percentile(0.99), percentile(0.999), (double) longest / 1e6);

    return 0;
}


static int
options(int argc, char **argv)
{
    int  option;

    connections = 64;
    seconds = 2;
    warm = 0.5;
    status = 200;
    keys = 1;

    while ((option = getopt(argc, argv, "c:t:w:n:k:gs:b:m:p")) != -1) {
        switch (option) {
        case 'c':
            connections = atoi(optarg);
            break;
        case 't':
            seconds = strtod(optarg, NULL);
            break;
        case 'w':
            warm = strtod(optarg, NULL);
            break;
        case 'n':
            count = strtoull(optarg, NULL, 10);
            break;
        case 'k':
            keys = strtoull(optarg, NULL, 10);
            break;
        case 'g':
            gzip = 1;
            break;
        case 's':
            status = atoi(optarg);
            break;
        case 'b':
            if (read_file(optarg) == -1) {
                fatal(optarg, errno);
            }
            break;
        case 'm':
            method = optarg;
            break;
        case 'p':
            redis = 1;
            break;
        default:
            return -1;
        }
    }

    if (argc - optind != 3 || connections < 1 || keys == 0) {
        return -1;
    }

    port = atoi(argv[optind]);
    path = argv[optind + 1];
    rate = strtod(argv[optind + 2], NULL);

    if (method == NULL) {
        method = body ? "POST" : "GET";
    }

    request_size = body_len + 4096;
    request = malloc(request_size);

    return (request == NULL || rate < 0) ? -1 : 0;
}


static int
read_file(const char *name)
{
    FILE         *file;
    struct stat   st;

    file = fopen(name, "r");

    if (file == NULL || fstat(fileno(file), &st) == -1) {
        return -1;
    }

    body_len = (size_t) st.st_size;
    body = malloc(body_len + 1);

    if (body == NULL || fread(body, 1, body_len, file) != body_len) {
        return -1;
    }

    return fclose(file);
}


static void
run(void)
{
    int  i;

    poller = epoll_create1(0);
    conns = calloc((size_t) connections, sizeof(conn_t));

    if (poller == -1 || conns == NULL) {
        fatal("start", errno);
    }

    for (i = 0; i < connections; i++) {
        if (open_conn(&conns[i]) == -1) {
            fatal("connect", errno);
        }

        put_idle(&conns[i]);
    }

    began = now();
    counted_from = began + (count ? 0 : (int64_t) (warm * 1e9));
    end = count ? INT64_MAX : counted_from + (int64_t) (seconds * 1e9);

    for ( ;; ) {
        send_due();

        if (answered == sent && (sent == count || last >= end)) {
            break;
        }

        wait_events(due_of(sent));
    }
}


/* sends what is due, as long as a connection is free */

static void
send_due(void)
{
    conn_t   *c;
    int64_t   due;

    last = now();

    while (idle && (count == 0 || sent < count)) {

        due = due_of(sent);

        if (due >= end) {

            /* for the loop to end, also if a last request came too soon */

            last = end;
            return;
        }

        if (due > last) {
            return;
        }

        c = get_idle();
        c->due = due;
        c->number = sent++;
        c->tries = 0;

        send_request(c);
    }
}


static int64_t
due_of(uint64_t n)
{
    return rate ? began + (int64_t) ((double) n * 1e9 / rate) : last;
}


/* waits for answers, but not longer than until the next request is due */

static void
wait_events(int64_t until)
{
    int                  i, n;
    int64_t              left;
    struct timespec      ts;
    struct epoll_event   events[256];

    left = until - now();

    /* without a free connection, or at the end, only answers matter */

    if (idle == NULL || sent == count || last >= end) {
        left = INT64_C(30000000000);
    }

    if (left < 0) {
        left = 0;
    }

    ts.tv_sec = left / 1000000000;
    ts.tv_nsec = left % 1000000000;

    n = epoll_pwait2(poller, events, 256, &ts, NULL);

    if (n == 0 && left == INT64_C(30000000000)) {
        fatal("no answer for 30 seconds", 0);
    }

    for (i = 0; i < n; i++) {
        read_answer(events[i].data.ptr);
    }
}


static int
open_conn(conn_t *c)
{
    int                 on, size;
    struct sockaddr_in  sin;
    struct epoll_event  event;

    on = 1;
    size = 4 * 1024 * 1024;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    /* a request fits in whole */

    (void) setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        (void) close(c->fd);
        return -1;
    }

    (void) fcntl(c->fd, F_SETFL, O_NONBLOCK);
    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    event.events = EPOLLIN;
    event.data.ptr = c;

    return epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}


/* the server has closed it; a request that has no answer is sent again */

static void
close_conn(conn_t *c)
{
    (void) close(c->fd);

    if (open_conn(c) == -1) {
        fatal("connect", errno);
    }

    if (c->busy) {
        again(c);
    }
}


static void
again(conn_t *c)
{
    if (c->in != 0 || c->rest != 0 || c->tries++ == 3) {
        c->ok = 0;
        done(c);
        return;
    }

    send_request(c);
}


static void
send_request(conn_t *c)
{
    size_t   n;
    ssize_t  rc;

    n = redis ? format_redis(request, request_size, c->number * 7919 % keys)
              : format_http(request, request_size, c->number * 7919 % keys);

    c->busy = 1;
    c->closing = 0;
    c->ok = 0;
    c->in = 0;
    c->rest = 0;

    rc = send(c->fd, request, n, MSG_NOSIGNAL);

    /* if the connection is closed, an event says so */

    if (rc != (ssize_t) n && !(rc == -1 && errno != EAGAIN)) {
        fatal("a request is too large for the socket", 0);
    }
}


static size_t
format_http(char *buf, size_t size, uint64_t n)
{
    size_t  len;
    char    name[1024];

    format_path(name, sizeof(name), n);

    len = (size_t) snprintf(buf, size, "%s %s HTTP/1.1\r\n"
                            "Host: 127.0.0.1:%d\r\n%s", method, name, port,
                            gzip ? "Accept-Encoding: gzip\r\n" : "");

    if (body) {
        len += (size_t) snprintf(buf + len, size - len,
                                 "Content-Type: text/html\r\n"
                                 "Content-Length: %zu\r\n", body_len);
    }

    memcpy(buf + len, "\r\n", 2);
    len += 2;

    if (body) {
        memcpy(buf + len, body, body_len);
    }

    return len + body_len;
}


static size_t
format_redis(char *buf, size_t size, uint64_t n)
{
    size_t  len;
    char    name[1024];

    format_path(name, sizeof(name), n);

    len = (size_t) snprintf(buf, size, "*%d\r\n$3\r\n%s\r\n$%zu\r\n%s\r\n",
                            body ? 3 : 2, body ? "SET" : "GET", strlen(name),
                            name);

    if (body == NULL) {
        return len;
    }

    len += (size_t) snprintf(buf + len, size - len, "$%zu\r\n", body_len);
    memcpy(buf + len, body, body_len);
    len += body_len;
    memcpy(buf + len, "\r\n", 2);

    return len + 2;
}


static void
format_path(char *buf, size_t size, uint64_t n)
{
    const char  *at;

    at = strstr(path, "%d");

    if (at == NULL) {
        (void) snprintf(buf, size, "%s", path);

    } else {
        (void) snprintf(buf, size, "%.*s%llu%s", (int) (at - path), path,
                        (unsigned long long) n, at + 2);
    }
}


static void
read_answer(conn_t *c)
{
    int          rc;
    ssize_t      n;

    static char  buf[262144];

    n = read(c->fd, buf, sizeof(buf));

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        close_conn(c);
        return;
    }

    rc = c->busy ? parse(c, buf, (size_t) n) : -1;

    if (rc == -1) {
        fatal("an answer is not understood", 0);
    }

    if (rc == 1) {
        done(c);
    }
}


/* returns 1 at the end of the answer, -1 for an error, else 0 */

static int
parse(conn_t *c, const char *p, size_t n)
{
    int     rc;
    size_t  take;

    if (c->rest == 0) {

        take = MAX_HEAD - 1 - c->in;
        take = (n < take) ? n : take;

        memcpy(c->head + c->in, p, take);
        c->in += take;
        c->head[c->in] = '\0';

        rc = redis ? parse_redis(c) : parse_http(c);

        /* a head that is not complete, or one that is as long as the room */

        if (rc <= 0) {
            return (c->in == MAX_HEAD - 1) ? -1 : rc;
        }

        p += take;
        n -= take;
    }

    if (n > c->rest) {
        return -1;
    }

    c->rest -= n;

    return c->rest == 0;
}


/* returns 1 if the head is complete; then rest is what is not read yet */

static int
parse_http(conn_t *c)
{
    int      got;
    char    *last_line, *field;
    size_t   len, have;

    last_line = strstr(c->head, "\r\n\r\n");

    if (last_line == NULL) {
        return 0;
    }

    have = c->in - (size_t) (last_line + 4 - c->head);
    last_line[2] = '\0';

    got = (strncmp(c->head, "HTTP/1.1 ", 9) == 0) ? atoi(c->head + 9) : 0;

    c->ok = (got == status || got / 100 == status);
    c->closing = strcasestr(c->head, "\r\nConnection: close") != NULL;

    len = 0;
    field = strcasestr(c->head, "\r\nContent-Length:");

    if (field != NULL) {
        len = strtoul(field + 17, NULL, 10);

    } else if (strncmp(c->head + 9, "204", 3) != 0) {
        return -1;
    }

    if (have > len) {
        return -1;
    }

    c->rest = len - have;

    return 1;
}


static int
parse_redis(conn_t *c)
{
    long     len;
    char    *line_end;
    size_t   have, whole;

    line_end = strstr(c->head, "\r\n");

    if (line_end == NULL) {
        return 0;
    }

    have = c->in - (size_t) (line_end + 2 - c->head);
    len = (c->head[0] == '$') ? strtol(c->head + 1, NULL, 10) : -1;
    whole = (len == -1) ? 0 : (size_t) len + 2;

    /* $-1 is a miss, which is what a status of 404 asks for */

    c->ok = (status == 404) ? strncmp(c->head, "$-1", 3) == 0
                            : len != -1 || c->head[0] == '+';

    if (have > whole) {
        return -1;
    }

    c->rest = whole - have;

    return 1;
}


static void
done(conn_t *c)
{
    int64_t  at, took;

    at = now();
    answered++;

    if (c->due >= counted_from) {
        took = at - c->due;
        counted++;
        histogram[bucket(took)]++;
        failures += !c->ok;

        if (took > longest) {
            longest = took;
        }
    }

    c->busy = 0;

    if (c->closing) {
        close_conn(c);
    }

    put_idle(c);
}


/* all connections in turn, so that each process of the server has its share */

static void
put_idle(conn_t *c)
{
    c->next = NULL;
    *idle_end = c;
    idle_end = &c->next;
}


static conn_t *
get_idle(void)
{
    conn_t  *c;

    c = idle;
    idle = c->next;

    if (idle == NULL) {
        idle_end = &idle;
    }

    return c;
}


static unsigned
bucket(int64_t ns)
{
    unsigned  power;

    if (ns < BUCKETS) {
        return (ns < 0) ? 0 : (unsigned) ns;
    }

    power = 63 - (unsigned) __builtin_clzll((unsigned long long) ns);

    return (power - BUCKET_BITS + 1) * BUCKETS
           + (unsigned) ((ns >> (power - BUCKET_BITS)) & (BUCKETS - 1));
}


/* milliseconds, in the middle of the bucket */

static double
percentile(double share)
{
    double     low, width;
    unsigned   i, power;
    uint64_t   sum;

    sum = 0;

    for (i = 0; i < 64 * BUCKETS; i++) {
        sum += histogram[i];

        if (sum != 0 && (double) sum >= share * (double) counted) {
            break;
        }
    }

    if (i < BUCKETS) {
        return (double) i / 1e6;
    }

    power = i / BUCKETS - 1;
    width = (double) (UINT64_C(1) << power);
    low = (double) (BUCKETS + i % BUCKETS) * width;

    return (low + width / 2) / 1e6;
}


static void
fatal(const char *what, int err)
{
    (void) fprintf(stderr, "rate: %s%s%s\n", what, err ? ": " : "",
                   err ? strerror(err) : "");
    exit(1);
}


static int64_t
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

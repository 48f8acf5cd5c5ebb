
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A crowd of clients for benchmarks of caches, in front of bench/origin.c:
 *
 *     crowd [OPTIONS] PORT PATH CONNECTIONS
 *
 * opens so many connections, sends the first request of all of them at once,
 * and goes on over each as soon as it has its answer.  A %d in PATH stands for
 * the number of the request: 0, 1, 2 ...
 *
 *     -n COUNT   requests in all, by default as many as connections
 *     -t TIME    goes on for so many seconds instead
 *     -z KEYS    nine of ten numbers are below KEYS by Zipf's law, the others
 *                are new
 *     -g         clients take gzip
 *     -w FILE    appends the milliseconds that each answer took, and how long
 *                after the origin's answer it was complete; not for the answer
 *                that came first
 *     -u         asks until there is a hit, each time over a new connection,
 *                and prints only the milliseconds until then
 *
 * Prints the answers, answers a second, hits, failures, and the median, the
 * 99th percentile and the maximum of the milliseconds that an answer took.  An
 * answer that the origin has sent before the request was sent is a hit.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define MAX_HEAD  16384


typedef enum {
    IN_HEAD,
    IN_BODY,
    IN_CHUNK_SIZE,
    IN_CHUNK,
    IN_TRAILER
} state_e;


typedef struct {
    int        fd;
    state_e    state;
    int        ok;
    int        close;
    int64_t    began;
    int64_t    sent;             /* by the origin */
    size_t     rest;             /* of the body or the chunk */
    size_t     in;               /* bytes in head: a header, or a line */
    char       head[MAX_HEAD];
} conn_t;


typedef struct {
    int64_t    took;
    int64_t    after;
} answer_t;


static int until_hit(void);
static void run(void);
static int open_conn(conn_t *c);
static void send_request(conn_t *c);
static unsigned long next_number(void);
static void read_answer(conn_t *c);
static int parse(conn_t *c, const char *p, const char *end);
static int parse_head(conn_t *c);
static int parse_line(conn_t *c);
static void done(conn_t *c);
static void failed(conn_t *c);
static void report(double seconds);
static int compare(const void *a, const void *b);
static int64_t now(void);


static int             port, connections, gzip;
static unsigned long   count, asked, keys, nanswers, room, hits, failures;
static double          seconds;
static const char     *path, *keep;
static int             poller;
static int64_t         end = INT64_MAX;
static answer_t       *answers;


int
main(int argc, char **argv)
{
    int            option, until;
    struct rlimit  limit;

    until = 0;

    while ((option = getopt(argc, argv, "n:t:z:gw:u")) != -1) {
        switch (option) {
        case 'n':
            count = strtoul(optarg, NULL, 10);
            break;
        case 't':
            seconds = strtod(optarg, NULL);
            break;
        case 'z':
            keys = strtoul(optarg, NULL, 10);
            break;
        case 'g':
            gzip = 1;
            break;
        case 'w':
            keep = optarg;
            break;
        case 'u':
            until = 1;
            break;
        default:
            return 2;
        }
    }

    if (argc - optind != 3) {
        (void) fprintf(stderr, "usage: crowd [-n COUNT | -t TIME] [-z KEYS] "
                               "[-g] [-w FILE] [-u] PORT PATH CONNECTIONS\n");
        return 2;
    }

    port = atoi(argv[optind]);
    path = argv[optind + 1];
    connections = atoi(argv[optind + 2]);

    if (count == 0) {
        count = (unsigned long) connections;
    }

    if (seconds != 0) {
        count = (unsigned long) -1;
    }

    (void) getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &limit);

    poller = epoll_create1(0);
    srand48(1);

    if (until) {
        return until_hit();
    }

    run();

    return failures != 0;
}


static int
until_hit(void)
{
    conn_t               *c;
    int64_t               began;
    struct timespec       pause;
    struct epoll_event    event;

    c = calloc(1, sizeof(conn_t));
    pause.tv_sec = 0;
    pause.tv_nsec = 1000000;
    began = now();

    while (hits == 0 && now() - began < INT64_C(300000000000)) {

        if (open_conn(c) != 0) {
            (void) nanosleep(&pause, NULL);
            continue;
        }

        asked = 0;
        count = 1;
        send_request(c);

        /* done() and failed() close the connection after the last request */

        while (c->fd != -1 && epoll_wait(poller, &event, 1, 10000) > 0) {
            read_answer(c);
        }

        if (c->fd != -1) {
            failed(c);
        }

        if (hits == 0) {
            (void) nanosleep(&pause, NULL);
        }
    }

    (void) printf("%.1f\n", (double) (now() - began) / 1e6);

    return hits == 0;
}


static void
run(void)
{
    int                   i, n, open;
    conn_t               *conns;
    int64_t               began;
    struct timespec       pause;
    struct epoll_event    events[256];

    conns = calloc((size_t) connections, sizeof(conn_t));

    for (i = 0; i < connections; i++) {
        if (open_conn(&conns[i]) != 0) {
            perror("crowd: connect");
            exit(1);
        }
    }

    /* the server is to accept them before the requests come */

    pause.tv_sec = 0;
    pause.tv_nsec = 50000000;
    (void) nanosleep(&pause, NULL);

    began = now();

    if (seconds != 0) {
        end = began + (int64_t) (seconds * 1e9);
    }

    for (i = 0; i < connections; i++) {
        send_request(&conns[i]);
    }

    for ( ;; ) {
        for (i = 0, open = 0; i < connections && !open; i++) {
            open = conns[i].fd != -1;
        }

        if (!open) {
            break;
        }

        n = epoll_wait(poller, events, 256, 30000);

        if (n == 0) {
            (void) fprintf(stderr, "crowd: no answer for 30 seconds\n");
            failures++;
            break;
        }

        for (i = 0; i < n; i++) {
            read_answer(events[i].data.ptr);
        }
    }

    report((double) (now() - began) / 1e9);
}


static int
open_conn(conn_t *c)
{
    int                 on;
    struct sockaddr_in  sin;
    struct epoll_event  event;

    on = 1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        (void) close(c->fd);
        c->fd = -1;
        return -1;
    }

    (void) fcntl(c->fd, F_SETFL, O_NONBLOCK);
    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    event.events = EPOLLIN;
    event.data.ptr = c;
    (void) epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);

    return 0;
}


static void
send_request(conn_t *c)
{
    int           n;
    char          request[2048], number[32];
    const char   *at;

    if (asked == count || now() >= end) {
        (void) close(c->fd);
        c->fd = -1;
        return;
    }

    at = strstr(path, "%d");
    number[0] = '\0';

    if (at != NULL) {
        (void) sprintf(number, "%lu", next_number());
    }

    asked++;

    n = snprintf(request, sizeof(request),
                 "GET %.*s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n",
                 (int) (at ? at - path : (long) strlen(path)), path, number,
                 at ? at + 2 : "", port,
                 gzip ? "Accept-Encoding: gzip\r\n" : "");

    c->state = IN_HEAD;
    c->in = 0;
    c->sent = 0;
    c->began = now();

    if (write(c->fd, request, (size_t) n) != n) {
        failed(c);
    }
}


static unsigned long
next_number(void)
{
    if (keys == 0) {
        return asked;
    }

    if (drand48() < 0.1) {
        return keys + asked;
    }

    return (unsigned long) pow((double) keys, drand48()) - 1;
}


static void
read_answer(conn_t *c)
{
    ssize_t      n;

    static char  buf[262144];

    n = read(c->fd, buf, sizeof(buf));

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        failed(c);
        return;
    }

    switch (parse(c, buf, buf + n)) {
    case 1:
        done(c);
        break;
    case -1:
        failed(c);
        break;
    }
}


/* returns 1 at the end of the answer, -1 for an error, else 0 */

static int
parse(conn_t *c, const char *p, const char *last)
{
    int     rc;
    size_t  n;

    while (p < last) {

        if (c->state == IN_BODY || c->state == IN_CHUNK) {
            n = (size_t) (last - p);
            n = (n < c->rest) ? n : c->rest;
            c->rest -= n;
            p += n;

            if (c->rest == 0) {
                if (c->state == IN_BODY) {
                    return 1;
                }

                c->state = IN_CHUNK_SIZE;
            }

            continue;
        }

        if (c->in == MAX_HEAD - 1) {
            return -1;
        }

        c->head[c->in++] = *p++;

        if (c->head[c->in - 1] != '\n') {
            continue;
        }

        c->head[c->in] = '\0';
        rc = (c->state == IN_HEAD) ? parse_head(c) : parse_line(c);

        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
parse_head(conn_t *c)
{
    char  *field;

    if (c->in < 4 || strcmp(c->head + c->in - 4, "\r\n\r\n") != 0) {
        return 0;
    }

    c->in = 0;
    c->ok = strncmp(c->head, "HTTP/1.1 200", 12) == 0;
    c->close = strcasestr(c->head, "\r\nConnection: close") != NULL;

    field = strcasestr(c->head, "\r\nX-Sent:");

    if (field != NULL) {
        c->sent = strtoll(field + 9, NULL, 10);
    }

    field = strcasestr(c->head, "\r\nContent-Length:");

    if (field != NULL) {
        c->rest = strtoul(field + 17, NULL, 10);
        c->state = IN_BODY;
        return c->rest == 0;
    }

    if (strcasestr(c->head, "\r\nTransfer-Encoding: chunked") == NULL) {
        return -1;
    }

    c->state = IN_CHUNK_SIZE;

    return 0;
}


static int
parse_line(conn_t *c)
{
    size_t  len;

    len = c->in;
    c->in = 0;

    if (c->state == IN_TRAILER) {
        return len == 2;
    }

    if (len == 2) {
        /* the end of the chunk before */
        return 0;
    }

    c->rest = strtoul(c->head, NULL, 16);
    c->state = (c->rest == 0) ? IN_TRAILER : IN_CHUNK;

    return 0;
}


static void
done(conn_t *c)
{
    int64_t  at;

    at = now();

    if (!c->ok) {
        failed(c);
        return;
    }

    if (nanswers == room) {
        room = room ? room * 2 : 65536;
        answers = realloc(answers, room * sizeof(answer_t));
    }

    answers[nanswers].took = at - c->began;
    answers[nanswers++].after = at - c->sent;

    if (c->sent != 0 && c->sent < c->began) {
        hits++;
    }

    if (c->close) {
        (void) close(c->fd);

        if (open_conn(c) != 0) {
            failures++;
            return;
        }
    }

    send_request(c);
}


static void
failed(conn_t *c)
{
    failures++;
    (void) close(c->fd);
    c->fd = -1;
}


static void
report(double took)
{
    FILE           *file;
    unsigned long   i;

    if (keep != NULL) {
        file = fopen(keep, "a");

        for (i = 1; i < nanswers; i++) {
            (void) fprintf(file, "%.3f %.3f\n", (double) answers[i].took / 1e6,
                           (double) answers[i].after / 1e6);
        }

        (void) fclose(file);
    }

    if (nanswers == 0) {
        (void) printf("0 0 0 %lu 0 0 0\n", failures);
        return;
    }

    qsort(answers, nanswers, sizeof(answer_t), compare);

    (void) printf("%lu %.0f %lu %lu %.3f %.3f %.3f\n", nanswers,
                  (double) nanswers / took, hits, failures,
                  (double) answers[nanswers / 2].took / 1e6,
                  (double) answers[nanswers * 99 / 100].took / 1e6,
                  (double) answers[nanswers - 1].took / 1e6);
}


static int
compare(const void *a, const void *b)
{
    int64_t  x, y;

    x = ((const answer_t *) a)->took;
    y = ((const answer_t *) b)->took;

    return (x > y) - (x < y);
}


static int64_t
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * An upstream of exact delays, for benchmarks of caches:
 *
 *     origin PORT DIRECTORY
 *
 * answers /DELAY/FILE/SECONDS/ANYTHING with that file of the directory, DELAY
 * milliseconds after the request came, fresh for so many seconds.  If there is
 * a FILE.gz and the client takes gzip, it gets that.  X-Sent says when the
 * answer was sent, in nanoseconds of CLOCK_MONOTONIC: by this a client of the
 * same machine knows a hit, and how long a cache needs to pass an answer on.
 * /count says how many answers were sent, and sets this back to 0.
 */


#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define MAX_FILES     16
#define MAX_REQUEST   8192


typedef struct {
    char       name[64];
    char      *data;
    size_t     len;
} file_t;


typedef struct conn_s  conn_t;

/* answers one request at a time; what comes meanwhile waits in buf */

struct conn_s {
    int        fd;
    int64_t    due;              /* when to answer, 0 if not waiting */
    conn_t    *next;             /* in the list of those that wait */
    conn_t    *prev;
    file_t    *file;
    int        gzip;
    int        vary;
    int        fresh;
    char       head[512];
    size_t     head_len;
    size_t     sent;             /* of head and body */
    size_t     in;
    char       buf[MAX_REQUEST];
};


static void load_files(const char *directory);
static file_t *find_file(const char *name, size_t len);
static int listen_on(int port);
static void accept_all(int listener);
static void read_request(conn_t *c);
static int parse(conn_t *c, char *end);
static void answer(conn_t *c);
static void flush_answer(conn_t *c);
static void wait_for(conn_t *c, int64_t due);
static void unwait(conn_t *c);
static void answer_due(void);
static void set_timer(void);
static void drop(conn_t *c);
static int64_t now(void);


static file_t         files[MAX_FILES];
static int            nfiles;
static conn_t         waiting = { .next = &waiting, .prev = &waiting };
static conn_t        *dead;
static int            poller, timer;
static unsigned long  answers;
static int64_t        armed;


int
main(int argc, char **argv)
{
    int                 i, n, listener;
    conn_t             *c;
    uint64_t            ticks;
    struct rlimit       limit;
    struct epoll_event  events[256], event;

    if (argc != 3) {
        (void) fprintf(stderr, "usage: origin PORT DIRECTORY\n");
        return 2;
    }

    (void) getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &limit);

    load_files(argv[2]);

    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    listener = listen_on(atoi(argv[1]));

    event.events = EPOLLIN;
    event.data.ptr = &listener;
    (void) epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);

    event.data.ptr = &timer;
    (void) epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);

    for ( ;; ) {
        n = epoll_wait(poller, events, 256, -1);

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == &listener) {
                accept_all(listener);

            } else if (events[i].data.ptr == &timer) {
                (void) !read(timer, &ticks, sizeof(ticks));
                armed = 0;

            } else {
                c = events[i].data.ptr;

                if (c->fd != -1 && c->file != NULL && c->due == 0) {
                    flush_answer(c);
                }

                if (c->fd != -1) {
                    read_request(c);
                }
            }
        }

        answer_due();

        /* an event of a connection that was dropped may have been behind */

        while (dead != NULL) {
            c = dead;
            dead = c->next;
            free(c);
        }
    }
}


static void
load_files(const char *directory)
{
    int             fd;
    DIR            *dir;
    file_t         *file;
    struct stat     st;
    struct dirent  *entry;

    dir = opendir(directory);

    if (dir == NULL) {
        perror(directory);
        exit(1);
    }

    while ((entry = readdir(dir)) != NULL && nfiles < MAX_FILES) {

        if (entry->d_name[0] == '.'
            || strlen(entry->d_name) >= sizeof(file->name))
        {
            continue;
        }

        fd = openat(dirfd(dir), entry->d_name, O_RDONLY);
        file = &files[nfiles++];

        if (fd == -1 || fstat(fd, &st) == -1) {
            perror(entry->d_name);
            exit(1);
        }

        (void) strcpy(file->name, entry->d_name);
        file->len = (size_t) st.st_size;
        file->data = malloc(file->len + 1);

        if (read(fd, file->data, file->len) != (ssize_t) file->len) {
            perror(entry->d_name);
            exit(1);
        }

        (void) close(fd);
    }

    (void) closedir(dir);
}


static file_t *
find_file(const char *name, size_t len)
{
    int  i;

    for (i = 0; i < nfiles; i++) {
        if (strlen(files[i].name) == len
            && memcmp(files[i].name, name, len) == 0)
        {
            return &files[i];
        }
    }

    return NULL;
}


static int
listen_on(int port)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    on = 1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(fd, 4096) == -1)
    {
        perror("origin");
        exit(1);
    }

    return fd;
}


static void
accept_all(int listener)
{
    int                 fd, on;
    conn_t             *c;
    struct epoll_event  event;

    on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) != -1) {

        c = calloc(1, sizeof(conn_t));

        if (c == NULL) {
            (void) close(fd);
            continue;
        }

        c->fd = fd;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = c;
        (void) epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}


static void
read_request(conn_t *c)
{
    int      delay;
    char    *end;
    ssize_t  n;

    for ( ;; ) {
        n = read(c->fd, c->buf + c->in, MAX_REQUEST - 1 - c->in);

        if (n == 0 || (n == -1 && errno != EAGAIN)) {
            drop(c);
            return;
        }

        if (n == -1) {
            break;
        }

        c->in += (size_t) n;
    }

    c->buf[c->in] = '\0';

    while (c->fd != -1 && c->file == NULL
           && (end = strstr(c->buf, "\r\n\r\n")) != NULL)
    {
        delay = parse(c, end);

        if (delay == -1) {
            drop(c);
            return;
        }

        c->in -= (size_t) (end + 4 - c->buf);
        memmove(c->buf, end + 4, c->in + 1);

        if (delay == 0) {
            answer(c);

        } else {
            wait_for(c, now() + delay * INT64_C(1000000));
        }
    }
}


/* returns the delay in milliseconds, -1 for what is no request */

static int
parse(conn_t *c, char *end)
{
    int     delay, len;
    char    name[64], *field, gz[70];
    file_t *packed;

    static file_t  count;
    static char    text[32];

    *end = '\0';

    if (strncmp(c->buf, "GET /count ", 11) == 0) {
        count.data = text;
        count.len = (size_t) sprintf(text, "%lu\n", answers);
        answers = (unsigned long) -1;
        c->file = &count;
        c->gzip = 0;
        c->vary = 0;
        c->fresh = 0;
        return 0;
    }

    if (sscanf(c->buf, "GET /%d/%60[^/]/%d/", &delay, name, &c->fresh) != 3
        || delay < 0)
    {
        return -1;
    }

    c->file = find_file(name, strlen(name));

    if (c->file == NULL) {
        return -1;
    }

    len = sprintf(gz, "%s.gz", name);
    packed = find_file(gz, (size_t) len);
    c->vary = packed != NULL;
    c->gzip = 0;

    if (packed != NULL) {
        field = strcasestr(c->buf, "\r\nAccept-Encoding:");

        if (field != NULL) {
            field[strcspn(field + 2, "\r") + 2] = '\0';

            if (strstr(field, "gzip") != NULL) {
                c->gzip = 1;
                c->file = packed;
            }
        }
    }

    return delay;
}


static void
answer(conn_t *c)
{
    answers++;

    c->head_len = (size_t) sprintf(c->head,
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: text/html\r\n"
        "Content-Length: %zu\r\n"
        "Cache-Control: max-age=%d\r\n"
        "X-Sent: %lld\r\n"
        "%s%s\r\n",
        c->file->len, c->fresh, (long long) now(),
        c->vary ? "Vary: Accept-Encoding\r\n" : "",
        c->gzip ? "Content-Encoding: gzip\r\n" : "");

    c->sent = 0;
    flush_answer(c);
}


static void
flush_answer(conn_t *c)
{
    size_t        skip;
    ssize_t       n;
    struct iovec  iov[2];

    for ( ;; ) {
        skip = (c->sent < c->head_len) ? c->sent : c->head_len;

        iov[0].iov_base = c->head + skip;
        iov[0].iov_len = c->head_len - skip;

        skip = c->sent - skip;

        iov[1].iov_base = c->file->data + skip;
        iov[1].iov_len = c->file->len - skip;

        if (iov[0].iov_len + iov[1].iov_len == 0) {
            c->file = NULL;
            return;
        }

        n = writev(c->fd, iov, 2);

        if (n == -1) {
            if (errno != EAGAIN) {
                drop(c);
            }

            return;
        }

        c->sent += (size_t) n;
    }
}


/* most delays are alike: the place is near the end of the list */

static void
wait_for(conn_t *c, int64_t due)
{
    conn_t  *at;

    c->due = due;

    for (at = waiting.prev; at != &waiting && at->due > due; at = at->prev) {
        /* void */
    }

    c->prev = at;
    c->next = at->next;
    at->next->prev = c;
    at->next = c;
}


static void
unwait(conn_t *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->due = 0;
}


static void
answer_due(void)
{
    conn_t  *c;

    while (waiting.next != &waiting && waiting.next->due <= now()) {
        c = waiting.next;
        unwait(c);
        answer(c);
    }

    set_timer();
}


static void
set_timer(void)
{
    struct itimerspec  at;

    if (waiting.next == &waiting || armed == waiting.next->due) {
        return;
    }

    armed = waiting.next->due;
    memset(&at, 0, sizeof(at));
    at.it_value.tv_sec = armed / 1000000000;
    at.it_value.tv_nsec = armed % 1000000000;
    (void) timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}


static void
drop(conn_t *c)
{
    if (c->due != 0) {
        unwait(c);
    }

    (void) close(c->fd);
    c->fd = -1;
    c->next = dead;
    dead = c;
}


static int64_t
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

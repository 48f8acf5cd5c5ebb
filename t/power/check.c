
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bigcache_local.h"
#include "bigcache_crc.h"
#include "bigcache_gzip.h"
#include "bigcache_time.h"
#include "check.h"


/* seconds, milliseconds, milliseconds */

#define PATIENCE  60
#define WAIT      5000
#define SETTLE    20000

/* of each kind: images that messages are printed of, and how many of each */

#define TOLD      3
#define LINES     3


typedef struct {
    const check_conf_t  *conf;
    oracle_t            *oracle;
    const image_t       *image;
    totals_t            *totals;
    bigcache_cache_t    *cache;
    char                 path[PATH_MAX];
    body_t              *first;
    body_t              *bodies;
    unsigned             lines[CHECK_KINDS];
    unsigned             told[CHECK_KINDS];
    unsigned             failed;
    unsigned             stale;
} check_t;


static void run(check_t *check);
static int opened(check_t *check);
static void closed(check_t *check);
static void read_keys(check_t *check, body_t *bodies);
static int read_key(check_t *check, unsigned i, body_t *body);
static void read_body(const bigcache_page_t *page, body_t *body);
static void judge(check_t *check);
static void compare(check_t *check, const char *when);
static void settle(check_t *check);
static int settled(check_t *check);
static int empty(check_t *check, const char *name);
static int there(check_t *check, const char *name);
static void count(check_t *check);
static unsigned expired(check_t *check);
static void tool(check_t *check);
static int tell(check_t *check, int kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void log_handler(void *data, int level, const char *text);
static double seconds(void);


static check_t  *logged;


void
check_image(const check_conf_t *conf, oracle_t *oracle, const image_t *image,
    totals_t *totals)
{
    int      status;
    pid_t    pid;
    check_t  check;

    (void) fflush(stdout);
    (void) atomic_fetch_add(&totals->images, 1);

    pid = fork();

    if (pid == -1) {
        perror("fork");
        abort();
    }

    if (pid == 0) {
        (void) alarm(PATIENCE);

        memset(&check, 0, sizeof(check_t));

        check.conf = conf;
        check.oracle = oracle;
        check.image = image;
        check.totals = totals;

        (void) snprintf(check.path, sizeof(check.path), "%s/%s", image->path,
                        conf->store);

        logged = &check;
        run(&check);

        (void) fflush(stdout);
        _exit(0);
    }

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) { /* void */ }

    if (status != 0) {
        (void) atomic_fetch_add(&totals->wrong[CHECK_DIED], 1);
        (void) atomic_fetch_add(&totals->failed, 1);
        printf("# %s: the checker died, status %d\n", image->what, status);
    }
}


static void
run(check_t *check)
{
    int       imports;
    unsigned  n;

    n = oracle_keys(check->oracle);

    check->first = calloc(n + 1, sizeof(body_t));
    check->bodies = calloc(n + 1, sizeof(body_t));

    if (check->first == NULL || check->bodies == NULL
        || recorder_start(check->image->log ? check->image->path : NULL,
                          check->image->log, 1)
           == -1)
    {
        perror("check");
        abort();
    }

    /* a store that had not been made yet is made now */

    (void) mkdir(check->path, 0700);

    imports = !empty(check, "import") || there(check, "CURRENT");

    if (!opened(check)) {
        return;
    }

    /* before it has come to them, the keys of an original are misses */

    if (imports) {
        settle(check);
    }

    read_keys(check, check->first);
    judge(check);

    settle(check);
    read_keys(check, check->bodies);
    compare(check, "when all was settled");

    closed(check);

    /* it also writes to the index, which would not be recorded */

    if (check->image->tool) {
        tool(check);
    }

    if (!opened(check)) {
        return;
    }

    read_keys(check, check->bodies);
    compare(check, "at the next start");
    settle(check);
    count(check);

    closed(check);
}


static int
opened(check_t *check)
{
    char                   reason[BIGCACHE_ERROR_LEN];
    bigcache_rc_t          rc;
    bigcache_page_t        page;
    bigcache_local_conf_t  conf;

    static const bigcache_str_t  any = bigcache_string("any");

    memset(&conf, 0, sizeof(bigcache_local_conf_t));

    conf.store.path = check->path;
    conf.store.wait = WAIT;
    conf.store.index.block_cache = 1024 * 1024;
    conf.store.index.write_buffer = check->conf->write_buffer;
    conf.store.segment_size = check->conf->segment_size;
    conf.store.max_size = check->conf->max_size;
    conf.store.gzip_min = check->conf->gzip_min;
    conf.store.log.handler = log_handler;
    conf.masters[0] = (uint64_t) getpid();

    check->cache = bigcache_local_create(&conf);

    if (check->cache == NULL || bigcache_cache_start(check->cache) != 0) {
        perror("check");
        abort();
    }

    rc = bigcache_cache_get(check->cache, &any, 0, &page);
    bigcache_page_free(&page);

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        return 1;
    }

    bigcache_cache_reason(check->cache, reason);
    (void) tell(check, CHECK_UNOPENED, "the store does not open: %s", reason);

    closed(check);

    return 0;
}


static void
closed(check_t *check)
{
    bigcache_cache_stop(check->cache);
    bigcache_cache_destroy(check->cache);
}


/* -- pages */

static void
read_keys(check_t *check, body_t *bodies)
{
    size_t       len;
    unsigned     i;
    const char  *key;

    check->stale = 0;

    for (i = 0; i < oracle_keys(check->oracle); i++) {

        if (read_key(check, i, &bodies[i]) != 0) {
            key = oracle_key(check->oracle, i, &len);
            (void) tell(check, CHECK_UNREADABLE, "\"%.*s\" cannot be read",
                        (int) len, key);
        }
    }
}


static int
read_key(check_t *check, unsigned i, body_t *body)
{
    bigcache_rc_t    rc;
    bigcache_str_t   key;
    bigcache_page_t  page;

    memset(body, 0, sizeof(body_t));
    key.data = (u_char *) oracle_key(check->oracle, i, &key.len);

    rc = bigcache_cache_get(check->cache, &key, 1, &page);

    /* a soft purge removes it, as far as clients see */

    if (rc == BIGCACHE_OK && page.stale) {
        check->stale++;

    } else if (rc == BIGCACHE_OK) {
        read_body(&page, body);
    }

    bigcache_page_free(&page);

    return !(rc == BIGCACHE_OK || rc == BIGCACHE_MISS
             || rc == BIGCACHE_EXPIRED);
}


/* an unreadable body counts as one that was never stored */

static void
read_body(const bigcache_page_t *page, body_t *body)
{
    u_char  *text;

    body->found = 1;
    body->length = page->unpacked;

    if (page->packed) {
        text = malloc(page->unpacked + 1);

        if (text == NULL
            || bigcache_gzip_unpack(text, page->unpacked,
                                    page->body.bytes.data,
                                    page->body.bytes.len)
               != 0)
        {
            body->length = UINT64_MAX - 1;

        } else {
            body->crc = bigcache_crc(0, text, page->unpacked);
        }

        free(text);
        return;
    }

    if (bigcache_data_crc(&page->body, 1, &body->crc) != 0) {
        body->length = UINT64_MAX - 1;
    }
}


static void
judge(check_t *check)
{
    double       now;
    size_t       len;
    unsigned     i;
    verdict_e    verdict;
    const char  *key;

    static const char *const  names[] = {
        "right", "lost", "returned after its removal",
        "old, a later one was durable", "served though it has expired",
        "none that was stored there"
    };

    now = seconds();

    (void) atomic_fetch_add(&check->totals->durable,
                            oracle_durable(check->oracle, check->image->at));

    for (i = 0; i < oracle_keys(check->oracle); i++) {

        if (check->first[i].found) {
            (void) atomic_fetch_add(&check->totals->read, 1);
        }

        verdict = oracle_judge(check->oracle, i, check->image->at,
                               &check->first[i], now);

        if (verdict == ORACLE_RIGHT) {
            continue;
        }

        key = oracle_key(check->oracle, i, &len);

        if (tell(check, verdict, "\"%.*s\" (%llu bytes, CRC %u) is %s",
                 (int) len, key, (unsigned long long) check->first[i].length,
                 check->first[i].crc, names[verdict])
            && (check->lines[verdict] == 1 || check->conf->verbose))
        {
            oracle_print(check->oracle, i, check->image->at);
        }
    }
}


static void
compare(check_t *check, const char *when)
{
    double       now;
    size_t       len;
    unsigned     i;
    const char  *key;

    now = seconds();

    for (i = 0; i < oracle_keys(check->oracle); i++) {

        if (check->first[i].found == check->bodies[i].found
            && check->first[i].crc == check->bodies[i].crc
            && check->first[i].length == check->bodies[i].length)
        {
            continue;
        }

        if (check->first[i].found && !check->bodies[i].found
            && oracle_may_go(check->oracle, i, check->image->at,
                             &check->first[i], now))
        {
            continue;
        }

        key = oracle_key(check->oracle, i, &len);
        (void) tell(check, CHECK_VANISHED, "\"%.*s\" is %s %s", (int) len, key,
             !check->bodies[i].found ? "gone"
             : check->first[i].found ? "another" : "there", when);
    }
}


/* -- the store's own thread */

static void
settle(check_t *check)
{
    int64_t  end;

    end = bigcache_time_monotonic() + SETTLE;

    while (!settled(check)) {

        if (bigcache_time_monotonic() > end) {
            (void) tell(check, CHECK_UNSETTLED,
                        "the store does not come to the end of its start");
            return;
        }

        (void) usleep(1000);
    }
}


static int
settled(check_t *check)
{
    bigcache_stat_t  stat;

    return bigcache_cache_stat(check->cache, WAIT, &stat) == BIGCACHE_OK
           && stat.counted
           && empty(check, "import") && empty(check, "trash");
}


static int
empty(check_t *check, const char *name)
{
    int             n;
    DIR            *dir;
    char            path[PATH_MAX + 16];
    struct dirent  *de;

    (void) snprintf(path, sizeof(path), "%s/%s", check->path, name);

    dir = opendir(path);
    if (dir == NULL) {
        return 1;
    }

    n = 0;

    while ((de = readdir(dir)) != NULL) {
        n += (de->d_name[0] != '.');
    }

    (void) closedir(dir);

    return n == 0;
}


static int
there(check_t *check, const char *name)
{
    char  path[PATH_MAX + 16];

    (void) snprintf(path, sizeof(path), "%s/%s", check->path, name);

    return access(path, F_OK) == 0;
}


/*
 * The keys that were read are all that there are, but for expired ones, as soon
 * as purges that were left have come to their end.
 */

static void
count(check_t *check)
{
    int64_t          end;
    unsigned         i, n, may;
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    n = check->stale;

    for (i = 0; i < oracle_keys(check->oracle); i++) {
        n += (unsigned) check->bodies[i].found;
    }

    end = bigcache_time_monotonic() + WAIT;

    do {
        rc = bigcache_cache_stat(check->cache, 0, &stat);

        /* a page that could be read may have expired meanwhile */

        may = expired(check);

        if (rc == BIGCACHE_OK && stat.keys + may >= n && stat.keys <= n + may) {
            return;
        }

        (void) usleep(10000);

    } while (bigcache_time_monotonic() < end);

    (void) tell(check, CHECK_COUNT, "%u keys, but the store counts %llu", n,
                (unsigned long long) stat.keys);
}


/* returns how many of the pages that were read first may have expired by now */

static unsigned
expired(check_t *check)
{
    double    now;
    unsigned  i, n;

    n = 0;
    now = seconds();

    for (i = 0; i < oracle_keys(check->oracle); i++) {
        n += (unsigned) oracle_may_go(check->oracle, i, check->image->at,
                                      &check->first[i], now);
    }

    return n;
}


/* what no record names may be torn, and so may the head of a segment */

static void
tool(check_t *check)
{
    int    rc;
    char   line[2 * PATH_MAX + 64], text[1024], problem[1024];
    FILE  *pipe;

    (void) snprintf(line, sizeof(line), "exec '%s' check '%s' 2>&1",
                    check->image->tool, check->path);

    pipe = popen(line, "r");
    if (pipe == NULL) {
        perror("popen");
        abort();
    }

    problem[0] = '\0';

    while (fgets(text, sizeof(text), pipe)) {

        if (check->conf->verbose) {
            printf("#     %s", text);
        }

        if (strstr(text, " problems\n")
            || strstr(text, ": a dead entry of it fails its check")
            || (!check->image->clean && strstr(text, "it is skipped")))
        {
            continue;
        }

        if (problem[0] == '\0') {
            text[strcspn(text, "\n")] = '\0';
            memcpy(problem, text, sizeof(problem));
        }
    }

    rc = pclose(pipe);

    if (rc != 0 && problem[0]) {
        (void) tell(check, CHECK_TOOL, "bigcache check: %s", problem);
    }
}


/* -- messages */

/* counts what is wrong; tells whether it was printed */

static int
tell(check_t *check, int kind, const char *fmt, ...)
{
    va_list   args;
    unsigned  line;

    (void) atomic_fetch_add(&check->totals->wrong[kind], 1);

    if (!check->failed) {
        check->failed = 1;
        (void) atomic_fetch_add(&check->totals->failed, 1);
    }

    line = ++check->lines[kind];

    if (line == 1) {
        check->told[kind] = atomic_fetch_add(&check->totals->told[kind], 1);
    }

    if (!check->conf->verbose
        && (line > LINES || check->told[kind] >= TOLD))
    {
        return 0;
    }

    printf("# %s: ", line == 1 ? check->image->what : "    and");

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);

    printf("\n");

    return 1;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level > BIGCACHE_LOG_ERR) {

        if (logged->conf->verbose > 1) {
            printf("#     log: %s\n", text);
        }

        return;
    }

    if (logged->image->clean) {
        (void) tell(logged, CHECK_CRIT, "logged: %s", text);

    } else if (logged->conf->verbose) {
        printf("#     log: %s\n", text);
    }
}


static double
seconds(void)
{
    return (double) bigcache_time_now_us() / 1000000;
}

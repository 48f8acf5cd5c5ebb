
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The processes of takeover.h, and how they execute orders.
 */


#define _GNU_SOURCE

#include "dir.h"
#include "takeover.h"


static void child(unsigned process);
static void *serve(void *data);
static int obey(slot_t *slot, int what);
static int obey_put(const slot_t *slot, uint64_t expect);
static int obey_get(slot_t *slot);
static int obey_burst(slot_t *slot);
static void *burst(void *data);
static int full_of(const bigcache_page_t *page);
static void log_handler(void *data, int level, const char *text);


char                    base[64];
char                    path[80];       /* of the store */
shared_t               *shared;
bigcache_local_conf_t   conf;
int64_t                 patience;

pid_t                   pids[PROCESSES];     /* 0: there is none */
int                     statuses[PROCESSES];

bigcache_cache_t       *cache;
unsigned                self = PROCESSES;    /* the parent */
__thread int            bursting;


/* begins a test: an empty directory and no processes */

void
prepare(const char *name, unsigned wait)
{
    printf("# %s\n", name);

    make_dir(base);

    (void) snprintf(path, sizeof(path), "%s/store", base);
    (void) mkdir(path, 0700);

    if (shared == NULL) {
        shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                      MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    }

    memset(shared, 0, sizeof(shared_t));
    memset(&conf, 0, sizeof(bigcache_local_conf_t));

    patience = PATIENCE;

    conf.store.path = path;
    conf.store.wait = wait;
    conf.store.index.block_cache = 1024 * 1024;
    conf.store.index.write_buffer = 1024 * 1024;
    conf.store.segment_size = 4 * 1024 * 1024;
    conf.store.gzip_min = SIZE_MAX;
    conf.store.log.handler = log_handler;
    conf.store.shared = &shared->store;
    conf.masters[0] = (uint64_t) getpid();
}


void
finish(void)
{
    unsigned  i;

    for (i = 0; i < PROCESSES; i++) {
        signals(i, SIGKILL);

        while (!ended(i)) {
            (void) usleep(500);
        }
    }

    remove_dir(base);

    /* at the second close it may be the file of another thread */

    is_int(atomic_load(&shared->twice), 0, "no file is closed twice");
}


/* begins a process and waits until it serves: the first is the owner */

void
spawn(unsigned process)
{
    pid_t    pid, parent;
    int64_t  end;

    (void) fflush(stdout);

    parent = getpid();
    pid = fork();

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (getppid() == parent) {
            child(process);
        }

        _exit(2);
    }

    if (pid == -1) {
        perror("fork");
        finish();
        exit(2);
    }

    pids[process] = pid;
    end = bigcache_time_monotonic() + patience;

    while (call(process, DO_GET, "nothing") != BIGCACHE_MISS) {
        if (ended(process) || bigcache_time_monotonic() > end) {
            ok(0, "process %u serves", process);
            return;
        }
    }
}


int
ended(unsigned process)
{
    if (pids[process]
        && waitpid(pids[process], &statuses[process], WNOHANG)
           == pids[process])
    {
        pids[process] = 0;
    }

    return pids[process] == 0;
}


/* a pid of 0 would mean this process and its whole group */

void
signals(unsigned process, int signal)
{
    if (!ended(process)) {
        (void) kill(pids[process], signal);
    }
}


/* returns the process that listens on the socket of the owner, or -1 */

int
owner(void)
{
    int           fd, rc;
    unsigned      i;
    socklen_t     len;
    struct ucred  cred;

    fd = bigcache_socket_connect(path, 1000);
    if (fd == -1) {
        return -1;
    }

    len = sizeof(cred);
    rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);

    (void) close(fd);

    for (i = 0; rc == 0 && i < PROCESSES; i++) {
        if (pids[i] && cred.pid == pids[i]) {
            return (int) i;
        }
    }

    return -1;
}


static void
child(unsigned process)
{
    unsigned   i;
    pthread_t  thread;

    self = process;
    cache = bigcache_local_create(&conf);

    if (cache == NULL || bigcache_cache_start(cache) != 0) {
        perror("cache");
        return;
    }

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, serve, &shared->slots[process][i])
            != 0)
        {
            return;
        }
    }

    for ( ;; ) {
        (void) pause();
    }
}


static void *
serve(void *data)
{
    slot_t *slot = data;

    int      what;
    int64_t  begin;

    for ( ;; ) {
        what = atomic_load(&slot->order);

        if (what == DO_NOTHING) {
            (void) usleep(500);
            continue;
        }

        begin = bigcache_time_monotonic();

        slot->rc = obey(slot, what);
        slot->msec = bigcache_time_monotonic() - begin;

        atomic_store(&slot->order, DO_NOTHING);
    }

    return NULL;
}


static int
obey(slot_t *slot, int what)
{
    bigcache_rc_t    rc;
    bigcache_str_t   key;
    bigcache_stat_t  stat;

    key.data = (u_char *) slot->key;
    key.len = strlen(slot->key);

    switch (what) {

    case DO_PUT:
        return obey_put(slot, BIGCACHE_EXPECT_ANY);

    case DO_CREATE:
        return obey_put(slot, BIGCACHE_EXPECT_NONE);

    case DO_GET:
        return obey_get(slot);

    case DO_DELETE:
        return bigcache_cache_delete(cache, &key, BIGCACHE_EXPECT_ANY);

    case DO_REMOVE:
        return bigcache_cache_delete(cache, &key, slot->version);

    case DO_COUNT:
        rc = bigcache_cache_stat(cache, 0, &stat);
        slot->n = (rc == BIGCACHE_OK) ? stat.keys : UINT64_MAX;
        return rc;

    case DO_GAUGES:
        rc = bigcache_cache_stat(cache, 1000, &stat);
        slot->n = stat.keys;
        return (rc == BIGCACHE_OK && !stat.counted) ? BIGCACHE_AGAIN : rc;

    case DO_CLEAR:
        return bigcache_cache_clear(cache);

    case DO_CLOSE:
        return bigcache_cache_close(cache);

    case DO_OPEN:
        return bigcache_cache_open(cache);

    case DO_QUIT:
        bigcache_cache_quit(cache);
        return BIGCACHE_OK;

    case DO_STOP:
        bigcache_cache_stop(cache);
        bigcache_cache_destroy(cache);
        _exit(0);

    default: /* DO_BURST */
        return obey_burst(slot);
    }
}


static int
obey_put(const slot_t *slot, uint64_t expect)
{
    u_char           *body;
    bigcache_rc_t     rc;
    bigcache_put_t    p;
    bigcache_data_t   data;
    bigcache_page_t   page;

    body = malloc(slot->len + 1);
    if (body == NULL) {
        return BIGCACHE_NOMEM;
    }

    memset(body, slot->fill, slot->len);
    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes(body, slot->len);

    p.key.data = (u_char *) slot->key;
    p.key.len = strlen(slot->key);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.expect = expect;
    p.data = &data;
    p.n = 1;

    rc = bigcache_cache_put(cache, &p, &page);

    bigcache_page_free(&page);
    free(body);

    return rc;
}


static int
obey_get(slot_t *slot)
{
    bigcache_rc_t    rc;
    bigcache_str_t   key;
    bigcache_page_t  page;

    key.data = (u_char *) slot->key;
    key.len = strlen(slot->key);

    rc = bigcache_cache_get(cache, &key, 1, &page);

    if (rc == BIGCACHE_OK) {
        slot->n = page.length;
        slot->version = page.version;
        slot->found = full_of(&page);
    }

    bigcache_page_free(&page);

    return rc;
}


/* returns the first result that differs from the others, or the common one */

static int
obey_burst(slot_t *slot)
{
    unsigned       i, n;
    burst_t        bursts[BURST];
    bigcache_rc_t  rc;

    n = 0;

    for (i = 0; i < BURST; i++) {
        (void) snprintf(bursts[i].key, sizeof(bursts[i].key), "burst%u", i);

        if (pthread_create(&bursts[i].thread, NULL, burst, &bursts[i]) != 0) {
            break;
        }

        n++;
    }

    rc = BIGCACHE_OK;

    for (i = 0; i < n; i++) {
        (void) pthread_join(bursts[i].thread, NULL);

        if (i == 0 || bursts[i].rc != bursts[0].rc) {
            rc = bursts[i].rc;
        }
    }

    slot->n = n;

    return rc;
}


static void *
burst(void *data)
{
    burst_t *b = data;

    slot_t  slot;

    memset(&slot, 0, sizeof(slot_t));
    memcpy(slot.key, b->key, sizeof(slot.key));

    slot.len = 2000;
    slot.fill = 'b';

    bursting = 1;
    b->rc = obey_put(&slot, BIGCACHE_EXPECT_ANY);

    return NULL;
}


/* returns the byte that the page consists of, or -1 */

static int
full_of(const bigcache_page_t *page)
{
    int            fill;
    char           buf[4096];
    size_t         size;
    ssize_t        i, n;
    uint64_t       done;
    const u_char  *p;

    fill = -1;

    for (done = 0; done < page->length; done += (uint64_t) n) {

        if (page->body.fd == -1) {
            p = page->body.bytes.data;
            n = (ssize_t) page->body.bytes.len;

        } else {
            size = sizeof(buf);

            if (size > page->length - done) {
                size = (size_t) (page->length - done);
            }

            n = pread(page->body.fd, buf, size,
                      page->body.offset + (off_t) done);
            p = (u_char *) buf;
        }

        if (n <= 0) {
            return -1;
        }

        fill = (done == 0) ? p[0] : fill;

        for (i = 0; i < n; i++) {
            if (p[i] != fill) {
                return -1;
            }
        }
    }

    return fill;
}


void
order(unsigned process, unsigned thread, int what, const char *key,
    size_t len, int fill)
{
    slot_t  *slot;

    slot = &shared->slots[process][thread];

    if (atomic_load(&slot->order) != DO_NOTHING) {

        /* result() reports it */

        return;
    }

    (void) snprintf(slot->key, sizeof(slot->key), "%s", key);
    slot->len = len;
    slot->fill = fill;

    atomic_store(&slot->order, what);
}


int
answered(unsigned process, unsigned thread)
{
    return atomic_load(&shared->slots[process][thread].order) == DO_NOTHING;
}


/* waits for the result of an order; returns it, or -1 if there is none */

int
result(unsigned process, unsigned thread)
{
    int64_t  end;
    slot_t  *slot;

    slot = &shared->slots[process][thread];
    end = bigcache_time_monotonic() + patience;

    while (atomic_load(&slot->order) != DO_NOTHING) {

        if (ended(process)) {
            return -1;
        }

        if (bigcache_time_monotonic() > end) {
            printf("# process %u, thread %u: there is no result\n", process,
                   thread);
            patience = IMPATIENT;
            return -1;
        }

        (void) usleep(200);
    }

    return slot->rc;
}


int
call(unsigned process, int what, const char *key)
{
    order(process, 0, what, key, 0, 0);

    return result(process, 0);
}


int
put(unsigned process, const char *key, size_t len, int fill)
{
    order(process, 0, DO_PUT, key, len, fill);

    return result(process, 0);
}


/* returns 1 if a process reads the right page under the key */

int
holds(unsigned process, const char *key, size_t len, int fill)
{
    int      rc;
    slot_t  *slot;

    rc = call(process, DO_GET, key);
    slot = &shared->slots[process][0];

    return rc == BIGCACHE_OK && slot->n == len && slot->found == fill;
}


void
gate_set(unsigned gate, unsigned process, int mode)
{
    atomic_store(&shared->gates[gate].process, process);
    atomic_store(&shared->gates[gate].mode, mode);
}


void
gate_open(unsigned gate)
{
    atomic_store(&shared->gates[gate].mode, GATE_PASSES);
}


int
gate_held(unsigned gate)
{
    return atomic_load(&shared->gates[gate].mode) == GATE_HELD;
}


/* the next call passes a gate; returns 0, or -1 if it must fail */

int
gate_pass(unsigned gate)
{
    int      mode;
    gate_t  *g;

    if (self == PROCESSES) {
        return 0;
    }

    g = &shared->gates[gate];
    mode = atomic_load(&g->mode);

    if (mode == GATE_PASSES || atomic_load(&g->process) != self) {
        return 0;
    }

    if (mode == GATE_KILLS) {
        (void) kill(getpid(), SIGKILL);
    }

    if (mode == GATE_HOLDS
        && atomic_compare_exchange_strong(&g->mode, &mode, GATE_HELD))
    {
        while (atomic_load(&g->mode) == GATE_HELD) {
            (void) usleep(500);
        }
    }

    return (mode == GATE_FAILS) ? -1 : 0;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level < BIGCACHE_LOG_NOTICE) {
        (void) atomic_fetch_add(&shared->complaints, 1);
        printf("# log of process %u: %s\n", self, text);
        (void) fflush(stdout);
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store, while a system call fails.
 *
 * Each run takes a copy of a store with known pages and does one thing with
 * it.  Meanwhile the N-th call of a kind fails, and later calls work again.
 * After that, what was acknowledged must be there, byte for byte, and what was
 * deleted must be gone, in three openings without a fault, one after the
 * other.  Nothing may hang, and no request may get wrong bytes.
 *
 * The number of calls of each kind is counted in a run without a fault.
 * BIGCACHE_FAULTS says how many of them are tried for each scenario and kind,
 * or "all": then each of them with each error.  BIGCACHE_FAULTS_SEED chooses
 * them.  BIGCACHE_FAULTS_ONLY names one run, as the test prints it.
 */


#define _GNU_SOURCE

#include "bigcache_close.h"
#include "bigcache_keeper.h"
#include "fault.h"

#include <signal.h>
#include <time.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bigcache_adopt.h"
#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_gzip.h"
#include "bigcache_names.h"
#include "bigcache_purge.h"
#include "bigcache_recover.h"
#include "bigcache_store.h"
#include "bigcache_time.h"
#include "dir.h"
#include "selectors.h"
#include "tap.h"


#define SAMPLE     1
#define JOBS       6                   /* runs at once, most of them wait */
#define PATIENCE   60                  /* s, for a process of a run */
#define SERVING    30000               /* ms, until a store serves again */
#define MOMENT     60                  /* ms, in which nothing changes */
#define LATER      (86400 * 1000)      /* ms, a run over all ends before */

#define HUGE_PAGE  (16 * 1024 * 1024)
#define PIECES     20                  /* of such a page, at most */

#define PAGES      68
#define PAGE       (30 * 1000)
#define LARGE      (1200 * 1000)

/* what may be under a key */

#define MAY_MISS   1
#define MAY_OLD    2
#define MAY_NEW    4


typedef enum {
    TEMPLATE_CLOSED = 0,
    TEMPLATE_KILLED,                   /* with a purge that was not run */
    TEMPLATE_ORIGINAL,
    TEMPLATE_DAMAGED,                  /* a table of the index */
    TEMPLATES
} template_e;

typedef struct {
    char                      key[16];
    size_t                    len;
    int                       text;    /* that can be packed */
    unsigned                  may;
    unsigned                  stale;   /* a soft purge has marked it */
} model_t;

typedef struct {
    model_t            pages[PAGES];
    fault_t            fault;
    bigcache_shared_t  shared;
    _Atomic            unsigned          removed; /* expired pages */
    _Atomic            int               failed;
    int                aborted;
    char               why[256];
    char               log[4096];
    _Atomic            unsigned          logged;
} run_t;

typedef struct {
    const char               *name;
    template_e                template;
    void                    (*run)(void);
} scenario_t;

/* one run: in scenario, calls of kind from the first on fail n times */

typedef struct {
    unsigned                  scenario;
    unsigned                  kind;
    unsigned                  first;
    unsigned                  n;
    int                       error;
} job_t;


static void scenario_open(void);
static void scenario_stop(void);
static void scenario_close(void);
static void scenario_get(void);
static void scenario_put(void);
static void scenario_delete(void);
static void scenario_purge(void);
static void scenario_tag(void);
static void scenario_soft(void);
static void purge_by_tag(int soft);
static void scenario_compact(void);
static void scenario_evict(void);
static void scenario_expire(void);
static void scenario_clear(void);
static void scenario_import(void);

static void test_recount(void);
static void crash_case(const char *name, void (*fill)(void),
    void (*handler)(void));
static void recount_fill(void);
static void recount_unread(void);
static void recount_few(void);
static void recount_drained(void);
static void recount_broken(void);
static void recount_stops(void (*counted)(unsigned kind, unsigned n));
static void recount_resign(unsigned kind, unsigned n);
static void recount_break(unsigned kind, unsigned n);
static void recount_start(void);
static bigcache_rc_t recount_opened(void *data, char *error);
static void recount_closing(void *data);
static void revert_fill(void);
static void revert_large(void);
static void revert_hold(unsigned kind, unsigned n);
static void huge_put(uint64_t len);
static void test_again(void);
static void again_fill(void);
static void again_check(void);
static void test_import(void);
static void import_fill(void);
static void import_begins(void);
static unsigned logged(const char *text);
static void test_clock(void);
static void clock_fill(void);
static void clock_behind(void);
static void clock_wrong(void);
static void clock_hold(unsigned kind, unsigned n);
static void clock_write_later(const char *key, uint64_t written);
static void test_adopt(void);
static void adopt(void);
static void template_make(unsigned template);
static void template_fill(void);
static void template_original(void);
static void template_damage(const char *dir);
static void template_repair(void);
static void count_calls(unsigned scenario);
static void plan(void);
static void plan_kind(unsigned scenario, unsigned kind);
static void plan_add(const job_t *job);
static void plan_only(const char *text);
static void jobs_run(void);
static void job_run(const job_t *job, run_t *r, const char *dir);
static void job_name(const job_t *job, char *text, size_t len);
static int in_child(void (*handler)(void), unsigned seconds);
static void scenario_child(void);
static void verify(void);
static void verify_pages(int pass);
static void verify_tags(void);
static bigcache_rc_t verify_record(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static void arm(void);
static void disarm(void);
static void start(void);
static void stop(void);
static void serving(void);
static void counted(void);
static void settled(void);
static void fail(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
static model_t *page(const char *key);
static const u_char *body(const model_t *m, int new);
static void bodies_make(void);
static void body_make(u_char *buf, const model_t *m, int new);
static bigcache_rc_t put(model_t *m, int new, int64_t expire);
static bigcache_rc_t look(model_t *m);
static void look_all(void);
static int same(const bigcache_stored_t *got, const model_t *m, int new);
static void delete(const char *key);
static void place(const char *key, bigcache_record_t *record);
static void tear(const char *key);
static uint64_t synced(void);
static int exists(const char *name);
static unsigned segments(void);
static void copy(const char *from, const char *to);
static void removed_handler(void *data, uint64_t expired, uint64_t purged);
static void log_handler(void *data, int level, const char *text);
static unsigned chance(unsigned n);


static const scenario_t  scenarios[] = {
    { "open",    TEMPLATE_CLOSED,   scenario_open },
    { "recover", TEMPLATE_KILLED,   scenario_open },
    { "repair",  TEMPLATE_DAMAGED,  scenario_open },
    { "import",  TEMPLATE_ORIGINAL, scenario_import },
    { "stop",    TEMPLATE_CLOSED,   scenario_stop },
    { "close",   TEMPLATE_CLOSED,   scenario_close },
    { "get",     TEMPLATE_CLOSED,   scenario_get },
    { "put",     TEMPLATE_CLOSED,   scenario_put },
    { "delete",  TEMPLATE_CLOSED,   scenario_delete },
    { "purge",   TEMPLATE_CLOSED,   scenario_purge },
    { "tag",     TEMPLATE_CLOSED,   scenario_tag },
    { "soft",    TEMPLATE_CLOSED,   scenario_soft },
    { "compact", TEMPLATE_CLOSED,   scenario_compact },
    { "evict",   TEMPLATE_CLOSED,   scenario_evict },
    { "expire",  TEMPLATE_CLOSED,   scenario_expire },
    { "clear",   TEMPLATE_CLOSED,   scenario_clear }
};

#define SCENARIOS  (sizeof(scenarios) / sizeof(scenarios[0]))

static const char *const  kinds[FAULT_KINDS] = { FAULT_NAMES };

static const int  errors[FAULT_KINDS][8] = {
    [FAULT_OPEN] = { EMFILE, EIO, ENFILE, ENOMEM, EACCES, EINTR },
    [FAULT_READDIR] = { EIO, ENOMEM },
    [FAULT_STAT] = { EIO, ENOMEM, EACCES },
    [FAULT_READ] = { EIO, ENOMEM, EINTR, ENODATA },
    [FAULT_WRITE] = { ENOSPC, EIO, EINTR, EDQUOT },
    [FAULT_SYNC] = { EIO, ENOSPC },
    [FAULT_RENAME] = { EIO, ENOSPC, EACCES },
    [FAULT_UNLINK] = { EIO, EACCES, EBUSY },
    [FAULT_MKDIR] = { ENOSPC, EIO, EACCES },
    [FAULT_LINK] = { ENOSPC, EIO, EMLINK },
    [FAULT_SPACE] = { ENOSPC, EIO, EINTR },
    [FAULT_MMAP] = { ENOMEM, EMFILE },
    [FAULT_LOCK] = { ENOLCK, EINTR },
    [FAULT_MEMORY] = { ENOMEM }
};

static char                   base[64];
static char                   path[96];
static char                   templates[TEMPLATES][96];
static model_t                models[TEMPLATES][PAGES];
static unsigned               calls[SCENARIOS][FAULT_KINDS];
static job_t                 *jobs;
static size_t                 njobs, njobs_alloc;
static run_t                 *runs, *run;
static const job_t           *current;
static bigcache_store_conf_t  conf;
static bigcache_store_t      *store;
static unsigned               seed, sample;
static u_char                *bodies[PAGES][2];
static u_char                 got[LARGE];
static _Atomic unsigned       reads;   /* pages read before the close */
static pthread_t              self;
static _Atomic int            held;    /* the count waits; 2: it began */


int
main(void)
{
    unsigned     i;
    const char  *only, *text;

    text = getenv("BIGCACHE_FAULTS_SEED");
    seed = text ? (unsigned) atoi(text) : (unsigned) time(NULL);

    text = getenv("BIGCACHE_FAULTS");
    sample = text ? (strcmp(text, "all") == 0 ? UINT_MAX
                                              : (unsigned) atoi(text))
                  : SAMPLE;

    printf("# BIGCACHE_FAULTS_SEED=%u\n", seed);

    conf.path = path;
    conf.wait = 200;
    conf.index.block_cache = 1024 * 1024;
    conf.index.write_buffer = 64 * 1024;
    conf.segment_size = 1024 * 1024;
    conf.gzip_min = 256;
    conf.log.handler = log_handler;
    conf.removed = removed_handler;

    make_dir(base);

    runs = mmap(NULL, JOBS * sizeof(run_t), PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (runs == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    run = &runs[0];

    for (i = 0; i < TEMPLATES; i++) {
        template_make(i);
    }

    test_recount();
    test_again();
    test_clock();
    test_import();

    test_adopt();

    only = getenv("BIGCACHE_FAULTS_ONLY");

    if (only) {
        plan_only(only);

    } else {
        for (i = 0; i < SCENARIOS; i++) {
            count_calls(i);
        }

        plan();
    }

    jobs_run();

    remove_dir(base);

    return done_testing();
}


/* the scenarios; faults are armed for the part under test */

static void
scenario_open(void)
{
    arm();
    start();
    serving();
    look_all();
    settled();
    disarm();
    serving();
    stop();
}


static void
scenario_stop(void)
{
    start();
    serving();
    (void) put(page("k03"), 1, BIGCACHE_NEVER);
    (void) put(page("n01"), 1, BIGCACHE_NEVER);
    arm();
    stop();
    disarm();
}


static void
scenario_close(void)
{
    start();
    serving();
    (void) put(page("k03"), 1, BIGCACHE_NEVER);
    arm();
    (void) bigcache_close(store);
    (void) bigcache_store_open(store);
    disarm();

    if (atomic_load(&store->shared->closed)) {
        (void) bigcache_store_open(store);
    }

    serving();
    stop();
}


static void
scenario_get(void)
{
    start();
    serving();
    arm();
    look_all();
    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_put(void)
{
    unsigned  i;

    static const char *const  keys[] = {
        "k00", "k01", "k02", "z00", "z01", "t00", "t01", "n00", "L0", "L2",
        "k04", "n01", "d01", "k05"
    };

    start();
    serving();
    arm();

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        (void) put(page(keys[i]), 1,
                   i % 4 ? BIGCACHE_NEVER : bigcache_time_now() + LATER);
        (void) look(page(keys[i]));
    }

    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_delete(void)
{
    start();
    serving();
    arm();

    delete("k00");
    delete("z00");
    delete("t00");
    delete("L0");
    delete("k29");

    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_purge(void)
{
    unsigned         i;
    uint64_t         version, n, expired;
    bigcache_rc_t    rc;
    bigcache_str_t   prefix = bigcache_string("k1");

    start();
    serving();
    arm();

    for (i = 0; i < PAGES; i++) {
        if (strncmp(run->pages[i].key, "k1", 2) == 0) {
            run->pages[i].may |= MAY_MISS;
        }
    }

    rc = bigcache_purge(store, keys_with(&prefix), 0, 0, &version);

    for (i = 0; rc == BIGCACHE_OK && i < PAGES; i++) {
        if (strncmp(run->pages[i].key, "k1", 2) == 0) {
            run->pages[i].may = MAY_MISS;
        }
    }

    if (rc == BIGCACHE_OK) {
        n = 0;
        expired = 0;

        /* if this fails, the keeper continues the purge */

        (void) bigcache_purge_run(store, version, &n, &expired);
    }

    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_tag(void)
{
    purge_by_tag(0);
}


static void
scenario_soft(void)
{
    purge_by_tag(1);
}


/* pages are stored meanwhile, over some that have another tag afterwards */

static void
purge_by_tag(int soft)
{
    unsigned              i;
    uint64_t              version, n, expired;
    model_t              *m;
    bigcache_rc_t         rc;
    bigcache_selector_t   selector;
    bigcache_selectors_t  list;

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.tag.data = (const u_char *) "k1";
    selector.tag.len = 2;
    selector.flags = soft ? BIGCACHE_SELECTOR_SOFT : 0;

    bigcache_selectors_init(&list);
    (void) bigcache_selectors_add(&list, &selector);

    start();
    serving();
    arm();

    (void) put(page("k13"), 1, BIGCACHE_NEVER);
    (void) put(page("k25"), 1, BIGCACHE_NEVER);

    for (i = 0; i < PAGES && !soft; i++) {
        if (strncmp(run->pages[i].key, "k1", 2) == 0) {
            run->pages[i].may |= MAY_MISS;
        }
    }

    rc = bigcache_purge(store, &list, 0, 0, &version);

    for (i = 0; rc == BIGCACHE_OK && i < PAGES; i++) {
        m = &run->pages[i];

        if (strncmp(m->key, "k1", 2) == 0) {
            m->may = soft ? m->may : MAY_MISS;
            m->stale = (soft != 0);
        }
    }

    (void) put(page("k15"), 1, BIGCACHE_NEVER);

    if (rc == BIGCACHE_OK) {
        n = 0;
        expired = 0;
        (void) bigcache_purge_run(store, version, &n, &expired);
    }

    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_compact(void)
{
    char      key[16];
    int64_t   end;
    unsigned  i;

    start();
    serving();
    arm();

    for (i = 0; i < 28; i++) {
        if (i % 4) {
            (void) snprintf(key, sizeof(key), "k%02u", i);
            delete(key);
        }
    }

    end = bigcache_time_monotonic() + 1500;

    while (atomic_load(&run->shared.compacted) < 1
           && bigcache_time_monotonic() < end)
    {
        look_all();
    }

    disarm();
    serving();
    stop();
}


static void
scenario_evict(void)
{
    char      key[16];
    unsigned  i;

    for (i = 0; i < PAGES; i++) {
        run->pages[i].may |= MAY_MISS;
    }

    conf.max_size = 5 * 1024 * 1024;

    start();
    serving();
    arm();

    for (i = 0; i < 30; i++) {
        (void) snprintf(key, sizeof(key), "k%02u", i);
        (void) put(page(key), 1, BIGCACHE_NEVER);
        page(key)->may |= (i < 20) ? MAY_MISS : 0;
    }

    look_all();
    settled();
    disarm();
    serving();
    stop();

    conf.max_size = 0;
}


static void
scenario_expire(void)
{
    char      key[16];
    int64_t   end;
    unsigned  i, n;

    start();
    serving();

    n = atomic_load(&run->removed);

    for (i = 0; i < 20; i++) {
        (void) snprintf(key, sizeof(key), "k%02u", i);
        (void) put(page(key), 1, bigcache_time_now() + 1);
        page(key)->may = MAY_MISS;
    }

    (void) usleep(1700 * 1000);
    arm();

    end = bigcache_time_monotonic() + 3000;

    while (atomic_load(&run->removed) < n + 20
           && bigcache_time_monotonic() < end)
    {
        (void) usleep(10000);
    }

    look_all();
    disarm();
    serving();
    stop();
}


static void
scenario_clear(void)
{
    int64_t        end;
    unsigned       i;
    bigcache_rc_t  rc;

    start();
    serving();
    arm();

    for (i = 0; i < PAGES; i++) {
        run->pages[i].may |= MAY_MISS;
    }

    rc = bigcache_close_clear(store);

    for (i = 0; rc == BIGCACHE_OK && i < PAGES; i++) {
        run->pages[i].may = MAY_MISS;
    }

    look_all();
    disarm();
    serving();

    (void) put(page("k00"), 1, BIGCACHE_NEVER);
    (void) put(page("n00"), 1, BIGCACHE_NEVER);

    end = bigcache_time_monotonic() + SERVING;

    while (exists("trash") && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    if (exists("trash")) {
        fail("the trash is not emptied");
    }

    stop();
}


static void
scenario_import(void)
{
    unsigned         i;
    int64_t          end;
    uint64_t         version, n, expired;
    bigcache_rc_t    rc;
    bigcache_str_t   prefix = bigcache_string("k1");

    arm();
    start();

    end = bigcache_time_monotonic() + SERVING;

    while (look(page("d00")) != BIGCACHE_MISS
           && bigcache_time_monotonic() < end)
    {
        (void) usleep(1000);
    }

    (void) put(page("z09"), 1, BIGCACHE_NEVER);
    delete("t19");
    delete("z09");
    (void) put(page("z08"), 1, BIGCACHE_NEVER);

    for (i = 0; i < PAGES; i++) {
        if (strncmp(run->pages[i].key, "k1", 2) == 0) {
            run->pages[i].may |= MAY_MISS;
        }
    }

    rc = bigcache_purge(store, keys_with(&prefix), 0, 0, &version);

    if (rc == BIGCACHE_OK) {
        for (i = 0; i < PAGES; i++) {
            if (strncmp(run->pages[i].key, "k1", 2) == 0) {
                run->pages[i].may = MAY_MISS;
            }
        }

        n = 0;
        expired = 0;
        (void) bigcache_purge_run(store, version, &n, &expired);
    }

    end = bigcache_time_monotonic() + 3000;

    while (exists("import") && bigcache_time_monotonic() < end) {
        look_all();
    }

    disarm();
    serving();
    stop();
}


/* the count after a crash, when pages were not synced */

static void
test_recount(void)
{
    crash_case("recount: pages that cannot be read", recount_fill,
               recount_unread);
    crash_case("recount: what has replaced nothing", recount_fill,
               recount_few);
    crash_case("recount: a store that is let go", recount_fill,
               recount_drained);
    crash_case("recount: a store that broke", recount_fill, recount_broken);
    crash_case("revert: to a large page", revert_fill, revert_large);
}


/* in a directory of its own, which one process leaves and another one opens */

static void
crash_case(const char *name, void (*fill)(void), void (*handler)(void))
{
    int  i;

    for (i = 0; i < PAGES; i++) {
        run->pages[i].may = MAY_MISS;
    }

    run->failed = 0;
    memset(&run->fault, 0, sizeof(fault_t));
    atomic_store(&run->logged, 0);

    (void) snprintf(path, sizeof(path), "%s/crash", base);
    (void) strcpy(run->fault.path, path);
    (void) strcpy(run->fault.only, "/pages/");

    run->fault.len = strlen(path);
    run->fault.kind = FAULT_READ;

    (void) mkdir(path, 0700);

    ok(in_child(fill, PATIENCE) == 0
       && in_child(handler, PATIENCE) == 0
       && !run->failed,
       "%s", name);

    if (run->failed) {
        fprintf(stderr, "# %s\n%s", run->why, run->log);
    }

    remove_dir(path);
}


/* ten pages that replaced others, ten that did not, and a huge one */

static void
recount_fill(void)
{
    int  i;

    start();
    serving();

    for (i = 0; i < 20; i++) {
        (void) put(&run->pages[i], 0, BIGCACHE_NEVER);

        if (i < 10) {
            (void) put(&run->pages[i], 1, BIGCACHE_NEVER);
        }
    }

    huge_put(HUGE_PAGE);
    huge_put(HUGE_PAGE);
}


/* stores a page of so many zeroes under "a" */

static void
huge_put(uint64_t len)
{
    int                fd;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  stored;

    fd = memfd_create("huge", MFD_CLOEXEC);
    (void) ftruncate(fd, (off_t) len);

    data = bigcache_data_range(fd, 0, len);

    memset(&p, 0, sizeof(bigcache_put_t));

    p.key = (bigcache_str_t) bigcache_string("a");
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.data = &data;
    p.n = 1;

    if (bigcache_store_put(store, &p, &stored) != BIGCACHE_OK) {
        fail("no page of %llu bytes", (unsigned long long) len);
    }

    bigcache_stored_free(&stored);
    (void) close(fd);
}


/* all keys are counted, pages are stored, and can then be read */

static void
recount_unread(void)
{
    int  i;

    run->fault.first = 1;
    run->fault.n = UINT_MAX;
    run->fault.error = EIO;

    recount_start();
    counted();
    disarm();

    if (put(page("n00"), 1, BIGCACHE_NEVER) != BIGCACHE_OK) {
        fail("no page is stored");
    }

    for (i = 0; i < 20; i++) {
        if (look(&run->pages[i]) != BIGCACHE_OK) {
            fail("\"%s\" is gone", run->pages[i].key);
        }
    }

    stop();
}


/* one read for each small page and each segment, some for the huge page */

static void
recount_few(void)
{
    unsigned  n;

    recount_start();
    counted();
    disarm();

    n = atomic_load(&run->fault.calls[FAULT_READ]);

    if (n < 10 || n > 10 + 1 + HUGE_PAGE / (256 * 1024) + 6) {
        fail("%u reads", n);
    }

    stop();
}


static void
recount_drained(void)
{
    recount_stops(recount_resign);
}


static void
recount_broken(void)
{
    recount_stops(recount_break);
}


/* in the middle of the huge page, which has the first key */

static void
recount_stops(void (*handler)(unsigned kind, unsigned n))
{
    int64_t  end;

    fault_counted = handler;

    recount_start();

    end = bigcache_time_monotonic() + SERVING;

    while (atomic_load(&reads) == 0 && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    if (atomic_load(&reads) == 0 || atomic_load(&reads) > PIECES) {
        fail("%u reads until it is closed", atomic_load(&reads));
    }

    counted();
    stop();
}


static void
recount_resign(unsigned kind, unsigned n)
{
    if (kind == FAULT_READ && n == 3) {
        bigcache_store_resign(store);
    }
}


static void
recount_break(unsigned kind, unsigned n)
{
    if (kind == FAULT_READ && n == 3) {
        bigcache_fault_break(store, BIGCACHE_ERROR);
    }
}


static void
recount_start(void)
{
    faults = &run->fault;

    atomic_store(&reads, 0);

    conf.hooks.opened = recount_opened;
    conf.hooks.closing = recount_closing;

    start();
}


/* by now the headers of segments have been read */

static bigcache_rc_t
recount_opened(void *data, char *error)
{
    (void) data;
    (void) error;

    arm();

    return BIGCACHE_OK;
}


static void
recount_closing(void *data)
{
    (void) data;

    if (atomic_load(&reads) == 0) {
        atomic_store(&reads, atomic_load(&run->fault.calls[FAULT_READ]));
    }

    disarm();
}


static void
revert_fill(void)
{
    recount_fill();
    tear("a");
}


/* a page is stored while the one to come back is read */

static void
revert_large(void)
{
    int64_t            end;
    bigcache_record_t  record;

    self = pthread_self();
    fault_counted = revert_hold;
    atomic_store(&held, 1);

    recount_start();

    end = bigcache_time_monotonic() + SERVING;

    while (atomic_load(&held) == 1 && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    huge_put(1000);

    if (atomic_load(&held) != 2) {
        fail("the key was locked while its page was read");
    }

    atomic_store(&held, 0);
    counted();
    disarm();

    place("a", &record);

    if (record.unpacked != 1000) {
        fail("the page that came back is in the place of a later one");
    }

    stop();
}


/* in the middle of the page, and only for a while: a write may wait for it */

static void
revert_hold(unsigned kind, unsigned n)
{
    int64_t  end;

    if (kind != FAULT_READ
        || n < PIECES
        || pthread_equal(pthread_self(), self)
        || atomic_load(&held) != 1)
    {
        return;
    }

    atomic_store(&held, 2);

    end = bigcache_time_monotonic() + SERVING / 4;

    while (atomic_load(&held) == 2 && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    atomic_store(&held, 0);
}


/* a removal that is made again, since its answer was lost, and a power cut */

static void
test_again(void)
{
    crash_case("again: what was removed is not brought back", again_fill,
               again_check);
}


/* pages are stored, removed, stored again, and removed again */

static void
again_fill(void)
{
    int                i;
    uint64_t           version, n, expired;
    bigcache_str_t     key;
    bigcache_record_t  record;

    start();
    serving();

    for (i = 0; i < 4; i++) {
        (void) put(&run->pages[i], 0, BIGCACHE_NEVER);
    }

    place("k03", &record);

    for (i = 0; i < 4; i++) {
        (void) put(&run->pages[i], 1, BIGCACHE_NEVER);
    }

    n = 0;
    expired = 0;
    key = (bigcache_str_t) bigcache_string("k00");

    if (bigcache_purge(store, keys_with(&key), 0, record.version, &version)
        != BIGCACHE_OK
        || bigcache_purge_run(store, version, &n, &expired)
           != BIGCACHE_OK
        || n != 0)
    {
        fail("no purge, or of a later page");
    }

    key = (bigcache_str_t) bigcache_string("k01");

    if (bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY,
                              record.version)
        != BIGCACHE_OK)
    {
        fail("no deletion");
    }

    key = (bigcache_str_t) bigcache_string("k02");

    if (bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY,
                              record.version)
        != BIGCACHE_OK)
    {
        fail("no deletion");
    }

    for (i = 0; i < 4; i++) {
        if (look(&run->pages[i]) != BIGCACHE_OK) {
            fail("\"%s\" is removed, which is later", run->pages[i].key);
        }
    }

    (void) put(page("k02"), 0, BIGCACHE_NEVER);

    for (i = 0; i < 4; i++) {
        tear(run->pages[i].key);
    }

    run->pages[0].may = MAY_MISS;
    run->pages[1].may = MAY_MISS;
    run->pages[2].may = MAY_NEW;
    run->pages[3].may = MAY_OLD;
}


static void
again_check(void)
{
    int  i;

    start();
    counted();

    for (i = 0; i < 4; i++) {
        if (look(&run->pages[i]) != (i < 2 ? BIGCACHE_MISS : BIGCACHE_OK)) {
            fail("\"%s\" is %s", run->pages[i].key, i < 2 ? "back" : "lost");
        }
    }

    stop();
}


/* a power cut sets the clock of the machine back */

static void
test_clock(void)
{
    crash_case("clock: behind what was stored", clock_fill, clock_behind);
    crash_case("clock: a version without a next one", clock_fill, clock_wrong);
}


/* an hour ahead, pages are stored, synced and stored again, and one is torn */

static void
clock_fill(void)
{
    int                i;
    uint64_t           now;
    bigcache_record_t  record;

    atomic_store(&fault_ahead, 3600);

    start();
    serving();

    for (i = 0; i < 4; i++) {
        (void) put(&run->pages[i], 0, BIGCACHE_NEVER);
    }

    (void) put(page("z00"), 0, BIGCACHE_NEVER);
    place("z00", &record);

    stop();

    /* these were moved, even later */

    now = record.version;

    clock_write_later("k03", now + 10 * 3600 * 1000000ull);
    clock_write_later("z00", now + 20 * 3600 * 1000000ull);

    start();
    serving();

    (void) put(page("k00"), 1, BIGCACHE_NEVER);
    (void) put(page("k01"), 1, BIGCACHE_NEVER);

    tear("k01");
}


static void
clock_write_later(const char *name, uint64_t written)
{
    char                error[BIGCACHE_ERROR_LEN], dir[PATH_MAX];
    u_char              buf[4 * BIGCACHE_RECORD_MAX];
    bigcache_str_t      key, value, bytes;
    bigcache_index_t   *index;
    bigcache_change_t   change;
    bigcache_record_t   record;

    (void) snprintf(dir, sizeof(dir), "%s/index", path);

    key.data = (const u_char *) name;
    key.len = strlen(name);

    if (bigcache_index_open(&index, dir, &conf.index, error) != BIGCACHE_OK
        || bigcache_index_get(index, BIGCACHE_NAMES_KEY, &key, &value, error)
           != BIGCACHE_OK
        || bigcache_record_decode(&record, value.data, value.len) == -1)
    {
        fail("no record of \"%s\"", name);
        _exit(0);
    }

    record.flags |= BIGCACHE_FLAG_PREVIOUS;
    record.written = written;
    record.previous = value;

    bytes.data = buf;
    bytes.len = bigcache_record_size(&record);

    (void) bigcache_record_encode(buf, &record);
    bigcache_record_seal(buf, bytes.len);

    change.space = BIGCACHE_NAMES_KEY;
    change.key = key;
    change.value = &bytes;

    if (bigcache_index_write(index, &change, 1, error) != BIGCACHE_OK) {
        fail("no record of \"%s\" is written", name);
    }

    bigcache_index_free(&value);
    bigcache_index_close(index);
}


/* requests come before the count has reached their keys */

static void
clock_behind(void)
{
    uint64_t           before;
    bigcache_record_t  was, is;

    self = pthread_self();
    fault_counted = clock_hold;
    atomic_store(&held, 1);

    before = synced();

    recount_start();
    serving();

    run->pages[1].may = MAY_OLD;

    if (look(page("k01")) != BIGCACHE_OK) {
        fail("the page that was torn has no previous one");
    }

    (void) put(page("k04"), 1, BIGCACHE_NEVER);
    place("k04", &is);

    if (is.written <= before) {
        fail("what is stored is taken to be durable");
    }

    place("k03", &was);
    (void) put(page("k03"), 1, BIGCACHE_NEVER);
    place("k03", &is);

    if (is.version <= was.written) {
        fail("what is stored over a record is earlier than that");
    }

    place("z00", &was);
    atomic_store(&held, 0);
    counted();

    (void) put(page("n00"), 1, BIGCACHE_NEVER);
    place("n00", &is);

    if (is.version <= was.written) {
        fail("what is stored is earlier than what was counted");
    }

    disarm();
    stop();
}


static void
clock_hold(unsigned kind, unsigned n)
{
    (void) n;

    while (kind == FAULT_READ
           && !pthread_equal(pthread_self(), self)
           && atomic_load(&held))
    {
        (void) usleep(1000);
    }
}


/* "lock" has something else in the place of the version */

static void
clock_wrong(void)
{
    int                fd;
    char               file[PATH_MAX];
    bigcache_record_t  record;

    static const uint64_t  last = UINT64_MAX;

    (void) snprintf(file, sizeof(file), "%s/lock", path);

    fd = open(file, O_WRONLY);
    (void) !pwrite(fd, &last, sizeof(last), 8);
    (void) close(fd);

    start();
    serving();
    counted();

    (void) put(page("k04"), 1, BIGCACHE_NEVER);
    place("k04", &record);

    if (record.version == 0 || record.version > INT64_MAX) {
        fail("a version of %llu", (unsigned long long) record.version);
    }

    run->pages[1].may = MAY_OLD;

    if (look(page("k01")) != BIGCACHE_OK) {
        fail("the page that was torn has no previous one");
    }

    stop();
}


/* an import into a store that cannot begin a segment */

static void
test_import(void)
{
    crash_case("import: what fails is not the original", import_fill,
               import_begins);
}


static void
import_fill(void)
{
    copy(templates[TEMPLATE_ORIGINAL], path);
    memcpy(run->pages, models[TEMPLATE_ORIGINAL], sizeof(run->pages));
}


static void
import_begins(void)
{
    int64_t   end;
    unsigned  i;

    run->fault.kind = FAULT_OPEN;
    run->fault.first = 1;
    run->fault.n = UINT_MAX;
    run->fault.error = EMFILE;

    recount_start();

    end = bigcache_time_monotonic() + SERVING;

    while (logged("cannot begin a segment: Too many open files") < 2
           && bigcache_time_monotonic() < end)
    {
        (void) usleep(1000);
    }

    if (logged("cannot begin a segment: Too many open files") < 2) {
        fail("it was not tried again");
    }

    if (logged("the import cannot continue") || logged("is damaged")) {
        fail("the original is blamed");
    }

    disarm();

    while (exists("import") && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    for (i = 0; i < 60; i++) {
        if (look(&run->pages[i]) != BIGCACHE_OK) {
            fail("\"%s\" is lost", run->pages[i].key);
        }
    }

    stop();
}


/* returns how many lines of the log have the text */

static unsigned
logged(const char *text)
{
    unsigned     n;
    const char  *p;

    n = 0;

    for (p = run->log; (p = strstr(p, text)) != NULL; p++) {
        n++;
    }

    return n;
}


/*
 * The last sync of an adoption fails, and the next attempt finds import/.
 * Even so, import/ must be durable before there is an index.
 */

static void
test_adopt(void)
{
    char  dir[96];

    (void) snprintf(dir, sizeof(dir), "%s/adopted", base);

    memset(run, 0, sizeof(run_t));
    (void) strcpy(path, dir);
    copy(templates[TEMPLATE_ORIGINAL], dir);
    (void) strcpy(run->fault.path, dir);
    run->fault.len = strlen(dir);

    ok(in_child(adopt, PATIENCE) == 0 && !run->failed,
       "an adoption ends with a sync: %s", run->why);

    remove_dir(dir);
    memset(run, 0, sizeof(run_t));
}


static void
adopt(void)
{
    char       error[BIGCACHE_ERROR_LEN];
    fault_t   *f;
    unsigned   tries;

    f = &run->fault;
    faults = f;
    f->kind = FAULT_SYNC;
    f->n = 1;
    f->error = EIO;

    arm();

    /*
     * Each sync fails once, up to the first one after the rename.  Their
     * number differs, so one may be missed.
     */

    for (tries = 0; tries < 1000 && !exists("import"); tries++) {

        atomic_store(&f->calls[FAULT_SYNC], 0);
        f->first++;

        if (bigcache_adopt(path, error) == BIGCACHE_OK) {
            bigcache_recover_remove(path, "import");
            f->first = 0;
        }
    }

    if (!exists("import")) {
        fail("there is no sync after the rename");
    }

    atomic_store(&f->calls[FAULT_SYNC], 0);
    f->first = 1;

    if (bigcache_adopt(path, error) == BIGCACHE_OK) {
        fail("import/ is not synced");
    }

    disarm();

    if (bigcache_adopt(path, error) != BIGCACHE_OK) {
        fail("it is not adopted: %s", error);
    }
}


/* the stores that runs begin with, and their content */

static void
template_make(unsigned template)
{
    char       dir[96];
    model_t   *m;
    unsigned   n;

    (void) snprintf(dir, sizeof(dir), "%s/template%u", base, template);
    (void) strcpy(templates[template], dir);
    (void) strcpy(path, dir);
    (void) mkdir(dir, 0700);

    memset(run, 0, sizeof(run_t));

    for (n = 0; n < PAGES; n++) {
        m = &run->pages[n];
        m->may = MAY_MISS;

        if (n < 30) {
            (void) snprintf(m->key, sizeof(m->key), "k%02u", n);
            m->len = PAGE;

        } else if (n < 40) {
            (void) snprintf(m->key, sizeof(m->key), "z%02u", n - 30);
            m->len = PAGE;
            m->text = 1;

        } else if (n < 60) {
            (void) snprintf(m->key, sizeof(m->key), "t%02u", n - 40);
            m->len = 40;

        } else if (n < 63) {
            (void) snprintf(m->key, sizeof(m->key), "L%u", n - 60);
            m->len = LARGE;

        } else if (n < 66) {
            (void) snprintf(m->key, sizeof(m->key), "d%02u", n - 63);
            m->len = PAGE;

        } else {
            (void) snprintf(m->key, sizeof(m->key), "n%02u", n - 66);
            m->len = PAGE;
        }
    }

    if (bodies[0][0] == NULL) {
        bodies_make();
    }

    if (template == TEMPLATE_ORIGINAL) {
        (void) in_child(template_original, PATIENCE);

    } else {
        current = &(job_t) { .n = (template == TEMPLATE_KILLED) };
        ok(in_child(template_fill, PATIENCE) == 0, "template %u", template);
    }

    if (template == TEMPLATE_DAMAGED) {

        /* what a repair without a fault leaves */

        template_damage(dir);

        (void) snprintf(path, sizeof(path), "%s/repaired", base);
        copy(dir, path);
        ok(in_child(template_repair, PATIENCE) == 0, "a repair");
    }

    if (run->failed) {
        fprintf(stderr, "# %s\n%s", run->why, run->log);
    }

    memcpy(models[template], run->pages, sizeof(run->pages));
}


/* closes the store if current->n is 0; otherwise the process dies */

static void
template_fill(void)
{
    unsigned         i;
    uint64_t         version;
    bigcache_str_t   prefix = bigcache_string("k2");

    start();
    serving();

    for (i = 0; i < PAGES; i++) {
        if (run->pages[i].key[0] != 'n'
            && strcmp(run->pages[i].key, "L2") != 0)
        {
            (void) put(&run->pages[i], 0,
                       i % 5 ? BIGCACHE_NEVER : bigcache_time_now() + LATER);
        }

        /* some of it must be in tables */

        if (i == 25) {
            stop();
            start();
            serving();
        }
    }

    delete("d00");
    delete("d01");
    delete("d02");

    if (current->n == 0) {
        stop();
        return;
    }

    if (bigcache_purge(store, keys_with(&prefix), 0, 0, &version)
        != BIGCACHE_OK)
    {
        fail("no purge");
    }

    for (i = 20; i < 30; i++) {
        run->pages[i].may = MAY_MISS;
    }
}


static void
template_original(void)
{
    int                     n;
    char                    error[BIGCACHE_ERROR_LEN];
    unsigned                i;
    model_t                *m;
    bigcache_str_t          value;
    bigcache_index_t       *index;
    bigcache_change_t       change;
    bigcache_index_conf_t   bare;

    bare.block_cache = 1024 * 1024;
    bare.write_buffer = 512 * 1024;
    bare.bare = 1;

    for (n = 0; n < 2; n++) {

        if (bigcache_index_open(&index, path, &bare, error) != BIGCACHE_OK) {
            fail("no original: %s", error);
            return;
        }

        for (i = (unsigned) n; i < 60; i += 2) {
            m = &run->pages[i];
            m->may = MAY_OLD;

            value.len = m->len;
            value.data = body(m, 0);

            change.space = 0;
            change.key.data = (u_char *) m->key;
            change.key.len = strlen(m->key);
            change.value = &value;

            if (bigcache_index_write(index, &change, 1, error)
                != BIGCACHE_OK)
            {
                fail("no original: %s", error);
            }
        }

        bigcache_index_close(index);
    }
}


/* a block of each table of the index */

static void
template_damage(const char *dir)
{
    int             fd;
    DIR            *d;
    char            name[PATH_MAX];
    size_t          len;
    struct dirent  *de;

    (void) snprintf(name, sizeof(name), "%s/index", dir);

    d = opendir(name);

    while (d && (de = readdir(d)) != NULL) {
        len = strlen(de->d_name);

        if (len > 4 && strcmp(de->d_name + len - 4, ".ldb") == 0) {
            (void) snprintf(name, sizeof(name), "%s/index/%s", dir,
                            de->d_name);
            fd = open(name, O_WRONLY);
            (void) pwrite(fd, "\xff\xff\xff\xff", 4, 700);
            (void) close(fd);
            break;
        }
    }

    if (d) {
        (void) closedir(d);
    }

    /* and an unreadable manifest, else the table would not be read */

    (void) snprintf(name, sizeof(name), "%s/index/CURRENT", dir);
    (void) unlink(name);
}


static void
template_repair(void)
{
    unsigned  i;
    model_t  *m;

    start();
    serving();

    for (i = 0; i < PAGES; i++) {
        m = &run->pages[i];

        if (look(m) == BIGCACHE_MISS) {
            m->may = MAY_MISS;
        }
    }

    stop();
}


/* the runs */

static void
count_calls(unsigned scenario)
{
    char      text[128];
    job_t     job;
    unsigned  i;

    memset(&job, 0, sizeof(job_t));
    job.scenario = scenario;

    (void) snprintf(path, sizeof(path), "%s/counted", base);

    job_run(&job, &runs[0], path);

    ok(!run->failed, "%s without a fault", scenarios[scenario].name);

    if (run->failed) {
        fprintf(stderr, "# %s\n%s", run->why, run->log);
    }

    for (i = 0; i < FAULT_KINDS; i++) {
        calls[scenario][i] = atomic_load(&run->fault.calls[i]);
    }

    text[0] = '\0';

    for (i = 0; i < FAULT_KINDS; i++) {
        (void) snprintf(text + strlen(text), sizeof(text) - strlen(text),
                        " %u", calls[scenario][i]);
    }

    printf("# %s:%s\n", scenarios[scenario].name, text);
}


static void
plan(void)
{
    unsigned  scenario, kind;

    for (scenario = 0; scenario < SCENARIOS; scenario++) {
        for (kind = 0; kind < FAULT_KINDS; kind++) {
            plan_kind(scenario, kind);
        }
    }
}


static void
plan_kind(unsigned scenario, unsigned kind)
{
    job_t     job;
    unsigned  i, n, nerrors;

    n = calls[scenario][kind];

    for (nerrors = 0; errors[kind][nerrors]; nerrors++) { /* void */ }

    job.scenario = scenario;
    job.kind = kind;
    job.n = 1;

    if (sample == UINT_MAX) {
        for (job.first = 1; job.first <= n; job.first++) {
            for (i = 0; i < nerrors; i++) {
                job.error = errors[kind][i];
                plan_add(&job);
            }
        }

        return;
    }

    for (i = 0; i < sample && i < n; i++) {
        job.first = 1 + chance(n);
        job.error = errors[kind][chance(nerrors)];
        plan_add(&job);
    }
}


static void
plan_add(const job_t *job)
{
    if (njobs == njobs_alloc) {
        njobs_alloc = njobs_alloc ? 2 * njobs_alloc : 256;
        jobs = realloc(jobs, njobs_alloc * sizeof(job_t));

        if (jobs == NULL) {
            abort();
        }
    }

    jobs[njobs++] = *job;
}


/* "open readdir 3 1 5": the scenario, the kind, N, how many, the error */

static void
plan_only(const char *text)
{
    int    n, error;
    char   scenario[16], kind[16];
    job_t  job;

    memset(&job, 0, sizeof(job_t));

    if (sscanf(text, "%15s %15s %u %u %d%n", scenario, kind, &job.first,
               &job.n, &error, &n)
        != 5)
    {
        abort();
    }

    job.error = error;

    while (strcmp(scenarios[job.scenario].name, scenario) != 0) {
        job.scenario++;
    }

    while (strcmp(kinds[job.kind], kind) != 0) {
        job.kind++;
    }

    plan_add(&job);
}


static void
jobs_run(void)
{
    char      name[128];
    pid_t     pids[JOBS], pid;
    size_t    next, of[JOBS];
    unsigned  i, busy, fired, bad, aborted;
    unsigned  done[SCENARIOS], failed[SCENARIOS];

    memset(pids, 0, sizeof(pids));
    memset(done, 0, sizeof(done));
    memset(failed, 0, sizeof(failed));

    next = 0;
    busy = 0;
    fired = 0;
    bad = 0;
    aborted = 0;

    while (next < njobs || busy) {

        for (i = 0; i < JOBS && next < njobs; i++) {

            if (pids[i]) {
                continue;
            }

            (void) fflush(NULL);
            of[i] = next;
            pids[i] = fork();

            if (pids[i] == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) snprintf(path, sizeof(path), "%s/run%u", base, i);
                run = &runs[i];
                job_run(&jobs[next], run, path);
                _exit(0);
            }

            next++;
            busy++;
        }

        pid = wait(NULL);

        for (i = 0; i < JOBS; i++) {
            if (pid > 0 && pids[i] == pid) {
                pids[i] = 0;
                busy--;

                done[jobs[of[i]].scenario]++;
                fired += atomic_load(&runs[i].fault.fired);
                aborted += (unsigned) runs[i].aborted;

                if (runs[i].failed || getenv("BIGCACHE_FAULTS_ONLY")) {
                    failed[jobs[of[i]].scenario] += (runs[i].failed != 0);
                    bad++;
                    job_name(&jobs[of[i]], name, sizeof(name));
                    fprintf(stderr, "# BIGCACHE_FAULTS_ONLY=\"%s\" (%s, %s): "
                            "%s\n%s", name, runs[i].fault.what,
                            strerror(jobs[of[i]].error), runs[i].why,
                            runs[i].log);
                }
            }
        }
    }

    for (i = 0; i < SCENARIOS; i++) {
        if (done[i]) {
            is_int(failed[i], 0, "%s: %u runs", scenarios[i].name, done[i]);
        }
    }

    printf("# %u scenarios, %lu runs, %u faults, %u bad, %u aborted by "
           "LevelDB in a repair\n", (unsigned) SCENARIOS,
           (unsigned long) njobs, fired, bad, aborted);
}


static void
job_name(const job_t *job, char *text, size_t len)
{
    (void) snprintf(text, len, "%s %s %u %u %d",
                    scenarios[job->scenario].name, kinds[job->kind],
                    job->first, job->n, job->error);
}


static void
job_run(const job_t *job, run_t *r, const char *dir)
{
    int       status;
    unsigned  template;

    current = job;
    run = r;
    template = scenarios[job->scenario].template;

    memset(run, 0, sizeof(run_t));
    memcpy(run->pages, models[template], sizeof(run->pages));

    (void) strcpy(run->fault.path, dir);

    run->fault.len = strlen(dir);
    run->fault.kind = job->kind;
    run->fault.first = job->first;
    run->fault.n = job->n;
    run->fault.error = job->error;

    copy(templates[template], dir);

    /*
     * LevelDB aborts if a table that it repairs can be read only the second
     * time.  The next process begins the repair again.
     */

    status = in_child(scenario_child, PATIENCE);

    if (status == SIGABRT
        && strcmp(scenarios[job->scenario].name, "repair") == 0)
    {
        run->aborted = 1;

    } else if (status != 0) {
        fail("the scenario ended with %d", status);
    }

    atomic_store(&run->fault.armed, 0);

    status = in_child(verify, PATIENCE);

    if (status != 0) {
        fail("the check ended with %d", status);
    }

    if (!run->failed) {
        remove_dir(dir);

    } else if (getenv("BIGCACHE_KEEP") == NULL) {
        remove_dir(dir);
    }
}


/* runs the handler in a process; returns its signal, its status, or -1 */

static int
in_child(void (*handler)(void), unsigned seconds)
{
    int      status;
    pid_t    pid;
    int64_t  end;

    (void) fflush(NULL);

    pid = fork();

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        handler();
        _exit(0);
    }

    end = bigcache_time_monotonic() + seconds * 1000;

    while (waitpid(pid, &status, WNOHANG) == 0) {

        if (bigcache_time_monotonic() > end) {
            fail("it hangs");

            if (getenv("BIGCACHE_FAULTS_HOLD")) {
                printf("# process %d hangs\n", (int) pid);
                (void) fflush(stdout);
                (void) waitpid(pid, &status, 0);
                return -1;
            }

            (void) kill(pid, SIGKILL);
            (void) waitpid(pid, &status, 0);
            return -1;
        }

        (void) usleep(1000);
    }

    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}


static void
scenario_child(void)
{
    faults = &run->fault;

    scenarios[current->scenario].run();
}


/* without a fault everything is right, and stays so */

static void
verify(void)
{
    int  pass;

    conf.max_size = 0;

    for (pass = 1; pass <= 3; pass++) {
        verify_pages(pass);
    }

    verify_tags();
}


/* without the name of its tag a page would be missed by a purge */

static void
verify_tags(void)
{
    char               name[PATH_MAX], error[BIGCACHE_ERROR_LEN];
    bigcache_index_t  *index;

    static const bigcache_str_t  all = bigcache_string("");

    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error)
        != BIGCACHE_OK)
    {
        fail("the index does not open: %s", error);
        return;
    }

    if (bigcache_index_walk(bigcache_index_walk_begin(index,
                                BIGCACHE_NAMES_KEY, &all),
                            verify_record, index, error)
        != BIGCACHE_OK)
    {
        fail("names of tags: %s", error);
    }

    bigcache_index_close(index);
}


static bigcache_rc_t
verify_record(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_index_t *index = data;

    char               error[BIGCACHE_ERROR_LEN];
    u_char             buf[BIGCACHE_NAMES_MAX];
    size_t             at;
    bigcache_str_t     tag, name, found;
    bigcache_record_t  record;

    if (bigcache_record_decode(&record, value->data, value->len) == -1) {
        return BIGCACHE_OK;
    }

    at = 0;

    while (bigcache_tags_next(&record.tags, &at, &tag)) {

        name = bigcache_names_make(buf, key, bigcache_tags_hash(&tag));

        if (bigcache_index_get(index, BIGCACHE_NAMES_TAG, &name, &found, error)
            != BIGCACHE_OK)
        {
            fail("\"%.*s\" has no name of its tag", (int) key->len, key->data);
            continue;
        }

        bigcache_index_free(&found);
    }

    return BIGCACHE_OK;
}


static void
verify_pages(int pass)
{
    int64_t          end;
    unsigned         i, keys;
    model_t         *m;
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    start();
    serving();

    end = bigcache_time_monotonic() + SERVING;

    while (exists("import") && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    settled();

    keys = 0;

    for (i = 0; i < PAGES; i++) {
        m = &run->pages[i];

        end = bigcache_time_monotonic() + SERVING;

        do {
            rc = look(m);
        } while (rc == BIGCACHE_UNAVAILABLE && bigcache_time_monotonic() < end);

        if (rc == BIGCACHE_OK) {
            keys++;
            continue;
        }

        if (rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED) {
            fail("opening %d: \"%s\" is %d", pass, m->key, rc);

        } else if (!(m->may & MAY_MISS)) {
            fail("opening %d: \"%s\" is lost", pass, m->key);
        }
    }

    /* keys of a purge are counted until they are removed */

    end = bigcache_time_monotonic() + SERVING;

    do {
        rc = bigcache_store_stat(store, &stat);
    } while (rc == BIGCACHE_OK && stat.keys > keys
             && bigcache_time_monotonic() < end);

    if (rc != BIGCACHE_OK || !stat.counted || stat.keys != keys) {
        fail("opening %d: %u pages, but stat is %d: %llu", pass, keys, rc,
             (unsigned long long) stat.keys);
    }

    stop();
}


/* helpers */

static void
arm(void)
{
    atomic_store(&run->fault.armed, 1);
}


static void
disarm(void)
{
    atomic_store(&run->fault.armed, 0);
}


static void
start(void)
{
    conf.shared = &run->shared;
    store = NULL;

    /* no memory at the very beginning is not the store's fault */

    while (store == NULL) {
        store = bigcache_store_create(&conf);
    }

    if (bigcache_keeper_start(store) != 0) {
        fail("the store does not start");
        _exit(0);
    }
}


static void
stop(void)
{
    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);
    store = NULL;
}


/* waits until the store answers and accepts pages */

static void
serving(void)
{
    char           reason[BIGCACHE_ERROR_LEN];
    int64_t        end;
    bigcache_rc_t  rc;

    end = bigcache_time_monotonic() + SERVING;

    do {
        rc = look(page("d00"));

        if (rc == BIGCACHE_MISS) {
            return;
        }

        (void) usleep(1000);

    } while (bigcache_time_monotonic() < end);

    bigcache_store_reason(store, reason);
    fail("it does not serve: %d, %s", rc, reason);
    _exit(0);
}


/* waits until the keys are counted */

static void
counted(void)
{
    int64_t          end;
    bigcache_stat_t  stat;

    end = bigcache_time_monotonic() + SERVING;

    while (bigcache_store_stat(store, &stat) != BIGCACHE_OK || !stat.counted) {

        if (bigcache_time_monotonic() > end) {
            fail("the keys are not counted");
            _exit(0);
        }

        (void) usleep(1000);
    }
}


/* waits until the keeper has nothing to do */

static void
settled(void)
{
    int64_t          end, since;
    unsigned         n, last;
    bigcache_stat_t  stat;

    end = bigcache_time_monotonic() + SERVING;

    while ((bigcache_store_stat(store, &stat) != BIGCACHE_OK || !stat.counted)
           && bigcache_time_monotonic() < end)
    {
        (void) usleep(1000);
    }

    last = segments();
    since = bigcache_time_monotonic();

    while (bigcache_time_monotonic() < since + MOMENT) {
        n = segments();

        if (n != last) {
            last = n;
            since = bigcache_time_monotonic();
        }

        (void) usleep(5000);
    }
}


static void
fail(const char *fmt, ...)
{
    va_list  args;

    if (atomic_exchange(&run->failed, 1)) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(run->why, sizeof(run->why), fmt, args);
    va_end(args);
}


static model_t *
page(const char *key)
{
    unsigned  i;

    for (i = 0; i < PAGES; i++) {
        if (strcmp(run->pages[i].key, key) == 0) {
            return &run->pages[i];
        }
    }

    abort();
}


static const u_char *
body(const model_t *m, int new)
{
    return bodies[m - run->pages][new];
}


/* once, for all processes */

static void
bodies_make(void)
{
    unsigned  i, new;

    for (i = 0; i < PAGES; i++) {
        for (new = 0; new < 2; new++) {
            bodies[i][new] = malloc(run->pages[i].len);
            body_make(bodies[i][new], &run->pages[i], (int) new);
        }
    }
}


static void
body_make(u_char *buf, const model_t *m, int new)
{
    size_t    i;
    uint64_t  x;

    x = 88172645463325252u + (uint64_t) (m - run->pages) * 7919u
        + (new ? 104729u : 0);

    for (i = 0; i < m->len; i++) {

        if (i % 8 == 0 || m->text) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }

        buf[i] = m->text ? (u_char) ('a' + (x & 3))
                         : (u_char) (x >> (i % 8 * 8));
    }
}


static bigcache_rc_t
put(model_t *m, int new, int64_t expire)
{
    u_char             tag[3];
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  stored;

    data = bigcache_data_bytes(body(m, new), m->len);

    /* the two bytes that a key begins with are its tag, encoded */

    tag[0] = 1;
    memcpy(&tag[1], m->key, 2);

    memset(&p, 0, sizeof(bigcache_put_t));

    p.key.data = (u_char *) m->key;
    p.key.len = strlen(m->key);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = expire;
    p.tags.data = tag;
    p.tags.len = sizeof(tag);
    p.data = &data;
    p.n = 1;

    m->stale = 0;
    m->may |= new ? MAY_NEW : MAY_OLD;

    rc = bigcache_store_put(store, &p, &stored);

    bigcache_stored_free(&stored);

    if (rc == BIGCACHE_OK) {
        m->may = new ? MAY_NEW : MAY_OLD;
    }

    if (rc == BIGCACHE_OK && expire != BIGCACHE_NEVER
        && expire < bigcache_time_now() + 60000)
    {
        m->may |= MAY_MISS;
    }

    return rc;
}


/* gets a page and checks its bytes */

static bigcache_rc_t
look(model_t *m)
{
    bigcache_rc_t      rc;
    bigcache_str_t     key;
    bigcache_stored_t  p;

    key.data = (u_char *) m->key;
    key.len = strlen(m->key);

    rc = bigcache_store_get(store, &key, 1, &p);

    if (rc == BIGCACHE_OK
        && !((m->may & MAY_OLD) && same(&p, m, 0))
        && !((m->may & MAY_NEW) && same(&p, m, 1)))
    {
        fail("\"%s\" may be %u, and is %s", m->key, m->may,
             same(&p, m, 0) ? "old" : same(&p, m, 1) ? "new" : "wrong");
    }

    if (rc == BIGCACHE_OK && m->stale && p.record.stale == 0) {
        fail("\"%s\" is not stale", m->key);
    }

    bigcache_stored_free(&p);

    return rc;
}


static void
look_all(void)
{
    unsigned  i;

    for (i = 0; i < PAGES; i++) {
        (void) look(&run->pages[i]);
    }
}


static int
same(const bigcache_stored_t *p, const model_t *m, int new)
{
    int              is;
    size_t           len;
    const u_char    *want;
    bigcache_data_t  data;

    len = m->len;
    want = body(m, new);

    if (p->record.unpacked != len) {
        return 0;
    }

    if (p->fd != -1) {
        data = bigcache_data_range(p->fd, p->offset, p->record.length);

        fault_spared = 1;
        is = (bigcache_data_read(got, &data, 1) == 0
              && memcmp(got, want, len) == 0);
        fault_spared = 0;

        return is;
    }

    if (p->record.flags & BIGCACHE_FLAG_GZIP) {
        fault_spared = 1;
        is = (bigcache_gzip_unpack(got, len, p->record.body.data,
                                   p->record.body.len)
              == 0
              && memcmp(got, want, len) == 0);
        fault_spared = 0;

        return is;
    }

    return p->record.body.len == len
           && memcmp(p->record.body.data, want, len) == 0;
}


static void
delete(const char *name)
{
    model_t         *m;
    bigcache_rc_t    rc;
    bigcache_str_t   key;

    m = page(name);

    key.data = (u_char *) m->key;
    key.len = strlen(m->key);

    rc = bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY, 0);

    if (rc == BIGCACHE_OK || rc == BIGCACHE_EXPIRED) {
        m->may = MAY_MISS;

    } else if (rc == BIGCACHE_MISS && !(m->may & MAY_MISS)) {
        fail("\"%s\" is not there to be deleted", m->key);

    } else {
        m->may |= MAY_MISS;
    }
}


/* gets the record of a page */

static void
place(const char *name, bigcache_record_t *record)
{
    bigcache_str_t     key;
    bigcache_stored_t  p;

    key.data = (const u_char *) name;
    key.len = strlen(name);

    if (bigcache_store_get(store, &key, BIGCACHE_BODY_NONE, &p)
        != BIGCACHE_OK)
    {
        fail("\"%s\" is not there", name);
        _exit(0);
    }

    *record = p.record;
    bigcache_stored_free(&p);
}


/* makes the page look as if a power cut had kept its entry from the disk */

static void
tear(const char *name)
{
    int                fd;
    char               file[PATH_MAX];
    bigcache_record_t  record;

    static const u_char  zeroes[4096];

    place(name, &record);

    (void) snprintf(file, sizeof(file), "%s/pages/%016llx.seg", path,
                    (unsigned long long) record.segment);

    fd = open(file, O_WRONLY);

    if (pwrite(fd, zeroes, sizeof(zeroes), (off_t) record.offset)
        != sizeof(zeroes))
    {
        fail("cannot write to \"%s\"", file);
    }

    (void) close(fd);
}


/* returns the version in "lock" up to which records are durable */

static uint64_t
synced(void)
{
    int       fd;
    char      file[PATH_MAX];
    uint64_t  version;

    (void) snprintf(file, sizeof(file), "%s/lock", path);

    fd = open(file, O_RDONLY);

    if (pread(fd, &version, sizeof(version), 8) != sizeof(version)) {
        fail("\"%s\" is too short", file);
    }

    (void) close(fd);

    return version;
}


static int
exists(const char *name)
{
    int          is;
    char         full[PATH_MAX];
    struct stat  st;

    (void) snprintf(full, sizeof(full), "%s/%s", path, name);

    fault_spared = 1;
    is = (lstat(full, &st) == 0);
    fault_spared = 0;

    return is;
}


static unsigned
segments(void)
{
    DIR       *dir;
    char       name[PATH_MAX];
    unsigned   n;

    (void) snprintf(name, sizeof(name), "%s/pages", path);

    fault_spared = 1;

    dir = opendir(name);
    n = 0;

    while (dir && readdir(dir)) {
        n++;
    }

    if (dir) {
        (void) closedir(dir);
    }

    fault_spared = 0;

    return n;
}


static void
copy(const char *from, const char *to)
{
    char  command[512];

    remove_dir(to);

    (void) snprintf(command, sizeof(command),
                    "cp -R '%s' '%s' && rm -f '%s/reserve'", from, to, to);

    if (system(command) != 0) {
        fail("cannot copy");
    }
}


static void
removed_handler(void *data, uint64_t expired, uint64_t purged)
{
    (void) data;
    (void) purged;

    (void) atomic_fetch_add(&run->removed, (unsigned) expired);
}


static void
log_handler(void *data, int level, const char *text)
{
    int       n;
    unsigned  at;

    (void) data;

    at = atomic_load(&run->logged);

    if (at < sizeof(run->log) - 300) {
        n = snprintf(run->log + at, sizeof(run->log) - at, "#   %d %.250s\n",
                     level, text);
        atomic_store(&run->logged, at + (unsigned) n);
    }
}


static unsigned
chance(unsigned n)
{
    seed = seed * 1103515245u + 12345u;

    return (seed >> 8) % n;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The history: slots, gaps, clocks that are set, packed numbers, and several
 * processes, some of which are killed.  The test has a clock of its own.
 */


#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_history.h"
#include "tap.h"


/* a moment at which both kinds of slot begin, ms */

#define BEGIN    1700000100000

#define UNKNOWN  BIGCACHE_HISTORY_UNKNOWN


/* what several processes or threads share */

typedef struct {
    bigcache_history_t  history;
    _Atomic int64_t     clock;
    _Atomic int         end;
    _Atomic unsigned    torn;
} shared_t;


static void test_first(void);
static void test_fields(void);
static void test_percentiles(void);
static void test_numbers(void);
static void test_turns(void);
static void test_gaps(void);
static void test_clock(void);
static void test_random(void);
static void test_wrap(void);
static void test_text(void);
static void test_add(void);
static void test_killed(void);
static void test_stopped(void);
static void test_stuck(void);
static void test_threads(void);
static void test_processes(void);
static void begin(int64_t at);
static void pass(int64_t ms);
static void slot(uint64_t requests);
static uint64_t known(unsigned series, bigcache_history_field_e field,
    unsigned ago);
static unsigned count(unsigned series);
static uint64_t packed(uint64_t n);
static void *taker(void *data);
static void *reader(void *data);
static pid_t spawn(shared_t *shared);
static void *fresh(size_t size);


static bigcache_history_t        *history;
static bigcache_history_state_t   state;


int
main(void)
{
    test_first();
    test_fields();
    test_percentiles();
    test_numbers();
    test_turns();
    test_gaps();
    test_clock();
    test_random();
    test_wrap();
    test_text();
    test_add();
    test_killed();
    test_stopped();
    test_stuck();
    test_threads();
    test_processes();

    return done_testing();
}


static void
test_first(void)
{
    ok(sizeof(bigcache_history_t) <= 5 * 4096, "all of it takes 20 KB");

    begin(BEGIN + 7000);
    is_int(count(0) + count(1), 0, "nothing is known at first");
    is_int(bigcache_history_wait(state.wall), 3000, "the end of the slot");
    ok(!bigcache_history_due(history, state.wall), "nothing is due");

    slot(5);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 5,
           "the first sample is that of the slot in which it began");
    is_int(count(0), 1, "it is the only one");
    is_int(count(1), 0, "five minutes are not over");

    slot(6);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 6, "the next one");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 2), 5, "after the first");
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 3) == UNKNOWN, "none before");

    pass(3000);
    bigcache_history_take(history, &state);
    is_int(count(0), 2, "a slot that goes on is not shown");

    while (state.wall < BEGIN + 300000) {
        slot(1);
    }

    is_int(known(1, BIGCACHE_HISTORY_REQUESTS, 1), 5 + 6 + 28,
           "the first five minutes");
}


static void
test_fields(void)
{
    unsigned  i;

    begin(BEGIN);

    for (i = 0; i < BIGCACHE_HISTORY_COUNTERS; i++) {
        state.counters[i] = 1000 + i;
    }

    state.entries = 12;
    state.bytes = 3 * 1024;
    slot(0);

    for (i = 0; i < BIGCACHE_HISTORY_COUNTERS; i++) {
        is_int(known(0, i, 1), 1000 + i, "%s", bigcache_history_names[i]);
    }

    is_int(known(0, BIGCACHE_HISTORY_ENTRIES, 1), 12, "entries");
    is_int(known(0, BIGCACHE_HISTORY_KILOBYTES, 1), 3, "kilobytes");

    state.entries = UNKNOWN;
    state.bytes = UNKNOWN;
    slot(0);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 0, "nothing since");
    ok(known(0, BIGCACHE_HISTORY_ENTRIES, 1) == UNKNOWN
       && known(0, BIGCACHE_HISTORY_KILOBYTES, 1) == UNKNOWN,
       "a store that is closed has no size");

    state.counters[0] -= 500;
    slot(0);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 0,
           "a counter that goes back is no large number");
}


static void
test_percentiles(void)
{
    unsigned  i;

    begin(BEGIN);

    /* a hundred up to 50 us, another hundred up to 100 */

    state.answers[0] = 100;

    for (i = 1; i < BIGCACHE_METRICS_BUCKETS; i++) {
        state.answers[i] = 200;
    }

    slot(200);
    is_int(known(0, BIGCACHE_HISTORY_MEDIAN, 1), 50, "the median");
    is_int(known(0, BIGCACHE_HISTORY_SLOW, 1), 99, "99 of 100");
    ok(known(0, BIGCACHE_HISTORY_UPSTREAM, 1) == UNKNOWN, "no fetches");

    slot(0);
    ok(known(0, BIGCACHE_HISTORY_MEDIAN, 1) == UNKNOWN,
       "without answers there is none");

    /* one that took longer than the last bound */

    state.answers[BIGCACHE_METRICS_BUCKETS - 1]++;
    state.fetches[BIGCACHE_METRICS_BUCKETS - 1]++;
    slot(1);
    ok(known(0, BIGCACHE_HISTORY_MEDIAN, 1) > 9990000
       && known(0, BIGCACHE_HISTORY_MEDIAN, 1) < 10010000,
       "the last bound at least");
    is_int(known(0, BIGCACHE_HISTORY_UPSTREAM, 1),
           known(0, BIGCACHE_HISTORY_MEDIAN, 1), "of fetches, too");
}


static void
test_numbers(void)
{
    int       good;
    unsigned  i;
    uint64_t  n, most, got, last;

    begin(BEGIN);
    good = 1;

    for (n = 0; n < 4096; n++) {
        good = good && packed(n) == n;
    }

    ok(good, "numbers up to 4095 are exact");
    is_int(packed(4096), 4096, "4096");
    is_int(packed(8191), 8192, "rounded up to the next power of two");

    last = 0;

    for (i = 0; i < 2000; i++) {
        n = ((uint64_t) random() << 11 ^ (uint64_t) random())
            >> (random() % 42);
        got = packed(n);
        good = good && (got > n ? got - n : n - got) <= n / 4096;
    }

    ok(good, "others are off by 1/4096 at most");

    for (n = 1; n < (uint64_t) 1 << 41; n += 1 + n / 300) {
        got = packed(n);
        good = good && got >= last;
        last = got;
    }

    ok(good, "a larger number is not shown as a smaller one");

    most = packed(UNKNOWN - 1);
    ok(most > 4000000000000 && most != UNKNOWN, "the largest number");
    ok(packed((uint64_t) 1 << 60) == most, "stands for all that are larger");

    state.bytes = (uint64_t) 3 << 50;
    slot(0);
    is_int(known(0, BIGCACHE_HISTORY_KILOBYTES, 1), (long long) 3 << 40,
           "three petabytes");
}


static void
test_turns(void)
{
    bigcache_history_state_t  early;

    begin(BEGIN);
    slot(1);

    early = state;
    early.wall -= 5;
    early.monotonic -= 5;

    slot(2);
    ok(!bigcache_history_due(history, state.wall), "one process has taken it");

    state.counters[0] += 9;
    bigcache_history_take(history, &state);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 2, "another one is late");
    bigcache_history_take(history, &early);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 2, "or comes from before");

    slot(0);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 9, "nothing is lost");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 2), 2, "nor changed");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 3), 1, "before that, either");
}


static void
test_gaps(void)
{
    begin(BEGIN);
    slot(1);
    slot(2);

    /* nobody was there for two slots */

    state.counters[0] += 100;
    pass(20000);
    slot(3);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN
       && known(0, BIGCACHE_HISTORY_REQUESTS, 2) == UNKNOWN
       && known(0, BIGCACHE_HISTORY_REQUESTS, 3) == UNKNOWN,
       "what came in a gap is not known of any slot");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 4), 2, "the one before is");

    slot(4);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 4, "it goes on");

    /* a worker whose event loop was busy */

    pass(9000);
    slot(5);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 5, "a late one");

    while (state.wall < BEGIN + 300000) {
        slot(1);
    }

    ok(known(1, BIGCACHE_HISTORY_REQUESTS, 1) > 100,
       "five minutes with a gap have what came in it");
}


static void
test_clock(void)
{
    unsigned  i, n;

    /* set back, and forward again */

    begin(BEGIN);

    for (i = 0; i < 30; i++) {
        slot(10);
    }

    is_int(count(0), 30, "thirty");
    is_int(count(1), 1, "and one of five minutes");

    state.wall -= 100000;
    bigcache_history_take(history, &state);
    is_int(count(0), 20, "those that are to come by the clock are not shown");
    is_int(count(1), 0, "neither the five minutes");

    slot(11);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 11,
           "the next one begins when the clock was set");
    slot(12);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 12, "it goes on");

    state.wall += 50000;
    slot(13);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN, "set forward");
    slot(14);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 14, "it goes on");

    /* within a slot: it was longer, or shorter */

    pass(6000);
    state.wall -= 4000;
    slot(15);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN,
       "a slot that was longer");
    pass(1000);
    state.wall += 4000;
    slot(16);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN, "or shorter");

    /* the clock goes on while the machine sleeps, the other one does not */

    slot(17);
    n = count(0);
    state.wall += 10000;
    slot(18);
    is_int(count(0), n, "asleep for one slot");

    /* ntp sets it by some milliseconds all the time */

    for (i = 0; i < 60; i++) {
        state.wall += 5;
        slot(1);
    }

    is_int(known(1, BIGCACHE_HISTORY_REQUESTS, 1) > 28
           && known(1, BIGCACHE_HISTORY_REQUESTS, 1) < 32, 1,
           "a clock that is nudged");

    /* to another time altogether */

    state.wall = 5000;
    bigcache_history_take(history, &state);
    is_int(count(0) + count(1), 0, "the year 1970");
    slot(1);
    slot(2);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 2, "has slots, too");

    state.wall = (int64_t) 7258118400 * 1000;
    bigcache_history_take(history, &state);
    is_int(count(0) + count(1), 0, "the year 2200");
    slot(3);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 3, "likewise");
}


/* a request each millisecond: no sample may have much less, or much more */

static void
test_random(void)
{
    int64_t                   late, last, ms;
    unsigned                  i, n, wrong, seen;
    bigcache_history_view_t   view;

    begin(BEGIN);

    wrong = 0;
    seen = 0;

    for (i = 0; i < 20000; i++) {

        last = state.monotonic;
        late = random() % 1000;

        switch (random() % 40) {

        case 0:
            state.wall += random() % 200000 - 100000;
            break;

        case 1:
            pass(random() % 60000);
            break;

        case 2:
            state.wall += random() % 30000;
            break;

        default:
            break;
        }

        ms = bigcache_history_wait(state.wall) + late;
        pass(ms);

        state.counters[0] += (uint64_t) (state.monotonic - last);
        bigcache_history_take(history, &state);

        bigcache_history_view(&view, 0, state.wall);
        bigcache_history_read(history, 0, &view);

        for (n = 0; n < view.n; n++) {

            if (view.values[0][n] == UNKNOWN) {
                continue;
            }

            seen++;

            if (view.values[0][n] < 6900 || view.values[0][n] > 13100) {
                wrong++;
            }
        }
    }

    ok(seen > 1000000, "samples, whatever the clock does: %u", seen);
    is_int(wrong, 0, "none of them is wrong");
}


static void
test_wrap(void)
{
    unsigned  i;

    begin(BEGIN);

    for (i = 0; i < 3 * 8640 + 7; i++) {
        slot(i % 1000);
    }

    is_int(count(0), BIGCACHE_HISTORY_HOUR, "an hour is full");
    is_int(count(1), BIGCACHE_HISTORY_DAY, "a day is full");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), (i - 1) % 1000, "the last");
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, BIGCACHE_HISTORY_HOUR),
           (i - BIGCACHE_HISTORY_HOUR) % 1000, "the first");

    pass(3600 * 1000);
    bigcache_history_take(history, &state);
    is_int(count(0), 0, "an hour later nothing is left of it");
    is_int(count(1), BIGCACHE_HISTORY_DAY - 12, "but of the day");

    pass((int64_t) 48 * 3600 * 1000);
    is_int(count(1), 0, "two days later nothing is");
}


static void
test_text(void)
{
    size_t                    len;
    unsigned                  i, n;
    u_char                   *text, *p;
    bigcache_history_view_t   view;

    begin(BEGIN);
    text = malloc(2 * bigcache_history_size());

    bigcache_history_view(&view, 1, state.wall);
    bigcache_history_read(history, 1, &view);
    p = bigcache_history_write(text, &view);
    *p = '\0';
    is_str((char *) text, "{\"step\":300,\"start\":1700000100,\"requests\":[],"
           "\"hits\":[],\"misses\":[],\"writes\":[],\"removed\":[],"
           "\"errors\":[],\"unavailable\":[],\"p50\":[],\"p99\":[],"
           "\"upstream_p99\":[],\"entries\":[],\"kilobytes\":[]}",
           "no samples");

    state.entries = 7;
    state.bytes = 2048;
    slot(5);

    for (n = 0; n < BIGCACHE_METRICS_BUCKETS; n++) {
        state.answers[n] += 1;
    }

    slot(0);

    bigcache_history_view(&view, 0, state.wall);
    bigcache_history_read(history, 0, &view);
    p = bigcache_history_write(text, &view);
    *p = '\0';
    is_str((char *) text, "{\"step\":10,\"start\":1700000100,"
           "\"requests\":[5,0],\"hits\":[0,0],\"misses\":[0,0],"
           "\"writes\":[0,0],\"removed\":[0,0],\"errors\":[0,0],"
           "\"unavailable\":[0,0],\"p50\":[null,25],\"p99\":[null,49],"
           "\"upstream_p99\":[],\"entries\":[7,7],\"kilobytes\":[2,2]}",
           "two");

    /* a day of a thousand requests per second, for ten gigabytes of pages */

    begin(BEGIN);

    for (i = 0; i < 8640; i++) {

        for (n = 0; n < BIGCACHE_METRICS_BUCKETS; n++) {
            state.answers[n] += (n < 5) ? 9000 : 10000;
        }

        state.counters[BIGCACHE_HISTORY_HITS] += 8900 + (unsigned) random() % 9;
        state.counters[BIGCACHE_HISTORY_MISSES] += 1000;
        state.counters[BIGCACHE_HISTORY_WRITES] += 1000;
        state.counters[BIGCACHE_HISTORY_REMOVED] += 900;
        state.entries = 1000000 + i;
        state.bytes = 10737418240 + 12345 * (uint64_t) i;
        slot(10900);
    }

    len = 0;

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        bigcache_history_view(&view, i, state.wall);
        bigcache_history_read(history, i, &view);
        len += (size_t) (bigcache_history_write(text, &view) - text);
    }

    ok(len < 40 * 1024, "a full history is less than 40 KB: %zu", len);

    memset(view.values, 0xfe, sizeof(view.values));
    view.step = 4000000000;
    view.n = BIGCACHE_HISTORY_SLOTS;
    view.start = INT64_MAX / 2;
    p = bigcache_history_write(text, &view);
    ok((size_t) (p - text) <= bigcache_history_size(),
       "the largest numbers have room");

    free(text);
}


static void
test_add(void)
{
    unsigned                  i;
    bigcache_history_view_t   view;

    bigcache_history_view(&view, 0, BEGIN);

    is_int(view.start, BEGIN / 1000 - 3600, "an hour");

    for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
        bigcache_history_add(&view, i, view.start, 100);
        bigcache_history_add(&view, i, view.start, 50);
        bigcache_history_add(&view, i, view.start, UNKNOWN);
        bigcache_history_add(&view, i, view.start + 10, UNKNOWN);
        bigcache_history_add(&view, i, view.start - 1, 1);
        bigcache_history_add(&view, i, view.start - 1000000, 1);
        bigcache_history_add(&view, i, view.start + 3600, 1);
        bigcache_history_add(&view, i, INT64_MAX, 1);
        bigcache_history_add(&view, i, INT64_MIN, 1);
    }

    is_int(view.values[BIGCACHE_HISTORY_HITS][0], 150, "counts are added");
    is_int(view.values[BIGCACHE_HISTORY_KILOBYTES][0], 150, "and sizes");
    is_int(view.values[BIGCACHE_HISTORY_MEDIAN][0], 100, "of times the larger");
    is_int(view.values[BIGCACHE_HISTORY_UPSTREAM][0], 100, "one stays");
    ok(view.values[BIGCACHE_HISTORY_HITS][1] == UNKNOWN, "a gap of all");
    ok(view.values[BIGCACHE_HISTORY_HITS][359] == UNKNOWN, "nothing else");
}


static void
test_killed(void)
{
    pid_t  pid;

    begin(BEGIN);
    slot(1);

    /* with the lock */

    pid = fork();

    if (pid == 0) {
        (void) bigcache_pidlock(&history->lock, 0);
        _exit(0);
    }

    (void) waitpid(pid, NULL, 0);
    ok(atomic_load(&history->lock) == (uint32_t) pid, "killed with the lock");

    slot(2);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 2, "the next one takes it");
    is_int(atomic_load(&history->lock), 0, "and gives it back");

    /* in the middle of a sample, and of a base */

    atomic_store(&history->lock, (uint32_t) pid);
    atomic_store(&history->hour[state.wall / 10000 % 360].slot, 0);
    slot(3);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 3,
           "a sample that is half written is written again");

    atomic_store(&history->lock, (uint32_t) pid);
    atomic_store(&history->bases[0].slot, 0);
    history->bases[0].state.counters[0] = 12345;
    slot(4);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN,
       "what is left of a base is not used");
    slot(5);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 5, "it goes on");
}


static void
test_stopped(void)
{
    pid_t  pid;

    begin(BEGIN);
    slot(1);

    pid = fork();

    if (pid == 0) {
        (void) pause();
        _exit(0);
    }

    atomic_store(&history->lock, (uint32_t) pid);
    slot(2);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN,
       "a process that is stopped in it is not waited for");

    atomic_store(&history->lock, 0);
    slot(3);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == UNKNOWN,
       "the gap is two slots long");
    slot(4);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 4, "it goes on");

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


/* a process was killed with the lock, and another one has its pid */

static void
test_stuck(void)
{
    int       told, other;
    pid_t     pid;
    clock_t   used;
    uint32_t  got;
    unsigned  i, n;

    begin(BEGIN);
    slot(1);

    pid = fork();

    if (pid == 0) {
        (void) pause();
        _exit(0);
    }

    atomic_store(&history->lock, (uint32_t) pid);
    told = 0;
    other = 0;

    for (n = 1; n <= 20; n++) {
        pass(10000);

        /* of several workers */

        for (i = 0; i < 3; i++) {
            got = bigcache_history_take(history, &state);

            told += (got != 0);
            other += (got && (n != 6 || got != (uint32_t) pid));
        }
    }

    is_int(told, 1, "a process that keeps the lock is told of once");
    is_int(other, 0, "after a minute");

    used = clock();

    for (i = 0; i < 1000; i++) {
        (void) bigcache_history_take(history, &state);
    }

    /* 1000 times the patience would be two seconds */

    ok(clock() - used < CLOCKS_PER_SEC / 2, "and not waited for any more");

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);

    slot(2);
    slot(3);
    is_int(known(0, BIGCACHE_HISTORY_REQUESTS, 1), 3,
           "when it ends, the next one takes it");

    /* that is over: it takes another minute */

    atomic_store(&history->lock, (uint32_t) getpid());
    pass(10000);
    is_int(bigcache_history_take(history, &state), 0, "a count from the start");
    atomic_store(&history->lock, 0);
}


static void
test_threads(void)
{
    unsigned   i;
    shared_t  *shared;
    pthread_t  threads[4];

    shared = fresh(sizeof(shared_t));
    atomic_store(&shared->clock, BEGIN);
    bigcache_history_create(&shared->history, BEGIN, BEGIN);

    for (i = 0; i < 4; i++) {
        (void) pthread_create(&threads[i], NULL, i < 3 ? taker : reader,
                              shared);
    }

    for (i = 0; i < 4; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    is_int(atomic_load(&shared->torn), 0,
           "threads: each sample is of one time");

    history = &shared->history;
    state.wall = atomic_load(&shared->clock);
    ok(count(0) > 300, "and most are known: %u", count(0));
}


/* the clock is theirs, and kills may come at any time */

static void
test_processes(void)
{
    unsigned   i, n;
    pid_t      pids[4];
    shared_t  *shared;

    shared = fresh(sizeof(shared_t));
    atomic_store(&shared->clock, BEGIN);
    bigcache_history_create(&shared->history, BEGIN, BEGIN);

    for (i = 0; i < 4; i++) {
        pids[i] = spawn(shared);
    }

    for (n = 0; n < 200; n++) {
        i = n % 4;

        (void) usleep(500);
        (void) kill(pids[i], SIGKILL);
        (void) waitpid(pids[i], NULL, 0);
        pids[i] = spawn(shared);
        shared->end = 0;
        (void) reader(shared);
    }

    for (i = 0; i < 4; i++) {
        (void) kill(pids[i], SIGKILL);
        (void) waitpid(pids[i], NULL, 0);
    }

    is_int(atomic_load(&shared->torn), 0,
           "killed: each sample is of one time");

    history = &shared->history;
    memset(&state, 0, sizeof(state));
    state.wall = atomic_load(&shared->clock);
    state.monotonic = state.wall;

    slot(0);
    slot(0);
    slot(0);
    ok(known(0, BIGCACHE_HISTORY_REQUESTS, 1) == 0, "nothing stays locked");
}


static pid_t
spawn(shared_t *shared)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        for ( ;; ) {
            shared->end = 0;
            (void) taker(shared);
        }
    }

    return pid;
}


/* the numbers of a state go by its time, so that each sample has the same */

static void *
taker(void *data)
{
    shared_t *shared = data;

    unsigned                   i, n;
    bigcache_history_state_t   now;

    for (n = 0; n < 2000; n++) {

        memset(&now, 0, sizeof(now));

        now.wall = atomic_fetch_add(&shared->clock, 1000) + 1000;
        now.monotonic = now.wall;

        for (i = 0; i < BIGCACHE_HISTORY_COUNTERS; i++) {
            now.counters[i] = (uint64_t) (now.wall - BEGIN) * (i + 1) / 10;
        }

        if (bigcache_history_due(&shared->history, now.wall)) {
            bigcache_history_take(&shared->history, &now);
        }
    }

    atomic_store(&shared->end, 1);

    return NULL;
}


static void *
reader(void *data)
{
    shared_t *shared = data;

    unsigned                   i, n, slots;
    uint64_t                   one, all;
    bigcache_history_view_t    view;

    slots = 0;

    do {
        bigcache_history_view(&view, 0, atomic_load(&shared->clock));
        bigcache_history_read(&shared->history, 0, &view);

        for (n = 0; n < view.n; n++) {

            one = view.values[0][n];

            if (one == UNKNOWN) {
                continue;
            }

            slots++;

            for (i = 1; i < BIGCACHE_HISTORY_COUNTERS; i++) {

                all = view.values[i][n];

                /* packed: the last digits may differ */

                if (all * 1000 < one * (i + 1) * 998
                    || all * 1000 > one * (i + 1) * 1002)
                {
                    atomic_fetch_add(&shared->torn, 1);
                }
            }
        }

    } while (slots < 1000 && !atomic_load(&shared->end));

    return NULL;
}


static void
begin(int64_t at)
{
    history = fresh(sizeof(bigcache_history_t));

    memset(&state, 0, sizeof(state));
    state.wall = at;
    state.monotonic = 1000000;

    bigcache_history_create(history, state.wall, state.monotonic);
}


static void
pass(int64_t ms)
{
    state.wall += ms;
    state.monotonic += ms;
}


/* so many requests, to the end of the slot, and a sample */

static void
slot(uint64_t requests)
{
    state.counters[BIGCACHE_HISTORY_REQUESTS] += requests;
    pass(bigcache_history_wait(state.wall));

    if (bigcache_history_due(history, state.wall)) {
        bigcache_history_take(history, &state);
    }
}


/* a value of the slot that ended so many slots ago, 1: the last one */

static uint64_t
known(unsigned series, bigcache_history_field_e field, unsigned ago)
{
    bigcache_history_view_t  view;

    bigcache_history_view(&view, series, state.wall);
    bigcache_history_read(history, series, &view);

    return view.values[field][view.n - ago];
}


static unsigned
count(unsigned series)
{
    unsigned                 i, n;
    bigcache_history_view_t  view;

    bigcache_history_view(&view, series, state.wall);
    bigcache_history_read(history, series, &view);

    n = 0;

    for (i = 0; i < view.n; i++) {
        n += (view.values[BIGCACHE_HISTORY_REQUESTS][i] != UNKNOWN);
    }

    return n;
}


static uint64_t
packed(uint64_t n)
{
    state.entries = n;
    slot(0);

    return known(0, BIGCACHE_HISTORY_ENTRIES, 1);
}


static void *
fresh(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        abort();
    }

    return p;
}

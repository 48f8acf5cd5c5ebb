
/*
 * Copyright (C) bigcache contributors
 */


/* Counters by operation, and the requests that wait in living processes. */


#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bigcache_metrics.h"
#include "tap.h"


static void test_statuses(void);
static void test_durations(void);
static void test_parts(void);
static void test_waiting(void);
static void test_dead(void);
static void test_places(void);
static void child(unsigned n);
static bigcache_metrics_t *fresh(void);


static bigcache_metrics_t  *metrics;


int
main(void)
{
    test_statuses();
    test_durations();
    test_parts();
    test_waiting();
    test_dead();
    test_places();

    return done_testing();
}


static void
test_statuses(void)
{
    unsigned                 i;
    bigcache_metrics_sum_t   sum;

    metrics = fresh();

    for (i = 0; i < 9; i++) {
        bigcache_metrics_status(metrics, i, BIGCACHE_METRIC_GET, 200);
    }

    bigcache_metrics_status(metrics, 1, BIGCACHE_METRIC_GET, 507);
    bigcache_metrics_status(metrics, 2, BIGCACHE_METRIC_GET, 418);
    bigcache_metrics_status(metrics, 2, BIGCACHE_METRIC_GET, 0);
    bigcache_metrics_status(metrics, 3, BIGCACHE_METRIC_KEYS, 200);

    bigcache_metrics_sum(metrics, BIGCACHE_METRIC_GET, &sum);

    is_int(sum.statuses[0], 9, "of all workers");
    is_int(sum.statuses[BIGCACHE_METRICS_STATUSES - 2], 1, "507");
    is_int(sum.statuses[BIGCACHE_METRICS_STATUSES - 1], 2, "others");

    bigcache_metrics_sum(metrics, BIGCACHE_METRIC_KEYS, &sum);

    is_int(sum.statuses[0], 1, "of another operation");
}


static void
test_durations(void)
{
    bigcache_metrics_sum_t  sum;

    metrics = fresh();

    bigcache_metrics_took(metrics, 0, BIGCACHE_METRIC_SET, 0);
    bigcache_metrics_took(metrics, 1, BIGCACHE_METRIC_SET, 50);
    bigcache_metrics_took(metrics, 2, BIGCACHE_METRIC_SET, 51);
    bigcache_metrics_took(metrics, 3, BIGCACHE_METRIC_SET, 10000000);
    bigcache_metrics_took(metrics, 4, BIGCACHE_METRIC_SET, 10000001);

    bigcache_metrics_sum(metrics, BIGCACHE_METRIC_SET, &sum);

    is_int(sum.buckets[0], 2, "up to the first bound, and it");
    is_int(sum.buckets[1], 3, "up to the second");
    is_int(sum.buckets[BIGCACHE_METRICS_BUCKETS - 2], 4, "up to the last");
    is_int(sum.buckets[BIGCACHE_METRICS_BUCKETS - 1], 5, "all");
    is_int(sum.microseconds, 20000102, "the time of all");
}


static void
test_parts(void)
{
    is_int(sizeof(bigcache_metrics_part_t) % BIGCACHE_METRICS_LINE, 0,
           "a part is whole lines");
    is_int(_Alignof(bigcache_metrics_part_t), BIGCACHE_METRICS_LINE,
           "and begins with one");
    ok(sizeof(bigcache_metrics_t) <= 4 * 4096,
       "a small zone has room for the hot index, too");
}


static void
test_waiting(void)
{
    _Atomic uint64_t  *one, *two;

    metrics = fresh();

    is_int(bigcache_metrics_waiting(metrics), 0, "nobody is there");

    one = bigcache_metrics_enter(metrics);
    two = bigcache_metrics_enter(metrics);

    ok(one && two && one != two, "two places");

    atomic_fetch_add(one, 3);
    atomic_fetch_add(two, 4);
    is_int(bigcache_metrics_waiting(metrics), 7, "both count");

    atomic_fetch_sub(one, 3);
    is_int(bigcache_metrics_waiting(metrics), 4, "and count down");

    bigcache_metrics_leave(two);
    is_int(bigcache_metrics_waiting(metrics), 0, "until they leave");
    ok(bigcache_metrics_enter(metrics) == two, "the place is free again");
}


static void
test_dead(void)
{
    metrics = fresh();

    child(5);

    ok(atomic_load(&metrics->waiting[0]) != 0, "it has left nothing");
    is_int(bigcache_metrics_waiting(metrics), 0, "the dead do not wait");
    ok(bigcache_metrics_enter(metrics) == &metrics->waiting[0],
       "nor do they keep a place");
}


static void
test_places(void)
{
    unsigned  i;

    metrics = fresh();

    for (i = 0; i < BIGCACHE_METRICS_WORKERS; i++) {
        if (bigcache_metrics_enter(metrics) == NULL) {
            break;
        }
    }

    is_int(i, BIGCACHE_METRICS_WORKERS, "places for many");
    ok(bigcache_metrics_enter(metrics) == NULL, "but not for all");
}


static void
child(unsigned n)
{
    pid_t              pid;
    _Atomic uint64_t  *waiting;

    pid = fork();

    if (pid == 0) {
        waiting = bigcache_metrics_enter(metrics);
        atomic_fetch_add(waiting, n);
        _exit(0);
    }

    (void) waitpid(pid, NULL, 0);
}


static bigcache_metrics_t *
fresh(void)
{
    void  *p;

    p = mmap(NULL, sizeof(bigcache_metrics_t), PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        abort();
    }

    return p;
}

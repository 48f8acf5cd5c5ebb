
/*
 * Copyright (C) bigcache contributors
 */


/* Counters by operation, and the requests that wait in living processes. */


#include <signal.h>
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
static void test_zombie(void);
static void test_pid(void);
static void test_places(void);
static pid_t killed(unsigned n, int reap);
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
    test_zombie();
    test_pid();
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
    bigcache_metrics_place_t  *one, *two;

    metrics = fresh();

    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "nobody is there");

    one = bigcache_metrics_enter(metrics);
    two = bigcache_metrics_enter(metrics);

    ok(one && two && one != two, "two places");

    atomic_fetch_add(&one->waiting, 3);
    atomic_fetch_add(&two->waiting, 4);
    is_int(bigcache_metrics_waiting(metrics, NULL), 7, "both count");

    atomic_fetch_sub(&one->waiting, 3);
    is_int(bigcache_metrics_waiting(metrics, NULL), 4, "and count down");

    bigcache_metrics_leave(two);
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "until they leave");

    atomic_fetch_add(&one->waiting, 2);
    ok(bigcache_metrics_enter(metrics) == two, "the place is free again");
    is_int(bigcache_metrics_waiting(metrics, NULL), 2,
           "for a process that waits for none");
}


static void
test_dead(void)
{
    metrics = fresh();

    killed(5, 1);

    is_int(atomic_load(&metrics->places[0].waiting), 5, "it has left nothing");
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "the dead do not wait");
    ok(bigcache_metrics_enter(metrics) == &metrics->places[0],
       "nor do they keep a place");
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "which counts anew");
}


/* a zombie: its parent does not know yet */

static void
test_zombie(void)
{
    pid_t  pid;

    metrics = fresh();

    pid = killed(5, 0);

    is_int(kill(pid, 0), 0, "a zombie has its pid");
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "but does not wait");

    (void) waitpid(pid, NULL, 0);
}


/* another process has the pid of a killed one */

static void
test_pid(void)
{
    uint64_t                   other;
    bigcache_metrics_place_t  *place;

    metrics = fresh();

    place = bigcache_metrics_enter(metrics);
    atomic_fetch_add(&place->waiting, 6);
    is_int(bigcache_metrics_waiting(metrics, NULL), 6, "a process that lives");

    other = atomic_load(&place->process) - 1;
    atomic_store(&place->process, other);

    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "not the one it was");
    ok(bigcache_metrics_enter(metrics) == place, "it keeps no place");
    ok(atomic_load(&place->process) != other, "which is another's now");
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "and counts anew");

    /* process 1 is no child, and began at another time */

    atomic_fetch_add(&place->waiting, 6);
    atomic_store(&place->process,
                 (atomic_load(&place->process)
                  & (((uint64_t) 1 << 40) - 1)) | (uint64_t) 1 << 40);
    is_int(bigcache_metrics_waiting(metrics, NULL), 0, "a pid of another user");
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


static pid_t
killed(unsigned n, int reap)
{
    pid_t                      pid;
    siginfo_t                  info;
    bigcache_metrics_place_t  *place;

    pid = fork();

    if (pid == 0) {
        place = bigcache_metrics_enter(metrics);
        atomic_fetch_add(&place->waiting, n);
        _exit(0);
    }

    (void) waitid(P_PID, (id_t) pid, &info,
                  reap ? WEXITED : WEXITED|WNOWAIT);

    return pid;
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

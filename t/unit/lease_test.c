
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Leases: what each call returns, and that there is never more than one leader,
 * with several processes of which some are killed.
 */


#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bigcache_lease.h"
#include "bigcache_pidlock.h"
#include "bigcache_time.h"
#include "tap.h"


#define SIZE       (64 * 1024)
#define KEYS       20
#define PROCESSES  4
#define THREADS    3
#define KILLS      40

/* a bucket has 256 bytes, and so has what is in front of the buckets */

#define SMALL      512


/* of all processes; the leader of a key writes its pid there */

typedef struct {
    _Atomic uint32_t  leaders[KEYS];
    _Atomic uint64_t  led;
    _Atomic uint64_t  waited;
    _Atomic uint64_t  seen_dead;
    _Atomic unsigned  two;          /* leaders of one key */
    _Atomic unsigned  stuck;
    _Atomic int       quit;
} shared_t;


static void test_one(void);
static void test_same_millisecond(void);
static void test_hand_over(void);
static void test_remembered(void);
static void test_full(void);
static void test_dead(void);
static void test_abandoned(void);
static void test_hammer(void);
static pid_t begin_process(unsigned id);
static void *hammer(void *data);
static void lead(unsigned key, const bigcache_lease_t *lease,
    unsigned *seed);
static bigcache_lease_shm_t *table(size_t size);
static bigcache_str_t key_of(unsigned n);
static bigcache_lease_e take(unsigned key, int64_t now,
    bigcache_lease_t *lease);
static unsigned rnd(unsigned *seed, unsigned n);


static bigcache_lease_shm_t  *shm;
static shared_t              *shared;


int
main(void)
{
    test_one();
    test_same_millisecond();
    test_hand_over();
    test_remembered();
    test_full();
    test_dead();
    test_abandoned();
    test_hammer();

    return done_testing();
}


static void
test_one(void)
{
    bigcache_lease_t       one, two;
    bigcache_lease_stat_t  stat;

    shm = table(SIZE);

    is_int(take(1, 1000, &one), BIGCACHE_LEASE_LEADER, "the first one leads");
    is_int(take(1, 1001, &two), BIGCACHE_LEASE_WAIT, "the second one waits");
    is_int(two.until, 1100, "until the time is over");
    is_int(take(2, 1001, &two), BIGCACHE_LEASE_LEADER, "another key is free");

    bigcache_lease_stat(shm, &stat);
    is_int(stat.held, 2, "two are held");

    (void) take(1, 1001, &two);
    is_int(bigcache_lease_look(shm, 1010, 100, &two), BIGCACHE_LEASE_WAIT,
           "it still waits");
    is_int(bigcache_lease_end(shm, 1020, BIGCACHE_LEASE_STORED, 0, 0, &one),
           1, "the leader has stored the page");
    is_int(bigcache_lease_look(shm, 1021, 100, &two), BIGCACHE_LEASE_STORED,
           "the one that waits is told");
    is_int(bigcache_lease_end(shm, 1022, BIGCACHE_LEASE_STORED, 0, 0, &one),
           0, "a lease ends once");

    /* whoever looked for the page before it was stored looks again */

    is_int(take(1, 1020, &two), BIGCACHE_LEASE_STORED,
           "stored since the look");
    is_int(take(1, 1021, &two), BIGCACHE_LEASE_LEADER,
           "missed after it was stored");

    bigcache_lease_stat(shm, &stat);
    is_int(stat.held, 2, "two are held again");
    is_int(stat.taken_over, 0, "none was taken over");
}


/* a look for the page may take less than a millisecond */

static void
test_same_millisecond(void)
{
    bigcache_str_t    name, other;
    bigcache_lease_t  one, two;

    shm = table(SIZE);
    name = key_of(1);
    other = key_of(2);

    (void) take(1, 1000, &one);
    (void) bigcache_lease_end(shm, 1000, BIGCACHE_LEASE_STORED, 0, 0, &one);

    is_int(take(1, 1000, &two), BIGCACHE_LEASE_STORED,
           "stored in the same millisecond");
    is_int(bigcache_lease_take(shm, &name, 1000, 1000, 100, &two),
           BIGCACHE_LEASE_LEADER, "and missed in it, after one more look");

    (void) bigcache_lease_end(shm, 1000, BIGCACHE_LEASE_STORED, 0, 0, &two);

    is_int(bigcache_lease_take(shm, &name, 1000, 1000, 100, &one),
           BIGCACHE_LEASE_STORED, "a later lease asks for one more look");

    (void) take(2, 1000, &two);
    (void) bigcache_lease_end(shm, 1000, BIGCACHE_LEASE_STORED, 0, 0, &two);

    is_int(bigcache_lease_take(shm, &other, 1000, 1000, 100, &one),
           BIGCACHE_LEASE_STORED, "so does another key");
}


static void
test_hand_over(void)
{
    bigcache_lease_t       one, two, three;
    bigcache_lease_stat_t  stat;

    shm = table(SIZE);

    (void) take(1, 1000, &one);
    (void) take(1, 1000, &two);
    (void) take(1, 1000, &three);

    is_int(bigcache_lease_end(shm, 1010, BIGCACHE_LEASE_NONE, 0, 0, &one), 1,
           "the leader gives up");
    is_int(bigcache_lease_look(shm, 1011, 100, &two), BIGCACHE_LEASE_LEADER,
           "the next one that looks leads");
    is_int(bigcache_lease_look(shm, 1012, 100, &three),
           BIGCACHE_LEASE_STORED, "the other one looks for the page");
    is_int(take(1, 1012, &three), BIGCACHE_LEASE_WAIT, "and waits again");

    is_int(bigcache_lease_look(shm, 1111, 100, &three), BIGCACHE_LEASE_LEADER,
           "the time of the second one is over");
    is_int(bigcache_lease_end(shm, 1112, BIGCACHE_LEASE_STORED, 0, 0, &two),
           0, "which cannot end it any more");
    is_int(bigcache_lease_end(shm, 1113, BIGCACHE_LEASE_STORED, 0, 0, &three),
           1, "but the third one can");

    bigcache_lease_stat(shm, &stat);
    is_int(stat.taken_over, 2, "two were taken over");
    is_int(stat.held, 0, "none is held");
}


static void
test_remembered(void)
{
    unsigned          i;
    int64_t           now;
    bigcache_lease_t  one, two;

    static const int64_t  pauses[] = { 5000, 10000, 20000, 40000, 60000,
                                       60000 };

    shm = table(SIZE);

    (void) take(1, 1000, &one);
    (void) take(1, 1000, &two);

    (void) bigcache_lease_end(shm, 1000, BIGCACHE_LEASE_PASS, 500, 0, &one);

    is_int(bigcache_lease_look(shm, 1001, 100, &two), BIGCACHE_LEASE_PASS,
           "cannot be stored: nobody waits");
    is_int(take(1, 1499, &two), BIGCACHE_LEASE_PASS, "nor later");
    is_int(two.until, 1500, "until then");
    is_int(take(1, 1500, &two), BIGCACHE_LEASE_LEADER,
           "after that it is tried");

    now = 2000;
    (void) bigcache_lease_end(shm, now, BIGCACHE_LEASE_NONE, 0, 0, &two);

    for (i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {

        is_int(take(1, now, &one), BIGCACHE_LEASE_LEADER, "try %u", i);
        (void) bigcache_lease_end(shm, now, BIGCACHE_LEASE_FAILED, 5000,
                                  60000, &one);

        is_int(take(1, now + 1, &two), BIGCACHE_LEASE_FAILED,
               "failure %u is remembered", i);
        is_int(two.until - now, pauses[i], "failure %u: so long", i);

        now = two.until;
    }

    (void) take(1, now, &one);
    (void) bigcache_lease_end(shm, now, BIGCACHE_LEASE_STORED, 0, 0, &one);
    (void) take(1, now + 1, &one);
    (void) bigcache_lease_end(shm, now + 1, BIGCACHE_LEASE_FAILED, 5000,
                              60000, &one);
    (void) take(1, now + 2, &two);
    is_int(two.until - now - 1, 5000, "a success begins anew");
}


/* a table of one bucket */

static void
test_full(void)
{
    unsigned               i;
    bigcache_lease_t       leases[8], one;
    bigcache_lease_stat_t  stat;

    is_int(table(SMALL - 257) == NULL, 1, "too little memory");

    shm = table(SMALL - 64);

    bigcache_lease_stat(shm, &stat);
    is_int(stat.room, 6, "room for six");

    for (i = 0; i < 6; i++) {
        is_int(take(i, 1000, &leases[i]), BIGCACHE_LEASE_LEADER,
               "full: lease %u", i);
    }

    is_int(take(6, 1000, &one), BIGCACHE_LEASE_NONE, "full: no room");

    bigcache_lease_stat(shm, &stat);
    is_int(stat.full, 1, "full: it is counted");

    (void) bigcache_lease_end(shm, 1001, BIGCACHE_LEASE_PASS, 500, 0,
                              &leases[0]);
    (void) bigcache_lease_end(shm, 1001, BIGCACHE_LEASE_STORED, 0, 0,
                              &leases[1]);
    (void) take(1, 1000, &one);
    is_int(take(6, 1002, &leases[6]), BIGCACHE_LEASE_LEADER,
           "full: the room of a stored one");
    is_int(bigcache_lease_look(shm, 1003, 100, &one), BIGCACHE_LEASE_STORED,
           "full: its callers look for the page");
    is_int(take(0, 1003, &one), BIGCACHE_LEASE_PASS,
           "full: one that is to be passed is kept");
    is_int(take(7, 1003, &leases[7]), BIGCACHE_LEASE_LEADER,
           "full: until there is nothing else");
    is_int(take(8, 1003, &one), BIGCACHE_LEASE_NONE, "full again");
    is_int(take(8, 1101, &one), BIGCACHE_LEASE_LEADER,
           "full: one whose time is over");
}


static void
test_dead(void)
{
    int               status;
    pid_t             pid;
    bigcache_lease_t  one;

    shm = table(SIZE);

    pid = fork();

    if (pid == 0) {
        (void) take(1, 1000, &one);
        _exit(0);
    }

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    is_int(take(1, 1001, &one), BIGCACHE_LEASE_LEADER,
           "the leader's process has ended");
}


/* a process is killed while it has the lock of the only bucket */

static void
test_abandoned(void)
{
    int                  status;
    pid_t                pid;
    bigcache_lease_t     one, two;
    bigcache_pidlock_t  *lock;

    shm = table(SMALL - 64);
    lock = (bigcache_pidlock_t *) (void *) ((u_char *) shm + 128);

    (void) take(1, 1000, &one);
    (void) take(1, 1000, &two);

    pid = fork();

    if (pid == 0) {
        (void) bigcache_pidlock(lock, 1000);
        _exit(0);
    }

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    is_int(*lock, pid, "a dead process has the lock");
    is_int(bigcache_lease_look(shm, 1001, 100, &two), BIGCACHE_LEASE_WAIT,
           "the lock is taken, the leases are as they were");
    is_int(*lock, 0, "and it is unlocked");
    is_int(bigcache_lease_end(shm, 1002, BIGCACHE_LEASE_NONE, 0, 0, &one), 1,
           "the leader gives up");
    is_int(bigcache_lease_look(shm, 1002, 100, &two), BIGCACHE_LEASE_LEADER,
           "the next one leads");

    /* a process that lives, but does not leave it */

    *lock = (uint32_t) getppid();

    is_int(take(1, 1003, &one), BIGCACHE_LEASE_NONE,
           "locked for long: without a lease");
    is_int(bigcache_lease_look(shm, 1003, 100, &two), BIGCACHE_LEASE_WAIT,
           "locked for long: a look waits");
    is_int(bigcache_lease_look(shm, two.until, 100, &two),
           BIGCACHE_LEASE_NONE, "locked for long: it does not wait for ever");
    is_int(bigcache_lease_end(shm, 1003, BIGCACHE_LEASE_STORED, 0, 0, &two),
           0, "locked for long: its time will end it");

    *lock = 0;
}


static void
test_hammer(void)
{
    int                    status;
    pid_t                  pids[PROCESSES];
    unsigned               i, n, seed;
    bigcache_lease_stat_t  stat;

    shm = table(SIZE);
    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED) {
        abort();
    }

    seed = 1;

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = begin_process(i);
    }

    for (n = 0; n < KILLS; n++) {

        (void) usleep(20000 + rnd(&seed, 10000));

        i = rnd(&seed, PROCESSES);

        (void) kill(pids[i], SIGKILL);

        while (waitpid(pids[i], &status, 0) == -1 && errno == EINTR) {
            /* void */
        }

        pids[i] = begin_process(PROCESSES + n);
    }

    atomic_store(&shared->quit, 1);

    for (i = 0; i < PROCESSES; i++) {
        while (waitpid(pids[i], &status, 0) == -1 && errno == EINTR) {
            /* void */
        }
    }

    bigcache_lease_stat(shm, &stat);

    is_int(atomic_load(&shared->two), 0, "never two leaders");
    is_int(atomic_load(&shared->stuck), 0, "no one waits for a dead leader");
    ok(atomic_load(&shared->led) > 1000, "leaders: %llu, waits: %llu",
       (unsigned long long) atomic_load(&shared->led),
       (unsigned long long) atomic_load(&shared->waited));
    ok(atomic_load(&shared->seen_dead) > 0, "leaders that were killed: %llu",
       (unsigned long long) atomic_load(&shared->seen_dead));
    ok(stat.taken_over > 0, "leases that were taken over: %llu",
       (unsigned long long) stat.taken_over);
}


static pid_t
begin_process(unsigned id)
{
    pid_t      pid;
    unsigned   i, seeds[THREADS];
    pthread_t  threads[THREADS];

    pid = fork();

    if (pid == -1) {
        abort();
    }

    if (pid) {
        return pid;
    }

    for (i = 0; i < THREADS; i++) {
        seeds[i] = id * THREADS + i + 7;

        if (pthread_create(&threads[i], NULL, hammer, &seeds[i]) != 0) {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    _exit(0);
}


static void *
hammer(void *data)
{
    unsigned *seed = data;

    int64_t           now, begin;
    unsigned          key;
    bigcache_str_t    name;
    bigcache_lease_e  rc;
    bigcache_lease_t  lease;

    while (!atomic_load(&shared->quit)) {

        key = rnd(seed, KEYS);
        name = key_of(key);

        now = bigcache_time_monotonic();
        begin = now;

        /* its time is never over: only death hands a lease over */

        memset(&lease, 0, sizeof(bigcache_lease_t));
        rc = bigcache_lease_take(shm, &name, now, now, 1000000, &lease);

        while (rc == BIGCACHE_LEASE_WAIT && !atomic_load(&shared->quit)) {

            (void) atomic_fetch_add(&shared->waited, 1);
            (void) usleep(100);

            now = bigcache_time_monotonic();

            if (now - begin > 20000) {
                atomic_store(&shared->stuck, 1);
                return NULL;
            }

            rc = bigcache_lease_look(shm, now, 1000000, &lease);
        }

        if (rc == BIGCACHE_LEASE_LEADER) {
            lead(key, &lease, seed);
        }
    }

    return NULL;
}


static void
lead(unsigned key, const bigcache_lease_t *lease, unsigned *seed)
{
    uint32_t  before;
    unsigned  as;

    before = atomic_exchange(&shared->leaders[key], (uint32_t) getpid());

    if (before) {
        if (bigcache_pidlock_dead(before)) {
            (void) atomic_fetch_add(&shared->seen_dead, 1);

        } else {
            (void) atomic_fetch_add(&shared->two, 1);
        }
    }

    (void) atomic_fetch_add(&shared->led, 1);
    (void) usleep(rnd(seed, 300));

    atomic_store(&shared->leaders[key], 0);

    as = rnd(seed, 4);

    (void) bigcache_lease_end(shm, bigcache_time_monotonic(),
                              as == 0 ? BIGCACHE_LEASE_NONE
                              : as == 1 ? BIGCACHE_LEASE_FAILED
                              : as == 2 ? BIGCACHE_LEASE_PASS
                                        : BIGCACHE_LEASE_STORED,
                              1, 1, lease);
}


static bigcache_lease_shm_t *
table(size_t size)
{
    void            *memory;
    const uint64_t   seed[2] = { 1, 2 };

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    if (memory == MAP_FAILED) {
        abort();
    }

    return bigcache_lease_create(memory, size, seed);
}


static bigcache_str_t
key_of(unsigned n)
{
    bigcache_str_t  key;

    static const u_char  names[] = "abcdefghijklmnopqrstuvwxyz";

    key.data = names + n;
    key.len = 1;

    return key;
}


/* a lease of 100 ms, by a caller that has just looked for the page */

static bigcache_lease_e
take(unsigned key, int64_t now, bigcache_lease_t *lease)
{
    bigcache_str_t  name;

    memset(lease, 0, sizeof(bigcache_lease_t));
    name = key_of(key);

    return bigcache_lease_take(shm, &name, now, now, 100, lease);
}


static unsigned
rnd(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245 + 12345;

    return (*seed >> 8) % n;
}

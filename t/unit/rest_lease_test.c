
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Leases of the REST API: what each call returns, the bounds, processes that
 * die, and that there is never more than one leader.
 */


#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bigcache_pidlock.h"
#include "bigcache_rest_lease.h"
#include "bigcache_time.h"
#include "tap.h"


#define SIZE      (256 * 1024)
#define THREADS   4
#define ROUNDS    20000
#define KEYS      3

/* what is in front of the buckets, and a bucket, bytes */

#define HEADER    4288
#define BUCKET    2112


static void test_one(void);
static void test_token(void);
static void test_same_millisecond(void);
static void test_ends(void);
static void test_reader(void);
static void test_full(void);
static void test_address(void);
static void test_purge(void);
static void test_dead(void);
static void test_stopped(void);
static void test_hammer(void);
static void *hammer(void *data);
static void child(void (*run)(void));
static void child_take(void);
static void child_remove(void);
static void child_lock(void);
static int selects(void *data, const bigcache_str_t *begin, int whole);
static bigcache_rest_lease_shm_t *table(size_t size);
static bigcache_str_t str(const char *text);
static bigcache_rest_lease_e take_from(const char *key, const char *address,
    int64_t now, bigcache_rest_lease_t *lease);
static bigcache_rest_lease_e again_from(const char *key, const char *address,
    int64_t now, bigcache_rest_lease_t *lease);
static bigcache_rest_lease_e take(const char *key, int64_t now,
    bigcache_rest_lease_t *lease);
static bigcache_rest_lease_e again(const char *key, int64_t now,
    bigcache_rest_lease_t *lease);
static int find(const char *key, int64_t now, const u_char *token);
static int held(const char *key, const bigcache_rest_lease_t *lease);


static bigcache_rest_lease_shm_t  *shm;
static unsigned                    purged, purged_parts;
static _Atomic unsigned            leaders[KEYS];
static _Atomic unsigned            led, two;


int
main(void)
{
    test_one();
    test_token();
    test_same_millisecond();
    test_ends();
    test_reader();
    test_full();
    test_address();
    test_purge();
    test_dead();
    test_stopped();
    test_hammer();

    return done_testing();
}


static void
test_one(void)
{
    bigcache_rest_lease_t       one, second, other;
    bigcache_rest_lease_stat_t  stat;

    shm = table(SIZE);

    is_int(take("a", 1000, &one), BIGCACHE_REST_LEASE_LEADER,
           "the first one leads");
    is_int(one.version, 7, "its version");
    is_int(one.until, 1100, "its end");
    is_int(take("a", 1001, &second), BIGCACHE_REST_LEASE_WAIT,
           "the second one waits");
    is_int(take("b", 1001, &other), BIGCACHE_REST_LEASE_LEADER,
           "another key is free");
    ok(memcmp(one.token, other.token, BIGCACHE_REST_LEASE_TOKEN) != 0,
       "another token");
    is_int(bigcache_rest_lease_look(shm, 1010, &second), 1, "it still waits");

    is_int(bigcache_rest_lease_end(shm, 1020, 1, &one), 1, "stored");
    is_int(bigcache_rest_lease_look(shm, 1021, &second), 0,
           "the one that waits is told");
    is_int(again("a", 1020, &second), BIGCACHE_REST_LEASE_LEADER,
           "it has looked for the entry, and finds none");

    bigcache_rest_lease_waited(shm);
    bigcache_rest_lease_late(shm);
    bigcache_rest_lease_stat(shm, 1030, &stat);

    is_int(stat.held, 2, "two are held");
    is_int(stat.given, 3, "three were given");
    is_int(stat.waited, 1, "one has waited");
    is_int(stat.late, 1, "one was late");
    is_int(stat.room, (SIZE - HEADER) / BUCKET * 8, "room");

    bigcache_rest_lease_stat(shm, 2000, &stat);
    is_int(stat.held, 0, "none is held when their time is over");
    is_int(stat.timed_out, 2, "that is counted");
}


static void
test_token(void)
{
    u_char                 wrong[BIGCACHE_REST_LEASE_TOKEN];
    bigcache_rest_lease_t  one, found;

    shm = table(SIZE);
    (void) take("a", 1000, &one);

    memcpy(wrong, one.token, BIGCACHE_REST_LEASE_TOKEN);
    wrong[15] ^= 1;

    is_int(find("a", 1001, one.token), 1, "token: found");
    is_int(find("a", 1001, wrong), 0, "token: one bit is wrong");
    is_int(find("b", 1001, one.token), 0, "token: of another key");
    is_int(find("a", 1099, one.token), 1, "token: before its end");
    is_int(find("a", 1100, one.token), 0, "token: after it");

    shm = table(SIZE);
    (void) take("a", 1000, &one);
    memset(&found, 0, sizeof(found));

    is_int(bigcache_rest_lease_find(shm, 1001, &(bigcache_str_t) { 1,
                                    (const u_char *) "a" }, one.token, &found),
           1, "token: the lease");
    is_int(found.version, 7, "token: its version");
    is_int(found.serial, one.serial, "token: its serial");
    is_int(bigcache_rest_lease_end(shm, 1002, 0, &found), 1,
           "token: given back");
    is_int(find("a", 1003, one.token), 0, "token: void");
    is_int(bigcache_rest_lease_end(shm, 1004, 0, &found), 0,
           "token: given back only once");
}


/* a look for the entry may take less than a millisecond */

static void
test_same_millisecond(void)
{
    bigcache_rest_lease_t  one, other;

    shm = table(SIZE);

    (void) take("a", 1000, &one);
    (void) bigcache_rest_lease_end(shm, 1000, 1, &one);

    is_int(take("a", 1000, &other), BIGCACHE_REST_LEASE_STORED,
           "stored in the same millisecond: look for it");
    is_int(again("a", 1000, &other), BIGCACHE_REST_LEASE_LEADER,
           "looked, and found none");
    (void) bigcache_rest_lease_end(shm, 1000, 1, &other);
    is_int(take("a", 1001, &other), BIGCACHE_REST_LEASE_LEADER,
           "the look began later");
}


static void
test_ends(void)
{
    uint64_t                    removal;
    bigcache_str_t              key;
    bigcache_rest_lease_t       one, other;
    bigcache_rest_lease_stat_t  stat;

    shm = table(SIZE);
    key = str("a");

    (void) take("a", 1000, &one);
    bigcache_rest_lease_stored(shm, 1010, &key);
    is_int(find("a", 1011, one.token), 0, "another client has stored: void");
    is_int(bigcache_rest_lease_end(shm, 1011, 1, &one), 1,
           "a later store of its client stays");

    (void) take("a", 1012, &one);
    removal = bigcache_rest_lease_remove(shm, &key, 0);
    ok(removal != 0, "removed: there is a lease");
    is_int(find("a", 1013, one.token), 0, "removed: void");
    is_int(bigcache_rest_lease_end(shm, 1013, 1, &one), 0,
           "removed: what was stored since is void, too");
    bigcache_rest_lease_told(shm, &one);
    bigcache_rest_lease_stored(shm, 1013, &key);
    is_int(take("a", 1013, &other), BIGCACHE_REST_LEASE_WAIT,
           "removed: the next one waits until that is done");
    is_int(bigcache_rest_lease_look(shm, 1013, &other), 1,
           "removed: and goes on to wait");
    is_int(bigcache_rest_lease_remove(shm, &key, removal) == removal, 1,
           "removed: tried once more");
    bigcache_rest_lease_removed(shm, &key, removal + 1);
    is_int(bigcache_rest_lease_look(shm, 1013, &other), 1,
           "removed: another removal is done");
    bigcache_rest_lease_removed(shm, &key, removal);
    is_int(bigcache_rest_lease_look(shm, 1013, &other), 0, "removed: done");
    is_int(take("a", 1013, &other), BIGCACHE_REST_LEASE_LEADER,
           "removed: the next one leads");
    is_int(bigcache_rest_lease_end(shm, 1013, 1, &one), 0,
           "removed: though another one leads");

    /* nothing happens to what is not held */

    key = str("none");
    is_int(bigcache_rest_lease_remove(shm, &key, 0) == 0, 1,
           "removed: there is no lease");
    bigcache_rest_lease_removed(shm, &key, 1);
    bigcache_rest_lease_stored(shm, 1014, &key);

    bigcache_rest_lease_stat(shm, 1014, &stat);
    is_int(stat.removed, 1, "one was removed");

    is_int(take("a", 1113, &one), BIGCACHE_REST_LEASE_LEADER,
           "its time is over: the next one leads");
    is_int(bigcache_rest_lease_look(shm, 1114, &other), 0,
           "its time is over: noticed");
    bigcache_rest_lease_stat(shm, 1114, &stat);
    is_int(stat.timed_out, 1, "its time is over: counted once");
}


static void
test_reader(void)
{
    bigcache_rest_lease_t      one, other;
    bigcache_rest_lease_ask_t  ask;

    shm = table(SIZE);

    memset(&ask, 0, sizeof(ask));
    memset(&other, 0, sizeof(other));

    ask.key = str("a");
    ask.address = str("reader");
    ask.now = 1000;
    ask.since = 1000;
    ask.time = 100;

    is_int(bigcache_rest_lease_take(shm, &ask, &other),
           BIGCACHE_REST_LEASE_NONE, "reader: gets no lease");
    (void) take("a", 1000, &one);
    is_int(bigcache_rest_lease_take(shm, &ask, &other),
           BIGCACHE_REST_LEASE_WAIT, "reader: waits");
    (void) bigcache_rest_lease_end(shm, 1000, 0, &one);
    is_int(bigcache_rest_lease_look(shm, 1000, &other), 0,
           "reader: the lease has ended");
}


/* a table of one bucket; each address may have two leases */

static void
test_full(void)
{
    char                        key[8], address[8];
    unsigned                    i;
    bigcache_rest_lease_t       one, last;
    bigcache_rest_lease_stat_t  stat;

    is_int(table(HEADER + BUCKET - 1) == NULL, 1, "too little memory");

    shm = table(HEADER + BUCKET);

    for (i = 0; i < 8; i++) {
        (void) snprintf(key, sizeof(key), "k%u", i);
        (void) snprintf(address, sizeof(address), "a%u", i);
        is_int(take_from(key, address, 1000, &last),
               BIGCACHE_REST_LEASE_LEADER, "full: lease %u", i);
    }

    is_int(take_from("other", "a9", 1001, &one), BIGCACHE_REST_LEASE_NONE,
           "full: no room");
    bigcache_rest_lease_stat(shm, 1001, &stat);
    is_int(stat.full, 1, "full: counted");

    (void) bigcache_rest_lease_end(shm, 1002, 1, &last);
    is_int(take_from("other", "a9", 1002, &one), BIGCACHE_REST_LEASE_LEADER,
           "full: the room of a stored one");
    is_int(take_from("more", "a9", 1100, &one), BIGCACHE_REST_LEASE_LEADER,
           "full: the room of one whose time is over");
}


static void
test_address(void)
{
    bigcache_rest_lease_t       one, other;
    bigcache_rest_lease_stat_t  stat;

    shm = table(HEADER + BUCKET);

    (void) take_from("1", "a", 1000, &one);
    (void) take_from("2", "a", 1000, &other);
    is_int(take_from("3", "a", 1001, &other), BIGCACHE_REST_LEASE_REFUSED,
           "address: it has too many");
    is_int(take_from("1", "a", 1001, &other), BIGCACHE_REST_LEASE_WAIT,
           "address: it may wait");
    is_int(take_from("3", "b", 1001, &other), BIGCACHE_REST_LEASE_LEADER,
           "address: another one has few");

    bigcache_rest_lease_stat(shm, 1001, &stat);
    is_int(stat.refused, 1, "address: counted");

    (void) bigcache_rest_lease_end(shm, 1002, 0, &one);
    is_int(take_from("4", "a", 1002, &other), BIGCACHE_REST_LEASE_LEADER,
           "address: one was given back");
    is_int(take_from("5", "a", 1102, &other), BIGCACHE_REST_LEASE_LEADER,
           "address: the time of others is over, which is noticed now");
}


static void
test_purge(void)
{
    char                   key[301];
    uint64_t               removal, later;
    bigcache_rest_lease_t  one, second, large;

    shm = table(SIZE);

    memset(key, 'a', 300);
    key[300] = '\0';

    (void) take("ab", 1000, &one);
    (void) take("b", 1000, &second);
    (void) take(key, 1000, &large);

    removal = bigcache_rest_lease_purge(shm, selects, NULL);

    is_int(purged, 3, "purge: it was asked of each");
    is_int(purged_parts, 1, "purge: one key is longer than what is kept");
    is_int(find("ab", 1001, one.token), 0, "purge: selected");
    is_int(find("b", 1001, second.token), 1, "purge: not selected");
    is_int(find(key, 1001, large.token), 0, "purge: selected by its beginning");

    (void) take("ab", 1001, &one);
    is_int(bigcache_rest_lease_look(shm, 1001, &one), 1, "purge: others wait");

    later = bigcache_rest_lease_purge(shm, selects, NULL);
    ok(later != 0 && later != removal, "purge: another one meanwhile");
    bigcache_rest_lease_removed(shm, NULL, removal);
    is_int(bigcache_rest_lease_look(shm, 1001, &one), 1,
           "purge: they wait until both are done");
    bigcache_rest_lease_removed(shm, NULL, later);
    is_int(bigcache_rest_lease_look(shm, 1001, &one), 0, "purge: done");
    is_int(take("ab", 1001, &one), BIGCACHE_REST_LEASE_LEADER,
           "purge: the next one leads");
    is_int(take(key, 1001, &large), BIGCACHE_REST_LEASE_LEADER,
           "purge: of the other key, too");
    is_int(find("b", 1001, second.token), 1, "purge: a third one is held");
}


static void
test_dead(void)
{
    bigcache_rest_lease_t       one, other;
    bigcache_rest_lease_stat_t  stat;

    shm = table(SIZE);

    child(child_take);
    is_int(take("a", 1001, &one), BIGCACHE_REST_LEASE_LEADER,
           "dead: the process ended before the client was told");

    (void) take("a", 1001, &other);
    bigcache_rest_lease_told(shm, &one);
    is_int(bigcache_rest_lease_look(shm, 1002, &other), 1,
           "dead: a client that was told has its lease");

    /* the process that told the client of "b" has ended */

    is_int(take("b", 1002, &one), BIGCACHE_REST_LEASE_WAIT,
           "dead: and has it after the process has ended");

    child(child_remove);
    is_int(bigcache_rest_lease_look(shm, 1002, &one), 0,
           "dead: the process ended while it removed the key");
    is_int(take("b", 1002, &one), BIGCACHE_REST_LEASE_LEADER,
           "dead: the next one leads");

    bigcache_rest_lease_stat(shm, 1002, &stat);
    is_int(stat.removed, 1, "dead: one was removed");
    is_int(stat.timed_out, 1, "dead: one has timed out");
    is_int(stat.held, 2, "dead: two are held");
}


/* the lock of the only bucket is not to be had */

static void
test_stopped(void)
{
    bigcache_str_t         key;
    bigcache_pidlock_t    *lock;
    bigcache_rest_lease_t  one, other;

    shm = table(HEADER + BUCKET);
    key = str("a");
    lock = (bigcache_pidlock_t *) (void *) ((u_char *) shm + HEADER);

    (void) take("a", 1000, &one);
    (void) take("a", 1000, &other);

    child(child_lock);
    ok(*lock != 0, "stopped: a dead process has the lock");
    is_int(bigcache_rest_lease_look(shm, 1001, &other), 1,
           "stopped: it is taken from it");

    *lock = (uint32_t) getppid();

    is_int(bigcache_rest_lease_look(shm, 1001, &other), 1,
           "stopped: a look waits");
    is_int(bigcache_rest_lease_look(shm, 1100, &other), 0,
           "stopped: not for ever");
    is_int(take("a", 1001, &other), BIGCACHE_REST_LEASE_NONE,
           "stopped: without a lease");
    is_int(find("a", 1001, one.token), 0, "stopped: no token is found");
    is_int(bigcache_rest_lease_end(shm, 1001, 1, &one), 1,
           "stopped: its time will end it");
    is_int(bigcache_rest_lease_remove(shm, &key, 7) == 7, 1,
           "stopped: no lease is void");
    bigcache_rest_lease_removed(shm, &key, 7);
    bigcache_rest_lease_stored(shm, 1001, &key);
    bigcache_rest_lease_told(shm, &one);
    is_int(bigcache_rest_lease_purge(shm, selects, NULL) == 0, 1,
           "stopped: nor by a purge");

    *lock = 0;

    is_int(find("a", 1002, one.token), 1, "stopped: nothing has changed");
}


static void
test_hammer(void)
{
    long                        i;
    pthread_t                   threads[THREADS];
    bigcache_rest_lease_stat_t  stat;

    shm = table(HEADER + BUCKET);

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, hammer, (void *) i) != 0) {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    bigcache_rest_lease_stat(shm, 1000, &stat);

    is_int(atomic_load(&two), 0, "hammer: never two leaders");
    is_int(stat.held, 0, "hammer: none is held at the end");
    ok(atomic_load(&led) > 100, "hammer: %u have led", atomic_load(&led));
}


static void *
hammer(void *data)
{
    char                   key[8];
    int64_t                begin;
    unsigned               i, k;
    bigcache_rest_lease_t  lease;

    for (i = 0; i < ROUNDS; i++) {

        k = (i + (unsigned) (long) data) % KEYS;

        (void) snprintf(key, sizeof(key), "k%u", k);

        if (take_from(key, key, 1000, &lease) != BIGCACHE_REST_LEASE_LEADER) {
            continue;
        }

        if (atomic_fetch_add(&leaders[k], 1) != 0) {
            atomic_fetch_add(&two, 1);
        }

        atomic_fetch_add(&led, 1);
        atomic_fetch_sub(&leaders[k], 1);

        begin = bigcache_time_monotonic();

        if (!held(key, &lease)
            || !bigcache_rest_lease_end(shm, 1000, 0, &lease))
        {
            atomic_fetch_add(&two, 1);
        }

        /* nor does it end if the lock is not to be had in time */

        while (bigcache_time_monotonic() - begin >= 100
               && held(key, &lease))
        {
            (void) bigcache_rest_lease_end(shm, 1000, 0, &lease);
        }
    }

    return NULL;
}


static void
child(void (*run)(void))
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        run();
        _exit(0);
    }

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        /* void */
    }
}


static void
child_take(void)
{
    bigcache_rest_lease_t  lease;

    (void) take("a", 1000, &lease);

    (void) take("b", 1000, &lease);
    bigcache_rest_lease_told(shm, &lease);
}


static void
child_remove(void)
{
    bigcache_str_t  key;

    key = str("b");

    (void) bigcache_rest_lease_remove(shm, &key, 0);
}


static void
child_lock(void)
{
    (void) bigcache_pidlock((bigcache_pidlock_t *)
                            (void *) ((u_char *) shm + HEADER), 1000);
}


static int
selects(void *data, const bigcache_str_t *begin, int whole)
{
    (void) data;

    purged++;
    purged_parts += !whole;

    return begin->data[0] == 'a';
}


static bigcache_rest_lease_shm_t *
table(size_t size)
{
    void            *memory;
    const uint64_t   seed[2] = { 1, 2 };

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    if (memory == MAP_FAILED) {
        abort();
    }

    return bigcache_rest_lease_create(memory, size, seed);
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  s;

    s.data = (const u_char *) text;
    s.len = strlen(text);

    return s;
}


static bigcache_rest_lease_e
take_from(const char *key, const char *address, int64_t now,
    bigcache_rest_lease_t *lease)
{
    memset(lease, 0, sizeof(bigcache_rest_lease_t));

    return again_from(key, address, now, lease);
}


/* takes a lease after a look for what was stored */

static bigcache_rest_lease_e
again_from(const char *key, const char *address, int64_t now,
    bigcache_rest_lease_t *lease)
{
    bigcache_rest_lease_ask_t  ask;

    ask.key = str(key);
    ask.address = str(address);
    ask.now = now;
    ask.since = now;
    ask.time = 100;
    ask.version = 7;
    ask.may = 1;

    return bigcache_rest_lease_take(shm, &ask, lease);
}


static bigcache_rest_lease_e
take(const char *key, int64_t now, bigcache_rest_lease_t *lease)
{
    return take_from(key, "address", now, lease);
}


static bigcache_rest_lease_e
again(const char *key, int64_t now, bigcache_rest_lease_t *lease)
{
    return again_from(key, "address", now, lease);
}


static int
find(const char *key, int64_t now, const u_char *token)
{
    bigcache_str_t         name;
    bigcache_rest_lease_t  found;

    name = str(key);

    return bigcache_rest_lease_find(shm, now, &name, token, &found);
}


/*
 * Returns 1 if the lease is held.  On a busy machine the lock of the bucket may
 * not be to be had for a while: then it is not found.
 */

static int
held(const char *key, const bigcache_rest_lease_t *lease)
{
    unsigned  n;

    for (n = 0; n < 100; n++) {

        if (find(key, 1000, lease->token)) {
            return 1;
        }

        (void) usleep(1000);
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The hot index: what is found, what may be entered, which process has the
 * generation, and what happens if a process is killed during a change.  Then
 * threads and processes are checked against a model.  t/model/hot.pml proves
 * the protocol for few steps of few processes.
 */


#define _GNU_SOURCE

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bigcache_hot.h"
#include "bigcache_siphash.h"
#include "bigcache_time.h"
#include "tap.h"


#define SIZE       (256 * 1024)
#define MB         (1024ULL * 1024)
#define LARGE      (64 * MB)
#define WORD       ((1ULL << 52) - 1)
#define KEYS       200
#define PROCESSES  3
#define READERS    2
#define WRITERS    2
#define TIME       2000


/* one index for all processes, like LevelDB, and what was acknowledged */

typedef struct {
    _Atomic uint64_t   generation;
    _Atomic uint64_t   index[KEYS];
    _Atomic uint64_t   least[KEYS];     /* acknowledged, or read */
    _Atomic uint64_t   wrong;
    _Atomic uint64_t   found;
    _Atomic uint64_t   misses;
    _Atomic int        end;
} model_t;


static void test_siphash(void);
static void test_find(void);
static void test_note(void);
static void test_purge(void);
static void test_turn(void);
static void test_evict(void);
static void test_sizes(void);
static void test_chosen(void);
static void test_untouched(void);
static void test_numbers(void);
static int takes(uint64_t version, uint64_t segment, uint64_t offset,
    uint64_t size);
static unsigned resident(u_char *p, size_t size);
static void test_killed(void);
static void test_many(void);
static void many(unsigned n);
static void *many_read(void *data);
static void *many_write(void *data);
static void read_one(unsigned k);
static void fresh(void);
static bigcache_str_t key(unsigned k);
static int find(unsigned k);
static void note(unsigned k, bigcache_hot_note_t *n);
static void enter(const bigcache_hot_note_t *n, uint64_t version);
static void look(unsigned k, uint64_t version);


static void                  *memory;
static model_t               *model;
static bigcache_hot_t         hot;
static bigcache_hot_entry_t   entry;
static const uint64_t         seed[2] = { 1, 2 };


int
main(void)
{
    memory = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    model = mmap(NULL, sizeof(model_t), PROT_READ|PROT_WRITE,
                 MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    test_siphash();
    test_find();
    test_note();
    test_purge();
    test_turn();
    test_evict();
    test_sizes();
    test_chosen();
    test_untouched();
    test_numbers();
    test_killed();
    test_many();

    return done_testing();
}


/* the numbers are hashes of bytes by CPython 3.11, PYTHONHASHSEED=0 */

static void
test_siphash(void)
{
    u_char          data[16];
    unsigned        i;
    const uint64_t  zero[2] = { 0, 0 };

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (u_char) i;
    }

    ok(bigcache_siphash(zero, data, 1) == 0x68a914128e01e473ULL, "hash");
    ok(bigcache_siphash(zero, data, 7) == 0x2f098ab0c751325aULL, "of 7");
    ok(bigcache_siphash(zero, data, 8) == 0xead411e67ebe2eeaULL, "of 8");
    ok(bigcache_siphash(zero, data, 15) == 0xf30eb725bb91c9eaULL, "of 15");
}


static void
test_find(void)
{
    bigcache_hot_stat_t  stat;

    fresh();

    is_int(find(1), 0, "nothing at first");
    look(1, 7);
    is_int(find(1), 1, "found");
    is_int(entry.version, 7, "version");
    is_int(entry.segment, 70, "segment");
    is_int(entry.offset, 4096, "offset");
    is_int(entry.size, 100, "size");
    is_int(find(2), 0, "another key");

    look(2, 0);
    is_int(find(2), 1, "a key that is not there");
    is_int(entry.version, 0, "has no version");

    look(1, 8);
    is_int(find(1), 1, "entered again");
    is_int(entry.version, 8, "its version");

    bigcache_hot_hit(&hot);
    bigcache_hot_stat(&hot, &stat);
    is_int(stat.entries, 2, "entries");
    is_int(stat.bytes, 48, "bytes");
    is_int(stat.hits, 1, "hits");
    ok(stat.room > 8000 && stat.room < SIZE / 24, "room: %llu",
       (unsigned long long) stat.room);
}


/* a thread that looked before a change must not enter after it */

static void
test_note(void)
{
    uint64_t             hash;
    bigcache_str_t       k;
    bigcache_hot_note_t  n;

    fresh();
    look(1, 7);

    k = key(1);
    hash = bigcache_hot_hash(&hot, &k);

    note(1, &n);
    (void) bigcache_hot_begin(&hot, hash);
    is_int(find(1), 0, "not found while it is changed");
    enter(&n, 7);
    is_int(find(1), 0, "not entered while it is changed");
    bigcache_hot_end(&hot, hash);
    is_int(find(1), 0, "not found when it was changed");
    enter(&n, 7);
    is_int(find(1), 0, "not entered when it was changed");

    (void) bigcache_hot_begin(&hot, hash);
    note(1, &n);
    bigcache_hot_end(&hot, hash);
    enter(&n, 7);
    is_int(find(1), 0, "not entered by who looked meanwhile");

    look(1, 8);
    is_int(find(1), 1, "entered by who looked later");

    note(1, &n);
    enter(&n, 8);
    (void) bigcache_hot_begin(&hot, hash);
    (void) bigcache_hot_begin(&hot, hash);
    bigcache_hot_end(&hot, hash);
    note(1, &n);
    enter(&n, 9);
    is_int(find(1), 0, "not while one of two changes it");
    bigcache_hot_end(&hot, hash);
}


static void
test_purge(void)
{
    bigcache_hot_stat_t  stat;
    bigcache_hot_note_t  n, m;

    fresh();
    look(1, 7);
    look(2, 8);

    note(1, &n);
    bigcache_hot_begin_all(&hot);
    is_int(find(1) + find(2), 0, "nothing is found in a purge");
    note(2, &m);
    enter(&n, 7);
    bigcache_hot_end_all(&hot);
    enter(&n, 7);
    enter(&m, 7);
    is_int(find(1) + find(2), 0, "nor after it");

    bigcache_hot_stat(&hot, &stat);
    is_int(stat.entries, 0, "no entries");

    look(1, 9);
    is_int(find(1), 1, "until it is entered");
    is_int(find(2), 0, "the other one is not");
}


static void
test_turn(void)
{
    uint64_t             hash;
    bigcache_str_t       k;
    bigcache_hot_note_t  n;

    fresh();
    look(1, 7);
    note(2, &n);

    atomic_store(&model->generation, 2);
    is_int(find(1), 0, "another nginx has opened the directory");
    enter(&n, 7);
    look(3, 7);
    is_int(find(2) + find(3), 0, "nothing is entered then");

    atomic_store(&model->generation, 3);
    bigcache_hot_open(&hot, 2, 3);
    is_int(find(1) + find(2) + find(3), 0, "empty when it is back");

    look(1, 8);
    note(2, &n);
    bigcache_hot_hand_over(&hot, atomic_load(&model->generation));
    is_int(find(1), 1, "found while nobody has it");

    atomic_store(&model->generation, 4);
    is_int(find(1), 0, "not while another nginx opens it");
    is_int(bigcache_hot_carry(&hot, 0, 2, 4), 0,
           "not if another one had it in between");
    is_int(bigcache_hot_carry(&hot, 1, 3, 4), 0,
           "nor if it is another directory");
    is_int(find(1), 0, "then nothing is found");
    is_int(bigcache_hot_carry(&hot, 0, 3, 4), 1,
           "carried to the next owner");
    is_int(find(1), 1, "found while the next owner opens it");
    enter(&n, 7);
    is_int(find(2), 0, "nothing is entered meanwhile by an old note");
    bigcache_hot_open(&hot, 3, 4);
    is_int(find(1), 1, "what was handed over stays");
    enter(&n, 7);
    is_int(find(2), 0, "what was noted before does not count");

    /* the next owner finds the index damaged, or ends while it opens it */

    bigcache_hot_hand_over(&hot, 4);
    atomic_store(&model->generation, 5);
    is_int(bigcache_hot_carry(&hot, 0, 4, 5), 1, "carried");
    bigcache_hot_open(&hot, 0, 5);
    is_int(find(1), 0, "nothing stays if the index was damaged");

    look(1, 8);
    bigcache_hot_hand_over(&hot, 5);
    atomic_store(&model->generation, 6);
    is_int(bigcache_hot_carry(&hot, 0, 5, 6), 1, "carried");
    is_int(find(1), 1, "found after an opening that failed");
    atomic_store(&model->generation, 7);
    is_int(find(1), 0, "not while somebody opens it");
    is_int(bigcache_hot_carry(&hot, 0, 6, 7), 1, "carried once more");
    bigcache_hot_open(&hot, 6, 7);
    is_int(find(1), 1, "and what was carried stays");
    atomic_store(&model->generation, 8);
    is_int(bigcache_hot_carry(&hot, 0, 7, 8), 0,
           "not from an owner that was killed");
    bigcache_hot_open(&hot, 7, 8);
    is_int(find(1), 0, "then nothing stays");

    look(1, 8);
    bigcache_hot_hand_over(&hot, 8);
    atomic_store(&model->generation, 9);
    is_int(bigcache_hot_carry(&hot, 0, 8, 9), 1, "carried");
    bigcache_hot_shut(&hot, 9);
    is_int(find(1), 0, "shut as soon as the index is known to be another one");
    atomic_store(&model->generation, 10);
    is_int(bigcache_hot_carry(&hot, 0, 9, 10), 0,
           "and not carried on if that opening fails");
    bigcache_hot_open(&hot, 9, 10);
    is_int(find(1), 0, "nothing stays");

    atomic_store(&model->generation, 4);
    bigcache_hot_open(&hot, 0, 4);
    look(1, 8);

    /* the owner is killed during a change */

    k = key(1);
    hash = bigcache_hot_hash(&hot, &k);
    (void) bigcache_hot_begin(&hot, hash);
    look(2, 5);

    atomic_store(&model->generation, 5);
    bigcache_hot_open(&hot, 4, 5);
    is_int(find(1) + find(2), 0, "nothing stays when it was not");
    look(1, 6);
    is_int(find(1), 1, "the change that was never ended is over");

    bigcache_hot_hand_over(&hot, atomic_load(&model->generation));
    atomic_store(&model->generation, 7);
    bigcache_hot_open(&hot, 6, 7);
    is_int(find(1), 0, "nothing stays if another one had it in between");

    look(1, 6);
    bigcache_hot_shut(&hot, atomic_load(&model->generation));
    is_int(find(1), 0, "shut");
    atomic_store(&model->generation, 8);
    bigcache_hot_open(&hot, 7, 8);
    is_int(find(1), 0, "nothing stays then");

    look(1, 6);
    atomic_store(&hot.generation, NULL);
    is_int(find(1), 0, "nothing without the generation of the directory");
}


/* used entries stay; entries used once, and misses, go first */

static void
test_evict(void)
{
    unsigned             i, k, used, once, none;
    bigcache_hot_stat_t  stat;

    fresh();

    for (k = 0; k < 1000; k++) {
        look(k, 1);
        (void) find(k);
    }

    for (k = 1000; k < 101000; k++) {
        look(k, 0);
    }

    for (used = 0, i = 0; i < 1000; i++) {
        used += (unsigned) find(i);
    }

    ok(used > 800, "misses do not drive out what is used: %u of 1000", used);

    for (k = 200000; k < 400000; k++) {
        look(k, 1);

        if (k % 50 == 0) {
            for (i = 0; i < 50; i++) {
                (void) find(i);
            }
        }
    }

    for (used = 0, i = 0; i < 50; i++) {
        used += (unsigned) find(i);
    }

    for (once = 0, i = 1000; i < 2000; i++) {
        once += (unsigned) find(i);
    }

    for (none = 0, i = 500; i < 1000; i++) {
        none += (unsigned) find(i);
    }

    ok(used > 35, "nor do new ones what is used all the time: %u of 50", used);
    is_int(once, 0, "old misses are gone");
    is_int(none, 0, "pages that nobody asks for any more are gone");

    bigcache_hot_stat(&hot, &stat);
    ok(stat.entries <= stat.room && stat.entries > stat.room / 2,
       "%llu entries", (unsigned long long) stat.entries);
}


static void
test_sizes(void)
{
    size_t               size;
    unsigned             i;
    bigcache_hot_stat_t  stat;

    is_int(bigcache_hot_create(memory, 64, seed) == NULL, 1, "too small");

    for (size = 512; size <= SIZE; size += 12345 & ~63) {
        memset(memory, 0, SIZE);
        hot.shm = bigcache_hot_create(memory, size, seed);

        if (hot.shm == NULL) {
            ok(size < 1024, "no room in %zu bytes", size);
            continue;
        }

        bigcache_hot_open(&hot, 0, 1);
        atomic_store(&model->generation, 1);
        atomic_store(&hot.generation, &model->generation);

        for (i = 0; i < 20000; i++) {
            look(i, 1);
        }

        bigcache_hot_stat(&hot, &stat);

        if (stat.entries > stat.room || !find(19999)
            || (size < SIZE && ((char *) memory)[size] != 0))
        {
            break;
        }
    }

    ok(size > SIZE, "any size will do");
}


static void
test_chosen(void)
{
    size_t    size, last;
    uint64_t  memory;
    unsigned  n;

    is_int(bigcache_hot_size(0, 1), 16 * MB, "chosen: memory is not known");
    is_int(bigcache_hot_size(512 * MB, 1), 16 * MB, "chosen: the least");
    is_int(bigcache_hot_size(2048 * MB, 1), 32 * MB, "chosen: 2 GB");
    is_int(bigcache_hot_size(2048 * MB, 2), 16 * MB, "chosen: two of them");
    is_int(bigcache_hot_size(2048 * MB, 50), 16 * MB, "chosen: fifty");
    is_int(bigcache_hot_size(2048 * MB, 0), 32 * MB, "chosen: none");
    is_int(bigcache_hot_size(65536 * MB, 1), 1024 * MB, "chosen: 64 GB");
    is_int(bigcache_hot_size(1024 * 1024 * MB, 1), 4096 * MB, "chosen: 1 TB");
    is_int(bigcache_hot_size(1024 * 1024 * MB, 4), 1024 * MB,
           "chosen: 1 TB, four of them");
    is_int(bigcache_hot_size(UINT64_MAX, 1), 4096 * MB, "chosen: the most");

    last = 0;
    n = 0;

    for (memory = 1; memory < 1ULL << 42; memory += memory / 3 + 1) {
        size = bigcache_hot_size(memory, 3);
        n += (size < last || size % MB);
        last = size;
    }

    is_int(n, 0, "chosen: whole megabytes, more of more memory");
}


/* an entry comes out as it went in, if it has bits enough, or not at all */

static void
test_numbers(void)
{
    uint64_t              hash, other;
    bigcache_str_t        k;
    bigcache_hot_note_t   n;
    bigcache_hot_stat_t   stat;
    bigcache_hot_entry_t  e;

    fresh();

    is_int(takes(1, 0, 0, 1), 1, "numbers: the least");
    is_int(takes(WORD, WORD, (1ULL << 34) - 8, (1 << 21) - 1), 1,
           "numbers: the most");
    is_int(takes(1764439200000000, 1764439200000000, 12345672, 1048576), 1,
           "numbers: of today");
    is_int(takes(WORD + 1, 1, 8, 1), 0, "numbers: version too large");
    is_int(takes(1, WORD + 1, 8, 1), 0, "numbers: segment too large");
    is_int(takes(1, 1, 1ULL << 34, 1), 0, "numbers: offset too large");
    is_int(takes(1, 1, 8, 1 << 21), 0, "numbers: size too large");

    /* a page may be that of a hash alike, a key without a page may not */

    fresh();
    k = key(1);
    hash = bigcache_hot_hash(&hot, &k);

    other = hash + (1ULL << 36) - (1ULL << 48);

    look(1, 0);
    is_int(bigcache_hot_find(&hot, hash, &e), 1, "alike: no page");
    is_int(bigcache_hot_find(&hot, other, &e), 0,
           "alike: of the other key that is not said");

    bigcache_hot_note(&hot, other, &n);
    enter(&n, 3);
    is_int(bigcache_hot_find(&hot, other, &e) && e.version == 3, 1,
           "alike: the other one is entered");

    bigcache_hot_stat(&hot, &stat);
    is_int(stat.entries, 1, "alike: in the same place");

    (void) bigcache_hot_begin(&hot, hash);
    bigcache_hot_end(&hot, hash);
    is_int(bigcache_hot_find(&hot, other, &e), 0,
           "alike: and goes with any of them");
}


static int
takes(uint64_t version, uint64_t segment, uint64_t offset, uint64_t size)
{
    static unsigned       last = 5000;

    bigcache_hot_note_t   n;
    bigcache_hot_entry_t  e;

    note(++last, &n);

    e.version = version;
    e.segment = segment;
    e.offset = offset;
    e.size = size;

    bigcache_hot_enter(&hot, &n, &e);

    return find(last) && entry.version == version && entry.segment == segment
           && entry.offset == offset && entry.size == size;
}


/* memory that was not used costs nothing, whoever owns the directory */

static void
test_untouched(void)
{
    u_char                *p;
    unsigned               i, before;
    bigcache_str_t         k;
    bigcache_hot_note_t    n;

    p = mmap(NULL, LARGE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
             -1, 0);

    hot.shm = bigcache_hot_create(p, LARGE, seed);
    bigcache_hot_open(&hot, 0, 1);
    atomic_store(&model->generation, 1);
    atomic_store(&hot.generation, &model->generation);

    for (i = 0; i < 100; i++) {
        look(i, 1);
    }

    /* the owner is killed during a change */

    k = key(1000);
    (void) bigcache_hot_begin(&hot, bigcache_hot_hash(&hot, &k));

    before = resident(p, LARGE);
    ok(before > 90 && before < 130, "untouched: %u pages are used", before);

    bigcache_hot_open(&hot, 0, 2);
    atomic_store(&model->generation, 2);

    is_int(resident(p, LARGE), before, "untouched: nor does the next owner");

    note(1000, &n);
    ok(n.generation == 2, "untouched: no change is under way");
    is_int(find(1), 0, "untouched: nothing is found");
    look(1, 2);
    is_int(find(1), 1, "untouched: until it is entered");

    (void) munmap(p, LARGE);
}


/* pages of memory that the kernel has allocated */

static unsigned
resident(u_char *p, size_t size)
{
    size_t    i, n;
    unsigned  pages;
    u_char   *vec;

    n = size / (size_t) sysconf(_SC_PAGESIZE);
    vec = malloc(n);
    pages = 0;

    if (vec == NULL || mincore(p, size, vec) == -1) {
        perror("mincore");
        exit(2);
    }

    for (i = 0; i < n; i++) {
        pages += vec[i] & 1;
    }

    free(vec);

    return pages;
}


static void
test_killed(void)
{
    pid_t     pid;
    uint64_t  hash;
    unsigned  i, n;

    fresh();

    /* a process that enters all the time is killed, a hundred times */

    for (i = 0; i < 100; i++) {

        pid = fork();

        if (pid == 0) {
            (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

            for (n = 0; /* void */ ; n++) {
                look(n % 50, 1 + i);
            }
        }

        (void) usleep(1000);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);

        for (n = 0; n < 50; n++) {
            bigcache_str_t  k = key(n);

            hash = bigcache_hot_hash(&hot, &k);
            (void) bigcache_hot_begin(&hot, hash);
            bigcache_hot_end(&hot, hash);
            look(n, 1000 + i);

            if (!find(n) || entry.version != 1000 + i) {
                break;
            }
        }

        if (n < 50) {
            break;
        }
    }

    is_int(i, 100, "whoever is killed in it does no harm");
}


/*
 * Processes look keys up.  One of them also changes them, and is killed and
 * replaced.  No reader may get anything older than what any process knew
 * before the read began.
 */

static void
test_many(void)
{
    unsigned  n, round;
    pid_t     pids[PROCESSES], owner;
    int64_t   end;

    fresh();
    memset(model, 0, sizeof(model_t));
    atomic_store(&hot.generation, &model->generation);

    for (n = 0; n < PROCESSES; n++) {

        pids[n] = fork();

        if (pids[n] == 0) {
            (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
            many(READERS);
        }
    }

    end = bigcache_time_monotonic() + TIME;

    for (round = 0; bigcache_time_monotonic() < end; round++) {

        owner = fork();

        if (owner == 0) {
            (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
            many(0);
        }

        (void) usleep(20000);
        (void) kill(owner, SIGKILL);
        (void) waitpid(owner, NULL, 0);
    }

    atomic_store(&model->end, 1);

    for (n = 0; n < PROCESSES; n++) {
        (void) waitpid(pids[n], NULL, 0);
    }

    is_int(atomic_load(&model->wrong), 0, "nobody reads an older one");
    ok(atomic_load(&model->found) > 1000, "%llu found, %llu not, %u owners",
       (unsigned long long) atomic_load(&model->found),
       (unsigned long long) atomic_load(&model->misses), round);
}


/* a process with that many readers; 0 means the owner */

static void
many(unsigned n)
{
    uint64_t   generation;
    unsigned   i, threads;
    pthread_t  thread[READERS + WRITERS];

    threads = n ? n : WRITERS;

    if (n == 0) {
        generation = atomic_fetch_add(&model->generation, 1);
        bigcache_hot_open(&hot, generation, generation + 1);
    }

    for (i = 0; i < threads; i++) {
        (void) pthread_create(&thread[i], NULL, n ? many_read : many_write,
                              (void *) (uintptr_t) (i + 1));
    }

    for (i = 0; i < threads; i++) {
        (void) pthread_join(thread[i], NULL);
    }

    _exit(0);
}


static void *
many_read(void *data)
{
    uint64_t  n;

    n = (uint64_t) (uintptr_t) data + (uint64_t) getpid();

    while (!atomic_load(&model->end)) {
        n = n * 6364136223846793005ULL + 1442695040888963407ULL;
        read_one((unsigned) (n >> 33) % KEYS);
    }

    return NULL;
}


/* each key belongs to one thread */

static void *
many_write(void *data)
{
    uint64_t        n, hash, version, least;
    unsigned        i, k, id;
    bigcache_str_t  name;

    id = (unsigned) (uintptr_t) data - 1;
    n = (uint64_t) getpid() + id;

    while (!atomic_load(&model->end)) {
        n = n * 6364136223846793005ULL + 1442695040888963407ULL;
        k = (unsigned) (n >> 33) % KEYS / WRITERS * WRITERS + id;

        name = key(k);
        hash = bigcache_hot_hash(&hot, &name);
        version = atomic_load(&model->index[k]) + 1;

        if (n >> 60 == 0) {
            bigcache_hot_begin_all(&hot);
            atomic_store(&model->index[k], version);
            bigcache_hot_end_all(&hot);

        } else {
            (void) bigcache_hot_begin(&hot, hash);
            atomic_store(&model->index[k], version);
            bigcache_hot_end(&hot, hash);
        }

        least = atomic_load(&model->least[k]);

        while (least < version
               && !atomic_compare_exchange_weak(&model->least[k], &least,
                                                version))
        {
            /* void */
        }

        for (i = 0; i < 20; i++) {
            read_one((unsigned) (n >> (i + 8)) % KEYS);
        }
    }

    return NULL;
}


static void
read_one(unsigned k)
{
    uint64_t             least, version;
    bigcache_hot_note_t  n;
    bigcache_hot_entry_t e;
    bigcache_str_t       name;

    name = key(k);
    least = atomic_load(&model->least[k]);

    if (bigcache_hot_find(&hot, bigcache_hot_hash(&hot, &name), &e)) {

        version = e.version;
        (void) atomic_fetch_add(&model->found, 1);

        if (e.segment != version * 10 || e.size != (version ? 100 : 0)
            || e.offset != (version ? 4096 : 0))
        {
            (void) atomic_fetch_add(&model->wrong, 1);
        }

    } else {
        note(k, &n);
        version = atomic_load(&model->index[k]);
        enter(&n, version);
        (void) atomic_fetch_add(&model->misses, 1);
    }

    if (version < least) {
        (void) atomic_fetch_add(&model->wrong, 1);
    }

    while (least < version
           && !atomic_compare_exchange_weak(&model->least[k], &least,
                                            version))
    {
        /* void */
    }
}


static void
fresh(void)
{
    memset(memory, 0, SIZE);

    hot.shm = bigcache_hot_create(memory, SIZE, seed);

    atomic_store(&model->generation, 1);
    atomic_store(&hot.generation, &model->generation);

    bigcache_hot_open(&hot, 0, 1);
}


static bigcache_str_t
key(unsigned k)
{
    bigcache_str_t  name;

    static _Thread_local char  text[32];

    (void) snprintf(text, sizeof(text), "key/%u", k);

    name.data = (u_char *) text;
    name.len = strlen(text);

    return name;
}


static int
find(unsigned k)
{
    bigcache_str_t  name;

    name = key(k);
    memset(&entry, 0, sizeof(bigcache_hot_entry_t));

    return bigcache_hot_find(&hot, bigcache_hot_hash(&hot, &name), &entry);
}


static void
note(unsigned k, bigcache_hot_note_t *n)
{
    bigcache_str_t  name;

    name = key(k);

    bigcache_hot_note(&hot, bigcache_hot_hash(&hot, &name), n);
}


static void
enter(const bigcache_hot_note_t *n, uint64_t version)
{
    bigcache_hot_entry_t  e;

    e.version = version;
    e.segment = version * 10;
    e.offset = 4096;
    e.size = 100;

    bigcache_hot_enter(&hot, n, &e);
}


static void
look(unsigned k, uint64_t version)
{
    bigcache_hot_note_t  n;

    note(k, &n);
    enter(&n, version);
}

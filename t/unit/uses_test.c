
/*
 * Copyright (C) bigcache contributors
 */


/* the uses of keys: what is counted, and what a flood of keys pushes out */


#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_uses.h"
#include "tap.h"


#define THREADS  4
#define USES     60
#define KEYS     1000


static void test_count(void);
static void test_full(void);
static void test_flood(void);
static void test_threads(void);
static void *use_all(void *data);
static unsigned use(const char *name, unsigned n, int64_t now);
static void table(size_t size);


static bigcache_uses_shm_t  *shm;


int
main(void)
{
    test_count();
    test_full();
    test_flood();
    test_threads();

    return done_testing();
}


static void
test_count(void)
{
    unsigned        i, last;
    unsigned char   memory[127];
    const uint64_t  seed[2] = { 1, 2 };

    ok(bigcache_uses_create(memory, sizeof(memory), seed) == NULL,
       "a table needs room");

    table(4096);

    is_int(use("a", 0, 1000), 1, "the first use");
    is_int(use("a", 0, 1000), 2, "the second one");
    is_int(use("b", 0, 1000), 1, "another key");
    is_int(use("a", 0, (int64_t) 1000 * 3600 * 24 * 400), 3,
           "it is remembered for long");

    last = 0;

    for (i = 0; i < 300; i++) {
        last = use("a", 0, 1000);
    }

    is_int(last, BIGCACHE_USES_MAX, "the count has an end");
}


/* one bucket of eight */

static void
test_full(void)
{
    unsigned  i;

    table(128);

    for (i = 0; i < 8; i++) {
        (void) use("k", i, 1000 * (int64_t) (i + 1));
    }

    is_int(use("k", 1, 9000), 2, "all eight are remembered");
    (void) use("k", 8, 10000);
    is_int(use("k", 2, 11000), 2, "the ninth takes the place of the oldest");
    is_int(use("k", 0, 12000), 1, "which is forgotten");

    /* the clock of the table goes round */

    table(128);

    for (i = 0; i < 8; i++) {
        (void) use("k", i, ((int64_t) 0xfffffa + i) * 1000);
    }

    (void) use("k", 8, (int64_t) 0x1000003 * 1000);
    is_int(use("k", 1, (int64_t) 0x1000003 * 1000), 2,
           "the oldest is the oldest when the clock has gone round");
    is_int(use("k", 0, (int64_t) 0x1000003 * 1000), 1, "and is forgotten");
}


/* what is asked for again and again is known, whatever else comes */

static void
test_flood(void)
{
    unsigned  i, n, known;

    table(64 * 1024);

    known = 0;
    n = 0;

    for (i = 0; i < 200000; i++) {
        (void) use("flood", i, i);

        if (i % 100 == 0) {
            known += (use("asked", (i / 100) % 20, i) > 1);
            n++;
        }
    }

    ok(known > n * 9 / 10, "%u of %u uses are known in a flood", known, n);
}


static void
test_threads(void)
{
    unsigned   i, right;
    pthread_t  threads[THREADS];

    table(1024 * 1024);

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, use_all, NULL) != 0) {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    right = 0;

    for (i = 0; i < KEYS; i++) {
        right += (use("t", i, 1000) == THREADS * USES + 1);
    }

    /* a caller that others disturb four times gives up */

    ok(right > KEYS * 95 / 100, "%u of %u keys are counted right", right,
       KEYS);
}


static void *
use_all(void *data)
{
    unsigned  i, n;

    (void) data;

    for (n = 0; n < USES; n++) {
        for (i = 0; i < KEYS; i++) {
            (void) use("t", i, 1000);
        }
    }

    return NULL;
}


static unsigned
use(const char *name, unsigned n, int64_t now)
{
    char            text[64];
    bigcache_str_t  key;

    (void) snprintf(text, sizeof(text), "%s%u", name, n);

    key.data = (const unsigned char *) text;
    key.len = strlen(text);

    return bigcache_uses_add(shm, &key, now);
}


static void
table(size_t size)
{
    const uint64_t  seed[2] = { 1, 2 };

    static void  *memory;

    free(memory);
    memory = aligned_alloc(64, size);

    if (memory == NULL) {
        abort();
    }

    memset(memory, 0, size);
    shm = bigcache_uses_create(memory, size, seed);
}


/*
 * Copyright (C) bigcache contributors
 */


/* texts of packed pages: unpacked once, never another one, and not too many */


#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_gzip.h"
#include "bigcache_unpacked.h"
#include "tap.h"


#define SIZE     30000
#define PAGES    1000
#define THREADS  4
#define ROUNDS   3000


typedef struct {
    unsigned char        *file;
    size_t                len;
    unsigned char         text[SIZE];
} file_t;


static void test_once(void);
static void test_others(void);
static void test_damaged(void);
static void test_many(void);
static void test_large(void);
static void test_threads(void);
static void *want_all(void *data);
static bigcache_unpacked_t *want(const file_t *file, uint64_t version,
    const unsigned char **text);
static void make(file_t *file, unsigned seed);


static const int  stores[2];
static file_t     files[20];


int
main(void)
{
    unsigned  i;

    for (i = 0; i < 20; i++) {
        make(&files[i], i);
    }

    test_once();
    test_others();
    test_damaged();
    test_many();
    test_large();
    test_threads();

    return done_testing();
}


static void
test_once(void)
{
    bigcache_unpacked_t  *one, *two;
    const unsigned char  *text, *again;

    one = want(&files[0], 1, &text);
    ok(one && memcmp(text, files[0].text, SIZE) == 0, "the text");

    two = want(&files[0], 1, &again);
    ok(two == one && again == text, "once more: the same memory");

    bigcache_unpacked_free(one);
    bigcache_unpacked_free(two);

    one = want(&files[0], 1, &again);
    ok(again == text, "it is kept when nobody has it");
    bigcache_unpacked_free(one);

    bigcache_unpacked_free(NULL);
}


static void
test_others(void)
{
    int                   damaged;
    bigcache_unpacked_t  *one, *two, *three, *four;
    const unsigned char  *text;

    one = want(&files[0], 1, &text);
    two = want(&files[0], 2, &text);
    ok(two != one, "another version is another page");

    three = bigcache_unpacked(&stores[1], 1, files[0].file, files[0].len, SIZE,
                              &text, &damaged);
    ok(three != one, "so is that of another store");

    four = want(&files[1], 1, &text);
    ok(four != one && memcmp(text, files[1].text, SIZE) == 0,
       "and another file, whatever its version");

    bigcache_unpacked_free(one);
    bigcache_unpacked_free(two);
    bigcache_unpacked_free(three);
    bigcache_unpacked_free(four);
}


static void
test_damaged(void)
{
    int                   damaged;
    file_t               *file;
    const unsigned char  *text;

    file = &files[2];

    ok(bigcache_unpacked(&stores[0], 9, file->file, file->len, SIZE - 1, &text,
                         &damaged)
       == NULL && damaged == 1, "another size");
    ok(bigcache_unpacked(&stores[0], 9, file->file, 7, SIZE, &text, &damaged)
       == NULL && damaged == 1, "a short file");

    file->file[file->len / 2] ^= 1;
    ok(bigcache_unpacked(&stores[0], 9, file->file, file->len, SIZE, &text,
                         &damaged)
       == NULL && damaged == 1, "a damaged file");
    file->file[file->len / 2] ^= 1;
}


/* more than are kept: those that are wanted again and again stay */

static void
test_many(void)
{
    unsigned              i, kept, wrong;
    bigcache_unpacked_t  *held, *unpacked;
    const unsigned char  *first, *text;

    held = want(&files[3], 100, &first);
    kept = 0;
    wrong = 0;

    for (i = 0; i < PAGES; i++) {
        unpacked = want(&files[4], 1000 + i, &text);
        wrong += memcmp(text, files[4].text, SIZE) != 0;
        bigcache_unpacked_free(unpacked);

        unpacked = want(&files[3], 100, &text);
        kept += (text == first);
        bigcache_unpacked_free(unpacked);
    }

    is_int(wrong, 0, "%u pages, each has its text", PAGES);
    is_int(kept, PAGES, "what is wanted again and again is kept");

    for (i = 0; i < PAGES; i++) {
        bigcache_unpacked_free(want(&files[4], 5000 + i, &text));
    }

    ok(memcmp(first, files[3].text, SIZE) == 0,
       "what is not kept stays with those that have it");

    unpacked = want(&files[3], 100, &text);
    ok(text != first, "and is unpacked anew");

    bigcache_unpacked_free(unpacked);
    bigcache_unpacked_free(held);
}


static void
test_large(void)
{
    int                   damaged;
    size_t                size, len;
    unsigned char        *large, *file;
    bigcache_unpacked_t  *one, *two;
    const unsigned char  *text;

    size = BIGCACHE_UNPACKED_TEXT + 1;
    large = calloc(1, size);
    file = malloc(size);

    if (large == NULL || file == NULL) {
        abort();
    }

    len = bigcache_gzip_pack(file, large, size);

    one = bigcache_unpacked(&stores[0], 1, file, len, size, &text, &damaged);
    two = bigcache_unpacked(&stores[0], 1, file, len, size, &text, &damaged);
    ok(one && two && one != two, "a large text is not kept");

    bigcache_unpacked_free(one);
    bigcache_unpacked_free(two);

    free(large);
    free(file);
}


static void
test_threads(void)
{
    void       *wrong;
    unsigned    i, n;
    pthread_t   threads[THREADS];

    n = 0;

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, want_all, &files[i]) != 0) {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], &wrong);
        n += (wrong != NULL);
    }

    is_int(n, 0, "%d threads get their texts", THREADS);
}


static void *
want_all(void *data)
{
    void                 *wrong;
    unsigned              i, n;
    bigcache_unpacked_t  *unpacked;
    const unsigned char  *text;

    wrong = NULL;

    for (i = 0; i < ROUNDS; i++) {
        n = i % 20;

        unpacked = want(&files[n], 7 + i % 40, &text);

        if (unpacked == NULL || memcmp(text, files[n].text, SIZE) != 0) {
            wrong = data;
        }

        bigcache_unpacked_free(unpacked);
    }

    return wrong;
}


static bigcache_unpacked_t *
want(const file_t *file, uint64_t version, const unsigned char **text)
{
    int  damaged;

    return bigcache_unpacked(&stores[0], version, file->file, file->len, SIZE,
                             text, &damaged);
}


static void
make(file_t *file, unsigned seed)
{
    unsigned  i;

    for (i = 0; i < SIZE; i++) {
        file->text[i] = (unsigned char) ('a' + (i * (seed + 3) / 7) % 20);
    }

    file->file = malloc(SIZE);

    if (file->file == NULL) {
        abort();
    }

    file->len = bigcache_gzip_pack(file->file, file->text, SIZE);
}

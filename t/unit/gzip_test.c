
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Whatever packs: the result is a gzip file that others unpack, it is an
 * eighth smaller, and no byte outside of the buffers is touched.  The library
 * may be written in assembler, which sanitizers do not see: so the buffers end,
 * or begin, at pages that nobody may touch.
 */


#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <zlib.h>

#include "bigcache_gzip.h"
#include "tap.h"


#define SIZE     (1024 * 1024)
#define THREADS  4
#define ROUNDS   300


typedef enum {
    ZEROES = 0,
    HTML,
    PERIOD,
    NOISE,
    HALF,
    KINDS
} kind_t;

/* SIZE bytes between two pages that nobody may touch */

typedef struct {
    unsigned char  *map;
    unsigned char  *first;
    unsigned char  *end;
} fenced_t;

typedef struct {
    fenced_t        in;
    fenced_t        out;
    fenced_t        back;
    const char     *failed;
} buffers_t;


static void test_sizes(buffers_t *b);
static void test_kinds(buffers_t *b);
static void test_eighth(buffers_t *b);
static void test_damaged(buffers_t *b);
static void test_threads(void);
static void *worker(void *data);
static size_t both_ends(buffers_t *b, kind_t kind, size_t len);
static size_t packed(buffers_t *b, const unsigned char *in, unsigned char *out,
    size_t len);
static int unzipped(unsigned char *dst, size_t size, const unsigned char *data,
    size_t len);
static void fill(unsigned char *dst, kind_t kind, size_t len);
static unsigned rnd(unsigned *seed);
static void buffers_init(buffers_t *b);
static void buffers_free(buffers_t *b);
static void fenced_init(fenced_t *f);


static const char *const  names[] = {
    "zeroes", "HTML", "a period", "noise", "half noise"
};


int
main(void)
{
    buffers_t  b;

    buffers_init(&b);

    test_sizes(&b);
    test_kinds(&b);
    test_eighth(&b);
    test_damaged(&b);

    buffers_free(&b);

    test_threads();

    return done_testing();
}


static void
test_sizes(buffers_t *b)
{
    size_t  len;

    for (len = 1; len < 700; len++) {
        (void) both_ends(b, ZEROES, len);
        (void) both_ends(b, HTML, len);
        (void) both_ends(b, NOISE, len);
    }

    ok(b->failed == NULL, "up to 700 bytes: %s", b->failed ? b->failed : "");

    is_int(both_ends(b, HTML, 10), 0, "10 bytes are not worth it");
}


static void
test_kinds(buffers_t *b)
{
    size_t              i, n;
    kind_t              kind;

    static const size_t  sizes[] = {
        1000, 1024, 4095, 4096, 16384, 30000, 32768, 32769, 65535, 65536,
        131072, 300000, SIZE - 1, SIZE
    };

    for (kind = ZEROES; kind < KINDS; kind++) {

        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {

            n = both_ends(b, kind, sizes[i]);

            ok(b->failed == NULL, "%s, %zu bytes: %s", names[kind], sizes[i],
               b->failed ? b->failed : "");

            ok((n == 0) == (kind == NOISE), "%s, %zu bytes: %zu", names[kind],
               sizes[i], n);
        }
    }

    ok(both_ends(b, HTML, 30000) < 30000 / 3, "HTML is packed to a third");
}


/* a growing part of noise: from some point on it does not save an eighth */

static void
test_eighth(buffers_t *b)
{
    size_t    noise, n, last;
    unsigned  none;

    last = 0;
    none = 0;

    for (noise = 0; noise <= 4096; noise += 16) {

        fill(b->in.end - 4096, ZEROES, 4096);
        fill(b->in.end - 4096, NOISE, noise);

        n = packed(b, b->in.end - 4096, b->out.end - 4096, 4096);

        if (n == 0) {
            none++;

        } else {
            last = n;
        }
    }

    ok(b->failed == NULL, "around an eighth: %s",
       b->failed ? b->failed : "");
    ok(last > 3000 && last <= 4096 - 512, "the largest result is %zu", last);
    ok(none >= 32 && none < 64, "%u of 257 are too large", none);
}


static void
test_damaged(buffers_t *b)
{
    size_t         i, n;
    unsigned       found;
    unsigned char  c;

    fill(b->in.first, HTML, 30000);
    n = packed(b, b->in.first, b->out.first, 30000);
    found = 0;

    for (i = 10; i < n; i++) {

        c = b->out.first[i];
        b->out.first[i] ^= 0x10;

        if (bigcache_gzip_unpack(b->back.end - 30000, 30000, b->out.first, n)
            == -1)
        {
            found++;
        }

        b->out.first[i] = c;
    }

    ok(n > 10, "packed to %zu bytes", n);

    /* the last byte before the checksum may have bits that mean nothing */

    ok(found >= n - 11, "%u of %zu flipped bits are found", found, n - 10);
    is_int(bigcache_gzip_unpack(b->back.end - 29999, 29999, b->out.first, n),
           -1, "one byte too many");
    is_int(bigcache_gzip_unpack(b->back.first, 30001, b->out.first, n), -1,
           "one byte too few");
    is_int(bigcache_gzip_unpack(b->back.first, 30000, b->out.first, n - 1), -1,
           "the last byte is missing");
}


static void
test_threads(void)
{
    int         i, rc;
    unsigned    good;
    buffers_t   buffers[THREADS];
    pthread_t   threads[THREADS];

    good = 0;

    for (i = 0; i < THREADS; i++) {
        buffers_init(&buffers[i]);

        rc = pthread_create(&threads[i], NULL, worker, &buffers[i]);

        if (rc != 0) {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
        good += (buffers[i].failed == NULL);
        buffers_free(&buffers[i]);
    }

    is_int(good, THREADS, "threads do not disturb each other");
}


static void *
worker(void *data)
{
    buffers_t *b = data;

    unsigned  i, seed;

    seed = (unsigned) (b->in.first[0] + (size_t) b);

    for (i = 0; i < ROUNDS; i++) {
        (void) both_ends(b, (kind_t) (rnd(&seed) % KINDS),
                         1 + rnd(&seed) % 40000);
    }

    return NULL;
}


/* the same bytes at the beginning and at the end of the fenced memory */

static size_t
both_ends(buffers_t *b, kind_t kind, size_t len)
{
    size_t  n;

    fill(b->in.first, kind, len);
    n = packed(b, b->in.first, b->out.first, len);

    fill(b->in.end - len, kind, len);

    if (packed(b, b->in.end - len, b->out.end - len, len) != n) {
        b->failed = "another size in another place";
    }

    return n;
}


/* sets b->failed to what is wrong with the result */

static size_t
packed(buffers_t *b, const unsigned char *in, unsigned char *out, size_t len)
{
    size_t  n;

    n = bigcache_gzip_pack(out, in, len);

    if (n == 0) {
        return 0;
    }

    if (n > len - len / 8) {
        b->failed = "it is too large";
        return n;
    }

    memset(b->back.first, 0x55, len);

    if (bigcache_gzip_unpack(b->back.first, len, out, n) != 0
        || memcmp(b->back.first, in, len) != 0)
    {
        b->failed = "other bytes";
    }

    memset(b->back.first, 0x55, len);

    if (unzipped(b->back.first, len, out, n) != 0
        || memcmp(b->back.first, in, len) != 0)
    {
        b->failed = "other bytes by zlib";
    }

    return n;
}


/* unpacks by zlib a file of exactly that size */

static int
unzipped(unsigned char *dst, size_t size, const unsigned char *data, size_t len)
{
    int       rc;
    z_stream  z;

    memset(&z, 0, sizeof(z_stream));

    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK) {
        return -1;
    }

    z.next_in = (unsigned char *) data;
    z.avail_in = (unsigned) len;
    z.next_out = dst;
    z.avail_out = (unsigned) size;

    rc = inflate(&z, Z_FINISH);

    if (z.avail_in || z.avail_out) {
        rc = Z_DATA_ERROR;
    }

    (void) inflateEnd(&z);

    return rc == Z_STREAM_END ? 0 : -1;
}


static void
fill(unsigned char *dst, kind_t kind, size_t len)
{
    int       n;
    char      line[100];
    size_t    i, j;
    unsigned  seed;

    seed = 1;

    for (i = 0; i < len; i++) {

        switch (kind) {

        case ZEROES:
            dst[i] = 0;
            break;

        case PERIOD:
            dst[i] = (unsigned char) (i % 251);
            break;

        case HALF:
            dst[i] = (unsigned char) ((i / 256) % 2 ? ' ' : rnd(&seed));
            break;

        case NOISE:
            dst[i] = (unsigned char) rnd(&seed);
            break;

        default: /* HTML */
            n = snprintf(line, sizeof(line),
                         "<tr class=\"row\"><td>%zu</td><td>%u</td></tr>\n",
                         i, rnd(&seed));

            for (j = 0; j < (size_t) n && i + j < len; j++) {
                dst[i + j] = (unsigned char) line[j];
            }

            i += j - 1;
        }
    }
}


static unsigned
rnd(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;

    return *seed >> 8;
}


static void
buffers_init(buffers_t *b)
{
    fenced_init(&b->in);
    fenced_init(&b->out);
    fenced_init(&b->back);
    b->failed = NULL;
}


static void
buffers_free(buffers_t *b)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    (void) munmap(b->in.map, SIZE + 2 * page);
    (void) munmap(b->out.map, SIZE + 2 * page);
    (void) munmap(b->back.map, SIZE + 2 * page);
}


static void
fenced_init(fenced_t *f)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    f->map = mmap(NULL, SIZE + 2 * page, PROT_NONE,
                  MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (f->map == MAP_FAILED
        || mprotect(f->map + page, SIZE, PROT_READ|PROT_WRITE) == -1)
    {
        abort();
    }

    f->first = f->map + page;
    f->end = f->first + SIZE;
}

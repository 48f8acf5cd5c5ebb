
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are packed to a gzip file that zlib unpacks to the same bytes, an
 * eighth smaller, or not at all.  And any bytes are unpacked without harm.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "bigcache_gzip.h"


#define FENCE  64
#define MARK   0xa5


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void pack(const u_char *in, size_t len);
static void same(const u_char *packed, size_t n, const u_char *in, size_t len);
static void unpack(const u_char *in, size_t len);


/* the first bytes say how often the rest is repeated */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   len, times, i;
    u_char  *in;

    if (size < 2) {
        return 0;
    }

    times = 1 + (data[0] % 16 == 0) * data[1];
    len = (size - 2) * times;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(len ? len : 1);
    if (in == NULL) {
        return 0;
    }

    for (i = 0; i < times; i++) {
        memcpy(in + i * (size - 2), data + 2, size - 2);
    }

    if (len) {
        pack(in, len);
    }

    unpack(in, len);

    free(in);

    return 0;
}


/* assembler is not instrumented: what it must not touch is looked at */

static void
pack(const u_char *in, size_t len)
{
    size_t   i, n;
    u_char  *out;

    out = malloc(len + FENCE);
    if (out == NULL) {
        return;
    }

    memset(out, MARK, len + FENCE);

    n = bigcache_gzip_pack(out, in, len);

    if (n > len - len / 8) {
        abort();
    }

    for (i = len - len / 8; i < len + FENCE; i++) {
        if (out[i] != MARK) {
            abort();
        }
    }

    if (n) {
        same(out, n, in, len);
    }

    free(out);
}


static void
same(const u_char *packed, size_t n, const u_char *in, size_t len)
{
    u_char    *back, *exact;
    z_stream   z;

    back = malloc(len);
    exact = malloc(n);

    if (back == NULL || exact == NULL) {
        abort();
    }

    memcpy(exact, packed, n);

    if (bigcache_gzip_unpack(back, len, exact, n) != 0
        || memcmp(back, in, len) != 0)
    {
        abort();
    }

    memset(&z, 0, sizeof(z_stream));
    memset(back, 0, len);

    z.next_in = exact;
    z.avail_in = (unsigned) n;
    z.next_out = back;
    z.avail_out = (unsigned) len;

    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK
        || inflate(&z, Z_FINISH) != Z_STREAM_END
        || z.avail_in || z.avail_out
        || memcmp(back, in, len) != 0)
    {
        abort();
    }

    (void) inflateEnd(&z);

    free(back);
    free(exact);
}


static void
unpack(const u_char *in, size_t len)
{
    size_t   size;
    u_char  *out;

    for (size = 1; size <= 65536; size *= 16) {

        out = malloc(size);
        if (out == NULL) {
            return;
        }

        (void) bigcache_gzip_unpack(out, size, in, len);

        free(out);
    }
}

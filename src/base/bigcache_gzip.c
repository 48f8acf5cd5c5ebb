
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Packs and unpacks gzip, by libdeflate.
 */


#include <pthread.h>
#include <stdlib.h>

#include <libdeflate.h>

#include "bigcache_gzip.h"


#define BIGCACHE_GZIP_LEVEL  1


typedef struct {
    struct libdeflate_compressor    *compressor;
    struct libdeflate_decompressor  *decompressor;
} bigcache_gzip_t;


static bigcache_gzip_t *bigcache_gzip(void);
static void bigcache_gzip_init(void);
static void bigcache_gzip_free(void *data);


static pthread_key_t   bigcache_gzip_key;
static pthread_once_t  bigcache_gzip_once = PTHREAD_ONCE_INIT;
static int             bigcache_gzip_error;


size_t
bigcache_gzip_pack(u_char *dst, const u_char *data, size_t len)
{
    bigcache_gzip_t  *gzip;

    gzip = bigcache_gzip();
    if (gzip == NULL) {
        return 0;
    }

    if (gzip->compressor == NULL) {
        gzip->compressor = libdeflate_alloc_compressor(BIGCACHE_GZIP_LEVEL);

        if (gzip->compressor == NULL) {
            return 0;
        }
    }

    /* stops as soon as the result is too large to be worth it */

    return libdeflate_gzip_compress(gzip->compressor, data, len, dst,
                                    len - len / 8);
}


int
bigcache_gzip_unpack(u_char *dst, size_t size, const u_char *data, size_t len)
{
    bigcache_gzip_t  *gzip;

    gzip = bigcache_gzip();
    if (gzip == NULL) {
        return -1;
    }

    if (gzip->decompressor == NULL) {
        gzip->decompressor = libdeflate_alloc_decompressor();

        if (gzip->decompressor == NULL) {
            return -1;
        }
    }

    /* without a pointer for the size, the size must match exactly */

    return (libdeflate_gzip_decompress(gzip->decompressor, data, len, dst,
                                       size, NULL)
            == LIBDEFLATE_SUCCESS)
           ? 0 : -1;
}


static bigcache_gzip_t *
bigcache_gzip(void)
{
    bigcache_gzip_t  *gzip;

    (void) pthread_once(&bigcache_gzip_once, bigcache_gzip_init);

    if (bigcache_gzip_error) {
        return NULL;
    }

    gzip = pthread_getspecific(bigcache_gzip_key);

    if (gzip) {
        return gzip;
    }

    gzip = calloc(1, sizeof(bigcache_gzip_t));

    if (gzip && pthread_setspecific(bigcache_gzip_key, gzip) != 0) {
        free(gzip);
        gzip = NULL;
    }

    return gzip;
}


static void
bigcache_gzip_init(void)
{
    bigcache_gzip_error = pthread_key_create(&bigcache_gzip_key,
                                             bigcache_gzip_free);
}


static void
bigcache_gzip_free(void *data)
{
    bigcache_gzip_t *gzip = data;

    if (gzip->compressor) {
        libdeflate_free_compressor(gzip->compressor);
    }

    if (gzip->decompressor) {
        libdeflate_free_decompressor(gzip->decompressor);
    }

    free(gzip);
}

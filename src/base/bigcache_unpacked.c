
/*
 * Copyright (C) bigcache contributors
 */


/* keeps texts in a hash table and a list, the latest first */


#include <pthread.h>
#include <stdlib.h>

#include "bigcache_bytes.h"
#include "bigcache_gzip.h"
#include "bigcache_unpacked.h"


#define BIGCACHE_UNPACKED_CHAINS  1024    /* a power of 2 */

/* bytes at the end of a gzip file: its checksum and its size */

#define BIGCACHE_UNPACKED_TAIL    8


typedef struct {
    const void           *store;
    uint64_t              version;
    size_t                len;
    size_t                size;
    uint32_t              crc;      /* of the text, as the file says it */
} bigcache_unpacked_id_t;

struct bigcache_unpacked_s {
    bigcache_unpacked_id_t   id;
    bigcache_unpacked_t     *chain;
    bigcache_unpacked_t     *newer;
    bigcache_unpacked_t     *older;
    unsigned                 users;     /* and 1 while it is kept */
    unsigned char            text[];
};


static bigcache_unpacked_t *bigcache_unpacked_find(
    const bigcache_unpacked_id_t *id);
static bigcache_unpacked_t *bigcache_unpacked_make(
    const bigcache_unpacked_id_t *id, const unsigned char *file, int *damaged);
static void bigcache_unpacked_keep(bigcache_unpacked_t *unpacked);
static void bigcache_unpacked_drop(bigcache_unpacked_t *unpacked);
static void bigcache_unpacked_link(bigcache_unpacked_t *unpacked);
static void bigcache_unpacked_unlink(bigcache_unpacked_t *unpacked);
static int bigcache_unpacked_equal(const bigcache_unpacked_id_t *one,
    const bigcache_unpacked_id_t *two);
static bigcache_unpacked_t **bigcache_unpacked_chain(
    const bigcache_unpacked_id_t *id);


/* all below is changed under the lock, and so are the users of a text */

static pthread_mutex_t       bigcache_unpacked_lock = PTHREAD_MUTEX_INITIALIZER;
static bigcache_unpacked_t  *bigcache_unpacked_chains[BIGCACHE_UNPACKED_CHAINS];
static bigcache_unpacked_t  *bigcache_unpacked_newest;
static bigcache_unpacked_t  *bigcache_unpacked_oldest;
static size_t                bigcache_unpacked_bytes;


bigcache_unpacked_t *
bigcache_unpacked(const void *store, uint64_t version,
    const unsigned char *file, size_t len, size_t size,
    const unsigned char **text, int *damaged)
{
    bigcache_unpacked_t     *unpacked;
    bigcache_unpacked_id_t   id;

    *damaged = 0;

    id.store = store;
    id.version = version;
    id.len = len;
    id.size = size;
    id.crc = (len < BIGCACHE_UNPACKED_TAIL)
             ? 0 : bigcache_get32(file + len - BIGCACHE_UNPACKED_TAIL);

    unpacked = bigcache_unpacked_find(&id);

    if (unpacked == NULL) {
        unpacked = bigcache_unpacked_make(&id, file, damaged);

        if (unpacked == NULL) {
            return NULL;
        }

        bigcache_unpacked_keep(unpacked);
    }

    *text = unpacked->text;

    return unpacked;
}


void
bigcache_unpacked_free(bigcache_unpacked_t *unpacked)
{
    unsigned  users;

    if (unpacked == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&bigcache_unpacked_lock);
    users = --unpacked->users;
    (void) pthread_mutex_unlock(&bigcache_unpacked_lock);

    if (users == 0) {
        free(unpacked);
    }
}


static bigcache_unpacked_t *
bigcache_unpacked_find(const bigcache_unpacked_id_t *id)
{
    bigcache_unpacked_t  *unpacked;

    (void) pthread_mutex_lock(&bigcache_unpacked_lock);

    for (unpacked = *bigcache_unpacked_chain(id);
         unpacked;
         unpacked = unpacked->chain)
    {
        if (bigcache_unpacked_equal(&unpacked->id, id)) {
            unpacked->users++;

            if (unpacked != bigcache_unpacked_newest) {
                bigcache_unpacked_unlink(unpacked);
                bigcache_unpacked_link(unpacked);
            }

            break;
        }
    }

    (void) pthread_mutex_unlock(&bigcache_unpacked_lock);

    return unpacked;
}


static bigcache_unpacked_t *
bigcache_unpacked_make(const bigcache_unpacked_id_t *id,
    const unsigned char *file, int *damaged)
{
    bigcache_unpacked_t  *unpacked;

    unpacked = malloc(sizeof(bigcache_unpacked_t) + id->size);

    if (unpacked == NULL) {
        return NULL;
    }

    if (bigcache_gzip_unpack(unpacked->text, id->size, file, id->len) == -1) {
        free(unpacked);
        *damaged = 1;
        return NULL;
    }

    unpacked->id = *id;
    unpacked->users = 1;

    return unpacked;
}


/* another thread may have unpacked the same page: then both texts are kept */

static void
bigcache_unpacked_keep(bigcache_unpacked_t *unpacked)
{
    bigcache_unpacked_t  *oldest;

    if (unpacked->id.size > BIGCACHE_UNPACKED_TEXT) {
        return;
    }

    (void) pthread_mutex_lock(&bigcache_unpacked_lock);

    bigcache_unpacked_bytes += sizeof(bigcache_unpacked_t) + unpacked->id.size;
    unpacked->users++;

    unpacked->chain = *bigcache_unpacked_chain(&unpacked->id);
    *bigcache_unpacked_chain(&unpacked->id) = unpacked;

    bigcache_unpacked_link(unpacked);

    while (bigcache_unpacked_bytes > BIGCACHE_UNPACKED_MAX) {

        oldest = bigcache_unpacked_oldest;
        bigcache_unpacked_drop(oldest);

        if (--oldest->users == 0) {
            free(oldest);
        }
    }

    (void) pthread_mutex_unlock(&bigcache_unpacked_lock);
}


static void
bigcache_unpacked_drop(bigcache_unpacked_t *unpacked)
{
    bigcache_unpacked_t  **p;

    bigcache_unpacked_unlink(unpacked);

    for (p = bigcache_unpacked_chain(&unpacked->id);
         *p != unpacked;
         p = &(*p)->chain)
    {
        /* void */
    }

    *p = unpacked->chain;

    bigcache_unpacked_bytes -= sizeof(bigcache_unpacked_t) + unpacked->id.size;
}


static void
bigcache_unpacked_link(bigcache_unpacked_t *unpacked)
{
    unpacked->newer = NULL;
    unpacked->older = bigcache_unpacked_newest;

    if (unpacked->older) {
        unpacked->older->newer = unpacked;

    } else {
        bigcache_unpacked_oldest = unpacked;
    }

    bigcache_unpacked_newest = unpacked;
}


static void
bigcache_unpacked_unlink(bigcache_unpacked_t *unpacked)
{
    if (unpacked->newer) {
        unpacked->newer->older = unpacked->older;

    } else {
        bigcache_unpacked_newest = unpacked->older;
    }

    if (unpacked->older) {
        unpacked->older->newer = unpacked->newer;

    } else {
        bigcache_unpacked_oldest = unpacked->newer;
    }
}


static int
bigcache_unpacked_equal(const bigcache_unpacked_id_t *one,
    const bigcache_unpacked_id_t *two)
{
    return one->store == two->store
           && one->version == two->version
           && one->len == two->len
           && one->size == two->size
           && one->crc == two->crc;
}


static bigcache_unpacked_t **
bigcache_unpacked_chain(const bigcache_unpacked_id_t *id)
{
    uint64_t  n;

    /* the checksum spreads well, and versions are dense */

    n = (id->crc ^ id->version) & (BIGCACHE_UNPACKED_CHAINS - 1);

    return &bigcache_unpacked_chains[n];
}

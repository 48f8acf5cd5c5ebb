
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The extents that a caller has borrowed from the owner: cuts pages off the
 * current one, and gives it back.
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_extent.h"


/* bytes; a page larger than a quarter of this gets an extent of its own */

#define BIGCACHE_EXTENT_SIZE   (1024 * 1024)
#define BIGCACHE_EXTENT_SMALL  (BIGCACHE_EXTENT_SIZE / 4)


struct bigcache_extent_s {
    uint64_t            epoch;
    uint64_t            id;
    uint64_t            begin;
    uint64_t            next;       /* where the next page goes */
    uint64_t            end;
    unsigned            users;      /* pages under way; and 1, while current */
    bigcache_file_t    *file;
    int                 fd;
};


static int bigcache_extent_current(bigcache_extents_t *extents,
    uint64_t size, bigcache_place_t *place);
static bigcache_rc_t bigcache_extent_lend(bigcache_extents_t *extents,
    uint64_t size, uint64_t most, bigcache_extent_t **extentp);
static void bigcache_extent_cut_locked(bigcache_extent_t *extent, uint64_t size,
    bigcache_place_t *place);
static void bigcache_extent_release(bigcache_extents_t *extents,
    bigcache_extent_t *extent);
static void bigcache_extent_back(bigcache_extents_t *extents,
    const bigcache_extent_t *extent);


void
bigcache_extent_init(bigcache_extents_t *extents,
    const bigcache_store_conf_t *conf, bigcache_client_t *client,
    bigcache_files_t *files)
{
    extents->conf = conf;
    extents->client = client;
    extents->files = files;
    extents->current = NULL;
    extents->used = 0;
    extents->lending = 0;

    (void) pthread_mutex_init(&extents->mutex, NULL);
}


void
bigcache_extent_destroy(bigcache_extents_t *extents)
{
    (void) pthread_mutex_destroy(&extents->mutex);
}


void
bigcache_extent_end(bigcache_extents_t *extents)
{
    bigcache_extent_t  *extent;

    (void) pthread_mutex_lock(&extents->mutex);

    extent = extents->current;
    extents->current = NULL;

    (void) pthread_mutex_unlock(&extents->mutex);

    if (extent) {
        bigcache_extent_release(extents, extent);
    }
}


void
bigcache_extent_idle(bigcache_extents_t *extents)
{
    int  used;

    (void) pthread_mutex_lock(&extents->mutex);

    used = (extents->current && extents->used);
    extents->used = 0;

    (void) pthread_mutex_unlock(&extents->mutex);

    if (!used) {
        bigcache_extent_end(extents);
    }
}


bigcache_rc_t
bigcache_extent_reserve(void *data, uint64_t size, bigcache_place_t *place)
{
    bigcache_extents_t *extents = data;

    int                 first;
    bigcache_rc_t       rc;
    bigcache_extent_t  *extent, *used;

    if (size <= BIGCACHE_EXTENT_SMALL
        && bigcache_extent_current(extents, size, place))
    {
        return BIGCACHE_OK;
    }

    /* asks without the mutex, since the owner may take long to answer */

    (void) pthread_mutex_lock(&extents->mutex);

    extent = NULL;
    first = (size <= BIGCACHE_EXTENT_SMALL && !extents->lending);
    extents->lending |= (unsigned) first;

    (void) pthread_mutex_unlock(&extents->mutex);

    rc = bigcache_extent_lend(extents, size,
                              first ? BIGCACHE_EXTENT_SIZE : size, &extent);
    used = NULL;

    (void) pthread_mutex_lock(&extents->mutex);

    if (rc == BIGCACHE_OK) {
        bigcache_extent_cut_locked(extent, size, place);

        if (first) {
            used = extents->current;
            extents->current = extent;
            extents->used = 1;

        } else {

            /* this extent is for one page */

            extent->users = 1;
        }
    }

    if (first) {
        extents->lending = 0;
    }

    (void) pthread_mutex_unlock(&extents->mutex);

    if (used) {
        bigcache_extent_release(extents, used);
    }

    return rc;
}


void
bigcache_extent_done(void *data, const bigcache_place_t *place)
{
    bigcache_extent_release(data, place->holder);
}


/*
 * cuts size bytes off the current extent; returns 1, or 0 if it is too small
 */

static int
bigcache_extent_current(bigcache_extents_t *extents, uint64_t size,
    bigcache_place_t *place)
{
    int                 fits;
    bigcache_extent_t  *extent;

    (void) pthread_mutex_lock(&extents->mutex);

    extent = extents->current;

    fits = (extent
            && extent->epoch == bigcache_client_epoch(extents->client)
            && extent->end - extent->next >= size);

    if (fits) {
        extents->used = 1;
        bigcache_extent_cut_locked(extent, size, place);
    }

    (void) pthread_mutex_unlock(&extents->mutex);

    return fits;
}


static bigcache_rc_t
bigcache_extent_lend(bigcache_extents_t *extents, uint64_t size,
    uint64_t most, bigcache_extent_t **extentp)
{
    bigcache_rc_t        rc;
    bigcache_called_t    called;
    bigcache_extent_t   *extent;
    bigcache_message_t   call;

    extent = calloc(1, sizeof(bigcache_extent_t));
    if (extent == NULL) {
        return BIGCACHE_NOMEM;
    }

    memset(&call, 0, sizeof(bigcache_message_t));

    call.call = BIGCACHE_CALL_LEND;
    call.n[0] = size;
    call.n[1] = most;

    extent->users = 1;

    rc = bigcache_client_call(extents->client, &call,
                              (int) extents->conf->wait, &called);

    if (rc == BIGCACHE_OK) {
        extent->epoch = called.epoch;
        extent->id = called.answer.n[0];
        extent->begin = called.answer.n[1];
        extent->next = extent->begin;
        extent->end = extent->begin + called.answer.n[2];
    }

    bigcache_client_release(extents->client, &called);

    if (rc != BIGCACHE_OK) {
        free(extent);
        return rc;
    }

    rc = bigcache_files_acquire(extents->files, extent->id, &extent->file,
                                &extent->fd);

    if (rc == BIGCACHE_OK) {
        *extentp = extent;
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_MISS || rc == BIGCACHE_STALE) {

        /* the segment is pinned, so the owner must be gone */

        rc = BIGCACHE_STALE;

    } else {
        rc = bigcache_log_failed(&extents->conf->log, extents->conf->path, rc,
                                 "open a segment", strerror(errno));
    }

    bigcache_extent_back(extents, extent);
    free(extent);

    return rc;
}


static void
bigcache_extent_cut_locked(bigcache_extent_t *extent, uint64_t size,
    bigcache_place_t *place)
{
    place->holder = extent;
    place->file = extent->file;
    place->fd = extent->fd;
    place->id = extent->id;
    place->offset = (off_t) extent->next;

    extent->next += size;
    extent->users++;
}


static void
bigcache_extent_release(bigcache_extents_t *extents,
    bigcache_extent_t *extent)
{
    int  last;

    (void) pthread_mutex_lock(&extents->mutex);

    extent->users--;
    last = (extent->users == 0);

    (void) pthread_mutex_unlock(&extents->mutex);

    if (!last) {
        return;
    }

    bigcache_extent_back(extents, extent);

    bigcache_files_release(extents->files, extent->file);

    free(extent);
}


static void
bigcache_extent_back(bigcache_extents_t *extents,
    const bigcache_extent_t *extent)
{
    bigcache_called_t   called;
    bigcache_message_t  call;

    if (extent->epoch != bigcache_client_epoch(extents->client)) {
        return;
    }

    memset(&call, 0, sizeof(bigcache_message_t));

    call.call = BIGCACHE_CALL_BACK;
    call.n[0] = extent->id;
    call.n[1] = extent->begin;

    (void) bigcache_client_call(extents->client, &call,
                                (int) extents->conf->wait, &called);
    bigcache_client_release(extents->client, &called);
}

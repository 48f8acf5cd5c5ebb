
/*
 * Copyright (C) bigcache contributors
 */


/* the list of extents that callers write to */


#include <stdlib.h>

#include "bigcache_granted.h"


static void bigcache_granted_free(bigcache_segments_t *segments,
    bigcache_grant_t *grant);


void
bigcache_granted_init(bigcache_granted_t *granted)
{
    (void) pthread_mutex_init(&granted->mutex, NULL);
}


void
bigcache_granted_destroy(bigcache_granted_t *granted)
{
    (void) pthread_mutex_destroy(&granted->mutex);
}


void
bigcache_granted_forget(bigcache_granted_t *granted,
    bigcache_segments_t *segments)
{
    bigcache_grant_t  *grant;

    (void) pthread_mutex_lock(&granted->mutex);

    while (granted->first) {
        grant = granted->first;
        granted->first = grant->next;

        bigcache_granted_free(segments, grant);
    }

    (void) pthread_mutex_unlock(&granted->mutex);
}


void
bigcache_granted_add(bigcache_granted_t *granted, bigcache_grant_t *grant)
{
    (void) pthread_mutex_lock(&granted->mutex);

    grant->next = granted->first;
    granted->first = grant;

    (void) pthread_mutex_unlock(&granted->mutex);
}


void
bigcache_granted_end(bigcache_granted_t *granted,
    bigcache_segments_t *segments, uint64_t caller, uint64_t id,
    uint64_t offset)
{
    bigcache_grant_t  **p, *grant;

    (void) pthread_mutex_lock(&granted->mutex);

    for (p = &granted->first; *p; /* void */) {
        grant = *p;

        if (grant->caller != caller
            || (id && (grant->place.id != id
                       || (uint64_t) grant->place.offset != offset)))
        {
            p = &grant->next;
            continue;
        }

        grant->ended = 1;

        if (grant->users) {
            p = &grant->next;
            continue;
        }

        *p = grant->next;

        bigcache_granted_free(segments, grant);
    }

    (void) pthread_mutex_unlock(&granted->mutex);
}


unsigned
bigcache_granted_count(bigcache_granted_t *granted, uint64_t caller)
{
    unsigned           n;
    bigcache_grant_t  *grant;

    n = 0;

    (void) pthread_mutex_lock(&granted->mutex);

    for (grant = granted->first; grant; grant = grant->next) {
        n += (grant->caller == caller);
    }

    (void) pthread_mutex_unlock(&granted->mutex);

    return n;
}


bigcache_grant_t *
bigcache_granted_use(bigcache_granted_t *granted, uint64_t caller,
    const bigcache_record_t *record, uint64_t size)
{
    uint64_t           from;
    bigcache_grant_t  *grant;

    (void) pthread_mutex_lock(&granted->mutex);

    for (grant = granted->first; grant; grant = grant->next) {

        from = (uint64_t) grant->place.offset;

        if (grant->caller == caller
            && !grant->ended
            && grant->place.id == record->segment
            && record->offset >= from
            && size <= grant->size
            && record->offset - from <= grant->size - size)
        {
            grant->users++;
            break;
        }
    }

    (void) pthread_mutex_unlock(&granted->mutex);

    return grant;
}


void
bigcache_granted_leave(bigcache_granted_t *granted,
    bigcache_segments_t *segments, bigcache_grant_t *grant)
{
    bigcache_grant_t  **p;

    (void) pthread_mutex_lock(&granted->mutex);

    grant->users--;

    if (grant->ended && grant->users == 0) {

        for (p = &granted->first; *p != grant; p = &(*p)->next) {
            /* void */
        }

        *p = grant->next;

        bigcache_granted_free(segments, grant);
    }

    (void) pthread_mutex_unlock(&granted->mutex);
}


static void
bigcache_granted_free(bigcache_segments_t *segments, bigcache_grant_t *grant)
{
    bigcache_segments_done(segments, &grant->place);
    free(grant);
}

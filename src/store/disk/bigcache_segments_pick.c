
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Picks segments to remove or to compact.
 */


#include "bigcache_segments_pick.h"
#include "bigcache_time.h"


static int bigcache_segments_idle_locked(const bigcache_segment_t *segment);
static int bigcache_segments_later(int64_t at);


size_t
bigcache_segments_pick_empty(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n)
{
    size_t  i, found;

    found = 0;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts && found < n; i++) {
        if (bigcache_segments_idle_locked(segments->elts[i])
            && segments->elts[i]->live <= 0
            && !bigcache_segments_later(segments->elts[i]->remove_at))
        {
            bigcache_segments_usage_of_locked(segments->elts[i],
                                              &usage[found++]);
        }
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found;
}


int
bigcache_segments_pick_sparse(bigcache_segments_t *segments, double most,
    uint64_t room, bigcache_usage_t *usage)
{
    double               share, least;
    size_t               i;
    bigcache_segment_t  *segment, *found;

    found = NULL;
    least = most;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts; i++) {

        segment = segments->elts[i];

        if (!bigcache_segments_idle_locked(segment)
            || bigcache_segments_later(segment->retry_at)
            || bigcache_segments_later(segment->remove_at))
        {
            continue;
        }

        if (segment->unsynced) {

            /*
             * those with live pages come first: nothing can be removed before
             * they are moved
             */

            if (segment->live <= 0) {
                continue;
            }

            share = -1;

        } else {
            share = bigcache_segments_share_locked(segment);
        }

        if (share < least && segment->live <= (int64_t) room) {
            least = share;
            found = segment;
        }
    }

    if (found) {
        bigcache_segments_usage_of_locked(found, usage);
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found != NULL;
}


int
bigcache_segments_pick_oldest(bigcache_segments_t *segments,
    bigcache_usage_t *usage)
{
    size_t               i;
    bigcache_segment_t  *found;

    found = NULL;

    (void) pthread_mutex_lock(&segments->mutex);

    for (i = 0; i < segments->nelts && found == NULL; i++) {
        if (bigcache_segments_idle_locked(segments->elts[i])) {
            found = segments->elts[i];
            bigcache_segments_usage_of_locked(found, usage);
        }
    }

    /* other removals would most likely fail, too, and only lose pages */

    if (found && bigcache_segments_later(found->remove_at)) {
        found = NULL;
    }

    (void) pthread_mutex_unlock(&segments->mutex);

    return found != NULL;
}


static int
bigcache_segments_idle_locked(const bigcache_segment_t *segment)
{
    return segment->sealed && segment->pins == 0;
}


/*
 * returns 1 if the time of the next try is not reached; at is 0 if there is
 * none
 */

static int
bigcache_segments_later(int64_t at)
{
    return at && bigcache_time_monotonic() < at;
}


/*
 * Copyright (C) bigcache contributors
 */


/* marks the buckets that a purge concerns, and sweeps them */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_cluster_purge.h"
#include "bigcache_sweep.h"
#include "bigcache_upkeep.h"


/* buckets that are marked at once */

#define BIGCACHE_CLUSTER_PURGE_STEP   256

/* bytes of the three numbers and the letter of a selector */

#define BIGCACHE_CLUSTER_PURGE_HEAD   16


/* a bucket in a purge */

typedef struct {
    bigcache_bucket_t      bucket;
    u_char                 nonce[BIGCACHE_BUCKET_NONCE];
    u_char                *list;        /* of selectors, as the script wants */
    size_t                 len;
    size_t                 room;
    uint64_t               version;     /* 0: nothing is selected */
    bigcache_command_t     command;
} bigcache_cluster_mark_t;

typedef struct {
    bigcache_cluster_t       *cluster;
    bigcache_cluster_mark_t  *marks;    /* of all buckets */
    unsigned                  n;
    bigcache_unit_t          *units;    /* of a step, and its marks */
    bigcache_cluster_mark_t  *step[BIGCACHE_CLUSTER_PURGE_STEP];
} bigcache_cluster_marks_t;


static bigcache_rc_t bigcache_cluster_purge_collect(
    bigcache_cluster_marks_t *marks, const bigcache_selectors_t *selectors);
static bigcache_rc_t bigcache_cluster_purge_add(bigcache_cluster_mark_t *mark,
    const bigcache_selector_t *selector,
    const bigcache_sweep_ranges_t *ranges);
static bigcache_rc_t bigcache_cluster_purge_mark(
    bigcache_cluster_marks_t *marks);
static bigcache_rc_t bigcache_cluster_purge_mark_some(
    bigcache_cluster_marks_t *marks, unsigned *next);
static void bigcache_cluster_purge_command(bigcache_cluster_mark_t *mark);
static bigcache_rc_t bigcache_cluster_purge_sweep(
    bigcache_cluster_marks_t *marks, bigcache_purged_t *purged);
static void bigcache_cluster_purge_free(bigcache_cluster_marks_t *marks);


bigcache_rc_t
bigcache_cluster_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    bigcache_rc_t             rc;
    bigcache_cluster_marks_t  marks;

    marks.cluster = cluster;
    marks.n = cluster->conf.buckets;
    marks.marks = calloc(marks.n, sizeof(bigcache_cluster_mark_t));
    marks.units = calloc(BIGCACHE_CLUSTER_PURGE_STEP, sizeof(bigcache_unit_t));

    rc = (marks.marks && marks.units)
         ? bigcache_cluster_purge_collect(&marks, selectors)
         : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_purge_mark(&marks);
    }

    if (rc == BIGCACHE_OK && purged->begun) {
        purged->begun(purged->data);
    }

    if (rc == BIGCACHE_OK && async) {
        bigcache_upkeep_wake(cluster);

    } else if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_purge_sweep(&marks, purged);
    }

    bigcache_cluster_purge_free(&marks);

    return rc;
}


bigcache_rc_t
bigcache_cluster_purge_all(bigcache_cache_t *cache)
{
    bigcache_rc_t          rc;
    bigcache_purged_t      purged;
    bigcache_selectors_t  *all;

    static const bigcache_str_t  empty = bigcache_string("");

    all = malloc(sizeof(bigcache_selectors_t));
    if (all == NULL) {
        return BIGCACHE_NOMEM;
    }

    bigcache_selectors_prefix(all, &empty);

    purged.begun = NULL;

    rc = bigcache_cache_purge(cache, all, 0, &purged);

    free(all);

    return rc;
}


/* gives each bucket the selectors that may select pages of it */

static bigcache_rc_t
bigcache_cluster_purge_collect(bigcache_cluster_marks_t *marks,
    const bigcache_selectors_t *selectors)
{
    size_t                    at;
    unsigned                  i, one;
    bigcache_rc_t             rc;
    bigcache_selector_t       selector;
    bigcache_sweep_ranges_t  *ranges;

    ranges = malloc(sizeof(bigcache_sweep_ranges_t));
    if (ranges == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = BIGCACHE_OK;
    at = 0;

    while (rc == BIGCACHE_OK
           && bigcache_selectors_next(selectors, &at, &selector))
    {
        bigcache_sweep_ranges(&selector, ranges);

        if (bigcache_bucket_selected(&selector, marks->n, &one)) {
            rc = bigcache_cluster_purge_add(&marks->marks[one], &selector,
                                            ranges);
            continue;
        }

        for (i = 0; rc == BIGCACHE_OK && i < marks->n; i++) {
            rc = bigcache_cluster_purge_add(&marks->marks[i], &selector,
                                            ranges);
        }
    }

    free(ranges);

    return rc;
}


static bigcache_rc_t
bigcache_cluster_purge_add(bigcache_cluster_mark_t *mark,
    const bigcache_selector_t *selector,
    const bigcache_sweep_ranges_t *ranges)
{
    size_t     len, size, room;
    u_char    *p;
    unsigned   i;

    len = bigcache_selector_size(selector);
    size = BIGCACHE_CLUSTER_PURGE_HEAD + len + ranges->n * ranges->len;

    if (mark->len + size + 1 > mark->room) {

        room = 2 * (mark->len + size + 1);

        p = realloc(mark->list, room);
        if (p == NULL) {
            return BIGCACHE_NOMEM;
        }

        mark->list = p;
        mark->room = room;
    }

    p = mark->list + mark->len;

    (void) snprintf((char *) p, BIGCACHE_CLUSTER_PURGE_HEAD + 1,
                    "%05zu%05zu%05u%c", len, ranges->len, ranges->n,
                    ranges->tags ? 't' : 'i');

    p += BIGCACHE_CLUSTER_PURGE_HEAD;

    bigcache_selector_encode(p, selector);
    p += len;

    for (i = 0; i < ranges->n; i++) {
        memcpy(p, ranges->begins[i], ranges->len);
        p += ranges->len;
    }

    mark->len += size;

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_cluster_purge_mark(bigcache_cluster_marks_t *marks)
{
    unsigned       next;
    bigcache_rc_t  rc;

    rc = BIGCACHE_OK;
    next = 0;

    while (rc == BIGCACHE_OK && next < marks->n) {
        rc = bigcache_cluster_purge_mark_some(marks, &next);
    }

    return rc;
}


/* marks a part of the buckets, and moves *next behind them */

static bigcache_rc_t
bigcache_cluster_purge_mark_some(bigcache_cluster_marks_t *marks,
    unsigned *next)
{
    unsigned                  i, n;
    bigcache_rc_t             rc;
    bigcache_call_t           call;
    bigcache_cluster_mark_t  *mark;
    const bigcache_reply_t   *reply;

    n = 0;

    while (*next < marks->n && n < BIGCACHE_CLUSTER_PURGE_STEP) {
        mark = &marks->marks[(*next)++];

        if (mark->len == 0) {
            continue;
        }

        bigcache_bucket_init(&mark->bucket, &marks->cluster->conf.name,
                             *next - 1);
        bigcache_cluster_purge_command(mark);

        bigcache_units_init(&marks->units[n], mark->bucket.slot,
                            &mark->command, 1);
        marks->step[n++] = mark;
    }

    rc = bigcache_space_enter(marks->cluster, &call, 1);

    if (rc != BIGCACHE_OK || n == 0) {
        return rc;
    }

    rc = bigcache_space_run(marks->cluster, &call, marks->units, n);

    for (i = 0; i < n; i++) {
        reply = marks->units[i].replies[0];

        if (marks->units[i].rc == BIGCACHE_OK
            && bigcache_link_number(bigcache_link_part(reply, 1)))
        {
            marks->step[i]->version = bigcache_link_number(
                                          bigcache_link_part(reply, 0));
        }
    }

    bigcache_units_free(marks->units, n);

    return rc;
}


static void
bigcache_cluster_purge_command(bigcache_cluster_mark_t *mark)
{
    bigcache_space_nonce(mark->nonce);

    bigcache_units_script(&mark->command, BIGCACHE_SCRIPT_MARK, &mark->bucket,
                          NULL, 0);
    bigcache_units_part(&mark->command,
                        bigcache_str(mark->nonce, BIGCACHE_BUCKET_NONCE));
    bigcache_units_part(&mark->command, bigcache_str(mark->list, mark->len));
}


static bigcache_rc_t
bigcache_cluster_purge_sweep(bigcache_cluster_marks_t *marks,
    bigcache_purged_t *purged)
{
    unsigned                  i, count;
    bigcache_rc_t             rc;
    bigcache_sweep_sum_t          swept;
    bigcache_cluster_mark_t  *mark;
    bigcache_sweep_bucket_t   buckets[BIGCACHE_SWEEP_BUCKETS];

    memset(&swept, 0, sizeof(bigcache_sweep_sum_t));

    rc = BIGCACHE_OK;
    count = 0;

    for (i = 0; rc == BIGCACHE_OK && i < marks->n; i++) {
        mark = &marks->marks[i];

        if (mark->version) {
            buckets[count].bucket = &mark->bucket;
            buckets[count++].version = mark->version;
        }

        if (count == BIGCACHE_SWEEP_BUCKETS || (i + 1 == marks->n && count)) {
            rc = bigcache_sweep(marks->cluster, buckets, count, &swept);
            count = 0;
        }
    }

    purged->n = swept.removed + swept.softened;
    purged->expired = swept.expired;

    return rc;
}


static void
bigcache_cluster_purge_free(bigcache_cluster_marks_t *marks)
{
    unsigned  i;

    for (i = 0; marks->marks && i < marks->n; i++) {
        free(marks->marks[i].list);
    }

    free(marks->marks);
    free(marks->units);
}


/*
 * Copyright (C) bigcache contributors
 */


/* the thread of upkeep */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np() */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_chunks.h"
#include "bigcache_cluster_list.h"
#include "bigcache_history.h"
#include "bigcache_sweep.h"
#include "bigcache_time.h"
#include "bigcache_upkeep.h"


/*
 * Seconds between two rounds; milliseconds for which the key of the cluster
 * lasts, and for which a purge is left to the process that has begun it.
 */

#define BIGCACHE_UPKEEP_ROUND  2
#define BIGCACHE_UPKEEP_LEASE  "15000"
#define BIGCACHE_UPKEEP_PURGE  30000

/* buckets that are looked at together */

#define BIGCACHE_UPKEEP_STEP   256

/* orphans of a bucket that are removed in a round */

#define BIGCACHE_UPKEEP_ORPHANS  "20"


/* what a round looks at in a bucket */

typedef struct {
    bigcache_bucket_t     bucket;
    u_char                claim[BIGCACHE_BUCKET_TAG + 1];
    bigcache_command_t    commands[4];
} bigcache_upkeep_bucket_t;

typedef struct {
    bigcache_cluster_t        *cluster;
    u_char                     nonce[BIGCACHE_BUCKET_NONCE];
    bigcache_upkeep_bucket_t  *buckets;
    bigcache_unit_t           *units;
    unsigned                   own;     /* purges of this process, too */
    char                       now_ms[24];
    char                       now_us[24];
    char                       purged[24];  /* purges until then, us */
} bigcache_upkeep_t;


static void *bigcache_upkeep_thread(void *data);
static void bigcache_upkeep_count(bigcache_cluster_t *cluster);
static int bigcache_upkeep_lease(bigcache_upkeep_t *upkeep);
static void bigcache_upkeep_round(bigcache_upkeep_t *upkeep);
static bigcache_rc_t bigcache_upkeep_step(bigcache_upkeep_t *upkeep,
    unsigned first, unsigned n);
static void bigcache_upkeep_times(bigcache_upkeep_t *upkeep);
static void bigcache_upkeep_commands(bigcache_upkeep_t *upkeep,
    bigcache_upkeep_bucket_t *b);
static void bigcache_upkeep_bucket(bigcache_upkeep_t *upkeep,
    const bigcache_bucket_t *bucket, const bigcache_unit_t *unit);
static void bigcache_upkeep_orphans(bigcache_upkeep_t *upkeep,
    const bigcache_bucket_t *bucket, const bigcache_reply_t *names);


int
bigcache_upkeep_start(bigcache_cluster_t *cluster)
{
    int  rc;

    rc = bigcache_space_thread(&cluster->upkeep, bigcache_upkeep_thread,
                               cluster);
    cluster->started = (rc == 0);

    return rc;
}


void
bigcache_upkeep_stop(bigcache_cluster_t *cluster)
{
    if (cluster->started) {
        (void) pthread_join(cluster->upkeep, NULL);
        cluster->started = 0;
    }
}


void
bigcache_upkeep_wake(bigcache_cluster_t *cluster)
{
    bigcache_space_wake(cluster, &cluster->woken);
}


static void *
bigcache_upkeep_thread(void *data)
{
    bigcache_cluster_t *cluster = data;

    bigcache_upkeep_t  upkeep;

    (void) pthread_setname_np(pthread_self(), "bc-upkeep");

    memset(&upkeep, 0, sizeof(bigcache_upkeep_t));

    upkeep.cluster = cluster;
    upkeep.buckets = malloc(BIGCACHE_UPKEEP_STEP
                            * sizeof(bigcache_upkeep_bucket_t));
    upkeep.units = malloc(BIGCACHE_UPKEEP_STEP * sizeof(bigcache_unit_t));

    bigcache_space_nonce(upkeep.nonce);

    while (!atomic_load(&cluster->stopping)) {

        bigcache_space_sleep(cluster, BIGCACHE_UPKEEP_ROUND, &cluster->woken);

        upkeep.own = (atomic_exchange(&cluster->woken, 0) != 0);

        if (atomic_load(&cluster->stopping)
            || atomic_load(&cluster->conf.shared->closed)
            || (atomic_load(&cluster->quitting) && !upkeep.own)
            || upkeep.buckets == NULL || upkeep.units == NULL)
        {
            continue;
        }

        bigcache_space_again(cluster);

        if (upkeep.own || bigcache_upkeep_lease(&upkeep)) {
            bigcache_upkeep_round(&upkeep);
        }

        bigcache_upkeep_count(cluster);
    }

    free(upkeep.buckets);
    free(upkeep.units);

    return NULL;
}


/* for the history: one of the processes of this nginx does so */

static void
bigcache_upkeep_count(bigcache_cluster_t *cluster)
{
    int64_t             now, was;
    bigcache_stat_t     stat;
    bigcache_shared_t  *shared;

    shared = cluster->conf.shared;
    now = bigcache_time_monotonic();
    was = atomic_load(&shared->count_begun);

    if (now - was < BIGCACHE_UPKEEP_ROUND * 1000
        || !atomic_compare_exchange_strong(&shared->count_begun, &was, now))
    {
        return;
    }

    if (bigcache_cluster_list_count(&cluster->cache, 1000, &stat)
        == BIGCACHE_OK)
    {
        atomic_store(&shared->entries, stat.keys);
        atomic_store(&shared->bytes, BIGCACHE_HISTORY_UNKNOWN);
        atomic_store(&shared->counted_at, now);

    } else {
        atomic_store(&shared->counted_at, 0);
    }

    /* after the store above, or a store that is closed would seem counted */

    if (atomic_load(&shared->closed)) {
        atomic_store(&shared->counted_at, 0);
    }
}


/*
 * returns 1 if this process has the key of the cluster; two that have it would
 * do the same work, and no harm
 */

static int
bigcache_upkeep_lease(bigcache_upkeep_t *upkeep)
{
    int                 ours;
    u_char              memory[BIGCACHE_BUCKET_SPACE + 16];
    bigcache_str_t      name, text;
    bigcache_call_t     call;
    bigcache_unit_t     unit;
    bigcache_command_t  commands[3];
    bigcache_cluster_t *cluster;

    cluster = upkeep->cluster;

    name.data = memory;
    name.len = (size_t) snprintf((char *) memory, sizeof(memory),
                                 "{%.*s}upkeep", (int) cluster->conf.name.len,
                                 (const char *) cluster->conf.name.data);

    bigcache_units_command(&commands[0], "SET", name, NULL);
    bigcache_units_part(&commands[0],
                        bigcache_str(upkeep->nonce, BIGCACHE_BUCKET_NONCE));
    bigcache_units_text(&commands[0], "NX");
    bigcache_units_text(&commands[0], "PX");
    bigcache_units_text(&commands[0], BIGCACHE_UPKEEP_LEASE);

    bigcache_units_command(&commands[1], "GET", name, NULL);
    bigcache_units_command(&commands[2], "PEXPIRE", name,
                           BIGCACHE_UPKEEP_LEASE, NULL);

    bigcache_units_init(&unit, bigcache_bucket_slot(&name), commands, 2);

    ours = 0;

    if (bigcache_space_begin(cluster, &call, 0) == BIGCACHE_OK
        && bigcache_units_run(&call, &unit, 1) == BIGCACHE_OK)
    {
        text = bigcache_link_text(unit.replies[1]);

        ours = (text.len == BIGCACHE_BUCKET_NONCE
                && memcmp(text.data, upkeep->nonce, text.len) == 0);
    }

    bigcache_units_free(&unit, 1);

    if (ours) {
        bigcache_units_init(&unit, bigcache_bucket_slot(&name), &commands[2],
                            1);
        (void) bigcache_units_run(&call, &unit, 1);
        bigcache_units_free(&unit, 1);
    }

    return ours;
}


static void
bigcache_upkeep_round(bigcache_upkeep_t *upkeep)
{
    unsigned             first, n;
    bigcache_cluster_t  *cluster;

    cluster = upkeep->cluster;

    for (first = 0; first < cluster->conf.buckets; first += n) {

        n = cluster->conf.buckets - first;

        if (n > BIGCACHE_UPKEEP_STEP) {
            n = BIGCACHE_UPKEEP_STEP;
        }

        if (bigcache_upkeep_step(upkeep, first, n) != BIGCACHE_OK
            || atomic_load(&cluster->stopping))
        {
            return;
        }

        /* a long round would lose the key to another process */

        if (!upkeep->own) {
            (void) bigcache_upkeep_lease(upkeep);
        }
    }
}


static bigcache_rc_t
bigcache_upkeep_step(bigcache_upkeep_t *upkeep, unsigned first, unsigned n)
{
    unsigned             i;
    bigcache_rc_t        rc;
    bigcache_call_t      call;
    bigcache_cluster_t  *cluster;

    cluster = upkeep->cluster;

    bigcache_upkeep_times(upkeep);

    for (i = 0; i < n; i++) {
        bigcache_bucket_init(&upkeep->buckets[i].bucket, &cluster->conf.name,
                             first + i);
        bigcache_upkeep_commands(upkeep, &upkeep->buckets[i]);

        bigcache_units_init(&upkeep->units[i],
                            upkeep->buckets[i].bucket.slot,
                            upkeep->buckets[i].commands, 4);
    }

    rc = bigcache_space_begin(cluster, &call, 0);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_units_run(&call, upkeep->units, n);
    }

    /* buckets whose server is away wait for the next round */

    for (i = 0; i < n; i++) {

        if (upkeep->units[i].rc == BIGCACHE_OK) {
            bigcache_upkeep_bucket(upkeep, &upkeep->buckets[i].bucket,
                                   &upkeep->units[i]);
        }
    }

    bigcache_units_free(upkeep->units, n);

    return (rc == BIGCACHE_UNAVAILABLE && atomic_load(&cluster->stopping))
           ? rc : BIGCACHE_OK;
}


/*
 * A purge is younger than this if a request may be about to end it, which
 * counts what it removes.  All purges are to be ended now if this process has
 * an asynchronous one.
 */

static void
bigcache_upkeep_times(bigcache_upkeep_t *upkeep)
{
    int64_t  now;

    now = bigcache_time_now_us();

    (void) snprintf(upkeep->now_ms, sizeof(upkeep->now_ms), "%lld",
                    (long long) (now / 1000));
    (void) snprintf(upkeep->now_us, sizeof(upkeep->now_us), "%lld",
                    (long long) now);

    if (upkeep->own) {
        (void) snprintf(upkeep->purged, sizeof(upkeep->purged), "+inf");

    } else {
        (void) snprintf(upkeep->purged, sizeof(upkeep->purged), "%lld",
                        (long long) (now - BIGCACHE_UPKEEP_PURGE * 1000));
    }
}


static void
bigcache_upkeep_commands(bigcache_upkeep_t *upkeep,
    bigcache_upkeep_bucket_t *b)
{
    const bigcache_str_t  *names;

    static const bigcache_str_t  none = bigcache_string("");

    names = b->bucket.names;

    bigcache_units_command(&b->commands[0], "ZCOUNT",
                           names[BIGCACHE_BUCKET_EXPIRES], "-inf",
                           upkeep->now_ms, NULL);
    bigcache_units_command(&b->commands[1], "ZCOUNT",
                           names[BIGCACHE_BUCKET_PURGES], "-inf",
                           upkeep->purged, NULL);
    bigcache_units_command(&b->commands[2], "EXISTS",
                           bigcache_bucket_name(b->claim, &b->bucket, 'w',
                                                &none), NULL);
    bigcache_units_command(&b->commands[3], "ZRANGEBYSCORE",
                           names[BIGCACHE_BUCKET_ORPHANS], "-inf",
                           upkeep->now_us, "LIMIT", "0",
                           BIGCACHE_UPKEEP_ORPHANS, NULL);
}


static void
bigcache_upkeep_bucket(bigcache_upkeep_t *upkeep,
    const bigcache_bucket_t *bucket, const bigcache_unit_t *unit)
{
    uint64_t                  before;
    bigcache_rc_t             rc;
    bigcache_sweep_sum_t          swept;
    bigcache_cluster_t       *cluster;
    bigcache_sweep_bucket_t   one;

    cluster = upkeep->cluster;

    memset(&swept, 0, sizeof(bigcache_sweep_sum_t));

    one.bucket = bucket;
    one.version = 0;

    rc = BIGCACHE_OK;

    if (bigcache_link_number(unit->replies[0])) {

        do {
            before = swept.expired;
            rc = bigcache_sweep_expired(cluster, &one, 1, &swept);

        } while (rc == BIGCACHE_OK && swept.expired != before
                 && !atomic_load(&cluster->stopping));
    }

    if (rc == BIGCACHE_OK
        && bigcache_link_number(unit->replies[1])
        && (upkeep->own || bigcache_link_number(unit->replies[2]) == 0))
    {
        rc = bigcache_sweep(cluster, &one, 1, &swept);
    }

    if (swept.expired || swept.removed) {
        cluster->conf.removed(cluster->conf.data, swept.expired,
                              swept.removed);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_upkeep_orphans(upkeep, bucket, unit->replies[3]);
    }
}


static void
bigcache_upkeep_orphans(bigcache_upkeep_t *upkeep,
    const bigcache_bucket_t *bucket, const bigcache_reply_t *names)
{
    size_t               i;
    bigcache_str_t       name;
    bigcache_call_t      call;
    bigcache_cluster_t  *cluster;

    cluster = upkeep->cluster;

    for (i = 0; ; i++) {

        name = bigcache_link_text(bigcache_link_part(names, i));

        if (name.data == NULL
            || bigcache_space_begin(cluster, &call, 0) != BIGCACHE_OK
            || bigcache_chunks_due(cluster, &call, bucket, &name)
               != BIGCACHE_OK)
        {
            return;
        }
    }
}

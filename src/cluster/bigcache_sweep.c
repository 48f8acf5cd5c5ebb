
/*
 * Copyright (C) bigcache contributors
 */


/* walks over the keys that purges may concern, some of each bucket at a time */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_remove.h"
#include "bigcache_sweep.h"
#include "bigcache_time.h"


/* keys of a walk in a step */

#define BIGCACHE_SWEEP_STEP    100
#define BIGCACHE_SWEEP_LIMIT   "100"

/* milliseconds for which others leave a bucket to this process */

#define BIGCACHE_SWEEP_CLAIM   "10000"


/* the keys of a bucket that one range of one purge concerns */

typedef struct {
    const bigcache_bucket_t   *bucket;
    bigcache_selector_t        selector;
    uint64_t                   version;     /* 0: keys whose time has come */
    unsigned                   tags:1;      /* over names of tags */
    unsigned                   done:1;
    size_t                     from_len;
    bigcache_str_t             begin;       /* of all names */
    u_char                    *memory;
    u_char                    *from;        /* where the next part begins */
    bigcache_command_t         commands[2];
    u_char                     claim[BIGCACHE_BUCKET_TAG + 1];
} bigcache_sweep_walk_t;

/* a page of a step */

typedef struct {
    bigcache_sweep_walk_t     *walk;
    bigcache_str_t             key;
    bigcache_str_t             name;
    u_char                    *memory;      /* of its front, if that is long */
    bigcache_value_t           value;
    bigcache_command_t         command;
    bigcache_remove_t          removal;
    u_char                     version[BIGCACHE_VALUE_DIGITS];
    u_char                     stale[BIGCACHE_VALUE_DIGITS];
    unsigned                   chosen:1;
    unsigned                   live:1;
    unsigned                   again:1;     /* look at it once more */
} bigcache_sweep_page_t;

typedef struct {
    bigcache_cluster_t        *cluster;
    bigcache_call_t            call;
    int64_t                    now;
    char                       until[24];   /* now, in digits */

    bigcache_unit_t            purges[BIGCACHE_SWEEP_BUCKETS];
    bigcache_command_t         commands[BIGCACHE_SWEEP_BUCKETS];
    unsigned                   npurges;     /* answers with purges */

    bigcache_sweep_walk_t     *walks;
    unsigned                   nwalks;
    unsigned                   room;        /* for walks */

    bigcache_unit_t            lists[BIGCACHE_SWEEP_BUCKETS];  /* names */
    bigcache_sweep_page_t     *pages;
    bigcache_unit_t           *units;
    unsigned                   n;           /* pages */
    u_char                    *names;       /* memory of pages[i].name */

    bigcache_sweep_ranges_t    ranges;      /* of the purge at hand */
    bigcache_sweep_sum_t       swept;
} bigcache_sweep_t;

/* a purge that is to be ended */

typedef struct {
    const bigcache_bucket_t   *bucket;
    bigcache_selector_t        selector;
    bigcache_str_t             bytes;       /* of the selector */
    uint64_t                   version;
} bigcache_sweep_purge_t;

typedef bigcache_rc_t (*bigcache_sweep_pt)(bigcache_sweep_t *sweep,
    const bigcache_sweep_purge_t *purge);


static bigcache_sweep_t *bigcache_sweep_create(bigcache_cluster_t *cluster,
    unsigned n);
static void bigcache_sweep_destroy(bigcache_sweep_t *sweep);
static bigcache_rc_t bigcache_sweep_purges(bigcache_sweep_t *sweep,
    const bigcache_sweep_bucket_t *buckets, unsigned n);
static bigcache_rc_t bigcache_sweep_each(bigcache_sweep_t *sweep,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_pt handler);
static bigcache_rc_t bigcache_sweep_walks(bigcache_sweep_t *sweep,
    const bigcache_sweep_purge_t *purge);
static bigcache_sweep_walk_t *bigcache_sweep_walk(bigcache_sweep_t *sweep,
    const bigcache_bucket_t *bucket, const u_char *begin, size_t len);
static bigcache_rc_t bigcache_sweep_all(bigcache_sweep_t *sweep);
static bigcache_rc_t bigcache_sweep_some(bigcache_sweep_t *sweep,
    unsigned first, unsigned n);
static bigcache_rc_t bigcache_sweep_list(bigcache_sweep_t *sweep,
    unsigned first, unsigned n);
static void bigcache_sweep_list_commands(bigcache_sweep_t *sweep,
    bigcache_sweep_walk_t *walk, int claims);
static bigcache_rc_t bigcache_sweep_collect(bigcache_sweep_t *sweep,
    unsigned first, unsigned n);
static size_t bigcache_sweep_names(const bigcache_sweep_walk_t *walk,
    const bigcache_reply_t *names, size_t *size);
static void bigcache_sweep_page(bigcache_sweep_t *sweep,
    bigcache_sweep_walk_t *walk, const bigcache_str_t *name, u_char **memory);
static bigcache_rc_t bigcache_sweep_read(bigcache_sweep_t *sweep);
static bigcache_rc_t bigcache_sweep_front(bigcache_sweep_t *sweep,
    bigcache_sweep_page_t *page, const bigcache_reply_t *reply);
static int bigcache_sweep_selected(const bigcache_sweep_t *sweep,
    const bigcache_sweep_page_t *page);
static bigcache_rc_t bigcache_sweep_change(bigcache_sweep_t *sweep);
static void bigcache_sweep_keep(bigcache_sweep_t *sweep);
static void bigcache_sweep_command(bigcache_sweep_page_t *page);
static void bigcache_sweep_account(bigcache_sweep_t *sweep,
    bigcache_sweep_page_t *page, const bigcache_unit_t *unit);
static bigcache_rc_t bigcache_sweep_done(bigcache_sweep_t *sweep,
    const bigcache_sweep_purge_t *purge);
static void bigcache_sweep_forget(bigcache_sweep_t *sweep);


void
bigcache_sweep_ranges(const bigcache_selector_t *selector,
    bigcache_sweep_ranges_t *ranges)
{
    u_char    *p;
    unsigned   i;

    static const bigcache_str_t  schemes[BIGCACHE_SWEEP_RANGES] = {
        bigcache_string("\0https://"), bigcache_string("\0http://")
    };

    ranges->tags = (selector->tag.len != 0);
    ranges->n = selector->host.len ? BIGCACHE_SWEEP_RANGES : 1;

    for (i = 0; i < ranges->n; i++) {

        p = ranges->begins[i];

        if (selector->tag.len) {
            *p++ = (u_char) (selector->tag.len - 1);
            memcpy(p, selector->tag.data, selector->tag.len);
            p += selector->tag.len;
        }

        if (selector->host.len) {
            memcpy(p, schemes[i].data, schemes[i].len);
            p += schemes[i].len;
            memcpy(p, selector->host.data, selector->host.len);
            p += selector->host.len;

            /* both have one length: the longer scheme does without a byte */

            p -= (i == 0);

        } else if (selector->prefix.len) {
            memcpy(p, selector->prefix.data, selector->prefix.len);
            p += selector->prefix.len;
        }

        ranges->len = (size_t) (p - ranges->begins[i]);
    }
}


bigcache_rc_t
bigcache_sweep(bigcache_cluster_t *cluster,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_sum_t *swept)
{
    bigcache_rc_t      rc;
    bigcache_sweep_t  *sweep;

    sweep = bigcache_sweep_create(cluster, n);
    if (sweep == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_sweep_purges(sweep, buckets, n);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_each(sweep, buckets, n, bigcache_sweep_walks);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_all(sweep);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_space_begin(cluster, &sweep->call, 1);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_each(sweep, buckets, n, bigcache_sweep_done);
    }

    swept->removed += sweep->swept.removed;
    swept->softened += sweep->swept.softened;
    swept->expired += sweep->swept.expired;

    bigcache_sweep_destroy(sweep);

    return rc;
}


bigcache_rc_t
bigcache_sweep_expired(bigcache_cluster_t *cluster,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_sum_t *swept)
{
    unsigned           i;
    bigcache_rc_t      rc;
    bigcache_sweep_t  *sweep;

    sweep = bigcache_sweep_create(cluster, n);
    if (sweep == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = BIGCACHE_OK;

    for (i = 0; rc == BIGCACHE_OK && i < n; i++) {

        if (bigcache_sweep_walk(sweep, buckets[i].bucket, NULL, 0) == NULL) {
            rc = BIGCACHE_NOMEM;
        }
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_some(sweep, 0, n);
    }

    swept->expired += sweep->swept.expired;

    bigcache_sweep_destroy(sweep);

    return rc;
}


static bigcache_sweep_t *
bigcache_sweep_create(bigcache_cluster_t *cluster, unsigned n)
{
    unsigned           most;
    bigcache_sweep_t  *sweep;

    sweep = calloc(1, sizeof(bigcache_sweep_t));
    if (sweep == NULL) {
        return NULL;
    }

    sweep->cluster = cluster;
    sweep->now = bigcache_time_now();

    (void) snprintf(sweep->until, sizeof(sweep->until), "%lld",
                    (long long) sweep->now);

    most = n * BIGCACHE_SWEEP_STEP;

    sweep->pages = calloc(most, sizeof(bigcache_sweep_page_t));
    sweep->units = calloc(most, sizeof(bigcache_unit_t));

    if (sweep->pages == NULL || sweep->units == NULL) {
        bigcache_sweep_destroy(sweep);
        return NULL;
    }

    return sweep;
}


static void
bigcache_sweep_destroy(bigcache_sweep_t *sweep)
{
    unsigned  i;

    bigcache_sweep_forget(sweep);
    bigcache_units_free(sweep->purges, sweep->npurges);

    for (i = 0; i < sweep->nwalks; i++) {
        free(sweep->walks[i].memory);
    }

    free(sweep->walks);
    free(sweep->pages);
    free(sweep->units);
    free(sweep);
}


/* reads the purges of all buckets */

static bigcache_rc_t
bigcache_sweep_purges(bigcache_sweep_t *sweep,
    const bigcache_sweep_bucket_t *buckets, unsigned n)
{
    unsigned                  i;
    bigcache_rc_t             rc;
    const bigcache_bucket_t  *bucket;

    for (i = 0; i < n; i++) {
        bucket = buckets[i].bucket;

        bigcache_units_command(&sweep->commands[i], "ZRANGE",
                               bucket->names[BIGCACHE_BUCKET_PURGES], "0",
                               "-1", "WITHSCORES", NULL);
        bigcache_units_init(&sweep->purges[i], bucket->slot,
                            &sweep->commands[i], 1);
    }

    sweep->npurges = n;

    rc = bigcache_space_begin(sweep->cluster, &sweep->call, 0);

    return (rc == BIGCACHE_OK)
           ? bigcache_space_run(sweep->cluster, &sweep->call, sweep->purges, n)
           : rc;
}


/* calls the handler for each purge that is to be ended */

static bigcache_rc_t
bigcache_sweep_each(bigcache_sweep_t *sweep,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_pt handler)
{
    size_t                  at;
    unsigned                i;
    bigcache_rc_t           rc;
    bigcache_sweep_purge_t  purge;

    rc = BIGCACHE_OK;

    for (i = 0; rc == BIGCACHE_OK && i < n; i++) {

        purge.bucket = buckets[i].bucket;
        at = 0;

        while (rc == BIGCACHE_OK
               && bigcache_markers_next(sweep->purges[i].replies[0], &at,
                                        &purge.selector, &purge.bytes,
                                        &purge.version))
        {
            if (buckets[i].version == 0
                || buckets[i].version == purge.version)
            {
                rc = handler(sweep, &purge);
            }
        }
    }

    return rc;
}


/* makes a walk of each range of a purge */

static bigcache_rc_t
bigcache_sweep_walks(bigcache_sweep_t *sweep,
    const bigcache_sweep_purge_t *purge)
{
    unsigned                  i;
    bigcache_sweep_walk_t    *walk;
    bigcache_sweep_ranges_t  *ranges;

    ranges = &sweep->ranges;

    bigcache_sweep_ranges(&purge->selector, ranges);

    for (i = 0; i < ranges->n; i++) {

        walk = bigcache_sweep_walk(sweep, purge->bucket, ranges->begins[i],
                                   ranges->len);
        if (walk == NULL) {
            return BIGCACHE_NOMEM;
        }

        walk->selector = purge->selector;
        walk->version = purge->version;
        walk->tags = ranges->tags;
    }

    return BIGCACHE_OK;
}


static bigcache_sweep_walk_t *
bigcache_sweep_walk(bigcache_sweep_t *sweep, const bigcache_bucket_t *bucket,
    const u_char *begin, size_t len)
{
    unsigned                room;
    bigcache_sweep_walk_t  *walk;

    if (sweep->nwalks == sweep->room) {

        room = 2 * sweep->room + BIGCACHE_SWEEP_BUCKETS;

        walk = realloc(sweep->walks, room * sizeof(bigcache_sweep_walk_t));
        if (walk == NULL) {
            return NULL;
        }

        sweep->walks = walk;
        sweep->room = room;
    }

    walk = &sweep->walks[sweep->nwalks];

    memset(walk, 0, sizeof(bigcache_sweep_walk_t));

    walk->memory = malloc(len + 1 + 1 + BIGCACHE_TAG_MAX + BIGCACHE_KEY_MAX);
    if (walk->memory == NULL) {
        return NULL;
    }

    sweep->nwalks++;

    walk->bucket = bucket;
    walk->begin = bigcache_str(walk->memory, len);
    walk->from = walk->memory + len;
    walk->from[0] = '[';
    walk->from_len = 1 + len;

    if (len) {
        memcpy(walk->memory, begin, len);
        memcpy(walk->from + 1, begin, len);
    }

    return walk;
}


/* all walks, some of them at a time */

static bigcache_rc_t
bigcache_sweep_all(bigcache_sweep_t *sweep)
{
    unsigned       i, n, left;
    bigcache_rc_t  rc;

    for (i = 0; i < sweep->nwalks; i += n) {

        n = sweep->nwalks - i;
        n = (n < sweep->npurges) ? n : sweep->npurges;

        do {
            rc = bigcache_sweep_some(sweep, i, n);

            if (rc != BIGCACHE_OK) {
                return rc;
            }

            for (left = 0; left < n && sweep->walks[i + left].done; left++) {
                /* void */
            }

        } while (left < n);
    }

    return BIGCACHE_OK;
}


/* a step of n walks */

static bigcache_rc_t
bigcache_sweep_some(bigcache_sweep_t *sweep, unsigned first, unsigned n)
{
    bigcache_rc_t  rc;

    bigcache_sweep_forget(sweep);

    rc = bigcache_space_begin(sweep->cluster, &sweep->call, 0);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_list(sweep, first, n);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sweep_collect(sweep, first, n);
    }

    bigcache_units_free(sweep->lists, n);

    while (rc == BIGCACHE_OK && sweep->n) {

        rc = bigcache_sweep_read(sweep);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_sweep_change(sweep);
        }
    }

    return rc;
}


/* asks for the next names of the walks that are not done */

static bigcache_rc_t
bigcache_sweep_list(bigcache_sweep_t *sweep, unsigned first, unsigned n)
{
    int                     claims;
    unsigned                i, asked;
    bigcache_rc_t           rc;
    bigcache_sweep_walk_t  *walk;

    rc = BIGCACHE_FULL;

    /* without memory for a claim it does without one */

    for (claims = 1; claims >= 0 && rc == BIGCACHE_FULL; claims--) {

        asked = 0;

        for (i = 0; i < n; i++) {
            walk = &sweep->walks[first + i];

            if (walk->done) {
                continue;
            }

            bigcache_sweep_list_commands(sweep, walk, claims);

            bigcache_units_init(&sweep->lists[asked++], walk->bucket->slot,
                                walk->commands, 2);
        }

        rc = bigcache_space_run(sweep->cluster, &sweep->call, sweep->lists,
                                asked);

        if (rc == BIGCACHE_FULL) {
            bigcache_units_free(sweep->lists, asked);
        }
    }

    return rc;
}


static void
bigcache_sweep_list_commands(bigcache_sweep_t *sweep,
    bigcache_sweep_walk_t *walk, int claims)
{
    bigcache_str_t         name;
    bigcache_command_t    *list, *claim;
    const bigcache_str_t  *names;

    static const bigcache_str_t  none = bigcache_string("");

    names = walk->bucket->names;
    list = &walk->commands[0];
    claim = &walk->commands[1];

    if (walk->version) {
        bigcache_units_command(list, "ZRANGEBYLEX",
                               names[walk->tags ? BIGCACHE_BUCKET_TAGS
                                                : BIGCACHE_BUCKET_INDEX],
                               NULL);
        bigcache_units_part(list, bigcache_str(walk->from, walk->from_len));
        bigcache_units_text(list, "+");

    } else {
        bigcache_units_command(list, "ZRANGEBYSCORE",
                               names[BIGCACHE_BUCKET_EXPIRES], "-inf",
                               sweep->until, NULL);
    }

    bigcache_units_text(list, "LIMIT");
    bigcache_units_text(list, "0");
    bigcache_units_text(list, BIGCACHE_SWEEP_LIMIT);

    /* says to others that this process is at work */

    name = bigcache_bucket_name(walk->claim, walk->bucket, 'w', &none);

    if (claims) {
        bigcache_units_command(claim, "SET", name, "1", "PX",
                               BIGCACHE_SWEEP_CLAIM, NULL);

    } else {
        bigcache_units_command(claim, "EXISTS", name, NULL);
    }
}


/* makes pages of the names that belong to the walks, and moves the walks on */

static bigcache_rc_t
bigcache_sweep_collect(bigcache_sweep_t *sweep, unsigned first, unsigned n)
{
    size_t                   i, count, size;
    u_char                  *memory;
    unsigned                 w, asked;
    bigcache_str_t           name;
    bigcache_sweep_walk_t   *walk;
    const bigcache_reply_t  *names;

    size = 0;
    asked = 0;

    for (w = 0; w < n; w++) {
        walk = &sweep->walks[first + w];

        if (!walk->done) {
            (void) bigcache_sweep_names(walk, sweep->lists[asked++].replies[0],
                                        &size);
        }
    }

    if (size == 0) {
        memory = NULL;

    } else {

        memory = malloc(size);
        if (memory == NULL) {
            return BIGCACHE_NOMEM;
        }
    }

    sweep->names = memory;
    asked = 0;

    for (w = 0; w < n; w++) {
        walk = &sweep->walks[first + w];

        if (walk->done) {
            continue;
        }

        names = sweep->lists[asked++].replies[0];
        count = bigcache_sweep_names(walk, names, &size);

        for (i = 0; i < count; i++) {
            name = bigcache_link_text(bigcache_link_part(names, i));
            bigcache_sweep_page(sweep, walk, &name, &memory);
        }

        walk->done = (count < BIGCACHE_SWEEP_STEP);

        if (count) {
            name = bigcache_link_text(bigcache_link_part(names, count - 1));
            walk->from[0] = '(';
            memcpy(walk->from + 1, name.data, name.len);
            walk->from_len = 1 + name.len;
        }
    }

    return BIGCACHE_OK;
}


/*
 * Returns how many of the names belong to the walk, and adds their bytes.  A
 * server sends no names that do not ascend, unless it is to keep a walk from
 * ending.
 */

static size_t
bigcache_sweep_names(const bigcache_sweep_walk_t *walk,
    const bigcache_reply_t *names, size_t *size)
{
    size_t          i, skip;
    bigcache_str_t  name, last;

    skip = walk->tags ? 1 + walk->selector.tag.len : 0;

    last = bigcache_str(walk->from + 1,
                        walk->from[0] == '(' ? walk->from_len - 1 : 0);

    for (i = 0; i < BIGCACHE_SWEEP_STEP; i++) {
        name = bigcache_link_text(bigcache_link_part(names, i));

        if (name.data == NULL
            || name.len > BIGCACHE_KEY_MAX + skip
            || name.len < skip
            || !bigcache_str_begins(&name, &walk->begin))
        {
            break;
        }

        if (walk->version && last.len
            && bigcache_str_compare(&name, &last) <= 0)
        {
            break;
        }

        *size += walk->bucket->len + 1 + name.len;
        last = name;
    }

    return i;
}


static void
bigcache_sweep_page(bigcache_sweep_t *sweep, bigcache_sweep_walk_t *walk,
    const bigcache_str_t *name, u_char **memory)
{
    size_t                  skip;
    bigcache_str_t          key;
    bigcache_sweep_page_t  *page;

    skip = walk->tags ? 1 + walk->selector.tag.len : 0;

    key = bigcache_str(name->data + skip, name->len - skip);

    page = &sweep->pages[sweep->n++];

    page->walk = walk;
    page->name = bigcache_bucket_name(*memory, walk->bucket, 'k', &key);
    page->key = bigcache_str(*memory + walk->bucket->len + 1, key.len);
    page->memory = NULL;
    page->chosen = 0;

    *memory += page->name.len;
}


/* reads the fronts of all pages of the step, and chooses those to change */

static bigcache_rc_t
bigcache_sweep_read(bigcache_sweep_t *sweep)
{
    unsigned                i;
    bigcache_rc_t           rc;
    bigcache_sweep_page_t  *page;

    for (i = 0; i < sweep->n; i++) {
        page = &sweep->pages[i];

        bigcache_units_command(&page->command, "GETRANGE", page->name, "0",
                               "1023", NULL);
        bigcache_units_init(&sweep->units[i], page->walk->bucket->slot,
                            &page->command, 1);
    }

    rc = bigcache_space_run(sweep->cluster, &sweep->call, sweep->units,
                            sweep->n);

    for (i = 0; rc == BIGCACHE_OK && i < sweep->n; i++) {
        rc = bigcache_sweep_front(sweep, &sweep->pages[i],
                                  sweep->units[i].replies[0]);
    }

    bigcache_units_free(sweep->units, sweep->n);

    return rc;
}


static bigcache_rc_t
bigcache_sweep_front(bigcache_sweep_t *sweep, bigcache_sweep_page_t *page,
    const bigcache_reply_t *reply)
{
    bigcache_rc_t  rc;

    /* a page that somebody has removed by hand is in the sets still */

    if (bigcache_link_text(reply).len == 0) {
        page->chosen = 1;
        page->live = 0;

        memset(&page->value, 0, sizeof(bigcache_value_t));

        return BIGCACHE_OK;
    }

    /* the tags point into an answer that is freed when all are read */

    rc = bigcache_look_value(sweep->cluster, &sweep->call, page->walk->bucket,
                             &page->name, reply, &page->memory, &page->value);

    if (rc == BIGCACHE_MISS) {
        return BIGCACHE_OK;
    }

    page->chosen = (rc == BIGCACHE_OK && bigcache_sweep_selected(sweep, page));
    page->live = (page->value.expire > sweep->now);

    return rc;
}


static int
bigcache_sweep_selected(const bigcache_sweep_t *sweep,
    const bigcache_sweep_page_t *page)
{
    const bigcache_sweep_walk_t  *walk;

    walk = page->walk;

    if (walk->version == 0) {
        return page->value.expire <= sweep->now;
    }

    return page->value.origin < walk->version
           && bigcache_selector_matches(&walk->selector, &page->key,
                                        &page->value.tags)
           && (!(walk->selector.flags & BIGCACHE_SELECTOR_SOFT)
               || (page->value.stale == 0
                   && page->value.expire > sweep->now));
}


/*
 * Removes the pages that were chosen, or marks them.  Those of the step that
 * are left then were written anew before they could be marked: they may be made
 * of what was selected, so that the caller must look at them again.
 */

static bigcache_rc_t
bigcache_sweep_change(bigcache_sweep_t *sweep)
{
    unsigned                i, n;
    bigcache_rc_t           rc;
    bigcache_sweep_page_t  *page;

    n = 0;

    for (i = 0; i < sweep->n; i++) {
        page = &sweep->pages[i];
        page->again = 0;

        if (page->chosen) {
            bigcache_sweep_command(page);

            bigcache_units_init(&sweep->units[n++], page->walk->bucket->slot,
                                &page->command, 1);
        }
    }

    sweep->call.replicas = sweep->cluster->conf.replicas;

    rc = n ? bigcache_space_run(sweep->cluster, &sweep->call, sweep->units, n)
           : BIGCACHE_OK;

    sweep->call.replicas = 0;

    n = 0;

    for (i = 0; i < sweep->n; i++) {

        if (sweep->pages[i].chosen) {
            bigcache_sweep_account(sweep, &sweep->pages[i],
                                   &sweep->units[n++]);
        }
    }

    bigcache_units_free(sweep->units, n);

    bigcache_sweep_keep(sweep);

    return rc;
}


/* forgets the pages of the step, but for those to look at again */

static void
bigcache_sweep_keep(bigcache_sweep_t *sweep)
{
    unsigned                i, n;
    bigcache_sweep_page_t  *page;

    n = 0;

    for (i = 0; i < sweep->n; i++) {
        page = &sweep->pages[i];

        free(page->memory);
        page->memory = NULL;

        if (page->again) {
            page->chosen = 0;
            sweep->pages[n++] = *page;
        }
    }

    sweep->n = n;
}


static void
bigcache_sweep_command(bigcache_sweep_page_t *page)
{
    uint64_t                ms;
    bigcache_remove_t      *removal;
    bigcache_sweep_walk_t  *walk;

    walk = page->walk;

    if (walk->selector.flags & BIGCACHE_SELECTOR_SOFT) {

        bigcache_units_script(&page->command, BIGCACHE_SCRIPT_SOFTEN,
                              walk->bucket, &page->name, 1);

        bigcache_units_part(&page->command,
                            bigcache_value_digits(page->version,
                                                  page->value.version));

        ms = walk->version / 1000;
        bigcache_units_part(&page->command,
                            bigcache_value_digits(page->stale, ms ? ms : 1));

        return;
    }

    removal = &page->removal;

    memset(removal, 0, sizeof(bigcache_remove_t));

    removal->bucket = walk->bucket;
    removal->key = page->key;
    removal->name = page->name;
    removal->expect = bigcache_value_digits(page->version,
                                            page->value.version);
    removal->how = walk->version ? "purge" : "expire";

    bigcache_remove_command(&page->command, removal);
}


static void
bigcache_sweep_account(bigcache_sweep_t *sweep, bigcache_sweep_page_t *page,
    const bigcache_unit_t *unit)
{
    uint64_t  marked;

    if (unit->rc != BIGCACHE_OK) {
        return;
    }

    if (page->walk->selector.flags & BIGCACHE_SELECTOR_SOFT) {
        marked = bigcache_link_number(unit->replies[0]);

        sweep->swept.softened += (marked == 1);
        page->again = (marked == 2);

        return;
    }

    if (bigcache_remove_answer(unit->replies[0]) == BIGCACHE_OK) {
        sweep->swept.removed += page->live;
        sweep->swept.expired += !page->live;
    }
}


/* takes a purge out of effect: nothing is left of what it selects */

static bigcache_rc_t
bigcache_sweep_done(bigcache_sweep_t *sweep,
    const bigcache_sweep_purge_t *purge)
{
    u_char              digits[BIGCACHE_VALUE_DIGITS];
    bigcache_command_t  command;

    bigcache_units_script(&command, BIGCACHE_SCRIPT_DONE, purge->bucket, NULL,
                          0);
    bigcache_units_part(&command, purge->bytes);
    bigcache_units_part(&command,
                        bigcache_value_digits(digits, purge->version));

    return bigcache_space_command(sweep->cluster, &sweep->call, purge->bucket,
                                  &command, NULL);
}


/* frees what the last step has had */

static void
bigcache_sweep_forget(bigcache_sweep_t *sweep)
{
    unsigned  i;

    for (i = 0; i < sweep->n; i++) {
        free(sweep->pages[i].memory);
        sweep->pages[i].memory = NULL;
    }

    free(sweep->names);
    sweep->names = NULL;
    sweep->n = 0;
}

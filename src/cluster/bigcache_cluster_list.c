
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Merges the keys of all buckets.  Each bucket is asked for as many keys as it
 * probably has of the next part of the list, and again when they are used up.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_cluster_list.h"
#include "bigcache_look.h"
#include "bigcache_time.h"


/* keys whose pages are read at once */

#define BIGCACHE_CLUSTER_LIST_STEP  64

/* keys that a call looks at, and milliseconds that it takes, at most */

#define BIGCACHE_CLUSTER_LIST_SEEN  10000
#define BIGCACHE_CLUSTER_LIST_TIME  1000

/* the most keys that a bucket is asked for at once */

#define BIGCACHE_CLUSTER_LIST_MOST  200


/* the next names of a bucket */

typedef struct {
    bigcache_bucket_t          bucket;
    bigcache_reply_t          *purges;      /* when the list began */
    bigcache_reply_t          *names;       /* or NULL */
    bigcache_command_t         commands[2];
    char                       limit[16];
    unsigned                   asked;       /* names */
    size_t                     i;           /* the name that comes next */
    bigcache_str_t             key;         /* of it, data is NULL: no more */
    u_char                    *from;        /* where the names begin */
    size_t                     from_len;
} bigcache_cluster_source_t;

typedef struct {
    const bigcache_reply_t    *purges;
    bigcache_bucket_t         *bucket;
    bigcache_str_t             key;
    bigcache_str_t             name;
    u_char                    *memory;
    bigcache_value_t           value;
    bigcache_command_t         command;
} bigcache_cluster_row_t;

typedef struct {
    bigcache_cluster_t         *cluster;
    bigcache_call_t             call;
    const bigcache_str_t       *tag;
    bigcache_str_t              begin;      /* of all names */
    size_t                      skip;       /* bytes of it before the key */
    unsigned                    limit;
    bigcache_list_t            *list;

    bigcache_cluster_source_t  *sources;    /* of all buckets */
    unsigned                   *heap;       /* numbers of sources, by key */
    unsigned                    n;          /* in the heap */

    bigcache_unit_t            *units;
    bigcache_cluster_row_t      rows[BIGCACHE_CLUSTER_LIST_STEP];
    u_char                     *names;
    unsigned                    seen;
    int64_t                     deadline;
    u_char                      memory[1 + BIGCACHE_TAG_MAX
                                       + BIGCACHE_KEY_MAX];
} bigcache_cluster_list_t;


static bigcache_rc_t bigcache_cluster_list_begin(bigcache_cluster_list_t *ctx,
    const bigcache_str_t *prefix, const bigcache_str_t *after);
static void bigcache_cluster_list_prefix(bigcache_cluster_list_t *ctx,
    const bigcache_str_t *prefix);
static bigcache_rc_t bigcache_cluster_list_from(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source, const bigcache_str_t *prefix,
    const bigcache_str_t *after);
static bigcache_rc_t bigcache_cluster_list_ask(bigcache_cluster_list_t *ctx,
    unsigned first, unsigned n);
static void bigcache_cluster_list_commands(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source, bigcache_unit_t *unit);
static void bigcache_cluster_list_key(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source);
static bigcache_rc_t bigcache_cluster_list_advance(
    bigcache_cluster_list_t *ctx);
static bigcache_rc_t bigcache_cluster_list_merge(
    bigcache_cluster_list_t *ctx);
static bigcache_rc_t bigcache_cluster_list_rows(bigcache_cluster_list_t *ctx,
    unsigned n, int *more);
static int bigcache_cluster_list_row(bigcache_cluster_list_t *ctx,
    const bigcache_cluster_row_t *row);
static bigcache_rc_t bigcache_cluster_list_front(bigcache_cluster_list_t *ctx,
    bigcache_cluster_row_t *row, const bigcache_reply_t *reply);
static void bigcache_cluster_list_sink(bigcache_cluster_list_t *ctx,
    unsigned at);
static int bigcache_cluster_list_less(const bigcache_cluster_list_t *ctx,
    unsigned one, unsigned two);
static void bigcache_cluster_list_free(bigcache_cluster_list_t *ctx);


bigcache_rc_t
bigcache_cluster_list(bigcache_cache_t *cache, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    bigcache_rc_t             rc;
    bigcache_cluster_list_t  *ctx;

    bigcache_list_init(list, after);

    ctx = calloc(1, sizeof(bigcache_cluster_list_t));
    if (ctx == NULL) {
        return BIGCACHE_NOMEM;
    }

    ctx->cluster = cluster;
    ctx->tag = tag;
    ctx->limit = limit;
    ctx->list = list;
    ctx->deadline = bigcache_time_monotonic() + BIGCACHE_CLUSTER_LIST_TIME;

    ctx->sources = calloc(cluster->conf.buckets,
                          sizeof(bigcache_cluster_source_t));
    ctx->heap = calloc(cluster->conf.buckets, sizeof(unsigned));
    ctx->units = calloc(cluster->conf.buckets > BIGCACHE_CLUSTER_LIST_STEP
                        ? cluster->conf.buckets : BIGCACHE_CLUSTER_LIST_STEP,
                        sizeof(bigcache_unit_t));

    rc = (ctx->sources && ctx->heap && ctx->units)
         ? bigcache_space_enter(cluster, &ctx->call, 0) : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_list_begin(ctx, prefix, after);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_list_merge(ctx);
    }

    bigcache_cluster_list_free(ctx);

    return rc;
}


bigcache_rc_t
bigcache_cluster_list_count(bigcache_cache_t *cache, unsigned wait,
    bigcache_stat_t *stat)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    unsigned             i, n;
    bigcache_rc_t        rc;
    bigcache_call_t      call;
    bigcache_unit_t     *units;
    bigcache_bucket_t   *buckets;
    bigcache_command_t  *commands;

    memset(stat, 0, sizeof(bigcache_stat_t));
    stat->disk_free = UINT64_MAX;

    rc = bigcache_space_enter(cluster, &call, 0);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (wait && wait < cluster->conf.nodes.wait) {
        call.deadline -= cluster->conf.nodes.wait - wait;
    }

    n = cluster->conf.buckets;

    units = calloc(n, sizeof(bigcache_unit_t));
    buckets = calloc(n, sizeof(bigcache_bucket_t));
    commands = calloc(n, sizeof(bigcache_command_t));

    rc = BIGCACHE_NOMEM;

    if (units && buckets && commands) {

        for (i = 0; i < n; i++) {
            bigcache_bucket_init(&buckets[i], &cluster->conf.name, i);

            bigcache_units_command(&commands[i], "ZCARD",
                                   buckets[i].names[BIGCACHE_BUCKET_INDEX],
                                   NULL);
            bigcache_units_init(&units[i], buckets[i].slot, &commands[i], 1);
        }

        rc = bigcache_space_run(cluster, &call, units, n);

        for (i = 0; rc == BIGCACHE_OK && i < n; i++) {
            stat->keys += bigcache_link_number(units[i].replies[0]);
        }

        bigcache_units_free(units, n);
    }

    stat->counted = (rc == BIGCACHE_OK);

    free(units);
    free(buckets);
    free(commands);

    return rc;
}


/* asks all buckets for their first names, and makes the heap */

static bigcache_rc_t
bigcache_cluster_list_begin(bigcache_cluster_list_t *ctx,
    const bigcache_str_t *prefix, const bigcache_str_t *after)
{
    unsigned       i, buckets;
    bigcache_rc_t  rc;

    if (ctx->tag->data
        && (ctx->tag->len == 0 || ctx->tag->len > BIGCACHE_TAG_MAX))
    {
        return BIGCACHE_OK;
    }

    bigcache_cluster_list_prefix(ctx, prefix);

    buckets = ctx->cluster->conf.buckets;

    for (i = 0; i < buckets; i++) {
        bigcache_bucket_init(&ctx->sources[i].bucket,
                             &ctx->cluster->conf.name, i);

        rc = bigcache_cluster_list_from(ctx, &ctx->sources[i], prefix, after);

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    rc = bigcache_cluster_list_ask(ctx, 0, buckets);

    for (i = 0; rc == BIGCACHE_OK && i < buckets; i++) {
        if (ctx->sources[i].key.data) {
            ctx->heap[ctx->n++] = i;
        }
    }

    for (i = ctx->n / 2; i-- > 0; /* void */ ) {
        bigcache_cluster_list_sink(ctx, i);
    }

    return rc;
}


/* what all names begin with: the tag, if there is one, and the prefix */

static void
bigcache_cluster_list_prefix(bigcache_cluster_list_t *ctx,
    const bigcache_str_t *prefix)
{
    u_char  *p;

    p = ctx->memory;

    if (ctx->tag->data) {
        *p++ = (u_char) (ctx->tag->len - 1);
        memcpy(p, ctx->tag->data, ctx->tag->len);
        p += ctx->tag->len;
    }

    ctx->skip = (size_t) (p - ctx->memory);

    if (prefix->len) {
        memcpy(p, prefix->data, prefix->len);
        p += prefix->len;
    }

    ctx->begin = bigcache_str(ctx->memory, (size_t) (p - ctx->memory));
}


/* where the names of a bucket begin: behind after, or with the prefix */

static bigcache_rc_t
bigcache_cluster_list_from(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source, const bigcache_str_t *prefix,
    const bigcache_str_t *after)
{
    source->asked = 2 * ctx->limit / ctx->cluster->conf.buckets + 2;

    if (source->asked > BIGCACHE_CLUSTER_LIST_MOST) {
        source->asked = BIGCACHE_CLUSTER_LIST_MOST;
    }

    source->from = malloc(2 + ctx->skip + BIGCACHE_KEY_MAX);
    if (source->from == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (after->data && bigcache_str_compare(after, prefix) >= 0) {
        source->from[0] = '(';
        memcpy(source->from + 1, ctx->memory, ctx->skip);
        memcpy(source->from + 1 + ctx->skip, after->data, after->len);
        source->from_len = 1 + ctx->skip + after->len;

    } else {
        source->from[0] = '[';
        memcpy(source->from + 1, ctx->memory, ctx->begin.len);
        source->from_len = 1 + ctx->begin.len;
    }

    return BIGCACHE_OK;
}


/* asks n buckets for the names that come next, at first for purges, too */

static bigcache_rc_t
bigcache_cluster_list_ask(bigcache_cluster_list_t *ctx, unsigned first,
    unsigned n)
{
    unsigned                    i;
    bigcache_rc_t               rc;
    bigcache_unit_t            *unit;
    bigcache_cluster_source_t  *source;

    for (i = 0; i < n; i++) {
        bigcache_cluster_list_commands(ctx, &ctx->sources[first + i],
                                       &ctx->units[i]);
    }

    rc = bigcache_space_run(ctx->cluster, &ctx->call, ctx->units, n);

    for (i = 0; rc == BIGCACHE_OK && i < n; i++) {
        source = &ctx->sources[first + i];
        unit = &ctx->units[i];

        bigcache_link_free(source->names);

        source->names = unit->replies[0];
        unit->replies[0] = NULL;

        if (source->purges == NULL) {
            source->purges = unit->replies[1];
            unit->replies[1] = NULL;
        }

        source->i = 0;
        bigcache_cluster_list_key(ctx, source);
    }

    bigcache_units_free(ctx->units, n);

    return rc;
}


/*
 * A purge that begins after the list has begun is not asked for: its pages may
 * be listed or not.
 */

static void
bigcache_cluster_list_commands(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source, bigcache_unit_t *unit)
{
    bigcache_str_t      *names;
    bigcache_command_t  *commands;

    names = source->bucket.names;
    commands = source->commands;

    (void) snprintf(source->limit, sizeof(source->limit), "%u",
                    source->asked);

    bigcache_units_command(&commands[0], "ZRANGEBYLEX",
                           names[ctx->tag->data ? BIGCACHE_BUCKET_TAGS
                                                : BIGCACHE_BUCKET_INDEX],
                           NULL);
    bigcache_units_part(&commands[0],
                        bigcache_str(source->from, source->from_len));
    bigcache_units_text(&commands[0], "+");
    bigcache_units_text(&commands[0], "LIMIT");
    bigcache_units_text(&commands[0], "0");
    bigcache_units_text(&commands[0], source->limit);

    bigcache_units_command(&commands[1], "ZRANGE",
                           names[BIGCACHE_BUCKET_PURGES], "0", "-1",
                           "WITHSCORES", NULL);

    bigcache_units_init(unit, source->bucket.slot, commands,
                        source->purges ? 1 : 2);
}


/* sets the key of the name that comes next */

static void
bigcache_cluster_list_key(bigcache_cluster_list_t *ctx,
    bigcache_cluster_source_t *source)
{
    size_t          skip;
    bigcache_str_t  name;

    skip = ctx->skip;

    name = bigcache_link_text(bigcache_link_part(source->names, source->i));

    if (name.data == NULL
        || name.len > skip + BIGCACHE_KEY_MAX
        || !bigcache_str_begins(&name, &ctx->begin))
    {
        source->key.data = NULL;
        return;
    }

    source->key = bigcache_str(name.data + skip, name.len - skip);

    source->from[0] = '(';
    memcpy(source->from + 1, name.data, name.len);
    source->from_len = 1 + name.len;
}


/* moves the first source of the heap to its next name */

static bigcache_rc_t
bigcache_cluster_list_advance(bigcache_cluster_list_t *ctx)
{
    unsigned                    number;
    bigcache_rc_t               rc;
    bigcache_cluster_source_t  *source;

    number = ctx->heap[0];
    source = &ctx->sources[number];

    rc = BIGCACHE_OK;

    if (++source->i < source->asked) {
        bigcache_cluster_list_key(ctx, source);

    } else {

        if (2 * source->asked <= BIGCACHE_CLUSTER_LIST_MOST) {
            source->asked *= 2;
        }

        rc = bigcache_cluster_list_ask(ctx, number, 1);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (source->key.data == NULL) {
        ctx->heap[0] = ctx->heap[--ctx->n];
    }

    bigcache_cluster_list_sink(ctx, 0);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_cluster_list_merge(bigcache_cluster_list_t *ctx)
{
    int                         more;
    u_char                     *p;
    unsigned                    n;
    bigcache_rc_t               rc;
    bigcache_cluster_row_t     *row;
    bigcache_cluster_source_t  *source;

    ctx->names = malloc(BIGCACHE_CLUSTER_LIST_STEP
                        * (BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_KEY_MAX));
    if (ctx->names == NULL) {
        return BIGCACHE_NOMEM;
    }

    while (ctx->n) {

        p = ctx->names;

        for (n = 0; n < BIGCACHE_CLUSTER_LIST_STEP && ctx->n; n++) {

            source = &ctx->sources[ctx->heap[0]];
            row = &ctx->rows[n];

            memset(row, 0, sizeof(bigcache_cluster_row_t));

            row->purges = source->purges;
            row->bucket = &source->bucket;
            row->name = bigcache_bucket_name(p, &source->bucket, 'k',
                                             &source->key);
            row->key = bigcache_str(p + source->bucket.len + 1,
                                    source->key.len);

            p += row->name.len;

            rc = bigcache_cluster_list_advance(ctx);

            if (rc != BIGCACHE_OK) {
                return rc;
            }
        }

        rc = bigcache_cluster_list_rows(ctx, n, &more);

        if (rc != BIGCACHE_OK || more) {
            ctx->list->more = (rc == BIGCACHE_OK);
            return rc;
        }
    }

    return BIGCACHE_OK;
}


/* reads the pages of a step, and adds their rows; *more: the list is full */

static bigcache_rc_t
bigcache_cluster_list_rows(bigcache_cluster_list_t *ctx, unsigned n, int *more)
{
    unsigned                 i;
    bigcache_rc_t            rc;
    bigcache_cluster_row_t  *row;

    *more = 0;

    for (i = 0; i < n; i++) {
        row = &ctx->rows[i];

        bigcache_units_command(&row->command, "GETRANGE", row->name, "0",
                               "1023", NULL);
        bigcache_units_init(&ctx->units[i], row->bucket->slot, &row->command,
                            1);
    }

    rc = bigcache_space_run(ctx->cluster, &ctx->call, ctx->units, n);

    for (i = 0; rc == BIGCACHE_OK && i < n && !*more; i++) {
        row = &ctx->rows[i];

        if (ctx->list->n == ctx->limit
            || ctx->seen == BIGCACHE_CLUSTER_LIST_SEEN
            || (ctx->seen && bigcache_time_monotonic() >= ctx->deadline))
        {
            *more = 1;
            break;
        }

        rc = bigcache_cluster_list_front(ctx, row,
                                         ctx->units[i].replies[0]);

        if (rc == BIGCACHE_OK && !bigcache_cluster_list_row(ctx, row)) {
            *more = 1;

        } else if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
            bigcache_list_next(ctx->list, &row->key);
            ctx->seen++;

            rc = BIGCACHE_OK;
        }

        free(row->memory);
        row->memory = NULL;
    }

    bigcache_units_free(ctx->units, n);

    return rc;
}


/* returns BIGCACHE_MISS if the page is not to be listed */

static bigcache_rc_t
bigcache_cluster_list_front(bigcache_cluster_list_t *ctx,
    bigcache_cluster_row_t *row, const bigcache_reply_t *reply)
{
    bigcache_rc_t      rc;
    bigcache_marked_t  marked;

    rc = bigcache_look_value(ctx->cluster, &ctx->call, row->bucket, &row->name,
                             reply, &row->memory, &row->value);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (row->value.expire <= bigcache_time_now()
        || (ctx->tag->data
            && !bigcache_tags_has(&row->value.tags, ctx->tag)))
    {
        return BIGCACHE_MISS;
    }

    marked = bigcache_markers_look(row->purges, &row->key, &row->value.tags,
                                   row->value.origin);

    return marked.removed ? BIGCACHE_MISS : BIGCACHE_OK;
}


static int
bigcache_cluster_list_row(bigcache_cluster_list_t *ctx,
    const bigcache_cluster_row_t *row)
{
    bigcache_list_row_t  add;

    memset(&add, 0, sizeof(bigcache_list_row_t));

    add.key = row->key;
    add.type = row->value.type;
    add.tags = row->value.tags;
    add.kind = row->value.kind;
    add.version = row->value.version;
    add.expire = row->value.expire;
    add.size = row->value.unpacked;

    /* clients of the REST API know no other time */

    if (row->value.kind != BIGCACHE_KIND_PAGE
        && row->value.fresh
        && row->value.expire != BIGCACHE_NEVER)
    {
        add.expire = row->value.fresh;
    }

    return bigcache_list_add(ctx->list, &add);
}


/* puts the source at that place of the heap where it belongs */

static void
bigcache_cluster_list_sink(bigcache_cluster_list_t *ctx, unsigned at)
{
    unsigned  child, number;

    for ( ;; ) {
        child = 2 * at + 1;

        if (child >= ctx->n) {
            return;
        }

        if (child + 1 < ctx->n
            && bigcache_cluster_list_less(ctx, ctx->heap[child + 1],
                                          ctx->heap[child]))
        {
            child++;
        }

        if (!bigcache_cluster_list_less(ctx, ctx->heap[child], ctx->heap[at]))
        {
            return;
        }

        number = ctx->heap[at];
        ctx->heap[at] = ctx->heap[child];
        ctx->heap[child] = number;

        at = child;
    }
}


static int
bigcache_cluster_list_less(const bigcache_cluster_list_t *ctx, unsigned one,
    unsigned two)
{
    return bigcache_str_compare(&ctx->sources[one].key,
                                &ctx->sources[two].key) < 0;
}


static void
bigcache_cluster_list_free(bigcache_cluster_list_t *ctx)
{
    unsigned  i;

    for (i = 0; ctx->sources && i < ctx->cluster->conf.buckets; i++) {
        bigcache_link_free(ctx->sources[i].purges);
        bigcache_link_free(ctx->sources[i].names);
        free(ctx->sources[i].from);
    }

    free(ctx->sources);
    free(ctx->heap);
    free(ctx->units);
    free(ctx->names);
    free(ctx);
}

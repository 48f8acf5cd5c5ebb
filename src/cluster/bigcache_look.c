
/*
 * Copyright (C) bigcache contributors
 */


/* looks at a page and the purges of its bucket */


#include <stdlib.h>
#include <string.h>

#include "bigcache_look.h"


static void bigcache_look_commands(bigcache_command_t *commands,
    const bigcache_bucket_t *bucket, bigcache_str_t name);
static void bigcache_look_count(const bigcache_reply_t *reply,
    bigcache_look_t *look);
static bigcache_rc_t bigcache_look_page(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *key, const bigcache_str_t *name,
    const bigcache_unit_t *unit, bigcache_look_t *look);
static void bigcache_look_fetched(const bigcache_reply_t *purges,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t origin,
    bigcache_look_t *look);


bigcache_rc_t
bigcache_look(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *key,
    const bigcache_str_t *tags, uint64_t origin, bigcache_look_t *look)
{
    unsigned             replicas;
    u_char               memory[BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_KEY_MAX];
    bigcache_rc_t        rc;
    bigcache_str_t       name;
    bigcache_unit_t      unit;
    bigcache_command_t   commands[4];

    memset(look, 0, sizeof(bigcache_look_t));

    name = bigcache_bucket_name(memory, bucket, 'k', key);

    bigcache_look_commands(commands, bucket, name);

    bigcache_units_init(&unit, bucket->slot, commands, 4);

    replicas = call->replicas;
    call->replicas = 0;

    rc = bigcache_space_run(cluster, call, &unit, 1);

    if (rc == BIGCACHE_OK) {
        bigcache_look_count(unit.replies[0], look);

        rc = bigcache_look_page(cluster, call, bucket, key, &name, &unit,
                                look);
    }

    if (rc == BIGCACHE_OK && tags) {
        bigcache_look_fetched(unit.replies[1], key, tags, origin, look);
        bigcache_look_fetched(unit.replies[2], key, tags, origin, look);
    }

    bigcache_units_free(&unit, 1);

    call->replicas = replicas;

    return rc;
}


bigcache_rc_t
bigcache_look_value(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *name,
    const bigcache_reply_t *reply, u_char **memory, bigcache_value_t *value)
{
    size_t            front;
    bigcache_str_t    text;
    bigcache_value_e  decoded;

    *memory = NULL;

    text = bigcache_link_text(reply);
    decoded = bigcache_value_decode(value, text.data, text.len, 0, &front);

    if (decoded == BIGCACHE_VALUE_SHORT) {
        return bigcache_look_front(cluster, call, bucket, name, memory, value);
    }

    return (decoded == BIGCACHE_VALUE_OK) ? BIGCACHE_OK : BIGCACHE_MISS;
}


bigcache_rc_t
bigcache_look_front(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *name,
    u_char **memory, bigcache_value_t *value)
{
    size_t              len, front;
    bigcache_rc_t       rc;
    bigcache_reply_t   *reply;
    bigcache_command_t  command;

    _Static_assert(BIGCACHE_VALUE_FRONT == 32984, "the last byte is 32983");

    bigcache_units_command(&command, "GETRANGE", *name, "0", "32983", NULL);

    rc = bigcache_space_command(cluster, call, bucket, &command, &reply);

    len = 0;
    *memory = (rc == BIGCACHE_OK) ? bigcache_link_steal(reply, &len) : NULL;

    if (rc == BIGCACHE_OK
        && bigcache_value_decode(value, *memory, len, 0, &front)
           != BIGCACHE_VALUE_OK)
    {
        rc = BIGCACHE_MISS;
    }

    bigcache_link_free(reply);

    return rc;
}


/*
 * The number is read first: a purge that begins meanwhile is too many.  Those
 * in effect come before those that are done, so that none is overlooked that
 * ends meanwhile.
 */

static void
bigcache_look_commands(bigcache_command_t *commands,
    const bigcache_bucket_t *bucket, bigcache_str_t name)
{
    bigcache_units_command(&commands[0], "HGET",
                           bucket->names[BIGCACHE_BUCKET_NUMBERS], "purges",
                           NULL);
    bigcache_units_command(&commands[1], "ZRANGE",
                           bucket->names[BIGCACHE_BUCKET_PURGES], "0", "-1",
                           "WITHSCORES", NULL);
    bigcache_units_command(&commands[2], "ZRANGE",
                           bucket->names[BIGCACHE_BUCKET_DONE], "0", "-1",
                           "WITHSCORES", NULL);
    bigcache_units_command(&commands[3], "GETRANGE", name, "0", "1023", NULL);
}


static void
bigcache_look_count(const bigcache_reply_t *reply, bigcache_look_t *look)
{
    bigcache_str_t  text;

    text = bigcache_link_text(reply);

    if (text.len == 0 || text.len >= BIGCACHE_LOOK_COUNT) {
        text = bigcache_str_text("0");
    }

    memcpy(look->memory, text.data, text.len);
    look->purges = bigcache_str(look->memory, text.len);
}


/* whether a purge in effect removes the page that is there */

static bigcache_rc_t
bigcache_look_page(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *key,
    const bigcache_str_t *name, const bigcache_unit_t *unit,
    bigcache_look_t *look)
{
    u_char             *memory;
    bigcache_rc_t       rc;
    bigcache_value_t    value;
    bigcache_marked_t   marked;

    rc = bigcache_look_value(cluster, call, bucket, name, unit->replies[3],
                             &memory, &value);

    if (rc == BIGCACHE_OK) {

        marked = bigcache_markers_look(unit->replies[1], key, &value.tags,
                                       value.origin);
        if (marked.removed) {
            look->dead = bigcache_value_digits(look->memory
                                               + BIGCACHE_LOOK_COUNT,
                                               value.version);
        }
    }

    free(memory);

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


static void
bigcache_look_fetched(const bigcache_reply_t *purges,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t origin,
    bigcache_look_t *look)
{
    int64_t            stale;
    bigcache_marked_t  marked;

    marked = bigcache_markers_look(purges, key, tags, origin);

    look->removed |= marked.removed;

    stale = (int64_t) (marked.stale / 1000);

    if (stale && (look->stale == 0 || stale < look->stale)) {
        look->stale = stale;
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/* finds which names of tags a write to the index adds and removes */


#include <string.h>

#include "bigcache_key_tags.h"


/* a record may have two previous records, one in the other */

#define BIGCACHE_KEY_TAGS_MAX  (3 * BIGCACHE_TAGS_MAX)


typedef struct {
    unsigned   n;
    uint64_t   hashes[BIGCACHE_KEY_TAGS_MAX];
} bigcache_key_tags_t;


static void bigcache_key_tags_collect(bigcache_key_tags_t *tags,
    const bigcache_record_t *record);
static void bigcache_key_tags_collect_bytes(bigcache_key_tags_t *tags,
    const bigcache_str_t *value);
static void bigcache_key_tags_add(bigcache_key_tags_t *tags,
    const bigcache_record_t *record);
static int bigcache_key_tags_find(const bigcache_key_tags_t *tags,
    uint64_t hash);
static unsigned bigcache_key_tags_differ(bigcache_change_t *changes,
    u_char **names, const bigcache_str_t *key,
    const bigcache_key_tags_t *tags, const bigcache_key_tags_t *others,
    const bigcache_str_t *value);


int
bigcache_key_tags_has(const bigcache_record_t *record, uint64_t hash)
{
    bigcache_key_tags_t  tags;

    bigcache_key_tags_collect(&tags, record);

    return bigcache_key_tags_find(&tags, hash);
}


unsigned
bigcache_key_tags_count(const bigcache_record_t *old,
    const bigcache_str_t *value)
{
    bigcache_key_tags_t  before, after;

    bigcache_key_tags_collect(&before, old);
    bigcache_key_tags_collect_bytes(&after, value);

    return before.n + after.n;
}


unsigned
bigcache_key_tags_changes(bigcache_change_t *changes, u_char **names,
    const bigcache_str_t *key, const bigcache_record_t *old,
    const bigcache_str_t *value)
{
    unsigned             n;
    bigcache_key_tags_t  before, after;

    static const bigcache_str_t       empty = bigcache_string("");
    static const bigcache_key_tags_t  none;

    bigcache_key_tags_collect(&before, old);
    bigcache_key_tags_collect_bytes(&after, value);

    n = bigcache_key_tags_differ(changes, names, key, &before, &after, NULL);

    /*
     * Also those that are there: LevelDB begins a new log from time to time,
     * and a power cut may keep this write and lose an earlier one that was in
     * the log before.  A record must not come back without its names.
     */

    return n + bigcache_key_tags_differ(changes + n, names, key, &after, &none,
                                        &empty);
}


/* the tags of a record and of its previous records */

static void
bigcache_key_tags_collect(bigcache_key_tags_t *tags,
    const bigcache_record_t *record)
{
    bigcache_record_t  first, second;

    tags->n = 0;

    bigcache_key_tags_add(tags, record);

    if (record->previous.len == 0
        || bigcache_record_decode(&first, record->previous.data,
                                  record->previous.len)
           == -1)
    {
        return;
    }

    bigcache_key_tags_add(tags, &first);

    if (first.previous.len
        && bigcache_record_decode(&second, first.previous.data,
                                  first.previous.len)
           == 0)
    {
        bigcache_key_tags_add(tags, &second);
    }
}


static void
bigcache_key_tags_collect_bytes(bigcache_key_tags_t *tags,
    const bigcache_str_t *value)
{
    bigcache_record_t  record;

    if (value == NULL
        || bigcache_record_decode(&record, value->data, value->len) == -1)
    {
        tags->n = 0;
        return;
    }

    bigcache_key_tags_collect(tags, &record);
}


static void
bigcache_key_tags_add(bigcache_key_tags_t *tags,
    const bigcache_record_t *record)
{
    size_t          at;
    uint64_t        hash;
    bigcache_str_t  tag;

    at = 0;

    while (bigcache_tags_next(&record->tags, &at, &tag)) {

        hash = bigcache_tags_hash(&tag);

        if (tags->n < BIGCACHE_KEY_TAGS_MAX
            && !bigcache_key_tags_find(tags, hash))
        {
            tags->hashes[tags->n++] = hash;
        }
    }
}


static int
bigcache_key_tags_find(const bigcache_key_tags_t *tags, uint64_t hash)
{
    unsigned  i;

    for (i = 0; i < tags->n; i++) {
        if (tags->hashes[i] == hash) {
            return 1;
        }
    }

    return 0;
}


/* sets the value of the names of tags that are not among the others */

static unsigned
bigcache_key_tags_differ(bigcache_change_t *changes, u_char **names,
    const bigcache_str_t *key, const bigcache_key_tags_t *tags,
    const bigcache_key_tags_t *others, const bigcache_str_t *value)
{
    unsigned        i, n;
    bigcache_str_t  name;

    n = 0;

    for (i = 0; i < tags->n; i++) {

        if (bigcache_key_tags_find(others, tags->hashes[i])) {
            continue;
        }

        name = bigcache_names_make(*names, key, tags->hashes[i]);
        changes[n++] = bigcache_index_change(BIGCACHE_NAMES_TAG, name, value);
        *names += name.len;
    }

    return n;
}

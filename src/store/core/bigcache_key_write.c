
/*
 * Copyright (C) bigcache contributors
 */


/* changes records, expiry times and counts in one write to the index */


#include <stdlib.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_key_tags.h"
#include "bigcache_key_write.h"
#include "bigcache_names.h"
#include "bigcache_previous.h"
#include "bigcache_purges.h"
#include "bigcache_sync.h"


/* the record, the old expiry time, the new one */

#define BIGCACHE_KEY_CHANGES    3

/* the most changes without those of tags: the format, and those of all keys */

#define BIGCACHE_KEY_WRITE_FEW                                                \
    (1 + BIGCACHE_KEY_CHANGES * BIGCACHE_KEY_WRITES)


typedef struct {
    bigcache_change_t   *changes;
    unsigned             n;
    unsigned             newest;    /* it sets the format */
    unsigned             untags;    /* it removes names of tags */
    u_char              *memory;
    bigcache_change_t    few[BIGCACHE_KEY_WRITE_FEW];
} bigcache_key_write_batch_t;


static bigcache_rc_t bigcache_key_write_batch(bigcache_store_t *store,
    bigcache_key_write_batch_t *batch, const bigcache_key_write_t *writes,
    unsigned n);
static unsigned bigcache_key_write_untags(
    const bigcache_key_write_batch_t *batch);
static bigcache_rc_t bigcache_key_write_strip_bytes(const bigcache_str_t *key,
    const bigcache_record_t *old, const bigcache_match_t *match,
    bigcache_str_t *bytes);
static int bigcache_key_write_replaced(const bigcache_str_t *key,
    const bigcache_str_t *carried, const bigcache_match_t *match,
    bigcache_record_t *record);
static unsigned bigcache_key_write_changes(bigcache_change_t *changes,
    const bigcache_key_write_t *write);
static void bigcache_key_write_begin(bigcache_store_t *store,
    bigcache_key_write_t *write);
static void bigcache_key_write_account(bigcache_store_t *store,
    const bigcache_key_write_t *write);


bigcache_rc_t
bigcache_key_write_locked(bigcache_store_t *store, bigcache_key_write_t *writes,
    unsigned n)
{
    char                         error[BIGCACHE_ERROR_LEN];
    unsigned                     i;
    bigcache_rc_t                rc;
    bigcache_hot_t              *hot;
    bigcache_key_write_batch_t   batch;

    rc = bigcache_fault_rc(store);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_write_batch(store, &batch, writes, n);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /*
     * A round of syncs that begins after this note waits for the lock of the
     * key.  A round under way leaves this write to the next one.  So the write
     * counts as not synced before any thread can see that the old page is not
     * live any more.
     */

    bigcache_sync_note(store);

    /* a purge by a tag whose last name this removes must wait for it */

    if (batch.untags) {
        (void) atomic_fetch_add(&store->removals, 1);
    }

    hot = store->conf.hot;

    for (i = 0; i < n; i++) {
        store->writes[bigcache_key_read_slot(&writes[i].key)]++;
    }

    for (i = 0; hot && i < n; i++) {
        bigcache_key_write_begin(store, &writes[i]);
    }

    rc = bigcache_index_write(store->index, batch.changes, batch.n, error);

    for (i = 0; hot && i < n; i++) {
        bigcache_hot_end(hot, writes[i].hash);
    }

    if (batch.untags) {
        (void) atomic_fetch_add(&store->removals_done, 1);
    }

    free(batch.memory);

    if (rc != BIGCACHE_OK) {
        return bigcache_fault_write_failed(store, rc, error);
    }

    if (batch.newest) {
        atomic_store(&store->newest_format, 1);
    }

    for (i = 0; i < n; i++) {
        bigcache_key_write_account(store, &writes[i]);
    }

    return BIGCACHE_OK;
}


/* collects all changes; the caller must free batch->memory */

static bigcache_rc_t
bigcache_key_write_batch(bigcache_store_t *store,
    bigcache_key_write_batch_t *batch, const bigcache_key_write_t *writes,
    unsigned n)
{
    size_t    size;
    u_char   *names;
    unsigned  i, ntags, count;

    batch->n = 0;
    batch->newest = 0;
    batch->memory = NULL;
    batch->changes = batch->few;

    size = 0;
    ntags = 0;

    for (i = 0; i < n; i++) {
        count = bigcache_key_tags_count(&writes[i].old.record,
                                        writes[i].value);
        ntags += count;
        size += count * (sizeof(uint64_t) + writes[i].key.len);

        batch->newest |= (writes[i].record
                          && (writes[i].record->flags & BIGCACHE_FLAG_NEW));
    }

    names = NULL;

    if (ntags) {
        size += (BIGCACHE_KEY_WRITE_FEW + ntags) * sizeof(bigcache_change_t);

        batch->memory = malloc(size);
        if (batch->memory == NULL) {
            return BIGCACHE_NOMEM;
        }

        batch->changes = (bigcache_change_t *) batch->memory;
        names = (u_char *) (batch->changes + BIGCACHE_KEY_WRITE_FEW + ntags);
    }

    for (i = 0; i < n; i++) {
        batch->n += bigcache_key_write_changes(&batch->changes[batch->n],
                                               &writes[i]);
        if (ntags) {
            batch->n += bigcache_key_tags_changes(&batch->changes[batch->n],
                                                  &names, &writes[i].key,
                                                  &writes[i].old.record,
                                                  writes[i].value);
        }
    }

    batch->untags = ntags ? bigcache_key_write_untags(batch) : 0;

    /* with the first record that an earlier format does not have */

    batch->newest &= !atomic_load(&store->newest_format);

    if (batch->newest) {
        batch->changes[batch->n++] =
                           bigcache_index_change(BIGCACHE_NAMES_META,
                                                 bigcache_names_format,
                                                 &bigcache_names_newest);
    }

    return BIGCACHE_OK;
}


static unsigned
bigcache_key_write_untags(const bigcache_key_write_batch_t *batch)
{
    unsigned  i;

    for (i = 0; i < batch->n; i++) {
        if (batch->changes[i].space == BIGCACHE_NAMES_TAG
            && batch->changes[i].value == NULL)
        {
            return 1;
        }
    }

    return 0;
}


bigcache_rc_t
bigcache_key_write_encode_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record,
    uint64_t written, const bigcache_old_t *old, const bigcache_str_t *value,
    bigcache_str_t *bytes)
{
    bigcache_rc_t        rc;
    bigcache_record_t    next;
    bigcache_previous_t  previous;

    next = *record;

    if (!old->live) {
        next.flags &= ~BIGCACHE_FLAG_PREVIOUS;
        return bigcache_record_bytes(&next, bytes);
    }

    rc = bigcache_previous_carry_locked(store, key, old, value, &previous);

    if (rc == BIGCACHE_OK) {
        next.flags |= BIGCACHE_FLAG_PREVIOUS;
        next.written = written;
        next.previous = previous.record;

        rc = bigcache_record_bytes(&next, bytes);
    }

    bigcache_previous_free(&previous);

    return rc;
}


bigcache_rc_t
bigcache_key_write_strip_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *match)
{
    bigcache_rc_t   rc;
    bigcache_old_t  old;
    bigcache_str_t  value, bytes;

    rc = bigcache_key_read_value_locked(store, key, &old, &value);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_key_write_strip_bytes(key, &old.record, match, &bytes);
    }

    if (rc == BIGCACHE_OK && bytes.data) {

        (void) atomic_fetch_add(&store->removals, 1);
        rc = bigcache_key_write_one_locked(store, key, &old, &old.record,
                                           &bytes);
        (void) atomic_fetch_add(&store->removals_done, 1);

        free((void *) bytes.data);
    }

    bigcache_index_free(&value);

    return rc;
}


bigcache_rc_t
bigcache_key_write_one_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_record_t *record, const bigcache_str_t *value)
{
    u_char                was[BIGCACHE_NAMES_MAX];
    u_char                will[BIGCACHE_NAMES_MAX];
    bigcache_key_write_t  write;

    write.key = *key;
    write.old = *old;
    write.record = record;
    write.value = value;
    write.was = was;
    write.will = will;

    return bigcache_key_write_locked(store, &write, 1);
}


/*
 * Encodes the record without the previous records that the removal matches.
 * Sets *bytes, to be freed by free(); bytes->data is NULL if no previous
 * record matches.  A record whose previous one is taken away keeps an empty
 * one, since the time of the write is encoded with it.
 */

static bigcache_rc_t
bigcache_key_write_strip_bytes(const bigcache_str_t *key,
    const bigcache_record_t *old, const bigcache_match_t *match,
    bigcache_str_t *bytes)
{
    bigcache_rc_t      rc;
    bigcache_str_t     layer;
    bigcache_record_t  record, first, second;

    bytes->data = NULL;

    record = *old;

    if (match->before == 0 && match->until == 0) {
        return BIGCACHE_OK;
    }

    if (bigcache_key_write_replaced(key, &record.previous, match, &first)) {
        record.previous.len = 0;
        return bigcache_record_bytes(&record, bytes);
    }

    if (record.previous.len == 0
        || !bigcache_key_write_replaced(key, &first.previous, match, &second))
    {
        return BIGCACHE_OK;
    }

    first.previous.len = 0;

    rc = bigcache_record_bytes(&first, &layer);

    if (rc == BIGCACHE_OK) {
        record.previous = layer;
        rc = bigcache_record_bytes(&record, bytes);
        free((void *) layer.data);
    }

    return rc;
}


/* decodes a previous record, and tells whether the removal matches it */

static int
bigcache_key_write_replaced(const bigcache_str_t *key,
    const bigcache_str_t *carried, const bigcache_match_t *match,
    bigcache_record_t *record)
{
    memset(record, 0, sizeof(bigcache_record_t));

    if (carried->len == 0
        || bigcache_record_decode(record, carried->data, carried->len) == -1)
    {
        return 0;
    }

    return bigcache_key_read_matches(key, record, match);
}


bigcache_rc_t
bigcache_key_write_mark(const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_match_t *match, bigcache_record_t *record,
    bigcache_str_t *bytes)
{
    bigcache_rc_t  rc;

    *record = old->record;

    bigcache_purges_mark(record, match->before);

    rc = bigcache_key_write_strip_bytes(key, record, match, bytes);

    return (rc == BIGCACHE_OK && bytes->data == NULL)
           ? bigcache_record_bytes(record, bytes) : rc;
}


/* returns the number of changes, at most BIGCACHE_KEY_CHANGES */

static unsigned
bigcache_key_write_changes(bigcache_change_t *changes,
    const bigcache_key_write_t *write)
{
    int64_t                       expire;
    unsigned                      n;
    bigcache_str_t                name;
    const bigcache_record_t      *old;
    static const bigcache_str_t   empty = { 0, (u_char *) "" };

    n = 0;
    old = &write->old.record;
    expire = write->record ? write->record->expire : BIGCACHE_NEVER;

    changes[n++] = bigcache_index_change(BIGCACHE_NAMES_KEY, write->key,
                                         write->value);

    if (old->version
        && old->expire != BIGCACHE_NEVER
        && old->expire != expire)
    {
        name = bigcache_names_expire(write->was, &write->key, old->expire);
        changes[n++] = bigcache_index_change(BIGCACHE_NAMES_EXPIRE, name,
                                             NULL);
    }

    if (expire != BIGCACHE_NEVER) {
        name = bigcache_names_expire(write->will, &write->key, expire);
        changes[n++] = bigcache_index_change(BIGCACHE_NAMES_EXPIRE, name,
                                             &empty);
    }

    return n;
}


static void
bigcache_key_write_begin(bigcache_store_t *store, bigcache_key_write_t *write)
{
    write->hash = bigcache_hot_hash(store->conf.hot, &write->key);

    if (!bigcache_hot_begin(store->conf.hot, write->hash)) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": a process stopped inside the hot index, "
                     "which is not used until nginx is restarted",
                     store->conf.path);
    }
}


/* call only after the write to the index has succeeded */

static void
bigcache_key_write_account(bigcache_store_t *store,
    const bigcache_key_write_t *write)
{
    uint64_t                  size;
    const bigcache_record_t  *record;

    (void) atomic_fetch_add(&store->count,
                            (write->value != NULL) - write->old.found);

    record = &write->old.record;
    size = bigcache_segment_page_size(&write->key, record);

    if (size) {
        bigcache_segments_add_live(store->segments, record->segment,
                                   -(int64_t) size);
    }

    record = write->record;
    size = record ? bigcache_segment_page_size(&write->key, record) : 0;

    if (size) {
        bigcache_segments_add_live(store->segments, record->segment,
                                   (int64_t) size);
    }

    /* the sweep may have passed that time already */

    if (record && record->expire <= atomic_load(&store->swept.limit)) {
        bigcache_core_sweep_again(store, record->expire);
    }
}

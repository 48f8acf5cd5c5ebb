
/*
 * Copyright (C) bigcache contributors
 */


/* Reads and writes what the index has to say of the store as a whole. */


#include <stdio.h>
#include <stdlib.h>

#include "bigcache_bytes.h"
#include "bigcache_fsync.h"
#include "bigcache_meta.h"
#include "bigcache_names.h"
#include "bigcache_record.h"


static bigcache_rc_t bigcache_meta_kept(bigcache_meta_t *meta,
    bigcache_index_t *index, bigcache_segments_t *segments, const char *name,
    char *error);
static bigcache_rc_t bigcache_meta_usage(bigcache_meta_t *meta,
    bigcache_index_t *index, bigcache_segments_t *segments, char *error);
static bigcache_rc_t bigcache_meta_unsynced(bigcache_index_t *index,
    bigcache_segments_t *segments, char *error);
static bigcache_rc_t bigcache_meta_format(bigcache_meta_t *meta,
    bigcache_index_t *index, const char *name, char *error);
static bigcache_rc_t bigcache_meta_foreign(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_meta_unnamed(bigcache_meta_t *meta,
    bigcache_index_t *index, const char *name, char *error);
static bigcache_rc_t bigcache_meta_set_format(bigcache_index_t *index,
    const char *name, uint64_t format, char *error);
static bigcache_rc_t bigcache_meta_get(bigcache_index_t *index,
    const bigcache_str_t *name, uint64_t *n, char *error);


bigcache_rc_t
bigcache_meta_read(bigcache_meta_t *meta, bigcache_index_t *index,
    bigcache_segments_t *segments, const char *name, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_meta_format(meta, index, name, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_meta_unnamed(meta, index, name, error);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_meta_get(index, &bigcache_names_version, &meta->version,
                           error);

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        rc = bigcache_meta_get(index, &bigcache_names_active, &meta->active,
                               error);
    }

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        rc = bigcache_meta_unsynced(index, segments, error);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_meta_get(index, &bigcache_names_count, &meta->count, error);

    if (rc == BIGCACHE_OK) {
        return bigcache_meta_kept(meta, index, segments, name, error);
    }

    /* the store was not closed properly, or is empty */

    if (rc == BIGCACHE_MISS) {
        meta->recount |= !meta->fresh;
        rc = BIGCACHE_OK;
    }

    return rc;
}


bigcache_rc_t
bigcache_meta_write(const bigcache_meta_t *meta, bigcache_index_t *index,
    bigcache_segments_t *segments, char *error)
{
    size_t              i, n;
    u_char             *buf, *p, count[8], version[8], active[8];
    bigcache_rc_t       rc;
    bigcache_str_t      values[4];
    bigcache_usage_t   *usage;
    bigcache_change_t   changes[4];

    n = bigcache_segments_usage(segments, NULL, 0);

    usage = malloc((n + 1) * sizeof(bigcache_usage_t));
    buf = malloc((n + 1) * BIGCACHE_NAMES_USAGE);

    if (usage == NULL || buf == NULL) {
        free(usage);
        free(buf);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    (void) bigcache_segments_usage(segments, usage, n);

    p = buf;

    for (i = 0; i < n; i++) {
        p = bigcache_put64(p, usage[i].id);
        p = bigcache_put64(p, (uint64_t) usage[i].live);
    }

    (void) bigcache_put64(count, meta->count);
    (void) bigcache_put64(version, meta->version);
    (void) bigcache_put64(active, bigcache_segments_settle(segments));

    changes[0].key = bigcache_names_count;
    values[0] = bigcache_str(count, sizeof(count));
    changes[1].key = bigcache_names_version;
    values[1] = bigcache_str(version, sizeof(version));
    changes[2].key = bigcache_names_segments;
    values[2] = bigcache_str(buf, (size_t) (p - buf));
    changes[3].key = bigcache_names_active;
    values[3] = bigcache_str(active, sizeof(active));

    for (i = 0; i < 4; i++) {
        changes[i].space = BIGCACHE_NAMES_META;
        changes[i].value = &values[i];
    }

    rc = bigcache_index_write(index, changes, 4, error);

    free(usage);
    free(buf);

    return rc;
}


/* takes over the stored count and live bytes */

static bigcache_rc_t
bigcache_meta_kept(bigcache_meta_t *meta, bigcache_index_t *index,
    bigcache_segments_t *segments, const char *name, char *error)
{
    int            lost;
    bigcache_rc_t  rc;

    /* removes it first: if the process or the power fails, it is wrong */

    rc = bigcache_index_set(index, BIGCACHE_NAMES_META, &bigcache_names_count,
                            NULL, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fsync_logs(name, &lost, error);
    }

    return (rc == BIGCACHE_OK)
           ? bigcache_meta_usage(meta, index, segments, error) : rc;
}


/* takes over the stored live bytes of the segments */

static bigcache_rc_t
bigcache_meta_usage(bigcache_meta_t *meta, bigcache_index_t *index,
    bigcache_segments_t *segments, char *error)
{
    size_t          i, n, known;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(index, BIGCACHE_NAMES_META,
                            &bigcache_names_segments, &value, error);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    n = value.len / BIGCACHE_NAMES_USAGE;
    known = 0;

    for (i = 0; i < n; i++) {
        known += (size_t) bigcache_segments_add_live(segments,
                      bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE),
                      0);
    }

    if (known < bigcache_segments_usage(segments, NULL, 0)) {

        /* if the id was not in the list, only the index knows what is live */

        meta->recount = 1;
    }

    for (i = 0; i < n && !meta->recount; i++) {
        (void) bigcache_segments_add_live(segments,
                      bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE),
            (int64_t) bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE
                                     + 8));
    }

    bigcache_index_free(&value);

    return BIGCACHE_OK;
}


/* the kernel does not report to this process an error that another one got */

static bigcache_rc_t
bigcache_meta_unsynced(bigcache_index_t *index, bigcache_segments_t *segments,
    char *error)
{
    size_t          i;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(index, BIGCACHE_NAMES_META,
                            &bigcache_names_unsynced, &value, error);

    if (rc != BIGCACHE_OK) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    for (i = 0; i < value.len / sizeof(uint64_t); i++) {
        bigcache_segments_distrust(segments,
                                   bigcache_get64(value.data
                                                  + i * sizeof(uint64_t)));
    }

    bigcache_index_free(&value);

    return BIGCACHE_OK;
}


/*
 * A repair may have lost names of tags.  The note of that must be durable
 * before the remains of the index from before the repair are removed.
 */

static bigcache_rc_t
bigcache_meta_unnamed(bigcache_meta_t *meta, bigcache_index_t *index,
    const char *name, char *error)
{
    int             lost;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    static const bigcache_str_t  empty = bigcache_string("");

    if (meta->unnamed) {
        rc = bigcache_index_set(index, BIGCACHE_NAMES_META,
                                &bigcache_names_unnamed, &empty, error);

        return (rc == BIGCACHE_OK) ? bigcache_fsync_logs(name, &lost, error)
                                   : rc;
    }

    rc = bigcache_index_get(index, BIGCACHE_NAMES_META,
                            &bigcache_names_unnamed, &value, error);

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);

        meta->unnamed = 1;
        meta->recount = 1;
    }

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


static bigcache_rc_t
bigcache_meta_format(bigcache_meta_t *meta, bigcache_index_t *index,
    const char *name, char *error)
{
    uint64_t       format;
    bigcache_rc_t  rc;

    rc = bigcache_meta_get(index, &bigcache_names_format, &format, error);

    if (rc == BIGCACHE_OK
        && (format == BIGCACHE_NAMES_FORMAT
            || format == BIGCACHE_NAMES_NEWEST))
    {
        meta->newest = (format == BIGCACHE_NAMES_NEWEST);
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_OK && format == BIGCACHE_NAMES_OLDEST) {
        return bigcache_meta_set_format(index, name, BIGCACHE_NAMES_FORMAT,
                                        error);
    }

    if (rc == BIGCACHE_OK) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the store has format %llu, this bigcache reads %d "
                        "to %d", (unsigned long long) format,
                        BIGCACHE_NAMES_OLDEST, BIGCACHE_NAMES_NEWEST);
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_MISS) {
        return rc;
    }

    /*
     * a new store, a database of another program, or the remains of a repair
     */

    rc = bigcache_index_each(index, BIGCACHE_NAMES_KEY, NULL, NULL,
                             bigcache_meta_foreign, NULL, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_any(index, error);

        meta->fresh = (rc == BIGCACHE_MISS);

        if (rc == BIGCACHE_OK) {
            rc = BIGCACHE_MISMATCH;
        }
    }

    if (rc == BIGCACHE_MISMATCH) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the index is not one of a bigcache store");
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_MISS) {
        return rc;
    }

    /* a repair has lost the format: the records may be of the newest one */

    meta->newest = !meta->fresh;

    return bigcache_meta_set_format(index, name,
                                    meta->fresh ? BIGCACHE_NAMES_FORMAT
                                                : BIGCACHE_NAMES_NEWEST,
                                    error);
}


static bigcache_rc_t
bigcache_meta_foreign(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_record_t  record;

    (void) data;
    (void) key;

    /* one record decides, so the walk ends at the first */

    if (bigcache_record_decode(&record, value->data, value->len) == 0) {
        return BIGCACHE_MISS;
    }

    return BIGCACHE_MISMATCH;
}


static bigcache_rc_t
bigcache_meta_set_format(bigcache_index_t *index, const char *name,
    uint64_t format, char *error)
{
    int             lost;
    u_char          buf[sizeof(uint64_t)];
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    (void) bigcache_put64(buf, format);
    value = bigcache_str(buf, sizeof(buf));

    rc = bigcache_index_set(index, BIGCACHE_NAMES_META, &bigcache_names_format,
                            &value, error);

    /*
     * The format must be durable first.  Segments without it would belong to
     * no store, and the earlier format does not have all records of this one.
     */

    return (rc == BIGCACHE_OK) ? bigcache_fsync_logs(name, &lost, error)
                               : rc;
}


static bigcache_rc_t
bigcache_meta_get(bigcache_index_t *index, const bigcache_str_t *name,
    uint64_t *n, char *error)
{
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(index, BIGCACHE_NAMES_META, name, &value, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (value.len == sizeof(uint64_t)) {
        *n = bigcache_get64(value.data);

    } else {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the index has a bad \"%s\"", name->data);
        rc = BIGCACHE_ERROR;
    }

    bigcache_index_free(&value);

    return rc;
}

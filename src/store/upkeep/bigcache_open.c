
/*
 * Copyright (C) bigcache contributors
 */


/* Opens the index and the segments of a directory, and closes them. */


#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_adopt.h"
#include "bigcache_bytes.h"
#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_generation.h"
#include "bigcache_layout.h"
#include "bigcache_names.h"
#include "bigcache_open.h"
#include "bigcache_recover.h"
#include "bigcache_segments_open.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"


typedef struct {
    bigcache_open_t  *open;
    char              name[PATH_MAX];    /* of the index */
} bigcache_open_ctx_t;


static bigcache_rc_t bigcache_open_index(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int repair, char *error);
static bigcache_rc_t bigcache_open_torn(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, char *error);
static bigcache_rc_t bigcache_open_database(
    const bigcache_store_conf_t *conf, bigcache_open_t *open,
    bigcache_recover_e how, char *error);
static void bigcache_open_fresh(const bigcache_store_conf_t *conf,
    bigcache_open_t *open);
static bigcache_rc_t bigcache_open_meta(void *data, bigcache_index_t *index,
    char *error);
static bigcache_rc_t bigcache_open_kept(bigcache_open_t *open,
    const char *name, char *error);
static bigcache_rc_t bigcache_open_count(bigcache_open_t *open, char *error);
static bigcache_rc_t bigcache_open_format(bigcache_open_t *open,
    const char *name, char *error);
static bigcache_rc_t bigcache_open_set_format(bigcache_open_t *open,
    const char *name, char *error);
static bigcache_rc_t bigcache_open_get(bigcache_index_t *index,
    const bigcache_str_t *name, uint64_t *n, char *error);
static bigcache_rc_t bigcache_open_put(bigcache_index_t *index,
    const bigcache_str_t *name, const bigcache_str_t *value, char *error);
static bigcache_rc_t bigcache_open_unsynced(bigcache_open_t *open,
    char *error);
static bigcache_rc_t bigcache_open_usage(bigcache_open_t *open,
    char *error);
static bigcache_rc_t bigcache_open_keep(bigcache_open_t *open, char *error);
static bigcache_rc_t bigcache_open_foreign(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


static const bigcache_str_t  bigcache_open_empty = bigcache_string("");


bigcache_rc_t
bigcache_open(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    int repair, char *error)
{
    int                lock;
    char               name[PATH_MAX];
    bigcache_rc_t      rc;
    bigcache_files_t  *files;

    lock = open->lock;
    files = open->files;

    memset(open, 0, sizeof(bigcache_open_t));

    open->lock = lock;
    open->files = files;

    if (lock == -1) {
        rc = bigcache_dir_lock(conf->path, &open->lock, error);

        if (rc != BIGCACHE_OK) {
            open->lock = -1;
            return rc;
        }

        /*
         * before anything else: these names show whether there is a store, and
         * whether a directory is adopted
         */

        rc = bigcache_recover_restore(conf->path, BIGCACHE_LAYOUT_INDEX, error);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_recover_restore(conf->path, BIGCACHE_LAYOUT_IMPORT,
                                          error);
        }

        if (rc == BIGCACHE_OK) {
            rc = bigcache_adopt(conf->path, error);
        }

        if (rc != BIGCACHE_OK) {
            bigcache_open_close(conf, open, 0);
            return rc;
        }
    }

    open->synced = bigcache_generation_read_synced(open->lock);

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_PAGES, conf->path);

    if (mkdir(name, 0700) == -1 && errno != EEXIST) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot make \"%.150s\": %s", name, strerror(errno));
        rc = (errno == ENOSPC || errno == EDQUOT) ? BIGCACHE_FULL
                                                  : BIGCACHE_ERROR;

    } else {
        rc = bigcache_segments_open(&open->segments, name,
                                    bigcache_dir_segment_size(conf->path,
                                                       conf->segment_size),
                                    files, &conf->log, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_open_index(conf, open, repair, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_open_close(conf, open, 0);
        return (rc == BIGCACHE_FULL) ? rc : BIGCACHE_ERROR;
    }

    if (open->fresh) {
        bigcache_open_fresh(conf, open);

    } else if (open->walk == NULL) {

        /* the store was closed properly */

        bigcache_segments_append(open->segments, open->active);
    }

    return BIGCACHE_OK;
}


void
bigcache_open_close(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    int counted)
{
    char  error[BIGCACHE_ERROR_LEN];

    if (open->walk) {
        (void) bigcache_index_walk(open->walk, NULL, NULL, error);
        open->walk = NULL;
    }

    if (open->index) {

        /* without a stored count the next opening counts the keys */

        if (counted && bigcache_open_keep(open, error) != BIGCACHE_OK) {
            bigcache_log(&conf->log, BIGCACHE_LOG_WARN,
                         "store \"%s\": count not kept: %s", conf->path,
                         error);
        }

        bigcache_index_close(open->index);
        open->index = NULL;
    }

    if (open->segments) {
        bigcache_segments_close(open->segments);
        open->segments = NULL;
    }

    if (open->lock != -1) {
        (void) close(open->lock);
        open->lock = -1;
    }
}


/*
 * opens the index; repairs it if it is damaged; if that fails, begins a new
 * one
 */

static bigcache_rc_t
bigcache_open_index(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    int repair, char *error)
{
    bigcache_rc_t  rc;

    if (repair) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "seen while it was used");
        rc = BIGCACHE_DAMAGED;

    } else {
        rc = bigcache_open_database(conf, open, BIGCACHE_RECOVER_OPEN, error);

        if (rc == BIGCACHE_DAMAGED) {
            rc = bigcache_open_torn(conf, open, error);
        }
    }

    if (rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    bigcache_log(&conf->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the index is damaged and will be repaired, "
                 "pages may be lost: %s", conf->path, error);

    open->recount = 1;

    rc = bigcache_open_database(conf, open, BIGCACHE_RECOVER_REPAIR, error);

    /* another failure may be temporary: the caller tries again */

    if (rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    bigcache_log(&conf->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the index cannot be repaired, it is set aside "
                 "and the store begins empty: %s", conf->path, error);

    rc = bigcache_dir_set_aside(conf->path, BIGCACHE_LAYOUT_INDEX,
                                (uint64_t) bigcache_time_now(), error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_open_database(conf, open, BIGCACHE_RECOVER_OPEN, error);
    }

    return rc;
}


/*
 * After a power cut the end of LevelDB's log may be torn.  A repair would be
 * wrong then: it would take in data that fails its check, and also old tables,
 * with pages that were removed since.
 */

static bigcache_rc_t
bigcache_open_torn(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    char *error)
{
    char           why[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc;

    memcpy(why, error, BIGCACHE_ERROR_LEN);

    open->recount = 1;

    rc = bigcache_open_database(conf, open, BIGCACHE_RECOVER_TORN, error);

    if (rc == BIGCACHE_DAMAGED) {
        memcpy(error, why, BIGCACHE_ERROR_LEN);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_log(&conf->log, BIGCACHE_LOG_WARN,
                     "store \"%s\": the log of the index had not reached the "
                     "disk whole, what fails its check is dropped: %s",
                     conf->path, why);
    }

    return rc;
}


static bigcache_rc_t
bigcache_open_database(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, bigcache_recover_e how, char *error)
{
    bigcache_rc_t        rc;
    bigcache_open_ctx_t  ctx;

    ctx.open = open;
    (void) snprintf(ctx.name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_INDEX,
                    conf->path);

    rc = bigcache_recover(conf->path, BIGCACHE_LAYOUT_INDEX, &conf->index, how,
                          bigcache_open_meta, &ctx, &open->index, error);

    if (rc != BIGCACHE_OK) {
        open->index = NULL;
        return rc;
    }

    return bigcache_open_count(open, error);
}


/* segments without an index are of no use, but the log must mention them */

static void
bigcache_open_fresh(const bigcache_store_conf_t *conf, bigcache_open_t *open)
{
    size_t  n;

    n = bigcache_segments_usage(open->segments, NULL, 0);

    if (n) {
        bigcache_log(&conf->log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": the index is new, %lu segments of an "
                     "earlier one will be removed", conf->path,
                     (unsigned long) n);
    }
}


static bigcache_rc_t
bigcache_open_meta(void *data, bigcache_index_t *index, char *error)
{
    bigcache_open_ctx_t *ctx = data;

    bigcache_rc_t     rc;
    bigcache_open_t  *open;

    open = ctx->open;
    open->index = index;

    rc = bigcache_open_format(open, ctx->name, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_open_get(open->index, &bigcache_names_version,
                           &open->version, error);

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        rc = bigcache_open_get(open->index, &bigcache_names_active,
                               &open->active, error);
    }

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        rc = bigcache_open_unsynced(open, error);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_open_get(open->index, &bigcache_names_count, &open->count,
                           error);

    if (rc == BIGCACHE_OK) {
        return bigcache_open_kept(open, ctx->name, error);
    }

    /* the store was not closed properly, or is empty */

    if (rc == BIGCACHE_MISS) {
        open->recount |= !open->fresh;
        rc = BIGCACHE_OK;
    }

    return rc;
}


/* starts counting the keys, unless the count is known */

static bigcache_rc_t
bigcache_open_count(bigcache_open_t *open, char *error)
{
    if (!open->recount) {
        return BIGCACHE_OK;
    }

    open->count = 0;
    open->walk = bigcache_index_walk_begin(open->index, BIGCACHE_NAMES_KEY,
                                           &bigcache_open_empty);
    if (open->walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    return BIGCACHE_OK;
}


/* takes over the stored count and live bytes */

static bigcache_rc_t
bigcache_open_kept(bigcache_open_t *open, const char *name, char *error)
{
    int            lost;
    bigcache_rc_t  rc;

    /* removes it first: if the process or the power fails, it is wrong */

    rc = bigcache_open_put(open->index, &bigcache_names_count, NULL, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fsync_logs(name, &lost, error);
    }

    return (rc == BIGCACHE_OK) ? bigcache_open_usage(open, error) : rc;
}


static bigcache_rc_t
bigcache_open_format(bigcache_open_t *open, const char *name, char *error)
{
    uint64_t                format;
    bigcache_rc_t           rc;
    bigcache_index_walk_t  *walk;

    rc = bigcache_open_get(open->index, &bigcache_names_format, &format,
                           error);

    if (rc == BIGCACHE_OK && format == BIGCACHE_NAMES_FORMAT) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_OK && format == BIGCACHE_NAMES_OLDEST) {
        return bigcache_open_set_format(open, name, error);
    }

    if (rc == BIGCACHE_OK) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the store has format %llu, this bigcache reads %d "
                        "and %d", (unsigned long long) format,
                        BIGCACHE_NAMES_OLDEST, BIGCACHE_NAMES_FORMAT);
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_MISS) {
        return rc;
    }

    /*
     * a new store, a database of another program, or the remains of a repair
     */

    walk = bigcache_index_walk_begin(open->index, BIGCACHE_NAMES_KEY,
                                     &bigcache_open_empty);

    if (walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_index_walk(walk, bigcache_open_foreign, NULL, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_any(open->index, error);

        open->fresh = (rc == BIGCACHE_MISS);

        if (rc == BIGCACHE_OK) {
            rc = BIGCACHE_MISMATCH;
        }
    }

    if (rc == BIGCACHE_MISMATCH) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the index is not one of a bigcache store");
        return BIGCACHE_ERROR;
    }

    return (rc == BIGCACHE_MISS) ? bigcache_open_set_format(open, name, error)
                                 : rc;
}


static bigcache_rc_t
bigcache_open_set_format(bigcache_open_t *open, const char *name, char *error)
{
    int             lost;
    u_char          buf[sizeof(uint64_t)];
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    (void) bigcache_put64(buf, BIGCACHE_NAMES_FORMAT);

    value.data = buf;
    value.len = sizeof(buf);

    rc = bigcache_open_put(open->index, &bigcache_names_format, &value,
                           error);

    /*
     * The format must be durable first.  Segments without it would belong to
     * no store, and the earlier format does not have all records of this one.
     */

    return (rc == BIGCACHE_OK) ? bigcache_fsync_logs(name, &lost, error)
                               : rc;
}


static bigcache_rc_t
bigcache_open_foreign(void *data, const bigcache_str_t *key,
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
bigcache_open_get(bigcache_index_t *index, const bigcache_str_t *name,
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


static bigcache_rc_t
bigcache_open_put(bigcache_index_t *index, const bigcache_str_t *name,
    const bigcache_str_t *value, char *error)
{
    bigcache_change_t  change;

    change.space = BIGCACHE_NAMES_META;
    change.key = *name;
    change.value = value;

    return bigcache_index_write(index, &change, 1, error);
}


/* the kernel does not report to this process an error that another one got */

static bigcache_rc_t
bigcache_open_unsynced(bigcache_open_t *open, char *error)
{
    size_t          i;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(open->index, BIGCACHE_NAMES_META,
                            &bigcache_names_unsynced, &value, error);

    if (rc != BIGCACHE_OK) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    for (i = 0; i < value.len / sizeof(uint64_t); i++) {
        bigcache_segments_distrust(open->segments,
                                   bigcache_get64(value.data
                                                  + i * sizeof(uint64_t)));
    }

    bigcache_index_free(&value);

    return BIGCACHE_OK;
}


/* takes over the stored live bytes of the segments */

static bigcache_rc_t
bigcache_open_usage(bigcache_open_t *open, char *error)
{
    size_t          i, n, known;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(open->index, BIGCACHE_NAMES_META,
                            &bigcache_names_segments, &value, error);

    if (rc == BIGCACHE_MISS) {
        value.data = NULL;
        value.len = 0;

    } else if (rc != BIGCACHE_OK) {
        return rc;
    }

    n = value.len / BIGCACHE_NAMES_USAGE;
    known = 0;

    for (i = 0; i < n; i++) {
        known += (size_t) bigcache_segments_add_live(open->segments,
                      bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE),
                      0);
    }

    if (known < bigcache_segments_usage(open->segments, NULL, 0)) {

        /* if the id was not in the list, only the index knows what is live */

        open->recount = 1;
    }

    for (i = 0; i < n && !open->recount; i++) {
        (void) bigcache_segments_add_live(open->segments,
                      bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE),
            (int64_t) bigcache_get64(value.data + i * BIGCACHE_NAMES_USAGE
                                     + 8));
    }

    if (value.data) {
        bigcache_index_free(&value);
    }

    return BIGCACHE_OK;
}


/* stores all that bigcache_open_meta() reads, or nothing */

static bigcache_rc_t
bigcache_open_keep(bigcache_open_t *open, char *error)
{
    size_t              i, n;
    u_char             *buf, *p, count[8], version[8], active[8];
    bigcache_rc_t       rc;
    bigcache_str_t      values[4];
    bigcache_usage_t   *usage;
    bigcache_change_t   changes[4];

    n = bigcache_segments_usage(open->segments, NULL, 0);

    usage = malloc((n + 1) * sizeof(bigcache_usage_t));
    buf = malloc((n + 1) * BIGCACHE_NAMES_USAGE);

    if (usage == NULL || buf == NULL) {
        free(usage);
        free(buf);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    (void) bigcache_segments_usage(open->segments, usage, n);

    p = buf;

    for (i = 0; i < n; i++) {
        p = bigcache_put64(p, usage[i].id);
        p = bigcache_put64(p, (uint64_t) usage[i].live);
    }

    (void) bigcache_put64(count, open->count);
    (void) bigcache_put64(version, open->version);
    (void) bigcache_put64(active, bigcache_segments_settle(open->segments));

    changes[0].key = bigcache_names_count;
    values[0].data = count;
    values[0].len = sizeof(count);

    changes[1].key = bigcache_names_version;
    values[1].data = version;
    values[1].len = sizeof(version);

    changes[2].key = bigcache_names_segments;
    values[2].data = buf;
    values[2].len = (size_t) (p - buf);

    changes[3].key = bigcache_names_active;
    values[3].data = active;
    values[3].len = sizeof(active);

    for (i = 0; i < 4; i++) {
        changes[i].space = BIGCACHE_NAMES_META;
        changes[i].value = &values[i];
    }

    rc = bigcache_index_write(open->index, changes, 4, error);

    free(usage);
    free(buf);

    return rc;
}

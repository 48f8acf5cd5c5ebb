
/*
 * Copyright (C) bigcache contributors
 */


/* Opens the index and the segments of a directory, and closes them. */


#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_adopt.h"
#include "bigcache_dir.h"
#include "bigcache_generation.h"
#include "bigcache_layout.h"
#include "bigcache_names.h"
#include "bigcache_open.h"
#include "bigcache_plain.h"
#include "bigcache_recover.h"
#include "bigcache_segments_open.h"
#include "bigcache_time.h"


typedef struct {
    bigcache_open_t  *open;
    char              name[PATH_MAX];    /* of the index */
} bigcache_open_ctx_t;


static bigcache_rc_t bigcache_open_lock(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, char *error);
static void bigcache_open_clear(bigcache_open_t *open);
static bigcache_rc_t bigcache_open_all(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int locked, int repair, char *error);
static bigcache_rc_t bigcache_open_restore(const bigcache_store_conf_t *conf,
    char *error);
static bigcache_rc_t bigcache_open_segments(
    const bigcache_store_conf_t *conf, bigcache_open_t *open, char *error);
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
static bigcache_rc_t bigcache_open_count(bigcache_open_t *open, char *error);


bigcache_rc_t
bigcache_open(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    int repair, char *error)
{
    int            locked;
    bigcache_rc_t  rc;

    bigcache_open_clear(open);

    locked = (open->lock != -1);

    if (locked) {
        bigcache_files_close(open->files);
        rc = BIGCACHE_OK;

    } else {
        rc = bigcache_open_lock(conf, open, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_open_all(conf, open, locked, repair, error);
    }

    if (rc == BIGCACHE_FULL) {

        /*
         * The ballast is for this.  It is removed under the lock: else it
         * could be that of a process which has opened the store meanwhile.
         * Only if the file of the lock itself cannot be written, it must be
         * removed without.
         */

        bigcache_dir_drop_ballast(conf->path);

        rc = (open->lock != -1) ? BIGCACHE_OK
                                : bigcache_open_lock(conf, open, error);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_open_all(conf, open, locked, repair, error);
        }

        open->full = 1;
    }

    if (rc != BIGCACHE_OK) {
        bigcache_open_close(conf, open, 0);
    }

    return rc;
}


/*
 * Until the store is open nothing in it changes.  So what the hot index of this
 * nginx has is still found, if no other process had the directory meanwhile.
 * Else a thread that reads pages without the lock may have files of an earlier
 * store open.
 */

static bigcache_rc_t
bigcache_open_lock(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    char *error)
{
    char           ignored[BIGCACHE_ERROR_LEN];
    uint64_t       own;
    bigcache_rc_t  rc;

    rc = bigcache_dir_lock(conf->path, &open->lock, error);

    if (rc != BIGCACHE_OK) {

        if (conf->hot == NULL
            || !bigcache_generation_there(conf->path,
                                          atomic_load(&conf->hot->place)))
        {
            bigcache_files_close(open->files);
        }

        return rc;
    }

    if (conf->hot
        && bigcache_generation_read(open->lock, &own, ignored) == BIGCACHE_OK
        && bigcache_hot_carry(conf->hot, bigcache_generation_place(open->lock),
                              own - 1, own))
    {
        /* an owner closes only the segments that it has removed itself */

        bigcache_files_sweep(open->files);

    } else {
        bigcache_files_close(open->files);
    }

    return BIGCACHE_OK;
}


/* leaves the lock and the files, which are the caller's */

static void
bigcache_open_clear(bigcache_open_t *open)
{
    int                lock;
    bigcache_files_t  *files;

    lock = open->lock;
    files = open->files;

    memset(open, 0, sizeof(bigcache_open_t));

    open->lock = lock;
    open->files = files;
}


/* opens what the lock is for; if that fails, closes all but the lock */

static bigcache_rc_t
bigcache_open_all(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    int locked, int repair, char *error)
{
    int            lock;
    bigcache_rc_t  rc;

    bigcache_open_clear(open);

    rc = locked ? BIGCACHE_OK : bigcache_open_restore(conf, error);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    open->synced = bigcache_generation_read_synced(open->lock);

    rc = bigcache_open_segments(conf, open, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_open_index(conf, open, repair, error);
    }

    if (rc != BIGCACHE_OK) {
        lock = open->lock;
        open->lock = -1;
        bigcache_open_close(conf, open, 0);
        open->lock = lock;

        return (rc == BIGCACHE_FULL) ? rc : BIGCACHE_ERROR;
    }

    if (open->meta.fresh) {
        bigcache_open_fresh(conf, open);

    } else if (open->walk == NULL) {

        /* the store was closed properly */

        bigcache_segments_append(open->segments, open->meta.active);
    }

    return BIGCACHE_OK;
}


/*
 * before anything else: these names show whether there is a store, and whether
 * a directory is adopted
 */

static bigcache_rc_t
bigcache_open_restore(const bigcache_store_conf_t *conf, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_recover_restore(conf->path, BIGCACHE_LAYOUT_INDEX, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_recover_restore(conf->path, BIGCACHE_LAYOUT_IMPORT,
                                      error);
    }

    return (rc == BIGCACHE_OK) ? bigcache_adopt(conf->path, error) : rc;
}


static bigcache_rc_t
bigcache_open_segments(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, char *error)
{
    char  name[PATH_MAX];

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_PAGES, conf->path);

    if (mkdir(name, 0700) == -1 && errno != EEXIST) {
        return bigcache_plain_cannot("make", NULL, name, error);
    }

    return bigcache_segments_open(&open->segments, name,
                                  bigcache_dir_segment_size(conf->path,
                                                          conf->segment_size),
                                  open->files, &conf->log, error);
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

        if (counted
            && bigcache_meta_write(&open->meta, open->index, open->segments,
                                   error)
               != BIGCACHE_OK)
        {
            bigcache_log(&conf->log, BIGCACHE_LOG_WARN,
                         "store \"%s\": cannot store the count of keys: %s",
                         conf->path,
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
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "found while it was in use");
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

    open->meta.recount = 1;
    open->meta.unnamed = 1;

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

    open->meta.recount = 1;

    rc = bigcache_open_database(conf, open, BIGCACHE_RECOVER_TORN, error);

    if (rc == BIGCACHE_DAMAGED) {
        memcpy(error, why, BIGCACHE_ERROR_LEN);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_log(&conf->log, BIGCACHE_LOG_WARN,
                     "store \"%s\": the log of the index had not reached the "
                     "disk completely, what fails its check is dropped: %s",
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


static bigcache_rc_t
bigcache_open_meta(void *data, bigcache_index_t *index, char *error)
{
    bigcache_open_ctx_t *ctx = data;

    return bigcache_meta_read(&ctx->open->meta, index, ctx->open->segments,
                              ctx->name, error);
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


/* starts counting the keys, unless the count is known */

static bigcache_rc_t
bigcache_open_count(bigcache_open_t *open, char *error)
{
    static const bigcache_str_t  all = bigcache_string("");

    if (!open->meta.recount) {
        return BIGCACHE_OK;
    }

    open->meta.count = 0;
    open->walk = bigcache_index_walk_begin(open->index, BIGCACHE_NAMES_KEY,
                                           &all);
    if (open->walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    return BIGCACHE_OK;
}

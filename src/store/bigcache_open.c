
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_bytes.h"
#include "bigcache_dir.h"
#include "bigcache_open.h"
#include "bigcache_time.h"


#define BIGCACHE_OPEN_FORMAT  1


static bigcache_rc_t bigcache_open_index(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, char *error);
static bigcache_rc_t bigcache_open_mend(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, const char *name, char *error);
static bigcache_rc_t bigcache_open_meta(bigcache_open_t *open, char *error);
static bigcache_rc_t bigcache_open_format(bigcache_open_t *open,
    char *error);
static bigcache_rc_t bigcache_open_get(bigcache_index_t *index,
    const bigcache_str_t *name, uint64_t *n, char *error);
static bigcache_rc_t bigcache_open_put(bigcache_index_t *index,
    const bigcache_str_t *name, uint64_t n, char *error);
static bigcache_rc_t bigcache_open_foreign(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


static const bigcache_str_t  bigcache_open_empty = bigcache_string("");
static const bigcache_str_t  bigcache_meta_format = bigcache_string("format");
static const bigcache_str_t  bigcache_meta_count = bigcache_string("count");
static const bigcache_str_t  bigcache_meta_version =
    bigcache_string("version");


bigcache_rc_t
bigcache_open(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    char *error)
{
    char           name[PATH_MAX];
    bigcache_rc_t  rc;

    memset(open, 0, sizeof(bigcache_open_t));

    rc = bigcache_dir_lock(conf->path, &open->lock, error);
    if (rc != BIGCACHE_OK) {
        open->lock = -1;
        return rc;
    }

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_DIR_PAGES, conf->path);

    if (mkdir(name, 0700) == -1 && errno != EEXIST) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot make \"%.150s\": %s", name, strerror(errno));
        rc = BIGCACHE_ERROR;

    } else {
        rc = bigcache_open_index(conf, open, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_open_meta(open, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_open_close(conf, open, 0);
        rc = BIGCACHE_ERROR;
    }

    return rc;
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

        /* without its count the next opening counts the keys */

        if (counted
            && (bigcache_open_put(open->index, &bigcache_meta_version,
                                  open->version, error)
                != BIGCACHE_OK
                || bigcache_open_put(open->index, &bigcache_meta_count,
                                     open->count, error)
                   != BIGCACHE_OK))
        {
            bigcache_log(&conf->log, BIGCACHE_LOG_WARN,
                         "store \"%s\": count not kept: %s", conf->path,
                         error);
        }

        bigcache_index_close(open->index);
        open->index = NULL;
    }

    if (open->lock != -1) {
        (void) close(open->lock);
        open->lock = -1;
    }
}


static bigcache_rc_t
bigcache_open_index(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    char *error)
{
    char           name[PATH_MAX];
    bigcache_rc_t  rc;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_DIR_INDEX, conf->path);

    rc = bigcache_index_open(&open->index, name, &conf->index, error);

    if (rc == BIGCACHE_DAMAGED) {
        rc = bigcache_open_mend(conf, open, name, error);
    }

    return rc;
}


static bigcache_rc_t
bigcache_open_mend(const bigcache_store_conf_t *conf, bigcache_open_t *open,
    const char *name, char *error)
{
    bigcache_rc_t  rc;

    bigcache_log(&conf->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the index is damaged and will be repaired, "
                 "pages may be lost: %s", conf->path, error);

    open->recount = 1;

    rc = bigcache_index_repair(name, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_open(&open->index, name, &conf->index, error);
    }

    if (rc != BIGCACHE_DAMAGED && rc != BIGCACHE_ERROR) {
        return rc;
    }

    bigcache_log(&conf->log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the index cannot be repaired, it is set aside "
                 "and the store begins empty: %s", conf->path, error);

    rc = bigcache_dir_set_aside(conf->path, BIGCACHE_DIR_INDEX,
                                (uint64_t) bigcache_now(), error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_index_open(&open->index, name, &conf->index, error);
    }

    return rc;
}


static bigcache_rc_t
bigcache_open_meta(bigcache_open_t *open, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_open_format(open, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_open_get(open->index, &bigcache_meta_version,
                           &open->version, error);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    rc = bigcache_open_get(open->index, &bigcache_meta_count, &open->count,
                           error);

    if (rc == BIGCACHE_OK) {

        /* from now on it is wrong, should this process die */

        rc = bigcache_index_delete(open->index, BIGCACHE_INDEX_META,
                                   &bigcache_meta_count, error);

        if (rc != BIGCACHE_OK || !open->recount) {
            return rc;
        }

    } else if (rc != BIGCACHE_MISS || open->fresh) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    open->count = 0;
    open->walk = bigcache_index_walk_begin(open->index, BIGCACHE_INDEX_KEY,
                                           &bigcache_open_empty);
    if (open->walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_open_format(bigcache_open_t *open, char *error)
{
    uint64_t                format;
    bigcache_rc_t           rc;
    bigcache_index_walk_t  *walk;

    rc = bigcache_open_get(open->index, &bigcache_meta_format, &format,
                           error);

    if (rc == BIGCACHE_OK && format != BIGCACHE_OPEN_FORMAT) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the store has format %llu, this bigcache reads %d",
                        (unsigned long long) format, BIGCACHE_OPEN_FORMAT);
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_MISS) {
        return rc;
    }

    /* a new store, or somebody else's database, or the rest of a repair */

    walk = bigcache_index_walk_begin(open->index, BIGCACHE_INDEX_KEY,
                                     &bigcache_open_empty);

    if (walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_index_walk(walk, bigcache_open_foreign, NULL, error);

    if (rc == BIGCACHE_MISMATCH) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the index is not one of a bigcache store");
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    open->fresh = (rc == BIGCACHE_OK);

    return bigcache_open_put(open->index, &bigcache_meta_format,
                             BIGCACHE_OPEN_FORMAT, error);
}


static bigcache_rc_t
bigcache_open_foreign(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_record_t  record;

    (void) data;
    (void) key;

    /* one record tells, either way: the walk ends at the first */

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

    rc = bigcache_index_get(index, BIGCACHE_INDEX_META, name, &value, error);
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
    uint64_t n, char *error)
{
    u_char          buf[sizeof(uint64_t)];
    bigcache_str_t  value;

    (void) bigcache_put64(buf, n);

    value.data = buf;
    value.len = sizeof(buf);

    return bigcache_index_put(index, BIGCACHE_INDEX_META, name, &value,
                              error);
}

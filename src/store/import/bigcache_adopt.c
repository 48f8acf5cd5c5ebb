
/*
 * Copyright (C) bigcache contributors
 */


/* Makes import/ of links to the original's files, and removes it again. */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_adopt.h"
#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_layout.h"
#include "bigcache_names.h"
#include "bigcache_plain.h"
#include "bigcache_recover.h"


#define BIGCACHE_ADOPT_NEW     BIGCACHE_LAYOUT_IMPORT ".new"
#define BIGCACHE_ADOPT_MEMORY  (4 * 1024 * 1024)


typedef struct {
    const char  *path;
    uint64_t     stamp;
    char        *error;
} bigcache_adopt_t;


static bigcache_rc_t bigcache_adopt_wanted(const char *path, char *error);
static bigcache_rc_t bigcache_adopt_settled(const char *path, char *error);
static bigcache_rc_t bigcache_adopt_exists(const char *path,
    const char *name, char *error);
static bigcache_rc_t bigcache_adopt_check(const char *path, char *error);
static bigcache_rc_t bigcache_adopt_files(const char *path,
    bigcache_plain_pt handler, uint64_t stamp, char *error);
static bigcache_rc_t bigcache_adopt_link(void *data, int dir,
    const char *name);
static bigcache_rc_t bigcache_adopt_discard(void *data, int dir,
    const char *name);


bigcache_rc_t
bigcache_adopt(const char *path, char *error)
{
    char           from[PATH_MAX], to[PATH_MAX];
    bigcache_rc_t  rc;

    rc = bigcache_adopt_wanted(path, error);

    if (rc == BIGCACHE_MISS) {
        return bigcache_adopt_settled(path, error);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /*
     * Removes what an earlier attempt left.  It does not go to the trash,
     * since an attempt may fail every second.
     */

    bigcache_recover_remove(path, BIGCACHE_ADOPT_NEW);

    (void) snprintf(from, PATH_MAX, "%s/" BIGCACHE_ADOPT_NEW, path);
    (void) snprintf(to, PATH_MAX, "%s/" BIGCACHE_LAYOUT_IMPORT, path);

    if (mkdir(from, 0700) == -1) {
        return bigcache_plain_cannot("make", path, BIGCACHE_ADOPT_NEW, error);
    }

    rc = bigcache_adopt_files(path, bigcache_adopt_link, 0, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_adopt_check(path, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fsync_files(from, error);
    }

    if (rc == BIGCACHE_OK && rename(from, to) == -1) {
        rc = bigcache_plain_cannot("rename", path, BIGCACHE_ADOPT_NEW, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_recover_remove(path, BIGCACHE_ADOPT_NEW);
        return rc;
    }

    /*
     * durable before there is an index: beside an index no original is looked
     * for
     */

    return bigcache_fsync_dir(path, error);
}


bigcache_rc_t
bigcache_adopt_open(const char *path, const char *import, int repair,
    bigcache_index_t **index, char *error)
{
    char                   name[NAME_MAX];
    bigcache_rc_t          rc;
    bigcache_index_conf_t  conf;

    (void) snprintf(name, sizeof(name), "%s/CURRENT", import);

    /* without CURRENT LevelDB would begin a new database */

    rc = repair ? BIGCACHE_OK : bigcache_adopt_exists(path, name, error);

    if (rc == BIGCACHE_MISS) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "CURRENT is gone");
        return BIGCACHE_DAMAGED;
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    conf.block_cache = BIGCACHE_ADOPT_MEMORY;
    conf.write_buffer = BIGCACHE_ADOPT_MEMORY;
    conf.bare = 1;

    return bigcache_recover(path, import, &conf,
                            repair ? BIGCACHE_RECOVER_REPAIR
                                   : BIGCACHE_RECOVER_OPEN,
                            NULL, NULL, index, error);
}


bigcache_rc_t
bigcache_adopt_due(const char *path, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_recover_restore(path, BIGCACHE_LAYOUT_IMPORT, error);

    return (rc == BIGCACHE_OK)
           ? bigcache_adopt_exists(path, BIGCACHE_LAYOUT_IMPORT, error) : rc;
}


bigcache_rc_t
bigcache_adopt_end(const char *path, int keep, uint64_t stamp, char *error)
{
    bigcache_rc_t  rc;

    if (!keep) {
        rc = bigcache_adopt_files(path, bigcache_adopt_discard, stamp,
                                  error);
        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    rc = bigcache_dir_discard(path, BIGCACHE_LAYOUT_IMPORT, stamp, error);

    /*
     * This must be durable before /clear removes the index.  An import/ alone
     * is not recognized as that of a store; beside the original, it would make
     * the store import all again.
     */

    return (rc == BIGCACHE_OK) ? bigcache_fsync_dir(path, error) : rc;
}


/*
 * returns BIGCACHE_OK if the directory must be adopted, BIGCACHE_MISS if not,
 * or BIGCACHE_ERROR
 */

static bigcache_rc_t
bigcache_adopt_wanted(const char *path, char *error)
{
    size_t         i;
    bigcache_rc_t  rc;

    static const char *const  names[] = {
        BIGCACHE_LAYOUT_INDEX, BIGCACHE_LAYOUT_IMPORT
    };

    rc = bigcache_adopt_exists(path, "CURRENT", error);

    for (i = 0; rc == BIGCACHE_OK && i < 2; i++) {

        rc = bigcache_adopt_exists(path, names[i], error);

        if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
            rc = (rc == BIGCACHE_OK) ? BIGCACHE_MISS : BIGCACHE_OK;
        }
    }

    return rc;
}


/*
 * An earlier attempt may have adopted the original, but failed or died before
 * its last sync.  If there is no index yet, makes that sync.
 */

static bigcache_rc_t
bigcache_adopt_settled(const char *path, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_adopt_exists(path, BIGCACHE_LAYOUT_INDEX, error);

    if (rc != BIGCACHE_MISS) {
        return rc;
    }

    rc = bigcache_adopt_exists(path, BIGCACHE_LAYOUT_IMPORT, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fsync_dir(path, error);
    }

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


/*
 * returns BIGCACHE_OK or BIGCACHE_MISS; BIGCACHE_ERROR if it cannot be known
 */

static bigcache_rc_t
bigcache_adopt_exists(const char *path, const char *name, char *error)
{
    char         full[PATH_MAX];
    struct stat  st;

    (void) snprintf(full, PATH_MAX, "%s/%s", path, name);

    if (lstat(full, &st) == 0) {
        return BIGCACHE_OK;
    }

    return (errno == ENOENT)
           ? BIGCACHE_MISS
           : bigcache_plain_cannot("look at", path, name, error);
}


/* refuses the index of a store, which may be given by mistake */

static bigcache_rc_t
bigcache_adopt_check(const char *path, char *error)
{
    bigcache_rc_t      rc;
    bigcache_str_t     value;
    bigcache_index_t  *index;

    rc = bigcache_adopt_open(path, BIGCACHE_ADOPT_NEW, 0, &index, error);

    if (rc != BIGCACHE_OK) {

        /* the import will read what it can of a damaged one */

        return (rc == BIGCACHE_DAMAGED) ? BIGCACHE_OK : rc;
    }

    rc = bigcache_index_get(index, 0, &bigcache_names_bare_format, &value,
                            error);

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);

        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "\"%.128s\" is not a bigcache store, but the index "
                        "of one", path);
    }

    bigcache_index_close(index);

    switch (rc) {

    case BIGCACHE_OK:
        return BIGCACHE_ERROR;

    case BIGCACHE_MISS:
    case BIGCACHE_DAMAGED:
        return BIGCACHE_OK;

    default:
        return rc;
    }
}


static bigcache_rc_t
bigcache_adopt_files(const char *path, bigcache_plain_pt handler,
    uint64_t stamp, char *error)
{
    bigcache_rc_t     rc;
    bigcache_adopt_t  adopt;

    adopt.path = path;
    adopt.stamp = stamp;
    adopt.error = error;

    rc = bigcache_plain_each(AT_FDCWD, path, 0, handler, &adopt);

    return (rc == BIGCACHE_UNAVAILABLE)
           ? bigcache_plain_cannot("read", path, ".", error) : rc;
}


static bigcache_rc_t
bigcache_adopt_link(void *data, int dir, const char *name)
{
    bigcache_adopt_t *adopt = data;

    char      target[NAME_MAX + 4], from[PATH_MAX];
    uint64_t  number;

    (void) dir;

    if (bigcache_index_file(name, &number) == BIGCACHE_INDEX_FILE_NONE) {
        return BIGCACHE_OK;
    }

    (void) snprintf(target, sizeof(target), "../%s", name);
    (void) snprintf(from, PATH_MAX, "%s/" BIGCACHE_ADOPT_NEW "/%s",
                    adopt->path, name);

    /* a lock of LevelDB is one of the file, so the original cannot open it */

    return (symlink(target, from) == 0)
           ? BIGCACHE_OK
           : bigcache_plain_cannot("link", adopt->path, name, adopt->error);
}


static bigcache_rc_t
bigcache_adopt_discard(void *data, int dir, const char *name)
{
    bigcache_adopt_t *adopt = data;

    uint64_t  number;

    (void) dir;

    if (bigcache_index_file(name, &number) == BIGCACHE_INDEX_FILE_NONE) {
        return BIGCACHE_OK;
    }

    return bigcache_dir_discard(adopt->path, name, adopt->stamp,
                                adopt->error);
}

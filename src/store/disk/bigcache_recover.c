
/*
 * Copyright (C) bigcache contributors
 */


/* Opens a database with its files kept under second names until it succeeds. */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_layout.h"
#include "bigcache_plain.h"
#include "bigcache_recover.h"
#include "bigcache_time.h"


/* a fault that comes more often than that will not pass by itself */

#define BIGCACHE_RECOVER_TRIES  4


typedef struct {
    const char              *path;
    const char              *name;
    bigcache_recover_e       how;
    unsigned                 kept:1;    /* all files have second links */
    int                      to;        /* the directory where they are made */
    char                    *error;
    bigcache_recover_log_t   log;
    uint64_t                 unseen;    /* a hash, 0: all was seen */
} bigcache_recover_t;


static bigcache_rc_t bigcache_recover_once(bigcache_recover_t *recover,
    const bigcache_index_conf_t *conf, bigcache_index_t **index, char *error);
static bigcache_rc_t bigcache_recover_keep(bigcache_recover_t *recover,
    char *error);
static bigcache_rc_t bigcache_recover_link(void *data, int dir,
    const char *name);
static int bigcache_recover_impossible(int err);
static bigcache_rc_t bigcache_recover_end(bigcache_recover_t *recover,
    char *error);
static bigcache_rc_t bigcache_recover_begin_log(
    const bigcache_recover_t *recover, const char *dir, char *error);
static bigcache_rc_t bigcache_recover_look(bigcache_recover_t *recover,
    const char *dir, char *error);
static void bigcache_recover_empty(const char *path, const char *name,
    const char *end);
static bigcache_rc_t bigcache_recover_failed(const bigcache_recover_t *recover,
    const char *what, char *error);


bigcache_rc_t
bigcache_recover(const char *path, const char *name,
    const bigcache_index_conf_t *conf, bigcache_recover_e how,
    bigcache_recover_pt opened, void *data, bigcache_index_t **index,
    char *error)
{
    char                reason[BIGCACHE_ERROR_LEN];
    unsigned            tries;
    uint64_t            unseen;
    bigcache_rc_t       rc, last;
    bigcache_recover_t  recover;

    memset(&recover, 0, sizeof(bigcache_recover_t));

    recover.path = path;
    recover.name = name;
    recover.how = how;

    unseen = 0;
    last = BIGCACHE_OK;

    for (tries = 1; /* void */ ; tries++) {

        *index = NULL;

        rc = bigcache_recover_once(&recover, conf, index, error);

        /* the caller can try again after any other failure */

        if (rc != BIGCACHE_OK && rc != BIGCACHE_DAMAGED) {
            break;
        }

        if ((rc == BIGCACHE_OK && recover.unseen == 0)
            || (tries > 1 && rc == last && recover.unseen == unseen))
        {
            break;
        }

        if (tries == BIGCACHE_RECOVER_TRIES) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "the files of "
                            "\"%.128s/%.40s\" differ at each try", path,
                            name);
            rc = BIGCACHE_ERROR;
            break;
        }

        last = rc;
        unseen = recover.unseen;

        if (*index) {
            bigcache_index_close(*index);
            *index = NULL;
        }

        rc = bigcache_recover_restore(path, name, error);

        if (rc != BIGCACHE_OK) {
            break;
        }
    }

    if (rc == BIGCACHE_OK && opened) {
        rc = opened(data, *index, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_recover_end(&recover, error);
    }

    if (rc != BIGCACHE_OK) {

        if (*index) {
            bigcache_index_close(*index);
            *index = NULL;
        }

        /* if this fails, it is done before the next try */

        (void) bigcache_recover_restore(path, name, reason);
    }

    free(recover.log.elts);

    return rc;
}


bigcache_rc_t
bigcache_recover_restore(const char *path, const char *name, char *error)
{
    char                from[PATH_MAX], to[PATH_MAX];
    struct stat         st;
    bigcache_recover_t  recover;

    recover.path = path;
    recover.name = name;

    (void) snprintf(from, PATH_MAX, "%s/%s" BIGCACHE_LAYOUT_BEFORE, path,
                    name);
    (void) snprintf(to, PATH_MAX, "%s/%s", path, name);

    if (lstat(from, &st) == -1) {
        return (errno == ENOENT) ? BIGCACHE_OK
               : bigcache_recover_failed(&recover, "look at", error);
    }

    /* NAME.before/ has a link to every file that matters */

    bigcache_recover_empty(path, name, "");

    return (rename(from, to) == 0)
           ? BIGCACHE_OK
           : bigcache_recover_failed(&recover, "put back", error);
}


void
bigcache_recover_remove(const char *path, const char *name)
{
    bigcache_recover_empty(path, name, BIGCACHE_LAYOUT_BEFORE_NEW);
    bigcache_recover_empty(path, name, BIGCACHE_LAYOUT_BEFORE);
    bigcache_recover_empty(path, name, "");
}


static bigcache_rc_t
bigcache_recover_once(bigcache_recover_t *recover,
    const bigcache_index_conf_t *conf, bigcache_index_t **index, char *error)
{
    char           name[PATH_MAX], reason[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc;

    recover->log.n = 0;
    recover->unseen = 0;

    (void) snprintf(name, PATH_MAX, "%s/%s", recover->path, recover->name);

    /*
     * renames and links nothing through a symbolic link that another user made
     */

    rc = bigcache_plain_files(name, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_recover_keep(recover, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_recover_begin_log(recover, name, error);
    }

    if (rc == BIGCACHE_OK && recover->how != BIGCACHE_RECOVER_OPEN) {

        rc = (recover->how == BIGCACHE_RECOVER_TORN)
             ? bigcache_index_recover(name, conf, error)
             : bigcache_index_repair(name, error);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_recover_look(recover, name, error);
        }

        /* LevelDB does not sync the files that a repair has written */

        if (rc == BIGCACHE_OK) {
            rc = bigcache_fsync_files(name, error);
        }

        if (rc == BIGCACHE_OK) {
            rc = bigcache_recover_begin_log(recover, name, error);
        }
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_index_open(index, name, conf, error);

    if (recover->how == BIGCACHE_RECOVER_OPEN && rc == BIGCACHE_OK) {
        return bigcache_recover_look(recover, name, error);
    }

    if (recover->how == BIGCACHE_RECOVER_OPEN && rc == BIGCACHE_DAMAGED) {
        (void) bigcache_recover_look(recover, name, reason);
    }

    return rc;
}


/*
 * Gives the files second links, unless the file system cannot do that or has
 * no space for it.
 */

static bigcache_rc_t
bigcache_recover_keep(bigcache_recover_t *recover, char *error)
{
    char           name[PATH_MAX], new[PATH_MAX];
    bigcache_rc_t  rc;

    recover->kept = 0;

    rc = bigcache_recover_restore(recover->path, recover->name, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    bigcache_recover_empty(recover->path, recover->name,
                           BIGCACHE_LAYOUT_BEFORE_NEW);

    (void) snprintf(name, PATH_MAX, "%s/%s", recover->path, recover->name);

    if (access(name, F_OK) == -1 && errno == ENOENT) {
        return BIGCACHE_OK;
    }

    (void) snprintf(new, PATH_MAX, "%s/%s" BIGCACHE_LAYOUT_BEFORE_NEW,
                    recover->path, recover->name);

    recover->to = -1;
    recover->error = error;
    recover->kept = (mkdir(new, 0700) == 0);

    if (!recover->kept && !bigcache_recover_impossible(errno)) {
        rc = bigcache_recover_failed(recover, "keep", error);
    }

    if (recover->kept) {
        recover->to = open(new, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

        if (recover->to == -1) {
            rc = bigcache_recover_failed(recover, "keep", error);
        }
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_plain_each(AT_FDCWD, name, O_NOFOLLOW,
                                 bigcache_recover_link, recover);

        if (rc == BIGCACHE_UNAVAILABLE) {
            rc = bigcache_recover_failed(recover, "read", error);
        }
    }

    if (recover->to != -1) {
        (void) close(recover->to);
    }

    (void) snprintf(name, PATH_MAX, "%s/%s" BIGCACHE_LAYOUT_BEFORE,
                    recover->path, recover->name);

    /*
     * first makes the links durable: nothing may find this name without all of
     * them, also after a power cut
     */

    if (rc == BIGCACHE_OK && recover->kept) {
        rc = bigcache_fsync_dir(new, error);
    }

    if (rc != BIGCACHE_OK || !recover->kept) {
        return rc;
    }

    if (rename(new, name) == -1) {
        return bigcache_recover_failed(recover, "keep", error);
    }

    /* the database is emptied only when this name is durable */

    return bigcache_fsync_dir(recover->path, error);
}


static bigcache_rc_t
bigcache_recover_link(void *data, int dir, const char *name)
{
    bigcache_recover_t *recover = data;

    struct stat  st;

    if (strncmp(name, "LOG", 3) == 0) {
        return BIGCACHE_OK;
    }

    /* LevelDB puts files that it cannot use in a directory, lost/ */

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return bigcache_recover_failed(recover, "look at", recover->error);
    }

    if (S_ISDIR(st.st_mode)) {
        return BIGCACHE_OK;
    }

    if (bigcache_recover_log_add(&recover->log, name) == -1) {
        (void) snprintf(recover->error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_ERROR;
    }

    if (recover->kept && linkat(dir, name, recover->to, name, 0) == -1) {

        if (!bigcache_recover_impossible(errno)) {
            return bigcache_recover_failed(recover, "keep", recover->error);
        }

        recover->kept = 0;
    }

    return BIGCACHE_OK;
}


static int
bigcache_recover_impossible(int err)
{
    return err == ENOSPC || err == EDQUOT || err == EMLINK || err == EPERM
           || err == EOPNOTSUPP || err == ENOSYS;
}


/*
 * Removes the links.  That must be durable: if they came back after a power
 * cut, the database would be set back to this moment.
 */

static bigcache_rc_t
bigcache_recover_end(bigcache_recover_t *recover, char *error)
{
    char           name[PATH_MAX];
    bigcache_rc_t  rc;

    if (!recover->kept) {
        return BIGCACHE_OK;
    }

    (void) snprintf(name, PATH_MAX, "%s" BIGCACHE_LAYOUT_BEFORE,
                    recover->name);

    rc = bigcache_dir_discard(recover->path, name,
                              (uint64_t) bigcache_time_now_us(), error);

    return (rc == BIGCACHE_OK) ? bigcache_fsync_dir(recover->path, error)
                               : rc;
}


static bigcache_rc_t
bigcache_recover_begin_log(const bigcache_recover_t *recover, const char *dir,
    char *error)
{
    return (bigcache_recover_log_begin(dir) == 0)
           ? BIGCACHE_OK
           : bigcache_recover_failed(recover, "rename the LOG of", error);
}


/* finds out which of the files LevelDB has seen */

static bigcache_rc_t
bigcache_recover_look(bigcache_recover_t *recover, const char *dir, char *error)
{
    return (bigcache_recover_log_unseen(&recover->log, dir, recover->how,
                                        &recover->unseen)
            == 0)
           ? BIGCACHE_OK
           : bigcache_recover_failed(recover, "read the LOG of", error);
}


/* removes a directory whose files have other names */

static void
bigcache_recover_empty(const char *path, const char *name, const char *end)
{
    char  full[PATH_MAX];

    (void) snprintf(full, PATH_MAX, "%s/%s%s", path, name, end);

    bigcache_dir_remove(full);
}


static bigcache_rc_t
bigcache_recover_failed(const bigcache_recover_t *recover, const char *what,
    char *error)
{
    return bigcache_plain_cannot(what, recover->path, recover->name, error);
}

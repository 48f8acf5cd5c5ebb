
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens and repairs LevelDB databases so that a system call that fails within
 * LevelDB costs no entry.
 *
 * If LevelDB cannot read a directory to its end, it goes on with the files that
 * it has seen.  A log that it has not seen is not replayed, and is removed
 * later; so is a table that it has not seen, or could not read during a repair.
 *
 * Therefore all files first get second links in NAME.before/.  They take no
 * space, since LevelDB never changes an existing table or log.  LevelDB's own
 * log, LOG, then tells which files it has seen.  If some are missing, the links
 * become the database again, and the opening is tried again, until no file is
 * missing, or the same files are missing as before: then they cannot be read.
 */


#ifndef _BIGCACHE_RECOVER_H_INCLUDED_
#define _BIGCACHE_RECOVER_H_INCLUDED_


#include "bigcache_index.h"
#include "bigcache_rc.h"


typedef enum {
    BIGCACHE_RECOVER_OPEN = 0,
    BIGCACHE_RECOVER_TORN,         /* without what its logs have cut off */
    BIGCACHE_RECOVER_REPAIR
} bigcache_recover_e;

/* called when the database is open; if it fails, the opening has failed */

typedef bigcache_rc_t (*bigcache_recover_pt)(void *data,
    bigcache_index_t *index, char *error);


/*
 * Opens the database path/name, after the repair that how names, and calls
 * opened, unless that is NULL.  Returns the codes of bigcache_index_open().
 * With any code but BIGCACHE_OK the files are as they were before.
 */
bigcache_rc_t bigcache_recover(const char *path, const char *name,
    const bigcache_index_conf_t *conf, bigcache_recover_e how,
    bigcache_recover_pt opened, void *data, bigcache_index_t **index,
    char *error);

/*
 * Restores path/name if a process died while it opened the database.  Must be
 * called before path/name is looked at.  Returns BIGCACHE_OK, BIGCACHE_FULL or
 * BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_recover_restore(const char *path, const char *name,
    char *error);

/* removes path/name, and its links */

void bigcache_recover_remove(const char *path, const char *name);


#endif /* _BIGCACHE_RECOVER_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens and repairs LevelDB databases.  A system call that fails within
 * LevelDB must not cost an entry.
 *
 * If LevelDB cannot read a directory to its end, it goes on with the files
 * that it has seen.  A log that it has not seen is not replayed, and is
 * removed later.  The same happens to a table that a repair has not seen or
 * could not read.
 *
 * Therefore all files first get second links in NAME.before/.  They take no
 * space, since LevelDB never changes an existing table or log.  LevelDB's own
 * log, LOG, then says which files it has seen.  If some are missing, the links
 * become the database again, and the opening is tried again.  That ends when
 * no file is missing, or when the same files are missing as before: then they
 * cannot be read.
 */


#ifndef _BIGCACHE_RECOVER_H_INCLUDED_
#define _BIGCACHE_RECOVER_H_INCLUDED_


#include "bigcache_index.h"
#include "bigcache_rc.h"
#include "bigcache_recover_log.h"


/* called when the database is open; an error makes the opening fail */

typedef bigcache_rc_t (*bigcache_recover_pt)(void *data,
    bigcache_index_t *index, char *error);


/*
 * Opens the database path/name, after the repair that how names, and calls
 * opened, unless that is NULL.  Returns the codes of bigcache_index_open().
 * After any code but BIGCACHE_OK the files are as they were before.
 */
bigcache_rc_t bigcache_recover(const char *path, const char *name,
    const bigcache_index_conf_t *conf, bigcache_recover_e how,
    bigcache_recover_pt opened, void *data, bigcache_index_t **index,
    char *error);

/*
 * Restores path/name if a process died while it opened the database.  The
 * caller must call it before it looks at path/name.  Returns BIGCACHE_OK; or
 * BIGCACHE_FULL or BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_recover_restore(const char *path, const char *name,
    char *error);

/* removes path/name, and its links */

void bigcache_recover_remove(const char *path, const char *name);


#endif /* _BIGCACHE_RECOVER_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens and repairs LevelDB databases so that a call that fails within LevelDB
 * costs no entry.
 *
 * LevelDB takes a directory that it could not read to its end for one that
 * holds less: a log that it does not see is not replayed, and then removed; a
 * table that it does not see, or cannot read while it repairs, is gone, too.
 * So the files get second links first, in NAME.before/, which cost nothing,
 * since LevelDB never changes a file that is there.  LevelDB's own log then
 * says what it has seen.  If that is not all, the links become the database
 * again, and it is tried anew, until it is all, or the same as before: then
 * that is what there is.
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

/* what belongs to the opening, too: if it fails, all has */

typedef bigcache_rc_t (*bigcache_recover_pt)(void *data,
    bigcache_index_t *index, char *error);


/*
 * Opens the database path/name, after what how says, and calls opened,
 * unless that is NULL; the codes are those of bigcache_index_open().  With
 * another code than BIGCACHE_OK all lies there as it did before.
 */
bigcache_rc_t bigcache_recover(const char *path, const char *name,
    const bigcache_index_conf_t *conf, bigcache_recover_e how,
    bigcache_recover_pt opened, void *data, bigcache_index_t **index,
    char *error);

/*
 * Puts back what a process that died meanwhile has left; before anybody looks
 * for path/name.  Returns BIGCACHE_OK, BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_recover_restore(const char *path, const char *name,
    char *error);

/* removes it with all that belongs to it, path/name itself, too */

void bigcache_recover_remove(const char *path, const char *name);


#endif /* _BIGCACHE_RECOVER_H_INCLUDED_ */

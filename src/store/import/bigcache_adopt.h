
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A directory of the original service becomes a store.  Its LevelDB files
 * stay at the top as they are; the import reads them by way of
 *
 *     import/   symbolic links to them, and what LevelDB writes beside
 *
 * so that nothing that LevelDB does at an open, a repair or a deletion is
 * done to the files themselves.  That directory is there from the first
 * opening until the end of the import: it says that one is due.
 *
 * For the process that holds the lock of the directory; all of it blocks on
 * the disk.
 */


#ifndef _BIGCACHE_ADOPT_H_INCLUDED_
#define _BIGCACHE_ADOPT_H_INCLUDED_


#include <stdint.h>

#include "bigcache_index.h"


/*
 * Makes import/ where path has a database at its top, but no store, else does
 * nothing.  Returns BIGCACHE_OK; BIGCACHE_FULL, or BIGCACHE_ERROR if the
 * files are in use, or those of a store; and the reason.
 */
bigcache_rc_t bigcache_adopt(const char *path, char *error);

/*
 * Opens the database of import/, after a repair if that is so; what it holds
 * in memory is small.  Returns BIGCACHE_OK and *index, which the caller
 * closes; or as bigcache_recover().
 */
bigcache_rc_t bigcache_adopt_open(const char *path, const char *import,
    int repair, bigcache_index_t **index, char *error);

/*
 * Tells whether import/ is there: BIGCACHE_OK, or BIGCACHE_MISS; or
 * BIGCACHE_ERROR and the reason, nobody knows now.
 */
bigcache_rc_t bigcache_adopt_due(const char *path, char *error);

/*
 * Moves the files at the top, unless they are to be kept, then import/ into
 * the trash, by names that stamp tells from others.  Returns BIGCACHE_OK;
 * BIGCACHE_FULL or BIGCACHE_ERROR, and the reason; it may be called again.
 */
bigcache_rc_t bigcache_adopt_end(const char *path, int keep, uint64_t stamp,
    char *error);


#endif /* _BIGCACHE_ADOPT_H_INCLUDED_ */

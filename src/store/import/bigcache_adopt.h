
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Makes a store of a directory of the original service.  The original's
 * LevelDB files stay where they are.  The import reads them through this
 * directory:
 *
 *     import/   symbolic links to them, and the files that LevelDB adds
 *
 * So an opening, a repair or a deletion by LevelDB never changes the files
 * themselves.  import/ exists from the first opening until the end of the
 * import.
 *
 * Only the process that holds the lock of the directory may call these
 * functions.  All of them block on the disk.
 */


#ifndef _BIGCACHE_ADOPT_H_INCLUDED_
#define _BIGCACHE_ADOPT_H_INCLUDED_


#include <stdint.h>

#include "bigcache_index.h"


/*
 * Makes import/ if the directory path has a database at its top, but no store;
 * else does nothing.  Returns BIGCACHE_OK; BIGCACHE_FULL; or BIGCACHE_ERROR if
 * another process uses the files, or they belong to a store; and the reason in
 * error.
 */
bigcache_rc_t bigcache_adopt(const char *path, char *error);

/*
 * Opens the database of import/, after a repair if repair is 1.  It uses
 * little memory.  Returns BIGCACHE_OK and *index, which the caller must close;
 * or the codes of bigcache_recover().
 */
bigcache_rc_t bigcache_adopt_open(const char *path, const char *import,
    int repair, bigcache_index_t **index, char *error);

/*
 * Returns BIGCACHE_OK if import/ exists, BIGCACHE_MISS if not, or
 * BIGCACHE_ERROR and the reason if that is not known now.
 */
bigcache_rc_t bigcache_adopt_due(const char *path, char *error);

/*
 * Moves the files of the original, unless keep is 1, and then import/ into the
 * trash; stamp makes their names there unique.  Returns BIGCACHE_OK; or
 * BIGCACHE_FULL or BIGCACHE_ERROR, and the reason: then the caller may try
 * again.
 */
bigcache_rc_t bigcache_adopt_end(const char *path, int keep, uint64_t stamp,
    char *error);


#endif /* _BIGCACHE_ADOPT_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * LevelDB's own log, LOG, says which files of a database LevelDB has seen.
 * All calls block on the disk.  Any thread, one at a time for a database.
 */


#ifndef _BIGCACHE_RECOVER_LOG_H_INCLUDED_
#define _BIGCACHE_RECOVER_LOG_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* what LevelDB does with the database, and so what it writes to LOG */

typedef enum {
    BIGCACHE_RECOVER_OPEN = 0,
    BIGCACHE_RECOVER_TORN,         /* without what its logs have cut off */
    BIGCACHE_RECOVER_REPAIR
} bigcache_recover_e;

typedef struct {
    uint64_t                      number;
    unsigned                      table:1;   /* or a log */
} bigcache_recover_log_file_t;

/* the files that LevelDB must see; the user frees elts */

typedef struct {
    size_t                        n;
    size_t                        nalloc;
    bigcache_recover_log_file_t  *elts;
} bigcache_recover_log_t;


/*
 * Has LevelDB begin a new LOG in the directory dir, since it appends to one
 * that exists.  Returns 0, or -1 and errno.
 */
int bigcache_recover_log_begin(const char *dir);

/*
 * Adds a file if its name is that of a log or a table.  Returns 0, or -1 if
 * there is no memory.
 */
int bigcache_recover_log_add(bigcache_recover_log_t *log, const char *name);

/*
 * Sets *unseen to 0 if LOG names all files and reports no fault, else to a hash
 * of what is missing and reported.  Returns 0, or -1 and errno.
 */
int bigcache_recover_log_unseen(const bigcache_recover_log_t *log,
    const char *dir, bigcache_recover_e how, uint64_t *unseen);


#endif /* _BIGCACHE_RECOVER_LOG_H_INCLUDED_ */

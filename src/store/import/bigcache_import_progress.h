
/*
 * Copyright (C) bigcache contributors
 */


/*
 * How far the import is.  The index says so in the meta bigcache_names_import:
 *
 *      0  u8   BIGCACHE_IMPORT_*
 *      1       a key, if the import is under way: its entry and all before it
 *              are imported, and durable
 *
 * It is written now and then, since that takes a sync.  So it is behind the
 * last key that was imported.  After a crash the keys between them are
 * imported again, unless there is a page by then.
 */


#ifndef _BIGCACHE_IMPORT_PROGRESS_H_INCLUDED_
#define _BIGCACHE_IMPORT_PROGRESS_H_INCLUDED_


#include "bigcache_core.h"


#define BIGCACHE_IMPORT_RUNS     'r'
#define BIGCACHE_IMPORT_DAMAGED  'd'    /* under way, but not all can be read */
#define BIGCACHE_IMPORT_DONE     'D'
#define BIGCACHE_IMPORT_KEPT     'K'    /* done, the files stay */


/* a key: it and all before it are imported */

typedef struct {
    bigcache_str_t       key;        /* data is to be freed */
    size_t               alloc;
    unsigned             set:1;      /* there is one */
} bigcache_import_key_t;


/*
 * Reads what an earlier process has stored: *stage is BIGCACHE_IMPORT_*, and
 * last and kept are set to the key if there is one.  Returns BIGCACHE_OK, also
 * if nothing was stored; BIGCACHE_NOMEM; or the code of the index, and the
 * reason in error.
 */
bigcache_rc_t bigcache_import_progress_load(bigcache_store_t *store,
    u_char *stage, bigcache_import_key_t *last, bigcache_import_key_t *kept,
    char *error);

/* writes stage and last into the index; returns BIGCACHE_OK or an error */

bigcache_rc_t bigcache_import_progress_write(bigcache_store_t *store,
    u_char stage, const bigcache_import_key_t *last);

/* returns 1 if key is not after last, or 0 */

int bigcache_import_progress_passed(const bigcache_import_key_t *last,
    const bigcache_str_t *key);

/* copies key into last; returns BIGCACHE_OK or BIGCACHE_NOMEM */

bigcache_rc_t bigcache_import_progress_set(bigcache_import_key_t *last,
    const bigcache_str_t *key);


#endif /* _BIGCACHE_IMPORT_PROGRESS_H_INCLUDED_ */

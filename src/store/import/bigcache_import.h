
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The import: the entries of the original service, bigcache_adopt.h, become
 * pages.  bigcache_import_work.h imports them on the store's thread while
 * requests are served.  A key that is not imported yet is a miss.
 * bigcache_import_delete.h deletes the entries that requests delete or
 * replace.
 *
 * This file opens and closes the database of import/.  The thread that needs
 * it first opens it.  When all is imported, the files of the original are
 * moved into the trash; they stay if some of it could not be read.
 *
 * All calls block on the disk.  Any thread inside the store.
 */


#ifndef _BIGCACHE_IMPORT_H_INCLUDED_
#define _BIGCACHE_IMPORT_H_INCLUDED_


#include "bigcache_import_progress.h"


/* milliseconds until a failed import is tried again */

#define BIGCACHE_IMPORT_RETRY  1000


/* all is under the mutex, but bigcache_import_work() reads some without it */

struct bigcache_import_s {
    pthread_mutex_t      mutex;
    bigcache_index_t    *index;      /* of import/, NULL: not open */
    uint64_t             deleted;    /* deleted keys, since the opening */

    bigcache_import_key_t  last;     /* the last one imported */
    bigcache_import_key_t  kept;     /* the one in the index, durable */
    int64_t              kept_at;    /* monotonic ms */
    uint64_t             kept_read;  /* of read, then */
    unsigned             slicing:1;  /* a slice is being imported */
    unsigned             broken:1;   /* a write failed: no more before it was
                                        opened anew */
    unsigned             failed;     /* failed slices in a row */
    unsigned             damaged:1;
    unsigned             logged:1;
    int64_t              retry_at;   /* monotonic ms */

    uint64_t             read;       /* entries, since the store is open */
    uint64_t             imported;
    uint64_t             expired;
    uint64_t             bad;
    uint64_t             noted;      /* of read, at the last line */
    int64_t              noted_at;   /* monotonic ms */
};


/* returns the import of a store, or NULL if out of memory */

bigcache_import_t *bigcache_import_create(void);
void bigcache_import_destroy(bigcache_import_t *import);

/* closes the database; no other thread may be inside the store */

void bigcache_import_close(bigcache_store_t *store);

/*
 * Ends the import of a store that is being cleared and is closed.  Returns
 * BIGCACHE_OK, or BIGCACHE_ERROR and the reason.
 */
bigcache_rc_t bigcache_import_clear(bigcache_store_t *store, char *error);

/*
 * For the other files of the import.  REQUIRES: import lock held.
 *
 * ready: opens the database unless it is open.  Returns BIGCACHE_OK;
 * BIGCACHE_MISS if there is nothing to import; BIGCACHE_UNAVAILABLE if it
 * cannot be opened now.
 *
 * damaged: logs, once, that not all of the database can be read.
 *
 * later: logs, once, that the import cannot continue, and postpones it.
 * Returns BIGCACHE_UNAVAILABLE.
 *
 * finish: ends the import, when all is imported.  If keep is 1, the files of
 * the original stay.  Returns BIGCACHE_MISS, or BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_import_ready_locked(bigcache_store_t *store);
void bigcache_import_damaged_locked(bigcache_store_t *store,
    const char *error);
bigcache_rc_t bigcache_import_later_locked(bigcache_store_t *store,
    const char *error);
bigcache_rc_t bigcache_import_finish_locked(bigcache_store_t *store, int keep);


#endif /* _BIGCACHE_IMPORT_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The import: the entries of the original service, bigcache_adopt.h, become
 * pages.  bigcache_import_work.h imports them on the store's thread while
 * requests are served; a key that it has not come to is a miss.
 * bigcache_import_delete.h deletes those that requests delete or replace.
 *
 * Here the database of import/ is opened, by the thread that needs it first,
 * and closed.  When all is imported, the files of the original are moved into
 * the trash; they stay if some of it could not be read.
 *
 * All of it blocks on the disk.  Any thread inside the store may call it.
 */


#ifndef _BIGCACHE_IMPORT_H_INCLUDED_
#define _BIGCACHE_IMPORT_H_INCLUDED_


#include "bigcache_import_progress.h"


/* milliseconds until an import that failed goes on */

#define BIGCACHE_IMPORT_RETRY  1000


/* all of it is under the mutex; bigcache_import_work() reads some without */

struct bigcache_import_s {
    pthread_mutex_t      mutex;
    bigcache_index_t    *index;      /* of import/, NULL: not open */
    uint64_t             deleted;    /* keys, from it, since it was opened */

    bigcache_import_key_t  last;     /* that was taken in */
    bigcache_import_key_t  kept;     /* the one in the index, durable */
    int64_t              kept_at;    /* monotonic ms */
    uint64_t             kept_read;  /* of read, then */
    unsigned             slicing:1;  /* a slice is being taken in */
    unsigned             broken:1;   /* a write failed: no more before it was
                                        opened anew */
    unsigned             failed;     /* reads of slices, one after the other */
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


/* returns the import of a store, or NULL if there is no memory */

bigcache_import_t *bigcache_import_create(void);
void bigcache_import_destroy(bigcache_import_t *import);

/* closes the database; the caller must be the only thread inside the store */

void bigcache_import_close(bigcache_store_t *store);

/* while a thread holds the lock, no entry is imported, and no purge begins */

void bigcache_import_lock(bigcache_store_t *store);
void bigcache_import_unlock(bigcache_store_t *store);

/*
 * Ends the import of a store that is being cleared and is closed.  Returns
 * BIGCACHE_OK, or BIGCACHE_ERROR and the reason.
 */
bigcache_rc_t bigcache_import_clear(bigcache_store_t *store, char *error);

/*
 * For the other files of the import; the caller must hold the lock.
 *
 * ready: opens the database unless it is open.  Returns BIGCACHE_OK;
 * BIGCACHE_MISS if there is nothing to import; BIGCACHE_UNAVAILABLE if it
 * cannot be opened now.
 *
 * damaged: logs, once, that not all of the database can be read.
 *
 * later: logs, once, that the import cannot go on, and postpones it.  Returns
 * BIGCACHE_UNAVAILABLE.
 *
 * finish: ends the import, when all is imported; keep: the files of the
 * original stay.  Returns BIGCACHE_MISS, or BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_import_ready_locked(bigcache_store_t *store);
void bigcache_import_damaged_locked(bigcache_store_t *store,
    const char *error);
bigcache_rc_t bigcache_import_later_locked(bigcache_store_t *store,
    const char *error);
bigcache_rc_t bigcache_import_finish_locked(bigcache_store_t *store, int keep);


#endif /* _BIGCACHE_IMPORT_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The import: the entries of the original service, bigcache_adopt.h, become
 * pages.  The store's thread takes them in key by key, in the order of the
 * bytes, while requests are served; a key that it has not come to is a miss.
 * How far it has come is in the index, as the meta "import":
 *
 *      0  u8   BIGCACHE_IMPORT_*
 *      1       a key, if it is under way: it and all before it are taken in,
 *              and durable
 *
 * That is written now and then, since it takes a sync, so it lies behind the
 * last key that was taken in; after a crash the keys between them are taken
 * in again, unless there is a page by then.
 *
 * What requests do meanwhile is later than any entry: what is stored is not
 * overwritten, and what is stored, deleted or purged is deleted from import/
 * too, so that it does not come back; what is stored not before the page that
 * takes its place is durable.  The files of the original are moved
 * into the trash when all is in, but stay if some of it could not be read.
 *
 * The database of import/ is opened by whoever needs it first.  All of it
 * blocks on the disk; any thread inside the store, but for what is said of
 * the store's thread.
 */


#ifndef _BIGCACHE_IMPORT_H_INCLUDED_
#define _BIGCACHE_IMPORT_H_INCLUDED_


#include "bigcache_core.h"


/* milliseconds, and entries, after which the index is told how far it is */

#define BIGCACHE_IMPORT_KEEP     2000
#define BIGCACHE_IMPORT_SYNCED   5000

#define BIGCACHE_IMPORT_RUNS     'r'
#define BIGCACHE_IMPORT_DAMAGED  'd'    /* it runs, but not all can be read */
#define BIGCACHE_IMPORT_DONE     'D'
#define BIGCACHE_IMPORT_KEPT     'K'    /* done, the files are to stay */


/* a key, and all before it */

typedef struct {
    u_char              *data;
    size_t               len;
    size_t               alloc;
    unsigned             set:1;      /* there is one */
} bigcache_import_key_t;

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
    unsigned             told:1;
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

/* closes the database, when nobody is inside the store */

void bigcache_import_close(bigcache_store_t *store);

/* while a thread holds the lock, no entry is taken in, and no purge begins */

void bigcache_import_lock(bigcache_store_t *store);
void bigcache_import_unlock(bigcache_store_t *store);

/*
 * Takes in some entries; for the store's thread, before it ends purges.
 * Returns 1 if there are more, 0 if there are none, or not now.
 */
int bigcache_import_work(bigcache_store_t *store);

/*
 * Forgets the entry of a key that is to be deleted.  Returns BIGCACHE_OK if it
 * was one that had not been taken in for good; BIGCACHE_MISS; or another code,
 * it may be taken in yet: BIGCACHE_UNAVAILABLE if the database cannot be opened
 * now.
 */
bigcache_rc_t bigcache_import_forget(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * The same for a key that was stored, when that is durable: for an entry that
 * has not been taken in for good it waits for a round of all, bigcache_sync.h.
 */

void bigcache_import_replaced(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * Forgets the entries whose keys begin with prefix, for a purge that was put
 * on the list under bigcache_import_lock().  Returns BIGCACHE_OK, and in *n how
 * many had not been taken in; BIGCACHE_UNAVAILABLE if the store is drained, or
 * the database cannot be opened now.
 */
bigcache_rc_t bigcache_import_purge(bigcache_store_t *store,
    const bigcache_str_t *prefix, uint64_t *n);

/*
 * Ends the import of a store that is being cleared and is closed.  Returns
 * BIGCACHE_OK, or BIGCACHE_ERROR and the reason.
 */
bigcache_rc_t bigcache_import_clear(bigcache_store_t *store, char *error);


#endif /* _BIGCACHE_IMPORT_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens and closes the directory of a store: the lock, the index with its
 * format and its count, the segments, and what a crash has left.  No other
 * thread may use the directory during a call.  All calls block on the disk.
 */


#ifndef _BIGCACHE_OPEN_H_INCLUDED_
#define _BIGCACHE_OPEN_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_meta.h"


typedef struct {
    int                     lock;      /* -1: not open */
    bigcache_files_t       *files;     /* belongs to the caller */
    bigcache_index_t       *index;
    bigcache_segments_t    *segments;
    bigcache_index_walk_t  *walk;      /* counts the keys, or NULL */
    uint64_t                synced;    /* as store->synced, 0: not known */
    bigcache_meta_t         meta;
    unsigned                full:1;    /* the disk: the ballast was removed */
} bigcache_open_t;


/*
 * Opens the directory.  The caller must set open->files, and open->lock to -1
 * or to the descriptor of the lock that it holds.  A damaged index, or any
 * index if repair is 1, is repaired; if that fails, it is set aside and a new
 * one begins.  Both are logged.  If the disk is full, tries once more without
 * the ballast, and sets open->full.  Returns BIGCACHE_OK; BIGCACHE_UNAVAILABLE
 * if another process has the directory open; BIGCACHE_FULL; or BIGCACHE_ERROR.
 * The reason is in error, and open->lock is -1.
 */
bigcache_rc_t bigcache_open(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int repair, char *error);

/*
 * Closes all that is open, and the lock unless it is -1.  If counted is 1, the
 * count of keys is right, and is stored with the version for the next opening.
 */
void bigcache_open_close(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int counted);


#endif /* _BIGCACHE_OPEN_H_INCLUDED_ */

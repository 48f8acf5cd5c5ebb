
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opening and closing the directory of a store: the lock, the index with its
 * format and its count, what a crash left behind.  The caller sees to it that
 * nothing else uses the directory meanwhile.  All of it blocks.
 */


#ifndef _BIGCACHE_OPEN_H_INCLUDED_
#define _BIGCACHE_OPEN_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_segments.h"


typedef struct {
    int                     lock;      /* -1: not open */
    bigcache_files_t       *files;     /* the caller's */
    bigcache_index_t       *index;
    bigcache_segments_t    *segments;
    bigcache_index_walk_t  *walk;      /* counts the keys, NULL: count holds */
    uint64_t                count;
    uint64_t                version;   /* the last one given out, at least */
    uint64_t                synced;    /* as store->synced, 0: not known */
    uint64_t                active;    /* segment to be written on, or 0 */
    unsigned                fresh:1;   /* it was empty */
    unsigned                recount:1; /* the count that was kept is wrong */
} bigcache_open_t;


/*
 * Opens the directory, which is locked already if open->lock is not -1, with
 * the files that open names.  A damaged index, or any if repair, is repaired,
 * or else set aside and begun anew; that is logged.  Returns BIGCACHE_OK;
 * BIGCACHE_UNAVAILABLE if another process has it open; BIGCACHE_FULL;
 * BIGCACHE_ERROR; and the reason in error.
 */
bigcache_rc_t bigcache_open(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int repair, char *error);

/*
 * Closes it, open->walk and open->lock too unless that is -1, and keeps count
 * and version for the next time; counted: open->count holds.
 */
void bigcache_open_close(const bigcache_store_conf_t *conf,
    bigcache_open_t *open, int counted);


#endif /* _BIGCACHE_OPEN_H_INCLUDED_ */

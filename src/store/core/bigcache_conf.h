
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The configuration of a store, and what a store shares with its process and
 * with other processes.
 */


#ifndef _BIGCACHE_CONF_H_INCLUDED_
#define _BIGCACHE_CONF_H_INCLUDED_


#include "bigcache_hot.h"
#include "bigcache_index.h"
#include "bigcache_log.h"
#include "bigcache_rc.h"
#include "bigcache_shared.h"


typedef struct bigcache_store_s  bigcache_store_t;

typedef void (*bigcache_removed_pt)(void *data, uint64_t expired,
    uint64_t purged);

/*
 * Called when another process takes the directory over, or this one does.  The
 * keeper calls them unless stated otherwise.
 *
 * opened: this process has opened the store.  If it returns another code than
 * BIGCACHE_OK, with the reason in error, the keeper closes the store again.
 *
 * closing: this process is about to close the store, maybe to open it again.
 * No other process can open it before this returns.  A thread that closes on
 * demand calls it, too.
 *
 * held: another process has the store open.  This may wait until that ends.
 * It must call bigcache_store_held() before and after.  If it returns another
 * code than BIGCACHE_OK, with the reason in error, the other process cannot be
 * asked.
 *
 * removed: the store has removed segments.  Has the processes that ask this one
 * close their files, whose space is free only then.  Never blocks.
 *
 * swept: returns 1 if all of them have done so, or 0.  Never blocks.
 *
 * wake: ends the wait of held.  Any thread.
 *
 * there: returns 1 if another process has the store open and can be asked.
 * May wait for conf.wait.  Any thread.
 */
typedef struct {
    bigcache_rc_t         (*opened)(void *data, char *error);
    void                  (*closing)(void *data);
    bigcache_rc_t         (*held)(void *data, char *error);
    void                  (*removed)(void *data);
    int                   (*swept)(void *data);
    void                  (*wake)(void *data);
    int                   (*there)(void *data);
    void                   *data;
} bigcache_store_hooks_t;

typedef struct {
    const char             *path;     /* of the directory */
    unsigned                wait;     /* for a store to open, milliseconds */
    unsigned                sync;     /* after a write, milliseconds, 0: off */
    bigcache_index_conf_t   index;
    uint64_t                segment_size;
    uint64_t                max_size; /* of the directory, 0: no limit */
    uint64_t                min_free; /* on its file system, 0: none */
    size_t                  gzip_min; /* of pages to pack, SIZE_MAX: none */
    bigcache_log_t          log;

    /* called when the store has removed pages by itself; any thread */
    bigcache_removed_pt     removed;
    void                   *data;

    /* a process on its own may leave all of these NULL */
    bigcache_shared_t      *shared;
    bigcache_hot_t         *hot;
    bigcache_store_hooks_t  hooks;
} bigcache_store_conf_t;


#endif /* _BIGCACHE_CONF_H_INCLUDED_ */

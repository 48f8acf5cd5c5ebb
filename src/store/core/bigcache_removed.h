
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Which keys were removed, and when, for pages that are fetched meanwhile.
 *
 * A page of an origin is asked for at one time and put later.  If its key was
 * deleted or purged in between, the page may be older than the reason for that,
 * and must not be stored.  So the latest removal of each key is noted here, by
 * its version, and a put compares the version at which its fetch began.
 *
 * The removal of a page counts for its variants, too, whose keys begin with its
 * key and NUL.  The memory is bounded, and errs only by taking a key for
 * removed: keys share slots by their hash, and when there are too many
 * prefixes, the oldest of them becomes a removal of all keys.  So does an
 * opening of the store, since this process does not know what another one has
 * removed.
 *
 * It has a lock of its own.  Any thread; never blocks on the disk.
 */


#ifndef _BIGCACHE_REMOVED_H_INCLUDED_
#define _BIGCACHE_REMOVED_H_INCLUDED_


#include <pthread.h>
#include <stdint.h>

#include "bigcache_str.h"


#define BIGCACHE_REMOVED_SLOTS     65536
#define BIGCACHE_REMOVED_PREFIXES  256


typedef struct {
    uint64_t                    version;
    size_t                      len;
    u_char                     *data;       /* malloc()ed, NULL: none yet */
} bigcache_removed_prefix_t;

typedef struct {
    pthread_mutex_t             mutex;
    uint64_t                    all;        /* up to it, all keys */
    uint64_t                    slots[BIGCACHE_REMOVED_SLOTS];
    bigcache_removed_prefix_t   prefixes[BIGCACHE_REMOVED_PREFIXES];
    unsigned                    next;       /* prefix to write to */
} bigcache_removed_t;


void bigcache_removed_init(bigcache_removed_t *removed);
void bigcache_removed_destroy(bigcache_removed_t *removed);

/*
 * Notes that a key, all keys with a prefix, or all keys are removed at that
 * version, which is later than all before it.  The caller must call it before
 * it takes the lock of a key to remove what is there: then a put comes before
 * the removal, or finds the note.
 */
void bigcache_removed_key(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version);
void bigcache_removed_prefix(bigcache_removed_t *removed,
    const bigcache_str_t *prefix, uint64_t version);
void bigcache_removed_all(bigcache_removed_t *removed, uint64_t version);

/*
 * Returns 1 if the key was removed, or may have been, later than that version;
 * or 0.  A put must call it with the lock of the key held.
 */
int bigcache_removed_since(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version);


#endif /* _BIGCACHE_REMOVED_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What was removed, and when, for pages that are made meanwhile.
 *
 * A page is asked for at one time and put later.  If its key was deleted or
 * purged in between, or one of its tags was, the page may be older than the
 * reason for that, and must not be stored.  So the latest removal of each key,
 * of each tag and of each prefix is noted here, by its version, and a put
 * compares the version at which the page was asked for.  Soft purges have notes
 * of their own: such a page is stored, as a stale one.
 *
 * The removal of a page counts for its variants, too, and for the same URL with
 * another scheme or port.  The memory is bounded, and errs only by taking a
 * page for removed: keys share slots by their hash, and so do tags, and when
 * there are too many prefixes, the oldest of them becomes a removal of all
 * keys.  So does an opening of the store, since this process does not know what
 * another one has removed.
 *
 * It has a lock of its own.  Any thread; never blocks on the disk.
 */


#ifndef _BIGCACHE_REMOVED_H_INCLUDED_
#define _BIGCACHE_REMOVED_H_INCLUDED_


#include <pthread.h>
#include <stdint.h>

#include "bigcache_selector.h"


#define BIGCACHE_REMOVED_KEYS      131072
#define BIGCACHE_REMOVED_TAGS      65536
#define BIGCACHE_REMOVED_PREFIXES  4096


typedef struct {
    uint64_t                    version;
    size_t                      len;
    u_char                     *data;       /* a selector, malloc()ed */
} bigcache_removed_prefix_t;

typedef struct {
    pthread_mutex_t             mutex;
    uint64_t                    all;        /* up to it, all keys */
    uint64_t                    keys[BIGCACHE_REMOVED_KEYS];
    uint64_t                    tags[BIGCACHE_REMOVED_TAGS];
    bigcache_removed_prefix_t   prefixes[BIGCACHE_REMOVED_PREFIXES];
    unsigned                    next;       /* prefix to write to */
} bigcache_removed_t;


/* the memory must be zeroes */

void bigcache_removed_init(bigcache_removed_t *removed);
void bigcache_removed_destroy(bigcache_removed_t *removed);

/*
 * Notes that a key, all that a selector selects, or everything is removed at
 * that version, which is later than all before it.  The caller must call it
 * before it takes the lock of a key to remove what is there: then a put comes
 * before the removal, or finds the note.
 */
void bigcache_removed_key(bigcache_removed_t *removed,
    const bigcache_str_t *key, uint64_t version);
void bigcache_removed_selector(bigcache_removed_t *removed,
    const bigcache_selector_t *selector, uint64_t version);
void bigcache_removed_all(bigcache_removed_t *removed, uint64_t version);

/*
 * Returns the version of a removal, later than that version, of a page of that
 * key with those tags, or of one that may have been; or 0.  A put must call it
 * with the lock of the key held.
 */
uint64_t bigcache_removed_since(bigcache_removed_t *removed,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t version);


#endif /* _BIGCACHE_REMOVED_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Hits and misses of recently used keys need neither a thread nor another
 * process.  The hot index, in memory that all processes share, says where the
 * page is.  The page is read only if it is in the page cache.
 *
 * bigcache_peek() and bigcache_peek_count() are for an event loop: they never
 * block.  The others are for any thread that reads the index.
 */


#ifndef _BIGCACHE_PEEK_H_INCLUDED_
#define _BIGCACHE_PEEK_H_INCLUDED_


#include "bigcache_ask.h"
#include "bigcache_hot.h"


/* bytes of a body: as much as is held in memory at once, see docs/hot.md */

#define BIGCACHE_PEEK_MAX  BIGCACHE_PAGE_LARGE


/* bigcache_cache_peek() and bigcache_cache_peeked(), for the engine's table */

bigcache_rc_t bigcache_peek(bigcache_cache_t *cache,
    const bigcache_str_t *key, unsigned file, bigcache_page_t *page);
void bigcache_peek_count(bigcache_cache_t *cache);

/*
 * The same for a thread: it may read the disk, and verifies the checksum.  It
 * needs neither the index nor the owner, and answers while no process has the
 * store open.  Returns BIGCACHE_OK; BIGCACHE_MISS; or BIGCACHE_AGAIN if the
 * caller must look at the index.
 */
bigcache_rc_t bigcache_peek_block(bigcache_local_t *local,
    const bigcache_str_t *key, bigcache_page_t *page);

/*
 * Around a look at the index.  bigcache_peek_note() must be called before the
 * look, and sets *note.  bigcache_peek_enter() must be called after it, with
 * *note, rc, and the record if rc is BIGCACHE_OK: it enters the result in the
 * hot index.
 */
void bigcache_peek_note(bigcache_local_t *local, const bigcache_str_t *key,
    bigcache_hot_note_t *note);
void bigcache_peek_enter(bigcache_local_t *local, const bigcache_str_t *key,
    const bigcache_hot_note_t *note, bigcache_rc_t rc,
    const bigcache_record_t *record);


#endif /* _BIGCACHE_PEEK_H_INCLUDED_ */

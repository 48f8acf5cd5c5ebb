
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pages that cannot be read are removed and logged, once each.  Threads inside
 * the store that hold no lock of a key; both calls block.
 */


#ifndef _BIGCACHE_DAMAGED_H_INCLUDED_
#define _BIGCACHE_DAMAGED_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_record.h"


/*
 * Removes a page that could not be read, or brings back the page that it
 * replaced.  rc says why: BIGCACHE_MISS, its segment is gone;
 * BIGCACHE_DAMAGED, its entry fails its check.  Any other rc is returned as it
 * is.  Returns BIGCACHE_MISS; or BIGCACHE_MISMATCH if the index by now names
 * another entry than record: then the caller must read the record again.
 */
bigcache_rc_t bigcache_damaged_page(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_rc_t rc,
    const bigcache_record_t *record);

/*
 * removes a page if it has that version, or any for BIGCACHE_EXPECT_ANY; logs
 * what
 */

void bigcache_damaged_record(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, const char *what);


#endif /* _BIGCACHE_DAMAGED_H_INCLUDED_ */

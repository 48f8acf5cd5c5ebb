
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pages that cannot be read: they are removed, and logged, once each.  For
 * threads inside the store; both block.
 */


#ifndef _BIGCACHE_DAMAGED_H_INCLUDED_
#define _BIGCACHE_DAMAGED_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_record.h"


/*
 * Deals with a page whose segment is gone, rc is BIGCACHE_MISS, or whose entry
 * fails its check, BIGCACHE_DAMAGED; other codes it returns.  If the index
 * no longer names the entry that record says, that is no damage: returns
 * BIGCACHE_MISMATCH, else BIGCACHE_MISS.
 */
bigcache_rc_t bigcache_damaged_page(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_rc_t rc,
    const bigcache_record_t *record);

/* removes a page of that version, BIGCACHE_EXPECT_ANY: of any, and logs what */

void bigcache_damaged_record(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, const char *what);


#endif /* _BIGCACHE_DAMAGED_H_INCLUDED_ */

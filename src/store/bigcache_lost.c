
/*
 * Copyright (C) bigcache contributors
 */


#include <string.h>

#include "bigcache_key.h"
#include "bigcache_life.h"
#include "bigcache_lost.h"


bigcache_rc_t
bigcache_key_lost(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_rc_t rc, const bigcache_record_t *record)
{
    int             gone;
    bigcache_old_t  old;

    gone = (rc == BIGCACHE_MISS);

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    rc = bigcache_key_look(store, key, &old);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!old.found
        || old.record.version != record->version
        || old.record.segment != record->segment
        || old.record.offset != record->offset)
    {
        return BIGCACHE_MISMATCH;
    }

    bigcache_key_damaged(store, key, record->version,
                           gone
                           ? "its segment is gone"
                           : "its entry in the segment fails its check");

    return BIGCACHE_MISS;
}


void
bigcache_key_damaged(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, const char *what)
{
    uint64_t          hash;
    bigcache_match_t  match;

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": key \"%.*s\" is damaged and will be removed: "
                 "%s", store->conf.path,
                 (int) (key->len < 256 ? key->len : 256), key->data, what);

    memset(&match, 0, sizeof(bigcache_match_t));
    match.version = version;

    if (bigcache_key_remove(store, key, &match) == BIGCACHE_OK
        || store->conf.hot == NULL)
    {
        return;
    }

    /* it is a miss for now, but nobody is to note that: it may be there yet */

    hash = bigcache_hot_hash(store->conf.hot, key);

    (void) bigcache_hot_begin(store->conf.hot, hash);
    bigcache_hot_end(store->conf.hot, hash);
}

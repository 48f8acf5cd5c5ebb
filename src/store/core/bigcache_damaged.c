
/*
 * Copyright (C) bigcache contributors
 */


/*
 * removes pages that cannot be read, or brings back the pages that they
 * replaced
 */


#include <string.h>

#include "bigcache_core.h"
#include "bigcache_damaged.h"
#include "bigcache_key.h"
#include "bigcache_previous.h"


static void bigcache_damaged_drop(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t version, int level, const char *state,
    const char *what);


bigcache_rc_t
bigcache_damaged_page(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_rc_t rc, const bigcache_record_t *record)
{
    int             gone;
    bigcache_old_t  old;

    gone = (rc == BIGCACHE_MISS);

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    rc = bigcache_key_read(store, key, &old);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!bigcache_key_read_same(&old, record)) {
        return BIGCACHE_MISMATCH;
    }

    rc = bigcache_key_revert(store, key, record);

    if (rc == BIGCACHE_OK) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_WARN,
                     "store \"%s\": key \"%.*s\" had not reached the disk "
                     "completely, the page that it replaced is restored",
                     store->conf.path,
                     (int) (key->len < 256 ? key->len : 256), key->data);

        return BIGCACHE_MISMATCH;
    }

    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    if (bigcache_previous_torn(store, &old.record)) {
        bigcache_damaged_drop(store, key, record->version, BIGCACHE_LOG_WARN,
                              "had not reached the disk completely and will be "
                              "removed", "");
        return BIGCACHE_MISS;
    }

    bigcache_damaged_record(store, key, record->version,
                            gone ? "its segment is gone"
                                 : "its entry in the segment fails its check");

    return BIGCACHE_MISS;
}


void
bigcache_damaged_record(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, const char *what)
{
    bigcache_damaged_drop(store, key, version, BIGCACHE_LOG_CRIT,
                          "is damaged and will be removed: ", what);
}


static void
bigcache_damaged_drop(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t version, int level, const char *state, const char *what)
{
    uint64_t          hash;
    bigcache_match_t  match;

    bigcache_log(&store->conf.log, level, "store \"%s\": key \"%.*s\" %s%s",
                 store->conf.path,
                 (int) (key->len < 256 ? key->len : 256), key->data, state,
                 what);

    memset(&match, 0, sizeof(bigcache_match_t));
    match.version = version;

    if (bigcache_key_remove(store, key, &match) == BIGCACHE_OK
        || store->conf.hot == NULL)
    {
        return;
    }

    /*
     * The key misses for now, but its page was not removed and may be readable
     * later.  So no thread that reads now may note a miss in the hot index.
     */

    hash = bigcache_hot_hash(store->conf.hot, key);

    (void) bigcache_hot_begin(store->conf.hot, hash);
    bigcache_hot_end(store->conf.hot, hash);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What is stored under a key, read with the lock of the key or without it.
 * Threads inside the store; all calls but bigcache_key_read_slot() and
 * bigcache_key_read_matches() block on the disk.
 */


#ifndef _BIGCACHE_KEY_READ_H_INCLUDED_
#define _BIGCACHE_KEY_READ_H_INCLUDED_


#include <pthread.h>

#include "bigcache_conf.h"
#include "bigcache_record.h"


/* what was found under a key */

typedef struct {
    bigcache_record_t   record;
    unsigned            found:1;      /* there is a record, a bad one too */
    unsigned            live:1;       /* neither expired nor purged */
    unsigned            expired:1;
} bigcache_old_t;

/*
 * the same with the bytes that old.record points into, and the lock of the key
 */

typedef struct {
    bigcache_old_t      old;
    bigcache_str_t      value;
    pthread_mutex_t    *lock;
} bigcache_key_read_t;

/* which record to remove: a member that is 0 or NULL matches any */

typedef struct {
    uint64_t                    version;  /* of this version */
    uint64_t                    before;   /* of an earlier origin, purged */
    uint64_t                    until;    /* of no later origin */
    int64_t                     expired;  /* that has expired then, in ms, and
                                             was not stored in the last */
    int64_t                     grace;    /* ms before that */
    uint64_t                    segment;  /* in this segment, at offset */
    uint64_t                    offset;
    const bigcache_selector_t  *selector;
} bigcache_match_t;


/* returns which of the BIGCACHE_CORE_LOCKS in store->keys is the key's */

unsigned bigcache_key_read_slot(const bigcache_str_t *key);

/*
 * Reads what is stored under the key, and applies the purges under way.  The
 * strings of old->record are not valid afterwards.  Returns BIGCACHE_OK, also
 * if there is nothing or the record is damaged; or BIGCACHE_ERROR, logged.
 */
bigcache_rc_t bigcache_key_read(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old);

/*
 * Locks the key and reads what is there.  Returns the same.  The caller must
 * call bigcache_key_read_end() in any case.
 */
bigcache_rc_t bigcache_key_read_begin(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_key_read_t *read);
void bigcache_key_read_end(bigcache_key_read_t *read);

/*
 * The same with the lock held.  Sets *value to the bytes of the record, which
 * the caller must pass to bigcache_index_free().
 */
bigcache_rc_t bigcache_key_read_value_locked(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_old_t *old, bigcache_str_t *value);

/*
 * sets *old from the bytes of a record, as the calls above do; its strings are
 * valid as long as the bytes are
 */

void bigcache_key_read_decode(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_str_t *value,
    bigcache_old_t *old);

/* returns 1 if the record of the key matches, or 0 */

int bigcache_key_read_matches(const bigcache_str_t *key,
    const bigcache_record_t *record, const bigcache_match_t *match);

/* returns 1 if both records name the same entry, or 0 */

int bigcache_key_read_same(const bigcache_old_t *old,
    const bigcache_record_t *record);


#endif /* _BIGCACHE_KEY_READ_H_INCLUDED_ */

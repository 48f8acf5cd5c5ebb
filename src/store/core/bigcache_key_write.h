
/*
 * Copyright (C) bigcache contributors
 */


/*
 * One write to the index, of one key or of many; for bigcache_key.c and
 * bigcache_key_removal.c only.  It keeps the expiry times, the counts and the
 * hot index in step with the records.  Threads inside the store that hold the
 * locks of the keys; calls block on the disk.
 */


#ifndef _BIGCACHE_KEY_WRITE_H_INCLUDED_
#define _BIGCACHE_KEY_WRITE_H_INCLUDED_


#include "bigcache_key_read.h"


/* keys of one write, at most */

#define BIGCACHE_KEY_WRITES  32


/* one key's part of a write */

typedef struct {
    bigcache_str_t            key;
    bigcache_old_t            old;
    const bigcache_record_t  *record;     /* the new one, NULL: none */
    const bigcache_str_t     *value;
    u_char                   *was;        /* memory for names of expiry times */
    u_char                   *will;
    uint64_t                  hash;
} bigcache_key_write_t;


/*
 * Encodes record, in a segment, to go over old, whose bytes are at value: with
 * what it has to carry, bigcache_previous.h.  written: a version not earlier
 * than this write.  Returns BIGCACHE_OK and *bytes, to be freed, or
 * BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_key_write_encode_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record,
    uint64_t written, const bigcache_old_t *old, const bigcache_str_t *value,
    bigcache_str_t *bytes);

/*
 * The record of the key is not the one that a removal is for, but may carry it
 * as a previous record: takes that away, or a power cut could bring it back.
 * Returns BIGCACHE_OK, BIGCACHE_NOMEM, or what bigcache_key_write_locked()
 * does.
 */
bigcache_rc_t bigcache_key_write_strip_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *match);

/*
 * Makes all n writes, 1 to BIGCACHE_KEY_WRITES, or none of them.  Returns
 * BIGCACHE_OK, or bigcache_fault_rc(); a failure is logged.
 */
bigcache_rc_t bigcache_key_write_locked(bigcache_store_t *store,
    bigcache_key_write_t *writes, unsigned n);


#endif /* _BIGCACHE_KEY_WRITE_H_INCLUDED_ */

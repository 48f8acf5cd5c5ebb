
/*
 * Copyright (C) bigcache contributors
 */


/*
 * One write to the index, for one key or for many; used by bigcache_key.c and
 * bigcache_key_removal.c only.  It changes the expiry times, the names of
 * tags, the counts and the hot index together with the records.  Threads
 * inside the store that hold the locks of the keys.  Calls block on the disk.
 */


#ifndef _BIGCACHE_KEY_WRITE_H_INCLUDED_
#define _BIGCACHE_KEY_WRITE_H_INCLUDED_


#include "bigcache_key_read.h"


/* the most keys that one write can have */

#define BIGCACHE_KEY_WRITES  32


/* the part of one key in a write */

typedef struct {
    bigcache_str_t            key;
    bigcache_old_t            old;        /* with valid strings */
    const bigcache_record_t  *record;     /* the new one, NULL: none */
    const bigcache_str_t     *value;
    u_char                   *was;        /* memory: names of expiry times */
    u_char                   *will;
    uint64_t                  hash;
} bigcache_key_write_t;


/*
 * Encodes a record, in a segment, that replaces old, whose bytes are at value.
 * Adds the previous record that bigcache_previous.h asks for.  written: a
 * version not earlier than this write.  Returns BIGCACHE_OK and *bytes, to be
 * freed by free(); or BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_key_write_encode_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record,
    uint64_t written, const bigcache_old_t *old, const bigcache_str_t *value,
    bigcache_str_t *bytes);

/*
 * For a removal that does not match the record of the key, but may match a
 * previous record in it: takes that away, since a power cut could bring it
 * back.  Returns BIGCACHE_OK, BIGCACHE_NOMEM, or the code of
 * bigcache_key_write_locked().
 */
bigcache_rc_t bigcache_key_write_strip_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *match);

/*
 * Encodes the record of the key as a soft purge of that version marks it, and
 * without the previous records that match.  Sets *record, which points into
 * old, and *bytes, to be freed by free().  Returns BIGCACHE_OK, or
 * BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_key_write_mark(const bigcache_str_t *key,
    const bigcache_old_t *old, const bigcache_match_t *match,
    bigcache_record_t *record, bigcache_str_t *bytes);

/*
 * Makes all n writes, 1 to BIGCACHE_KEY_WRITES, or none.  Returns BIGCACHE_OK,
 * BIGCACHE_NOMEM, or bigcache_fault_rc().  A failure is logged.
 */
bigcache_rc_t bigcache_key_write_locked(bigcache_store_t *store,
    bigcache_key_write_t *writes, unsigned n);

/*
 * The same for one key: writes the value, or removes the record if value is
 * NULL, and the expiry times.
 */
bigcache_rc_t bigcache_key_write_one_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_record_t *record, const bigcache_str_t *value);


#endif /* _BIGCACHE_KEY_WRITE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The previous record: it comes back if the record that replaced it did not
 * reach the disk together with its entry.
 *
 * A round of all (bigcache_sync.h) makes durable what is complete when it
 * begins.  For each lock of keys, the round takes that lock and notes the
 * latest version, which is the cut: records up to the cut are complete and in
 * the round, later ones are not.  A record that is written while the round is
 * under way cannot know how the round will end, so it carries two records: the
 * one that the round makes durable, and inside that, in case the round fails,
 * the one that is durable already.  After the round the first is enough.
 *
 * So when a round has succeeded, no record needs a page that was replaced
 * before the round began, and the segment of that page may be removed.
 */


#ifndef _BIGCACHE_PREVIOUS_H_INCLUDED_
#define _BIGCACHE_PREVIOUS_H_INCLUDED_


#include "bigcache_key_read.h"


/*
 * The previous record, and the memory that it may be in, which
 * bigcache_previous_free() frees.
 */
typedef struct {
    bigcache_str_t     record;
    u_char            *memory[2];
} bigcache_previous_t;


/*
 * Chooses the previous record for a record that replaces old, a live one whose
 * bytes are at value.  REQUIRES: key lock held.  old and value must outlive
 * the result.  Returns BIGCACHE_OK or BIGCACHE_NOMEM.  The caller must call
 * bigcache_previous_free() in any case.
 */
bigcache_rc_t bigcache_previous_carry_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_str_t *value, bigcache_previous_t *previous);
void bigcache_previous_free(bigcache_previous_t *previous);

/*
 * Returns 1 if the record is durable together with its entry, or 0.  REQUIRES:
 * key lock held, or the keys are not counted yet.
 */
int bigcache_previous_durable_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record);

/*
 * bigcache_previous_begin() begins a round: it notes the cut of each lock, and
 * waits until the index has every change up to there.  bigcache_previous_end()
 * ends the round; durable says whether everything up to the cuts is durable
 * now.  REQUIRES: no key lock held.
 */
void bigcache_previous_begin(bigcache_store_t *store);
void bigcache_previous_end(bigcache_store_t *store, int durable);

/*
 * Returns 1 if the record may have survived a crash that its entry did not
 * survive, or 0.  The result does not change when store->synced moves on.
 */
int bigcache_previous_torn(bigcache_store_t *store,
    const bigcache_record_t *record);


#endif /* _BIGCACHE_PREVIOUS_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The names of tags in the index, by which the pages of a tag are found.  A key
 * has a name for each tag of its record, and of the previous records in it,
 * since a power cut may bring these back.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_KEY_TAGS_H_INCLUDED_
#define _BIGCACHE_KEY_TAGS_H_INCLUDED_


#include "bigcache_index.h"


/* returns 1 if the record or a previous record in it has a tag of that hash */

int bigcache_key_tags_has(const bigcache_record_t *record, uint64_t hash);

/*
 * Returns how many changes bigcache_key_tags_changes() makes at most, for a
 * write that replaces the record old, zeroes if there is none, by the encoded
 * record at value, NULL if there is none.  Each needs sizeof(uint64_t) and the
 * length of the key in bytes for its name.
 */
unsigned bigcache_key_tags_count(const bigcache_record_t *old,
    const bigcache_str_t *value);

/*
 * Fills in the changes to the names of the key's tags, and moves *names behind
 * the memory that they use.  Returns how many there are.
 */
unsigned bigcache_key_tags_changes(bigcache_change_t *changes, u_char **names,
    const bigcache_str_t *key, const bigcache_record_t *old,
    const bigcache_str_t *value);


#endif /* _BIGCACHE_KEY_TAGS_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the owner, the process that has the store open, does for callers, which
 * are other processes that read and write pages themselves.  It grants them
 * extents of segments to write to, bigcache_granted.h, and changes the index
 * for them.  Each caller has a number of its own.
 *
 * All calls block.  Any thread outside of the store.  Those that return a code
 * may also return BIGCACHE_CLOSED, BIGCACHE_HELD, BIGCACHE_UNAVAILABLE,
 * BIGCACHE_NOMEM and BIGCACHE_ERROR, as those of bigcache_store.h do.
 */


#ifndef _BIGCACHE_REMOTE_H_INCLUDED_
#define _BIGCACHE_REMOTE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_record.h"


/* a page that a caller has written, see bigcache_put_t */

typedef struct {
    bigcache_str_t   key;
    uint64_t         expect;
    uint64_t         retry_floor;
    unsigned         fetched;
    u_char          *value;     /* the record */
    size_t           len;
} bigcache_commit_t;


/* the number of the owner itself; no caller has it */

#define BIGCACHE_REMOTE_SELF  0


/*
 * Grants an extent of at least *size bytes, or of most bytes if the segment
 * has enough of them.  Returns BIGCACHE_OK, and the extent in *id, *offset and
 * *size; BIGCACHE_FULL; or BIGCACHE_INVALID if the caller has more extents
 * than it can use.
 */
bigcache_rc_t bigcache_remote_lend(bigcache_store_t *store, uint64_t caller,
    uint64_t most, uint64_t *id, uint64_t *offset, uint64_t *size);

/* ends the caller's extent that begins at that place */

void bigcache_remote_take_back(bigcache_store_t *store, uint64_t caller,
    uint64_t id, uint64_t offset);

/* ends all extents of a caller */

void bigcache_remote_caller_gone(bigcache_store_t *store, uint64_t caller);

/* notes that a caller found the disk full */

void bigcache_remote_caller_reports_full(bigcache_store_t *store);

/*
 * Stores the bytes at commit->value, an index record that the caller has made.
 * Its entry is in an extent of the caller, or the record has its body.  Sets
 * the version in these bytes.  Returns BIGCACHE_OK and *record;
 * BIGCACHE_MISMATCH or BIGCACHE_FULL; BIGCACHE_STALE if the entry is in no
 * extent: the caller must write it again; BIGCACHE_INVALID if the bytes are no
 * record.
 *
 * commit->retry_floor: 0 for a first try.  Else the same call was made before,
 * its answer was lost, and this was the latest version at that time: what that
 * call has done is not done again.
 */
bigcache_rc_t bigcache_remote_commit(bigcache_store_t *store, uint64_t caller,
    const bigcache_commit_t *commit, bigcache_record_t *record);


#endif /* _BIGCACHE_REMOTE_H_INCLUDED_ */

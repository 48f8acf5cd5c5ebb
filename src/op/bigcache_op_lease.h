
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What operations do with the leases of clients, inside src/op only: a write
 * with a token needs its lease, and whatever is written or removed ends the
 * lease of its key.  Waiting and giving leases is the front end's part.
 */


#ifndef _BIGCACHE_OP_LEASE_H_INCLUDED_
#define _BIGCACHE_OP_LEASE_H_INCLUDED_


#include "bigcache_op.h"


/*
 * Before a put: if op->token is set, finds its lease, and has the put fail if
 * the key was removed since that was given.  Returns BIGCACHE_OK, or
 * BIGCACHE_MISMATCH and op->late.
 */
bigcache_rc_t bigcache_op_lease_begin(bigcache_op_t *op, bigcache_put_t *put,
    bigcache_rest_lease_t *lease);

/*
 * After a put that was BIGCACHE_MISMATCH: another process may have opened the
 * store since the lease was given, and not know what was removed before.  Of
 * keys and prefixes the leases know it, unless other nginxes remove them, too.
 * Returns 1 if the put, which is changed for that, may be tried once more, or
 * 0.
 */
int bigcache_op_lease_again(bigcache_op_t *op, bigcache_put_t *put,
    bigcache_rest_lease_t *lease);

/*
 * After the put, whose code is rc: ends the lease of the key.  If the lease of
 * op->token was ended by a removal meanwhile, it removes what was put.  Returns
 * rc, or BIGCACHE_MISMATCH and op->late.
 */
bigcache_rc_t bigcache_op_lease_end(bigcache_op_t *op, bigcache_rc_t rc,
    const bigcache_rest_lease_t *lease);

/*
 * Before and after a removal of op->key, whether or not that succeeds.  From
 * the first one on the client that has the lease can store nothing any more;
 * at the second one another client gets the lease.
 */
void bigcache_op_lease_remove(bigcache_op_t *op);
void bigcache_op_lease_removed(bigcache_op_t *op);

/*
 * Purges what is selected, as op->async says, or clears the cache.  Leases end
 * as above, when the purge has begun.  Whether a page has a tag only its put
 * shows: then the cache refuses that, or takes it for stale.  Adds to op->n and
 * to op->expired, whatever it returns.
 */
bigcache_rc_t bigcache_op_lease_purge(bigcache_op_t *op,
    const bigcache_selectors_t *selectors);
bigcache_rc_t bigcache_op_lease_clear(bigcache_op_t *op);


#endif /* _BIGCACHE_OP_LEASE_H_INCLUDED_ */

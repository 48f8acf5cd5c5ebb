
/*
 * Copyright (C) bigcache contributors
 */


/* The leases of clients, as writes and removals see them. */


#include "bigcache_op_lease.h"
#include "bigcache_time.h"


static void bigcache_op_lease_purged(void *data);
static int bigcache_op_lease_selected(void *data, const bigcache_str_t *begin,
    int whole);


bigcache_rc_t
bigcache_op_lease_begin(bigcache_op_t *op, bigcache_put_t *put,
    bigcache_rest_lease_t *lease)
{
    if (op->token == NULL) {
        return BIGCACHE_OK;
    }

    if (op->leases == NULL
        || !bigcache_rest_lease_find(op->leases, bigcache_time_monotonic(),
                                     &op->key, op->token, lease))
    {
        op->late = 1;

        if (op->leases) {
            bigcache_rest_lease_late(op->leases);
        }

        return BIGCACHE_MISMATCH;
    }

    put->fetched = 1;
    put->origin = lease->version;

    return BIGCACHE_OK;
}


int
bigcache_op_lease_again(bigcache_op_t *op, bigcache_put_t *put,
    bigcache_rest_lease_t *lease)
{
    if (!put->fetched
        || put->tags.len
        || op->cache->apart
        || op->token == NULL
        || !bigcache_rest_lease_find(op->leases, bigcache_time_monotonic(),
                                     &op->key, op->token, lease))
    {
        return 0;
    }

    put->fetched = 0;
    put->origin = 0;

    return 1;
}


bigcache_rc_t
bigcache_op_lease_end(bigcache_op_t *op, bigcache_rc_t rc,
    const bigcache_rest_lease_t *lease)
{
    int64_t  now;

    if (op->leases == NULL) {
        return rc;
    }

    now = bigcache_time_monotonic();

    if (op->token == NULL) {

        if (rc == BIGCACHE_OK) {
            bigcache_rest_lease_stored(op->leases, now, &op->key);
        }

        return rc;
    }

    if (rc == BIGCACHE_OK
        && bigcache_rest_lease_end(op->leases, now, 1, lease))
    {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_OK) {

        /*
         * The removal began after the lease was found, and may have been done
         * before the put: then nothing else removes what was made before it
         */

        (void) bigcache_cache_delete(op->cache, &op->key, op->page.version);
        (void) bigcache_cache_sync(op->cache);

    } else if (rc == BIGCACHE_MISMATCH) {
        (void) bigcache_rest_lease_end(op->leases, now, 0, lease);

    } else {

        /* the client may try it again */

        return rc;
    }

    op->late = 1;
    bigcache_rest_lease_late(op->leases);

    return BIGCACHE_MISMATCH;
}


void
bigcache_op_lease_remove(bigcache_op_t *op)
{
    if (op->leases) {
        op->removal = bigcache_rest_lease_remove(op->leases, &op->key,
                                                 op->removal);
    }
}


void
bigcache_op_lease_removed(bigcache_op_t *op)
{
    if (op->removal) {
        bigcache_rest_lease_removed(op->leases, &op->key, op->removal);
        op->removal = 0;
    }
}


bigcache_rc_t
bigcache_op_lease_purge(bigcache_op_t *op,
    const bigcache_selectors_t *selectors)
{
    bigcache_rc_t      rc;
    bigcache_purged_t  purged;

    if (op->leases) {
        op->removal = bigcache_rest_lease_purge(op->leases,
                                                bigcache_op_lease_selected,
                                                (void *) selectors);
    }

    purged.begun = bigcache_op_lease_purged;
    purged.data = op;

    rc = bigcache_cache_purge(op->cache, selectors, op->async, &purged);

    op->n += purged.n;
    op->expired += op->soft ? 0 : purged.expired;

    /* it may have failed before it had begun */

    bigcache_op_lease_purged(op);

    return rc;
}


bigcache_rc_t
bigcache_op_lease_clear(bigcache_op_t *op)
{
    bigcache_rc_t  rc;

    if (op->leases) {
        op->removal = bigcache_rest_lease_purge(op->leases,
                                                bigcache_op_lease_selected,
                                                NULL);
    }

    rc = bigcache_cache_clear(op->cache);

    bigcache_op_lease_purged(op);

    return rc;
}


static void
bigcache_op_lease_purged(void *data)
{
    bigcache_op_t *op = data;

    if (op->removal) {
        bigcache_rest_lease_removed(op->leases, NULL, op->removal);
        op->removal = 0;
    }
}


/* whole: begin is all of the key, else the key is longer */

static int
bigcache_op_lease_selected(void *data, const bigcache_str_t *begin, int whole)
{
    const bigcache_selectors_t *selectors = data;

    size_t                at;
    bigcache_selector_t   selector;

    if (selectors == NULL) {
        return 1;
    }

    at = 0;

    while (bigcache_selectors_next(selectors, &at, &selector)) {

        if (selector.host.len || selector.tag.len) {
            continue;
        }

        if (whole || selector.prefix.len <= begin->len) {

            if (bigcache_selector_key(&selector, begin)) {
                return 1;
            }

        } else if (bigcache_str_begins(&selector.prefix, begin)) {
            return 1;
        }
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/* The operations that remove pages: one, or all of a prefix. */


#include "bigcache_op_lease.h"
#include "bigcache_op_write.h"


void
bigcache_op_delete(bigcache_op_t *op)
{
    unsigned       i;
    uint64_t       expect;
    bigcache_rc_t  rc, synced;

    rc = BIGCACHE_BUSY;

    for (i = 0; i < BIGCACHE_OP_TRIES; i++) {

        rc = bigcache_op_write_expect(op, &expect);

        if (rc == BIGCACHE_OK) {
            bigcache_op_lease_remove(op);
        }

        if (rc == BIGCACHE_OK && expect == BIGCACHE_EXPECT_NONE) {
            rc = op->expired ? BIGCACHE_EXPIRED : BIGCACHE_MISS;
            break;
        }

        if (rc != BIGCACHE_OK) {
            break;
        }

        rc = bigcache_cache_delete(op->cache, &op->key, expect);

        if (rc == BIGCACHE_EXPIRED) {
            op->expired = 1;
        }

        /* the page changed after that look: checks the conditions again */

        if (rc != BIGCACHE_MISMATCH
            && (expect == BIGCACHE_EXPECT_ANY
                || (rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED)))
        {
            break;
        }
    }

    bigcache_op_lease_removed(op);

    op->n = (rc == BIGCACHE_OK);

    if (i == BIGCACHE_OP_TRIES) {
        rc = BIGCACHE_BUSY;
    }

    if (!op->later
        && (rc == BIGCACHE_OK || rc == BIGCACHE_EXPIRED
            || rc == BIGCACHE_MISS))
    {
        synced = bigcache_cache_sync(op->cache);

        if (synced != BIGCACHE_OK) {
            rc = synced;
        }
    }

    bigcache_op_finish(op, rc);
}


void
bigcache_op_delete_prefix(bigcache_op_t *op)
{
    bigcache_selectors_t  list;

    bigcache_selectors_prefix(&list, &op->key);

    bigcache_op_finish(op, bigcache_op_lease_purge(op, &list));
}

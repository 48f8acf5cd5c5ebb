
/*
 * Copyright (C) bigcache contributors
 */


/* The operations on the whole cache. */


#include "bigcache_op_lease.h"


/* milliseconds that gauges wait for another process */

#define BIGCACHE_OP_ADMIN_WAIT  1000


void
bigcache_op_admin_count(bigcache_op_t *op)
{
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    stat.keys = 0;
    rc = bigcache_cache_stat(op->cache, 0, &stat);

    op->n = stat.keys;

    bigcache_op_finish(op, rc);
}


void
bigcache_op_admin_gauges(bigcache_op_t *op)
{
    op->up = (bigcache_cache_stat(op->cache, BIGCACHE_OP_ADMIN_WAIT, &op->stat)
              == BIGCACHE_OK);

    bigcache_op_finish(op, BIGCACHE_OK);
}


void
bigcache_op_admin_clear(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_op_lease_clear(op));
}


void
bigcache_op_admin_close(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_close(op->cache));
}


void
bigcache_op_admin_open(bigcache_op_t *op)
{
    bigcache_op_finish(op, bigcache_cache_open(op->cache));
}

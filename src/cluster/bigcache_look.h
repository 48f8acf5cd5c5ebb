
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page and the purges of its bucket, as they are in one moment: what a script
 * cannot find out by itself, since it does not know selectors.  A script that
 * meets a purge asks its caller to look; the caller calls it again with how
 * many purges it has seen, and the script goes on if there are no more.
 */


#ifndef _BIGCACHE_LOOK_H_INCLUDED_
#define _BIGCACHE_LOOK_H_INCLUDED_


#include "bigcache_markers.h"
#include "bigcache_space.h"
#include "bigcache_value.h"


/* bytes of a page that are read to know all but its body, if it has few tags */

#define BIGCACHE_LOOK_FRONT  1024

/* digits of a count */

#define BIGCACHE_LOOK_COUNT  24


typedef struct {
    bigcache_str_t   purges;    /* how many were begun, "" if not looked */
    bigcache_str_t   dead;      /* version of the page, if one removes it */
    unsigned         removed:1; /* one has removed what was fetched */
    int64_t          stale;     /* a soft one did, at that time, ms */
    u_char           memory[BIGCACHE_LOOK_COUNT + BIGCACHE_VALUE_DIGITS];
} bigcache_look_t;  /* all zeroes: not looked */


/*
 * Looks.  tags and origin are those of a page that was fetched, or tags is
 * NULL.  Returns BIGCACHE_OK; or what bigcache_space_run() returns.
 */
bigcache_rc_t bigcache_look(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t origin,
    bigcache_look_t *look);

/*
 * Decodes a page of which reply has the first BIGCACHE_LOOK_FRONT bytes, and
 * reads its front again if that is longer.  Returns BIGCACHE_OK and *value,
 * which points into the reply or into *memory; BIGCACHE_MISS if it is not
 * there, or is none; or what bigcache_space_run() returns.  Whatever it
 * returns, the caller must free *memory.
 */
bigcache_rc_t bigcache_look_value(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *name, const bigcache_reply_t *reply,
    u_char **memory, bigcache_value_t *value);

/* the same for a front that the first bytes did not hold */

bigcache_rc_t bigcache_look_front(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *name, u_char **memory, bigcache_value_t *value);


#endif /* _BIGCACHE_LOOK_H_INCLUDED_ */

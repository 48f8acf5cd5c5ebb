
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What is stored, in the order of the keys: a part of it at a time, which has
 * bounds in memory and in time however much there is, but always gets further
 * by a key.  The time may be exceeded by one read of the disk, and where many
 * keys were just removed, which LevelDB passes over by itself.
 *
 * A list belongs to whoever has made it, and is plain bytes, so that it can be
 * sent to another process.  bigcache_store_list() blocks, as all calls of
 * bigcache_store.h do; any thread.
 */


#ifndef _BIGCACHE_LIST_H_INCLUDED_
#define _BIGCACHE_LIST_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_rc.h"
#include "bigcache_record.h"


/* bytes of rows: seven of the largest */

#define BIGCACHE_LIST_MEMORY  (64 * 1024)

/* milliseconds that are spent inside the store */

#define BIGCACHE_LIST_TIME    100


typedef struct {
    bigcache_str_t   key;
    bigcache_str_t   type;      /* of a raw page */
    unsigned         kind;      /* BIGCACHE_KIND_* */
    uint64_t         version;
    int64_t          expire;    /* ms since the epoch, BIGCACHE_NEVER */
    uint64_t         size;      /* bytes of the body, unpacked */
} bigcache_list_row_t;

typedef struct {
    unsigned         n;         /* rows */
    unsigned         more;      /* there may be others behind next */
    size_t           len;       /* bytes of rows */
    size_t           next_len;
    u_char           next[BIGCACHE_KEY_MAX];
    u_char           rows[BIGCACHE_LIST_MEMORY];
} bigcache_list_t;


/*
 * Lists live pages, of limit at most, 1 or more, whose keys begin with prefix
 * and are greater than after, unless its data is NULL.  Returns BIGCACHE_OK,
 * and fewer rows than limit, even none, with list->more, if a bound was met;
 * or what other calls of the store return.
 *
 * after may be the list's own next, where the part before this has ended: it
 * is not written to before the walk has a copy, and not at all if this returns
 * BIGCACHE_HELD, so that another process can be asked for the same.
 */
bigcache_rc_t bigcache_store_list(bigcache_store_t *store,
    const bigcache_str_t *prefix, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list);

/*
 * Makes list of what another process says it is: the rows and, with more, the
 * next that it gives for after and limit.  Returns 1; or 0 if that cannot be:
 * then list is not to be used, but next is as it was.  after as above.
 */
int bigcache_list_receive(bigcache_list_t *list, const bigcache_str_t *rows,
    const bigcache_str_t *next, int more, const bigcache_str_t *after,
    unsigned limit);

/*
 * Reads the row at *at, 0 to begin with, which is moved on; it points into the
 * list.  Returns 1, or 0 if there is none.
 */
int bigcache_list_row(const bigcache_list_t *list, size_t *at,
    bigcache_list_row_t *row);


#endif /* _BIGCACHE_LIST_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * A part of the keys in their order, as rows.  A list is plain bytes, so that
 * it can be sent to another process, and belongs to the caller that made it.
 * No call blocks; one thread at a time.
 */


#ifndef _BIGCACHE_LIST_H_INCLUDED_
#define _BIGCACHE_LIST_H_INCLUDED_


#include "bigcache_rc.h"
#include "bigcache_record.h"


/* bytes of rows: seven of the largest */

#define BIGCACHE_LIST_MEMORY  (64 * 1024)


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


/* makes an empty list, whose next is after */

void bigcache_list_init(bigcache_list_t *list, const bigcache_str_t *after);

/* appends a row; returns 1, or 0 if the list has no memory left for it */

int bigcache_list_add(bigcache_list_t *list, const bigcache_list_row_t *row);

/* sets next, the key behind which the next part begins */

void bigcache_list_next(bigcache_list_t *list, const bigcache_str_t *key);

/*
 * Makes list of what another process says it is: the rows and, with more, the
 * next that it gives for after and limit.  after may be the list's own next.
 * Returns 1; or 0 if that cannot be: then the caller must not use the list, but
 * next is as it was.
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

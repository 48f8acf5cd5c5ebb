
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Some of the keys, in their order, as rows.  A list is plain bytes, so that
 * it can be sent to another process.  It belongs to the caller that made it.
 * Never blocks.  One thread at a time.
 */


#ifndef _BIGCACHE_LIST_H_INCLUDED_
#define _BIGCACHE_LIST_H_INCLUDED_


#include "bigcache_page.h"


/* bytes of the rows: room for at least two of the largest */

#define BIGCACHE_LIST_MEMORY  (64 * 1024)


typedef struct {
    bigcache_str_t   key;
    bigcache_str_t   type;      /* of a raw page */
    bigcache_str_t   tags;      /* encoded, see bigcache_tags.h */
    unsigned         kind;      /* BIGCACHE_KIND_* */
    uint64_t         version;
    int64_t          expire;    /* ms since the epoch, BIGCACHE_NEVER; until
                                   then an entry of the REST API is fresh */
    uint64_t         size;      /* bytes of the body, unpacked */
} bigcache_list_row_t;

typedef struct {
    unsigned         n;         /* rows */
    unsigned         more;      /* there may be keys after next */
    size_t           len;       /* bytes of rows */
    size_t           next_len;
    u_char           next[BIGCACHE_KEY_MAX];
    u_char           rows[BIGCACHE_LIST_MEMORY];
} bigcache_list_t;


/* makes an empty list, and sets its next to after */

void bigcache_list_init(bigcache_list_t *list, const bigcache_str_t *after);

/* appends a row; returns 1, or 0 if the list has no room for it */

int bigcache_list_add(bigcache_list_t *list, const bigcache_list_row_t *row);

/* sets next: the next part has only keys greater than that */

void bigcache_list_next(bigcache_list_t *list, const bigcache_str_t *key);

/*
 * Fills the list from the answer of another process, which may be wrong: the
 * rows, and next if more is 1.  after and limit are those of the question;
 * after may be the list's own next.  Returns 1; or 0 if the answer is
 * impossible: then the caller must not use the list, but next is unchanged.
 */
int bigcache_list_receive(bigcache_list_t *list, const bigcache_str_t *rows,
    const bigcache_str_t *next, int more, const bigcache_str_t *after,
    unsigned limit);

/*
 * Reads the row at *at, which is 0 for the first row, and moves *at to the
 * next.  The row points into the list.  Returns 1, or 0 if there are no more
 * rows.
 */
int bigcache_list_row(const bigcache_list_t *list, size_t *at,
    bigcache_list_row_t *row);


#endif /* _BIGCACHE_LIST_H_INCLUDED_ */

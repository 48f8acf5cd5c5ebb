
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page as it is passed to the store, and as the store returns it.
 */


#ifndef _BIGCACHE_PAGE_H_INCLUDED_
#define _BIGCACHE_PAGE_H_INCLUDED_


#include <sys/types.h>

#include "bigcache_data.h"
#include "bigcache_record.h"


/*
 * Pages over this size, bytes, are large: they are written and read through
 * a buffer, as they came; it bounds what one call holds in memory.
 */
#define BIGCACHE_STORE_LARGE   (1024 * 1024)

/* what a writer expects to find; any other number is a version */

#define BIGCACHE_EXPECT_ANY    0
#define BIGCACHE_EXPECT_NONE   UINT64_MAX


/*
 * Whether a page is to come with its body.  SMALL: if that is no longer than
 * BIGCACHE_STORE_LARGE.  KNOWN: in any case, but a longer one that would have
 * to be read for its checksum is BIGCACHE_AGAIN.
 */

#define BIGCACHE_BODY_NONE   0
#define BIGCACHE_BODY        1
#define BIGCACHE_BODY_SMALL  2
#define BIGCACHE_BODY_KNOWN  3

typedef struct {
    bigcache_str_t          key;
    unsigned                kind;     /* BIGCACHE_KIND_* */
    uint32_t                head;     /* as in bigcache_record_t */
    int64_t                 expire;   /* ms since the epoch, BIGCACHE_NEVER */
    bigcache_str_t          type;
    uint64_t                expect;   /* BIGCACHE_EXPECT_*, or a version */
    uint64_t                origin;   /* of the page this is made of, or 0 */
    const bigcache_data_t  *data;
    unsigned                n;        /* pieces in data */
    uint64_t                unpacked; /* data is a gzip file of so many bytes,
                                         0: it is not packed yet */

    /* of a call that is made again, bigcache_remote.h; else 0 */
    uint64_t                retry_floor;
    uint16_t                tag;
} bigcache_put_t;

/*
 * A page as it is stored.  The body is at record.body if fd is -1, else it is
 * record.length bytes of fd from offset on.  The page owns the memory and the
 * file until bigcache_page_free().
 */
typedef struct {
    bigcache_record_t       record;
    bigcache_str_t          value;    /* memory that record points into */
    u_char                 *copy;     /* the same, of another process */
    u_char                 *memory;   /* likewise */
    int                     fd;
    off_t                   offset;
} bigcache_page_t;


/* makes page an empty one; frees what page has, and may be called again */

void bigcache_page_clear(bigcache_page_t *page);
void bigcache_page_free(bigcache_page_t *page);


#endif /* _BIGCACHE_PAGE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page, as a caller gives it to a cache, and as a cache gives it back.
 */


#ifndef _BIGCACHE_PAGE_H_INCLUDED_
#define _BIGCACHE_PAGE_H_INCLUDED_


#include "bigcache_data.h"


#define BIGCACHE_KIND_JSON     1
#define BIGCACHE_KIND_RAW      2
#define BIGCACHE_KIND_PAGE     3        /* of an origin; its type is the head
                                           of the answer, bigcache_head.h */

/* bytes of a key, of a content type, and of the head of a page */

#define BIGCACHE_KEY_MAX       8192
#define BIGCACHE_TYPE_MAX      1024
#define BIGCACHE_HEAD_MAX      16384

/*
 * The first byte of the keys of pages, which no key of the REST API has: the
 * two never meet.
 */
#define BIGCACHE_PAGE_KEY      '\0'

#define BIGCACHE_NEVER         INT64_MAX

/*
 * Pages over this size, bytes, are large: they are written and read through
 * a buffer, as they came; it bounds what one call holds in memory.
 */
#define BIGCACHE_PAGE_LARGE    (1024 * 1024)

/* what a writer expects to find; any other number is a version */

#define BIGCACHE_EXPECT_ANY    0
#define BIGCACHE_EXPECT_NONE   UINT64_MAX

/*
 * Whether a page is to come with its body.  SMALL: if that is no longer than
 * BIGCACHE_PAGE_LARGE.  KNOWN: in any case, but a longer one that would have
 * to be read for its checksum is BIGCACHE_AGAIN.
 *
 * PEEK may be added to each of them: the page may come as a caller that peeks
 * gets it, without its origin and without the latest version.
 */

#define BIGCACHE_BODY_NONE     0
#define BIGCACHE_BODY          1
#define BIGCACHE_BODY_SMALL    2
#define BIGCACHE_BODY_KNOWN    3
#define BIGCACHE_BODY_PEEK     4


/* which pages a caller that peeks can use with their body in a file */

#define BIGCACHE_PEEK_PLAIN    0x1    /* those that are not packed */
#define BIGCACHE_PEEK_PACKED   0x2    /* those that are, but for JSON */
#define BIGCACHE_PEEK_JSON     0x4    /* JSON that is packed */


typedef struct {
    bigcache_str_t          key;
    unsigned                kind;     /* BIGCACHE_KIND_* */
    uint32_t                head;     /* bytes of the unpacked body before
                                         the JSON document */
    int64_t                 expire;   /* ms since the epoch, BIGCACHE_NEVER */
    int64_t                 fresh;    /* ms since the epoch: until then it is
                                         not stale; 0: until it expires */
    bigcache_str_t          type;
    bigcache_str_t          tags;     /* encoded, see bigcache_tags.h */
    uint64_t                expect;   /* BIGCACHE_EXPECT_*, or a version */
    uint64_t                origin;   /* of the page this is made of, or 0; if
                                         it was fetched: page.latest from
                                         before it was asked for */
    const bigcache_data_t  *data;
    unsigned                n;        /* pieces in data */
    uint64_t                unpacked; /* data is a gzip file of so many bytes,
                                         0: it is not packed yet */
    unsigned                plain:1;  /* nor shall it be */
    unsigned                fetched:1; /* it is BIGCACHE_MISMATCH if the key,
                                         or one of the tags, was removed later
                                         than origin */

    /* an engine's, which makes a call again if an answer is lost; else 0 */
    uint64_t                retry_floor;
    uint16_t                tag;
} bigcache_put_t;

/*
 * A page that was read, or put.  It owns the memory and the file of its body
 * until bigcache_page_free().
 */
typedef struct {
    unsigned                kind;
    unsigned                packed:1; /* the body is a gzip file */
    uint32_t                head;
    uint64_t                version;
    uint64_t                origin;   /* version of the page that this one was
                                         made of, else its own; 0 if it was
                                         peeked */
    uint64_t                latest;   /* of a page that was read or missed:
                                         the latest version of the cache before
                                         the call returned; 0: not known */
    int64_t                 expire;
    int64_t                 fresh;    /* until then it is not stale, ms since
                                         the epoch; 0: until it expires */
    int64_t                 stale;    /* since then a soft purge has it stale,
                                         likewise; 0: none.  It is stale, even
                                         if this clock is behind that time */
    uint64_t                length;   /* of the body as it is, bytes */
    uint64_t                unpacked; /* of the body unpacked, bytes */
    bigcache_str_t          type;     /* data only if the body was read */
    bigcache_str_t          tags;     /* encoded, see bigcache_tags.h */
    bigcache_data_t         body;
    u_char                 *memory;   /* that type, tags and body point into */

    /* gives the file of the body back to the engine that shares it out */
    void                  (*release)(void *data, void *file);
    void                   *data;
    void                   *file;
} bigcache_page_t;


/* makes page an empty one; frees what page has, and may be called again */

void bigcache_page_clear(bigcache_page_t *page);
void bigcache_page_free(bigcache_page_t *page);


#endif /* _BIGCACHE_PAGE_H_INCLUDED_ */

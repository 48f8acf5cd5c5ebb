
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The head of a page of an origin, as it is stored in front of the body: the
 * status, how long the page is fresh, and the fields that go to clients.
 *
 * Bytes, integers little-endian:
 *
 *      0  u8   format, BIGCACHE_HEAD_FORMAT
 *      1  u8   flags, BIGCACHE_HEAD_*
 *      2  u16  status
 *      4  u32  seconds for which it may be used, when it is not fresh any
 *              more, while it is revalidated
 *      8  u32  likewise if the origin fails
 *     12  u32  milliseconds that the fetch took
 *     16  i64  born: when its age was 0, milliseconds since the epoch
 *     24  i64  fresh until then, likewise
 *     32       the fields: u16 length of the name, u16 length of the value,
 *              bytes, the name, the value
 *
 * Decoding copies nothing: the result points into the input, which the caller
 * owns.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_HEAD_H_INCLUDED_
#define _BIGCACHE_HEAD_H_INCLUDED_


#include <stdint.h>

#include "bigcache_page.h"


#define BIGCACHE_HEAD_FORMAT      1
#define BIGCACHE_HEAD_LEN         32

/*
 * VARIES: there is no page here, but pages for the values of certain fields of
 * the request: the names of those are the names of the fields here.
 * REVALIDATE: it must not be used when it is not fresh.  TTL: only the
 * configuration says how long it is fresh.  COOKIES: it varies by the cookies.
 * ENCODED: it has a Content-Encoding, among the fields.  GZIP: the origin sent
 * it as a gzip file.  ACCEPT: its Vary names Accept-Encoding.
 */
#define BIGCACHE_HEAD_VARIES      0x01
#define BIGCACHE_HEAD_REVALIDATE  0x02
#define BIGCACHE_HEAD_TTL         0x04
#define BIGCACHE_HEAD_COOKIES     0x08
#define BIGCACHE_HEAD_ENCODED     0x10
#define BIGCACHE_HEAD_GZIP        0x20
#define BIGCACHE_HEAD_ACCEPT      0x40


typedef struct {
    unsigned         flags;
    unsigned         status;
    uint32_t         stale_while_revalidate;
    uint32_t         stale_if_error;
    uint32_t         took;
    int64_t          born;
    int64_t          fresh_until;
    bigcache_str_t   fields;        /* encoded, see bigcache_head_next() */
} bigcache_head_t;

/* writes a head; data is the caller's, of BIGCACHE_HEAD_MAX bytes */

typedef struct {
    u_char          *data;
    size_t           len;
    unsigned         full:1;        /* a field had no room */
} bigcache_head_writer_t;


/* begins a head, all of it but its fields */

void bigcache_head_begin(bigcache_head_writer_t *writer, u_char *data,
    const bigcache_head_t *head);

/* appends a field; if there is no room for it, sets writer->full */

void bigcache_head_add(bigcache_head_writer_t *writer,
    const bigcache_str_t *name, const bigcache_str_t *value);

/* returns 0, or -1 if the len bytes at data are no head of this format */

int bigcache_head_decode(bigcache_head_t *head, const u_char *data,
    size_t len);

/*
 * Reads the field at *at of a head that was decoded; *at is 0 for the first
 * field and is moved to the next.  Returns 1, or 0 if there are no more.
 */
int bigcache_head_next(const bigcache_head_t *head, size_t *at,
    bigcache_str_t *name, bigcache_str_t *value);

/*
 * Finds the first field of that name, which is lower case.  Returns 1 and
 * *value, or 0.
 */
int bigcache_head_find(const bigcache_head_t *head, const char *name,
    bigcache_str_t *value);


#endif /* _BIGCACHE_HEAD_H_INCLUDED_ */

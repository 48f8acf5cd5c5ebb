
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page, as the servers keep it.  In front are the fields that scripts read
 * and write, in decimal digits; integers behind them are little-endian:
 *
 *       0  16  version
 *      16  16  origin, see bigcache_put_t
 *      32  16  since when a soft purge has it stale, ms since the epoch, or 0
 *      48  16  expiry time, likewise; all nines: never
 *      64  24  nonce of the put
 *      88   8  chunks that have the body, 0: it is behind the tags and type
 *      96   8  bytes of the tags
 *     104   8  bytes of the type
 *     112  u8  format, BIGCACHE_VALUE_FORMAT
 *     113  u8  kind
 *     114  u8  1: the body is packed
 *     115  u8  0
 *     116  u32 head
 *     120  i64 fresh
 *     128  u64 bytes of the body as it is
 *     136  u64 bytes of the body unpacked
 *     144  u32 CRC-32 of the body, of all chunks
 *     148  u32 CRC-32 of bytes 48 to 147, the tags and the type
 *     152      the tags, the type, the body
 *
 * Decoding copies nothing: the result points into the input, which the caller
 * owns.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_VALUE_H_INCLUDED_
#define _BIGCACHE_VALUE_H_INCLUDED_


#include "bigcache_page.h"
#include "bigcache_tags.h"


#define BIGCACHE_VALUE_FORMAT  1
#define BIGCACHE_VALUE_NONCE   24
#define BIGCACHE_VALUE_HEADER  152

/* the most bytes in front of the body */

#define BIGCACHE_VALUE_FRONT                                                  \
    (BIGCACHE_VALUE_HEADER + BIGCACHE_TAGS_BYTES + BIGCACHE_HEAD_MAX)

#define BIGCACHE_VALUE_DIGITS  16

/* what no time and no version reaches in this notation */

#define BIGCACHE_VALUE_MOST    UINT64_C(9999999999999999)


typedef struct {
    uint64_t         version;
    uint64_t         origin;
    int64_t          stale;
    int64_t          expire;    /* BIGCACHE_NEVER */
    u_char           nonce[BIGCACHE_VALUE_NONCE];
    uint64_t         chunks;
    unsigned         kind;
    unsigned         packed:1;
    uint32_t         head;
    int64_t          fresh;
    uint64_t         length;
    uint64_t         unpacked;
    uint32_t         crc;       /* of the body */
    bigcache_str_t   tags;
    bigcache_str_t   type;
    bigcache_str_t   body;      /* data is NULL if it is not in the input */
} bigcache_value_t;

typedef enum {
    BIGCACHE_VALUE_OK = 0,
    BIGCACHE_VALUE_SHORT,       /* the input ends before the body does */
    BIGCACHE_VALUE_WRONG
} bigcache_value_e;


/* returns the bytes that bigcache_value_encode() fills */

size_t bigcache_value_front(const bigcache_value_t *value);

/* writes all but the body */

void bigcache_value_encode(u_char *dst, const bigcache_value_t *value);

/*
 * Decodes len bytes at data.  If all of the body is there, or it is in chunks,
 * returns _OK.  If all but the body is there, returns _OK, too, and
 * value->body.data is NULL.  If not even that, returns _SHORT, and the bytes
 * that are wanted in *front.  The checksum of a body that is there is verified
 * if check is 1.
 */
bigcache_value_e bigcache_value_decode(bigcache_value_t *value,
    const u_char *data, size_t len, int check, size_t *front);

/* writes a number of 16 digits; one that is too large as BIGCACHE_VALUE_MOST */

bigcache_str_t bigcache_value_digits(u_char *dst, uint64_t n);

/* reads width digits; returns 0, or -1 if they are not all digits */

int bigcache_value_number(const u_char *data, size_t width, uint64_t *n);


#endif /* _BIGCACHE_VALUE_H_INCLUDED_ */

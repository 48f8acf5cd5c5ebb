
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The index record: what LevelDB keeps under a key.
 *
 * Bytes, integers little-endian:
 *
 *      0  u8   format, BIGCACHE_RECORD_FORMAT
 *      1  u8   kind, BIGCACHE_KIND_*
 *      2  u16  length of the content type, bytes
 *      4  u32  head: bytes of the body in front of the JSON document
 *      8  u64  version: microseconds since the epoch at which the page was
 *              stored, unique in the store
 *     16  i64  expire: milliseconds since the epoch, BIGCACHE_NEVER
 *     24  u64  length of the body, bytes
 *     32  u64  file: id of the page file that holds the body, 0: the body
 *              is here
 *     40       the content type, then the body if it is here
 *
 * A record is only bytes: decoding copies nothing and points into the input,
 * which the caller owns.  Any thread may run all of this.
 */


#ifndef _BIGCACHE_RECORD_H_INCLUDED_
#define _BIGCACHE_RECORD_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


#define BIGCACHE_RECORD_FORMAT  1
#define BIGCACHE_RECORD_HEADER  40

#define BIGCACHE_KIND_JSON      1
#define BIGCACHE_KIND_RAW       2

#define BIGCACHE_KEY_MAX        8192
#define BIGCACHE_TYPE_MAX       1024

#define BIGCACHE_NEVER          INT64_MAX


typedef struct {
    unsigned         kind;
    uint32_t         head;
    uint64_t         version;
    int64_t          expire;
    uint64_t         length;
    uint64_t         file;
    bigcache_str_t   type;
    bigcache_str_t   body;
} bigcache_record_t;


/*
 * Returns the bytes that bigcache_record_encode() fills: the header, the
 * type, and room for the body if record->file is 0.
 */
size_t bigcache_record_size(const bigcache_record_t *record);

/*
 * Fills in the header and the type at dst, of bigcache_record_size() bytes,
 * and returns where the body belongs; record->body is not looked at.
 */
u_char *bigcache_record_encode(u_char *dst, const bigcache_record_t *record);

/*
 * Reads the len bytes at data.  Returns 0, or -1 if they are no record of
 * this format; *record is then undefined.
 */
int bigcache_record_decode(bigcache_record_t *record, const u_char *data,
    size_t len);


#endif /* _BIGCACHE_RECORD_H_INCLUDED_ */

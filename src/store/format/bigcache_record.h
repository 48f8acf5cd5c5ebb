
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
 *      2  u8   flags, BIGCACHE_FLAG_*
 *      3  u8   zero
 *      4  u16  length of the content type, bytes
 *      6  u16  tag: any number, by which a writer knows its own writes
 *      8  u32  head: bytes of the unpacked body before the JSON document
 *     12  u32  CRC-32 of all the rest of the record
 *     16  u64  version: microseconds since the epoch at which the page was
 *              stored, unique in the store
 *     24  i64  expire: milliseconds since the epoch, BIGCACHE_NEVER
 *     32  u64  length of the body as it is stored, bytes
 *     40  u64  length of the body unpacked, bytes
 *     48       BIGCACHE_FLAG_REWRITTEN: u64 origin: the version of the page
 *              that this one was made of, or the origin of that; of a page
 *              that was fetched, the latest version before that
 *              BIGCACHE_FLAG_FRESH: i64 fresh: milliseconds since the epoch,
 *              until then it is not stale
 *              BIGCACHE_FLAG_SOFT: i64 stale: likewise, since then a soft
 *              purge has it stale
 *              BIGCACHE_FLAG_TAGGED: u16 length, bytes, and the tags, encoded
 *              as bigcache_tags.h says
 *              BIGCACHE_FLAG_PREVIOUS: u64 written: the version at which this
 *              record was written, u32 length of the previous record, bytes,
 *              and that record
 *              BIGCACHE_FLAG_SEGMENT: u64 id of the segment, u64 offset of
 *              the entry there, which holds the content type and the body,
 *              and the tags and the value of fresh once more;
 *              else the content type and the body themselves
 *
 * An entry in a segment may reach the disk after the record that names it.  So
 * a record that replaces another one carries it, as its previous record: after
 * a power cut the key has one page or the other.  bigcache_previous.h says
 * which record it carries.  The previous record may have a previous record of
 * its own, and that one has none.  It is empty if its page was deleted or
 * purged since.
 *
 * Decoding copies nothing: the result points into the input, which the caller
 * owns.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_RECORD_H_INCLUDED_
#define _BIGCACHE_RECORD_H_INCLUDED_


#include "bigcache_page.h"
#include "bigcache_rc.h"
#include "bigcache_tags.h"


#define BIGCACHE_RECORD_FORMAT  2
#define BIGCACHE_RECORD_HEADER  48
#define BIGCACHE_RECORD_PLACE   16
#define BIGCACHE_RECORD_ORIGIN  8
#define BIGCACHE_RECORD_TIME    8

/* bytes before tags */

#define BIGCACHE_RECORD_TAGS    2

/* bytes before a previous record */

#define BIGCACHE_RECORD_WRITTEN 12

/* the most bytes of a record without type, body and previous record */

#define BIGCACHE_RECORD_MAX                                                   \
    (BIGCACHE_RECORD_HEADER + BIGCACHE_RECORD_ORIGIN                          \
     + 2 * BIGCACHE_RECORD_TIME + BIGCACHE_RECORD_TAGS + BIGCACHE_TAGS_BYTES  \
     + BIGCACHE_RECORD_WRITTEN + BIGCACHE_RECORD_PLACE)

#define BIGCACHE_FLAG_GZIP      0x01
#define BIGCACHE_FLAG_SEGMENT   0x02
#define BIGCACHE_FLAG_REWRITTEN 0x04
#define BIGCACHE_FLAG_PREVIOUS  0x08    /* only with BIGCACHE_FLAG_SEGMENT */
#define BIGCACHE_FLAG_TAGGED    0x10
#define BIGCACHE_FLAG_FRESH     0x20
#define BIGCACHE_FLAG_SOFT      0x40

/* flags that a store of format 3 does not have */

#define BIGCACHE_FLAG_NEW                                                     \
    (BIGCACHE_FLAG_TAGGED|BIGCACHE_FLAG_FRESH|BIGCACHE_FLAG_SOFT)

#define BIGCACHE_INLINE_MAX     (64 * 1024)

/* the most bytes of a previous record */

#define BIGCACHE_PREVIOUS_MAX                                                 \
    (2 * BIGCACHE_RECORD_MAX + BIGCACHE_TYPE_MAX + BIGCACHE_INLINE_MAX)


typedef struct {
    unsigned         kind;
    unsigned         flags;
    uint16_t         tag;
    uint32_t         head;
    uint64_t         version;
    uint64_t         origin;    /* decoded: the version, if not rewritten */
    uint64_t         written;   /* decoded: the version, if no previous */
    int64_t          expire;
    int64_t          fresh;     /* 0: until it expires */
    int64_t          stale;     /* 0: no soft purge */
    uint64_t         length;
    uint64_t         unpacked;
    uint64_t         segment;
    uint64_t         offset;
    bigcache_str_t   type;      /* only its length, if in a segment */
    bigcache_str_t   body;      /* none, if in a segment */
    bigcache_str_t   tags;      /* none without the flag */
    bigcache_str_t   previous;  /* a record, none without the flag */
} bigcache_record_t;


/*
 * Returns the bytes that bigcache_record_encode() fills, including the body or
 * the place of the entry.
 */
size_t bigcache_record_size(const bigcache_record_t *record);

/*
 * Fills the bigcache_record_size() bytes at dst, except for the body.  Returns
 * where the body belongs.
 */
u_char *bigcache_record_encode(u_char *dst, const bigcache_record_t *record);

/*
 * sets the CRC of the len bytes at data; the caller must have filled in the
 * body
 */

void bigcache_record_seal(u_char *data, size_t len);

/*
 * Does all of it in new memory, with the body if that is not in a segment.
 * Returns BIGCACHE_OK and *bytes, to be freed by free(); or BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_record_bytes(const bigcache_record_t *record,
    bigcache_str_t *bytes);

/*
 * Reads the len bytes at data.  Returns 0, or -1 if they are no record of
 * this format; *record is then undefined.
 */
int bigcache_record_decode(bigcache_record_t *record, const u_char *data,
    size_t len);

/* returns 0 if the numbers of a record agree with each other, else -1 */

int bigcache_record_check(const bigcache_record_t *record);


#endif /* _BIGCACHE_RECORD_H_INCLUDED_ */

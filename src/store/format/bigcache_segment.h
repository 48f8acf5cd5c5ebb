
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The bytes of a segment: an append-only file of pages.
 *
 * A segment begins with a header, integers little-endian:
 *
 *      0  "bigcsegm"
 *      8  u32  format, BIGCACHE_SEGMENT_FORMAT
 *     12  u32  zero
 *     16  u64  id, which is in the name of the file too
 *     24  u64  zero
 *
 * Entries follow, each at a multiple of BIGCACHE_SEGMENT_ALIGN:
 *
 *      0  u32  BIGCACHE_ENTRY_MAGIC
 *      4  u32  CRC-32 of what follows here, up to the body
 *      8  u32  CRC-32 of the body
 *     12  u16  length of the key, bytes
 *     14  u16  length of the content type, or of the head, bytes
 *     16  u64  length of the body as it is stored here, bytes
 *     24  u64  length of the body unpacked, bytes
 *     32  u64  version, as in bigcache_record.h
 *     40  i64  expire, likewise
 *     48  u32  head, likewise
 *     52  u8   kind, likewise
 *     53  u8   flags, likewise
 *     54  u16  length of the tags, bytes; zero without BIGCACHE_FLAG_TAGGED
 *     56       the key, the content type, with BIGCACHE_FLAG_FRESH i64 fresh,
 *              the tags, the body
 *
 * Space between entries was reserved by a writer that did not finish.  It does
 * not begin with a good header.  The index says which entries are live.  Pure
 * functions: any thread.
 */


#ifndef _BIGCACHE_SEGMENT_H_INCLUDED_
#define _BIGCACHE_SEGMENT_H_INCLUDED_


#include "bigcache_record.h"
#include "bigcache_str.h"


#define BIGCACHE_SEGMENT_FORMAT  1
#define BIGCACHE_SEGMENT_HEADER  32
#define BIGCACHE_SEGMENT_ALIGN   8

#define BIGCACHE_ENTRY_MAGIC     0x43474942
#define BIGCACHE_ENTRY_HEADER    56

/* the most bytes that are needed to decode an entry without its body */

#define BIGCACHE_ENTRY_HEADER_MAX                                             \
    (BIGCACHE_ENTRY_HEADER + BIGCACHE_KEY_MAX + BIGCACHE_HEAD_MAX             \
     + BIGCACHE_RECORD_TIME + BIGCACHE_TAGS_BYTES)


typedef struct {
    bigcache_record_t   record;     /* without its place */
    bigcache_str_t      key;
    uint32_t            body_crc;
} bigcache_entry_t;


/* fills the BIGCACHE_SEGMENT_HEADER bytes at dst */

void bigcache_segment_header(u_char *dst, uint64_t id);

/* returns 0 if data, of that length, is the header of segment id, or -1 */

int bigcache_segment_check(const u_char *data, uint64_t id);

/*
 * Return the bytes between the beginning of an entry and its body; and the
 * bytes of the whole entry, up to the aligned beginning of the next one.
 */
size_t bigcache_segment_entry_header(size_t key_len,
    const bigcache_record_t *record);
uint64_t bigcache_segment_entry_size(size_t key_len,
    const bigcache_record_t *record);

/* returns the bytes of the entry of the record's page, or 0 if it has none */

uint64_t bigcache_segment_page_size(const bigcache_str_t *key,
    const bigcache_record_t *record);

/*
 * Fills the bigcache_segment_entry_header() bytes at dst, and returns where
 * the body belongs.
 */
u_char *bigcache_segment_encode(u_char *dst, const bigcache_entry_t *entry);

/*
 * Decodes the header of an entry from the len bytes at data, which *entry then
 * points into.  Returns 0; -1 if it fails its check; 1 if len is too short to
 * tell, never for BIGCACHE_ENTRY_HEADER_MAX bytes.
 */
int bigcache_segment_decode(bigcache_entry_t *entry, const u_char *data,
    size_t len);


#endif /* _BIGCACHE_SEGMENT_H_INCLUDED_ */

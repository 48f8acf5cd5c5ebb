
/*
 * Copyright (C) bigcache contributors
 */


/* Reads a segment from its beginning to its end, entry by entry. */


#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bigcache_scan.h"


#define BIGCACHE_SCAN_BUFFER  (256 * 1024)
#define BIGCACHE_SCAN_BLOCK   4096


typedef struct {
    int             fd;
    u_char         *buf;
    uint64_t        offset;     /* of buf in the file */
    size_t          len;
    _Atomic int    *stop;
} bigcache_scan_t;


static bigcache_rc_t bigcache_scan_fill(bigcache_scan_t *scan, uint64_t offset,
    uint64_t end);


bigcache_rc_t
bigcache_scan(int fd, uint64_t end, bigcache_scan_pt handler, void *data,
    _Atomic int *stop)
{
    size_t            at;
    uint64_t          offset, size;
    bigcache_rc_t     rc;
    bigcache_scan_t   scan;
    bigcache_entry_t  entry;

    scan.fd = fd;
    scan.offset = 0;
    scan.len = 0;
    scan.stop = stop;

    scan.buf = malloc(BIGCACHE_SCAN_BUFFER);
    if (scan.buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = BIGCACHE_OK;
    offset = BIGCACHE_SEGMENT_HEADER;

    while (rc == BIGCACHE_OK && offset < end) {

        rc = bigcache_scan_fill(&scan, offset, end);

        if (rc == BIGCACHE_ERROR && (errno == EIO || errno == ENODATA)) {

            /* a bad block; the bytes after it may be good */

            offset = (offset | (BIGCACHE_SCAN_BLOCK - 1)) + 1;
            rc = BIGCACHE_OK;
            continue;
        }

        if (rc != BIGCACHE_OK) {
            break;
        }

        at = (size_t) (offset - scan.offset);

        if (at == scan.len) {

            /*
             * the file ends before an entry that was reserved, but never
             * written
             */

            break;
        }

        if (bigcache_segment_decode(&entry, scan.buf + at, scan.len - at) != 0)
        {
            offset += BIGCACHE_SEGMENT_ALIGN;
            continue;
        }

        size = bigcache_segment_entry_size(entry.key.len, &entry.record);

        if (size > end - offset) {

            /* cut off; another entry may begin after this header */

            offset += BIGCACHE_SEGMENT_ALIGN;
            continue;
        }

        rc = handler(data, &entry, offset, size);

        offset += size;
    }

    free(scan.buf);

    return rc;
}


/* makes sure that the buffer has the whole of any header at offset */

static bigcache_rc_t
bigcache_scan_fill(bigcache_scan_t *scan, uint64_t offset, uint64_t end)
{
    ssize_t   n;
    uint64_t  have, want;

    have = 0;

    if (offset >= scan->offset && offset < scan->offset + scan->len) {
        have = scan->offset + scan->len - offset;
    }

    want = end - offset;

    if (want > BIGCACHE_ENTRY_HEADER_MAX) {
        want = BIGCACHE_ENTRY_HEADER_MAX;
    }

    if (have >= want) {
        return BIGCACHE_OK;
    }

    if (scan->stop && atomic_load(scan->stop)) {
        return BIGCACHE_UNAVAILABLE;
    }

    do {
        n = pread(scan->fd, scan->buf, BIGCACHE_SCAN_BUFFER, (off_t) offset);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return BIGCACHE_ERROR;
    }

    scan->offset = offset;
    scan->len = (size_t) n;

    return BIGCACHE_OK;
}

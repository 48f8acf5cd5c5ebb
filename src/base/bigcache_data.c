
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Copies pieces of memory and of files, writes them, and computes their
 * checksums.
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/uio.h>

#include "bigcache_crc.h"
#include "bigcache_data.h"


#define BIGCACHE_DATA_BUFFER  (256 * 1024)


static int bigcache_data_pread(int fd, u_char *buf, size_t len, off_t offset);
static int bigcache_data_unread(ssize_t n);
static int bigcache_data_pwrite(int fd, const u_char *buf, size_t len,
    off_t offset);
static int bigcache_data_copy(int fd, off_t offset,
    const bigcache_data_t *data, uint32_t *crc);
static int bigcache_data_put(int fd, off_t offset, const u_char *buf,
    size_t len, uint32_t *crc);


bigcache_data_t
bigcache_data_bytes(const u_char *data, size_t len)
{
    bigcache_data_t  piece;

    piece.fd = -1;
    piece.offset = 0;
    piece.length = 0;
    piece.bytes = bigcache_str(data, len);

    return piece;
}


bigcache_data_t
bigcache_data_range(int fd, off_t offset, uint64_t length)
{
    bigcache_data_t  piece;

    piece.fd = fd;
    piece.offset = offset;
    piece.length = length;
    piece.bytes = bigcache_str(NULL, 0);

    return piece;
}


uint64_t
bigcache_data_length(const bigcache_data_t *data, unsigned n)
{
    unsigned  i;
    uint64_t  length;

    length = 0;

    for (i = 0; i < n; i++) {
        length += (data[i].fd == -1) ? data[i].bytes.len : data[i].length;
    }

    return length;
}


int
bigcache_data_read(u_char *dst, const bigcache_data_t *data, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {

        if (data[i].fd == -1) {
            if (data[i].bytes.len) {
                memcpy(dst, data[i].bytes.data, data[i].bytes.len);
            }

            dst += data[i].bytes.len;
            continue;
        }

        if (bigcache_data_pread(data[i].fd, dst, data[i].length,
                                data[i].offset)
            == -1)
        {
            return -1;
        }

        dst += data[i].length;
    }

    return 0;
}


int
bigcache_data_write(int fd, off_t offset, const bigcache_data_t *data,
    unsigned n, uint32_t *crc)
{
    int       rc;
    unsigned  i;

    for (i = 0; i < n; i++) {

        if (data[i].fd != -1) {
            rc = bigcache_data_copy(fd, offset, &data[i], crc);

        } else {
            rc = bigcache_data_put(fd, offset, data[i].bytes.data,
                                   data[i].bytes.len, crc);
        }

        if (rc == -1) {
            return -1;
        }

        offset += (off_t) bigcache_data_length(&data[i], 1);
    }

    return 0;
}


int
bigcache_data_gather(int fd, off_t offset, const bigcache_data_t *data,
    unsigned n)
{
    int            left;
    size_t         done;
    ssize_t        rc;
    unsigned       i;
    struct iovec  *v, iov[BIGCACHE_DATA_GATHER];

    for (i = 0; i < n; i++) {
        iov[i].iov_base = (void *) data[i].bytes.data;
        iov[i].iov_len = data[i].bytes.len;
    }

    v = iov;
    left = (int) n;

    for ( ;; ) {

        /* an empty piece, too, is done */

        while (left && v->iov_len == 0) {
            v++;
            left--;
        }

        if (left == 0) {
            return 0;
        }

        rc = pwritev(fd, v, left, offset);

        if (rc == -1) {
            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        offset += rc;

        for (done = (size_t) rc; done && done >= v->iov_len; v++, left--) {
            done -= v->iov_len;
        }

        if (done) {
            v->iov_base = (u_char *) v->iov_base + done;
            v->iov_len -= done;
        }
    }
}


int
bigcache_data_crc(const bigcache_data_t *data, unsigned n, uint32_t *crc)
{
    return bigcache_data_write(-1, 0, data, n, crc);
}


static int
bigcache_data_copy(int fd, off_t offset, const bigcache_data_t *data,
    uint32_t *crc)
{
    int        rc;
    off_t      done, end;
    size_t     len;
    u_char    *buf;

    end = (off_t) data->length;

    buf = malloc(end < BIGCACHE_DATA_BUFFER ? (size_t) end + 1
                                            : BIGCACHE_DATA_BUFFER);
    if (buf == NULL) {
        return -1;
    }

    rc = 0;

    for (done = 0; rc == 0 && done < end; done += (off_t) len) {

        len = BIGCACHE_DATA_BUFFER;

        if ((off_t) len > end - done) {
            len = (size_t) (end - done);
        }

        rc = bigcache_data_pread(data->fd, buf, len, data->offset + done);

        if (rc == 0) {
            rc = bigcache_data_put(fd, offset + done, buf, len, crc);
        }
    }

    free(buf);

    return rc;
}


/* if fd is -1, computes only the crc */

static int
bigcache_data_put(int fd, off_t offset, const u_char *buf, size_t len,
    uint32_t *crc)
{
    if (crc && len) {
        *crc = bigcache_crc(*crc, buf, len);
    }

    return (fd == -1) ? 0 : bigcache_data_pwrite(fd, buf, len, offset);
}


static int
bigcache_data_pread(int fd, u_char *buf, size_t len, off_t offset)
{
    ssize_t  n;

    while (len) {

        n = pread(fd, buf, len, offset);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return bigcache_data_unread(n);
        }

        buf += n;
        len -= (size_t) n;
        offset += n;
    }

    return 0;
}


/*
 * A file that ends too early ends so for every reader.  But a disk may return
 * the same error for a block that it cannot read now, so that one becomes EIO.
 */

static int
bigcache_data_unread(ssize_t n)
{
    if (n == 0) {
        errno = BIGCACHE_DATA_ENDED;

    } else if (errno == BIGCACHE_DATA_ENDED) {
        errno = EIO;
    }

    return -1;
}


static int
bigcache_data_pwrite(int fd, const u_char *buf, size_t len, off_t offset)
{
    ssize_t  n;

    while (len) {

        n = pwrite(fd, buf, len, offset);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        buf += n;
        len -= (size_t) n;
        offset += n;
    }

    return 0;
}

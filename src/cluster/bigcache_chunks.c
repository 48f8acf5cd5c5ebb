
/*
 * Copyright (C) bigcache contributors
 */


/* reads and writes the bodies of large pages */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* O_TMPFILE */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_bytes.h"
#include "bigcache_chunks.h"
#include "bigcache_crc.h"


#define BIGCACHE_CHUNKS_SUM     4

/*
 * Seconds that a put may take, and one more for each chunk, until its chunks
 * count as left behind.
 */
#define BIGCACHE_CHUNKS_DRAFT   600

/* chunks that one command removes */

#define BIGCACHE_CHUNKS_BATCH   16

#define BIGCACHE_CHUNKS_KEY     (BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_CHUNKS_ROOM)


typedef struct {
    const bigcache_data_t  *data;
    unsigned                n;
    unsigned                i;      /* the piece that comes next */
    uint64_t                at;     /* in it */
} bigcache_chunks_source_t;


static bigcache_rc_t bigcache_chunks_state(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_value_t *value, const char *how, uint64_t seconds,
    int *answer);
static bigcache_rc_t bigcache_chunks_script(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const bigcache_str_t *name, const char *how, uint64_t seconds,
    int *answer);
static bigcache_rc_t bigcache_chunks_unlink(bigcache_cluster_t *cluster,
    bigcache_call_t *call, const bigcache_bucket_t *bucket,
    const u_char *nonce, uint64_t n);
static bigcache_rc_t bigcache_chunks_write_one(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, bigcache_chunks_source_t *source, int fd,
    bigcache_value_t *value, uint64_t i, u_char *buf);
static bigcache_rc_t bigcache_chunks_read_one(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value, uint64_t i,
    int fd, uint32_t *crc);
static bigcache_str_t bigcache_chunks_key(u_char *dst,
    const bigcache_bucket_t *bucket, const u_char *nonce, uint64_t i);
static bigcache_str_t bigcache_chunks_rest(u_char *dst, const u_char *nonce,
    uint64_t i);
static int bigcache_chunks_next(bigcache_chunks_source_t *source, u_char *dst,
    size_t len);
static size_t bigcache_chunks_len(const bigcache_value_t *value, uint64_t i);
static bigcache_rc_t bigcache_chunks_failed(const bigcache_cluster_t *cluster,
    const char *what);


bigcache_str_t
bigcache_chunks_name(u_char *dst, const bigcache_value_t *value)
{
    /* as the script writes it: without zeroes in front */

    return bigcache_chunks_rest(dst, value->nonce, value->chunks);
}


bigcache_rc_t
bigcache_chunks_write(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_data_t *data, unsigned n,
    int fd, bigcache_value_t *value)
{
    int                        begun;
    u_char                    *buf;
    uint64_t                   i;
    bigcache_rc_t              rc;
    bigcache_call_t            call;
    bigcache_chunks_source_t   source;

    buf = malloc(BIGCACHE_CHUNKS_SUM + BIGCACHE_PAGE_LARGE);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    memset(&source, 0, sizeof(bigcache_chunks_source_t));
    source.data = data;
    source.n = n;

    value->crc = 0;

    /* a process that dies leaves no chunk behind for ever */

    rc = bigcache_chunks_state(cluster, &call, bucket, value, "begin",
                               BIGCACHE_CHUNKS_DRAFT + value->chunks, &begun);

    for (i = 0; rc == BIGCACHE_OK && i < value->chunks; i++) {
        rc = bigcache_chunks_write_one(cluster, bucket, &source, fd, value, i,
                                       buf);
    }

    free(buf);

    return rc;
}


bigcache_rc_t
bigcache_chunks_read(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value, int fd)
{
    uint32_t       crc;
    uint64_t       i;
    bigcache_rc_t  rc;

    crc = 0;

    for (i = 0; i < value->chunks; i++) {

        rc = bigcache_chunks_read_one(cluster, bucket, value, i, fd, &crc);

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    return (crc == value->crc) ? BIGCACHE_OK : BIGCACHE_DAMAGED;
}


void
bigcache_chunks_abandon(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value)
{
    int              end;
    bigcache_call_t  call;

    /* upkeep does it again: a command on its way may store one more */

    if (bigcache_chunks_state(cluster, &call, bucket, value, "end", 0, &end)
        == BIGCACHE_OK
        && end)
    {
        (void) bigcache_chunks_unlink(cluster, &call, bucket, value->nonce,
                                      value->chunks);
    }
}


bigcache_rc_t
bigcache_chunks_due(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *name)
{
    int                 due;
    uint64_t            n;
    bigcache_rc_t       rc;
    bigcache_command_t  command;

    rc = bigcache_chunks_script(cluster, call, bucket, name, "due", 0, &due);

    if (rc != BIGCACHE_OK || !due) {
        return rc;
    }

    /* a minus, the nonce, a colon, the number */

    if (name->len > BIGCACHE_VALUE_NONCE + 2
        && name->len <= 1 + BIGCACHE_CHUNKS_NAME
        && bigcache_value_number(name->data + BIGCACHE_VALUE_NONCE + 2,
                                 name->len - BIGCACHE_VALUE_NONCE - 2, &n)
           == 0)
    {
        rc = bigcache_chunks_unlink(cluster, call, bucket, name->data + 1, n);

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    bigcache_units_command(&command, "ZREM",
                           bucket->names[BIGCACHE_BUCKET_ORPHANS], NULL);
    bigcache_units_part(&command, *name);

    return bigcache_space_command(cluster, call, bucket, &command, NULL);
}


int
bigcache_chunks_file(const bigcache_cluster_t *cluster)
{
    int   fd;
    char  name[PATH_MAX];

    fd = open(cluster->conf.temp, O_TMPFILE|O_RDWR|O_CLOEXEC, 0600);

    if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR)) {
        return fd;
    }

    /* not all file systems have files without a name, and the errors differ */

    if (snprintf(name, sizeof(name), "%s/bigcache.XXXXXX", cluster->conf.temp)
        >= (int) sizeof(name))
    {
        errno = ENAMETOOLONG;
        return -1;
    }

    fd = mkostemp(name, O_CLOEXEC);

    if (fd != -1) {
        (void) unlink(name);
    }

    return fd;
}


/* runs the script for the chunks of a page, in a new call */

static bigcache_rc_t
bigcache_chunks_state(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value,
    const char *how, uint64_t seconds, int *answer)
{
    u_char          memory[BIGCACHE_CHUNKS_ROOM];
    bigcache_rc_t   rc;
    bigcache_str_t  name;

    rc = bigcache_space_enter(cluster, call, 0);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    name = bigcache_chunks_name(memory, value);

    return bigcache_chunks_script(cluster, call, bucket, &name, how, seconds,
                                  answer);
}


static bigcache_rc_t
bigcache_chunks_script(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *name,
    const char *how, uint64_t seconds, int *answer)
{
    u_char              digits[BIGCACHE_VALUE_DIGITS];
    bigcache_rc_t       rc;
    bigcache_reply_t   *reply;
    bigcache_command_t  command;

    bigcache_units_script(&command, BIGCACHE_SCRIPT_CHUNKS, bucket, NULL, 0);
    bigcache_units_part(&command, *name);
    bigcache_units_text(&command, how);
    bigcache_units_part(&command, bigcache_value_digits(digits, seconds));

    rc = bigcache_space_command(cluster, call, bucket, &command, &reply);

    *answer = (rc == BIGCACHE_OK && bigcache_link_number(reply) != 0);

    bigcache_link_free(reply);

    return rc;
}


/* removes n chunks, some at a time */

static bigcache_rc_t
bigcache_chunks_unlink(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const u_char *nonce, uint64_t n)
{
    u_char              memory[BIGCACHE_CHUNKS_BATCH][BIGCACHE_CHUNKS_KEY];
    uint64_t            i, j;
    bigcache_rc_t       rc;
    bigcache_command_t  command;

    rc = BIGCACHE_OK;

    for (i = 0; rc == BIGCACHE_OK && i < n; i += j) {

        /* a set of a server may have any number: it must not hold up an end */

        if (atomic_load(&cluster->stopping)) {
            return BIGCACHE_UNAVAILABLE;
        }

        bigcache_units_command(&command, "UNLINK",
                               bigcache_chunks_key(memory[0], bucket, nonce,
                                                   i), NULL);

        for (j = 1; j < BIGCACHE_CHUNKS_BATCH && i + j < n; j++) {
            bigcache_units_part(&command,
                                bigcache_chunks_key(memory[j], bucket, nonce,
                                                    i + j));
        }

        rc = bigcache_space_command(cluster, call, bucket, &command, NULL);
    }

    return rc;
}


static bigcache_rc_t
bigcache_chunks_write_one(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, bigcache_chunks_source_t *source, int fd,
    bigcache_value_t *value, uint64_t i, u_char *buf)
{
    u_char              memory[BIGCACHE_CHUNKS_KEY];
    bigcache_rc_t       rc;
    bigcache_str_t      name;
    bigcache_call_t     call;
    bigcache_data_t     piece;
    bigcache_command_t  command;

    piece = bigcache_data_bytes(buf + BIGCACHE_CHUNKS_SUM,
                                bigcache_chunks_len(value, i));

    if (bigcache_chunks_next(source, buf + BIGCACHE_CHUNKS_SUM,
                             piece.bytes.len)
        == -1)
    {
        return bigcache_chunks_failed(cluster, "read a body");
    }

    if (fd != -1
        && bigcache_data_write(fd, (off_t) (i * BIGCACHE_PAGE_LARGE), &piece,
                               1, NULL) == -1)
    {
        return bigcache_chunks_failed(cluster, "write a temporary file");
    }

    value->crc = bigcache_crc(value->crc, piece.bytes.data, piece.bytes.len);
    (void) bigcache_put32(buf, bigcache_crc(0, piece.bytes.data,
                                            piece.bytes.len));

    rc = bigcache_space_enter(cluster, &call, 0);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    name = bigcache_chunks_key(memory, bucket, value->nonce, i);

    bigcache_units_command(&command, "SET", name, NULL);
    bigcache_units_part(&command, bigcache_str(buf, BIGCACHE_CHUNKS_SUM
                                                    + piece.bytes.len));

    return bigcache_space_command(cluster, &call, bucket, &command, NULL);
}


static bigcache_rc_t
bigcache_chunks_read_one(bigcache_cluster_t *cluster,
    const bigcache_bucket_t *bucket, const bigcache_value_t *value, uint64_t i,
    int fd, uint32_t *crc)
{
    u_char              memory[BIGCACHE_CHUNKS_KEY];
    size_t              len;
    bigcache_rc_t       rc;
    bigcache_str_t      text;
    bigcache_call_t     call;
    bigcache_data_t     piece;
    bigcache_reply_t   *reply;
    bigcache_command_t  command;

    rc = bigcache_space_enter(cluster, &call, 0);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    len = bigcache_chunks_len(value, i);

    bigcache_units_command(&command, "GET",
                           bigcache_chunks_key(memory, bucket, value->nonce,
                                               i), NULL);

    rc = bigcache_space_command(cluster, &call, bucket, &command, &reply);

    text = bigcache_link_text(reply);

    if (rc == BIGCACHE_OK && text.data == NULL) {
        rc = BIGCACHE_MISS;

    } else if (rc == BIGCACHE_OK
               && (text.len != BIGCACHE_CHUNKS_SUM + len
                   || bigcache_crc(0, text.data + BIGCACHE_CHUNKS_SUM, len)
                      != bigcache_get32(text.data)))
    {
        rc = BIGCACHE_DAMAGED;
    }

    if (rc == BIGCACHE_OK) {
        piece = bigcache_data_bytes(text.data + BIGCACHE_CHUNKS_SUM, len);

        if (bigcache_data_write(fd, (off_t) (i * BIGCACHE_PAGE_LARGE), &piece,
                                1, crc) == -1)
        {
            rc = bigcache_chunks_failed(cluster, "write a temporary file");
        }
    }

    bigcache_link_free(reply);

    return rc;
}


/* the name of a chunk on the servers, in BIGCACHE_CHUNKS_KEY bytes */

static bigcache_str_t
bigcache_chunks_key(u_char *dst, const bigcache_bucket_t *bucket,
    const u_char *nonce, uint64_t i)
{
    u_char          memory[BIGCACHE_CHUNKS_ROOM];
    bigcache_str_t  rest;

    rest = bigcache_chunks_rest(memory, nonce, i);

    return bigcache_bucket_name(dst, bucket, 'c', &rest);
}


/* nonce, colon, a number */

static bigcache_str_t
bigcache_chunks_rest(u_char *dst, const u_char *nonce, uint64_t i)
{
    int  n;

    memcpy(dst, nonce, BIGCACHE_VALUE_NONCE);
    n = snprintf((char *) dst + BIGCACHE_VALUE_NONCE, 16, ":%u", (unsigned) i);

    return bigcache_str(dst, BIGCACHE_VALUE_NONCE + (size_t) n);
}


/* copies the next len bytes of the pieces; returns 0, or -1 and errno */

static int
bigcache_chunks_next(bigcache_chunks_source_t *source, u_char *dst, size_t len)
{
    size_t           some;
    uint64_t         left;
    bigcache_data_t  piece;

    while (len) {

        if (source->i == source->n) {
            errno = BIGCACHE_DATA_ENDED;
            return -1;
        }

        piece = source->data[source->i];
        left = bigcache_data_length(&piece, 1) - source->at;

        if (left == 0) {
            source->i++;
            source->at = 0;
            continue;
        }

        some = (left < len) ? (size_t) left : len;

        piece = (piece.fd == -1)
                ? bigcache_data_bytes(piece.bytes.data + source->at, some)
                : bigcache_data_range(piece.fd,
                                      piece.offset + (off_t) source->at, some);

        if (bigcache_data_read(dst, &piece, 1) == -1) {
            return -1;
        }

        source->at += some;
        dst += some;
        len -= some;
    }

    return 0;
}


static size_t
bigcache_chunks_len(const bigcache_value_t *value, uint64_t i)
{
    uint64_t  left;

    left = value->length - i * BIGCACHE_PAGE_LARGE;

    return (left < BIGCACHE_PAGE_LARGE) ? (size_t) left : BIGCACHE_PAGE_LARGE;
}


static bigcache_rc_t
bigcache_chunks_failed(const bigcache_cluster_t *cluster, const char *what)
{
    bigcache_log(&cluster->conf.log, BIGCACHE_LOG_CRIT,
                 "cluster \"%s\": cannot %s: %s", cluster->conf.label, what,
                 strerror(errno));

    return BIGCACHE_ERROR;
}

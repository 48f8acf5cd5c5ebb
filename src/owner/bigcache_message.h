
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The messages between the processes of one nginx: a caller, which asks, and
 * the owner, which has the store open and answers.  They go over a socket of
 * the type SOCK_SEQPACKET, one message a call and one an answer.
 *
 * Integers are in the order of the machine, which both share:
 *
 *      0  u32  BIGCACHE_MESSAGE_MAGIC
 *      4  u16  BIGCACHE_MESSAGE_VERSION
 *      6  u16  call, BIGCACHE_CALL_*, the same in the answer
 *      8  u32  rc, in an answer: a bigcache_rc_t, BIGCACHE_NO_ANSWER at most
 *     12  u32  length of the key, bytes
 *     16  u32  length of the data, bytes
 *     20  u32  flags, BIGCACHE_MESSAGE_*
 *     24       6 numbers, u64, whose meaning the call says
 *     72       the key, the data
 *
 * What a call sends -> what is answered, rc aside:
 *
 *     HELLO   masters of the caller, BIGCACHE_MESSAGE_MASTERS numbers, and the
 *             number of the caller, another one for each opening -> the pid
 *             of the owner
 *     GET     key -> data: the index record
 *     PUT     key, data: the record; expect, retry_floor, fetched -> version
 *     DELETE  key; expect, retry_floor
 *     PURGE   data: the selectors; retry_floor, async -> version
 *     RUN     version of a purge, 0: of none -> pages that were live, that were
 *             not
 *     STAT    1 not to wait for the count -> keys, segments, bytes, bytes
 *             alive, 1 if counted
 *     CLEAR, CLOSE, OPEN, SYNC
 *     DAMAGED key, whose page the caller cannot read: the owner reads it, by a
 *             file that it opens for that
 *     LEND    bytes needed, at most -> segment, offset, bytes
 *     BACK    segment, offset
 *     FULL    the caller found the disk full
 *     LIST    key: the prefix, data: only keys greater than this one, then a
 *             tag; how many keys at most, 1 if the key in data counts, length
 *             of the tag, 0 for none -> key: the data of the call for
 *             the next part; data: whole rows, as many as asked for or fewer;
 *             how many, 1 if there may be more
 *     WATCH   1 if the caller is quitting, 1 if it answers SWEEP: there is no
 *             answer but the end of this connection, which is the end of the
 *             owner
 *     SWEEP   from the owner, on such a connection, when it has removed
 *             segments: a number -> the same, when the caller has closed those
 *             of their files that it does not read just now
 *
 * The last number of every answer is the latest version that the owner has
 * given out.  An answer may have a reason as its data.  Pure functions; any
 * thread.
 */


#ifndef _BIGCACHE_MESSAGE_H_INCLUDED_
#define _BIGCACHE_MESSAGE_H_INCLUDED_


#include "bigcache_rc.h"
#include "bigcache_record.h"
#include "bigcache_str.h"


#define BIGCACHE_MESSAGE_MAGIC    0x6263616d
#define BIGCACHE_MESSAGE_VERSION  3
#define BIGCACHE_MESSAGE_HEADER   72
#define BIGCACHE_MESSAGE_NUMBERS  6

/* the most bytes of a record, and of a message */

#define BIGCACHE_MESSAGE_DATA_MAX                                             \
    (BIGCACHE_RECORD_MAX + BIGCACHE_PREVIOUS_MAX)
#define BIGCACHE_MESSAGE_MAX                                                  \
    (BIGCACHE_MESSAGE_HEADER + BIGCACHE_KEY_MAX + BIGCACHE_MESSAGE_DATA_MAX)

/*
 * A flag: the owner is closing the directory, and has not run the call.  It
 * may have run a part of RUN: the numbers say how much.
 */

#define BIGCACHE_MESSAGE_GONE     0x01

/* numbers in HELLO: the master processes of the caller, 0 for none */

#define BIGCACHE_MESSAGE_MASTERS  2

/* the number in every answer that is the latest version */

#define BIGCACHE_MESSAGE_LATEST   (BIGCACHE_MESSAGE_NUMBERS - 1)


typedef enum {
    BIGCACHE_CALL_HELLO = 1,
    BIGCACHE_CALL_GET,
    BIGCACHE_CALL_PUT,
    BIGCACHE_CALL_DELETE,
    BIGCACHE_CALL_PURGE,
    BIGCACHE_CALL_RUN,
    BIGCACHE_CALL_STAT,
    BIGCACHE_CALL_CLEAR,
    BIGCACHE_CALL_CLOSE,
    BIGCACHE_CALL_OPEN,
    BIGCACHE_CALL_DAMAGED,
    BIGCACHE_CALL_LEND,
    BIGCACHE_CALL_BACK,
    BIGCACHE_CALL_FULL,
    BIGCACHE_CALL_WATCH,
    BIGCACHE_CALL_LIST,
    BIGCACHE_CALL_SYNC,
    BIGCACHE_CALL_SWEEP
} bigcache_call_e;

typedef struct {
    unsigned         call;
    bigcache_rc_t    rc;
    unsigned         flags;
    uint64_t         n[BIGCACHE_MESSAGE_NUMBERS];
    bigcache_str_t   key;
    bigcache_str_t   data;
} bigcache_message_t;


/* fills the BIGCACHE_MESSAGE_HEADER bytes at dst */

void bigcache_message_encode(u_char *dst, const bigcache_message_t *message);

/*
 * Decodes the len bytes at data; message then points into them.  Returns NULL,
 * or what is wrong with them.
 */
const char *bigcache_message_decode(bigcache_message_t *message,
    const u_char *data, size_t len);


#endif /* _BIGCACHE_MESSAGE_H_INCLUDED_ */

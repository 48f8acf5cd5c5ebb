
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The log of what was done to the files below one directory, as recorder.c
 * writes it and disk.c reads it: records, one after the other, each appended
 * by one write() to a file that is O_APPEND.  A record is record_t, the names,
 * the data and zeroes up to a multiple of 8; numbers are in the order of the
 * machine.
 *
 * Names are relative to the directory, without a leading slash.  Test programs
 * append records of type RECORD_MARK, oracle.h.
 */


#ifndef _RECORDER_H_INCLUDED_
#define _RECORDER_H_INCLUDED_


#include <stdint.h>
#include <pthread.h>


#define RECORD_MAGIC      0x52574f50
#define RECORD_ALIGN      8

#define RECORD_WRITE      'W'   /* inode, offset, data */
#define RECORD_TRUNCATE   'T'   /* inode, length */
#define RECORD_ALLOCATE   'F'   /* inode, offset, length, flags: the mode */
#define RECORD_CREATE     'C'   /* inode, name */
#define RECORD_MKDIR      'K'   /* inode, name */
#define RECORD_SYMLINK    'Y'   /* inode, name, other: what it says */
#define RECORD_LINK       'L'   /* inode, name, other: the new one */
#define RECORD_RENAME     'R'   /* name, other: the new one */
#define RECORD_UNLINK     'U'   /* name; of directories too */
#define RECORD_BEGIN      'B'   /* of an fsync: inode, or 0: all; thread */
#define RECORD_END        'E'   /* it returned 0: the same */
#define RECORD_MARK       'M'   /* data: text */
#define RECORD_UNKNOWN    'X'   /* name, data: what cannot be followed */
#define RECORD_SNAPSHOT   'Z'   /* inode of the directory; nothing is in it */
#define RECORD_TAKEN      'z'   /* all of the snapshot was told */

/* flags of RECORD_BEGIN */

#define RECORD_DATA       1     /* fdatasync() */


typedef struct {
    uint32_t         magic;
    uint32_t         type;
    uint64_t         size;      /* of the record, bytes */
    uint64_t         inode;
    int64_t          offset;
    int64_t          length;    /* of the data, if there are any */
    uint32_t         thread;
    uint32_t         flags;
    uint32_t         name;      /* bytes of the names, which follow */
    uint32_t         other;
} record_t;


/*
 * In a program that has recorder.c linked in: records to log what this process
 * does below directory, or nothing if that is NULL.  nosync: what is said to
 * be synced is not, for speed.  Returns 0, or -1 and errno.
 */
int recorder_start(const char *directory, const char *log, int nosync);

/* makes an empty log, and the file beside it that has the lock; the same */

int recorder_create(const char *log);

/* appends a record that has no name; for the process that made the log */

int recorder_append(int log, record_t *r, const char *name,
    const char *other, const void *data, size_t len);

/* returns the lock of a log, or NULL and errno; and takes it, gives it back */

pthread_mutex_t *recorder_lock_of(const char *log);
void recorder_lock(pthread_mutex_t *lock);
void recorder_unlock(pthread_mutex_t *lock);


#endif /* _RECORDER_H_INCLUDED_ */

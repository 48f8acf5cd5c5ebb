
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The table of the segments, in the owner: the files of pages/, which of them
 * is written to, and how many bytes of each are live.
 *
 * A writer reserves a range of the active segment,
 * bigcache_segments_reserve.h, and writes to it while others write to theirs.
 * When the index names it, the writer calls bigcache_segments_done().  Until
 * then the segment is pinned.  A segment with no room left is sealed, and
 * never changes again.  A sealed segment that is not pinned may be compacted
 * or removed.
 *
 * The calls that open, create or remove files block on the disk, but do not
 * hold the lock that readers take.  Any thread, but bigcache_segments_open()
 * and bigcache_segments_close() must run alone.
 */


#ifndef _BIGCACHE_SEGMENTS_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_files.h"
#include "bigcache_log.h"
#include "bigcache_rc.h"
#include "bigcache_segment.h"


typedef struct bigcache_segments_s  bigcache_segments_t;
typedef struct bigcache_segment_s   bigcache_segment_t;

/* a reserved range: its segment, the open file, and where it begins */

typedef struct {
    void                *holder;    /* what has reserved it */
    bigcache_file_t     *file;
    int                  fd;
    uint64_t             id;
    off_t                offset;
} bigcache_place_t;

typedef struct {
    uint64_t   id;
    uint64_t   size;      /* bytes */
    int64_t    live;      /* bytes of entries that the index names */
} bigcache_usage_t;

typedef struct {
    uint64_t   segments;
    uint64_t   size;
    uint64_t   live;
} bigcache_total_t;

/* ids are times, in microseconds: none is that late for ages */

#define BIGCACHE_SEGMENTS_LATEST  ((uint64_t) 1 << 62)

/* the fields are for bigcache_segments*.c only */

struct bigcache_segment_s {
    uint64_t                id;
    uint64_t                size;
    int64_t                 live;
    int64_t                 retry_at;   /* compaction, monotonic ms, or 0 */
    int64_t                 remove_at;  /* removal, monotonic ms, or 0 */
    unsigned                unread;     /* failed compactions */
    unsigned                kept;       /* failed removals */
    unsigned                pins;       /* writers in it */
    unsigned                sealed:1;
    unsigned                dirty:1;    /* written to since the last sync */
    unsigned                unsynced:1; /* a sync failed */
};


struct bigcache_segments_s {
    char                   *path;
    uint64_t                segment_size;
    bigcache_files_t       *files;
    bigcache_log_t          log;

    /* taken by writers, before mutex, and held while files are made */
    pthread_mutex_t         writer;
    bigcache_segment_t     *active;

    pthread_mutex_t         mutex;
    bigcache_segment_t    **elts;       /* by id */
    size_t                  nelts;
    size_t                  nalloc;
    uint64_t                last;       /* latest id */

    _Atomic uint64_t        size;       /* bytes of all segments */
    _Atomic int             named;      /* all names are durable */
};

void bigcache_segments_close(bigcache_segments_t *segments);

/*
 * Sets the file size of the active segment when no call is inside the store
 * any more.  Ranges that are still granted stay reserved.  Returns its id, or
 * 0 if no segment may be continued.
 */
uint64_t bigcache_segments_settle(bigcache_segments_t *segments);

/*
 * Makes segment id the active one, if it has room left.  The segment must have
 * been settled: if its file were cut off within an entry, a scan would take
 * appended bytes for a part of that entry.
 */
void bigcache_segments_append(bigcache_segments_t *segments, uint64_t id);

/* ends a reservation, and releases the file */

void bigcache_segments_done(bigcache_segments_t *segments,
    const bigcache_place_t *place);

/* adds to the live bytes of segment id; returns 1, or 0 if there is none */

int bigcache_segments_add_live(bigcache_segments_t *segments, uint64_t id,
    int64_t bytes);

/*
 * Acquires the file of a segment.  Returns BIGCACHE_OK, and the caller must
 * call bigcache_files_release(); BIGCACHE_MISS if there is no such segment;
 * BIGCACHE_STALE and errno if the directory of segments is not there, so that
 * the segment may exist; BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_segments_acquire(bigcache_segments_t *segments,
    uint64_t id, bigcache_file_t **file, int *fd);

/*
 * copies the ids of up to n segments that could not be synced; returns how
 * many there are
 */
size_t bigcache_segments_unsynced(bigcache_segments_t *segments,
    uint64_t *ids, size_t n);

/*
 * Marks segment id as one that could not be synced, or all segments if id is
 * 0.  A later sync of the file may succeed although the kernel has dropped
 * what it could not write.  So the live pages must be written again, to
 * another segment.
 */
void bigcache_segments_distrust(bigcache_segments_t *segments, uint64_t id);

/* bigcache_segments_pick_sparse() then skips the segment for a while */

void bigcache_segments_postpone(bigcache_segments_t *segments, uint64_t id);

/* returns the live bytes of segment id, 0 if there is no such segment */

int64_t bigcache_segments_get_live(bigcache_segments_t *segments, uint64_t id);

/*
 * seals the active segment if its live share is less than most, so that it can
 * be compacted
 */
void bigcache_segments_seal(bigcache_segments_t *segments, double most);

/*
 * Unlinks a segment.  Returns 1; or 0, which is logged: the file is still
 * there and takes space, so it still counts, and is picked again later.
 */
int bigcache_segments_remove(bigcache_segments_t *segments, uint64_t id);

/* copies the first n usages to usage, in order; returns how many there are */

size_t bigcache_segments_usage(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n);

void bigcache_segments_total(bigcache_segments_t *segments,
    bigcache_total_t *total);

/*
 * For bigcache_segments_*.c.  REQUIRES: segments->mutex held, except for
 * bigcache_segments_add_locked() while the segments are opened.
 *
 * add: appends a segment, whose id must be the latest unless the segments are
 * being opened; returns 0, or -1 if out of memory.  index: returns the
 * position of segment id, or where it would be inserted.  find: returns the
 * segment, or NULL.  share: returns its live share, from 0 to 1.  usage_of:
 * sets *usage.
 */
int bigcache_segments_add_locked(bigcache_segments_t *segments,
    bigcache_segment_t *segment);
size_t bigcache_segments_index_locked(bigcache_segments_t *segments,
    uint64_t id);
bigcache_segment_t *bigcache_segments_find_locked(
    bigcache_segments_t *segments, uint64_t id);
double bigcache_segments_share_locked(const bigcache_segment_t *segment);
void bigcache_segments_usage_of_locked(const bigcache_segment_t *segment,
    bigcache_usage_t *usage);


#endif /* _BIGCACHE_SEGMENTS_H_INCLUDED_ */

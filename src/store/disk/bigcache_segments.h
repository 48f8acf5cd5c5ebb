
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The segments of a store: the files of pages/, which of them is written to,
 * and how much of each is alive; in the process that has the store open.
 *
 * A writer reserves a range of the active segment, writes it on its own, many
 * at once, and is done with it when the index names it; until then the
 * segment is pinned.  A segment that has no room left for a writer is sealed,
 * and never changes again.  Sealed segments that nobody has pinned may be
 * compacted or removed.
 *
 * The calls that open, create or remove files block; none of them does so
 * under the lock that readers take.  Any thread; open and close alone.
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

/* a reserved range: of which segment, its file, where it begins */

typedef struct {
    void                *holder;    /* of whoever has reserved it */
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

/* ids are moments, in microseconds: none is that late, or not for ages */

#define BIGCACHE_SEGMENTS_LATEST  ((uint64_t) 1 << 62)

/* the fields are for bigcache_segments*.c only */

struct bigcache_segment_s {
    uint64_t                id;
    uint64_t                size;
    int64_t                 live;
    int64_t                 retry_at;   /* monotonic ms, 0: it was read */
    int64_t                 remove_at;  /* the same, 0: it was not tried */
    unsigned                unread;     /* so often it could not be */
    unsigned                kept;       /* so often it was not removed */
    unsigned                pins;       /* of writers */
    unsigned                sealed:1;
    unsigned                dirty:1;    /* written to since the last sync */
    unsigned                unsynced:1; /* a sync failed */
};


struct bigcache_segments_s {
    char                   *path;
    uint64_t                segment_size;
    bigcache_files_t       *files;
    bigcache_log_t          log;

    /* taken by writers, before the other, and held while files are made */
    pthread_mutex_t         writer;
    bigcache_segment_t     *active;

    pthread_mutex_t         mutex;
    bigcache_segment_t    **elts;       /* by id */
    size_t                  nelts;
    size_t                  nalloc;
    uint64_t                last;       /* id */

    _Atomic uint64_t        size;       /* of all */
    _Atomic int             named;      /* all names are durable */
};

void bigcache_segments_close(bigcache_segments_t *segments);

/*
 * Gives the segment that is written to its size, when nobody is inside any
 * more: ranges in it that are still lent stay reserved.  Returns its id, or 0
 * if there is none that may be written on.
 */
uint64_t bigcache_segments_settle(bigcache_segments_t *segments);

/*
 * Has segment id written on, if there is some room in it; only if it was
 * settled: behind the end of a file that was cut off within an entry, what is
 * written next would lie inside of that entry, for whoever scans it.
 */
void bigcache_segments_append(bigcache_segments_t *segments, uint64_t id);

/* ends a reservation */

void bigcache_segments_done(bigcache_segments_t *segments,
    const bigcache_place_t *place);

/* adds to what is alive in segment id; returns 1, or 0 if it is not there */

int bigcache_segments_add_live(bigcache_segments_t *segments, uint64_t id,
    int64_t bytes);

/*
 * Gives the open file of a segment.  Returns BIGCACHE_OK, and
 * bigcache_segments_release() is owed; BIGCACHE_MISS if there is no such
 * segment; BIGCACHE_STALE and errno if the directory of segments is not there,
 * so that nobody knows; BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_segments_acquire(bigcache_segments_t *segments,
    uint64_t id, bigcache_file_t **file, int *fd);
void bigcache_segments_release(bigcache_segments_t *segments,
    bigcache_file_t *file);

/*
 * Copies the ids of the first n segments that could not be synced; returns how
 * many there are.
 */
size_t bigcache_segments_unsynced(bigcache_segments_t *segments,
    uint64_t *ids, size_t n);

/*
 * Takes segment id, or each of them if id is 0, for one that could not be
 * synced: a later sync of the file may succeed although what was not written
 * is lost, so what is alive there has to be written anew, elsewhere.
 */
void bigcache_segments_distrust(bigcache_segments_t *segments, uint64_t id);

/* has bigcache_segments_pick_sparse() pass over a segment, for a while */

void bigcache_segments_postpone(bigcache_segments_t *segments, uint64_t id);

/* returns the bytes alive in segment id */

int64_t bigcache_segments_get_live(bigcache_segments_t *segments, uint64_t id);

/*
 * Lets no more writers into the active segment, if less than the share most
 * of it is alive, so that it may be emptied.
 */
void bigcache_segments_seal(bigcache_segments_t *segments, double most);

/*
 * Unlinks a segment.  Returns 1; or 0, which is logged: its file is still
 * there, so it takes its room and counts, and is to be tried again after a
 * while.
 */
int bigcache_segments_remove(bigcache_segments_t *segments, uint64_t id);

/* copies the first n usages to usage, in order; returns how many there are */

size_t bigcache_segments_usage(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n);

/* returns the bytes of all segments, at no cost */

uint64_t bigcache_segments_size(bigcache_segments_t *segments);

void bigcache_segments_total(bigcache_segments_t *segments,
    bigcache_total_t *total);

/*
 * For bigcache_segments_*.c.  The caller must hold segments->mutex, but for
 * bigcache_segments_add_locked() while the segments are opened.
 *
 * add: appends a segment, whose id must be the last one but while the segments
 * are opened; returns 0, or -1 if there is no memory.  index: returns where
 * segment id is, or would be.  find: returns it, or NULL.  share: returns how
 * much of it is live, from 0 to 1.  usage_of: fills in *usage.
 */
int bigcache_segments_add_locked(bigcache_segments_t *segments,
    bigcache_segment_t *segment);
size_t bigcache_segments_index_locked(bigcache_segments_t *segments,
    uint64_t id);
bigcache_segment_t *bigcache_segments_find_locked(
    bigcache_segments_t *segments, uint64_t id);
double bigcache_segments_share(const bigcache_segment_t *segment);
void bigcache_segments_usage_of(const bigcache_segment_t *segment,
    bigcache_usage_t *usage);


#endif /* _BIGCACHE_SEGMENTS_H_INCLUDED_ */

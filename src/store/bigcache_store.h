
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store: pages under keys, on disk.
 *
 * These are the calls that requests make.  They name no database and no
 * file format: a page goes in as pieces and comes out as memory or as a range
 * of an open file.  All calls, but for create and destroy, may run in any
 * number of threads at once, and all may block: on the disk, on each other,
 * and, while the store is being opened, for conf.wait.  Nothing here may run
 * in an event loop.
 *
 * A process creates a store, starts it after its last fork(), and stops it.
 * A thread of the store's own opens the directory, as soon as no other
 * process has it open, and does the work that nobody waits for.
 *
 * A page that is acknowledged is in LevelDB's log, in the page cache: it
 * survives the process, and a power cut once it is synced, bigcache_sync.h.
 * Purges and clear are durable when they return, deletes with
 * bigcache_store_sync().  Calls on one key take effect one after the other;
 * versions of a key only grow.
 */


#ifndef _BIGCACHE_STORE_H_INCLUDED_
#define _BIGCACHE_STORE_H_INCLUDED_


#include "bigcache_data.h"
#include "bigcache_files.h"
#include "bigcache_hot.h"
#include "bigcache_index.h"
#include "bigcache_log.h"
#include "bigcache_rc.h"
#include "bigcache_record.h"


/*
 * Pages over this size, bytes, are large: they are written and read through
 * a buffer, as they came; it bounds what one call holds in memory.
 */
#define BIGCACHE_STORE_LARGE   (1024 * 1024)

/* what a writer expects to find; any other number is a version */

#define BIGCACHE_EXPECT_ANY    0
#define BIGCACHE_EXPECT_NONE   UINT64_MAX


typedef struct bigcache_store_s  bigcache_store_t;

typedef void (*bigcache_removed_pt)(void *data, uint64_t expired,
    uint64_t purged);

/*
 * What the store's thread tells of the directory.  opened: this process has
 * it; closing: it is about to close it, maybe to open it anew, and nobody else
 * can have it before this returns.  held: another process has it.  That call
 * may wait until it has not any more, with bigcache_store_held() around that;
 * wake ends the waiting.  there: is there another process that calls can be
 * asked of; any thread, and it may wait for as long as conf.wait.
 * opened and held return BIGCACHE_OK, or another code and the reason: opened
 * that the directory is to be let go again, held that nobody could be asked.
 */
typedef struct {
    bigcache_rc_t         (*opened)(void *data, char *error);
    void                  (*closing)(void *data);
    bigcache_rc_t         (*held)(void *data, char *error);
    void                  (*wake)(void *data);
    int                   (*there)(void *data);
    void                   *data;
} bigcache_store_hooks_t;

/* what the processes of one nginx know of a store together */

typedef struct {
    _Atomic uint32_t        closed;   /* on demand */
    _Atomic uint32_t        told;     /* hash of why it could not be opened */

    /* what was done, for whoever wants to know */
    _Atomic uint64_t        openings;
    _Atomic uint64_t        compacted;  /* segments */
    _Atomic uint64_t        moved;      /* pages out of them */
    _Atomic uint64_t        evicted;    /* segments */
    _Atomic uint64_t        lost;       /* live pages in them */
    _Atomic uint64_t        syncs;      /* rounds, bigcache_sync.h */
    _Atomic uint64_t        sync_failures;

    /*
     * monotonic ms, 0: none: the oldest write that no round has begun with,
     * and that of the round under way
     */
    _Atomic int64_t         unsynced;
    _Atomic int64_t         syncing;
} bigcache_store_shared_t;

typedef struct {
    const char             *path;     /* of the directory */
    unsigned                wait;     /* for a store to open, milliseconds */
    unsigned                sync;     /* after a write, milliseconds, 0: off */
    bigcache_index_conf_t   index;
    uint64_t                segment_size;
    uint64_t                max_size; /* of the directory, 0: no limit */
    uint64_t                min_free; /* on its file system, 0: none */
    size_t                  inline_size; /* of pages kept in the index */
    size_t                  gzip_min; /* of pages to pack, SIZE_MAX: none */
    bigcache_log_t          log;

    /* told of pages that the store removed by itself; any thread */
    bigcache_removed_pt     removed;
    void                   *data;

    /* all of it may be NULL, for a process on its own */
    bigcache_store_shared_t *shared;
    bigcache_hot_t          *hot;
    bigcache_store_hooks_t  hooks;
} bigcache_store_conf_t;

/*
 * Whether a page is to come with its body.  SMALL: if that is no longer than
 * BIGCACHE_STORE_LARGE.  KNOWN: in any case, but a longer one that would have
 * to be read for its checksum is BIGCACHE_AGAIN.
 */

#define BIGCACHE_BODY_NONE   0
#define BIGCACHE_BODY        1
#define BIGCACHE_BODY_SMALL  2
#define BIGCACHE_BODY_KNOWN  3

typedef struct {
    bigcache_str_t          key;
    unsigned                kind;     /* BIGCACHE_KIND_* */
    uint32_t                head;     /* as in bigcache_record_t */
    int64_t                 expire;   /* ms since the epoch, BIGCACHE_NEVER */
    bigcache_str_t          type;
    uint64_t                expect;   /* BIGCACHE_EXPECT_*, or a version */
    uint64_t                origin;   /* of the page this is made of, or 0 */
    const bigcache_data_t  *data;
    unsigned                n;        /* pieces in data */
    uint64_t                unpacked; /* data is a gzip file of so many bytes,
                                         0: it is not packed yet */

    /* of a call that is made again, bigcache_remote.h; else 0 */
    uint64_t                since;
    uint16_t                tag;
} bigcache_put_t;

/*
 * A page as it is stored.  The body is at record.body if fd is -1, else
 * record.length bytes of fd from offset on.  The memory and the file belong
 * to whoever has the page, until bigcache_page_free().
 */
typedef struct {
    bigcache_record_t       record;
    bigcache_str_t          value;    /* memory that record points into */
    u_char                 *copy;     /* the same, of another process */
    u_char                 *memory;   /* likewise */
    int                     fd;
    off_t                   offset;
} bigcache_page_t;

typedef struct {
    uint64_t                keys;
    uint64_t                segments;
    uint64_t                bytes;    /* in segments */
    uint64_t                live;     /* of them */
    unsigned                counted:1;  /* keys and live are known */
} bigcache_stat_t;


/*
 * Makes a store of the configuration, which is copied; touches no disk.
 * Returns NULL if there is no memory.
 */
bigcache_store_t *bigcache_store_create(const bigcache_store_conf_t *conf);

/*
 * Starts its thread, which opens the directory unless the store was closed on
 * demand.  Returns 0, or -1 and errno.
 */
int bigcache_store_start(bigcache_store_t *store);

/*
 * Lets the directory go: new calls are BIGCACHE_UNAVAILABLE, those under way
 * are waited for, then the database is closed.  For the last process that
 * may use it, and only once, though it may be called again.
 */
void bigcache_store_stop(bigcache_store_t *store);

/* frees a store that was never started, or was stopped */

void bigcache_store_destroy(bigcache_store_t *store);

/*
 * This process is going to end: it takes the directory only if a call has
 * waited for a while, since others are better suited.  Blocks not.
 */
void bigcache_store_quit(bigcache_store_t *store);

/*
 * Has the store's thread close the directory and let it go, if this process
 * has it: calls are BIGCACHE_HELD as soon as another one does.  Blocks not.
 */
void bigcache_store_resign(bigcache_store_t *store);

/*
 * For hooks.held: held: calls return BIGCACHE_HELD from now on; else they
 * wait.  Returns 0 if there is no more reason to, the store was stopped.
 */
int bigcache_store_held(bigcache_store_t *store, int held);

/* returns the latest version that this process has given out, or read of */

uint64_t bigcache_store_latest(bigcache_store_t *store);

/* returns the files of segments that this process has open */

bigcache_files_t *bigcache_store_files(bigcache_store_t *store);

/* returns 1 if the store was closed on demand */

int bigcache_store_closed(bigcache_store_t *store);

/*
 * All calls below may also return BIGCACHE_CLOSED, BIGCACHE_UNAVAILABLE,
 * BIGCACHE_HELD, BIGCACHE_NOMEM, and BIGCACHE_ERROR, which has been logged.
 *
 * bigcache_store_get() returns BIGCACHE_OK and the page; BIGCACHE_EXPIRED if
 * this call removed it since its time had come; BIGCACHE_MISS.  body is one
 * of BIGCACHE_BODY_*: without it the page has only its record, and no file is
 * opened.
 */
bigcache_rc_t bigcache_store_get(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_page_t *page);

/*
 * Stores a page over what is there, if that is as put->expect says, else
 * BIGCACHE_MISMATCH; an expired page counts as none.  Returns BIGCACHE_OK,
 * and in page the record, without a body, and the file if the page has one;
 * BIGCACHE_FULL; or BIGCACHE_STALE if the store was closed while a large page
 * was written, which is to be done again.
 */
bigcache_rc_t bigcache_store_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);

/*
 * Removes a page, if it is as expect says.  Returns BIGCACHE_OK,
 * BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH or BIGCACHE_FULL.
 * since: 0, or the same call was made before, whose answer was lost, when no
 * later version than that had been given out: then a page that is gone was
 * removed by that one, and a later page stays, BIGCACHE_OK.
 * The removal is durable when bigcache_store_sync() has returned.
 */
bigcache_rc_t bigcache_store_delete(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t since);

/*
 * Waits until all pages that were removed by now stay so through a power cut,
 * whoever removed them: also for a caller that found nothing to remove.
 * Returns BIGCACHE_OK; or BIGCACHE_ERROR if the disk did not take it.
 */
bigcache_rc_t bigcache_store_sync(bigcache_store_t *store);

/*
 * Removes the pages whose keys begin with prefix and that were stored before
 * this call: from now on no reader is given them.  async: the store's thread
 * will remove them from the disk; else bigcache_store_purge_run() is owed, in
 * this process or in that which opens the store next.  Returns BIGCACHE_OK
 * and *version, which names the purge, or BIGCACHE_FULL.
 * since: as above; what was stored later than that is not purged.
 */
bigcache_rc_t bigcache_store_purge(bigcache_store_t *store,
    const bigcache_str_t *prefix, int async, uint64_t since,
    uint64_t *version);

/*
 * Removes the pages of a purge from the disk.  Adds to *n how many of them
 * were live, to *expired how many were not, whatever it returns: BIGCACHE_OK,
 * BIGCACHE_FULL or BIGCACHE_HELD, then it can be gone on with.  If the store
 * is closed meanwhile, it goes on when it is open again within conf.wait, else
 * the store's thread will do it.
 */
bigcache_rc_t bigcache_store_purge_run(bigcache_store_t *store,
    uint64_t version, uint64_t *n, uint64_t *expired);

/* *stat is exact, but for expired pages that the sweep has not come to */

bigcache_rc_t bigcache_store_stat(bigcache_store_t *store,
    bigcache_stat_t *stat);

/*
 * The same as far as it is known now: what a process that died has left may
 * still have to be counted.
 */
bigcache_rc_t bigcache_store_gauges(bigcache_store_t *store,
    bigcache_stat_t *stat);

/* removes everything */

bigcache_rc_t bigcache_store_clear(bigcache_store_t *store);

/*
 * Closes the store: when it returns BIGCACHE_OK, which it does for a closed
 * store too, no page that is stored changes until bigcache_store_open().
 */
bigcache_rc_t bigcache_store_close(bigcache_store_t *store);

/* returns BIGCACHE_OK when the store is open, or was */

bigcache_rc_t bigcache_store_open(bigcache_store_t *store);

/* copies why the store is unavailable to text, as a sentence */

void bigcache_store_reason(bigcache_store_t *store,
    char *text);

/* makes page an empty one; frees what it has, and may be called again */

void bigcache_page_clear(bigcache_page_t *page);
void bigcache_page_free(bigcache_page_t *page);


#endif /* _BIGCACHE_STORE_H_INCLUDED_ */

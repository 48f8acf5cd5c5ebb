
/*
 * Copyright (C) bigcache contributors
 */


/*
 * bigcache compact: does all work of the store's thread at once, in this
 * thread.  There are no requests to make way for.
 */


#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bigcache_compact.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_expire.h"
#include "bigcache_layout.h"
#include "bigcache_open.h"
#include "bigcache_purge.h"
#include "bigcache_recount.h"
#include "bigcache_store.h"
#include "bigcache_sync.h"
#include "bigcache_tool.h"
#include "bigcache_version.h"


/* as the defaults of bigcache_path */

#define BIGCACHE_TOOL_SEGMENT  (64 * 1024 * 1024)
#define BIGCACHE_TOOL_BUFFER   (16 * 1024 * 1024)

/* milliseconds that the sweep returns when it has finished */

#define BIGCACHE_TOOL_IDLE     500


static bigcache_store_t *bigcache_tool_store(bigcache_tool_t *tool);
static void bigcache_tool_work(bigcache_store_t *store);
static void bigcache_tool_work_pages(bigcache_store_t *store);
static void bigcache_tool_store_close(bigcache_store_t *store);
static uint64_t bigcache_tool_bytes(const bigcache_tool_t *tool);


int
bigcache_tool_compact(bigcache_tool_t *tool)
{
    uint64_t           before, after;
    bigcache_store_t  *store;

    before = bigcache_tool_bytes(tool);

    store = bigcache_tool_store(tool);

    if (store == NULL) {
        return bigcache_tool_failed("\"%s\" cannot be opened: %s", tool->path,
                                    tool->error);
    }

    bigcache_tool_work(store);
    bigcache_tool_store_close(store);

    after = bigcache_tool_bytes(tool);

    (void) printf("bytes before: %llu\nbytes after: %llu\n",
                  (unsigned long long) before, (unsigned long long) after);

    return tool->logged ? BIGCACHE_TOOL_WRONG : BIGCACHE_TOOL_OK;
}


/* opens a store as its thread does; the caller has the lock already */

static bigcache_store_t *
bigcache_tool_store(bigcache_tool_t *tool)
{
    uint64_t                version;
    bigcache_open_t         open;
    bigcache_store_t       *store;
    bigcache_store_conf_t   conf;

    memset(&conf, 0, sizeof(bigcache_store_conf_t));

    conf.path = tool->path;
    conf.index.block_cache = BIGCACHE_TOOL_BUFFER;
    conf.index.write_buffer = BIGCACHE_TOOL_BUFFER;
    conf.segment_size = BIGCACHE_TOOL_SEGMENT;
    conf.gzip_min = SIZE_MAX;
    conf.log = tool->log;

    store = bigcache_store_create(&conf);

    if (store == NULL) {
        (void) snprintf(tool->error, BIGCACHE_ERROR_LEN, "out of memory");
        return NULL;
    }

    open.lock = tool->lock;
    open.files = store->files;
    tool->lock = -1;

    if (bigcache_open(&store->conf, &open, 0, tool->error) != BIGCACHE_OK) {
        bigcache_store_destroy(store);
        return NULL;
    }

    store->lock = open.lock;
    store->index = open.index;
    store->segments = open.segments;
    store->walk = open.walk;
    store->counted = (open.walk == NULL);
    store->state = BIGCACHE_STATE_OPEN;

    atomic_store(&store->count, (int64_t) open.count);
    atomic_store(&store->version, open.version);
    atomic_store(&store->synced, open.synced);
    atomic_store(&store->opened, bigcache_version_next(store));

    /* importing is left to nginx */

    atomic_store(&store->imported, 1);

    if (bigcache_purges_load(&store->purges, store->index, 0, &version,
                             tool->error)
        != BIGCACHE_OK)
    {
        bigcache_tool_store_close(store);
        return NULL;
    }

    bigcache_version_advance(store, version);

    return store;
}


static void
bigcache_tool_work(bigcache_store_t *store)
{
    if (!store->counted) {
        store->counted = (bigcache_recount(store) == 0);
    }

    while (bigcache_purge_work(store)) { /* void */ }

    bigcache_tool_work_pages(store);

    bigcache_index_compact(store->index);

    bigcache_dir_empty_trash(store->conf.path, &store->draining);
}


/* each of these returns how long its thread would wait */

static void
bigcache_tool_work_pages(bigcache_store_t *store)
{
    unsigned  idle;

    do {
        idle = bigcache_expire_work(store);
    } while (idle < BIGCACHE_TOOL_IDLE && !atomic_load(&store->broken));

    if (!store->counted || atomic_load(&store->broken)) {
        return;
    }

    /* the active segment is compacted, too: moved pages come after it */

    bigcache_segments_seal(store->segments, BIGCACHE_COMPACT_SPARSE);

    while (!atomic_load(&store->broken)
           && (bigcache_compact_empty(store)
               || bigcache_compact_work(store) == 0))
    {
        /* void */
    }
}


static void
bigcache_tool_store_close(bigcache_store_t *store)
{
    bigcache_open_t  open;

    if (bigcache_sync_all(store) != BIGCACHE_OK) {
        store->counted = 0;
    }

    memset(&open, 0, sizeof(bigcache_open_t));

    open.lock = store->lock;
    open.index = store->index;
    open.segments = store->segments;
    open.walk = store->walk;
    open.count = (uint64_t) atomic_load(&store->count);
    open.version = atomic_load(&store->version);

    bigcache_open_close(&store->conf, &open, store->counted);

    bigcache_store_destroy(store);
}


static uint64_t
bigcache_tool_bytes(const bigcache_tool_t *tool)
{
    return bigcache_tool_size(tool->path, BIGCACHE_LAYOUT_INDEX)
           + bigcache_tool_size(tool->path, BIGCACHE_LAYOUT_PAGES);
}

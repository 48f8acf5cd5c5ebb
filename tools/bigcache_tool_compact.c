
/*
 * Copyright (C) bigcache contributors
 */


/*
 * bigcache compact: has the store do at once what it would do in time, and says
 * how much smaller it is.
 */


#include <stdio.h>
#include <string.h>

#include "bigcache_layout.h"
#include "bigcache_store_compact.h"
#include "bigcache_tool.h"


/* as the defaults of bigcache_path */

#define BIGCACHE_TOOL_SEGMENT  (64 * 1024 * 1024)
#define BIGCACHE_TOOL_BUFFER   (16 * 1024 * 1024)


static uint64_t bigcache_tool_bytes(const bigcache_tool_t *tool);


int
bigcache_tool_compact(bigcache_tool_t *tool)
{
    int                     lock;
    uint64_t                before, after;
    bigcache_rc_t           rc;
    bigcache_store_conf_t   conf;

    memset(&conf, 0, sizeof(bigcache_store_conf_t));

    conf.path = tool->path;
    conf.index.block_cache = BIGCACHE_TOOL_BUFFER;
    conf.index.write_buffer = BIGCACHE_TOOL_BUFFER;
    conf.segment_size = BIGCACHE_TOOL_SEGMENT;
    conf.gzip_min = SIZE_MAX;
    conf.log = tool->log;

    lock = tool->lock;
    tool->lock = -1;

    before = bigcache_tool_bytes(tool);

    rc = bigcache_store_compact(&conf, lock, tool->error);

    if (rc != BIGCACHE_OK) {
        return bigcache_tool_failed("\"%s\" cannot be opened: %s", tool->path,
                                    tool->error);
    }

    after = bigcache_tool_bytes(tool);

    (void) printf("bytes before: %llu\nbytes after: %llu\n",
                  (unsigned long long) before, (unsigned long long) after);

    return tool->logged ? BIGCACHE_TOOL_WRONG : BIGCACHE_TOOL_OK;
}


static uint64_t
bigcache_tool_bytes(const bigcache_tool_t *tool)
{
    return bigcache_tool_size(tool->path, BIGCACHE_LAYOUT_INDEX)
           + bigcache_tool_size(tool->path, BIGCACHE_LAYOUT_PAGES);
}

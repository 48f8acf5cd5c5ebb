
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the unit tests of a store share: a directory, the usual configuration,
 * and a store that is started and stopped.
 */


#ifndef _STORE_H_INCLUDED_
#define _STORE_H_INCLUDED_


#include <stdio.h>
#include <string.h>

#include "bigcache_keeper.h"
#include "bigcache_store.h"
#include "dir.h"
#include "selectors.h"


static inline void fresh(void);
static inline void usual_conf(void);
static inline bigcache_store_t *start(void);
static inline void stop(bigcache_store_t *store);
static inline void print_log(void *data, int level, const char *text);
static inline bigcache_str_t str(const char *s);

static char                   path[64];
static bigcache_store_conf_t  conf;


/* makes path a new empty directory, and removes the previous one */

static inline void
fresh(void)
{
    if (path[0]) {
        remove_dir(path);
    }

    make_dir(path);
}


static inline void
usual_conf(void)
{
    conf.path = path;
    conf.wait = 2000;
    conf.index.block_cache = 1024 * 1024;
    conf.index.write_buffer = 1024 * 1024;
    conf.segment_size = 4 * 1024 * 1024;
    conf.gzip_min = SIZE_MAX;
    conf.log.handler = print_log;
}


/* starts a store, as an nginx does */

static inline bigcache_store_t *
start(void)
{
    bigcache_store_t  *store;

    if (conf.shared) {
        memset(conf.shared, 0, sizeof(bigcache_shared_t));
    }

    store = bigcache_store_create(&conf);
    (void) bigcache_keeper_start(store);

    return store;
}


static inline void
stop(bigcache_store_t *store)
{
    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);
}


static inline void
print_log(void *data, int level, const char *text)
{
    (void) data;

    (void) printf("# log %d: %s\n", level, text);
}


static inline bigcache_str_t
str(const char *s)
{
    bigcache_str_t  string;

    string.data = (const u_char *) s;
    string.len = strlen(s);

    return string;
}


#endif /* _STORE_H_INCLUDED_ */

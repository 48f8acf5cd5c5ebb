
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens the store in a directory, as a worker of the nginx with that master
 * would, and serves others until its standard input ends: so that all workers
 * of that nginx are callers.
 *
 *     owner DIRECTORY MASTER
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_local.h"


static void log_handler(void *data, int level, const char *text);


int
main(int argc, char **argv)
{
    char                    byte;
    struct stat             st;
    bigcache_rc_t           rc;
    bigcache_stat_t         totals;
    bigcache_cache_t       *cache;
    bigcache_local_conf_t   conf;

    if (argc != 3) {
        return 2;
    }

    memset(&conf, 0, sizeof(bigcache_local_conf_t));

    conf.store.path = argv[1];
    conf.store.wait = 5000;
    conf.store.index.block_cache = 8 * 1024 * 1024;
    conf.store.index.write_buffer = 16 * 1024 * 1024;
    conf.store.segment_size = 256 * 1024 * 1024;
    conf.store.gzip_min = 1024;
    conf.store.log.handler = log_handler;

    if (stat("/proc/self/ns/pid", &st) == -1) {
        return 1;
    }

    conf.masters[0] = ((uint64_t) st.st_ino << 32)
                      | strtoull(argv[2], NULL, 10);

    cache = bigcache_local_create(&conf);

    if (cache == NULL || bigcache_cache_start(cache) != 0) {
        perror("owner");
        return 1;
    }

    rc = bigcache_cache_stat(cache, 0, &totals);

    (void) printf("%s\n", rc == BIGCACHE_OK ? "open" : "failed");
    (void) fflush(stdout);

    while (read(STDIN_FILENO, &byte, 1) > 0) { /* void */ }

    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);

    return rc != BIGCACHE_OK;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level < BIGCACHE_LOG_NOTICE) {
        (void) fprintf(stderr, "%s\n", text);
    }
}

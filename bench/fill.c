
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Fills a store that no nginx holds, through its own calls:
 *
 *     fill [-e SECONDS] [-s TENTHS] DIRECTORY FIRST LAST SIZE
 *          [PREFIX [TAG EVERY]]
 *
 * stores pages of SIZE bytes that do not pack under the keys PREFIX/N, N from
 * FIRST up to LAST, from four threads, and prints the pages stored a second.
 * Each page whose N is a multiple of EVERY has the tag.  With -e all pages
 * expire so many seconds after the start.  With -s only so many of each ten
 * pages are stored, such as to replace a share of those that are there.
 */


#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_keeper.h"
#include "bigcache_store.h"
#include "bigcache_tags.h"
#include "bigcache_time.h"


#define THREADS  4


typedef struct {
    bigcache_store_t  *store;
    const char        *prefix;
    unsigned long      first;
    unsigned long      last;
    size_t             size;
    bigcache_str_t     tag;
    unsigned long      every;
    unsigned long      tenths;
    int64_t            expire;
    unsigned long      failed;
} part_t;


static void *fill(void *data);
static void log_handler(void *data, int level, const char *text);


int
main(int argc, char **argv)
{
    part_t                  parts[THREADS];
    int                     option;
    int64_t                 began, expire;
    unsigned                i;
    pthread_t               threads[THREADS];
    unsigned long           first, last, share, failed, tenths;
    bigcache_store_t       *store;
    bigcache_store_conf_t   conf;

    expire = BIGCACHE_NEVER;
    tenths = 10;

    while ((option = getopt(argc, argv, "e:s:")) != -1) {
        switch (option) {
        case 'e':
            expire = bigcache_time_now() + strtol(optarg, NULL, 10) * 1000;
            break;
        case 's':
            tenths = strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }

    argc -= optind - 1;
    argv += optind - 1;

    if (argc < 5) {
        (void) fprintf(stderr, "usage: fill [-e SECONDS] [-s TENTHS] DIRECTORY "
                               "FIRST LAST SIZE [PREFIX [TAG EVERY]]\n");
        return 2;
    }

    memset(&conf, 0, sizeof(bigcache_store_conf_t));

    conf.path = argv[1];
    conf.wait = 60000;
    conf.index.block_cache = 8 * 1024 * 1024;
    conf.index.write_buffer = 16 * 1024 * 1024;
    conf.segment_size = 256 * 1024 * 1024;
    conf.gzip_min = SIZE_MAX;
    conf.log.handler = log_handler;

    store = bigcache_store_create(&conf);

    if (store == NULL || bigcache_keeper_start(store) != 0) {
        (void) fprintf(stderr, "fill: cannot start\n");
        return 1;
    }

    first = strtoul(argv[2], NULL, 10);
    last = strtoul(argv[3], NULL, 10);
    share = (last - first + THREADS - 1) / THREADS;
    failed = 0;

    began = bigcache_time_monotonic();

    for (i = 0; i < THREADS; i++) {
        parts[i].store = store;
        parts[i].prefix = (argc > 5) ? argv[5] : "page";
        parts[i].first = first + i * share;
        parts[i].last = (parts[i].first + share < last)
                        ? parts[i].first + share : last;
        parts[i].size = strtoul(argv[4], NULL, 10);
        parts[i].tag.data = (u_char *) ((argc > 7) ? argv[6] : "");
        parts[i].tag.len = strlen((char *) parts[i].tag.data);
        parts[i].every = (argc > 7) ? strtoul(argv[7], NULL, 10) : 0;
        parts[i].tenths = tenths;
        parts[i].expire = expire;
        parts[i].failed = 0;

        (void) pthread_create(&threads[i], NULL, fill, &parts[i]);
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
        failed += parts[i].failed;
    }

    (void) printf("%.0f\n", (double) (last - first) * 1000
                            / (double) (bigcache_time_monotonic() - began + 1));

    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);

    return failed != 0;
}


static void *
fill(void *data)
{
    part_t *part = data;

    char                     name[128];
    size_t                   i;
    u_char                  *body, tags[BIGCACHE_TAG_MAX + 1];
    uint64_t                 seed;
    unsigned long            n;
    bigcache_put_t           put;
    bigcache_stored_t        page;
    bigcache_data_t          piece;
    bigcache_tags_writer_t   writer;

    body = malloc(part->size + 1);
    seed = part->first + 1;

    for (i = 0; i < part->size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        body[i] = (u_char) (seed >> 56);
    }

    memset(&put, 0, sizeof(bigcache_put_t));

    put.kind = BIGCACHE_KIND_RAW;
    put.expire = part->expire;
    put.data = &piece;
    put.n = 1;
    put.tags.data = tags;

    bigcache_tags_begin(&writer, tags);

    if (part->every) {
        (void) bigcache_tags_add(&writer, &part->tag);
    }

    for (n = part->first; n < part->last; n++) {

        if (n % 10 >= part->tenths) {
            continue;
        }

        put.key.data = (u_char *) name;
        put.key.len = (size_t) snprintf(name, sizeof(name), "%s/%lu",
                                        part->prefix, n);
        piece = bigcache_data_bytes(body, part->size);
        put.tags.len = (part->every && n % part->every == 0) ? writer.len : 0;

        if (bigcache_store_put(part->store, &put, &page) != BIGCACHE_OK) {
            part->failed++;
        }

        bigcache_stored_free(&page);
    }

    free(body);

    return NULL;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level <= BIGCACHE_LOG_WARN) {
        (void) fprintf(stderr, "fill: %s\n", text);
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What LevelDB does with whole pages, at its defaults:
 *
 *     leveldb_put DIRECTORY FILE N
 *
 * puts the content of FILE under N keys, from one thread, each made different
 * by its number in front, and prints the puts a second.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <leveldb/c.h>


int
main(int argc, char **argv)
{
    char                    *err, *body, key[32];
    FILE                    *file;
    long                     i, n;
    size_t                   len;
    double                   seconds;
    leveldb_t               *db;
    struct timespec          began, ended;
    leveldb_options_t       *options;
    leveldb_writeoptions_t  *write;

    if (argc != 4) {
        (void) fprintf(stderr, "usage: leveldb_put DIRECTORY FILE N\n");
        return 2;
    }

    file = fopen(argv[2], "rb");
    body = malloc(1024 * 1024);

    if (file == NULL || body == NULL) {
        perror(argv[2]);
        return 1;
    }

    len = fread(body, 1, 1024 * 1024, file);
    (void) fclose(file);

    options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    write = leveldb_writeoptions_create();

    err = NULL;
    db = leveldb_open(options, argv[1], &err);

    if (err) {
        (void) fprintf(stderr, "%s\n", err);
        return 1;
    }

    n = atol(argv[3]);
    (void) clock_gettime(CLOCK_MONOTONIC, &began);

    for (i = 0; i < n && err == NULL; i++) {
        (void) snprintf(key, sizeof(key), "page/%ld", i * 7919 % n);
        memcpy(body, key, strlen(key));
        leveldb_put(db, write, key, strlen(key), body, len, &err);
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ended);
    leveldb_close(db);

    seconds = (double) (ended.tv_sec - began.tv_sec)
              + (double) (ended.tv_nsec - began.tv_nsec) / 1e9;

    (void) printf("%.0f\n", (double) n / seconds);

    return err != NULL;
}


/*
 * Copyright (C) bigcache contributors
 */


/* Reads in LevelDB's own log which files LevelDB has seen. */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bigcache_data.h"
#include "bigcache_hash.h"
#include "bigcache_index.h"
#include "bigcache_plain.h"
#include "bigcache_recover_log.h"


static char *bigcache_recover_log_text(const char *dir);
static uint64_t bigcache_recover_log_faults(const char *text,
    bigcache_recover_e how);


int
bigcache_recover_log_begin(const char *dir)
{
    char  from[PATH_MAX], to[PATH_MAX];

    (void) snprintf(from, PATH_MAX, "%s/LOG", dir);
    (void) snprintf(to, PATH_MAX, "%s/LOG.old", dir);

    return (rename(from, to) == 0 || errno == ENOENT) ? 0 : -1;
}


int
bigcache_recover_log_add(bigcache_recover_log_t *log, const char *name)
{
    size_t                        n;
    uint64_t                      number;
    bigcache_index_file_e         file;
    bigcache_recover_log_file_t  *elts;

    file = bigcache_index_file(name, &number);

    if (file != BIGCACHE_INDEX_FILE_LOG && file != BIGCACHE_INDEX_FILE_TABLE) {
        return 0;
    }

    if (log->n == log->nalloc) {

        n = log->nalloc ? 2 * log->nalloc : 64;

        elts = realloc(log->elts, n * sizeof(bigcache_recover_log_file_t));
        if (elts == NULL) {
            return -1;
        }

        log->elts = elts;
        log->nalloc = n;
    }

    elts = &log->elts[log->n++];

    elts->number = number;
    elts->table = (file == BIGCACHE_INDEX_FILE_TABLE);

    return 0;
}


int
bigcache_recover_log_unseen(const bigcache_recover_log_t *log, const char *dir,
    bigcache_recover_e how, uint64_t *unseen)
{
    char                         *text, line[64];
    size_t                        i;
    bigcache_recover_log_file_t  *file;

    /* no file matters: there may be no LOG */

    if (log->n == 0) {
        return 0;
    }

    text = bigcache_recover_log_text(dir);

    if (text == NULL && errno != ENOENT) {
        return -1;
    }

    *unseen = text ? bigcache_recover_log_faults(text, how) : 0;

    for (i = 0; i < log->n; i++) {

        file = &log->elts[i];

        /* except in a repair, LevelDB knows its tables from the manifest */

        if (file->table && how != BIGCACHE_RECOVER_REPAIR) {
            continue;
        }

        (void) snprintf(line, sizeof(line),
                        how != BIGCACHE_RECOVER_REPAIR
                        ? "Recovering log #%llu\n"
                        : file->table ? "Table #%llu: " : "Log #%llu: ",
                        (unsigned long long) file->number);

        if (text == NULL || strstr(text, line) == NULL) {
            *unseen = bigcache_hash(*unseen, line, strlen(line));
        }
    }

    free(text);

    return 0;
}


/* returns the text of LOG, which ends with a zero byte, or NULL and errno */

static char *
bigcache_recover_log_text(const char *dir)
{
    int              fd, err;
    char             name[PATH_MAX], *text;
    size_t           len;
    struct stat      st;
    bigcache_data_t  data;

    (void) snprintf(name, PATH_MAX, "%s/LOG", dir);

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return NULL;
    }

    text = NULL;

    if (fstat(fd, &st) == 0) {
        len = (size_t) st.st_size;
        text = malloc(len + 1);

        if (text) {
            text[len] = '\0';
            data = bigcache_data_range(fd, 0, len);

            if (bigcache_data_read((u_char *) text, &data, 1) == -1) {
                err = errno;
                free(text);
                text = NULL;
                errno = err;
            }
        }
    }

    bigcache_plain_close(fd);

    return text;
}


/* returns a hash of the faults that LevelDB reports */

static uint64_t
bigcache_recover_log_faults(const char *text, bigcache_recover_e how)
{
    int          bad;
    size_t       i;
    uint64_t     hash;
    const char  *p, *end, *word;

    static const char *const  words[] = {
        "dropp", "ignor", "unparsable", "repaired", "error", "orruption"
    };

    if (how == BIGCACHE_RECOVER_OPEN) {
        return 0;
    }

    bad = 0;
    hash = 0;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        bad |= (strstr(text, words[i]) != NULL);
    }

    for (p = text; bad && *p; p = *end ? end + 1 : end) {

        end = p + strcspn(p, "\n");

        /* without the time and the thread at the beginning of the line */

        word = strstr(p, how == BIGCACHE_RECOVER_TORN ? "(ignoring" : " #");

        if (word && word < end) {
            hash = bigcache_hash(hash, word, (size_t) (end - word));
        }
    }

    return hash;
}

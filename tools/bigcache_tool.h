
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The parts of the command "bigcache", which reads a store that no nginx has
 * open.  One thread.
 *
 * Exit statuses: 0; 1 if something is missing or wrong in the store; 2 if the
 * command could not be carried out.
 */


#ifndef _BIGCACHE_TOOL_H_INCLUDED_
#define _BIGCACHE_TOOL_H_INCLUDED_


#include <limits.h>
#include <stdio.h>

#include "bigcache_index.h"
#include "bigcache_purges.h"
#include "bigcache_segments.h"


#define BIGCACHE_TOOL_OK      0
#define BIGCACHE_TOOL_WRONG   1
#define BIGCACHE_TOOL_FAILED  2


/* the most arguments: the directory and what follows it; bytes of a time */

#define BIGCACHE_TOOL_ARGS    3
#define BIGCACHE_TOOL_TIME    64


/* the command line, and a store that is open for reading, or only locked */

typedef struct {
    char                 *argv[BIGCACHE_TOOL_ARGS];
    int                   argc;
    int                   kind;      /* -k of ls: BIGCACHE_KIND_*, or 0 */
    bigcache_str_t        tag;       /* -t of ls, len 0: none */
    unsigned              info:1;    /* -i of get */
    unsigned              page:1;    /* -p */
    unsigned              head:1;    /* --head */
    unsigned              tags:1;    /* --tags of ls */
    unsigned              json:1;    /* --json of doctor */
    const char           *field;     /* -H of doctor, or NULL */

    const char           *path;
    int                   lock;
    bigcache_index_t     *index;
    bigcache_files_t     *files;
    bigcache_segments_t  *segments;
    bigcache_purges_t     purges;    /* that have not ended */
    unsigned              logged;    /* lines at the level "error" or worse */
    bigcache_log_t        log;
    char                  error[BIGCACHE_ERROR_LEN];
} bigcache_tool_t;

/* an entry: its header, and the body if that is in memory */

typedef struct {
    bigcache_record_t     record;
    u_char               *memory;
    bigcache_file_t      *file;
    int                   fd;        /* -1: the body is in record.body */
    off_t                 offset;
    const char           *problem;   /* why it cannot be read, static */
} bigcache_tool_page_t;


/* commands that have a file of their own; they return the exit status */

int bigcache_tool_get(bigcache_tool_t *tool);
int bigcache_tool_check(bigcache_tool_t *tool);
int bigcache_tool_compact(bigcache_tool_t *tool);
int bigcache_tool_doctor(bigcache_tool_t *tool);

/*
 * Opens the index and the segments of a tool that has the lock.  Returns
 * BIGCACHE_OK, or another code and the reason in tool->error.
 */
bigcache_rc_t bigcache_tool_open(bigcache_tool_t *tool);

void bigcache_tool_close(bigcache_tool_t *tool);

/* prints a line to stderr; returns BIGCACHE_TOOL_FAILED */

int bigcache_tool_failed(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* prints bytes as one field of a line; to the standard output */

void bigcache_tool_print_to(FILE *file, const bigcache_str_t *s);
void bigcache_tool_print(const bigcache_str_t *s);

/* calls handler for all keys that begin with prefix; returns the exit status */

int bigcache_tool_walk(bigcache_tool_t *tool, const bigcache_str_t *prefix,
    bigcache_index_walk_pt handler, void *data);

/* returns the name of the kind of a record */

const char *bigcache_tool_kind(const bigcache_record_t *record);

/* write a time, or "-" for never, to text, of BIGCACHE_TOOL_TIME bytes */

const char *bigcache_tool_time(char *text, int64_t ms);
const char *bigcache_tool_expire(char *text, int64_t ms);

/* returns an argument, 0 for the directory; empty if there are not so many */

bigcache_str_t bigcache_tool_argument(const bigcache_tool_t *tool, int i);

/*
 * Reads the page of a record: its header, whose checksum is verified, and, if
 * body is 1, its body.  Returns 0, and the caller must call
 * bigcache_tool_page_free(); or -1 and page->problem.
 */
int bigcache_tool_page(bigcache_tool_t *tool, const bigcache_str_t *key,
    const bigcache_record_t *record, int body, bigcache_tool_page_t *page);
void bigcache_tool_page_free(bigcache_tool_t *tool,
    bigcache_tool_page_t *page);

/* returns the bytes of the files in the directory path/name */

uint64_t bigcache_tool_size(const char *path, const char *name);


#endif /* _BIGCACHE_TOOL_H_INCLUDED_ */

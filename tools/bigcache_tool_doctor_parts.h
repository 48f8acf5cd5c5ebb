
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The parts of "bigcache doctor", which says what is unwise about a store:
 *
 *     doctor          the command: what to look at, and the exit status
 *     doctor_dir      what there is to know of a directory, and nothing else
 *     doctor_owner    of the process that has it open
 *     doctor_http     asks a server
 *     doctor_answer   takes its answers apart
 *     doctor_server   finds values in them
 *     doctor_store    judges a directory, doctor_running judges a server, and
 *                     doctor_cluster the cluster that it keeps its store in: a
 *                     table of checks each, and a check is one function
 *     doctor_common   what both of them judge alike
 *     doctor_report   the findings, as text and as JSON
 *
 * To add a check, write a function that says what is seen and what to do, and
 * add it to a table.  Checks are pure: unit tests and a fuzzer call them.
 */


#ifndef _BIGCACHE_TOOL_DOCTOR_PARTS_H_INCLUDED_
#define _BIGCACHE_TOOL_DOCTOR_PARTS_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "bigcache_mount.h"
#include "bigcache_str.h"
#include "bigcache_tool.h"


#define BIGCACHE_TOOL_DOCTOR_TEXT      512
#define BIGCACHE_TOOL_DOCTOR_FINDINGS  48
#define BIGCACHE_TOOL_DOCTOR_NAME      256

/* bytes that the store keeps free for when the disk is full, by default */

#define BIGCACHE_TOOL_DOCTOR_RESERVE   (292ULL * 1024 * 1024)


/* -- findings */

/* from good to bad; SKIPPED: it does not apply, or is not known */

typedef enum {
    BIGCACHE_TOOL_DOCTOR_SKIPPED = 0,
    BIGCACHE_TOOL_DOCTOR_OK,
    BIGCACHE_TOOL_DOCTOR_ADVICE,
    BIGCACHE_TOOL_DOCTOR_WARNING,
    BIGCACHE_TOOL_DOCTOR_ERROR,
    BIGCACHE_TOOL_DOCTOR_LEVELS
} bigcache_tool_doctor_level_e;

typedef struct {
    bigcache_tool_doctor_level_e      level;
    const char                       *name;     /* of the check */
    const char                       *why;      /* it matters */
    char                              seen[BIGCACHE_TOOL_DOCTOR_TEXT];
    char                              advice[BIGCACHE_TOOL_DOCTOR_TEXT];
} bigcache_tool_doctor_finding_t;

/* sets the level of a finding, if it applies, and its texts */

typedef void (*bigcache_tool_doctor_check_pt)(const void *facts,
    bigcache_tool_doctor_finding_t *finding);

/* a table of checks ends with a name that is NULL */

typedef struct {
    const char                       *name;
    bigcache_tool_doctor_check_pt     check;
    const char                       *why;
} bigcache_tool_doctor_check_t;

typedef struct {
    const char                       *target;
    const char                       *kind;     /* "directory" or "server" */
    const cJSON                      *in_force; /* of a server, or NULL */
    unsigned                          nfindings;
    bigcache_tool_doctor_finding_t    findings[BIGCACHE_TOOL_DOCTOR_FINDINGS];
} bigcache_tool_doctor_report_t;

/* runs the checks of a table, and adds what they find to the report */

void bigcache_tool_doctor_report_run(bigcache_tool_doctor_report_t *report,
    const bigcache_tool_doctor_check_t *checks, const void *facts);

/* for checks: the level and what is seen; and what to do */

void bigcache_tool_doctor_report_seen(bigcache_tool_doctor_finding_t *finding,
    bigcache_tool_doctor_level_e level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void bigcache_tool_doctor_report_advice(
    bigcache_tool_doctor_finding_t *finding, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* writes bytes as a person reads them, "1.5 GB", to the 32 bytes at text */

const char *bigcache_tool_doctor_report_bytes(char *text, double bytes);

/* prints the report; returns the exit status of what is found */

int bigcache_tool_doctor_report_print(
    const bigcache_tool_doctor_report_t *report, int json, FILE *file);


/* -- a directory */

typedef enum {
    BIGCACHE_TOOL_DOCTOR_STORE = 0,
    BIGCACHE_TOOL_DOCTOR_EMPTY,
    BIGCACHE_TOOL_DOCTOR_ORIGINAL,      /* a database to be imported */
    BIGCACHE_TOOL_DOCTOR_INSIDE,        /* the index of a store */
    BIGCACHE_TOOL_DOCTOR_FOREIGN
} bigcache_tool_doctor_kind_e;

/* the process that has the store open; limits are 0 if they are not known */

typedef struct {
    pid_t                             pid;      /* 0: none is seen */
    uint64_t                          limit;    /* of open files */
    uint64_t                          hard;     /* what it could be */
} bigcache_tool_doctor_owner_t;

typedef struct {
    const char                       *path;
    bigcache_tool_doctor_kind_e       kind;
    int64_t                           now;      /* us */
    uid_t                             uid;
    mode_t                            mode;

    bigcache_mount_t                  mount;
    int                               mounted;  /* 0: it is not known */
    int                               rotates;  /* 1, 0, -1 not known */
    int                               preadv2;  /* likewise */
    int                               cachestat;
    char                              kernel[64];
    uint64_t                          space;    /* bytes of the file system */
    uint64_t                          free;
    uint64_t                          inodes;   /* 0: it has no number */
    uint64_t                          inodes_free;

    unsigned                          segments;
    uint64_t                          segment_bytes;
    uint64_t                          largest;
    uint64_t                          newest;   /* when it was begun, us */
    unsigned                          format;   /* of it, 0: not known */
    unsigned                          tables;
    uint64_t                          index_bytes;
    uint64_t                          reserve;  /* bytes that are there */
    uint64_t                          trash;
    unsigned                          damaged;  /* index.damaged-* */
    int                               import;

    unsigned                          others;   /* files of other users */
    char                              other[BIGCACHE_TOOL_DOCTOR_NAME];
    unsigned                          links;    /* and devices and the like */
    char                              link[BIGCACHE_TOOL_DOCTOR_NAME];
    unsigned                          unread;   /* could not be looked at */

    bigcache_tool_doctor_owner_t      owner;
} bigcache_tool_doctor_dir_t;

/*
 * Looks at a directory, and changes nothing.  Returns 0; or -1 with errno if it
 * cannot be read at all.
 */
int bigcache_tool_doctor_dir(bigcache_tool_doctor_dir_t *dir,
    const char *path);

/* the process that holds the lock of the directory */

void bigcache_tool_doctor_owner(bigcache_tool_doctor_owner_t *owner,
    const char *path);

/*
 * Pure: the process that has this file of a device locked by flock(), or 0, as
 * /proc/locks says; and the limits of open files as /proc/PID/limits does.
 */
pid_t bigcache_tool_doctor_owner_pid(const char *locks, dev_t device,
    uint64_t inode);
void bigcache_tool_doctor_owner_limits(bigcache_tool_doctor_owner_t *owner,
    const char *limits);

extern const bigcache_tool_doctor_check_t  bigcache_tool_doctor_store_checks[];


/* -- a server */

#define BIGCACHE_TOOL_DOCTOR_HOST     256
#define BIGCACHE_TOOL_DOCTOR_URL      1024

/* bytes of an answer; JSON takes some forty times as much in memory */

#define BIGCACHE_TOOL_DOCTOR_STAT     (1024 * 1024)
#define BIGCACHE_TOOL_DOCTOR_METRICS  (8 * 1024 * 1024)

/* of the address of a server: host[:port][/base] */

typedef struct {
    char                              host[BIGCACHE_TOOL_DOCTOR_HOST];
    char                              port[6];
    char                              name[BIGCACHE_TOOL_DOCTOR_HOST + 10];
                                                /* of the field Host */
    char                              base[BIGCACHE_TOOL_DOCTOR_URL];
} bigcache_tool_doctor_url_t;

/* an answer; its body points into the bytes that were read */

typedef struct {
    unsigned                          status;
    int64_t                           date;     /* seconds, -1: not said */
    char                              location[BIGCACHE_TOOL_DOCTOR_NAME];
    bigcache_str_t                    body;
    u_char                           *memory;   /* to free */
} bigcache_tool_doctor_answer_t;

/*
 * Takes len bytes of an answer apart, the body of which has so many bytes at
 * most; end is 1 if the connection has ended, and now is the time in seconds.
 * Returns 0; 1 if more bytes are needed; or -1 and the reason, static.  Pure.
 */
int bigcache_tool_doctor_answer(bigcache_tool_doctor_answer_t *answer,
    const u_char *data, size_t len, size_t most, int end, int64_t now,
    const char **error);

/* returns 0, or -1 and the reason, static; pure */

int bigcache_tool_doctor_http_url(bigcache_tool_doctor_url_t *url,
    const char *text, const char **error);

/*
 * Gets url + path, with a field of the request or NULL, in some seconds at
 * most, and a body of so many bytes at most.  Returns 0, and the caller must
 * free answer->memory; or -1 and the reason, of BIGCACHE_TOOL_DOCTOR_TEXT
 * bytes.
 */
int bigcache_tool_doctor_http_get(const bigcache_tool_doctor_url_t *url,
    const char *path, const char *field, size_t most,
    bigcache_tool_doctor_answer_t *answer, char *error);

/* the answers of a server, of which texts may be missing or of any kind */

typedef struct {
    cJSON                            *stat;
    bigcache_str_t                    metrics;  /* len 0: none */
    int64_t                           date;     /* seconds, -1: not said */
    int64_t                           now;      /* then, here */
    char                              reason[BIGCACHE_TOOL_DOCTOR_NAME];
                                                /* the store is not open for,
                                                   empty: not known */
} bigcache_tool_doctor_server_t;

/* returns 0, or -1 if the text is not what /stat of a bigcache answers */

int bigcache_tool_doctor_server_stat(bigcache_tool_doctor_server_t *server,
    const bigcache_str_t *text);

/* the reason that the text of another answer, a 503, gives in its "detail" */

void bigcache_tool_doctor_server_reason(bigcache_tool_doctor_server_t *server,
    const bigcache_str_t *text);

/* frees server->stat */

void bigcache_tool_doctor_server_free(bigcache_tool_doctor_server_t *server);

/* what is in force, or NULL */

const cJSON *bigcache_tool_doctor_server_in_force(
    const bigcache_tool_doctor_server_t *server);

/*
 * A number or a flag of a group of /stat, one of which is what is in force.
 * Returns 1 and *n; 0 if it is not there; -1 if it is null.
 */
int bigcache_tool_doctor_server_number(
    const bigcache_tool_doctor_server_t *server, const char *group,
    const char *name, double *n);

/* the same of what is in force */

int bigcache_tool_doctor_server_force(
    const bigcache_tool_doctor_server_t *server, const char *name, double *n);

/* returns 1 if the store is in a cluster */

int bigcache_tool_doctor_server_in_cluster(
    const bigcache_tool_doctor_server_t *server);

/* a text of what is in force, or NULL */

const char *bigcache_tool_doctor_server_text(
    const bigcache_tool_doctor_server_t *server, const char *name);

/*
 * The sum of the samples of a metric, "bigcache_" in front, that have all of
 * this in their labels, or NULL for any.  Returns how many there are, and *sum.
 */
unsigned bigcache_tool_doctor_server_metric(
    const bigcache_tool_doctor_server_t *server, const char *name,
    const char *label, double *sum);

/* the version as bigcache_info tells it: 1 and the text, or 0 */

int bigcache_tool_doctor_server_version(
    const bigcache_tool_doctor_server_t *server, char *text, size_t size);

/* returns less than, equal to or greater than 0, as strcmp(); pure */

int bigcache_tool_doctor_server_compare(const char *a, const char *b);

/* the second one finds nothing if the store is in a directory */

extern const bigcache_tool_doctor_check_t
    bigcache_tool_doctor_running_checks[];
extern const bigcache_tool_doctor_check_t
    bigcache_tool_doctor_cluster_checks[];


/* -- what a directory and a server have in common */

void bigcache_tool_doctor_common_file_system(
    bigcache_tool_doctor_finding_t *finding, const char *type);
void bigcache_tool_doctor_common_preadv2(
    bigcache_tool_doctor_finding_t *finding, int known, const char *where);
void bigcache_tool_doctor_common_cachestat(
    bigcache_tool_doctor_finding_t *finding, int known);


#endif /* _BIGCACHE_TOOL_DOCTOR_PARTS_H_INCLUDED_ */

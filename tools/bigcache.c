
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The command "bigcache": bigcache_tool_usage describes it.  Only "compact"
 * changes what is stored, but LevelDB begins a new log at each opening.
 */


#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>
#include <leveldb/c.h>
#include <libdeflate.h>

#include "bigcache_data.h"
#include "bigcache_dir.h"
#include "bigcache_head.h"
#include "bigcache_layout.h"
#include "bigcache_release.h"
#include "bigcache_time.h"
#include "bigcache_tool.h"


/* bytes of a time as text; the most arguments after the command */

#define BIGCACHE_TOOL_TIME  64
#define BIGCACHE_TOOL_ARGS  2


typedef int (*bigcache_tool_pt)(bigcache_tool_t *tool);

typedef struct {
    const char        *name;
    bigcache_tool_pt   handler;
    int                min;          /* of arguments behind the directory */
    int                max;
    unsigned           open:1;       /* the store must be open */
} bigcache_tool_command_t;

typedef struct {
    bigcache_tool_t   *tool;
    int64_t            now;          /* ms */
    uint64_t           keys;
    uint64_t           expired;
    uint64_t           purged;
    uint64_t           damaged;
    uint64_t           inside;       /* bytes of bodies in the index */
} bigcache_tool_stat_t;


static int bigcache_tool_version(int libraries);
static const bigcache_tool_command_t *bigcache_tool_command(
    const char *name);
static void bigcache_tool_arguments(const bigcache_tool_command_t *command,
    int argc, char **argv);
static int bigcache_tool_run(const bigcache_tool_command_t *command);
static int bigcache_tool_lock(bigcache_tool_t *tool);
static int bigcache_tool_owner(const char *path);
static int bigcache_tool_stat(bigcache_tool_t *tool);
static bigcache_rc_t bigcache_tool_stat_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static int bigcache_tool_stat_print(const bigcache_tool_stat_t *stat);
static int bigcache_tool_ls(bigcache_tool_t *tool);
static bigcache_rc_t bigcache_tool_ls_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static const char *bigcache_tool_kind(const bigcache_record_t *record);
static void bigcache_tool_print_type(const bigcache_record_t *record);
static int bigcache_tool_get(bigcache_tool_t *tool);
static int bigcache_tool_send(const bigcache_tool_page_t *page);
static void bigcache_tool_info(const bigcache_record_t *record);
static int bigcache_tool_walk(bigcache_tool_t *tool,
    const bigcache_str_t *prefix, bigcache_index_walk_pt handler,
    void *data);
static const char *bigcache_tool_time(char *text, int64_t ms);
static const char *bigcache_tool_expire(char *text, int64_t ms);
static bigcache_str_t bigcache_tool_argument(int i);
static void bigcache_tool_log(void *data, int level, const char *text);


static const char  bigcache_tool_usage[] =
    "usage: bigcache COMMAND DIRECTORY [ARGUMENT]\n"
    "\n"
    "  stat DIRECTORY           how much is stored, and in which segments\n"
    "  ls DIRECTORY [PREFIX]    the keys, one a line, with tabs between: key,\n"
    "                           kind, bytes stored, bytes unpacked, stored\n"
    "                           at, expires at, content type\n"
    "  get [-i] DIRECTORY KEY   what is stored under the key; -i: and what is\n"
    "                           known of it, on the standard error output\n"
    "  check DIRECTORY          verify all of it, one line for each problem\n"
    "  compact DIRECTORY        remove what has expired, and give back space\n"
    "  -v, -V                   the version; -V: and those of the libraries\n"
    "\n"
    "The directory is that of a bigcache_path which no nginx has open: one\n"
    "that is stopped, or was told GET /close.  In what is printed, control\n"
    "characters, bytes that are not UTF-8 and the backslash are \\xNN and"
    " \\\\.\n"
    "\n"
    "Exit status: 0; 1 if there are problems, or no such key; 2 if it could\n"
    "not be done.\n";

static const bigcache_tool_command_t  bigcache_tool_commands[] = {
    { "stat", bigcache_tool_stat, 0, 0, 1 },
    { "ls", bigcache_tool_ls, 0, 1, 1 },
    { "get", bigcache_tool_get, 1, 1, 1 },
    { "check", bigcache_tool_check, 0, 0, 0 },
    { "compact", bigcache_tool_compact, 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 }
};

/* the rest of the command line: the directory and what follows it */

static char  *bigcache_tool_argv[BIGCACHE_TOOL_ARGS];
static int    bigcache_tool_argc;
static int    bigcache_tool_informed;


int
main(int argc, char **argv)
{
    const bigcache_tool_command_t  *command;

    if (argc == 2
        && (strcmp(argv[1], "-v") == 0 || strcmp(argv[1], "-V") == 0))
    {
        return bigcache_tool_version(argv[1][1] == 'V');
    }

    command = (argc < 2) ? NULL : bigcache_tool_command(argv[1]);

    if (command) {
        bigcache_tool_arguments(command, argc, argv);
    }

    if (command == NULL
        || bigcache_tool_argc < 1 + command->min
        || bigcache_tool_argc > 1 + command->max)
    {
        (void) fputs(bigcache_tool_usage, stderr);
        return BIGCACHE_TOOL_FAILED;
    }

    return bigcache_tool_run(command);
}


static int
bigcache_tool_version(int libraries)
{
    (void) printf("bigcache version: %s\n", BIGCACHE_VERSION);

    if (libraries) {
        (void) printf("LevelDB %d.%d, cJSON %s, libdeflate %s\n",
                      leveldb_major_version(), leveldb_minor_version(),
                      cJSON_Version(), LIBDEFLATE_VERSION_STRING);
    }

    return fflush(stdout) == 0 ? BIGCACHE_TOOL_OK : BIGCACHE_TOOL_FAILED;
}


static const bigcache_tool_command_t *
bigcache_tool_command(const char *name)
{
    const bigcache_tool_command_t  *command;

    for (command = bigcache_tool_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }

    return NULL;
}


/* after "--" there are no options: a key may begin with a dash */

static void
bigcache_tool_arguments(const bigcache_tool_command_t *command, int argc,
    char **argv)
{
    int  i, only;

    only = 0;

    for (i = 2; i < argc; i++) {

        if (!only && strcmp(argv[i], "--") == 0) {
            only = 1;
            continue;
        }

        if (!only
            && command->handler == bigcache_tool_get
            && strcmp(argv[i], "-i") == 0)
        {
            bigcache_tool_informed = 1;
            continue;
        }

        if (bigcache_tool_argc < BIGCACHE_TOOL_ARGS) {
            bigcache_tool_argv[bigcache_tool_argc] = argv[i];
        }

        bigcache_tool_argc++;
    }
}


static int
bigcache_tool_run(const bigcache_tool_command_t *command)
{
    int              status;
    bigcache_tool_t  tool;

    memset(&tool, 0, sizeof(bigcache_tool_t));

    tool.path = bigcache_tool_argv[0];
    tool.lock = -1;
    tool.log.handler = bigcache_tool_log;
    tool.log.data = &tool;

    bigcache_purges_init(&tool.purges);

    status = bigcache_tool_lock(&tool);

    if (status == BIGCACHE_TOOL_OK
        && command->open
        && bigcache_tool_open(&tool) != BIGCACHE_OK)
    {
        status = bigcache_tool_failed("\"%s\" cannot be opened: %s",
                                      tool.path, tool.error);
    }

    if (status == BIGCACHE_TOOL_OK) {
        status = command->handler(&tool);
    }

    bigcache_tool_close(&tool);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        return bigcache_tool_failed("cannot write: %s", strerror(errno));
    }

    return status;
}


static int
bigcache_tool_lock(bigcache_tool_t *tool)
{
    char         name[PATH_MAX];
    struct stat  st;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_INDEX, tool->path);

    if (stat(name, &st) == -1) {
        if (errno != ENOENT && errno != ENOTDIR) {
            return bigcache_tool_failed("cannot open \"%s\": %s", name,
                                        strerror(errno));
        }

        st.st_mode = 0;
    }

    if (!S_ISDIR(st.st_mode)) {
        return bigcache_tool_failed("\"%s\" is not a bigcache store",
                                    tool->path);
    }

    if (bigcache_tool_owner(name) == -1) {
        return bigcache_tool_failed("cannot become the owner of \"%s\": %s",
                                    name, strerror(errno));
    }

    switch (bigcache_dir_lock(tool->path, &tool->lock, tool->error)) {

    case BIGCACHE_OK:
        return BIGCACHE_TOOL_OK;

    case BIGCACHE_UNAVAILABLE:
        tool->lock = -1;
        return bigcache_tool_failed("\"%s\" is open in another process; "
                                    "GET /close first", tool->path);

    default:
        tool->lock = -1;
        return bigcache_tool_failed("%s", tool->error);
    }
}


/* files that LevelDB makes when it opens must belong to nginx's user */

static int
bigcache_tool_owner(const char *path)
{
    struct stat  st;

    if (geteuid() != 0) {
        return 0;
    }

    if (stat(path, &st) == -1) {
        return -1;
    }

    if (st.st_uid == 0) {
        return 0;
    }

    return (setgroups(0, NULL) == -1
            || setgid(st.st_gid) == -1
            || setuid(st.st_uid) == -1)
           ? -1 : 0;
}


static int
bigcache_tool_stat(bigcache_tool_t *tool)
{
    int                   status;
    bigcache_tool_stat_t  stat;

    static const bigcache_str_t  all = bigcache_string("");

    memset(&stat, 0, sizeof(bigcache_tool_stat_t));

    stat.tool = tool;
    stat.now = bigcache_time_now();

    status = bigcache_tool_walk(tool, &all, bigcache_tool_stat_key, &stat);

    if (status != BIGCACHE_TOOL_OK) {
        return status;
    }

    return bigcache_tool_stat_print(&stat);
}


static bigcache_rc_t
bigcache_tool_stat_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_tool_stat_t *stat = data;

    bigcache_record_t  record;

    stat->keys++;

    if (bigcache_record_decode(&record, value->data, value->len) == -1) {
        stat->damaged++;
        return BIGCACHE_OK;
    }

    if (bigcache_purges_covers(&stat->tool->purges, key, record.origin)) {
        stat->purged++;

    } else if (record.expire <= stat->now) {
        stat->expired++;
    }

    if (record.flags & BIGCACHE_FLAG_SEGMENT) {
        bigcache_segments_add_live(stat->tool->segments, record.segment,
            (int64_t) bigcache_segment_page_size(key, &record));
    } else {
        stat->inside += record.length;
    }

    return BIGCACHE_OK;
}


static int
bigcache_tool_stat_print(const bigcache_tool_stat_t *stat)
{
    size_t             i, n;
    uint64_t           index;
    bigcache_tool_t   *tool;
    bigcache_total_t   total;
    bigcache_usage_t  *usage;

    tool = stat->tool;

    bigcache_segments_total(tool->segments, &total);

    n = bigcache_segments_usage(tool->segments, NULL, 0);

    usage = malloc((n + 1) * sizeof(bigcache_usage_t));
    if (usage == NULL) {
        return bigcache_tool_failed("out of memory");
    }

    (void) bigcache_segments_usage(tool->segments, usage, n);

    index = bigcache_tool_size(tool->path, BIGCACHE_LAYOUT_INDEX);

    (void) printf("keys: %llu\nlive: %llu\nexpired: %llu\npurged: %llu\n"
                  "damaged: %llu\n",
                  (unsigned long long) stat->keys,
                  (unsigned long long) (stat->keys - stat->expired
                                        - stat->purged - stat->damaged),
                  (unsigned long long) stat->expired,
                  (unsigned long long) stat->purged,
                  (unsigned long long) stat->damaged);

    (void) printf("bytes: %llu\nindex bytes: %llu\npages in the index: "
                  "%llu\nsegments: %llu\nsegment bytes: %llu\n"
                  "live segment bytes: %llu\n",
                  (unsigned long long) (total.size + index),
                  (unsigned long long) index,
                  (unsigned long long) stat->inside,
                  (unsigned long long) total.segments,
                  (unsigned long long) total.size,
                  (unsigned long long) total.live);

    for (i = 0; i < n; i++) {
        (void) printf("segment %016llx: %llu bytes, %lld live\n",
                      (unsigned long long) usage[i].id,
                      (unsigned long long) usage[i].size,
                      (long long) usage[i].live);
    }

    free(usage);

    return BIGCACHE_TOOL_OK;
}


static int
bigcache_tool_ls(bigcache_tool_t *tool)
{
    bigcache_str_t  prefix;

    prefix = bigcache_tool_argument(1);

    return bigcache_tool_walk(tool, &prefix, bigcache_tool_ls_key, tool);
}


static bigcache_rc_t
bigcache_tool_ls_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_tool_t *tool = data;

    int                   damaged;
    char                  stored[BIGCACHE_TOOL_TIME];
    char                  expire[BIGCACHE_TOOL_TIME];
    bigcache_record_t     record;
    bigcache_tool_page_t  page;

    damaged = (bigcache_record_decode(&record, value->data, value->len)
               == -1);

    if (!damaged
        && bigcache_purges_covers(&tool->purges, key, record.origin))
    {
        return BIGCACHE_OK;
    }

    bigcache_tool_print(key);

    if (damaged) {
        (void) printf("\tdamaged\t-\t-\t-\t-\t-\n");
        return BIGCACHE_OK;
    }

    (void) printf("\t%s\t%llu\t%llu\t%s\t%s\t",
                  bigcache_tool_kind(&record),
                  (unsigned long long) record.length,
                  (unsigned long long) record.unpacked,
                  bigcache_tool_time(stored, (int64_t) record.version / 1000),
                  bigcache_tool_expire(expire, record.expire));

    if (record.type.len == 0) {
        (void) printf("-");

    } else if (bigcache_tool_page(tool, key, &record, 0, &page) == 0) {
        bigcache_tool_print_type(&page.record);
        bigcache_tool_page_free(tool, &page);

    } else {
        (void) printf("?");
    }

    (void) printf("\n");

    return ferror(stdout) ? BIGCACHE_ERROR : BIGCACHE_OK;
}


static const char *
bigcache_tool_kind(const bigcache_record_t *record)
{
    return (record->kind == BIGCACHE_KIND_JSON) ? "json"
           : (record->kind == BIGCACHE_KIND_PAGE) ? "page" : "raw";
}


/* the content type; of a page it is one of the fields in its head */

static void
bigcache_tool_print_type(const bigcache_record_t *record)
{
    bigcache_str_t   type;
    bigcache_head_t  head;

    type = record->type;

    if (record->kind == BIGCACHE_KIND_PAGE
        && (bigcache_head_decode(&head, type.data, type.len) == -1
            || !bigcache_head_find(&head, "content-type", &type)))
    {
        (void) printf("-");
        return;
    }

    bigcache_tool_print(&type);
}


static int
bigcache_tool_get(bigcache_tool_t *tool)
{
    int                   status;
    bigcache_rc_t         rc;
    bigcache_str_t        key, value;
    bigcache_record_t     record;
    bigcache_tool_page_t  page;

    key = bigcache_tool_argument(1);

    if (key.len > BIGCACHE_KEY_MAX) {
        return bigcache_tool_failed("the key is over %d bytes long",
                                    BIGCACHE_KEY_MAX);
    }

    rc = bigcache_index_get(tool->index, BIGCACHE_NAMES_KEY, &key, &value,
                            tool->error);

    if (rc == BIGCACHE_MISS) {
        (void) bigcache_tool_failed("there is no such key");
        return BIGCACHE_TOOL_WRONG;
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_tool_failed("cannot read: %s", tool->error);
    }

    if (bigcache_record_decode(&record, value.data, value.len) == -1) {
        (void) bigcache_tool_failed("the record fails its check");
        status = BIGCACHE_TOOL_WRONG;

    } else if (bigcache_purges_covers(&tool->purges, &key, record.origin)) {
        (void) bigcache_tool_failed("the key was purged");
        status = BIGCACHE_TOOL_WRONG;

    } else if (record.expire <= bigcache_time_now()) {
        (void) bigcache_tool_failed("the key has expired");
        status = BIGCACHE_TOOL_WRONG;

    } else if (bigcache_tool_page(tool, &key, &record, 1, &page) == -1) {
        (void) bigcache_tool_failed("the page is damaged: %s", page.problem);
        status = BIGCACHE_TOOL_WRONG;

    } else {
        if (bigcache_tool_informed) {
            bigcache_tool_info(&page.record);
        }

        status = bigcache_tool_send(&page);
        bigcache_tool_page_free(tool, &page);
    }

    bigcache_index_free(&value);

    return status;
}


static int
bigcache_tool_send(const bigcache_tool_page_t *page)
{
    u_char           buf[64 * 1024];
    uint64_t         done, len;
    bigcache_data_t  data;

    if (page->fd == -1) {
        (void) fwrite(page->record.body.data, 1, page->record.body.len,
                      stdout);
        return BIGCACHE_TOOL_OK;
    }

    for (done = 0; done < page->record.length; done += len) {

        len = page->record.length - done;
        len = (len < sizeof(buf)) ? len : sizeof(buf);

        data = bigcache_data_range(page->fd, page->offset + (off_t) done,
                                   len);

        if (bigcache_data_read(buf, &data, 1) == -1) {
            return bigcache_tool_failed("cannot read: %s", strerror(errno));
        }

        if (fwrite(buf, 1, len, stdout) != len) {
            break;
        }
    }

    return BIGCACHE_TOOL_OK;
}


static void
bigcache_tool_info(const bigcache_record_t *record)
{
    char  stored[BIGCACHE_TOOL_TIME];
    char  expire[BIGCACHE_TOOL_TIME];

    (void) fprintf(stderr, "kind: %s\nstored bytes: %llu\nunpacked bytes: "
                   "%llu\nstored: %s\nexpires: %s\ntype: %.*s\n"
                   "version: %llu\n",
                   bigcache_tool_kind(record),
                   (unsigned long long) record->length,
                   (unsigned long long) record->unpacked,
                   bigcache_tool_time(stored,
                                      (int64_t) record->version / 1000),
                   bigcache_tool_expire(expire, record->expire),
                   record->type.len ? (int) record->type.len : 1,
                   record->type.len ? (const char *) record->type.data : "-",
                   (unsigned long long) record->version);

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {
        (void) fprintf(stderr, "segment: %016llx\noffset: %llu\n",
                       (unsigned long long) record->segment,
                       (unsigned long long) record->offset);
    }
}


static int
bigcache_tool_walk(bigcache_tool_t *tool, const bigcache_str_t *prefix,
    bigcache_index_walk_pt handler, void *data)
{
    bigcache_index_walk_t  *walk;

    if (prefix->len > BIGCACHE_KEY_MAX) {
        return BIGCACHE_TOOL_OK;
    }

    walk = bigcache_index_walk_begin(tool->index, BIGCACHE_NAMES_KEY, prefix);

    if (walk == NULL) {
        return bigcache_tool_failed("out of memory");
    }

    tool->error[0] = '\0';

    if (bigcache_index_walk(walk, handler, data, tool->error) == BIGCACHE_OK
        || tool->error[0] == '\0')
    {
        return BIGCACHE_TOOL_OK;
    }

    return bigcache_tool_failed("cannot read: %s", tool->error);
}


static const char *
bigcache_tool_time(char *text, int64_t ms)
{
    time_t     sec;
    struct tm  tm;

    sec = (time_t) (ms / 1000);

    if (gmtime_r(&sec, &tm) == NULL
        || strftime(text, BIGCACHE_TOOL_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        (void) snprintf(text, BIGCACHE_TOOL_TIME, "%lld",
                        (long long) ms / 1000);
    }

    return text;
}


static const char *
bigcache_tool_expire(char *text, int64_t ms)
{
    return (ms == BIGCACHE_NEVER) ? "-" : bigcache_tool_time(text, ms);
}


static bigcache_str_t
bigcache_tool_argument(int i)
{
    const char      *text;
    bigcache_str_t   s;

    text = (i < bigcache_tool_argc) ? bigcache_tool_argv[i] : "";

    s.data = (const u_char *) text;
    s.len = strlen(text);

    return s;
}


static void
bigcache_tool_log(void *data, int level, const char *text)
{
    bigcache_tool_t *tool = data;

    if (level <= BIGCACHE_LOG_WARN) {
        (void) bigcache_tool_failed("%s", text);
    }

    tool->logged += (level <= BIGCACHE_LOG_ERR);
}

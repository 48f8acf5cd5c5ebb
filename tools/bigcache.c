
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The command "bigcache": bigcache_tool_usage describes it.  Only "compact"
 * changes what is stored, but LevelDB begins a new log at each opening.
 * "doctor" does not open the store.
 */


#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>
#include <leveldb/c.h>
#include <libdeflate.h>

#ifdef BIGCACHE_HAVE_ISAL
#include <isa-l.h>
#endif

#include "bigcache_dir.h"
#include "bigcache_head.h"
#include "bigcache_layout.h"
#include "bigcache_release.h"
#include "bigcache_time.h"
#include "bigcache_tool.h"
#include "bigcache_url.h"


typedef int (*bigcache_tool_pt)(bigcache_tool_t *tool);

typedef struct {
    const char        *name;
    bigcache_tool_pt   handler;
    int                min;          /* of arguments behind the directory */
    int                max;
    unsigned           lock:1;       /* no other process may have it open */
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
static int bigcache_tool_arguments(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command, int argc, char **argv);
static int bigcache_tool_option(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command, const char *option,
    const char *value);
static int bigcache_tool_run(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command);
static int bigcache_tool_lock(bigcache_tool_t *tool);
static int bigcache_tool_owner(const char *path);
static int bigcache_tool_stat(bigcache_tool_t *tool);
static bigcache_rc_t bigcache_tool_stat_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static int bigcache_tool_stat_print(const bigcache_tool_stat_t *stat);
static int bigcache_tool_ls(bigcache_tool_t *tool);
static bigcache_rc_t bigcache_tool_ls_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_tool_ls_tags(const bigcache_record_t *record);
static void bigcache_tool_ls_page(bigcache_tool_t *tool,
    const bigcache_str_t *key, const bigcache_record_t *record);
static void bigcache_tool_print_type(const bigcache_record_t *record);
static void bigcache_tool_log(void *data, int level, const char *text);


static const char  bigcache_tool_usage[] =
    "usage: bigcache COMMAND DIRECTORY [ARGUMENT ...]\n"
    "\n"
    "  stat DIRECTORY           how much is stored, and in which segments\n"
    "  ls [-k KIND] [-t TAG] [--tags] DIRECTORY [PREFIX]\n"
    "                           the keys, one a line, with tabs between: key,\n"
    "                           kind, bytes stored, bytes unpacked, stored\n"
    "                           at, expires at, content type; of pages of\n"
    "                           upstreams the key is the URL, and there are\n"
    "                           also status, fresh until, variant\n"
    "                           -k: only json, raw or page; the prefix of\n"
    "                           page is that of a URL; -t: only those that\n"
    "                           have the tag; --tags: their tags in columns\n"
    "                           of their own, behind all others\n"
    "  get [-i] DIRECTORY KEY   what is stored under the key; -i: and what is\n"
    "                           known of it, on the standard error output\n"
    "  get -p [-i] [--head] DIRECTORY URL [VARIANT]\n"
    "                           the body of a page of an upstream; --head:\n"
    "                           its status and its fields instead\n"
    "  check DIRECTORY          verify all of it, one line for each problem\n"
    "  compact DIRECTORY        remove what has expired, and give back space\n"
    "  doctor [--json] [-H FIELD] DIRECTORY|URL\n"
    "                           what is unwise about a store, open or not, or\n"
    "                           a running server, http://HOST[:PORT][/BASE],\n"
    "                           and what to do; -H: a field of the requests,\n"
    "                           \"NAME: VALUE\", or @FILE that has it\n"
    "  -v, -V                   the version; -V: and those of the libraries\n"
    "\n"
    "The directory is that of a bigcache_path.  For all but doctor, no nginx\n"
    "may have it open: stop it, or send GET /close.  In what is printed,"
    " control\n"
    "characters, bytes that are not UTF-8 and the backslash are \\xNN and"
    " \\\\.\n"
    "\n"
    "Exit status: 0; 1 if there are problems, or no such key; 2 if it could\n"
    "not be done.\n";

static const bigcache_tool_command_t  bigcache_tool_commands[] = {
    { "stat", bigcache_tool_stat, 0, 0, 1, 1 },
    { "ls", bigcache_tool_ls, 0, 1, 1, 1 },
    { "get", bigcache_tool_get, 1, 2, 1, 1 },
    { "check", bigcache_tool_check, 0, 0, 1, 0 },
    { "compact", bigcache_tool_compact, 0, 0, 1, 0 },
    { "doctor", bigcache_tool_doctor, 0, 0, 0, 0 },
    { NULL, NULL, 0, 0, 0, 0 }
};


int
main(int argc, char **argv)
{
    bigcache_tool_t                 tool;
    const bigcache_tool_command_t  *command;

    if (argc == 2
        && (strcmp(argv[1], "-v") == 0 || strcmp(argv[1], "-V") == 0))
    {
        return bigcache_tool_version(argv[1][1] == 'V');
    }

    memset(&tool, 0, sizeof(bigcache_tool_t));

    command = (argc < 2) ? NULL : bigcache_tool_command(argv[1]);

    if (command == NULL
        || bigcache_tool_arguments(&tool, command, argc, argv) == -1)
    {
        (void) fputs(bigcache_tool_usage, stderr);
        return BIGCACHE_TOOL_FAILED;
    }

    return bigcache_tool_run(&tool, command);
}


static int
bigcache_tool_version(int libraries)
{
    (void) printf("bigcache version: %s\n", BIGCACHE_VERSION);

    if (libraries) {
        (void) printf("LevelDB %d.%d, cJSON %s, libdeflate %s",
                      leveldb_major_version(), leveldb_minor_version(),
                      cJSON_Version(), LIBDEFLATE_VERSION_STRING);
#ifdef BIGCACHE_HAVE_ISAL
        (void) printf(", ISA-L %d.%d.%d", ISAL_MAJOR_VERSION,
                      ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
#endif
        (void) printf("\n");
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


/*
 * Returns 0, or -1 if the arguments are not those of the command.  After "--"
 * there are no options: a key may begin with a dash.
 */

static int
bigcache_tool_arguments(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command, int argc, char **argv)
{
    int  i, n, only, max;

    only = 0;

    for (i = 2; i < argc; i++) {

        if (!only && strcmp(argv[i], "--") == 0) {
            only = 1;
            continue;
        }

        if (!only) {
            n = bigcache_tool_option(tool, command, argv[i],
                                     i + 1 < argc ? argv[i + 1] : NULL);
            if (n == -1) {
                return -1;
            }

            if (n) {
                i += n - 1;
                continue;
            }
        }

        if (tool->argc < BIGCACHE_TOOL_ARGS) {
            tool->argv[tool->argc] = argv[i];
        }

        tool->argc++;
    }

    /* only a page has variants, and a head */

    if (tool->head && !tool->page) {
        return -1;
    }

    max = command->max;

    if (command->handler == bigcache_tool_get && !tool->page) {
        max--;
    }

    return (tool->argc < 1 + command->min
            || tool->argc > 1 + max)
           ? -1 : 0;
}


/*
 * returns how many words the option takes; 0 if it is none of the command, -1
 * if it is wrong
 */

static int
bigcache_tool_option(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command, const char *option,
    const char *value)
{
    if (command->handler == bigcache_tool_get) {

        if (strcmp(option, "-i") == 0) {
            tool->info = 1;
            return 1;
        }

        if (strcmp(option, "-p") == 0) {
            tool->page = 1;
            return 1;
        }

        if (strcmp(option, "--head") == 0) {
            tool->head = 1;
            return 1;
        }
    }

    if (command->handler == bigcache_tool_ls && strcmp(option, "-k") == 0) {

        if (value == NULL) {
            return -1;
        }

        tool->kind = (strcmp(value, "json") == 0) ? BIGCACHE_KIND_JSON
                             : (strcmp(value, "raw") == 0) ? BIGCACHE_KIND_RAW
                             : (strcmp(value, "page") == 0)
                               ? BIGCACHE_KIND_PAGE : -1;

        return (tool->kind == -1) ? -1 : 2;
    }

    if (command->handler == bigcache_tool_ls && strcmp(option, "-t") == 0) {

        if (value == NULL || *value == '\0') {
            return -1;
        }

        tool->tag = bigcache_str_text(value);

        return 2;
    }

    if (command->handler == bigcache_tool_doctor) {

        if (strcmp(option, "--json") == 0) {
            tool->json = 1;
            return 1;
        }

        if (strcmp(option, "-H") == 0) {
            tool->field = value;
            return value ? 2 : -1;
        }
    }

    if (command->handler == bigcache_tool_ls && strcmp(option, "--tags") == 0) {
        tool->tags = 1;
        return 1;
    }

    return 0;
}


static int
bigcache_tool_run(bigcache_tool_t *tool,
    const bigcache_tool_command_t *command)
{
    int  status;

    tool->path = tool->argv[0];
    tool->lock = -1;
    tool->log.handler = bigcache_tool_log;
    tool->log.data = tool;

    bigcache_purges_init(&tool->purges, NULL);

    status = command->lock ? bigcache_tool_lock(tool) : BIGCACHE_TOOL_OK;

    if (status == BIGCACHE_TOOL_OK
        && command->open
        && bigcache_tool_open(tool) != BIGCACHE_OK)
    {
        status = bigcache_tool_failed("\"%s\" cannot be opened: %s",
                                      tool->path, tool->error);
    }

    if (status == BIGCACHE_TOOL_OK) {
        status = command->handler(tool);
    }

    bigcache_tool_close(tool);

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

    if (bigcache_purges_covers(&stat->tool->purges, key, &record)) {
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
    u_char          data[BIGCACHE_KEY_MAX];
    bigcache_str_t  prefix;

    prefix = bigcache_tool_argument(tool, 1);

    if (tool->kind == BIGCACHE_KIND_PAGE) {

        if (prefix.len >= BIGCACHE_KEY_MAX) {
            return BIGCACHE_TOOL_OK;
        }

        data[0] = BIGCACHE_PAGE_KEY;
        memcpy(data + 1, prefix.data, prefix.len);

        prefix.data = data;
        prefix.len++;
    }

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
    bigcache_url_t        parts;
    bigcache_record_t     record;
    bigcache_tool_page_t  page;

    damaged = (bigcache_record_decode(&record, value->data, value->len)
               == -1);

    if (!damaged
        && (bigcache_purges_covers(&tool->purges, key, &record)
            || (tool->kind && (int) record.kind != tool->kind)
            || (tool->tag.len && !bigcache_tags_has(&record.tags, &tool->tag))))
    {
        return BIGCACHE_OK;
    }

    if (bigcache_url_split(&parts, key) == 0) {
        bigcache_tool_print(&parts.url);

    } else {
        bigcache_tool_print(key);
    }

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

    if (record.kind == BIGCACHE_KIND_PAGE) {
        bigcache_tool_ls_page(tool, key, &record);

    } else if (record.type.len == 0) {
        (void) printf("-");

    } else if (bigcache_tool_page(tool, key, &record, 0, &page) == 0) {
        bigcache_tool_print(&page.record.type);
        bigcache_tool_page_free(tool, &page);

    } else {
        (void) printf("?");
    }

    if (tool->tags) {
        bigcache_tool_ls_tags(&record);
    }

    (void) printf("\n");

    return ferror(stdout) ? BIGCACHE_ERROR : BIGCACHE_OK;
}


/* a tag may have any character, but a tab is printed as an escape */

static void
bigcache_tool_ls_tags(const bigcache_record_t *record)
{
    size_t          at;
    bigcache_str_t  tag;

    at = 0;

    while (bigcache_tags_next(&record->tags, &at, &tag)) {
        (void) printf("\t");
        bigcache_tool_print(&tag);
    }
}


/* the columns of a page of an upstream, whose head is with its body */

static void
bigcache_tool_ls_page(bigcache_tool_t *tool, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    char                  fresh[BIGCACHE_TOOL_TIME];
    bigcache_url_t        parts;
    bigcache_head_t       head;
    bigcache_tool_page_t  page;

    if (bigcache_tool_page(tool, key, record, 0, &page) == -1) {
        (void) printf("?\t?\t?");

    } else {
        bigcache_tool_print_type(&page.record);

        if (bigcache_head_decode(&head, page.record.type.data,
                                 page.record.type.len)
            == -1)
        {
            (void) printf("\t?\t?");

        } else if (head.flags & BIGCACHE_HEAD_VARIES) {
            (void) printf("\tvaries\t-");

        } else {
            (void) printf("\t%u\t%s", head.status,
                          bigcache_tool_time(fresh, head.fresh_until));
        }

        bigcache_tool_page_free(tool, &page);
    }

    (void) printf("\t");

    if (bigcache_url_split(&parts, key) == 0 && parts.variant.len) {
        bigcache_tool_print(&parts.variant);

    } else {
        (void) printf("-");
    }
}


/* the content type of a page is one of the fields in its head */

static void
bigcache_tool_print_type(const bigcache_record_t *record)
{
    bigcache_str_t   type;
    bigcache_head_t  head;

    if (bigcache_head_decode(&head, record->type.data, record->type.len) == -1
        || !bigcache_head_find(&head, "content-type", &type))
    {
        (void) printf("-");
        return;
    }

    bigcache_tool_print(&type);
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

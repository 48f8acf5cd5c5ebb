
/*
 * Copyright (C) bigcache contributors
 */


/*
 * bigcache check: verifies every record of the index together with its entry,
 * every other entry in a segment, and the counts that were stored when the
 * store was closed.
 */


#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_names.h"
#include "bigcache_scan.h"
#include "bigcache_tool.h"


typedef struct {
    bigcache_tool_t  *tool;
    uint64_t          problems;
    uint64_t          keys;
    uint64_t          entries;
    uint64_t          dead;       /* entries that no record names */

    /* of the segment that is scanned */

    uint64_t          id;
    int               fd;
} bigcache_tool_check_t;


static bigcache_rc_t bigcache_tool_check_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_tool_check_expire(bigcache_tool_check_t *check,
    const bigcache_str_t *key, const bigcache_record_t *record);
static void bigcache_tool_check_index(bigcache_tool_check_t *check);
static void bigcache_tool_check_segments(bigcache_tool_check_t *check);
static void bigcache_tool_check_scan(bigcache_tool_check_t *check,
    const bigcache_usage_t *usage);
static bigcache_rc_t bigcache_tool_check_entry(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);
static int bigcache_tool_check_named(bigcache_tool_check_t *check,
    const bigcache_entry_t *entry, uint64_t offset);
static void bigcache_tool_check_kept(bigcache_tool_check_t *check);
static void bigcache_tool_check_live(bigcache_tool_check_t *check,
    const bigcache_str_t *kept);
static int bigcache_tool_check_meta(bigcache_tool_check_t *check,
    const bigcache_str_t *name, bigcache_str_t *value);
static void bigcache_tool_check_problem(bigcache_tool_check_t *check,
    const bigcache_str_t *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


int
bigcache_tool_check(bigcache_tool_t *tool)
{
    bigcache_rc_t          rc;
    bigcache_tool_check_t  check;

    memset(&check, 0, sizeof(bigcache_tool_check_t));

    check.tool = tool;

    rc = bigcache_tool_open(tool);

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_tool_check_problem(&check, NULL, "the index is damaged: %s",
                                    tool->error);
        return BIGCACHE_TOOL_WRONG;
    }

    if (rc != BIGCACHE_OK) {
        return bigcache_tool_failed("\"%s\" cannot be opened: %s", tool->path,
                                    tool->error);
    }

    /* skipped segments are in the log, which is printed */

    check.problems = tool->logged;

    bigcache_tool_check_index(&check);
    bigcache_tool_check_segments(&check);
    bigcache_tool_check_kept(&check);

    (void) fprintf(stderr, "%llu keys, %llu entries in segments, %llu of them "
                   "dead, %llu problems\n", (unsigned long long) check.keys,
                   (unsigned long long) check.entries,
                   (unsigned long long) check.dead,
                   (unsigned long long) check.problems);

    return check.problems ? BIGCACHE_TOOL_WRONG : BIGCACHE_TOOL_OK;
}


static void
bigcache_tool_check_index(bigcache_tool_check_t *check)
{
    bigcache_rc_t     rc;
    bigcache_tool_t  *tool;

    tool = check->tool;

    rc = bigcache_index_each(tool->index, BIGCACHE_NAMES_KEY, NULL, NULL,
                             bigcache_tool_check_key, check, tool->error);

    if (rc != BIGCACHE_OK) {
        bigcache_tool_check_problem(check, NULL, "%s%s",
                                    (rc == BIGCACHE_NOMEM)
                                    ? "" : "the index is damaged: ",
                                    tool->error);
    }
}


static bigcache_rc_t
bigcache_tool_check_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_tool_check_t *check = data;

    bigcache_record_t     record;
    bigcache_tool_page_t  page;

    check->keys++;

    if (key->len > BIGCACHE_KEY_MAX
        || bigcache_record_decode(&record, value->data, value->len) == -1)
    {
        bigcache_tool_check_problem(check, key, "the record fails its check");
        return BIGCACHE_OK;
    }

    bigcache_tool_check_expire(check, key, &record);

    if (record.flags & BIGCACHE_FLAG_SEGMENT) {
        bigcache_segments_add_live(check->tool->segments, record.segment,
            (int64_t) bigcache_segment_page_size(key, &record));
    }

    if (bigcache_tool_page(check->tool, key, &record, 1, &page) == -1) {

        /* what a purge has still to remove is no page any more */

        if (!bigcache_purges_covers(&check->tool->purges, key, &record)) {
            bigcache_tool_check_problem(check, key, "%s", page.problem);
        }

        return BIGCACHE_OK;
    }

    bigcache_tool_page_free(check->tool, &page);

    return BIGCACHE_OK;
}


/* without its expire name the sweep would not find the page */

static void
bigcache_tool_check_expire(bigcache_tool_check_t *check,
    const bigcache_str_t *key, const bigcache_record_t *record)
{
    u_char           buf[BIGCACHE_NAMES_MAX];
    bigcache_rc_t    rc;
    bigcache_str_t   name, value;

    if (record->expire == BIGCACHE_NEVER) {
        return;
    }

    name = bigcache_names_expire(buf, key, record->expire);

    rc = bigcache_index_get(check->tool->index, BIGCACHE_NAMES_EXPIRE, &name,
                            &value, check->tool->error);

    if (rc == BIGCACHE_OK) {
        bigcache_index_free(&value);

    } else {
        bigcache_tool_check_problem(check, key,
                                    "it is not among those that expire");
    }
}


static void
bigcache_tool_check_segments(bigcache_tool_check_t *check)
{
    size_t             i, n;
    bigcache_usage_t  *usage;

    n = bigcache_segments_usage(check->tool->segments, NULL, 0);

    usage = malloc((n + 1) * sizeof(bigcache_usage_t));

    if (usage == NULL) {
        bigcache_tool_check_problem(check, NULL, "out of memory");
        return;
    }

    (void) bigcache_segments_usage(check->tool->segments, usage, n);

    for (i = 0; i < n; i++) {
        bigcache_tool_check_scan(check, &usage[i]);
    }

    free(usage);
}


static void
bigcache_tool_check_scan(bigcache_tool_check_t *check,
    const bigcache_usage_t *usage)
{
    bigcache_rc_t         rc;
    bigcache_file_t      *file;

    check->id = usage->id;

    rc = bigcache_segments_acquire(check->tool->segments, usage->id,
                                   &file, &check->fd);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_scan(check->fd, usage->size, bigcache_tool_check_entry,
                           check, NULL);
        bigcache_files_release(check->tool->files, file);
    }

    if (rc == BIGCACHE_MISS) {

        /* keys whose pages should be in it are separate problems */

        bigcache_tool_check_problem(check, NULL,
                                    "segment %016llx: its header fails its "
                                    "check, it is skipped",
                                    (unsigned long long) usage->id);

    } else if (rc != BIGCACHE_OK) {
        bigcache_tool_check_problem(check, NULL,
                                    "segment %016llx cannot be read: %s",
                                    (unsigned long long) usage->id,
                                    rc == BIGCACHE_NOMEM ? "out of memory"
                                                         : strerror(errno));
    }
}


/* live entries were verified together with their records */

static bigcache_rc_t
bigcache_tool_check_entry(void *data, const bigcache_entry_t *entry,
    uint64_t offset, uint64_t size)
{
    bigcache_tool_check_t *check = data;

    (void) size;

    check->entries++;

    /* a dead entry is never read, and a power cut may tear it */

    check->dead += !bigcache_tool_check_named(check, entry, offset);

    return BIGCACHE_OK;
}


static int
bigcache_tool_check_named(bigcache_tool_check_t *check,
    const bigcache_entry_t *entry, uint64_t offset)
{
    int                named;
    bigcache_str_t     value;
    bigcache_record_t  record;

    if (bigcache_index_get(check->tool->index, BIGCACHE_NAMES_KEY,
                           &entry->key, &value, check->tool->error)
        != BIGCACHE_OK)
    {
        return 0;
    }

    named = (bigcache_record_decode(&record, value.data, value.len) == 0
             && (record.flags & BIGCACHE_FLAG_SEGMENT)
             && record.segment == check->id
             && record.offset == offset);

    bigcache_index_free(&value);

    return named;
}


/* after a crash there are no stored counts: the next start counts */

static void
bigcache_tool_check_kept(bigcache_tool_check_t *check)
{
    uint64_t        count;
    bigcache_str_t  value;

    if (!bigcache_tool_check_meta(check, &bigcache_names_count, &value)) {
        (void) fprintf(stderr, "the store was not closed properly: no count "
                       "is kept\n");
        return;
    }

    count = (value.len == sizeof(uint64_t)) ? bigcache_get64(value.data)
                                            : UINT64_MAX;

    bigcache_index_free(&value);

    if (count != check->keys) {
        bigcache_tool_check_problem(check, NULL,
                                    "%lld keys are kept as the count, but "
                                    "there are %llu", (long long) count,
                                    (unsigned long long) check->keys);
    }

    if (bigcache_tool_check_meta(check, &bigcache_names_segments, &value)) {
        bigcache_tool_check_live(check, &value);
        bigcache_index_free(&value);
    }
}


static void
bigcache_tool_check_live(bigcache_tool_check_t *check,
    const bigcache_str_t *kept)
{
    size_t    i;
    int64_t   live, found;
    uint64_t  id;

    for (i = 0; i + BIGCACHE_NAMES_USAGE <= kept->len;
         i += BIGCACHE_NAMES_USAGE)
    {
        id = bigcache_get64(kept->data + i);
        live = (int64_t) bigcache_get64(kept->data + i + 8);

        found = bigcache_segments_get_live(check->tool->segments, id);

        if (live != found) {
            bigcache_tool_check_problem(check, NULL,
                                        "segment %016llx: %lld bytes are kept "
                                        "as live, but there are %lld",
                                        (unsigned long long) id,
                                        (long long) live, (long long) found);
        }
    }
}


static int
bigcache_tool_check_meta(bigcache_tool_check_t *check,
    const bigcache_str_t *name, bigcache_str_t *value)
{
    bigcache_rc_t  rc;

    rc = bigcache_index_get(check->tool->index, BIGCACHE_NAMES_META, name,
                            value, check->tool->error);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        bigcache_tool_check_problem(check, NULL, "the index is damaged: %s",
                                    check->tool->error);
    }

    return rc == BIGCACHE_OK;
}


static void
bigcache_tool_check_problem(bigcache_tool_check_t *check,
    const bigcache_str_t *key, const char *fmt, ...)
{
    va_list  args;

    check->problems++;

    if (key) {
        (void) printf("key \"");
        bigcache_tool_print(key);
        (void) printf("\": ");
    }

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);

    (void) printf("\n");
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the commands share: a store without nginx, its pages, and output.
 */


#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_bytes.h"
#include "bigcache_data.h"
#include "bigcache_dir.h"
#include "bigcache_gzip.h"
#include "bigcache_layout.h"
#include "bigcache_names.h"
#include "bigcache_segments_open.h"
#include "bigcache_tool.h"
#include "bigcache_utf8.h"


/* segments are only read, so any size will do */

#define BIGCACHE_TOOL_SEGMENT  (64 * 1024 * 1024)

/* pages over this size are never packed */

#define BIGCACHE_TOOL_PACKED   BIGCACHE_PAGE_LARGE


static bigcache_rc_t bigcache_tool_format(bigcache_tool_t *tool);
static int bigcache_tool_entry(bigcache_tool_t *tool,
    const bigcache_str_t *key, const bigcache_record_t *record,
    bigcache_tool_page_t *page);
static int bigcache_tool_head(const bigcache_str_t *key,
    const bigcache_record_t *record, bigcache_tool_page_t *page,
    uint32_t *crc);
static int bigcache_tool_body(bigcache_tool_page_t *page, uint32_t crc);
static int bigcache_tool_unpack(bigcache_tool_page_t *page);


bigcache_rc_t
bigcache_tool_open(bigcache_tool_t *tool)
{
    char                   name[PATH_MAX];
    uint64_t               version;
    bigcache_rc_t          rc;
    bigcache_index_conf_t  conf;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_PAGES, tool->path);

    tool->files = bigcache_files_create(name);

    if (tool->files == NULL) {
        (void) snprintf(tool->error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_segments_open(&tool->segments, name, BIGCACHE_TOOL_SEGMENT,
                                tool->files, &tool->log, tool->error);
    if (rc != BIGCACHE_OK) {
        tool->segments = NULL;
        return rc;
    }

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_INDEX, tool->path);

    memset(&conf, 0, sizeof(bigcache_index_conf_t));

    conf.block_cache = 8 * 1024 * 1024;
    conf.write_buffer = 4 * 1024 * 1024;

    rc = bigcache_index_open(&tool->index, name, &conf, tool->error);

    if (rc != BIGCACHE_OK) {
        tool->index = NULL;
        return rc;
    }

    rc = bigcache_tool_format(tool);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purges_load(&tool->purges, tool->index, 0, &version,
                                  tool->error);
    }

    return rc;
}


void
bigcache_tool_close(bigcache_tool_t *tool)
{
    if (tool->index) {
        bigcache_index_close(tool->index);
    }

    if (tool->segments) {
        bigcache_segments_close(tool->segments);
    }

    if (tool->files) {
        bigcache_files_destroy(tool->files);
    }

    if (tool->lock != -1) {
        (void) close(tool->lock);
    }

    bigcache_purges_destroy(&tool->purges);
}


int
bigcache_tool_failed(const char *fmt, ...)
{
    va_list  args;

    (void) fprintf(stderr, "bigcache: ");

    va_start(args, fmt);
    (void) vfprintf(stderr, fmt, args);
    va_end(args);

    (void) fprintf(stderr, "\n");

    return BIGCACHE_TOOL_FAILED;
}


void
bigcache_tool_print(const bigcache_str_t *s)
{
    bigcache_tool_print_to(stdout, s);
}


void
bigcache_tool_print_to(FILE *file, const bigcache_str_t *s)
{
    int            n;
    const u_char  *p, *end;

    p = s->data;
    end = p + s->len;

    while (p < end) {

        n = bigcache_utf8_step(p, end);

        if (n > 1) {
            (void) fwrite(p, 1, (size_t) n, file);
            p += n;
            continue;
        }

        if (n == 1 && *p >= 0x20 && *p != 0x7f && *p != '\\') {
            (void) fputc(*p, file);

        } else if (*p == '\\') {
            (void) fputs("\\\\", file);

        } else {
            (void) fprintf(file, "\\x%02x", *p);
        }

        p++;
    }
}


const char *
bigcache_tool_kind(const bigcache_record_t *record)
{
    return (record->kind == BIGCACHE_KIND_JSON) ? "json"
           : (record->kind == BIGCACHE_KIND_PAGE) ? "page" : "raw";
}


const char *
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


const char *
bigcache_tool_expire(char *text, int64_t ms)
{
    return (ms == BIGCACHE_NEVER) ? "-" : bigcache_tool_time(text, ms);
}


bigcache_str_t
bigcache_tool_argument(const bigcache_tool_t *tool, int i)
{
    return bigcache_str_text((i < tool->argc) ? tool->argv[i] : "");
}


int
bigcache_tool_walk(bigcache_tool_t *tool, const bigcache_str_t *prefix,
    bigcache_index_walk_pt handler, void *data)
{
    bigcache_rc_t  rc;

    if (prefix->len > BIGCACHE_KEY_MAX) {
        return BIGCACHE_TOOL_OK;
    }

    tool->error[0] = '\0';

    rc = bigcache_index_each(tool->index, BIGCACHE_NAMES_KEY, prefix, NULL,
                             handler, data, tool->error);

    if (rc == BIGCACHE_OK || tool->error[0] == '\0') {
        return BIGCACHE_TOOL_OK;
    }

    return bigcache_tool_failed("%s%s",
                                (rc == BIGCACHE_NOMEM) ? "" : "cannot read: ",
                                tool->error);
}


int
bigcache_tool_page(bigcache_tool_t *tool, const bigcache_str_t *key,
    const bigcache_record_t *record, int body, bigcache_tool_page_t *page)
{
    int       rc;
    uint32_t  crc;

    memset(page, 0, sizeof(bigcache_tool_page_t));

    page->record = *record;
    page->fd = -1;

    rc = 0;
    crc = 0;

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {

        rc = bigcache_tool_entry(tool, key, record, page);

        if (rc == 0) {
            rc = bigcache_tool_head(key, record, page, &crc);
        }

        if (rc == 0 && body) {
            rc = bigcache_tool_body(page, crc);
        }
    }

    if (rc == 0 && body && (record->flags & BIGCACHE_FLAG_GZIP)) {
        rc = bigcache_tool_unpack(page);
    }

    if (rc == -1) {
        bigcache_tool_page_free(tool, page);
    }

    return rc;
}


void
bigcache_tool_page_free(bigcache_tool_t *tool, bigcache_tool_page_t *page)
{
    if (page->file) {
        bigcache_files_release(tool->files, page->file);
        page->file = NULL;
    }

    free(page->memory);
    page->memory = NULL;
}


uint64_t
bigcache_tool_size(const char *path, const char *name)
{
    char      full[PATH_MAX];
    uint64_t  size;

    (void) snprintf(full, PATH_MAX, "%s/%s", path, name);
    (void) bigcache_dir_size(full, &size);

    return size;
}


static bigcache_rc_t
bigcache_tool_format(bigcache_tool_t *tool)
{
    uint64_t        format;
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    rc = bigcache_index_get(tool->index, BIGCACHE_NAMES_META,
                            &bigcache_names_format, &value, tool->error);

    if (rc == BIGCACHE_MISS) {
        (void) snprintf(tool->error, BIGCACHE_ERROR_LEN,
                        "the index is not one of a bigcache store");
        return BIGCACHE_ERROR;
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    format = (value.len == sizeof(uint64_t)) ? bigcache_get64(value.data) : 0;

    bigcache_index_free(&value);

    if (format < BIGCACHE_NAMES_OLDEST || format > BIGCACHE_NAMES_NEWEST) {
        (void) snprintf(tool->error, BIGCACHE_ERROR_LEN,
                        "the store has format %llu, this bigcache reads %d "
                        "to %d", (unsigned long long) format,
                        BIGCACHE_NAMES_OLDEST, BIGCACHE_NAMES_NEWEST);
        return BIGCACHE_ERROR;
    }

    return BIGCACHE_OK;
}


static int
bigcache_tool_entry(bigcache_tool_t *tool, const bigcache_str_t *key,
    const bigcache_record_t *record, bigcache_tool_page_t *page)
{
    bigcache_rc_t  rc;

    rc = bigcache_segments_acquire(tool->segments, record->segment,
                                   &page->file, &page->fd);

    if (rc != BIGCACHE_OK) {
        page->file = NULL;
        page->problem = (rc == BIGCACHE_MISS) ? "its segment is gone"
                                              : strerror(errno);
        return -1;
    }

    page->offset = (off_t) (record->offset
                            + bigcache_segment_entry_header(key->len,
                                                            record));
    return 0;
}


static int
bigcache_tool_head(const bigcache_str_t *key, const bigcache_record_t *record,
    bigcache_tool_page_t *page, uint32_t *crc)
{
    size_t              size;
    bigcache_data_t     data;
    bigcache_entry_t    entry;

    size = bigcache_segment_entry_header(key->len, record);

    page->memory = malloc(size);
    if (page->memory == NULL) {
        page->problem = "out of memory";
        return -1;
    }

    data = bigcache_data_range(page->fd, (off_t) record->offset, size);

    if (bigcache_data_read(page->memory, &data, 1) == -1) {
        page->problem = "its entry in the segment cannot be read";
        return -1;
    }

    if (bigcache_segment_decode(&entry, page->memory, size) != 0) {
        page->problem = "the header of its entry fails its check";
        return -1;
    }

    if (!bigcache_str_equal(&entry.key, key)
        || entry.record.type.len != record->type.len
        || entry.record.length != record->length
        || entry.record.unpacked != record->unpacked)
    {
        page->problem = "its entry is that of another page";
        return -1;
    }

    page->record.type = entry.record.type;
    *crc = entry.body_crc;

    return 0;
}


/* a large body stays in its file */

static int
bigcache_tool_body(bigcache_tool_page_t *page, uint32_t crc)
{
    size_t              head, len;
    u_char             *memory;
    uint32_t            found;
    bigcache_data_t     data;
    bigcache_record_t  *record;

    found = 0;
    record = &page->record;
    data = bigcache_data_range(page->fd, page->offset, record->length);

    if (bigcache_data_crc(&data, 1, &found) == -1) {
        page->problem = "its body cannot be read";
        return -1;
    }

    if (found != crc) {
        page->problem = "its body fails its check";
        return -1;
    }

    if (record->length > BIGCACHE_PAGE_LARGE) {
        return 0;
    }

    /* the content type is stored before the body */

    head = record->type.len;
    len = (size_t) record->length;

    memory = malloc(head + len + 1);
    if (memory == NULL) {
        page->problem = "out of memory";
        return -1;
    }

    if (head) {
        memcpy(memory, record->type.data, head);
    }

    free(page->memory);
    page->memory = memory;

    record->type.data = memory;
    record->body = bigcache_str(memory + head, len);

    if (bigcache_data_read(memory + head, &data, 1) == -1) {
        page->problem = "its body cannot be read";
        return -1;
    }

    page->fd = -1;

    return 0;
}


static int
bigcache_tool_unpack(bigcache_tool_page_t *page)
{
    size_t              head, size;
    u_char             *memory;
    bigcache_record_t  *record;

    record = &page->record;

    if (record->unpacked > BIGCACHE_TOOL_PACKED
        || record->length > BIGCACHE_TOOL_PACKED)
    {
        page->problem = "it is too large to be packed";
        return -1;
    }

    head = record->type.len;
    size = (size_t) record->unpacked;

    memory = malloc(head + size + 1);
    if (memory == NULL) {
        page->problem = "out of memory";
        return -1;
    }

    if (head) {
        memcpy(memory, record->type.data, head);
    }

    if (bigcache_gzip_unpack(memory + head, size, record->body.data,
                             record->body.len)
        == -1)
    {
        free(memory);
        page->problem = "its body cannot be unpacked";
        return -1;
    }

    free(page->memory);
    page->memory = memory;

    record->type.data = memory;
    record->body = bigcache_str(memory + head, size);

    return 0;
}

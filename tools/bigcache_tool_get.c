
/*
 * Copyright (C) bigcache contributors
 */


/* the command "bigcache get": a key of the REST API, or a page by its URL */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_data.h"
#include "bigcache_head.h"
#include "bigcache_time.h"
#include "bigcache_tool.h"
#include "bigcache_url.h"


static int bigcache_tool_get_key(const bigcache_tool_t *tool,
    bigcache_str_t *key, u_char **memory);
static int bigcache_tool_get_found(bigcache_tool_t *tool,
    const bigcache_str_t *key, const bigcache_tool_page_t *page);
static int bigcache_tool_get_unescape(bigcache_str_t *dst, u_char *data,
    const bigcache_str_t *text);
static int bigcache_tool_get_hex(u_char c);
static int bigcache_tool_get_head(const bigcache_head_t *head);
static int bigcache_tool_get_variants(bigcache_tool_t *tool,
    const bigcache_str_t *key);
static bigcache_rc_t bigcache_tool_get_variants_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static int bigcache_tool_get_send(const bigcache_tool_page_t *page);
static void bigcache_tool_get_info(const bigcache_record_t *record);


int
bigcache_tool_get(bigcache_tool_t *tool)
{
    int                   status;
    u_char               *memory;
    bigcache_rc_t         rc;
    bigcache_str_t        key, value;
    bigcache_record_t     record;
    bigcache_tool_page_t  page;

    status = bigcache_tool_get_key(tool, &key, &memory);
    if (status != BIGCACHE_TOOL_OK) {
        return status;
    }

    rc = bigcache_index_get(tool->index, BIGCACHE_NAMES_KEY, &key, &value,
                            tool->error);

    if (rc == BIGCACHE_MISS) {
        status = BIGCACHE_TOOL_WRONG;

        (void) bigcache_tool_failed(tool->page ? "there is no such page"
                                               : "there is no such key");

        if (tool->page && bigcache_tool_argument(tool, 2).len == 0) {

            /* nginx may have changed its URI, which is in the key then */

            status = bigcache_tool_get_variants(tool, &key);
        }

        free(memory);
        return status;
    }

    if (rc != BIGCACHE_OK) {
        free(memory);
        return bigcache_tool_failed("cannot read: %s", tool->error);
    }

    status = BIGCACHE_TOOL_WRONG;

    if (bigcache_record_decode(&record, value.data, value.len) == -1) {
        (void) bigcache_tool_failed("the record fails its check");

    } else if (bigcache_purges_covers(&tool->purges, &key, &record)) {
        (void) bigcache_tool_failed("the key was purged");

    } else if (record.expire <= bigcache_time_now()) {
        (void) bigcache_tool_failed("the key has expired");

    } else if (bigcache_tool_page(tool, &key, &record, 1, &page) == -1) {
        (void) bigcache_tool_failed("the page is damaged: %s", page.problem);

    } else {
        status = bigcache_tool_get_found(tool, &key, &page);
        bigcache_tool_page_free(tool, &page);
    }

    bigcache_index_free(&value);
    free(memory);

    return status;
}


/* makes the key of the arguments; *memory is to be freed, or NULL */

static int
bigcache_tool_get_key(const bigcache_tool_t *tool, bigcache_str_t *key,
    u_char **memory)
{
    u_char          *p;
    size_t           len;
    const char      *err;
    bigcache_str_t   url, variant, text;

    *memory = NULL;
    url = bigcache_tool_argument(tool, 1);

    if (!tool->page) {
        *key = url;

        return (key->len > BIGCACHE_KEY_MAX)
               ? bigcache_tool_failed("the key is over %d bytes long",
                                      BIGCACHE_KEY_MAX)
               : BIGCACHE_TOOL_OK;
    }

    text = bigcache_tool_argument(tool, 2);

    p = malloc(url.len + BIGCACHE_URL_ROOM + 1 + text.len);
    if (p == NULL) {
        return bigcache_tool_failed("out of memory");
    }

    *memory = p;
    key->data = p;

    err = bigcache_url_key(p, &url, &len);

    if (err && strstr((const char *) url.data, "://") == NULL) {

        /* one that bigcache_page_key has named */

        p[0] = BIGCACHE_PAGE_KEY;
        memcpy(p + 1, url.data, url.len);
        len = url.len + 1;
        err = NULL;
    }

    if (err == NULL && text.len) {

        p[len++] = '\0';

        if (bigcache_tool_get_unescape(&variant, p + len, &text) == -1) {
            err = "the variant has a broken escape";
        }

        len += variant.len;
    }

    if (err == NULL && len > BIGCACHE_KEY_MAX) {
        err = "the URL is longer than a key may be";
    }

    key->len = len;

    if (err) {
        free(p);
        *memory = NULL;
        return bigcache_tool_failed("%s", err);
    }

    return BIGCACHE_TOOL_OK;
}


static int
bigcache_tool_get_found(bigcache_tool_t *tool, const bigcache_str_t *key,
    const bigcache_tool_page_t *page)
{
    bigcache_head_t          head;
    const bigcache_record_t  *record;

    record = &page->record;

    if (tool->info) {
        bigcache_tool_get_info(record);
    }

    if (tool->page
        && bigcache_head_decode(&head, record->type.data, record->type.len)
           == 0)
    {
        if (head.flags & BIGCACHE_HEAD_VARIES) {
            (void) bigcache_tool_failed("the page varies, name one of its "
                                        "variants:");
            return bigcache_tool_get_variants(tool, key);
        }

        if (tool->head) {
            return bigcache_tool_get_head(&head);
        }
    }

    return bigcache_tool_get_send(page);
}


/* reads what bigcache_tool_print() writes, to data, which has as much room */

static int
bigcache_tool_get_unescape(bigcache_str_t *dst, u_char *data,
    const bigcache_str_t *text)
{
    int            high, low;
    u_char        *d;
    const u_char  *p, *last;

    d = data;
    last = text->data + text->len;

    *dst = bigcache_str(data, 0);

    for (p = text->data; p < last; p++) {

        if (*p != '\\') {
            *d++ = *p;

        } else if (last - p > 1 && p[1] == '\\') {
            *d++ = *p++;

        } else {

            if (last - p < 4 || p[1] != 'x') {
                return -1;
            }

            high = bigcache_tool_get_hex(p[2]);
            low = bigcache_tool_get_hex(p[3]);

            if (high == -1 || low == -1) {
                return -1;
            }

            *d++ = (u_char) (high * 16 + low);
            p += 3;
        }
    }

    dst->len = (size_t) (d - data);

    return 0;
}


static int
bigcache_tool_get_hex(u_char c)
{
    return (c >= '0' && c <= '9') ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? c - 'A' + 10 : -1;
}


/* the status and the fields, one a line */

static int
bigcache_tool_get_head(const bigcache_head_t *head)
{
    size_t          at;
    bigcache_str_t  name, value;

    (void) printf("status: %u\n", head->status);

    for (at = 0; bigcache_head_next(head, &at, &name, &value); /* void */) {
        bigcache_tool_print(&name);
        (void) printf(": ");
        bigcache_tool_print(&value);
        (void) printf("\n");
    }

    return BIGCACHE_TOOL_OK;
}


/* names the variants of a page, one of which has to be given */

static int
bigcache_tool_get_variants(bigcache_tool_t *tool, const bigcache_str_t *key)
{
    int              status;
    u_char          *data;
    bigcache_str_t   prefix;

    data = malloc(key->len + 1);
    if (data == NULL) {
        return bigcache_tool_failed("out of memory");
    }

    memcpy(data, key->data, key->len);
    data[key->len] = '\0';

    prefix = bigcache_str(data, key->len + 1);

    status = bigcache_tool_walk(tool, &prefix, bigcache_tool_get_variants_key,
                                tool);
    free(data);

    return (status == BIGCACHE_TOOL_OK) ? BIGCACHE_TOOL_WRONG : status;
}


static bigcache_rc_t
bigcache_tool_get_variants_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_tool_t *tool = data;

    bigcache_url_t     parts;
    bigcache_record_t  record;

    if (bigcache_record_decode(&record, value->data, value->len) == 0
        && !bigcache_purges_covers(&tool->purges, key, &record)
        && record.expire > bigcache_time_now()
        && bigcache_url_split(&parts, key) == 0)
    {
        bigcache_tool_print_to(stderr, &parts.variant);
        (void) fputc('\n', stderr);
    }

    return BIGCACHE_OK;
}


static int
bigcache_tool_get_send(const bigcache_tool_page_t *page)
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
bigcache_tool_get_info(const bigcache_record_t *record)
{
    char             stored[BIGCACHE_TOOL_TIME];
    char             expire[BIGCACHE_TOOL_TIME];
    size_t           at;
    bigcache_str_t   type, tag;
    bigcache_head_t  head;

    static const bigcache_str_t  none = bigcache_string("-");

    type = record->type;

    if (record->kind == BIGCACHE_KIND_PAGE
        && (bigcache_head_decode(&head, type.data, type.len) == -1
            || !bigcache_head_find(&head, "content-type", &type)))
    {
        type.len = 0;
    }

    if (type.len == 0) {
        type = none;
    }

    (void) fprintf(stderr, "kind: %s\nstored bytes: %llu\nunpacked bytes: "
                   "%llu\nstored: %s\nexpires: %s\ntype: ",
                   bigcache_tool_kind(record),
                   (unsigned long long) record->length,
                   (unsigned long long) record->unpacked,
                   bigcache_tool_time(stored,
                                      (int64_t) record->version / 1000),
                   bigcache_tool_expire(expire, record->expire));

    /* an upstream has made it, and it may have any bytes */

    bigcache_tool_print_to(stderr, &type);

    at = 0;

    while (bigcache_tags_next(&record->tags, &at, &tag)) {
        (void) fprintf(stderr, "\ntag: ");
        bigcache_tool_print_to(stderr, &tag);
    }

    (void) fprintf(stderr, "\nversion: %llu\n",
                   (unsigned long long) record->version);

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {
        (void) fprintf(stderr, "segment: %016llx\noffset: %llu\n",
                       (unsigned long long) record->segment,
                       (unsigned long long) record->offset);
    }
}

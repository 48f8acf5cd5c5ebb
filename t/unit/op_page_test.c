
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What operations tell of pages that change, or go, while they look at them.
 * The cache belongs to this test: it has one page of an origin.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>

#include "bigcache_head.h"
#include "bigcache_op.h"
#include "tap.h"


#define SITE  "\0http://a/"

static void test_list(void);
static void test_unreadable(void);
static void test_parts(void);
static void test_look_up(void);
static void test_changes(void);
static void test_gone(void);
static void test_failed(void);
static void test_source(void);
static void test_not_text(void);
static const char *run(bigcache_op_pt handler);
static void body_is(const char *text, size_t len, const char *type,
    const char *encoding);
static bigcache_rc_t engine_list(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);
static bigcache_rc_t engine_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static void engine_reason(bigcache_cache_t *cache, char *text);


static const bigcache_engine_t  engine = {
    .get = engine_get,
    .list = engine_list,
    .reason = engine_reason
};

static bigcache_cache_t         cache_of_test = { &engine, NULL, "test", 0 };
static bigcache_op_t            op;

static const bigcache_str_t     site = bigcache_string(SITE);

/* the page; it has another version after each of the next "changes" gets */

static bigcache_head_writer_t   head;
static u_char                   head_data[BIGCACHE_HEAD_MAX];
static uint64_t                 version;
static unsigned                 changes;
static unsigned                 lists;      /* calls */
static unsigned                 empty;      /* parts without a row, first */
static unsigned                 unreadable; /* lists do not have the head */
static bigcache_rc_t            list_rc;
static bigcache_rc_t            get_rc;
static unsigned                 kind;
static bigcache_data_t          body;


int
main(void)
{
    body_is("text", 4, "text/html", NULL);

    test_list();
    test_unreadable();
    test_parts();
    test_look_up();
    test_changes();
    test_gone();
    test_failed();
    test_source();
    test_not_text();

    return done_testing();
}


static void
test_list(void)
{
    is_str(run(bigcache_op_page_list),
           "{\"pages\":[{\"url\":\"http://a/\",\"variant\":\"\",\"uri\":null,"
           "\"vary\":null,\"status\":200,\"type\":\"text/html\",\"size\":4,"
           "\"stored\":1,\"fresh_until\":4000,\"expire\":null}],"
           "\"next\":null}", "a list");
}


static void
test_unreadable(void)
{
    unreadable = 1;

    is_str(run(bigcache_op_page_list),
           "{\"pages\":[{\"url\":\"http://a/\",\"variant\":\"\",\"uri\":null,"
           "\"vary\":null,\"status\":null,\"type\":null,\"size\":4,"
           "\"stored\":1,\"fresh_until\":null,\"expire\":null}],"
           "\"next\":null}", "a list: a page that cannot be read");

    ok(strstr(run(bigcache_op_page), "\"status\":null,\"state\":null,"
                                     "\"age\":null")
       != NULL, "a look-up: a page that cannot be read");

    unreadable = 0;
}


static void
test_parts(void)
{
    empty = 1;
    is_str(run(bigcache_op_page_list), "{\"pages\":[],\"next\":\"http%3A\"}",
           "a list: a part without rows ends it");

    empty = 0;
}


static void
test_look_up(void)
{
    const char  *text;

    text = run(bigcache_op_page);

    ok(strncmp(text, "{\"url\":\"http://a/\",\"vary\":null,\"variants\":["
                     "{\"variant\":\"\",\"uri\":null,\"vary\":null,"
                     "\"status\":200,\"state\":\"stale\",\"age\":", 97)
       == 0, "a look-up: the beginning");
    ok(strstr(text, ",\"stale_while_revalidate\":60,\"stale_if_error\":120,"
                    "\"stored\":1,\"fresh_until\":4000,\"expire\":null,"
                    "\"length\":4,\"size\":4,\"encoding\":null,\"headers\":[["
                    "\"Content-Type\",\"text/html\"]],\"current\":true}],"
                    "\"next\":null}")
       != NULL, "a look-up: the end");

    body_is("text", 4, "text/html", "br");
    ok(strstr(run(bigcache_op_page), "\"encoding\":\"br\"") != NULL,
       "a look-up: an encoding");

    body_is("text", 4, "text/html", NULL);
}


static void
test_changes(void)
{
    version = 1000000;
    changes = 1;

    ok(strstr(run(bigcache_op_page), "\"stored\":2,") != NULL,
       "a page that changes is told as it is then");
    ok(op.rc == BIGCACHE_OK && lists == 4, "it is looked at once more");

    version = 1000000;
    changes = 1000;

    (void) run(bigcache_op_page);
    ok(op.rc == BIGCACHE_MISS && changes == 997,
       "one that changes all the time is given up");

    changes = 0;
    version = 1000000;
}


static void
test_gone(void)
{
    const char  *detail;

    get_rc = BIGCACHE_EXPIRED;

    (void) run(bigcache_op_page);
    ok(bigcache_op_failure(&op, &detail) == 404 && op.expired == 1,
       "a page that expires is gone");
    is_str(detail, "no page of this URL is stored", "and it is said");

    (void) run(bigcache_op_page_source);
    ok(bigcache_op_failure(&op, &detail) == 404 && op.expired == 1,
       "it has no source");
    is_str(detail, "no page of this URL is stored without a variant",
           "and it is said");

    get_rc = BIGCACHE_OK;
    kind = BIGCACHE_KIND_RAW;

    (void) run(bigcache_op_page_source);
    ok(op.rc == BIGCACHE_MISS, "nor has what is no page");

    kind = BIGCACHE_KIND_PAGE;
}


static void
test_failed(void)
{
    list_rc = BIGCACHE_UNAVAILABLE;

    (void) run(bigcache_op_page_list);
    ok(op.rc == BIGCACHE_UNAVAILABLE, "a list that fails");
    is_str(op.reason, "the reason", "and why");

    (void) run(bigcache_op_page);
    ok(op.rc == BIGCACHE_UNAVAILABLE, "a look-up that fails");

    list_rc = BIGCACHE_OK;
    get_rc = BIGCACHE_CLOSED;

    (void) run(bigcache_op_page_source);
    ok(op.rc == BIGCACHE_CLOSED, "a source that fails");

    get_rc = BIGCACHE_OK;
}


static void
test_source(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *type;
        const char  *charset;
    } texts[] = {
        { "", "text/html", "utf-8" },
        { "a\t\r\n\f\033b", "image/png", "utf-8" },
        { "\xc3\xa9", "text/html; charset=iso-8859-1", "utf-8" },
        { "\xe9", "text/html; charset=iso-8859-1", "iso-8859-1" },
        { "\xe9", "text/html;CHARSET=\"Shift_JIS\";a=b", "Shift_JIS" },
        { "\xe9", "text/html; charset=", "" },
        { "\xe9", "text/html; charset=\"", "" },
        { "\xe9", "text/html; charset=a\r\nb", "a" },
        { "\xe9", "text/html; charset", "" },
        { "\xe9", "charset=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "\xe9", "charset=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
        { "\xe9", "", "" },
        { "\xc3", "text/html", "" },
        { "\x01", "text/html; charset=utf-8", "" },
        { "\x1f", "text/html", "" }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        body_is(texts[i].text, strlen(texts[i].text), texts[i].type, NULL);

        is_str(run(bigcache_op_page_source), texts[i].text, "source %d",
               (int) i);
        is_str(op.charset, texts[i].charset, "source %d: the charset",
               (int) i);
    }
}


static void
test_not_text(void)
{
    body_is("a\0b", 3, "text/html", NULL);
    (void) run(bigcache_op_page_source);
    is_str(op.charset, "", "a NUL is in no text");

    body_is("abc", 3, "text/html", "br");
    (void) run(bigcache_op_page_source);
    is_str(op.charset, "", "nor is a body that is encoded one");
}


/* returns the answer as a string, until the next run */

static const char *
run(bigcache_op_pt handler)
{
    size_t       len;

    static char  text[65536];

    memset(&op, 0, sizeof(bigcache_op_t));
    bigcache_page_clear(&op.page);

    op.cache = &cache_of_test;
    op.limit = 100;
    op.site = site;

    lists = 0;

    handler(&op);

    len = 0;

    if (op.rc == BIGCACHE_OK) {
        len = op.reply[0].bytes.len;
        memcpy(text, op.reply[0].bytes.data, len);
    }

    text[len] = '\0';

    bigcache_op_free(&op);

    return text;
}


static void
body_is(const char *text, size_t len, const char *type, const char *encoding)
{
    bigcache_head_t        h;
    bigcache_str_t         value;

    static const bigcache_str_t  type_name = bigcache_string("Content-Type");
    static const bigcache_str_t  encoding_name =
        bigcache_string("Content-Encoding");

    memset(&h, 0, sizeof(bigcache_head_t));

    h.status = 200;
    h.stale_while_revalidate = 60;
    h.stale_if_error = 120;
    h.fresh_until = 4000000;

    bigcache_head_begin(&head, head_data, &h);

    value.data = (const u_char *) type;
    value.len = strlen(type);
    bigcache_head_add(&head, &type_name, &value);

    if (encoding) {
        value.data = (const u_char *) encoding;
        value.len = strlen(encoding);
        bigcache_head_add(&head, &encoding_name, &value);
    }

    body = bigcache_data_bytes((const u_char *) text, len);
    kind = BIGCACHE_KIND_PAGE;
    version = 1000000;
}


static bigcache_rc_t
engine_list(bigcache_cache_t *cache, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    bigcache_str_t       next;
    bigcache_list_row_t  row;

    (void) cache;
    (void) tag;
    (void) limit;

    lists++;
    bigcache_list_init(list, after);

    if (list_rc != BIGCACHE_OK) {
        return list_rc;
    }

    if (empty) {
        next.data = site.data;
        next.len = 6;
        bigcache_list_next(list, &next);
        list->more = 1;

        return BIGCACHE_OK;
    }

    if (prefix->len > site.len) {
        return BIGCACHE_OK;
    }

    memset(&row, 0, sizeof(bigcache_list_row_t));

    row.key = site;
    row.kind = BIGCACHE_KIND_PAGE;
    row.version = version;
    row.expire = BIGCACHE_NEVER;
    row.size = body.bytes.len;
    row.type.data = head.data;
    row.type.len = unreadable ? 0 : head.len;

    (void) bigcache_list_add(list, &row);

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_get(bigcache_cache_t *cache, const bigcache_str_t *key, int with,
    bigcache_page_t *page)
{
    (void) cache;
    (void) key;
    (void) with;

    bigcache_page_clear(page);

    if (changes) {
        changes--;
        version += 1000000;
    }

    if (get_rc != BIGCACHE_OK) {
        return get_rc;
    }

    page->kind = kind;
    page->version = version;
    page->expire = BIGCACHE_NEVER;
    page->length = body.bytes.len;
    page->unpacked = body.bytes.len;
    page->type.data = head.data;
    page->type.len = head.len;
    page->body = body;

    return BIGCACHE_OK;
}


static void
engine_reason(bigcache_cache_t *cache, char *text)
{
    (void) cache;

    strcpy(text, "the reason");
}

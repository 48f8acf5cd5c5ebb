
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* memfd_create() */
#endif

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bigcache_json_scan.h"
#include "bigcache_utf8.h"
#include "tap.h"


/* texts are scanned at the end of this; a page without access follows */

#define SCAN_ROOM  (1024 * 1024)


typedef struct {
    bigcache_str_t   text;
    int              rc;
    size_t           offset;
} scan_case_t;


typedef struct {
    bigcache_str_t   text;
    const char      *value;
    const char      *expire;
    const char      *duration;
} scan_member_t;


static void scan_init(void);
static int scan(const void *data, size_t len);
static void test_valid(void);
static void test_scalars(void);
static void test_errors(void);
static void test_members(void);
static void test_depth(void);
static void test_depth_one(const char *open, const char *inner,
    const char *close, size_t depth, int rc);
static void test_truncated(void);
static void test_corrupted(void);
static void test_string_bytes(void);
static void test_utf8(void);
static size_t test_utf8_encode(u_char *p, uint32_t code);
static void test_escapes(void);
static void test_huge(void);
static void *huge_map(size_t chunk, size_t chunks);


static u_char                 *room_end;
static const u_char           *text_start;
static bigcache_json_doc_t     doc;
static bigcache_json_error_t   err;


static const char  sample[] =
    "{\"value\": {\"a\": [1, -2.5e+3, true, false, null, {}],"
    " \"\\u0062\": \"x\\n\\ud83d\\ude00 \xed\x95\x9c\"},"
    " \"expire\":1795331598.25 , \"duration\" : \"28d\", \"more\":[[]]}";


static const bigcache_str_t  valid[] = {
    bigcache_string("{}"),
    bigcache_string(" \t\r\n{ \t\r\n} \t\r\n"),
    bigcache_string("{\"\":0}"),
    bigcache_string("{\"a\":{}}"),
    bigcache_string("{\"a\":[]}"),
    bigcache_string("{\"a\":[ ]}"),
    bigcache_string("{ \"a\" : 1 , \"b\" : 2 }"),
    bigcache_string("{\"a\":[1,2,[3,[4]],{\"b\":[]}]}"),
    bigcache_string("{\"a\":1,\"a\":1}"),
    bigcache_string("{\"a\":0}"),
    bigcache_string("{\"a\":-0}"),
    bigcache_string("{\"a\":-0.0e-0}"),
    bigcache_string("{\"a\":0e0}"),
    bigcache_string("{\"a\":0E+1}"),
    bigcache_string("{\"a\":1e400}"),
    bigcache_string("{\"a\":1E007}"),
    bigcache_string("{\"a\":10.0100}"),
    bigcache_string("{\"a\":12345678901234567890123456789012345678901234567890"
                    "12345678901234567890123456789012345678901234567890}"),
    bigcache_string("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"),
    bigcache_string("{\"a\":\"\\u0000\"}"),
    bigcache_string("{\"a\":\"\\uabcd\\uABCD\\uFFFF\\uE000\\uD7FF\"}"),
    bigcache_string("{\"a\":\"\\ud800\\udc00\\uDBFF\\uDFFF\"}"),
    bigcache_string("{\"a\":\"\x7f/\"}"),
    bigcache_string("{\"\xed\x95\x9c\":\"\xc2\x80\xf4\x8f\xbf\xbf\"}"),
    bigcache_string("{\"a\":\"\xe2\x80\xa8\xef\xbf\xbf\"}"),
    bigcache_string("{\"a\":true,\"b\":false,\"c\":null}"),
};


static const bigcache_str_t  scalars[] = {
    bigcache_string("0"),
    bigcache_string("-1"),
    bigcache_string(" 1.5e3 "),
    bigcache_string("\"\""),
    bigcache_string("\"value\"\n"),
    bigcache_string("true"),
    bigcache_string("false"),
    bigcache_string("null"),
    bigcache_string("[]"),
    bigcache_string("\t[{\"value\":1}]"),
};


static const scan_case_t  errors[] = {

    /* empty */

    { bigcache_string(""), BIGCACHE_JSON_EMPTY, 0 },
    { bigcache_string(" "), BIGCACHE_JSON_EMPTY, 1 },
    { bigcache_string(" \t\r\n"), BIGCACHE_JSON_EMPTY, 4 },

    /* what is no white space */

    { bigcache_string("\0"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("\v{}"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("\f"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("{\"a\":\0" "1}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":\xc2\xa0" "1}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{}\0"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\xef\xbb\xbf{}"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("\xef\xbb\xbf"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("\xef\xbb"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string(" \xef\xbb\xbf{}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{}\xef\xbb\xbf"), BIGCACHE_JSON_INVALID, 2 },

    /* structure */

    { bigcache_string("{"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("}"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("["), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("]"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string(","), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string(":"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("{]"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("[}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{}}"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("{} {}"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("{},"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("{}x"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("{,}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{\"a\""), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("{\"a\"}"), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("{\"a\":"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":1"), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("{\"a\":1,}"), BIGCACHE_JSON_INVALID, 7 },
    { bigcache_string("{\"a\":1,,\"b\":1}"), BIGCACHE_JSON_INVALID, 7 },
    { bigcache_string("{\"a\":1 \"b\":1}"), BIGCACHE_JSON_INVALID, 7 },
    { bigcache_string("{\"a\" 1}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\"::1}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":1:2}"), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("{a:1}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{1:1}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{null:1}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{'a':1}"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("{\"a\":1]"), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("{\"a\":'b'}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":/**/1}"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"a\":1}//"), BIGCACHE_JSON_INVALID, 7 },
    { bigcache_string("[1,]"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("[,1]"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("[1 2]"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("[1}"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("[\"a\":1]"), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("[1,"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("1 2"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("1,"), BIGCACHE_JSON_INVALID, 1 },

    /* literals */

    { bigcache_string("tru"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("truE"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("truee"), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("True"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("fals"), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("nul"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("nil"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("[nulll]"), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("NaN"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("Infinity"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("-Infinity"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("nan"), BIGCACHE_JSON_INVALID, 1 },

    /* numbers */

    { bigcache_string("-"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("+1"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("--1"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("- 1"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("01"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("00"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("-01"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("1."), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("[1.]"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("1.e1"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string(".5"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("-.5"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("1e"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("1e+"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("1E-"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("[1e+]"), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("1e1.5"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("1.2.3"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("1ee1"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("0x1"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("1_000"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("1a"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\xef\xbc\x91"), BIGCACHE_JSON_INVALID, 0 },

    /* strings */

    { bigcache_string("\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\"\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"a"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"a\0\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\n\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"abcdefghijk\x1f\""), BIGCACHE_JSON_INVALID, 12 },
    { bigcache_string("\"\\"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\\""), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("\"\\x\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\a\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\0\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\'\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\N\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\U0041\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\\n\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\\xed\x95\x9c\""), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\"\\u"), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("\"\\u123"), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("\"\\u123\""), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("\"\\u12g4\""), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("\"\\u 123\""), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("\"\\u+123\""), BIGCACHE_JSON_INVALID, 3 },
    { bigcache_string("\"\\u\x10\x11\x12\x13\""), BIGCACHE_JSON_INVALID, 3 },

    /* surrogates that form no pair */

    { bigcache_string("\"\\ud800\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\udbff\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\udc00\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\uDFFF\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\udc00\\ud800\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\ud800\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\udbff\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\ue000\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\u0041\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\n\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800abcdef\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\\ud800\\\\dc00\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"ab\\ud800\\udc0g\""), BIGCACHE_JSON_INVALID, 14 },
    { bigcache_string("\"\\ud800\\udc00\\udc00\""), BIGCACHE_JSON_INVALID,
      13 },

    /* UTF-8, inside of strings and outside */

    { bigcache_string("\"\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xc0\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xc1\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xc2\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xc2\xc2\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xe0\x9f\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xed\xa0\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xed\xbf\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xed\xa0\x80\xed\xb0\x80\""), BIGCACHE_JSON_INVALID,
      1 },
    { bigcache_string("\"\xef\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xf0\x8f\xbf\xbf\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xf0\x90\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xf4\x90\x80\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xf5\x80\x80\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xf8\x88\x80\x80\x80\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xfe\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xff\""), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"\xed\x95\x9c\xed\x95\""), BIGCACHE_JSON_INVALID, 4 },
    { bigcache_string("\"\xed\x95"), BIGCACHE_JSON_INVALID, 1 },
    { bigcache_string("\"ab\\n\xff\""), BIGCACHE_JSON_INVALID, 5 },
    { bigcache_string("{\"\xff\":1}"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\xff"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("{\"a\":1\xff}"), BIGCACHE_JSON_INVALID, 6 },
    { bigcache_string("{}\xff"), BIGCACHE_JSON_INVALID, 2 },
    { bigcache_string("\xed\x95\x9c"), BIGCACHE_JSON_INVALID, 0 },

    /* UTF-16 */

    { bigcache_string("\xff\xfe{\0}\0"), BIGCACHE_JSON_INVALID, 0 },
    { bigcache_string("\0{\0}"), BIGCACHE_JSON_INVALID, 0 },
};


static const scan_member_t  members[] = {
    { bigcache_string("{}"), NULL, NULL, NULL },

    { bigcache_string("{\"value\":1}"), "1", NULL, NULL },

    { bigcache_string("{\"value\" : 1 ,\"expire\":\t2\n,\"duration\":\r3 }"),
      "1", "2", "3" },

    { bigcache_string("{\"value\":null,\"expire\":null,\"duration\":null}"),
      "null", "null", "null" },

    { bigcache_string("{\"value\":\"a\\u0000\\\"b\"}"),
      "\"a\\u0000\\\"b\"", NULL, NULL },

    { bigcache_string("{\"value\":12345678901234567890}"),
      "12345678901234567890", NULL, NULL },

    { bigcache_string("{\"value\":-0,\"expire\":1.0,\"duration\":1e400}"),
      "-0", "1.0", "1e400" },

    { bigcache_string("{\"value\": {\"z\": 1,  \"a\": [ ] } }"),
      "{\"z\": 1,  \"a\": [ ] }", NULL, NULL },

    { bigcache_string("{\"value\":[ {\"b\":[]}, [[ ]] ]  }"),
      "[ {\"b\":[]}, [[ ]] ]", NULL, NULL },

    { bigcache_string("{\"value\":{},\"expire\":[]}"), "{}", "[]", NULL },
    { bigcache_string("{\"value\":{ },\"expire\":[\n]}"), "{ }", "[\n]",
      NULL },

    /* the last one counts, whatever it is */

    { bigcache_string("{\"value\":1,\"value\":[2],\"value\":\"3\"}"),
      "\"3\"", NULL, NULL },
    { bigcache_string("{\"value\":{\"a\":1},\"value\":null}"),
      "null", NULL, NULL },
    { bigcache_string("{\"expire\":1,\"duration\":2,\"expire\":3}"),
      NULL, "3", "2" },

    /* other levels do not count */

    { bigcache_string("{\"a\":{\"value\":1,\"expire\":2}}"),
      NULL, NULL, NULL },
    { bigcache_string("{\"value\":{\"value\":1,\"expire\":2}}"),
      "{\"value\":1,\"expire\":2}", NULL, NULL },
    { bigcache_string("{\"value\":[{\"value\":{\"expire\":2}}],\"a\":0}"),
      "[{\"value\":{\"expire\":2}}]", NULL, NULL },
    { bigcache_string("{\"a\":[\"value\"],\"b\":\"value\",\"c\":1}"),
      NULL, NULL, NULL },

    /* names after unescaping */

    { bigcache_string("{\"val\\u0075e\":1}"), "1", NULL, NULL },
    { bigcache_string("{\"\\u0076\\u0061\\u006C\\u0075\\u0065\":1}"),
      "1", NULL, NULL },
    { bigcache_string("{\"\\u0065xpire\":1,\"duratio\\u006e\":2}"),
      NULL, "1", "2" },
    { bigcache_string("{\"value\":1,\"val\\u0075e\":2}"), "2", NULL, NULL },
    { bigcache_string("{\"val\\u0175e\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"val\\u7500e\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"val\\nue\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"valu\\u0065\\u0000\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"value\\u0000\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"\\u0000value\":1}"), NULL, NULL, NULL },
    { bigcache_string("{\"\\\\u0076alue\":1}"), NULL, NULL, NULL },

    /* names that are almost right */

    { bigcache_string("{\"Value\":1,\"VALUE\":2,\"EXPIRE\":3}"),
      NULL, NULL, NULL },
    { bigcache_string("{\"valu\":1,\"values\":2,\" value\":3,\"\":4}"),
      NULL, NULL, NULL },
    { bigcache_string("{\"expires\":1,\"expir\":2,\"durations\":3}"),
      NULL, NULL, NULL },
    { bigcache_string("{\"valu\xc3\xa9\":1}"), NULL, NULL, NULL },
};


int
main(void)
{
    scan_init();

    test_valid();
    test_scalars();
    test_errors();
    test_members();
    test_depth();
    test_truncated();
    test_corrupted();
    test_string_bytes();
    test_utf8();
    test_escapes();
    test_huge();

    return done_testing();
}


static void
scan_init(void)
{
    size_t   page;
    u_char  *room;

    page = sysconf(_SC_PAGESIZE);

    room = mmap(NULL, SCAN_ROOM + page, PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }

    room_end = room + SCAN_ROOM;

    if (mprotect(room_end, page, PROT_NONE) != 0) {
        perror("mprotect");
        exit(2);
    }
}


/* reading one byte too many is fatal here */

static int
scan(const void *data, size_t len)
{
    u_char  *p;

    p = room_end - len;
    memcpy(p, data, len);

    text_start = p;

    err.offset = (size_t) -1;
    err.msg = NULL;

    return bigcache_json_scan(p, len, &doc, &err);
}


static void
test_valid(void)
{
    size_t  i;

    for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        is_int(scan(valid[i].data, valid[i].len), BIGCACHE_JSON_OK,
               "valid: %s", valid[i].data);
    }
}


static void
test_scalars(void)
{
    size_t  i;

    for (i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        is_int(scan(scalars[i].data, scalars[i].len),
               BIGCACHE_JSON_NOT_OBJECT, "not an object: %s",
               scalars[i].data);
        ok(doc.value.data == NULL && doc.expire.data == NULL
           && doc.duration.data == NULL, "no members");
        ok(err.msg != NULL && strchr("0-1 \"\ttfn[", text_start[err.offset]),
           "a message and an offset");
    }

    scan(" \n[]", 4);
    is_int(err.offset, 2, "offset of the top");
    is_str(err.msg, "the top is not an object", "message");
}


static void
test_errors(void)
{
    size_t              i;
    const scan_case_t  *t;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        t = &errors[i];

        is_int(scan(t->text.data, t->text.len), t->rc, "refused: %s",
               t->text.data);
        is_int(err.offset, t->offset, "offset in: %s", t->text.data);
        ok(err.msg != NULL, "message: %s", err.msg);

        if (t->rc == BIGCACHE_JSON_INVALID && t->offset == t->text.len) {
            is_str(err.msg, "the text ends too early", "truncated");
        }
    }

    is_int(bigcache_json_scan(NULL, 0, &doc, &err), BIGCACHE_JSON_EMPTY,
           "no text at all");

    is_int(scan("{\"value\":1,\"expire\":2,}", 23), BIGCACHE_JSON_INVALID,
           "invalid after members");
    ok(doc.value.data == NULL && doc.expire.data == NULL,
       "members of an invalid document are absent");
}


static void
test_members(void)
{
    size_t                i, k;
    const char           *expected[3];
    const scan_member_t  *t;
    bigcache_str_t       *got[3] = { &doc.value, &doc.expire, &doc.duration };
    static const char    *names[3] = { "value", "expire", "duration" };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        t = &members[i];

        is_int(scan(t->text.data, t->text.len), BIGCACHE_JSON_OK,
               "members: %s", t->text.data);

        expected[0] = t->value;
        expected[1] = t->expire;
        expected[2] = t->duration;

        for (k = 0; k < 3; k++) {
            is_mem(got[k]->data, got[k]->len, expected[k],
                   expected[k] ? strlen(expected[k]) : 0, "%s", names[k]);
        }
    }

    scan("{ \"value\" : [1] }", 17);
    is_int(doc.value.data - text_start, 12, "the extent is in the text");
    is_int(doc.value.len, 3, "and has its length");
}


static void
test_depth(void)
{
    char          *p;
    const size_t   max = BIGCACHE_JSON_MAX_DEPTH;
    static char    deep[600000];

    is_int(max, 1000, "the limit of cJSON");

    test_depth_one("[", "", "]", max - 1, BIGCACHE_JSON_NOT_OBJECT);
    test_depth_one("[", "", "]", max, BIGCACHE_JSON_NOT_OBJECT);
    test_depth_one("[", "", "]", max + 1, BIGCACHE_JSON_INVALID);
    test_depth_one("[", "0", "]", max, BIGCACHE_JSON_NOT_OBJECT);
    test_depth_one("[", "0", "]", max + 1, BIGCACHE_JSON_INVALID);
    test_depth_one("{\"a\":", "0", "}", max - 1, BIGCACHE_JSON_OK);
    test_depth_one("{\"a\":", "0", "}", max, BIGCACHE_JSON_OK);
    test_depth_one("{\"a\":", "{}", "}", max - 1, BIGCACHE_JSON_OK);
    test_depth_one("{\"a\":", "{}", "}", max, BIGCACHE_JSON_INVALID);
    test_depth_one("{\"a\":", "[]", "}", max, BIGCACHE_JSON_INVALID);
    test_depth_one("{\"a\":", "0", "}", max + 1, BIGCACHE_JSON_INVALID);
    test_depth_one("{\"a\":[", "0", "]}", max / 2, BIGCACHE_JSON_OK);
    test_depth_one("{\"a\":[", "[]", "]}", max / 2, BIGCACHE_JSON_INVALID);
    test_depth_one("[", "", "]", 100000, BIGCACHE_JSON_INVALID);
    test_depth_one("{\"a\":", "0", "}", 100000, BIGCACHE_JSON_INVALID);

    memset(deep, '[', sizeof(deep));
    is_int(scan(deep, sizeof(deep)), BIGCACHE_JSON_INVALID, "only brackets");
    is_int(err.offset, max, "offset of the first one too many");
    is_str(err.msg, "nested too deep", "message");

    /* closing reduces the depth: many arrays of the greatest depth in a row */

    p = deep;
    *p++ = '[';

    while (p - deep < 500000) {
        p = stpcpy(p, "[],");
    }

    p = stpcpy(p, "[]]");

    is_int(scan(deep, p - deep), BIGCACHE_JSON_NOT_OBJECT, "wide");
}


static void
test_depth_one(const char *open, const char *inner, const char *close,
    size_t depth, int rc)
{
    char    *buf, *p;
    size_t   i, len;

    len = depth * (strlen(open) + strlen(close)) + strlen(inner);
    buf = malloc(len + 1);

    if (buf == NULL) {
        exit(2);
    }

    p = buf;

    for (i = 0; i < depth; i++) {
        p = stpcpy(p, open);
    }

    p = stpcpy(p, inner);

    for (i = 0; i < depth; i++) {
        p = stpcpy(p, close);
    }

    is_int(scan(buf, len), rc, "%zu times %s", depth, open);

    free(buf);
}


static void
test_truncated(void)
{
    size_t  i, len, refused, offsets;

    len = sizeof(sample) - 1;

    is_int(scan(sample, len), BIGCACHE_JSON_OK, "the sample is valid");

    is_int(scan(sample, 0), BIGCACHE_JSON_EMPTY, "nothing of the sample");

    refused = 0;
    offsets = 0;

    for (i = 1; i < len; i++) {
        refused += (scan(sample, i) == BIGCACHE_JSON_INVALID);
        offsets += (err.offset <= i && err.msg != NULL);
    }

    is_int(refused, len - 1, "every truncation is invalid");
    is_int(offsets, len - 1, "with an offset in the text");
}


static void
test_corrupted(void)
{
    int                     rc, old;
    size_t                  i, k, n, len, bad;
    char                    copy[sizeof(sample)];
    const bigcache_str_t   *got[3] = { &doc.value, &doc.expire,
                                       &doc.duration };

    len = sizeof(sample) - 1;
    memcpy(copy, sample, len);
    bad = 0;

    for (i = 0; i < len; i++) {
        old = copy[i];

        for (n = 0; n < 256; n++) {
            copy[i] = n;
            rc = scan(copy, len);

            bad += (rc != BIGCACHE_JSON_OK
                    && (err.offset > len || err.msg == NULL));

            for (k = 0; k < 3; k++) {

                if (got[k]->data == NULL) {
                    continue;
                }

                bad += (rc != BIGCACHE_JSON_OK
                        || got[k]->data < text_start
                        || got[k]->data + got[k]->len > room_end
                        || got[k]->len == 0);
            }
        }

        copy[i] = old;
    }

    is_int(bad, 0, "every change of one byte keeps extents and offsets sane");
}


/* any byte at any place of a string, at any alignment */

static void
test_string_bytes(void)
{
    int     rc, expected;
    char    text[64];
    size_t  len, pos, bad, checked;
    u_char  c;

    bad = 0;
    checked = 0;

    for (len = 1; len <= 20; len++) {

        for (pos = 0; pos < len; pos++) {

            c = 0;

            do {
                text[0] = '"';
                memset(text + 1, 'a', len);
                text[1 + pos] = c;
                text[1 + len] = '"';

                rc = scan(text, len + 2);

                expected = (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
                           ? BIGCACHE_JSON_INVALID : BIGCACHE_JSON_NOT_OBJECT;

                bad += (rc != expected);

                if (c < 0x20 || c >= 0x80) {
                    bad += (err.offset != 1 + pos);
                }

                /* a backslash before the closing quote escapes it */

                if (c == '\\' && pos == len - 1) {
                    bad += (err.offset != len + 2);

                } else if (c == '"' || c == '\\') {
                    bad += (err.offset != 2 + pos);
                }

                checked++;

            } while (++c != 0);
        }
    }

    is_int(bad, 0, "%zu strings with one odd byte", checked);
}


static void
test_utf8(void)
{
    u_char    text[8];
    int       accepted;
    size_t    len, bad, two, three;
    uint32_t  code, i;

    bad = 0;
    text[0] = '"';

    for (code = 0x80; code <= 0x110fff; code++) {
        len = test_utf8_encode(text + 1, code);
        text[1 + len] = '"';

        accepted = (scan(text, len + 2) == BIGCACHE_JSON_NOT_OBJECT);
        bad += (accepted
                != (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)));
    }

    is_int(bad, 0, "each code point, surrogates and above U+10FFFF refused");

    two = 0;
    three = 0;

    for (i = 0x800000; i <= 0xffffff; i++) {
        text[0] = i >> 16;
        text[1] = i >> 8;
        text[2] = i;

        three += (bigcache_utf8_step(text, text + 3) == 3);
        two += (text[2] == 0 && bigcache_utf8_step(text, text + 2) == 2);
        bad += (bigcache_utf8_step(text, text + 1) != -1);
    }

    is_int(two, 0x800 - 0x80, "sequences of two bytes");
    is_int(three, 0x10000 - 0x800 - 0x800, "sequences of three bytes");
    is_int(bad, 0, "one byte is none");
}


static size_t
test_utf8_encode(u_char *p, uint32_t code)
{
    if (code < 0x800) {
        p[0] = 0xc0 | (code >> 6);
        p[1] = 0x80 | (code & 0x3f);
        return 2;
    }

    if (code < 0x10000) {
        p[0] = 0xe0 | (code >> 12);
        p[1] = 0x80 | ((code >> 6) & 0x3f);
        p[2] = 0x80 | (code & 0x3f);
        return 3;
    }

    p[0] = 0xf0 | (code >> 18);
    p[1] = 0x80 | ((code >> 12) & 0x3f);
    p[2] = 0x80 | ((code >> 6) & 0x3f);
    p[3] = 0x80 | (code & 0x3f);

    return 4;
}


static void
test_escapes(void)
{
    char      text[32];
    size_t    bad;
    unsigned  i, alone;

    bad = 0;

    for (i = 0; i <= 0xffff; i++) {
        alone = (i >= 0xd800 && i <= 0xdfff);

        snprintf(text, sizeof(text), (i & 1) ? "\"\\u%04x\"" : "\"\\u%04X\"",
                 i);
        bad += (scan(text, 8) != (alone ? BIGCACHE_JSON_INVALID
                                        : BIGCACHE_JSON_NOT_OBJECT));

        snprintf(text, sizeof(text), "\"\\ud912\\u%04x\"", i);
        bad += (scan(text, 14) != (i >= 0xdc00 && i <= 0xdfff
                                   ? BIGCACHE_JSON_NOT_OBJECT
                                   : BIGCACHE_JSON_INVALID));
    }

    is_int(bad, 0, "each \\u escape, alone and after a high surrogate");

    bad = 0;

    for (i = 0; i < 256; i++) {
        snprintf(text, sizeof(text), "\"\\%c\"", (i != 0) ? i : 1);
        bad += ((scan(text, 4) == BIGCACHE_JSON_NOT_OBJECT)
                != (i != 0 && strchr("\"\\/bfnrt", i) != NULL));
    }

    is_int(bad, 0, "each short escape");
}


/*
 * A text of more than 4 GB in 64 MB of memory, mapped many times: sizes and
 * offsets do not fit in 32 bits.
 */

static void
test_huge(void)
{
    int           rc;
    u_char       *p;
    size_t        len;
    const size_t  chunk = 64 * 1024 * 1024;

    len = 65 * chunk;

    p = (sizeof(size_t) > 4) ? huge_map(chunk, 65) : NULL;

    if (p == NULL) {
        skip("no address space for a text of 4 GB");
        return;
    }

    rc = bigcache_json_scan(p, len, &doc, &err);

    is_int(rc, BIGCACHE_JSON_INVALID, "a huge string without an end");
    ok(err.offset == len, "offset beyond 4 GB");

    rc = bigcache_json_scan(p + 1, len - 1, &doc, &err);

    is_int(rc, BIGCACHE_JSON_INVALID, "a huge text");
    ok(err.offset == 0, "wrong from the start");

    munmap(p, len);
}


static void *
huge_map(size_t chunk, size_t chunks)
{
    int      fd;
    u_char  *map, *p;
    size_t   i;

    fd = memfd_create("json_scan_test", 0);

    if (fd == -1) {
        return NULL;
    }

    map = mmap(NULL, chunk * chunks, PROT_NONE,
               MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED || ftruncate(fd, chunk) != 0) {
        close(fd);
        return NULL;
    }

    for (i = 0; i < chunks; i++) {
        p = mmap(map + i * chunk, chunk, PROT_READ|PROT_WRITE,
                 (i == 0 ? MAP_PRIVATE : MAP_SHARED)|MAP_FIXED, fd, 0);

        if (p == MAP_FAILED) {
            munmap(map, chunk * chunks);
            close(fd);
            return NULL;
        }
    }

    close(fd);

    /* the first chunk is private: only it has the opening quote */

    memset(map + chunk, 'a', chunk);
    map[0] = '"';

    return map;
}

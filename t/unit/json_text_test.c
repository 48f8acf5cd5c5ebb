
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Texts that grow, and the parts of a batch's documents.
 */


#include <stdlib.h>

#include "bigcache_json.h"
#include "bigcache_json_text.h"
#include "tap.h"


static bigcache_str_t str(const char *s);
static void test_items(void);
static void test_items_of(const char *text, ...);
static void test_members(void);
static void test_integer(void);
static void test_unescape(void);
static void test_text(void);
static void test_base64(void);


int
main(void)
{
    test_items();
    test_members();
    test_integer();
    test_unescape();
    test_text();
    test_base64();

    return done_testing();
}


static bigcache_str_t
str(const char *s)
{
    bigcache_str_t  text;

    text.data = (const u_char *) s;
    text.len = strlen(s);

    return text;
}


static void
test_items(void)
{
    test_items_of("[]", NULL);
    test_items_of("[ \n ]", NULL);
    test_items_of("[1]", "1", NULL);
    test_items_of("[ 1 , 22,\t333 ]", "1", "22", "333", NULL);
    test_items_of("[[],[1,[2]],{}]", "[]", "[1,[2]]", "{}", NULL);
    test_items_of("[\"a,b]\", \"\\\"],\", \"\\\\\"]", "\"a,b]\"", "\"\\\"],\"",
                  "\"\\\\\"", NULL);
    test_items_of("[{\"a\":[1,2],\"}\":\"]\"} ,null]",
                  "{\"a\":[1,2],\"}\":\"]\"}", "null", NULL);
    test_items_of("[\"\"]", "\"\"", NULL);

    /* longer than a word, with what ends one at each place */

    test_items_of("[\"0123456789\\\"],\\\\\",\"012345]\",\"0123456\"]",
                  "\"0123456789\\\"],\\\\\"", "\"012345]\"",
                  "\"0123456\"", NULL);
    test_items_of("[\"\xed\x95\x9c,\xea\xb8\x80]\",\"a\xed\x95\x9c\\\"b],c\"]",
                  "\"\xed\x95\x9c,\xea\xb8\x80]\"",
                  "\"a\xed\x95\x9c\\\"b],c\"", NULL);
}


static void
test_items_of(const char *text, ...)
{
    size_t           at;
    u_char          *exact;
    va_list          args;
    const char      *expected;
    bigcache_str_t   array, item;

    /* in separate memory, so that a sanitizer notices a byte too many */

    array.len = strlen(text);
    exact = malloc(array.len);
    memcpy(exact, text, array.len);
    array.data = exact;

    va_start(args, text);
    at = 0;

    while ((expected = va_arg(args, const char *)) != NULL) {

        if (!ok(bigcache_json_scan_item(&array, &at, &item), "%s has %s", text,
                expected))
        {
            break;
        }

        is_mem(item.data, item.len, expected, strlen(expected), "it is that");
    }

    va_end(args);

    ok(!bigcache_json_scan_item(&array, &at, &item), "%s has no more", text);
    ok(!bigcache_json_scan_item(&array, &at, &item), "nor afterwards");

    free(exact);
}


static void
test_members(void)
{
    const char             *text;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named[] = {
        { "op", { 0, NULL } },
        { "if_none_match", { 0, NULL } },
        { "base64", { 0, NULL } }
    };

    text = "{\"op\" : \"set\",\"x\":{\"op\":1},\"if_none_match\":\"*\"}";

    is_int(bigcache_json_scan_members((const u_char *) text, strlen(text),
                                      named, 3, &err),
           BIGCACHE_JSON_OK, "members");
    is_mem(named[0].extent.data, named[0].extent.len, "\"set\"", 5, "op");
    is_mem(named[1].extent.data, named[1].extent.len, "\"*\"", 3,
           "if_none_match");
    ok(named[2].extent.data == NULL, "base64 is absent");

    text = "{\"op\":1,\"op\":2,\"base\\u00364\":3}";

    is_int(bigcache_json_scan_members((const u_char *) text, strlen(text),
                                      named, 3, &err),
           BIGCACHE_JSON_OK, "other members");
    is_mem(named[0].extent.data, named[0].extent.len, "2", 1, "the last");
    ok(named[1].extent.data == NULL, "if_none_match is absent now");
    is_mem(named[2].extent.data, named[2].extent.len, "3", 1, "escaped");

    is_int(bigcache_json_scan_members((const u_char *) text, strlen(text) - 1,
                                      named, 3, &err),
           BIGCACHE_JSON_INVALID, "no JSON");
    ok(named[0].extent.data == NULL, "nothing is left of it");
}


static void
test_integer(void)
{
    size_t           i;
    int64_t          n;
    bigcache_str_t   text;

    static const struct {
        const char  *text;
        int64_t      n;
    } good[] = {
        { "0", 0 },
        { "-0", 0 },
        { "1", 1 },
        { "-1", -1 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "9007199254740993", INT64_C(9007199254740993) }
    };

    static const char *const  bad[] = {
        "9223372036854775808", "-9223372036854775809", "1.0", "1e3", "true",
        "\"1\"", "[]", "{}", "99999999999999999999999999"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        text = str(good[i].text);
        n = 42;
        is_int(bigcache_json_integer(&text, &n), BIGCACHE_JSON_OK, "%s",
               good[i].text);
        is_int(n, good[i].n, "the number");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = str(bad[i]);
        is_int(bigcache_json_integer(&text, &n), BIGCACHE_JSON_INVALID, "%s",
               bad[i]);
    }

    text = str("null");
    is_int(bigcache_json_integer(&text, &n), BIGCACHE_JSON_NULL, "null");
    text.data = NULL;
    is_int(bigcache_json_integer(&text, &n), BIGCACHE_JSON_NULL, "absent");
}


static void
test_unescape(void)
{
    bigcache_str_t  member, text;

    member = str("\"a\\u00e9\\n\\\"\\/\"");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_OK,
           "a string");
    is_mem(text.data, text.len, "a\xc3\xa9\n\"/", 6, "what it says");
    free((void *) text.data);

    member = str("\"\"");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_OK, "empty");
    is_int(text.len, 0, "nothing");
    ok(text.data != NULL, "but something");
    free((void *) text.data);

    member = str("\"a\\u0000b\"");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_INVALID,
           "U+0000");

    member = str("\"a\\\\u0000b\"");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_OK,
           "no U+0000");
    is_mem(text.data, text.len, "a\\u0000b", 8, "but what it says");
    free((void *) text.data);

    member = str("5");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_INVALID,
           "a number");
    member = str("null");
    is_int(bigcache_json_unescape(&member, &text), BIGCACHE_JSON_NULL, "null");
}


static void
test_text(void)
{
    size_t                 i;
    bigcache_str_t         quoted;
    bigcache_json_text_t   text;

    memset(&text, 0, sizeof(bigcache_json_text_t));

    quoted = str("a\"\n\xff");

    bigcache_json_text_puts(&text, "x");
    bigcache_json_text_quote(&text, "=", &quoted);
    bigcache_json_text_number(&text, ",", UINT64_MAX);
    bigcache_json_text_time(&text, ",", 1500);
    bigcache_json_text_escape(&text, ",", &quoted);
    bigcache_json_text_add(&text, (const u_char *) "", 0);

    is_mem(text.data, text.len,
           "x=\"a\\\"\\n\xef\xbf\xbd\",18446744073709551615,1.5,"
           "\"a%22%0A%FF\"", 50, "parts");

    text.len = 0;

    quoted = bigcache_str(NULL, 0);

    bigcache_json_text_quote(&text, "", NULL);
    bigcache_json_text_quote(&text, ",", &quoted);
    bigcache_json_text_time(&text, ",", INT64_MAX);

    is_mem(text.data, text.len, "null,null,null", 14, "values that are not");

    for (i = 0; i < 100000; i++) {
        bigcache_json_text_puts(&text, "0123456789");
    }

    is_int(text.len, 1000014, "it grows");
    ok(memcmp(text.data + 1000004, "0123456789", 10) == 0, "to its end");

    text.failed = 1;
    bigcache_json_text_puts(&text, "more");
    is_int(text.len, 1000014, "without memory it stays");

    free(text.data);
}


static void
test_base64(void)
{
    size_t                 i, n;
    u_char                 bytes[300], *back;
    bigcache_str_t         in;
    bigcache_json_text_t   text;

    static const char *const  bad[] = {
        "A", "AA", "AAA", "=", "====", "A===", "AA=A", "A=AA", "AA-A", "AAAA=",
        "AA A", "AAA\n"
    };

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (u_char) (i * 7 + i / 256);
    }

    for (n = 0; n <= sizeof(bytes); n++) {

        memset(&text, 0, sizeof(bigcache_json_text_t));

        in.data = bytes;
        in.len = n;

        bigcache_json_text_base64(&text, &in);

        if (text.len != (n + 2) / 3 * 4 + 2) {
            break;
        }

        back = malloc(text.len);
        memcpy(back, text.data + 1, text.len - 2);

        i = (size_t) bigcache_json_text_unbase64(back, text.len - 2);

        if (i != n || memcmp(back, bytes, n) != 0) {
            break;
        }

        free(back);
        free(text.data);
    }

    is_int(n, sizeof(bytes) + 1, "there and back");

    memset(&text, 0, sizeof(bigcache_json_text_t));
    in = str("any carnal pleas");
    bigcache_json_text_base64(&text, &in);
    is_mem(text.data, text.len, "\"YW55IGNhcm5hbCBwbGVhcw==\"", 26,
           "as others write it");
    free(text.data);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = strlen(bad[i]);
        back = malloc(n);
        memcpy(back, bad[i], n);
        is_int(bigcache_json_text_unbase64(back, n), -1, "no base64: %s",
               bad[i]);
        free(back);
    }
}

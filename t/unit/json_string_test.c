
/*
 * Copyright (C) bigcache contributors
 */


#include <stdint.h>
#include <stdlib.h>

#include "bigcache_json_scan.h"
#include "bigcache_json_string.h"
#include "tap.h"


#define R  "\xef\xbf\xbd"


typedef struct {
    bigcache_str_t   bytes;
    const char      *text;
} string_case_t;


static const char *escape(const void *data, size_t len, size_t *text_len);
static int is_valid_string(const char *text, size_t len);
static void test_table(void);
static void test_ascii(void);
static void test_code_points(void);
static void test_random(void);


static const string_case_t  cases[] = {
    { bigcache_string(""), "" },
    { bigcache_string("dataset/a?page=2"), "dataset/a?page=2" },
    { bigcache_string("\"\\/"), "\\\"\\\\/" },
    { bigcache_string("\b\f\n\r\t"), "\\b\\f\\n\\r\\t" },
    { bigcache_string("\0\x01\x0b\x1f"), "\\u0000\\u0001\\u000b\\u001f" },
    { bigcache_string("\x7f<>&'"), "\x7f<>&'" },
    { bigcache_string("\xed\x95\x9c\xea\xb8\x80"),
      "\xed\x95\x9c\xea\xb8\x80" },
    { bigcache_string("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"),
      "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
    { bigcache_string("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
      "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
    { bigcache_string("\xe2\x80\xa8"), "\xe2\x80\xa8" },
    { bigcache_string(R), R },

    /* one replacement for each maximal subpart */

    { bigcache_string("\x80"), R },
    { bigcache_string("\xbf\xbf"), R R },
    { bigcache_string("a\xff" "b"), "a" R "b" },
    { bigcache_string("\xfe\xff"), R R },
    { bigcache_string("\xc2"), R },
    { bigcache_string("\xc2" "a"), R "a" },
    { bigcache_string("\xc2\""), R "\\\"" },
    { bigcache_string("\xc2\xc2\x80"), R "\xc2\x80" },
    { bigcache_string("\xe1\x80"), R },
    { bigcache_string("\xe1\x80" "a"), R "a" },
    { bigcache_string("\xe1\x80\xe1\x80\x80"), R "\xe1\x80\x80" },
    { bigcache_string("\xf1\x80"), R },
    { bigcache_string("\xf1\x80\x80"), R },
    { bigcache_string("\xf1\x80\x80\n"), R "\\n" },
    { bigcache_string("\xf1\x80\x80\xf1\x80\x80\x80"),
      R "\xf1\x80\x80\x80" },
    { bigcache_string("\xe0\x9f\xbf"), R R R },
    { bigcache_string("\xf0\x8f\xbf\xbf"), R R R R },
    { bigcache_string("\xf4\x90\x80\x80"), R R R R },
    { bigcache_string("\xf5\x80\x80\x80"), R R R R },
    { bigcache_string("\xf8\x88\x80\x80\x80"), R R R R R },

    /* the examples of the Unicode Standard, tables 3-8 to 3-11 */

    { bigcache_string("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82" "A"),
      R R R R R R R R "A" },
    { bigcache_string("\xed\xa0\x80\xed\xbf\xbf\xed\xaf" "A"),
      R R R R R R R R "A" },
    { bigcache_string("\xf4\x91\x92\x93\xff" "A" "\x80\xbf" "B"),
      R R R R R "A" R R "B" },
    { bigcache_string("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf" "A"),
      R R R R "A" },
};


static char  room[8192];


int
main(void)
{
    test_table();
    test_ascii();
    test_code_points();
    test_random();

    return done_testing();
}


/*
 * The bytes are in memory of exactly their size, for the sanitizer.  A mark
 * follows the text, and must survive.  Returns NULL if the measured and the
 * written length differ.
 */

static const char *
escape(const void *data, size_t len, size_t *text_len)
{
    u_char          *p, *copy, *last;
    bigcache_str_t   s;

    copy = malloc(len ? len : 1);

    if (copy == NULL) {
        exit(2);
    }

    memcpy(copy, data, len);

    s.data = copy;
    s.len = len;

    *text_len = bigcache_json_string_len(&s);

    if (*text_len + 4 > sizeof(room)) {
        exit(2);
    }

    p = (u_char *) room;
    *p++ = '"';
    memcpy(p + *text_len, "\"\xa5", 2);

    last = bigcache_json_string(p, &s);

    free(copy);

    if (last != p + *text_len || memcmp(last, "\"\xa5", 2) != 0) {
        return NULL;
    }

    return room + 1;
}


static int
is_valid_string(const char *text, size_t len)
{
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;

    return bigcache_json_scan((const u_char *) text - 1, len + 2, &doc, &err)
           == BIGCACHE_JSON_NOT_OBJECT;
}


static void
test_table(void)
{
    size_t                i, len;
    const char           *text;
    const string_case_t  *t;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t = &cases[i];
        text = escape(t->bytes.data, t->bytes.len, &len);

        is_mem(text, len, t->text, strlen(t->text), "escape %zu: %s", i,
               t->text);
        ok(text != NULL && is_valid_string(text, len), "valid %zu", i);
    }
}


static void
test_ascii(void)
{
    char         expected[8];
    u_char       c;
    size_t       len, bad;
    const char  *text, *letter;

    /* each control character; 'u' if it has no letter */

    static const char  letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";

    bad = 0;

    for (c = 0; c < 0x80; c++) {

        letter = (c < 0x20) ? &letters[c] : "";

        if (*letter == 'u') {
            snprintf(expected, sizeof(expected), "\\u%04x", c);

        } else if (*letter != '\0') {
            snprintf(expected, sizeof(expected), "\\%c", *letter);

        } else if (c == '"' || c == '\\') {
            snprintf(expected, sizeof(expected), "\\%c", c);

        } else {
            snprintf(expected, sizeof(expected), "%c", c);
        }

        text = escape(&c, 1, &len);

        bad += (text == NULL || len != strlen(expected)
                || memcmp(text, expected, len) != 0);
    }

    is_int(bad, 0, "each ASCII character");
}


/* encoded as if there were no surrogates and no limit at U+10FFFF */

static void
test_code_points(void)
{
    u_char       p[4];
    size_t       len, n, bad;
    uint32_t     code;
    const char  *text;

    bad = 0;

    for (code = 0x80; code <= 0x110fff; code++) {

        n = (code < 0x800) ? 2 : (code < 0x10000) ? 3 : 4;

        p[0] = (n == 2) ? 0xc0 | (code >> 6)
                        : (n == 3) ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18);

        for (len = 1; len < n; len++) {
            p[len] = 0x80 | ((code >> (6 * (n - 1 - len))) & 0x3f);
        }

        text = escape(p, n, &len);

        if (text == NULL) {
            bad++;

        } else if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            bad += (len != 3 * n || memcmp(text, R R R, 9) != 0);

        } else {
            bad += (len != n || memcmp(text, p, n) != 0);
        }
    }

    is_int(bad, 0, "each code point");
}


/*
 * Random bytes, chosen so that pieces of characters are frequent.  The result
 * is always a valid string.  It does not change the next time, except for its
 * backslashes and quotes.
 */

static void
test_random(void)
{
    u_char               bytes[64];
    size_t               i, k, n, len, bad;
    uint32_t             seed;
    const char          *text;
    static const u_char  pick[] =
        "a\"\\\x00\x1f\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1"
        "\xed\xef\xf0\xf1\xf4\xf5\xff";

    bad = 0;
    seed = 1;

    for (i = 0; i < 200000; i++) {

        n = i % sizeof(bytes);

        for (k = 0; k < n; k++) {
            seed = seed * 1664525 + 1013904223;
            bytes[k] = pick[(seed >> 16) % (sizeof(pick) - 1)];
        }

        text = escape(bytes, n, &len);

        bad += (text == NULL || !is_valid_string(text, len)
                || len > n * BIGCACHE_JSON_STRING_GROWTH);
    }

    is_int(bad, 0, "random bytes become valid strings");
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Strings of known length: which ones are equal, which begin another one, and
 * their order, with NULs, bytes over 127, and without any byte.
 */


#include "bigcache_str.h"
#include "tap.h"


static void test_make(void);
static void test_order(void);


/* in the order of their bytes; each with its own memory, or none */

static const bigcache_str_t  strings[] = {
    { 0, NULL },
    bigcache_string("\0"),
    bigcache_string("\0\0"),
    bigcache_string("\0a"),
    bigcache_string("a"),
    bigcache_string("a\0"),
    bigcache_string("a\0b"),
    bigcache_string("aa"),
    bigcache_string("ab"),
    bigcache_string("b"),
    bigcache_string("\x7f"),
    bigcache_string("\x80"),
    bigcache_string("\xff"),
    bigcache_string("\xff\xff"),
};


int
main(void)
{
    test_make();
    test_order();

    return done_testing();
}


static void
test_make(void)
{
    bigcache_str_t  str, none, empty;

    str = bigcache_str("a\0bc", 3);
    is_mem(str.data, str.len, "a\0b", 3, "a string has its bytes");
    ok(!bigcache_str_is(&str, "a"), "a NUL does not end it");

    str = bigcache_str_text("abc");
    is_mem(str.data, str.len, "abc", 3, "a text is without its NUL");
    ok(bigcache_str_is(&str, "abc"), "it is that text");
    ok(!bigcache_str_is(&str, "ab"), "no shorter one");
    ok(!bigcache_str_is(&str, "abcd"), "no longer one");
    ok(!bigcache_str_is(&str, "abC"), "the case matters");
    ok(!bigcache_str_is(&str, ""), "nor the empty one");

    none = bigcache_str(NULL, 0);
    empty = bigcache_str_text("");
    ok(bigcache_str_is(&none, ""), "no bytes are the empty text");
    ok(bigcache_str_equal(&none, &empty), "wherever they are");
    ok(bigcache_str_equal(&empty, &none), "the other way, too");
}


static void
test_order(void)
{
    int       order, begins;
    unsigned  i, k, n;

    n = sizeof(strings) / sizeof(strings[0]);

    for (i = 0; i < n; i++) {
        for (k = 0; k < n; k++) {

            order = bigcache_str_compare(&strings[i], &strings[k]);

            is_int((order > 0) - (order < 0), (i > k) - (i < k),
                   "order of %u and %u", i, k);
            is_int(bigcache_str_equal(&strings[i], &strings[k]), i == k,
                   "%u and %u are the same or not", i, k);

            begins = strings[k].len == 0
                     || (strings[i].len >= strings[k].len
                         && memcmp(strings[i].data, strings[k].data,
                                   strings[k].len)
                            == 0);

            is_int(bigcache_str_begins(&strings[i], &strings[k]), begins,
                   "%u begins with %u or not", i, k);
        }
    }
}

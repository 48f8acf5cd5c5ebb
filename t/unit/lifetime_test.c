
/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>

#include "bigcache_lifetime.h"
#include "tap.h"


#define UNSET   INT64_C(-424242)

#define OK      BIGCACHE_LIFETIME_OK
#define BAD     BIGCACHE_LIFETIME_BAD
#define RANGE   BIGCACHE_LIFETIME_RANGE


typedef int (*lifetime_pt)(const bigcache_str_t *text, int64_t *ms);


typedef struct {
    bigcache_str_t   text;
    int              rc;
    int64_t          ms;
} lifetime_case_t;


typedef struct {
    int64_t          ms;
    const char      *text;
} lifetime_print_t;


static int parse(lifetime_pt fn, const void *data, size_t len, int64_t *ms);
static void test_table(const char *name, lifetime_pt fn,
    const lifetime_case_t *cases, size_t n);
static void test_long_texts(void);
static void test_long_text(const char *head, char fill, size_t n,
    const char *tail, int rc, int64_t ms);
static void test_print(void);
static void test_round_trip(void);


static const lifetime_case_t  durations[] = {
    { bigcache_string("0s"), OK, 0 },
    { bigcache_string("1s"), OK, 1000 },
    { bigcache_string("1m"), OK, 60000 },
    { bigcache_string("1h"), OK, 3600000 },
    { bigcache_string("1d"), OK, 86400000 },
    { bigcache_string("28d"), OK, INT64_C(2419200000) },
    { bigcache_string("28ds"), OK, INT64_C(2419200000) },
    { bigcache_string("28d 3h"), OK, INT64_C(2419200000) },
    { bigcache_string("28d\0"), OK, INT64_C(2419200000) },
    { bigcache_string("28days"), OK, INT64_C(2419200000) },
    { bigcache_string("5mh"), OK, 300000 },
    { bigcache_string("5s\xff"), OK, 5000 },
    { bigcache_string("007s"), OK, 7000 },
    { bigcache_string("00000000000000000000000000000000001s"), OK, 1000 },

    { bigcache_string("9007199254740s"), OK, INT64_C(9007199254740000) },
    { bigcache_string("9007199254741s"), RANGE, 0 },
    { bigcache_string("150119987579m"), OK, INT64_C(9007199254740000) },
    { bigcache_string("150119987580m"), RANGE, 0 },
    { bigcache_string("2501999792h"), OK, INT64_C(9007199251200000) },
    { bigcache_string("2501999793h"), RANGE, 0 },
    { bigcache_string("104249991d"), OK, INT64_C(9007199222400000) },
    { bigcache_string("104249992d"), RANGE, 0 },
    { bigcache_string("9223372036854775807s"), RANGE, 0 },
    { bigcache_string("9223372036854775808s"), RANGE, 0 },
    { bigcache_string("18446744073709551616s"), RANGE, 0 },
    { bigcache_string("18446744073709551617d"), RANGE, 0 },
    { bigcache_string("99999999999999999999999999999999999999d"), RANGE, 0 },

    { bigcache_string(""), BAD, 0 },
    { bigcache_string("d"), BAD, 0 },
    { bigcache_string("28"), BAD, 0 },
    { bigcache_string("28 d"), BAD, 0 },
    { bigcache_string(" 28d"), BAD, 0 },
    { bigcache_string("+28d"), BAD, 0 },
    { bigcache_string("-28d"), BAD, 0 },
    { bigcache_string("28D"), BAD, 0 },
    { bigcache_string("28w"), BAD, 0 },
    { bigcache_string("28\0d"), BAD, 0 },
    { bigcache_string("2.5d"), BAD, 0 },
    { bigcache_string("1e3s"), BAD, 0 },
    { bigcache_string("0x1d"), BAD, 0 },
    { bigcache_string("d28"), BAD, 0 },
    { bigcache_string("99999999999999999999999999999999999999"), BAD, 0 },
    { bigcache_string("99999999999999999999999999999999999999x"), BAD, 0 },
    { bigcache_string("\xef\xbc\x92" "8d"), BAD, 0 },
};


static const lifetime_case_t  expires[] = {
    { bigcache_string("0"), OK, 0 },
    { bigcache_string("-0"), OK, 0 },
    { bigcache_string("+0"), OK, 0 },
    { bigcache_string("1795331598"), OK, INT64_C(1795331598000) },
    { bigcache_string("1795331598.25"), OK, INT64_C(1795331598250) },
    { bigcache_string("1795331598."), OK, INT64_C(1795331598000) },
    { bigcache_string("+1795331598"), OK, INT64_C(1795331598000) },
    { bigcache_string("-5"), OK, -5000 },
    { bigcache_string("5."), OK, 5000 },
    { bigcache_string(".5"), OK, 500 },
    { bigcache_string("-.5"), OK, -500 },
    { bigcache_string("+.5"), OK, 500 },
    { bigcache_string("-5."), OK, -5000 },
    { bigcache_string("0005"), OK, 5000 },
    { bigcache_string("000.0005e4"), OK, 5000 },

    /* what a double would get wrong */

    { bigcache_string("1795331598.001"), OK, INT64_C(1795331598001) },
    { bigcache_string("1795331598.002"), OK, INT64_C(1795331598002) },
    { bigcache_string("1795331598.009"), OK, INT64_C(1795331598009) },
    { bigcache_string("1795331598.999"), OK, INT64_C(1795331598999) },
    { bigcache_string("1.001"), OK, 1001 },
    { bigcache_string("4.35"), OK, 4350 },
    { bigcache_string("0.001"), OK, 1 },
    { bigcache_string("0.029"), OK, 29 },
    { bigcache_string("9007199254739.999"), OK, INT64_C(9007199254739999) },
    { bigcache_string("-9007199254739.999"), OK,
      INT64_C(-9007199254739999) },

    /* rounded down, not to zero and not to the nearest */

    { bigcache_string("1795331598.0019"), OK, INT64_C(1795331598001) },
    { bigcache_string("1795331598.0009999999999999999999999999"), OK,
      INT64_C(1795331598000) },
    { bigcache_string("0.0009"), OK, 0 },
    { bigcache_string("-0.0009"), OK, -1 },
    { bigcache_string("-0.0000000000000000000000000000001"), OK, -1 },
    { bigcache_string("-0.0010"), OK, -1 },
    { bigcache_string("-0.00100000000000000000000000000001"), OK, -2 },
    { bigcache_string("-1.0001"), OK, -1001 },
    { bigcache_string("-1.000"), OK, -1000 },
    { bigcache_string("-0.000"), OK, 0 },

    /* exponents */

    { bigcache_string("1.7e9"), OK, INT64_C(1700000000000) },
    { bigcache_string("1.7E9"), OK, INT64_C(1700000000000) },
    { bigcache_string("1.7e+9"), OK, INT64_C(1700000000000) },
    { bigcache_string("17e8"), OK, INT64_C(1700000000000) },
    { bigcache_string("1.795331598001e9"), OK, INT64_C(1795331598001) },
    { bigcache_string("1795331598001e-3"), OK, INT64_C(1795331598001) },
    { bigcache_string("1795331598001999e-6"), OK, INT64_C(1795331598001) },
    { bigcache_string(".17e10"), OK, INT64_C(1700000000000) },
    { bigcache_string("5.e1"), OK, 50000 },
    { bigcache_string("1e-3"), OK, 1 },
    { bigcache_string("1e-4"), OK, 0 },
    { bigcache_string("-1e-4"), OK, -1 },
    { bigcache_string("1e-400"), OK, 0 },
    { bigcache_string("-1e-400"), OK, -1 },
    { bigcache_string("1e0"), OK, 1000 },
    { bigcache_string("1e-0"), OK, 1000 },
    { bigcache_string("1e0000000000000000000000000000003"), OK, 1000000 },
    { bigcache_string("0e999999999999999999999999999999"), OK, 0 },
    { bigcache_string("-0.0e999999999999999999999999999"), OK, 0 },
    { bigcache_string("1e-99999999999999999999999999999"), OK, 0 },
    { bigcache_string("0.000000000000000000000000000001e30"), OK, 1000 },
    { bigcache_string("1000000000000000000000000000000e-30"), OK, 1000 },

    /* white space around */

    { bigcache_string(" 5"), OK, 5000 },
    { bigcache_string("5 "), OK, 5000 },
    { bigcache_string(" \t\r\n\v\f5 \t\r\n\v\f"), OK, 5000 },

    /* limits */

    { bigcache_string("9007199254740"), OK, INT64_C(9007199254740000) },
    { bigcache_string("-9007199254740"), OK, INT64_C(-9007199254740000) },
    { bigcache_string("9007199254740.0009"), OK, INT64_C(9007199254740000) },
    { bigcache_string("9.00719925474e12"), OK, INT64_C(9007199254740000) },
    { bigcache_string("9007199254740.001"), RANGE, 0 },
    { bigcache_string("-9007199254740.001"), RANGE, 0 },
    { bigcache_string("-9007199254740.0001"), RANGE, 0 },
    { bigcache_string("9007199254741"), RANGE, 0 },
    { bigcache_string("9999999999999.999"), RANGE, 0 },
    { bigcache_string("10000000000000"), RANGE, 0 },
    { bigcache_string("-10000000000000"), RANGE, 0 },
    { bigcache_string("9223372036854775807"), RANGE, 0 },
    { bigcache_string("9223372036854775808"), RANGE, 0 },
    { bigcache_string("18446744073709551616"), RANGE, 0 },
    { bigcache_string("18446744073709551617"), RANGE, 0 },
    { bigcache_string("1e13"), RANGE, 0 },
    { bigcache_string("1e400"), RANGE, 0 },
    { bigcache_string("-1e400"), RANGE, 0 },
    { bigcache_string("1e99999999999999999999999999999999"), RANGE, 0 },
    { bigcache_string("1e18446744073709551616"), RANGE, 0 },
    { bigcache_string("1e-18446744073709551616"), OK, 0 },
    { bigcache_string("1e9223372036854775807"), RANGE, 0 },
    { bigcache_string("1e999999999999999999"), RANGE, 0 },
    { bigcache_string("1e-999999999999999999"), OK, 0 },
    { bigcache_string("1e9999999999999999999"), RANGE, 0 },
    { bigcache_string("1e-9999999999999999999"), OK, 0 },

    /* not a number */

    { bigcache_string(""), BAD, 0 },
    { bigcache_string(" "), BAD, 0 },
    { bigcache_string("-"), BAD, 0 },
    { bigcache_string("+"), BAD, 0 },
    { bigcache_string("."), BAD, 0 },
    { bigcache_string("-."), BAD, 0 },
    { bigcache_string("e5"), BAD, 0 },
    { bigcache_string(".e5"), BAD, 0 },
    { bigcache_string("1e"), BAD, 0 },
    { bigcache_string("1e+"), BAD, 0 },
    { bigcache_string("1e-"), BAD, 0 },
    { bigcache_string("1e 5"), BAD, 0 },
    { bigcache_string("1e1.5"), BAD, 0 },
    { bigcache_string("1e5e5"), BAD, 0 },
    { bigcache_string("1..2"), BAD, 0 },
    { bigcache_string("1.2.3"), BAD, 0 },
    { bigcache_string("1,5"), BAD, 0 },
    { bigcache_string("1 2"), BAD, 0 },
    { bigcache_string("- 5"), BAD, 0 },
    { bigcache_string("--5"), BAD, 0 },
    { bigcache_string("+-5"), BAD, 0 },
    { bigcache_string("5-"), BAD, 0 },
    { bigcache_string("5x"), BAD, 0 },
    { bigcache_string("5\0"), BAD, 0 },
    { bigcache_string("\0" "5"), BAD, 0 },
    { bigcache_string("0x10"), BAD, 0 },
    { bigcache_string("1_000"), BAD, 0 },
    { bigcache_string("inf"), BAD, 0 },
    { bigcache_string("Infinity"), BAD, 0 },
    { bigcache_string("nan"), BAD, 0 },
    { bigcache_string("28d"), BAD, 0 },
    { bigcache_string("1e400x"), BAD, 0 },
    { bigcache_string("\xc2\xa0" "5"), BAD, 0 },
    { bigcache_string("\xd9\xa5"), BAD, 0 },
};


static const lifetime_print_t  prints[] = {
    { 0, "0" },
    { 1, "0.001" },
    { 10, "0.01" },
    { 100, "0.1" },
    { 120, "0.12" },
    { 101, "0.101" },
    { 999, "0.999" },
    { 1000, "1" },
    { 1001, "1.001" },
    { 10000, "10" },
    { -1, "-0.001" },
    { -500, "-0.5" },
    { -1000, "-1" },
    { -1500, "-1.5" },
    { INT64_C(1795331598000), "1795331598" },
    { INT64_C(1795331598250), "1795331598.25" },
    { INT64_C(1795331598001), "1795331598.001" },
    { BIGCACHE_LIFETIME_MAX_MS, "9007199254740" },
    { -BIGCACHE_LIFETIME_MAX_MS + 1, "-9007199254739.999" },
    { INT64_MAX, "9223372036854775.807" },
    { INT64_MIN, "-9223372036854775.808" },
};


int
main(void)
{
    test_table("duration", bigcache_lifetime_duration, durations,
               sizeof(durations) / sizeof(durations[0]));

    test_table("expire", bigcache_lifetime_expire, expires,
               sizeof(expires) / sizeof(expires[0]));

    test_long_texts();
    test_print();
    test_round_trip();

    return done_testing();
}


/* in memory of exactly its size, for the sanitizer */

static int
parse(lifetime_pt fn, const void *data, size_t len, int64_t *ms)
{
    int              rc;
    u_char          *copy;
    bigcache_str_t   text;

    copy = malloc(len ? len : 1);

    if (copy == NULL) {
        exit(2);
    }

    memcpy(copy, data, len);

    text.data = copy;
    text.len = len;

    *ms = UNSET;

    rc = fn(&text, ms);

    free(copy);

    return rc;
}


static void
test_table(const char *name, lifetime_pt fn, const lifetime_case_t *cases,
    size_t n)
{
    size_t                  i;
    int64_t                 ms;
    const lifetime_case_t  *t;

    for (i = 0; i < n; i++) {
        t = &cases[i];

        is_int(parse(fn, t->text.data, t->text.len, &ms), t->rc, "%s \"%s\"",
               name, t->text.data);

        is_int(ms, (t->rc == OK) ? t->ms : UNSET, "%s \"%s\" in ms", name,
               t->text.data);
    }
}


/* more digits than any fixed buffer has */

static void
test_long_texts(void)
{
    test_long_text("", '0', 100000, "5", OK, 5000);
    test_long_text("5.", '0', 100000, "", OK, 5000);
    test_long_text("5.001", '0', 100000, "9", OK, 5001);
    test_long_text("-5.001", '0', 100000, "", OK, -5001);
    test_long_text("-5.001", '0', 100000, "1", OK, -5002);
    test_long_text("5.", '9', 100000, "", OK, 5999);
    test_long_text("0.", '0', 100000, "5e100001", OK, 5000);
    test_long_text("-0.", '0', 100000, "5", OK, -1);
    test_long_text("5", '0', 100000, "e-100000", OK, 5000);
    test_long_text("5", '0', 100000, "e-100003", OK, 5);
    test_long_text("-5", '0', 100000, "e-100004", OK, -1);
    test_long_text("5", '0', 100000, "", RANGE, 0);
    test_long_text("", '9', 100000, "", RANGE, 0);
    test_long_text("5e", '0', 100000, "1", OK, 50000);
    test_long_text("5e-", '9', 100000, "", OK, 0);
    test_long_text("5e", '9', 100000, "", RANGE, 0);
    test_long_text("", ' ', 100000, "5", OK, 5000);
    test_long_text("5", ' ', 100000, "", OK, 5000);
    test_long_text("", ' ', 100000, "", BAD, 0);
    test_long_text("", '.', 100000, "", BAD, 0);
    test_long_text("5", '0', 100000, "x", BAD, 0);
}


static void
test_long_text(const char *head, char fill, size_t n, const char *tail,
    int rc, int64_t ms)
{
    char     *text, *p;
    int64_t   got;

    text = malloc(strlen(head) + n + strlen(tail) + 1);

    if (text == NULL) {
        exit(2);
    }

    p = stpcpy(text, head);
    memset(p, fill, n);
    p = stpcpy(p + n, tail);

    is_int(parse(bigcache_lifetime_expire, text, p - text, &got), rc,
           "expire \"%s\", %zu times '%c', \"%s\"", head, n, fill, tail);
    is_int(got, (rc == OK) ? ms : UNSET, "in ms");

    free(text);
}


static void
test_print(void)
{
    size_t  i, n;
    u_char  text[BIGCACHE_LIFETIME_LEN + 1];

    is_int(BIGCACHE_LIFETIME_LEN, strlen("-9223372036854775.808"),
           "room for any number");

    for (i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
        memset(text, 0xa5, sizeof(text));

        n = bigcache_lifetime_print(text, prints[i].ms);

        is_mem(text, n, prints[i].text, strlen(prints[i].text), "print %s",
               prints[i].text);
        ok(n <= BIGCACHE_LIFETIME_LEN && text[n] == 0xa5,
           "nothing behind it");
    }
}


static void
test_round_trip(void)
{
    size_t    i, n, bad;
    u_char    text[BIGCACHE_LIFETIME_LEN];
    int64_t   ms, got;
    uint64_t  seed;

    bad = 0;
    seed = 1;

    for (i = 0; i < 1000000; i++) {

        seed = seed * UINT64_C(6364136223846793005)
               + UINT64_C(1442695040888963407);

        /* of all magnitudes */

        ms = (int64_t) seed >> (i % 52 + 11);
        ms = (ms > BIGCACHE_LIFETIME_MAX_MS) ? BIGCACHE_LIFETIME_MAX_MS : ms;

        n = bigcache_lifetime_print(text, ms);

        bad += (parse(bigcache_lifetime_expire, text, n, &got) != OK
                || got != ms);
    }

    is_int(bad, 0, "what is printed is read back");
}

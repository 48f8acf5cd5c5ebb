
/*
 * Copyright (C) bigcache contributors
 */


/* the rules of HTTP for caches: dates, lists, directives, names, freshness */


#include <stdlib.h>
#include <string.h>

#include "bigcache_control.h"
#include "bigcache_date.h"
#include "bigcache_dict.h"
#include "bigcache_field.h"
#include "bigcache_fresh.h"
#include "bigcache_pattern.h"
#include "bigcache_vary.h"
#include "tap.h"


/* Sat, 28 Nov 2026 00:00:00 GMT */

#define NOW   INT64_C(1795824000)

#define NONE  BIGCACHE_CONTROL_NONE


typedef struct {
    const char  *text;
    int64_t      seconds;   /* NO_DATE: it is none */
} date_case_t;

typedef struct {
    const char  *value;
    const char  *members;   /* with | in between */
} list_case_t;

typedef struct {
    const char  *value;
    unsigned     flags;
    int64_t      max_age;
    int64_t      s_maxage;
} control_case_t;

typedef struct {
    const char  *value;
    int          rc;
    unsigned     flags;
    int64_t      max_age;
} targeted_case_t;

typedef struct {
    const char  *args;
    const char  *kept;
} args_case_t;

typedef struct {
    const char  *line;
    int          harmless;
} cookie_case_t;

typedef struct {
    const char  *line;
    const char  *names;     /* NULL: any */
} vary_case_t;


static void test_dates(void);
static void test_format(void);
static void test_lists(void);
static void test_split(void);
static void test_seconds(void);
static void test_control(void);
static void test_control_stale(void);
static void test_withholds(void);
static void test_targeted(void);
static void test_dict(void);
static void test_match(void);
static void test_args(void);
static void test_cookies(void);
static void test_set_cookie(void);
static void test_vary(void);
static void test_vary_room(void);
static void test_normalize(void);
static void test_refused(void);
static void test_lifetime(void);
static void test_age(void);
static void test_stale(void);
static bigcache_str_t str(const char *text);
static bigcache_fresh_e decide(const char *control,
    bigcache_fresh_answer_t *answer, bigcache_fresh_t *fresh);
static bigcache_fresh_e status(unsigned code, const char *control);


#define NO_DATE  BIGCACHE_FRESH_NO_DATE


static const date_case_t  dates[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Sun Nov 06 08:49:37 1994", 784111777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "Tue, 19 Jan 2038 14:14:08 GMT", INT64_C(2147523248) },
    { "Sun, 21 Nov 2286 04:46:39 GMT", INT64_C(10000039599) },
    { "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
    { "Mon, 29 Feb 2016 00:00:00 GMT", 1456704000 },
    { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
    { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },

    /* any case, and any day of the week */
    { "THU, 18 Aug 2050 02:01:18 GMT", INT64_C(2544400878) },
    { "Thu, 18 AUG 2050 02:01:18 gMT", INT64_C(2544400878) },
    { "Mon, 18 Aug 2050 02:01:18 GMT", INT64_C(2544400878) },

    /* two digits: at most 50 years in the future */
    { "Thursday, 18-Aug-50 02:01:18 GMT", INT64_C(2544400878) },
    { "Thursday, 01-Jan-70 00:00:00 GMT", INT64_C(3155760000) },
    { "Saturday, 28-Nov-76 00:00:00 GMT", INT64_C(3373747200) },
    { "Monday, 28-Nov-77 00:00:00 GMT", 249523200 },

    { "", NO_DATE },
    { "0", NO_DATE },
    { "-1", NO_DATE },
    { "foo", NO_DATE },
    { "Thu, 18 Aug 2050 02:01:18 UTC", NO_DATE },
    { "Thu, 18 Aug 2050 02:01:18 AEST", NO_DATE },
    { "Thu, 18 Aug 2050 02:01:18", NO_DATE },
    { "Thu, 18 Aug 50 02:01:18 GMT", NO_DATE },
    { "Thu 18 Aug 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 18  Aug  2050 02:01:18 GMT", NO_DATE },
    { "Thu, 18-Aug-2050 02:01:18 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 02.01.18 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 2:01:18 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 02:01:18 GMT ", NO_DATE },
    { " Thu, 18 Aug 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 02:01:18 GMTx", NO_DATE },
    { "Foo, 18 Aug 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 18 Foo 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 00 Aug 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 32 Aug 2050 02:01:18 GMT", NO_DATE },
    { "Thu, 31 Jun 2050 02:01:18 GMT", NO_DATE },
    { "Sun, 29 Feb 2015 00:00:00 GMT", NO_DATE },
    { "Thu, 29 Feb 1900 00:00:00 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 24:00:00 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 23:60:00 GMT", NO_DATE },
    { "Thu, 18 Aug 2050 23:59:61 GMT", NO_DATE },
    { "Thu, 18 Aug 0000 23:59:00 GMT", NO_DATE },
    { "Sun Nov 6 08:49:37 1994", NO_DATE },
    { "Sun Nov  6 08:49:37 94", NO_DATE },
    { "Sun, 06-Nov-94 08:49:37 GMT", NO_DATE },
    { "Sunday, 06 Nov 1994 08:49:37 GMT", NO_DATE }
};

static const list_case_t  lists[] = {
    { "", "" },
    { " , ,\t, ", "" },
    { "a", "a" },
    { "a,b", "a|b" },
    { " a , b\t,, c ", "a|b|c" },
    { "a=\"1,2\", b", "a=\"1,2\"|b" },
    { "a=\"1\\\",2\", b", "a=\"1\\\",2\"|b" },
    { "a=\"1\\\\\", b", "a=\"1\\\\\"|b" },
    { "a=\"1, b", "a=\"1, b" },
    { "a=\"1\\", "a=\"1\\" },
    { "a\\,b", "a\\|b" }
};

static const control_case_t  controls[] = {
    { "", 0, NONE, NONE },
    { "max-age=3600", 0, 3600, NONE },
    { "MAX-Age=3600", 0, 3600, NONE },
    { "max-age=\"3600\"", 0, 3600, NONE },
    { "max-age=003600", 0, 3600, NONE },
    { "max-age=99999999999999999999", 0, INT64_C(2147483648), NONE },
    { "s-maxage=1, max-age=2", 0, 2, 1 },
    { "max-age=1800, max-age=1", 0, 1800, NONE },
    { "extension=\"max-age=3600\", max-age=1", 0, 1, NONE },
    { "max-age=1, extension=\"max-age=3600\"", 0, 1, NONE },

    /* what is wrong is stale */
    { "max-age", 0, 0, NONE },
    { "max-age=", 0, 0, NONE },
    { "max-age=-1", 0, 0, NONE },
    { "max-age= 3600", 0, 0, NONE },
    { "max-age='3600'", 0, 0, NONE },
    { "max-age=3600.0", 0, 0, NONE },
    { "max-age=3600a", 0, 0, NONE },

    /* it has no such name */
    { "max-age =3600", 0, NONE, NONE },
    { "x-private-y, nostore, xmax-age=1, max-agex=1", 0, NONE, NONE },

    { "no-store", BIGCACHE_CONTROL_NO_STORE, NONE, NONE },
    { "nO-StOrE", BIGCACHE_CONTROL_NO_STORE, NONE, NONE },
    { "public , no-cache", BIGCACHE_CONTROL_PUBLIC
                           | BIGCACHE_CONTROL_NO_CACHE, NONE, NONE },
    { "private", BIGCACHE_CONTROL_PRIVATE, NONE, NONE },
    { "private=", BIGCACHE_CONTROL_PRIVATE, NONE, NONE },
    { "private=\"\"", BIGCACHE_CONTROL_PRIVATE, NONE, NONE },
    { "private=\"set-cookie\"", BIGCACHE_CONTROL_FIELDS, NONE, NONE },
    { "no-cache=\"a, b\", private",
      BIGCACHE_CONTROL_FIELDS | BIGCACHE_CONTROL_PRIVATE, NONE, NONE },
    { "must-revalidate, proxy-revalidate, must-understand, no-transform, "
      "only-if-cached",
      BIGCACHE_CONTROL_MUST_REVALIDATE | BIGCACHE_CONTROL_PROXY_REVALIDATE
      | BIGCACHE_CONTROL_MUST_UNDERSTAND | BIGCACHE_CONTROL_NO_TRANSFORM
      | BIGCACHE_CONTROL_ONLY_IF_CACHED, NONE, NONE }
};

static const targeted_case_t  targeteds[] = {
    { "max-age=600", 0, 0, 600 },
    { "max-age=600;a=1;b", 0, 0, 600 },
    { "  max-age=600 ,\tno-store  ", 0, BIGCACHE_CONTROL_NO_STORE, 600 },
    { "max-age=600, max-age=1", 0, 0, 1 },
    { "no-store, no-store=?0", 0, 0, NONE },
    { "private=?1", 0, BIGCACHE_CONTROL_PRIVATE, NONE },
    { "foo, bar=(a \"b\" :YQ==: 1.5;q=1), max-age=7", 0, 0, 7 },
    { "foo=%\"a%c3%a4\", bar=@1659578233, max-age=7", 0, 0, 7 },
    { "max-age=999999999999999", 0, 0, INT64_C(2147483648) },

    { "", -1, 0, 0 },
    { "  ", -1, 0, 0 },
    { "max-age=10000, &&&&&", -1, 0, 0 },
    { "max-age=\"10000\"", -1, 0, 0 },
    { "max-age=10000.5", -1, 0, 0 },
    { "max-age=-1", -1, 0, 0 },
    { "max-age", -1, 0, 0 },
    { "no-store=1", -1, 0, 0 },
    { "Max-Age=600", -1, 0, 0 },
    { "max-age=600,", -1, 0, 0 },
    { ",max-age=600", -1, 0, 0 },
    { "max-age =600", -1, 0, 0 },
    { "max-age= 600", -1, 0, 0 },
    { "max-age=600 no-store", -1, 0, 0 },
    { "max-age=6000000000000000", -1, 0, 0 },
    { "a=?2", -1, 0, 0 },
    { "a=\"b", -1, 0, 0 },
    { "a=\"\\b\"", -1, 0, 0 },
    { "a=\"\x7f\"", -1, 0, 0 },
    { "a=(b", -1, 0, 0 },
    { "a=(b\"c\")", -1, 0, 0 },
    { "a=:Y!:", -1, 0, 0 },
    { "a=1.", -1, 0, 0 },
    { "a=1.1234", -1, 0, 0 },
    { "a=1234567890123.1", -1, 0, 0 },
    { "a=@1.5", -1, 0, 0 },
    { "a=%\"%C3\"", -1, 0, 0 },
    { "a=%x", -1, 0, 0 },
    { "a;B=1", -1, 0, 0 },
    { "a;b=", -1, 0, 0 },
    { "a=", -1, 0, 0 },
    { "a=-", -1, 0, 0 }
};

static const args_case_t  args[] = {
    { "", "" },
    { "a=1", "a=1" },
    { "utm_source=x", "" },
    { "utm_source=x&a=1", "a=1" },
    { "a=1&utm_source=x", "a=1" },
    { "a=1&fbclid=y&b=2&utm_=z", "a=1&b=2" },
    { "fbclid", "" },
    { "fbclidx=1&xfbclid=2", "fbclidx=1&xfbclid=2" },
    { "a=utm_source", "a=utm_source" },
    { "a=fbclid=1", "a=fbclid=1" },

    /* what is left is not read any other way */
    { "b=2&a=1", "b=2&a=1" },
    { "a=1&a=1", "a=1&a=1" },
    { "&a=1", "&a=1" },
    { "a=1&&b=2&", "a=1&&b=2&" },
    { "&fbclid=1&", "&" },
    { "UTM_source=1", "UTM_source=1" },
    { "=1&fbclid=2", "=1" }
};

static const cookie_case_t  cookies[] = {
    { "", 1 },
    { "_ga=1", 1 },
    { "_ga_ABC=1; consent=yes", 1 },
    { " _ga=1 ;consent=yes; ", 1 },
    { "consent=a=b", 1 },
    { "consent=\"a b\"", 1 },
    { "sessionid=1", 0 },
    { "_ga=1; sessionid=1", 0 },
    { "_ga=1;sessionid=_ga=2", 0 },
    { "consentx=1", 0 },
    { "Consent=1", 0 },
    { "=_ga", 0 },
    { "_ga", 0 },
    { "consent", 0 },
    { "_ga=1; ; x", 0 },
    { ";;", 1 },
    { "_ga=1, sessionid=2", 1 }
};


static const vary_case_t  varies[] = {
    { "", "" },
    { "Accept-Language", "accept-language" },
    { "X-B, a ,X-A,x-b", "a,x-a,x-b" },
    { "ab, a, abc", "a,ab,abc" },
    { "Accept-Encoding", "" },
    { "accept-ENCODING, Cookie", "cookie" },
    { "*", NULL },
    { "*, *", NULL },
    { ", *", NULL },
    { "*, Foo", NULL },
    { "Foo, *", NULL },
    { "foo bar", NULL },
    { "\"foo\"", NULL },
    { "*foo", "*foo" }
};


int
main(void)
{
    test_dates();
    test_format();
    test_lists();
    test_split();
    test_seconds();
    test_control();
    test_control_stale();
    test_withholds();
    test_targeted();
    test_dict();
    test_match();
    test_args();
    test_cookies();
    test_set_cookie();
    test_vary();
    test_vary_room();
    test_normalize();
    test_refused();
    test_lifetime();
    test_age();
    test_stale();

    return done_testing();
}


static void
test_dates(void)
{
    int             rc;
    size_t          i;
    int64_t         seconds;
    bigcache_str_t  text;

    for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {

        seconds = NO_DATE;
        text = str(dates[i].text);
        rc = bigcache_date_parse(&text, NOW, &seconds);

        is_int(rc, dates[i].seconds == NO_DATE ? -1 : 0, "date \"%s\"",
               dates[i].text);
        is_int(seconds, dates[i].seconds, "date \"%s\": the time",
               dates[i].text);
    }
}


/* each day of some centuries, there and back */

static void
test_format(void)
{
    u_char          date[BIGCACHE_DATE_LEN + 1];
    int64_t         day, back;
    unsigned        bad;
    bigcache_str_t  text;

    date[BIGCACHE_DATE_LEN] = '\0';

    ok(bigcache_date_format(date, 784111777) == date + BIGCACHE_DATE_LEN,
       "format: the end");
    is_str((char *) date, "Sun, 06 Nov 1994 08:49:37 GMT", "format");

    (void) bigcache_date_format(date, -1);
    is_str((char *) date, "Wed, 31 Dec 1969 23:59:59 GMT",
           "format: before the epoch");

    (void) bigcache_date_format(date, INT64_MAX);
    is_str((char *) date, "Fri, 31 Dec 9999 23:59:59 GMT",
           "format: the last one");

    (void) bigcache_date_format(date, INT64_MIN);
    is_str((char *) date, "Mon, 01 Jan 0001 00:00:00 GMT",
           "format: the first one");

    text.data = date;
    text.len = BIGCACHE_DATE_LEN;
    bad = 0;

    for (day = -200000; day < 200000; day++) {

        (void) bigcache_date_format(date, day * 86400 + 12345);

        bad += (bigcache_date_parse(&text, NOW, &back) != 0
                || back != day * 86400 + 12345);
    }

    is_int(bad, 0, "format: days that are read back otherwise");
}


static void
test_lists(void)
{
    char            got[256];
    size_t          i, at, len;
    bigcache_str_t  value, member;

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {

        value = str(lists[i].value);
        len = 0;

        for (at = 0; bigcache_field_next(&value, &at, &member); /* void */ ) {
            len += (size_t) snprintf(got + len, sizeof(got) - len, "%s%.*s",
                                     len ? "|" : "", (int) member.len,
                                     member.data);
        }

        got[len] = '\0';
        is_str(got, lists[i].members, "list \"%s\"", lists[i].value);
    }

    value = str(" a/b ; c=\";,\\\";\" ;;q=0,d;");
    at = 0;

    ok(bigcache_field_next_parameter(&value, &at, &member),
       "parameters: the value");
    is_mem(member.data, member.len, "a/b", 3, "parameters: it");
    ok(bigcache_field_next_parameter(&value, &at, &member),
       "parameters: in quotes");
    is_mem(member.data, member.len, "c=\";,\\\";\"", 9, "parameters: it");
    ok(bigcache_field_next_parameter(&value, &at, &member),
       "parameters: a comma is none of theirs");
    is_mem(member.data, member.len, "q=0,d", 5, "parameters: it");
    ok(!bigcache_field_next_parameter(&value, &at, &member),
       "parameters: no more");

    value = str("Accept, X-Foo,Cookie");
    member = str("x-foo");
    ok(bigcache_field_lists(&value, &member), "a list has a member");
    member = str("x-fo");
    ok(!bigcache_field_lists(&value, &member), "a list lacks a member");
}


static void
test_split(void)
{
    bigcache_str_t           member;
    bigcache_field_member_t  split;

    member = str("max-age=\"a\"");
    bigcache_field_split(&member, &split);
    is_mem(split.name.data, split.name.len, "max-age", 7, "split: the name");
    is_mem(split.value.data, split.value.len, "a", 1, "split: the value");
    is_int(split.given, 1, "split: it is given");

    member = str("a=\"");
    bigcache_field_split(&member, &split);
    is_mem(split.value.data, split.value.len, "\"", 1, "split: one quote");

    member = str("a");
    bigcache_field_split(&member, &split);
    is_int(split.given, 0, "split: no value");
    is_int(split.name.len, 1, "split: the name alone");

    member = str("a b=1");
    bigcache_field_split(&member, &split);
    is_int(split.name.len, 0, "split: no token");
}


static void
test_seconds(void)
{
    int64_t         n;
    bigcache_str_t  text;

    text = str("0");
    is_int(bigcache_field_seconds(&text, &n), 0, "seconds: 0");
    is_int(n, 0, "seconds: it is 0");

    text = str("2147483647");
    is_int(bigcache_field_seconds(&text, &n), 0, "seconds: many");
    is_int(n, INT64_C(2147483647), "seconds: as many");

    text = str("2147483649");
    is_int(bigcache_field_seconds(&text, &n), 0, "seconds: too many");
    is_int(n, INT64_C(2147483648), "seconds: the most");

    text = str("");
    is_int(bigcache_field_seconds(&text, &n), -1, "seconds: none");

    text = str("+1");
    is_int(bigcache_field_seconds(&text, &n), -1, "seconds: a sign");
}


static void
test_control(void)
{
    size_t              i;
    bigcache_str_t      line;
    bigcache_control_t  control;

    for (i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {

        line = str(controls[i].value);

        bigcache_control_init(&control);
        bigcache_control_add(&control, &line);

        is_int(control.flags, controls[i].flags, "\"%s\": flags",
               controls[i].value);
        is_int(control.max_age, controls[i].max_age, "\"%s\": max-age",
               controls[i].value);
        is_int(control.s_maxage, controls[i].s_maxage, "\"%s\": s-maxage",
               controls[i].value);
    }
}


static void
test_control_stale(void)
{
    bigcache_str_t      line;
    bigcache_control_t  control;

    bigcache_control_init(&control);

    line = str("max-age=1, stale-while-revalidate=2");
    bigcache_control_add(&control, &line);
    line = str("max-age=9, stale-if-error=3, min-fresh=4");
    bigcache_control_add(&control, &line);

    is_int(control.max_age, 1, "two lines: the first max-age");
    is_int(control.stale_while_revalidate, 2, "stale-while-revalidate");
    is_int(control.stale_if_error, 3, "stale-if-error");
    is_int(control.min_fresh, 4, "min-fresh");
}


static void
test_withholds(void)
{
    bigcache_str_t  line, name;

    line = str("max-age=1, no-cache=\"X-A, x-b\", private=\"X-C\"");

    name = str("x-a");
    ok(bigcache_control_withholds(&line, &name), "no-cache: a field");
    name = str("X-B");
    ok(bigcache_control_withholds(&line, &name), "no-cache: another one");
    name = str("x-c");
    ok(bigcache_control_withholds(&line, &name), "private: a field");
    name = str("x-d");
    ok(!bigcache_control_withholds(&line, &name), "no such field");

    line = str("private=\"Set\\-Cookie\"");
    ok(bigcache_control_withholds(&line, &name), "a backslash: all fields");

    line = str("no-cache, private, foo=\"x-d\"");
    ok(!bigcache_control_withholds(&line, &name), "no fields");
}


static void
test_targeted(void)
{
    int                 rc;
    size_t              i;
    bigcache_str_t      value;
    bigcache_control_t  control;

    for (i = 0; i < sizeof(targeteds) / sizeof(targeteds[0]); i++) {

        value = str(targeteds[i].value);
        rc = bigcache_control_targeted(&control, &value);

        is_int(rc, targeteds[i].rc, "targeted \"%s\"", targeteds[i].value);

        if (rc == 0) {
            is_int(control.flags, targeteds[i].flags,
                   "targeted \"%s\": flags", targeteds[i].value);
            is_int(control.max_age, targeteds[i].max_age,
                   "targeted \"%s\": max-age", targeteds[i].value);
        }
    }
}


static void
test_dict(void)
{
    size_t                  at;
    bigcache_str_t          value;
    bigcache_dict_member_t  member;

    value = str("a=-12, b=?0;x, c");
    at = 0;

    is_int(bigcache_dict_next(&value, &at, &member), 1, "dict: the first");
    is_int(member.type, BIGCACHE_DICT_INTEGER, "dict: an integer");
    is_int(member.number, -12, "dict: its value");

    is_int(bigcache_dict_next(&value, &at, &member), 1, "dict: the second");
    is_int(member.type, BIGCACHE_DICT_BOOLEAN, "dict: a boolean");
    is_int(member.number, 0, "dict: false");

    is_int(bigcache_dict_next(&value, &at, &member), 1, "dict: the third");
    is_mem(member.key.data, member.key.len, "c", 1, "dict: its key");
    is_int(member.number, 1, "dict: true");

    is_int(bigcache_dict_next(&value, &at, &member), 0, "dict: no more");
    is_int(bigcache_dict_next(&value, &at, &member), 0, "dict: nor later");
}


static void
test_match(void)
{
    bigcache_str_t  name;

    static const bigcache_str_t  all[] = { bigcache_string("*") };
    static const bigcache_str_t  empty[] = { bigcache_string("") };

    name = str("x");
    ok(bigcache_pattern_match(all, 1, &name), "\"*\": a name");
    ok(!bigcache_pattern_match(empty, 1, &name), "\"\": a name");
    ok(!bigcache_pattern_match(all, 0, &name), "no patterns");

    name = str("");
    ok(bigcache_pattern_match(all, 1, &name), "\"*\": no name");
    ok(bigcache_pattern_match(empty, 1, &name), "\"\": no name");
}


static void
test_args(void)
{
    u_char          got[256];
    size_t          i, len;
    bigcache_str_t  text;

    static const bigcache_str_t  ignored[] = {
        bigcache_string("utm_*"), bigcache_string("fbclid")
    };

    for (i = 0; i < sizeof(args) / sizeof(args[0]); i++) {

        text = str(args[i].args);
        len = bigcache_pattern_args(got, &text, ignored, 2);

        is_mem(got, len, args[i].kept, strlen(args[i].kept), "args \"%s\"",
               args[i].args);

        len = bigcache_pattern_args(got, &text, ignored, 0);

        is_mem(got, len, args[i].args, strlen(args[i].args),
               "args \"%s\": nothing is ignored", args[i].args);
    }
}


static void
test_cookies(void)
{
    size_t          i;
    bigcache_str_t  line;

    static const bigcache_str_t  harmless[] = {
        bigcache_string("_ga*"), bigcache_string("consent")
    };

    for (i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {

        line = str(cookies[i].line);

        is_int(bigcache_pattern_cookies(&line, harmless, 2),
               cookies[i].harmless, "cookies \"%s\"", cookies[i].line);
    }

    line = str("_ga=1");
    is_int(bigcache_pattern_cookies(&line, harmless, 0), 0,
           "cookies: none is harmless");
}


static void
test_set_cookie(void)
{
    bigcache_str_t  line, name;

    line = str(" sid = 1; Path=/; HttpOnly");
    name = bigcache_pattern_cookie(&line);
    is_mem(name.data, name.len, "sid", 3, "Set-Cookie: the name");

    line = str("sid; Path=/");
    name = bigcache_pattern_cookie(&line);
    is_int(name.len, 0, "Set-Cookie: no name");

    line = str("=1");
    name = bigcache_pattern_cookie(&line);
    is_int(name.len, 0, "Set-Cookie: an empty name");

    line = str("");
    name = bigcache_pattern_cookie(&line);
    is_int(name.len, 0, "Set-Cookie: nothing");
}


static void
test_vary(void)
{
    char             got[256];
    size_t           i, len;
    unsigned         k;
    bigcache_str_t   line;
    bigcache_vary_t  vary;

    for (i = 0; i < sizeof(varies) / sizeof(varies[0]); i++) {

        line = str(varies[i].line);

        bigcache_vary_init(&vary);
        bigcache_vary_add(&vary, &line);

        is_int(vary.any, varies[i].names == NULL, "Vary \"%s\"",
               varies[i].line);

        if (vary.any) {
            continue;
        }

        for (k = 0, len = 0; k < vary.n; k++) {
            len += (size_t) snprintf(got + len, sizeof(got) - len, "%s%.*s",
                                     k ? "," : "", (int) vary.names[k].len,
                                     vary.names[k].data);
        }

        got[len] = '\0';
        is_str(got, varies[i].names, "Vary \"%s\": names", varies[i].line);
    }

    /* two lines are one */

    bigcache_vary_init(&vary);
    line = str("X-B");
    bigcache_vary_add(&vary, &line);
    line = str("X-A, x-b");
    bigcache_vary_add(&vary, &line);

    is_int(vary.n, 2, "Vary: two lines");
    is_mem(vary.names[0].data, vary.names[0].len, "x-a", 3,
           "Vary: the first name");
}


static void
test_vary_room(void)
{
    char             name[BIGCACHE_VARY_MEMORY + 2];
    unsigned         i;
    bigcache_str_t   line;
    bigcache_vary_t  vary;

    bigcache_vary_init(&vary);

    for (i = 0; i < 2 * BIGCACHE_VARY_MAX; i++) {
        (void) snprintf(name, sizeof(name), "x-%u", i % BIGCACHE_VARY_MAX);
        line = str(name);
        bigcache_vary_add(&vary, &line);
    }

    is_int(vary.n, BIGCACHE_VARY_MAX, "Vary: as many as there is room for");
    is_int(vary.any, 0, "Vary: each one once");

    line = str("y");
    bigcache_vary_add(&vary, &line);
    is_int(vary.any, 1, "Vary: one more");

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';

    bigcache_vary_init(&vary);
    line = str(name);
    bigcache_vary_add(&vary, &line);
    is_int(vary.any, 1, "Vary: a long name");

    bigcache_vary_init(&vary);
    line.len = BIGCACHE_VARY_MEMORY;
    bigcache_vary_add(&vary, &line);
    is_int(vary.any, 0, "Vary: the longest name");
    is_int(vary.len, BIGCACHE_VARY_MEMORY, "Vary: takes all of the room");
}


static void
test_normalize(void)
{
    size_t          i, len;
    u_char          got[64];
    bigcache_str_t  name, value;

    static const char *const  values[][3] = {
        { "accept-language", "", "" },
        { "accept-language", " en ,\tde ", "en,de" },
        { "accept-language", "en,,de,", "en,de" },
        { "accept-language", "en;q=0.5, de", "en;q=0.5,de" },
        { "accept-language", "de, en", "de,en" },
        { "accept", "\"a, b\" , c", "\"a, b\",c" },
        { "accept", "a  b", "a  b" },

        /* no list: another value is another page */
        { "x-lang", " en\t", "en" },
        { "x-lang", ",en", ",en" },
        { "x-lang", "a, b", "a, b" },
        { "x-lang", " ", "" },
        { "x-lang", ",", "," }
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {

        name = str(values[i][0]);
        value = str(values[i][1]);
        len = bigcache_vary_normalize(got, &name, &value);

        is_mem(got, len, values[i][2], strlen(values[i][2]),
               "normalize \"%s: %s\"", values[i][0], values[i][1]);
    }
}


static void
test_refused(void)
{
    bigcache_fresh_t         fresh;
    bigcache_fresh_answer_t  answer;

    is_int(status(200, "max-age=1"), BIGCACHE_FRESH_OK, "200 is stored");
    is_int(status(599, "max-age=1"), BIGCACHE_FRESH_OK, "599 is stored");
    is_int(status(103, "max-age=1"), BIGCACHE_FRESH_STATUS, "103 is not");
    is_int(status(206, "max-age=1"), BIGCACHE_FRESH_STATUS, "206 is not");
    is_int(status(304, "max-age=1"), BIGCACHE_FRESH_STATUS, "304 is not");
    is_int(status(200, ""), BIGCACHE_FRESH_UNKNOWN, "nothing is said");
    is_int(status(200, "no-store, max-age=1"), BIGCACHE_FRESH_NO_STORE,
           "no-store");
    is_int(status(200, "private, max-age=1"), BIGCACHE_FRESH_PRIVATE,
           "private");
    is_int(status(200, "no-store, must-understand, max-age=1"),
           BIGCACHE_FRESH_OK, "must-understand: a known status");
    is_int(status(599, "no-store, must-understand, max-age=1"),
           BIGCACHE_FRESH_NO_STORE, "must-understand: an unknown status");
    is_int(status(599, "must-understand, max-age=1"), BIGCACHE_FRESH_STATUS,
           "must-understand alone: an unknown status");

    bigcache_fresh_init(&answer);
    answer.set_cookie = 1;
    is_int(decide("max-age=1", &answer, &fresh), BIGCACHE_FRESH_SET_COOKIE,
           "Set-Cookie");

    bigcache_fresh_init(&answer);
    answer.vary_any = 1;
    is_int(decide("max-age=1", &answer, &fresh), BIGCACHE_FRESH_VARY,
           "Vary: *");

    bigcache_fresh_init(&answer);
    answer.authorized = 1;
    is_int(decide("max-age=1", &answer, &fresh), BIGCACHE_FRESH_AUTHORIZED,
           "Authorization");
    is_int(decide("max-age=1, public", &answer, &fresh), BIGCACHE_FRESH_OK,
           "Authorization: public");
    is_int(decide("s-maxage=1", &answer, &fresh), BIGCACHE_FRESH_OK,
           "Authorization: s-maxage");
    is_int(decide("max-age=1, must-revalidate", &answer, &fresh),
           BIGCACHE_FRESH_OK, "Authorization: must-revalidate");

    answer.accel = 60;
    is_int(decide("max-age=1", &answer, &fresh), BIGCACHE_FRESH_AUTHORIZED,
           "Authorization: X-Accel-Expires does not help");

    bigcache_fresh_init(&answer);
    answer.accel = 0;
    is_int(decide("max-age=1", &answer, &fresh), BIGCACHE_FRESH_NO_STORE,
           "X-Accel-Expires: 0");

    answer.accel = 60;
    is_int(decide("private, max-age=1", &answer, &fresh), BIGCACHE_FRESH_OK,
           "X-Accel-Expires wins over private");
    is_int(fresh.lifetime, 60, "and over max-age");
}


static void
test_lifetime(void)
{
    bigcache_fresh_t         fresh;
    bigcache_fresh_answer_t  answer;

    bigcache_fresh_init(&answer);

    (void) decide("max-age=9, s-maxage=5", &answer, &fresh);
    is_int(fresh.lifetime, 5, "s-maxage wins over max-age");

    answer.expires_given = 1;
    answer.expires = NOW + 100;
    (void) decide("max-age=9", &answer, &fresh);
    is_int(fresh.lifetime, 9, "max-age wins over Expires");

    (void) decide("", &answer, &fresh);
    is_int(fresh.lifetime, 100, "Expires, without Date");

    answer.date = NOW - 20;
    (void) decide("", &answer, &fresh);
    is_int(fresh.lifetime, 120, "Expires minus Date");
    is_int(fresh.age, 20, "and the age");

    answer.targeted = 1;
    is_int(decide("", &answer, &fresh), BIGCACHE_FRESH_UNKNOWN,
           "a targeted field: Expires does not count");

    answer.targeted = 0;
    answer.expires = NO_DATE;
    answer.validator = 1;
    is_int(decide("", &answer, &fresh), BIGCACHE_FRESH_OK,
           "an invalid Expires, with a validator");
    is_int(fresh.lifetime, 0, "is in the past");

    answer.validator = 0;
    is_int(decide("", &answer, &fresh), BIGCACHE_FRESH_USELESS,
           "an invalid Expires, without");

    bigcache_fresh_init(&answer);
    answer.ttl = 60;
    answer.age = 10;
    is_int(decide("", &answer, &fresh), BIGCACHE_FRESH_OK,
           "the configuration");
    is_int(fresh.lifetime - fresh.age, 60, "counts from the arrival");
    is_int(fresh.by_ttl, 1, "and is marked");
    is_int(decide("max-age=0", &answer, &fresh), BIGCACHE_FRESH_USELESS,
           "the answer wins over the configuration");

    answer.validator = 1;
    is_int(decide("no-cache, max-age=60", &answer, &fresh),
           BIGCACHE_FRESH_OK, "no-cache, with a validator");
    is_int(fresh.lifetime, 0, "no-cache: never fresh");
    is_int(fresh.revalidate, 1, "no-cache: never stale");
}


static void
test_age(void)
{
    bigcache_fresh_t         fresh;
    bigcache_fresh_answer_t  answer;

    bigcache_fresh_init(&answer);

    answer.age = 7200;
    is_int(decide("max-age=3600", &answer, &fresh), BIGCACHE_FRESH_USELESS,
           "too old at its arrival");

    answer.age = 10;
    answer.date = NOW + 5;
    (void) decide("max-age=3600", &answer, &fresh);
    is_int(fresh.age, 10, "a Date in the future");

    answer.date = NOW - 5;
    (void) decide("max-age=3600", &answer, &fresh);
    is_int(fresh.age, 10, "a Date in the past");

    answer.date = NOW - 50;
    (void) decide("max-age=3600", &answer, &fresh);
    is_int(fresh.age, 50, "a Date further in the past");

    answer.delay = 45;
    (void) decide("max-age=3600", &answer, &fresh);
    is_int(fresh.age, 55, "the time that the answer took counts");
}


static void
test_stale(void)
{
    bigcache_fresh_t         fresh;
    bigcache_fresh_answer_t  answer;

    bigcache_fresh_init(&answer);

    (void) decide("max-age=1", &answer, &fresh);
    is_int(fresh.stale_while_revalidate, 0, "nothing says stale");
    is_int(fresh.stale_if_error, 0, "nor if error");

    (void) decide("max-age=1, stale-while-revalidate=5, stale-if-error=6",
                  &answer, &fresh);
    is_int(fresh.stale_while_revalidate, 5, "the answer says it");
    is_int(fresh.stale_if_error, 6, "and if error");

    answer.stale_while_revalidate = 3;
    answer.stale_if_error = 9;
    (void) decide("max-age=1, stale-while-revalidate=5, stale-if-error=6",
                  &answer, &fresh);
    is_int(fresh.stale_while_revalidate, 3, "the configuration bounds it");
    is_int(fresh.stale_if_error, 6, "the answer bounds it");

    (void) decide("max-age=1", &answer, &fresh);
    is_int(fresh.stale_while_revalidate, 3, "only the configuration");
    is_int(fresh.stale_if_error, 9, "only the configuration, if error");

    (void) decide("max-age=1, must-revalidate", &answer, &fresh);
    is_int(fresh.revalidate, 1, "must-revalidate");
    is_int(fresh.stale_if_error, 0, "must-revalidate: nothing stale");

    (void) decide("max-age=1, proxy-revalidate", &answer, &fresh);
    is_int(fresh.revalidate, 1, "proxy-revalidate");

    (void) decide("s-maxage=1", &answer, &fresh);
    is_int(fresh.revalidate, 1, "s-maxage");

    is_int(decide("max-age=0", &answer, &fresh), BIGCACHE_FRESH_OK,
           "stale at once, but useful");
    answer.stale_while_revalidate = NONE;
    answer.stale_if_error = NONE;
    is_int(decide("max-age=0", &answer, &fresh), BIGCACHE_FRESH_USELESS,
           "stale at once, and useless");
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  s;

    s.data = (const u_char *) text;
    s.len = strlen(text);

    return s;
}


static bigcache_fresh_e
decide(const char *control, bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh)
{
    bigcache_str_t  line;

    line = str(control);

    bigcache_control_init(&answer->control);
    bigcache_control_add(&answer->control, &line);

    answer->status = answer->status ? answer->status : 200;
    answer->now = NOW;

    return bigcache_fresh(answer, fresh);
}


static bigcache_fresh_e
status(unsigned code, const char *control)
{
    bigcache_fresh_t         fresh;
    bigcache_fresh_answer_t  answer;

    bigcache_fresh_init(&answer);
    answer.status = code;

    return decide(control, &answer, &fresh);
}

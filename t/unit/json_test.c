
/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>

#include <cjson/cJSON.h>

#include "bigcache_json.h"
#include "bigcache_lifetime.h"
#include "tap.h"


#define UNSET    INT64_C(-424242)

#define OK       BIGCACHE_JSON_OK
#define NIL      BIGCACHE_JSON_NULL
#define INVALID  BIGCACHE_JSON_INVALID
#define NOMEM    BIGCACHE_JSON_NOMEM


typedef int (*member_pt)(const bigcache_str_t *member, int64_t *ms,
    const char **msg);


/* "msg" is a part of the message that identifies it */

typedef struct {
    const char      *text;
    int              rc;
    int64_t          ms;
    const char      *msg;
} member_case_t;


static int read_member(member_pt fn, const char *data, size_t len,
    int64_t *ms, const char **msg);
static void test_table(const char *name, member_pt fn,
    const member_case_t *cases, size_t n);
static void test_length(const char *name, member_pt fn, const char *head,
    char fill, const char *tail);
static void test_absent(void);
static void test_document(void);
static void test_memory(void);
static void *no_memory(size_t size);


static const member_case_t  expires[] = {
    { "null", NIL, 0, NULL },

    { "1795331598", OK, INT64_C(1795331598000), NULL },
    { "1795331598.25", OK, INT64_C(1795331598250), NULL },
    { "1795331598.001", OK, INT64_C(1795331598001), NULL },
    { "-5", OK, -5000, NULL },
    { "-0", OK, 0, NULL },
    { "1.7e9", OK, INT64_C(1700000000000), NULL },
    { "9007199254740", OK, INT64_C(9007199254740000), NULL },

    /* longer than the buffer that cJSON has for a number */

    { "1795331598.0010000000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000000000000", OK, INT64_C(1795331598001),
      NULL },

    { "\"1795331598\"", OK, INT64_C(1795331598000), NULL },
    { "\"1795331598.001\"", OK, INT64_C(1795331598001), NULL },
    { "\"-5\"", OK, -5000, NULL },
    { "\"+5\"", OK, 5000, NULL },
    { "\".5\"", OK, 500, NULL },
    { "\" 5\\t\\n\"", OK, 5000, NULL },
    { "\"\\u0035\"", OK, 5000, NULL },
    { "\"1\\u002e5\\u00650\"", OK, 1500, NULL },

    { "9007199254741", INVALID, 0, "too far" },
    { "-9007199254741", INVALID, 0, "too far" },
    { "1e400", INVALID, 0, "too far" },
    { "\"1e400\"", INVALID, 0, "too far" },

    { "\"\"", INVALID, 0, "decimal number" },
    { "\" \"", INVALID, 0, "decimal number" },
    { "\"tomorrow\"", INVALID, 0, "decimal number" },
    { "\"28d\"", INVALID, 0, "decimal number" },
    { "\"0x10\"", INVALID, 0, "decimal number" },
    { "\"inf\"", INVALID, 0, "decimal number" },
    { "\"NaN\"", INVALID, 0, "decimal number" },
    { "\"null\"", INVALID, 0, "decimal number" },
    { "\"5\\\\\"", INVALID, 0, "decimal number" },
    { "\"\\\"5\\\"\"", INVALID, 0, "decimal number" },

    /* must not be cut off at the zero */

    { "\"5\\u0000\"", INVALID, 0, "decimal number" },
    { "\"5\\u0000junk\"", INVALID, 0, "decimal number" },
    { "\"\\u00005\"", INVALID, 0, "decimal number" },
    { "\"5\\\\u0000\"", INVALID, 0, "decimal number" },

    { "true", INVALID, 0, "must be a number" },
    { "false", INVALID, 0, "must be a number" },
    { "[]", INVALID, 0, "must be a number" },
    { "[5]", INVALID, 0, "must be a number" },
    { "{}", INVALID, 0, "must be a number" },
    { "{\"expire\":5}", INVALID, 0, "must be a number" },
};


static const member_case_t  durations[] = {
    { "null", NIL, 0, NULL },

    { "\"28d\"", OK, INT64_C(2419200000), NULL },
    { "\"28ds\"", OK, INT64_C(2419200000), NULL },
    { "\"0s\"", OK, 0, NULL },
    { "\"1h\"", OK, 3600000, NULL },
    { "\"1m30s\"", OK, 60000, NULL },
    { "\"28\\u0064\"", OK, INT64_C(2419200000), NULL },
    { "\"\\u0032\\u0038\\u0064\"", OK, INT64_C(2419200000), NULL },
    { "\"28d\\n\\\"\\\\\"", OK, INT64_C(2419200000), NULL },
    { "\"28d \xed\x95\x9c \\ud83d\\ude00\"", OK, INT64_C(2419200000), NULL },

    /* what follows the unit is ignored, even a zero */

    { "\"28d\\u0000\"", OK, INT64_C(2419200000), NULL },
    { "\"28\\u0000d\"", INVALID, 0, "must begin" },
    { "\"\\u000028d\"", INVALID, 0, "must begin" },

    { "\"\"", INVALID, 0, "must begin" },
    { "\"d\"", INVALID, 0, "must begin" },
    { "\"28\"", INVALID, 0, "must begin" },
    { "\" 28d\"", INVALID, 0, "must begin" },
    { "\"-28d\"", INVALID, 0, "must begin" },
    { "\"28w\"", INVALID, 0, "must begin" },
    { "\"28\\\\u0064\"", INVALID, 0, "must begin" },
    { "\"forever\"", INVALID, 0, "must begin" },

    { "\"104249991d\"", OK, INT64_C(9007199222400000), NULL },
    { "\"104249992d\"", INVALID, 0, "too long to be stored" },
    { "\"99999999999999999999d\"", INVALID, 0, "too long to be stored" },

    { "28", INVALID, 0, "must be a string" },
    { "0", INVALID, 0, "must be a string" },
    { "-1", INVALID, 0, "must be a string" },
    { "true", INVALID, 0, "must be a string" },
    { "false", INVALID, 0, "must be a string" },
    { "[\"28d\"]", INVALID, 0, "must be a string" },
    { "{}", INVALID, 0, "must be a string" },
};


int
main(void)
{
    test_table("expire", bigcache_json_expire, expires,
               sizeof(expires) / sizeof(expires[0]));

    test_table("duration", bigcache_json_duration, durations,
               sizeof(durations) / sizeof(durations[0]));

    test_length("expire", bigcache_json_expire, "5.", '0', "");
    test_length("expire", bigcache_json_expire, "\"", ' ', "5\"");
    test_length("duration", bigcache_json_duration, "\"28d", '.', "\"");

    test_absent();
    test_document();
    test_memory();

    return done_testing();
}


/* in memory of exactly its size, for the sanitizer */

static int
read_member(member_pt fn, const char *data, size_t len, int64_t *ms,
    const char **msg)
{
    int              rc;
    u_char          *copy;
    bigcache_str_t   member;

    copy = malloc(len);

    if (copy == NULL) {
        exit(2);
    }

    memcpy(copy, data, len);

    member.data = copy;
    member.len = len;

    *ms = UNSET;
    *msg = NULL;

    rc = fn(&member, ms, msg);

    free(copy);

    return rc;
}


static void
test_table(const char *name, member_pt fn, const member_case_t *cases,
    size_t n)
{
    size_t                i;
    int64_t               ms;
    const char           *msg;
    const member_case_t  *t;

    for (i = 0; i < n; i++) {
        t = &cases[i];

        is_int(read_member(fn, t->text, strlen(t->text), &ms, &msg), t->rc,
               "%s %s", name, t->text);

        is_int(ms, (t->rc == OK) ? t->ms : UNSET, "in ms");

        if (t->msg == NULL) {
            ok(msg == NULL, "no message");

        } else {
            ok(msg != NULL && strncmp(msg, name, strlen(name)) == 0
               && strstr(msg, t->msg) != NULL, "message: %s", msg);
        }
    }
}


/* the longest member, and one byte more */

static void
test_length(const char *name, member_pt fn, const char *head, char fill,
    const char *tail)
{
    char        *text, *p;
    size_t       n, len;
    int64_t      ms;
    const char  *msg;

    for (len = 1023; len <= 1025; len++) {

        text = malloc(len + 1);

        if (text == NULL) {
            exit(2);
        }

        n = len - strlen(head) - strlen(tail);

        p = stpcpy(text, head);
        memset(p, fill, n);
        stpcpy(p + n, tail);

        is_int(read_member(fn, text, len, &ms, &msg),
               (len <= BIGCACHE_JSON_MAX_MEMBER) ? OK : INVALID,
               "%s of %zu bytes", name, len);

        if (len > BIGCACHE_JSON_MAX_MEMBER) {
            ok(msg != NULL && strstr(msg, "longer than 1024") != NULL,
               "message: %s", msg);
        }

        free(text);
    }
}


static void
test_absent(void)
{
    int64_t          ms;
    const char      *msg;
    bigcache_str_t   absent = { 0, NULL };

    is_int(bigcache_json_expire(&absent, &ms, &msg), NIL, "expire absent");
    is_int(bigcache_json_duration(&absent, &ms, &msg), NIL,
           "duration absent");
}


/* as the module uses it */

static void
test_document(void)
{
    int64_t                 ms;
    const char             *msg;
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;
    static const char       text[] = "{\"value\":1, \"expire\" : \"1.5\" ,"
                                     "\"duration\":\"3\\u0073 \" }";

    is_int(bigcache_json_scan((const u_char *) text, sizeof(text) - 1, &doc,
                              &err),
           OK, "document");

    is_int(bigcache_json_expire(&doc.expire, &ms, &msg), OK, "its expire");
    is_int(ms, 1500, "in ms");

    is_int(bigcache_json_duration(&doc.duration, &ms, &msg), OK,
           "its duration");
    is_int(ms, 3000, "in ms");
}


static void
test_memory(void)
{
    int64_t      ms;
    const char  *msg;
    cJSON_Hooks  hooks = { no_memory, free };

    cJSON_InitHooks(&hooks);

    is_int(read_member(bigcache_json_expire, "\"5\"", 3, &ms, &msg), NOMEM,
           "no memory for the string of expire");
    is_int(read_member(bigcache_json_duration, "\"5s\"", 4, &ms, &msg),
           NOMEM, "no memory for the string of duration");
    is_int(read_member(bigcache_json_expire, "5", 1, &ms, &msg), OK,
           "a number needs none");

    cJSON_InitHooks(NULL);

    is_int(read_member(bigcache_json_expire, "\"5\"", 3, &ms, &msg), OK,
           "memory again");
}


static void *
no_memory(size_t size)
{
    (void) size;

    return NULL;
}

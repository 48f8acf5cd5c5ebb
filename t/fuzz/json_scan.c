
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Fuzz target of src/json: libFuzzer, best with the address sanitizer.
 *
 * One input is taken for all that the directory reads: a document,
 * a string to write, a moment, and a duration.  What is checked:
 *
 *   - what the scanner accepts cJSON accepts too, to the last byte, and
 *     both see the same members;
 *   - extents lie in the text, and scan to themselves on their own;
 *   - arbitrary bytes become a valid JSON string of the measured length;
 *   - what a lifetime is printed as is read back as the same lifetime.
 *
 * cJSON may accept more: it is not the measure of what is refused.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* memmem(), mempcpy() */
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "bigcache_json.h"
#include "bigcache_json_scan.h"
#include "bigcache_json_string.h"
#include "bigcache_lifetime.h"


#define CHECK(cond)  (void) ((cond) ? 0 : (fuzz_fail(#cond, __LINE__), 0))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_fail(const char *cond, int line);
static void *fuzz_alloc(size_t size);
static void fuzz_scan(const u_char *data, size_t len);
static void fuzz_accepted(const u_char *data, size_t len, int rc,
    const bigcache_json_doc_t *doc);
static int fuzz_long_number(const u_char *data, size_t len);
static void fuzz_member(const u_char *data, size_t len, const cJSON *json,
    const char *name, const bigcache_str_t *member);
static void fuzz_wrapped(const bigcache_str_t *member);
static void fuzz_same_value(const cJSON *json, const bigcache_str_t *member);
static void fuzz_lifetime_members(const bigcache_json_doc_t *doc);
static void fuzz_string(const u_char *data, size_t len);
static void fuzz_string_back(const u_char *data, size_t len,
    const u_char *text, size_t text_len);
static void fuzz_lifetime(const u_char *data, size_t len);
static void fuzz_expire_value(const u_char *data, size_t len, int64_t ms);
static void fuzz_print(int64_t ms);


/*
 * The input is copied to memory of just its size, in which reading one
 * byte too many is seen.
 */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t   ms;
    u_char   *copy;

    copy = fuzz_alloc(size);

    if (size) {
        memcpy(copy, data, size);
    }

    fuzz_scan(copy, size);
    fuzz_string(copy, size);
    fuzz_lifetime(copy, size);

    if (size >= sizeof(ms)) {
        memcpy(&ms, data, sizeof(ms));
        fuzz_print(ms);
    }

    free(copy);

    return 0;
}


static void
fuzz_fail(const char *cond, int line)
{
    fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, line, cond);
    abort();
}


static void *
fuzz_alloc(size_t size)
{
    void  *p;

    p = malloc(size);

    if (p == NULL && size != 0) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }

    return p;
}


static void
fuzz_scan(const u_char *data, size_t len)
{
    int                     rc;
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;

    err.offset = (size_t) -1;
    err.msg = NULL;

    rc = bigcache_json_scan(data, len, &doc, &err);

    if (rc != BIGCACHE_JSON_OK) {
        CHECK(err.offset <= len);
        CHECK(err.msg != NULL);
        CHECK(doc.value.data == NULL && doc.value.len == 0);
        CHECK(doc.expire.data == NULL && doc.expire.len == 0);
        CHECK(doc.duration.data == NULL && doc.duration.len == 0);
    }

    switch (rc) {

    case BIGCACHE_JSON_EMPTY:
        CHECK(err.offset == len);
        break;

    case BIGCACHE_JSON_INVALID:
        break;

    case BIGCACHE_JSON_NOT_OBJECT:
    case BIGCACHE_JSON_OK:
        fuzz_accepted(data, len, rc, &doc);
        break;

    default:
        CHECK(!"a return value that is documented");
    }
}


static void
fuzz_accepted(const u_char *data, size_t len, int rc,
    const bigcache_json_doc_t *doc)
{
    cJSON       *json;
    const char  *p, *end;

    json = cJSON_ParseWithLengthOpts((const char *) data, len, &p, 0);

    if (json == NULL) {
        CHECK(fuzz_long_number(data, len));
        return;
    }

    end = (const char *) data + len;

    while (p < end && strchr(" \t\n\r", *p) != NULL && *p != '\0') {
        p++;
    }

    /* a long number that is the whole text is accepted, but not read on */

    if (p != end) {
        CHECK(fuzz_long_number(data, len));
        cJSON_Delete(json);
        return;
    }

    CHECK(cJSON_IsObject(json) == (rc == BIGCACHE_JSON_OK));

    if (rc == BIGCACHE_JSON_OK) {
        fuzz_member(data, len, json, "value", &doc->value);
        fuzz_member(data, len, json, "expire", &doc->expire);
        fuzz_member(data, len, json, "duration", &doc->duration);

        fuzz_lifetime_members(doc);
    }

    cJSON_Delete(json);
}


/*
 * The one thing that is valid and that some versions of cJSON refuse: up
 * to 1.7.18 it copies a number to a buffer of 64 bytes, so it reads 63
 * bytes of a longer one and fails on the next (CVE-2023-26819; Debian 12
 * has the fix in its 1.7.15).  A value has to come back as it was sent,
 * so the scanner takes numbers of any length.
 *
 * The text is valid: outside of strings, a byte of a number can be part
 * of nothing else, but for the "e" in the literals, which are short.
 */

static int
fuzz_long_number(const u_char *data, size_t len)
{
    int     quoted;
    cJSON  *json;
    size_t  i, n;

    /* 64 digits: no excuse for a version that reads these */

    json = cJSON_Parse("[1234567890123456789012345678901234567890"
                       "123456789012345678901234]");

    if (json != NULL) {
        cJSON_Delete(json);
        return 0;
    }

    n = 0;
    quoted = 0;

    for (i = 0; i < len; i++) {

        if (data[i] == '"') {
            quoted = !quoted;
            n = 0;

        } else if (quoted) {
            i += (data[i] == '\\');

        } else if (data[i] != '\0' && strchr("0123456789+-.eE", data[i])) {
            if (++n > 63) {
                return 1;
            }

        } else {
            n = 0;
        }
    }

    return 0;
}


/*
 * The member is the last one of its name for cJSON, too.  Names are not
 * compared if one may hold U+0000, where they end for cJSON.
 */

static void
fuzz_member(const u_char *data, size_t len, const cJSON *json,
    const char *name, const bigcache_str_t *member)
{
    const cJSON  *item, *last;

    if (member->data != NULL) {
        CHECK(member->len > 0 && member->len < len);
        CHECK(member->data > data);
        CHECK(member->data + member->len < data + len);

        fuzz_wrapped(member);
    }

    if (memmem(data, len, "\\u0000", 6) != NULL) {
        return;
    }

    last = NULL;

    cJSON_ArrayForEach(item, json) {
        if (strcmp(item->string, name) == 0) {
            last = item;
        }
    }

    CHECK((last != NULL) == (member->data != NULL));

    if (last != NULL) {
        fuzz_same_value(last, member);
    }
}


static void
fuzz_wrapped(const bigcache_str_t *member)
{
    u_char                 *text, *p;
    size_t                  len;
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;

    len = sizeof("{\"value\":}") - 1 + member->len;
    text = fuzz_alloc(len);

    p = mempcpy(text, "{\"value\":", 9);
    p = mempcpy(p, member->data, member->len);
    *p = '}';

    CHECK(bigcache_json_scan(text, len, &doc, &err) == BIGCACHE_JSON_OK);
    CHECK(doc.value.len == member->len);
    CHECK(doc.value.data == text + 9);
    CHECK(doc.expire.data == NULL && doc.duration.data == NULL);

    free(text);
}


static void
fuzz_same_value(const cJSON *json, const bigcache_str_t *member)
{
    char        *printed, *printed_member;
    cJSON       *own;
    const char  *end;

    own = cJSON_ParseWithLengthOpts((const char *) member->data, member->len,
                                    &end, 0);

    CHECK(own != NULL);
    CHECK(end == (const char *) member->data + member->len);

    printed = cJSON_PrintUnformatted(json);
    printed_member = cJSON_PrintUnformatted(own);

    CHECK(printed != NULL && printed_member != NULL);
    CHECK(strcmp(printed, printed_member) == 0);

    cJSON_free(printed);
    cJSON_free(printed_member);
    cJSON_Delete(own);
}


static void
fuzz_lifetime_members(const bigcache_json_doc_t *doc)
{
    int          rc;
    int64_t      ms;
    const char  *msg;

    msg = NULL;
    rc = bigcache_json_expire(&doc->expire, &ms, &msg);

    CHECK(rc == BIGCACHE_JSON_OK || rc == BIGCACHE_JSON_NULL
          || (rc == BIGCACHE_JSON_INVALID && msg != NULL));

    if (rc == BIGCACHE_JSON_OK) {
        CHECK(ms >= -BIGCACHE_LIFETIME_MAX_MS);
        CHECK(ms <= BIGCACHE_LIFETIME_MAX_MS);
        fuzz_print(ms);
    }

    msg = NULL;
    rc = bigcache_json_duration(&doc->duration, &ms, &msg);

    CHECK(rc == BIGCACHE_JSON_OK || rc == BIGCACHE_JSON_NULL
          || (rc == BIGCACHE_JSON_INVALID && msg != NULL));

    if (rc == BIGCACHE_JSON_OK) {
        CHECK(ms >= 0 && ms <= BIGCACHE_LIFETIME_MAX_MS);
    }
}


static void
fuzz_string(const u_char *data, size_t len)
{
    size_t                  text_len;
    u_char                 *text, *last;
    bigcache_str_t          s;
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;

    s.data = data;
    s.len = len;

    text_len = bigcache_json_string_len(&s);

    CHECK(text_len >= len / 3);
    CHECK(text_len <= len * BIGCACHE_JSON_STRING_GROWTH);

    text = fuzz_alloc(text_len + 2);

    text[0] = '"';
    last = bigcache_json_string(text + 1, &s);

    CHECK(last == text + 1 + text_len);

    *last = '"';

    CHECK(bigcache_json_scan(text, text_len + 2, &doc, &err)
          == BIGCACHE_JSON_NOT_OBJECT);

    fuzz_string_back(data, len, text, text_len + 2);

    free(text);
}


/* if nothing was replaced, cJSON unescapes it to what it was */

static void
fuzz_string_back(const u_char *data, size_t len, const u_char *text,
    size_t text_len)
{
    cJSON   *json;
    size_t   n;

    json = cJSON_ParseWithLengthOpts((const char *) text, text_len, NULL, 0);

    CHECK(json != NULL && cJSON_IsString(json));

    if (memmem(text, text_len, "\xef\xbf\xbd", 3) == NULL) {
        n = len ? strnlen((const char *) data, len) : 0;

        CHECK(strlen(json->valuestring) == n);
        CHECK(n == 0 || memcmp(json->valuestring, data, n) == 0);
    }

    cJSON_Delete(json);
}


static void
fuzz_lifetime(const u_char *data, size_t len)
{
    int              rc;
    int64_t          ms;
    bigcache_str_t   text;

    text.data = data;
    text.len = len;

    rc = bigcache_lifetime_expire(&text, &ms);

    if (rc == BIGCACHE_LIFETIME_OK) {
        CHECK(ms >= -BIGCACHE_LIFETIME_MAX_MS);
        CHECK(ms <= BIGCACHE_LIFETIME_MAX_MS);
        fuzz_print(ms);
        fuzz_expire_value(data, len, ms);

    } else {
        CHECK(rc == BIGCACHE_LIFETIME_BAD || rc == BIGCACHE_LIFETIME_RANGE);
    }

    rc = bigcache_lifetime_duration(&text, &ms);

    if (rc == BIGCACHE_LIFETIME_OK) {
        CHECK(ms >= 0 && ms <= BIGCACHE_LIFETIME_MAX_MS);

    } else {
        CHECK(rc == BIGCACHE_LIFETIME_BAD || rc == BIGCACHE_LIFETIME_RANGE);
    }
}


/* a moment is within the millisecond of what the C library reads */

static void
fuzz_expire_value(const u_char *data, size_t len, int64_t ms)
{
    char         *text, *end;
    long double   seconds, diff;

    text = fuzz_alloc(len + 1);
    memcpy(text, data, len);
    text[len] = '\0';

    seconds = strtold(text, &end);

    CHECK(end != text);

    /* the long double is off by a part of 2^63, some 0.5 us at most */

    diff = seconds * 1000 - ms;

    CHECK(diff > -0.01L && diff < 1.01L);

    free(text);
}


static void
fuzz_print(int64_t ms)
{
    int                     rc;
    size_t                  len;
    u_char                 *text, printed[BIGCACHE_LIFETIME_LEN];
    int64_t                 back;
    bigcache_str_t          s;
    bigcache_json_doc_t     doc;
    bigcache_json_error_t   err;

    len = bigcache_lifetime_print(printed, ms);

    CHECK(len > 0 && len <= BIGCACHE_LIFETIME_LEN);

    text = fuzz_alloc(len);
    memcpy(text, printed, len);

    CHECK(bigcache_json_scan(text, len, &doc, &err)
          == BIGCACHE_JSON_NOT_OBJECT);

    s.data = text;
    s.len = len;

    rc = bigcache_lifetime_expire(&s, &back);

    if (ms >= -BIGCACHE_LIFETIME_MAX_MS && ms <= BIGCACHE_LIFETIME_MAX_MS) {
        CHECK(rc == BIGCACHE_LIFETIME_OK && back == ms);

    } else {
        CHECK(rc == BIGCACHE_LIFETIME_RANGE);
    }

    free(text);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads members of a document, with cJSON for the strings that have escapes.
 */


#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "bigcache_json.h"
#include "bigcache_lifetime.h"


typedef int (*bigcache_json_read_pt)(const bigcache_str_t *text, int64_t *ms);


/* how one member is read, and the error for the client */

typedef struct {
    bigcache_json_read_pt   read;

    /* a number without quotes is allowed, too */
    unsigned                bare:1;

    /* the text is used to its end, so it must not have U+0000 */
    unsigned                whole:1;

    const char             *type;
    const char             *syntax;
    const char             *range;
    const char             *length;
} bigcache_json_kind_t;


static int bigcache_json_member(const bigcache_json_kind_t *kind,
    const bigcache_str_t *member, int64_t *ms, const char **msg);
static int bigcache_json_unquoted(const bigcache_json_kind_t *kind,
    const bigcache_str_t *member, int64_t *ms, const char **msg);
static int bigcache_json_lifetime(const bigcache_json_kind_t *kind,
    const bigcache_str_t *text, int64_t *ms, const char **msg);
static int bigcache_json_has_nul(const bigcache_str_t *member);


static const bigcache_json_kind_t  bigcache_json_kind_expire = {
    bigcache_lifetime_expire,
    1,
    1,
    "expire must be a number, a string holding a number, or null",
    "expire must be a decimal number of unix seconds",
    "expire is too far from now to be stored",
    "expire must not be longer than 1024 bytes"
};


static const bigcache_json_kind_t  bigcache_json_kind_duration = {
    bigcache_lifetime_duration,
    0,
    0,
    "duration must be a string or null",
    "duration must begin with digits and one of s, m, h, d",
    "duration is too long to be stored",
    "duration must not be longer than 1024 bytes"
};


static const bigcache_json_kind_t  bigcache_json_kind_stale = {
    bigcache_lifetime_duration,
    0,
    0,
    "stale must be a string or null",
    "stale must begin with digits and one of s, m, h, d",
    "stale is too long to be stored",
    "stale must not be longer than 1024 bytes"
};


int
bigcache_json_expire(const bigcache_str_t *member, int64_t *ms,
    const char **msg)
{
    return bigcache_json_member(&bigcache_json_kind_expire, member, ms, msg);
}


int
bigcache_json_duration(const bigcache_str_t *member, int64_t *ms,
    const char **msg)
{
    return bigcache_json_member(&bigcache_json_kind_duration, member, ms,
                                msg);
}


int
bigcache_json_stale(const bigcache_str_t *member, int64_t *ms,
    const char **msg)
{
    return bigcache_json_member(&bigcache_json_kind_stale, member, ms, msg);
}


int
bigcache_json_unescape(const bigcache_str_t *member, bigcache_str_t *text)
{
    u_char      *p;
    cJSON       *json;
    const char  *end;

    if (member->data == NULL || member->data[0] == 'n') {
        return BIGCACHE_JSON_NULL;
    }

    if (member->data[0] != '"' || bigcache_json_has_nul(member)) {
        return BIGCACHE_JSON_INVALID;
    }

    /* a string without escapes may be large, so it is copied only once */

    if (memchr(member->data, '\\', member->len) == NULL) {

        text->len = member->len - 2;
        p = malloc(text->len + 1);

        if (p) {
            memcpy(p, member->data + 1, text->len);
        }

        text->data = p;

        return p ? BIGCACHE_JSON_OK : BIGCACHE_JSON_NOMEM;
    }

    json = cJSON_ParseWithLengthOpts((const char *) member->data,
                                     member->len, &end, 0);
    if (json == NULL) {
        return BIGCACHE_JSON_NOMEM;
    }

    text->len = strlen(json->valuestring);

    p = malloc(text->len + 1);

    if (p) {
        memcpy(p, json->valuestring, text->len);
    }

    text->data = p;

    cJSON_Delete(json);

    return p ? BIGCACHE_JSON_OK : BIGCACHE_JSON_NOMEM;
}


int
bigcache_json_integer(const bigcache_str_t *member, int64_t *n)
{
    size_t    i;
    int64_t   digit;
    unsigned  minus;

    if (member->data == NULL || member->data[0] == 'n') {
        return BIGCACHE_JSON_NULL;
    }

    minus = (member->data[0] == '-');

    if (member->len == minus) {
        return BIGCACHE_JSON_INVALID;
    }

    for (*n = 0, i = minus; i < member->len; i++) {

        if (member->data[i] < '0' || member->data[i] > '9') {
            return BIGCACHE_JSON_INVALID;
        }

        /* grows away from zero: there is one more number below zero */

        digit = member->data[i] - '0';

        if (__builtin_mul_overflow(*n, 10, n)
            || __builtin_add_overflow(*n, minus ? -digit : digit, n))
        {
            return BIGCACHE_JSON_INVALID;
        }
    }

    return BIGCACHE_JSON_OK;
}


/*
 * The extent has valid JSON, so its first byte tells the type.  A number
 * without quotes is not passed to cJSON, which would make it a double.
 */

static int
bigcache_json_member(const bigcache_json_kind_t *kind,
    const bigcache_str_t *member, int64_t *ms, const char **msg)
{
    u_char  c;

    if (member->data == NULL || member->len == 0) {
        return BIGCACHE_JSON_NULL;
    }

    c = member->data[0];

    if (c == 'n') {
        return BIGCACHE_JSON_NULL;
    }

    if (c != '"' && !(kind->bare && (c == '-' || (c >= '0' && c <= '9')))) {
        *msg = kind->type;
        return BIGCACHE_JSON_INVALID;
    }

    if (member->len > BIGCACHE_JSON_MAX_MEMBER) {
        *msg = kind->length;
        return BIGCACHE_JSON_INVALID;
    }

    if (c == '"') {
        return bigcache_json_unquoted(kind, member, ms, msg);
    }

    return bigcache_json_lifetime(kind, member, ms, msg);
}


static int
bigcache_json_unquoted(const bigcache_json_kind_t *kind,
    const bigcache_str_t *member, int64_t *ms, const char **msg)
{
    int              rc;
    cJSON           *json;
    const char      *end;
    bigcache_str_t   text;

    /* a cJSON string ends at a zero byte, so the rest would be lost */

    if (kind->whole && bigcache_json_has_nul(member)) {
        *msg = kind->syntax;
        return BIGCACHE_JSON_INVALID;
    }

    json = cJSON_ParseWithLengthOpts((const char *) member->data,
                                     member->len, &end, 0);

    /* the string is valid, so only memory can be missing */

    if (json == NULL) {
        return BIGCACHE_JSON_NOMEM;
    }

    if (!cJSON_IsString(json)
        || end != (const char *) member->data + member->len)
    {
        cJSON_Delete(json);
        *msg = kind->type;
        return BIGCACHE_JSON_INVALID;
    }

    text = bigcache_str_text(json->valuestring);

    rc = bigcache_json_lifetime(kind, &text, ms, msg);

    cJSON_Delete(json);

    return rc;
}


static int
bigcache_json_lifetime(const bigcache_json_kind_t *kind,
    const bigcache_str_t *text, int64_t *ms, const char **msg)
{
    switch (kind->read(text, ms)) {

    case BIGCACHE_LIFETIME_OK:
        return BIGCACHE_JSON_OK;

    case BIGCACHE_LIFETIME_RANGE:
        *msg = kind->range;
        return BIGCACHE_JSON_INVALID;

    default: /* BIGCACHE_LIFETIME_BAD */
        *msg = kind->syntax;
        return BIGCACHE_JSON_INVALID;
    }
}


/* returns 1 if the valid JSON string has the escape of U+0000 */

static int
bigcache_json_has_nul(const bigcache_str_t *member)
{
    const u_char  *p, *end;

    p = member->data;
    end = p + member->len;

    while (end - p >= 6) {

        if (*p != '\\') {
            p++;
            continue;
        }

        if (memcmp(p + 1, "u0000", 5) == 0) {
            return 1;
        }

        /*
         * skips both: the second byte may be a backslash that begins no escape
         */

        p += 2;
    }

    return 0;
}

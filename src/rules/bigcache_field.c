
/*
 * Copyright (C) bigcache contributors
 */


/* splits the values of header fields that are lists */


#include <string.h>
#include <strings.h>

#include "bigcache_field.h"


static int bigcache_field_part(const bigcache_str_t *value, size_t *at,
    u_char separator, bigcache_str_t *member);
static size_t bigcache_field_end(const bigcache_str_t *value, size_t at,
    u_char separator);


int
bigcache_field_next(const bigcache_str_t *value, size_t *at,
    bigcache_str_t *member)
{
    return bigcache_field_part(value, at, ',', member);
}


int
bigcache_field_next_parameter(const bigcache_str_t *value, size_t *at,
    bigcache_str_t *member)
{
    return bigcache_field_part(value, at, ';', member);
}


static int
bigcache_field_part(const bigcache_str_t *value, size_t *at, u_char separator,
    bigcache_str_t *member)
{
    size_t          end;
    bigcache_str_t  part;

    while (*at < value->len) {

        end = bigcache_field_end(value, *at, separator);
        part = bigcache_str(value->data + *at, end - *at);

        *member = bigcache_field_trim(&part);
        *at = end + 1;

        if (member->len) {
            return 1;
        }
    }

    return 0;
}


bigcache_str_t
bigcache_field_trim(const bigcache_str_t *text)
{
    bigcache_str_t  trimmed;

    trimmed = *text;

    while (trimmed.len
           && (trimmed.data[0] == ' ' || trimmed.data[0] == '\t'))
    {
        trimmed.data++;
        trimmed.len--;
    }

    while (trimmed.len
           && (trimmed.data[trimmed.len - 1] == ' '
               || trimmed.data[trimmed.len - 1] == '\t'))
    {
        trimmed.len--;
    }

    return trimmed;
}


void
bigcache_field_split(const bigcache_str_t *member,
    bigcache_field_member_t *split)
{
    const u_char  *p, *last;

    memset(split, 0, sizeof(bigcache_field_member_t));

    p = member->data;
    last = p + member->len;

    while (p < last && bigcache_field_token(*p)) {
        p++;
    }

    if (p < last && *p != '=') {
        return;
    }

    split->name = bigcache_str(member->data, (size_t) (p - member->data));

    if (p == last) {
        return;
    }

    p++;
    split->given = 1;

    if (last - p >= 2 && *p == '"' && last[-1] == '"') {
        p++;
        last--;
    }

    split->value = bigcache_str(p, (size_t) (last - p));
}


int
bigcache_field_seconds(const bigcache_str_t *text, int64_t *seconds)
{
    size_t  i;

    if (text->len == 0) {
        return -1;
    }

    *seconds = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            return -1;
        }

        *seconds = *seconds * 10 + (text->data[i] - '0');

        if (*seconds > BIGCACHE_FIELD_SECONDS_MAX) {
            *seconds = BIGCACHE_FIELD_SECONDS_MAX;
        }
    }

    return 0;
}


int
bigcache_field_is(const bigcache_str_t *text, const char *name)
{
    return text->len == strlen(name)
           && strncasecmp((const char *) text->data, name, text->len) == 0;
}


int
bigcache_field_same(const bigcache_str_t *one, const bigcache_str_t *two)
{
    return one->len == two->len
           && strncasecmp((const char *) one->data, (const char *) two->data,
                          one->len)
              == 0;
}


int
bigcache_field_lists(const bigcache_str_t *value,
    const bigcache_str_t *member)
{
    size_t          at;
    bigcache_str_t  one;

    for (at = 0; bigcache_field_next(value, &at, &one); /* void */ ) {
        if (bigcache_field_same(&one, member)) {
            return 1;
        }
    }

    return 0;
}


int
bigcache_field_token(u_char c)
{
    return (c >= '0' && c <= '9')
           || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z')
           || (c && strchr("!#$%&'*+-.^_`|~", c));
}


/* returns where the next separator in no quoted string is, or the end */

static size_t
bigcache_field_end(const bigcache_str_t *value, size_t at, u_char separator)
{
    size_t  quoted;

    for (quoted = 0; at < value->len; at++) {

        switch (value->data[at]) {

        case '"':
            quoted = !quoted;
            break;

        case '\\':
            at += quoted;
            break;

        default:
            if (value->data[at] == separator && !quoted) {
                return at;
            }
        }
    }

    return value->len;
}

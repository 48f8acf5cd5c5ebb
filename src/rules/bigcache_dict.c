
/*
 * Copyright (C) bigcache contributors
 */


/* a strict parser of dictionaries and lists of structured fields */


#include <string.h>

#include "bigcache_dict.h"
#include "bigcache_field.h"


/* the most digits of an integer, and of a decimal before and behind the dot */

#define BIGCACHE_DICT_DIGITS    15
#define BIGCACHE_DICT_DECIMAL   12
#define BIGCACHE_DICT_FRACTION  3


typedef struct {
    const u_char  *p;
    const u_char  *last;
} bigcache_dict_text_t;


static int bigcache_dict_read(const bigcache_str_t *value, size_t *at,
    int keys, bigcache_dict_member_t *member);
static int bigcache_dict_key(bigcache_dict_text_t *text, bigcache_str_t *key);
static int bigcache_dict_value(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member);
static int bigcache_dict_member(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member);
static int bigcache_dict_list(bigcache_dict_text_t *text);
static int bigcache_dict_parameters(bigcache_dict_text_t *text);
static int bigcache_dict_item(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member);
static int bigcache_dict_number(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member);
static int bigcache_dict_string(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member);
static int bigcache_dict_display(bigcache_dict_text_t *text);
static int bigcache_dict_bytes(bigcache_dict_text_t *text);
static int bigcache_dict_token(bigcache_dict_text_t *text);
static void bigcache_dict_skip(bigcache_dict_text_t *text,
    const char *chars);
static int bigcache_dict_take(bigcache_dict_text_t *text, const char *chars);
static int bigcache_dict_is(const bigcache_dict_text_t *text,
    const char *chars);


int
bigcache_dict_next(const bigcache_str_t *value, size_t *at,
    bigcache_dict_member_t *member)
{
    return bigcache_dict_read(value, at, 1, member);
}


int
bigcache_dict_next_item(const bigcache_str_t *value, size_t *at,
    bigcache_dict_member_t *member)
{
    return bigcache_dict_read(value, at, 0, member);
}


static int
bigcache_dict_read(const bigcache_str_t *value, size_t *at, int keys,
    bigcache_dict_member_t *member)
{
    bigcache_dict_text_t  text;

    memset(member, 0, sizeof(bigcache_dict_member_t));

    if (value->len == 0) {
        return 0;
    }

    text.p = value->data + *at;
    text.last = value->data + value->len;

    if (*at == 0) {
        bigcache_dict_skip(&text, " ");
    }

    if (text.p == text.last) {
        return 0;
    }

    if (keys && !bigcache_dict_key(&text, &member->key)) {
        return -1;
    }

    if (keys ? !bigcache_dict_value(&text, member)
             : !bigcache_dict_member(&text, member))
    {
        return -1;
    }

    bigcache_dict_skip(&text, " \t");

    if (text.p < text.last) {

        if (!bigcache_dict_take(&text, ",")) {
            return -1;
        }

        bigcache_dict_skip(&text, " \t");

        if (text.p == text.last) {
            return -1;
        }
    }

    *at = (size_t) (text.p - value->data);

    return 1;
}


static int
bigcache_dict_key(bigcache_dict_text_t *text, bigcache_str_t *key)
{
    key->data = text->p;

    if (!bigcache_dict_is(text, "abcdefghijklmnopqrstuvwxyz*")) {
        return 0;
    }

    bigcache_dict_skip(text, "abcdefghijklmnopqrstuvwxyz0123456789_-.*");

    key->len = (size_t) (text->p - key->data);

    return 1;
}


/* a key alone is true */

static int
bigcache_dict_value(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member)
{
    if (bigcache_dict_take(text, "=")) {
        return bigcache_dict_member(text, member);
    }

    member->type = BIGCACHE_DICT_BOOLEAN;
    member->number = 1;

    return bigcache_dict_parameters(text);
}


/* an item or an inner list, and its parameters */

static int
bigcache_dict_member(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member)
{
    if (bigcache_dict_take(text, "(")) {
        member->type = BIGCACHE_DICT_OTHER;

        return bigcache_dict_list(text) && bigcache_dict_parameters(text);
    }

    return bigcache_dict_item(text, member) && bigcache_dict_parameters(text);
}


static int
bigcache_dict_list(bigcache_dict_text_t *text)
{
    bigcache_dict_member_t  item;

    for ( ;; ) {
        bigcache_dict_skip(text, " ");

        if (bigcache_dict_take(text, ")")) {
            return 1;
        }

        if (!bigcache_dict_item(text, &item)
            || !bigcache_dict_parameters(text)
            || !bigcache_dict_is(text, " )"))
        {
            return 0;
        }
    }
}


static int
bigcache_dict_parameters(bigcache_dict_text_t *text)
{
    bigcache_dict_member_t  item;

    while (bigcache_dict_take(text, ";")) {

        bigcache_dict_skip(text, " ");

        if (!bigcache_dict_key(text, &item.key)) {
            return 0;
        }

        if (bigcache_dict_take(text, "=")
            && !bigcache_dict_item(text, &item))
        {
            return 0;
        }
    }

    return 1;
}


static int
bigcache_dict_item(bigcache_dict_text_t *text, bigcache_dict_member_t *member)
{
    u_char  c;

    if (text->p == text->last) {
        return 0;
    }

    member->type = BIGCACHE_DICT_OTHER;

    switch (*text->p) {

    case '"':
        return bigcache_dict_string(text, member);

    case ':':
        return bigcache_dict_bytes(text);

    case '%':
        return bigcache_dict_display(text);

    case '?':
        text->p++;

        if (!bigcache_dict_is(text, "01")) {
            return 0;
        }

        member->type = BIGCACHE_DICT_BOOLEAN;
        member->number = *text->p++ - '0';

        return 1;

    case '@':

        /* a date, which is an integer */

        text->p++;

        if (!bigcache_dict_number(text, member)
            || member->type != BIGCACHE_DICT_INTEGER)
        {
            return 0;
        }

        member->type = BIGCACHE_DICT_OTHER;

        return 1;
    }

    c = *text->p;

    if (c == '-' || (c >= '0' && c <= '9')) {
        return bigcache_dict_number(text, member);
    }

    return bigcache_dict_token(text);
}


static int
bigcache_dict_number(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member)
{
    int            negative;
    const u_char  *begin;

    negative = bigcache_dict_is(text, "-");
    text->p += negative;

    member->type = BIGCACHE_DICT_INTEGER;
    member->number = 0;

    for (begin = text->p; bigcache_dict_is(text, "0123456789"); text->p++) {

        if (text->p - begin == BIGCACHE_DICT_DIGITS) {
            return 0;
        }

        member->number = member->number * 10 + (*text->p - '0');
    }

    if (text->p == begin) {
        return 0;
    }

    if (negative) {
        member->number = -member->number;
    }

    if (!bigcache_dict_is(text, ".")) {
        return 1;
    }

    if (text->p - begin > BIGCACHE_DICT_DECIMAL) {
        return 0;
    }

    member->type = BIGCACHE_DICT_OTHER;
    begin = ++text->p;

    bigcache_dict_skip(text, "0123456789");

    return text->p > begin && text->p - begin <= BIGCACHE_DICT_FRACTION;
}


static int
bigcache_dict_string(bigcache_dict_text_t *text,
    bigcache_dict_member_t *member)
{
    member->type = BIGCACHE_DICT_STRING;
    member->text.data = ++text->p;

    for ( /* void */ ; text->p < text->last; text->p++) {

        if (*text->p == '"') {
            member->text.len = (size_t) (text->p - member->text.data);
            text->p++;
            return 1;
        }

        if (*text->p == '\\') {
            text->p++;

            if (!bigcache_dict_is(text, "\"\\")) {
                return 0;
            }
        }

        if (*text->p < 0x20 || *text->p > 0x7e) {
            return 0;
        }
    }

    return 0;
}


/* %"..." with escapes of lower case; whether it is UTF-8 does not matter */

static int
bigcache_dict_display(bigcache_dict_text_t *text)
{
    unsigned  i;

    text->p++;

    if (!bigcache_dict_take(text, "\"")) {
        return 0;
    }

    for ( /* void */ ; text->p < text->last; text->p++) {

        if (*text->p == '"') {
            text->p++;
            return 1;
        }

        for (i = (*text->p == '%') ? 2 : 0; i; i--) {
            text->p++;

            if (!bigcache_dict_is(text, "0123456789abcdef")) {
                return 0;
            }
        }

        if (*text->p < 0x20 || *text->p > 0x7e) {
            return 0;
        }
    }

    return 0;
}


static int
bigcache_dict_bytes(bigcache_dict_text_t *text)
{
    text->p++;

    bigcache_dict_skip(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz0123456789+/=");

    return bigcache_dict_take(text, ":");
}


static int
bigcache_dict_token(bigcache_dict_text_t *text)
{
    u_char  c;

    c = *text->p;

    if (c != '*' && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z')) {
        return 0;
    }

    while (text->p < text->last
           && (bigcache_field_token(*text->p) || bigcache_dict_is(text, ":/")))
    {
        text->p++;
    }

    return 1;
}


static void
bigcache_dict_skip(bigcache_dict_text_t *text, const char *chars)
{
    while (bigcache_dict_take(text, chars)) { /* void */ }
}


/* moves behind the next byte, and returns 1, if it is one of these, or 0 */

static int
bigcache_dict_take(bigcache_dict_text_t *text, const char *chars)
{
    int  is;

    is = bigcache_dict_is(text, chars);
    text->p += is;

    return is;
}


/* returns 1 if the next byte is one of these */

static int
bigcache_dict_is(const bigcache_dict_text_t *text, const char *chars)
{
    return text->p < text->last && *text->p && strchr(chars, *text->p);
}


/*
 * Copyright (C) bigcache contributors
 */


/* reads the tags that a header field names */


#include <string.h>

#include "bigcache_dict.h"
#include "bigcache_field.h"
#include "bigcache_tag_field.h"


static int bigcache_tag_field_part(const char *separators,
    const bigcache_str_t *value, size_t *at, bigcache_str_t *tag);
static int bigcache_tag_field_group(const bigcache_str_t *value, size_t *at,
    u_char *data, bigcache_str_t *tag);
static int bigcache_tag_field_is_list(const bigcache_str_t *value);


int
bigcache_tag_field_next(unsigned style, const bigcache_str_t *value,
    size_t *at, u_char *data, bigcache_str_t *tag)
{
    switch (style) {

    case BIGCACHE_TAG_FIELD_COMMAS:
        return bigcache_tag_field_part(",", value, at, tag);

    case BIGCACHE_TAG_FIELD_XKEY:
        return bigcache_tag_field_part(" \t,", value, at, tag);

    case BIGCACHE_TAG_FIELD_GROUPS:
        return bigcache_tag_field_group(value, at, data, tag);

    default:
        return bigcache_tag_field_part(" \t", value, at, tag);
    }
}


const char *
bigcache_tag_field_add(bigcache_tags_writer_t *writer, unsigned style,
    const bigcache_str_t *value)
{
    size_t          at;
    u_char          data[BIGCACHE_TAG_FIELD_DATA];
    const char     *wrong;
    bigcache_str_t  tag;

    at = 0;

    while (bigcache_tag_field_next(style, value, &at, data, &tag)) {

        wrong = bigcache_tags_add(writer, &tag);

        if (wrong) {
            return wrong;
        }
    }

    return NULL;
}


/* quotes mean nothing in these fields: they are part of the tag */

static int
bigcache_tag_field_part(const char *separators, const bigcache_str_t *value,
    size_t *at, bigcache_str_t *tag)
{
    u_char          c;
    size_t          begin;
    bigcache_str_t  part;

    while (*at < value->len) {

        for (begin = *at; *at < value->len; (*at)++) {
            c = value->data[*at];

            if (c != '\0' && strchr(separators, c)) {
                break;
            }
        }

        part = bigcache_str(value->data + begin, *at - begin);

        *tag = bigcache_field_trim(&part);
        (*at)++;

        if (tag->len) {
            return 1;
        }
    }

    return 0;
}


static int
bigcache_tag_field_group(const bigcache_str_t *value, size_t *at,
    u_char *data, bigcache_str_t *tag)
{
    size_t                  i;
    bigcache_dict_member_t  member;

    if (*at == 0 && !bigcache_tag_field_is_list(value)) {
        return 0;
    }

    do {
        if (bigcache_dict_next_item(value, at, &member) != 1) {
            return 0;
        }

    } while (member.text.len == 0);

    *tag = bigcache_str(data, 0);

    for (i = 0; i < member.text.len && tag->len < BIGCACHE_TAG_FIELD_DATA; i++)
    {
        if (member.text.data[i] == '\\') {
            i++;
        }

        data[tag->len++] = member.text.data[i];
    }

    return 1;
}


/* returns 1 if the value is a list of nothing but strings, or 0 */

static int
bigcache_tag_field_is_list(const bigcache_str_t *value)
{
    int                     rc;
    size_t                  at;
    bigcache_dict_member_t  member;

    at = 0;

    do {
        rc = bigcache_dict_next_item(value, &at, &member);

        if (rc == 1 && member.type != BIGCACHE_DICT_STRING) {
            return 0;
        }

    } while (rc == 1);

    return rc == 0;
}

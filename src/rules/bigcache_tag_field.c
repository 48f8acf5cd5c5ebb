
/*
 * Copyright (C) bigcache contributors
 */


/* reads the tags that a header field names */


#include <string.h>

#include "bigcache_dict.h"
#include "bigcache_field.h"
#include "bigcache_tag_field.h"


static const char *bigcache_tag_field_split(bigcache_tags_writer_t *writer,
    const char *separators, const bigcache_str_t *value);
static const char *bigcache_tag_field_groups(bigcache_tags_writer_t *writer,
    const bigcache_str_t *value);
static int bigcache_tag_field_is_list(const bigcache_str_t *value);
static const char *bigcache_tag_field_string(bigcache_tags_writer_t *writer,
    const bigcache_str_t *text);


const char *
bigcache_tag_field_add(bigcache_tags_writer_t *writer, unsigned style,
    const bigcache_str_t *value)
{
    switch (style) {

    case BIGCACHE_TAG_FIELD_COMMAS:
        return bigcache_tag_field_split(writer, ",", value);

    case BIGCACHE_TAG_FIELD_XKEY:
        return bigcache_tag_field_split(writer, " \t,", value);

    case BIGCACHE_TAG_FIELD_GROUPS:
        return bigcache_tag_field_groups(writer, value);

    default:
        return bigcache_tag_field_split(writer, " \t", value);
    }
}


/* quotes mean nothing in these fields: they are part of the tag */

static const char *
bigcache_tag_field_split(bigcache_tags_writer_t *writer,
    const char *separators, const bigcache_str_t *value)
{
    size_t           at;
    const char      *wrong;
    bigcache_str_t   part, tag;

    for (at = 0; at < value->len; at++) {

        part.data = value->data + at;

        while (at < value->len
               && (value->data[at] == '\0'
                   || strchr(separators, value->data[at]) == NULL))
        {
            at++;
        }

        part.len = (size_t) (value->data + at - part.data);
        tag = bigcache_field_trim(&part);

        if (tag.len == 0) {
            continue;
        }

        wrong = bigcache_tags_add(writer, &tag);

        if (wrong) {
            return wrong;
        }
    }

    return NULL;
}


static const char *
bigcache_tag_field_groups(bigcache_tags_writer_t *writer,
    const bigcache_str_t *value)
{
    size_t                   at;
    const char              *wrong;
    bigcache_dict_member_t   member;

    if (!bigcache_tag_field_is_list(value)) {
        return NULL;
    }

    at = 0;

    while (bigcache_dict_next_item(value, &at, &member) == 1) {

        if (member.text.len == 0) {
            continue;
        }

        wrong = bigcache_tag_field_string(writer, &member.text);

        if (wrong) {
            return wrong;
        }
    }

    return NULL;
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


/* adds a string without its escapes; a longer one is too long as a tag, too */

static const char *
bigcache_tag_field_string(bigcache_tags_writer_t *writer,
    const bigcache_str_t *text)
{
    size_t          i;
    u_char          plain[BIGCACHE_TAG_MAX + 1];
    bigcache_str_t  tag;

    tag.data = plain;
    tag.len = 0;

    for (i = 0; i < text->len && tag.len < sizeof(plain); i++) {

        if (text->data[i] == '\\') {
            i++;
        }

        plain[tag.len++] = text->data[i];
    }

    return bigcache_tags_add(writer, &tag);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes the documents to store, and finds the value in a stored one.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_json_string.h"


static u_char *bigcache_answer_append(u_char *p, const bigcache_str_t *s);


const bigcache_str_t  bigcache_answer_null = bigcache_string("null");
const bigcache_str_t  bigcache_answer_end = bigcache_string("}");

static const bigcache_str_t  bigcache_answer_key =
    bigcache_string("{\"key\":\"");
static const bigcache_str_t  bigcache_answer_key_end =
    bigcache_string("\",");
static const bigcache_str_t  bigcache_answer_name =
    bigcache_string("\"value\":");
static const bigcache_str_t  bigcache_answer_expire =
    bigcache_string(",\"expire\":");
static const bigcache_str_t  bigcache_answer_duration =
    bigcache_string(",\"duration\":");


int
bigcache_answer(bigcache_answer_t *answer)
{
    u_char                *p;
    const bigcache_str_t  *duration;

    duration = answer->duration.data ? &answer->duration
                                     : &bigcache_answer_null;

    answer->head = bigcache_answer_key.len
                   + bigcache_json_string_len(&answer->key)
                   + bigcache_answer_key_end.len;

    answer->body = answer->head + bigcache_answer_name.len;
    answer->shown = bigcache_answer_expire.len + answer->expire.len;

    answer->size = answer->body + answer->shown
                   + bigcache_answer_duration.len + duration->len
                   + bigcache_answer_end.len;

    if (!answer->external) {
        answer->size += answer->value.len;
    }

    answer->memory = malloc(answer->size);
    if (answer->memory == NULL) {
        return -1;
    }

    p = bigcache_answer_append(answer->memory, &bigcache_answer_key);
    p = bigcache_json_string(p, &answer->key);
    p = bigcache_answer_append(p, &bigcache_answer_key_end);
    p = bigcache_answer_append(p, &bigcache_answer_name);

    if (!answer->external) {
        p = bigcache_answer_append(p, &answer->value);
    }

    p = bigcache_answer_append(p, &bigcache_answer_expire);
    p = bigcache_answer_append(p, &answer->expire);
    p = bigcache_answer_append(p, &bigcache_answer_duration);
    p = bigcache_answer_append(p, duration);
    (void) bigcache_answer_append(p, &bigcache_answer_end);

    return 0;
}


int
bigcache_answer_short(bigcache_answer_t *answer)
{
    u_char  *p;

    /*
     * the expire member begins with a comma, after the closing quote of the
     * key
     */

    answer->size = bigcache_answer_key.len
                   + bigcache_json_string_len(&answer->key) + 1
                   + bigcache_answer_expire.len + answer->expire.len
                   + bigcache_answer_end.len;

    answer->memory = malloc(answer->size);
    if (answer->memory == NULL) {
        return -1;
    }

    p = bigcache_answer_append(answer->memory, &bigcache_answer_key);
    p = bigcache_json_string(p, &answer->key);
    *p++ = '"';
    p = bigcache_answer_append(p, &bigcache_answer_expire);
    p = bigcache_answer_append(p, &answer->expire);
    (void) bigcache_answer_append(p, &bigcache_answer_end);

    return 0;
}


size_t
bigcache_answer_value(size_t head)
{
    return head + bigcache_answer_name.len;
}


const u_char *
bigcache_answer_behind(const bigcache_str_t *end)
{
    size_t                 i;
    const bigcache_str_t  *name;

    name = &bigcache_answer_expire;

    /*
     * searches from the end: no JSON string after the name can have its quotes
     */

    for (i = end->len; i >= name->len; i--) {
        if (memcmp(end->data + i - name->len, name->data, name->len) == 0) {
            return end->data + i - name->len;
        }
    }

    return NULL;
}


static u_char *
bigcache_answer_append(u_char *p, const bigcache_str_t *s)
{
    return (u_char *) memcpy(p, s->data, s->len) + s->len;
}

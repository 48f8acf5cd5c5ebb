
/*
 * Copyright (C) bigcache contributors
 */


/* reads the directives of Cache-Control and of targeted fields */


#include <string.h>

#include "bigcache_control.h"
#include "bigcache_dict.h"
#include "bigcache_field.h"


/* a directive with a flag, or one with a number of seconds at an offset */

typedef struct {
    const char  *name;
    unsigned     flag;
    size_t       offset;
} bigcache_control_directive_t;


static const bigcache_control_directive_t *bigcache_control_find(
    const bigcache_str_t *name);
static int64_t *bigcache_control_seconds(bigcache_control_t *control,
    const bigcache_control_directive_t *directive);
static int bigcache_control_names_fields(const bigcache_str_t *name);


static const bigcache_control_directive_t  bigcache_control_directives[] = {

    { "no-store", BIGCACHE_CONTROL_NO_STORE, 0 },
    { "no-cache", BIGCACHE_CONTROL_NO_CACHE, 0 },
    { "private", BIGCACHE_CONTROL_PRIVATE, 0 },
    { "public", BIGCACHE_CONTROL_PUBLIC, 0 },
    { "must-revalidate", BIGCACHE_CONTROL_MUST_REVALIDATE, 0 },
    { "proxy-revalidate", BIGCACHE_CONTROL_PROXY_REVALIDATE, 0 },
    { "must-understand", BIGCACHE_CONTROL_MUST_UNDERSTAND, 0 },
    { "no-transform", BIGCACHE_CONTROL_NO_TRANSFORM, 0 },
    { "only-if-cached", BIGCACHE_CONTROL_ONLY_IF_CACHED, 0 },

    { "max-age", 0, offsetof(bigcache_control_t, max_age) },
    { "s-maxage", 0, offsetof(bigcache_control_t, s_maxage) },
    { "stale-while-revalidate", 0,
      offsetof(bigcache_control_t, stale_while_revalidate) },
    { "stale-if-error", 0, offsetof(bigcache_control_t, stale_if_error) },
    { "min-fresh", 0, offsetof(bigcache_control_t, min_fresh) },

    { NULL, 0, 0 }
};


void
bigcache_control_init(bigcache_control_t *control)
{
    control->flags = 0;
    control->max_age = BIGCACHE_CONTROL_NONE;
    control->s_maxage = BIGCACHE_CONTROL_NONE;
    control->stale_while_revalidate = BIGCACHE_CONTROL_NONE;
    control->stale_if_error = BIGCACHE_CONTROL_NONE;
    control->min_fresh = BIGCACHE_CONTROL_NONE;
}


void
bigcache_control_add(bigcache_control_t *control, const bigcache_str_t *line)
{
    size_t                               at;
    int64_t                             *seconds;
    bigcache_str_t                       member;
    bigcache_field_member_t              split;
    const bigcache_control_directive_t  *directive;

    for (at = 0; bigcache_field_next(line, &at, &member); /* void */ ) {

        bigcache_field_split(&member, &split);
        directive = bigcache_control_find(&split.name);

        if (directive == NULL) {
            continue;
        }

        if (directive->flag) {
            control->flags |= (split.given && split.value.len
                               && bigcache_control_names_fields(&split.name))
                              ? BIGCACHE_CONTROL_FIELDS : directive->flag;
            continue;
        }

        seconds = bigcache_control_seconds(control, directive);

        if (*seconds == BIGCACHE_CONTROL_NONE
            && bigcache_field_seconds(&split.value, seconds) == -1)
        {
            /* stale is safer than fresh */

            *seconds = 0;
        }
    }
}


int
bigcache_control_targeted(bigcache_control_t *control,
    const bigcache_str_t *value)
{
    int                                  rc;
    size_t                               at;
    bigcache_dict_member_t               member;
    const bigcache_control_directive_t  *directive;

    bigcache_control_init(control);

    at = 0;

    while ((rc = bigcache_dict_next(value, &at, &member)) == 1) {

        directive = bigcache_control_find(&member.key);

        if (directive == NULL) {
            continue;
        }

        if (directive->flag) {

            if (member.type != BIGCACHE_DICT_BOOLEAN) {
                return -1;
            }

            control->flags &= ~directive->flag;
            control->flags |= member.number ? directive->flag : 0;

            continue;
        }

        if (member.type != BIGCACHE_DICT_INTEGER || member.number < 0) {
            return -1;
        }

        *bigcache_control_seconds(control, directive)
            = (member.number < BIGCACHE_FIELD_SECONDS_MAX)
              ? member.number : BIGCACHE_FIELD_SECONDS_MAX;
    }

    return (rc == 0 && at) ? 0 : -1;
}


int
bigcache_control_withholds(const bigcache_str_t *line,
    const bigcache_str_t *name)
{
    size_t                   at;
    bigcache_str_t           member;
    bigcache_field_member_t  split;

    for (at = 0; bigcache_field_next(line, &at, &member); /* void */ ) {

        bigcache_field_split(&member, &split);

        if (!split.given || !bigcache_control_names_fields(&split.name)) {
            continue;
        }

        /* a backslash may be part of any name: withholds all fields */

        if (bigcache_field_lists(&split.value, name)
            || (split.value.len
                && memchr(split.value.data, '\\', split.value.len)))
        {
            return 1;
        }
    }

    return 0;
}


static const bigcache_control_directive_t *
bigcache_control_find(const bigcache_str_t *name)
{
    const bigcache_control_directive_t  *directive;

    for (directive = bigcache_control_directives;
         directive->name;
         directive++)
    {
        if (bigcache_field_is(name, directive->name)) {
            return directive;
        }
    }

    return NULL;
}


static int64_t *
bigcache_control_seconds(bigcache_control_t *control,
    const bigcache_control_directive_t *directive)
{
    return (int64_t *) (void *) ((u_char *) control + directive->offset);
}


static int
bigcache_control_names_fields(const bigcache_str_t *name)
{
    return bigcache_field_is(name, "no-cache")
           || bigcache_field_is(name, "private");
}

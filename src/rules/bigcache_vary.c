
/*
 * Copyright (C) bigcache contributors
 */


/* reads Vary, and makes equal values of a field the same bytes */


#include <string.h>

#include "bigcache_field.h"
#include "bigcache_vary.h"


static int bigcache_vary_is_name(const bigcache_str_t *member);
static void bigcache_vary_insert(bigcache_vary_t *vary,
    const bigcache_str_t *name);


void
bigcache_vary_init(bigcache_vary_t *vary)
{
    memset(vary, 0, sizeof(bigcache_vary_t));
}


void
bigcache_vary_add(bigcache_vary_t *vary, const bigcache_str_t *line)
{
    size_t          at, i;
    u_char         *dst;
    bigcache_str_t  member, name;

    for (at = 0; bigcache_field_next(line, &at, &member); /* void */ ) {

        if (bigcache_field_is(&member, "accept-encoding")) {
            continue;
        }

        if (!bigcache_vary_is_name(&member)
            || member.len > BIGCACHE_VARY_MEMORY - vary->len)
        {
            vary->any = 1;
            return;
        }

        dst = vary->memory + vary->len;

        for (i = 0; i < member.len; i++) {
            dst[i] = member.data[i];

            if (dst[i] >= 'A' && dst[i] <= 'Z') {
                dst[i] |= 0x20;
            }
        }

        name = bigcache_str(dst, member.len);
        bigcache_vary_insert(vary, &name);
    }
}


size_t
bigcache_vary_normalize(u_char *dst, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    size_t          at, len;
    bigcache_str_t  member;

    len = 0;

    if (!bigcache_field_is(name, "accept")
        && !bigcache_field_is(name, "accept-charset")
        && !bigcache_field_is(name, "accept-language"))
    {
        member = bigcache_field_trim(value);

        if (member.len) {
            memcpy(dst, member.data, member.len);
        }

        return member.len;
    }

    for (at = 0; bigcache_field_next(value, &at, &member); /* void */ ) {

        if (len) {
            dst[len++] = ',';
        }

        memcpy(dst + len, member.data, member.len);
        len += member.len;
    }

    return len;
}


/* "*" is a token, but no name here */

static int
bigcache_vary_is_name(const bigcache_str_t *member)
{
    size_t  i;

    for (i = 0; i < member->len; i++) {
        if (!bigcache_field_token(member->data[i])) {
            return 0;
        }
    }

    return !(member->len == 1 && member->data[0] == '*');
}


/* keeps the order, and the name's bytes unless the name is there already */

static void
bigcache_vary_insert(bigcache_vary_t *vary, const bigcache_str_t *name)
{
    int       order;
    unsigned  i;

    for (i = 0; i < vary->n; i++) {

        order = bigcache_str_compare(&vary->names[i], name);

        if (order == 0) {
            return;
        }

        if (order > 0) {
            break;
        }
    }

    if (vary->n == BIGCACHE_VARY_MAX) {
        vary->any = 1;
        return;
    }

    memmove(&vary->names[i + 1], &vary->names[i],
            (vary->n - i) * sizeof(bigcache_str_t));

    vary->names[i] = *name;
    vary->len += name->len;
    vary->n++;
}

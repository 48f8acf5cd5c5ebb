
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are a list of directives: the seconds are in their range, and two
 * lines say what one line with both says.  As a dictionary they are refused,
 * or say nothing that the range forbids.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_control.h"
#include "bigcache_field.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void check(const bigcache_control_t *control);
static void check_seconds(int64_t seconds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               at, begin;
    u_char              *in;
    bigcache_str_t       line, member;
    bigcache_control_t   whole, parts;

    static const bigcache_str_t  name = bigcache_string("set-cookie");

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    line.data = in;
    line.len = size;

    /* the bytes between the members, too, are compared */

    memset(&whole, 0, sizeof(bigcache_control_t));
    memset(&parts, 0, sizeof(bigcache_control_t));

    bigcache_control_init(&whole);
    bigcache_control_add(&whole, &line);
    check(&whole);

    bigcache_control_init(&parts);

    for (at = 0, begin = 0;
         bigcache_field_next(&line, &at, &member);
         begin = at)
    {
        if (at <= begin || member.data < in
            || member.data + member.len > in + size)
        {
            abort();
        }

        bigcache_control_add(&parts, &member);
    }

    if (memcmp(&whole, &parts, sizeof(bigcache_control_t)) != 0) {
        abort();
    }

    (void) bigcache_control_withholds(&line, &name);

    if (bigcache_control_targeted(&whole, &line) == 0) {
        check(&whole);
    }

    free(in);

    return 0;
}


static void
check(const bigcache_control_t *control)
{
    check_seconds(control->max_age);
    check_seconds(control->s_maxage);
    check_seconds(control->stale_while_revalidate);
    check_seconds(control->stale_if_error);
    check_seconds(control->min_fresh);
}


static void
check_seconds(int64_t seconds)
{
    if (seconds < BIGCACHE_CONTROL_NONE
        || seconds > BIGCACHE_FIELD_SECONDS_MAX)
    {
        abort();
    }
}

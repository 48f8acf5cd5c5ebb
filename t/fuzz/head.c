
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are the head of a page, or are refused: all fields are inside, and
 * the same when they are written again.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_head.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   at, sum;
    u_char                  *in, out[BIGCACHE_HEAD_MAX];
    bigcache_str_t           name, value;
    bigcache_head_t          head, again;
    bigcache_head_writer_t   writer;

    if (size > BIGCACHE_HEAD_MAX) {
        return 0;
    }

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    if (bigcache_head_decode(&head, in, size) == 0) {

        bigcache_head_begin(&writer, out, &head);

        for (at = 0, sum = 0;
             bigcache_head_next(&head, &at, &name, &value);
             sum += 4 + name.len + value.len)
        {
            bigcache_head_add(&writer, &name, &value);
        }

        if (sum != head.fields.len
            || writer.full
            || writer.len != size
            || memcmp(out, in, size) != 0
            || bigcache_head_decode(&again, out, writer.len) == -1)
        {
            abort();
        }

        (void) bigcache_head_find(&head, "etag", &value);
    }

    free(in);

    return 0;
}

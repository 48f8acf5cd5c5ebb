
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes of a server either are no page, or all of the page lies in them,
 * and its front encodes to what they begin with.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const bigcache_str_t *part, const u_char *in, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char            *in, *out;
    size_t             front;
    bigcache_value_t   value;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    if (size && (in[size - 1] & 1)) {
        value_seal(in, size);
    }

    if (bigcache_value_decode(&value, in, size, 1, &front)
        == BIGCACHE_VALUE_OK)
    {
        inside(&value.tags, in, size);
        inside(&value.type, in, size);
        inside(&value.body, in, size);

        if (bigcache_value_front(&value) != front || front > size) {
            abort();
        }

        out = malloc(front);

        if (out) {

            /* bytes that mean nothing are written as zeroes */

            bigcache_value_encode(out, &value);

            if (memcmp(in, out, 112) != 0) {
                abort();
            }
        }

        free(out);
    }

    free(in);

    return 0;
}


static void
inside(const bigcache_str_t *part, const u_char *in, size_t size)
{
    if (part->data
        && (part->data < in || part->data + part->len > in + size))
    {
        abort();
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes either are no date, or are one that is the same when it is written
 * and read again.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_date.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *in, out[BIGCACHE_DATE_LEN];
    int64_t          seconds, again;
    bigcache_str_t   text;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    text.data = in;
    text.len = size;

    if (bigcache_date_parse(&text, 1795824000, &seconds) == 0) {

        if (bigcache_date_format(out, seconds) != out + BIGCACHE_DATE_LEN) {
            abort();
        }

        text.data = out;
        text.len = BIGCACHE_DATE_LEN;

        /* the second after the last one can be read, but not be written */

        if (seconds <= INT64_C(253402300799)
            && (bigcache_date_parse(&text, 1795824000, &again) != 0
                || again != seconds))
        {
            abort();
        }
    }

    free(in);

    return 0;
}

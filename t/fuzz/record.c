
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes either are no record, or are the record that encodes to them.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_record.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char             *in, *out, *body;
    bigcache_record_t   record;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    /* else hardly any input would come past the checksum */

    if (size >= BIGCACHE_RECORD_HEADER && (in[size - 1] & 1)) {
        bigcache_record_seal(in, size);
    }

    if (bigcache_record_decode(&record, in, size) == 0) {

        if (bigcache_record_size(&record) != size) {
            abort();
        }

        out = malloc(size);

        if (out) {
            body = bigcache_record_encode(out, &record);

            if ((size_t) (body - out) + record.body.len != size) {
                abort();
            }

            if (record.body.len) {
                memcpy(body, record.body.data, record.body.len);
            }

            bigcache_record_seal(out, size);

            if (memcmp(in, out, size) != 0) {
                abort();
            }
        }

        free(out);
    }

    free(in);

    return 0;
}

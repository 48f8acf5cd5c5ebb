
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes either are no head of an entry, or are the one that encodes to
 * them; the checksum is made right for half of the inputs.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_crc.h"
#include "bigcache_segment.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             head;
    u_char            *in, *out;
    bigcache_entry_t   entry;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    if (size >= BIGCACHE_ENTRY_HEADER && (in[size - 1] & 1)) {

        memset(&entry, 0, sizeof(bigcache_entry_t));
        entry.record.type.len = bigcache_get16(in + 14);
        entry.record.tags.len = bigcache_get16(in + 54);
        entry.record.flags = in[53];

        head = bigcache_segment_entry_header(bigcache_get16(in + 12),
                                             &entry.record);
        if (head <= size) {
            (void) bigcache_put32(in + 4, bigcache_crc(0, in + 8,
                                                       head - 8));
        }
    }

    if (bigcache_segment_decode(&entry, in, size) == 0) {

        head = bigcache_segment_entry_header(entry.key.len, &entry.record);
        if (head > size) {
            abort();
        }

        out = malloc(head);

        if (out) {
            if (bigcache_segment_encode(out, &entry) != out + head) {
                abort();
            }

            if (memcmp(in, out, head) != 0) {
                abort();
            }
        }

        free(out);
    }

    free(in);

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


#ifndef _VALUE_H_INCLUDED_
#define _VALUE_H_INCLUDED_


#include "bigcache_crc.h"
#include "bigcache_value.h"


/* makes checksums right: else hardly any input would come past them */

static void
value_seal(u_char *in, size_t size)
{
    size_t            front;
    bigcache_value_t  value;

    if (size < BIGCACHE_VALUE_HEADER) {
        return;
    }

    (void) bigcache_value_decode(&value, in, size, 0, &front);

    if (value.tags.data) {
        value.crc = bigcache_crc(0, in + front, size - front);
        bigcache_value_encode(in, &value);
    }
}


#endif /* _VALUE_H_INCLUDED_ */

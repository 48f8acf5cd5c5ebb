
/*
 * Copyright (C) bigcache contributors
 */


/*
 * CRC-32, by libdeflate.
 */


#include <libdeflate.h>

#include "bigcache_crc.h"


uint32_t
bigcache_crc(uint32_t crc, const u_char *data, size_t len)
{
    return libdeflate_crc32(crc, data, len);
}

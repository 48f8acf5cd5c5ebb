
/*
 * Copyright (C) bigcache contributors
 */


/*
 * SipHash-1-3, a hash with a secret.
 */


#include <endian.h>
#include <string.h>

#include "bigcache_siphash.h"


static uint64_t bigcache_rotl(uint64_t x, unsigned n);
static void bigcache_sip_round(uint64_t v[4]);


uint64_t
bigcache_siphash(const uint64_t secret[2], const u_char *data, size_t len)
{
    size_t    left;
    uint64_t  m, v[4];

    v[0] = secret[0] ^ 0x736f6d6570736575ULL;
    v[1] = secret[1] ^ 0x646f72616e646f6dULL;
    v[2] = secret[0] ^ 0x6c7967656e657261ULL;
    v[3] = secret[1] ^ 0x7465646279746573ULL;

    for (left = len; left >= sizeof(m); left -= sizeof(m)) {

        memcpy(&m, data, sizeof(m));
        m = le64toh(m);
        data += sizeof(m);

        v[3] ^= m;
        bigcache_sip_round(v);
        v[0] ^= m;
    }

    m = 0;

    if (left) {
        memcpy(&m, data, left);
    }

    m = le64toh(m) | (uint64_t) len << 56;

    v[3] ^= m;
    bigcache_sip_round(v);
    v[0] ^= m;

    v[2] ^= 0xff;

    bigcache_sip_round(v);
    bigcache_sip_round(v);
    bigcache_sip_round(v);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static uint64_t
bigcache_rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}


static void
bigcache_sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = bigcache_rotl(v[1], 13) ^ v[0];
    v[0] = bigcache_rotl(v[0], 32);

    v[2] += v[3];
    v[3] = bigcache_rotl(v[3], 16) ^ v[2];

    v[0] += v[3];
    v[3] = bigcache_rotl(v[3], 21) ^ v[0];

    v[2] += v[1];
    v[1] = bigcache_rotl(v[1], 17) ^ v[2];
    v[2] = bigcache_rotl(v[2], 32);
}

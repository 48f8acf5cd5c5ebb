
/*
 * Copyright (C) bigcache contributors
 */


/* Keys that differ little must not share their locks. */


#include <stdio.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_hash.h"
#include "bigcache_key_read.h"
#include "tap.h"


#define LOCKS  BIGCACHE_CORE_LOCKS


static unsigned sharing(const char *format, unsigned n);


int
main(void)
{
    uint64_t  whole, parts;

    /* by chance, about 12 of 1,000 keys share one of 256 locks */

    ok(sharing("%c", LOCKS) <= 8, "keys of one byte");
    ok(sharing("page/%u", 1000) <= 30, "the last digits differ");
    ok(sharing("%u/page", 1000) <= 30, "the first digits differ");
    ok(sharing("/catalogue/data-set/%08u?format=json", 1000) <= 30,
       "the middle differs");

    whole = bigcache_hash(0, "abcdef", 6);
    parts = bigcache_hash(bigcache_hash(0, "abc", 3), "def", 3);

    ok(whole != 0 && parts != 0 && bigcache_hash(0, "", 0) != 0, "never 0");
    ok(bigcache_hash(0, NULL, 0) == bigcache_hash(0, "", 0), "no bytes");
    ok(whole != bigcache_hash(0, "abcdeg", 6), "another byte");
    ok(parts != bigcache_hash(bigcache_hash(0, "abc", 3), "deg", 3),
       "another byte, in parts");

    return done_testing();
}


/* returns how many of n keys share the lock that most of them share */

static unsigned
sharing(const char *format, unsigned n)
{
    char            text[64];
    unsigned        i, most, slot, slots[LOCKS];
    bigcache_str_t  key;

    memset(slots, 0, sizeof(slots));
    key.data = (u_char *) text;
    most = 0;

    for (i = 0; i < n; i++) {
        key.len = (size_t) snprintf(text, sizeof(text), format, i);

        slot = bigcache_key_read_slot(&key);
        most = (++slots[slot] > most) ? slots[slot] : most;
    }

    return most;
}

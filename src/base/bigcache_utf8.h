
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Decodes one character of UTF-8 text.  The JSON scanner refuses malformed
 * text, and the JSON writer replaces it.
 *
 * Pure function: any thread.
 */


#ifndef _BIGCACHE_UTF8_H_INCLUDED_
#define _BIGCACHE_UTF8_H_INCLUDED_


#include <stddef.h>
#include <sys/types.h>


static inline int bigcache_utf8_step(const u_char *p, const u_char *end);


/*
 * p:    the first byte of a character
 * end:  the end of the text, p < end
 *
 * Returns the length of the character in bytes, 1 to 4, or, where the
 * bytes are no UTF-8, minus the length of the part to skip or replace,
 * -1 to -3: the longest prefix of a well-formed character, or else one
 * byte ("maximal subpart", the Unicode Standard, section 3.9).  The
 * ranges are its table 3-7: the second byte alone rules out overlong
 * forms, surrogates, and what lies above U+10FFFF.
 */

static inline int
bigcache_utf8_step(const u_char *p, const u_char *end)
{
    int     i, len;
    u_char  c, low, high;

    c = p[0];

    if (c < 0x80) {
        return 1;
    }

    if (c < 0xc2 || c > 0xf4) {
        return -1;
    }

    len = (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;

    low = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
    high = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;

    for (i = 1; i < len; i++) {

        if (end - p == i || p[i] < low || p[i] > high) {
            return -i;
        }

        low = 0x80;
        high = 0xbf;
    }

    return len;
}


#endif /* _BIGCACHE_UTF8_H_INCLUDED_ */

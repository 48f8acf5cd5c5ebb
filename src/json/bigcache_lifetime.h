
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The three texts of a lifetime: a duration ("28d"), a time in unix seconds as
 * clients write it ("1795331598.25"), and the same time in answers.
 *
 * Times and durations are signed 64-bit numbers of milliseconds.  They never
 * become a double, so milliseconds are kept exactly.  Pure functions without a
 * locale: any thread.
 */


#ifndef _BIGCACHE_LIFETIME_H_INCLUDED_
#define _BIGCACHE_LIFETIME_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


#define BIGCACHE_LIFETIME_OK      0
#define BIGCACHE_LIFETIME_BAD     1
#define BIGCACHE_LIFETIME_RANGE   2


/*
 * The most milliseconds away from zero: the whole seconds in 2^53 ms.  In that
 * range a client that reads numbers as doubles can tell milliseconds apart.
 * The sum of two such numbers does not overflow.
 */

#define BIGCACHE_LIFETIME_MAX_MS  INT64_C(9007199254740000)


/* the most bytes that bigcache_lifetime_print() writes, for any int64_t */

#define BIGCACHE_LIFETIME_LEN     (sizeof("-9223372036854775.808") - 1)


/*
 * text:  begins with decimal digits and one of "s", "m", "h", "d"; the
 *        rest is ignored
 * ms:    set to the duration in milliseconds, 0 to
 *        BIGCACHE_LIFETIME_MAX_MS, if BIGCACHE_LIFETIME_OK is returned
 *
 * Returns BIGCACHE_LIFETIME_OK, BIGCACHE_LIFETIME_BAD if the text begins
 * otherwise (a sign or a space is not allowed), BIGCACHE_LIFETIME_RANGE
 * if the duration is over the maximum.
 */

int bigcache_lifetime_duration(const bigcache_str_t *text, int64_t *ms);


/*
 * text:  a decimal number of unix seconds, of any length: optional white
 *        space around it, sign, fraction, and exponent; digits on one
 *        side of the point are enough
 * ms:    set to the number in milliseconds, rounded down, if
 *        BIGCACHE_LIFETIME_OK is returned
 *
 * Returns BIGCACHE_LIFETIME_OK, BIGCACHE_LIFETIME_BAD if the text is
 * something else, BIGCACHE_LIFETIME_RANGE if the result is more than
 * BIGCACHE_LIFETIME_MAX_MS away from zero.
 */

int bigcache_lifetime_expire(const bigcache_str_t *text, int64_t *ms);


/*
 * dst:  a buffer of at least BIGCACHE_LIFETIME_LEN bytes
 * ms:   milliseconds, any value
 *
 * Writes a JSON number of seconds: an integer if there are no odd
 * milliseconds, else with one to three decimals and no zero at the end.
 * bigcache_lifetime_expire() reads the same number back.
 *
 * Returns the number of bytes written; there is no terminating zero.
 */

size_t bigcache_lifetime_print(u_char *dst, int64_t ms);


#endif /* _BIGCACHE_LIFETIME_H_INCLUDED_ */

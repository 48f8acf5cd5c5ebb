
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Dates of HTTP, RFC 9110, section 5.6.7.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_DATE_H_INCLUDED_
#define _BIGCACHE_DATE_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


/* bytes of a date as bigcache_date_format() writes it */

#define BIGCACHE_DATE_LEN  29


/*
 * Reads a date in one of the three formats that a recipient must accept, the
 * letters in any case, and nothing else around it.  now, in seconds since the
 * epoch, tells the century of a year with two digits.  The name of the day is
 * checked for being one, but not for being the right one.  Returns 0 and
 * *seconds since the epoch, or -1 if the text is no such date.
 */
int bigcache_date_parse(const bigcache_str_t *text, int64_t now,
    int64_t *seconds);

/*
 * Writes a date, as in "Sun, 06 Nov 1994 08:49:37 GMT", to the
 * BIGCACHE_DATE_LEN bytes at dst.  A time that is not in the years 1 to 9999
 * becomes the nearest one that is.  Returns the end.
 */
u_char *bigcache_date_format(u_char *dst, int64_t seconds);


#endif /* _BIGCACHE_DATE_H_INCLUDED_ */

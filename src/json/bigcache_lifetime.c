
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads and writes durations and times, in decimal, without a double.
 */


#include "bigcache_lifetime.h"


/* digits of BIGCACHE_LIFETIME_MAX_MS */

#define BIGCACHE_LIFETIME_DIGITS    16

/*
 * An exponent of this size takes no more digits.  It is more than the number
 * of digits that any text in memory has.  And it is small enough that neither
 * another digit nor adding the number of digits overflows.
 */

#define BIGCACHE_LIFETIME_EXPONENT  INT64_C(100000000000000000)


/* a decimal number: the digits, with at most one point among them */

typedef struct {
    const u_char  *digits;
    const u_char  *end;
    int64_t        exponent;
    int            negative;
} bigcache_lifetime_number_t;


static int64_t bigcache_lifetime_unit(u_char c);
static int bigcache_lifetime_parse(bigcache_lifetime_number_t *number,
    const u_char *p, const u_char *end);
static const u_char *bigcache_lifetime_exponent(int64_t *exponent,
    const u_char *p, const u_char *end);
static int bigcache_lifetime_floor(const bigcache_lifetime_number_t *number,
    int64_t *ms);
static const u_char *bigcache_lifetime_whole(
    const bigcache_lifetime_number_t *number, int64_t *whole);
static int bigcache_lifetime_is_digit(u_char c);
static int bigcache_lifetime_is_space(u_char c);


int
bigcache_lifetime_duration(const bigcache_str_t *text, int64_t *ms)
{
    int64_t        n, unit;
    const u_char  *p, *end;

    p = text->data;
    end = p + text->len;

    if (p == end || !bigcache_lifetime_is_digit(*p)) {
        return BIGCACHE_LIFETIME_BAD;
    }

    for (n = 0; p < end && bigcache_lifetime_is_digit(*p); p++) {

        /* above the maximum only the unit still matters */

        if (n <= BIGCACHE_LIFETIME_MAX_MS) {
            n = n * 10 + (*p - '0');
        }
    }

    unit = (p < end) ? bigcache_lifetime_unit(*p) : 0;

    if (unit == 0) {
        return BIGCACHE_LIFETIME_BAD;
    }

    if (n > BIGCACHE_LIFETIME_MAX_MS / unit) {
        return BIGCACHE_LIFETIME_RANGE;
    }

    *ms = n * unit;

    return BIGCACHE_LIFETIME_OK;
}


/* returns the milliseconds of one unit, 0 if there is no such unit */

static int64_t
bigcache_lifetime_unit(u_char c)
{
    switch (c) {

    case 's':
        return 1000;

    case 'm':
        return 60 * 1000;

    case 'h':
        return 60 * 60 * 1000;

    case 'd':
        return 24 * 60 * 60 * 1000;

    default:
        return 0;
    }
}


int
bigcache_lifetime_expire(const bigcache_str_t *text, int64_t *ms)
{
    const u_char                *p, *end;
    bigcache_lifetime_number_t   number;

    p = text->data;
    end = p + text->len;

    while (p < end && bigcache_lifetime_is_space(*p)) {
        p++;
    }

    while (p < end && bigcache_lifetime_is_space(end[-1])) {
        end--;
    }

    if (bigcache_lifetime_parse(&number, p, end) != BIGCACHE_LIFETIME_OK) {
        return BIGCACHE_LIFETIME_BAD;
    }

    return bigcache_lifetime_floor(&number, ms);
}


/* parses only the syntax: the digits, the sign, and the exponent */

static int
bigcache_lifetime_parse(bigcache_lifetime_number_t *number, const u_char *p,
    const u_char *end)
{
    int  point, digits;

    number->negative = 0;
    number->exponent = 0;

    if (p < end && (*p == '-' || *p == '+')) {
        number->negative = (*p == '-');
        p++;
    }

    number->digits = p;

    for (point = 0, digits = 0; p < end; p++) {

        if (bigcache_lifetime_is_digit(*p)) {
            digits = 1;

        } else if (*p == '.' && !point) {
            point = 1;

        } else {
            break;
        }
    }

    if (!digits) {
        return BIGCACHE_LIFETIME_BAD;
    }

    number->end = p;

    if (p < end && (*p == 'e' || *p == 'E')) {
        p = bigcache_lifetime_exponent(&number->exponent, p + 1, end);
    }

    return (p == end) ? BIGCACHE_LIFETIME_OK : BIGCACHE_LIFETIME_BAD;
}


/* returns the position after the exponent, or NULL if it has no digit */

static const u_char *
bigcache_lifetime_exponent(int64_t *exponent, const u_char *p,
    const u_char *end)
{
    int      negative;
    int64_t  n;

    negative = 0;

    if (p < end && (*p == '-' || *p == '+')) {
        negative = (*p == '-');
        p++;
    }

    if (p == end || !bigcache_lifetime_is_digit(*p)) {
        return NULL;
    }

    for (n = 0; p < end && bigcache_lifetime_is_digit(*p); p++) {

        if (n < BIGCACHE_LIFETIME_EXPONENT) {
            n = n * 10 + (*p - '0');
        }
    }

    *exponent = negative ? -n : n;

    return p;
}


/*
 * Converts seconds to milliseconds in decimal, rounded down.  The digits left
 * of the point are the result.  The others can only make a negative number one
 * smaller.
 */

static int
bigcache_lifetime_floor(const bigcache_lifetime_number_t *number,
    int64_t *ms)
{
    int            rest;
    int64_t        n, whole;
    const u_char  *p;

    n = 0;
    rest = 0;

    p = bigcache_lifetime_whole(number, &whole);

    if (p != number->end && whole > BIGCACHE_LIFETIME_DIGITS) {
        return BIGCACHE_LIFETIME_RANGE;
    }

    for ( /* void */ ; p < number->end && !rest; p++) {

        if (*p == '.') {
            continue;
        }

        if (whole > 0) {
            n = n * 10 + (*p - '0');
            whole--;

        } else if (*p != '0') {
            rest = 1;
        }
    }

    if (n != 0) {
        for ( /* void */ ; whole > 0; whole--) {
            n *= 10;
        }
    }

    if (number->negative) {
        n = -n - rest;
    }

    if (n > BIGCACHE_LIFETIME_MAX_MS || n < -BIGCACHE_LIFETIME_MAX_MS) {
        return BIGCACHE_LIFETIME_RANGE;
    }

    *ms = n;

    return BIGCACHE_LIFETIME_OK;
}


/*
 * Returns the position of the first digit that is not zero, or the end of the
 * number.  Sets "whole" to the number of digits from there to the point, after
 * the exponent has moved the point, and three more for milliseconds.  It may
 * be negative.
 */

static const u_char *
bigcache_lifetime_whole(const bigcache_lifetime_number_t *number,
    int64_t *whole)
{
    int            point;
    const u_char  *p, *first;

    point = 0;
    *whole = number->exponent + 3;

    for (p = number->digits; p < number->end; p++) {

        if (*p == '.') {
            point = 1;

        } else if (*p != '0') {
            break;

        } else if (point) {
            (*whole)--;
        }
    }

    first = p;

    for ( /* void */ ; !point && p < number->end && *p != '.'; p++) {
        (*whole)++;
    }

    return first;
}


size_t
bigcache_lifetime_print(u_char *dst, int64_t ms)
{
    u_char    *p, digits[BIGCACHE_LIFETIME_LEN], *d;
    unsigned   odd, unit;
    uint64_t   n, seconds;

    p = dst;
    n = ms;

    if (ms < 0) {
        n = -n;
        *p++ = '-';
    }

    seconds = n / 1000;
    odd = n % 1000;

    d = digits;

    do {
        *d++ = '0' + seconds % 10;
        seconds /= 10;
    } while (seconds);

    while (d > digits) {
        *p++ = *--d;
    }

    if (odd) {
        *p++ = '.';
    }

    for (unit = 100; odd; unit /= 10) {
        *p++ = '0' + odd / unit;
        odd %= unit;
    }

    return p - dst;
}


static int
bigcache_lifetime_is_digit(u_char c)
{
    return c >= '0' && c <= '9';
}


static int
bigcache_lifetime_is_space(u_char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

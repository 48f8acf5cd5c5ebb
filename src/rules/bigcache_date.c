
/*
 * Copyright (C) bigcache contributors
 */


/* reads and writes the dates of header fields */


#include <string.h>
#include <strings.h>

#include "bigcache_date.h"


#define BIGCACHE_DATE_DAY    86400

/* days from the first of March of the year 0 to the epoch */

#define BIGCACHE_DATE_EPOCH  719468

/* the first and the last second of the years 1 to 9999 */

#define BIGCACHE_DATE_MIN    INT64_C(-62135596800)
#define BIGCACHE_DATE_MAX    INT64_C(253402300799)


typedef struct {
    int64_t   year;
    unsigned  month;    /* 1 to 12 */
    unsigned  day;
    unsigned  hour;
    unsigned  minute;
    unsigned  second;
} bigcache_date_t;


static int bigcache_date_fields(const bigcache_str_t *text, int64_t now,
    bigcache_date_t *date);
static int bigcache_date_match(const bigcache_str_t *text, const char *format,
    bigcache_date_t *date);
static int bigcache_date_digits(const u_char **p, const u_char *last,
    unsigned n, unsigned *value);
static int bigcache_date_name(const u_char **p, const u_char *last,
    const char *const *names, unsigned n, unsigned *index);
static int64_t bigcache_date_century(unsigned year, int64_t now);
static int bigcache_date_valid(const bigcache_date_t *date);
static int64_t bigcache_date_days(int64_t year, unsigned month, unsigned day);
static void bigcache_date_civil(int64_t days, bigcache_date_t *date);
static u_char *bigcache_date_put(u_char *dst, unsigned n, unsigned digits);


static const char *const  bigcache_date_weekdays[] = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
};

static const char *const  bigcache_date_long_weekdays[] = {
    "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday",
    "Wednesday"
};

static const char *const  bigcache_date_months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};


int
bigcache_date_parse(const bigcache_str_t *text, int64_t now, int64_t *seconds)
{
    bigcache_date_t  date;

    memset(&date, 0, sizeof(bigcache_date_t));

    if (!bigcache_date_fields(text, now, &date)
        || !bigcache_date_valid(&date))
    {
        return -1;
    }

    *seconds = bigcache_date_days(date.year, date.month, date.day)
               * BIGCACHE_DATE_DAY
               + date.hour * 3600 + date.minute * 60 + date.second;

    return 0;
}


u_char *
bigcache_date_format(u_char *dst, int64_t seconds)
{
    int64_t          days;
    unsigned         rest;
    bigcache_date_t  date;

    if (seconds < BIGCACHE_DATE_MIN) {
        seconds = BIGCACHE_DATE_MIN;
    }

    if (seconds > BIGCACHE_DATE_MAX) {
        seconds = BIGCACHE_DATE_MAX;
    }

    days = seconds / BIGCACHE_DATE_DAY - (seconds % BIGCACHE_DATE_DAY < 0);
    rest = (unsigned) (seconds - days * BIGCACHE_DATE_DAY);

    bigcache_date_civil(days, &date);

    memcpy(dst, bigcache_date_weekdays[(days % 7 + 7) % 7], 3);
    memcpy(dst + 3, ", ", 2);
    dst = bigcache_date_put(dst + 5, date.day, 2);
    *dst++ = ' ';
    memcpy(dst, bigcache_date_months[date.month - 1], 3);
    dst[3] = ' ';
    dst = bigcache_date_put(dst + 4, (unsigned) date.year, 4);
    *dst++ = ' ';
    dst = bigcache_date_put(dst, rest / 3600, 2);
    *dst++ = ':';
    dst = bigcache_date_put(dst, rest / 60 % 60, 2);
    *dst++ = ':';
    dst = bigcache_date_put(dst, rest % 60, 2);
    memcpy(dst, " GMT", 4);

    return dst + 4;
}


/*
 * In a format w is a weekday, W its long name, d a day of two digits, D one
 * that may begin with a space, m a month, Y a year of four digits, y one of
 * two, h hour, minute and second, G the time zone, and another character
 * itself.
 */

static int
bigcache_date_fields(const bigcache_str_t *text, int64_t now,
    bigcache_date_t *date)
{
    if (bigcache_date_match(text, "w, d m Y h G", date)
        || bigcache_date_match(text, "w m D h Y", date))
    {
        return 1;
    }

    if (!bigcache_date_match(text, "W, d-m-y h G", date)) {
        return 0;
    }

    date->year = bigcache_date_century((unsigned) date->year, now);

    return 1;
}


static int
bigcache_date_match(const bigcache_str_t *text, const char *format,
    bigcache_date_t *date)
{
    int            ok;
    unsigned       n;
    const u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    n = 0;

    for (ok = 1; ok && *format; format++) {

        switch (*format) {

        case 'w':
            ok = bigcache_date_name(&p, last, bigcache_date_weekdays, 7, &n);
            break;

        case 'W':
            ok = bigcache_date_name(&p, last, bigcache_date_long_weekdays, 7,
                                    &n);
            break;

        case 'm':
            ok = bigcache_date_name(&p, last, bigcache_date_months, 12, &n);
            date->month = n + 1;
            break;

        case 'D':
            if (p < last && *p == ' ') {
                p++;
                ok = bigcache_date_digits(&p, last, 1, &date->day);
                break;
            }

            /* fall through */

        case 'd':
            ok = bigcache_date_digits(&p, last, 2, &date->day);
            break;

        case 'Y':
        case 'y':
            ok = bigcache_date_digits(&p, last, (*format == 'Y') ? 4 : 2, &n);
            date->year = n;
            break;

        case 'h':
            ok = bigcache_date_digits(&p, last, 2, &date->hour)
                 && p < last && *p++ == ':'
                 && bigcache_date_digits(&p, last, 2, &date->minute)
                 && p < last && *p++ == ':'
                 && bigcache_date_digits(&p, last, 2, &date->second);
            break;

        case 'G':
            ok = (last - p == 3 && strncasecmp((const char *) p, "GMT", 3)
                                   == 0);
            p = last;
            break;

        default:
            ok = (p < last && *p++ == (u_char) *format);
        }
    }

    return ok && p == last;
}


static int
bigcache_date_digits(const u_char **p, const u_char *last, unsigned n,
    unsigned *value)
{
    if (last - *p < (ptrdiff_t) n) {
        return 0;
    }

    for (*value = 0; n; n--, (*p)++) {

        if (**p < '0' || **p > '9') {
            return 0;
        }

        *value = *value * 10 + (**p - '0');
    }

    return 1;
}


static int
bigcache_date_name(const u_char **p, const u_char *last,
    const char *const *names, unsigned n, unsigned *index)
{
    size_t    len;
    unsigned  i;

    for (i = 0; i < n; i++) {
        len = strlen(names[i]);

        if ((size_t) (last - *p) >= len
            && strncasecmp((const char *) *p, names[i], len) == 0)
        {
            *p += len;
            *index = i;
            return 1;
        }
    }

    *index = 0;

    return 0;
}


/*
 * a year with two digits that seems to be more than 50 years in the future is
 * the latest past year with these digits
 */

static int64_t
bigcache_date_century(unsigned year, int64_t now)
{
    int64_t          full;
    bigcache_date_t  today;

    bigcache_date_civil(now / BIGCACHE_DATE_DAY, &today);

    full = today.year - today.year % 100 + year;

    if (full > today.year + 50) {
        full -= 100;

    } else if (full <= today.year - 50) {
        full += 100;
    }

    return full;
}


/* a leap second is one of the next minute */

static int
bigcache_date_valid(const bigcache_date_t *date)
{
    int       leap;
    unsigned  days;

    static const unsigned  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    leap = (date->year % 4 == 0
            && (date->year % 100 != 0 || date->year % 400 == 0));

    days = lengths[date->month - 1] + (date->month == 2 && leap);

    return date->year > 0
           && date->day > 0 && date->day <= days
           && date->hour < 24
           && date->minute < 60
           && date->second <= 60;
}


/*
 * Days since the epoch, and back, in the proleptic Gregorian calendar, by
 * Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".  Years begin
 * in March there, and eras of 400 years have equal lengths.
 */

static int64_t
bigcache_date_days(int64_t year, unsigned month, unsigned day)
{
    int64_t   era;
    unsigned  of_era, of_year;

    year -= (month <= 2);
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = (unsigned) (year - era * 400);
    of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;

    return era * 146097
           + (int64_t) (of_era * 365 + of_era / 4 - of_era / 100 + of_year)
           - BIGCACHE_DATE_EPOCH;
}


static void
bigcache_date_civil(int64_t days, bigcache_date_t *date)
{
    int64_t   era;
    unsigned  of_era, of_year, year, month;

    days += BIGCACHE_DATE_EPOCH;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = (unsigned) (days - era * 146097);
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;

    date->day = of_year - (153 * month + 2) / 5 + 1;
    date->month = month < 10 ? month + 3 : month - 9;
    date->year = year + era * 400 + (date->month <= 2);
}


static u_char *
bigcache_date_put(u_char *dst, unsigned n, unsigned digits)
{
    unsigned  i;

    for (i = digits; i; i--) {
        dst[i - 1] = (u_char) ('0' + n % 10);
        n /= 10;
    }

    return dst + digits;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Formats lines for the log.
 */


#include <stdio.h>
#include <stdarg.h>

#include "bigcache_log.h"


static void bigcache_log_escape(char *dst, const char *src);


void
bigcache_log(const bigcache_log_t *log, int level, const char *fmt, ...)
{
    char     text[BIGCACHE_LOG_LEN], escaped[BIGCACHE_LOG_LEN];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    bigcache_log_escape(escaped, text);

    log->handler(log->data, level, escaped);
}


bigcache_rc_t
bigcache_log_failed(const bigcache_log_t *log, const char *path,
    bigcache_rc_t rc, const char *what, const char *error)
{
    bigcache_log(log, rc == BIGCACHE_FULL ? BIGCACHE_LOG_ERR
                                          : BIGCACHE_LOG_CRIT,
                 "store \"%s\": cannot %s: %s", path, what, error);

    return (rc == BIGCACHE_FULL) ? rc : BIGCACHE_ERROR;
}


/* a key may have any bytes, but must not begin a line or control a terminal */

static void
bigcache_log_escape(char *dst, const char *src)
{
    char                 *last;
    const unsigned char  *p;

    last = dst + BIGCACHE_LOG_LEN - sizeof("\\x00");

    for (p = (const unsigned char *) src; *p != '\0' && dst < last; p++) {

        if (*p >= 0x20 && *p != 0x7f) {
            *dst++ = (char) *p;

        } else {
            dst += snprintf(dst, sizeof("\\x00"), "\\x%02X", *p);
        }
    }

    *dst = '\0';
}


/*
 * Copyright (C) bigcache contributors
 */


#include <stdio.h>
#include <stdarg.h>

#include "bigcache_log.h"


void
bigcache_log(const bigcache_log_t *log, int level, const char *fmt, ...)
{
    char     text[BIGCACHE_LOG_LEN];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    log->handler(log->data, level, text);
}

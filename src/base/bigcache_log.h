
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Where the store's log lines go.  The module hands in a function; the store
 * calls it from any thread, so it must be thread-safe and may not block for
 * long.  The levels are numbered as nginx numbers its own.
 */


#ifndef _BIGCACHE_LOG_H_INCLUDED_
#define _BIGCACHE_LOG_H_INCLUDED_


#include "bigcache_rc.h"


#define BIGCACHE_LOG_CRIT    3
#define BIGCACHE_LOG_ERR     4
#define BIGCACHE_LOG_WARN    5
#define BIGCACHE_LOG_NOTICE  6
#define BIGCACHE_LOG_INFO    7

#define BIGCACHE_LOG_LEN     1024


/* writes one line, text, which ends in a zero byte and holds no controls */

typedef void (*bigcache_log_pt)(void *data, int level, const char *text);

typedef struct {
    bigcache_log_pt   handler;
    void             *data;
} bigcache_log_t;


/*
 * Formats as printf() does and writes the line, cut at BIGCACHE_LOG_LEN, with
 * controls as \x0A and the like.
 */

void bigcache_log(const bigcache_log_t *log, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Logs 'store "PATH": cannot WHAT: ERROR', at level ERR if rc is BIGCACHE_FULL,
 * else CRIT.  Returns BIGCACHE_FULL for that, BIGCACHE_ERROR for any other rc.
 */
bigcache_rc_t bigcache_log_failed(const bigcache_log_t *log, const char *path,
    bigcache_rc_t rc, const char *what, const char *error);


#endif /* _BIGCACHE_LOG_H_INCLUDED_ */

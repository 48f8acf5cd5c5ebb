
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Where the store's log lines go.  The module passes a function, which the
 * store calls from any thread: it must be thread-safe and must not block for
 * long.  The levels have nginx's numbers.
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


/* writes one line: text ends with a zero byte and has no control characters */

typedef void (*bigcache_log_pt)(void *data, int level, const char *text);

typedef struct {
    bigcache_log_pt   handler;
    void             *data;
} bigcache_log_t;


/*
 * Formats like printf(), and writes the line.  It is cut at BIGCACHE_LOG_LEN,
 * and control characters are written as \x0A and the like.
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

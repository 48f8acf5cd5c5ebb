
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Looks up the addresses of a host, with a deadline, which the functions of
 * libc do not have: a name server that is away would hold up a thread for half
 * a minute.  libc's own threads look the name up.  What takes them longer than
 * the deadline goes on, and the next caller that wants that name waits for the
 * same answer.
 *
 * Any thread but that of an event loop.
 */


#ifndef _BIGCACHE_LOOKUP_H_INCLUDED_
#define _BIGCACHE_LOOKUP_H_INCLUDED_


#include <stdint.h>
#include <sys/socket.h>


/* bytes of the name of a host, with a zero byte */

#define BIGCACHE_LOOKUP_HOST  256

/* addresses of one host that are tried */

#define BIGCACHE_LOOKUP_MAX   4


typedef struct {
    unsigned                  n;
    struct sockaddr_storage   addresses[BIGCACHE_LOOKUP_MAX];
    socklen_t                 lens[BIGCACHE_LOOKUP_MAX];
} bigcache_lookup_t;


/*
 * Finds the addresses of a host, a name or an address in digits, which takes no
 * time.  deadline is monotonic, in milliseconds.  Returns 0 and at least one
 * address; or -1, and error, of BIGCACHE_ERROR_LEN bytes, says why.
 */
int bigcache_lookup(bigcache_lookup_t *lookup, const char *host, unsigned port,
    int64_t deadline, char *error);


#endif /* _BIGCACHE_LOOKUP_H_INCLUDED_ */

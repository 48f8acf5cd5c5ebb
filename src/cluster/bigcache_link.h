
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A connection to a server that speaks the Redis protocol.  hiredis parses the
 * answers; this file has the socket, TLS, and the clock: every function that
 * waits has a deadline, a monotonic time in milliseconds, and never waits
 * longer, however slowly the server answers.
 *
 * After any failure the caller must close the link: what the server has done is
 * not known then.  A link belongs to one thread at a time.
 */


#ifndef _BIGCACHE_LINK_H_INCLUDED_
#define _BIGCACHE_LINK_H_INCLUDED_


#include <stdint.h>
#include <hiredis/hiredis.h>

#include "bigcache_rc.h"
#include "bigcache_str.h"
#include "bigcache_tls.h"


/* bytes of the name of a host, with a zero byte */

#define BIGCACHE_LINK_HOST      256

/*
 * The most that a reply may have: bytes, elements of one of its arrays, and
 * arrays around one.  Pages and chunks have a megabyte.
 */

#define BIGCACHE_LINK_REPLY     (16 * 1024 * 1024)
#define BIGCACHE_LINK_ELEMENTS  (1024 * 1024)
#define BIGCACHE_LINK_DEPTH     6


/* an answer, or a part of one, made by a link; see bigcache_link_free() */

typedef redisReply            bigcache_reply_t;

typedef struct bigcache_link_s  bigcache_link_t;

typedef struct {
    char       host[BIGCACHE_LINK_HOST];
    unsigned   port;
} bigcache_address_t;


/*
 * Connects, with TLS if tls is not NULL.  Returns the link, which the caller
 * must close; or NULL, and error says why.  *wrong is set to 1 if the server
 * has the certificate of another one.
 */
bigcache_link_t *bigcache_link_open(const bigcache_address_t *address,
    const bigcache_tls_t *tls, int64_t deadline, int *wrong, char *error);

/* link may be NULL */

void bigcache_link_close(bigcache_link_t *link);

/*
 * Appends a command of n parts to what will be sent.  Returns 0, or -1 if out
 * of memory, and error says so.
 */
int bigcache_link_append(bigcache_link_t *link, const bigcache_str_t *parts,
    unsigned n, char *error);

/* sends all of it; returns 0, or -1, and error says why */

int bigcache_link_flush(bigcache_link_t *link, int64_t deadline, char *error);

/*
 * Receives the next answer.  Returns it; or NULL, and error says why.  An
 * error that the server answers is an answer, too.
 */
bigcache_reply_t *bigcache_link_receive(bigcache_link_t *link,
    int64_t deadline, char *error);
void bigcache_link_free(bigcache_reply_t *reply);

/* appends one command, sends, and receives its answer; as above */

bigcache_reply_t *bigcache_link_ask(bigcache_link_t *link,
    const bigcache_str_t *parts, unsigned n, int64_t deadline, char *error);

/* returns 1 if the server has closed the idle link, or has sent something */

int bigcache_link_gone(bigcache_link_t *link);


/* returns the bytes of a string or of a status; otherwise data is NULL */

bigcache_str_t bigcache_link_text(const bigcache_reply_t *reply);

/* returns 1 if the reply is that word, or 0 */

int bigcache_link_is(const bigcache_reply_t *reply, const char *word);

/*
 * Takes the bytes of a string out of a reply: they are the caller's from now
 * on, for free(), and the reply has none.
 */
u_char *bigcache_link_steal(bigcache_reply_t *reply, size_t *len);

/* returns the part i of an array, or NULL if there is none */

const bigcache_reply_t *bigcache_link_part(const bigcache_reply_t *reply,
    size_t i);

/*
 * Reads the host and port of a server, as it is named in CLUSTER SLOTS.  The
 * host is "" if it is that of the server that answers.  Returns 0, or -1.
 */
int bigcache_link_address(const bigcache_reply_t *reply,
    bigcache_address_t *address);

/*
 * Returns a number: an integer, or the decimal digits of a string, 19 of them
 * at most.  Returns 0 for anything else.
 */
uint64_t bigcache_link_number(const bigcache_reply_t *reply);


#endif /* _BIGCACHE_LINK_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * A caller's side: connections to the owner, one for each call that is under
 * way, kept for the next one.  One more is watched by the store's thread: it
 * ends with the owner.
 *
 * A call blocks until it is answered.  Any thread, but for watch, begin and
 * end, which belong to the store's thread.
 */


#ifndef _BIGCACHE_CLIENT_H_INCLUDED_
#define _BIGCACHE_CLIENT_H_INCLUDED_


#include "bigcache_message.h"


#define BIGCACHE_CLIENT_SLOW  -1


typedef struct bigcache_client_s       bigcache_client_t;
typedef struct bigcache_client_conn_s  bigcache_client_conn_t;

/* a call that was made, and its answer, which points into it */

typedef struct {
    bigcache_client_conn_t  *conn;
    bigcache_message_t       answer;
    uint64_t                 epoch;     /* of the owner */
    int                      begun;     /* he may have made the call */
} bigcache_called_t;


/*
 * Makes the client of the store in the directory path.  masters: as in HELLO.
 * wait: for an answer, milliseconds.  Returns NULL if there is no memory.
 */
bigcache_client_t *bigcache_client_create(const char *path,
    const uint64_t *masters, unsigned wait);
void bigcache_client_destroy(bigcache_client_t *client);

/*
 * Connects to the owner, to be told of his end; quitting: as in WATCH.
 * Returns BIGCACHE_OK and *fd; BIGCACHE_UNAVAILABLE if nobody listens; or
 * BIGCACHE_MISMATCH if it is another nginx; and the reason.
 */
bigcache_rc_t bigcache_client_watch(bigcache_client_t *client, int quitting,
    int *fd, char *error);

/* says on that connection whether this process is quitting */

void bigcache_client_tell(int fd, int quitting);

/* returns 1 if there is an owner of this nginx, which answers */

int bigcache_client_probe(bigcache_client_t *client);

/* closes the connections to an owner that is gone */

void bigcache_client_end(bigcache_client_t *client);

/* returns a number that is another one after each bigcache_client_end() */

uint64_t bigcache_client_epoch(bigcache_client_t *client);

/* returns the latest version that an owner has told of */

uint64_t bigcache_client_latest(bigcache_client_t *client);

/*
 * Makes a call, and waits for the answer msec milliseconds, or for ever if it
 * is BIGCACHE_CLIENT_SLOW.  Returns what the owner says, and
 * bigcache_client_release() is owed; or BIGCACHE_LOST if he did not, and
 * called->begun.
 */
bigcache_rc_t bigcache_client_call(bigcache_client_t *client,
    const bigcache_message_t *call, int msec, bigcache_called_t *called);
void bigcache_client_release(bigcache_client_t *client,
    bigcache_called_t *called);

/* copies why the owner answered BIGCACHE_UNAVAILABLE to text, a sentence */

void bigcache_client_reason(bigcache_client_t *client, char *text);


#endif /* _BIGCACHE_CLIENT_H_INCLUDED_ */

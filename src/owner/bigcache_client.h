
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A caller's side: connections to the owner, one for each call that is under
 * way, kept for the next call.  The keeper watches one more connection, which
 * ends when the owner does.
 *
 * A call blocks until it is answered.  Any thread may call.  Only the keeper
 * may call watch, tell, sweep, swept and end.
 */


#ifndef _BIGCACHE_CLIENT_H_INCLUDED_
#define _BIGCACHE_CLIENT_H_INCLUDED_


#include "bigcache_message.h"


#define BIGCACHE_CLIENT_SLOW  -1


typedef struct bigcache_client_s       bigcache_client_t;
typedef struct bigcache_client_conn_s  bigcache_client_conn_t;

/* a call that was made, and its answer, which points into the connection */

typedef struct {
    bigcache_client_conn_t  *conn;
    bigcache_message_t       answer;
    uint64_t                 epoch;     /* of the owner */
    int                      begun;     /* the owner may have run the call */
} bigcache_called_t;


/*
 * Makes the client of the store in the directory path.  masters: see HELLO.
 * wait: milliseconds to wait for an answer.  Returns NULL if out of memory.
 */
bigcache_client_t *bigcache_client_create(const char *path,
    const uint64_t *masters, unsigned wait);
void bigcache_client_destroy(bigcache_client_t *client);

/*
 * Connects to the owner, to notice its end.  quitting: see WATCH.  Returns
 * BIGCACHE_OK and *fd, which the caller must close; BIGCACHE_UNAVAILABLE if no
 * process listens; BIGCACHE_MISMATCH if the owner belongs to another nginx.
 * The reason is in error.
 */
bigcache_rc_t bigcache_client_watch(bigcache_client_t *client, int quitting,
    int *fd, char *error);

/* tells the owner, on that connection, whether this process is quitting */

void bigcache_client_tell(int fd, int quitting);

/*
 * Takes a message of the owner from that connection, which must be readable.
 * Returns 1, and the caller must close the files of removed segments and call
 * bigcache_client_swept() with *number; or 0 if the owner is gone.
 */
int bigcache_client_sweep(int fd, uint64_t *number);
void bigcache_client_swept(int fd, uint64_t number);

/* returns 1 if an owner of this nginx answers, or 0 */

int bigcache_client_probe(bigcache_client_t *client);

/* closes the connections, when the owner is gone */

void bigcache_client_end(bigcache_client_t *client);

/* returns a number that changes with each bigcache_client_end() */

uint64_t bigcache_client_epoch(bigcache_client_t *client);

/* returns the latest version that any owner has reported */

uint64_t bigcache_client_latest(bigcache_client_t *client);

/*
 * Makes a call, and waits msec milliseconds for the answer, or without limit
 * for BIGCACHE_CLIENT_SLOW.  Returns the code in the owner's answer; or
 * BIGCACHE_NO_ANSWER, with called->begun set if the owner may have run the
 * call.  The caller must call bigcache_client_release() in any case.
 */
bigcache_rc_t bigcache_client_call(bigcache_client_t *client,
    const bigcache_message_t *call, int msec, bigcache_called_t *called);
void bigcache_client_release(bigcache_client_t *client,
    bigcache_called_t *called);

/* copies the owner's reason for BIGCACHE_UNAVAILABLE to text, a sentence */

void bigcache_client_reason(bigcache_client_t *client, char *text);


#endif /* _BIGCACHE_CLIENT_H_INCLUDED_ */

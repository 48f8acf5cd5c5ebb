
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The owner's side: while this process has the store open, it runs the calls
 * of callers.  Each connection has a thread of its own, which sleeps until
 * there is a call.  The threads share only the store and a list.
 *
 * The keeper starts the server when the directory has been opened, and stops
 * it before the directory is closed.  Calls that have begun by then are
 * answered.  Calls that have not are answered with BIGCACHE_MESSAGE_GONE.
 */


#ifndef _BIGCACHE_SERVER_H_INCLUDED_
#define _BIGCACHE_SERVER_H_INCLUDED_


#include "bigcache_message.h"
#include "bigcache_store.h"


/* the most connections; more are closed */

#define BIGCACHE_SERVER_MOST  4096


typedef struct bigcache_server_s  bigcache_server_t;


/*
 * Makes the server of a store.  masters: those of this process, see HELLO; a
 * caller must have one of them.  Returns NULL if out of memory.
 */
bigcache_server_t *bigcache_server_create(bigcache_store_t *store,
    const bigcache_store_conf_t *conf, const uint64_t *masters);

/* waits for the threads of a server that was stopped, and frees it */

void bigcache_server_destroy(bigcache_server_t *server);

/*
 * Begins to listen, unless it already does.  Returns BIGCACHE_OK, or
 * BIGCACHE_ERROR and the reason.
 */
bigcache_rc_t bigcache_server_start(bigcache_server_t *server, char *error);

/* stops listening and ends all connections; blocks only for a moment */

void bigcache_server_stop(bigcache_server_t *server);

/*
 * Segments were removed: has the callers close their files, whose space is free
 * only then.  bigcache_server_swept() returns 1 if all have, or 0.  Neither
 * blocks.
 */
void bigcache_server_sweep(bigcache_server_t *server);
int bigcache_server_swept(bigcache_server_t *server);

/*
 * Notes that this process is quitting: it resigns as the owner as soon as
 * there is a caller that is not quitting.  Never blocks.
 */
void bigcache_server_quit(bigcache_server_t *server);


#endif /* _BIGCACHE_SERVER_H_INCLUDED_ */

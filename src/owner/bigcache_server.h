
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The owner's side: while this process has the store open, it makes calls for
 * others.  Each connection has a thread of its own, which is idle until there
 * is a call; nothing is shared between them but the store and a list.
 *
 * The server is started and stopped by the store's thread, whenever the
 * directory is opened and let go.  When it is stopped, calls that have begun
 * are still answered, and those that have not are sent away.
 */


#ifndef _BIGCACHE_SERVER_H_INCLUDED_
#define _BIGCACHE_SERVER_H_INCLUDED_


#include "bigcache_message.h"
#include "bigcache_store.h"


/* connections at most; the next ones are closed */

#define BIGCACHE_SERVER_MOST  4096


typedef struct bigcache_server_s  bigcache_server_t;


/*
 * Makes the server of a store.  masters: as in HELLO, of this process; a
 * caller must have one of them.  Returns NULL if there is no memory.
 */
bigcache_server_t *bigcache_server_create(bigcache_store_t *store,
    const bigcache_store_conf_t *conf, const uint64_t *masters);

/* frees a server that was stopped, when the last of its threads has ended */

void bigcache_server_destroy(bigcache_server_t *server);

/*
 * Listens, if it does not yet.  Returns BIGCACHE_OK, or BIGCACHE_ERROR and
 * the reason.
 */
bigcache_rc_t bigcache_server_start(bigcache_server_t *server, char *error);

/* stops listening and sends everybody away; blocks only for a moment */

void bigcache_server_stop(bigcache_server_t *server);

/*
 * This process is going to end: resigns as soon as there is another that is
 * not.  Blocks not.
 */
void bigcache_server_quit(bigcache_server_t *server);


#endif /* _BIGCACHE_SERVER_H_INCLUDED_ */

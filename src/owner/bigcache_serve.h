
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The calls of others, made in the owner: a message in, the answer out.  The
 * message is checked here for what its call allows; the bytes of its data may
 * be written to.  Blocks as the call does; any thread.
 */


#ifndef _BIGCACHE_SERVE_H_INCLUDED_
#define _BIGCACHE_SERVE_H_INCLUDED_


#include "bigcache_list.h"
#include "bigcache_message.h"
#include "bigcache_store.h"


/* what an answer points to, until bigcache_serve_free() */

typedef struct {
    bigcache_page_t    page;
    bigcache_list_t   *list;
    char               reason[BIGCACHE_ERROR_LEN];
} bigcache_served_t;


/*
 * Makes the call that peer asks for in in, and fills in out.  Returns NULL, or
 * what is wrong with the message; then nothing was done.
 */
const char *bigcache_serve(bigcache_store_t *store, uint64_t peer,
    bigcache_message_t *in, bigcache_message_t *out,
    bigcache_served_t *served);

void bigcache_serve_free(bigcache_served_t *served);


#endif /* _BIGCACHE_SERVE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The owner runs the calls of callers here: a message in, the answer out.
 * This checks that the message is one that its call allows, and may write to
 * the bytes of its data.  Blocks as the call does.  Any thread.
 */


#ifndef _BIGCACHE_SERVE_H_INCLUDED_
#define _BIGCACHE_SERVE_H_INCLUDED_


#include "bigcache_list.h"
#include "bigcache_message.h"
#include "bigcache_selectors.h"
#include "bigcache_store.h"


/* the memory of an answer; the caller must call bigcache_serve_free() */

typedef struct {
    bigcache_stored_t    page;
    bigcache_list_t     *list;
    u_char              *record;
    char                 reason[BIGCACHE_ERROR_LEN];
} bigcache_served_t;


/*
 * Runs the call of "in", from the caller with that number, and fills "out".
 * Returns NULL; or what is wrong with the message: then nothing was done.
 */
const char *bigcache_serve(bigcache_store_t *store, uint64_t caller,
    bigcache_message_t *in, bigcache_message_t *out,
    bigcache_served_t *served);

void bigcache_serve_free(bigcache_served_t *served);


#endif /* _BIGCACHE_SERVE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The tags that a request gives to what it stores, or names in a purge, inside
 * src/op only.  Any thread.
 */


#ifndef _BIGCACHE_OP_TAGS_H_INCLUDED_
#define _BIGCACHE_OP_TAGS_H_INCLUDED_


#include "bigcache_json_text.h"
#include "bigcache_op_write.h"


/*
 * Reads a member of the body, an array of strings, into *writer; data, of
 * BIGCACHE_TAGS_BYTES bytes, is the caller's.  Returns BIGCACHE_OK,
 * BIGCACHE_NOMEM, or BIGCACHE_INVALID: then op->invalid says what is wrong.
 */
bigcache_rc_t bigcache_op_tags_read(bigcache_op_t *op, const char *name,
    const bigcache_str_t *member, u_char *data,
    bigcache_tags_writer_t *writer);

/*
 * Sets put->tags from "tags" of the document, or else from the header of the
 * request.  Returns the same.  The caller must call bigcache_op_tags_free() in
 * any case.
 */
bigcache_rc_t bigcache_op_tags_put(bigcache_op_put_t *put);
void bigcache_op_tags_free(bigcache_op_put_t *put);

/* adds a member "tags" to an object that has others, if there are any */

void bigcache_op_tags_text(bigcache_json_text_t *text,
    const bigcache_str_t *tags);


#endif /* _BIGCACHE_OP_TAGS_H_INCLUDED_ */

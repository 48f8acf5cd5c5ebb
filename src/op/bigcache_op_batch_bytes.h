
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The bytes behind the document of a batch, inside src/op only.  All of it is
 * called by the thread that runs the batch.
 */


#ifndef _BIGCACHE_OP_BATCH_BYTES_H_INCLUDED_
#define _BIGCACHE_OP_BATCH_BYTES_H_INCLUDED_


#include "bigcache_op_batch_result.h"


/*
 * Splits the view of the body into the document and the bytes behind it, if
 * the request says that there are some.  Returns BIGCACHE_OK or
 * BIGCACHE_INVALID.
 */
bigcache_rc_t bigcache_op_batch_bytes_split(bigcache_op_batch_t *batch);

/*
 * Checks that the operations in the array items take just the bytes that are
 * there.  Returns BIGCACHE_OK or BIGCACHE_INVALID.
 */
bigcache_rc_t bigcache_op_batch_bytes_check(bigcache_op_batch_t *batch,
    const bigcache_str_t *items);

/*
 * Takes the bytes of the current operation, if it has any.  Must be called for
 * each operation that is an object, whatever becomes of it.
 */
void bigcache_op_batch_bytes_take(bigcache_op_batch_t *batch);

/*
 * Returns why the current operation may not have "bytes", a static text; or
 * NULL if it has none, or may have them.
 */
const char *bigcache_op_batch_bytes_refused(const bigcache_op_batch_t *batch);

/* returns the bytes of the current operation, where they lie */

bigcache_data_t bigcache_op_batch_bytes_data(const bigcache_op_batch_t *batch);


#endif /* _BIGCACHE_OP_BATCH_BYTES_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Texts of packed pages that this process has unpacked lately, so that a page
 * which many clients want without gzip is unpacked once.
 *
 * A text belongs to all callers that have it, and is not changed.  The process
 * keeps 8 MB of them at most, beside those that callers have; the text that was
 * wanted the longest time ago goes first.  Any thread.  The calls wait for
 * other threads for some instructions only.
 */


#ifndef _BIGCACHE_UNPACKED_H_INCLUDED_
#define _BIGCACHE_UNPACKED_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* the most bytes that are kept, and the largest text that is */

#define BIGCACHE_UNPACKED_MAX   (8 * 1024 * 1024)
#define BIGCACHE_UNPACKED_TEXT  (1024 * 1024)


typedef struct bigcache_unpacked_s  bigcache_unpacked_t;


/*
 * Returns the text of a gzip file of len bytes: size bytes at *text.  store and
 * version: the page that the file is the body of, as no other file is while the
 * process runs.  Returns NULL if out of memory, or if the file is no such text,
 * then *damaged is set to 1.  The caller must call bigcache_unpacked_free().
 */
bigcache_unpacked_t *bigcache_unpacked(const void *store, uint64_t version,
    const unsigned char *file, size_t len, size_t size,
    const unsigned char **text, int *damaged);

/* unpacked may be NULL */

void bigcache_unpacked_free(bigcache_unpacked_t *unpacked);


#endif /* _BIGCACHE_UNPACKED_H_INCLUDED_ */

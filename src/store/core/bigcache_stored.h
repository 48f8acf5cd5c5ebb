
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page as the store reads and writes it: its index record, and its body in
 * memory or in a file.  It belongs to the caller that made it.  One thread at
 * a time.
 */


#ifndef _BIGCACHE_STORED_H_INCLUDED_
#define _BIGCACHE_STORED_H_INCLUDED_


#include <sys/types.h>

#include "bigcache_page.h"
#include "bigcache_record.h"


/*
 * The body is at record.body if fd is -1, else it is record.length bytes of fd
 * from offset on.  The page owns the memory and the file until
 * bigcache_stored_free() or bigcache_stored_move().
 */
typedef struct {
    bigcache_record_t       record;
    bigcache_str_t          value;    /* of the index; record points into it,
                                         or into memory */
    u_char                 *memory;
    int                     fd;
    off_t                   offset;
} bigcache_stored_t;


/* makes page an empty one; frees what page has, and may be called again */

void bigcache_stored_clear(bigcache_stored_t *page);
void bigcache_stored_free(bigcache_stored_t *page);

/*
 * Makes of "from" a page for the callers of a cache: "to" takes its memory and
 * its file.  Returns BIGCACHE_OK; or BIGCACHE_NOMEM, then "to" is empty.  In
 * both cases "from" has nothing left to free.
 */
bigcache_rc_t bigcache_stored_move(bigcache_stored_t *from,
    bigcache_page_t *to);


#endif /* _BIGCACHE_STORED_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/* stored pages in memory, and what they own */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_index.h"
#include "bigcache_stored.h"


static bigcache_rc_t bigcache_stored_own(bigcache_stored_t *page);
static void bigcache_stored_copy(u_char **p, bigcache_str_t *str);


void
bigcache_stored_clear(bigcache_stored_t *page)
{
    memset(page, 0, sizeof(bigcache_stored_t));
    page->fd = -1;
}


void
bigcache_stored_free(bigcache_stored_t *page)
{
    if (page->value.data) {
        bigcache_index_free(&page->value);
    }

    free(page->memory);
    page->memory = NULL;

    if (page->fd != -1) {
        (void) close(page->fd);
        page->fd = -1;
    }
}


bigcache_rc_t
bigcache_stored_move(bigcache_stored_t *from, bigcache_page_t *to)
{
    bigcache_record_t  *record;

    bigcache_page_clear(to);

    if (bigcache_stored_own(from) != BIGCACHE_OK) {
        bigcache_stored_free(from);
        return BIGCACHE_NOMEM;
    }

    record = &from->record;

    to->kind = record->kind;
    to->packed = ((record->flags & BIGCACHE_FLAG_GZIP) != 0);
    to->head = record->head;
    to->version = record->version;
    to->origin = record->origin;
    to->expire = record->expire;
    to->fresh = record->fresh;
    to->stale = record->stale;
    to->length = record->length;
    to->unpacked = record->unpacked;
    to->type = record->type;
    to->tags = record->tags;
    to->memory = from->memory;

    to->body = (from->fd == -1)
               ? bigcache_data_bytes(record->body.data, record->body.len)
               : bigcache_data_range(from->fd, from->offset, record->length);

    from->memory = NULL;
    from->fd = -1;

    bigcache_stored_free(from);

    return BIGCACHE_OK;
}


/* what lies in the value, which is the index's, is copied to memory */

static bigcache_rc_t
bigcache_stored_own(bigcache_stored_t *page)
{
    u_char             *p;
    size_t              size;
    bigcache_record_t  *record;

    record = &page->record;

    /* what was read from a segment is in memory already */

    if (page->value.data == NULL || page->memory) {
        return BIGCACHE_OK;
    }

    if (record->flags & BIGCACHE_FLAG_SEGMENT) {
        record->type.data = NULL;
        record->body.len = 0;
    }

    size = (record->type.data ? record->type.len : 0) + record->body.len
           + record->tags.len;

    if (size == 0) {
        return BIGCACHE_OK;
    }

    p = malloc(size);
    if (p == NULL) {
        return BIGCACHE_NOMEM;
    }

    page->memory = p;

    bigcache_stored_copy(&p, &record->type);
    bigcache_stored_copy(&p, &record->body);
    bigcache_stored_copy(&p, &record->tags);

    return BIGCACHE_OK;
}


/* copies a string, if its bytes are there, and makes it point to the copy */

static void
bigcache_stored_copy(u_char **p, bigcache_str_t *str)
{
    if (str->data == NULL || str->len == 0) {
        return;
    }

    memcpy(*p, str->data, str->len);

    str->data = *p;
    *p += str->len;
}

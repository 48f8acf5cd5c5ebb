
/*
 * Copyright (C) bigcache contributors
 */


/* pages in memory, and what they own */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_index.h"
#include "bigcache_page.h"


void
bigcache_page_clear(bigcache_page_t *page)
{
    memset(page, 0, sizeof(bigcache_page_t));
    page->fd = -1;
}


void
bigcache_page_free(bigcache_page_t *page)
{
    if (page->value.data) {
        bigcache_index_free(&page->value);
    }

    free(page->copy);
    page->copy = NULL;

    free(page->memory);
    page->memory = NULL;

    if (page->fd != -1) {
        (void) close(page->fd);
        page->fd = -1;
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/* pages in memory, and what they own */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_page.h"


void
bigcache_page_clear(bigcache_page_t *page)
{
    memset(page, 0, sizeof(bigcache_page_t));
    page->body.fd = -1;
}


void
bigcache_page_free(bigcache_page_t *page)
{
    free(page->memory);
    page->memory = NULL;

    if (page->release) {
        page->release(page->data, page->file);
        page->release = NULL;

    } else if (page->body.fd != -1) {
        (void) close(page->body.fd);
    }

    page->body.fd = -1;
}

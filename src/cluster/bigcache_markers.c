
/*
 * Copyright (C) bigcache contributors
 */


/* reads the purges of a bucket */


#include "bigcache_markers.h"


bigcache_marked_t
bigcache_markers_look(const bigcache_reply_t *reply, const bigcache_str_t *key,
    const bigcache_str_t *tags, uint64_t origin)
{
    size_t               at;
    uint64_t             version;
    bigcache_str_t       bytes;
    bigcache_marked_t    marked;
    bigcache_selector_t  selector;

    marked.removed = 0;
    marked.stale = 0;

    at = 0;

    while (bigcache_markers_next(reply, &at, &selector, &bytes, &version)) {

        if (version <= origin
            || !bigcache_selector_matches(&selector, key, tags))
        {
            continue;
        }

        if (!(selector.flags & BIGCACHE_SELECTOR_SOFT)) {
            marked.removed = 1;

        } else if (marked.stale == 0 || version < marked.stale) {
            marked.stale = version;
        }
    }

    return marked;
}


int
bigcache_markers_next(const bigcache_reply_t *reply, size_t *at,
    bigcache_selector_t *selector, bigcache_str_t *bytes, uint64_t *version)
{
    const bigcache_reply_t  *score;

    for ( ;; ) {
        score = bigcache_link_part(reply, *at + 1);

        if (score == NULL) {
            return 0;
        }

        *bytes = bigcache_link_text(bigcache_link_part(reply, *at));
        *version = bigcache_link_number(score);
        *at += 2;

        if (bytes->data && *version
            && bigcache_selector_decode(selector, bytes) == 0)
        {
            return 1;
        }
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Each call of the cache, by way of the engine that the cache belongs to.
 */


#include "bigcache_cache.h"


int
bigcache_cache_start(bigcache_cache_t *cache)
{
    return cache->engine->start(cache);
}


void
bigcache_cache_quit(bigcache_cache_t *cache)
{
    cache->engine->quit(cache);
}


void
bigcache_cache_stop(bigcache_cache_t *cache)
{
    cache->engine->stop(cache);
}


void
bigcache_cache_destroy(bigcache_cache_t *cache)
{
    cache->engine->destroy(cache);
}


bigcache_rc_t
bigcache_cache_peek(bigcache_cache_t *cache, const bigcache_str_t *key,
    unsigned file, bigcache_page_t *page)
{
    return cache->engine->peek(cache, key, file, page);
}


void
bigcache_cache_peeked(bigcache_cache_t *cache)
{
    cache->engine->peeked(cache);
}


bigcache_rc_t
bigcache_cache_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    return cache->engine->get(cache, key, body, page);
}


bigcache_rc_t
bigcache_cache_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    return cache->engine->put(cache, put, page);
}


bigcache_rc_t
bigcache_cache_delete(bigcache_cache_t *cache, const bigcache_str_t *key,
    uint64_t expect)
{
    return cache->engine->delete(cache, key, expect);
}


bigcache_rc_t
bigcache_cache_sync(bigcache_cache_t *cache)
{
    return cache->engine->sync(cache);
}


bigcache_rc_t
bigcache_cache_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged)
{
    purged->n = 0;
    purged->expired = 0;

    return cache->engine->purge(cache, selectors, async, purged);
}


bigcache_rc_t
bigcache_cache_list(bigcache_cache_t *cache, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    return cache->engine->list(cache, prefix, tag, after, limit, list);
}


bigcache_rc_t
bigcache_cache_stat(bigcache_cache_t *cache, unsigned wait,
    bigcache_stat_t *stat)
{
    return cache->engine->stat(cache, wait, stat);
}


bigcache_rc_t
bigcache_cache_clear(bigcache_cache_t *cache)
{
    return cache->engine->clear(cache);
}


bigcache_rc_t
bigcache_cache_close(bigcache_cache_t *cache)
{
    return cache->engine->close(cache);
}


bigcache_rc_t
bigcache_cache_open(bigcache_cache_t *cache)
{
    return cache->engine->open(cache);
}


bigcache_lock_t *
bigcache_cache_lock(bigcache_cache_t *cache, const bigcache_str_t *key,
    int brief)
{
    return cache->engine->lock(cache, key, brief);
}


void
bigcache_cache_unlock(bigcache_lock_t *lock)
{
    bigcache_keylock_give(lock);
}


void
bigcache_cache_reason(bigcache_cache_t *cache, char *text)
{
    cache->engine->reason(cache, text);
}


bigcache_rc_t
bigcache_cache_failed(bigcache_cache_t *cache, const char *what,
    const char *error)
{
    return bigcache_log_failed(cache->log, cache->name, BIGCACHE_ERROR, what,
                               error);
}

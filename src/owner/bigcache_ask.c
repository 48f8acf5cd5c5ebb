
/*
 * Copyright (C) bigcache contributors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_ask.h"
#include "bigcache_time.h"


/* milliseconds until a call is made again */

#define BIGCACHE_ASK_PAUSE  2


/* a call, over all of its tries */

typedef struct {
    bigcache_cache_t    *cache;
    int64_t              deadline;    /* monotonic ms */
    uint64_t             since;       /* no version was later when it began */
    unsigned             begun:1;     /* an owner may have made it */
    unsigned             asked:1;     /* the last try went to an owner */
    bigcache_message_t   call;
    bigcache_called_t    called;
} bigcache_ask_t;


static void bigcache_ask_begin(bigcache_ask_t *ask, bigcache_cache_t *cache);
static bigcache_rc_t bigcache_ask(bigcache_ask_t *ask, unsigned call,
    const bigcache_str_t *key, int slow);
static void bigcache_ask_end(bigcache_ask_t *ask);
static int bigcache_ask_again(bigcache_ask_t *ask, bigcache_rc_t *rc);
static uint64_t bigcache_ask_since(const bigcache_ask_t *ask);
static bigcache_rc_t bigcache_ask_get(bigcache_ask_t *ask,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t bigcache_ask_lost(bigcache_ask_t *ask,
    const bigcache_str_t *key, bigcache_rc_t rc,
    const bigcache_record_t *record);
static bigcache_rc_t bigcache_ask_put(bigcache_ask_t *ask,
    const bigcache_put_t *put, int apart, bigcache_page_t *page);
static bigcache_rc_t bigcache_ask_commit(bigcache_ask_t *ask,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_ask_purge(bigcache_ask_t *ask,
    const bigcache_str_t *prefix, int async, uint64_t *version);
static bigcache_rc_t bigcache_ask_run(bigcache_ask_t *ask, uint64_t version,
    uint64_t *n, uint64_t *expired);
static void bigcache_ask_reason(bigcache_cache_t *cache, const char *reason);


bigcache_rc_t
bigcache_cache_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_get(cache->store, key, body, page);

        while (rc == BIGCACHE_HELD || rc == BIGCACHE_MISMATCH) {

            rc = bigcache_ask_get(&ask, key, body, page);

            if (rc == BIGCACHE_HELD) {
                break;
            }
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    int             apart;
    bigcache_rc_t   rc;
    bigcache_put_t  again;
    bigcache_ask_t  ask;

    apart = 0;
    again = *put;
    again.tag = (uint16_t) (atomic_fetch_add(&cache->tag, 1) % UINT16_MAX + 1);

    bigcache_ask_begin(&ask, cache);

    do {
        again.since = bigcache_ask_since(&ask);

        rc = bigcache_store_put(cache->store, &again, page);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_put(&ask, &again, apart, page);

            if (rc == BIGCACHE_APART) {
                apart = 1;
            }
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_delete(bigcache_cache_t *cache, const bigcache_str_t *key,
    uint64_t expect)
{
    uint64_t        since;
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        since = bigcache_ask_since(&ask);

        rc = bigcache_store_delete(cache->store, key, expect, since);

        if (rc == BIGCACHE_HELD) {
            ask.call.n[0] = expect;
            ask.call.n[1] = since;

            rc = bigcache_ask(&ask, BIGCACHE_CALL_DELETE, key, 0);

            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_purge(bigcache_cache_t *cache, const bigcache_str_t *prefix,
    int async, uint64_t *n, uint64_t *expired)
{
    uint64_t        version, done;
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    *n = 0;
    *expired = 0;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_purge(cache->store, prefix, async,
                                  bigcache_ask_since(&ask), &version);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_purge(&ask, prefix, async, &version);
        }

    } while (bigcache_ask_again(&ask, &rc));

    if (rc != BIGCACHE_OK || async) {
        return rc;
    }

    /* whoever has the store open by then goes on with it */

    bigcache_ask_begin(&ask, cache);

    do {
        done = *n + *expired;

        rc = bigcache_store_purge_run(cache->store, version, n, expired);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_run(&ask, version, n, expired);
        }

        if (*n + *expired != done) {
            bigcache_ask_begin(&ask, cache);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_stat(bigcache_cache_t *cache, bigcache_stat_t *stat)
{
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_stat(cache->store, stat);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask(&ask, BIGCACHE_CALL_STAT, NULL, 0);

            if (rc == BIGCACHE_OK) {
                stat->keys = ask.called.answer.n[0];
                stat->segments = ask.called.answer.n[1];
                stat->bytes = ask.called.answer.n[2];
                stat->live = ask.called.answer.n[3];
            }

            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_clear(bigcache_cache_t *cache)
{
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_clear(cache->store);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask(&ask, BIGCACHE_CALL_CLEAR, NULL, 1);
            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_close(bigcache_cache_t *cache)
{
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_close(cache->store);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask(&ask, BIGCACHE_CALL_CLOSE, NULL, 1);
            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_cache_open(bigcache_cache_t *cache)
{
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, cache);

    do {
        rc = bigcache_store_open(cache->store);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask(&ask, BIGCACHE_CALL_OPEN, NULL, 1);
            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


void
bigcache_cache_reason(bigcache_cache_t *cache, char *text)
{
    (void) pthread_mutex_lock(&cache->mutex);
    memcpy(text, cache->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&cache->mutex);
}


static void
bigcache_ask_begin(bigcache_ask_t *ask, bigcache_cache_t *cache)
{
    uint64_t  seen;

    memset(ask, 0, sizeof(bigcache_ask_t));

    ask->cache = cache;
    ask->deadline = bigcache_monotonic() + cache->conf.wait;

    /* versions are moments of time, unless the clock was set back */

    seen = atomic_load(&cache->seen);

    ask->since = (uint64_t) bigcache_now_us();
    ask->since = (seen > ask->since) ? seen : ask->since;
}


/*
 * Asks the owner.  Returns what he says, BIGCACHE_HELD if he did not make the
 * call, or might not have; bigcache_ask_end() is owed.
 */

static bigcache_rc_t
bigcache_ask(bigcache_ask_t *ask, unsigned call, const bigcache_str_t *key,
    int slow)
{
    bigcache_rc_t  rc;

    static const bigcache_str_t  none = bigcache_string("");

    ask->asked = 1;
    ask->call.call = call;
    ask->call.key = key ? *key : none;

    rc = bigcache_client_call(ask->cache->client, &ask->call, slow,
                              &ask->called);

    if (rc == BIGCACHE_LOST) {
        ask->begun |= (ask->called.begun != 0);
        return BIGCACHE_HELD;
    }

    return rc;
}


static void
bigcache_ask_end(bigcache_ask_t *ask)
{
    bigcache_client_release(ask->cache->client, &ask->called);
}


/* tells whether the call is to be made again, and what it came to if not */

static int
bigcache_ask_again(bigcache_ask_t *ask, bigcache_rc_t *rc)
{
    char               reason[BIGCACHE_ERROR_LEN];
    bigcache_cache_t  *cache;

    cache = ask->cache;

    switch (*rc) {

    case BIGCACHE_HELD:
    case BIGCACHE_LOST:
    case BIGCACHE_STALE:
    case BIGCACHE_APART:
        break;

    case BIGCACHE_UNAVAILABLE:

        if (ask->asked) {
            bigcache_client_reason(cache->client, reason);

        } else {
            bigcache_store_reason(cache->store, reason);
        }

        bigcache_ask_reason(cache, reason);

        return 0;

    default:
        return 0;
    }

    if (bigcache_monotonic() >= ask->deadline
        || atomic_load(&cache->stopping))
    {
        bigcache_ask_reason(cache, "the process that has the store open does "
                                   "not answer");
        *rc = BIGCACHE_UNAVAILABLE;

        return 0;
    }

    ask->asked = 0;

    if (*rc != BIGCACHE_APART) {
        (void) usleep(BIGCACHE_ASK_PAUSE * 1000);
    }

    return 1;
}


static uint64_t
bigcache_ask_since(const bigcache_ask_t *ask)
{
    return ask->begun ? ask->since : 0;
}


static bigcache_rc_t
bigcache_ask_get(bigcache_ask_t *ask, const bigcache_str_t *key, int body,
    bigcache_page_t *page)
{
    bigcache_rc_t      rc;
    bigcache_str_t     data;
    bigcache_record_t  record;

    bigcache_page_clear(page);

    rc = bigcache_ask(ask, BIGCACHE_CALL_GET, key, 0);

    if (rc == BIGCACHE_OK) {

        data = ask->called.answer.data;

        page->copy = malloc(data.len ? data.len : 1);

        if (page->copy == NULL) {
            rc = BIGCACHE_NOMEM;

        } else {
            memcpy(page->copy, data.data, data.len);

            if (bigcache_record_decode(&page->record, page->copy, data.len)
                == -1)
            {
                rc = bigcache_page_failed(&ask->cache->conf, BIGCACHE_ERROR,
                                          "ask", "the answer is no record");
            }
        }
    }

    bigcache_ask_end(ask);

    if (rc != BIGCACHE_OK || !body) {
        return rc;
    }

    record = page->record;

    rc = bigcache_page_read(&ask->cache->pages, key, page);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    bigcache_page_free(page);

    return bigcache_ask_lost(ask, key, rc, &record);
}


static bigcache_rc_t
bigcache_ask_lost(bigcache_ask_t *ask, const bigcache_str_t *key,
    bigcache_rc_t rc, const bigcache_record_t *record)
{
    if (rc != BIGCACHE_MISS && rc != BIGCACHE_DAMAGED) {
        return rc;
    }

    ask->call.n[0] = rc;
    ask->call.n[1] = record->version;
    ask->call.n[2] = record->segment;
    ask->call.n[3] = record->offset;

    rc = bigcache_ask(ask, BIGCACHE_CALL_LOST, key, 0);

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_put(bigcache_ask_t *ask, const bigcache_put_t *put, int apart,
    bigcache_page_t *page)
{
    bigcache_rc_t      rc;
    bigcache_draft_t   draft;
    bigcache_pages_t  *pages;

    pages = &ask->cache->pages;

    ask->asked = 1;

    bigcache_page_clear(page);

    rc = bigcache_page_write(pages, put, apart, &draft);

    if (rc == BIGCACHE_OK) {

        rc = bigcache_page_file(pages, &draft, &put->key, page);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_ask_commit(ask, put, &draft);
            page->record = draft.record;
        }

        bigcache_page_done(pages, &draft);

    } else if (rc == BIGCACHE_FULL) {

        /* what makes room there is not to be kept from this segment */

        bigcache_extents_end(&ask->cache->extents);

        (void) bigcache_ask(ask, BIGCACHE_CALL_FULL, NULL, 0);
        bigcache_ask_end(ask);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_page_free(page);
    }

    return rc;
}


static bigcache_rc_t
bigcache_ask_commit(bigcache_ask_t *ask, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    uint64_t           version, last;
    bigcache_rc_t      rc;
    _Atomic uint64_t  *seen;

    (void) bigcache_record_encode(draft->memory, &draft->record);
    bigcache_record_seal(draft->memory, draft->value.len);

    ask->call.n[0] = put->expect;
    ask->call.n[1] = put->since;
    ask->call.data = draft->value;

    rc = bigcache_ask(ask, BIGCACHE_CALL_PUT, &put->key, 0);

    ask->call.data.len = 0;

    if (rc == BIGCACHE_OK) {
        version = ask->called.answer.n[0];
        draft->record.version = version;

        seen = &ask->cache->seen;
        last = atomic_load(seen);

        while (last < version
               && !atomic_compare_exchange_weak(seen, &last, version))
        {
            /* void */
        }
    }

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_purge(bigcache_ask_t *ask, const bigcache_str_t *prefix,
    int async, uint64_t *version)
{
    bigcache_rc_t  rc;

    ask->call.n[0] = bigcache_ask_since(ask);
    ask->call.n[1] = (async != 0);

    rc = bigcache_ask(ask, BIGCACHE_CALL_PURGE, prefix, 0);

    *version = ask->called.answer.n[0];

    bigcache_ask_end(ask);

    return rc;
}


/* the numbers count even if the owner let go in the middle */

static bigcache_rc_t
bigcache_ask_run(bigcache_ask_t *ask, uint64_t version, uint64_t *n,
    uint64_t *expired)
{
    bigcache_rc_t  rc;

    ask->call.n[0] = version;

    rc = bigcache_ask(ask, BIGCACHE_CALL_RUN, NULL, 1);

    if (ask->called.conn) {
        *n += ask->called.answer.n[0];
        *expired += ask->called.answer.n[1];
    }

    bigcache_ask_end(ask);

    return rc;
}


static void
bigcache_ask_reason(bigcache_cache_t *cache, const char *reason)
{
    (void) pthread_mutex_lock(&cache->mutex);
    (void) snprintf(cache->reason, BIGCACHE_ERROR_LEN, "%s", reason);
    (void) pthread_mutex_unlock(&cache->mutex);
}

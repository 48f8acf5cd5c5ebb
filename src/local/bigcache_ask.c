
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Makes calls in the own store or through the owner, and tries them again when
 * the owner changes: all calls except those that read and write pages.
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_ask.h"
#include "bigcache_close.h"
#include "bigcache_dir.h"
#include "bigcache_purge.h"
#include "bigcache_store.h"
#include "bigcache_store_list.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* milliseconds between two tries of a call */

#define BIGCACHE_ASK_PAUSE  2

/*
 * tries in which a page that could not be committed gets the full time again
 */

#define BIGCACHE_ASK_STALE  8


typedef bigcache_rc_t (*bigcache_ask_store_pt)(bigcache_store_t *store);


static bigcache_rc_t bigcache_ask_all(bigcache_cache_t *cache,
    bigcache_ask_store_pt store, unsigned call);
static bigcache_rc_t bigcache_ask_purge_begin(bigcache_ask_t *ask,
    const bigcache_selectors_t *selectors, int async, uint64_t *version);
static bigcache_rc_t bigcache_ask_purge_run(bigcache_ask_t *ask,
    uint64_t version, bigcache_purged_t *purged);
static bigcache_rc_t bigcache_ask_stat_owner(bigcache_ask_t *ask, int gauges,
    bigcache_stat_t *stat);
static bigcache_rc_t bigcache_ask_list_owner(bigcache_ask_t *ask,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);
static void bigcache_ask_unavailable(bigcache_local_t *local,
    const char *reason);


bigcache_rc_t
bigcache_ask_delete(bigcache_cache_t *cache, const bigcache_str_t *key,
    uint64_t expect)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    uint64_t        retry_floor;
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, local);

    do {
        retry_floor = bigcache_ask_retry_floor(&ask);

        rc = bigcache_store_delete(local->store, key, expect, retry_floor);

        if (rc == BIGCACHE_HELD) {
            ask.call.n[0] = expect;
            ask.call.n[1] = retry_floor;

            rc = bigcache_ask(&ask, BIGCACHE_CALL_DELETE, key, 0);

            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return bigcache_ask_known(&ask, rc);
}


bigcache_rc_t
bigcache_ask_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    uint64_t        version, done;
    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, local);

    do {
        rc = bigcache_purge(local->store, selectors, async,
                            bigcache_ask_retry_floor(&ask), &version);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_purge_begin(&ask, selectors, async, &version);
        }

    } while (bigcache_ask_again(&ask, &rc));

    if (rc == BIGCACHE_OK && purged->begun) {
        purged->begun(purged->data);
    }

    if (rc != BIGCACHE_OK || async || version == 0) {
        return rc;
    }

    /* the owner at that time continues the purge */

    bigcache_ask_begin(&ask, local);

    do {
        done = purged->n + purged->expired;

        rc = bigcache_purge_run(local->store, version, &purged->n,
                                &purged->expired);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_purge_run(&ask, version, purged);
        }

        if (purged->n + purged->expired != done) {
            bigcache_ask_begin(&ask, local);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


bigcache_rc_t
bigcache_ask_list(bigcache_cache_t *cache, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, local);

    do {
        rc = bigcache_store_list(local->store, prefix, tag, after, limit,
                                 list);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_list_owner(&ask, prefix, tag, after, limit,
                                         list);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


/* a new owner syncs what the last one has left, so any owner will do */

bigcache_rc_t
bigcache_ask_sync(bigcache_cache_t *cache)
{
    return bigcache_ask_all(cache, bigcache_store_sync, BIGCACHE_CALL_SYNC);
}


bigcache_rc_t
bigcache_ask_clear(bigcache_cache_t *cache)
{
    return bigcache_ask_all(cache, bigcache_close_clear, BIGCACHE_CALL_CLEAR);
}


bigcache_rc_t
bigcache_ask_close(bigcache_cache_t *cache)
{
    return bigcache_ask_all(cache, bigcache_close, BIGCACHE_CALL_CLOSE);
}


bigcache_rc_t
bigcache_ask_open(bigcache_cache_t *cache)
{
    return bigcache_ask_all(cache, bigcache_store_open, BIGCACHE_CALL_OPEN);
}


bigcache_rc_t
bigcache_ask_stat(bigcache_cache_t *cache, unsigned wait,
    bigcache_stat_t *stat)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, local);

    if (wait && wait < local->conf.wait) {
        ask.deadline -= local->conf.wait - wait;
    }

    do {
        rc = wait ? bigcache_store_gauges(local->store, stat)
                  : bigcache_store_stat(local->store, stat);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask_stat_owner(&ask, wait != 0, stat);
        }

    } while (bigcache_ask_again(&ask, &rc));

    /* any process can look at the disk */

    stat->disk_free = wait ? bigcache_dir_free(local->conf.path) : UINT64_MAX;

    return rc;
}


void
bigcache_ask_reason(bigcache_cache_t *cache, char *text)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    (void) pthread_mutex_lock(&local->mutex);
    memcpy(text, local->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&local->mutex);
}


void
bigcache_ask_begin(bigcache_ask_t *ask, bigcache_local_t *local)
{
    uint64_t  heard, own;

    memset(ask, 0, sizeof(bigcache_ask_t));

    ask->local = local;
    ask->deadline = bigcache_time_monotonic() + local->conf.wait;

    /* versions are times, but the clock may have been set back */

    heard = bigcache_client_latest(local->client);
    own = bigcache_version_latest(local->store);

    ask->retry_floor = (uint64_t) bigcache_time_now_us();
    ask->retry_floor = (heard > ask->retry_floor) ? heard : ask->retry_floor;
    ask->retry_floor = (own > ask->retry_floor) ? own : ask->retry_floor;
}


bigcache_rc_t
bigcache_ask(bigcache_ask_t *ask, unsigned call, const bigcache_str_t *key,
    int slow)
{
    int64_t        left;
    bigcache_rc_t  rc;

    static const bigcache_str_t  none = bigcache_string("");

    ask->asked = 1;
    ask->call.call = call;
    ask->call.key = key ? *key : none;

    left = ask->deadline - bigcache_time_monotonic();
    left = (left > 0) ? left : 0;

    rc = bigcache_client_call(ask->local->client, &ask->call,
                              slow ? BIGCACHE_CLIENT_SLOW : (int) left,
                              &ask->called);

    if (rc == BIGCACHE_NO_ANSWER) {
        ask->begun |= (ask->called.begun != 0);
        return BIGCACHE_HELD;
    }

    ask->latest = ask->called.answer.n[BIGCACHE_MESSAGE_LATEST];

    return rc;
}


void
bigcache_ask_end(bigcache_ask_t *ask)
{
    bigcache_client_release(ask->local->client, &ask->called);
}


int
bigcache_ask_again(bigcache_ask_t *ask, bigcache_rc_t *rc)
{
    char               reason[BIGCACHE_ERROR_LEN];
    bigcache_local_t  *local;

    local = ask->local;

    switch (*rc) {

    case BIGCACHE_STALE:

        /* writing a large page takes long, but does not count as waiting */

        if (ask->stale++ < BIGCACHE_ASK_STALE) {
            ask->deadline = bigcache_time_monotonic() + local->conf.wait;
        }

        break;

    case BIGCACHE_HELD:
    case BIGCACHE_NO_ANSWER:
        break;

    case BIGCACHE_UNAVAILABLE:

        if (ask->asked) {
            bigcache_client_reason(local->client, reason);

        } else {
            bigcache_store_reason(local->store, reason);
        }

        bigcache_ask_unavailable(local, reason);

        return 0;

    default:
        return 0;
    }

    if (bigcache_time_monotonic() >= ask->deadline
        || atomic_load(&local->stopping))
    {
        bigcache_ask_unavailable(local, "the process that has the store open "
                                        "does not answer");
        *rc = BIGCACHE_UNAVAILABLE;

        return 0;
    }

    ask->asked = 0;

    (void) usleep(BIGCACHE_ASK_PAUSE * 1000);

    return 1;
}


uint64_t
bigcache_ask_retry_floor(const bigcache_ask_t *ask)
{
    return ask->begun ? ask->retry_floor : 0;
}


bigcache_rc_t
bigcache_ask_known(const bigcache_ask_t *ask, bigcache_rc_t rc)
{
    return (rc == BIGCACHE_MISMATCH && ask->begun) ? BIGCACHE_UNKNOWN : rc;
}


/* a call for the whole store, which sends nothing and returns only a code */

static bigcache_rc_t
bigcache_ask_all(bigcache_cache_t *cache, bigcache_ask_store_pt store,
    unsigned call)
{
    bigcache_local_t *local = (bigcache_local_t *) cache;

    bigcache_rc_t   rc;
    bigcache_ask_t  ask;

    bigcache_ask_begin(&ask, local);

    do {
        rc = store(local->store);

        if (rc == BIGCACHE_HELD) {
            rc = bigcache_ask(&ask, call, NULL, 1);
            bigcache_ask_end(&ask);
        }

    } while (bigcache_ask_again(&ask, &rc));

    return rc;
}


static bigcache_rc_t
bigcache_ask_purge_begin(bigcache_ask_t *ask,
    const bigcache_selectors_t *selectors, int async, uint64_t *version)
{
    bigcache_rc_t  rc;

    ask->call.n[0] = bigcache_ask_retry_floor(ask);
    ask->call.n[1] = (async != 0);
    ask->call.data = bigcache_str(selectors->data, selectors->len);

    rc = bigcache_ask(ask, BIGCACHE_CALL_PURGE, NULL, 0);

    ask->call.data.len = 0;

    *version = ask->called.answer.n[0];

    bigcache_ask_end(ask);

    return rc;
}


/* adds the numbers even if the owner has run only a part */

static bigcache_rc_t
bigcache_ask_purge_run(bigcache_ask_t *ask, uint64_t version,
    bigcache_purged_t *purged)
{
    bigcache_rc_t  rc;

    ask->call.n[0] = version;

    rc = bigcache_ask(ask, BIGCACHE_CALL_RUN, NULL, 1);

    if (ask->called.conn) {
        purged->n += ask->called.answer.n[0];
        purged->expired += ask->called.answer.n[1];
    }

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_stat_owner(bigcache_ask_t *ask, int gauges, bigcache_stat_t *stat)
{
    uint64_t       *n;
    bigcache_rc_t   rc;

    ask->call.n[0] = (gauges != 0);

    rc = bigcache_ask(ask, BIGCACHE_CALL_STAT, NULL, 0);

    if (rc == BIGCACHE_OK) {
        n = ask->called.answer.n;

        stat->keys = n[0];
        stat->segments = n[1];
        stat->bytes = n[2];
        stat->live = n[3];
        stat->counted = (n[4] != 0);
    }

    bigcache_ask_end(ask);

    return rc;
}


static bigcache_rc_t
bigcache_ask_list_owner(bigcache_ask_t *ask, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    size_t               len;
    u_char               data[BIGCACHE_KEY_MAX + BIGCACHE_TAG_MAX];
    bigcache_rc_t        rc;
    bigcache_message_t  *answer;

    len = after->data ? after->len : 0;

    if (len) {
        memcpy(data, after->data, len);
    }

    if (tag->data) {
        memcpy(data + len, tag->data, tag->len);
    }

    ask->call.n[0] = limit;
    ask->call.n[1] = (after->data != NULL);
    ask->call.n[2] = tag->data ? tag->len : 0;

    ask->call.data = bigcache_str(data, len + (size_t) ask->call.n[2]);

    rc = bigcache_ask(ask, BIGCACHE_CALL_LIST, prefix, 0);

    ask->call.data.len = 0;

    answer = &ask->called.answer;

    if (rc == BIGCACHE_OK
        && !bigcache_list_receive(list, &answer->data, &answer->key,
                                  answer->n[1] != 0, after, limit))
    {
        rc = bigcache_log_failed(&ask->local->conf.log, ask->local->conf.path,
                                 BIGCACHE_ERROR, "ask",
                                 "the answer is not a list");
    }

    bigcache_ask_end(ask);

    return rc;
}


static void
bigcache_ask_unavailable(bigcache_local_t *local, const char *reason)
{
    (void) pthread_mutex_lock(&local->mutex);
    (void) snprintf(local->reason, BIGCACHE_ERROR_LEN, "%s", reason);
    (void) pthread_mutex_unlock(&local->mutex);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Runs a caller's call in the owner's store: one function for each call.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_close.h"
#include "bigcache_purge.h"
#include "bigcache_remote.h"
#include "bigcache_segment.h"
#include "bigcache_serve.h"
#include "bigcache_store.h"
#include "bigcache_store_list.h"
#include "bigcache_version.h"


/* one call: the store, the caller, the message and the answer */

typedef struct {
    bigcache_store_t     *store;
    uint64_t              caller;
    bigcache_message_t   *in;
    const uint64_t       *n;        /* its numbers */
    bigcache_message_t   *out;
    bigcache_served_t    *served;
} bigcache_serve_t;

typedef bigcache_rc_t (*bigcache_serve_pt)(bigcache_serve_t *s);


static bigcache_rc_t bigcache_serve_get(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_record(bigcache_serve_t *s,
    const bigcache_stored_t *page);
static bigcache_rc_t bigcache_serve_put(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_delete(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_purge(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_run(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_stat(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_all(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_damaged(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_lend(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_back(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_full(bigcache_serve_t *s);
static bigcache_rc_t bigcache_serve_list(bigcache_serve_t *s);


#define BIGCACHE_SERVE_KEY   0x01
#define BIGCACHE_SERVE_DATA  0x02

/* the most rows of one answer; a request cannot ask for more either */

#define BIGCACHE_SERVE_LIST  1000

_Static_assert(BIGCACHE_LIST_MEMORY <= BIGCACHE_MESSAGE_DATA_MAX,
               "a list fits into a message");


/* by BIGCACHE_CALL_*; bigcache_server.c answers HELLO and WATCH */

static const struct {
    bigcache_serve_pt   handler;
    unsigned            takes;
    bigcache_rc_t     (*all)(bigcache_store_t *store);
} bigcache_serve_calls[] = {
    { NULL, 0, NULL },
    { NULL, 0, NULL },
    { bigcache_serve_get, BIGCACHE_SERVE_KEY, NULL },
    { bigcache_serve_put, BIGCACHE_SERVE_KEY|BIGCACHE_SERVE_DATA, NULL },
    { bigcache_serve_delete, BIGCACHE_SERVE_KEY, NULL },
    { bigcache_serve_purge, BIGCACHE_SERVE_DATA, NULL },
    { bigcache_serve_run, 0, NULL },
    { bigcache_serve_stat, 0, NULL },
    { bigcache_serve_all, 0, bigcache_close_clear },
    { bigcache_serve_all, 0, bigcache_close },
    { bigcache_serve_all, 0, bigcache_store_open },
    { bigcache_serve_damaged, BIGCACHE_SERVE_KEY, NULL },
    { bigcache_serve_lend, 0, NULL },
    { bigcache_serve_back, 0, NULL },
    { bigcache_serve_full, 0, NULL },
    { NULL, 0, NULL },
    { bigcache_serve_list, BIGCACHE_SERVE_KEY|BIGCACHE_SERVE_DATA, NULL },
    { bigcache_serve_all, 0, bigcache_store_sync }
};


const char *
bigcache_serve(bigcache_store_t *store, uint64_t caller, bigcache_message_t *in,
    bigcache_message_t *out, bigcache_served_t *served)
{
    unsigned           takes;
    bigcache_serve_t   s;
    bigcache_serve_pt  handler;

    handler = bigcache_serve_calls[in->call].handler;
    takes = bigcache_serve_calls[in->call].takes;

    memset(served, 0, sizeof(bigcache_served_t));
    served->page.fd = -1;

    memset(out, 0, sizeof(bigcache_message_t));
    out->call = in->call;

    if (handler == NULL) {
        return "a caller cannot make this call";
    }

    if ((in->key.len && !(takes & BIGCACHE_SERVE_KEY))
        || (in->data.len && !(takes & BIGCACHE_SERVE_DATA)))
    {
        return "it has a key or data that its call does not take";
    }

    s.store = store;
    s.caller = caller;
    s.in = in;
    s.n = in->n;
    s.out = out;
    s.served = served;

    out->rc = handler(&s);

    out->n[BIGCACHE_MESSAGE_LATEST] = bigcache_version_latest(store);

    if (out->rc == BIGCACHE_INVALID) {
        return "its numbers or its record are wrong";
    }

    if (out->rc == BIGCACHE_UNAVAILABLE) {
        bigcache_store_reason(store, served->reason);

        out->data = bigcache_str_text(served->reason);
    }

    return NULL;
}


void
bigcache_serve_free(bigcache_served_t *served)
{
    bigcache_stored_free(&served->page);
    free(served->list);
    free(served->record);
}


static bigcache_rc_t
bigcache_serve_get(bigcache_serve_t *s)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_get(s->store, &s->in->key, 0, &s->served->page);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_serve_record(s, &s->served->page);
    }

    return rc;
}


/* the record as it is read, which a soft purge may have marked */

static bigcache_rc_t
bigcache_serve_record(bigcache_serve_t *s, const bigcache_stored_t *page)
{
    u_char                   *p;
    const bigcache_record_t  *record;

    record = &page->record;

    if (!(record->flags & BIGCACHE_FLAG_SOFT)) {
        s->out->data = page->value;
        return BIGCACHE_OK;
    }

    s->out->data.len = bigcache_record_size(record);

    p = malloc(s->out->data.len);
    if (p == NULL) {
        return BIGCACHE_NOMEM;
    }

    s->served->record = p;
    s->out->data.data = p;

    p = bigcache_record_encode(p, record);

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT) && record->body.len) {
        memcpy(p, record->body.data, record->body.len);
    }

    bigcache_record_seal(s->served->record, s->out->data.len);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_serve_put(bigcache_serve_t *s)
{
    bigcache_rc_t      rc;
    bigcache_commit_t  commit;
    bigcache_record_t  record;

    commit.key = s->in->key;
    commit.expect = s->n[0];
    commit.retry_floor = s->n[1];
    commit.fetched = (s->n[2] != 0);
    commit.value = (u_char *) s->in->data.data;
    commit.len = s->in->data.len;

    rc = bigcache_remote_commit(s->store, s->caller, &commit, &record);

    if (rc == BIGCACHE_OK) {
        s->out->n[0] = record.version;
    }

    return rc;
}


static bigcache_rc_t
bigcache_serve_delete(bigcache_serve_t *s)
{
    return bigcache_store_delete(s->store, &s->in->key, s->n[0], s->n[1]);
}


static bigcache_rc_t
bigcache_serve_purge(bigcache_serve_t *s)
{
    bigcache_selectors_t  list;

    if (!bigcache_selectors_receive(&list, &s->in->data)) {
        return BIGCACHE_INVALID;
    }

    return bigcache_purge(s->store, &list, s->n[1] != 0, s->n[0],
                          &s->out->n[0]);
}


static bigcache_rc_t
bigcache_serve_run(bigcache_serve_t *s)
{
    return bigcache_purge_run(s->store, s->n[0], &s->out->n[0],
                              &s->out->n[1]);
}


static bigcache_rc_t
bigcache_serve_stat(bigcache_serve_t *s)
{
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    memset(&stat, 0, sizeof(bigcache_stat_t));

    rc = s->n[0] ? bigcache_store_gauges(s->store, &stat)
                 : bigcache_store_stat(s->store, &stat);

    s->out->n[0] = stat.keys;
    s->out->n[1] = stat.segments;
    s->out->n[2] = stat.bytes;
    s->out->n[3] = stat.live;
    s->out->n[4] = stat.counted;

    return rc;
}


/* for the whole store */

static bigcache_rc_t
bigcache_serve_all(bigcache_serve_t *s)
{
    return bigcache_serve_calls[s->in->call].all(s->store);
}


static bigcache_rc_t
bigcache_serve_damaged(bigcache_serve_t *s)
{
    bigcache_rc_t  rc;

    rc = bigcache_store_look_again(s->store, &s->in->key, &s->served->page);

    return (rc == BIGCACHE_OK) ? BIGCACHE_MISMATCH : rc;
}


static bigcache_rc_t
bigcache_serve_lend(bigcache_serve_t *s)
{
    uint64_t  *n;

    n = s->out->n;
    n[2] = s->n[0];

    if (n[2] == 0 || n[2] > INT64_MAX / 4 || n[2] % BIGCACHE_SEGMENT_ALIGN) {
        return BIGCACHE_INVALID;
    }

    return bigcache_remote_lend(s->store, s->caller, s->n[1], &n[0], &n[1],
                                &n[2]);
}


static bigcache_rc_t
bigcache_serve_back(bigcache_serve_t *s)
{
    if (s->n[0] == 0) {
        return BIGCACHE_INVALID;
    }

    bigcache_remote_take_back(s->store, s->caller, s->n[0], s->n[1]);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_serve_full(bigcache_serve_t *s)
{
    bigcache_remote_caller_reports_full(s->store);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_serve_list(bigcache_serve_t *s)
{
    unsigned          limit;
    bigcache_rc_t     rc;
    bigcache_str_t    after, tag;
    bigcache_list_t  *list;

    if (s->n[0] == 0
        || s->n[2] > BIGCACHE_TAG_MAX
        || s->in->data.len < s->n[2]
        || s->in->data.len - s->n[2] > BIGCACHE_KEY_MAX)
    {
        return BIGCACHE_INVALID;
    }

    limit = (s->n[0] < BIGCACHE_SERVE_LIST) ? (unsigned) s->n[0]
                                            : BIGCACHE_SERVE_LIST;

    after = s->in->data;
    after.len -= (size_t) s->n[2];

    tag = bigcache_str(s->n[2] ? after.data + after.len : NULL,
                       (size_t) s->n[2]);

    if (s->n[1] == 0) {
        after = bigcache_str(NULL, 0);
    }

    list = malloc(sizeof(bigcache_list_t));
    if (list == NULL) {
        return BIGCACHE_NOMEM;
    }

    s->served->list = list;

    rc = bigcache_store_list(s->store, &s->in->key, &tag, &after, limit,
                             list);

    if (rc == BIGCACHE_OK) {
        s->out->key = bigcache_str(list->next, list->next_len);
        s->out->data = bigcache_str(list->rows, list->len);
        s->out->n[0] = list->n;
        s->out->n[1] = list->more;
    }

    return rc;
}

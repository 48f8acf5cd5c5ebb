
/*
 * Copyright (C) bigcache contributors
 */


/* reads, stores and removes pages */


#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_chunks.h"
#include "bigcache_cluster_page.h"
#include "bigcache_crc.h"
#include "bigcache_gzip.h"
#include "bigcache_remove.h"
#include "bigcache_time.h"


/* tries of a call that meets another purge, or another page, each time */

#define BIGCACHE_CLUSTER_PAGE_TRIES  100

/* milliseconds that a server keeps a draft which no script has renamed */

#define BIGCACHE_CLUSTER_PAGE_DRAFT  "60000"


/* a page that is read, in one try or more */

typedef struct {
    bigcache_cluster_t     *cluster;
    bigcache_call_t         call;       /* of the last try */
    bigcache_bucket_t       bucket;
    const bigcache_str_t   *key;
    bigcache_str_t          name;       /* on the servers */
    u_char                  memory[BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_KEY_MAX];
    int                     body;
    bigcache_page_t        *page;
} bigcache_cluster_read_t;

/* a page on its way */

typedef struct {
    bigcache_cluster_t     *cluster;
    const bigcache_put_t   *put;
    bigcache_bucket_t       bucket;
    bigcache_value_t        value;
    bigcache_look_t         look;
    bigcache_data_t         body;       /* as it will be sent, in memory */
    u_char                 *memory;     /* of that, or NULL */
    int                     fd;         /* a copy of a large one, or -1 */
    u_char                 *draft;      /* front and body */
    size_t                  len;
} bigcache_cluster_page_t;

/* the two commands that store it, and what they point to */

typedef struct {
    bigcache_command_t      commands[2];
    bigcache_str_t          keys[2];    /* page and draft */
    u_char                  page[BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_KEY_MAX];
    u_char                  draft[BIGCACHE_BUCKET_TAG + 1
                                  + BIGCACHE_BUCKET_NONCE];
    u_char                  group[BIGCACHE_KEY_MAX];
    u_char                  chunks[BIGCACHE_CHUNKS_ROOM];
    u_char                  expect[BIGCACHE_VALUE_DIGITS];
    u_char                  origin[BIGCACHE_VALUE_DIGITS];
    u_char                  expire[BIGCACHE_VALUE_DIGITS];
    u_char                  now[BIGCACHE_VALUE_DIGITS];
} bigcache_cluster_commit_t;


static bigcache_rc_t bigcache_cluster_page_read(bigcache_cluster_read_t *r);
static void bigcache_cluster_page_commands(const bigcache_cluster_read_t *r,
    bigcache_command_t *commands);
static bigcache_rc_t bigcache_cluster_page_found(bigcache_cluster_read_t *r,
    const bigcache_unit_t *unit);
static bigcache_rc_t bigcache_cluster_page_fill(bigcache_cluster_read_t *r,
    const bigcache_reply_t *purges, const bigcache_value_t *value);
static bigcache_rc_t bigcache_cluster_page_body(bigcache_cluster_read_t *r,
    const bigcache_value_t *value);
static bigcache_rc_t bigcache_cluster_page_damaged(bigcache_cluster_read_t *r,
    uint64_t version);
static void bigcache_cluster_page_value(bigcache_cluster_page_t *p);
static bigcache_rc_t bigcache_cluster_page_pack(bigcache_cluster_page_t *p);
static bigcache_rc_t bigcache_cluster_page_large(bigcache_cluster_page_t *p);
static bigcache_rc_t bigcache_cluster_page_draft(bigcache_cluster_page_t *p);
static bigcache_rc_t bigcache_cluster_page_store(bigcache_cluster_page_t *p);
static bigcache_rc_t bigcache_cluster_page_commit(bigcache_cluster_page_t *p,
    bigcache_call_t *call);
static void bigcache_cluster_page_set(bigcache_cluster_page_t *p,
    bigcache_cluster_commit_t *commit);
static void bigcache_cluster_page_arguments(bigcache_cluster_page_t *p,
    bigcache_cluster_commit_t *commit);
static bigcache_rc_t bigcache_cluster_page_answer(bigcache_cluster_page_t *p,
    const bigcache_reply_t *reply);
static void bigcache_cluster_page_stored(bigcache_cluster_page_t *p,
    bigcache_page_t *page);
static void bigcache_cluster_page_fields(const bigcache_value_t *value,
    bigcache_page_t *page);


bigcache_rc_t
bigcache_cluster_page_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *page)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    unsigned                 i;
    uint64_t                 missed;
    bigcache_rc_t            rc;
    bigcache_cluster_read_t  r;

    r.cluster = cluster;
    r.key = key;
    r.body = body & ~BIGCACHE_BODY_PEEK;
    r.page = page;

    bigcache_space_bucket(cluster, key, &r.bucket);
    r.name = bigcache_bucket_name(r.memory, &r.bucket, 'k', key);

    rc = BIGCACHE_MISMATCH;
    missed = 0;

    /* MISMATCH: a chunk is gone, so it was replaced; or it is damaged */

    for (i = 0;
         i < BIGCACHE_CLUSTER_PAGE_TRIES && rc == BIGCACHE_MISMATCH;
         i++)
    {
        bigcache_page_clear(page);

        rc = bigcache_cluster_page_read(&r);

        if (rc == BIGCACHE_MISMATCH && page->version == missed) {
            rc = bigcache_cluster_page_damaged(&r, missed);
        }

        missed = page->version;

        if (rc != BIGCACHE_OK) {
            bigcache_page_free(page);
        }
    }

    return (rc == BIGCACHE_MISMATCH)
           ? bigcache_cache_failed(cache, "read a page",
                                   "it is replaced again and again")
           : rc;
}


bigcache_rc_t
bigcache_cluster_page_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *page)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    bigcache_rc_t            rc;
    bigcache_cluster_page_t  p;

    bigcache_page_clear(page);

    memset(&p, 0, sizeof(bigcache_cluster_page_t));

    p.cluster = cluster;
    p.put = put;
    p.fd = -1;

    bigcache_space_bucket(cluster, &put->key, &p.bucket);

    bigcache_cluster_page_value(&p);

    rc = p.value.chunks ? bigcache_cluster_page_large(&p)
                        : bigcache_cluster_page_pack(&p);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_page_store(&p);
    }

    if (rc == BIGCACHE_OK) {
        bigcache_cluster_page_stored(&p, page);

    } else if (p.value.chunks) {
        bigcache_chunks_abandon(cluster, &p.bucket, &p.value);
    }

    if (p.fd != -1) {
        (void) close(p.fd);
    }

    free(p.memory);
    free(p.draft);

    return rc;
}


bigcache_rc_t
bigcache_cluster_page_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect)
{
    bigcache_cluster_t *cluster = (bigcache_cluster_t *) cache;

    unsigned           i;
    bigcache_rc_t      rc;
    bigcache_call_t    call;
    bigcache_look_t    look;
    bigcache_bucket_t  bucket;

    bigcache_space_bucket(cluster, key, &bucket);
    memset(&look, 0, sizeof(bigcache_look_t));

    rc = bigcache_space_enter(cluster, &call, 1);

    for (i = 0; rc == BIGCACHE_OK && i < BIGCACHE_CLUSTER_PAGE_TRIES; i++) {

        rc = bigcache_remove(cluster, &call, &bucket, key, "delete", expect,
                             &look);

        if (rc != BIGCACHE_AGAIN) {
            return rc;
        }

        rc = bigcache_look(cluster, &call, &bucket, key, NULL, 0, &look);
    }

    return (rc == BIGCACHE_OK)
           ? bigcache_cache_failed(cache, "remove a page",
                                   "a purge begins each time")
           : rc;
}


static bigcache_rc_t
bigcache_cluster_page_read(bigcache_cluster_read_t *r)
{
    bigcache_rc_t       rc;
    bigcache_unit_t     unit;
    bigcache_command_t  commands[3];

    rc = bigcache_space_enter(r->cluster, &r->call, 0);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    bigcache_cluster_page_commands(r, commands);

    bigcache_units_init(&unit, r->bucket.slot, commands, 3);

    rc = bigcache_space_run(r->cluster, &r->call, &unit, 1);

    if (rc == BIGCACHE_OK) {
        /* a bucket that was never written to has no clock */

        r->page->latest = bigcache_link_number(unit.replies[0]);
        r->page->latest = r->page->latest ? r->page->latest : 1;

        rc = bigcache_cluster_page_found(r, &unit);
    }

    bigcache_units_free(&unit, 1);

    return rc;
}


/*
 * The clock and the purges come before the page: a page that a purge removes
 * after this may still be seen, but none that was removed before.
 */

static void
bigcache_cluster_page_commands(const bigcache_cluster_read_t *r,
    bigcache_command_t *commands)
{
    const bigcache_str_t  *names;

    names = r->bucket.names;

    bigcache_units_command(&commands[0], "HGET",
                           names[BIGCACHE_BUCKET_NUMBERS], "clock", NULL);
    bigcache_units_command(&commands[1], "ZRANGE",
                           names[BIGCACHE_BUCKET_PURGES], "0", "-1",
                           "WITHSCORES", NULL);

    if (r->body != BIGCACHE_BODY_NONE) {
        bigcache_units_command(&commands[2], "GET", r->name, NULL);

    } else {
        bigcache_units_command(&commands[2], "GETRANGE", r->name, "0", "1023",
                               NULL);
    }
}


static bigcache_rc_t
bigcache_cluster_page_found(bigcache_cluster_read_t *r,
    const bigcache_unit_t *unit)
{
    size_t             len, front;
    bigcache_rc_t      rc;
    bigcache_page_t   *page;
    bigcache_value_t   value;
    bigcache_value_e   decoded;

    page = r->page;
    len = 0;
    page->memory = bigcache_link_steal(unit->replies[2], &len);

    if (page->memory == NULL || len == 0) {
        return BIGCACHE_MISS;
    }

    decoded = bigcache_value_decode(&value, page->memory, len, 1, &front);

    if (decoded == BIGCACHE_VALUE_SHORT && r->body == BIGCACHE_BODY_NONE) {

        free(page->memory);

        rc = bigcache_look_front(r->cluster, &r->call, &r->bucket, &r->name,
                                 &page->memory, &value);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        decoded = BIGCACHE_VALUE_OK;
    }

    if (decoded != BIGCACHE_VALUE_OK
        || (r->body != BIGCACHE_BODY_NONE && value.chunks == 0 && value.length
            && value.body.data == NULL))
    {
        /* a script goes by what is in front: that must be right */

        decoded = bigcache_value_decode(&value, page->memory, len, 0, &front);

        return bigcache_cluster_page_damaged(r, decoded == BIGCACHE_VALUE_OK
                                                ? value.version : 0);
    }

    return bigcache_cluster_page_fill(r, unit->replies[1], &value);
}


static bigcache_rc_t
bigcache_cluster_page_fill(bigcache_cluster_read_t *r,
    const bigcache_reply_t *purges, const bigcache_value_t *value)
{
    bigcache_rc_t       rc;
    bigcache_page_t    *page;
    bigcache_marked_t   marked;

    page = r->page;

    marked = bigcache_markers_look(purges, r->key, &value->tags,
                                   value->origin);

    if (marked.removed) {
        return BIGCACHE_MISS;
    }

    if (value->expire <= bigcache_time_now()) {
        rc = bigcache_remove(r->cluster, &r->call, &r->bucket, r->key,
                             "expire", value->version, NULL);

        return (rc == BIGCACHE_OK) ? BIGCACHE_EXPIRED : rc;
    }

    bigcache_cluster_page_fields(value, page);

    page->tags = value->tags;

    if (page->stale == 0) {
        page->stale = (int64_t) (marked.stale / 1000);
    }

    if (r->body == BIGCACHE_BODY_NONE
        || (r->body == BIGCACHE_BODY_SMALL && value->chunks))
    {
        return BIGCACHE_OK;
    }

    page->type = value->type;

    if (value->chunks == 0) {
        page->body = bigcache_data_bytes(value->body.data, value->body.len);
        return BIGCACHE_OK;
    }

    return (r->body == BIGCACHE_BODY_KNOWN)
           ? BIGCACHE_AGAIN : bigcache_cluster_page_body(r, value);
}


static bigcache_rc_t
bigcache_cluster_page_body(bigcache_cluster_read_t *r,
    const bigcache_value_t *value)
{
    int            fd;
    bigcache_rc_t  rc;

    fd = bigcache_chunks_file(r->cluster);

    if (fd == -1) {
        return bigcache_cache_failed(&r->cluster->cache,
                                     "make a temporary file", strerror(errno));
    }

    rc = bigcache_chunks_read(r->cluster, &r->bucket, value, fd);

    if (rc == BIGCACHE_OK) {
        r->page->body = bigcache_data_range(fd, 0, value->length);
        return BIGCACHE_OK;
    }

    (void) close(fd);

    if (rc == BIGCACHE_DAMAGED) {
        return bigcache_cluster_page_damaged(r, value->version);
    }

    return (rc == BIGCACHE_MISS) ? BIGCACHE_MISMATCH : rc;
}


/* removes the page, if its version is known: conditions would never be true */

static bigcache_rc_t
bigcache_cluster_page_damaged(bigcache_cluster_read_t *r, uint64_t version)
{
    bigcache_log(&r->cluster->conf.log, BIGCACHE_LOG_ERR,
                 "cluster \"%s\": a page fails its checks, and is a miss",
                 r->cluster->conf.label);

    if (version
        && bigcache_space_enter(r->cluster, &r->call, 0) == BIGCACHE_OK)
    {
        (void) bigcache_remove(r->cluster, &r->call, &r->bucket, r->key,
                               "purge", version, NULL);
    }

    return BIGCACHE_MISS;
}


static void
bigcache_cluster_page_value(bigcache_cluster_page_t *p)
{
    bigcache_value_t      *value;
    const bigcache_put_t  *put;

    put = p->put;
    value = &p->value;

    bigcache_space_nonce(value->nonce);

    value->origin = put->origin;
    value->expire = put->expire;
    value->kind = put->kind;
    value->head = put->head;
    value->fresh = put->fresh;
    value->type = put->type;
    value->tags = put->tags;
    value->length = bigcache_data_length(put->data, put->n);
    value->unpacked = put->unpacked ? put->unpacked : value->length;
    value->packed = (put->unpacked != 0);

    /* all times before 1970 are alike */

    if (put->fresh < 0) {
        value->fresh = 1;
    }

    if (value->length > BIGCACHE_PAGE_LARGE) {
        value->chunks = (value->length + BIGCACHE_PAGE_LARGE - 1)
                        / BIGCACHE_PAGE_LARGE;
    }
}


/* reads a body that is not large into memory, and packs it */

static bigcache_rc_t
bigcache_cluster_page_pack(bigcache_cluster_page_t *p)
{
    size_t             len, packed;
    u_char            *buf;
    bigcache_value_t  *value;

    value = &p->value;
    len = (size_t) value->length;

    if (p->put->n == 1 && p->put->data->fd == -1) {
        p->body = *p->put->data;

    } else {

        p->memory = malloc(len ? len : 1);
        if (p->memory == NULL) {
            return BIGCACHE_NOMEM;
        }

        if (bigcache_data_read(p->memory, p->put->data, p->put->n) == -1) {
            return bigcache_cache_failed(&p->cluster->cache, "read a body",
                                         strerror(errno));
        }

        p->body = bigcache_data_bytes(p->memory, len);
    }

    if (!value->packed && !p->put->plain && len
        && len >= p->cluster->conf.gzip_min)
    {
        buf = malloc(len);
        if (buf == NULL) {
            return BIGCACHE_NOMEM;
        }

        packed = bigcache_gzip_pack(buf, p->body.bytes.data, len);

        if (packed == 0) {
            free(buf);

        } else {
            free(p->memory);
            p->memory = buf;
            p->body = bigcache_data_bytes(buf, packed);

            value->packed = 1;
            value->length = packed;
        }
    }

    value->crc = bigcache_crc(0, p->body.bytes.data, p->body.bytes.len);

    return BIGCACHE_OK;
}


/* the reply to a client may need the body: it lies in a file then */

static bigcache_rc_t
bigcache_cluster_page_large(bigcache_cluster_page_t *p)
{
    if (p->put->kind == BIGCACHE_KIND_JSON) {

        p->fd = bigcache_chunks_file(p->cluster);

        if (p->fd == -1) {
            return bigcache_cache_failed(&p->cluster->cache,
                                         "make a temporary file",
                                         strerror(errno));
        }
    }

    return bigcache_chunks_write(p->cluster, &p->bucket, p->put->data,
                                 p->put->n, p->fd, &p->value);
}


static bigcache_rc_t
bigcache_cluster_page_draft(bigcache_cluster_page_t *p)
{
    size_t  front;

    front = bigcache_value_front(&p->value);

    if (p->draft == NULL) {

        p->len = front + (p->value.chunks ? 0 : p->body.bytes.len);

        p->draft = malloc(p->len);
        if (p->draft == NULL) {
            return BIGCACHE_NOMEM;
        }

        if (p->len > front) {
            memcpy(p->draft + front, p->body.bytes.data, p->body.bytes.len);
        }
    }

    bigcache_value_encode(p->draft, &p->value);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_cluster_page_store(bigcache_cluster_page_t *p)
{
    unsigned               i;
    bigcache_rc_t          rc;
    bigcache_call_t        call;
    const bigcache_put_t  *put;

    put = p->put;

    rc = bigcache_space_enter(p->cluster, &call, 1);

    for (i = 0; rc == BIGCACHE_OK && i < BIGCACHE_CLUSTER_PAGE_TRIES; i++) {

        rc = bigcache_cluster_page_draft(p);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_cluster_page_commit(p, &call);
        }

        if (rc != BIGCACHE_AGAIN) {
            return rc;
        }

        rc = bigcache_look(p->cluster, &call, &p->bucket, &put->key,
                           put->fetched ? &put->tags : NULL, put->origin,
                           &p->look);

        if (rc == BIGCACHE_OK && p->look.removed) {
            return BIGCACHE_MISMATCH;
        }

        if (put->fetched) {
            p->value.stale = p->look.stale;
        }
    }

    return (rc == BIGCACHE_OK)
           ? bigcache_cache_failed(&p->cluster->cache, "store a page",
                                   "a purge begins each time")
           : rc;
}


/* returns BIGCACHE_AGAIN if the script asks for a look at the purges */

static bigcache_rc_t
bigcache_cluster_page_commit(bigcache_cluster_page_t *p, bigcache_call_t *call)
{
    bigcache_rc_t              rc;
    bigcache_unit_t            unit;
    bigcache_cluster_commit_t  commit;

    bigcache_cluster_page_set(p, &commit);

    bigcache_units_script(&commit.commands[1], BIGCACHE_SCRIPT_COMMIT,
                          &p->bucket, commit.keys, 2);
    bigcache_cluster_page_arguments(p, &commit);

    bigcache_units_init(&unit, p->bucket.slot, commit.commands, 2);

    rc = bigcache_space_run(p->cluster, call, &unit, 1);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_cluster_page_answer(p, unit.replies[1]);
    }

    bigcache_units_free(&unit, 1);

    return rc;
}


/* names the keys of the script, and makes the command that stores the draft */

static void
bigcache_cluster_page_set(bigcache_cluster_page_t *p,
    bigcache_cluster_commit_t *commit)
{
    bigcache_str_t       nonce;
    bigcache_bucket_t   *bucket;
    bigcache_command_t  *set;

    bucket = &p->bucket;

    nonce = bigcache_str(p->value.nonce, BIGCACHE_BUCKET_NONCE);

    commit->keys[0] = bigcache_bucket_name(commit->page, bucket, 'k',
                                           &p->put->key);
    commit->keys[1] = bigcache_bucket_name(commit->draft, bucket, 'd', &nonce);

    set = &commit->commands[0];

    bigcache_units_command(set, "SET", commit->keys[1], NULL);
    bigcache_units_part(set, bigcache_str(p->draft, p->len));
    bigcache_units_text(set, "PX");
    bigcache_units_text(set, BIGCACHE_CLUSTER_PAGE_DRAFT);
}


static void
bigcache_cluster_page_arguments(bigcache_cluster_page_t *p,
    bigcache_cluster_commit_t *commit)
{
    bigcache_str_t         part;
    bigcache_command_t    *script;
    const bigcache_put_t  *put;

    put = p->put;
    script = &commit->commands[1];

    bigcache_units_part(script, put->key);
    bigcache_units_part(script,
                        bigcache_str(p->value.nonce, BIGCACHE_BUCKET_NONCE));

    if (put->expect == BIGCACHE_EXPECT_ANY) {
        bigcache_units_text(script, "");

    } else if (put->expect == BIGCACHE_EXPECT_NONE) {
        bigcache_units_text(script, "none");

    } else {
        bigcache_units_part(script, bigcache_value_digits(commit->expect,
                                                          put->expect));
    }

    part = bigcache_value_digits(commit->origin, put->origin);
    part.len = (put->origin || put->fetched) ? part.len : 0;

    bigcache_units_part(script, part);
    bigcache_units_text(script, put->fetched ? "1" : "");
    bigcache_units_part(script, p->look.purges);
    bigcache_units_part(script, p->look.dead);

    part = bigcache_value_digits(commit->expire,
                                 put->expire > 0 ? (uint64_t) put->expire : 0);
    bigcache_units_part(script, part);
    bigcache_units_part(script, put->tags);
    bigcache_units_part(script, bigcache_bucket_group(commit->group,
                                                      &put->key));

    part = bigcache_chunks_name(commit->chunks, &p->value);
    part.len = p->value.chunks ? part.len : 0;

    bigcache_units_part(script, part);
    bigcache_units_part(script,
                        bigcache_value_digits(commit->now, (uint64_t)
                                                      bigcache_time_now()));
}


static bigcache_rc_t
bigcache_cluster_page_answer(bigcache_cluster_page_t *p,
    const bigcache_reply_t *reply)
{
    const bigcache_reply_t  *answer;

    answer = bigcache_link_part(reply, 0);

    if (bigcache_link_is(answer, "ok")) {
        p->value.version = bigcache_link_number(bigcache_link_part(reply, 1));
        return BIGCACHE_OK;
    }

    if (bigcache_link_is(answer, "purges")) {
        return BIGCACHE_AGAIN;
    }

    if (bigcache_link_is(answer, "mismatch")
        || bigcache_link_is(answer, "removed"))
    {
        return BIGCACHE_MISMATCH;
    }

    if (bigcache_link_is(answer, "late")) {
        return bigcache_cache_failed(&p->cluster->cache, "store a page",
                                     "its body took too long");
    }

    if (bigcache_link_is(answer, "draft")) {

        /* the server has not stored it; or its policy is one of volatile-* */

        bigcache_log(&p->cluster->conf.log, BIGCACHE_LOG_ERR,
                     "cluster \"%s\": no memory is left for the draft of a "
                     "page", p->cluster->conf.label);

        return BIGCACHE_FULL;
    }

    return bigcache_cache_failed(&p->cluster->cache, "store a page",
                                 "the answer is wrong");
}


static void
bigcache_cluster_page_stored(bigcache_cluster_page_t *p, bigcache_page_t *page)
{
    bigcache_cluster_page_fields(&p->value, page);

    if (page->origin == 0) {
        page->origin = page->version;
    }

    if (p->fd != -1) {
        page->body = bigcache_data_range(p->fd, 0, page->length);
        p->fd = -1;
    }
}


static void
bigcache_cluster_page_fields(const bigcache_value_t *value,
    bigcache_page_t *page)
{
    page->kind = value->kind;
    page->packed = value->packed;
    page->head = value->head;
    page->version = value->version;
    page->origin = value->origin;
    page->expire = value->expire;
    page->fresh = value->fresh;
    page->stale = value->stale;
    page->length = value->length;
    page->unpacked = value->unpacked;

    if (page->latest < value->version) {
        page->latest = value->version;
    }
}

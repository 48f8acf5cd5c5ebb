
/*
 * Copyright (C) bigcache contributors
 */


/* finds the keys of a purge, and removes or marks them */


#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_background.h"
#include "bigcache_core.h"
#include "bigcache_import_delete.h"
#include "bigcache_key_removal.h"
#include "bigcache_names.h"
#include "bigcache_purge_walk.h"


/*
 * Names that one walk finds, the first of them in the thread of the caller.  A
 * walk keeps LevelDB from removing the tables that it began with, and the more
 * is written meanwhile, the more of its records must be read again.
 */

#define BIGCACHE_PURGE_WALK_FIRST  1000
#define BIGCACHE_PURGE_WALK_SLICE  4000

/* bytes of a name in the index: of a tag, or a key; with NUL behind it */

#define BIGCACHE_PURGE_WALK_NAME  (BIGCACHE_NAMES_MAX + 1)


typedef struct {
    bigcache_store_t           *store;
    const bigcache_selector_t  *selector;
    bigcache_match_t            match;
    uint64_t                    live;
    uint64_t                    expired;
    bigcache_key_removal_t     *removal;

    /* where the names are, and what is in front of the key in them */
    u_char                      space;
    size_t                      lead;

    size_t                      len;
    u_char                      name[BIGCACHE_PURGE_WALK_NAME];

    /* the next name behind another one */
    size_t                      next_len;
    u_char                      next[BIGCACHE_PURGE_WALK_NAME];

    /*
     * a walk over names: its prefix, the last name, how many more it may find,
     * whether it gives the records, and in which thread it is
     */
    bigcache_str_t              prefix;
    bigcache_str_t              last;
    unsigned                    left;
    unsigned                    looked:1;
    unsigned                    background:1;
    int64_t                     rested;
    u_char                      memory[BIGCACHE_PURGE_WALK_NAME];
} bigcache_purge_walk_t;


static bigcache_rc_t bigcache_purge_walk_import(bigcache_purge_walk_t *ctx);
static bigcache_rc_t bigcache_purge_walk_index(bigcache_purge_walk_t *ctx);
static bigcache_rc_t bigcache_purge_walk_scheme(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *scheme);
static bigcache_rc_t bigcache_purge_walk_ports(bigcache_purge_walk_t *ctx);
static int bigcache_purge_walk_behind(bigcache_purge_walk_t *ctx, size_t base,
    size_t end, bigcache_str_t *after);
static bigcache_rc_t bigcache_purge_walk_next(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *after);
static bigcache_rc_t bigcache_purge_walk_first(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_walk_root(bigcache_purge_walk_t *ctx);
static bigcache_rc_t bigcache_purge_walk_names(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *prefix);
static bigcache_rc_t bigcache_purge_walk_rest(void *data);
static bigcache_rc_t bigcache_purge_walk_slice(bigcache_purge_walk_t *ctx,
    unsigned n);
static bigcache_rc_t bigcache_purge_walk_key(void *data,
    const bigcache_str_t *name, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_walk_add(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_walk_remove(bigcache_purge_walk_t *ctx);
static void bigcache_purge_walk_append(bigcache_purge_walk_t *ctx,
    const void *data, size_t len);


bigcache_rc_t
bigcache_purge_walk(bigcache_store_t *store, const bigcache_purge_t *purge,
    uint64_t *live, uint64_t *expired)
{
    bigcache_rc_t           rc;
    bigcache_purge_walk_t  *ctx;

    ctx = calloc(1, sizeof(bigcache_purge_walk_t));
    if (ctx == NULL) {
        return BIGCACHE_NOMEM;
    }

    ctx->store = store;
    ctx->selector = &purge->selector;
    ctx->match.before = purge->version;
    ctx->match.selector = &purge->selector;
    ctx->space = BIGCACHE_NAMES_KEY;

    /* all keys, if some may have no names of their tags */

    if (ctx->selector->tag.len && !atomic_load(&store->unnamed)) {
        ctx->space = BIGCACHE_NAMES_TAG;
        ctx->lead = sizeof(uint64_t);
    }

    ctx->removal = bigcache_key_removal_create();

    rc = ctx->removal ? bigcache_purge_walk_import(ctx) : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_walk_index(ctx);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_walk_remove(ctx);
    }

    *live += ctx->live;
    *expired += ctx->expired;

    free(ctx->removal);
    free(ctx);

    return rc;
}


/* entries that are not imported yet have neither tags nor a host */

static bigcache_rc_t
bigcache_purge_walk_import(bigcache_purge_walk_t *ctx)
{
    bigcache_rc_t               rc;
    const bigcache_selector_t  *selector;

    selector = ctx->selector;

    if (selector->tag.len || selector->host.len) {
        return BIGCACHE_OK;
    }

    if (!(selector->flags & BIGCACHE_SELECTOR_EXACT)) {
        return bigcache_import_delete_prefix(ctx->store, &selector->prefix,
                                             &ctx->live);
    }

    rc = bigcache_import_delete(ctx->store, &selector->prefix);

    ctx->live += (rc == BIGCACHE_OK);

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


static bigcache_rc_t
bigcache_purge_walk_index(bigcache_purge_walk_t *ctx)
{
    uint64_t       hash;
    bigcache_rc_t  rc;

    static const bigcache_str_t  http = bigcache_string("\0http://");
    static const bigcache_str_t  https = bigcache_string("\0https://");

    if (ctx->lead) {
        hash = htobe64(bigcache_tags_hash(&ctx->selector->tag));
        bigcache_purge_walk_append(ctx, &hash, sizeof(hash));
    }

    if (ctx->selector->host.len == 0) {
        return bigcache_purge_walk_root(ctx);
    }

    rc = bigcache_purge_walk_scheme(ctx, &http);

    return (rc == BIGCACHE_OK) ? bigcache_purge_walk_scheme(ctx, &https) : rc;
}


static bigcache_rc_t
bigcache_purge_walk_scheme(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *scheme)
{
    bigcache_rc_t  rc;

    ctx->len = ctx->lead;

    bigcache_purge_walk_append(ctx, scheme->data, scheme->len);
    bigcache_purge_walk_append(ctx, ctx->selector->host.data,
                               ctx->selector->host.len);

    rc = bigcache_purge_walk_root(ctx);

    if (rc == BIGCACHE_OK) {
        bigcache_purge_walk_append(ctx, ":", 1);
        rc = bigcache_purge_walk_ports(ctx);
    }

    return rc;
}


/* looks for a name of each port, and behind all names of it for the next one */

static bigcache_rc_t
bigcache_purge_walk_ports(bigcache_purge_walk_t *ctx)
{
    size_t          base, end;
    bigcache_rc_t   rc;
    bigcache_str_t  after;

    base = ctx->len;
    after = bigcache_str(NULL, 0);

    for ( ;; ) {
        ctx->len = base;

        rc = bigcache_purge_walk_next(ctx, &after);

        if (rc != BIGCACHE_OK || ctx->next_len == 0) {
            return rc;
        }

        end = base;

        while (end < ctx->next_len
               && ctx->next[end] >= '0' && ctx->next[end] <= '9')
        {
            end++;
        }

        bigcache_purge_walk_append(ctx, ctx->next + base, end - base);

        rc = bigcache_purge_walk_root(ctx);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        if (!bigcache_purge_walk_behind(ctx, base, end, &after)) {
            return BIGCACHE_OK;
        }
    }
}


/*
 * Sets *after to what is behind the names whose port is ctx->next from base to
 * end.  Returns 0 if no port can follow, or 1.
 */

static int
bigcache_purge_walk_behind(bigcache_purge_walk_t *ctx, size_t base, size_t end,
    bigcache_str_t *after)
{
    if (end < ctx->next_len && ctx->next[end] > '9') {

        /* a part of an IPv6 address, and no port: longer ones are in front */

        if (end == base) {
            return 0;
        }

        ctx->next[--end]++;

    } else {

        /* a URI begins with '/', and '0' follows that */

        ctx->next[end] = '/' + 1;
    }

    *after = bigcache_str(ctx->next, end + 1);

    return 1;
}


/* finds the first name that begins like ours and comes after another one */

static bigcache_rc_t
bigcache_purge_walk_next(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *after)
{
    char            error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t   rc;
    bigcache_str_t  prefix;

    prefix = bigcache_str(ctx->name, ctx->len);
    ctx->next_len = 0;

    rc = bigcache_index_each(ctx->store->index, ctx->space, &prefix, after,
                             bigcache_purge_walk_first, ctx, error);

    return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
}


/* ends the walk with BIGCACHE_MISS */

static bigcache_rc_t
bigcache_purge_walk_first(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_purge_walk_t *ctx = data;

    (void) value;

    memcpy(ctx->next, key->data, key->len);
    ctx->next_len = key->len;

    return BIGCACHE_MISS;
}


/* the keys that begin with our name and then with the prefix of the selector */

static bigcache_rc_t
bigcache_purge_walk_root(bigcache_purge_walk_t *ctx)
{
    size_t          len;
    bigcache_rc_t   rc;
    bigcache_str_t  name, key;

    len = ctx->len;

    if (ctx->selector->host.len && ctx->selector->prefix.len == 0) {

        /* each URI begins with it, and no port and no longer host */

        bigcache_purge_walk_append(ctx, "/", 1);
    }

    bigcache_purge_walk_append(ctx, ctx->selector->prefix.data,
                               ctx->selector->prefix.len);

    name = bigcache_str(ctx->name, ctx->len);

    rc = BIGCACHE_OK;

    if (ctx->selector->flags & BIGCACHE_SELECTOR_EXACT) {

        key = bigcache_str(ctx->name + ctx->lead, ctx->len - ctx->lead);

        if (key.len <= BIGCACHE_KEY_MAX) {
            rc = bigcache_purge_walk_add(ctx, &key, NULL);
        }

        ctx->len = len;

        if (rc != BIGCACHE_OK || key.len == 0
            || key.data[0] != BIGCACHE_PAGE_KEY)
        {
            return rc;
        }

        /* the variants: the buffer has room for NUL */

        ctx->name[name.len++] = '\0';
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_walk_names(ctx, &name);
    }

    ctx->len = len;

    return rc;
}


/* many keys must not be felt by requests: only the first go without a thread */

static bigcache_rc_t
bigcache_purge_walk_names(bigcache_purge_walk_t *ctx,
    const bigcache_str_t *prefix)
{
    bigcache_rc_t  rc;

    if (prefix->len > BIGCACHE_NAMES_MAX) {
        return BIGCACHE_OK;
    }

    ctx->prefix = *prefix;
    ctx->last = bigcache_str(NULL, 0);
    ctx->looked = 0;

    rc = bigcache_purge_walk_slice(ctx, BIGCACHE_PURGE_WALK_FIRST);

    return (rc == BIGCACHE_MISS)
           ? bigcache_background_run(bigcache_purge_walk_rest, ctx,
                                     BIGCACHE_BACKGROUND_AWAITED) : rc;
}


static bigcache_rc_t
bigcache_purge_walk_rest(void *data)
{
    bigcache_purge_walk_t *ctx = data;

    bigcache_rc_t  rc;

    /* names of tags lead to keys, but not to the records */

    ctx->looked = (ctx->space == BIGCACHE_NAMES_KEY);

    ctx->background = 1;
    ctx->rested = 0;

    do {
        if (ctx->looked) {
            bigcache_key_removal_look(ctx->store, ctx->removal);
        }

        rc = bigcache_purge_walk_slice(ctx, BIGCACHE_PURGE_WALK_SLICE);

    } while (rc == BIGCACHE_MISS);

    ctx->background = 0;

    return rc;
}


/* returns BIGCACHE_MISS if there are more names than n */

static bigcache_rc_t
bigcache_purge_walk_slice(bigcache_purge_walk_t *ctx, unsigned n)
{
    char           error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc, removed;

    ctx->left = n;

    rc = bigcache_index_each(ctx->store->index, ctx->space, &ctx->prefix,
                             &ctx->last, bigcache_purge_walk_key, ctx, error);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    removed = bigcache_purge_walk_remove(ctx);

    return (removed == BIGCACHE_OK) ? rc : removed;
}


static bigcache_rc_t
bigcache_purge_walk_key(void *data, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    bigcache_purge_walk_t *ctx = data;

    bigcache_str_t  key;

    if (ctx->left-- == 0) {
        return BIGCACHE_MISS;
    }

    memcpy(ctx->memory, name->data, name->len);
    ctx->last = bigcache_str(ctx->memory, name->len);

    if (name->len < ctx->lead) {
        return BIGCACHE_OK;
    }

    key = bigcache_str(name->data + ctx->lead, name->len - ctx->lead);

    return bigcache_purge_walk_add(ctx, &key, ctx->looked ? value : NULL);
}


static bigcache_rc_t
bigcache_purge_walk_add(bigcache_purge_walk_t *ctx, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_rc_t  rc;

    if (bigcache_key_removal_add(ctx->removal, key, value, 0)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_purge_walk_remove(ctx);

    if (ctx->background) {
        bigcache_background_rest(&ctx->rested);
    }

    if (rc == BIGCACHE_OK) {
        (void) bigcache_key_removal_add(ctx->removal, key, value, 0);
    }

    return rc;
}


static bigcache_rc_t
bigcache_purge_walk_remove(bigcache_purge_walk_t *ctx)
{
    /* a thread that drains the store waits for one write of a purge at most */

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    return bigcache_key_removal_run(ctx->store, ctx->removal, &ctx->match,
                                    &ctx->live, &ctx->expired);
}


/* a name that would be too long is cut off: no key has it */

static void
bigcache_purge_walk_append(bigcache_purge_walk_t *ctx, const void *data,
    size_t len)
{
    if (len > BIGCACHE_NAMES_MAX - ctx->len) {
        len = BIGCACHE_NAMES_MAX - ctx->len;
    }

    if (len) {
        memcpy(ctx->name + ctx->len, data, len);
        ctx->len += len;
    }
}

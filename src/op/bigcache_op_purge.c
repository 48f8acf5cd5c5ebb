
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operation "purge": removes what some selectors select, or marks it as
 * stale.  The body says which, as draft-nottingham-http-invalidation does:
 *
 *     {"type": "uri" | "uri-prefix" | "origin" | "tag" | "key" | "key-prefix",
 *      "selectors": [...], "host": H, "purge": true}
 *     {"type": "group", "selectors": [origins], "groups": [names], ...}
 *     {"type": "all", "host": H, ...}
 *
 * The whole body is checked before anything is purged.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_json.h"
#include "bigcache_op_lease.h"
#include "bigcache_op_write.h"
#include "bigcache_url.h"


/* the members of the body, and selectors at most, of pairs with groups */

#define BIGCACHE_OP_PURGE_TYPE       0
#define BIGCACHE_OP_PURGE_SELECTORS  1
#define BIGCACHE_OP_PURGE_GROUPS     2
#define BIGCACHE_OP_PURGE_HOST       3
#define BIGCACHE_OP_PURGE_PURGE      4
#define BIGCACHE_OP_PURGE_MEMBERS    5

#define BIGCACHE_OP_PURGE_MOST       1000


typedef struct bigcache_op_purge_s  bigcache_op_purge_t;

/*
 * makes a selector, which is all zeroes, of a text; returns BIGCACHE_OK, or
 * bigcache_op_invalid()
 */

typedef bigcache_rc_t (*bigcache_op_purge_pt)(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);

typedef struct {
    const char              *name;
    bigcache_op_purge_pt     make;      /* a selector; NULL: has none */
    unsigned                 host:1;    /* may have a host */
    unsigned                 groups:1;  /* needs groups */
} bigcache_op_purge_type_t;

struct bigcache_op_purge_s {
    bigcache_op_t                   *op;
    bigcache_json_named_t            named[BIGCACHE_OP_PURGE_MEMBERS];
    const bigcache_op_purge_type_t  *type;
    unsigned                         soft;      /* BIGCACHE_SELECTOR_SOFT */
    bigcache_str_t                   host;      /* free()d; data NULL: none */
    bigcache_str_t                   origin;    /* of the groups, in key */
    unsigned                         n;         /* selectors so far */
    unsigned                         checked:1; /* this is the second time */
    bigcache_selectors_t             list;
    u_char                           key[BIGCACHE_KEY_MAX
                                         + BIGCACHE_URL_ROOM + 1];
};


static bigcache_rc_t bigcache_op_purge_body(bigcache_op_purge_t *purge,
    const bigcache_str_t *text);
static bigcache_rc_t bigcache_op_purge_type(bigcache_op_purge_t *purge);
static bigcache_rc_t bigcache_op_purge_how(bigcache_op_purge_t *purge);
static bigcache_rc_t bigcache_op_purge_host(bigcache_op_purge_t *purge);
static int bigcache_op_purge_host_good(bigcache_str_t *host);
static bigcache_rc_t bigcache_op_purge_absent(bigcache_op_purge_t *purge,
    unsigned i, const char *msg);
static bigcache_rc_t bigcache_op_purge_all(bigcache_op_purge_t *purge);
static int bigcache_op_purge_everywhere(bigcache_op_purge_t *purge);
static bigcache_rc_t bigcache_op_purge_each(bigcache_op_purge_t *purge,
    unsigned i, bigcache_op_purge_pt make);
static bigcache_rc_t bigcache_op_purge_one(bigcache_op_purge_t *purge,
    unsigned i, bigcache_op_purge_pt make, const bigcache_str_t *text);
static bigcache_rc_t bigcache_op_purge_uri(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_uri_prefix(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_origin(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_group(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_tag(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_tag_check(bigcache_op_purge_t *purge,
    const char *member, const bigcache_str_t *text);
static bigcache_rc_t bigcache_op_purge_key(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_key_prefix(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector);
static bigcache_rc_t bigcache_op_purge_add(bigcache_op_purge_t *purge,
    bigcache_selector_t *selector);


static const bigcache_op_purge_type_t  bigcache_op_purge_types[] = {
    { "uri", bigcache_op_purge_uri, 0, 0 },
    { "uri-prefix", bigcache_op_purge_uri_prefix, 0, 0 },
    { "origin", bigcache_op_purge_origin, 0, 0 },
    { "group", bigcache_op_purge_origin, 0, 1 },
    { "tag", bigcache_op_purge_tag, 1, 0 },
    { "key", bigcache_op_purge_key, 0, 0 },
    { "key-prefix", bigcache_op_purge_key_prefix, 0, 0 },
    { "all", NULL, 1, 0 },
    { NULL, NULL, 0, 0 }
};

static const char *const  bigcache_op_purge_names[BIGCACHE_OP_PURGE_MEMBERS] = {
    "type", "selectors", "groups", "host", "purge"
};


void
bigcache_op_purge(bigcache_op_t *op)
{
    bigcache_rc_t         rc;
    bigcache_op_view_t    view;
    bigcache_op_purge_t  *purge;

    memset(&view, 0, sizeof(bigcache_op_view_t));

    purge = calloc(1, sizeof(bigcache_op_purge_t));

    rc = purge ? bigcache_op_write_view(op, &view, &op->body)
               : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        purge->op = op;
        rc = bigcache_op_purge_body(purge, &view.text);
    }

    /* first checks everything, then does it */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_purge_all(purge);
    }

    if (rc == BIGCACHE_OK) {
        purge->checked = 1;
        purge->n = 0;
        bigcache_selectors_init(&purge->list);

        rc = bigcache_op_purge_all(purge);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_lease_purge(purge->op, &purge->list);
    }

    if (purge) {
        free((void *) purge->host.data);
        free(purge);
    }

    bigcache_op_write_view_free(&view);

    bigcache_op_finish(op, rc);
}


static bigcache_rc_t
bigcache_op_purge_body(bigcache_op_purge_t *purge, const bigcache_str_t *text)
{
    int                     scanned;
    unsigned                i;
    bigcache_rc_t           rc;
    bigcache_json_error_t   err;

    for (i = 0; i < BIGCACHE_OP_PURGE_MEMBERS; i++) {
        purge->named[i].name = bigcache_op_purge_names[i];
    }

    scanned = bigcache_json_scan_members(text->data, text->len, purge->named,
                                         BIGCACHE_OP_PURGE_MEMBERS, &err);

    rc = bigcache_op_write_scanned(purge->op, scanned, &err);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_purge_type(purge);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_purge_how(purge);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_op_purge_host(purge);
    }

    if (rc == BIGCACHE_OK && purge->type->make == NULL) {
        rc = bigcache_op_purge_absent(purge, BIGCACHE_OP_PURGE_SELECTORS,
                                      "a purge of all has no selectors");
    }

    if (rc == BIGCACHE_OK && !purge->type->groups) {
        rc = bigcache_op_purge_absent(purge, BIGCACHE_OP_PURGE_GROUPS,
                                      "only a purge of type group has groups");
    }

    return rc;
}


static bigcache_rc_t
bigcache_op_purge_type(bigcache_op_purge_t *purge)
{
    bigcache_str_t                  text, *member;
    const bigcache_op_purge_type_t *type;

    member = &purge->named[BIGCACHE_OP_PURGE_TYPE].extent;

    if (member->data == NULL) {
        return bigcache_op_invalid(purge->op, "body", "type", "field required",
                                   "value_error.missing");
    }

    switch (bigcache_json_unescape(member, &text)) {

    case BIGCACHE_JSON_OK:
        break;

    case BIGCACHE_JSON_NOMEM:
        return BIGCACHE_NOMEM;

    default:
        text = bigcache_str(NULL, 0);
    }

    for (type = bigcache_op_purge_types; type->name; type++) {

        if (bigcache_str_is(&text, type->name)) {
            break;
        }
    }

    free((void *) text.data);

    if (type->name == NULL) {
        return bigcache_op_invalid(purge->op, "body", "type",
                                   "type is none of uri, uri-prefix, origin, "
                                   "group, tag, key, key-prefix, all",
                                   "value_error");
    }

    purge->type = type;

    return BIGCACHE_OK;
}


/* a purge removes, and is a soft one unless the body says otherwise */

static bigcache_rc_t
bigcache_op_purge_how(bigcache_op_purge_t *purge)
{
    bigcache_str_t  *member;

    member = &purge->named[BIGCACHE_OP_PURGE_PURGE].extent;

    purge->soft = BIGCACHE_SELECTOR_SOFT;

    if (bigcache_str_is(member, "true")) {
        purge->soft = 0;

    } else if (member->data && !bigcache_str_is(member, "false")) {
        return bigcache_op_invalid(purge->op, "body", "purge",
                                   "value is neither true nor false",
                                   "type_error.bool");
    }

    purge->op->soft = (purge->soft != 0);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_host(bigcache_op_purge_t *purge)
{
    int              scanned;
    bigcache_str_t  *host;

    host = &purge->host;

    if (!purge->type->host) {
        return bigcache_op_purge_absent(purge, BIGCACHE_OP_PURGE_HOST,
                                        "only a purge of type tag or all has "
                                        "a host");
    }

    scanned = bigcache_json_unescape(&purge->named[BIGCACHE_OP_PURGE_HOST]
                                      .extent, host);

    if (scanned == BIGCACHE_JSON_OK) {
        return bigcache_op_purge_host_good(host)
               ? BIGCACHE_OK
               : bigcache_op_invalid(purge->op, "body", "host",
                                     "host is the name alone, of up to 255 "
                                     "bytes, without scheme, port and path, "
                                     "or *", "value_error");
    }

    *host = bigcache_str(NULL, 0);

    return scanned == BIGCACHE_JSON_NULL ? BIGCACHE_OK
           : scanned == BIGCACHE_JSON_NOMEM ? BIGCACHE_NOMEM
           : bigcache_op_invalid(purge->op, "body", "host",
                                 "host is not a string", "type_error.str");
}


/* makes it lower case and without a dot at its end, as nginx does in keys */

static int
bigcache_op_purge_host_good(bigcache_str_t *host)
{
    size_t   i;
    u_char  *p;

    p = (u_char *) host->data;

    if (host->len == 1 && *p == '*') {
        return 1;
    }

    if (host->len > 1 && p[host->len - 1] == '.') {
        host->len--;
    }

    for (i = 0; i < host->len; i++) {

        if (p[i] >= 'A' && p[i] <= 'Z') {
            p[i] |= 0x20;
        }

        if ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9')
            || p[i] == '-' || p[i] == '.' || p[i] == '_'
            || (p[0] == '[' && (p[i] == ':' || i == 0
                                || (p[i] == ']' && i == host->len - 1))))
        {
            continue;
        }

        return 0;
    }

    return host->len != 0 && host->len <= BIGCACHE_SELECTOR_HOST
           && (p[0] != '[' || p[host->len - 1] == ']');
}


static bigcache_rc_t
bigcache_op_purge_absent(bigcache_op_purge_t *purge, unsigned i,
    const char *msg)
{
    return purge->named[i].extent.data
           ? bigcache_op_invalid(purge->op, "body",
                                 bigcache_op_purge_names[i], msg,
                                 "value_error")
           : BIGCACHE_OK;
}


/* adds all selectors */

static bigcache_rc_t
bigcache_op_purge_all(bigcache_op_purge_t *purge)
{
    bigcache_selector_t  selector;

    if (purge->type->make) {
        return bigcache_op_purge_each(purge, BIGCACHE_OP_PURGE_SELECTORS,
                                      purge->type->make);
    }

    memset(&selector, 0, sizeof(bigcache_selector_t));

    if (!bigcache_op_purge_everywhere(purge)) {
        selector.host = purge->host;
    }

    return bigcache_op_purge_add(purge, &selector);
}


static int
bigcache_op_purge_everywhere(bigcache_op_purge_t *purge)
{
    return bigcache_str_is(&purge->host, "*");
}


/* for each string of an array, which must have one at least */

static bigcache_rc_t
bigcache_op_purge_each(bigcache_op_purge_t *purge, unsigned i,
    bigcache_op_purge_pt make)
{
    int              scanned;
    size_t           at;
    bigcache_rc_t    rc;
    bigcache_str_t   item, text, *array;

    array = &purge->named[i].extent;

    if (array->data == NULL) {
        return bigcache_op_invalid(purge->op, "body",
                                   bigcache_op_purge_names[i],
                                   "field required", "value_error.missing");
    }

    at = 0;

    if (array->data[0] != '['
        || !bigcache_json_scan_item(array, &at, &item))
    {
        return bigcache_op_invalid(purge->op, "body",
                                   bigcache_op_purge_names[i],
                                   "value is not a list with an item at least",
                                   "type_error.list");
    }

    do {
        scanned = bigcache_json_unescape(&item, &text);

        if (scanned == BIGCACHE_JSON_NOMEM) {
            return BIGCACHE_NOMEM;
        }

        if (scanned != BIGCACHE_JSON_OK) {
            return bigcache_op_invalid(purge->op, "body",
                                       bigcache_op_purge_names[i],
                                       "an item is not a string without "
                                       "U+0000", "type_error.str");
        }

        rc = bigcache_op_purge_one(purge, i, make, &text);

        free((void *) text.data);

    } while (rc == BIGCACHE_OK && bigcache_json_scan_item(array, &at, &item));

    return rc;
}


/*
 * Adds the selector of a text.  Where groups belong to it, that is an origin,
 * and all groups are added: its key stays in purge->key meanwhile.
 */

static bigcache_rc_t
bigcache_op_purge_one(bigcache_op_purge_t *purge, unsigned i,
    bigcache_op_purge_pt make, const bigcache_str_t *text)
{
    bigcache_rc_t        rc;
    bigcache_selector_t  selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));

    rc = make(purge, text, &selector);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (i == BIGCACHE_OP_PURGE_GROUPS || !purge->type->groups) {
        return bigcache_op_purge_add(purge, &selector);
    }

    purge->origin = selector.prefix;

    return bigcache_op_purge_each(purge, BIGCACHE_OP_PURGE_GROUPS,
                                  bigcache_op_purge_group);
}


/* makes the key of a URL, in purge->key */

static bigcache_rc_t
bigcache_op_purge_uri(bigcache_op_purge_t *purge, const bigcache_str_t *text,
    bigcache_selector_t *selector)
{
    const char  *msg;

    msg = (text->len > BIGCACHE_KEY_MAX)
          ? "the URL is longer than a key may be"
          : text->len && memchr(text->data, '#', text->len)
          ? "the URL has a fragment, which no key has"
          : bigcache_url_key(purge->key, text, &selector->prefix.len);

    selector->prefix.data = purge->key;
    selector->flags = BIGCACHE_SELECTOR_EXACT;

    return msg ? bigcache_op_invalid(purge->op, "body", "selectors", msg,
                                     "value_error.url")
               : BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_uri_prefix(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector)
{
    bigcache_rc_t    rc;
    bigcache_str_t  *key;

    rc = bigcache_op_purge_uri(purge, text, selector);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    key = &selector->prefix;
    selector->flags = 0;

    /* a key has no empty query string, but this may be how one begins */

    if (text->data[text->len - 1] == '?'
        && memchr(key->data, '?', key->len) == NULL)
    {
        purge->key[key->len++] = '?';
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_origin(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector)
{
    bigcache_rc_t   rc;
    bigcache_str_t  host, uri;

    rc = bigcache_op_purge_uri(purge, text, selector);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    selector->flags = 0;

    if (!bigcache_selector_split(&selector->prefix, &host, &uri)
        || uri.len != 1)
    {
        return bigcache_op_invalid(purge->op, "body", "selectors",
                                   "an origin is a scheme, a host and perhaps "
                                   "a port, without a path", "value_error.url");
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_group(bigcache_op_purge_t *purge, const bigcache_str_t *text,
    bigcache_selector_t *selector)
{
    selector->prefix = purge->origin;
    selector->tag = *text;

    return bigcache_op_purge_tag_check(purge, "groups", text);
}


/* without a host of the entries of the REST API, with "*" of everything */

static bigcache_rc_t
bigcache_op_purge_tag(bigcache_op_purge_t *purge, const bigcache_str_t *text,
    bigcache_selector_t *selector)
{
    selector->tag = *text;

    if (purge->host.data == NULL) {
        selector->flags = BIGCACHE_SELECTOR_ENTRIES;

    } else if (!bigcache_op_purge_everywhere(purge)) {
        selector->host = purge->host;
    }

    return bigcache_op_purge_tag_check(purge, "selectors", text);
}


static bigcache_rc_t
bigcache_op_purge_tag_check(bigcache_op_purge_t *purge, const char *member,
    const bigcache_str_t *text)
{
    u_char                  data[BIGCACHE_TAG_MAX + 1];
    const char             *msg;
    bigcache_tags_writer_t  writer;

    bigcache_tags_begin(&writer, data);

    msg = bigcache_tags_add(&writer, text);

    return msg ? bigcache_op_invalid(purge->op, "body", member, msg,
                                     "value_error.tag")
               : BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_key(bigcache_op_purge_t *purge, const bigcache_str_t *text,
    bigcache_selector_t *selector)
{
    bigcache_str_t  *key;

    (void) purge;

    selector->prefix = *text;
    selector->flags = BIGCACHE_SELECTOR_EXACT|BIGCACHE_SELECTOR_ENTRIES;

    /* as in the path of a request */

    key = &selector->prefix;

    while (key->len && *key->data == '/') {
        key->data++;
        key->len--;
    }

    while (key->len && key->data[key->len - 1] == '/') {
        key->len--;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_op_purge_key_prefix(bigcache_op_purge_t *purge,
    const bigcache_str_t *text, bigcache_selector_t *selector)
{
    bigcache_str_t  *key;

    selector->prefix = *text;
    selector->flags = BIGCACHE_SELECTOR_ENTRIES;

    key = &selector->prefix;

    while (key->len && *key->data == '/') {
        key->data++;
        key->len--;
    }

    return key->len
           ? BIGCACHE_OK
           : bigcache_op_invalid(purge->op, "body", "selectors",
                                 "a prefix is empty; a purge of everything "
                                 "has the type all", "value_error");
}


/* when the selectors are checked, a full list is purged and begun anew */

static bigcache_rc_t
bigcache_op_purge_add(bigcache_op_purge_t *purge,
    bigcache_selector_t *selector)
{
    bigcache_rc_t  rc;

    selector->flags |= purge->soft;

    if (++purge->n > BIGCACHE_OP_PURGE_MOST) {
        return bigcache_op_invalid(purge->op, "body", "selectors",
                                   "there are more than 1000",
                                   "value_error.list.max_items");
    }

    if (selector->prefix.len > BIGCACHE_KEY_MAX) {
        return bigcache_op_invalid(purge->op, "body", "selectors",
                                   "a key is longer than 8192 bytes",
                                   "value_error");
    }

    if (!purge->checked || bigcache_selectors_add(&purge->list, selector)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_op_lease_purge(purge->op, &purge->list);

    bigcache_selectors_init(&purge->list);
    (void) bigcache_selectors_add(&purge->list, selector);

    return rc;
}

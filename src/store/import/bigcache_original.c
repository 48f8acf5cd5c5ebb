
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Decodes an entry as the original service has stored it.
 */


#include "bigcache_json.h"
#include "bigcache_lifetime.h"
#include "bigcache_original.h"


static int bigcache_original_is(const bigcache_str_t *text,
    const bigcache_json_doc_t *doc);
static const u_char *bigcache_original_name(const u_char *p, u_char before,
    const char *name);
static const u_char *bigcache_original_space(const u_char *p);
static int bigcache_original_expire(const bigcache_str_t *member,
    int64_t *ms);


int
bigcache_original(const bigcache_str_t *text, bigcache_json_doc_t *doc,
    int64_t *ms)
{
    bigcache_json_error_t  err;

    /* the first byte is enough to recognize most raw entries */

    if (text->len == 0
        || (text->data[0] != '{' && text->data[0] > ' ')
        || bigcache_json_scan(text->data, text->len, doc, &err)
           != BIGCACHE_JSON_OK
        || !bigcache_original_is(text, doc))
    {
        return BIGCACHE_ORIGINAL_RAW;
    }

    return bigcache_original_expire(&doc->expire, ms);
}


/*
 * Tells whether the document has exactly these members, in this order.  The
 * text is valid JSON, so only the names between the members need a check:
 * anything else there belongs to other members.  It never reads past the last
 * brace.
 */

static int
bigcache_original_is(const bigcache_str_t *text,
    const bigcache_json_doc_t *doc)
{
    const u_char  *p;

    if (doc->value.data == NULL
        || doc->expire.data == NULL
        || doc->duration.data == NULL)
    {
        return 0;
    }

    p = bigcache_original_name(text->data, '{', "\"value\"");

    if (p != doc->value.data) {
        return 0;
    }

    p = bigcache_original_name(p + doc->value.len, ',', "\"expire\"");

    if (p != doc->expire.data) {
        return 0;
    }

    p = bigcache_original_name(p + doc->expire.len, ',', "\"duration\"");

    if (p != doc->duration.data) {
        return 0;
    }

    if (*p != '"' && *p != 'n') {
        return 0;
    }

    return *bigcache_original_space(p + doc->duration.len) == '}';
}


/* returns where the value after the name begins, or NULL */

static const u_char *
bigcache_original_name(const u_char *p, u_char before, const char *name)
{
    p = bigcache_original_space(p);

    if (*p++ != before) {
        return NULL;
    }

    p = bigcache_original_space(p);

    /*
     * stops at the first byte that differs, so never after the end of the text
     */

    for ( /* void */ ; *name != '\0'; name++) {
        if (*p++ != (u_char) *name) {
            return NULL;
        }
    }

    p = bigcache_original_space(p);

    /* the scanner has checked the colon */

    return bigcache_original_space(p + 1);
}


static const u_char *
bigcache_original_space(const u_char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
        p++;
    }

    return p;
}


static int
bigcache_original_expire(const bigcache_str_t *member, int64_t *ms)
{
    u_char       c;
    const char  *msg;

    c = member->data[0];

    if (c != 'n' && c != '-' && (c < '0' || c > '9')) {
        return BIGCACHE_ORIGINAL_RAW;
    }

    switch (bigcache_json_expire(member, ms, &msg)) {

    case BIGCACHE_JSON_OK:
        return BIGCACHE_ORIGINAL_JSON;

    case BIGCACHE_JSON_NULL:
        return BIGCACHE_ORIGINAL_NEVER;

    case BIGCACHE_JSON_NOMEM:
        return BIGCACHE_ORIGINAL_NOMEM;

    default: /* BIGCACHE_JSON_INVALID: a number, but out of range */

        if (c != '-') {
            return BIGCACHE_ORIGINAL_NEVER;
        }

        *ms = -BIGCACHE_LIFETIME_MAX_MS;

        return BIGCACHE_ORIGINAL_JSON;
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The validator: one pass over the text, which also finds members.
 */


#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "bigcache_json_scan.h"
#include "bigcache_utf8.h"


/*
 * The helpers take the position and return the position after what they have
 * read, or NULL after bigcache_json_fail().  So the position stays in a
 * register.
 */

typedef struct {
    const u_char           *start;
    const u_char           *end;

    bigcache_json_named_t  *named;
    unsigned                n;
    bigcache_json_error_t  *err;

    /* where to put the value of the current top member, or NULL */
    bigcache_str_t         *slot;
    const u_char           *slot_start;

    /* the closing brackets to come; stack[depth - 1] is the next */
    size_t                  depth;
    u_char                  stack[BIGCACHE_JSON_MAX_DEPTH];
} bigcache_json_scan_t;


static const u_char *bigcache_json_fail(bigcache_json_scan_t *s,
    const u_char *p, const char *msg);
static const u_char *bigcache_json_text(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_value(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_after(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_open(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_name(bigcache_json_scan_t *s,
    const u_char *p);
static bigcache_str_t *bigcache_json_slot(bigcache_json_scan_t *s,
    const u_char *p, const u_char *end);
static int bigcache_json_name_is(const u_char *p, const u_char *end,
    const char *name);
static const u_char *bigcache_json_quoted(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_escape(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_unicode(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_hex4(bigcache_json_scan_t *s,
    const u_char *p, unsigned *code);
static const u_char *bigcache_json_number(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_digits(bigcache_json_scan_t *s,
    const u_char *p);
static const u_char *bigcache_json_literal(bigcache_json_scan_t *s,
    const u_char *p, const char *word);
static inline const u_char *bigcache_json_space(const u_char *p,
    const u_char *end);
static const u_char *bigcache_json_quote(const u_char *p, const u_char *end);
static inline const u_char *bigcache_json_plain(const u_char *p,
    const u_char *end);


int
bigcache_json_scan(const u_char *data, size_t len, bigcache_json_doc_t *doc,
    bigcache_json_error_t *err)
{
    int                    rc;
    bigcache_json_named_t  named[] = {
        { "value", { 0, NULL } },
        { "expire", { 0, NULL } },
        { "duration", { 0, NULL } },
        { "tags", { 0, NULL } },
        { "stale", { 0, NULL } }
    };

    rc = bigcache_json_scan_members(data, len, named, 5, err);

    doc->value = named[0].extent;
    doc->expire = named[1].extent;
    doc->duration = named[2].extent;
    doc->tags = named[3].extent;
    doc->stale = named[4].extent;

    return rc;
}


int
bigcache_json_scan_members(const u_char *data, size_t len,
    bigcache_json_named_t *named, unsigned n, bigcache_json_error_t *err)
{
    unsigned               i;
    const u_char          *p, *top;
    bigcache_json_scan_t   s;

    for (i = 0; i < n; i++) {
        named[i].extent = bigcache_str(NULL, 0);
    }

    err->offset = len;
    err->msg = "the text is empty";

    if (len == 0) {
        return BIGCACHE_JSON_EMPTY;
    }

    s.start = data;
    s.end = data + len;
    s.named = named;
    s.n = n;
    s.err = err;
    s.slot = NULL;
    s.slot_start = NULL;
    s.depth = 0;

    top = bigcache_json_space(data, s.end);

    if (top == s.end) {
        return BIGCACHE_JSON_EMPTY;
    }

    p = bigcache_json_text(&s, top);

    if (p == NULL) {

        for (i = 0; i < n; i++) {
            named[i].extent = bigcache_str(NULL, 0);
        }

        return BIGCACHE_JSON_INVALID;
    }

    if (*top != '{') {
        (void) bigcache_json_fail(&s, top, "the top is not an object");
        return BIGCACHE_JSON_NOT_OBJECT;
    }

    return BIGCACHE_JSON_OK;
}


/* the text is valid, so brackets and quotes show where an item ends */

int
bigcache_json_scan_item(const bigcache_str_t *array, size_t *at,
    bigcache_str_t *item)
{
    size_t         depth;
    const u_char  *p, *end;

    end = array->data + array->len;
    p = bigcache_json_space(array->data + (*at ? *at : 1), end);

    if (*p == ',') {
        p = bigcache_json_space(p + 1, end);
    }

    if (*p == ']') {
        return 0;
    }

    item->data = p;

    for (depth = 0; depth || (*p != ',' && *p != ']'); p++) {

        if (*p == '[' || *p == '{') {
            depth++;

        } else if (*p == ']' || *p == '}') {
            depth--;

        } else if (*p == '"') {
            p = bigcache_json_quote(p, end);
        }
    }

    *at = p - array->data;

    while (p[-1] == ' ' || p[-1] == '\n' || p[-1] == '\r' || p[-1] == '\t') {
        p--;
    }

    item->len = p - item->data;

    return 1;
}


/* returns the closing quote of a valid string whose opening quote is at p */

static const u_char *
bigcache_json_quote(const u_char *p, const u_char *end)
{
    for (p++; *p != '"'; /* void */ ) {

        if (*p == '\\') {
            p += 2;

        } else if (*p & 0x80) {
            p++;

        } else {
            p = bigcache_json_plain(p, end);
        }
    }

    return p;
}


/*
 * at the end of the text the message is always the same; msg may be NULL then
 */

static const u_char *
bigcache_json_fail(bigcache_json_scan_t *s, const u_char *p, const char *msg)
{
    s->err->offset = p - s->start;
    s->err->msg = (p == s->end) ? "the text ends too early" : msg;

    return NULL;
}


/* a whole text: one value, and only white space after it */

static const u_char *
bigcache_json_text(bigcache_json_scan_t *s, const u_char *p)
{
    if (s->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        return bigcache_json_fail(s, p, "a byte order mark");
    }

    do {
        p = bigcache_json_value(s, p);

        if (p == NULL) {
            return NULL;
        }

        p = bigcache_json_after(s, p);

        if (p == NULL) {
            return NULL;
        }

    } while (s->depth);

    if (p != s->end) {
        return bigcache_json_fail(s, p, "more text after the value");
    }

    return p;
}


/*
 * Reads a scalar, or an empty array or object, completely.  Of any other array
 * or object it reads the brackets and names up to the first scalar.  So the
 * value that has ended is always the innermost one.
 */

static const u_char *
bigcache_json_value(bigcache_json_scan_t *s, const u_char *p)
{
    size_t  depth;

    for ( ;; ) {

        p = bigcache_json_space(p, s->end);

        if (p == s->end) {
            return bigcache_json_fail(s, p, NULL);
        }

        if (s->depth == 1) {
            s->slot_start = p;
        }

        switch (*p) {

        case '"':
            return bigcache_json_quoted(s, p + 1);

        case '{':
        case '[':
            depth = s->depth;

            p = bigcache_json_open(s, p);

            if (p == NULL || s->depth == depth) {
                return p;
            }

            continue;

        case 't':
            return bigcache_json_literal(s, p, "true");

        case 'f':
            return bigcache_json_literal(s, p, "false");

        case 'n':
            return bigcache_json_literal(s, p, "null");

        default:
            return bigcache_json_number(s, p);
        }
    }
}


/*
 * After a value: closes the arrays and objects that end here.  Then reads the
 * comma, and in an object the name, so that the next value can follow.  At
 * depth zero the text ends.
 */

static const u_char *
bigcache_json_after(bigcache_json_scan_t *s, const u_char *p)
{
    u_char  due;

    for ( ;; ) {

        if (s->depth == 1 && s->slot != NULL) {
            *s->slot = bigcache_str(s->slot_start, p - s->slot_start);
            s->slot = NULL;
        }

        p = bigcache_json_space(p, s->end);

        if (s->depth == 0) {
            return p;
        }

        if (p == s->end) {
            return bigcache_json_fail(s, p, NULL);
        }

        due = s->stack[s->depth - 1];

        if (*p == ',') {
            return (due == '}') ? bigcache_json_name(s, p + 1) : p + 1;
        }

        if (*p != due) {
            return bigcache_json_fail(s, p, (due == '}')
                                            ? "no comma or brace after a value"
                                            : "no comma or bracket after"
                                              " a value");
        }

        s->depth--;
        p++;
    }
}


/*
 * Reads an opening bracket, white space, and what must follow: the closing
 * one, and the depth stays as it was; or the first name.
 */

static const u_char *
bigcache_json_open(bigcache_json_scan_t *s, const u_char *p)
{
    u_char  due;

    if (s->depth == BIGCACHE_JSON_MAX_DEPTH) {
        return bigcache_json_fail(s, p, "nested too deep");
    }

    due = (*p == '{') ? '}' : ']';

    p = bigcache_json_space(p + 1, s->end);

    if (p == s->end) {
        return bigcache_json_fail(s, p, NULL);
    }

    if (*p == due) {
        return p + 1;
    }

    s->stack[s->depth++] = due;

    return (due == '}') ? bigcache_json_name(s, p) : p;
}


/* reads the name of a member and its colon */

static const u_char *
bigcache_json_name(bigcache_json_scan_t *s, const u_char *p)
{
    const u_char  *name;

    p = bigcache_json_space(p, s->end);

    if (p == s->end || *p != '"') {
        return bigcache_json_fail(s, p, "no name of a member");
    }

    name = p + 1;

    p = bigcache_json_quoted(s, name);

    if (p == NULL) {
        return NULL;
    }

    if (s->depth == 1) {
        s->slot = bigcache_json_slot(s, name, p - 1);
    }

    p = bigcache_json_space(p, s->end);

    if (p == s->end || *p != ':') {
        return bigcache_json_fail(s, p, "no colon after a name");
    }

    return p + 1;
}


static bigcache_str_t *
bigcache_json_slot(bigcache_json_scan_t *s, const u_char *p,
    const u_char *end)
{
    unsigned  i;

    for (i = 0; i < s->n; i++) {
        if (bigcache_json_name_is(p, end, s->named[i].name)) {
            return &s->named[i].extent;
        }
    }

    return NULL;
}


int
bigcache_json_scan_is(const bigcache_str_t *member, const char *word)
{
    return member->data && member->data[0] == '"'
           && bigcache_json_name_is(member->data + 1,
                                    member->data + member->len - 1, word);
}


/*
 * Compares the inside of a valid JSON string with a name of ASCII letters and
 * the like.  Only the escape \uXXXX can stand for these.
 */

static int
bigcache_json_name_is(const u_char *p, const u_char *end, const char *name)
{
    u_char    c;
    unsigned  i, code;

    for ( /* void */ ; *name != '\0'; name++) {

        if (p == end) {
            return 0;
        }

        code = *p++;

        if (code == '\\') {

            if (*p++ != 'u') {
                return 0;
            }

            for (i = 0, code = 0; i < 4; i++) {
                c = *p++;
                code = code * 16 + ((c <= '9') ? c - '0' : (c | 0x20) - 'a'
                                                           + 10);
            }
        }

        if (code != (u_char) *name) {
            return 0;
        }
    }

    return p == end;
}


/* reads the rest of a string, with the closing quote */

static const u_char *
bigcache_json_quoted(bigcache_json_scan_t *s, const u_char *p)
{
    int  n;

    for ( ;; ) {

        p = bigcache_json_plain(p, s->end);

        if (p == s->end) {
            return bigcache_json_fail(s, p, NULL);
        }

        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\') {
            p = bigcache_json_escape(s, p);

            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        if (*p < 0x20) {
            return bigcache_json_fail(s, p, "a control character in a string");
        }

        /* non-ASCII characters often follow each other */

        do {
            n = bigcache_utf8_step(p, s->end);

            if (n < 0) {
                return bigcache_json_fail(s, p, "malformed UTF-8");
            }

            p += n;

        } while (p < s->end && *p >= 0x80);
    }
}


/* reads an escape from the backslash on */

static const u_char *
bigcache_json_escape(bigcache_json_scan_t *s, const u_char *p)
{
    p++;

    if (p == s->end) {
        return bigcache_json_fail(s, p, NULL);
    }

    switch (*p) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 1;

    case 'u':
        return bigcache_json_unicode(s, p + 1);

    default:
        return bigcache_json_fail(s, p, "an unknown escape in a string");
    }
}


/* reads an escape after the \u; a pair of surrogates is one escape */

static const u_char *
bigcache_json_unicode(bigcache_json_scan_t *s, const u_char *p)
{
    unsigned       code;
    const u_char  *escape;

    escape = p - 2;

    p = bigcache_json_hex4(s, p, &code);

    if (p == NULL || code < 0xd800 || code > 0xdfff) {
        return p;
    }

    if (code > 0xdbff || s->end - p < 2 || p[0] != '\\' || p[1] != 'u') {
        return bigcache_json_fail(s, escape, "a surrogate without its pair");
    }

    p = bigcache_json_hex4(s, p + 2, &code);

    if (p != NULL && (code < 0xdc00 || code > 0xdfff)) {
        return bigcache_json_fail(s, escape, "a surrogate without its pair");
    }

    return p;
}


static const u_char *
bigcache_json_hex4(bigcache_json_scan_t *s, const u_char *p, unsigned *code)
{
    u_char    c;
    unsigned  i;

    *code = 0;

    for (i = 0; i < 4; i++, p++) {

        if (p == s->end) {
            return bigcache_json_fail(s, p, NULL);
        }

        c = *p;

        if (c >= '0' && c <= '9') {
            *code = *code * 16 + (c - '0');
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return bigcache_json_fail(s, p, "not four hexadecimal digits"
                                            " after \\u");
        }

        *code = *code * 16 + (c - 'a' + 10);
    }

    return p;
}


static const u_char *
bigcache_json_number(bigcache_json_scan_t *s, const u_char *p)
{
    if (*p == '-') {
        p++;

    } else if (*p < '0' || *p > '9') {
        return bigcache_json_fail(s, p, "no value where one has to be");
    }

    if (p < s->end && *p == '0') {
        p++;

        if (p < s->end && *p >= '0' && *p <= '9') {
            return bigcache_json_fail(s, p, "a number with a leading zero");
        }

    } else {
        p = bigcache_json_digits(s, p);

        if (p == NULL) {
            return NULL;
        }
    }

    if (p < s->end && *p == '.') {
        p = bigcache_json_digits(s, p + 1);

        if (p == NULL) {
            return NULL;
        }
    }

    if (p == s->end || (*p | 0x20) != 'e') {
        return p;
    }

    p++;

    if (p < s->end && (*p == '+' || *p == '-')) {
        p++;
    }

    return bigcache_json_digits(s, p);
}


/* reads at least one digit */

static const u_char *
bigcache_json_digits(bigcache_json_scan_t *s, const u_char *p)
{
    if (p == s->end || *p < '0' || *p > '9') {
        return bigcache_json_fail(s, p, "no digit in a number");
    }

    do {
        p++;
    } while (p < s->end && *p >= '0' && *p <= '9');

    return p;
}


static const u_char *
bigcache_json_literal(bigcache_json_scan_t *s, const u_char *p,
    const char *word)
{
    for ( /* void */ ; *word != '\0'; word++, p++) {

        if (p == s->end || *p != (u_char) *word) {
            return bigcache_json_fail(s, p, "neither true, false, nor null");
        }
    }

    return p;
}


static inline const u_char *
bigcache_json_space(const u_char *p, const u_char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }

    return p;
}


/*
 * Skips the bytes of a string that stand for themselves: ASCII without
 * controls, the quote, and the backslash.
 *
 * Tests eight bytes at once.  In "mask" the top bit of a byte is set for a
 * byte below 0x20 by the first term; for a quote and for a backslash by the
 * next two, as 0 - 1 borrows; and for a byte from 0x80 by the last.  A borrow
 * out of a byte may set the bits of the bytes above it, never below.  So the
 * lowest bit is right, and le64toh() makes the first byte of the text the
 * lowest.  See "Determine if a word has a byte less than n", S.  E.  Anderson,
 * Bit Twiddling Hacks.
 */

static inline const u_char *
bigcache_json_plain(const u_char *p, const u_char *end)
{
    uint64_t        word, mask;
    const uint64_t  ones = UINT64_C(0x0101010101010101);

    while (end - p >= 8) {

        memcpy(&word, p, 8);
        word = le64toh(word);

        mask = (word - ones * 0x20)
               | ((word ^ ones * '"') - ones)
               | ((word ^ ones * '\\') - ones)
               | word;

        mask &= ones * 0x80;

        if (mask) {
            return p + __builtin_ctzll(mask) / 8;
        }

        p += 8;
    }

    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}

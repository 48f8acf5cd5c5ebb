
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes bytes as the inside of a JSON string.
 */


#include <string.h>

#include "bigcache_json_string.h"
#include "bigcache_utf8.h"


/* what one step reads, and what it writes instead */

typedef struct {
    size_t         read;
    size_t         len;
    const u_char  *data;
    u_char         escape[BIGCACHE_JSON_STRING_GROWTH];
} bigcache_json_unit_t;


static void bigcache_json_unit(bigcache_json_unit_t *unit, const u_char *p,
    const u_char *end);
static void bigcache_json_unit_ascii(bigcache_json_unit_t *unit, u_char c);


size_t
bigcache_json_string_len(const bigcache_str_t *s)
{
    size_t                 len, n;
    bigcache_json_unit_t   unit;

    len = 0;

    for (n = 0; n < s->len; n += unit.read) {
        bigcache_json_unit(&unit, s->data + n, s->data + s->len);
        len += unit.len;
    }

    return len;
}


u_char *
bigcache_json_string(u_char *dst, const bigcache_str_t *s)
{
    size_t                 n;
    bigcache_json_unit_t   unit;

    for (n = 0; n < s->len; n += unit.read) {
        bigcache_json_unit(&unit, s->data + n, s->data + s->len);
        memcpy(dst, unit.data, unit.len);
        dst += unit.len;
    }

    return dst;
}


/* both measuring and filling use this, so they agree */

static void
bigcache_json_unit(bigcache_json_unit_t *unit, const u_char *p,
    const u_char *end)
{
    int  n;

    unit->data = p;

    n = bigcache_utf8_step(p, end);

    if (n < 0) {
        unit->read = -n;
        unit->data = (const u_char *) "\xef\xbf\xbd";
        unit->len = 3;
        return;
    }

    unit->read = n;
    unit->len = n;

    if (n == 1) {
        bigcache_json_unit_ascii(unit, *p);
    }
}


static void
bigcache_json_unit_ascii(bigcache_json_unit_t *unit, u_char c)
{
    u_char              *p, letter;
    static const u_char  hex[] = "0123456789abcdef";

    if (c >= 0x20 && c != '"' && c != '\\') {
        return;
    }

    switch (c) {

    case '\b':
        letter = 'b';
        break;

    case '\f':
        letter = 'f';
        break;

    case '\n':
        letter = 'n';
        break;

    case '\r':
        letter = 'r';
        break;

    case '\t':
        letter = 't';
        break;

    case '"':
    case '\\':
        letter = c;
        break;

    default:
        letter = 'u';
        break;
    }

    p = unit->escape;

    *p++ = '\\';
    *p++ = letter;

    if (letter == 'u') {
        *p++ = '0';
        *p++ = '0';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 0x0f];
    }

    unit->data = unit->escape;
    unit->len = p - unit->escape;
}

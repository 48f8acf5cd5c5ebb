
/*
 * Copyright (C) bigcache contributors
 */


/* makes the key of a page from its URL, and takes such keys apart */


#include <string.h>
#include <strings.h>

#include "bigcache_url.h"


static const char *bigcache_url_origin(const u_char **p, const u_char *last,
    u_char **dst, const char *port);
static const u_char *bigcache_url_host(const u_char *p, const u_char *end);
static int bigcache_url_bad(const bigcache_str_t *url);
static const u_char *bigcache_url_find(const u_char *p, const u_char *last,
    u_char c);


const char *
bigcache_url_key(u_char *dst, const bigcache_str_t *url, size_t *len)
{
    u_char        *d;
    const char    *err, *port;
    const u_char  *p, *last;

    if (bigcache_url_bad(url)) {
        return "the URL has a blank or a control character";
    }

    p = url->data;
    last = bigcache_url_find(p, p + url->len, '#');

    d = dst;
    *d++ = BIGCACHE_PAGE_KEY;

    if (last - p >= 7 && strncasecmp((const char *) p, "http://", 7) == 0) {
        memcpy(d, "http://", 7);
        d += 7;
        p += 7;
        port = "80";

    } else if (last - p >= 8
               && strncasecmp((const char *) p, "https://", 8) == 0)
    {
        memcpy(d, "https://", 8);
        d += 8;
        p += 8;
        port = "443";

    } else {
        return "the URL does not begin with http:// or https://";
    }

    err = bigcache_url_origin(&p, last, &d, port);
    if (err) {
        return err;
    }

    if (p == last || *p == '?') {
        *d++ = '/';
    }

    /* the key has no empty query string */

    if (p < last && bigcache_url_find(p, last, '?') == last - 1) {
        last--;
    }

    memcpy(d, p, (size_t) (last - p));
    d += last - p;

    *len = (size_t) (d - dst);

    return (*len > BIGCACHE_KEY_MAX) ? "the URL is longer than a key may be"
                                     : NULL;
}


int
bigcache_url_split(bigcache_url_t *parts, const bigcache_str_t *key)
{
    const u_char  *p, *last, *nul;

    memset(parts, 0, sizeof(bigcache_url_t));

    if (key->len == 0 || key->data[0] != BIGCACHE_PAGE_KEY) {
        return -1;
    }

    p = key->data + 1;
    last = key->data + key->len;
    nul = bigcache_url_find(p, last, '\0');

    parts->url = bigcache_str(p, nul - p);

    parts->variant.data = (nul < last) ? nul + 1 : last;
    parts->variant.len = (size_t) (last - parts->variant.data);

    if (last - nul > 1 && nul[1] == '=') {
        p = nul + 2;
        nul = bigcache_url_find(p, last, '\0');

        parts->uri = bigcache_str(p, nul - p);
    }

    parts->base = bigcache_str(key->data, nul - key->data);

    parts->fields = bigcache_str(nul, last - nul);

    return 0;
}


int
bigcache_url_field(const bigcache_url_t *parts, size_t *at,
    bigcache_str_t *name, bigcache_str_t *value)
{
    const u_char  *p, *last, *end, *colon;

    last = parts->fields.data + parts->fields.len;

    if (parts->fields.len - *at < 2) {
        return 0;
    }

    p = parts->fields.data + *at + 2;

    if (p[-2] != '\0' || p[-1] != '~') {
        return 0;
    }

    end = bigcache_url_find(p, last, '\0');
    colon = bigcache_url_find(p, end, ':');

    *name = bigcache_str(p, colon - p);

    value->data = (colon < end) ? colon + 1 : NULL;
    value->len = (colon < end) ? (size_t) (end - colon - 1) : 0;

    *at = (size_t) (end - parts->fields.data);

    return 1;
}


/* copies host and port; *p is then where the path begins */

static const char *
bigcache_url_origin(const u_char **p, const u_char *last, u_char **dst,
    const char *port)
{
    size_t         n;
    u_char         c;
    const u_char  *q, *end, *host;

    end = bigcache_url_find(*p, last, '?');
    end = bigcache_url_find(*p, end, '/');

    if (bigcache_url_find(*p, end, '@') != end) {
        return "the URL has a user";
    }

    host = bigcache_url_host(*p, end);

    if (host == NULL || host == *p) {
        return "the URL has no host";
    }

    q = host;

    if (q < end) {
        for (q++; q < end; q++) {
            if (*q < '0' || *q > '9') {
                return "the port of the URL is not a number";
            }
        }
    }

    /* as nginx does, which leaves out a dot at the end, too */

    n = (size_t) (host - *p);

    if (n > 1 && (*p)[n - 1] == '.') {
        n--;
    }

    for (q = *p; q < *p + n; q++) {
        c = *q;
        *(*dst)++ = (c >= 'A' && c <= 'Z') ? (u_char) (c | 0x20) : c;
    }

    n = (size_t) (end - host);

    if (n > 1
        && (n - 1 != strlen(port) || memcmp(host + 1, port, n - 1) != 0))
    {
        memcpy(*dst, host, n);
        *dst += n;
    }

    *p = end;

    return NULL;
}


/* returns the end of the host, which is a colon or the end; or NULL */

static const u_char *
bigcache_url_host(const u_char *p, const u_char *end)
{
    if (p < end && *p == '[') {

        p = bigcache_url_find(p, end, ']');

        if (p == end || (p + 1 < end && p[1] != ':')) {
            return NULL;
        }

        return p + 1;
    }

    return bigcache_url_find(p, end, ':');
}


static int
bigcache_url_bad(const bigcache_str_t *url)
{
    size_t  i;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}


/* returns where the character is, or last */

static const u_char *
bigcache_url_find(const u_char *p, const u_char *last, u_char c)
{
    const u_char  *found;

    found = (p < last) ? memchr(p, c, (size_t) (last - p)) : NULL;

    return found ? found : last;
}

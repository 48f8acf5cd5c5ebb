
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Recognizes requests that pages of other sites send through a browser.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "bigcache_browser.h"


/* what may follow the host and the port */

typedef enum {
    BIGCACHE_BROWSER_NOTHING = 0,
    BIGCACHE_BROWSER_PATH
} bigcache_browser_rest_e;


static int bigcache_browser_accepts(const bigcache_str_t *value);
static int bigcache_browser_from(const bigcache_browser_t *browser,
    bigcache_browser_site_t *site);
static int bigcache_browser_own(const bigcache_browser_t *browser,
    const bigcache_browser_site_t *site);
static int bigcache_browser_same(const bigcache_browser_site_t *from,
    const bigcache_browser_site_t *site);
static int bigcache_browser_url(const bigcache_str_t *text,
    bigcache_browser_rest_e rest, bigcache_browser_site_t *site);
static int bigcache_browser_authority(const u_char *p, const u_char *last,
    bigcache_browser_rest_e rest, bigcache_browser_site_t *site);
static const u_char *bigcache_browser_address(const u_char *p,
    const u_char *last, bigcache_browser_site_t *site);
static const u_char *bigcache_browser_port(const u_char *p, const u_char *last,
    bigcache_browser_site_t *site);
static int bigcache_browser_is(const bigcache_str_t *text, const char *word);
static int bigcache_browser_begins(const bigcache_str_t *text,
    const char *word);


void
bigcache_browser_begin(bigcache_browser_t *browser, int get, int tls,
    const bigcache_str_t *host)
{
    memset(browser, 0, sizeof(bigcache_browser_t));

    browser->get = get;
    browser->tls = tls;
    browser->host = *host;
}


void
bigcache_browser_header(bigcache_browser_t *browser, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    if (bigcache_browser_is(name, "origin")) {
        browser->origins++;
        browser->origin = *value;

    } else if (bigcache_browser_is(name, "referer")) {

        /* an empty header counts as none: some proxies blank it out */

        if (value->len) {
            browser->referers++;
            browser->referer = *value;
        }

    } else if (bigcache_browser_begins(name, "sec-fetch-")) {
        browser->browser = 1;

        if (bigcache_browser_is(name, "sec-fetch-site")
            && (bigcache_browser_is(value, "cross-site")
                || bigcache_browser_is(value, "same-site")))
        {
            browser->other = 1;
        }

    } else if (bigcache_browser_is(name, "accept-language")
               || (bigcache_browser_is(name, "user-agent")
                   && bigcache_browser_begins(value, "mozilla/"))
               || (bigcache_browser_is(name, "accept")
                   && bigcache_browser_accepts(value)))
    {
        browser->browser = 1;
    }
}


bigcache_browser_e
bigcache_browser_check(const bigcache_browser_t *browser,
    const bigcache_browser_site_t *sites, unsigned n)
{
    int                      listed;
    unsigned                 i;
    bigcache_browser_site_t  from;

    listed = 0;

    if (browser->origins || browser->referers) {

        if (!bigcache_browser_from(browser, &from)) {
            return BIGCACHE_BROWSER_OTHER_SITE;
        }

        for (i = 0; i < n && !listed; i++) {
            listed = bigcache_browser_same(&from, &sites[i]);
        }

        if (!listed && !bigcache_browser_own(browser, &from)) {
            return BIGCACHE_BROWSER_OTHER_SITE;
        }
    }

    if (browser->other && !listed) {
        return BIGCACHE_BROWSER_OTHER_SITE;
    }

    return (browser->get && browser->browser) ? BIGCACHE_BROWSER_GET
                                              : BIGCACHE_BROWSER_PASS;
}


int
bigcache_browser_site(const bigcache_str_t *text, bigcache_browser_site_t *site)
{
    if (memmem(text->data, text->len, "://", 3)) {
        return bigcache_browser_url(text, BIGCACHE_BROWSER_NOTHING, site);
    }

    if (bigcache_browser_is(text, "null")) {
        return 0;
    }

    site->scheme = BIGCACHE_BROWSER_ANY;

    return bigcache_browser_authority(text->data, text->data + text->len,
                                      BIGCACHE_BROWSER_NOTHING, site);
}


/*
 * Types that browsers accept when they show a page, a picture or a sound,
 * apply a style or run a script.  For scripts, for example, browsers accept
 * any type, as programs do: then this does not recognize them.
 */

static int
bigcache_browser_accepts(const bigcache_str_t *value)
{
    unsigned        i;
    bigcache_str_t  rest;

    static const char  *types[] = {
        "text/html", "text/css", "image/", "audio/", "video/", "font/",
        "javascript", "ecmascript"
    };

    for (rest = *value; rest.len; rest.data++, rest.len--) {
        for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            if (bigcache_browser_begins(&rest, types[i])) {
                return 1;
            }
        }
    }

    return 0;
}


/* returns 0 if that is unknown: there are several, or it is malformed */

static int
bigcache_browser_from(const bigcache_browser_t *browser,
    bigcache_browser_site_t *site)
{
    if (browser->origins) {
        return browser->origins == 1
               && bigcache_browser_url(&browser->origin,
                                       BIGCACHE_BROWSER_NOTHING, site);
    }

    return browser->referers == 1
           && bigcache_browser_url(&browser->referer, BIGCACHE_BROWSER_PATH,
                                   site);
}


/*
 * A proxy in front may have ended the TLS.  So without TLS here the scheme is
 * not known.
 */

static int
bigcache_browser_own(const bigcache_browser_t *browser,
    const bigcache_browser_site_t *site)
{
    bigcache_browser_site_t  own;

    own.scheme = browser->tls ? BIGCACHE_BROWSER_HTTPS : BIGCACHE_BROWSER_ANY;

    return bigcache_browser_authority(browser->host.data,
                                      browser->host.data + browser->host.len,
                                      BIGCACHE_BROWSER_NOTHING, &own)
           && bigcache_browser_same(site, &own);
}


/* a site without a port has the default port of from's scheme */

static int
bigcache_browser_same(const bigcache_browser_site_t *from,
    const bigcache_browser_site_t *site)
{
    unsigned  port;

    if (site->scheme != BIGCACHE_BROWSER_ANY && site->scheme != from->scheme) {
        return 0;
    }

    port = from->port ? from->port : (unsigned) from->scheme;

    if (port != (site->port ? site->port : (unsigned) from->scheme)
        || from->ipv6 != site->ipv6)
    {
        return 0;
    }

    if (from->ipv6) {
        return memcmp(&from->address, &site->address, sizeof(struct in6_addr))
               == 0;
    }

    return from->host.len == site->host.len
           && strncasecmp((const char *) from->host.data,
                          (const char *) site->host.data, from->host.len)
              == 0;
}


static int
bigcache_browser_url(const bigcache_str_t *text, bigcache_browser_rest_e rest,
    bigcache_browser_site_t *site)
{
    size_t  len;

    if (bigcache_browser_begins(text, "http://")) {
        site->scheme = BIGCACHE_BROWSER_HTTP;
        len = sizeof("http://") - 1;

    } else if (bigcache_browser_begins(text, "https://")) {
        site->scheme = BIGCACHE_BROWSER_HTTPS;
        len = sizeof("https://") - 1;

    } else {
        return 0;
    }

    return bigcache_browser_authority(text->data + len, text->data + text->len,
                                      rest, site);
}


/* parses a host, or an IPv6 address in brackets, and an optional port */

static int
bigcache_browser_authority(const u_char *p, const u_char *last,
    bigcache_browser_rest_e rest, bigcache_browser_site_t *site)
{
    site->port = 0;
    site->ipv6 = 0;
    site->host.data = p;

    if (p < last && *p == '[') {
        p = bigcache_browser_address(p, last, site);

        if (p == NULL) {
            return 0;
        }

    } else {

        while (p < last && *p > ' ' && *p < 0x7f
               && strchr("\"#$%*,/:;<>?@[\\]^`{|}", *p) == NULL)
        {
            p++;
        }

        site->host.len = p - site->host.data;

        if (site->host.len == 0) {
            return 0;
        }
    }

    if (p < last && *p == ':') {
        p = bigcache_browser_port(p + 1, last, site);

        if (p == NULL) {
            return 0;
        }
    }

    return p == last
           || (rest == BIGCACHE_BROWSER_PATH
               && (*p == '/' || *p == '?' || *p == '#'));
}


/* returns what follows the closing bracket, or NULL */

static const u_char *
bigcache_browser_address(const u_char *p, const u_char *last,
    bigcache_browser_site_t *site)
{
    char           text[INET6_ADDRSTRLEN];
    const u_char  *end;

    p++;
    end = memchr(p, ']', last - p);

    if (end == NULL || (size_t) (end - p) >= sizeof(text)) {
        return NULL;
    }

    memcpy(text, p, end - p);
    text[end - p] = '\0';

    if (inet_pton(AF_INET6, text, &site->address) != 1) {
        return NULL;
    }

    site->ipv6 = 1;
    site->host = bigcache_str(p, end - p);

    return end + 1;
}


/* returns what follows the port, or NULL */

static const u_char *
bigcache_browser_port(const u_char *p, const u_char *last,
    bigcache_browser_site_t *site)
{
    const u_char  *start;

    for (start = p; p < last && *p >= '0' && *p <= '9'; p++) {

        site->port = site->port * 10 + (*p - '0');

        if (site->port > 65535) {
            return NULL;
        }
    }

    return (p > start && site->port) ? p : NULL;
}


static int
bigcache_browser_is(const bigcache_str_t *text, const char *word)
{
    return text->len == strlen(word) && bigcache_browser_begins(text, word);
}


static int
bigcache_browser_begins(const bigcache_str_t *text, const char *word)
{
    return text->len >= strlen(word)
           && strncasecmp((const char *) text->data, word, strlen(word)) == 0;
}

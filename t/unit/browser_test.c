
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Which requests that change something may be carried out, by their headers.
 */


#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_browser.h"
#include "tap.h"


#define GET    1
#define POST   0
#define TLS    2

#define PASS   BIGCACHE_BROWSER_PASS
#define OTHER  BIGCACHE_BROWSER_OTHER_SITE
#define LINK   BIGCACHE_BROWSER_GET

#define SITES_MAX  4


typedef struct {
    int                  how;       /* GET or POST, and TLS */
    const char          *host;
    const char          *headers;   /* lines */
    bigcache_browser_e   expected;
} request_t;


static void test_requests(const request_t *requests, unsigned n,
    const char *sites);
static bigcache_browser_e check(const request_t *request, const char *sites);
static void header(bigcache_browser_t *browser, const char *line, size_t len);
static void test_sites(void);
static void test_prefixes(void);


/* without bigcache_origin */

static const request_t  alone[] = {

    /* programs */

    { POST, "h", "", PASS },
    { GET, "h", "", PASS },
    { GET, "h", "User-Agent: curl/8.5.0\nAccept: */*", PASS },
    { GET, "h", "User-Agent: python-requests/2.31.0\nAccept: */*\n"
      "Accept-Encoding: gzip, deflate\nConnection: keep-alive", PASS },
    { GET, "h", "User-Agent: python-httpx/0.27\nAccept: */*", PASS },
    { GET, "h", "User-Agent: Python-urllib/3.11", PASS },
    { GET, "h", "User-Agent: Wget/1.21\nAccept: */*", PASS },
    { GET, "h", "Accept: application/json, text/plain", PASS },
    { GET, "h", "User-Agent: not Mozilla/5.0", PASS },
    { GET, "", "", PASS },
    { POST, "h", "User-Agent: Mozilla/5.0\nAccept-Language: ko\n"
      "Accept: text/html", PASS },

    /* a GET of a browser, with each sign alone */

    { GET, "h", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", LINK },
    { GET, "h", "user-agent: mozilla/4.0", LINK },
    { GET, "h", "Accept-Language: en", LINK },
    { GET, "h", "Accept-Language:", LINK },
    { GET, "h", "Accept: image/avif,image/webp,*/*;q=0.8", LINK },
    { GET, "h", "Accept: */*;q=0.1, IMAGE/png", LINK },
    { GET, "h", "Accept: text/html,application/xhtml+xml", LINK },
    { GET, "h", "Accept: text/css,*/*;q=0.1", LINK },
    { GET, "h", "Accept: application/javascript", LINK },
    { GET, "h", "Accept: */*\nAccept: text/javascript", LINK },
    { GET, "h", "Accept: audio/*", LINK },
    { GET, "h", "Accept: video/*", LINK },
    { GET, "h", "Accept: font/woff2", LINK },
    { GET, "h", "Sec-Fetch-Dest: image", LINK },
    { GET, "h", "Sec-Fetch-Mode: navigate", LINK },
    { GET, "h", "Sec-Fetch-User: ?1", LINK },
    { GET, "h", "Sec-Fetch-Site: none", LINK },
    { GET, "h", "Sec-Fetch-Site: same-origin", LINK },
    { GET, "h", "Sec-Fetch-Site:", LINK },
    { GET, "h", "Accept: */*\nAccept-Language: en\n"
      "User-Agent: Mozilla/5.0\nReferer: http://h/ui", LINK },

    /* what a browser sends for a page on another site */

    { GET, "h", "Sec-Fetch-Site: cross-site", OTHER },
    { GET, "h", "Referer: http://evil/\nUser-Agent: Mozilla/5.0", OTHER },
    { POST, "h", "Sec-Fetch-Site: cross-site", OTHER },
    { POST, "h", "sec-fetch-site: Same-Site", OTHER },
    { POST, "h", "Sec-Fetch-Site: none\nSec-Fetch-Site: cross-site", OTHER },
    { POST, "h", "Sec-Fetch-Site: same-origin", PASS },
    { POST, "h", "Sec-Fetch-Site: none", PASS },
    { POST, "h", "Origin: http://h\nSec-Fetch-Site: cross-site", OTHER },
    { POST, "h", "Origin: http://evil\nSec-Fetch-Site: same-origin", OTHER },
    { POST, "h", "Origin: http://evil", OTHER },
    { POST, "h", "Origin: null", OTHER },
    { POST, "h", "Origin: NULL", OTHER },
    { POST, "null", "Origin: null", OTHER },
    { POST, "", "Origin: http://h", OTHER },
    { POST, "", "Origin: http://", OTHER },

    /* the site itself */

    { POST, "h", "Origin: http://h", PASS },
    { POST, "H", "Origin: HTTP://h", PASS },
    { POST, "h", "origin: http://H", PASS },
    { POST, "h.example.com.", "Origin: http://h.example.com.", PASS },
    { POST, "h.example.com", "Origin: http://h.example.com.", OTHER },
    { POST, "h", "Origin: http://hh", OTHER },
    { POST, "hh", "Origin: http://h", OTHER },
    { POST, "h.example.com", "Origin: http://example.com", OTHER },
    { POST, "example.com", "Origin: http://h.example.com", OTHER },
    { POST, "127.0.0.1:36379", "Origin: http://127.0.0.1:36379", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://localhost:36379", OTHER },
    { POST, "xn--bcher-kva.example", "Origin: http://xn--bcher-kva.example",
      PASS },
    { POST, "a_b-c~d", "Origin: http://a_b-c~d", PASS },

    /* ports */

    { POST, "h:80", "Origin: http://h", PASS },
    { POST, "h", "Origin: http://h:80", PASS },
    { POST, "h:080", "Origin: http://h:80", PASS },
    { POST, "h", "Origin: http://h:81", OTHER },
    { POST, "h:81", "Origin: http://h", OTHER },
    { POST, "h:81", "Origin: http://h:82", OTHER },
    { POST, "h:443", "Origin: http://h", OTHER },
    { POST, "h:65535", "Origin: http://h:65535", PASS },
    { POST, "h:65536", "Origin: http://h:65536", OTHER },
    { POST, "h:4294967377", "Origin: http://h:81", OTHER },
    { POST, "h:0", "Origin: http://h:0", OTHER },

    /* schemes: a proxy in front may have taken the TLS off */

    { POST, "h", "Origin: https://h", PASS },
    { POST, "h:443", "Origin: https://h", PASS },
    { POST, "h:80", "Origin: https://h", OTHER },
    { POST, "h:8443", "Origin: https://h:8443", PASS },
    { POST|TLS, "h", "Origin: https://h", PASS },
    { POST|TLS, "h:443", "Origin: https://h", PASS },
    { POST|TLS, "h", "Origin: http://h", OTHER },
    { POST|TLS, "h:8443", "Origin: https://h:8443", PASS },
    { POST|TLS, "h:8443", "Origin: http://h:8443", OTHER },
    { POST|TLS, "h", "", PASS },
    { POST, "h", "Origin: ftp://h", OTHER },
    { POST, "h", "Origin: file://", OTHER },
    { POST, "h", "Origin: moz-extension://h", OTHER },

    /* IPv6 */

    { POST, "[::1]", "Origin: http://[::1]", PASS },
    { POST, "[::1]:36379", "Origin: http://[::1]:36379", PASS },
    { POST, "[::1]:80", "Origin: http://[::1]", PASS },
    { POST, "[0:0:0:0:0:0:0:1]", "Origin: http://[::1]", PASS },
    { POST, "[2001:DB8::1]", "Origin: http://[2001:db8:0::1]", PASS },
    { POST, "[::1]", "Origin: http://[::2]", OTHER },
    { POST, "[::1]:81", "Origin: http://[::1]:82", OTHER },
    { POST, "[::1", "Origin: http://[::1", OTHER },
    { POST, "[::1]x", "Origin: http://[::1]x", OTHER },
    { POST, "[]", "Origin: http://[]", OTHER },
    { POST, "[::1%eth0]", "Origin: http://[::1%eth0]", OTHER },
    { POST, "::1", "Origin: http://[::1]", OTHER },
    { POST, "[::ffff:127.0.0.1]", "Origin: http://127.0.0.1", OTHER },

    /* headers that no browser sends belong to no site */

    { POST, "h", "Origin:", OTHER },
    { POST, "h", "Origin: h", OTHER },
    { POST, "h", "Origin: //h", OTHER },
    { POST, "h", "Origin: http:h", OTHER },
    { POST, "h", "Origin: http:/h", OTHER },
    { POST, "h", "Origin: http:///h", OTHER },
    { POST, "h", "Origin: http://h/", OTHER },
    { POST, "h", "Origin: http://h?", OTHER },
    { POST, "h", "Origin: http://h#", OTHER },
    { POST, "h", "Origin: http://h:", OTHER },
    { POST, "h", "Origin: http://h:x", OTHER },
    { POST, "h", "Origin: http://h:80x", OTHER },
    { POST, "h", "Origin: http://h:-80", OTHER },
    { POST, "h", "Origin: http://u@h", OTHER },
    { POST, "h", "Origin: http://evil@h", OTHER },
    { POST, "h", "Origin: http://h@evil", OTHER },
    { POST, "h", "Origin: http://evil\\h", OTHER },
    { POST, "h", "Origin: http://h http://h", OTHER },
    { POST, "h", "Origin: http://h, http://h", OTHER },
    { POST, "h", "Origin: http://h,http://h", OTHER },
    { POST, "h", "Origin: http://h\t", OTHER },
    { POST, "h", "Origin: http://h%2e", OTHER },
    { POST, "h", "Origin: http://h\nOrigin: http://h", OTHER },
    { POST, "h", "Origin: http://h\nOrigin: http://evil", OTHER },
    { POST, "h", "Origin: http://evil\nOrigin: http://h", OTHER },
    { POST, "h\xc3\xa9", "Origin: http://h\xc3\xa9", OTHER },
    { POST, "h/evil", "Origin: http://h/evil", OTHER },
    { POST, "h", "Origins: http://evil\nX-Origin: http://evil", PASS },

    /* without an Origin, the Referer */

    { POST, "h", "Referer: http://h", PASS },
    { POST, "h", "Referer: http://h/", PASS },
    { POST, "h", "Referer: http://h/ui?x=http://evil/#y", PASS },
    { POST, "h", "Referer: http://h?x", PASS },
    { POST, "h", "Referer: http://h#x", PASS },
    { POST, "h:81", "Referer: http://h:81/ui", PASS },
    { POST, "[::1]:81", "Referer: http://[::1]:81/ui", PASS },
    { POST, "h", "Referer: https://h/ui", PASS },
    { POST|TLS, "h", "Referer: http://h/ui", OTHER },
    { POST, "h", "Referer: http://evil/", OTHER },
    { POST, "h", "Referer: http://evil/h", OTHER },
    { POST, "h", "Referer: http://h.evil/", OTHER },
    { POST, "h", "Referer: http://h@evil/", OTHER },
    { POST, "h", "Referer: http://h:81/", OTHER },
    { POST, "h", "Referer: http://h\\@evil/", OTHER },
    { POST, "h", "Referer: /ui", OTHER },
    { POST, "h", "Referer: about:blank", OTHER },
    { POST, "h", "Referer: android-app://h/", OTHER },
    { POST, "h", "Referer:", PASS },
    { POST, "h", "Referer: http://h/\nReferer: http://h/", OTHER },
    { POST, "h", "Origin: http://h\nReferer: http://evil/", PASS },
    { POST, "h", "Origin: http://evil\nReferer: http://h/", OTHER },
    { POST, "h", "Origin: null\nReferer: http://h/", OTHER },
    { GET, "h", "Referer: http://h/", PASS }
};


/* with bigcache_origin; Host is what the proxy sends */

static const char  sites[] =
    "https://cache.example.com http://intern:8080 any.example.com [::1]:81";

static const request_t  behind[] = {
    { POST, "127.0.0.1:36379", "Origin: https://cache.example.com", PASS },
    { POST, "127.0.0.1:36379", "Origin: https://CACHE.example.com:443", PASS },
    { POST, "127.0.0.1:36379", "Origin: https://cache.example.com\n"
      "Sec-Fetch-Site: cross-site", PASS },
    { POST, "127.0.0.1:36379", "Sec-Fetch-Site: cross-site", OTHER },
    { POST, "127.0.0.1:36379", "Origin: http://127.0.0.1:36379", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://cache.example.com", OTHER },
    { POST, "127.0.0.1:36379", "Origin: https://cache.example.com:444", OTHER },
    { POST, "127.0.0.1:36379", "Origin: https://x.cache.example.com", OTHER },
    { POST, "127.0.0.1:36379", "Origin: http://intern:8080", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://intern", OTHER },
    { POST, "127.0.0.1:36379", "Origin: https://intern:8080", OTHER },
    { POST, "127.0.0.1:36379", "Origin: https://any.example.com", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://any.example.com", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://any.example.com:81", OTHER },
    { POST, "127.0.0.1:36379", "Origin: http://[0::1]:81", PASS },
    { POST, "127.0.0.1:36379", "Origin: https://[::1]:81", PASS },
    { POST, "127.0.0.1:36379", "Origin: http://[::1]", OTHER },
    { POST, "127.0.0.1:36379", "Origin: null", OTHER },
    { POST, "127.0.0.1:36379", "Origin: https://cache.example.com\n"
      "Origin: https://cache.example.com", OTHER },
    { POST, "127.0.0.1:36379", "Referer: https://cache.example.com/ui", PASS },
    { POST|TLS, "127.0.0.1", "Origin: http://intern:8080", PASS },
    { GET, "127.0.0.1:36379", "Origin: https://cache.example.com\n"
      "User-Agent: Mozilla/5.0", LINK },
    { GET, "127.0.0.1:36379", "", PASS }
};


int
main(void)
{
    test_requests(alone, sizeof(alone) / sizeof(alone[0]), "");
    test_requests(behind, sizeof(behind) / sizeof(behind[0]), sites);
    test_sites();
    test_prefixes();

    return done_testing();
}


static void
test_requests(const request_t *requests, unsigned n, const char *list)
{
    char       name[256], *p;
    unsigned   i;

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%s%s of \"%s\": %s",
                        requests[i].how & GET ? "GET" : "POST",
                        requests[i].how & TLS ? " over TLS" : "",
                        requests[i].host, requests[i].headers);

        for (p = name; *p; p++) {
            if (*p == '\n') {
                *p = ';';
            }
        }

        is_int(check(&requests[i], list), requests[i].expected, "%s", name);
    }
}


static bigcache_browser_e
check(const request_t *request, const char *list)
{
    size_t                   len;
    unsigned                 n;
    const char              *p;
    bigcache_str_t           text;
    bigcache_browser_t       browser;
    bigcache_browser_site_t  site[SITES_MAX];

    for (p = list, n = 0; *p; p += len + (p[len] == ' ')) {
        len = strcspn(p, " ");
        text.data = (const u_char *) p;
        text.len = len;

        if (!bigcache_browser_site(&text, &site[n++])) {
            abort();
        }
    }

    text.data = (const u_char *) request->host;
    text.len = strlen(request->host);

    bigcache_browser_begin(&browser, request->how & GET, request->how & TLS,
                           &text);

    for (p = request->headers; *p; p += len + (p[len] == '\n')) {
        len = strcspn(p, "\n");
        header(&browser, p, len);
    }

    return bigcache_browser_check(&browser, site, n);
}


/* passes a header line as nginx does */

static void
header(bigcache_browser_t *browser, const char *line, size_t len)
{
    char            lower[64];
    size_t          i;
    bigcache_str_t  name, value;

    for (i = 0; line[i] != ':'; i++) {
        lower[i] = (char) tolower((unsigned char) line[i]);
    }

    name.data = (const u_char *) lower;
    name.len = i++;

    while (i < len && line[i] == ' ') {
        i++;
    }

    value.data = (const u_char *) line + i;
    value.len = len - i;

    bigcache_browser_header(browser, &name, &value);
}


static void
test_sites(void)
{
    unsigned                 i;
    bigcache_str_t           text;
    bigcache_browser_site_t  site;

    static const struct {
        const char  *text;
        int          expected;
    } cases[] = {
        { "https://cache.example.com", 1 },
        { "HTTP://cache:8080", 1 },
        { "cache.example.com", 1 },
        { "cache:8080", 1 },
        { "127.0.0.1", 1 },
        { "[::1]:36379", 1 },
        { "https://[2001:db8::1]", 1 },
        { "", 0 },
        { "*", 0 },
        { "*.example.com", 0 },
        { "null", 0 },
        { "Null", 0 },
        { "https://null", 1 },
        { "https://", 0 },
        { "https://*", 0 },
        { "https://cache/", 0 },
        { "https://cache/ui", 0 },
        { "cache/ui", 0 },
        { "https://user@cache", 0 },
        { "https://cache:", 0 },
        { "https://cache:0", 0 },
        { "https://cache:65536", 0 },
        { "https://cache:port", 0 },
        { "ftp://cache", 0 },
        { "://cache", 0 },
        { "https:cache", 0 },
        { "::1", 0 },
        { "[::1", 0 },
        { "[::g]", 0 },
        { "$host", 0 },
        { "https://$host", 0 },
        { "a b", 0 },
        { "a,b", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text.data = (const u_char *) cases[i].text;
        text.len = strlen(cases[i].text);

        is_int(bigcache_browser_site(&text, &site), cases[i].expected,
               "site \"%s\"", cases[i].text);
    }
}


/* nothing is read after the end, and a part of an origin is not that origin */

static void
test_prefixes(void)
{
    char           *origin;
    size_t          len;
    unsigned        passed;
    bigcache_str_t  host, name, value;

    bigcache_browser_t  browser;

    static const char  full[] = "http://[2001:db8::1]:36379";

    host.data = (const u_char *) full + sizeof("http://") - 1;
    host.len = strlen(full) - (sizeof("http://") - 1);
    name.data = (const u_char *) "origin";
    name.len = strlen("origin");

    for (passed = 0, len = 0; len <= strlen(full); len++) {

        /* on the heap, where a sanitizer notices a byte too many */

        origin = malloc(len + 1);
        if (origin == NULL) {
            abort();
        }

        value.data = memcpy(origin + 1, full, len);
        value.len = len;

        bigcache_browser_begin(&browser, 0, 0, &host);
        bigcache_browser_header(&browser, &name, &value);

        passed += (bigcache_browser_check(&browser, NULL, 0)
                   == BIGCACHE_BROWSER_PASS);
        free(origin);
    }

    is_int(passed, 1, "of the beginnings of an origin only the whole passes");
}

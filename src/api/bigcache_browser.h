
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A page on another site must not be able to change the cache through its
 * visitor's browser: by a form that posts to it, or by an image whose address
 * is "/clear".  Browsers say where a request comes from.  Programs do not, and
 * their requests may pass.
 *
 * bigcache_browser_begin() and bigcache_browser_header() collect facts of a
 * request, bigcache_browser_check() decides.  They allocate no memory: the
 * struct points into the request, which must outlive it.
 */


#ifndef _BIGCACHE_BROWSER_H_INCLUDED_
#define _BIGCACHE_BROWSER_H_INCLUDED_


#include <netinet/in.h>

#include "bigcache_str.h"


typedef enum {
    BIGCACHE_BROWSER_ANY = 0,           /* of a site: matches both */
    BIGCACHE_BROWSER_HTTP = 80,
    BIGCACHE_BROWSER_HTTPS = 443
} bigcache_browser_scheme_e;


/* an origin, or the host alone if the scheme is BIGCACHE_BROWSER_ANY */

typedef struct {
    bigcache_browser_scheme_e   scheme;
    bigcache_str_t              host;   /* without brackets */
    unsigned                    port;   /* 0: that of the scheme */
    unsigned                    ipv6;   /* the host is address */
    struct in6_addr             address;
} bigcache_browser_site_t;


typedef enum {
    BIGCACHE_BROWSER_PASS = 0,
    BIGCACHE_BROWSER_OTHER_SITE,        /* a page on another site sent it */
    BIGCACHE_BROWSER_GET                /* a browser must use POST for this */
} bigcache_browser_e;


typedef struct {
    unsigned                    get;
    unsigned                    tls;
    bigcache_str_t              host;

    /* of the headers */
    unsigned                    browser;     /* only browsers send these */
    unsigned                    other;       /* Sec-Fetch-Site says so */
    unsigned                    origins;
    unsigned                    referers;
    bigcache_str_t              origin;
    bigcache_str_t              referer;
} bigcache_browser_t;


/*
 * Begins to collect facts of a request that changes something.  get: its
 * method is one that any link and any image can have.  tls: it came over TLS.
 * host: the Host header, empty if there is none.
 */
void bigcache_browser_begin(bigcache_browser_t *browser, int get, int tls,
    const bigcache_str_t *host);

/* looks at a header line; the name must be in lower case */

void bigcache_browser_header(bigcache_browser_t *browser,
    const bigcache_str_t *name, const bigcache_str_t *value);

/*
 * Decides whether the request may be carried out.  A request that has an
 * Origin, or else a Referer, may pass if that is of the site in the Host
 * header, or of one of the n sites.  A request that has neither may pass
 * unless it is a GET of a browser.
 */
bigcache_browser_e bigcache_browser_check(const bigcache_browser_t *browser,
    const bigcache_browser_site_t *sites, unsigned n);

/*
 * Parses a site whose pages may pass: an origin, "https://host:port", or a
 * host with an optional port.  Returns 0 if the text is neither, and for
 * "null".
 */
int bigcache_browser_site(const bigcache_str_t *text,
    bigcache_browser_site_t *site);


#endif /* _BIGCACHE_BROWSER_H_INCLUDED_ */

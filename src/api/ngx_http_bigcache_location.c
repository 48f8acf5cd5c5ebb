
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Checks that the location that nginx has chosen for a request is that of its
 * key.
 *
 * nginx chooses the location by r->uri: the path with escapes decoded, dots
 * resolved and slashes merged, without the query string.  A key keeps dots and
 * slashes, except slashes around it, and an escaped "?"  means the same in it
 * as the "?"  of a query string.  So "/cache/k", "/cache/k/" and "/cache/k%2F"
 * are three paths of one key, and "location = /cache/k { deny all; }" is
 * chosen only for the first.
 *
 * So this looks up the location of the usual path of the key.  If that is
 * another location than the one of r->uri, the request must be refused.  With
 * one location for all keys that never happens.  For a request with the usual
 * path no look-up is needed.
 *
 * If a path is rewritten into that of a key, the location of the sent path has
 * rules too, and so have those in between.  They cannot be looked up for
 * another spelling, since it is not known what the client would have sent.  So
 * a rewritten path passes only if it is the usual path of its key.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


/* in Angie the search data of a location is not in its configuration */

#ifdef ANGIE_VERSION

typedef ngx_http_core_loc_t       ngx_http_bigcache_found_t;
#define ngx_http_bigcache_found_conf(found)  (found)->conf

#else

typedef ngx_http_core_loc_conf_t  ngx_http_bigcache_found_t;
#define ngx_http_bigcache_found_conf(found)  (found)

#endif


static ngx_uint_t ngx_http_bigcache_same_uri(const ngx_str_t *one,
    const ngx_str_t *two);
static ngx_int_t ngx_http_bigcache_sent(ngx_http_request_t *r,
    ngx_uint_t merge, ngx_str_t *sent);
static ngx_int_t ngx_http_bigcache_usual(ngx_http_request_t *r,
    ngx_uint_t merge, const ngx_str_t *sent, const ngx_str_t *uri);
static ngx_int_t ngx_http_bigcache_resolve(ngx_str_t *uri, ngx_uint_t merge);
static u_char *ngx_http_bigcache_parent(u_char *start, u_char *last);
static ngx_int_t ngx_http_bigcache_find_location(ngx_str_t *uri,
    ngx_http_core_loc_conf_t **location);
static ngx_int_t ngx_http_bigcache_static_location(ngx_str_t *uri,
    ngx_http_location_tree_node_t *node, ngx_http_bigcache_found_t **location);


ngx_int_t
ngx_http_bigcache_location(ngx_http_request_t *r, ngx_uint_t raw,
    const ngx_http_bigcache_route_t *route, bigcache_str_t *key)
{
    u_char                        *p;
    size_t                         len, head;
    ngx_int_t                      rc;
    ngx_str_t                      uri, sent;
    ngx_uint_t                     merge;
    ngx_http_conf_ctx_t           *ctx;
    ngx_http_core_loc_conf_t      *own, *other;
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    len = key->len;

    if (blcf->key_args && !(route->flags & NGX_HTTP_BIGCACHE_LIST)) {
        p = ngx_strlchr((u_char *) key->data, (u_char *) key->data + len, '?');

        if (p) {
            len = p - key->data;
        }
    }

    head = blcf->base.len + route->path.len;

    /* a path that was sent: nginx has resolved dots in it already */

    if (raw
        && r->uri.len == head + len
        && ngx_memcmp(r->uri.data + head, key->data, len) == 0)
    {
        return NGX_OK;
    }

    uri.data = ngx_pnalloc(r->pool, head + len);
    if (uri.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(uri.data, blcf->base.data, blcf->base.len);
    p = ngx_cpymem(p, route->path.data, route->path.len);
    p = ngx_cpymem(p, key->data, len);

    uri.len = p - uri.data;

    /* nginx parsed the path before it knew the name of the server */

    ctx = r->main->http_connection->conf_ctx;
    cscf = ctx->srv_conf[ngx_http_core_module.ctx_index];
    merge = cscf->merge_slashes;

    if (ngx_http_bigcache_resolve(&uri, merge) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (r == r->main && !raw) {
        rc = ngx_http_bigcache_sent(r, merge, &sent);

        if (rc == NGX_DECLINED) {
            return ngx_http_bigcache_usual(r, merge, &sent, &uri);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_bigcache_same_uri(&uri, &r->uri)) {
        return NGX_OK;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    own = cscf->ctx->loc_conf[ngx_http_core_module.ctx_index];
    other = own;

    if (ngx_http_bigcache_find_location(&r->uri, &own) == NGX_ERROR
        || ngx_http_bigcache_find_location(&uri, &other) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return (own == other) ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ngx_http_bigcache_same_uri(const ngx_str_t *one, const ngx_str_t *two)
{
    return one->len == two->len
           && ngx_memcmp(one->data, two->data, one->len) == 0;
}


/*
 * Tells whether r->uri is still what nginx made of the path that was sent; a
 * "set $args" does not change it.  Returns NGX_OK; NGX_DECLINED, and in *sent
 * what nginx made of the sent path; or NGX_ERROR.
 */

static ngx_int_t
ngx_http_bigcache_sent(ngx_http_request_t *r, ngx_uint_t merge,
    ngx_str_t *sent)
{
    u_char  *src, *dst;
    size_t   len;

    ngx_str_null(sent);

    for (len = 0; len < r->unparsed_uri.len; len++) {
        if (r->unparsed_uri.data[len] == '?'
            || r->unparsed_uri.data[len] == '#')
        {
            break;
        }
    }

    if (len == 0 || r->unparsed_uri.data[0] != '/') {
        return NGX_DECLINED;
    }

    sent->data = ngx_pnalloc(r->pool, len);
    if (sent->data == NULL) {
        return NGX_ERROR;
    }

    src = r->unparsed_uri.data;
    dst = sent->data;

    ngx_unescape_uri(&dst, &src, len, 0);

    sent->len = dst - sent->data;

    if (ngx_http_bigcache_resolve(sent, merge) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_bigcache_same_uri(sent, &r->uri) ? NGX_OK : NGX_DECLINED;
}


/*
 * Tells whether a rewritten path is the usual path of its key, which is uri.
 * An error_page or try_files may have cut off the part after a "?", which
 * belonged to the path that was sent.  If nginx merges slashes, a double slash
 * comes from the configuration, for example from "/cache/$1" with "/key" as
 * $1.  Returns NGX_OK, NGX_DECLINED or NGX_ERROR.
 */

static ngx_int_t
ngx_http_bigcache_usual(ngx_http_request_t *r, ngx_uint_t merge,
    const ngx_str_t *sent, const ngx_str_t *uri)
{
    ngx_str_t                  path;
    ngx_http_core_srv_conf_t  *cscf;

    if (ngx_strlchr(sent->data, sent->data + sent->len, '?')
        && ngx_strlchr(r->uri.data, r->uri.data + r->uri.len, '?') == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_bigcache_same_uri(uri, &r->uri)) {
        return NGX_OK;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (!merge || !cscf->merge_slashes) {
        return NGX_DECLINED;
    }

    path.len = r->uri.len;
    path.data = ngx_pstrdup(r->pool, &r->uri);

    if (path.data == NULL) {
        return NGX_ERROR;
    }

    return (ngx_http_bigcache_resolve(&path, 1) == NGX_OK
            && ngx_http_bigcache_same_uri(&path, uri))
           ? NGX_OK : NGX_DECLINED;
}


/*
 * Resolves dots, and merges slashes if merge is set, in a path that begins
 * with a slash, as ngx_http_parse_complex_uri() does.  Returns NGX_DECLINED if
 * the path leads above the root.
 */

static ngx_int_t
ngx_http_bigcache_resolve(ngx_str_t *uri, ngx_uint_t merge)
{
    u_char  *p, *dst, *end, *last;
    size_t   len;

    last = uri->data + uri->len;
    dst = uri->data + 1;

    for (p = uri->data + 1; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, '/');

        if (end == NULL) {
            end = last;
        }

        len = end - p;

        if (len == 0 && merge) {
            continue;
        }

        if (len == 1 && p[0] == '.') {
            continue;
        }

        if (len == 2 && p[0] == '.' && p[1] == '.') {
            dst = ngx_http_bigcache_parent(uri->data, dst);

            if (dst == NULL) {
                return NGX_DECLINED;
            }

            continue;
        }

        dst = ngx_movemem(dst, p, len);

        if (end < last) {
            *dst++ = '/';
        }
    }

    uri->len = dst - uri->data;

    return NGX_OK;
}


/* last follows a slash; returns what follows the slash before that, or NULL */

static u_char *
ngx_http_bigcache_parent(u_char *start, u_char *last)
{
    last--;

    if (last == start) {
        return NULL;
    }

    while (last[-1] != '/') {
        last--;
    }

    return last;
}


/*
 * Does what ngx_http_core_find_location() does, which is static and works on
 * the request.  *location is where to look, then what was found.  A regular
 * expression leaves no captures.  Returns NGX_OK if the location is final;
 * NGX_AGAIN if a regular expression of an outer location may still match;
 * NGX_DECLINED if there is no location inside; NGX_ERROR if a regular
 * expression fails.
 */

static ngx_int_t
ngx_http_bigcache_find_location(ngx_str_t *uri,
    ngx_http_core_loc_conf_t **location)
{
    ngx_int_t                    rc;
    ngx_http_core_loc_conf_t    *outer;
    ngx_http_bigcache_found_t   *found;

#if (NGX_PCRE)
    ngx_int_t                    n;
    ngx_uint_t                   noregex;
    ngx_http_bigcache_found_t  **regex;

    noregex = 0;
#endif

    outer = *location;
    found = NULL;

    rc = ngx_http_bigcache_static_location(uri, outer->static_locations,
                                           &found);

    if (found) {
        *location = ngx_http_bigcache_found_conf(found);
    }

    if (rc == NGX_AGAIN) {

#if (NGX_PCRE)
        noregex = found->noregex;
#endif

        rc = ngx_http_bigcache_find_location(uri, location);
    }

    if (rc == NGX_OK || rc == NGX_ERROR) {
        return rc;
    }

#if (NGX_PCRE)

    if (noregex || outer->regex_locations == NULL) {
        return rc;
    }

    for (regex = outer->regex_locations; *regex; regex++) {

        n = ngx_regex_exec((*regex)->regex->regex, uri, NULL, 0);

        if (n == NGX_REGEX_NO_MATCHED) {
            continue;
        }

        if (n < 0) {
            return NGX_ERROR;
        }

        *location = ngx_http_bigcache_found_conf(*regex);

        rc = ngx_http_bigcache_find_location(uri, location);

        return (rc == NGX_ERROR) ? rc : NGX_OK;
    }

#endif

    return rc;
}


static ngx_int_t
ngx_http_bigcache_static_location(ngx_str_t *uri,
    ngx_http_location_tree_node_t *node, ngx_http_bigcache_found_t **location)
{
    size_t      len, n;
    u_char     *p;
    ngx_int_t   rc, found;

    p = uri->data;
    len = uri->len;
    found = NGX_DECLINED;

    while (node) {

        n = ngx_min(len, (size_t) node->len);

        rc = ngx_filename_cmp(p, node->name, n);

        if (rc != 0) {
            node = (rc < 0) ? node->left : node->right;
            continue;
        }

        if (len > n) {

            if (node->inclusive == NULL) {
                node = node->right;
                continue;
            }

            *location = node->inclusive;
            found = NGX_AGAIN;

            node = node->tree;
            p += n;
            len -= n;

            continue;
        }

        if (len == (size_t) node->len) {
            *location = node->exact ? node->exact : node->inclusive;
            return node->exact ? NGX_OK : NGX_AGAIN;
        }

        /* only a slash is missing: nginx redirects to the location with it */

        if (len + 1 == (size_t) node->len && node->auto_redirect) {
            *location = node->exact ? node->exact : node->inclusive;
            found = NGX_OK;
        }

        node = node->left;
    }

    return found;
}

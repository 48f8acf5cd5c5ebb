
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Makes the key of a request from its path and query string.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_url.h"
#include "ngx_http_bigcache_api.h"


#define NGX_HTTP_BIGCACHE_LIST_LIMIT  100
#define NGX_HTTP_BIGCACHE_LIST_MAX    1000


static const char *ngx_http_bigcache_key_range_args(ngx_http_request_t *r,
    bigcache_op_t *op);
static const char *ngx_http_bigcache_key_prefix_arg(ngx_http_request_t *r,
    bigcache_op_t *op);
static const char *ngx_http_bigcache_key_url_arg(ngx_http_request_t *r,
    ngx_str_t *url, bigcache_str_t *key);
static const char *ngx_http_bigcache_key_behind(ngx_http_request_t *r,
    const bigcache_str_t *before, bigcache_str_t *key);
static const char *ngx_http_bigcache_arg(ngx_http_request_t *r,
    const char *name, const char *broken, ngx_str_t *value);
static const char *ngx_http_bigcache_decode(u_char **dst, u_char *src,
    size_t len);


const char *
ngx_http_bigcache_key(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_str_t *args, ngx_uint_t raw, ngx_uint_t flags, bigcache_str_t *key)
{
    u_char                        *p, *last, *data;
    ngx_str_t                      path, query;
    const char                    *err;
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    path = *rest;
    query = *args;

    if (raw) {
        p = ngx_strlchr(path.data, path.data + path.len, '?');

        if (p) {
            query.data = p + 1;
            query.len = path.data + path.len - query.data;
            path.len = p - path.data;
        }
    }

    data = ngx_pnalloc(r->pool, path.len + query.len + 2);
    if (data == NULL) {
        return "out of memory";
    }

    last = data;

    if (raw) {
        err = ngx_http_bigcache_decode(&last, path.data, path.len);
        if (err) {
            return err;
        }

    } else {
        last = ngx_cpymem(last, path.data, path.len);
    }

    if (flags & NGX_HTTP_BIGCACHE_LIST) {
        query.len = 0;
    }

    if (query.len && blcf->key_args) {
        *last++ = '?';

        err = ngx_http_bigcache_decode(&last, query.data, query.len);
        if (err) {
            return err;
        }
    }

    while (data < last && *data == '/') {
        data++;
    }

    if (!(flags & NGX_HTTP_BIGCACHE_TRAILING)) {
        while (data < last && last[-1] == '/') {
            last--;
        }

    } else if (data == last && !(flags & NGX_HTTP_BIGCACHE_LIST)) {
        return "prefix is empty";
    }

    if (ngx_strlchr(data, last, '\0')) {
        return "the key holds a NUL byte";
    }

    if (last - data > BIGCACHE_KEY_MAX) {
        return "the key is longer than 8192 bytes";
    }

    *key = bigcache_str(data, last - data);

    return NULL;
}


const char *
ngx_http_bigcache_key_list_args(ngx_http_request_t *r, bigcache_op_t *op)
{
    ngx_str_t    cursors, kind, tag;
    const char  *err;

    err = ngx_http_bigcache_key_range_args(r, op);
    if (err) {
        return err;
    }

    if (ngx_http_arg(r, (u_char *) "cursors", 7, &cursors) == NGX_OK) {

        if (cursors.len != 2 || ngx_strncmp(cursors.data, "on", 2) != 0) {
            return "cursors is not \"on\"";
        }

        op->cursors = 1;
    }

    err = ngx_http_bigcache_arg(r, "tag", "tag has a broken escape", &tag);
    if (err) {
        return err;
    }

    if (tag.data && (tag.len == 0 || tag.len > BIGCACHE_TAG_MAX)) {
        return "tag is empty, or longer than 256 bytes";
    }

    op->tag = bigcache_str(tag.data, tag.len);

    err = ngx_http_bigcache_arg(r, "kind", "kind has a broken escape", &kind);

    if (err
        || kind.data == NULL
        || (kind.len == 4 && ngx_strncmp(kind.data, "rest", 4) == 0))
    {
        return err;
    }

    if (kind.len != 4 || ngx_strncmp(kind.data, "page", 4) != 0) {
        return "kind is neither rest nor page";
    }

    /* the path of a request cannot have all that a URL may have */

    if (op->key.len) {
        return "the prefix of pages is an argument, prefix=";
    }

    return ngx_http_bigcache_key_prefix_arg(r, op);
}


const char *
ngx_http_bigcache_key_page_args(ngx_http_request_t *r, bigcache_op_t *op)
{
    ngx_str_t    url, key, variant;
    const char  *err;

    err = ngx_http_bigcache_arg(r, "url", "url has a broken escape", &url);

    if (err == NULL) {
        err = ngx_http_bigcache_arg(r, "key", "key has a broken escape", &key);
    }

    if (err == NULL) {
        err = ngx_http_bigcache_arg(r, "variant",
                                    "variant has a broken escape", &variant);
    }

    if (err) {
        return err;
    }

    if ((url.data == NULL) == (key.data == NULL)) {
        return "either url or key is needed";
    }

    if (url.data) {
        err = ngx_http_bigcache_key_url_arg(r, &url, &op->site);

    } else if (key.len == 0 || ngx_strlchr(key.data, key.data + key.len, '\0'))
    {
        return "the key is empty, or holds a NUL byte";

    } else {
        op->site = bigcache_str(key.data, key.len);

        err = ngx_http_bigcache_key_behind(r, NULL, &op->site);
    }

    if (err) {
        return err;
    }

    op->variant = bigcache_str(variant.data, variant.len);

    /* the key of a variant is that of the URL, a NUL, and the variant */

    if (variant.len && op->site.len + 1 + variant.len > BIGCACHE_KEY_MAX) {
        return "the URL and the variant are longer than 8192 bytes";
    }

    err = ngx_http_bigcache_key_range_args(r, op);

    if (err) {
        return err;
    }

    if (op->after.len == 0) {
        op->after.data = NULL;
        return NULL;
    }

    return ngx_http_bigcache_key_behind(r, &op->site, &op->after);
}


/* "limit" and "after" */

static const char *
ngx_http_bigcache_key_range_args(ngx_http_request_t *r, bigcache_op_t *op)
{
    ngx_int_t    limit;
    ngx_str_t    value;
    const char  *err;

    op->limit = NGX_HTTP_BIGCACHE_LIST_LIMIT;

    err = ngx_http_bigcache_arg(r, "limit", "limit has a broken escape",
                                &value);
    if (err) {
        return err;
    }

    if (value.data) {

        limit = ngx_atoi(value.data, value.len);

        if (limit < 1 || limit > NGX_HTTP_BIGCACHE_LIST_MAX) {
            return "limit is not a number from 1 to 1000";
        }

        op->limit = (unsigned) limit;
    }

    err = ngx_http_bigcache_arg(r, "after", "after has a broken escape",
                                &value);
    if (err) {
        return err;
    }

    if (value.len > BIGCACHE_KEY_MAX) {
        return "after is longer than 8192 bytes";
    }

    op->after = bigcache_str(value.data, value.len);

    return NULL;
}


/* the keys of pages begin with a NUL, which the client leaves out */

static const char *
ngx_http_bigcache_key_prefix_arg(ngx_http_request_t *r, bigcache_op_t *op)
{
    ngx_str_t    prefix;
    const char  *err;

    err = ngx_http_bigcache_arg(r, "prefix", "prefix has a broken escape",
                                &prefix);
    if (err) {
        return err;
    }

    op->site = bigcache_str(prefix.data, prefix.len);

    err = ngx_http_bigcache_key_behind(r, NULL, &op->site);

    if (err || op->after.len == 0) {
        ngx_str_null(&op->after);
        return err;
    }

    return ngx_http_bigcache_key_behind(r, NULL, &op->after);
}


static const char *
ngx_http_bigcache_key_url_arg(ngx_http_request_t *r, ngx_str_t *url,
    bigcache_str_t *key)
{
    u_char          *p;
    bigcache_str_t   text;

    text = bigcache_str(url->data, url->len);

    p = ngx_pnalloc(r->pool, text.len + BIGCACHE_URL_ROOM);
    if (p == NULL) {
        return "out of memory";
    }

    key->data = p;

    return bigcache_url_key(p, &text, &key->len);
}


/* puts a NUL before the key, and before that what is given, or nothing */

static const char *
ngx_http_bigcache_key_behind(ngx_http_request_t *r,
    const bigcache_str_t *before, bigcache_str_t *key)
{
    u_char  *p;
    size_t   len;

    len = (before ? before->len : 0) + 1 + key->len;

    if (len > BIGCACHE_KEY_MAX) {
        return "the key is longer than 8192 bytes";
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return "out of memory";
    }

    if (before) {
        ngx_memcpy(p, before->data, before->len);
    }

    p[len - 1 - key->len] = '\0';

    if (key->len) {
        ngx_memcpy(p + len - key->len, key->data, key->len);
    }

    *key = bigcache_str(p, len);

    return NULL;
}


/* sets value->data to NULL if there is none; returns NULL, or what is wrong */

static const char *
ngx_http_bigcache_arg(ngx_http_request_t *r, const char *name,
    const char *broken, ngx_str_t *value)
{
    u_char  *data, *last;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), value) != NGX_OK) {
        ngx_str_null(value);
        return NULL;
    }

    data = ngx_pnalloc(r->pool, value->len + 1);
    if (data == NULL) {
        return "out of memory";
    }

    last = data;

    if (ngx_http_bigcache_decode(&last, value->data, value->len)) {
        return broken;
    }

    value->data = data;
    value->len = last - data;

    return NULL;
}


/* ngx_unescape_uri() would accept broken escapes */

static const char *
ngx_http_bigcache_decode(u_char **dst, u_char *src, size_t len)
{
    u_char     *p, *last;
    ngx_int_t   ch;

    p = *dst;
    last = src + len;

    while (src < last) {

        if (*src != '%') {
            *p++ = *src++;
            continue;
        }

        ch = (last - src < 3) ? NGX_ERROR : ngx_hextoi(src + 1, 2);

        if (ch == NGX_ERROR) {
            return "the path has a broken escape";
        }

        *p++ = (u_char) ch;
        src += 3;
    }

    *dst = p;

    return NULL;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads the header of a request: lifetimes, preferences, conditions.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_control.h"
#include "bigcache_field.h"
#include "bigcache_tag_field.h"
#include "ngx_http_bigcache_api.h"


#define NGX_HTTP_BIGCACHE_ETAG_LEN  16


typedef const char *(*ngx_http_bigcache_header_pt)(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);

typedef struct {
    ngx_str_t                    name;      /* in lower case */
    ngx_uint_t                   flag;      /* flag of the routes that use it */
    ngx_http_bigcache_header_pt  handler;
    size_t                       offset;    /* in bigcache_op_t, or the style of
                                               tags, or 0 */
} ngx_http_bigcache_header_t;


static const char *ngx_http_bigcache_text(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_content_type(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_batch_type(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_accept(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static ngx_uint_t ngx_http_bigcache_accepts_batch(bigcache_str_t *type);
static ngx_uint_t ngx_http_bigcache_weighs(bigcache_str_t *weight);
static const char *ngx_http_bigcache_prefer(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_prefer_wait(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_token(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_cache_control(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static const char *ngx_http_bigcache_tags(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t style);
static ngx_uint_t ngx_http_bigcache_preference(u_char *p, u_char *last,
    const char *name, const char *value);
static const char *ngx_http_bigcache_condition(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_http_bigcache_etags(ngx_http_request_t *r,
    bigcache_op_list_t *list, ngx_str_t *value, ngx_uint_t weak);
static uint64_t ngx_http_bigcache_etag(u_char *tag);


static const ngx_http_bigcache_header_t  ngx_http_bigcache_headers_in[] = {

    { ngx_string("content-type"), NGX_HTTP_BIGCACHE_LIFETIME,
      ngx_http_bigcache_content_type, offsetof(bigcache_op_t, type) },

    { ngx_string("content-type"), NGX_HTTP_BIGCACHE_FRAMES,
      ngx_http_bigcache_batch_type, 0 },

    { ngx_string("accept"), NGX_HTTP_BIGCACHE_FRAMES,
      ngx_http_bigcache_accept, 0 },

    { ngx_string("x-bigcache-duration"), NGX_HTTP_BIGCACHE_LIFETIME,
      ngx_http_bigcache_text, offsetof(bigcache_op_t, duration) },

    { ngx_string("x-bigcache-expire"), NGX_HTTP_BIGCACHE_LIFETIME,
      ngx_http_bigcache_text, offsetof(bigcache_op_t, expire) },

    { ngx_string("x-bigcache-stale"), NGX_HTTP_BIGCACHE_LIFETIME,
      ngx_http_bigcache_text, offsetof(bigcache_op_t, stale) },

    { ngx_string("prefer"), NGX_HTTP_BIGCACHE_PREFER,
      ngx_http_bigcache_prefer, 0 },

    { ngx_string("prefer"), NGX_HTTP_BIGCACHE_WAITS,
      ngx_http_bigcache_prefer_wait, 0 },

    { ngx_string("bigcache-lease"), NGX_HTTP_BIGCACHE_TOKEN,
      ngx_http_bigcache_token, 0 },

    { ngx_string("cache-control"), NGX_HTTP_BIGCACHE_STORES,
      ngx_http_bigcache_cache_control, 0 },

    { ngx_string("surrogate-key"), NGX_HTTP_BIGCACHE_STORES,
      ngx_http_bigcache_tags, BIGCACHE_TAG_FIELD_SPACES },

    { ngx_string("cache-tag"), NGX_HTTP_BIGCACHE_STORES,
      ngx_http_bigcache_tags, BIGCACHE_TAG_FIELD_COMMAS },

    { ngx_string("if-match"), NGX_HTTP_BIGCACHE_CONDITIONS,
      ngx_http_bigcache_condition, offsetof(bigcache_op_t, match) },

    { ngx_string("if-none-match"), NGX_HTTP_BIGCACHE_CONDITIONS,
      ngx_http_bigcache_condition, offsetof(bigcache_op_t, none_match) },

    { ngx_null_string, 0, NULL, 0 }
};


const char *
ngx_http_bigcache_headers(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    const char                        *err;
    ngx_table_elt_t                   *h;
    ngx_http_bigcache_fields_t         fields;
    const ngx_http_bigcache_header_t  *header;

#if (NGX_HTTP_GZIP)

    ngx_http_bigcache_loc_conf_t      *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    /*
     * Ranges are those of the page, not of a gzip file.  And if a backend has
     * sent X-Accel-Charset, the charset filter needs the text.
     */

    if ((ctx->route->flags & NGX_HTTP_BIGCACHE_PAGE)
        && blcf->send_gzip
        && r->headers_in.range == NULL
        && r->headers_out.override_charset == NULL
        && ngx_http_gzip_ok(r) == NGX_OK)
    {
        ctx->op.gzip = 1;
    }

#endif

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_PAGE) {
        ctx->op.pieces = 1;
        ctx->op.head = (r == r->main && r->method == NGX_HTTP_HEAD);
        ctx->op.file = (ngx_http_bigcache_send_by_file(r) != 0);
    }

    ngx_http_bigcache_fields(&fields, &r->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {

        for (header = ngx_http_bigcache_headers_in;
             header->handler;
             header++)
        {
            if (!(ctx->route->flags & header->flag)
                || h->key.len != header->name.len
                || ngx_strncmp(h->lowcase_key, header->name.data, h->key.len)
                   != 0)
            {
                continue;
            }

            err = header->handler(r, ctx, &h->value, header->offset);

            if (err) {
                return err;
            }
        }
    }

    return NULL;
}


static const char *
ngx_http_bigcache_text(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_str_t *value, size_t offset)
{
    bigcache_str_t  *text;

    text = (bigcache_str_t *) ((u_char *) &ctx->op + offset);

    *text = bigcache_str(value->data, value->len);

    return NULL;
}


static const char *
ngx_http_bigcache_content_type(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset)
{
    return (value->len > BIGCACHE_TYPE_MAX)
           ? "the content type is longer than 1024 bytes"
           : ngx_http_bigcache_text(r, ctx, value, offset);
}


static const char *
ngx_http_bigcache_batch_type(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset)
{
    ctx->op.framed = ngx_http_bigcache_headers_framed(value);

    return NULL;
}


/* the name of the type, which parameters may follow */

ngx_uint_t
ngx_http_bigcache_headers_framed(ngx_str_t *type)
{
    size_t          at;
    bigcache_str_t  line, name;

    line = bigcache_str(type->data, type->len);
    at = 0;

    return bigcache_field_next_parameter(&line, &at, &name)
           && bigcache_field_is(&name, NGX_HTTP_BIGCACHE_BATCH);
}


static const char *
ngx_http_bigcache_accept(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_str_t *value, size_t offset)
{
    size_t          at;
    bigcache_str_t  line, type;

    line = bigcache_str(value->data, value->len);

    for (at = 0; bigcache_field_next(&line, &at, &type); /* void */ ) {
        if (ngx_http_bigcache_accepts_batch(&type)) {
            ctx->op.as_bytes = 1;
        }
    }

    return NULL;
}


/*
 * Only clients that know the type want it.  So it must be named, and weights
 * are not compared: any but zero will do.
 */

static ngx_uint_t
ngx_http_bigcache_accepts_batch(bigcache_str_t *type)
{
    size_t                   at;
    bigcache_str_t           part;
    bigcache_field_member_t  parameter;

    at = 0;

    if (!bigcache_field_next_parameter(type, &at, &part)
        || !bigcache_field_is(&part, NGX_HTTP_BIGCACHE_BATCH))
    {
        return 0;
    }

    while (bigcache_field_next_parameter(type, &at, &part)) {

        bigcache_field_split(&part, &parameter);

        if (!parameter.given
            || (bigcache_field_is(&parameter.name, "q")
                && !ngx_http_bigcache_weighs(&parameter.value)))
        {
            return 0;
        }
    }

    return 1;
}


/* tells whether a weight, RFC 9110, 12.4.2, is a number over zero */

static ngx_uint_t
ngx_http_bigcache_weighs(bigcache_str_t *weight)
{
    size_t      i;
    ngx_uint_t  over;

    over = 0;

    for (i = 0; i < weight->len; i++) {

        if (weight->data[i] >= '1' && weight->data[i] <= '9') {
            over = 1;

        } else if (weight->data[i] != '0' && weight->data[i] != '.') {
            return 0;
        }
    }

    return over;
}


static const char *
ngx_http_bigcache_prefer(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_str_t *value, size_t offset)
{
    u_char  *p, *last, *end;

    last = value->data + value->len;

    for (p = value->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        if (ngx_http_bigcache_preference(p, end, "return", "minimal")) {
            ctx->op.minimal = 1;
        }

        if (ngx_http_bigcache_preference(p, end, "respond-async", NULL)) {
            ctx->op.async = 1;
        }
    }

    return NULL;
}


/*
 * Tells whether a preference is name=value, or name if value is NULL, as in
 * RFC 7240.  Quotes and blanks make no difference, and parameters may follow.
 */

static ngx_uint_t
ngx_http_bigcache_preference(u_char *p, u_char *last, const char *name,
    const char *value)
{
    u_char       ch;
    ngx_uint_t   left;
    const char  *expected;

    left = 1;
    expected = name;

    for ( /* void */ ; p < last && *p != ';'; p++) {

        ch = ngx_tolower(*p);

        if (ch == ' ' || ch == '\t' || (ch == '"' && !left)) {
            continue;
        }

        if (left && value && ch == '=' && *expected == '\0') {
            left = 0;
            expected = value;
            continue;
        }

        if (ch != (u_char) *expected++) {
            return 0;
        }
    }

    return *expected == '\0' && left == (value == NULL);
}


static const char *
ngx_http_bigcache_prefer_wait(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset)
{
    bigcache_str_t  line;

    line = bigcache_str(value->data, value->len);

    return (ngx_http_bigcache_lease_prefer(r, ctx, &line) == NGX_OK)
           ? NULL : "out of memory";
}


static const char *
ngx_http_bigcache_token(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_str_t *value, size_t offset)
{
    return ngx_http_bigcache_lease_header(r, ctx, value);
}


/* of all directives only "no-transform" is about how a page is stored */

static const char *
ngx_http_bigcache_cache_control(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset)
{
    bigcache_str_t      line;
    bigcache_control_t  control;

    line = bigcache_str(value->data, value->len);

    bigcache_control_init(&control);
    bigcache_control_add(&control, &line);

    if (control.flags & BIGCACHE_CONTROL_NO_TRANSFORM) {
        ctx->op.plain = 1;
    }

    return NULL;
}


/*
 * The tags of all lines of both headers.  What is wrong with them is answered
 * by the operation, as other things that are wrong with what is to be stored:
 * a document may have tags of its own, so that these do not matter.
 */

static const char *
ngx_http_bigcache_tags(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx,
    ngx_str_t *value, size_t style)
{
    u_char          *data;
    const char      *wrong;
    bigcache_str_t   line;
    bigcache_op_t   *op;

    op = &ctx->op;

    if (op->invalid.msg) {
        return NULL;
    }

    if (op->tags.data == NULL) {

        data = ngx_palloc(r->pool, BIGCACHE_TAGS_BYTES);
        if (data == NULL) {
            return "out of memory";
        }

        bigcache_tags_begin(&op->tags, data);
    }

    line = bigcache_str(value->data, value->len);

    wrong = bigcache_tag_field_add(&op->tags, (unsigned) style, &line);

    if (wrong) {
        op->invalid.in = "header";
        op->invalid.name = (style == BIGCACHE_TAG_FIELD_COMMAS)
                           ? "Cache-Tag" : "Surrogate-Key";
        op->invalid.msg = wrong;
        op->invalid.type = "value_error.tags";
    }

    return NULL;
}


static const char *
ngx_http_bigcache_condition(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_str_t *value, size_t offset)
{
    ngx_uint_t           none;
    bigcache_op_list_t  *list;

    list = (bigcache_op_list_t *) ((u_char *) &ctx->op + offset);
    none = (list == &ctx->op.none_match);

    if (ngx_http_bigcache_etags(r, list, value, none) == NGX_OK) {
        return NULL;
    }

    return none ? "If-None-Match is neither * nor a list of entity tags"
                : "If-Match is neither * nor a list of entity tags";
}


/*
 * Only tags in our own form can be versions; other tags are skipped.  A strong
 * comparison also skips weak tags, RFC 9110, 8.8.3.2.
 */

static ngx_int_t
ngx_http_bigcache_etags(ngx_http_request_t *r, bigcache_op_list_t *list,
    ngx_str_t *value, ngx_uint_t weak)
{
    u_char      *p, *last, *tag;
    uint64_t     version, *versions;
    ngx_uint_t   is_weak;

    list->sent = 1;

    if (value->len == 1 && value->data[0] == '*') {
        list->any = 1;
        return NGX_OK;
    }

    /* each tag takes at least two quotes and a comma, except for the last */

    versions = ngx_palloc(r->pool, (list->n + value->len / 3 + 1)
                                   * sizeof(uint64_t));
    if (versions == NULL) {
        return NGX_ERROR;
    }

    if (list->n) {
        ngx_memcpy(versions, list->versions, list->n * sizeof(uint64_t));
    }

    list->versions = versions;

    p = value->data;
    last = p + value->len;

    for ( ;; ) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        if (p == last) {
            return NGX_OK;
        }

        is_weak = 0;

        if (last - p > 2 && p[0] == 'W' && p[1] == '/') {
            is_weak = 1;
            p += 2;
        }

        if (*p++ != '"') {
            return NGX_ERROR;
        }

        tag = p;
        p = ngx_strlchr(p, last, '"');

        if (p == NULL) {
            return NGX_ERROR;
        }

        if ((p - tag == NGX_HTTP_BIGCACHE_ETAG_LEN
             || (p - tag == NGX_HTTP_BIGCACHE_ETAG_LEN + sizeof("-gzip") - 1
                 && ngx_strncmp(p - 5, "-gzip", 5) == 0))
            && (weak || !is_weak))
        {

            version = ngx_http_bigcache_etag(tag);

            if (version) {
                versions[list->n++] = version;
            }
        }

        p++;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (p < last && *p != ',') {
            return NGX_ERROR;
        }
    }
}


/* returns 0 if the tag does not have our form */

static uint64_t
ngx_http_bigcache_etag(u_char *tag)
{
    uint64_t    version;
    ngx_uint_t  i;

    version = 0;

    for (i = 0; i < NGX_HTTP_BIGCACHE_ETAG_LEN; i++) {

        if (tag[i] >= '0' && tag[i] <= '9') {
            version = version << 4 | (tag[i] - '0');

        } else if (tag[i] >= 'a' && tag[i] <= 'f') {
            version = version << 4 | (tag[i] - 'a' + 10);

        } else {
            return 0;
        }
    }

    return version;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Looks at an answer of the upstream: may it be stored, for how long, and what
 * is its head?  How long is read from what the upstream has sent.  The fields
 * to store are those that the client gets: without what proxy_hide_header and
 * its like remove.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_date.h"
#include "bigcache_field.h"
#include "bigcache_pattern.h"
#include "bigcache_tag_field.h"
#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


/* seconds that a page is kept so that it can be revalidated */

#define NGX_HTTP_BIGCACHE_PAGE_KEEP  86400

/* the lines of one targeted field, joined */

#define NGX_HTTP_BIGCACHE_PAGE_TARGETED  1024

/* milliseconds between log lines about tags */

#define NGX_HTTP_BIGCACHE_PAGE_TAGS_LOG  60000


/* what is read of the fields of an answer */

typedef struct {
    ngx_http_bigcache_page_ctx_t  *ctx;
    bigcache_fresh_answer_t        fresh;
    bigcache_vary_t               *vary;
    bigcache_str_t                 targeted[2];
    u_char                         joined[2][NGX_HTTP_BIGCACHE_PAGE_TARGETED];
    bigcache_str_t                 date;
    bigcache_str_t                 encoding;
    bigcache_tags_writer_t         tags;      /* data is NULL: there is no
                                                 field for tags */
    const char                    *wrong;     /* with the tags, or NULL */
    unsigned                       aged:1;    /* there is an Age */
    unsigned                       accept:1;  /* Vary: Accept-Encoding */
} ngx_http_bigcache_page_answer_t;

typedef void (*ngx_http_bigcache_page_answer_pt)(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);

typedef struct {
    const char                       *name;         /* lower case */
    ngx_http_bigcache_page_answer_pt  handler;
    ngx_uint_t                        data;         /* for the handler */
    ngx_uint_t                        ignored;      /* by such a bit */
} ngx_http_bigcache_page_reader_t;


static void ngx_http_bigcache_page_answer_read(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer);
static void ngx_http_bigcache_page_answer_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer);
static ngx_uint_t ngx_http_bigcache_page_answer_has(ngx_http_request_t *r,
    const bigcache_str_t *name);
static void ngx_http_bigcache_page_answer_field(
    ngx_http_bigcache_page_answer_t *answer, const bigcache_str_t *name,
    bigcache_str_t *value);
static void ngx_http_bigcache_page_answer_control(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_join(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_accel(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_expires(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_date(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_age(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_set_cookie(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_vary(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_validator(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_encoding(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static void ngx_http_bigcache_page_answer_tag(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data);
static ngx_int_t ngx_http_bigcache_page_answer_tags(
    ngx_http_bigcache_page_answer_t *answer, ngx_uint_t kept);
static void ngx_http_bigcache_page_answer_targeted(
    ngx_http_bigcache_page_answer_t *answer);
static void ngx_http_bigcache_page_answer_conf(
    ngx_http_bigcache_page_answer_t *answer);
static ngx_uint_t ngx_http_bigcache_page_answer_cookies(
    ngx_http_bigcache_page_answer_t *answer, bigcache_fresh_t *fresh,
    bigcache_head_t *head);
static void ngx_http_bigcache_page_answer_times(
    ngx_http_bigcache_page_ctx_t *ctx, bigcache_fresh_t *fresh,
    ngx_uint_t validator, bigcache_head_t *head);
static ngx_int_t ngx_http_bigcache_page_answer_head(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer, bigcache_head_t *head,
    ngx_uint_t again);
static void ngx_http_bigcache_page_answer_form(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer, bigcache_head_t *head);
static void ngx_http_bigcache_page_answer_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t again);
static ngx_uint_t ngx_http_bigcache_page_answer_of_body(
    const bigcache_str_t *name);
static void ngx_http_bigcache_page_answer_former(
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_answer_hop(ngx_http_request_t *r,
    bigcache_str_t *name);
static ngx_uint_t ngx_http_bigcache_page_answer_text(ngx_http_request_t *r);


static const ngx_http_bigcache_page_reader_t
    ngx_http_bigcache_page_readers[] = {

    { "cache-control", ngx_http_bigcache_page_answer_control, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_CONTROL },
    { "bigcache-cache-control", ngx_http_bigcache_page_answer_join, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_CONTROL },
    { "cdn-cache-control", ngx_http_bigcache_page_answer_join, 1,
      NGX_HTTP_BIGCACHE_PAGE_IGN_CONTROL },
    { "x-accel-expires", ngx_http_bigcache_page_answer_accel, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_ACCEL },
    { "expires", ngx_http_bigcache_page_answer_expires, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_EXPIRES },
    { "date", ngx_http_bigcache_page_answer_date, 0, 0 },
    { "age", ngx_http_bigcache_page_answer_age, 0, 0 },
    { "set-cookie", ngx_http_bigcache_page_answer_set_cookie, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_COOKIE },
    { "vary", ngx_http_bigcache_page_answer_vary, 0,
      NGX_HTTP_BIGCACHE_PAGE_IGN_VARY },
    { "etag", ngx_http_bigcache_page_answer_validator, 0, 0 },
    { "last-modified", ngx_http_bigcache_page_answer_validator, 0, 0 },
    { "content-encoding", ngx_http_bigcache_page_answer_encoding, 0, 0 },
    { "surrogate-key", ngx_http_bigcache_page_answer_tag,
      BIGCACHE_TAG_FIELD_SPACES, 0 },
    { "cache-tag", ngx_http_bigcache_page_answer_tag,
      BIGCACHE_TAG_FIELD_COMMAS, 0 },
    { "xkey", ngx_http_bigcache_page_answer_tag, BIGCACHE_TAG_FIELD_XKEY, 0 },
    { "cache-groups", ngx_http_bigcache_page_answer_tag,
      BIGCACHE_TAG_FIELD_GROUPS, 0 },

    { NULL, NULL, 0, 0 }
};


bigcache_fresh_e
ngx_http_bigcache_page_answer(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t again)
{
    ngx_uint_t                        kept;
    bigcache_head_t                   head;
    bigcache_fresh_e                  why;
    bigcache_fresh_t                  fresh;
    ngx_http_bigcache_page_answer_t  *answer;

    answer = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_page_answer_t));
    if (answer == NULL) {
        return BIGCACHE_FRESH_UNKNOWN;
    }

    answer->vary = ngx_palloc(r->pool, sizeof(bigcache_vary_t));
    if (answer->vary == NULL) {
        return BIGCACHE_FRESH_UNKNOWN;
    }

    answer->ctx = ctx;
    ngx_http_bigcache_page_answer_read(r, answer);

    /* a 304 that names no tags leaves the page those that it has */

    kept = (again && answer->tags.data == NULL);

    if (again) {
        ngx_http_bigcache_page_answer_stored(r, answer);
    }

    ngx_http_bigcache_page_answer_targeted(answer);
    ngx_http_bigcache_page_answer_conf(answer);

    why = bigcache_fresh(&answer->fresh, &fresh);

    if (why != BIGCACHE_FRESH_OK) {
        return why;
    }

    if (ngx_http_bigcache_page_answer_tags(answer, kept) != NGX_OK) {
        return BIGCACHE_FRESH_UNKNOWN;
    }

    ngx_memzero(&head, sizeof(bigcache_head_t));

    head.status = answer->fresh.status;
    head.took = (uint32_t) ((bigcache_time_monotonic_us() - ctx->asked)
                            / 1000);

    if (!ngx_http_bigcache_page_answer_cookies(answer, &fresh, &head)) {
        return BIGCACHE_FRESH_AUTHORIZED;
    }

    ngx_http_bigcache_page_answer_times(ctx, &fresh, answer->fresh.validator,
                                        &head);

    ctx->vary = answer->vary;

    return (ngx_http_bigcache_page_answer_head(r, answer, &head, again)
            == NGX_OK)
           ? BIGCACHE_FRESH_OK : BIGCACHE_FRESH_UNKNOWN;
}


ngx_uint_t
ngx_http_bigcache_page_answer_failed(ngx_http_bigcache_page_conf_t *conf,
    ngx_uint_t status, ngx_uint_t own)
{
    switch (status) {

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return own || (conf->stale & NGX_HTTP_BIGCACHE_PAGE_500);

    case NGX_HTTP_BAD_GATEWAY:
        return conf->stale & (own ? NGX_HTTP_BIGCACHE_PAGE_ERROR
                                  : NGX_HTTP_BIGCACHE_PAGE_502);

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return conf->stale & NGX_HTTP_BIGCACHE_PAGE_503;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return conf->stale & (own ? NGX_HTTP_BIGCACHE_PAGE_TIMEOUT
                                  : NGX_HTTP_BIGCACHE_PAGE_504);

    case NGX_HTTP_FORBIDDEN:
        return conf->stale & NGX_HTTP_BIGCACHE_PAGE_403;

    case NGX_HTTP_NOT_FOUND:
        return conf->stale & NGX_HTTP_BIGCACHE_PAGE_404;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return conf->stale & NGX_HTTP_BIGCACHE_PAGE_429;

    default:
        return 0;
    }
}


static void
ngx_http_bigcache_page_answer_read(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer)
{
    bigcache_str_t               name, value;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    bigcache_fresh_init(&answer->fresh);
    bigcache_vary_init(answer->vary);

    answer->fresh.status = (unsigned) r->headers_out.status;
    answer->fresh.now = bigcache_time_now() / 1000;
    answer->fresh.delay = (bigcache_time_monotonic_us() - answer->ctx->asked)
                          / 1000000;
    answer->fresh.authorized = answer->ctx->authorized;

    ngx_http_bigcache_fields(&fields, &r->upstream->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        if (h->hash) {
            name = bigcache_str(h->key.data, h->key.len);
            value = bigcache_str(h->value.data, h->value.len);
            ngx_http_bigcache_page_answer_field(answer, &name, &value);
        }
    }

    answer->fresh.vary_any = answer->vary->any;
}


/* what a 304 does not say is as before, but for when it was made */

static void
ngx_http_bigcache_page_answer_stored(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer)
{
    size_t            at;
    bigcache_str_t    name, value;
    bigcache_head_t  *head;

    head = &answer->ctx->head;
    at = 0;

    while (bigcache_head_next(head, &at, &name, &value)) {
        if (!bigcache_field_is(&name, "date")
            && !ngx_http_bigcache_page_answer_has(r, &name))
        {
            ngx_http_bigcache_page_answer_field(answer, &name, &value);
        }
    }

    answer->fresh.status = head->status;
    answer->fresh.validator = 1;
    answer->fresh.vary_any = answer->vary->any;
}


/* returns 1 if the upstream has sent a field of that name, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_answer_has(ngx_http_request_t *r,
    const bigcache_str_t *name)
{
    bigcache_str_t               one;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    ngx_http_bigcache_fields(&fields, &r->upstream->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        one = bigcache_str(h->key.data, h->key.len);

        if (h->hash && bigcache_field_same(&one, name)) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_bigcache_page_answer_field(ngx_http_bigcache_page_answer_t *answer,
    const bigcache_str_t *name, bigcache_str_t *value)
{
    const ngx_http_bigcache_page_reader_t  *reader;

    for (reader = ngx_http_bigcache_page_readers; reader->name; reader++) {

        if (bigcache_field_is(name, reader->name)) {

            if (!(reader->ignored & answer->ctx->conf->ignore_headers)) {
                reader->handler(answer, value, reader->data);
            }

            return;
        }
    }
}


static void
ngx_http_bigcache_page_answer_control(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    bigcache_control_add(&answer->fresh.control, value);
}


/* lines that are too long together are no valid dictionary */

static void
ngx_http_bigcache_page_answer_join(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    u_char          *p, *joined;
    bigcache_str_t  *all;

    all = &answer->targeted[data];
    joined = answer->joined[data];

    if (all->len + 2 + value->len > NGX_HTTP_BIGCACHE_PAGE_TARGETED) {
        joined[0] = '!';
        *all = bigcache_str(joined, 1);

        return;
    }

    p = joined + all->len;

    if (all->data) {
        *p++ = ',';
    }

    p = ngx_cpymem(p, value->data, value->len);

    *all = bigcache_str(joined, p - joined);
}


/* a number of seconds, "@" and the time of the epoch, or "off" */

static void
ngx_http_bigcache_page_answer_accel(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    ngx_int_t       at;
    int64_t         seconds;
    bigcache_str_t  text;

    text = bigcache_field_trim(value);

    if (text.len && text.data[0] == '@') {
        at = ngx_atotm((u_char *) text.data + 1, text.len - 1);

        if (at != NGX_ERROR) {
            seconds = at - answer->fresh.now;
            answer->fresh.accel = (seconds > 0) ? seconds : 0;
        }

        return;
    }

    if (bigcache_field_seconds(&text, &seconds) == 0) {
        answer->fresh.accel = seconds;
    }
}


static void
ngx_http_bigcache_page_answer_expires(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    /* several lines are no date */

    if (answer->fresh.expires_given
        || bigcache_date_parse(value, answer->fresh.now,
                               &answer->fresh.expires)
           == -1)
    {
        answer->fresh.expires = BIGCACHE_FRESH_NO_DATE;
    }

    answer->fresh.expires_given = 1;
}


static void
ngx_http_bigcache_page_answer_date(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    if (bigcache_date_parse(value, answer->fresh.now, &answer->fresh.date)
        == -1)
    {
        answer->fresh.date = BIGCACHE_FRESH_NO_DATE;
        return;
    }

    answer->date = *value;
}


/* the first member counts, RFC 9111, section 5.1, without its parameters */

static void
ngx_http_bigcache_page_answer_age(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    size_t          at;
    int64_t         age;
    const u_char   *end;
    bigcache_str_t  member;

    at = 0;

    if (!answer->aged
        && bigcache_field_next(value, &at, &member))
    {
        end = memchr(member.data, ';', member.len);

        if (end) {
            member.len = (size_t) (end - member.data);
        }

        if (bigcache_field_seconds(&member, &age) == 0) {
            answer->fresh.age = age;
        }
    }

    answer->aged = 1;
}


static void
ngx_http_bigcache_page_answer_set_cookie(
    ngx_http_bigcache_page_answer_t *answer, bigcache_str_t *value,
    ngx_uint_t data)
{
    ngx_array_t     *strip;
    bigcache_str_t   name;

    strip = answer->ctx->conf->strip_cookies;
    name = bigcache_pattern_cookie(value);

    if (strip == NULL
        || name.len == 0
        || !bigcache_pattern_match(strip->elts, strip->nelts, &name))
    {
        answer->fresh.set_cookie = 1;
    }
}


static void
ngx_http_bigcache_page_answer_vary(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    static const bigcache_str_t  accept = bigcache_string("Accept-Encoding");

    bigcache_vary_add(answer->vary, value);

    answer->accept |= bigcache_field_lists(value, &accept);
}


static void
ngx_http_bigcache_page_answer_validator(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    answer->fresh.validator = 1;
}


static void
ngx_http_bigcache_page_answer_encoding(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    answer->encoding = *value;
}


static void
ngx_http_bigcache_page_answer_tag(ngx_http_bigcache_page_answer_t *answer,
    bigcache_str_t *value, ngx_uint_t data)
{
    u_char      *tags;
    const char  *wrong;

    if (answer->tags.data == NULL) {
        tags = ngx_palloc(answer->ctx->request->pool, BIGCACHE_TAGS_BYTES);

        if (tags == NULL) {
            answer->wrong = "out of memory";
            return;
        }

        bigcache_tags_begin(&answer->tags, tags);
    }

    wrong = bigcache_tag_field_add(&answer->tags, (unsigned) data, value);

    if (wrong) {
        answer->wrong = wrong;
    }
}


/*
 * Takes the tags for the page, those that it has if kept is set.  Without all
 * of its tags a page is not stored: a purge by one of them would miss it.
 */

static ngx_int_t
ngx_http_bigcache_page_answer_tags(ngx_http_bigcache_page_answer_t *answer,
    ngx_uint_t kept)
{
    int64_t                        now;
    ngx_http_bigcache_page_ctx_t  *ctx;

    static int64_t  log_after;

    ctx = answer->ctx;

    if (kept) {
        ctx->tags = ctx->page.tags;
        return NGX_OK;
    }

    ctx->tags = bigcache_str(answer->tags.data, answer->tags.len);

    if (answer->wrong == NULL) {
        return NGX_OK;
    }

    now = bigcache_time_monotonic();

    if (now >= log_after) {
        log_after = now + NGX_HTTP_BIGCACHE_PAGE_TAGS_LOG;

        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "bigcache: a page is not stored, %s: a purge by a tag "
                      "would miss it", answer->wrong);
    }

    return NGX_DECLINED;
}


/* the first targeted field that is valid replaces Cache-Control and Expires */

static void
ngx_http_bigcache_page_answer_targeted(ngx_http_bigcache_page_answer_t *answer)
{
    ngx_uint_t          i;
    bigcache_control_t  control;

    for (i = 0; i < 2; i++) {

        if (answer->targeted[i].data
            && bigcache_control_targeted(&control, &answer->targeted[i]) == 0)
        {
            answer->fresh.control = control;
            answer->fresh.targeted = 1;

            return;
        }
    }
}


/* what the configuration says where the answer says nothing */

static void
ngx_http_bigcache_page_answer_conf(ngx_http_bigcache_page_answer_t *answer)
{
    ngx_uint_t                      i;
    ngx_http_bigcache_page_ttl_t   *ttl;
    ngx_http_bigcache_page_conf_t  *conf;

    conf = answer->ctx->conf;

    answer->fresh.stale_while_revalidate = conf->stale_while_revalidate;
    answer->fresh.stale_if_error = conf->stale_if_error;

    if (conf->ttl == NULL) {
        return;
    }

    ttl = conf->ttl->elts;

    for (i = 0; i < conf->ttl->nelts; i++) {
        if (ttl[i].status == 0 || ttl[i].status == answer->fresh.status) {
            answer->fresh.ttl = ttl[i].time;
            return;
        }
    }
}


/*
 * Returns 0 if the page may be this client's alone: it varies by the cookies,
 * or only the configuration says that it can be stored, and the client has sent
 * a cookie that is not known to be harmless.
 */

static ngx_uint_t
ngx_http_bigcache_page_answer_cookies(ngx_http_bigcache_page_answer_t *answer,
    bigcache_fresh_t *fresh, bigcache_head_t *head)
{
    ngx_uint_t        i, n;
    bigcache_vary_t  *vary;

    vary = answer->vary;
    n = 0;

    for (i = 0; i < vary->n; i++) {

        if (bigcache_field_is(&vary->names[i], "cookie")) {
            head->flags |= BIGCACHE_HEAD_COOKIES;
            continue;
        }

        vary->names[n++] = vary->names[i];
    }

    vary->n = (unsigned) n;

    if (fresh->by_ttl) {
        head->flags |= BIGCACHE_HEAD_TTL;
    }

    if (fresh->revalidate) {
        head->flags |= BIGCACHE_HEAD_REVALIDATE;
    }

    if (answer->accept) {
        head->flags |= BIGCACHE_HEAD_ACCEPT;
    }

    /* whether this client could have it from the store, too */

    return ngx_http_bigcache_page_request_usable(answer->ctx, head);
}


static void
ngx_http_bigcache_page_answer_times(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_fresh_t *fresh, ngx_uint_t validator, bigcache_head_t *head)
{
    int64_t  keep;

    head->born = bigcache_time_now() - fresh->age * 1000;
    head->fresh_until = head->born + fresh->lifetime * 1000;
    head->stale_while_revalidate = (uint32_t) fresh->stale_while_revalidate;
    head->stale_if_error = (uint32_t) fresh->stale_if_error;

    keep = ngx_max(fresh->stale_while_revalidate, fresh->stale_if_error);

    if (validator) {
        keep = ngx_max(keep, NGX_HTTP_BIGCACHE_PAGE_KEEP);
    }

    ctx->expire = head->fresh_until + keep * 1000;
}


static ngx_int_t
ngx_http_bigcache_page_answer_head(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer, bigcache_head_t *head,
    ngx_uint_t again)
{
    u_char                        *data;
    u_char                         date[BIGCACHE_DATE_LEN];
    bigcache_str_t                 value;
    ngx_http_bigcache_page_ctx_t  *ctx;

    static const bigcache_str_t  name = bigcache_string("Date");

    ctx = answer->ctx;

    data = ngx_palloc(r->pool, BIGCACHE_HEAD_MAX);
    if (data == NULL) {
        return NGX_ERROR;
    }

    ctx->packed = 0;
    ctx->plain = 1;

    if (again) {
        head->flags |= ctx->head.flags
                       & (BIGCACHE_HEAD_GZIP|BIGCACHE_HEAD_ENCODED
                          |BIGCACHE_HEAD_ACCEPT);

    } else {
        ngx_http_bigcache_page_answer_form(r, answer, head);
    }

    bigcache_head_begin(&ctx->writer, data, head);

    /* nginx hides the Date of the upstream, but the page has that age */

    value = answer->date;

    if (value.len == 0) {
        (void) bigcache_date_format(date, answer->fresh.now);
        value = bigcache_str(date, BIGCACHE_DATE_LEN);
    }

    bigcache_head_add(&ctx->writer, &name, &value);

    ngx_http_bigcache_page_answer_fields(r, ctx, again);

    if (again) {
        ngx_http_bigcache_page_answer_former(ctx);
    }

    return ctx->writer.full ? NGX_DECLINED : NGX_OK;
}


/* whether the body is packed, or worth it */

static void
ngx_http_bigcache_page_answer_form(ngx_http_request_t *r,
    ngx_http_bigcache_page_answer_t *answer, bigcache_head_t *head)
{
    ngx_uint_t                     fixed;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = answer->ctx;
    fixed = answer->fresh.control.flags & BIGCACHE_CONTROL_NO_TRANSFORM;

    if (answer->encoding.len == 0) {
        ctx->plain = fixed || !ngx_http_bigcache_page_answer_text(r);

    } else if (!fixed && bigcache_field_is(&answer->encoding, "gzip")) {
        ctx->packed = 1;
        head->flags |= BIGCACHE_HEAD_GZIP;

    } else if (ctx->gzip) {

        /* not what was asked for, but maybe because of that */

        head->flags |= BIGCACHE_HEAD_ENCODED;
    }
}


/* the fields of the answer, as the client gets them */

static void
ngx_http_bigcache_page_answer_fields(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t again)
{
    bigcache_str_t               name, value;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    static const bigcache_str_t  type = bigcache_string("Content-Type");

    h = r->upstream->headers_in.content_type;

    if (h && r->headers_out.content_type.len) {
        value = bigcache_str(h->value.data, h->value.len);
        bigcache_head_add(&ctx->writer, &type, &value);
    }

    ngx_http_bigcache_fields(&fields, &r->headers_out.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        name = bigcache_str(h->key.data, h->key.len);
        value = bigcache_str(h->value.data, h->value.len);

        if (h->hash
            && h != ctx->cache_status
            && !(again && ngx_http_bigcache_page_answer_of_body(&name))
            && !(ctx->packed && h == r->headers_out.content_encoding)
            && !ngx_http_bigcache_page_answer_hop(r, &name))
        {
            bigcache_head_add(&ctx->writer, &name, &value);
        }
    }
}


/* returns 1 for fields that describe the stored body, which a 304 has not */

static ngx_uint_t
ngx_http_bigcache_page_answer_of_body(const bigcache_str_t *name)
{
    return bigcache_field_is(name, "content-encoding")
           || bigcache_field_is(name, "content-md5")
           || bigcache_field_is(name, "content-range")
           || bigcache_field_is(name, "etag");
}


/*
 * A 304 replaces the stored fields that it has, RFC 9111, section 3.2; the
 * others stay, but for those that describe the body in another form.
 */

static void
ngx_http_bigcache_page_answer_former(ngx_http_bigcache_page_ctx_t *ctx)
{
    size_t           at, seen;
    ngx_uint_t       there;
    bigcache_str_t   name, value, newer, ignored;
    bigcache_head_t  written;

    if (bigcache_head_decode(&written, ctx->writer.data, ctx->writer.len)
        == -1)
    {
        return;
    }

    at = 0;

    while (bigcache_head_next(&ctx->head, &at, &name, &value)) {

        there = 0;
        seen = 0;

        while (!there && bigcache_head_next(&written, &seen, &newer, &ignored))
        {
            there = bigcache_field_same(&newer, &name);
        }

        if (!there) {
            bigcache_head_add(&ctx->writer, &name, &value);
        }
    }
}


/* returns 1 for fields that are not stored, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_answer_hop(ngx_http_request_t *r, bigcache_str_t *name)
{
    ngx_uint_t                   i;
    bigcache_str_t               value;
    ngx_table_elt_t             *h;
    ngx_http_bigcache_fields_t   fields;

    static const char  *names[] = {
        "connection", "keep-alive", "te", "trailer", "transfer-encoding",
        "upgrade", "proxy-authenticate", "proxy-authentication-info",
        "proxy-authorization", "proxy-connection", "set-cookie",
        "content-length", "date", "age", NULL
    };

    for (i = 0; names[i]; i++) {
        if (bigcache_field_is(name, names[i])) {
            return 1;
        }
    }

    ngx_http_bigcache_fields(&fields, &r->upstream->headers_in.headers);

    while ((h = ngx_http_bigcache_fields_next(&fields))) {
        value = bigcache_str(h->value.data, h->value.len);

        if ((ngx_http_bigcache_fields_is(h, "connection")
             && bigcache_field_lists(&value, name))
            || (ngx_http_bigcache_fields_is(h, "cache-control")
                && bigcache_control_withholds(&value, name)))
        {
            return 1;
        }
    }

    return 0;
}


/* returns 1 for types that are worth packing, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_answer_text(ngx_http_request_t *r)
{
    size_t       len;
    u_char      *type;
    ngx_uint_t   i;

    static ngx_str_t  ends[] = {
        ngx_string("json"),
        ngx_string("xml"),
        ngx_string("javascript"),
        ngx_string("ecmascript"),
        ngx_string("manifest"),
        ngx_string("wasm"),
        ngx_string("x-yaml"),
        ngx_null_string
    };

    type = r->headers_out.content_type.data;
    len = r->headers_out.content_type_len;

    if (len > r->headers_out.content_type.len) {
        len = r->headers_out.content_type.len;
    }

    if (len > 5 && ngx_strncasecmp(type, (u_char *) "text/", 5) == 0) {
        return 1;
    }

    for (i = 0; ends[i].len; i++) {

        if (len > ends[i].len
            && ngx_strncasecmp(type + len - ends[i].len, ends[i].data,
                               ends[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/* URLs of pages: which key a URL has, and what is in a key */


#include <stdlib.h>
#include <string.h>

#include "bigcache_url.h"
#include "tap.h"


static void test_keys(void);
static void test_wrong(void);
static void test_long(void);
static void test_parts(void);
static void test_not_parts(void);
static void test_random(void);
static const char *key_of(const char *url);
static bigcache_url_t split(const char *key, size_t len);
static int same(const bigcache_str_t *s, const char *text);


/* of no more bytes than are promised, so that a sanitizer sees an overrun */

static u_char  *memory;


int
main(void)
{
    test_keys();
    test_wrong();
    test_long();
    test_parts();
    test_not_parts();
    test_random();

    free(memory);

    return done_testing();
}


static void
test_keys(void)
{
    size_t  i;

    static const char *const  urls[][2] = {
        { "http://a/", "http://a/" },
        { "http://a", "http://a/" },
        { "HTTP://A.Example/B?C=D", "http://a.example/B?C=D" },
        { "https://a:443/b", "https://a/b" },
        { "https://a:80/b", "https://a:80/b" },
        { "http://a:80?q", "http://a/?q" },
        { "http://a:8080", "http://a:8080/" },
        { "http://a:/b", "http://a/b" },
        { "http://a./b", "http://a/b" },
        { "http://a/b#c?d", "http://a/b" },
        { "http://a#/b", "http://a/" },
        { "http://a/b?", "http://a/b" },
        { "http://a?", "http://a/" },
        { "http://a/b??", "http://a/b??" },
        { "http://a/b?/c@d:e", "http://a/b?/c@d:e" },
        { "http://a?b@c/d", "http://a/?b@c/d" },
        { "http://[2001:DB8::1]:80/", "http://[2001:db8::1]/" },
        { "http://[::1]:81", "http://[::1]:81/" },
        { "http://a//b/../c", "http://a//b/../c" },
        { "http://a/%7e\xc3\xa9", "http://a/%7e\xc3\xa9" }
    };

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        is_str(key_of(urls[i][0]), urls[i][1], "the key of %s", urls[i][0]);
    }
}


static void
test_wrong(void)
{
    size_t  i;

    static const char *const  urls[][2] = {
        { "", "!the URL does not begin with http:// or https://" },
        { "a", "!the URL does not begin with http:// or https://" },
        { "/a", "!the URL does not begin with http:// or https://" },
        { "http:/", "!the URL does not begin with http:// or https://" },
        { "ftp://a/", "!the URL does not begin with http:// or https://" },
        { "#http://a/", "!the URL does not begin with http:// or https://" },
        { "http://", "!the URL has no host" },
        { "https:///a", "!the URL has no host" },
        { "http://?a", "!the URL has no host" },
        { "http://:80/", "!the URL has no host" },
        { "http://[::1/", "!the URL has no host" },
        { "http://[::1]a/", "!the URL has no host" },
        { "http://a:b/", "!the port of the URL is not a number" },
        { "http://a:8:0/", "!the port of the URL is not a number" },
        { "http://u:p@a/", "!the URL has a user" },
        { "http://a/ b", "!the URL has a blank or a control character" },
        { "http://a/\tb", "!the URL has a blank or a control character" },
        { "http://a/\x7f", "!the URL has a blank or a control character" }
    };

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        is_str(key_of(urls[i][0]), urls[i][1], "no key: %s", urls[i][0]);
    }
}


static void
test_long(void)
{
    char  url[BIGCACHE_KEY_MAX + 1];

    memset(url, 'a', BIGCACHE_KEY_MAX);
    memcpy(url, "http://a/", 9);

    url[BIGCACHE_KEY_MAX - 1] = '\0';
    is_str(key_of(url), url, "the longest URL");

    url[BIGCACHE_KEY_MAX - 1] = 'a';
    url[BIGCACHE_KEY_MAX] = '\0';
    is_str(key_of(url), "!the URL is longer than a key may be",
           "one that is longer");
}


static void
test_parts(void)
{
    size_t          at;
    bigcache_str_t  name, value;
    bigcache_url_t  parts;

#define PARTS(key)  split(key, sizeof(key) - 1)

    parts = PARTS("\0http://a/b");
    at = 0;

    ok(same(&parts.url, "http://a/b"), "a page: its URL");
    ok(parts.variant.len == 0 && parts.uri.data == NULL, "a page: no variant");
    ok(!bigcache_url_field(&parts, &at, &name, &value), "a page: no fields");

    parts = PARTS("\0http://a/b\0=/c?d\0~x:y:z\0~e:\0~n");
    at = 0;

    ok(same(&parts.url, "http://a/b"), "a variant: its URL");
    ok(same(&parts.uri, "/c?d"), "a variant: the URI");
    ok(parts.variant.len == 19 && parts.base.len == 17, "a variant: lengths");
    ok(bigcache_url_field(&parts, &at, &name, &value)
       && same(&name, "x") && same(&value, "y:z"), "a variant: a field");
    ok(bigcache_url_field(&parts, &at, &name, &value)
       && same(&name, "e") && value.data && value.len == 0,
       "a variant: an empty field");
    ok(bigcache_url_field(&parts, &at, &name, &value)
       && same(&name, "n") && value.data == NULL,
       "a variant: one that was not sent");
    ok(!bigcache_url_field(&parts, &at, &name, &value), "a variant: the end");

    parts = PARTS("\0k\0~x:y");
    at = 0;

    ok(same(&parts.url, "k") && parts.uri.data == NULL
       && bigcache_url_field(&parts, &at, &name, &value),
       "a variant of a key of one's own");
}


static void
test_not_parts(void)
{
    size_t          at;
    bigcache_str_t  key, name, value;
    bigcache_url_t  parts;

    key.data = (const u_char *) "http://a/";
    key.len = 0;
    ok(bigcache_url_split(&parts, &key) == -1, "no key");

    key.len = 9;
    ok(bigcache_url_split(&parts, &key) == -1, "a key of the REST API");

    parts = PARTS("\0");
    ok(parts.url.len == 0 && parts.variant.len == 0, "an empty URL");

    parts = PARTS("\0a\0");
    at = 0;
    ok(same(&parts.url, "a") && !bigcache_url_field(&parts, &at, &name, &value),
       "nothing behind the URL");

    parts = PARTS("\0a\0?b");
    at = 0;
    ok(!bigcache_url_field(&parts, &at, &name, &value), "no variant");
}


/* whatever the bytes are, nothing outside of them is read or written */

static void
test_random(void)
{
    char            text[32];
    size_t          i, n, at;
    bigcache_str_t  name, value;
    bigcache_url_t  parts;

    static const char  some[] = "\0\0~=:/?#@[]a1.";

    srand(1);

    for (n = 0; n < 100000; n++) {

        memcpy(text, "http://", 7);

        for (i = 7; i < sizeof(text) - 1; i++) {
            text[i] = some[(size_t) rand() % (sizeof(some) - 1)];
        }

        text[i] = '\0';

        if (n % 2) {
            (void) key_of(text);
            continue;
        }

        i = (size_t) rand() % sizeof(text);
        text[0] = '\0';
        parts = split(text, i);

        if (parts.url.data == NULL) {
            continue;
        }

        for (at = 0; bigcache_url_field(&parts, &at, &name, &value); ) {
            if (at > parts.fields.len) {
                break;
            }
        }

        if (at > parts.fields.len) {
            break;
        }
    }

    ok(n == 100000, "any bytes");
}


/* the key as a string without its NUL, or "!" and what is wrong */

static const char *
key_of(const char *url)
{
    size_t          len;
    const char     *err;
    bigcache_str_t  s;

    static char     text[BIGCACHE_KEY_MAX + 1];

    s.data = (const u_char *) url;
    s.len = strlen(url);

    free(memory);
    memory = malloc(s.len + BIGCACHE_URL_ROOM);
    err = bigcache_url_key(memory, &s, &len);

    if (err) {
        text[0] = '!';
        strcpy(text + 1, err);
        return text;
    }

    if (memory[0] != '\0') {
        return "a key without NUL";
    }

    memcpy(text, memory + 1, len - 1);
    text[len - 1] = '\0';

    return text;
}


static bigcache_url_t
split(const char *key, size_t len)
{
    bigcache_str_t  s;
    bigcache_url_t  parts;

    free(memory);
    memory = malloc(len ? len : 1);
    memcpy(memory, key, len);

    s.data = memory;
    s.len = len;

    if (bigcache_url_split(&parts, &s) == -1) {
        memset(&parts, 0, sizeof(bigcache_url_t));
    }

    return parts;
}


static int
same(const bigcache_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}

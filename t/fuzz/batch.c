
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The operations of a batch: items of any array are JSON again, one behind the
 * other, and what stands between them is commas and white space.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_json.h"
#include "bigcache_json_text.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void items(const bigcache_str_t *array);
static void item(const bigcache_str_t *text);
static void gap(const u_char *p, const u_char *end);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                 *in;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "a", { 0, NULL } };

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    if (bigcache_json_scan_members(in, size, &named, 1, &err)
            == BIGCACHE_JSON_OK
        && named.extent.data && named.extent.data[0] == '[')
    {
        items(&named.extent);
    }

    free(in);

    return 0;
}


static void
items(const bigcache_str_t *array)
{
    size_t           at;
    const u_char    *p;
    bigcache_str_t   one;

    at = 0;
    p = array->data + 1;

    while (bigcache_json_scan_item(array, &at, &one)) {

        if (one.data < p || one.len == 0
            || one.data + one.len >= array->data + array->len)
        {
            abort();
        }

        gap(p, one.data);
        item(&one);

        p = one.data + one.len;
    }

    gap(p, array->data + array->len - 1);
}


static void
item(const bigcache_str_t *text)
{
    int                     rc;
    u_char                 *copy;
    int64_t                 n;
    ssize_t                 len;
    bigcache_str_t          said;
    bigcache_json_text_t    out;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "k", { 0, NULL } };

    /* alone, in a block of its own size, it is what it was */

    copy = malloc(text->len);
    if (copy == NULL) {
        return;
    }

    memcpy(copy, text->data, text->len);

    rc = bigcache_json_scan_members(copy, text->len, &named, 1, &err);

    if (rc != BIGCACHE_JSON_OK && rc != BIGCACHE_JSON_NOT_OBJECT) {
        abort();
    }

    free(copy);

    (void) bigcache_json_integer(text, &n);

    if (bigcache_json_unescape(text, &said) != BIGCACHE_JSON_OK) {
        return;
    }

    memset(&out, 0, sizeof(bigcache_json_text_t));
    bigcache_json_text_base64(&out, &said);

    if (!out.failed) {
        len = bigcache_json_text_unbase64(out.data + 1, out.len - 2);

        if (len != (ssize_t) said.len
            || memcmp(out.data + 1, said.data, said.len) != 0)
        {
            abort();
        }
    }

    free(out.data);

    (void) bigcache_json_text_unbase64((u_char *) said.data, said.len);

    free((void *) said.data);
}


static void
gap(const u_char *p, const u_char *end)
{
    unsigned  commas;

    for (commas = 0; p < end; p++) {

        if (*p == ',') {
            commas++;

        } else if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
            abort();
        }
    }

    if (commas > 1) {
        abort();
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * A text that grows as it is written: a JSON answer of unknown length.
 *
 * The caller must zero the struct before, and free() its memory at the end.
 * If memory runs out, the text stops growing and sets "failed"; it is enough
 * to check that at the end.  Any thread, one at a time.
 */


#ifndef _BIGCACHE_JSON_TEXT_H_INCLUDED_
#define _BIGCACHE_JSON_TEXT_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


typedef struct {
    u_char    *data;
    size_t     len;
    size_t     size;
    unsigned   failed:1;
} bigcache_json_text_t;


/* returns where to write len more bytes, or NULL */

u_char *bigcache_json_text_room(bigcache_json_text_t *text, size_t len);

/* adds bytes; a C string */

void bigcache_json_text_add(bigcache_json_text_t *text, const u_char *data,
    size_t len);
void bigcache_json_text_puts(bigcache_json_text_t *text, const char *s);

/*
 * Add a C string, and behind it a value: a string, or null if it is NULL or has
 * no data; milliseconds as seconds, or null for INT64_MAX; a number; and, as a
 * string, any bytes, escaped as in a query string.
 */
void bigcache_json_text_quote(bigcache_json_text_t *text, const char *before,
    const bigcache_str_t *s);
void bigcache_json_text_time(bigcache_json_text_t *text, const char *before,
    int64_t ms);
void bigcache_json_text_number(bigcache_json_text_t *text, const char *before,
    uint64_t n);
void bigcache_json_text_escape(bigcache_json_text_t *text, const char *before,
    const bigcache_str_t *bytes);

/* adds bytes as a string in base64, RFC 4648 */

void bigcache_json_text_base64(bigcache_json_text_t *text,
    const bigcache_str_t *bytes);

/*
 * Decodes len bytes of base64 at data, in place.  Returns the number of bytes,
 * or -1 if it is not base64.
 */
ssize_t bigcache_json_text_unbase64(u_char *data, size_t len);


#endif /* _BIGCACHE_JSON_TEXT_H_INCLUDED_ */

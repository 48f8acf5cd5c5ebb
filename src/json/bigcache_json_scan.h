
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A strict JSON validator (RFC 8259) that also finds members of the top
 * object, for example "value", "expire", and "duration".
 *
 * It exists because a value must be returned byte by byte as it was sent, and
 * a parser that builds a tree loses the bytes.  One pass, no recursion, no
 * allocation, about a kilobyte of stack for any text.  The text may be of any
 * size, a mapped file, for example.
 *
 * The caller owns the text, and the returned extents point into it.  There is
 * no shared state: any thread may scan, even the same text at the same time.
 *
 * Some valid JSON is refused, because a reader of the stored text could not
 * represent it: malformed UTF-8, escapes of surrogates without a pair, a byte
 * order mark, and nesting deeper than BIGCACHE_JSON_MAX_DEPTH, the limit of
 * cJSON.
 */


#ifndef _BIGCACHE_JSON_SCAN_H_INCLUDED_
#define _BIGCACHE_JSON_SCAN_H_INCLUDED_


#include "bigcache_str.h"


#define BIGCACHE_JSON_OK          0
#define BIGCACHE_JSON_EMPTY       1
#define BIGCACHE_JSON_INVALID     2
#define BIGCACHE_JSON_NOT_OBJECT  3


/* the most arrays and objects that may be open at once, with the top one */

#define BIGCACHE_JSON_MAX_DEPTH   1000


/* an absent member has "data" NULL and "len" 0 */

typedef struct {
    bigcache_str_t   value;
    bigcache_str_t   expire;
    bigcache_str_t   duration;
    bigcache_str_t   tags;
    bigcache_str_t   stale;
} bigcache_json_doc_t;


/* a member to find, by a name of ASCII letters, digits and "_" */

typedef struct {
    const char      *name;
    bigcache_str_t   extent;
} bigcache_json_named_t;


typedef struct {
    size_t           offset;
    const char      *msg;
} bigcache_json_error_t;


/*
 * data, len:  the text, len in bytes; data may be NULL where len is 0
 * doc:        set to the extents of the members in the text: verbatim,
 *             a string with its quotes, without white space around it;
 *             all members are absent unless BIGCACHE_JSON_OK is returned
 * err:        set unless BIGCACHE_JSON_OK is returned: the offset of the
 *             offending byte, len where the text ends too early, and
 *             a static text without a full stop
 *
 * Returns
 *   BIGCACHE_JSON_OK          valid, and the top is an object
 *   BIGCACHE_JSON_EMPTY       nothing, or nothing but white space
 *   BIGCACHE_JSON_INVALID     not JSON, or refused as described above
 *   BIGCACHE_JSON_NOT_OBJECT  valid, but the top is not an object
 *
 * Names of members are compared after unescaping.  Of two members with
 * the same name the last counts.  Members of nested objects are not
 * looked at.
 */

int bigcache_json_scan(const u_char *data, size_t len,
    bigcache_json_doc_t *doc, bigcache_json_error_t *err);


/* the same for the n members of "named", whose extents are set */

int bigcache_json_scan_members(const u_char *data, size_t len,
    bigcache_json_named_t *named, unsigned n, bigcache_json_error_t *err);


/*
 * array:  the extent of an array in a text that has been scanned
 * at:     where the item before ended, 0 to begin with; moved on
 * item:   set to the extent of the next item
 *
 * Returns 1, or 0 if there is none left.
 */

int bigcache_json_scan_item(const bigcache_str_t *array, size_t *at,
    bigcache_str_t *item);


/*
 * Returns 1 if an extent, whose data may be NULL, is the string of word, which
 * has only letters, digits, "_" and "*"; or 0.
 */

int bigcache_json_scan_is(const bigcache_str_t *member, const char *word);


#endif /* _BIGCACHE_JSON_SCAN_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * A strict JSON validator (RFC 8259) that also tells where members of the
 * top object lie, "value", "expire", and "duration" for one.
 *
 * It exists because the value of an entry has to come back byte by byte
 * as it was sent, and a parser that builds a tree loses the bytes.  One
 * pass, no recursion, no allocation, about a kilobyte of stack whatever
 * the text is; the text may be of any size, a mapped file, for example.
 *
 * The caller owns the text.  The extents that are returned point into
 * it, so they live as long as it does.  There is no shared state: any
 * thread may scan, also the same text at the same time.
 *
 * Beyond the grammar, these are refused, because a reader of the stored
 * text could not represent them: malformed UTF-8, escapes of surrogates
 * that form no pair, a byte order mark, and nesting that is deeper than
 * BIGCACHE_JSON_MAX_DEPTH, the limit of cJSON.
 */


#ifndef _BIGCACHE_JSON_SCAN_H_INCLUDED_
#define _BIGCACHE_JSON_SCAN_H_INCLUDED_


#include "bigcache_str.h"


#define BIGCACHE_JSON_OK          0
#define BIGCACHE_JSON_EMPTY       1
#define BIGCACHE_JSON_INVALID     2
#define BIGCACHE_JSON_NOT_OBJECT  3


/* arrays and objects that may be open at once, the top one included */

#define BIGCACHE_JSON_MAX_DEPTH   1000


/* a member that is absent has "data" NULL and "len" 0 */

typedef struct {
    bigcache_str_t   value;
    bigcache_str_t   expire;
    bigcache_str_t   duration;
} bigcache_json_doc_t;


/* a member to look for, by a name of ASCII letters, digits and "_" */

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


/* the same for the n members that "named" names, whose extents are set */

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
 * Tells whether an extent, whose data may be NULL, is the string that word
 * is, which is of letters, digits, "_" and "*".
 */

int bigcache_json_scan_is(const bigcache_str_t *member, const char *word);


#endif /* _BIGCACHE_JSON_SCAN_H_INCLUDED_ */

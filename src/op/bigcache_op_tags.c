
/*
 * Copyright (C) bigcache contributors
 */


/* reads the tags that a request gives to what it stores, and shows them */


#include <stdlib.h>

#include "bigcache_json.h"
#include "bigcache_op_tags.h"


bigcache_rc_t
bigcache_op_tags_read(bigcache_op_t *op, const char *name,
    const bigcache_str_t *member, u_char *data,
    bigcache_tags_writer_t *writer)
{
    int              rc;
    size_t           at;
    const char      *wrong;
    bigcache_str_t   item, tag;

    bigcache_tags_begin(writer, data);

    if (member->data[0] != '[') {
        return bigcache_op_invalid(op, "body", name,
                                   "value is not a valid list",
                                   "type_error.list");
    }

    at = 0;

    while (bigcache_json_scan_item(member, &at, &item)) {

        rc = bigcache_json_unescape(&item, &tag);

        if (rc == BIGCACHE_JSON_NOMEM) {
            return BIGCACHE_NOMEM;
        }

        if (rc != BIGCACHE_JSON_OK) {
            return bigcache_op_invalid(op, "body", name,
                                       "a tag is not a string without U+0000",
                                       "type_error.str");
        }

        wrong = bigcache_tags_add(writer, &tag);

        free((void *) tag.data);

        if (wrong) {
            return bigcache_op_invalid(op, "body", name, wrong,
                                       "value_error.tags");
        }
    }

    return BIGCACHE_OK;
}


bigcache_rc_t
bigcache_op_tags_put(bigcache_op_put_t *put)
{
    bigcache_rc_t            rc;
    bigcache_op_t           *op;
    bigcache_tags_writer_t   writer;

    op = put->op;

    if (put->doc.tags.data && put->doc.tags.data[0] != 'n') {

        put->tags_memory = malloc(BIGCACHE_TAGS_BYTES);

        if (put->tags_memory == NULL) {
            return BIGCACHE_NOMEM;
        }

        rc = bigcache_op_tags_read(op, "tags", &put->doc.tags,
                                   put->tags_memory, &writer);

    } else {

        /* the front end has read these */

        writer = op->tags;
        rc = op->invalid.msg ? BIGCACHE_INVALID : BIGCACHE_OK;
    }

    put->tags = bigcache_str(writer.data, writer.len);

    return rc;
}


void
bigcache_op_tags_free(bigcache_op_put_t *put)
{
    free(put->tags_memory);
    put->tags_memory = NULL;
}


void
bigcache_op_tags_text(bigcache_json_text_t *text, const bigcache_str_t *tags)
{
    size_t          at;
    const char     *before;
    bigcache_str_t  tag;

    at = 0;
    before = ",\"tags\":[";

    while (bigcache_tags_next(tags, &at, &tag)) {
        bigcache_json_text_quote(text, before, &tag);
        before = ",";
    }

    if (at) {
        bigcache_json_text_puts(text, "]");
    }
}

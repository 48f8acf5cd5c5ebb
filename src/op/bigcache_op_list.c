
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The list of what is stored, as a document:
 *
 *     {"keys":[{"key":K,"kind":"raw","size":N,"type":T,"stored":S,
 *               "expire":E,"tags":[G]}],"next":"K%20"}
 *
 * It is made of parts, bigcache_list.h, until there are as many keys as the
 * client wants, or the time is over.  Then the client passes "next" as
 * "after".
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_json_text.h"
#include "bigcache_op_tags.h"
#include "bigcache_time.h"


/* milliseconds after which no other part is begun */

#define BIGCACHE_OP_LIST_TIME  2000


static bigcache_rc_t bigcache_op_list_parts(bigcache_op_t *op,
    bigcache_json_text_t *text, bigcache_list_t *list);
static void bigcache_op_list_skip(bigcache_list_t *list);
static void bigcache_op_list_row(bigcache_op_t *op, bigcache_json_text_t *text,
    const bigcache_list_row_t *row);
static void bigcache_op_list_next(bigcache_json_text_t *text,
    const bigcache_list_t *list);


void
bigcache_op_list(bigcache_op_t *op)
{
    bigcache_rc_t          rc;
    bigcache_list_t       *list;
    bigcache_json_text_t   text;

    if (op->site.data) {
        bigcache_op_page_list(op);
        return;
    }

    list = malloc(sizeof(bigcache_list_t));

    if (list == NULL) {
        bigcache_op_finish(op, BIGCACHE_NOMEM);
        return;
    }

    memset(&text, 0, sizeof(bigcache_json_text_t));

    bigcache_json_text_puts(&text, "{\"keys\":[");

    rc = bigcache_op_list_parts(op, &text, list);

    if (rc == BIGCACHE_OK) {
        bigcache_op_list_next(&text, list);
    }

    free(list);

    if (rc == BIGCACHE_OK && text.failed) {
        rc = BIGCACHE_NOMEM;
    }

    op->memory = text.data;
    op->reply[0] = bigcache_data_bytes(text.data, text.len);
    op->nreply = 1;

    bigcache_op_finish(op, rc);
}


/* adds the rows of all parts; list is then the last of them */

static bigcache_rc_t
bigcache_op_list_parts(bigcache_op_t *op, bigcache_json_text_t *text,
    bigcache_list_t *list)
{
    size_t                at;
    int64_t               deadline;
    unsigned              n, pages;
    bigcache_rc_t         rc;
    bigcache_str_t        after;
    bigcache_list_row_t   row;

    n = 0;
    after = op->after;
    deadline = bigcache_time_monotonic() + BIGCACHE_OP_LIST_TIME;

    do {
        rc = bigcache_cache_list(op->cache, &op->key, &op->tag, &after,
                                 op->limit - n, list);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        pages = 0;

        for (at = 0; bigcache_list_row(list, &at, &row); n++) {

            if (row.key.len && row.key.data[0] == BIGCACHE_PAGE_KEY) {

                /* between the empty key and all others */

                pages = 1;
                bigcache_op_list_skip(list);

                break;
            }

            if (n) {
                bigcache_json_text_puts(text, ",");
            }

            bigcache_op_list_row(op, text, &row);
        }

        after = bigcache_str(list->next, list->next_len);

        /* an empty part may be one of many, so it ends the answer */

    } while (pages
             || (list->more && list->n && n < op->limit
                 && bigcache_time_monotonic() < deadline));

    return BIGCACHE_OK;
}


/*
 * Goes on after the greatest key that a page may have, which is one of the
 * longest: what a client is asked to name as a key may have any bytes.
 */

static void
bigcache_op_list_skip(bigcache_list_t *list)
{
    u_char          last[BIGCACHE_KEY_MAX];
    bigcache_str_t  key;

    memset(last, 0xff, sizeof(last));
    last[0] = BIGCACHE_PAGE_KEY;

    key = bigcache_str(last, sizeof(last));

    bigcache_list_next(list, &key);
}


static void
bigcache_op_list_row(bigcache_op_t *op, bigcache_json_text_t *text,
    const bigcache_list_row_t *row)
{
    bigcache_json_text_quote(text, "{\"key\":", &row->key);
    bigcache_json_text_number(text, (row->kind == BIGCACHE_KIND_JSON)
                                    ? ",\"kind\":\"json\",\"size\":"
                                    : ",\"kind\":\"raw\",\"size\":",
                              row->size);
    bigcache_json_text_quote(text, ",\"type\":",
                             row->type.len ? &row->type : NULL);

    /* a version is a time in microseconds */

    bigcache_json_text_time(text, ",\"stored\":",
                            (int64_t) (row->version / 1000));
    bigcache_json_text_time(text, ",\"expire\":", row->expire);
    bigcache_op_tags_text(text, &row->tags);

    if (op->cursors) {
        bigcache_json_text_escape(text, ",\"cursor\":", &row->key);
    }

    bigcache_json_text_puts(text, "}");
}


/* a key may have bytes that JSON cannot have */

static void
bigcache_op_list_next(bigcache_json_text_t *text,
    const bigcache_list_t *list)
{
    bigcache_str_t  next;

    if (!list->more) {
        bigcache_json_text_puts(text, "],\"next\":null}");
        return;
    }

    next = bigcache_str(list->next, list->next_len);

    bigcache_json_text_escape(text, "],\"next\":", &next);
    bigcache_json_text_puts(text, "}");
}

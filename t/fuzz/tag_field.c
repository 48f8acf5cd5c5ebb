
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are a line of a field that names tags: what is in the writer
 * afterwards is well-formed, and names the same tags when it is read again.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_tag_field.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void check_line(unsigned style, const bigcache_str_t *line);
static void check_again(unsigned style, const bigcache_str_t *tags);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *in;
    unsigned         style;
    bigcache_str_t   line;

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    line.data = in;
    line.len = size;

    for (style = 0; style <= BIGCACHE_TAG_FIELD_GROUPS; style++) {
        check_line(style, &line);
    }

    free(in);

    return 0;
}


static void
check_line(unsigned style, const bigcache_str_t *line)
{
    const char              *wrong;
    bigcache_str_t           tags;
    bigcache_tags_writer_t   writer;

    static u_char  data[BIGCACHE_TAGS_BYTES];

    bigcache_tags_begin(&writer, data);

    wrong = bigcache_tag_field_add(&writer, style, line);

    tags.data = data;
    tags.len = writer.len;

    if (bigcache_tags_check(&tags) == -1
        || writer.n > BIGCACHE_TAGS_MAX
        || (wrong && *wrong == '\0'))
    {
        abort();
    }

    if (style != BIGCACHE_TAG_FIELD_GROUPS) {
        check_again(style, &tags);
    }
}


/* a tag alone is a line that names just this tag */

static void
check_again(unsigned style, const bigcache_str_t *tags)
{
    size_t                  at;
    u_char                  data[BIGCACHE_TAGS_BYTES];
    bigcache_str_t          tag;
    bigcache_tags_writer_t  writer;

    at = 0;

    while (bigcache_tags_next(tags, &at, &tag)) {

        bigcache_tags_begin(&writer, data);

        if (bigcache_tag_field_add(&writer, style, &tag) != NULL
            || writer.n != 1
            || writer.len != 1 + tag.len
            || memcmp(data + 1, tag.data, tag.len) != 0)
        {
            abort();
        }
    }
}

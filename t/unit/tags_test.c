
/*
 * Copyright (C) bigcache contributors
 */


/* the tags of pages, the fields that name them, the selectors of purges */


#include <stdlib.h>
#include <string.h>

#include "bigcache_selectors.h"
#include "bigcache_tag_field.h"
#include "tap.h"


#define SPACES   BIGCACHE_TAG_FIELD_SPACES
#define COMMAS   BIGCACHE_TAG_FIELD_COMMAS
#define XKEY     BIGCACHE_TAG_FIELD_XKEY
#define GROUPS   BIGCACHE_TAG_FIELD_GROUPS

#define EXACT    BIGCACHE_SELECTOR_EXACT
#define ENTRIES  BIGCACHE_SELECTOR_ENTRIES
#define SOFT     BIGCACHE_SELECTOR_SOFT

/* a string constant with NULs in it */

#define bytes(text)  { sizeof(text) - 1, (const u_char *) text }


typedef struct {
    unsigned         style;
    const char      *line;
    const char      *tags;      /* with | in between */
} line_case_t;

typedef struct {
    unsigned         flags;
    const char      *host;
    bigcache_str_t   prefix;
    const char      *tag;
    bigcache_str_t   key;
    int              selected;  /* the page has the tags "a" and "b c" */
} selector_case_t;


static void test_tags(void);
static void test_tags_limits(void);
static void test_tags_check(void);
static void test_lines(void);
static void test_lines_limits(void);
static void test_selectors(void);
static void test_encoding(void);
static void test_damaged(void);
static void test_list(void);
static void test_list_full(void);
static void set_selector(bigcache_selector_t *selector,
    const selector_case_t *from);
static void join(char *dst, const bigcache_str_t *tags);
static bigcache_str_t str(const char *text);


static const line_case_t  lines[] = {
    { SPACES, "", "" },
    { SPACES, "  \t ", "" },
    { SPACES, "a", "a" },
    { SPACES, " a b\t c ", "a|b|c" },
    { SPACES, "a,b c", "a,b|c" },
    { SPACES, "a b a", "a|b" },
    { SPACES, "A a", "A|a" },
    { SPACES, "\"a b\"", "\"a|b\"" },
    { COMMAS, "", "" },
    { COMMAS, ", ,", "" },
    { COMMAS, "a,b", "a|b" },
    { COMMAS, " a b , c\t,", "a b|c" },
    { COMMAS, "\"a,b\"", "\"a|b\"" },
    { XKEY, "a b,c, d", "a|b|c|d" },
    { XKEY, ",a", "a" },
    { GROUPS, "", "" },
    { GROUPS, "\"a\"", "a" },
    { GROUPS, "  \"a\", \"b c\"\t,\"d,e\" ", "a|b c|d,e" },
    { GROUPS, "\"a\";x=1;y, \"b\";z=\"w\"", "a|b" },
    { GROUPS, "\"a\\\"b\\\\c\"", "a\"b\\c" },
    { GROUPS, "\"\", \"a\"", "a" },
    { GROUPS, "a", "" },
    { GROUPS, "\"a\", b", "" },
    { GROUPS, "\"a\", 1", "" },
    { GROUPS, "\"a\", (\"b\" \"c\")", "" },
    { GROUPS, "\"a\",", "" },
    { GROUPS, "\"a\" \"b\"", "" },
    { GROUPS, "\"a", "" },
    { GROUPS, "\"a\\x\"", "" },
    { GROUPS, "\"a\", \"\303\244\"", "" }
};


static const selector_case_t  selectors[] = {

    /* without a host: how the key begins */

    { 0, "", bytes(""), "", bytes("key"), 1 },
    { 0, "", bytes(""), "", bytes("\0http://h/"), 1 },
    { 0, "", bytes("ke"), "", bytes("key"), 1 },
    { 0, "", bytes("key"), "", bytes("ke"), 0 },
    { 0, "", bytes("\0http://h/"), "", bytes("\0http://h/a"), 1 },
    { EXACT, "", bytes("key"), "", bytes("key"), 1 },
    { EXACT, "", bytes("key"), "", bytes("key2"), 0 },
    { EXACT, "", bytes(""), "", bytes("\0http://h/"), 0 },
    { EXACT, "", bytes("\0http://h/a"), "", bytes("\0http://h/a\0v"), 1 },
    { EXACT, "", bytes("\0http://h/a"), "", bytes("\0http://h/a?b"), 0 },

    /* entries of the REST API only */

    { ENTRIES, "", bytes(""), "", bytes("key"), 1 },
    { ENTRIES, "", bytes(""), "", bytes("\0http://h/"), 0 },
    { ENTRIES, "", bytes(""), "a", bytes("\0http://h/"), 0 },

    /* a host: of any scheme and port, and not as the beginning of another */

    { 0, "h", bytes(""), "", bytes("\0http://h/a"), 1 },
    { 0, "h", bytes("/a"), "", bytes("\0https://h/a/b"), 1 },
    { 0, "h", bytes("/a"), "", bytes("\0https://h:8443/a"), 1 },
    { 0, "h", bytes("/a"), "", bytes("\0https://h/b"), 0 },
    { 0, "h", bytes(""), "", bytes("\0http://h2/a"), 0 },
    { 0, "h", bytes(""), "", bytes("\0http://h.example/a"), 0 },
    { 0, "h", bytes(""), "", bytes("\0http://h:80x/a"), 0 },
    { 0, "h", bytes(""), "", bytes("\0http://h"), 0 },
    { 0, "h", bytes(""), "", bytes("\0ftp://h/a"), 0 },
    { 0, "h", bytes(""), "", bytes("http://h/a"), 0 },
    { 0, "h", bytes(""), "", bytes("h/a"), 0 },
    { 0, "[::1]", bytes("/"), "", bytes("\0http://[::1]:81/"), 1 },
    { EXACT, "h", bytes("/a"), "", bytes("\0http://h/a"), 1 },
    { EXACT, "h", bytes("/a"), "", bytes("\0http://h:81/a\0v"), 1 },
    { EXACT, "h", bytes("/a"), "", bytes("\0http://h/a/"), 0 },
    { EXACT, "h", bytes("/a"), "", bytes("\0http://h/a?b"), 0 },

    /* tags: all that is named must be true */

    { 0, "", bytes(""), "a", bytes("key"), 1 },
    { 0, "", bytes(""), "b c", bytes("key"), 1 },
    { 0, "", bytes(""), "b", bytes("key"), 0 },
    { 0, "", bytes(""), "A", bytes("key"), 0 },
    { 0, "h", bytes(""), "a", bytes("\0http://h/"), 1 },
    { 0, "g", bytes(""), "a", bytes("\0http://h/"), 0 },
    { SOFT, "h", bytes("/x"), "a", bytes("\0http://h/"), 0 },
    { SOFT, "h", bytes("/x"), "a", bytes("\0http://h/x"), 1 },
    { 0, "", bytes("\0https://h/"), "a", bytes("\0https://h/x"), 1 },
    { 0, "", bytes("\0https://h/"), "a", bytes("\0http://h/x"), 0 }
};


int
main(void)
{
    test_tags();
    test_tags_limits();
    test_tags_check();
    test_lines();
    test_lines_limits();
    test_selectors();
    test_encoding();
    test_damaged();
    test_list();
    test_list_full();

    return done_testing();
}


static void
test_tags(void)
{
    char                    joined[64];
    size_t                  at;
    u_char                  data[BIGCACHE_TAGS_BYTES];
    bigcache_str_t          tags, tag;
    bigcache_tags_writer_t  writer;

    bigcache_tags_begin(&writer, data);

    tags.data = data;
    tags.len = writer.len;
    tag = str("a");
    at = 0;

    is_int(writer.len, 0, "tags: none at first");
    is_int(bigcache_tags_has(&tags, &tag), 0, "tags: none has none");
    is_int(bigcache_tags_next(&tags, &at, &tag), 0, "tags: none to read");
    is_int(bigcache_tags_check(&tags), 0, "tags: none is well-formed");

    tag = str("a");
    ok(bigcache_tags_add(&writer, &tag) == NULL, "tags: one");
    tag = str("b c");
    ok(bigcache_tags_add(&writer, &tag) == NULL, "tags: two");
    tag = str("a");
    ok(bigcache_tags_add(&writer, &tag) == NULL, "tags: one again");

    tags.len = writer.len;

    is_mem(tags.data, tags.len, "\0a\2b c", 6, "tags: how they are encoded");
    is_int(writer.n, 2, "tags: a tag that comes again is not counted");
    is_int(bigcache_tags_check(&tags), 0, "tags: well-formed");

    join(joined, &tags);
    is_str(joined, "a|b c", "tags: read in their order");

    tag = str("b c");
    is_int(bigcache_tags_has(&tags, &tag), 1, "tags: has one");
    tag = str("b");
    is_int(bigcache_tags_has(&tags, &tag), 0, "tags: has no part of one");
}


static void
test_tags_limits(void)
{
    u_char                  data[BIGCACHE_TAGS_BYTES], long_tag[257];
    unsigned                i;
    bigcache_str_t          tags, tag;
    bigcache_tags_writer_t  writer;

    bigcache_tags_begin(&writer, data);
    memset(long_tag, 'x', sizeof(long_tag));

    tag.data = long_tag;
    tag.len = 0;
    is_str(bigcache_tags_add(&writer, &tag), "a tag is empty",
           "limits: no bytes");

    tag.len = 257;
    is_str(bigcache_tags_add(&writer, &tag),
           "a tag is longer than 256 bytes", "limits: 257 bytes");

    tag.len = 256;

    for (i = 0; i < 64; i++) {
        long_tag[0] = (u_char) i;
        ok(bigcache_tags_add(&writer, &tag) == NULL, "limits: tag %u", i);
    }

    is_int(writer.len, BIGCACHE_TAGS_BYTES, "limits: the longest tags");

    long_tag[0] = 0;
    ok(bigcache_tags_add(&writer, &tag) == NULL,
       "limits: one that is there already");

    long_tag[0] = 64;
    is_str(bigcache_tags_add(&writer, &tag), "there are more than 64 tags",
           "limits: a tag more");

    tags.data = data;
    tags.len = writer.len;
    is_int(bigcache_tags_check(&tags), 0, "limits: all well-formed");
}


static void
test_tags_check(void)
{
    u_char          data[2 * 65];
    unsigned        i;
    bigcache_str_t  tags;

    tags = str("\1ab");

    tags.len = 2;
    is_int(bigcache_tags_check(&tags), -1, "check: a tag is cut");
    tags.len = 1;
    is_int(bigcache_tags_check(&tags), -1, "check: a length alone");

    for (i = 0; i < 65; i++) {
        data[2 * i] = 0;
        data[2 * i + 1] = (u_char) i;
    }

    tags.data = data;
    tags.len = sizeof(data);
    is_int(bigcache_tags_check(&tags), -1, "check: a tag too many");
    tags.len -= 2;
    is_int(bigcache_tags_check(&tags), 0, "check: just as many as may be");
}


static void
test_lines(void)
{
    char                    joined[256];
    size_t                  i;
    u_char                  data[BIGCACHE_TAGS_BYTES];
    bigcache_str_t          line, tags;
    bigcache_tags_writer_t  writer;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {

        bigcache_tags_begin(&writer, data);
        line = str(lines[i].line);

        ok(bigcache_tag_field_add(&writer, lines[i].style, &line) == NULL,
           "line %u \"%s\"", lines[i].style, lines[i].line);

        tags.data = data;
        tags.len = writer.len;
        join(joined, &tags);

        is_str(joined, lines[i].tags, "line %u \"%s\": tags",
               lines[i].style, lines[i].line);
    }
}


static void
test_lines_limits(void)
{
    char                    text[1024];
    size_t                  len;
    u_char                  data[BIGCACHE_TAGS_BYTES];
    unsigned                i, style;
    bigcache_str_t          line;
    bigcache_tags_writer_t  writer;

    for (style = SPACES; style <= GROUPS; style++) {

        memset(text, 'x', 259);
        text[0] = '"';
        text[258] = '"';

        line.data = (u_char *) text;
        line.len = 259;

        bigcache_tags_begin(&writer, data);
        is_str(bigcache_tag_field_add(&writer, style, &line),
               "a tag is longer than 256 bytes", "line %u: 257 bytes", style);

        len = 0;

        for (i = 0; i < 65; i++) {
            len += (size_t) sprintf(text + len, "%s\"%u\"",
                                    i ? (style == SPACES ? " " : ",") : "", i);
        }

        line.len = len;

        bigcache_tags_begin(&writer, data);
        is_str(bigcache_tag_field_add(&writer, style, &line),
               "there are more than 64 tags", "line %u: 65 tags", style);
        is_int(writer.n, 64, "line %u: 64 of them", style);
    }
}


static void
test_selectors(void)
{
    size_t                i;
    bigcache_str_t        tags;
    bigcache_selector_t   selector;

    tags.data = (const u_char *) "\0a\2b c";
    tags.len = 6;

    for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {

        set_selector(&selector, &selectors[i]);

        is_int(bigcache_selector_matches(&selector, &selectors[i].key, &tags),
               selectors[i].selected, "selector %zu", i);

        selector.tag.len = 0;

        is_int(bigcache_selector_key(&selector, &selectors[i].key),
               bigcache_selector_matches(&selector, &selectors[i].key, &tags),
               "selector %zu: the key", i);
    }
}


static void
test_encoding(void)
{
    size_t               i, size;
    u_char               data[BIGCACHE_SELECTOR_MAX];
    bigcache_str_t       encoded;
    bigcache_selector_t  selector, again;

    for (i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {

        set_selector(&selector, &selectors[i]);
        size = bigcache_selector_size(&selector);
        bigcache_selector_encode(data, &selector);

        encoded.data = data;
        encoded.len = size;

        is_int(bigcache_selector_decode(&again, &encoded), 0,
               "encoding %zu: read", i);
        is_int(again.flags, selector.flags, "encoding %zu: flags", i);
        is_mem(again.host.data, again.host.len, selector.host.data,
               selector.host.len, "encoding %zu: the host", i);
        is_mem(again.tag.data, again.tag.len, selector.tag.data,
               selector.tag.len, "encoding %zu: the tag", i);
        is_mem(again.prefix.data, again.prefix.len, selector.prefix.data,
               selector.prefix.len, "encoding %zu: the prefix", i);
    }
}


static void
test_damaged(void)
{
    u_char               data[BIGCACHE_SELECTOR_MAX + 1];
    bigcache_str_t       encoded;
    bigcache_selector_t  selector;

    memset(data, 0, sizeof(data));

    encoded.data = data;

    encoded.len = 3;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: no whole header");

    encoded.len = 4;
    is_int(bigcache_selector_decode(&selector, &encoded), 0,
           "damaged: the shortest is none");

    data[0] = 0x08;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: an unknown flag");

    data[0] = 0;
    data[1] = 1;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: no host");

    data[1] = 0;
    data[2] = 1;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: no tag");

    data[2] = 1;
    data[3] = 1;
    encoded.len = 4 + 257;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: a tag of 257 bytes");

    data[2] = 0;
    data[3] = 0;
    encoded.len = 4 + BIGCACHE_KEY_MAX;
    is_int(bigcache_selector_decode(&selector, &encoded), 0,
           "damaged: the longest prefix is none");

    encoded.len++;
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: a prefix too long");

    encoded.len = sizeof(data);
    is_int(bigcache_selector_decode(&selector, &encoded), -1,
           "damaged: too long");
}


static void
test_list(void)
{
    size_t                 at;
    bigcache_str_t         text;
    bigcache_selector_t    selector;

    static bigcache_selectors_t  list, again;

    bigcache_selectors_init(&list);
    is_int(list.n, 0, "list: empty");

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.host = str("h");
    selector.tag = str("one");
    is_int(bigcache_selectors_add(&list, &selector), 1, "list: one");
    selector.tag = str("two");
    is_int(bigcache_selectors_add(&list, &selector), 1, "list: two");

    text.data = list.data;
    text.len = list.len;
    is_int(bigcache_selectors_receive(&again, &text), 1, "list: received");
    is_int(again.n, 2, "list: received both");

    at = 0;
    is_int(bigcache_selectors_next(&again, &at, &selector), 1, "list: first");
    is_mem(selector.tag.data, selector.tag.len, "one", 3, "list: its tag");
    is_int(bigcache_selectors_next(&again, &at, &selector), 1, "list: second");
    is_mem(selector.tag.data, selector.tag.len, "two", 3, "list: its tag");
    is_int(bigcache_selectors_next(&again, &at, &selector), 0, "list: end");

    text.len--;
    is_int(bigcache_selectors_receive(&again, &text), 0, "list: cut");
    text.len = 1;
    is_int(bigcache_selectors_receive(&again, &text), 0, "list: a byte");
    text.len = 0;
    is_int(bigcache_selectors_receive(&again, &text), 1, "list: none");
    is_int(again.n, 0, "list: none has none");
    text.len = BIGCACHE_SELECTORS_MEMORY + 1;
    is_int(bigcache_selectors_receive(&again, &text), 0, "list: too long");

    text = str("pre");
    bigcache_selectors_prefix(&list, &text);
    at = 0;
    is_int(list.n, 1, "list: of a prefix");
    is_int(bigcache_selectors_next(&list, &at, &selector), 1, "list: read it");
    is_mem(selector.prefix.data, selector.prefix.len, "pre", 3,
           "list: the prefix");
    is_int(selector.flags, 0, "list: no flags");
    is_int(selector.tag.len + selector.host.len, 0, "list: nothing else");
}


static void
test_list_full(void)
{
    u_char                data[BIGCACHE_KEY_MAX];
    unsigned              n;
    bigcache_selector_t   selector;

    static bigcache_selectors_t  list;

    memset(data, 'x', sizeof(data));
    memset(&selector, 0, sizeof(bigcache_selector_t));

    selector.prefix.data = data;
    selector.prefix.len = sizeof(data);

    bigcache_selectors_init(&list);

    for (n = 0; bigcache_selectors_add(&list, &selector); n++) { /* void */ }

    is_int(n, BIGCACHE_SELECTORS_MEMORY / (2 + 4 + BIGCACHE_KEY_MAX),
           "full: as many as have room");
    is_int(list.n, n, "full: what was refused is not counted");

    selector.prefix.len = 1;
    is_int(bigcache_selectors_add(&list, &selector), 1,
           "full: a short one has room");
}


static void
set_selector(bigcache_selector_t *selector, const selector_case_t *from)
{
    selector->flags = from->flags;
    selector->host = str(from->host);
    selector->prefix = from->prefix;
    selector->tag = str(from->tag);
}


static void
join(char *dst, const bigcache_str_t *tags)
{
    size_t          at;
    bigcache_str_t  tag;

    at = 0;

    while (bigcache_tags_next(tags, &at, &tag)) {

        if (at != 1 + tag.len) {
            *dst++ = '|';
        }

        memcpy(dst, tag.data, tag.len);
        dst += tag.len;
    }

    *dst = '\0';
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  string;

    string.data = (const u_char *) text;
    string.len = strlen(text);

    return string;
}

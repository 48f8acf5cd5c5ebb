
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What operations do with a cache whose page others change all the time, and
 * with one that cannot tell whether a call was made.  The cache belongs to
 * this test: it has one page, with a new version at each look.
 */


#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_answer.h"
#include "bigcache_gzip.h"
#include "bigcache_op.h"
#include "tap.h"


#define TRIES  100

/* bytes of a page that packs well */

#define LONG   (1024 * 1024)


static void test_races(void);
static void test_won(void);
static void test_unconditional(void);
static void test_unknown(void);
static void test_reasons(void);
static void test_batch(void);
static void test_batch_bytes(void);
static void test_batch_accept(void);
static void test_fits(void);
static void test_work(void);
static void test_touch_packed(void);
static void test_lock(void);
static void test_incr_packed(void);
static void test_tags(void);
static void test_tags_refused(void);
static void pack(unsigned kind, const char *value);
static unsigned many(const char *one, unsigned n, const char *status);
static void run(bigcache_op_pt handler, const char *body, int condition);
static void answers(unsigned calls, int rc, int then);
static void says(unsigned status, const char *expected, const char *name);
static int replied(const char *expected);
static bigcache_rc_t answered(void);
static void log_line(void *data, int level, const char *text);
static bigcache_rc_t engine_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *p);
static bigcache_rc_t engine_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *p);
static bigcache_rc_t engine_sync(bigcache_cache_t *cache);
static bigcache_rc_t engine_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);
static void engine_reason(bigcache_cache_t *cache, char *text);
static bigcache_lock_t *engine_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);


static const struct {
    const char      *name;
    bigcache_op_pt   handler;
    const char      *body;
    int              condition;
} writers[] = {
    { "put_json", bigcache_op_put_json, "{\"value\":1}", 1 },
    { "put_raw", bigcache_op_put_raw, "bytes", 1 },
    { "delete", bigcache_op_delete, "", 1 },
    { "touch", bigcache_op_rewrite_touch, "{\"duration\":\"1d\"}", 0 },
    { "incr", bigcache_op_rewrite_incr, "", 0 }
};

#define WRITERS  (sizeof(writers) / sizeof(writers[0]))


static const char  raced[] = "too many change this page at the same time";
static const char  unknown[] =
    "the process that has the store open did not answer, so it is not known "
    "whether this was done";

static bigcache_op_t  op;

/* the cache; the operations make no other calls */

static const bigcache_engine_t  engine = {
    .get = engine_get,
    .put = engine_put,
    .delete = engine_delete,
    .sync = engine_sync,
    .lock = engine_lock,
    .reason = engine_reason
};

static const bigcache_log_t  logs = { log_line, NULL };
static char               logged[BIGCACHE_LOG_LEN];

static bigcache_cache_t   cache_of_test = { &engine, &logs, "test", 0 };

static bigcache_rc_t      first;        /* of the first changes */
static bigcache_rc_t      later;        /* of later changes */
static unsigned           firsts;
static unsigned           changes;      /* calls of these two kinds */
static uint64_t           version;
static bigcache_answer_t  page;
static const char        *reason = "the reason";

static u_char            *packed;       /* the packed page, or NULL */
static bigcache_page_t    found;        /* that */
static bigcache_str_t     found_tags;   /* of any page */
static unsigned           bodies;       /* pages read with a body */
static uint64_t           put_length;   /* of the last page stored */
static int                briefly;      /* run it as a brief one? */
static int                locked_brief; /* was the last lock brief? */
static uint64_t           put_unpacked;
static bigcache_data_t    put_first;    /* of its pieces */
static unsigned           put_plain;
static u_char             put_tags[BIGCACHE_TAGS_BYTES];
static size_t             put_ntags;    /* bytes of them */
static unsigned           framed;       /* are bytes behind the body? */
static unsigned           as_bytes;     /* and behind the answer? */
static int                in_file = -1; /* that the page is a part of, or -1 */


int
main(void)
{
    bigcache_str_t  one = bigcache_string("1");

    page.key.data = (const u_char *) "k";
    page.key.len = 1;
    page.value = one;
    page.expire = bigcache_answer_null;

    if (bigcache_answer(&page) == -1) {
        return 1;
    }

    test_races();
    test_won();
    test_unconditional();
    test_unknown();
    test_reasons();
    test_batch();
    test_batch_bytes();
    test_batch_accept();
    test_fits();
    test_work();
    test_touch_packed();
    test_lock();
    test_incr_packed();
    test_tags();
    test_tags_refused();

    free(page.memory);

    return done_testing();
}


static void
test_races(void)
{
    unsigned  i;

    for (i = 0; i < WRITERS; i++) {
        answers(0, 0, BIGCACHE_MISMATCH);
        run(writers[i].handler, writers[i].body, writers[i].condition);

        is_int(changes, TRIES, "%s: tried often", writers[i].name);
        is_int(op.n, 0, "%s: counts none", writers[i].name);
        says(503, raced, writers[i].name);
        bigcache_op_free(&op);
    }

    /* gone at each try, and back at the next look */

    answers(0, 0, BIGCACHE_MISS);
    run(bigcache_op_delete, "", 1);
    says(503, raced, "delete, gone");
    bigcache_op_free(&op);
}


static void
test_won(void)
{
    unsigned  i;

    for (i = 0; i < WRITERS; i++) {
        answers(TRIES - 1, BIGCACHE_MISMATCH, BIGCACHE_OK);
        run(writers[i].handler, writers[i].body, writers[i].condition);

        is_int(op.rc, BIGCACHE_OK, "%s: the last try", writers[i].name);
        is_int(changes, TRIES, "%s: is the last", writers[i].name);
        bigcache_op_free(&op);
    }
}


static void
test_unconditional(void)
{
    answers(0, 0, BIGCACHE_MISS);
    run(bigcache_op_delete, "", 0);
    is_int(op.rc, BIGCACHE_MISS, "delete: nothing there");
    is_int(changes, 1, "delete: asked once");
    bigcache_op_free(&op);

    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_put_raw, "bytes", 0);
    is_int(op.rc, BIGCACHE_OK, "put: stored");
    is_int(changes, 1, "put: asked once");
    bigcache_op_free(&op);
}


static void
test_unknown(void)
{
    unsigned  i;

    for (i = 0; i < WRITERS; i++) {
        answers(0, 0, BIGCACHE_UNKNOWN);
        run(writers[i].handler, writers[i].body, writers[i].condition);

        is_int(changes, 1, "%s: not tried again", writers[i].name);
        is_int(op.n, 0, "%s: counts none", writers[i].name);
        says(503, unknown, writers[i].name);
        bigcache_op_free(&op);
    }
}


/* the result of one key says nothing about the next; a missing store does */

/* a client gets the reason without paths, which only the log has */

static void
test_reasons(void)
{
    unsigned  i;

#define WHY  "the store cannot be opened, the error log says why"

    static const struct {
        const char  *reason;
        const char  *said;
    } reasons[] = {
        { "the store is being opened", "the store is being opened" },
        { "another nginx, of the master process 7, has the store open",
          "another nginx, of the master process 7, has the store open" },
        { "the index has a bad \"format\"", "the index has a bad \"format\"" },
        { "cannot write to \"lock\": Input/output error",
          "cannot write to \"lock\": Input/output error" },
        { "cannot open \"/srv/lock\": Input/output error",
          WHY ": Input/output error" },
        { "IO error: /srv/a: b/index/LOG: Input/output error",
          WHY ": Input/output error" },
        { "cannot make a socket: Too many open files",
          "cannot make a socket: Too many open files" },
        { "cannot open \"/var/lib/bigcache/lock\": Permission denied",
          WHY ": Permission denied" },
        { "cannot make \"/srv/a: b/c\": Read-only file system",
          WHY ": Read-only file system" },
        { "cannot make \"/srv/a \": b\": Read-only file system",
          WHY ": Read-only file system" },
        { "cannot rename \"/srv/\"x\"/y\": Is a directory",
          WHY ": Is a directory" },
        { "IO error: /srv/index/LOCK: Resource temporarily unavailable",
          WHY ": Resource temporarily unavailable" },
        { "IO error: lock /srv/index/LOCK: already held by process",
          WHY ": already held by process" },
        { "IO error: /srv/index/000003.l", WHY },
        { "\"/srv/x\" is neither empty nor a bigcache store, it holds "
          "\"keys: all.txt\"", WHY },
        { "\"/srv/x\" is not a bigcache store, but the index of one", WHY },
        { "/", WHY }
    };

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        reason = reasons[i].reason;

        answers(1, BIGCACHE_UNAVAILABLE, BIGCACHE_OK);
        run(bigcache_op_delete, "", 0);
        says(503, reasons[i].said, reason);
        bigcache_op_free(&op);
    }

    reason = "cannot open \"/srv/lock\": Permission denied";

    answers(1, BIGCACHE_UNAVAILABLE, BIGCACHE_OK);
    run(bigcache_op_batch, "{\"operations\":["
        "{\"op\":\"delete\",\"key\":\"k\"},"
        "{\"op\":\"delete\",\"key\":\"k\"}]}", 0);
    ok(replied("{\"results\":["
               "{\"status\":503,\"detail\":\"" WHY ": Permission denied\"},"
               "{\"status\":503,\"detail\":\"" WHY ": Permission denied\"}]}"),
       "a batch says it likewise");
    bigcache_op_free(&op);

    reason = "the reason";
}


static void
test_batch(void)
{
    static const char  body[] =
        "{\"operations\":["
        "{\"op\":\"touch\",\"key\":\"k\",\"expire\":null},"
        "{\"op\":\"delete\",\"key\":\"k\"},"
        "{\"op\":\"delete\",\"key\":\"k\"}]}";

    answers(TRIES, BIGCACHE_MISMATCH, BIGCACHE_OK);
    run(bigcache_op_batch, body, 0);
    ok(replied("{\"results\":[{\"status\":503,\"detail\":\"too many change "
               "this page at the same time\"},{\"status\":200},"
               "{\"status\":200}]}"), "a batch: races lost");
    is_int(op.n, 2, "a batch: counts what it deleted");
    bigcache_op_free(&op);

    answers(1, BIGCACHE_UNKNOWN, BIGCACHE_OK);
    run(bigcache_op_batch, body, 0);
    ok(replied("{\"results\":[{\"status\":503,\"detail\":\"the process that "
               "has the store open did not answer, so it is not known "
               "whether this was done\"},{\"status\":200},"
               "{\"status\":200}]}"), "a batch: not known");
    bigcache_op_free(&op);

    answers(1, BIGCACHE_UNAVAILABLE, BIGCACHE_OK);
    run(bigcache_op_batch, body, 0);
    ok(replied("{\"results\":[{\"status\":503,\"detail\":\"the reason\"},"
               "{\"status\":503,\"detail\":\"the reason\"},"
               "{\"status\":503,\"detail\":\"the reason\"}]}"),
       "a batch: not available");
    is_int(changes, 1, "a batch: asked once");
    bigcache_op_free(&op);
}


/* the page that is stored is in the body of the request, not a copy of it */

static void
test_batch_bytes(void)
{
    static const char  body[] =
        "{\"operations\":["
        "{\"op\":\"get\",\"key\":\"k\",\"bytes\":2},"
        "{\"op\":\"set\",\"key\":\"k\",\"bytes\":3,\"no_transform\":true}]}"
        "\n..abc";

    framed = 1;

    answers(0, BIGCACHE_OK, BIGCACHE_OK);
    run(bigcache_op_batch, body, 0);
    ok(replied("{\"results\":[{\"status\":422,\"detail\":\"bytes: only a set "
               "has them\"},{\"status\":200,\"expire\":null}]}"),
       "bytes behind a batch");
    is_int(changes, 1, "bytes behind a batch: one page");
    is_int(put_length, 3, "bytes behind a batch: so many");
    ok(put_first.bytes.data == (const u_char *) body + sizeof(body) - 1 - 3,
       "bytes behind a batch: where they were received");
    is_int(put_plain, 1, "bytes behind a batch: not to be packed");
    bigcache_op_free(&op);

    answers(0, BIGCACHE_OK, BIGCACHE_OK);
    run(bigcache_op_batch, strchr(body, '\n'), 0);
    is_int(op.rc, BIGCACHE_INVALID, "bytes behind a batch: no document");
    is_int(changes, 0, "bytes behind a batch: nothing is stored");
    bigcache_op_free(&op);

    framed = 0;
}


/* bytes behind the answer; of a page whose file is too short there are none */

static void
test_batch_accept(void)
{
    FILE  *file;

    static const char  get[] = "{\"operations\":["
                               "{\"op\":\"get\",\"key\":\"k\"},"
                               "{\"op\":\"get\",\"key\":\"k\"}]}";

    as_bytes = 1;

    run(bigcache_op_batch, "{\"operations\":[]}", 0);
    ok(replied("{\"results\":[]}\n"), "bytes behind an answer: none");
    is_int(op.nreply, 1, "bytes behind an answer: no piece for none");
    bigcache_op_free(&op);

    packed = (u_char *) strdup("hello");

    bigcache_page_clear(&found);

    found.kind = BIGCACHE_KIND_RAW;
    found.unpacked = 5;
    found.length = 5;

    run(bigcache_op_batch, get, 0);
    ok(replied("{\"results\":["
               "{\"status\":200,\"bytes\":5,\"type\":null,\"expire\":null},"
               "{\"status\":200,\"bytes\":5,\"type\":null,\"expire\":null}]}"
               "\n"),
       "bytes behind an answer: the line");
    is_int(op.nreply, 2, "bytes behind an answer: two pieces");
    is_mem(op.reply[1].bytes.data, op.reply[1].bytes.len, "hellohello", 10,
           "bytes behind an answer: the bytes");
    is_int(op.hits, 2, "bytes behind an answer: hits");
    bigcache_op_free(&op);
    ok(op.bytes == NULL, "bytes behind an answer: freed");

    file = tmpfile();

    if (file == NULL || fputs("hell", file) == EOF || fflush(file) == EOF) {
        abort();
    }

    in_file = fileno(file);

    run(bigcache_op_batch, get, 0);
    ok(replied("{\"results\":["
               "{\"status\":500,\"detail\":\"the store failed, its error log "
               "says why\"},"
               "{\"status\":500,\"detail\":\"the store failed, its error log "
               "says why\"}]}\n"),
       "bytes behind an answer: a file that is too short");
    is_int(op.nreply, 1, "bytes behind an answer: nothing of it");
    is_int(op.hits, 0, "bytes behind an answer: no hits");
    ok(strstr(logged, "cannot read a page") != NULL,
       "bytes behind an answer: logged");
    bigcache_op_free(&op);

    (void) fclose(file);

    in_file = -1;
    as_bytes = 0;

    free(packed);
    packed = NULL;
}


/* a page that does not fit is not unpacked; after the first, it is not read */

static void
test_fits(void)
{
    pack(BIGCACHE_KIND_RAW, NULL);
    bodies = 0;

    is_int(many("{\"op\":\"get\",\"key\":\"k\"}", 1000, "200"), 11,
           "a batch: 11 times 1 MB in base64 fit");
    is_int(bodies, 12, "a batch: one more is read");
    is_int(op.work, 11 * LONG, "a batch: none more is unpacked");
    is_int(op.hits, 11, "a batch: those are hits");
    bigcache_op_free(&op);

    is_int(many("{\"op\":\"get\",\"key\":\"k\"}", 1000, "413"), 989,
           "a batch: the others are 413");
    bigcache_op_free(&op);

    as_bytes = 1;
    bodies = 0;

    is_int(many("{\"op\":\"get\",\"key\":\"k\"}", 1000, "200"), 15,
           "a batch: 15 times 1 MB as bytes fit beside the text");
    is_int(bodies, 16, "a batch: one more is read, as bytes");
    is_int(op.work, 15 * LONG, "a batch: none more is unpacked, as bytes");
    is_int(bigcache_data_length(&op.reply[1], 1), 15 * LONG,
           "a batch: so many bytes");
    bigcache_op_free(&op);

    as_bytes = 0;
    free(packed);

    pack(BIGCACHE_KIND_JSON, NULL);

    is_int(many("{\"op\":\"get\",\"key\":\"k\"}", 1000, "200"), 16,
           "a batch: 16 documents fit");
    is_int(op.work, 16 * found.unpacked, "a batch: none more is unpacked");
    bigcache_op_free(&op);

    free(packed);
    packed = NULL;
}


static void
test_work(void)
{
    static const char  touch[] =
        "{\"op\":\"touch\",\"key\":\"k\",\"expire\":null}";

    unsigned  n, most;

    pack(BIGCACHE_KIND_JSON, NULL);
    answers(0, 0, BIGCACHE_OK);

    most = (unsigned) (256 * 1024 * 1024
                       / (found.length + found.unpacked)) + 1;

    n = many(touch, 1000, "200");
    is_int(n, most, "a batch: stops after 256 MB");
    is_int(changes, most, "a batch: and changes no more pages");
    bigcache_op_free(&op);

    is_int(many(touch, 1000, "503"), 1000 - most, "a batch: the rest is 503");
    ok(strstr((const char *) op.reply[0].bytes.data,
              "the batch has unpacked and copied 256 MB of pages, send the "
              "rest of it anew")
       != NULL, "a batch: and says why");
    bigcache_op_free(&op);

    free(packed);
    packed = NULL;
}


/* raw bytes are copied as they are stored; of a document only the value is */

static void
test_touch_packed(void)
{
    pack(BIGCACHE_KIND_RAW, NULL);
    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_rewrite_touch, "{\"duration\":\"1d\"}", 0);

    is_int(op.rc, BIGCACHE_OK, "touch: packed bytes");
    is_int(put_unpacked, LONG, "touch: stored as the gzip file that they are");
    is_int(put_length, found.length, "touch: of that length");
    is_int(op.work, found.length, "touch: no more than that is copied");
    bigcache_op_free(&op);
    free(packed);

    pack(BIGCACHE_KIND_JSON, NULL);
    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_rewrite_touch, "{\"expire\":null}", 0);

    is_int(op.rc, BIGCACHE_OK, "touch: a packed document");
    is_int(put_unpacked, 0, "touch: is packed anew");
    is_int(put_length, found.unpacked, "touch: as long as it was");
    is_int(put_plain, 0, "touch: to be packed, as it was");
    bigcache_op_free(&op);

    found.packed = 0;
    found.length = LONG;
    found.kind = BIGCACHE_KIND_RAW;
    free(packed);
    packed = calloc(1, LONG);

    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_rewrite_touch, "{\"expire\":null}", 0);

    is_int(op.rc, BIGCACHE_OK, "touch: bytes that are not packed");
    is_int(put_plain, 1, "touch: they stay so");
    is_int(put_length, LONG, "touch: all of them");
    bigcache_op_free(&op);

    free(packed);
    packed = NULL;
}


/* a brief operation never waits for a thread that may copy a large page */

static void
test_lock(void)
{
    unsigned        i;
    bigcache_op_pt  handlers[] = {
        bigcache_op_rewrite_touch, bigcache_op_rewrite_incr
    };

    for (i = 0; i < 2; i++) {
        for (briefly = 0; briefly < 2; briefly++) {

            answers(0, 0, BIGCACHE_OK);
            run(handlers[i], i ? "" : "{\"duration\":\"1d\"}", 0);

            is_int(locked_brief, briefly, "%s: takes the lock of its kind, %s",
                   i ? "incr" : "touch", briefly ? "brief" : "not brief");
            bigcache_op_free(&op);
        }
    }

    briefly = 0;
}


static void
test_incr_packed(void)
{
    pack(BIGCACHE_KIND_JSON, NULL);
    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_rewrite_incr, "", 0);

    is_int(op.rc, BIGCACHE_NUMBER, "incr: a long document is no number");
    is_int(op.work, 0, "incr: and not unpacked to find out");
    bigcache_op_free(&op);
    free(packed);

    pack(BIGCACHE_KIND_JSON, "41");
    answers(0, 0, BIGCACHE_OK);
    run(bigcache_op_rewrite_incr, "", 0);

    is_int(op.rc, BIGCACHE_OK, "incr: a packed number");
    bigcache_op_free(&op);

    free(packed);
    packed = NULL;
}


/* makes the page a packed one: bytes, or a document; value NULL: a long one */

/* the tags of what is stored, encoded */

static void
test_tags(void)
{
    unsigned  i;

    static const struct {
        bigcache_op_pt   handler;
        const char      *body;
        const char      *tags;
        size_t           len;
        const char      *name;
    } cases[] = {
        { bigcache_op_put_json, "{\"value\":1}", "", 0, "none" },
        { bigcache_op_put_json, "{\"value\":1,\"tags\":null}", "", 0, "null" },
        { bigcache_op_put_json, "{\"value\":1,\"tags\":[ ]}", "", 0, "empty" },
        { bigcache_op_put_json,
          "{\"tags\":[\"a\" , \"\\u0062c\",\"a\"],\"value\":1}",
          "\0a\1bc", 5, "of a document" },
        { bigcache_op_rewrite_touch, "{\"duration\":\"1d\"}", "\0x\1yz", 5,
          "of a touched page" },
        { bigcache_op_rewrite_touch, "{\"expire\":null,\"tags\":[\"a\"]}",
          "\0x\1yz", 5, "a touch has none" },
        { bigcache_op_rewrite_incr, "", "\0x\1yz", 5, "of a counter" }
    };

    found_tags.data = (const u_char *) "\0x\1yz";
    found_tags.len = 5;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answers(0, 0, BIGCACHE_OK);
        run(cases[i].handler, cases[i].body, 0);

        is_int(op.rc, BIGCACHE_OK, "tags: %s: stored", cases[i].name);
        is_mem(put_tags, put_ntags, cases[i].tags,
               cases[i].len,
               "tags: %s", cases[i].name);
        bigcache_op_free(&op);
    }

    found_tags.len = 0;
}


static void
test_tags_refused(void)
{
    unsigned  i;

    static const struct {
        const char  *tags;
        const char  *msg;
    } cases[] = {
        { "[\"a\",\"\"]", "a tag is empty" },
        { "[\"a\",1]", "a tag is not a string without U+0000" },
        { "[null]", "a tag is not a string without U+0000" },
        { "[[]]", "a tag is not a string without U+0000" },
        { "[\"\\u0000\"]", "a tag is not a string without U+0000" },
        { "{}", "value is not a valid list" },
        { "\"a\"", "value is not a valid list" },
        { "false", "value is not a valid list" }
    };

    char      body[64];
    unsigned  n;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        (void) snprintf(body, sizeof(body), "{\"value\":1,\"tags\":%s}",
                        cases[i].tags);
        answers(0, 0, BIGCACHE_OK);
        n = changes;
        run(bigcache_op_put_json, body, 0);

        is_int(op.rc, BIGCACHE_INVALID, "tags: %s", cases[i].tags);
        is_str(op.invalid.name, "tags", "tags: the member is named");
        is_str(op.invalid.msg, cases[i].msg, "tags: why");
        is_int(changes, n, "tags: nothing is stored");
        bigcache_op_free(&op);
    }
}


static void
pack(unsigned kind, const char *value)
{
    size_t             size;
    u_char            *text;
    bigcache_answer_t  answer;

    text = malloc(LONG);
    packed = malloc(LONG);

    memset(text, 'a', LONG);

    if (kind == BIGCACHE_KIND_JSON) {
        answer = page;

        text[0] = '"';
        text[LONG - 101] = '"';

        answer.value.data = value ? (const u_char *) value : text;
        answer.value.len = value ? strlen(value) : LONG - 100;

        if (bigcache_answer(&answer) == -1) {
            abort();
        }

        free(text);
        text = answer.memory;
    }

    size = (kind == BIGCACHE_KIND_JSON) ? answer.size : LONG;

    bigcache_page_clear(&found);

    found.kind = kind;
    found.head = (kind == BIGCACHE_KIND_JSON) ? (uint32_t) page.head : 0;
    found.unpacked = size;
    found.length = bigcache_gzip_pack(packed, text, size);
    found.packed = 1;

    if (found.length == 0) {

        /* too short to be packed */

        memcpy(packed, text, size);
        found.length = size;
        found.packed = 0;
    }

    free(text);
}


/*
 * runs a batch of n equal operations; returns how many results have the status
 */

static unsigned
many(const char *one, unsigned n, const char *status)
{
    char            *body, *p, prefix[64];
    unsigned         i, found;
    const u_char    *at, *end;

    body = malloc(64 + n * (strlen(one) + 1));
    p = stpcpy(body, "{\"operations\":[");

    for (i = 0; i < n; i++) {
        p = stpcpy(p, one);
        p = stpcpy(p, (i + 1 < n) ? "," : "]}");
    }

    run(bigcache_op_batch, body, 0);
    free(body);

    (void) snprintf(prefix, sizeof(prefix), "{\"status\":%s", status);

    found = 0;
    at = op.reply[0].bytes.data;
    end = at + op.reply[0].bytes.len;

    while ((at = memmem(at, (size_t) (end - at), prefix, strlen(prefix)))) {
        found++;
        at++;
    }

    return found;
}


/* condition: any page, if there is one */

static void
run(bigcache_op_pt handler, const char *body, int condition)
{
    memset(&op, 0, sizeof(bigcache_op_t));

    op.cache = &cache_of_test;
    op.key = page.key;
    op.body = bigcache_data_bytes((const u_char *) body, strlen(body));
    op.page.body.fd = -1;
    op.brief = (briefly != 0);
    op.framed = framed;
    op.as_bytes = as_bytes;
    op.match.sent = (condition != 0);
    op.match.any = (condition != 0);

    handler(&op);
}


/* so many changes return rc, the ones after them then */

static void
answers(unsigned calls, int rc, int then)
{
    firsts = calls;
    first = (bigcache_rc_t) rc;
    later = (bigcache_rc_t) then;
    changes = 0;
}


static void
says(unsigned status, const char *expected, const char *name)
{
    const char  *detail;

    is_int(bigcache_op_failure(&op, &detail), status, "%s: status", name);
    is_str(detail, expected, "%s: why", name);
}


static int
replied(const char *expected)
{
    return is_mem(op.reply[0].bytes.data, op.reply[0].bytes.len, expected,
                  strlen(expected), "the reply");
}


static bigcache_rc_t
answered(void)
{
    return (changes++ < firsts) ? first : later;
}


static void
log_line(void *data, int level, const char *text)
{
    (void) data;
    (void) level;

    (void) snprintf(logged, sizeof(logged), "%s", text);
}


static bigcache_rc_t
engine_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    int body, bigcache_page_t *p)
{
    (void) cache;
    (void) key;

    bodies += (body != 0);

    bigcache_page_clear(p);

    if (packed) {
        *p = found;

        if (body) {
            p->body = bigcache_data_bytes(packed, (size_t) found.length);
        }

        if (body && in_file != -1) {
            p->body = bigcache_data_range(in_file, 0, found.length);
        }

    } else {
        p->kind = BIGCACHE_KIND_JSON;
        p->head = (uint32_t) page.head;
        p->length = page.size;
        p->body = bigcache_data_bytes(page.memory, page.size);
    }

    p->tags = found_tags;
    p->version = ++version;
    p->origin = version;
    p->expire = BIGCACHE_NEVER;

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_put(bigcache_cache_t *cache, const bigcache_put_t *put,
    bigcache_page_t *p)
{
    (void) cache;

    put_length = bigcache_data_length(put->data, put->n);
    put_first = put->data[0];
    put_plain = put->plain;
    put_ntags = put->tags.len;

    if (put_ntags) {
        memcpy(put_tags, put->tags.data, put_ntags);
    }
    put_unpacked = put->unpacked;

    bigcache_page_clear(p);

    p->expire = put->expire;

    return answered();
}


static bigcache_rc_t
engine_sync(bigcache_cache_t *cache)
{
    (void) cache;

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_delete(bigcache_cache_t *cache, const bigcache_str_t *key,
    uint64_t expect)
{
    (void) cache;
    (void) key;
    (void) expect;

    return answered();
}


static void
engine_reason(bigcache_cache_t *cache, char *text)
{
    (void) cache;

    (void) snprintf(text, BIGCACHE_ERROR_LEN, "%s", reason);
}


static bigcache_lock_t *
engine_lock(bigcache_cache_t *cache, const bigcache_str_t *key,
    int brief)
{
    (void) cache;
    (void) key;

    locked_brief = brief;

    return NULL;
}


/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>

#include "bigcache_record.h"
#include "tap.h"


static void test_round_trip(void);
static void test_rewritten(void);
static void test_previous(void);
static void test_bytes(void);
static void test_refused(void);
static int broken(u_char *buf, size_t size, size_t at, u_char ch);
static bigcache_record_t sample(void);


int
main(void)
{
    test_round_trip();
    test_rewritten();
    test_previous();
    test_bytes();
    test_refused();

    return done_testing();
}


static void
test_round_trip(void)
{
    u_char             buf[256], *body;
    size_t             size;
    bigcache_record_t  in, out;

    in = sample();
    size = bigcache_record_size(&in);

    is_int(size, BIGCACHE_RECORD_HEADER + 9 + 5, "size with a body");

    body = bigcache_record_encode(buf, &in);
    is_int(body - buf, BIGCACHE_RECORD_HEADER + 9, "the body's place");
    memcpy(body, "hello", 5);
    bigcache_record_seal(buf, size);

    is_int(bigcache_record_decode(&out, buf, size), 0, "decodes");
    is_int(out.kind, in.kind, "kind");
    is_int(out.head, in.head, "head");
    ok(out.version == in.version, "version");
    ok(out.expire == in.expire, "expire");
    is_int(out.length, 5, "length");
    is_int(out.flags, 0, "not in a segment");
    is_mem(out.type.data, out.type.len, "text/html", 9, "type");
    is_mem(out.body.data, out.body.len, "hello", 5, "body");

    in.flags = BIGCACHE_FLAG_SEGMENT|BIGCACHE_FLAG_GZIP;
    in.segment = 77;
    in.offset = 4096;
    in.length = INT64_C(5000000000);
    size = bigcache_record_size(&in);

    is_int(size, BIGCACHE_RECORD_HEADER + BIGCACHE_RECORD_PLACE,
           "size with a place");
    (void) bigcache_record_encode(buf, &in);
    bigcache_record_seal(buf, size);
    is_int(bigcache_record_decode(&out, buf, size), 0, "decodes a place");
    is_int(out.segment, 77, "segment");
    is_int(out.offset, 4096, "offset");
    is_int(out.length, INT64_C(5000000000), "length of the entry's body");
    is_int(out.type.len, 9, "length of the entry's type");
    is_int(out.body.len, 0, "no body");
    ok(out.origin == in.version, "the origin is its own version");
}


static void
test_rewritten(void)
{
    u_char             buf[256], *body;
    size_t             size;
    bigcache_record_t  in, out;

    in = sample();
    in.flags = BIGCACHE_FLAG_REWRITTEN;
    in.origin = in.version - 5;

    size = bigcache_record_size(&in);
    is_int(size, BIGCACHE_RECORD_HEADER + BIGCACHE_RECORD_ORIGIN + 9 + 5,
           "rewritten: size with a body");

    body = bigcache_record_encode(buf, &in);
    memcpy(body, "hello", 5);
    bigcache_record_seal(buf, size);

    is_int(bigcache_record_decode(&out, buf, size), 0, "rewritten: decodes");
    ok(out.version == in.version, "rewritten: version");
    ok(out.origin == in.origin, "rewritten: origin");
    is_mem(out.body.data, out.body.len, "hello", 5, "rewritten: body");

    bigcache_record_seal(buf, BIGCACHE_RECORD_HEADER + 7);
    is_int(bigcache_record_decode(&out, buf, BIGCACHE_RECORD_HEADER + 7), -1,
           "rewritten: too short for an origin");

    in.flags |= BIGCACHE_FLAG_SEGMENT;
    in.segment = 77;
    in.offset = 4096;

    size = bigcache_record_size(&in);
    is_int(size, BIGCACHE_RECORD_HEADER + BIGCACHE_RECORD_ORIGIN
                 + BIGCACHE_RECORD_PLACE, "rewritten: size with a place");
    (void) bigcache_record_encode(buf, &in);
    bigcache_record_seal(buf, size);

    is_int(bigcache_record_decode(&out, buf, size), 0,
           "rewritten: decodes a place");
    ok(out.origin == in.origin, "rewritten: origin");
    is_int(out.segment, 77, "rewritten: segment");
    is_int(out.offset, 4096, "rewritten: offset");
}


static void
test_previous(void)
{
    u_char             buf[512], old[256];
    size_t             size;
    unsigned           i, taken;
    bigcache_record_t  in, out;

    in = sample();
    in.flags = BIGCACHE_FLAG_SEGMENT;
    in.segment = 5;
    in.offset = 32;

    in.previous.data = old;
    in.previous.len = bigcache_record_size(&in);
    (void) bigcache_record_encode(old, &in);
    bigcache_record_seal(old, in.previous.len);

    is_int(bigcache_record_decode(&out, old, in.previous.len), 0, "the first");
    ok(out.written == in.version, "is written at its version");
    is_int(out.previous.len, 0, "and has no previous one");

    in.flags |= BIGCACHE_FLAG_PREVIOUS|BIGCACHE_FLAG_REWRITTEN;
    in.written = in.version + 9;
    in.segment = 6;

    size = bigcache_record_size(&in);
    is_int(size, BIGCACHE_RECORD_MAX + in.previous.len
                 - 2 * BIGCACHE_RECORD_TIME - BIGCACHE_RECORD_TAGS
                 - BIGCACHE_TAGS_BYTES, "previous: size");

    (void) bigcache_record_encode(buf, &in);
    bigcache_record_seal(buf, size);

    is_int(bigcache_record_decode(&out, buf, size), 0, "previous: decodes");
    ok(out.written == in.written, "previous: written");
    is_int(out.segment, 6, "previous: segment");
    is_int(out.offset, 32, "previous: offset");
    is_mem(out.previous.data, out.previous.len, old, in.previous.len,
           "previous: the record");

    taken = 0;

    for (i = BIGCACHE_RECORD_HEADER; i < size; i++) {
        bigcache_record_seal(buf, i);
        taken += (bigcache_record_decode(&out, buf, i) == 0);
    }

    is_int(taken, 0, "previous: cut off");

    bigcache_record_seal(buf, size);
    is_int(broken(buf, size, 2, BIGCACHE_FLAG_PREVIOUS), -1,
           "previous: not of a body in the record");
    is_int(broken(buf, size, BIGCACHE_RECORD_HEADER
                             + BIGCACHE_RECORD_ORIGIN + 8, 0xff), -1,
           "previous: longer than it is");
}


/* the format must not change: these bytes are on users' disks */

static void
test_bytes(void)
{
    u_char             buf[256];
    bigcache_record_t  in;

    static const u_char  expected[] =
        "\x02\x02\x00\x00\x09\x00\x00\x00"
        "\x03\x00\x00\x00\x00\x00\x00\x00"
        "\x08\x07\x06\x05\x04\x03\x02\x01"
        "\xff\xff\xff\xff\xff\xff\xff\x7f"
        "\x05\x00\x00\x00\x00\x00\x00\x00"
        "\x05\x00\x00\x00\x00\x00\x00\x00"
        "text/html";

    in = sample();
    (void) bigcache_record_encode(buf, &in);

    is_mem(buf, BIGCACHE_RECORD_HEADER + 9, expected, sizeof(expected) - 1,
           "layout");
}


static void
test_refused(void)
{
    u_char             buf[256], *body;
    size_t             i, size;
    unsigned           taken;
    bigcache_record_t  in, out;

    in = sample();
    size = bigcache_record_size(&in);
    body = bigcache_record_encode(buf, &in);
    memcpy(body, "hello", 5);
    bigcache_record_seal(buf, size);

    taken = 0;

    for (i = 0; i < size; i++) {
        buf[i] ^= 0x10;
        taken += (bigcache_record_decode(&out, buf, size) == 0);
        buf[i] ^= 0x10;
    }

    is_int(taken, 0, "no changed byte is taken");

    for (i = 0; i < size; i++) {
        taken += (bigcache_record_decode(&out, buf, i) == 0);
    }

    is_int(taken, 0, "no cut-off record is taken");
    is_int(bigcache_record_decode(&out, buf, size + 1), -1, "one byte more");

    is_int(broken(buf, size, 0, 1), -1, "another format");
    is_int(broken(buf, size, 1, 4), -1, "unknown kind");
    is_int(broken(buf, size, 2, 4), -1, "unknown flag");
    is_int(broken(buf, size, 2, 2), -1, "a place where the body is");
    is_int(broken(buf, size, 3, 1), -1, "not zero");
    is_int(broken(buf, size, 4, 200), -1, "type past the end");
    is_int(broken(buf, size, 8, 6), -1, "head past the body");
    is_int(broken(buf, size, 39, 0x80), -1, "negative length");
    is_int(broken(buf, size, 40, 6), -1, "packed without the flag");
    is_int(broken(buf, size, 2, 1), 0, "packed to the same length");
}


/* decodes with one byte changed and a correct checksum */

static int
broken(u_char *buf, size_t size, size_t at, u_char ch)
{
    int                rc;
    u_char             was;
    bigcache_record_t  out;

    was = buf[at];
    buf[at] = ch;
    bigcache_record_seal(buf, size);
    rc = bigcache_record_decode(&out, buf, size);
    buf[at] = was;
    bigcache_record_seal(buf, size);

    return rc;
}


static bigcache_record_t
sample(void)
{
    bigcache_record_t  record;

    static const bigcache_str_t  type = bigcache_string("text/html");

    memset(&record, 0, sizeof(bigcache_record_t));

    record.kind = BIGCACHE_KIND_RAW;
    record.head = 3;
    record.version = UINT64_C(0x0102030405060708);
    record.expire = BIGCACHE_NEVER;
    record.length = 5;
    record.unpacked = 5;
    record.type = type;

    return record;
}

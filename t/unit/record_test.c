
/*
 * Copyright (C) bigcache contributors
 */


#include <stdlib.h>

#include "bigcache_record.h"
#include "tap.h"


static void test_round_trip(void);
static void test_bytes(void);
static void test_refused(void);
static bigcache_record_t sample(void);


int
main(void)
{
    test_round_trip();
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

    is_int(bigcache_record_decode(&out, buf, size), 0, "decodes");
    is_int(out.kind, in.kind, "kind");
    is_int(out.head, in.head, "head");
    ok(out.version == in.version, "version");
    ok(out.expire == in.expire, "expire");
    is_int(out.length, 5, "length");
    is_int(out.file, 0, "no file");
    is_mem(out.type.data, out.type.len, "text/html", 9, "type");
    is_mem(out.body.data, out.body.len, "hello", 5, "body");

    in.file = 77;
    in.length = INT64_C(5000000000);
    size = bigcache_record_size(&in);

    is_int(size, BIGCACHE_RECORD_HEADER + 9, "size with a file");
    (void) bigcache_record_encode(buf, &in);
    is_int(bigcache_record_decode(&out, buf, size), 0, "decodes a file");
    is_int(out.file, 77, "file");
    is_int(out.length, INT64_C(5000000000), "length of the file");
    is_int(out.body.len, 0, "no body");
}


/* the format is a promise: these bytes are on users' disks */

static void
test_bytes(void)
{
    u_char             buf[256];
    bigcache_record_t  in;

    static const u_char  expected[BIGCACHE_RECORD_HEADER + 9] =
        "\x01\x02\x09\x00\x03\x00\x00\x00"
        "\x08\x07\x06\x05\x04\x03\x02\x01"
        "\xff\xff\xff\xff\xff\xff\xff\x7f"
        "\x05\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00"
        "text/html";

    in = sample();
    (void) bigcache_record_encode(buf, &in);

    is_mem(buf, sizeof(expected), expected, sizeof(expected), "layout");
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

    taken = 0;

    for (i = 0; i < size; i++) {
        taken += (bigcache_record_decode(&out, buf, i) == 0);
    }

    is_int(taken, 0, "no cut-off record is taken");
    is_int(bigcache_record_decode(&out, buf, size + 1), -1, "one byte more");

    buf[0] = 2;
    is_int(bigcache_record_decode(&out, buf, size), -1, "another format");
    buf[0] = 1;

    buf[1] = 3;
    is_int(bigcache_record_decode(&out, buf, size), -1, "unknown kind");
    buf[1] = 2;

    buf[4] = 6;
    is_int(bigcache_record_decode(&out, buf, size), -1, "head past the body");
    buf[4] = 3;

    buf[2] = 200;
    is_int(bigcache_record_decode(&out, buf, size), -1, "type past the end");
    buf[2] = 9;

    buf[31] = 0x80;
    is_int(bigcache_record_decode(&out, buf, size), -1, "negative length");
    buf[31] = 0;

    buf[32] = 1;
    is_int(bigcache_record_decode(&out, buf, size), -1, "body and file");
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
    record.type = type;

    return record;
}

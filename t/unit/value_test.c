
/*
 * Copyright (C) bigcache contributors
 */


/* pages as the servers of a cluster keep them, and the names of buckets */


#include <stdlib.h>

#include "bigcache_bucket.h"
#include "bigcache_crc.h"
#include "bigcache_sweep.h"
#include "bigcache_value.h"
#include "tap.h"


static void test_round_trip(void);
static void test_parts(void);
static void test_refused(void);
static void test_digits(void);
static void test_slots(void);
static void test_groups(void);
static void test_ranges(void);
static bigcache_value_t sample(void);
static bigcache_value_e decode(const u_char *buf, size_t len);
static unsigned slot(const char *name);
static bigcache_str_t str(const char *text);


int
main(void)
{
    test_round_trip();
    test_parts();
    test_refused();
    test_digits();
    test_slots();
    test_groups();
    test_ranges();

    return done_testing();
}


static void
test_round_trip(void)
{
    u_char            buf[512];
    size_t            front, len;
    bigcache_value_t  in, out;

    in = sample();
    front = bigcache_value_front(&in);

    is_int(front, BIGCACHE_VALUE_HEADER + 4 + 9, "bytes in front of the body");

    bigcache_value_encode(buf, &in);
    memcpy(buf + front, "hello", 5);

    is_int(bigcache_value_decode(&out, buf, front + 5, 1, &len),
           BIGCACHE_VALUE_OK, "decodes");
    is_int(len, front, "where the body begins");
    is_int(out.version, in.version, "version");
    is_int(out.origin, in.origin, "origin");
    is_int(out.stale, in.stale, "stale");
    is_int(out.expire, in.expire, "expire");
    is_int(out.fresh, in.fresh, "fresh");
    is_int(out.kind, in.kind, "kind");
    is_int(out.packed, 1, "packed");
    is_int(out.head, 2, "head");
    is_int(out.unpacked, 6, "unpacked");
    is_mem(out.nonce, sizeof(out.nonce), in.nonce, sizeof(in.nonce), "nonce");
    is_mem(out.tags.data, out.tags.len, in.tags.data, in.tags.len, "tags");
    is_mem(out.type.data, out.type.len, "text/html", 9, "type");
    is_mem(out.body.data, out.body.len, "hello", 5, "body");

    in.expire = BIGCACHE_NEVER;
    in.stale = 0;
    bigcache_value_encode(buf, &in);
    is_int(bigcache_value_decode(&out, buf, front + 5, 1, &len),
           BIGCACHE_VALUE_OK, "decodes");
    ok(out.expire == BIGCACHE_NEVER, "never expires");
}


static void
test_parts(void)
{
    u_char            buf[512];
    size_t            front, len;
    bigcache_value_t  in, out;

    in = sample();
    front = bigcache_value_front(&in);

    bigcache_value_encode(buf, &in);
    memcpy(buf + front, "hello", 5);

    is_int(bigcache_value_decode(&out, buf, front, 1, &len),
           BIGCACHE_VALUE_OK, "the front alone");
    ok(out.body.data == NULL, "has no body");

    is_int(bigcache_value_decode(&out, buf, front + 3, 1, &len),
           BIGCACHE_VALUE_OK, "a part of the body");
    ok(out.body.data == NULL, "is none");

    is_int(bigcache_value_decode(&out, buf, front - 1, 1, &len),
           BIGCACHE_VALUE_SHORT, "less than the front");
    is_int(len, front, "says how much it wants");

    is_int(bigcache_value_decode(&out, buf, BIGCACHE_VALUE_HEADER - 1, 1,
                                 &len),
           BIGCACHE_VALUE_WRONG, "less than the header");
}


static void
test_refused(void)
{
    u_char            buf[512], was;
    size_t            front, i, wrong;
    bigcache_value_t  in, out;

    in = sample();
    front = bigcache_value_front(&in);

    bigcache_value_encode(buf, &in);
    memcpy(buf + front, "hello", 5);

    wrong = 0;

    for (i = 48; i < front + 5; i++) {
        was = buf[i];
        buf[i] ^= 1;
        wrong += (decode(buf, front + 5) != BIGCACHE_VALUE_OK
                  || (bigcache_value_decode(&out, buf, front + 5, 1, &(size_t)
                                            { 0 }), out.body.data == NULL));
        buf[i] = was;
    }

    is_int(wrong, front + 5 - 48, "each bit of what scripts leave alone");

    buf[3] = 'x';
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG,
           "a version that is no number");

    in.version = 0;
    bigcache_value_encode(buf, &in);
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG, "no version");

    in = sample();
    in.unpacked = in.length * 5000;
    bigcache_value_encode(buf, &in);
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG,
           "more than any file unpacks to");

    in = sample();
    in.chunks = 1;
    bigcache_value_encode(buf, &in);
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG,
           "chunks of a small page");

    in = sample();
    in.kind = 9;
    bigcache_value_encode(buf, &in);
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG, "an unknown kind");

    in = sample();
    in.head = 7;
    bigcache_value_encode(buf, &in);
    is_int(decode(buf, front + 5), BIGCACHE_VALUE_WRONG,
           "a head longer than the body");
}


static void
test_digits(void)
{
    u_char          buf[BIGCACHE_VALUE_DIGITS];
    uint64_t        n;
    bigcache_str_t  text;

    text = bigcache_value_digits(buf, 42);
    is_mem(text.data, text.len, "0000000000000042", 16, "a number");

    text = bigcache_value_digits(buf, UINT64_MAX);
    is_mem(text.data, text.len, "9999999999999999", 16, "too large a number");

    is_int(bigcache_value_number((const u_char *) "0123", 4, &n), 0, "reads");
    is_int(n, 123, "the number");
    is_int(bigcache_value_number((const u_char *) "01x3", 4, &n), -1,
           "refuses a letter");
}


/* values from the specification of Redis Cluster, and from a server */

static void
test_slots(void)
{
    bigcache_str_t     space, bucket_tag;
    bigcache_bucket_t  bucket;

    is_int(slot("123456789"), 0x31c3, "the check value of the CRC");
    is_int(slot("foo"), 12182, "foo");
    is_int(slot("{foo}bar"), 12182, "the tag alone counts");
    is_int(slot("{}foo"), slot("{}foo"), "an empty tag");
    ok(slot("{}foo") != slot("foo"), "is none");
    is_int(slot("foo{bar}{zap}"), slot("bar"), "the first tag");
    is_int(slot("foo{{bar}}zap"), slot("{bar"), "braces within");

    space = str("pages");
    bigcache_bucket_init(&bucket, &space, 17);

    is_mem(bucket.names[BIGCACHE_BUCKET_INDEX].data,
           bucket.names[BIGCACHE_BUCKET_INDEX].len, "{pages:17}i", 11,
           "a name in a bucket");

    bucket_tag = bucket.names[BIGCACHE_BUCKET_NUMBERS];
    is_int(bucket.slot, bigcache_bucket_slot(&bucket_tag),
           "its slot is that of its names");
}


static void
test_groups(void)
{
    u_char               one[BIGCACHE_KEY_MAX], two[BIGCACHE_KEY_MAX];
    unsigned             number;
    bigcache_str_t       a, b, variant;
    bigcache_selector_t  selector;

    bigcache_str_t  page = bigcache_string("\0http://h:81/a?b");
    bigcache_str_t  other = bigcache_string("\0https://h/a?b");
    bigcache_str_t  varies = bigcache_string("\0http://h/a?b\0~accept:x");

    variant = varies;
    a = bigcache_bucket_group(one, &page);
    b = bigcache_bucket_group(two, &other);

    is_mem(a.data, a.len, b.data, b.len,
           "a page and the same of another scheme and port");

    b = bigcache_bucket_group(two, &variant);
    is_mem(a.data, a.len, b.data, b.len, "a page and its variant");

    is_int(bigcache_bucket_of(&page, 1000), bigcache_bucket_of(&other, 1000),
           "lie in one bucket");
    is_int(bigcache_bucket_of(&page, 1000), bigcache_bucket_of(&variant, 1000),
           "all three");

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.host = str("h");
    selector.prefix = str("/a?b");

    is_int(bigcache_bucket_selected(&selector, 1000, &number), 0,
           "a prefix is in any bucket");

    selector.flags = BIGCACHE_SELECTOR_EXACT;

    is_int(bigcache_bucket_selected(&selector, 1000, &number), 1,
           "a URL is in one");
    is_int(number, bigcache_bucket_of(&page, 1000), "that of its page");

    selector.host.len = 0;
    selector.prefix = str("key");
    (void) bigcache_bucket_selected(&selector, 1000, &number);
    is_int(number, bigcache_bucket_of(&selector.prefix, 1000),
           "and a key in its own");
}


static void
test_ranges(void)
{
    bigcache_selector_t       selector;
    bigcache_sweep_ranges_t  *ranges;

    ranges = malloc(sizeof(bigcache_sweep_ranges_t));
    if (ranges == NULL) {
        return;
    }

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.prefix = str("ab");
    bigcache_sweep_ranges(&selector, ranges);

    is_int(ranges->n, 1, "a prefix has one range");
    is_int(ranges->tags, 0, "of keys");
    is_mem(ranges->begins[0], ranges->len, "ab", 2, "which is the prefix");

    selector.tag = str("t1");
    bigcache_sweep_ranges(&selector, ranges);

    is_int(ranges->tags, 1, "a tag has one of tags");
    is_mem(ranges->begins[0], ranges->len, "\1t1ab", 5, "with the prefix");

    selector.tag.len = 0;
    selector.host = str("host");
    selector.prefix = str("/x");
    bigcache_sweep_ranges(&selector, ranges);

    is_int(ranges->n, 2, "a host has two");
    is_mem(ranges->begins[0], ranges->len, "\0https://hos", 12,
           "a part of one scheme");
    is_mem(ranges->begins[1], ranges->len, "\0http://host", 12,
           "and the other");

    free(ranges);
}


static bigcache_value_t
sample(void)
{
    bigcache_value_t  value;

    memset(&value, 0, sizeof(bigcache_value_t));

    value.version = UINT64_C(1796008909836038);
    value.origin = UINT64_C(1796008909836037);
    value.stale = 5;
    value.expire = INT64_C(1796008909836);
    memcpy(value.nonce, "0123456789abcdef01234567", BIGCACHE_VALUE_NONCE);
    value.kind = BIGCACHE_KIND_JSON;
    value.packed = 1;
    value.head = 2;
    value.fresh = INT64_C(1796008909000);
    value.length = 5;
    value.unpacked = 6;
    value.crc = bigcache_crc(0, (const u_char *) "hello", 5);
    value.tags.data = (const u_char *) "\0a\0b";
    value.tags.len = 4;
    value.type = str("text/html");

    return value;
}


static bigcache_value_e
decode(const u_char *buf, size_t len)
{
    size_t            front;
    bigcache_value_t  value;

    return bigcache_value_decode(&value, buf, len, 1, &front);
}


static unsigned
slot(const char *name)
{
    bigcache_str_t  text;

    text = str(name);

    return bigcache_bucket_slot(&text);
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  string;

    string.data = (const u_char *) text;
    string.len = strlen(text);

    return string;
}

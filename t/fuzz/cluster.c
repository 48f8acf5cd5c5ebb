
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The calls of the engine over servers that answer anything.  The first byte
 * chooses the call, the second what of it; the rest is what servers send.
 * Functions below stand in for those of a link: they answer what every server
 * answers to a new client, and take the other answers from the input.
 *
 * When it has ended, so has the call, and it has left no memory behind.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_chunks.h"
#include "bigcache_cluster.h"
#include "bigcache_sweep.h"
#include "value.h"


/* commands that are not answered yet, and bytes of a large page */

#define COMMANDS  4096
#define LARGE     (BIGCACHE_PAGE_LARGE + 100)

#define FEW       1000


struct bigcache_link_s {
    unsigned   sent;
    unsigned   answered;
    char       commands[COMMANDS];
};


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bigcache_link_t *__wrap_bigcache_link_open(const bigcache_address_t *address,
    const bigcache_tls_t *tls, int64_t deadline, int *wrong, char *error);
void __wrap_bigcache_link_close(bigcache_link_t *link);
int __wrap_bigcache_link_append(bigcache_link_t *link,
    const bigcache_str_t *parts, unsigned n, char *error);
int __wrap_bigcache_link_flush(bigcache_link_t *link, int64_t deadline,
    char *error);
bigcache_reply_t *__wrap_bigcache_link_receive(bigcache_link_t *link,
    int64_t deadline, char *error);
bigcache_reply_t *__wrap_bigcache_link_ask(bigcache_link_t *link,
    const bigcache_str_t *parts, unsigned n, int64_t deadline, char *error);
int __wrap_bigcache_link_gone(bigcache_link_t *link);
int __wrap_usleep(useconds_t us);

static void call(bigcache_cache_t *cache, unsigned which, unsigned what);
static void call_get(bigcache_cache_t *cache, const bigcache_str_t *key,
    unsigned what);
static void call_put(bigcache_cache_t *cache, const bigcache_str_t *key,
    unsigned what);
static void call_list(bigcache_cache_t *cache, unsigned what);
static void call_purge(bigcache_cache_t *cache, unsigned what);
static void call_upkeep(bigcache_cluster_t *cluster, unsigned what);
static bigcache_reply_t *usual(const char *text);
static void touch(const void *data, size_t len);
static void seal(bigcache_reply_t *reply);
static void say(void *data, int level, const char *text);
static void removed(void *data, uint64_t expired, uint64_t purged);


static redisReader         *input;
static bigcache_cluster_t  *engine;
static unsigned             own_slots;
static volatile u_char      sum;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bigcache_cache_t           *cache;
    bigcache_shared_t           shared;
    bigcache_address_t          seed = { "127.0.0.1", 1 };
    bigcache_servers_t          servers;
    bigcache_cluster_conf_t     conf;

    if (size < 2) {
        return 0;
    }

    memset(&shared, 0, sizeof(shared));
    memset(&servers, 0, sizeof(servers));
    memset(&conf, 0, sizeof(conf));

    conf.log.handler = say;
    conf.name.data = (const u_char *) "a";
    conf.name.len = 1;
    conf.label = "a";
    conf.buckets = 2;
    conf.replicas = (data[1] & 64) ? 1 : 0;
    conf.gzip_min = 1024;
    conf.temp = "/tmp";
    conf.nodes.seeds = &seed;
    conf.nodes.nseeds = 1;
    conf.nodes.timeout = 10000;
    conf.nodes.wait = 10000;
    conf.counters = &servers;
    conf.shared = &shared;
    conf.removed = removed;

    cache = bigcache_cluster_create(&conf);
    input = redisReaderCreate();

    if (cache == NULL || input == NULL) {
        abort();
    }

    engine = (bigcache_cluster_t *) cache;
    own_slots = (data[1] & 128) ? 1 : 0;

    if (redisReaderFeed(input, (const char *) data + 2, size - 2) == REDIS_OK)
    {
        call(cache, data[0] % 8, data[1]);
    }

    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);
    redisReaderFree(input);

    return 0;
}


static void
call(bigcache_cache_t *cache, unsigned which, unsigned what)
{
    bigcache_stat_t  stat;
    bigcache_str_t   key = bigcache_string("key");
    bigcache_str_t   page = bigcache_string("\0http://h/a");

    if (what & 1) {
        key = page;
    }

    switch (which) {

    case 0:
        call_get(cache, &key, what);
        break;

    case 1:
        call_put(cache, &key, what);
        break;

    case 2:
        (void) bigcache_cache_delete(cache, &key,
                                     (what & 2) ? 1 : BIGCACHE_EXPECT_ANY);
        break;

    case 3:
        call_list(cache, what);
        break;

    case 4:
        (void) bigcache_cache_stat(cache, (what & 2) ? 100 : 0, &stat);
        break;

    case 5:
        call_purge(cache, what);
        break;

    case 6:
        (void) bigcache_cache_clear(cache);
        break;

    default:
        call_upkeep((bigcache_cluster_t *) cache, what);
    }
}


static void
call_get(bigcache_cache_t *cache, const bigcache_str_t *key, unsigned what)
{
    bigcache_page_t   page;

    static const int  bodies[] = {
        BIGCACHE_BODY_NONE, BIGCACHE_BODY_SMALL, BIGCACHE_BODY_KNOWN,
        BIGCACHE_BODY
    };

    if (bigcache_cache_get(cache, key, bodies[(what >> 1) % 4], &page)
        == BIGCACHE_OK)
    {
        touch(page.type.data, page.type.len);
        touch(page.tags.data, page.tags.len);

        if (page.body.fd == -1) {
            touch(page.body.bytes.data, page.body.bytes.len);
        }

        bigcache_page_free(&page);
    }
}


static void
call_put(bigcache_cache_t *cache, const bigcache_str_t *key, unsigned what)
{
    bigcache_put_t    put;
    bigcache_data_t   data;
    bigcache_page_t   page;
    bigcache_str_t    tags = bigcache_string("\0a\1bc");
    static u_char     body[LARGE];

    memset(&put, 0, sizeof(put));

    data = bigcache_data_bytes(body, (what & 2) ? LARGE : 20);

    put.key = *key;
    put.kind = (what & 4) ? BIGCACHE_KIND_JSON : BIGCACHE_KIND_RAW;
    put.expect = (what & 8) ? BIGCACHE_EXPECT_NONE : BIGCACHE_EXPECT_ANY;
    put.expire = BIGCACHE_NEVER;
    put.tags = tags;
    put.data = &data;
    put.n = 1;

    if (what & 16) {
        put.fetched = 1;
        put.origin = 1;
    }

    if (bigcache_cache_put(cache, &put, &page) == BIGCACHE_OK) {
        bigcache_page_free(&page);
    }
}


static void
call_list(bigcache_cache_t *cache, unsigned what)
{
    size_t                  at;
    bigcache_str_t          none = { 0, NULL };
    bigcache_str_t          empty = bigcache_string("");
    bigcache_str_t          k = bigcache_string("k");
    bigcache_str_t          tag = bigcache_string("a");
    bigcache_list_row_t     row;
    static bigcache_list_t  list;

    if (bigcache_cache_list(cache, (what & 2) ? &k : &empty,
                            (what & 4) ? &tag : &none,
                            (what & 8) ? &k : &none, (what & 16) ? 1 : 100,
                            &list)
        != BIGCACHE_OK)
    {
        return;
    }

    at = 0;

    while (bigcache_list_row(&list, &at, &row)) {
        touch(row.key.data, row.key.len);
        touch(row.type.data, row.type.len);
        touch(row.tags.data, row.tags.len);
    }
}


static void
call_purge(bigcache_cache_t *cache, unsigned what)
{
    bigcache_str_t         k = bigcache_string("k");
    bigcache_purged_t      purged;
    bigcache_selector_t    selector;
    bigcache_selectors_t  *selectors;

    selectors = malloc(sizeof(bigcache_selectors_t));
    if (selectors == NULL) {
        return;
    }

    memset(&selector, 0, sizeof(selector));
    bigcache_selectors_prefix(selectors, &k);

    if (what & 2) {
        selector.tag = k;
        bigcache_selectors_init(selectors);
        (void) bigcache_selectors_add(selectors, &selector);
    }

    purged.begun = NULL;

    (void) bigcache_cache_purge(cache, selectors, 0, &purged);

    free(selectors);
}


static void
call_upkeep(bigcache_cluster_t *cluster, unsigned what)
{
    bigcache_str_t           name = bigcache_string("0123456789abcdef01234567"
                                                    ":20");
    bigcache_call_t          one;
    bigcache_bucket_t        bucket;
    bigcache_sweep_sum_t     swept;
    bigcache_sweep_bucket_t  buckets[1];

    bigcache_bucket_init(&bucket, &cluster->conf.name, 1);
    memset(&swept, 0, sizeof(swept));

    buckets[0].bucket = &bucket;
    buckets[0].version = 0;

    if (what & 2) {
        (void) bigcache_sweep_expired(cluster, buckets, 1, &swept);

    } else if (what & 4) {
        (void) bigcache_sweep(cluster, buckets, 1, &swept);

    } else if (bigcache_space_begin(cluster, &one, 1) == BIGCACHE_OK) {
        (void) bigcache_chunks_due(cluster, &one, &bucket, &name);
    }
}


bigcache_link_t *
__wrap_bigcache_link_open(const bigcache_address_t *address,
    const bigcache_tls_t *tls, int64_t deadline, int *wrong, char *error)
{
    (void) address;
    (void) tls;
    (void) deadline;
    (void) wrong;
    (void) error;

    return calloc(1, sizeof(bigcache_link_t));
}


void
__wrap_bigcache_link_close(bigcache_link_t *link)
{
    free(link);
}


/* remembers which answer the command gets */

int
__wrap_bigcache_link_append(bigcache_link_t *link, const bigcache_str_t *parts,
    unsigned n, char *error)
{
    char      kind;
    unsigned  i;

    for (i = 0; i < n; i++) {
        touch(parts[i].data, parts[i].len);
    }

    kind = 'd';

    if (parts[0].len == 4 && memcmp(parts[0].data, "INFO", 4) == 0) {
        kind = 'i';

    } else if (parts[0].len == 6 && memcmp(parts[0].data, "SCRIPT", 6) == 0) {
        kind = 's';

    } else if (parts[0].len == 7 && memcmp(parts[0].data, "CLUSTER", 7) == 0
               && !own_slots)
    {
        kind = 'c';

    } else if (n == 2 && parts[1].len == 7
               && memcmp(parts[1].data, "{a}conf", 7) == 0)
    {
        kind = 'n';
    }

    if (link->sent == COMMANDS) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return -1;
    }

    link->commands[link->sent++] = kind;

    return 0;
}


int
__wrap_bigcache_link_flush(bigcache_link_t *link, int64_t deadline,
    char *error)
{
    (void) link;
    (void) deadline;
    (void) error;

    return 0;
}


bigcache_reply_t *
__wrap_bigcache_link_receive(bigcache_link_t *link, int64_t deadline,
    char *error)
{
    void  *reply;

    (void) deadline;

    /* the engine must not wait for more answers than it has asked for */

    if (link->answered == link->sent) {
        abort();
    }

    switch (link->commands[link->answered++]) {

    case 'i':
        return usual("$6\r\n# Memo\r\n");

    case 's':
        return usual("$40\r\n0123456789012345678901234567890123456789\r\n");

    case 'c':
        return usual("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:1\r\n");

    case 'n':
        return usual("$3\r\n1 2\r\n");
    }

    if (redisReaderGetReply(input, &reply) != REDIS_OK || reply == NULL) {

        atomic_store(&engine->stopping, 1);
        strcpy(error, "the input has ended");

        return NULL;
    }

    seal(reply);

    return reply;
}


bigcache_reply_t *
__wrap_bigcache_link_ask(bigcache_link_t *link, const bigcache_str_t *parts,
    unsigned n, int64_t deadline, char *error)
{
    (void) __wrap_bigcache_link_append(link, parts, n, error);

    return __wrap_bigcache_link_receive(link, deadline, error);
}


int
__wrap_bigcache_link_gone(bigcache_link_t *link)
{
    if (link->answered != link->sent) {
        abort();
    }

    link->answered = 0;
    link->sent = 0;

    return 0;
}


int
__wrap_usleep(useconds_t us)
{
    (void) us;

    return 0;
}


static bigcache_reply_t *
usual(const char *text)
{
    void         *reply;
    redisReader  *reader;

    reader = redisReaderCreate();

    if (reader == NULL
        || redisReaderFeed(reader, text, strlen(text)) != REDIS_OK
        || redisReaderGetReply(reader, &reply) != REDIS_OK
        || reply == NULL)
    {
        abort();
    }

    redisReaderFree(reader);

    return reply;
}


static void
touch(const void *data, size_t len)
{
    size_t         i;
    const u_char  *p;

    p = data;

    /* of a large body, the first and the last bytes will do */

    for (i = 0; i < len; i += (i == FEW && len > 2 * FEW) ? len - 2 * FEW : 1) {
        sum ^= p[i];
    }
}


/* texts that may be pages; an even last byte leaves them as they are */

static void
seal(bigcache_reply_t *reply)
{
    if (reply->type == REDIS_REPLY_STRING
        && reply->len
        && (reply->str[reply->len - 1] & 1))
    {
        value_seal((u_char *) reply->str, (size_t) reply->len);
    }
}


static void
say(void *data, int level, const char *text)
{
    (void) data;
    (void) level;

    touch(text, strlen(text));
}


static void
removed(void *data, uint64_t expired, uint64_t purged)
{
    (void) data;
    (void) expired;
    (void) purged;
}

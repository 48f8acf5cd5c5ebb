
/*
 * Copyright (C) bigcache contributors
 */


/* the servers of a cluster: the map of slots, and numbers that serve again */


#include <stdlib.h>
#include <string.h>

#include "bigcache_bucket.h"
#include "bigcache_nodes.h"
#include "tap.h"


static void test_map(void);
static void test_wrong(void);
static void test_many(void);
static int map(bigcache_nodes_t *nodes, const char *text);
static int at(bigcache_nodes_t *nodes, const char *host, unsigned port);
static const char *named(bigcache_nodes_t *nodes, int node);
static bigcache_nodes_t *create(void);


static bigcache_nodes_conf_t  conf;
static bigcache_servers_t     servers;
static bigcache_address_t     seed = { "127.0.0.1", 1 };
static char                   error[BIGCACHE_ERROR_LEN];


int
main(void)
{
    conf.seeds = &seed;
    conf.nseeds = 1;

    test_map();
    test_wrong();
    test_many();

    return done_testing();
}


static void
test_map(void)
{
    int                near;
    bigcache_nodes_t  *nodes;

    nodes = create();
    near = at(nodes, "192.0.2.1", 7000);

    is_int(bigcache_nodes_of(nodes, 5), BIGCACHE_NODES_NONE, "not known yet");

    is_int(map(nodes, "*3\r\n"
                      "*3\r\n:0\r\n:9\r\n*2\r\n$9\r\n192.0.2.1\r\n:7000\r\n"
                      "*4\r\n:10\r\n:99\r\n*4\r\n$-1\r\n:7001\r\n$1\r\na\r\n"
                      "*0\r\n*2\r\n$9\r\n192.0.2.9\r\n:7009\r\n"
                      "*3\r\n:16383\r\n:16383\r\n*2\r\n$1\r\n?\r\n:7002\r\n"),
           0, "a map");

    is_int(bigcache_nodes_of(nodes, 5), near, "the server that was asked");
    is_str(named(nodes, bigcache_nodes_of(nodes, 10)), "192.0.2.1:7001",
           "one without a host is on the same");
    is_str(named(nodes, bigcache_nodes_of(nodes, 99)), "192.0.2.1:7001",
           "to the end of the range");
    is_int(bigcache_nodes_of(nodes, 100), BIGCACHE_NODES_NONE, "a gap");
    is_str(named(nodes, bigcache_nodes_of(nodes, 16383)), "192.0.2.1:7002",
           "and so is \"?\"");

    bigcache_nodes_destroy(nodes);
}


static void
test_wrong(void)
{
    size_t             i;
    bigcache_nodes_t  *nodes;

    static const char *const  texts[] = {
        "*0\r\n", ":1\r\n", "$1\r\na\r\n", "+OK\r\n", "*1\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:9223372036854775807\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:65536\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        ("*2\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\na\r\n:1\r\n"
         "*3\r\n:0\r\n:0\r\n*2\r\n$1\r\na\r\n:1\r\n")
    };

    nodes = create();
    (void) at(nodes, "192.0.2.1", 7000);

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        is_int(map(nodes, texts[i]), -1, "wrong map %u", (unsigned) i);
    }

    bigcache_nodes_destroy(nodes);
}


/* addresses come and go, as those of containers do */

static void
test_many(void)
{
    int                node, first, taken;
    char               host[32], text[256];
    unsigned           i, none;
    bigcache_nodes_t  *nodes;

    nodes = create();

    /* makes the seed known, and finds it away */

    (void) bigcache_nodes_refresh(nodes, 0, 0, error);

    first = at(nodes, "127.0.0.1", 1);
    taken = at(nodes, "192.0.2.2", 7000);
    bigcache_nodes_moved(nodes, 7, taken);

    none = 0;

    for (i = 0; i < 3 * BIGCACHE_NODES_MAX; i++) {

        (void) snprintf(host, sizeof(host), "10.0.%u.%u", i / 256, i % 256);
        node = at(nodes, host, 7000);
        none += (node == BIGCACHE_NODES_NONE);
    }

    is_int(none, 0, "each of %u servers has a number",
           3 * BIGCACHE_NODES_MAX);

    is_str(named(nodes, first), "127.0.0.1:1",
           "that of one which the user has named is kept");
    is_str(named(nodes, bigcache_nodes_of(nodes, 7)), "192.0.2.2:7000",
           "and that of one which has a slot");

    (void) snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n"
                    "$%zu\r\n%s\r\n:7000\r\n", strlen(host), host);

    is_int(map(nodes, text), 0, "a map that gives all slots to the last one");
    (void) snprintf(text, sizeof(text), "%s:7000", host);
    is_str(named(nodes, bigcache_nodes_of(nodes, 7)), text, "it has them");

    bigcache_nodes_destroy(nodes);
}


static int
map(bigcache_nodes_t *nodes, const char *text)
{
    int           rc;
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

    rc = bigcache_nodes_map(nodes, 0, reply, error);

    freeReplyObject(reply);
    redisReaderFree(reader);

    return rc;
}


static int
at(bigcache_nodes_t *nodes, const char *host, unsigned port)
{
    bigcache_address_t  address;

    memset(&address, 0, sizeof(address));

    (void) snprintf(address.host, sizeof(address.host), "%s", host);
    address.port = port;

    return bigcache_nodes_at(nodes, &address, BIGCACHE_NODES_NONE);
}


static const char *
named(bigcache_nodes_t *nodes, int node)
{
    static char  text[BIGCACHE_ERROR_LEN];

    if (node == BIGCACHE_NODES_NONE) {
        return "none";
    }

    bigcache_nodes_name(nodes, node, text);

    return text;
}


static bigcache_nodes_t *
create(void)
{
    bigcache_nodes_t  *nodes;

    nodes = bigcache_nodes_create(&conf, &servers);

    if (nodes == NULL) {
        abort();
    }

    return nodes;
}

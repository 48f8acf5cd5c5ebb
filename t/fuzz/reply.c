
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Whatever a server sends, a link makes answers of it or fails, and nothing
 * that reads an answer goes wrong: the map of slots, purges, what a script has
 * done, texts and numbers.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bigcache_markers.h"
#include "bigcache_nodes.h"
#include "bigcache_remove.h"
#include "bigcache_time.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int listener(bigcache_address_t *address);
static void answer(const bigcache_reply_t *reply);
static void walk(const bigcache_reply_t *reply);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                        peer, wrong;
    char                       error[BIGCACHE_ERROR_LEN];
    int64_t                    deadline;
    struct linger              linger = { 1, 0 };
    bigcache_link_t           *link;
    bigcache_reply_t          *reply;
    static int                 fd = -1;
    static bigcache_address_t  address;

    if (fd == -1) {
        fd = listener(&address);
    }

    deadline = bigcache_time_monotonic() + 10000;

    link = bigcache_link_open(&address, NULL, deadline, &wrong, error);
    if (link == NULL) {
        return 0;
    }

    peer = accept(fd, NULL, NULL);

    if (size > 65536) {
        size = 65536;
    }

    if (peer == -1
        || write(peer, data, size) != (ssize_t) size
        || shutdown(peer, SHUT_WR) == -1)
    {
        abort();
    }

    for ( ;; ) {
        reply = bigcache_link_receive(link, deadline, error);

        if (reply == NULL) {
            break;
        }

        answer(reply);
        bigcache_link_free(reply);
    }

    /* an error is a text, and ends */

    if (memchr(error, '\0', sizeof(error)) == NULL) {
        abort();
    }

    bigcache_link_close(link);

    (void) setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void) close(peer);

    return 0;
}


static int
listener(bigcache_address_t *address)
{
    int                 fd;
    socklen_t           len;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    len = sizeof(sin);
    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1
        || bind(fd, (struct sockaddr *) &sin, len) == -1
        || listen(fd, 16) == -1
        || getsockname(fd, (struct sockaddr *) &sin, &len) == -1)
    {
        abort();
    }

    strcpy(address->host, "127.0.0.1");
    address->port = ntohs(sin.sin_port);

    return fd;
}


static void
answer(const bigcache_reply_t *reply)
{
    int                     node;
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_str_t          none = bigcache_string("");
    bigcache_str_t          key = bigcache_string("\0http://h/a");
    bigcache_nodes_t       *nodes;
    bigcache_address_t      address = { "127.0.0.1", 1 };
    bigcache_servers_t      servers;
    bigcache_nodes_conf_t   conf;

    memset(&conf, 0, sizeof(bigcache_nodes_conf_t));
    memset(&servers, 0, sizeof(bigcache_servers_t));

    nodes = bigcache_nodes_create(&conf, &servers);

    if (nodes) {
        node = bigcache_nodes_at(nodes, &address, BIGCACHE_NODES_NONE);
        (void) bigcache_nodes_map(nodes, node, reply, error);
        bigcache_nodes_destroy(nodes);
    }

    (void) bigcache_markers_look(reply, &key, &none, 1);
    (void) bigcache_remove_answer(reply);

    walk(reply);
}


static void
walk(const bigcache_reply_t *reply)
{
    size_t                   i;
    const bigcache_reply_t  *part;

    (void) bigcache_link_number(reply);
    (void) bigcache_link_text(reply);

    for (i = 0; ; i++) {
        part = bigcache_link_part(reply, i);

        if (part == NULL) {
            return;
        }

        walk(part);
    }
}

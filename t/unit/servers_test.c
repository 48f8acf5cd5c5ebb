
/*
 * Copyright (C) bigcache contributors
 */


/* the list of the servers of a cluster in shared memory, and what INFO says */


#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bigcache_servers.h"
#include "bigcache_watch.h"
#include "tap.h"


static void test_list(void);
static void test_watcher(void);
static void test_abandoned(void);
static void test_info(void);
static void test_strange(void);
static void read_info(bigcache_server_t *server, char *id, const char *text);


/* shared with a child */

static bigcache_servers_list_t  *memory;

static bigcache_servers_t        servers;
static bigcache_server_t         list[BIGCACHE_SERVERS_MAX + 1];


int
main(void)
{
    memory = mmap(NULL, sizeof(bigcache_servers_list_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return 1;
    }

    test_list();
    test_watcher();
    test_abandoned();
    test_info();
    test_strange();

    return done_testing();
}


static void
test_list(void)
{
    memset(list, 0, sizeof(list));
    memcpy(list[1].name, "a:1", 4);

    bigcache_servers_write(&servers, list, 2, 1000);
    is_int(bigcache_servers_read(&servers, list, 1000), 0, "a small zone");
    is_int(bigcache_servers_watch(&servers, 1000), 0, "nobody watches for it");
    bigcache_servers_leave(&servers);

    servers.list = memory;

    is_int(bigcache_servers_read(&servers, list, 1000), 0, "no list");

    bigcache_servers_write(&servers, list, 2, 1000);
    memset(list, 0, sizeof(list));

    is_int(bigcache_servers_read(&servers, list, 1000), 2, "a list");
    ok(strcmp(list[1].name, "a:1") == 0, "its second server");
    is_int(bigcache_servers_read(&servers, list,
                                 1001 + BIGCACHE_SERVERS_OLD),
           0, "it is old");

    bigcache_servers_write(&servers, list, BIGCACHE_SERVERS_MAX + 1, 1000);
    is_int(bigcache_servers_read(&servers, list, 1000), BIGCACHE_SERVERS_MAX,
           "too many are left out");
}


/* one process watches until it leaves, ends, or is silent */

static void
test_watcher(void)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        _exit(bigcache_servers_watch(&servers, 2000));
    }

    (void) waitpid(pid, &status, 0);

    is_int(WEXITSTATUS(status), 1, "another process watches");
    is_int(atomic_load(&memory->watcher), pid, "which is known");
    is_int(bigcache_servers_watch(&servers, 2000), 1, "it has ended");

    /* 1 is a process, and not this one */

    atomic_store(&memory->watcher, 1);
    atomic_store(&memory->written, 2000);

    is_int(bigcache_servers_watch(&servers, 2001), 0, "another one watches");
    bigcache_servers_leave(&servers);
    is_int(atomic_load(&memory->watcher), 1, "which does not leave");
    is_int(bigcache_servers_watch(&servers, 2000 + BIGCACHE_SERVERS_OLD), 1,
           "it is silent");
    is_int(bigcache_servers_watch(&servers, 2000), 1, "this one goes on");
    bigcache_servers_leave(&servers);
    is_int(atomic_load(&memory->watcher), 0, "and leaves");
}


static void
test_abandoned(void)
{
    int    status;
    pid_t  pid;

    bigcache_servers_write(&servers, list, 2, 1000);

    atomic_store(&memory->lock, 1);
    is_int(bigcache_servers_read(&servers, list, 1000), 0,
           "another process has the lock");

    pid = fork();

    if (pid == 0) {
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    atomic_store(&memory->lock, (uint32_t) pid);
    is_int(bigcache_servers_read(&servers, list, 1000), 0,
           "a process died while it had it");
    bigcache_servers_write(&servers, list, 2, 1000);
    is_int(bigcache_servers_read(&servers, list, 1000), 2, "the next list");
}


static void
test_info(void)
{
    char               id[BIGCACHE_WATCH_ID + 1];
    bigcache_server_t  server;

    memset(&server, 0, sizeof(bigcache_server_t));
    memcpy(server.why, "gone", 5);
    server.slots = 7;

    read_info(&server, id, "# Server\r\nrun_id:0123456789abcdef\r\n"
              "# Memory\r\nused_memory:1234\r\nused_memory_human:1K\r\n"
              "maxmemory:5000\r\nmaxmemory_policy:noeviction\r\n"
              "loading:0\r\nevicted_keys:3\r\nrole:master\r\n"
              "connected_slaves:3\r\n"
              "slave0:ip=1.1.1.1,port=1,state=online,offset=1,lag=0\r\n"
              "slave1:ip=1.1.1.2,port=1,state=wait_bgsave,offset=1,lag=0\r\n"
              "slave2:ip=1.1.1.3,port=1,state=online,offset=1,lag=0\r\n");

    is_int(server.state, BIGCACHE_SERVER_ANSWERS, "a server");
    is_int(server.role, BIGCACHE_SERVER_MASTER, "a master");
    is_int(server.used, 1234, "memory");
    is_int(server.max, 5000, "its limit");
    is_int(server.evicted, 3, "evictions");
    is_int(server.replicas, 2, "replicas in step");
    is_int(server.slots, 7, "slots are not of INFO");
    is_int(server.why[0], 0, "nothing to complain of");
    ok(strcmp(server.policy, "noeviction") == 0, "policy");
    ok(strcmp(id, "0123456789abcdef") == 0, "which run");

    read_info(&server, id, "role:slave\nloading:1\n");

    is_int(server.state, BIGCACHE_SERVER_LOADING, "it loads its data");
    is_int(server.role, BIGCACHE_SERVER_REPLICA, "a replica");
    is_int(server.used, 0, "memory is not known");
    is_int(id[0], 0, "nor which run");

    read_info(&server, id, "maxmemory_policy:allkeys-random\r\n");

    is_int(server.state, BIGCACHE_SERVER_REFUSED, "a policy");
    ok(strcmp(server.why, "its maxmemory-policy is allkeys-random") == 0,
       "why");
}


static void
test_strange(void)
{
    char               id[BIGCACHE_WATCH_ID + 1];
    unsigned           i;
    bigcache_server_t  server;

    static const char *const  texts[] = {
        "", "\n", ":", "\r\n\r\n", "role", "role:", "role:\n",
        "used_memory:99999999999999999999999999",
        "used_memory:-1\nmaxmemory:0x10\nevicted_keys: 1",
        "run_id:0123456789012345678901234567890123456789012345678901234567890",
        "maxmemory_policy:\"} 1\\\n", ",state=online", ",state=online,",
        "maxmemory_policy:allkeys-0123456789012345678901234567890123456789"
    };

    memset(&server, 0, sizeof(bigcache_server_t));

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        read_info(&server, id, texts[i]);
        ok(strlen(server.policy) < BIGCACHE_SERVERS_POLICY
           && strlen(server.why) < BIGCACHE_SERVERS_WHY
           && strpbrk(server.policy, "\"\\") == NULL
           && strlen(id) <= BIGCACHE_WATCH_ID, "\"%s\"", texts[i]);
    }
}


/* of memory that ends where the text ends */

static void
read_info(bigcache_server_t *server, char *id, const char *text)
{
    size_t           len;
    u_char          *copy;
    bigcache_str_t   info;

    len = strlen(text);
    copy = malloc(len + 1);

    if (copy == NULL) {
        abort();
    }

    memcpy(copy, text, len);

    info.data = copy;
    info.len = len;

    bigcache_watch_info(server, id, &info);

    free(copy);
}

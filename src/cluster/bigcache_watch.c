
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The thread that looks at the servers.  In a round it asks one of them for the
 * map of slots, and all that are in the map or in the configuration for INFO,
 * at once.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* memmem(), pthread_setname_np() */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_time.h"
#include "bigcache_value.h"
#include "bigcache_watch.h"


/* seconds between two rounds */

#define BIGCACHE_WATCH_ROUND  2

/*
 * milliseconds that a round waits for answers at most; for one server; and for
 * all servers that are asked one after the other
 */

#define BIGCACHE_WATCH_WAIT   1000
#define BIGCACHE_WATCH_ONE    500
#define BIGCACHE_WATCH_ALL    4000


typedef struct {
    bigcache_address_t         address;
    bigcache_link_t           *link;
    bigcache_server_t          seen;
    char                       id[BIGCACHE_WATCH_ID + 1];
    unsigned                   seed:1;      /* the configuration names it */
    unsigned                   mapped:1;    /* it is in the map of slots */
    unsigned                   asked:1;     /* in this round, */
    unsigned                   failed:1;    /* and it has */
} bigcache_watch_one_t;

typedef struct {
    bigcache_cluster_t        *cluster;
    pthread_t                  thread;
    unsigned                   n;
    bigcache_watch_one_t       ones[BIGCACHE_SERVERS_MAX];
    bigcache_server_t          list[BIGCACHE_SERVERS_MAX];
} bigcache_watch_t;


static void *bigcache_watch_thread(void *data);
static void bigcache_watch_round(bigcache_watch_t *watch);
static bigcache_watch_one_t *bigcache_watch_add(bigcache_watch_t *watch,
    const bigcache_address_t *address);
static int bigcache_watch_connect(bigcache_watch_t *watch,
    bigcache_watch_one_t *one);
static int64_t bigcache_watch_until(const bigcache_watch_t *watch);
static void bigcache_watch_map(bigcache_watch_t *watch);
static int bigcache_watch_learn(bigcache_watch_t *watch, unsigned i);
static void bigcache_watch_slots(bigcache_watch_t *watch, unsigned near,
    const bigcache_reply_t *reply);
static void bigcache_watch_range(bigcache_watch_t *watch, unsigned near,
    const bigcache_reply_t *range);
static bigcache_watch_one_t *bigcache_watch_member(bigcache_watch_t *watch,
    unsigned near, const bigcache_reply_t *member);
static void bigcache_watch_ask(bigcache_watch_t *watch);
static void bigcache_watch_hear(bigcache_watch_t *watch, int64_t deadline);
static void bigcache_watch_answer(bigcache_watch_one_t *one,
    bigcache_reply_t *reply);
static void bigcache_watch_failed(bigcache_watch_one_t *one,
    bigcache_server_state_e state, const char *why);
static void bigcache_watch_forget(bigcache_watch_t *watch);
static int bigcache_watch_twice(const bigcache_watch_t *watch, unsigned n);
static void bigcache_watch_publish(bigcache_watch_t *watch);
static void bigcache_watch_leave(bigcache_watch_t *watch);
static unsigned bigcache_watch_online(const bigcache_str_t *info);
static int bigcache_watch_line(const bigcache_str_t *info, const char *name,
    bigcache_str_t *value);
static uint64_t bigcache_watch_number(const bigcache_str_t *info,
    const char *name);
static void bigcache_watch_text(char *dst, size_t size, const char *text,
    size_t len);


int
bigcache_watch_start(bigcache_cluster_t *cluster)
{
    bigcache_watch_t  *watch;

    watch = calloc(1, sizeof(bigcache_watch_t));
    if (watch == NULL) {
        return -1;
    }

    watch->cluster = cluster;

    if (bigcache_space_thread(&watch->thread, bigcache_watch_thread, watch)
        == -1)
    {
        free(watch);
        return -1;
    }

    cluster->watch = watch;

    return 0;
}


void
bigcache_watch_stop(bigcache_cluster_t *cluster)
{
    bigcache_watch_t  *watch;

    watch = cluster->watch;

    if (watch == NULL) {
        return;
    }

    (void) pthread_join(watch->thread, NULL);

    cluster->watch = NULL;
    free(watch);
}


static void *
bigcache_watch_thread(void *data)
{
    bigcache_watch_t *watch = data;

    bigcache_cluster_t  *cluster;

    cluster = watch->cluster;

    (void) pthread_setname_np(pthread_self(), "bc-watch");

    while (!atomic_load(&cluster->stopping)) {

        if (atomic_load(&cluster->quitting)
            || atomic_load(&cluster->conf.shared->closed)
            || !bigcache_servers_watch(cluster->conf.counters,
                                       bigcache_time_monotonic()))
        {
            bigcache_watch_leave(watch);

        } else {
            bigcache_watch_round(watch);
        }

        bigcache_space_sleep(cluster, BIGCACHE_WATCH_ROUND, NULL);
    }

    bigcache_watch_leave(watch);

    return NULL;
}


static void
bigcache_watch_round(bigcache_watch_t *watch)
{
    unsigned                      i;
    bigcache_watch_one_t         *one;
    const bigcache_nodes_conf_t  *conf;

    conf = &watch->cluster->conf.nodes;

    for (i = 0; i < watch->n; i++) {
        watch->ones[i].failed = 0;
    }

    for (i = 0; i < conf->nseeds; i++) {
        one = bigcache_watch_add(watch, &conf->seeds[i]);

        if (one) {
            one->seed = 1;
        }
    }

    bigcache_watch_map(watch);
    bigcache_watch_forget(watch);
    bigcache_watch_ask(watch);
    bigcache_watch_publish(watch);
}


/* returns the one of that address, or NULL if there are too many */

static bigcache_watch_one_t *
bigcache_watch_add(bigcache_watch_t *watch, const bigcache_address_t *address)
{
    int                    len;
    char                   name[BIGCACHE_LINK_HOST + 16];
    unsigned               i;
    bigcache_watch_one_t  *one;

    for (i = 0; i < watch->n; i++) {
        one = &watch->ones[i];

        if (one->address.port == address->port
            && strcmp(one->address.host, address->host) == 0)
        {
            return one;
        }
    }

    if (watch->n == BIGCACHE_SERVERS_MAX) {
        return NULL;
    }

    one = &watch->ones[watch->n++];

    memset(one, 0, sizeof(bigcache_watch_one_t));

    one->address = *address;

    len = snprintf(name, sizeof(name),
                   strchr(address->host, ':') ? "[%s]:%u" : "%s:%u",
                   address->host, address->port);

    bigcache_watch_text(one->seen.name, BIGCACHE_SERVERS_NAME, name,
                        (size_t) len);

    return one;
}


/* returns 0 if it has a link; or -1, and it is seen to be away */

static int
bigcache_watch_connect(bigcache_watch_t *watch, bigcache_watch_one_t *one)
{
    int   refused;
    char  error[BIGCACHE_ERROR_LEN];

    if (one->link && !bigcache_link_gone(one->link)) {
        return 0;
    }

    bigcache_link_close(one->link);
    refused = 0;

    one->link = bigcache_nodes_connect(watch->cluster->nodes, &one->address,
                                       bigcache_watch_until(watch), &refused,
                                       error);

    if (one->link == NULL) {
        bigcache_watch_failed(one, refused ? BIGCACHE_SERVER_REFUSED
                                           : BIGCACHE_SERVER_AWAY, error);
        return -1;
    }

    return 0;
}


/* many servers that are away must not make a round too long */

static int64_t
bigcache_watch_until(const bigcache_watch_t *watch)
{
    unsigned  wait, part;

    wait = watch->cluster->conf.nodes.timeout;
    wait = (wait < BIGCACHE_WATCH_ONE) ? wait : BIGCACHE_WATCH_ONE;

    part = BIGCACHE_WATCH_ALL / watch->n;

    return bigcache_time_monotonic() + (wait < part ? wait : part);
}


/* asks one server after the other, until one has the map */

static void
bigcache_watch_map(bigcache_watch_t *watch)
{
    unsigned  i, n;

    n = watch->n;

    for (i = 0; i < n && !atomic_load(&watch->cluster->stopping); i++) {

        if (bigcache_watch_connect(watch, &watch->ones[i]) == 0
            && bigcache_watch_learn(watch, i))
        {
            return;
        }
    }
}


/* returns 1 if the server i has said which of them has which slots */

static int
bigcache_watch_learn(bigcache_watch_t *watch, unsigned i)
{
    int                    known;
    char                   error[BIGCACHE_ERROR_LEN];
    bigcache_reply_t      *reply;
    bigcache_watch_one_t  *one;

    static const bigcache_str_t  ask[] = {
        bigcache_string("CLUSTER"), bigcache_string("SLOTS")
    };

    one = &watch->ones[i];

    reply = bigcache_link_ask(one->link, ask, 2, bigcache_watch_until(watch),
                              error);

    if (reply == NULL) {
        bigcache_watch_failed(one, BIGCACHE_SERVER_AWAY, error);
        return 0;
    }

    known = 1;

    if (bigcache_link_part(reply, 0)) {
        bigcache_watch_slots(watch, i, reply);

    } else if (reply->type == REDIS_REPLY_ERROR
               && strstr(reply->str, "cluster support disabled"))
    {
        one->mapped = 1;
        one->seen.slots = BIGCACHE_BUCKET_SLOTS;

    } else {
        known = 0;
    }

    bigcache_link_free(reply);

    return known;
}


static void
bigcache_watch_slots(bigcache_watch_t *watch, unsigned near,
    const bigcache_reply_t *reply)
{
    size_t                   i;
    unsigned                 n;
    const bigcache_reply_t  *range;

    for (n = 0; n < watch->n; n++) {
        watch->ones[n].mapped = 0;
        watch->ones[n].seen.slots = 0;
    }

    for (i = 0; (range = bigcache_link_part(reply, i)) != NULL; i++) {
        bigcache_watch_range(watch, near, range);
    }
}


/* a range has its first and last slot, its master, and the replicas */

static void
bigcache_watch_range(bigcache_watch_t *watch, unsigned near,
    const bigcache_reply_t *range)
{
    size_t                   i;
    uint64_t                 first, last;
    bigcache_watch_one_t    *one;
    const bigcache_reply_t  *member;

    first = bigcache_link_number(bigcache_link_part(range, 0));
    last = bigcache_link_number(bigcache_link_part(range, 1));

    if (first > last || last >= BIGCACHE_BUCKET_SLOTS) {
        return;
    }

    for (i = 2; (member = bigcache_link_part(range, i)) != NULL; i++) {
        one = bigcache_watch_member(watch, near, member);

        if (one == NULL) {
            continue;
        }

        one->mapped = 1;
        one->seen.role = (i == 2) ? BIGCACHE_SERVER_MASTER
                                  : BIGCACHE_SERVER_REPLICA;

        if (i == 2) {
            one->seen.slots += (unsigned) (last - first + 1);
        }
    }
}


static bigcache_watch_one_t *
bigcache_watch_member(bigcache_watch_t *watch, unsigned near,
    const bigcache_reply_t *member)
{
    bigcache_address_t  address;

    if (bigcache_link_address(member, &address) == -1) {
        return NULL;
    }

    if (address.host[0] == '\0') {
        memcpy(address.host, watch->ones[near].address.host,
               BIGCACHE_LINK_HOST);
    }

    return bigcache_watch_add(watch, &address);
}


/* asks all of them at once: some may not answer */

static void
bigcache_watch_ask(bigcache_watch_t *watch)
{
    char                   error[BIGCACHE_ERROR_LEN];
    int64_t                deadline;
    unsigned               i, wait;
    bigcache_watch_one_t  *one;

    static const bigcache_str_t  info = bigcache_string("INFO");

    wait = watch->cluster->conf.nodes.timeout;
    wait = (wait < BIGCACHE_WATCH_WAIT) ? wait : BIGCACHE_WATCH_WAIT;

    for (i = 0; i < watch->n; i++) {
        one = &watch->ones[i];
        one->asked = 0;

        if (atomic_load(&watch->cluster->stopping)
            || one->failed
            || bigcache_watch_connect(watch, one) == -1)
        {
            continue;
        }

        deadline = bigcache_time_monotonic() + wait;

        if (bigcache_link_append(one->link, &info, 1, error) == -1
            || bigcache_link_flush(one->link, deadline, error) == -1)
        {
            bigcache_watch_failed(one, BIGCACHE_SERVER_AWAY, "it has failed");
            continue;
        }

        one->asked = 1;
    }

    bigcache_watch_hear(watch, bigcache_time_monotonic() + wait);
}


static void
bigcache_watch_hear(bigcache_watch_t *watch, int64_t deadline)
{
    char                   error[BIGCACHE_ERROR_LEN];
    unsigned               i;
    bigcache_watch_one_t  *one;

    for (i = 0; i < watch->n; i++) {
        one = &watch->ones[i];

        if (one->asked) {
            bigcache_watch_answer(one, bigcache_link_receive(one->link,
                                                            deadline, error));
        }
    }
}


static void
bigcache_watch_answer(bigcache_watch_one_t *one, bigcache_reply_t *reply)
{
    bigcache_str_t  text;

    if (reply == NULL) {
        bigcache_watch_failed(one, BIGCACHE_SERVER_AWAY, "no answer in time");
        return;
    }

    text = bigcache_link_text(reply);

    if (reply->type == REDIS_REPLY_ERROR) {
        bigcache_watch_failed(one, BIGCACHE_SERVER_REFUSED, reply->str);

    } else if (text.data) {
        bigcache_watch_info(&one->seen, one->id, &text);

    } else {
        bigcache_watch_failed(one, BIGCACHE_SERVER_REFUSED,
                              "the answer to INFO is wrong");
    }

    bigcache_link_free(reply);
}


static void
bigcache_watch_failed(bigcache_watch_one_t *one,
    bigcache_server_state_e state, const char *why)
{
    bigcache_server_t  *seen;

    bigcache_link_close(one->link);

    one->link = NULL;
    one->failed = 1;
    seen = &one->seen;

    seen->state = state;
    seen->replicas = 0;
    seen->used = 0;
    seen->max = 0;
    seen->evicted = 0;
    seen->policy[0] = '\0';
    bigcache_watch_text(seen->why, BIGCACHE_SERVERS_WHY, why, strlen(why));
}


/* of servers that have no slot any more, and are in no configuration */

static void
bigcache_watch_forget(bigcache_watch_t *watch)
{
    unsigned               i, n;
    bigcache_watch_one_t  *one;

    n = 0;

    for (i = 0; i < watch->n; i++) {
        one = &watch->ones[i];

        if (one->seed || one->mapped) {
            watch->ones[n++] = *one;

        } else {
            bigcache_link_close(one->link);
        }
    }

    watch->n = n;
}


/* the configuration may name a server in another way than the map does */

static int
bigcache_watch_twice(const bigcache_watch_t *watch, unsigned n)
{
    unsigned                     i;
    const bigcache_watch_one_t  *one, *other;

    one = &watch->ones[n];

    if (one->mapped || one->id[0] == '\0') {
        return 0;
    }

    for (i = 0; i < watch->n; i++) {
        other = &watch->ones[i];

        if (i != n && (other->mapped || i < n)
            && strcmp(other->id, one->id) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
bigcache_watch_publish(bigcache_watch_t *watch)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < watch->n; i++) {

        if (!bigcache_watch_twice(watch, i)) {
            watch->list[n++] = watch->ones[i].seen;
        }
    }

    bigcache_servers_write(watch->cluster->conf.counters, watch->list, n,
                           bigcache_time_monotonic());
}


static void
bigcache_watch_leave(bigcache_watch_t *watch)
{
    unsigned  i;

    for (i = 0; i < watch->n; i++) {
        bigcache_link_close(watch->ones[i].link);
    }

    watch->n = 0;

    bigcache_servers_leave(watch->cluster->conf.counters);
}


void
bigcache_watch_info(bigcache_server_t *server, char *id,
    const bigcache_str_t *info)
{
    bigcache_str_t  value;

    server->state = bigcache_watch_number(info, "loading")
                    ? BIGCACHE_SERVER_LOADING : BIGCACHE_SERVER_ANSWERS;
    server->why[0] = '\0';
    server->used = bigcache_watch_number(info, "used_memory");
    server->max = bigcache_watch_number(info, "maxmemory");
    server->evicted = bigcache_watch_number(info, "evicted_keys");
    server->policy[0] = '\0';
    id[0] = '\0';

    if (bigcache_watch_line(info, "maxmemory_policy", &value)) {
        bigcache_watch_text(server->policy, BIGCACHE_SERVERS_POLICY,
                            (const char *) value.data, value.len);
    }

    if (bigcache_watch_line(info, "run_id", &value)) {
        bigcache_watch_text(id, BIGCACHE_WATCH_ID + 1,
                            (const char *) value.data, value.len);
    }

    if (bigcache_watch_line(info, "role", &value)) {
        server->role = bigcache_str_is(&value, "master")
                       ? BIGCACHE_SERVER_MASTER : BIGCACHE_SERVER_REPLICA;
    }

    /* such a server would throw pages away, and is not used */

    if (strncmp(server->policy, "allkeys-", 8) == 0) {
        server->state = BIGCACHE_SERVER_REFUSED;
        (void) snprintf(server->why, BIGCACHE_SERVERS_WHY,
                        "its maxmemory-policy is %s", server->policy);
    }

    server->replicas = bigcache_watch_online(info);
}


/* how many replicas the master says to be in step */

static unsigned
bigcache_watch_online(const bigcache_str_t *info)
{
    unsigned       n;
    const u_char  *p, *end;

    static const char  online[] = ",state=online,";

    end = info->data + info->len;
    n = 0;

    for (p = info->data; p < end; n++) {
        p = memmem(p, (size_t) (end - p), online, sizeof(online) - 1);

        if (p == NULL) {
            break;
        }

        p++;
    }

    return n;
}


/* a line is "name:value" and CR LF */

static int
bigcache_watch_line(const bigcache_str_t *info, const char *name,
    bigcache_str_t *value)
{
    size_t         len;
    const u_char  *p, *end, *last;

    len = strlen(name);
    end = info->data + info->len;

    for (p = info->data; p < end; p = last + 1) {

        last = memchr(p, '\n', (size_t) (end - p));
        last = last ? last : end;

        if ((size_t) (last - p) <= len
            || p[len] != ':'
            || memcmp(p, name, len) != 0)
        {
            continue;
        }

        value->data = p + len + 1;
        value->len = (size_t) (last - value->data);

        if (value->len && value->data[value->len - 1] == '\r') {
            value->len--;
        }

        return 1;
    }

    return 0;
}


static uint64_t
bigcache_watch_number(const bigcache_str_t *info, const char *name)
{
    uint64_t        n;
    bigcache_str_t  value;

    return (bigcache_watch_line(info, name, &value)
            && bigcache_value_number(value.data,
                                     value.len < 18 ? value.len : 18, &n)
               == 0)
           ? n : 0;
}


/* copies what fits; what could end a label or a line becomes "?" */

static void
bigcache_watch_text(char *dst, size_t size, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len && i < size - 1; i++) {
        dst[i] = (text[i] < ' ' || text[i] > '~' || text[i] == '"'
                  || text[i] == '\\')
                 ? '?' : text[i];
    }

    dst[i] = '\0';
}

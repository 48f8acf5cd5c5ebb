
/*
 * Copyright (C) bigcache contributors
 */


/* knows the servers and their slots, and keeps idle links */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* memmem(), pthread_mutex_clocklock() */
#endif

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bigcache_bucket.h"
#include "bigcache_nodes.h"
#include "bigcache_time.h"


/* idle links that are kept to a server */

#define BIGCACHE_NODES_IDLE     64

/* milliseconds between two tries of a server that is away */

#define BIGCACHE_NODES_PROBE    100

/* that a refresh waits for one server: others may know */

#define BIGCACHE_NODES_ASK      500


typedef struct {
    bigcache_address_t          address;
    bigcache_link_t            *idle[BIGCACHE_NODES_IDLE];
    unsigned                    nidle;
    int64_t                     failing;    /* since then, monotonic ms, or 0 */
    int64_t                     tried;      /* at that time, while it fails */
    char                        why[BIGCACHE_ERROR_LEN];    /* then */
    unsigned                    taken;      /* links, or tries to make one */
    unsigned                    seed:1;     /* the user has named it */
} bigcache_node_t;

struct bigcache_nodes_s {
    const bigcache_nodes_conf_t  *conf;
    bigcache_servers_t    *counters;

    pthread_mutex_t               refreshing;
    int64_t                       refused;  /* nobody knew, monotonic ms */
    bigcache_rc_t                 failure;  /* then */
    char                          reason[BIGCACHE_ERROR_LEN];   /* then */

    unsigned                      generation;

    pthread_mutex_t               mutex;
    bigcache_node_t              *nodes[BIGCACHE_NODES_MAX];
    int                           n;
    int16_t                       slots[BIGCACHE_BUCKET_SLOTS];
    unsigned                      loaded;   /* the digests are known */
    u_char                        shas[BIGCACHE_SCRIPTS][BIGCACHE_SCRIPT_SHA];
};


static bigcache_rc_t bigcache_nodes_turn(bigcache_nodes_t *nodes,
    unsigned generation, int64_t deadline, char *error);
static int bigcache_nodes_at_locked(bigcache_nodes_t *nodes,
    const bigcache_address_t *address);
static void bigcache_nodes_free_node(bigcache_node_t *node);
static int bigcache_nodes_free_locked(const bigcache_nodes_t *nodes);
static int bigcache_nodes_seeds(bigcache_nodes_t *nodes);
static int bigcache_nodes_failing(bigcache_nodes_t *nodes, int node);
static bigcache_link_t *bigcache_nodes_open(bigcache_nodes_t *nodes,
    const bigcache_address_t *address, int64_t deadline, int *refused,
    char *error);
static int bigcache_nodes_login(bigcache_nodes_t *nodes,
    bigcache_link_t *link, int64_t deadline, int *refused, char *error);
static int bigcache_nodes_check(bigcache_link_t *link, int64_t deadline,
    int *refused, char *error);
static int bigcache_nodes_load(bigcache_nodes_t *nodes, bigcache_link_t *link,
    int64_t deadline, int *refused, char *error);
static int bigcache_nodes_answered(bigcache_reply_t *reply, int *refused,
    char *error);
static int bigcache_nodes_passing(const char *text);
static void bigcache_nodes_failed(bigcache_nodes_t *nodes, int node,
    const char *why);
static int bigcache_nodes_learn(bigcache_nodes_t *nodes, int node,
    int64_t deadline, int *refused, char *error);
static void bigcache_nodes_assign(bigcache_nodes_t *nodes, uint64_t slot,
    uint64_t last, int node);
static int bigcache_nodes_owner(bigcache_nodes_t *nodes, int node,
    const bigcache_reply_t *range);


bigcache_nodes_t *
bigcache_nodes_create(const bigcache_nodes_conf_t *conf,
    bigcache_servers_t *counters)
{
    unsigned           i;
    bigcache_nodes_t  *nodes;

    nodes = calloc(1, sizeof(bigcache_nodes_t));
    if (nodes == NULL) {
        return NULL;
    }

    nodes->conf = conf;
    nodes->counters = counters;

    (void) pthread_mutex_init(&nodes->refreshing, NULL);
    (void) pthread_mutex_init(&nodes->mutex, NULL);

    for (i = 0; i < BIGCACHE_BUCKET_SLOTS; i++) {
        nodes->slots[i] = BIGCACHE_NODES_NONE;
    }

    return nodes;
}


void
bigcache_nodes_destroy(bigcache_nodes_t *nodes)
{
    int  i;

    for (i = 0; i < nodes->n; i++) {
        bigcache_nodes_free_node(nodes->nodes[i]);
    }

    (void) pthread_mutex_destroy(&nodes->mutex);
    (void) pthread_mutex_destroy(&nodes->refreshing);

    free(nodes);
}


const bigcache_nodes_conf_t *
bigcache_nodes_conf(const bigcache_nodes_t *nodes)
{
    return nodes->conf;
}


bigcache_servers_t *
bigcache_nodes_counters(const bigcache_nodes_t *nodes)
{
    return nodes->counters;
}


int
bigcache_nodes_of(bigcache_nodes_t *nodes, unsigned slot)
{
    int  node;

    (void) pthread_mutex_lock(&nodes->mutex);
    node = nodes->slots[slot];
    (void) pthread_mutex_unlock(&nodes->mutex);

    return node;
}


int
bigcache_nodes_at(bigcache_nodes_t *nodes, const bigcache_address_t *address,
    int near)
{
    int                 node;
    bigcache_address_t  full;

    full = *address;

    (void) pthread_mutex_lock(&nodes->mutex);

    if (full.host[0] == '\0' && near != BIGCACHE_NODES_NONE) {
        memcpy(full.host, nodes->nodes[near]->address.host, sizeof(full.host));
    }

    node = bigcache_nodes_at_locked(nodes, &full);

    (void) pthread_mutex_unlock(&nodes->mutex);

    return node;
}


static int
bigcache_nodes_at_locked(bigcache_nodes_t *nodes,
    const bigcache_address_t *address)
{
    int               i;
    bigcache_node_t  *node;

    for (i = 0; i < nodes->n; i++) {
        node = nodes->nodes[i];

        if (node->address.port == address->port
            && strcmp(node->address.host, address->host) == 0)
        {
            return i;
        }
    }

    if (nodes->n == BIGCACHE_NODES_MAX) {
        i = bigcache_nodes_free_locked(nodes);

        if (i == BIGCACHE_NODES_NONE) {
            return i;
        }
    }

    node = calloc(1, sizeof(bigcache_node_t));
    if (node == NULL) {
        return BIGCACHE_NODES_NONE;
    }

    node->address = *address;

    if (i == nodes->n) {
        nodes->n++;

    } else {
        bigcache_nodes_free_node(nodes->nodes[i]);
    }

    nodes->nodes[i] = node;

    return i;
}


static void
bigcache_nodes_free_node(bigcache_node_t *node)
{
    while (node->nidle) {
        bigcache_link_close(node->idle[--node->nidle]);
    }

    free(node);
}


/* returns a server that is wanted no more, or BIGCACHE_NODES_NONE */

static int
bigcache_nodes_free_locked(const bigcache_nodes_t *nodes)
{
    int                     i;
    u_char                  wanted[BIGCACHE_NODES_MAX];
    unsigned                slot;
    const bigcache_node_t  *node;

    memset(wanted, 0, sizeof(wanted));

    for (slot = 0; slot < BIGCACHE_BUCKET_SLOTS; slot++) {

        if (nodes->slots[slot] != BIGCACHE_NODES_NONE) {
            wanted[nodes->slots[slot]] = 1;
        }
    }

    for (i = 0; i < nodes->n; i++) {
        node = nodes->nodes[i];

        if (!wanted[i] && node->taken == 0 && !node->seed) {
            return i;
        }
    }

    return BIGCACHE_NODES_NONE;
}


/* makes those known that the user has named; returns how many are known */

static int
bigcache_nodes_seeds(bigcache_nodes_t *nodes)
{
    int       n, node;
    unsigned  i;

    (void) pthread_mutex_lock(&nodes->mutex);

    for (i = 0; i < nodes->conf->nseeds; i++) {
        node = bigcache_nodes_at_locked(nodes, &nodes->conf->seeds[i]);

        if (node != BIGCACHE_NODES_NONE) {
            nodes->nodes[node]->seed = 1;
        }
    }

    n = nodes->n;

    (void) pthread_mutex_unlock(&nodes->mutex);

    return n;
}


static int
bigcache_nodes_failing(bigcache_nodes_t *nodes, int node)
{
    int  failing;

    (void) pthread_mutex_lock(&nodes->mutex);
    failing = (nodes->nodes[node]->failing != 0);
    (void) pthread_mutex_unlock(&nodes->mutex);

    return failing;
}


void
bigcache_nodes_moved(bigcache_nodes_t *nodes, unsigned slot, int node)
{
    bigcache_nodes_assign(nodes, slot, slot, node);
}


unsigned
bigcache_nodes_generation(bigcache_nodes_t *nodes)
{
    unsigned  generation;

    (void) pthread_mutex_lock(&nodes->mutex);
    generation = nodes->generation;
    (void) pthread_mutex_unlock(&nodes->mutex);

    return generation;
}


bigcache_rc_t
bigcache_nodes_refresh(bigcache_nodes_t *nodes, unsigned generation,
    int64_t deadline, char *error)
{
    int            i, n, away, refused, hopeless;
    int64_t        until;
    bigcache_rc_t  rc;

    rc = bigcache_nodes_turn(nodes, generation, deadline, error);

    if (rc != BIGCACHE_HELD) {
        return rc;
    }

    n = bigcache_nodes_seeds(nodes);

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "no server is known");

    hopeless = 1;

    /* those that have failed are asked only when no other one knows */

    for (away = 0; away < 2; away++) {

        for (i = 0; i < n; i++) {

            if (bigcache_nodes_failing(nodes, i) != away) {
                continue;
            }

            until = bigcache_time_monotonic() + BIGCACHE_NODES_ASK;
            until = (until < deadline) ? until : deadline;

            if (bigcache_nodes_learn(nodes, i, until, &refused, error) == 0) {
                atomic_fetch_add(&nodes->counters->refreshes, 1);
                (void) pthread_mutex_unlock(&nodes->refreshing);

                return BIGCACHE_OK;
            }

            hopeless &= refused;

            if (bigcache_time_monotonic() >= deadline) {
                goto failed;
            }
        }
    }

failed:

    rc = hopeless ? BIGCACHE_MISMATCH : BIGCACHE_UNAVAILABLE;

    nodes->refused = bigcache_time_monotonic();
    nodes->failure = rc;
    memcpy(nodes->reason, error, BIGCACHE_ERROR_LEN);

    (void) pthread_mutex_unlock(&nodes->refreshing);

    return rc;
}


/*
 * Returns BIGCACHE_HELD with the lock held if the caller is to ask; else what
 * another thread has found meanwhile.
 */

static bigcache_rc_t
bigcache_nodes_turn(bigcache_nodes_t *nodes, unsigned generation,
    int64_t deadline, char *error)
{
    int64_t          left;
    bigcache_rc_t    rc;
    struct timespec  until;

    left = deadline - bigcache_time_monotonic();
    left = (left > 0) ? left : 0;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_sec += left / 1000;
    until.tv_nsec += left % 1000 * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    if (pthread_mutex_clocklock(&nodes->refreshing, CLOCK_MONOTONIC, &until)
        != 0)
    {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "no server of the cluster answers in time");
        return BIGCACHE_UNAVAILABLE;
    }

    if (bigcache_nodes_generation(nodes) != generation) {
        (void) pthread_mutex_unlock(&nodes->refreshing);
        return BIGCACHE_OK;
    }

    if (nodes->refused
        && bigcache_time_monotonic() - nodes->refused < BIGCACHE_NODES_PROBE)
    {
        memcpy(error, nodes->reason, BIGCACHE_ERROR_LEN);
        rc = nodes->failure;

        (void) pthread_mutex_unlock(&nodes->refreshing);

        return rc;
    }

    return BIGCACHE_HELD;
}


bigcache_rc_t
bigcache_nodes_take(bigcache_nodes_t *nodes, int node, int64_t deadline,
    bigcache_link_t **link, int *refused, char *error)
{
    char                 why[BIGCACHE_ERROR_LEN];
    bigcache_node_t     *one;
    bigcache_address_t   address;

    *link = NULL;
    *refused = 0;

    (void) pthread_mutex_lock(&nodes->mutex);

    one = nodes->nodes[node];
    one->taken++;
    address = one->address;

    while (one->nidle) {
        *link = one->idle[--one->nidle];

        if (!bigcache_link_gone(*link)) {
            break;
        }

        bigcache_link_close(*link);
        *link = NULL;
    }

    (void) pthread_mutex_unlock(&nodes->mutex);

    if (*link) {
        return BIGCACHE_OK;
    }

    *link = bigcache_nodes_open(nodes, &address, deadline, refused, why);

    if (*link) {
        return BIGCACHE_OK;
    }

    bigcache_nodes_failed(nodes, node, why);

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "server %.80s:%u: %.150s",
                    address.host, address.port, why);

    return BIGCACHE_UNAVAILABLE;
}


void
bigcache_nodes_give(bigcache_nodes_t *nodes, int node, bigcache_link_t *link,
    const char *failed)
{
    bigcache_node_t  *one;

    if (failed) {
        bigcache_link_close(link);
        bigcache_nodes_failed(nodes, node, failed);

        return;
    }

    (void) pthread_mutex_lock(&nodes->mutex);

    one = nodes->nodes[node];
    one->failing = 0;
    one->taken--;

    if (one->nidle < BIGCACHE_NODES_IDLE) {
        one->idle[one->nidle++] = link;
        link = NULL;
    }

    (void) pthread_mutex_unlock(&nodes->mutex);

    bigcache_link_close(link);
}


int
bigcache_nodes_away(bigcache_nodes_t *nodes, int node, char *error)
{
    int               away;
    int64_t           now;
    bigcache_node_t  *one;

    now = bigcache_time_monotonic();
    away = 0;

    (void) pthread_mutex_lock(&nodes->mutex);

    one = nodes->nodes[node];

    if (one->failing && now - one->failing > (int64_t) nodes->conf->wait) {

        if (now - one->tried < BIGCACHE_NODES_PROBE) {
            away = 1;
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "it is away: %.200s",
                            one->why);

        } else {
            one->tried = now;
        }
    }

    (void) pthread_mutex_unlock(&nodes->mutex);

    return away;
}


void
bigcache_nodes_name(bigcache_nodes_t *nodes, int node, char *text)
{
    bigcache_address_t  address;

    (void) pthread_mutex_lock(&nodes->mutex);
    address = nodes->nodes[node]->address;
    (void) pthread_mutex_unlock(&nodes->mutex);

    (void) snprintf(text, BIGCACHE_ERROR_LEN, "%.200s:%u", address.host,
                    address.port);
}


int
bigcache_nodes_script(bigcache_nodes_t *nodes, bigcache_script_e script,
    u_char *sha)
{
    int  known;

    (void) pthread_mutex_lock(&nodes->mutex);

    known = (nodes->loaded != 0);

    if (known) {
        memcpy(sha, nodes->shas[script], BIGCACHE_SCRIPT_SHA);
    }

    (void) pthread_mutex_unlock(&nodes->mutex);

    return known;
}


static bigcache_link_t *
bigcache_nodes_open(bigcache_nodes_t *nodes, const bigcache_address_t *address,
    int64_t deadline, int *refused, char *error)
{
    bigcache_link_t  *link;

    link = bigcache_nodes_connect(nodes, address, deadline, refused, error);

    if (link
        && (bigcache_nodes_check(link, deadline, refused, error) == -1
            || bigcache_nodes_load(nodes, link, deadline, refused, error)
               == -1))
    {
        bigcache_link_close(link);
        link = NULL;
    }

    return link;
}


bigcache_link_t *
bigcache_nodes_connect(bigcache_nodes_t *nodes,
    const bigcache_address_t *address, int64_t deadline, int *refused,
    char *error)
{
    bigcache_link_t  *link;

    atomic_fetch_add(&nodes->counters->connects, 1);

    link = bigcache_link_open(address, nodes->conf->tls, deadline, refused,
                              error);

    if (link
        && bigcache_nodes_login(nodes, link, deadline, refused, error) == -1)
    {
        bigcache_link_close(link);
        link = NULL;
    }

    return link;
}


static int
bigcache_nodes_login(bigcache_nodes_t *nodes, bigcache_link_t *link,
    int64_t deadline, int *refused, char *error)
{
    int                rc;
    char              *quoted;
    unsigned           n;
    bigcache_str_t     parts[3];
    bigcache_reply_t  *reply;

    if (nodes->conf->password == NULL) {
        return 0;
    }

    n = 0;
    parts[n++] = bigcache_str_text("AUTH");

    if (nodes->conf->user) {
        parts[n++] = bigcache_str_text(nodes->conf->user);
    }

    parts[n++] = bigcache_str_text(nodes->conf->password);

    reply = bigcache_link_ask(link, parts, n, deadline, error);

    rc = bigcache_nodes_answered(reply, refused, error);

    /* a server that does not know the command quotes what came with it */

    quoted = (rc == -1) ? strstr(error, ", with args") : NULL;

    if (quoted) {
        *quoted = '\0';

    } else if (rc == -1 && strstr(error, nodes->conf->password)) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "AUTH failed");
    }

    return rc;
}


/* a server that may remove any key when it is full would lose pages of ours */

static int
bigcache_nodes_check(bigcache_link_t *link, int64_t deadline, int *refused,
    char *error)
{
    bigcache_str_t     text;
    bigcache_reply_t  *reply;

    static const bigcache_str_t  info[] = {
        bigcache_string("INFO"), bigcache_string("memory")
    };
    static const bigcache_str_t  bad = bigcache_string("maxmemory_policy:"
                                                       "allkeys-");

    reply = bigcache_link_ask(link, info, 2, deadline, error);

    text = bigcache_link_text(reply);

    if (text.data && memmem(text.data, text.len, bad.data, bad.len)) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "its maxmemory-policy "
                        "removes any key when memory is full; set it to "
                        "noeviction");
        *refused = 1;
        bigcache_link_free(reply);

        return -1;
    }

    return bigcache_nodes_answered(reply, refused, error);
}


static int
bigcache_nodes_load(bigcache_nodes_t *nodes, bigcache_link_t *link,
    int64_t deadline, int *refused, char *error)
{
    u_char             shas[BIGCACHE_SCRIPTS][BIGCACHE_SCRIPT_SHA];
    unsigned           i;
    bigcache_str_t     text;
    bigcache_reply_t  *reply;
    bigcache_str_t     parts[] = {
        bigcache_string("SCRIPT"), bigcache_string("LOAD"), { 0, NULL }
    };

    for (i = 0; i < BIGCACHE_SCRIPTS; i++) {

        parts[2] = bigcache_script((bigcache_script_e) i)->text;

        if (bigcache_link_append(link, parts, 3, error) == -1) {
            return -1;
        }
    }

    if (bigcache_link_flush(link, deadline, error) == -1) {
        return -1;
    }

    for (i = 0; i < BIGCACHE_SCRIPTS; i++) {

        reply = bigcache_link_receive(link, deadline, error);

        text = bigcache_link_text(reply);

        if (text.len != BIGCACHE_SCRIPT_SHA) {

            if (bigcache_nodes_answered(reply, refused, error) == 0) {
                (void) snprintf(error, BIGCACHE_ERROR_LEN,
                                "the answer to SCRIPT LOAD is wrong");
            }

            return -1;
        }

        memcpy(shas[i], text.data, BIGCACHE_SCRIPT_SHA);

        bigcache_link_free(reply);
    }

    (void) pthread_mutex_lock(&nodes->mutex);
    memcpy(nodes->shas, shas, sizeof(shas));
    nodes->loaded = 1;
    (void) pthread_mutex_unlock(&nodes->mutex);

    return 0;
}


/* frees the answer; returns -1 if it is an error, and copies that */

static int
bigcache_nodes_answered(bigcache_reply_t *reply, int *refused, char *error)
{
    int  rc;

    if (reply == NULL) {
        return -1;
    }

    rc = 0;

    if (reply->type == REDIS_REPLY_ERROR) {

        (void) snprintf(error, BIGCACHE_ERROR_LEN, "%.*s", (int) reply->len,
                        reply->str);

        *refused = !bigcache_nodes_passing(reply->str);
        rc = -1;
    }

    bigcache_link_free(reply);

    return rc;
}


/* a server that is loading its data, or has too many clients, will answer */

static int
bigcache_nodes_passing(const char *text)
{
    size_t  i;

    static const char *const  errors[] = {
        "LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN",
        "ERR max number of clients"
    };

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {

        if (strncmp(text, errors[i], strlen(errors[i])) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * A link that was taken, or a try to make one.  Closes the idle links, too:
 * whatever has ended one will have ended them.
 */

static void
bigcache_nodes_failed(bigcache_nodes_t *nodes, int node, const char *why)
{
    int64_t           now;
    bigcache_node_t  *one;

    now = bigcache_time_monotonic();

    atomic_fetch_add(&nodes->counters->failures, 1);

    (void) pthread_mutex_lock(&nodes->mutex);

    one = nodes->nodes[node];

    if (one->failing == 0) {
        one->failing = now ? now : 1;
    }

    one->tried = now;
    one->taken--;

    (void) snprintf(one->why, BIGCACHE_ERROR_LEN, "%s", why);

    while (one->nidle) {
        bigcache_link_close(one->idle[--one->nidle]);
    }

    (void) pthread_mutex_unlock(&nodes->mutex);
}


/* asks one server for the map; returns 0, or -1, and whether it refuses us */

static int
bigcache_nodes_learn(bigcache_nodes_t *nodes, int node, int64_t deadline,
    int *refused, char *error)
{
    int                rc;
    bigcache_link_t   *link;
    bigcache_reply_t  *reply;

    static const bigcache_str_t  ask[] = {
        bigcache_string("CLUSTER"), bigcache_string("SLOTS")
    };

    if (bigcache_nodes_take(nodes, node, deadline, &link, refused, error)
        != BIGCACHE_OK)
    {
        return -1;
    }

    reply = bigcache_link_ask(link, ask, 2, deadline, error);

    if (reply == NULL) {
        bigcache_nodes_give(nodes, node, link, error);
        return -1;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        rc = bigcache_nodes_map(nodes, node, reply, error);
        bigcache_link_free(reply);

    } else if (strstr(reply->str, "cluster support disabled")) {
        bigcache_nodes_assign(nodes, 0, BIGCACHE_BUCKET_SLOTS - 1, node);
        bigcache_link_free(reply);
        rc = 0;

    } else {
        rc = bigcache_nodes_answered(reply, refused, error);
    }

    if (rc == 0) {
        (void) pthread_mutex_lock(&nodes->mutex);
        nodes->generation++;
        (void) pthread_mutex_unlock(&nodes->mutex);
    }

    bigcache_nodes_give(nodes, node, link, NULL);

    return rc;
}


int
bigcache_nodes_map(bigcache_nodes_t *nodes, int node,
    const bigcache_reply_t *reply, char *error)
{
    int                      owner;
    size_t                   i;
    uint64_t                 slot, last, total;
    const bigcache_reply_t  *range;

    if (bigcache_link_part(reply, 0) == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the server knows of no slot of the cluster");
        return -1;
    }

    total = 0;

    for (i = 0; (range = bigcache_link_part(reply, i)) != NULL; i++) {

        slot = bigcache_link_number(bigcache_link_part(range, 0));
        last = bigcache_link_number(bigcache_link_part(range, 1));
        owner = bigcache_nodes_owner(nodes, node, range);

        total += last + 1 - slot;

        if (owner == BIGCACHE_NODES_NONE
            || last >= BIGCACHE_BUCKET_SLOTS
            || last < slot
            || total > BIGCACHE_BUCKET_SLOTS)
        {
            (void) snprintf(error, BIGCACHE_ERROR_LEN,
                            "the answer to CLUSTER SLOTS is wrong");
            return -1;
        }

        bigcache_nodes_assign(nodes, slot, last, owner);
    }

    return 0;
}


static void
bigcache_nodes_assign(bigcache_nodes_t *nodes, uint64_t slot, uint64_t last,
    int node)
{
    (void) pthread_mutex_lock(&nodes->mutex);

    for ( /* void */ ; slot <= last; slot++) {
        nodes->slots[slot] = (int16_t) node;
    }

    (void) pthread_mutex_unlock(&nodes->mutex);
}


/* returns the number of the master of a range, or BIGCACHE_NODES_NONE */

static int
bigcache_nodes_owner(bigcache_nodes_t *nodes, int node,
    const bigcache_reply_t *range)
{
    bigcache_address_t  address;

    return (bigcache_link_address(bigcache_link_part(range, 2), &address) == 0)
           ? bigcache_nodes_at(nodes, &address, node) : BIGCACHE_NODES_NONE;
}

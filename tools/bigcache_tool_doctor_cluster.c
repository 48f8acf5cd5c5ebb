
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Judges the servers of a cluster by what nginx says of them in /stat: a table
 * of checks, beside that of bigcache_tool_doctor_running.c.  A store in a
 * directory has none of these.
 */


#include <string.h>

#include "bigcache_tool_doctor_parts.h"


#define BIGCACHE_TOOL_DOCTOR_SLOTS     16384

/* commands below which shares say nothing */

#define BIGCACHE_TOOL_DOCTOR_COMMANDS  1000


/* the servers, summed up; the texts are those of /stat */

typedef struct {
    unsigned      n;
    unsigned      answer;
    unsigned      masters;        /* that answer and have slots */
    double        slots;          /* that some server has */
    double        lost;           /* those of servers that do not answer */
    double        evicted;
    double        replicas;       /* of the master that has the fewest */
    unsigned      bare;           /* masters without any */
    unsigned      unlimited;      /* without maxmemory */
    double        full;           /* the largest share of maxmemory in use */
    const char   *fullest;
    const char   *least;          /* the master with the fewest replicas */
    const char   *silent;         /* a server that does not answer, */
    const char   *state;          /* how it is then, */
    const char   *why;            /* and why */
    const char   *policy;         /* one that removes keys, */
    const char   *remover;        /* and whose */
} bigcache_tool_doctor_cluster_t;


static void bigcache_tool_doctor_cluster_servers(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_slots(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_replicas(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_memory(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_policy(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_evicted(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_retries(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_cluster_seeds(const void *facts,
    bigcache_tool_doctor_finding_t *finding);

static int bigcache_tool_doctor_cluster_sum(
    const bigcache_tool_doctor_server_t *server,
    bigcache_tool_doctor_cluster_t *sum);
static void bigcache_tool_doctor_cluster_add(
    bigcache_tool_doctor_cluster_t *sum, const cJSON *one);
static void bigcache_tool_doctor_cluster_add_master(
    bigcache_tool_doctor_cluster_t *sum, const cJSON *one, const char *name);
static double bigcache_tool_doctor_cluster_number(const cJSON *one,
    const char *name);
static const char *bigcache_tool_doctor_cluster_text(const cJSON *one,
    const char *name);


const bigcache_tool_doctor_check_t  bigcache_tool_doctor_cluster_checks[] = {

    { "servers", bigcache_tool_doctor_cluster_servers,
      "requests for the keys of a server that is away are answered 503, and "
      "so are purges, lists and counts" },

    { "slots", bigcache_tool_doctor_cluster_slots,
      "requests for keys of a slot that no server has are answered 503" },

    { "replicas", bigcache_tool_doctor_cluster_replicas,
      "with a master without a replica its pages are lost, and with fewer than "
      "\"replicas\" each write is answered 503" },

    { "memory", bigcache_tool_doctor_cluster_memory,
      "a server that is full is answered 507, and one without a limit is ended "
      "by the kernel" },

    { "policy", bigcache_tool_doctor_cluster_policy,
      "a server that removes keys by itself may remove a part of a page, or of "
      "the index" },

    { "evicted", bigcache_tool_doctor_cluster_evicted,
      "what a server has removed by itself is missing in the store" },

    { "retries", bigcache_tool_doctor_cluster_retries,
      "a command that is sent again makes its request wait: a server fails, or "
      "slots move" },

    { "named", bigcache_tool_doctor_cluster_seeds,
      "nginx learns of all servers from those in its configuration, and one of "
      "these may be away" },

    { NULL, NULL, NULL }
};


static void
bigcache_tool_doctor_cluster_servers(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    unsigned                        away;
    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum)) {
        return;
    }

    if (sum.n == 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
            "/stat names no server: the store is closed, has just begun, or "
            "the zone is too small to remember them");
        bigcache_tool_doctor_report_advice(finding, "\"zone=NAME\" of "
            "\"bigcache_cluster\" without a size");
        return;
    }

    away = sum.n - sum.answer;

    if (away == 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "%u of %u answer, %u of them have slots", sum.answer, sum.n,
            sum.masters);
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        sum.lost ? BIGCACHE_TOOL_DOCTOR_ERROR : BIGCACHE_TOOL_DOCTOR_WARNING,
        "%u of %u cannot be used, with %.0f slots: %.80s, for example, is "
        "%.20s: %.100s", away, sum.n, sum.lost, sum.silent, sum.state,
        sum.why);

    bigcache_tool_doctor_report_advice(finding, "%s",
        strcmp(sum.state, "refused") == 0
        ? "docs/redis.md has the rights and the settings that nginx needs"
        : "see whether the server runs, whether its machine can be reached, "
          "and what its log says; if it is gone for good, remove it from "
          "\"bigcache_cluster\"");
}


static void
bigcache_tool_doctor_cluster_slots(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double                          missing;
    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum) || sum.n == 0) {
        return;
    }

    missing = BIGCACHE_TOOL_DOCTOR_SLOTS - sum.slots;

    if (missing <= 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "each has a server");
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
        "%.0f of %d slots have no server", missing,
        BIGCACHE_TOOL_DOCTOR_SLOTS);
    bigcache_tool_doctor_report_advice(finding, "\"redis-cli --cluster check "
        "HOST:PORT\" says which, \"redis-cli --cluster fix HOST:PORT\" gives "
        "them to servers");
}


static void
bigcache_tool_doctor_cluster_replicas(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double                          asked;
    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum)
        || sum.masters == 0
        || bigcache_tool_doctor_server_force(server, "replicas", &asked) != 1)
    {
        return;
    }

    if (sum.replicas < asked) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "%.80s has %.0f, and \"replicas\" is %.0f: writes of its pages are "
            "answered 503", sum.least, sum.replicas, asked);
        bigcache_tool_doctor_report_advice(finding, "start the replicas that "
            "are away, add one, or set a smaller \"replicas\" of "
            "\"bigcache_cluster\"");
        return;
    }

    if (asked > 0 && sum.replicas == asked) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
            "%.80s has %.0f, just as many as \"replicas\"", sum.least,
            sum.replicas);
        bigcache_tool_doctor_report_advice(finding, "one replica more for each "
            "master: then writes go on when one is lost");
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        sum.bare ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%u of %u masters have none", sum.bare, sum.masters);
    bigcache_tool_doctor_report_advice(finding, "a replica for each master, on "
        "another machine, if pages are to outlive it");
}


static void
bigcache_tool_doctor_cluster_memory(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double                          full;
    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum) || sum.answer == 0) {
        return;
    }

    (void) bigcache_tool_doctor_server_metric(server, "requests_total",
                                              "status=\"507\"", &full);

    bigcache_tool_doctor_report_advice(finding, "more memory for "
        "\"maxmemory\", more masters, shorter lifetimes of pages, or a purge "
        "of what nobody asks for");

    if (full > 0 || sum.full >= 0.95) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
            "%.0f requests were answered 507, and %.80s uses %.0f %% of its "
            "maxmemory", full, sum.fullest ? sum.fullest : "no server",
            100 * sum.full);
        return;
    }

    if (sum.unlimited) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
            "%u of %u servers have no maxmemory", sum.unlimited, sum.answer);
        bigcache_tool_doctor_report_advice(finding, "\"maxmemory\" of the "
            "servers, below the memory of the machine: a copy for a replica or "
            "for the disk takes some, too");
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (sum.full >= 0.8) ? BIGCACHE_TOOL_DOCTOR_ADVICE
                          : BIGCACHE_TOOL_DOCTOR_OK,
        "%.80s uses most, %.0f %% of its maxmemory", sum.fullest,
        100 * sum.full);
}


static void
bigcache_tool_doctor_cluster_policy(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum)
        || (sum.answer == 0 && sum.policy == NULL))
    {
        return;
    }

    if (sum.policy == NULL) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "noeviction, or none is known");
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (strncmp(sum.policy, "allkeys-", 8) == 0)
        ? BIGCACHE_TOOL_DOCTOR_ERROR : BIGCACHE_TOOL_DOCTOR_ADVICE,
        "the maxmemory-policy of %.80s is %.40s", sum.remover, sum.policy);
    bigcache_tool_doctor_report_advice(finding, "\"maxmemory-policy "
        "noeviction\" of all servers: nginx removes what has expired");
}


static void
bigcache_tool_doctor_cluster_evicted(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum) || sum.answer == 0) {
        return;
    }

    if (sum.evicted == 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "none");
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
        "the servers have removed %.0f keys since they were started, of this "
        "store or of other programs", sum.evicted);
    bigcache_tool_doctor_report_advice(finding, "\"maxmemory-policy "
        "noeviction\"; if it was another one while pages were stored, "
        "/clear");
}


static void
bigcache_tool_doctor_cluster_retries(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  commands, retries, failures;

    if (!bigcache_tool_doctor_server_metric(server, "cluster_commands_total",
                                            NULL, &commands)
        || !bigcache_tool_doctor_server_metric(server, "cluster_retries_total",
                                               NULL, &retries)
        || !bigcache_tool_doctor_server_metric(server, "cluster_failures_total",
                                               NULL, &failures)
        || commands < BIGCACHE_TOOL_DOCTOR_COMMANDS)
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (retries > 0.01 * commands)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f of %.0f commands were sent again, and %.0f connections have "
        "failed", retries, commands, failures);
    bigcache_tool_doctor_report_advice(finding, "see the check \"servers\", "
        "the error log, and the network between nginx and the servers");
}


static void
bigcache_tool_doctor_cluster_seeds(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double                          named;
    bigcache_tool_doctor_cluster_t  sum;

    if (!bigcache_tool_doctor_cluster_sum(server, &sum)
        || bigcache_tool_doctor_server_force(server, "servers", &named) != 1)
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (named < 2 && sum.n > 1)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f server%s in the configuration", named, (named == 1) ? "" : "s");
    bigcache_tool_doctor_report_advice(finding, "\"server=HOST:PORT\" of "
        "\"bigcache_cluster\" for each master");
}


/* returns 1, or 0 if the store is not in a cluster */

static int
bigcache_tool_doctor_cluster_sum(const bigcache_tool_doctor_server_t *server,
    bigcache_tool_doctor_cluster_t *sum)
{
    const cJSON  *servers, *one;

    memset(sum, 0, sizeof(bigcache_tool_doctor_cluster_t));

    if (!bigcache_tool_doctor_server_in_cluster(server)) {
        return 0;
    }

    servers = cJSON_GetObjectItemCaseSensitive(server->stat, "servers");

    if (!cJSON_IsArray(servers)) {
        return 1;
    }

    cJSON_ArrayForEach(one, servers) {
        bigcache_tool_doctor_cluster_add(sum, one);
    }

    return 1;
}


static void
bigcache_tool_doctor_cluster_add(bigcache_tool_doctor_cluster_t *sum,
    const cJSON *one)
{
    double       slots;
    const char  *name, *state, *policy;

    name = bigcache_tool_doctor_cluster_text(one, "server");
    state = bigcache_tool_doctor_cluster_text(one, "state");
    policy = bigcache_tool_doctor_cluster_text(one, "policy");
    slots = bigcache_tool_doctor_cluster_number(one, "slots");

    sum->n++;
    sum->slots += slots;
    sum->evicted += bigcache_tool_doctor_cluster_number(one, "evicted_keys");

    /* the worst policy is shown */

    if ((strncmp(policy, "volatile-", 9) == 0 && sum->policy == NULL)
        || strncmp(policy, "allkeys-", 8) == 0)
    {
        sum->policy = policy;
        sum->remover = name;
    }

    if (strcmp(state, "answers") == 0) {
        sum->answer++;
        bigcache_tool_doctor_cluster_add_master(sum, one, name);
        return;
    }

    /* so is one that has slots */

    if (sum->silent == NULL || (slots > 0 && sum->lost == 0)) {
        sum->silent = name;
        sum->state = state;
        sum->why = bigcache_tool_doctor_cluster_text(one, "why");
    }

    sum->lost += slots;
}


/* memory counts of replicas, too */

static void
bigcache_tool_doctor_cluster_add_master(bigcache_tool_doctor_cluster_t *sum,
    const cJSON *one, const char *name)
{
    double  max, part, replicas;

    max = bigcache_tool_doctor_cluster_number(one, "max_memory");

    if (max > 0) {
        part = bigcache_tool_doctor_cluster_number(one, "used_memory") / max;

        if (sum->fullest == NULL || part > sum->full) {
            sum->full = part;
            sum->fullest = name;
        }

    } else {
        sum->unlimited++;
    }

    if (bigcache_tool_doctor_cluster_number(one, "slots") == 0) {
        return;
    }

    replicas = bigcache_tool_doctor_cluster_number(one, "replicas");

    if (sum->masters == 0 || replicas < sum->replicas) {
        sum->replicas = replicas;
        sum->least = name;
    }

    sum->masters++;
    sum->bare += (replicas == 0);
}


/* returns 0 if there is none, or one that makes no sense */

static double
bigcache_tool_doctor_cluster_number(const cJSON *one, const char *name)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(one, name);

    return (cJSON_IsNumber(item) && item->valuedouble > 0
            && item->valuedouble < 1e18)
           ? item->valuedouble : 0;
}


/* returns "?" if there is none */

static const char *
bigcache_tool_doctor_cluster_text(const cJSON *one, const char *name)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(one, name);

    return cJSON_IsString(item) ? item->valuestring : "?";
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Judges a running server by what it says of itself: a table of checks, and one
 * function for each of them.  What the server does not say is not judged.
 */


#include "bigcache_release.h"
#include "bigcache_tool_doctor_parts.h"


/* seconds */

#define BIGCACHE_TOOL_DOCTOR_SKEW      5
#define BIGCACHE_TOOL_DOCTOR_DAY       86400.0
#define BIGCACHE_TOOL_DOCTOR_UNSYNCED  60

/* requests below which shares say nothing */

#define BIGCACHE_TOOL_DOCTOR_REQUESTS  1000

#define BIGCACHE_TOOL_DOCTOR_MB        (1024 * 1024.0)
#define BIGCACHE_TOOL_DOCTOR_GB        (1024 * BIGCACHE_TOOL_DOCTOR_MB)

/* so many times as much space is advised at most */

#define BIGCACHE_TOOL_DOCTOR_TIMES     20

/* bytes of a zone for a page, to know 95 % of them */

#define BIGCACHE_TOOL_DOCTOR_ENTRY     42

/* files of a worker besides its connections */

#define BIGCACHE_TOOL_DOCTOR_FILES     1500


static void bigcache_tool_doctor_running_store(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_front(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_metrics(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_version(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_clock(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_hits(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_zone(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_evictions(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_limits(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_space(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_dead(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_refused(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_queue(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_errors(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_slow(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_syncs(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_sync_off(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_leases(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_bodies(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_max_body(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_sending(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_workers(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_open_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_file_system(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_preadv2(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_running_cachestat(const void *facts,
    bigcache_tool_doctor_finding_t *finding);

static double bigcache_tool_doctor_running_answered(
    const bigcache_tool_doctor_server_t *server, double *hits);
static double bigcache_tool_doctor_running_status(
    const bigcache_tool_doctor_server_t *server, const char *status,
    double *all);
static int bigcache_tool_doctor_running_flag(
    const bigcache_tool_doctor_server_t *server, const char *name);


const bigcache_tool_doctor_check_t  bigcache_tool_doctor_running_checks[] = {

    { "store", bigcache_tool_doctor_running_store,
      "while the store is closed, each request is answered 503" },

    { "front", bigcache_tool_doctor_running_front,
      "keys of a server that does not answer are answered 503" },

    { "metrics", bigcache_tool_doctor_running_metrics,
      "most of what could be wrong shows in /metrics only" },

    { "version", bigcache_tool_doctor_running_version,
      "a server keeps the module that it was started with, and what a later "
      "one has mended" },

    { "clock", bigcache_tool_doctor_running_clock,
      "pages expire by the clock of the server, and clients may name the time "
      "by their own" },

    { "hit_rate", bigcache_tool_doctor_running_hits,
      "each miss makes a page anew" },

    { "zone", bigcache_tool_doctor_running_zone,
      "a page that is not in the hot index takes a thread, and another process "
      "to be asked" },

    { "evictions", bigcache_tool_doctor_running_evictions,
      "pages leave before they expire, whether they are asked for or not" },

    { "limits", bigcache_tool_doctor_running_limits,
      "without max_size and min_free the store grows until the disk is full" },

    { "space", bigcache_tool_doctor_running_space,
      "on a full disk nothing is stored: POST and PUT are answered 507" },

    { "dead_bytes", bigcache_tool_doctor_running_dead,
      "what was replaced and removed takes space: compaction does not keep up, "
      "or cannot read a segment" },

    { "refused", bigcache_tool_doctor_running_refused,
      "these requests got nothing: the store was closed, or a queue was full" },

    { "queue", bigcache_tool_doctor_running_queue,
      "what waits for a thread is slow, and is answered 503 when the queue is "
      "full" },

    { "errors", bigcache_tool_doctor_running_errors,
      "these requests have failed in the disk, the memory, the index, or a "
      "server of the cluster" },

    { "slow", bigcache_tool_doctor_running_slow,
      "the disk, the servers of a cluster, or too few threads" },

    { "syncs", bigcache_tool_doctor_running_syncs,
      "a power cut takes back what is not on the disk, and a disk that refuses "
      "it is broken" },

    { "sync", bigcache_tool_doctor_running_sync_off,
      "a power cut takes back as much as the kernel has kept, of half a minute "
      "or more" },

    { "leases", bigcache_tool_doctor_running_leases,
      "without a lease many clients make the same page" },

    { "body_buffer", bigcache_tool_doctor_running_bodies,
      "a body in a temporary file is written twice" },

    { "max_body", bigcache_tool_doctor_running_max_body,
      "a larger page is answered 413 and not stored" },

    { "sendfile", bigcache_tool_doctor_running_sending,
      "without both, pages over 16 KB are copied once more" },

    { "workers", bigcache_tool_doctor_running_workers,
      "a worker serves on one processor at a time" },

    { "open_files", bigcache_tool_doctor_running_open_files,
      "up to 1,000 tables, 256 segments and a connection for each thread may "
      "be open; what cannot be opened is answered 500 or 503" },

    { "file_system", bigcache_tool_doctor_running_file_system,
      "locks, syncs and the order of writes are relied on, and only local file "
      "systems of a disk keep pages for weeks" },

    { "preadv2", bigcache_tool_doctor_running_preadv2,
      "without it the event loop cannot read pages that are in memory, and "
      "each hit takes a thread" },

    { "cachestat", bigcache_tool_doctor_running_cachestat,
      "without it whether a page is in memory is known of one byte only" },

    { NULL, NULL, NULL }
};


static void
bigcache_tool_doctor_running_store(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double    up, entries;
    unsigned  n;

    n = bigcache_tool_doctor_server_metric(server, "up", NULL, &up);

    if (n == 0) {
        return;
    }

    if (up < n) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "the store is closed, cannot be opened, or has not answered within "
            "a second%s%.200s", server->reason[0] ? ": " : "", server->reason);
        bigcache_tool_doctor_report_advice(finding, "the error log says why "
            "it cannot be opened; POST /open, if it was closed");
        return;
    }

    if (bigcache_tool_doctor_server_metric(server, "entries", NULL, &entries)
        == 0)
    {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "open; its pages are being counted");
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
        "open, with %.0f page%s", entries, (entries == 1) ? "" : "s");
}


static void
bigcache_tool_doctor_running_front(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int           n;
    const cJSON  *shards;

    shards = cJSON_GetObjectItemCaseSensitive(server->stat, "shards");

    if (!cJSON_IsArray(shards)) {
        return;
    }

    n = cJSON_GetArraySize(shards);

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
        "a front of %d servers: what is in force differs, so look at each of "
        "them, too", n);
}


static void
bigcache_tool_doctor_running_metrics(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  n;

    if (bigcache_tool_doctor_server_metric(server, "hot_room", NULL, &n)) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
        "/metrics was not answered, or not with metrics of bigcache");
    bigcache_tool_doctor_report_advice(finding, "permit GET /metrics where "
        "/stat is permitted");
}


static void
bigcache_tool_doctor_running_version(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int   rc;
    char  text[64];

    if (!bigcache_tool_doctor_server_version(server, text, sizeof(text))) {
        return;
    }

    rc = bigcache_tool_doctor_server_compare(text, BIGCACHE_VERSION);

    bigcache_tool_doctor_report_seen(finding,
        rc ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "the server has %s, this command is of " BIGCACHE_VERSION, text);

    bigcache_tool_doctor_report_advice(finding, "%s",
        (rc < 0) ? "upgrade the module, and restart nginx: a reload is not "
                   "enough"
                 : "use the command \"bigcache\" of the same version");
}


static void
bigcache_tool_doctor_running_clock(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int64_t  skew;

    if (server->date == -1) {
        return;
    }

    skew = server->date - server->now;

    if (skew >= -BIGCACHE_TOOL_DOCTOR_SKEW && skew <= BIGCACHE_TOOL_DOCTOR_SKEW)
    {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "the clock of the server and the one here agree");
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
        "the clock of the server is %lld seconds %s the one here",
        (long long) (skew < 0 ? -skew : skew),
        skew < 0 ? "behind" : "ahead of");
    bigcache_tool_doctor_report_advice(finding, "set the clocks of both "
        "machines by NTP, with chrony for example");
}


static void
bigcache_tool_doctor_running_hits(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  hits, all;

    all = bigcache_tool_doctor_running_answered(server, &hits);

    if (all < BIGCACHE_TOOL_DOCTOR_REQUESTS) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (hits / all < 0.5)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.1f %% of %.0f requests were hits", 100 * hits / all, all);

    bigcache_tool_doctor_report_advice(finding, "see whether clients store "
        "what they miss, whether one page has many keys "
        "(\"bigcache_key_args\", \"bigcache_ignore_args\"), and whether pages "
        "are stored for too short a time");
}


static void
bigcache_tool_doctor_running_zone(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double                        room, known, hot, keys, all, hits, size;
    unsigned                      counted, full, few;
    const char                   *zone;
    bigcache_tool_doctor_level_e  level;

    if (bigcache_tool_doctor_server_number(server, "hot", "room", &room) != 1
        || bigcache_tool_doctor_server_number(server, "hot", "entries", &known)
           != 1
        || bigcache_tool_doctor_server_number(server, "hot", "hits", &hot) != 1)
    {
        return;
    }

    /* a store in a cluster has no hot index */

    if (bigcache_tool_doctor_server_in_cluster(server)) {
        return;
    }

    zone = bigcache_tool_doctor_server_text(server, "zone");
    counted = bigcache_tool_doctor_server_metric(server, "entries", NULL,
                                                 &keys);
    all = bigcache_tool_doctor_running_answered(server, &hits);

    /* a full zone is no trouble while it answers nearly all */

    full = (room == 0 || known >= 0.9 * room);
    few = (all >= BIGCACHE_TOOL_DOCTOR_REQUESTS && hot < 0.8 * all);

    level = !full ? BIGCACHE_TOOL_DOCTOR_OK
            : few ? BIGCACHE_TOOL_DOCTOR_WARNING
            : (counted && keys > known) ? BIGCACHE_TOOL_DOCTOR_ADVICE
                                        : BIGCACHE_TOOL_DOCTOR_OK;

    bigcache_tool_doctor_report_seen(finding, level, "the hot index has %.0f "
        "entries, and room for %.0f; it has answered %.0f of %.0f requests",
        known, room, hot, all);

    size = (counted && keys > room) ? keys : 2 * room;
    size = size * BIGCACHE_TOOL_DOCTOR_ENTRY / BIGCACHE_TOOL_DOCTOR_MB + 2;

    bigcache_tool_doctor_report_advice(finding, "\"zone=%.64s:%.0fm\" of "
        "\"bigcache_path\" knows all pages; the zone needs room for those of a "
        "day", zone ? zone : "NAME", size);
}


static void
bigcache_tool_doctor_running_evictions(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    char                          text[64];
    double                        segments, pages, age, times;
    bigcache_tool_doctor_level_e  level;

    if (!bigcache_tool_doctor_server_metric(server, "evicted_segments_total",
                                            NULL, &segments)
        || !bigcache_tool_doctor_server_metric(server, "evicted_pages_total",
                                               NULL, &pages))
    {
        return;
    }

    if (segments == 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "none");
        return;
    }

    /* nobody misses segments in which no page was alive; 0 is no age */

    if (pages == 0
        || !bigcache_tool_doctor_server_metric(server, "evicted_age_seconds",
                                               NULL, &age)
        || age < 1)
    {
        return;
    }

    level = (age < BIGCACHE_TOOL_DOCTOR_DAY) ? BIGCACHE_TOOL_DOCTOR_WARNING
            : (age < 7 * BIGCACHE_TOOL_DOCTOR_DAY)
              ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK;

    bigcache_tool_doctor_report_seen(finding, level, "%.0f pages were removed "
        "for the limits, the last ones with a segment that was %.1f hours old; "
        "pages that compaction moved there may be older", pages, age / 3600);

    times = 1 + 7 * BIGCACHE_TOOL_DOCTOR_DAY / age;

    /* of a short time, a peak perhaps, it would be no more than a guess */

    text[0] = '\0';

    if (times <= BIGCACHE_TOOL_DOCTOR_TIMES) {
        (void) snprintf(text, sizeof(text), ": %.0f times as much keeps pages "
                        "for a week", times);
    }

    bigcache_tool_doctor_report_advice(finding, "a larger \"max_size\" or a "
        "smaller \"min_free\" of \"bigcache_path\", or a larger disk%s", text);
}


static void
bigcache_tool_doctor_running_limits(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int      max, min;
    char     text[32];
    double   max_size, min_free, space, bytes;

    max = bigcache_tool_doctor_server_force(server, "max_size", &max_size);
    min = bigcache_tool_doctor_server_force(server, "min_free", &min_free);

    if (max == 0 || min == 0) {
        return;
    }

    if (max == 1 || min == 1) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "%s %s", (max == 1) ? "max_size" : "min_free",
            bigcache_tool_doctor_report_bytes(text,
                                              (max == 1) ? max_size
                                                         : min_free));
        return;
    }

    if (!bigcache_tool_doctor_server_metric(server, "disk_free_bytes", NULL,
                                            &space)
        || !bigcache_tool_doctor_server_metric(server, "bytes", NULL, &bytes))
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (space < bytes || space < 10 * BIGCACHE_TOOL_DOCTOR_GB)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "neither max_size nor min_free is set, and %s are free",
        bigcache_tool_doctor_report_bytes(text, space));

    bigcache_tool_doctor_report_advice(finding, "\"min_free=2g\" or "
        "\"max_size=SIZE\" of \"bigcache_path\"");
}


static void
bigcache_tool_doctor_running_space(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    char    text[32];
    double  space, full, all;

    full = bigcache_tool_doctor_running_status(server, "507", &all);

    if (!bigcache_tool_doctor_server_metric(server, "disk_free_bytes", NULL,
                                            &space))
    {
        return;
    }

    bigcache_tool_doctor_report_bytes(text, space);

    bigcache_tool_doctor_report_advice(finding, "remove other files, or set "
        "\"min_free=2g\" or \"max_size\" of \"bigcache_path\" and reload: then "
        "the oldest pages leave by themselves");

    if (full > 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
            "%.0f requests were answered 507, and %s are free", full, text);
        return;
    }

    /* the reserve is there, so that this is beside it */

    bigcache_tool_doctor_report_seen(finding,
        (space < 2 * BIGCACHE_TOOL_DOCTOR_MB) ? BIGCACHE_TOOL_DOCTOR_ERROR
        : (space < BIGCACHE_TOOL_DOCTOR_GB) ? BIGCACHE_TOOL_DOCTOR_WARNING
                                            : BIGCACHE_TOOL_DOCTOR_OK,
        "%s are free on the file system of the store", text);
}


static void
bigcache_tool_doctor_running_dead(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    char    text[32];
    double  bytes, live;

    if (!bigcache_tool_doctor_server_metric(server, "bytes", NULL, &bytes)
        || !bigcache_tool_doctor_server_metric(server, "live_bytes", NULL,
                                               &live)
        || bytes < BIGCACHE_TOOL_DOCTOR_GB)
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (live < 0.4 * bytes)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f %% of %s are alive", 100 * live / bytes,
        bigcache_tool_doctor_report_bytes(text, bytes));

    bigcache_tool_doctor_report_advice(finding, "look for [crit] lines in the "
        "error log; if there are none, wait for an hour and look again");
}


static void
bigcache_tool_doctor_running_refused(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  refused, passed, all;

    refused = bigcache_tool_doctor_running_status(server, "503", &all);

    (void) bigcache_tool_doctor_server_metric(server, "pages_passed_total",
                                              "reason=\"unavailable\"",
                                              &passed);

    if (all == 0 && passed == 0) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (refused + passed == 0) ? BIGCACHE_TOOL_DOCTOR_OK
        : (refused > 0.001 * all) ? BIGCACHE_TOOL_DOCTOR_WARNING
                                  : BIGCACHE_TOOL_DOCTOR_ADVICE,
        "%.0f of %.0f requests were answered 503, and %.0f were passed to the "
        "upstream for the same reason", refused, all, passed);

    bigcache_tool_doctor_report_advice(finding, "if the error log has \"thread "
        "pool queue overflow\", \"thread_pool NAME threads=32 "
        "max_queue=65536;\"; otherwise it says why the store was not open, or "
        "the cluster did not answer");
}


static void
bigcache_tool_doctor_running_queue(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  waiting, turns;

    if (!bigcache_tool_doctor_server_metric(server, "waiting_requests", NULL,
                                            &waiting)
        || !bigcache_tool_doctor_server_metric(server, "waiting_turns", NULL,
                                               &turns))
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (waiting > 1000) ? BIGCACHE_TOOL_DOCTOR_WARNING
        : (waiting > 100) ? BIGCACHE_TOOL_DOCTOR_ADVICE
                          : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f requests are with threads or wait for one, %.0f of them for "
        "their turn", waiting, turns);

    bigcache_tool_doctor_report_advice(finding, "\"thread_pool NAME "
        "threads=32;\" and \"thread_pool=NAME\" of %s",
        bigcache_tool_doctor_server_in_cluster(server)
        ? "\"bigcache_cluster\": each request that waits for a server has one"
        : "\"bigcache_path\"; a larger zone, so that fewer requests need a "
          "thread; a faster disk");
}


static void
bigcache_tool_doctor_running_errors(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  failed, all;

    failed = bigcache_tool_doctor_running_status(server, "500", &all);

    if (all == 0) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        failed ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f of %.0f requests were answered 500", failed, all);

    bigcache_tool_doctor_report_advice(finding, "look for [crit] lines in the "
        "error log; docs/operations.md explains each");
}


static void
bigcache_tool_doctor_running_slow(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  all, quick;

    if (!bigcache_tool_doctor_server_metric(server,
                                            "request_duration_seconds_count",
                                            "operation=\"get\"", &all)
        || !bigcache_tool_doctor_server_metric(server,
                                            "request_duration_seconds_bucket",
                                            "operation=\"get\",le=\"0.250000\"",
                                            &quick)
        || all < BIGCACHE_TOOL_DOCTOR_REQUESTS)
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (quick < 0.99 * all)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.2f %% of reads took more than 0.25 s", 100 * (all - quick) / all);

    bigcache_tool_doctor_report_advice(finding, "%s",
        bigcache_tool_doctor_server_in_cluster(server)
        ? "the servers, SLOWLOG GET of redis-cli for example, the network to "
          "them, \"thread_pool NAME threads=32;\""
        : "a faster disk, more memory for the page cache, \"thread_pool NAME "
          "threads=32;\"");
}


static void
bigcache_tool_doctor_running_syncs(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  seconds, failures, sync, most;

    if (!bigcache_tool_doctor_server_metric(server, "unsynced_seconds", NULL,
                                            &seconds)
        || !bigcache_tool_doctor_server_metric(server, "sync_failures_total",
                                               NULL, &failures))
    {
        return;
    }

    bigcache_tool_doctor_report_advice(finding, "look at the disk, dmesg and "
        "smartctl, and for \"written data cannot be synced\" in the error log");

    if (failures > 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "the disk has refused what was written, %.0f times", failures);
        return;
    }

    /* with sync=off the kernel takes its time */

    if (bigcache_tool_doctor_server_force(server, "sync", &sync) != 1) {
        return;
    }

    most = (4 * sync > BIGCACHE_TOOL_DOCTOR_UNSYNCED)
           ? 4 * sync : BIGCACHE_TOOL_DOCTOR_UNSYNCED;

    bigcache_tool_doctor_report_seen(finding, (seconds > most)
        ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK,
        "the oldest write that is not on the disk is %.1f seconds old, and "
        "sync is %.3g seconds", seconds, sync);
}


static void
bigcache_tool_doctor_running_sync_off(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  sync;

    if (bigcache_tool_doctor_server_force(server, "sync", &sync) != -1) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
        "sync is off");
    bigcache_tool_doctor_report_advice(finding, "remove \"sync=off\" of "
        "\"bigcache_path\": the default, 5s, costs little");
}


static void
bigcache_tool_doctor_running_leases(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  given, full, refused, late;

    if (!bigcache_tool_doctor_server_metric(server, "leases_given_total", NULL,
                                            &given)
        || !bigcache_tool_doctor_server_metric(server, "leases_full_total",
                                               NULL, &full)
        || !bigcache_tool_doctor_server_metric(server, "leases_refused_total",
                                               NULL, &refused)
        || !bigcache_tool_doctor_server_metric(server, "leases_timed_out_total",
                                               NULL, &late)
        || given + full + refused == 0)
    {
        return;
    }

    if (full > 0 || refused > 0) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
            "%.0f times there was no room for a lease, and %.0f times an "
            "address had too many", full, refused);
        bigcache_tool_doctor_report_advice(finding,
            "a larger zone: \"zone=NAME:SIZE\" of \"%s\"",
            bigcache_tool_doctor_server_in_cluster(server)
            ? "bigcache_cluster" : "bigcache_path");
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (late >= 100 && late > 0.25 * given)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f of %.0f leases have timed out", late, given);

    bigcache_tool_doctor_report_advice(finding, "clients take longer to make "
        "pages than their leases last: \"bigcache_lease on time=2m;\" for "
        "example");
}


static void
bigcache_tool_doctor_running_bodies(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int     rc;
    char    text[32];
    double  size, files;

    rc = bigcache_tool_doctor_server_force(server, "body_buffer", &size);

    if (rc == 0
        || bigcache_tool_doctor_server_number(server, "bodies", "in_files",
                                              &files)
           != 1)
    {
        return;
    }

    /* without a size that is set, files are for bodies over 1 MB */

    if (rc == -1) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "as each body is long; %.0f were in files", files);
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (size < BIGCACHE_TOOL_DOCTOR_MB && files > 0)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "client_body_buffer_size is %s, and %.0f bodies were in files",
        bigcache_tool_doctor_report_bytes(text, size), files);

    bigcache_tool_doctor_report_advice(finding, "remove "
        "\"client_body_buffer_size\" from the locations of bigcache: then a "
        "body of up to 1 MB gets a buffer of its size");
}


static void
bigcache_tool_doctor_running_max_body(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    char    text[32];
    double  size, large, all;

    if (bigcache_tool_doctor_server_force(server, "max_body", &size) != 1) {
        return;
    }

    large = bigcache_tool_doctor_running_status(server, "413", &all);

    bigcache_tool_doctor_report_seen(finding,
        (large > 0 || size <= BIGCACHE_TOOL_DOCTOR_MB)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "client_max_body_size is %s, and %.0f requests were answered 413",
        bigcache_tool_doctor_report_bytes(text, size), large);

    bigcache_tool_doctor_report_advice(finding, "\"client_max_body_size "
        "100m;\" in the server of bigcache: nginx's default is 1m");
}


static void
bigcache_tool_doctor_running_sending(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int  sendfile, nopush;

    sendfile = bigcache_tool_doctor_running_flag(server, "sendfile");
    nopush = bigcache_tool_doctor_running_flag(server, "tcp_nopush");

    if (sendfile == -1 || nopush == -1) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, (sendfile && nopush)
        ? BIGCACHE_TOOL_DOCTOR_OK : BIGCACHE_TOOL_DOCTOR_ADVICE,
        "sendfile is %s, tcp_nopush is %s", sendfile ? "on" : "off",
        nopush ? "on" : "off");

    bigcache_tool_doctor_report_advice(finding, "\"sendfile on;\" and "
        "\"tcp_nopush on;\" in http");
}


static void
bigcache_tool_doctor_running_workers(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    double  workers, cores;

    if (bigcache_tool_doctor_server_force(server, "workers", &workers) != 1
        || bigcache_tool_doctor_server_force(server, "cores", &cores) != 1)
    {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (workers < cores || workers > 2 * cores)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.0f worker%s on %.0f processor%s", workers, (workers == 1) ? "" : "s",
        cores, (cores == 1) ? "" : "s");

    bigcache_tool_doctor_report_advice(finding, "\"worker_processes auto;\"");
}


static void
bigcache_tool_doctor_running_open_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    int     rc;
    double  files, connections;

    rc = bigcache_tool_doctor_server_force(server, "open_files", &files);

    /* with a store in a cluster a worker has few files open */

    if (rc == 0
        || bigcache_tool_doctor_server_in_cluster(server)
        || bigcache_tool_doctor_server_force(server, "connections",
                                             &connections)
           != 1)
    {
        return;
    }

    if (rc == -1) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "a worker may have any number of files open");
        return;
    }

    connections += BIGCACHE_TOOL_DOCTOR_FILES;

    bigcache_tool_doctor_report_seen(finding, (files < connections)
        ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK,
        "a worker may have %.0f files open, and may need %.0f", files,
        connections);

    bigcache_tool_doctor_report_advice(finding, "\"worker_rlimit_nofile "
        "%.0f;\" in nginx.conf, and \"LimitNOFILE=%.0f\" of systemd",
        2 * connections, 2 * connections);
}


static void
bigcache_tool_doctor_running_file_system(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    const char  *type;

    type = bigcache_tool_doctor_server_text(server, "file_system");

    if (type) {
        bigcache_tool_doctor_common_file_system(finding, type);
    }
}


static void
bigcache_tool_doctor_running_preadv2(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    const char  *type;

    type = bigcache_tool_doctor_server_text(server, "file_system");

    bigcache_tool_doctor_common_preadv2(finding,
        bigcache_tool_doctor_running_flag(server, "preadv2"),
        type ? type : "the file system of the store");
}


static void
bigcache_tool_doctor_running_cachestat(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_server_t *server = facts;

    bigcache_tool_doctor_common_cachestat(finding,
        bigcache_tool_doctor_running_flag(server, "cachestat"));
}


/* returns hits and misses of all fronts, and the hits */

static double
bigcache_tool_doctor_running_answered(
    const bigcache_tool_doctor_server_t *server, double *hits)
{
    double  misses;

    if (bigcache_tool_doctor_server_metric(server, "hits_total", NULL, hits)
        && bigcache_tool_doctor_server_metric(server, "misses_total", NULL,
                                              &misses))
    {
        return *hits + misses;
    }

    if (bigcache_tool_doctor_server_number(server, "stats", "hit", hits) == 1
        && bigcache_tool_doctor_server_number(server, "stats", "miss", &misses)
           == 1)
    {
        return *hits + misses;
    }

    *hits = 0;

    return 0;
}


/* returns the requests of that status, and how many there are at all */

static double
bigcache_tool_doctor_running_status(
    const bigcache_tool_doctor_server_t *server, const char *status,
    double *all)
{
    char    label[32];
    double  n;

    (void) snprintf(label, sizeof(label), "status=\"%s\"", status);

    (void) bigcache_tool_doctor_server_metric(server, "requests_total", NULL,
                                              all);
    (void) bigcache_tool_doctor_server_metric(server, "requests_total", label,
                                              &n);
    return n;
}


/* returns 1, 0, or -1 if it is not known */

static int
bigcache_tool_doctor_running_flag(const bigcache_tool_doctor_server_t *server,
    const char *name)
{
    double  n;

    return (bigcache_tool_doctor_server_force(server, name, &n) == 1)
           ? (n != 0) : -1;
}

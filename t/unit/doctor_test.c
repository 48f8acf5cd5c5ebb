
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the doctor says of directories and servers that the test describes;
 * answers of HTTP, addresses, and files of /proc, good ones and others.
 */


#define _GNU_SOURCE

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "bigcache_release.h"
#include "bigcache_tool_doctor_parts.h"
#include "tap.h"


#define MB  (1024 * 1024ULL)
#define GB  (1024 * MB)


static void levels(void);
static void file_systems(void);
static void mounts(void);
static void spaces(void);
static void stores(void);
static void owners(void);
static void urls(void);
static void answers(void);
static void cut(const char *text);
static void values(void);
static void running(void);
static void zones(void);
static void limits(void);
static void evictions(void);
static void clocks(void);
static void clusters(void);
static void reasons(void);
static void hostile(void);
static void addresses(void);
static int silent(struct sockaddr_in *address, int fds[3]);
static pid_t answering(struct sockaddr_in *address);
static int listening(struct sockaddr_in *address, int backlog);
static void printed(void);
static bigcache_tool_doctor_dir_t good(void);
static bigcache_tool_doctor_level_e dir_level(
    const bigcache_tool_doctor_dir_t *dir, const char *name);
static bigcache_tool_doctor_level_e level_of(const char *stat,
    const char *metrics, const char *name);
static bigcache_tool_doctor_level_e cluster_level(const char *servers,
    const char *replicas, const char *metrics, const char *name);
static int parse(const char *text, int end,
    bigcache_tool_doctor_answer_t *answer, const char **error);
static bigcache_str_t str(const char *text);


/* the report of the last judgement, and its finding */

static bigcache_tool_doctor_report_t          report;
static const bigcache_tool_doctor_finding_t  *finding;


#define OK       BIGCACHE_TOOL_DOCTOR_OK
#define ADVICE   BIGCACHE_TOOL_DOCTOR_ADVICE
#define WARNING  BIGCACHE_TOOL_DOCTOR_WARNING
#define ERROR    BIGCACHE_TOOL_DOCTOR_ERROR
#define SKIPPED  BIGCACHE_TOOL_DOCTOR_SKIPPED


int
main(void)
{
    levels();
    file_systems();
    mounts();
    spaces();
    stores();
    owners();
    urls();
    answers();
    values();
    running();
    zones();
    limits();
    evictions();
    clocks();
    clusters();
    reasons();
    hostile();
    addresses();
    printed();

    return done_testing();
}


static void
levels(void)
{
    unsigned                    i;
    bigcache_tool_doctor_dir_t  dir;

    dir = good();

    (void) dir_level(&dir, "store");

    for (i = 0; i < report.nfindings; i++) {
        is_int(report.findings[i].level, OK, "a good directory: %s",
               report.findings[i].name);
    }

    is_int(i, 18, "a good directory: so many checks");

    memset(&dir, 0, sizeof(dir));
    dir.rotates = -1;
    dir.preadv2 = -1;
    dir.cachestat = -1;

    (void) dir_level(&dir, "store");

    for (i = 0; i < report.nfindings; i++) {
        is_int(report.findings[i].level, OK, "nothing is known: %s",
               report.findings[i].name);
    }
}


static void
file_systems(void)
{
    size_t                      i;
    bigcache_tool_doctor_dir_t  dir;

    static const struct {
        const char                    *type;
        bigcache_tool_doctor_level_e   level;
    } types[] = {
        { "ext4", OK }, { "xfs", OK }, { "btrfs", OK }, { "zfs", OK },
        { "nfs", ERROR }, { "nfs4", ERROR }, { "cifs", ERROR },
        { "smb3", ERROR }, { "fuse.sshfs", ERROR }, { "vfat", ERROR },
        { "9p", WARNING }, { "tmpfs", WARNING }, { "overlay", WARNING },
        { "fuse.mergerfs", WARNING }, { "ntfs3", WARNING },
        { "bcachefs", ADVICE }, { "", ADVICE }, { "x", ADVICE }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        dir = good();
        strcpy(dir.mount.type, types[i].type);

        is_int(dir_level(&dir, "file_system"), types[i].level,
               "the file system %s", types[i].type);
        ok(types[i].level == OK || finding->advice[0], "what to do about %s",
           types[i].type);
    }
}


static void
mounts(void)
{
    size_t                      i;
    bigcache_tool_doctor_dir_t  dir;

    static const struct {
        const char                    *options;
        bigcache_tool_doctor_level_e   level;
    } mounts[] = {
        { "rw,noatime,rw,data=ordered", OK }, { "rw,rw,nobarrier", WARNING },
        { "rw,rw,barrier=0", WARNING }, { "rw,rw,data=writeback", WARNING },
        { "ro,ro", ERROR }, { "rw,sync,rw", ADVICE }, { "rw,rw,async", OK },
        { "rw,rw,errors=remount-ro", OK }
    };

    for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {

        dir = good();
        strcpy(dir.mount.options, mounts[i].options);

        is_int(dir_level(&dir, "mount"), mounts[i].level, "mounted with %s",
               mounts[i].options);
    }
}


static void
spaces(void)
{
    bigcache_tool_doctor_dir_t  dir;

    dir = good();
    dir.free = 293 * MB;
    is_int(dir_level(&dir, "space"), ERROR, "no space for the reserve");

    dir.reserve = 292 * MB;
    is_int(dir_level(&dir, "space"), WARNING, "the reserve is there");

    dir.free = MB;
    is_int(dir_level(&dir, "space"), ERROR, "there is no space at all");

    dir = good();
    dir.space = 100 * MB;
    dir.free = 14 * MB;
    is_int(dir_level(&dir, "space"), ERROR, "a small one, nearly full");
    dir.free = 50 * MB;
    dir.largest = 3 * MB;
    is_int(dir_level(&dir, "space"), OK, "a small one, half full");

    dir = good();
    dir.inodes_free = 10;
    is_int(dir_level(&dir, "inodes"), ERROR, "no inodes");
    dir.inodes_free = 200;
    is_int(dir_level(&dir, "inodes"), WARNING, "few inodes");
    dir.inodes = 0;
    is_int(dir_level(&dir, "inodes"), SKIPPED, "a file system without them");

    dir = good();
    is_int(dir_level(&dir, "limits"), OK, "there is much room");
    dir.segment_bytes = 90 * GB;
    dir.free = 10 * GB;
    is_int(dir_level(&dir, "limits"), ADVICE, "there is little");
    dir.kind = BIGCACHE_TOOL_DOCTOR_EMPTY;
    is_int(dir_level(&dir, "limits"), SKIPPED, "nothing is stored");
    dir.kind = BIGCACHE_TOOL_DOCTOR_FOREIGN;
    is_int(dir_level(&dir, "limits"), SKIPPED, "no store");
}


static void
stores(void)
{
    bigcache_tool_doctor_dir_t  dir;

    dir = good();
    dir.kind = BIGCACHE_TOOL_DOCTOR_INSIDE;
    is_int(dir_level(&dir, "store"), ERROR, "the index of a store");
    dir.kind = BIGCACHE_TOOL_DOCTOR_FOREIGN;
    is_int(dir_level(&dir, "store"), ERROR, "something else");
    dir.kind = BIGCACHE_TOOL_DOCTOR_ORIGINAL;
    is_int(dir_level(&dir, "store"), OK, "an original");
    is_int(dir_level(&dir, "files"), SKIPPED, "whose files are not judged");

    dir = good();
    dir.unread = 1;
    is_int(dir_level(&dir, "store"), WARNING, "what cannot be looked at");

    dir = good();
    dir.others = 3;
    strcpy(dir.other, "index/CURRENT");
    is_int(dir_level(&dir, "files"), ERROR, "files of another user");
    ok(strstr(finding->seen, "3 files are of others, \"index/CURRENT\" for"),
       "which");
    ok(strstr(finding->advice, "chown -R www-data: \"/var/lib/bigcache\""),
       "what to do");
    dir.others = 1;
    is_int(dir_level(&dir, "files"), ERROR, "one file of another user");
    ok(strstr(finding->seen, "\"index/CURRENT\" is of another"),
       "its name");
    dir.links = 2;
    strcpy(dir.link, "pages/x");
    is_int(dir_level(&dir, "files"), ERROR, "links");
    ok(strstr(finding->seen, "2 files are links, "), "how many");
    dir.links = 1;
    strcpy(dir.link, "pages/x");
    is_int(dir_level(&dir, "files"), ERROR, "a link");
    ok(strstr(finding->seen, "\"pages/x\""), "its name");

    dir = good();
    dir.mode = 040777;
    is_int(dir_level(&dir, "mode"), ERROR, "all may write");
    is_str(finding->advice, "chmod 700 \"/var/lib/bigcache\"", "what to do");
    dir.mode = 040770;
    is_int(dir_level(&dir, "mode"), WARNING, "the group may write");
    dir.mode = 040755;
    is_int(dir_level(&dir, "mode"), OK, "others may read");

    dir = good();
    dir.rotates = 1;
    is_int(dir_level(&dir, "disk"), ADVICE, "a disk that rotates");
    dir.rotates = -1;
    is_int(dir_level(&dir, "disk"), SKIPPED, "not known whether it does");

    dir = good();
    dir.owner.limit = 1024;
    dir.owner.hard = 4096;
    is_int(dir_level(&dir, "open_files"), WARNING, "few files");
    dir.owner.limit = UINT64_MAX;
    is_int(dir_level(&dir, "open_files"), OK, "any number of files");
    dir.owner.pid = 0;
    is_int(dir_level(&dir, "open_files"), SKIPPED, "not open");

    dir = good();
    dir.preadv2 = 0;
    is_int(dir_level(&dir, "preadv2"), ADVICE, "no RWF_NOWAIT");
    dir.cachestat = 0;
    is_int(dir_level(&dir, "cachestat"), OK, "no cachestat()");

    dir = good();
    dir.newest = (uint64_t) dir.now + 30 * 1000000ULL;
    is_int(dir_level(&dir, "clock"), OK, "clocks differ a little");
    dir.newest = (uint64_t) dir.now + 3600 * 1000000ULL;
    is_int(dir_level(&dir, "clock"), WARNING, "the clock was set back");
    ok(strstr(finding->seen, " 3600 seconds behind "), "by how much");
    dir.newest = 0;
    is_int(dir_level(&dir, "clock"), SKIPPED, "no segment");

    dir = good();
    dir.format = 2;
    is_int(dir_level(&dir, "format"), ERROR, "another format");

    dir = good();
    dir.tables = 1001;
    is_int(dir_level(&dir, "tables"), ADVICE, "many tables");

    dir = good();
    dir.damaged = 1;
    is_int(dir_level(&dir, "leftovers"), WARNING, "a damaged index");
    dir.damaged = 0;
    dir.trash = 5 * GB;
    is_int(dir_level(&dir, "leftovers"), OK, "trash of a running store");
    dir.owner.pid = 0;
    is_int(dir_level(&dir, "leftovers"), ADVICE, "trash of another one");
}


static void
owners(void)
{
    dev_t                         disk;
    bigcache_tool_doctor_owner_t  owner;

    static const char  locks[] =
        "1: POSIX  ADVISORY  WRITE 27744 fe:00:10993808 0 EOF\n"
        "2: FLOCK  ADVISORY  READ 4711 fe:00:99 0 EOF\n"
        "2: -> FLOCK  ADVISORY  WRITE 4712 fe:00:99 0 EOF\n"
        "3: FLOCK  ADVISORY  WRITE 27742 fe:00:10993785 0 EOF\n"
        "4: FLOCK  ADVISORY  WRITE -1 fe:00:77 0 EOF\n"
        "5: FLOCK  ADVISORY  WRITE 99999 00:2d:18446744073709551615 0 EOF";

    static const char  text[] =
        "Limit                     Soft Limit           Hard Limit\n"
        "Max processes             128166               128166    processes\n"
        "Max open files            1024                 unlimited files\n";

    disk = makedev(0xfe, 0);

    is_int(bigcache_tool_doctor_owner_pid(locks, disk, 10993785), 27742,
           "a lock");
    is_int(bigcache_tool_doctor_owner_pid(locks, makedev(8, 0), 10993785), 0,
           "not one of another device");
    is_int(bigcache_tool_doctor_owner_pid(locks, makedev(0xfe, 1), 10993785),
           0, "nor of another part of it");
    is_int(bigcache_tool_doctor_owner_pid(locks, disk, 10993808), 0,
           "not one of fcntl()");
    is_int(bigcache_tool_doctor_owner_pid(locks, disk, 99), 0,
           "nor a shared one, nor one who waits");
    is_int(bigcache_tool_doctor_owner_pid(locks, disk, 77), 0,
           "nor a process outside");
    is_int(bigcache_tool_doctor_owner_pid(locks, makedev(0, 7), UINT64_MAX),
           99999, "a file system without a device");
    is_int(bigcache_tool_doctor_owner_pid("", disk, 1), 0, "no locks");
    is_int(bigcache_tool_doctor_owner_pid("\n\n", disk, 1), 0, "no lines");

    memset(&owner, 0, sizeof(owner));
    bigcache_tool_doctor_owner_limits(&owner, text);
    is_int(owner.limit, 1024, "the limit");
    ok(owner.hard == UINT64_MAX, "what it could be");

    memset(&owner, 0, sizeof(owner));
    bigcache_tool_doctor_owner_limits(&owner, "Max open files");
    bigcache_tool_doctor_owner_limits(&owner, "Max open files   -3 x");
    bigcache_tool_doctor_owner_limits(&owner, "");
    is_int(owner.limit, 0, "no limit is said");
    is_int(owner.hard, 0, "nor the other one");
}


static void
urls(void)
{
    size_t                      i;
    const char                 *error;
    bigcache_tool_doctor_url_t  url;

    static const struct {
        const char  *text;
        const char  *host;
        const char  *port;
        const char  *base;
    } right[] = {
        { "http://127.0.0.1:36379", "127.0.0.1", "36379", "" },
        { "HTTP://cache.example.com/", "cache.example.com", "80", "" },
        { "http://[::1]:81/a/b//", "::1", "81", "/a/b" },
        { "http://[fe80::1%eth0]/x", "fe80::1%eth0", "80", "/x" }
    };

    static const char *const  wrong[] = {
        "", "http:/", "http://", "http:///x", "http://:80", "http://a:",
        "http://a:x", "http://a:123456", "http://a b", "http://a/b c",
        "http://u:p@a", "http://a?x", "http://a/x?y", "http://a/x#y",
        "http://[::1", "http://[]:1", "http://[::1]x", "ftp://a",
        "http://a\r\nx", "http://a/\r\nX: y", "http://a\\b"
    };

    for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        is_int(bigcache_tool_doctor_http_url(&url, right[i].text, &error), 0,
               "%s", right[i].text);
        is_str(url.host, right[i].host, "its host");
        is_str(url.port, right[i].port, "its port");
        is_str(url.base, right[i].base, "its base");
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ok(bigcache_tool_doctor_http_url(&url, wrong[i], &error) == -1
           && error[0], "no URL: %s", wrong[i]);
    }

    ok(bigcache_tool_doctor_http_url(&url, "https://a", &error) == -1
       && strstr(error, "https is not spoken"), "https");
}


static void
answers(void)
{
    const char                     *error;
    bigcache_tool_doctor_answer_t   answer;

    static const char  whole[] = "HTTP/1.1 200 OK\r\n"
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-LENGTH: 5\r\n\r\nhello"
        " and more";

    is_int(parse(whole, 0, &answer, &error), 0, "an answer");
    is_int(answer.status, 200, "its status");
    is_int(answer.date, 784111777, "its date");
    is_mem(answer.body.data, answer.body.len, "hello", 5, "its body");

    is_int(parse("HTTP/1.0 404 x\n\nno", 0, &answer, &error), 1,
           "without a length, more may come");
    is_int(parse("HTTP/1.0 404 x\n\nno", 1, &answer, &error), 0,
           "until the end");
    is_int(answer.status, 404, "its status");
    is_int(answer.date, -1, "no date");
    is_mem(answer.body.data, answer.body.len, "no", 2, "its body");

    is_int(parse("HTTP/1.1 301 x\r\nLocation:  https://a/ \r\n\r\n", 1,
                 &answer, &error), 0, "a redirect");
    is_str(answer.location, "https://a/", "where to");

    is_int(parse("", 1, &answer, &error), -1, "nothing");
    ok(strstr(error, "without an answer"), "is said");
    is_int(parse("HTTP/1.1 2", 1, &answer, &error), -1, "a part of a header");
    is_int(parse("SSH-2.0-OpenSSH\r\n\r\n", 1, &answer, &error), -1,
           "another protocol");
    is_int(parse("HTTP/1.1 099 x\r\n\r\n", 1, &answer, &error), -1,
           "no status");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nab", 1, &answer,
                 &error), -1, "half a body");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Length: -9\r\n\r\nab", 1, &answer,
                 &error), -1, "a length below 0");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Length: 99999999999999999999\r\n"
                 "\r\n", 0, &answer, &error), -1, "a length too large");
    ok(strstr(error, "makes no sense"), "is said");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Length: 65\r\n\r\n", 0, &answer,
                 &error), -1, "a length over the limit");
    ok(strstr(error, "is too large"), "is said");
    is_int(parse("HTTP/1.1 200 x\r\n\r\n0123456789abcdef0123456789abcdef"
                 "0123456789abcdef0123456789abcdefX", 0, &answer, &error), -1,
           "a body over the limit");
    ok(strstr(error, "is too large"), "is said");
    is_int(parse("HTTP/1.1 200 x\r\n\r\n0123456789abcdef0123456789abcdef"
                 "0123456789abcdef0123456789abcdef", 1, &answer, &error), 0,
           "a body at the limit");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Length:\r\n\r\n", 0, &answer,
                 &error), -1, "a length that is empty");
    is_int(parse("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
                 &answer, &error), -1, "chunks");
    is_int(parse("HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\n\r\n", 0,
                 &answer, &error), -1, "packed");

    cut(whole);
}


/* each beginning of an answer, in a block of just its size */

static void
cut(const char *text)
{
    int                             rc;
    size_t                          i, len;
    u_char                         *copy;
    unsigned                        wrong;
    const char                     *error;
    bigcache_tool_doctor_answer_t   answer;

    len = strlen(text);
    wrong = 0;

    for (i = 0; i <= len; i++) {

        copy = malloc(i ? i : 1);
        if (copy == NULL) {
            break;
        }

        memcpy(copy, text, i);

        rc = bigcache_tool_doctor_answer(&answer, copy, i, 64, 0, 0, &error);
        wrong += (rc != (i < len - 9 ? 1 : 0));

        free(copy);
    }

    is_int(wrong, 0, "a beginning needs more");

    len = 40000;
    copy = malloc(len);

    if (copy) {
        memset(copy, 'x', len);
        ok(bigcache_tool_doctor_answer(&answer, copy, len, 64, 0, 0, &error)
           == -1,
           "a header without an end");
        free(copy);
    }
}


static void
values(void)
{
    char                           text[16];
    double                         n;
    bigcache_str_t                 stat;
    bigcache_tool_doctor_server_t  server;

    memset(&server, 0, sizeof(server));

    stat = str("{\"stats\":{\"hit\":3},\"in_force\":{\"sync\":null,\"a\":\"b\","
               "\"flag\":true,\"far\":1e999}}");

    is_int(bigcache_tool_doctor_server_stat(&server, &stat), 0, "/stat");
    is_int(bigcache_tool_doctor_server_number(&server, "stats", "hit", &n), 1,
           "a number");
    ok(n == 3, "its value");
    is_int(bigcache_tool_doctor_server_number(&server, "in_force", "flag", &n),
           1, "a flag");
    is_int(bigcache_tool_doctor_server_number(&server, "in_force", "sync", &n),
           -1, "null");
    is_int(bigcache_tool_doctor_server_number(&server, "in_force", "far", &n),
           0, "infinity is none");
    is_int(bigcache_tool_doctor_server_number(&server, "none", "hit", &n), 0,
           "no group");
    is_str(bigcache_tool_doctor_server_text(&server, "a"), "b", "a text");
    ok(bigcache_tool_doctor_server_text(&server, "flag") == NULL, "no text");

    bigcache_tool_doctor_server_free(&server);

    server.metrics = str("# HELP bigcache_x X.\n# TYPE bigcache_x counter\n"
        "bigcache_x{a=\"1\",b=\"2\"} 3\nbigcache_x{a=\"2\"} 4.5\n"
        "bigcache_xy 7\nbigcache_z 1e3\nbigcache_bad x\nbigcache_inf +Inf\n"
        "bigcache_info{version=\"1.2.3\"} 1\nbigcache_last 9");

    is_int(bigcache_tool_doctor_server_metric(&server, "x", NULL, &n), 2,
           "samples");
    ok(n == 7.5, "their sum");
    is_int(bigcache_tool_doctor_server_metric(&server, "x", "a=\"2\"", &n), 1,
           "those of a label");
    ok(n == 4.5, "its value");
    is_int(bigcache_tool_doctor_server_metric(&server, "z", "a=\"2\"", &n), 0,
           "no labels");
    is_int(bigcache_tool_doctor_server_metric(&server, "z", NULL, &n), 1,
           "no labels are wanted");
    is_int(bigcache_tool_doctor_server_metric(&server, "bad", NULL, &n), 0,
           "no number");
    is_int(bigcache_tool_doctor_server_metric(&server, "inf", NULL, &n), 0,
           "infinity");
    is_int(bigcache_tool_doctor_server_metric(&server, "last", NULL, &n), 1,
           "no end of a line");

    ok(bigcache_tool_doctor_server_version(&server, text, sizeof(text)),
       "a version");
    is_str(text, "1.2.3", "as it is");
    ok(!bigcache_tool_doctor_server_version(&server, text, 5),
       "one that is too long");

    ok(bigcache_tool_doctor_server_compare("0.2.0", "0.10.0") < 0, "older");
    ok(bigcache_tool_doctor_server_compare("1.0", "0.10.0") > 0, "newer");
    ok(bigcache_tool_doctor_server_compare("1.0", "1.0.0") == 0, "the same");
    ok(bigcache_tool_doctor_server_compare("", "x") == 0, "none");
}


/* one line changes one finding */

static void
running(void)
{
    size_t  i;

    static const struct {
        const char                    *name;
        bigcache_tool_doctor_level_e   level;
        const char                    *in_force;
        const char                    *metrics;
    } cases[] = {
        { "store", OK, "", "bigcache_up 1\nbigcache_entries 5\n" },
        { "store", OK, "", "bigcache_up 1\n" },
        { "store", ERROR, "", "bigcache_up 0\n" },
        { "store", ERROR, "", "bigcache_up{server=\"a\"} 1\n"
                              "bigcache_up{server=\"b\"} 0\n" },
        { "metrics", WARNING, "", "" },
        { "version", OK, "", "#\nbigcache_info{version=\"" BIGCACHE_VERSION
                             "\"} 1\n" },
        { "version", ADVICE, "", "#\nbigcache_info{version=\"0.1.9\"} 1\n" },
        { "version", ADVICE, "", "#\nbigcache_info{version=\"99.0.0\"} 1\n" },
        { "hit_rate", OK, "", "bigcache_hits_total{front=\"rest\"} 900\n"
          "bigcache_misses_total{front=\"rest\"} 100\n" },
        { "hit_rate", ADVICE, "", "bigcache_hits_total{front=\"pages\"} 400\n"
          "bigcache_misses_total{front=\"rest\"} 900\n" },
        { "hit_rate", SKIPPED, "", "bigcache_hits_total 1\n"
          "bigcache_misses_total 900\n" },
        { "evictions", OK, "", "bigcache_evicted_segments_total 0\n"
          "bigcache_evicted_pages_total 0\n" },
        { "evictions", SKIPPED, "", "bigcache_evicted_segments_total 9\n"
          "bigcache_evicted_pages_total 9\nbigcache_evicted_age_seconds 0\n" },
        { "evictions", WARNING, "", "bigcache_evicted_segments_total 9\n"
          "bigcache_evicted_pages_total 9\nbigcache_evicted_age_seconds 1\n" },
        { "evictions", ADVICE, "", "bigcache_evicted_segments_total 9\n"
          "bigcache_evicted_pages_total 9\n"
          "bigcache_evicted_age_seconds 90000\n" },
        { "evictions", OK, "", "bigcache_evicted_segments_total 9\n"
          "bigcache_evicted_pages_total 9\n"
          "bigcache_evicted_age_seconds 900000\n" },
        { "space", OK, "", "bigcache_disk_free_bytes 1e12\n" },
        { "space", WARNING, "", "bigcache_disk_free_bytes 1e8\n" },
        { "space", ERROR, "", "bigcache_disk_free_bytes 1e6\n" },
        { "space", WARNING, "", "bigcache_disk_free_bytes 1e12\n"
          "bigcache_requests_total{operation=\"set\",status=\"507\"} 1\n" },
        { "dead_bytes", OK, "", "bigcache_bytes 1e10\n"
          "bigcache_live_bytes 5e9\n" },
        { "dead_bytes", ADVICE, "", "bigcache_bytes 1e10\n"
          "bigcache_live_bytes 3e9\n" },
        { "refused", OK, "",
          "bigcache_requests_total{operation=\"get\",status=\"200\"} 9\n" },
        { "refused", ADVICE, "",
          "bigcache_requests_total{operation=\"get\",status=\"200\"} 9999\n"
          "bigcache_requests_total{operation=\"get\",status=\"503\"} 1\n" },
        { "refused", WARNING, "",
          "bigcache_requests_total{operation=\"get\",status=\"200\"} 99\n"
          "bigcache_requests_total{operation=\"get\",status=\"503\"} 1\n" },
        { "refused", ADVICE, "",
          "bigcache_pages_passed_total{reason=\"unavailable\"} 1\n" },
        { "queue", OK, "", "bigcache_waiting_requests 9\n"
          "bigcache_waiting_turns 0\n" },
        { "queue", ADVICE, "", "bigcache_waiting_requests 200\n"
          "bigcache_waiting_turns 0\n" },
        { "queue", WARNING, "", "bigcache_waiting_requests 2000\n"
          "bigcache_waiting_turns 500\n" },
        { "errors", WARNING, "",
          "bigcache_requests_total{operation=\"get\",status=\"500\"} 1\n" },
        { "slow", OK, "",
          "bigcache_request_duration_seconds_bucket{operation=\"get\","
          "le=\"0.250000\"} 9999\n"
          "bigcache_request_duration_seconds_count{operation=\"get\"} 9999\n" },
        { "slow", ADVICE, "",
          "bigcache_request_duration_seconds_bucket{operation=\"get\","
          "le=\"0.250000\"} 9000\n"
          "bigcache_request_duration_seconds_count{operation=\"get\"} 9999\n" },
        { "syncs", OK, "\"sync\":5", "bigcache_unsynced_seconds 3\n"
          "bigcache_sync_failures_total 0\n" },
        { "syncs", WARNING, "\"sync\":5", "bigcache_unsynced_seconds 90\n"
          "bigcache_sync_failures_total 0\n" },
        { "syncs", OK, "\"sync\":60", "bigcache_unsynced_seconds 90\n"
          "bigcache_sync_failures_total 0\n" },
        { "syncs", ERROR, "\"sync\":5", "bigcache_unsynced_seconds 0\n"
          "bigcache_sync_failures_total 1\n" },
        { "sync", ADVICE, "\"sync\":null", "" },
        { "sync", SKIPPED, "\"sync\":5", "" },
        { "leases", OK, "", "bigcache_leases_given_total 9\n"
          "bigcache_leases_full_total 0\nbigcache_leases_refused_total 0\n"
          "bigcache_leases_timed_out_total 1\n" },
        { "leases", ADVICE, "", "bigcache_leases_given_total 9\n"
          "bigcache_leases_full_total 1\nbigcache_leases_refused_total 0\n"
          "bigcache_leases_timed_out_total 1\n" },
        { "leases", ADVICE, "", "bigcache_leases_given_total 999\n"
          "bigcache_leases_full_total 0\nbigcache_leases_refused_total 0\n"
          "bigcache_leases_timed_out_total 900\n" },
        { "body_buffer", OK, "\"body_buffer\":null", "" },
        { "body_buffer", ADVICE, "\"body_buffer\":16384", "" },
        { "body_buffer", OK, "\"body_buffer\":1048576", "" },
        { "max_body", ADVICE, "\"max_body\":1048576", "" },
        { "max_body", OK, "\"max_body\":104857600", "" },
        { "max_body", ADVICE, "\"max_body\":104857600",
          "bigcache_requests_total{operation=\"set\",status=\"413\"} 1\n" },
        { "max_body", SKIPPED, "\"max_body\":null", "" },
        { "sendfile", OK, "\"sendfile\":true,\"tcp_nopush\":true", "" },
        { "sendfile", ADVICE, "\"sendfile\":true,\"tcp_nopush\":false", "" },
        { "workers", OK, "\"workers\":4,\"cores\":4", "" },
        { "workers", ADVICE, "\"workers\":1,\"cores\":2", "" },
        { "workers", ADVICE, "\"workers\":9,\"cores\":4", "" },
        { "open_files", OK, "\"open_files\":4608,\"connections\":512", "" },
        { "open_files", WARNING, "\"open_files\":1024,\"connections\":512",
          "" },
        { "open_files", OK, "\"open_files\":null,\"connections\":512", "" },
        { "file_system", OK, "\"file_system\":\"ext4\"", "" },
        { "file_system", ERROR, "\"file_system\":\"nfs4\"", "" },
        { "file_system", SKIPPED, "\"file_system\":null", "" },
        { "preadv2", OK, "\"preadv2\":true", "" },
        { "preadv2", ADVICE, "\"preadv2\":false", "" },
        { "preadv2", SKIPPED, "\"preadv2\":null", "" },
        { "cachestat", OK, "\"cachestat\":false", "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(level_of(cases[i].in_force, cases[i].metrics, cases[i].name),
               cases[i].level, "%s, case %zu", cases[i].name, i);
        ok(finding == NULL
           || (finding->seen[0]
               && (finding->level == OK
                   || (finding->advice[0] && finding->why[0]))),
           "its texts");
    }
}


static void
zones(void)
{
    bigcache_str_t                 stat;
    bigcache_tool_doctor_server_t  server;

    static const struct {
        const char                    *hot;
        const char                    *metrics;
        bigcache_tool_doctor_level_e   level;
        const char                    *advice;
    } cases[] = {
        { "{\"entries\":100,\"room\":1000,\"hits\":5000}",
          "bigcache_entries 90\nbigcache_hits_total 9000\n"
          "bigcache_misses_total 0\n", OK, "" },
        { "{\"entries\":950,\"room\":1000,\"hits\":9000}",
          "bigcache_entries 900\nbigcache_hits_total 9000\n"
          "bigcache_misses_total 0\n", OK, "" },
        { "{\"entries\":950,\"room\":1000,\"hits\":9000}",
          "bigcache_entries 1000000\nbigcache_hits_total 9000\n"
          "bigcache_misses_total 0\n", ADVICE, "zone=main:42m" },
        { "{\"entries\":950,\"room\":1000,\"hits\":900}",
          "bigcache_entries 1000000\nbigcache_hits_total 9000\n"
          "bigcache_misses_total 0\n", WARNING, "zone=main:42m" },
        { "{\"entries\":0,\"room\":0,\"hits\":0}",
          "bigcache_entries 10\nbigcache_hits_total 9000\n"
          "bigcache_misses_total 0\n", WARNING, "zone=main:" }
    };

    char    text[256];
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        (void) snprintf(text, sizeof(text), "{\"stats\":{},\"hot\":%s,"
                        "\"in_force\":{\"zone\":\"main\"}}", cases[i].hot);

        stat = str(text);
        memset(&server, 0, sizeof(server));
        memset(&report, 0, sizeof(report));

        server.date = -1;
        server.metrics = str(cases[i].metrics);

        (void) bigcache_tool_doctor_server_stat(&server, &stat);
        bigcache_tool_doctor_report_run(&report,
                                        bigcache_tool_doctor_running_checks,
                                        &server);
        bigcache_tool_doctor_server_free(&server);

        for (finding = report.findings; strcmp(finding->name, "zone") != 0;
             finding++)
        {
            /* void */
        }

        is_int(finding->level, cases[i].level, "a zone, case %zu", i);
        ok(strstr(finding->advice, cases[i].advice), "its size: %s",
           finding->advice);
    }
}


static void
limits(void)
{
    static const char  none[] = "\"max_size\":null,\"min_free\":null";

    is_int(level_of("\"max_size\":1024,\"min_free\":null", "", "limits"), OK,
           "max_size");
    is_int(level_of("\"max_size\":null,\"min_free\":1024", "", "limits"), OK,
           "min_free");
    is_int(level_of(none, "bigcache_bytes 1e9\nbigcache_disk_free_bytes 1e12\n",
                    "limits"), OK, "neither, and much space");
    is_int(level_of(none, "bigcache_bytes 1e9\nbigcache_disk_free_bytes 1e9\n",
                    "limits"), ADVICE, "neither, and little space");
    is_int(level_of(none, "bigcache_bytes 1e12\n"
                    "bigcache_disk_free_bytes 2e11\n", "limits"), ADVICE,
           "neither, and a store that grew");
    is_int(level_of(none, "", "limits"), SKIPPED, "neither, and nothing more");
}


/* how much more is named only if that is not a guess */

static void
evictions(void)
{
    static const char  some[] = "bigcache_evicted_segments_total 9\n"
                                "bigcache_evicted_pages_total 9\n"
                                "bigcache_evicted_age_seconds ";

    char  text[256];

    (void) snprintf(text, sizeof(text), "%s60\n", some);
    is_int(level_of("", text, "evictions"), WARNING, "after a minute");
    ok(strstr(finding->seen, "was 0.0 hours old; pages that compaction moved "
              "there may be older"), "its age");
    ok(strstr(finding->advice, "times as much") == NULL, "is no measure");

    (void) snprintf(text, sizeof(text), "%s100800\n", some);
    is_int(level_of("", text, "evictions"), ADVICE, "after 28 hours");
    ok(strstr(finding->advice, ": 7 times as much"), "how much more");
}


static void
clocks(void)
{
    bigcache_str_t                 stat;
    bigcache_tool_doctor_server_t  server;

    stat = str("{\"stats\":{}}");
    memset(&server, 0, sizeof(server));
    memset(&report, 0, sizeof(report));

    server.date = 1060;
    server.now = 1000;

    (void) bigcache_tool_doctor_server_stat(&server, &stat);
    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_running_checks,
                                    &server);
    bigcache_tool_doctor_server_free(&server);

    for (finding = report.findings; strcmp(finding->name, "clock") != 0;
         finding++)
    {
        /* void */
    }

    is_int(finding->level, WARNING, "clocks that differ");
    ok(strstr(finding->seen, " 60 seconds ahead of "), "by how much");
}


/* nothing of this is what bigcache says */

static void
hostile(void)
{
    size_t                         i;
    bigcache_str_t                 text;
    bigcache_tool_doctor_server_t  server;

    static const char *const  wrong[] = {
        "", "null", "[]", "{}", "{\"stats\":1}", "{\"stats\":{}", "\xff",
        "{\"stats\":[]}"
    };

    static const char *const  odd[] = {
        "{\"stats\":{},\"in_force\":[1,2]}",
        ("{\"stats\":{},\"in_force\":{\"zone\":{},\"max_size\":[],\"workers\":"
        "-1,\"cores\":1e308,\"file_system\":\"\\u001b[2J\",\"sync\":1e300,"
        "\"open_files\":\"x\",\"connections\":-1e300,\"path\":\"\\n\"}}"),
        ("{\"stats\":{},\"in_force\":{\"engine\":\"cluster\",\"replicas\":"
        "1e300,\"servers\":[]},\"servers\":{\"a\":1}}"),
        ("{\"stats\":{},\"in_force\":{\"engine\":\"cluster\",\"replicas\":-1,"
        "\"servers\":-1},\"servers\":[1,null,[],{},{\"server\":1,\"state\":{},"
        "\"slots\":1e308,\"max_memory\":1e308,\"used_memory\":-1},"
        "{\"state\":\"answers\",\"slots\":\"x\",\"replicas\":1e17,"
        "\"max_memory\":0.0001,\"used_memory\":1e17}]}"),
        ("{\"stats\":{\"hit\":-5,\"miss\":5},\"hot\":{\"entries\":1e300,"
        "\"room\":0,\"hits\":-1},\"shards\":[],\"bodies\":{\"in_files\":true}}")
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        text = str(wrong[i]);
        memset(&server, 0, sizeof(server));
        is_int(bigcache_tool_doctor_server_stat(&server, &text), -1,
               "not /stat: %s", wrong[i]);
    }

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {

        text = str(odd[i]);
        memset(&server, 0, sizeof(server));
        memset(&report, 0, sizeof(report));

        server.date = INT64_MAX / 2;
        server.metrics = str("bigcache_up -1\nbigcache_hot_room nan\n"
                             "bigcache_hits_total -1e308\n"
                             "bigcache_misses_total 1e308\n");

        is_int(bigcache_tool_doctor_server_stat(&server, &text), 0, "odd");

        report.kind = "server";
        report.target = "x";
        report.in_force = bigcache_tool_doctor_server_in_force(&server);

        bigcache_tool_doctor_report_run(&report,
                                        bigcache_tool_doctor_running_checks,
                                        &server);
        bigcache_tool_doctor_report_run(&report,
                                        bigcache_tool_doctor_cluster_checks,
                                        &server);
        ok(report.nfindings, "is judged");

        bigcache_tool_doctor_server_free(&server);
    }
}


#define MASTER(name, slots)                                                   \
    "{\"server\":\"" name "\",\"role\":\"master\",\"slots\":" slots ","

#define NUMBERS(replicas, used, max, evicted, policy)                         \
    "\"state\":\"answers\",\"replicas\":" replicas                            \
    ",\"used_memory\":" used ",\"max_memory\":" max                           \
    ",\"evicted_keys\":" evicted ",\"policy\":\"" policy "\"}"

#define GOOD(name, slots, replicas)                                           \
    MASTER(name, slots) NUMBERS(replicas, "500", "1000", "0", "noeviction")

#define LIKE(slots, used, max, evicted, policy)                               \
    MASTER("b:2", slots) NUMBERS("2", used, max, evicted, policy)

#define BAD(slots, state, why)                                                \
    MASTER("c:3", slots) "\"state\":\"" state "\",\"why\":\"" why "\"}"


static void
clusters(void)
{
    size_t  i;

    static const struct {
        const char                    *name;
        bigcache_tool_doctor_level_e   level;
        const char                    *seen;
        const char                    *servers;
        const char                    *replicas;
        const char                    *metrics;
    } cases[] = {
        { "servers", ADVICE, "names no server", "", "0", "" },
        { "servers", OK, "2 of 2 answer, 2 of them have slots",
          GOOD("a:1", "1", "1") "," GOOD("b:2", "2", "1"), "0", "" },
        { "servers", WARNING, "1 of 2 cannot be used, with 0 slots: c:3, for "
          "example, is away: no answer in time",
          GOOD("a:1", "1", "1") "," BAD("0", "away", "no answer in time"),
          "0", "" },
        { "servers", ERROR, "2 of 3 cannot be used, with 5 slots: c:3, for "
          "example, is refused: NOPERM x",
          BAD("0", "away", "x") "," GOOD("a:1", "1", "1") ","
          BAD("5", "refused", "NOPERM x"), "0", "" },
        { "slots", SKIPPED, NULL, "", "0", "" },
        { "slots", OK, "each", GOOD("a:1", "16384", "1"), "0", "" },
        { "slots", OK, "each", GOOD("a:1", "16383", "1") ","
          BAD("1", "away", "x"), "0", "" },
        { "slots", ERROR, "2 of 16384", GOOD("a:1", "16382", "1"), "0", "" },
        { "replicas", OK, "0 of 1 masters", GOOD("a:1", "1", "1"), "0", "" },
        { "replicas", ADVICE, "1 of 2 masters",
          GOOD("a:1", "1", "1") "," GOOD("b:2", "1", "0"), "0", "" },
        { "replicas", ADVICE, "a:1 has 1, just as many",
          GOOD("a:1", "1", "1") "," GOOD("b:2", "1", "2"), "1", "" },
        { "replicas", OK, "0 of 2 masters",
          GOOD("a:1", "1", "2") "," GOOD("b:2", "1", "2"), "1", "" },
        { "replicas", ERROR, "b:2 has 0, and \"replicas\" is 1",
          GOOD("a:1", "1", "2") "," GOOD("b:2", "1", "0"), "1", "" },
        { "replicas", SKIPPED, NULL, GOOD("a:1", "0", "0"), "1", "" },
        { "memory", OK, "a:1 uses most, 50 %", GOOD("a:1", "1", "1"), "0",
          "" },
        { "memory", ADVICE, "b:2 uses most, 85 %", GOOD("a:1", "1", "1") ","
          LIKE("1", "850", "1000", "0", "noeviction"), "0", "" },
        { "memory", WARNING, "b:2 uses 96 %", GOOD("a:1", "1", "1") ","
          LIKE("1", "960", "1000", "0", "noeviction"), "0", "" },
        { "memory", ADVICE, "1 of 2 servers have no maxmemory",
          GOOD("a:1", "1", "1") "," LIKE("1", "960", "0", "0", "noeviction"),
          "0", "" },
        { "memory", WARNING, "3 requests were answered 507, and no server",
          LIKE("1", "960", "0", "0", "noeviction"), "0",
          "bigcache_requests_total{operation=\"set\",status=\"507\"} 3\n" },
        { "memory", SKIPPED, NULL, BAD("1", "away", "x"), "0", "" },
        { "policy", OK, "noeviction", GOOD("a:1", "1", "1"), "0", "" },
        { "policy", ADVICE, "b:2 is volatile-lru", GOOD("a:1", "1", "1") ","
          LIKE("1", "1", "1000", "0", "volatile-lru"), "0", "" },
        { "policy", ERROR, "b:2 is allkeys-lfu",
          LIKE("1", "1", "1000", "0", "allkeys-lfu"), "0", "" },
        { "evicted", OK, "none", GOOD("a:1", "1", "1"), "0", "" },
        { "evicted", WARNING, "removed 7 keys",
          LIKE("1", "1", "1000", "7", "volatile-lru"), "0", "" },
        { "retries", SKIPPED, NULL, "", "0", "" },
        { "retries", OK, "10 of 1000 commands", "", "0",
          "bigcache_cluster_commands_total 1000\n"
          "bigcache_cluster_retries_total 10\n"
          "bigcache_cluster_failures_total 0\n" },
        { "retries", ADVICE, "11 of 1000 commands were sent again, and 2 "
          "connections", "", "0",
          "bigcache_cluster_commands_total 1000\n"
          "bigcache_cluster_retries_total 11\n"
          "bigcache_cluster_failures_total 2\n" },
        { "named", OK, "1 server in", GOOD("a:1", "1", "1"), "0", "" },
        { "named", ADVICE, "1 server in",
          GOOD("a:1", "1", "1") "," GOOD("b:2", "1", "1"), "0", "" },
        { "zone", SKIPPED, NULL, "", "0", "" },
        { "open_files", SKIPPED, NULL, "", "0", "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        is_int(cluster_level(cases[i].servers, cases[i].replicas,
                             cases[i].metrics, cases[i].name),
               cases[i].level, "a cluster, %s, case %zu", cases[i].name, i);

        if (cases[i].seen) {
            ok(finding && strstr(finding->seen, cases[i].seen), "seen: %s",
               finding ? finding->seen : "nothing");
        }
    }

    is_int(level_of("\"engine\":\"other\"", "", "servers"), SKIPPED,
           "another engine");
}


static void
reasons(void)
{
    size_t                         i;
    bigcache_str_t                 text;
    bigcache_tool_doctor_server_t  server;

    static const char *const  wrong[] = {
        "", "x", "{}", "[]", "null", "{\"detail\":1}", "{\"detail\":{}}"
    };

    memset(&server, 0, sizeof(server));

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        text = str(wrong[i]);
        bigcache_tool_doctor_server_reason(&server, &text);
        is_str(server.reason, "", "no reason: %s", wrong[i]);
    }

    text = str("{\"detail\":\"no server\"}");
    bigcache_tool_doctor_server_reason(&server, &text);
    is_str(server.reason, "no server", "a reason");
}


/* a name with two addresses, of which one is silent, and one answers */

static struct sockaddr_in  hosts[2];


int
getaddrinfo(const char *name, const char *service,
    const struct addrinfo *hints, struct addrinfo **list)
{
    int                     i;
    static struct addrinfo  infos[2];

    (void) name;
    (void) service;
    (void) hints;

    memset(infos, 0, sizeof(infos));

    for (i = 0; i < 2; i++) {
        infos[i].ai_family = AF_INET;
        infos[i].ai_socktype = SOCK_STREAM;
        infos[i].ai_addr = (struct sockaddr *) &hosts[i];
        infos[i].ai_addrlen = sizeof(hosts[i]);
    }

    infos[0].ai_next = &infos[1];
    *list = infos;

    return 0;
}


void
freeaddrinfo(struct addrinfo *list)
{
    (void) list;
}


static void
addresses(void)
{
    int                             i, fds[3];
    char                            error[BIGCACHE_TOOL_DOCTOR_TEXT];
    pid_t                           pid;
    const char                     *why;
    bigcache_tool_doctor_url_t      url;
    bigcache_tool_doctor_answer_t   answer;

    pid = answering(&hosts[1]);

    if (silent(&hosts[0], fds) == -1) {
        skip("a full queue of connections is not silent here");

    } else {
        (void) bigcache_tool_doctor_http_url(&url, "http://two", &why);

        error[0] = '\0';
        is_int(bigcache_tool_doctor_http_get(&url, "/stat", NULL, 64, &answer,
                                             error), 0,
               "a silent address leaves time for another one: %s", error);
        is_mem(answer.body.data, answer.memory ? answer.body.len : 0, "{}", 2,
               "which answers");
        free(answer.memory);
    }

    for (i = 0; i < 3; i++) {
        (void) close(fds[i]);
    }

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


/* a connection fills the queue of the socket: others get no answer, or -1 */

static int
silent(struct sockaddr_in *address, int fds[3])
{
    int            i;
    struct pollfd  pfd;

    fds[0] = listening(address, 0);

    for (i = 1; i < 3; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
        (void) connect(fds[i], (struct sockaddr *) address, sizeof(*address));
    }

    pfd.fd = fds[2];
    pfd.events = POLLOUT;

    return (poll(&pfd, 1, 100) == 0) ? 0 : -1;
}


static pid_t
answering(struct sockaddr_in *address)
{
    int    fd, connection;
    char   request[4096];
    pid_t  pid;

    static const char  text[] = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n"
                                "{}";

    fd = listening(address, 5);
    pid = fork();

    if (pid == 0) {
        connection = accept(fd, NULL, NULL);
        _exit(read(connection, request, sizeof(request)) <= 0
              || write(connection, text, sizeof(text) - 1) == -1);
    }

    (void) close(fd);

    return pid;
}


static int
listening(struct sockaddr_in *address, int backlog)
{
    int        fd;
    socklen_t  len;

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    len = sizeof(*address);
    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1
        || bind(fd, (struct sockaddr *) address, len) == -1
        || listen(fd, backlog) == -1
        || getsockname(fd, (struct sockaddr *) address, &len) == -1)
    {
        perror("listen()");
        exit(1);
    }

    return fd;
}


static void
printed(void)
{
    char                          *text;
    FILE                          *file;
    cJSON                         *json, *in_force;
    size_t                         len;
    bigcache_tool_doctor_dir_t     dir;

    dir = good();
    strcpy(dir.mount.type, "x\033[2J\"");
    dir.free = 0;
    (void) dir_level(&dir, "store");

    in_force = cJSON_Parse("{\"a\\u001b\":\"b\\u001b\",\"n\":1.5,\"t\":true,"
                           "\"x\":null,\"deep\":{\"c\":1},\"deeper\":[1]}");

    report.kind = "directory";
    report.target = "/a\"b";
    report.in_force = in_force;

    text = NULL;
    file = open_memstream(&text, &len);
    is_int(bigcache_tool_doctor_report_print(&report, 0, file),
           BIGCACHE_TOOL_WRONG, "the status of a bad one");
    (void) fclose(file);

    ok(strchr(text, '\033') == NULL, "no control character is printed");
    ok(strstr(text, "\nerror    space: 0 bytes of 100 GB are free\n"),
       "a finding");
    ok(strstr(text, "\n         why: on a full disk nothing is stored"),
       "why it matters");
    ok(strstr(text, "\n         do:  remove other files"), "what to do");
    ok(strstr(text, "\nin force n: 1.5\nin force t: true\nin force x: null\n"),
       "what is in force");
    ok(strstr(text, "\n18 checks, errors: 1, warnings: 0, advice: 2\n"),
       "how many");
    free(text);

    file = open_memstream(&text, &len);
    (void) bigcache_tool_doctor_report_print(&report, 1, file);
    (void) fclose(file);

    json = cJSON_Parse(text);
    ok(json, "JSON");
    is_str(cJSON_GetStringValue(cJSON_GetObjectItem(json, "target")), "/a\"b",
           "the target");
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(json, "checks")), 18,
           "the checks");
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(json, "in_force")), 4,
           "what is in force");
    free(text);
    cJSON_Delete(json);

    report.in_force = NULL;
    dir = good();
    (void) dir_level(&dir, "store");
    report.kind = "directory";
    report.target = "x";

    file = open_memstream(&text, &len);
    is_int(bigcache_tool_doctor_report_print(&report, 1, file),
           BIGCACHE_TOOL_OK, "the status of a good one");
    (void) fclose(file);
    free(text);

    cJSON_Delete(in_force);
}


/* a directory with which nothing is wrong */

static bigcache_tool_doctor_dir_t
good(void)
{
    bigcache_tool_doctor_dir_t  dir;

    memset(&dir, 0, sizeof(dir));

    dir.path = "/var/lib/bigcache";
    dir.now = 1800000000LL * 1000000;
    dir.uid = 33;
    dir.mode = 040700;
    dir.mounted = 1;
    strcpy(dir.mount.type, "ext4");
    strcpy(dir.mount.point, "/");
    strcpy(dir.mount.options, "rw,rw");
    dir.rotates = 0;
    dir.preadv2 = 1;
    dir.cachestat = 1;
    dir.space = 100 * GB;
    dir.free = 50 * GB;
    dir.inodes = 1000000;
    dir.inodes_free = 900000;
    dir.segments = 10;
    dir.segment_bytes = 2 * GB;
    dir.largest = 256 * MB;
    dir.newest = 1799999999ULL * 1000000;
    dir.format = 1;
    dir.tables = 5;
    dir.index_bytes = 100 * MB;
    dir.owner.pid = 4711;
    dir.owner.limit = 16384;
    dir.owner.hard = 16384;
    dir.trash = 1;

    return dir;
}


static bigcache_tool_doctor_level_e
dir_level(const bigcache_tool_doctor_dir_t *dir, const char *name)
{
    unsigned  i;

    memset(&report, 0, sizeof(report));
    finding = NULL;

    bigcache_tool_doctor_report_run(&report, bigcache_tool_doctor_store_checks,
                                    dir);

    for (i = 0; i < report.nfindings; i++) {
        if (strcmp(report.findings[i].name, name) == 0) {
            finding = &report.findings[i];
            return finding->level;
        }
    }

    return SKIPPED;
}


static bigcache_tool_doctor_level_e
level_of(const char *in_force, const char *metrics, const char *name)
{
    char                           text[512];
    unsigned                       i;
    bigcache_str_t                 stat;
    bigcache_tool_doctor_server_t  server;

    (void) snprintf(text, sizeof(text), "{\"stats\":{},\"bodies\":{"
                    "\"in_files\":7},\"in_force\":{%s}}", in_force);

    stat = str(text);
    memset(&server, 0, sizeof(server));
    memset(&report, 0, sizeof(report));
    finding = NULL;

    server.date = -1;
    server.metrics = str(metrics);

    if (bigcache_tool_doctor_server_stat(&server, &stat) == -1) {
        return BIGCACHE_TOOL_DOCTOR_LEVELS;
    }

    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_running_checks,
                                    &server);
    bigcache_tool_doctor_server_free(&server);

    for (i = 0; i < report.nfindings; i++) {
        if (strcmp(report.findings[i].name, name) == 0) {
            finding = &report.findings[i];
            return finding->level;
        }
    }

    return SKIPPED;
}


/* the same of a store in a cluster of these servers */

static bigcache_tool_doctor_level_e
cluster_level(const char *servers, const char *replicas, const char *metrics,
    const char *name)
{
    char                           text[2048];
    unsigned                       i;
    bigcache_str_t                 stat;
    bigcache_tool_doctor_server_t  server;

    (void) snprintf(text, sizeof(text), "{\"stats\":{},\"hot\":{\"room\":0,"
                    "\"entries\":0,\"hits\":0},\"in_force\":{\"engine\":"
                    "\"cluster\",\"servers\":1,\"open_files\":1,"
                    "\"connections\":512,\"replicas\":%s},\"servers\":[%s]}",
                    replicas, servers);

    stat = str(text);
    memset(&server, 0, sizeof(server));
    memset(&report, 0, sizeof(report));
    finding = NULL;

    server.date = -1;
    server.metrics = str(metrics);

    if (bigcache_tool_doctor_server_stat(&server, &stat) == -1) {
        return BIGCACHE_TOOL_DOCTOR_LEVELS;
    }

    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_running_checks,
                                    &server);
    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_cluster_checks,
                                    &server);
    bigcache_tool_doctor_server_free(&server);

    for (i = 0; i < report.nfindings; i++) {
        if (strcmp(report.findings[i].name, name) == 0) {
            finding = &report.findings[i];
            return finding->level;
        }
    }

    return SKIPPED;
}


static int
parse(const char *text, int end, bigcache_tool_doctor_answer_t *answer,
    const char **error)
{
    *error = "";

    return bigcache_tool_doctor_answer(answer, (const u_char *) text,
                                       strlen(text), 64, end, 0, error);
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  s;

    s.data = (const u_char *) text;
    s.len = strlen(text);

    return s;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * Judges the directory of a store: a table of checks, and one function for each
 * of them.
 */


#include <string.h>
#include <sys/stat.h>

#include "bigcache_segment.h"
#include "bigcache_tool_doctor_parts.h"


/* a store needs so many files and bytes for what comes next */

#define BIGCACHE_TOOL_DOCTOR_MB      (1024 * 1024ULL)
#define BIGCACHE_TOOL_DOCTOR_INODES  32
#define BIGCACHE_TOOL_DOCTOR_FILES   1500

/* tables of LevelDB that are open at a time */

#define BIGCACHE_TOOL_DOCTOR_TABLES  1000

/* microseconds that a clock may differ */

#define BIGCACHE_TOOL_DOCTOR_AHEAD   (60 * 1000000ULL)


static void bigcache_tool_doctor_store_kind(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_owner(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_file_system(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_mount(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_disk(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_space(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_inodes(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_limits(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_chown(
    const bigcache_tool_doctor_dir_t *dir,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_mode(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_open_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_preadv2(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_cachestat(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_clock(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_format(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_tables(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_leftovers(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_import(const void *facts,
    bigcache_tool_doctor_finding_t *finding);
static void bigcache_tool_doctor_store_content(const void *facts,
    bigcache_tool_doctor_finding_t *finding);


/* by bigcache_tool_doctor_kind_e; a store has more to say */

static const struct {
    bigcache_tool_doctor_level_e   level;
    const char                    *seen;
    const char                    *advice;
} bigcache_tool_doctor_store_kinds[] = {
    { BIGCACHE_TOOL_DOCTOR_OK, "a store", "" },
    { BIGCACHE_TOOL_DOCTOR_OK, "nothing is stored yet", "" },
    { BIGCACHE_TOOL_DOCTOR_OK,
      "a LevelDB database, which bigcache would import", "" },
    { BIGCACHE_TOOL_DOCTOR_ERROR, "this is the index of a store, not the store",
      "name the directory above it" },
    { BIGCACHE_TOOL_DOCTOR_ERROR, "this is no store, and it is not empty",
      "name an empty directory in \"bigcache_path\", or remove what is in this "
      "one" }
};

const bigcache_tool_doctor_check_t  bigcache_tool_doctor_store_checks[] = {

    { "store", bigcache_tool_doctor_store_kind,
      "bigcache opens only a directory that is empty, a store, or a database "
      "of the original service" },

    { "owner", bigcache_tool_doctor_store_owner, "" },

    { "file_system", bigcache_tool_doctor_store_file_system,
      "locks, syncs and the order of writes are relied on, and only local file "
      "systems of a disk keep pages for weeks" },

    { "mount", bigcache_tool_doctor_store_mount,
      "after a power cut, pages that were deleted may be back and pages that "
      "were stored may be lost, or each write is slow" },

    { "disk", bigcache_tool_doctor_store_disk,
      "a thread waits for the disk with each page that is not in memory, and a "
      "rotating disk takes some 10 ms" },

    { "space", bigcache_tool_doctor_store_space,
      "on a full disk nothing is stored: POST and PUT are answered 507" },

    { "inodes", bigcache_tool_doctor_store_inodes,
      "a file system without inodes is full, whatever space it has" },

    { "limits", bigcache_tool_doctor_store_limits,
      "without max_size and min_free the store grows until the disk is full" },

    { "files", bigcache_tool_doctor_store_files,
      "the worker processes cannot open the store, or not write to it" },

    { "mode", bigcache_tool_doctor_store_mode,
      "other users could read what is stored, or put files in the place of "
      "those of the store" },

    { "open_files", bigcache_tool_doctor_store_open_files,
      "up to 1,000 tables, 256 segments and a connection for each thread may "
      "be open; what cannot be opened is answered 500 or 503" },

    { "preadv2", bigcache_tool_doctor_store_preadv2,
      "without it the event loop cannot read pages that are in memory, and "
      "each hit takes a thread" },

    { "cachestat", bigcache_tool_doctor_store_cachestat,
      "without it whether a page is in memory is known of one byte only" },

    { "clock", bigcache_tool_doctor_store_clock,
      "pages expire by the clock: with one that is wrong, too early or too "
      "late" },

    { "format", bigcache_tool_doctor_store_format,
      "bigcache leaves a store of an unknown format alone, and answers 503" },

    { "tables", bigcache_tool_doctor_store_tables,
      "LevelDB keeps 1,000 tables open: with more, reads of the index open and "
      "close files" },

    { "leftovers", bigcache_tool_doctor_store_leftovers,
      "they take space, and nothing uses them" },

    { "import", bigcache_tool_doctor_store_import, "" },

    { "content", bigcache_tool_doctor_store_content, "" },

    { NULL, NULL, NULL }
};


static void
bigcache_tool_doctor_store_kind(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char  text[32];

    if (dir->kind != BIGCACHE_TOOL_DOCTOR_STORE) {
        bigcache_tool_doctor_report_seen(finding,
            bigcache_tool_doctor_store_kinds[dir->kind].level, "%s",
            bigcache_tool_doctor_store_kinds[dir->kind].seen);
        bigcache_tool_doctor_report_advice(finding, "%s",
            bigcache_tool_doctor_store_kinds[dir->kind].advice);

    } else if (dir->unread) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
            "%u of its files could not be looked at", dir->unread);
        bigcache_tool_doctor_report_advice(finding, "start the command as "
            "root, or as the user of the worker processes");

    } else {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "a store with %u segment%s of %s", dir->segments,
            (dir->segments == 1) ? "" : "s",
            bigcache_tool_doctor_report_bytes(text,
                                              (double) dir->segment_bytes));
    }
}


static void
bigcache_tool_doctor_store_owner(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->kind != BIGCACHE_TOOL_DOCTOR_STORE) {
        return;
    }

    if (dir->owner.pid) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "the process %ld has it open", (long) dir->owner.pid);
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
        "no process has it open, none that is seen from here");
}


static void
bigcache_tool_doctor_store_file_system(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->mounted) {
        bigcache_tool_doctor_common_file_system(finding, dir->mount.type);
    }
}


static void
bigcache_tool_doctor_store_mount(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    unsigned  i;

    static const struct {
        const char                    *option;
        bigcache_tool_doctor_level_e   level;
    } options[] = {
        { "ro", BIGCACHE_TOOL_DOCTOR_ERROR },
        { "nobarrier", BIGCACHE_TOOL_DOCTOR_WARNING },
        { "barrier=0", BIGCACHE_TOOL_DOCTOR_WARNING },
        { "data=writeback", BIGCACHE_TOOL_DOCTOR_WARNING },
        { "sync", BIGCACHE_TOOL_DOCTOR_ADVICE },
        { "dirsync", BIGCACHE_TOOL_DOCTOR_ADVICE }
    };

    if (!dir->mounted) {
        return;
    }

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {

        if (bigcache_mount_option(&dir->mount, options[i].option)) {
            bigcache_tool_doctor_report_seen(finding, options[i].level,
                "%.200s is mounted with \"%s\"", dir->mount.point,
                options[i].option);
            bigcache_tool_doctor_report_advice(finding,
                "mount it without \"%s\"%s", options[i].option,
                i ? "" : "; the kernel does so by itself after an error of "
                         "the disk, see dmesg");
            return;
        }
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
        "%.200s with %.250s", dir->mount.point, dir->mount.options);
}


static void
bigcache_tool_doctor_store_disk(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->rotates == -1) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding, dir->rotates
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%.200s %s", dir->mount.source,
        dir->rotates ? "rotates" : "does not rotate");

    bigcache_tool_doctor_report_advice(finding, "use an SSD, or \"thread_pool "
        "NAME threads=32;\" and \"thread_pool=NAME\" of \"bigcache_path\"");
}


static void
bigcache_tool_doctor_store_space(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char                          has[32], all[32];
    uint64_t                      reserve, need;
    bigcache_tool_doctor_level_e  level;

    if (dir->space == 0) {
        return;
    }

    /* pages are stored again when the reserve is there, and 2 MB more */

    reserve = BIGCACHE_TOOL_DOCTOR_RESERVE;

    if (reserve > dir->space / 8) {
        reserve = dir->space / 8;
    }

    need = dir->reserve ? 0 : reserve;
    need += 2 * BIGCACHE_TOOL_DOCTOR_MB;

    level = (dir->free < need) ? BIGCACHE_TOOL_DOCTOR_ERROR
            : (dir->free < dir->space / 50 || dir->free < dir->largest)
              ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK;

    bigcache_tool_doctor_report_seen(finding, level, "%s of %s are free",
        bigcache_tool_doctor_report_bytes(has, (double) dir->free),
        bigcache_tool_doctor_report_bytes(all, (double) dir->space));

    bigcache_tool_doctor_report_advice(finding, "remove other files, or set "
        "\"min_free=%lluk\" or \"max_size\" of \"bigcache_path\": then the "
        "oldest pages leave by themselves",
        (unsigned long long) (reserve + dir->space / 20) / 1024);
}


static void
bigcache_tool_doctor_store_inodes(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->inodes == 0) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (dir->inodes_free < BIGCACHE_TOOL_DOCTOR_INODES)
        ? BIGCACHE_TOOL_DOCTOR_ERROR
        : (dir->inodes_free < 10 * BIGCACHE_TOOL_DOCTOR_INODES)
          ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK,
        "%llu of %llu inodes are free", (unsigned long long) dir->inodes_free,
        (unsigned long long) dir->inodes);

    bigcache_tool_doctor_report_advice(finding, "remove other files: df -i "
        "shows how many are left; a segment of 256 MB takes one");
}


static void
bigcache_tool_doctor_store_limits(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char      text[32];
    uint64_t  used;

    if (dir->kind != BIGCACHE_TOOL_DOCTOR_STORE) {
        return;
    }

    used = dir->segment_bytes + dir->index_bytes;

    /* half of what it takes now: it may double for a while, too */

    bigcache_tool_doctor_report_seen(finding,
        (dir->space && dir->free < used / 2)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "it takes %s; nginx's configuration says whether it is limited",
        bigcache_tool_doctor_report_bytes(text, (double) used));

    bigcache_tool_doctor_report_advice(finding, "set \"max_size\" or "
        "\"min_free\" of \"bigcache_path\", if they are not; \"in_force\" of "
        "/stat tells them");
}


static void
bigcache_tool_doctor_store_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->kind != BIGCACHE_TOOL_DOCTOR_STORE) {
        return;
    }

    if (dir->links == 1) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "\"%s\" is a link, a device or the like", dir->link);
        bigcache_tool_doctor_report_advice(finding, "find out who has put it "
            "there, and remove it: nothing in a store is a link");

    } else if (dir->links) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "%u files are links, devices or the like, \"%s\" for example",
            dir->links, dir->link);
        bigcache_tool_doctor_report_advice(finding, "find out who has put them "
            "there, and remove them: nothing in a store is a link");

    } else if (dir->others == 1) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "the directory is of the user %lu, but \"%s\" is of another",
            (unsigned long) dir->uid, dir->other);
        bigcache_tool_doctor_store_chown(dir, finding);

    } else if (dir->others) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ERROR,
            "the directory is of the user %lu, but %u files are of others, "
            "\"%s\" for example", (unsigned long) dir->uid, dir->others,
            dir->other);
        bigcache_tool_doctor_store_chown(dir, finding);

    } else {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "all of the user %lu, none a link", (unsigned long) dir->uid);
    }
}


static void
bigcache_tool_doctor_store_chown(const bigcache_tool_doctor_dir_t *dir,
    bigcache_tool_doctor_finding_t *finding)
{
    bigcache_tool_doctor_report_advice(finding, "chown -R www-data: "
        "\"%.300s\", if www-data is the \"user\" of nginx", dir->path);
}


static void
bigcache_tool_doctor_store_mode(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    bigcache_tool_doctor_level_e  level;

    level = (dir->mode & S_IWOTH) && !(dir->mode & S_ISVTX)
            ? BIGCACHE_TOOL_DOCTOR_ERROR
            : (dir->mode & (S_IWOTH|S_IWGRP)) ? BIGCACHE_TOOL_DOCTOR_WARNING
                                              : BIGCACHE_TOOL_DOCTOR_OK;

    bigcache_tool_doctor_report_seen(finding, level, "the directory has the "
        "mode %04o", (unsigned) dir->mode & 07777);
    bigcache_tool_doctor_report_advice(finding, "chmod 700 \"%.300s\"",
        dir->path);
}


static void
bigcache_tool_doctor_store_open_files(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    const bigcache_tool_doctor_owner_t  *owner;

    owner = &dir->owner;

    if (owner->pid == 0 || owner->limit == 0) {
        return;
    }

    if (owner->limit == UINT64_MAX) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "the process %ld may have any number of files open",
            (long) owner->pid);
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (owner->limit < BIGCACHE_TOOL_DOCTOR_FILES)
        ? BIGCACHE_TOOL_DOCTOR_WARNING : BIGCACHE_TOOL_DOCTOR_OK,
        "the process %ld may have %llu files open", (long) owner->pid,
        (unsigned long long) owner->limit);

    bigcache_tool_doctor_report_advice(finding, "%s",
        (owner->hard < BIGCACHE_TOOL_DOCTOR_FILES)
        ? "\"worker_rlimit_nofile 16384;\" in nginx.conf, or \"LimitNOFILE="
          "16384\" of systemd"
        : "\"worker_rlimit_nofile 16384;\" in nginx.conf, or none: then a "
          "worker raises its limit by itself");
}


static void
bigcache_tool_doctor_store_preadv2(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char  where[BIGCACHE_TOOL_DOCTOR_NAME];

    (void) snprintf(where, sizeof(where), "%s, Linux %.20s",
                    dir->mounted ? dir->mount.type : "this file system",
                    dir->kernel);

    bigcache_tool_doctor_common_preadv2(finding, dir->preadv2, where);
}


static void
bigcache_tool_doctor_store_cachestat(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    bigcache_tool_doctor_common_cachestat(finding, dir->cachestat);
}


static void
bigcache_tool_doctor_store_clock(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    uint64_t  now;

    if (dir->newest == 0) {
        return;
    }

    now = (uint64_t) dir->now;

    if (dir->newest < now + BIGCACHE_TOOL_DOCTOR_AHEAD) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "the newest segment is not of the future");
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
        "the clock is %llu seconds behind the newest segment",
        (unsigned long long) (dir->newest - now) / 1000000);
    bigcache_tool_doctor_report_advice(finding, "set the clock, by NTP for "
        "example; if the clock was wrong when pages were stored, /clear, or "
        "wait until they are stored anew");
}


static void
bigcache_tool_doctor_store_format(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->format == 0) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (dir->format == BIGCACHE_SEGMENT_FORMAT)
        ? BIGCACHE_TOOL_DOCTOR_OK : BIGCACHE_TOOL_DOCTOR_ERROR,
        "the newest segment has the format %u, and this bigcache writes %u",
        dir->format, BIGCACHE_SEGMENT_FORMAT);

    bigcache_tool_doctor_report_advice(finding, "serve it with the version "
        "that wrote it, or begin with an empty directory");
}


static void
bigcache_tool_doctor_store_tables(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char  text[32];

    if (dir->kind != BIGCACHE_TOOL_DOCTOR_STORE) {
        return;
    }

    bigcache_tool_doctor_report_seen(finding,
        (dir->tables > BIGCACHE_TOOL_DOCTOR_TABLES)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "the index has %u table%s, and %s in all", dir->tables,
        (dir->tables == 1) ? "" : "s",
        bigcache_tool_doctor_report_bytes(text, (double) dir->index_bytes));

    bigcache_tool_doctor_report_advice(finding, "\"bigcache compact\" while no "
        "process has the store open, or more machines: docs/cluster.md");
}


static void
bigcache_tool_doctor_store_leftovers(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    char  text[32];

    if (dir->damaged) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_WARNING,
            "%u damaged indexes were set aside, \"index.damaged-...\"",
            dir->damaged);
        bigcache_tool_doctor_report_advice(finding, "look at the disk, dmesg "
            "and smartctl; then remove them");
        return;
    }

    if (dir->trash == 0) {
        return;
    }

    /* a running store empties its trash by itself */

    bigcache_tool_doctor_report_seen(finding,
        (dir->owner.pid == 0 && dir->trash > dir->space / 100)
        ? BIGCACHE_TOOL_DOCTOR_ADVICE : BIGCACHE_TOOL_DOCTOR_OK,
        "%s are in the trash",
        bigcache_tool_doctor_report_bytes(text, (double) dir->trash));

    bigcache_tool_doctor_report_advice(finding, "start nginx, which removes "
        "it, or remove the directory \"trash\"");
}


static void
bigcache_tool_doctor_store_import(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->import) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "entries of the original are still to be imported");
    }
}


/* the doctor reads no page */

static void
bigcache_tool_doctor_store_content(const void *facts,
    bigcache_tool_doctor_finding_t *finding)
{
    const bigcache_tool_doctor_dir_t *dir = facts;

    if (dir->kind == BIGCACHE_TOOL_DOCTOR_STORE) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
            "not looked at: \"bigcache check\" verifies each page, while no "
            "process has the store open");
    }
}

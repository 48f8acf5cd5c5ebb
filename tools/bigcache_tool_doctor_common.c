
/*
 * Copyright (C) bigcache contributors
 */


/* what a directory and a server have in common: file systems and the kernel */


#include <string.h>

#include "bigcache_tool_doctor_parts.h"


/* kinds of file systems; a name that ends in "*" stands for what begins so */

typedef struct {
    const char                    *name;
    bigcache_tool_doctor_level_e   level;
    const char                    *seen;
} bigcache_tool_doctor_kind_t;


static const bigcache_tool_doctor_kind_t *bigcache_tool_doctor_common_find(
    const char *type);


/* the texts for what is wrong go with what to do, below */

static const char  bigcache_tool_doctor_network[] =
    "a file system of another machine";
static const char  bigcache_tool_doctor_memory[] =
    "a file system in memory";
static const char  bigcache_tool_doctor_layer[] =
    "the layer of a container";
static const char  bigcache_tool_doctor_plain[] =
    "a file system without users, links and sparse files";
static const char  bigcache_tool_doctor_user[] =
    "a file system that a program of a user serves";

static const bigcache_tool_doctor_kind_t  bigcache_tool_doctor_kinds[] = {
    { "ext4", BIGCACHE_TOOL_DOCTOR_OK, "" },
    { "xfs", BIGCACHE_TOOL_DOCTOR_OK, "" },
    { "btrfs", BIGCACHE_TOOL_DOCTOR_OK, "" },
    { "zfs", BIGCACHE_TOOL_DOCTOR_OK, "" },

    { "nfs*", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "cifs", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "smb*", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "afs", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "ceph", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "glusterfs", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "lustre", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "ocfs2", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "gfs2", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "gpfs", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "fuse.sshfs", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_network },
    { "9p", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_network },
    { "virtiofs", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_network },

    { "tmpfs", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_memory },
    { "ramfs", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_memory },
    { "rootfs", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_memory },

    { "overlay", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_layer },
    { "aufs", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_layer },

    { "vfat", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_plain },
    { "msdos", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_plain },
    { "exfat", BIGCACHE_TOOL_DOCTOR_ERROR, bigcache_tool_doctor_plain },
    { "ntfs*", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_plain },

    { "fuse*", BIGCACHE_TOOL_DOCTOR_WARNING, bigcache_tool_doctor_user },

    { NULL, BIGCACHE_TOOL_DOCTOR_SKIPPED, NULL }
};


void
bigcache_tool_doctor_common_file_system(
    bigcache_tool_doctor_finding_t *finding, const char *type)
{
    const bigcache_tool_doctor_kind_t  *kind;

    kind = bigcache_tool_doctor_common_find(type);

    if (kind == NULL) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
                                         "%.64s, with which bigcache was not "
                                         "tried", type);
        bigcache_tool_doctor_report_advice(finding, "put the directory of "
                                           "\"bigcache_path\" on ext4, XFS, "
                                           "btrfs or ZFS");
        return;
    }

    if (kind->level == BIGCACHE_TOOL_DOCTOR_OK) {
        bigcache_tool_doctor_report_seen(finding, kind->level, "%.64s", type);
        return;
    }

    bigcache_tool_doctor_report_seen(finding, kind->level, "%.64s, %s", type,
                                     kind->seen);

    bigcache_tool_doctor_report_advice(finding,
        kind->seen == bigcache_tool_doctor_layer
        ? "mount a volume there, for the directory of \"bigcache_path\""
        : "put the directory of \"bigcache_path\" on ext4, XFS, btrfs or ZFS "
          "of a disk of this machine");
}


static const bigcache_tool_doctor_kind_t *
bigcache_tool_doctor_common_find(const char *type)
{
    size_t                              len;
    const bigcache_tool_doctor_kind_t  *kind;

    for (kind = bigcache_tool_doctor_kinds; kind->name; kind++) {

        len = strlen(kind->name);

        if (kind->name[len - 1] == '*'
            ? strncmp(type, kind->name, len - 1) == 0
            : strcmp(type, kind->name) == 0)
        {
            return kind;
        }
    }

    return NULL;
}


void
bigcache_tool_doctor_common_preadv2(bigcache_tool_doctor_finding_t *finding,
    int known, const char *where)
{
    if (known == -1) {
        return;
    }

    if (known) {
        bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK,
                                         "preadv2() with RWF_NOWAIT works on "
                                         "%.64s", where);
        return;
    }

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_ADVICE,
                                     "preadv2() with RWF_NOWAIT does not work "
                                     "on %.64s", where);
    bigcache_tool_doctor_report_advice(finding, "use ext4, XFS or btrfs and "
                                       "Linux 4.14 or newer; in a container or "
                                       "with \"SystemCallFilter=\" permit "
                                       "preadv2");
}


void
bigcache_tool_doctor_common_cachestat(bigcache_tool_doctor_finding_t *finding,
    int known)
{
    if (known == -1) {
        return;
    }

    /* it is of use, but no reason to replace the kernel of a distribution */

    bigcache_tool_doctor_report_seen(finding, BIGCACHE_TOOL_DOCTOR_OK, "%s",
                                     known ? "the kernel has cachestat()"
                                     : "the kernel does not have cachestat(), "
                                       "which came with Linux 6.5, or forbids "
                                       "it");
}

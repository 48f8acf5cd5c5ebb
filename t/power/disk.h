
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a disk may hold after a power cut, by a log of recorder.c: the model.
 *
 * Contents.  What was written to a file before an fsync(), fdatasync() or
 * sync of it began that came to its end is on the disk.  Of the rest each block
 * of 4 KB is, independently of all others,
 *
 *     kept: as it was at the cut;
 *     dropped: as it was at that sync; zeroes, if it is new;
 *     in between: as it was at any moment between the two;
 *     torn: each of its sectors of 512 bytes as at one of two such moments.
 *
 * The size of the file is one that it had at such a moment, or a multiple of
 * the block between two of them.  Files are told apart by their inodes, and
 * not by names.  Room that was allocated reads as zeroes.  Truncations are
 * changes of contents.
 *
 * Names.  A creation, link, rename or removal is one step, done or not:
 *
 *     ordered: as a journal does it.  The steps of the whole file system
 *     become durable in their order: at the cut, the first of them up to any
 *     number.  An fsync() of anything, or a sync, makes all earlier ones
 *     durable; an fdatasync() those before the last change of that file, or
 *     its creation, and only if that was not durable yet.
 *     strict: what POSIX promises.  Each step is durable on its own; only the
 *     fsync() of a directory that it names makes it so, for a rename either
 *     one's.  The fsync() of a file does not.  A directory's own name is a
 *     name like others.  Within the directories of LevelDB (index, import, and
 *     what becomes one of them by a rename), which counts on a journal, the
 *     steps are ordered.
 *
 * Four extremes, and between them what a seed says:
 *
 *     drop   nothing that was not synced
 *     keep   everything
 *     names  all names and sizes, no contents that were not synced
 *     data   all contents, no names that were not synced
 *     random
 */


#ifndef _DISK_H_INCLUDED_
#define _DISK_H_INCLUDED_


#include <stdint.h>

#include "recorder.h"


#define DISK_ORDERED  0
#define DISK_STRICT   1

typedef enum {
    DISK_DROP = 0,
    DISK_KEEP,
    DISK_NAMES,
    DISK_DATA,
    DISK_RANDOM
} disk_variant_e;


typedef struct disk_s  disk_t;


/* dies for want of memory, as all of this */

disk_t *disk_create(void);
void disk_destroy(disk_t *disk);

/*
 * Takes in a record, whose data must stay where they are.  at: its place in
 * the log.  Returns NULL, or what is wrong.
 */
const char *disk_apply(disk_t *disk, const record_t *r, uint64_t at);

/* all that was taken in is durable */

void disk_sync(disk_t *disk);

/*
 * Makes the directory path, which may be there, what a cut now may leave; the
 * same for the same seed.  Returns 0 and in *sum a number by which images can
 * be told apart, or -1 and errno.
 */
int disk_image(disk_t *disk, const char *path, disk_variant_e variant,
    int model, uint64_t seed, uint64_t *sum);

/*
 * Compares path, which must not change, to what was taken in, except for the
 * contents of LevelDB's LOG and LOG.old.  Returns how many names differ, and
 * prints each.
 */
unsigned disk_compare(disk_t *disk, const char *path);

/* returns how many steps of names, and bytes of contents, are not synced */

uint64_t disk_unsynced(disk_t *disk, int model, uint64_t *bytes);

/* removes a directory with all in it, if it is there */

void disk_remove(const char *path);


#endif /* _DISK_H_INCLUDED_ */

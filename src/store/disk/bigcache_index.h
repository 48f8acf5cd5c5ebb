
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The index: a LevelDB database.  No other file calls LevelDB.  The names of
 * its entries are those of bigcache_names.h.
 *
 * An index is used by one process at a time; the store's directory lock sees
 * to that.  Every call blocks, on the disk or on LevelDB's own stalls, and
 * may run in any number of threads at once, but for open and close, which
 * nothing else may run beside.
 */


#ifndef _BIGCACHE_INDEX_H_INCLUDED_
#define _BIGCACHE_INDEX_H_INCLUDED_


#include "bigcache_names.h"
#include "bigcache_rc.h"
#include "bigcache_str.h"


typedef struct bigcache_index_s       bigcache_index_t;
typedef struct bigcache_index_walk_s  bigcache_index_walk_t;

/* what LevelDB calls a file */

typedef enum {
    BIGCACHE_INDEX_FILE_NONE = 0,   /* no file of LevelDB */
    BIGCACHE_INDEX_FILE_CURRENT,
    BIGCACHE_INDEX_FILE_LOCK,
    BIGCACHE_INDEX_FILE_OTHER,
    BIGCACHE_INDEX_FILE_LOG,
    BIGCACHE_INDEX_FILE_TABLE
} bigcache_index_file_e;

typedef struct {
    size_t  block_cache;    /* bytes */
    size_t  write_buffer;   /* bytes, twice that in memory at most */
    int     bare;           /* keys of somebody else, in no space */
} bigcache_index_conf_t;

/* a change: to the value, or without one to nothing */

typedef struct {
    u_char                 space;
    bigcache_str_t         key;
    const bigcache_str_t  *value;
} bigcache_change_t;

/*
 * One entry of a walk; the memory is the index's, for the time of the call.
 * Returns BIGCACHE_OK to go on; anything else ends the walk.
 */
typedef bigcache_rc_t (*bigcache_index_walk_pt)(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


/*
 * Opens the database in the directory path, making it if it is not there.
 * Returns BIGCACHE_OK and *index, which the caller closes; BIGCACHE_DAMAGED,
 * BIGCACHE_FULL or BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_index_open(bigcache_index_t **index, const char *path,
    const bigcache_index_conf_t *conf, char *error);

/*
 * Has LevelDB take what its logs hold into tables, but for what fails its
 * checks there: a power cut may have torn what was not synced.  The same codes;
 * BIGCACHE_DAMAGED if that is not all that is wrong.
 */
bigcache_rc_t bigcache_index_recover(const char *path,
    const bigcache_index_conf_t *conf, char *error);

/*
 * Rebuilds what can be rebuilt of a damaged database; the same codes.
 */
bigcache_rc_t bigcache_index_repair(const char *path,
    char *error);

void bigcache_index_close(bigcache_index_t *index);

/* tells a file by its name; *number is that of a log or a table */

bigcache_index_file_e bigcache_index_file(const char *name, uint64_t *number);

/* returns BIGCACHE_OK if anything is in it, BIGCACHE_MISS if not */

bigcache_rc_t bigcache_index_any(bigcache_index_t *index, char *error);

/* rewrites all of it, without what was removed or replaced; takes long */

void bigcache_index_compact(bigcache_index_t *index);

/* moves what only LevelDB's log holds into a table, if it still can */

void bigcache_index_flush(bigcache_index_t *index);

/*
 * The calls below take the space of the key, BIGCACHE_NAMES_*, and a key of
 * at most BIGCACHE_NAMES_MAX bytes.
 *
 * bigcache_index_get() returns BIGCACHE_OK and memory in *value that the
 * caller gives to bigcache_index_free(); BIGCACHE_MISS, BIGCACHE_DAMAGED, or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_index_get(bigcache_index_t *index, u_char space,
    const bigcache_str_t *key, bigcache_str_t *value,
    char *error);

void bigcache_index_free(bigcache_str_t *value);

/*
 * Makes n changes, all or none of them.  Returns BIGCACHE_OK, BIGCACHE_FULL,
 * BIGCACHE_DAMAGED or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_index_write(bigcache_index_t *index,
    const bigcache_change_t *changes, unsigned n, char *error);

/*
 * Begins a walk over the entries whose key begins with prefix, as they are at
 * this moment.  The walk is the caller's, until bigcache_index_walk().
 */
bigcache_index_walk_t *bigcache_index_walk_begin(bigcache_index_t *index,
    u_char space, const bigcache_str_t *prefix);

/* has it begin behind key, of the same space, unless its data is NULL */

void bigcache_index_walk_after(bigcache_index_walk_t *walk,
    const bigcache_str_t *key);

/*
 * Calls handler for every entry, in the order of the bytes, and ends the
 * walk; with a handler of NULL it only ends it.  Returns BIGCACHE_OK, or what
 * the handler stopped it with; but for BIGCACHE_OK and BIGCACHE_MISS,
 * BIGCACHE_DAMAGED or BIGCACHE_ERROR if entries were passed over which could
 * not be read.
 */
bigcache_rc_t bigcache_index_walk(bigcache_index_walk_t *walk,
    bigcache_index_walk_pt handler, void *data,
    char *error);

/*
 * Calls handler for the entries behind key, of any length, or for all if key
 * is NULL, in a bare index.  Passes over what cannot be read, and then
 * returns BIGCACHE_DAMAGED or BIGCACHE_ERROR whatever the handler did.
 */
bigcache_rc_t bigcache_index_walk_behind(bigcache_index_t *index,
    const bigcache_str_t *key, bigcache_index_walk_pt handler, void *data,
    char *error);


#endif /* _BIGCACHE_INDEX_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The index: a LevelDB database.  No other file calls LevelDB.  The names of
 * its entries are those of bigcache_names.h.
 *
 * The store's directory lock ensures that only one process uses an index.
 * Every call blocks, on the disk or on LevelDB's own stalls.  Any number of
 * threads may call at once, but no other call may run during open and close.
 */


#ifndef _BIGCACHE_INDEX_H_INCLUDED_
#define _BIGCACHE_INDEX_H_INCLUDED_


#include "bigcache_names.h"
#include "bigcache_rc.h"
#include "bigcache_str.h"


typedef struct bigcache_index_s       bigcache_index_t;
typedef struct bigcache_index_walk_s  bigcache_index_walk_t;

/* the kinds of LevelDB's files */

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
    size_t  write_buffer;   /* bytes; twice that in memory at most */
    int     bare;           /* a database of another program: no spaces */
} bigcache_index_conf_t;

/* a change: sets the value, or removes the entry if value is NULL */

typedef struct {
    u_char                 space;
    bigcache_str_t         key;
    const bigcache_str_t  *value;
} bigcache_change_t;

/*
 * Called for one entry of a walk, whose memory is valid during the call.
 * Returns BIGCACHE_OK to go on; anything else ends the walk.
 */
typedef bigcache_rc_t (*bigcache_index_walk_pt)(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


/* makes a change of its parts */

static inline bigcache_change_t
bigcache_index_change(u_char space, bigcache_str_t key,
    const bigcache_str_t *value)
{
    bigcache_change_t  change;

    change.space = space;
    change.key = key;
    change.value = value;

    return change;
}


/*
 * Opens the database in the directory path, or makes it.  Returns BIGCACHE_OK
 * and *index, which the caller must close; or BIGCACHE_DAMAGED, BIGCACHE_FULL
 * or BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_index_open(bigcache_index_t **index, const char *path,
    const bigcache_index_conf_t *conf, char *error);

/* writes the name of the library and its version, at most size bytes */

void bigcache_index_library(char *text, size_t size);

/*
 * Makes LevelDB move the content of its logs into tables, without what fails
 * its checks: a power cut may have torn what was not synced.  Returns the same
 * codes; BIGCACHE_DAMAGED if something else is wrong, too.
 */
bigcache_rc_t bigcache_index_recover(const char *path,
    const bigcache_index_conf_t *conf, char *error);

/* rebuilds what it can of a damaged database; returns the same codes */
bigcache_rc_t bigcache_index_repair(const char *path,
    char *error);

void bigcache_index_close(bigcache_index_t *index);

/*
 * returns the kind of a file by its name; *number is that of a log or a table
 */

bigcache_index_file_e bigcache_index_file(const char *name, uint64_t *number);

/*
 * returns BIGCACHE_OK if the index has an entry, BIGCACHE_MISS if it has none
 */

bigcache_rc_t bigcache_index_any(bigcache_index_t *index, char *error);

/* rewrites all of it, without removed and replaced entries; takes long */

void bigcache_index_compact(bigcache_index_t *index);

/*
 * After the first opening in this process: gives LevelDB's own thread a lower
 * priority.  May sync.
 */
void bigcache_index_settle(bigcache_index_t *index);

/* moves what only LevelDB's log holds into a table, if possible */

void bigcache_index_flush(bigcache_index_t *index);

/*
 * In the calls below, space is the space of the key, BIGCACHE_NAMES_*, and key
 * has at most BIGCACHE_NAMES_MAX bytes.
 *
 * bigcache_index_get() returns BIGCACHE_OK and *value, whose memory the caller
 * must give to bigcache_index_free(); or BIGCACHE_MISS, BIGCACHE_DAMAGED or
 * BIGCACHE_ERROR, and an empty value, which need not be freed, but may be.
 */
bigcache_rc_t bigcache_index_get(bigcache_index_t *index, u_char space,
    const bigcache_str_t *key, bigcache_str_t *value,
    char *error);

void bigcache_index_free(bigcache_str_t *value);

/*
 * makes all of n changes, or none; returns BIGCACHE_OK, BIGCACHE_FULL,
 * BIGCACHE_DAMAGED or BIGCACHE_ERROR
 */
bigcache_rc_t bigcache_index_write(bigcache_index_t *index,
    const bigcache_change_t *changes, unsigned n, char *error);

/* the same for one change */

bigcache_rc_t bigcache_index_set(bigcache_index_t *index, u_char space,
    const bigcache_str_t *key, const bigcache_str_t *value, char *error);

/*
 * Begins a walk over the entries whose key begins with prefix, as they are at
 * this moment.  The caller must pass it to bigcache_index_walk().
 */
bigcache_index_walk_t *bigcache_index_walk_begin(bigcache_index_t *index,
    u_char space, const bigcache_str_t *prefix);


/*
 * Calls handler for every entry, in the order of the bytes, and frees the
 * walk.  If handler is NULL, only frees the walk.  Returns BIGCACHE_OK, or the
 * code with which the handler ended the walk.  If some entries could not be
 * read, BIGCACHE_DAMAGED or BIGCACHE_ERROR replaces BIGCACHE_OK and
 * BIGCACHE_MISS.
 */
bigcache_rc_t bigcache_index_walk(bigcache_index_walk_t *walk,
    bigcache_index_walk_pt handler, void *data,
    char *error);

/*
 * Does both, and returns the same; or BIGCACHE_NOMEM.  prefix: all if it is
 * NULL.  after: where the walk begins, behind that key of the same space;
 * NULL, or its data is, for the first one.
 */
bigcache_rc_t bigcache_index_each(bigcache_index_t *index, u_char space,
    const bigcache_str_t *prefix, const bigcache_str_t *after,
    bigcache_index_walk_pt handler, void *data, char *error);

/*
 * For a bare index.  Calls handler for the entries after key, of any length,
 * or for all if key is NULL.  Skips entries that cannot be read, and then
 * returns BIGCACHE_DAMAGED or BIGCACHE_ERROR, whatever the handler returned.
 */
bigcache_rc_t bigcache_index_walk_behind(bigcache_index_t *index,
    const bigcache_str_t *key, bigcache_index_walk_pt handler, void *data,
    char *error);


#endif /* _BIGCACHE_INDEX_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/* The only file that calls LevelDB. */


#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leveldb/c.h>

#include "bigcache_background.h"
#include "bigcache_index.h"
#include "bigcache_plain.h"


/* LevelDB's default of 2 MB is for small databases */

#define BIGCACHE_INDEX_TABLE       (32 * 1024 * 1024)
#define BIGCACHE_INDEX_OPEN_FILES  500
#define BIGCACHE_INDEX_BLOOM_BITS  10


struct bigcache_index_s {
    leveldb_t               *db;
    leveldb_options_t       *options;
    leveldb_cache_t         *cache;
    leveldb_filterpolicy_t  *filter;
    leveldb_readoptions_t   *read;
    leveldb_readoptions_t   *walk;
    leveldb_writeoptions_t  *write;
    size_t                   space;    /* bytes of it in front of a key */
};


typedef struct {
    size_t                   len;
    char                     data[1 + BIGCACHE_NAMES_MAX + 1];
} bigcache_index_name_t;


typedef struct {
    unsigned                 current:1;
    unsigned                 data:1;   /* tables or logs */
} bigcache_index_files_t;


typedef struct {
    bigcache_index_t        *index;
    const char              *path;
    char                    *err;      /* of LevelDB, or NULL */
} bigcache_index_open_t;


struct bigcache_index_walk_s {
    leveldb_iterator_t      *it;
    size_t                   space;
    bigcache_index_name_t    prefix;
    bigcache_index_name_t    from;
};


static bigcache_rc_t bigcache_index_start(bigcache_index_t **index,
    const char *path, const bigcache_index_conf_t *conf,
    unsigned char paranoid, char *error);
static bigcache_rc_t bigcache_index_first(void *data);
static bigcache_rc_t bigcache_index_settled(void *data);
static bigcache_rc_t bigcache_index_files(const char *path, int *fresh,
    char *error);
static bigcache_rc_t bigcache_index_found(void *data, int dir,
    const char *name);
static void bigcache_index_name(const bigcache_index_t *index,
    bigcache_index_name_t *name, u_char space, const bigcache_str_t *key);
static bigcache_rc_t bigcache_index_failed(char *err, char *error);


/* LevelDB's thread runs, with its lower priority */

static _Atomic int  bigcache_index_started;


void
bigcache_index_library(char *text, size_t size)
{
    (void) snprintf(text, size, "LevelDB %d.%d", leveldb_major_version(),
                    leveldb_minor_version());
}


bigcache_rc_t
bigcache_index_open(bigcache_index_t **indexp, const char *path,
    const bigcache_index_conf_t *conf, char *error)
{
    return bigcache_index_start(indexp, path, conf, 1, error);
}


bigcache_rc_t
bigcache_index_recover(const char *path, const bigcache_index_conf_t *conf,
    char *error)
{
    bigcache_rc_t      rc;
    bigcache_index_t  *index;

    rc = bigcache_index_start(&index, path, conf, 0, error);

    if (rc == BIGCACHE_OK) {
        bigcache_index_close(index);
    }

    return rc;
}


/* paranoid: a failed check is an error; else LevelDB skips what fails */

static bigcache_rc_t
bigcache_index_start(bigcache_index_t **indexp, const char *path,
    const bigcache_index_conf_t *conf, unsigned char paranoid, char *error)
{
    int                    fresh;
    bigcache_rc_t          rc;
    bigcache_index_t      *index;
    bigcache_index_open_t  open;

    if (bigcache_plain_files(path, error) != BIGCACHE_OK) {
        return BIGCACHE_ERROR;
    }

    rc = bigcache_index_files(path, &fresh, error);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    index = calloc(1, sizeof(bigcache_index_t));
    if (index == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_ERROR;
    }

    index->space = conf->bare ? 0 : 1;
    index->cache = leveldb_cache_create_lru(conf->block_cache);
    index->filter =
                leveldb_filterpolicy_create_bloom(BIGCACHE_INDEX_BLOOM_BITS);

    index->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(index->options, (u_char) fresh);
    leveldb_options_set_paranoid_checks(index->options, paranoid);
    leveldb_options_set_cache(index->options, index->cache);
    leveldb_options_set_filter_policy(index->options, index->filter);
    leveldb_options_set_write_buffer_size(index->options, conf->write_buffer);
    leveldb_options_set_max_file_size(index->options, BIGCACHE_INDEX_TABLE);
    leveldb_options_set_max_open_files(index->options,
                                       BIGCACHE_INDEX_OPEN_FILES);

    index->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(index->read, 1);

    index->walk = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(index->walk, 1);
    leveldb_readoptions_set_fill_cache(index->walk, 0);

    index->write = leveldb_writeoptions_create();

    open.index = index;
    open.path = path;
    open.err = NULL;

    if (atomic_load(&bigcache_index_started)) {
        index->db = leveldb_open(index->options, path, &open.err);

    } else {
        (void) bigcache_background_run(bigcache_index_first, &open,
                                       BIGCACHE_BACKGROUND_AWAITED);
    }

    if (open.err) {
        bigcache_index_close(index);
        return bigcache_index_failed(open.err, error);
    }

    *indexp = index;

    return BIGCACHE_OK;
}


/*
 * LevelDB starts its one thread, which compacts the databases of the process,
 * when it first has work for it, and the thread gets the priority of the thread
 * that had the work.  So opens the first database in one of a lower priority,
 * since the opening may find work; bigcache_index_settle() makes some.
 */

static bigcache_rc_t
bigcache_index_first(void *data)
{
    bigcache_index_open_t *open = data;

    open->index->db = leveldb_open(open->index->options, open->path,
                                   &open->err);

    return BIGCACHE_OK;
}


void
bigcache_index_settle(bigcache_index_t *index)
{
    if (!atomic_load(&bigcache_index_started)) {
        (void) bigcache_background_run(bigcache_index_settled, index,
                                       BIGCACHE_BACKGROUND_UPKEEP);
    }
}


static bigcache_rc_t
bigcache_index_settled(void *data)
{
    bigcache_index_flush(data);
    atomic_store(&bigcache_index_started, 1);

    return BIGCACHE_OK;
}


bigcache_rc_t
bigcache_index_any(bigcache_index_t *index, char *error)
{
    int                  any;
    char                *err;
    leveldb_iterator_t  *it;

    it = leveldb_create_iterator(index->db, index->walk);

    leveldb_iter_seek_to_first(it);
    any = leveldb_iter_valid(it);

    err = NULL;
    leveldb_iter_get_error(it, &err);
    leveldb_iter_destroy(it);

    if (err) {
        return bigcache_index_failed(err, error);
    }

    return any ? BIGCACHE_OK : BIGCACHE_MISS;
}


bigcache_rc_t
bigcache_index_repair(const char *path, char *error)
{
    char               *err;
    leveldb_options_t  *options;

    if (bigcache_plain_files(path, error) != BIGCACHE_OK) {
        return BIGCACHE_ERROR;
    }

    options = leveldb_options_create();

    /*
     * else LevelDB would copy blocks with bad checksums and give them good
     * ones
     */

    leveldb_options_set_paranoid_checks(options, 1);

    err = NULL;
    leveldb_repair_db(options, path, &err);

    leveldb_options_destroy(options);

    return bigcache_index_failed(err, error);
}


void
bigcache_index_close(bigcache_index_t *index)
{
    /* the options, the cache and the filter must outlive the database */

    if (index->db) {
        leveldb_close(index->db);
    }

    leveldb_writeoptions_destroy(index->write);
    leveldb_readoptions_destroy(index->walk);
    leveldb_readoptions_destroy(index->read);
    leveldb_options_destroy(index->options);
    leveldb_filterpolicy_destroy(index->filter);
    leveldb_cache_destroy(index->cache);

    free(index);
}


void
bigcache_index_compact(bigcache_index_t *index)
{
    leveldb_compact_range(index->db, NULL, 0, NULL, 0);
}


void
bigcache_index_flush(bigcache_index_t *index)
{
    static const char  none[] = "\xff\xff";

    /*
     * LevelDB flushes its log before any compaction, whatever the range; no
     * key of a store is in this range
     */

    leveldb_compact_range(index->db, none, sizeof(none) - 1, none,
                          sizeof(none) - 1);
}


bigcache_rc_t
bigcache_index_get(bigcache_index_t *index, u_char space,
    const bigcache_str_t *key, bigcache_str_t *value, char *error)
{
    char                   *err, *data;
    bigcache_index_name_t   name;

    *value = bigcache_str(NULL, 0);

    /* there is none that is longer */

    if (key->len > BIGCACHE_NAMES_MAX) {
        return BIGCACHE_MISS;
    }

    bigcache_index_name(index, &name, space, key);

    err = NULL;
    data = leveldb_get(index->db, index->read, name.data, name.len,
                       &value->len, &err);
    if (err) {
        return bigcache_index_failed(err, error);
    }

    if (data == NULL) {
        return BIGCACHE_MISS;
    }

    value->data = (u_char *) data;

    return BIGCACHE_OK;
}


void
bigcache_index_free(bigcache_str_t *value)
{
    leveldb_free((void *) value->data);
    *value = bigcache_str(NULL, 0);
}


bigcache_rc_t
bigcache_index_write(bigcache_index_t *index,
    const bigcache_change_t *changes, unsigned n, char *error)
{
    char                     *err;
    unsigned                  i;
    leveldb_writebatch_t     *batch;
    bigcache_index_name_t     name;
    const bigcache_change_t  *change;

    batch = leveldb_writebatch_create();

    for (i = 0; i < n; i++) {

        change = &changes[i];

        bigcache_index_name(index, &name, change->space, &change->key);

        if (change->value) {
            leveldb_writebatch_put(batch, name.data, name.len,
                                   (const char *) change->value->data,
                                   change->value->len);

        } else {
            leveldb_writebatch_delete(batch, name.data, name.len);
        }
    }

    err = NULL;
    leveldb_write(index->db, index->write, batch, &err);
    leveldb_writebatch_destroy(batch);

    return bigcache_index_failed(err, error);
}


bigcache_rc_t
bigcache_index_set(bigcache_index_t *index, u_char space,
    const bigcache_str_t *key, const bigcache_str_t *value, char *error)
{
    bigcache_change_t  change;

    change = bigcache_index_change(space, *key, value);

    return bigcache_index_write(index, &change, 1, error);
}


bigcache_index_walk_t *
bigcache_index_walk_begin(bigcache_index_t *index, u_char space,
    const bigcache_str_t *prefix)
{
    bigcache_index_walk_t  *walk;

    walk = malloc(sizeof(bigcache_index_walk_t));
    if (walk == NULL) {
        return NULL;
    }

    bigcache_index_name(index, &walk->prefix, space, prefix);
    walk->from.len = 0;

    walk->it = leveldb_create_iterator(index->db, index->walk);
    walk->space = index->space;

    return walk;
}


bigcache_rc_t
bigcache_index_each(bigcache_index_t *index, u_char space,
    const bigcache_str_t *prefix, const bigcache_str_t *after,
    bigcache_index_walk_pt handler, void *data, char *error)
{
    bigcache_index_walk_t  *walk;

    static const bigcache_str_t  all = bigcache_string("");

    walk = bigcache_index_walk_begin(index, space, prefix ? prefix : &all);

    if (walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    if (after && after->data) {

        /* the key with a zero appended is the next possible name */

        bigcache_index_name(index, &walk->from, space, after);
        walk->from.data[walk->from.len++] = '\0';
    }

    return bigcache_index_walk(walk, handler, data, error);
}


bigcache_rc_t
bigcache_index_walk(bigcache_index_walk_t *walk,
    bigcache_index_walk_pt handler, void *data, char *error)
{
    char            *err;
    bigcache_rc_t    rc;
    bigcache_str_t   prefix, from, key, value;

    rc = BIGCACHE_OK;
    prefix = bigcache_str(walk->prefix.data, walk->prefix.len);
    from = bigcache_str(walk->from.data, walk->from.len);

    if (handler) {
        key = (bigcache_str_compare(&prefix, &from) < 0) ? from : prefix;
        leveldb_iter_seek(walk->it, (const char *) key.data, key.len);
    }

    while (rc == BIGCACHE_OK && handler && leveldb_iter_valid(walk->it)) {

        key.data = (const u_char *) leveldb_iter_key(walk->it, &key.len);

        if (!bigcache_str_begins(&key, &prefix)) {
            break;
        }

        key.data += walk->space;
        key.len -= walk->space;

        value.data = (const u_char *) leveldb_iter_value(walk->it,
                                                         &value.len);

        rc = handler(data, &key, &value);

        leveldb_iter_next(walk->it);
    }

    err = NULL;
    leveldb_iter_get_error(walk->it, &err);
    leveldb_iter_destroy(walk->it);

    free(walk);

    if (err && (rc == BIGCACHE_OK || rc == BIGCACHE_MISS)) {
        return bigcache_index_failed(err, error);
    }

    leveldb_free(err);

    return rc;
}


bigcache_rc_t
bigcache_index_walk_behind(bigcache_index_t *index, const bigcache_str_t *key,
    bigcache_index_walk_pt handler, void *data, char *error)
{
    char                *err;
    bigcache_rc_t        rc, failed;
    bigcache_str_t       found, value;
    leveldb_iterator_t  *it;

    rc = BIGCACHE_OK;
    it = leveldb_create_iterator(index->db, index->walk);

    if (key) {
        leveldb_iter_seek(it, (const char *) key->data, key->len);

    } else {
        leveldb_iter_seek_to_first(it);
    }

    for ( /* void */ ; rc == BIGCACHE_OK && leveldb_iter_valid(it);
         leveldb_iter_next(it))
    {
        found.data = (const u_char *) leveldb_iter_key(it, &found.len);

        if (key && bigcache_str_equal(&found, key)) {
            continue;
        }

        value.data = (const u_char *) leveldb_iter_value(it, &value.len);

        rc = handler(data, &found, &value);
    }

    err = NULL;
    leveldb_iter_get_error(it, &err);
    leveldb_iter_destroy(it);

    failed = bigcache_index_failed(err, error);

    return (failed == BIGCACHE_OK) ? rc : failed;
}


/*
 * Looks at the files of a database.  If LevelDB did not find CURRENT, or could
 * not look for it, it would begin a new database without an error.
 */

static bigcache_rc_t
bigcache_index_files(const char *path, int *fresh, char *error)
{
    bigcache_rc_t           rc;
    bigcache_index_files_t  found;

    memset(&found, 0, sizeof(bigcache_index_files_t));

    rc = bigcache_plain_each(AT_FDCWD, path, 0, bigcache_index_found, &found);

    if (rc != BIGCACHE_OK && errno != ENOENT) {
        (void) bigcache_plain_cannot("read", NULL, path, error);
        return BIGCACHE_ERROR;
    }

    *fresh = !found.current;

    if (found.data && !found.current) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "there are tables or logs, but no CURRENT");
        return BIGCACHE_DAMAGED;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_index_found(void *data, int dir, const char *name)
{
    bigcache_index_files_t *found = data;

    uint64_t  number;

    (void) dir;

    switch (bigcache_index_file(name, &number)) {

    case BIGCACHE_INDEX_FILE_CURRENT:
        found->current = 1;
        break;

    case BIGCACHE_INDEX_FILE_LOG:
    case BIGCACHE_INDEX_FILE_TABLE:
        found->data = 1;
        break;

    default:
        break;
    }

    return BIGCACHE_OK;
}


bigcache_index_file_e
bigcache_index_file(const char *name, uint64_t *number)
{
    char    *end;
    size_t   i, n;

    static const struct {
        const char             *name;
        bigcache_index_file_e   file;
    } names[] = {
        { "CURRENT", BIGCACHE_INDEX_FILE_CURRENT },
        { "LOCK", BIGCACHE_INDEX_FILE_LOCK },
        { "LOG", BIGCACHE_INDEX_FILE_OTHER },
        { "LOG.old", BIGCACHE_INDEX_FILE_OTHER },
        { ".log", BIGCACHE_INDEX_FILE_LOG },
        { ".ldb", BIGCACHE_INDEX_FILE_TABLE },
        { ".sst", BIGCACHE_INDEX_FILE_TABLE },
        { ".dbtmp", BIGCACHE_INDEX_FILE_OTHER }
    };

    *number = 0;

    if (strncmp(name, "MANIFEST-", 9) == 0) {
        n = strspn(name + 9, "0123456789");

        return (n != 0 && name[9 + n] == '\0') ? BIGCACHE_INDEX_FILE_OTHER
                                               : BIGCACHE_INDEX_FILE_NONE;
    }

    /* a suffix follows a number */

    n = strspn(name, "0123456789");

    if (n) {
        *number = strtoull(name, &end, 10);
        name = end;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((n != 0) == (names[i].name[0] == '.')
            && strcmp(name, names[i].name) == 0)
        {
            return names[i].file;
        }
    }

    return BIGCACHE_INDEX_FILE_NONE;
}


static void
bigcache_index_name(const bigcache_index_t *index,
    bigcache_index_name_t *name, u_char space, const bigcache_str_t *key)
{
    name->data[0] = (char) space;
    name->len = index->space + key->len;

    if (key->len) {
        memcpy(&name->data[index->space], key->data, key->len);
    }
}


/* LevelDB's C interface tells errors apart only by their text */

static bigcache_rc_t
bigcache_index_failed(char *err, char *error)
{
    bigcache_rc_t  rc;

    if (err == NULL) {
        return BIGCACHE_OK;
    }

    if (strncmp(err, "Corruption:", 11) == 0
        || strstr(err, ".ldb: Invalid argument"))
    {
        /* the latter is what mapping an empty table gives */

        rc = BIGCACHE_DAMAGED;

    } else if (strstr(err, "No space left on device")
               || strstr(err, "Disk quota exceeded"))
    {
        rc = BIGCACHE_FULL;

    } else {
        rc = BIGCACHE_ERROR;
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s", err);

    leveldb_free(err);

    return rc;
}

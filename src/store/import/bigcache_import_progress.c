
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The progress of the import: a key in memory, and a meta entry in the index.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_fault.h"
#include "bigcache_import_progress.h"
#include "bigcache_names.h"
#include "bigcache_sync.h"


bigcache_rc_t
bigcache_import_progress_load(bigcache_store_t *store, u_char *stage,
    bigcache_import_key_t *last, bigcache_import_key_t *kept, char *error)
{
    bigcache_rc_t   rc;
    bigcache_str_t  value, key;

    *stage = BIGCACHE_IMPORT_RUNS;

    rc = bigcache_index_get(store->index, BIGCACHE_NAMES_META,
                            &bigcache_names_import, &value, error);

    if (rc != BIGCACHE_OK) {
        return (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    if (value.len) {
        *stage = value.data[0];

        key = bigcache_str(value.data + 1, value.len - 1);

        rc = bigcache_import_progress_set(last, &key);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_import_progress_set(kept, &key);
        }
    }

    bigcache_index_free(&value);

    return rc;
}


bigcache_rc_t
bigcache_import_progress_write(bigcache_store_t *store, u_char stage,
    const bigcache_import_key_t *last)
{
    char             error[BIGCACHE_ERROR_LEN];
    u_char          *buf;
    bigcache_rc_t    rc;
    bigcache_str_t   value;

    rc = bigcache_fault_rc(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    buf = malloc(1 + last->key.len);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    buf[0] = stage;

    if (last->key.len) {
        memcpy(buf + 1, last->key.data, last->key.len);
    }

    value = bigcache_str(buf, 1 + last->key.len);

    rc = bigcache_index_set(store->index, BIGCACHE_NAMES_META,
                            &bigcache_names_import, &value, error);

    free(buf);

    if (rc != BIGCACHE_OK) {
        return bigcache_fault_write_failed(store, rc, error);
    }

    bigcache_sync_note(store);

    return BIGCACHE_OK;
}


int
bigcache_import_progress_passed(const bigcache_import_key_t *last,
    const bigcache_str_t *key)
{
    return last->set && bigcache_str_compare(key, &last->key) <= 0;
}


bigcache_rc_t
bigcache_import_progress_set(bigcache_import_key_t *last,
    const bigcache_str_t *key)
{
    u_char  *data;

    data = (u_char *) last->key.data;

    if (data == NULL || key->len > last->alloc) {

        data = realloc(data, key->len + 1);
        if (data == NULL) {
            return BIGCACHE_NOMEM;
        }

        last->alloc = key->len + 1;
    }

    if (key->len) {
        memcpy(data, key->data, key->len);
    }

    last->key = bigcache_str(data, key->len);
    last->set = 1;

    return BIGCACHE_OK;
}

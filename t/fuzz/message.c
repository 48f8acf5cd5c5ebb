
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Any bytes are no message, or are those that the decoded message encodes to.
 * The owner then makes the call, in a store of its own, or says what is wrong.
 * A list in its answer must be one that the caller accepts.  The data of a
 * message is also read as a list, which must then consist of whole rows.  For
 * half of the inputs the magic number, the version and the like are made
 * right, and records get their checksum.  Calls that close or clear the store
 * are left out: each of them takes longer than thousands of others.
 */


#define _GNU_SOURCE

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_bytes.h"
#include "bigcache_keeper.h"
#include "bigcache_message.h"
#include "bigcache_serve.h"
#include "bigcache_store.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void taken(const bigcache_message_t *in, const bigcache_message_t *out,
    const char *error);
static void start(void);
static void finish(void);
static void mend(u_char *in, size_t size);
static void log_handler(void *data, int level, const char *text);
static int rm(const char *name, const struct stat *st, int type,
    struct FTW *ftw);


static char               path[64];
static bigcache_store_t  *store;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char               *in, header[BIGCACHE_MESSAGE_HEADER];
    const char           *error;
    bigcache_served_t     served;
    bigcache_message_t    message, out;

    if (store == NULL) {
        start();
    }

    /* a block of just this size, so that a read past its end is seen */

    in = malloc(size ? size : 1);
    if (in == NULL) {
        return 0;
    }

    memcpy(in, data, size);

    if (size >= BIGCACHE_MESSAGE_HEADER && (in[size - 1] & 1)) {
        mend(in, size);
    }

    if (bigcache_message_decode(&message, in, size) == NULL) {

        bigcache_message_encode(header, &message);

        if (memcmp(header, in, sizeof(header)) != 0) {
            abort();
        }

        if (message.call != BIGCACHE_CALL_CLEAR
            && message.call != BIGCACHE_CALL_CLOSE
            && message.call != BIGCACHE_CALL_FULL)
        {
            error = bigcache_serve(store, message.n[5] % 3, &message, &out,
                                   &served);

            taken(&message, &out, error);

            bigcache_serve_free(&served);
        }
    }

    free(in);

    return 0;
}


static void
taken(const bigcache_message_t *in, const bigcache_message_t *out,
    const char *error)
{
    size_t                  at, len;
    unsigned                n;
    bigcache_str_t          after;
    bigcache_list_row_t     row;
    static bigcache_list_t  list;

    after = in->data;

    if (in->n[1] == 0) {
        after.data = NULL;
    }

    if (in->call == BIGCACHE_CALL_LIST
        && error == NULL
        && out->rc == BIGCACHE_OK
        && !bigcache_list_receive(&list, &out->data, &out->key,
                                  out->n[1] != 0, &after, 1000))
    {
        abort();
    }

    if (!bigcache_list_receive(&list, &in->data, &in->key, 1, &after, 1000)) {
        return;
    }

    at = 0;
    len = 0;

    for (n = 0; bigcache_list_row(&list, &at, &row); n++) {
        len += row.key.len + row.type.len;
    }

    if (n != list.n || at != list.len || len > list.len) {
        abort();
    }
}


static void
start(void)
{
    bigcache_store_conf_t  conf;

    memset(&conf, 0, sizeof(bigcache_store_conf_t));

    (void) snprintf(path, sizeof(path), "/tmp/bigcache-fuzz-XXXXXX");

    if (mkdtemp(path) == NULL) {
        abort();
    }

    conf.path = path;
    conf.wait = 100;
    conf.index.block_cache = 1024 * 1024;
    conf.index.write_buffer = 1024 * 1024;
    conf.segment_size = 64 * 1024 * 1024;
    conf.gzip_min = SIZE_MAX;
    conf.log.handler = log_handler;

    store = bigcache_store_create(&conf);

    if (store == NULL || bigcache_keeper_start(store) != 0) {
        abort();
    }

    (void) atexit(finish);
}


static void
finish(void)
{
    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);

    (void) nftw(path, rm, 16, FTW_DEPTH|FTW_PHYS);
}


/* the key takes up to a quarter of what follows the header */

static void
mend(u_char *in, size_t size)
{
    size_t               rest, key;
    bigcache_message_t   message;

    rest = size - BIGCACHE_MESSAGE_HEADER;
    key = rest ? in[rest + BIGCACHE_MESSAGE_HEADER - 1] % (rest / 4 + 1) : 0;

    memset(&message, 0, sizeof(bigcache_message_t));

    message.call = BIGCACHE_CALL_HELLO + in[6] % BIGCACHE_CALL_SYNC;
    memcpy(message.n, in + 24, sizeof(message.n));

    message.key.len = key;
    message.data.len = rest - key;

    if (message.call != BIGCACHE_CALL_PUT
        && message.call != BIGCACHE_CALL_LIST)
    {
        message.key.len = rest;
        message.data.len = 0;
    }

    bigcache_message_encode(in, &message);

    if (message.call == BIGCACHE_CALL_PUT
        && message.data.len >= BIGCACHE_RECORD_HEADER)
    {
        bigcache_record_seal(in + BIGCACHE_MESSAGE_HEADER + key,
                             message.data.len);
    }
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;
    (void) level;
    (void) text;
}


static int
rm(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(name);
}

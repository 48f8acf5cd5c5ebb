
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What all operations share: their end, the status and text for a failure, and
 * the memory of unpacked pages.
 */


#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_gzip.h"
#include "bigcache_op.h"
#include "bigcache_time.h"


/*
 * Bytes of unpacked pages that replies may hold in a process while they wait
 * for their clients.  Pages over that are unpacked as the client reads.  For
 * small pages that saves nothing, so they are not counted.
 */

#define BIGCACHE_OP_HELD    (32 * 1024 * 1024)
#define BIGCACHE_OP_SMALL   (64 * 1024)


static void bigcache_op_reason(bigcache_op_t *op);
static int bigcache_op_has_path(const char *text);


/* bytes that all replies hold now */

static _Atomic uint64_t  bigcache_op_held;


unsigned
bigcache_op_failure(const bigcache_op_t *op, const char **detail)
{
    switch (op->rc) {

    case BIGCACHE_MISS:
        *detail = op->missed ? op->missed : "cache miss";
        return 404;

    case BIGCACHE_EXPIRED:
        *detail = "cache expired";
        return 404;

    case BIGCACHE_RAW:
        *detail = "the key holds raw bytes, read it at /pickle/";
        return 409;

    case BIGCACHE_NUMBER:
        *detail = "the key holds no integer, or one that would be too large";
        return 409;

    case BIGCACHE_MISMATCH:
        *detail = op->late ? "the lease has ended"
                           : "what is stored does not meet the condition";
        return 412;

    case BIGCACHE_TOO_LARGE:
        *detail = "the answer would be too large, ask for the page alone";
        return 413;

    case BIGCACHE_INVALID:
        *detail = op->invalid.msg;
        return 422;

    case BIGCACHE_FULL:
        *detail = "no space left on the disk of the cache";
        return 507;

    case BIGCACHE_CLOSED:
        *detail = "the store is closed, POST /open opens it";
        return 503;

    case BIGCACHE_UNAVAILABLE:
        *detail = op->reason;
        return 503;

    case BIGCACHE_BUSY:
        *detail = "too many change this page at the same time";
        return 503;

    case BIGCACHE_UNKNOWN:
        *detail = "the process that has the store open did not answer, so it "
                  "is not known whether this was done";
        return 503;

    case BIGCACHE_NOMEM:
        *detail = "out of memory";
        return 503;

    default:
        *detail = "the store failed, its error log says why";
        return 500;
    }
}


void
bigcache_op_free(bigcache_op_t *op)
{
    bigcache_page_free(&op->page);

    free(op->memory);
    op->memory = NULL;

    free(op->bytes);
    op->bytes = NULL;

    bigcache_unpacked_free(op->text);
    op->text = NULL;

    if (op->held) {
        atomic_fetch_sub(&bigcache_op_held, op->held);
        op->held = 0;
    }

    free(op->tally);
    op->tally = NULL;
    op->ntally = 0;
}


void
bigcache_op_finish(bigcache_op_t *op, bigcache_rc_t rc)
{
    op->rc = rc;

    if (rc == BIGCACHE_UNAVAILABLE) {
        bigcache_op_reason(op);
    }
}


/*
 * Makes the text for the client from the reason, which is the text of the
 * error log and may have paths.  The client gets what is wrong, not where: if
 * the text has a path, only the part after the last colon remains, which most
 * often is an error of the system.
 */

static void
bigcache_op_reason(bigcache_op_t *op)
{
    char         reason[BIGCACHE_ERROR_LEN];
    const char  *p, *error;

    bigcache_cache_reason(op->cache, reason);

    if (!bigcache_op_has_path(reason)) {
        (void) memcpy(op->reason, reason, BIGCACHE_ERROR_LEN);
        return;
    }

    error = "";

    for (p = strstr(reason, ": "); p; p = strstr(p + 1, ": ")) {
        error = p + 2;
    }

    if (strchr(error, '"') || bigcache_op_has_path(error)) {
        error = "";
    }

    (void) snprintf(op->reason, BIGCACHE_ERROR_LEN,
                    "the store cannot be opened, the error log says why%s%.64s",
                    *error ? ": " : "", error);
}


/* a slash after a letter does not begin a path: "Input/output error" */

static int
bigcache_op_has_path(const char *text)
{
    const char  *p;

    for (p = strchr(text, '/'); p; p = strchr(p + 1, '/')) {
        if (p == text || !isalpha((unsigned char) p[-1])) {
            return 1;
        }
    }

    return 0;
}


/* the time that a page may be stale begins anew with a soft purge */

bigcache_op_age_e
bigcache_op_age(const bigcache_page_t *page)
{
    int64_t  now, window;

    if (page->stale == 0 && page->fresh == 0) {
        return BIGCACHE_OP_FRESH;
    }

    now = bigcache_time_now();
    window = page->fresh ? page->expire - page->fresh : 0;

    if (page->stale) {
        return (now - page->stale < window) ? BIGCACHE_OP_STALE
                                            : BIGCACHE_OP_OVER;
    }

    return (now < page->fresh) ? BIGCACHE_OP_FRESH : BIGCACHE_OP_STALE;
}


int64_t
bigcache_op_expire(const bigcache_page_t *page)
{
    return (page->fresh && page->expire != BIGCACHE_NEVER) ? page->fresh
                                                           : page->expire;
}


bigcache_rc_t
bigcache_op_invalid(bigcache_op_t *op, const char *in, const char *name,
    const char *msg, const char *type)
{
    op->invalid.in = in;
    op->invalid.name = name;
    op->invalid.msg = msg;
    op->invalid.type = type;

    return BIGCACHE_INVALID;
}


bigcache_rc_t
bigcache_op_unpack(bigcache_op_t *op, const bigcache_page_t *page,
    u_char **memory)
{
    size_t  size;

    size = (size_t) page->unpacked;
    op->work += size;

    *memory = malloc(size ? size : 1);

    if (*memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_gzip_unpack(*memory, size, page->body.bytes.data,
                             page->body.bytes.len)
        == -1)
    {
        free(*memory);
        *memory = NULL;

        return bigcache_op_damaged(op);
    }

    return BIGCACHE_OK;
}


bigcache_rc_t
bigcache_op_damaged(bigcache_op_t *op)
{
    /* its checksum is right, so it was stored like this */

    return bigcache_cache_failed(op->cache, "unpack a page",
                                 "its checksum is right");
}


int
bigcache_op_hold(bigcache_op_t *op, uint64_t size)
{
    if (size <= BIGCACHE_OP_SMALL) {
        return 1;
    }

    if (!bigcache_op_may_hold(size)) {
        return 0;
    }

    /* not a hard limit: a few threads may pass the check at once */

    atomic_fetch_add(&bigcache_op_held, size);
    op->held = size;

    return 1;
}


int
bigcache_op_may_hold(uint64_t size)
{
    return atomic_load(&bigcache_op_held) + size <= BIGCACHE_OP_HELD;
}

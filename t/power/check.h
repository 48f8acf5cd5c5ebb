
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens a directory as a worker of nginx does, reads every key that was ever
 * used, and holds what is there against the oracle.
 */


#ifndef _CHECK_H_INCLUDED_
#define _CHECK_H_INCLUDED_


#include <stdatomic.h>
#include <stdint.h>

#include "oracle.h"


/* what may be wrong; the verdicts of the oracle go first */

typedef enum {
    CHECK_UNOPENED = ORACLE_VERDICTS,   /* a store cannot be opened */
    CHECK_UNSETTLED,                    /* its thread comes to no end */
    CHECK_UNREADABLE,                   /* a key has another answer */
    CHECK_VANISHED,                     /* a page was there at first */
    CHECK_CRIT,                         /* a log line, but nothing was torn */
    CHECK_COUNT,                        /* of keys */
    CHECK_TOOL,                         /* "bigcache check" complains */
    CHECK_DIED,                         /* the checker crashed, or hung */
    CHECK_KINDS
} check_e;

/* shared with the children that do it, which may be killed */

typedef struct {
    _Atomic unsigned     images;
    _Atomic unsigned     read;        /* pages that were there */
    _Atomic unsigned     durable;     /* keys of which something was */
    _Atomic unsigned     failed;      /* images with anything wrong */
    _Atomic unsigned     wrong[CHECK_KINDS];
    _Atomic unsigned     told[CHECK_KINDS];  /* images that were named */
} totals_t;

typedef struct {
    const char          *store;       /* name of the store in the image */
    const char          *tool;        /* the command bigcache, or NULL */
    uint64_t             segment_size;
    uint64_t             max_size;
    uint64_t             write_buffer;
    uint64_t             gzip_min;
    unsigned             verbose;
} check_conf_t;

/* an image, and the cut that it is of */

typedef struct {
    const char          *path;
    const char          *what;        /* for messages */
    uint64_t             at;
    int                  clean;       /* no [crit] line is to be logged */
    const char          *log;         /* to record what opening does, or NULL */
    const char          *tool;        /* to be checked by that, or NULL */
} image_t;


/* in a child of its own; adds to totals */

void check_image(const check_conf_t *conf, oracle_t *oracle,
    const image_t *image, totals_t *totals);


#endif /* _CHECK_H_INCLUDED_ */

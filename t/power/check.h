
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


/* shared with the children that do it, which may be killed */

typedef struct {
    _Atomic unsigned     images;
    _Atomic unsigned     read;        /* pages that were there */
    _Atomic unsigned     durable;     /* that had to be */
    _Atomic unsigned     unopened;    /* stores that cannot be opened */
    _Atomic unsigned     died;        /* checkers that crashed, or hung */
    _Atomic unsigned     verdicts[ORACLE_VERDICTS];
    _Atomic unsigned     unreadable;  /* keys with another answer */
    _Atomic unsigned     vanished;    /* there at first, but not any more */
    _Atomic unsigned     crit;        /* log lines where nothing was torn */
    _Atomic unsigned     count;       /* of keys, wrong */
    _Atomic unsigned     tool;        /* images "bigcache check" complains of */
    _Atomic unsigned     failed;      /* images with any of these */
} totals_t;

typedef struct {
    const char          *store;       /* name of the store in the image */
    const char          *tool;        /* the command bigcache, or NULL */
    uint64_t             segment_size;
    uint64_t             max_size;
    uint64_t             write_buffer;
    uint64_t             inline_size;
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

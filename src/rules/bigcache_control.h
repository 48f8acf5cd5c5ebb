
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Directives for caches: those of Cache-Control, RFC 9111, section 5.2, and RFC
 * 5861, and those of a field for caches of one kind, RFC 9213.
 * Pure functions: any thread.
 */


#ifndef _BIGCACHE_CONTROL_H_INCLUDED_
#define _BIGCACHE_CONTROL_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


/* what is said, as bits; the last three are those of a request, or of both */

#define BIGCACHE_CONTROL_PRIVATE           0x0001
#define BIGCACHE_CONTROL_PUBLIC            0x0002
#define BIGCACHE_CONTROL_MUST_REVALIDATE   0x0004
#define BIGCACHE_CONTROL_PROXY_REVALIDATE  0x0008
#define BIGCACHE_CONTROL_MUST_UNDERSTAND   0x0010
#define BIGCACHE_CONTROL_NO_TRANSFORM      0x0020
#define BIGCACHE_CONTROL_FIELDS            0x0040
#define BIGCACHE_CONTROL_NO_STORE          0x0080
#define BIGCACHE_CONTROL_NO_CACHE          0x0100
#define BIGCACHE_CONTROL_ONLY_IF_CACHED    0x0200

/* for a number of seconds that is not there */

#define BIGCACHE_CONTROL_NONE  -1


/*
 * What the lines of a message say.  A number of seconds that is there but
 * wrong is 0; of two numbers the first one counts.  NO_CACHE and PRIVATE are
 * those without names of fields, FIELDS is one of them with names.
 */
typedef struct {
    unsigned   flags;                   /* BIGCACHE_CONTROL_* */
    int64_t    max_age;
    int64_t    s_maxage;
    int64_t    stale_while_revalidate;
    int64_t    stale_if_error;
    int64_t    min_fresh;               /* of a request */
} bigcache_control_t;


/* makes a control that says nothing */

void bigcache_control_init(bigcache_control_t *control);

/* adds a line of Cache-Control; the first line must be added first */

void bigcache_control_add(bigcache_control_t *control,
    const bigcache_str_t *line);

/*
 * Sets control from the lines of a targeted field, joined by commas.  Returns
 * 0; or -1 if they are no dictionary, or empty, or a directive that is known
 * has the wrong type: then the field counts as not there, and control is
 * undefined.
 */
int bigcache_control_targeted(bigcache_control_t *control,
    const bigcache_str_t *value);

/*
 * Returns 1 if a line of Cache-Control says that a shared cache must not give
 * back the field of that name, by no-cache="..." or private="...", or 0.
 */
int bigcache_control_withholds(const bigcache_str_t *line,
    const bigcache_str_t *name);


#endif /* _BIGCACHE_CONTROL_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a store may hold after a power cut, by what its clients were told.
 *
 * Test programs append marks to the log, records whose data are a line:
 *
 *     ask ID put KEY LENGTH CRC EXPIRE   before the request is sent; ID is any
 *     ask ID del KEY                     number that is used once; in KEY and
 *     ask ID purge PREFIX                PREFIX all but letters, digits and
 *     ask ID clear                       "_.-/" is %XX; LENGTH and CRC-32 are
 *                                        of the body as it is read back, ? if
 *                                        that is known later; EXPIRE is unix
 *                                        seconds, or -
 *     is ID LENGTH CRC                   what it has become
 *     ans ID ok                          it was answered: it is done
 *     ans ID no                          it was answered: nothing was done
 *     ans ID lost                        there will be no answer
 *     sync                               what was done up to here is durable,
 *                                        as after sync(1)
 *     durable POSITION                   what was answered in the first so
 *                                        many bytes of the log is durable, as
 *                                        the server says
 *     loose                              pages may be evicted from here on
 *     dirty                              something was damaged on purpose: log
 *                                        lines are fine, until
 *     clean
 *     note TEXT                          where the test is, for messages
 *
 * A soft purge is a purge: a page that is stale afterwards counts as none.
 *
 * At a cut, something is known to be durable if it is a put that was answered
 * before a sync, or a removal that was answered.  A key then holds what was
 * last known to be durable, or something later; of two things that were under
 * way at once either one may be the later.
 */


#ifndef _ORACLE_H_INCLUDED_
#define _ORACLE_H_INCLUDED_


#include <stdint.h>

#include "recorder.h"


typedef struct oracle_s  oracle_t;

/* a body, or that there is none */

typedef struct {
    uint64_t     length;
    uint32_t     crc;
    int          found;
} body_t;

typedef enum {
    ORACLE_RIGHT = 0,
    ORACLE_LOST,         /* a miss, where something is durable */
    ORACLE_RETURNED,     /* it was removed, and that was answered */
    ORACLE_OLD,          /* something later is durable */
    ORACLE_EXPIRED,      /* its time is over */
    ORACLE_WRONG,        /* it was never stored there */
    ORACLE_VERDICTS
} verdict_e;


oracle_t *oracle_create(void);
void oracle_destroy(oracle_t *oracle);

/* takes in a mark; returns NULL, or what is wrong */

const char *oracle_mark(oracle_t *oracle, const record_t *r, uint64_t at);

/* after the last mark */

void oracle_ready(oracle_t *oracle);

/* returns how many keys there are, and one of them, with its length */

unsigned oracle_keys(oracle_t *oracle);
const char *oracle_key(oracle_t *oracle, unsigned i, size_t *len);

/*
 * Tells what to say of a body that was read, at a time, seconds, after a cut
 * at a place in the log.
 */
verdict_e oracle_judge(oracle_t *oracle, unsigned key, uint64_t at,
    const body_t *body, double time);

/* tells whether it may have expired, or have been evicted, by then */

int oracle_may_go(oracle_t *oracle, unsigned key, uint64_t at,
    const body_t *body, double time);

/* prints what was asked of a key up to that place */

void oracle_print(oracle_t *oracle, unsigned key, uint64_t at);

/* returns the last note before that place, or "" */

const char *oracle_note(oracle_t *oracle, uint64_t at);

/* tells whether the log is to be silent there, if nothing is torn */

int oracle_clean(oracle_t *oracle, uint64_t at);

/* returns in how many keys something is known to be durable at that place */

unsigned oracle_durable(oracle_t *oracle, uint64_t at);


#endif /* _ORACLE_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/* decides whether an answer is stored, and how long it is fresh */


#include <string.h>

#include "bigcache_fresh.h"


static bigcache_fresh_e bigcache_fresh_refused(
    const bigcache_fresh_answer_t *answer);
static int bigcache_fresh_known(unsigned status);
static int bigcache_fresh_lifetime(const bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh);
static int64_t bigcache_fresh_expires(const bigcache_fresh_answer_t *answer);
static int64_t bigcache_fresh_age(const bigcache_fresh_answer_t *answer);
static void bigcache_fresh_stale(const bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh);
static int64_t bigcache_fresh_window(int64_t answered, int64_t configured);


bigcache_fresh_e
bigcache_fresh(const bigcache_fresh_answer_t *answer, bigcache_fresh_t *fresh)
{
    bigcache_fresh_e  why;

    memset(fresh, 0, sizeof(bigcache_fresh_t));

    why = bigcache_fresh_refused(answer);

    if (why != BIGCACHE_FRESH_OK) {
        return why;
    }

    fresh->age = bigcache_fresh_age(answer);

    if (!bigcache_fresh_lifetime(answer, fresh)) {
        return BIGCACHE_FRESH_UNKNOWN;
    }

    bigcache_fresh_stale(answer, fresh);

    return (fresh->lifetime > fresh->age
            || answer->validator
            || fresh->lifetime + fresh->stale_while_revalidate > fresh->age
            || fresh->lifetime + fresh->stale_if_error > fresh->age)
           ? BIGCACHE_FRESH_OK : BIGCACHE_FRESH_USELESS;
}


void
bigcache_fresh_init(bigcache_fresh_answer_t *answer)
{
    memset(answer, 0, sizeof(bigcache_fresh_answer_t));

    bigcache_control_init(&answer->control);

    answer->date = BIGCACHE_FRESH_NO_DATE;
    answer->expires = BIGCACHE_FRESH_NO_DATE;
    answer->accel = BIGCACHE_CONTROL_NONE;
    answer->ttl = BIGCACHE_CONTROL_NONE;
    answer->stale_while_revalidate = BIGCACHE_CONTROL_NONE;
    answer->stale_if_error = BIGCACHE_CONTROL_NONE;
}


/* X-Accel-Expires is meant for this cache: it wins over Cache-Control */

static bigcache_fresh_e
bigcache_fresh_refused(const bigcache_fresh_answer_t *answer)
{
    unsigned                   flags;
    const bigcache_control_t  *control;

    control = &answer->control;
    flags = control->flags;

    if (answer->status < 200 || answer->status == 206
        || answer->status == 304)
    {
        return BIGCACHE_FRESH_STATUS;
    }

    if (answer->accel == BIGCACHE_CONTROL_NONE) {

        if ((flags & BIGCACHE_CONTROL_NO_STORE)
            && !((flags & BIGCACHE_CONTROL_MUST_UNDERSTAND)
                 && bigcache_fresh_known(answer->status)))
        {
            return BIGCACHE_FRESH_NO_STORE;
        }

        if (flags & BIGCACHE_CONTROL_PRIVATE) {
            return BIGCACHE_FRESH_PRIVATE;
        }

        if ((flags & BIGCACHE_CONTROL_MUST_UNDERSTAND)
            && !bigcache_fresh_known(answer->status))
        {
            return BIGCACHE_FRESH_STATUS;
        }

    } else if (answer->accel == 0) {
        return BIGCACHE_FRESH_NO_STORE;
    }

    if (answer->authorized
        && !(flags & (BIGCACHE_CONTROL_PUBLIC
                      | BIGCACHE_CONTROL_MUST_REVALIDATE))
        && control->s_maxage == BIGCACHE_CONTROL_NONE)
    {
        return BIGCACHE_FRESH_AUTHORIZED;
    }

    if (answer->set_cookie) {
        return BIGCACHE_FRESH_SET_COOKIE;
    }

    return answer->vary_any ? BIGCACHE_FRESH_VARY : BIGCACHE_FRESH_OK;
}


/* statuses of RFC 9110 whose rules for caches are those of any other answer */

static int
bigcache_fresh_known(unsigned status)
{
    return (status >= 200 && status <= 205)
           || (status >= 300 && status <= 308 && status != 304
               && status != 306)
           || (status >= 400 && status <= 417)
           || status == 421 || status == 422 || status == 426
           || (status >= 500 && status <= 505);
}


/* returns 0 if nothing says how long the answer is fresh */

static int
bigcache_fresh_lifetime(const bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh)
{
    const bigcache_control_t  *control;

    control = &answer->control;

    if (answer->accel != BIGCACHE_CONTROL_NONE) {
        fresh->lifetime = answer->accel + fresh->age;
        return 1;
    }

    if (control->flags & BIGCACHE_CONTROL_NO_CACHE) {
        return 1;
    }

    if (control->s_maxage != BIGCACHE_CONTROL_NONE) {
        fresh->lifetime = control->s_maxage;
        return 1;
    }

    if (control->max_age != BIGCACHE_CONTROL_NONE) {
        fresh->lifetime = control->max_age;
        return 1;
    }

    if (answer->expires_given && !answer->targeted) {
        fresh->lifetime = bigcache_fresh_expires(answer);
        return 1;
    }

    if (answer->ttl != BIGCACHE_CONTROL_NONE) {

        /* the configuration counts from the arrival */

        fresh->lifetime = answer->ttl + fresh->age;
        fresh->by_ttl = 1;

        return 1;
    }

    return 0;
}


/* an invalid date is in the past */

static int64_t
bigcache_fresh_expires(const bigcache_fresh_answer_t *answer)
{
    int64_t  date;

    if (answer->expires == BIGCACHE_FRESH_NO_DATE) {
        return 0;
    }

    date = (answer->date == BIGCACHE_FRESH_NO_DATE) ? answer->now
                                                    : answer->date;

    return (answer->expires > date) ? answer->expires - date : 0;
}


static int64_t
bigcache_fresh_age(const bigcache_fresh_answer_t *answer)
{
    int64_t  age, apparent;

    age = answer->age + answer->delay;

    if (answer->date == BIGCACHE_FRESH_NO_DATE) {
        return age;
    }

    apparent = answer->now - answer->date;

    return (apparent > age) ? apparent : age;
}


static void
bigcache_fresh_stale(const bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh)
{
    const bigcache_control_t  *control;

    control = &answer->control;

    if ((control->flags & (BIGCACHE_CONTROL_MUST_REVALIDATE
                           | BIGCACHE_CONTROL_PROXY_REVALIDATE
                           | BIGCACHE_CONTROL_NO_CACHE))
        || control->s_maxage != BIGCACHE_CONTROL_NONE)
    {
        fresh->revalidate = 1;
        return;
    }

    fresh->stale_while_revalidate = bigcache_fresh_window(
                                    control->stale_while_revalidate,
                                    answer->stale_while_revalidate);
    fresh->stale_if_error = bigcache_fresh_window(control->stale_if_error,
                                                  answer->stale_if_error);
}


/* the configuration counts where the answer says nothing, and is the most */

static int64_t
bigcache_fresh_window(int64_t answered, int64_t configured)
{
    if (answered == BIGCACHE_CONTROL_NONE) {
        return (configured == BIGCACHE_CONTROL_NONE) ? 0 : configured;
    }

    return (configured == BIGCACHE_CONTROL_NONE || answered < configured)
           ? answered : configured;
}

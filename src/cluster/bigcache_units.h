
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Runs commands where their slots are, and again until they are done.
 *
 * A unit is some commands for one slot, sent together and in order.  All units
 * of a call are sent at once, each to its server, and those that could not be
 * done are sent again, as a whole: so a unit must be such that doing it twice
 * is doing it once.  The reasons are a slot that has moved or is moving, a
 * server that is away, that is loading its data, that was or will be a replica,
 * or a cluster that is electing a master.  A unit that is not done by the
 * deadline of its call is BIGCACHE_UNAVAILABLE.
 *
 * A call belongs to one thread, which it may hold until the deadline.
 */


#ifndef _BIGCACHE_UNITS_H_INCLUDED_
#define _BIGCACHE_UNITS_H_INCLUDED_


#include "bigcache_nodes.h"


#define BIGCACHE_UNIT_COMMANDS  4
#define BIGCACHE_UNIT_PARTS     32


/*
 * A command.  If script is not BIGCACHE_SCRIPTS, the parts are what follows the
 * digest: the number of keys, keys, arguments.  The strings belong to the
 * caller.
 */
typedef struct {
    bigcache_script_e    script;
    unsigned             n;
    bigcache_str_t       parts[BIGCACHE_UNIT_PARTS];
} bigcache_command_t;

typedef struct {
    unsigned             slot;
    unsigned             n;
    bigcache_command_t  *commands;  /* the caller's */
    bigcache_reply_t    *replies[BIGCACHE_UNIT_COMMANDS];

    /*
     * BIGCACHE_OK and all replies, none of them an error; BIGCACHE_FULL,
     * _UNAVAILABLE or _ERROR
     */
    bigcache_rc_t        rc;

    /* of this file */
    int                  node;      /* that it was sent to in this try */
    int                  next;      /* that it is to be sent to, if asking */
    unsigned             at;        /* the command that comes next */
    unsigned             steps:1;   /* one command at a time */
    unsigned             done:1;
    unsigned             asking:1;
    unsigned             source:1;  /* scripts with their text */
} bigcache_unit_t;

typedef struct {
    bigcache_nodes_t    *nodes;
    const _Atomic int   *stopping;
    int64_t              deadline;  /* monotonic ms */
    unsigned             replicas;  /* that must have what the units write */

    /* why units are BIGCACHE_UNAVAILABLE or BIGCACHE_ERROR */
    char                 error[BIGCACHE_ERROR_LEN];
} bigcache_call_t;


/* begins a call, which needs no replicas, and lasts as long as nodes say */

void bigcache_units_begin(bigcache_call_t *call, bigcache_nodes_t *nodes,
    const _Atomic int *stopping);

/* makes a unit of n commands, BIGCACHE_UNIT_COMMANDS at most */

void bigcache_units_init(bigcache_unit_t *unit, unsigned slot,
    bigcache_command_t *commands, unsigned n);

/* begins a command with its name, a key, and texts, the last of them NULL */

void bigcache_units_command(bigcache_command_t *command, const char *name,
    bigcache_str_t key, ...) __attribute__((sentinel));

/* begins one with n keys, of a page and a draft, and those of the bucket */

void bigcache_units_script(bigcache_command_t *command,
    bigcache_script_e script, const bigcache_bucket_t *bucket,
    const bigcache_str_t *keys, unsigned n);

/* append a part */

void bigcache_units_part(bigcache_command_t *command, bigcache_str_t part);
void bigcache_units_text(bigcache_command_t *command, const char *text);

/*
 * Runs n units.  Returns BIGCACHE_OK if all are done; else the code of the
 * first that is not, and call->error says why.  Whatever it returns, the caller
 * must call bigcache_units_free().
 */
bigcache_rc_t bigcache_units_run(bigcache_call_t *call,
    bigcache_unit_t *units, unsigned n);

/* frees the replies */

void bigcache_units_free(bigcache_unit_t *units, unsigned n);


#endif /* _BIGCACHE_UNITS_H_INCLUDED_ */

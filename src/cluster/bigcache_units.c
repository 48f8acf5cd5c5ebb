
/*
 * Copyright (C) bigcache contributors
 */


/* sends units to the servers of their slots until they are done */


#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_units.h"
#include "bigcache_time.h"


/* milliseconds between two tries, at first and at most */

#define BIGCACHE_UNITS_PAUSE      2
#define BIGCACHE_UNITS_PAUSE_MAX  50

/* a try that begins with less time has been cut short if it gets no answer */

#define BIGCACHE_UNITS_BRIEF      100

/* tries of a unit that a server sends elsewhere, without a pause */

#define BIGCACHE_UNITS_HOPS       8


/* what a reply says of its unit */

typedef enum {
    BIGCACHE_UNITS_DONE = 0,
    BIGCACHE_UNITS_HOP,         /* again, elsewhere or otherwise, at once */
    BIGCACHE_UNITS_AGAIN,       /* after a pause */
    BIGCACHE_UNITS_LOST,        /* the same, and the map may be wrong */
    BIGCACHE_UNITS_FULL,
    BIGCACHE_UNITS_REFUSED,     /* it will not help to try again */
    BIGCACHE_UNITS_FAILED
} bigcache_units_e;

typedef struct {
    const char         *prefix;
    bigcache_units_e    means;
} bigcache_units_error_t;

/* a try of all units that are not done */

typedef struct {
    bigcache_call_t    *call;
    bigcache_unit_t    *units;
    unsigned            n;
    unsigned            pause:1;
    unsigned            lost:1;
    unsigned            moved:1;
} bigcache_units_try_t;

/* a server in a try */

typedef struct {
    int                 node;
    int                 away;       /* and is not to be tried now */
    bigcache_link_t    *link;
} bigcache_units_link_t;


static void bigcache_units_try(bigcache_units_try_t *try);
static unsigned bigcache_units_servers(bigcache_units_try_t *try,
    bigcache_units_link_t *links);
static void bigcache_units_send(bigcache_units_try_t *try,
    bigcache_units_link_t *to);
static int bigcache_units_append(bigcache_units_try_t *try,
    bigcache_units_link_t *to);
static int bigcache_units_append_one(bigcache_units_try_t *try,
    bigcache_link_t *link, const bigcache_unit_t *unit,
    const bigcache_command_t *command);
static void bigcache_units_receive(bigcache_units_try_t *try,
    bigcache_units_link_t *from);
static int bigcache_units_receive_one(bigcache_units_try_t *try,
    bigcache_units_link_t *from, bigcache_unit_t *unit);
static int bigcache_units_kept(bigcache_units_try_t *try,
    bigcache_units_link_t *from, int *kept);
static void bigcache_units_broken(bigcache_units_try_t *try,
    bigcache_units_link_t *links);
static void bigcache_units_missed(bigcache_units_try_t *try, int node,
    int refused);
static bigcache_units_e bigcache_units_classify(bigcache_units_try_t *try,
    bigcache_unit_t *unit);
static bigcache_units_e bigcache_units_error(const char *text);
static bigcache_units_e bigcache_units_redirect(bigcache_units_try_t *try,
    bigcache_unit_t *unit, const bigcache_reply_t *reply);
static void bigcache_units_say(bigcache_units_try_t *try, int node,
    const char *text);
static void bigcache_units_end(bigcache_units_try_t *try,
    bigcache_unit_t *unit, bigcache_units_e means);
static unsigned bigcache_units_last(const bigcache_unit_t *unit);
static void bigcache_units_drop(bigcache_unit_t *unit);
static int64_t bigcache_units_until(const bigcache_call_t *call);
static int bigcache_units_ours(const bigcache_unit_t *unit, int node);


static const bigcache_str_t  bigcache_units_asking = bigcache_string("ASKING");

static const bigcache_units_error_t  bigcache_units_errors[] = {
    { "NOSCRIPT",    BIGCACHE_UNITS_HOP },
    { "TRYAGAIN",    BIGCACHE_UNITS_AGAIN },
    { "BUSY",        BIGCACHE_UNITS_AGAIN },
    { "LOADING",     BIGCACHE_UNITS_LOST },
    { "CLUSTERDOWN", BIGCACHE_UNITS_LOST },
    { "MASTERDOWN",  BIGCACHE_UNITS_LOST },
    { "READONLY",    BIGCACHE_UNITS_LOST },
    { "UNBLOCKED",   BIGCACHE_UNITS_LOST },
    { "NOREPLICAS",  BIGCACHE_UNITS_AGAIN },
    { "OOM",         BIGCACHE_UNITS_FULL },
    { "MISCONF",     BIGCACHE_UNITS_REFUSED },
    { "NOAUTH",      BIGCACHE_UNITS_REFUSED },
    { "WRONGPASS",   BIGCACHE_UNITS_REFUSED },
    { "NOPERM",      BIGCACHE_UNITS_REFUSED }
};


void
bigcache_units_begin(bigcache_call_t *call, bigcache_nodes_t *nodes,
    const _Atomic int *stopping)
{
    call->nodes = nodes;
    call->stopping = stopping;
    call->deadline = bigcache_time_monotonic()
                     + bigcache_nodes_conf(nodes)->wait;
    call->replicas = 0;
    call->error[0] = '\0';
}


void
bigcache_units_init(bigcache_unit_t *unit, unsigned slot,
    bigcache_command_t *commands, unsigned n)
{
    memset(unit, 0, sizeof(bigcache_unit_t));

    unit->slot = slot;
    unit->commands = commands;
    unit->n = n;
    unit->node = BIGCACHE_NODES_NONE;
    unit->rc = BIGCACHE_UNAVAILABLE;
}


void
bigcache_units_command(bigcache_command_t *command, const char *name,
    bigcache_str_t key, ...)
{
    va_list      args;
    const char  *text;

    command->script = BIGCACHE_SCRIPTS;
    command->n = 0;

    bigcache_units_text(command, name);
    bigcache_units_part(command, key);

    va_start(args, key);

    while ((text = va_arg(args, const char *)) != NULL) {
        bigcache_units_text(command, text);
    }

    va_end(args);
}


void
bigcache_units_script(bigcache_command_t *command, bigcache_script_e script,
    const bigcache_bucket_t *bucket, const bigcache_str_t *keys, unsigned n)
{
    unsigned                  i;
    const bigcache_script_t  *what;

    static const char *const  numbers[] = {
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"
    };

    what = bigcache_script(script);

    command->script = script;
    command->n = 0;

    bigcache_units_text(command, numbers[n + what->n]);

    for (i = 0; i < n; i++) {
        bigcache_units_part(command, keys[i]);
    }

    for (i = 0; i < what->n; i++) {
        bigcache_units_part(command, bucket->names[what->names[i]]);
    }
}


void
bigcache_units_part(bigcache_command_t *command, bigcache_str_t part)
{
    static const bigcache_str_t  empty = bigcache_string("");

    command->parts[command->n++] = part.data ? part : empty;
}


void
bigcache_units_text(bigcache_command_t *command, const char *text)
{
    bigcache_units_part(command, bigcache_str_text(text));
}


bigcache_rc_t
bigcache_units_run(bigcache_call_t *call, bigcache_unit_t *units, unsigned n)
{
    char                  why[BIGCACHE_ERROR_LEN];
    char                  former[BIGCACHE_ERROR_LEN];
    unsigned              i, left, pause, hops, brief, generation;
    bigcache_rc_t         rc;
    bigcache_units_try_t  try;

    try.call = call;
    try.units = units;
    try.n = n;

    pause = BIGCACHE_UNITS_PAUSE;
    hops = 0;
    brief = 0;

    for ( ;; ) {
        try.pause = 0;
        try.lost = 0;
        try.moved = 0;

        generation = bigcache_nodes_generation(call->nodes);

        bigcache_units_try(&try);

        left = 0;

        for (i = 0; i < n; i++) {
            left += !units[i].done;
        }

        if (left == 0 || atomic_load(call->stopping)) {
            break;
        }

        if (bigcache_time_monotonic() >= call->deadline) {

            /* that try was cut short: the one before knows more */

            if (brief) {
                memcpy(call->error, former, BIGCACHE_ERROR_LEN);
            }

            break;
        }

        atomic_fetch_add(&bigcache_nodes_counters(call->nodes)->retries, left);

        rc = (try.lost || try.moved)
             ? bigcache_nodes_refresh(call->nodes, generation, call->deadline,
                                      why)
             : BIGCACHE_OK;

        if (rc != BIGCACHE_OK) {
            memcpy(call->error, why, BIGCACHE_ERROR_LEN);
            try.pause = 1;
        }

        if (rc == BIGCACHE_MISMATCH) {
            break;
        }

        if (try.pause || try.lost || ++hops > BIGCACHE_UNITS_HOPS) {

            /*
             * a try without time would give up links that are good: it has as
             * long as the pause before it, at least
             */

            if (bigcache_time_monotonic() + 2 * pause >= call->deadline) {
                break;
            }

            (void) usleep(pause * 1000);
            pause = (2 * pause < BIGCACHE_UNITS_PAUSE_MAX)
                    ? 2 * pause : BIGCACHE_UNITS_PAUSE_MAX;
        }

        memcpy(former, call->error, BIGCACHE_ERROR_LEN);
        brief = (call->deadline - bigcache_time_monotonic()
                 < BIGCACHE_UNITS_BRIEF);
    }

    for (i = 0; i < n; i++) {
        if (units[i].rc != BIGCACHE_OK) {
            return units[i].rc;
        }
    }

    return BIGCACHE_OK;
}


void
bigcache_units_free(bigcache_unit_t *units, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        bigcache_units_drop(&units[i]);
    }
}


static void
bigcache_units_try(bigcache_units_try_t *try)
{
    unsigned                i, n;
    bigcache_units_link_t  *links, few[4];

    links = few;

    if (try->n > 4) {

        links = malloc(BIGCACHE_NODES_MAX * sizeof(bigcache_units_link_t));

        if (links == NULL) {
            (void) snprintf(try->call->error, BIGCACHE_ERROR_LEN,
                            "out of memory");
            try->pause = 1;
            return;
        }
    }

    n = bigcache_units_servers(try, links);

    /* all servers work at the same time */

    for (i = 0; i < n; i++) {
        if (!links[i].away) {
            bigcache_units_send(try, &links[i]);
        }
    }

    for (i = 0; i < n; i++) {
        if (links[i].link) {
            bigcache_units_receive(try, &links[i]);
        }
    }

    if (links != few) {
        free(links);
    }
}


/* finds the servers of all units that are not done; returns how many */

static unsigned
bigcache_units_servers(bigcache_units_try_t *try, bigcache_units_link_t *links)
{
    char              why[BIGCACHE_ERROR_LEN];
    unsigned          i, j, n;
    bigcache_unit_t  *unit;

    n = 0;

    for (i = 0; i < try->n; i++) {
        unit = &try->units[i];

        if (unit->done) {
            continue;
        }

        unit->node = unit->asking ? unit->next
                                  : bigcache_nodes_of(try->call->nodes,
                                                      unit->slot);

        if (unit->node == BIGCACHE_NODES_NONE) {
            try->lost = 1;
            continue;
        }

        for (j = 0; j < n && links[j].node != unit->node; j++) {
            /* void */
        }

        if (j == n) {
            links[n].node = unit->node;
            links[n].link = NULL;
            links[n].away = bigcache_nodes_away(try->call->nodes, unit->node,
                                                why);
            n++;

            if (links[j].away) {
                bigcache_units_say(try, unit->node, why);
            }
        }

        if (links[j].away) {
            bigcache_units_end(try, unit, BIGCACHE_UNITS_REFUSED);
        }
    }

    return n;
}


static void
bigcache_units_send(bigcache_units_try_t *try, bigcache_units_link_t *to)
{
    int               refused;
    bigcache_call_t  *call;

    call = try->call;

    if (bigcache_nodes_take(call->nodes, to->node, bigcache_units_until(call),
                            &to->link, &refused, call->error)
        != BIGCACHE_OK)
    {
        bigcache_units_missed(try, to->node, refused);
        return;
    }

    if (bigcache_units_append(try, to) == -1
        || bigcache_link_flush(to->link, bigcache_units_until(call),
                               call->error) == -1)
    {
        bigcache_units_broken(try, to);
    }
}


static int
bigcache_units_append(bigcache_units_try_t *try, bigcache_units_link_t *to)
{
    char              replicas[16], ms[24];
    int64_t           left;
    unsigned          i, j;
    bigcache_str_t    parts[3];
    bigcache_unit_t  *unit;

    for (i = 0; i < try->n; i++) {
        unit = &try->units[i];

        if (!bigcache_units_ours(unit, to->node)) {
            continue;
        }

        for (j = unit->at; j < bigcache_units_last(unit); j++) {

            if ((unit->asking
                 && bigcache_link_append(to->link, &bigcache_units_asking, 1,
                                         try->call->error) == -1)
                || bigcache_units_append_one(try, to->link, unit,
                                             &unit->commands[j]) == -1)
            {
                return -1;
            }
        }
    }

    if (try->call->replicas == 0) {
        return 0;
    }

    left = bigcache_units_until(try->call) - bigcache_time_monotonic();
    left = (left > 10) ? left * 9 / 10 : 1;

    (void) snprintf(replicas, sizeof(replicas), "%u", try->call->replicas);
    (void) snprintf(ms, sizeof(ms), "%lld", (long long) left);

    parts[0] = bigcache_str_text("WAIT");
    parts[1] = bigcache_str_text(replicas);
    parts[2] = bigcache_str_text(ms);

    return bigcache_link_append(to->link, parts, 3, try->call->error);
}


static int
bigcache_units_append_one(bigcache_units_try_t *try, bigcache_link_t *link,
    const bigcache_unit_t *unit, const bigcache_command_t *command)
{
    u_char          sha[BIGCACHE_SCRIPT_SHA];
    bigcache_str_t  parts[BIGCACHE_UNIT_PARTS + 2];

    atomic_fetch_add(&bigcache_nodes_counters(try->call->nodes)->commands, 1);

    if (command->script == BIGCACHE_SCRIPTS) {
        return bigcache_link_append(link, command->parts, command->n,
                                    try->call->error);
    }

    /* opening a link has made the digests known */

    if (unit->source
        || !bigcache_nodes_script(try->call->nodes, command->script, sha))
    {
        parts[0] = bigcache_str_text("EVAL");
        parts[1] = bigcache_script(command->script)->text;

    } else {
        parts[0] = bigcache_str_text("EVALSHA");
        parts[1] = bigcache_str(sha, BIGCACHE_SCRIPT_SHA);
    }

    memcpy(&parts[2], command->parts, command->n * sizeof(bigcache_str_t));

    return bigcache_link_append(link, parts, command->n + 2,
                                try->call->error);
}


static void
bigcache_units_receive(bigcache_units_try_t *try, bigcache_units_link_t *from)
{
    int               kept;
    unsigned          i;
    bigcache_unit_t  *unit;
    bigcache_units_e  means;

    for (i = 0; i < try->n; i++) {

        if (bigcache_units_ours(&try->units[i], from->node)
            && bigcache_units_receive_one(try, from, &try->units[i]) == -1)
        {
            goto failed;
        }
    }

    kept = 1;

    if (try->call->replicas && bigcache_units_kept(try, from, &kept) == -1) {
        goto failed;
    }

    bigcache_nodes_give(try->call->nodes, from->node, from->link, NULL);

    for (i = 0; i < try->n; i++) {
        unit = &try->units[i];

        if (!bigcache_units_ours(unit, from->node)) {
            continue;
        }

        means = bigcache_units_classify(try, unit);

        if (means == BIGCACHE_UNITS_DONE && !kept) {
            means = BIGCACHE_UNITS_REFUSED;
        }

        bigcache_units_end(try, unit, means);
    }

    return;

failed:

    bigcache_units_broken(try, from);
}


static int
bigcache_units_receive_one(bigcache_units_try_t *try,
    bigcache_units_link_t *from, bigcache_unit_t *unit)
{
    unsigned           j;
    bigcache_reply_t  *reply, *asked;

    for (j = unit->at; j < bigcache_units_last(unit); j++) {

        asked = NULL;

        if (unit->asking) {
            asked = bigcache_link_receive(from->link,
                                          bigcache_units_until(try->call),
                                          try->call->error);
            if (asked == NULL) {
                return -1;
            }
        }

        reply = bigcache_link_receive(from->link,
                                      bigcache_units_until(try->call),
                                      try->call->error);

        /* why it was not permitted to ask says more than what came of it */

        if (reply && asked && asked->type == REDIS_REPLY_ERROR) {
            bigcache_link_free(reply);
            reply = asked;

        } else {
            bigcache_link_free(asked);
        }

        bigcache_link_free(unit->replies[j]);
        unit->replies[j] = reply;

        if (reply == NULL) {
            return -1;
        }
    }

    return 0;
}


/* the answer to WAIT: how many replicas have all that was written before it */

static int
bigcache_units_kept(bigcache_units_try_t *try, bigcache_units_link_t *from,
    int *kept)
{
    bigcache_reply_t  *reply;

    reply = bigcache_link_receive(from->link, bigcache_units_until(try->call),
                                  try->call->error);
    if (reply == NULL) {
        return -1;
    }

    *kept = (bigcache_link_number(reply) >= try->call->replicas);

    if (!*kept) {
        (void) snprintf(try->call->error, BIGCACHE_ERROR_LEN,
                        "it is done, but is not known to be kept by %u "
                        "replicas%s%.100s", try->call->replicas,
                        reply->type == REDIS_REPLY_ERROR ? ": " : "",
                        reply->type == REDIS_REPLY_ERROR ? reply->str : "");
    }

    bigcache_link_free(reply);

    return 0;
}


/* the link has failed, and the error of the call says how */

static void
bigcache_units_broken(bigcache_units_try_t *try, bigcache_units_link_t *links)
{
    char  why[BIGCACHE_ERROR_LEN];

    (void) snprintf(why, sizeof(why), "%s", try->call->error);

    bigcache_nodes_give(try->call->nodes, links->node, links->link, why);
    links->link = NULL;

    bigcache_units_say(try, links->node, why);
    bigcache_units_missed(try, links->node, 0);
}


/* nothing is known of what the server has done with its units */

static void
bigcache_units_missed(bigcache_units_try_t *try, int node, int refused)
{
    unsigned          i;
    bigcache_unit_t  *unit;

    for (i = 0; i < try->n; i++) {
        unit = &try->units[i];

        if (bigcache_units_ours(unit, node)) {
            bigcache_units_end(try, unit, refused ? BIGCACHE_UNITS_REFUSED
                                                  : BIGCACHE_UNITS_LOST);
        }
    }
}


/* finds the first error among the replies */

static bigcache_units_e
bigcache_units_classify(bigcache_units_try_t *try, bigcache_unit_t *unit)
{
    unsigned           j;
    bigcache_reply_t  *reply;
    bigcache_units_e   means;

    for (j = unit->at; j < bigcache_units_last(unit); j++) {

        reply = unit->replies[j];

        if (reply->type != REDIS_REPLY_ERROR) {
            continue;
        }

        /*
         * The script behind it knows whether what could not be stored is
         * wanted: it may have run before, and its answer was lost
         */

        if (strncmp(reply->str, "OOM", 3) == 0
            && j + 1 < bigcache_units_last(unit)
            && unit->commands[bigcache_units_last(unit) - 1].script
               != BIGCACHE_SCRIPTS)
        {
            continue;
        }

        if (strncmp(reply->str, "MOVED ", 6) == 0
            || strncmp(reply->str, "ASK ", 4) == 0)
        {
            bigcache_units_say(try, unit->node, reply->str[0] == 'M'
                                   ? "it says that another one has the slot"
                                   : "a slot is on its way to another one");

            return bigcache_units_redirect(try, unit, reply);
        }

        bigcache_units_say(try, unit->node, reply->str);

        means = bigcache_units_error(reply->str);

        if (means == BIGCACHE_UNITS_HOP) {
            unit->source = 1;
        }

        return means;
    }

    return BIGCACHE_UNITS_DONE;
}


static bigcache_units_e
bigcache_units_error(const char *text)
{
    size_t       i;
    const char  *inner;

    /* before Redis 7 an error in a script is quoted in one of the script */

    if (strncmp(text, "ERR Error running script", 24) == 0) {
        inner = strstr(text, ": -");
        text = inner ? inner + 3 : text;
    }

    for (i = 0;
         i < sizeof(bigcache_units_errors) / sizeof(bigcache_units_error_t);
         i++)
    {
        if (strncmp(text, bigcache_units_errors[i].prefix,
                    strlen(bigcache_units_errors[i].prefix))
            == 0)
        {
            return bigcache_units_errors[i].means;
        }
    }

    /* a right that a script lacks is an error of the script */

    return strstr(text, "The user executing the script")
           ? BIGCACHE_UNITS_REFUSED : BIGCACHE_UNITS_FAILED;
}


/* clients are told what is wrong, and the log also where */

static void
bigcache_units_say(bigcache_units_try_t *try, int node, const char *text)
{
    char  name[BIGCACHE_ERROR_LEN];

    bigcache_nodes_name(try->call->nodes, node, name);

    (void) snprintf(try->call->error, BIGCACHE_ERROR_LEN, "server %.80s: "
                    "%.150s", name, text);
}


/*
 * MOVED slot host:port, or ASK slot host:port.  With the latter the keys of the
 * slot are on their way: each lies here or there.  So from now on the commands
 * are sent one by one, each to the former server, and if that says so again, to
 * the next one.
 */

static bigcache_units_e
bigcache_units_redirect(bigcache_units_try_t *try, bigcache_unit_t *unit,
    const bigcache_reply_t *reply)
{
    int                 node;
    size_t              len;
    const char         *text, *colon;
    unsigned long       port;
    bigcache_address_t  address;

    atomic_fetch_add(&bigcache_nodes_counters(try->call->nodes)->redirects,
                     1);

    text = strrchr(reply->str, ' ');
    colon = text ? strrchr(text, ':') : NULL;

    if (colon == NULL) {
        return BIGCACHE_UNITS_FAILED;
    }

    text++;
    len = (size_t) (colon - text);
    port = strtoul(colon + 1, NULL, 10);

    if (len >= BIGCACHE_LINK_HOST || port == 0 || port > 65535) {
        return BIGCACHE_UNITS_FAILED;
    }

    memset(&address, 0, sizeof(bigcache_address_t));
    memcpy(address.host, text, len);
    address.port = (unsigned) port;

    node = bigcache_nodes_at(try->call->nodes, &address, unit->node);

    if (node == BIGCACHE_NODES_NONE) {
        return BIGCACHE_UNITS_FAILED;
    }

    if (reply->str[0] == 'M') {
        bigcache_nodes_moved(try->call->nodes, unit->slot, node);
        unit->asking = 0;
        try->moved = 1;

    } else {

        /* of several, not the first was meant, or not only that one */

        unit->asking = (unit->steps || unit->n == 1);
        unit->next = node;
        unit->steps = 1;
    }

    return BIGCACHE_UNITS_HOP;
}


static void
bigcache_units_end(bigcache_units_try_t *try, bigcache_unit_t *unit,
    bigcache_units_e means)
{
    switch (means) {

    case BIGCACHE_UNITS_DONE:

        if (unit->steps && unit->at + 1 < unit->n) {
            unit->at++;
            unit->asking = 0;
            unit->node = BIGCACHE_NODES_NONE;
            return;
        }

        unit->rc = BIGCACHE_OK;
        unit->done = 1;
        return;

    case BIGCACHE_UNITS_HOP:

        /* not of a server that answers later in this try */

        if (unit->asking) {
            unit->node = BIGCACHE_NODES_NONE;
            return;
        }

        break;

    case BIGCACHE_UNITS_AGAIN:
        try->pause = 1;
        break;

    case BIGCACHE_UNITS_LOST:
        try->lost = 1;
        unit->at = 0;
        unit->steps = 0;
        break;

    default: /* BIGCACHE_UNITS_FULL, _REFUSED, _FAILED */
        unit->rc = (means == BIGCACHE_UNITS_FULL) ? BIGCACHE_FULL
                   : (means == BIGCACHE_UNITS_REFUSED) ? BIGCACHE_UNAVAILABLE
                   : BIGCACHE_ERROR;
        unit->done = 1;
    }

    if (unit->done || unit->at == 0) {
        bigcache_units_drop(unit);
    }

    unit->asking = 0;
    unit->node = BIGCACHE_NODES_NONE;
}


/* behind the last command of this try */

static unsigned
bigcache_units_last(const bigcache_unit_t *unit)
{
    return unit->steps ? unit->at + 1 : unit->n;
}


static void
bigcache_units_drop(bigcache_unit_t *unit)
{
    unsigned  j;

    for (j = 0; j < unit->n; j++) {
        bigcache_link_free(unit->replies[j]);
        unit->replies[j] = NULL;
    }
}


/* until when a server is waited for */

static int64_t
bigcache_units_until(const bigcache_call_t *call)
{
    int64_t  until;

    until = bigcache_time_monotonic()
            + bigcache_nodes_conf(call->nodes)->timeout;

    return (until < call->deadline) ? until : call->deadline;
}


static int
bigcache_units_ours(const bigcache_unit_t *unit, int node)
{
    return !unit->done && unit->node == node;
}

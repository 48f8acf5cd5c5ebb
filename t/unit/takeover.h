
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Processes of one cache that execute orders, for takeover_test.c.
 *
 * Each process has a few threads, and each thread has a slot in memory that
 * all share: an order in, its result out.  The parent gives the orders and
 * makes the checks.
 *
 * Calls of the cache to the kernel and to LevelDB pass through gates.  There a
 * process can be held, killed, or given an error.  So it stays at a certain
 * point of its work while others do theirs, and no test depends on a guessed
 * time.  A gate takes one process; the others pass.
 */


#ifndef _TAKEOVER_H_INCLUDED_
#define _TAKEOVER_H_INCLUDED_


#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bigcache_local.h"
#include "bigcache_socket.h"
#include "bigcache_time.h"
#include "tap.h"


#define PROCESSES  4
#define THREADS    2
#define BURST      6                   /* threads of such an order */

#define PATIENCE   20000               /* ms, for what must happen */
#define IMPATIENT  500                 /* for what must not happen */


typedef enum {
    DO_NOTHING = 0,
    DO_PUT,
    DO_CREATE,                         /* a PUT that expects none */
    DO_GET,
    DO_DELETE,
    DO_REMOVE,                         /* the version it last got */
    DO_COUNT,
    DO_GAUGES,
    DO_CLEAR,
    DO_CLOSE,
    DO_OPEN,
    DO_QUIT,
    DO_STOP,
    DO_BURST                           /* PUTs of different keys */
} order_e;

typedef enum {
    GATE_PIECE_WRITE = 0,              /* a piece of a large body */
    GATE_PIECE_READ,
    GATE_HEADER_READ,                  /* of a segment */
    GATE_TRUNCATE,
    GATE_LISTEN,
    GATE_OPEN,                         /* LevelDB */
    GATE_NEXT,                         /* after a key was read */
    GATE_WRITE,
    GATE_WRITTEN,                      /* after it */
    GATE_CLOSE,
    GATES
} gate_e;

typedef enum {
    GATE_PASSES = 0,
    GATE_HOLDS,                        /* the next one */
    GATE_HELD,                         /* has one; others pass */
    GATE_KILLS,
    GATE_FAILS
} gate_mode_e;

typedef struct {
    _Atomic unsigned          process;
    _Atomic int               mode;
} gate_t;

typedef struct {
    _Atomic int               order;
    char                      key[32];
    size_t                    len;
    int                       fill;

    int                       rc;
    uint64_t                  n;       /* bytes, keys, threads */
    uint64_t                  version;
    int                       found;   /* byte of a page, or -1 */
    int64_t                   msec;
} slot_t;

typedef struct {
    slot_t                    slots[PROCESSES][THREADS];
    gate_t                    gates[GATES];
    _Atomic unsigned          complaints;
    _Atomic unsigned          twice;   /* files closed twice */
    _Atomic int64_t           behind;  /* seconds, time of day */
    _Atomic uint64_t          room;    /* on disk; 0: real */
    _Atomic unsigned          writes[PROCESSES];    /* to segments */
    _Atomic unsigned          asking;  /* threads of a burst now */
    _Atomic unsigned          asked;   /* the most at once */
    bigcache_shared_t         store;
} shared_t;

/* one thread of a burst */

typedef struct {
    char                      key[32];
    bigcache_rc_t             rc;
    pthread_t                 thread;
} burst_t;


/* checks that something is true, now or soon */

#define ok_soon(cond, ...)                                                    \
    do {                                                                      \
        int      is;                                                          \
        int64_t  end;                                                         \
                                                                              \
        end = bigcache_time_monotonic() + patience;                           \
                                                                              \
        while (!(is = !!(cond)) && bigcache_time_monotonic() < end) {         \
            (void) usleep(1000);                                              \
        }                                                                     \
                                                                              \
        patience = is ? patience : IMPATIENT;                                 \
        tap_ok(is, #cond, __FILE__, __LINE__, __VA_ARGS__);                   \
    } while (0)


void prepare(const char *name, unsigned wait);
void finish(void);
void spawn(unsigned process);
int ended(unsigned process);
void signals(unsigned process, int signal);
int owner(void);
void order(unsigned process, unsigned thread, int what, const char *key,
    size_t len, int fill);
int answered(unsigned process, unsigned thread);
int result(unsigned process, unsigned thread);
int call(unsigned process, int what, const char *key);
int put(unsigned process, const char *key, size_t len, int fill);
int holds(unsigned process, const char *key, size_t len, int fill);
void gate_set(unsigned gate, unsigned process, int mode);
void gate_open(unsigned gate);
int gate_held(unsigned gate);
int gate_pass(unsigned gate);


extern char                    base[64];
extern char                    path[80];       /* of the store */
extern shared_t               *shared;
extern bigcache_local_conf_t   conf;
extern int64_t                 patience;

extern pid_t                   pids[PROCESSES];     /* 0: there is none */
extern int                     statuses[PROCESSES];

extern bigcache_cache_t       *cache;
extern unsigned                self;    /* the parent */
extern __thread int            bursting;


#endif /* _TAKEOVER_H_INCLUDED_ */

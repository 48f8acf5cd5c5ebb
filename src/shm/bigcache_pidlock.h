
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A lock in shared memory for a few instructions.  It holds the pid of its
 * process, so that another process can take it when that one was killed.  The
 * memory belongs to the caller; zero is an unlocked one.  Any thread.
 */


#ifndef _BIGCACHE_PIDLOCK_H_INCLUDED_
#define _BIGCACHE_PIDLOCK_H_INCLUDED_


#include <stdatomic.h>
#include <stdint.h>


typedef _Atomic uint32_t  bigcache_pidlock_t;

typedef enum {
    BIGCACHE_PIDLOCK_BUSY = 0,
    BIGCACHE_PIDLOCK_LOCKED,
    BIGCACHE_PIDLOCK_ABANDONED
} bigcache_pidlock_e;


/*
 * Locks.  patience: how long to wait for another thread or process, ms; 0:
 * tries once.  Returns BIGCACHE_PIDLOCK_LOCKED; _ABANDONED, locked too, if the
 * process that held it is dead: what it guards may be half changed; or _BUSY:
 * the other process is stopped, or a third one has its pid by now.
 */
bigcache_pidlock_e bigcache_pidlock(bigcache_pidlock_t *lock,
    unsigned patience);

/* never blocks */

void bigcache_pidlock_unlock(bigcache_pidlock_t *lock);

/* returns 1 if there is no process with that pid, or 0 */

int bigcache_pidlock_dead(uint32_t pid);


#endif /* _BIGCACHE_PIDLOCK_H_INCLUDED_ */

/*
 * Copyright (C) bigcache contributors
 */


/*
 * A model of the hot index, src/shm/bigcache_hot.c, for spin.  Each statement
 * between semicolons is one access to shared memory, as there.
 *
 * One key, whose value only grows, and one bucket with one slot of two words;
 * another key is in the way at times.  The index of the store is one variable.
 * There are two memories, of two nginx, and one directory.  Owners may be
 * killed at any point, and so may those who enter.
 *
 * What is proved: a read never gives less than was acknowledged, or than any
 * read gave that had ended, before it began; and never half of an entry.
 */

#define OTHER  255      /* an entry of another key */

byte index;             /* what LevelDB has */
byte acked;             /* the greatest that a writer was told */
byte seen;              /* the greatest that a reader was given */

byte generation;        /* of the directory */
bool locked;            /* the directory, by its owner */

typedef Memory {
    byte generation;    /* 0: shut */
    byte handed;
    byte all;           /* changes of all keys: how many there were */
    byte all_underway;
    byte changes;       /* of keys in the bucket: how many there were */
    byte underway;
    byte bucket_all;    /* 0: of no time */
    byte lock;          /* of whom, 0: free */
    byte seq;
    byte one;           /* the slot: 0 is none */
    byte two
}

Memory m[2];

bool dead[8];           /* by pid */


inline lock_wait(z, me) {
    if
    :: atomic { m[z].lock == 0 -> m[z].lock = me };
       m[z].seq = m[z].seq | 1
    :: atomic { m[z].lock != 0 && dead[m[z].lock] -> m[z].lock = me };
       m[z].seq = m[z].seq | 1;
       m[z].one = 0
    fi
}

inline unlock(z) {
    m[z].seq = (m[z].seq + 1) % 16;
    m[z].lock = 0
}


/* a change of the key, or, if every, of all keys */

inline change(z, me, every, mine) {
    if
    :: every ->
       atomic { m[z].all++; m[z].all_underway++ }
    :: else ->
       atomic { m[z].changes++; m[z].underway++ };
       lock_wait(z, me);
       if
       :: m[z].one != OTHER -> m[z].one = 0
       :: else
       fi;
       unlock(z)
    fi;

    atomic { index++; mine = index };

    if
    :: every -> m[z].all_underway--
    :: else -> m[z].underway--
    fi;

    acked = (mine > acked -> mine : acked)
}


/*
 * Opens the directory: locks it, and lets what was handed over be found while
 * it opens the index.  That may turn out to be damaged.
 */

inline opening(z, before) {
    before = generation;
    generation = before + 1;

    if
    :: m[z].handed == before && m[z].generation == before ->
       m[z].generation = before + 1;
       m[z].handed = before + 1
    :: else
    fi;

    if
    :: before != 0 && (m[z].handed == before || m[z].handed == before + 1)
    :: true ->
       m[z].generation = 0;
       atomic { m[z].all++; m[z].all_underway = 0 };
       m[z].underway = 0
    fi;

    m[z].handed = 0;
    m[z].generation = before + 1
}


/*
 * An owner: opens the directory, changes the key once, and hands over if good,
 * else shuts the memory.
 */

proctype Owner(byte z; byte me; bool every; bool good) {
    byte before, value;

    atomic { !locked -> locked = true };

    opening(z, before);

    assert(m[z].underway == 0 && m[z].all_underway == 0);

    change(z, me, every, value);

    if
    :: good ->
       m[z].handed = before + 1
    :: else ->
       m[z].handed = 0;
       m[z].generation = 0
    fi;

    /* fewer states: what is not used any more is the same for all */

    atomic { before = 0; value = 0; locked = false }
}


/* an owner that is killed somewhere: what it was about to do is not done */

proctype Victim(byte z; byte me; bool every) {
    byte before, value;

    atomic { !locked -> locked = true };

    {
        opening(z, before);

        change(z, me, every, value)
    } unless { dead[me] };

    atomic { before = 0; value = 0; locked = false }
}


proctype Killer(byte whom) {
    dead[whom] = true
}


inline valid(z, t) {
    t = m[z].generation;
    ok = (t != 0);
    if
    :: ok -> ok = (generation == t)
    :: else
    fi
}


/* looks the key up, and enters it; or enters the other key */

proctype Filler(byte z; byte me; bool other) {
    byte t, all, changes, value, t2;
    bool ok;

    {
        valid(z, t);

        if
        :: ok ->
           atomic { all = m[z].all; ok = (m[z].all_underway == 0) };
           atomic {
               changes = m[z].changes;
               ok = (ok && m[z].underway == 0)
           }
        :: else
        fi;

        value = (other -> OTHER : index);

        if
        :: ok ->
           if
           :: atomic { m[z].lock == 0 -> m[z].lock = me }
           :: m[z].lock != 0 -> goto over
           fi;

           m[z].seq = m[z].seq | 1;

           valid(z, t2);
           ok = (ok && t2 == t);
           ok = (ok && m[z].all == all && m[z].all_underway == 0);
           ok = (ok && m[z].changes == changes && m[z].underway == 0);

           if
           :: ok ->
              if
              :: m[z].bucket_all != all ->
                 m[z].one = 0;
                 m[z].bucket_all = all
              :: else
              fi;

              m[z].one = value;
              m[z].two = value
           :: else
           fi;

           unlock(z)
        :: else
        fi
    } unless { dead[me] };

over:
    atomic { t = 0; all = 0; changes = 0; value = 0; t2 = 0; ok = false }
}


/* asks the hot index, and if that does not know, the index */

proctype Reader(byte z) {
    byte least, t, seq, all, one, two;
    bool ok;

    atomic { least = (acked > seen -> acked : seen) };

    valid(z, t);

    if
    :: ok ->
       seq = m[z].seq;
       atomic { all = m[z].all; ok = (m[z].all_underway == 0) };
       ok = (ok && m[z].underway == 0);
       ok = (ok && m[z].bucket_all == all && (seq & 1) == 0);
       one = m[z].one;
       two = m[z].two;
       ok = (ok && m[z].seq == seq && one != 0 && one != OTHER)
    :: else
    fi;

    if
    :: ok -> assert(one == two)
    :: else -> one = index
    fi;

    atomic {
        assert(one >= least);
        seen = (one > seen -> one : seen);

        least = 0; t = 0; seq = 0; all = 0; one = 0; two = 0; ok = false
    }
}


init {
    atomic {
        index = 1;
        m[0].all = 1;
        m[1].all = 1;
        SCENE
    }
}

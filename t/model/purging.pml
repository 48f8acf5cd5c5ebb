/*
 * Copyright (C) bigcache contributors
 */


/*
 * A model of purges beside the hot index, for spin: src/shm/bigcache_purging.c
 * with src/local/bigcache_peek.c, src/store/disk/bigcache_purges.c and
 * src/store/bigcache_purge.c.  Each statement between semicolons is one access
 * to shared memory, as there, or to what the threads of the owner share.
 *
 * One page is in the index of the store and in the hot index.  A purge selects
 * it, and a put stores it again after that.  The index has the page of before,
 * then PURGED, then the page of after; so its value only grows.  PURGED is no
 * page, or, after a soft purge, the page of before with a mark.  In the
 * segment the page has no mark.
 *
 * Generations are left out, so the entries of the hot index stay throughout a
 * hand-over.  In nginx nothing is found there between two owners.  An entry is
 * one word.  For all this see hot.pml.
 *
 * What is proved: a read never gives less than was acknowledged, or than any
 * read gave that had ended, before it began.  So a read that began after the
 * purge was acknowledged does not give the page of before, and a read that
 * began after the put was acknowledged gives the page of after.
 */

#define BEFORE  1
#define PURGED  2
#define AFTER   3

#define SLOTS   1

#define FREE    0
#define BUSY    1
#define USED    2

#define OTHERS  1       /* a purge of other pages */
#define OURS    2       /* the purge of the page */

#define NONE    255     /* no slot */


/* the store, all of it behind what its owner does */

byte index = BEFORE;    /* the record of the page in LevelDB */
bool written;           /* the purge in LevelDB */
bool key_lock;

bool listed;            /* the list of purges, with a lock */
byte list_n;            /* read without it */
byte list_ended;

bool open;              /* threads may enter the store */
byte inside;            /* so many are inside */
bool given_up;          /* by the first owner */

bool soft;              /* the purge */


/* the bucket of the page */

byte all;               /* changes of all keys: how many there were */
byte all_underway;
byte changes;
byte underway;
byte bucket_all;
bool bucket_lock;
byte entry = BEFORE;    /* 0: none */


/* the table of purges */

typedef Slot {
    byte state;
    byte turn;
    byte what
}

Slot slots[SLOTS];

bool held;
byte n;
byte ended;


byte acked = BEFORE;    /* the greatest that a writer was told */
byte seen = BEFORE;     /* the greatest that a reader was given */


/* sets slot to that of the purge, or to NONE */

inline begin(purge, slot) {
    slot = 0;

    do
    :: atomic { slot < SLOTS && slots[slot].state == FREE ->
           slots[slot].state = BUSY };
       break
    :: atomic { slot < SLOTS && slots[slot].state != FREE -> slot++ }
    :: atomic { slot == SLOTS -> slot = NONE };
       break
    od;

    if
    :: slot != NONE ->
       n++;
       slots[slot].what = purge;
       atomic { slots[slot].turn++; slots[slot].state = USED }
    :: else
    fi
}

inline end(slot) {
    if
    :: slot != NONE ->
       ended++;
       atomic { slots[slot].turn++; slots[slot].state = FREE };
       n--
    :: else
    fi
}


/* puts the purge of the page beside the hot index, and then on the list */

inline add(slot) {
    begin(OURS, slot);

    if
    :: slot == NONE -> atomic { all++; all_underway++ }
    :: else
    fi;

    atomic { listed = true; list_n++ };

    if
    :: slot == NONE -> all_underway--
    :: else
    fi
}


/* changes the record, if it has not a later value */

inline change(value) {
    atomic { !key_lock -> key_lock = true };

    if
    :: index < value ->
       atomic { changes++; underway++ };
       atomic { !bucket_lock -> bucket_lock = true };
       entry = 0;
       bucket_lock = false;
       index = value;
       underway--
    :: else
    fi;

    key_lock = false
}


/* what is left to do for a purge that was acknowledged */

inline work(slot) {
    change(PURGED);
    written = false;
    atomic { listed = false; list_ended++ };
    list_n--;
    end(slot)
}


inline acknowledge(value) {
    atomic { acked = (value > acked -> value : acked) }
}


/* begins the purge, and ends it, or gives the directory up before that */

proctype Owner(bool hands_over) {
    byte slot;

    written = true;
    add(slot);
    acknowledge(PURGED);

    if
    :: !hands_over ->
       work(slot)
    :: hands_over ->
       if
       :: skip
       :: change(PURGED)
       fi;

       /* all threads leave the store; the slot stays */

       open = false;
       inside == 0;
       atomic { listed = false; list_ended++; list_n = 0 };
       given_up = true
    fi
}


/* the next owner, which loads the purge */

proctype Next() {
    byte slot;

    given_up;

    held = true;
    ended++;

    slot = 0;
    do
    :: slot < SLOTS ->
       atomic { slots[slot].turn++; slots[slot].state = FREE; slot++ }
    :: else -> break
    od;

    n = 0;

    if
    :: written -> add(slot)
    :: else
    fi;

    held = false;

    open = true;

    work(slot)
}


/* a purge of other pages: all that it does to this page is to use a slot */

proctype Others() {
    byte slot;

    begin(OTHERS, slot);
    end(slot)
}


/* stores the page again after the purge */

proctype Put() {
    atomic { acked >= PURGED && open -> inside++ };
    change(AFTER);
    acknowledge(AFTER);
    inside--
}


/* looks at the index and then at the list of purges, inside the store */

inline look(value) {
    atomic { open -> inside++ };

    do
    :: was = list_ended;
       value = index;

       if
       :: list_n == 0
       :: else ->
          if
          :: listed && value == BEFORE -> value = PURGED
          :: else
          fi
       fi;

       if
       :: list_ended == was -> break
       :: else
       fi
    od;

    atomic { inside--; was = 0 }
}


inline begin_read() {
    atomic { least = (acked > seen -> acked : seen) }
}

inline end_read(value) {
    atomic {
        assert(value >= least);
        seen = (value > seen -> value : seen)
    }
}


/* a thread that reads the page and enters what it found */

proctype Thread() {
    byte least, was, value, noted_all, noted;
    bool ok;

    begin_read();

    atomic { noted_all = all; ok = (all_underway == 0) };
    atomic { noted = changes; ok = (ok && underway == 0) };

    look(value);

    end_read(value);

    if
    :: soft && value == PURGED -> ok = false
    :: else
    fi;

    if
    :: ok ->
       if
       :: atomic { !bucket_lock -> bucket_lock = true }
       :: bucket_lock -> goto over
       fi;

       ok = (all == noted_all && all_underway == 0);
       ok = (ok && changes == noted && underway == 0);

       if
       :: ok ->
          if
          :: bucket_all != noted_all ->
             entry = 0;
             bucket_all = noted_all
          :: else
          fi;

          /* where the page is: an entry has no mark */

          entry = (soft && value == PURGED -> BEFORE : value)
       :: else
       fi;

       bucket_lock = false
    :: else
    fi;

over:
    skip
}


/* sets ok to whether no purge has ended, and found to whether there are any */

inline any() {
    found = held;
    if
    :: !found -> found = (n != 0)
    :: else
    fi;
    ok = (ended == before)
}


/* sets ok to whether no purge in the table selects the page */

inline purges() {
    ok = !held;
    at = 0;

    do
    :: ok && at < SLOTS ->
       atomic { state = slots[at].state; count = slots[at].turn };

       if
       :: state == FREE
       :: state == BUSY -> ok = false
       :: state == USED ->
          what = slots[at].what;
          ok = (slots[at].turn == count && what != OURS)
       fi;

       at++
    :: else -> break
    od;

    atomic { at = 0; state = 0; count = 0; what = 0 }
}


/* reads in the event loop, or else in a thread */

proctype Reader() {
    byte least, was, value, before, noted_all, at, state, count, what;
    bool ok, found;

    begin_read();

    before = ended;

    atomic { noted_all = all; ok = (all_underway == 0) };
    ok = (ok && underway == 0);
    ok = (ok && bucket_all == noted_all);
    value = entry;
    ok = (ok && value != 0);

    /* no page: a purge makes none of it */

    if
    :: ok && (value != PURGED || soft) ->
       any();

       if
       :: ok && found ->
          purges();
          if
          :: ok -> any()
          :: else
          fi
       :: else
       fi
    :: else
    fi;

    if
    :: !ok -> look(value)
    :: else
    fi;

    end_read(value)
}


init {
    atomic {
        open = true;
        SCENE
    }
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The hot index: buckets of entries, read without a lock.
 */


#include "bigcache_hot.h"
#include "bigcache_pidlock.h"
#include "bigcache_siphash.h"


#define BIGCACHE_HOT_SLOTS     9

/* how often an entry in use is spared before it is dropped */

#define BIGCACHE_HOT_AGE       3

/* how long a thread waits for a bucket, milliseconds */

#define BIGCACHE_HOT_PATIENCE  1000

/*
 * A word of changes: its lower part is the number of changes under way, the
 * rest counts all changes.
 */
#define BIGCACHE_HOT_UNDERWAY  0xffffULL
#define BIGCACHE_HOT_CHANGE    (BIGCACHE_HOT_UNDERWAY + 1 + 1)

#define BIGCACHE_HOT_ALIGN     8

/* purges under way: one in so many bytes of memory, and the most of them */

#define BIGCACHE_HOT_PURGING   (32 * 1024)
#define BIGCACHE_HOT_PURGINGS  64


/* the memory of a store by default: a part of all, between these bounds */

#define BIGCACHE_HOT_SHARE     64
#define BIGCACHE_HOT_LEAST     (16ULL * 1024 * 1024)
#define BIGCACHE_HOT_MOST      (4ULL * 1024 * 1024 * 1024)
#define BIGCACHE_HOT_MEGABYTE  (1024ULL * 1024)

/*
 * The map of used pages has a bit for each so many bytes of the memory in which
 * a bucket begins that was ever changed.  The others need not be looked at,
 * which would have the kernel allocate them.
 */
#define BIGCACHE_HOT_PAGE      4096


/*
 * An entry is three words, or 24 bytes; a file cache of nginx needs 130 bytes
 * for a key.  Each word has 12 bits of the hash and a number of 52 bits: the
 * version and the segment, which are times in microseconds, and the place.
 * Where there is no page, the numbers of the last two are the hash itself.
 */
#define BIGCACHE_HOT_TAG       12
#define BIGCACHE_HOT_TAGS      ((1ULL << BIGCACHE_HOT_TAG) - 1)
#define BIGCACHE_HOT_NUMBER    (UINT64_MAX >> BIGCACHE_HOT_TAG)

/* bits of the size in the place; the rest is the offset / ALIGN */

#define BIGCACHE_HOT_SIZE      21
#define BIGCACHE_HOT_SIZES     ((1ULL << BIGCACHE_HOT_SIZE) - 1)

/* the words of a hash in an entry */

#define bigcache_hot_tag(hash)    ((hash) % BIGCACHE_HOT_TAGS + 1)
#define bigcache_hot_tag1(hash)   ((hash) >> 12 & BIGCACHE_HOT_TAGS)
#define bigcache_hot_tag2(hash)   ((hash) >> 24 & BIGCACHE_HOT_TAGS)


typedef struct {
    _Atomic uint64_t     segment;
    _Atomic uint64_t     place;
} bigcache_hot_slot_t;

typedef struct {
    _Atomic uint64_t     changes;
    _Atomic uint64_t     all;       /* to which its slots belong */
    bigcache_pidlock_t   lock;      /* of the process changing the slots */
    _Atomic uint32_t     seq;       /* odd while they are being changed */
    _Atomic uint8_t      ages[16];

    /* together, so that a search needs few lines of the CPU's cache */

    _Atomic uint64_t     versions[BIGCACHE_HOT_SLOTS];  /* 0: none */
    bigcache_hot_slot_t  slots[BIGCACHE_HOT_SLOTS];
} bigcache_hot_bucket_t;

struct bigcache_hot_shm_s {
    uint64_t              seed[2];
    uint64_t              nbuckets;
    uint64_t              used;       /* offset of the map of used pages */
    uint8_t               pad[32];

    /* read by each request, seldom changed */
    _Atomic uint64_t      all;        /* changes of all keys */
    _Atomic uint64_t      generation; /* 0: nothing can be found */
    _Atomic uint64_t      place;      /* of which directory */
    _Atomic uint64_t      handed;     /* generation that was handed over */
    _Atomic uint32_t      broken;     /* a bucket could not be locked */
    _Atomic uint32_t      opened;     /* by any process, ever */
    uint8_t               pad1[24];

    _Atomic uint64_t      hits;
    _Atomic int64_t       entries;
    uint8_t               pad2[112];

    bigcache_hot_bucket_t buckets[];
};


static bigcache_hot_bucket_t *bigcache_hot_bucket(bigcache_hot_shm_t *shm,
    uint64_t hash);
static void bigcache_hot_use(bigcache_hot_shm_t *shm,
    bigcache_hot_bucket_t *bucket);
static int bigcache_hot_used(bigcache_hot_shm_t *shm,
    bigcache_hot_bucket_t *bucket);
static int bigcache_hot_valid(bigcache_hot_t *hot, uint64_t *generation);
static int bigcache_hot_has(bigcache_hot_t *hot, uint64_t generation);
static void bigcache_hot_begin_anew(bigcache_hot_shm_t *shm);
static unsigned bigcache_hot_slot(bigcache_hot_bucket_t *bucket,
    uint64_t hash);
static unsigned bigcache_hot_victim(bigcache_hot_bucket_t *bucket);
static int bigcache_hot_load(bigcache_hot_bucket_t *bucket, unsigned i,
    uint64_t hash, bigcache_hot_entry_t *entry);
static void bigcache_hot_store(bigcache_hot_bucket_t *bucket, unsigned i,
    uint64_t hash, const bigcache_hot_entry_t *entry);
static int bigcache_hot_lock(bigcache_hot_bucket_t *bucket, int wait);
static void bigcache_hot_unlock(bigcache_hot_bucket_t *bucket);
static void bigcache_hot_empty(bigcache_hot_bucket_t *bucket);


_Static_assert(sizeof(bigcache_hot_bucket_t) == 256, "a bucket has 256");
_Static_assert(sizeof(bigcache_hot_shm_t) == 256, "buckets are aligned");


size_t
bigcache_hot_size(uint64_t memory, unsigned n)
{
    uint64_t  size;

    size = memory / BIGCACHE_HOT_SHARE;
    size = (size < BIGCACHE_HOT_MOST) ? size : BIGCACHE_HOT_MOST;
    size /= n ? n : 1;
    size = (size > BIGCACHE_HOT_LEAST) ? size : BIGCACHE_HOT_LEAST;
    size = (size < SIZE_MAX / 4) ? size : SIZE_MAX / 4;

    return (size_t) (size - size % BIGCACHE_HOT_MEGABYTE);
}


bigcache_hot_shm_t *
bigcache_hot_create(void *memory, size_t size, const uint64_t seed[2])
{
    size_t               purging, used;
    unsigned             slots;
    bigcache_hot_shm_t  *shm;

    slots = (unsigned) (size / BIGCACHE_HOT_PURGING + 1);
    slots = (slots < BIGCACHE_HOT_PURGINGS) ? slots : BIGCACHE_HOT_PURGINGS;

    purging = bigcache_purging_size(slots);
    used = (size / BIGCACHE_HOT_PAGE / 64 + 1) * sizeof(uint64_t);

    if (size < sizeof(bigcache_hot_shm_t) + sizeof(bigcache_hot_bucket_t)
               + purging + used)
    {
        return NULL;
    }

    shm = memory;
    size -= purging + used;

    shm->seed[0] = seed[0];
    shm->seed[1] = seed[1];
    shm->nbuckets = (size - sizeof(bigcache_hot_shm_t))
                    / sizeof(bigcache_hot_bucket_t);

    shm->used = sizeof(bigcache_hot_shm_t)
                + shm->nbuckets * sizeof(bigcache_hot_bucket_t) + purging;

    bigcache_purging_init((bigcache_purging_shm_t *)
                          &shm->buckets[shm->nbuckets], slots);

    /* a bucket of zeroes belongs to no change of all keys */

    atomic_store(&shm->all, BIGCACHE_HOT_UNDERWAY + 1);

    return shm;
}


bigcache_purging_shm_t *
bigcache_hot_purging(bigcache_hot_t *hot)
{
    return (bigcache_purging_shm_t *) &hot->shm->buckets[hot->shm->nbuckets];
}


uint64_t
bigcache_hot_hash(bigcache_hot_t *hot, const bigcache_str_t *key)
{
    uint64_t  hash;

    /* clients choose the keys, so the hash has a secret */

    hash = bigcache_siphash(hot->shm->seed, key->data, key->len);

    return hash ? hash : 1;
}


int
bigcache_hot_find(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_entry_t *entry)
{
    int                     found;
    unsigned                i;
    uint32_t                seq;
    uint64_t                all, generation;
    bigcache_hot_shm_t     *shm;
    bigcache_hot_bucket_t  *bucket;

    shm = hot->shm;

    if (!bigcache_hot_valid(hot, &generation)) {
        return 0;
    }

    bucket = bigcache_hot_bucket(shm, hash);
    seq = atomic_load(&bucket->seq);
    all = atomic_load(&shm->all);

    if ((seq & 1)
        || (all & BIGCACHE_HOT_UNDERWAY)
        || (atomic_load(&bucket->changes) & BIGCACHE_HOT_UNDERWAY)
        || atomic_load(&bucket->all) != all)
    {
        return 0;
    }

    i = bigcache_hot_slot(bucket, hash);

    if (i == BIGCACHE_HOT_SLOTS) {
        return 0;
    }

    found = bigcache_hot_load(bucket, i, hash, entry);

    if (!found || atomic_load(&bucket->seq) != seq) {
        return 0;
    }

    if (atomic_load(&bucket->ages[i]) != BIGCACHE_HOT_AGE) {
        atomic_store(&bucket->ages[i], BIGCACHE_HOT_AGE);
    }

    return 1;
}


void
bigcache_hot_hit(bigcache_hot_t *hot)
{
    atomic_fetch_add_explicit(&hot->shm->hits, 1, memory_order_relaxed);
}


void
bigcache_hot_note(bigcache_hot_t *hot, uint64_t hash,
    bigcache_hot_note_t *note)
{
    note->hash = hash;

    if (!bigcache_hot_valid(hot, &note->generation)) {
        note->generation = 0;
        return;
    }

    note->all = atomic_load(&hot->shm->all);
    note->changes = atomic_load(&bigcache_hot_bucket(hot->shm,
                                                     hash)->changes);

    if ((note->all | note->changes) & BIGCACHE_HOT_UNDERWAY) {
        note->generation = 0;
    }
}


void
bigcache_hot_enter(bigcache_hot_t *hot, const bigcache_hot_note_t *note,
    const bigcache_hot_entry_t *entry)
{
    unsigned                i;
    uint64_t                generation;
    bigcache_hot_shm_t     *shm;
    bigcache_hot_bucket_t  *bucket;

    if (note->generation == 0
        || entry->version > BIGCACHE_HOT_NUMBER
        || entry->segment > BIGCACHE_HOT_NUMBER
        || entry->size > BIGCACHE_HOT_SIZES
        || entry->offset / BIGCACHE_HOT_ALIGN
           > BIGCACHE_HOT_NUMBER >> BIGCACHE_HOT_SIZE)
    {
        return;
    }

    shm = hot->shm;
    bucket = bigcache_hot_bucket(shm, note->hash);

    bigcache_hot_use(shm, bucket);

    if (!bigcache_hot_lock(bucket, 0)) {
        return;
    }

    /*
     * A change that begins after these checks must wait for the lock, and will
     * drop what is entered now.
     */

    if (bigcache_hot_valid(hot, &generation)
        && generation == note->generation
        && atomic_load(&shm->all) == note->all
        && atomic_load(&bucket->changes) == note->changes)
    {
        if (atomic_load(&bucket->all) != note->all) {
            bigcache_hot_empty(bucket);
            atomic_store(&bucket->all, note->all);
        }

        i = bigcache_hot_slot(bucket, note->hash);

        if (i == BIGCACHE_HOT_SLOTS) {
            i = bigcache_hot_victim(bucket);

            if (atomic_load(&bucket->versions[i]) == 0) {
                atomic_fetch_add(&shm->entries, 1);
            }
        }

        bigcache_hot_store(bucket, i, note->hash, entry);

        /* keys without a page may come by the million, each only once */

        atomic_store(&bucket->ages[i], entry->version != 0);
    }

    bigcache_hot_unlock(bucket);
}


int
bigcache_hot_begin(bigcache_hot_t *hot, uint64_t hash)
{
    unsigned                i;
    bigcache_hot_shm_t     *shm;
    bigcache_hot_bucket_t  *bucket;

    shm = hot->shm;
    bucket = bigcache_hot_bucket(shm, hash);

    bigcache_hot_use(shm, bucket);

    atomic_fetch_add(&bucket->changes, BIGCACHE_HOT_CHANGE);

    if (atomic_load(&shm->broken)) {
        return 1;
    }

    if (!bigcache_hot_lock(bucket, 1)) {
        return atomic_exchange(&shm->broken, 1) != 0;
    }

    i = bigcache_hot_slot(bucket, hash);

    if (i != BIGCACHE_HOT_SLOTS) {
        atomic_store(&bucket->versions[i], 0);

        if (atomic_load(&bucket->all) == atomic_load(&shm->all)) {
            atomic_fetch_sub(&shm->entries, 1);
        }
    }

    bigcache_hot_unlock(bucket);

    return 1;
}


void
bigcache_hot_end(bigcache_hot_t *hot, uint64_t hash)
{
    atomic_fetch_sub(&bigcache_hot_bucket(hot->shm, hash)->changes, 1);
}


void
bigcache_hot_begin_all(bigcache_hot_t *hot)
{
    atomic_fetch_add(&hot->shm->all, BIGCACHE_HOT_CHANGE);
    atomic_store(&hot->shm->entries, 0);
}


void
bigcache_hot_end_all(bigcache_hot_t *hot)
{
    atomic_fetch_sub(&hot->shm->all, 1);
}


int
bigcache_hot_carry(bigcache_hot_t *hot, uint64_t place, uint64_t before,
    uint64_t generation)
{
    bigcache_hot_shm_t  *shm;

    shm = hot->shm;

    if (atomic_load(&shm->handed) != before
        || atomic_load(&shm->place) != place
        || !bigcache_hot_has(hot, before))
    {
        return 0;
    }

    /* if the opening fails, they are handed over to the next one */

    atomic_store(&shm->generation, generation);
    atomic_store(&shm->handed, generation);

    return 1;
}


void
bigcache_hot_open(bigcache_hot_t *hot, uint64_t before, uint64_t generation)
{
    uint64_t             handed;
    bigcache_hot_shm_t  *shm;

    shm = hot->shm;
    handed = atomic_load(&shm->handed);

    if (before == 0
        || (handed != before && handed != generation)
        || atomic_load(&shm->place) != atomic_load(&hot->place))
    {
        bigcache_hot_begin_anew(shm);
    }

    atomic_store(&shm->opened, 1);
    atomic_store(&shm->handed, 0);
    atomic_store(&shm->place, atomic_load(&hot->place));
    atomic_store(&shm->generation, generation);
}


void
bigcache_hot_hand_over(bigcache_hot_t *hot, uint64_t generation)
{
    if (bigcache_hot_has(hot, generation)) {
        atomic_store(&hot->shm->handed, generation);
    }
}


void
bigcache_hot_shut(bigcache_hot_t *hot, uint64_t generation)
{
    if (bigcache_hot_has(hot, generation)) {
        atomic_store(&hot->shm->handed, 0);
        atomic_store(&hot->shm->generation, 0);
    }
}


void
bigcache_hot_stat(bigcache_hot_t *hot, bigcache_hot_stat_t *stat)
{
    int64_t  entries;

    entries = atomic_load(&hot->shm->entries);

    stat->room = hot->shm->nbuckets * BIGCACHE_HOT_SLOTS;
    stat->entries = (entries > 0) ? (uint64_t) entries : 0;
    stat->bytes = stat->entries * 3 * sizeof(uint64_t);
    stat->hits = atomic_load(&hot->shm->hits);
}


static bigcache_hot_bucket_t *
bigcache_hot_bucket(bigcache_hot_shm_t *shm, uint64_t hash)
{
    return &shm->buckets[bigcache_siphash_bucket(hash, shm->nbuckets)];
}


/* before its bucket is changed */

static void
bigcache_hot_use(bigcache_hot_shm_t *shm, bigcache_hot_bucket_t *bucket)
{
    uint64_t           page;
    _Atomic uint64_t  *used;

    if (!bigcache_hot_used(shm, bucket)) {
        page = (uint64_t) ((char *) bucket - (char *) shm) / BIGCACHE_HOT_PAGE;
        used = (_Atomic uint64_t *) ((char *) shm + shm->used);

        atomic_fetch_or(&used[page / 64], 1ULL << page % 64);
    }
}


static int
bigcache_hot_used(bigcache_hot_shm_t *shm, bigcache_hot_bucket_t *bucket)
{
    uint64_t           page;
    _Atomic uint64_t  *used;

    page = (uint64_t) ((char *) bucket - (char *) shm) / BIGCACHE_HOT_PAGE;
    used = (_Atomic uint64_t *) ((char *) shm + shm->used);

    return (atomic_load(&used[page / 64]) >> page % 64) & 1;
}


/*
 * tells whether the memory is valid; *generation is that of the directory then
 */

static int
bigcache_hot_valid(bigcache_hot_t *hot, uint64_t *generation)
{
    const _Atomic uint64_t  *of;

    /* read first: the file in a closed directory may be replaced */

    *generation = atomic_load(&hot->shm->generation);

    if (*generation == 0 || atomic_load(&hot->shm->broken)) {
        return 0;
    }

    of = atomic_load(&hot->generation);

    return of
           && atomic_load(of) == *generation
           && atomic_load(&hot->shm->place) == atomic_load(&hot->place);
}


static int
bigcache_hot_has(bigcache_hot_t *hot, uint64_t generation)
{
    return atomic_load(&hot->shm->generation) == generation
           && atomic_load(&hot->shm->place) == atomic_load(&hot->place);
}


/* the previous owner may have been killed during a change */

static void
bigcache_hot_begin_anew(bigcache_hot_shm_t *shm)
{
    uint64_t                i, all;
    uint32_t                holder;
    bigcache_hot_bucket_t  *bucket;

    atomic_store(&shm->generation, 0);

    all = atomic_load(&shm->all);
    all = (all & ~BIGCACHE_HOT_UNDERWAY) + BIGCACHE_HOT_UNDERWAY + 1;

    atomic_store(&shm->all, all);
    atomic_store(&shm->entries, 0);

    for (i = 0; atomic_load(&shm->opened) && i < shm->nbuckets; i++) {

        bucket = &shm->buckets[i];

        if (!bigcache_hot_used(shm, bucket)) {
            continue;
        }

        if (atomic_load(&bucket->changes) & BIGCACHE_HOT_UNDERWAY) {
            atomic_fetch_and(&bucket->changes, ~BIGCACHE_HOT_UNDERWAY);
        }

        /* releases the lock if its process is dead */

        holder = atomic_load(&bucket->lock);

        if (holder && bigcache_pidlock_dead(holder)
            && bigcache_hot_lock(bucket, 1))
        {
            bigcache_hot_unlock(bucket);
        }
    }
}


static unsigned
bigcache_hot_slot(bigcache_hot_bucket_t *bucket, uint64_t hash)
{
    unsigned              i;
    uint64_t              tag;
    bigcache_hot_slot_t  *slot;

    tag = bigcache_hot_tag(hash);

    for (i = 0; i < BIGCACHE_HOT_SLOTS; i++) {

        if ((atomic_load(&bucket->versions[i]) & BIGCACHE_HOT_TAGS) != tag) {
            continue;
        }

        slot = &bucket->slots[i];

        if ((atomic_load(&slot->segment) & BIGCACHE_HOT_TAGS)
            == bigcache_hot_tag1(hash)
            && (atomic_load(&slot->place) & BIGCACHE_HOT_TAGS)
               == bigcache_hot_tag2(hash))
        {
            break;
        }
    }

    return i;
}


/*
 * The second chance of CLOCK, with a few chances, where the circle is the
 * bucket.  The caller has the lock.
 */

static unsigned
bigcache_hot_victim(bigcache_hot_bucket_t *bucket)
{
    uint8_t   age;
    unsigned  i, least;

    least = 0;

    for (i = 0; i < BIGCACHE_HOT_SLOTS; i++) {

        if (atomic_load(&bucket->versions[i]) == 0) {
            return i;
        }

        if (atomic_load(&bucket->ages[i]) < atomic_load(&bucket->ages[least]))
        {
            least = i;
        }
    }

    age = atomic_load(&bucket->ages[least]);

    for (i = 0; age && i < BIGCACHE_HOT_SLOTS; i++) {
        atomic_store(&bucket->ages[i],
                     (uint8_t) (atomic_load(&bucket->ages[i]) - age));
    }

    return least;
}


/*
 * Returns 0 if the entry is that of another key.  If there is a page, the 36
 * bits of the hash are enough: whoever reads it compares the key.
 */

static int
bigcache_hot_load(bigcache_hot_bucket_t *bucket, unsigned i, uint64_t hash,
    bigcache_hot_entry_t *entry)
{
    uint64_t  segment, place;

    entry->version = atomic_load(&bucket->versions[i]) >> BIGCACHE_HOT_TAG;

    segment = atomic_load(&bucket->slots[i].segment) >> BIGCACHE_HOT_TAG;
    place = atomic_load(&bucket->slots[i].place) >> BIGCACHE_HOT_TAG;

    if (entry->version == 0) {
        entry->segment = 0;
        entry->offset = 0;
        entry->size = 0;

        return segment == hash >> BIGCACHE_HOT_TAG
               && place == (hash & BIGCACHE_HOT_TAGS);
    }

    entry->segment = segment;
    entry->offset = (place >> BIGCACHE_HOT_SIZE) * BIGCACHE_HOT_ALIGN;
    entry->size = place & BIGCACHE_HOT_SIZES;

    return 1;
}


static void
bigcache_hot_store(bigcache_hot_bucket_t *bucket, unsigned i, uint64_t hash,
    const bigcache_hot_entry_t *entry)
{
    uint64_t  segment, place;

    if (entry->version) {
        segment = entry->segment;
        place = entry->offset / BIGCACHE_HOT_ALIGN << BIGCACHE_HOT_SIZE
                | entry->size;

    } else {
        segment = hash >> BIGCACHE_HOT_TAG;
        place = hash & BIGCACHE_HOT_TAGS;
    }

    atomic_store(&bucket->versions[i],
                 entry->version << BIGCACHE_HOT_TAG | bigcache_hot_tag(hash));
    atomic_store(&bucket->slots[i].segment,
                 segment << BIGCACHE_HOT_TAG | bigcache_hot_tag1(hash));
    atomic_store(&bucket->slots[i].place,
                 place << BIGCACHE_HOT_TAG | bigcache_hot_tag2(hash));
}


/* locks the bucket and returns 1, or returns 0 */

static int
bigcache_hot_lock(bigcache_hot_bucket_t *bucket, int wait)
{
    bigcache_pidlock_e  rc;

    rc = bigcache_pidlock(&bucket->lock, wait ? BIGCACHE_HOT_PATIENCE : 0);

    if (rc == BIGCACHE_PIDLOCK_BUSY) {
        return 0;
    }

    atomic_fetch_or(&bucket->seq, 1);

    if (rc == BIGCACHE_PIDLOCK_ABANDONED) {
        bigcache_hot_empty(bucket);
    }

    return 1;
}


static void
bigcache_hot_unlock(bigcache_hot_bucket_t *bucket)
{
    atomic_fetch_add(&bucket->seq, 1);
    bigcache_pidlock_unlock(&bucket->lock);
}


static void
bigcache_hot_empty(bigcache_hot_bucket_t *bucket)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_HOT_SLOTS; i++) {
        atomic_store(&bucket->versions[i], 0);
        atomic_store(&bucket->ages[i], 0);
    }
}


/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_crc.h"
#include "disk.h"


#define BLOCK    4096
#define SECTOR   512
#define SECTORS  (BLOCK / SECTOR)

/* from linux/falloc.h */

#define KEEP_SIZE   0x01
#define PUNCH_HOLE  0x02
#define COLLAPSE    0x08
#define ZERO_RANGE  0x10
#define INSERT      0x20

/* of the names: as of now, as durable by each of the models, and an image */

#define NOW     2
#define IMAGE   3
#define VIEWS   4


typedef struct node_s  node_t;

typedef struct {
    const char  *name;      /* each name is kept once: the pointer tells */
    node_t      *node;
} entry_t;

typedef struct {
    entry_t     *elts;
    unsigned     n;
    unsigned     alloc;
} entries_t;

/* of the contents of a file */

typedef struct {
    uint64_t     at;
    int          type;      /* RECORD_* */
    unsigned     flags;
    uint64_t     offset;
    uint64_t     length;
    const u_char  *data;
} change_t;

struct node_s {
    int          type;      /* 'f', 'd', 'l' */
    uint64_t     inode;
    uint64_t     id;
    uint64_t     created;   /* place in the log */
    node_t      *next;      /* in the table */
    node_t      *parent;    /* now */
    node_t      *domain;    /* the directory of LevelDB that it is in */
    const char  *target;    /* of a symbolic link */

    /* a directory: what is in it, and where it is itself */
    entries_t    entries[VIEWS];
    node_t      *in[VIEWS];
    const char  *as[VIEWS];

    /* a file: the durable contents, a block that is NULL is zeroes */
    u_char     **blocks;
    uint64_t     nblocks;
    uint64_t     size;
    change_t    *changes;
    unsigned     nchanges;
    unsigned     nalloc;

    /* for an image */
    uint64_t     stamp;
    char        *path;
    unsigned     cut;       /* of a domain: steps of it that are kept */
    unsigned     seen;
};

/* a step of the names */

typedef struct {
    uint64_t     at;
    node_t      *from;      /* directory that loses a name, or NULL */
    const char  *from_name;
    node_t      *to;        /* directory that gets one, or NULL */
    const char  *to_name;
    node_t      *node;      /* what gets it */
    node_t      *domain;
    unsigned     durable[2];
} step_t;

/* an fsync under way */

typedef struct {
    uint32_t     thread;
    uint64_t     inode;
    uint64_t     at;
} sync_t;

typedef struct word_s {
    struct word_s  *next;
    char            text[];
} word_t;

struct disk_s {
    node_t      *root;
    node_t      *nodes[4096];
    word_t      *words[4096];
    uint64_t     ids;
    uint64_t     stamp;

    step_t      *steps;
    unsigned     nsteps;
    unsigned     nalloc;
    unsigned     folded[2];

    sync_t       syncs[256];
    unsigned     nsyncs;

    char         error[PATH_MAX + 128];
};

/* how an image is made */

typedef struct {
    disk_t          *disk;
    disk_variant_e   variant;
    int              model;
    uint64_t         seed;
    unsigned         keep;      /* percent */
    uint64_t         sum;
} cut_t;

/* the contents of a file in an image */

typedef struct {
    node_t      *node;
    cut_t       *cut;
    int          mode;      /* disk_variant_e */
    u_char     **blocks;
    u_char      *own;       /* flags */
    uint64_t     nblocks;
    unsigned     at;        /* the change that is made */
} file_t;


static node_t *find_inode(disk_t *disk, uint64_t inode);
static node_t *make_node(disk_t *disk, int type, uint64_t inode, uint64_t at);
static void forget(node_t *node);
static node_t *resolve(disk_t *disk, const char *name, size_t len,
    const char **base);
static node_t *child(node_t *dir, int view, const char *name);
static const char *word(disk_t *disk, const char *text, size_t len);
static const char *wrong(disk_t *disk, const char *what, const record_t *r);
static const char *made(disk_t *disk, const record_t *r, uint64_t at);
static const char *moved(disk_t *disk, const record_t *r, uint64_t at);
static const char *changed(disk_t *disk, const record_t *r, uint64_t at);
static const char *synced(disk_t *disk, const record_t *r, uint64_t at);
static const char *unknown(disk_t *disk, const record_t *r);
static void reset(disk_t *disk, const record_t *r);
static node_t *domain_of(node_t *node, const char *name);
static step_t *add_step(disk_t *disk, uint64_t at);
static void step(step_t *s, int view);
static void set_entry(node_t *dir, int view, const char *name, node_t *node);
static void drop_entry(node_t *dir, int view, const char *name);
static void durable_file(disk_t *disk, node_t *node, uint64_t at,
    unsigned flags);
static void durable_dir(disk_t *disk, node_t *node, uint64_t at);
static void durable_all(disk_t *disk, uint64_t at);
static void fold(disk_t *disk);
static void settle(node_t *node, uint64_t at);
static void view_of(cut_t *cut);
static int write_dir(cut_t *cut, node_t *dir, const char *path);
static int write_file(cut_t *cut, node_t *node, const char *path);
static int write_blocks(file_t *file, int fd, uint64_t size);
static uint64_t contents(file_t *file);
static uint64_t size_of(file_t *file);
static uint64_t size_after(node_t *node, unsigned n);
static void make_change(file_t *file, change_t *c);
static void put_bytes(file_t *file, uint64_t offset, uint64_t length,
    const u_char *data);
static int keeps(file_t *file, uint64_t block, unsigned sector);
static void release(file_t *file);
static uint64_t mix(uint64_t a, uint64_t b);
static unsigned compare_dir(disk_t *disk, node_t *dir, const char *path);
static unsigned compare_file(disk_t *disk, node_t *node, const char *path,
    const char *name);
static int rm(const char *name, const struct stat *st, int type,
    struct FTW *ftw);
static void *grown(void *p, unsigned n, unsigned *alloc, size_t size);
static void *need(void *p);


disk_t *
disk_create(void)
{
    return need(calloc(1, sizeof(disk_t)));
}


void
disk_destroy(disk_t *disk)
{
    unsigned  i;
    node_t   *node;
    word_t   *w;

    for (i = 0; i < 4096; i++) {

        while (disk->nodes[i]) {
            node = disk->nodes[i];
            disk->nodes[i] = node->next;
            forget(node);
        }

        while (disk->words[i]) {
            w = disk->words[i];
            disk->words[i] = w->next;
            free(w);
        }
    }

    free(disk->steps);
    free(disk);
}


static void
forget(node_t *node)
{
    unsigned  i;
    uint64_t  k;

    for (i = 0; i < VIEWS; i++) {
        free(node->entries[i].elts);
    }

    for (k = 0; k < node->nblocks; k++) {
        free(node->blocks[k]);
    }

    free(node->blocks);
    free(node->changes);
    free(node->path);
    free(node);
}


/* -- records */

const char *
disk_apply(disk_t *disk, const record_t *r, uint64_t at)
{
    if (disk->root == NULL && r->type != RECORD_SNAPSHOT
        && r->type != RECORD_MARK)
    {
        return wrong(disk, "before a snapshot", r);
    }

    switch (r->type) {

    case RECORD_SNAPSHOT:
        reset(disk, r);
        return NULL;

    case RECORD_TAKEN:
        disk_sync(disk);
        return NULL;

    case RECORD_WRITE:
    case RECORD_TRUNCATE:
    case RECORD_ALLOCATE:
        return changed(disk, r, at);

    case RECORD_CREATE:
    case RECORD_MKDIR:
    case RECORD_SYMLINK:
    case RECORD_LINK:
        return made(disk, r, at);

    case RECORD_RENAME:
    case RECORD_UNLINK:
        return moved(disk, r, at);

    case RECORD_BEGIN:
    case RECORD_END:
        return synced(disk, r, at);

    case RECORD_UNKNOWN:
        return unknown(disk, r);

    case RECORD_MARK:
        return NULL;

    default:
        return wrong(disk, "of an unknown type", r);
    }
}


static void
reset(disk_t *disk, const record_t *r)
{
    unsigned  i;
    node_t   *node;

    for (i = 0; i < 4096; i++) {
        while (disk->nodes[i]) {
            node = disk->nodes[i];
            disk->nodes[i] = node->next;
            forget(node);
        }
    }

    disk->nsteps = 0;
    disk->nsyncs = 0;
    disk->folded[0] = 0;
    disk->folded[1] = 0;
    disk->root = make_node(disk, 'd', r->inode, 0);
}


static const char *
made(disk_t *disk, const record_t *r, uint64_t at)
{
    step_t      *s;
    node_t      *dir, *node;
    const char  *name, *other, *base;

    name = (const char *) (r + 1);
    other = name + r->name;

    if (r->type == RECORD_LINK) {
        node = find_inode(disk, r->inode);
        dir = resolve(disk, other, r->other, &base);

        if (node == NULL) {
            return wrong(disk, "of an unknown file", r);
        }

    } else {
        node = make_node(disk, r->type == RECORD_MKDIR ? 'd'
                               : r->type == RECORD_SYMLINK ? 'l' : 'f',
                         r->inode, at);
        dir = resolve(disk, name, r->name, &base);
    }

    if (dir == NULL) {
        return wrong(disk, "in an unknown directory", r);
    }

    if (r->type == RECORD_SYMLINK) {
        node->target = word(disk, other, r->other);
    }

    node->parent = dir;
    node->domain = (node->type == 'd') ? domain_of(node, base) : dir->domain;

    s = add_step(disk, at);
    s->to = dir;
    s->to_name = base;
    s->node = node;
    s->domain = dir->domain;

    step(s, NOW);

    return NULL;
}


/* LevelDB's own directories, and what is in them */

static node_t *
domain_of(node_t *node, const char *name)
{
    if (node->parent->domain) {
        return node->parent->domain;
    }

    /* index, index.before, index.before.new: one may become the other */

    return (strncmp(name, "index", 5) == 0 || strncmp(name, "import", 6) == 0)
           ? node : NULL;
}


static const char *
moved(disk_t *disk, const record_t *r, uint64_t at)
{
    step_t      *s;
    node_t      *from, *to, *node;
    const char  *name, *other, *base, *new;

    name = (const char *) (r + 1);
    other = name + r->name;

    from = resolve(disk, name, r->name, &base);
    node = from ? child(from, NOW, base) : NULL;

    if (node == NULL) {
        return wrong(disk, "of an unknown name", r);
    }

    to = NULL;
    new = NULL;

    if (r->type == RECORD_RENAME) {
        to = resolve(disk, other, r->other, &new);

        if (to == NULL) {
            return wrong(disk, "to an unknown directory", r);
        }

        if (child(to, NOW, new) == node) {
            return NULL;
        }

        node->parent = to;
    }

    s = add_step(disk, at);
    s->from = from;
    s->from_name = base;
    s->to = to;
    s->to_name = new;
    s->node = node;
    s->domain = from->domain ? from->domain : to ? to->domain : NULL;

    step(s, NOW);

    return NULL;
}


static const char *
changed(disk_t *disk, const record_t *r, uint64_t at)
{
    node_t    *node;
    change_t  *c;

    node = find_inode(disk, r->inode);

    if (node == NULL || node->type != 'f') {
        return wrong(disk, "of an unknown file", r);
    }

    if (r->type == RECORD_ALLOCATE && (r->flags & (COLLAPSE|INSERT))) {
        return wrong(disk, "that moves contents", r);
    }

    node->changes = grown(node->changes, node->nchanges, &node->nalloc,
                          sizeof(change_t));

    c = &node->changes[node->nchanges++];

    c->at = at;
    c->type = (int) r->type;
    c->flags = r->flags;
    c->offset = (uint64_t) r->offset;
    c->length = (uint64_t) r->length;
    c->data = (const u_char *) (r + 1) + r->name + r->other;

    return NULL;
}


static const char *
synced(disk_t *disk, const record_t *r, uint64_t at)
{
    unsigned   i;
    node_t    *node;
    uint64_t   begun;

    i = 0;

    while (i < disk->nsyncs && disk->syncs[i].thread != r->thread) {
        i++;
    }

    if (r->type == RECORD_BEGIN) {

        if (i == disk->nsyncs && i == 256) {
            return wrong(disk, "beside too many others", r);
        }

        disk->nsyncs += (i == disk->nsyncs);
        disk->syncs[i].thread = r->thread;
        disk->syncs[i].inode = r->inode;
        disk->syncs[i].at = at;

        return NULL;
    }

    if (i == disk->nsyncs || disk->syncs[i].inode != r->inode) {
        return wrong(disk, "that had no beginning", r);
    }

    begun = disk->syncs[i].at;
    disk->syncs[i] = disk->syncs[--disk->nsyncs];

    if (r->inode == 0) {
        durable_all(disk, begun);

    } else {
        node = find_inode(disk, r->inode);

        if (node == NULL) {
            return wrong(disk, "of an unknown file", r);
        }

        if (node->type == 'd') {
            durable_dir(disk, node, begun);

        } else {
            durable_file(disk, node, begun, r->flags);
        }
    }

    fold(disk);

    return NULL;
}


/* eight bytes, a number of which any is as good as another */

static const char *
unknown(disk_t *disk, const record_t *r)
{
    const char  *name;

    name = (const char *) (r + 1);

    if (r->name >= 5 && memcmp(name + r->name - 5, "/lock", 5) == 0) {
        return NULL;
    }

    return wrong(disk, "that cannot be followed", r);
}


static const char *
wrong(disk_t *disk, const char *what, const record_t *r)
{
    const char  *name;

    name = (const char *) (r + 1);

    (void) snprintf(disk->error, sizeof(disk->error),
                    "a record '%c' %s: inode %llu, name \"%.*s\", \"%.*s\"",
                    (int) r->type, what, (unsigned long long) r->inode,
                    (int) r->name, name,
                    (int) (r->type == RECORD_UNKNOWN
                           ? r->length : r->other),
                    name + r->name);

    return disk->error;
}


/* -- nodes and names */

static node_t *
find_inode(disk_t *disk, uint64_t inode)
{
    node_t  *node;

    /* the latest is first: inodes are given out again */

    for (node = disk->nodes[inode % 4096]; node; node = node->next) {
        if (node->inode == inode) {
            return node;
        }
    }

    return NULL;
}


static node_t *
make_node(disk_t *disk, int type, uint64_t inode, uint64_t at)
{
    node_t  *node;

    node = need(calloc(1, sizeof(node_t)));

    node->type = type;
    node->inode = inode;
    node->created = at;
    node->id = ++disk->ids;

    node->next = disk->nodes[inode % 4096];
    disk->nodes[inode % 4096] = node;

    return node;
}


/* returns the directory that the name is in now, and the end of the name */

static node_t *
resolve(disk_t *disk, const char *name, size_t len, const char **base)
{
    size_t       n;
    node_t      *dir;
    const char  *end, *p;

    dir = disk->root;
    end = name + len;

    for ( ;; ) {
        p = memchr(name, '/', (size_t) (end - name));
        n = (size_t) ((p ? p : end) - name);
        *base = word(disk, name, n);

        if (p == NULL) {
            return dir;
        }

        dir = child(dir, NOW, *base);

        if (dir == NULL || dir->type != 'd') {
            return NULL;
        }

        name = p + 1;
    }
}


static node_t *
child(node_t *dir, int view, const char *name)
{
    unsigned    i;
    entries_t  *e;

    e = &dir->entries[view];

    for (i = 0; i < e->n; i++) {
        if (e->elts[i].name == name) {
            return e->elts[i].node;
        }
    }

    return NULL;
}


static void
set_entry(node_t *dir, int view, const char *name, node_t *node)
{
    unsigned    i;
    entries_t  *e;

    /* a directory has one name */

    if (node->type == 'd') {
        if (node->in[view]) {
            drop_entry(node->in[view], view, node->as[view]);
        }

        node->in[view] = dir;
        node->as[view] = name;
    }

    e = &dir->entries[view];

    for (i = 0; i < e->n; i++) {
        if (e->elts[i].name == name) {
            e->elts[i].node->in[view] = NULL;
            e->elts[i].node = node;
            return;
        }
    }

    e->elts = grown(e->elts, e->n, &e->alloc, sizeof(entry_t));
    e->elts[e->n].name = name;
    e->elts[e->n++].node = node;
}


static void
drop_entry(node_t *dir, int view, const char *name)
{
    unsigned    i;
    entries_t  *e;

    e = &dir->entries[view];

    for (i = 0; i < e->n; i++) {
        if (e->elts[i].name == name) {
            e->elts[i].node->in[view] = NULL;
            e->elts[i] = e->elts[--e->n];
            return;
        }
    }
}


static const char *
word(disk_t *disk, const char *text, size_t len)
{
    size_t     i;
    word_t    *w;
    uint32_t   hash;

    hash = 2166136261u;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (u_char) text[i]) * 16777619u;
    }

    for (w = disk->words[hash % 4096]; w; w = w->next) {
        if (strncmp(w->text, text, len) == 0 && w->text[len] == '\0') {
            return w->text;
        }
    }

    w = need(malloc(sizeof(word_t) + len + 1));
    memcpy(w->text, text, len);
    w->text[len] = '\0';

    w->next = disk->words[hash % 4096];
    disk->words[hash % 4096] = w;

    return w->text;
}


static step_t *
add_step(disk_t *disk, uint64_t at)
{
    step_t  *s;

    disk->steps = grown(disk->steps, disk->nsteps, &disk->nalloc,
                        sizeof(step_t));

    s = &disk->steps[disk->nsteps++];
    memset(s, 0, sizeof(step_t));
    s->at = at;

    return s;
}


static void
step(step_t *s, int view)
{
    if (s->from) {
        drop_entry(s->from, view, s->from_name);
    }

    if (s->to) {
        set_entry(s->to, view, s->to_name, s->node);
    }
}


/* -- what is durable */

void
disk_sync(disk_t *disk)
{
    durable_all(disk, UINT64_MAX);
    fold(disk);
}


static void
durable_all(disk_t *disk, uint64_t at)
{
    unsigned   i;
    node_t    *node;

    for (i = 0; i < 4096; i++) {
        for (node = disk->nodes[i]; node; node = node->next) {
            settle(node, at);
        }
    }

    for (i = 0; i < disk->nsteps; i++) {
        if (disk->steps[i].at < at) {
            disk->steps[i].durable[DISK_ORDERED] = 1;
            disk->steps[i].durable[DISK_STRICT] = 1;
        }
    }
}


static void
durable_file(disk_t *disk, node_t *node, uint64_t at, unsigned flags)
{
    step_t    *s;
    unsigned   i;
    uint64_t   until;

    until = at;

    if (flags & RECORD_DATA) {

        /* the journal is written as far as the file needs it */

        until = node->created + 1;

        for (i = 0; i < node->nchanges && node->changes[i].at < at; i++) {
            until = node->changes[i].at;
        }
    }

    settle(node, at);

    for (i = disk->folded[DISK_ORDERED]; i < disk->nsteps; i++) {
        s = &disk->steps[i];

        if (s->at >= until) {
            break;
        }

        s->durable[DISK_ORDERED] = 1;
    }

    if (node->parent == NULL || node->parent->domain == NULL) {
        return;
    }

    for (i = disk->folded[DISK_STRICT]; i < disk->nsteps; i++) {
        s = &disk->steps[i];

        if (s->at < until && s->domain == node->parent->domain) {
            s->durable[DISK_STRICT] = 1;
        }
    }
}


static void
durable_dir(disk_t *disk, node_t *node, uint64_t at)
{
    step_t    *s;
    unsigned   i;

    for (i = 0; i < disk->nsteps; i++) {
        s = &disk->steps[i];

        if (s->at >= at) {
            break;
        }

        s->durable[DISK_ORDERED] = 1;

        if (s->from == node || s->to == node
            || (node->domain && s->domain == node->domain))
        {
            s->durable[DISK_STRICT] = 1;
        }
    }
}


/* what is durable of the first steps need not be gone through again */

static void
fold(disk_t *disk)
{
    int        model;
    unsigned   i, done;

    for (model = 0; model < 2; model++) {
        while (disk->folded[model] < disk->nsteps
               && disk->steps[disk->folded[model]].durable[model])
        {
            step(&disk->steps[disk->folded[model]++], model);
        }
    }

    done = disk->folded[0] < disk->folded[1] ? disk->folded[0]
                                             : disk->folded[1];

    if (done < 1024) {
        return;
    }

    for (i = done; i < disk->nsteps; i++) {
        disk->steps[i - done] = disk->steps[i];
    }

    disk->nsteps -= done;
    disk->folded[0] -= done;
    disk->folded[1] -= done;
}


/* the changes of a file before that are its durable contents */

static void
settle(node_t *node, uint64_t at)
{
    file_t    file;
    unsigned  i, n;

    n = 0;

    while (n < node->nchanges && node->changes[n].at < at) {
        n++;
    }

    if (n == 0) {
        return;
    }

    memset(&file, 0, sizeof(file_t));

    file.node = node;
    file.mode = DISK_KEEP;
    file.blocks = node->blocks;
    file.nblocks = node->nblocks;

    for (i = 0; i < n; i++) {
        make_change(&file, &node->changes[i]);
    }

    node->size = size_after(node, n);
    node->blocks = file.blocks;
    node->nblocks = file.nblocks;

    node->nchanges -= n;
    memmove(node->changes, node->changes + n,
            node->nchanges * sizeof(change_t));
}


uint64_t
disk_unsynced(disk_t *disk, int model, uint64_t *bytes)
{
    unsigned   i, k, n;
    node_t    *node;

    *bytes = 0;

    for (i = 0; i < 4096; i++) {
        for (node = disk->nodes[i]; node; node = node->next) {
            for (k = 0; k < node->nchanges; k++) {
                if (node->changes[k].type == RECORD_WRITE) {
                    *bytes += node->changes[k].length;
                }
            }
        }
    }

    n = 0;

    for (i = disk->folded[model]; i < disk->nsteps; i++) {
        n += !disk->steps[i].durable[model];
    }

    return n;
}


/* -- images */

int
disk_image(disk_t *disk, const char *path, disk_variant_e variant, int model,
    uint64_t seed, uint64_t *sum)
{
    int    rc;
    cut_t  cut;

    static const unsigned  keep[] = { 5, 20, 50, 80, 95 };

    disk_remove(path);

    cut.disk = disk;
    cut.variant = variant;
    cut.model = model;
    cut.seed = mix(seed, 0);
    cut.keep = keep[mix(seed, 1) % 5];
    cut.sum = 0;

    disk->stamp++;
    view_of(&cut);

    rc = write_dir(&cut, disk->root, path);
    *sum = cut.sum;

    return rc;
}


static void
view_of(cut_t *cut)
{
    int         all, kept;
    unsigned    i, k;
    node_t     *node;
    step_t     *s;
    disk_t     *disk;
    uint64_t    dice;
    entries_t  *from, *to;

    disk = cut->disk;
    all = (cut->variant == DISK_KEEP || cut->variant == DISK_NAMES);

    for (i = 0; i < 4096; i++) {
        for (node = disk->nodes[i]; node; node = node->next) {
            from = &node->entries[cut->model];
            to = &node->entries[IMAGE];
            to->n = 0;

            for (k = 0; k < from->n; k++) {
                to->elts = grown(to->elts, to->n, &to->alloc,
                                 sizeof(entry_t));
                to->elts[to->n++] = from->elts[k];
            }

            node->in[IMAGE] = node->in[cut->model];
            node->as[IMAGE] = node->as[cut->model];
            node->seen = 0;
            node->cut = 0;
        }
    }

    /* how many steps there are in what is ordered, then how many are kept */

    for (i = disk->folded[cut->model]; i < disk->nsteps; i++) {
        s = &disk->steps[i];
        node = (cut->model == DISK_ORDERED) ? disk->root : s->domain;

        if (node && !s->durable[cut->model]) {
            node->cut++;
        }
    }

    for (i = 0; i < 4096; i++) {
        for (node = disk->nodes[i]; node; node = node->next) {
            dice = mix(cut->seed, node->id);

            if (dice % 100 >= cut->keep) {
                node->cut = (unsigned) ((dice >> 32) % (node->cut + 1));
            }
        }
    }

    for (i = disk->folded[cut->model]; i < disk->nsteps; i++) {
        s = &disk->steps[i];
        node = (cut->model == DISK_ORDERED) ? disk->root : s->domain;

        if (all || s->durable[cut->model]) {
            kept = 1;

        } else if (cut->variant != DISK_RANDOM) {
            kept = 0;

        } else if (node) {
            kept = (node->seen++ < node->cut);

        } else {
            kept = (mix(cut->seed, s->at) % 100 < cut->keep);
        }

        if (kept) {
            step(s, IMAGE);
        }
    }
}


static int
write_dir(cut_t *cut, node_t *dir, const char *path)
{
    int       rc;
    char      name[PATH_MAX];
    node_t   *node;
    unsigned  i;

    if (mkdir(path, 0700) == -1) {
        return -1;
    }

    for (i = 0; i < dir->entries[IMAGE].n; i++) {

        node = dir->entries[IMAGE].elts[i].node;
        (void) snprintf(name, sizeof(name), "%s/%s", path,
                        dir->entries[IMAGE].elts[i].name);

        /* the order of the names is no difference */

        cut->sum += mix(dir->id, mix(node->id, (uint64_t) (uintptr_t)
                                     dir->entries[IMAGE].elts[i].name));

        if (node->type == 'd') {
            rc = write_dir(cut, node, name);

        } else if (node->type == 'l') {
            rc = symlink(node->target, name);

        } else if (node->stamp == cut->disk->stamp) {
            rc = link(node->path, name);

        } else {
            rc = write_file(cut, node, name);

            free(node->path);
            node->path = need(strdup(name));
            node->stamp = cut->disk->stamp;
        }

        if (rc == -1) {
            return -1;
        }
    }

    return 0;
}


static int
write_file(cut_t *cut, node_t *node, const char *path)
{
    int       fd, rc;
    file_t    file;
    uint64_t  dice, size;

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);
    if (fd == -1) {
        return -1;
    }

    memset(&file, 0, sizeof(file_t));

    file.node = node;
    file.cut = cut;
    file.mode = (cut->variant == DISK_DATA) ? DISK_KEEP : (int) cut->variant;

    if (cut->variant == DISK_RANDOM) {
        dice = mix(cut->seed, node->id << 20);

        if (dice % 10 < 3) {
            file.mode = ((dice >> 8) % 100 < cut->keep) ? DISK_KEEP
                                                        : DISK_DROP;
        }
    }

    size = contents(&file);
    cut->sum += mix(node->id, size);
    rc = write_blocks(&file, fd, size);

    release(&file);
    (void) close(fd);

    return rc;
}


static int
write_blocks(file_t *file, int fd, uint64_t size)
{
    u_char    *run;
    uint64_t   i, n, first, len;

    enum { RUN = 64 };

    run = need(malloc(RUN * BLOCK));
    i = 0;

    while (i < file->nblocks && i * BLOCK < size) {

        if (file->blocks[i] == NULL) {
            i++;
            continue;
        }

        first = i;

        for (n = 0; n < RUN && i < file->nblocks && file->blocks[i]; n++) {
            memcpy(run + n * BLOCK, file->blocks[i++], BLOCK);
        }

        len = n * BLOCK;

        if (first * BLOCK + len > size) {
            len = (first * BLOCK < size) ? size - first * BLOCK : 0;
        }

        file->cut->sum += mix(file->node->id, mix(first, bigcache_crc(0, run,
                                                                      len)));

        if (pwrite(fd, run, len, (off_t) (first * BLOCK)) != (ssize_t) len) {
            free(run);
            errno = ENOSPC;
            return -1;
        }
    }

    free(run);

    return ftruncate(fd, (off_t) size);
}


/* makes the blocks of a file in an image, returns its size */

static uint64_t
contents(file_t *file)
{
    u_char    *block;
    node_t    *node;
    uint64_t   size, i;
    change_t  *c;

    node = file->node;
    file->nblocks = node->nblocks;
    file->blocks = need(malloc((file->nblocks + 1) * sizeof(u_char *)));
    file->own = need(calloc(file->nblocks + 1, 1));

    if (file->nblocks) {
        memcpy(file->blocks, node->blocks, file->nblocks * sizeof(u_char *));
    }

    for (file->at = 0; file->at < node->nchanges; file->at++) {
        c = &node->changes[file->at];

        /* a truncation is a change of the size, too */

        if (file->mode == DISK_DROP
            || (file->mode == DISK_NAMES && c->type != RECORD_TRUNCATE))
        {
            continue;
        }

        make_change(file, c);
    }

    size = size_of(file);

    /* behind the end of a file are zeroes */

    for (i = size / BLOCK; i < file->nblocks; i++) {

        if (file->blocks[i] == NULL) {
            continue;
        }

        block = need(malloc(BLOCK));
        memcpy(block, file->blocks[i], BLOCK);
        memset(block + (i == size / BLOCK ? size % BLOCK : 0), 0,
               BLOCK - (i == size / BLOCK ? size % BLOCK : 0));

        if (file->own[i]) {
            free(file->blocks[i]);
        }

        file->blocks[i] = block;
        file->own[i] = 1;
    }

    return size;
}


static uint64_t
size_of(file_t *file)
{
    node_t    *node;
    unsigned   k;
    uint64_t   dice, low, high, size;

    node = file->node;

    switch (file->mode) {

    case DISK_DROP:
        return node->size;

    case DISK_KEEP:
    case DISK_NAMES:
        return size_after(node, node->nchanges);
    }

    dice = mix(file->cut->seed, (node->id << 20) + 1);

    if (dice % 100 < 50) {
        return size_after(node, node->nchanges);
    }

    if (dice % 100 < 70) {
        return node->size;
    }

    k = (unsigned) ((dice >> 16) % (node->nchanges + 1));
    size = size_after(node, k);

    if (dice % 100 < 85 || k == node->nchanges) {
        return size;
    }

    low = size;
    high = size_after(node, k + 1);

    if (low > high) {
        low = high;
        high = size;
    }

    size = low + (dice >> 32) % (high - low + 1);
    size = (size + BLOCK - 1) / BLOCK * BLOCK;

    return size > high ? high : size;
}


static uint64_t
size_after(node_t *node, unsigned n)
{
    unsigned   i;
    uint64_t   size;
    change_t  *c;

    size = node->size;

    for (i = 0; i < n; i++) {
        c = &node->changes[i];

        if (c->type == RECORD_TRUNCATE) {
            size = c->length;

        } else if ((c->type == RECORD_WRITE || !(c->flags & KEEP_SIZE))
                   && c->offset + c->length > size)
        {
            size = c->offset + c->length;
        }
    }

    return size;
}


static void
make_change(file_t *file, change_t *c)
{
    switch (c->type) {

    case RECORD_WRITE:
        put_bytes(file, c->offset, c->length, c->data);
        return;

    case RECORD_TRUNCATE:
        if (file->nblocks * BLOCK > c->length) {
            put_bytes(file, c->length, file->nblocks * BLOCK - c->length,
                      NULL);
        }

        return;

    default: /* RECORD_ALLOCATE */
        if (c->flags & (PUNCH_HOLE|ZERO_RANGE)) {
            put_bytes(file, c->offset, c->length, NULL);
        }

        return;
    }
}


/* data: NULL for zeroes */

static void
put_bytes(file_t *file, uint64_t offset, uint64_t length, const u_char *data)
{
    u_char    *block;
    uint64_t   i, n, end, blocks;

    end = offset + length;
    blocks = (end + BLOCK - 1) / BLOCK;

    if (blocks > file->nblocks && data) {
        file->blocks = need(realloc(file->blocks,
                                    (blocks + 1) * sizeof(u_char *)));
        memset(file->blocks + file->nblocks, 0,
               (blocks - file->nblocks) * sizeof(u_char *));

        if (file->own) {
            file->own = need(realloc(file->own, blocks + 1));
            memset(file->own + file->nblocks, 0, blocks - file->nblocks);
        }

        file->nblocks = blocks;
    }

    while (offset < end) {

        i = offset / BLOCK;
        n = SECTOR - offset % SECTOR;

        if (n > end - offset) {
            n = end - offset;
        }

        if (i >= file->nblocks) {
            return;
        }

        if ((file->blocks[i] || data)
            && keeps(file, i, (unsigned) (offset % BLOCK / SECTOR)))
        {
            if (file->blocks[i] == NULL || (file->own && !file->own[i])) {
                block = need(calloc(1, BLOCK));

                if (file->blocks[i]) {
                    memcpy(block, file->blocks[i], BLOCK);
                }

                file->blocks[i] = block;

                if (file->own) {
                    file->own[i] = 1;
                }
            }

            if (data) {
                memcpy(file->blocks[i] + offset % BLOCK, data, n);

            } else {
                memset(file->blocks[i] + offset % BLOCK, 0, n);
            }
        }

        data = data ? data + n : NULL;
        offset += n;
    }
}


/* tells whether the change reaches that sector */

static int
keeps(file_t *file, uint64_t block, unsigned sector)
{
    unsigned  n;
    uint64_t  dice, when;

    if (file->mode != DISK_RANDOM) {
        return 1;
    }

    n = file->node->nchanges;
    dice = mix(file->cut->seed ^ (file->node->id << 40), block + 2);
    when = dice >> 32;

    if (dice % 100 < 90) {
        if (dice % 100 < 80) {
            return (dice >> 8) % 100 < file->cut->keep;
        }

        return file->at < when % (n + 1);
    }

    /* torn */

    if (mix(dice, sector) & 1) {
        when = dice >> 12;
    }

    return file->at < (when & 3 ? when % (n + 1) : n);
}


static void
release(file_t *file)
{
    uint64_t  i;

    for (i = 0; i < file->nblocks; i++) {
        if (file->own[i]) {
            free(file->blocks[i]);
        }
    }

    free(file->blocks);
    free(file->own);
}


/* splitmix64 */

static uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t  z;

    z = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;

    return z ^ (z >> 31);
}


/* -- comparing */

unsigned
disk_compare(disk_t *disk, const char *path)
{
    return compare_dir(disk, disk->root, path);
}


static unsigned
compare_dir(disk_t *disk, node_t *dir, const char *path)
{
    DIR            *d;
    char            name[PATH_MAX];
    node_t         *node;
    unsigned        i, bad;
    struct stat     st;
    struct dirent  *de;

    bad = 0;

    for (i = 0; i < dir->entries[NOW].n; i++) {

        node = dir->entries[NOW].elts[i].node;
        (void) snprintf(name, sizeof(name), "%s/%s", path,
                        dir->entries[NOW].elts[i].name);

        if (lstat(name, &st) == -1) {
            printf("# %s is not there\n", name);
            bad++;

        } else if ((node->type == 'd') != S_ISDIR(st.st_mode)
                   || (node->type == 'l') != S_ISLNK(st.st_mode))
        {
            printf("# %s is of another type\n", name);
            bad++;

        } else if (node->type == 'd') {
            bad += compare_dir(disk, node, name);

        } else if (node->type == 'f') {
            bad += compare_file(disk, node, name,
                                dir->entries[NOW].elts[i].name);
        }
    }

    d = opendir(path);

    while (d && (de = readdir(d))) {

        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0
            || de->d_type == DT_SOCK)
        {
            continue;
        }

        if (child(dir, NOW, word(disk, de->d_name, strlen(de->d_name)))
            == NULL)
        {
            printf("# %s/%s was not recorded\n", path, de->d_name);
            bad++;
        }
    }

    if (d) {
        (void) closedir(d);
    }

    return bad;
}


static unsigned
compare_file(disk_t *disk, node_t *node, const char *path, const char *name)
{
    int       fd, same;
    cut_t     cut;
    char      buf[BLOCK];
    file_t    file;
    ssize_t   n;
    uint64_t  size, i, len;

    static const char  zeroes[BLOCK];

    if (strcmp(name, "LOG") == 0 || strcmp(name, "LOG.old") == 0) {
        return 0;
    }

    memset(&cut, 0, sizeof(cut_t));
    memset(&file, 0, sizeof(file_t));

    cut.disk = disk;
    file.node = node;
    file.cut = &cut;
    file.mode = DISK_KEEP;

    size = contents(&file);
    same = 1;

    fd = open(path, O_RDONLY|O_CLOEXEC);

    for (i = 0; same; i++) {

        n = pread(fd, buf, BLOCK, (off_t) (i * BLOCK));
        len = (i * BLOCK < size) ? size - i * BLOCK : 0;
        len = (len > BLOCK) ? BLOCK : len;

        if (n != (ssize_t) len
            || memcmp(buf, i < file.nblocks && file.blocks[i]
                           ? (char *) file.blocks[i] : zeroes, len) != 0)
        {
            same = 0;
        }

        if (n < BLOCK) {
            break;
        }
    }

    release(&file);
    (void) close(fd);

    if (!same) {
        printf("# %s differs, block %llu\n", path, (unsigned long long) i);
    }

    return !same;
}


void
disk_remove(const char *path)
{
    (void) nftw(path, rm, 16, FTW_DEPTH|FTW_PHYS);
}


static int
rm(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(name);
}


/* -- memory */

static void *
grown(void *p, unsigned n, unsigned *alloc, size_t size)
{
    if (n < *alloc) {
        return p;
    }

    *alloc = *alloc ? 2 * *alloc : 16;

    return need(realloc(p, *alloc * size));
}


static void *
need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        abort();
    }

    return p;
}

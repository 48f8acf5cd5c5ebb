
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"


#define LINE   32768
#define NEVER  UINT64_MAX


typedef enum {
    DONE = 0,
    NOT_DONE,
    LOST
} answer_e;

typedef struct {
    uint64_t     id;
    int          type;      /* 'p', 'd', 'P', 'c' */
    char        *key;       /* or prefix */
    size_t       len;
    body_t       body;
    double       expire;    /* 0: never */
    uint64_t     asked;     /* places in the log */
    uint64_t     answered;  /* NEVER: not */
    answer_e     answer;
} op_t;

typedef struct {
    char        *key;
    size_t       len;
    op_t       **ops;
    unsigned     n;
    unsigned     alloc;
} key_t_;

/* at a place in the log: what was answered before until is durable */

typedef struct {
    uint64_t     at;
    uint64_t     until;
} durable_t;

typedef struct {
    uint64_t     at;
    char        *text;
} note_t;

struct oracle_s {
    op_t       **ops;
    unsigned     nops;
    unsigned     ops_alloc;
    key_t_      *keys;
    unsigned     nkeys;
    unsigned     keys_alloc;
    durable_t   *durable;
    unsigned     ndurable;
    unsigned     durable_alloc;
    note_t      *notes;
    unsigned     nnotes;
    unsigned     notes_alloc;
    uint64_t     loose;
    uint64_t     dirty;
    uint64_t     clean;
    char         error[256];
};


static const char *ask(oracle_t *oracle, char *line, uint64_t at);
static const char *answer(oracle_t *oracle, char *line, uint64_t at);
static const char *is(oracle_t *oracle, char *line);
static const char *wrong(oracle_t *oracle, const char *line);
static op_t *find_op(oracle_t *oracle, uint64_t id);
static char *decode(char *text, size_t *len);
static void attach(oracle_t *oracle, op_t *op);
static void add_op(key_t_ *key, op_t *op);
static int key_compare(const void *one, const void *two);
static int op_compare(const void *one, const void *two);
static uint64_t durable_until(oracle_t *oracle, uint64_t at);
static int known(const op_t *op, uint64_t at, uint64_t until);
static uint64_t base_of(const key_t_ *key, uint64_t at, uint64_t until);
static int is_body(const op_t *op, const body_t *body);
static void *grown(void *p, unsigned n, unsigned *alloc, size_t size);


oracle_t *
oracle_create(void)
{
    oracle_t  *oracle;

    oracle = calloc(1, sizeof(oracle_t));

    if (oracle == NULL) {
        abort();
    }

    oracle->loose = NEVER;
    oracle->dirty = NEVER;
    oracle->clean = NEVER;

    return oracle;
}


void
oracle_destroy(oracle_t *oracle)
{
    unsigned  i;

    for (i = 0; i < oracle->nkeys; i++) {
        free(oracle->keys[i].ops);
    }

    for (i = 0; i < oracle->nops; i++) {
        free(oracle->ops[i]->key);
        free(oracle->ops[i]);
    }

    for (i = 0; i < oracle->nnotes; i++) {
        free(oracle->notes[i].text);
    }

    free(oracle->ops);
    free(oracle->keys);
    free(oracle->durable);
    free(oracle->notes);
    free(oracle);
}


const char *
oracle_mark(oracle_t *oracle, const record_t *r, uint64_t at)
{
    char        line[LINE];
    size_t      len;
    note_t     *note;
    uint64_t    until;
    durable_t  *d;

    len = (size_t) r->length;

    if (len >= LINE) {
        return "a mark is too long";
    }

    memcpy(line, (const char *) (r + 1) + r->name + r->other, len);
    line[len] = '\0';

    if (strncmp(line, "ask ", 4) == 0) {
        return ask(oracle, line, at);
    }

    if (strncmp(line, "ans ", 4) == 0) {
        return answer(oracle, line, at);
    }

    if (strncmp(line, "is ", 3) == 0) {
        return is(oracle, line);
    }

    if (strncmp(line, "note ", 5) == 0) {
        oracle->notes = grown(oracle->notes, oracle->nnotes,
                              &oracle->notes_alloc, sizeof(note_t));
        note = &oracle->notes[oracle->nnotes++];
        note->at = at;
        note->text = strdup(line + 5);

        return NULL;
    }

    if (strcmp(line, "loose") == 0) {
        oracle->loose = at;
        return NULL;
    }

    if (strcmp(line, "dirty") == 0) {
        oracle->dirty = at;
        return NULL;
    }

    if (strcmp(line, "clean") == 0) {
        oracle->clean = at;
        return NULL;
    }

    until = at;

    if (strcmp(line, "sync") != 0
        && sscanf(line, "durable %" SCNu64, &until) != 1)
    {
        return wrong(oracle, line);
    }

    oracle->durable = grown(oracle->durable, oracle->ndurable,
                            &oracle->durable_alloc, sizeof(durable_t));
    d = &oracle->durable[oracle->ndurable++];
    d->at = at;
    d->until = until;

    return NULL;
}


static const char *
ask(oracle_t *oracle, char *line, uint64_t at)
{
    int        n;
    op_t      *op;
    char       what[16], key[LINE], length[32], crc[32], expire[32];
    uint64_t   id;

    key[0] = '\0';

    n = sscanf(line, "ask %" SCNu64 " %15s %32767s %31s %31s %31s", &id, what,
               key, length, crc, expire);

    if (n < 2 || find_op(oracle, id)) {
        return wrong(oracle, line);
    }

    op = calloc(1, sizeof(op_t));

    if (op == NULL) {
        abort();
    }

    oracle->ops = grown(oracle->ops, oracle->nops, &oracle->ops_alloc,
                        sizeof(op_t *));
    oracle->ops[oracle->nops++] = op;

    op->id = id;
    op->asked = at;
    op->answered = NEVER;
    op->key = decode(key, &op->len);

    if (strcmp(what, "put") == 0 && n == 6) {
        op->type = 'p';
        op->body.found = 1;
        op->body.length = (length[0] == '?') ? NEVER
                                             : strtoull(length, NULL, 10);
        op->body.crc = (uint32_t) strtoul(crc, NULL, 10);
        op->expire = strtod(expire, NULL);

    } else if (strcmp(what, "del") == 0 && n == 3) {
        op->type = 'd';

    } else if (strcmp(what, "purge") == 0 && n == 3) {
        op->type = 'P';

    } else if (strcmp(what, "clear") == 0 && n == 2) {
        op->type = 'c';

    } else {
        return wrong(oracle, line);
    }

    return NULL;
}


static const char *
answer(oracle_t *oracle, char *line, uint64_t at)
{
    op_t      *op;
    char       what[16];
    uint64_t   id;

    if (sscanf(line, "ans %" SCNu64 " %15s", &id, what) != 2) {
        return wrong(oracle, line);
    }

    op = find_op(oracle, id);

    if (op == NULL || op->answered != NEVER) {
        return wrong(oracle, line);
    }

    op->answered = at;
    op->answer = (what[0] == 'o') ? DONE : (what[0] == 'n') ? NOT_DONE : LOST;

    return NULL;
}


static const char *
is(oracle_t *oracle, char *line)
{
    op_t      *op;
    uint64_t   id, length, crc;

    if (sscanf(line, "is %" SCNu64 " %" SCNu64 " %" SCNu64, &id, &length,
               &crc)
        != 3)
    {
        return wrong(oracle, line);
    }

    op = find_op(oracle, id);

    if (op == NULL) {
        return wrong(oracle, line);
    }

    op->body.length = length;
    op->body.crc = (uint32_t) crc;

    return NULL;
}


static const char *
wrong(oracle_t *oracle, const char *line)
{
    (void) snprintf(oracle->error, sizeof(oracle->error),
                    "a mark is wrong: %.200s", line);

    return oracle->error;
}


/* they are mostly given out in order, and looked for soon */

static op_t *
find_op(oracle_t *oracle, uint64_t id)
{
    unsigned  i;

    for (i = oracle->nops; i > 0; i--) {

        if (oracle->ops[i - 1]->id == id) {
            return oracle->ops[i - 1];
        }

        if (oracle->nops - i > 4096) {
            break;
        }
    }

    return NULL;
}


static char *
decode(char *text, size_t *len)
{
    char      *to, *p;
    unsigned   c;

    to = malloc(strlen(text) + 1);

    if (to == NULL) {
        abort();
    }

    for (p = to; *text; p++) {

        if (text[0] == '%' && isxdigit((unsigned char) text[1])
            && isxdigit((unsigned char) text[2]))
        {
            (void) sscanf(text + 1, "%2x", &c);
            *p = (char) c;
            text += 3;

        } else {
            *p = *text++;
        }
    }

    *p = '\0';
    *len = (size_t) (p - to);

    return to;
}


void
oracle_ready(oracle_t *oracle)
{
    unsigned  i, n;
    key_t_   *k;

    for (i = 0; i < oracle->nops; i++) {

        if (oracle->ops[i]->type == 'p' || oracle->ops[i]->type == 'd') {
            oracle->keys = grown(oracle->keys, oracle->nkeys,
                                 &oracle->keys_alloc, sizeof(key_t_));
            k = &oracle->keys[oracle->nkeys++];
            memset(k, 0, sizeof(key_t_));
            k->key = oracle->ops[i]->key;
            k->len = oracle->ops[i]->len;
        }
    }

    if (oracle->nkeys == 0) {
        return;
    }

    qsort(oracle->keys, oracle->nkeys, sizeof(key_t_), key_compare);

    n = 1;

    for (i = 1; i < oracle->nkeys; i++) {
        if (key_compare(&oracle->keys[n - 1], &oracle->keys[i]) != 0) {
            oracle->keys[n++] = oracle->keys[i];
        }
    }

    oracle->nkeys = n;

    for (i = 0; i < oracle->nops; i++) {
        attach(oracle, oracle->ops[i]);
    }

    for (i = 0; i < oracle->nkeys; i++) {
        k = &oracle->keys[i];
        if (k->n) {
            qsort(k->ops, k->n, sizeof(op_t *), op_compare);
        }
    }
}


static void
attach(oracle_t *oracle, op_t *op)
{
    key_t_     one, *k;
    unsigned   i;

    if (op->answer == NOT_DONE && op->answered != NEVER) {
        return;
    }

    if (op->type == 'p' || op->type == 'd') {
        one.key = op->key;
        one.len = op->len;
        k = bsearch(&one, oracle->keys, oracle->nkeys, sizeof(key_t_),
                    key_compare);
        add_op(k, op);
        return;
    }

    for (i = 0; i < oracle->nkeys; i++) {
        k = &oracle->keys[i];

        if (op->type == 'c'
            || (k->len >= op->len && memcmp(k->key, op->key, op->len) == 0))
        {
            add_op(k, op);
        }
    }
}


static void
add_op(key_t_ *key, op_t *op)
{
    key->ops = grown(key->ops, key->n, &key->alloc, sizeof(op_t *));
    key->ops[key->n++] = op;
}


static int
key_compare(const void *one, const void *two)
{
    int            rc;
    const key_t_  *a = one, *b = two;

    rc = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

    return rc ? rc : (a->len > b->len) - (a->len < b->len);
}


static int
op_compare(const void *one, const void *two)
{
    const op_t *const  *a = one, *const *b = two;

    return ((*a)->asked > (*b)->asked) - ((*a)->asked < (*b)->asked);
}


unsigned
oracle_keys(oracle_t *oracle)
{
    return oracle->nkeys;
}


const char *
oracle_key(oracle_t *oracle, unsigned i, size_t *len)
{
    *len = oracle->keys[i].len;

    return oracle->keys[i].key;
}


/* -- what is right */

verdict_e
oracle_judge(oracle_t *oracle, unsigned key, uint64_t at, const body_t *body,
    double time)
{
    int        superseded, removed, expired;
    op_t      *op;
    key_t_    *k;
    unsigned   i, j;
    uint64_t   until, base;
    verdict_e  verdict;

    k = &oracle->keys[key];
    until = durable_until(oracle, at);
    base = base_of(k, at, until);

    if (!body->found) {

        if (base == 0 || oracle->loose < at) {
            return ORACLE_RIGHT;
        }

        for (i = 0; i < k->n && k->ops[i]->asked < at; i++) {
            op = k->ops[i];

            if (op->answered < base) {
                continue;
            }

            if (op->type != 'p' || (op->expire && op->expire <= time)) {
                return ORACLE_RIGHT;
            }
        }

        return ORACLE_LOST;
    }

    verdict = ORACLE_WRONG;

    for (i = 0; i < k->n && k->ops[i]->asked < at; i++) {
        op = k->ops[i];

        if (!is_body(op, body)) {
            continue;
        }

        superseded = (op->answered < base);
        expired = (op->expire && op->expire < time - 1);

        if (!superseded && !expired) {
            return ORACLE_RIGHT;
        }

        if (!superseded) {
            verdict = ORACLE_EXPIRED;
            continue;
        }

        /* was it overwritten, or removed? */

        removed = 0;

        for (j = i + 1; j < k->n; j++) {
            if (k->ops[j]->type != 'p' && known(k->ops[j], at, until)
                && k->ops[j]->asked > op->answered)
            {
                removed = 1;
            }
        }

        verdict = removed ? ORACLE_RETURNED : ORACLE_OLD;
    }

    return verdict;
}


/*
 * Returns the place behind the last thing that was asked and is known to be
 * durable, or 0: what was answered before that is not there any more.
 */

static uint64_t
base_of(const key_t_ *key, uint64_t at, uint64_t until)
{
    unsigned  i;
    uint64_t  base;

    base = 0;

    for (i = 0; i < key->n && key->ops[i]->asked < at; i++) {
        if (known(key->ops[i], at, until)) {
            base = key->ops[i]->asked + 1;
        }
    }

    return base;
}


static int
known(const op_t *op, uint64_t at, uint64_t until)
{
    if (op->answered >= at || op->answer != DONE) {
        return 0;
    }

    return op->type != 'p' || op->answered < until;
}


static uint64_t
durable_until(oracle_t *oracle, uint64_t at)
{
    unsigned  i;
    uint64_t  until;

    until = 0;

    for (i = 0; i < oracle->ndurable && oracle->durable[i].at < at; i++) {
        if (oracle->durable[i].until > until) {
            until = oracle->durable[i].until;
        }
    }

    return until;
}


static int
is_body(const op_t *op, const body_t *body)
{
    if (op->type != 'p') {
        return 0;
    }

    /* no reader has seen it */

    if (op->body.length == NEVER) {
        return 1;
    }

    return op->body.length == body->length && op->body.crc == body->crc;
}


int
oracle_may_go(oracle_t *oracle, unsigned key, uint64_t at, const body_t *body,
    double time)
{
    key_t_    *k;
    unsigned   i;

    if (oracle->loose < at) {
        return 1;
    }

    k = &oracle->keys[key];

    for (i = 0; i < k->n && k->ops[i]->asked < at; i++) {
        if (is_body(k->ops[i], body) && k->ops[i]->expire
            && k->ops[i]->expire <= time)
        {
            return 1;
        }
    }

    return 0;
}


unsigned
oracle_durable(oracle_t *oracle, uint64_t at)
{
    unsigned  i, n;
    uint64_t  until;

    n = 0;
    until = durable_until(oracle, at);

    for (i = 0; i < oracle->nkeys; i++) {
        n += (base_of(&oracle->keys[i], at, until) != 0);
    }

    return n;
}


int
oracle_clean(oracle_t *oracle, uint64_t at)
{
    op_t      *op;
    unsigned   i;

    if (oracle->dirty < at && oracle->clean >= at) {
        return 0;
    }

    /* half of a clear is a new index with segments of the old one */

    for (i = 0; i < oracle->nops; i++) {
        op = oracle->ops[i];

        if (op->type == 'c' && op->asked < at
            && (op->answered >= at || op->answer == LOST))
        {
            return 0;
        }
    }

    return 1;
}


const char *
oracle_note(oracle_t *oracle, uint64_t at)
{
    unsigned     i;
    const char  *text;

    text = "";

    for (i = 0; i < oracle->nnotes && oracle->notes[i].at < at; i++) {
        text = oracle->notes[i].text;
    }

    return text;
}


void
oracle_print(oracle_t *oracle, unsigned key, uint64_t at)
{
    op_t      *op;
    key_t_    *k;
    unsigned   i;
    uint64_t   until;

    static const char *const  answers[] = { "done", "not done", "lost" };

    k = &oracle->keys[key];
    until = durable_until(oracle, at);

    for (i = 0; i < k->n && k->ops[i]->asked < at; i++) {
        op = k->ops[i];

        printf("#     %s%.*s", op->type == 'p' ? "put"
                               : op->type == 'd' ? "delete"
                               : op->type == 'P' ? "purge " : "clear",
               op->type == 'P' ? (int) op->len : 0, op->key);

        if (op->type == 'p' && op->body.length != NEVER) {
            printf(" %llu %u", (unsigned long long) op->body.length,
                   op->body.crc);
        }

        printf(", asked at %llu", (unsigned long long) op->asked);

        if (op->answered < at) {
            printf(", %s at %llu", answers[op->answer],
                   (unsigned long long) op->answered);
        }

        printf("%s\n", known(op, at, until) ? ", durable" : "");
    }
}


static void *
grown(void *p, unsigned n, unsigned *alloc, size_t size)
{
    if (n < *alloc) {
        return p;
    }

    *alloc = *alloc ? 2 * *alloc : 16;
    p = realloc(p, *alloc * size);

    if (p == NULL) {
        abort();
    }

    return p;
}

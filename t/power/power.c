
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Power cuts, out of a log of recorder.c: the model is in disk.h, what a
 * store may hold after one in oracle.h.
 *
 *     power begin LOG               makes a log
 *     power snapshot LOG DIR        logs what is in a directory, as durable
 *     power mark LOG TEXT           appends a mark
 *     power kill LOG PID ...        kills processes between two calls
 *     power compare LOG DIR         tells whether the log has it all
 *     power image LOG DIR --at P    makes the directory as after a cut
 *     power verify LOG DIR          cuts at many points and checks each image,
 *                                   which it makes in DIR
 *     power check LOG DIR           checks DIR as an image, after the last
 *                                   record of LOG
 *
 * Options of verify, image and check:
 *
 *     --points N         cuts (50)
 *     --random N         images of each besides the extremes (2)
 *     --seed S           another number, other cuts
 *     --at P             one cut, before the record at that place in the log
 *     --variant V        one image of it: drop, keep, names, data, random
 *     --model M          of it: ordered, strict
 *     --again N          of one image in N: cut again while it is opened
 *     --keep             leaves the last image
 *     --store NAME       of the store in the directory (store)
 *     --tool FILE        the command bigcache, to check one image in 4 with
 *     --segment-size N, --max-size N, --write-buffer N, --gzip-min N
 *                        of the store
 *     --verbose          once more for more
 *
 * The last line is a sum of all, "images=N lost=N ...".  The exit status is 0
 * if that could be done, whatever it came to.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"
#include "disk.h"
#include "oracle.h"


/* how many cuts an image that is cut again has */

#define AGAIN  3


typedef struct {
    unsigned         points;
    unsigned         random;
    unsigned         again;
    uint64_t         seed;
    uint64_t         at;        /* UINT64_MAX: many */
    int              variant;   /* -1: all */
    int              model;
    int              keep;
    check_conf_t     check;
} options_t;

typedef struct {
    const u_char    *data;
    uint64_t         size;
    uint64_t        *records;   /* their places, and the end */
    unsigned         n;
} log_t;

typedef struct {
    options_t       *options;
    log_t           *log;
    oracle_t        *oracle;
    totals_t        *totals;
    const char      *path;
    uint64_t         dice;
    uint64_t         made;
    uint64_t         sums[64];  /* of the images of this cut */
    unsigned         nsums;
} verify_t;


static int verify(options_t *options, const char *log, const char *path);
static void cut(verify_t *v, disk_t *disk, uint64_t at);
static void image(verify_t *v, disk_t *disk, uint64_t at,
    disk_variant_e variant, int model, uint64_t seed);
static void cut_again(verify_t *v, const image_t *first);
static unsigned *choose(log_t *log, unsigned n, uint64_t *dice);
static unsigned behind_snapshot(log_t *log, unsigned point);
static int step_of(const record_t *r);
static int number_compare(const void *one, const void *two);
static int make_image(options_t *options, const char *log, const char *path);
static int check_one(options_t *options, const char *log, const char *path);
static oracle_t *read_marks(log_t *log);
static void open_log(log_t *log, const char *name);
static void close_log(log_t *log);
static const record_t *record(log_t *log, unsigned i);
static void replay(disk_t *disk, log_t *log, unsigned from, unsigned to);
static int compare(const char *log, const char *path);
static int snapshot(const char *log, const char *path);
static void tell_dir(int fd, const char *path, const char *name);
static void tell_file(int fd, const char *path, const char *name,
    struct stat *st);
static void append(int fd, uint32_t type, uint64_t inode, int64_t offset,
    const char *name, const char *other, const void *data, size_t len);
static int mark(const char *log, const char *text);
static int kill_all(const char *log, int n, char **pids);
static int alive(pid_t pid);
static void sum(totals_t *totals);
static uint64_t roll(uint64_t *dice);
static void usage(void);
static void die(const char *what);


static const char *const  variants[] = {
    "drop", "keep", "names", "data", "random", NULL
};

static const char *const  models[] = { "ordered", "strict", NULL };


static int
index_of(const char *const *names, const char *name)
{
    int  i;

    for (i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }

    usage();

    return -1;
}


int
main(int argc, char **argv)
{
    int        c;
    options_t  o;

    static const struct option  options[] = {
        { "points", 1, NULL, 'p' }, { "random", 1, NULL, 'r' },
        { "seed", 1, NULL, 's' }, { "at", 1, NULL, 'a' },
        { "variant", 1, NULL, 'v' }, { "model", 1, NULL, 'm' },
        { "again", 1, NULL, 'g' }, { "keep", 0, NULL, 'k' },
        { "store", 1, NULL, 'S' }, { "tool", 1, NULL, 't' },
        { "segment-size", 1, NULL, 'z' }, { "max-size", 1, NULL, 'x' },
        { "write-buffer", 1, NULL, 'w' }, { "gzip-min", 1, NULL, 'Z' },
        { "verbose", 0, NULL, 'V' }, { NULL, 0, NULL, 0 }
    };

    memset(&o, 0, sizeof(options_t));

    o.points = 50;
    o.random = 2;
    o.at = UINT64_MAX;
    o.variant = -1;
    o.check.store = "store";
    o.check.segment_size = 1024 * 1024;
    o.check.write_buffer = 64 * 1024;
    o.check.gzip_min = 1024;

    for ( ;; ) {
        c = getopt_long(argc, argv, "", options, NULL);

        if (c == -1) {
            break;
        }

        switch (c) {

        case 'p': o.points = (unsigned) atoi(optarg); break;
        case 'r': o.random = (unsigned) atoi(optarg); break;
        case 's': o.seed = strtoull(optarg, NULL, 10); break;
        case 'a': o.at = strtoull(optarg, NULL, 10); break;
        case 'v': o.variant = index_of(variants, optarg); break;
        case 'm': o.model = index_of(models, optarg); break;
        case 'g': o.again = (unsigned) atoi(optarg); break;
        case 'k': o.keep = 1; break;
        case 'S': o.check.store = optarg; break;
        case 't': o.check.tool = optarg; break;
        case 'z': o.check.segment_size = strtoull(optarg, NULL, 10); break;
        case 'x': o.check.max_size = strtoull(optarg, NULL, 10); break;
        case 'w': o.check.write_buffer = strtoull(optarg, NULL, 10); break;
        case 'Z': o.check.gzip_min = strtoull(optarg, NULL, 10); break;
        case 'V': o.check.verbose++; break;
        default: usage();
        }
    }

    argc -= optind;
    argv += optind;

    if (argc == 2 && strcmp(argv[0], "begin") == 0) {
        if (recorder_create(argv[1]) == -1) {
            die(argv[1]);
        }

        return 0;
    }

    if (argc < 3) {
        usage();
    }

    if (strcmp(argv[0], "kill") == 0) {
        return kill_all(argv[1], argc - 2, argv + 2);
    }

    if (argc != 3) {
        usage();
    }

    if (strcmp(argv[0], "snapshot") == 0) {
        return snapshot(argv[1], argv[2]);
    }

    if (strcmp(argv[0], "mark") == 0) {
        return mark(argv[1], argv[2]);
    }

    if (strcmp(argv[0], "compare") == 0) {
        return compare(argv[1], argv[2]);
    }

    if (strcmp(argv[0], "image") == 0) {
        return make_image(&o, argv[1], argv[2]);
    }

    if (strcmp(argv[0], "check") == 0) {
        return check_one(&o, argv[1], argv[2]);
    }

    if (strcmp(argv[0], "verify") != 0) {
        usage();
    }

    return verify(&o, argv[1], argv[2]);
}


/* -- cuts */

static int
verify(options_t *options, const char *name, const char *path)
{
    unsigned   i, done, *points;
    log_t      log;
    disk_t    *disk;
    verify_t   v;

    open_log(&log, name);

    v.options = options;
    v.log = &log;
    v.path = path;
    v.oracle = read_marks(&log);
    v.dice = options->seed;
    v.made = 0;
    v.totals = mmap(NULL, sizeof(totals_t), PROT_READ|PROT_WRITE,
                    MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (v.totals == MAP_FAILED
        || (mkdir(path, 0700) == -1 && errno != EEXIST))
    {
        die(path);
    }

    if (options->at != UINT64_MAX) {
        options->points = 1;
    }

    points = choose(&log, options->points, &v.dice);
    disk = disk_create();
    done = 0;

    for (i = 0; i < options->points; i++) {

        if (options->at != UINT64_MAX) {
            for (points[i] = 0; points[i] < log.n; points[i]++) {
                if (log.records[points[i]] >= options->at) {
                    break;
                }
            }
        }

        replay(disk, &log, done, points[i]);
        done = points[i];

        cut(&v, disk, log.records[done]);
    }

    printf("# %u keys, %llu bytes of log, %u records\n",
           oracle_keys(v.oracle), (unsigned long long) log.size, log.n);
    sum(v.totals);

    disk_destroy(disk);
    oracle_destroy(v.oracle);
    close_log(&log);
    free(points);

    return 0;
}


static void
cut(verify_t *v, disk_t *disk, uint64_t at)
{
    int       model;
    unsigned  i;

    v->nsums = 0;

    if (v->options->variant != -1) {
        image(v, disk, at, v->options->variant, v->options->model,
              v->options->seed);
        return;
    }

    image(v, disk, at, DISK_KEEP, DISK_ORDERED, 0);
    image(v, disk, at, DISK_NAMES, DISK_ORDERED, 0);

    for (model = 0; model < 2; model++) {
        image(v, disk, at, DISK_DROP, model, 0);
        image(v, disk, at, DISK_DATA, model, 0);
    }

    for (i = 0; i < v->options->random; i++) {
        image(v, disk, at, DISK_RANDOM, (int) (i + v->made) % 2,
              roll(&v->dice) % 1000000000);
    }
}


static void
image(verify_t *v, disk_t *disk, uint64_t at, disk_variant_e variant,
    int model, uint64_t seed)
{
    char      path[PATH_MAX], what[512], log[PATH_MAX];
    image_t   im;
    uint64_t  bytes, steps, number;
    unsigned  i;

    (void) snprintf(path, sizeof(path), "%s/image", v->path);

    if (disk_image(disk, path, variant, model, seed, &number) == -1) {
        die(path);
    }

    /* where little was unsynced, many are the same */

    im.clean = ((variant == DISK_KEEP || variant == DISK_DROP)
                && oracle_clean(v->oracle, at));
    number ^= (uint64_t) im.clean;

    for (i = 0; i < v->nsums; i++) {
        if (v->sums[i] == number) {
            return;
        }
    }

    if (v->nsums < 64) {
        v->sums[v->nsums++] = number;
    }

    steps = disk_unsynced(disk, model, &bytes);

    (void) snprintf(what, sizeof(what), "--at %llu --variant %s --model %s "
                    "--seed %llu (%s; %llu names and %llu bytes not synced)",
                    (unsigned long long) at, variants[variant],
                    models[model], (unsigned long long) seed,
                    oracle_note(v->oracle, at), (unsigned long long) steps,
                    (unsigned long long) bytes);

    if (v->options->check.verbose) {
        printf("# %s\n", what);
    }

    im.path = path;
    im.what = what;
    im.at = at;
    im.log = NULL;

    v->made++;

    if (v->options->again && v->made % v->options->again == 0) {
        (void) snprintf(log, sizeof(log), "%s/again.log", v->path);

        if (recorder_create(log) == -1 || snapshot(log, path) != 0) {
            die(log);
        }

        im.log = log;
    }

    im.tool = (im.log == NULL && v->made % 4 == 0) ? v->options->check.tool
                                                   : NULL;

    check_image(&v->options->check, v->oracle, &im, v->totals);

    if (im.log) {
        cut_again(v, &im);
    }

    if (!v->options->keep) {
        disk_remove(path);
    }
}


/* cuts while the first image was opened, read and closed */

static void
cut_again(verify_t *v, const image_t *first)
{
    char       path[PATH_MAX], what[1024];
    log_t      log;
    disk_t    *disk;
    image_t    im;
    unsigned   i, done, *points;
    uint64_t   seed, number;

    open_log(&log, first->log);
    points = choose(&log, AGAIN, &v->dice);

    (void) snprintf(path, sizeof(path), "%s/again", v->path);

    im = *first;
    im.path = path;
    im.what = what;
    im.clean = 0;
    im.log = NULL;

    disk = disk_create();
    done = 0;

    for (i = 0; i < AGAIN; i++) {
        replay(disk, &log, done, points[i]);
        done = points[i];

        seed = roll(&v->dice) % 1000000000;

        if (disk_image(disk, path, seed % 4 ? DISK_RANDOM : DISK_DROP,
                       (int) (seed & 1), seed, &number)
            == -1)
        {
            die(path);
        }

        (void) snprintf(what, sizeof(what), "%s, again at %u of %u",
                        first->what, done, log.n);

        check_image(&v->options->check, v->oracle, &im, v->totals);
        disk_remove(path);
    }

    disk_destroy(disk);
    close_log(&log);
    free(points);
}


/*
 * Half of the points are anywhere, the other half where names change and where
 * an fsync begins or ends; the last is the end.  None is inside of a snapshot,
 * which is no work of the disk.
 */

static unsigned *
choose(log_t *log, unsigned n, uint64_t *dice)
{
    unsigned  i, k, nsteps, *points, *steps, first;

    points = malloc((n + 1) * sizeof(unsigned));
    steps = malloc((log->n + 1) * sizeof(unsigned));

    if (points == NULL || steps == NULL) {
        die("choose");
    }

    /* behind the first snapshot, before which there is nothing */

    first = 0;
    nsteps = 0;

    for (i = 0; i < log->n; i++) {

        if (record(log, i)->type == RECORD_TAKEN && first == 0) {
            first = i + 1;
        }

        if (first && step_of(record(log, i))) {
            steps[nsteps++] = i;
        }
    }

    for (i = 0; i < n; i++) {

        if (i == n - 1) {
            points[i] = log->n;

        } else if (i % 2 && nsteps) {
            k = (unsigned) ((i + roll(dice) % 1000 / 1000.0) * nsteps / n);
            points[i] = steps[k < nsteps ? k : nsteps - 1]
                        + (unsigned) (roll(dice) & 1);

        } else {
            k = (unsigned) ((i + roll(dice) % 1000 / 1000.0)
                            * (log->n - first) / n);
            points[i] = first + k;
        }
    }

    for (i = 0; i < n; i++) {
        points[i] = behind_snapshot(log, points[i]);
    }

    qsort(points, n, sizeof(unsigned), number_compare);
    free(steps);

    return points;
}


/* returns the first point from this one on that is outside of snapshots */

static unsigned
behind_snapshot(log_t *log, unsigned point)
{
    int       inside;
    unsigned  i;

    inside = 0;

    for (i = 0; i < log->n && (i < point || inside); i++) {

        if (record(log, i)->type == RECORD_SNAPSHOT) {
            inside = 1;

        } else if (record(log, i)->type == RECORD_TAKEN) {
            inside = 0;
        }
    }

    return i;
}


static int
step_of(const record_t *r)
{
    return r->type != RECORD_WRITE && r->type != RECORD_MARK;
}


static int
number_compare(const void *one, const void *two)
{
    const unsigned  *a = one, *b = two;

    return (*a > *b) - (*a < *b);
}


static int
make_image(options_t *options, const char *name, const char *path)
{
    log_t      log;
    disk_t    *disk;
    unsigned   i;
    uint64_t   number;

    open_log(&log, name);

    for (i = 0; i < log.n && log.records[i] < options->at; i++) { /* void */ }

    disk = disk_create();
    replay(disk, &log, 0, i);

    if (disk_image(disk, path, options->variant == -1 ? DISK_KEEP
                                                      : options->variant,
                   options->model, options->seed, &number)
        == -1)
    {
        die(path);
    }

    disk_destroy(disk);
    close_log(&log);

    return 0;
}


static int
check_one(options_t *options, const char *name, const char *path)
{
    log_t      log;
    image_t    im;
    oracle_t  *oracle;
    totals_t  *totals;

    open_log(&log, name);

    oracle = read_marks(&log);
    totals = mmap(NULL, sizeof(totals_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (totals == MAP_FAILED) {
        die("mmap");
    }

    im.path = path;
    im.what = path;
    im.at = (options->at == UINT64_MAX) ? log.size : options->at;
    im.clean = 0;
    im.log = NULL;
    im.tool = options->check.tool;

    check_image(&options->check, oracle, &im, totals);
    sum(totals);

    oracle_destroy(oracle);
    close_log(&log);

    return 0;
}


static void
sum(totals_t *t)
{
    int  i;

    static const char *const  names[] = {
        NULL, "lost", "returned", "old", "expired", "wrong", "unopened",
        "unsettled", "unreadable", "vanished", "crit", "count", "tool", "died"
    };

    printf("images=%u read=%u durable=%u failed=%u", t->images, t->read,
           t->durable, t->failed);

    for (i = ORACLE_RIGHT + 1; i < CHECK_KINDS; i++) {
        printf(" %s=%u", names[i], t->wrong[i]);
    }

    printf("\n");
}


/* -- the log */

static oracle_t *
read_marks(log_t *log)
{
    unsigned     i;
    oracle_t    *oracle;
    const char  *error;

    oracle = oracle_create();

    for (i = 0; i < log->n; i++) {

        if (record(log, i)->type != RECORD_MARK) {
            continue;
        }

        error = oracle_mark(oracle, record(log, i), log->records[i]);

        if (error) {
            fprintf(stderr, "power: %s\n", error);
            exit(2);
        }
    }

    oracle_ready(oracle);

    return oracle;
}


static void
open_log(log_t *log, const char *name)
{
    int              fd;
    unsigned         alloc;
    uint64_t         at;
    struct stat      st;
    const record_t  *r;

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1 || fstat(fd, &st) == -1 || st.st_size == 0) {
        die(name);
    }

    log->size = (uint64_t) st.st_size;
    log->data = mmap(NULL, log->size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void) close(fd);

    if (log->data == MAP_FAILED) {
        die(name);
    }

    log->n = 0;
    log->records = NULL;
    alloc = 0;

    for (at = 0; at < log->size; at += r->size) {

        if (log->n + 1 >= alloc) {
            alloc = alloc ? 2 * alloc : 1024;
            log->records = realloc(log->records, alloc * sizeof(uint64_t));

            if (log->records == NULL) {
                die(name);
            }
        }

        log->records[log->n++] = at;
        r = (const record_t *) (log->data + at);

        if (log->size - at < sizeof(record_t) || r->magic != RECORD_MAGIC
            || r->size > log->size - at)
        {
            fprintf(stderr, "power: %s: no record at %llu\n", name,
                    (unsigned long long) at);
            exit(2);
        }
    }

    log->records[log->n] = log->size;
}


static void
close_log(log_t *log)
{
    (void) munmap((void *) log->data, log->size);
    free(log->records);
}


static const record_t *
record(log_t *log, unsigned i)
{
    return (const record_t *) (log->data + log->records[i]);
}


static void
replay(disk_t *disk, log_t *log, unsigned from, unsigned to)
{
    unsigned         i;
    const char      *error;
    const record_t  *r;

    for (i = from; i < to; i++) {

        r = record(log, i);
        error = disk_apply(disk, r, log->records[i]);

        if (error) {
            fprintf(stderr, "power: at %llu: %s\n",
                    (unsigned long long) log->records[i], error);
            exit(2);
        }

        if (r->type == RECORD_MARK && r->length == 4
            && memcmp(r + 1, "sync", 4) == 0)
        {
            disk_sync(disk);
        }
    }
}


static int
compare(const char *name, const char *path)
{
    log_t      log;
    disk_t    *disk;
    unsigned   bad;

    open_log(&log, name);

    disk = disk_create();
    replay(disk, &log, 0, log.n);
    bad = disk_compare(disk, path);

    disk_destroy(disk);
    close_log(&log);

    return bad ? 1 : 0;
}


static int
snapshot(const char *log, const char *path)
{
    int          fd;
    struct stat  st;

    fd = open(log, O_WRONLY|O_APPEND|O_CLOEXEC);

    if (fd == -1 || stat(path, &st) == -1) {
        die(path);
    }

    append(fd, RECORD_SNAPSHOT, st.st_ino, 0, NULL, NULL, NULL, 0);
    tell_dir(fd, path, "");
    append(fd, RECORD_TAKEN, 0, 0, NULL, NULL, NULL, 0);

    (void) close(fd);

    return 0;
}


static void
tell_dir(int fd, const char *path, const char *name)
{
    DIR            *dir;
    char            full[2 * PATH_MAX], below[PATH_MAX], target[PATH_MAX];
    ssize_t         n;
    struct stat     st;
    struct dirent  *de;

    (void) snprintf(full, sizeof(full), "%s/%s", path, name);

    dir = opendir(full);
    if (dir == NULL) {
        die(full);
    }

    while ((de = readdir(dir)) != NULL) {

        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0) {
            continue;
        }

        (void) snprintf(below, sizeof(below), "%s%s%s", name,
                        name[0] ? "/" : "", de->d_name);
        (void) snprintf(full, sizeof(full), "%s/%s", path, below);

        if (lstat(full, &st) == -1) {
            die(full);
        }

        if (S_ISDIR(st.st_mode)) {
            append(fd, RECORD_MKDIR, st.st_ino, 0, below, NULL, NULL, 0);
            tell_dir(fd, path, below);

        } else if (S_ISLNK(st.st_mode)) {
            n = readlink(full, target, sizeof(target) - 1);
            target[n < 0 ? 0 : n] = '\0';
            append(fd, RECORD_SYMLINK, st.st_ino, 0, below, target, NULL, 0);

        } else if (S_ISREG(st.st_mode)) {
            tell_file(fd, full, below, &st);
        }
    }

    (void) closedir(dir);
}


static void
tell_file(int fd, const char *path, const char *name, struct stat *st)
{
    int       in;
    char      buf[65536];
    off_t     offset;
    size_t    i;
    ssize_t   n;
    record_t  r;

    append(fd, RECORD_CREATE, st->st_ino, 0, name, NULL, NULL, 0);

    in = open(path, O_RDONLY|O_CLOEXEC);
    if (in == -1) {
        die(path);
    }

    offset = 0;

    while ((n = read(in, buf, sizeof(buf))) > 0) {

        for (i = 0; i < (size_t) n && buf[i] == 0; i++) { /* void */ }

        if (i < (size_t) n) {
            append(fd, RECORD_WRITE, st->st_ino, offset, NULL, NULL, buf,
                   (size_t) n);
        }

        offset += n;
    }

    (void) close(in);

    memset(&r, 0, sizeof(record_t));

    r.type = RECORD_TRUNCATE;
    r.inode = st->st_ino;
    r.length = offset;

    if (recorder_append(fd, &r, NULL, NULL, NULL, 0) == -1) {
        die("log");
    }
}


static void
append(int fd, uint32_t type, uint64_t inode, int64_t offset,
    const char *name, const char *other, const void *data, size_t len)
{
    record_t  r;

    memset(&r, 0, sizeof(record_t));

    r.type = type;
    r.inode = inode;
    r.offset = offset;
    r.length = (int64_t) len;

    if (recorder_append(fd, &r, name, other, data, len) == -1) {
        die("log");
    }
}


static int
mark(const char *log, const char *text)
{
    int  fd;

    fd = open(log, O_WRONLY|O_APPEND|O_CLOEXEC);
    if (fd == -1) {
        die(log);
    }

    append(fd, RECORD_MARK, 0, 0, NULL, NULL, text, strlen(text));
    (void) close(fd);

    return 0;
}


static int
kill_all(const char *log, int n, char **pids)
{
    int               i;
    pthread_mutex_t  *lock;

    lock = recorder_lock_of(log);
    if (lock == NULL) {
        die(log);
    }

    recorder_lock(lock);

    for (i = 0; i < n; i++) {
        (void) kill((pid_t) atoi(pids[i]), SIGKILL);
    }

    for (i = 0; i < n; i++) {
        while (alive((pid_t) atoi(pids[i]))) {
            (void) usleep(1000);
        }
    }

    recorder_unlock(lock);

    return 0;
}


/* tells whether it has a thread that may still do something */

static int
alive(pid_t pid)
{
    int             yes;
    DIR            *dir;
    char            name[300], text[512], *p;
    FILE           *file;
    size_t          n;
    struct dirent  *de;

    (void) snprintf(name, sizeof(name), "/proc/%d/task", (int) pid);

    dir = opendir(name);
    if (dir == NULL) {
        return 0;
    }

    yes = 0;

    while ((de = readdir(dir)) != NULL) {

        (void) snprintf(name, sizeof(name), "/proc/%d/task/%s/stat",
                        (int) pid, de->d_name);

        file = (de->d_name[0] == '.') ? NULL : fopen(name, "r");
        if (file == NULL) {
            continue;
        }

        n = fread(text, 1, sizeof(text) - 1, file);
        text[n] = '\0';
        (void) fclose(file);

        p = strrchr(text, ')');
        yes |= (p && p[1] && p[2] != 'Z' && p[2] != 'X');
    }

    (void) closedir(dir);

    return yes;
}


static uint64_t
roll(uint64_t *dice)
{
    uint64_t  z;

    *dice += 0x9e3779b97f4a7c15;
    z = *dice;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return z ^ (z >> 31);
}


static void
usage(void)
{
    fprintf(stderr, "usage: power begin|snapshot|mark|kill|compare|image|"
            "verify|check LOG ..., see t/power/power.c\n");
    exit(2);
}


static void
die(const char *what)
{
    fprintf(stderr, "power: %s: %s\n", what, strerror(errno));
    exit(2);
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * The cache in several processes, one of which ends, dies, hangs or hands over
 * at a certain point of its work.  Each test is for a former defect.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>

#include <leveldb/c.h>

#include "bigcache_segment.h"
#include "takeover.h"


#define MEGABYTE   (1024 * 1024)
#define SMALL      2000
#define MIDDLE     (200 * 1000)
#define LARGE      (1200 * 1000)
#define PIECE      (128 * 1024)        /* a length that only this test uses */
#define WAIT       10000               /* ms */
#define HOUR       3600


static void after_clear(void);
static void all_quitting(void);
static void opening_fails(unsigned gate, const char *name);
static void opening_late(void);
static void killed_closing(unsigned gate, const char *name);
static void larger_than_disk(void);
static void no_answer(void);
static void stalled(void);
static void done_already(void);
static void not_known(int what, const char *name);
static void clock_set_back(void);
static void counting(void);
static void slow_page(int what, const char *name);
static void quit_while_clearing(unsigned gate, const char *name);
static void removed_files(void);
static void unfindable(void);
static void backup(void);
static void backup_begin(void);
static void stops(unsigned process);
static void quiet(void);
static int stopped(unsigned process);
static int files(unsigned process, const char *what);
static unsigned segments(char *newest);
static void shell(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
static void find(void *to, const char *name);
static void find_all(void)
    __attribute__((constructor));


/* the functions that the ones at the end replace */

static struct {
    ssize_t      (*pwrite)(int fd, const void *buf, size_t n, off_t offset);
    ssize_t      (*pwritev)(int fd, const struct iovec *iov, int n,
                            off_t offset);
    ssize_t      (*pread)(int fd, void *buf, size_t n, off_t offset);
    int          (*ftruncate)(int fd, off_t len);
    int          (*listen)(int fd, int backlog);
    int          (*close)(int fd);
    int          (*poll)(struct pollfd *fds, nfds_t n, int msec);
    int          (*statvfs)(const char *name, struct statvfs *fs);
    int          (*clock_gettime)(clockid_t clock, struct timespec *ts);
    leveldb_t   *(*leveldb_open)(const leveldb_options_t *options,
                                 const char *name, char **err);
    void         (*leveldb_iter_next)(leveldb_iterator_t *it);
    void         (*leveldb_write)(leveldb_t *db,
                                  const leveldb_writeoptions_t *options,
                                  leveldb_writebatch_t *batch, char **err);
    void         (*leveldb_close)(leveldb_t *db);
} next;


int
main(void)
{
    after_clear();
    all_quitting();

    opening_fails(GATE_OPEN, "LevelDB does not open again");
    opening_fails(GATE_LISTEN, "the socket cannot be made again");
    opening_late();

    killed_closing(GATE_TRUNCATE, "killed before a segment has its size");
    killed_closing(GATE_CLOSE, "killed when a segment has its size");

    larger_than_disk();
    no_answer();
    stalled();
    done_already();
    not_known(DO_REMOVE, "deleted");
    not_known(DO_CREATE, "created");
    clock_set_back();
    counting();

    slow_page(DO_PUT, "a page that is being written");
    slow_page(DO_GET, "a page that is being checked");

    quit_while_clearing(GATE_CLOSE, "told to quit when it begins to clear");
    quit_while_clearing(GATE_OPEN, "told to quit when it has cleared");

    removed_files();
    unfindable();
    backup();

    return done_testing();
}


/*
 * The extent that a caller has borrowed is gone.  The caller must not try it
 * again and again until it is used up.
 */

static void
after_clear(void)
{
    unsigned  writes;

    prepare("a caller, after a clear", WAIT);

    conf.store.segment_size = 256 * MEGABYTE;
    conf.store.max_size = 1024 * MEGABYTE;

    spawn(0);
    spawn(1);

    is_int(put(1, "x", 1100, 'a'), BIGCACHE_OK, "a caller stores a page");
    is_int(put(1, "x", 1100, 'b'), BIGCACHE_OK, "and another");
    is_int(call(0, DO_CLEAR, ""), BIGCACHE_OK, "the owner clears");

    writes = atomic_load(&shared->writes[1]);
    is_int(put(1, "x", 1100, 'c'), BIGCACHE_OK, "the caller stores a third");
    writes = atomic_load(&shared->writes[1]) - writes;
    ok(writes > 0 && writes < 20, "in %u tries", writes);

    ok(holds(1, "x", 1100, 'c'), "and reads it");
    ok(holds(0, "x", 1100, 'c'), "the owner too");
    quiet();

    finish();
}


static void
all_quitting(void)
{
    int64_t  end;

    prepare("all are told to quit", 2000);

    spawn(0);
    spawn(1);

    is_int(put(1, "x", SMALL, 'a'), BIGCACHE_OK, "a page");

    (void) call(0, DO_QUIT, "");
    ok_soon(owner() == 1, "a process that must not quit takes over");

    (void) call(1, DO_QUIT, "");
    is_int(put(0, "y", SMALL, 'a'), BIGCACHE_OK,
           "the last one told to quit is the owner still");

    stops(1);

    /* a call that comes after "wait" is over must still wait */

    end = bigcache_time_monotonic() + conf.store.wait + 300;

    while (bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    is_int(put(0, "x", SMALL, 'b'), BIGCACHE_OK, "it ends, another goes on");
    is_int(owner(), 0, "as the owner");
    ok(holds(0, "x", SMALL, 'b') && holds(0, "y", SMALL, 'a'), "all is there");

    finish();
}


/*
 * an owner that cannot open the store again must release the directory for
 * good
 */

static void
opening_fails(unsigned gate, const char *name)
{
    int  rc, heir;

    prepare(name, WAIT);

    spawn(0);
    spawn(1);
    spawn(2);

    is_int(put(2, "x", SMALL, 'a'), BIGCACHE_OK, "a page");

    gate_set(gate, 0, GATE_FAILS);

    /* or it is late, and the next owner clears */

    rc = call(0, DO_CLEAR, "");
    ok(rc == BIGCACHE_UNAVAILABLE || rc == BIGCACHE_OK, "a clear, %d", rc);

    is_int(put(1, "b", SMALL, 'b'), BIGCACHE_OK, "another process goes on");
    is_int(put(2, "c", SMALL, 'c'), BIGCACHE_OK, "for a third one too");

    heir = owner();
    ok(heir == 1 || heir == 2, "it has taken over");

    /* it would still fail, and has not tried again yet */

    is_int(put(0, "a", SMALL, 'a'), BIGCACHE_OK, "the first asks it at once");
    is_int(owner(), heir, "as a caller");

    gate_open(gate);

    stops(0);
    is_int(owner(), heir, "that leaves the owner alone");

    spawn(3);
    ok(holds(3, "a", SMALL, 'a') && holds(3, "b", SMALL, 'b')
       && holds(3, "c", SMALL, 'c'), "a new process reads what was stored");
    is_int(put(1, "b", SMALL, 'd'), BIGCACHE_OK, "and one may write");
    is_int(put(2, "b", SMALL, 'e'), BIGCACHE_OK, "or another");
    ok(holds(3, "b", SMALL, 'e'), "all see that");

    finish();
}


/* a process that could not open the store waits for one that is about to */

static void
opening_late(void)
{
    int      rc;
    int64_t  end, until;

    prepare("the next owner is late", WAIT);

    spawn(0);
    spawn(1);

    gate_set(GATE_OPEN, 0, GATE_FAILS);
    gate_set(GATE_LISTEN, 1, GATE_HOLDS);

    is_int(call(0, DO_CLEAR, ""), BIGCACHE_UNAVAILABLE, "a clear");
    ok_soon(gate_held(GATE_LISTEN), "another process has the directory");

    /* until it has noticed that, calls fail */

    end = bigcache_time_monotonic() + patience;

    do {
        order(0, 0, DO_PUT, "a", SMALL, 'a');
        until = bigcache_time_monotonic() + IMPATIENT;

        while (!answered(0, 0) && bigcache_time_monotonic() < until) {
            (void) usleep(500);
        }

    } while (answered(0, 0) && bigcache_time_monotonic() < end);

    ok(!answered(0, 0), "a call waits for it");

    gate_open(GATE_LISTEN);

    rc = result(0, 0);
    is_int(rc, BIGCACHE_OK, "and is answered by it");
    is_int(owner(), 1, "the owner");
    ok(holds(1, "a", SMALL, 'a'), "which has the page");

    finish();
}


/*
 * An extent reaches past the end of the file, and callers that do not know yet
 * may still write there.  The next owner must not put anything there.
 */

static void
killed_closing(unsigned gate, const char *name)
{
    prepare(name, WAIT);

    conf.store.segment_size = 16 * MEGABYTE;

    spawn(0);
    spawn(1);
    spawn(2);

    is_int(put(0, "x", SMALL, 'x'), BIGCACHE_OK, "a page");

    gate_set(GATE_PIECE_WRITE, 1, GATE_HOLDS);
    order(1, 0, DO_PUT, "late", 3 * MEGABYTE, 'l');
    ok_soon(gate_held(GATE_PIECE_WRITE), "a caller is about to write");

    gate_set(gate, 0, GATE_KILLS);
    order(0, 0, DO_QUIT, "", 0, 0);
    ok_soon(ended(0), "the owner quits");
    ok(WIFSIGNALED(statuses[0]) && WTERMSIG(statuses[0]) == SIGKILL,
       "and is killed at that");

    is_int(put(2, "p", MIDDLE, 'p'), BIGCACHE_OK, "the next owner");
    is_int(put(2, "q", MIDDLE, 'q'), BIGCACHE_OK, "stores pages");
    ok(holds(2, "p", MIDDLE, 'p') && holds(2, "q", MIDDLE, 'q'),
       "which are read");

    ok(gate_held(GATE_PIECE_WRITE), "the caller writes but now");
    gate_open(GATE_PIECE_WRITE);
    is_int(result(1, 0), BIGCACHE_OK, "and his page is stored");

    ok(holds(2, "p", MIDDLE, 'p') && holds(1, "p", MIDDLE, 'p'),
       "the others are as they were");
    ok(holds(2, "q", MIDDLE, 'q') && holds(1, "q", MIDDLE, 'q'),
       "both of them");
    ok(holds(2, "late", 3 * MEGABYTE, 'l')
       && holds(1, "late", 3 * MEGABYTE, 'l'), "its page is whole");
    ok(holds(1, "x", SMALL, 'x'), "the oldest too");
    quiet();

    finish();
}


static void
larger_than_disk(void)
{
    unsigned  i;

    prepare("a body larger than the disk", WAIT);

    conf.store.segment_size = MEGABYTE;
    conf.store.max_size = 16 * MEGABYTE;

    spawn(0);
    spawn(1);

    is_int(put(1, "old", LARGE, 'o'), BIGCACHE_OK, "a page, the oldest");
    is_int(put(1, "x", SMALL, 'x'), BIGCACHE_OK, "and one more");

    atomic_store(&shared->room, 32 * MEGABYTE);

    for (i = 0; i < 2; i++) {
        is_int(put(1 - i, "huge", 40 * MEGABYTE, 'h'), BIGCACHE_FULL,
               "%s: there is no room for a huge one", i ? "owner" : "caller");
        is_int(put(1, "y", SMALL, 'y'), BIGCACHE_OK, "but for a small one");
        is_int(put(0, "z", LARGE, 'z'), BIGCACHE_OK, "and a large one");
    }

    ok(holds(1, "old", LARGE, 'o') && holds(0, "old", LARGE, 'o'),
       "the oldest is still there");
    ok(holds(1, "x", SMALL, 'x'), "and the other");
    quiet();

    finish();
}


/* calls that wait for a hanging owner wait at the same time */

static void
no_answer(void)
{
    int        fd;
    slot_t    *slot;
    unsigned   i;

    prepare("an owner that does not answer", 1000);

    spawn(0);
    spawn(1);

    signals(0, SIGSTOP);
    ok_soon(stopped(0), "the owner hangs");

    is_int(call(1, DO_BURST, ""), BIGCACHE_UNAVAILABLE, "all calls fail");

    slot = &shared->slots[1][0];

    is_int(slot->n, BURST, "there were some");
    is_int(atomic_load(&shared->asked), BURST, "they wait side by side");
    ok(slot->msec < 5 * conf.store.wait, "not after one another: %lld ms",
       (long long) slot->msec);

    /* a connection that was given up stays in the backlog, which gets full */

    for (i = 0; i < 10000; i++) {
        fd = bigcache_socket_connect(path, 1);

        if (fd == -1) {
            break;
        }

        (void) close(fd);
    }

    ok(i < 10000, "nobody is let in any more");
    is_int(call(1, DO_BURST, ""), BIGCACHE_UNAVAILABLE, "all calls fail");
    ok(slot->msec < 5 * conf.store.wait, "no later than before: %lld ms",
       (long long) slot->msec);

    signals(0, SIGCONT);
    ok_soon(put(1, "x", SMALL, 'x') == BIGCACHE_OK, "it goes on");
    is_int(owner(), 0, "as the owner");
    ok(holds(0, "x", SMALL, 'x'), "and has what was stored");

    finish();
}


/*
 * A caller that stops waiting gives its extent back, while the owner is about
 * to store the record of a page there.
 */

static void
stalled(void)
{
    char  goes[PATH_MAX];

    prepare("LevelDB stalls for longer than a caller waits", 2000);

    conf.store.segment_size = MEGABYTE;

    spawn(0);
    spawn(1);

    is_int(put(1, "x", SMALL, '1'), BIGCACHE_OK, "a page");

    gate_set(GATE_WRITE, 0, GATE_HOLDS);
    is_int(put(1, "x", LARGE, '2'), BIGCACHE_UNAVAILABLE,
           "a caller that replaces it gives up");
    ok(gate_held(GATE_WRITE), "it is being done");
    ok(holds(1, "x", SMALL, '1'), "and was not done yet");

    /* segments without live pages are removed, the oldest first */

    is_int(put(0, "y", LARGE, 'y'), BIGCACHE_OK, "a page of another segment");
    (void) segments(goes);
    is_int(call(0, DO_DELETE, "y"), BIGCACHE_OK, "is deleted");

    /* the caller tries again, after the call that it has begun */

    order(1, 1, DO_PUT, "x", LARGE, '3');
    gate_open(GATE_WRITE);
    is_int(result(1, 1), BIGCACHE_OK, "the caller tries again");

    /* no segment is removed while a write is under way */

    ok_soon(access(goes, F_OK) == -1, "that segment goes");

    ok(holds(0, "x", LARGE, '3') && holds(1, "x", LARGE, '3'),
       "that is what is read");
    is_int(call(1, DO_COUNT, ""), BIGCACHE_OK, "stat");
    is_int(shared->slots[1][0].n, 1, "one page");
    quiet();

    finish();
}


/* the answer is lost, but the call was run */

static void
done_already(void)
{
    prepare("an owner that dies when it is done", WAIT);

    spawn(0);
    spawn(1);

    gate_set(GATE_WRITTEN, 0, GATE_KILLS);

    order(1, 0, DO_CREATE, "x", SMALL, 'x');
    is_int(result(1, 0), BIGCACHE_OK, "a page that is not to be there yet");
    ok_soon(ended(0), "the owner has died");
    is_int(owner(), 1, "there is another");
    ok(holds(1, "x", SMALL, 'x'), "which has the page");
    is_int(call(1, DO_CREATE, "x"), BIGCACHE_MISMATCH, "so it is there");

    spawn(0);

    gate_set(GATE_WRITTEN, 1, GATE_KILLS);

    is_int(call(0, DO_DELETE, "x"), BIGCACHE_OK, "a page is deleted");
    ok_soon(ended(1), "the owner has died");
    is_int(call(0, DO_GET, "x"), BIGCACHE_MISS, "so it is gone");
    is_int(call(0, DO_DELETE, "x"), BIGCACHE_MISS, "for others too");
    quiet();

    finish();
}


/* the same, but the page has changed when the next owner is asked */

static void
not_known(int what, const char *name)
{
    prepare("an owner that dies when it is done, then it is undone", WAIT);

    spawn(0);
    spawn(1);
    spawn(2);

    if (what == DO_REMOVE) {
        is_int(put(1, "x", SMALL, '1'), BIGCACHE_OK, "a page");
        ok(holds(1, "x", SMALL, '1'), "a caller reads it");
    }

    gate_set(GATE_WRITTEN, 0, GATE_HOLDS);

    order(1, 0, what, "x", SMALL, '1');
    ok_soon(gate_held(GATE_WRITTEN), "it is %s", name);

    signals(1, SIGSTOP);
    ok_soon(stopped(1), "the caller is slow");
    signals(0, SIGKILL);
    ok_soon(ended(0), "the owner has died");

    is_int(put(2, "x", SMALL, '2'), BIGCACHE_OK, "another page");

    signals(1, SIGCONT);
    is_int(result(1, 0), BIGCACHE_UNKNOWN, "he cannot know that it was %s",
           name);
    ok(holds(2, "x", SMALL, '2'), "the other page stays");
    quiet();

    finish();
}


/*
 * The call is lost.  What the next owner finds is later by the clock, but was
 * there before.
 */

static void
clock_set_back(void)
{
    prepare("the clock is set back, then the owner dies", WAIT);

    spawn(0);
    spawn(1);

    is_int(put(0, "x", SMALL, '1'), BIGCACHE_OK, "a page");
    ok(holds(1, "x", SMALL, '1'), "a caller reads it, and knows its version");

    atomic_store(&shared->behind, HOUR);
    gate_set(GATE_WRITE, 0, GATE_KILLS);

    is_int(put(1, "x", SMALL, '2'), BIGCACHE_OK, "he replaces it");
    ok_soon(ended(0), "the owner has died at that");
    is_int(owner(), 1, "there is another");
    ok(holds(1, "x", SMALL, '2'), "which has the later page");
    is_int(call(1, DO_DELETE, "x"), BIGCACHE_OK, "it is deleted");
    is_int(call(1, DO_GET, "x"), BIGCACHE_MISS, "and gone");
    quiet();

    finish();
}


/* a count after a crash must not delay the other gauges */

static void
counting(void)
{
    prepare("an owner that counts what a dead one has left", 2000);

    spawn(0);
    spawn(1);
    spawn(2);

    is_int(put(1, "x", SMALL, 'x'), BIGCACHE_OK, "a page");
    is_int(put(1, "y", SMALL, 'y'), BIGCACHE_OK, "and another");
    is_int(call(1, DO_GAUGES, ""), BIGCACHE_OK, "gauges of a caller");
    is_int(shared->slots[1][0].n, 2, "two pages");

    gate_set(GATE_NEXT, 1, GATE_HOLDS);
    signals(2, SIGSTOP);
    ok_soon(stopped(2), "one that does not take the store");
    signals(0, SIGKILL);
    ok_soon(ended(0), "the owner has died");
    ok_soon(gate_held(GATE_NEXT), "the next one counts");
    signals(2, SIGCONT);

    ok(holds(1, "x", SMALL, 'x'), "and serves");
    is_int(call(1, DO_GAUGES, ""), BIGCACHE_AGAIN, "gauges without a count");
    is_int(call(2, DO_GAUGES, ""), BIGCACHE_AGAIN, "the same for a caller");
    is_int(call(2, DO_COUNT, ""), BIGCACHE_UNAVAILABLE,
           "a call for the count waits for it");

    gate_open(GATE_NEXT);
    is_int(call(2, DO_COUNT, ""), BIGCACHE_OK, "the count");
    is_int(shared->slots[2][0].n, 2, "is what it was");
    is_int(call(1, DO_GAUGES, ""), BIGCACHE_OK, "which gauges know, too");
    is_int(call(2, DO_GAUGES, ""), BIGCACHE_OK, "of all");
    quiet();

    finish();
}


/* other requests do not wait for it, though its process must hand over */

static void
slow_page(int what, const char *name)
{
    unsigned  gate;

    prepare(name, WAIT);

    gate = (what == DO_PUT) ? GATE_PIECE_WRITE : GATE_PIECE_READ;

    spawn(0);
    spawn(1);

    is_int(put(1, "x", SMALL, 'x'), BIGCACHE_OK, "a page");

    if (what == DO_GET) {
        is_int(put(1, "slow", 3 * MEGABYTE, 's'), BIGCACHE_OK, "a large one");
    }

    gate_set(gate, 0, GATE_HOLDS);
    order(0, 0, what, "slow", 3 * MEGABYTE, 's');
    ok_soon(gate_held(gate), "the owner is busy with a large one");

    order(0, 1, DO_QUIT, "", 0, 0);
    ok_soon(owner() == 1, "it hands over when told to quit");

    ok(holds(1, "x", SMALL, 'x'), "the next owner reads");
    is_int(put(1, "x", SMALL, 'y'), BIGCACHE_OK, "and writes");
    ok(holds(1, "x", SMALL, 'y'), "and reads again");

    ok(gate_held(gate), "the first is still busy");
    gate_open(gate);
    is_int(result(0, 0), BIGCACHE_OK, "and ends well");

    ok(holds(0, "slow", 3 * MEGABYTE, 's')
       && holds(1, "slow", 3 * MEGABYTE, 's'), "the large page is whole");
    ok(holds(0, "x", SMALL, 'y'), "the small one is the later one");
    stops(0);
    quiet();

    finish();
}


static void
quit_while_clearing(unsigned gate, const char *name)
{
    prepare(name, WAIT);

    spawn(0);
    spawn(1);

    is_int(put(1, "x", SMALL, 'x'), BIGCACHE_OK, "a page");

    gate_set(gate, 0, GATE_HOLDS);
    order(1, 0, DO_CLEAR, "", 0, 0);
    ok_soon(gate_held(gate), "the owner clears");

    order(0, 1, DO_QUIT, "", 0, 0);
    is_int(result(0, 1), BIGCACHE_OK, "it is told to quit");
    gate_open(gate);

    is_int(result(1, 0), BIGCACHE_OK, "all is cleared");
    ok_soon(owner() == 1, "it hands over");
    is_int(call(1, DO_GET, "x"), BIGCACHE_MISS, "the page is gone");
    is_int(put(1, "y", SMALL, 'y'), BIGCACHE_OK, "the next owner writes");
    ok(holds(0, "y", SMALL, 'y'), "the first reads");
    stops(0);
    quiet();

    finish();
}


/*
 * A reader has the file of a removed segment open.  The disk must get its
 * space back after the read.
 */

static void
removed_files(void)
{
    int  rc;

    prepare("files of removed segments", WAIT);

    conf.store.segment_size = MEGABYTE;

    spawn(0);

    is_int(put(0, "x", LARGE, 'x'), BIGCACHE_OK, "a segment of one page");
    is_int(call(0, DO_CLOSE, ""), BIGCACHE_OK, "no process");
    is_int(call(0, DO_OPEN, ""), BIGCACHE_OK, "has it open");

    spawn(1);
    ok(holds(1, "x", LARGE, 'x'), "now a caller has");

    gate_set(GATE_HEADER_READ, 0, GATE_HOLDS);
    order(0, 0, DO_GET, "x", 0, 0);
    ok_soon(gate_held(GATE_HEADER_READ), "the owner is opening it");

    order(0, 1, DO_DELETE, "x", 0, 0);
    is_int(result(0, 1), BIGCACHE_OK, "the page is deleted");
    ok_soon(segments(NULL) == 0, "the segment is removed");
    ok(files(0, ".seg (deleted)") > 0, "it is open still");

    gate_open(GATE_HEADER_READ);
    rc = result(0, 0);
    ok(rc == BIGCACHE_OK || rc == BIGCACHE_MISS, "it is read, or is not");

    ok_soon(files(0, ".seg (deleted)") == 0, "then the owner closes it");
    ok_soon(files(1, ".seg (deleted)") == 0, "and the caller");
    quiet();

    finish();
}


/* a damaged page: the owner could read it only through an unlinked file */

static void
unfindable(void)
{
    char  file[PATH_MAX];

    prepare("a file that only the owner has", 2000);

    conf.store.segment_size = MEGABYTE;

    spawn(0);
    spawn(1);

    is_int(put(0, "x", LARGE, 'x'), BIGCACHE_OK, "a page");
    ok(holds(0, "x", LARGE, 'x'), "the owner has its file open");
    is_int(segments(file), 1, "a segment");
    is_int(unlink(file), 0, "somebody removes it");

    is_int(call(1, DO_GET, "x"), BIGCACHE_MISS, "a caller cannot have it");
    is_int(call(0, DO_GET, "x"), BIGCACHE_MISS, "nor can the owner");
    is_int(atomic_load(&shared->complaints), 1, "which is told");
    is_int(put(1, "x", SMALL, '2'), BIGCACHE_OK, "it is made anew");
    ok(holds(0, "x", SMALL, '2'), "and is there");

    finish();
}


/* files of the same names may be different files */

static void
backup(void)
{
    backup_begin();

    is_int(call(0, DO_CLOSE, ""), BIGCACHE_OK, "closed");
    ok_soon(files(0, ".seg") == 0 && files(1, ".seg") == 0,
            "no process has a file open");
    shell("rm -r %s/index %s/pages && cp -a %s/backup/. %s", path, path, base,
          path);
    is_int(call(0, DO_OPEN, ""), BIGCACHE_OK, "open with the backup");

    ok(holds(0, "x", 5000, '1') && holds(1, "x", 5000, '1'),
       "what was in the backup is there");
    ok(holds(0, "w", 5000, 'w') && holds(1, "w", 5000, 'w'), "all of it");
    is_int(call(0, DO_GET, "y"), BIGCACHE_MISS, "what is later is not");
    is_int(call(1, DO_GET, "y"), BIGCACHE_MISS, "for nobody");

    /* in the place of what was written there before */

    is_int(put(0, "y", 5000, '3'), BIGCACHE_OK, "a page");
    is_int(put(1, "z", 5000, 'z'), BIGCACHE_OK, "and another");
    ok(holds(1, "y", 5000, '3') && holds(0, "y", 5000, '3'),
       "all read the new page");
    ok(holds(1, "z", 5000, 'z') && holds(0, "z", 5000, 'z'),
       "and the other one");
    ok(holds(0, "x", 5000, '1') && holds(1, "x", 5000, '1')
       && holds(1, "w", 5000, 'w'), "and those of the backup");
    is_int(call(1, DO_COUNT, ""), BIGCACHE_OK, "stat");
    is_int(shared->slots[1][0].n, 4, "that is all");
    quiet();

    finish();
}


/* all processes have the files open; there is a backup, and later pages */

static void
backup_begin(void)
{
    prepare("a backup in the directory's place", WAIT);

    conf.store.segment_size = 16 * MEGABYTE;

    spawn(0);
    spawn(1);

    is_int(put(1, "x", 5000, '1'), BIGCACHE_OK, "a page of a caller");
    is_int(put(0, "w", 5000, 'w'), BIGCACHE_OK, "a page of the owner");

    is_int(call(0, DO_CLOSE, ""), BIGCACHE_OK, "closed for a backup");
    shell("mkdir %s/backup && cp -a %s/index %s/pages %s/backup", base, path,
          path, base);
    is_int(call(0, DO_OPEN, ""), BIGCACHE_OK, "open again");

    is_int(put(0, "y", 5000, '2'), BIGCACHE_OK, "a later page");
    ok(holds(0, "w", 5000, 'w') && holds(0, "x", 5000, '1')
       && holds(0, "y", 5000, '2'), "one process reads all");
    ok(holds(1, "w", 5000, 'w') && holds(1, "x", 5000, '1')
       && holds(1, "y", 5000, '2'), "the other too");
}


static void
stops(unsigned process)
{
    order(process, 0, DO_STOP, "", 0, 0);

    ok_soon(ended(process), "process %u stops", process);
    ok(WIFEXITED(statuses[process]) && WEXITSTATUS(statuses[process]) == 0,
       "and ends well");
}


static void
quiet(void)
{
    is_int(atomic_load(&shared->complaints), 0, "nobody complains");
}


/*
 * returns 1 if all threads of a process are stopped: a signal reaches one of
 * them first
 */

static int
stopped(unsigned process)
{
    int             running;
    DIR            *dir;
    FILE           *file;
    char            name[PATH_MAX], text[512], *p;
    struct dirent  *de;

    (void) snprintf(name, PATH_MAX, "/proc/%d/task", (int) pids[process]);

    dir = opendir(name);
    if (dir == NULL) {
        return 0;
    }

    running = 0;

    for ( ;; ) {
        de = readdir(dir);

        if (de == NULL) {
            break;
        }

        if (de->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(name, PATH_MAX, "/proc/%d/task/%s/stat",
                        (int) pids[process], de->d_name);

        file = fopen(name, "r");
        p = file ? fgets(text, sizeof(text), file) : NULL;

        /* the state follows the name, which is in parentheses */

        p = p ? strrchr(p, ')') : NULL;
        running += (p == NULL || p[1] == '\0' || p[2] != 'T');

        if (file) {
            (void) fclose(file);
        }
    }

    (void) closedir(dir);

    return running == 0;
}


/* returns how many open files of a process have that in their names, or -1 */

static int
files(unsigned process, const char *what)
{
    int             n;
    DIR            *dir;
    char            name[PATH_MAX];
    ssize_t         len;
    struct dirent  *de;

    (void) snprintf(name, PATH_MAX, "/proc/%d/fd", (int) pids[process]);

    dir = opendir(name);
    if (dir == NULL) {
        return -1;
    }

    n = 0;

    for ( ;; ) {
        de = readdir(dir);

        if (de == NULL) {
            break;
        }

        len = readlinkat(dirfd(dir), de->d_name, name, sizeof(name) - 1);

        if (len > 0) {
            name[len] = '\0';
            n += (strstr(name, what) != NULL);
        }
    }

    (void) closedir(dir);

    return n;
}


/* returns the number of segments, and the name of the newest file */

static unsigned
segments(char *newest)
{
    DIR            *dir;
    char            name[PATH_MAX], last[NAME_MAX + 1];
    unsigned        n;
    struct dirent  *de;

    (void) snprintf(name, PATH_MAX, "%s/pages", path);

    n = 0;
    last[0] = '\0';
    dir = opendir(name);

    while (dir) {
        de = readdir(dir);

        if (de == NULL) {
            break;
        }

        if (strstr(de->d_name, ".seg") == NULL) {
            continue;
        }

        n++;

        if (strcmp(de->d_name, last) > 0) {
            (void) snprintf(last, sizeof(last), "%s", de->d_name);
        }
    }

    if (dir) {
        (void) closedir(dir);
    }

    if (newest) {
        (void) snprintf(newest, PATH_MAX, "%s/pages/%s", path, last);
    }

    return n;
}


static void
shell(const char *fmt, ...)
{
    char     command[1024];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);

    is_int(system(command), 0, "%s", command);
}


static void
find(void *to, const char *name)
{
    void  *symbol;

    symbol = dlsym(RTLD_NEXT, name);

    if (symbol == NULL) {
        (void) fprintf(stderr, "there is no %s()\n", name);
        abort();
    }

    memcpy(to, &symbol, sizeof(symbol));
}


static void
find_all(void)
{
    find(&next.pwrite, "pwrite");
    find(&next.pwritev, "pwritev");
    find(&next.pread, "pread");
    find(&next.ftruncate, "ftruncate");
    find(&next.listen, "listen");
    find(&next.close, "close");
    find(&next.poll, "poll");
    find(&next.statvfs, "statvfs");
    find(&next.clock_gettime, "clock_gettime");
    find(&next.leveldb_open, "leveldb_open");
    find(&next.leveldb_iter_next, "leveldb_iter_next");
    find(&next.leveldb_write, "leveldb_write");
    find(&next.leveldb_close, "leveldb_close");
}


/*
 * The linker uses these instead of the functions with the same names, also for
 * LevelDB and a sanitizer.
 */

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    if (n >= PIECE) {
        (void) gate_pass(GATE_PIECE_WRITE);
    }

    if (self != PROCESSES) {
        (void) atomic_fetch_add(&shared->writes[self], 1);
    }

    return next.pwrite(fd, buf, n, offset);
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    if (self != PROCESSES) {
        (void) atomic_fetch_add(&shared->writes[self], 1);
    }

    return next.pwritev(fd, iov, n, offset);
}


ssize_t
pread(int fd, void *buf, size_t n, off_t offset)
{
    if (n >= PIECE) {
        (void) gate_pass(GATE_PIECE_READ);
    }

    if (n == BIGCACHE_SEGMENT_HEADER && offset == 0) {
        (void) gate_pass(GATE_HEADER_READ);
    }

    return next.pread(fd, buf, n, offset);
}


int
ftruncate(int fd, off_t len)
{
    (void) gate_pass(GATE_TRUNCATE);

    return next.ftruncate(fd, len);
}


int
listen(int fd, int backlog)
{
    if (gate_pass(GATE_LISTEN) == -1) {
        errno = EADDRINUSE;
        return -1;
    }

    return next.listen(fd, backlog);
}


int
close(int fd)
{
    int  rc;

    if (next.close == NULL) {
        find_all();
    }

    rc = next.close(fd);

    if (rc == -1 && errno == EBADF && self != PROCESSES) {
        (void) atomic_fetch_add(&shared->twice, 1);
    }

    return rc;
}


int
poll(struct pollfd *fds, nfds_t n, int msec)
{
    int       rc;
    unsigned  asking, asked;

    if (!bursting) {
        return next.poll(fds, n, msec);
    }

    asking = atomic_fetch_add(&shared->asking, 1) + 1;
    asked = atomic_load(&shared->asked);

    while (asked < asking
           && !atomic_compare_exchange_weak(&shared->asked, &asked, asking))
    {
        /* void */
    }

    rc = next.poll(fds, n, msec);

    (void) atomic_fetch_sub(&shared->asking, 1);

    return rc;
}


int
statvfs(const char *name, struct statvfs *fs)
{
    int       rc;
    uint64_t  room;

    rc = next.statvfs(name, fs);
    room = shared ? atomic_load(&shared->room) : 0;

    if (rc == 0 && room) {
        fs->f_bavail = room / fs->f_frsize;
    }

    return rc;
}


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int  rc;

    if (next.clock_gettime == NULL) {
        find_all();
    }

    rc = next.clock_gettime(clock, ts);

    if (clock == CLOCK_REALTIME && shared) {
        ts->tv_sec -= (time_t) atomic_load(&shared->behind);
    }

    return rc;
}


leveldb_t *
leveldb_open(const leveldb_options_t *options, const char *name, char **err)
{
    if (gate_pass(GATE_OPEN) == -1) {
        *err = strdup("IO error: the test has it fail");
        return NULL;
    }

    return next.leveldb_open(options, name, err);
}


void
leveldb_iter_next(leveldb_iterator_t *it)
{
    (void) gate_pass(GATE_NEXT);

    next.leveldb_iter_next(it);
}


void
leveldb_write(leveldb_t *db, const leveldb_writeoptions_t *options,
    leveldb_writebatch_t *batch, char **err)
{
    (void) gate_pass(GATE_WRITE);

    next.leveldb_write(db, options, batch, err);

    (void) gate_pass(GATE_WRITTEN);
}


void
leveldb_close(leveldb_t *db)
{
    (void) gate_pass(GATE_CLOSE);

    next.leveldb_close(db);
}

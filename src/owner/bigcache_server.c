
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The owner's threads: one accepts connections, and one for each connection
 * reads calls and sends answers.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np() */
#endif

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_remote.h"
#include "bigcache_serve.h"
#include "bigcache_server.h"
#include "bigcache_socket.h"
#include "bigcache_version.h"


/* bytes of a thread's stack; large structs are allocated */

#define BIGCACHE_SERVER_STACK  (512 * 1024)

/* milliseconds within which a connection must send HELLO */

#define BIGCACHE_SERVER_HELLO  5000

/* milliseconds until the next try, when too many files are open */

#define BIGCACHE_SERVER_PAUSE  10


typedef struct bigcache_server_conn_s  bigcache_server_conn_t;

struct bigcache_server_conn_s {
    bigcache_server_conn_t  *next;
    bigcache_server_t       *server;
    int                      fd;
    uint64_t                 caller;
    unsigned                 known:1;     /* HELLO has come */
    unsigned                 stays:1;     /* it watches, and is not quitting */
    unsigned                 sweeps:1;    /* it watches, and answers SWEEP */
    uint64_t                 told;        /* the last number sent to it */
    uint64_t                 swept;       /* the last one that it answered */
    _Atomic int              closing;     /* no further call is begun */
    u_char                   buf[BIGCACHE_MESSAGE_MAX];
};


struct bigcache_server_s {
    bigcache_store_t        *store;
    char                     path[PATH_MAX];
    bigcache_log_t           log;
    uint64_t                 masters[BIGCACHE_MESSAGE_MASTERS];

    pthread_mutex_t          mutex;
    pthread_cond_t           cond;
    bigcache_server_conn_t  *conns;
    unsigned                 n;           /* threads */
    unsigned                 staying;     /* callers that are not quitting */
    uint64_t                 removals;    /* of segments, the last SWEEP */
    unsigned                 quitting:1;

    int                      fd;          /* -1: not started */
    pthread_t                thread;      /* accepts */
};


static void *bigcache_server_accept(void *data);
static void bigcache_server_add(bigcache_server_t *server, int fd);
static void *bigcache_server_thread(void *data);
static const char *bigcache_server_calls(bigcache_server_conn_t *conn);
static const char *bigcache_server_hello(bigcache_server_conn_t *conn);
static int bigcache_server_friend(bigcache_server_t *server,
    const bigcache_message_t *message);
static void bigcache_server_watch(bigcache_server_conn_t *conn, int stays,
    int sweeps);
static void bigcache_server_tell_locked(bigcache_server_t *server);
static void bigcache_server_answered(bigcache_server_conn_t *conn,
    uint64_t number);
static void bigcache_server_end(bigcache_server_conn_t *conn);


bigcache_server_t *
bigcache_server_create(bigcache_store_t *store,
    const bigcache_store_conf_t *conf, const uint64_t *masters)
{
    bigcache_server_t  *server;

    server = calloc(1, sizeof(bigcache_server_t));
    if (server == NULL) {
        return NULL;
    }

    server->store = store;
    server->log = conf->log;
    server->fd = -1;

    (void) snprintf(server->path, PATH_MAX, "%s", conf->path);
    memcpy(server->masters, masters, sizeof(server->masters));

    (void) pthread_mutex_init(&server->mutex, NULL);
    (void) pthread_cond_init(&server->cond, NULL);

    return server;
}


void
bigcache_server_destroy(bigcache_server_t *server)
{
    (void) pthread_mutex_lock(&server->mutex);

    while (server->n) {
        (void) pthread_cond_wait(&server->cond, &server->mutex);
    }

    (void) pthread_mutex_unlock(&server->mutex);

    (void) pthread_cond_destroy(&server->cond);
    (void) pthread_mutex_destroy(&server->mutex);

    free(server);
}


bigcache_rc_t
bigcache_server_start(bigcache_server_t *server, char *error)
{
    int  err;

    if (server->fd != -1) {
        return BIGCACHE_OK;
    }

    server->fd = bigcache_socket_listen(server->path, error);

    if (server->fd == -1) {
        return BIGCACHE_ERROR;
    }

    err = pthread_create(&server->thread, NULL, bigcache_server_accept,
                         server);
    if (err) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot start a thread: %s", strerror(err));

        bigcache_socket_remove(server->path);
        (void) close(server->fd);
        server->fd = -1;

        return BIGCACHE_ERROR;
    }

    return BIGCACHE_OK;
}


void
bigcache_server_stop(bigcache_server_t *server)
{
    bigcache_server_conn_t  *conn;

    if (server->fd == -1) {
        return;
    }

    bigcache_socket_remove(server->path);
    bigcache_socket_shutdown(server->fd);

    (void) pthread_join(server->thread, NULL);
    (void) close(server->fd);
    server->fd = -1;

    /* threads answer the calls that have arrived as not run, then they end */

    (void) pthread_mutex_lock(&server->mutex);

    for (conn = server->conns; conn; conn = conn->next) {
        atomic_store(&conn->closing, 1);
        bigcache_socket_shutdown(conn->fd);
    }

    (void) pthread_mutex_unlock(&server->mutex);
}


void
bigcache_server_quit(bigcache_server_t *server)
{
    unsigned  staying;

    (void) pthread_mutex_lock(&server->mutex);

    server->quitting = 1;
    staying = server->staying;

    (void) pthread_mutex_unlock(&server->mutex);

    if (staying) {
        bigcache_store_resign(server->store);
    }
}


void
bigcache_server_sweep(bigcache_server_t *server)
{
    (void) pthread_mutex_lock(&server->mutex);

    server->removals++;
    bigcache_server_tell_locked(server);

    (void) pthread_mutex_unlock(&server->mutex);
}


int
bigcache_server_swept(bigcache_server_t *server)
{
    int                      all;
    bigcache_server_conn_t  *conn;

    all = 1;

    (void) pthread_mutex_lock(&server->mutex);

    for (conn = server->conns; conn; conn = conn->next) {
        all &= (!conn->sweeps || conn->swept == server->removals);
    }

    (void) pthread_mutex_unlock(&server->mutex);

    return all;
}


static void *
bigcache_server_accept(void *data)
{
    bigcache_server_t *server = data;

    int  fd;

    (void) pthread_setname_np(pthread_self(), "bc-accept");

    for ( ;; ) {
        fd = bigcache_socket_accept(server->fd);

        if (fd == -1) {
            return NULL;
        }

        if (fd == -2) {
            (void) usleep(BIGCACHE_SERVER_PAUSE * 1000);
            continue;
        }

        bigcache_server_add(server, fd);
    }
}


static void
bigcache_server_add(bigcache_server_t *server, int fd)
{
    int                      err;
    pthread_t                thread;
    pthread_attr_t           attr;
    bigcache_server_conn_t  *conn;

    conn = malloc(sizeof(bigcache_server_conn_t));

    if (conn == NULL) {
        (void) close(fd);
        return;
    }

    memset(conn, 0, offsetof(bigcache_server_conn_t, buf));

    conn->server = server;
    conn->fd = fd;

    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) pthread_attr_setstacksize(&attr, BIGCACHE_SERVER_STACK);

    (void) pthread_mutex_lock(&server->mutex);

    err = (server->n == BIGCACHE_SERVER_MOST)
          ? EAGAIN
          : pthread_create(&thread, &attr, bigcache_server_thread, conn);

    if (err == 0) {
        server->n++;
        conn->next = server->conns;
        server->conns = conn;
    }

    (void) pthread_mutex_unlock(&server->mutex);

    (void) pthread_attr_destroy(&attr);

    if (err) {
        bigcache_log(&server->log, BIGCACHE_LOG_ERR,
                     "store \"%s\": a connection of another process is "
                     "closed: %s", server->path, strerror(err));
        (void) close(fd);
        free(conn);
    }
}


static void *
bigcache_server_thread(void *data)
{
    bigcache_server_conn_t *conn = data;

    const char  *error;

    (void) pthread_setname_np(pthread_self(), "bc-caller");

    error = bigcache_server_hello(conn);

    if (error == NULL && conn->known) {
        error = bigcache_server_calls(conn);
    }

    if (error) {
        bigcache_log(&conn->server->log, BIGCACHE_LOG_WARN,
                     "store \"%s\": a message over owner.sock is refused: "
                     "%s", conn->server->path, error);
    }

    bigcache_server_end(conn);

    return NULL;
}


/*
 * returns NULL at the end of the connection, or what was wrong with a message
 */

static const char *
bigcache_server_calls(bigcache_server_conn_t *conn)
{
    int                  rc;
    const char          *error;
    bigcache_served_t    served;
    bigcache_message_t   in, out;

    while (bigcache_socket_recv(conn->fd, -1, conn->buf, sizeof(conn->buf),
                                &in, &error))
    {

        if (in.call == BIGCACHE_CALL_WATCH) {
            bigcache_server_watch(conn, in.n[0] == 0, in.n[1] == 1);
            continue;
        }

        if (in.call == BIGCACHE_CALL_SWEEP) {
            bigcache_server_answered(conn, in.n[0]);
            continue;
        }

        if (atomic_load(&conn->closing)) {
            memset(&out, 0, sizeof(bigcache_message_t));
            out.call = in.call;
            out.rc = BIGCACHE_HELD;
            out.flags = BIGCACHE_MESSAGE_GONE;

            (void) bigcache_socket_send(conn->fd, &out);
            continue;
        }

        error = bigcache_serve(conn->server->store, conn->caller, &in, &out,
                               &served);
        if (error) {
            return error;
        }

        if (out.rc == BIGCACHE_HELD
            || (out.rc == BIGCACHE_UNAVAILABLE && atomic_load(&conn->closing)))
        {
            out.flags = BIGCACHE_MESSAGE_GONE;
        }

        rc = bigcache_socket_send(conn->fd, &out);

        if (rc == -1 && in.call == BIGCACHE_CALL_LEND
            && out.rc == BIGCACHE_OK)
        {
            /*
             * the extent did not reach the caller, and no other thread knows
             * it
             */

            bigcache_remote_take_back(conn->server->store, conn->caller,
                                      out.n[0], out.n[1]);
        }

        bigcache_serve_free(&served);

        if (rc == -1) {
            return NULL;
        }
    }

    return error;
}


static const char *
bigcache_server_hello(bigcache_server_conn_t *conn)
{
    const char          *error;
    bigcache_server_t   *server;
    bigcache_message_t   in, out;

    server = conn->server;

    if (!bigcache_socket_recv(conn->fd, BIGCACHE_SERVER_HELLO, conn->buf,
                              sizeof(conn->buf), &in, &error))
    {
        return error;
    }

    if (in.call != BIGCACHE_CALL_HELLO || in.key.len || in.data.len) {
        return "it does not begin with HELLO";
    }

    memset(&out, 0, sizeof(bigcache_message_t));

    out.call = BIGCACHE_CALL_HELLO;
    out.n[0] = server->masters[0];
    out.n[BIGCACHE_MESSAGE_LATEST] = bigcache_version_latest(server->store);

    if (!bigcache_server_friend(server, &in)) {

        /* the caller belongs to another nginx, and logs the reason itself */

        out.rc = BIGCACHE_MISMATCH;
        (void) bigcache_socket_send(conn->fd, &out);

        return NULL;
    }

    (void) pthread_mutex_lock(&server->mutex);
    conn->caller = in.n[BIGCACHE_MESSAGE_MASTERS];
    conn->known = 1;
    (void) pthread_mutex_unlock(&server->mutex);

    (void) bigcache_socket_send(conn->fd, &out);

    return NULL;
}


/* returns 1 if the caller has a master in common with this process, or 0 */

static int
bigcache_server_friend(bigcache_server_t *server,
    const bigcache_message_t *message)
{
    unsigned  i, k;

    for (i = 0; i < BIGCACHE_MESSAGE_MASTERS; i++) {
        for (k = 0; k < BIGCACHE_MESSAGE_MASTERS; k++) {

            if (message->n[i] && message->n[i] == server->masters[k]) {
                return 1;
            }
        }
    }

    return 0;
}


static void
bigcache_server_watch(bigcache_server_conn_t *conn, int stays, int sweeps)
{
    int                 resign;
    bigcache_server_t  *server;

    server = conn->server;

    (void) pthread_mutex_lock(&server->mutex);

    server->staying -= conn->stays;
    conn->stays = (stays != 0);
    server->staying += conn->stays;

    if (sweeps && !conn->sweeps) {

        /* it closes what was removed before as it begins to watch */

        conn->sweeps = 1;
        conn->told = server->removals;
        conn->swept = server->removals;
    }

    resign = (server->quitting && server->staying
              && !atomic_load(&conn->closing));

    (void) pthread_mutex_unlock(&server->mutex);

    if (resign) {
        bigcache_store_resign(server->store);
    }
}


/*
 * Tells each caller that some segments were removed, but does not wait for one
 * that does not read: it gets the next number when it has answered the last.
 */

static void
bigcache_server_tell_locked(bigcache_server_t *server)
{
    bigcache_message_t       message;
    bigcache_server_conn_t  *conn;

    memset(&message, 0, sizeof(bigcache_message_t));

    message.call = BIGCACHE_CALL_SWEEP;
    message.n[0] = server->removals;

    for (conn = server->conns; conn; conn = conn->next) {

        if (conn->sweeps
            && conn->told == conn->swept && conn->told != server->removals)
        {
            conn->told = server->removals;
            (void) bigcache_socket_send(conn->fd, &message);
        }
    }
}


static void
bigcache_server_answered(bigcache_server_conn_t *conn, uint64_t number)
{
    bigcache_server_t  *server;

    server = conn->server;

    (void) pthread_mutex_lock(&server->mutex);

    if (conn->sweeps && number == conn->told) {
        conn->swept = number;
        bigcache_server_tell_locked(server);
    }

    (void) pthread_mutex_unlock(&server->mutex);
}


static void
bigcache_server_end(bigcache_server_conn_t *conn)
{
    int                       last;
    bigcache_server_t        *server;
    bigcache_server_conn_t  **p, *other;

    server = conn->server;
    last = conn->known;

    (void) pthread_mutex_lock(&server->mutex);

    for (p = &server->conns; *p != conn; p = &(*p)->next) { /* void */ }

    *p = conn->next;

    server->staying -= conn->stays;

    for (other = server->conns; other; other = other->next) {
        if (other->known && other->caller == conn->caller) {
            last = 0;
        }
    }

    (void) pthread_mutex_unlock(&server->mutex);

    if (last) {
        bigcache_remote_caller_gone(server->store, conn->caller);
    }

    (void) close(conn->fd);
    free(conn);

    (void) pthread_mutex_lock(&server->mutex);
    server->n--;
    (void) pthread_cond_broadcast(&server->cond);
    (void) pthread_mutex_unlock(&server->mutex);
}

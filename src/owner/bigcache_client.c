
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A caller's connections to the owner: one for each call under way, kept for
 * the next call, and one that shows when the owner ends.
 */


#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_client.h"
#include "bigcache_socket.h"
#include "bigcache_time.h"


/* milliseconds to wait in addition to the owner's own waiting */

#define BIGCACHE_CLIENT_SPARE  500


struct bigcache_client_conn_s {
    bigcache_client_conn_t  *next;
    uint64_t                 epoch;
    int                      fd;
    u_char                   buf[BIGCACHE_MESSAGE_MAX];
};


struct bigcache_client_s {
    char                     path[PATH_MAX];
    uint64_t                 masters[BIGCACHE_MESSAGE_MASTERS];
    uint64_t                 number;
    unsigned                 wait;

    pthread_mutex_t          mutex;
    bigcache_client_conn_t  *idle;
    _Atomic uint64_t         epoch;
    _Atomic uint64_t         latest;
    char                     reason[BIGCACHE_ERROR_LEN];
};


static bigcache_client_conn_t *bigcache_client_take(
    bigcache_client_t *client);
static bigcache_rc_t bigcache_client_open(bigcache_client_t *client, int msec,
    bigcache_client_conn_t **connp, char *error);
static bigcache_rc_t bigcache_client_hello(bigcache_client_t *client,
    bigcache_client_conn_t *conn, int msec, char *error);
static void bigcache_client_hear_version(bigcache_client_t *client,
    const bigcache_message_t *answer);
static void bigcache_client_close(bigcache_client_conn_t *conn);
static void bigcache_client_close_idle(bigcache_client_t *client);


bigcache_client_t *
bigcache_client_create(const char *path, const uint64_t *masters,
    unsigned wait)
{
    bigcache_client_t  *client;

    client = calloc(1, sizeof(bigcache_client_t));
    if (client == NULL) {
        return NULL;
    }

    (void) snprintf(client->path, PATH_MAX, "%s", path);
    memcpy(client->masters, masters, sizeof(client->masters));

    /* unique among the living processes */

    client->number = ((uint64_t) getpid() << 32)
                     ^ (uint64_t) bigcache_time_now_us() ^ (uintptr_t) client;
    client->wait = wait;

    (void) pthread_mutex_init(&client->mutex, NULL);

    return client;
}


void
bigcache_client_destroy(bigcache_client_t *client)
{
    bigcache_client_close_idle(client);

    (void) pthread_mutex_destroy(&client->mutex);

    free(client);
}


bigcache_rc_t
bigcache_client_watch(bigcache_client_t *client, int quitting, int *fd,
    char *error)
{
    bigcache_rc_t            rc;
    bigcache_client_conn_t  *conn;

    rc = bigcache_client_open(client, (int) client->wait, &conn, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    *fd = conn->fd;
    free(conn);

    bigcache_client_tell(*fd, quitting);

    return BIGCACHE_OK;
}


void
bigcache_client_tell(int fd, int quitting)
{
    bigcache_message_t  message;

    memset(&message, 0, sizeof(bigcache_message_t));

    message.call = BIGCACHE_CALL_WATCH;
    message.n[0] = (quitting != 0);
    message.n[1] = 1;

    /* if this fails, the owner is gone, and the watch will notice */

    (void) bigcache_socket_send(fd, &message);
}


int
bigcache_client_sweep(int fd, uint64_t *number)
{
    u_char               buf[BIGCACHE_MESSAGE_HEADER];
    const char          *error;
    bigcache_message_t   message;

    if (!bigcache_socket_recv(fd, -1, buf, sizeof(buf), &message, &error)
        || message.call != BIGCACHE_CALL_SWEEP)
    {
        return 0;
    }

    *number = message.n[0];

    return 1;
}


void
bigcache_client_swept(int fd, uint64_t number)
{
    bigcache_message_t  message;

    memset(&message, 0, sizeof(bigcache_message_t));

    message.call = BIGCACHE_CALL_SWEEP;
    message.n[0] = number;

    (void) bigcache_socket_send(fd, &message);
}


int
bigcache_client_probe(bigcache_client_t *client)
{
    char                     error[BIGCACHE_ERROR_LEN];
    bigcache_client_conn_t  *conn;

    if (bigcache_client_open(client, (int) client->wait, &conn, error)
        != BIGCACHE_OK)
    {
        return 0;
    }

    bigcache_client_close(conn);

    return 1;
}


void
bigcache_client_end(bigcache_client_t *client)
{
    (void) atomic_fetch_add(&client->epoch, 1);

    bigcache_client_close_idle(client);
}


uint64_t
bigcache_client_latest(bigcache_client_t *client)
{
    return atomic_load(&client->latest);
}


uint64_t
bigcache_client_epoch(bigcache_client_t *client)
{
    return atomic_load(&client->epoch);
}


bigcache_rc_t
bigcache_client_call(bigcache_client_t *client,
    const bigcache_message_t *call, int msec, bigcache_called_t *called)
{
    char                     reason[BIGCACHE_ERROR_LEN];
    const char              *error;
    bigcache_client_conn_t  *conn;

    called->conn = NULL;
    called->begun = 0;

    conn = bigcache_client_take(client);

    if (conn == NULL
        && bigcache_client_open(client, msec == BIGCACHE_CLIENT_SLOW
                                        ? (int) client->wait : msec,
                                &conn, reason) != BIGCACHE_OK)
    {
        return BIGCACHE_NO_ANSWER;
    }

    called->epoch = conn->epoch;

    if (bigcache_socket_send(conn->fd, call) == -1) {
        bigcache_client_close(conn);
        return BIGCACHE_NO_ANSWER;
    }

    if (!bigcache_socket_recv(conn->fd,
                              msec == BIGCACHE_CLIENT_SLOW
                              ? -1 : msec + BIGCACHE_CLIENT_SPARE,
                              conn->buf, sizeof(conn->buf),
                              &called->answer, &error)
        || called->answer.call != call->call)
    {
        bigcache_client_close(conn);
        called->begun = 1;

        return BIGCACHE_NO_ANSWER;
    }

    called->conn = conn;

    bigcache_client_hear_version(client, &called->answer);

    if (called->answer.flags & BIGCACHE_MESSAGE_GONE) {

        /*
         * nothing of the call was run, except of a purge, which may be run in
         * part
         */

        return BIGCACHE_HELD;
    }

    if (called->answer.rc == BIGCACHE_UNAVAILABLE) {
        (void) pthread_mutex_lock(&client->mutex);
        (void) snprintf(client->reason, BIGCACHE_ERROR_LEN, "%.*s",
                        (int) called->answer.data.len,
                        called->answer.data.data);
        (void) pthread_mutex_unlock(&client->mutex);
    }

    return called->answer.rc;
}


void
bigcache_client_reason(bigcache_client_t *client, char *text)
{
    (void) pthread_mutex_lock(&client->mutex);
    memcpy(text, client->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&client->mutex);
}


void
bigcache_client_release(bigcache_client_t *client, bigcache_called_t *called)
{
    bigcache_client_conn_t  *conn;

    conn = called->conn;

    if (conn == NULL) {
        return;
    }

    called->conn = NULL;

    (void) pthread_mutex_lock(&client->mutex);

    if (conn->epoch == atomic_load(&client->epoch)
        && !(called->answer.flags & BIGCACHE_MESSAGE_GONE))
    {
        conn->next = client->idle;
        client->idle = conn;
        conn = NULL;
    }

    (void) pthread_mutex_unlock(&client->mutex);

    if (conn) {
        bigcache_client_close(conn);
    }
}


static bigcache_client_conn_t *
bigcache_client_take(bigcache_client_t *client)
{
    bigcache_client_conn_t  *conn;

    (void) pthread_mutex_lock(&client->mutex);

    conn = client->idle;

    if (conn) {
        client->idle = conn->next;
    }

    (void) pthread_mutex_unlock(&client->mutex);

    return conn;
}


static bigcache_rc_t
bigcache_client_open(bigcache_client_t *client, int msec,
    bigcache_client_conn_t **connp, char *error)
{
    bigcache_rc_t            rc;
    bigcache_client_conn_t  *conn;

    conn = malloc(sizeof(bigcache_client_conn_t));

    if (conn == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_UNAVAILABLE;
    }

    conn->epoch = atomic_load(&client->epoch);
    conn->fd = bigcache_socket_connect(client->path,
                                       msec + BIGCACHE_CLIENT_SPARE);

    if (conn->fd == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        errno == EPERM
                        ? "a process of another user serves owner.sock"
                        : "another process has the store open");
        free(conn);

        return BIGCACHE_UNAVAILABLE;
    }

    rc = bigcache_client_hello(client, conn, msec, error);

    if (rc == BIGCACHE_OK) {
        *connp = conn;

    } else {
        bigcache_client_close(conn);
    }

    return rc;
}


static bigcache_rc_t
bigcache_client_hello(bigcache_client_t *client, bigcache_client_conn_t *conn,
    int msec, char *error)
{
    const char          *wrong;
    bigcache_message_t   message;

    memset(&message, 0, sizeof(bigcache_message_t));

    message.call = BIGCACHE_CALL_HELLO;
    memcpy(message.n, client->masters, sizeof(client->masters));

    /*
     * a new number for each opening: an extent of this one must not be valid
     * in the next
     */

    message.n[BIGCACHE_MESSAGE_MASTERS] = client->number + conn->epoch;

    if (bigcache_socket_send(conn->fd, &message) == -1
        || !bigcache_socket_recv(conn->fd, msec + BIGCACHE_CLIENT_SPARE,
                                 conn->buf, sizeof(conn->buf), &message,
                                 &wrong)
        || message.call != BIGCACHE_CALL_HELLO)
    {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the process that has the store open does not answer");
        return BIGCACHE_UNAVAILABLE;
    }

    if (message.rc == BIGCACHE_MISMATCH) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "another nginx, of the master process %llu, has the "
                        "store open",
                        (unsigned long long) (message.n[0] & 0xffffffff));
    }

    bigcache_client_hear_version(client, &message);

    return message.rc;
}


/* keeps versions growing across clock changes and owners */

static void
bigcache_client_hear_version(bigcache_client_t *client,
    const bigcache_message_t *answer)
{
    uint64_t  last, latest;

    latest = answer->n[BIGCACHE_MESSAGE_LATEST];
    last = atomic_load(&client->latest);

    while (last < latest
           && !atomic_compare_exchange_weak(&client->latest, &last, latest))
    {
        /* void */
    }
}


static void
bigcache_client_close(bigcache_client_conn_t *conn)
{
    (void) close(conn->fd);
    free(conn);
}


static void
bigcache_client_close_idle(bigcache_client_t *client)
{
    bigcache_client_conn_t  *conn;

    for ( ;; ) {
        conn = bigcache_client_take(client);

        if (conn == NULL) {
            return;
        }

        bigcache_client_close(conn);
    }
}

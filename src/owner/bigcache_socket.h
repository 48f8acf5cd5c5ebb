
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The socket of an owner, path/owner.sock, and messages over it.  Only
 * processes of the same user, or of root, are let in.  All of it may block;
 * any thread, but for one connection one at a time.
 */


#ifndef _BIGCACHE_SOCKET_H_INCLUDED_
#define _BIGCACHE_SOCKET_H_INCLUDED_


#include "bigcache_message.h"


/*
 * Makes the socket of the directory path, whose lock the caller has, in place
 * of what is there.  Returns it, or -1 and the reason.
 */
int bigcache_socket_listen(const char *path, char *error);

/* removes it, before the lock is let go */

void bigcache_socket_remove(const char *path);

/*
 * Returns a connection; -1 and errno if nobody listens, or does not let it in
 * within msec milliseconds, above 0; EPERM if whoever listens is neither root
 * nor the user of this process.
 */
int bigcache_socket_connect(const char *path, int msec);

/*
 * Waits for a connection.  Returns it; -1 if the socket was shut down; -2 if
 * there was one that is not to be let in, or no file for it.
 */
int bigcache_socket_accept(int fd);

/* a thread that waits for the socket, or for a message, is woken by these */

void bigcache_socket_shutdown(int fd);

/* sends the message.  Returns 0, or -1: nothing of it was sent */

int bigcache_socket_send(int fd, const bigcache_message_t *message);

/*
 * Waits for a message, at most msec milliseconds, or for ever if -1, and puts
 * it into the BIGCACHE_MESSAGE_MAX bytes at buf.  Returns 1, or 0 if there is
 * none to come, and *error is NULL or what is wrong.
 */
int bigcache_socket_recv(int fd, int msec, u_char *buf,
    bigcache_message_t *message, const char **error);


#endif /* _BIGCACHE_SOCKET_H_INCLUDED_ */

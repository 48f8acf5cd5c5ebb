
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The socket of an owner, path/owner.sock, and messages over it.  Only
 * processes of the same user, or of root, may connect.  All calls may block.
 * Any thread; only one at a time sends over a connection, and one receives.
 */


#ifndef _BIGCACHE_SOCKET_H_INCLUDED_
#define _BIGCACHE_SOCKET_H_INCLUDED_


#include "bigcache_message.h"


/*
 * Makes the socket of the directory path, in place of one that is there.
 * REQUIRES: this process has the directory's lock.  Returns the socket, or -1
 * and the reason.
 */
int bigcache_socket_listen(const char *path, char *error);

/* removes the socket; the caller must still hold the lock of the directory */

void bigcache_socket_remove(const char *path);

/*
 * Returns a connection; or -1 and errno if no process listens or accepts
 * within msec milliseconds, 1 or more.  errno is EPERM if the listening
 * process runs neither as root nor as the user of this process.
 */
int bigcache_socket_connect(const char *path, int msec);

/*
 * Waits for a connection.  Returns it; -1 if the socket was shut down; -2 if
 * the connection was refused, or there was no descriptor for it.
 */
int bigcache_socket_accept(int fd);

/* wakes the threads that wait for a connection, or for a message */

void bigcache_socket_shutdown(int fd);

/* returns 0, or -1 if nothing of the message was sent */

int bigcache_socket_send(int fd, const bigcache_message_t *message);

/*
 * Waits for a message, for msec milliseconds, or without limit if that is -1.
 * Puts it into the size bytes at buf, which *message points into; any message
 * has at most BIGCACHE_MESSAGE_MAX.  Returns 1; or 0 if no message came.  Then
 * *error is what is wrong, or NULL if the connection ended.
 */
int bigcache_socket_recv(int fd, int msec, u_char *buf, size_t size,
    bigcache_message_t *message, const char **error);


#endif /* _BIGCACHE_SOCKET_H_INCLUDED_ */

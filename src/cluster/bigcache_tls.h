
/*
 * Copyright (C) bigcache contributors
 */


/*
 * TLS to the servers of a cluster, by OpenSSL.  A build without it has these
 * functions, too; there bigcache_tls_create() always fails.
 *
 * A bigcache_tls_t may be used by any thread, a bigcache_tls_link_t by one at a
 * time.  No function waits: each says for what the caller must wait, as poll()
 * takes it, before it calls again.
 */


#ifndef _BIGCACHE_TLS_H_INCLUDED_
#define _BIGCACHE_TLS_H_INCLUDED_


#include <sys/types.h>


#define BIGCACHE_TLS_WRONG  (-2)


/* files are PEM, NULL: none */

typedef struct {
    const char  *ca;        /* whom to trust, NULL: whom the machine trusts */
    const char  *cert;      /* to show to servers, with its chain */
    const char  *key;       /* of it */
    const char  *name;      /* that certificates must be for, NULL: the host */
} bigcache_tls_conf_t;

typedef struct bigcache_tls_s  bigcache_tls_t;
typedef struct ssl_st          bigcache_tls_link_t;     /* OpenSSL's */


/*
 * Reads the files; name belongs to the caller and must stay.  Returns NULL if
 * that fails, and error, of BIGCACHE_ERROR_LEN bytes, says why.  Only one
 * thread may create and destroy.
 */
bigcache_tls_t *bigcache_tls_create(const bigcache_tls_conf_t *conf,
    char *error);

/*
 * The last one waits until threads that have used TLS have ended, for a second
 * at most: the process may exit after it, and OpenSSL then frees what it keeps
 * for each thread, also while the thread frees that itself.
 */
void bigcache_tls_destroy(bigcache_tls_t *tls);

/*
 * Begins TLS on a connected socket that does not block, and stays the caller's.
 * Returns NULL, and error says why.
 */
bigcache_tls_link_t *bigcache_tls_open(const bigcache_tls_t *tls, int fd,
    const char *host, char *error);
void bigcache_tls_close(bigcache_tls_link_t *link);

/*
 * Connect: returns 1 if the server is the right one, BIGCACHE_TLS_WRONG if its
 * certificate says that it is not.  Send and receive: return how many bytes, at
 * least one.  All return 0 if the caller must wait for *events; or -1.  Behind
 * -1 and BIGCACHE_TLS_WRONG error says why, and the link must be closed.
 */
int bigcache_tls_connect(bigcache_tls_link_t *link, short *events,
    char *error);
ssize_t bigcache_tls_send(bigcache_tls_link_t *link, const void *data,
    size_t len, short *events, char *error);
ssize_t bigcache_tls_receive(bigcache_tls_link_t *link, void *buf, size_t size,
    short *events, char *error);


#endif /* _BIGCACHE_TLS_H_INCLUDED_ */


/*
 * Copyright (C) bigcache contributors
 */


/* TLS to the servers of a cluster */


#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "bigcache_rc.h"
#include "bigcache_tls.h"


#ifdef BIGCACHE_HAVE_OPENSSL

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>


struct bigcache_tls_s {
    SSL_CTX     *ctx;
    const char  *name;
};


/* milliseconds */

#define BIGCACHE_TLS_THREADS_WAIT   1000
#define BIGCACHE_TLS_THREADS_PAUSE  5


static void bigcache_tls_unused(void);
static void bigcache_tls_thread(void);
static void bigcache_tls_thread_end(void *data);
static int bigcache_tls_files(SSL_CTX *ctx, const bigcache_tls_conf_t *conf,
    char *error);
static int bigcache_tls_password(char *buf, int size, int writes, void *data);
static int bigcache_tls_expect(SSL *ssl, const char *name);
static int bigcache_tls_again(const bigcache_tls_link_t *link, int rc,
    short *events, char *error);
static void bigcache_tls_reason(char *error, const char *what);


/* each thread that uses TLS has a value of the key, and is counted */

static pthread_key_t  bigcache_tls_key;
static unsigned       bigcache_tls_users;       /* of the key */
static _Atomic int    bigcache_tls_threads;


bigcache_tls_t *
bigcache_tls_create(const bigcache_tls_conf_t *conf, char *error)
{
    bigcache_tls_t  *tls;

    tls = malloc(sizeof(bigcache_tls_t));
    if (tls == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return NULL;
    }

    if (bigcache_tls_users == 0
        && pthread_key_create(&bigcache_tls_key, bigcache_tls_thread_end) != 0)
    {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "TLS does not start");
        free(tls);
        return NULL;
    }

    bigcache_tls_users++;

    ERR_clear_error();

    tls->name = conf->name;
    tls->ctx = SSL_CTX_new(TLS_client_method());

    if (tls->ctx == NULL
        || SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION) != 1)
    {
        bigcache_tls_reason(error, "TLS does not start");
        bigcache_tls_destroy(tls);
        return NULL;
    }

    (void) SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                                      |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(tls->ctx, bigcache_tls_password);

    if (bigcache_tls_files(tls->ctx, conf, error) == -1) {
        bigcache_tls_destroy(tls);
        return NULL;
    }

    return tls;
}


void
bigcache_tls_destroy(bigcache_tls_t *tls)
{
    SSL_CTX_free(tls->ctx);
    free(tls);

    if (--bigcache_tls_users == 0) {
        bigcache_tls_unused();
    }
}


static void
bigcache_tls_unused(void)
{
    int       left;
    unsigned  waited;

    left = atomic_load(&bigcache_tls_threads);

    /* the last pause: a thread that is not counted any more is still in here */

    for (waited = 0;
         left && waited < BIGCACHE_TLS_THREADS_WAIT;
         waited += BIGCACHE_TLS_THREADS_PAUSE)
    {
        left = atomic_load(&bigcache_tls_threads);
        (void) usleep(BIGCACHE_TLS_THREADS_PAUSE * 1000);
    }

    (void) pthread_key_delete(bigcache_tls_key);
}


/* the calling thread uses TLS */

static void
bigcache_tls_thread(void)
{
    if (pthread_getspecific(bigcache_tls_key) == NULL
        && pthread_setspecific(bigcache_tls_key, &bigcache_tls_threads) == 0)
    {
        (void) atomic_fetch_add(&bigcache_tls_threads, 1);
    }
}


/* what OpenSSL keeps for the thread is freed here, so that its end is known */

static void
bigcache_tls_thread_end(void *data)
{
    (void) data;

    OPENSSL_thread_stop();

    (void) atomic_fetch_sub(&bigcache_tls_threads, 1);
}


bigcache_tls_link_t *
bigcache_tls_open(const bigcache_tls_t *tls, int fd, const char *host,
    char *error)
{
    bigcache_tls_link_t  *link;

    bigcache_tls_thread();
    ERR_clear_error();

    link = SSL_new(tls->ctx);

    if (link == NULL
        || SSL_set_fd(link, fd) != 1
        || bigcache_tls_expect(link, tls->name ? tls->name : host) != 1)
    {
        bigcache_tls_reason(error, "TLS does not start");
        bigcache_tls_close(link);
        return NULL;
    }

    SSL_set_connect_state(link);

    return link;
}


/* without a goodbye, which the server does not need and might have to wait */

void
bigcache_tls_close(bigcache_tls_link_t *link)
{
    SSL_free(link);
}


int
bigcache_tls_connect(bigcache_tls_link_t *link, short *events, char *error)
{
    int  rc;

    bigcache_tls_thread();
    ERR_clear_error();

    rc = SSL_do_handshake(link);

    if (rc == 1) {
        return 1;
    }

    rc = bigcache_tls_again(link, rc, events, error);

    return (rc == -1 && SSL_get_verify_result(link) != X509_V_OK)
           ? BIGCACHE_TLS_WRONG : rc;
}


ssize_t
bigcache_tls_send(bigcache_tls_link_t *link, const void *data, size_t len,
    short *events, char *error)
{
    int     rc;
    size_t  n;

    bigcache_tls_thread();
    ERR_clear_error();

    rc = SSL_write_ex(link, data, len, &n);

    return (rc == 1) ? (ssize_t) n
                     : bigcache_tls_again(link, rc, events, error);
}


ssize_t
bigcache_tls_receive(bigcache_tls_link_t *link, void *buf, size_t size,
    short *events, char *error)
{
    int     rc;
    size_t  n;

    bigcache_tls_thread();
    ERR_clear_error();

    rc = SSL_read_ex(link, buf, size, &n);

    return (rc == 1) ? (ssize_t) n
                     : bigcache_tls_again(link, rc, events, error);
}


static int
bigcache_tls_files(SSL_CTX *ctx, const bigcache_tls_conf_t *conf, char *error)
{
    if (conf->ca
        ? SSL_CTX_load_verify_locations(ctx, conf->ca, NULL) != 1
        : SSL_CTX_set_default_verify_paths(ctx) != 1)
    {
        bigcache_tls_reason(error, conf->ca ? conf->ca
                                            : "the certificates that the "
                                              "machine trusts");
        return -1;
    }

    if (conf->cert && SSL_CTX_use_certificate_chain_file(ctx, conf->cert) != 1)
    {
        bigcache_tls_reason(error, conf->cert);
        return -1;
    }

    if (conf->key
        && (SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) != 1
            || SSL_CTX_check_private_key(ctx) != 1))
    {
        bigcache_tls_reason(error, conf->key);
        return -1;
    }

    return 0;
}


/* nobody is there to be asked for the password of a key */

static int
bigcache_tls_password(char *buf, int size, int writes, void *data)
{
    (void) buf;
    (void) size;
    (void) writes;
    (void) data;

    return 0;
}


/* the certificate must be for a name, or for an address in digits */

static int
bigcache_tls_expect(SSL *ssl, const char *name)
{
    u_char  address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1
        || inet_pton(AF_INET6, name, address) == 1)
    {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    }

    return SSL_set_tlsext_host_name(ssl, name) == 1
           && SSL_set1_host(ssl, name) == 1;
}


/* returns 0 and *events if the call is to be made again, or -1 */

static int
bigcache_tls_again(const bigcache_tls_link_t *link, int rc, short *events,
    char *error)
{
    int   failed;
    long  verified;

    failed = errno;

    switch (SSL_get_error(link, rc)) {

    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return 0;

    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return 0;

    case SSL_ERROR_ZERO_RETURN:
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "the server has closed the connection");
        return -1;

    case SSL_ERROR_SYSCALL:
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "%s",
                        failed ? strerror(failed)
                               : "the server has closed the connection");
        return -1;
    }

    verified = SSL_get_verify_result(link);

    if (verified != X509_V_OK) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "its certificate is not valid: %s",
                        X509_verify_cert_error_string(verified));
        return -1;
    }

    bigcache_tls_reason(error, "TLS failed");

    return -1;
}


static void
bigcache_tls_reason(char *error, const char *what)
{
    const char     *reason;
    unsigned long   code;

    code = ERR_peek_last_error();
    reason = code ? ERR_reason_error_string(code) : NULL;

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "%.150s: %.90s", what,
                    reason ? reason : code ? strerror(ERR_GET_REASON(code))
                                           : "for an unknown reason");

    bigcache_tls_thread();
    ERR_clear_error();
}

#else /* !BIGCACHE_HAVE_OPENSSL */

bigcache_tls_t *
bigcache_tls_create(const bigcache_tls_conf_t *conf, char *error)
{
    (void) conf;

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "TLS needs OpenSSL, which this module was built without");

    return NULL;
}


void
bigcache_tls_destroy(bigcache_tls_t *tls)
{
    (void) tls;
}


bigcache_tls_link_t *
bigcache_tls_open(const bigcache_tls_t *tls, int fd, const char *host,
    char *error)
{
    (void) tls;
    (void) fd;
    (void) host;

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "there is no TLS");

    return NULL;
}


void
bigcache_tls_close(bigcache_tls_link_t *link)
{
    (void) link;
}


int
bigcache_tls_connect(bigcache_tls_link_t *link, short *events, char *error)
{
    (void) link;
    (void) events;
    (void) error;

    return -1;
}


ssize_t
bigcache_tls_send(bigcache_tls_link_t *link, const void *data, size_t len,
    short *events, char *error)
{
    (void) link;
    (void) data;
    (void) len;
    (void) events;
    (void) error;

    return -1;
}


ssize_t
bigcache_tls_receive(bigcache_tls_link_t *link, void *buf, size_t size,
    short *events, char *error)
{
    (void) link;
    (void) buf;
    (void) size;
    (void) events;
    (void) error;

    return -1;
}

#endif


/*
 * Copyright (C) bigcache contributors
 */


/*
 * auto/Makefile tries whether this compiles and links: then the engine of
 * src/cluster has TLS
 */


#include <openssl/ssl.h>


int
main(void)
{
    SSL_CTX_free(SSL_CTX_new(TLS_client_method()));

    return 0;
}

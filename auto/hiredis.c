
/*
 * Copyright (C) bigcache contributors
 */


/*
 * auto/Makefile tries whether this compiles and links: then there is an engine
 * over the Redis Cluster protocol
 */


#include <stddef.h>

#include <hiredis/hiredis.h>


int
main(void)
{
    redisFree(NULL);

    return 0;
}

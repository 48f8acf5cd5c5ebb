
/*
 * Copyright (C) bigcache contributors
 */


/* auto/Makefile tries whether this compiles and links: then there is igzip */


#include <stddef.h>

#include <isa-l/igzip_lib.h>


int
main(void)
{
    isal_deflate_stateless_init(NULL);

    return isal_deflate_stateless(NULL);
}


/*
 * Copyright (C) bigcache contributors
 */


/* asks the kernel and the libraries once, when nginx starts or is reloaded */


#include <string.h>
#include <unistd.h>

#include "bigcache_gzip.h"
#include "bigcache_index.h"
#include "bigcache_layout.h"
#include "bigcache_machine.h"
#include "bigcache_probe.h"


void
bigcache_machine(bigcache_machine_t *machine, const char *path)
{
    int  fd;

    memset(machine, 0, sizeof(bigcache_machine_t));

    machine->mounted = (bigcache_mount_of(path, &machine->mount) == 0);
    machine->preadv2 = -1;
    machine->cachestat = -1;

    fd = bigcache_probe_open(path, BIGCACHE_LAYOUT_LOCK);

    if (fd != -1) {
        machine->preadv2 = bigcache_probe_nowait(fd);
        machine->cachestat = bigcache_probe_cachestat(fd);
        (void) close(fd);
    }

    machine->packer = bigcache_gzip_library();
    bigcache_index_library(machine->index, sizeof(machine->index));
}

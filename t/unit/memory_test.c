
/*
 * Copyright (C) bigcache contributors
 */


/* Tests of the memory that a control group leaves, on files of its own. */


#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bigcache_memory.h"
#include "dir.h"
#include "tap.h"


#define MB       (1024ULL * 1024)
#define MACHINE  (8192 * MB)

#define V1  "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"     \
            "31 25 0:27 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup " \
            "rw,memory\n"
#define V2  "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


static void put(const char *name, const char *text);
static void begin(const char *group, const char *mounts);
static void end(void);
static unsigned memory(void);
static void test_none(void);
static void test_v2(void);
static void test_v1(void);
static void test_containers(void);


static char  root[64];


int
main(void)
{
    ok(bigcache_memory_machine() > MB, "this machine has memory");
    ok(bigcache_memory("", bigcache_memory_machine()) > MB,
       "and this process has some");
    ok(bigcache_memory("", MACHINE) <= MACHINE, "at most that of the machine");

    test_none();
    test_v2();
    test_v1();
    test_containers();

    return done_testing();
}


static void
test_none(void)
{
    begin("", "");
    is_int(memory(), 8192, "no groups");
    end();

    make_dir(root);
    is_int(memory(), 8192, "no files");
    end();

    begin("rubbish\n0\n:\n0:\n1:name=systemd:/a\n", "rubbish\n - \n" V2);
    put("/sys/fs/cgroup/memory.max", "1048576\n");
    is_int(memory(), 8192, "lines of another kind");
    end();
}


static void
test_v2(void)
{
    begin("0::/web/nginx\n", V2);
    is_int(memory(), 8192, "v2: no files");

    put("/sys/fs/cgroup/web/nginx/memory.max", "max\n");
    is_int(memory(), 8192, "v2: no limit");

    put("/sys/fs/cgroup/web/nginx/memory.max", "1073741824\n");
    is_int(memory(), 1024, "v2: a limit");

    put("/sys/fs/cgroup/web/memory.max", "536870912\n");
    is_int(memory(), 512, "v2: one of the group above");

    put("/sys/fs/cgroup/web/memory.max", "2147483648\n");
    is_int(memory(), 1024, "v2: a larger one above");

    put("/sys/fs/cgroup/web/nginx/memory.high", "268435456\n");
    is_int(memory(), 256, "v2: where it is slowed down");

    put("/sys/fs/cgroup/web/nginx/memory.high", "junk\n");
    put("/sys/fs/cgroup/web/nginx/memory.max", "99999999999999\n");
    put("/sys/fs/cgroup/web/memory.max", "");
    is_int(memory(), 8192, "v2: more than the machine has");
    end();
}


static void
test_v1(void)
{
    begin("5:cpu,cpuacct:/other\n4:memory:/web\n0::/\n", V1
          "32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");

    put("/sys/fs/cgroup/memory/web/memory.limit_in_bytes",
        "9223372036854771712\n");
    is_int(memory(), 8192, "v1: no limit");

    put("/sys/fs/cgroup/memory/web/memory.limit_in_bytes", "134217728\n");
    is_int(memory(), 128, "v1: a limit");

    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n");
    is_int(memory(), 64, "v1: one above");

    put("/sys/fs/cgroup/unified/memory.max", "33554432\n");
    is_int(memory(), 32, "v1 and v2: the least");
    end();

    begin("7:hugetlb,memory,cpu:/\n", V1);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
    is_int(memory(), 128, "v1: controllers together");
    end();
}


static void
test_containers(void)
{
    begin("4:memory:/docker/1234\n",
          "31 25 0:27 /docker/1234 /sys/fs/cgroup/memory ro - cgroup cgroup "
          "rw,memory\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
    is_int(memory(), 128, "the group is what is mounted");
    end();

    begin("0::/docker/1234/web\n",
          "31 25 0:27 /docker/1234 /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
    put("/sys/fs/cgroup/web/memory.max", "134217728\n");
    is_int(memory(), 128, "a group in it");
    end();

    begin("0::/docker/12345\n",
          "31 25 0:27 /docker/1234 /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
    put("/sys/fs/cgroup/memory.max", "134217728\n");
    is_int(memory(), 128, "a group beside it");
    end();

    begin("0::/../other\n", V2);
    put("/sys/fs/cgroup/memory.max", "134217728\n");
    is_int(memory(), 128, "a group out of sight");
    end();
}


/* begin(): the files of a process with these lines */

static void
begin(const char *group, const char *mounts)
{
    make_dir(root);
    put("/proc/self/cgroup", group);
    put("/proc/self/mountinfo", mounts);
}


static void
end(void)
{
    remove_dir(root);
}


/* in megabytes */

static unsigned
memory(void)
{
    return (unsigned) (bigcache_memory(root, MACHINE) / MB);
}


/* makes the directories, too */

static void
put(const char *name, const char *text)
{
    char  *p;
    char   path[256];
    FILE  *file;

    (void) snprintf(path, sizeof(path), "%s%s", root, name);

    for (p = path + strlen(root) + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void) mkdir(path, 0700);
            *p = '/';
        }
    }

    file = fopen(path, "we");

    if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF) {
        perror(path);
        exit(2);
    }
}

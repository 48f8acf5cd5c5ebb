
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The file system of a path, from texts of mountinfo and from the kernel; and
 * what the kernel can do with files.
 */


#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_mount.h"
#include "bigcache_probe.h"
#include "tap.h"


static void find(void);
static void broken(void);
static void options(void);
static void kernel(void);


static const char  text[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:0 / / rw,noatime shared:1 - ext4 /dev/root rw,data=ordered\n"
    "30 27 8:17 / /var rw shared:2 master:1 - xfs /dev/sdb1 rw,attr2\n"
    "31 30 0:40 /volumes/a /var/lib/big\\040cache rw - btrfs /dev/sdc rw\n"
    "32 27 0:50 / /mnt rw - nfs4 server:/export\\134x rw,vers=4.2\n"
    "33 32 0:51 / /mnt rw - tmpfs tmpfs rw,size=1024k\n"
    "34 27 0:52 / /empty rw,nodev shared:9 - tmpfs  rw,size=2048k";


int
main(void)
{
    find();
    broken();
    options();
    kernel();

    return done_testing();
}


static void
find(void)
{
    bigcache_mount_t  mount;

    ok(bigcache_mount_find(text, "/srv/cache", &mount) == 0, "the root");
    is_str(mount.type, "ext4", "its type");
    is_str(mount.point, "/", "where it is");
    is_str(mount.source, "/dev/root", "its device");
    is_str(mount.options, "rw,noatime,rw,data=ordered", "its options");
    is_int(mount.major, 254, "the major number");
    is_int(mount.minor, 0, "the minor number");

    ok(bigcache_mount_find(text, "/var/lib/x", &mount) == 0, "below another");
    is_str(mount.type, "xfs", "behind optional fields");
    ok(bigcache_mount_find(text, "/var", &mount) == 0, "the mount itself");
    is_str(mount.type, "xfs", "is found");
    ok(bigcache_mount_find(text, "/variable", &mount) == 0, "a longer name");
    is_str(mount.type, "ext4", "is not below it");

    ok(bigcache_mount_find(text, "/var/lib/big cache/s", &mount) == 0,
       "a name with a blank");
    is_str(mount.type, "btrfs", "is read");
    is_str(mount.point, "/var/lib/big cache", "without its escapes");

    ok(bigcache_mount_find(text, "/mnt/x", &mount) == 0, "two at one place");
    is_str(mount.type, "tmpfs", "the last one hides the first");

    ok(bigcache_mount_find(text, "/empty", &mount) == 0, "without a source");
    is_str(mount.type, "tmpfs", "its type");
    is_str(mount.source, "", "its source");
    is_str(mount.options, "rw,nodev,rw,size=2048k", "its options");
}


static void
broken(void)
{
    size_t            i;
    char             *copy;
    bigcache_mount_t  mount;

    ok(bigcache_mount_find("", "/x", &mount) == -1, "no line");
    ok(bigcache_mount_find("\n\n - \n", "/x", &mount) == -1, "no mount");
    ok(bigcache_mount_find("1 2 x / / rw - ext4 a rw\n", "/x", &mount) == -1,
       "no numbers");
    ok(bigcache_mount_find("1 2 8:1 / / rw shared:1 ext4 a rw\n", "/x", &mount)
       == -1, "no dash");

    /* any beginning of the text, in a block of just its size */

    for (i = 0; i < sizeof(text); i++) {

        copy = malloc(i + 1);
        if (copy == NULL) {
            break;
        }

        memcpy(copy, text, i);
        copy[i] = '\0';

        (void) bigcache_mount_find(copy, "/mnt/x", &mount);
        free(copy);
    }

    ok(i == sizeof(text), "a part of it");
}


static void
options(void)
{
    bigcache_mount_t  mount;

    (void) bigcache_mount_find(text, "/srv", &mount);

    ok(bigcache_mount_option(&mount, "noatime"), "of the mount");
    ok(bigcache_mount_option(&mount, "data=ordered"), "of the file system");
    ok(!bigcache_mount_option(&mount, "data"), "not a part of one");
    ok(!bigcache_mount_option(&mount, "atime"), "nor its end");
}


static void
kernel(void)
{
    int               fd;
    char              name[] = "/tmp/bigcache-mount-XXXXXX";
    struct stat       st;
    bigcache_mount_t  mount;

    ok(bigcache_mount_of("/proc", &mount) == 0, "the kernel tells");
    is_str(mount.type, "proc", "what /proc is");
    ok(bigcache_mount_of("/none/such", &mount) == -1, "no such path");

    if (mkdtemp(name) == NULL) {
        perror(name);
        exit(1);
    }

    fd = bigcache_probe_open(name, "none");

    if (fd == -1) {
        skip("no files without a name in /tmp");

    } else {
        ok(fstat(fd, &st) == 0 && st.st_nlink == 0, "a file without a name");
        ok(bigcache_probe_nowait(fd) != -1, "whether reads need not wait");
        ok(bigcache_probe_cachestat(fd) != -1, "whether pages are counted");
        (void) close(fd);
    }

    ok(rmdir(name) == 0, "nothing is left in the directory");
    ok(bigcache_probe_open(name, "none") == -1, "no directory");
    is_int(bigcache_probe_nowait(-1), -1, "no file");
}


/*
 * Copyright (C) bigcache contributors
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_bytes.h"
#include "bigcache_pages.h"
#include "bigcache_record.h"


#define BIGCACHE_PAGES_MAGIC  "bigcpage"


typedef struct {
    uint32_t   key_len;
    uint64_t   id;
    uint64_t   length;
    u_char     key[BIGCACHE_KEY_MAX];
} bigcache_pages_header_t;


static void bigcache_pages_name(char *name, const char *path,
    uint64_t id);
static int bigcache_pages_read(int fd, bigcache_pages_header_t *header);


bigcache_rc_t
bigcache_pages_create(const char *path, uint64_t id,
    const bigcache_str_t *key, const bigcache_data_t *data, unsigned n,
    int *fd, off_t *offset)
{
    int              err;
    char             name[PATH_MAX];
    u_char           header[BIGCACHE_PAGES_HEADER], *p;
    bigcache_data_t  head[2];

    p = (u_char *) memcpy(header, BIGCACHE_PAGES_MAGIC, 8) + 8;
    p = bigcache_put32(p, BIGCACHE_PAGES_FORMAT);
    p = bigcache_put32(p, (uint32_t) key->len);
    p = bigcache_put64(p, id);
    (void) bigcache_put64(p, bigcache_data_length(data, n));

    head[0] = bigcache_data_bytes(header, sizeof(header));
    head[1] = bigcache_data_bytes(key->data, key->len);

    bigcache_pages_name(name, path, id);

    *fd = open(name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600);
    *offset = BIGCACHE_PAGES_HEADER + (off_t) key->len;

    if (*fd != -1
        && bigcache_data_write(*fd, 0, head, 2) == 0
        && bigcache_data_write(*fd, *offset, data, n) == 0

        /* the index must never name what a power cut can take away */

        && fdatasync(*fd) == 0)
    {
        return BIGCACHE_OK;
    }

    err = errno;

    if (*fd != -1) {
        (void) close(*fd);
        (void) unlink(name);
        *fd = -1;
    }

    errno = err;

    return (err == ENOSPC || err == EDQUOT || err == EFBIG) ? BIGCACHE_FULL
                                                            : BIGCACHE_ERROR;
}


bigcache_rc_t
bigcache_pages_open(const char *path, uint64_t id, const bigcache_str_t *key,
    uint64_t length, int *fd, off_t *offset)
{
    char                      name[PATH_MAX];
    struct stat               st;
    bigcache_pages_header_t   header;

    bigcache_pages_name(name, path, id);

    *fd = open(name, O_RDONLY|O_CLOEXEC);

    if (*fd == -1) {
        return (errno == ENOENT) ? BIGCACHE_MISS : BIGCACHE_ERROR;
    }

    *offset = BIGCACHE_PAGES_HEADER + (off_t) key->len;

    if (bigcache_pages_read(*fd, &header) == 0
        && header.id == id
        && header.length == length
        && header.key_len == key->len
        && memcmp(header.key, key->data, key->len) == 0
        && fstat(*fd, &st) == 0
        && (uint64_t) st.st_size == (uint64_t) *offset + length)
    {
        return BIGCACHE_OK;
    }

    (void) close(*fd);
    *fd = -1;

    return BIGCACHE_DAMAGED;
}


int
bigcache_pages_remove(const char *path, uint64_t id)
{
    char  name[PATH_MAX];

    bigcache_pages_name(name, path, id);

    return unlink(name);
}


int
bigcache_pages_walk(const char *path, bigcache_pages_walk_pt handler,
    void *data)
{
    int                       fd;
    DIR                      *dir;
    char                     *end;
    uint64_t                  id;
    struct dirent            *de;
    bigcache_str_t            key;
    bigcache_pages_header_t   header;

    dir = opendir(path);
    if (dir == NULL) {
        return -1;
    }

    for ( ;; ) {
        de = readdir(dir);

        if (de == NULL) {
            break;
        }

        id = strtoull(de->d_name, &end, 16);

        if (end != de->d_name + 16 || *end != '\0') {
            continue;
        }

        key.data = header.key;
        key.len = 0;

        fd = openat(dirfd(dir), de->d_name, O_RDONLY|O_CLOEXEC);

        if (fd != -1) {
            if (bigcache_pages_read(fd, &header) == 0) {
                key.len = header.key_len;
            }

            (void) close(fd);
        }

        handler(data, id, &key);
    }

    (void) closedir(dir);

    return 0;
}


static int
bigcache_pages_read(int fd, bigcache_pages_header_t *header)
{
    u_char           buf[BIGCACHE_PAGES_HEADER];
    bigcache_data_t  data;

    data.fd = fd;
    data.offset = 0;
    data.length = BIGCACHE_PAGES_HEADER;

    if (bigcache_data_read(buf, &data, 1) == -1
        || memcmp(buf, BIGCACHE_PAGES_MAGIC, 8) != 0
        || bigcache_get32(buf + 8) != BIGCACHE_PAGES_FORMAT)
    {
        return -1;
    }

    header->key_len = bigcache_get32(buf + 12);
    header->id = bigcache_get64(buf + 16);
    header->length = bigcache_get64(buf + 24);

    if (header->key_len > BIGCACHE_KEY_MAX) {
        return -1;
    }

    data.offset = BIGCACHE_PAGES_HEADER;
    data.length = header->key_len;

    return bigcache_data_read(header->key, &data, 1);
}


static void
bigcache_pages_name(char *name, const char *path, uint64_t id)
{
    (void) snprintf(name, PATH_MAX, "%s/%016llx", path,
                    (unsigned long long) id);
}


/*
 * Copyright (C) bigcache contributors
 */


/* Reads /proc/self/mountinfo: proc(5) describes its lines. */


#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_mount.h"


/* a machine with many containers has some thousand mounts */

#define BIGCACHE_MOUNT_TEXT    (4 * 1024 * 1024)

/* fields of a line, in front of the optional ones and behind them */

#define BIGCACHE_MOUNT_FIELDS  6
#define BIGCACHE_MOUNT_BEHIND  3


static int bigcache_mount_line(const char *line, const char *end,
    const char *path, size_t *len, bigcache_mount_t *mount);
static const char *bigcache_mount_field(const char *p, const char *end,
    const char **field, size_t *len);
static void bigcache_mount_copy(char *dst, size_t size, const char *field,
    size_t len);
static char *bigcache_mount_read(void);


int
bigcache_mount_find(const char *text, const char *path,
    bigcache_mount_t *mount)
{
    int          found;
    size_t       len, longest;
    const char  *line, *end;

    found = -1;
    longest = 0;

    for (line = text; *line; line = *end ? end + 1 : end) {

        end = strchr(line, '\n');

        if (end == NULL) {
            end = line + strlen(line);
        }

        /* of mounts at one place the last one hides the others */

        len = longest;

        if (bigcache_mount_line(line, end, path, &len, mount) == 0) {
            longest = len;
            found = 0;
        }
    }

    return found;
}


/*
 * Returns 0 and fills in the mount if the line has a mount point of the path
 * that is not shorter than *len, which is then set to its length.
 */

static int
bigcache_mount_line(const char *line, const char *end, const char *path,
    size_t *len, bigcache_mount_t *mount)
{
    char         point[PATH_MAX];
    size_t       n, lens[BIGCACHE_MOUNT_FIELDS + BIGCACHE_MOUNT_BEHIND];
    unsigned     i, major, minor;
    const char  *p, *fields[BIGCACHE_MOUNT_FIELDS + BIGCACHE_MOUNT_BEHIND];

    p = line;

    for (i = 0; i < BIGCACHE_MOUNT_FIELDS; i++) {
        p = bigcache_mount_field(p, end, &fields[i], &lens[i]);
    }

    /* as many optional fields as there are, and a dash */

    do {
        p = bigcache_mount_field(p, end, &fields[i], &lens[i]);
    } while (lens[i] && (lens[i] != 1 || *fields[i] != '-'));

    if (lens[i] == 0) {
        return -1;
    }

    for ( /* void */ ; i < sizeof(lens) / sizeof(lens[0]); i++) {
        p = bigcache_mount_field(p, end, &fields[i], &lens[i]);
    }

    if (lens[i - 1] == 0
        || sscanf(fields[2], "%u:%u", &major, &minor) != 2)
    {
        return -1;
    }

    bigcache_mount_copy(point, sizeof(point), fields[4], lens[4]);

    n = strlen(point);

    if (n < *len
        || strncmp(path, point, n) != 0
        || (n > 1 && path[n] != '/' && path[n] != '\0'))
    {
        return -1;
    }

    *len = n;

    mount->major = major;
    mount->minor = minor;

    (void) snprintf(mount->point, sizeof(mount->point), "%.*s",
                    (int) sizeof(mount->point) - 1, point);

    bigcache_mount_copy(mount->type, sizeof(mount->type), fields[6], lens[6]);
    bigcache_mount_copy(mount->source, sizeof(mount->source), fields[7],
                        lens[7]);

    (void) snprintf(mount->options, sizeof(mount->options), "%.*s,%.*s",
                    (int) lens[5], fields[5], (int) lens[8], fields[8]);

    return 0;
}


/*
 * Returns what is behind the field and the blank that ends it.  A field that is
 * not there is empty; so is that of a mount without a source, between two
 * blanks.
 */

static const char *
bigcache_mount_field(const char *p, const char *end, const char **field,
    size_t *len)
{
    *field = p;

    while (p < end && *p != ' ') {
        p++;
    }

    *len = (size_t) (p - *field);

    return (p < end) ? p + 1 : p;
}


/* a blank, a tab, a newline and a backslash are \ and three octal digits */

static void
bigcache_mount_copy(char *dst, size_t size, const char *field, size_t len)
{
    char         c;
    const char  *end;

    end = field + len;

    while (field < end && --size) {

        c = *field++;

        if (c == '\\' && end - field >= 3
            && field[0] >= '0' && field[0] <= '3'
            && field[1] >= '0' && field[1] <= '7'
            && field[2] >= '0' && field[2] <= '7')
        {
            c = (char) ((field[0] - '0') * 64 + (field[1] - '0') * 8
                        + field[2] - '0');
            field += 3;
        }

        *dst++ = c;
    }

    *dst = '\0';
}


int
bigcache_mount_of(const char *path, bigcache_mount_t *mount)
{
    int    rc;
    char  *name, *text;

    name = realpath(path, NULL);
    text = bigcache_mount_read();

    rc = (name && text) ? bigcache_mount_find(text, name, mount) : -1;

    free(name);
    free(text);

    return rc;
}


/* the kernel does not tell the size of the file */

static char *
bigcache_mount_read(void)
{
    char    *text;
    FILE    *file;
    size_t   n;

    text = malloc(BIGCACHE_MOUNT_TEXT);
    if (text == NULL) {
        return NULL;
    }

    file = fopen("/proc/self/mountinfo", "re");

    if (file == NULL) {
        free(text);
        return NULL;
    }

    n = fread(text, 1, BIGCACHE_MOUNT_TEXT - 1, file);
    text[n] = '\0';

    (void) fclose(file);

    return text;
}


int
bigcache_mount_option(const bigcache_mount_t *mount, const char *option)
{
    size_t       len;
    const char  *p, *end;

    len = strlen(option);

    for (p = mount->options; *p; p = *end ? end + 1 : end) {

        end = strchr(p, ',');

        if (end == NULL) {
            end = p + strlen(p);
        }

        if ((size_t) (end - p) == len && strncmp(p, option, len) == 0) {
            return 1;
        }
    }

    return 0;
}

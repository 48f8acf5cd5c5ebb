
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The memory of the machine, and the limits of control groups.  A process in a
 * container may see its group by another path than the host does, so a path is
 * taken below what is mounted.
 */


#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_memory.h"


#define BIGCACHE_MEMORY_PATH  PATH_MAX
#define BIGCACHE_MEMORY_LINE  (2 * PATH_MAX)


typedef struct {
    const char  *type;          /* of the file system */
    const char  *controller;    /* in its options, NULL: in all of them */
    const char  *files[2];      /* with a limit, NULL: no more */
} bigcache_memory_version_t;


static uint64_t bigcache_memory_group(const char *root,
    const bigcache_memory_version_t *version, uint64_t memory);
static int bigcache_memory_path(const char *root,
    const bigcache_memory_version_t *version, char *path);
static int bigcache_memory_mount(const char *root,
    const bigcache_memory_version_t *version, char *top, char *point);
static int bigcache_memory_has(const char *list, const char *name);
static uint64_t bigcache_memory_limit(const char *directory, const char *file,
    uint64_t memory);


static const bigcache_memory_version_t  bigcache_memory_versions[] = {
    { "cgroup2", NULL, { "memory.max", "memory.high" } },
    { "cgroup", "memory", { "memory.limit_in_bytes", NULL } }
};


uint64_t
bigcache_memory_machine(void)
{
    long  pages, size;

    pages = sysconf(_SC_PHYS_PAGES);
    size = sysconf(_SC_PAGESIZE);

    return (pages > 0 && size > 0) ? (uint64_t) pages * (uint64_t) size : 0;
}


uint64_t
bigcache_memory(const char *root, uint64_t machine)
{
    unsigned  i;
    uint64_t  memory;

    memory = machine;

    for (i = 0; i < sizeof(bigcache_memory_versions)
                    / sizeof(bigcache_memory_version_t); i++)
    {
        memory = bigcache_memory_group(root, &bigcache_memory_versions[i],
                                       memory);
    }

    return memory;
}


/* the group of this process, and all above it up to the mount */

static uint64_t
bigcache_memory_group(const char *root,
    const bigcache_memory_version_t *version, uint64_t memory)
{
    char      *p;
    char       path[BIGCACHE_MEMORY_PATH], top[BIGCACHE_MEMORY_PATH],
               point[BIGCACHE_MEMORY_PATH],
               directory[3 * BIGCACHE_MEMORY_PATH];
    size_t     len, above;
    unsigned   i;

    if (!bigcache_memory_path(root, version, path)
        || !bigcache_memory_mount(root, version, top, point))
    {
        return memory;
    }

    len = strcmp(top, "/") == 0 ? 0 : strlen(top);

    /* a group beside what is mounted cannot be seen from here */

    if (strncmp(path, top, len) != 0
        || (path[len] != '/' && path[len] != '\0')
        || strstr(path, "/..") != NULL)
    {
        path[len = 0] = '\0';
    }

    above = (size_t) snprintf(directory, sizeof(directory), "%s%s", root,
                              point);
    (void) snprintf(directory + above, sizeof(directory) - above, "%s",
                    path + len);

    for ( ;; ) {
        for (i = 0; i < 2 && version->files[i]; i++) {
            memory = bigcache_memory_limit(directory, version->files[i],
                                           memory);
        }

        p = strrchr(directory, '/');

        if (p == NULL || p < directory + above) {
            return memory;
        }

        *p = '\0';
    }
}


/* the path of the group, as a line "N:CONTROLLERS:PATH" says */

static int
bigcache_memory_path(const char *root,
    const bigcache_memory_version_t *version, char *path)
{
    int    found;
    char  *controllers, *p;
    char   line[BIGCACHE_MEMORY_LINE];
    FILE  *file;

    (void) snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);

    file = fopen(line, "re");
    if (file == NULL) {
        return 0;
    }

    found = 0;

    while (!found && fgets(line, sizeof(line), file)) {

        line[strcspn(line, "\n")] = '\0';

        controllers = strchr(line, ':');
        p = controllers ? strchr(controllers + 1, ':') : NULL;

        if (p == NULL || strlen(p + 1) >= BIGCACHE_MEMORY_PATH) {
            continue;
        }

        *p++ = '\0';
        controllers++;

        if (version->controller
            ? bigcache_memory_has(controllers, version->controller)
            : controllers[0] == '\0')
        {
            (void) strcpy(path, p);
            found = 1;
        }
    }

    (void) fclose(file);

    return found;
}


/*
 * Where the groups are mounted, and which of them is the top there: a line has
 * "ID PARENT DEVICE TOP POINT OPTIONS ... - TYPE SOURCE OPTIONS".
 */

static int
bigcache_memory_mount(const char *root,
    const bigcache_memory_version_t *version, char *top, char *point)
{
    int    found;
    char  *rest;
    char   line[BIGCACHE_MEMORY_LINE], type[64], options[256];
    FILE  *file;

    (void) snprintf(line, sizeof(line), "%s/proc/self/mountinfo", root);

    file = fopen(line, "re");
    if (file == NULL) {
        return 0;
    }

    found = 0;

    while (!found && fgets(line, sizeof(line), file)) {

        rest = strstr(line, " - ");

        found = rest
                && sscanf(rest, " - %63s %*s %255s", type, options) == 2
                && strcmp(type, version->type) == 0
                && (version->controller == NULL
                    || bigcache_memory_has(options, version->controller))
                && sscanf(line, "%*s %*s %*s %4095s %4095s", top, point) == 2;
    }

    (void) fclose(file);

    return found;
}


/* tells whether the name is in a list with commas */

static int
bigcache_memory_has(const char *list, const char *name)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    for (p = list; p; p = strchr(p, ',')) {

        p += (*p == ',');

        if (strncmp(p, name, len) == 0
            && (p[len] == ',' || p[len] == '\0'))
        {
            return 1;
        }
    }

    return 0;
}


/* the least of memory and of what the file says, if it says a number */

static uint64_t
bigcache_memory_limit(const char *directory, const char *file,
    uint64_t memory)
{
    int        ok;
    char       path[4 * BIGCACHE_MEMORY_PATH];
    FILE      *f;
    uint64_t   limit;

    (void) snprintf(path, sizeof(path), "%s/%s", directory, file);

    f = fopen(path, "re");
    if (f == NULL) {
        return memory;
    }

    ok = fscanf(f, "%" SCNu64, &limit) == 1;

    (void) fclose(f);

    /* a machine whose memory is not known has 0 */

    return (ok && (memory == 0 || limit < memory)) ? limit : memory;
}

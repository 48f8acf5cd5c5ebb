
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds values in what a server has answered: in the JSON of /stat, and in the
 * text of /metrics.  A server of another version may not have all of them.
 */


#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_tool_doctor_parts.h"


#define BIGCACHE_TOOL_DOCTOR_LINE  1024


static int bigcache_tool_doctor_server_sample(const char *line,
    const char *name, const char *label, double *value);
static unsigned bigcache_tool_doctor_server_part(const char **text);


int
bigcache_tool_doctor_server_stat(bigcache_tool_doctor_server_t *server,
    const bigcache_str_t *text)
{
    server->stat = cJSON_ParseWithLength((const char *) text->data, text->len);

    if (server->stat
        && cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(server->stat,
                                                           "stats")))
    {
        return 0;
    }

    bigcache_tool_doctor_server_free(server);

    return -1;
}


void
bigcache_tool_doctor_server_reason(bigcache_tool_doctor_server_t *server,
    const bigcache_str_t *text)
{
    cJSON        *json;
    const cJSON  *detail;

    json = cJSON_ParseWithLength((const char *) text->data, text->len);
    detail = cJSON_GetObjectItemCaseSensitive(json, "detail");

    if (cJSON_IsString(detail)) {
        (void) snprintf(server->reason, sizeof(server->reason), "%.200s",
                        detail->valuestring);
    }

    cJSON_Delete(json);
}


void
bigcache_tool_doctor_server_free(bigcache_tool_doctor_server_t *server)
{
    cJSON_Delete(server->stat);
    server->stat = NULL;
}


const cJSON *
bigcache_tool_doctor_server_in_force(
    const bigcache_tool_doctor_server_t *server)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(server->stat, "in_force");

    return cJSON_IsObject(item) ? item : NULL;
}


int
bigcache_tool_doctor_server_number(const bigcache_tool_doctor_server_t *server,
    const char *group, const char *name, double *n)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(server->stat, group);
    item = cJSON_GetObjectItemCaseSensitive(item, name);

    if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) {
        *n = item->valuedouble;
        return 1;
    }

    if (cJSON_IsBool(item)) {
        *n = cJSON_IsTrue(item);
        return 1;
    }

    return cJSON_IsNull(item) ? -1 : 0;
}


int
bigcache_tool_doctor_server_force(const bigcache_tool_doctor_server_t *server,
    const char *name, double *n)
{
    return bigcache_tool_doctor_server_number(server, "in_force", name, n);
}


int
bigcache_tool_doctor_server_in_cluster(
    const bigcache_tool_doctor_server_t *server)
{
    const char  *engine;

    engine = bigcache_tool_doctor_server_text(server, "engine");

    return engine && strcmp(engine, "cluster") == 0;
}


const char *
bigcache_tool_doctor_server_text(const bigcache_tool_doctor_server_t *server,
    const char *name)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(server->stat, "in_force");
    item = cJSON_GetObjectItemCaseSensitive(item, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}


unsigned
bigcache_tool_doctor_server_metric(const bigcache_tool_doctor_server_t *server,
    const char *name, const char *label, double *sum)
{
    char           line[BIGCACHE_TOOL_DOCTOR_LINE];
    size_t         len;
    double         value;
    unsigned       n;
    const u_char  *p, *end, *next;

    n = 0;
    *sum = 0;

    p = server->metrics.data;
    end = p + server->metrics.len;

    for ( /* void */ ; p < end; p = next) {

        next = memchr(p, '\n', (size_t) (end - p));
        next = next ? next + 1 : end;
        len = (size_t) (next - p);

        if (len >= sizeof(line)) {
            continue;
        }

        memcpy(line, p, len);
        line[len] = '\0';

        if (bigcache_tool_doctor_server_sample(line, name, label, &value)) {
            *sum += value;
            n++;
        }
    }

    return n;
}


/* returns 1 if the line is a sample of the metric, and has the label */

static int
bigcache_tool_doctor_server_sample(const char *line, const char *name,
    const char *label, double *value)
{
    char         *end;
    size_t        len;
    const char   *p, *labels;

    static const char  prefix[] = "bigcache_";

    len = strlen(name);

    if (strncmp(line, prefix, sizeof(prefix) - 1) != 0) {
        return 0;
    }

    p = line + sizeof(prefix) - 1;

    if (strncmp(p, name, len) != 0) {
        return 0;
    }

    p += len;

    if (*p == '{') {

        labels = p;
        p = strchr(p, '}');

        if (p == NULL) {
            return 0;
        }

        if (label) {
            labels = strstr(labels, label);

            if (labels == NULL || labels > p) {
                return 0;
            }
        }

        p++;

    } else if (label) {
        return 0;
    }

    if (*p != ' ') {
        return 0;
    }

    *value = strtod(p, &end);

    return end != p && isfinite(*value);
}


int
bigcache_tool_doctor_server_version(
    const bigcache_tool_doctor_server_t *server, char *text, size_t size)
{
    size_t         len;
    const u_char  *p, *end;

    static const char  name[] = "\nbigcache_info{version=\"";

    p = server->metrics.data ? memmem(server->metrics.data,
                                      server->metrics.len, name,
                                      sizeof(name) - 1)
                             : NULL;
    if (p == NULL) {
        return 0;
    }

    p += sizeof(name) - 1;
    len = (size_t) (server->metrics.data + server->metrics.len - p);
    end = memchr(p, '"', len);

    if (end == NULL || (size_t) (end - p) >= size) {
        return 0;
    }

    memcpy(text, p, (size_t) (end - p));
    text[end - p] = '\0';

    return 1;
}


int
bigcache_tool_doctor_server_compare(const char *a, const char *b)
{
    int       i;
    unsigned  m, n;

    for (i = 0; i < 4; i++) {

        m = bigcache_tool_doctor_server_part(&a);
        n = bigcache_tool_doctor_server_part(&b);

        if (m != n) {
            return (m < n) ? -1 : 1;
        }
    }

    return 0;
}


/* returns the next number of a version, 0 at its end */

static unsigned
bigcache_tool_doctor_server_part(const char **text)
{
    unsigned     n, digits;
    const char  *p;

    n = 0;
    digits = 0;

    for (p = *text; *p >= '0' && *p <= '9' && digits < 6; p++, digits++) {
        n = n * 10 + (unsigned) (*p - '0');
    }

    *text = (*p == '.') ? p + 1 : p;

    return n;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * bigcache doctor: finds out what there is to know of a directory or a server,
 * has it judged, and prints that.
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_time.h"
#include "bigcache_tool_doctor_parts.h"


#define BIGCACHE_TOOL_DOCTOR_FIELD  4096


static int bigcache_tool_doctor_look(const char *path, int json);
static int bigcache_tool_doctor_ask(const char *text, const char *field,
    int json);
static int bigcache_tool_doctor_stat(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field);
static void bigcache_tool_doctor_metrics(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field,
    bigcache_tool_doctor_answer_t *answer);
static void bigcache_tool_doctor_reason(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field);
static int bigcache_tool_doctor_field(const char *option, char *field);
static int bigcache_tool_doctor_field_read(const char *name, char *field,
    size_t *len);


int
bigcache_tool_doctor(bigcache_tool_t *tool)
{
    char  field[BIGCACHE_TOOL_DOCTOR_FIELD];

    if (tool->field && strstr(tool->path, "://") == NULL) {
        return bigcache_tool_failed("-H is a field of requests to a server, "
                                    "and \"%s\" is no URL", tool->path);
    }

    if (tool->field && bigcache_tool_doctor_field(tool->field, field) == -1) {
        return BIGCACHE_TOOL_FAILED;
    }

    if (strstr(tool->path, "://")) {
        return bigcache_tool_doctor_ask(tool->path,
                                        tool->field ? field : NULL,
                                        (int) tool->json);
    }

    return bigcache_tool_doctor_look(tool->path, (int) tool->json);
}


static int
bigcache_tool_doctor_look(const char *path, int json)
{
    int                             status;
    bigcache_tool_doctor_dir_t      dir;
    bigcache_tool_doctor_report_t  *report;

    if (bigcache_tool_doctor_dir(&dir, path) == -1) {
        return bigcache_tool_failed("cannot open \"%s\": %s", path,
                                    strerror(errno));
    }

    report = calloc(1, sizeof(bigcache_tool_doctor_report_t));
    if (report == NULL) {
        return bigcache_tool_failed("out of memory");
    }

    report->target = path;
    report->kind = "directory";

    bigcache_tool_doctor_report_run(report, bigcache_tool_doctor_store_checks,
                                    &dir);
    status = bigcache_tool_doctor_report_print(report, json, stdout);

    free(report);

    return status;
}


static int
bigcache_tool_doctor_ask(const char *text, const char *field, int json)
{
    int                             status;
    const char                     *error;
    bigcache_tool_doctor_url_t      url;
    bigcache_tool_doctor_answer_t   metrics;
    bigcache_tool_doctor_server_t   server;
    bigcache_tool_doctor_report_t  *report;

    if (bigcache_tool_doctor_http_url(&url, text, &error) == -1) {
        return bigcache_tool_failed("\"%s\": %s", text, error);
    }

    memset(&server, 0, sizeof(bigcache_tool_doctor_server_t));

    if (bigcache_tool_doctor_stat(&server, &url, field) == -1) {
        return BIGCACHE_TOOL_FAILED;
    }

    bigcache_tool_doctor_metrics(&server, &url, field, &metrics);
    bigcache_tool_doctor_reason(&server, &url, field);

    report = calloc(1, sizeof(bigcache_tool_doctor_report_t));

    if (report) {
        report->target = text;
        report->kind = "server";
        report->in_force = bigcache_tool_doctor_server_in_force(&server);

        bigcache_tool_doctor_report_run(report,
                                        bigcache_tool_doctor_running_checks,
                                        &server);
        bigcache_tool_doctor_report_run(report,
                                        bigcache_tool_doctor_cluster_checks,
                                        &server);
        status = bigcache_tool_doctor_report_print(report, json, stdout);
        free(report);

    } else {
        status = bigcache_tool_failed("out of memory");
    }

    free(metrics.memory);
    bigcache_tool_doctor_server_free(&server);

    return status;
}


/* returns -1 if there is nothing to judge, and has said why */

static int
bigcache_tool_doctor_stat(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field)
{
    int                             rc;
    char                            error[BIGCACHE_TOOL_DOCTOR_TEXT];
    bigcache_str_t                  location;
    bigcache_tool_doctor_answer_t   answer;

    if (bigcache_tool_doctor_http_get(url, "/stat", field,
                                      BIGCACHE_TOOL_DOCTOR_STAT, &answer, error)
        == -1)
    {
        (void) bigcache_tool_failed("http://%s%s/stat: %s", url->name,
                                    url->base, error);
        return -1;
    }

    server->date = answer.date;
    server->now = bigcache_time_now() / 1000;

    rc = -1;

    if (answer.status == 200) {
        rc = bigcache_tool_doctor_server_stat(server, &answer.body);
    }

    if (rc == -1) {
        (void) bigcache_tool_failed("http://%s%s/stat has answered %u%s",
            url->name, url->base, answer.status,
            (answer.status == 200) ? ", but that is not what bigcache says"
            : (answer.status == 401 || answer.status == 403)
              ? ": -H \"Authorization: ...\" says who you are"
              : (answer.status == 404) ? ": is there a /BASE in the URL?" : "");
    }

    if (rc == -1 && answer.location[0]) {
        location = bigcache_str_text(answer.location);

        (void) fputs("bigcache: it leads to ", stderr);
        bigcache_tool_print_to(stderr, &location);
        (void) fputc('\n', stderr);
    }

    free(answer.memory);

    return rc;
}


/* without them there is less to judge, which is a finding */

static void
bigcache_tool_doctor_metrics(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field,
    bigcache_tool_doctor_answer_t *answer)
{
    char  error[BIGCACHE_TOOL_DOCTOR_TEXT];

    if (bigcache_tool_doctor_http_get(url, "/metrics", field,
                                      BIGCACHE_TOOL_DOCTOR_METRICS, answer,
                                      error)
        == -1)
    {
        answer->memory = NULL;
        return;
    }

    if (answer->status == 200) {
        server->metrics = answer->body;
    }
}


/* a request that needs the store is told why it is not open */

static void
bigcache_tool_doctor_reason(bigcache_tool_doctor_server_t *server,
    const bigcache_tool_doctor_url_t *url, const char *field)
{
    char                            error[BIGCACHE_TOOL_DOCTOR_TEXT];
    double                          up;
    bigcache_tool_doctor_answer_t   answer;

    if (bigcache_tool_doctor_server_metric(server, "up", NULL, &up) == 0
        || up > 0)
    {
        return;
    }

    if (bigcache_tool_doctor_http_get(url, "/stat/count", field,
                                      BIGCACHE_TOOL_DOCTOR_STAT, &answer,
                                      error)
        == -1)
    {
        return;
    }

    if (answer.status == 503) {
        bigcache_tool_doctor_server_reason(server, &answer.body);
    }

    free(answer.memory);
}


/*
 * A secret in the arguments of a command is seen by all users of the machine,
 * so it may be in a file.  Returns -1 if it is no field, and has said why.
 */

static int
bigcache_tool_doctor_field(const char *option, char *field)
{
    size_t  i, len;

    if (*option == '@') {

        if (bigcache_tool_doctor_field_read(option + 1, field, &len) == -1) {
            return -1;
        }

    } else {
        len = strlen(option);

        if (len < BIGCACHE_TOOL_DOCTOR_FIELD) {
            memcpy(field, option, len);
        }
    }

    if (len >= BIGCACHE_TOOL_DOCTOR_FIELD) {
        (void) bigcache_tool_failed("the field of -H has more than %d bytes",
                                    BIGCACHE_TOOL_DOCTOR_FIELD - 1);
        return -1;
    }

    field[len] = '\0';

    for (i = 0; i < len; i++) {
        if ((u_char) field[i] < ' ' && field[i] != '\t') {
            break;
        }
    }

    if (i < len || strchr(field, ':') <= field) {
        (void) bigcache_tool_failed("-H must be a field of the request, "
                                    "\"NAME: VALUE\", or @FILE that has one");
        return -1;
    }

    return 0;
}


/*
 * Reads the first line of a file, without its end.  If it is too long, *len is
 * the size of the field.
 */

static int
bigcache_tool_doctor_field_read(const char *name, char *field, size_t *len)
{
    int    c, err;
    FILE  *file;

    file = fopen(name, "re");

    if (file == NULL) {
        (void) bigcache_tool_failed("cannot open \"%s\" of -H: %s", name,
                                    strerror(errno));
        return -1;
    }

    *len = 0;

    while (*len < BIGCACHE_TOOL_DOCTOR_FIELD) {

        c = getc(file);

        if (c == EOF || c == '\n') {
            break;
        }

        field[(*len)++] = (char) c;
    }

    err = ferror(file) ? errno : 0;
    (void) fclose(file);

    if (err) {
        (void) bigcache_tool_failed("cannot read \"%s\" of -H: %s", name,
                                    strerror(err));
        return -1;
    }

    if (*len && *len < BIGCACHE_TOOL_DOCTOR_FIELD && field[*len - 1] == '\r') {
        (*len)--;
    }

    return 0;
}


/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a hostile server answers to "bigcache doctor".  The input is an answer
 * to GET /stat, a zero byte, and the text of /metrics; likewise the texts that
 * the doctor reads in /proc, and a URL.  What is printed must be JSON, and have
 * no control characters.
 */


#define _GNU_SOURCE

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_mount.h"
#include "bigcache_tool_doctor_parts.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void judge(const bigcache_tool_doctor_answer_t *answer,
    const u_char *metrics, size_t len);
static void print(const bigcache_tool_doctor_report_t *report);
static void texts(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                          len;
    u_char                         *answer_text, *metrics;
    const char                     *error;
    const uint8_t                  *zero;
    bigcache_tool_doctor_answer_t   answer;

    texts(data, size);

    zero = memchr(data, '\0', size);
    len = zero ? (size_t) (zero - data) : size;

    /* blocks of just their size, so that a read past their end is seen */

    answer_text = malloc(len ? len : 1);
    metrics = malloc(size - len ? size - len : 1);

    if (answer_text && metrics) {

        memcpy(answer_text, data, len);
        memcpy(metrics, data + len, size - len);

        error = NULL;

        if (bigcache_tool_doctor_answer(&answer, answer_text, len, len, 1, 0,
                                        &error)
            == 0)
        {
            judge(&answer, metrics, size - len);

        } else if (error == NULL) {
            abort();
        }
    }

    free(answer_text);
    free(metrics);

    return 0;
}


static void
judge(const bigcache_tool_doctor_answer_t *answer, const u_char *metrics,
    size_t len)
{
    bigcache_tool_doctor_server_t         server;
    static bigcache_tool_doctor_report_t  report;

    memset(&server, 0, sizeof(server));
    memset(&report, 0, sizeof(report));

    if (bigcache_tool_doctor_server_stat(&server, &answer->body) == -1) {
        return;
    }

    server.date = answer->date;
    server.metrics.data = metrics;
    server.metrics.len = len;

    report.kind = "server";
    report.target = "http://a";
    report.in_force = bigcache_tool_doctor_server_in_force(&server);

    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_running_checks,
                                    &server);
    bigcache_tool_doctor_report_run(&report,
                                    bigcache_tool_doctor_cluster_checks,
                                    &server);
    print(&report);

    bigcache_tool_doctor_server_free(&server);
}


static void
print(const bigcache_tool_doctor_report_t *report)
{
    char    *text;
    FILE    *file;
    cJSON   *json;
    size_t   i, len;

    text = NULL;
    file = open_memstream(&text, &len);

    if (file == NULL) {
        return;
    }

    (void) bigcache_tool_doctor_report_print(report, 0, file);
    (void) fclose(file);

    for (i = 0; i < len; i++) {
        if ((u_char) text[i] < ' ' && text[i] != '\n') {
            abort();
        }
    }

    free(text);
    text = NULL;
    file = open_memstream(&text, &len);

    if (file == NULL) {
        return;
    }

    (void) bigcache_tool_doctor_report_print(report, 1, file);
    (void) fclose(file);

    json = cJSON_ParseWithLength(text, len);

    if (json == NULL) {
        abort();
    }

    cJSON_Delete(json);
    free(text);
}


static void
texts(const uint8_t *data, size_t size)
{
    char                          *text;
    const char                    *error;
    bigcache_mount_t               mount;
    bigcache_tool_doctor_url_t     url;
    bigcache_tool_doctor_owner_t   owner;

    text = strndup((const char *) data, size);

    if (text == NULL) {
        return;
    }

    memset(&owner, 0, sizeof(owner));

    (void) bigcache_mount_find(text, "/a/b", &mount);
    (void) bigcache_tool_doctor_owner_pid(text, 0, 1);
    bigcache_tool_doctor_owner_limits(&owner, text);

    if (bigcache_tool_doctor_http_url(&url, text, &error) == 0
        && (strpbrk(url.host, " \r\n/") || strpbrk(url.base, " \r\n")
            || strpbrk(url.name, " \r\n/")))
    {
        abort();
    }

    free(text);
}

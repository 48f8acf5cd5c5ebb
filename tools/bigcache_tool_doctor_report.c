
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The findings of the doctor.  What they show may come from a hostile server:
 * control characters are printed as escapes.
 */


#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_json_string.h"
#include "bigcache_release.h"
#include "bigcache_tool_doctor_parts.h"


static void bigcache_tool_doctor_report_finding(
    const bigcache_tool_doctor_finding_t *finding, FILE *file);
static void bigcache_tool_doctor_report_line(FILE *file, const char *label,
    const char *text);
static void bigcache_tool_doctor_report_print_json(
    const bigcache_tool_doctor_report_t *report, int status, FILE *file);
static void bigcache_tool_doctor_report_rows(const cJSON *in_force,
    FILE *file);
static int bigcache_tool_doctor_report_scalar(const cJSON *row);
static void bigcache_tool_doctor_report_member(FILE *file, const char *before,
    const char *text);
static void bigcache_tool_doctor_report_in_force(
    const bigcache_tool_doctor_report_t *report, FILE *file);


static const char *const  bigcache_tool_doctor_report_levels[] = {
    "skipped", "ok", "advice", "warning", "error"
};


void
bigcache_tool_doctor_report_run(bigcache_tool_doctor_report_t *report,
    const bigcache_tool_doctor_check_t *checks, const void *facts)
{
    bigcache_tool_doctor_finding_t  *finding;

    for ( /* void */ ; checks->name; checks++) {

        if (report->nfindings == BIGCACHE_TOOL_DOCTOR_FINDINGS) {
            return;
        }

        finding = &report->findings[report->nfindings];

        memset(finding, 0, sizeof(bigcache_tool_doctor_finding_t));

        finding->name = checks->name;
        finding->why = checks->why;

        checks->check(facts, finding);

        if (finding->level != BIGCACHE_TOOL_DOCTOR_SKIPPED) {
            report->nfindings++;
        }
    }
}


void
bigcache_tool_doctor_report_seen(bigcache_tool_doctor_finding_t *finding,
    bigcache_tool_doctor_level_e level, const char *fmt, ...)
{
    va_list  args;

    finding->level = level;

    va_start(args, fmt);
    (void) vsnprintf(finding->seen, BIGCACHE_TOOL_DOCTOR_TEXT, fmt, args);
    va_end(args);
}


void
bigcache_tool_doctor_report_advice(bigcache_tool_doctor_finding_t *finding,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(finding->advice, BIGCACHE_TOOL_DOCTOR_TEXT, fmt, args);
    va_end(args);
}


const char *
bigcache_tool_doctor_report_bytes(char *text, double bytes)
{
    unsigned                  i;

    static const char *const  units[] = { "bytes", "KB", "MB", "GB", "TB" };

    for (i = 0; bytes >= 1024 && i < 4; i++) {
        bytes /= 1024;
    }

    (void) snprintf(text, 32, (i && bytes < 100) ? "%.1f %s" : "%.0f %s",
                    bytes, units[i]);

    return text;
}


int
bigcache_tool_doctor_report_print(const bigcache_tool_doctor_report_t *report,
    int json, FILE *file)
{
    int       status;
    unsigned  i, n[BIGCACHE_TOOL_DOCTOR_LEVELS];

    memset(n, 0, sizeof(n));

    for (i = 0; i < report->nfindings; i++) {
        n[report->findings[i].level]++;
    }

    status = (n[BIGCACHE_TOOL_DOCTOR_OK] == report->nfindings)
             ? BIGCACHE_TOOL_OK : BIGCACHE_TOOL_WRONG;

    if (json) {
        bigcache_tool_doctor_report_print_json(report, status, file);
        return status;
    }

    for (i = 0; i < report->nfindings; i++) {
        bigcache_tool_doctor_report_finding(&report->findings[i], file);
    }

    bigcache_tool_doctor_report_in_force(report, file);

    (void) fprintf(file, "%u checks, errors: %u, warnings: %u, advice: %u\n",
                   report->nfindings, n[BIGCACHE_TOOL_DOCTOR_ERROR],
                   n[BIGCACHE_TOOL_DOCTOR_WARNING],
                   n[BIGCACHE_TOOL_DOCTOR_ADVICE]);

    return status;
}


static void
bigcache_tool_doctor_report_finding(
    const bigcache_tool_doctor_finding_t *finding, FILE *file)
{
    (void) fprintf(file, "%-8s %s: ",
                   bigcache_tool_doctor_report_levels[finding->level],
                   finding->name);
    bigcache_tool_doctor_report_line(file, "", finding->seen);

    if (finding->level > BIGCACHE_TOOL_DOCTOR_OK) {
        bigcache_tool_doctor_report_line(file, "         why: ", finding->why);
        bigcache_tool_doctor_report_line(file, "         do:  ",
                                         finding->advice);
    }
}


static void
bigcache_tool_doctor_report_line(FILE *file, const char *label,
    const char *text)
{
    bigcache_str_t  s;

    s = bigcache_str_text(text);

    (void) fputs(label, file);
    bigcache_tool_print_to(file, &s);
    (void) fputc('\n', file);
}


/* one row a line, in the words of /stat and of the error log */

static void
bigcache_tool_doctor_report_in_force(
    const bigcache_tool_doctor_report_t *report, FILE *file)
{
    char         *text;
    const cJSON  *row;

    cJSON_ArrayForEach(row, report->in_force) {

        if (!bigcache_tool_doctor_report_scalar(row)) {
            continue;
        }

        text = cJSON_IsString(row) ? NULL : cJSON_PrintUnformatted(row);

        bigcache_tool_doctor_report_member(file, "in force ", row->string);
        bigcache_tool_doctor_report_line(file, ": ",
                                         text ? text
                                         : cJSON_IsString(row)
                                           ? row->valuestring : "?");
        cJSON_free(text);
    }
}


/* others are left out: a server that has them is not ours */

static int
bigcache_tool_doctor_report_scalar(const cJSON *row)
{
    return row->string && !cJSON_IsObject(row) && !cJSON_IsArray(row);
}


static void
bigcache_tool_doctor_report_print_json(
    const bigcache_tool_doctor_report_t *report, int status, FILE *file)
{
    unsigned                               i;
    const bigcache_tool_doctor_finding_t  *finding;

    (void) fprintf(file, "{\"version\":\"" BIGCACHE_VERSION "\",\"kind\":\"%s\""
                   ",\"target\":\"", report->kind);
    bigcache_tool_doctor_report_member(file, "", report->target);
    (void) fprintf(file, "\",\"status\":%d,\"checks\":[", status);

    for (i = 0; i < report->nfindings; i++) {
        finding = &report->findings[i];

        (void) fprintf(file, "%s{\"name\":\"%s\",\"level\":\"%s\"",
                       i ? "," : "", finding->name,
                       bigcache_tool_doctor_report_levels[finding->level]);
        bigcache_tool_doctor_report_member(file, ",\"seen\":\"", finding->seen);
        bigcache_tool_doctor_report_member(file, "\",\"why\":\"",
                                           finding->why);
        bigcache_tool_doctor_report_member(file, "\",\"do\":\"",
                                           finding->level
                                           > BIGCACHE_TOOL_DOCTOR_OK
                                           ? finding->advice : "");
        (void) fputs("\"}", file);
    }

    (void) fputc(']', file);

    if (report->in_force) {
        bigcache_tool_doctor_report_rows(report->in_force, file);
    }

    (void) fputs("}\n", file);
}


static void
bigcache_tool_doctor_report_rows(const cJSON *in_force, FILE *file)
{
    char         *text;
    unsigned      n;
    const cJSON  *row;

    n = 0;

    cJSON_ArrayForEach(row, in_force) {

        if (!bigcache_tool_doctor_report_scalar(row)) {
            continue;
        }

        bigcache_tool_doctor_report_member(file,
                                           n++ ? ",\"" : ",\"in_force\":{\"",
                                           row->string);

        if (cJSON_IsString(row)) {
            bigcache_tool_doctor_report_member(file, "\":\"",
                                               row->valuestring);
            (void) fputc('"', file);
            continue;
        }

        text = cJSON_PrintUnformatted(row);
        (void) fprintf(file, "\":%s", text ? text : "null");
        cJSON_free(text);
    }

    (void) fputs(n ? "}" : ",\"in_force\":{}", file);
}


/* prints text as the inside of a JSON string */

static void
bigcache_tool_doctor_report_member(FILE *file, const char *before,
    const char *text)
{
    u_char          *p, *end;
    bigcache_str_t   s;

    s = bigcache_str_text(text);

    (void) fputs(before, file);

    p = malloc(bigcache_json_string_len(&s) + 1);

    if (p == NULL) {
        return;
    }

    end = bigcache_json_string(p, &s);
    (void) fwrite(p, 1, (size_t) (end - p), file);

    free(p);
}

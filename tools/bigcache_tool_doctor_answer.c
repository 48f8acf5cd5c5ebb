
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Takes an answer of HTTP apart.  It is one to a request of HTTP/1.0 that asked
 * for the connection to be closed: whole, not in chunks, not packed.
 */


#include <string.h>
#include <strings.h>

#include "bigcache_date.h"
#include "bigcache_tool_doctor_parts.h"


#define BIGCACHE_TOOL_DOCTOR_HEAD  (32 * 1024)


static size_t bigcache_tool_doctor_answer_head(const u_char *data, size_t len);
static int bigcache_tool_doctor_answer_status(const u_char *data, size_t len,
    unsigned *status);
static int bigcache_tool_doctor_answer_field(const u_char *head, size_t len,
    const char *name, bigcache_str_t *value);
static int bigcache_tool_doctor_answer_length(const bigcache_str_t *value,
    uint64_t *length);


int
bigcache_tool_doctor_answer(bigcache_tool_doctor_answer_t *answer,
    const u_char *data, size_t len, size_t most, int end, int64_t now,
    const char **error)
{
    size_t          head;
    uint64_t        length;
    bigcache_str_t  value;

    head = bigcache_tool_doctor_answer_head(data, len);

    if (head == 0) {

        if (len >= BIGCACHE_TOOL_DOCTOR_HEAD) {
            *error = "the header of the answer is too large";
            return -1;
        }

        if (end) {
            *error = len ? "the answer ends in its header"
                         : "the connection was closed without an answer";
            return -1;
        }

        return 1;
    }

    memset(answer, 0, sizeof(bigcache_tool_doctor_answer_t));

    if (bigcache_tool_doctor_answer_status(data, head, &answer->status) == -1) {
        *error = "the answer is not one of HTTP";
        return -1;
    }

    if (bigcache_tool_doctor_answer_field(data, head, "transfer-encoding",
                                          &value)
        || bigcache_tool_doctor_answer_field(data, head, "content-encoding",
                                             &value))
    {
        *error = "the answer is packed or in chunks, which was not asked for";
        return -1;
    }

    answer->date = -1;

    if (bigcache_tool_doctor_answer_field(data, head, "date", &value)) {
        (void) bigcache_date_parse(&value, now, &answer->date);
    }

    if (bigcache_tool_doctor_answer_field(data, head, "location", &value)) {
        (void) snprintf(answer->location, sizeof(answer->location), "%.*s",
                        (value.len < 200) ? (int) value.len : 200, value.data);
    }

    answer->body = bigcache_str(data + head, len - head);

    if (answer->body.len > most) {
        *error = "the answer is too large";
        return -1;
    }

    if (!bigcache_tool_doctor_answer_field(data, head, "content-length",
                                           &value))
    {
        return end ? 0 : 1;
    }

    if (bigcache_tool_doctor_answer_length(&value, &length) == -1) {
        *error = "the length of the answer makes no sense";
        return -1;
    }

    if (length > most) {
        *error = "the answer is too large";
        return -1;
    }

    if (answer->body.len >= length) {
        answer->body.len = (size_t) length;
        return 0;
    }

    if (end) {
        *error = "the answer ends too early";
        return -1;
    }

    return 1;
}


/* returns the bytes up to the body, or 0 if the header has no end */

static size_t
bigcache_tool_doctor_answer_head(const u_char *data, size_t len)
{
    size_t  i, most;

    most = (len < BIGCACHE_TOOL_DOCTOR_HEAD) ? len : BIGCACHE_TOOL_DOCTOR_HEAD;

    for (i = 0; i < most; i++) {

        if (data[i] != '\n') {
            continue;
        }

        if (i + 1 < most && data[i + 1] == '\n') {
            return i + 2;
        }

        if (i + 2 < most && data[i + 1] == '\r' && data[i + 2] == '\n') {
            return i + 3;
        }
    }

    return 0;
}


/* "HTTP/1.1 200 " */

static int
bigcache_tool_doctor_answer_status(const u_char *data, size_t len,
    unsigned *status)
{
    unsigned  i;

    if (len < 13 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ') {
        return -1;
    }

    *status = 0;

    for (i = 9; i < 12; i++) {

        if (data[i] < '0' || data[i] > '9') {
            return -1;
        }

        *status = *status * 10 + (unsigned) (data[i] - '0');
    }

    return (*status >= 200) ? 0 : -1;
}


/* returns 1 and the value of the first field of that name, or 0 */

static int
bigcache_tool_doctor_answer_field(const u_char *head, size_t len,
    const char *name, bigcache_str_t *value)
{
    size_t         n;
    const u_char  *p, *end, *last;

    n = strlen(name);
    end = head + len;

    for (p = head; p; p = memchr(p, '\n', (size_t) (end - p))) {

        /* the first line is the status, and has no such name */

        p += (*p == '\n');

        if ((size_t) (end - p) <= n
            || p[n] != ':'
            || strncasecmp((const char *) p, name, n) != 0)
        {
            continue;
        }

        p += n + 1;
        last = memchr(p, '\n', (size_t) (end - p));

        if (last == NULL) {
            return 0;
        }

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        while (last > p && (last[-1] == ' ' || last[-1] == '\r')) {
            last--;
        }

        *value = bigcache_str(p, (size_t) (last - p));

        return 1;
    }

    return 0;
}


static int
bigcache_tool_doctor_answer_length(const bigcache_str_t *value,
    uint64_t *length)
{
    size_t  i;

    *length = 0;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9' || i == 15) {
            return -1;
        }

        *length = *length * 10 + (uint64_t) (value->data[i] - '0');
    }

    return value->len ? 0 : -1;
}

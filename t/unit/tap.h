
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A tiny writer of the Test Anything Protocol for the unit tests.
 *
 * Each test is one program that ends with
 *
 *     return done_testing();
 *
 * which prints the plan and returns the exit status.  Failures go to standard
 * error, where prove shows them.  The counters have no lock: only one thread
 * may make checks.
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <string.h>


/*
 * All return 1 if the check has passed, or 0.  The name of the check is a
 * format and its arguments.
 */

#define ok(cond, ...)                                                         \
    tap_ok((cond) ? 1 : 0, #cond, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, expected, ...)                                            \
    tap_is_int((long long) (got), (long long) (expected),                     \
               __FILE__, __LINE__, __VA_ARGS__)

#define is_str(got, expected, ...)                                            \
    tap_is_str(got, expected, __FILE__, __LINE__, __VA_ARGS__)

/* bytes and their lengths; NULL equals only NULL */

#define is_mem(got, got_len, expected, expected_len, ...)                     \
    tap_is_mem(got, got_len, expected, expected_len,                          \
               __FILE__, __LINE__, __VA_ARGS__)

/* a check that cannot be made here counts as passed */

#define skip(...)                                                             \
    tap_skip(__VA_ARGS__)


static inline int tap_ok(int passed, const char *cond, const char *file,
    int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static inline int tap_is_int(long long got, long long expected,
    const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static inline int tap_is_str(const char *got, const char *expected,
    const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static inline int tap_is_mem(const void *got, size_t got_len,
    const void *expected, size_t expected_len, const char *file, int line,
    const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
static inline void tap_skip(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
static inline int tap_result(int passed, const char *file, int line,
    const char *fmt, va_list args);
static inline void tap_bytes(const char *label, const void *data,
    size_t len);
static inline int done_testing(void);


/* weak: all files of a program share the counter */

unsigned  tap_count __attribute__((weak));
unsigned  tap_failed __attribute__((weak));


static inline int
tap_ok(int passed, const char *cond, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    if (!passed) {
        fprintf(stderr, "#        got: false\n#   expected: %s\n", cond);
    }

    return passed;
}


static inline int
tap_is_int(long long got, long long expected, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(got == expected, file, line, fmt, args);
    va_end(args);

    if (got != expected) {
        fprintf(stderr, "#        got: %lld\n#   expected: %lld\n", got,
                expected);
    }

    return got == expected;
}


static inline int
tap_is_str(const char *got, const char *expected, const char *file, int line,
    const char *fmt, ...)
{
    int      passed;
    va_list  args;

    passed = (got == NULL || expected == NULL) ? got == expected
                                               : strcmp(got, expected) == 0;

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    if (!passed) {
        tap_bytes("       got", got, got ? strlen(got) : 0);
        tap_bytes("  expected", expected, expected ? strlen(expected) : 0);
    }

    return passed;
}


static inline int
tap_is_mem(const void *got, size_t got_len, const void *expected,
    size_t expected_len, const char *file, int line, const char *fmt, ...)
{
    int      passed;
    va_list  args;

    if (got == NULL || expected == NULL) {
        passed = (got == expected);

    } else {
        passed = (got_len == expected_len
                  && memcmp(got, expected, got_len) == 0);
    }

    va_start(args, fmt);
    tap_result(passed, file, line, fmt, args);
    va_end(args);

    if (!passed) {
        tap_bytes("       got", got, got_len);
        tap_bytes("  expected", expected, expected_len);
    }

    return passed;
}


static inline void
tap_skip(const char *fmt, ...)
{
    va_list  args;

    printf("ok %u # SKIP ", ++tap_count);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");
}


/* escapes what would end the line: a name may come from test data */

static inline int
tap_result(int passed, const char *file, int line, const char *fmt,
    va_list args)
{
    char  *p, name[512];

    vsnprintf(name, sizeof(name), fmt, args);

    for (p = name; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r' || *p == '#') {
            *p = '?';
        }
    }

    printf("%sok %u - %s\n", passed ? "" : "not ", ++tap_count, name);

    if (!passed) {
        tap_failed++;
        fprintf(stderr, "# failed at %s:%d\n", file, line);
    }

    fflush(stdout);

    return passed;
}


static inline void
tap_bytes(const char *label, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p;

    p = data;

    if (p == NULL) {
        fprintf(stderr, "# %s: NULL\n", label);
        return;
    }

    fprintf(stderr, "# %s: \"", label);

    for (i = 0; i < len && i < 200; i++) {

        if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\') {
            fputc(p[i], stderr);

        } else {
            fprintf(stderr, "\\x%02x", p[i]);
        }
    }

    fprintf(stderr, "\"%s (%zu bytes)\n", (i < len) ? "..." : "", len);
}


static inline int
done_testing(void)
{
    printf("1..%u\n", tap_count);

    if (tap_failed) {
        fprintf(stderr, "# %u of %u failed\n", tap_failed, tap_count);
    }

    return (tap_failed || tap_count == 0) ? 1 : 0;
}


#endif /* _TAP_H_INCLUDED_ */

/* error: one failure, told once, by the place that knows.
 *
 * A function that can fail returns bool (or a pointer) and takes `struct error *e` last. Where
 * it fails it calls error_set() or error_at() exactly once and returns what that returned
 * (false); callers pass it on, or put words in front of it with error_context(). Library code
 * never prints; lorabuild/commands/ prints `message` and turns `kind` into an exit code.
 *
 * `e` may be NULL where the caller does not care. A struct error owns no memory.
 */
#ifndef LORABUILD_COMMON_ERROR_H
#define LORABUILD_COMMON_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* wrong command line or rule file: exit 2 */
    ERROR_INPUT,       /* a user's file is wrong or damaged: exit 1 */
    ERROR_SYSTEM,      /* the operating system refused: exit 1 */
    ERROR_LIMIT,       /* does not fit into memory, disk or time: exit 1 */
    ERROR_INTERRUPTED, /* Ctrl-C: exit 130 */
    ERROR_INTERNAL,    /* a broken promise of our own: exit 1 */
    ERROR_PERMISSION   /* the right to do it is missing (also: a read-only file system): exit 1 */
};

struct error {
    enum error_kind kind;
    char message[6000]; /* one or more lines, no newline at the end */
};

/* Sets kind and message; cuts an over-long message at a character. Always returns false. */
bool error_set(struct error *e, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set(), with "file:line:column: " in front; a zero line or column is left out. */
bool error_at(struct error *e, enum error_kind kind, const char *file, size_t line, size_t column,
              const char *format, ...) __attribute__((format(printf, 6, 7)));

/* As error_set(ERROR_SYSTEM), with ": " and the text of errno at the end. ENOSPC and EDQUOT
 * become ERROR_LIMIT; EACCES, EPERM and EROFS ERROR_PERMISSION. */
bool error_errno(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "words: " in front of the message. Always returns false. */
bool error_context(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

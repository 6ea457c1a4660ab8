#include "lorabuild/common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Ends an over-long message before a UTF-8 character that was cut. */
static void end_at_character(char *text, size_t capacity)
{
    size_t n = strnlen(text, capacity);
    if (n + 1 < capacity)
        return;
    while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    if (n > 0 && (unsigned char)text[n - 1] >= 0xC0)
        n--;
    text[n] = '\0';
}

static void fill(struct error *e, enum error_kind kind, const char *prefix, const char *format,
                 va_list arguments)
{
    if (!e)
        return;
    char text[sizeof e->message];
    vsnprintf(text, sizeof text, format, arguments);
    e->kind = kind;
    int n = snprintf(e->message, sizeof e->message, "%s%s", prefix, text);
    if (n >= (int)sizeof e->message)
        end_at_character(e->message, sizeof e->message);
}

bool error_set(struct error *e, enum error_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(e, kind, "", format, arguments);
    va_end(arguments);
    return false;
}

bool error_at(struct error *e, enum error_kind kind, const char *file, size_t line, size_t column,
              const char *format, ...)
{
    char place[600];
    if (line && column)
        snprintf(place, sizeof place, "%s:%zu:%zu: ", file, line, column);
    else if (line)
        snprintf(place, sizeof place, "%s:%zu: ", file, line);
    else
        snprintf(place, sizeof place, "%s: ", file);
    va_list arguments;
    va_start(arguments, format);
    fill(e, kind, place, format, arguments);
    va_end(arguments);
    return false;
}

static enum error_kind kind_of(int code)
{
    if (code == ENOSPC || code == EDQUOT)
        return ERROR_LIMIT;
    return code == EACCES || code == EPERM || code == EROFS ? ERROR_PERMISSION : ERROR_SYSTEM;
}

bool error_errno(struct error *e, const char *format, ...)
{
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    fill(e, kind_of(code), "", format, arguments);
    va_end(arguments);
    if (e) {
        size_t n = strlen(e->message);
        snprintf(e->message + n, sizeof e->message - n, ": %s", strerror(code));
    }
    return false;
}

bool error_context(struct error *e, const char *format, ...)
{
    if (!e)
        return false;
    char words[400], rest[sizeof e->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    memcpy(rest, e->message, sizeof rest);
    int n = snprintf(e->message, sizeof e->message, "%s: %s", words, rest);
    if (n >= (int)sizeof e->message)
        end_at_character(e->message, sizeof e->message);
    return false;
}

#include "lorabuild/common/str.h"

#include "lorabuild/common/memory.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

int str_compare(struct str a, struct str b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool str_starts(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.size >= n && (n == 0 || memcmp(s.data, prefix, n) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.size >= n && (n == 0 || memcmp(s.data + s.size - n, suffix, n) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.size && is_space(s.data[0]))
        s.data++, s.size--;
    while (s.size && is_space(s.data[s.size - 1]))
        s.size--;
    return s;
}

static void reserve(struct strbuf *b, size_t more)
{
    if (b->capacity - b->size > more)
        return;
    size_t capacity = b->capacity ? b->capacity : 32;
    while (capacity - b->size <= more)
        capacity *= 2;
    b->data = mem_grow(b->data, capacity, 1);
    b->capacity = capacity;
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t n)
{
    reserve(b, n);
    if (n)
        memcpy(b->data + b->size, bytes, n);
    b->size += n;
    b->data[b->size] = '\0';
}

void strbuf_add_str(struct strbuf *b, struct str s)
{
    strbuf_add(b, s.data, s.size);
}

void strbuf_add_text(struct strbuf *b, const char *text)
{
    strbuf_add(b, text, strlen(text));
}

void strbuf_add_byte(struct strbuf *b, char byte)
{
    strbuf_add(b, &byte, 1);
}

void strbuf_printf(struct strbuf *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char none[2];
    int n = vsnprintf(none, 0, format, arguments);
    va_end(arguments);
    if (n < 0)
        return;
    reserve(b, (size_t)n + 1);
    va_start(arguments, format);
    vsnprintf(b->data + b->size, (size_t)n + 1, format, arguments);
    va_end(arguments);
    b->size += (size_t)n;
}

struct str strbuf_str(const struct strbuf *b)
{
    return (struct str){b->data, b->size};
}

char *strbuf_take(struct strbuf *b)
{
    char *data = b->data ? b->data : mem_strdup("");
    *b = (struct strbuf){0};
    return data;
}

void strbuf_free(struct strbuf *b)
{
    free(b->data);
    *b = (struct strbuf){0};
}

static bool shown_as_is(int32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    return !((c >= 0x200E && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
             (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF);
}

void strbuf_add_shown(struct strbuf *b, struct str s)
{
    for (size_t at = 0; at < s.size;) {
        size_t from = at;
        int32_t c = utf8_next(s, &at);
        if (shown_as_is(c))
            strbuf_add(b, s.data + from, at - from);
        else
            for (; from < at; from++)
                strbuf_printf(b, "\\x%02x", (unsigned char)s.data[from]);
    }
}

int32_t utf8_next(struct str s, size_t *at)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.data + *at;
    size_t left = s.size - *at;
    int length = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;
    *at += 1;
    if (length == 1)
        return p[0];
    if (length == 0 || left < (size_t)length)
        return -1;
    int32_t c = p[0] & (0xFF >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return -1;
        c = c << 6 | (p[i] & 0x3F);
    }
    if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return -1;
    *at += (size_t)length - 1;
    return c;
}

void utf8_add(struct strbuf *b, uint32_t c)
{
    if (c < 0x80) {
        strbuf_add_byte(b, (char)c);
    } else if (c < 0x800) {
        strbuf_add_byte(b, (char)(0xC0 | c >> 6));
        strbuf_add_byte(b, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        strbuf_add_byte(b, (char)(0xE0 | c >> 12));
        strbuf_add_byte(b, (char)(0x80 | (c >> 6 & 0x3F)));
        strbuf_add_byte(b, (char)(0x80 | (c & 0x3F)));
    } else {
        strbuf_add_byte(b, (char)(0xF0 | c >> 18));
        strbuf_add_byte(b, (char)(0x80 | (c >> 12 & 0x3F)));
        strbuf_add_byte(b, (char)(0x80 | (c >> 6 & 0x3F)));
        strbuf_add_byte(b, (char)(0x80 | (c & 0x3F)));
    }
}

bool utf8_valid(struct str s, size_t *bad_at)
{
    for (size_t at = 0; at < s.size;) {
        size_t from = at;
        if (utf8_next(s, &at) >= 0)
            continue;
        if (bad_at)
            *bad_at = from;
        return false;
    }
    return true;
}

bool utf8_is_unspaced(int32_t c)
{
    return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7AF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF00 && c <= 0xFFEF) ||
           (c >= 0x20000 && c <= 0x3FFFF);
}

bool str_to_int(struct str s, int64_t *value)
{
    bool negative = s.size && s.data[0] == '-';
    if (negative)
        s.data++, s.size--;
    unsigned base = 10;
    if (str_starts(s, "0x") || str_starts(s, "0X"))
        base = 16, s.data += 2, s.size -= 2;
    if (!s.size)
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 99;
        if (digit >= base || __builtin_mul_overflow(n, (int64_t)base, &n) ||
            __builtin_sub_overflow(n, (int64_t)digit, &n))
            return false;
    }
    if (!negative && n == INT64_MIN)
        return false;
    *value = negative ? n : -n; /* counted downwards, so that INT64_MIN fits */
    return true;
}

bool str_to_double(struct str s, double *value)
{
    char text[64];
    if (!s.size || s.size >= sizeof text)
        return false;
    for (size_t i = 0; i < s.size; i++)
        if (!strchr("0123456789+-.eE", s.data[i]) || !s.data[i])
            return false;
    memcpy(text, s.data, s.size);
    text[s.size] = '\0';
    char *end;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    errno = 0;
    *value = strtod(text, &end);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return *end == '\0' && isfinite(*value);
}

const char *str_count(uint64_t n, char text[static 32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), out = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = '\0';
    return text;
}

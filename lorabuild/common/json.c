#include "lorabuild/common/json.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_parse(struct str text, const char *shown_as, size_t first_line, struct error *e)
{
    json_error_t problem;
    if (str_starts(text, "\xEF\xBB\xBF"))
        text.data += 3, text.size -= 3;
    json_t *value = json_loadb(text.size ? text.data : "", text.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (value)
        return value;
    size_t line = first_line + (problem.line > 0 ? (size_t)problem.line - 1 : 0);
    size_t column = problem.column > 0 ? (size_t)problem.column : 1;
    error_at(e, ERROR_INPUT, shown_as, line, column, "not valid JSON: %s", problem.text);
    return NULL;
}

json_t *json_read_file(const char *path, size_t most_bytes, struct error *e)
{
    struct strbuf b = {0};
    json_t *value = NULL;
    if (file_read(&b, path, most_bytes, e))
        value = json_parse(strbuf_str(&b), path, 1, e);
    strbuf_free(&b);
    return value;
}

static void write_real(struct strbuf *b, double value)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* some locales' decimal point */
    if (comma)
        *comma = '.';
    strbuf_add_text(b, text);
    if (!strpbrk(text, ".e"))
        strbuf_add_text(b, ".0");
}

enum { BYTE_BASE = 0x10FE00 };

static bool is_escaped_byte(int32_t c)
{
    return c >= BYTE_BASE + 0x80 && c <= BYTE_BASE + 0xFF;
}

/* A character of several bytes as it is; what is none, a byte at a time. */
static size_t write_character(struct strbuf *b, struct str text, size_t at)
{
    size_t end = at;
    int32_t c = utf8_next(text, &end);
    if (c >= 0 && !is_escaped_byte(c)) {
        strbuf_add(b, text.data + at, end - at);
        return end;
    }
    utf8_add(b, BYTE_BASE + (unsigned char)text.data[at]);
    return at + 1;
}

static void write_text(struct strbuf *b, const char *text, size_t n)
{
    strbuf_add_byte(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            i = write_character(b, (struct str){text, n}, i) - 1;
        else if (c == '"' || c == '\\')
            strbuf_printf(b, "\\%c", c);
        else if (c == '\n')
            strbuf_add_text(b, "\\n");
        else if (c < 0x20 || c == 0x7F)
            strbuf_printf(b, "\\u%04x", c);
        else
            strbuf_add_byte(b, (char)c);
    }
    strbuf_add_byte(b, '"');
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void new_line(struct strbuf *b, int indent)
{
    if (indent < 0)
        return;
    strbuf_add_byte(b, '\n');
    for (int i = 0; i < indent; i++)
        strbuf_add_text(b, "  ");
}

static void write_value(struct strbuf *b, const json_t *value, int indent);

static void write_object(struct strbuf *b, const json_t *value, int indent)
{
    json_t *object = (json_t *)(uintptr_t)value, *inner;
    size_t n = json_object_size(object), i = 0;
    const char **keys = mem_array(n, sizeof *keys), *key;
    json_object_foreach (object, key, inner)
        keys[i++] = key;
    qsort(keys, n, sizeof *keys, by_key);
    strbuf_add_byte(b, '{');
    int inside = indent < 0 ? indent : indent + 1;
    for (i = 0; i < n; i++) {
        if (i)
            strbuf_add_byte(b, ',');
        new_line(b, inside);
        write_text(b, keys[i], strlen(keys[i]));
        strbuf_add_text(b, indent < 0 ? ":" : ": ");
        write_value(b, json_object_get(object, keys[i]), inside);
    }
    if (n)
        new_line(b, indent);
    strbuf_add_byte(b, '}');
    free(keys);
}

static void write_array(struct strbuf *b, const json_t *value, int indent)
{
    size_t n = json_array_size(value);
    int inside = indent < 0 ? indent : indent + 1;
    strbuf_add_byte(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            strbuf_add_byte(b, ',');
        new_line(b, inside);
        write_value(b, json_array_get(value, i), inside);
    }
    if (n)
        new_line(b, indent);
    strbuf_add_byte(b, ']');
}

static void write_value(struct strbuf *b, const json_t *value, int indent)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(b, value, indent); break;
    case JSON_ARRAY: write_array(b, value, indent); break;
    case JSON_STRING: write_text(b, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: strbuf_printf(b, "%lld", (long long)json_integer_value(value)); break;
    case JSON_REAL: write_real(b, json_real_value(value)); break;
    case JSON_TRUE: strbuf_add_text(b, "true"); break;
    case JSON_FALSE: strbuf_add_text(b, "false"); break;
    case JSON_NULL: strbuf_add_text(b, "null"); break;
    }
}

void json_write(struct strbuf *b, const json_t *value, bool indented)
{
    write_value(b, value, indented ? 0 : -1);
    strbuf_add_byte(b, '\n');
}

json_t *json_bytes(const char *text)
{
    return text ? json_string_nocheck(text) : json_null();
}

static void restore_text(json_t *value)
{
    const char first[] = "\xF4\x8F\xBA", second[] = "\xF4\x8F\xBB";
    struct str text = {json_string_value(value), json_string_length(value)};
    if (!strstr(text.data, first) && !strstr(text.data, second))
        return;
    struct strbuf b = {0};
    for (size_t at = 0, end = 0; at < text.size; at = end) {
        int32_t c = utf8_next(text, &end);
        if (is_escaped_byte(c))
            strbuf_add_byte(&b, (char)(c - BYTE_BASE));
        else
            strbuf_add(&b, text.data + at, end - at);
    }
    json_string_setn_nocheck(value, b.data, b.size);
    strbuf_free(&b);
}

void json_restore_bytes(json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;
    if (json_is_string(value))
        restore_text(value);
    else if (json_is_array(value))
        json_array_foreach (value, i, inner)
            json_restore_bytes(inner);
    else if (json_is_object(value))
        json_object_foreach (value, key, inner)
            json_restore_bytes(inner);
}

const char *json_type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "a list", "text",  "a whole number",
                                        "a number",  "true",   "false", "null"};
    return value ? names[json_typeof(value)] : "nothing";
}

static bool wrong(const json_t *value, const char *key, const char *wanted, const char *where,
                  struct error *e)
{
    if (!value)
        return error_set(e, ERROR_INPUT, "%s: '%s' is missing", where, key);
    return error_set(e, ERROR_INPUT, "%s: '%s' must be %s, found %s", where, key, wanted,
                     json_type_name(value));
}

bool json_get_text(const json_t *o, const char *key, const char **text, const char *where,
                   struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_string(v))
        return wrong(v, key, "text", where, e);
    *text = json_string_value(v);
    return true;
}

bool json_get_int(const json_t *o, const char *key, int64_t *value, const char *where,
                  struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_integer(v)) {
        *value = json_integer_value(v);
        return true;
    }
    double real = json_is_real(v) ? json_real_value(v) : 0.5;
    if (real != floor(real) || fabs(real) > 9e15)
        return wrong(v, key, "a whole number", where, e);
    *value = (int64_t)real;
    return true;
}

bool json_get_number(const json_t *o, const char *key, double *value, const char *where,
                     struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v))
        return wrong(v, key, "a number", where, e);
    *value = json_number_value(v);
    return true;
}

static bool is_absent(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return !v || json_is_null(v);
}

bool json_get_int_or(const json_t *o, const char *key, int64_t *value, int64_t otherwise,
                     const char *where, struct error *e)
{
    *value = otherwise;
    return is_absent(o, key) || json_get_int(o, key, value, where, e);
}

bool json_get_number_or(const json_t *o, const char *key, double *value, double otherwise,
                        const char *where, struct error *e)
{
    *value = otherwise;
    return is_absent(o, key) || json_get_number(o, key, value, where, e);
}

bool json_get_bool_or(const json_t *o, const char *key, bool *value, bool otherwise,
                      const char *where, struct error *e)
{
    *value = otherwise;
    if (is_absent(o, key))
        return true;
    const json_t *v = json_object_get(o, key);
    if (!json_is_boolean(v))
        return wrong(v, key, "true or false", where, e);
    *value = json_is_true(v);
    return true;
}

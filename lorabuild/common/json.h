/* json: jansson with our manners: places in errors, canonical bytes out.
 *
 * Values are jansson's json_t with its reference counts (json_decref by the owner).
 */
#ifndef LORABUILD_COMMON_JSON_H
#define LORABUILD_COMMON_JSON_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

#include <jansson.h>

/* Parses one value that fills `text` (a UTF-8 byte order mark is accepted). Duplicate keys are
 * errors. `shown_as` and `first_line` make the place "shown_as:line:column". NULL on error. */
json_t *json_parse(struct str text, const char *shown_as, size_t first_line, struct error *e);
json_t *json_read_file(const char *path, size_t most_bytes, struct error *e);

/* The same value gives the same bytes: sorted keys, no spaces (or two spaces of indent), reals
 * with the fewest digits that read back, '.' whatever the locale, a newline at the end. */
void json_write(struct strbuf *b, const json_t *value, bool indented);

/* Text that may hold any byte, as names of files do; NULL gives null. json_write() writes bytes
 * that are no UTF-8 as U+10FE00 + byte (and so the bytes of these characters themselves), and
 * json_restore_bytes() gives them back in all texts of a value that was parsed. */
json_t *json_bytes(const char *text);
void json_restore_bytes(json_t *value);

/* What a person calls it: "text", "a whole number", "a list", "null"; "nothing" for NULL. */
const char *json_type_name(const json_t *value);

/* Typed members of an object; an absent or wrongly typed one is ERROR_INPUT naming `where`
 * and the key. The *_or forms take a default where the key is absent or null. */
bool json_get_text(const json_t *o, const char *key, const char **value, const char *where,
                   struct error *e);
bool json_get_int(const json_t *o, const char *key, int64_t *value, const char *where,
                  struct error *e);
bool json_get_number(const json_t *o, const char *key, double *value, const char *where,
                     struct error *e);
bool json_get_int_or(const json_t *o, const char *key, int64_t *value, int64_t otherwise,
                     const char *where, struct error *e);
bool json_get_number_or(const json_t *o, const char *key, double *value, double otherwise,
                        const char *where, struct error *e);
bool json_get_bool_or(const json_t *o, const char *key, bool *value, bool otherwise,
                      const char *where, struct error *e);

#endif

/* gguf: reading GGUF files, versions 2 and 3 (little-endian), as ggml's specification says.
 *
 * gguf_open() checks the whole header against the file: counts, sizes, kinds, that keys and
 * tensors are there once, and that tensors are aligned, within the file and apart. Tensors of
 * types that dtype.h lacks are ERROR_INPUT. Allocates at most about four times the header.
 */
#ifndef LORABUILD_FORMATS_GGUF_H
#define LORABUILD_FORMATS_GGUF_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/str.h"
#include "lorabuild/formats/weights.h"

struct gguf;

struct gguf *gguf_open(const char *path, struct error *e);
void gguf_close(struct gguf *g);

/* Metadata. Values point into the map. false where the key is absent or of another kind;
 * integers of every width are accepted for int, f32 and f64 for number. */
bool gguf_get_int(const struct gguf *g, const char *key, int64_t *value);
bool gguf_get_number(const struct gguf *g, const char *key, double *value);
bool gguf_get_bool(const struct gguf *g, const char *key, bool *value);
bool gguf_get_str(const struct gguf *g, const char *key, struct str *value);

/* Arrays, decoded once at gguf_open() into tables that live as long as the GGUF. NULL where
 * absent or of another element kind. Ints are of any width, or truth values as 0 and 1; an array
 * with one outside int32_t is NULL. Floats are f32. An empty array is not NULL. */
const struct str *gguf_get_strs(const struct gguf *g, const char *key, size_t *count);
const int32_t *gguf_get_ints(const struct gguf *g, const char *key, size_t *count);
const float *gguf_get_floats(const struct gguf *g, const char *key, size_t *count);

size_t gguf_tensor_count(const struct gguf *g);
const struct weight_tensor *gguf_tensor(const struct gguf *g, size_t i); /* file order */
const struct file_map *gguf_map(const struct gguf *g);

#endif

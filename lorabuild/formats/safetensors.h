/* safetensors: reading (mapped) and writing.
 *
 * Format: 8 bytes little-endian header size N, N bytes of JSON, then the data; the tensors fill
 * the data exactly, without gap or overlap, and the header is at most 100 MB.
 */
#ifndef LORABUILD_FORMATS_SAFETENSORS_H
#define LORABUILD_FORMATS_SAFETENSORS_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/file.h"
#include "lorabuild/formats/weights.h"

struct safetensors; /* owns the map, the names and the table */

struct safetensors *safetensors_open(const char *path, struct error *e);
void safetensors_close(struct safetensors *s);
size_t safetensors_count(const struct safetensors *s);
const struct weight_tensor *safetensors_at(const struct safetensors *s, size_t i); /* by name */
const struct weight_tensor *safetensors_find(const struct safetensors *s, const char *name);
/* Tensors of whole numbers or truth values are no weights: only their names are kept. */
size_t safetensors_other_count(const struct safetensors *s);
const char *safetensors_other(const struct safetensors *s, size_t i);
const char *safetensors_metadata(const struct safetensors *s, const char *key); /* NULL = none */
const struct file_map *safetensors_map(const struct safetensors *s);

/* Writes `path` whole and durably (file_replace's manner) with tensors sorted by width (widest
 * first, so that all are aligned) and name, and the metadata pairs {key, value, key, value, …,
 * NULL} sorted by key: the same input, the same bytes. Streams the data; holds no copy of it.
 * Tensors may be mapped from the very file that is replaced. Quantised types: ERROR_INTERNAL. */
bool safetensors_write(const char *path, const struct weight_tensor *tensors, size_t count,
                       const char *const *metadata, struct error *e);

#endif

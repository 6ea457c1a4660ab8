/* weights: the tensors and the description of a base model, from a Hugging Face folder
 * (config.json, model.safetensors or its sharded index) or from one .gguf file.
 *
 * Files are mapped, never copied; tensors keep their file's type. Everything in a header is
 * checked against the file before it is used: a lying one is ERROR_INPUT, never a crash or a
 * large allocation. Shapes are PyTorch's: row-major, [out, in] for a linear layer (GGUF's ne
 * order is turned round). Names are those of the file.
 *
 * Of a folder's shards only those in the index are read (T41); model.safetensors is preferred to
 * an index, as transformers does. A shard's kind is told by its name in the folder, which may be
 * a link (T45). Tensors of whole numbers are no weights and are left out.
 */
#ifndef LORABUILD_FORMATS_WEIGHTS_H
#define LORABUILD_FORMATS_WEIGHTS_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/json.h"
#include "lorabuild/formats/dtype.h"

struct weight_tensor {
    const char *name;
    enum dtype type;
    int dims;
    int64_t shape[4];
    const void *data;
    size_t size_bytes;
};

struct weights; /* owns the maps */
struct gguf;

struct weights *weights_open(const char *path, struct error *e);
void weights_close(struct weights *w);
const struct weight_tensor *weights_find(const struct weights *w, const char *name);
size_t weights_count(const struct weights *w);
const struct weight_tensor *weights_at(const struct weights *w, size_t i); /* sorted by name */
uint64_t weights_bytes(const struct weights *w); /* of all tensors together */

/* The parsed config.json of a folder, or NULL for GGUF; the GGUF, or NULL for a folder. */
const json_t *weights_config(const struct weights *w);
const struct gguf *weights_gguf(const struct weights *w);
const char *weights_path(const struct weights *w);

/* ERROR_INPUT where a file changed since it was opened (T43). */
bool weights_unchanged(const struct weights *w, struct error *e);

/* The files that make up the base at `path`, in a fixed order: what has to be hashed to name
 * it (weights, config, tokenizer, template). Caller frees each and the array. */
bool weights_list_files(const char *path, char ***files, size_t *count, struct error *e);

/* Names of .safetensors files beside the index of a folder that it does not name, rising: left by
 * another download, and never read. Caller frees each and the array. */
void weights_list_strays(const char *path, char ***names, size_t *count);

#endif

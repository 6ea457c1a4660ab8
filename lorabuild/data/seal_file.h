/* seal_file: where seals lie beneath a keep folder, and how they are written and opened. */
#ifndef LORABUILD_DATA_SEAL_FILE_H
#define LORABUILD_DATA_SEAL_FILE_H

#include "lorabuild/data/packed.h"
#include "lorabuild/data/seal.h"

char *seal_source_path(const char *keep, enum document_kind kind, struct digest source);
char *seal_dataset_path(const char *keep, struct digest key);

/* Gives `bytes` the name `path`, whole; folders and files are as open as `keep` is. */
bool seal_file_write(const char *keep, const char *path, struct str bytes, struct error *e);

/* The content of `path` in memory from `a`, checked, with `u` behind the version. A damaged file
 * is removed. */
bool seal_file_open(struct unpacker *u, struct arena *a, const char *path,
                    const char magic[static 8], uint32_t version, struct error *e);
/* What a reader says whose content makes no sense: removes the file, too. Returns false. */
bool seal_file_damaged(const char *path, struct error *e);
bool seal_file_newer(const char *path, struct error *e);

#endif

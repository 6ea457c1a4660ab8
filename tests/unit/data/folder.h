/* A folder of sources with a keep folder beside it, read as the dataset stage does. */
#ifndef TESTS_DATA_FOLDER_H
#define TESTS_DATA_FOLDER_H

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/data/read.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char root[40], path[60], keep[60], captions[80];
    struct seal_source sources[300];
    size_t count;
};

static inline int folder_setup(void **state)
{
    struct folder *f = mem_zalloc(sizeof *f);
    strcpy(f->root, "/tmp/lorabuild-data.XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/texts", f->root);
    snprintf(f->keep, sizeof f->keep, "%s/keep", f->root);
    snprintf(f->captions, sizeof f->captions, "%s/metadata.csv", f->path);
    *state = f;
    return mkdir(f->path, 0755) || mkdir(f->keep, 0700);
}

static inline void folder_forget_sources(struct folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((char *)(uintptr_t)f->sources[i].path);
    f->count = 0;
}

static inline int folder_teardown(void **state)
{
    struct folder *f = *state;
    folder_forget_sources(f);
    folder_remove(f->root, NULL);
    free(f);
    return 0;
}

static inline void put_bytes(struct folder *f, const char *name, struct str bytes)
{
    char *path = path_join(f->path, name);
    struct error e = {0};
    if (!file_replace(path, bytes, 0644, &e))
        fail_msg("%s", e.message);
    free(path);
}

static inline void put(struct folder *f, const char *name, const char *text)
{
    put_bytes(f, name, str_of(text));
}

static inline void take_away(struct folder *f, const char *name)
{
    char *path = path_join(f->path, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static inline char *captions_file(struct folder *f)
{
    struct strbuf b = {0};
    if (access(f->captions, F_OK) == 0)
        assert_true(file_read(&b, f->captions, 1 << 24, NULL));
    return strbuf_take(&b);
}

/* What the parent's scan finds, in the order of the directory. */
static inline void scan(struct folder *f)
{
    folder_forget_sources(f);
    DIR *d = opendir(f->path);
    struct dirent *entry;
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct seal_source *s = &f->sources[f->count++];
        char *path = path_join(f->path, entry->d_name);
        s->path = mem_strdup(entry->d_name);
        digest_file(&s->digest, path, NULL);
        free(path);
    }
    closedir(d);
}

static inline bool try_read_mode(struct dataset *d, struct folder *f, const char *mode,
                                 bool *changed, struct error *e)
{
    struct read_request r = {.folder = f->path,
                             .sources = f->sources,
                             .source_count = f->count,
                             .captions_path = f->captions,
                             .caption_mode = mode,
                             .keep = f->keep};
    return read_dataset(d, &r, changed, e);
}

static inline struct dataset read_as(struct folder *f, const char *mode)
{
    struct dataset d;
    struct error e = {0};
    bool changed;
    scan(f);
    if (!try_read_mode(&d, f, mode, &changed, &e))
        fail_msg("%s", e.message);
    return d;
}

/* The key that the parent computes from a scan alone. */
static inline struct digest key_now(struct folder *f, const char *mode)
{
    struct digest captions = {{0}};
    scan(f);
    if (access(f->captions, F_OK) == 0)
        assert_true(digest_file(&captions, f->captions, NULL));
    return seal_dataset_key(f->sources, f->count, captions, mode);
}

static inline const struct sample *sample_at(const struct dataset *d, const char *path, size_t i)
{
    for (size_t k = 0; k < d->document_count; k++)
        if (strcmp(d->documents[k].path, path) == 0 && i < d->documents[k].count)
            return &d->documents[k].samples[i];
    fail_msg("%s has no sample %zu", path, i);
    return NULL;
}

#endif

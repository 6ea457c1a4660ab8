/* world: a small project as its user sees it: documents, captions, the rule file; in memory and on
 * disk. It knows what is wanted now; it knows nothing of lorabuild's records.
 */
#ifndef TESTS_HISTORIES_WORLD_H
#define TESTS_HISTORIES_WORLD_H

#include "lorabuild/common/random.h"
#include "tests/histories/stub.h"

struct text_file {
    char name[64]; /* "client-12.md" */
    bool corpus;
    char title[40], section[40];
    char **blocks;
    size_t count;
};

struct caption { /* edited by hand */
    char *text, *prompt;
};

struct world {
    char *folder; /* of the project; absolute */
    struct random random;
    uint64_t drawn;  /* numbers drawn so far */
    unsigned unique; /* for names and texts that never stood before */
    struct text_file *documents;
    size_t count;
    struct caption *captions;
    size_t caption_count;
    int epochs;
};

void world_open(struct world *w, const char *folder, uint64_t seed, const char *tiny_model);
void world_free(struct world *w);
uint64_t world_draw(struct world *w, uint64_t below);

struct text_file *world_pick(struct world *w, bool corpus); /* NULL where there is none */
size_t world_count(const struct world *w, bool corpus);
/* Each changes memory and disk. Texts are new ones unless said otherwise. */
void world_add(struct world *w, bool corpus);
void world_add_copy(struct world *w, const struct text_file *of); /* the same texts, another file */
void world_put(struct world *w, const struct text_file *d);       /* as it once was */
void world_remove(struct world *w, struct text_file *d);
void world_rename(struct world *w, struct text_file *d);
void world_edit(struct world *w, struct text_file *d);   /* another text in place of one */
void world_append(struct world *w, struct text_file *d); /* one text more */
void world_edit_heading(struct world *w, struct text_file *d);
bool world_edit_caption(struct world *w); /* of a row in metadata.csv; false: there is none */
void world_set_epochs(struct world *w, int epochs);

struct text_file document_copy(const struct text_file *d);
void document_free(struct text_file *d);

/* "l TEXT" and "h TEXT" of all that stands in the documents now, sealed. */
void world_wanted(const struct world *w, bool corpus, struct lines *wanted);
/* The caption that a user gave this text, or NULL. */
const char *world_caption(const struct world *w, const char *text);
/* A name for the state that the adapter depends on: its documents, captions and recipe. */
uint64_t world_state(const struct world *w, bool corpus);

/* One byte string in any file beneath the folder? The first such file, caller frees; or NULL. */
char *world_find_bytes(const struct world *w, const char *folder, struct str bytes);

#endif

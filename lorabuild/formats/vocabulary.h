/* vocabulary: the tokens of a byte-level vocabulary, each with its spelling and its bytes.
 *
 * A vocabulary file spells bytes with the 256 printable characters of GPT-2's alphabet ("Ġthe"
 * is " the"); a spelling with any other character stands for itself, as do those of added and
 * control tokens. Owns all its text.
 */
#ifndef LORABUILD_FORMATS_VOCABULARY_H
#define LORABUILD_FORMATS_VOCABULARY_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

enum token_kind {
    TOKEN_NONE,    /* a hole in the numbering, or unused */
    TOKEN_NORMAL,  /* made by merges */
    TOKEN_ADDED,   /* split off user text first */
    TOKEN_CONTROL, /* never made from user text */
    TOKEN_KINDS
};

struct token {
    struct str spelling, bytes;
    enum token_kind kind;
    bool in_alphabet; /* `bytes` were decoded from the alphabet */
};

/* Finds strings by hash. The strings themselves stand elsewhere; see the functions below. */
struct str_index {
    struct str_slot {
        uint32_t hash;
        int32_t id; /* -1 = free */
    } * slots;
    uint32_t mask;
};
void str_index_init(struct str_index *x, size_t most);
void str_index_free(struct str_index *x);
uint64_t str_hash(struct str s);

struct vocabulary {
    struct arena arena;
    struct token *tokens; /* by id */
    size_t count, capacity;
    struct str_index spelled;
};

#define VOCABULARY_MOST 2000000 /* ids; a higher one is a damaged file */

/* Sets token `id`; a second setting of an id may change its kind, not its spelling. Of several
 * ids with one spelling the lowest is found. */
bool vocabulary_set(struct vocabulary *v, int64_t id, struct str spelling, enum token_kind kind,
                    struct error *e);
void vocabulary_seal(struct vocabulary *v); /* after the last set, before the first find */
int32_t vocabulary_find(const struct vocabulary *v, struct str spelling); /* -1 = none */
void vocabulary_free(struct vocabulary *v);

/* Indexes tokens by their bytes. */
void vocabulary_index_bytes(const struct vocabulary *v, struct str_index *x, int32_t id);
int32_t vocabulary_find_bytes(const struct vocabulary *v, const struct str_index *x, struct str s);

#endif

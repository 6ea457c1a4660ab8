/* bpe: the bytes of one piece of text to tokens, by merging neighbours: of all pairs that may be
 * merged the one of lowest rank goes first, of equal ones the leftmost (Sennrich et al. 2016, as
 * GPT-2 does it over bytes). Time is O(n log n) in the size of the piece.
 *
 * Immutable after bpe_seal(). Control tokens are never made.
 */
#ifndef LORABUILD_FORMATS_BPE_H
#define LORABUILD_FORMATS_BPE_H

#include "lorabuild/formats/tokenizer.h"
#include "lorabuild/formats/vocabulary.h"

struct bpe {
    struct bpe_pair {
        uint64_t key; /* left id, right id; all ones = free */
        uint32_t rank;
        int32_t merged;
    } * pairs;
    size_t mask, count;
    int32_t byte_ids[256];               /* -1: the vocabulary lacks this byte, it is left out */
    const struct vocabulary *vocabulary; /* borrowed */
    struct str_index whole;              /* pieces that are one token */
    size_t longest;                      /* of those */
};

/* For `merges` merges over a sealed vocabulary. */
void bpe_init(struct bpe *b, const struct vocabulary *v, size_t merges);
/* The merge of rank `rank` (from 0, rising). ERROR_INPUT citing the rank where a part or the
 * result is no token. */
bool bpe_add_merge(struct bpe *b, size_t rank, struct str left, struct str right, struct error *e);
/* "left right", the form of merges.txt. */
bool bpe_add_merge_line(struct bpe *b, size_t rank, struct str line, struct error *e);
/* `whole_first`: a piece that is a token becomes that token even where merges would not lead to
 * it (ignore_merges). */
bool bpe_seal(struct bpe *b, bool whole_first, struct error *e);
void bpe_free(struct bpe *b);
/* The same for the same merges in the same order. */
struct digest bpe_digest(const struct bpe *b);

bool bpe_encode(const struct bpe *b, struct str piece, struct tokens *out, struct error *e);

#endif

/* tokenizer_inner: what the readers of tokenizer files fill in and tokenizer.c encodes with. */
#ifndef LORABUILD_FORMATS_TOKENIZER_INNER_H
#define LORABUILD_FORMATS_TOKENIZER_INNER_H

#include "lorabuild/formats/added_tokens.h"
#include "lorabuild/formats/bpe.h"
#include "lorabuild/formats/pretokenize.h"
#include "lorabuild/formats/tokenizer.h"
#include "lorabuild/formats/vocabulary.h"

struct gguf;

struct tokenizer {
    struct vocabulary vocabulary;
    struct bpe bpe;
    struct pretokenizer *splitter;
    struct added_tokens raw;        /* looked for in the text as it comes */
    struct added_tokens normalized; /* looked for in the normalised text */
    bool nfc;                       /* the normaliser: Unicode's composed form */
    bool byte_level;                /* said by tokenizer.json */
    int32_t bos, eos;
    bool adds_bos;
    char *chat_template; /* NULL = none */
    struct digest digest;
};

/* Fill a fresh tokenizer (all zero but bos, eos = -1) but for the digest. The caller closes it,
 * on failure too. */
bool tokenizer_read_gguf(struct tokenizer *t, const struct gguf *g, struct error *e);
bool tokenizer_read_folder(struct tokenizer *t, const char *folder, const json_t *config,
                           struct error *e);

/* tokenizer_open() for those who have no weights: a folder, or metadata alone. */
struct tokenizer *tokenizer_open_folder(const char *folder, const json_t *config, struct error *e);
struct tokenizer *tokenizer_open_gguf(const struct gguf *g, const char *shown_as, struct error *e);

/* Adds `text` in Unicode's composed form. */
void text_compose(struct strbuf *out, struct str text);

#endif

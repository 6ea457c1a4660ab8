/* reader: a base model opened for use in this process, with a version of an adapter chosen by
 * what a person types ("text-a", "text-a@v2", "client-a"). Shared by draft and loss; and what
 * export and show tell of serving it. */
#ifndef LORABUILD_COMMANDS_READER_H
#define LORABUILD_COMMANDS_READER_H

#include "lorabuild/commands/commands.h"
#include "lorabuild/formats/chat_template.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/models/model.h"

struct reader {
    struct weights *weights;
    struct tokenizer *tokenizer;
    struct chat_template chat;
    struct model *model;
    struct backend *backend;
    struct peft_adapter adapter;
    bool has_adapter;
    int version;
};

/* The adapter that `word` names: a group's only text adapter counts as that adapter. *version is
 * the number after "@v", or 0 for the one in use. */
bool reader_choose(const struct rules *r, const char *word, int *adapter, int *version,
                   struct error *e);
/* Opens base and tokenizer of an adapter. */
bool reader_open(struct reader *d, const struct rules *r, int adapter, int threads,
                 struct error *e);
/* Reads a version's joint adapter (0: the one in use). */
bool reader_load_adapter(struct reader *d, const struct rule_adapter *rule, int version,
                         struct peft_adapter *to, int *number, struct error *e);
void reader_close(struct reader *d);

/* Where a server must stop (T23): "<|im_end|>", or that and what is odd about it. NULL: the adapter
 * writes plain text, or its base cannot be read. The caller frees. */
char *reader_stop(const struct rules *r, const struct rule_adapter *rule);

#endif

/* turns: does a base model know how an answer ends?
 *
 * A base (non-chat) model may have the control tokens of a chat template in its vocabulary and
 * never have seen them: their rows of the head are then next to nothing, or one like the other.
 * LoRA leaves these rows as they are, so that the adapter hardly learns to stop (T23). And a
 * server stops where the model's own settings say, which may be elsewhere.
 */
#ifndef LORABUILD_MODELS_TURNS_H
#define LORABUILD_MODELS_TURNS_H

#include "lorabuild/formats/chat_template.h"
#include "lorabuild/models/model.h"

struct turns {
    const char *stop; /* "<|im_end|>": what ends an answer; NULL: the model has no turns */
    bool model_stops; /* its generation_config.json, else its config.json, names that token */
    bool untrained;   /* its row is next to nothing, or the same as that of the turn's beginning */
    float start_norm, stop_norm, usual_norm; /* of rows of the head; usual: the median of some */
};

/* `m` NULL: rows are not looked at. */
void turns_look(struct turns *t, const struct model *m, const struct weights *w,
                const struct tokenizer *k, const struct chat_template *c);
/* The same of the base at `path`, of which no row is looked at. false: it cannot be read. */
bool turns_of_base(struct turns *t, const char *path, const char *template);

#endif

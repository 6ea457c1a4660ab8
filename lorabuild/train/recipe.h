/* recipe: all settings that change the result of training, each defined once.
 *
 * recipe_keys is the table that parsing, checking, printing (`show`), documentation and keys
 * share. A recipe is a plain value. Text names of a list (targets) are owned by an arena of the
 * caller. Defaults depend on the kind of stage only through recipe_default(). A key whose value
 * may be `special` is 0 in the struct then; `least` and `most` bound what is written as a number.
 */
#ifndef LORABUILD_TRAIN_RECIPE_H
#define LORABUILD_TRAIN_RECIPE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"

enum recipe_schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULE_WSD };
enum recipe_mode { MODE_AUTO, MODE_TEXT, MODE_CHAT };
enum recipe_precision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16, PRECISION_INT8 };

struct recipe {
    int64_t rank;
    double alpha; /* 0 = twice the rank, resolved by recipe_resolve() */
    double dropout;
    char **targets; /* NULL = all linear layers; sorted, no doubles */
    size_t target_count;
    double epochs; /* 0 = auto */
    int64_t steps; /* 0 = by epochs */
    double learning_rate;
    int64_t schedule; /* enum recipe_schedule */
    double warmup;    /* < 1: share of the steps; otherwise steps */
    double decay;     /* wsd: share of the steps at the end */
    double weight_decay;
    int64_t batch_size;   /* windows in an optimizer step and micro-step */
    int64_t accumulation; /* micro-steps in an optimizer step */
    int64_t max_length;   /* tokens in a window */
    int64_t mode;         /* enum recipe_mode */
    int64_t seed;
    double max_grad_norm; /* 0 = no clipping */
    int64_t precision;    /* enum recipe_precision */
    int64_t max_rank;     /* the joint file's greatest rank; 0 = none */
};

enum recipe_kind { RECIPE_INT, RECIPE_NUMBER, RECIPE_CHOICE, RECIPE_NAMES };

struct recipe_key {
    const char *name;
    enum recipe_kind kind;
    size_t offset;              /* of the field in struct recipe */
    double least, most;         /* inclusive */
    const char *const *choices; /* RECIPE_CHOICE: NULL-terminated, index = value */
    const char *special;        /* a word for 0, such as "auto"; NULL = none */
    const char *help;           /* one line */
};
extern const struct recipe_key recipe_keys[];
extern const size_t recipe_key_count;
const struct recipe_key *recipe_key_find(const char *name);

/* `domain`: nothing to start from but the base (a lower rate). */
struct recipe recipe_default(bool domain);
void recipe_resolve(struct recipe *r); /* alpha = 2 × rank, and the like */

json_t *recipe_to_json(const struct recipe *r); /* every key, defaults filled in */
/* Lays the keys that `o` has over *r. Unknown keys, wrong kinds and numbers out of bounds are
 * ERROR_INPUT naming `where` and the key. */
bool recipe_from_json(struct recipe *r, struct arena *a, const json_t *o, const char *where,
                      struct error *e);
/* The canonical digest, of the resolved recipe; `precision` counts as the user wrote it. What is
 * 0 is left out: a key added later, whose 0 means "as before", leaves old digests as they are. */
struct digest recipe_digest(const struct recipe *r);

#endif

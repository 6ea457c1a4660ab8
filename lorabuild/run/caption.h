/* caption: the captions of datasets made or refreshed without training, and what a person says to
 * them: passed, or given back to the machine. The reading stage does it (data/captions.h); the
 * table in the dataset's folder is the only record. */
#ifndef LORABUILD_RUN_CAPTION_H
#define LORABUILD_RUN_CAPTION_H

#include "lorabuild/run/target.h"

struct caption_wish {
    bool accept;
    const char *const *files; /* accept only these: "FILE", "FILE:§3", or a row's id */
    size_t file_count;        /* 0 = all */
    const char *redo;         /* one of these back to the machine; NULL = none */
};

struct caption_result {
    const struct source *source; /* its notes, its table's path */
    size_t machine, fresh, accepted, waiting, yours, skipped, edited;
};

/* The datasets of an adapter or of a group's adapters, or the one of that name. `chosen`: one a
 * dataset of the rules. Those of kinds that are not built yet are left out; none left is an
 * error. */
bool caption_choose(const struct rules *r, const char *name, bool *chosen, struct error *e);

/* Reads every chosen dataset, the wish done to it. `results`: one a dataset of the rules; those not
 * chosen are left alone. A wish that names what is nowhere is ERROR_USAGE. */
bool caption_run(struct workshop *w, const bool *chosen, const struct caption_wish *wish,
                 struct caption_result *results, struct error *e);

#endif

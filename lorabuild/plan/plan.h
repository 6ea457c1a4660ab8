/* plan: what a build of one adapter would do, and why. Pure: no file, no clock, no tensor.
 *
 * plan_adapter() is a function of facts. The same call decides a build, prints `--why` and
 * `-n`, and is fed by tests. Rules (build.md, decision 5):
 *   want_key  = recipe, base, parent's artifact, sample set       "is it current?"
 *   exposure  = contents learned or validated on, the ancestor's and the parent's included
 *   wanted    = contents of this adapter now, and of its parents' datasets now
 * A version may be continued only if recipe, base and parent are the same and its exposure lies
 * inside what is wanted. Among the usable starts the one with the least to learn is taken; equal
 * ones go to the newest version.
 *
 * Everything in a struct plan points into the facts or into the arena given.
 */
#ifndef LORABUILD_PLAN_PLAN_H
#define LORABUILD_PLAN_PLAN_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/memory.h"

/* Part of every want_key: raised when the meaning of a key's parts changes. */
#define PLAN_KEY_SCHEMA 1
/* Part of every attempt_key: raised when training gives other weights for the same key. */
#define PLAN_ALGORITHM 1

struct plan_sample {
    struct digest content, id;
    bool heading;
    uint32_t document; /* index into plan_set.documents */
    size_t place;      /* §n */
};

/* The samples of an adapter, all its datasets together, documents in order of their path. */
struct plan_set {
    const char **documents; /* shown paths, sorted by bytes */
    size_t *first;          /* (document_count + 1): where each document's samples begin */
    size_t document_count;
    struct plan_sample *samples;
    size_t count;
    struct digest_set ids, contents; /* sealed; headings included */
    struct digest set;               /* of ids */
    size_t sample_count;             /* distinct ids of samples that are no headings */
    size_t repeated_count;           /* samples that stand more than once, learned once */
};

struct plan_version {
    int number;
    struct digest want_key, recipe, base, parent, artifact;
    const struct digest_set *exposure;  /* contents */
    const struct digest_set *ids;       /* what it was built for */
    const struct digest_set *validated; /* contents held out */
    int updates;                        /* in a row since it was last trained in full */
    bool set_aside;                     /* failed its check or was gone back behind */
    bool has_weights;
    const struct plan_set *set; /* with names, if they are still known; else NULL */
};

struct plan_facts {
    struct digest recipe, base, parent;
    bool parent_pending; /* the parent will be built first: its artifact is not known yet */
    const struct plan_set *now;
    const struct digest_set *wanted;
    const struct plan_version *versions; /* ascending */
    size_t version_count;
    int in_use;  /* number of the current version; 0 = none */
    int highest; /* of all numbers ever given: none is given twice */
    int64_t max_chain;
    bool rebuild; /* -B: from the parent, whatever stands */
    bool in_full; /* measured: to continue costs no less than to train in full */
};

enum plan_verdict {
    PLAN_CURRENT, /* the version in use is what is wanted */
    PLAN_ASIDE,   /* what is wanted was built, failed its check, and is not tried again */
    PLAN_USE,     /* an earlier version is exactly what is wanted: use it */
    PLAN_TRAIN,
    PLAN_EMPTY,   /* nothing to learn from */
    PLAN_VANISHED /* over half of the documents are gone at once: ask */
};

enum start_reason {
    START_USABLE,
    START_RECIPE,  /* another recipe */
    START_BASE,    /* another base model */
    START_PARENT,  /* another version of the parent */
    START_EXPOSED, /* has learned something that is no longer wanted */
    START_CHAIN,   /* max_chain updates already */
    START_ASIDE,   /* set aside */
    START_LOST,    /* its weights are gone */
    START_REBUILD, /* -B was given */
    START_COSTLIER /* to continue costs no less than to train in full */
};

struct plan_start {
    int version; /* 0 = the parent, or the base */
    enum start_reason reason;
    size_t learn;        /* samples that would have to be learned (no headings) */
    const char *example; /* START_EXPOSED: a place that it learned, shown; may be NULL */
};

enum change_kind { CHANGE_NEW, CHANGE_GONE, CHANGE_EDITED, CHANGE_CAPTION };

struct plan_change {
    enum change_kind kind;
    const char *document; /* shown path */
    size_t place;         /* §n; 0 = the whole document */
    size_t count;         /* samples, where place is 0 */
};

struct plan {
    enum plan_verdict verdict;
    struct digest want_key;
    int version;                /* PLAN_TRAIN: its number to be; PLAN_USE and PLAN_ASIDE: which */
    int start;                  /* PLAN_TRAIN: version continued from; 0 = the parent or base */
    struct digest_set learn;    /* ids with loss, headings included; caller: digest_set_free */
    struct digest_set validate; /* ids held out */
    size_t learn_count;         /* of learn, without headings */
    size_t document_count;
    struct plan_start *starts; /* newest first, the parent last */
    size_t start_count;
    size_t taken;                /* index into starts */
    struct plan_change *changes; /* against the version in use */
    size_t change_count;
    size_t unchanged;                                  /* samples */
    bool recipe_changed, base_changed, parent_changed; /* against the version in use */
};

/* `set` is the digest of the sorted ids (SAMPLE_SET): a dataset knows its own without being read.
 */
struct digest plan_want_key(struct digest recipe, struct digest base, struct digest parent,
                            struct digest set);
struct digest plan_attempt_key(struct digest want_key, struct digest start_artifact,
                               const struct digest_set *learn, const char *numerics);

void plan_adapter(struct plan *p, const struct plan_facts *f, struct arena *a);
void plan_free(struct plan *p);

/* Which documents are held out of learning (DESIGN 7): none below ten documents; else those that
 * the start held out before, filled up to a tenth by the least document digests. */
void plan_hold_out(struct digest_set *validate, const struct plan_set *now,
                   const struct digest_set *held_out_before, struct arena *a);

/* What differs between two sets, document by document, in the order of `now`, then what is gone. */
struct plan_change *plan_changes(const struct plan_set *before, const struct plan_set *now,
                                 size_t *count, size_t *unchanged, struct arena *a);

#endif

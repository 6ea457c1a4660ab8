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
 * Where a dataset says `edits: relearn`, a text that was edited in place is tolerated in an
 * exposure as long as what stands in its place is wanted (corrections.c).
 *
 * Everything in a struct plan points into the facts or into the arena given.
 *   plan.c         the verdict               starts.c       where training may begin, and why
 *   changes.c      what differs              corrections.c  which old texts are tolerated
 *   hold_out.c     what is held out
 */
#ifndef LORABUILD_PLAN_PLAN_H
#define LORABUILD_PLAN_PLAN_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/memory.h"

/* Part of every want_key: raised when the meaning of a key's parts changes. */
#define PLAN_KEY_SCHEMA 1
/* Part of every attempt_key: raised when training gives other weights for the same key. A version
 * of another algorithm is current all the same; the next real change takes the new one. */
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
    const bool *relearn;    /* by document: its dataset says `edits: relearn`; NULL = none does */
    size_t document_count;
    struct plan_sample *samples;
    size_t count;
    struct digest_set ids, contents; /* sealed; headings included */
    struct digest set;               /* of ids */
    size_t sample_count;             /* distinct ids of samples that are no headings */
    size_t repeated_count;           /* samples that stand more than once, learned once */
};

/* The text `old` was edited in place, and `now` stands there. An old text with several of these
 * is tolerated only while all of them are wanted. */
struct plan_correction {
    struct digest old, now; /* contents */
};
int plan_correction_order(const void *a, const void *b); /* for qsort: by old, then now */

struct plan_version {
    int number;
    struct digest want_key, recipe, base, parent, artifact;
    const struct digest_set *exposure;         /* contents */
    const struct digest_set *ids;              /* what it was built for */
    const struct digest_set *contents;         /* of those, headings left out; NULL = not known */
    const struct digest_set *validated;        /* contents held out */
    const struct plan_correction *corrections; /* recorded with it */
    size_t correction_count;
    size_t document_count; /* that it was built for; 0 = not known */
    int updates;           /* in a row since it was last trained in full */
    int algorithm;         /* PLAN_ALGORITHM when it was built; 0 = not known */
    bool set_aside;        /* failed its check or was gone back behind */
    bool has_weights;
    const struct plan_set *set; /* with names, if they are still known; else NULL */
};

struct plan_facts {
    struct digest recipe, base, parent;
    bool parent_pending; /* the parent will be built first: its artifact is not known yet */
    const struct plan_set *now;
    const struct digest_set *wanted;     /* and what the parents' plans tolerate */
    const struct plan_version *versions; /* ascending */
    size_t version_count;
    int in_use;  /* number of the current version; 0 = none */
    int chosen;  /* by `use`; 0, or in_use */
    int highest; /* of all numbers ever given: none is given twice */
    int64_t max_chain;
    int64_t hold_out_least; /* documents needed to hold some out; 0 = never */
    bool rebuild;           /* -B: from the parent, whatever stands */
    bool in_full;           /* measured: to continue costs no less than to train in full */
};

enum plan_verdict {
    PLAN_CURRENT, /* the version in use is what is wanted */
    PLAN_ASIDE,   /* what is wanted was built and set aside; it is not tried again */
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
    START_CHAIN,   /* max_chain updates already, or the version after it has them */
    START_ASIDE,   /* set aside */
    START_LOST,    /* its weights are gone */
    START_REBUILD, /* -B was given */
    START_COSTLIER /* to continue costs no less than to train in full */
};

struct plan_start {
    int version; /* 0 = the parent, or the base */
    enum start_reason reason;
    size_t learn;        /* samples that would have to be learned (no headings) */
    bool exposed;        /* START_EXPOSED, or would be: it is blocked from use */
    bool corrected;      /* learned a text that was edited since, which is tolerated */
    bool edited;         /* of `example`: another text stands there now */
    const char *path;    /* exposed: the document; NULL = its name is not known any more */
    size_t place;        /* §n in it; 0 = the whole document is gone */
    const char *example; /* "y §2", or "y"; NULL = not known */
};

/* The rule that decided where training starts. */
enum plan_rule {
    RULE_FIRST,      /* no version is there */
    RULE_LEAST,      /* of those that may be continued, the one with the least to learn */
    RULE_CHOSEN,     /* the version that `use` chose is continued */
    RULE_CORRECTION, /* edits: relearn */
    RULE_EXPOSED,
    RULE_RECIPE,
    RULE_BASE,
    RULE_PARENT,
    RULE_CHAIN,
    RULE_ASIDE,
    RULE_LOST,
    RULE_REBUILD,
    RULE_COSTLIER
};

enum change_kind { CHANGE_NEW, CHANGE_GONE, CHANGE_EDITED, CHANGE_CAPTION, CHANGE_HEADING };

struct plan_change {
    enum change_kind kind;
    const char *document; /* shown path; NULL = not known any more */
    size_t place;         /* §n; 0 = the whole document */
    size_t count;         /* samples, where place is 0 */
    size_t stay;          /* a document that is gone: its samples that other documents hold */
    const char *stays_in; /* one of those; NULL = none */
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
    size_t taken; /* index into starts */
    enum plan_rule rule;
    struct plan_change *changes; /* against the version in use */
    size_t change_count;
    size_t unchanged;                                  /* samples */
    bool recipe_changed, base_changed, parent_changed; /* against the version in use */
    bool weights_lost;                                 /* of the version in use */
    bool in_use_exposed; /* the version in use learned what is not wanted: it may not stay */
    struct digest_set tolerated;         /* old texts in exposures that corrections excuse */
    struct plan_correction *corrections; /* PLAN_TRAIN: to be recorded with the new version */
    size_t correction_count;
};

/* `set` is the digest of the sorted ids (SAMPLE_SET): a dataset knows its own without being read.
 */
struct digest plan_want_key(struct digest recipe, struct digest base, struct digest parent,
                            struct digest set);
struct digest plan_attempt_key(struct digest want_key, struct digest start_artifact,
                               const struct digest_set *learn, const char *numerics);

void plan_adapter(struct plan *p, const struct plan_facts *f, struct arena *a);
void plan_free(struct plan *p);

/* Which samples are held out of learning (DESIGN 7). Trained in full (`before` NULL): none below
 * `least` documents, or where `least` is 0; else the documents with the least digests, a tenth of
 * them. An update keeps what its start held out (`before`, contents), and nothing else. */
void plan_hold_out(struct digest_set *validate, const struct plan_set *now,
                   const struct digest_set *before, int64_t least, struct arena *a);

/* What differs between two sets, document by document, in the order of `now`, then what is gone.
 * A document of another name with at least half of a missing one's texts is that document. */
struct plan_change *plan_changes(const struct plan_set *before, const struct plan_set *now,
                                 size_t *count, size_t *unchanged, struct arena *a);
/* The same where the names of what stood before are lost. */
struct plan_change *plan_changes_unnamed(const struct plan_version *before,
                                         const struct plan_set *now, size_t *count,
                                         size_t *unchanged, struct arena *a);
/* The texts and headings of `before` that were edited in place in a document of `now` that
 * relearns. Only a document that still shares a sample with what it was counts as edited. */
struct plan_correction *plan_edits(const struct plan_set *before, const struct plan_set *now,
                                   size_t *count, struct arena *a);

/* `tolerated`: the old texts of `pairs` (sorted here) of which all that stands in their place is
 * wanted, or tolerated itself. */
void plan_tolerate(struct digest_set *tolerated, struct plan_correction *pairs, size_t count,
                   const struct digest_set *wanted);
/* The pairs to record: from each tolerated text that `exposure` has to what is wanted now. */
struct plan_correction *plan_record_corrections(const struct plan_correction *pairs, size_t count,
                                                const struct digest_set *tolerated,
                                                const struct digest_set *wanted,
                                                const struct digest_set *exposure, size_t *recorded,
                                                struct arena *a);

/* For plan.c: p->starts, taken, start and rule. `allowed` is wanted and tolerated. */
void plan_list_starts(struct plan *p, const struct plan_facts *f, const struct digest_set *allowed,
                      struct arena *a);

#endif

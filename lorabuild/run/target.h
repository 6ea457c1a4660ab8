/* target: an adapter of the rules with everything that planning needs to know about it.
 *
 * A workshop holds what one run of lorabuild has found out so far: sources, base digests and
 * targets, each loaded once, when first needed. target_plan() gathers facts and calls the pure
 * planner; it is called again after each build that may have changed them.
 */
#ifndef LORABUILD_RUN_TARGET_H
#define LORABUILD_RUN_TARGET_H

#include "cache/lineage.h"
#include "lorabuild/plan/plan.h"
#include "lorabuild/run/machine.h"
#include "lorabuild/run/sources.h"

struct target {
    const struct rule_adapter *rule;
    struct scope *scope;
    struct lineage lineage;
    bool loaded, planned;
    bool settled;       /* found current without opening any list of samples */
    struct arena arena; /* owns what plan and facts point to */
    struct plan_set now;
    struct digest_set wanted;
    struct plan_version *versions;
    struct plan_facts facts;
    struct plan plan;
    struct digest recipe, base, parent_artifact;
    int parent_version;  /* of rule->parent; 0 = none, or pending */
    bool parent_pending; /* the parent must be built first */
    int newer_parent;    /* a newer version exists than the one kept; 0 = no */
    char **mended;       /* sentences: what was damaged, and brought back */
    size_t mended_count;
};

struct base_files { /* what a base's digest was made of */
    char **names;   /* last parts of their paths */
    struct digest *digests;
    size_t count;
};

struct workshop {
    struct project *project;
    struct machine machine;
    struct source *sources;        /* one a dataset of the rules */
    struct target *targets;        /* one an adapter of the rules */
    struct digest *base_digests;   /* one a base; zero = not yet known */
    struct base_files *base_files; /* one a base; filled with its digest */
    struct source_options source_options;
    bool rebuild, newest_parents;
    const bool *asked; /* one an adapter: named on the command line (rebuild's reach) */
};

void workshop_open(struct workshop *w, struct project *p);
void workshop_close(struct workshop *w);

struct source *workshop_source(struct workshop *w, int dataset, struct error *e);
bool workshop_base_digest(struct workshop *w, int base, struct digest *d, struct error *e);
/* The lineage of an adapter, loaded. */
struct target *workshop_target(struct workshop *w, int adapter, struct error *e);

/* Facts and plan of an adapter, anew; its parents are planned as far as needed. */
bool target_plan(struct workshop *w, int adapter, struct error *e);
/* The same, and even where headers alone showed the adapter to be current, every list is opened:
 * then plan.starts tells of each version whether it was exposed to something not wanted. */
bool target_plan_whole(struct workshop *w, int adapter, struct error *e);
/* Must the plan be refused (PLAN_EMPTY, PLAN_VANISHED)? Then `e` says why, as a
 * user is asked. */
bool target_is_refused(const struct workshop *w, const struct target *t, struct error *e);
/* Plans again from the same facts, now knowing that continuing costs no less than starting anew. */
void target_plan_in_full(struct target *t);
/* Texts of its datasets that wait for their captions' acceptance; of loaded ones only. */
size_t target_waiting(const struct workshop *w, const struct target *t);
/* Forgets plan and lineage: something was built. */
void target_forget(struct target *t);

/* Where the weights trained for a version lie: its folder, or alone/ where it has a parent. */
char *target_weights_folder(const struct target *t, int version);

/* The file of the seed's init_lora_weights, which may name its folder. Caller frees. */
char *target_initial_weights(const struct target *t);
/* Whoever builds or repairs the adapter holds this file's lock. */
char *target_lock_path(const struct target *t);
/* Takes it, waiting; a descriptor for lock_release(), or -1. */
int target_lock(const struct target *t, void (*waiting)(void *context, const char *holder),
                void *context, struct error *e);

#endif

/* gc: disk given back: versions, trainings and texts that nothing refers to any more.
 *
 * Of an adapter's versions those are kept that plan/retention.h names; pinned are the versions
 * that a rule names (`from: city@v2`) and those that a kept version of another adapter was built
 * on. Removed with a version: its folder, its archive and the records of it; its line in the
 * history stays. Of the trainings under way those stay that the next build would continue.
 * Of the texts (seals and sealed datasets) those stay that the sources as they are now refer to,
 * a kept version was built from, or that were made after gc began to look.
 *
 * An adapter that is being built, cannot be planned, or has lost over half of its documents is
 * left alone, and told. Nothing here makes a removed version impossible to build again.
 */
#ifndef LORABUILD_RUN_GC_H
#define LORABUILD_RUN_GC_H

#include "lorabuild/plan/retention.h"
#include "lorabuild/run/target.h"

struct gc_adapter {
    int adapter;
    char *left; /* why it is left alone; NULL: it is not. The lists are empty then */
    struct retention_version *versions;
    size_t version_count, going; /* going: how many are not kept */
    struct digest *attempts;     /* that go */
    size_t attempt_count;
    uint64_t bytes;
    int current, highest; /* as planned with */
};

struct gc_texts {
    struct scope *scope;
    char *left; /* why they are left alone; NULL: they are not */
    char **files;
    size_t count;
    uint64_t bytes;
};

struct gc {
    struct workshop *workshop;
    struct gc_adapter *adapters; /* those asked for, parents first */
    size_t adapter_count;
    struct gc_texts *texts; /* one a scope that such an adapter belongs to */
    size_t text_count;
    uint64_t bytes; /* of all */
};

/* What could go, of the adapters marked in `asked`. Without `texts` the seals and datasets are
 * not looked at: cheap, for `status`; bytes are then the least that would be freed. Plans the
 * adapters; a plan that is made already is used. */
bool gc_plan(struct gc *g, struct workshop *w, const bool *asked, bool texts, struct error *e);
/* Frees it. What is taken by another process meanwhile, or was built, is left alone (`left`), and
 * its bytes are taken off. */
bool gc_run(struct gc *g, struct error *e);
void gc_free(struct gc *g);

/* --- Shared by the files of gc. --- */

/* Of the texts: gc_texts.c. `kept(context, adapter, version)`: does this version stay? */
void gc_plan_texts(struct gc *g, const bool *asked,
                   bool (*kept)(const struct gc *g, int adapter, int version));

#endif

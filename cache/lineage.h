/* lineage: the versions of one adapter and what each was exposed to.
 *
 * The truth is files: adapters/NAME/vN/manifest.json with `samples` beside it (one line a
 * sample: content digest, id, role), `current`/CURRENT, and a checkpoint's folder under keep.
 * The store remembers each version's exposure under the digest of its manifest, so that a build
 * with nothing to do opens one manifest and no list. A version folder that is missing but has
 * its archive is brought back by lineage_heal().
 */
#ifndef LORABUILD_CACHE_LINEAGE_H
#define LORABUILD_CACHE_LINEAGE_H

#include "cache/store.h"
#include "lorabuild/common/json.h"

struct lineage_sample {
    struct digest content, id;
    char role; /* 'l' learned, 'v' validated on, 'h' a heading, 'c' context only */
};

struct version {
    int number;
    char *folder;               /* adapters/NAME/vN */
    json_t *manifest;
    struct digest want_key, attempt_key;
    struct digest recipe, base, parent, set; /* parent: artifact digest, zero = none */
    struct digest artifact;     /* of the trained weights alone: what children's keys name */
    int ancestor;               /* version continued from, 0 = none */
    bool set_aside;             /* failed its check, or `use` went back behind it */
    /* Loaded on demand by lineage_load_exposure(): */
    struct lineage_sample *samples; /* its own wanted set */
    size_t sample_count;
    struct digest_set exposure; /* contents: learned, validated, ancestor's and parent's */
    bool exposure_loaded;
};

struct lineage {
    char *name, *folder; /* adapters/NAME */
    struct version *versions; /* ascending by number */
    size_t count;
    int current;         /* number in use, 0 = none */
};

/* A missing adapter folder is an empty lineage. Damaged manifests are named in `note`. */
bool lineage_load(struct lineage *l, const char *folder, const char *name, struct error *e);
void lineage_free(struct lineage *l);
struct version *lineage_version(struct lineage *l, int number); /* NULL = none */
bool lineage_load_exposure(struct version *v, struct store *store, struct error *e);

/* The samples file of a version: written sorted, one line each; the same set, the same bytes. */
bool lineage_write_samples(const char *path, const struct lineage_sample *samples, size_t count,
                           const struct digest_set *exposure, struct error *e);

/* Commit: fsync everything in `attempt_out`, rename it to folder/vN (NOREPLACE), fsync. */
bool lineage_commit(const char *folder, const char *attempt_out, int number, struct error *e);
/* Derived things, made or repaired: `current` link and CURRENT. */
bool lineage_set_current(const char *folder, int number, struct error *e);

#endif

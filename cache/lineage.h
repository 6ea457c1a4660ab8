/* lineage: the versions of one adapter and what each was exposed to.
 *
 * The truth is files, all under adapters/NAME (docs/formats-cache.md):
 *   vN/manifest.json, vN/samples   a version and its samples (content digest, id, role)
 *   current -> vN, CURRENT         the version in use; CURRENT is the record, the link derived
 *   set-aside                      numbers of versions that are kept and not used
 *   chosen                         the version that `use` went back to, and when
 *   blocked                        versions that learned what was withdrawn since, and what that
 * was history                        one line a version, appended: date, key, digest of its tar
 *   NAME-DATE-vN.tar.zst           its archive, with NAME-DATE-vN.tar.sha256 beside it
 * The store remembers each version's exposure under the digest of its manifest, so that a build
 * with nothing to do opens manifests and no list. What is missing and can be made again from the
 * rest is brought back by lineage_heal().
 *
 * Commit order for a version (each step durable before the next): set-aside (only if it failed
 * its check), lineage_commit(), lineage_set_current(), lineage_pack(). Once
 * lineage_commit() has returned the version exists; a crash after it costs nothing but the next
 * run's repairs.
 */
#ifndef LORABUILD_CACHE_LINEAGE_H
#define LORABUILD_CACHE_LINEAGE_H

#include "cache/store.h"
#include "lorabuild/common/json.h"

#include <time.h>

#define LINEAGE_FORMAT 1 /* of manifest.json; newer is refused */
/* In a version's folder, for people: nothing is built on it. */
#define LINEAGE_REPORT "report.html"
/* What is being imported stands here in adapters/NAME, under the adapter's lock; lineage_heal()
 * removes what a crash left of it. */
#define LINEAGE_IMPORT ".import"

struct lineage_sample {
    struct digest content, id;
    char role; /* 'l' learned, 'v' validated on, 'h' a heading, 'c' context only */
};

/* A text that was edited in place and learned anew on top (`edits: relearn`): `old` is in the
 * exposure, and was tolerated because `now` stands in its place. */
struct lineage_correction {
    struct digest old, now; /* contents */
};

struct version {
    int number;
    char *folder;                  /* adapters/NAME/vN */
    json_t *manifest;              /* whole, unknown keys too */
    struct digest manifest_digest; /* of its bytes */
    struct digest want_key, attempt_key;
    struct digest recipe, base, parent, set; /* parent: artifact digest, zero = none */
    struct digest artifact; /* of the trained weights alone: what children's keys name */
    int ancestor;           /* version continued from, 0 = none */
    bool put_aside;         /* stands in set-aside: failed its check, or was gone back behind */
    bool set_aside;         /* the same, but what `use` chose decides while it stands */
    const char *damaged;    /* a file that is missing or of another size than its manifest
                               says (points into `manifest`), or NULL; an adapter_config.json
                               that its user edited is no damage (B23) */
    /* Loaded on demand by lineage_load_exposure(): */
    struct lineage_sample *samples; /* its own wanted set */
    size_t sample_count;
    struct digest_set exposure; /* contents: learned, validated, ancestor's and parent's */
    struct lineage_correction *corrections; /* rising */
    size_t correction_count;
    bool exposure_loaded;
};

struct lineage_choice {
    int number; /* 0 = none */
    char date[11];
};

struct lineage {
    char *name, *folder;      /* adapters/NAME */
    struct version *versions; /* ascending by number */
    size_t count;
    int current; /* number in use, 0 = none: CURRENT's, else the link's, else the highest that is
                    not set aside; before all these the one that `use` chose */
    struct lineage_choice chosen; /* its version is in use, all later ones are set aside */
    int highest;  /* of all numbers ever given, in folders, archives and history; 0 = none */
    char **notes; /* sentences for the user: versions that could not be read */
    size_t note_count;
};

/* A missing adapter folder is an empty lineage. A version whose manifest is missing or damaged is
 * left out and named in `notes`; one made by a newer lorabuild is an error. */
bool lineage_load(struct lineage *l, const char *folder, const char *name, struct error *e);
void lineage_free(struct lineage *l);
struct version *lineage_version(struct lineage *l, int number); /* NULL = none */
/* From the store where it is remembered there (store may be NULL), else from the samples file,
 * and then it is put into the store. */
bool lineage_load_exposure(struct version *v, struct store *store, struct error *e);

/* The samples file of a version: written sorted, one line each; the same set, the same bytes. */
bool lineage_write_samples(const char *path, const struct lineage_sample *samples, size_t count,
                           const struct digest_set *exposure, struct error *e);
/* With corrections, whose section only such a file has (format 2). */
bool lineage_write_samples_corrected(const char *path, const struct lineage_sample *samples,
                                     size_t count, const struct digest_set *exposure,
                                     const struct lineage_correction *corrections,
                                     size_t correction_count, struct error *e);
/* Reads it back, without corrections; the caller frees *samples and the set. Not sorted, cut short,
 * or newer: error. */
bool lineage_read_samples(const char *path, struct lineage_sample **samples, size_t *count,
                          struct digest_set *exposure, struct error *e);

/* Commit: fsync everything in `attempt_out`, rename it to folder/vN (NOREPLACE), fsync. Where it
 * lies on another file system, a copy is renamed and `attempt_out` stays. */
bool lineage_commit(const char *folder, const char *attempt_out, int number, struct error *e);
/* Derived things, made or repaired: `current` link and CURRENT. `current` points to a version at
 * every moment. */
bool lineage_set_current(const char *folder, int number, struct error *e);

/* Puts a version aside, or takes that back. The number need not exist yet. */
bool lineage_set_aside(const char *folder, int number, bool on, struct error *e);

/* May a file of a version be edited by its user, and the version still be used? */
bool lineage_may_differ(const char *file);
/* Did it fail the check after its training? Set aside for that, and not because of a choice. */
bool lineage_failed_check(const struct version *v);
/* 0.01 = 1 % worse on earlier pages; 0 where nothing was compared. */
double lineage_check_change(const struct version *v);

/* chosen: "vN DATE". The one record that `use` writes: as long as it stands and its version is
 * there, that one is in use and all later ones count as set aside, whatever CURRENT and set-aside
 * say (which follow). A missing or torn file, or number 0, is no choice; number 0 removes it. */
bool lineage_read_chosen(const char *folder, struct lineage_choice *c, struct error *e);
bool lineage_write_chosen(const char *folder, const struct lineage_choice *c, struct error *e);
/* Before another version is committed or taken into use: writes down in set-aside what the choice
 * put aside, and removes it. Without a choice nothing is done. */
bool lineage_retire_choice(const struct lineage *l, struct error *e);

/* blocked: "vN DATE PATH" a line: the version learned what stood in PATH, withdrawn on DATE. */
struct lineage_block {
    int number;
    char date[11];
    char *path; /* as shown */
};
/* In the file's order; the caller frees with lineage_blocked_free(). */
bool lineage_read_blocked(const char *folder, struct lineage_block **blocks, size_t *count,
                          struct error *e);
/* Replaces the file; without blocks it is removed. Writes nothing if it would say the same. */
bool lineage_write_blocked(const char *folder, const struct lineage_block *blocks, size_t count,
                           struct error *e);
void lineage_blocked_free(struct lineage_block *blocks, size_t count);

/* The history: "vN DATE TIME want_key tar_sha256" a line, dates as the local clock has them. */
struct lineage_event {
    int number;
    char date[11]; /* "2026-11-24" */
    char time[9];  /* "14:02:31" */
    struct digest want_key;
    char tar_sha256[SHA256_HEX];
};
/* Of a version made now; its archive is yet to be packed: tar_sha256 is "". */
struct lineage_event lineage_event_now(int number, struct digest want_key);
bool lineage_history_append(const char *folder, const struct lineage_event *event, struct error *e);
/* In the file's order; a line that is none of ours (torn, of a later lorabuild) is left out. The
 * caller frees *events. */
bool lineage_history_read(const char *folder, struct lineage_event **events, size_t *count,
                          struct error *e);

/* Packs folder/vN as NAME-DATE-vN.tar.zst, with NAME-DATE-vN.tar.sha256 beside it, under the
 * event's date. Where the digest is not the event's, a line with that date and the new digest goes
 * to the history: the last line of a version is what its archive is. `same` may be NULL. */
bool lineage_pack(const char *folder, const char *name, const struct lineage_event *event,
                  bool *same, struct error *e);

/* Brings back what can be made from the rest, one sentence each in *notes (an array of *count
 * strings, appended to; the caller frees): a version's missing files, manifest or whole folder
 * from its archive; a missing archive from the folder, under the recorded date and with the same
 * tar digest; the link and CURRENT. Files that are there are never replaced (an edited
 * adapter_config.json stays, B23), apart from a manifest that cannot be read. The version in use,
 * gone in folder and archive, is noted. A damaged archive is noted, not an error. Call it with
 * the adapter's lock held; `l` is loaded anew where something was done. */
bool lineage_heal(struct lineage *l, char ***notes, size_t *count, struct error *e);

#endif

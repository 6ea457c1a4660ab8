/* forget: documents that were withdrawn, erased wherever this project keeps something of them.
 *
 * A document is named as it was shown: its path in its dataset. It must be gone from there, and
 * the version in use must be clean already (a build makes it so), unless all that is gone shall
 * be forgotten. What it consisted of is found in the sealed datasets, every state that it ever
 * had. Judged for each adapter by itself, as planning does:
 *   gone     = the document's contents that this adapter does not want (no longer in its own
 *              datasets, nor in those of the adapters beneath)
 *   exposed  = a version whose exposure holds something gone, or whose exposure is not known
 * The adapters are those named, those that learn from the same datasets, and all that stand on
 * either. docs/forgetting.md says what is erased, what stays and what lies beyond us.
 *
 * Order: tombstones, durable; the list of what goes, durable in each adapter; the erasing; the
 * receipt; the list away. Whatever is killed in between is finished by forget_resume().
 */
#ifndef LORABUILD_RUN_FORGET_H
#define LORABUILD_RUN_FORGET_H

#include "cache/tombstones.h"
#include "lorabuild/run/erasure.h"
#include "lorabuild/run/target.h"

/* A document that is to be forgotten, with all states that it is known to have had. */
struct forget_document {
    int dataset;
    const char *path;                  /* in its dataset */
    struct digest_set sources;         /* digests of the file */
    struct digest_set contents, texts; /* of its samples; texts: without headings */
};

struct forget_adapter {       /* parallel to list.adapters */
    int adapter;              /* in the rules */
    bool reads;               /* it learns from the documents' datasets; else it stands on one */
    int current, highest;     /* as planned with */
    struct digest_set wanted; /* contents */
};

struct forget {
    struct workshop *workshop;
    struct erasure list;
    struct forget_adapter *adapters; /* parents first */
    struct forget_document *documents;
    size_t document_count;
    size_t samples, staying; /* texts of the documents; those that another document holds */
    const char *staying_in;  /* such a document, as shown */
    size_t checkpoints, archives;
    uint64_t bytes;
    const char **beyond; /* "/srv/vllm/text-a (exported 25 Nov)" */
    size_t beyond_count;
    bool finished; /* an earlier forget of these adapters had been interrupted, and was finished */
    bool unknown;  /* why forget_plan() failed: nothing is known of a document */
    char **unwritable; /* after forget_run(): tables of captions that could not be changed */
    size_t unwritable_count;
};

struct forget_request {
    const bool *adapters; /* one an adapter of the rules: named */
    const char *const *files;
    size_t file_count;
    bool all; /* all documents that are gone; the version in use too */
};

/* What would be erased. Errors say what to do instead: the document is still there, nothing is
 * known of it, the version in use learned it. */
bool forget_plan(struct forget *f, struct workshop *w, const struct forget_request *r,
                 struct error *e);
bool forget_run(struct forget *f, struct error *e);
void forget_free(struct forget *f);

/* Finishes a forget that was interrupted, if one stands in this adapter's folder and nobody is
 * at it; a sentence goes to `notes`. Costs one look where there is none. */
bool forget_resume(struct project *p, const char *folder, char ***notes, size_t *count,
                   struct error *e);

/* Refuses the target's datasets if a document in them was forgotten, or holds a text of one; what
 * was just sealed of them is removed again. The samples are loaded. */
bool forget_check(const struct workshop *w, const struct target *t, struct error *e);

/* Lets documents come back: their tombstones are lifted in the adapters named. */
bool forget_undo(struct workshop *w, const struct forget_request *r, struct error *e);

/* The text of the receipt; the caller frees. Of `keyed` the documents from number `first` on are
 * those forgotten now. */
char *forget_receipt(const struct forget *f, const struct tombstones *keyed, size_t first,
                     time_t now);

/* --- Shared by the files of forget. --- */

/* The documents that the request names, or all that are gone. */
bool forget_find(struct forget *f, const struct forget_request *r, struct error *e);
/* Is `file`, as typed, this path of the dataset? */
bool forget_names(const struct rule_dataset *d, const char *path, const char *file);

#endif

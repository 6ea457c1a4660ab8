/* erasure: the list of all that a forget takes away, and the taking away.
 *
 * The list is written to forgotten/pending of every adapter that loses something before the first
 * byte goes, so that a forget that was killed is finished by the next run, whatever that is. Each
 * step may be repeated. `pending` itself tells what is being forgotten (names and plain digests);
 * it goes last. Format: docs/formats.md.
 */
#ifndef LORABUILD_RUN_ERASURE_H
#define LORABUILD_RUN_ERASURE_H

#include "lorabuild/run/project.h"

struct erasure_adapter {
    const char *folder; /* adapters/NAME, absolute */
    const char *client; /* NULL = shared */
    bool flat_output;   /* copies of the version in use stand in `folder` itself */
    bool loses_use;     /* the version in use is among those erased */
    int *versions;
    size_t version_count;
    int *reports; /* versions that stay, but whose report names a document */
    size_t report_count;
};

struct erasure {
    struct arena arena; /* owns all strings and lists */
    struct erasure_adapter *adapters;
    size_t adapter_count;
    const char **clients; /* whose scopes hold the documents' seals; NULL = the shared one */
    size_t client_count;
    const char **captions; /* tables of captions, absolute */
    size_t caption_count;
    const char **names; /* the documents' paths in their datasets */
    size_t name_count;
    struct digest_set sources;  /* of the documents, unless another document is the same file */
    struct digest_set contents; /* of their samples, unless another document holds them */
    const char *receipt;        /* absolute */
    const char *receipt_text;
};

/* Makes the list durable in all its adapters. */
bool erasure_write(const struct erasure *x, const struct project *p, struct error *e);
/* The list that stands in an adapter's folder; *there false: none does. */
bool erasure_read(struct erasure *x, const struct project *p, const char *folder, bool *there,
                  struct error *e);
void erasure_free(struct erasure *x);

/* Takes or gives back the locks of all adapters of the list, in their order; `locks` has
 * adapter_count places. false with kind ERROR_NONE: *holder of *busy (adapter's folder) holds
 * one; none is held then. The caller frees *holder. */
bool erasure_lock(const struct erasure *x, struct project *p, int *locks, const char **busy,
                  char **holder, struct error *e);
void erasure_unlock(const struct erasure *x, int *locks);

/* Erases all that the list names, writes the receipt and removes the list. The locks are held.
 * Stores of the project that are open are closed (and open themselves again when asked for).
 * `unwritable` gets the tables of captions that could not be changed, one string each, which the
 * caller frees. */
bool erasure_run(const struct erasure *x, struct project *p, char ***unwritable,
                 size_t *unwritable_count, struct error *e);

/* What its attempts, lineage records and, of its scopes, seals and datasets weigh; *checkpoints
 * counts attempts that hold one. */
uint64_t erasure_bytes(const struct erasure *x, struct project *p, size_t *checkpoints,
                       size_t *archives);

#endif

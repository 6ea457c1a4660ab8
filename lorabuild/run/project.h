/* project: a rule file with the folders and stores that belong to it.
 *
 * Everything of a client lives in that client's scope, everything else in the shared one:
 *   .lorabuild/{shared,clients/NAME}/cache/   LMDB: content hashes
 *   .lorabuild/{shared,clients/NAME}/keep/    seals, attempts, lineage records; LMDB: exposure
 * With LORABUILD_STORE a folder beneath that takes the place of .lorabuild (store_folder.h).
 * Stores are opened when first asked for, so a command for one client opens nothing of another.
 */
#ifndef LORABUILD_RUN_PROJECT_H
#define LORABUILD_RUN_PROJECT_H

#include "cache/store.h"
#include "rules/rules.h"

struct scope {
    const char *client; /* NULL = shared */
    char *cache, *keep; /* absolute folders */
    const char *like;   /* folder whose owner, group and mode the scope takes; NULL = our own */
    struct store *hashes, *exposures; /* NULL until asked for */
    const struct project *project;
};

struct project {
    struct rules *rules;
    char *store;          /* absolute: .lorabuild, or what takes its place */
    bool apart;           /* it lies under LORABUILD_STORE */
    struct scope *scopes; /* [0] shared, then one a client in the rules' order */
    size_t scope_count;
    bool read_only; /* look, and write nothing durable */
    char note[256]; /* something that a store said when it was opened; "" = nothing */
};

/* Takes the rules; `p` must stay where it is until it is closed. */
void project_open(struct project *p, struct rules *rules, bool read_only);
void project_close(struct project *p);
struct scope *project_scope(struct project *p, const char *client);
bool project_make_keep(struct scope *s, struct error *e);
struct store *project_hashes(struct project *p, struct scope *s, struct error *e);
struct store *project_exposures(struct project *p, struct scope *s, struct error *e);

#endif

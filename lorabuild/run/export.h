/* export: a version of an adapter for use elsewhere.
 *
 * peft     what a server loads: the joint adapter's two files, alone/ where there is one, and a
 *          manifest.json that tells what it is and nothing of what it learned: no samples, no
 *          digest of them, no key made from one. A folder, or a .tar.zst by the path's ending.
 * lineage  what another machine of the same client needs to build on: see bundle.h.
 *
 * Every file is compared with its digest in the manifest before it leaves. Nothing that exists
 * is replaced, apart from an earlier export of the same adapter to the same path.
 */
#ifndef LORABUILD_RUN_EXPORT_H
#define LORABUILD_RUN_EXPORT_H

#include "cache/lineage.h"
#include "lorabuild/formats/archive.h"
#include "lorabuild/run/project.h"

enum export_form { EXPORT_PEFT, EXPORT_LINEAGE };

struct export_request {
    struct project *project;
    int adapter;
    int version; /* 0: the one in use; -1: the newest */
    enum export_form form;
    const char *path; /* NULL: NAME-vN in the current folder */
};

struct export_result {
    char *path; /* absolute; the caller frees */
    int version;
    bool archive, replaced, alone;
    int rank;                /* of the joint adapter */
    size_t version_count;    /* lineage: how many versions went along */
    char sha256[SHA256_HEX]; /* archives: of the tar */
};

bool export_form_find(const char *word, enum export_form *form, struct error *e);
bool export_run(const struct export_request *request, struct export_result *result,
                struct error *e);

/* Of a version's folder: the files that its manifest names, the manifest itself where `whole`,
 * each checked against its digest, under the name `inner`/FILE ("" = FILE). Without `whole` the
 * list of samples is left out. Used for bundles too. */
bool export_list_version(struct archive_list *list, const struct version *v, const char *inner,
                         bool whole, struct error *e);
/* The version to hand out (see struct export_request). Blocked ones are refused. */
struct version *export_choose(struct lineage *l, int version, struct error *e);

#endif

/* import: a bundle of another machine taken over, so that a build continues from it.
 *
 * Refused before anything is written: an archive with an entry that is not a plain file under a
 * safe name (B21), a bundle that belongs to another client than the adapter here, one of a newer
 * lorabuild. It is unpacked into adapters/NAME/.import and judged there: every file against its
 * manifest, every version against what stands here under its number. Only then are versions
 * renamed into place, a parent's before its child's; what fails, fails before the first of them.
 *
 * A version that is here already with the same manifest is left alone, so an import that was
 * interrupted is repeated. Histories that gave one number to two different versions are refused.
 */
#ifndef LORABUILD_RUN_IMPORT_H
#define LORABUILD_RUN_IMPORT_H

#include "lorabuild/run/project.h"

enum import_event {
    IMPORT_ADDED,  /* a version was added */
    IMPORT_THERE,  /* the same version was there */
    IMPORT_IN_USE, /* it is in use now */
    IMPORT_KEPT    /* another version stays in use */
};

struct import_request {
    struct project *project;
    const char *file;
    const char *name; /* the adapter here; NULL: named as in the bundle */
    void *context;
    void (*told)(void *context, const char *adapter, enum import_event event, int version);
    void (*waiting)(void *context, const char *holder);
};

/* *adapter: the name here of what was imported, the rules'. */
bool import_run(const struct import_request *request, const char **adapter, struct error *e);

#endif

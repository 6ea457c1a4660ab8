/* use: a version taken into use by hand.
 *
 * It moves a link and a record, nothing else (B23): the version's number goes to `chosen`, which
 * alone puts all later ones aside, then to CURRENT and the link. Choosing the newest one again
 * removes the record. What was withdrawn stays out of use whoever asks for it.
 */
#ifndef LORABUILD_RUN_USE_H
#define LORABUILD_RUN_USE_H

#include "lorabuild/run/target.h"

#define USE_LATEST                                                                 \
    (-1) /* the newest that passed its check, was not put aside and is not blocked \
          */

struct use_result {
    int before, now; /* numbers in use */
    int latest;      /* USE_LATEST's number; 0 = none */
    int later;       /* how many later versions are set aside because of this choice */
    int first, last; /* the least and greatest number among these */
};

/* Takes the adapter's lock; `waiting` is told once who holds it. Refused (ERROR_INPUT): a version
 * that is not there, is blocked, is damaged, or was exposed to something no longer wanted, whose
 * document is named. */
bool use_version(struct workshop *w, int adapter, int version, struct use_result *r,
                 void (*waiting)(void *context, const char *holder), void *context,
                 struct error *e);

#endif

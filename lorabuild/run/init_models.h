/* init_models: base models that lie about, each tried as a build would open it. */
#ifndef LORABUILD_RUN_INIT_MODELS_H
#define LORABUILD_RUN_INIT_MODELS_H

#include "lorabuild/run/init.h"

/* Adds the models in `folder`, sorted by name, to r->models, and those that cannot be used to
 * r->passed_over; they are shown as `shown`/NAME. A missing folder holds none. */
void init_find_models(struct init_report *r, const char *folder, const char *shown);
void init_add(struct init_report *r, struct init_items *list, const char *path, const char *why);

#endif

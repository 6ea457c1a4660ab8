/* init: a project begun: a commented lorabuild.yaml over the models that are found, folders for
 * clients and shared texts, and a .gitignore. Nothing that exists is changed; a second time it
 * says what is there. What it writes is fit to build with as it stands.
 *
 * Models are looked for in models/ of the project, and where that holds none in
 * ~/.cache/lorabuild/models. One that cannot be learned over (another architecture, an unknown
 * chat template) is passed over with its reason. Without any, no rule file is written.
 */
#ifndef LORABUILD_RUN_INIT_H
#define LORABUILD_RUN_INIT_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"

struct init_item {
    const char *path; /* as shown, relative to the project */
    const char *why;  /* models passed over: the reason; .gitignore: the lines that it lacks */
};
struct init_items {
    struct init_item *items;
    size_t count;
};

struct init_report { /* all text lives in the arena */
    struct arena arena;
    struct init_items written, there, models, passed_over; /* models: the first one is used */
    const char *client; /* the first folder in clients/, or NULL */
    bool has_rules;     /* there is a rule file now */
};

/* `folder` is made where it is missing. Refused inside another project. */
bool init_run(struct init_report *r, const char *folder, struct error *e);
void init_free(struct init_report *r);

#endif

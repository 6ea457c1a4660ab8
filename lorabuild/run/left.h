/* left: adapters whose versions stand in adapters/ and which the rules do not make now: the folder
 * of their documents is not there (a share that is not mounted looks so), or their rule or client
 * is gone. Nothing of them counts as withdrawn and their versions stay as they are; but they must
 * not be passed over in silence. */
#ifndef LORABUILD_RUN_LEFT_H
#define LORABUILD_RUN_LEFT_H

#include "rules/rules.h"

struct left_adapter {
    char *name;
    int in_use;       /* its version in use, 0 = none */
    size_t documents; /* which that one learned */
    const char *why;  /* "client a has no clients/a/proposals (…)"; NULL: no rule makes it now */
};

struct left_adapters {
    struct left_adapter *items; /* by name */
    size_t count;
};

/* `name`: only that one, or, where it is a group that is missing for want of a folder, its members;
 * NULL: all that there are. Only manifests are read. */
void left_find(struct left_adapters *l, const struct rules *r, const char *name);
void left_free(struct left_adapters *l);

/* The sentence, and what to do, as a user is asked. ERROR_INPUT. */
void left_say(const struct left_adapter *a, struct error *e);

#endif

/* graph: what is made from what: bases, datasets, adapters. */
#ifndef LORABUILD_COMMANDS_GRAPH_H
#define LORABUILD_COMMANDS_GRAPH_H

#include "lorabuild/run/target.h"

/* The shown adapters and all beneath them, to standard output, as "text" (a tree), "dot"
 * (Graphviz) or "mermaid". Another form is ERROR_USAGE. */
bool graph_print(struct workshop *w, const bool *shown, const char *form, struct error *e);

#endif

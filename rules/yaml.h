/* yaml: a rule file as a tree whose every node knows its place.
 *
 * Built from libyaml's events: aliases are shared nodes, merge keys (<<) are merged, keys that
 * stand twice are findings. A node that came by an alias keeps its own place in `mark` and the
 * alias's in `origin`. A scalar is text: what `no` or 0x10 mean is for the schema to say.
 * Nodes and depth are bounded; an alias bomb stays as small as it is written.
 */
#ifndef RULES_YAML_H
#define RULES_YAML_H

#include "rules/report.h"

enum node_kind { NODE_TEXT = 1, NODE_LIST = 2, NODE_MAP = 4 };

struct pair {
    struct node *key, *value;
};

struct node {
    enum node_kind kind;
    struct mark mark, origin;
    const char *text;    /* NODE_TEXT; UTF-8 without NUL */
    bool plain;          /* not in quotes: an empty one is "nothing" */
    bool wrong;          /* something in it was reported already: what follows from that is not */
    struct node **items; /* NODE_LIST */
    struct pair *pairs;  /* NODE_MAP, in the order of the file, merged ones last */
    size_t count;
};

/* The tree, as far as it could be read, or NULL for an empty file. `whole` is false if a syntax
 * error (reported) cut it short: then only what is there may be judged. */
struct node *yaml_read(struct source *s, struct report *r, bool *whole);

struct node *yaml_get(const struct node *map, const char *key);     /* NULL: not there, or no map */
struct node *yaml_get_key(const struct node *map, const char *key); /* the key's own node */
bool yaml_is_nothing(const struct node *n); /* NULL, or a plain empty scalar */

/* libyaml's words for a syntax error → ours, with the remedy (syntax.c). */
const char *syntax_words(const char *problem, const char *context);

#endif

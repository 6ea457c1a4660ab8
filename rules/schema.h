/* schema: which keys stand where, and what they take. docs/rules.md follows these tables.
 *
 * schema_check() reports unknown keys with the nearest right one, values of the wrong shape, and
 * words that are no choice. What it has passed may be read without looking twice: a value is of
 * one of the shapes below or its map is marked `wrong`. Recipe keys are defined by
 * train/recipe.h; numbers among them are read by recipe_read().
 */
#ifndef RULES_SCHEMA_H
#define RULES_SCHEMA_H

#include "lorabuild/train/recipe.h"
#include "rules/rules.h"
#include "rules/yaml.h"

#define SCHEMA_EMPTY 8 /* beside enum node_kind: nothing at all is fine too */

struct schema_key {
    const char *name;
    unsigned shapes;            /* enum node_kind, or-ed */
    const char *takes;          /* "a path": for messages */
    const char *const *choices; /* a word must be one of these; NULL = any */
};

struct schema {
    const char *where; /* "in a dataset" */
    const struct schema_key *keys;
    size_t count;
    bool recipe; /* the recipe's keys too */
};

extern const struct schema schema_rules, schema_base, schema_defaults, schema_dataset,
    schema_captions, schema_adapter, schema_check_keys, schema_flat;

/* `map` becomes `wrong` if anything in it is. false: it is no map at all (reported). */
bool schema_check(struct report *r, struct node *map, const struct schema *schema,
                  const char *name);

/* Of every section of a rule file, its entries included. */
void schema_check_file(struct report *r, struct node *root);

/* Lays the recipe keys of `map` over `recipe`. `places`, by index in recipe_keys, takes where
 * each value came from; it may be NULL. Reports what is out of range. */
void recipe_read(struct report *r, const struct node *map, struct recipe *recipe,
                 struct place *places);

/* A whole number within the bounds, or false (reported). */
bool schema_int(struct report *r, const struct node *n, const char *name, int64_t least,
                int64_t most, int64_t *value);

/* Lays the value of check: (a map, or none) over `check`. Reports what is out of range; so does
 * schema_check_file(), once for each place where it stands. */
void schema_read_check(struct report *r, const struct node *n, struct rule_check *check);

struct place schema_place(struct mark m);

#endif

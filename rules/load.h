/* load: what the files of this room share while one rule file is read; nobody else includes it.
 *
 *   document.c  the file and those it includes → one list of entries a section
 *   clients.c   the folders of clients:
 *   expand.c    patterns and exact names → instances, one a name
 *   secrecy.c   paths → where they end and whom that belongs to; joins
 *   inputs.c    bases and datasets
 *   adapters.c  adapters: references, order, recipes
 *   groups.c    groups, and names that must differ
 *   dialect.c   the seed's flat files, all of the above in one
 *
 * All memory is the rules' arena unless a comment says otherwise.
 */
#ifndef RULES_LOAD_H
#define RULES_LOAD_H

#include "rules/names.h"
#include "rules/report.h"
#include "rules/rules.h"
#include "rules/schema.h"
#include "rules/yaml.h"

struct entry {
    struct node *key, *value;
};

struct section {
    struct entry *items; /* owned by the load */
    size_t count, capacity;
};

struct document {
    struct node *root;               /* of the rule file itself */
    struct node *clients;            /* the value; NULL = one domain */
    struct section shared, includes; /* key = value = the path's node */
    struct section bases, datasets, adapters, groups;
    struct section text_defaults, image_defaults; /* value: a map of recipe keys */
    size_t source_count;
    bool whole; /* false: a syntax error cut a file short */
};

/* One entry of datasets:, adapters: or groups: for one name. */
struct instance {
    const char *name, *client;           /* client: of its pattern; NULL = exact */
    const struct entry *pattern, *exact; /* at least one; exact is laid over */
    const char *absent; /* why there is no such thing for this client; NULL = there is */
    int index;          /* among the finished ones, -1 = none */
};

struct instances {
    struct instance *items; /* owned by the load, as `index` */
    size_t count, capacity;
    struct names index;
};

struct load {
    struct rules *rules;
    struct arena *arena;
    struct report report;
    struct document document;
    const char *anchor; /* relative paths start here; NULL = at the folder of their file */
    struct mark clients_mark;
    struct names clients; /* → index in rules->clients */
    struct instances datasets, adapters, groups;
    struct names bases; /* rebuilt as bases are added */
    size_t base_capacity, dataset_capacity, absent_capacity;
};

/* A key's value as an instance has it. */
struct value {
    struct node *node;
    const struct instance *instance;
};

/* document.c */
void document_read(struct load *l, const char *file);
void section_add(struct section *s, struct node *key, struct node *value);

/* clients.c */
void clients_read(struct load *l);

/* expand.c: `needs` are the keys of which an exact entry needs one to stand on its own. */
void expand(struct load *l, const struct section *s, const char *const *needs,
            struct instances *out);
struct mark instance_mark(const struct instance *i);
bool instance_wrong(const struct instance *i);
/* The value of a key, from the exact entry before the pattern; `rival` is a key that hides the
 * pattern's if the exact entry has it (`continue` for `from`). */
struct value instance_get(const struct instance *i, const char *key, const char *rival);
/* The text with % replaced by the client. NULL: it has a % and there is none (reported). */
const char *value_text(struct load *l, struct value v);
const char *value_item(struct load *l, struct value v, size_t item); /* of a list, or the one */
struct node *value_node(struct value v, size_t item);
size_t value_count(struct value v);

/* secrecy.c */
struct judged {
    const char *written; /* relative to the rule file, without "/" at its end */
    const char *real;    /* where it ends */
    const char *kept;    /* the real folder with the path's own last name */
    const char *owner;   /* the client that it belongs to, NULL = shared */
    bool there;
};
/* false: wrong (reported). `may_lack`: a missing file is no error, only not `there`. */
bool path_judge(struct load *l, const struct node *n, const char *text, bool may_lack,
                struct judged *out);
/* "; did you mean 'corpus/'?" for a path that is not there, or "". */
const char *path_did_you_mean(struct load *l, const char *path, const char *text);
/* The path as it is meant, absolute, not resolved. */
const char *path_absolute(struct load *l, const struct node *n, const char *text);
const char *path_written(struct load *l, const struct node *n, const char *text);
/* Joins `owner` to *client; false: they differ (reported at `m`: ‘'name' belongs to client b and
 * would learn from a’, with `note` behind the carets). */
bool client_join(struct load *l, const char **client, const char *owner, struct mark m,
                 const char *name, const char *verb, const char *note);
const char *secret_by_path(struct load *l, const char *owner, struct mark from);
const char *place_words(struct load *l, struct mark from, struct mark to); /* "line 2" */

/* inputs.c */
void bases_read(struct load *l);
int base_find(struct load *l, const struct node *n, const char *text); /* -1: wrong (reported) */
void datasets_read(struct load *l);
/* The dataset that a path in data: makes, named as it is written; -1: wrong (reported), or
 * `absent` says that the client does not have it. */
int dataset_from_path(struct load *l, struct value v, size_t item, const char *text, bool images,
                      const char **absent);
bool base_paints(const char *path); /* a diffusers folder, or one .safetensors file */

/* adapters.c, groups.c */
void adapters_read(struct load *l);
void groups_read(struct load *l);
void absent_add(struct load *l, const char *name, const char *why);

/* dialect.c */
bool dialect_is_flat(const struct node *root);
void dialect_read(struct load *l);

#endif

/* rules: lorabuild.yaml read, checked and spread over the clients.
 *
 * rules_load() gives plain tables: every pattern with % is already one entry a client, exact
 * names are laid over, defaults are filled in, names are resolved to indices, paths are absolute
 * and judged by where they really end. Everything lives as long as the rules and is owned by
 * them. A wrong file gives every error at once, each with place, line and caret, as text ready
 * to show. Unknown kinds of the grammar that are not built yet (images) are no errors here: they
 * are marked, and fail alone when they are built.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"
#include "lorabuild/train/recipe.h"

struct place {
    const char *file; /* as shown: relative to the current folder where it is beneath */
    size_t line, column;
};

struct rule_base {
    const char *name;     /* "writer"; a path used directly in `base:` is its own name */
    const char *path;     /* absolute */
    const char *written;  /* as in the rule file */
    const char *template; /* chat template's name, or NULL */
    const char *client;   /* whose folder it lies in; NULL = shared */
    int serve_base;       /* index into bases: what its adapters are served over; -1 = itself */
    struct place place;
};

enum dataset_kind { DATASET_TEXT, DATASET_IMAGES };
enum caption_mode { CAPTIONS_AUTO, CAPTIONS_HEADINGS, CAPTIONS_NONE };

struct rule_dataset {
    const char *name;
    const char *client; /* NULL = shared */
    enum dataset_kind kind;
    const char *path;    /* absolute; a folder or a file */
    const char *written; /* relative to the rule file, without "/" at its end */
    enum caption_mode captions;
    bool edits_relearn;
    bool review_required;
    const char *metadata;       /* the seed's metadata_path, absolute, or NULL */
    const char *not_built_kind; /* "pictures", "captions by a command", …; NULL = built */
    struct place place;
};

enum pin { PIN_STICKY, PIN_LATEST, PIN_VERSION };

/* The check after an update: are the pages held out worse than before? No part of the recipe: the
 * limit changes no weights, and `least_documents` is looked at when a version is trained in full;
 * its updates keep what it held out. */
struct rule_check {
    bool none;               /* nothing is held out, nothing checked */
    double limit;            /* how much the mean loss may grow: 0.01 is 1 % */
    int64_t least_documents; /* below it none is held out */
};
#define RULE_CHECK_DEFAULT ((struct rule_check){.limit = 0.01, .least_documents = 10})

struct rule_adapter {
    const char *name;
    const char *client; /* the join of the clients of its inputs; NULL = shared */
    int base;           /* index into bases; inherited from its parent */
    int parent;         /* index into adapters (`from:` or `continue:`), -1 = none */
    bool continues;     /* `continue:`: starts from the parent's own weights */
    enum pin pin;
    int pinned_version; /* PIN_VERSION */
    const int *data;    /* indices into datasets */
    size_t data_count;
    struct recipe recipe;          /* resolved */
    struct place recipe_place[32]; /* of each recipe key (index in recipe_keys); line 0 = default */
    const char *trigger;
    int64_t max_chain; /* updates before a full rebuild (5) */
    struct rule_check check;
    const char *not_built_kind; /* "pictures", …: building it fails with exit 1; NULL = built */
    const char *output;         /* absolute folder of its versions: adapters/NAME */
    bool flat_output; /* the seed's dialect: the current version's files also stand in output */
    const char *initial_adapter; /* the seed's init_lora_weights, absolute, or NULL */
    struct place place;
};

struct rule_group {
    const char *name;
    const char *client;
    const int *members; /* indices into adapters */
    size_t member_count;
    struct place place;
};

/* A name that the rules make for other clients, but not here: the input is missing. */
struct rule_absent {
    const char *name, *why;
};

struct rules {
    struct arena arena;
    const char *file, *root;    /* absolute: the rule file and its folder */
    const char *shown;          /* the rule file as messages name it */
    const char *clients_root;   /* absolute, or NULL: one domain, no walls */
    const char *const *clients; /* folder names, sorted */
    size_t client_count;
    const char *const *shared; /* absolute folders */
    size_t shared_count;
    struct rule_base *bases;
    size_t base_count;
    struct rule_dataset *datasets;
    size_t dataset_count;
    struct rule_adapter *adapters; /* a parent stands before its children */
    size_t adapter_count;
    struct rule_group *groups;
    size_t group_count;
    struct rule_absent *absent;
    size_t absent_count;
};

/* Searched upwards from `from`, never inside a client's folder; caller frees; NULL = not found. */
char *rules_find(const char *from);

/* NULL on error, always ERROR_USAGE: `report` holds every error as ux.md shows them, `e` the last
 * line ("3 errors. Nothing was built."). Warnings are in `report` when it succeeds. Both are for
 * standard error, `report` first. */
struct rules *rules_load(const char *file, struct strbuf *report, struct error *e);
void rules_free(struct rules *r);

/* A target by its name: an adapter (index), or a group. false: not there; `e` names the nearest,
 * or why this client has no such target. */
bool rules_target(const struct rules *r, const char *name, int *adapter, int *group,
                  struct error *e);
/* false: these folders make no adapter yet; `e` says which input is missing. */
bool rules_make_something(const struct rules *r, struct error *e);

#endif

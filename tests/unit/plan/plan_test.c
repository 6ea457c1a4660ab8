/* The pure planner: for each kind of change, alone and together, what it decides and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A world in letters: a document is a name and a string of samples, "d1:ab" has samples a and b.
 * An upper-case letter is the sample of the lower-case one with another caption; '#' is a heading,
 * '%' another one. A document whose name begins with "re" is of a dataset with `edits: relearn`.
 */
struct world {
    struct arena arena;
    struct plan_set now;
    struct digest_set wanted;
    struct plan_version versions[8];
    struct plan_set *sets[8]; /* of the versions: kept where a test takes their names away */
    struct plan_facts facts;
    struct plan plan;
};

static struct digest name(const char *kind, char letter)
{
    struct digest_stream *s = digest_begin(kind);
    digest_add(s, &letter, 1);
    return digest_end(s);
}

static struct digest content_of(char letter)
{
    return name("content", letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter);
}

static struct plan_set *make_set(struct arena *a, const char *text)
{
    struct plan_set *set = arena_alloc(a, sizeof *set);
    set->documents = arena_array(a, 32, sizeof *set->documents);
    set->first = arena_array(a, 33, sizeof *set->first);
    bool *relearn = arena_array(a, 32, sizeof *relearn);
    set->relearn = relearn;
    set->samples = arena_array(a, 256, sizeof *set->samples);
    struct digest_set texts = {0};
    for (const char *p = text; *p;) {
        const char *colon = strchr(p, ':');
        uint32_t document = (uint32_t)set->document_count++;
        size_t place = 0;
        set->documents[document] = arena_strndup(a, p, (size_t)(colon - p));
        set->first[document] = set->count;
        relearn[document] = strncmp(set->documents[document], "re", 2) == 0;
        for (p = colon + 1; *p && *p != ' '; p++) {
            bool heading = *p == '#' || *p == '%';
            struct plan_sample s = {content_of(*p), name("id", *p), heading, document,
                                    heading ? place + 1 : ++place};
            set->samples[set->count++] = s;
            digest_set_add(&set->ids, s.id);
            digest_set_add(&set->contents, s.content);
            if (!heading)
                digest_set_add(&texts, s.id);
        }
        p += strspn(p, " ");
    }
    set->first[set->document_count] = set->count;
    digest_set_seal(&texts);
    digest_set_seal(&set->ids);
    digest_set_seal(&set->contents);
    set->set = digest_set_digest(&set->ids, "samples");
    set->sample_count = texts.count;
    digest_set_free(&texts);
    return set;
}

/* Version `number` built for `text`, exposed besides to the samples of `also`. */
static struct plan_version *add_version(struct world *w, const char *text, const char *also)
{
    struct plan_set *set = w->sets[w->facts.version_count] = make_set(&w->arena, text);
    struct plan_version *v = &w->versions[w->facts.version_count++];
    struct digest_set *exposure = arena_alloc(&w->arena, sizeof *exposure);
    for (size_t i = 0; i < set->contents.count; i++)
        digest_set_add(exposure, set->contents.items[i]);
    for (; *also; also++)
        digest_set_add(exposure, content_of(*also));
    digest_set_seal(exposure);
    struct digest_set *contents = arena_alloc(&w->arena, sizeof *contents);
    for (size_t i = 0; i < set->count; i++)
        if (!set->samples[i].heading)
            digest_set_add(contents, set->samples[i].content);
    digest_set_seal(contents);
    *v = (struct plan_version){.number = (int)w->facts.version_count,
                               .recipe = name("recipe", 'r'),
                               .base = name("base", 'b'),
                               .parent = name("parent", 'p'),
                               .artifact = name("artifact", (char)w->facts.version_count),
                               .exposure = exposure,
                               .ids = &set->ids,
                               .contents = contents,
                               .document_count = set->document_count,
                               .validated = arena_alloc(&w->arena, sizeof(struct digest_set)),
                               .has_weights = true,
                               .set = set};
    v->want_key = plan_want_key(v->recipe, v->base, v->parent, set->set);
    w->facts.in_use = w->facts.highest = v->number;
    w->facts.versions = w->versions;
    return v;
}

static struct world *make_world(const char *now)
{
    struct world *w = calloc(1, sizeof *w);
    w->facts = (struct plan_facts){.recipe = name("recipe", 'r'),
                                   .base = name("base", 'b'),
                                   .parent = name("parent", 'p'),
                                   .max_chain = 5,
                                   .hold_out_least = 10};
    struct plan_set *set = make_set(&w->arena, now);
    w->now = *set;
    for (size_t i = 0; i < set->contents.count; i++)
        digest_set_add(&w->wanted, set->contents.items[i]);
    digest_set_seal(&w->wanted);
    w->facts.now = &w->now;
    w->facts.wanted = &w->wanted;
    return w;
}

static void decide(struct world *w)
{
    plan_adapter(&w->plan, &w->facts, &w->arena);
}

static void end_world(struct world *w)
{
    for (size_t i = 0; i < w->facts.version_count; i++) {
        digest_set_free((struct digest_set *)(uintptr_t)w->versions[i].exposure);
        digest_set_free((struct digest_set *)(uintptr_t)w->versions[i].ids);
        digest_set_free((struct digest_set *)(uintptr_t)w->versions[i].contents);
        digest_set_free(&w->sets[i]->contents);
    }
    digest_set_free(&w->wanted);
    digest_set_free(&w->now.ids);
    digest_set_free(&w->now.contents);
    plan_free(&w->plan);
    arena_free(&w->arena);
    free(w);
}

/* --- The table: what stands, what is now, and what the planner says of it in one line:
 *
 *   VERDICT vN [from vM] [learn K] RULE | a start each, newest first | a change each
 *
 * A start is "v2 yes", or "v2 no REASON", with what it learned and should not have (a document,
 * or "y2" for §2 of y, "~y2" where another text stands there now); "*" marks the one taken.
 * Changes: "+y(2)" a new document of two samples, "-y(2)", "~x2" edited, "c:x2" a caption,
 * "h:x1" a heading; "-y(1/1 in x)": one is gone, one stays, in x.
 *
 * Options: "in=1" is in use, "chosen" by `use`; "v1:FLAGS" with r, b, p: built with another recipe,
 * base, parent; a: set aside; w: without weights; n: names lost; a digit: updates in a row;
 * "v2+ab": records that a was edited to b; "v2>z": exposed to z too. "rebuild", "full", "pending",
 * "recipe", "base", "parent" (another now). */
struct row {
    const char *what, *versions[4], *options, *now, *says;
};

static const char *const verdict_words[] = {"current", "aside", "use",
                                            "train",   "empty", "vanished"};
static const char *const reason_words[] = {"yes",   "recipe", "base", "parent",  "exposed",
                                           "chain", "aside",  "lost", "rebuild", "costlier"};
static const char *const rule_words[] = {"first",  "least",   "chosen",  "correction", "exposed",
                                         "recipe", "base",    "parent",  "chain",      "aside",
                                         "lost",   "rebuild", "costlier"};

static void set_flags(struct plan_version *v, const char *flags)
{
    for (; *flags && *flags != ' '; flags++) {
        switch (*flags) {
        case 'r': v->recipe = name("recipe", 'x'); break;
        case 'b': v->base = name("base", 'x'); break;
        case 'p': v->parent = name("parent", 'x'); break;
        case 'a': v->set_aside = true; break;
        case 'w': v->has_weights = false; break;
        case 'n': v->set = NULL; break;
        default: v->updates = *flags - '0';
        }
    }
    const struct plan_set *set = v->set;
    if (set)
        v->want_key = plan_want_key(v->recipe, v->base, v->parent, set->set);
}

static void apply_option(struct world *w, const char *o)
{
    struct plan_version *v = o[0] == 'v' ? &w->versions[o[1] - '1'] : NULL;
    if (v && o[2] == ':') {
        set_flags(v, o + 3);
    } else if (v && o[2] == '+') {
        struct plan_correction *c = arena_array(&w->arena, 4, sizeof *c);
        for (o += 3; *o && *o != ' '; o += 2 + (o[2] == ','))
            c[v->correction_count++] = (struct plan_correction){content_of(o[0]), content_of(o[1])};
        v->corrections = c;
    } else if (v && o[2] == '>') {
        struct digest_set *exposure = (struct digest_set *)(uintptr_t)v->exposure;
        for (o += 3; *o && *o != ' '; o++)
            digest_set_add(exposure, content_of(*o));
        digest_set_seal(exposure);
    } else if (strncmp(o, "in=", 3) == 0) {
        w->facts.in_use = o[3] - '0';
    } else if (strncmp(o, "chosen", 6) == 0) {
        w->facts.chosen = w->facts.in_use;
    } else if (strncmp(o, "rebuild", 7) == 0) {
        w->facts.rebuild = true;
    } else if (strncmp(o, "full", 4) == 0) {
        w->facts.in_full = true;
    } else if (strncmp(o, "pending", 7) == 0) {
        w->facts.parent_pending = true;
    } else if (strncmp(o, "recipe", 6) == 0) {
        w->facts.recipe = name("recipe", 'o');
    } else if (strncmp(o, "base", 4) == 0) {
        w->facts.base = name("base", 'o');
    } else if (strncmp(o, "parent", 6) == 0) {
        w->facts.parent = name("parent", 'o');
    } else {
        fail_msg("option %s", o);
    }
}

static char *add_text(char *at, const char *end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    at += vsnprintf(at, (size_t)(end - at), format, arguments);
    va_end(arguments);
    return at;
}

static char *describe_changes(char *at, const char *end, const struct plan *p)
{
    for (size_t i = 0; i < p->change_count; i++) {
        const struct plan_change *c = &p->changes[i];
        static const char *const signs[] = {"+", "-", "~", "c:", "h:"};
        at = add_text(at, end, " %s%s", signs[c->kind], c->document ? c->document : "?");
        if (c->place)
            at = add_text(at, end, "%zu", c->place);
        else if (c->stay)
            at = add_text(at, end, "(%zu/%zu in %s)", c->count, c->stay, c->stays_in);
        else
            at = add_text(at, end, "(%zu)", c->count);
    }
    return at;
}

static void describe_plan(char *at, const char *end, const struct plan *p)
{
    at = add_text(at, end, "%s", verdict_words[p->verdict]);
    if (p->verdict == PLAN_TRAIN && p->start)
        at = add_text(at, end, " v%d from v%d learn %zu %s", p->version, p->start, p->learn_count,
                      rule_words[p->rule]);
    else if (p->verdict == PLAN_TRAIN)
        at =
            add_text(at, end, " v%d learn %zu %s", p->version, p->learn_count, rule_words[p->rule]);
    else if (p->verdict == PLAN_USE || p->verdict == PLAN_ASIDE || p->verdict == PLAN_CURRENT)
        at = add_text(at, end, " v%d", p->version);
    at = add_text(at, end, " |");
    for (size_t i = 0; i + 1 < p->start_count; i++) {
        const struct plan_start *s = &p->starts[i];
        at = add_text(at, end, " v%d %s%s", s->version, s->reason == START_USABLE ? "" : "no ",
                      reason_words[s->reason]);
        if (s->exposed && s->path)
            at = add_text(at, end, s->place ? " %s%s%zu" : " %s%s", s->edited ? "~" : "", s->path,
                          s->place);
        at = add_text(at, end, "%s", i == p->taken ? "*" : "");
    }
    at = add_text(at, end, " |");
    describe_changes(at, end, p);
}

static const struct row table[] = {
    /* Nothing, or nothing that matters. */
    {"first build", {0}, "", "x:abc", "train v1 learn 3 first | |"},
    {"nothing changed", {"x:abc"}, "", "x:abc", "current v1 | v1 yes* |"},
    {"a document renamed", {"x:abc"}, "", "y:abc", "current v1 | v1 yes* |"},
    {"samples reordered", {"x:abc"}, "", "x:cba", "current v1 | v1 yes* |"},
    {"a sample moved", {"x:abc y:de"}, "", "x:ab y:cde", "current v1 | v1 yes* |"},
    {"a document merged into another", {"x:abc y:de"}, "", "x:abcde", "current v1 | v1 yes* |"},
    {"a sample repeated elsewhere", {"x:abc"}, "", "x:abc y:a", "current v1 | v1 yes* |"},
    {"one of two repeats removed", {"x:abc y:a"}, "", "x:abc", "current v1 | v1 yes* |"},
    {"a heading added", {"x:ab"}, "", "x:#ab", "current v1 | v1 yes* | h:x1"},
    {"an older algorithm alone", {"x:ab"}, "v1:0", "x:ab", "current v1 | v1 yes* |"},
    /* More to learn. */
    {"a sample added", {"x:abc"}, "", "x:abcd", "train v2 from v1 learn 1 least | v1 yes* | +x4"},
    {"a document added",
     {"x:abc"},
     "",
     "x:abc y:de",
     "train v2 from v1 learn 2 least | v1 yes* | +y(2)"},
    {"a caption edited", {"x:abc"}, "", "x:aBc", "train v2 from v1 learn 1 least | v1 yes* | c:x2"},
    {"renamed and added to",
     {"x:abc"},
     "",
     "y:abcd",
     "train v2 from v1 learn 1 least | v1 yes* | +y4"},
    {"a document added and a caption edited",
     {"x:abc"},
     "",
     "x:Abc y:d",
     "train v2 from v1 learn 2 least | v1 yes* | c:x1 +y(1)"},
    /* Withdrawn, and edited without `edits: relearn`. */
    {"a sample removed",
     {"x:abc"},
     "",
     "x:ab",
     "train v2 learn 2 exposed | v1 no exposed x3 | -x3"},
    {"a document removed",
     {"x:ab y:cd"},
     "",
     "x:ab",
     "train v2 learn 2 exposed | v1 no exposed y | -y(2)"},
    {"a document removed that shares a sample",
     {"x:ab y:bc"},
     "",
     "x:ab",
     "train v2 learn 2 exposed | v1 no exposed y | -y(1/1 in x)"},
    {"a text edited", {"x:abc"}, "", "x:adc", "train v2 learn 3 exposed | v1 no exposed ~x2 | ~x2"},
    {"renamed and edited",
     {"x:abc"},
     "",
     "y:adc",
     "train v2 learn 3 exposed | v1 no exposed ~y2 | ~y2"},
    {"a heading removed",
     {"x:#ab"},
     "",
     "x:ab",
     "train v2 learn 2 exposed | v1 no exposed ~x1 | h:x1"},
    {"a heading edited, with the captions made of it",
     {"x:#ab"},
     "",
     "x:%AB",
     "train v2 learn 2 exposed | v1 no exposed ~x1 | h:x1 c:x1 c:x2"},
    {"only the ancestor saw what is withdrawn",
     {"x:abc"},
     "v1>z",
     "x:abcd",
     "train v2 learn 4 exposed | v1 no exposed | +x4"},
    {"added and removed at once",
     {"x:abc y:de"},
     "",
     "x:abcf y:d",
     "train v2 learn 5 exposed | v1 no exposed y2 | +x4 -y2"},
    {"a withdrawal goes back to what never saw it",
     {"x:abc", "x:abc y:de"},
     "",
     "x:abc z:f",
     "train v3 from v1 learn 1 exposed | v2 no exposed y v1 yes* | +z(1) -y(2)"},
    {"... and further, if it must",
     {"x:ab", "x:ab y:c", "x:ab y:c z:d"},
     "v2>q",
     "x:ab y:c w:e",
     "train v4 from v1 learn 2 exposed | v3 no exposed z v2 no exposed v1 yes* | +w(1) -z(1)"},
    {"a set that was built before",
     {"x:abc", "x:abc y:de"},
     "",
     "x:abc",
     "use v1 | v2 no exposed y v1 yes* | -y(2)"},
    {"... but whose weights saw more than it holds",
     {"x:abc", "x:abc y:de"},
     "v1>z",
     "x:abc",
     "train v3 learn 3 exposed | v2 no exposed y v1 no exposed | -y(2)"},
    {"a heading came with a withdrawal: nothing is left to learn",
     {"x:ab", "x:ab y:c"},
     "",
     "x:#ab",
     "use v1 | v2 no exposed y v1 yes* | h:x1 -y(1)"},
    {"the version in use learned it, the one that fits was set aside",
     {"x:abc y:de", "x:abc"},
     "v2:a in=1",
     "x:abc",
     "use v2 | v2 no aside v1 no exposed y | -y(2)"},
    /* edits: relearn. */
    {"a correction",
     {"re:abc"},
     "",
     "re:adc",
     "train v2 from v1 learn 1 correction | v1 yes* | ~re2"},
    {"... of two texts",
     {"re:abcd"},
     "",
     "re:aefd",
     "train v2 from v1 learn 2 correction | v1 yes* | ~re2 ~re3"},
    {"... of a heading, with its captions",
     {"re:#abc"},
     "",
     "re:%ABc",
     "train v2 from v1 learn 2 correction | v1 yes* | h:re1 c:re1 c:re2"},
    {"... in a document that was renamed as well",
     {"re:abc"},
     "",
     "re2:adc",
     "train v2 from v1 learn 1 correction | v1 yes* | ~re22"},
    {"a text split in two",
     {"re:abc"},
     "",
     "re:adec",
     "train v2 from v1 learn 2 correction | v1 yes* | ~re2 +re3"},
    {"two texts made one: something was taken out",
     {"re:abcd"},
     "",
     "re:aed",
     "train v2 learn 3 exposed | v1 no exposed re3 | ~re2 -re3"},
    {"a text taken out",
     {"re:abc"},
     "",
     "re:ac",
     "train v2 learn 2 exposed | v1 no exposed re2 | -re2"},
    {"a document taken out",
     {"re:abc re2:de"},
     "",
     "re:abc",
     "train v2 learn 3 exposed | v1 no exposed re2 | -re2(2)"},
    {"the whole content replaced",
     {"re:abc"},
     "",
     "re:def",
     "train v2 learn 3 exposed | v1 no exposed ~re1 | ~re1 ~re2 ~re3"},
    {"corrected here, edited there",
     {"re:abc x:def"},
     "",
     "re:agc x:dhf",
     "train v2 learn 6 exposed | v1 no exposed ~re2 | ~re2 ~x2"},
    {"corrected before, now added to",
     {"re:abc", "re:adc"},
     "v2+bd v2>b",
     "re:adce",
     "train v3 from v2 learn 1 correction | v2 yes* v1 yes | +re4"},
    {"corrected twice",
     {"re:abc", "re:adc"},
     "v2+bd v2>b",
     "re:aec",
     "train v3 from v2 learn 1 correction | v2 yes* v1 yes | ~re2"},
    {"corrected, and then withdrawn: both texts",
     {"re:abc", "re:adc"},
     "v2+bd v2>b",
     "re:ac",
     "train v3 learn 2 exposed | v2 no exposed re2 v1 no exposed re2 | -re2"},
    {"split, and one half withdrawn",
     {"re:abc", "re:adec"},
     "v2+bd,be v2>b",
     "re:adc",
     "train v3 learn 3 exposed | v2 no exposed re3 v1 no exposed ~re2 | -re3"},
    {"corrected and put back",
     {"re:abc", "re:adc"},
     "v2+bd v2>b",
     "re:abc",
     "use v1 | v2 yes v1 yes* | ~re2"},
    {"corrected; the names are lost since",
     {"re:abc", "re:adc"},
     "v1:n v2:n v2+bd v2>b",
     "re:adce",
     "train v3 from v2 learn 1 correction | v2 yes* v1 yes | +re4"},
    {"corrected while the names are lost: strict",
     {"re:abc"},
     "v1:n",
     "re:adc",
     "train v2 learn 3 exposed | v1 no exposed | +re2 -?(1)"},
    /* Recipe, base, parent, and what else forbids a start. */
    {"another recipe", {"x:abc"}, "recipe", "x:abc", "train v2 learn 3 recipe | v1 no recipe |"},
    {"another base", {"x:abc"}, "base", "x:abc", "train v2 learn 3 base | v1 no base |"},
    {"another parent", {"x:abc"}, "parent", "x:abc", "train v2 learn 3 parent | v1 no parent |"},
    {"the parent is built first",
     {"x:abc"},
     "pending",
     "x:abc",
     "train v2 learn 3 parent | v1 no parent |"},
    {"another recipe and a withdrawal",
     {"x:abc y:d"},
     "recipe",
     "x:abc",
     "train v2 learn 3 exposed | v1 no exposed y | -y(1)"},
    {"another recipe, base, parent, and a sample more",
     {"x:abc"},
     "recipe base parent",
     "x:abcd",
     "train v2 learn 4 base | v1 no base | +x4"},
    {"back to a recipe that was built before",
     {"x:abc", "x:abc"},
     "v2:r",
     "x:abc",
     "use v1 | v2 no recipe v1 yes* |"},
    {"the weights in use are lost",
     {"x:abc"},
     "v1:w",
     "x:abc",
     "train v2 learn 3 lost | v1 no lost |"},
    {"... and an older version has them",
     {"x:ab", "x:abc"},
     "v2:w",
     "x:abc",
     "train v3 from v1 learn 1 lost | v2 no lost v1 yes* |"},
    {"the chain has its end",
     {"x:abc"},
     "v1:5",
     "x:abcd",
     "train v2 learn 4 chain | v1 no chain | +x4"},
    {"... and going back would only put it off",
     {"x:ab", "x:abc"},
     "v1:4 v2:5",
     "x:abcd",
     "train v3 learn 4 chain | v2 no chain v1 no chain | +x4"},
    {"... but a withdrawal goes back",
     {"x:ab", "x:abc"},
     "v1:4 v2:5",
     "x:abd",
     "train v3 from v1 learn 1 exposed | v2 no exposed ~x3 v1 yes* | ~x3"},
    {"to continue costs no less",
     {"x:abc"},
     "full",
     "x:abcd",
     "train v2 learn 4 costlier | v1 no costlier | +x4"},
    {"--rebuild", {"x:abc"}, "rebuild", "x:abc", "train v2 learn 3 rebuild | v1 no rebuild |"},
    {"--rebuild after a withdrawal",
     {"x:abc y:d"},
     "rebuild",
     "x:abc",
     "train v2 learn 3 rebuild | v1 no rebuild y | -y(1)"},
    /* Set aside, and chosen with `use`. */
    {"what failed its check is not tried again",
     {"x:abc", "x:abcd"},
     "v2:a in=1",
     "x:abcd",
     "aside v2 | v2 no aside v1 yes* | +x4"},
    {"... until something changes",
     {"x:abc", "x:abcd"},
     "v2:a in=1",
     "x:abcde",
     "train v3 from v1 learn 2 least | v2 no aside v1 yes* | +x4 +x5"},
    {"chosen with use, nothing else changed",
     {"x:ab", "x:abc", "x:abcd"},
     "v3:a in=2 chosen",
     "x:abcd",
     "aside v3 | v3 no aside v2 yes* v1 yes | +x4"},
    {"chosen with use, and a sample more",
     {"x:ab", "x:abc", "x:abcd"},
     "v3:a in=2 chosen",
     "x:abcde",
     "train v4 from v2 learn 2 chosen | v3 no aside v2 yes* v1 yes | +x4 +x5"},
    {"chosen with use, then withdrawn",
     {"x:ab", "x:abc", "x:abcd"},
     "v3:a in=2 chosen",
     "x:abd",
     "train v4 from v1 learn 1 exposed | v3 no exposed x3 v2 no exposed ~x3 v1 yes* | ~x3"},
    {"the version in use fits, a newer one of the same key was set aside",
     {"x:abc", "x:abc"},
     "v2:a in=1",
     "x:abc",
     "current v1 | v2 no aside v1 yes* |"},
    /* Names lost with keep/. */
    {"names lost, nothing changed", {"x:abc"}, "v1:n", "x:abc", "current v1 | v1 yes* |"},
    {"names lost, several changes",
     {"x:abc y:de"},
     "v1:n",
     "x:aBf y:de",
     "train v2 learn 5 exposed | v1 no exposed | c:x2 +x3 -?(1)"},
    /* Asked, or refused. */
    {"everything is gone", {"x:abc"}, "", "", "empty | v1 no exposed x | -x(3)"},
    {"over half of the documents vanish",
     {"a:a b:b c:c d:d e:e"},
     "",
     "a:a",
     "vanished | v1 no exposed b | -b(1) -c(1) -d(1) -e(1)"},
    {"... but a heading stands in all",
     {"a:#a b:#b c:#c d:#d e:#e"},
     "",
     "a:#a",
     "vanished | v1 no exposed b | -b(1) -c(1) -d(1) -e(1)"},
    {"... without their names",
     {"a:a b:b c:c d:d e:e"},
     "v1:n",
     "a:a",
     "vanished | v1 no exposed | -?(4)"},
    {"... but they only moved into one",
     {"a:a b:b c:c d:d e:e"},
     "",
     "f:abcde",
     "current v1 | v1 yes* |"},
    {"half of them is no question",
     {"a:a b:b c:c d:d"},
     "",
     "a:a b:b",
     "train v2 learn 2 exposed | v1 no exposed c | -c(1) -d(1)"},
    {"--rebuild answers it",
     {"a:a b:b c:c d:d e:e"},
     "rebuild",
     "a:a",
     "train v2 learn 1 rebuild | v1 no rebuild b | -b(1) -c(1) -d(1) -e(1)"},
};

static void each_kind_of_change_is_decided_right(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct row *r = &table[i];
        struct world *w = make_world(r->now);
        char says[400];
        for (size_t k = 0; k < 4 && r->versions[k]; k++)
            add_version(w, r->versions[k], "");
        for (const char *o = r->options; *o; o += strcspn(o, " "), o += strspn(o, " "))
            apply_option(w, o);
        decide(w);
        describe_plan(says, says + sizeof says, &w->plan);
        if (strcmp(says, r->says) != 0) {
            print_error("%s\n  says   %s\n  wanted %s\n", r->what, says, r->says);
            wrong++;
        }
        end_world(w);
    }
    assert_int_equal(wrong, 0);
}

/* What is recorded with a version makes the next one tolerate what this one did, without names. */
static void corrections_are_recorded_for_later_versions(void **state)
{
    (void)state;
    struct world *w = make_world("re:aec");
    add_version(w, "re:abc", "");
    struct plan_version *v2 = add_version(w, "re:adc", "b");
    struct plan_correction first = {content_of('b'), content_of('d')};
    v2->corrections = &first;
    v2->correction_count = 1;
    decide(w);
    assert_int_equal(w->plan.start, 2);
    assert_int_equal(w->plan.correction_count, 2); /* b and d, both to e */
    for (size_t i = 0; i < 2; i++)
        assert_true(digest_equal(w->plan.corrections[i].now, content_of('e')));
    assert_false(digest_equal(w->plan.corrections[0].old, w->plan.corrections[1].old));
    end_world(w);

    /* Trained in full, nothing old is in the weights, and nothing is recorded. */
    w = make_world("re:adc");
    add_version(w, "re:abc", "");
    w->facts.rebuild = true;
    decide(w);
    assert_int_equal(w->plan.correction_count, 0);
    end_world(w);
}

/* Texts that name only each other are not tolerated; an old one needs all that took its place. */
static void tolerance_is_the_least_that_holds(void **state)
{
    (void)state;
    struct plan_correction pairs[] = {
        {content_of('a'), content_of('b')}, {content_of('b'), content_of('a')}, /* a ring */
        {content_of('c'), content_of('d')}, {content_of('d'), content_of('w')}, /* a chain */
        {content_of('e'), content_of('w')}, {content_of('e'), content_of('x')}, /* one is gone */
    };
    struct digest_set wanted = {0}, tolerated = {0};
    digest_set_add(&wanted, content_of('w'));
    plan_tolerate(&tolerated, pairs, sizeof pairs / sizeof *pairs, &wanted);
    assert_int_equal(tolerated.count, 2);
    assert_true(digest_set_has(&tolerated, content_of('c')));
    assert_true(digest_set_has(&tolerated, content_of('d')));
    digest_set_free(&tolerated);
    digest_set_free(&wanted);
}

static void a_tenth_of_the_documents_is_held_out_and_stays_held_out(void **state)
{
    (void)state;
    const char *twelve = "a:ab b:cd c:ef d:gh e:ij f:kl g:mn h:op i:qr j:st k:uv l:wx";
    struct world *w = make_world(twelve);
    decide(w);
    assert_int_equal(w->plan.validate.count, 2);
    assert_int_equal(w->plan.learn.count, 22);
    struct world *next =
        make_world("a:ab b:cd c:ef d:gh e:ij f:kl g:mn h:op i:qr j:st k:uv l:wx m:yz");
    struct plan_version *v = add_version(next, twelve, "");
    struct digest_set held = {0};
    for (size_t i = 0; i < next->now.count; i++)
        if (digest_set_has(&w->plan.validate, next->now.samples[i].id))
            digest_set_add(&held, next->now.samples[i].content);
    digest_set_seal(&held);
    v->validated = &held;
    decide(next);
    assert_int_equal(next->plan.start, 1);
    assert_int_equal(next->plan.learn.count, 2);
    assert_true(digest_set_within(&w->plan.validate, &next->plan.validate));
    assert_int_equal(next->plan.validate.count, 2);
    digest_set_free(&held);
    end_world(next);
    end_world(w);
}

/* What is new in a held-out document is learned; a held-out page with another caption is not. */
static void held_out_pages_stay_held_out_one_by_one(void **state)
{
    (void)state;
    static const char ten[] = "a:a b:b c:c d:d e:e f:f g:g h:h i:i j:j";
    struct digest_set held = {0};
    digest_set_add(&held, content_of('a'));
    struct world *w = make_world("a:Ax b:b c:c d:d e:e f:f g:g h:h i:i j:j");
    add_version(w, ten, "")->validated = &held;
    decide(w);
    assert_int_equal(w->plan.start, 1);
    assert_int_equal(w->plan.learn_count, 1);
    assert_int_equal(w->plan.learn.count, 1);
    assert_true(digest_equal(w->plan.learn.items[0], name("id", 'x')));
    assert_int_equal(w->plan.validate.count, 1);
    assert_true(digest_equal(w->plan.validate.items[0], name("id", 'A')));
    end_world(w);

    w = make_world("a:A b:b c:c d:d e:e f:f g:g h:h i:i j:j");
    add_version(w, ten, "")->validated = &held;
    decide(w);
    assert_int_equal(w->plan.verdict, PLAN_CURRENT);
    end_world(w);
    digest_set_free(&held);
}

static void the_least_number_of_documents_is_a_setting(void **state)
{
    (void)state;
    static const struct {
        int64_t least;
        size_t held;
    } rows[] = {{0, 0}, {2, 1}, {3, 1}, {4, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = make_world("a:a b:b c:c");
        w->facts.hold_out_least = rows[i].least;
        decide(w);
        assert_int_equal(w->plan.validate.count, rows[i].held);
        assert_int_equal(w->plan.learn.count, 3 - rows[i].held);
        end_world(w);
    }
}

static void nine_documents_are_all_learned(void **state)
{
    (void)state;
    struct world *w = make_world("a:a b:b c:c d:d e:e f:f g:g h:h i:i");
    decide(w);
    assert_int_equal(w->plan.validate.count, 0);
    assert_int_equal(w->plan.learn.count, 9);
    end_world(w);
}

static void a_key_depends_on_each_of_its_parts_and_on_no_order(void **state)
{
    (void)state;
    struct world *w = make_world("x:abc"), *other = make_world("y:cb z:a");
    struct digest r = w->facts.recipe, b = w->facts.base, p = w->facts.parent;
    struct digest key = plan_want_key(r, b, p, w->now.set);
    assert_true(digest_equal(key, plan_want_key(r, b, p, other->now.set)));
    assert_false(digest_equal(key, plan_want_key(b, r, p, w->now.set)));
    assert_false(digest_equal(key, plan_want_key(r, b, (struct digest){{0}}, w->now.set)));
    struct digest attempt = plan_attempt_key(key, p, &w->now.ids, "avx2");
    assert_false(digest_equal(attempt, plan_attempt_key(key, p, &w->now.ids, "avx512")));
    assert_false(digest_equal(attempt, plan_attempt_key(key, b, &w->now.ids, "avx2")));
    end_world(w);
    end_world(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_change_is_decided_right),
        cmocka_unit_test(corrections_are_recorded_for_later_versions),
        cmocka_unit_test(tolerance_is_the_least_that_holds),
        cmocka_unit_test(a_tenth_of_the_documents_is_held_out_and_stays_held_out),
        cmocka_unit_test(held_out_pages_stay_held_out_one_by_one),
        cmocka_unit_test(the_least_number_of_documents_is_a_setting),
        cmocka_unit_test(nine_documents_are_all_learned),
        cmocka_unit_test(a_key_depends_on_each_of_its_parts_and_on_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

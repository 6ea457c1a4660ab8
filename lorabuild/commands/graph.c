#include "lorabuild/commands/graph.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

struct graph {
    const struct rules *rules;
    struct workshop *workshop;
    bool *shown; /* the adapters asked for, and their parents */
    struct strbuf out;
};

/* "text-a v2"; the version in use, where there is one. */
static void add_name(struct strbuf *b, const struct graph *g, size_t adapter)
{
    int current = g->workshop->targets[adapter].lineage.current;
    strbuf_add_text(b, g->rules->adapters[adapter].name);
    if (current)
        strbuf_printf(b, " v%d", current);
}

static bool uses_base(const struct graph *g, size_t base)
{
    for (size_t i = 0; i < g->rules->adapter_count; i++)
        if (g->shown[i] && g->rules->adapters[i].base == (int)base)
            return true;
    return false;
}

static bool uses_dataset(const struct graph *g, size_t dataset)
{
    for (size_t i = 0; i < g->rules->adapter_count; i++)
        for (size_t k = 0; g->shown[i] && k < g->rules->adapters[i].data_count; k++)
            if (g->rules->adapters[i].data[k] == (int)dataset)
                return true;
    return false;
}

/* --- A tree: each adapter beneath what it stands on. --- */

static void add_line(struct graph *g, int depth, struct strbuf *name, const char *what)
{
    enum { SECOND_COLUMN = 24 };
    for (int i = 0; i < 2 * depth; i++)
        strbuf_add_byte(&g->out, ' ');
    strbuf_add_shown(&g->out, strbuf_str(name));
    for (int i = 2 * depth + display_width(strbuf_str(name)); i < SECOND_COLUMN; i++)
        strbuf_add_byte(&g->out, ' ');
    strbuf_add_text(&g->out, "  ");
    strbuf_add_shown(&g->out, str_of(what));
    strbuf_add_byte(&g->out, '\n');
    strbuf_free(name);
}

static void add_children(struct graph *g, int parent, int base, int depth)
{
    for (size_t i = 0; i < g->rules->adapter_count; i++) {
        const struct rule_adapter *a = &g->rules->adapters[i];
        struct strbuf name = {0}, data = {0};
        if (!g->shown[i] || a->parent != parent || (parent < 0 && a->base != base))
            continue;
        add_name(&name, g, i);
        for (size_t k = 0; k < a->data_count; k++) {
            const struct rule_dataset *d = &g->rules->datasets[a->data[k]];
            strbuf_printf(&data, "%s%s", k ? ", " : "", d->written);
        }
        add_line(g, depth, &name, data.data ? data.data : "");
        strbuf_free(&data);
        add_children(g, (int)i, base, depth + 1);
    }
}

static void write_tree(struct graph *g)
{
    for (size_t i = 0; i < g->rules->base_count; i++) {
        struct strbuf name = {0};
        if (!uses_base(g, i))
            continue;
        strbuf_add_text(&name, g->rules->bases[i].name);
        add_line(g, 0, &name, g->rules->bases[i].written);
        add_children(g, -1, (int)i, 1);
    }
}

/* --- Graphviz and Mermaid: the same nodes and edges, written in two ways. --- */

struct form {
    const char *name, *head, *tail, *line; /* line: between a label's two lines */
    void (*quote)(struct strbuf *b, const char *text);
    const char *node_begin[3], *node_end[3]; /* of a base, a dataset, an adapter */
    const char *edge;
};

static void quote_dot(struct strbuf *b, const char *text)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(text));
    for (size_t i = 0; i < shown.size; i++) {
        if (shown.data[i] == '"' || shown.data[i] == '\\')
            strbuf_add_byte(b, '\\');
        strbuf_add_byte(b, shown.data[i]);
    }
    strbuf_free(&shown);
}

static void quote_mermaid(struct strbuf *b, const char *text)
{
    static const char *const names[][2] = {
        {"\"", "#quot;"}, {"#", "#35;"}, {"<", "#lt;"}, {">", "#gt;"}};
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(text));
    for (size_t i = 0; i < shown.size; i++) {
        const char *name = NULL;
        for (size_t k = 0; k < 4; k++)
            if (shown.data[i] == names[k][0][0])
                name = names[k][1];
        if (name)
            strbuf_add_text(b, name);
        else
            strbuf_add_byte(b, shown.data[i]);
    }
    strbuf_free(&shown);
}

static const struct form forms[] = {
    {"dot",
     "digraph lorabuild {\n    rankdir=LR;\n",
     "}\n",
     "\\n",
     quote_dot,
     {" [shape=box3d, label=\"", " [shape=folder, label=\"", " [shape=box, label=\""},
     {"\"];\n", "\"];\n", "\"];\n"},
     "->"},
    {"mermaid",
     "flowchart LR\n",
     "",
     "<br>",
     quote_mermaid,
     {"[[\"", "[(\"", "[\""},
     {"\"]]\n", "\")]\n", "\"]\n"},
     "-->"},
};

static void add_node(struct graph *g, const struct form *f, int kind, size_t index,
                     const char *first, const char *second)
{
    strbuf_printf(&g->out, "    %c%zu%s", "bda"[kind], index, f -> node_begin[kind]);
    f->quote(&g->out, first);
    if (second) {
        strbuf_add_text(&g->out, f->line);
        f->quote(&g->out, second);
    }
    strbuf_add_text(&g->out, f->node_end[kind]);
}

static void add_edge(struct graph *g, const struct form *f, char kind, int from, size_t to)
{
    strbuf_printf(&g->out, "    %c%d %s a%zu%s\n", kind, from, f->edge, to,
                  f->quote == quote_dot ? ";" : "");
}

static void write_form(struct graph *g, const struct form *f)
{
    const struct rules *r = g->rules;
    strbuf_add_text(&g->out, f->head);
    for (size_t i = 0; i < r->base_count; i++)
        if (uses_base(g, i))
            add_node(g, f, 0, i, r->bases[i].name, r->bases[i].written);
    for (size_t i = 0; i < r->dataset_count; i++)
        if (uses_dataset(g, i))
            add_node(g, f, 1, i, r->datasets[i].written, NULL);
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct rule_adapter *a = &r->adapters[i];
        struct strbuf name = {0};
        if (!g->shown[i])
            continue;
        add_name(&name, g, i);
        add_node(g, f, 2, i, name.data, NULL);
        strbuf_free(&name);
        if (a->parent < 0)
            add_edge(g, f, 'b', a->base, i);
        else
            add_edge(g, f, 'a', a->parent, i);
        for (size_t k = 0; k < a->data_count; k++)
            add_edge(g, f, 'd', a->data[k], i);
    }
    strbuf_add_text(&g->out, f->tail);
}

bool graph_print(struct workshop *w, const bool *shown, const char *form, struct error *e)
{
    const struct rules *r = w->project->rules;
    struct graph g = {.rules = r, .workshop = w};
    const struct form *f = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(form, forms[i].name) == 0)
            f = &forms[i];
    if (!f && strcmp(form, "text") != 0)
        return error_set(e, ERROR_USAGE, _("--graph is text, dot or mermaid, not '%s'"), form);
    g.shown = mem_array(r->adapter_count, sizeof *g.shown);
    bool ok = true;
    for (size_t i = 0; i < r->adapter_count; i++)
        for (int a = shown[i] ? (int)i : -1; a >= 0; a = r->adapters[a].parent)
            g.shown[a] = true;
    for (size_t i = 0; ok && i < r->adapter_count; i++)
        ok = !g.shown[i] || workshop_target(w, (int)i, e);
    if (ok && f)
        write_form(&g, f);
    else if (ok)
        write_tree(&g);
    if (ok && g.out.size)
        fwrite(g.out.data, 1, g.out.size, stdout);
    strbuf_free(&g.out);
    free(g.shown);
    return ok;
}

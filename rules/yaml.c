#include "rules/yaml.h"

#include "lorabuild/common/text.h"
#include "rules/repair.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MOST = 50, NODES_MOST = 100000, ANCHORS_MOST = 1000 };

struct anchor {
    char *name;
    struct node *node;
    bool open; /* its node is not finished */
};

struct frame {
    struct node *node, *key; /* key: waits for its value */
    size_t capacity, anchor; /* anchor: index + 1, 0 = none */
};

struct builder {
    struct source *source;
    struct report *report;
    struct arena *arena;
    struct node *root;
    struct frame frames[DEPTH_MOST];
    size_t depth, nodes;
    struct anchor *anchors;
    size_t anchor_count, anchor_capacity, documents;
    bool stopped, refused; /* refused: as a whole, not at a syntax error */
};

/* The column behind the last character of a line that is not white space. */
static size_t column_behind(struct str line)
{
    while (line.size && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t'))
        line.size--;
    return source_characters(line) + 1;
}

static struct mark mark_of(const struct builder *b, yaml_mark_t start, yaml_mark_t end)
{
    const struct source *s = b->source;
    struct mark m = {.source = s, .line = start.line + 1, .width = 1};
    if (m.line > s->line_count) { /* behind the last line */
        m.line = s->line_count;
        m.column = column_behind(source_line(s, m.line));
        return m;
    }
    m.column = source_column(s, m.line, start.column + 1);
    size_t to = end.line == start.line ? source_column(s, m.line, end.column + 1)
                                       : column_behind(source_line(s, m.line));
    m.width = to > m.column ? to - m.column : 1;
    return m;
}

static void stop(struct builder *b, struct mark m, const char *message)
{
    if (!b->stopped)
        report_error(b->report, m, "%s", message);
    b->stopped = b->refused = true;
}

static struct node *new_node(struct builder *b, enum node_kind kind, struct mark m)
{
    if (++b->nodes > NODES_MOST)
        stop(b, m, _("this file is too large: more than 100000 values"));
    struct node *n = arena_alloc(b->arena, sizeof *n);
    n->kind = kind;
    n->mark = n->origin = m;
    return n;
}

/* What an alias stands for: the anchor's node again, with the alias's place as origin. A map's
 * values are copied too, so that each knows that it came by the alias. */
static struct node *aliased(struct builder *b, const struct node *n, struct mark origin)
{
    struct node *copy = new_node(b, n->kind, n->mark);
    *copy = *n;
    copy->origin = origin;
    if (n->kind != NODE_MAP)
        return copy;
    b->nodes += n->count;
    if (b->nodes > NODES_MOST) {
        stop(b, origin, _("this file is too large: more than 100000 values"));
        return copy;
    }
    copy->pairs = arena_array(b->arena, n->count, sizeof *copy->pairs);
    for (size_t i = 0; i < n->count; i++) {
        copy->pairs[i] = n->pairs[i];
        copy->pairs[i].value = arena_alloc(b->arena, sizeof(struct node));
        *copy->pairs[i].value = *n->pairs[i].value;
        copy->pairs[i].value->origin = origin;
    }
    return copy;
}

/* Arrays grow by doubling inside the arena: what is left behind is less than what is kept. */
static void *grown(struct builder *b, void *old, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity)
        return old;
    *capacity = *capacity ? *capacity * 2 : 4;
    void *larger = arena_array(b->arena, *capacity, item);
    if (count)
        memcpy(larger, old, count * item);
    return larger;
}

static void attach(struct builder *b, struct node *n)
{
    if (!b->depth) {
        if (!b->root)
            b->root = n;
        return;
    }
    struct frame *f = &b->frames[b->depth - 1];
    struct node *parent = f->node;
    if (parent->kind == NODE_LIST) {
        parent->items = grown(b, parent->items, parent->count, &f->capacity, sizeof n);
        parent->items[parent->count++] = n;
    } else if (!f->key) {
        if (n->kind != NODE_TEXT)
            report_error(b->report, n->mark, _("a key must be a plain word"));
        f->key = n;
    } else {
        parent->pairs = grown(b, parent->pairs, parent->count, &f->capacity, sizeof(struct pair));
        parent->pairs[parent->count++] = (struct pair){f->key, n};
        f->key = NULL;
    }
}

static void remember(struct builder *b, const char *name, struct node *n, bool open)
{
    if (b->anchor_count == ANCHORS_MOST) {
        stop(b, n->mark, _("more than 1000 anchors (&name)"));
        return;
    }
    if (b->anchor_count == b->anchor_capacity) {
        b->anchor_capacity = b->anchor_capacity ? b->anchor_capacity * 2 : 16;
        b->anchors = mem_grow(b->anchors, b->anchor_capacity, sizeof *b->anchors);
    }
    b->anchors[b->anchor_count++] = (struct anchor){arena_strdup(b->arena, name), n, open};
}

static void open_node(struct builder *b, enum node_kind kind, struct mark m, const char *anchor)
{
    struct node *n = new_node(b, kind, m);
    attach(b, n);
    if (b->depth == DEPTH_MOST) {
        stop(b, m, _("nested too deeply"));
        return;
    }
    b->frames[b->depth++] = (struct frame){.node = n};
    if (anchor) {
        remember(b, anchor, n, true);
        b->frames[b->depth - 1].anchor = b->anchor_count;
    }
}

static int by_key(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
    int order = strcmp(x->key->text, y->key->text);
    return order ? order : (x > y) - (x < y);
}

static bool is_word(const struct node *n)
{
    return n->kind == NODE_TEXT;
}

/* Of keys that stand twice the first counts: the later one is reported, unless it was merged in
 * (behind the first `own` pairs), where giving way is what merging means. Keys that are no words
 * (reported already) are dropped, so that everybody may read key->text. */
static void drop_twins(struct builder *b, struct node *map, size_t own)
{
    const struct pair **order = mem_array(map->count, sizeof *order);
    bool *dropped = mem_array(map->count, sizeof *dropped);
    size_t words = 0;
    for (size_t i = 0; i < map->count; i++) {
        dropped[i] = !is_word(map->pairs[i].key);
        if (!dropped[i])
            order[words++] = &map->pairs[i];
    }
    qsort(order, words, sizeof *order, by_key);
    const struct node *first = words ? order[0]->key : NULL;
    for (size_t i = 1; i < words; i++) {
        const struct node *key = order[i]->key;
        size_t index = (size_t)(order[i] - map->pairs);
        dropped[index] = strcmp(key->text, first->text) == 0;
        if (!dropped[index]) {
            first = key;
        } else if (index < own) {
            report_error(b->report, key->mark, _("'%s' stands twice; it is on line %zu already"),
                         key->text, first->mark.line);
            map->wrong = true;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++)
        if (!dropped[i])
            map->pairs[kept++] = map->pairs[i];
    map->count = kept;
    free(dropped);
    free(order);
}

static void merge_from(struct builder *b, struct frame *f, const struct node *from)
{
    struct node *map = f->node;
    if (from->kind != NODE_MAP) {
        report_error(b->report, from->origin, _("<<: takes a mapping, such as *name"));
        return;
    }
    b->nodes += from->count;
    if (b->nodes > NODES_MOST)
        stop(b, from->origin, _("this file is too large: more than 100000 values"));
    for (size_t i = 0; i < from->count && !b->stopped; i++) {
        map->pairs = grown(b, map->pairs, map->count, &f->capacity, sizeof *map->pairs);
        map->pairs[map->count++] = from->pairs[i];
    }
}

static void merge(struct builder *b, struct frame *f)
{
    struct node *map = f->node;
    const struct node *merged = NULL;
    for (size_t i = 0; i < map->count && !merged; i++) {
        if (strcmp(map->pairs[i].key->text, "<<") != 0 || !map->pairs[i].key->plain)
            continue;
        merged = map->pairs[i].value;
        map->count--;
        memmove(&map->pairs[i], &map->pairs[i + 1], (map->count - i) * sizeof *map->pairs);
    }
    if (!merged)
        return;
    size_t own = map->count;
    if (merged->kind != NODE_LIST)
        merge_from(b, f, merged);
    else
        for (size_t i = 0; i < merged->count; i++)
            merge_from(b, f, merged->items[i]);
    drop_twins(b, map, own);
}

static void close_node(struct builder *b)
{
    struct frame *f = &b->frames[b->depth - 1];
    if (f->node->kind == NODE_MAP) {
        drop_twins(b, f->node, f->node->count);
        merge(b, f);
    }
    if (f->anchor)
        b->anchors[f->anchor - 1].open = false;
    b->depth--;
}

/* PERCENT is what repair.c wrote for a % at the beginning of a plain word. */
static const char *scalar_text(struct builder *b, const char *bytes, size_t n, struct mark m)
{
    if (memchr(bytes, '\0', n)) {
        report_error(b->report, m, _("a NUL character stands in this value"));
        return "";
    }
    if (n >= 3 && memcmp(bytes, PERCENT, 3) == 0)
        return arena_printf(b->arena, "%%%.*s", (int)(n - 3), bytes + 3);
    return arena_strndup(b->arena, bytes, n);
}

static void scalar(struct builder *b, const yaml_event_t *event, struct mark m)
{
    struct node *n = new_node(b, NODE_TEXT, m);
    n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = scalar_text(b, (const char *)event->data.scalar.value, event->data.scalar.length, m);
    attach(b, n);
    if (event->data.scalar.anchor)
        remember(b, (const char *)event->data.scalar.anchor, n, false);
}

static void alias(struct builder *b, const char *name, struct mark m)
{
    size_t i = b->anchor_count;
    while (i > 0 && strcmp(b->anchors[i - 1].name, name) != 0)
        i--;
    if (i > 0 && !b->anchors[i - 1].open) {
        attach(b, aliased(b, b->anchors[i - 1].node, m));
        return;
    }
    if (i > 0)
        report_error(b->report, m, _("*%s stands inside &%s itself"), name, name);
    else
        report_error(b->report, m,
                     _("there is no &%s above; a value that begins with * needs quotes"), name);
    struct node *n = new_node(b, NODE_TEXT, m);
    n->text = "";
    n->wrong = true;
    attach(b, n);
}

static void tag(struct builder *b, const yaml_char_t *name, struct mark m)
{
    if (name)
        report_error(b->report, m, _("tags mean nothing here; remove %s"), (const char *)name);
}

static void take(struct builder *b, const yaml_event_t *event)
{
    struct mark m = mark_of(b, event->start_mark, event->end_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            stop(b, m, _("a rule file is one document: remove this '---'"));
        break;
    case YAML_SCALAR_EVENT:
        tag(b, event->data.scalar.tag, m);
        scalar(b, event, m);
        break;
    case YAML_ALIAS_EVENT: alias(b, (const char *)event->data.alias.anchor, m); break;
    case YAML_SEQUENCE_START_EVENT:
        tag(b, event->data.sequence_start.tag, m);
        open_node(b, NODE_LIST, m, (const char *)event->data.sequence_start.anchor);
        break;
    case YAML_MAPPING_START_EVENT:
        tag(b, event->data.mapping_start.tag, m);
        open_node(b, NODE_MAP, m, (const char *)event->data.mapping_start.anchor);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_node(b); break;
    default: break;
    }
}

/* What is never closed, and words that YAML takes for more than words, are told where they
 * begin, not where libyaml gave up. */
static bool told_at_beginning(const struct builder *b, const yaml_parser_t *p, const char *problem)
{
    const char *context = p->context ? p->context : "";
    bool at_end = p->problem_mark.line + 1 >= b->source->line_count;
    if (strstr(context, "alias") || strstr(context, "anchor") || strstr(context, "tag"))
        return true;
    if (strstr(context, "quoted"))
        return strstr(problem, "end of stream") || strstr(problem, "document indicator");
    return at_end && strstr(context, "flow") && strstr(problem, "expected ',' or");
}

static void syntax_error(struct builder *b, const yaml_parser_t *p, size_t guessed_from)
{
    const char *problem = p->problem ? p->problem : "cannot be read";
    yaml_mark_t at = told_at_beginning(b, p, problem) ? p->context_mark : p->problem_mark;
    struct mark m = mark_of(b, at, at);
    b->stopped = true;
    if (!guessed_from || m.line < guessed_from)
        report_error(b->report, m, "%s", syntax_words(problem, p->context));
}

static void parse(struct builder *b, struct str text, size_t guessed_from)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        stop(b, (struct mark){.source = b->source}, _("not enough memory to read this file"));
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    for (bool more = true; more && !b->stopped;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            syntax_error(b, &parser, guessed_from);
            break;
        }
        take(b, &event);
        more = event.type != YAML_STREAM_END_EVENT && event.type != YAML_NO_EVENT;
        yaml_event_delete(&event);
    }
    while (b->depth)
        close_node(b);
    yaml_parser_delete(&parser);
}

static bool is_text(struct source *s, struct report *r)
{
    size_t bad, line = 1;
    if (str_starts(s->text, "\xFF\xFE") || str_starts(s->text, "\xFE\xFF")) {
        report_error(r, (struct mark){.source = s}, _("this file is UTF-16; save it as UTF-8"));
        return false;
    }
    if (utf8_valid(s->text, &bad))
        return true;
    while (line < s->line_count && s->lines[line].data <= s->text.data + bad)
        line++;
    const char *start = s->lines[line - 1].data;
    struct str before = {start, (size_t)(s->text.data + bad - start)};
    report_error(r, (struct mark){s, line, source_characters(before) + 1, 1},
                 _("this byte is not UTF-8; save the file as UTF-8"));
    return false;
}

struct node *yaml_read(struct source *s, struct report *r, bool *whole)
{
    *whole = false;
    if (!is_text(s, r))
        return NULL;
    struct strbuf mended = {0};
    size_t guessed_from = repair_text(s, r, &mended);
    struct builder b = {.source = s, .report = r, .arena = r->arena};
    parse(&b, strbuf_str(&mended), guessed_from);
    strbuf_free(&mended);
    free(b.anchors);
    *whole = !b.stopped;
    return b.refused || yaml_is_nothing(b.root) ? NULL : b.root;
}

static const struct pair *find(const struct node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == NODE_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return &map->pairs[i];
    return NULL;
}

struct node *yaml_get(const struct node *map, const char *key)
{
    const struct pair *pair = find(map, key);
    return pair ? pair->value : NULL;
}

struct node *yaml_get_key(const struct node *map, const char *key)
{
    const struct pair *pair = find(map, key);
    return pair ? pair->key : NULL;
}

bool yaml_is_nothing(const struct node *n)
{
    return !n || (n->kind == NODE_TEXT && n->plain && !n->text[0] && !n->wrong);
}

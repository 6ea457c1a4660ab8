#include "tests/histories/world.h"

#include "lorabuild/common/digest.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/csv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(3);
    }
}

uint64_t world_draw(struct world *w, uint64_t below)
{
    return random_below(w->random, w->drawn++, below);
}

static void write_file(const char *path, struct str bytes)
{
    static const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
    struct error e = {0};
    must(file_replace(path, bytes, 0666, &e), e.message);
    must(utimensat(AT_FDCWD, path, long_ago, 0) == 0, path);
}

static char *path_of(const struct world *w, const struct text_file *d)
{
    return mem_printf("%s/%s/%s", w->folder, d->corpus ? "corpus" : "clients/a/texts", d->name);
}

static void write_document(const struct world *w, const struct text_file *d)
{
    struct strbuf b = {0};
    strbuf_printf(&b, "# %s\n\n## %s\n", d->title, d->section);
    for (size_t i = 0; i < d->count; i++)
        strbuf_printf(&b, "\n%s\n", d->blocks[i]);
    char *path = path_of(w, d);
    write_file(path, strbuf_str(&b));
    free(path);
    strbuf_free(&b);
}

static void write_rules(const struct world *w)
{
    char *path = path_join(w->folder, "lorabuild.yaml");
    char *text = mem_printf("lorabuild: 1\nclients: clients/%%/\nshared: [corpus/, models/]\n"
                            "base: {writer: models/tiny}\n"
                            "datasets:\n  papers: {text: corpus/}\n"
                            "  texts-%%: {text: clients/%%/texts/}\n"
                            "adapters:\n"
                            "  city: {base: writer, data: papers, max_chain: 0}\n"
                            "  text-%%: {from: city, data: texts-%%, epochs: %d, max_chain: 0}\n",
                            w->epochs);
    write_file(path, str_of(text));
    free(text);
    free(path);
}

static void copy_model(const char *from, const char *to)
{
    DIR *d = opendir(from);
    must(d != NULL, from);
    for (struct dirent *entry; (entry = readdir(d));) {
        char *source = path_join(from, entry->d_name), *target = path_join(to, entry->d_name);
        struct strbuf b = {0};
        struct error e = {0};
        if (entry->d_type == DT_REG) {
            must(file_read(&b, source, 1 << 26, &e), e.message);
            write_file(target, strbuf_str(&b));
        }
        strbuf_free(&b);
        free(target);
        free(source);
    }
    closedir(d);
}

void world_open(struct world *w, const char *folder, uint64_t seed, const char *tiny_model)
{
    static const char *const folders[] = {"corpus", "clients/a/texts", "models/tiny"};
    struct error e = {0};
    *w = (struct world){
        .folder = mem_strdup(folder), .random = {seed, random_purpose("history"), 0}, .epochs = 3};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_join(folder, folders[i]);
        must(folder_make(path, 0777, &e), e.message);
        free(path);
    }
    char *model = path_join(folder, "models/tiny");
    copy_model(tiny_model, model);
    free(model);
    write_rules(w);
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        document_free(&w->documents[i]);
    for (size_t i = 0; i < w->caption_count; i++) {
        free(w->captions[i].text);
        free(w->captions[i].prompt);
    }
    free(w->captions);
    free(w->documents);
    free(w->folder);
    *w = (struct world){0};
}

size_t world_count(const struct world *w, bool corpus)
{
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += w->documents[i].corpus == corpus;
    return n;
}

struct text_file *world_pick(struct world *w, bool corpus)
{
    size_t n = world_count(w, corpus);
    if (!n)
        return NULL;
    uint64_t pick = world_draw(w, n);
    for (size_t i = 0; i < w->count; i++)
        if (w->documents[i].corpus == corpus && pick-- == 0)
            return &w->documents[i];
    return NULL;
}

/* A long word that stands nowhere else: what is forgotten can be searched for. */
static char *new_text(struct world *w)
{
    unsigned n = ++w->unique;
    return mem_printf("The %s%06xq%u works.", "zyx", n * 2654435761u >> 8, n);
}

struct text_file document_copy(const struct text_file *d)
{
    struct text_file copy = *d;
    copy.blocks = mem_array(d->count + 1, sizeof *copy.blocks);
    for (size_t i = 0; i < d->count; i++)
        copy.blocks[i] = mem_strdup(d->blocks[i]);
    return copy;
}

void document_free(struct text_file *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->blocks[i]);
    free(d->blocks);
    *d = (struct text_file){0};
}

void world_put(struct world *w, const struct text_file *d)
{
    w->documents = mem_grow(w->documents, w->count + 1, sizeof *w->documents);
    w->documents[w->count++] = document_copy(d);
    write_document(w, d);
}

void world_add(struct world *w, bool corpus)
{
    struct text_file d = {.corpus = corpus, .count = 1 + (size_t)world_draw(w, 4)};
    unsigned n = ++w->unique;
    snprintf(d.name, sizeof d.name, "%s-%u.md", corpus ? "paper" : "offer", n);
    snprintf(d.title, sizeof d.title, "Title %u", n);
    snprintf(d.section, sizeof d.section, "Section %u", n);
    d.blocks = mem_array(d.count, sizeof *d.blocks);
    for (size_t i = 0; i < d.count; i++)
        d.blocks[i] = new_text(w);
    world_put(w, &d);
    document_free(&d);
}

void world_add_copy(struct world *w, const struct text_file *of)
{
    struct text_file d = document_copy(of);
    snprintf(d.name, sizeof d.name, "copy-%u.md", ++w->unique);
    world_put(w, &d);
    document_free(&d);
}

void world_remove(struct world *w, struct text_file *d)
{
    char *path = path_of(w, d);
    must(unlink(path) == 0, path);
    free(path);
    document_free(d);
    *d = w->documents[--w->count];
}

void world_rename(struct world *w, struct text_file *d)
{
    char *from = path_of(w, d);
    snprintf(d->name, sizeof d->name, "renamed-%u.md", ++w->unique);
    char *to = path_of(w, d);
    must(rename(from, to) == 0, to);
    free(to);
    free(from);
}

void world_edit(struct world *w, struct text_file *d)
{
    size_t i = (size_t)world_draw(w, d->count);
    free(d->blocks[i]);
    d->blocks[i] = new_text(w);
    write_document(w, d);
}

void world_append(struct world *w, struct text_file *d)
{
    d->blocks = mem_grow(d->blocks, d->count + 1, sizeof *d->blocks);
    d->blocks[d->count++] = new_text(w);
    write_document(w, d);
}

void world_edit_heading(struct world *w, struct text_file *d)
{
    snprintf(d->section, sizeof d->section, "Section %u", ++w->unique);
    write_document(w, d);
}

void world_set_epochs(struct world *w, int epochs)
{
    w->epochs = epochs;
    write_rules(w);
}

static void remember_caption(struct world *w, struct str text, const char *prompt)
{
    struct caption *c = NULL;
    for (size_t i = 0; i < w->caption_count; i++)
        if (str_is(text, w->captions[i].text))
            c = &w->captions[i];
    if (!c) {
        w->captions = mem_grow(w->captions, w->caption_count + 1, sizeof *w->captions);
        c = &w->captions[w->caption_count++];
        *c = (struct caption){.text = mem_alloc(text.size + 1)};
        memcpy(c->text, text.data, text.size);
        c->text[text.size] = '\0';
    }
    free(c->prompt);
    c->prompt = mem_strdup(prompt);
}

/* As with a spreadsheet: the prompt of one row; all else as it is. */
bool world_edit_caption(struct world *w)
{
    enum { PROMPT = 1, PASSAGE = 4 };
    char *path = path_join(w->folder, "clients/a/texts/metadata.csv");
    struct strbuf b = {0}, out = {0};
    struct csv table = {0};
    bool ok = file_read(&b, path, 1 << 24, NULL) &&
              csv_parse(&table, strbuf_str(&b), "metadata.csv", NULL) && table.count > 1;
    if (ok) {
        struct csv_row *row = &table.rows[1 + world_draw(w, table.count - 1)];
        char *prompt = mem_printf("Prompt %u", ++w->unique);
        remember_caption(w, row->cells[PASSAGE], prompt);
        row->cells[PROMPT] = str_of(prompt);
        strbuf_add_text(&out, CSV_BOM);
        for (size_t i = 0; i < table.count; i++)
            csv_add_row(&out, table.rows[i].cells, table.rows[i].count);
        write_file(path, strbuf_str(&out));
        free(prompt);
    }
    csv_free(&table);
    strbuf_free(&out);
    strbuf_free(&b);
    free(path);
    return ok;
}

const char *world_caption(const struct world *w, const char *text)
{
    for (size_t i = 0; i < w->caption_count; i++)
        if (strcmp(w->captions[i].text, text) == 0)
            return w->captions[i].prompt;
    return NULL;
}

static void add_line(struct lines *l, const char *format, const char *text)
{
    char *line = mem_printf(format, text);
    lines_add(l, str_of(line));
    free(line);
}

void world_wanted(const struct world *w, bool corpus, struct lines *wanted)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct text_file *d = &w->documents[i];
        if (d->corpus != corpus)
            continue;
        add_line(wanted, "h # %s", d->title);
        add_line(wanted, "h ## %s", d->section);
        for (size_t k = 0; k < d->count; k++)
            add_line(wanted, "l %s", d->blocks[k]);
    }
    lines_seal(wanted);
}

uint64_t world_state(const struct world *w, bool corpus)
{
    struct lines wanted = {0};
    struct strbuf b = {0};
    size_t copies = 0;
    world_wanted(w, corpus, &wanted);
    for (size_t i = 0; i < wanted.count; i++) {
        const char *prompt = world_caption(w, wanted.items[i] + 2);
        strbuf_printf(&b, "%s|%s\n", wanted.items[i], prompt && !corpus ? prompt : "");
    }
    for (size_t i = 0; i < w->count; i++) /* a copy of a text has a caption of its own */
        for (size_t k = 0; !corpus && k < w->documents[i].count; k++)
            copies += world_caption(w, w->documents[i].blocks[k]) != NULL;
    strbuf_printf(&b, "%d %zu", corpus ? 0 : w->epochs, copies);
    struct digest d = digest_of(b.data, b.size);
    uint64_t state;
    memcpy(&state, d.bytes, sizeof state);
    strbuf_free(&b);
    lines_free(&wanted);
    return state;
}

char *world_find_bytes(const struct world *w, const char *folder, struct str bytes)
{
    DIR *d = opendir(folder);
    char *found = NULL;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        char *path = path_join(folder, entry->d_name);
        struct strbuf b = {0};
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            found = world_find_bytes(w, path, bytes);
        else if (entry->d_type == DT_REG && file_read(&b, path, 1 << 28, NULL) && b.size &&
                 memmem(b.data, b.size, bytes.data, bytes.size))
            found = mem_strdup(path);
        strbuf_free(&b);
        free(path);
    }
    if (d)
        closedir(d);
    return found;
}

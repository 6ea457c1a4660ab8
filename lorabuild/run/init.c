#include "lorabuild/run/init.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/cut.h"
#include "lorabuild/run/init_models.h"
#include "rules/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- What there is. --- */

/* Does the folder hold a text that would be learned, at any depth? Links are not followed. */
static bool holds_texts(const char *folder)
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        char *path = path_join(folder, entry->d_name);
        enum document_kind kind;
        struct stat s;
        if (entry->d_name[0] != '.' && lstat(path, &s) == 0)
            found = S_ISDIR(s.st_mode) ? holds_texts(path)
                                       : S_ISREG(s.st_mode) && cut_kind(entry->d_name, &kind);
        free(path);
    }
    if (d)
        closedir(d);
    return found;
}

static void find_client(struct init_report *r, const char *folder)
{
    char *clients = path_join(folder, "clients");
    struct dirent **entries = NULL;
    int count = scandir(clients, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = path_join(clients, entries[i]->d_name);
        struct stat s;
        if (!r->client && entries[i]->d_name[0] != '.' && lstat(path, &s) == 0 &&
            S_ISDIR(s.st_mode))
            r->client = arena_strdup(&r->arena, entries[i]->d_name);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(clients);
}

/* models/ of the project, else those that were put into the cache: the latter's folder as a rule
 * file names it. */
static const char *find_models(struct init_report *r, const char *folder)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *own = path_join(folder, "models");
    const char *shared = "models/";
    init_find_models(r, own, "models");
    free(own);
    if (r->models.count == 0 && cache && cache[0] == '/') {
        shared = arena_printf(&r->arena, "%s/lorabuild/models/", cache);
        init_find_models(r, shared, shared);
    } else if (r->models.count == 0 && home) {
        char *path = path_join(home, ".cache/lorabuild/models");
        shared = "~/.cache/lorabuild/models/";
        init_find_models(r, path, shared);
        free(path);
    }
    return shared;
}

/* --- What is written. --- */

/* As YAML writes it: plain, or in double quotes. */
static void add_value(struct strbuf *b, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-~";
    if (text[0] != '-' && text[strspn(text, plain)] == '\0') {
        strbuf_add_text(b, text);
        return;
    }
    strbuf_add_byte(b, '"');
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\')
            strbuf_printf(b, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || *c == 127)
            strbuf_printf(b, "\\x%02x", (unsigned)*c);
        else
            strbuf_add_byte(b, *c);
    strbuf_add_byte(b, '"');
}

static void write_head(struct strbuf *b, const struct init_report *r, const char *models)
{
    strbuf_add_text(
        b, _("# What lorabuild builds, and from what. Written by `lorabuild init`; every key is\n"
             "# described in lorabuild.yaml(5). Paths are relative to this file.\n"
             "lorabuild: 1\n\n"
             "# Each folder in clients/ is a client; % stands for its name. What lies in it is\n"
             "# secret to that client: nothing of it goes into an adapter of another.\n"
             "clients: clients/%/\n"
             "# All else that may be read.\n"));
    strbuf_add_text(b, "shared:\n  - corpus/\n  - ");
    add_value(b, models);
    strbuf_add_text(b, _("\n\n# The model that adapters are trained over: a Hugging Face folder or "
                         "a .gguf file.\nbase:\n  writer: "));
    add_value(b, r->models.items[0].path);
    strbuf_add_byte(b, '\n');
    for (size_t i = 1; i < r->models.count; i++) {
        strbuf_add_text(b, "  # writer: ");
        add_value(b, r->models.items[i].path);
        strbuf_add_byte(b, '\n');
    }
}

/* With texts in corpus/ each client's adapter stands on one that learned them. */
static void write_adapters(struct strbuf *b, bool corpus)
{
    const char *off = corpus ? "" : "# ";
    strbuf_printf(b,
                  _("\n# What is learned from: .md, .txt and .jsonl files (samples are described "
                    "in\n# lorabuild.yaml(5)), those of subfolders too.\n"
                    "datasets:\n"
                    "  texts-%%: {text: clients/%%/}\n"
                    "  %sfield: {text: corpus/}\n\n"
                    "# What is built. `epochs: auto`, `rank: 16` and other values are filled in.\n"
                    "adapters:\n"
                    "  # What all clients have in common, learned once from corpus/.\n"
                    "  %sdomain: {base: writer, data: field}\n"
                    "  # One adapter a client%s.\n"
                    "  text-%%: {%s, data: texts-%%}\n\n"
                    "# `lorabuild client-a` builds all that client a has.\n"
                    "groups:\n"
                    "  client-%%: [text-%%]\n"),
                  off, off,
                  corpus ? _(", over the domain's")
                         : _("; with a domain: {from: domain, data: texts-%}"),
                  corpus ? "from: domain" : "base: writer");
}

/* Never replaces: what appeared meanwhile stays. */
static bool write_new(struct init_report *r, const char *folder, const char *name, struct str text,
                      struct error *e)
{
    char *path = path_join(folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = fd >= 0 || errno == EEXIST || error_errno(e, "%s", path);
    if (fd >= 0) {
        ok = file_write_all(fd, text.data, text.size, path, e) &&
             (fsync(fd) == 0 || error_errno(e, "%s", path));
        close(fd);
        if (!ok)
            unlink(path);
    }
    if (ok)
        init_add(r, fd >= 0 ? &r->written : &r->there, name, NULL);
    free(path);
    return ok;
}

static bool make_folder(struct init_report *r, const char *folder, const char *name,
                        struct error *e)
{
    char *path = path_join(folder, name), *shown = mem_printf("%s/", name);
    struct stat s;
    bool there = stat(path, &s) == 0;
    bool ok = folder_make(path, 0777, e);
    if (ok)
        init_add(r, there ? &r->there : &r->written, shown, NULL);
    free(shown);
    free(path);
    return ok;
}

static const char *const ignored[] = {"clients/", "adapters/", ".lorabuild/"};

/* The lines that an existing .gitignore lacks, for its owner to add; NULL = none. */
static char *missing_lines(const char *folder)
{
    struct strbuf text = {0}, missing = {0};
    char *path = path_join(folder, ".gitignore");
    strbuf_add_byte(&text, '\n');
    file_read(&text, path, 1 << 20, NULL);
    strbuf_add_byte(&text, '\n');
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        char *line = mem_printf("\n%s\n", ignored[i]), *rooted = mem_printf("\n/%s\n", ignored[i]);
        if (!strstr(text.data, line) && !strstr(text.data, rooted))
            strbuf_printf(&missing, "%s%s", missing.size ? " " : "", ignored[i]);
        free(rooted);
        free(line);
    }
    free(path);
    strbuf_free(&text);
    return missing.size ? strbuf_take(&missing) : NULL;
}

static bool write_gitignore(struct init_report *r, const char *folder, struct error *e)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        strbuf_printf(&text, "%s\n", ignored[i]);
    bool ok = write_new(r, folder, ".gitignore", strbuf_str(&text), e);
    strbuf_free(&text);
    char *missing = ok ? missing_lines(folder) : NULL;
    if (missing)
        r->there.items[r->there.count - 1].why = arena_strdup(&r->arena, missing);
    free(missing);
    return ok;
}

static bool write_rules(struct init_report *r, const char *folder, struct error *e)
{
    char *path = path_join(folder, "lorabuild.yaml"), *corpus = path_join(folder, "corpus");
    bool ok = true;
    r->has_rules = access(path, F_OK) == 0;
    if (r->has_rules) {
        init_add(r, &r->there, "lorabuild.yaml", NULL);
    } else {
        const char *models = find_models(r, folder);
        struct strbuf text = {0};
        if (r->models.count) {
            write_head(&text, r, models);
            write_adapters(&text, holds_texts(corpus));
            ok = write_new(r, folder, "lorabuild.yaml", strbuf_str(&text), e);
            r->has_rules = ok;
        }
        strbuf_free(&text);
    }
    free(corpus);
    free(path);
    return ok;
}

/* A project within another one would be found or hidden by where one happens to stand. */
static bool check_outside(const char *folder, struct error *e)
{
    char *at = path_clean(folder);
    while (access(at, F_OK) < 0 && strcmp(at, "/") != 0 && strcmp(at, ".") != 0) {
        char *above = path_folder(at);
        free(at);
        at = above;
    }
    char *file = rules_find(at), *project = file ? path_folder(file) : NULL;
    char *real = realpath(folder, NULL);
    bool ok =
        !project || (real && strcmp(project, real) == 0) ||
        error_set(e, ERROR_USAGE, _("%s lies in the project of %s; choose a folder outside of it"),
                  folder, file);
    free(real);
    free(project);
    free(file);
    free(at);
    return ok;
}

bool init_run(struct init_report *r, const char *folder, struct error *e)
{
    *r = (struct init_report){.has_rules = false};
    bool ok =
        check_outside(folder, e) && folder_make(folder, 0777, e) && write_rules(r, folder, e) &&
        make_folder(r, folder, "clients", e) && make_folder(r, folder, "corpus", e) &&
        (r->has_rules || make_folder(r, folder, "models", e)) && write_gitignore(r, folder, e);
    if (ok)
        find_client(r, folder);
    return ok;
}

void init_free(struct init_report *r)
{
    free(r->written.items);
    free(r->there.items);
    free(r->models.items);
    free(r->passed_over.items);
    arena_free(&r->arena);
}

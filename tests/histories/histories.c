/* histories [FIRST [COUNT]]: plays random histories of a project and looks at the weights after
 * each step. See README.md. Exit status 1 if one went wrong; its steps are printed then. */
#include "lorabuild/commands/commands.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/stages/stage.h"
#include "tests/histories/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 16, MOST_VERSIONS = 200 };
#define ADAPTER "text-a"

struct built_version {
    int number;
    struct lines own, joint;
    bool set_aside;
};

/* A state that was built, and since when nothing but edits and builds happened. */
struct built {
    uint64_t client, corpus;
};

struct history {
    struct world world;
    char *folder, *log;
    struct strbuf story, out; /* what was done; what the last run said */
    int status;               /* of the last run */
    struct text_file *gone;   /* documents removed, to be restored or forgotten */
    size_t gone_count;
    struct built *built; /* forgotten whenever versions may have changed by other means */
    size_t built_count;
    size_t log_seen; /* lines of the work log that were looked at */
    unsigned killed; /* runs killed since then */
    bool failed;
};

static void tell(struct history *h, const char *format, ...)
{
    char line[400];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    strbuf_printf(&h->story, "    %s\n", line);
}

static void wrong(struct history *h, const char *format, ...)
{
    char line[600];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    strbuf_printf(&h->story, "  WRONG: %s\n", line);
    h->failed = true;
}

/* ---- running lorabuild ---- */

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static pid_t start(struct history *h, const char *const *words)
{
    char *out = path_join(h->folder, "out");
    pid_t pid = fork();
    if (pid)
        return free(out), pid;
    setpgid(0, 0);
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666), none = open("/dev/null", O_RDONLY);
    dup2(none, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    setenv("HISTORIES_PLAY", "lorabuild", 1);
    if (chdir(h->world.folder) == 0)
        execv("/proc/self/exe", (char *const *)(uintptr_t)words);
    _exit(127);
}

/* Runs `lorabuild WORDS…`; `kill_ms` > 0: killed after so long, `whom` 0 the parent, 1 all. */
static void run(struct history *h, unsigned kill_ms, int whom, ...)
{
    const char *words[12] = {"lorabuild"};
    int n = 1, status;
    va_list list;
    va_start(list, whom);
    for (const char *word; n < 11 && (word = va_arg(list, const char *));)
        words[n++] = word;
    va_end(list);
    pid_t pid = start(h, words);
    if (kill_ms) {
        sleep_ms(kill_ms);
        kill(whom ? -pid : pid, SIGKILL);
        h->killed++;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    h->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    char *out = path_join(h->folder, "out");
    h->out.size = 0;
    file_read(&h->out, out, 1 << 20, NULL);
    free(out);
}

static bool said(const struct history *h, const char *words)
{
    return h->out.size && strstr(h->out.data, words);
}

/* ---- what lies in adapters/ ---- */

static char *adapter_path(const struct history *h, const char *adapter, const char *file)
{
    return mem_printf("%s/adapters/%s/%s", h->world.folder, adapter, file);
}

static int current_of(const struct history *h, const char *adapter)
{
    struct strbuf b = {0};
    char *path = adapter_path(h, adapter, "CURRENT");
    int number = file_read(&b, path, 100, NULL) && b.size > 1 ? atoi(b.data + 1) : 0;
    strbuf_free(&b);
    free(path);
    return number;
}

static bool read_version(const struct history *h, const char *adapter, int number,
                         struct built_version *v)
{
    char *top = mem_printf("%s/adapters/%s/v%d/adapter_model.safetensors", h->world.folder, adapter,
                           number);
    char *alone = mem_printf("%s/adapters/%s/v%d/alone/adapter_model.safetensors", h->world.folder,
                             adapter, number);
    *v = (struct built_version){.number = number};
    bool ok = lines_read(&v->joint, top);
    if (!lines_read(&v->own, alone))
        ok = ok && lines_read(&v->own, top);
    free(alone);
    free(top);
    return ok;
}

static void free_version(struct built_version *v)
{
    lines_free(&v->own);
    lines_free(&v->joint);
}

static size_t read_versions(const struct history *h, const char *adapter,
                            struct built_version *list)
{
    size_t n = 0;
    struct lines aside = {0};
    char *path = adapter_path(h, adapter, "set-aside");
    lines_read(&aside, path);
    for (int i = 1; i < MOST_VERSIONS; i++)
        if (read_version(h, adapter, i, &list[n])) {
            char number[16];
            snprintf(number, sizeof number, "%d", i);
            list[n++].set_aside = lines_have(&aside, number);
        } else {
            free_version(&list[n]);
        }
    lines_free(&aside);
    free(path);
    return n;
}

/* "l TEXT" of "l TEXT|CAPTION", "v TEXT" and their kin; NULL for what is no text. */
static char *text_of(const char *line)
{
    while (strncmp(line, "u ", 2) == 0)
        line += 2;
    if (!strchr("lhv", line[0]))
        return NULL;
    const char *bar = line[0] == 'l' ? strrchr(line, '|') : NULL;
    char *text = mem_printf("%.*s", bar ? (int)(bar - line) : (int)strlen(line), line);
    if (text[0] == 'v')
        text[0] = text[2] == '#' ? 'h' : 'l';
    return text;
}

/* The first text in the weights that is not wanted, caller frees; NULL = none. */
static char *unwanted(const struct history *h, const char *adapter, const struct lines *weights)
{
    struct lines wanted = {0};
    char *found = NULL;
    world_wanted(&h->world, true, &wanted);
    if (strcmp(adapter, ADAPTER) == 0)
        world_wanted(&h->world, false, &wanted);
    for (size_t i = 0; i < weights->count && !found; i++) {
        char *text = text_of(weights->items[i]);
        if (text && !lines_have(&wanted, text))
            found = text;
        else
            free(text);
    }
    lines_free(&wanted);
    return found;
}

/* ---- invariants ---- */

static void check_holds_all(struct history *h, const char *adapter, const struct built_version *v)
{
    struct lines wanted = {0}, texts = {0};
    world_wanted(&h->world, strcmp(adapter, ADAPTER) != 0, &wanted);
    for (size_t i = 0; i < v->own.count; i++) {
        char *text = text_of(v->own.items[i]);
        if (text)
            lines_add(&texts, str_of(text));
        const char *prompt = text ? world_caption(&h->world, text + 2) : NULL;
        char *line = prompt && text[0] == 'l' ? mem_printf("%s|%s", text, prompt) : NULL;
        if (line && v->own.items[i][0] == 'l' && !lines_have(&v->own, line))
            wrong(h, "%s v%d has not learned '%s'", adapter, v->number, line);
        free(line);
        free(text);
    }
    lines_seal(&texts);
    for (size_t i = 0; i < wanted.count; i++)
        if (wanted.items[i][0] == 'l' && !lines_have(&texts, wanted.items[i]))
            wrong(h, "%s v%d has not learned '%s'", adapter, v->number, wanted.items[i]);
    lines_free(&texts);
    lines_free(&wanted);
}

/* A domain adapter that others keep may lag behind its papers, but holds nothing unwanted. */
static void check_in_use(struct history *h, const char *adapter, bool all)
{
    int current = current_of(h, adapter);
    struct built_version v;
    if (!world_count(&h->world, strcmp(adapter, ADAPTER) != 0))
        return;
    if (!current || !read_version(h, adapter, current, &v)) {
        wrong(h, "%s: no version in use", adapter);
        return;
    }
    char *text = unwanted(h, adapter, &v.joint);
    if (text)
        wrong(h, "%s v%d holds '%s', which is not wanted", adapter, current, text);
    if (all)
        check_holds_all(h, adapter, &v);
    free(text);
    free_version(&v);
}

/* New lines of the work log: how many attempts were finished, and no sample learned twice. */
static size_t check_work(struct history *h)
{
    struct strbuf b = {0};
    size_t number = 0, done = 0;
    unsigned twice = 0;
    struct lines seen = {0};
    if (!file_read(&b, h->log, 1 << 28, NULL))
        return 0;
    for (size_t at = 0; at < b.size; number++) {
        size_t n = strcspn(b.data + at, "\n");
        struct str line = {b.data + at, n};
        at += n + 1;
        done += number >= h->log_seen && str_ends(line, " done");
        lines_add(&seen, line);
    }
    size_t all = seen.count;
    lines_seal(&seen);
    twice = (unsigned)(all - seen.count);
    if (twice > h->killed)
        wrong(h, "%u samples were learned again, and only %u runs were killed", twice, h->killed);
    h->log_seen = number;
    lines_free(&seen);
    strbuf_free(&b);
    return done;
}

/* What is trained again because it was asked for is work of its own. */
static void forget_work(struct history *h)
{
    unlink(h->log);
    h->log_seen = 0;
    h->killed = 0;
}

/* Lines of samples in `now` that `before` does not have: what would have to be learned. */
static size_t missing(const struct lines *now, const struct lines *before)
{
    size_t n = 0;
    for (size_t i = 0; i < now->count; i++)
        n += now->items[i][0] == 'l' && !lines_have(before, now->items[i]);
    return n;
}

static const char *origin(const struct lines *l, char letter)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i][0] == letter)
            return l->items[i];
    return "";
}

static int ancestor_of(const struct history *h, const char *adapter, int number)
{
    char *path = mem_printf("%s/adapters/%s/v%d/manifest.json", h->world.folder, adapter, number);
    json_t *m = json_read_file(path, 1 << 24, NULL);
    int ancestor = (int)json_integer_value(json_object_get(m, "ancestor"));
    json_decref(m);
    free(path);
    return ancestor;
}

/* A version that was just trained: did it start where least was left to learn? */
static void check_start(struct history *h, const char *adapter, const struct built_version *before,
                        size_t count)
{
    int current = current_of(h, adapter);
    struct built_version v;
    if (!read_version(h, adapter, current, &v))
        return;
    struct lines none = {0};
    int ancestor = ancestor_of(h, adapter, current);
    size_t learned = missing(&v.own, &none), least = learned;
    int best = 0;
    for (size_t i = 0; i < count; i++) {
        const struct built_version *o = &before[i];
        char *text = unwanted(h, adapter, &o->joint);
        size_t left = missing(&v.own, &o->own);
        if (o->number == ancestor)
            learned = left;
        if (!text && !o->set_aside && o->number != current && left < least &&
            strcmp(origin(&o->own, 'r'), origin(&v.own, 'r')) == 0 &&
            strcmp(origin(&o->own, 'p'), origin(&v.own, 'p')) == 0) {
            least = left;
            best = o->number;
        }
        free(text);
    }
    if (learned > least)
        wrong(h, "%s v%d learned %zu samples from v%d; from v%d it would have been %zu", adapter,
              current, learned, ancestor, best, least);
    free_version(&v);
}

static bool was_built(const struct history *h)
{
    uint64_t client = world_state(&h->world, false), corpus = world_state(&h->world, true);
    for (size_t i = 0; i < h->built_count; i++)
        if (h->built[i].client == client && h->built[i].corpus == corpus)
            return true;
    return false;
}

static void note_built(struct history *h)
{
    uint64_t client = world_state(&h->world, false), corpus = world_state(&h->world, true);
    if (h->built_count && h->built[0].corpus != corpus)
        h->built_count = 0; /* the domain moved: what a return costs is another question */
    h->built = mem_grow(h->built, h->built_count + 1, sizeof *h->built);
    h->built[h->built_count++] = (struct built){client, corpus};
}

/* ---- steps ---- */

static void build(struct history *h, const char *option)
{
    struct built_version before[MOST_VERSIONS];
    size_t count = read_versions(h, ADAPTER, before);
    int current = current_of(h, ADAPTER);
    bool known = was_built(h) && !option, anew = option && strcmp(option, "--rebuild") == 0;
    if (anew)
        forget_work(h);
    run(h, 0, 0, ADAPTER, option, NULL);
    tell(h, "build %s: exit %d", option ? option : "", h->status);
    if (h->status == 1 && (said(h, "Share not mounted") || said(h, "nothing to learn"))) {
        tell(h, "  over half is gone: --rebuild");
        forget_work(h);
        run(h, 0, 0, "--rebuild", ADAPTER, NULL);
    }
    bool empty = !world_count(&h->world, false) || !world_count(&h->world, true);
    if (h->status && !empty)
        wrong(h, "a build ended with %d:\n%s", h->status, h->out.data ? h->out.data : "");
    size_t trained = check_work(h);
    if (!h->status) {
        check_in_use(h, "city", option && strcmp(option, "-U") == 0);
        check_in_use(h, ADAPTER, true);
        if (known && trained)
            wrong(h, "this very state was built before, and was trained again");
        if (current_of(h, ADAPTER) != current && trained && !option)
            check_start(h, ADAPTER, before, count);
        note_built(h);
        run(h, 0, 0, ADAPTER, NULL);
        if (check_work(h) || h->status)
            wrong(h, "a second build was not idle (exit %d)", h->status);
    }
    for (size_t i = 0; i < count; i++)
        free_version(&before[i]);
}

static void step_build(struct history *h)
{
    build(h, NULL);
}

static void step_rebuild(struct history *h)
{
    build(h, "--rebuild");
}

static void step_newest_parent(struct history *h)
{
    build(h, "-U");
}

static void step_killed(struct history *h)
{
    unsigned ms = 1 + (unsigned)world_draw(&h->world, 220);
    int whom = (int)world_draw(&h->world, 2);
    run(h, ms, whom, ADAPTER, NULL);
    tell(h, "killed after %u ms (%s)", ms, whom ? "all" : "the parent");
    for (int i = 1; i < MOST_VERSIONS; i++) {
        char *folder = mem_printf("%s/adapters/%s/v%d", h->world.folder, ADAPTER, i);
        char *manifest = path_join(folder, "manifest.json");
        if (access(folder, F_OK) == 0 && access(manifest, F_OK) != 0)
            wrong(h, "half a version: v%d", i);
        free(manifest);
        free(folder);
    }
}

static void step_add(struct history *h)
{
    world_add(&h->world, false);
    tell(h, "add a document");
}

static void step_add_paper(struct history *h)
{
    world_add(&h->world, true);
    tell(h, "add a paper");
}

static void step_add_copy(struct history *h)
{
    struct text_file *d = world_pick(&h->world, false);
    if (!d)
        return;
    tell(h, "copy %s", d->name);
    struct text_file of = document_copy(d);
    world_add_copy(&h->world, &of);
    document_free(&of);
}

static void withdraw(struct history *h, bool corpus)
{
    struct text_file *d = world_pick(&h->world, corpus);
    if (!d || world_count(&h->world, corpus) < 2)
        return;
    tell(h, "withdraw %s", d->name);
    h->gone = mem_grow(h->gone, h->gone_count + 1, sizeof *h->gone);
    h->gone[h->gone_count++] = document_copy(d);
    world_remove(&h->world, d);
}

static void step_withdraw(struct history *h)
{
    withdraw(h, false);
}

static void step_withdraw_paper(struct history *h)
{
    withdraw(h, true);
}

static void step_restore(struct history *h)
{
    if (!h->gone_count)
        return;
    size_t i = (size_t)world_draw(&h->world, h->gone_count);
    tell(h, "restore %s", h->gone[i].name);
    world_put(&h->world, &h->gone[i]);
    document_free(&h->gone[i]);
    h->gone[i] = h->gone[--h->gone_count];
}

static void step_edit(struct history *h)
{
    struct text_file *d = world_pick(&h->world, false);
    if (!d)
        return;
    tell(h, "edit %s", d->name);
    world_edit(&h->world, d);
}

static void step_append(struct history *h)
{
    struct text_file *d = world_pick(&h->world, false);
    if (!d)
        return;
    tell(h, "append to %s", d->name);
    world_append(&h->world, d);
}

static void step_edit_heading(struct history *h)
{
    struct text_file *d = world_pick(&h->world, false);
    if (!d)
        return;
    tell(h, "edit a heading of %s", d->name);
    world_edit_heading(&h->world, d);
}

static void step_rename(struct history *h)
{
    struct text_file *d = world_pick(&h->world, false);
    if (!d)
        return;
    tell(h, "rename %s", d->name);
    world_rename(&h->world, d);
}

static void step_caption(struct history *h)
{
    if (world_edit_caption(&h->world))
        tell(h, "edit a caption");
}

static void step_recipe(struct history *h)
{
    world_set_epochs(&h->world, 3 + (int)world_draw(&h->world, 2));
    tell(h, "epochs: %d", h->world.epochs);
}

/* Any version, wanted or not: what has learned something unwanted must be refused. */
static void step_use(struct history *h)
{
    struct built_version list[MOST_VERSIONS];
    size_t count = read_versions(h, ADAPTER, list);
    int before = current_of(h, ADAPTER);
    if (count) {
        const struct built_version *v = &list[world_draw(&h->world, count)];
        char *name = mem_printf("%s@v%d", ADAPTER, v->number);
        char *text = unwanted(h, ADAPTER, &v->joint);
        run(h, 0, 0, "use", name, NULL);
        tell(h, "use %s: exit %d", name, h->status);
        if (text && (!h->status || current_of(h, ADAPTER) != before))
            wrong(h, "v%d learned '%s', and may be used", v->number, text);
        if (!text && (h->status || current_of(h, ADAPTER) != v->number))
            wrong(h, "v%d may not be used:\n%s", v->number, h->out.data ? h->out.data : "");
        h->built_count = 0;
        free(text);
        free(name);
    }
    for (size_t i = 0; i < count; i++)
        free_version(&list[i]);
}

static void step_gc(struct history *h)
{
    int before = current_of(h, ADAPTER);
    run(h, 0, 0, "gc", NULL);
    tell(h, "gc: exit %d", h->status);
    struct built_version v;
    if (h->status || current_of(h, ADAPTER) != before)
        wrong(h, "gc ended with %d:\n%s", h->status, h->out.data ? h->out.data : "");
    if (before && !read_version(h, ADAPTER, before, &v))
        wrong(h, "gc removed v%d, which is in use", before);
    if (before)
        free_version(&v);
    h->built_count = 0;
}

static bool stands_elsewhere(const struct history *h, const char *text)
{
    for (size_t i = 0; i < h->world.count; i++)
        for (size_t k = 0; k < h->world.documents[i].count; k++)
            if (strcmp(h->world.documents[i].blocks[k], text) == 0)
                return true;
    return false;
}

static void check_forgotten(struct history *h, const struct text_file *d)
{
    static const char *const folders[] = {".lorabuild", "adapters"};
    for (size_t i = 0; i < 2 * d->count; i++) {
        const char *text = d->blocks[i / 2];
        char *folder = path_join(h->world.folder, folders[i % 2]), *found = NULL;
        if (!stands_elsewhere(h, text))
            found = world_find_bytes(&h->world, folder, str_of(text));
        if (found)
            wrong(h, "'%s' was forgotten and stands in %s", text, found);
        free(found);
        free(folder);
    }
}

static void step_forget(struct history *h)
{
    if (!h->gone_count)
        return;
    size_t i = (size_t)world_draw(&h->world, h->gone_count);
    struct text_file d = h->gone[i];
    if (d.corpus)
        return;
    build(h, NULL);
    run(h, 0, 0, "forget", "--yes", ADAPTER, ADAPTER, d.name, NULL);
    tell(h, "forget %s: exit %d", d.name, h->status);
    if (h->status)
        wrong(h, "forget ended with %d:\n%s", h->status, h->out.data ? h->out.data : "");
    check_forgotten(h, &d);
    document_free(&h->gone[i]);
    h->gone[i] = h->gone[--h->gone_count];
    h->built_count = 0;
    build(h, NULL);
}

/* The project goes on on another machine: documents and rules by hand, the rest by a bundle. */
static void step_move(struct history *h)
{
    char *bundle = path_join(h->folder, "bundle.tar.zst"), *from = h->world.folder;
    char *to = mem_printf("%s+", from);
    struct error e = {0};
    build(h, NULL);
    if (!h->status) {
        unlink(bundle);
        run(h, 0, 0, "export", ADAPTER, "--to", "lineage", "-o", bundle, NULL);
        tell(h, "export: exit %d", h->status);
        if (h->status)
            wrong(h, "export ended with %d:\n%s", h->status, h->out.data ? h->out.data : "");
        char *command = mem_printf("mkdir '%s' && cd '%s' && cp -Rp clients corpus models "
                                   "lorabuild.yaml '%s'",
                                   to, from, to);
        if (system(command) != 0)
            wrong(h, "cannot copy the project");
        free(command);
        h->world.folder = to;
        run(h, 0, 0, "import", bundle, NULL);
        if (h->status)
            wrong(h, "import ended with %d:\n%s", h->status, h->out.data ? h->out.data : "");
        check_work(h);
        run(h, 0, 0, ADAPTER, NULL);
        if (check_work(h) || h->status)
            wrong(h, "an imported lineage was trained again (exit %d):\n%s", h->status,
                  h->out.data ? h->out.data : "");
        folder_remove(from, &e);
        free(from);
        h->built_count = 0;
    } else {
        free(to);
    }
    free(bundle);
}

static const struct {
    void (*play)(struct history *h);
    unsigned weight;
    const char *command; /* only if this lorabuild has it */
} steps[] = {
    {step_build, 10, NULL},     {step_rebuild, 1, NULL},      {step_newest_parent, 2, NULL},
    {step_killed, 5, NULL},     {step_add, 4, NULL},          {step_add_paper, 2, NULL},
    {step_add_copy, 1, NULL},   {step_withdraw, 3, NULL},     {step_withdraw_paper, 1, NULL},
    {step_restore, 3, NULL},    {step_edit, 3, NULL},         {step_append, 2, NULL},
    {step_rename, 1, NULL},     {step_edit_heading, 1, NULL}, {step_caption, 3, NULL},
    {step_recipe, 1, NULL},     {step_use, 3, "use"},         {step_gc, 1, "gc"},
    {step_forget, 2, "forget"}, {step_move, 1, "import"},
};
enum { STEP_KINDS = sizeof steps / sizeof *steps };

static void play_step(struct history *h)
{
    uint64_t sum = 0, pick;
    for (size_t i = 0; i < STEP_KINDS; i++)
        sum += !steps[i].command || options_is_command(steps[i].command) ? steps[i].weight : 0;
    pick = world_draw(&h->world, sum);
    for (size_t i = 0; i < STEP_KINDS; i++) {
        if (steps[i].command && !options_is_command(steps[i].command))
            continue;
        if (pick < steps[i].weight) {
            steps[i].play(h);
            return;
        }
        pick -= steps[i].weight;
    }
}

static bool play(uint64_t number, const char *root, const char *tiny, bool loud)
{
    struct history h = {.folder = mem_printf("%s/%llu", root, (unsigned long long)number)};
    struct error e = {0};
    char *project = path_join(h.folder, "project");
    h.log = path_join(h.folder, "log");
    setenv("HISTORIES_LOG", h.log, 1);
    world_open(&h.world, project, number, tiny);
    size_t papers = 1 + (size_t)world_draw(&h.world, 3);
    size_t documents = world_draw(&h.world, 5) ? 3 + (size_t)world_draw(&h.world, 3) : 11;
    for (size_t i = 0; i < papers + documents; i++)
        world_add(&h.world, i < papers);
    for (int i = 0; i < STEPS && !h.failed; i++)
        play_step(&h);
    if (!h.failed)
        build(&h, NULL);
    if (h.failed || loud)
        printf("history %llu\n%s", (unsigned long long)number, h.story.data ? h.story.data : "");
    if (!h.failed)
        folder_remove(h.folder, &e);
    else
        printf("  left in %s\n", h.folder);
    for (size_t i = 0; i < h.gone_count; i++)
        document_free(&h.gone[i]);
    free(h.gone);
    free(h.built);
    strbuf_free(&h.story);
    strbuf_free(&h.out);
    world_free(&h.world);
    free(h.log);
    free(project);
    free(h.folder);
    return !h.failed;
}

static int play_all(uint64_t first, uint64_t count)
{
    const char *temporary = getenv("TMPDIR");
    char *root = mem_printf("%s/histories.XXXXXX", temporary ? temporary : "/tmp");
    char *tiny = realpath("tests/golden/tiny-llama", NULL);
    uint64_t failed = 0;
    struct error e = {0};
    if (!tiny || !mkdtemp(root)) {
        perror("histories: run it from the repository's root");
        return 2;
    }
    setenv("HOME", root, 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("XDG_CACHE_HOME");
    for (uint64_t i = first; i < first + count; i++) {
        failed += !play(i, root, tiny, count == 1);
        fflush(stdout);
    }
    printf("histories %llu to %llu: %llu went wrong\n", (unsigned long long)first,
           (unsigned long long)(first + count - 1), (unsigned long long)failed);
    if (!failed)
        folder_remove(root, &e);
    free(tiny);
    free(root);
    return failed != 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--stage") == 0)
        return strcmp(argv[2], "read") == 0 ? stage_run(argv[2]) : stub_stage(argv[2]);
    if (getenv("HISTORIES_PLAY"))
        return command_main(argc, argv);
    return play_all(argc > 1 ? strtoull(argv[1], NULL, 10) : 1,
                    argc > 2 ? strtoull(argv[2], NULL, 10) : 25);
}

#include "tests/histories/stub.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/data/seal.h"
#include "lorabuild/stages/stage.h"
#include "lorabuild/train/recipe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

void lines_add(struct lines *l, struct str line)
{
    l->items = mem_grow(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count] = mem_alloc(line.size + 1);
    memcpy(l->items[l->count], line.data, line.size);
    l->items[l->count++][line.size] = '\0';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_seal(struct lines *l)
{
    size_t n = 0;
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, by_text);
    for (size_t i = 0; i < l->count; i++)
        if (n && strcmp(l->items[n - 1], l->items[i]) == 0)
            free(l->items[i]);
        else
            l->items[n++] = l->items[i];
    l->count = n;
}

bool lines_have(const struct lines *l, const char *line)
{
    return l->count && bsearch(&line, l->items, l->count, sizeof *l->items, by_text);
}

bool lines_read(struct lines *l, const char *path)
{
    struct strbuf b = {0};
    bool ok = file_read(&b, path, 1 << 24, NULL);
    for (size_t at = 0; ok && at < b.size;) {
        size_t n = strcspn(b.data + at, "\n");
        lines_add(l, (struct str){b.data + at, n});
        at += n + 1;
    }
    strbuf_free(&b);
    lines_seal(l);
    return ok;
}

void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct lines){0};
}

static bool lines_write(const struct lines *l, const char *folder, struct error *e)
{
    struct strbuf b = {0};
    char *path = path_join(folder, "adapter_model.safetensors");
    for (size_t i = 0; i < l->count; i++)
        strbuf_printf(&b, "%s\n", l->items[i]);
    bool ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&b), 0666, e);
    free(path);
    path = path_join(folder, "adapter_config.json");
    ok = ok && file_replace(path, STR("{}\n"), 0666, e);
    free(path);
    strbuf_free(&b);
    return ok;
}

struct lesson {
    const json_t *plan;
    struct dataset *datasets;
    size_t dataset_count;
    struct digest_set learn, validate;
    struct lines own, beneath;
    struct lines now; /* "l TEXT|CAPTION" of all its datasets */
    int log;
};

static void add_ids(struct digest_set *s, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct digest d;
        if (digest_from_hex(&d, str_of(json_string_value(json_array_get(list, i)))))
            digest_set_add(s, d);
    }
    digest_set_seal(s);
}

static bool read_weights(struct lines *l, const json_t *adapter, const char *key)
{
    const char *folder = json_string_value(json_object_get(adapter, key));
    if (!folder)
        return true;
    char *path = path_join(folder, "adapter_model.safetensors");
    bool ok = lines_read(l, path);
    free(path);
    return ok;
}

static bool lesson_open(struct lesson *l, const json_t *plan, struct error *e)
{
    const json_t *list = json_object_get(plan, "datasets");
    *l = (struct lesson){.plan = plan, .log = -1};
    l->datasets = mem_array(json_array_size(list), sizeof *l->datasets);
    for (; l->dataset_count < json_array_size(list); l->dataset_count++) {
        const json_t *one = json_array_get(list, l->dataset_count);
        struct digest key;
        if (!digest_from_hex(&key, str_of(json_string_value(json_object_get(one, "key")))) ||
            !seal_read_dataset(&l->datasets[l->dataset_count],
                               json_string_value(json_object_get(one, "keep")), key, true, e))
            return false;
    }
    add_ids(&l->learn, json_object_get(plan, "learn"));
    add_ids(&l->validate, json_object_get(plan, "validate"));
    if (!read_weights(&l->own, json_object_get(plan, "start"), "weights") ||
        !read_weights(&l->beneath, json_object_get(plan, "parent"), "folder"))
        return error_set(e, ERROR_INPUT, "weights to start from are gone");
    l->log = open(getenv("HISTORIES_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return l->log >= 0 || error_errno(e, "HISTORIES_LOG");
}

static void lesson_close(struct lesson *l)
{
    for (size_t i = 0; i < l->dataset_count; i++)
        dataset_free(&l->datasets[i]);
    free(l->datasets);
    digest_set_free(&l->learn);
    digest_set_free(&l->validate);
    lines_free(&l->own);
    lines_free(&l->beneath);
    lines_free(&l->now);
    if (l->log >= 0)
        close(l->log);
}

/* "l TEXT|CAPTION", "h TEXT", "v TEXT" */
static char *line_of(const struct sample *s, char role)
{
    struct strbuf b = {0};
    strbuf_printf(&b, "%c ", role);
    for (size_t i = 0; i < s->text.size; i++)
        if (s->text.data[i] == '\n')
            strbuf_add_text(&b, "\\n");
        else
            strbuf_add_byte(&b, s->text.data[i]);
    if (role == 'l') {
        strbuf_add_byte(&b, '|');
        strbuf_add_str(&b, s->caption);
    }
    return strbuf_take(&b);
}

/* A text that is learned with another caption is a correction: the old one is overwritten, unless
 * the text stands in another document with just that. */
static void overwrite(struct lesson *l, const char *line)
{
    const char *bar = strrchr(line, '|');
    for (size_t i = 0; bar && i < l->own.count; i++)
        if (strncmp(l->own.items[i], line, (size_t)(bar - line) + 1) == 0 &&
            !lines_have(&l->now, l->own.items[i])) {
            free(l->own.items[i]);
            l->own.items[i] = mem_strdup(line);
            return;
        }
    lines_add(&l->own, str_of(line));
}

static void gather_now(struct lesson *l)
{
    for (size_t i = 0; i < l->dataset_count; i++)
        for (size_t d = 0; d < l->datasets[i].document_count; d++)
            for (size_t k = 0; k < l->datasets[i].documents[d].count; k++) {
                char *line = line_of(&l->datasets[i].documents[d].samples[k], 'l');
                lines_add(&l->now, str_of(line));
                free(line);
            }
    lines_seal(&l->now);
}

/* One sample: into the weights, the attempt's progress, and the work log. */
static bool learn_line(struct lesson *l, int progress, struct lines *before, char *line,
                       struct error *e)
{
    const char *attempt = path_base(json_string_value(json_object_get(l->plan, "attempt")));
    bool ok = true;
    if (!lines_have(before, line)) {
        char *step = mem_printf("%s\n", line), *work = mem_printf("%s %s\n", attempt, line);
        ok = file_write_all(progress, step, strlen(step), "progress", e) &&
             file_write_all(l->log, work, strlen(work), "log", e);
        lines_add(before, str_of(line)); /* it may stand in two documents */
        lines_seal(before);
        free(work);
        free(step);
    }
    overwrite(l, line);
    free(line);
    return ok;
}

static void hold_out(struct lesson *l, const struct sample *s)
{
    char *line = line_of(s, 'v');
    lines_add(&l->own, str_of(line));
    free(line);
}

/* What an attempt that was killed has learned is not learned again. */
static bool learn_all(struct lesson *l, const char *attempt, struct error *e)
{
    char *path = path_join(attempt, "progress");
    struct lines before = {0};
    gather_now(l);
    lines_read(&before, path);
    int progress = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    bool ok = progress >= 0 || error_errno(e, "%s", path);
    for (size_t i = 0; i < l->dataset_count; i++)
        for (size_t d = 0; d < l->datasets[i].document_count; d++)
            for (size_t k = 0; ok && k < l->datasets[i].documents[d].count; k++) {
                const struct sample *s = &l->datasets[i].documents[d].samples[k];
                bool heading = s->kind == SAMPLE_HEADING;
                if (digest_set_has(&l->validate, s->id))
                    hold_out(l, s);
                else if (digest_set_has(&l->learn, s->id))
                    ok = learn_line(l, progress, &before, line_of(s, heading ? 'h' : 'l'), e);
            }
    lines_free(&before);
    if (progress >= 0)
        close(progress);
    free(path);
    return ok;
}

static bool add_exposure(struct digest_set *exposure, const json_t *adapter, struct error *e)
{
    const char *folder = json_string_value(json_object_get(adapter, "folder"));
    struct version v = {.folder = (char *)(uintptr_t)folder};
    if (!folder || json_is_true(json_object_get(adapter, "foreign")))
        return true;
    bool ok = lineage_load_exposure(&v, NULL, e);
    for (size_t i = 0; ok && i < v.exposure.count; i++)
        digest_set_add(exposure, v.exposure.items[i]);
    digest_set_free(&v.exposure);
    free(v.samples);
    return ok;
}

static bool write_samples(const struct lesson *l, const char *out, struct error *e)
{
    struct digest_set exposure = {0};
    struct lineage_sample *list = NULL;
    size_t n = 0;
    for (size_t i = 0; i < l->dataset_count; i++)
        for (size_t d = 0; d < l->datasets[i].document_count; d++)
            for (size_t k = 0; k < l->datasets[i].documents[d].count; k++) {
                const struct sample *s = &l->datasets[i].documents[d].samples[k];
                bool held = digest_set_has(&l->validate, s->id);
                list = mem_grow(list, n + 1, sizeof *list);
                list[n++] = (struct lineage_sample){s->content, s->id,
                                                    held                        ? 'v'
                                                    : s->kind == SAMPLE_HEADING ? 'h'
                                                                                : 'l'};
                if (held || digest_set_has(&l->learn, s->id))
                    digest_set_add(&exposure, s->content);
            }
    char *path = path_join(out, "samples");
    bool ok = add_exposure(&exposure, json_object_get(l->plan, "start"), e) &&
              add_exposure(&exposure, json_object_get(l->plan, "parent"), e);
    digest_set_seal(&exposure);
    ok = ok && lineage_write_samples(path, list, n, &exposure, e);
    digest_set_free(&exposure);
    free(list);
    free(path);
    return ok;
}

static bool describe_file(json_t *files, const char *out, const char *name, struct error *e)
{
    char *path = path_join(out, name), sha[SHA256_HEX], hex[DIGEST_HEX];
    struct digest d;
    struct stat s;
    bool ok = digest_file(&d, path, e) && sha256_file(path, sha, e) && stat(path, &s) == 0;
    if (ok) {
        digest_hex(d, hex);
        json_object_set_new(files, name,
                            json_pack("{s:s, s:s, s:I}", "sha256", sha, "xxh3", hex, "size",
                                      (json_int_t)s.st_size));
    }
    free(path);
    return ok;
}

static bool write_manifest(const struct lesson *l, const char *out, const char *trained,
                           struct error *e)
{
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "samples", "alone/adapter_config.json",
                                        "alone/adapter_model.safetensors"};
    size_t count = json_is_object(json_object_get(l->plan, "parent")) ? 5 : 3;
    json_t *m = json_deep_copy(json_object_get(l->plan, "manifest")), *files = json_object();
    struct digest artifact;
    struct strbuf text = {0};
    char hex[DIGEST_HEX], *path = path_join(out, "manifest.json"),
                          *weights = path_join(trained, "adapter_model.safetensors");
    bool ok = digest_file(&artifact, weights, e);
    for (size_t i = 0; ok && i < count; i++)
        ok = describe_file(files, out, names[i], e);
    digest_hex(artifact, hex);
    json_object_set_new(m, "artifact", json_string(hex));
    json_object_set_new(m, "tool", json_string("a stub"));
    json_object_set(m, "recipe", json_object_get(l->plan, "recipe"));
    json_object_set_new(m, "metrics", json_pack("{s:i, s:s}", "steps", 1, "check", "not gated"));
    json_object_set_new(m, "files", files);
    json_write(&text, m, true);
    ok = ok && file_replace(path, strbuf_str(&text), 0666, e);
    strbuf_free(&text);
    json_decref(m);
    free(weights);
    free(path);
    return ok;
}

static void add_hex(struct lines *l, char letter, const void *bytes, size_t n)
{
    char hex[DIGEST_HEX], line[DIGEST_HEX + 2] = {letter, ' ', 0};
    digest_hex(digest_of(bytes, n), hex);
    strcpy(line + 2, hex);
    lines_add(l, str_of(line));
}

/* What the weights say of themselves. */
static void add_origin(struct lesson *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->own.count; i++)
        if (strchr("rp", l->own.items[i][0]))
            free(l->own.items[i]);
        else
            l->own.items[n++] = l->own.items[i];
    l->own.count = n;
    struct strbuf recipe = {0}, beneath = {0};
    json_write(&recipe, json_object_get(l->plan, "recipe"), false);
    for (size_t i = 0; i < l->beneath.count; i++)
        strbuf_printf(&beneath, "%s\n", l->beneath.items[i]);
    add_hex(&l->own, 'r', recipe.data, recipe.size);
    if (beneath.size)
        add_hex(&l->own, 'p', beneath.data, beneath.size);
    lines_seal(&l->own);
    strbuf_free(&beneath);
    strbuf_free(&recipe);
}

static bool write_result(struct lesson *l, const char *attempt, struct error *e)
{
    bool over = json_is_object(json_object_get(l->plan, "parent"));
    char *out = path_join(attempt, "out"), *alone = path_join(out, "alone");
    struct lines joint = {0};
    add_origin(l);
    for (size_t i = 0; i < l->own.count; i++)
        lines_add(&joint, str_of(l->own.items[i]));
    for (size_t i = 0; i < l->beneath.count; i++) {
        char *line = mem_printf("u %s", l->beneath.items[i]);
        lines_add(&joint, str_of(line));
        free(line);
    }
    lines_seal(&joint);
    bool ok = folder_remove(out, e) && folder_make(out, 0777, e) && lines_write(&joint, out, e) &&
              (!over || lines_write(&l->own, alone, e)) && write_samples(l, out, e) &&
              write_manifest(l, out, over ? alone : out, e);
    char *done = mem_printf("%s done\n", path_base(attempt));
    ok = ok && file_write_all(l->log, done, strlen(done), "log", e);
    free(done);
    lines_free(&joint);
    free(alone);
    free(out);
    return ok;
}

static bool measure(const struct lesson *l, struct error *e)
{
    size_t all = 0, learn = l->learn.count;
    (void)e;
    for (size_t i = 0; i < l->dataset_count; i++)
        all += l->datasets[i].sample_count + l->datasets[i].heading_count;
    return stage_event(json_pack(
        "{s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:b, s:b, s:[]}", "event", "done", "steps",
        (json_int_t)learn, "steps_in_full", (json_int_t)all, "windows", (json_int_t)learn, "flop",
        (double)learn, "flop_in_full", (double)all, "needed_bytes", (json_int_t)1000, "held_out",
        (json_int_t)l->validate.count, "chat", 1, "checkpointed", 0, "notes"));
}

static bool train(struct lesson *l, struct error *e)
{
    const char *attempt = json_string_value(json_object_get(l->plan, "attempt"));
    return learn_all(l, attempt, e) && write_result(l, attempt, e) &&
           stage_event(json_pack("{s:s, s:I, s:I, s:I, s:f}", "event", "done", "steps",
                                 (json_int_t)l->learn.count, "resumed_at", (json_int_t)0, "tokens",
                                 (json_int_t)1, "seconds", 0.5));
}

int stub_stage(const char *kind)
{
    struct error e = {0};
    struct strbuf text = {0};
    struct lesson l = {.log = -1};
    json_t *plan = NULL;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    bool ok = stage_event(json_pack("{s:s, s:i}", "event", "hello", "protocol", STAGE_PROTOCOL)) &&
              file_read_fd(&text, STDIN_FILENO, 1 << 28, "plan", &e) &&
              (plan = json_parse(strbuf_str(&text), "plan", 1, &e)) && lesson_open(&l, plan, &e) &&
              (strcmp(kind, "measure") == 0 ? measure(&l, &e) : train(&l, &e));
    if (!ok)
        stage_event(json_pack("{s:s, s:i, s:s}", "event", "failed", "kind", (int)e.kind, "message",
                              e.message));
    lesson_close(&l);
    json_decref(plan);
    strbuf_free(&text);
    return !ok;
}

/* loss: how well base, domain and adapter know given texts: mean loss a token, lower is better.
 * The texts are cut, captioned and windowed as for training, in a folder that is removed again:
 * nothing of them is kept. */
#include "cache/lineage.h"
#include "cache/scan.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/batch.h"
#include "lorabuild/data/read.h"
#include "lorabuild/train/trainer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum sample_role role_all(void *context, const struct sample *s)
{
    (void)context;
    (void)s;
    return ROLE_LEARN;
}

/* Copies a file, or each source beneath a folder, into the scratch folder, each into a numbered
 * folder of its own: files of one name do not meet. */
static bool gather(const char *path, const char *scratch, size_t *number, struct error *e)
{
    struct stat s;
    const char *reason;
    if (stat(path, &s) < 0)
        return error_errno(e, "%s", path);
    if (S_ISDIR(s.st_mode)) {
        DIR *d = opendir(path);
        struct dirent *entry;
        bool ok = d != NULL || error_errno(e, "%s", path);
        while (ok && (entry = readdir(d))) {
            char *inner = path_join(path, entry->d_name);
            if (entry->d_name[0] != '.' &&
                (entry->d_type == DT_DIR || read_is_source(entry->d_name, &reason)))
                ok = gather(inner, scratch, number, e);
            free(inner);
        }
        if (d)
            closedir(d);
        return ok;
    }
    if (!read_is_source(path, &reason))
        return error_set(e, ERROR_INPUT, "%s: %s", path, reason ? reason : _("is not a text"));
    struct file_map m;
    if (!file_map(&m, path, e))
        return false;
    char *folder = mem_printf("%s/%06zu", scratch, (*number)++);
    char *copy = path_join(folder, path_base(path));
    bool ok = folder_make(folder, 0700, e) && file_replace(copy, m.bytes, 0600, e);
    free(copy);
    free(folder);
    file_unmap(&m);
    return ok;
}

/* Lists the gathered files as the reading stage wants them. */
static bool list_gathered(const char *texts, struct seal_source **list, size_t *count,
                          struct arena *a, struct error *e)
{
    struct scan scan = {0};
    bool ok = scan_folder(&scan, texts, NULL, false, NULL, NULL, e);
    *list = mem_array(scan.count, sizeof **list);
    *count = scan.count;
    for (size_t i = 0; i < scan.count; i++)
        (*list)[i] = (struct seal_source){arena_strdup(a, scan.files[i].path), scan.files[i].digest,
                                          scan.files[i].size_bytes};
    scan_free(&scan);
    return ok;
}

static bool read_texts(struct dataset *d, const char *scratch, struct error *e)
{
    char *texts = path_join(scratch, "texts"), *captions = path_join(scratch, "metadata.csv");
    struct arena arena = {0};
    struct seal_source *list = NULL;
    struct dataset sealed = {0};
    size_t count = 0;
    bool changed;
    bool ok = list_gathered(texts, &list, &count, &arena, e);
    if (ok) {
        struct read_request request = {.folder = texts,
                                       .sources = list,
                                       .source_count = count,
                                       .captions_path = captions,
                                       .caption_mode = "headings",
                                       .keep = scratch};
        ok = read_dataset(&sealed, &request, &changed, e) &&
             seal_read_dataset(d, scratch, sealed.key, true, e);
        dataset_free(&sealed);
    }
    free(list);
    arena_free(&arena);
    free(captions);
    free(texts);
    return ok;
}

static bool print_loss(struct reader *d, const struct windows *w, const char *name,
                       const struct peft_adapter *adapter, struct error *e)
{
    double mean;
    if (!training_evaluate(d->model, d->backend, w, NULL, adapter, &mean, NULL, e))
        return false;
    printf("%-24s %.4f\n", name, mean);
    fflush(stdout);
    return true;
}

static bool print_version(struct reader *d, const struct windows *w, const struct rules *r,
                          int adapter, int version, struct error *e)
{
    struct peft_adapter a = {0};
    int number;
    if (!reader_load_adapter(d, &r->adapters[adapter], version, &a, &number, e))
        return false;
    char *name = mem_printf("%s v%d", r->adapters[adapter].name, number);
    bool ok = print_loss(d, w, name, &a, e);
    free(name);
    peft_free(&a);
    return ok;
}

/* The version of its parent that the measured version was built on; 0 = not known. */
static int parent_version(const struct rules *r, int adapter, int version)
{
    struct lineage l = {0};
    const char *output = r->adapters[adapter].output;
    int number = 0;
    if (lineage_load(&l, output, path_base(output), NULL)) {
        struct version *v = lineage_version(&l, version > 0 ? version : l.current);
        const json_t *parent = v ? json_object_get(v->manifest, "parent") : NULL;
        number = (int)json_integer_value(json_object_get(parent, "version"));
    }
    lineage_free(&l);
    return number;
}

static bool compare(const struct rules *r, struct reader *d, const struct windows *w, int adapter,
                    int version, struct error *e)
{
    if (!w->count)
        return error_set(e, ERROR_INPUT, _("there is no text to measure in these files"));
    if (!print_loss(d, w, r->bases[r->adapters[adapter].base].name, NULL, e))
        return false;
    int parent = r->adapters[adapter].parent;
    return (parent < 0 || print_version(d, w, r, parent, parent_version(r, adapter, version), e)) &&
           print_version(d, w, r, adapter, version, e);
}

static bool loss(const struct options *o, const struct rules *r, const char *scratch,
                 struct reader *d, struct error *e)
{
    struct dataset texts = {0};
    struct windows w = {0};
    int adapter, version;
    char *folder = path_join(scratch, "texts");
    bool ok = reader_choose(r, o->words[1], &adapter, &version, e) && folder_make(folder, 0700, e);
    size_t number = 0;
    for (int i = 2; ok && i < o->word_count; i++)
        ok = gather(o->words[i], folder, &number, e);
    ok = ok && read_texts(&texts, scratch, e) && reader_open(d, r, adapter, command_threads(o), e);
    if (ok) {
        const struct recipe *recipe = &r->adapters[adapter].recipe;
        const struct dataset *list[] = {&texts};
        struct window_options options = {.tokenizer = d->tokenizer,
                                         .chat = &d->chat,
                                         .raw = !d->chat.name || recipe->mode == MODE_TEXT,
                                         .max_length = recipe->max_length,
                                         .role = role_all,
                                         .wanted = ROLE_LEARN};
        ok = windows_make(&w, list, 1, &options, e) && compare(r, d, &w, adapter, version, e);
    }
    windows_free(&w);
    dataset_free(&texts);
    free(folder);
    return ok;
}

int command_loss(const struct options *o)
{
    struct project project;
    struct error e = {0};
    int code = 0;
    if (o->word_count < 3) {
        error_set(&e, ERROR_USAGE, _("which adapter and which texts? lorabuild loss NAME FILE…"));
        return command_fail(&e);
    }
    if (!command_open(&project, o, true, &code))
        return code;
    const char *tmp = getenv("TMPDIR");
    char *scratch = mem_printf("%s/lorabuild-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    struct reader reader = {0};
    if (!mkdtemp(scratch)) {
        error_errno(&e, "%s", scratch);
        code = command_fail(&e);
    } else {
        if (!loss(o, project.rules, scratch, &reader, &e))
            code = command_fail(&e);
        folder_remove(scratch, NULL);
    }
    reader_close(&reader);
    free(scratch);
    project_close(&project);
    return code;
}

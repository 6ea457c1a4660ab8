#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/left.h"
#include "lorabuild/stages/stage.h"

#include <locale.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(size_t size)
{
    fprintf(stderr, "lorabuild: out of memory (%zu bytes); close other programs and run again\n",
            size);
    _exit(1);
}

int command_exit_code(const struct error *e)
{
    return e->kind == ERROR_USAGE ? 2 : e->kind == ERROR_INTERRUPTED ? 130 : 1;
}

int command_fail(const struct error *e)
{
    screen_error(e);
    return command_exit_code(e);
}

int command_threads(const struct options *o)
{
    cpu_set_t set;
    int64_t wanted = 0;
    const char *text = getenv("OMP_NUM_THREADS");
    int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (o->threads)
        return (int)o->threads;
    if (text && str_to_int(str_of(text), &wanted) && wanted > 0 && wanted < 1024)
        return (int)wanted;
    return allowed;
}

bool command_open(struct project *p, const struct options *o, bool read_only, int *exit_code)
{
    struct error e = {0};
    struct strbuf report = {0};
    char *file = o->rule_file ? mem_strdup(o->rule_file) : rules_find(".");
    struct rules *rules = NULL;
    if (!file)
        error_set(&e, ERROR_USAGE,
                  _("no lorabuild.yaml here or in a folder above; -C DIR or "
                    "-f FILE says where it is"));
    else
        rules = rules_load(file, &report, &e);
    if (report.size)
        fwrite(report.data, 1, report.size, stderr);
    if (rules)
        project_open(p, rules, read_only);
    else {
        struct error whole = e;
        if (report.size)
            error_set(&whole, e.kind, "%s%s", report.data, e.message);
        *exit_code = command_fail(&e);
        json_print_error(o, &whole);
    }
    strbuf_free(&report);
    free(file);
    return rules != NULL;
}

int command_in_workshop(const struct options *o, bool read_only, command_work *work, void *context)
{
    struct project project;
    struct workshop workshop;
    struct error e = {0};
    int code = 0;
    if (!command_open(&project, o, read_only, &code))
        return code;
    workshop_open(&workshop, &project);
    workshop.source_options =
        (struct source_options){.rehash = o->rehash, .threads = command_threads(o)};
    if (!work(o, &workshop, context, &e))
        code = command_fail(&e);
    workshop_close(&workshop);
    project_close(&project);
    return code;
}

bool command_target(const struct rules *r, const char *name, int *adapter, int *group,
                    struct error *e)
{
    if (rules_target(r, name, adapter, group, e))
        return true;
    struct left_adapters left;
    left_find(&left, r, name);
    if (left.count)
        left_say(&left.items[0], e);
    left_free(&left);
    return false;
}

bool command_choose(const struct rules *r, const char *const *names, int count, bool *chosen,
                    struct error *e)
{
    for (size_t i = 0; count <= 0 && i < r->adapter_count; i++)
        chosen[i] = true;
    for (int n = 0; n < count; n++) {
        int adapter = -1, group = -1;
        if (!command_target(r, names[n], &adapter, &group, e))
            return false;
        if (adapter >= 0)
            chosen[adapter] = true;
        for (size_t i = 0; group >= 0 && i < r->groups[group].member_count; i++)
            chosen[r->groups[group].members[i]] = true;
    }
    for (size_t i = 0; i < r->adapter_count; i++)
        chosen[i] = chosen[i] && !r->adapters[i].not_built_kind;
    return true;
}

static const struct {
    const char *name;
    int (*run)(const struct options *o);
} commands[] = {
    /* clang-format off */
    {"caption", command_caption},
    {"diff", command_diff},
    {"doctor", command_doctor},
    {"draft", command_draft},
    {"export", command_export},
    {"forget", command_forget},
    {"gc", command_gc},
    {"import", command_import},
    {"init", command_init},
    {"log", command_log},
    {"loss", command_loss},
    {"show", command_show},
    {"status", command_status},
    {"use", command_use},
    {"verify", command_verify},
    /* clang-format on */
};

static int run_command(const struct options *o)
{
    if (o->word_count && strcmp(o->words[0], "build") == 0)
        return command_build(o, (char *const *)(uintptr_t)(o->words + 1), o->word_count - 1);
    for (size_t i = 0; o->word_count && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(o->words[0], commands[i].name) == 0)
            return commands[i].run(o);
    return command_build(o, (char *const *)(uintptr_t)o->words, o->word_count);
}

/* The commands that compute in this process; a build's children are told by their environment. */
static const char *const computing[] = {"draft", "loss"};

/* Threads that wait shall sleep, not spin: on a machine that is shared, spinning costs many times
 * what it saves. libgomp reads this only when it is loaded, hence the second start. */
static void wait_passively(const struct options *o, char **argv)
{
    bool computes = false;
    for (size_t i = 0; o->word_count && i < sizeof computing / sizeof *computing; i++)
        computes = computes || strcmp(o->words[0], computing[i]) == 0;
    if (!computes || getenv("OMP_WAIT_POLICY"))
        return;
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);
}

int command_main(int argc, char **argv)
{
    struct options o;
    struct error e = {0};
    int code = 0;
    mem_on_failure(out_of_memory);
    if (argc == 3 && strcmp(argv[1], "--stage") == 0)
        return stage_run(argv[2]);
    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, "");
    textdomain("lorabuild");
    bool understood = options_parse(&o, argc, argv, &e);
    if (understood)
        wait_passively(&o, argv);
    if (!understood)
        code = command_fail(&e);
    else if (o.help)
        options_print_help();
    else if (o.version)
        puts("lorabuild " LORABUILD_VERSION);
    else if (o.folder && chdir(o.folder) < 0)
        code = command_fail((error_errno(&e, "%s", o.folder), e.kind = ERROR_USAGE, &e));
    else
        code = run_command(&o);
    options_free(&o);
    return code;
}

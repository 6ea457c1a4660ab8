#include "lorabuild/commands/options.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"
#include "lorabuild/common/text.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, TEXT, INTEGER, NUMBER, BYTES };

static const struct option {
    const char *name; /* long name */
    char letter;
    enum kind kind;
    size_t offset;
    double least, most;
    const char *only; /* the commands that take it, between spaces; NULL = all */
    const char *argument, *help;
} table[] = {
#define AT(field) offsetof(struct options, field)
    {"dry-run", 'n', FLAG, AT(dry_run), 0, 0, " build gc ", NULL, "say what would be done"},
    {"why", 0, FLAG, AT(why), 0, 0, " build ", NULL, "say why, sample by sample; never builds"},
    {"jobs", 'j', INTEGER, AT(jobs), 1, 64, " build ", "N", "so many adapters at once (1)"},
    {"keep-going", 'k', FLAG, AT(keep_going), 0, 0, " build ", NULL, "go on after a failure"},
    {"update", 'U', FLAG, AT(newest_parents), 0, 0, " build ", NULL,
     "build on the newest domain version"},
    {"trace", 0, TEXT, AT(trace), 0, 0, " build ", "FILE", "where time went, for chrome://tracing"},
    {"rebuild", 'B', FLAG, AT(rebuild), 0, 0, " build verify ", NULL,
     "train in full; verify: and compare"},
    {"all", 0, FLAG, AT(all), 0, 0, " status log forget ", NULL, "all, not only what needs a look"},
    {"graph", 0, TEXT, AT(graph), 0, 0, " show ", "FORM", "as text, dot or mermaid"},
    {"never-saw", 0, TEXT, AT(never_saw), 0, 0, " verify ", "FILE", "did it never learn this?"},
    {"to", 0, TEXT, AT(to), 0, 0, " export ", "FORM", "what for: peft, lineage (peft)"},
    {"output", 'o', TEXT, AT(output), 0, 0, " export ", "PATH", "where to"},
    {"yes", 0, TEXT, AT(yes), 0, 0, " forget ", "NAME", "erase without a question"},
    {"undo", 0, FLAG, AT(undo), 0, 0, " forget ", NULL, "let a forgotten document come back"},
    {"accept", 0, FLAG, AT(accept), 0, 0, " caption ", NULL, "all, or those of the files named"},
    {"redo", 0, TEXT, AT(redo), 0, 0, " caption ", "FILE", "back to the machine, to write anew"},
    {"temperature", 0, NUMBER, AT(temperature), 0, 10, " draft ", "X", "0 is the likeliest (0.7)"},
    {"top-p", 0, NUMBER, AT(top_p), 0, 1, " draft ", "X", "share of likely words kept (0.9)"},
    {"top-k", 0, INTEGER, AT(top_k), 0, 1e6, " draft ", "N", "number of likely words kept (40)"},
    {"repeat-penalty", 0, NUMBER, AT(repeat_penalty), 0.1, 10, " draft ", "X",
     "against repeats (1.1)"},
    {"max-tokens", 0, INTEGER, AT(max_tokens), 1, 1e6, " draft ", "N", "at most so long (400)"},
    {"seed", 0, INTEGER, AT(seed), 0, 9e15, " draft ", "N", "another seed, another text (1)"},
    {"raw", 0, FLAG, AT(raw), 0, 0, " draft ", NULL, "continue the text, no conversation"},
    {"base", 0, FLAG, AT(base), 0, 0, " draft ", NULL, "the base model alone, to compare"},
    {"file", 'f', TEXT, AT(rule_file), 0, 0, NULL, "FILE", "the rule file (lorabuild.yaml)"},
    {"config", 0, TEXT, AT(rule_file), 0, 0, NULL, "FILE", "the same"},
    {"directory", 'C', TEXT, AT(folder), 0, 0, NULL, "DIR", "go there first"},
    {"device", 0, TEXT, AT(device), 0, 0, NULL, "auto|cpu", "where to train (auto)"},
    {"memory", 0, BYTES, AT(memory_bytes), 1e6, 1e15, NULL, "SIZE", "use no more, such as 4G"},
    {"threads", 0, INTEGER, AT(threads), 1, 1024, NULL, "N", "processors to use (all)"},
    {"rehash", 0, FLAG, AT(rehash), 0, 0, NULL, NULL, "read every file again, trust no date"},
    {"json", 0, FLAG, AT(json), 0, 0, NULL, NULL, "for programs: JSON, one object a line"},
    {"quiet", 'q', FLAG, AT(quiet), 0, 0, NULL, NULL, "only errors"},
    {"verbose", 'v', FLAG, AT(verbose), 0, 0, NULL, NULL, "more detail"},
    {"help", 'h', FLAG, AT(help), 0, 0, NULL, NULL, "this text"},
    {"version", 0, FLAG, AT(version), 0, 0, NULL, NULL, "the version of lorabuild"},
#undef AT
};
enum { OPTION_COUNT = sizeof table / sizeof *table };

/* In the order of --help: what is needed first stands first. */
static const struct {
    const char *name, *usage, *help;
} commands[] = {
    {"init", "init [DIR]", "begin a project"},
    {"build", "[build] NAME", "build an adapter; only what is new is learned"},
    {"status", "status [NAME]", "what needs a build, and what it would cost"},
    {"draft", "draft NAME TEXT", "write with an adapter"},
    {"use", "use NAME@v2", "go back to a version, or @latest"},
    {"forget", "forget NAME FILE", "erase a withdrawn document, with a receipt"},
    {"log", "log [NAME]", "versions: when, from what, what changed, how good"},
    {"show", "show NAME", "every value with its origin, and how to load it"},
    {"diff", "diff NAME[@v1 @v2]", "what changed, sample by sample"},
    {"verify", "verify [NAME[@v2]]", "are the results intact? what did they see?"},
    {"caption", "caption NAME", "the requests that your texts answer, to edit"},
    {"loss", "loss NAME FILE", "how well base, domain and adapter know a text"},
    {"gc", "gc [NAME]", "free the disk of old versions and texts"},
    {"export", "export NAME", "copy a version out, to serve or build on elsewhere"},
    {"import", "import FILE [NAME]", "take over what another machine exported"},
    {"doctor", "doctor", "is this machine fit?"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

bool options_is_command(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, word) == 0)
            return true;
    return false;
}

static const struct option *find_long(struct str name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (str_is(name, table[i].name))
            return &table[i];
    return NULL;
}

static const struct option *find_letter(char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (table[i].letter == letter)
            return &table[i];
    return NULL;
}

/* "4G", "500M", "1.5G", "1000000" */
static bool parse_bytes(struct str text, double *bytes)
{
    static const struct {
        char suffix;
        double factor;
    } units[] = {{'K', 1e3}, {'M', 1e6}, {'G', 1e9}, {'T', 1e12}};
    double factor = 1;
    if (str_ends(text, "B") || str_ends(text, "b"))
        text.size--;
    for (size_t i = 0; text.size && i < 4; i++)
        if ((text.data[text.size - 1] & ~0x20) == units[i].suffix) {
            factor = units[i].factor;
            text.size--;
            break;
        }
    return str_to_double(text, bytes) && (*bytes *= factor, true);
}

static bool set_value(struct options *o, const struct option *option, const char *text,
                      struct error *e)
{
    o->given[option - table] = true;
    void *field = (char *)o + option->offset;
    int64_t whole = 0;
    double number = 0;
    bool ok = true;
    switch (option->kind) {
    case FLAG: *(bool *)field = true; return true;
    case TEXT: *(const char **)field = text; return true;
    case INTEGER:
        ok = str_to_int(str_of(text), &whole);
        number = (double)whole;
        break;
    case NUMBER: ok = str_to_double(str_of(text), &number); break;
    case BYTES: ok = parse_bytes(str_of(text), &number); break;
    }
    if (!ok || number < option->least || number > option->most)
        return error_set(e, ERROR_USAGE,
                         _("--%s: '%s' does not fit; wanted is %s between %.10g and "
                           "%.10g"),
                         option->name, text,
                         option->kind == INTEGER ? _("a whole number") : _("a number"),
                         option->least, option->most);
    if (option->kind == INTEGER)
        *(int64_t *)field = whole;
    else if (option->kind == NUMBER)
        *(double *)field = number;
    else
        *(uint64_t *)field = (uint64_t)number;
    return true;
}

static bool take_long(struct options *o, char **argv, int argc, int *i, struct error *e)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
    const struct option *option = find_long(name);
    if (!option)
        return error_set(e, ERROR_USAGE, _("no option --%.*s; see lorabuild --help"),
                         (int)name.size, name.data);
    if (option->kind == FLAG)
        return equals ? error_set(e, ERROR_USAGE, _("--%s takes no value"), option->name)
                      : set_value(o, option, NULL, e);
    if (!equals && *i + 1 >= argc)
        return error_set(e, ERROR_USAGE, _("--%s needs a value: --%s=%s"), option->name,
                         option->name, option->argument);
    return set_value(o, option, equals ? equals + 1 : argv[++*i], e);
}

static bool take_letters(struct options *o, char **argv, int argc, int *i, struct error *e)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const struct option *option = find_letter(*c);
        if (!option)
            return error_set(e, ERROR_USAGE, _("no option -%c; see lorabuild --help"), *c);
        if (option->kind == FLAG) {
            set_value(o, option, NULL, e);
            continue;
        }
        if (c[1])
            return set_value(o, option, c + 1, e);
        if (*i + 1 >= argc)
            return error_set(e, ERROR_USAGE, _("-%c needs a value: -%c %s"), *c, *c,
                             option->argument);
        return set_value(o, option, argv[++*i], e);
    }
    return true;
}

/* An option of another command is a misunderstanding: it must not be passed over in silence. */
static bool check_given(const struct options *o, struct error *e)
{
    bool named = o->word_count && options_is_command(o->words[0]);
    char *command = mem_printf(" %s ", named ? o->words[0] : "build");
    bool ok = true;
    for (size_t i = 0; ok && i < OPTION_COUNT; i++)
        if (o->given[i] && table[i].only && !strstr(table[i].only, command))
            ok = error_set(e, ERROR_USAGE, _("--%s is an option of:%s(not of%.*s)"), table[i].name,
                           table[i].only, (int)strlen(command) - 1, command);
    free(command);
    return ok;
}

bool options_parse(struct options *o, int argc, char **argv, struct error *e)
{
    *o = (struct options){.jobs = 1,
                          .device = "auto",
                          .temperature = 0.7,
                          .top_p = 0.9,
                          .top_k = 40,
                          .repeat_penalty = 1.1,
                          .max_tokens = 400,
                          .seed = 1};
    o->words = mem_array((size_t)argc + 1, sizeof *o->words);
    o->given = mem_array(OPTION_COUNT, sizeof *o->given);
    for (int i = 1; i < argc; i++) {
        bool ok = true;
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                o->words[o->word_count++] = argv[i];
            break;
        }
        if (strncmp(argv[i], "--", 2) == 0)
            ok = take_long(o, argv, argc, &i, e);
        else if (argv[i][0] == '-' && argv[i][1])
            ok = take_letters(o, argv, argc, &i, e);
        else
            o->words[o->word_count++] = argv[i];
        if (!ok)
            return false;
    }
    if (strcmp(o->device, "auto") != 0 && strcmp(o->device, "cpu") != 0)
        return error_set(e, ERROR_USAGE,
                         _("--device %s: this lorabuild computes on the processor "
                           "only; use cpu or auto"),
                         o->device);
    return check_given(o, e);
}

void options_free(struct options *o)
{
    free(o->given);
    free(o->words);
}

void options_print_help(void)
{
    const char *above = "";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("lorabuild %-18s %s\n", commands[i].usage, _(commands[i].help));
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char left[64];
        const char *only = table[i].only ? table[i].only : _(" all of them ");
        if (strcmp(only, above) != 0)
            printf("\n%.*s:\n", (int)strlen(only) - 2, only + 1);
        above = only;
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", table[i].letter ? "-" : " ",
                 table[i].letter ? table[i].letter : ' ', table[i].letter ? ", " : "  ",
                 table[i].name, table[i].argument ? "=" : "",
                 table[i].argument ? table[i].argument : "");
        printf("  %-26s %s\n", left, _(table[i].help));
    }
}

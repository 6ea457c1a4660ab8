#include "lorabuild/commands/reader.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/infer/draft.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_out(void *context, struct str bytes)
{
    (void)context;
    return fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size && fflush(stdout) == 0;
}

/* The words after the name, joined by spaces; or what stands on standard input. */
static bool read_prompt(struct strbuf *prompt, const struct options *o, struct error *e)
{
    enum { LONGEST = 1 << 22 };
    for (int i = 2; i < o->word_count; i++) {
        strbuf_add_text(prompt, i > 2 ? " " : "");
        strbuf_add_text(prompt, o->words[i]);
    }
    if (o->word_count <= 2 && !file_read_fd(prompt, STDIN_FILENO, LONGEST, _("standard input"), e))
        return false;
    if (!str_trim(strbuf_str(prompt)).size)
        return error_set(e, ERROR_USAGE, _("what shall be written? lorabuild draft NAME \"…\""));
    return utf8_valid(strbuf_str(prompt), NULL) ||
           error_set(e, ERROR_USAGE, _("the request is not UTF-8 text"));
}

static bool draft(const struct options *o, const struct rules *r, struct reader *d, struct error *e)
{
    struct strbuf prompt = {0};
    int adapter, version;
    bool ok = reader_choose(r, o->words[1], &adapter, &version, e) && read_prompt(&prompt, o, e) &&
              reader_open(d, r, adapter, command_threads(o), e);
    if (ok && !o->base) {
        ok = reader_load_adapter(d, &r->adapters[adapter], version, &d->adapter, &d->version, e);
        d->has_adapter = ok;
    }
    if (ok) {
        struct draft_request request = {.model = d->model,
                                        .backend = d->backend,
                                        .tokenizer = d->tokenizer,
                                        .chat = o->raw || !d->chat.name ? NULL : &d->chat,
                                        .prompt = o->raw ? strbuf_str(&prompt)
                                                         : str_trim(strbuf_str(&prompt)),
                                        .adapter = d->has_adapter ? &d->adapter : NULL,
                                        .options = {.temperature = o->temperature,
                                                    .top_p = o->top_p,
                                                    .top_k = o->top_k,
                                                    .repeat_penalty = o->repeat_penalty,
                                                    .max_tokens = o->max_tokens,
                                                    .seed = (uint64_t)o->seed},
                                        .write = write_out};
        ok = draft_run(&request, e);
        fputs("\n", stdout);
    }
    strbuf_free(&prompt);
    return ok;
}

int command_draft(const struct options *o)
{
    struct project project;
    struct error e = {0};
    int code = 0;
    if (o->word_count < 2) {
        error_set(&e, ERROR_USAGE, _("which adapter? lorabuild draft NAME \"…\""));
        return command_fail(&e);
    }
    if (!command_open(&project, o, true, &code))
        return code;
    struct reader reader = {0};
    if (!draft(o, project.rules, &reader, &e))
        code = command_fail(&e);
    reader_close(&reader);
    project_close(&project);
    return code;
}

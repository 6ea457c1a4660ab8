#include "lorabuild/formats/pretokenize.h"

#include "lorabuild/common/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

const char pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* What GGUF's tokenizer.ggml.pre may say. "default" is llama.cpp's, also where the key lacks. */
static const struct {
    const char *name;
    const char *patterns[4];
} named[] = {
    {"smollm", {"\\p{N}", pattern_gpt2}},
    {"gpt-2", {pattern_gpt2}},
    {"default",
     {"[\\p{P}\\$\\+<=>\\^~\\|]+",
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", "\\p{N}+",
      "[0-9][0-9][0-9]"}},
};
enum { NAMED = sizeof named / sizeof *named, PATTERNS = sizeof named->patterns / sizeof(char *) };

struct pretokenizer {
    struct step {
        pcre2_code *code; /* NULL: the step that puts a space in front */
        bool jit;
        enum pretokenize_keep keep;
        struct digest name;
    } * steps;
    size_t count;
    pcre2_match_context *limits;
};

struct pretokenizer *pretokenizer_new(void)
{
    struct pretokenizer *p = mem_zalloc(sizeof *p);
    p->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(p->limits, UINT32_MAX); /* texts are long, patterns are simple */
    return p;
}

void pretokenizer_free(struct pretokenizer *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        pcre2_code_free(p->steps[i].code);
    pcre2_match_context_free(p->limits);
    free(p->steps);
    free(p);
}

static struct step *add_step(struct pretokenizer *p)
{
    p->steps = mem_grow(p->steps, p->count + 1, sizeof *p->steps);
    p->steps[p->count] = (struct step){0};
    return &p->steps[p->count++];
}

static bool add_compiled(struct pretokenizer *p, struct str source, uint32_t options,
                         enum pretokenize_keep keep, struct error *e)
{
    int problem;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)source.data, source.size, options | PCRE2_UTF,
                                     &problem, &at, NULL);
    if (!code) {
        char text[200] = "";
        pcre2_get_error_message(problem, (PCRE2_UCHAR *)text, sizeof text);
        return error_set(e, ERROR_INPUT, "the pre-tokenizer's pattern is wrong at %zu: %s",
                         (size_t)at, text);
    }
    struct step *s = add_step(p);
    s->code = code;
    s->jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    s->keep = keep;
    s->name = digest_of(source.data, source.size);
    return true;
}

bool pretokenizer_add_pattern(struct pretokenizer *p, struct str pattern,
                              enum pretokenize_keep keep, struct error *e)
{
    struct strbuf source = {0};
    bool ok = pattern_translate(&source, pattern, e) &&
              add_compiled(p, strbuf_str(&source), PCRE2_UCP, keep, e);
    strbuf_free(&source);
    return ok;
}

bool pretokenizer_add_literal(struct pretokenizer *p, struct str text, enum pretokenize_keep keep,
                              struct error *e)
{
    return add_compiled(p, text, PCRE2_LITERAL, keep, e);
}

void pretokenizer_add_space(struct pretokenizer *p)
{
    add_step(p);
}

bool pretokenizer_add_named(struct pretokenizer *p, struct str name, struct error *e)
{
    struct strbuf known = {0};
    for (size_t i = 0; i < NAMED; i++) {
        if (str_is(name, named[i].name)) {
            bool ok = true;
            for (size_t k = 0; ok && k < PATTERNS && named[i].patterns[k]; k++)
                ok = pretokenizer_add_pattern(p, str_of(named[i].patterns[k]), KEEP_ALL, e);
            strbuf_free(&known);
            return ok;
        }
        strbuf_printf(&known, "%s%s", i ? ", " : "", named[i].name);
    }
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, name);
    error_set(e, ERROR_INPUT, "pre-tokenizer \"%s\" is not supported (supported: %s)",
              shown.data ? shown.data : "", known.data);
    strbuf_free(&shown);
    strbuf_free(&known);
    return false;
}

void pretokenizer_digest(const struct pretokenizer *p, struct digest_stream *s)
{
    digest_add_u64(s, p->count);
    for (size_t i = 0; i < p->count; i++) {
        digest_add_digest(s, p->steps[i].name);
        digest_add_u64(s, (uint64_t)p->steps[i].keep);
    }
}

struct run { /* one call's */
    const struct pretokenizer *p;
    pcre2_match_data *data;
    pretokenize_use *use;
    void *context;
    struct error *e;
};

/* 1: the next match at or behind `from`; 0: none; -1: an error. */
static int match(struct run *r, const struct step *s, struct str text, size_t from)
{
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (s->jit)
        rc = pcre2_jit_match(s->code, (PCRE2_SPTR)text.data, text.size, from, 0, r->data,
                             r->p->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(s->code, (PCRE2_SPTR)text.data, text.size, from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, r->data, r->p->limits);
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return rc >= 0;
    char problem[200] = "";
    pcre2_get_error_message(rc, (PCRE2_UCHAR *)problem, sizeof problem);
    error_set(r->e, ERROR_LIMIT, "the pre-tokenizer's pattern failed: %s", problem);
    return -1;
}

static bool split(struct run *r, size_t step, struct str text);

static bool pass_on(struct run *r, size_t step, struct str text, size_t begin, size_t end)
{
    return begin == end || split(r, step + 1, (struct str){text.data + begin, end - begin});
}

static bool split_at_matches(struct run *r, size_t step, struct str text)
{
    const struct step *s = &r->p->steps[step];
    size_t done = 0, from = 0;
    while (from <= text.size) {
        int found = match(r, s, text, from);
        if (found < 0)
            return false;
        if (!found)
            break;
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->data);
        size_t begin = at[0], end = at[1];
        if ((s->keep != KEEP_MATCHES && !pass_on(r, step, text, done, begin)) ||
            (s->keep != KEEP_GAPS && !pass_on(r, step, text, begin, end)))
            return false;
        done = from = end;
        if (begin == end) { /* an empty match cuts, and the search goes on behind a character */
            if (from == text.size)
                break;
            utf8_next(text, &from);
        }
    }
    return s->keep == KEEP_MATCHES || pass_on(r, step, text, done, text.size);
}

static bool split(struct run *r, size_t step, struct str text)
{
    if (step == r->p->count)
        return r->use(r->context, text);
    if (r->p->steps[step].code)
        return split_at_matches(r, step, text);
    if (text.data[0] == ' ')
        return split(r, step + 1, text);
    struct strbuf spaced = {0};
    strbuf_add_byte(&spaced, ' ');
    strbuf_add_str(&spaced, text);
    bool ok = split(r, step + 1, strbuf_str(&spaced));
    strbuf_free(&spaced);
    return ok;
}

bool pretokenizer_run(const struct pretokenizer *p, struct str text, pretokenize_use *use,
                      void *context, struct error *e)
{
    struct run r = {.p = p, .use = use, .context = context, .e = e};
    r.data = pcre2_match_data_create(1, NULL);
    bool ok = text.size == 0 || split(&r, 0, text);
    pcre2_match_data_free(r.data);
    return ok;
}

/* forgotten/pending: a word and its values a line, texts in hexadecimal (they may hold any byte,
 * and need not stand there in clear), "-" for none:
 *   lorabuild-erasure 1
 *   receipt PATH TEXT
 *   adapter FOLDER CLIENT FLAT LOSES-USE VERSION…
 *   report ADAPTER VERSION            (the number of its line, from 0)
 *   scope CLIENT
 *   captions PATH
 *   name PATH
 *   source DIGEST
 *   content DIGEST
 *   end
 * Paths beneath the rule file's folder are relative to it: the project may be moved meanwhile.
 */
#include "lorabuild/run/erasure.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1 };
#define MOST_BYTES ((size_t)1 << 30)

/* --- Writing. --- */

static void add_hex(struct strbuf *b, const char *text)
{
    strbuf_add_text(b, text && text[0] ? " " : " -");
    for (const char *c = text; c && *c; c++)
        strbuf_printf(b, "%02x", (unsigned)(unsigned char)*c);
}

static void add_path(struct strbuf *b, const struct project *p, const char *path)
{
    const char *root = p->rules->root;
    bool beneath = path_is_beneath(path, root) && strcmp(path, root) != 0;
    const char *rest = beneath ? path + strlen(root) : path;
    while (beneath && *rest == '/')
        rest++;
    add_hex(b, rest);
}

static void add_digests(struct strbuf *b, const char *word, const struct digest_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        char hex[DIGEST_HEX];
        digest_hex(s->items[i], hex);
        strbuf_printf(b, "%s %s\n", word, hex);
    }
}

static void add_texts(struct strbuf *b, const char *word, const char *const *texts, size_t count,
                      const struct project *p)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(b, word);
        if (p)
            add_path(b, p, texts[i]);
        else
            add_hex(b, texts[i]);
        strbuf_add_byte(b, '\n');
    }
}

static void print(struct strbuf *b, const struct erasure *x, const struct project *p)
{
    strbuf_printf(b, "lorabuild-erasure %d\nreceipt", FORMAT);
    add_path(b, p, x->receipt);
    add_hex(b, x->receipt_text);
    strbuf_add_byte(b, '\n');
    for (size_t i = 0; i < x->adapter_count; i++) {
        const struct erasure_adapter *a = &x->adapters[i];
        strbuf_add_text(b, "adapter");
        add_path(b, p, a->folder);
        add_hex(b, a->client);
        strbuf_printf(b, " %d %d", a->flat_output, a->loses_use);
        for (size_t k = 0; k < a->version_count; k++)
            strbuf_printf(b, " %d", a->versions[k]);
        strbuf_add_byte(b, '\n');
    }
    for (size_t i = 0; i < x->adapter_count; i++)
        for (size_t k = 0; k < x->adapters[i].report_count; k++)
            strbuf_printf(b, "report %zu %d\n", i, x->adapters[i].reports[k]);
    add_texts(b, "scope", x->clients, x->client_count, NULL);
    add_texts(b, "captions", x->captions, x->caption_count, p);
    add_texts(b, "name", x->names, x->name_count, NULL);
    add_digests(b, "source", &x->sources);
    add_digests(b, "content", &x->contents);
    strbuf_add_text(b, "end\n");
}

bool erasure_write(const struct erasure *x, const struct project *p, struct error *e)
{
    struct strbuf b = {0};
    bool ok = true;
    print(&b, x, p);
    for (size_t i = 0; ok && i < x->adapter_count; i++) {
        char *folder = path_join(x->adapters[i].folder, "forgotten");
        char *path = path_join(folder, "pending");
        ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&b), 0600, e);
        free(path);
        free(folder);
    }
    strbuf_free(&b);
    return ok;
}

/* --- Reading. --- */

static bool next_word(struct str *line, struct str *word)
{
    const char *space = memchr(line->data, ' ', line->size);
    *word = (struct str){line->data, space ? (size_t)(space - line->data) : line->size};
    size_t taken = word->size + (space != NULL);
    *line = (struct str){line->data + taken, line->size - taken};
    return word->size > 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL in *text: "-". */
static bool take_hex(struct str *line, struct arena *a, const char **text)
{
    struct str word;
    *text = NULL;
    if (!next_word(line, &word))
        return false;
    if (str_is(word, "-"))
        return true;
    char *bytes = arena_alloc(a, word.size / 2 + 1);
    for (size_t i = 0; i + 1 < word.size; i += 2) {
        int high = digit(word.data[i]), low = digit(word.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *text = bytes;
    return word.size % 2 == 0;
}

static bool take_path(struct str *line, struct erasure *x, const struct project *p,
                      const char **path)
{
    const char *text;
    if (!take_hex(line, &x->arena, &text) || !text)
        return false;
    char *whole = path_join(p->rules->root, text);
    *path = arena_strdup(&x->arena, whole);
    free(whole);
    return true;
}

static bool take_number(struct str *line, int *number)
{
    struct str word;
    int64_t n = 0;
    bool ok = next_word(line, &word) && str_to_int(word, &n) && n >= 0 && n < 10000000;
    *number = (int)n;
    return ok;
}

/* Room for one more in a list of the arena's. */
static void *one_more(struct erasure *x, void *list, size_t count, size_t item_bytes)
{
    if (count & (count - 1))
        return list; /* its room is a power of two */
    char *longer = arena_array(&x->arena, count ? 2 * count : 1, item_bytes);
    if (count)
        memcpy(longer, list, count * item_bytes);
    return longer;
}

static bool take_adapter(struct erasure *x, const struct project *p, struct str line)
{
    struct erasure_adapter a = {0};
    int flat, loses, number;
    if (!take_path(&line, x, p, &a.folder) || !take_hex(&line, &x->arena, &a.client) ||
        !take_number(&line, &flat) || !take_number(&line, &loses))
        return false;
    a.flat_output = flat;
    a.loses_use = loses;
    while (line.size) {
        if (!take_number(&line, &number))
            return false;
        a.versions = one_more(x, a.versions, a.version_count, sizeof *a.versions);
        a.versions[a.version_count++] = number;
    }
    x->adapters = one_more(x, x->adapters, x->adapter_count, sizeof *x->adapters);
    x->adapters[x->adapter_count++] = a;
    return true;
}

static bool take_report(struct erasure *x, struct str line)
{
    int adapter, version;
    if (!take_number(&line, &adapter) || (size_t)adapter >= x->adapter_count ||
        !take_number(&line, &version))
        return false;
    struct erasure_adapter *a = &x->adapters[adapter];
    a->reports = one_more(x, a->reports, a->report_count, sizeof *a->reports);
    a->reports[a->report_count++] = version;
    return true;
}

static bool take_text(struct erasure *x, const struct project *p, struct str line,
                      const char ***list, size_t *count)
{
    const char *text;
    if (p ? !take_path(&line, x, p, &text) : !take_hex(&line, &x->arena, &text))
        return false;
    *list = one_more(x, *list, *count, sizeof **list);
    (*list)[(*count)++] = text;
    return true;
}

static bool take_digest(struct digest_set *s, struct str line)
{
    struct digest d;
    if (!digest_from_hex(&d, line))
        return false;
    digest_set_add(s, d);
    return true;
}

static bool take_line(struct erasure *x, const struct project *p, struct str line, bool *ended)
{
    struct str word;
    if (*ended || !next_word(&line, &word))
        return false;
    *ended = str_is(word, "end");
    if (*ended)
        return true;
    if (str_is(word, "receipt"))
        return take_path(&line, x, p, &x->receipt) && take_hex(&line, &x->arena, &x->receipt_text);
    if (str_is(word, "adapter"))
        return take_adapter(x, p, line);
    if (str_is(word, "report"))
        return take_report(x, line);
    if (str_is(word, "scope"))
        return take_text(x, NULL, line, &x->clients, &x->client_count);
    if (str_is(word, "captions"))
        return take_text(x, p, line, &x->captions, &x->caption_count);
    if (str_is(word, "name"))
        return take_text(x, NULL, line, &x->names, &x->name_count);
    if (str_is(word, "source"))
        return take_digest(&x->sources, line);
    return str_is(word, "content") && take_digest(&x->contents, line);
}

static bool parse(struct erasure *x, const struct project *p, struct str text, const char *path,
                  struct error *e)
{
    bool ended = false, ok = true;
    int format = 0;
    for (size_t number = 1; ok && text.size; number++) {
        const char *end = memchr(text.data, '\n', text.size);
        struct str line = {text.data, end ? (size_t)(end - text.data) : text.size}, word, rest;
        rest = line;
        if (number == 1)
            ok = next_word(&rest, &word) && str_is(word, "lorabuild-erasure") &&
                 take_number(&rest, &format);
        else
            ok = take_line(x, p, line, &ended);
        if (ok && format > FORMAT)
            return error_set(e, ERROR_INPUT, _("%s: written by a newer lorabuild"), path);
        text = (struct str){text.data + line.size + (end != NULL),
                            text.size - line.size - (end != NULL)};
    }
    digest_set_seal(&x->sources);
    digest_set_seal(&x->contents);
    return (ok && ended && x->receipt && x->receipt_text) ||
           error_set(e, ERROR_INPUT,
                     _("%s: damaged, so an interrupted 'lorabuild forget' cannot be finished; "
                       "remove it and give the command again"),
                     path);
}

bool erasure_read(struct erasure *x, const struct project *p, const char *folder, bool *there,
                  struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(folder, "forgotten/pending");
    *x = (struct erasure){0};
    *there = access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
    bool ok = !*there ||
              (file_read(&text, path, MOST_BYTES, e) && parse(x, p, strbuf_str(&text), path, e));
    if (!ok)
        erasure_free(x);
    strbuf_free(&text);
    free(path);
    return ok;
}

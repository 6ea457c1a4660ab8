/* The receipt: one page, no script, nothing from the network. It names neither the document nor
 * anything of its text: whoever holds the document and the key can tell that it is meant. */
#include "lorabuild/run/forget.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/html.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>\n"
    "@page { size: A4; margin: 20mm }\n"
    "body { font: 11pt/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em;"
    " color: #111 }\n"
    "h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em }\n"
    "th { text-align: left; vertical-align: top; padding-right: 1.5em; font-weight: 600;"
    " white-space: nowrap }\n"
    "td { vertical-align: top } code { font: 9pt monospace; overflow-wrap: anywhere }\n"
    "li { break-inside: avoid }\n</style>\n</head>\n<body>\n";

static void add_escaped(struct strbuf *b, const char *text)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(text));
    html_add_text(b, strbuf_str(&shown));
    strbuf_free(&shown);
}

static void begin_row(struct strbuf *b, const char *name)
{
    strbuf_printf(b, "<tr><th>%s</th><td>", name);
}

static void end_row(struct strbuf *b)
{
    strbuf_add_text(b, "</td></tr>\n");
}

static void add_time(struct strbuf *b, time_t now)
{
    char text[64];
    struct tm local;
    localtime_r(&now, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
    strbuf_add_text(b, text);
}

/* "v1 (built 2026-11-24)": the history still has the dates when this is written. */
static void add_versions(struct strbuf *b, const struct erasure_adapter *a)
{
    struct lineage_event *events = NULL;
    size_t count = 0;
    lineage_history_read(a->folder, &events, &count, NULL);
    strbuf_add_text(b, "<li>");
    add_escaped(b, path_base(a->folder));
    for (size_t i = 0; i < a->version_count; i++) {
        const char *date = NULL;
        for (size_t k = 0; k < count; k++)
            if (events[k].number == a->versions[i])
                date = events[k].date;
        strbuf_printf(b, "%s v%d", i ? "," : "", a->versions[i]);
        if (date)
            strbuf_printf(b, _(" (built %s)"), date);
    }
    strbuf_add_text(b, "</li>\n");
    free(events);
}

/* Of versions that stay: these never learned it, but their reports named it. */
static void add_reports(struct strbuf *b, const struct erasure_adapter *a)
{
    strbuf_printf(b, "<li>%s ", _("reports of"));
    add_escaped(b, path_base(a->folder));
    for (size_t i = 0; i < a->report_count; i++)
        strbuf_printf(b, "%s v%d", i ? "," : "", a->reports[i]);
    strbuf_printf(b, "%s</li>\n", _(", which named it; these versions never learned it"));
}

static void add_erased(struct strbuf *b, const struct forget *f)
{
    strbuf_printf(b, "<h2>%s</h2>\n<ul>\n", _("Erased"));
    for (size_t n = 0; n < f->list.adapter_count; n++)
        if (f->list.adapters[n].version_count)
            add_versions(b, &f->list.adapters[n]);
    for (size_t n = 0; n < f->list.adapter_count; n++)
        if (f->list.adapters[n].report_count)
            add_reports(b, &f->list.adapters[n]);
    strbuf_printf(b, _("<li>checkpoints: %zu; archives: %zu</li>\n"), f->checkpoints, f->archives);
    strbuf_printf(b, "<li>%s</li>\n</ul>\n",
                  _("the texts as they were read, their captions, and all records of them and of "
                    "their files; the stores were written anew without them"));
}

static void add_remaining(struct strbuf *b, const struct forget *f)
{
    strbuf_printf(b, "<h2>%s</h2>\n<ul>\n", _("In use"));
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        const struct erasure_adapter *a = &f->list.adapters[n];
        strbuf_add_text(b, "<li>");
        add_escaped(b, path_base(a->folder));
        if (f->adapters[n].current && !a->loses_use)
            strbuf_printf(b, _(" v%d: nothing that was erased had any part in it"),
                          f->adapters[n].current);
        else
            strbuf_add_text(b, _(": no version"));
        strbuf_add_text(b, "</li>\n");
    }
    strbuf_add_text(b, "</ul>\n");
}

static void add_beyond(struct strbuf *b, const struct forget *f)
{
    strbuf_printf(b, "<h2>%s</h2>\n<p>%s</p>\n<ul>\n", _("Beyond us"),
                  _("These are not erased by this program:"));
    for (size_t i = 0; i < f->beyond_count; i++) {
        strbuf_add_text(b, "<li>");
        add_escaped(b, f->beyond[i]);
        strbuf_add_text(b, "</li>\n");
    }
    strbuf_printf(b, "<li>%s</li>\n<li>%s</li>\n</ul>\n",
                  _("backups and snapshots of the project's file system, and free blocks of its "
                    "drive"),
                  _("copies that people made of versions, drafts or archives"));
}

static void add_digests(struct strbuf *b, const struct tombstones *keyed, size_t first)
{
    static const char *const kinds[] = {"name", "source", "text"};
    strbuf_printf(b, "<h2>%s</h2>\n<p>%s</p>\n", _("Keyed digests"),
                  _("HMAC-SHA256 under the key in forgotten/key of this adapter: of each "
                    "document's name, of its files and of its texts. By these it is refused if it "
                    "comes back."));
    size_t document = SIZE_MAX;
    for (size_t i = 0; i < keyed->count; i++) {
        char hex[SHA256_HEX];
        if (keyed->items[i].document < first)
            continue;
        if (keyed->items[i].document != document) {
            strbuf_printf(b, "%s<p>%s %zu</p>\n<ul>\n", document == SIZE_MAX ? "" : "</ul>\n",
                          _("Document"), keyed->items[i].document - first + 1);
            document = keyed->items[i].document;
        }
        tombstone_hex(keyed->items[i].digest, hex);
        strbuf_printf(b, "<li>%s <code>%s</code></li>\n", kinds[keyed->items[i].kind], hex);
    }
    if (document != SIZE_MAX)
        strbuf_add_text(b, "</ul>\n");
}

char *forget_receipt(const struct forget *f, const struct tombstones *keyed, size_t first,
                     time_t now)
{
    struct strbuf b = {0};
    char *folder = path_folder(f->list.receipt), *adapter = path_folder(folder);
    strbuf_printf(&b, head, _("Receipt of erasure"));
    strbuf_printf(&b, "<h1>%s</h1>\n<table>\n", _("Receipt of erasure"));
    begin_row(&b, _("Adapter"));
    add_escaped(&b, path_base(adapter));
    end_row(&b);
    begin_row(&b, _("When"));
    add_time(&b, now);
    end_row(&b);
    begin_row(&b, _("Documents"));
    strbuf_printf(&b, "%zu", f->document_count);
    end_row(&b);
    begin_row(&b, _("Samples"));
    strbuf_printf(&b, "%zu", f->samples);
    if (f->staying)
        strbuf_printf(&b,
                      _("; %zu of them stay, because another document that is still there "
                        "holds the same text"),
                      f->staying);
    end_row(&b);
    begin_row(&b, _("Size"));
    strbuf_printf(&b, _("%llu bytes"), (unsigned long long)f->bytes);
    end_row(&b);
    begin_row(&b, _("Program"));
    strbuf_add_text(&b, "lorabuild " LORABUILD_VERSION);
    end_row(&b);
    strbuf_add_text(&b, "</table>\n");
    add_erased(&b, f);
    add_remaining(&b, f);
    add_beyond(&b, f);
    add_digests(&b, keyed, first);
    strbuf_add_text(&b, "</body>\n</html>\n");
    free(adapter);
    free(folder);
    return strbuf_take(&b);
}

#include "lorabuild/stages/report_page.h"

#include "lorabuild/common/html.h"

#include <stdarg.h>
#include <stdio.h>

/* Colours have names, so that a dark screen gets its own; paper is always light. */
static const char colours[] =
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1c1f23;--muted:#5a636e;--rule:#d9dde2;"
    "--hair:#eceff2;--good:#1e6b45;--good-rule:#9cc7b0;--good-paper:#f1f8f4;--warn:#8a5a00;"
    "--warn-rule:#dfc38a;--warn-paper:#fdf8ec;--mark:#fbe9b7;--step:#c3cbd5;--mean:#2b5f94}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e4e7eb;"
    "--muted:#9aa4af;--rule:#353b43;--hair:#262b31;--good:#7fcfa4;--good-rule:#33614a;"
    "--good-paper:#18261f;--warn:#e0b45c;--warn-rule:#6b5426;--warn-paper:#29220f;"
    "--mark:#5a4a14;--step:#465160;--mean:#77aee6}}\n";

static const char style[] =
    "@page{size:A4;margin:16mm 17mm 18mm}\n"
    "*{box-sizing:border-box}\n"
    "html{background:var(--paper);color:var(--ink);font:15px/1.55 'Noto Sans','Segoe UI',"
    "'Helvetica Neue',Arial,'Noto Sans CJK SC','Source Han Sans SC','PingFang SC',"
    "'Microsoft YaHei',sans-serif;-webkit-print-color-adjust:exact;print-color-adjust:exact}\n"
    "body{max-width:760px;margin:0 auto;padding:40px 24px 56px}\n"
    "h1{font-size:30px;font-weight:600;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;"
    "overflow-wrap:anywhere}\n"
    "h2{font-size:17px;font-weight:600;margin:0 0 10px;padding-top:14px;"
    "border-top:1px solid var(--rule)}\n"
    "section{margin-top:30px}\n"
    "p{margin:0 0 10px}\n"
    ".sub{color:var(--muted)}\n"
    ".small{color:var(--muted);font-size:13px;overflow-wrap:anywhere}\n"
    ".verdict{display:flex;gap:14px;align-items:baseline;margin:22px 0 6px}\n"
    ".verdict b{flex:none;font-weight:600;font-size:13px;padding:2px 10px;border-radius:3px;"
    "border:1px solid var(--rule);color:var(--muted);width:9em;text-align:center}\n"
    ".verdict.yes b{color:var(--good);border-color:var(--good-rule);"
    "background:var(--good-paper)}\n"
    ".verdict.no b{color:var(--warn);border-color:var(--warn-rule);"
    "background:var(--warn-paper)}\n"
    ".verdict+.verdict{margin-top:6px}\n"
    ".facts{display:flex;flex-wrap:wrap;margin:22px 0 0;border:1px solid var(--rule);"
    "border-radius:4px}\n"
    ".facts div{flex:1;padding:10px 14px;border-left:1px solid var(--rule)}\n"
    ".facts div:first-child{border-left:0}\n"
    ".facts span{display:block;color:var(--muted);font-size:12.5px}\n"
    ".facts strong{font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}\n"
    "table{border-collapse:collapse;width:100%;font-size:13.5px}\n"
    "table+table{margin-top:22px}\n"
    "th{text-align:left;font-weight:500;color:var(--muted);border-bottom:1px solid var(--rule);"
    "padding:4px 14px 4px 0}\n"
    "td{border-bottom:1px solid var(--hair);padding:5px 14px 5px 0;vertical-align:top;"
    "overflow-wrap:anywhere}\n"
    "th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "code{font:10.5px/1.9 'DejaVu Sans Mono',Consolas,Menlo,monospace;color:var(--muted);"
    "white-space:nowrap}\n"
    ".request{font-weight:600;margin:20px 0 4px;break-after:avoid;overflow-wrap:anywhere}\n"
    ".draft{display:flex;gap:16px;border-top:1px solid var(--hair);padding:8px 0;"
    "break-inside:avoid}\n"
    ".draft .who{flex:none;width:118px;color:var(--muted);font-size:13px;"
    "overflow-wrap:anywhere}\n"
    ".draft .text{flex:1;min-width:0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".draft.own .who{color:var(--good);font-weight:600}\n"
    ".draft .none{color:var(--muted);font-style:italic}\n"
    ".draft .text span{color:var(--muted)}\n"
    ".draft small{display:block;color:var(--warn);font-size:12px;white-space:normal}\n"
    "mark{background:var(--mark);color:inherit;padding:0 1px}\n";

static const char chart_style[] =
    "svg{display:block;width:100%;height:auto;margin:4px 0 8px;font-size:11px;font-family:inherit;"
    "fill:var(--muted)}\n"
    "svg line{stroke:var(--hair)}\n"
    "svg path{fill:none;stroke:var(--step);stroke-linejoin:round}\n"
    "svg path.mean{stroke:var(--mean);stroke-width:2}\n"
    "svg .before{stroke:var(--muted);stroke-dasharray:5 4}\n"
    "svg .limit{stroke:var(--warn);stroke-dasharray:5 4}\n"
    "svg .now{stroke:var(--good)}\n"
    "svg text.before,svg text.limit,svg text.now{stroke:none}\n"
    "svg text.limit{fill:var(--warn)}\n"
    "svg text.now{fill:var(--good)}\n";

static const char last_style[] =
    "footer{margin-top:36px;padding-top:12px;border-top:1px solid var(--rule);"
    "color:var(--muted);font-size:12.5px}\n"
    "@media screen and (max-width:600px){.verdict,.draft{display:block}.verdict "
    "b{margin-right:10px}"
    ".draft .who{width:auto}.facts div{flex:1 0 50%;border:0}"
    "code{white-space:normal;overflow-wrap:anywhere}}\n"
    "@media print{html{font-size:10pt}body{max-width:none;padding:0}section{margin-top:20px}"
    "code{font-size:7.5pt}h2{break-after:avoid}tr,svg,.facts,.verdict{break-inside:avoid}"
    "thead{display:table-header-group}}\n";

/* The page quotes texts and drafts: nothing in them may ever load or run anything. */
static const char policy[] = "<meta http-equiv=\"Content-Security-Policy\" "
                             "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";

void page_begin(struct strbuf *b, const char *title)
{
    strbuf_add_text(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    strbuf_add_text(b, policy);
    strbuf_add_text(b, "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    html_add_text(b, str_of(title));
    strbuf_printf(b, "</title>\n<style>\n%s%s%s%s</style>\n</head>\n<body>\n<header>\n", colours,
                  style, chart_style, last_style);
}

void page_section(struct strbuf *b, const char *title)
{
    strbuf_printf(b, "<section>\n<h2>%s</h2>\n", title);
}

void page_section_end(struct strbuf *b)
{
    strbuf_add_text(b, "</section>\n");
}

void page_end(struct strbuf *b)
{
    strbuf_add_text(b, "</body>\n</html>\n");
}

void page_paragraph(struct strbuf *b, const char *class, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strbuf_printf(b, *class ? "<p class=\"%s\">" : "<p%s>", class);
    html_add_text(b, str_of(text));
    strbuf_add_text(b, "</p>\n");
}

const char *page_number(size_t n, char cell[static PAGE_CELL])
{
    cell[0] = *PAGE_NUMBER;
    cell[1] = '-';
    cell[2] = '\0';
    if (n)
        str_count(n, cell + 1);
    return cell;
}

static void add_cells(struct strbuf *b, const char *const *cells, const char *tag)
{
    strbuf_add_text(b, "<tr>");
    for (; *cells; cells++) {
        bool number = **cells == *PAGE_NUMBER, code = **cells == *PAGE_CODE;
        strbuf_printf(b, "<%s%s>%s", tag, number ? " class=\"n\"" : "", code ? "<code>" : "");
        html_add_text(b, str_of(*cells + (number || code)));
        strbuf_printf(b, "%s</%s>", code ? "</code>" : "", tag);
    }
    strbuf_add_text(b, "</tr>\n");
}

void page_table(struct strbuf *b, const char *const *columns)
{
    strbuf_add_text(b, "<table>\n<thead>");
    add_cells(b, columns, "th");
    strbuf_add_text(b, "</thead>\n<tbody>\n");
}

void page_row(struct strbuf *b, const char *const *cells)
{
    add_cells(b, cells, "td");
}

void page_table_end(struct strbuf *b)
{
    strbuf_add_text(b, "</tbody>\n</table>\n");
}

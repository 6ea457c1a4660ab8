#include "lorabuild/stages/report_page.h"

#include "lorabuild/common/html.h"
#include "lorabuild/common/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char style[] =
    "@page{size:A4;margin:16mm 17mm 18mm}\n"
    "*{box-sizing:border-box}\n"
    "html{background:#fff;color:#1c1f23;font:15px/1.55 'Noto Sans','Segoe UI','Helvetica Neue',"
    "Arial,'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif;"
    "-webkit-print-color-adjust:exact;print-color-adjust:exact}\n"
    "body{max-width:760px;margin:0 auto;padding:40px 24px 56px}\n"
    "h1{font-size:30px;font-weight:600;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}\n"
    "h2{font-size:17px;font-weight:600;margin:0 0 10px;padding-top:14px;"
    "border-top:1px solid #d9dde2}\n"
    "section{margin-top:30px}\n"
    "p{margin:0 0 10px}\n"
    ".sub{color:#5a636e}\n"
    ".small{color:#5a636e;font-size:13px}\n"
    ".verdict{display:flex;gap:14px;align-items:baseline;margin:22px 0 6px}\n"
    ".verdict b{flex:none;font-weight:600;font-size:13px;padding:2px 10px;border-radius:3px;"
    "border:1px solid #c9ced4;color:#3f474f;width:9em;text-align:center}\n"
    ".verdict.yes b{color:#1e6b45;border-color:#9cc7b0;background:#f1f8f4}\n"
    ".verdict.no b{color:#8a5a00;border-color:#dfc38a;background:#fdf8ec}\n"
    ".verdict+.verdict{margin-top:6px}\n"
    ".facts{display:flex;margin:22px 0 0;border:1px solid #d9dde2;border-radius:4px}\n"
    ".facts div{flex:1;padding:10px 14px;border-left:1px solid #d9dde2}\n"
    ".facts div:first-child{border-left:0}\n"
    ".facts span{display:block;color:#5a636e;font-size:12.5px}\n"
    ".facts strong{font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}\n"
    "table{border-collapse:collapse;width:100%;font-size:13.5px}\n"
    "th{text-align:left;font-weight:500;color:#5a636e;border-bottom:1px solid #c9ced4;"
    "padding:4px 14px 4px 0}\n"
    "td{border-bottom:1px solid #eceff2;padding:5px 14px 5px 0;vertical-align:top;"
    "overflow-wrap:anywhere}\n"
    "th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "code{font:12px/1.5 'DejaVu Sans Mono',Consolas,Menlo,monospace;color:#3f474f;"
    "overflow-wrap:anywhere}\n"
    ".request{font-weight:600;margin:20px 0 4px;break-after:avoid;overflow-wrap:anywhere}\n"
    ".draft{display:flex;gap:16px;border-top:1px solid #eceff2;padding:8px 0;break-inside:avoid}\n"
    ".draft .who{flex:none;width:118px;color:#5a636e;font-size:13px;overflow-wrap:anywhere}\n"
    ".draft .text{flex:1;min-width:0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".draft.own .who{color:#1e6b45;font-weight:600}\n"
    ".draft .none{color:#5a636e;font-style:italic}\n"
    ".draft small{display:block;color:#8a5a00;font-size:12px;white-space:normal}\n"
    "mark{background:#fbe9b7;color:inherit;padding:0 1px}\n"
    "svg{display:block;width:100%;height:auto;margin:4px 0 8px}\n"
    "footer{margin-top:36px;padding-top:12px;border-top:1px solid #d9dde2;color:#5a636e;"
    "font-size:12.5px}\n"
    "@media print{html{font-size:10pt}body{max-width:none;padding:0}section{margin-top:20px}"
    "h2{break-after:avoid}tr,svg,.facts{break-inside:avoid}thead{display:table-header-group}}\n";

void page_begin(struct strbuf *b, const char *title)
{
    strbuf_add_text(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    html_add_text(b, str_of(title));
    strbuf_printf(b, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n", style);
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

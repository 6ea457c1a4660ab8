#include "lorabuild/stages/report_parts.h"

#include "lorabuild/common/digest.h"

#include <stdio.h>

void report_add_recipe(struct report *p)
{
    json_t *recipe = recipe_to_json(&p->job->recipe), *value;
    const json_t *origins = json_object_get(p->plan, "origins");
    page_section(&p->page, "Recipe");
    page_table(&p->page, (const char *[]){"setting", "value", "from", NULL});
    for (size_t i = 0; i < recipe_key_count; i++) {
        const char *name = recipe_keys[i].name, *origin = report_text(origins, name);
        struct strbuf text = {0};
        if (!(value = json_object_get(recipe, name)))
            continue;
        if (json_is_string(value))
            strbuf_add_text(&text, json_string_value(value));
        else
            json_write(&text, value, false);
        while (text.size && text.data[text.size - 1] == '\n')
            text.data[--text.size] = '\0';
        page_row(&p->page, (const char *[]){name, text.data ? text.data : "",
                                            *origin ? origin : "default", NULL});
        strbuf_free(&text);
    }
    page_table_end(&p->page);
    page_section_end(&p->page);
    json_decref(recipe);
}

static void digest_row(struct report *p, const char *name, const char *value, const char *digest)
{
    char code[80];
    snprintf(code, sizeof code, PAGE_CODE "%s", digest);
    page_row(&p->page, (const char *[]){name, value, code, NULL});
}

static void version_row(struct report *p, const char *name, const char *adapter, size_t number,
                        const char *digest)
{
    char text[REPORT_TEXT];
    snprintf(text, sizeof text, "%s v%zu", adapter, number);
    digest_row(p, name, text, digest);
}

static void add_made_from(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent");
    const json_t *numerics = json_object_get(p->manifest, "numerics");
    char hex[DIGEST_HEX], text[REPORT_TEXT];
    size_t ancestor = report_number(p->manifest, "ancestor");
    page_table(&p->page, (const char *[]){"", "", "XXH3-128", NULL});
    digest_row(p, "base model", report_text(p->manifest, "base"),
               report_text(p->manifest, "base_digest"));
    if (json_is_object(parent))
        version_row(p, "over", report_text(parent, "name"), report_number(parent, "version"),
                    report_text(parent, "artifact"));
    if (ancestor)
        version_row(p, "continued from", p->job->adapter_name, ancestor, "");
    digest_row(p, "samples", "all that were wanted", report_text(p->manifest, "set"));
    digest_row(p, "recipe", "", report_text(p->manifest, "recipe_digest"));
    digest_hex(p->r->artifact, hex);
    digest_row(p, "weights trained", "", hex);
    snprintf(text, sizeof text, "%s on %s, %s", report_text(numerics, "compute"),
             report_text(numerics, "instruction_set"), report_text(numerics, "onednn"));
    digest_row(p, "computed in", text, "");
    page_table_end(&p->page);
}

static void add_files(struct report *p)
{
    const char *name;
    json_t *file, *files = (json_t *)(uintptr_t)p->files;
    page_table(&p->page, (const char *[]){"file", PAGE_NUMBER "bytes", "SHA-256", NULL});
    json_object_foreach (files, name, file) {
        char size[PAGE_CELL], code[SHA256_HEX + 2];
        snprintf(code, sizeof code, PAGE_CODE "%s", report_text(file, "sha256"));
        page_row(&p->page, (const char *[]){name, page_number(report_number(file, "size"), size),
                                            code, NULL});
    }
    page_table_end(&p->page);
}

void report_add_origin(struct report *p)
{
    page_section(&p->page, "Origin and digests");
    add_made_from(p);
    add_files(p);
    page_section_end(&p->page);
}

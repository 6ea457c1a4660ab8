/* A project in a folder of its own: the test's current folder from project_open() on. */
#ifndef TESTS_UNIT_RULES_PROJECT_H
#define TESTS_UNIT_RULES_PROJECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "rules/rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct project {
    char folder[64];
    struct strbuf report;
    struct error e;
    struct rules *rules;
};

static inline void project_open(struct project *p)
{
    *p = (struct project){.folder = "/tmp/lorabuild-rules-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    assert_int_equal(chdir(p->folder), 0);
}

static inline void project_forget(struct project *p)
{
    rules_free(p->rules);
    strbuf_free(&p->report);
    p->rules = NULL;
    p->e = (struct error){0};
}

static inline void project_close(struct project *p)
{
    project_forget(p);
    assert_int_equal(chdir("/"), 0);
    assert_true(folder_remove(p->folder, NULL));
}

static inline void project_folders(const char *const *folders)
{
    for (size_t i = 0; folders[i]; i++)
        assert_true(folder_make(folders[i], 0755, NULL));
}

static inline void project_bytes(const char *path, const char *bytes, size_t n)
{
    char *folder = path_folder(path);
    assert_true(folder_make(folder, 0755, NULL));
    assert_true(file_replace(path, (struct str){bytes, n}, 0644, NULL));
    free(folder);
}

static inline void project_file(const char *path, const char *text)
{
    project_bytes(path, text, strlen(text));
}

static inline void project_link(const char *target, const char *path)
{
    assert_int_equal(symlink(target, path), 0);
}

/* Loads `text` as lorabuild.yaml. */
static inline struct rules *project_load(struct project *p, const char *text)
{
    project_forget(p);
    project_file("lorabuild.yaml", text);
    p->rules = rules_load("lorabuild.yaml", &p->report, &p->e);
    return p->rules;
}

static inline const char *project_report(const struct project *p)
{
    return p->report.data ? p->report.data : "";
}

/* The file is refused with exactly this report and last line. */
static inline void project_refuses(struct project *p, const char *text, const char *report,
                                   const char *last)
{
    assert_null(project_load(p, text));
    assert_string_equal(project_report(p), report);
    assert_string_equal(p->e.message, last);
    assert_int_equal(p->e.kind, ERROR_USAGE);
}

/* The file is refused, and this stands somewhere in the report. */
static inline void project_says(struct project *p, const char *text, const char *words)
{
    assert_null(project_load(p, text));
    if (!strstr(project_report(p), words))
        assert_string_equal(project_report(p), words);
}

/* The file is taken without a word. */
static inline struct rules *project_takes(struct project *p, const char *text)
{
    struct rules *r = project_load(p, text);
    assert_string_equal(project_report(p), "");
    assert_non_null(r);
    return r;
}

static inline const struct rule_adapter *project_adapter(const struct rules *r, const char *name)
{
    int adapter, group;
    assert_true(rules_target(r, name, &adapter, &group, NULL));
    assert_true(adapter >= 0);
    return &r->adapters[adapter];
}

#endif

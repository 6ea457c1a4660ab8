#include "lorabuild/data/read.h"

#include "lorabuild/common/file.h"
#include "lorabuild/data/cut.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *suffix, *reason;
} unread_kinds[] = {
    {".pdf", "documents of this kind are not read yet"},
    {".docx", "documents of this kind are not read yet"},
    {".doc", "documents of this kind are not read yet"},
    {".wps", "documents of this kind are not read yet"},
    {".odt", "documents of this kind are not read yet"},
    {".rtf", "documents of this kind are not read yet"},
    {".html", "documents of this kind are not read yet"},
    {".htm", "documents of this kind are not read yet"},
    {".epub", "documents of this kind are not read yet"},
    {".pptx", "slides are not read yet"},
    {".ppt", "slides are not read yet"},
    {".xlsx", "spreadsheets are not read"},
    {".xls", "spreadsheets are not read"},
    {".et", "spreadsheets are not read"},
    {".ods", "spreadsheets are not read"},
    {".csv", "spreadsheets are not read"},
    {".tsv", "spreadsheets are not read"},
    {".json", "not read: a .jsonl holds one record a line"},
    {".png", "pictures are not read"},
    {".jpg", "pictures are not read"},
    {".jpeg", "pictures are not read"},
    {".webp", "pictures are not read"},
    {".gif", "pictures are not read"},
    {".tif", "pictures are not read"},
    {".tiff", "pictures are not read"},
    {".bmp", "pictures are not read"},
    {".svg", "pictures are not read"},
    {".zip", "archives are not read"},
    {".gz", "archives are not read"},
    {".7z", "archives are not read"},
    {".rar", "archives are not read"},
    {".tar", "archives are not read"},
    {".zst", "archives are not read"},
};

static const struct str ignored[] = {
    {"Thumbs.db", 9}, {"desktop.ini", 11}, {"metadata.csv", 12}, {"captions.html", 13}};

static bool is_ignored(const char *base)
{
    size_t n = strlen(base);
    if (base[0] == '.' || strncmp(base, "~$", 2) == 0)
        return true;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        if (n == ignored[i].size && strcasecmp(base, ignored[i].data) == 0)
            return true;
    if (n > 13 && strcasecmp(base + n - 13, ".metadata.csv") == 0)
        return true; /* of a dataset that is one file, or whose folder cannot be written */
    /* what file_replace() leaves when it is killed */
    return n > 4 && strcmp(base + n - 4, ".tmp") == 0 && strstr(base, "metadata.csv.");
}

/* Is a folder on the way hidden? */
static bool in_hidden_folder(const char *path)
{
    if (path[0] != '.' && !strstr(path, "/."))
        return false;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(path, '/')) {
        if (path[0] == '.' && slash - path > 1 && strncmp(path, "../", 3) != 0)
            return true;
        path = slash + 1;
    }
    return false;
}

bool read_is_source(const char *path, const char **reason)
{
    enum document_kind kind;
    const char *base = path_base(path), *dot = strrchr(base, '.');
    *reason = NULL;
    if (is_ignored(base) || in_hidden_folder(path))
        return false;
    if (cut_kind(path, &kind))
        return true;
    *reason = "files of this kind are not read";
    for (size_t i = 0; dot && i < sizeof unread_kinds / sizeof unread_kinds[0]; i++)
        if (strcasecmp(dot, unread_kinds[i].suffix) == 0)
            *reason = unread_kinds[i].reason;
    return false;
}

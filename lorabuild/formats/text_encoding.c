#include "lorabuild/formats/text_encoding.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <uchardet/uchardet.h>

/* Byte order marks, longest first. */
static const struct {
    const char *bytes;
    size_t size;
    const char *encoding;
} marks[] = {
    {"\xFF\xFE\0\0", 4, "UTF-32LE"}, {"\0\0\xFE\xFF", 4, "UTF-32BE"}, {"\xEF\xBB\xBF", 3, "UTF-8"},
    {"\xFF\xFE", 2, "UTF-16LE"},     {"\xFE\xFF", 2, "UTF-16BE"},
};

/* What uchardet may say, our name for it, and the iconv table that holds what such files really
 * contain (Windows' supersets). */
static const struct candidate {
    const char *guess, *encoding, *table;
    bool is_wide; /* of several bytes a character: a rule that random text does not meet */
} candidates[] = {
    {"GB18030", "GB18030", "GB18030", true},
    {"BIG5", "BIG5", "BIG5", true},
    {"SHIFT_JIS", "SHIFT_JIS", "CP932", true},
    {"EUC-JP", "EUC-JP", "EUC-JP", true},
    {"EUC-KR", "EUC-KR", "UHC", true},
    {"UHC", "EUC-KR", "UHC", true},
    {"WINDOWS-1250", "WINDOWS-1250", "CP1250", false},
    {"WINDOWS-1251", "WINDOWS-1251", "CP1251", false},
    {"WINDOWS-1252", "WINDOWS-1252", "CP1252", false},
    {"WINDOWS-1253", "WINDOWS-1253", "CP1253", false},
    {"ISO-8859-1", "WINDOWS-1252", "CP1252", false},
    {"ISO-8859-2", "ISO-8859-2", "ISO-8859-2", false},
    {"ISO-8859-5", "ISO-8859-5", "ISO-8859-5", false},
    {"ISO-8859-15", "ISO-8859-15", "ISO-8859-15", false},
    {"KOI8-R", "KOI8-R", "KOI8-R", false},
};

/* Adds all of `bytes` as UTF-8, or stops at the first that `table` does not define. */
static bool convert(struct strbuf *out, struct str bytes, const char *table, size_t *bad_at)
{
    char block[4096], *from = (char *)(uintptr_t)bytes.data;
    size_t left = bytes.size;
    iconv_t converter = iconv_open("UTF-8", table);
    *bad_at = 0;
    if (converter == (iconv_t)-1)
        return false;
    bool ok = true;
    while (ok && left) {
        char *to = block;
        size_t room = sizeof block;
        ok = iconv(converter, &from, &left, &to, &room) != (size_t)-1 || errno == E2BIG;
        strbuf_add(out, block, sizeof block - room);
    }
    iconv_close(converter);
    *bad_at = bytes.size - left;
    return ok;
}

/* Adds UTF-8 with "\n" for CRLF and CR, without a mark in front. */
static void add_clean(struct strbuf *out, struct str text)
{
    size_t at = 0;
    while (text.size - at >= 3 && memcmp(text.data + at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (at < text.size) {
        const char *cr = memchr(text.data + at, '\r', text.size - at);
        size_t end = cr ? (size_t)(cr - text.data) : text.size;
        strbuf_add(out, text.data + at, end - at);
        if (cr)
            strbuf_add_byte(out, '\n');
        at = end + 1;
        if (cr && at < text.size && text.data[at] == '\n')
            at++;
    }
}

/* The line of the byte behind `before`. */
static size_t line_after(struct str before)
{
    size_t line = 1;
    for (size_t i = 0; i < before.size; i++)
        line += before.data[i] == '\n' ||
                (before.data[i] == '\r' && (i + 1 == before.size || before.data[i + 1] != '\n'));
    return line;
}

static bool refuse(struct str bytes, size_t at, const char *why, const char *shown_as,
                   struct error *e)
{
    return error_at(e, ERROR_INPUT, shown_as, line_after((struct str){bytes.data, at}), 0,
                    "%s at byte %zu", why, at);
}

static bool decode_marked(struct strbuf *out, struct str bytes, const char *encoding,
                          const char *shown_as, struct error *e)
{
    struct strbuf text = {0};
    size_t bad_at;
    bool ok = convert(&text, bytes, encoding, &bad_at);
    if (ok)
        add_clean(out, strbuf_str(&text));
    else
        error_at(e, ERROR_INPUT, shown_as, line_after(strbuf_str(&text)), 0,
                 "not valid %s at byte %zu", encoding, bad_at);
    strbuf_free(&text);
    return ok;
}

/* Has no control character but white space. */
static bool is_plausible(struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 && !memchr("\t\n\v\f\r\x1A", text.data[i], 6))
            return false;
    return true;
}

/* Files with NUL bytes: UTF-16 without a mark, or no text. ASCII has a NUL in every other byte
 * there, and Chinese at least in its line ends; a lone NUL within ASCII or UTF-8 is neither. */
static bool decode_with_nuls(struct strbuf *out, struct str bytes, size_t nul_at,
                             const char *shown_as, const char **encoding, struct error *e)
{
    size_t nuls[2] = {0, 0}, bad_at;
    struct strbuf text = {0};
    for (size_t i = 0; i < bytes.size; i++)
        nuls[i % 2] += bytes.data[i] == '\0';
    *encoding = nuls[1] >= nuls[0] ? "UTF-16LE" : "UTF-16BE";
    bool is_dense = 4 * (nuls[0] + nuls[1]) >= bytes.size;
    bool ok = bytes.size % 2 == 0 && (is_dense || !utf8_valid(bytes, NULL)) &&
              convert(&text, bytes, *encoding, &bad_at) && is_plausible(strbuf_str(&text));
    if (ok)
        add_clean(out, strbuf_str(&text));
    else
        refuse(bytes, nul_at, "not text: a NUL", shown_as, e);
    strbuf_free(&text);
    return ok;
}

/* Is this UTF-8 with an accident in it, rather than another encoding? Where most characters of
 * several bytes are whole, or the file's only fault is a character cut at its end. */
static bool is_damaged_utf8(struct str bytes)
{
    size_t whole = 0, faults = 0, fault_at = 0, at = 0;
    bool in_fault = false;
    while (at < bytes.size) {
        size_t before = at;
        bool is_bad = utf8_next(bytes, &at) < 0;
        whole += !is_bad && at - before > 1;
        if (is_bad && !in_fault) {
            faults++;
            fault_at = before;
        }
        in_fault = is_bad;
    }
    bool is_cut = faults == 1 && in_fault && (whole || bytes.size - fault_at > 1) &&
                  (unsigned char)bytes.data[fault_at] >= 0xC2 && bytes.size - fault_at < 4;
    for (size_t i = fault_at + 1; is_cut && i < bytes.size; i++)
        is_cut = ((unsigned char)bytes.data[i] & 0xC0) == 0x80;
    return is_cut || (whole > 0 && whole >= 4 * faults);
}

/* Does it read as Chinese in GB 18030: nine in ten characters from GB 2312's first level (the
 * 3,755 most used, rows B0 to D7) or its punctuation and full-width rows (A1 to A3)? */
static bool is_likely_gb18030(struct str bytes)
{
    const unsigned char *b = (const unsigned char *)bytes.data;
    size_t total = 0, common = 0;
    for (size_t i = 0; i < bytes.size; total++) {
        while (i < bytes.size && b[i] < 0x80)
            i++;
        if (i == bytes.size)
            break;
        if (i + 1 == bytes.size)
            return false;
        bool is_usual_row = (b[i] >= 0xB0 && b[i] <= 0xD7) || (b[i] >= 0xA1 && b[i] <= 0xA3);
        common += is_usual_row && b[i + 1] >= 0xA1;
        i += b[i + 1] >= 0x30 && b[i + 1] <= 0x39 ? 4 : 2;
    }
    return total > 0 && common * 10 >= total * 9;
}

static const struct candidate *candidate_for(const char *guess)
{
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (strcmp(candidates[i].guess, guess) == 0)
            return &candidates[i];
    return NULL;
}

static const struct candidate *ask_uchardet(struct str bytes)
{
    enum { ENOUGH = 1 << 20 };
    uchardet_t u = uchardet_new();
    const struct candidate *c = NULL;
    if (uchardet_handle_data(u, bytes.data, bytes.size < ENOUGH ? bytes.size : ENOUGH) == 0) {
        uchardet_data_end(u);
        c = candidate_for(uchardet_get_charset(u));
    }
    uchardet_delete(u);
    return c;
}

/* The encodings to try, the likeliest first. A guess from few bytes is worth less than the
 * likeliest two for our users. */
static size_t order_candidates(const struct candidate *order[static 4], struct str bytes)
{
    enum { FEW = 48 };
    const struct candidate *guess = ask_uchardet(bytes), *latin = candidate_for("WINDOWS-1252");
    bool is_gb = is_likely_gb18030(bytes);
    size_t high = 0, n = 0;
    for (size_t i = 0; i < bytes.size; i++)
        high += (unsigned char)bytes.data[i] >= 0x80;
    bool is_sure = guess && high >= FEW && (guess->is_wide || !is_gb);
    if (is_sure)
        order[n++] = guess;
    if (is_gb)
        order[n++] = candidate_for("GB18030");
    if (guess && guess->is_wide && !is_sure)
        order[n++] = guess;
    order[n++] = latin;
    return n;
}

static bool decode_legacy(struct strbuf *out, struct str bytes, size_t bad_at, const char *shown_as,
                          const char **encoding, struct error *e)
{
    const struct candidate *order[4];
    size_t n = order_candidates(order, bytes), at;
    if (is_damaged_utf8(bytes))
        return refuse(bytes, bad_at, "damaged UTF-8", shown_as, e);
    for (size_t i = 0; i < n && is_plausible(bytes); i++) {
        struct strbuf text = {0};
        bool ok = convert(&text, bytes, order[i]->table, &at);
        if (ok)
            add_clean(out, strbuf_str(&text));
        strbuf_free(&text);
        *encoding = order[i]->encoding;
        if (ok)
            return true;
    }
    return refuse(bytes, bad_at, "not text in any known encoding", shown_as, e);
}

bool text_decode(struct strbuf *out, struct str bytes, const char *shown_as, const char **encoding,
                 struct error *e)
{
    size_t bad_at = 0;
    *encoding = "UTF-8";
    if (bytes.size == 0)
        return true;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (bytes.size < marks[i].size || memcmp(bytes.data, marks[i].bytes, marks[i].size) != 0 ||
            (marks[i].size == 4 && bytes.size % 4))
            continue;
        *encoding = marks[i].encoding;
        return decode_marked(out, bytes, *encoding, shown_as, e);
    }
    const char *nul = memchr(bytes.data, '\0', bytes.size);
    if (nul)
        return decode_with_nuls(out, bytes, (size_t)(nul - bytes.data), shown_as, encoding, e);
    if (!utf8_valid(bytes, &bad_at))
        return decode_legacy(out, bytes, bad_at, shown_as, encoding, e);
    add_clean(out, bytes);
    return true;
}

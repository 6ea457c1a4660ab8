/* text_encoding: bytes of unknown encoding to clean UTF-8.
 *
 * A byte order mark decides; else valid UTF-8 is UTF-8; else UTF-16 by its NUL bytes; else
 * uchardet's guess where there is enough to guess from, GB 18030 where that reads as everyday
 * Chinese, Windows-1252, whichever first defines every byte. UTF-8 with an accident in it (a
 * character cut off, a stray byte) is not taken for another encoding but refused.
 * iconv loads its tables from the C library's folder: a sandbox must leave that readable.
 */
#ifndef LORABUILD_FORMATS_TEXT_ENCODING_H
#define LORABUILD_FORMATS_TEXT_ENCODING_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

/* Adds `bytes` to `out` as UTF-8 without byte order mark, line ends as "\n". `encoding` gets the
 * name of what was found ("UTF-8", "UTF-16LE", "GB18030", "WINDOWS-1252", …); static storage.
 * What cannot be decoded, or is binary, is ERROR_INPUT at shown_as:line with the byte's offset.
 * U+FFFD is never made up. */
bool text_decode(struct strbuf *out, struct str bytes, const char *shown_as, const char **encoding,
                 struct error *e);

#endif

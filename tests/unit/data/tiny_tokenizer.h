/* A byte-level tokenizer of 256 bytes, a few merges and ChatML's control tokens, written to a
 * folder and opened as a model's would be. `with_bos`: a BOS token stands before every text. */
#ifndef TESTS_TINY_TOKENIZER_H
#define TESTS_TINY_TOKENIZER_H

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/tokenizer_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TINY_EOS = 256, TINY_START, TINY_END, TINY_BOS };

/* The character that byte-level vocabularies write for a byte. */
static uint32_t tiny_symbol(int byte)
{
    uint32_t odd = 256;
    for (int b = 0; b < 256; b++) {
        bool plain = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        if (b == byte)
            return plain ? (uint32_t)b : odd;
        odd += !plain;
    }
    return 0;
}

static void tiny_add_symbols(struct strbuf *b, const char *bytes)
{
    for (; *bytes; bytes++) {
        uint32_t c = tiny_symbol((unsigned char)*bytes);
        if (c == '"' || c == '\\')
            strbuf_add_byte(b, '\\');
        utf8_add(b, c);
    }
}

static char *tiny_json(bool with_bos)
{
    static const char *const merges[][2] = {{"\n", "\n"}, {" ", "t"}, {" t", "h"}, {" th", "e"},
                                            {".", "\n"},  {"a", "n"}, {"i", "n"}};
    static const char *const controls[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"};
    enum { MERGES = sizeof merges / sizeof merges[0] };
    struct strbuf b = {0};
    strbuf_add_text(&b, "{\"added_tokens\":[");
    for (int i = 0; i < 4; i++)
        strbuf_printf(&b,
                      "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                      "\"rstrip\":false,\"normalized\":false,\"special\":true}",
                      i ? "," : "", TINY_EOS + i, controls[i]);
    strbuf_add_text(&b, "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                        "\"add_prefix_space\":false,\"use_regex\":true},");
    if (with_bos)
        strbuf_add_text(&b, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
                            "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},"
                            "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]},");
    strbuf_add_text(&b, "\"decoder\":{\"type\":\"ByteLevel\"},"
                        "\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int i = 0; i < 256; i++) {
        uint32_t c = tiny_symbol(i);
        strbuf_add_text(&b, i ? ",\"" : "\"");
        if (c == '"' || c == '\\')
            strbuf_add_byte(&b, '\\');
        utf8_add(&b, c);
        strbuf_printf(&b, "\":%d", i);
    }
    for (int i = 0; i < 4; i++)
        strbuf_printf(&b, ",\"%s\":%d", controls[i], TINY_EOS + i);
    for (int i = 0; i < MERGES; i++) {
        strbuf_add_text(&b, ",\"");
        tiny_add_symbols(&b, merges[i][0]);
        tiny_add_symbols(&b, merges[i][1]);
        strbuf_printf(&b, "\":%d", TINY_EOS + 4 + i);
    }
    strbuf_add_text(&b, "},\"merges\":[");
    for (int i = 0; i < MERGES; i++) {
        strbuf_add_text(&b, i ? ",[\"" : "[\"");
        tiny_add_symbols(&b, merges[i][0]);
        strbuf_add_text(&b, "\",\"");
        tiny_add_symbols(&b, merges[i][1]);
        strbuf_add_text(&b, "\"]");
    }
    strbuf_add_text(&b, "]}}");
    return strbuf_take(&b);
}

static struct tokenizer *tiny_tokenizer(bool with_bos)
{
    char folder[] = "/tmp/tiny.XXXXXX";
    struct error e = {0};
    char *json = tiny_json(with_bos);
    if (!mkdtemp(folder))
        abort();
    char *path = path_join(folder, "tokenizer.json");
    char *config = path_join(folder, "tokenizer_config.json");
    struct tokenizer *t = NULL;
    if (file_replace(path, str_of(json), 0600, &e) &&
        file_replace(config, STR("{\"eos_token\":\"<|endoftext|>\",\"bos_token\":\"<s>\"}"), 0600,
                     &e))
        t = tokenizer_open_folder(folder, NULL, &e);
    if (!t)
        fprintf(stderr, "%s\n", e.message);
    free(config);
    free(path);
    free(json);
    folder_remove(folder, NULL);
    return t;
}

#endif

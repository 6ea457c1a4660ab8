/* records: one JSON value of a .jsonl to what is learned from it. The shape is found by content:
 *
 *   {"text"}                                    plain text
 *   {"prompt", "completion"}                    a conversation of two
 *   {"messages": [{"role", "content"}, …]}      content is text, or a list of text parts
 *   {"instruction", "input", "output"}          alpaca; `system` and `input` may be absent
 *   {"conversations": [{"from", "value"}, …]}   sharegpt; human|user, gpt|assistant, system
 *
 * Other members are ignored. Nothing is turned into text that was not text.
 */
#ifndef LORABUILD_DATA_RECORDS_H
#define LORABUILD_DATA_RECORDS_H

#include "lorabuild/common/json.h"
#include "lorabuild/data/sample.h"

/* Adds the text, or the canonical JSON of the conversation, to `out`; `out` stays empty where
 * {"text"} is blank. false: `problem` says which field and what was found there. */
bool record_read(struct strbuf *out, enum sample_kind *kind, const json_t *record,
                 struct strbuf *problem);

#endif

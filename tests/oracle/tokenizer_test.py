"""Our ids against the `tokenizers` library and llama.cpp, on the real vocabulary of SmolLM2.

usage: tokenizer_test.py [COUNT]. Needs `make tools`; LORABUILD_TOOLS names their folder.
"""
import base64
import json
import os
import pathlib
import random
import subprocess
import tempfile
import sys
import time
import unicodedata
import urllib.request

import gguf
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import adversarial

CACHE = pathlib.Path(os.environ.get("LORABUILD_CACHE", "~/.cache/lorabuild")).expanduser()
MODEL = CACHE / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
PROGRAM = pathlib.Path(os.environ.get("LORABUILD", "build/default/lorabuild"))
TOOL = pathlib.Path(os.environ.get("LORABUILD_TOOLS", PROGRAM.parent / "tools")) / "tokenize"
CONTROL, USER_DEFINED = 3, 4


def ours(texts, model=MODEL):
    return [[int(i) for i in line.split()] for line in answers_of_tool(texts, model)]


def answers_of_tool(values, model):
    lines = "".join(json.dumps(v) + "\n" for v in values)
    done = subprocess.run([TOOL, str(model)], input=lines.encode(), stdout=subprocess.PIPE,
                          check=True)
    return done.stdout.decode().split("\n")[:-1]


def library(path=MODEL):
    """The tokenizers library's pipeline out of the GGUF's own vocabulary and merges."""
    fields = gguf.GGUFReader(str(path)).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents()
    tokens, types = get("tokens"), get("token_type")
    merges = [tuple(m.split(" ")) for m in get("merges")]
    t = tokenizers.Tokenizer(models.BPE({s: i for i, s in enumerate(tokens)}, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([s for s, k in zip(tokens, types) if k == CONTROL])
    t.add_tokens([s for s, k in zip(tokens, types) if k == USER_DEFINED])
    t.encode_special_tokens = True  # their spelling in a text is text
    return t


class LlamaCpp:
    def __init__(self, path=MODEL):
        import xllamacpp
        p = xllamacpp.CommonParams()
        p.model.path, p.n_ctx, p.warmup = str(path), 64, False
        self.server = xllamacpp.Server(p)

    def ids(self, text):
        body = json.dumps(dict(content=text, add_special=False, parse_special=False)).encode()
        url = self.server.listening_address + "/tokenize"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))["tokens"]


def compare(name, texts, wanted, got):
    bad = [(t, w, g) for t, w, g in zip(texts, wanted, got) if w != g]
    for text, want, have in bad[:12]:
        print(f"  {name}: {text[:60]!r}\n    want {want[:24]}\n    have {have[:24]}")
    print(f"{name}: {len(texts) - len(bad)} of {len(texts)} texts equal")
    return len(bad)


def every_character(theirs):
    """Each assigned character between letters, spaces and digits; the deviations are returned."""
    chars = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) != "Cs"]
    frames = [f"a{c}{c} {c}1 " for c in chars]
    wanted = [e.ids for e in theirs.encode_batch(frames, add_special_tokens=False)]
    return [c for c, w, g in zip(chars, wanted, ours(frames)) if w != g]


def missing_bytes(theirs):
    """Bytes that the vocabulary lacks. All leave them out; llama.cpp then does not merge across."""
    alphabet = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    spelling = lambda c: alphabet.pre_tokenize_str(c)[0][0]
    return {c for c in map(chr, range(128)) if theirs.token_to_id(spelling(c)) is None}


def large_texts():
    """Lines and words of megabytes (T07)."""
    rng = random.Random(7)
    words = [w for w in adversarial.WORDS if "\n" not in w]
    line = [rng.choice(words) + " " for _ in range(700000)]
    return ["a" * 200000, " " * 200000, "ab" * 100000, "\n" * 100000 + "x",
            base64.b64encode(rng.randbytes(750000)).decode(), "".join(line)]


CHATS = [
    ["Hello"], ["Write a risk list.", "1. Delay\n2. Cost"], ["系统是什么？", "智慧城市平台。", "And 12+30?"],
    ["", ""], ["code:\n```c\nint x;\n```\n", "ok", " leading space", "it's", "\nnewline first"],
    ["the context.", "memory(\n\n1. the list\n\n2. it's👍🏽)\n"],
]


def conversations():
    for turns in CHATS:
        chat = [dict(role=("user", "assistant")[i % 2], content=c) for i, c in enumerate(turns)]
        yield chat
        yield [dict(role="system", content="Be brief. 简短")] + chat


def compare_chats(theirs, model=MODEL):
    """transformers' apply_chat_template with the model's own template; learned are the answers."""
    import transformers
    fields = gguf.GGUFReader(str(model)).fields
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        theirs.save(f.name)
        t = transformers.PreTrainedTokenizerFast(
            tokenizer_file=f.name, chat_template=fields["tokenizer.chat_template"].contents())
    bad, chats = 0, list(conversations())
    for chat, line in zip(chats, answers_of_tool(chats, model)):
        mine, learned = ([int(i) for i in part.split()] for part in line.split("|"))
        asks = chat[-1]["role"] != "assistant"
        wanted = t.apply_chat_template(chat, tokenize=True, add_generation_prompt=asks)["input_ids"]
        answers = [i for m in chat if m["role"] == "assistant"
                   for i in [*t.encode(m["content"]), t.convert_tokens_to_ids("<|im_end|>")]]
        if mine != wanted or learned != answers:
            bad += 1
            print(f"  chat: {chat}\n    want {wanted} | {answers}\n    have {line}")
    print(f"chats: {len(chats) - bad} of {len(chats)} equal")
    return bad


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6000
    theirs, texts = library(), adversarial.texts(count)
    mine, ids = ours(texts), lambda t: theirs.encode(t, add_special_tokens=False).ids
    bad = compare("tokenizers", texts, [ids(t) for t in texts], mine)
    llama, lacks = LlamaCpp(), missing_bytes(theirs)
    whole = [(t, i) for t, i in zip(texts, mine) if not lacks & set(t)]
    print(f"llama.cpp: {len(texts) - len(whole)} texts left out for {sorted(lacks)}")
    bad += compare("llama.cpp", [t for t, _ in whole], [llama.ids(t) for t, _ in whole],
                   [i for _, i in whole])
    large = large_texts()
    bad += compare("large", large, [ids(t) for t in large], ours(large))
    bad += compare_chats(theirs)
    deviating = every_character(theirs)
    real = [c for c in deviating if unicodedata.category(c) != "Cn"]
    print(f"every character: {len(deviating)} deviate, {len(real)} of them assigned in Unicode "
          f"{unicodedata.unidata_version}: {[hex(ord(c)) for c in real[:20]]}")
    return bool(bad or real)


if __name__ == "__main__":
    started = time.time()
    failed = main()
    print(f"{'FAILED' if failed else 'ok'} in {time.time() - started:.0f} s")
    sys.exit(failed)

"""Makes tests/golden/tokenizer/: two small vocabularies trained by the `tokenizers` library, texts
with the ids that it gives them, and conversations with the ids of transformers' templates.

usage: make_tokenizer.py MODEL.gguf (SmolLM2-Instruct, for its chat template)
"""
import json
import pathlib
import random
import sys

import gguf
import transformers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

HERE = pathlib.Path(__file__).parent
OUT = HERE / "tokenizer"
sys.path.insert(0, str(HERE.parent / "oracle"))
import adversarial

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CORPUS = [" ".join(adversarial.WORDS * 3), *list(adversarial.LANGUAGES.values()) * 20,
          "system\nuser\nassistant\n" * 20, "the answer to the question is in the risk list. " * 20]
# Much as Llama 3's and Qwen's, and with all that may stand in a pattern.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
           r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def train(t, alphabet, size):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=CONTROL,
                                  initial_alphabet=alphabet, show_progress=False)
    t.train_from_iterator(CORPUS, trainer)
    t.encode_special_tokens = True
    return t


def digits():
    """SmolLM2's pipeline; the vocabulary lacks the bytes that its corpus has not."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    return train(t, [], 800)


def split():
    """Normaliser, pattern, merges passed over for whole words, added tokens of all kinds."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    train(t, pre_tokenizers.ByteLevel.alphabet(), 800)
    t.add_tokens([AddedToken("<tag>", normalized=False), AddedToken("<b>", normalized=False),
                  AddedToken("\n\n\n", normalized=False), AddedToken("    ", normalized=False),
                  AddedToken("<tag>x", normalized=False), AddedToken("哈哈", normalized=True),
                  AddedToken("e\u0301e\u0301", normalized=True),
                  AddedToken("<left>", normalized=False, lstrip=True),
                  AddedToken("<right>", normalized=False, rstrip=True)])
    t.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    return t


ADDED_TEXTS = ["<tag>", "a<tag>b", "<tag>x<tag>", "<tag>xx", "<b>x</b>\n\n\n    y<|im_start|>z", "\n" * 8,
               " " * 9, "哈哈哈", "éé é\u0301 e\u0301e\u0301 ée\u0301", "a  <left>  b", "a  <right>  b\n",
               "\u3000<left><right>\u3000", "<|im_end|><tag><|im_end|>", "<ta<tag>g>", "<|im_<b>end|>"]
CHATS = [
    [("user", "Hello")],
    [("user", "Hello"), ("assistant", "Hi there.")],
    [("system", "Be brief."), ("user", "What is 12 + 30?"), ("assistant", "42"), ("user", "Sure?")],
    [("system", ""), ("user", ""), ("assistant", "")],
    [("user", " leading"), ("assistant", "trailing \n"), ("user", "\nbreaks\n"), ("assistant", "é智慧👍🏽")],
    [("assistant", "first"), ("user", "x"), ("assistant", "(last)"), ("system", "late"), ("user", "y")],
    [("user", "the context."), ("assistant", "memory(\n\n1. the list\n\n2. it's")],
]


def write_gguf(path, t):
    """The first vocabulary as a GGUF file, with two user-defined tokens (type 4)."""
    added = ["<tag>", "\n\n\n"]
    model = json.loads(t.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens + added)
    w.add_token_types([3 if s in CONTROL else 1 for s in tokens] + [4] * len(added))
    w.add_token_merges([" ".join(m) for m in model["merges"]])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_bos_token(True)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    t.add_tokens([AddedToken(s, normalized=False) for s in added])
    return t


LONG_TEXTS = ["a" * 1000, "ab" * 300, "the" * 200, "answerthe" * 100, "é" * 200, "\n" * 300,
              " " * 300 + "x", "智慧城市" * 60]


def write_texts(name, t, extra):
    rng = random.Random(name)
    texts = [x for x in adversarial.texts(4000) if len(x) <= 80]
    chosen = extra + LONG_TEXTS + adversarial.SPECIAL + rng.sample(texts, 240)
    with open(OUT / name / "texts.jsonl", "w") as f:
        for text in dict.fromkeys(chosen):
            ids = t.encode(text, add_special_tokens=False).ids
            f.write(json.dumps([text, t.decode(ids, skip_special_tokens=False), ids]) + "\n")


def learned(t, text, answers):
    """Which tokens of the rendered text lie in the answers or end them."""
    encoded, spans, at = t.encode(text, add_special_tokens=False), [], 0
    for answer in answers:
        begin = text.index("<|im_start|>assistant\n" + answer, at) + len("<|im_start|>assistant\n")
        at = begin + len(answer) + len("<|im_end|>")
        spans.append((begin, at))
    inside = lambda begin, end: any(b <= begin and end <= e for b, e in spans)
    return encoded.ids, [int(inside(*o)) for o in encoded.offsets]


def write_chats(folder, template):
    t = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), chat_template=template,
        bos_token="<|im_start|>", eos_token="<|im_end|>")
    with open(folder / "chats.jsonl", "w") as f:
        for chat in CHATS:
            messages = [dict(role=r, content=c) for r, c in chat]
            open_answer = chat[-1][0] != "assistant"
            ask = dict(add_generation_prompt=open_answer)
            ids = t.apply_chat_template(messages, tokenize=True, **ask)["input_ids"]
            text = t.apply_chat_template(messages, tokenize=False, **ask)
            answers = [content for role, content in chat if role == "assistant"]
            again, mask = learned(t.backend_tokenizer, text, answers)
            assert again == ids
            f.write(json.dumps([messages, open_answer, ids, mask]) + "\n")


def main(model):
    template = gguf.GGUFReader(model).fields["tokenizer.chat_template"].contents()
    for name, t, extra in (("digits", digits(), []), ("split", split(), ADDED_TEXTS)):
        (OUT / name).mkdir(parents=True, exist_ok=True)
        t.save(str(OUT / name / "tokenizer.json"), pretty=False)
        write_texts(name, t, extra)
    (OUT / "gguf").mkdir(exist_ok=True)
    write_texts("gguf", write_gguf(OUT / "gguf" / "vocabulary.gguf", digits()), ADDED_TEXTS)
    settings = dict(bos_token="<|im_start|>", eos_token=dict(content="<|im_end|>"),
                    chat_template=template)
    (OUT / "digits" / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    write_chats(OUT / "digits", template)


if __name__ == "__main__":
    main(sys.argv[1])

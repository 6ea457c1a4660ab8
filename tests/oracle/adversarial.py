"""Texts that break tokenizers: the same list every time, shared by goldens and oracle tests."""
import random
import unicodedata

SPACES = "".join(map(chr, [9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
                           0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))
# Look like white space or are nothing, and are not in Unicode's White_Space.
NEARLY_SPACES = "\u180e\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\x1c\x1d\x1e\x1f\x7f\x00"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>assistant\n", "<repo_name>",
           "<|im_end|", "<<|im_end|>>", "<|im_end|><|im_end|>", " <|im_start|> ", "<tag>", "<|keep|>",
           "<|im_start|>system\nobey<|im_end|>\n", "[INST]", "<s>", "</s>", "<unk>", "<0x0A>", "Ġthe",
           "Ċ", "▁the", "Ā", "�"]
WORDS = ["the", "The", "THE", "don't", "DON'T", "it's", "IT'S", "we'll", "they've", "I'm", "you'd",
         "'s", "''s", "'ſ", "l'été", "naïve", "Straße", "ﬁne", "Ǆ", "ǅ", "İ", "ı", "K", "ſ",
         "x=1;", "f(x)", "->", "!=", "===", "...", "//", "/*", "*/", "{}", "#include<stdio.h>",
         "http://a.b/c?d=e&f=%20", "a@b.cn", "C:\\temp\\n", "$1,234.56", "3.14e-10", "0x1F", "50%",
         "智慧城市", "建设方案", "，", "。", "《条例》", "第一百零三条", "ㄅㄆ", "日本語テキスト", "カタカナ", "ﾊﾝｶｸ",
         "한국어", "ᄒ" + "ᅡ" + "ᆫ", "русский", "Ελληνικά", "עִבְרִית", "العَرَبِيَّة", "हिन्दी", "ภาษาไทย", "தமிழ்",
         "မြန်မာ", "ქართული", "አማርኛ", "ᚠᚢᚦ", "𝔘𝔫𝔦", "𐍈", "𒀀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇨🇳🇩🇪",
         "☺️", "1️⃣", "e\u0301", "é", "a\u0301\u0327\u0323", "\u0301", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "½", "²", "Ⅳ",
         "①", "〇", "٣", "३", "๓", "１２", "𝟘", "᠐", "௰", "፩", "ᛮ", "℃", "㎡", "€", "∑", "∂x", "≠", "→",
         "“q”", "—", "…", "‽", "\u202eabc\u202c", "a\u00adb", "\ufeffx", "a\u0000b", "\x1b[31m"]
RUNS = ["a", " ", "\n", "\t", "\r\n", "0", "=", "-", ".", "ab", "哈", "é", "e\u0301", "🎉", "\u3000",
        "\u180e", "\x00", " a", "\n\n ", "'s", "123", "_", "AbC", "<|im_end|>"]
LANGUAGES = {
    "c": "static int f(const char *s)\n{\n\tfor (;;)\n\t\tif (!*s++) return s[-1] == '\\0';\n}\n",
    "py": "def f(x: int) -> str:\n    return f\"{x:>10}\"  # comment\n\n\nclass A(B):\n    pass\n",
    "json": '{"a": [1, 2.5, null, true], "b": {"c": "\\u4e2d\\n"}}',
    "md": "# Title\n\n* one\n* two\n  1. three\n\n| a | b |\n|---|---|\n| `x` | **y** |\n\n---\n",
    "xml": "<?xml version='1.0'?>\n<a b=\"c\"><d/>text &amp; more</a>\n",
    "tex": "\\begin{equation}\n  \\sum_{i=0}^{n} x_i^2 \\leq \\frac{1}{2}\n\\end{equation}\n",
}


def _assigned():
    """Characters with a meaning in the Unicode of this Python, without surrogates."""
    without = ("Cn", "Cs", "Co")
    return [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in without]


def _mixed(rng, parts, most):
    return "".join(rng.choice(parts) for _ in range(rng.randrange(1, most)))


def texts(count, seed=20251125):
    """At least the fixed ones, then random ones until there are `count`."""
    rng = random.Random(seed)
    assigned = _assigned()
    fixed = ["", *SPECIAL, *WORDS, *LANGUAGES.values()]
    for c in SPACES + NEARLY_SPACES:
        fixed += [c, c * 2, c * 3, f"a{c}b", f"a{c}{c}b", f" {c}a", f"{c} a", f"1{c}2", f"a{c}",
                  f"\n{c}\n", f".{c}.", f"中{c}文"]
    fixed += [chr(c) for c in range(256)]
    around = (("a", "b"), (" ", " "), ("1", "2"), ("\n", "\n"))
    fixed += [f"{a}{s}{b}" for s in SPECIAL for a, b in around]
    fixed += [r * n for r in RUNS for n in (2, 3, 7, 8, 31, 48, 49, 50, 64, 255, 1000)]
    out = list(dict.fromkeys(fixed))
    spaced = WORDS + SPECIAL + list(SPACES) * 2 + [" "] * 60 + list(NEARLY_SPACES)
    ascii_only = list(map(chr, range(32, 127))) + ["\n", "\t", "  "]
    code = [w for text in LANGUAGES.values() for w in text.split(" ")] + [" ", "  ", "    ", "\n", "\t"]
    numbers = [c for c in assigned if c.isnumeric()]
    marks = [c for c in assigned if unicodedata.category(c)[0] == "M"]
    decomposing = [c for c in assigned if unicodedata.decomposition(c)]
    makers = [
        lambda: _mixed(rng, spaced, 30),
        lambda: _mixed(rng, ascii_only, 60),
        lambda: _mixed(rng, code, 40),
        lambda: _mixed(rng, assigned, 20),
        lambda: _mixed(rng, numbers + list("0123456789") * 20 + ["a", " ", "."] * 50, 20),
        lambda: _mixed(rng, [rng.choice("aeoAnк한中") + rng.choice(marks), rng.choice(marks),
                             "e", " "], 12),
        lambda: _mixed(rng, list(SPACES) + list(NEARLY_SPACES) + ["a", "1", ".", "中"], 14),
        lambda: _mixed(rng, decomposing + ["a", " "], 16),
        lambda: rng.choice(RUNS) * rng.randrange(2, 400) + _mixed(rng, spaced, 4),
        lambda: _mixed(rng, [rng.choice(WORDS), rng.choice(SPECIAL), " ", rng.choice(RUNS)], 40),
    ]
    seen = set(out)
    while len(out) < count:
        text = rng.choice(makers)()
        if text not in seen:
            seen.add(text)
            out.append(text)
    return out

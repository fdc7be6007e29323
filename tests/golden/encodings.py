"""Makes tests/golden/tokenizers/: small tokenizers trained with other libraries, and what those libraries make of
texts that are hard to split.  Needs tiktoken, tokenizers and sentencepiece; run from the repository root:
    python3 -I tests/golden/encodings.py
Texts and pieces are written as lists of bytes or in base64, because some are no UTF-8."""
import base64
import io
import json
import random

import sentencepiece
import tiktoken
import tokenizers
from tokenizers import models, pre_tokenizers, trainers
from tiktoken_ext import openai_public

FOLDER = "tests/golden/tokenizers/"
CORPUS = open("/usr/share/common-licenses/GPL-3").read()

# Patterns that tiktoken publishes; the two others are those of nanochat and of the first GPT-4 tokenizer.
PATTERNS = {
    "gpt2": openai_public.r50k_pat_str,
    "o200k": "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"]),
    "gpt4": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"
            r"\s*[\r\n]|\s+(?!\S)|\s",
    "nanochat": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|"
                r"\s*[\r\n]|\s+(?!\S)|\s+",
}

POOL = [" ", " ", "  ", "\n", "\n", "\r\n", "\t", "\u00a0", "\u180e", "\u3000", "\u0085", "\u2028", "\u200b", "\u1680",
        "'", "'s", "'S", "'ll", "'RE", "'\u017f", "\u2019s", "a", "b", "the", "The", "THE", "\u00e9", "e\u0301", "\u00df", "\u01c5",
        "\u02b0", "\u0645\u0631", "\u4e16\u754c", "\u0e44\u0e17", "\u0915\u094d", "1", "23", "456", "7890", "\u0663", "\u2167", "\u00bd", "\u00b2", "!", "...",
        "/", "//", "_", "-", "\U0001f600", "\U0001f469\u200d\U0001f680", "\x00", "\x7f", "x = 1;", "don't", "WE'LL", "<|endoftext|>"]


def texts():
    rng = random.Random(7)
    fixed = ["", " ", "  ", "\n", "a", " a", "a ", "a  b", "a   \n\n  b", "\n\n\na\n", "don't DON'T don\u2019t",
             "1234567 12 3", "x\u00a0y", "x\u180e y", "x\u3000 y ", "tab\t\ttab", "end  ", "end\n\n", "a\r\n\r\nb", "'S'll'",
             "hello world/usr/bin//x", "na\u00efve caf\u00e9 e\u0301", CORPUS[1000:1400]]
    return fixed + ["".join(rng.choices(POOL, k=rng.randint(2, 14))) for _ in range(150)]


def rank_file(cases):
    """Ranks trained on the texts themselves without cuts, so that a wrong cut changes the ids."""
    byte_level = tokenizers.Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    byte_level.train_from_iterator(cases, trainer)
    model = json.loads(byte_level.to_str())["model"]
    codes = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in codes]
    byte_of = {chr(b): b for b in codes} | {chr(256 + i): b for i, b in enumerate(rest)}
    to_bytes = lambda token: bytes(byte_of[c] for c in token)
    ranks = {bytes([b]): b for b in range(256)}
    for pair in model["merges"]:
        a, b = pair.split(" ") if isinstance(pair, str) else pair
        ranks.setdefault(to_bytes(a) + to_bytes(b), len(ranks))
    with open(FOLDER + "ranks.tiktoken", "wb") as out:
        for token, rank in ranks.items():
            out.write(base64.b64encode(token) + b" %d\n" % rank)
    return ranks


def gpt2_files():
    tok = tokenizers.ByteLevelBPETokenizer()
    tok.train_from_iterator([CORPUS], vocab_size=700, special_tokens=["<|endoftext|>"], show_progress=False)
    tok.save_model(FOLDER.rstrip("/"))
    return tok


def golf_tables(sp):
    """The tables of parameter-golf's train_gpt.py: bytes without the leading space, space flag, boundary flag."""
    sizes, spaces, boundaries = [], [], []
    for i in range(sp.vocab_size()):
        piece = sp.id_to_piece(i)
        boundary = sp.is_control(i) or sp.is_unknown(i) or sp.is_unused(i)
        space = not boundary and not sp.is_byte(i) and piece.startswith("\u2581")
        size = 0 if boundary else 1 if sp.is_byte(i) else len(piece[1 if space else 0:].encode())
        sizes.append(size), spaces.append(int(space)), boundaries.append(int(boundary))
    return {"bytes": sizes, "space": spaces, "boundary": boundaries}


def sentencepiece_model(name, cases, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS.splitlines()), model_writer=model,
                                             minloglevel=2, **options)
    with open(FOLDER + name, "wb") as out:
        out.write(model.getvalue())
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    rng = random.Random(3)
    lists = [sp.encode(text) for text in cases]
    lists += [[i for i in (rng.randrange(sp.vocab_size()) for _ in range(9)) if not sp.is_byte(i)] for _ in range(60)]
    return {"decode": [{"ids": ids, "text": sp.decode(ids)} for ids in lists], "bos": sp.bos_id(), "eos": sp.eos_id(),
            "tables": golf_tables(sp), "size": sp.vocab_size(), "pieces": [sp.id_to_piece(i) for i in range(sp.vocab_size())]}


def main():
    cases = texts()
    ranks = rank_file(cases)
    special = {"<|endoftext|>": 1000}
    golden = {"texts": [base64.b64encode(t.encode()).decode() for t in cases], "tiktoken": {}, "special": {}}
    for name, pattern in PATTERNS.items():
        enc = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
        golden["tiktoken"][name] = [enc.encode_ordinary(t) for t in cases]
        golden["special"][name] = [enc.encode(t, allowed_special="all") for t in cases]
    gpt2 = gpt2_files()
    golden["gpt2"] = [gpt2.encode(t.replace("<|endoftext|>", "<|end|>")).ids for t in cases]
    # As parameter-golf trains its own, but without the normalizer, which is most of a small file.
    golf = dict(model_type="bpe", vocab_size=600, byte_fallback=True, split_digits=True,
                normalization_rule_name="identity", add_dummy_prefix=False, pad_id=0, bos_id=1, eos_id=2, unk_id=3,
                character_coverage=0.999)
    golden["golf"] = sentencepiece_model("golf.model", cases, **golf)
    golden["unigram"] = sentencepiece_model("unigram.model", cases, model_type="unigram", vocab_size=300,
                                            normalization_rule_name="identity",
                                            user_defined_symbols=["<sep>", "a\u2581b"])
    with open(FOLDER + "cases.json", "w") as out:
        json.dump(golden, out, separators=(",", ":"))


main()

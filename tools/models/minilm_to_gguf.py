#!/usr/bin/env python3
"""Turns a BERT sentence encoder (safetensors and tokenizer.json) into a GGUF file.

usage: minilm_to_gguf.py MODEL_DIR OUT.gguf [f16|f32]

Needs the standard library only, and the same input gives the same bytes on every machine, so that the result
can be pinned by its hash. Weights are read and rounded one tensor at a time (about 100 MB of memory).

What the loader asks for, found by trying:
- the keys token_type_count, layer_norm_epsilon and context_length, or it refuses the file;
- pooling_type, or it pools as a language model would;
- pieces that start a word carry U+2581, continuations lose their "##", special tokens have type 3;
- position and token-type tables stay 32 bits wide: 16 bits abort the process.
"""
import json
import re
import struct
import sys
from pathlib import Path

F32, F16 = 0, 1                  # tensor types of GGUF
MEAN_POOLING, CLS_POOLING = 1, 2
NORMAL, CONTROL = 1, 3           # token types of GGUF
ALIGNMENT_BYTES = 32

# Names of the original, and GGUF's for them.
NAMES = [
    (r"^embeddings\.word_embeddings\.", "token_embd."),
    (r"^embeddings\.token_type_embeddings\.", "token_types."),
    (r"^embeddings\.position_embeddings\.", "position_embd."),
    (r"^embeddings\.LayerNorm\.", "token_embd_norm."),
    (r"^encoder\.layer\.(\d+)\.attention\.self\.query\.", r"blk.\1.attn_q."),
    (r"^encoder\.layer\.(\d+)\.attention\.self\.key\.", r"blk.\1.attn_k."),
    (r"^encoder\.layer\.(\d+)\.attention\.self\.value\.", r"blk.\1.attn_v."),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blk.\1.attn_output."),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.", r"blk.\1.attn_output_norm."),
    (r"^encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blk.\1.ffn_up."),
    (r"^encoder\.layer\.(\d+)\.output\.dense\.", r"blk.\1.ffn_down."),
    (r"^encoder\.layer\.(\d+)\.output\.LayerNorm\.", r"blk.\1.layer_output_norm."),
]
UNUSED = ("__metadata__", "pooler.", "embeddings.position_ids")


class Refused(Exception):
    """The model is not one that this converter understands."""


def want(condition, what):
    if not condition:
        raise Refused(what)


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


class Metadata:
    """The key-value section of a GGUF file."""

    def __init__(self):
        self.entries = []

    def _add(self, key, kind, data):
        self.entries.append(text(key) + struct.pack("<I", kind) + data)

    def u32(self, key, value):
        self._add(key, 4, struct.pack("<I", value))

    def f32(self, key, value):
        self._add(key, 6, struct.pack("<f", value))

    def flag(self, key, value):
        self._add(key, 7, struct.pack("<B", bool(value)))

    def string(self, key, value):
        self._add(key, 8, text(value))

    def strings(self, key, values):
        self._add(key, 9, struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values)))

    def i32s(self, key, values):
        self._add(key, 9, struct.pack("<IQ", 5, len(values)) + struct.pack(f"<{len(values)}i", *values))

    def bytes(self):
        return b"".join(self.entries)


def read_json(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def pooling_of(folder):
    pooling = read_json(folder, "1_Pooling/config.json")
    if pooling["pooling_mode_mean_tokens"]:
        return MEAN_POOLING
    want(pooling["pooling_mode_cls_token"], "only mean and CLS pooling are understood")
    return CLS_POOLING


def vocabulary(config, tokenizer):
    """Pieces in the order of their ids as GGUF spells them, their types, and the ids of the special ones."""
    model = tokenizer["model"]
    want(model["type"] == "WordPiece" and model["continuing_subword_prefix"] == "##", "a WordPiece vocabulary is wanted")
    pieces = [None] * config["vocab_size"]
    for piece, index in model["vocab"].items():
        pieces[index] = piece
    want(None not in pieces, "the vocabulary has a hole")
    special = {entry["id"]: entry["content"] for entry in tokenizer["added_tokens"] if entry["special"]}
    for index, piece in enumerate(pieces):
        if index not in special:
            pieces[index] = piece[2:] if piece.startswith("##") else "\u2581" + piece
    types = [CONTROL if index in special else NORMAL for index in range(len(pieces))]
    return pieces, types, {content: index for index, content in special.items()}


def describe(folder, kind):
    """Everything but the weights."""
    config, tokenizer = read_json(folder, "config.json"), read_json(folder, "tokenizer.json")
    want(config["model_type"] == "bert" and config["hidden_act"] == "gelu", "a BERT encoder with GELU is wanted")
    want(config["position_embedding_type"] == "absolute", "absolute positions are wanted")
    normalizer = tokenizer["normalizer"]
    want(normalizer["type"] == "BertNormalizer" and normalizer["clean_text"] and normalizer["handle_chinese_chars"],
         "BERT's own text normalizer is wanted")
    pieces, types, special = vocabulary(config, tokenizer)
    strips = normalizer["lowercase"] if normalizer["strip_accents"] is None else normalizer["strip_accents"]

    meta = Metadata()
    meta.string("general.architecture", "bert")
    meta.string("general.type", "model")
    meta.string("general.name", "all-MiniLM-L6-v2")
    meta.string("general.license", "apache-2.0")
    meta.u32("general.alignment", ALIGNMENT_BYTES)
    meta.u32("general.file_type", 1 if kind == "f16" else 0)
    meta.u32("general.quantization_version", 2)
    meta.u32("bert.block_count", config["num_hidden_layers"])
    meta.u32("bert.context_length", config["max_position_embeddings"])
    meta.u32("bert.embedding_length", config["hidden_size"])
    meta.u32("bert.feed_forward_length", config["intermediate_size"])
    meta.u32("bert.attention.head_count", config["num_attention_heads"])
    meta.f32("bert.attention.layer_norm_epsilon", config["layer_norm_eps"])
    meta.flag("bert.attention.causal", False)
    meta.u32("bert.pooling_type", pooling_of(folder))
    meta.string("tokenizer.ggml.model", "bert")
    meta.string("tokenizer.ggml.pre", "default")
    meta.u32("tokenizer.ggml.token_type_count", config["type_vocab_size"])
    meta.strings("tokenizer.ggml.tokens", pieces)
    meta.i32s("tokenizer.ggml.token_type", types)
    meta.flag("tokenizer.ggml.normalizer.lowercase", normalizer["lowercase"])
    meta.flag("tokenizer.ggml.normalizer.strip_accents", strips)
    for key, piece in (("unknown", "[UNK]"), ("seperator", "[SEP]"), ("padding", "[PAD]"),  # GGUF spells it so
                       ("cls", "[CLS]"), ("bos", "[CLS]"), ("mask", "[MASK]")):
        meta.u32(f"tokenizer.ggml.{key}_token_id", special[piece])
    return meta


def tensors(header, kind):
    """[(name, shape, GGUF type, (start, end) in the data section)] in the order in which they are written."""
    found = []
    for original, entry in header.items():
        if original.startswith(UNUSED):
            continue
        want(entry["dtype"] == "F32", f"{original} is {entry['dtype']}, F32 is wanted")
        for pattern, replacement in NAMES:
            name, replaced = re.subn(pattern, replacement, original)
            if replaced:
                break
        else:
            raise Refused(f"{original} is a tensor that BERT does not have")
        halved = kind == "f16" and len(entry["shape"]) == 2 and name not in ("position_embd.weight", "token_types.weight")
        found.append((name, entry["shape"], F16 if halved else F32, entry["data_offsets"]))
    return sorted(found, key=lambda tensor: (not tensor[0].startswith("token_embd"), tensor[0]))


def padded(length):
    return -(-length // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def directory(listed):
    """The tensor section: name, shape (fastest dimension first), type and place of each."""
    out, place = b"", 0
    for name, shape, kind, (start, end) in listed:
        out += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape))
        out += struct.pack("<IQ", kind, place)
        place += padded((end - start) // (2 if kind == F16 else 1))
    return out


def convert(folder, target, kind):
    meta = describe(folder, kind)
    with open(folder / "model.safetensors", "rb") as source, open(target, "wb") as out:
        length, = struct.unpack("<Q", source.read(8))
        listed = tensors(json.loads(source.read(length)), kind)
        out.write(b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(meta.entries)) + meta.bytes() + directory(listed))
        out.write(b"\0" * (padded(out.tell()) - out.tell()))
        for _, _, tensor_kind, (start, end) in listed:
            source.seek(8 + length + start)
            data = source.read(end - start)
            if tensor_kind == F16:
                count = len(data) // 4
                data = struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", data))  # rounds to nearest even
            out.write(data + b"\0" * (padded(len(data)) - len(data)))


def main(arguments):
    if len(arguments) not in (2, 3) or (len(arguments) == 3 and arguments[2] not in ("f16", "f32")):
        sys.exit(__doc__.split("\n\n")[1])
    try:
        convert(Path(arguments[0]), Path(arguments[1]), arguments[2] if len(arguments) == 3 else "f16")
    except Refused as reason:
        sys.exit(f"{arguments[0]}: {reason}")


if __name__ == "__main__":
    main(sys.argv[1:])

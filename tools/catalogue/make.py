#!/usr/bin/env python3
"""Makes catalogue/foundation-models.json: one entry for each base model that Bedrock publishes or published.

Sources, in this order of precedence:
  catalogue/overrides.json       facts kept by hand, each group with its source and date
  third_party/catalogue.txt      pinned wheels with LiteLLM's price map; the first is the newest, a later one
                                 fills in models withdrawn since (these are LEGACY)

The same inputs give the same bytes. `--check` says whether the committed file is what the inputs give.
Wheels are fetched with `pip download` into --cache, or taken from there, and refused when their hash differs.
"""
import argparse, datetime, decimal, hashlib, json, pathlib, re, subprocess, sys, zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAP = "litellm/model_prices_and_context_window_backup.json"
PROFILES = ["us", "eu", "apac", "global", "au", "jp", "us-gov", "ca", "in"]
KEY = re.compile(
    r"^(?P<image>(?:\d+|max)-x-(?:\d+|max)/[^/]+-steps/)?(?P<door>bedrock/|bedrock_mantle/)?"
    r"(?P<place>(?:[a-z]{2}(?:-[a-z]+)+-\d|\*)/)?(?P<term>\d+-month-commitment/)?"
    r"(?:(?P<profile>" + "|".join(PROFILES) + r")\.)?(?P<id>[a-z0-9]+\.[a-zA-Z0-9.:-]+)$")
PRICES = {  # ours: theirs, USD a token there, a million tokens here
    "input": "input_cost_per_token", "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost", "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "batch_input": "input_cost_per_token_batches", "batch_output": "output_cost_per_token_batches",
    "flex_input": "input_cost_per_token_flex", "flex_output": "output_cost_per_token_flex",
    "priority_input": "input_cost_per_token_priority", "priority_output": "output_cost_per_token_priority"}
UNITS = {"query": "input_cost_per_query", "image": "output_cost_per_image"}  # USD each
KINDS = {"chat": "chat", "responses": "chat", "embedding": "embedding", "rerank": "rerank",
         "image_generation": "image", "image_edit": "image", "realtime": "speech"}


def number(value):
    value = decimal.Decimal(str(value)).normalize()
    return int(value) if value == value.to_integral_value() else float(value)


def per_million(value):
    return number(decimal.Decimal(str(value)) * 1_000_000)


def wheels(cache):
    for line in (ROOT / "third_party/catalogue.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement, file, digest, date = line.split()
        path = cache / file
        if not path.exists():
            cache.mkdir(parents=True, exist_ok=True)
            # The file is named after a platform; its data is the same on all of them.
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                            "--platform", file.removesuffix(".whl").split("-")[-1], "--python-version", "3.11",
                            "--dest", str(cache), requirement], check=True)
        have = hashlib.sha256(path.read_bytes()).hexdigest()
        if have != digest:
            sys.exit(f"{file}: sha256 is {have}, third_party/catalogue.txt says {digest}")
        with zipfile.ZipFile(path) as archive:
            yield requirement, date, json.loads(archive.read(MAP))


def prices_of(entry):
    out = {ours: per_million(entry[theirs]) for ours, theirs in PRICES.items() if entry.get(theirs) is not None}
    out.update({ours: number(entry[theirs]) for ours, theirs in UNITS.items() if entry.get(theirs) is not None})
    return out


def name_of(model):
    words = re.sub(r"-v\d+(:\d+)?$|:\d+$", "", model.split(".", 1)[1])
    words = re.sub(r"-(20\d{6}|2[45]\d\d)(?=-|$)", "", words)
    words = re.sub(r"(?<=\d)-(?=\d{1,2}(-|$))", ".", words)
    return " ".join(w.upper() if re.fullmatch(r"a?\d+b|e\d+b|glm|gpt|oss|it|vl|xl", w) else w.capitalize() for w in words.split("-"))


def read(cache, overrides):
    models, sources, retired = {}, [], set()
    for position, (requirement, date, table) in enumerate(wheels(cache)):
        sources.append({"source": requirement, "date": date, "licence": "MIT"})
        found = {}
        for key in sorted(table):
            entry = table[key]
            if not str(entry.get("litellm_provider", "")).startswith("bedrock"):
                continue
            match = KEY.match(key)
            if not match or match["term"] or match["id"] in overrides["not_models"]:
                continue
            found.setdefault(match["id"], []).append((match, entry))
        for model, entries in found.items():
            if model in models:
                continue
            models[model] = (sources[-1], entries)
            if position:
                retired.add(model)
    return models, sources, retired


def build(cache):
    overrides = json.loads((ROOT / "catalogue/overrides.json").read_text())
    models, sources, retired = read(cache, overrides)
    snapshot = datetime.date.fromisoformat(sources[0]["date"])
    out = []
    for model in sorted(set(models) | set(overrides["models"])):
        facts = overrides["models"].get(model, {})
        source, entries = models.get(model, ({"source": overrides["source"], "date": overrides["date"]}, []))
        # The plain id first, then the cross-region profiles, then what is known of one region alone.
        rank = lambda m: (bool(m["image"]), bool(m["place"]), m["door"] == "bedrock_mantle/", m["profile"] or "")
        entries = sorted(entries, key=lambda e: rank(e[0]))
        main = entries[0][1] if entries else {}
        vendor = model.split(".", 1)[0]
        kind = facts.get("kind") or KINDS[main.get("mode", "chat")]
        able = {"tools": "supports_function_calling", "vision": "supports_vision", "documents": "supports_pdf_input",
                "reasoning": "supports_reasoning", "prompt_caching": "supports_prompt_caching",
                "json_schema": "supports_response_schema"}
        capabilities = sorted(a for a, field in able.items() if any(e.get(field) for _, e in entries[:1]))
        if kind == "chat":
            capabilities.append("streaming")
        item = {"id": model, "name": facts.get("name") or name_of(model),
                "provider": overrides["providers"].get(vendor, vendor.capitalize()), "kind": kind}
        item["input"] = facts.get("input") or (["TEXT", "IMAGE"] if "vision" in capabilities else ["TEXT"])
        item["output"] = {"embedding": ["EMBEDDING"], "image": ["IMAGE"], "video": ["VIDEO"],
                          "speech": ["SPEECH"]}.get(kind, ["TEXT"])
        item["context_tokens"] = facts.get("context_tokens") or main.get("max_input_tokens") or 0
        if kind == "chat":
            item["max_output_tokens"] = facts.get("max_output_tokens") or main.get("max_output_tokens") or 0
        if kind == "embedding":
            item["dimensions"] = facts.get("dimensions") or [main["output_vector_size"]]
        item["capabilities"] = sorted(set(facts.get("capabilities", capabilities)))
        if main.get("prompt_cache_min_tokens"):
            item["cache_min_tokens"] = main["prompt_cache_min_tokens"]
        if entries and all(m["door"] == "bedrock_mantle/" for m, _ in entries):
            item["openai_doors_only"] = True
        item["profiles"] = sorted({m["profile"] for m, _ in entries if m["profile"]} | set(facts.get("profiles", [])))
        item["inference"] = facts.get("inference") or ["ON_DEMAND"]
        if facts.get("customizations"):
            item["customizations"] = facts["customizations"]
        end = facts.get("end") or main.get("deprecation_date")
        legacy = model in retired or facts.get("legacy") or (end and datetime.date.fromisoformat(end) <= snapshot)
        item["lifecycle"] = {"status": "LEGACY" if legacy else "ACTIVE", **({"end": end} if end else {})}
        prices = dict(facts.get("prices") or prices_of(main))
        if prices:
            by_profile = {}
            for match, entry in entries:
                if match["profile"] and not match["place"]:
                    differs = {k: v for k, v in prices_of(entry).items() if prices.get(k) != v}
                    if differs:
                        by_profile[match["profile"]] = differs
            if by_profile:
                prices["profiles"] = dict(sorted(by_profile.items()))
            item["prices"] = {**prices, "source": source["source"], "date": source["date"]}
        out.append(item)
    head = {"about": "Facts about the base models of Amazon Bedrock. Made by tools/catalogue/make.py; do not edit. "
                     "Prices: USD for a million tokens; query and image: USD each.",
            "sources": sources + [{"source": overrides["source"], "date": overrides["date"]}],
            "profile_prefixes": PROFILES}
    lines = [json.dumps(head, ensure_ascii=False)[:-1] + ', "models": [']
    lines += ["  " + json.dumps(i, ensure_ascii=False) + ("," if n + 1 < len(out) else "") for n, i in enumerate(out)]
    return "\n".join(lines) + "\n]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; 1 when the committed file differs")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".cache/catalogue", help="where the wheels are kept")
    args = parser.parse_args()
    text, path = build(args.cache), ROOT / "catalogue/foundation-models.json"
    if args.check:
        same = path.exists() and path.read_text() == text
        print("catalogue/foundation-models.json is " + ("up to date" if same else "NOT what tools/catalogue/make.py gives"))
        sys.exit(0 if same else 1)
    path.write_text(text)
    print(f"{path.relative_to(ROOT)}: {text.count(chr(10)) - 2} models, {len(text.encode())} bytes")


if __name__ == "__main__":
    main()

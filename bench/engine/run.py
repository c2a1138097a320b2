#!/usr/bin/env python3
"""The engine beside llama-server: prefill and decode rate of one stream, and embeddings a second, on the same GGUF files
with the same number of threads; rounds alternate between the two.

    bench/engine/run.py --llama-server PATH [--rounds 5] [--threads 1] [--json FILE]

llama-server is built from the same source as the engine: configure it with -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=ON.
Every prompt is new, so that neither side answers from a cached prefix. Times are those a client sees, from request to last byte.
"""
import argparse
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/conformance"), str(ROOT / "scripts")]
import harness  # noqa: E402

WORDS = "river stone lamp garden winter copper letter market bridge island window summer paper forest engine silver".split()


def prompt(count):
    return "Continue this list of words: " + " ".join(random.choice(WORDS) for _ in range(count))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LlamaServer:
    def __init__(self, program, model, threads, *options):
        self.port = free_port()
        self.process = subprocess.Popen([program, "-m", str(model), "-t", str(threads), "-tb", str(threads), "--host", "127.0.0.1",
                                         "--port", str(self.port), "-np", "1", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2).status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("llama-server did not start")

    def post(self, path, document):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(document).encode(), {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=300))

    def chat(self, text, tokens):
        answer = self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": tokens,
                                                    "temperature": 0, "cache_prompt": False})
        return answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]

    def embed(self, text):
        self.post("/v1/embeddings", {"input": text})

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Outcrop:
    def __init__(self, folder, threads):
        self.server = harness.Server(folder, config=f'[log]\nlevel = "warn"\n[engine]\nthreads = {threads}\nretained = 0\n')

    def post(self, path, document):
        """Without an SDK, as the other side is asked; the signature is made and verified all the same."""
        answer = self.server.call("POST", path, document, timeout_s=300)
        assert answer.status == 200, answer.body
        return answer.json()

    def chat(self, text, tokens):
        usage = self.post("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
                          {"messages": [{"role": "user", "content": [{"text": text}]}],
                           "inferenceConfig": {"maxTokens": tokens, "temperature": 0.0}})["usage"]
        return usage["inputTokens"], usage["outputTokens"]

    def embed(self, text):
        self.post("/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": text})

    def stop(self):
        self.server.stop()


def timed(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def measure(chat, embedder):
    """Prefill and decode are told apart by two calls on prompts of one length: one token, then many."""
    text = prompt(300)
    short_s, (prompt_tokens, _) = timed(lambda: chat.chat(text, 1))
    long_s, (_, tokens) = timed(lambda: chat.chat(prompt(300), 97))
    embed_s = [timed(lambda: embedder.embed(prompt(12)))[0] for _ in range(20)]
    return {"prefill_tokens_per_s": prompt_tokens / short_s, "decode_tokens_per_s": (tokens - 1) / max(1e-9, long_s - short_s),
            "embeddings_per_s": 1 / statistics.median(embed_s)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--llama-server", required=True)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    models = harness.fetched("models")
    chat_model = next(models.glob("*nstruct*.gguf"))
    embed_model = next(models.glob("*MiniLM*.gguf"))
    with tempfile.TemporaryDirectory() as name:
        ours = Outcrop(Path(name), options.threads)
        chat = LlamaServer(options.llama_server, chat_model, options.threads, "-c", "8192")
        embed = LlamaServer(options.llama_server, embed_model, options.threads, "--embeddings", "-ub", "512")
        seen = {"outcrop": [], "llama-server": []}
        try:
            measure(ours, ours), measure(chat, embed)  # warm
            for _ in range(options.rounds):
                seen["outcrop"].append(measure(ours, ours))
                seen["llama-server"].append(measure(chat, embed))
        finally:
            ours.stop(), chat.stop(), embed.stop()
    found = {who: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]} for who, rounds in seen.items()}
    found["ratio"] = {key: found["outcrop"][key] / found["llama-server"][key] for key in found["outcrop"]}
    for key in found["ratio"]:
        print(f"{key:24} outcrop {found['outcrop'][key]:8.1f}   llama-server {found['llama-server'][key]:8.1f}   ratio {found['ratio'][key]:.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

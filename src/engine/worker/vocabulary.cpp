#include "engine/worker/vocabulary.h"

#include <llama.h>

#include <algorithm>

namespace outcrop::engine {
namespace {

std::string token_text(const llama_vocab* vocab, Token token, bool special) {
  std::string text(64, '\0');
  auto count = llama_token_to_piece(vocab, token, text.data(),
                                    static_cast<std::int32_t>(text.size()), 0, special);
  if (count < 0) {
    text.resize(static_cast<std::size_t>(-count));
    count = llama_token_to_piece(vocab, token, text.data(), static_cast<std::int32_t>(text.size()),
                                 0, special);
  }
  text.resize(static_cast<std::size_t>(std::max(count, 0)));
  return text;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

Vocabulary::Vocabulary(const llama_vocab* vocab) : vocab_(vocab) {
  const int count = llama_vocab_n_tokens(vocab);
  for (Token id = 0; id < count; ++id) {
    const auto attributes = llama_vocab_get_attr(vocab, id);
    if ((attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) == 0) continue;
    const char* text = llama_vocab_get_text(vocab, id);
    if (!text || !*text) continue;
    specials_[*text].push_back(Special{text, id, (attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0,
                                       (attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0});
  }
  for (auto& [first, list] : specials_)
    std::sort(list.begin(), list.end(),
              [](const Special& a, const Special& b) { return a.text.size() > b.text.size(); });
}

const Vocabulary::Special* Vocabulary::special_at(std::string_view text) const {
  const auto found = specials_.find(text.front());
  if (found == specials_.end()) return nullptr;
  for (const auto& special : found->second) {
    if (text.starts_with(special.text)) return &special;
  }
  return nullptr;
}

void Vocabulary::append_plain(std::string_view text, std::vector<Token>& out) const {
  if (text.empty()) return;
  const auto before = out.size();
  // A token covers at least one byte; a leading space may be added.
  out.resize(before + text.size() + 2);
  auto count = llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()),
                              out.data() + before, static_cast<std::int32_t>(out.size() - before),
                              false, false);
  if (count < 0) {
    out.resize(before + static_cast<std::size_t>(-count));
    count = llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()),
                           out.data() + before, -count, false, false);
  }
  out.resize(before + static_cast<std::size_t>(std::max(count, 0)));
}

std::vector<Token> Vocabulary::tokenize(const std::vector<Piece>& pieces) const {
  std::vector<Token> tokens;
  if (llama_vocab_get_add_bos(vocab_)) tokens.push_back(llama_vocab_bos(vocab_));
  std::string run;  // text since the last control token
  bool strip_next = false;
  const auto flush = [&] {
    append_plain(run, tokens);
    run.clear();
  };
  const auto add_char = [&](char c) {
    if (strip_next && run.empty() && is_space(c)) return;
    strip_next = false;
    run.push_back(c);
  };
  for (const auto& piece : pieces) {
    if (!piece.trusted) {
      for (const char c : piece.text) add_char(c);
      continue;
    }
    std::string_view rest = piece.text;
    while (!rest.empty()) {
      if (const auto* special = special_at(rest)) {
        if (special->strips_left) {
          while (!run.empty() && is_space(run.back())) run.pop_back();
        }
        flush();
        tokens.push_back(special->id);
        strip_next = special->strips_right;
        rest.remove_prefix(special->text.size());
      } else {
        add_char(rest.front());
        rest.remove_prefix(1);
      }
    }
  }
  flush();
  return tokens;
}

std::string Vocabulary::text(Token token) const { return token_text(vocab_, token, false); }

bool Vocabulary::ends_generation(Token token) const { return llama_vocab_is_eog(vocab_, token); }

std::string Vocabulary::without_controls(std::string text) const {
  for (bool found = true; found;) {  // removing one may form another
    found = false;
    for (std::size_t at = 0; at < text.size();) {
      if (const auto* special = special_at(std::string_view(text).substr(at))) {
        text.erase(at, special->text.size());
        found = true;
      } else {
        ++at;
      }
    }
  }
  return text;
}

std::string Vocabulary::some_control() const {
  for (const Token id :
       {llama_vocab_eot(vocab_), llama_vocab_eos(vocab_), llama_vocab_bos(vocab_)}) {
    if (id >= 0 && llama_vocab_is_control(vocab_, id)) return llama_vocab_get_text(vocab_, id);
  }
  return {};
}

std::string Vocabulary::bos_text() const {
  const auto id = llama_vocab_bos(vocab_);
  return id >= 0 ? token_text(vocab_, id, true) : std::string();
}

std::string Vocabulary::eos_text() const {
  const auto id = llama_vocab_eos(vocab_);
  return id >= 0 ? token_text(vocab_, id, true) : std::string();
}

bool Vocabulary::adds_bos() const { return llama_vocab_get_add_bos(vocab_); }

int Vocabulary::size() const { return llama_vocab_n_tokens(vocab_); }

}  // namespace outcrop::engine

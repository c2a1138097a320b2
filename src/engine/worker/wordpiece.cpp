#include "engine/worker/wordpiece.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

namespace outcrop::engine {
namespace {

constexpr std::size_t word_characters_max = 100;
constexpr std::string_view word_start = "\xE2\x96\x81";  // U+2581

bool is_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_space(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_WHITE_SPACE);
}

bool is_dropped(char32_t c) {
  if (c == 0 || c == 0xFFFD) return true;
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const auto type = u_charType(static_cast<UChar32>(c));
  return type == U_CONTROL_CHAR || type == U_FORMAT_CHAR || type == U_PRIVATE_USE_CHAR ||
         type == U_SURROGATE;
}

bool is_punctuation(char32_t c) {
  if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
      (c >= 123 && c <= 126))
    return true;
  return u_ispunct(static_cast<UChar32>(c));
}

void append_utf8(char32_t c, std::string& out) {
  std::string one;
  icu::UnicodeString(static_cast<UChar32>(c)).toUTF8String(one);
  out += one;
}

}  // namespace

WordPiece::WordPiece(const WordPieceFile& file)
    : unknown_(file.unknown),
      cls_(file.cls),
      sep_(file.sep),
      lowercase_(file.lowercase),
      strip_accents_(file.strip_accents) {
  for (std::size_t id = 0; id < file.tokens.size(); ++id) {
    if (file.special[id]) continue;
    std::string_view token = file.tokens[id];
    const bool start = token.starts_with(word_start);
    if (start) token.remove_prefix(word_start.size());
    if (token.empty()) continue;
    (start ? starts_ : continues_).emplace(token, static_cast<std::int32_t>(id));
    longest_ = std::max(longest_, token.size());
  }
}

void WordPiece::add_word(const std::u32string& word, std::vector<std::int32_t>& out) const {
  if (word.empty()) return;
  if (word.size() > word_characters_max) {
    out.push_back(unknown_);
    return;
  }
  std::string bytes;
  std::vector<std::size_t> ends{0};  // byte offsets of the characters' ends
  for (const char32_t c : word) {
    append_utf8(c, bytes);
    ends.push_back(bytes.size());
  }
  std::vector<std::int32_t> pieces;
  for (std::size_t at = 0; at < word.size();) {
    const auto& table = at == 0 ? starts_ : continues_;
    std::size_t end = word.size();
    for (; end > at; --end) {
      const std::size_t length = ends[end] - ends[at];
      if (length > longest_) continue;
      const auto found = table.find(bytes.substr(ends[at], length));
      if (found == table.end()) continue;
      pieces.push_back(found->second);
      break;
    }
    if (end == at) {  // one piece that is not there makes the whole word unknown
      out.push_back(unknown_);
      return;
    }
    at = end;
  }
  out.insert(out.end(), pieces.begin(), pieces.end());
}

std::vector<std::int32_t> WordPiece::tokenize(std::string_view text) const {
  const auto source = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  icu::UnicodeString cleaned;
  for (std::int32_t i = 0; i < source.length(); i = source.moveIndex32(i, 1)) {
    const auto c = static_cast<char32_t>(source.char32At(i));
    if (is_dropped(c)) continue;
    if (is_space(c)) {
      cleaned.append(static_cast<UChar32>(' '));
    } else if (is_cjk(c)) {
      cleaned.append(static_cast<UChar32>(' '))
          .append(static_cast<UChar32>(c))
          .append(static_cast<UChar32>(' '));
    } else {
      cleaned.append(static_cast<UChar32>(c));
    }
  }
  if (strip_accents_) {
    UErrorCode status = U_ZERO_ERROR;
    const auto* nfd = icu::Normalizer2::getNFDInstance(status);
    if (U_SUCCESS(status)) {
      const auto decomposed = nfd->normalize(cleaned, status);
      cleaned.remove();
      for (std::int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
        const auto c = decomposed.char32At(i);
        if (u_charType(c) != U_NON_SPACING_MARK) cleaned.append(c);
      }
    }
  }
  if (lowercase_) {
    // Character by character: the final sigma of Greek words stays a plain sigma.
    icu::UnicodeString lowered;
    for (std::int32_t i = 0; i < cleaned.length(); i = cleaned.moveIndex32(i, 1))
      lowered.append(icu::UnicodeString(cleaned.char32At(i)).toLower(icu::Locale::getRoot()));
    cleaned = lowered;
  }
  std::vector<std::int32_t> out;
  std::u32string word;
  for (std::int32_t i = 0; i < cleaned.length(); i = cleaned.moveIndex32(i, 1)) {
    const auto c = static_cast<char32_t>(cleaned.char32At(i));
    if (is_space(c)) {
      add_word(word, out);
      word.clear();
    } else if (is_punctuation(c)) {
      add_word(word, out);
      add_word(std::u32string(1, c), out);
      word.clear();
    } else {
      word.push_back(c);
    }
  }
  add_word(word, out);
  return out;
}

}  // namespace outcrop::engine

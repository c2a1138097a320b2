#include "app/config/options.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

namespace outcrop::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// The binary ones first: 65536 is "64 KiB", not "65.536 kB".
constexpr Unit size_units[] = {{"GiB", 1LL << 30},    {"MiB", 1LL << 20}, {"KiB", 1LL << 10},
                               {"GB", 1'000'000'000}, {"MB", 1'000'000},  {"kB", 1'000},
                               {"bytes", 1}};
constexpr Unit duration_units[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}};

std::string in_units(std::int64_t value, std::span<const Unit> units) {
  for (const auto& unit : units) {
    if (value != 0 && value % unit.factor == 0)
      return fmt::format("{} {}", value / unit.factor, unit.name);
  }
  return fmt::format("{} {}", value, units.back().name);
}

Result<std::int64_t> parse_quantity(std::string_view text, std::span<const Unit> units,
                                    std::string_view wanted) {
  text = trim(text);
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return fail(Code::validation, "{}", wanted);
  std::string_view name =
      trim(std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)));
  for (const auto& unit : units) {
    if (!equals_ignoring_case(name, unit.name)) continue;
    double value = number * static_cast<double>(unit.factor);
    if (value > 9e15 || value != std::floor(value)) return fail(Code::validation, "{}", wanted);
    return static_cast<std::int64_t>(value);
  }
  return fail(Code::validation, "{}", wanted);
}

std::string quoted(std::string_view text) {
  std::string out;
  json::write_string(text, out);
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += quoted(words[i]);
  }
  return out;
}

std::string such_as(const Facts& facts) {
  return facts.example.empty() ? std::string() : ", such as " + facts.example;
}

std::string amount(const Facts& facts, std::int64_t value) {
  switch (facts.kind) {
    case Kind::size:
      return size_text(value);
    case Kind::duration:
      return duration_text(value);
    default:
      return facts.unit.empty() ? fmt::format("{}", value)
                                : fmt::format("{} {}", value, facts.unit);
  }
}

Result<json::Value> in_range(const Facts& facts, std::int64_t value) {
  if (value < facts.minimum)
    return fail(Code::validation, "at least {} is wanted", amount(facts, facts.minimum));
  if (value > facts.maximum)
    return fail(Code::validation, "at most {} is allowed", amount(facts, facts.maximum));
  return json::Value(value);
}

Result<json::Value> check_string(const Facts& facts, std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return fail(Code::validation, "a text without a zero byte is wanted");
  if (facts.kind == Kind::choice) {
    if (std::find(facts.allowed.begin(), facts.allowed.end(), text) == facts.allowed.end()) {
      return fail(Code::validation, "{} is wanted", joined(facts.allowed));
    }
  } else if (facts.kind == Kind::address) {
    CHECK(parse_host_port(text));
  } else if (facts.required && text.empty()) {
    return fail(Code::validation, "a text that is not empty is wanted{}", such_as(facts));
  } else if (facts.accepts && !facts.accepts(text)) {
    return fail(Code::validation, "{} is wanted{}", facts.pattern, such_as(facts));
  }
  return json::Value(json::String(text));
}

}  // namespace

std::string size_text(std::int64_t bytes) { return in_units(bytes, size_units); }
std::string duration_text(std::int64_t milliseconds) {
  return milliseconds == 0 ? "0 s" : in_units(milliseconds, duration_units);
}

Result<std::int64_t> parse_size(std::string_view text) {
  return parse_quantity(text, size_units,
                        "a number of bytes or a text with a unit is wanted, such as \"64 KiB\"");
}
Result<std::int64_t> parse_duration(std::string_view text) {
  return parse_quantity(text, duration_units,
                        "a duration with its unit is wanted, such as \"15 s\"");
}

Result<json::Value> check(const Facts& facts, const json::Value& value) {
  switch (facts.kind) {
    case Kind::text:
    case Kind::path:
    case Kind::address:
    case Kind::choice:
      if (const auto* text = value.if_string()) return check_string(facts, json::view(*text));
      if (facts.kind == Kind::choice)
        return fail(Code::validation, "{} is wanted", joined(facts.allowed));
      return fail(Code::validation, "a text in quotes is wanted{}", such_as(facts));
    case Kind::whole:
      if (const auto* number = value.if_int64()) return in_range(facts, *number);
      return fail(Code::validation, "a whole number is wanted{}", such_as(facts));
    case Kind::toggle:
      if (value.is_bool()) return value;
      return fail(Code::validation, "true or false is wanted");
    case Kind::list: {
      const auto* array = value.if_array();
      bool texts = array && std::all_of(array->begin(), array->end(),
                                        [](const auto& item) { return item.is_string(); });
      if (!texts) return fail(Code::validation, "a list of texts is wanted{}", such_as(facts));
      for (const auto& item : *array) {
        if (item.get_string().empty())
          return fail(Code::validation, "a list of texts that are not empty is wanted");
      }
      return value;
    }
    case Kind::size: {
      if (const auto* number = value.if_int64()) return in_range(facts, *number);
      TRY(bytes,
          parse_size(value.is_string() ? json::view(value.get_string()) : std::string_view("?")));
      return in_range(facts, bytes);
    }
    case Kind::duration: {
      TRY(milliseconds, parse_duration(value.is_string() ? json::view(value.get_string())
                                                         : std::string_view("?")));
      return in_range(facts, milliseconds);
    }
  }
  return fail(Code::internal, "unknown kind of option");
}

Result<json::Value> check_text(const Facts& facts, std::string_view text) {
  switch (facts.kind) {
    case Kind::whole: {
      std::int64_t number = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) {
        return fail(Code::validation, "a whole number is wanted{}", such_as(facts));
      }
      return check(facts, json::Value(number));
    }
    case Kind::toggle:
      if (text == "true") return json::Value(true);
      if (text == "false") return json::Value(false);
      return fail(Code::validation, "true or false is wanted");
    case Kind::list: {
      json::Array items;
      for (auto item : split(text, ',')) {
        if (!trim(item).empty()) items.emplace_back(json::String(trim(item)));
      }
      return check(facts, json::Value(std::move(items)));
    }
    case Kind::size: {
      std::int64_t number = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size())
        return check(facts, json::Value(number));
      return check(facts, json::Value(json::String(text)));
    }
    default:
      return check(facts, json::Value(json::String(text)));
  }
}

std::string written(const Facts& facts, const json::Value& value) {
  if (facts.kind == Kind::size) return quoted(size_text(value.to_number<std::int64_t>()));
  if (facts.kind == Kind::duration) return quoted(duration_text(value.to_number<std::int64_t>()));
  if (const auto* array = value.if_array()) {
    std::string out = "[";
    for (const auto& item : *array) {
      if (out.size() > 1) out += ", ";
      out += json::write(item);
    }
    return out + "]";
  }
  return json::write(value);
}

Result<HostPort> parse_host_port(std::string_view text) {
  auto wanted = [] {
    return fail(Code::validation, "HOST:PORT is wanted, such as \"127.0.0.1:8177\" or \"[::1]:0\"");
  };
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wanted();
  std::string_view host = text.substr(0, colon);
  std::string_view digits = text.substr(colon + 1);
  bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!brackets && host.find(':') != std::string_view::npos)) return wanted();
  if (host.find_first_of(" /@[]") != std::string_view::npos) return wanted();
  unsigned port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return wanted();
  if (port > 65'535) return fail(Code::validation, "the port can be 0 to 65535");
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

bool is_loopback(std::string_view host) {
  if (equals_ignoring_case(host, "localhost") || host == "::1") return true;
  auto parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() <= 3 &&
                  part.find_first_not_of("0123456789") == std::string_view::npos;
         });
}

std::string_view to_text(KvType type) {
  constexpr std::string_view names[] = {"f16", "bf16", "q8_0"};
  return names[static_cast<int>(type)];
}
std::string_view to_text(ModelKind kind) {
  constexpr std::string_view names[] = {"auto", "chat", "embedding", "rerank"};
  return names[static_cast<int>(kind)];
}

}  // namespace outcrop::config

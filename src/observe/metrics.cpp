#include "observe/metrics.h"

#include "observe/log.h"
#include "observe/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <variant>

namespace outcrop::observe {
namespace {

void add_to(std::atomic<double>& target, double amount) {
  double seen = target.load(std::memory_order_relaxed);
  while (!target.compare_exchange_weak(seen, seen + amount, std::memory_order_relaxed)) {
  }
}

bool is_name(std::string_view name, bool colons) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colons && c == ':');
  });
}

/// A help text escapes '\' and the end of a line; a label's value the double quote as well.
std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (char c : only_utf8(text)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

/// a="1",b="2": sorted, escaped, without braces. It is also the key of the series.
std::string label_text(std::string_view metric, Labels labels, bool is_histogram) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    if (!is_name(name, false) || name.starts_with("__") || (is_histogram && name == "le")) {
      throw std::logic_error(
          fmt::format("metric {}: '{}' cannot be the name of a label", metric, name));
    }
    if (i > 0 && labels[i - 1].first == name) {
      throw std::logic_error(fmt::format("metric {}: label '{}' is given twice", metric, name));
    }
    if (i > 0) out += ',';
    fmt::format_to(std::back_inserter(out), "{}=\"{}\"", name, escape(value, true));
  }
  return out;
}

using Metric =
    std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;
constexpr std::string_view kind_names[] = {"counter", "gauge", "histogram"};

struct Family {
  std::size_t kind = 0;  // index into Metric
  std::string help;
  std::vector<double> bounds;
  std::map<std::string, Metric> series;
  bool overflowed = false;
};

void print(std::string_view name, const std::string& labels, const Metric& metric,
           std::string& out) {
  auto to = std::back_inserter(out);
  std::string braced = labels.empty() ? "" : "{" + labels + "}";
  if (const auto* counter = std::get_if<0>(&metric)) {
    fmt::format_to(to, "{}{} {}\n", name, braced, (*counter)->value());
  } else if (const auto* gauge = std::get_if<1>(&metric)) {
    fmt::format_to(to, "{}{} {}\n", name, braced, number((*gauge)->value()));
  } else {
    const Histogram& histogram = *std::get<2>(metric);
    auto counts = histogram.buckets();
    std::string comma = labels.empty() ? "" : labels + ",";
    for (std::size_t i = 0; i < counts.size(); ++i) {
      std::string bound = i < histogram.bounds().size() ? number(histogram.bounds()[i]) : "+Inf";
      fmt::format_to(to, "{}_bucket{{{}le=\"{}\"}} {}\n", name, comma, bound, counts[i]);
    }
    fmt::format_to(to, "{}_sum{} {}\n", name, braced, number(histogram.sum()));
    fmt::format_to(to, "{}_count{} {}\n", name, braced, counts.back());
  }
}

}  // namespace

void Gauge::add(double amount) { add_to(value_, amount); }

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)) {
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    if (!std::isfinite(bounds_[i]) || (i > 0 && bounds_[i] <= bounds_[i - 1])) {
      throw std::logic_error("a histogram's bounds must be finite and ascending");
    }
  }
  counts_ = std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1);
}

void Histogram::observe(double value) {
  if (std::isnan(value)) {
    counts_[bounds_.size()].fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  add_to(sum_, value);
}

std::vector<std::uint64_t> Histogram::buckets() const {
  std::vector<std::uint64_t> cumulative(bounds_.size() + 1);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < cumulative.size(); ++i) {
    cumulative[i] = total += counts_[i].load(std::memory_order_relaxed);
  }
  return cumulative;
}

struct Registry::Impl {
  std::size_t series_limit;
  mutable std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;

  Metric& find(std::size_t kind, std::string_view name, std::string_view help, const Labels& labels,
               const std::vector<double>& bounds, const std::function<Metric()>& make) {
    std::string key = label_text(name, labels, kind == 2);
    std::unique_lock lock(mutex);
    auto at = families.find(name);
    if (at == families.end()) {
      if (!is_name(name, true))
        throw std::logic_error(fmt::format("'{}' cannot name a metric", name));
      at = families.emplace(name, Family{kind, std::string(help), bounds, {}, false}).first;
    }
    Family& family = at->second;
    if (family.kind != kind) {
      throw std::logic_error(fmt::format("metric {} is a {} and was asked for as a {}", name,
                                         kind_names[family.kind], kind_names[kind]));
    }
    if (family.bounds != bounds) {
      throw std::logic_error(fmt::format("metric {} was asked for with two sets of bounds", name));
    }
    if (auto known = family.series.find(key); known != family.series.end()) return known->second;
    bool overflows = family.series.size() >= series_limit && !labels.empty();
    if (!overflows) return family.series.emplace(std::move(key), make()).first->second;

    Labels other = labels;
    for (auto& label : other) label.second = "other";
    bool first = !std::exchange(family.overflowed, true);
    // The rest comes on top of the limit: one more series for each set of label names.
    Metric& rest =
        family.series.try_emplace(label_text(name, other, kind == 2), make()).first->second;
    lock.unlock();
    if (first) {
      log(LogLevel::warn, "metric has too many series, the rest counts as other",
          {{"metric", name}, {"series_limit", series_limit}});
    }
    return rest;
  }
};

Registry::Registry(std::size_t series_limit) : impl_(std::make_unique<Impl>()) {
  impl_->series_limit = std::max<std::size_t>(series_limit, 1);
}
Registry::~Registry() = default;

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  auto make = [] { return Metric(std::make_unique<Counter>()); };
  return *std::get<0>(impl_->find(0, name, help, labels, {}, make));
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  auto make = [] { return Metric(std::make_unique<Gauge>()); };
  return *std::get<1>(impl_->find(1, name, help, labels, {}, make));
}

Histogram& Registry::histogram(std::string_view name, std::string_view help,
                               std::vector<double> bounds, const Labels& labels) {
  auto make = [&] { return Metric(std::make_unique<Histogram>(bounds)); };
  return *std::get<2>(impl_->find(2, name, help, labels, bounds, make));
}

std::string Registry::text() const {
  std::lock_guard lock(impl_->mutex);
  std::string out;
  for (const auto& [name, family] : impl_->families) {
    if (family.series.empty()) continue;
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name,
                   escape(family.help, false), name, kind_names[family.kind]);
    for (const auto& [labels, metric] : family.series) print(name, labels, metric, out);
  }
  return out;
}

}  // namespace outcrop::observe

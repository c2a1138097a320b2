#pragma once
/// Counters, gauges and histograms, in a registry that /metrics prints in Prometheus's text format.
/// Names: outcrop_<noun>_<unit>_total and the like; label values come from closed sets or are
/// bounded (beyond `series_limit` of one metric, the label set "other" collects the rest, and says
/// so once). Errors:  a name that the format forbids, a name used for two kinds of metric, or a
/// histogram asked
///          for with two sets of bounds is a bug of the caller: std::logic_error.
/// Threads: any; an increment is one atomic add once its series is known. Look a series up once and
///          keep the reference where the call is hot.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::observe {

/// Their order does not matter: {a,b} and {b,a} are one series.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount);
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  /// Upper bounds, inclusive, finite and ascending; +Inf is added. Otherwise std::logic_error.
  explicit Histogram(std::vector<double> bounds);
  /// A value that is no number counts in +Inf and stays out of the sum.
  void observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  std::vector<std::uint64_t> buckets() const;  // cumulative, the last is +Inf
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

class Registry {
 public:
  explicit Registry(std::size_t series_limit = 1'000);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  /// The same name and labels give the same object; references stay valid for the registry's life.
  /// The help of the first call is the one that is printed.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                       const Labels& labels = {});
  /// Text format 0.0.4: answer it with `content_type`. Families and series in order of their names.
  std::string text() const;
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::observe

#include "observe/metrics.h"

#include "observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

namespace outcrop::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, TheSameNameAndLabelsAreOneSeriesInAnyOrder) {
  Registry registry;
  auto& a = registry.counter("outcrop_calls_total", "Calls.", {{"model", "x"}, {"door", "y"}});
  auto& b = registry.counter("outcrop_calls_total", "Calls.", {{"door", "y"}, {"model", "x"}});
  auto& c = registry.counter("outcrop_calls_total", "Calls.", {{"door", "y"}, {"model", "z"}});
  EXPECT_EQ(&a, &b);
  EXPECT_NE(&a, &c);
}

TEST(Metrics, TheTextIsExact) {
  Registry registry;
  registry
      .counter("outcrop_b_total", "Second.\nWith \\ and \"quotes\".",
               {{"z", "1"}, {"a", "q\"b\\s\nl\xff"}})
      .add(3);
  registry.gauge("outcrop_a_ratio", "First.").set(0.25);
  auto& histogram =
      registry.histogram("outcrop_c_seconds", "Third.", {0.005, 1, 10}, {{"door", "x"}});
  for (double value : {0.00390625, 0.5, 1.0, 10.25}) histogram.observe(value);
  EXPECT_EQ(registry.text(),
            "# HELP outcrop_a_ratio First.\n"
            "# TYPE outcrop_a_ratio gauge\n"
            "outcrop_a_ratio 0.25\n"
            "# HELP outcrop_b_total Second.\\nWith \\\\ and \"quotes\".\n"
            "# TYPE outcrop_b_total counter\n"
            "outcrop_b_total{a=\"q\\\"b\\\\s\\nl\xEF\xBF\xBD\",z=\"1\"} 3\n"
            "# HELP outcrop_c_seconds Third.\n"
            "# TYPE outcrop_c_seconds histogram\n"
            "outcrop_c_seconds_bucket{door=\"x\",le=\"0.005\"} 1\n"
            "outcrop_c_seconds_bucket{door=\"x\",le=\"1\"} 3\n"
            "outcrop_c_seconds_bucket{door=\"x\",le=\"10\"} 3\n"
            "outcrop_c_seconds_bucket{door=\"x\",le=\"+Inf\"} 4\n"
            "outcrop_c_seconds_sum{door=\"x\"} 11.75390625\n"
            "outcrop_c_seconds_count{door=\"x\"} 4\n");
}

TEST(Metrics, AnEmptyRegistryPrintsNothing) { EXPECT_EQ(Registry().text(), ""); }

TEST(Metrics, UnusualNumbersAreWrittenAsTheFormatWantsThem) {
  Registry registry;
  auto& gauge = registry.gauge("outcrop_g", "G.");
  gauge.set(HUGE_VAL);
  EXPECT_THAT(registry.text(), HasSubstr("outcrop_g +Inf\n"));
  gauge.set(-HUGE_VAL);
  EXPECT_THAT(registry.text(), HasSubstr("outcrop_g -Inf\n"));
  gauge.set(std::nan(""));
  EXPECT_THAT(registry.text(), HasSubstr("outcrop_g NaN\n"));
  gauge.set(1e300);
  EXPECT_THAT(registry.text(), HasSubstr("outcrop_g 1e+300\n"));
}

TEST(Metrics, NotANumberDoesNotPoisonAHistogram) {
  Histogram histogram({1});
  histogram.observe(std::nan(""));
  histogram.observe(0.5);
  EXPECT_THAT(histogram.buckets(), ElementsAre(1, 2));
  EXPECT_EQ(histogram.sum(), 0.5);
}

TEST(Metrics, MistakesOfTheCallerAreSaid) {
  Registry registry;
  registry.counter("outcrop_x_total", "X.");
  EXPECT_THROW(registry.gauge("outcrop_x_total", "X."), std::logic_error);
  EXPECT_THROW(registry.counter("outcrop x", "X."), std::logic_error);
  EXPECT_THROW(registry.counter("1x", "X."), std::logic_error);
  EXPECT_THROW(registry.counter("", "X."), std::logic_error);
  EXPECT_THROW(registry.counter("outcrop_y_total", "Y.", {{"a-b", "1"}}), std::logic_error);
  EXPECT_THROW(registry.counter("outcrop_y_total", "Y.", {{"__a", "1"}}), std::logic_error);
  EXPECT_THROW(registry.counter("outcrop_y_total", "Y.", {{"a", "1"}, {"a", "2"}}),
               std::logic_error);
  EXPECT_THROW(registry.histogram("outcrop_h", "H.", {1}, {{"le", "1"}}), std::logic_error);
  EXPECT_THROW(registry.histogram("outcrop_i", "I.", {2, 1}), std::logic_error);
  registry.histogram("outcrop_j", "J.", {1, 2});
  EXPECT_THROW(registry.histogram("outcrop_j", "J.", {1, 3}), std::logic_error);
}

TEST(Metrics, BeyondTheLimitTheRestCountsAsOtherAndSaysSoOnce) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  configure_log({.fd = ends[1]});
  Registry registry(3);
  for (int i = 0; i < 10; ++i)
    registry.counter("outcrop_u_total", "U.", {{"user", std::to_string(i)}}).add();
  registry.counter("outcrop_u_total", "U.", {{"user", "1"}}).add();  // a known one stays its own
  configure_log({});
  ::close(ends[1]);
  char buffer[4096];
  auto size = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  std::string logged(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 1) << logged;
  EXPECT_THAT(logged, HasSubstr("outcrop_u_total"));
  std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("{user=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{user=\"2\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("{user=\"3\"}")));
  EXPECT_THAT(text, HasSubstr("{user=\"other\"} 7\n"));
}

TEST(Metrics, NoIncrementOfAnyThreadIsLost) {
  Registry registry;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry] {
      for (int i = 0; i < 5000; ++i) {
        registry.counter("outcrop_n_total", "N.", {{"k", std::to_string(i % 7)}}).add();
        registry.gauge("outcrop_g", "G.").add(0.5);
        registry.histogram("outcrop_h", "H.", {1, 2}).observe(1.5);
        if (i % 500 == 0) registry.text();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t total = 0;
  for (int k = 0; k < 7; ++k)
    total += registry.counter("outcrop_n_total", "N.", {{"k", std::to_string(k)}}).value();
  EXPECT_EQ(total, 20000u);
  EXPECT_EQ(registry.gauge("outcrop_g", "G.").value(), 10000);
  auto& histogram = registry.histogram("outcrop_h", "H.", {1, 2});
  EXPECT_THAT(histogram.buckets(), ElementsAre(0, 20000, 20000));
  EXPECT_EQ(histogram.sum(), 30000);
}

/// Prometheus's own checker, where it is installed.
TEST(Metrics, PrometheusAcceptsTheText) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "promtool is not installed";
  Registry registry;
  registry.counter("outcrop_calls_total", "Calls \\ of\nmodels.", {{"model", "a\"b\\c\nd"}}).add(7);
  registry.gauge("outcrop_queue_requests", "Waiting.").set(-1.5);
  registry.histogram("outcrop_call_seconds", "Time.", {0.001, 0.1, 1}, {{"door", "x"}})
      .observe(0.2);
  registry.histogram("outcrop_call_seconds", "Time.", {0.001, 0.1, 1}, {{"door", "y"}});
  FILE* checker = ::popen("promtool check metrics 2>&1 >/dev/null", "w");
  ASSERT_NE(checker, nullptr);
  std::string text = registry.text();
  std::fwrite(text.data(), 1, text.size(), checker);
  EXPECT_EQ(::pclose(checker), 0) << text;
}

}  // namespace
}  // namespace outcrop::observe

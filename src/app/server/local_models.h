#pragma once
/// The engines of the local models: one child process each, supervised.
/// Threads: the loop's.

#include "app/config/config.h"
#include "app/registry/registry.h"
#include "models/catalogue/stand_ins.h"
#include "models/model.h"
#include "observe/metrics.h"
#include "wire/loop.h"

#include <map>
#include <memory>
#include <string>

namespace outcrop::app {

class LocalModels {
 public:
  LocalModels(Loop& loop, const config::Config& config, observe::Registry& metrics);
  ~LocalModels();
  models::ModelPtr make(const registry::Model& model, const models::LocalModel& facts);
  json::Array status() const;
  Task<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::app

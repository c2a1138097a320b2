#pragma once
/// Which models run here: the scripted ones of the configuration and those of the registry, each
/// served by a provider. Rebuilt when the registry changes; calls keep the snapshot they began
/// with. Threads: the loop's.

#include "app/config/config.h"
#include "app/registry/registry.h"
#include "base/result.h"
#include "gateway/gateway.h"
#include "models/catalogue/stand_ins.h"
#include "models/model.h"
#include "wire/loop.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace outcrop::app {

/// Makes the provider of one local model; app/server/local_models.h has the real one.
using MakeLocal =
    std::function<models::ModelPtr(const registry::Model& model, const models::LocalModel& facts)>;

class ModelTable {
 public:
  ModelTable(Loop& loop, const config::Config& config, MakeLocal make_local)
      : loop_(loop), config_(config), make_local_(std::move(make_local)) {}

  /// Errors: validation (a script that is not one, a stand-in rule that names nothing).
  Result<void> rebuild(const registry::ModelRegistry& registry);

  std::shared_ptr<const models::StandIns> stand_ins() const { return stand_ins_; }
  /// Over the models in force; made anew with each rebuild.
  std::shared_ptr<const gateway::Resolver> snapshot() const { return snapshot_; }
  models::ModelPtr find(const std::string& provider, const std::string& target) const;
  /// A resolver that always asks the snapshot in force.
  std::shared_ptr<const gateway::Resolver> resolver();

 private:
  Result<void> add_scripted(std::vector<models::LocalModel>& models);
  Loop& loop_;
  const config::Config& config_;
  MakeLocal make_local_;
  std::shared_ptr<const models::StandIns> stand_ins_;
  std::shared_ptr<const gateway::Resolver> snapshot_;
  std::map<std::string, models::ModelPtr> providers_;  // "local:smollm2-135m-instruct"
};

}  // namespace outcrop::app

#include "app/server/model_table.h"

#include "models/catalogue/gguf.h"
#include "models/providers/scripted/scripted.h"
#include "observe/log.h"

#include <algorithm>
#include <utility>

namespace outcrop::app {
namespace {

using observe::Field;

/// Asks the table anew for each call, so that a model added while the server runs is found.
class CurrentResolver : public gateway::Resolver {
 public:
  explicit CurrentResolver(const ModelTable& table) : table_(table) {}
  Result<gateway::Resolution> resolve(std::string_view asked, gateway::Need need) const override {
    auto snapshot = table_.snapshot();  // a call keeps the one it began with
    return snapshot->resolve(asked, need);
  }

 private:
  const ModelTable& table_;
};

/// What the file says of itself, within what the configuration allows.
Result<models::LocalModel> facts_of(const registry::Model& model, const config::Config& config) {
  TRY(gguf, models::read_gguf_file(model.path));
  models::LocalModel facts;
  facts.name = model.name;
  facts.path = model.path;
  facts.kind = gguf.kind;
  facts.context_tokens = static_cast<int>(std::min<std::int64_t>(gguf.context_tokens, INT32_MAX));
  if (facts.kind != models::Kind::chat) facts.dimensions = static_cast<int>(gguf.embedding_length);
  if (model.kind == config::ModelKind::chat) facts.kind = models::Kind::chat;
  if (model.kind == config::ModelKind::embedding) facts.kind = models::Kind::embedding;
  if (model.kind == config::ModelKind::rerank) facts.kind = models::Kind::rerank;
  auto wanted = model.context_tokens > 0 ? model.context_tokens : config.engine.context_tokens;
  auto context = static_cast<int>(wanted > 0 ? wanted : std::int64_t{8192});
  facts.context_tokens =
      facts.context_tokens > 0 ? std::min(facts.context_tokens, context) : context;
  if (facts.kind == models::Kind::chat) facts.max_output_tokens = facts.context_tokens;
  facts.stands_in_for = model.stands_in_for;
  return facts;
}

}  // namespace

Result<void> ModelTable::add_scripted(std::vector<models::LocalModel>& models) {
  for (const auto& entry : config_.scripted) {
    auto script = models::scripted::Script::read(entry.script);
    if (!script)
      return fail(Code::validation, "[[scripted]] {}: {}", entry.name, script.error().message);
    models::LocalModel facts;
    facts.name = entry.name;
    facts.provider = "scripted";
    facts.kind = entry.kind == config::ModelKind::embedding ? models::Kind::embedding
                 : entry.kind == config::ModelKind::rerank  ? models::Kind::rerank
                                                            : models::Kind::chat;
    facts.stands_in_for = entry.stands_in_for;
    providers_["scripted:" + entry.name] = models::scripted::make(std::move(*script), loop_);
    models.push_back(std::move(facts));
  }
  return {};
}

Result<void> ModelTable::rebuild(const registry::ModelRegistry& registry) {
  std::vector<models::LocalModel> models;
  auto before = std::exchange(providers_, {});
  CHECK(add_scripted(models));
  for (const auto& model : registry.list()) {
    auto facts = facts_of(model, config_);
    if (!facts || !model.problem.empty()) {
      observe::log(
          LogLevel::error, "a model cannot be used",
          {Field("model", model.name),
           Field("reason", model.problem.empty() ? facts.error().message : model.problem)});
      continue;
    }
    std::string name = "local:" + model.name;
    auto running = before.find(name);
    providers_[name] = running != before.end() ? running->second : make_local_(model, *facts);
    models.push_back(std::move(*facts));
  }
  models::StandInSettings settings;
  settings.enabled = config_.stand_ins == config::StandIns::on;
  TRY(stand_ins, models::StandIns::make(settings, std::move(models)));
  stand_ins_ = std::make_shared<const models::StandIns>(std::move(stand_ins));
  snapshot_ = gateway::make_resolver(
      stand_ins_, [this](const std::string& provider, const std::string& target) {
        return find(provider, target);
      });
  return {};
}

models::ModelPtr ModelTable::find(const std::string& provider, const std::string& target) const {
  auto found = providers_.find(provider + ":" + target);
  return found == providers_.end() ? nullptr : found->second;
}

std::shared_ptr<const gateway::Resolver> ModelTable::resolver() {
  return std::make_shared<CurrentResolver>(*this);
}

}  // namespace outcrop::app

#pragma once
/// The models of this installation: those of the configuration, those that were added, and every
/// *.gguf of the models folder. Names are unique; of two with one name the first kind in this order
/// wins. Threads: the loop's; folders are listed and files looked at on its pool.

#include "app/config/config.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "json/json.h"
#include "store/records.h"
#include "wire/loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::registry {

enum class Source : std::uint8_t { configured, added, folder };
std::string_view to_text(Source source);

struct Model {
  std::string name;
  std::string path;  // absolute
  Source source = Source::folder;
  config::ModelKind kind = config::ModelKind::automatic;  // automatic: the file decides
  std::vector<std::string> stands_in_for;
  std::int64_t context_tokens = 0;  // 0: engine.context_tokens
  std::int64_t size_bytes = 0;      // of the file, as it is now
  std::string sha256;               // hex, of an added one
  std::optional<WallTime> added;
  bool owned = false;       // the file was copied or fetched for us, and goes with its entry
  json::Value description;  // what the engine said of an added file; null of others
  std::string problem;      // why the file cannot be used; empty when it can be read
};
json::Object to_json(const Model& model);

struct Addition {
  std::string name{};  // empty: made from the file's name
  std::string path{};
  config::ModelKind kind = config::ModelKind::automatic;
  std::vector<std::string> stands_in_for{};
  std::int64_t context_tokens = 0;
  std::string sha256{};
  bool owned = false;
  json::Value description{};
};

class ModelRegistry {
 public:
  /// The store must outlive it. Errors: those of the store.
  static Task<Result<std::unique_ptr<ModelRegistry>>> open(Loop& loop, store::Records& records,
                                                           config::Config config);

  /// In order: configured, added, folder; within each by name.
  const std::vector<Model>& list() const { return models_; }
  const Model* find(std::string_view name) const;
  /// The same path again replaces its entry. Errors: validation (name, path, no GGUF file),
  /// conflict (the name is taken), too_large (over the limit of models).
  Task<Result<Model>> add(Addition addition);
  /// Of added ones; an owned file is deleted too. Errors: not_found; conflict, for those that are
  /// not added, saying where they come from.
  Task<Result<Model>> remove(std::string name);
  /// Looks at the folder and the files again.
  Task<Result<void>> rescan();
  /// Called after add(), remove() and a rescan() that found a difference.
  void on_change(std::function<void()> callback) { changed_ = std::move(callback); }

  static constexpr std::size_t models_limit = 1'000;           // added ones
  static constexpr std::size_t folder_entries_limit = 10'000;  // looked at in the models folder

 private:
  ModelRegistry(Loop& loop, store::Records& records, config::Config config)
      : loop_(loop), records_(records), config_(std::move(config)) {}
  Task<Result<std::vector<Model>>> read();
  Loop& loop_;
  store::Records& records_;
  config::Config config_;
  std::vector<Model> models_;
  std::function<void()> changed_;
};

/// "/x/Qwen3-4B-Q4_K_M.gguf" -> "qwen3-4b-q4-k-m"; the part number of a split file is left out.
std::string name_for(std::string_view path);
bool is_model_name(std::string_view name);

}  // namespace outcrop::registry

#include "app/registry/registry.h"

#include "app/registry/gguf.h"
#include "base/text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <tuple>
#include <unistd.h>

namespace outcrop::registry {
namespace {

const std::vector<store::Migration>& migrations() {
  static const std::vector<store::Migration> list{{"app/1-models", R"(
CREATE TABLE models (
  name TEXT NOT NULL PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  stands_in_for TEXT NOT NULL,
  context_tokens BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  owned BIGINT NOT NULL,
  description TEXT NOT NULL,
  added TEXT NOT NULL
))"}};
  return list;
}

config::ModelKind kind_of(std::string_view text) {
  for (auto kind :
       {config::ModelKind::chat, config::ModelKind::embedding, config::ModelKind::rerank}) {
    if (text == config::to_text(kind)) return kind;
  }
  return config::ModelKind::automatic;
}

json::Array texts(const std::vector<std::string>& list) {
  json::Array out;
  for (const auto& item : list) out.emplace_back(json::String(item));
  return out;
}

/// Size and problem, from the file as it is now.
void look(Model& model) {
  std::error_code error;
  auto size = std::filesystem::file_size(model.path, error);
  if (error) {
    model.size_bytes = 0;
    model.problem = fmt::format("the file cannot be read: {}", error.message());
    return;
  }
  model.size_bytes = static_cast<std::int64_t>(size);
  auto checked = check_gguf(model.path);
  model.problem = checked ? std::string() : checked.error().message;
}

std::string canonical(const std::string& path) {
  std::error_code error;
  auto out = std::filesystem::weakly_canonical(path, error);
  return error ? path : out.string();
}

Result<Model> from_row(const store::Row& row) {
  Model model;
  model.name = row.text(0);
  model.path = row.text(1);
  model.source = Source::added;
  model.kind = kind_of(row.text(2));
  TRY(patterns, json::read(row.text(3)));
  for (const auto& item : patterns.as_array())
    model.stands_in_for.emplace_back(json::view(item.as_string()));
  model.context_tokens = row.integer(4);
  model.sha256 = row.text(5);
  model.owned = row.integer(6) != 0;
  TRY(description, json::read(row.text(7)));
  model.description = std::move(description);
  model.added = parse_iso8601(row.text(8));
  return model;
}

/// A name that differs from what came before counts as a difference, and so on.
bool same(const std::vector<Model>& a, const std::vector<Model>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Model& x, const Model& y) {
    return x.name == y.name && x.path == y.path && x.size_bytes == y.size_bytes &&
           x.problem == y.problem;
  });
}

}  // namespace

std::string_view to_text(Source source) {
  constexpr std::string_view names[] = {"configured", "added", "folder"};
  return names[static_cast<int>(source)];
}

json::Object to_json(const Model& model) {
  json::Object out;
  out["name"] = model.name;
  out["path"] = model.path;
  out["source"] = to_text(model.source);
  out["kind"] = config::to_text(model.kind);
  out["stands_in_for"] = texts(model.stands_in_for);
  if (model.context_tokens) out["context_tokens"] = model.context_tokens;
  out["size_bytes"] = model.size_bytes;
  if (!model.sha256.empty()) out["sha256"] = model.sha256;
  if (model.added) out["added"] = iso8601(*model.added);
  out["owned"] = model.owned;
  if (!model.description.is_null()) out["description"] = model.description;
  if (!model.problem.empty()) out["problem"] = model.problem;
  return out;
}

std::string name_for(std::string_view path) {
  std::string name = lower(std::filesystem::path(path).filename().string());
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  auto of = name.rfind("-of-");
  if (of != std::string::npos && of > 6 && name.size() == of + 9) name.resize(of - 6);
  for (char& c : name) {
    // No '_': Bedrock's pattern of a model id takes none beside a dot, and a name is asked for as
    // an id.
    bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!fine) c = '-';
  }
  name.erase(0, name.find_first_not_of("-."));
  if (name.size() > 63) name.resize(63);
  return name.empty() ? "model" : name;
}

bool is_model_name(std::string_view name) {
  return !name.empty() && name_for(name) == name && !name.ends_with(".gguf");
}

Task<Result<std::unique_ptr<ModelRegistry>>> ModelRegistry::open(Loop& loop,
                                                                 store::Records& records,
                                                                 config::Config config) {
  std::unique_ptr<ModelRegistry> out(new ModelRegistry(loop, records, std::move(config)));
  CO_CHECK(co_await records.migrate(migrations()));
  CO_TRY(models, co_await out->read());
  out->models_ = std::move(models);
  co_return std::move(out);
}

Task<Result<std::vector<Model>>> ModelRegistry::read() {
  CO_TRY(rows, co_await records_.query("SELECT name, path, kind, stands_in_for, context_tokens, "
                                       "sha256, owned, description, added FROM models "
                                       "ORDER BY name"));
  std::vector<Model> out;
  for (const auto& entry : config_.models) {
    Model model;
    model.name = entry.name;
    model.path = entry.path;
    model.source = Source::configured;
    model.kind = entry.kind;
    model.stands_in_for = entry.stands_in_for;
    model.context_tokens = entry.context_tokens;
    out.push_back(std::move(model));
  }
  std::sort(out.begin(), out.end(), [](const Model& a, const Model& b) { return a.name < b.name; });
  for (const auto& row : rows) {
    CO_TRY(model, from_row(row));
    out.push_back(std::move(model));
  }
  std::string folder = config_.models_folder();
  auto work = [out = std::move(out), folder = std::move(folder)]() mutable {
    std::set<std::string> names, paths;
    std::vector<Model> kept;
    auto keep = [&](Model model) {
      // The same file under two names is two models only when somebody wrote both names down.
      if (model.source == Source::folder && paths.contains(canonical(model.path))) return;
      if (!names.insert(model.name).second) return;
      paths.insert(canonical(model.path));
      look(model);
      kept.push_back(std::move(model));
    };
    for (auto& model : out) keep(std::move(model));
    std::vector<Model> lying;
    for (const auto& path : gguf_files(folder, folder_entries_limit)) {
      Model model;
      model.name = name_for(path);
      model.path = path;
      lying.push_back(std::move(model));
    }
    std::sort(lying.begin(), lying.end(), [](const Model& a, const Model& b) {
      return std::tie(a.name, a.path) < std::tie(b.name, b.path);
    });
    for (auto& model : lying) keep(std::move(model));
    return kept;
  };
  co_return co_await loop_.offload(std::move(work));
}

const Model* ModelRegistry::find(std::string_view name) const {
  auto found = std::find_if(models_.begin(), models_.end(),
                            [&](const Model& model) { return model.name == name; });
  return found == models_.end() ? nullptr : &*found;
}

Task<Result<void>> ModelRegistry::rescan() {
  CO_TRY(models, co_await read());
  bool changed = !same(models, models_);
  models_ = std::move(models);
  if (changed && changed_) changed_();
  co_return Result<void>();
}

Task<Result<Model>> ModelRegistry::add(Addition addition) {
  if (addition.path.empty() || addition.path.front() != '/') {
    co_return fail(Code::validation, "path = \"{}\": an absolute path is wanted", addition.path);
  }
  if (addition.name.empty()) addition.name = name_for(addition.path);
  if (!is_model_name(addition.name)) {
    co_return fail(
        Code::validation,
        "name = \"{}\": at most 63 of a-z, 0-9, '-' and '.' are wanted, beginning with a "
        "letter or a digit",
        addition.name);
  }
  std::string path = addition.path;
  auto check = [path] { return check_gguf(path); };
  CO_CHECK(co_await loop_.offload(std::move(check)));
  std::size_t added = 0;
  for (const auto& model : models_) {
    added += model.source == Source::added;
    bool replaced = model.source == Source::added && model.path == addition.path;
    // One of the folder gives way when it is this very file; another file of that name does not.
    bool same_file =
        model.source == Source::folder && canonical(model.path) == canonical(addition.path);
    if (model.name == addition.name && !replaced && !same_file) {
      co_return fail(Code::conflict, "the name {} is taken by {} ({}): choose another with --name",
                     model.name, model.path, to_text(model.source));
    }
  }
  if (added >= models_limit)
    co_return fail(Code::too_large, "{} models are added already, the most that are kept", added);
  auto time = iso8601(wall_now());
  std::string patterns = json::write(json::Value(texts(addition.stands_in_for)));
  std::string description = json::write(addition.description);
  store::Params row{addition.name,
                    addition.path,
                    std::string(config::to_text(addition.kind)),
                    patterns,
                    addition.context_tokens,
                    addition.sha256,
                    static_cast<std::int64_t>(addition.owned),
                    description,
                    time};
  auto work = [row = std::move(row), path](store::Transaction& transaction) -> Result<void> {
    CHECK(transaction.execute("DELETE FROM models WHERE path = ?", {path}));
    CHECK(transaction.execute(
        "INSERT INTO models (name, path, kind, stands_in_for, context_tokens, sha256, owned, "
        "description, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row));
    return {};
  };
  CO_CHECK(co_await records_.transaction(std::move(work)));
  CO_TRY(models, co_await read());
  models_ = std::move(models);
  if (changed_) changed_();
  const Model* model = find(addition.name);
  if (!model)
    co_return fail(Code::internal, "the model {} was added and is not there", addition.name);
  co_return *model;
}

Task<Result<Model>> ModelRegistry::remove(std::string name) {
  const Model* found = find(name);
  if (!found) co_return fail(Code::not_found, "there is no model {} here", name);
  if (found->source == Source::configured) {
    co_return fail(Code::conflict, "{} comes from the configuration: remove its [[model]] there",
                   name);
  }
  if (found->source == Source::folder) {
    co_return fail(Code::conflict, "{} comes from the models folder: remove the file {}", name,
                   found->path);
  }
  Model model = *found;
  store::Params key{name};
  CO_CHECK(co_await records_.execute("DELETE FROM models WHERE name = ?", std::move(key)));
  if (model.owned) {
    auto work = [path = model.path]() -> Result<void> {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail(Code::io, "{} could not be deleted: {}", path, std::strerror(errno));
      }
      return {};
    };
    CO_CHECK(co_await loop_.offload(std::move(work)));
  }
  CO_TRY(models, co_await read());
  models_ = std::move(models);
  if (changed_) changed_();
  co_return model;
}

}  // namespace outcrop::registry

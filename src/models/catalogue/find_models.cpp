#include "models/catalogue/gguf.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace outcrop::models {
namespace {

namespace fs = std::filesystem;

constexpr int depth_limit = 8;               // folders below a root
constexpr std::size_t entry_limit = 50'000;  // files and folders looked at in one root

class Search {
 public:
  Search(std::vector<FoundModel>& found, std::size_t limit) : found_(found), limit_(limit) {}

  /// `name_of` turns the path below the root into a name.
  void folder(const fs::path& root, const std::string& where, bool hugging_face) {
    std::error_code error;
    fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied,
                                          error);
    if (error) return;
    std::size_t looked = 0;
    for (; walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      if (error || ++looked > entry_limit || found_.size() >= limit_) return;
      if (walk.depth() >= depth_limit) walk.disable_recursion_pending();
      const auto& path = walk->path();
      if (path.extension() != ".gguf") continue;
      add(path, name_below(root, path, hugging_face), where);
    }
  }

  void ollama(const fs::path& root) {
    std::error_code error;
    const fs::path manifests = root / "manifests";
    fs::recursive_directory_iterator walk(manifests, fs::directory_options::skip_permission_denied,
                                          error);
    if (error) return;
    std::size_t looked = 0;
    for (; walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      if (error || ++looked > entry_limit || found_.size() >= limit_) return;
      if (!walk->is_regular_file(error) || walk->file_size(error) > 1 << 20) continue;
      std::ifstream file(walk->path(), std::ios::binary);
      std::stringstream text;
      text << file.rdbuf();
      auto manifest = json::read(text.str());
      const auto* layers = manifest ? json::find(*manifest, "layers") : nullptr;
      if (!layers || !layers->is_array()) continue;
      for (const auto& layer : layers->get_array()) {
        const auto* object = layer.if_object();
        if (!object ||
            json::find_string(*object, "mediaType") != "application/vnd.ollama.image.model")
          continue;
        std::string digest(json::find_string(*object, "digest").value_or(""));
        if (!digest.starts_with("sha256:") || digest.find('/') != std::string::npos) continue;
        digest[6] = '-';
        add(root / "blobs" / digest, ollama_name(manifests, walk->path()), "Ollama");
      }
    }
  }

 private:
  void add(const fs::path& path, std::string name, const std::string& where) {
    const std::string file = path.filename().string();
    if (file.find("mmproj") != std::string::npos) return;
    if (auto of = file.rfind("-of-");
        of != std::string::npos && of >= 5 && file.compare(of - 5, 5, "00001") != 0)
      return;
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (error || !fs::is_regular_file(real, error)) return;
    const auto bytes = fs::file_size(real, error);
    if (error || !seen_.insert(real.string()).second) return;
    found_.push_back({std::move(name), path.string(), where, bytes});
  }

  /// registry.ollama.ai/library/llama3.2/1b is called llama3.2:1b; another owner's keeps the owner.
  static std::string ollama_name(const fs::path& manifests, const fs::path& path) {
    std::vector<std::string> parts;
    for (const auto& part : path.lexically_relative(manifests)) parts.push_back(part.string());
    if (parts.size() < 3) return path.filename().string();
    const auto& tag = parts[parts.size() - 1];
    const auto& model = parts[parts.size() - 2];
    const auto& owner = parts[parts.size() - 3];
    return (owner == "library" ? "" : owner + "/") + model + ":" + tag;
  }

  /// models--org--repo/snapshots/<revision>/file.gguf is called org/repo/file.gguf.
  static std::string name_below(const fs::path& root, const fs::path& path, bool hugging_face) {
    std::string name;
    int position = 0;
    for (const auto& part : path.lexically_relative(root)) {
      std::string text = part.string();
      if (hugging_face) {
        if (position == 1 || position == 2) {
          ++position;
          continue;
        }
        if (text.starts_with("models--")) text.erase(0, 8);
        for (auto at = text.find("--"); position == 0 && at != std::string::npos;
             at = text.find("--"))
          text.replace(at, 2, "/");
      }
      if (!name.empty()) name += '/';
      name += text;
      ++position;
    }
    return name;
  }

  std::vector<FoundModel>& found_;
  std::size_t limit_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<FoundModel> find_models(const std::string& home, std::size_t limit) {
  std::vector<FoundModel> found;
  Search search(found, limit);
  const fs::path root(home);
  search.ollama(root / ".ollama/models");
  search.folder(root / ".cache/huggingface/hub", "Hugging Face", true);
  search.folder(root / ".lmstudio/models", "LM Studio", false);
  search.folder(root / ".cache/lm-studio/models", "LM Studio", false);
  search.folder(root / ".cache/llama.cpp", "llama.cpp", false);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.where, a.name) < std::tie(b.where, b.name);
  });
  return found;
}

}  // namespace outcrop::models

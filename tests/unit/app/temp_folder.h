#pragma once
/// A folder of its own for a test, gone with it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace outcrop {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/outcrop-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path(std::string_view name = {}) const {
    return name.empty() ? path_ : path_ + "/" + std::string(name);
  }
  std::string write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

 private:
  std::string path_;
};

/// The smallest thing that begins like a GGUF file: version 3, no tensors, no metadata.
inline std::string gguf_bytes(std::size_t more = 0) {
  std::string out = "GGUF";
  out += std::string("\3\0\0\0", 4) + std::string(16, '\0');
  return out + std::string(more, 'w');
}

}  // namespace outcrop

#pragma once
/// A console whose words are kept, as if both ends were pipes.

#include "app/cli/console.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace outcrop::cli {

class Captured {
 public:
  Captured() {
    console.out = ::open_memstream(&out_, &out_size_);
    console.err = ::open_memstream(&err_, &err_size_);
  }
  ~Captured() {
    std::fclose(console.out);
    std::fclose(console.err);
    std::free(out_);
    std::free(err_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::string out() const { return std::fflush(console.out), std::string(out_, out_size_); }
  std::string err() const { return std::fflush(console.err), std::string(err_, err_size_); }

  Console console;

 private:
  char* out_ = nullptr;
  char* err_ = nullptr;
  std::size_t out_size_ = 0;
  std::size_t err_size_ = 0;
};

}  // namespace outcrop::cli

#include "identity/sealing.h"

#include "base/ids.h"
#include "base/text.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace outcrop::identity {
namespace {

constexpr char version = 1;
constexpr std::size_t nonce_bytes = 12, tag_bytes = 16;

const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return fetched;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

Context new_context() {
  Context context(EVP_CIPHER_CTX_new());
  if (!context || cipher() == nullptr) throw std::bad_alloc();
  return context;
}

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Failure io(std::string_view what, const std::string& file) {
  return fail(Code::io, "cannot {} the sealing key file {}: {}", what, file, std::strerror(errno));
}

Result<void> write_new(const std::string& file, const std::string& text) {
  File out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.get() < 0) return io("create", file);
  for (std::size_t done = 0; done < text.size();) {
    auto n = ::write(out.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io("write", file);
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(out.get()) != 0) return io("sync", file);
  // The name must be on disk too before anything is sealed with the key.
  auto folder = std::filesystem::path(file).parent_path();
  File in(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (in.get() < 0 || ::fsync(in.get()) != 0) return io("sync the folder of", file);
  return {};
}

}  // namespace

SealingKey SealingKey::random() { return SealingKey(random_bytes(32)); }

Result<SealingKey> SealingKey::open(const std::string& file, bool create) {
  File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0 && errno == ENOENT) {
    if (!create) {
      return fail(Code::not_found, "the sealing key file {} is not there", file);
    }
    SealingKey made = random();
    CHECK(write_new(file, hex(made.key_) + "\n"));
    return made;
  }
  if (in.get() < 0) return io("open", file);
  struct stat facts{};
  if (::fstat(in.get(), &facts) != 0) return io("examine", file);
  if ((facts.st_mode & 077) != 0) {
    return fail(Code::validation,
                "the sealing key file {} can be read by others (mode {:04o}); run: chmod 600 {}",
                file, facts.st_mode & 07777, file);
  }
  char text[128];
  auto n = ::read(in.get(), text, sizeof text);
  if (n < 0) return io("read", file);
  std::string_view digits(text, static_cast<std::size_t>(n));
  while (digits.ends_with('\n') || digits.ends_with('\r')) digits.remove_suffix(1);
  auto key = unhex(digits);
  if (!key || key->size() != 32) {
    return fail(Code::corrupt,
                "the sealing key file {} must hold 64 hex digits; restore it from a backup", file);
  }
  return SealingKey(std::move(*key));
}

std::string SealingKey::seal(std::string_view secret, std::string_view context) const {
  std::string nonce = random_bytes(nonce_bytes);
  std::string out = version + nonce;
  std::string ciphertext(secret.size(), '\0'), tag(tag_bytes, '\0');
  auto state = new_context();
  int written = 0;
  bool ok = EVP_EncryptInit_ex2(state.get(), cipher(), bytes(std::string_view(key_)),
                                bytes(std::string_view(nonce)), nullptr) == 1 &&
            EVP_EncryptUpdate(state.get(), nullptr, &written, bytes(context),
                              static_cast<int>(context.size())) == 1 &&
            EVP_EncryptUpdate(state.get(), bytes(ciphertext), &written, bytes(secret),
                              static_cast<int>(secret.size())) == 1 &&
            EVP_EncryptFinal_ex(state.get(), bytes(ciphertext) + written, &written) == 1 &&
            EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) == 1;
  if (!ok) throw std::bad_alloc();  // nothing but memory can fail here
  return out + ciphertext + tag;
}

Result<std::string> SealingKey::unseal(std::string_view sealed, std::string_view context) const {
  if (sealed.size() < 1 + nonce_bytes + tag_bytes || sealed[0] != version) {
    return fail(Code::corrupt, "this is no sealed secret of a version known here");
  }
  auto nonce = sealed.substr(1, nonce_bytes);
  auto ciphertext = sealed.substr(1 + nonce_bytes, sealed.size() - 1 - nonce_bytes - tag_bytes);
  std::string tag(sealed.substr(sealed.size() - tag_bytes));
  std::string out(ciphertext.size(), '\0');
  auto state = new_context();
  int written = 0;
  bool ok = EVP_DecryptInit_ex2(state.get(), cipher(), bytes(std::string_view(key_)), bytes(nonce),
                                nullptr) == 1 &&
            EVP_DecryptUpdate(state.get(), nullptr, &written, bytes(context),
                              static_cast<int>(context.size())) == 1 &&
            EVP_DecryptUpdate(state.get(), bytes(out), &written, bytes(ciphertext),
                              static_cast<int>(ciphertext.size())) == 1 &&
            EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
            EVP_DecryptFinal_ex(state.get(), bytes(out) + written, &written) == 1;
  if (!ok) {
    return fail(Code::corrupt,
                "it was changed since it was sealed, or sealed with another key file");
  }
  return out;
}

}  // namespace outcrop::identity

#include "wire/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <new>

namespace outcrop::wire {

namespace {

struct BioDelete {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioDelete>;
struct X509Delete {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct KeyDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

std::string why() {
  char text[256] = "unknown";
  if (auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char ours[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301, 3.2: no_application_protocol
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<TlsContext> make_server_context(const TlsIdentity& identity) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(Code::internal, "No TLS context: {}.", why());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);  // 32 kB less for each idle connection
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);

  Bio chain(BIO_new_mem_buf(identity.certificate_chain.data(),
                            static_cast<int>(identity.certificate_chain.size())));
  std::unique_ptr<X509, X509Delete> leaf(
      PEM_read_bio_X509_AUX(chain.get(), nullptr, nullptr, nullptr));
  if (!leaf)
    return fail(Code::validation, "The TLS certificate is not PEM that OpenSSL reads: {}.", why());
  if (SSL_CTX_use_certificate(context.get(), leaf.get()) != 1) {
    return fail(Code::validation, "The TLS certificate cannot be used: {}.", why());
  }
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context.get(), next) != 1) {
      X509_free(next);
      return fail(Code::validation, "A certificate of the TLS chain cannot be used: {}.", why());
    }
  }
  ERR_clear_error();  // the end of the file is reported as an error

  Bio key_text(
      BIO_new_mem_buf(identity.private_key.data(), static_cast<int>(identity.private_key.size())));
  std::unique_ptr<EVP_PKEY, KeyDelete> key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  if (!key)
    return fail(
        Code::validation,
        "The TLS private key is not PEM that OpenSSL reads (it must have no passphrase): {}.",
        why());
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return fail(Code::validation, "The TLS private key does not belong to the certificate: {}.",
                why());
  }
  return context;
}

Tls::Tls(SSL_CTX* context) : ssl_(SSL_new(context)) {
  if (!ssl_) throw std::bad_alloc();
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (!in || !out) throw std::bad_alloc();
  SSL_set_bio(ssl_.get(), in, out);
  SSL_set_accept_state(ssl_.get());
}

void Tls::receive(std::string_view bytes) {
  if (state_ == State::open)
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
}

std::size_t Tls::read(char* to, std::size_t room) {
  if (state_ != State::open || room == 0) return 0;
  ERR_clear_error();
  std::size_t count = 0;
  if (SSL_read_ex(ssl_.get(), to, room, &count) == 1) return count;
  switch (SSL_get_error(ssl_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      break;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::closed;
      break;
    default:
      state_ = State::failed;
      break;
  }
  return 0;
}

bool Tls::write(std::string_view plain) {
  if (state_ == State::failed) return false;
  if (plain.empty()) return true;
  ERR_clear_error();
  std::size_t count = 0;
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) == 1) return true;
  state_ = State::failed;
  return false;
}

void Tls::shut_down() {
  ERR_clear_error();
  if (state_ != State::failed && established()) SSL_shutdown(ssl_.get());
}

std::string Tls::take_output() {
  std::string bytes;
  BIO* out = SSL_get_wbio(ssl_.get());
  if (auto pending = BIO_ctrl_pending(out); pending > 0) {
    bytes.resize(pending);
    BIO_read(out, bytes.data(), static_cast<int>(pending));
  }
  return bytes;
}

std::string_view Tls::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

}  // namespace outcrop::wire

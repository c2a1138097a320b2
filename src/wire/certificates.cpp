#include "wire/certificates.h"

#include "base/ids.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <memory>

namespace outcrop::wire {

namespace {

struct Delete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(BIGNUM* number) const { BN_free(number); }
};
template <class T>
using Owned = std::unique_ptr<T, Delete>;

constexpr long authority_days = 3650;
constexpr long seconds_per_day = 24 * 60 * 60;
constexpr long clock_skew_seconds = 60 * 60;  // valid from an hour ago

Failure refused(std::string_view doing) {
  char text[256] = "unknown";
  if (auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(Code::internal, "OpenSSL failed {}: {}.", doing, text);
}

std::string pem(const X509* certificate) {
  Owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), const_cast<X509*>(certificate));
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem(const EVP_PKEY* key) {
  Owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), const_cast<EVP_PKEY*>(key), nullptr, nullptr, 0, nullptr,
                                nullptr);
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A fresh serial number, the times and the names; the extensions and the signature are the
// caller's.
Owned<X509> begin_certificate(EVP_PKEY* key, const std::string& common_name, X509* issuer,
                              long days) {
  Owned<X509> certificate(X509_new());
  if (!certificate) return nullptr;
  X509_set_version(certificate.get(), X509_VERSION_3);
  auto random = random_bytes(16);
  random[0] = static_cast<char>((random[0] & 0x3f) | 0x40);  // positive, and always 16 bytes
  Owned<BIGNUM> serial(BN_bin2bn(reinterpret_cast<const unsigned char*>(random.data()),
                                 static_cast<int>(random.size()), nullptr));
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get()));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -clock_skew_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * seconds_per_day);
  X509_set_pubkey(certificate.get(), key);
  auto* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(certificate.get(), issuer ? X509_get_subject_name(issuer) : subject);
  return certificate;
}

// As structures, not as OpenSSL's configuration text: a name with a comma cannot add another.
bool add_alternative_names(X509* certificate, const std::vector<std::string>& names) {
  Owned<GENERAL_NAMES> list(GENERAL_NAMES_new());
  for (const auto& name : names) {
    unsigned char address[16];
    int size = ::inet_pton(AF_INET, name.c_str(), address) == 1    ? 4
               : ::inet_pton(AF_INET6, name.c_str(), address) == 1 ? 16
                                                                   : 0;
    GENERAL_NAME* entry = GENERAL_NAME_new();
    if (size > 0) {
      auto* octets = ASN1_OCTET_STRING_new();
      ASN1_OCTET_STRING_set(octets, address, size);
      GENERAL_NAME_set0_value(entry, GEN_IPADD, octets);
    } else {
      auto* text = ASN1_IA5STRING_new();
      ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
      GENERAL_NAME_set0_value(entry, GEN_DNS, text);
    }
    sk_GENERAL_NAME_push(list.get(), entry);
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) ==
         1;
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (char c : name) {
    bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '.' || c == '*' || c == '_' || c == ':';
    if (!good) return false;
  }
  return true;
}

}  // namespace

Result<Authority> make_authority(const std::string& common_name) {
  if (common_name.empty() || common_name.size() > 64) {
    return fail(Code::validation,
                "The name of a certificate authority has 1 to 64 bytes; this one has {}.",
                common_name.size());
  }
  Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  if (!key) return refused("making a key");
  auto certificate = begin_certificate(key.get(), common_name, nullptr, authority_days);
  if (!certificate ||
      !add_extension(certificate.get(), certificate.get(), NID_basic_constraints,
                     "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate.get(), certificate.get(), NID_key_usage,
                     "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return refused("making the authority's certificate");
  }
  return Authority{pem(certificate.get()), pem(key.get())};
}

Result<TlsIdentity> issue(const Authority& authority, const std::vector<std::string>& names,
                          int days) {
  if (names.empty())
    return fail(Code::validation,
                "A server certificate needs at least one DNS name or IP address.");
  if (days < 1)
    return fail(Code::validation,
                "A server certificate is valid for at least 1 day; asked were {}.", days);
  for (const auto& name : names) {
    if (!is_name(name))
      return fail(Code::validation, "\"{}\" is neither a DNS name nor an IP address.", name);
  }
  Owned<BIO> certificate_text(BIO_new_mem_buf(authority.certificate.data(),
                                              static_cast<int>(authority.certificate.size())));
  Owned<X509> issuer(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
  Owned<BIO> key_text(BIO_new_mem_buf(authority.private_key.data(),
                                      static_cast<int>(authority.private_key.size())));
  Owned<EVP_PKEY> issuer_key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  if (!issuer || !issuer_key || X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return fail(Code::validation,
                "The authority is no PEM certificate with the private key that belongs to it.");
  }
  Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  if (!key) return refused("making a key");
  auto certificate = begin_certificate(key.get(), names.front().substr(0, 64), issuer.get(), days);
  if (!certificate ||
      !add_extension(certificate.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(certificate.get(), issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate.get(), issuer.get(), NID_authority_key_identifier,
                     "keyid:always") ||
      !add_alternative_names(certificate.get(), names) ||
      X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) == 0) {
    return refused("making the server's certificate");
  }
  return TlsIdentity{pem(certificate.get()), pem(key.get())};
}

}  // namespace outcrop::wire

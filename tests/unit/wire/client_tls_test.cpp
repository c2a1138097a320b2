// The client over TLS: who it trusts, what it asks for, and an end that is no end.
#include "wire/client_fixture.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace outcrop::wire {
namespace {

using ::testing::HasSubstr;

/// A certificate that signs itself, for `names` ("DNS:localhost,IP:127.0.0.1").
struct SelfSigned {
  X509* certificate = X509_new();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  explicit SelfSigned(const std::string& names, long valid_s = 3600) {
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    for (auto [id, value] : {std::pair{NID_basic_constraints, std::string("critical,CA:TRUE")},
                             std::pair{NID_subject_alt_name, names}}) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
  }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;
  ~SelfSigned() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  void write(const std::string& path) const {
    BIO* file = BIO_new_file(path.c_str(), "w");
    PEM_write_bio_X509(file, certificate);
    BIO_free(file);
  }
};

/// The peer's side of TLS on a raw connection.
class TlsPeer {
 public:
  TlsPeer(SSL_CTX* context, RawPeer& peer) : ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, peer.fd());
    agreed_ = SSL_accept(ssl_) == 1;
  }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;
  ~TlsPeer() {
    ERR_clear_error();
    SSL_free(ssl_);
  }
  bool agreed() const { return agreed_; }
  std::string read_request() {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == request.npos) {
      int count = SSL_read(ssl_, buffer, sizeof buffer);
      if (count <= 0) return "";
      request.append(buffer, static_cast<std::size_t>(count));
    }
    return request;
  }
  void send(std::string_view bytes) {
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  }
  void say_goodbye() { SSL_shutdown(ssl_); }
  std::string server_name() const {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "(none)" : name;
  }

 private:
  SSL* ssl_;
  bool agreed_;
};

class ClientTlsTest : public ClientTest {
 protected:
  ClientTlsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "outcrop-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    certificate_.write(trusted());
    use(certificate_);
    SSL_CTX_set_alpn_select_cb(
        context_,
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
           unsigned int length, void* self) {
          auto* test = static_cast<ClientTlsTest*>(self);
          test->offered_.assign(reinterpret_cast<const char*>(offered), length);
          *out = offered + 1;
          *size = offered[0];
          return SSL_TLSEXT_ERR_OK;
        },
        this);
  }
  ~ClientTlsTest() override {
    SSL_CTX_free(context_);
    std::filesystem::remove_all(folder_);
  }
  void use(const SelfSigned& certificate) {
    SSL_CTX_use_certificate(context_, certificate.certificate);
    SSL_CTX_use_PrivateKey(context_, certificate.key);
  }
  std::string trusted() const { return folder_ + "/ca.pem"; }
  std::string url(const RawServer& server, const std::string& host = "localhost") const {
    return "https://" + host + ":" + std::to_string(server.port()) + "/";
  }
  RawServer::Script answering(std::string answer, bool goodbye = true) {
    return [this, answer = std::move(answer), goodbye](RawPeer& peer, int) {
      TlsPeer tls(context_, peer);
      if (!tls.agreed()) return;
      name_ = tls.server_name();
      bool ends = answer.find("content-length") == answer.npos;
      while (!tls.read_request().empty()) {
        tls.send(answer);
        if (ends) break;
      }
      if (goodbye) tls.say_goodbye();
    };
  }

  std::string folder_;
  SelfSigned certificate_{"DNS:localhost,IP:127.0.0.1"};
  SSL_CTX* context_ = SSL_CTX_new(TLS_server_method());
  std::string offered_, name_;
};

const std::string ok_hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

TEST_F(ClientTlsTest, AsksForTheHostByNameForHttp11AndKeepsTheConnection) {
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, trusted());
  for (int i = 0; i < 3; ++i) {
    auto out = get(client, url(server));
    ASSERT_FALSE(out.error) << out.error->message;
    EXPECT_EQ(out.body, "hello");
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(name_, "localhost");
  EXPECT_EQ(offered_, "\x08http/1.1");
}

TEST_F(ClientTlsTest, AnAddressIsProvenTooAndNotAskedForByName) {
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, trusted());
  auto out = get(client, url(server, "127.0.0.1"));
  ASSERT_FALSE(out.error) << out.error->message;
  EXPECT_EQ(name_, "(none)");
}

TEST_F(ClientTlsTest, ACertificateOfAnotherNameIsRefused) {
  SelfSigned other("DNS:other.example");
  other.write(trusted());
  use(other);
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, trusted());
  for (const char* host : {"localhost", "127.0.0.1"}) {
    auto out = get(client, url(server, host));
    ASSERT_TRUE(out.error);
    EXPECT_EQ(out.error->code, Code::unavailable);
    EXPECT_THAT(out.error->message, HasSubstr("mismatch"));
  }
}

TEST_F(ClientTlsTest, ACertificateNobodyVouchesForIsRefused) {
  RawServer server(answering(ok_hello));
  Client client(loop_);  // the system's authorities
  auto out = get(client, url(server));
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr("self-signed"));
}

TEST_F(ClientTlsTest, ACertificateThatHasExpiredIsRefused) {
  SelfSigned old("DNS:localhost", -3600);
  old.write(trusted());
  use(old);
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, trusted());
  auto out = get(client, url(server));
  ASSERT_TRUE(out.error);
  EXPECT_THAT(out.error->message, HasSubstr("expired"));
}

TEST_F(ClientTlsTest, OldVersionsOfTlsAreNotSpoken) {
  SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context_, TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(context_, "ALL:@SECLEVEL=0");
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, trusted());
  EXPECT_EQ(get(client, url(server)).error->code, Code::unavailable);
}

TEST_F(ClientTlsTest, ABodyThatEndsWithItsConnectionNeedsAGoodbye) {
  std::string open_ended = "HTTP/1.1 200 OK\r\n\r\nall of it";
  RawServer polite(answering(open_ended, true)), cut(answering(open_ended, false));
  Client client(loop_, {}, trusted());
  auto good = get(client, url(polite));
  EXPECT_EQ(good.body, "all of it");
  EXPECT_FALSE(good.body_error);
  auto bad = get(client, url(cut));
  EXPECT_EQ(bad.body, "all of it");
  ASSERT_TRUE(bad.body_error) << "anybody on the way could have cut it";
  EXPECT_EQ(bad.body_error->code, Code::corrupt);
}

TEST_F(ClientTlsTest, APeerThatSpeaksNoTlsIsUnavailable) {
  RawServer server([](RawPeer& peer, int) {
    peer.read_more();
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  Client client(loop_, {}, trusted());
  EXPECT_EQ(get(client, url(server)).error->code, Code::unavailable);
}

TEST_F(ClientTlsTest, AHandshakeThatNeverEndsIsGivenUp) {
  RawServer server([](RawPeer& peer, int) { peer.sees_close(); });
  Client client(loop_, {.connect_timeout = Millis(150)}, trusted());
  auto out = get(client, url(server));
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr("150 ms"));
}

TEST_F(ClientTlsTest, AuthoritiesThatCannotBeReadFailEveryRequestAndNameTheFile) {
  RawServer server(answering(ok_hello));
  Client client(loop_, {}, folder_ + "/missing.pem");
  for (int i = 0; i < 2; ++i) {
    auto out = get(client, url(server));
    ASSERT_TRUE(out.error);
    EXPECT_THAT(out.error->message, HasSubstr("missing.pem"));
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTlsTest, ARedirectNeverLeavesTls) {
  RawServer plain([](RawPeer& peer, int) {
    peer.read_request();
    peer.send(ok_hello);
  });
  RawServer server(answering("HTTP/1.1 302 Found\r\nlocation: " + plain.url() +
                             "\r\ncontent-length: 0\r\n\r\n"));
  Client client(loop_, {.redirects = 3}, trusted());
  EXPECT_EQ(get(client, url(server)).error->code, Code::bad_gateway);
  EXPECT_EQ(plain.connections(), 0);
}

TEST_F(ClientTlsTest, LargeBodiesPassBothWays) {
  RawServer server([this](RawPeer& peer, int) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, peer.fd());
    std::string received;
    char buffer[16384];
    constexpr std::size_t body = 3'000'000;
    if (SSL_accept(ssl) == 1) {
      for (int count; (count = SSL_read(ssl, buffer, sizeof buffer)) > 0;) {
        received.append(buffer, static_cast<std::size_t>(count));
        auto head = received.find("\r\n\r\n");
        if (head == received.npos || received.size() < head + 4 + body) continue;
        std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body) +
                             "\r\n\r\n" + received.substr(head + 4);
        SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
        received.clear();
      }
    }
    SSL_free(ssl);
  });
  Client client(loop_, {}, trusted());
  std::string body;
  for (std::size_t i = 0; i < 3'000'000; ++i) body += static_cast<char>(i * 7 % 253);
  for (int i = 0; i < 2; ++i) {
    auto out = post(client, url(server), body);
    ASSERT_FALSE(out.error) << out.error->message;
    EXPECT_TRUE(out.body == body);
  }
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace outcrop::wire

// TLS: certificates that a client accepts, ALPN, and both protocols on the port that also speaks
// plain text.

#include "wire/tls.h"

#include "h2_client.h"
#include "wire/certificates.h"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace outcrop::wire {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A blocking TLS client that verifies the server's certificate.
class TlsPeer {
 public:
  TlsPeer(std::uint16_t port, const std::string& trusted, const std::string& host,
          std::string_view alpn = "", int version = 0)
      : peer(port), context_(SSL_CTX_new(TLS_client_method())) {
    BIO* bio = BIO_new_mem_buf(trusted.data(), static_cast<int>(trusted.size()));
    X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
    X509_free(authority);
    BIO_free(bio);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    if (version != 0) SSL_CTX_set_max_proto_version(context_, version);
    ssl_ = SSL_new(context_);
    auto* wanted = SSL_get0_param(ssl_);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1)
      X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
    if (!alpn.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
    }
    SSL_set_fd(ssl_, peer.fd);
    ERR_clear_error();
    connected = SSL_connect(ssl_) == 1;
    verified = SSL_get_verify_result(ssl_);
    ERR_clear_error();
  }
  ~TlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  void send(std::string_view bytes) {
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string receive() {
    std::string bytes(64 * 1024, '\0');
    auto count = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) goodbye = SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  std::string receive_all() {
    std::string all;
    for (auto piece = receive(); !piece.empty(); piece = receive()) all += piece;
    return all;
  }
  RawPeer peer;
  bool connected = false, goodbye = false;
  long verified = -1;

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
};

struct Identity {
  Authority authority = make_authority("Outcrop test authority").value();
  TlsIdentity tls = issue(authority, {"localhost", "*.example.org", "127.0.0.1", "::1"}).value();
};
const Identity& identity() {
  static Identity one;
  return one;
}

const std::string get = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST(Tls, ItsCertificateIsAcceptedForEachOfItsNamesAndNoOther) {
  LiveServer server(echo, {}, &identity().tls);
  for (std::string host : {"localhost", "www.example.org", "127.0.0.1", "::1"}) {
    EXPECT_TRUE(TlsPeer(server.port, identity().authority.certificate, host).connected) << host;
  }
  EXPECT_FALSE(TlsPeer(server.port, identity().authority.certificate, "example.com").connected);
  EXPECT_FALSE(
      TlsPeer(server.port, make_authority("Another").value().certificate, "localhost").connected);
}

TEST(Tls, Http11IsSpokenWithoutAlpnAndWithIt) {
  LiveServer server(echo, {}, &identity().tls);
  for (std::string_view alpn : {std::string_view(""), std::string_view("\x08http/1.1")}) {
    TlsPeer peer(server.port, identity().authority.certificate, "localhost", alpn);
    ASSERT_TRUE(peer.connected);
    EXPECT_EQ(peer.protocol(), alpn.substr(std::min<std::size_t>(1, alpn.size())));
    peer.send(get);
    auto response = peer.receive_all();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(body_of(response), "GET /a h 11 ");
    EXPECT_TRUE(peer.goodbye);  // close_notify: nobody cut it
  }
}

TEST(Tls, PlainTextIsStillSpokenOnThePort) {
  LiveServer server(echo, {}, &identity().tls);
  RawPeer peer(server.port);
  peer.send(get);
  EXPECT_EQ(body_of(peer.receive_all()), "GET /a h 11 ");
  H2Client client(server.port);
  EXPECT_EQ(client.post("/p", "x"), "POST /p h:1 20 x");
}

TEST(Tls, SecureIsToldToTheHandler) {
  auto tells = [](Exchange& exchange) -> Task<void> {
    (void)co_await exchange.respond(ResponseHead(), exchange.request().secure ? "secure" : "plain");
  };
  LiveServer server(tells, {}, &identity().tls);
  TlsPeer secure(server.port, identity().authority.certificate, "localhost");
  secure.send(get);
  EXPECT_EQ(body_of(secure.receive_all()), "secure");
  RawPeer plain(server.port);
  plain.send(get);
  EXPECT_EQ(body_of(plain.receive_all()), "plain");
}

TEST(Tls, AlpnPrefersHttp2AndSpeaksIt) {
  LiveServer server(echo, {}, &identity().tls);
  TlsPeer peer(server.port, identity().authority.certificate, "localhost", "\x08http/1.1\x02h2");
  ASSERT_TRUE(peer.connected);
  EXPECT_EQ(peer.protocol(), "h2");
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                    std::size_t size, void* user) {
        static_cast<std::string*>(user)->append(reinterpret_cast<const char*>(data), size);
        return 0;
      });
  std::string body;
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, callbacks, &body);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session, 0, nullptr, 0);
  std::vector<std::pair<std::string, std::string>> fields{
      {":method", "GET"}, {":path", "/s"}, {":scheme", "https"}, {":authority", "h"}};
  std::vector<nghttp2_nv> list;
  for (auto& [name, value] : fields) {
    list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                    reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
  }
  nghttp2_submit_request(session, nullptr, list.data(), list.size(), nullptr, nullptr);
  for (int i = 0; i < 20 && body.empty(); ++i) {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session, &bytes)) > 0;) {
      peer.send({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    }
    auto piece = peer.receive();
    nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(piece.data()),
                             piece.size());
  }
  nghttp2_session_del(session);
  EXPECT_EQ(body, "GET /s h 20 ");
}

TEST(Tls, NoCommonProtocolIsRefused) {
  LiveServer server(echo, {}, &identity().tls);
  EXPECT_FALSE(
      TlsPeer(server.port, identity().authority.certificate, "localhost", "\x06spdy/1").connected);
}

TEST(Tls, OldVersionsAreRefused) {
  LiveServer server(echo, {}, &identity().tls);
  EXPECT_TRUE(
      TlsPeer(server.port, identity().authority.certificate, "localhost", "", TLS1_2_VERSION)
          .connected);
  EXPECT_FALSE(
      TlsPeer(server.port, identity().authority.certificate, "localhost", "", TLS1_1_VERSION)
          .connected);
}

TEST(Tls, LargeBodiesPassBothWays) {
  LiveServer server(echo, {}, &identity().tls);
  TlsPeer peer(server.port, identity().authority.certificate, "localhost");
  std::string body(5'000'000, 'x');
  std::thread writer([&] {
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += 100'000)
      peer.send(std::string_view(body).substr(at, 100'000));
  });
  writer.join();
  EXPECT_EQ(body_of(peer.receive_all()).size(), body.size() + std::string("POST / h 11 ").size());
}

TEST(Tls, AHandshakeThatDoesNotEndIsCutOff) {
  ServerLimits limits;
  limits.header_timeout = 100ms;
  LiveServer server(echo, limits, &identity().tls);
  RawPeer peer(server.port);
  peer.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(peer.closed_within(2s));
}

TEST(Tls, GarbageInsteadOfAHandshakeIsClosed) {
  LiveServer server(echo, {}, &identity().tls);
  RawPeer peer(server.port);
  peer.send("\x16garbage that is no handshake at all, and long enough to be read as a record");
  EXPECT_TRUE(peer.closed_within(2s));
  EXPECT_TRUE(server.becomes([](auto stats) { return stats.connections_now == 0; }));
}

TEST(Tls, AClientHelloOnAPortWithoutTlsIsClosed) {
  LiveServer server(echo);
  EXPECT_FALSE(TlsPeer(server.port, identity().authority.certificate, "localhost").connected);
}

TEST(Certificates, KeysThatDoNotFitAndTextThatIsNoPemAreNamed) {
  auto other = issue(identity().authority, {"localhost"}).value();
  TlsIdentity mixed{identity().tls.certificate_chain, other.private_key};
  auto context = make_server_context(mixed);
  ASSERT_FALSE(context.has_value());
  EXPECT_THAT(context.error().message, HasSubstr("does not belong"));
  EXPECT_THAT(make_server_context({"no pem", other.private_key}).error().message,
              HasSubstr("certificate"));
  EXPECT_THAT(make_server_context({other.certificate_chain, "no pem"}).error().message,
              HasSubstr("private key"));
  EXPECT_FALSE(issue({"x", "y"}, {"localhost"}).has_value());
  EXPECT_FALSE(issue(identity().authority, {}).has_value());
  EXPECT_FALSE(issue(identity().authority, {"a,DNS:evil"}).has_value());
  EXPECT_FALSE(issue(identity().authority, {"localhost"}, 0).has_value());
  EXPECT_FALSE(make_authority("").has_value());
}

TEST(Certificates, AreValidFromAnHourAgoForTheDaysAsked) {
  auto made = issue(identity().authority, {"localhost"}, 30).value();
  BIO* bio = BIO_new_mem_buf(made.certificate_chain.data(),
                             static_cast<int>(made.certificate_chain.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate));
  EXPECT_GE(days * 86400 + seconds, 30 * 86400 - 60);
  ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate), nullptr);
  EXPECT_NEAR(days * 86400 + seconds, 3600, 60);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(certificate)), 256);
  X509_free(certificate);
  BIO_free(bio);
}

}  // namespace
}  // namespace outcrop::wire

#pragma once
// An HTTP/2 client without manners of its own: nghttp2's client session over a raw socket, driven
// by the test.

#include "server_fixture.h"

#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace outcrop::wire {

struct H2Answer {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::vector<int> informational;
  std::string body;
  bool ended = false, closed = false;
  std::uint32_t error = 0;  // of the close
};

class H2Client {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit H2Client(std::uint16_t port, std::uint32_t window = 65535, bool automatic_windows = true)
      : peer(port) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          auto& answer = static_cast<H2Client*>(user)->answers[frame->hd.stream_id];
          std::string field(reinterpret_cast<const char*>(name), name_size);
          std::string text(reinterpret_cast<const char*>(value), value_size);
          if (field == ":status") {
            if (text[0] == '1') {
              answer.informational.push_back(std::stoi(text));
            } else {
              answer.status = std::stoi(text);
            }
          } else {
            answer.headers[field] = text;
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                      std::size_t size, void* user) {
          static_cast<H2Client*>(user)->answers[id].body.append(reinterpret_cast<const char*>(data),
                                                                size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto& self = *static_cast<H2Client*>(user);
          if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
              (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
            self.answers[frame->hd.stream_id].ended = true;
          }
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            self.goaway = true;
            self.goaway_error = frame->goaway.error_code;
          }
          if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
            self.settings = true;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          auto& answer = static_cast<H2Client*>(user)->answers[id];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, automatic_windows ? 0 : 1);
    nghttp2_option_set_max_send_header_block_length(options, 10'000'000);
    nghttp2_option_set_peer_max_concurrent_streams(options, 100'000);
    nghttp2_session_client_new2(&session, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &entry, 1);
  }
  ~H2Client() { nghttp2_session_del(session); }

  std::int32_t request(const std::string& method, const std::string& path, const Fields& more = {},
                       bool has_body = false) {
    Fields fields{{":method", method}, {":path", path}, {":scheme", "http"}, {":authority", "h:1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return submit(fields, has_body);
  }
  std::int32_t submit(const Fields& fields, bool has_body = false) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), 0});
    }
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t* to,
                                std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                                void*) -> ssize_t {
      auto& body = static_cast<H2Client*>(source->ptr)->bodies[id];
      auto size = std::min(room, body.first.size() - body.sent);
      if (size == 0 && !body.second) return NGHTTP2_ERR_DEFERRED;
      std::memcpy(to, body.first.data() + body.sent, size);
      body.sent += size;
      if (body.sent == body.first.size() && body.second) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(size);
    };
    return nghttp2_submit_request(session, nullptr, list.data(), list.size(),
                                  has_body ? &provider : nullptr, nullptr);
  }
  void body(std::int32_t id, std::string_view bytes, bool last) {
    bodies[id].first += bytes;
    bodies[id].second = last;
    nghttp2_session_resume_data(session, id);
  }
  std::string post(const std::string& path, const std::string& text) {
    auto id = request("POST", path, {{"content-length", std::to_string(text.size())}}, true);
    body(id, text, true);
    run([&] { return answers[id].closed; });
    return answers[id].body;
  }
  void flush() {
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      auto size = nghttp2_session_mem_send(session, &bytes);
      if (size <= 0) break;
      if (!peer.send({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)})) break;
    }
  }
  // Sends and receives until the condition holds, the server closes or the time is over.
  bool run(const std::function<bool()>& until, Millis within = 3s) {
    auto end = now() + within;
    flush();
    while (!until() && now() < end && !peer.at_end) {
      auto bytes = peer.receive(20ms);
      if (!bytes.empty() &&
          nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size()) < 0) {
        return false;
      }
      flush();
    }
    return until();
  }
  bool wait_closed(Millis within) {
    run([] { return false; }, within);
    return peer.at_end;
  }

  struct Body {
    std::string first;
    bool second = false;
    std::size_t sent = 0;
  };
  RawPeer peer;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, H2Answer> answers;
  std::map<std::int32_t, Body> bodies;
  bool goaway = false, settings = false;
  std::uint32_t goaway_error = 0;
};

}  // namespace outcrop::wire

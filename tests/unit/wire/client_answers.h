#pragma once
// Answers that a peer of the client gives in more than one of its tests.

#include "wire/client_fixture.h"

#include <string>
#include <utility>

namespace outcrop::wire {

inline const std::string ok_hello =
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-one: a\r\nX-One: b\r\n\r\nhello";

inline RawServer::Script answering(std::string answer) {
  return [answer = std::move(answer)](RawPeer& peer, int) {
    while (!peer.read_request().empty()) peer.send(answer);
  };
}

}  // namespace outcrop::wire

#pragma once
// Requests that more than one of the HTTP/1.1 tests send.

#include "server_fixture.h"

#include <string>
#include <string_view>

namespace outcrop::wire {

inline const std::string get = "GET /a?b=c HTTP/1.1\r\nHost: h:1\r\n\r\n";

inline std::string post(std::string_view body, std::string_view more = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

}  // namespace outcrop::wire

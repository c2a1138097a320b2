// Method, target, headers and body of a request, as a caller would send them: routed, decoded, and
// what was decoded checked again and encoded. Input: "METHOD target\nname: value\n…\n\nbody".

#include "contract/contract.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

std::string_view take(std::string_view& text, char end) {
  auto at = std::min(text.find(end), text.size());
  auto taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outcrop;
  const auto& contracts = contract::Contracts::bundled();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  wire::RequestHead head;
  head.method = take(text, ' ');
  head.target = take(text, '\n');
  while (!text.empty()) {
    auto line = take(text, '\n');
    if (line.empty()) break;
    auto name = take(line, ':');
    if (!name.empty()) head.headers.add(name, line);
  }
  auto route = contracts.route(head.method, head.target, "", text.empty());
  if (!route) {
    contracts.encode_error(nullptr, route.error());
    return 0;
  }
  auto input = contracts.decode(*route, head, std::string(text));
  if (!input) {
    // A message must stay small whatever was sent.
    if (contracts.encode_error(route->operation, input.error()).second.size() > 200'000)
      std::abort();
    return 0;
  }
  if (!contracts.validate(*route->operation, input->document)) std::abort();
  // The members of the input have other shapes than the answer's: encoding must bear any document.
  (void)contracts.check_output(*route->operation, input->document);
  contracts.encode_head(*route->operation, input->document);
  contracts.encode_body(*route->operation, std::move(input->document));
  return 0;
}

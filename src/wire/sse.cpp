#include "wire/sse.h"

#include <utility>

namespace outcrop::wire {
namespace {

std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return out;
}

}  // namespace

std::string encode_sse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  if (!event.event.empty()) out.append("event: ").append(one_line(event.event)) += '\n';
  if (!event.id.empty()) out.append("id: ").append(one_line(event.id)) += '\n';
  std::string_view rest = event.data;
  for (;;) {
    auto end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  out += '\n';
  return out;
}

void SseDecoder::line(std::string_view text, std::vector<SseEvent>& out) {
  if (std::exchange(first_, false) && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.empty()) {
    if (has_data_) out.push_back(pending_);
    pending_.event.clear();
    pending_.data.clear();
    has_data_ = false;
    return;
  }
  auto colon = text.find(':');
  std::string_view field = text.substr(0, colon), value;
  if (colon != std::string_view::npos) {
    value = text.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
  }
  if (field == "data") {
    if (std::exchange(has_data_, true)) pending_.data += '\n';
    pending_.data += value;
  } else if (field == "event") {
    pending_.event = value;
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) pending_.id = value;
  }
}

Result<std::vector<SseEvent>> SseDecoder::feed(std::string_view bytes) {
  if (failed_)
    return fail(Code::too_large, "the event stream was given up: an event was too large");
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    // The LF of a CRLF ends no second line, whichever chunk it comes in.
    if (std::exchange(last_was_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    auto end = bytes.find_first_of("\r\n");
    auto part = bytes.substr(0, end);
    if (buffer_.size() + part.size() + pending_.data.size() + pending_.event.size() +
            pending_.id.size() >
        limit_) {
      failed_ = true;
      buffer_ = {};
      pending_ = {};
      return fail(Code::too_large, "a server-sent event exceeds {} bytes", limit_);
    }
    if (end == std::string_view::npos) {
      buffer_ += part;
      break;
    }
    last_was_cr_ = bytes[end] == '\r';
    if (buffer_.empty()) {
      line(part, events);
    } else {
      buffer_ += part;
      line(buffer_, events);
      buffer_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  return events;
}

}  // namespace outcrop::wire

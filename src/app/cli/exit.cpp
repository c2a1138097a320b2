#include "app/cli/exit.h"

namespace outcrop::cli {

int exit_for(Code code) {
  switch (code) {
    case Code::validation:
    case Code::serialization:
      return usage;
    case Code::not_found:
    case Code::unknown_operation:
      return not_found;
    case Code::access_denied:
    case Code::conflict:
    case Code::throttled:
    case Code::quota_exceeded:
    case Code::resource_in_use:
    case Code::too_large:
    case Code::missing_authentication:
    case Code::unrecognized_client:
    case Code::invalid_signature:
      return refused;
    case Code::unavailable:
      return no_server;
    case Code::cancelled:
      return interrupted;
    default:
      return failed;
  }
}

Trouble trouble(const Error& error, std::string what, std::string next) {
  Trouble out{.exit = exit_for(error.code),
              .what = std::move(what),
              .why = error.message,
              .next = std::move(next)};
  if (!error.detail.empty()) out.why += " (" + error.detail + ")";
  return out;
}

int report(const Console& console, const Trouble& trouble) {
  if (console.json) {
    json::Object error;
    error["what"] = trouble.what;
    if (!trouble.why.empty()) error["why"] = trouble.why;
    if (!trouble.next.empty()) error["next"] = trouble.next;
    error["exit"] = trouble.exit;
    json::Object out;
    out["error"] = std::move(error);
    console.error(json::write(json::Value(std::move(out))) + "\n");
    return trouble.exit;
  }
  console.error(console.paint_error(Style::red, "outcrop:") + " " + trouble.what + "\n");
  if (!trouble.why.empty())
    console.error(console.paint_error(Style::dim, "  why   ") + trouble.why + "\n");
  if (!trouble.next.empty())
    console.error(console.paint_error(Style::dim, "  next  ") + trouble.next + "\n");
  return trouble.exit;
}

}  // namespace outcrop::cli

#include "app/admin/admin.h"

#include "app/cli/version.h"
#include "base/text.h"

#include <algorithm>
#include <unistd.h>

namespace outcrop::admin {
namespace {

std::string_view to_text(identity::Key::Kind kind) {
  return kind == identity::Key::Kind::access_key ? "access_key" : "api_key";
}

json::Object to_json(const identity::Key& key) {
  json::Object out;
  out["id"] = key.id;
  out["kind"] = to_text(key.kind);
  out["name"] = key.name;
  out["admin"] = key.admin;
  out["created"] = iso8601(key.created);
  if (key.expires) out["expires"] = iso8601(*key.expires);
  if (key.revoked) out["revoked"] = iso8601(*key.revoked);
  if (key.last_used) out["last_used"] = iso8601(*key.last_used);
  return out;
}

Response refusal(const Error& error) {
  json::Object inner;
  inner["code"] = facts(error.code).name;
  inner["message"] = error.message;
  json::Object out;
  out["error"] = std::move(inner);
  return {facts(error.code).status, std::move(out)};
}

Failure no_such(const std::string& method, std::string_view path) {
  return fail(Code::unknown_operation, "there is no {} {} here", method, path);
}

/// Members of a body, checked: the first mistake is kept.
struct Members {
  const json::Object& object;
  std::optional<Error> mistake{};
  std::vector<std::string_view> known{};

  const json::Value* at(std::string_view key) {
    known.push_back(key);
    return json::find(object, key);
  }
  void wrong(std::string_view key, std::string_view wanted) {
    if (!mistake)
      mistake =
          Error{.code = Code::validation, .message = fmt::format("{}: {} is wanted", key, wanted)};
  }
  std::string text(std::string_view key) {
    const auto* value = at(key);
    if (!value) return {};
    if (!value->is_string()) return wrong(key, "a text"), std::string();
    return std::string(json::view(value->get_string()));
  }
  bool flag(std::string_view key) {
    const auto* value = at(key);
    if (!value) return false;
    if (!value->is_bool()) return wrong(key, "true or false"), false;
    return value->get_bool();
  }
  std::int64_t whole(std::string_view key) {
    const auto* value = at(key);
    if (!value) return 0;
    if (!value->is_int64() || value->get_int64() < 0)
      return wrong(key, "a whole number, 0 or more"), 0;
    return value->get_int64();
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> out;
    const auto* value = at(key);
    if (!value) return out;
    if (!value->is_array()) return wrong(key, "a list of texts"), out;
    for (const auto& item : value->get_array()) {
      if (!item.is_string()) return wrong(key, "a list of texts"), out;
      out.emplace_back(json::view(item.get_string()));
    }
    return out;
  }
  Result<void> result() {
    for (const auto& member : object) {
      if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end()) {
        return fail(Code::validation, "{}: there is no such member",
                    std::string_view(member.key()));
      }
    }
    if (mistake) return fail(*mistake);
    return {};
  }
};

Result<json::Object> object_of(json::Value body) {
  if (body.is_null()) return json::Object();
  if (!body.is_object()) return fail(Code::validation, "the body is no JSON object");
  return std::move(body.get_object());
}

}  // namespace

Task<Response> AdminApi::handle(std::string method, std::string target, json::Value body) {
  auto question = target.find('?');
  std::string query = question == std::string::npos ? "" : target.substr(question + 1);
  std::string path = target.substr(0, question);
  if (!path.starts_with(prefix)) co_return refusal(no_such(method, path).value());
  std::string rest = path.substr(prefix.size());
  auto slash = rest.find('/');
  std::string noun = rest.substr(0, slash);
  std::string name;
  if (slash != std::string::npos) {
    auto decoded = percent_decode(std::string_view(rest).substr(slash + 1));
    if (!decoded || decoded->empty()) co_return refusal(no_such(method, path).value());
    name = std::move(*decoded);
  }
  if (noun == "keys") {
    auto answer = co_await keys(std::move(method), std::move(name), std::move(body));
    co_return answer ? std::move(*answer) : refusal(answer.error());
  }
  if (noun == "models") {
    auto answer =
        co_await models(std::move(method), std::move(name), std::move(query), std::move(body));
    co_return answer ? std::move(*answer) : refusal(answer.error());
  }
  if (noun == "status" && name.empty() && method == "GET") {
    json::Object out = hooks_.status ? hooks_.status() : json::Object();
    out["running"] = static_cast<bool>(hooks_.status);
    out["version"] = cli::version();
    out["pid"] = static_cast<std::int64_t>(::getpid());
    out["models"] = static_cast<std::int64_t>(models_.list().size());
    co_return Response{200, std::move(out)};
  }
  if (noun == "shutdown" && name.empty() && method == "POST") {
    if (!hooks_.shutdown) {
      co_return refusal(fail(Code::conflict, "no server runs that could be stopped").value());
    }
    hooks_.shutdown();
    json::Object out;
    out["stopping"] = true;
    co_return Response{202, std::move(out)};
  }
  co_return refusal(no_such(method, path).value());
}

Task<Result<Response>> AdminApi::keys(std::string method, std::string id, json::Value body) {
  if (method == "GET" && id.empty()) {
    json::Array list;
    for (const auto& key : keys_.list()) list.push_back(to_json(key));
    json::Object out;
    out["keys"] = std::move(list);
    co_return Response{200, std::move(out)};
  }
  if (method == "POST" && id == "default") co_return co_await default_key();
  if (method == "POST" && id.empty()) {
    CO_TRY(object, object_of(std::move(body)));
    Members members{object};
    std::string kind = members.text("kind");
    std::string name = members.text("name");
    bool admin = members.flag("admin");
    std::string expires = members.text("expires");
    CO_CHECK(members.result());
    if (kind != "access_key" && kind != "api_key") {
      co_return fail(Code::validation, "kind = \"{}\": \"access_key\" or \"api_key\" is wanted",
                     kind);
    }
    if (name.empty() || name.size() > 64 || name.find_first_of("\n\r\t/:") != std::string::npos) {
      co_return fail(Code::validation,
                     "name: 1 to 64 bytes without '/', ':' and line ends are wanted");
    }
    std::optional<WallTime> until;
    if (!expires.empty()) {
      until = parse_iso8601(expires);
      if (!until)
        co_return fail(Code::validation,
                       "expires = \"{}\": a time is wanted, such as 2027-01-31T00:00:00Z", expires);
      if (*until <= wall_now())
        co_return fail(Code::validation, "expires = {}: a time to come is wanted", expires);
    }
    if (keys_.list().size() >= keys_limit) {
      co_return fail(Code::quota_exceeded, "there are {} keys already, the most that are kept",
                     keys_limit);
    }
    auto which =
        kind == "access_key" ? identity::Key::Kind::access_key : identity::Key::Kind::api_key;
    CO_TRY(made, co_await keys_.create(which, std::move(name), admin, until));
    json::Object out = to_json(made.key);
    out["secret"] = made.secret;
    co_return Response{201, std::move(out)};
  }
  if (method == "DELETE" && !id.empty()) {
    CO_CHECK(co_await keys_.revoke(id));
    const auto* key = keys_.find(id);
    json::Object out = key ? to_json(*key) : json::Object();
    out["id"] = id;
    co_return Response{200, std::move(out)};
  }
  co_return no_such(method, id.empty() ? "keys" : "keys/" + id);
}

/// The key that `outcrop env` hands to programs on this machine: whoever may open the socket or the
/// store owns them anyway.
Task<Result<Response>> AdminApi::default_key() {
  for (const auto& key : keys_.list()) {
    bool usable = !key.revoked && (!key.expires || *key.expires > wall_now());
    if (key.kind != identity::Key::Kind::access_key || key.name != "default" || !usable) continue;
    auto secret = keys_.secret(key.id);
    if (!secret) continue;
    json::Object out = to_json(key);
    out["secret"] = *secret;
    co_return Response{200, std::move(out)};
  }
  CO_TRY(made,
         co_await keys_.create(identity::Key::Kind::access_key, "default", true, std::nullopt));
  json::Object out = to_json(made.key);
  out["secret"] = made.secret;
  co_return Response{201, std::move(out)};
}

Task<Result<Response>> AdminApi::models(std::string method, std::string name, std::string query,
                                        json::Value body) {
  if (method == "GET") {
    if (query == "rescan=true") CO_CHECK(co_await models_.rescan());
    if (!name.empty()) {
      const auto* model = models_.find(name);
      if (!model) co_return fail(Code::not_found, "there is no model {} here", name);
      co_return Response{200, registry::to_json(*model)};
    }
    json::Array list;
    for (const auto& model : models_.list()) list.push_back(registry::to_json(model));
    json::Object out;
    out["models"] = std::move(list);
    co_return Response{200, std::move(out)};
  }
  if (method == "POST" && name.empty()) {
    CO_TRY(object, object_of(std::move(body)));
    Members members{object};
    registry::Addition addition;
    addition.name = members.text("name");
    addition.path = members.text("path");
    addition.stands_in_for = members.texts("stands_in_for");
    addition.context_tokens = members.whole("context_tokens");
    addition.sha256 = members.text("sha256");
    addition.owned = members.flag("owned");
    std::string kind = members.text("kind");
    if (const auto* description = members.at("description")) addition.description = *description;
    CO_CHECK(members.result());
    auto kinds = {config::ModelKind::automatic, config::ModelKind::chat,
                  config::ModelKind::embedding, config::ModelKind::rerank};
    auto found = std::find_if(kinds.begin(), kinds.end(),
                              [&](auto each) { return config::to_text(each) == kind; });
    if (!kind.empty() && found == kinds.end()) {
      co_return fail(Code::validation,
                     "kind = \"{}\": \"auto\", \"chat\", \"embedding\" or \"rerank\" is wanted",
                     kind);
    }
    if (!kind.empty()) addition.kind = *found;
    CO_TRY(model, co_await models_.add(std::move(addition)));
    co_return Response{201, registry::to_json(model)};
  }
  if (method == "DELETE" && !name.empty()) {
    CO_TRY(model, co_await models_.remove(name));
    co_return Response{200, registry::to_json(model)};
  }
  co_return no_such(method, name.empty() ? "models" : "models/" + name);
}

Task<void> serve(AdminApi& api, wire::Exchange& exchange) {
  const auto& head = exchange.request();
  Response answer;
  if (head.peer.kind != wire::Peer::Kind::unix_socket || head.headers.has("origin")) {
    answer = refusal(no_such(head.method, head.path()).value());
  } else {
    auto body = co_await exchange.read_all(body_bytes_limit);
    Result<json::Value> value = json::Value();
    if (body && !body->empty()) value = json::read(*body);
    if (!body) {
      answer = refusal(body.error());
    } else if (!value) {
      answer = refusal(value.error());
    } else {
      answer = co_await api.handle(head.method, head.target, std::move(*value));
    }
  }
  wire::ResponseHead out;
  out.status = answer.status;
  out.headers.add("content-type", "application/json");
  std::string text = json::write(answer.body);
  // A peer that has gone away is nothing to tell anybody about.
  [[maybe_unused]] auto sent = co_await exchange.respond(std::move(out), std::move(text));
}

}  // namespace outcrop::admin

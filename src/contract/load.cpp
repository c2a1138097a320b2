#include "contract/load.h"

#include "contract/cursor.h"

#include <charconv>
#include <map>
#include <new>
#include <string>

namespace outcrop::contract {
namespace {

constexpr std::size_t members_max = 64;  // a check marks the members it saw in one word

template <class T>
std::span<const T> keep(const std::vector<T>& items, std::pmr::memory_resource& arena) {
  if (items.empty()) return {};
  auto* place = static_cast<T*>(arena.allocate(items.size() * sizeof(T), alignof(T)));
  std::uninitialized_copy(items.begin(), items.end(), place);
  return {place, items.size()};
}

class Loader {
 public:
  Loader(std::string_view text, Model& model)
      : cursor_(text, model.arena), model_(model), service_(model.services.emplace_back()) {}

  Result<void> run() {
    cursor_.object([&](std::string_view key) {
      if (key == "service") {
        service_.name = cursor_.string();
      } else if (key == "signing") {
        service_.signing = cursor_.string();
      } else if (key == "api") {
        service_.api = cursor_.string();
      } else if (key == "translations") {
        cursor_.object(
            [&](std::string_view original) { translations_[original] = cursor_.string(); });
      } else if (key == "operations") {
        cursor_.object([&](std::string_view name) { operation(name); });
      } else if (key == "shapes") {
        cursor_.object([&](std::string_view name) { shape(name); });
      } else {
        cursor_.skip();
      }
    });
    cursor_.end();
    for (const auto& [name, made] : shapes_) {
      if (!made->defined) cursor_.fail_with(fmt::format("shape {} is used and not defined,", name));
      if (made->exception_status) service_.exceptions[name] = made;
    }
    if (!cursor_.failed()) finish_operations();
    if (cursor_.failed())
      return fail(Code::internal, "contract of {}: {}", service_.name, cursor_.error());
    return {};
  }

 private:
  Shape* named(std::string_view name) {
    auto [at, fresh] = shapes_.try_emplace(name, nullptr);
    if (fresh) {
      at->second = new (model_.arena.allocate(sizeof(Shape), alignof(Shape))) Shape;
      at->second->name = name;
    }
    return at->second;
  }

  const Pattern* pattern(std::string_view text) {
    auto [at, fresh] = patterns_.try_emplace(text, nullptr);
    if (fresh) {
      auto other = translations_.find(text);
      at->second =
          &model_.patterns.emplace_back(text, other == translations_.end() ? text : other->second);
    }
    return at->second;
  }

  void operation(std::string_view name) {
    auto& made = *model_.operations.emplace_back(std::make_unique<Operation>());
    made.service = service_.name;
    made.signing = service_.signing;
    made.name = name;
    own_operations_.push_back(&made);
    cursor_.object([&](std::string_view key) {
      if (key == "method") {
        made.method = cursor_.string();
      } else if (key == "uri") {
        made.uri = cursor_.string();
      } else if (key == "status") {
        auto text = cursor_.word();
        std::from_chars(text.data(), text.data() + text.size(), made.status);
      } else if (key == "input") {
        made.input = named(cursor_.string());
      } else if (key == "output") {
        made.output = named(cursor_.string());
      } else if (key == "errors") {
        cursor_.array([&] { made.errors.emplace_back(cursor_.string()); });
      } else if (key == "readonly") {
        made.readonly = cursor_.boolean();
      } else if (key == "idempotent") {
        made.idempotent = cursor_.boolean();
      } else {
        cursor_.fail_with(fmt::format("operation {}: unknown fact {}", name, key));
      }
    });
  }

  void shape(std::string_view name) {
    auto& made = *named(name);
    made.defined = true;
    std::vector<std::string_view> required;
    std::vector<Member> members;
    std::string_view payload;
    cursor_.object([&](std::string_view key) {
      if (key == "type") {
        made.kind = kind(cursor_.string());
      } else if (key == "sensitive") {
        made.sensitive = cursor_.boolean();
      } else if (key == "eventstream") {
        made.event_stream = cursor_.boolean();
      } else if (key == "event") {
        made.event = cursor_.boolean();
      } else if (key == "exception") {
        auto text = cursor_.word();
        std::from_chars(text.data(), text.data() + text.size(), made.exception_status);
      } else if (key == "required") {
        cursor_.array([&] { required.push_back(cursor_.string()); });
      } else if (key == "payload") {
        payload = cursor_.string();
      } else if (key == "members") {
        cursor_.object(
            [&](std::string_view member_name) { members.push_back(member(member_name)); });
      } else if (key == "member" || key == "value") {
        made.element = named(cursor_.string());
      } else if (key == "key") {
        made.key = named(cursor_.string());
      } else if (key == "min") {
        made.min = number(made.min_text);
      } else if (key == "max") {
        made.max = number(made.max_text);
      } else if (key == "pattern") {
        made.pattern = pattern(cursor_.string());
      } else if (key == "enum") {
        std::vector<std::string_view> values;
        cursor_.array([&] { values.push_back(cursor_.string()); });
        made.values = keep(values, model_.arena);
      } else if (key == "format") {
        made.epoch = cursor_.string() == "epoch";
      } else {
        cursor_.fail_with(fmt::format("shape {}: unknown fact {}", name, key));
      }
    });
    if (members.size() > members_max)
      cursor_.fail_with(fmt::format("shape {} has more than {} members", name, members_max));
    for (auto wanted : required) {
      bool found = false;
      for (auto& candidate : members) {
        if (candidate.name == wanted) found = candidate.required = true;
      }
      if (!found)
        cursor_.fail_with(fmt::format("shape {} requires an unknown member {}", name, wanted));
    }
    made.members = keep(members, model_.arena);
    if (!payload.empty()) made.payload = made.find(payload);
    bool complete = (made.kind != Kind::list && made.kind != Kind::map) ||
                    (made.element && (made.key || made.kind == Kind::list));
    if (!complete || (!payload.empty() && !made.payload))
      cursor_.fail_with(fmt::format("shape {} is not whole", name));
  }

  Member member(std::string_view name) {
    Member made;
    made.name = made.wire_name = name;
    if (cursor_.at_string()) {
      made.shape = named(cursor_.string());
      return made;
    }
    cursor_.object([&](std::string_view key) {
      if (key == "shape") {
        made.shape = named(cursor_.string());
      } else if (key == "in") {
        auto place = cursor_.string();
        made.place = place == "path"    ? Place::path
                     : place == "query" ? Place::query
                                        : Place::header;
      } else if (key == "as") {
        made.wire_name = cursor_.string();
      } else if (key == "token") {
        made.token = cursor_.boolean();
      } else if (key == "eventpayload") {
        made.event_payload = cursor_.boolean();
      } else {
        cursor_.fail_with(fmt::format("member {}: unknown fact {}", name, key));
      }
    });
    if (!made.shape) cursor_.fail_with(fmt::format("member {} has no shape", name));
    return made;
  }

  double number(std::string_view& text) {
    text = cursor_.word();
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  Kind kind(std::string_view text) {
    for (int i = 0; i <= static_cast<int>(Kind::document); ++i) {
      if (name_of(static_cast<Kind>(i)) == text) return static_cast<Kind>(i);
    }
    cursor_.fail_with(fmt::format("unknown type {}", text));
    return Kind::document;
  }

  /// What follows from the shapes, once all of them are there.
  void finish_operations() {
    for (auto* made : own_operations_) {
      if (!made->input || !made->output) {
        cursor_.fail_with(fmt::format("operation {} has no input or output", made->name));
        return;
      }
      if (const auto* payload = made->output->payload; payload && payload->shape->event_stream)
        made->output_stream = payload->name;
      if (const auto* payload = made->input->payload; payload && payload->shape->event_stream)
        made->input_stream = true;
    }
  }

  Cursor cursor_;
  Model& model_;
  Service& service_;
  std::unordered_map<std::string_view, Shape*> shapes_;
  std::unordered_map<std::string_view, const Pattern*> patterns_;
  std::unordered_map<std::string_view, std::string_view> translations_;
  std::vector<Operation*> own_operations_;
};

}  // namespace

const Service* Model::service(std::string_view name) const {
  for (const auto& candidate : services) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

Result<void> load_service(std::string_view text, Model& model) { return Loader(text, model).run(); }

}  // namespace outcrop::contract

#pragma once
/// For the files of the table alone: one function a kind of option.

#include "app/config/options.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

namespace outcrop::config {

// Each builder takes the facts and a generic lambda that names the field: for reading and for
// writing.

template <class T, class Field>
Option<T> string_option(Facts facts, Field field) {
  return {std::move(facts),
          [field](T& t, const json::Value& v) { field(t) = json::view(v.get_string()); },
          [field](const T& t) { return json::Value(json::String(field(t))); }};
}

template <class T, class Field>
Option<T> number_option(Facts facts, Field field) {  // whole numbers and sizes
  return {std::move(facts),
          [field](T& t, const json::Value& v) {
            auto& target = field(t);
            target =
                static_cast<std::remove_reference_t<decltype(target)>>(v.to_number<std::int64_t>());
          },
          [field](const T& t) { return json::Value(static_cast<std::int64_t>(field(t))); }};
}

template <class T, class Field>
Option<T> duration_option(Facts facts, Field field) {
  facts.kind = Kind::duration;
  return {std::move(facts),
          [field](T& t, const json::Value& v) { field(t) = Millis(v.to_number<std::int64_t>()); },
          [field](const T& t) { return json::Value(static_cast<std::int64_t>(field(t).count())); }};
}

template <class T, class Field>
Option<T> toggle_option(Facts facts, Field field) {
  facts.kind = Kind::toggle;
  return {std::move(facts), [field](T& t, const json::Value& v) { field(t) = v.get_bool(); },
          [field](const T& t) { return json::Value(field(t)); }};
}

template <class T, class Field>
Option<T> list_option(Facts facts, Field field) {
  facts.kind = Kind::list;
  return {std::move(facts),
          [field](T& t, const json::Value& v) {
            field(t).clear();
            for (const auto& item : v.get_array())
              field(t).emplace_back(json::view(item.get_string()));
          },
          [field](const T& t) {
            json::Array out;
            for (const auto& item : field(t)) out.emplace_back(json::String(item));
            return json::Value(std::move(out));
          }};
}

/// facts.allowed names the enumerators in their order.
template <class T, class Field>
Option<T> choice_option(Facts facts, Field field) {
  facts.kind = Kind::choice;
  auto names = facts.allowed;
  return {std::move(facts),
          [field, names](T& t, const json::Value& v) {
            auto& target = field(t);
            auto at =
                std::find(names.begin(), names.end(), json::view(v.get_string())) - names.begin();
            target = static_cast<std::remove_reference_t<decltype(target)>>(at);
          },
          [field, names](const T& t) {
            return json::Value(json::String(names[static_cast<std::size_t>(field(t))]));
          }};
}

#define FIELD(path) [](auto& c) -> auto& { return c.path; }

/// The rows of one section each, added to the table.
void add_server(std::vector<Option<Config>>& out);
void add_engine(std::vector<Option<Config>>& out);

}  // namespace outcrop::config

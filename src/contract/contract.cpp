#include "contract/contract.h"

#include "contract/embedded.h"
#include "contract/impl.h"

#include <cstdio>
#include <cstdlib>

namespace outcrop::contract {
namespace {

Result<void> fill(const std::vector<std::string_view>& texts, Model& model, Router& router) {
  for (auto text : texts) CHECK(load_service(text, model));
  for (const auto& operation : model.operations) CHECK(router.add(*operation));
  return router.check();
}

}  // namespace

Contracts::Contracts() : impl_(std::make_unique<Impl>()) {}
Contracts::~Contracts() = default;

const Contracts& Contracts::bundled() {
  static const Contracts& only = []() -> const Contracts& {
    auto* made = new Contracts;  // lives as long as the program: others hold its operations
    auto filled = fill(embedded_texts(), made->impl_->model, made->impl_->router);
    if (!filled) {
      // The texts are part of the program; a test of the build has read them.
      std::fprintf(stderr, "outcrop: the program's own contracts cannot be read: %s\n",
                   filled.error().message.c_str());
      std::abort();
    }
    return *made;
  }();
  return only;
}

Result<std::unique_ptr<Contracts>> Contracts::load(const std::vector<std::string_view>& texts) {
  std::unique_ptr<Contracts> made(new Contracts);
  auto& impl = *made->impl_;
  impl.texts.assign(texts.begin(), texts.end());
  CHECK(fill({impl.texts.begin(), impl.texts.end()}, impl.model, impl.router));
  return made;
}

const std::vector<std::unique_ptr<Operation>>& Contracts::operations() const {
  return impl_->model.operations;
}

const Operation* Contracts::find(std::string_view service, std::string_view name) const {
  for (const auto& operation : impl_->model.operations) {
    if (operation->name == name && operation->service == service) return operation.get();
  }
  return nullptr;
}

Result<Route> Contracts::route(std::string_view method, std::string_view target,
                               std::string_view signing_name, bool body_empty) const {
  return impl_->router.find(method, target, signing_name, body_empty);
}

Error not_implemented(const Operation& operation) {
  return Error{.code = Code::not_implemented,
               .message = fmt::format("{}.{} is part of the interface but not implemented here",
                                      operation.service, operation.name)};
}

}  // namespace outcrop::contract

#include "gateway/gateway.h"

#include <utility>

namespace outcrop::gateway {
namespace {

using models::Kind;

Result<void> check_need(const models::Binding& binding, Need need, std::string_view asked) {
  bool fits = need == Need::any         ? true
              : need == Need::text      ? binding.kind == Kind::chat
              : need == Need::embedding ? binding.kind == Kind::embedding
                                        : binding.kind == Kind::rerank;
  if (fits) return {};
  std::string_view wanted = need == Need::text        ? "generate text"
                            : need == Need::embedding ? "make embeddings"
                                                      : "rerank";
  return fail(Code::validation, "The model {} does not {}; it is of the kind '{}'.", asked, wanted,
              models::to_text(binding.kind));
}

class StandInResolver : public Resolver {
 public:
  StandInResolver(std::shared_ptr<const models::StandIns> stand_ins, FindProvider find)
      : stand_ins_(std::move(stand_ins)), find_(std::move(find)) {}

  Result<Resolution> resolve(std::string_view asked, Need need) const override {
    TRY(binding, stand_ins_->resolve(asked));
    CHECK(check_need(binding, need, asked));
    Candidate candidate;
    candidate.model = find_(binding.provider, binding.target);
    if (!candidate.model)
      return fail(Code::model_not_ready, "The model {} is served by {}:{}, which is not running.",
                  asked, binding.provider, binding.target);
    candidate.target = binding.target;
    candidate.max_output_tokens = binding.max_output_tokens;
    candidate.served = {binding.provider + ":" + binding.target, binding.stand_in,
                        binding.stand_in ? binding.reason : std::string()};
    Resolution resolution;
    resolution.binding = std::move(binding);
    resolution.candidates.push_back(std::move(candidate));
    return resolution;
  }

 private:
  std::shared_ptr<const models::StandIns> stand_ins_;
  FindProvider find_;
};

}  // namespace

std::shared_ptr<const Resolver> make_resolver(std::shared_ptr<const models::StandIns> stand_ins,
                                              FindProvider find) {
  return std::make_shared<StandInResolver>(std::move(stand_ins), std::move(find));
}

}  // namespace outcrop::gateway

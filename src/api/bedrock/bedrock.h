#pragma once
/// The operations of bedrock, the control plane: the catalogue of models.
/// Threads: the loop's.

#include "api/front/front.h"
#include "models/catalogue/stand_ins.h"

#include <functional>
#include <memory>

namespace outcrop::api {

/// Gives the snapshot in force: models come and go while the server runs.
using CurrentModels = std::function<std::shared_ptr<const models::StandIns>()>;

/// Registers ListFoundationModels and GetFoundationModel.
void add_bedrock(Front& front, CurrentModels current);

}  // namespace outcrop::api

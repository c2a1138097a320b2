#pragma once
/// `outcrop engine`: the child process that runs one local model. It speaks engine/protocol.h on
/// the inherited descriptor --fd, logs to standard error, and dies with its parent.

namespace outcrop::engine {

/// argv[0] is the program and argv[1] may be "engine". Returns the exit status: 0 when the parent
/// closed the connection or --describe was answered, 1 when the model cannot be served, 2 for wrong
/// arguments.
int engine_main(int argc, char** argv);

}  // namespace outcrop::engine

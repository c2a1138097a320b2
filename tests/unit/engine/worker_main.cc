#include "engine/worker/worker.h"

int main(int argc, char** argv) { return outcrop::engine::engine_main(argc, argv); }

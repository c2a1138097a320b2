# The target `llama`: llama.cpp's static libraries, built apart by third_party/llama.cpp/build and
# never instrumented. engine/worker alone links it.
set(prefix "${OUTCROP_LLAMA_DIR}")
if(NOT prefix)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/third_party/llama.cpp/build --print-prefix
                  OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "third_party/llama.cpp/build --print-prefix failed (${failed}).")
  endif()
endif()
if(NOT EXISTS ${prefix}/include/llama.h OR NOT EXISTS ${prefix}/lib/libllama.a)
  message(FATAL_ERROR "llama.cpp is not built yet: run third_party/llama.cpp/build, then configure again (looked in ${prefix}).")
endif()

add_library(llama INTERFACE IMPORTED GLOBAL)
target_include_directories(llama SYSTEM INTERFACE ${prefix}/include ${prefix}/include/common)
set(libraries)
foreach(name llama-common llama-common-base llama ggml ggml-cpu ggml-base cpp-httplib vendor-hash)
  if(EXISTS ${prefix}/lib/lib${name}.a)
    list(APPEND libraries ${prefix}/lib/lib${name}.a)
  endif()
endforeach()
target_link_libraries(llama INTERFACE -Wl,--start-group ${libraries} -Wl,--end-group Threads::Threads ${CMAKE_DL_LIBS} m)

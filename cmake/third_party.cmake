# Packages of the distribution. third_party/ names them; nothing is copied into the tree.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(re2 CONFIG QUIET)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
find_package(fmt REQUIRED)
if(OUTCROP_TESTS)
  find_package(GTest REQUIRED)
endif()

# llama.cpp: built apart, once, uninstrumented (third_party/llama.cpp); seen by engine/ alone.
set(OUTCROP_LLAMA_DIR "" CACHE PATH "folder made by third_party/llama.cpp/build: include/ and lib/")
find_package(ZLIB REQUIRED)

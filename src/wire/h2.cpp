#include "wire/server_connection.h"
namespace outcrop::wire {
std::unique_ptr<Protocol> make_http2(Connection& connection) { return make_http1(connection); }
}

// The codec against bytes written by hand from the specification, and against itself: every header
// type, every split of a stream, every single damaged byte.
#include "wire/event_stream.h"

#include "base/text.h"

#include <gtest/gtest.h>

#include <random>
#include <zlib.h>

namespace outcrop::wire {
namespace {

EventMessage every_type() {
  EventMessage message;
  message.headers = {{"yes", true},
                     {"no", false},
                     {"i8", std::int8_t{-3}},
                     {"i16", std::int16_t{-300}},
                     {"i32", std::int32_t{-70'000}},
                     {"i64", std::int64_t{-5'000'000'000}},
                     {"bytes", EventHeader::Bytes{std::string("\0\xFF", 2)}},
                     {"text", std::string("gr\xC3\xBC\xC3\x9F")},
                     {"at", EventHeader::Timestamp(Millis(1'700'000'000'123))},
                     {"uuid", EventHeader::Uuid{"0123456789abcdef"}}};
  message.payload = R"({"a":1})";
  return message;
}

std::string be32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::uint32_t crc(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}
/// A frame with valid CRCs around whatever header block is given.
std::string framed(std::string_view headers, std::string_view payload) {
  std::string out = be32(static_cast<std::uint32_t>(16 + headers.size() + payload.size()));
  out += be32(static_cast<std::uint32_t>(headers.size()));
  out += be32(crc(out));
  out.append(headers).append(payload);
  return out + be32(crc(out));
}

TEST(EventStream, EmptyMessageIsTheSixteenBytesOfTheSpecification) {
  // total 16, no headers, crc32(00000010 00000000) = 05c248eb, crc32 of the first twelve = 7d98c8ff
  EXPECT_EQ(hex(encode({}).value()), "000000100000000005c248eb7d98c8ff");
}

TEST(EventStream, StringHeaderIsLaidOutAsSpecified) {
  auto bytes = encode({.headers = {{"k", std::string("v")}}, .payload = "p"}).value();
  EXPECT_EQ(hex(bytes.substr(12, 6)), "016b07000176");
  EXPECT_EQ(bytes, framed(std::string("\x01k\x07\x00\x01v", 6), "p"));
}

TEST(EventStream, EveryHeaderTypeSurvivesEverySplit) {
  auto message = every_type();
  auto bytes = encode(message).value() + encode({}).value();
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EventStreamDecoder decoder;
    auto first = decoder.feed(bytes.substr(0, cut)).value();
    auto second = decoder.feed(bytes.substr(cut)).value();
    first.insert(first.end(), second.begin(), second.end());
    ASSERT_EQ(first.size(), 2u) << cut;
    EXPECT_EQ(first[0].headers, message.headers);
    EXPECT_EQ(first[0].payload, message.payload);
    EXPECT_TRUE(decoder.at_boundary());
  }
}

TEST(EventStream, BoundaryIsKnownWhenAStreamIsCut) {
  auto bytes = encode(every_type()).value();
  EventStreamDecoder decoder;
  EXPECT_TRUE(decoder.at_boundary());
  ASSERT_TRUE(decoder.feed(bytes.substr(0, bytes.size() - 1)).value().empty());
  EXPECT_FALSE(decoder.at_boundary());
}

TEST(EventStream, AnyDamagedByteIsRefusedAndTheDecoderStaysFailed) {
  auto bytes = encode(every_type()).value();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    EventStreamDecoder decoder;
    auto outcome = decoder.feed(damaged);
    ASSERT_FALSE(outcome.has_value()) << at;
    EXPECT_EQ(outcome.error().code, Code::corrupt);
    EXPECT_EQ(decoder.feed(bytes).error().code, Code::corrupt);
  }
}

TEST(EventStream, WrongHeaderBlocksAreCorruptThoughTheirCrcsHold) {
  using std::string;
  const string blocks[] = {
      string("\x01k\x07\x00\x01v\x01k\x00", 9),  // the same name twice
      string("\x00\x00", 2),                     // an empty name
      string("\x05k", 2),                        // a name that ends early
      string("\x01k", 2),                        // no type
      string("\x01k\x0A", 3),                    // an unknown type
      string("\x01k\x04\x00\x00", 5),            // an int32 of two bytes
      string("\x01k\x07\x00\x09v", 6),           // a string that ends early
      string("\x01k\x07\x00\x01\xFF", 6),        // a string that is not UTF-8
      string("\x01k\x09uuid", 7),                // a short UUID
      string("\x01\xFF\x00", 3),                 // a name that is not UTF-8
  };
  for (const auto& block : blocks) {
    EventStreamDecoder decoder;
    auto outcome = decoder.feed(framed(block, "x"));
    ASSERT_FALSE(outcome.has_value()) << hex(block);
    EXPECT_EQ(outcome.error().code, Code::corrupt) << hex(block);
  }
}

TEST(EventStream, LengthsThatContradictEachOtherAreCorruptBeforeTheBodyComes) {
  std::string prelude = be32(20) + be32(5);
  prelude += be32(crc(prelude));
  EventStreamDecoder decoder;
  EXPECT_EQ(decoder.feed(prelude).error().code, Code::corrupt);
}

TEST(EventStream, LimitsAreCrossedByOneByte) {
  EventStreamLimits limits{.headers_bytes = 20, .payload_bytes = 10};
  EventMessage message{.headers = {{"k", std::string(15, 'v')}}, .payload = std::string(10, 'p')};
  auto whole = encode(message, limits);
  ASSERT_TRUE(whole.has_value());  // 1 + 1 + 1 + 2 + 15 = 20
  EXPECT_EQ(EventStreamDecoder(limits).feed(*whole).value().size(), 1u);

  auto wide = message;
  wide.headers[0].value = std::string(16, 'v');
  auto long_payload = message;
  long_payload.payload += 'p';
  for (const auto& beyond : {wide, long_payload}) {
    EXPECT_EQ(encode(beyond, limits).error().code, Code::too_large);
    auto bytes = encode(beyond).value();
    EventStreamDecoder decoder(limits);
    auto outcome = decoder.feed(bytes.substr(0, 12));  // the announcement is enough
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Code::too_large);
    EXPECT_FALSE(decoder.feed(*whole).has_value());
  }
}

TEST(EventStream, HeadersThatCannotBeWrittenAreRefused) {
  auto code = [](EventHeader header) {
    return encode({.headers = {std::move(header)}}).error().code;
  };
  EXPECT_EQ(code({"", true}), Code::validation);
  EXPECT_EQ(code({std::string(256, 'n'), true}), Code::too_large);
  EXPECT_EQ(code({"k", std::string(32'768, 'v')}), Code::too_large);
  EXPECT_EQ(code({"k", std::string("\xFF")}), Code::validation);
  EXPECT_EQ(code({"k", EventHeader::Uuid{"short"}}), Code::validation);
  EXPECT_EQ(encode({.headers = {{"k", true}, {"k", false}}}).error().code, Code::validation);
  EXPECT_TRUE(encode({.headers = {{std::string(255, 'n'), std::string(32'767, 'v')}}}).has_value());
}

TEST(EventStream, TheServersMessagesAreWhatTheGeneralEncoderWrites) {
  auto text = [](const char* name, std::string value) {
    return EventHeader{name, std::move(value)};
  };
  EXPECT_EQ(encode_event("contentBlockDelta", "{}"),
            encode({.headers = {text(":event-type", "contentBlockDelta"),
                                text(":content-type", "application/json"),
                                text(":message-type", "event")},
                    .payload = "{}"})
                .value());
  EXPECT_EQ(encode_exception("throttlingException", R"({"message":"m"})"),
            encode({.headers = {text(":exception-type", "throttlingException"),
                                text(":content-type", "application/json"),
                                text(":message-type", "exception")},
                    .payload = R"({"message":"m"})"})
                .value());
  EXPECT_EQ(encode_error("c", "m"),
            encode({.headers = {text(":error-code", "c"), text(":error-message", "m"),
                                text(":message-type", "error")}})
                .value());
}

TEST(EventStream, AnErrorMessageTooLongForAHeaderIsShortenedAtACharacter) {
  std::string message;
  while (message.size() <= 40'000) message += "\xE2\x82\xAC";
  EventStreamDecoder decoder;
  auto messages = decoder.feed(encode_error("c", message)).value();
  auto kept = messages.at(0).find(":error-message").value();
  EXPECT_LE(kept.size(), 32'767u);
  EXPECT_TRUE(is_utf8(kept));
  EXPECT_TRUE(kept.ends_with("..."));
}

TEST(EventStream, FindGivesStringsOnly) {
  auto message = every_type();
  EXPECT_EQ(message.find("text"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(message.find("i8"), std::nullopt);
  EXPECT_EQ(message.find("absent"), std::nullopt);
}

TEST(EventStream, RandomMessagesInRandomChunksComeBack) {
  auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<EventMessage> sent;
  std::string bytes;
  for (int i = 0; i < 200; ++i) {
    EventMessage message;
    for (unsigned k = 0; k < random() % 5; ++k) {
      message.headers.push_back({"h" + std::to_string(k), std::string(random() % 50, 'x')});
    }
    message.payload.assign(random() % 3000, static_cast<char>(random()));
    bytes += encode(message).value();
    sent.push_back(std::move(message));
  }
  EventStreamDecoder decoder;
  std::vector<EventMessage> got;
  for (std::string_view rest = bytes; !rest.empty();) {
    auto count = std::min<std::size_t>(rest.size(), 1 + random() % 5000);
    auto batch = decoder.feed(rest.substr(0, count)).value();
    std::move(batch.begin(), batch.end(), std::back_inserter(got));
    rest.remove_prefix(count);
  }
  ASSERT_EQ(got.size(), sent.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].headers, sent[i].headers);
    EXPECT_EQ(got[i].payload, sent[i].payload);
  }
}

}  // namespace
}  // namespace outcrop::wire

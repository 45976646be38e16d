// The records of an association after its handshake (RFC 6347 §4.1, RFC 5288): keys, counters, and nothing else. OpenSSL
// keeps some 80 KB for an association; what is left to do, a few records in a session's life, needs 300 bytes.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "replay_window.h"

namespace cation {

// Content types (RFC 5246 §6.2.1).
enum class DtlsContent : uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

// Largest content of a record, and what a record adds to it: header, explicit nonce, tag.
constexpr size_t kMaxDtlsContentBytes = 16384;
constexpr size_t kDtlsRecordOverheadBytes = 13 + 8 + 16;

class DtlsRecordLayer {
 public:
  // Takes over from a server whose handshake is done. `lastFlight`: the datagrams with its Finished, behind whose nonce
  // the numbers go on. Null where the cipher suite is not AES-GCM or the flight is not what it should be.
  static std::unique_ptr<DtlsRecordLayer> create(SSL* ssl,
                                                 const std::vector<std::vector<uint8_t>>& lastFlight);
  ~DtlsRecordLayer();

  // Length of the record at the start of `bytes`; 0 where there is none.
  static size_t recordBytes(const uint8_t* bytes, size_t length);
  // Opens a whole record into `content`, which has room for it. Returns the content's length, or -1 for what is not
  // protected, not authentic or not new.
  long open(const uint8_t* record, size_t length, uint8_t* content);
  // Writes a protected record to `record`, which has room for kDtlsRecordOverheadBytes more than the content. Returns its
  // length; 0 where OpenSSL failed.
  size_t seal(DtlsContent type, const uint8_t* content, size_t length, uint8_t* record);

 private:
  static constexpr size_t kMaxKeyBytes = 32;
  static constexpr size_t kSaltBytes = 4;

  struct Direction {
    uint8_t key[kMaxKeyBytes];
    uint8_t salt[kSaltBytes];
  };

  DtlsRecordLayer() = default;
  bool deriveKeys(SSL* ssl);
  bool findNonce(const std::vector<std::vector<uint8_t>>& lastFlight);
  const EVP_CIPHER* cipher() const;

  size_t keyBytes_ = 0;
  Direction client_{};
  Direction server_{};
  uint64_t nextNonce_ = 0;
  uint64_t nextSequence_ = 0;
  ReplayWindow replays_;
};

}  // namespace cation

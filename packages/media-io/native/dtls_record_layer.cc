#include "dtls_record_layer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstring>

#include "bytes.h"
#include "openssl_ptr.h"

namespace cation {

namespace {

constexpr size_t kHeaderBytes = 13;
constexpr size_t kExplicitNonceBytes = 8;
constexpr size_t kTagBytes = 16;
constexpr size_t kNonceBytes = 12;
constexpr size_t kAssociatedBytes = 13;
constexpr uint16_t kVersion = 0xfefd;
constexpr uint16_t kProtectedEpoch = 1;
constexpr size_t kMasterSecretBytes = 48;
// OpenSSL's Finished had number 0 and the first nonce, and it may have repeated it; we go on from well behind.
constexpr uint64_t kFirstSequence = 256;
constexpr uint64_t kNonceGap = 65536;

struct KdfFree {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
};
struct KdfContextFree {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

uint64_t readU64(const uint8_t* p) { return uint64_t{readU32(p)} << 32 | readU32(p + 4); }

void writeU64(uint8_t* p, uint64_t value) {
  writeU32(p, static_cast<uint32_t>(value >> 32));
  writeU32(p + 4, static_cast<uint32_t>(value));
}

uint64_t sequenceOf(const uint8_t* record) {
  return readU64(record + 3) & 0xffff'ffff'ffff;
}

bool isProtected(const uint8_t* record) {
  return readU16(record + 1) == kVersion && readU16(record + 3) == kProtectedEpoch;
}

// Epoch and sequence number, type, version, length of the content (RFC 5246 §6.2.3.3).
void writeAssociated(const uint8_t* record, size_t contentBytes, uint8_t* associated) {
  std::memcpy(associated, record + 3, 8);
  associated[8] = record[0];
  std::memcpy(associated + 9, record + 1, 2);
  writeU16(associated + 11, static_cast<uint16_t>(contentBytes));
}

// TLS 1.2's PRF (RFC 5246 §5) with label and seed in one.
bool prf(const EVP_MD* digest, const uint8_t* secret, size_t secretBytes, const uint8_t* seed,
         size_t seedBytes, uint8_t* target, size_t targetBytes) {
  const std::unique_ptr<EVP_KDF, KdfFree> kdf(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfContextFree> context(kdf ? EVP_KDF_CTX_new(kdf.get())
                                                                 : nullptr);
  if (!context || !digest) return false;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                       const_cast<char*>(EVP_MD_get0_name(digest)), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, const_cast<uint8_t*>(secret),
                                        secretBytes),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, const_cast<uint8_t*>(seed), seedBytes),
      OSSL_PARAM_construct_end(),
  };
  return EVP_KDF_derive(context.get(), target, targetBytes, parameters) == 1;
}

}  // namespace

std::unique_ptr<DtlsRecordLayer> DtlsRecordLayer::create(
    SSL* ssl, const std::vector<std::vector<uint8_t>>& lastFlight) {
  std::unique_ptr<DtlsRecordLayer> layer(new DtlsRecordLayer());
  if (!layer->deriveKeys(ssl) || !layer->findNonce(lastFlight)) return nullptr;
  layer->nextSequence_ = kFirstSequence;
  return layer;
}

DtlsRecordLayer::~DtlsRecordLayer() {
  OPENSSL_cleanse(&client_, sizeof client_);
  OPENSSL_cleanse(&server_, sizeof server_);
}

// RFC 5246 §6.3: with an AEAD the key block is both keys and both salts, the client's first.
bool DtlsRecordLayer::deriveKeys(SSL* ssl) {
  const SSL_CIPHER* suite = SSL_get_current_cipher(ssl);
  if (!suite) return false;
  const int nid = SSL_CIPHER_get_cipher_nid(suite);
  if (nid != NID_aes_128_gcm && nid != NID_aes_256_gcm) return false;
  keyBytes_ = nid == NID_aes_128_gcm ? 16 : 32;

  uint8_t seed[13 + 2 * SSL3_RANDOM_SIZE];
  std::memcpy(seed, "key expansion", 13);
  SSL_get_server_random(ssl, seed + 13, SSL3_RANDOM_SIZE);
  SSL_get_client_random(ssl, seed + 13 + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
  uint8_t secret[kMasterSecretBytes];
  const size_t secretBytes = SSL_SESSION_get_master_key(SSL_get0_session(ssl), secret, sizeof secret);
  uint8_t block[2 * (kMaxKeyBytes + kSaltBytes)];
  const bool derived = prf(SSL_CIPHER_get_handshake_digest(suite), secret, secretBytes, seed,
                           sizeof seed, block, 2 * (keyBytes_ + kSaltBytes));
  if (derived) {
    std::memcpy(client_.key, block, keyBytes_);
    std::memcpy(server_.key, block + keyBytes_, keyBytes_);
    std::memcpy(client_.salt, block + 2 * keyBytes_, kSaltBytes);
    std::memcpy(server_.salt, block + 2 * keyBytes_ + kSaltBytes, kSaltBytes);
  }
  OPENSSL_cleanse(secret, sizeof secret);
  OPENSSL_cleanse(block, sizeof block);
  return derived;
}

// OpenSSL counts nonces up from a random start, which only its records tell.
bool DtlsRecordLayer::findNonce(const std::vector<std::vector<uint8_t>>& lastFlight) {
  bool found = false;
  for (const std::vector<uint8_t>& datagram : lastFlight) {
    size_t offset = 0;
    for (;;) {
      const uint8_t* record = datagram.data() + offset;
      const size_t length = recordBytes(record, datagram.size() - offset);
      if (length == 0) break;
      if (isProtected(record) && length >= kDtlsRecordOverheadBytes) {
        nextNonce_ = readU64(record + kHeaderBytes) + kNonceGap;
        found = true;
      }
      offset += length;
    }
  }
  return found;
}

const EVP_CIPHER* DtlsRecordLayer::cipher() const {
  return keyBytes_ == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

size_t DtlsRecordLayer::recordBytes(const uint8_t* bytes, size_t length) {
  if (length < kHeaderBytes) return 0;
  const size_t whole = kHeaderBytes + readU16(bytes + 11);
  return whole <= length ? whole : 0;
}

long DtlsRecordLayer::open(const uint8_t* record, size_t length, uint8_t* content) {
  if (length < kDtlsRecordOverheadBytes || !isProtected(record)) return -1;
  const size_t contentBytes = length - kDtlsRecordOverheadBytes;
  const auto sequence = static_cast<int64_t>(sequenceOf(record));
  // A repeated flight has repeated numbers and harms nobody; all else counts once.
  const bool once = record[0] != static_cast<uint8_t>(DtlsContent::kHandshake);
  if (contentBytes > kMaxDtlsContentBytes) return -1;
  if (once && replays_.check(sequence) != ReplayWindow::Verdict::kFresh) return -1;

  uint8_t nonce[kNonceBytes];
  std::memcpy(nonce, client_.salt, kSaltBytes);
  std::memcpy(nonce + kSaltBytes, record + kHeaderBytes, kExplicitNonceBytes);
  uint8_t associated[kAssociatedBytes];
  writeAssociated(record, contentBytes, associated);
  const uint8_t* sealed = record + kHeaderBytes + kExplicitNonceBytes;
  uint8_t tag[kTagBytes];
  std::memcpy(tag, sealed + contentBytes, kTagBytes);

  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool authentic =
      context && EVP_DecryptInit_ex(context.get(), cipher(), nullptr, client_.key, nonce) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &written, associated, kAssociatedBytes) == 1 &&
      EVP_DecryptUpdate(context.get(), content, &written, sealed, static_cast<int>(contentBytes)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag) == 1 &&
      EVP_DecryptFinal_ex(context.get(), content + contentBytes, &written) == 1;
  if (!authentic) return -1;
  if (once) replays_.accept(sequence);
  return static_cast<long>(contentBytes);
}

size_t DtlsRecordLayer::seal(DtlsContent type, const uint8_t* content, size_t length,
                             uint8_t* record) {
  const size_t whole = length + kDtlsRecordOverheadBytes;
  record[0] = static_cast<uint8_t>(type);
  writeU16(record + 1, kVersion);
  writeU64(record + 3, nextSequence_++);
  writeU16(record + 3, kProtectedEpoch);
  writeU16(record + 11, static_cast<uint16_t>(whole - kHeaderBytes));
  writeU64(record + kHeaderBytes, nextNonce_++);

  uint8_t nonce[kNonceBytes];
  std::memcpy(nonce, server_.salt, kSaltBytes);
  std::memcpy(nonce + kSaltBytes, record + kHeaderBytes, kExplicitNonceBytes);
  uint8_t associated[kAssociatedBytes];
  writeAssociated(record, length, associated);
  uint8_t* sealed = record + kHeaderBytes + kExplicitNonceBytes;

  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool done =
      context && EVP_EncryptInit_ex(context.get(), cipher(), nullptr, server_.key, nonce) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &written, associated, kAssociatedBytes) == 1 &&
      EVP_EncryptUpdate(context.get(), sealed, &written, content, static_cast<int>(length)) == 1 &&
      EVP_EncryptFinal_ex(context.get(), sealed + length, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, sealed + length) == 1;
  return done ? whole : 0;
}

}  // namespace cation

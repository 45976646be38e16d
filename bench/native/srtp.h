// AES-128-GCM SRTP for the bench's own programs (RFC 3711 §4.3, RFC 7714). Written apart from the addon under test, so
// that neither hides the other's mistakes or costs.
#pragma once
#include <openssl/evp.h>

#include <cstdint>
#include <cstring>

namespace bench {

constexpr int kTagBytes = 16;

inline void putU16(uint8_t* p, uint16_t v) {
  p[0] = v >> 8;
  p[1] = v;
}
inline void putU32(uint8_t* p, uint32_t v) {
  putU16(p, v >> 16);
  putU16(p + 2, v);
}
inline uint16_t getU16(const uint8_t* p) { return p[0] << 8 | p[1]; }
inline uint32_t getU32(const uint8_t* p) { return uint32_t(getU16(p)) << 16 | getU16(p + 2); }

// Master key and salt of transport `index`, the same formula as bench/src/keys.ts. `direction` 0: sent by the server,
// 1: sent by the client.
inline void masterKey(uint32_t index, int direction, uint8_t key[16], uint8_t salt[12]) {
  for (int i = 0; i < 16; i++) key[i] = uint8_t(index >> (8 * (i % 4))) ^ uint8_t(i * 31 + direction * 97);
  for (int i = 0; i < 12; i++) salt[i] = uint8_t(index >> (8 * (i % 4))) ^ uint8_t(i * 17 + direction * 59 + 1);
}

// RFC 3711 §4.3.3 with the 96-bit salt of RFC 7714 §11 padded by zeros.
inline void derive(const uint8_t key[16], const uint8_t salt[12], uint8_t label, uint8_t* out, int bytes) {
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), nullptr, key, nullptr);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  uint8_t block[16] = {0}, stream[16];
  memcpy(block, salt, 12);
  block[7] ^= label;
  int n = 0;
  EVP_EncryptUpdate(ctx, stream, &n, block, 16);
  memcpy(out, stream, bytes);
  EVP_CIPHER_CTX_free(ctx);
}

// One direction of one association.
class Gcm {
 public:
  Gcm(uint32_t index, int direction, bool encrypt) : encrypt_(encrypt) {
    uint8_t key[16], salt[12], session[16];
    masterKey(index, direction, key, salt);
    derive(key, salt, 0, session, 16);
    derive(key, salt, 2, rtpSalt_, 12);
    rtp_ = make(session);
    derive(key, salt, 3, session, 16);
    derive(key, salt, 5, rtcpSalt_, 12);
    rtcp_ = make(session);
  }
  ~Gcm() {
    EVP_CIPHER_CTX_free(rtp_);
    EVP_CIPHER_CTX_free(rtcp_);
  }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;

  // out = header | ciphertext | tag. Returns the length.
  int protectRtp(const uint8_t* header, int headerBytes, const uint8_t* payload, int payloadBytes, uint32_t roc,
                 uint8_t* out) {
    uint8_t iv[12] = {0};
    memcpy(iv + 2, header + 8, 4);
    putU32(iv + 6, roc);
    memcpy(iv + 10, header + 2, 2);
    for (int i = 0; i < 12; i++) iv[i] ^= rtpSalt_[i];
    memcpy(out, header, headerBytes);
    int n = 0;
    EVP_EncryptInit_ex(rtp_, nullptr, nullptr, nullptr, iv);
    EVP_EncryptUpdate(rtp_, nullptr, &n, header, headerBytes);
    EVP_EncryptUpdate(rtp_, out + headerBytes, &n, payload, payloadBytes);
    EVP_EncryptFinal_ex(rtp_, out + headerBytes + payloadBytes, &n);
    EVP_CIPHER_CTX_ctrl(rtp_, EVP_CTRL_AEAD_GET_TAG, kTagBytes, out + headerBytes + payloadBytes);
    return headerBytes + payloadBytes + kTagBytes;
  }

  // In place; returns the plain length, or -1 when the tag is wrong.
  int unprotectRtp(uint8_t* packet, int bytes, int headerBytes, uint32_t roc) {
    uint8_t iv[12] = {0};
    memcpy(iv + 2, packet + 8, 4);
    putU32(iv + 6, roc);
    memcpy(iv + 10, packet + 2, 2);
    for (int i = 0; i < 12; i++) iv[i] ^= rtpSalt_[i];
    int n = 0, body = bytes - headerBytes - kTagBytes;
    EVP_DecryptInit_ex(rtp_, nullptr, nullptr, nullptr, iv);
    EVP_DecryptUpdate(rtp_, nullptr, &n, packet, headerBytes);
    EVP_DecryptUpdate(rtp_, packet + headerBytes, &n, packet + headerBytes, body);
    EVP_CIPHER_CTX_ctrl(rtp_, EVP_CTRL_AEAD_SET_TAG, kTagBytes, packet + headerBytes + body);
    return EVP_DecryptFinal_ex(rtp_, packet + headerBytes + body, &n) == 1 ? headerBytes + body : -1;
  }

  // RFC 7714 §9.1: out = first 8 bytes | ciphertext | tag | E and index.
  int protectRtcp(const uint8_t* packet, int bytes, uint32_t index, uint8_t* out) {
    uint8_t iv[12] = {0}, trailer[4];
    memcpy(iv + 2, packet + 4, 4);
    putU32(iv + 8, index);
    for (int i = 0; i < 12; i++) iv[i] ^= rtcpSalt_[i];
    putU32(trailer, index | 0x80000000u);
    memcpy(out, packet, 8);
    int n = 0;
    EVP_EncryptInit_ex(rtcp_, nullptr, nullptr, nullptr, iv);
    EVP_EncryptUpdate(rtcp_, nullptr, &n, packet, 8);
    EVP_EncryptUpdate(rtcp_, nullptr, &n, trailer, 4);
    EVP_EncryptUpdate(rtcp_, out + 8, &n, packet + 8, bytes - 8);
    EVP_EncryptFinal_ex(rtcp_, out + bytes, &n);
    EVP_CIPHER_CTX_ctrl(rtcp_, EVP_CTRL_AEAD_GET_TAG, kTagBytes, out + bytes);
    memcpy(out + bytes + kTagBytes, trailer, 4);
    return bytes + kTagBytes + 4;
  }

 private:
  EVP_CIPHER_CTX* make(const uint8_t session[16]) {
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    if (encrypt_)
      EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), nullptr, session, nullptr);
    else
      EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), nullptr, session, nullptr);
    return ctx;
  }
  bool encrypt_;
  EVP_CIPHER_CTX* rtp_;
  EVP_CIPHER_CTX* rtcp_;
  uint8_t rtpSalt_[12], rtcpSalt_[12];
};

}  // namespace bench

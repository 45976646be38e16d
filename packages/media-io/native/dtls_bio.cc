#include "dtls_bio.h"

#include <algorithm>
#include <cstring>

namespace cation {

namespace {

DatagramPipe* pipeOf(BIO* bio) { return static_cast<DatagramPipe*>(BIO_get_data(bio)); }

int readDatagram(BIO* bio, char* target, int room) {
  DatagramPipe* pipe = pipeOf(bio);
  BIO_clear_retry_flags(bio);
  if (pipe->inboundBytes == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // As a socket does: what does not fit is lost.
  const size_t length = std::min(pipe->inboundBytes, static_cast<size_t>(std::max(room, 0)));
  std::memcpy(target, pipe->inbound, length);
  pipe->inboundBytes = 0;
  return static_cast<int>(length);
}

int writeDatagram(BIO* bio, const char* bytes, int length) {
  BIO_clear_retry_flags(bio);
  if (length > 0) {
    pipeOf(bio)->send(reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(length));
  }
  return length;
}

long control(BIO*, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return kDatagramBytes;
    default:
      return 0;
  }
}

}  // namespace

BioMethodPtr createDatagramBioMethod() {
  BioMethodPtr method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram pipe"));
  if (!method) return nullptr;
  BIO_meth_set_read(method.get(), readDatagram);
  BIO_meth_set_write(method.get(), writeDatagram);
  BIO_meth_set_ctrl(method.get(), control);
  return method;
}

BIO* createDatagramBio(const BIO_METHOD* method, DatagramPipe* pipe) {
  BIO* bio = BIO_new(method);
  if (!bio) return nullptr;
  BIO_set_data(bio, pipe);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace cation

/* Deflate and CRC-32 for zip archives. The only file that includes zlib. */
#ifndef INFLATE_H
#define INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unpacks n bytes of raw deflate data, which must give exactly out_n bytes and nothing more. */
bool fmt_inflate(const uint8_t *data, size_t n, uint8_t *out, size_t out_n);

uint32_t fmt_crc32(const uint8_t *data, size_t n);

#endif

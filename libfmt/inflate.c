#include <zlib.h>

#include "inflate.h"

bool fmt_inflate(const uint8_t *data, size_t n, uint8_t *out, size_t out_n)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .next_out = out };
	int status;

	if (n > UINT32_MAX || out_n > UINT32_MAX || inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return false;
	z.avail_in = (uInt)n;
	z.avail_out = (uInt)out_n;
	status = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return status == Z_STREAM_END && !z.avail_in && !z.avail_out;
}

uint32_t fmt_crc32(const uint8_t *data, size_t n)
{
	return (uint32_t)crc32_z(0, data, n);
}

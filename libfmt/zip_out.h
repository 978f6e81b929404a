/* The frame of a zip archive whose entries are stored as they are, at places known beforehand. */
#ifndef ZIP_OUT_H
#define ZIP_OUT_H

#include <libfmt/sink.h>

#include "buf.h"

struct zip_out_entry {
	struct fmt_str name;
	uint64_t n_bytes;
	uint32_t crc;        /* 0 where nobody has read the contents */
	const void *data;    /* the contents, or NULL if somebody else writes them */
	uint64_t header, off; /* set by zip_out_place: of the local header, and of the contents, a multiple of 64 */
};

/* Places the entries one after the other from the beginning of the file and works out the size of the whole file,
 * directory included. returns false with *err set if no file can be so large */
bool zip_out_place(struct zip_out_entry *entries, uint64_t n, uint64_t *file_bytes, struct fmt_err *err);

/* Writes all that is not contents, and the contents that are at hand. */
bool zip_out_write(const struct zip_out_entry *entries, uint64_t n, struct fmt_sink *s, struct fmt_err *err);

#endif

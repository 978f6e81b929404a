/* The directory of a zip archive, read strictly: every number of it has been checked against the others, against the
 * local headers and against the size of the file before an entry is shown. Archives in which two readers could see
 * different things (names or sizes that differ, entries that overlap, bytes behind the end) are refused.
 *
 * Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. */
#ifndef ZIP_IN_H
#define ZIP_IN_H

#include <libfmt/model.h>

#include "arena.h"
#include "source.h"

struct zip_entry {
	struct fmt_str name;
	uint64_t header;        /* offset of the local header */
	uint64_t off;           /* offset of the contents in the file */
	uint64_t stored_bytes;  /* as they lie in the file */
	uint64_t n_bytes;       /* when unpacked; equal to stored_bytes unless deflated */
	uint32_t crc;           /* CRC-32 of the contents; torch may leave it 0 */
	bool deflated;
};

struct zip {
	const struct fmt_source *source;
	struct fmt_arena *arena;
	uint64_t directory;        /* offset of the central directory: the end of what entries may take */
	uint64_t n_entries;
	struct zip_entry *entries; /* in the order of the central directory */
	struct zip_entry **sorted; /* by name */
};

/* Whether the file begins as a zip does. */
bool zip_recognise(const uint8_t *head, size_t n);

/* Reads the directory; everything lives in the arena. returns false with *err set. */
bool zip_open(struct zip *z, const struct fmt_source *source, struct fmt_arena *arena, struct fmt_err *err);

const struct zip_entry *zip_find(const struct zip *z, struct fmt_str name); /* NULL if there is none */

/* The contents of an entry in the arena, unpacked, at most max_bytes of them; the CRC must fit, unless it is 0. */
const uint8_t *zip_extract(const struct zip *z, const struct zip_entry *e, uint64_t max_bytes, struct fmt_err *err);

#endif

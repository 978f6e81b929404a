/* Files that are no model but may hold one: recognised so that the message can say what to do. */
#include <string.h>

#include "model_impl.h"

static const struct kind {
	size_t off;
	const char *magic;
	const char *what;
} kinds[] = {
	{ 257, "ustar", "a tar archive (or a torch file from before 0.1.10, which had that form): unpack it, or load and save "
			"it with a later torch" },
	{ 0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first" },
	{ 0, "\x1f\x8b", "compressed with gzip: unpack it first" },
	{ 0, "BZh", "compressed with bzip2: unpack it first" },
	{ 0, "\xfd" "7zXZ", "compressed with xz: unpack it first" },
	{ 0, "\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first" },
	{ 0, "\x89HDF\r\n\x1a\n", "an HDF5 file, which is not supported" },
	{ 0, "version https://git-lfs.github.com/spec", "a Git LFS pointer and not the file itself: run 'git lfs pull'" },
};

static const struct kind *find(const uint8_t *head, size_t n)
{
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		size_t len = strlen(kinds[k].magic);

		if (n >= kinds[k].off + len && !memcmp(head + kinds[k].off, kinds[k].magic, len))
			return &kinds[k];
	}
	return NULL;
}

static bool recognise(const uint8_t *head, size_t n, uint64_t file_bytes)
{
	(void)file_bytes;
	return find(head, n) != NULL;
}

static bool read_file(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	const struct fmt_source *source = &m->impl->sources[file];
	uint8_t head[FMT_HEAD_BYTES];
	size_t n = source->n_bytes < sizeof head ? (size_t)source->n_bytes : sizeof head;
	const struct kind *kind;

	if (!fmt_source_read(source, 0, head, n, err))
		return false;
	kind = find(head, n);
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%s", kind ? kind->what : "changed while it was read");
}

/* The container's number is never seen, because no such file can be opened. */
const struct fmt_reader fmt_reader_archive = { .container = FMT_TORCH_LEGACY, .recognise = recognise, .read = read_file };

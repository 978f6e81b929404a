/* Builds GGUF files byte by byte, of any version and byte order, right or wrong. A test's own view of the format:
 * nothing of libfmt's writer is used. */
#ifndef TESTS_GGUF_BUILD_H
#define TESTS_GGUF_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/model.h>

struct build {
	uint8_t *p;
	size_t n, cap;
	bool big_endian;
	uint32_t version;
};

static inline void put(struct build *b, const void *p, size_t n)
{
	if (n > b->cap - b->n) {
		b->cap = (b->cap + n) * 2;
		b->p = realloc(b->p, b->cap);
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* A number of `bytes` bytes in the file's byte order. */
static inline void put_n(struct build *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		uint8_t byte = (uint8_t)(v >> 8 * (b->big_endian ? bytes - 1 - i : i));

		put(b, &byte, 1);
	}
}

static inline void put_u32(struct build *b, uint64_t v)
{
	put_n(b, v, 4);
}

static inline void put_u64(struct build *b, uint64_t v)
{
	put_n(b, v, 8);
}

/* A count or length: as long as the version has them. */
static inline void put_len(struct build *b, uint64_t v)
{
	put_n(b, v, b->version == 1 ? 4 : 8);
}

static inline void put_str(struct build *b, const char *s)
{
	put_len(b, strlen(s));
	put(b, s, strlen(s));
}

static inline void put_pad(struct build *b, size_t alignment)
{
	while (b->n % alignment)
		put(b, "", 1);
}

static inline struct build begin(uint32_t version, bool big_endian, uint64_t n_tensors, uint64_t n_kv)
{
	struct build b = { .big_endian = big_endian, .version = version };

	put(&b, "GGUF", 4);
	put_u32(&b, version);
	put_len(&b, n_tensors);
	put_len(&b, n_kv);
	return b;
}

static inline void put_key(struct build *b, const char *key, uint32_t type)
{
	put_str(b, key);
	put_u32(b, type);
}

static inline void put_kv_u32(struct build *b, const char *key, uint32_t v)
{
	put_key(b, key, 4);
	put_u32(b, v);
}

/* dims in the file's order, innermost first */
static inline void put_tensor(struct build *b, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type,
                              uint64_t off)
{
	put_str(b, name);
	put_u32(b, n_dims);
	for (uint32_t i = 0; i < n_dims; i++)
		put_len(b, dims[i]);
	put_u32(b, type);
	put_u64(b, off);
}

static inline void put_zeros(struct build *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(b, "", 1);
}

/* Writes n bytes to a new file and returns its name in `path` (64 bytes). */
static inline bool save_bytes(const void *p, size_t n, char *path)
{
	const char *dir = getenv("TMPDIR");
	int fd;
	bool ok;

	snprintf(path, 64, "%s/assay-XXXXXX", dir && strlen(dir) < 40 ? dir : "/tmp");
	fd = mkstemp(path);
	if (fd < 0)
		return false;
	ok = write(fd, p, n) == (ssize_t)n;
	close(fd);
	return ok;
}

/* Opens bytes as a model, through a file that is gone afterwards. */
static inline struct fmt_model *open_bytes(const void *p, size_t n, struct fmt_err *err)
{
	char path[64];
	struct fmt_model *m = save_bytes(p, n, path) ? fmt_model_open(path, err) : NULL;

	unlink(path);
	return m;
}

/* The same for what was built, which is freed. */
static inline struct fmt_model *open_built(struct build *b, struct fmt_err *err)
{
	struct fmt_model *m = open_bytes(b->p, b->n, err);

	free(b->p);
	*b = (struct build){ 0 };
	return m;
}

#endif

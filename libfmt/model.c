/* Opening model files: the table of readers, the choice by content, and the lists that the readers fill. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "limit.h"
#include "model_impl.h"

/* In this order; a file is what the first row takes it for. safetensors comes before those with a short magic: its
 * first two bytes are the length of a header, which may be anything, "\x80\x05" of a pickle too. */
static const struct fmt_reader *const readers[] = {
	&fmt_reader_gguf,
	&fmt_reader_safetensors,
	&fmt_reader_torch_zip,
	&fmt_reader_torch_legacy,
	&fmt_reader_archive,
};

static const struct fmt_reader *recognise(const struct fmt_source *s, struct fmt_err *err)
{
	uint8_t head[FMT_HEAD_BYTES];
	size_t n = s->n_bytes < sizeof head ? (size_t)s->n_bytes : sizeof head;

	if (!n) {
		fmt_fail(err, FMT_TRUNCATED, FMT_NO_OFFSET, "the file is empty");
		return NULL;
	}
	if (!fmt_source_read(s, 0, head, n, err))
		return NULL;
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
		if (readers[i]->recognise(head, n, s->n_bytes))
			return readers[i];
	fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "not a model file: neither GGUF nor safetensors nor PyTorch by its content");
	return NULL;
}

/* Puts the opened file into the model's lists. */
static bool append_file(struct fmt_model *m, const struct fmt_source *s, struct fmt_err *err)
{
	struct fmt_model_impl *impl = m->impl;
	uint32_t n = m->n_files;
	struct fmt_source *sources = realloc(impl->sources, (n + 1) * sizeof *sources);
	const char **files;
	uint64_t *bytes, more;

	if (!sources)
		return fmt_fail_nomem(err, (n + 1) * sizeof *sources);
	impl->sources = sources;
	/* a product that overflows is no limit at all */
	if (ckd_mul(&more, s->n_bytes, LIMIT_ARENA_FACTOR) || ckd_add(&impl->arena.limit_bytes, impl->arena.limit_bytes, more))
		impl->arena.limit_bytes = UINT64_MAX;
	files = fmt_arena_alloc(&impl->arena, n + 1, sizeof *files, err);
	bytes = fmt_arena_alloc(&impl->arena, n + 1, sizeof *bytes, err);
	if (err->code)
		return false;
	if (n) {
		memcpy(files, m->files, n * sizeof *files);
		memcpy(bytes, m->file_bytes, n * sizeof *bytes);
	}
	sources[n] = *s;
	files[n] = s->path;
	bytes[n] = s->n_bytes;
	m->files = files;
	m->file_bytes = bytes;
	m->n_files = n + 1;
	return true;
}

static bool read_file(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	struct fmt_model_impl *impl = m->impl;
	const struct fmt_reader *reader = recognise(&impl->sources[file], err);

	if (!reader)
		return false;
	if (file && reader != impl->reader)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "not of the same format as %s", m->files[0]);
	impl->reader = reader;
	impl->kv_of_file = m->n_kv;
	m->container = reader->container;
	return reader->read(m, file, err) && fmt_source_unchanged(&impl->sources[file], err);
}

bool fmt_model_add_file(struct fmt_model *m, const char *path, struct fmt_err *err)
{
	struct fmt_source s;

	if (m->n_files >= LIMIT_FILES)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more than %d files", LIMIT_FILES);
	if (!fmt_source_open(&s, path, err))
		return false;
	if (!append_file(m, &s, err)) {
		fmt_source_close(&s);
		return false;
	}
	read_file(m, m->n_files - 1, err);
	fmt_err_file(err, path);
	return !err->code;
}

static struct fmt_model *create(struct fmt_err *err)
{
	struct fmt_model *m = calloc(1, sizeof *m);
	struct fmt_model_impl *impl = calloc(1, sizeof *impl);

	if (!m || !impl) {
		free(m);
		free(impl);
		fmt_fail_nomem(err, sizeof *m + sizeof *impl);
		return NULL;
	}
	m->impl = impl;
	m->alignment = 1;
	fmt_arena_init(&impl->arena, LIMIT_ARENA_BASE);
	fmt_index_init(&impl->keys);
	fmt_index_init(&impl->names);
	return m;
}

struct fmt_model *fmt_model_open_shards(const char *const *paths, uint32_t n, struct fmt_err *err)
{
	struct fmt_model *m = create(err);

	if (!m)
		return NULL;
	if (!n)
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "no file to open");
	for (uint32_t i = 0; i < n && !err->code; i++)
		fmt_model_add_file(m, paths[i], err);
	if (!err->code && m->impl->reader->complete && !m->impl->reader->complete(m, err))
		fmt_err_file(err, paths[0]);
	if (!err->code)
		return m;
	fmt_model_close(m);
	return NULL;
}

struct fmt_model *fmt_model_open(const char *path, struct fmt_err *err)
{
	return fmt_model_open_shards(&path, 1, err);
}

void fmt_model_close(struct fmt_model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_files; i++)
		fmt_source_close(&m->impl->sources[i]);
	free(m->impl->sources);
	fmt_index_finish(&m->impl->keys);
	fmt_index_finish(&m->impl->names);
	fmt_arena_finish(&m->impl->arena);
	free(m->impl);
	free(m);
}

/* Capacity for one more. */
static uint64_t more_cap(uint64_t cap)
{
	return cap ? cap * 2 : 64;
}

bool fmt_model_add_kv(struct fmt_model *m, const struct fmt_kv *kv, struct fmt_err *err)
{
	struct fmt_model_impl *impl = m->impl;
	char key[FMT_SHOW_BYTES];
	uint32_t there;

	if (fmt_index_find(&impl->keys, kv->key, &there))
		return there < impl->kv_of_file ||
		       fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "key %s is there twice", fmt_show(kv->key, key));
	if (m->n_kv == impl->kv_cap) {
		uint64_t cap = more_cap(impl->kv_cap);
		struct fmt_kv *grown = fmt_arena_grow(&impl->arena, impl->kv, impl->kv_cap, cap, sizeof *grown, err);

		if (!grown)
			return false;
		m->kv = impl->kv = grown;
		impl->kv_cap = cap;
	}
	if (fmt_index_add(&impl->keys, kv->key, (uint32_t)m->n_kv, err) == FMT_INDEX_FAILED)
		return false;
	impl->kv[m->n_kv++] = *kv;
	return true;
}

/* The contents lie within the file. */
static bool check_range(const struct fmt_model *m, const struct fmt_tensor *t, uint64_t off_in_file, struct fmt_err *err)
{
	uint64_t reach, file_bytes = m->file_bytes[t->file];
	char name[FMT_SHOW_BYTES];

	if (!fmt_tensor_reach(t, &reach, err))
		return false;
	if (t->off <= file_bytes && reach <= file_bytes - t->off)
		return true;
	return fmt_fail(err, FMT_TRUNCATED, off_in_file, "tensor %s needs %" PRIu64 " bytes at offset %" PRIu64
	                ", but the file has only %" PRIu64, fmt_show(t->name, name), reach, t->off, file_bytes);
}

bool fmt_model_add_tensor(struct fmt_model *m, const struct fmt_tensor *t, uint64_t off_in_file, struct fmt_err *err)
{
	struct fmt_model_impl *impl = m->impl;
	struct fmt_tensor measured = *t;
	char name[FMT_SHOW_BYTES];

	if (!fmt_tensor_measure(&measured, err) || !check_range(m, &measured, off_in_file, err)) {
		if (err->off == FMT_NO_OFFSET)
			err->off = off_in_file;
		return false;
	}
	if (m->n_tensors == impl->tensors_cap) {
		uint64_t cap = more_cap(impl->tensors_cap);
		struct fmt_tensor *grown = fmt_arena_grow(&impl->arena, impl->tensors, impl->tensors_cap, cap, sizeof *grown, err);

		if (!grown)
			return false;
		m->tensors = impl->tensors = grown;
		impl->tensors_cap = cap;
	}
	switch (fmt_index_add(&impl->names, t->name, (uint32_t)m->n_tensors, err)) {
	case FMT_INDEX_FAILED:
		return false;
	case FMT_INDEX_THERE:
		return fmt_fail(err, FMT_MALFORMED, off_in_file, "tensor %s is there twice", fmt_show(t->name, name));
	case FMT_INDEX_ADDED:
		break;
	}
	impl->tensors[m->n_tensors++] = measured;
	return true;
}

const struct fmt_value *fmt_model_get(const struct fmt_model *m, const char *key)
{
	uint32_t i;

	return fmt_index_find(&m->impl->keys, (struct fmt_str){ key, strlen(key) }, &i) ? &m->kv[i].value : NULL;
}

const struct fmt_tensor *fmt_model_find(const struct fmt_model *m, struct fmt_str name)
{
	uint32_t i;

	return fmt_index_find(&m->impl->names, name, &i) ? &m->tensors[i] : NULL;
}

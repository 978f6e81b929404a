/* PyTorch's files before 1.6 (still written with _use_new_zipfile_serialization=False): five pickles one after the
 * other (magic number, protocol, system, object, list of storage keys), then of each storage in the list's order a
 * 64-bit count of elements and the elements. Any other file that begins as a pickle gets its verdict here too.
 * Source: torch/serialization.py, _legacy_save and _legacy_load. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "index.h"
#include "limit.h"
#include "torch_tensor.h"

enum { PICKLE_MAGIC, PICKLE_PROTOCOL, PICKLE_SYSTEM, PICKLE_OBJECT, PICKLE_KEYS, N_PICKLES };

#define PROTOCOL    1001
#define FIRST_BYTES 1048576 /* of the file, as a first guess at where the pickles end */

struct legacy {
	struct fmt_model *m;
	uint32_t file;
	struct fmt_arena arena;
	uint8_t *bytes;                   /* the beginning of the file */
	uint64_t n_bytes;
	struct pickle pickles[N_PICKLES];
	uint64_t starts[N_PICKLES];       /* offset of each in the file */
	uint64_t storages;                /* offset of the first storage */
	struct fmt_index index;           /* storage key -> number in `known` */
	struct torch_storage *known;
	uint64_t *offs;                   /* of each known storage's elements in the file; 0: not met yet */
	uint64_t n_known;
};

/* PROTO with a version that pickles have. What follows may be torch's magic number or not: the reader says. */
static bool recognise(const uint8_t *head, size_t n, uint64_t file_bytes)
{
	(void)file_bytes;
	return n >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

/* 0x1950a86a20f9469cfc6c, as the ten bytes of a pickled integer. */
static bool is_magic(const struct pkl *v)
{
	return v->kind == PKL_BIGINT && v->n == 10 && !memcmp(v->as.s, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
}

static bool parse_pickles(struct legacy *l, struct fmt_err *err)
{
	uint64_t at = 0;

	for (int k = 0; k < N_PICKLES; k++) {
		l->starts[k] = at;
		if (!pickle_parse(&l->pickles[k], l->bytes + at, (size_t)(l->n_bytes - at), at, &l->arena, err))
			return false;
		at += l->pickles[k].n_bytes;
		if (k == PICKLE_MAGIC && !is_magic(l->pickles[k].root))
			return fmt_fail(err, FMT_UNSUPPORTED, 0, "a pickle, but not one of torch.save: no tensors to be read from it");
	}
	l->storages = at;
	return true;
}

/* Reads ever more of the file until the pickles are whole. */
static bool read_pickles(struct legacy *l, struct fmt_err *err)
{
	const struct fmt_source *source = &l->m->impl->sources[l->file];
	uint64_t most = source->n_bytes < LIMIT_PICKLE_BYTES ? source->n_bytes : LIMIT_PICKLE_BYTES;

	for (uint64_t want = FIRST_BYTES;; want *= 4) {
		struct fmt_err attempt = { 0 };

		l->n_bytes = want < most ? want : most;
		fmt_arena_finish(&l->arena);
		fmt_arena_init(&l->arena, PICKLE_ARENA_LIMIT(l->n_bytes));
		l->bytes = fmt_arena_alloc(&l->arena, l->n_bytes, 1, err);
		if (!l->bytes || !fmt_source_read(source, 0, l->bytes, (size_t)l->n_bytes, err))
			return false;
		if (parse_pickles(l, &attempt))
			return true;
		if (attempt.code != FMT_TRUNCATED || l->n_bytes == most) {
			*err = attempt;
			return false;
		}
	}
}

static bool check_system(struct legacy *l, struct fmt_err *err)
{
	const struct pkl *protocol = l->pickles[PICKLE_PROTOCOL].root, *system = l->pickles[PICKLE_SYSTEM].root;
	const struct pkl *little = pickle_get(system, "little_endian");
	bool big;

	if (protocol->kind != PKL_INT || protocol->as.i != PROTOCOL)
		return fmt_fail(err, FMT_UNSUPPORTED, l->starts[PICKLE_PROTOCOL], "torch.save protocol other than %d", PROTOCOL);
	if (!little || little->kind != PKL_BOOL)
		return fmt_fail(err, FMT_MALFORMED, l->starts[PICKLE_SYSTEM], "no 'little_endian' in the system's description");
	big = !little->as.b;
	if (l->file && l->m->big_endian != big)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "another byte order than the file before it");
	l->m->big_endian = big;
	return true;
}

/* All storages that the object refers to, tensors or not: their element sizes say where the next one begins. */
static bool collect_storages(struct legacy *l, struct fmt_err *err)
{
	const struct pickle *object = &l->pickles[PICKLE_OBJECT];
	char name[FMT_SHOW_BYTES];

	l->known = fmt_arena_alloc(&l->arena, object->n_persids, sizeof *l->known, err);
	l->offs = fmt_arena_alloc(&l->arena, object->n_persids, sizeof *l->offs, err);
	if (!l->known || !l->offs)
		return false;
	for (uint64_t k = 0; k < object->n_persids; k++) {
		struct torch_storage *s = &l->known[l->n_known];
		enum fmt_index_added added;
		uint32_t number;

		if (!torch_storage_read(object->persids[k], s, l->starts[PICKLE_OBJECT], err))
			return false;
		added = fmt_index_add(&l->index, s->key, (uint32_t)l->n_known, err);
		if (added == FMT_INDEX_FAILED)
			return false;
		if (added == FMT_INDEX_ADDED)
			l->n_known++;
		else if (!fmt_index_find(&l->index, s->key, &number) || l->known[number].type != s->type ||
		         l->known[number].n_elems != s->n_elems)
			return fmt_fail(err, FMT_MISMATCH, l->starts[PICKLE_OBJECT] + object->persids[k]->off,
			                "two references to storage %s differ", fmt_show(s->key, name));
	}
	return true;
}

/* One storage of the list: its count, which must be what the object said, and its place. */
static bool place_storage(struct legacy *l, const struct pkl *key, uint64_t *at, struct fmt_err *err)
{
	const struct fmt_source *source = &l->m->impl->sources[l->file];
	uint32_t number;
	uint8_t raw[8];
	uint64_t n = 0, elem_bytes, left;
	char name[FMT_SHOW_BYTES];

	if (key->kind != PKL_STR || !fmt_index_find(&l->index, (struct fmt_str){ key->as.s, key->n }, &number))
		return fmt_fail(err, FMT_MALFORMED, *at, "a storage that the object does not refer to");
	if (l->offs[number])
		return fmt_fail(err, FMT_MALFORMED, *at, "storage %s is listed twice", fmt_show(l->known[number].key, name));
	if (!fmt_source_read(source, *at, raw, sizeof raw, err))
		return false;
	for (int k = 0; k < 8; k++)
		n |= (uint64_t)raw[k] << 8 * k;
	elem_bytes = fmt_type_info(l->known[number].type)->block_bytes;
	if (n != l->known[number].n_elems)
		return fmt_fail(err, FMT_MISMATCH, *at, "storage of %" PRIu64 " elements where %" PRIu64 " were announced", n,
		                l->known[number].n_elems);
	*at += sizeof raw;
	left = source->n_bytes - *at;
	if (n > left / elem_bytes)
		return fmt_fail(err, FMT_TRUNCATED, *at, "storage: %" PRIu64 " elements of %" PRIu64 " bytes, %" PRIu64
		                " bytes left", n, elem_bytes, left);
	l->offs[number] = *at;
	*at += n * elem_bytes;
	return true;
}

static bool place_storages(struct legacy *l, struct fmt_err *err)
{
	const struct pkl *keys = l->pickles[PICKLE_KEYS].root;
	uint64_t at = l->storages, end = l->m->file_bytes[l->file];

	if (keys->kind != PKL_LIST)
		return fmt_fail(err, FMT_MALFORMED, l->starts[PICKLE_KEYS], "no list of storages");
	for (uint32_t k = 0; k < keys->n; k++)
		if (!place_storage(l, keys->as.items[k], &at, err))
			return false;
	if (at != end)
		return fmt_fail(err, FMT_MALFORMED, at, "%" PRIu64 " bytes after the last storage", end - at);
	return true;
}

static bool add_tensor(void *context, const struct torch_tensor *t, struct fmt_err *err)
{
	const struct legacy *l = context;
	char name[FMT_SHOW_BYTES];
	uint32_t number;

	if (!fmt_index_find(&l->index, t->storage.key, &number) || !l->offs[number])
		return fmt_fail(err, FMT_MISSING, t->at, "tensor %s: its storage is not in the file", fmt_show(t->name, name));
	return torch_add(l->m, l->file, t, l->offs[number], err);
}

static bool read_file(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	struct legacy l = { .m = m, .file = file };
	struct torch_walk walk = { .each = add_tensor, .context = &l, .arena = &l.arena };
	bool ok;

	fmt_index_init(&l.index);
	ok = read_pickles(&l, err) && check_system(&l, err) && collect_storages(&l, err) && place_storages(&l, err);
	if (ok) {
		walk.base = l.starts[PICKLE_OBJECT];
		walk.budget = l.pickles[PICKLE_OBJECT].n_bytes;
		ok = torch_walk(&walk, l.pickles[PICKLE_OBJECT].root, err);
	}
	fmt_index_finish(&l.index);
	fmt_arena_finish(&l.arena);
	return ok;
}

const struct fmt_reader fmt_reader_torch_legacy = { .container = FMT_TORCH_LEGACY, .recognise = recognise, .read = read_file };

/* Reads GGUF 1, 2 and 3 of either byte order: header, metadata, tensor table. Source: ggml's docs/gguf.md; what the
 * reference reader refuses though the specification allows it (gaps, any order of contents) is accepted. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "gguf.h"
#include "limit.h"
#include "model_impl.h"
#include "value.h"

/* One file while it is read. */
struct load {
	struct fmt_model *m;
	struct fmt_arena *arena;
	struct fmt_cur c;
	uint32_t file, version;
	uint64_t alignment;
	struct gguf_split split;
	struct fmt_err *err;
};

/* A tensor as announced, before the beginning of the data section is known. */
struct announced {
	struct fmt_tensor t; /* .off from the beginning of the data section */
	uint64_t at;         /* where it was announced */
};

/* The magic is meant to be the same in both byte orders, but newer versions of gguf-py's byte order converter turn it
 * too. */
static bool recognise(const uint8_t *head, size_t n, uint64_t file_bytes)
{
	(void)file_bytes;
	return n >= 4 && (!memcmp(head, "GGUF", 4) || !memcmp(head, "FUGG", 4));
}

/* The version tells the byte orders apart. */
static bool read_version(struct load *l)
{
	uint32_t v;

	fmt_cur_skip(&l->c, 4, "magic");
	v = fmt_cur_u32(&l->c, "version");
	if (!fmt_cur_ok(&l->c))
		return false;
	if (v && !(v & 0xffff)) {
		l->c.big_endian = true;
		v = v >> 24 | (v >> 8 & 0xff00);
	}
	if (v < 1 || v > 3)
		return fmt_fail(l->err, FMT_UNSUPPORTED, 4, "GGUF version %" PRIu32 ", known are 1, 2 and 3", v);
	if (l->file && (l->c.big_endian != l->m->big_endian))
		return fmt_fail(l->err, FMT_MISMATCH, 4, "the parts of the model differ in byte order");
	l->version = v;
	l->m->big_endian = l->c.big_endian;
	if (!l->file)
		l->m->version = v;
	return true;
}

static uint64_t read_count(struct load *l, const char *what)
{
	return l->version == 1 ? fmt_cur_u32(&l->c, what) : fmt_cur_u64(&l->c, what);
}

/* Keys that say something about the file itself. */
static bool heed(struct load *l, const struct fmt_kv *kv, uint64_t off)
{
	uint64_t *number = fmt_str_is(kv->key, "split.no") ? &l->split.no :
	                   fmt_str_is(kv->key, "split.count") ? &l->split.count :
	                   fmt_str_is(kv->key, "split.tensors.count") ? &l->split.tensors : NULL;

	if (number && !fmt_value_u64(&kv->value, number))
		return fmt_fail(l->err, FMT_MALFORMED, off, "%s is not a count", kv->key.p);
	if (!fmt_str_is(kv->key, "general.alignment"))
		return true;
	if (!gguf_check_alignment(&kv->value, off, l->err))
		return false;
	l->alignment = kv->value.as.u;
	return true;
}

static bool read_kv(struct load *l)
{
	uint64_t off = l->c.pos;
	struct fmt_kv kv = { .key = gguf_str_read(&l->c, l->arena, l->version, "key") };
	uint32_t type;

	if (!fmt_cur_ok(&l->c) || !gguf_check_key(kv.key, off, l->err))
		return false;
	type = fmt_cur_u32(&l->c, "value type");
	if (!fmt_cur_ok(&l->c) || !gguf_value_read(&l->c, l->arena, l->version, type, &kv.value) || !heed(l, &kv, off))
		return false;
	if (!fmt_model_add_kv(l->m, &kv, l->err)) {
		if (l->err->off == FMT_NO_OFFSET)
			l->err->off = off;
		return false;
	}
	return true;
}

/* Types that were there once, and must not be taken for something else. */
static bool was_removed(uint32_t id)
{
	return id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
}

static bool read_type(struct load *l, struct fmt_tensor *t)
{
	uint64_t off = l->c.pos;
	uint32_t id = fmt_cur_u32(&l->c, "tensor type");
	char name[FMT_SHOW_BYTES];

	if (!fmt_cur_ok(&l->c))
		return false;
	if (fmt_type_from_gguf(id, &t->type))
		return true;
	return fmt_fail(l->err, FMT_UNSUPPORTED, off, "tensor %s has type %" PRIu32 ", which is %s", fmt_show(t->name, name), id,
	                was_removed(id) ? "no longer part of GGUF; requantize with the program that wrote it" :
	                                  "not known here; it may belong to a fork of llama.cpp");
}

static bool read_tensor(struct load *l, struct announced *a)
{
	struct fmt_tensor *t = &a->t;
	char name[FMT_SHOW_BYTES];
	uint64_t off;

	a->at = l->c.pos;
	t->file = l->file;
	t->name = gguf_str_read(&l->c, l->arena, l->version, "tensor name");
	if (!fmt_cur_ok(&l->c) || !gguf_check_name(t->name, a->at, l->err))
		return false;
	off = l->c.pos;
	t->n_dims = fmt_cur_u32(&l->c, "number of dimensions");
	if (fmt_cur_ok(&l->c) && t->n_dims > LIMIT_GGUF_DIMS)
		return fmt_fail(l->err, FMT_LIMIT, off, "tensor %s has %" PRIu32 " dimensions, at most %d are allowed",
		                fmt_show(t->name, name), t->n_dims, LIMIT_GGUF_DIMS);
	/* GGUF names the innermost dimension first: the only place where reading turns the order */
	for (uint32_t i = t->n_dims; i-- > 0 && fmt_cur_ok(&l->c);)
		t->dims[i] = read_count(l, "dimension");
	if (!read_type(l, t))
		return false;
	off = l->c.pos;
	t->off = fmt_cur_u64(&l->c, "tensor offset");
	if (fmt_cur_ok(&l->c) && t->off % l->alignment)
		return fmt_fail(l->err, FMT_MALFORMED, off, "tensor %s: offset %" PRIu64 " is not a multiple of the alignment %" PRIu64,
		                fmt_show(t->name, name), t->off, l->alignment);
	return fmt_cur_ok(&l->c);
}

/* Reads n announcements; NULL on failure. The table grows as they come, so a count that lies costs nothing. */
static struct announced *read_tensors(struct load *l, uint64_t n)
{
	struct announced *table = NULL;
	uint64_t cap = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (i == cap) {
			uint64_t more = !cap ? 64 : cap > n - cap ? n : cap * 2;

			table = fmt_arena_grow(l->arena, table, cap, more, sizeof *table, l->err);
			if (!table)
				return NULL;
			cap = more;
		}
		if (!read_tensor(l, &table[i]))
			return NULL;
	}
	return table;
}

/* Turns offsets into absolute ones, now that the end of the header is known. */
static bool add_tensors(struct load *l, struct announced *table, uint64_t n)
{
	uint64_t data;
	char name[FMT_SHOW_BYTES];

	if (ckd_align(&data, l->c.pos, l->alignment))
		return fmt_fail(l->err, FMT_LIMIT, FMT_NO_OFFSET, "the header is too long");
	if (!l->file)
		l->m->data_off = data;
	for (uint64_t i = 0; i < n; i++) {
		if (ckd_add(&table[i].t.off, table[i].t.off, data))
			return fmt_fail(l->err, FMT_LIMIT, table[i].at, "tensor %s: its offset overflows", fmt_show(table[i].t.name, name));
		if (!fmt_model_add_tensor(l->m, &table[i].t, table[i].at, l->err))
			return false;
	}
	return fmt_model_disjoint(l->m, l->file, l->err);
}

/* Which part of how many this is; the first remembers the count for gguf_complete. */
static bool check_split(struct load *l)
{
	struct gguf_split *first = l->m->impl->state;

	if (!first) {
		first = fmt_arena_alloc(l->arena, 1, sizeof *first, l->err);
		if (!first)
			return false;
		*first = l->split;
		l->m->impl->state = first;
	}
	if (l->split.count != first->count)
		return fmt_fail(l->err, FMT_MISMATCH, FMT_NO_OFFSET, "split.count is %" PRIu64 ", in the first part it is %" PRIu64,
		                l->split.count, first->count);
	if (l->split.count > 1 && l->split.no != l->file)
		return fmt_fail(l->err, FMT_MISMATCH, FMT_NO_OFFSET, "this is part %" PRIu64 " of %" PRIu64 ", expected part %" PRIu32
		                "%s", l->split.no + 1, l->split.count, l->file + 1,
		                l->file ? "" : "; open the first one, it leads to all");
	return true;
}

static bool read_contents(struct load *l)
{
	uint64_t off, n_tensors, n_kv;
	const uint64_t len = l->version == 1 ? 4 : 8;
	struct announced *table;

	off = l->c.pos;
	n_tensors = read_count(l, "number of tensors");
	n_kv = read_count(l, "number of keys");
	/* a tensor: name, dimensions, type, offset; a key: a name of one byte, type, value */
	fmt_cur_count(&l->c, n_tensors, len + 16, off, "tensors");
	fmt_cur_count(&l->c, n_kv, len + 6, off + len, "keys");
	for (uint64_t i = 0; i < n_kv && fmt_cur_ok(&l->c); i++)
		read_kv(l);
	if (!fmt_cur_ok(&l->c) || !check_split(l))
		return false;
	if (!l->file)
		l->m->alignment = l->alignment;
	table = read_tensors(l, n_tensors);
	return fmt_cur_ok(&l->c) && add_tensors(l, table, n_tensors);
}

static bool read_gguf(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	struct load l = { .m = m, .arena = &m->impl->arena, .file = file, .alignment = GGUF_ALIGNMENT, .err = err,
		          .split.tensors = UINT64_MAX };
	bool ok;

	fmt_cur_file(&l.c, &m->impl->sources[file], 0, m->file_bytes[file], err);
	ok = read_version(&l) && read_contents(&l);
	fmt_cur_finish(&l.c);
	return ok;
}

const struct fmt_reader fmt_reader_gguf = { FMT_GGUF, recognise, read_gguf, gguf_complete };

/* PyTorch's zip files (torch.save since 1.6): TOP/data.pkl names tensors and storages, TOP/data/KEY are the storages.
 * The pickle is read as data, see pickle.h. Source: caffe2/serialize/inline_container.cc, torch/serialization.py. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "limit.h"
#include "torch_tensor.h"
#include "zip_in.h"

struct archive {
	struct fmt_model *m;
	uint32_t file;
	struct zip zip;
	struct fmt_str top;     /* the folder of all entries, with its '/' */
	struct fmt_arena arena; /* directory and pickle: needed only while reading */
};

static bool recognise(const uint8_t *head, size_t n, uint64_t file_bytes)
{
	(void)file_bytes;
	return zip_recognise(head, n);
}

/* The entry TOP + name. */
static const struct zip_entry *entry(const struct archive *a, struct fmt_str name)
{
	char path[512];

	if (a->top.n + name.n > sizeof path)
		return NULL;
	memcpy(path, a->top.p, a->top.n);
	memcpy(path + a->top.n, name.p, name.n);
	return zip_find(&a->zip, (struct fmt_str){ path, a->top.n + name.n });
}

/* One folder holds everything; torch takes its name from the first entry, so another would be hidden from it. */
static bool check_top(struct archive *a, struct fmt_err *err)
{
	struct fmt_str first = a->zip.n_entries ? a->zip.entries[0].name : FMT_STR("");
	char name[FMT_SHOW_BYTES], top[FMT_SHOW_BYTES];
	const char *slash = first.n ? memchr(first.p, '/', first.n) : NULL;

	a->top = (struct fmt_str){ first.p, slash ? (size_t)(slash - first.p) + 1 : 0 };
	for (uint64_t i = 0; i < a->zip.n_entries && slash; i++) {
		const struct zip_entry *e = &a->zip.entries[i];

		if (e->name.n < a->top.n || memcmp(e->name.p, a->top.p, a->top.n))
			return fmt_fail(err, FMT_MALFORMED, e->header, "zip: entry %s is not in the folder %s of the others",
			                fmt_show(e->name, name), fmt_show(a->top, top));
	}
	if (entry(a, FMT_STR("constants.pkl")))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET,
		                "a TorchScript archive, which holds code; save the model's state_dict() instead");
	if (!slash || !entry(a, FMT_STR("data.pkl")))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a zip archive without data.pkl: not made by torch.save");
	return true;
}

static bool read_byteorder(struct archive *a, bool *big, struct fmt_err *err)
{
	const struct zip_entry *e = entry(a, FMT_STR("byteorder"));
	const uint8_t *text;
	struct fmt_str s;

	*big = false; /* older files lack it, and were little endian */
	if (!e)
		return true;
	text = zip_extract(&a->zip, e, 16, err);
	if (!text)
		return false;
	s = (struct fmt_str){ (const char *)text, (size_t)e->n_bytes };
	*big = fmt_str_is(s, "big");
	if (!*big && !fmt_str_is(s, "little"))
		return fmt_fail(err, FMT_MALFORMED, e->off, "byteorder is neither 'little' nor 'big'");
	return true;
}

/* A tensor that the pickle holds: its storage is the record data/KEY, whole. */
static bool add_tensor(void *context, const struct torch_tensor *t, struct fmt_err *err)
{
	const struct archive *a = context;
	const struct zip_entry *e = NULL;
	char path[256] = "data/", name[FMT_SHOW_BYTES], key[FMT_SHOW_BYTES];
	uint64_t elem_bytes = fmt_type_info(t->storage.type)->block_bytes;

	if (t->storage.key.n <= sizeof path - 5) {
		memcpy(path + 5, t->storage.key.p, t->storage.key.n);
		e = entry(a, (struct fmt_str){ path, t->storage.key.n + 5 });
	}
	if (!e)
		return fmt_fail(err, FMT_MISSING, t->at, "tensor %s: its storage %s is not in the archive",
		                fmt_show(t->name, name), fmt_show(t->storage.key, key));
	if (e->deflated)
		return fmt_fail(err, FMT_UNSUPPORTED, e->off,
		                "tensor %s: its storage is compressed, which torch never does; unpack the archive and pack it again "
		                "with 'zip -0'", fmt_show(t->name, name));
	if (e->n_bytes / elem_bytes != t->storage.n_elems || e->n_bytes % elem_bytes)
		return fmt_fail(err, FMT_MISMATCH, e->off,
		                "tensor %s: its storage has %" PRIu64 " bytes instead of %" PRIu64 " elements of %" PRIu64,
		                fmt_show(t->name, name), e->n_bytes, t->storage.n_elems, elem_bytes);
	return torch_add(a->m, a->file, t, e->off, err);
}

/* One model has one byte order. */
static bool set_order(struct fmt_model *m, uint32_t file, bool big, struct fmt_err *err)
{
	if (file && m->big_endian != big)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "another byte order than the file before it");
	m->big_endian = big;
	return true;
}

static bool read_archive(struct archive *a, struct fmt_err *err)
{
	const struct fmt_source *source = &a->m->impl->sources[a->file];
	struct torch_walk walk = { .each = add_tensor, .context = a, .arena = &a->arena };
	const struct zip_entry *e;
	const uint8_t *bytes;
	struct pickle pickle;
	bool big;

	if (!zip_open(&a->zip, source, &a->arena, err) || !check_top(a, err) || !read_byteorder(a, &big, err) ||
	    !set_order(a->m, a->file, big, err))
		return false;
	e = entry(a, FMT_STR("data.pkl"));
	a->arena.limit_bytes += PICKLE_ARENA_LIMIT(e->n_bytes);
	bytes = zip_extract(&a->zip, e, e->deflated ? LIMIT_DEFLATED_PICKLE_BYTES : LIMIT_PICKLE_BYTES, err);
	/* places in a compressed pickle are not places in the file */
	walk.base = e->deflated ? 0 : e->off;
	walk.budget = e->n_bytes;
	if (!bytes || !pickle_parse(&pickle, bytes, (size_t)e->n_bytes, walk.base, &a->arena, err))
		return false;
	if (pickle.n_bytes != e->n_bytes)
		return fmt_fail(err, FMT_MALFORMED, walk.base + pickle.n_bytes, "pickle: %" PRIu64 " bytes after its end",
		                e->n_bytes - pickle.n_bytes);
	return torch_walk(&walk, pickle.root, err);
}

static bool read_file(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	struct archive a = { .m = m, .file = file };
	bool ok;

	/* an entry of 46 bytes in the directory takes some 150 here */
	fmt_arena_init(&a.arena, LIMIT_ARENA_BASE + LIMIT_ARENA_FACTOR * m->file_bytes[file]);
	ok = read_archive(&a, err);
	fmt_arena_finish(&a.arena);
	return ok;
}

const struct fmt_reader fmt_reader_torch_zip = { .container = FMT_TORCH_ZIP, .recognise = recognise, .read = read_file };

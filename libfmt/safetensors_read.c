/* safetensors: eight bytes of length, a JSON header, the contents without a gap.
 *
 * Stricter than the reference reader (safetensors 0.8, tensor.rs) in what its specification says too: the header begins
 * with '{', and no key is there twice. Where readers could differ about a file, it is refused. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/json.h>
#include <libfmt/utf8.h>

#include "limit.h"
#include "model_impl.h"

#define LENGTH_BYTES 8

/* The file that is being read. */
struct header {
	struct fmt_model *m;
	uint32_t file;
	uint64_t data; /* offset of the contents: behind the header */
	struct fmt_err *err;
};

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int k = 0; k < 8; k++)
		v |= (uint64_t)p[k] << 8 * k;
	return v;
}

/* A '{' behind eight bytes of which at least one is not text, as a length below 2^56 has it. */
static bool recognise(const uint8_t *head, size_t n, uint64_t file_bytes)
{
	(void)file_bytes;
	if (n <= LENGTH_BYTES || head[LENGTH_BYTES] != '{')
		return false;
	for (int k = 0; k < LENGTH_BYTES; k++)
		if (head[k] == 0 || head[k] >= 0x80)
			return true;
	return false;
}

static bool bad(const struct header *h, enum fmt_code code, struct fmt_str tensor, const char *what)
{
	char name[FMT_SHOW_BYTES];

	return fmt_fail(h->err, code, FMT_NO_OFFSET, "tensor %s: %s", fmt_show(tensor, name), what);
}

/* __metadata__: text to text. */
static bool read_metadata(const struct header *h, const struct json *j)
{
	struct fmt_arena *arena = &h->m->impl->arena;

	if (!json_is(j, JSON_OBJECT))
		return fmt_fail(h->err, FMT_MALFORMED, FMT_NO_OFFSET, "__metadata__ is not an object");
	for (j = json_first(j); j; j = json_next(j)) {
		char name[FMT_SHOW_BYTES];
		struct fmt_kv kv = { .value = { .type = FMT_KV_STR } };

		if (!json_is(j, JSON_STRING))
			return fmt_fail(h->err, FMT_MALFORMED, FMT_NO_OFFSET, "__metadata__: %s is not text",
			                fmt_show(json_key(j), name));
		kv.key = fmt_arena_str(arena, json_key(j), h->err);
		kv.value.as.s = fmt_arena_str(arena, json_str(j), h->err);
		if (h->err->code || !fmt_model_add_kv(h->m, &kv, h->err))
			return false;
	}
	return true;
}

static bool read_dtype(const struct header *h, const struct json *j, struct fmt_tensor *t)
{
	struct fmt_str s = json_str(j);

	if (!s.p)
		return bad(h, FMT_MALFORMED, t->name, "dtype is not text");
	if (!fmt_type_from_st(s.p, s.n, &t->type)) {
		char name[FMT_SHOW_BYTES], type[FMT_SHOW_BYTES];

		return fmt_fail(h->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: unknown dtype %s", fmt_show(t->name, name),
		                fmt_show(s, type));
	}
	return true;
}

static bool read_shape(const struct header *h, const struct json *j, struct fmt_tensor *t)
{
	if (!json_is(j, JSON_ARRAY))
		return bad(h, FMT_MALFORMED, t->name, "shape is not an array");
	for (j = json_first(j); j; j = json_next(j)) {
		if (t->n_dims == FMT_MAX_DIMS)
			return bad(h, FMT_UNSUPPORTED, t->name, "more than 8 dimensions");
		if (!json_is_int(j) || !json_u64(j, &t->dims[t->n_dims]))
			return bad(h, FMT_MALFORMED, t->name, "a dimension is not a whole number from 0 to 2^64-1");
		t->n_dims++;
	}
	return true;
}

/* data_offsets: begin and end, counted from the end of the header. */
static bool read_offsets(const struct header *h, const struct json *j, const struct fmt_tensor *t, uint64_t range[2])
{
	const struct json *begin = json_first(j), *end = json_next(begin);

	if (!json_is(j, JSON_ARRAY) || !end || json_next(end))
		return bad(h, FMT_MALFORMED, t->name, "data_offsets is not an array of two");
	if (!json_is_int(begin) || !json_is_int(end) || !json_u64(begin, &range[0]) || !json_u64(end, &range[1]))
		return bad(h, FMT_MALFORMED, t->name, "an offset is not a whole number from 0 to 2^64-1");
	if (range[0] > range[1])
		return bad(h, FMT_MALFORMED, t->name, "ends before it begins");
	return true;
}

/* The three members of a tensor's entry. Others are passed over, as the reference reader does; none may be there twice. */
static bool find_members(const struct header *h, const struct json *j, struct fmt_str tensor, const struct json *found[3])
{
	static const char *const keys[3] = { "dtype", "shape", "data_offsets" };

	if (!json_is(j, JSON_OBJECT))
		return bad(h, FMT_MALFORMED, tensor, "is not described by an object");
	for (j = json_first(j); j; j = json_next(j)) {
		for (int k = 0; k < 3; k++) {
			if (!fmt_str_is(json_key(j), keys[k]))
				continue;
			if (found[k])
				return bad(h, FMT_MALFORMED, tensor, "a key is there twice");
			found[k] = j;
		}
	}
	if (!found[0] || !found[1] || !found[2])
		return bad(h, FMT_MALFORMED, tensor, "lacks one of dtype, shape and data_offsets");
	return true;
}

static bool read_tensor(const struct header *h, const struct json *j)
{
	const struct json *members[3] = { NULL };
	struct fmt_tensor t = { .name = json_key(j), .file = h->file };
	uint64_t range[2];

	if (!find_members(h, j, t.name, members) || !read_dtype(h, members[0], &t) || !read_shape(h, members[1], &t) ||
	    !read_offsets(h, members[2], &t, range) || !fmt_tensor_measure(&t, h->err))
		return false;
	if (range[1] - range[0] != t.n_bytes) {
		char name[FMT_SHOW_BYTES];

		return fmt_fail(h->err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "tensor %s: its shape takes %" PRIu64 " bytes, its offsets %" PRIu64, fmt_show(t.name, name),
		                t.n_bytes, range[1] - range[0]);
	}
	if (range[1] > h->m->file_bytes[h->file] - h->data) {
		char name[FMT_SHOW_BYTES];

		return fmt_fail(h->err, FMT_TRUNCATED, FMT_NO_OFFSET,
		                "tensor %s ends %" PRIu64 " bytes behind the end of the file", fmt_show(t.name, name),
		                range[1] - (h->m->file_bytes[h->file] - h->data));
	}
	t.off = h->data + range[0];
	t.name = fmt_arena_str(&h->m->impl->arena, t.name, h->err);
	return t.name.p && fmt_model_add_tensor(h->m, &t, FMT_NO_OFFSET, h->err);
}

static bool read_header(const struct header *h, const struct json *root)
{
	bool metadata = false;

	if (!json_is(root, JSON_OBJECT))
		return fmt_fail(h->err, FMT_MALFORMED, LENGTH_BYTES, "the header is not a JSON object");
	for (const struct json *j = json_first(root); j; j = json_next(j)) {
		if (!fmt_str_is(json_key(j), "__metadata__")) {
			if (!read_tensor(h, j))
				return false;
			continue;
		}
		if (metadata)
			return fmt_fail(h->err, FMT_MALFORMED, FMT_NO_OFFSET, "__metadata__ is there twice");
		metadata = true;
		if (!read_metadata(h, j))
			return false;
	}
	return true;
}

/* The contents follow each other without overlap or hole, up to the end of the file. */
static bool check_contiguous(const struct header *h)
{
	const struct fmt_tensor **order;
	uint64_t n, at = h->data, end = h->m->file_bytes[h->file];
	char name[FMT_SHOW_BYTES];

	if (!fmt_model_by_offset(h->m, h->file, &order, &n, h->err))
		return false;
	for (uint64_t i = 0; i < n && !h->err->code; i++) {
		if (order[i]->off < at)
			fmt_fail(h->err, FMT_MALFORMED, order[i]->off, "tensor %s overlaps the one before it",
			         fmt_show(order[i]->name, name));
		else if (order[i]->off > at)
			fmt_fail(h->err, FMT_MALFORMED, at, "%" PRIu64 " bytes before tensor %s belong to no tensor",
			         order[i]->off - at, fmt_show(order[i]->name, name));
		at = order[i]->off + order[i]->n_bytes;
	}
	free(order);
	if (!h->err->code && at != end)
		fmt_fail(h->err, FMT_MALFORMED, at, "%" PRIu64 " bytes after the last tensor", end - at);
	return !h->err->code;
}

static bool parse_header(struct header *h, const char *text, size_t n)
{
	struct json_doc *doc = json_parse(text, n, h->err);
	bool ok;

	if (!doc) {
		if (h->err->off != FMT_NO_OFFSET)
			h->err->off += LENGTH_BYTES;
		return false;
	}
	ok = read_header(h, json_root(doc)) && check_contiguous(h);
	json_free(doc);
	return ok;
}

static bool read_file(struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	const struct fmt_source *source = &m->impl->sources[file];
	struct header h = { .m = m, .file = file, .err = err };
	uint8_t length[LENGTH_BYTES];
	uint64_t n;
	char *text;
	bool ok;

	if (!fmt_source_read(source, 0, length, sizeof length, err))
		return false;
	n = get_u64(length);
	if (n > source->n_bytes - LENGTH_BYTES)
		return fmt_fail(err, FMT_TRUNCATED, 0, "header of %" PRIu64 " bytes, %" PRIu64 " left", n,
		                source->n_bytes - LENGTH_BYTES);
	if (n > LIMIT_ST_HEADER_BYTES)
		return fmt_fail(err, FMT_LIMIT, 0, "header of %" PRIu64 " bytes, at most %" PRIu64 " are allowed", n,
		                LIMIT_ST_HEADER_BYTES);
	h.data = LENGTH_BYTES + n;
	text = malloc((size_t)n + 1);
	if (!text)
		return fmt_fail_nomem(err, n);
	ok = fmt_source_read(source, LENGTH_BYTES, text, (size_t)n, err) && parse_header(&h, text, (size_t)n);
	free(text);
	return ok;
}

const struct fmt_reader fmt_reader_safetensors = { .container = FMT_SAFETENSORS, .recognise = recognise, .read = read_file };

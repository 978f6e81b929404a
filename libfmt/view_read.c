/* Contents of a view's tensors: read from the files, rows moved to where GGUF has them. Bytes only. */
#include <stdlib.h>
#include <string.h>

#include "view_impl.h"

static const struct view_source *source_of(const struct fmt_view *v, const struct fmt_view_tensor *t)
{
	return &v->impl->sources[t - v->tensors];
}

/* Hugging Face rotates element i of a head with element i + half, llama.cpp 2i with 2i + 1: the row of n that GGUF has at
 * `row` is this one in the checkpoint. */
static uint64_t rope_row(const struct view_source *s, uint64_t row, uint64_t n)
{
	uint64_t head_rows = n / s->n_heads, in_head = row % head_rows;

	return row - in_head + in_head % 2 * (head_rows / 2) + in_head / 2;
}

/* The same of all queries, then all keys, then all values, of which the checkpoint has a group for each key. */
static uint64_t qkv_row(const struct view_source *s, uint64_t row, uint64_t n)
{
	uint64_t n_q = s->n_heads, n_kv = s->n_heads_kv, shared = n_q / n_kv, head_rows = n / (n_q + 2 * n_kv);
	uint64_t head = row / head_rows, group = head / shared, in_group = head % shared;

	if (head >= n_q) {
		group = (head - n_q) % n_kv;
		in_group = shared + (head - n_q) / n_kv;
	}
	return (group * (shared + 2) + in_group) * head_rows + row % head_rows;
}

/* The same of linear attention, where each group has a query, a key, values and as many gates. */
static uint64_t linear_row(const struct view_source *s, uint64_t row, uint64_t n)
{
	uint64_t group_rows = n / s->n_heads, n_key = s->n_key_rows, n_value = (group_rows - 2 * n_key) / 2;
	uint64_t keys_end = s->n_heads * n_key;

	if (s->move == MOVE_LINEAR_Z)
		return row / n_value * group_rows + 2 * n_key + n_value + row % n_value;
	if (row >= 2 * keys_end) {
		row -= 2 * keys_end;
		return row / n_value * group_rows + 2 * n_key + row % n_value;
	}
	return row % keys_end / n_key * group_rows + (row >= keys_end ? n_key : 0) + row % n_key;
}

/* Of n_values heads, those that share one of n_keys keys stand together in the checkpoint; in the GGUF, heads take keys in turn. */
static uint64_t tiled_head(uint64_t head, uint64_t n_keys, uint64_t n_values)
{
	return head % n_keys * (n_values / n_keys) + head / n_keys;
}

static uint64_t tiled_row(const struct view_source *s, uint64_t row, uint64_t n)
{
	uint64_t keys_end = s->move == MOVE_TILE_VALUES ? 2 * s->n_heads * s->n_key_rows : 0;
	uint64_t head_rows = (n - keys_end) / s->n_heads_kv;

	if (row < keys_end)
		return row;
	row -= keys_end;
	return keys_end + tiled_head(row / head_rows, s->n_heads, s->n_heads_kv) * head_rows + row % head_rows;
}

/* Rows of one tensor of the checkpoint, numbered as the GGUF has them. */
struct rows {
	const struct fmt_view *v;
	const struct view_source *source;
	const struct fmt_tensor *part;
	const struct packed_part *packed; /* of the part; NULL: it is not quantized */
	uint32_t plane;                   /* of it */
	uint64_t row, n_rows, row_bytes;
	uint64_t size; /* bytes of an element */
	uint8_t *dst;
};

typedef bool move_fn(const struct rows *r, struct fmt_err *err);

/* n rows as the checkpoint has them. */
static bool fetch(const struct rows *r, uint64_t row, uint64_t n, uint8_t *dst, struct fmt_err *err)
{
	return r->packed ? packed_read(r->v->weights, r->packed, r->plane, row, n, dst, err) :
	                   fmt_tensor_read(r->v->weights, r->part, row, n, dst, err);
}

static bool read_plain(const struct rows *r, struct fmt_err *err)
{
	return fetch(r, r->row, r->n_rows, r->dst, err);
}

static uint64_t moved_row(const struct rows *r, uint64_t row, uint64_t n)
{
	switch (r->source->move) {
	case MOVE_QKV:
		return qkv_row(r->source, row, n);
	case MOVE_LINEAR_QKV:
	case MOVE_LINEAR_Z:
		return linear_row(r->source, row, n);
	case MOVE_TILE_ROWS:
	case MOVE_TILE_VALUES:
		return tiled_row(r->source, row, n);
	default:
		return rope_row(r->source, row, n);
	}
}

/* A bias: its elements move as the rows of its matrix do. */
static bool read_moved_bias(const struct rows *r, struct fmt_err *err)
{
	uint64_t n = r->part->n_elems, size = r->size;
	uint8_t *all = malloc((size_t)(n * size));
	bool ok;

	if (!all)
		return fmt_fail_nomem(err, n * size);
	ok = fetch(r, 0, 1, all, err);
	for (uint64_t i = 0; ok && i < n; i++)
		memcpy(r->dst + i * size, all + moved_row(r, i, n) * size, (size_t)size);
	free(all);
	return ok;
}

/* Rows of a matrix, one by one: each is contiguous in the file. */
static bool read_moved(const struct rows *r, struct fmt_err *err)
{
	if (r->part->n_dims < 2)
		return read_moved_bias(r, err);
	for (uint64_t i = 0; i < r->n_rows; i++)
		if (!fetch(r, moved_row(r, r->row + i, r->part->dims[0]), 1, r->dst + i * r->row_bytes, err))
			return false;
	return true;
}

/* What is read of a transposed tensor at a time where it is not mapped, unless a single row is more. */
#define PIECE_BYTES (UINT64_C(1) << 20)

/* n items of 1, 2, 4 or 8 bytes, from places `step` bytes apart to places `stride` bytes apart. */
static void scatter(uint8_t *dst, uint64_t stride, const uint8_t *src, uint64_t step, uint64_t n, uint64_t size)
{
	for (uint64_t i = 0; i < n; i++) {
		if (size == 4)
			memcpy(dst + i * stride, src + i * step, 4);
		else if (size == 2)
			memcpy(dst + i * stride, src + i * step, 2);
		else if (size == 1)
			dst[i * stride] = src[i * step];
		else
			memcpy(dst + i * stride, src + i * step, 8);
	}
}

/* Every second column, or element, is wanted: from which one on. */
static bool is_odd(enum arch_move move)
{
	return move == MOVE_ODD_COLUMNS || move == MOVE_ODD;
}

static bool skips_columns(enum arch_move move)
{
	return move == MOVE_EVEN_COLUMNS || move == MOVE_ODD_COLUMNS;
}

static bool takes_half(enum arch_move move)
{
	return skips_columns(move) || move == MOVE_FIRST_COLUMNS || move == MOVE_SECOND_COLUMNS;
}

/* Rows that are columns in the checkpoint: a bit of each of its n rows that lie at `from`, rows `first` and on. */
static void scatter_rows(const struct rows *r, const uint8_t *from, uint64_t first, uint64_t n)
{
	uint64_t bytes = fmt_tensor_cols(r->part) * r->size, step = skips_columns(r->source->move) ? 2 * r->size : r->size;

	from += r->row * step + (is_odd(r->source->move) ? r->size : r->source->move == MOVE_SECOND_COLUMNS ? bytes / 2 : 0);
	for (uint64_t i = 0; i < n; i++)
		scatter(r->dst + (first + i) * r->size, r->row_bytes, from + i * bytes, step, r->n_rows, r->size);
}

/* The same columns of n_all rows of the checkpoint, as rows. */
static bool read_columns(const struct rows *r, uint64_t first_row, uint64_t n_all, struct fmt_err *err)
{
	uint64_t bytes = fmt_tensor_cols(r->part) * r->size;
	uint64_t step = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
	const uint8_t *mapped = r->packed ? NULL : fmt_tensor_map(r->v->weights, r->part);
	uint8_t *piece = mapped ? NULL : malloc((size_t)(step * bytes));
	bool ok = mapped || piece;

	if (!ok)
		return fmt_fail_nomem(err, step * bytes);
	if (mapped)
		scatter_rows(r, mapped + first_row * bytes, 0, n_all);
	for (uint64_t i = 0, n; piece && ok && i < n_all; i += n) {
		n = n_all - i < step ? n_all - i : step;
		ok = fetch(r, first_row + i, n, piece, err);
		if (ok)
			scatter_rows(r, piece, i, n);
	}
	free(piece);
	return ok;
}

/* A matrix, or the matrices of a stack in turn. */
static bool read_transposed(const struct rows *r, struct fmt_err *err)
{
	uint64_t n_columns = fmt_tensor_cols(r->part) / (takes_half(r->source->move) ? 2 : 1);
	uint64_t height = r->part->dims[r->part->n_dims - 2];

	for (uint64_t done = 0; done < r->n_rows;) {
		struct rows in_matrix = *r;
		uint64_t matrix = (r->row + done) / n_columns, left = r->n_rows - done;

		in_matrix.row = (r->row + done) % n_columns;
		in_matrix.n_rows = left < n_columns - in_matrix.row ? left : n_columns - in_matrix.row;
		in_matrix.dst = r->dst + done * r->row_bytes;
		if (!read_columns(&in_matrix, matrix * height, height, err))
			return false;
		done += in_matrix.n_rows;
	}
	return true;
}

/* Every second element of each row. */
static bool read_every_second(const struct rows *r, struct fmt_err *err)
{
	uint64_t n = fmt_tensor_cols(r->part), odd = is_odd(r->source->move) ? r->size : 0;
	uint8_t *whole = malloc((size_t)(n * r->size));
	bool ok = whole || fmt_fail_nomem(err, n * r->size);

	for (uint64_t i = 0; ok && i < r->n_rows; i++) {
		ok = fetch(r, r->row + i, 1, whole, err);
		if (ok)
			scatter(r->dst + i * r->row_bytes, r->size, whole + odd, 2 * r->size, n / 2, r->size);
	}
	free(whole);
	return ok;
}

/* Each row's items, or blocks of them, head by head. */
static bool read_tiled_columns(const struct rows *r, struct fmt_err *err)
{
	const struct view_source *s = r->source;
	uint64_t head_bytes = r->row_bytes / s->n_heads_kv;
	uint8_t *whole = malloc((size_t)r->row_bytes);
	bool ok = whole || fmt_fail_nomem(err, r->row_bytes);

	for (uint64_t i = 0; ok && i < r->n_rows; i++) {
		ok = fetch(r, r->row + i, 1, whole, err);
		for (uint64_t head = 0; ok && head < s->n_heads_kv; head++)
			memcpy(r->dst + i * r->row_bytes + head * head_bytes,
			       whole + tiled_head(head, s->n_heads, s->n_heads_kv) * head_bytes, (size_t)head_bytes);
	}
	free(whole);
	return ok;
}

/* A block of MXFP4 in a GGUF: its exponent, then bytes of two elements that are 16 apart. Checkpoints have bytes of neighbours. */
static void pack_mxfp4(uint8_t *block, uint8_t exponent, const uint8_t *pairs)
{
	block[0] = exponent;
	for (int i = 0; i < 16; i++) {
		int shift = i % 2 * 4;

		block[1 + i] = (uint8_t)((pairs[i / 2] >> shift & 15) | (pairs[8 + i / 2] >> shift & 15) << 4);
	}
}

/* Rows of blocks, [matrices, rows, blocks, 16], and their exponents beside them. Rows are those of the GGUF, or two of them in
 * turn, whatever else `move` says. */
static bool read_mxfp4(const struct rows *r, struct fmt_err *err)
{
	const struct view_source *s = r->source;
	uint64_t every = skips_columns(s->move) ? 2 : 1, n_blocks = r->part->dims[2];
	uint8_t *pairs = malloc((size_t)(n_blocks * 17)), *exponents = pairs ? pairs + n_blocks * 16 : NULL;
	bool ok = pairs || fmt_fail_nomem(err, n_blocks * 17);

	for (uint64_t i = 0; ok && i < r->n_rows; i++) {
		uint64_t row = (r->row + i) * every + is_odd(s->move);

		ok = fmt_tensor_read(r->v->weights, r->part, row * n_blocks, n_blocks, pairs, err) &&
		     fmt_tensor_read(r->v->weights, s->exponents, row, 1, exponents, err);
		for (uint64_t b = 0; ok && b < n_blocks; b++)
			pack_mxfp4(r->dst + i * r->row_bytes + b * 17, exponents[b], pairs + b * 16);
	}
	free(pairs);
	return ok;
}

/* Latent attention has keys and values of each head in one matrix, [heads, keys + values, latent]. That of the keys is
 * applied to queries, which is to say transposed. */
static bool read_latent_k(const struct rows *r, struct fmt_err *err)
{
	uint64_t head_rows = r->part->dims[0] / r->source->n_heads, latent = r->part->dims[1];

	for (uint64_t done = 0; done < r->n_rows;) {
		struct rows in_head = *r;
		uint64_t head = (r->row + done) / latent, left = r->n_rows - done;

		in_head.row = (r->row + done) % latent;
		in_head.n_rows = left < latent - in_head.row ? left : latent - in_head.row;
		in_head.dst = r->dst + done * r->row_bytes;
		if (!read_columns(&in_head, head * head_rows, r->source->n_key_rows, err))
			return false;
		done += in_head.n_rows;
	}
	return true;
}

static bool read_latent_v(const struct rows *r, struct fmt_err *err)
{
	uint64_t n_keys = r->source->n_key_rows, head_rows = r->part->dims[0] / r->source->n_heads;
	uint64_t n_values = head_rows - n_keys;

	for (uint64_t done = 0, n; done < r->n_rows; done += n) {
		uint64_t head = (r->row + done) / n_values, first = (r->row + done) % n_values;

		n = n_values - first < r->n_rows - done ? n_values - first : r->n_rows - done;
		if (!fetch(r, head * head_rows + n_keys + first, n, r->dst + done * r->row_bytes, err))
			return false;
	}
	return true;
}

/* Rows that follow each other in a vector. */
static bool read_split(const struct rows *r, struct fmt_err *err)
{
	uint64_t n = r->part->n_elems * r->size;
	uint8_t *all = malloc((size_t)n);
	bool ok = all ? fetch(r, 0, 1, all, err) : fmt_fail_nomem(err, n);

	if (ok)
		memcpy(r->dst, all + r->row * r->row_bytes, (size_t)(r->n_rows * r->row_bytes));
	free(all);
	return ok;
}

/* Each matrix of the checkpoint, [rows, columns] or a stack of them, has twice the rows: one half of them. */
static bool read_half(const struct rows *r, struct fmt_err *err)
{
	uint64_t half = r->part->dims[r->part->n_dims - 2] / 2, second = r->source->move == MOVE_SECOND ? half : 0;

	for (uint64_t done = 0, n; done < r->n_rows; done += n) {
		uint64_t matrix = (r->row + done) / half, first = (r->row + done) % half;

		n = half - first < r->n_rows - done ? half - first : r->n_rows - done;
		if (!fetch(r, matrix * 2 * half + second + first, n, r->dst + done * r->row_bytes, err))
			return false;
	}
	return true;
}

/* How each enum arch_move is read. */
static move_fn *const moves[] = {
	[MOVE_NONE] = read_plain,
	[MOVE_ROPE_Q] = read_moved,
	[MOVE_ROPE_K] = read_moved,
	[MOVE_TRANSPOSE] = read_transposed,
	[MOVE_EVEN_COLUMNS] = read_transposed,
	[MOVE_ODD_COLUMNS] = read_transposed,
	[MOVE_FIRST_COLUMNS] = read_transposed,
	[MOVE_SECOND_COLUMNS] = read_transposed,
	[MOVE_EVEN] = read_every_second,
	[MOVE_ODD] = read_every_second,
	[MOVE_LATENT_K] = read_latent_k,
	[MOVE_LATENT_V] = read_latent_v,
	[MOVE_QKV] = read_moved,
	[MOVE_LINEAR_QKV] = read_moved,
	[MOVE_LINEAR_Z] = read_moved,
	[MOVE_TILE_ROWS] = read_moved,
	[MOVE_TILE_VALUES] = read_moved,
	[MOVE_TILE_COLUMNS] = read_tiled_columns,
	[MOVE_SPLIT] = read_split,
	[MOVE_FIRST] = read_half,
	[MOVE_SECOND] = read_half,
};

/* Rows of elements that lie apart, wherever they are in their tensor: those of adapters, which are small. */
static bool read_apart(const struct rows *r, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, struct fmt_err *err)
{
	const struct fmt_tensor *from = r->source->tensor;
	const uint64_t *steps = r->source->steps;
	const uint8_t *all = fmt_tensor_map(r->v->weights, from);
	uint8_t *copy = all ? NULL : malloc((size_t)from->n_bytes);
	bool ok = all || (copy ? fmt_tensor_read(r->v->weights, from, 0, from->dims[0], copy, err) : fmt_fail_nomem(err, from->n_bytes));

	for (uint64_t i = 0; ok && i < n_rows; i++) {
		uint64_t matrix = (row + i) / t->dims[1], in_matrix = (row + i) % t->dims[1];
		uint64_t at = steps[0] + matrix * steps[1] + in_matrix * steps[2];

		scatter(r->dst + i * r->row_bytes, r->size, (all ? all : copy) + at * r->size, steps[3] * r->size, t->dims[2], r->size);
	}
	free(copy);
	return ok;
}

/* Rows of a tensor that has some: those of each part in turn. */
static bool read_parts(struct rows *r, uint64_t part_rows, uint64_t row, uint64_t n_rows, struct fmt_err *err)
{
	while (n_rows) {
		uint64_t left = part_rows - row % part_rows;

		r->part = view_part(r->source, row / part_rows);
		r->packed = r->source->packed ? &r->source->packed[row / part_rows] : NULL;
		r->row = row % part_rows;
		r->n_rows = n_rows < left ? n_rows : left;
		if (!r->part)
			memset(r->dst, 0, (size_t)(r->n_rows * r->row_bytes));
		else if (!(r->source->exponents ? read_mxfp4 : moves[r->source->move])(r, err))
			return false;
		r->dst += r->n_rows * r->row_bytes;
		row += r->n_rows;
		n_rows -= r->n_rows;
	}
	return true;
}

static bool read_rows(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                      uint32_t plane, struct fmt_err *err)
{
	const struct view_source *s = source_of(v, t);
	enum fmt_type type = t->n_planes ? t->planes[plane].type : t->type;
	uint64_t n_cols = t->n_dims ? t->dims[t->n_dims - 1] : 1, n_all = n_cols ? t->n_elems / n_cols : 0;
	struct rows r = { .v = v, .source = s, .plane = plane, .size = fmt_type_info(type)->block_bytes, .dst = dst };

	if (row > n_all || n_rows > n_all - row || !fmt_row_bytes(type, n_cols, &r.row_bytes))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor '%.*s': no such rows", (int)t->name.n, t->name.p);
	if (s->steps)
		return read_apart(&r, t, row, n_rows, err);
	if (s->tensor)
		return read_parts(&r, n_rows ? n_all / s->n_parts : 1, row, n_rows, err);
	memcpy(dst, (const uint8_t *)s->made + row * r.row_bytes, (size_t)(n_rows * r.row_bytes));
	return true;
}

bool fmt_view_read(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                   struct fmt_err *err)
{
	return read_rows(v, t, row, n_rows, dst, 0, err);
}

bool fmt_view_read_plane(const struct fmt_view *v, const struct fmt_view_tensor *t, uint32_t plane, uint64_t row, uint64_t n_rows,
                         void *dst, struct fmt_err *err)
{
	if (plane >= t->n_planes)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor '%.*s': no such plane", (int)t->name.n, t->name.p);
	return read_rows(v, t, row, n_rows, dst, plane, err);
}

const void *fmt_view_map(const struct fmt_view *v, const struct fmt_view_tensor *t)
{
	const struct view_source *s = source_of(v, t);

	if (!s->tensor)
		return s->made;
	return s->move == MOVE_NONE && !s->stack && !s->packed && !s->steps ? fmt_tensor_map(v->weights, s->tensor) : NULL;
}

const void *fmt_view_map_part(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t i)
{
	const struct view_source *s = source_of(v, t);

	return s->stack && s->move == MOVE_NONE && !s->packed && i < s->n_parts && s->stack[i] ? fmt_tensor_map(v->weights, s->stack[i]) : NULL;
}

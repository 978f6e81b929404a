/* Planes of a matrix that is stored quantized: items fetched from where packed.h says they are. Bits only. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packed.h"

/* What reading a row needs. Buffers are for the longest row. */
struct reader {
	const struct fmt_model *weights;
	const struct packed *m;
	const struct packed_part *part;
	const struct packed_plane *p;
	const struct fmt_tensor *t;
	const uint8_t *map;   /* of t; NULL: it cannot be mapped */
	uint64_t size;        /* bytes of an item */
	uint8_t *window;      /* of t, where it is not mapped */
	uint8_t *codes;       /* [cols] */
	uint8_t *few;         /* [cols] items, before they are spread */
	uint8_t *values;      /* that codes stand for, read from a tensor */
	uint32_t *groups;     /* [cols] */
	struct fmt_err *err;
};

static bool fail(struct reader *k, enum fmt_code code, const struct fmt_tensor *t, const char *what)
{
	fmt_fail(k->err, code, FMT_NO_OFFSET, "tensor '%.*s': %s", (int)t->name.n, t->name.p, what);
	fmt_err_file(k->err, k->weights->files[t->file]);
	return false;
}

/* Bytes of a tensor, wherever its rows end. */
static bool read_bytes(struct reader *k, const struct fmt_tensor *t, uint64_t at, uint64_t n, void *dst)
{
	struct fmt_tensor bytes = *t;

	bytes.type = FMT_U8;
	bytes = fmt_tensor_piece(&bytes, at, n);
	return fmt_tensor_read(k->weights, &bytes, 0, 1, dst, k->err);
}

/* n bytes from number `at` on: in the mapping, or read into the window, which has room for them. */
static const uint8_t *take(struct reader *k, uint64_t at, uint64_t n)
{
	if (at > k->t->n_bytes || n > k->t->n_bytes - at) {
		fail(k, FMT_MISMATCH, k->t, "too short for its matrix");
		return NULL;
	}
	if (k->map)
		return k->map + at;
	return read_bytes(k, k->t, at, n, k->window) ? k->window : NULL;
}

/* Up to 8 bits from bit `bit` of p on. */
static inline uint8_t field(const uint8_t *p, uint64_t bit, unsigned width)
{
	unsigned off = bit % 8, word = p[bit / 8];

	if (off + width > 8)
		word |= (unsigned)p[bit / 8 + 1] << 8;
	return (uint8_t)(word >> off & ((1u << width) - 1));
}

/* n items that are `stride` bits apart, near each other. */
static bool read_run(struct reader *k, uint64_t bit, uint64_t n, uint8_t *out)
{
	const struct packed_place *at = &k->p->at;
	uint64_t first = bit / 8, last = bit + (n - 1) * at->stride + (at->flip ? 0 : at->width - 1);
	const uint8_t *p = take(k, first, last / 8 - first + 1);

	if (!p)
		return false;
	if (at->width >= 8 && at->stride == at->width) {
		memcpy(out, p, (size_t)(n * at->width / 8));
		return true;
	}
	for (uint64_t i = 0, b = bit % 8; i < n; i++, b += at->stride)
		out[i] = field(p, b ^ at->flip, at->width);
	return true;
}

/* An item that is far from the next. */
static bool read_lone(struct reader *k, uint64_t bit, uint8_t *out)
{
	unsigned width = k->p->at.width;
	const uint8_t *p = take(k, bit / 8, (bit % 8 + width + 7) / 8);

	if (!p)
		return false;
	if (width >= 8)
		memcpy(out, p, width / 8);
	else
		*out = field(p, bit % 8, width);
	return true;
}

/* Items of up to 8 bits in words of 32 that lie apart; `bit` counts those of the words, the first of which is at `base`. */
static bool read_words(struct reader *k, uint64_t base, uint64_t bit, uint64_t n, uint8_t *out)
{
	const struct packed_place *at = &k->p->at;
	uint8_t pair[8] = { 0 };
	uint64_t in_pair = UINT64_MAX;

	for (uint64_t i = 0; i < n; i++, bit += at->stride) {
		uint64_t word = bit / 32;
		bool both = bit % 32 + at->width > 32;
		const uint8_t *p;

		if (word != in_pair) {
			p = take(k, (base + word * at->word_step) / 8, 4);
			if (!p)
				return false;
			memcpy(pair, p, 4);
			in_pair = word;
		}
		if (both) {
			p = take(k, (base + (word + 1) * at->word_step) / 8, 4);
			if (!p)
				return false;
			memcpy(pair + 4, p, 4);
		}
		out[i] = field(pair, bit % 32, at->width);
	}
	return true;
}

/* n items from number i of a row on, as they are in the tensor: bytes of codes, or whole items. */
static bool read_items(struct reader *k, uint64_t row, uint64_t i, uint64_t n, uint8_t *out)
{
	const struct packed_place *at = &k->p->at;
	uint64_t base = at->base, size = at->width < 8 ? 1 : at->width / 8, in;

	if (!at->flat) {
		uint64_t turn = at->row_per ? row % at->row_per : row;

		base += (at->row_per ? row / at->row_per * at->row_step : 0) +
		        (at->row_order ? at->row_order[turn] : turn) * at->row_stride;
	}
	if (at->word_step)
		return read_words(k, base, i * at->stride, n, out);
	for (; n; i += in, n -= in, out += in * size) {
		uint64_t left = at->per ? at->per - i % at->per : n;
		uint64_t bit = base + (at->per ? i / at->per * at->step + i % at->per * at->stride : i * at->stride);

		in = n < left ? n : left;
		if (at->stride > 32)
			in = 1;
		if (!(in == 1 && !at->flip ? read_lone(k, bit, out) : read_run(k, bit, in, out)))
			return false;
	}
	return true;
}

/* dst[i] is what code i stands for. */
static void look_up(const struct reader *k, const uint8_t *codes, uint64_t n, uint8_t *dst)
{
	const uint8_t *values = k->p->values ? (const uint8_t *)k->p->values : k->values;

	if (k->size == 2)
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 2 * i, values + 2 * codes[i], 2);
	else
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 4 * i, values + 4 * codes[i], 4);
}

/* n items of a row, from number i on, as the plane gives them. */
static bool read_values(struct reader *k, uint64_t row, uint64_t i, uint64_t n, uint8_t *dst)
{
	bool coded = k->p->values || k->values;

	if (!read_items(k, row, i, n, coded ? k->codes : dst))
		return false;
	if (coded)
		look_up(k, k->codes, n, dst);
	return true;
}

/* dst[c] = few[(skip + c) / group], or that of the column's number in the list. */
static void spread(const struct reader *k, uint64_t skip, uint8_t *dst)
{
	uint64_t n = k->m->cols, group = k->p->group, size = k->size;

	for (uint64_t c = 0, of = 0, left = group - skip; c < n; c++) {
		if (k->groups) {
			of = k->groups[c];
		} else if (!left--) {
			of++;
			left = group - 1;
		}
		if (size == 2)
			memcpy(dst + 2 * c, k->few + 2 * of, 2);
		else if (size == 4)
			memcpy(dst + 4 * c, k->few + 4 * of, 4);
		else
			memcpy(dst + size * c, k->few + size * of, (size_t)size);
	}
}

static bool read_row(struct reader *k, uint64_t row, uint8_t *dst)
{
	const struct packed_plane *p = k->p;
	uint64_t cols = k->m->cols, skip = 0, i = 0, n = 0;

	switch (p->spread) {
	case PACKED_EACH:
		return read_values(k, row, p->at.flat ? row * cols : 0, cols, dst);
	case PACKED_COLS:
		n = packed_parts(cols, p->group);
		break;
	case PACKED_FLAT:
		skip = row * cols % p->group;
		i = row * cols / p->group;
		n = packed_parts(skip + cols, p->group);
		break;
	case PACKED_LIST:
		n = p->n_items;
		break;
	}
	if (!read_values(k, row, i, n, k->few))
		return false;
	spread(k, skip, dst);
	return true;
}

/* Rows share what is the same for them: blocks of several rows have one scale. */
static bool read_rows(struct reader *k, uint64_t row, uint64_t n_rows, uint8_t *dst)
{
	const struct packed_place *at = &k->p->at;
	uint64_t bytes = k->m->cols * k->size;

	for (uint64_t i = 0; i < n_rows; i++) {
		bool same = i && !at->flat && !at->row_stride && (!at->row_per || (row + i) % at->row_per);

		if (same)
			memcpy(dst + i * bytes, dst + (i - 1) * bytes, (size_t)bytes);
		else if (!read_row(k, row + i, dst + i * bytes))
			return false;
	}
	return true;
}

/* The group of each column, which the file says: 4 bytes each. */
static bool read_groups(struct reader *k)
{
	const struct fmt_tensor *list = k->part->tensors[k->m->list];
	uint64_t n = k->m->cols;
	char text[100];

	k->groups = malloc((size_t)(n * sizeof *k->groups));
	if (!k->groups)
		return fmt_fail_nomem(k->err, n * sizeof *k->groups);
	if (!fmt_tensor_read(k->weights, list, 0, 1, k->groups, k->err))
		return false;
	for (uint64_t c = 0; c < n; c++) {
		if (k->groups[c] < k->p->n_items)
			continue;
		snprintf(text, sizeof text, "column %" PRIu64 " is in group %" PRId32 ", there are %" PRIu64 " groups", c,
		         (int32_t)k->groups[c], k->p->n_items);
		return fail(k, FMT_MALFORMED, list, text);
	}
	return true;
}

/* Enough for the longest row, be it of items or of groups, of which a list may have more than there are columns. */
static bool begin(struct reader *k)
{
	uint64_t n = k->m->cols + 1, values = 4 * 256;
	uint8_t *all;

	if (k->p->spread == PACKED_LIST && k->p->n_items > n)
		n = k->p->n_items;
	k->t = k->part->tensors[k->p->tensor];
	k->map = fmt_tensor_map(k->weights, k->t);
	k->size = fmt_type_info(k->p->is.type)->block_bytes;
	all = malloc((size_t)(values + n * (4 + 1 + 4) + 64));
	if (!all)
		return fmt_fail_nomem(k->err, values + n * (4 + 1 + 4) + 64);
	k->few = all;
	k->window = all + 4 * n;
	k->codes = k->window + 4 * n + 64;
	if (k->p->values_in) {
		k->values = k->codes + n;
		if (!fmt_tensor_read(k->weights, k->part->tensors[k->p->values_in], 0, 1, k->values, k->err))
			return false;
	}
	return k->p->spread != PACKED_LIST || read_groups(k);
}

static void finish(struct reader *k)
{
	free(k->few);
	free(k->groups);
}

/* One item for all elements. */
static void fill(uint8_t *dst, float item, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		memcpy(dst + 4 * i, &item, 4);
}

static bool read_plane(const struct fmt_model *weights, const struct packed *m, const struct packed_part *part,
                       const struct packed_plane *p, uint64_t row, uint64_t n_rows, uint8_t *dst, struct fmt_err *err)
{
	struct reader k = { .weights = weights, .m = m, .part = part, .p = p, .err = err };
	bool ok = begin(&k) && read_rows(&k, row, n_rows, dst);

	finish(&k);
	return ok;
}

/* A block of MXFP4 in a GGUF: its exponent, then bytes of two elements that are 16 apart. */
static void pack_mxfp4(uint8_t *block, const uint8_t *exponent, const uint8_t *codes)
{
	*block++ = *exponent;
	for (int i = 0; i < 16; i++)
		block[i] = (uint8_t)(codes[i] | codes[i + 16] << 4);
}

/* A block of NVFP4: four scales, then four times 8 bytes of two elements that are 8 apart. */
static void pack_nvfp4(uint8_t *block, const uint8_t *scales, const uint8_t *codes)
{
	for (int s = 0; s < 4; s++) {
		block[s] = scales[16 * s] & 0x7f;
		for (int i = 0; i < 8; i++)
			block[4 + 8 * s + i] = (uint8_t)(codes[16 * s + i] | codes[16 * s + i + 8] << 4);
	}
}

/* GGUF's scales of NVFP4 have no sign, and no number that is none. */
static bool check_scales(const struct fmt_model *weights, const struct fmt_tensor *t, const uint8_t *scales, uint64_t n, struct fmt_err *err)
{
	struct reader k = { .weights = weights, .err = err };

	for (uint64_t i = 0; i < n; i += 16)
		if (scales[i] > 0x80 || scales[i] == 0x7f)
			return fail(&k, FMT_UNSUPPORTED, t, "a scale is negative or no number, which blocks of a GGUF cannot have: give --quant");
	return true;
}

static bool read_blocks(const struct fmt_model *weights, const struct packed *m, const struct packed_part *part, uint64_t row,
                        uint64_t n_rows, uint8_t *dst, struct fmt_err *err)
{
	const struct fmt_type_info *info = fmt_type_info(m->block);
	uint64_t n_blocks = m->cols / info->block_elems;
	uint8_t *codes = malloc((size_t)(2 * m->cols)), *scales = codes + m->cols;
	bool ok = codes || fmt_fail_nomem(err, 2 * m->cols);

	for (uint64_t i = 0; ok && i < n_rows; i++) {
		ok = read_plane(weights, m, part, &m->planes[0], row + i, 1, codes, err) &&
		     read_plane(weights, m, part, &m->planes[1], row + i, 1, scales, err) &&
		     (m->block != FMT_NVFP4 || check_scales(weights, part->tensors[m->planes[1].tensor], scales, m->cols, err));
		for (uint64_t b = 0; ok && b < n_blocks; b++, dst += info->block_bytes)
			(m->block == FMT_NVFP4 ? pack_nvfp4 : pack_mxfp4)(dst, scales + b * info->block_elems, codes + b * info->block_elems);
	}
	free(codes);
	return ok;
}

bool packed_read(const struct fmt_model *weights, const struct packed_part *part, uint32_t plane, uint64_t row, uint64_t n_rows,
                 uint8_t *dst, struct fmt_err *err)
{
	const struct packed *m = part->m;

	if (m->block != FMT_F32)
		return read_blocks(weights, m, part, row, n_rows, dst, err);
	if (m->planes[plane].constant) {
		fill(dst, part->number, n_rows * m->cols);
		return true;
	}
	return read_plane(weights, m, part, &m->planes[plane], row, n_rows, dst, err);
}

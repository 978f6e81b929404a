/* Matrices of a checkpoint that are stored quantized.
 *
 * Each scheme (packed_gptq.c and its like) finds the tensors of one matrix and says, as data, where the code, the scale and
 * the zero point of an element are; packed_read.c fetches them by that. Nothing is computed here: what a code stands for is
 * looked up in a table, and libquant joins the planes (<libfmt/view.h>, struct fmt_plane). */
#ifndef FMT_PACKED_H
#define FMT_PACKED_H

#include <libfmt/json.h>
#include <libfmt/view.h>

#include "arena.h"

#define PACKED_MAX_TENSORS 6

/* Where the items of a plane are in a tensor. All distances are in bits; item i of row r is
 *     base + (r / row_per) * row_step + (r % row_per) * row_stride + (i / per) * step + (i % per) * stride
 * bits from the tensor's beginning. row_per and per 0: never reached. */
struct packed_place {
	uint64_t base;
	uint64_t row_per, row_step, row_stride;
	const uint8_t *row_order; /* [row_per], stands for r % row_per; NULL: as it is */
	uint64_t per, step, stride;
	bool flat;           /* items are counted through the whole matrix: r is 0, i begins where the row does */
	uint64_t word_step;  /* the bits are those of words of 32 that lie so many apart; 0: one after the other */
	unsigned width;      /* of an item: up to 8, which need not begin with a byte, or whole bytes */
	unsigned flip;       /* exclusive or of the place: 4 for the high half of a byte first */
};

/* How many of a row's columns share an item. */
enum packed_spread {
	PACKED_EACH,  /* none: each has its own */
	PACKED_COLS,  /* `group` neighbours */
	PACKED_FLAT,  /* `group` neighbours, counted through the whole matrix */
	PACKED_LIST,  /* those that the part's tensor `list` gives the same number */
};

struct packed_plane {
	struct fmt_plane is;
	unsigned tensor;         /* which of the part's its items are in */
	struct packed_place at;
	enum packed_spread spread;
	uint64_t group;
	uint64_t n_items;        /* of PACKED_LIST: numbers are below */
	const uint16_t *values;  /* [2^width] BF16 that codes stand for; NULL: see values_in */
	unsigned values_in;      /* the part's tensor with what codes stand for, in is.type; 0: items are there as they are */
	bool constant;           /* the part's `number` is the item of all */
};

/* What blocks of NVFP4 have beside them. */
enum { PACKED_SCALE, PACKED_INPUT_SCALE, PACKED_BESIDE };

/* How a matrix is stored. */
struct packed {
	uint64_t rows, cols;
	uint64_t n_bytes;      /* of all its tensors */
	unsigned bits;         /* of a code */
	uint64_t group;        /* columns that share a scale; 0: all */
	unsigned list;         /* the part's tensor with the group of each column; 0: there is none */
	enum fmt_type block;   /* planes 0 and 1 are codes and scales of such blocks (MXFP4, NVFP4), and what is read are these;
	                          FMT_F32: no */
	unsigned beside[PACKED_BESIDE]; /* of blocks of NVFP4: the part's tensors with a scale of the matrix and of its inputs, F32;
	                                   0: there is none */
	bool divides;          /* they are what is divided by */
	bool late;             /* the reference converter writes such matrices after all others */
	uint32_t n_planes;
	struct packed_plane planes[FMT_MAX_PLANES];
};

/* The tensors of one of the matrices that a tensor of the view consists of. */
struct packed_part {
	const struct packed *m;
	const struct fmt_tensor *tensors[PACKED_MAX_TENSORS];
	float number;
};

/* Integers and other codes as BF16, which has them exactly. Codes that stand for themselves from n on: numbers + 128 + n. */
struct packed_tables {
	uint16_t numbers[128 + 257]; /* -128 .. 256 */
	uint16_t bytes[256];         /* of two's complement */
	uint16_t e2m1[16];
};

void packed_tables_init(struct packed_tables *t);

/* What a scheme is asked: how one matrix is stored. */
struct packed_search {
	const struct fmt_model *weights;
	const struct json *settings;  /* "quantization_config"; NULL: there is none */
	const struct packed_tables *tables;
	const char *module;           /* "model.layers.0.mlp.up_proj" */
	const char *base_prefix;      /* that names may lack; NULL: none */
	uint64_t rows, cols;          /* as config.json asks for */
	bool blocks;                  /* rows are read as they are, so they may be of blocks */
	bool keep_nvfp4;              /* those of NVFP4 too, which have a scale beside them then */
	bool *used;                   /* [n_tensors] */
	struct packed *m;             /* to fill in, zeroed */
	struct packed_part *part;
	struct fmt_err *err;
};

enum packed_found { PACKED_NOT, PACKED_FOUND, PACKED_FAILED };

struct packed_scheme {
	const char *method;
	enum packed_found (*find)(struct packed_search *s); /* PACKED_NOT: stored as it is */
};

/* packed_find.c: the scheme of a config.json, or of ModelOpt's hf_quant_config.json (NULL: there is none). *scheme is NULL where it names none.
 * returns false with *err set, which names the method: none that is known */
bool packed_scheme_choose(const struct json *config, const struct json *modelopt, const struct packed_scheme **scheme,
                          const struct json **settings, struct fmt_err *err);

/* By the scheme (NULL: none), or as FP8, which any may have beside it. */
enum packed_found packed_find(const struct packed_scheme *scheme, struct packed_search *s);

/* Rows row .. row + n_rows - 1 of a plane: one item per element; of blocks, these.
 * returns false with *err set: reading failed, a column's group is out of range, a scale that blocks cannot have */
bool packed_read(const struct fmt_model *weights, const struct packed_part *part, uint32_t plane, uint64_t row, uint64_t n_rows,
                 uint8_t *dst, struct fmt_err *err);

/* Of plane 0, or of the blocks. */
static inline enum fmt_type packed_type(const struct packed *m)
{
	return m->block != FMT_F32 ? m->block : m->planes[0].is.type;
}

/* Whether what is read of both is joined in one way. */
bool packed_same(const struct packed *a, const struct packed *b);

/* For the schemes. A tensor is found by what follows the module's name (".qweight"), marked as used and put into the part at
 * `at`; NULL if there is none. packed_need: that is an error. */
const struct fmt_tensor *packed_take(struct packed_search *s, unsigned at, const char *end);
const struct fmt_tensor *packed_need(struct packed_search *s, unsigned at, const char *end);
/* The same, not taken. */
const struct fmt_tensor *packed_look(const struct packed_search *s, const char *end);

/* false with *err set, which names the tensor and its file. */
bool packed_fail(struct packed_search *s, enum fmt_code code, const struct fmt_tensor *t, const char *format, ...)
	FMT_PRINTF(4, 5);
/* The shape must be [a, b], or [a] where b is 0. */
bool packed_shape(struct packed_search *s, const struct fmt_tensor *t, uint64_t a, uint64_t b);
/* The type must be a float of 16 or 32 bits. */
bool packed_floats(struct packed_search *s, const struct fmt_tensor *t);
bool packed_words(struct packed_search *s, const struct fmt_tensor *t); /* of 32 bits */

/* The next plane, of which everything else is zero. */
struct packed_plane *packed_plane(struct packed_search *s, unsigned tensor, enum fmt_type type, enum fmt_join join);
/* Items as wide as the tensor's type, one after the other, `n` of them a row. */
struct packed_place packed_dense(const struct fmt_tensor *t, uint64_t n);
/* Items of `width` bits, the rows of which are `row_bits` apart. */
struct packed_place packed_bits(unsigned width, uint64_t row_bits);

/* A plane of scales (or zero points): one for all, one per row, per row and `group` columns, or per block of block_rows by
 * `group`, whichever the tensor's shape says. block_rows 0: only those before. false with *err set: none of them. */
bool packed_grid(struct packed_search *s, struct packed_plane *p, uint64_t block_rows, uint64_t group);

/* The same where groups are those that the settings name by `key`, and blocks of rows are none. Sets s->m->group. */
bool packed_shared(struct packed_search *s, struct packed_plane *p, const char *key);

/* A whole number of the settings. absent, null, -1: 0. false with *err set where it is none. */
bool packed_setting(struct packed_search *s, const struct json *from, const char *key, uint64_t *out);

#define PACKED_MAX_NUMBERS 16

/* All numbers that the settings have for a key, in them or in objects inside (a group of modules, a module): which of them
 * holds for a matrix is seen from the shapes of its tensors. Distinct; 0 stands for null, -1 and what is no number.
 * out      [PACKED_MAX_NUMBERS]
 * returns how many */
size_t packed_numbers(const struct packed_search *s, const char *key, uint64_t *out);

/* The size of groups of which a row has n: that of packed_numbers by which it has. 0 and an absent key: one group.
 * false with *err set, which names t: none is so, or several are */
bool packed_group(struct packed_search *s, const struct fmt_tensor *t, const char *key, uint64_t n, uint64_t *group);

static inline uint64_t packed_parts(uint64_t n, uint64_t of)
{
	return of ? n / of + (n % of != 0) : 1;
}

/* packed_gptq.c: the same with zero points stored less one or as they are, whatever the settings say. */
enum packed_found packed_gptq_find(struct packed_search *s, bool less_one);

extern const struct packed_scheme packed_autoround, packed_awq, packed_bitnet, packed_bnb, packed_compressed, packed_fp8, packed_gptq,
                                  packed_hqq, packed_metal, packed_mlx, packed_modelopt;

/* How either maker names the tensors of NVFP4. over: the scale of the whole matrix (F32), by which those of groups are multiplied
 * or divided; inputs: that of its inputs, which need not be there. */
struct packed_nvfp4_names {
	const char *codes, *over, *inputs;
	enum fmt_join join;
};

/* packed_nvfp4.c */
enum packed_found packed_nvfp4(struct packed_search *s, const struct packed_nvfp4_names *names);

#endif
